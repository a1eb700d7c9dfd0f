/*
 * solve_accept: connections from listening sockets, a few in a turn.
 *
 * A CA that checks many names at once connects faster than it asks: where all
 * places are taken, the next connection waits in the kernel's queue until the
 * oldest one has had time to be heard. The connections themselves are the
 * caller's, as is their end.
 */
#ifndef KAMCERT_SOLVE_ACCEPT_H
#define KAMCERT_SOLVE_ACCEPT_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/loop.h"

#define SOLVE_CONNECTIONS_MAX	64
#define SOLVE_CONNECTION_MS	10000	/* from accept to the end */
#define SOLVE_PATIENCE_MS	50	/* for a connection that is silent while others wait */
#define SOLVE_PAUSE_MS		1000	/* when there is no descriptor for a connection */

struct solve_accept_in {
	struct loop	*loop;
	void		*arg;		/* of the callbacks */

	/* When the oldest connection ends, by the boot clock; 0 while there is a free place. */
	int64_t		(*full_until_ms)(void *arg);

	/* A new connection; fd is non-blocking, and the callee's from now on. */
	void		(*take)(void *arg, int fd, const struct sockaddr_storage *from);

	/* Ends the oldest connection; false if there is none. */
	bool		(*drop_oldest)(void *arg);
};

struct solve_accept {
	struct solve_accept_in	 in;
	LIST_HEAD(, solve_listener) listeners;
	struct loop_timer	*pause;
};

void		solve_accept_init(struct solve_accept *, const struct solve_accept_in *);

/* Closes the sockets. */
void		solve_accept_clear(struct solve_accept *);

/* Adopts a bound and listening stream socket; any number of them. HOLD if it is something else. */
MUST_CHECK int	solve_accept_socket(struct solve_accept *, int fd, struct err *e);

/* A connection has ended: who waits need not wait any longer. */
void		solve_accept_resume(struct solve_accept *);

#endif
