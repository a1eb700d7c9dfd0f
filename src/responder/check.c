/*
 * check: JWS (RFC 7515) as RFC 8555 section 6.2 narrows it, JWK (RFC 7517)
 * and thumbprints (RFC 7638). Reading and verifying are apart: which key a
 * signature must be by is known only when the header has been read.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/text.h"
#include "responder/check.h"
#include "responder/http.h"

static const struct jws_alg {
	const char	*name;
	int		 type;		/* EVP_PKEY_... */
	unsigned	 bits;		/* of the curve of ECDSA; 0: no ECDSA */
	const EVP_MD	*(*hash)(void);
} algs[] = {
	{ "ES256", EVP_PKEY_EC, 256, EVP_sha256 },
	{ "ES384", EVP_PKEY_EC, 384, EVP_sha384 },
	{ "EdDSA", EVP_PKEY_ED25519, 0, NULL },	/* RFC 8037; hashes by itself */
	{ "RS256", EVP_PKEY_RSA, 0, EVP_sha256 },
};

int
problem_set(struct problem *p, int status, const char *type, const char *fmt, ...)
{
	char text[sizeof(p->detail)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memset(p, 0, sizeof(*p));
	p->status = status;
	p->type = type;
	text_clean(p->detail, sizeof(p->detail), span_str(text));
	return -1;
}

static int
malformed(struct problem *p, const char *what)
{
	return problem_set(p, 400, "malformed", "%s", what);
}

void
jws_init(struct jws *j)
{
	memset(j, 0, sizeof(*j));
	buf_init(&j->payload, HTTP_BODY_MAX);
	buf_init(&j->signing, HTTP_BODY_MAX);
	buf_init(&j->signature, 1024);
}

void
jws_clear(struct jws *j)
{
	json_free(j->header);
	json_free(j->body);
	EVP_PKEY_free(j->jwk);
	buf_clear(&j->payload);
	buf_clear(&j->signing);
	buf_clear(&j->signature);
	jws_init(j);
}

/* --- keys --- */

/* A member in base64url of exactly n octets, or of any number if n is 0. */
static int
get_octets(const struct json *jwk, const char *name, size_t n, struct buf *out)
{
	const char *text;
	struct err e;

	if (json_get_str(jwk, "jwk", name, JSON_REQUIRED, &text, &e) == -1 ||
	    base64url_decode(span_str(text), out) == -1)
		return -1;
	return out->n != 0 && (n == 0 || out->n == n) ? 0 : -1;
}

static EVP_PKEY *
make_key(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
put_thumb_ec(struct buf *b, const char *crv, struct span x, struct span y)
{
	buf_printf(b, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"", crv);
	buf_base64url(b, x);
	buf_str(b, "\",\"y\":\"");
	buf_base64url(b, y);
	buf_str(b, "\"}");
}

static EVP_PKEY *
read_ec(const struct json *jwk, struct buf *canon)
{
	const char *crv, *group;
	struct buf x, y, point;
	EVP_PKEY *key = NULL;
	struct err e;
	size_t n;

	buf_init(&x, 128);
	buf_init(&y, 128);
	buf_init(&point, 256);
	if (json_get_str(jwk, "jwk", "crv", JSON_REQUIRED, &crv, &e) == -1)
		goto out;
	group = strcmp(crv, "P-256") == 0 ? "prime256v1" : strcmp(crv, "P-384") == 0 ? "secp384r1" :
	    NULL;
	n = group != NULL && strcmp(crv, "P-384") == 0 ? 48 : 32;
	if (group == NULL || get_octets(jwk, "x", n, &x) == -1 || get_octets(jwk, "y", n, &y) == -1)
		goto out;
	buf_u8(&point, 4);
	buf_put(&point, buf_span(&x));
	buf_put(&point, buf_span(&y));
	if (buf_ok(&point)) {
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group,
			    0),
			OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.p,
			    point.n),
			OSSL_PARAM_construct_end(),
		};

		/* A point that is not on the curve is refused there. */
		key = make_key("EC", params);
	}
	put_thumb_ec(canon, crv, buf_span(&x), buf_span(&y));
out:
	buf_clear(&x);
	buf_clear(&y);
	buf_clear(&point);
	return key;
}

/* RFC 8037 section 2. */
static EVP_PKEY *
read_okp(const struct json *jwk, struct buf *canon)
{
	const char *crv;
	EVP_PKEY *key = NULL;
	struct buf x;
	struct err e;

	buf_init(&x, 64);
	if (json_get_str(jwk, "jwk", "crv", JSON_REQUIRED, &crv, &e) == 0 &&
	    strcmp(crv, "Ed25519") == 0 && get_octets(jwk, "x", 32, &x) == 0) {
		key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, x.n);
		buf_str(canon, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
		buf_base64url(canon, buf_span(&x));
		buf_str(canon, "\"}");
	}
	buf_clear(&x);
	return key;
}

static EVP_PKEY *
make_rsa(struct span n, struct span exponent)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *bn = BN_bin2bn(n.p, (int)n.n, NULL);
	BIGNUM *be = BN_bin2bn(exponent.p, (int)exponent.n, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (build != NULL && bn != NULL && be != NULL && BN_is_odd(be) && !BN_is_one(be) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be) == 1 &&
	    (params = OSSL_PARAM_BLD_to_param(build)) != NULL)
		key = make_key("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(bn);
	BN_free(be);
	return key;
}

static EVP_PKEY *
read_rsa(const struct json *jwk, struct buf *canon)
{
	EVP_PKEY *key = NULL;
	struct buf n, x;

	buf_init(&n, 512);
	buf_init(&x, 4);
	if (get_octets(jwk, "n", 0, &n) == 0 && get_octets(jwk, "e", 0, &x) == 0 &&
	    n.p[0] != 0 && x.p[0] != 0 && n.n >= 256) {
		key = make_rsa(buf_span(&n), buf_span(&x));
		buf_str(canon, "{\"e\":\"");
		buf_base64url(canon, buf_span(&x));
		buf_str(canon, "\",\"kty\":\"RSA\",\"n\":\"");
		buf_base64url(canon, buf_span(&n));
		buf_str(canon, "\"}");
	}
	buf_clear(&n);
	buf_clear(&x);
	return key;
}

int
jwk_read(const struct json *jwk, EVP_PKEY **out, uint8_t thumb[SHA256_LEN], struct problem *p)
{
	const char *kty = NULL, *private = NULL;
	EVP_PKEY *key = NULL;
	struct buf canon;
	struct err e;

	*out = NULL;
	if (json_get_str(jwk, "jwk", "kty", JSON_REQUIRED, &kty, &e) == -1)
		return malformed(p, e.text);
	if (json_get_str(jwk, "jwk", "d", JSON_OPTIONAL, &private, &e) == -1 || private != NULL)
		return malformed(p, "jwk: a private key");
	buf_init(&canon, 2048);
	if (strcmp(kty, "EC") == 0)
		key = read_ec(jwk, &canon);
	else if (strcmp(kty, "RSA") == 0)
		key = read_rsa(jwk, &canon);
	else if (strcmp(kty, "OKP") == 0)
		key = read_okp(jwk, &canon);
	if (key != NULL && (!buf_ok(&canon) || sha256(buf_span(&canon), thumb) == -1)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	buf_clear(&canon);
	if (key == NULL)
		return problem_set(p, 400, "badPublicKey",
		    "jwk: RFC 7518 section 6: want EC P-256 or P-384, Ed25519, or RSA of 2048 to "
		    "4096 bits");
	*out = key;
	return 0;
}

/* --- header and body --- */

static const struct jws_alg *
find_alg(const char *name)
{
	for (size_t i = 0; i < NITEMS(algs); i++)
		if (strcmp(algs[i].name, name) == 0)
			return &algs[i];
	return NULL;
}

static int
unknown_alg(struct problem *p, const char *name)
{
	problem_set(p, 400, "badSignatureAlgorithm", "RFC 8555 section 6.2: alg %s", name);
	p->extra = ",\"algorithms\":[\"ES256\",\"ES384\",\"EdDSA\",\"RS256\"]";
	return -1;
}

static int
known_members(const struct json *o, const char *const *known, struct problem *p, const char *where)
{
	const char *key = NULL;

	while ((key = json_next_key(o, key)) != NULL) {
		size_t i;

		for (i = 0; known[i] != NULL && strcmp(known[i], key) != 0; i++)
			;
		if (known[i] == NULL)
			return problem_set(p, 400, "malformed",
			    "RFC 8555 section 6.2: %s: %s is not allowed", where, key);
	}
	return 0;
}

static int
read_header(struct span octets, struct jws *j, struct problem *p)
{
	static const char *const known[] = { "alg", "nonce", "url", "jwk", "kid", "typ", NULL };
	const struct json *o, *jwk;
	struct err e;

	if ((j->header = json_parse(octets, &e)) == NULL)
		return malformed(p, e.text);
	o = json_root(j->header);
	if (json_is_object(o, "protected", &e) == -1 ||
	    json_get_str(o, "protected", "alg", JSON_REQUIRED, &j->alg, &e) == -1 ||
	    json_get_str(o, "protected", "url", JSON_REQUIRED, &j->url, &e) == -1 ||
	    json_get_str(o, "protected", "nonce", JSON_OPTIONAL, &j->nonce, &e) == -1 ||
	    json_get_str(o, "protected", "kid", JSON_OPTIONAL, &j->kid, &e) == -1 ||
	    json_get_object(o, "protected", "jwk", JSON_OPTIONAL, &jwk, &e) == -1)
		return malformed(p, e.text);
	if (known_members(o, known, p, "protected") == -1)
		return -1;
	if ((jwk != NULL) == (j->kid != NULL))
		return malformed(p, "RFC 8555 section 6.2: protected: want either jwk or kid");
	if (jwk == NULL)
		return 0;
	/*
	 * Of a key that goes with another algorithm, one thing is to be said:
	 * which ones would do.
	 */
	return find_alg(j->alg) == NULL ? unknown_alg(p, j->alg) :
	    jwk_read(jwk, &j->jwk, j->thumb, p);
}

int
jws_read_value(const struct json *o, struct jws *j, struct problem *p)
{
	static const char *const known[] = { "protected", "payload", "signature", NULL };
	const char *header, *payload, *signature;
	struct buf octets;
	struct err e;
	int rc;

	if (json_is_object(o, "JWS", &e) == -1 ||
	    json_get_str(o, "JWS", "protected", JSON_REQUIRED, &header, &e) == -1 ||
	    json_get_str(o, "JWS", "payload", JSON_REQUIRED, &payload, &e) == -1 ||
	    json_get_str(o, "JWS", "signature", JSON_REQUIRED, &signature, &e) == -1)
		return malformed(p, e.text);
	if (known_members(o, known, p, "JWS") == -1)
		return -1;
	buf_init(&octets, HTTP_BODY_MAX);
	if (base64url_decode(span_str(header), &octets) == -1 ||
	    base64url_decode(span_str(payload), &j->payload) == -1 ||
	    base64url_decode(span_str(signature), &j->signature) == -1) {
		buf_clear(&octets);
		return malformed(p, "JWS: RFC 7515 section 2: no base64url without padding");
	}
	rc = read_header(buf_span(&octets), j, p);
	buf_clear(&octets);
	if (rc == -1)
		return -1;
	buf_str(&j->signing, header);
	buf_u8(&j->signing, '.');
	buf_str(&j->signing, payload);
	if (!buf_ok(&j->signing))
		return malformed(p, "JWS: too long");
	if (j->payload.n == 0)
		return 0;
	if ((j->body = json_parse(buf_span(&j->payload), &e)) == NULL)
		return malformed(p, e.text);
	return 0;
}

int
jws_read(struct span in, struct jws *j, struct problem *p)
{
	struct json_doc *doc;
	struct err e;
	int rc;

	if ((doc = json_parse(in, &e)) == NULL)
		return malformed(p, e.text);
	rc = jws_read_value(json_root(doc), j, p);
	json_free(doc);
	return rc;
}

/* --- signatures --- */

/* RFC 7518 section 3.4: r and s side by side; libcrypto wants DER. -1, or its length. */
static int
ec_signature(struct span raw, size_t half, uint8_t **der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r, *s;
	int n = -1;

	*der = NULL;
	if (sig == NULL || raw.n != 2 * half) {
		ECDSA_SIG_free(sig);
		return -1;
	}
	r = BN_bin2bn(raw.p, (int)half, NULL);
	s = BN_bin2bn(raw.p + half, (int)half, NULL);
	if (r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		n = i2d_ECDSA_SIG(sig, der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	return n;
}

static bool
verifies(const struct jws *j, const struct jws_alg *a, EVP_PKEY *key)
{
	struct span sig = buf_span(&j->signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *der = NULL;
	bool ok = false;
	int n;

	if (a->bits != 0) {
		if ((n = ec_signature(sig, a->bits / 8, &der)) < 0)
			goto out;
		sig = span_of(der, (size_t)n);
	}
	ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL,
	    a->hash != NULL ? a->hash() : NULL, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, sig.p, sig.n, j->signing.p, j->signing.n) == 1;
out:
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	return ok;
}

int
jws_verify(const struct jws *j, EVP_PKEY *key, struct problem *p)
{
	const struct jws_alg *a = find_alg(j->alg);

	if (a == NULL)
		return unknown_alg(p, j->alg);
	if (EVP_PKEY_get_base_id(key) != a->type ||
	    (a->bits != 0 && (unsigned)EVP_PKEY_get_bits(key) != a->bits))
		return malformed(p, "RFC 7518 section 3.1: alg does not suit the key");
	return verifies(j, a, key) ? 0 : malformed(p,
	    "RFC 8555 section 6.2: the signature does not verify");
}

int
jws_verify_hmac(const struct jws *j, struct span key, struct problem *p)
{
	static const struct { const char *name; const EVP_MD *(*hash)(void); } macs[] = {
		{ "HS256", EVP_sha256 }, { "HS384", EVP_sha384 }, { "HS512", EVP_sha512 },
	};
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	for (size_t i = 0; i < NITEMS(macs); i++) {
		if (strcmp(macs[i].name, j->alg) != 0)
			continue;
		if (HMAC(macs[i].hash(), key.p, (int)key.n, j->signing.p, j->signing.n, digest,
		    &n) != NULL && span_eq_ct(span_of(digest, n), buf_span(&j->signature)))
			return 0;
		return problem_set(p, 403, "unauthorized",
		    "RFC 8555 section 7.3.4: externalAccountBinding: the MAC does not verify");
	}
	problem_set(p, 400, "badSignatureAlgorithm",
	    "RFC 8555 section 7.3.4: externalAccountBinding: alg %s", j->alg);
	p->extra = ",\"algorithms\":[\"HS256\",\"HS384\",\"HS512\"]";
	return -1;
}
