/*
 * wire: addresses of servers, and blocking sockets with a deadline.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "hooks/wire.h"

#define DATAGRAM_MAX	65536
/* of a stream at a time: what a peer announces is not yet paid for */
#define CHUNK_MAX	16384
#define BUSY_PAUSE_MS	10	/* between attempts while the backlog of a unix socket is full */

/* --- addresses --- */

/* "host:port", "[v6]:port", "host"; want_port is the default, 0 without one. */
static int
split_host(const char *in, uint16_t want_port, char host[HOST_MAX + 1], uint16_t *port)
{
	const char *end, *digits;
	int64_t n = want_port;

	if (*in == '[') {
		end = strchr(++in, ']');
		digits = end != NULL ? end + 1 : NULL;
	} else {
		end = in + strcspn(in, ":");
		digits = end;
	}
	if (end == NULL || end == in || end - in > HOST_MAX)
		return -1;
	if (*digits != '\0' &&
	    (*digits != ':' || text_number(span_str(digits + 1), &n) == -1))
		return -1;
	if (n < 1 || n > UINT16_MAX)
		return -1;
	memcpy(host, in, (size_t)(end - in));
	host[end - in] = '\0';
	*port = (uint16_t)n;
	return 0;
}

static void
set_in4(struct wire_addr *a, struct in_addr in, uint16_t port)
{
	struct sockaddr_in *sa = (struct sockaddr_in *)&a->sa;

	sa->sin_family = AF_INET;
	sa->sin_addr = in;
	sa->sin_port = htons(port);
	a->len = sizeof(*sa);
}

static void
set_in6(struct wire_addr *a, struct in6_addr in, uint16_t port)
{
	struct sockaddr_in6 *sa = (struct sockaddr_in6 *)&a->sa;

	sa->sin6_family = AF_INET6;
	sa->sin6_addr = in;
	sa->sin6_port = htons(port);
	a->len = sizeof(*sa);
}

static bool
set_host(struct wire_addr *a, const char *host, uint16_t port)
{
	struct in6_addr in6;
	struct in_addr in4;

	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &in4) == 1) {
		set_in4(a, in4, port);
		a->remote = ntohl(in4.s_addr) >> 24 != 127;
		return in4.s_addr != 0;
	}
	if (inet_pton(AF_INET6, host, &in6) != 1)
		return false;
	set_in6(a, in6, port);
	a->remote = !IN6_IS_ADDR_LOOPBACK(&in6);
	return !IN6_IS_ADDR_UNSPECIFIED(&in6);
}

/* rest is "host:port", for HTTP "//host:port/path"; name is the scheme. */
static int
parse_inet(const char *in, const char *name, const char *rest, struct wire_addr *a, struct err *e)
{
	const bool http = a->speech == WIRE_JSONRPC_HTTP;
	char host[HOST_MAX + 1], text[INET6_ADDRSTRLEN], place[HOST_MAX + 16];
	const void *at = &((const struct sockaddr_in *)&a->sa)->sin_addr;
	size_t skip = http ? strspn(rest, "/") : 0,
	    n = http ? strcspn(rest + skip, "/") : strlen(rest);
	uint16_t port;

	(void)snprintf(a->target, sizeof(a->target), "%s", http ? rest + skip + n : "");
	if (n < sizeof(place))
		(void)snprintf(place, sizeof(place), "%.*s", (int)n, rest + skip);
	if (n >= sizeof(place) || (http && (skip != 2 ||
	    strlen(rest + skip + n) >= WIRE_TARGET_MAX ||
	    a->target[0] == '\0' || strpbrk(a->target, " \t\r\n#") != NULL)) ||
	    split_host(place, 0, host, &port) == -1 || !set_host(a, host, port))
		return err_set(e, OUT_HOLD, "%s: want %s%saddress:port%s", in, name,
		    http ? "//" : "", http ? "/path" : "");
	if (a->sa.ss_family == AF_INET6)
		at = &((const struct sockaddr_in6 *)&a->sa)->sin6_addr;
	(void)snprintf(a->text, sizeof(a->text), a->sa.ss_family == AF_INET6 ? "%s%s[%s]:%u%s" :
	    "%s%s%s:%u%s", name, http ? "//" : "",
	    inet_ntop(a->sa.ss_family, at, text, sizeof(text)), port, a->target);
	return 0;
}

static int
parse_unix(const char *in, const char *name, const char *path, struct wire_addr *a, struct err *e)
{
	struct sockaddr_un *sa = (struct sockaddr_un *)&a->sa;
	size_t n = strlen(path);

	if (*path != '/')
		return err_set(e, OUT_HOLD, "%s: want an absolute path", in);
	if (n >= sizeof(sa->sun_path))
		return err_set(e, OUT_HOLD, "%s: a socket's path has at most %zu octets", in,
		    sizeof(sa->sun_path) - 1);
	sa->sun_family = AF_UNIX;
	memcpy(sa->sun_path, path, n + 1);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	(void)snprintf(a->text, sizeof(a->text), "%s%s", name, path);
	return 0;
}

int
wire_addr_parse(const char *in, struct wire_addr *a, struct err *e)
{
	static const struct {
		const char	*prefix;
		const char	*name;		/* in the canonical text */
		enum wire_kind	 kind;
		enum wire_speech speech;
	} schemes[] = {
		{ "unix:", "unix:", WIRE_UNIX, WIRE_BINRPC },
		{ "unixs:", "unix:", WIRE_UNIX, WIRE_BINRPC },
		{ "unixd:", "unixd:", WIRE_UNIX_DGRAM, WIRE_BINRPC },
		{ "tcp:", "tcp:", WIRE_TCP, WIRE_BINRPC },
		{ "udp:", "udp:", WIRE_UDP, WIRE_BINRPC },
		{ "jsonrpc+unixd:", "jsonrpc+unixd:", WIRE_UNIX_DGRAM, WIRE_JSONRPC },
		{ "jsonrpc+unix:", "jsonrpc+unixd:", WIRE_UNIX_DGRAM, WIRE_JSONRPC },
		{ "jsonrpc+udp:", "jsonrpc+udp:", WIRE_UDP, WIRE_JSONRPC },
		{ "jsonrpc+http:", "jsonrpc+http:", WIRE_TCP, WIRE_JSONRPC_HTTP },
		{ "/", "unix:", WIRE_UNIX, WIRE_BINRPC },
	};
	const char *rest;
	size_t i = 0;

	memset(a, 0, sizeof(*a));
	while (i < NITEMS(schemes) && !span_starts(span_str(in), schemes[i].prefix))
		i++;
	if (i == NITEMS(schemes))
		return err_set(e, OUT_HOLD, "%s: want unix:/path, unixd:/path, tcp:address:port, "
		    "udp:address:port, jsonrpc+unixd:/path, jsonrpc+udp:address:port or "
		    "jsonrpc+http://address:port/path", in);
	a->kind = schemes[i].kind;
	a->speech = schemes[i].speech;
	rest = *in == '/' ? in : in + strlen(schemes[i].prefix);
	return a->kind == WIRE_UNIX || a->kind == WIRE_UNIX_DGRAM ?
	    parse_unix(in, schemes[i].name, rest, a, e) :
	    parse_inet(in, schemes[i].name, rest, a, e);
}

int
wire_listener_parse(const char *in, struct wire_listener *l, struct err *e)
{
	static const struct {
		const char	*prefix;
		enum wire_proto	 proto;
		uint16_t	 port;
	} schemes[] = {
		{ "sips:", WIRE_SIPS, 5061 },
		{ "tls:", WIRE_TLS, 0 },
		{ "wss:", WIRE_WSS, 443 },
	};
	char host[HOST_MAX + 1];
	struct in6_addr in6;
	struct in_addr in4;
	struct err why;
	size_t i = 0;

	memset(l, 0, sizeof(*l));
	while (i < NITEMS(schemes) && !span_starts(span_str(in), schemes[i].prefix))
		i++;
	if (i == NITEMS(schemes) ||
	    split_host(in + strlen(schemes[i].prefix), schemes[i].port, host, &l->port) == -1)
		return err_set(e, OUT_HOLD,
		    "%s: want sips:host:port, tls:host:port or wss:host:port", in);
	l->proto = schemes[i].proto;
	if (inet_pton(AF_INET, host, &in4) == 1 || inet_pton(AF_INET6, host, &in6) == 1)
		(void)snprintf(l->host, sizeof(l->host), "%s", host);
	else if (text_host(host, HOST_SINGLE, l->host, &why) == -1)
		return err_set(e, OUT_HOLD, "%s: %s", in, why.text);
	return 0;
}

int
wire_resolve(const struct wire_listener *l, struct wire_addr *out, size_t max, size_t *n,
    struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL, *ai;
	char port[8];
	int rc;

	*n = 0;
	(void)snprintf(port, sizeof(port), "%u", l->port);
	rc = getaddrinfo(l->host, port, &hints, &all);
	if (rc != 0)
		return err_set(e, OUT_RETRY, "%s: %s", l->host, gai_strerror(rc));
	for (ai = all; ai != NULL && *n < max; ai = ai->ai_next) {
		struct wire_addr *a = &out[*n];

		if (ai->ai_addrlen > sizeof(a->sa))
			continue;
		memset(a, 0, sizeof(*a));
		a->kind = WIRE_TCP;
		memcpy(&a->sa, ai->ai_addr, ai->ai_addrlen);
		a->len = ai->ai_addrlen;
		(void)snprintf(a->text, sizeof(a->text), "%.100s:%u", l->host, l->port);
		(*n)++;
	}
	freeaddrinfo(all);
	if (*n == 0)
		return err_set(e, OUT_RETRY, "%s: no address", l->host);
	return 0;
}

/* --- waiting --- */

static int
left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_boot_ms();

	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static struct {
	int	 fd;
	void	(*cut)(void);
} lifeline = { -1, NULL };

void
wire_lifeline(int fd, void (*cut)(void))
{
	lifeline.fd = fd;
	lifeline.cut = cut;
}

/* poll(2) for one descriptor, or none (-1). */
static int
poll_one(int fd, short events, int ms)
{
	struct pollfd p[] = {
		{ .fd = fd, .events = events },
		{ .fd = lifeline.fd },	/* POLLHUP is told unasked */
	};
	int rc = poll(p, NITEMS(p), ms);

	if (rc > 0 && p[1].revents != 0)
		lifeline.cut();
	return rc;
}

bool
wire_wait(int fd, short events, int64_t deadline_ms)
{
	int left, rc;

	for (;;) {
		left = left_ms(deadline_ms);
		if (left == 0) {
			errno = ETIMEDOUT;
			return false;
		}
		rc = poll_one(fd, events, left);
		if (rc > 0)
			return true;
		if (rc == -1 && errno != EINTR)
			return false;
	}
}

void
wire_rest(int64_t ms)
{
	int64_t until = clock_boot_ms() + ms;
	int left;

	while ((left = left_ms(until)) > 0)
		(void)poll_one(-1, 0, left);
}

/* --- sockets --- */

static int
connect_wire(struct wire *w, const struct wire_addr *a)
{
	socklen_t len = sizeof(int);
	int error = 0;

	for (;;) {
		if (connect(w->fd, (const struct sockaddr *)&a->sa, a->len) == 0)
			return 0;
		/*
		 * The one error of a unix socket that passes by itself, and
		 * that poll() knows nothing of.
		 */
		if (errno == EAGAIN && left_ms(w->deadline_ms) > 0)
			wire_rest(BUSY_PAUSE_MS);
		else if (errno == EAGAIN)
			errno = ETIMEDOUT;
		else if (errno == EINPROGRESS)
			break;
		if (errno != EAGAIN && errno != EINTR)
			return -1;
	}
	if (!wire_wait(w->fd, POLLOUT, w->deadline_ms) ||
	    getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
name_datagram(int fd)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int on = 1;

	/* A name of the family alone lets the kernel choose an abstract one. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == -1)
		return -1;
	return bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family));
}

static int
ask_peer(struct wire *w)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(w->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return -1;
	w->uid = cred.uid;
	w->uid_known = true;
	return 0;
}

int
wire_open(struct wire *w, const struct wire_addr *a, int64_t deadline_ms, struct err *e)
{
	bool dgram = a->kind == WIRE_UNIX_DGRAM || a->kind == WIRE_UDP;

	memset(w, 0, sizeof(*w));
	w->kind = a->kind;
	w->deadline_ms = deadline_ms;
	w->fd = socket(a->sa.ss_family,
	    (dgram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd == -1 || (a->kind == WIRE_UNIX_DGRAM && name_datagram(w->fd) == -1) ||
	    connect_wire(w, a) == -1 || (a->kind == WIRE_UNIX && ask_peer(w) == -1)) {
		(void)err_sys(e, OUT_RETRY, "%s", a->text);
		wire_close(w);
		return -1;
	}
	return 0;
}

void
wire_close(struct wire *w)
{
	if (w->fd != -1)
		(void)close(w->fd);
	w->fd = -1;
}

int
wire_send(struct wire *w, struct span data, struct err *e)
{
	struct rd r = rd_of(data);
	ssize_t n;

	while (r.n > 0) {
		n = send(w->fd, r.p, r.n, MSG_NOSIGNAL);
		if (n >= 0)
			(void)rd_bytes(&r, (size_t)n);
		else if (errno == EAGAIN && wire_wait(w->fd, POLLOUT, w->deadline_ms))
			continue;
		else if (errno != EINTR)
			return err_sys(e, OUT_RETRY, "sending the request");
	}
	return 0;
}

/* The kernel says who has sent a unix datagram; all of them must be from the same. */
static int
note_sender(struct wire *w, struct msghdr *msg)
{
	struct cmsghdr *c;
	struct ucred cred;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&cred, CMSG_DATA(c), sizeof(cred));
		if (w->uid_known && cred.uid != w->uid)
			return -1;
		w->uid = cred.uid;
		w->uid_known = true;
	}
	return 0;
}

static ssize_t
receive(struct wire *w, uint8_t *p, size_t n, int *flags)
{
	union {
		struct cmsghdr	head;
		uint8_t		room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { p, n };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control,
		/* who sends descriptors gets none of them into this process */
		.msg_controllen = w->kind == WIRE_UNIX_DGRAM ? sizeof(control) : 0,
	};
	ssize_t got = recvmsg(w->fd, &msg, MSG_CMSG_CLOEXEC);

	*flags = msg.msg_flags;
	if (got >= 0 && w->kind == WIRE_UNIX_DGRAM && note_sender(w, &msg) == -1) {
		errno = EPERM;
		return -1;
	}
	return got;
}

int
wire_recv(struct wire *w, size_t max, struct buf *out, struct err *e)
{
	bool dgram = w->kind == WIRE_UNIX_DGRAM || w->kind == WIRE_UDP;
	size_t room = dgram ? DATAGRAM_MAX : max < CHUNK_MAX ? max : CHUNK_MAX;
	uint8_t *p;
	ssize_t n;
	int flags;

	if ((p = buf_room(out, room)) == NULL)
		return err_set(e, OUT_RETRY, "no room for what was received");
	for (;;) {
		if ((n = receive(w, p, room, &flags)) >= 0)
			break;
		if (errno == EAGAIN && wire_wait(w->fd, POLLIN, w->deadline_ms))
			continue;
		if (errno != EINTR)
			return err_sys(e, OUT_RETRY, "waiting for an answer");
	}
	if (n == 0 && !dgram) {
		errno = ECONNRESET;
		return err_sys(e, OUT_RETRY, "no answer, or only a part of it");
	}
	if ((flags & MSG_TRUNC) != 0)
		return err_set(e, OUT_RETRY, "a datagram of more than %d octets", DATAGRAM_MAX);
	buf_added(out, (size_t)n);
	return 0;
}

bool
wire_ended(const struct err *e)
{
	return e->sys == ECONNRESET;
}

bool
wire_has_more(const struct wire *w)
{
	uint8_t one;

	return recv(w->fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}
