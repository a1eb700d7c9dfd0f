/*
 * dns_look: what a CA will find in the DNS about a name that it is to
 * certify: addresses, and CAA records, for which the tree is climbed (RFC
 * 8659 section 3).
 */
#ifndef KAMCERT_DNS_LOOK_H
#define KAMCERT_DNS_LOOK_H

#include "base/loop.h"
#include "message.h"

struct dns_looks;

MUST_CHECK struct dns_looks	*dns_looks_new(struct loop *, struct err *e);

/* All questions end with trouble. NULL allowed. Not from a callback of its own. */
void	dns_looks_free(struct dns_looks *);

/*
 * Called once, from the loop; lent. What a resolver does not tell is told in
 * the fields for trouble.
 */
typedef void dns_look_done(void *arg, const struct msg_looked *);

struct dns_look_in {
	const char	*name;		/* canonical, without "*." */
	const char	*resolver;	/* "address:port"; NULL: the system's */
	dns_look_done	*done;
	void		*arg;
};

/* RETRY. */
MUST_CHECK int	dns_look(struct dns_looks *, const struct dns_look_in *, struct err *e);

#endif
