/*
 * testca: certificates for tests, with any defect that is asked for.
 *
 * Whatever libcrypto refuses to do ends the test program. Serial numbers
 * count up from 1; dates are around TESTCA_NOW unless said otherwise.
 */
#ifndef KAMCERT_T_UNIT_TESTCA_H
#define KAMCERT_T_UNIT_TESTCA_H

#include "base/bytes.h"

#define TESTCA_NOW	INT64_C(1800000000)	/* 2027-01-15T08:00:00Z */

struct testca_cert;	/* a certificate, and its private key unless it is for a csr */

/* A zeroed one is a sound leaf without a name. */
struct testca_spec {
	const char	*cn;		/* NULL: an empty subject */
	/* "DNS:a.example,IP:192.0.2.1,URI:sip:a.example"; NULL: none */
	const char	*names;
	const char	*key;		/* "ecdsa-p256" (NULL), "rsa-1024", "ED25519", ..., or
					   "rsa-2048-slow" for a long public exponent */
	struct span	 csr;		/* DER: its public key instead */
	const struct testca_cert *same;	/* its subject and key instead: cross-certificate */
	const char	*md;		/* of the signature; NULL: "SHA256" */
	int64_t		 from;		/* 0: an hour before TESTCA_NOW */
	int64_t		 until;		/* 0: 90 days after TESTCA_NOW, for a ca 10 years */
	const char	*serial;	/* hex; NULL: the next */
	const char	*eku;		/* NULL: "serverAuth", for a ca none; "": none */
	const char	*ku;		/* NULL: "critical,digitalSignature", or a ca's; "": none */
	const char	*more;		/* DER as hex of a further extension */
	const char	*more_oid;	/* its OID; NULL: one that nobody knows */
	bool		 more_critical;
	const char	*crl;		/* URL of the list that would have it; NULL: none */
	bool		 ca;
	bool		 no_basic;	/* no basicConstraints */
	bool		 no_key_ids;	/* neither subject nor authority key identifier */
};

/* Signed by its own key. */
struct testca_cert *testca_root(const struct testca_spec *);
struct testca_cert *testca_issue(const struct testca_cert *issuer, const struct testca_spec *);
void		testca_free(struct testca_cert *);

/* A list of revoked certificates. Zeroed: an empty one, for a day before and after TESTCA_NOW. */
struct testca_list {
	const struct testca_cert *revoked;	/* NULL: none */
	const struct testca_cert *signer;	/* whose key signs it, NULL: the issuer's */
	int64_t		 from;
	int64_t		 until;
};
void		testca_crl(const struct testca_cert *issuer, const struct testca_list *,
		    struct buf *der);

/* Append PEM. */
void		testca_put(const struct testca_cert *, struct buf *);
void		testca_put_key(const struct testca_cert *, struct buf *);

/* Lives as long as the certificate. */
struct span	testca_der(const struct testca_cert *);

/*
 * A path that reads as this PEM, for interfaces that want a bundle by name:
 * a file in memory that ends with the process.
 */
const char	*testca_file(const struct buf *pem, char path[32]);

#endif
