/*
 * api_order: RFC 8555 section 7.4: orders, from the wish to the certificate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "responder/api.h"



static int
nomem(struct call *c)
{
	return problem_set(&c->problem, 500, "serverInternal", "out of memory");
}

/* --- showing an order --- */

static void
put_ident(struct json_out *j, const char *key, const struct ident *n, bool star, bool upper)
{
	char text[HOST_MAX + 3];

	snprintf(text, sizeof(text), "%s%s", n->wildcard && star ? "*." : "", n->value);
	for (char *p = text; upper && *p != '\0'; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
	json_put_object(j, key);
	json_put_str(j, "type", n->type == IDENT_IP ? "ip" : "dns");
	json_put_str(j, "value", text);
	json_object_end(j);
}

static void
put_subproblems(struct json_out *j, const struct order *o)
{
	json_put_object(j, "error");
	json_put_str(j, "type", "urn:ietf:params:acme:error:compound");
	json_put_str(j, "detail", "errors during validation");
	json_put_int(j, "status", 403);
	json_put_array(j, "subproblems");
	for (size_t i = 0; i < o->nauthz; i++) {
		json_put_object(j, NULL);
		json_put_str(j, "type", "urn:ietf:params:acme:error:caa");
		json_put_str(j, "detail", "CAA forbids this\033[31m issuance");
		put_ident(j, "identifier", &o->authz[i]->ident, true, false);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

/* The status that is shown, which a fault may have bent. */
static const char *
shown_status(struct order *o, enum status status, const struct fault *f)
{
	if (f == NULL)
		return status_word(status);
	if (f->kind == OBJECT_STATUS)
		return f->text;
	if (f->kind == OBJECT_SUBPROBLEMS)
		return "invalid";
	if (f->kind == OBJECT_BACKWARDS)
		return o->shown++ % 2 == 0 ? "processing" : "pending";
	return status_word(status);
}

static void
put_names(struct json_out *j, const struct order *o, const struct fault *f)
{
	bool odd = f != NULL && f->kind == OBJECT_UPPER_CASE;

	json_put_array(j, "identifiers");
	for (size_t i = 0; i < o->nauthz; i++)
		put_ident(j, NULL, &o->authz[odd ? o->nauthz - 1 - i : i]->ident, true, odd);
	json_array_end(j);
}

static int
order_reply(struct call *c, int status, struct order *o)
{
	const struct fault *f = fault_pick(c->r->faults, AT_ORDER, c->req->path);
	enum status now = order_status(o, c->now);
	bool twice = f != NULL && f->kind == OBJECT_TWICE;
	char text[TIME_TEXT];
	struct json_out j;
	struct buf b;

	buf_init(&b, HTTP_BODY_MAX);
	json_begin(&j, &b);
	json_put_object(&j, NULL);
	json_put_str(&j, "status", shown_status(o, now, f));
	json_put_str(&j, "expires", text_time(o->expires, text));
	put_names(&j, o, f);
	if (o->profile != NULL)
		json_put_str(&j, "profile", o->profile);
	if (o->not_before != 0)
		json_put_str(&j, "notBefore", text_time(o->not_before, text));
	if (o->not_after != 0)
		json_put_str(&j, "notAfter", text_time(o->not_after, text));
	json_put_array(&j, "authorizations");
	for (size_t i = 0; i < o->nauthz * (1u + twice); i++)
		json_put_url(c, &j, NULL, "authz", o->authz[i % o->nauthz]->id, "");
	json_array_end(&j);
	json_put_url(c, &j, "finalize", "finalize", o->id, "");
	if (f != NULL && f->kind == OBJECT_SUBPROBLEMS)
		put_subproblems(&j, o);
	else if (o->problem != NULL)
		json_put_raw(&j, "error", span_str(o->problem));
	if (o->cert != NULL)
		json_put_url(c, &j, "certificate", "cert", o->cert->id, "");
	json_object_end(&j);
	call_location(c, "order", o->id);
	if (now == ST_PROCESSING)
		call_retry_after(c, c->r->o.processing_ms);
	return call_json(c, status, &b);
}

/* --- what is wished for --- */

struct wish {
	struct ident	 idents[IDENTS_MAX];
	size_t		 n;
	const char	*profile;
	const char	*replaces;
	int64_t		 not_before, not_after;
	char		*set;		/* all names in order, for the limit of a name set */
};

static void
wish_clear(struct wish *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->idents[i].value);
	free(w->set);
}

static int
add_ident(struct call *c, struct wish *w, const struct json *o)
{
	const char *type, *value;
	struct ident ident;
	struct err e;

	if (json_is_object(o, "identifier", &e) == -1 ||
	    json_get_str(o, "identifier", "type", JSON_REQUIRED, &type, &e) == -1 ||
	    json_get_str(o, "identifier", "value", JSON_REQUIRED, &value, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (ident_read(type, value, &ident, &c->problem) == -1)
		return -1;
	if (strs_has(&c->r->o.blocked, ident.value)) {
		problem_set(&c->problem, 400, "rejectedIdentifier",
		    "the CA does not issue for %s", ident.value);
		free(ident.value);
		return -1;
	}
	for (size_t i = 0; i < w->n; i++)
		if (ident_same(&w->idents[i], &ident)) {
			free(ident.value);
			return 0;
		}
	w->idents[w->n++] = ident;
	return 0;
}

static int
compare_idents(const void *a, const void *b)
{
	const struct ident *x = a, *y = b;
	int order = strcmp(x->value, y->value);

	return order != 0 ? order : (int)x->wildcard - (int)y->wildcard;
}

static char *
name_set(const struct wish *w)
{
	struct ident sorted[IDENTS_MAX];
	struct buf b;
	char *text;

	memcpy(sorted, w->idents, w->n * sizeof(sorted[0]));
	qsort(sorted, w->n, sizeof(sorted[0]), compare_idents);
	buf_init(&b, IDENTS_MAX * (HOST_MAX + 4));
	for (size_t i = 0; i < w->n; i++)
		buf_printf(&b, "%s%s,", sorted[i].wildcard ? "*." : "", sorted[i].value);
	text = buf_ok(&b) ? span_dup(buf_span(&b)) : NULL;
	buf_clear(&b);
	return text;
}

static int
read_date(struct call *c, const struct json *o, const char *key, int64_t *out)
{
	const char *text;
	struct err e;

	if (json_get_str(o, "order", key, JSON_OPTIONAL, &text, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (text != NULL && text_rfc3339(span_str(text), out) == -1)
		return problem_set(&c->problem, 400, "malformed", "order: %s: want RFC 3339", key);
	return 0;
}

static int
read_profile(struct call *c, struct wish *w)
{
	const struct options *o = &c->r->o;

	if (w->profile == NULL)
		return 0;
	for (size_t i = 0; i < o->nprofiles; i++)
		if (strcmp(o->profiles[i].name, w->profile) == 0) {
			w->profile = o->profiles[i].name;
			return 0;
		}
	return problem_set(&c->problem, 400, "invalidProfile", "there is no profile %s",
	    w->profile);
}

static int
read_wish(struct call *c, struct wish *w)
{
	const struct json *o = call_object(c, "order"), *list;
	struct err e;

	if (o == NULL)
		return -1;
	if (json_get_array(o, "order", "identifiers", JSON_REQUIRED, &list, &e) == -1 ||
	    json_get_str(o, "order", "profile", JSON_OPTIONAL, &w->profile, &e) == -1 ||
	    json_get_str(o, "order", "replaces", JSON_OPTIONAL, &w->replaces, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (read_date(c, o, "notBefore", &w->not_before) == -1 ||
	    read_date(c, o, "notAfter", &w->not_after) == -1)
		return -1;
	if (w->not_before != 0 && w->not_after != 0 && w->not_after <= w->not_before)
		return problem_set(&c->problem, 400, "malformed",
		    "order: notAfter is not after notBefore");
	if (json_count(list) == 0 || json_count(list) > IDENTS_MAX)
		return problem_set(&c->problem, 400, "malformed",
		    "order: identifiers: want 1 to %d", IDENTS_MAX);
	for (size_t i = 0; i < json_count(list); i++)
		if (add_ident(c, w, json_at(list, i)) == -1)
			return -1;
	if ((w->set = name_set(w)) == NULL)
		return nomem(c);
	return read_profile(c, w);
}

/* --- the certificate that is replaced, RFC 9773 section 5 --- */

static bool
shares_name(const struct wish *w, const struct order *o)
{
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < o->nauthz; k++)
			if (ident_same(&w->idents[i], &o->authz[k]->ident))
				return true;
	return false;
}

static int
find_replaced(struct call *c, const struct wish *w, struct cert **out)
{
	*out = NULL;
	if (w->replaces == NULL)
		return 0;
	if ((*out = cert_by_ari(c->r, w->replaces)) == NULL)
		return problem_set(&c->problem, 404, "malformed",
		    "RFC 9773 section 5: replaces: there is no such certificate");
	if ((*out)->account != c->account)
		return problem_set(&c->problem, 403, "unauthorized",
		    "RFC 9773 section 5: replaces: the certificate is another account's");
	if (!shares_name(w, (*out)->order))
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 9773 section 5: replaces: the orders have no identifier in common");
	if ((*out)->replaced_by != NULL)
		return problem_set(&c->problem, 409, "alreadyReplaced",
		    "RFC 9773 section 5: the certificate has been replaced");
	return 0;
}

/* --- limits --- */

static int
limited(struct call *c, int64_t wait, const char *what)
{
	problem_set(&c->problem, 429, "rateLimited", "too many %s, retry after %jd seconds", what,
	    (intmax_t)wait);
	c->problem.retry_after = wait;
	return -1;
}

/* The last two labels; test names have no public suffixes of several. */
static const char *
registered_domain(const struct ident *n)
{
	const char *dot = strrchr(n->value, '.');

	while (n->type == IDENT_DNS && dot != NULL && dot > n->value && *--dot != '.')
		;
	return dot != NULL && *dot == '.' ? dot + 1 : n->value;
}

static int
check_limits(struct call *c, const struct wish *w)
{
	struct limits *l = c->r->limits;
	char id[ID_TEXT], key[HOST_MAX + ID_TEXT + 2];
	int64_t wait;

	state_id(c->r->state, c->account->id, id);
	if (!limits_allow(l, LIMIT_ORDERS, id, c->now, &wait))
		return limited(c, wait, "new orders");
	if (!limits_allow(l, LIMIT_NAME_SET, w->set, c->now, &wait))
		return limited(c, wait, "certificates for this exact set of names");
	for (size_t i = 0; i < w->n; i++) {
		snprintf(key, sizeof(key), "%s %s", id, w->idents[i].value);
		if (!limits_allow(l, LIMIT_PAUSE, key, c->now, &wait)) {
			problem_set(&c->problem, 429, "rateLimited",
			    "the account is paused for %s: visit https://kamcert.invalid/unpause",
			    w->idents[i].value);
			c->problem.link = "<https://kamcert.invalid/unpause>;rel=\"unpause\"";
			return -1;
		}
		if (!limits_allow(l, LIMIT_FAILURES, key, c->now, &wait))
			return limited(c, wait, "failed validations");
		if (!limits_allow(l, LIMIT_DOMAIN, registered_domain(&w->idents[i]), c->now, &wait))
			return limited(c, wait, "certificates for this registered domain");
	}
	return 0;
}

static void
count_issued(struct call *c, const struct order *o)
{
	struct wish w = { .n = o->nauthz };
	char *set;

	for (size_t i = 0; i < o->nauthz; i++)
		w.idents[i] = o->authz[i]->ident;
	if ((set = name_set(&w)) != NULL)
		limits_count(c->r->limits, LIMIT_NAME_SET, set, c->now);
	free(set);
	for (size_t i = 0; i < o->nauthz; i++)
		limits_count(c->r->limits, LIMIT_DOMAIN, registered_domain(&o->authz[i]->ident),
		    c->now);
}

/* --- new orders --- */

/* An authorization to be used again, if the dice say so: valid ones, and pending ones. */
static struct authz *
reuse(struct call *c, const struct ident *ident)
{
	struct authz *a = state_authz_find(c->r->state, c->account, ident);
	enum status s;
	uint8_t die;

	if (a == NULL || ((s = authz_status(a, c->now)) != ST_VALID && s != ST_PENDING))
		return NULL;
	if (a->asked_for)
		return a;
	if (random_bytes(&die, 1) == -1 || die * 100u / 256 >= c->r->o.authz_reuse)
		return NULL;
	return a;
}

static int
fill_order(struct call *c, struct order *o, const struct wish *w)
{
	if ((o->authz = calloc(w->n, sizeof(struct authz *))) == NULL)
		return -1;
	for (size_t i = 0; i < w->n; i++) {
		struct authz *a = reuse(c, &w->idents[i]);

		if (a == NULL)
			a = state_authz_new(c->r->state, c->account, &w->idents[i]);
		if (a == NULL)
			return -1;
		o->authz[o->nauthz++] = a;
	}
	o->profile = w->profile;
	o->not_before = w->not_before;
	o->not_after = w->not_after;
	return 0;
}

int
api_order_new(struct call *c)
{
	struct wish *w = calloc(1, sizeof(*w));
	struct cert *replaced;
	struct order *o;
	char id[ID_TEXT];
	int rc = -1;

	if (w == NULL)
		return nomem(c);
	/* What replaces a certificate is a renewal, and exempt from all limits. */
	if (read_wish(c, w) == -1 || find_replaced(c, w, &replaced) == -1 ||
	    (replaced == NULL && check_limits(c, w) == -1))
		goto out;
	if ((o = state_order_new(c->r->state, c->account)) == NULL || fill_order(c, o, w) == -1) {
		if (o != NULL)
			o->status = ST_INVALID;
		nomem(c);
		goto out;
	}
	o->replaces = replaced;
	limits_count(c->r->limits, LIMIT_ORDERS, state_id(c->r->state, c->account->id, id), c->now);
	rc = order_reply(c, 201, o);
out:
	wish_clear(w);
	free(w);
	return rc;
}

static struct order *
own_order(struct call *c)
{
	struct order *o = state_order_at(c->r->state, c->id);

	if (o == NULL)
		problem_set(&c->problem, 404, "malformed", "there is no such order");
	else if (o->account != c->account)
		problem_set(&c->problem, 403, "unauthorized", "the order is another account's");
	else
		return o;
	return NULL;
}

int
api_order(struct call *c)
{
	struct order *o = own_order(c);

	if (o == NULL)
		return -1;
	if (call_want_get(c) == -1)
		return -1;
	return order_reply(c, 200, o);
}

/* --- finalizing --- */

static int
issue(struct call *c, struct order *o, EVP_PKEY *key)
{
	struct ca_ask ask = {
		.order = o, .key = key, .now = c->now,
		.fault = fault_pick(c->r->faults, AT_ISSUE, c->req->path),
	};
	struct cert *cert;
	struct err e;

	if (ask.fault != NULL && ask.fault->kind == ISSUE_SAME_AGAIN && c->r->last != NULL) {
		o->cert = c->r->last;
		return 0;
	}
	if ((cert = ca_issue(c->r->ca, &ask, &e)) == NULL)
		return problem_set(&c->problem, 500, "serverInternal", "%s", e.text);
	if (state_cert_add(c->r->state, cert) == -1) {
		free(cert);
		return nomem(c);
	}
	cert->order = o;
	o->cert = c->r->last = cert;
	if (o->replaces != NULL && o->replaces->replaced_by == NULL)
		o->replaces->replaced_by = cert;
	if (o->replaces == NULL)
		count_issued(c, o);
	return 0;
}

/* The end of an artificial delay: what is issued is there already. */
static void
on_processed(void *arg)
{
	struct order *o = arg;

	o->status = ST_VALID;
}

static void
process(struct call *c, struct order *o)
{
	struct err e;

	o->status = ST_VALID;
	if (c->r->o.processing_ms != 0 && loop_timer_add(c->r->loop,
	    clock_boot_ms() + c->r->o.processing_ms, on_processed, o, &e) != NULL)
		o->status = ST_PROCESSING;
}

int
api_finalize(struct call *c)
{
	struct order *o = own_order(c);
	const struct json *body;
	const char *text;
	struct csr csr;
	struct buf der;
	struct err e;
	int rc = -1;

	if (o == NULL || (body = call_object(c, "finalize")) == NULL)
		return -1;
	if (order_status(o, c->now) != ST_READY)
		return problem_set(&c->problem, 403, "orderNotReady",
		    "RFC 8555 section 7.4: the order is %s", status_word(o->status));
	if (json_get_str(body, "finalize", "csr", JSON_REQUIRED, &text, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	buf_init(&der, HTTP_BODY_MAX);
	if (base64url_decode(span_str(text), &der) == -1)
		problem_set(&c->problem, 400, "badCSR",
		    "finalize: csr: RFC 8555 section 7.4: no base64url");
	else if (csr_check(buf_span(&der), o, &csr, &c->problem) == 0) {
		rc = issue(c, o, csr.key);
		csr_clear(&csr);
	}
	buf_clear(&der);
	if (rc == -1)
		return -1;
	process(c, o);
	return order_reply(c, 200, o);
}
