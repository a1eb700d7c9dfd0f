/*
 * jsonrpc: requests and replies of Kamailio's jsonrpcs module as octets, no
 * socket; by HTTP (RFC 9112) where xhttp hands them on. Replies become binrpc
 * records, so that nobody behind this cares which module answered. Source:
 * JSON-RPC 2.0 specification, sections 4 and 5.
 *
 *	{"jsonrpc":"2.0","method":"tls.reload","id":1}
 *	{"jsonrpc":"2.0","result":"Ok. TLS configuration reloaded.","id":1}
 *	{"jsonrpc":"2.0","error":{"code":500,"message":"..."},"id":1}
 *
 * Untrusted like those of ctl: octets, values and depth are capped.
 */
#ifndef KAMCERT_HOOKS_JSONRPC_H
#define KAMCERT_HOOKS_JSONRPC_H

#include "hooks/binrpc.h"
#include "hooks/wire.h"

/* One request with at most one text argument (NULL: none); sticky in out. */
void	jsonrpc_request(const struct wire_addr *, uint32_t id, const char *method, const char *arg,
	    struct buf *out);
void	jsonrpc_http_request(const struct wire_addr *, uint32_t id, const char *method,
	    const char *arg, struct buf *out);

/* As binrpc_wanted(): a datagram is all of a reply, */
MUST_CHECK int jsonrpc_wanted(struct span came, const struct binrpc_cap *, size_t *wanted,
	    struct err *e);
/* and by HTTP it is as long as Content-Length says, which must be there. */
MUST_CHECK int jsonrpc_http_wanted(struct span came, const struct binrpc_cap *, size_t *wanted,
	    struct err *e);

/* The body of a complete answer. HOLD for a status that is not 200. */
MUST_CHECK int jsonrpc_http_body(struct span came, struct span *body, struct err *e);

/*
 * Checks that it answers the request with this id, and puts its result into
 * records, which out then lends from: an array at the top is several records,
 * null is none. RETRY.
 */
MUST_CHECK int jsonrpc_parse(struct span json, const struct binrpc_cap *, uint32_t id,
	    struct buf *records, struct binrpc_reply *out, struct err *e);

#endif
