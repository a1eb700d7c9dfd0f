/*
 * jws: what ACME has signed (RFC 8555 section 6.2), as texts.
 *
 * Nothing is signed here: the caller is given the signing input, and brings
 * the signature (RFC 7518: R || S for ES256 and ES384). The library does not
 * use this for its own requests; whoever holds the keys does.
 */
#ifndef KAMCERT_ACME_JWS_H
#define KAMCERT_ACME_JWS_H

#include "base/bytes.h"
#include "base/err.h"

#define JWS_MAX		(64 * 1024)	/* of a JWS and of each of its parts */

#define JWS_THUMBPRINT_TEXT 44	/* base64url of SHA-256, and a NUL */

/* Of a public key as RFC 7638 section 3 digests it. RETRY if libcrypto fails. */
MUST_CHECK int	jws_thumbprint(struct span jwk, char out[JWS_THUMBPRINT_TEXT], struct err *e);

/* Protected header; either kid or jwk. */
struct jws_header {
	const char	*alg;	/* "ES256", "ES384", "RS256", "HS256", ... */
	const char	*nonce;	/* base64url; NULL in an inner JWS */
	const char	*url;	/* https, visible ASCII */
	const char	*kid;	/* NULL: jwk */
	struct span	 jwk;
};

/*
 * The signing input of RFC 7515 section 5.1: protected header, dot, payload,
 * both base64url. An empty payload is POST-as-GET. HOLD if a field of the
 * header is not what it should be.
 */
MUST_CHECK int	jws_input(const struct jws_header *, struct span payload, struct buf *out,
		    struct err *e);

/* Flattened JSON (RFC 7515 section 7.2.2) from the input and the signature over it. */
MUST_CHECK int	jws_finish(struct span input, struct span signature, struct buf *out,
		    struct err *e);

/* Payload of the inner JWS of a key rollover, RFC 8555 section 7.3.5. */
void		jws_rollover(struct buf *out, const char *account, struct span old_jwk);

/*
 * The whole external account binding, RFC 8555 section 7.3.4: alg is HS256,
 * HS384 or HS512; key are the octets of the HMAC key; url is newAccount.
 */
struct jws_eab {
	const char	*alg;
	const char	*kid;
	const char	*url;
	struct span	 key;
	struct span	 jwk;	/* of the account's key */
};

MUST_CHECK int	jws_eab(const struct jws_eab *, struct buf *out, struct err *e);

#endif
