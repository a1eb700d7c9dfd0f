/*
 * dns: what the answer role asks the DNS for dns-01 (RFC 8555 section 8.4):
 * to which name an operator has delegated a challenge, and whether all name
 * servers of its zone show a record by now. By c-ares on our loop.
 *
 * It believes what resolvers say and checks no signatures: a lie makes us
 * wait, or offers the operator's program a name that its server refuses.
 */
#ifndef KAMCERT_DNS_H
#define KAMCERT_DNS_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/loop.h"
#include "persist.h"

#define DNS_NAME_MAX	253

struct dns;

MUST_CHECK struct dns	*dns_new(struct loop *, struct err *e);

/* Ends all questions with RETRY. NULL allowed. Not from a callback of its own. */
void	dns_free(struct dns *);

/* Called once, from the loop. name: what was found, lent; why->class OK: it went well. */
typedef void dns_done(void *arg, const char *name, const struct err *why);

struct dns_question {
	const char	*name;		/* canonical, without a dot at the end */
	/* dns_await(): of a TXT record; NULL: one that fits persist */
	const char	*value;
	int64_t		 seconds;	/* dns_await(): for all servers to show it */
	/* "address:port", name servers have that port too; NULL: the system's, 53 */
	const char	*resolver;
	struct persist_in persist;	/* now is not looked at */
};

/*
 * The name at the end of the CNAMEs that begin at this one: itself, where
 * there is none. RETRY if the resolver does not say, HOLD for a loop or a
 * name that is not of letters, digits, dash and underscore.
 */
MUST_CHECK int	dns_find(struct dns *, const struct dns_question *, dns_done *, void *arg,
		    struct err *e);

/*
 * Asks the authoritative servers of the name's zone until all that answer,
 * and at least one, have a TXT record that is as it should be. RETRY with a server that
 * lacks it when the time is over.
 */
MUST_CHECK int	dns_await(struct dns *, const struct dns_question *, dns_done *, void *arg,
		    struct err *e);

#endif
