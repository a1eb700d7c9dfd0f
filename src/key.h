/*
 * key: private keys, certificate requests and signatures.
 *
 * The only file that sees key bits. Keys of an account sign JWS (RFC 7515),
 * keys of a certificate sign their request; both are of the types that CAs
 * take (ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096), and the two
 * must differ (RFC 8555 section 11.1), which key_same() tells. Where a key is
 * kept and who may read it there is not seen to here.
 */
#ifndef KAMCERT_KEY_H
#define KAMCERT_KEY_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"

struct key;

#define KEY_PEM_MAX	(64 * 1024)	/* octets of a file with a key and certificates */
#define KEY_CSR_MAX	(64 * 1024)	/* octets of a request */

/* A fresh key of a named type. HOLD for an unknown name, RETRY when none could be made. */
MUST_CHECK struct key *key_new(const char *type, struct err *e);

/*
 * Reads one unencrypted PKCS#8 key; text and certificates around it are
 * passed over. HOLD when there is none or more than one, when it is of
 * another type or form, and when its private half does not fit its public one.
 */
MUST_CHECK struct key *key_from_pem(struct span pem, struct err *e);

/* Appends the key as unencrypted PKCS#8. The caller's buf_clear() wipes it. */
MUST_CHECK int	key_to_pem(const struct key *, struct buf *secret, struct err *e);

void	key_free(struct key *);		/* wipes; NULL allowed */

/*
 * The public half alone, for a request that an operator has made: it can be
 * compared, and neither sign nor be written. NULL is RETRY.
 */
MUST_CHECK struct key *key_public(const struct key *, struct err *e);

/* The same of a DER SubjectPublicKeyInfo. HOLD for another type. */
MUST_CHECK struct key *key_from_spki(struct span spki, struct err *e);

bool	key_is_private(const struct key *);

const char	*key_type(const struct key *);	/* "ecdsa-p256", ... */

/* The one JWS algorithm that fits (RFC 7518 section 3.1): "ES256", "ES384", "RS256". */
const char	*key_alg(const struct key *);

/*
 * Appends a PKCS#10 request in DER (RFC 2986) for these canonical host names
 * and IP literals, all as subject alternative names. common_name also makes
 * the first host name that is short enough the subject.
 */
MUST_CHECK int	key_csr(const struct key *, const struct strs *names, bool common_name,
		    struct buf *der, struct err *e);

/*
 * Appends the signature of input as JWS wants it: r and s side by side for
 * ECDSA (RFC 7518 section 3.4). HOLD when alg is not the key's own.
 */
MUST_CHECK int	key_sign(const struct key *, const char *alg, struct span input,
		    struct buf *sig, struct err *e);

/* Appends the public half as JWK with the members and the order of RFC 7638 section 3.2. */
MUST_CHECK int	key_jwk(const struct key *, struct buf *json, struct err *e);

/* SHA-256 of the SubjectPublicKeyInfo. */
MUST_CHECK int	key_public_digest(const struct key *, uint8_t out[SHA256_LEN], struct err *e);

/* Is this DER SubjectPublicKeyInfo our public half? */
bool	key_has_public(const struct key *, struct span spki);

/* Have both the same public half? */
bool	key_same(const struct key *, const struct key *);

#endif
