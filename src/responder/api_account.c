/*
 * api_account: RFC 8555 section 7.3: accounts, external bindings, new keys,
 * and the lists of orders.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "responder/api.h"

#define CONTACTS_MAX 16

static int
nomem(struct call *c)
{
	return problem_set(&c->problem, 500, "serverInternal", "out of memory");
}

static int
account_reply(struct call *c, int status, const struct account *a)
{
	struct json_out j;
	struct buf b;

	buf_init(&b, 64 * 1024);
	json_begin(&j, &b);
	json_put_object(&j, NULL);
	json_put_str(&j, "status", status_word(a->status));
	json_put_raw(&j, "contact", span_str(a->contacts != NULL ? a->contacts : "[]"));
	if (a->agreed)
		json_put_bool(&j, "termsOfServiceAgreed", true);
	if (a->eab != NULL)
		json_put_raw(&j, "externalAccountBinding", span_str(a->eab));
	json_put_url(c, &j, "orders", "orders", a->id, "");
	json_object_end(&j);
	call_location(c, "account", a->id);
	return call_json(c, status, &b);
}

/* Visible ASCII, as URLs are (RFC 6068 section 2), around one @. */
static bool
is_mail_address(const char *text)
{
	const char *at = strchr(text, '@');

	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return at != NULL && at != text && at[1] != '\0' && strchr(at + 1, '@') == NULL;
}

/* RFC 8555 section 7.3: mailto with one address and no header fields. */
static int
check_contact(struct call *c, const char *url)
{
	if (url == NULL)
		return problem_set(&c->problem, 400, "malformed", "account: contact: want texts");
	if (strncmp(url, "mailto:", 7) != 0)
		return problem_set(&c->problem, 400, "unsupportedContact",
		    "RFC 8555 section 7.3: contact: want mailto, have %s", url);
	if (strchr(url, '?') != NULL || strchr(url, ',') != NULL)
		return problem_set(&c->problem, 400, "invalidContact",
		    "RFC 8555 section 7.3: contact: want one address without header fields");
	if (!is_mail_address(url + 7))
		return problem_set(&c->problem, 400, "invalidContact", "contact: no address: %s",
		    url);
	return 0;
}

/* *out stays NULL if there is no such member. */
static int
read_contacts(struct call *c, const struct json *o, char **out)
{
	const struct json *list;
	struct json_out j;
	struct buf b;
	struct err e;

	*out = NULL;
	if (json_get_array(o, "account", "contact", JSON_OPTIONAL, &list, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (list == NULL)
		return 0;
	if (json_count(list) > CONTACTS_MAX)
		return problem_set(&c->problem, 400, "invalidContact", "at most %d contacts",
		    CONTACTS_MAX);
	buf_init(&b, 16 * 1024);
	json_begin(&j, &b);
	json_put_array(&j, NULL);
	for (size_t i = 0; i < json_count(list); i++) {
		const char *url = json_str(json_at(list, i));

		if (check_contact(c, url) == -1) {
			buf_clear(&b);
			return -1;
		}
		json_put_str(&j, NULL, url);
	}
	json_array_end(&j);
	*out = span_dup(buf_span(&b));
	buf_clear(&b);
	return *out != NULL ? 0 : nomem(c);
}

/* --- external account binding, RFC 8555 section 7.3.4 --- */

static int
check_inner(struct call *c, struct jws *inner)
{
	uint8_t thumb[SHA256_LEN];
	struct blob *key;
	EVP_PKEY *jwk;

	if (inner->kid == NULL || inner->nonce != NULL || strcmp(inner->url, c->jws.url) != 0)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.3.4: externalAccountBinding: want kid, the same url, no "
		    "nonce");
	if (inner->body == NULL || jwk_read(json_root(inner->body), &jwk, thumb, &c->problem) == -1)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.3.4: externalAccountBinding: the payload is no key");
	EVP_PKEY_free(jwk);
	if (memcmp(thumb, c->jws.thumb, sizeof(thumb)) != 0)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.3.4: externalAccountBinding: the payload is another key");
	if ((key = map_get(&c->r->o.eab, span_str(inner->kid))) == NULL)
		return problem_set(&c->problem, 403, "unauthorized",
		    "RFC 8555 section 7.3.4: externalAccountBinding: unknown kid");
	return jws_verify_hmac(inner, blob_span(key), &c->problem);
}

static int
read_binding(struct call *c, const struct json *o, char **out)
{
	static const char *const keys[] = { "protected", "payload", "signature" };
	const struct json *eab;
	struct json_out j;
	const char *text;
	struct jws inner;
	struct buf b;
	struct err e;
	int rc;

	*out = NULL;
	if (json_get_object(o, "account", "externalAccountBinding", JSON_OPTIONAL, &eab, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (eab == NULL)
		return !c->r->o.eab_required ? 0 : problem_set(&c->problem, 403,
		    "externalAccountRequired",
		    "RFC 8555 section 7.3.4: accounts need an external account");
	jws_init(&inner);
	rc = jws_read_value(eab, &inner, &c->problem);
	if (rc == 0)
		rc = check_inner(c, &inner);
	jws_clear(&inner);
	if (rc == -1)
		return -1;
	buf_init(&b, 16 * 1024);
	json_begin(&j, &b);
	json_put_object(&j, NULL);
	for (size_t i = 0; i < NITEMS(keys); i++)
		if (json_get_str(eab, "", keys[i], JSON_REQUIRED, &text, &e) == 0)
			json_put_str(&j, keys[i], text);
	json_object_end(&j);
	*out = span_dup(buf_span(&b));
	buf_clear(&b);
	return *out != NULL ? 0 : nomem(c);
}

/* --- new, changed, closed --- */

/* Who asks, for the limit of accounts per address. */
static const char *
peer_text(const struct call *c, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_storage *a = &c->peer->addr;
	const void *at = a->ss_family == AF_INET6 ?
	    (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr :
	    (const void *)&((const struct sockaddr_in *)a)->sin_addr;

	return inet_ntop(a->ss_family, at, out, INET6_ADDRSTRLEN) != NULL ? out : "";
}

static int
create(struct call *c, const struct json *o, bool agreed)
{
	char *contacts = NULL, *eab = NULL, address[INET6_ADDRSTRLEN];
	struct account *a;
	int64_t wait;

	if (!agreed)
		return problem_set(&c->problem, 403, "userActionRequired",
		    "RFC 8555 section 7.3.3: the terms of service must be agreed to");
	if (!limits_allow(c->r->limits, LIMIT_ACCOUNTS, peer_text(c, address), c->now, &wait)) {
		problem_set(&c->problem, 429, "rateLimited", "too many new accounts from %s",
		    address);
		c->problem.retry_after = wait;
		return -1;
	}
	if (read_contacts(c, o, &contacts) == -1 || read_binding(c, o, &eab) == -1) {
		free(contacts);
		return -1;
	}
	if ((a = state_account_new(c->r->state, c->jws.jwk, c->jws.thumb)) == NULL) {
		free(contacts);
		free(eab);
		return nomem(c);
	}
	a->contacts = contacts;
	a->eab = eab;
	a->agreed = true;
	limits_count(c->r->limits, LIMIT_ACCOUNTS, address, c->now);
	return account_reply(c, 201, a);
}

int
api_account_new(struct call *c)
{
	const struct json *o = call_object(c, "account");
	bool existing = false, agreed = false;
	struct account *a;
	struct err e;

	if (o == NULL)
		return -1;
	if (json_get_bool(o, "account", "onlyReturnExisting", JSON_OPTIONAL, &existing, &e) == -1 ||
	    json_get_bool(o, "account", "termsOfServiceAgreed", JSON_OPTIONAL, &agreed, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if ((a = state_account_by_thumb(c->r->state, c->jws.thumb)) == NULL) {
		if (existing)
			return problem_set(&c->problem, 400, "accountDoesNotExist",
			    "RFC 8555 section 7.3.1: no account has this key");
		return create(c, o, agreed);
	}
	if (a->status != ST_VALID)
		return problem_set(&c->problem, 401, "unauthorized",
		    "RFC 8555 section 7.3.6: the account is %s", status_word(a->status));
	return account_reply(c, 200, a);
}

/* RFC 8555 sections 7.3.2 and 7.3.6. */
static int
update(struct call *c)
{
	const struct json *o = call_object(c, "account");
	const char *status;
	char *contacts;
	struct err e;

	if (o == NULL)
		return -1;
	if (json_get_str(o, "account", "status", JSON_OPTIONAL, &status, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (status != NULL && strcmp(status, "deactivated") != 0 && strcmp(status, "valid") != 0)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.3.6: status: want deactivated, have %s", status);
	if (read_contacts(c, o, &contacts) == -1)
		return -1;
	if (contacts != NULL) {
		free(c->account->contacts);
		c->account->contacts = contacts;
	}
	if (status != NULL && strcmp(status, "deactivated") == 0)
		c->account->status = ST_DEACTIVATED;
	return 0;
}

static int
is_own(struct call *c)
{
	if (state_account_at(c->r->state, c->id) == c->account)
		return 0;
	return problem_set(&c->problem, 403, "unauthorized", "this is another account");
}

int
api_account(struct call *c)
{
	if (is_own(c) == -1 || (!call_is_get(c) && update(c) == -1))
		return -1;
	return account_reply(c, 200, c->account);
}

/* --- a new key, RFC 8555 section 7.3.5 --- */

static int
check_change(struct call *c, const struct jws *inner)
{
	const struct json *o, *old;
	uint8_t thumb[SHA256_LEN];
	const char *account;
	EVP_PKEY *key;
	struct err e;

	if (inner->jwk == NULL || inner->nonce != NULL || strcmp(inner->url, c->jws.url) != 0 ||
	    inner->body == NULL)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.3.5: inner JWS: want jwk, the same url, no nonce, an "
		    "object");
	o = json_root(inner->body);
	if (json_get_str(o, "keyChange", "account", JSON_REQUIRED, &account, &e) == -1 ||
	    json_get_object(o, "keyChange", "oldKey", JSON_REQUIRED, &old, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (strcmp(account, c->jws.kid) != 0)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.3.5: account: want %s", c->jws.kid);
	if (jwk_read(old, &key, thumb, &c->problem) == -1)
		return -1;
	EVP_PKEY_free(key);
	if (memcmp(thumb, c->account->thumb, sizeof(thumb)) != 0)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 7.3.5: oldKey is not the account's key");
	return jws_verify(inner, inner->jwk, &c->problem);
}

int
api_key_change(struct call *c)
{
	struct account *other;
	struct jws inner;
	int rc = -1;

	jws_init(&inner);
	if (jws_read(buf_span(&c->jws.payload), &inner, &c->problem) == -1 ||
	    check_change(c, &inner) == -1)
		goto out;
	if ((other = state_account_by_thumb(c->r->state, inner.thumb)) != NULL) {
		problem_set(&c->problem, 409, "malformed",
		    "RFC 8555 section 7.3.5: another account has this key");
		call_location(c, "account", other->id);
		goto out;
	}
	rc = state_account_rekey(c->r->state, c->account, inner.jwk, inner.thumb);
	rc = rc == 0 ? account_reply(c, 200, c->account) : nomem(c);
out:
	jws_clear(&inner);
	return rc;
}

/* --- lists of orders, RFC 8555 section 7.1.2.1 --- */

int
api_orders(struct call *c)
{
	const struct vec *orders;
	int64_t at = 0;
	struct json_out j;
	struct buf b;
	size_t n = 0;

	if (is_own(c) == -1)
		return -1;
	if (call_want_get(c) == -1)
		return -1;
	orders = &c->account->orders;
	if (strncmp(c->req->query, "cursor=", 7) == 0 &&
	    (text_number(span_str(c->req->query + 7), &at) == -1 || (uint64_t)at > orders->n))
		return problem_set(&c->problem, 404, "malformed", "there is no such page");
	buf_init(&b, HTTP_BODY_MAX);
	json_begin(&j, &b);
	json_put_object(&j, NULL);
	json_put_array(&j, "orders");
	for (; (size_t)at < orders->n && n < c->r->o.page; at++) {
		struct order *o = orders->v[at];

		if (order_status(o, c->now) == ST_INVALID)
			continue;
		json_put_url(c, &j, NULL, "order", o->id, "");
		n++;
	}
	json_array_end(&j);
	json_object_end(&j);
	if ((size_t)at < orders->n)
		reply_header(c->reply, "Link", "<%s/orders/%s?cursor=%jd>;rel=\"next\"", c->base,
		    c->id, (intmax_t)at);
	return call_json(c, 200, &b);
}
