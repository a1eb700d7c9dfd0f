/*
 * va_fetch: one connection of the validation authority, with or without TLS,
 * on the loop: connect, send, collect.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include "base/clock.h"
#include "responder/va.h"

#define FETCH_MS	10000
#define FETCH_MAX	(128 * 1024)

struct va_fetch {
	struct loop		*loop;
	int			 fd;
	struct loop_fd		*io;
	struct loop_timer	*timer;
	struct tls_conn		*tls;
	bool			 connected;
	struct buf		 out;		/* plaintext to be sent */
	struct buf		 in;
	va_fetch_more		*more;
	void			*arg;
	char			 error[ERR_TEXT_MAX];
};

void
va_fetch_free(struct va_fetch *f)
{
	if (f == NULL)
		return;
	loop_fd_del(f->io);
	loop_timer_del(f->timer);
	if (f->fd != -1)
		close(f->fd);
	tls_free(f->tls);
	buf_clear(&f->out);
	buf_clear(&f->in);
	free(f);
}

/* The owner frees the fetch inside; it is not touched after this returned true. */
static bool
tell(struct va_fetch *f, const char *error, bool eof)
{
	struct tls_info info;
	struct va_fetched got = { error, f->connected, buf_span(&f->in), eof, NULL };

	if (f->tls != NULL) {
		tls_info(f->tls, &info);
		got.info = &info;
	}
	return f->more(f->arg, &got);
}

static void
on_late(void *arg)
{
	struct va_fetch *f = arg;

	f->timer = NULL;
	(void)tell(f, f->connected ? "timed out" : "timed out while connecting", false);
}

/* 0, or -1 with f->error. */
static int
push(struct va_fetch *f)
{
	struct span o;
	struct err e;
	size_t taken;
	ssize_t n;

	for (;;) {
		if (f->tls != NULL && f->out.n != 0 && tls_state(f->tls) == TLS_OPEN) {
			if (tls_write(f->tls, buf_span(&f->out), &taken, &e) == -1) {
				memcpy(f->error, e.text, sizeof(f->error));
				return -1;
			}
			buf_eat(&f->out, taken);
		}
		o = f->tls != NULL ? tls_output(f->tls) : buf_span(&f->out);
		if (o.n == 0)
			return loop_fd_set(f->io, LOOP_READ, &e);
		n = send(f->fd, o.p, o.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return loop_fd_set(f->io, LOOP_READ | LOOP_WRITE, &e);
		if (n < 0) {
			text_clean(f->error, sizeof(f->error), span_str(strerror(errno)));
			return -1;
		}
		if (f->tls != NULL)
			tls_sent(f->tls, (size_t)n);
		else
			buf_eat(&f->out, (size_t)n);
	}
}

/* Octets of the peer; 1 when there is something new to tell, -1 with f->error. */
static int
pull(struct va_fetch *f, struct span in)
{
	bool was_open = f->tls != NULL && tls_state(f->tls) == TLS_OPEN;
	size_t eaten, before = f->in.n;
	struct span plain;
	struct err e;

	if (f->tls == NULL) {
		buf_put(&f->in, in);
		return buf_ok(&f->in) ? 1 : -1;
	}
	do {
		if (tls_feed(f->tls, in, &eaten, &e) == -1) {
			memcpy(f->error, e.text, sizeof(f->error));
			return -1;
		}
		plain = tls_read(f->tls);
		buf_put(&f->in, plain);
		tls_read_done(f->tls, plain.n);
		in = span_of(in.p + eaten, in.n - eaten);
	} while (in.n != 0 && eaten != 0 && buf_ok(&f->in));
	if (in.n != 0 || !buf_ok(&f->in))
		return -1;
	return f->in.n != before || (!was_open && tls_state(f->tls) == TLS_OPEN);
}

static void
receive(struct va_fetch *f)
{
	uint8_t octets[16384];
	ssize_t n = recv(f->fd, octets, sizeof(octets), MSG_DONTWAIT);
	int got;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		(void)tell(f, strerror(errno), false);
		return;
	}
	if (n == 0) {
		(void)tell(f, f->tls != NULL && tls_state(f->tls) == TLS_HANDSHAKING ?
		    "the connection ended in the handshake" : NULL, true);
		return;
	}
	memcpy(f->error, "too much was sent", 18);
	got = pull(f, span_of(octets, (size_t)n));
	if (got == -1) {
		(void)push(f);
		(void)tell(f, f->error, false);
		return;
	}
	/* Before the telling, which may end it: a peer that waits for our Finished shall get it. */
	if (push(f) == -1)
		(void)tell(f, f->error, false);
	else if (got == 1)
		(void)tell(f, NULL, false);
}

static void
on_fetch_io(void *arg, unsigned events)
{
	struct va_fetch *f = arg;
	socklen_t n = sizeof(int);
	int status = 0;

	if (!f->connected) {
		if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &status, &n) == -1 || status != 0) {
			(void)tell(f, strerror(status), false);
			return;
		}
		if ((events & LOOP_WRITE) == 0)
			return;
		f->connected = true;
		if (push(f) == -1)
			(void)tell(f, f->error, false);
		return;
	}
	if ((events & (LOOP_READ | LOOP_HANGUP)) != 0)
		receive(f);
	else if (push(f) == -1)
		(void)tell(f, f->error, false);
}

struct va_fetch *
va_fetch_new(struct loop *loop, const struct va_fetch_ask *ask, va_fetch_more *more, void *arg)
{
	struct va_fetch *f = calloc(1, sizeof(*f));
	socklen_t n = ask->addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
	    sizeof(struct sockaddr_in);
	struct err e;

	if (f == NULL)
		return NULL;
	f->loop = loop;
	f->more = more;
	f->arg = arg;
	buf_init(&f->out, FETCH_MAX);
	buf_init(&f->in, FETCH_MAX);
	buf_put(&f->out, ask->send);
	f->fd = socket(ask->addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->fd == -1 || !buf_ok(&f->out) ||
	    (ask->tls != NULL && tls_client_new(ask->tls, ask->sni, SPAN_NONE, &f->tls, &e) == -1))
		goto failed;
	/* A refusal is found out by the loop like any other failure. */
	if (connect(f->fd, (const struct sockaddr *)ask->addr, n) == -1 && errno != EINPROGRESS &&
	    errno != ECONNREFUSED && errno != ENETUNREACH && errno != EADDRNOTAVAIL)
		goto failed;
	if ((f->io = loop_fd_add(loop, f->fd, LOOP_WRITE, on_fetch_io, f, &e)) == NULL ||
	    (f->timer = loop_timer_add(loop, clock_boot_ms() + FETCH_MS, on_late, f, &e)) == NULL)
		goto failed;
	return f;
failed:
	va_fetch_free(f);
	return NULL;
}
