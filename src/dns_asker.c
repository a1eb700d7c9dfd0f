#include "dns_asker.h"

#include <sys/queue.h>

#include <stdlib.h>

#include "base/clock.h"

#define RESOLVER_MS	3000
#define SERVER_MS	1500
#define TRIES		2
#define CLASS_IN	1

struct asker {
	struct loop		*loop;
	ares_channel		 channel;
	LIST_HEAD(, sock)	 socks;
	struct loop_timer	*timer;
};

struct sock {
	LIST_ENTRY(sock)	 link;
	struct asker		*asker;
	int			 fd;
	struct loop_fd		*watch;
};

static void	set_timer(struct asker *);

static void
on_timer(void *arg)
{
	struct asker *a = arg;

	a->timer = NULL;
	ares_process_fd(a->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(a);
}

/* Without memory for it, the next event on a socket tries again. */
static void
set_timer(struct asker *a)
{
	struct timeval tv;
	struct err ignored;

	loop_timer_del(a->timer);
	a->timer = NULL;
	if (ares_timeout(a->channel, NULL, &tv) != NULL)
		a->timer = loop_timer_add(a->loop, time_add(clock_boot_ms(),
		    (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1), on_timer, a, &ignored);
}

/* The socket may be gone when c-ares returns. */
static void
on_sock(void *arg, unsigned events)
{
	struct sock *s = arg;
	struct asker *a = s->asker;
	int fd = s->fd;

	ares_process_fd(a->channel, (events & (LOOP_READ | LOOP_HANGUP)) != 0 ? fd :
	    ARES_SOCKET_BAD, (events & LOOP_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
	set_timer(a);
}

static void
forget_sock(struct sock *s)
{
	loop_fd_del(s->watch);
	LIST_REMOVE(s, link);
	free(s);
}

/* A socket that cannot be watched is one that never answers. */
static void
on_sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	unsigned events = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);
	struct asker *a = arg;
	struct sock *s;
	struct err ignored;

	LIST_FOREACH(s, &a->socks, link)
		if (s->fd == fd)
			break;
	if (events == 0) {
		if (s != NULL)
			forget_sock(s);
		return;
	}
	if (s != NULL) {
		if (loop_fd_set(s->watch, events, &ignored) == -1)
			forget_sock(s);
		return;
	}
	if ((s = calloc(1, sizeof *s)) == NULL)
		return;
	s->asker = a;
	s->fd = fd;
	LIST_INSERT_HEAD(&a->socks, s, link);
	if ((s->watch = loop_fd_add(a->loop, fd, events, on_sock, s, &ignored)) == NULL)
		forget_sock(s);
}

void
asker_free(struct asker *a)
{
	if (a == NULL)
		return;
	if (a->channel != NULL)
		ares_destroy(a->channel);
	while (!LIST_EMPTY(&a->socks))
		forget_sock(LIST_FIRST(&a->socks));
	loop_timer_del(a->timer);
	free(a);
}

struct asker *
asker_new(struct loop *loop, const char *to, struct err *e)
{
	struct ares_options options = {
		.flags = to != NULL ? ARES_FLAG_NOSEARCH : 0,
		.timeout = to != NULL ? SERVER_MS : RESOLVER_MS,
		.tries = TRIES,
		.sock_state_cb = on_sock_state,
	};
	struct asker *a = calloc(1, sizeof *a);
	int rc;

	if (a == NULL) {
		err_nomem(e);
		return NULL;
	}
	a->loop = loop;
	options.sock_state_cb_data = a;
	rc = ares_init_options(&a->channel, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS |
	    ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	if (rc == ARES_SUCCESS && to != NULL)
		rc = ares_set_servers_ports_csv(a->channel, to);
	if (rc == ARES_SUCCESS)
		return a;
	err_set(e, OUT_RETRY, "dns: cannot ask %s: %s", to != NULL ? to : "the resolver",
	    ares_strerror(rc));
	asker_free(a);
	return NULL;
}

void
asker_ask(struct asker *a, const char *name, enum dns_type type, ares_callback cb, void *arg)
{
	ares_query(a->channel, name, CLASS_IN, type, cb, arg);
	set_timer(a);
}
