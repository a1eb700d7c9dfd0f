/*
 * keys: which key an order is for: a new one, the one in service, one that was
 * staged for this renewal, or that of an operator's request.
 *
 *	certs/<name>/next/	0700	ecdsa.pem rsa.pem, 0600: staged ahead, for DANE (RFC 7671)
 *
 * A staged key stays the next one until a version that has it is active and
 * no deployment is under way: then it is replaced, so that what was published
 * for it holds through a renewal and the way back from it.
 */
#ifndef KAMCERT_KEYS_H
#define KAMCERT_KEYS_H

#include "job.h"

/* Sets j->key for the order of the next part, and j->csr for an operator's request. HOLD, RETRY. */
MUST_CHECK int	keys_take(struct job *, struct err *e);

/* May an order that was left over be continued: is it for the key that would be taken? */
bool		keys_fit(const struct job *, const struct store_order *);

/* The type of the next part's key; NULL where only an operator's request says it. */
const char	*keys_type(const struct job *);

/* Makes and stores the next keys where they are wanted and missing, or in service by now. */
MUST_CHECK int	keys_stage(struct job *, struct err *e);

/* "3 1 1 <hex>": what a TLSA record says of a key (RFC 6698 section 2.1). */
#define KEYS_TLSA_MAX	(6 + 2 * SHA256_LEN + 1)

/* Of the active leaf of a part, and of the staged key of its type; "" if there is none. */
void		keys_tlsa(const struct job *, size_t part, char active[KEYS_TLSA_MAX],
		    char next[KEYS_TLSA_MAX]);

#endif
