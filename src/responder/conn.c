/*
 * conn: a connection: its TLS, the requests in it, and their answers as a
 * fault wants them on the wire.
 *
 * It does one request at a time. Its buffers are freed when they are empty,
 * so that an idle one costs its TLS state and little more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/clock.h"
#include "responder/ca.h"
#include "responder/conn.h"
#include "responder/faults.h"

#define IDLE_MS		60000
#define DRIP_MS		1000
#define LINGER_MS	2000
#define TRICKLE		100
#define CONNECTIONS_MAX	4096
#define IN_MAX		(HTTP_HEAD_MAX + HTTP_BODY_MAX + 16384)
#define OUT_MAX		(24 * 1024 * 1024)
#define FLOOD_MAX	(256u * 1024 * 1024)	/* of an endless body */

struct conn {
	struct conns		*of;
	struct conn		*prev, *next;
	int			 fd;
	struct loop_fd		*io;
	struct loop_timer	*timer;		/* idle, or the next octet of a drip */
	int64_t			 last_ms;
	struct peer		 peer;
	struct tls_conn		*tls;
	struct bent		*bent;
	struct tls_config	*config;	/* with another identity */
	const struct tls_identity *ids[2];
	struct buf		 in;		/* plaintext that is no whole request yet */
	struct buf		 out;		/* plaintext on its way out */
	const struct fault	*fault;		/* AT_ACCEPT, then AT_SEND */
	size_t			 sent;		/* octets on the wire */
	size_t			 flood;		/* octets of an endless answer so far */
	bool			 opened;	/* the handshake is over */
	size_t			 drip;		/* octets a second; 0: as they come */
	bool			 stall;		/* nothing more is sent or read */
	bool			 continued;	/* this request was told to go on */
	bool			 ending;	/* closed when all is sent */
	bool			 lingering;	/* then the peer may be sending on */
	bool			 dropping;	/* only to drop what it sends */
	bool			 reset;		/* by RST instead */
};

static void	conn_write(struct conn *);
static void	on_io(void *, unsigned);
static void	on_timer(void *);

static void
conn_free(struct conn *c)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	if (c->reset)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	loop_fd_del(c->io);
	loop_timer_del(c->timer);
	close(c->fd);
	tls_free(c->tls);
	bent_free(c->bent);
	free(c->config);
	buf_clear(&c->in);
	buf_clear(&c->out);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->of->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->of->n--;
	free(c);
}

static bool
send_is(const struct conn *c, int kind)
{
	return c->fault != NULL && c->fault->stage == AT_SEND && c->fault->kind == kind;
}

static bool
accept_is(const struct conn *c, int kind)
{
	return c->fault != NULL && c->fault->stage == AT_ACCEPT && c->fault->kind == kind;
}

static int
arm(struct conn *c, int64_t ms)
{
	struct err e;

	if (c->timer != NULL)
		return 0;
	c->timer = loop_timer_add(c->of->config->loop, clock_boot_ms() + ms, on_timer, c, &e);
	return c->timer != NULL ? 0 : -1;
}

/* --- sending --- */

/* What an endless answer goes on with when all of it so far is out. */
static void
refill(struct conn *c)
{
	static const char spaces[] =
	    "                                                                ";
	const char *more = send_is(c, SEND_ENDLESS_HEADERS) ? "X-Filler: more and more of it\r\n" :
	    send_is(c, SEND_ENDLESS_1XX) ? "HTTP/1.1 103 Early Hints\r\n\r\n" :
	    send_is(c, SEND_ENDLESS_BODY) || send_is(c, SEND_HUGE_LENGTH) ||
	    send_is(c, SEND_TRICKLE) ? spaces : NULL;

	if (more == NULL || c->out.n != 0)
		return;
	/* In a long record, what trickles in would be nothing until it is whole. */
	while (c->out.n < (c->drip != 0 ? 1 : 16384))
		buf_str(&c->out, more);
	if ((c->flood += c->out.n) > FLOOD_MAX)
		c->ending = true;
}

/* Plaintext into TLS, as much as it takes. */
static void
encrypt(struct conn *c)
{
	size_t taken = 0;
	struct err e;

	while (c->opened && c->out.n != 0) {
		if (tls_write(c->tls, buf_span(&c->out), &taken, &e) == -1) {
			buf_reset(&c->out);
			c->ending = true;
			return;
		}
		if (taken == 0)
			break;
		buf_eat(&c->out, taken);
	}
}

static void
sent(struct conn *c, size_t n)
{
	c->sent += n;
	c->last_ms = clock_boot_ms();
	if (c->tls != NULL)
		tls_sent(c->tls, n);
	else
		buf_eat(&c->out, n);
}

/* Octets that may go out now: a drip lets few through, a reset cuts what is before it. */
static size_t
allowed(struct conn *c, size_t n)
{
	if (c->drip != 0)
		return n < c->drip ? n : c->drip;
	if (accept_is(c, ACCEPT_RESET_AT)) {
		int number = c->fault->number;
		size_t limit = number > 0 ? (size_t)number :
		    n > (size_t)-number ? n - (size_t)-number : n;

		/* A flight is offered whole. */
		if (c->sent + n >= limit) {
			c->reset = c->ending = true;
			return limit - c->sent;
		}
	}
	return n;
}

/* 0: all is out. 1: the socket holds it up, 2: the drip does. -1: the connection is lost. */
static int
conn_send(struct conn *c)
{
	for (;;) {
		struct span o;
		size_t n;
		ssize_t w;

		refill(c);
		if (c->tls != NULL)
			encrypt(c);
		o = c->tls != NULL ? tls_output(c->tls) : buf_span(&c->out);
		if (o.n == 0)
			return 0;
		if ((n = allowed(c, o.n)) == 0)
			return -1;
		w = send(c->fd, o.p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (w < 0)
			return errno == EAGAIN || errno == EINTR ? 1 : -1;
		sent(c, (size_t)w);
		if (c->reset)
			return -1;
		if (c->drip != 0) {
			loop_timer_del(c->timer);
			c->timer = NULL;
			return arm(c, DRIP_MS) == -1 ? -1 : 2;
		}
	}
}

/*
 * RFC 9112 section 9.6: a close with octets unread is a reset, which takes the
 * answer, or the alert, from a peer that has not read it.
 */
static bool
linger(struct conn *c)
{
	struct err e;

	c->dropping = true;
	buf_clear(&c->in);
	loop_timer_del(c->timer);
	c->timer = NULL;
	return shutdown(c->fd, SHUT_WR) == 0 && loop_fd_set(c->io, LOOP_READ, &e) == 0 &&
	    arm(c, LINGER_MS) == 0;
}

static void
conn_write(struct conn *c)
{
	struct err e;
	int rc;

	if (c->stall) {
		if (loop_fd_set(c->io, 0, &e) == -1)
			conn_free(c);
		return;
	}
	rc = conn_send(c);
	if (rc == 0 && c->ending) {
		if (c->tls != NULL && c->opened && !send_is(c, SEND_NO_CLOSE_NOTIFY) &&
		    tls_state(c->tls) != TLS_FAILED) {
			tls_close(c->tls);
			c->opened = false;
			conn_write(c);
			return;
		}
		if (c->lingering && linger(c))
			return;
		rc = -1;
	}
	if (rc == -1 || loop_fd_set(c->io, LOOP_READ | (rc == 1 ? LOOP_WRITE : 0), &e) == -1) {
		conn_free(c);
		return;
	}
	if (c->out.n == 0 && c->out.cap > 0)
		buf_clear(&c->out);
	if (arm(c, IDLE_MS) == -1)
		conn_free(c);
}

/* --- one request --- */

/* A reply as its fault wants it; the rest of it is done by conn_send(). */
static void
put_broken(struct conn *c, struct reply *r, bool head_only)
{
	size_t start = c->out.n;
	struct err e;

	switch ((enum send_fault)r->send->kind) {
	case SEND_HUGE_LENGTH:
		buf_str(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		    "Content-Length: 1099511627776\r\n\r\n{");
		return;
	case SEND_TRICKLE:
		c->drip = TRICKLE;
		/* fallthrough */
	case SEND_ENDLESS_BODY:
		buf_str(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{");
		return;
	case SEND_ENDLESS_HEADERS:
		buf_str(&c->out, "HTTP/1.1 200 OK\r\n");
		return;
	case SEND_ENDLESS_1XX:
		return;
	case SEND_GARBAGE:
		buf_str(&c->out, "\x16\x03\x01 SIP/2.0 200 OK\r\n\r\n");
		c->ending = true;
		return;
	case SEND_NOTHING:
		c->ending = true;
		return;
	case SEND_TLS:
		if (c->tls != NULL && tls_fault_send(c->tls, (uint8_t)r->send->number,
		    span_str(r->send->text), 1, &e) == -1)
			c->ending = true;
		break;
	default:
		break;
	}
	reply_write(r, head_only, &c->out);
	switch ((enum send_fault)r->send->kind) {
	case SEND_STALL_HEADER:
	case SEND_RESET_HEADER:
		c->out.n = start + (c->out.n - start > 20 ? 20 : 0);
		break;
	case SEND_STALL_BODY:
	case SEND_RESET_BODY:
	case SEND_SHORT:
		c->out.n -= r->body.n / 2 + (r->body.n != 0);
		break;
	case SEND_DRIP:
		c->drip = 1;
		break;
	default:
		break;
	}
	c->reset = send_is(c, SEND_RESET_HEADER) || send_is(c, SEND_RESET_BODY);
	c->ending = c->reset || send_is(c, SEND_SHORT) || send_is(c, SEND_NO_CLOSE_NOTIFY);
}

static void
put_reply(struct conn *c, struct reply *r, bool head_only)
{
	c->fault = r->send;
	if (r->send == NULL)
		reply_write(r, head_only, &c->out);
	else
		put_broken(c, r, head_only);
	if (r->close)
		c->ending = true;
	if (!buf_ok(&c->out) || !buf_ok(&r->body))
		c->ending = true;
}

/* The first request in what has arrived, if it is whole or bad; false if it is not. */
static bool
serve_one(struct conn *c, struct buf *scratch)
{
	struct http_request req;
	struct reply reply;
	int status;
	enum http_result got = http_read_request(buf_span(&c->in), scratch, &req, &status);

	if (got == HTTP_MORE) {
		/* RFC 9110 section 10.1.1. */
		if (req.waits && !c->continued)
			buf_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		c->continued = req.waits;
		return false;
	}
	reply_init(&reply);
	if (got == HTTP_BAD) {
		reply.status = status;
		reply.close = c->lingering = true;
	} else {
		reply.close = req.close;
		c->of->config->handler(c->of->config->arg, &req, &c->peer, &reply);
	}
	put_reply(c, &reply, strcmp(req.method, "HEAD") == 0);
	reply_clear(&reply);
	buf_eat(&c->in, got == HTTP_BAD ? c->in.n : req.size);
	c->continued = false;
	/* A stall begins when what was written is out. */
	if (send_is(c, SEND_STALL_HEADER) || send_is(c, SEND_STALL_BODY)) {
		(void)conn_send(c);
		c->stall = true;
	}
	return true;
}

/* Whole requests in what has arrived; one after the other. */
static void
serve(struct conn *c)
{
	struct buf scratch;

	buf_init(&scratch, HTTP_BODY_MAX);
	while (!c->ending && !c->stall && c->in.n != 0 && serve_one(c, &scratch))
		;
	buf_clear(&scratch);
	if (c->in.n == 0)
		buf_clear(&c->in);
}

/* --- receiving --- */

static void
handshake_over(struct conn *c)
{
	c->opened = true;
	if (c->bent != NULL)
		bent_open(c->bent, c->tls);
	if (accept_is(c, ACCEPT_STALL_AFTER_HANDSHAKE))
		c->stall = true;
	if (accept_is(c, ACCEPT_RESET_AFTER_HANDSHAKE))
		c->reset = c->ending = true;
}

static void
take_plaintext(struct conn *c)
{
	struct span got = tls_read(c->tls);

	buf_put(&c->in, got);
	tls_read_done(c->tls, got.n);
	if (!buf_ok(&c->in))
		c->ending = true;
}

/* Octets from the socket through TLS; -1 when the connection is lost. */
static void
feed(struct conn *c, struct span in)
{
	struct err e;
	size_t eaten;

	if (c->tls == NULL) {
		buf_put(&c->in, in);
		serve(c);
		return;
	}
	while (in.n != 0) {
		if (tls_feed(c->tls, in, &eaten, &e) == -1) {
			c->ending = c->lingering = true;
			return;
		}
		if (!c->opened && tls_state(c->tls) == TLS_OPEN)
			handshake_over(c);
		take_plaintext(c);
		in = span_of(in.p + eaten, in.n - eaten);
		if (eaten == 0 && conn_send(c) != 0)
			c->ending = true;
		if (c->ending)
			return;
		serve(c);
	}
	if (tls_state(c->tls) == TLS_CLOSED)
		c->ending = true;
}

static void
on_io(void *arg, unsigned events)
{
	static uint8_t octets[16384];
	struct conn *c = arg;
	ssize_t n;

	if ((events & (LOOP_READ | LOOP_HANGUP)) != 0) {
		n = recv(c->fd, octets, sizeof(octets), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			conn_free(c);
			return;
		}
		if (c->dropping)
			return;
		if (n > 0) {
			c->last_ms = clock_boot_ms();
			feed(c, span_of(octets, (size_t)n));
		}
	}
	conn_write(c);
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;
	int64_t idle = clock_boot_ms() - c->last_ms;

	c->timer = NULL;
	if (c->drip != 0 && idle < IDLE_MS) {
		conn_write(c);
		return;
	}
	if (c->dropping || idle >= IDLE_MS || arm(c, IDLE_MS - idle) == -1)
		conn_free(c);
}

/* --- from the first octet to the last --- */

/* The TLS configuration of this connection, which a fault may have bent. NULL without memory. */
static const struct tls_config *
choose_config(struct conn *c)
{
	const struct tls_config *usual = c->of->config->tls;

	if (accept_is(c, ACCEPT_TLS)) {
		c->bent = bent_new(usual, c->fault);
		return c->bent != NULL ? bent_config(c->bent) : NULL;
	}
	if (accept_is(c, ACCEPT_IDENTITY)) {
		c->ids[0] = ca_server(c->of->config->ca, (enum ca_server_kind)c->fault->number);
		if (c->ids[0] == NULL || (c->config = malloc(sizeof(*c->config))) == NULL)
			return NULL;
		*c->config = *usual;
		c->config->identities = c->ids;
		c->config->tickets = NULL;
		return c->config;
	}
	return usual;
}

static bool
conn_start(struct conn *c)
{
	const struct tls_config *config;
	struct err e;

	if (c->of->config->faults != NULL)
		c->fault = fault_pick(c->of->config->faults, AT_ACCEPT, NULL);
	c->drip = accept_is(c, ACCEPT_DRIP) ? 1 : 0;
	c->stall = accept_is(c, ACCEPT_STALL);
	c->reset = accept_is(c, ACCEPT_RESET);
	if (c->reset || accept_is(c, ACCEPT_CLOSE))
		return false;
	if (c->of->config->tls != NULL && ((config = choose_config(c)) == NULL ||
	    tls_server_new(config, &c->tls, &e) == -1))
		return false;
	c->io = loop_fd_add(c->of->config->loop, c->fd, c->stall ? 0 : LOOP_READ, on_io, c, &e);
	return c->io != NULL && arm(c, IDLE_MS) == 0;
}

void
conn_new(struct conns *of, int fd, const struct sockaddr_storage *from)
{
	int one = 1;
	struct conn *c;

	if (of->n >= CONNECTIONS_MAX || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->of = of;
	c->fd = fd;
	c->peer.addr = *from;
	c->last_ms = clock_boot_ms();
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, OUT_MAX);
	if ((c->next = of->first) != NULL)
		c->next->prev = c;
	of->first = c;
	of->n++;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!conn_start(c))
		conn_free(c);
}

void
conns_end(struct conns *of)
{
	while (of->first != NULL)
		conn_free(of->first);
}
