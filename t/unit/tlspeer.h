/*
 * tlspeer: a process that serves certificates by a script, connection by
 * connection. Whatever the system or OpenSSL refuses ends the test.
 */
#ifndef KAMCERT_T_UNIT_TLSPEER_H
#define KAMCERT_T_UNIT_TLSPEER_H

#include <sys/types.h>

#include <openssl/ssl.h>

#include "base/bytes.h"
#include "testca.h"

#define TLSPEER_SNI_MAX	64
#define TLSPEER_HUGE	16384	/* octets that the big leaf has at least */

enum tlspeer_kind {
	NEW, OLD, OTHER, LEAF_ONLY, WITH_ROOT, STRANGE_CHAIN, WEAK, LONG_CHAIN, HUGE,
	RSA_LEAF, PAIR, STALE_PAIR,
	TLSPEER_KINDS
};

/*
 * One letter per connection, the last one for all that follow: n new, o old,
 * x other, l without chain, r with root, s another chain, w weak, m many,
 * b a big leaf; R an RSA leaf alone, P that and the new one, S the new one and
 * an older RSA leaf; c closes before, h hangs before, p speaks plain text.
 */
struct tlspeer_script {
	const char	*serves;
	const char	*answers;	/* to a request; NULL: properly, "": not at all */
	bool		 demands;	/* a client certificate */
	bool		 invites;	/* one, but does not insist */
	int		 version;	/* the only one; 0: any */
};

struct tlspeer_tale {
	volatile bool hangs;		/* now: it is the client's turn to lose patience */
	int	connections, requests, names;
	char	sni[TLSPEER_SNI_MAX][64];
};

struct tlspeer {
	pid_t		 pid;
	uint16_t	 port;
	struct tlspeer_tale *tale;	/* shared with it */
	SSL_CTX		*ctx[TLSPEER_KINDS];
};

/* Makes the certificates, once for all tests. */
void	tlspeer_certs(void);

/* The leaf of a kind; its issuer. */
struct testca_cert *tlspeer_leaf(enum tlspeer_kind);
struct testca_cert *tlspeer_issuer(void);

/* Listens, and forks: nobody has to wait. */
void	tlspeer_start(struct tlspeer *, const struct tlspeer_script *);
void	tlspeer_stop(struct tlspeer *);

/* A socket with a port of its own, on which nobody listens. */
int	tlspeer_bind(uint16_t *port);

#endif
