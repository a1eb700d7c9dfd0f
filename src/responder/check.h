/*
 * check: RFC 8555's rules for what clients send, and the problems that they are told.
 */
#ifndef KAMCERT_RESPONDER_CHECK_H
#define KAMCERT_RESPONDER_CHECK_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/json.h"
#include "responder/state.h"

struct problem {
	int		 status;	/* 0: none */
	const char	*type;		/* without the name space */
	char		 detail[512];
	int64_t		 retry_after;	/* seconds, 0: no header */
	const char	*link;		/* Link header as a whole, or NULL */
	const char	*extra;		/* further members, ",\"subproblems\":[...]" */
};

/* Always -1. */
int		problem_set(struct problem *, int status, const char *type, const char *fmt, ...)
		    PRINTF(4, 5);
void		problem_json(const struct problem *, struct json_out *, const char *key);

/* --- check.c, csr.c --- */

struct jws {
	struct json_doc	*header;
	struct json_doc	*body;		/* of the payload; NULL if that is empty */
	struct buf	 payload;
	EVP_PKEY	*jwk;		/* embedded key, or NULL */
	uint8_t		 thumb[SHA256_LEN];	/* of jwk */
	const char	*kid;		/* or NULL */
	const char	*alg;
	const char	*nonce;		/* NULL if there is none */
	const char	*url;
	struct buf	 signing;	/* what the signature is over */
	struct buf	 signature;
};

void		jws_init(struct jws *);
void		jws_clear(struct jws *);

/* Flattened JSON serialization (RFC 8555 section 6.2); verifies nothing yet. */
MUST_CHECK int	jws_read(struct span, struct jws *, struct problem *);
MUST_CHECK int	jws_read_value(const struct json *, struct jws *, struct problem *);
MUST_CHECK int	jws_verify(const struct jws *, EVP_PKEY *, struct problem *);
MUST_CHECK int	jws_verify_hmac(const struct jws *, struct span key, struct problem *);

/* A JWK (RFC 7517) and its thumbprint (RFC 7638). The key is the caller's. */
MUST_CHECK int	jwk_read(const struct json *, EVP_PKEY **, uint8_t thumb[SHA256_LEN],
		    struct problem *);

/*
 * "dns" and "ip" identifiers (RFC 8555 section 7.1.4, RFC 8738); canonical. The
 * value is the caller's.
 */
MUST_CHECK int	ident_read(const char *type, const char *value, struct ident *, struct problem *);
bool		ident_same(const struct ident *, const struct ident *);

struct csr {
	X509_REQ	*req;
	EVP_PKEY	*key;		/* borrowed from req */
};

/* Signature, key, and exactly the identifiers of the order (RFC 8555 section 7.4). */
MUST_CHECK int	csr_check(struct span der, const struct order *, struct csr *, struct problem *);
void		csr_clear(struct csr *);

#endif
