/*
 * pubkey: key exchange and signatures; see crypto.h.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tls/crypto.h"
#include "tls/private.h"

#define UNCOMPRESSED	4	/* RFC 8446 section 4.2.8.2 */

/* In order of preference. RFC 8446 section 4.2.7. */
const struct tls_group tls_groups[TLS_NGROUPS] = {
	{ 0, 0x001d, "x25519", "X25519", NULL, 32, 32 },
	{ 1, 0x0017, "secp256r1", "EC", "P-256", 65, 32 },
	{ 2, 0x0018, "secp384r1", "EC", "P-384", 97, 48 },
};

#define SHA(n)	&tls_hashes[TLS_SHA##n]

/* In order of preference. RFC 8446 section 4.2.3. */
const struct tls_scheme tls_schemes[TLS_NSCHEMES] = {
	{ 0, 0x0403, "ecdsa_secp256r1_sha256", TLS_KEY_EC256, SHA(256), false, false },
	{ 1, 0x0503, "ecdsa_secp384r1_sha384", TLS_KEY_EC384, SHA(384), false, false },
	{ 2, 0x0804, "rsa_pss_rsae_sha256", TLS_KEY_RSA, SHA(256), true, false },
	{ 3, 0x0805, "rsa_pss_rsae_sha384", TLS_KEY_RSA, SHA(384), true, false },
	{ 4, 0x0806, "rsa_pss_rsae_sha512", TLS_KEY_RSA, SHA(512), true, false },
	{ 5, 0x0809, "rsa_pss_pss_sha256", TLS_KEY_RSA_PSS, SHA(256), true, false },
	{ 6, 0x080a, "rsa_pss_pss_sha384", TLS_KEY_RSA_PSS, SHA(384), true, false },
	{ 7, 0x080b, "rsa_pss_pss_sha512", TLS_KEY_RSA_PSS, SHA(512), true, false },
	{ 8, 0x0401, "rsa_pkcs1_sha256", TLS_KEY_RSA, SHA(256), false, true },
	{ 9, 0x0501, "rsa_pkcs1_sha384", TLS_KEY_RSA, SHA(384), false, true },
	{ 10, 0x0601, "rsa_pkcs1_sha512", TLS_KEY_RSA, SHA(512), false, true },
};

/*
 * Made once, never freed: what generates keys of a group, and a key whose
 * public half is replaced by that of the peer at hand. A new context or key
 * costs libcrypto 5 to 20 microseconds.
 */
static EVP_PKEY_CTX *generators[TLS_NGROUPS];
static EVP_PKEY *peers[TLS_NGROUPS];

static EVP_PKEY_CTX *
new_generator(const struct tls_group *g)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, g->type, NULL);

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    (g->curve != NULL && EVP_PKEY_CTX_set_group_name(ctx, g->curve) != 1)) {
		EVP_PKEY_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

int
tls_pubkey_init(struct err *e)
{
	for (size_t i = 0; i < TLS_NGROUPS; i++) {
		if (generators[i] == NULL &&
		    (generators[i] = new_generator(&tls_groups[i])) == NULL)
			return tls_crypto_failed(e, tls_groups[i].name);
		if (peers[i] == NULL && EVP_PKEY_generate(generators[i], &peers[i]) != 1)
			return tls_crypto_failed(e, tls_groups[i].name);
	}
	return 0;
}

/* --- key exchange --- */

const struct tls_group *
tls_group_find(uint16_t id)
{
	for (size_t i = 0; i < TLS_NGROUPS; i++)
		if (tls_groups[i].id == id)
			return &tls_groups[i];
	return NULL;
}

int
tls_kx_generate(const struct tls_group *g, const uint8_t *secret, EVP_PKEY **out, struct err *e)
{
	*out = NULL;
	if (secret != NULL && g->curve == NULL)
		*out = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, g->secret_len);
	else if (EVP_PKEY_generate(generators[g->index], out) != 1)
		*out = NULL;
	return *out != NULL ? 0 : tls_crypto_failed(e, g->name);
}

int
tls_kx_share(const struct tls_group *g, EVP_PKEY *key, uint8_t out[TLS_SHARE_MAX], struct err *e)
{
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, out,
	    TLS_SHARE_MAX, &n) != 1 || n != g->share_len)
		return tls_crypto_failed(e, g->name);
	return 0;
}

enum tls_kx_result
tls_kx_derive(const struct tls_group *g, EVP_PKEY *key, struct span peer,
    uint8_t out[TLS_SECRET_MAX])
{
	EVP_PKEY_CTX *ctx;
	size_t n = TLS_SECRET_MAX;
	enum tls_kx_result rc = TLS_KX_FAILED;

	/*
	 * libcrypto would take compressed points, too; it does check that a point is
	 * on the curve.
	 */
	if (peer.n != g->share_len || (g->curve != NULL && peer.p[0] != UNCOMPRESSED))
		return TLS_KX_BAD_SHARE;
	if (EVP_PKEY_set1_encoded_public_key(peers[g->index], peer.p, peer.n) != 1)
		return tls_crypto_no_memory() ? TLS_KX_FAILED : TLS_KX_BAD_SHARE;
	if ((ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL)) == NULL ||
	    EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer_ex(ctx, peers[g->index], 0) != 1)
		goto out;
	/*
	 * What may still be wrong with the share is a result of zero (RFC 8446
	 * section 7.4.2).
	 */
	if (EVP_PKEY_derive(ctx, out, &n) == 1 && n == g->secret_len)
		rc = TLS_KX_OK;
	else
		rc = tls_crypto_no_memory() ? TLS_KX_FAILED : TLS_KX_BAD_SHARE;
out:
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

/* --- signatures --- */

const struct tls_scheme *
tls_scheme_find(uint16_t id)
{
	for (size_t i = 0; i < TLS_NSCHEMES; i++)
		if (tls_schemes[i].id == id)
			return &tls_schemes[i];
	return NULL;
}

enum tls_key_kind
tls_key_kind(const EVP_PKEY *key)
{
	char curve[32];

	if (EVP_PKEY_is_a(key, "RSA"))
		return TLS_KEY_RSA;
	if (EVP_PKEY_is_a(key, "RSA-PSS"))
		return TLS_KEY_RSA_PSS;
	if (!EVP_PKEY_is_a(key, "EC") ||
	    EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1)
		return TLS_KEY_NONE;
	if (strcmp(curve, SN_X9_62_prime256v1) == 0)
		return TLS_KEY_EC256;
	return strcmp(curve, SN_secp384r1) == 0 ? TLS_KEY_EC384 : TLS_KEY_NONE;
}

static bool
is_ecdsa(enum tls_key_kind kind)
{
	return kind == TLS_KEY_EC256 || kind == TLS_KEY_EC384;
}

bool
tls_scheme_fits(const struct tls_scheme *s, enum tls_key_kind kind, int size, uint16_t version)
{
	if (s->only_12 && version != TLS_1_2)
		return false;
	if (version == TLS_1_2 && is_ecdsa(kind))
		return is_ecdsa(s->kind);
	if (kind != s->kind)
		return false;
	/* RFC 8017 section 9.1.1: hash, salt of the same length, two octets more. */
	return !s->is_pss || (size_t)size >= 2 * s->hash->len + 2;
}

EVP_PKEY_CTX *
tls_sign_new(const struct tls_scheme *s, EVP_PKEY *key, bool is_sign)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	const EVP_MD *md = tls_hash_md(s->hash);

	if (ctx == NULL || (is_sign ? EVP_PKEY_sign_init(ctx) : EVP_PKEY_verify_init(ctx)) != 1)
		goto fail;
	/* A key of type RSA-PSS may bring parameters that forbid this hash. */
	if (s->is_pss && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1)
		goto fail;
	if (EVP_PKEY_CTX_set_signature_md(ctx, md) != 1)
		goto fail;
	if (s->is_pss && (EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) != 1 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) != 1))
		goto fail;
	return ctx;
fail:
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}

int
tls_sign(const struct tls_scheme *s, EVP_PKEY_CTX *ctx, const struct span parts[2],
    struct buf *out, struct err *e)
{
	uint8_t hash[TLS_SIGN_HASH_MAX], *room;
	size_t n = (size_t)EVP_PKEY_get_size(EVP_PKEY_CTX_get0_pkey(ctx));

	if (tls_digest(s->hash, parts, 2, hash, e) == -1)
		return -1;
	if ((room = buf_room(out, n)) == NULL)
		return err_nomem(e);
	if (EVP_PKEY_sign(ctx, room, &n, hash, s->hash->len) != 1)
		return tls_crypto_failed(e, s->name);
	buf_added(out, n);
	return 0;
}

int
tls_verify_signature(const struct tls_scheme *s, EVP_PKEY *key, const struct span parts[2],
    struct span signature, struct err *e)
{
	uint8_t hash[TLS_SIGN_HASH_MAX];
	EVP_PKEY_CTX *ctx;
	int rc;

	if (tls_digest(s->hash, parts, 2, hash, e) == -1)
		return -1;
	if ((ctx = tls_sign_new(s, key, false)) == NULL)
		return err_nomem(e);
	rc = EVP_PKEY_verify(ctx, signature.p, signature.n, hash, s->hash->len);
	EVP_PKEY_CTX_free(ctx);
	if (rc == 1)
		return 0;
	if (tls_crypto_no_memory())
		return err_nomem(e);
	return err_set(e, OUT_REFUSE, "%s: the signature does not hold", s->name);
}

int
tls_cert_key(struct span der, EVP_PKEY **out, struct err *e)
{
	const uint8_t *p = der.p;
	X509 *cert = d2i_X509(NULL, &p, (long)der.n);

	*out = NULL;
	if (cert != NULL && p == der.p + der.n)
		*out = X509_get_pubkey(cert);
	X509_free(cert);
	if (*out != NULL)
		return 0;
	if (tls_crypto_no_memory())
		return err_nomem(e);
	return err_set(e, OUT_REFUSE, "no X.509 certificate with a key");
}
