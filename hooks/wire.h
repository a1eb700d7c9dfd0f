/*
 * wire: addresses of servers, and blocking sockets with a deadline.
 *
 * The control role does one thing after the other, so waiting is right there;
 * what it must never do is wait for ever. A deadline belongs to a wire, not
 * to one call: a peer that sends an octet per second does not move it.
 */
#ifndef KAMCERT_HOOKS_WIRE_H
#define KAMCERT_HOOKS_WIRE_H

#include <sys/socket.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/text.h"

enum wire_kind { WIRE_UNIX, WIRE_UNIX_DGRAM, WIRE_TCP, WIRE_UDP };

/* What is spoken there: Kamailio's ctl module, or its jsonrpcs module in datagrams or by HTTP. */
enum wire_speech { WIRE_BINRPC, WIRE_JSONRPC, WIRE_JSONRPC_HTTP };

#define WIRE_TARGET_MAX	64

struct wire_addr {
	enum wire_kind		kind;
	enum wire_speech	speech;
	bool			remote;		/* no address of this host's loopback */
	char			target[WIRE_TARGET_MAX];	/* HTTP: the path of the URL */
	struct sockaddr_storage	sa;
	socklen_t		len;
	char			text[160];	/* canonical: the same server, the same text */
};

/*
 * Where a control socket is: unix:/path (or unixs:, or only the path),
 * unixd:/path, tcp:host:port, udp:host:port for ctl; jsonrpc+unixd:/path,
 * jsonrpc+udp:host:port or jsonrpc+http://host:port/path for jsonrpcs. host is
 * an address (IPv6 in brackets) or "localhost". The protocols behind it know
 * no passwords: .remote must be allowed by whoever asks. HOLD.
 */
MUST_CHECK int wire_addr_parse(const char *, struct wire_addr *, struct err *e);

enum wire_proto { WIRE_SIPS, WIRE_TLS, WIRE_WSS };

/* A TLS listener that is looked at from outside. */
struct wire_listener {
	enum wire_proto	proto;
	char		host[HOST_MAX + 1];	/* name or address, IPv6 without brackets */
	uint16_t	port;
};

/* sips:host[:port], tls:host:port, wss:host[:port]; 5061 and 443 when left out. HOLD. */
MUST_CHECK int wire_listener_parse(const char *, struct wire_listener *, struct err *e);

/* The addresses of a listener, 1 to max of them. RETRY when a name is not found. */
MUST_CHECK int wire_resolve(const struct wire_listener *, struct wire_addr *, size_t max,
	    size_t *n, struct err *e);

struct wire {
	int		fd;
	enum wire_kind	kind;
	int64_t		deadline_ms;	/* clock_boot_ms */
	/* unix: at once; unix datagrams: with the first one received */
	bool		uid_known;
	/* who has made the peer's socket, or has sent the datagram */
	uid_t		uid;
};

/*
 * Connects. Datagram sockets of the unix kind get an abstract name, to which
 * every user may send, and the kernel lets only the connected peer do so.
 * RETRY, with errno in e->sys (ETIMEDOUT after the deadline).
 */
MUST_CHECK int wire_open(struct wire *, const struct wire_addr *, int64_t deadline_ms,
	    struct err *e);

/* All octets, or one datagram. RETRY. */
MUST_CHECK int wire_send(struct wire *, struct span, struct err *e);

/*
 * Waits for something and appends it: at most max octets of a stream, or one
 * whole datagram. RETRY; e->sys is ETIMEDOUT, or ECONNRESET at the end of the
 * stream.
 */
MUST_CHECK int wire_recv(struct wire *, size_t max, struct buf *, struct err *e);

/* Was it the end of the stream that a wire_recv() failed by? */
bool	wire_ended(const struct err *);

/* Has more come that nobody has read? Does not wait. */
bool	wire_has_more(const struct wire *);

void	wire_close(struct wire *);	/* also after a failed wire_open() */

/*
 * All waiting of this process is in vain once the other end of fd has gone:
 * then cut() is called, which does not return.
 */
void	wire_lifeline(int fd, void (*cut)(void));

/* Waits for POLLIN or POLLOUT. False with errno (ETIMEDOUT) otherwise. */
MUST_CHECK bool wire_wait(int fd, short events, int64_t deadline_ms);

/* Does nothing for a while. */
void	wire_rest(int64_t ms);

#endif
