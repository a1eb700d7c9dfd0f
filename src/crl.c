#include "crl.h"

#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "cert.h"

#define URL_MAX	1024

/* --- where it is --- */

static int
take_url(const GENERAL_NAME *name, struct strs *out, struct err *e)
{
	const ASN1_IA5STRING *uri;
	char text[URL_MAX];
	struct err ignored;
	struct url u;
	int n;

	if (name->type != GEN_URI || out->n == CRL_URLS_MAX)
		return 0;
	uri = name->d.uniformResourceIdentifier;
	n = ASN1_STRING_length(uri);
	if (n <= 0 || n >= URL_MAX || memchr(ASN1_STRING_get0_data(uri), '\0', (size_t)n) != NULL)
		return 0;
	memcpy(text, ASN1_STRING_get0_data(uri), (size_t)n);
	text[n] = '\0';
	if (text_url(text, &u, &ignored) == -1 ||
	    (strcmp(u.scheme, "http") != 0 && strcmp(u.scheme, "https") != 0) ||
	    strs_has(out, text))
		return 0;
	return strs_add(out, text) == 0 ? 0 : err_nomem(e);
}

static int
take_point(const DIST_POINT *point, struct strs *out, struct err *e)
{
	const GENERAL_NAMES *names;

	if (point->distpoint == NULL || point->distpoint->type != 0)
		return 0;
	names = point->distpoint->name.fullname;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if (take_url(sk_GENERAL_NAME_value(names, i), out, e) == -1)
			return -1;
	return 0;
}

int
crl_urls(struct span cert, struct strs *out, struct err *e)
{
	X509 *x = cert_parse(cert);
	CRL_DIST_POINTS *points = x != NULL ?
	    X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL) : NULL;
	int rc = 0;

	for (int i = 0; i < sk_DIST_POINT_num(points) && rc == 0; i++)
		rc = take_point(sk_DIST_POINT_value(points, i), out, e);
	CRL_DIST_POINTS_free(points);
	X509_free(x);
	ERR_clear_error();
	return rc;
}

/* --- what it is --- */

struct X509_crl_st *
crl_parse(struct span der)
{
	const uint8_t *p = der.p;
	X509_CRL *crl = der.n <= CRL_MAX ? d2i_X509_CRL(NULL, &p, (long)der.n) : NULL;

	if (crl != NULL && p != der.p + der.n) {
		X509_CRL_free(crl);
		crl = NULL;
	}
	ERR_clear_error();
	return crl;
}

int
crl_check(struct span der, int64_t *next, struct err *e)
{
	X509_CRL *crl = crl_parse(der);
	struct tm tm;

	*next = 0;
	if (crl == NULL)
		return err_set(e, OUT_RETRY, "want a list of revoked certificates of at most %d "
		    "octets (RFC 5280 section 5), have something else", CRL_MAX);
	if (X509_CRL_get0_nextUpdate(crl) != NULL &&
	    ASN1_TIME_to_tm(X509_CRL_get0_nextUpdate(crl), &tm) == 1)
		*next = text_unix(&tm);
	X509_CRL_free(crl);
	return 0;
}
