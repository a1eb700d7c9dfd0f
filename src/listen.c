#include "listen.h"

#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define BACKLOG	128	/* a genuine client has room beside a flood */

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
		return err_set(e, OUT_HOLD, "listen %s: want address:port or [address]:port", address);
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	*port = colon + 1;
	return 0;
}

static int
open_socket(const struct addrinfo *ai, int *fd)
{
	int on = 1, off = 0;

	*fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd == -1)
		return -1;
	if (setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    (ai->ai_family == AF_INET6 &&
	    setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == -1) ||
	    bind(*fd, ai->ai_addr, ai->ai_addrlen) == -1 || listen(*fd, BACKLOG) == -1) {
		on = errno;
		close(*fd);
		*fd = -1;
		errno = on;
		return -1;
	}
	return 0;
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
	rc = open_socket(ai, fd);
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
		return err_hint(e, "ports below 1024 need root or CAP_NET_BIND_SERVICE");
	return -1;
}
