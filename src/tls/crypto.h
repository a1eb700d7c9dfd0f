/*
 * tls/crypto: hash, HKDF, AEAD, key exchange and signature, as constant
 * tables over libcrypto.
 *
 * Algorithms are fetched once per process, and what libcrypto can prepare
 * (signing contexts, peers of a key exchange) is prepared once: looking
 * things up costs it more than a hash. Nothing here knows of messages.
 * crypto.c has the symmetric half, pubkey.c the other.
 */
#ifndef KAMCERT_TLS_CRYPTO_H
#define KAMCERT_TLS_CRYPTO_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"

#define TLS_HASH_MAX	48	/* SHA-384 */
#define TLS_SIGN_HASH_MAX 64	/* SHA-512 */
#define TLS_KEY_MAX	32
#define TLS_IV_LEN	12
#define TLS_TAG_LEN	16
#define TLS_SHARE_MAX	97	/* P-384, uncompressed */
#define TLS_SECRET_MAX	48	/* of a key exchange */

/* Fetches everything; at once after the first time. RETRY when libcrypto cannot. */
MUST_CHECK int	tls_crypto_init(struct err *e);

/* -1 with the first words of libcrypto's own error. */
int		tls_crypto_failed(struct err *e, const char *what);

/* Did libcrypto fail for want of memory? Forgets its errors. */
bool		tls_crypto_no_memory(void);

/* --- hash --- */

enum tls_hash_id { TLS_SHA256, TLS_SHA384, TLS_SHA512, TLS_NHASHES };

struct tls_hash {
	enum tls_hash_id id;
	const char	*name;
	size_t		 len;
	size_t		 block;
};

extern const struct tls_hash tls_hashes[TLS_NHASHES];

const EVP_MD	*tls_hash_md(const struct tls_hash *);
MUST_CHECK int	tls_digest(const struct tls_hash *, const struct span *parts, size_t n,
		    uint8_t *out, struct err *e);
MUST_CHECK int	tls_hmac(const struct tls_hash *, struct span key, const struct span *parts,
		    size_t n, uint8_t *out);

/* RFC 5869 section 2.2; out has the hash's length. An empty salt is a string of zeros. */
MUST_CHECK int	tls_hkdf_extract(const struct tls_hash *, struct span salt, struct span ikm,
		    uint8_t *out);

/* RFC 5869 section 2.3; n is at most 255 hashes. */
MUST_CHECK int	tls_hkdf_expand(const struct tls_hash *, struct span secret, struct span info,
		    uint8_t *out, size_t n);

/* P_hash of RFC 5246 section 5; seed is the label and the seed proper. */
MUST_CHECK int	tls_prf(const struct tls_hash *, struct span secret, struct span seed,
		    uint8_t *out, size_t n);

/* --- suites and AEAD --- */

enum tls_key_kind { TLS_KEY_NONE, TLS_KEY_EC256, TLS_KEY_EC384, TLS_KEY_RSA, TLS_KEY_RSA_PSS };

struct tls_aead {
	unsigned	 id;		/* index of the fetched cipher */
	const char	*name;
	size_t		 key_len;
	size_t		 explicit_len;	/* TLS 1.2: octets of the nonce that go with the record */
	uint64_t	 records_max;	/* RFC 8446 section 5.5: under one key */
};

struct tls_suite {
	uint16_t		 id;
	uint16_t		 version;
	const char		*name;
	const struct tls_aead	*aead;
	const struct tls_hash	*hash;
	bool			 is_rsa;	/* TLS 1.2: the key that signs */
};

#define TLS_NSUITES 9
extern const struct tls_suite tls_suites[TLS_NSUITES];
const struct tls_suite	*tls_suite_find(uint16_t id);	/* NULL if unknown */

/* A new context for one direction, with key and algorithm set; NULL on failure. */
EVP_CIPHER_CTX	*tls_aead_new(const struct tls_aead *, const uint8_t *key, bool is_seal);

struct tls_aead_io {
	const uint8_t	*nonce;		/* TLS_IV_LEN */
	struct span	 aad;
	struct span	 in;
	uint8_t		*out;		/* TLS_TAG_LEN octets more than in, or less */
};

/* in and out may be the same place. 0, or -1; an open that fails leaves rubbish in out. */
MUST_CHECK int	tls_aead_seal(EVP_CIPHER_CTX *, const struct tls_aead_io *);
MUST_CHECK int	tls_aead_open(EVP_CIPHER_CTX *, const struct tls_aead_io *);

/* --- key exchange --- */

#define TLS_NGROUPS 3

struct tls_group {
	unsigned	 index;
	uint16_t	 id;
	const char	*name;
	const char	*type;		/* for libcrypto */
	const char	*curve;		/* NULL for x25519 */
	size_t		 share_len;
	size_t		 secret_len;
};

extern const struct tls_group tls_groups[TLS_NGROUPS];
const struct tls_group	*tls_group_find(uint16_t id);

/* A key pair of one's own; secret (32 octets) sets an x25519 key and may be NULL. */
MUST_CHECK int	tls_kx_generate(const struct tls_group *, const uint8_t *secret, EVP_PKEY **out,
		    struct err *e);
MUST_CHECK int	tls_kx_share(const struct tls_group *, EVP_PKEY *, uint8_t out[TLS_SHARE_MAX],
		    struct err *e);

enum tls_kx_result { TLS_KX_OK, TLS_KX_BAD_SHARE, TLS_KX_FAILED };

/*
 * The shared secret (secret_len octets). BAD_SHARE is the peer's fault: length, no
 * point of the curve, all zero.
 */
enum tls_kx_result tls_kx_derive(const struct tls_group *, EVP_PKEY *, struct span peer,
		    uint8_t out[TLS_SECRET_MAX]);

/* --- signatures --- */

#define TLS_NSCHEMES 11

struct tls_scheme {
	unsigned		 index;
	uint16_t		 id;
	const char		*name;
	enum tls_key_kind	 kind;
	const struct tls_hash	*hash;
	bool			 is_pss;
	bool			 only_12;	/* for certificates and TLS 1.2 */
};

extern const struct tls_scheme tls_schemes[TLS_NSCHEMES];
const struct tls_scheme	*tls_scheme_find(uint16_t id);

enum tls_key_kind tls_key_kind(const EVP_PKEY *);

/*
 * May a key of this kind, whose signatures have up to size octets, sign by this
 * scheme? In TLS 1.2 an ECDSA scheme is a hash and says nothing of the curve (RFC
 * 8446 section 4.2.3).
 */
bool		tls_scheme_fits(const struct tls_scheme *, enum tls_key_kind, int size,
		    uint16_t version);

/* A context that signs or verifies again and again; NULL on failure. */
EVP_PKEY_CTX	*tls_sign_new(const struct tls_scheme *, EVP_PKEY *, bool is_sign);

/* Appends the signature over the parts. */
MUST_CHECK int	tls_sign(const struct tls_scheme *, EVP_PKEY_CTX *, const struct span parts[2],
		    struct buf *out, struct err *e);

/* REFUSE if the signature does not hold, RETRY if that could not be found out. */
MUST_CHECK int	tls_verify_signature(const struct tls_scheme *, EVP_PKEY *,
		    const struct span parts[2], struct span signature, struct err *e);

/* The public key of a DER certificate, the caller's; REFUSE if it is none, RETRY as above. */
MUST_CHECK int	tls_cert_key(struct span der, EVP_PKEY **out, struct err *e);

#endif
