#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "cert.h"
#include "ossl.h"
#include "pem.h"

#define NAME_TEXT_MAX	256	/* octets of a subject or an issuer */
#define CERTS_KEPT	8
#define KEPT_MAX	(8 * 1024)	/* octets; a larger one is parsed each time */
#define SERIAL_MAX	64	/* octets; RFC 5280 section 4.1.2.2 allows 20 */

#define F(type, field)	{ type, offsetof(struct cert_facts, field), NULL }

const struct pack cert_facts_pack = PACK(cert_facts,
	F(PACK_BLOB, der), F(PACK_BLOB, sha256), F(PACK_BLOB, spki_sha256),
	F(PACK_I64, not_before), F(PACK_I64, not_after),
	F(PACK_STR, serial), F(PACK_STR, subject), F(PACK_STR, issuer), F(PACK_STR, key),
	F(PACK_STR, ari_id),
	F(PACK_STRS, names), F(PACK_STRS, other_names), F(PACK_STRS, bad_names));

const struct pack certs_pack = PACK(certs,
	{ PACK_LIST, offsetof(struct certs, all), &cert_facts_pack });

/* --- parsing --- */

/* What is no certificate has no business in the reply (RFC 8555 section 11.4). */
static int
refuse_block(const struct pem_block *b, struct err *e)
{
	(void)err_set(e, OUT_REFUSE, "line %zu: RFC 8555 section 9.1: want only CERTIFICATE "
	    "blocks, have %.*s", b->line, (int)b->label.n, (const char *)b->label.p);
	if (b->label.n >= 3 && memmem(b->label.p, b->label.n, "KEY", 3) != NULL)
		return err_hint(e, "a key that came from outside is not stored; it counts as "
		    "known to others");
	return -1;
}

/*
 * What was parsed before: issuers that many chains share, and leaves that are
 * looked at more than once. The newest takes the place of the oldest.
 */
static struct {
	struct blob	 der;
	X509		*x;
} kept[CERTS_KEPT];
static size_t next_kept;

static void
keep(struct span der, X509 *x)
{
	size_t i = next_kept;

	if (der.n > KEPT_MAX)
		return;
	X509_free(kept[i].x);
	kept[i].x = NULL;
	blob_clear(&kept[i].der);
	if (blob_set(&kept[i].der, der) == -1 || X509_up_ref(x) != 1)
		return;
	kept[i].x = x;
	next_kept = (i + 1) % CERTS_KEPT;
}

X509 *
cert_parse(struct span der)
{
	const uint8_t *p = der.p;
	X509 *x;

	for (size_t i = 0; i < CERTS_KEPT; i++)
		if (kept[i].x != NULL && span_eq(blob_span(&kept[i].der), der))
			return X509_up_ref(kept[i].x) == 1 ? kept[i].x : NULL;
	x = d2i_X509(NULL, &p, (long)der.n);
	if (x != NULL && p != der.p + der.n) {
		X509_free(x);
		return NULL;
	}
	if (x != NULL)
		keep(der, x);
	return x;
}

static int
load_one(const struct pem_rd *r, const struct pem_block *b, STACK_OF(X509) *to, struct err *e)
{
	X509 *x = NULL;
	struct buf der;
	int rc = -1;

	buf_init(&der, CHAIN_MAX);
	if (!span_is(b->label, "CERTIFICATE")) {
		(void)refuse_block(b, e);
		goto out;
	}
	if (sk_X509_num(to) == CHAIN_CERTS_MAX) {
		(void)err_set(e, OUT_REFUSE, "line %zu: more than %d certificates", b->line,
		    CHAIN_CERTS_MAX);
		goto out;
	}
	if (pem_decode(r, b, &der, e) == -1)
		goto out;
	if ((x = cert_parse(buf_span(&der))) == NULL) {
		(void)ossl_err(e, OUT_REFUSE, "line %zu: RFC 5280 section 4.1: not a certificate",
		    b->line);
		goto out;
	}
	if (sk_X509_push(to, x) == 0) {
		(void)err_nomem(e);
		goto out;
	}
	x = NULL;
	rc = 0;
out:
	X509_free(x);
	buf_clear(&der);
	return rc;
}

static int
load_all(struct span pem, STACK_OF(X509) *to, struct err *e)
{
	struct pem_rd r = pem_rd_of(pem, OUT_REFUSE);
	struct pem_block b;
	enum pem_got got;

	while ((got = pem_next(&r, &b, e)) == PEM_BLOCK)
		if (load_one(&r, &b, to, e) == -1)
			return -1;
	if (got == PEM_BAD)
		return -1;
	if (sk_X509_num(to) == 0)
		return err_set(e, OUT_REFUSE, "RFC 8555 section 9.1: no certificate in it: "
		    "%zu octets that begin with '%.*s'", pem.n, (int)(pem.n < 40 ? pem.n : 40),
		    (const char *)pem.p);
	return 0;
}

int
certs_load(struct span pem, STACK_OF(X509) **out, struct err *e)
{
	*out = NULL;
	if (pem.n == 0)
		return err_set(e, OUT_REFUSE, "RFC 8555 section 7.4.2: want certificates, the "
		    "body is empty");
	if (pem.n > CHAIN_MAX)
		return err_set(e, OUT_REFUSE, "%zu octets: want at most %d", pem.n, CHAIN_MAX);
	if ((*out = sk_X509_new_null()) == NULL)
		return err_nomem(e);
	if (load_all(pem, *out, e) == 0)
		return 0;
	sk_X509_pop_free(*out, X509_free);
	*out = NULL;
	return -1;
}

/* --- single facts --- */

static int
put_name(const X509_NAME *name, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	out[0] = '\0';
	if (bio == NULL || X509_NAME_print_ex(bio, name, 0,
	    XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0) {
		BIO_free(bio);
		return -1;
	}
	n = BIO_get_mem_data(bio, &text);
	if (n > 0)
		text_clean(out, size, span_of(text, (size_t)n));
	BIO_free(bio);
	return 0;
}

const char *
cert_name(X509 *x, char out[CERT_NAME_MAX])
{
	if (put_name(X509_get_subject_name(x), out, CERT_NAME_MAX) == -1 || out[0] != '\0')
		return out;
	(void)snprintf(out, CERT_NAME_MAX, "issued by ");
	(void)put_name(X509_get_issuer_name(x), out + strlen(out), CERT_NAME_MAX - strlen(out));
	return out;
}

const char *
cert_issuer(X509 *x, char out[CERT_NAME_MAX])
{
	(void)put_name(X509_get_issuer_name(x), out, CERT_NAME_MAX);
	return out;
}

const char *
cert_key(X509 *x, char out[CERT_KEY_MAX])
{
	static const struct {
		const char *group, *name;
	} curves[] = {
		{ "prime256v1", "ecdsa-p256" }, { "secp384r1", "ecdsa-p384" },
		{ "secp521r1", "ecdsa-p521" },
	};
	EVP_PKEY *pkey = X509_get0_pubkey(x);
	char group[32] = "";

	(void)snprintf(out, CERT_KEY_MAX, "unknown");
	if (pkey != NULL && EVP_PKEY_is_a(pkey, "RSA"))
		(void)snprintf(out, CERT_KEY_MAX, "rsa-%d", EVP_PKEY_get_bits(pkey));
	else if (pkey != NULL && EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1)
		(void)snprintf(out, CERT_KEY_MAX, "ecdsa-%s", group);
	else if (pkey != NULL && EVP_PKEY_get0_type_name(pkey) != NULL)
		(void)snprintf(out, CERT_KEY_MAX, "%s", EVP_PKEY_get0_type_name(pkey));
	for (size_t i = 0; i < NITEMS(curves); i++)
		if (strcmp(group, curves[i].group) == 0)
			(void)snprintf(out, CERT_KEY_MAX, "%s", curves[i].name);
	ERR_clear_error();
	return out;
}

static int
read_time(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	*out = text_unix(&tm);
	return 0;
}

int
cert_dates(X509 *x, int64_t *not_before, int64_t *not_after)
{
	if (read_time(X509_get0_notBefore(x), not_before) == -1 ||
	    read_time(X509_get0_notAfter(x), not_after) == -1) {
		ERR_clear_error();
		return -1;
	}
	return 0;
}

/* As long as its caller allows. */
static int
put_serial(X509 *x, char **out)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	struct buf hex;

	buf_init(&hex, SERIAL_MAX * 2);
	buf_hex(&hex, span_of(ASN1_STRING_get0_data(serial),
	    (size_t)ASN1_STRING_length(serial)));
	*out = buf_ok(&hex) ? span_dup(buf_span(&hex)) : NULL;
	buf_clear(&hex);
	return *out != NULL ? 0 : -1;
}

/* RFC 9773 section 4.1: key identifier, dot, the serial's octets as DER has them. */
static int
put_ari_id(X509 *x, char **out)
{
	const ASN1_OCTET_STRING *keyid = X509_get0_authority_key_id(x);
	uint8_t *der = NULL;
	int n = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &der);
	struct buf id;
	struct rd r;
	int rc = 0;

	if (keyid != NULL && n > 0) {
		buf_init(&id, CHAIN_MAX);
		buf_base64url(&id, span_of(ASN1_STRING_get0_data(keyid),
		    (size_t)ASN1_STRING_length(keyid)));
		buf_u8(&id, '.');
		r = rd_of(span_of(der, (size_t)n));
		(void)rd_u8(&r);
		buf_base64url(&id, rd_vec8(&r));
		rc = buf_ok(&id) && rd_end(&r) && (*out = span_dup(buf_span(&id))) != NULL ? 0 : -1;
		buf_clear(&id);
	}
	OPENSSL_free(der);
	return rc;
}

/* --- names --- */

static int
add_clean(struct strs *to, const char *kind, struct span text)
{
	char clean[HOST_MAX + 1], line[HOST_MAX + 32];

	text_clean(clean, sizeof clean, text);
	(void)snprintf(line, sizeof line, "%s:%s", kind, clean);
	return strs_add(to, line);
}

static int
add_dns(struct cert_facts *f, struct span text)
{
	char host[HOST_MAX + 1];
	struct err ignored;
	char *s;
	int rc;

	if (text.n == 0 || text.n > HOST_MAX || memchr(text.p, '\0', text.n) != NULL)
		return add_clean(&f->bad_names, "DNS", text);
	if ((s = span_dup(text)) == NULL)
		return -1;
	rc = text_host(s, HOST_WILDCARD | HOST_SINGLE, host, &ignored) == 0 ?
	    strs_add(&f->names, host) : add_clean(&f->bad_names, "DNS", text);
	free(s);
	return rc;
}

static int
add_ip(struct cert_facts *f, struct span ip)
{
	char text[INET6_ADDRSTRLEN];

	if (ip.n != 4 && ip.n != 16)
		return add_clean(&f->bad_names, "IP", ip);
	if (inet_ntop(ip.n == 4 ? AF_INET : AF_INET6, ip.p, text, sizeof text) == NULL)
		return -1;
	return strs_add(&f->names, text);
}

static int
add_name(struct cert_facts *f, const GENERAL_NAME *gn)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(gn, &type);
	struct span text = SPAN_NONE;

	if (type == GEN_DNS || type == GEN_IPADD || type == GEN_URI || type == GEN_EMAIL)
		text = span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	switch (type) {
	case GEN_DNS:
		return add_dns(f, text);
	case GEN_IPADD:
		return add_ip(f, text);
	case GEN_URI:
		return add_clean(&f->other_names, "URI", text);
	case GEN_EMAIL:
		return add_clean(&f->other_names, "email", text);
	default:
		return add_clean(&f->other_names, "other", span_str("a name of another kind"));
	}
}

static int
read_names(X509 *x, struct cert_facts *f, struct err *e)
{
	int how = 0, rc = 0;
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, &how, NULL);

	if (all == NULL && how != -1)	/* -1: there is no such extension */
		return ossl_err(e, OUT_REFUSE, "RFC 5280 section 4.2.1.6: subjectAltName cannot be "
		    "read, or is there twice");
	for (int i = 0; i < sk_GENERAL_NAME_num(all) && rc == 0; i++)
		rc = add_name(f, sk_GENERAL_NAME_value(all, i));
	GENERAL_NAMES_free(all);
	return rc == 0 ? 0 : err_nomem(e);
}

/* --- all of it --- */

/* The octets and their digests. */
static int
read_octets(X509 *x, struct cert_facts *f, struct err *e)
{
	uint8_t *der = NULL, *spki = NULL, digest[SHA256_LEN];
	int n = i2d_X509(x, &der), m = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
	int rc = -1;

	if (n > 0 && m > 0 &&
	    blob_set(&f->der, span_of(der, (size_t)n)) == 0 &&
	    sha256(span_of(der, (size_t)n), digest) == 0 &&
	    blob_set(&f->sha256, span_of(digest, sizeof digest)) == 0 &&
	    sha256(span_of(spki, (size_t)m), digest) == 0 &&
	    blob_set(&f->spki_sha256, span_of(digest, sizeof digest)) == 0)
		rc = 0;
	OPENSSL_free(der);
	OPENSSL_free(spki);
	return rc == 0 ? 0 : ossl_err(e, OUT_RETRY, "certificate cannot be encoded");
}

static int
read_texts(X509 *x, struct cert_facts *f, struct err *e)
{
	char subject[NAME_TEXT_MAX], issuer[NAME_TEXT_MAX], key[CERT_KEY_MAX];

	if (put_name(X509_get_subject_name(x), subject, sizeof subject) == -1 ||
	    put_name(X509_get_issuer_name(x), issuer, sizeof issuer) == -1)
		return ossl_err(e, OUT_REFUSE, "RFC 5280 section 4.1.2.4: issuer or subject "
		    "cannot be read");
	if (ASN1_STRING_length(X509_get0_serialNumber(x)) > SERIAL_MAX)
		return err_set(e, OUT_REFUSE, "RFC 5280 section 4.1.2.2: serial number of %d "
		    "octets", ASN1_STRING_length(X509_get0_serialNumber(x)));
	f->subject = strdup(subject);
	f->issuer = strdup(issuer);
	f->key = strdup(cert_key(x, key));
	if (f->subject == NULL || f->issuer == NULL || f->key == NULL ||
	    put_serial(x, &f->serial) == -1 || put_ari_id(x, &f->ari_id) == -1)
		return err_nomem(e);
	return 0;
}

int
cert_read(X509 *x, struct cert_facts *out, struct err *e)
{
	*out = (struct cert_facts){ 0 };
	if (cert_dates(x, &out->not_before, &out->not_after) == -1)
		(void)err_set(e, OUT_REFUSE, "RFC 5280 section 4.1.2.5: dates cannot be read");
	else if (read_octets(x, out, e) == 0 && read_texts(x, out, e) == 0 &&
	    read_names(x, out, e) == 0)
		return 0;
	pack_clear(&cert_facts_pack, out);
	return -1;
}
