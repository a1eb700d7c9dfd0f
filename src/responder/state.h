/*
 * state: accounts, orders, authorizations, certificates and nonces, in memory.
 */
#ifndef KAMCERT_RESPONDER_STATE_H
#define KAMCERT_RESPONDER_STATE_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/json.h"
#include "responder/map.h"

struct options;
struct state;

enum ident_type { IDENT_DNS, IDENT_IP };

#define IDENTS_MAX 100	/* of one order */

struct ident {
	enum ident_type	 type;
	bool		 wildcard;	/* the value is without its "*." */
	char		*value;		/* canonical */
};

enum challenge_type { CHAL_HTTP, CHAL_ALPN, CHAL_DNS, CHAL_PERSIST };
#define CHALLENGES 4

enum status {
	ST_PENDING, ST_PROCESSING, ST_READY, ST_VALID, ST_INVALID, ST_DEACTIVATED, ST_REVOKED,
	ST_EXPIRED,
};
const char	*status_word(enum status);
const char	*challenge_word(enum challenge_type);

struct account {
	uint32_t	 id;
	enum status	 status;	/* valid, deactivated or revoked */
	EVP_PKEY	*key;
	uint8_t		 thumb[SHA256_LEN];
	char		*contacts;	/* JSON array */
	char		*eab;		/* JSON object or NULL */
	bool		 agreed;
	struct vec	 orders;
};

struct authz {
	uint32_t	 id;
	enum status	 status;
	struct account	*account;
	struct ident	 ident;
	int64_t		 expires;
	int64_t		 validated;
	int8_t		 tried;		/* enum challenge_type, -1: none yet */
	enum status	 tried_status;
	char		*problem;	/* JSON object of the challenge that failed */
	bool		 asked_for;	/* by newAuthz: the next order uses it */
	uint8_t		 shown;		/* status faults: how often it was shown */
};

struct cert;
struct order {
	uint32_t	 id;
	enum status	 status;	/* pending becomes ready when it is looked at */
	struct account	*account;
	struct authz	**authz;
	size_t		 nauthz;
	const char	*profile;	/* of the options, or NULL */
	int64_t		 expires;
	int64_t		 not_before;	/* 0: as the CA likes */
	int64_t		 not_after;
	struct cert	*replaces;
	struct cert	*cert;
	char		*problem;
	uint8_t		 shown;
};

/* Only the leaf is kept: what follows it is known by the number of its issuer. */
struct cert {
	uint32_t	 id;
	struct account	*account;
	struct order	*order;
	struct cert	*replaced_by;
	int64_t		 not_before;
	int64_t		 not_after;
	int64_t		 revoked_at;	/* 0: it is not */
	int8_t		 reason;	/* RFC 5280 section 5.3.1; -1: none was given */
	uint8_t		 issuer;
	uint8_t		 serial[20];
	uint8_t		 serial_n;
	uint16_t	 n;
	uint8_t		 der[];
};

MUST_CHECK int	state_new(const struct options *, struct state **, struct err *e);
void		state_free(struct state *);

/* A nonce is a counter and its MAC: what it costs does not grow with how many are out. */
#define NONCE_TEXT 48
MUST_CHECK int	state_nonce(struct state *, char out[NONCE_TEXT]);
/* true once for each that was handed out */
bool		state_spend(struct state *, const char *nonce);

/* NULL without memory, or if it is not there. */
struct account	*state_account_new(struct state *, EVP_PKEY *key, const uint8_t thumb[SHA256_LEN]);
struct account	*state_account_by_thumb(struct state *, const uint8_t thumb[SHA256_LEN]);
MUST_CHECK int	 state_account_rekey(struct state *, struct account *, EVP_PKEY *,
		    const uint8_t *thumb);
struct authz	*state_authz_new(struct state *, struct account *, const struct ident *);
/* one to be used again */
struct authz	*state_authz_find(struct state *, struct account *, const struct ident *);
struct order	*state_order_new(struct state *, struct account *);
MUST_CHECK int	 state_cert_add(struct state *, struct cert *);
struct cert	*state_cert_by_serial(struct state *, struct span serial);
size_t		 state_certs(const struct state *);
struct cert	*state_cert_at(const struct state *, size_t i);
void		 state_counts(const struct state *, struct json_out *);

/* Ids as texts in URLs: other runs' are not found. */
#define ID_TEXT 24
const char	*state_id(const struct state *, uint32_t id, char out[ID_TEXT]);
struct account	*state_account_at(const struct state *, const char *id);
struct authz	*state_authz_at(const struct state *, const char *id);
struct order	*state_order_at(const struct state *, const char *id);
struct cert	*state_cert_by_id(const struct state *, const char *id);

/* 32 octets of base64url, the same for the same challenge; 43 characters. */
#define TOKEN_TEXT 44
MUST_CHECK int	state_token(const struct state *, const struct authz *, enum challenge_type,
		    char out[TOKEN_TEXT]);

/* Brings the statuses of objects up to date with the clock and with each other. */
enum status	authz_status(struct authz *, int64_t now);
enum status	order_status(struct order *, int64_t now);

#endif
