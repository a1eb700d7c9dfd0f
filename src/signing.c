#include "signing.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "errand.h"
#include "key.h"

/* Repetitions after badNonce, a new order where an authorization is lost (FAULTS A02, A33, A43). */
#define NEW_ORDERS_MAX	16

struct asked {
	const struct keeper	*keeper;
	struct job		*job;		/* NULL: about an account */
	const struct account	*account;
	const struct acme_sign	*what;
	const struct json	*value;		/* of the member that is looked at */
};

/* Judges a member of the payload. */
typedef bool is_fit(const struct asked *);

static bool
is_always_fit(const struct asked *a UNUSED)
{
	return true;
}

static bool
is_account_action(const struct asked *a, int64_t action)
{
	return a->job == NULL && a->keeper->setup.command == CMD_ACCOUNT &&
	    a->keeper->setup.action == action;
}

static bool
is_text(const struct json *value, const char *want)
{
	const char *text = json_str(value);

	return text != NULL && want != NULL && strcmp(text, want) == 0;
}

/* --- newOrder --- */

/* The certificate's own names; and no more orders than the budget knows of (FAULTS V8). */
static bool
are_own_names(const struct asked *a)
{
	size_t i, n = json_count(a->value);
	const char *name;

	if (a->job == NULL || json_kind(a->value) != JSON_KIND_ARRAY)
		return false;
	for (i = 0; i < n; i++) {
		name = json_kind(json_at(a->value, i)) == JSON_KIND_OBJECT ?
		    json_str(json_member(json_at(a->value, i), "value")) : NULL;
		if (name == NULL || !strs_has(&a->job->conf->names, name))
			return false;
	}
	return n > 0 && a->job->signed_orders++ < NEW_ORDERS_MAX;
}

static bool
is_own_profile(const struct asked *a)
{
	return a->job != NULL && is_text(a->value, a->job->conf->profile);
}

/* Of a pair, either (RFC 9773 section 5). */
static bool
is_own_predecessor(const struct asked *a)
{
	const struct manifest *m = a->job != NULL ? &a->job->state.active : NULL;

	for (size_t i = 0; m != NULL && i < m->leaves.n; i++)
		if (is_text(a->value, manifest_leaf(m, i)->ari_id))
			return true;
	return false;
}

/* --- finalize --- */

/* The request that the keeper has made for this order. */
static bool
is_own_request(const struct asked *a)
{
	const char *text = json_str(a->value);
	struct buf der;
	bool same;

	if (a->job == NULL || a->job->request.n == 0 || text == NULL)
		return false;
	buf_init(&der, KEY_CSR_MAX);
	same = base64url_decode(span_str(text), &der) == 0 && der.n == a->job->request.n &&
	    memcmp(der.p, a->job->request.p, der.n) == 0;
	buf_clear(&der);
	return same;
}

/* --- revokeCert --- */

static bool
is_own_certificate(const struct asked *a)
{
	const char *text = json_str(a->value);
	struct buf der;
	bool same;

	if (a->job != NULL || a->keeper->setup.command != CMD_REVOKE || text == NULL)
		return false;
	buf_init(&der, CHAIN_MAX);
	same = base64url_decode(span_str(text), &der) == 0 &&
	    span_eq(buf_span(&der), errands_revoke(a->keeper));
	buf_clear(&der);
	return same;
}

static bool
is_own_reason(const struct asked *a)
{
	return a->job == NULL && a->keeper->setup.command == CMD_REVOKE &&
	    json_kind(a->value) == JSON_KIND_NUMBER &&
	    json_number(a->value) == a->keeper->setup.reason;
}

/* --- the account --- */

static bool
are_own_contacts(const struct asked *a)
{
	const struct strs *own = &account_ca(a->account)->contact;
	size_t i, n = json_count(a->value);
	const char *text;

	if (a->job != NULL || json_kind(a->value) != JSON_KIND_ARRAY || n != own->n)
		return false;
	for (i = 0; i < n; i++)
		if ((text = json_str(json_at(a->value, i))) == NULL || !strs_has(own, text))
			return false;
	return true;
}

static bool
is_agreed(const struct asked *a)
{
	return a->job == NULL && account_ca(a->account)->agree_tos;
}

static bool
is_own_binding(const struct asked *a)
{
	return a->job == NULL && account_ca(a->account)->eab_kid != NULL;
}

/* keyChange, around what the keeper has signed with the new key. */
static bool
is_own_change(const struct asked *a)
{
	struct buf text;
	bool known;

	if (!is_account_action(a, ACME_ROLLOVER))
		return false;
	buf_init(&text, ACME_BODY_MAX);
	buf_put(&text, blob_span(&a->what->payload));
	known = buf_ok(&text) && strs_has(&a->keeper->changes, buf_cstr(&text));
	buf_clear(&text);
	return known;
}

/* Of the account, or of the authorization that the operator named: not of the one for the other. */
static bool
is_own_end(const struct asked *a)
{
	const char *url = is_account_action(a, ACME_DEACTIVATE) ? account_url(a->account) :
	    is_account_action(a, ACME_DROP_AUTHZ) ? a->keeper->setup.url : NULL;

	return url != NULL && strcmp(a->what->url, url) == 0 && is_text(a->value, "deactivated");
}

/* RFC 8555, and RFC 9773 section 5 for replaces; what is not here is never signed. */
static const struct {
	const char	*member;
	is_fit		*is_fit;
} members[] = {
	{ "identifiers", are_own_names },
	{ "replaces", is_own_predecessor },
	{ "profile", is_own_profile },
	{ "csr", is_own_request },
	{ "contact", are_own_contacts },
	{ "termsOfServiceAgreed", is_agreed },
	{ "onlyReturnExisting", is_always_fit },
	{ "externalAccountBinding", is_own_binding },
	{ "status", is_own_end },
	{ "certificate", is_own_certificate },
	{ "reason", is_own_reason },
	{ "protected", is_own_change },
	{ "payload", is_own_change },
	{ "signature", is_own_change },
};

static int
judge_member(struct asked *a, const struct json *object, const char *key, struct err *e)
{
	size_t i;

	a->value = json_member(object, key);
	for (i = 0; i < NITEMS(members); i++)
		if (strcmp(members[i].member, key) == 0)
			return members[i].is_fit(a) ? 0 : err_set(e, OUT_RETRY,
			    "sign: \"%s\" is not for this run", members[i].member);
	return err_set(e, OUT_RETRY, "sign: no request has a member of this name");
}

static int
judge_payload(struct asked *a, struct span payload, struct err *e)
{
	struct json_doc *doc;
	const char *key = NULL;
	int rc;

	if (payload.n == 0)	/* POST-as-GET */
		return 0;
	if ((doc = json_parse(payload, e)) == NULL)
		return err_in(e, "sign");
	rc = json_is_object(json_root(doc), "sign", e);
	while (rc == 0 && (key = json_next_key(json_root(doc), key)) != NULL)
		rc = judge_member(a, json_root(doc), key, e);
	json_free(doc);
	if (rc == -1)
		e->class = OUT_RETRY;
	return rc;
}

/* A second key is lent for one purpose only. */
static bool
is_key_for(const struct asked *a)
{
	switch ((enum acme_key)a->what->key) {
	case ACME_KEY_CERT:
		return a->job == NULL && a->keeper->setup.command == CMD_REVOKE &&
		    a->keeper->setup.by_cert_key;
	case ACME_KEY_NEW:
		return is_account_action(a, ACME_ROLLOVER);
	case ACME_KEY_KID:
	case ACME_KEY_JWK:
	case ACME_KEY_EAB:
		break;
	}
	return true;
}

int
signing_allows(const struct signing *s, const struct acme_sign *what, struct err *e)
{
	struct asked a = { .keeper = s->keeper, .job = s->job, .account = s->account,
	    .what = what };

	if (what->url == NULL || !is_key_for(&a))
		return err_set(e, OUT_RETRY, "sign: not for this run");
	/* bindings and inner requests have no payload of net's */
	if (what->key == ACME_KEY_EAB || what->key == ACME_KEY_NEW)
		return 0;
	return judge_payload(&a, blob_span(&what->payload), e);
}

int
signing_inner(struct keeper *k, struct span jws, struct err *e)
{
	char *text = span_dup(jws);
	int rc;

	if (text == NULL)
		return err_nomem(e);
	rc = strs_add(&k->changes, text) == -1 ? err_nomem(e) : 0;
	free(text);
	return rc;
}
