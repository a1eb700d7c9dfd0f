/*
 * authz: the authorizations of an order (RFC 8555 section 7.5): which are
 * needed, which challenge is met, and why one failed.
 *
 * All are fetched, then all challenges are put up, then all are answered, so
 * that the CA checks them side by side.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define OFFERED_MAX	300	/* octets of a list of types, for people */

static const struct acme_step step_solve, step_answer, step_recheck;

static struct acme_authz *
authz_at(struct acme_task *t)
{
	struct acme_authz *a = t->order.authz.v;

	return t->order.at < t->order.authz.n ? &a[t->order.at] : NULL;
}

/* --- reading one --- */

struct authz_object {
	const char		*status;
	const char		*value;		/* of the identifier */
	bool			 wildcard;
	const struct json	*challenges;
};

static int
read_authz(const struct json *o, struct authz_object *out, struct err *e)
{
	static const char where[] = "authorization";
	const struct json *id;

	if (json_get_str(o, where, "status", JSON_REQUIRED, &out->status, e) == -1 ||
	    json_get_object(o, where, "identifier", JSON_REQUIRED, &id, e) == -1 ||
	    json_get_str(id, "authorization: identifier", "value", JSON_REQUIRED, &out->value,
	    e) == -1 ||
	    json_get_bool(o, where, "wildcard", JSON_OPTIONAL, &out->wildcard, e) == -1)
		return -1;
	return json_get_array(o, where, "challenges", JSON_REQUIRED, &out->challenges, e);
}

/* The job's name that it is for. Nothing is put up for a name that was not asked for. */
static const char *
name_of(const struct acme_task *t, const struct authz_object *o)
{
	const char *name, *plain = NULL, *wild = NULL;

	for (size_t i = 0; i < t->job.names.n; i++) {
		name = t->job.names.v[i];
		if (acme_same_name(name, o->value))
			plain = name;
		else if (strncmp(name, "*.", 2) == 0 && acme_same_name(name + 2, o->value))
			wild = name;
	}
	/* Not every CA sets the flag: RFC 8555 section 7.1.4. */
	return o->wildcard || plain == NULL ? wild : plain;
}

/* --- choosing a challenge --- */

static int
set_token(const struct acme_task *t, const struct json *c, struct acme_challenge *out,
    struct err *e)
{
	const char *token;
	struct buf b;
	int rc;

	if (json_get_str(c, "challenge", "token", JSON_REQUIRED, &token, e) == -1)
		return -1;
	/* FAULTS S02: before anything else is done with it; it is not shown either. */
	if (!acme_is_base64url(token, TOKEN_MIN, TOKEN_MAX))
		return err_set(e, OUT_HOLD, "challenge %s: RFC 8555 section 8.3: token: want %d to "
		    "%d characters of base64url", out->type, TOKEN_MIN, TOKEN_MAX);
	buf_init(&b, 2 * TOKEN_MAX);
	buf_printf(&b, "%s.%s", token, t->job.thumbprint);	/* RFC 8555 section 8.1 */
	rc = buf_ok(&b) ? acme_set(&out->key_auth, buf_cstr(&b), e) : err_nomem(e);
	buf_clear(&b);
	return rc == -1 ? -1 : acme_set(&out->token, token, e);
}

/* draft-ietf-acme-dns-persist: no token, but the names that the CA goes by. */
static int
set_issuers(const struct json *c, struct acme_challenge *out, struct err *e)
{
	const struct json *list;
	const char *name;

	if (json_get_array(c, "challenge", "issuer-domain-names", JSON_REQUIRED, &list, e) == -1)
		return -1;
	for (size_t i = 0; i < json_count(list) && i < 10; i++) {
		if ((name = json_str(json_at(list, i))) == NULL)
			return err_set(e, OUT_HOLD, "challenge: issuer-domain-names: want strings");
		if (strs_add(&out->issuers, name) == -1)
			return err_nomem(e);
	}
	if (out->issuers.n == 0)
		return err_set(e, OUT_HOLD, "challenge: issuer-domain-names: want one at least");
	return 0;
}

static int
add_challenge(struct acme_task *t, const struct authz_object *o, const char *type,
    const struct json *c, struct err *e)
{
	struct acme_challenge *out = list_add(&t->order.solve, sizeof(*out));
	const char *name = authz_at(t)->name;

	if (out == NULL)
		return err_nomem(e);
	out->wildcard = o->wildcard || strncmp(name, "*.", 2) == 0;
	out->is_ip = acme_is_address(name);
	if (acme_set(&out->name, strncmp(name, "*.", 2) == 0 ? name + 2 : name, e) == -1 ||
	    acme_set(&out->type, type, e) == -1)
		return -1;
	if (strcmp(type, "dns-persist-01") == 0)
		return set_issuers(c, out, e);
	return set_token(t, c, out, e);
}

static int
use_challenge(struct acme_task *t, const struct authz_object *o, const char *type,
    const struct json *c, struct err *e)
{
	struct acme_authz *a = authz_at(t);
	const char *status;

	if (json_get_str(c, "challenge", "status", JSON_REQUIRED, &status, e) == -1)
		return -1;
	if (strcmp(status, "valid") == 0)
		return 0;
	if (strcmp(status, "invalid") == 0) {
		err_set(e, OUT_HOLD, "authorization of %s: its challenge %s has failed before",
		    a->name, type);
		return acme_order_anew(t, e);
	}
	/* One that the CA is at already is put up once more, but not answered again. */
	if (strcmp(status, "processing") != 0 &&
	    acme_get_url(t, c, "challenge", "url", &a->challenge, e) == -1)
		return -1;
	return add_challenge(t, o, type, c, e);
}

static const struct json *
find_challenge(const struct json *list, const char *type)
{
	const char *have;
	struct err ignored;

	for (size_t i = 0; i < json_count(list); i++)
		if (json_get_str(json_at(list, i), "challenge", "type", JSON_REQUIRED, &have,
		    &ignored) == 0 && strcmp(have, type) == 0)
			return json_at(list, i);
	return NULL;
}

/* FAULTS A34. */
static int
none_usable(const struct acme_task *t, const char *name, const struct json *list, struct err *e)
{
	const char *type;
	struct err ignored;
	struct buf b;

	buf_init(&b, OFFERED_MAX);
	for (size_t i = 0; i < json_count(list) && b.n + 80 < OFFERED_MAX; i++)
		if (json_get_str(json_at(list, i), "challenge", "type", JSON_REQUIRED, &type,
		    &ignored) == 0)
			buf_printf(&b, "%s%.64s", b.n > 0 ? ", " : "", type);
	err_set(e, OUT_HOLD, "authorization of %s: the CA offers %s, none of which is configured "
	    "(the first is %s)", name, b.n > 0 ? buf_cstr(&b) : "no challenge",
	    t->job.challenges.n > 0 ? t->job.challenges.v[0] : "none");
	buf_clear(&b);
	return err_hint(e, "add a `challenge` section of a type that the CA offers; wildcards need "
	    "dns-01");
}

static int
choose(struct acme_task *t, const struct authz_object *o, struct err *e)
{
	const struct json *c;
	const char *type;

	for (size_t i = 0; i < t->job.challenges.n; i++) {
		type = t->job.challenges.v[i];
		if ((c = find_challenge(o->challenges, type)) != NULL)
			return use_challenge(t, o, type, c, e);
	}
	return none_usable(t, authz_at(t)->name, o->challenges, e);
}

/* --- fetching all --- */

static int
begin_fetch(struct acme_task *t, struct err *e)
{
	const struct acme_authz *a = authz_at(t);

	if (a != NULL)
		return acme_post(t, a->url, SPAN_NONE, e);
	acme_go(t, t->order.solve.n > 0 ? &step_solve : &acme_step_csr);
	return 0;
}

static int
took_fetch(struct acme_task *t, const struct acme_answer *r, struct err *e)
{
	struct acme_authz *a = authz_at(t);
	struct authz_object o = { 0 };
	const char *name;

	if (read_authz(r->json, &o, e) == -1)
		return -1;
	if ((name = name_of(t, &o)) == NULL) {
		err_set(e, OUT_HOLD, "authorization: identifier: %s%.256s was not ordered",
		    o.wildcard ? "wildcard of " : "", o.value);
		return acme_order_anew(t, e);
	}
	if (acme_set(&a->name, name, e) == -1)
		return -1;
	acme_go(t, &acme_step_authz);
	if (strcmp(o.status, "valid") == 0) {
		a->valid = true;
	} else if (strcmp(o.status, "pending") != 0) {
		/* FAULTS A33. */
		err_set(e, OUT_HOLD, "authorization of %s: status: want pending or valid, have "
		    "%.64s", name, o.status);
		return acme_order_anew(t, e);
	} else if (choose(t, &o, e) == -1) {
		return -1;
	}
	/* Unless a new order has been begun, which starts at its first. */
	if (t->step == &acme_step_authz)
		t->order.at++;
	return 0;
}

const struct acme_step acme_step_authz = {
	.name = "authorization", .what = ACME_SEND, .turn = TURN_FETCH,
	.begin = begin_fetch, .took = took_fetch,
};

/* --- putting up, answering --- */

static int
begin_solve(struct acme_task *t, struct err *e UNUSED)
{
	acme_ask(t);
	return 0;
}

static int
took_solve(struct acme_task *t, const struct acme_answer *r UNUSED, struct err *e UNUSED)
{
	t->up = true;
	t->order.at = 0;
	acme_go(t, &step_answer);
	return 0;
}

static const struct acme_step step_solve = {
	.name = "challenge", .what = ACME_SOLVE, .begin = begin_solve, .took = took_solve,
};

static int
begin_answer(struct acme_task *t, struct err *e)
{
	const struct acme_authz *a;

	while ((a = authz_at(t)) != NULL && a->challenge == NULL)
		t->order.at++;
	if (a != NULL)
		return acme_post(t, a->challenge, span_str("{}"), e);
	acme_go(t, &acme_step_csr);
	return 0;
}

/* What becomes of it is seen at the order; here the object must only be one. */
static int
took_answer(struct acme_task *t, const struct acme_answer *r, struct err *e)
{
	const char *status;

	if (json_get_str(r->json, "challenge", "status", JSON_REQUIRED, &status, e) == -1)
		return -1;
	t->order.answered++;
	t->order.at++;
	acme_go(t, &step_answer);
	return 0;
}

/*
 * Orders of one account can share an authorization: another one may have had
 * it validated by now, and the CA then wants no more answers.
 */
static int
answer_refused(struct acme_task *t, const struct acme_refusal *r, struct err *e)
{
	if (r->status < 400 || e->class != OUT_HOLD || r->problem == PROBLEM_ACCOUNT ||
	    r->problem == PROBLEM_TERMS)
		return -1;
	t->order.refused = *e;
	acme_go(t, &step_recheck);
	return 0;
}

static const struct acme_step step_answer = {
	.name = "challenge", .what = ACME_SEND,
	.begin = begin_answer, .took = took_answer, .refused = answer_refused,
};

static int
begin_recheck(struct acme_task *t, struct err *e)
{
	return acme_post(t, authz_at(t)->url, SPAN_NONE, e);
}

static int
took_recheck(struct acme_task *t, const struct acme_answer *r, struct err *e)
{
	struct authz_object o = { 0 };

	if (read_authz(r->json, &o, e) == -1)
		return -1;
	if (strcmp(o.status, "valid") != 0) {
		*e = t->order.refused;
		return -1;
	}
	t->order.at++;
	acme_go(t, &step_answer);
	return 0;
}

static const struct acme_step step_recheck = {
	.name = "authorization", .what = ACME_SEND, .turn = TURN_FETCH,
	.begin = begin_recheck, .took = took_recheck,
};

/* --- why an order is invalid: FAULTS A32 --- */

static int
begin_diagnose(struct acme_task *t, struct err *e)
{
	const struct acme_authz *a;

	while ((a = authz_at(t)) != NULL && a->valid)
		t->order.at++;
	/* A full line shows no more, and what goes wrong after finalize is not theirs. */
	if (a == NULL || t->order.why.n >= ERR_TEXT_MAX || t->order.solve.n == 0 ||
	    t->order.finalized)
		return acme_order_fails(t, e);
	return acme_post(t, a->url, SPAN_NONE, e);
}

static void
add_reason(struct acme_task *t, const char *name, const struct json *challenge)
{
	const struct json *problem = NULL;
	const char *type;
	struct err ignored;

	if (t->order.why.n >= ERR_TEXT_MAX ||
	    json_get_object(challenge, "challenge", "error", JSON_OPTIONAL, &problem,
	    &ignored) == -1 || problem == NULL ||
	    json_get_str(challenge, "challenge", "type", JSON_REQUIRED, &type, &ignored) == -1)
		return;
	if (t->order.why.n > 0)
		buf_str(&t->order.why, "; ");
	buf_printf(&t->order.why, "%.256s: %.64s: ", name, type);
	acme_problem_text(problem, &t->order.why);
	t->order.reasons++;
	t->order.caa_reasons += acme_problem_is(problem, "caa");
	if (t->order.why_hint == NULL)
		t->order.why_hint = acme_problem_hint(problem);
}

static int
took_diagnose(struct acme_task *t, const struct acme_answer *r, struct err *e)
{
	struct authz_object o = { 0 };

	if (read_authz(r->json, &o, e) == -1)
		return acme_order_fails(t, e);
	for (size_t i = 0; i < json_count(o.challenges); i++)
		add_reason(t, o.value, json_at(o.challenges, i));
	t->order.at++;
	acme_go(t, &acme_step_diagnose);
	return 0;
}

/* The order has failed, whatever becomes of the question why. */
static int
diagnose_refused(struct acme_task *t, const struct acme_refusal *r UNUSED, struct err *e)
{
	return acme_order_fails(t, e);
}

const struct acme_step acme_step_diagnose = {
	.name = "authorization", .what = ACME_SEND, .turn = TURN_FETCH,
	.begin = begin_diagnose, .took = took_diagnose, .refused = diagnose_refused,
};
