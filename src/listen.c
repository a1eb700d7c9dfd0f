#include "listen.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"

/* a CA that checks hundreds of names at once has room, also beside a flood */
#define BACKLOG	1024
/* in which a client has to speak first: as long as the listener would give it */
#define DEFER_S	10

/* Splits off the port; IPv6 stands in brackets. */
static int
split_address(const char *address, char *host, size_t size, const char **port, struct err *e)
{
	const char *colon = strrchr(address, ':'), *begin = address, *end = colon;

	if (colon != NULL && address[0] == '[') {
		begin++;
		end = colon > address && colon[-1] == ']' ? colon - 1 : NULL;
	}
	if (colon == NULL || end == NULL || end < begin || (size_t)(end - begin) >= size)
		return err_set(e, OUT_HOLD, "listen %s: want address:port or [address]:port",
		    address);
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	*port = colon + 1;
	return 0;
}

static int
open_socket(const struct addrinfo *ai, int *fd)
{
	int on = 1, off = 0, defer = DEFER_S;

	*fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd == -1)
		return -1;
	if (setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    (ai->ai_family == AF_INET6 &&
	    setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == -1) ||
	    /* who says nothing waits in the kernel, and takes no place of who asks */
	    setsockopt(*fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof defer) == -1 ||
	    bind(*fd, ai->ai_addr, ai->ai_addrlen) == -1 || listen(*fd, BACKLOG) == -1) {
		on = errno;
		close(*fd);
		*fd = -1;
		errno = on;
		return -1;
	}
	return 0;
}

/* --- sockets of the service manager --- */

#define FIRST_FD	3	/* SD_LISTEN_FDS_START */
#define INHERITED_MAX	64

static size_t ninherited;	/* from FIRST_FD on */

void
listen_inherit(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int64_t n = 0, whose = 0;
	size_t i;

	if (pid == NULL || fds == NULL || text_number(span_str(pid), &whose) == -1 ||
	    whose != getpid() || text_number(span_str(fds), &n) == -1 || n < 1 || n > INHERITED_MAX)
		n = 0;
	for (i = 0; i < (size_t)n; i++)
		(void)fcntl(FIRST_FD + (int)i, F_SETFD, FD_CLOEXEC);
	ninherited = (size_t)n;
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}

static bool
is_any(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	return sa->ss_family == AF_INET ? in->sin_addr.s_addr == htonl(INADDR_ANY) :
	    IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static bool
is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *)b;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)b;

	if (a->ss_family != b->ss_family)
		return false;
	return a->ss_family == AF_INET ? a4->sin_addr.s_addr == b4->sin_addr.s_addr :
	    IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
}

/* The port stands at the same place in both families. */
static bool
fits(int fd, const struct sockaddr_storage *want)
{
	struct sockaddr_storage have;
	socklen_t len = sizeof have, flag = sizeof(int);
	int type = 0, listens = 0;

	memset(&have, 0, sizeof have);
	if (getsockname(fd, (struct sockaddr *)&have, &len) == -1 ||
	    (have.ss_family != AF_INET && have.ss_family != AF_INET6) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &flag) == -1 || type != SOCK_STREAM ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag) == -1 || listens == 0 ||
	    ((const struct sockaddr_in *)&have)->sin_port !=
	    ((const struct sockaddr_in *)want)->sin_port)
		return false;
	return is_any(&have) || is_same(&have, want);
}

/* A second descriptor for the socket: the first stays, for the next run of a daemon. */
static int
find_inherited(const struct addrinfo *ai)
{
	struct sockaddr_storage want;
	size_t i;
	int fd;

	memset(&want, 0, sizeof want);
	memcpy(&want, ai->ai_addr, ai->ai_addrlen);
	for (i = 0; i < ninherited; i++) {
		if (!fits(FIRST_FD + (int)i, &want))
			continue;
		if ((fd = fcntl(FIRST_FD + (int)i, F_DUPFD_CLOEXEC, 0)) != -1)
			(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		return fd;
	}
	return -1;
}

int
listen_open(const char *address, int *fd, struct err *e)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *ai;
	char host[64];
	const char *port = NULL;
	int rc;

	*fd = -1;
	if (split_address(address, host, sizeof host, &port, e) == -1)
		return -1;
	if ((rc = getaddrinfo(host, port, &hints, &ai)) != 0)
		return err_set(e, OUT_HOLD, "listen %s: %s", address, gai_strerror(rc));
	*fd = find_inherited(ai);
	rc = *fd != -1 ? 0 : open_socket(ai, fd);
	freeaddrinfo(ai);
	if (rc == 0)
		return 0;
	if (strcmp(host, "::") == 0 && errno == EAFNOSUPPORT) {
		hints.ai_family = AF_INET;
		if (getaddrinfo("0.0.0.0", port, &hints, &ai) == 0) {
			rc = open_socket(ai, fd);
			freeaddrinfo(ai);
			if (rc == 0)
				return 0;
		}
	}
	err_sys(e, OUT_HOLD, "listen %s", address);
	if (e->sys == EADDRINUSE)
		return err_hint(e, "another program has this port: use its document root with "
		    "webroot, or forward the challenge path to another port");
	if (e->sys == EACCES)
		return err_hint(e, "ports below 1024 need root, CAP_NET_BIND_SERVICE, or a socket "
		    "of the service manager (kamcert-daemon.socket)");
	return -1;
}
