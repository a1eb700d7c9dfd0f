#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "key.h"
#include "ossl.h"
#include "pem.h"

#define SIG_MAX		512	/* octets; RSA of 4096 bits */
#define COMMON_NAME_MAX	64	/* RFC 5280 appendix A.1, ub-common-name */

struct kind {
	const char	*name;
	const char	*alg;		/* RFC 7518 section 3.1 */
	const char	*crv;		/* RFC 7518 section 6.2.1.1; NULL is RSA */
	const char	*group;		/* libcrypto's word for crv */
	int		 bits;
	const EVP_MD	*(*md)(void);
};

static const struct kind kinds[] = {
	{ "ecdsa-p256", "ES256", "P-256", "prime256v1", 256, EVP_sha256 },
	{ "ecdsa-p384", "ES384", "P-384", "secp384r1", 384, EVP_sha384 },
	{ "rsa-2048", "RS256", NULL, NULL, 2048, EVP_sha256 },
	{ "rsa-3072", "RS256", NULL, NULL, 3072, EVP_sha256 },
	{ "rsa-4096", "RS256", NULL, NULL, 4096, EVP_sha256 },
};

struct key {
	const struct kind	*kind;
	EVP_PKEY		*pkey;
	bool			 is_private;
};

static const struct kind *
kind_named(const char *name)
{
	for (size_t i = 0; i < NITEMS(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static const struct kind *
kind_of(const EVP_PKEY *pkey)
{
	char group[32] = "";
	bool rsa = EVP_PKEY_is_a(pkey, "RSA");

	if (!rsa && (!EVP_PKEY_is_a(pkey, "EC") ||
	    EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1))
		return NULL;
	for (size_t i = 0; i < NITEMS(kinds); i++) {
		const struct kind *k = &kinds[i];

		if (rsa ? k->group == NULL && k->bits == EVP_PKEY_get_bits(pkey) :
		    k->group != NULL && strcmp(k->group, group) == 0)
			return k;
	}
	return NULL;
}

/* Takes over pkey, also on failure. */
static struct key *
adopt(EVP_PKEY *pkey, const struct kind *kind, struct err *e)
{
	struct key *k = malloc(sizeof *k);

	if (k == NULL) {
		EVP_PKEY_free(pkey);
		(void)err_nomem(e);
		return NULL;
	}
	*k = (struct key){ .kind = kind, .pkey = pkey, .is_private = true };
	return k;
}

struct key *
key_new(const char *type, struct err *e)
{
	const struct kind *kind = kind_named(type);
	EVP_PKEY *pkey;

	if (kind == NULL) {
		(void)err_set(e, OUT_HOLD, "key: type: want ecdsa-p256, ecdsa-p384, rsa-2048, "
		    "rsa-3072 or rsa-4096, have %s", type);
		return NULL;
	}
	pkey = kind->group != NULL ? EVP_EC_gen(kind->group) : EVP_RSA_gen((size_t)kind->bits);
	if (pkey == NULL) {
		(void)ossl_err(e, OUT_RETRY, "key: cannot make one of type %s", type);
		return NULL;
	}
	return adopt(pkey, kind, e);
}

void
key_free(struct key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);		/* clears the private numbers */
	free(k);
}

const char *
key_type(const struct key *k)
{
	return k->kind->name;
}

bool
key_is_private(const struct key *k)
{
	return k->is_private;
}

const char *
key_alg(const struct key *k)
{
	return k->kind->alg;
}

/* --- files --- */

/* Exactly one PKCS#8 block of the input, decoded. */
static int
find_block(struct span pem, struct buf *der, struct err *e)
{
	struct pem_rd r = pem_rd_of(pem, OUT_HOLD);
	struct pem_block b;
	enum pem_got got;
	bool found = false;

	while ((got = pem_next(&r, &b, e)) == PEM_BLOCK) {
		if (span_is(b.label, "CERTIFICATE"))
			continue;
		if (!span_is(b.label, "PRIVATE KEY")) {
			(void)err_set(e, OUT_HOLD, "key: line %zu: RFC 5958: want an unencrypted "
			    "PRIVATE KEY, have %.*s", b.line, (int)b.label.n,
			    (const char *)b.label.p);
			return err_hint(e, "openssl pkcs8 -topk8 -nocrypt -in FILE converts it");
		}
		if (found)
			return err_set(e, OUT_HOLD, "key: line %zu: a second private key: want "
			    "one", b.line);
		if (pem_decode(&r, &b, der, e) == -1)
			return err_in(e, "key");
		found = true;
	}
	if (got == PEM_BAD)
		return err_in(e, "key");
	if (!found)
		return err_set(e, OUT_HOLD, "key: there is no PRIVATE KEY in it");
	return 0;
}

/* RFC 5958, nothing behind it; NULL if it is none. */
static EVP_PKEY *
read_pkcs8(struct span der)
{
	const uint8_t *p = der.p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
	EVP_PKEY *pkey = NULL;

	if (info != NULL && p == der.p + der.n)
		pkey = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);		/* clears the octets */
	return pkey;
}

/* The file may hold a public half that was not made from the private one. */
static bool
halves_fit(const struct key *k)
{
	static const uint8_t input[] = "kamcert";
	EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
	uint8_t sig[SIG_MAX];
	size_t n = sizeof sig;
	bool fit;

	fit = sign != NULL && verify != NULL &&
	    EVP_DigestSignInit(sign, NULL, k->kind->md(), NULL, k->pkey) == 1 &&
	    EVP_DigestSign(sign, sig, &n, input, sizeof input) == 1 &&
	    EVP_DigestVerifyInit(verify, NULL, k->kind->md(), NULL, k->pkey) == 1 &&
	    EVP_DigestVerify(verify, sig, n, input, sizeof input) == 1;
	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	return fit;
}

/* Takes over pkey, also on failure. */
static struct key *
adopt_known(EVP_PKEY *pkey, struct err *e)
{
	const struct kind *kind = kind_of(pkey);

	if (kind != NULL)
		return adopt(pkey, kind, e);
	(void)err_set(e, OUT_HOLD, "key: want one of P-256, P-384, RSA of 2048, 3072 or 4096 bits, "
	    "have %s of %d bits", EVP_PKEY_get0_type_name(pkey), EVP_PKEY_get_bits(pkey));
	EVP_PKEY_free(pkey);
	return NULL;
}

static struct key *
key_from_der(struct span der, struct err *e)
{
	EVP_PKEY *pkey = read_pkcs8(der);
	struct key *k;

	if (pkey == NULL) {
		(void)ossl_err(e, OUT_HOLD, "key: RFC 5958: not a private key");
		return NULL;
	}
	if ((k = adopt_known(pkey, e)) == NULL)
		return NULL;
	if (!halves_fit(k)) {
		key_free(k);
		(void)ossl_err(e, OUT_HOLD, "key: its private half does not fit its public half");
		return NULL;
	}
	return k;
}

struct key *
key_from_pem(struct span pem, struct err *e)
{
	struct key *k = NULL;
	struct buf der;

	if (pem.n > KEY_PEM_MAX) {
		(void)err_set(e, OUT_HOLD, "key: %zu octets: want at most %d", pem.n, KEY_PEM_MAX);
		return NULL;
	}
	buf_init(&der, KEY_PEM_MAX);
	if (find_block(pem, &der, e) == 0)
		k = key_from_der(buf_span(&der), e);
	buf_clear(&der);
	return k;
}

int
key_to_pem(const struct key *k, struct buf *secret, struct err *e)
{
	PKCS8_PRIV_KEY_INFO *info = k->is_private ? EVP_PKEY2PKCS8(k->pkey) : NULL;
	uint8_t *der = NULL;
	int n = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);

	PKCS8_PRIV_KEY_INFO_free(info);
	if (n <= 0)
		return ossl_err(e, OUT_RETRY, "key: cannot be written as PKCS#8");
	pem_put(secret, "PRIVATE KEY", span_of(der, (size_t)n));
	OPENSSL_clear_free(der, (size_t)n);
	return buf_ok(secret) ? 0 : err_nomem(e);
}

/* --- requests --- */

/* A host name as dNSName, an IP literal as iPAddress; takes no other kind. */
static GENERAL_NAME *
general_name(const char *name)
{
	GENERAL_NAME *gn = GENERAL_NAME_new();
	uint8_t ip[16];
	int n = inet_pton(AF_INET, name, ip) == 1 ? 4 : inet_pton(AF_INET6, name, ip) == 1 ? 16 : 0;
	ASN1_STRING *s = n > 0 ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (gn == NULL || s == NULL || ASN1_STRING_set(s, n > 0 ? (const void *)ip : name,
	    n > 0 ? n : (int)strlen(name)) != 1) {
		GENERAL_NAME_free(gn);
		ASN1_STRING_free(s);
		return NULL;
	}
	GENERAL_NAME_set0_value(gn, n > 0 ? GEN_IPADD : GEN_DNS, s);
	return gn;
}

static GENERAL_NAMES *
general_names(const struct strs *names)
{
	GENERAL_NAMES *all = GENERAL_NAMES_new();

	for (size_t i = 0; i < names->n && all != NULL; i++) {
		GENERAL_NAME *gn = general_name(names->v[i]);

		if (gn == NULL || sk_GENERAL_NAME_push(all, gn) == 0) {
			GENERAL_NAME_free(gn);
			GENERAL_NAMES_free(all);
			all = NULL;
		}
	}
	return all;
}

/* RFC 2986 section 4.1: an extensionRequest with the names. */
static bool
request_names(X509_REQ *req, const struct strs *names)
{
	GENERAL_NAMES *all = general_names(names);
	STACK_OF(X509_EXTENSION) *exts = NULL;
	bool ok = all != NULL &&
	    X509V3_add1_i2d(&exts, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1 &&
	    X509_REQ_add_extensions(req, exts) == 1;

	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	GENERAL_NAMES_free(all);
	return ok;
}

/* The first host name that fits; none may. */
static bool
request_subject(X509_REQ *req, const struct strs *names)
{
	uint8_t ip[16];

	for (size_t i = 0; i < names->n; i++) {
		const char *s = names->v[i];

		if (strlen(s) > COMMON_NAME_MAX || inet_pton(AF_INET, s, ip) == 1 ||
		    inet_pton(AF_INET6, s, ip) == 1)
			continue;
		return X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), NID_commonName,
		    MBSTRING_UTF8, (const unsigned char *)s, -1, -1, 0) == 1;
	}
	return true;
}

int
key_csr(const struct key *k, const struct strs *names, bool common_name, struct buf *der,
    struct err *e)
{
	X509_REQ *req = X509_REQ_new();
	uint8_t *out = NULL;
	int n = -1;

	if (req != NULL && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
	    (!common_name || request_subject(req, names)) && request_names(req, names) &&
	    X509_REQ_set_pubkey(req, k->pkey) == 1 &&
	    X509_REQ_sign(req, k->pkey, k->kind->md()) > 0)
		n = i2d_X509_REQ(req, &out);
	X509_REQ_free(req);
	if (n <= 0)
		return ossl_err(e, OUT_RETRY, "key: cannot make a certificate request");
	buf_put(der, span_of(out, (size_t)n));
	OPENSSL_free(out);
	if (!buf_ok(der))
		return err_set(e, OUT_HOLD, "key: the certificate request is too large: fewer "
		    "names, please");
	return 0;
}

/* --- signatures --- */

/* RFC 7518 section 3.4: r and s, each as long as the curve's order. */
static bool
put_raw_ecdsa(struct buf *out, const struct kind *kind, struct span der)
{
	const uint8_t *p = der.p;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	int width = kind->bits / 8;
	uint8_t *room = buf_room(out, (size_t)width * 2);
	bool ok = sig != NULL && room != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), room, width) == width &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), room + width, width) == width;

	if (ok)
		buf_added(out, (size_t)width * 2);
	ECDSA_SIG_free(sig);
	return ok;
}

int
key_sign(const struct key *k, const char *alg, struct span input, struct buf *sig, struct err *e)
{
	EVP_MD_CTX *ctx;
	uint8_t out[SIG_MAX];
	size_t n = sizeof out;
	bool ok;

	if (strcmp(alg, k->kind->alg) != 0)
		return err_set(e, OUT_HOLD, "key: RFC 7518 section 3.1: a key of type %s signs "
		    "%s, not %s", k->kind->name, k->kind->alg, alg);
	ctx = EVP_MD_CTX_new();
	ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, k->kind->md(), NULL, k->pkey) == 1 &&
	    EVP_DigestSign(ctx, out, &n, input.p, input.n) == 1;
	EVP_MD_CTX_free(ctx);
	if (ok && k->kind->group == NULL)
		buf_put(sig, span_of(out, n));
	else if (ok)
		ok = put_raw_ecdsa(sig, k->kind, span_of(out, n));
	if (!ok || !buf_ok(sig))
		return ossl_err(e, OUT_RETRY, "key: cannot sign");
	return 0;
}

/* --- the public half --- */

/* A number of the public key as base64url; width 0 is as short as it goes. */
static bool
put_number(struct buf *out, const EVP_PKEY *pkey, const char *param, int width)
{
	BIGNUM *bn = NULL;
	uint8_t octets[SIG_MAX];
	bool ok = EVP_PKEY_get_bn_param(pkey, param, &bn) == 1;
	int n = !ok ? 0 : width > 0 ? width : BN_num_bytes(bn);

	ok = ok && n <= (int)sizeof octets && BN_bn2binpad(bn, octets, n) == n;
	if (ok)
		buf_base64url(out, span_of(octets, (size_t)n));
	BN_free(bn);
	return ok;
}

int
key_jwk(const struct key *k, struct buf *json, struct err *e)
{
	int width = k->kind->bits / 8;
	bool ok;

	if (k->kind->group != NULL) {
		buf_printf(json, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"", k->kind->crv);
		ok = put_number(json, k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, width);
		buf_str(json, "\",\"y\":\"");
		ok = ok && put_number(json, k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, width);
	} else {
		buf_str(json, "{\"e\":\"");
		ok = put_number(json, k->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
		buf_str(json, "\",\"kty\":\"RSA\",\"n\":\"");
		ok = ok && put_number(json, k->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
	}
	buf_str(json, "\"}");
	if (!ok || !buf_ok(json))
		return ossl_err(e, OUT_RETRY, "key: cannot be written as JWK");
	return 0;
}

struct key *
key_from_spki(struct span spki, struct err *e)
{
	const uint8_t *p = spki.p;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)spki.n);
	struct key *k;

	if (pkey == NULL || p != spki.p + spki.n) {
		EVP_PKEY_free(pkey);
		(void)ossl_err(e, OUT_HOLD, "key: RFC 5280 section 4.1.2.7: not a public key");
		return NULL;
	}
	if ((k = adopt_known(pkey, e)) != NULL)
		k->is_private = false;
	return k;
}

struct key *
key_public(const struct key *k, struct err *e)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);
	struct key *half = NULL;

	if (n > 0)
		half = key_from_spki(span_of(der, (size_t)n), e);
	else
		(void)ossl_err(e, OUT_RETRY, "key: cannot be copied");
	OPENSSL_free(der);
	return half;
}

int
key_public_digest(const struct key *k, uint8_t out[SHA256_LEN], struct err *e)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);
	int rc = n > 0 ? sha256(span_of(der, (size_t)n), out) : -1;

	OPENSSL_free(der);
	return rc == 0 ? 0 : ossl_err(e, OUT_RETRY, "key: cannot make its digest");
}

/* The same key in another encoding counts as well, but takes libcrypto much longer. */
static bool
decodes_to(const EVP_PKEY *pkey, struct span spki)
{
	const uint8_t *p = spki.p;
	EVP_PKEY *other = d2i_PUBKEY(NULL, &p, (long)spki.n);
	bool same = other != NULL && EVP_PKEY_eq(pkey, other) == 1;

	EVP_PKEY_free(other);
	ERR_clear_error();
	return same;
}

bool
key_has_public(const struct key *k, struct span spki)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);
	bool same = (n > 0 && span_eq(span_of(der, (size_t)n), spki)) ||
	    decodes_to(k->pkey, spki);

	OPENSSL_free(der);
	return same;
}

bool
key_same(const struct key *a, const struct key *b)
{
	bool same = EVP_PKEY_eq(a->pkey, b->pkey) == 1;

	ERR_clear_error();
	return same;
}
