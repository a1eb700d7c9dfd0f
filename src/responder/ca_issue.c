/*
 * ca_issue: leaves, the chains that are handed out with them, and CRLs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/text.h"
#include "responder/ca.h"

#define NAMES_MAX	(64 * 1024)
#define CRL_LIFETIME	DAY

static int64_t
lifetime_of(const struct options *o, const char *profile)
{
	for (size_t i = 0; profile != NULL && i < o->nprofiles; i++)
		if (strcmp(o->profiles[i].name, profile) == 0)
			return o->profiles[i].lifetime;
	return o->lifetime;
}

static bool
is_fault(const struct ca_ask *ask, enum issue_fault kind)
{
	return ask->fault != NULL && ask->fault->kind == (int)kind;
}

/* As OpenSSL's configuration writes names; identifiers are canonical and hold no commas. */
static void
put_names(const struct ca_ask *ask, struct buf *b)
{
	const struct order *o = ask->order;
	bool skip = is_fault(ask, ISSUE_NAME_MISSING);

	for (size_t i = skip; i < o->nauthz; i++) {
		const struct ident *n = &o->authz[i]->ident;

		buf_printf(b, "%s%s:%s%s", b->n != 0 ? "," : "", n->type == IDENT_IP ? "IP" : "DNS",
		    n->wildcard ? "*." : "", n->value);
	}
	if (is_fault(ask, ISSUE_WILDCARD))
		buf_printf(b, "%sDNS:*.%s", b->n != 0 ? "," : "", o->authz[0]->ident.value);
	if (is_fault(ask, ISSUE_NAME_EXTRA))
		buf_printf(b, "%sDNS:not-asked-for.example", b->n != 0 ? "," : "");
	if (b->n == 0)
		buf_str(b, "DNS:other.example");
}

/* Dates: what the order asks for, within the lifetime of its profile. */
static void
set_dates(const struct ca *ca, const struct ca_ask *ask, struct ca_spec *s)
{
	int64_t life = lifetime_of(ca->o, ask->order->profile);

	if (is_fault(ask, ISSUE_LIFETIME))
		life = ask->fault->number;
	/* Clocks differ; certificates that live for days begin an hour ago. */
	s->from = life > 2 * DAY ? ask->now - HOUR : ask->now;
	if (ask->order->not_before != 0)
		s->from = ask->order->not_before;
	s->to = s->from + life - (life > 2 * DAY);
	if (ask->order->not_after != 0 && ask->order->not_after < s->to)
		s->to = ask->order->not_after;
	if (is_fault(ask, ISSUE_EXPIRED)) {
		s->from = ask->now - 40 * DAY;
		s->to = ask->now - 10 * DAY;
	} else if (is_fault(ask, ISSUE_FUTURE)) {
		s->from = ask->now + DAY;
		s->to = ask->now + 91 * DAY;
	}
}

static const char *
common_name(const struct ca_ask *ask)
{
	const struct order *o = ask->order;
	const struct ident *n = &o->authz[0]->ident;

	if (o->profile != NULL && strcmp(o->profile, "classic") != 0)
		return NULL;
	return n->type == IDENT_DNS && !n->wildcard && strlen(n->value) <= 64 ? n->value : NULL;
}

static struct cert *
keep(const struct ca_ask *ask, unsigned tree, X509 *x, struct err *e)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	int n = i2d_X509(x, NULL), sn = ASN1_STRING_length(serial);
	struct cert *c;
	uint8_t *at;
	struct tm tm;

	if (n <= 0 || n > UINT16_MAX || sn < 1 || sn > (int)sizeof(c->serial) ||
	    (c = calloc(1, sizeof(*c) + (size_t)n)) == NULL) {
		err_nomem(e);
		return NULL;
	}
	at = c->der;
	i2d_X509(x, &at);
	c->n = (uint16_t)n;
	memcpy(c->serial, ASN1_STRING_get0_data(serial), (size_t)sn);
	c->serial_n = (uint8_t)sn;
	c->issuer = (uint8_t)tree;
	c->account = ask->order->account;
	c->reason = -1;
	if (ASN1_TIME_to_tm(X509_get0_notBefore(x), &tm) == 1)
		c->not_before = text_unix(&tm);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
		c->not_after = text_unix(&tm);
	return c;
}

static unsigned
tree_for(const struct ca *ca, EVP_PKEY *key)
{
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;

	return ca->has[rsa] ? rsa : !rsa;
}

struct cert *
ca_issue(struct ca *ca, const struct ca_ask *ask, struct err *e)
{
	unsigned n = tree_for(ca, ask->key);
	const struct ca_tree *t = &ca->trees[n];
	struct ca_spec s = {
		.subject = common_name(ask), .key = ask->key,
		.issuer = t->nmids != 0 ? t->mids[t->nmids - 1] : t->root,
		.issuer_key = t->nmids != 0 ? t->keys[t->nmids - 1] : t->root_key,
		.is_ca = is_fault(ask, ISSUE_IS_CA), .sha1 = is_fault(ask, ISSUE_SHA1),
		.critical = is_fault(ask, ISSUE_CRITICAL),
		.usage = is_fault(ask, ISSUE_NO_SERVER_AUTH) ? "emailProtection" : "serverAuth",
		.is_octets = true,
	};
	EVP_PKEY *other = NULL;
	struct cert *c = NULL;
	char crl[128];
	struct buf names;
	X509 *x;

	buf_init(&names, NAMES_MAX);
	put_names(ask, &names);
	s.names = buf_cstr(&names);
	set_dates(ca, ask, &s);
	snprintf(crl, sizeof(crl), "%s/crl/%u", ca->base, n);
	s.crl = ca->base[0] != '\0' ? crl : NULL;
	if (is_fault(ask, ISSUE_OTHER_KEY))
		s.key = other = ca_key(false, 256);
	else if (is_fault(ask, ISSUE_WEAK_KEY))
		s.key = other = ca_key(true, 1024);
	if (buf_ok(&names) && s.key != NULL && (x = ca_make(&s, e)) != NULL) {
		c = keep(ask, n, x, e);
		X509_free(x);
	}
	EVP_PKEY_free(other);
	buf_clear(&names);
	return c;
}

struct span
ca_issuer_id(const struct ca *ca, const struct cert *c)
{
	return span_of(ca->trees[c->issuer].aki, sizeof(ca->trees[c->issuer].aki));
}

/* --- chains --- */

/* The end of a PEM_write_bio...(). */
static void
put_written(struct buf *out, BIO *bio, bool is_written)
{
	char *at;
	long n;

	if (!is_written)
		buf_fail(out);
	else if ((n = BIO_get_mem_data(bio, &at)) > 0)
		buf_put(out, span_of(at, (size_t)n));
	BIO_free(bio);
}

void
ca_put_pem(struct buf *out, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());

	put_written(out, bio, cert != NULL && bio != NULL && PEM_write_bio_X509(bio, cert) == 1);
}

static void
put_leaf(struct buf *out, const struct cert *c)
{
	BIO *bio = BIO_new(BIO_s_mem());

	put_written(out, bio, bio != NULL &&
	    PEM_write_bio(bio, "CERTIFICATE", "", c->der, c->n) > 0);
}

unsigned
ca_chains(const struct ca *ca, const struct cert *c)
{
	return 1 + ca->trees[c->issuer].ncross;
}

static void
put_key(struct buf *out)
{
	EVP_PKEY *key = ca_key(false, 256);
	BIO *bio = BIO_new(BIO_s_mem());
	char *at;
	long n;

	if (key != NULL && bio != NULL &&
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    (n = BIO_get_mem_data(bio, &at)) > 0)
		buf_put(out, span_of(at, (size_t)n));
	BIO_free(bio);
	EVP_PKEY_free(key);
}

/* A chain that no client may install. */
static void
put_bad_chain(const struct ca *ca, const struct cert *c, enum chain_fault kind, struct buf *out)
{
	const struct ca_tree *t = &ca->trees[c->issuer];

	if (kind == CHAIN_EMPTY)
		return;
	if (kind == CHAIN_HTML) {
		buf_str(out, "<!DOCTYPE html><html><body>Sign in to this network</body></html>\n");
		return;
	}
	if (kind == CHAIN_KEY)
		put_key(out);
	if (kind == CHAIN_COMMENTS)
		while (out->n < 10 * 1000 * 1000 && buf_ok(out))
			buf_str(out,
			    "# a comment that goes on and on and on and on and on and on\n");
	if (kind == CHAIN_REVERSED)
		for (unsigned i = 0; i < t->nmids; i++)
			ca_put_pem(out, t->mids[i]);
	if (kind != CHAIN_NO_LEAF)
		put_leaf(out, c);
	if (kind == CHAIN_DUPLICATE)
		put_leaf(out, c);
	if (kind == CHAIN_UNRELATED)
		ca_put_pem(out, ca->tls_root);
	if (kind != CHAIN_REVERSED && kind != CHAIN_NO_INTERMEDIATE)
		for (unsigned i = t->nmids; i-- > 0;)
			ca_put_pem(out, t->mids[i]);
	if (kind == CHAIN_WITH_ROOT)
		ca_put_pem(out, t->root);
}

bool
ca_chain(const struct ca *ca, const struct cert *c, unsigned number, const struct fault *f,
    struct buf *pem)
{
	const struct ca_tree *t = &ca->trees[c->issuer];

	if (number > t->ncross)
		return false;
	if (f != NULL && f->kind < CHAIN_LINK_LOOP) {
		put_bad_chain(ca, c, (enum chain_fault)f->kind, pem);
		return true;
	}
	put_leaf(pem, c);
	for (unsigned i = t->nmids; i-- > 0;)
		ca_put_pem(pem, t->mids[i]);
	if (number != 0)
		ca_put_pem(pem, t->cross[number - 1]);
	return true;
}

/* --- revocation lists --- */

void
ca_crl_stale(struct ca *ca)
{
	for (unsigned i = 0; i < 2; i++) {
		OPENSSL_free((void *)ca->crl[i].p);
		ca->crl[i] = SPAN_NONE;
	}
}

static int
add_revoked(X509_CRL *crl, const struct cert *c)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)c->revoked_at);
	BIGNUM *bn = BN_bin2bn(c->serial, c->serial_n, NULL);
	ASN1_INTEGER *serial = bn != NULL ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;
	ASN1_ENUMERATED *reason = NULL;
	int rc = -1;

	if (r == NULL || at == NULL || serial == NULL ||
	    X509_REVOKED_set_serialNumber(r, serial) != 1 ||
	    X509_REVOKED_set_revocationDate(r, at) != 1)
		goto out;
	if (c->reason > 0 && ((reason = ASN1_ENUMERATED_new()) == NULL ||
	    ASN1_ENUMERATED_set(reason, c->reason) != 1 ||
	    X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, reason, 0, 0) != 1))
		goto out;
	if (X509_CRL_add0_revoked(crl, r) != 1)
		goto out;
	r = NULL;
	rc = 0;
out:
	ASN1_ENUMERATED_free(reason);
	X509_REVOKED_free(r);
	ASN1_TIME_free(at);
	ASN1_INTEGER_free(serial);
	BN_free(bn);
	return rc;
}

/* RFC 5280 section 5: version 2, with number and authority key identifier. */
static int
fill_crl(struct ca *ca, X509_CRL *crl, X509 *issuer)
{
	int64_t now = clock_wall();
	ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)now);
	ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)(now + CRL_LIFETIME));
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	X509_EXTENSION *aki = NULL;
	X509V3_CTX ctx;
	int rc = -1;

	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	if (from != NULL && to != NULL && number != NULL &&
	    X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1 &&
	    X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1 &&
	    ASN1_INTEGER_set(number, (long)++ca->crl_number) == 1 &&
	    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1 &&
	    (aki = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always")) !=
	    NULL && X509_CRL_add_ext(crl, aki, -1) == 1)
		rc = 0;
	X509_EXTENSION_free(aki);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return rc;
}

int
ca_crl(struct ca *ca, const struct state *state, unsigned n, struct span *der, struct err *e)
{
	const struct ca_tree *t = &ca->trees[n];
	X509_CRL *crl = X509_CRL_new();
	X509 *issuer = t->nmids != 0 ? t->mids[t->nmids - 1] : t->root;
	EVP_PKEY *key = t->nmids != 0 ? t->keys[t->nmids - 1] : t->root_key;
	uint8_t *out = NULL;
	int size, rc = -1;

	if (ca->crl[n].n != 0) {
		rc = 0;
		goto out;
	}
	if (crl == NULL || fill_crl(ca, crl, issuer) == -1)
		goto out;
	for (size_t i = 0; i < state_certs(state); i++) {
		const struct cert *c = state_cert_at(state, i);

		if (c->revoked_at != 0 && c->issuer == n && add_revoked(crl, c) == -1)
			goto out;
	}
	if (X509_CRL_sort(crl) != 1 || X509_CRL_sign(crl, key, EVP_PKEY_get_bits(key) == 384 ?
	    EVP_sha384() : EVP_sha256()) == 0 || (size = i2d_X509_CRL(crl, &out)) <= 0)
		goto out;
	ca->crl[n] = span_of(out, (size_t)size);
	rc = 0;
out:
	X509_CRL_free(crl);
	*der = ca->crl[n];
	return rc == 0 ? 0 : err_set(e, OUT_RETRY, "cannot make a CRL");
}
