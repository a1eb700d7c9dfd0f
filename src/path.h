/*
 * path: from a leaf through its issuers to a root.
 *
 * The part of chain that is about several certificates at once; what single
 * ones must be is not looked at here, except as libcrypto does. For chain.c;
 * the types are libcrypto's X509 and STACK_OF(X509).
 */
#ifndef KAMCERT_PATH_H
#define KAMCERT_PATH_H

#include "base/base.h"
#include "base/err.h"
#include "cert.h"
#include "trust.h"

struct x509_st;
struct stack_st_X509;

/*
 * As of SSL_CTX_set_security_level(3): RSA from 2048 bits, no SHA-1. Debian's
 * OpenSSL, and so its Kamailio, loads nothing weaker.
 */
#define PATH_SECURITY_LEVEL	2

/* Who signed whom among the certificates of one reply; borrows them. */
struct path_links {
	struct stack_st_X509	*sent;
	bool			 signed_by[CHAIN_CERTS_MAX][CHAIN_CERTS_MAX];
	bool			 out[CHAIN_CERTS_MAX];	/* a root, a double, or banned */
};

/* Verifies every signature once, so that odd replies cost no more than others. */
void	path_links_init(struct path_links *, struct stack_st_X509 *sent);

/*
 * The leaf and, as far as they were sent, its issuers in order, without
 * root, doubles and strangers: all of them, also beyond the first that a root
 * of ours has signed, since a phone may know only an older root. The caller's,
 * as are its references; NULL without memory.
 */
MUST_CHECK struct stack_st_X509 *path_link(const struct path_links *, struct x509_st *leaf);

/* The next path_link() goes another way, or ends before this one. */
void	path_ban(struct path_links *, struct x509_st *);

struct path_in {
	struct stack_st_X509	*offered;	/* the leaf and its issuers */
	int64_t			 at;		/* unix seconds: all are valid then */
	struct trust		*trust;
	const char		*bundle;	/* NULL: the system's */
	bool			 any_root;	/* where it leads to is not looked at */
	/* struct blob: lists of revoked certificates; NULL: none */
	const struct list	*crls;
};

/* What a path is worth beyond its leaf. */
struct path_worth {
	int64_t	 ends;		/* of issuers and root, the first to end; unix seconds */
	int	 bits;		/* of security, of the weakest of their keys */
};

/*
 * libcrypto finds a path for a TLS server from the first of those offered
 * through others of them, and none else, to a root (RFC 5280
 * section 6.1), and none of them is on a list of its issuer's. That there is
 * no list for one is no matter, and neither is one that is old or not signed
 * as it should be. REFUSE names the certificate, 1 being the leaf. worth may be
 * NULL.
 */
MUST_CHECK int	path_prove(const struct path_in *, struct path_worth *, struct err *e);

#endif
