#include "signing.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "key.h"

struct asked {
	const struct keeper	*keeper;
	const struct job	*job;		/* NULL: about an account */
	struct span		 payload;
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

/* newOrder: the certificate's own names. */
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
	return n > 0;
}

/* finalize: the request that the keeper has made for this order. */
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

static bool
is_revocation(const struct asked *a)
{
	return a->keeper->setup.command == CMD_REVOKE;
}

/* keyChange: around what the keeper has signed with the new key. */
static bool
is_own_change(const struct asked *a)
{
	struct buf text;
	bool known;

	if (!is_account_action(a, ACME_ROLLOVER))
		return false;
	buf_init(&text, ACME_BODY_MAX);
	buf_put(&text, a->payload);
	known = buf_ok(&text) && strs_has(&a->keeper->changes, buf_cstr(&text));
	buf_clear(&text);
	return known;
}

static bool
is_deactivation(const struct asked *a)
{
	return is_account_action(a, ACME_DEACTIVATE) || is_account_action(a, ACME_DROP_AUTHZ);
}

/* RFC 8555, and RFC 9773 section 5 for replaces; what is not here is never signed. */
static const struct {
	const char	*member;
	is_fit		*is_fit;
} members[] = {
	{ "identifiers", are_own_names },
	{ "replaces", is_always_fit },
	{ "profile", is_always_fit },
	{ "csr", is_own_request },
	{ "contact", is_always_fit },
	{ "termsOfServiceAgreed", is_always_fit },
	{ "onlyReturnExisting", is_always_fit },
	{ "externalAccountBinding", is_always_fit },
	{ "status", is_deactivation },
	{ "certificate", is_revocation },
	{ "reason", is_revocation },
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

int
signing_allows(const struct keeper *k, const struct job *j, struct span payload, struct err *e)
{
	struct asked a = { .keeper = k, .job = j, .payload = payload };
	struct json_doc *doc;
	const char *key = NULL;
	int rc;

	if (payload.n == 0)	/* POST-as-GET */
		return 0;
	if ((doc = json_parse(payload, e)) == NULL)
		return err_in(e, "sign");
	rc = json_is_object(json_root(doc), "sign", e);
	while (rc == 0 && (key = json_next_key(json_root(doc), key)) != NULL)
		rc = judge_member(&a, json_root(doc), key, e);
	json_free(doc);
	if (rc == -1)
		e->class = OUT_RETRY;
	return rc;
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
