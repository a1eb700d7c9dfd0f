/*
 * api_cert: certificates and their chains, revocation (RFC 8555 sections
 * 7.4.2 and 7.6), renewal information (RFC 9773), revocation lists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "responder/api.h"

#define LINKS_MANY	1000
#define NO_REASON	INT64_MAX	/* none was given; -1 is one that somebody may give */

/* --- download --- */

static void
put_link(struct call *c, const char *base, const char *id, unsigned n)
{
	reply_header(c->reply, "Link", "<%s/cert/%s/%u>;rel=\"alternate\"", base, id, n);
}

static void
put_links(struct call *c, const struct cert *cert, const char *id, unsigned number,
    const struct fault *f)
{
	/* A thousand whole URLs would be cut by clients for the size of the header alone. */
	const char *base = f != NULL && f->kind == CHAIN_LINK_MANY ? "" : c->base;
	unsigned n = ca_chains(c->r->ca, cert);

	if (f != NULL && f->kind == CHAIN_LINK_LOOP)
		put_link(c, c->base, id, number);
	else if (f != NULL && f->kind == CHAIN_LINK_HOST)
		put_link(c, "https://192.0.2.1", id, 1);
	else if (f != NULL && f->kind == CHAIN_LINK_MANY)
		n = LINKS_MANY;
	for (unsigned i = 0; i < n; i++)
		if (i != number)
			put_link(c, base, id, i);
}

int
api_certificate(struct call *c)
{
	const struct fault *f = fault_pick(c->r->faults, AT_CHAIN, c->req->path);
	const char *slash = strchr(c->id, '/');
	char id[ID_TEXT];
	int64_t number = 0;
	struct cert *cert;

	snprintf(id, sizeof(id), "%.*s", (int)strcspn(c->id, "/"), c->id);
	cert = state_cert_by_id(c->r->state, id);
	if (cert == NULL || (slash != NULL && (text_number(span_str(slash + 1), &number) == -1 ||
	    number > 1000)))
		return problem_set(&c->problem, 404, "malformed", "there is no such certificate");
	if (cert->account != c->account)
		return problem_set(&c->problem, 403, "unauthorized",
		    "the certificate is another account's");
	if (call_want_get(c) == -1)
		return -1;
	if (f != NULL && f->kind == CHAIN_LINK_MANY && number != 0)
		number = 1;
	if (!ca_chain(c->r->ca, cert, (unsigned)number, f, &c->reply->body))
		return problem_set(&c->problem, 404, "malformed", "there is no such chain");
	c->reply->type = "application/pem-certificate-chain";
	put_links(c, cert, id, (unsigned)number, f);
	return 0;
}

/* --- revocation --- */

/* RFC 8555 section 7.6: an account that holds authorizations for all names. */
static bool
authorized_for_all(struct call *c, const struct cert *cert)
{
	const struct order *o = cert->order;

	for (size_t i = 0; i < o->nauthz; i++) {
		struct authz *a = state_authz_find(c->r->state, c->account, &o->authz[i]->ident);

		if (a == NULL || authz_status(a, c->now) != ST_VALID)
			return false;
	}
	return true;
}

static bool
may_revoke(struct call *c, const struct cert *cert, X509 *x)
{
	if (c->account != NULL)
		return cert->account == c->account || authorized_for_all(c, cert);
	return EVP_PKEY_eq(X509_get0_pubkey(x), c->jws.jwk) == 1;
}

static struct cert *
find_cert(struct call *c, struct span der)
{
	const uint8_t *at = der.p;
	X509 *x = d2i_X509(NULL, &at, (long)der.n);
	const ASN1_INTEGER *serial;
	struct cert *cert = NULL;

	if (x == NULL || at != der.p + der.n) {
		problem_set(&c->problem, 400, "malformed",
		    "revocation: certificate: no certificate in DER");
		goto out;
	}
	serial = X509_get0_serialNumber(x);
	cert = state_cert_by_serial(c->r->state, span_of(ASN1_STRING_get0_data(serial),
	    (size_t)ASN1_STRING_length(serial)));
	if (cert == NULL || !span_eq(span_of(cert->der, cert->n), der)) {
		problem_set(&c->problem, 404, "malformed",
		    "revocation: the certificate is not of this CA");
		cert = NULL;
	} else if (!may_revoke(c, cert, x)) {
		problem_set(&c->problem, 403, "unauthorized",
		    "RFC 8555 section 7.6: neither the owner, nor authorized for all names, nor "
		    "the key");
		cert = NULL;
	} else if (cert->revoked_at != 0) {
		problem_set(&c->problem, 400, "alreadyRevoked", "the certificate is revoked");
		cert = NULL;
	}
out:
	X509_free(x);
	return cert;
}

/* The reasons that a subscriber may give; others belong to the CA. */
static int
check_reason(struct call *c, int64_t reason)
{
	switch (reason) {
	case NO_REASON: case 0: case 1: case 3: case 4: case 5:
		return 0;
	default:
		problem_set(&c->problem, 400, "badRevocationReason",
		    "RFC 5280 section 5.3.1: reason %jd is not one for subscribers",
		    (intmax_t)reason);
		return -1;
	}
}

int
api_revoke(struct call *c)
{
	const struct json *o = call_object(c, "revocation");
	const char *text;
	int64_t reason = NO_REASON;
	struct cert *cert = NULL;
	struct buf der;
	struct err e;

	if (o == NULL)
		return -1;
	if (json_get_str(o, "revocation", "certificate", JSON_REQUIRED, &text, &e) == -1 ||
	    json_get_int(o, "revocation", "reason", JSON_OPTIONAL, &reason, &e) == -1)
		return problem_set(&c->problem, 400, "malformed", "%s", e.text);
	if (check_reason(c, reason) == -1)
		return -1;
	buf_init(&der, HTTP_BODY_MAX);
	if (base64url_decode(span_str(text), &der) == -1)
		problem_set(&c->problem, 400, "malformed", "revocation: certificate: no base64url");
	else
		cert = find_cert(c, buf_span(&der));
	buf_clear(&der);
	if (cert == NULL)
		return -1;
	cert->revoked_at = c->now;
	cert->reason = (int8_t)(reason == NO_REASON ? -1 : reason);
	ca_crl_stale(c->r->ca);
	return 0;
}

int
api_crl(struct call *c)
{
	struct span der;
	int64_t n;
	struct err e;

	if (text_number(span_str(c->id), &n) == -1 || n > 1 || !c->r->ca->has[n])
		return problem_set(&c->problem, 404, "malformed", "there is no such list");
	if (ca_crl(c->r->ca, c->r->state, (unsigned)n, &der, &e) == -1)
		return problem_set(&c->problem, 500, "serverInternal", "%s", e.text);
	c->reply->type = "application/pkix-crl";
	buf_put(&c->reply->body, der);
	return 0;
}

/* --- renewal information --- */

/* RFC 9773 section 4.1: key identifier of the issuer, a dot, the serial's octets. */
struct cert *
cert_by_ari(struct responder *r, const char *id)
{
	const char *dot = strchr(id, '.');
	struct cert *cert = NULL;
	struct buf aki, serial;

	buf_init(&aki, 64);
	buf_init(&serial, 64);
	if (dot != NULL && base64url_decode(span_of(id, (size_t)(dot - id)), &aki) == 0 &&
	    base64url_decode(span_str(dot + 1), &serial) == 0) {
		cert = state_cert_by_serial(r->state, buf_span(&serial));
		if (cert != NULL && !span_eq(ca_issuer_id(r->ca, cert), buf_span(&aki)))
			cert = NULL;
	}
	buf_clear(&aki);
	buf_clear(&serial);
	return cert;
}

struct window {
	int64_t	from, to;
};

/* Two thirds into the life, half for short ones; at once if it is revoked. */
static struct window
usual_window(const struct responder *r, const struct cert *cert, int64_t now)
{
	int64_t life = cert->not_after - cert->not_before;
	int64_t middle = cert->not_before + (life < 10 * DAY ? life / 2 : life / 3 * 2);
	struct window w = { middle - life / 50, middle + life / 50 + 1 };

	if (r->window_from != 0)
		w = (struct window){ r->window_from, r->window_to };
	if (cert->revoked_at != 0)
		w = (struct window){ now - 2 * HOUR, now - HOUR };
	return w;
}

/* FAULTS A42. */
static struct window
bent_window(struct window w, const struct fault *f, int64_t now)
{
	static const struct window rows[] = {
		{ 1000, 0 },			/* the end before the start */
		{ -3650 * DAY, -3649 * DAY },	/* long ago */
		{ 36500 * DAY, 36501 * DAY },	/* far away */
	};

	if (f == NULL || f->kind != OBJECT_WINDOW)
		return w;
	return (struct window){ now + rows[f->number].from, now + rows[f->number].to };
}

int
api_renewal_info(struct call *c)
{
	const struct fault *f = fault_pick(c->r->faults, AT_RENEWAL, c->req->path);
	struct cert *cert = cert_by_ari(c->r, c->id);
	char text[TIME_TEXT];
	struct window w;
	struct json_out j;
	struct buf b;

	if (cert == NULL || (f != NULL && f->kind == OBJECT_404))
		return problem_set(&c->problem, 404, "malformed",
		    "RFC 9773 section 4.1: no such certificate");
	w = bent_window(usual_window(c->r, cert, c->now), f, c->now);
	buf_init(&b, 4096);
	json_begin(&j, &b);
	json_put_object(&j, NULL);
	if (f == NULL || f->kind != OBJECT_MISSING) {
		json_put_object(&j, "suggestedWindow");
		json_put_str(&j, "start", text_time(w.from, text));
		json_put_str(&j, "end", text_time(w.to, text));
		json_object_end(&j);
	}
	if (cert->revoked_at != 0)
		json_put_str(&j, "explanationURL", "https://kamcert.invalid/revoked");
	json_object_end(&j);
	if (f != NULL && f->kind == OBJECT_RETRY_AFTER)
		reply_header(c->reply, "Retry-After", "%s", f->text);
	else if (f == NULL || f->kind != OBJECT_NO_RETRY_AFTER)
		reply_header(c->reply, "Retry-After", "%d", 6 * 3600);
	return call_json(c, 200, &b);
}
