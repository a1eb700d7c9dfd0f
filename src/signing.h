/*
 * signing: what net may have signed with an account's key. The protected
 * header is the keeper's own work (account.c); here it is looked at what for,
 * member by member of the payload, so that a net that is somebody else's
 * cannot order for other names, finalize with another key, revoke another
 * certificate, or take the account away.
 */
#ifndef KAMCERT_SIGNING_H
#define KAMCERT_SIGNING_H

#include "account.h"
#include "keeper.h"

struct signing {
	struct keeper		*keeper;
	struct job		*job;		/* NULL: the task is about the account */
	const struct account	*account;
};

/* RETRY unless key, URL and payload fit the run, and the job. */
MUST_CHECK int	signing_allows(const struct signing *, const struct acme_sign *, struct err *e);

/* The inner JWS of a change of keys (RFC 8555 section 7.3.5): no other is signed around. */
MUST_CHECK int	signing_inner(struct keeper *, struct span jws, struct err *e);

#endif
