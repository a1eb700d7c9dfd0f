/*
 * solve_listen: answers http-01 challenges.
 *
 * We accept and count the connections ourselves and look at a request with
 * MSG_PEEK until it is whole. If the gate lets it pass, the untouched socket
 * is given to libmicrohttpd, which reads it again, answers and closes; if
 * not, it gets a fixed 404. So the library parses nothing that the gate has
 * not passed, and waits for nothing.
 *
 * What was peeked at stays in the socket, which would wake us for ever: the
 * low-water mark is set to one octet more. Being woken with nothing new then
 * means that the client has closed its side, or that the kernel is out of
 * memory for us: the end either way.
 */
#include "solve_listen.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "solve_accept.h"
#include "solve_gate.h"
#include "solve_token.h"

#define DRAIN_OCTETS		(16 * 1024)	/* read before a refusal, so that it is not lost */
#define PEER_MAX		64		/* of an address in digits */
#define MHD_MEMORY		(32 * 1024)	/* of one connection */
#define CONTENT_TYPE		"application/octet-stream"

static const char not_found[] =
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

struct pending {
	LIST_ENTRY(pending)	 link;
	char			*token;
	char			*key_auth;
};

struct conn {
	struct solve_conn	 base;		/* its descriptor is given away to libmicrohttpd */
	size_t			 seen;		/* octets at the last look */
	char			 peer[PEER_MAX];
};

struct solve_listen {
	struct loop		*loop;
	struct MHD_Daemon	*mhd;
	struct loop_fd		*mhd_watch;
	struct loop_timer	*mhd_timer;
	struct solve_accept	 accept;
	LIST_HEAD(, pending)	 pending;
	size_t			 npending;
};

static void	run_mhd(struct solve_listen *);

/* --- what is pending --- */

static struct pending *
find_pending(const struct solve_listen *sl, struct span token)
{
	struct pending *p;

	LIST_FOREACH(p, &sl->pending, link)
		if (span_is(token, p->token))
			return p;
	return NULL;
}

static void
free_pending(struct pending *p)
{
	if (p == NULL)
		return;
	free(p->token);
	free(p->key_auth);
	free(p);
}

int
solve_listen_put(struct solve_listen *sl, const char *token, const char *key_auth, struct err *e)
{
	struct pending *p;

	if (solve_token_check(token, key_auth, e) == -1)
		return -1;
	if (find_pending(sl, span_str(token)) == NULL && sl->npending >= SOLVE_PENDING_MAX)
		return err_set(e, OUT_RETRY, "listener: more than %d challenges at once",
		    SOLVE_PENDING_MAX);
	if ((p = calloc(1, sizeof(*p))) == NULL || (p->token = strdup(token)) == NULL ||
	    (p->key_auth = strdup(key_auth)) == NULL) {
		free_pending(p);
		return err_nomem(e);
	}
	solve_listen_drop(sl, token);
	LIST_INSERT_HEAD(&sl->pending, p, link);
	sl->npending++;
	return 0;
}

void
solve_listen_drop(struct solve_listen *sl, const char *token)
{
	struct pending *p = find_pending(sl, span_str(token));

	if (p == NULL)
		return;
	LIST_REMOVE(p, link);
	sl->npending--;
	free_pending(p);
}

/* --- the end of a connection --- */

/* libmicrohttpd has no call for this: the end of both directions makes it close. */
static void
cut(struct solve_conn *c)
{
	struct solve_listen *sl = c->sa->in.owner;
	int fd = c->fd;

	if (c->watch != NULL || sl->mhd == NULL) {
		solve_accept_end(c);
		return;
	}
	solve_accept_put_off(c);
	(void)shutdown(fd, SHUT_RDWR);
	run_mhd(sl);
}

/* What the client has sent is read first: closing with octets unread would reset the connection. */
static void
refuse(struct solve_conn *c)
{
	char waste[DRAIN_OCTETS];
	int fd = c->fd;

	(void)!recv(fd, waste, sizeof(waste), MSG_DONTWAIT);
	(void)!send(fd, not_found, sizeof(not_found) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	cut(c);
}

/* --- libmicrohttpd --- */

/* Keeps the percent signs: the gate has compared the target as it was sent. */
static size_t
keep_escapes(void *cls UNUSED, struct MHD_Connection *mc UNUSED, char *s)
{
	return strlen(s);
}

static enum MHD_Result
queue_answer(struct MHD_Connection *mc, unsigned status, const char *body)
{
	struct MHD_Response *r;
	enum MHD_Result done;

	r = MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body,
	    MHD_RESPMEM_MUST_COPY);
	if (r == NULL)
		return MHD_NO;
	done = MHD_add_response_header(r, "Connection", "close");
	if (done == MHD_YES && status == MHD_HTTP_OK)
		done = MHD_add_response_header(r, "Content-Type", CONTENT_TYPE);
	if (done == MHD_YES)
		done = MHD_queue_response(mc, status, r);
	MHD_destroy_response(r);
	return done;
}

static struct solve_conn *
find_conn(struct solve_listen *sl, int fd)
{
	struct solve_conn *c;

	TAILQ_FOREACH(c, &sl->accept.conns, link)
		if (c->fd == fd && c->watch == NULL)
			return c;
	return NULL;
}

static struct solve_conn *
conn_of(struct solve_listen *sl, struct MHD_Connection *mc)
{
	const union MHD_ConnectionInfo *info;

	info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info != NULL ? find_conn(sl, info->connect_fd) : NULL;
}

/* Called first with the head alone, and again where a body would be complete. */
static enum MHD_Result
answer(void *cls, struct MHD_Connection *mc, const char *url, const char *method UNUSED,
    const char *version UNUSED, const char *data UNUSED, size_t *size UNUSED, void **seen)
{
	static char once;
	struct solve_listen *sl = cls;
	const struct pending *p = NULL;
	const struct conn *c;

	if (*seen == NULL) {
		*seen = &once;
		return MHD_YES;
	}
	if (span_starts(span_str(url), SOLVE_PREFIX))
		p = find_pending(sl, span_str(url + strlen(SOLVE_PREFIX)));
	if (p == NULL)
		return queue_answer(mc, MHD_HTTP_NOT_FOUND, "");
	c = (const struct conn *)conn_of(sl, mc);
	log_info(KV_S("challenge", "http-01"), KV_S("asked_by", c != NULL ? c->peer : ""));
	return queue_answer(mc, MHD_HTTP_OK, p->key_auth);
}

static void
on_mhd_connection(void *cls, struct MHD_Connection *mc, void **context UNUSED,
    enum MHD_ConnectionNotificationCode code)
{
	struct solve_conn *c = conn_of(cls, mc);

	if (code == MHD_CONNECTION_NOTIFY_CLOSED && c != NULL)
		solve_accept_end(c);
}

static void
on_mhd_timer(void *arg)
{
	struct solve_listen *sl = arg;

	sl->mhd_timer = NULL;
	run_mhd(sl);
}

static void
on_mhd(void *arg, unsigned events UNUSED)
{
	run_mhd(arg);
}

/*
 * libmicrohttpd may have more to do than its descriptor tells. Without memory
 * for the timer, that ends at the connection's deadline.
 */
static void
run_mhd(struct solve_listen *sl)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct err e = ERR_NONE;

	loop_timer_del(sl->mhd_timer);
	sl->mhd_timer = NULL;
	(void)MHD_run(sl->mhd);
	if (MHD_get_timeout(sl->mhd, &ms) != MHD_YES)
		return;
	if (ms > SOLVE_CONNECTION_MS)
		ms = SOLVE_CONNECTION_MS;
	sl->mhd_timer = loop_timer_add(sl->loop, time_add(clock_boot_ms(), (int64_t)ms),
	    on_mhd_timer, sl, &e);
}

static void
hand_over(struct solve_conn *c)
{
	struct solve_listen *sl = c->sa->in.owner;
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);
	int one = 1, fd = c->fd;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one)) == -1 ||
	    getpeername(fd, (struct sockaddr *)&peer, &len) == -1) {
		cut(c);
		return;
	}
	solve_accept_give_away(c);
	if (MHD_add_connection(sl->mhd, fd, (struct sockaddr *)&peer, len) == MHD_YES) {
		run_mhd(sl);
	} else if ((c = find_conn(sl, fd)) != NULL) {
		/* It has closed the socket, perhaps without telling. */
		solve_accept_end(c);
	}
}

/* --- connections --- */

/* As much as a head may have, and an octet more. 0: nothing yet, -1: it is over. */
static ssize_t
look_at(struct conn *c, uint8_t *head, size_t size)
{
	int more;
	ssize_t n = recv(c->base.fd, head, size, MSG_PEEK | MSG_DONTWAIT);

	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if ((size_t)n <= c->seen)
		return -1;
	c->seen = (size_t)n;
	more = (int)n + 1;
	return setsockopt(c->base.fd, SOL_SOCKET, SO_RCVLOWAT, &more, sizeof(more)) == -1 ? -1 : n;
}

static void
on_conn(void *arg, unsigned events)
{
	uint8_t head[GATE_HEAD_MAX + 1];
	struct conn *c = arg;
	struct solve_listen *sl = c->base.sa->in.owner;
	struct span token;
	enum gate gate;
	ssize_t n;

	if ((n = look_at(c, head, sizeof(head))) == 0 && (events & LOOP_HANGUP) == 0)
		return;
	gate = n > 0 ? solve_gate(span_of(head, (size_t)n), &token) : GATE_REFUSE;
	if (gate == GATE_MORE)
		return;
	if (gate == GATE_PASS && find_pending(sl, token) != NULL)
		hand_over(&c->base);
	else
		refuse(&c->base);
}

/* Not getnameinfo(), which may open files. */
static void
name_peer(const struct sockaddr_storage *from, char out[PEER_MAX])
{
	const void *address = &((const struct sockaddr_in *)from)->sin_addr;

	if (from->ss_family == AF_INET6)
		address = &((const struct sockaddr_in6 *)from)->sin6_addr;
	if ((from->ss_family != AF_INET && from->ss_family != AF_INET6) ||
	    inet_ntop(from->ss_family, address, out, PEER_MAX) == NULL)
		out[0] = '\0';
}

static int
open_conn(struct solve_conn *base, const struct sockaddr_storage *from)
{
	name_peer(from, ((struct conn *)base)->peer);
	return 0;
}

/* --- the whole --- */

int
solve_listen_socket(struct solve_listen *sl, int fd, struct err *e)
{
	return solve_accept_socket(&sl->accept, fd, e);
}

/* No listening socket, no threads, no time-outs: all of that is ours. */
static int
start_mhd(struct solve_listen *sl, struct err *e)
{
	const union MHD_DaemonInfo *info;

	sl->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, answer,
	    sl, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MHD_MEMORY,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)SOLVE_CONNECTIONS_MAX + 1,
	    MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, on_mhd_connection, sl, MHD_OPTION_END);
	if (sl->mhd == NULL)
		return err_set(e, OUT_RETRY, "listener: libmicrohttpd does not start");
	if ((info = MHD_get_daemon_info(sl->mhd, MHD_DAEMON_INFO_EPOLL_FD)) == NULL)
		return err_set(e, OUT_HOLD, "listener: libmicrohttpd was built without epoll");
	sl->mhd_watch = loop_fd_add(sl->loop, info->epoll_fd, LOOP_READ, on_mhd, sl, e);
	return sl->mhd_watch == NULL ? -1 : 0;
}

struct solve_listen *
solve_listen_new(struct loop *loop, struct err *e)
{
	struct solve_listen *sl;

	if ((sl = calloc(1, sizeof(*sl))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	sl->loop = loop;
	solve_accept_init(&sl->accept, &(struct solve_accept_in){ loop, sl, sizeof(struct conn),
	    open_conn, on_conn, cut });
	if (start_mhd(sl, e) == -1) {
		solve_listen_free(sl);
		return NULL;
	}
	return sl;
}

void
solve_listen_free(struct solve_listen *sl)
{
	if (sl == NULL)
		return;
	loop_fd_del(sl->mhd_watch);
	if (sl->mhd != NULL)
		MHD_stop_daemon(sl->mhd);
	sl->mhd = NULL;
	solve_accept_clear(&sl->accept);
	while (!LIST_EMPTY(&sl->pending))
		solve_listen_drop(sl, LIST_FIRST(&sl->pending)->token);
	loop_timer_del(sl->mhd_timer);
	free(sl);
}
