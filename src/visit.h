/*
 * visit: one connection to a TLS listener, by a client that takes every
 * certificate: what was sent, whether its key was proven, and whether
 * somebody answers behind it. What that means is for verify to say.
 */
#ifndef KAMCERT_VISIT_H
#define KAMCERT_VISIT_H

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "cert.h"
#include "hooks/wire.h"

#define VISIT_ADDRS_MAX	8	/* of one listener's name */
#define VISIT_NOTE_MAX	256

struct visit_place {
	struct wire_listener	 l;
	struct wire_addr	 addrs[VISIT_ADDRS_MAX];
	size_t			 naddrs;
	char			 host[HOST_MAX + 1];	/* that is asked for there */
};

struct visit {
	struct wire	 wire;
	SSL		*ssl;
	bool		 reached;	/* the TCP connection */
	uint8_t		 chain[CHAIN_CERTS_MAX][SHA256_LEN];	/* as sent */
	size_t		 n;
	X509		*leaf;
	bool		 asks_client;	/* wants a certificate of us; its own key is then proven */
	bool		 complete;
	bool		 timed_out;
	char		 why[VISIT_NOTE_MAX];	/* it failed; "": it did not */
};

/* What all visits share. NULL is RETRY. */
SSL_CTX	*visit_ctx_new(struct err *e);
void	 visit_ctx_free(SSL_CTX *);

/*
 * Connects and shakes hands. With a family of keys, "ecdsa" or "rsa", it is a
 * client that understands no other; NULL: one that understands all.
 */
void	visit_open(struct visit *, SSL_CTX *, const struct visit_place *, const char *family);

/* After a complete handshake with a listener that probe_speaks(): does somebody answer? */
bool	visit_is_alive(struct visit *, const struct visit_place *);

/* Both sides have closed before the next visit begins: the worker is then done with this one. */
void	visit_close(struct visit *);

#endif
