/*
 * crl: lists of revoked certificates (RFC 5280 section 5), as far as it takes
 * to fetch and keep them. Whether one fits and is signed as it should be is
 * seen when a path is proven: path.h.
 */
#ifndef KAMCERT_CRL_H
#define KAMCERT_CRL_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"

#define CRL_MAX		(180 * 1024)	/* octets of DER */
#define CRL_URLS_MAX	8		/* of a chain */

/* Where a certificate (DER) says its list is: URLs of http or https, added to out. */
MUST_CHECK int	crl_urls(struct span cert, struct strs *out, struct err *e);

/*
 * Is it a list, and nothing behind it? *next: when a newer one will be there,
 * unix seconds; 0 where it does not say. RETRY says what is wrong.
 */
MUST_CHECK int	crl_check(struct span der, int64_t *next, struct err *e);

/* --- for path.c: libcrypto's X509_CRL --- */

struct X509_crl_st;

/* The caller's. NULL without memory or if it is none. */
struct X509_crl_st	*crl_parse(struct span der);

#endif
