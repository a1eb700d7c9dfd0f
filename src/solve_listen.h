/*
 * solve_listen: answers http-01 challenges (RFC 8555 section 8.3) on
 * listening sockets that it is given.
 *
 * Only a literal GET or HEAD of /.well-known/acme-challenge/ and a token
 * that is pending is answered, with its key authorization; all else is 404
 * and the end of the connection. No file is opened, no redirect given, and
 * nothing of a request is sent back. A connection lives 10 seconds at most,
 * whatever it does; of 65 the oldest is dropped.
 *
 * It does not bind, and does not know when the last challenge is gone: who
 * owns it frees it then, so that the port is open only while one is pending.
 */
#ifndef KAMCERT_SOLVE_LISTEN_H
#define KAMCERT_SOLVE_LISTEN_H

#include "base/err.h"
#include "base/loop.h"

#define SOLVE_PENDING_MAX	1024

struct solve_listen;

MUST_CHECK struct solve_listen	*solve_listen_new(struct loop *, struct err *e);

/* Closes sockets and connections; NULL allowed. Not from a callback of its own. */
void		solve_listen_free(struct solve_listen *);

/* Adopts a bound and listening stream socket; any number of them. HOLD if it is something else. */
MUST_CHECK int	solve_listen_socket(struct solve_listen *, int fd, struct err *e);

/* Puts up an answer, also in place of one for this token. HOLD as solve_token_check(). */
MUST_CHECK int	solve_listen_put(struct solve_listen *, const char *token, const char *key_auth,
		    struct err *e);

/* Takes it down; an unknown token is no error. */
void		solve_listen_drop(struct solve_listen *, const char *token);

#endif
