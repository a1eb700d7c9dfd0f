/*
 * jws: see jws.h.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "acme/jws.h"
#include "base/json.h"
#include "base/text.h"

#define EAB_KEY_MAX 1024	/* octets */

/* --- keys --- */

int
jws_thumbprint(struct span jwk, char out[JWS_THUMBPRINT_TEXT], struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct buf b;
	int rc = -1;

	out[0] = '\0';
	buf_init(&b, JWS_THUMBPRINT_TEXT - 1);
	if (sha256(jwk, digest) == -1) {
		err_set(e, OUT_RETRY, "JWK thumbprint: no SHA-256");
		goto out;
	}
	buf_base64url(&b, span_of(digest, sizeof(digest)));
	if (!buf_ok(&b)) {
		err_nomem(e);
		goto out;
	}
	memcpy(out, buf_cstr(&b), JWS_THUMBPRINT_TEXT);
	rc = 0;
out:
	buf_clear(&b);
	return rc;
}

/* --- signatures --- */

static bool
is_base64url(const char *s)
{
	return s[0] != '\0' && s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_")] == '\0';
}

static int
check_https(const char *what, const char *url, struct err *e)
{
	struct url u;

	if (url == NULL)
		return err_set(e, OUT_HOLD, "JWS header: %s: want an https URL, have none", what);
	if (text_url(url, &u, e) == -1)
		return err_in(e, "JWS header: %s", what);
	if (strcmp(u.scheme, "https") != 0)
		return err_set(e, OUT_HOLD, "JWS header: %s: want https, have %s", what, u.scheme);
	return 0;
}

/* RFC 8555 section 6.2. What is signed must not depend on how a stranger reads odd characters. */
static int
check_header(const struct jws_header *h, struct err *e)
{
	static const char *const algs[] = { "ES256", "ES384", "ES512", "RS256", "EdDSA",
	    "HS256", "HS384", "HS512" };
	bool known = false;

	for (size_t i = 0; i < NITEMS(algs); i++)
		known = known || strcmp(h->alg, algs[i]) == 0;
	if (!known)
		return err_set(e, OUT_HOLD, "JWS header: alg: \"%s\" is none that ACME allows",
		    h->alg);
	if (h->nonce != NULL && !is_base64url(h->nonce))
		return err_set(e, OUT_HOLD, "JWS header: nonce: want base64url");
	if ((h->kid != NULL) == (h->jwk.n > 0))
		return err_set(e, OUT_HOLD, "JWS header: want either kid or jwk");
	if (h->kid != NULL && check_https("kid", h->kid, e) == -1)
		return -1;
	return check_https("url", h->url, e);
}

static void
write_header(const struct jws_header *h, struct buf *out)
{
	struct json_out o;

	json_begin(&o, out);
	json_put_object(&o, NULL);
	json_put_str(&o, "alg", h->alg);
	if (h->nonce != NULL)
		json_put_str(&o, "nonce", h->nonce);
	json_put_str(&o, "url", h->url);
	if (h->kid != NULL)
		json_put_str(&o, "kid", h->kid);
	else
		json_put_raw(&o, "jwk", h->jwk);
	json_object_end(&o);
}

int
jws_input(const struct jws_header *h, struct span payload, struct buf *out, struct err *e)
{
	struct buf header;
	int rc = -1;

	buf_init(&header, JWS_MAX);
	if (check_header(h, e) == -1)
		goto out;
	write_header(h, &header);
	if (!buf_ok(&header))
		buf_fail(out);
	buf_base64url(out, buf_span(&header));
	buf_u8(out, '.');
	buf_base64url(out, payload);
	if (!buf_ok(out)) {
		err_set(e, OUT_RETRY, "JWS: too long, or no memory");
		goto out;
	}
	rc = 0;
out:
	buf_clear(&header);
	return rc;
}

int
jws_finish(struct span input, struct span signature, struct buf *out, struct err *e)
{
	const uint8_t *dot = input.n > 0 ? memchr(input.p, '.', input.n) : NULL;
	size_t before;

	if (dot == NULL || signature.n == 0)
		return err_set(e, OUT_HOLD, "JWS: want a signing input and a signature");
	before = (size_t)(dot - input.p);
	/* All three are base64url already: nothing needs an escape. */
	buf_str(out, "{\"protected\":\"");
	buf_put(out, span_of(input.p, before));
	buf_str(out, "\",\"payload\":\"");
	buf_put(out, span_of(dot + 1, input.n - before - 1));
	buf_str(out, "\",\"signature\":\"");
	buf_base64url(out, signature);
	buf_str(out, "\"}");
	if (!buf_ok(out))
		return err_set(e, OUT_RETRY, "JWS: too long, or no memory");
	return 0;
}

/* --- what is signed besides requests --- */

void
jws_rollover(struct buf *out, const char *account, struct span old_jwk)
{
	struct json_out o;

	json_begin(&o, out);
	json_put_object(&o, NULL);
	json_put_str(&o, "account", account);
	json_put_raw(&o, "oldKey", old_jwk);
	json_object_end(&o);
}

static const EVP_MD *
digest_of(const char *alg)
{
	if (strcmp(alg, "HS256") == 0)
		return EVP_sha256();
	if (strcmp(alg, "HS384") == 0)
		return EVP_sha384();
	if (strcmp(alg, "HS512") == 0)
		return EVP_sha512();
	return NULL;
}

/* The kid is the CA's word for the customer, no URL. */
static int
write_eab_input(const struct jws_eab *b, struct buf *out, struct err *e)
{
	struct buf header;
	struct json_out o;

	buf_init(&header, JWS_MAX);
	json_begin(&o, &header);
	json_put_object(&o, NULL);
	json_put_str(&o, "alg", b->alg);
	json_put_str(&o, "kid", b->kid);
	json_put_str(&o, "url", b->url);
	json_object_end(&o);
	if (!buf_ok(&header))
		buf_fail(out);
	buf_base64url(out, buf_span(&header));
	buf_u8(out, '.');
	buf_base64url(out, b->jwk);
	buf_clear(&header);
	return buf_ok(out) ? 0 : err_nomem(e);
}

int
jws_eab(const struct jws_eab *b, struct buf *out, struct err *e)
{
	const EVP_MD *md = digest_of(b->alg);
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct buf input;
	int rc = -1;

	buf_init(&input, JWS_MAX);
	if (md == NULL) {
		err_set(e, OUT_HOLD, "external account binding: alg: want HS256, HS384 or HS512, "
		    "have \"%s\"", b->alg);
		goto out;
	}
	if (b->kid == NULL || b->kid[0] == '\0' || b->key.n == 0 || b->key.n > EAB_KEY_MAX) {
		err_set(e, OUT_HOLD, "external account binding: want a key and its identifier");
		goto out;
	}
	if (check_https("url", b->url, e) == -1 || write_eab_input(b, &input, e) == -1)
		goto out;
	if (HMAC(md, b->key.p, (int)b->key.n, input.p, input.n, mac, &n) == NULL) {
		err_set(e, OUT_RETRY, "external account binding: no HMAC");
		goto out;
	}
	rc = jws_finish(buf_span(&input), span_of(mac, n), out, e);
out:
	wipe(mac, sizeof(mac));
	buf_clear(&input);
	return rc;
}
