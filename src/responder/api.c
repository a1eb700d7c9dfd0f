/*
 * api: the resources of RFC 8555 and RFC 9773 as a table, and what every
 * request goes through before its handler sees it: nonce, URL, key, signature.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/clock.h"
#include "base/log.h"
#include "responder/api.h"

#define JOSE	"application/jose+json"

enum auth {
	AUTH_NONE,	/* GET and HEAD */
	AUTH_JWK,	/* a new account */
	AUTH_KID,	/* an account's key, named by its URL */
	AUTH_EITHER,	/* revocation */
};

static api_handler get_directory, get_nonce, get_terms;

/* A path that ends with a slash has one more component, the id. */
static const struct resource {
	const char	*method;
	const char	*path;
	enum auth	 auth;
	api_handler	*handler;
} resources[] = {
	{ "GET", "/dir", AUTH_NONE, get_directory },
	{ "GET", "/new-nonce", AUTH_NONE, get_nonce },
	{ "GET", "/terms", AUTH_NONE, get_terms },
	{ "GET", "/renewal-info/", AUTH_NONE, api_renewal_info },
	{ "GET", "/crl/", AUTH_NONE, api_crl },
	{ "POST", "/dir", AUTH_KID, get_directory },
	{ "POST", "/new-nonce", AUTH_KID, get_nonce },
	{ "POST", "/new-account", AUTH_JWK, api_account_new },
	{ "POST", "/new-order", AUTH_KID, api_order_new },
	{ "POST", "/new-authz", AUTH_KID, api_authz_new },
	{ "POST", "/revoke-cert", AUTH_EITHER, api_revoke },
	{ "POST", "/key-change", AUTH_KID, api_key_change },
	{ "POST", "/account/", AUTH_KID, api_account },
	{ "POST", "/orders/", AUTH_KID, api_orders },
	{ "POST", "/order/", AUTH_KID, api_order },
	{ "POST", "/finalize/", AUTH_KID, api_finalize },
	{ "POST", "/authz/", AUTH_KID, api_authz },
	{ "POST", "/challenge/", AUTH_KID, api_challenge },
	{ "POST", "/cert/", AUTH_KID, api_certificate },
};

/* --- what handlers share --- */

const struct json *
call_object(struct call *c, const char *where)
{
	struct err e;

	if (c->jws.body == NULL) {
		problem_set(&c->problem, 400, "malformed",
		    "%s: want an object, have an empty payload", where);
		return NULL;
	}
	if (json_is_object(json_root(c->jws.body), where, &e) == -1) {
		problem_set(&c->problem, 400, "malformed", "%s", e.text);
		return NULL;
	}
	return json_root(c->jws.body);
}

bool
call_is_get(const struct call *c)
{
	return c->jws.payload.n == 0;
}

int
call_want_get(struct call *c)
{
	return call_is_get(c) ? 0 : problem_set(&c->problem, 400, "malformed",
	    "RFC 8555 section 6.3: want an empty payload");
}

int
call_json(struct call *c, int status, struct buf *b)
{
	if (!buf_ok(b)) {
		buf_clear(b);
		return problem_set(&c->problem, 500, "serverInternal", "out of memory");
	}
	c->reply->status = status;
	c->reply->type = "application/json";
	reply_body(c->reply, b);
	return 0;
}

static void
put_url(const struct call *c, const char *kind, uint32_t id, const char *tail, struct buf *b)
{
	char text[ID_TEXT];

	buf_printf(b, "%s/%s/%s%s", c->base, kind, state_id(c->r->state, id, text), tail);
}

void
call_location(struct call *c, const char *kind, uint32_t id)
{
	struct buf b;

	buf_init(&b, 1024);
	put_url(c, kind, id, "", &b);
	reply_header(c->reply, "Location", "%s", buf_cstr(&b));
	buf_clear(&b);
}

void
call_retry_after(struct call *c, unsigned delay_ms)
{
	int64_t s = c->r->o.retry_after;

	if (s == -1)
		s = delay_ms / 1000;
	if (s != 0)
		reply_header(c->reply, "Retry-After", "%jd", (intmax_t)s);
}

void
json_put_url(const struct call *c, struct json_out *j, const char *key, const char *kind,
    uint32_t id, const char *tail)
{
	struct buf b;

	buf_init(&b, 1024);
	put_url(c, kind, id, tail, &b);
	json_put_span(j, key, buf_span(&b));
	buf_clear(&b);
}

void
problem_json(const struct problem *p, struct json_out *j, const char *key)
{
	char type[96];

	snprintf(type, sizeof(type), "urn:ietf:params:acme:error:%s", p->type);
	json_put_object(j, key);
	json_put_str(j, "type", type);
	json_put_str(j, "detail", p->detail);
	if (p->status != 0)
		json_put_int(j, "status", p->status);
	if (p->extra != NULL)
		buf_str(j->b, p->extra);
	json_object_end(j);
}

/* --- directory and small things --- */

static void
put_meta(const struct call *c, struct json_out *j)
{
	const struct options *o = &c->r->o;
	char url[sizeof(c->base) + 16], text[96], span[SPAN_TEXT];

	snprintf(url, sizeof(url), "%s/terms", c->base);
	json_put_object(j, "meta");
	json_put_str(j, "termsOfService", o->terms != NULL ? o->terms : url);
	json_put_str(j, "website", "https://kamcert.invalid/");
	json_put_array(j, "caaIdentities");
	json_put_str(j, NULL, VA_ISSUER);
	json_array_end(j);
	json_put_bool(j, "externalAccountRequired", o->eab_required);
	if (o->nprofiles != 0) {
		json_put_object(j, "profiles");
		for (size_t i = 0; i < o->nprofiles; i++) {
			snprintf(text, sizeof(text), "certificates that live for %s",
			    text_span_of_time(o->profiles[i].lifetime, span));
			json_put_str(j, o->profiles[i].name, text);
		}
		json_object_end(j);
	}
	json_object_end(j);
}

static int
get_directory(struct call *c)
{
	static const struct { const char *key, *path; } rows[] = {
		{ "newNonce", "/new-nonce" }, { "newAccount", "/new-account" },
		{ "newOrder", "/new-order" }, { "newAuthz", "/new-authz" },
		{ "revokeCert", "/revoke-cert" }, { "keyChange", "/key-change" },
		{ "renewalInfo", "/renewal-info" },
	};
	const struct fault *f = fault_pick(c->r->faults, AT_DIRECTORY, c->req->path);
	char url[sizeof(c->base) + 32];
	struct json_out j;
	struct buf b;

	if (c->req->method[0] == 'P' && call_want_get(c) == -1)
		return -1;
	buf_init(&b, 8192);
	json_begin(&j, &b);
	json_put_object(&j, NULL);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		if (f != NULL && f->kind == OBJECT_MISSING && strcmp(f->text, rows[i].key) == 0)
			continue;
		snprintf(url, sizeof(url), "%s%s%s", c->base, f != NULL && f->kind == OBJECT_MOVED ?
		    "/elsewhere" : "", rows[i].path);
		json_put_str(&j, rows[i].key, url);
	}
	if (f == NULL || f->kind != OBJECT_MISSING || strcmp(f->text, "meta") != 0)
		put_meta(c, &j);
	json_object_end(&j);
	return call_json(c, 200, &b);
}

static int
get_nonce(struct call *c)
{
	const struct fault *f = fault_pick(c->r->faults, AT_NEW_NONCE, c->req->path);

	if (c->req->method[0] == 'P' && call_want_get(c) == -1)
		return -1;
	/* RFC 8555 section 7.2. */
	c->reply->status = strcmp(c->req->method, "HEAD") == 0 ? 200 : 204;
	if (f != NULL)
		c->reply->status = f->number;
	return 0;
}

static int
get_terms(struct call *c)
{
	c->reply->type = "text/plain";
	buf_str(&c->reply->body, "This is a test CA. Its certificates mean nothing to anybody.\n");
	return 0;
}

/* --- before the handler --- */

static const struct resource *
find_resource(struct call *c)
{
	bool get = false, post = false;
	const char *method = strcmp(c->req->method, "HEAD") == 0 ? "GET" : c->req->method;

	for (size_t i = 0; i < NITEMS(resources); i++) {
		const struct resource *r = &resources[i];
		size_t n = strlen(r->path);
		bool prefix = r->path[n - 1] == '/';

		if (strncmp(c->req->path, r->path, n) != 0 || (!prefix && c->req->path[n] != '\0'))
			continue;
		if (strcmp(method, r->method) == 0) {
			c->id = prefix ? c->req->path + n : "";
			return r;
		}
		get = get || r->method[0] == 'G';
		post = post || r->method[0] == 'P';
	}
	if (!get && !post) {
		problem_set(&c->problem, 404, "malformed", "there is no such resource");
		return NULL;
	}
	problem_set(&c->problem, 405, "malformed",
	    "RFC 8555 section 6.3: the method is not allowed here");
	/* RFC 9110 section 15.5.6. */
	reply_header(c->reply, "Allow", "%s", !get ? "POST" : post ? "GET, HEAD, POST" :
	    "GET, HEAD");
	return NULL;
}

static bool
is_base64url(const char *text)
{
	struct buf octets;
	bool ok;

	buf_init(&octets, HTTP_BODY_MAX);
	ok = base64url_decode(span_str(text), &octets) == 0;
	buf_clear(&octets);
	return ok;
}

/* RFC 8555 section 6.5. */
static int
check_nonce(struct call *c)
{
	const struct fault *f = fault_pick(c->r->faults, AT_NONCE_CHECK, c->req->path);
	bool good;
	uint8_t die;

	if (c->jws.nonce == NULL)
		return problem_set(&c->problem, 400, "malformed", "RFC 8555 section 6.5: no nonce");
	if (!is_base64url(c->jws.nonce))
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 6.5.2: the nonce is no base64url");
	good = state_spend(c->r->state, c->jws.nonce);
	if (f != NULL)
		good = false;
	if (c->r->o.nonce_reject != 0 && random_bytes(&die, 1) == 0 &&
	    die * 100u / 256 < c->r->o.nonce_reject)
		good = false;
	return good ? 0 : problem_set(&c->problem, 400, "badNonce",
	    "RFC 8555 section 6.5: the nonce was not handed out, or is used up");
}

/* RFC 8555 section 6.4: what is signed names where it goes. */
static int
check_url(struct call *c)
{
	char want[sizeof(c->base) + HTTP_PATH_MAX + sizeof(c->req->query) + 1];

	snprintf(want, sizeof(want), "%s%s%s%s", c->base, c->req->path,
	    c->req->query[0] != '\0' ? "?" : "", c->req->query);
	return strcmp(c->jws.url, want) == 0 ? 0 : problem_set(&c->problem, 403, "unauthorized",
	    "RFC 8555 section 6.4: url: want %s, have %s", want, c->jws.url);
}

static int
find_account(struct call *c)
{
	size_t n = strlen(c->base);

	if (strncmp(c->jws.kid, c->base, n) == 0 && strncmp(c->jws.kid + n, "/account/", 9) == 0)
		c->account = state_account_at(c->r->state, c->jws.kid + n + 9);
	if (c->account == NULL)
		return problem_set(&c->problem, 400, "accountDoesNotExist",
		    "there is no account at %s", c->jws.kid);
	return 0;
}

static int
check_key(struct call *c, enum auth auth)
{
	if (auth == AUTH_JWK && c->jws.jwk == NULL)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 6.2: want jwk, not kid");
	if (auth == AUTH_KID && c->jws.kid == NULL)
		return problem_set(&c->problem, 400, "malformed",
		    "RFC 8555 section 6.2: want kid, not jwk");
	if (c->jws.kid == NULL)
		return jws_verify(&c->jws, c->jws.jwk, &c->problem);
	if (find_account(c) == -1 || jws_verify(&c->jws, c->account->key, &c->problem) == -1)
		return -1;
	if (c->account->status != ST_VALID)
		return problem_set(&c->problem, 401, "unauthorized",
		    "RFC 8555 section 7.3.6: the account is %s", status_word(c->account->status));
	return 0;
}

static int
check_post(struct call *c, enum auth auth)
{
	if (strcmp(c->req->type, JOSE) != 0)
		return problem_set(&c->problem, 415, "malformed",
		    "RFC 8555 section 6.2: Content-Type: want " JOSE ", have %s", c->req->type);
	if (jws_read(c->req->body, &c->jws, &c->problem) == -1 || check_nonce(c) == -1 ||
	    check_url(c) == -1)
		return -1;
	return check_key(c, auth);
}

static int
route(struct call *c)
{
	const struct resource *r = find_resource(c);
	const struct fault *f;

	if (r == NULL)
		return -1;
	if (r->auth != AUTH_NONE && check_post(c, r->auth) == -1)
		return -1;
	if ((f = fault_pick(c->r->faults, AT_REQUEST, c->req->path)) != NULL) {
		fault_reply(c, f);
		return 0;
	}
	return r->handler(c);
}

/* --- after it --- */

static void
put_problem(struct call *c)
{
	const struct problem *p = &c->problem;
	struct json_out j;
	struct buf b;

	buf_init(&b, HTTP_BODY_MAX);
	json_begin(&j, &b);
	problem_json(p, &j, NULL);
	reply_body(c->reply, &b);
	c->reply->status = p->status;
	c->reply->type = "application/problem+json";
	if (p->retry_after != 0)
		reply_header(c->reply, "Retry-After", "%jd", (intmax_t)p->retry_after);
	if (p->link != NULL)
		reply_header(c->reply, "Link", "%s", p->link);
}

static void
put_nonce(struct call *c)
{
	const struct fault *f = NULL;
	char nonce[NONCE_TEXT];

	/* RFC 8555 section 6.5.1: with every answer to a POST, and to newNonce. */
	if (strcmp(c->req->method, "POST") != 0 && strcmp(c->req->path, "/new-nonce") != 0)
		return;
	f = fault_pick(c->r->faults, AT_NONCE, c->req->path);
	if (f != NULL && (f->kind == NONCE_NONE || (f->kind == NONCE_NOT_NEW &&
	    strcmp(c->req->path, "/new-nonce") == 0)))
		return;
	if (f != NULL && f->kind == NONCE_SAME && c->r->last_nonce[0] != '\0') {
		reply_header(c->reply, "Replay-Nonce", "%s", c->r->last_nonce);
		return;
	}
	if (state_nonce(c->r->state, nonce) == -1)
		return;
	memcpy(c->r->last_nonce, nonce, sizeof(nonce));
	reply_header(c->reply, "Replay-Nonce", "%s", nonce);
}

static void
finish(struct call *c)
{
	const struct fault *f;

	put_nonce(c);
	reply_header(c->reply, "Cache-Control", "no-store");
	if (strcmp(c->req->path, "/dir") != 0)
		reply_header(c->reply, "Link", "<%s/dir>;rel=\"index\"", c->base);
	if ((f = fault_pick(c->r->faults, AT_BODY, c->req->path)) != NULL)
		fault_body(c, f);
	c->reply->send = fault_pick(c->r->faults, AT_SEND, c->req->path);
	log_debug(KV_S("method", c->req->method), KV_S("path", c->req->path),
	    KV_I("status", c->reply->status), KV_S("problem", c->problem.type),
	    KV_S("detail", c->problem.detail));
}

void
api_handle(void *arg, const struct http_request *req, const struct peer *peer, struct reply *reply)
{
	struct call c = { .r = arg, .req = req, .peer = peer, .id = "", .reply = reply };

	c.r->requests++;
	c.now = clock_wall();
	jws_init(&c.jws);
	snprintf(c.base, sizeof(c.base), "https://%s", req->host);
	if (route(&c) == -1)
		put_problem(&c);
	finish(&c);
	jws_clear(&c.jws);
}
