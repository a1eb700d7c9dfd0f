/*
 * api_authz: RFC 8555 section 7.5: authorizations and challenges.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "responder/api.h"

/* RFC 8555 section 8.4: a wildcard by DNS only. RFC 8738 section 7: an address never by DNS. */
static bool
offers(const struct authz *a, enum challenge_type t)
{
	bool dns = t == CHAL_DNS || t == CHAL_PERSIST;

	return a->ident.type == IDENT_IP ? !dns : !a->ident.wildcard || dns;
}

static enum status
challenge_status(const struct authz *a, enum challenge_type t)
{
	return a->tried == (int)t ? a->tried_status : ST_PENDING;
}

/* Tokens that no client may use (FAULTS A35). */
static void
put_bad_token(struct json_out *j, int kind)
{
	static const char *const rows[] = { "", "short", "../../../../etc/passwd",
	    "a/b/c/d/e/f/g/h/i/j/k/l",
		"aaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbb", "$(touch /tmp/x);`id`|cat<a>b&&cccccccccccc",
		"%2e%2e%2faaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL };
	char *text;

	if (kind < (int)NITEMS(rows) && rows[kind] != NULL) {
		json_put_str(j, "token", rows[kind]);
	} else if (kind == 7) {
		json_put_raw(j, "token", span_str("\"aaaaaaaaaaaaaaaaaaaaaaaa\\u0000bbbbbbbb\""));
	} else if ((text = calloc(1, 10001)) != NULL) {
		memset(text, 'a', 10000);
		json_put_str(j, "token", text);
		free(text);
	}
}

static void
put_challenge(struct call *c, struct json_out *j, const char *key, struct authz *a,
    enum challenge_type t, const struct fault *f)
{
	char token[TOKEN_TEXT], tail[32], text[TIME_TEXT];

	snprintf(tail, sizeof(tail), "/%s", challenge_word(t));
	json_put_object(j, key);
	json_put_str(j, "type", f != NULL && f->kind == OBJECT_UNKNOWN_TYPES ? "carrier-pigeon-01" :
	    challenge_word(t));
	json_put_url(c, j, "url", "challenge", a->id, tail);
	json_put_str(j, "status", status_word(challenge_status(a, t)));
	if (t == CHAL_PERSIST) {
		json_put_url(c, j, "accounturi", "account", a->account->id, "");
		json_put_array(j, "issuer-domain-names");
		json_put_str(j, NULL, VA_ISSUER);
		json_array_end(j);
	} else if (f != NULL && f->kind == OBJECT_TOKEN) {
		put_bad_token(j, f->number);
	} else if (state_token(c->r->state, a, t, token) == 0) {
		json_put_str(j, "token", token);
	}
	if (a->tried == (int)t && a->tried_status == ST_VALID)
		json_put_str(j, "validated", text_time(a->validated, text));
	if (a->tried == (int)t && a->problem != NULL)
		json_put_raw(j, "error", span_str(a->problem));
	json_object_end(j);
}

static void
put_challenges(struct call *c, struct json_out *j, struct authz *a, const struct fault *f)
{
	json_put_array(j, "challenges");
	for (int t = 0; t < CHALLENGES; t++) {
		if (f != NULL && f->kind == OBJECT_NO_CHALLENGES)
			break;
		/* Of a closed authorization, only what was tried is of interest. */
		if (offers(a, t) && (a->status == ST_PENDING || a->tried == t))
			put_challenge(c, j, NULL, a, t, f);
	}
	json_array_end(j);
}

static const char *
shown_status(struct authz *a, const struct fault *f)
{
	/*
	 * An authorization that is said to be valid is: an order that waits for
	 * ever is another fault.
	 */
	if (f != NULL && f->kind == OBJECT_STATUS && strcmp(f->text, "valid") == 0)
		a->status = ST_VALID;
	if (f != NULL && f->kind == OBJECT_STATUS)
		return f->text;
	if (f != NULL && f->kind == OBJECT_BACKWARDS)
		return a->shown++ % 2 == 0 ? "valid" : "pending";
	return status_word(a->status);
}

static int
authz_reply(struct call *c, int status, struct authz *a)
{
	const struct fault *f = fault_pick(c->r->faults, AT_AUTHZ, c->req->path);
	char text[TIME_TEXT];
	struct json_out j;
	struct buf b;

	(void)authz_status(a, c->now);
	buf_init(&b, HTTP_BODY_MAX);
	json_begin(&j, &b);
	json_put_object(&j, NULL);
	json_put_object(&j, "identifier");
	json_put_str(&j, "type", a->ident.type == IDENT_IP ? "ip" : "dns");
	json_put_str(&j, "value", a->ident.value);
	json_object_end(&j);
	json_put_str(&j, "status", shown_status(a, f));
	json_put_str(&j, "expires", text_time(f != NULL && f->kind == OBJECT_EXPIRED ?
	    c->now - DAY : a->expires, text));
	if (a->ident.wildcard || (f != NULL && f->kind == OBJECT_WILDCARD))
		json_put_bool(&j, "wildcard", true);
	put_challenges(c, &j, a, f);
	json_object_end(&j);
	if (a->status == ST_PENDING && a->tried_status == ST_PROCESSING && a->tried >= 0)
		call_retry_after(c, c->r->o.validation_delay_ms);
	if (status == 201)
		call_location(c, "authz", a->id);
	return call_json(c, status, &b);
}

static struct authz *
own_authz(struct call *c, const char *id)
{
	struct authz *a = state_authz_at(c->r->state, id);

	if (a == NULL)
		problem_set(&c->problem, 404, "malformed", "there is no such authorization");
	else if (a->account != c->account)
		problem_set(&c->problem, 403, "unauthorized",
		    "the authorization is another account's");
	else
		return a;
	return NULL;
}

/* RFC 8555 section 7.5.2. */
static int
deactivate(struct call *c, struct authz *a)
{
	const struct json *o = call_object(c, "authorization");
	const char *status;
	struct err e;

	if (o == NULL)
		return -1;
	if (json_get_str(o, "authorization", "status", JSON_REQUIRED, &status, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (strcmp(status, "deactivated") != 0)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.5.2: status: want deactivated, have %s", status);
	(void)authz_status(a, c->now);
	if (a->status != ST_PENDING && a->status != ST_VALID)
		return problem_set(&c->problem, 400, "malformed", "the authorization is %s",
		    status_word(a->status));
	a->status = ST_DEACTIVATED;
	return 0;
}

int
api_authz(struct call *c)
{
	struct authz *a = own_authz(c, c->id);

	if (a == NULL || (!call_is_get(c) && deactivate(c, a) == -1))
		return -1;
	return authz_reply(c, 200, a);
}

/* RFC 8555 section 7.4.1. */
int
api_authz_new(struct call *c)
{
	const struct json *o = call_object(c, "authorization"), *id;
	const char *type, *value;
	struct ident ident;
	struct authz *a;
	struct err e;

	if (o == NULL)
		return -1;
	if (json_get_object(o, "authorization", "identifier", JSON_REQUIRED, &id, &e) == -1 ||
	    json_get_str(id, "identifier", "type", JSON_REQUIRED, &type, &e) == -1 ||
	    json_get_str(id, "identifier", "value", JSON_REQUIRED, &value, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (ident_read(type, value, &ident, &c->problem) == -1)
		return -1;
	if (ident.wildcard)
		problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.4.1: no wildcards in pre-authorization");
	else if (strs_has(&c->r->o.blocked, ident.value))
		problem_set(&c->problem, 400, "rejectedIdentifier", "the CA does not issue for %s",
		    ident.value);
	a = c->problem.status != 0 ? NULL : state_authz_new(c->r->state, c->account, &ident);
	free(ident.value);
	if (a == NULL)
		return c->problem.status != 0 ? -1 :
		    problem_set(&c->problem, 500, "serverInternal", "out of memory");
	a->asked_for = true;
	return authz_reply(c, 201, a);
}

/* --- challenges, RFC 8555 section 7.5.1 --- */

struct attempt {
	struct responder	*r;
	struct authz		*authz;
	struct va_ask		 ask;
	char			 token[TOKEN_TEXT];
	char			 thumb[TOKEN_TEXT];
	char			 account[HOST_MAX + 64];
};

static void
count_outcome(struct responder *r, const struct authz *a, bool good)
{
	char id[ID_TEXT], key[HOST_MAX + ID_TEXT + 2];

	snprintf(key, sizeof(key), "%s %s", state_id(r->state, a->account->id, id), a->ident.value);
	if (good) {
		limits_forget(r->limits, LIMIT_PAUSE, key);
		return;
	}
	limits_count(r->limits, LIMIT_FAILURES, key, clock_wall());
	limits_count(r->limits, LIMIT_PAUSE, key, clock_wall());
}

static void
on_validated(void *arg, const struct problem *p)
{
	struct attempt *t = arg;
	struct authz *a = t->authz;
	struct json_out j;
	struct buf b;

	count_outcome(t->r, a, p == NULL);
	a->tried_status = p == NULL ? ST_VALID : ST_INVALID;
	a->validated = clock_wall();
	/* It may have been deactivated meanwhile. */
	if (a->status == ST_PENDING)
		a->status = a->tried_status;
	if (p != NULL) {
		buf_init(&b, 4096);
		json_begin(&j, &b);
		problem_json(p, &j, NULL);
		free(a->problem);
		a->problem = span_dup(buf_span(&b));
		buf_clear(&b);
	}
	log_info(KV_S("name", a->ident.value), KV_S("challenge", challenge_word(a->tried)),
	    KV_S("outcome", p == NULL ? "valid" : p->type),
	    KV_S("detail", p == NULL ? "" : p->detail));
	free(t);
}

static void
on_delay_over(void *arg)
{
	struct attempt *t = arg;
	struct problem p;
	struct err e;

	if (va_begin(t->r->va, &t->ask, on_validated, t, &e) == 0)
		return;
	problem_set(&p, 500, "serverInternal", "%s", e.text);
	on_validated(t, &p);
}

static void
thumb_text(const struct account *a, char out[TOKEN_TEXT])
{
	struct buf b;

	buf_init(&b, TOKEN_TEXT);
	buf_base64url(&b, span_of(a->thumb, SHA256_LEN));
	snprintf(out, TOKEN_TEXT, "%s", buf_cstr(&b));
	buf_clear(&b);
}

static int
begin(struct call *c, struct authz *a, enum challenge_type type)
{
	struct attempt *t = calloc(1, sizeof(*t));
	struct err e;

	if (t == NULL || state_token(c->r->state, a, type, t->token) == -1) {
		free(t);
		return problem_set(&c->problem, 500, "serverInternal", "out of memory");
	}
	t->r = c->r;
	t->authz = a;
	thumb_text(a->account, t->thumb);
	snprintf(t->account, sizeof(t->account), "%s", c->jws.kid);
	t->ask = (struct va_ask){ type, &a->ident, t->token, t->thumb, t->account };
	a->tried = (int8_t)type;
	a->tried_status = ST_PROCESSING;
	if (loop_timer_add(c->r->loop, clock_boot_ms() + c->r->o.validation_delay_ms, on_delay_over,
	    t, &e) == NULL) {
		free(t);
		a->tried = -1;
		return problem_set(&c->problem, 500, "serverInternal", "%s", e.text);
	}
	return 0;
}

/* The id is that of the authorization and the type, with a slash between. */
static struct authz *
find_challenge(struct call *c, enum challenge_type *type)
{
	const char *slash = strchr(c->id, '/');
	char id[ID_TEXT];
	struct authz *a;

	if (slash != NULL && slash - c->id < ID_TEXT) {
		snprintf(id, sizeof(id), "%.*s", (int)(slash - c->id), c->id);
		if ((a = own_authz(c, id)) == NULL)
			return NULL;
		for (int t = 0; t < CHALLENGES; t++)
			if (strcmp(slash + 1, challenge_word(t)) == 0 && offers(a, t)) {
				*type = t;
				return a;
			}
	}
	problem_set(&c->problem, 404, "malformed", "there is no such challenge");
	return NULL;
}

static int
respond(struct call *c, struct authz *a, enum challenge_type type)
{
	if (call_object(c, "challenge") == NULL)
		return -1;
	/* Again while it is looked at, or after it was: the answer is the state that it has. */
	if (a->tried == (int)type)
		return 0;
	if (authz_status(a, c->now) != ST_PENDING || a->tried >= 0)
		return problem_set(&c->problem, 400, "malformed", "the authorization is %s",
		    a->tried >= 0 && a->status == ST_PENDING ? "being validated" :
		    status_word(a->status));
	return begin(c, a, type);
}

int
api_challenge(struct call *c)
{
	enum challenge_type type = CHAL_HTTP;
	struct authz *a = find_challenge(c, &type);
	struct json_out j;
	struct buf b;

	if (a == NULL || (!call_is_get(c) && respond(c, a, type) == -1))
		return -1;
	buf_init(&b, 32 * 1024);
	json_begin(&j, &b);
	put_challenge(c, &j, NULL, a, type, NULL);
	reply_header(c->reply, "Link", "<%s/authz/%.*s>;rel=\"up\"", c->base,
	    (int)strcspn(c->id, "/"), c->id);
	if (challenge_status(a, type) == ST_PROCESSING)
		call_retry_after(c, c->r->o.validation_delay_ms);
	return call_json(c, 200, &b);
}
