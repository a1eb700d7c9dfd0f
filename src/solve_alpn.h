/*
 * solve_alpn: answers tls-alpn-01 challenges (RFC 8737) on listening sockets
 * that it is given.
 *
 * Only a client that offers the protocol acme-tls/1 and nothing else, for a
 * name whose challenge is pending, is shown the certificate of that
 * challenge; everybody else gets an alert. Behind the handshake the
 * connection ends, and no octet of an application is read. A connection lives
 * 10 seconds at most; of 65 the oldest is dropped.
 */
#ifndef KAMCERT_SOLVE_ALPN_H
#define KAMCERT_SOLVE_ALPN_H

#include "base/err.h"
#include "base/loop.h"

struct solve_alpn;

MUST_CHECK struct solve_alpn	*solve_alpn_new(struct loop *, struct err *e);

/* Closes sockets and connections; NULL allowed. Not from a callback of its own. */
void		solve_alpn_free(struct solve_alpn *);

/* Adopts a bound and listening stream socket; any number of them. */
MUST_CHECK int	solve_alpn_socket(struct solve_alpn *, int fd, struct err *e);

struct solve_alpn_in {
	const char	*token;
	const char	*key_auth;
	const char	*name;		/* canonical host name or address that is to be proven */
};

/* Puts up an answer, also in place of one for this token. HOLD as solve_token_check(). */
MUST_CHECK int	solve_alpn_put(struct solve_alpn *, const struct solve_alpn_in *, struct err *e);

/* Takes it down; an unknown token is no error. */
void		solve_alpn_drop(struct solve_alpn *, const char *token);

#endif
