/*
 * persist: the record of a dns-persist-01 challenge
 * (draft-ietf-acme-dns-persist), which stays in the DNS and says who may
 * prove a name without touching it again:
 *
 *	_validation-persist.NAME TXT
 *	    "ISSUER; accounturi=URL[; policy=wildcard][; persistUntil=SECONDS]"
 *
 * The value is of the form of a CAA issue value (RFC 8659 section 4.2).
 */
#ifndef KAMCERT_PERSIST_H
#define KAMCERT_PERSIST_H

#include "base/bytes.h"
#include "base/pack.h"

#define PERSIST_PREFIX	"_validation-persist."

struct persist_in {
	const struct strs	*issuers;	/* names that the CA goes by; none: any */
	const char		*account;	/* URL; NULL: any */
	bool			 wildcard;
	int64_t			 now;		/* unix seconds */
};

/* Is this text of a TXT record one that lets the account prove the name? */
bool	persist_fits(struct span text, const struct persist_in *);

/* Appends the line of a zone file that does; name without "*." */
void	persist_record(const struct persist_in *, const char *name, struct buf *);

#endif
