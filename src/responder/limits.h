/*
 * limits: rate limits like Let's Encrypt's.
 */
#ifndef KAMCERT_RESPONDER_LIMITS_H
#define KAMCERT_RESPONDER_LIMITS_H

#include "base/err.h"
#include "base/pack.h"

struct limits;

enum limit { LIMIT_ACCOUNTS, LIMIT_ORDERS, LIMIT_DOMAIN, LIMIT_NAME_SET, LIMIT_FAILURES,
    LIMIT_PAUSE, LIMITS };

MUST_CHECK int	limits_new(const struct strs *rates, struct limits **, struct err *e);
void		limits_free(struct limits *);

/*
 * True if one more is within the limit, *wait otherwise says for how many
 * seconds it is not. Counts nothing.
 */
bool		limits_allow(struct limits *, enum limit, const char *key, int64_t now,
		    int64_t *wait);
void		limits_count(struct limits *, enum limit, const char *key, int64_t now);
void		limits_forget(struct limits *, enum limit, const char *key);

#endif
