/*
 * cert: what certificates say, as plain facts. Judges nothing: chain does.
 *
 * The facts are described by pack tables, so that they can be sent to the
 * role that compares them with what a server serves.
 */
#ifndef KAMCERT_CERT_H
#define KAMCERT_CERT_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"

#define CHAIN_MAX	(256 * 1024)	/* octets of PEM */
#define CHAIN_CERTS_MAX	10

struct cert_facts {
	struct blob	 der;
	struct blob	 sha256;	/* of der */
	struct blob	 spki_sha256;	/* of the public key, as key_public_digest() */
	int64_t		 not_before;	/* unix seconds; the years 0 to 9999 */
	int64_t		 not_after;	/* the last second it is valid */
	char		*serial;	/* lower case hex without sign, "03ab..." */
	char		*subject;	/* clean; may be "" */
	char		*issuer;	/* clean */
	char		*key;		/* "ecdsa-p256", "rsa-2048", ... as configured */
	char		*ari_id;	/* RFC 9773 section 4.1; or NULL */
	struct strs	 names;		/* dNSName and iPAddress, canonical */
	struct strs	 other_names;	/* "URI:sip:example.com", "email:...", clean */
	struct strs	 bad_names;	/* dNSName and iPAddress that are none, clean */
};

extern const struct pack cert_facts_pack;

/* Certificates in the order of their file; pack_clear(&certs_pack, ...) frees. */
struct certs {
	struct list	 all;		/* struct cert_facts */
};

extern const struct pack certs_pack;

/* --- for chain.c: libcrypto's X509 and STACK_OF(X509) --- */

struct x509_st;
struct stack_st_X509;

/*
 * Parses 1 to CHAIN_CERTS_MAX certificates, and accepts no other block (RFC
 * 8555 section 9.1 and 11.4). REFUSE names the line. *out is the caller's.
 */
MUST_CHECK int	certs_load(struct span pem, struct stack_st_X509 **out, struct err *e);

/*
 * One certificate of DER and nothing behind it, the caller's to X509_free();
 * NULL if it is none, or without memory. Issuers are parsed once in a process:
 * hundreds of certificates have the same ones, and a public key takes libcrypto
 * as long as a signature.
 */
struct x509_st	*cert_parse(struct span der);

/* Fills in *out, which pack_clear(&cert_facts_pack, ...) frees; zeroed on failure. */
MUST_CHECK int	cert_read(struct x509_st *, struct cert_facts *out, struct err *e);

/* The subject as one clean line, the issuer's where it is empty; for messages. Returns out. */
#define CERT_NAME_MAX 160
const char	*cert_name(struct x509_st *, char out[CERT_NAME_MAX]);

/* The issuer likewise. */
const char	*cert_issuer(struct x509_st *, char out[CERT_NAME_MAX]);

/* The public key as in cert_facts.key. Returns out. */
#define CERT_KEY_MAX 48
const char	*cert_key(struct x509_st *, char out[CERT_KEY_MAX]);

/* -1 for times that are none. */
MUST_CHECK int	cert_dates(struct x509_st *, int64_t *not_before, int64_t *not_after);

#endif
