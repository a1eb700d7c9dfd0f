#include "csrfile.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "ossl.h"
#include "pem.h"
#include "sandbox.h"

/* --- the file --- */

/* The one block of the input, decoded. */
static int
find_block(struct span pem, struct buf *der, struct err *e)
{
	struct pem_rd r = pem_rd_of(pem, OUT_HOLD);
	struct pem_block b;
	enum pem_got got;
	bool found = false;

	while ((got = pem_next(&r, &b, e)) == PEM_BLOCK) {
		if (!span_is(b.label, "CERTIFICATE REQUEST") &&
		    !span_is(b.label, "NEW CERTIFICATE REQUEST"))
			return err_set(e, OUT_HOLD, "line %zu: RFC 7468 section 7: want a "
			    "CERTIFICATE REQUEST, have %.*s", b.line, (int)b.label.n,
			    (const char *)b.label.p);
		if (found)
			return err_set(e, OUT_HOLD, "line %zu: a second request: want one", b.line);
		if (pem_decode(&r, &b, der, e) == -1)
			return -1;
		found = true;
	}
	if (got == PEM_BAD)
		return -1;
	return found ? 0 : err_set(e, OUT_HOLD, "there is no CERTIFICATE REQUEST in it");
}

/* DER begins with a SEQUENCE, which no PEM does. */
static int
decode(struct span file, struct buf *der, struct err *e)
{
	if (file.n == 0 || file.p[0] != 0x30)
		return find_block(file, der, e);
	buf_put(der, file);
	return buf_ok(der) ? 0 : err_set(e, OUT_HOLD, "want at most %d octets, have %zu",
	    KEY_CSR_MAX, file.n);
}

/* --- names --- */

static int
add_once(struct strs *names, const char *name, struct err *e)
{
	return strs_has(names, name) || strs_add(names, name) == 0 ? 0 : err_nomem(e);
}

static int
add_host(struct strs *names, struct span text, struct err *e)
{
	char host[HOST_MAX + 1], clean[HOST_MAX + 1];

	text_clean(clean, sizeof(clean), text);
	if (text.n > HOST_MAX || strlen(clean) != text.n ||
	    text_host(clean, HOST_WILDCARD, host, e) == -1)
		return err_set(e, OUT_HOLD, "want host names and addresses, have \"%s\"", clean);
	return add_once(names, host, e);
}

static int
add_address(struct strs *names, struct span octets, struct err *e)
{
	char text[INET6_ADDRSTRLEN];

	if ((octets.n != 4 && octets.n != 16) ||
	    inet_ntop(octets.n == 4 ? AF_INET : AF_INET6, octets.p, text, sizeof(text)) == NULL)
		return err_set(e, OUT_HOLD, "RFC 5280 section 4.2.1.6: iPAddress: want 4 or 16 "
		    "octets, have %zu", octets.n);
	return add_once(names, text, e);
}

static int
add_name(struct strs *names, const GENERAL_NAME *gn, struct err *e)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(gn, &type);
	struct span octets;

	if (type != GEN_DNS && type != GEN_IPADD)
		return err_set(e, OUT_HOLD, "subjectAltName: want host names and addresses alone: "
		    "a CA puts nothing else into a certificate for a server");
	octets = span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	return type == GEN_DNS ? add_host(names, octets, e) : add_address(names, octets, e);
}

/* CAs have ended OCSP, and a server that staples nothing would be refused by phones. */
static int
no_staple(STACK_OF(X509_EXTENSION) *exts, struct err *e)
{
	if (exts == NULL || X509v3_get_ext_by_NID(exts, NID_tlsfeature, -1) < 0)
		return 0;
	(void)err_set(e, OUT_HOLD, "RFC 7633: it asks for a TLS feature (must-staple): no server "
	    "that is told by kamcert sends an OCSP reply along");
	return err_hint(e, "make the request without this extension");
}

static int
add_alternatives(struct strs *names, X509_REQ *req, struct err *e)
{
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
	GENERAL_NAMES *all = exts == NULL ? NULL :
	    X509V3_get_d2i(exts, NID_subject_alt_name, NULL, NULL);
	int rc = no_staple(exts, e);

	for (int i = 0; i < sk_GENERAL_NAME_num(all) && rc == 0; i++)
		rc = add_name(names, sk_GENERAL_NAME_value(all, i), e);
	GENERAL_NAMES_free(all);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	return rc;
}

/* RFC 8555 section 7.4: a name may be in the subject, the alternatives, or both. */
static int
add_subject(struct strs *names, X509_REQ *req, struct err *e)
{
	X509_NAME *subject = X509_REQ_get_subject_name(req);
	uint8_t ip[16];
	unsigned char *text;
	int i = -1, n, rc = 0;

	while (rc == 0 && (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0) {
		n = ASN1_STRING_to_UTF8(&text,
		    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
		if (n < 0)
			return ossl_err(e, OUT_HOLD, "commonName cannot be read");
		if (inet_pton(AF_INET, (char *)text, ip) != 1 &&
		    inet_pton(AF_INET6, (char *)text, ip) != 1)
			rc = add_host(names, span_of(text, (size_t)n), e);
		OPENSSL_free(text);
	}
	return rc;
}

/* --- all together --- */

static int
take_key(struct csrfile *out, X509_REQ *req, struct err *e)
{
	uint8_t *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &spki);

	if (n > 0)
		out->key = key_from_spki(span_of(spki, (size_t)n), e);
	else
		(void)ossl_err(e, OUT_HOLD, "its public key cannot be read");
	OPENSSL_free(spki);
	return out->key != NULL ? 0 : -1;
}

static int
parse(struct span der, struct csrfile *out, struct err *e)
{
	const uint8_t *p = der.p;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
	int rc = -1;

	if (req == NULL || p != der.p + der.n)
		(void)ossl_err(e, OUT_HOLD, "RFC 2986: not a certificate request");
	else if (take_key(out, req, e) == -1)
		;
	else if (X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) != 1)
		(void)ossl_err(e, OUT_HOLD,
		    "RFC 2986 section 4.2: it is not signed by its own key");
	else if (add_subject(&out->names, req, e) == 0 &&
	    add_alternatives(&out->names, req, e) == 0)
		rc = blob_set(&out->der, der) == 0 ? 0 : err_nomem(e);
	X509_REQ_free(req);
	ERR_clear_error();
	return rc;
}

int
csrfile_read(struct span file, struct csrfile *out, struct err *e)
{
	struct buf der;
	int rc;

	*out = (struct csrfile){ .key = NULL };
	buf_init(&der, KEY_CSR_MAX);
	if ((rc = decode(file, &der, e)) == 0)
		rc = parse(buf_span(&der), out, e);
	if (rc == -1) {
		csrfile_clear(out);
		(void)err_in(e, "certificate request");
	}
	buf_clear(&der);
	return rc;
}

int
csrfile_load(const char *path, struct csrfile *out, struct err *e)
{
	struct buf file;
	int rc;

	*out = (struct csrfile){ .key = NULL };
	buf_init(&file, KEY_CSR_MAX);
	if ((rc = sandbox_read(path, KEY_CSR_MAX, &file, e)) == 0)
		rc = csrfile_read(buf_span(&file), out, e);
	buf_clear(&file);
	if (rc == 0 || e->class == OUT_RETRY)
		return rc;
	e->class = OUT_HOLD;
	return err_in(e, "%s", path);
}

int
csrfile_fits(const struct csrfile *csr, const struct strs *names, struct err *e)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strs_has(&csr->names, names->v[i]))
			return err_set(e, OUT_HOLD, "certificate request: want %s, which the "
			    "configuration names, it is missing", names->v[i]);
	for (size_t i = 0; i < csr->names.n; i++)
		if (!strs_has(names, csr->names.v[i]))
			return err_set(e, OUT_HOLD, "certificate request: have %s, which the "
			    "configuration does not name", csr->names.v[i]);
	return 0;
}

void
csrfile_clear(struct csrfile *csr)
{
	blob_clear(&csr->der);
	strs_clear(&csr->names);
	key_free(csr->key);
	csr->key = NULL;
}
