/*
 * server: connections: sockets, TLS, HTTP.
 */
#ifndef KAMCERT_RESPONDER_SERVER_H
#define KAMCERT_RESPONDER_SERVER_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/loop.h"
#include "responder/http.h"
#include "tls/tls.h"

struct ca;
struct faults;
struct server;

struct peer {
	struct sockaddr_storage	addr;
};

typedef void server_handler(void *arg, const struct http_request *, const struct peer *,
	    struct reply *);

struct server_config {
	struct loop			*loop;
	struct sockaddr_storage		 listen;
	const struct tls_config		*tls;		/* NULL: without TLS */
	struct faults			*faults;	/* NULL: behaves well */
	struct ca			*ca;		/* for faults with certificates */
	server_handler			*handler;
	void				*arg;
};

MUST_CHECK int	server_new(const struct server_config *, struct server **, struct err *e);
void		server_free(struct server *);
uint16_t	server_port(const struct server *);
size_t		server_connections(const struct server *);

#endif
