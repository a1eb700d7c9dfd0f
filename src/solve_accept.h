/*
 * solve_accept: connections from listening sockets, a few in a turn, each for
 * a few seconds.
 *
 * A CA that checks many names at once connects faster than it asks: where all
 * places are taken, the next connection waits in the kernel's queue until the
 * oldest one has had time to be heard, and then takes its place. What is said
 * on a connection is its owner's.
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

/* The owner's connection begins with it. */
struct solve_conn {
	TAILQ_ENTRY(solve_conn)	 link;
	struct solve_accept	*sa;
	int			 fd;
	struct loop_fd		*watch;		/* NULL: fd was given away */
	int64_t			 until_ms;	/* by the boot clock */
};

struct solve_accept_in {
	struct loop	*loop;
	void		*owner;
	size_t		 size;		/* of the owner's connection */

	/* A new one, zeroed behind its head; what it fails with, it has freed. */
	int		(*open)(struct solve_conn *, const struct sockaddr_storage *from);

	/* Events of its descriptor, LOOP_READ at first; arg is the connection. */
	void		(*ready)(void *arg, unsigned events);

	/*
	 * Its time or its place is taken: ends it by solve_accept_end(), or sees
	 * to it that this is called soon, and puts it off until then.
	 */
	void		(*cut)(struct solve_conn *);
};

struct solve_accept {
	struct solve_accept_in	 in;
	LIST_HEAD(, solve_listener) listeners;
	struct loop_timer	*pause;
	struct loop_timer	*deadline;	/* of the oldest connection */
	TAILQ_HEAD(, solve_conn) conns;		/* oldest first */
	size_t			 nconns;
};

void		solve_accept_init(struct solve_accept *, const struct solve_accept_in *);

/* Cuts the connections, each of which must end by that, and closes the sockets. */
void		solve_accept_clear(struct solve_accept *);

/* Adopts a bound and listening stream socket; any number of them. HOLD if it is something else. */
MUST_CHECK int	solve_accept_socket(struct solve_accept *, int fd, struct err *e);

/* Frees it, and closes its descriptor if that was not given away. Who waits gets its place. */
void		solve_accept_end(struct solve_conn *);

/* From here on somebody else reads and closes the descriptor; the connection keeps its time. */
void		solve_accept_give_away(struct solve_conn *);

/* Lives as long again as a new one. */
void		solve_accept_put_off(struct solve_conn *);

#endif
