/*
 * probe: what is said through a TLS connection to see whether somebody lives
 * behind it. Octets in, octets out, no socket.
 *
 * sips: an OPTIONS request; any status line is proof of life, since many
 * servers answer 404, 405 or 483. wss: the upgrade to a websocket; 101 must
 * come with the right Sec-WebSocket-Accept (RFC 6455 section 4.2.2), any
 * other HTTP status is proof of life, since not every server has its
 * websockets on the path "/". tls: nothing is said.
 */
#ifndef KAMCERT_PROBE_H
#define KAMCERT_PROBE_H

#include "base/bytes.h"
#include "hooks/wire.h"

#define PROBE_REQUEST_MAX	2048
#define PROBE_ANSWER_MAX	8192	/* more than this without an end is no answer */
#define PROBE_RANDOM		16

struct probe {
	enum wire_proto	 proto;
	const char	*host;		/* whom we speak to: a name without wildcard */
	uint16_t	 port;
	const char	*local;		/* our address and port, "127.0.0.1:4711", "[::1]:4711" */
	uint8_t		 random[PROBE_RANDOM];
};

enum probe_answer { PROBE_MORE, PROBE_ALIVE, PROBE_WRONG };

/* Is anything said on such a listener? */
bool	probe_speaks(enum wire_proto);

/* Appends the request; sticky in b. */
void	probe_request(const struct probe *, struct buf *b);

/* What has come so far, all of it. The status, where there is one, goes to *status. */
enum probe_answer probe_judge(const struct probe *, struct span came, int64_t *status);

#endif
