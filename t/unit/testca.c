#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "testca.h"

#define UNKNOWN_OID "1.3.6.1.4.1.99999.1"

struct testca_cert {
	X509		*x;
	EVP_PKEY	*pkey;		/* NULL: for a csr */
	struct buf	 der;
};

#define NEED(what) do {							\
	if (!(what)) {							\
		fprintf(stderr, "testca: %s:%d: %s\n", __FILE__, __LINE__, #what); \
		ERR_print_errors_fp(stderr);				\
		abort();						\
	}								\
} while (0)

/* RSA with a public exponent of 65 bits. */
static EVP_PKEY *
new_slow_rsa(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;
	BIGNUM *e = NULL;

	NEED(ctx != NULL && BN_hex2bn(&e, "1000000000000000d") > 0);
	NEED(EVP_PKEY_keygen_init(ctx) == 1);
	NEED(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
	NEED(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1);
	NEED(EVP_PKEY_generate(ctx, &pkey) == 1);
	EVP_PKEY_CTX_free(ctx);
	BN_free(e);
	return pkey;
}

static EVP_PKEY *
new_pkey(const char *type)
{
	EVP_PKEY *pkey;

	if (type == NULL)
		type = "ecdsa-p256";
	if (strcmp(type, "rsa-2048-slow") == 0)
		pkey = new_slow_rsa();
	else if (strncmp(type, "rsa-", 4) == 0)
		pkey = EVP_RSA_gen((unsigned)strtoul(type + 4, NULL, 10));
	else if (strncmp(type, "ecdsa-p", 7) == 0)
		pkey = EVP_EC_gen(strcmp(type, "ecdsa-p256") == 0 ? "P-256" :
		    strcmp(type, "ecdsa-p384") == 0 ? "P-384" : "P-521");
	else
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, type);
	NEED(pkey != NULL);
	return pkey;
}

static void
set_public(struct testca_cert *c, const struct testca_spec *spec)
{
	const uint8_t *p = spec->csr.p;
	X509_REQ *req;

	if (spec->same != NULL) {
		NEED(EVP_PKEY_up_ref(spec->same->pkey) == 1);
		c->pkey = spec->same->pkey;
	} else if (spec->csr.n > 0) {
		NEED((req = d2i_X509_REQ(NULL, &p, (long)spec->csr.n)) != NULL);
		NEED(X509_set_pubkey(c->x, X509_REQ_get0_pubkey(req)) == 1);
		X509_REQ_free(req);
		return;
	} else {
		c->pkey = new_pkey(spec->key);
	}
	NEED(X509_set_pubkey(c->x, c->pkey) == 1);
}

static void
set_serial(X509 *x, const char *hex)
{
	static long last;
	BIGNUM *bn = NULL;

	if (hex == NULL) {
		NEED(ASN1_INTEGER_set(X509_get_serialNumber(x), ++last) == 1);
		return;
	}
	NEED(BN_hex2bn(&bn, hex) > 0);
	NEED(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL);
	BN_free(bn);
}

static void
set_dates(X509 *x, const struct testca_spec *spec)
{
	int64_t from = spec->from != 0 ? spec->from : TESTCA_NOW - HOUR;
	int64_t until = spec->until != 0 ? spec->until :
	    TESTCA_NOW + (spec->ca ? 3650 : 90) * DAY;

	NEED(ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)from, 0, 0) != NULL);
	NEED(ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)until, 0, 0) != NULL);
}

static void
set_names(struct testca_cert *c, const struct testca_cert *issuer, const struct testca_spec *spec)
{
	X509_NAME *subject = X509_get_subject_name(c->x);

	if (spec->same != NULL)
		NEED(X509_set_subject_name(c->x, X509_get_subject_name(spec->same->x)) == 1);
	else if (spec->cn != NULL)
		NEED(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
		    (const unsigned char *)spec->cn, -1, -1, 0) == 1);
	if (issuer == NULL)
		issuer = c;
	NEED(X509_set_issuer_name(c->x, X509_get_subject_name(issuer->x)) == 1);
}

static void
add(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *ext;

	if (value == NULL || value[0] == '\0')
		return;
	NEED((ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value)) != NULL);
	NEED(X509_add_ext(x, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static void
add_crl(X509 *x, const char *url)
{
	char value[256];
	X509_EXTENSION *ext;

	snprintf(value, sizeof value, "URI:%s", url);
	NEED((ext = X509V3_EXT_conf_nid(NULL, NULL, NID_crl_distribution_points, value)) != NULL);
	NEED(X509_add_ext(x, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static void
add_more(X509 *x, const struct testca_spec *spec)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(spec->more_oid != NULL ? spec->more_oid : UNKNOWN_OID, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;
	struct buf der;

	buf_init(&der, 65536);
	NEED(hex_decode(span_str(spec->more), &der) == 0);
	NEED(oid != NULL && value != NULL);
	NEED(ASN1_OCTET_STRING_set(value, der.p, (int)der.n) == 1);
	NEED((ext = X509_EXTENSION_create_by_OBJ(NULL, oid, spec->more_critical, value)) != NULL);
	NEED(X509_add_ext(x, ext, -1) == 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
	buf_clear(&der);
}

static void
add_extensions(struct testca_cert *c, const struct testca_cert *issuer,
    const struct testca_spec *spec)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, (issuer != NULL ? issuer : c)->x, c->x, NULL, NULL, 0);
	if (!spec->no_basic)
		add(c->x, &ctx, NID_basic_constraints,
		    spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add(c->x, &ctx, NID_key_usage, spec->ku != NULL ? spec->ku :
	    spec->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
	add(c->x, &ctx, NID_ext_key_usage, spec->eku != NULL ? spec->eku :
	    spec->ca ? NULL : "serverAuth");
	add(c->x, &ctx, NID_subject_alt_name, spec->names);
	if (!spec->no_key_ids) {
		add(c->x, &ctx, NID_subject_key_identifier, "hash");
		if (issuer != NULL && X509_get0_subject_key_id(issuer->x) != NULL)
			add(c->x, &ctx, NID_authority_key_identifier, "keyid");
	}
	if (spec->crl != NULL)
		add_crl(c->x, spec->crl);
	if (spec->more != NULL)
		add_more(c->x, spec);
}

struct testca_cert *
testca_issue(const struct testca_cert *issuer, const struct testca_spec *spec)
{
	struct testca_cert *c = calloc(1, sizeof *c);
	const EVP_MD *md = EVP_get_digestbyname(spec->md != NULL ? spec->md : "SHA256");
	EVP_PKEY *by;
	uint8_t *der = NULL;
	int n;

	NEED(c != NULL && (c->x = X509_new()) != NULL && md != NULL);
	NEED(X509_set_version(c->x, X509_VERSION_3) == 1);
	set_serial(c->x, spec->serial);
	set_dates(c->x, spec);
	set_public(c, spec);
	set_names(c, issuer, spec);
	add_extensions(c, issuer, spec);
	by = issuer != NULL ? issuer->pkey : c->pkey;
	if (EVP_PKEY_is_a(by, "ED25519"))
		md = NULL;
	NEED(X509_sign(c->x, by, md) > 0);
	NEED((n = i2d_X509(c->x, &der)) > 0);
	buf_init(&c->der, (size_t)n);
	buf_put(&c->der, span_of(der, (size_t)n));
	OPENSSL_free(der);
	return c;
}

struct testca_cert *
testca_root(const struct testca_spec *spec)
{
	return testca_issue(NULL, spec);
}

void
testca_free(struct testca_cert *c)
{
	if (c == NULL)
		return;
	X509_free(c->x);
	EVP_PKEY_free(c->pkey);
	buf_clear(&c->der);
	free(c);
}

static void
put_bio(BIO *bio, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	buf_put(out, span_of(p, (size_t)n));
	BIO_free(bio);
}

void
testca_put(const struct testca_cert *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	NEED(bio != NULL && PEM_write_bio_X509(bio, c->x) == 1);
	put_bio(bio, out);
}

void
testca_put_key(const struct testca_cert *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	NEED(bio != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(bio, c->pkey, NULL, NULL, 0, NULL, NULL) == 1);
	put_bio(bio, out);
}

struct span
testca_der(const struct testca_cert *c)
{
	return buf_span(&c->der);
}

const char *
testca_file(const struct buf *pem, char path[32])
{
	int fd = memfd_create("testca", 0);
	size_t done = 0;

	NEED(fd != -1);
	while (done < pem->n) {
		ssize_t n = write(fd, pem->p + done, pem->n - done);

		NEED(n > 0);
		done += (size_t)n;
	}
	(void)snprintf(path, 32, "/proc/self/fd/%d", fd);
	return path;
}

static void
add_revoked(X509_CRL *crl, const X509 *x, const ASN1_TIME *when)
{
	X509_REVOKED *r = X509_REVOKED_new();

	NEED(r != NULL && X509_REVOKED_set_serialNumber(r,
	    (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(x)) == 1);
	NEED(X509_REVOKED_set_revocationDate(r, (ASN1_TIME *)(uintptr_t)when) == 1);
	NEED(X509_CRL_add0_revoked(crl, r) == 1);
}

void
testca_crl(const struct testca_cert *issuer, const struct testca_list *spec, struct buf *der)
{
	int64_t from = spec->from != 0 ? spec->from : TESTCA_NOW - DAY;
	int64_t until = spec->until != 0 ? spec->until : TESTCA_NOW + DAY;
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *begin = ASN1_TIME_set(NULL, (time_t)from),
	    *end = ASN1_TIME_set(NULL, (time_t)until);
	uint8_t *octets = NULL;
	int n;

	NEED(crl != NULL && begin != NULL && end != NULL);
	NEED(X509_CRL_set_version(crl, 1) == 1);
	NEED(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x)) == 1);
	NEED(X509_CRL_set1_lastUpdate(crl, begin) == 1 && X509_CRL_set1_nextUpdate(crl, end) == 1);
	if (spec->revoked != NULL)
		add_revoked(crl, spec->revoked->x, begin);
	NEED(X509_CRL_sign(crl, (spec->signer != NULL ? spec->signer : issuer)->pkey,
	    EVP_sha256()) > 0);
	NEED((n = i2d_X509_CRL(crl, &octets)) > 0);
	buf_put(der, span_of(octets, (size_t)n));
	OPENSSL_free(octets);
	ASN1_TIME_free(begin);
	ASN1_TIME_free(end);
	X509_CRL_free(crl);
}
