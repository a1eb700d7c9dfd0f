#include "solve_accept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* A quarter of all, so that who was accepted is heard before being dropped. */
#define ACCEPTS_PER_TURN	16

struct solve_listener {
	LIST_ENTRY(solve_listener) link;
	struct solve_accept	*sa;
	int			 fd;
	struct loop_fd		*watch;
};

static void	set_deadline(struct solve_accept *);

/* --- waiting --- */

static void
set_listening(struct solve_accept *sa, unsigned events)
{
	struct err e = ERR_NONE;
	struct solve_listener *ls;

	LIST_FOREACH(ls, &sa->listeners, link)
		if (loop_fd_set(ls->watch, events, &e) == -1)
			log_error(KV_S("listener", e.text));
}

static void
on_pause_over(void *arg)
{
	struct solve_accept *sa = arg;

	sa->pause = NULL;
	set_listening(sa, LOOP_READ);
}

static void
pause_for(struct solve_accept *sa, int64_t ms)
{
	struct err e = ERR_NONE;

	if (sa->pause != NULL)
		return;
	sa->pause = loop_timer_add(sa->in.loop, time_add(clock_boot_ms(), ms), on_pause_over, sa,
	    &e);
	if (sa->pause != NULL)
		set_listening(sa, 0);
}

static void
resume(struct solve_accept *sa)
{
	if (sa->pause == NULL)
		return;
	loop_timer_del(sa->pause);
	on_pause_over(sa);
}

/* True if the next connection waits. */
static bool
has_no_room(struct solve_accept *sa)
{
	int64_t heard;

	if (sa->nconns < SOLVE_CONNECTIONS_MAX)
		return false;
	heard = time_add(TAILQ_FIRST(&sa->conns)->until_ms,
	    SOLVE_PATIENCE_MS - SOLVE_CONNECTION_MS) - clock_boot_ms();
	if (heard > 0)
		pause_for(sa, heard);
	return sa->pause != NULL;
}

/*
 * No descriptor or memory: the oldest connection's may do; without one, the
 * waiting client must not wake us for a while.
 */
static void
make_room(struct solve_accept *sa)
{
	int why = errno;

	if (!TAILQ_EMPTY(&sa->conns)) {
		sa->in.cut(TAILQ_FIRST(&sa->conns));
		return;
	}
	log_warn(KV_S("listener", "cannot accept"), KV_S("error", strerror(why)));
	pause_for(sa, SOLVE_PAUSE_MS);
}

/* --- connections --- */

static void
on_deadline(void *arg)
{
	struct solve_accept *sa = arg;
	struct solve_conn *c;

	sa->deadline = NULL;
	while ((c = TAILQ_FIRST(&sa->conns)) != NULL && c->until_ms <= clock_boot_ms())
		sa->in.cut(c);
	set_deadline(sa);
}

/*
 * All live equally long, so the first is the next to go. A timer that is too
 * early looks again; without memory for one, the next connection tries.
 */
static void
set_deadline(struct solve_accept *sa)
{
	const struct solve_conn *first = TAILQ_FIRST(&sa->conns);
	struct err e = ERR_NONE;

	if (sa->deadline == NULL && first != NULL)
		sa->deadline = loop_timer_add(sa->in.loop, first->until_ms, on_deadline, sa, &e);
}

static void
add_youngest(struct solve_conn *c)
{
	c->until_ms = time_add(clock_boot_ms(), SOLVE_CONNECTION_MS);
	TAILQ_INSERT_TAIL(&c->sa->conns, c, link);
}

void
solve_accept_put_off(struct solve_conn *c)
{
	TAILQ_REMOVE(&c->sa->conns, c, link);
	add_youngest(c);
}

void
solve_accept_give_away(struct solve_conn *c)
{
	loop_fd_del(c->watch);
	c->watch = NULL;
}

void
solve_accept_end(struct solve_conn *c)
{
	struct solve_accept *sa = c->sa;

	TAILQ_REMOVE(&sa->conns, c, link);
	sa->nconns--;
	if (c->watch != NULL) {
		loop_fd_del(c->watch);
		(void)close(c->fd);
	}
	free(c);
	resume(sa);
}

/* NULL without a place or memory for it. */
static struct solve_conn *
new_conn(struct solve_accept *sa, int fd)
{
	struct err e = ERR_NONE;
	struct solve_conn *c;

	if (sa->nconns >= SOLVE_CONNECTIONS_MAX)
		sa->in.cut(TAILQ_FIRST(&sa->conns));
	if (sa->nconns >= SOLVE_CONNECTIONS_MAX || (c = calloc(1, sa->in.size)) == NULL)
		return NULL;
	if ((c->watch = loop_fd_add(sa->in.loop, fd, LOOP_READ, sa->in.ready, c, &e)) == NULL) {
		free(c);
		return NULL;
	}
	c->sa = sa;
	c->fd = fd;
	return c;
}

static void
take(struct solve_accept *sa, int fd, const struct sockaddr_storage *from)
{
	struct solve_conn *c = new_conn(sa, fd);

	if (c == NULL) {
		(void)close(fd);
		return;
	}
	add_youngest(c);
	sa->nconns++;
	if (sa->in.open(c, from) == -1)
		solve_accept_end(c);
	set_deadline(sa);
}

/* --- sockets --- */

static void
on_listener(void *arg, unsigned events UNUSED)
{
	struct solve_listener *ls = arg;
	struct solve_accept *sa = ls->sa;
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t len;
	int i, fd;

	for (i = 0; i < ACCEPTS_PER_TURN && !has_no_room(sa); i++) {
		len = sizeof(from);
		fd = accept4(ls->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd != -1) {
			take(sa, fd, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			make_room(sa);
		return;		/* what went wrong with one connection is that connection's */
	}
}

int
solve_accept_socket(struct solve_accept *sa, int fd, struct err *e)
{
	struct solve_listener *ls;
	int flags, listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == -1 || !listening)
		return err_set(e, OUT_HOLD, "listener: descriptor %d is no listening socket", fd);
	if ((flags = fcntl(fd, F_GETFL)) == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return err_sys(e, OUT_RETRY, "listener: cannot set the socket to non-blocking");
	if ((ls = calloc(1, sizeof(*ls))) == NULL)
		return err_nomem(e);
	ls->sa = sa;
	ls->fd = fd;
	if ((ls->watch = loop_fd_add(sa->in.loop, fd, LOOP_READ, on_listener, ls, e)) == NULL) {
		free(ls);
		return -1;
	}
	LIST_INSERT_HEAD(&sa->listeners, ls, link);
	return 0;
}

/* --- life --- */

void
solve_accept_init(struct solve_accept *sa, const struct solve_accept_in *in)
{
	*sa = (struct solve_accept){ .in = *in };
	LIST_INIT(&sa->listeners);
	TAILQ_INIT(&sa->conns);
}

void
solve_accept_clear(struct solve_accept *sa)
{
	struct solve_listener *ls;

	while (!TAILQ_EMPTY(&sa->conns))
		sa->in.cut(TAILQ_FIRST(&sa->conns));
	while ((ls = LIST_FIRST(&sa->listeners)) != NULL) {
		loop_fd_del(ls->watch);
		LIST_REMOVE(ls, link);
		(void)close(ls->fd);
		free(ls);
	}
	loop_timer_del(sa->pause);
	loop_timer_del(sa->deadline);
	sa->pause = sa->deadline = NULL;
}
