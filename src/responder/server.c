/*
 * server: connections on base/loop: socket, our own TLS, HTTP.
 *
 * libmicrohttpd is not used: it can speak through a TLS stack that is not its
 * own only over a socket pair per connection, and it cannot be made to send
 * broken HTTP, which is what half of FAULTS section 2 is about. ACME needs
 * little of HTTP, and http.c is that little.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>

#include "base/clock.h"
#include "base/log.h"
#include "responder/conn.h"
#include "responder/server.h"

#define PAUSE_MS	100

struct server {
	struct server_config	 c;
	int			 fd;
	struct loop_fd		*io;
	struct loop_timer	*pause;		/* while descriptors or memory are used up */
	struct conns		 conns;
	uint16_t		 port;
};

static void
on_pause_over(void *arg)
{
	struct server *s = arg;
	struct err e;

	s->pause = NULL;
	if (loop_fd_set(s->io, LOOP_READ, &e) == -1)
		log_warn(KV_S("step", "accept"), KV_S("error", e.text));
}

/* Whoever waits is still waiting when there is room again; asking meanwhile is of no use. */
static void
pause_accepting(struct server *s)
{
	struct err e;

	if (loop_fd_set(s->io, 0, &e) == 0 && (s->pause = loop_timer_add(s->c.loop,
	    clock_boot_ms() + PAUSE_MS, on_pause_over, s, &e)) == NULL)
		on_pause_over(s);
}

static void
on_accept(void *arg, unsigned events)
{
	struct sockaddr_storage from;
	struct server *s = arg;

	(void)events;
	for (int i = 0; i < 64; i++) {
		socklen_t n = sizeof(from);
		int fd = accept4(s->fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd != -1) {
			conn_new(&s->conns, fd, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(s);
		return;
	}
}

static int
listen_on(struct server *s, struct err *e)
{
	struct sockaddr_storage *a = &s->c.listen;
	socklen_t n = a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
	    sizeof(struct sockaddr_in);
	int one = 1;

	s->fd = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd == -1)
		return err_sys(e, OUT_RETRY, "cannot make a socket");
	(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s->fd, (struct sockaddr *)a, n) == -1 || listen(s->fd, 1024) == -1 ||
	    getsockname(s->fd, (struct sockaddr *)a, &n) == -1)
		return err_sys(e, OUT_HOLD, "cannot listen");
	s->port = ntohs(a->ss_family == AF_INET6 ? ((struct sockaddr_in6 *)a)->sin6_port :
	    ((struct sockaddr_in *)a)->sin_port);
	s->io = loop_fd_add(s->c.loop, s->fd, LOOP_READ, on_accept, s, e);
	return s->io != NULL ? 0 : -1;
}

int
server_new(const struct server_config *config, struct server **out, struct err *e)
{
	struct server *s;

	*out = NULL;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return err_nomem(e);
	s->c = *config;
	s->conns.config = &s->c;
	s->fd = -1;
	if (listen_on(s, e) == -1) {
		server_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	conns_end(&s->conns);
	loop_timer_del(s->pause);
	loop_fd_del(s->io);
	if (s->fd != -1)
		close(s->fd);
	free(s);
}

uint16_t
server_port(const struct server *s)
{
	return s->port;
}

size_t
server_connections(const struct server *s)
{
	return s->conns.n;
}
