/*
 * conn: the connections of a server, from accept() until one side ends them.
 */
#ifndef KAMCERT_RESPONDER_CONN_H
#define KAMCERT_RESPONDER_CONN_H

#include "responder/server.h"

struct conn;

/* A connection that ends leaves it by itself. */
struct conns {
	const struct server_config	*config;
	struct conn			*first;
	size_t				 n;
};

/* Takes the socket over; closes it where there are too many, or no memory. */
void	conn_new(struct conns *, int fd, const struct sockaddr_storage *from);

void	conns_end(struct conns *);

#endif
