/*
 * signing: what net may have signed with an account's key. The protected
 * header is the keeper's own work (account.c); here it is the payload that is
 * looked at, so that a net that is somebody else's cannot order for other
 * names, finalize with another key, or take the account away.
 */
#ifndef KAMCERT_SIGNING_H
#define KAMCERT_SIGNING_H

#include "keeper.h"

/*
 * RETRY unless the payload fits the run, and the job (NULL: the task is about
 * an account). For the account's and the certificate's key.
 */
MUST_CHECK int	signing_allows(const struct keeper *, const struct job *, struct span payload,
		    struct err *e);

/* The inner JWS of a change of keys (RFC 8555 section 7.3.5): no other is signed around. */
MUST_CHECK int	signing_inner(struct keeper *, struct span jws, struct err *e);

#endif
