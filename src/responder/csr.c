/*
 * csr: identifiers, and a certificate request against its order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <openssl/x509v3.h>

#include "base/text.h"
#include "responder/check.h"

#define CSR_MAX	(32 * 1024)

int
ident_read(const char *type, const char *value, struct ident *out, struct problem *p)
{
	char host[HOST_MAX + 1], text[INET6_ADDRSTRLEN];
	uint8_t octets[16];
	struct err e;
	int family = strchr(value, ':') != NULL ? AF_INET6 : AF_INET;

	memset(out, 0, sizeof(*out));
	if (strcmp(type, "dns") == 0) {
		if (text_host(value, HOST_WILDCARD, host, &e) == -1)
			return problem_set(p, 400, "rejectedIdentifier", "%s", e.text);
		out->wildcard = host[0] == '*';
		if (inet_pton(AF_INET, host, octets) == 1)
			return problem_set(p, 400, "rejectedIdentifier", "%s is an address", host);
		out->value = strdup(out->wildcard ? host + 2 : host);
	} else if (strcmp(type, "ip") == 0) {
		/* RFC 8738 section 3: the form of RFC 5952. */
		out->type = IDENT_IP;
		if (inet_pton(family, value, octets) != 1 ||
		    inet_ntop(family, octets, text, sizeof(text)) == NULL ||
		    strcmp(text, value) != 0)
			return problem_set(p, 400, "malformed",
			    "RFC 8738 section 3: no address in its canonical form: %s", value);
		out->value = strdup(text);
	} else {
		return problem_set(p, 400, "unsupportedIdentifier", "identifiers of type %s", type);
	}
	return out->value != NULL ? 0 : problem_set(p, 500, "serverInternal", "out of memory");
}

bool
ident_same(const struct ident *a, const struct ident *b)
{
	return a->type == b->type && a->wildcard == b->wildcard && strcmp(a->value, b->value) == 0;
}

static int
bad(struct problem *p, const char *what)
{
	return problem_set(p, 400, "badCSR", "RFC 8555 section 7.4: %s", what);
}

/* Of curves there are several of 256 bits. */
static bool
is_certified(EVP_PKEY *key)
{
	char curve[32];

	if (key == NULL)
		return false;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 4096;
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
	    (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "secp384r1") == 0);
}

static int
check_key(EVP_PKEY *key, const struct account *account, struct problem *p)
{
	if (!is_certified(key))
		return problem_set(p, 400, "badCSR",
		    "want a key of ECDSA P-256 or P-384, or RSA of 2048 to 4096 bits");
	if (EVP_PKEY_eq(key, account->key) == 1)
		return problem_set(p, 400, "badCSR",
		    "RFC 8555 section 11.1: the key is the account's");
	return 0;
}

/* Which identifier of the order this name is; -1 if it is none. */
static int
find_name(const struct order *o, const struct ident *ident)
{
	for (size_t i = 0; i < o->nauthz; i++)
		if (ident_same(&o->authz[i]->ident, ident))
			return (int)i;
	return -1;
}

static int
read_name(const GENERAL_NAME *g, struct ident *out, struct problem *p)
{
	char text[HOST_MAX + 1];
	const ASN1_STRING *s = g->d.ia5;
	int n;

	if (g->type == GEN_DNS) {
		n = ASN1_STRING_length(s);
		if (n < 1 || n > HOST_MAX || memchr(ASN1_STRING_get0_data(s), '\0',
		    (size_t)n) != NULL)
			return bad(p, "a name of an unfit length, or with a NUL");
		snprintf(text, sizeof(text), "%.*s", n, (const char *)ASN1_STRING_get0_data(s));
		return ident_read("dns", text, out, p);
	}
	if (g->type != GEN_IPADD)
		return bad(p, "a subjectAltName that is neither dns nor ip");
	s = g->d.iPAddress;
	n = ASN1_STRING_length(s);
	if ((n != 4 && n != 16) || inet_ntop(n == 4 ? AF_INET : AF_INET6,
	    ASN1_STRING_get0_data(s), text, sizeof(text)) == NULL)
		return bad(p, "an address of an unfit length");
	return ident_read("ip", text, out, p);
}

static int
check_name(const GENERAL_NAME *g, const struct order *o, uint8_t *seen, struct problem *p)
{
	struct ident ident;
	int at;

	if (read_name(g, &ident, p) == -1) {
		p->type = "badCSR";
		return -1;
	}
	at = find_name(o, &ident);
	if (at < 0)
		problem_set(p, 400, "badCSR", "RFC 8555 section 7.4: %s%s is not in the order",
		    ident.wildcard ? "*." : "", ident.value);
	free(ident.value);
	if (at < 0)
		return -1;
	seen[at] = 1;
	return 0;
}

/* A common name must be one of the names; an empty subject is fine. */
static int
check_subject(X509_REQ *req, const struct order *o, uint8_t *seen, struct problem *p)
{
	X509_NAME *subject = X509_REQ_get_subject_name(req);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const ASN1_STRING *s;
	char text[HOST_MAX + 1];
	struct ident ident;
	int n;

	if (at < 0)
		return 0;
	s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	n = ASN1_STRING_length(s);
	if (n < 1 || n > HOST_MAX || memchr(ASN1_STRING_get0_data(s), '\0', (size_t)n) != NULL)
		return bad(p, "a common name of an unfit length, or with a NUL");
	snprintf(text, sizeof(text), "%.*s", n, (const char *)ASN1_STRING_get0_data(s));
	if (ident_read("dns", text, &ident, p) == -1 && ident_read("ip", text, &ident, p) == -1)
		return bad(p, "the common name is no name");
	at = find_name(o, &ident);
	free(ident.value);
	if (at < 0)
		return bad(p, "the common name is not in the order");
	seen[at] = 1;
	return 0;
}

static int
check_names(X509_REQ *req, const struct order *o, struct problem *p)
{
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
	GENERAL_NAMES *names = X509V3_get_d2i(exts, NID_subject_alt_name, NULL, NULL);
	uint8_t *seen = calloc(o->nauthz, 1);
	int rc = -1;

	if (seen == NULL) {
		problem_set(p, 500, "serverInternal", "out of memory");
		goto out;
	}
	if (X509v3_get_ext_by_NID(exts, NID_tlsfeature, -1) >= 0) {
		bad(p, "must-staple is not issued: there is no OCSP");
		goto out;
	}
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if (check_name(sk_GENERAL_NAME_value(names, i), o, seen, p) == -1)
			goto out;
	if (check_subject(req, o, seen, p) == -1)
		goto out;
	for (size_t i = 0; i < o->nauthz; i++)
		if (!seen[i]) {
			problem_set(p, 400, "badCSR",
			    "RFC 8555 section 7.4: %s of the order is missing",
			    o->authz[i]->ident.value);
			goto out;
		}
	rc = 0;
out:
	free(seen);
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	return rc;
}

int
csr_check(struct span der, const struct order *o, struct csr *out, struct problem *p)
{
	const uint8_t *at = der.p;

	memset(out, 0, sizeof(*out));
	if (der.n == 0 || der.n > CSR_MAX ||
	    (out->req = d2i_X509_REQ(NULL, &at, (long)der.n)) == NULL || at != der.p + der.n) {
		csr_clear(out);
		return bad(p, "no PKCS #10 request in DER");
	}
	out->key = X509_REQ_get0_pubkey(out->req);
	if (check_key(out->key, o->account, p) == 0) {
		if (X509_REQ_verify(out->req, out->key) != 1)
			bad(p, "the signature does not verify");
		else if (check_names(out->req, o, p) == 0)
			return 0;
	}
	csr_clear(out);
	return -1;
}

void
csr_clear(struct csr *c)
{
	X509_REQ_free(c->req);
	memset(c, 0, sizeof(*c));
}
