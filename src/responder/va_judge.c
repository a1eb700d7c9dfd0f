/*
 * va_judge: was the challenge fulfilled? What was found goes in, nothing is
 * asked here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#include <openssl/x509v3.h>

#include "responder/va.h"

/* token "." thumbprint, RFC 8555 section 8.1. */
static void
key_authorization(const struct va_ask *ask, struct buf *b)
{
	buf_init(b, 256);
	buf_printf(b, "%s.%s", ask->token, ask->thumb);
}

static int
key_digest(const struct va_ask *ask, uint8_t out[SHA256_LEN])
{
	struct buf b;
	int rc;

	key_authorization(ask, &b);
	rc = buf_ok(&b) ? sha256(buf_span(&b), out) : -1;
	buf_clear(&b);
	return rc;
}

int
va_judge_http(const struct va_ask *ask, const struct http_answer *a, struct problem *p)
{
	struct span body = a->body;
	struct buf want;
	bool same;

	if (a->status != 200)
		return problem_set(p, 403, "unauthorized", "http-01: %s: status %d, want 200",
		    ask->ident->value, a->status);
	/* RFC 8555 section 8.3: white space at the end is let pass. */
	while (body.n != 0 && strchr(" \t\r\n", body.p[body.n - 1]) != NULL)
		body.n--;
	key_authorization(ask, &want);
	same = buf_ok(&want) && span_eq(body, buf_span(&want));
	buf_clear(&want);
	return same ? 0 : problem_set(p, 403, "unauthorized",
	    "http-01: RFC 8555 section 8.3: %s: want the key authorization, have \"%.*s\"",
	    ask->ident->value, (int)(body.n > 200 ? 200 : body.n), (const char *)body.p);
}

/* --- RFC 8737 section 3 --- */

static bool
names_only(X509 *x, const struct ident *ident)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *g = sk_GENERAL_NAME_num(names) == 1 ? sk_GENERAL_NAME_value(names, 0) :
	    NULL;
	const ASN1_STRING *s = g == NULL ? NULL : g->type == GEN_IPADD ? g->d.iPAddress : g->d.ia5;
	uint8_t octets[16];
	bool same = false;
	int n;

	if (g != NULL && g->type == GEN_DNS && ident->type == IDENT_DNS) {
		n = ASN1_STRING_length(s);
		same = n == (int)strlen(ident->value) &&
		    strncasecmp((const char *)ASN1_STRING_get0_data(s),
		    ident->value, (size_t)n) == 0;
	} else if (g != NULL && g->type == GEN_IPADD && ident->type == IDENT_IP) {
		bool v6 = strchr(ident->value, ':') != NULL;

		same = inet_pton(v6 ? AF_INET6 : AF_INET, ident->value, octets) == 1 &&
		    span_eq(span_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)),
		    span_of(octets, v6 ? 16 : 4));
	}
	GENERAL_NAMES_free(names);
	return same;
}

/* acmeIdentifier, critical, an OCTET STRING with the digest. */
static const char *
digest_fault(const struct va_ask *ask, X509 *x)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	int at = oid != NULL ? X509_get_ext_by_OBJ(x, oid, -1) : -1;
	X509_EXTENSION *ext = at >= 0 ? X509_get_ext(x, at) : NULL;
	const ASN1_OCTET_STRING *value = ext != NULL ? X509_EXTENSION_get_data(ext) : NULL;
	uint8_t want[2 + SHA256_LEN] = { 0x04, SHA256_LEN };

	ASN1_OBJECT_free(oid);
	if (ext == NULL)
		return "no acmeIdentifier";
	if (X509_EXTENSION_get_critical(ext) != 1)
		return "acmeIdentifier is not critical";
	if (key_digest(ask, want + 2) == -1 || !span_eq(span_of(ASN1_STRING_get0_data(value),
	    (size_t)ASN1_STRING_length(value)), span_of(want, sizeof(want))))
		return "acmeIdentifier is not the digest of the key authorization";
	return NULL;
}

int
va_judge_alpn(const struct va_ask *ask, const struct tls_info *info, struct problem *p)
{
	const char *fault = NULL;
	const uint8_t *at;
	X509 *x = NULL;

	if (info->alpn == NULL || strcmp(info->alpn, "acme-tls/1") != 0) {
		fault = "acme-tls/1 was not agreed upon";
	} else {
		at = info->npeer_certs != 0 ? info->peer_certs[0].p : NULL;
		x = at != NULL ? d2i_X509(NULL, &at, (long)info->peer_certs[0].n) : NULL;
		if (x == NULL)
			fault = "no certificate";
		else if (info->npeer_certs != 1 || X509_NAME_cmp(X509_get_subject_name(x),
		    X509_get_issuer_name(x)) != 0 || X509_verify(x, X509_get0_pubkey(x)) != 1)
			fault = "the certificate is not self-signed";
		else if (!names_only(x, ask->ident))
			fault = "subjectAltName: want this one name";
		else
			fault = digest_fault(ask, x);
	}
	X509_free(x);
	return fault == NULL ? 0 : problem_set(p, 403, "unauthorized",
	    "tls-alpn-01: RFC 8737 section 3: %s: %s", ask->ident->value, fault);
}

/* --- RFC 8555 section 8.4 --- */

int
va_judge_dns(const struct va_ask *ask, const struct va_answer *a, struct problem *p)
{
	uint8_t digest[SHA256_LEN];
	bool found = false;
	struct buf want;

	if (key_digest(ask, digest) == -1)
		return problem_set(p, 500, "serverInternal", "out of memory");
	buf_init(&want, 64);
	buf_base64url(&want, span_of(digest, sizeof(digest)));
	for (size_t i = 0; i < a->ntext; i++)
		found = found || strcmp(a->text[i], buf_cstr(&want)) == 0;
	buf_clear(&want);
	return found ? 0 : problem_set(p, 403, "unauthorized",
	    "dns-01: RFC 8555 section 8.4: %s: no TXT record of %zu is the digest, the first is "
	    "\"%.100s\"", ask->ident->value, a->ntext, a->ntext != 0 ? a->text[0] : "");
}

/* --- dns-persist-01: ISSUER *( ";" NAME "=" VALUE ) --- */

struct persist {
	bool		is_ours;
	bool		account;
	bool		wildcard;
	int64_t		until;
};

struct span
va_next_part(struct span *rest)
{
	const uint8_t *at = rest->n != 0 ? memchr(rest->p, ';', rest->n) : NULL;
	struct span part = *rest;

	if (at != NULL)
		part.n = (size_t)(at - rest->p);
	*rest = span_of(rest->p + part.n + (at != NULL), rest->n - part.n - (at != NULL));
	while (part.n != 0 && part.p[0] == ' ')
		part = span_of(part.p + 1, part.n - 1);
	while (part.n != 0 && part.p[part.n - 1] == ' ')
		part.n--;
	return part;
}

static void
read_persist(const struct va_ask *ask, const char *text, struct persist *out)
{
	struct span rest = span_str(text), part;

	memset(out, 0, sizeof(*out));
	out->until = INT64_MAX;
	out->is_ours = span_is(va_next_part(&rest), VA_ISSUER);
	while (rest.n != 0) {
		part = va_next_part(&rest);
		if (span_starts(part, "accounturi="))
			out->account = span_is(span_of(part.p + 11, part.n - 11), ask->account);
		else if (span_starts(part, "policy="))
			out->wildcard = part.n == 15 &&
			    strncasecmp((const char *)part.p + 7, "wildcard", 8) == 0;
		else if (span_starts(part, "persistUntil=") &&
		    text_number(span_of(part.p + 13, part.n - 13), &out->until) == -1)
			out->until = 0;
	}
}

int
va_judge_persist(const struct va_ask *ask, const struct va_answer *a, int64_t now,
    struct problem *p)
{
	const char *fault = "no record names " VA_ISSUER;
	struct persist r;

	for (size_t i = 0; i < a->ntext; i++) {
		read_persist(ask, a->text[i], &r);
		if (!r.is_ours)
			continue;
		if (!r.account)
			fault = "accounturi is not this account";
		else if (r.until <= now)
			fault = "persistUntil is past";
		else if (ask->ident->wildcard && !r.wildcard)
			fault = "a wildcard needs policy=wildcard";
		else
			return 0;
	}
	return problem_set(p, 403, "unauthorized", "dns-persist-01: %s: %s", ask->ident->value,
	    fault);
}
