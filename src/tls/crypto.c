/*
 * crypto: hash, HKDF and AEAD; see crypto.h.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "tls/crypto.h"
#include "tls/private.h"

#define BLOCK_MAX	128	/* SHA-384 and SHA-512 */

const struct tls_hash tls_hashes[TLS_NHASHES] = {
	{ TLS_SHA256, "SHA256", 32, 64 },
	{ TLS_SHA384, "SHA384", 48, 128 },
	{ TLS_SHA512, "SHA512", 64, 128 },
};

enum { AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, NAEADS };

/* RFC 8446 section 5.5: 2^24.5 records for AES-GCM; ChaCha20 never gets near its limit. */
#define GCM_RECORDS	((uint64_t)23726566)
#define CHACHA_RECORDS	((uint64_t)1 << 48)

static const struct tls_aead aeads[NAEADS] = {
	{ AES_128_GCM, "AES-128-GCM", 16, 8, GCM_RECORDS },
	{ AES_256_GCM, "AES-256-GCM", 32, 8, GCM_RECORDS },
	{ CHACHA20_POLY1305, "ChaCha20-Poly1305", 32, 0, CHACHA_RECORDS },
};

#define S13(id, name, aead, hash) { id, TLS_1_3, name, &aeads[aead], &tls_hashes[hash], false }
#define S12(id, name, aead, hash, rsa) { id, TLS_1_2, name, &aeads[aead], &tls_hashes[hash], rsa }

/* In order of preference. RFC 8446 section B.4, RFC 5289 section 3.2, RFC 7905 section 2. */
const struct tls_suite tls_suites[TLS_NSUITES] = {
	S13(0x1301, "TLS_AES_128_GCM_SHA256", AES_128_GCM, TLS_SHA256),
	S13(0x1302, "TLS_AES_256_GCM_SHA384", AES_256_GCM, TLS_SHA384),
	S13(0x1303, "TLS_CHACHA20_POLY1305_SHA256", CHACHA20_POLY1305, TLS_SHA256),
	S12(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", AES_128_GCM, TLS_SHA256, false),
	S12(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", AES_128_GCM, TLS_SHA256, true),
	S12(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", AES_256_GCM, TLS_SHA384, false),
	S12(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", AES_256_GCM, TLS_SHA384, true),
	S12(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", CHACHA20_POLY1305,
	    TLS_SHA256, false),
	S12(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CHACHA20_POLY1305,
	    TLS_SHA256, true),
};

/* Fetched once, never freed: they live as long as the process. */
static EVP_MD *mds[TLS_NHASHES];
static EVP_CIPHER *ciphers[NAEADS];
static EVP_MD_CTX *scratch;

int
tls_crypto_failed(struct err *e, const char *what)
{
	char text[128];

	ERR_error_string_n(ERR_peek_error(), text, sizeof(text));
	ERR_clear_error();
	return err_set(e, OUT_RETRY, "%s: libcrypto: %s", what, text);
}

bool
tls_crypto_no_memory(void)
{
	unsigned long code;
	bool found = false;

	while ((code = ERR_get_error()) != 0)
		found |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
	return found;
}

int
tls_crypto_init(struct err *e)
{
	size_t i;

	if (scratch != NULL)
		return 0;
	for (i = 0; i < TLS_NHASHES; i++)
		if (mds[i] == NULL &&
		    (mds[i] = EVP_MD_fetch(NULL, tls_hashes[i].name, NULL)) == NULL)
			return tls_crypto_failed(e, tls_hashes[i].name);
	for (i = 0; i < NAEADS; i++)
		if (ciphers[i] == NULL &&
		    (ciphers[i] = EVP_CIPHER_fetch(NULL, aeads[i].name, NULL)) == NULL)
			return tls_crypto_failed(e, aeads[i].name);
	if (tls_pubkey_init(e) == -1)
		return -1;
	if ((scratch = EVP_MD_CTX_new()) == NULL)
		return err_nomem(e);
	return 0;
}

/* --- hash --- */

const EVP_MD *
tls_hash_md(const struct tls_hash *h)
{
	return mds[h->id];
}

/* first, then the parts. */
static int
digest(const struct tls_hash *h, struct span first, const struct span *parts, size_t n,
    uint8_t *out)
{
	if (EVP_DigestInit_ex2(scratch, mds[h->id], NULL) != 1 ||
	    EVP_DigestUpdate(scratch, first.p, first.n) != 1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (parts[i].n > 0 && EVP_DigestUpdate(scratch, parts[i].p, parts[i].n) != 1)
			return -1;
	return EVP_DigestFinal_ex(scratch, out, NULL) == 1 ? 0 : -1;
}

int
tls_digest(const struct tls_hash *h, const struct span *parts, size_t n, uint8_t *out,
    struct err *e)
{
	if (digest(h, SPAN_NONE, parts, n, out) == -1)
		return tls_crypto_failed(e, h->name);
	return 0;
}

/* RFC 2104. libcrypto's own HMAC costs three times as much, all of it in looking things up. */
int
tls_hmac(const struct tls_hash *h, struct span key, const struct span *parts, size_t n,
    uint8_t *out)
{
	uint8_t pad[BLOCK_MAX], inner[TLS_SIGN_HASH_MAX];
	struct span inner_span;
	size_t i;
	int rc = -1;

	memset(pad, 0, sizeof(pad));
	if (key.n > h->block) {
		if (digest(h, key, NULL, 0, pad) == -1)
			goto out;
	} else if (key.n > 0)
		memcpy(pad, key.p, key.n);
	for (i = 0; i < h->block; i++)
		pad[i] ^= 0x36;
	if (digest(h, span_of(pad, h->block), parts, n, inner) == -1)
		goto out;
	inner_span = span_of(inner, h->len);
	for (i = 0; i < h->block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	if (digest(h, span_of(pad, h->block), &inner_span, 1, out) == -1)
		goto out;
	rc = 0;
out:
	wipe(pad, sizeof(pad));
	wipe(inner, sizeof(inner));
	return rc;
}

int
tls_hkdf_extract(const struct tls_hash *h, struct span salt, struct span ikm, uint8_t *out)
{
	return tls_hmac(h, salt, &ikm, 1, out);
}

int
tls_hkdf_expand(const struct tls_hash *h, struct span secret, struct span info, uint8_t *out,
    size_t n)
{
	uint8_t t[TLS_SIGN_HASH_MAX], count = 0;
	struct span parts[3] = { SPAN_NONE, info, span_of(&count, 1) };
	size_t take;
	int rc = -1;

	if (n > 255 * h->len)
		return -1;
	while (n > 0) {
		count++;
		if (tls_hmac(h, secret, parts, 3, t) == -1)
			goto out;
		parts[0] = span_of(t, h->len);
		take = n < h->len ? n : h->len;
		memcpy(out, t, take);
		out += take;
		n -= take;
	}
	rc = 0;
out:
	wipe(t, sizeof(t));
	return rc;
}

int
tls_prf(const struct tls_hash *h, struct span secret, struct span seed, uint8_t *out, size_t n)
{
	uint8_t a[TLS_SIGN_HASH_MAX], t[TLS_SIGN_HASH_MAX];
	struct span parts[2] = { seed, seed };
	size_t take;
	int rc = -1;

	/* A(0) is the seed, A(i) the HMAC of A(i - 1). */
	while (n > 0) {
		if (tls_hmac(h, secret, parts, 1, a) == -1)
			goto out;
		parts[0] = span_of(a, h->len);
		if (tls_hmac(h, secret, parts, 2, t) == -1)
			goto out;
		take = n < h->len ? n : h->len;
		memcpy(out, t, take);
		out += take;
		n -= take;
	}
	rc = 0;
out:
	wipe(a, sizeof(a));
	wipe(t, sizeof(t));
	return rc;
}

/* --- suites and AEAD --- */

const struct tls_suite *
tls_suite_find(uint16_t id)
{
	for (size_t i = 0; i < TLS_NSUITES; i++)
		if (tls_suites[i].id == id)
			return &tls_suites[i];
	return NULL;
}

EVP_CIPHER_CTX *
tls_aead_new(const struct tls_aead *a, const uint8_t *key, bool is_seal)
{
	EVP_CIPHER_CTX *ctx;

	if ((ctx = EVP_CIPHER_CTX_new()) == NULL)
		return NULL;
	if (EVP_CipherInit_ex2(ctx, ciphers[a->id], key, NULL, is_seal, NULL) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

int
tls_aead_seal(EVP_CIPHER_CTX *ctx, const struct tls_aead_io *io)
{
	int n = 0, end = 0;

	/* ChaCha20-Poly1305 takes its tag only after the last call, which gives no octets. */
	if (EVP_EncryptInit_ex2(ctx, NULL, NULL, io->nonce, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, io->aad.p, (int)io->aad.n) != 1 ||
	    EVP_EncryptUpdate(ctx, io->out, &n, io->in.p, (int)io->in.n) != 1 ||
	    EVP_EncryptFinal_ex(ctx, io->out + n, &end) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_LEN, io->out + io->in.n) != 1)
		return -1;
	return (size_t)n == io->in.n && end == 0 ? 0 : -1;
}

int
tls_aead_open(EVP_CIPHER_CTX *ctx, const struct tls_aead_io *io)
{
	uint8_t tag[TLS_TAG_LEN];
	size_t body;
	int n = 0, end = 0;

	if (io->in.n < TLS_TAG_LEN)
		return -1;
	body = io->in.n - TLS_TAG_LEN;
	memcpy(tag, io->in.p + body, sizeof(tag));
	if (EVP_DecryptInit_ex2(ctx, NULL, NULL, io->nonce, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TLS_TAG_LEN, tag) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, io->aad.p, (int)io->aad.n) != 1 ||
	    (body > 0 && EVP_DecryptUpdate(ctx, io->out, &n, io->in.p, (int)body) != 1) ||
	    EVP_DecryptFinal_ex(ctx, io->out + (body > 0 ? n : 0), &end) != 1) {
		ERR_clear_error();
		return -1;
	}
	return 0;
}
