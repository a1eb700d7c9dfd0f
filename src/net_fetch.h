/*
 * net_fetch: what the net role fetches besides a CA's own resources: the
 * answer to a challenge, as a CA would, and lists of revoked certificates.
 * Nothing of it is believed here: who asked judges what comes.
 */
#ifndef KAMCERT_NET_FETCH_H
#define KAMCERT_NET_FETCH_H

#include "base/loop.h"
#include "message.h"

struct net_fetch;

MUST_CHECK struct net_fetch	*net_fetch_new(struct loop *, struct err *e);

/* What is under way ends without a reply. NULL allowed. */
void	net_fetch_free(struct net_fetch *);

/* Called once, from the loop; lent. */
typedef void net_fetch_done(void *arg, const struct msg_fetched *);

/* HOLD for what is no URL of http or https; RETRY. */
MUST_CHECK int	net_fetch_start(struct net_fetch *, const struct msg_fetch *, net_fetch_done *,
		    void *arg, struct err *e);

#endif
