/*
 * ca: keys and certificates, chains, revocation lists.
 */
#ifndef KAMCERT_RESPONDER_CA_H
#define KAMCERT_RESPONDER_CA_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "responder/faults.h"
#include "responder/options.h"
#include "responder/state.h"
#include "tls/tls.h"

enum ca_server_kind {
	CA_SERVER_GOOD, CA_SERVER_EXPIRED, CA_SERVER_FUTURE, CA_SERVER_NAME, CA_SERVER_FOREIGN,
	CA_SERVER_WEAK, CA_SERVER_KINDS,
};

#define CA_LEVELS_MAX	4	/* intermediates below a root */
#define CA_ALTERNATES_MAX 4

/* One hierarchy: root, intermediates downwards, and others' certificates for the root's key. */
struct ca_tree {
	EVP_PKEY	*root_key;
	X509		*root;
	EVP_PKEY	*keys[CA_LEVELS_MAX];
	X509		*mids[CA_LEVELS_MAX];
	unsigned	 nmids;
	X509		*cross[CA_ALTERNATES_MAX];	/* the root's key under other roots */
	unsigned	 ncross;
	uint8_t		 aki[20];	/* key identifier of the issuer of leaves */
};

struct ca {
	const struct options	*o;
	struct ca_tree		 trees[2];	/* ECDSA, RSA */
	bool			 has[2];
	EVP_PKEY		*old_keys[CA_ALTERNATES_MAX];
	X509			*old_roots[CA_ALTERNATES_MAX];
	EVP_PKEY		*tls_key;
	X509			*tls_root;
	EVP_PKEY		*server_key;
	struct tls_identity	*servers[CA_SERVER_KINDS];
	/* https://ADDR:PORT for CRL URLs; "" leaves them out */
	char			 base[96];
	struct span		 crl[2];	/* DER, made when asked for */
	unsigned		 crl_number;
};

MUST_CHECK int	ca_new(const struct options *, struct ca **, struct err *e);
void		ca_free(struct ca *);
MUST_CHECK int	ca_write_files(const struct ca *, const struct options *, struct err *e);
void		ca_put_roots(const struct ca *, struct buf *pem);
const struct tls_identity *ca_server(struct ca *, enum ca_server_kind);

struct ca_ask {
	const struct order	*order;
	EVP_PKEY		*key;
	int64_t			 now;
	const struct fault	*fault;		/* AT_ISSUE, or NULL */
};

/* NULL with an error; otherwise the caller's to free() until state_cert_add(). */
struct cert	*ca_issue(struct ca *, const struct ca_ask *, struct err *e);

/* The chain as PEM: number 0 is the usual one, others are alternates. false: no such number. */
bool		 ca_chain(const struct ca *, const struct cert *, unsigned number,
		    const struct fault *, struct buf *pem);
unsigned	 ca_chains(const struct ca *, const struct cert *);
struct span	 ca_issuer_id(const struct ca *, const struct cert *);	/* AKI of the leaf */
MUST_CHECK int	 ca_crl(struct ca *, const struct state *, unsigned tree, struct span *der,
		    struct err *e);
void		 ca_crl_stale(struct ca *);

/* What ca_issue.c gives to ca.c; cert NULL fails the buffer. */
void		 ca_put_pem(struct buf *out, X509 *cert);

/* What ca.c gives to ca_issue.c. */
MUST_CHECK EVP_PKEY *ca_key(bool rsa, unsigned bits);
struct ca_spec {
	const char	*subject;	/* common name, or NULL */
	EVP_PKEY	*key;
	X509		*issuer;	/* NULL: self-signed */
	EVP_PKEY	*issuer_key;
	int64_t		 from;
	int64_t		 to;
	bool		 is_ca;
	/* subjectAltName as OpenSSL's configuration writes it, or NULL */
	const char	*names;
	const char	*usage;		/* extendedKeyUsage, or NULL */
	const char	*crl;		/* URL, or NULL */
	bool		 sha1;
	bool		 critical;	/* an extension that nobody knows */
	bool		 is_octets;	/* wanted as DER: nobody will ask the X509 for its key */
};
MUST_CHECK X509	*ca_make(const struct ca_spec *, struct err *e);

#endif
