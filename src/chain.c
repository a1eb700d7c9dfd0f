#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/text.h"
#include "chain.h"
#include "ossl.h"
#include "path.h"
#include "pem.h"

#define SECURITY_BITS	112	/* what PATH_SECURITY_LEVEL asks of keys and digests */

struct chain {
	struct certs	 certs;		/* leaf first, without root */
	struct strs	 extra;
	int64_t		 valid_from;
	struct path_worth worth;
};

/* --- the leaf by itself --- */

/* The first certificate with our key (FAULTS A22); borrowed. */
static X509 *
find_leaf(STACK_OF(X509) *sent, const struct key *key, struct err *e)
{
	char name[CERT_NAME_MAX];

	for (int i = 0; i < sk_X509_num(sent); i++) {
		X509 *x = sk_X509_value(sent, i);
		uint8_t *spki = NULL;
		int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
		bool ours = n > 0 && key_has_public(key, span_of(spki, (size_t)n));

		OPENSSL_free(spki);
		if (ours)
			return x;
	}
	(void)err_set(e, OUT_REFUSE, "certificate 1 (%s): RFC 8555 section 7.4.2: public key: "
	    "want the one of our request, neither this one nor another of %d has it",
	    cert_name(sk_X509_value(sent, 0), name), sk_X509_num(sent));
	return NULL;
}

/* FAULTS A29: a CA that answers with the past would make renewal a loop. */
static int
is_new(const struct cert_facts *leaf, const struct chain_in *in, struct err *e)
{
	if (span_eq(blob_span(&leaf->sha256), in->active))
		return err_set(e, OUT_REFUSE, "certificate 1 (serial %s): want a new one, it is "
		    "the one in service", leaf->serial);
	if (in->serials != NULL && strs_has(in->serials, leaf->serial))
		return err_set(e, OUT_REFUSE, "certificate 1: RFC 5280 section 4.1.2.2: want a "
		    "serial number never seen before, have %s", leaf->serial);
	return 0;
}

/* One spelling for each address, as cert_read() has them. */
static const char *
canonical_name(const char *name, char out[INET6_ADDRSTRLEN])
{
	uint8_t ip[16];

	if (inet_pton(AF_INET6, name, ip) != 1)
		return name;
	return inet_ntop(AF_INET6, ip, out, INET6_ADDRSTRLEN);
}

static bool
was_asked(const struct strs *names, const char *name)
{
	char ip[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < names->n; i++)
		if (strcmp(canonical_name(names->v[i], ip), name) == 0)
			return true;
	return false;
}

/* FAULTS A26. */
static int
names_fit(const struct cert_facts *leaf, const struct chain_in *in, struct strs *extra,
    struct err *e)
{
	char ip[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < in->names->n; i++)
		if (!strs_has(&leaf->names, canonical_name(in->names->v[i], ip)))
			return err_set(e, OUT_REFUSE, "certificate 1: RFC 6125 section 6.4: "
			    "subjectAltName: want %s among %zu names, it is missing",
			    in->names->v[i], leaf->names.n);
	if (leaf->bad_names.n > 0)
		return err_set(e, OUT_REFUSE, "certificate 1: RFC 5280 section 4.2.1.6: "
		    "subjectAltName: want host names and addresses, have %s",
		    leaf->bad_names.v[0]);
	for (size_t i = 0; i < leaf->names.n; i++) {
		const char *name = leaf->names.v[i];

		if (was_asked(in->names, name))
			continue;
		if (strncmp(name, "*.", 2) == 0)
			return err_set(e, OUT_REFUSE, "certificate 1: RFC 6125 section 6.4.3: "
			    "subjectAltName: have the wildcard %s, nobody asked for it", name);
		if (strs_add(extra, name) == -1)
			return err_nomem(e);
	}
	for (size_t i = 0; i < leaf->other_names.n; i++)
		if (strs_add(extra, leaf->other_names.v[i]) == -1)
			return err_nomem(e);
	return 0;
}

/* FAULTS A27. */
static int
purpose_fits(X509 *leaf, struct err *e)
{
	uint32_t flags = X509_get_extension_flags(leaf);

	if (X509_check_ca(leaf) != 0)
		return err_set(e, OUT_REFUSE, "certificate 1: RFC 5280 section 4.2.1.9: "
		    "basicConstraints or keyUsage: want a leaf, have a CA");
	if ((flags & EXFLAG_XKUSAGE) == 0 ||
	    (X509_get_extended_key_usage(leaf) & XKU_SSL_SERVER) == 0)
		return err_set(e, OUT_REFUSE, "certificate 1: RFC 5280 section 4.2.1.12: "
		    "extKeyUsage: want serverAuth, it is missing");
	if (X509_get_ext_by_NID(leaf, NID_tlsfeature, -1) >= 0)
		return err_set(e, OUT_REFUSE, "certificate 1: RFC 7633 section 4: TLS feature: it "
		    "binds the server to send an OCSP reply along, which none does, and nobody "
		    "asked for it");
	/* Without the extension X509_get_key_usage() has all bits set. */
	if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
		return err_set(e, OUT_REFUSE, "certificate 1: RFC 8446 section 4.4.2.2: keyUsage: "
		    "want digitalSignature, it is missing");
	return 0;
}

/* --- every certificate of the path --- */

/* FAULTS A25: whose clock is wrong, ours or the CA's? */
static int
hint_clock(const struct chain_in *in, struct err *e)
{
	char ours[TIME_TEXT], theirs[TIME_TEXT], apart[SPAN_TEXT];
	int64_t ahead = time_add(in->now, -in->ca_now);

	(void)text_time(in->now, ours);
	if (in->ca_now == 0)
		return err_hint(e, "this host's clock says %s; is that right?", ours);
	(void)text_time(in->ca_now, theirs);
	if (ahead <= CHAIN_CLOCK_SLACK && ahead >= -CHAIN_CLOCK_SLACK)
		return err_hint(e, "the CA's clock agrees with ours (%s): the fault is the CA's",
		    ours);
	return err_hint(e, "this host's clock says %s, the CA's says %s: ours is %s %s; set the "
	    "clock", ours, theirs, text_span_of_time(ahead < 0 ? -ahead : ahead, apart),
	    ahead < 0 ? "behind" : "ahead");
}

static int
dates_hold(X509 *x, int number, const struct chain_in *in, struct err *e)
{
	char name[CERT_NAME_MAX], then[TIME_TEXT], now[TIME_TEXT];
	int64_t from, until;

	(void)cert_name(x, name);
	(void)text_time(in->now, now);
	if (cert_dates(x, &from, &until) == -1)
		return err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 4.1.2.5: "
		    "dates cannot be read", number, name);
	if (until <= in->now)	/* as X509_cmp_time(3) has it */
		(void)err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 4.1.2.5: "
		    "expired at %s, now is %s", number, name, text_time(until, then), now);
	else if (from > time_add(in->now, CHAIN_CLOCK_SLACK))
		(void)err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 4.1.2.5: not "
		    "yet valid: begins at %s, now is %s", number, name, text_time(from, then), now);
	else if (until < from)
		return err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 4.1.2.5: "
		    "ends before it begins", number, name);
	else
		return 0;
	return hint_clock(in, e);
}

static int
is_strong(X509 *x, int number, struct err *e)
{
	EVP_PKEY *pkey = X509_get0_pubkey(x);
	char name[CERT_NAME_MAX], key[CERT_KEY_MAX];
	int md = NID_undef, bits = 0;

	(void)cert_name(x, name);
	if (pkey == NULL || EVP_PKEY_get_security_bits(pkey) < SECURITY_BITS)
		return ossl_err(e, OUT_REFUSE, "certificate %d (%s): security level %d: public "
		    "key: want %d bits of security (RSA: 2048), have %s of %d", number, name,
		    PATH_SECURITY_LEVEL, SECURITY_BITS, cert_key(x, key),
		    pkey != NULL ? EVP_PKEY_get_bits(pkey) : 0);
	if (X509_get_signature_info(x, &md, NULL, &bits, NULL) != 1 || bits < SECURITY_BITS)
		return ossl_err(e, OUT_REFUSE, "certificate %d (%s): security level %d: signature: "
		    "want a digest of %d bits of security, have %s", number, name,
		    PATH_SECURITY_LEVEL, SECURITY_BITS,
		    md != NID_undef ? OBJ_nid2sn(md) : "an unknown one");
	return 0;
}

static int
is_well_formed(X509 *x, int number, struct err *e)
{
	uint32_t flags = X509_get_extension_flags(x);
	char name[CERT_NAME_MAX];

	(void)cert_name(x, name);
	if ((flags & EXFLAG_CRITICAL) != 0)
		return err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 4.2: unknown "
		    "critical extension", number, name);
	if ((flags & EXFLAG_INVALID) != 0)
		return ossl_err(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 4.2: an "
		    "extension cannot be read", number, name);
	if (number > 1 && X509_check_ca(x) != 1)
		return err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 4.2.1.9: "
		    "basicConstraints: want a CA, it is none", number, name);
	return 0;
}

/* *culprit is the index of the one that does not. */
static int
each_holds(STACK_OF(X509) *path, const struct chain_in *in, int *culprit, struct err *e)
{
	for (int i = 0; i < sk_X509_num(path); i++) {
		X509 *x = sk_X509_value(path, i);

		*culprit = i;
		if (is_well_formed(x, i + 1, e) == -1 || dates_hold(x, i + 1, in, e) == -1 ||
		    is_strong(x, i + 1, e) == -1)
			return -1;
	}
	return 0;
}

/* When the last of them begins, or now. */
static int64_t
latest_begin(STACK_OF(X509) *path, int64_t now)
{
	int64_t from, until;

	for (int i = 0; i < sk_X509_num(path); i++)
		if (cert_dates(sk_X509_value(path, i), &from, &until) == 0 && from > now)
			now = from;
	return now;
}

/* --- all together --- */

/* A path that holds, or the index of the certificate to go without. */
struct finding {
	int			culprit;
	struct path_worth	worth;
};

static int
path_holds(STACK_OF(X509) *path, const struct chain_in *in, struct finding *f, struct err *e)
{
	struct path_in to_root = {
		.offered = path, .at = latest_begin(path, in->now), .trust = in->trust,
		.bundle = in->bundle, .any_root = in->any_root, .crls = in->crls,
	};

	if (each_holds(path, in, &f->culprit, e) == -1)
		return -1;
	f->culprit = sk_X509_num(path) - 1;
	return path_prove(&to_root, &f->worth, e);
}

/*
 * The leaf and its issuers in order, proven; the caller's. Where two
 * certificates of one issuer were sent, the first may be the one that leads
 * nowhere, and what was sent beyond a trusted issuer may be stale: what fails
 * is left out, until a path holds. The first failure is the one to tell.
 */
static STACK_OF(X509) *
find_path(STACK_OF(X509) *sent, X509 *leaf, const struct chain_in *in, struct path_worth *worth,
    struct err *e)
{
	STACK_OF(X509) *path = NULL;
	struct path_links links;
	struct finding f = { 0 };
	struct err later;

	path_links_init(&links, sent);
	for (int tries = 0; tries < sk_X509_num(sent); tries++) {
		struct err *told = tries == 0 ? e : &later;

		if ((path = path_link(&links, leaf)) == NULL) {
			(void)err_nomem(e);
			return NULL;
		}
		if (path_holds(path, in, &f, told) == 0) {
			*worth = f.worth;
			return path;
		}
		if (f.culprit > 0)
			path_ban(&links, sk_X509_value(path, f.culprit));
		sk_X509_pop_free(path, X509_free);
		if (f.culprit == 0 || told->class != OUT_REFUSE)
			break;
	}
	return NULL;
}

static int
add_facts(struct chain *c, X509 *x, struct err *e)
{
	struct cert_facts *f = list_add(&c->certs.all, sizeof *f);

	return f == NULL ? err_nomem(e) : cert_read(x, f, e);
}

static int
add_issuers(struct chain *c, STACK_OF(X509) *path, struct err *e)
{
	for (int i = 1; i < sk_X509_num(path); i++)
		if (add_facts(c, sk_X509_value(path, i), e) == -1)
			return err_in(e, "certificate %d", i + 1);
	return 0;
}

static int
check(struct chain *c, STACK_OF(X509) *sent, const struct chain_in *in, struct err *e)
{
	STACK_OF(X509) *path = NULL;
	X509 *leaf;
	int rc = -1;

	if ((leaf = find_leaf(sent, in->key, e)) == NULL)
		return -1;
	if (add_facts(c, leaf, e) == -1)
		return err_in(e, "certificate 1");
	if (is_new(chain_leaf(c), in, e) == -1 ||
	    names_fit(chain_leaf(c), in, &c->extra, e) == -1 ||
	    is_well_formed(leaf, 1, e) == -1 ||
	    purpose_fits(leaf, e) == -1 ||
	    dates_hold(leaf, 1, in, e) == -1 ||
	    (path = find_path(sent, leaf, in, &c->worth, e)) == NULL ||
	    add_issuers(c, path, e) == -1)
		goto out;
	c->valid_from = latest_begin(path, in->now);
	rc = 0;
out:
	sk_X509_pop_free(path, X509_free);
	return rc;
}

int
chain_check(const struct chain_in *in, struct chain **out, struct err *e)
{
	struct chain *c = calloc(1, sizeof *c);
	STACK_OF(X509) *sent = NULL;
	int rc = -1;

	*out = NULL;
	if (c == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	if (certs_load(in->pem, &sent, e) == -1 || check(c, sent, in, e) == -1) {
		(void)err_in(e, "chain");
		goto out;
	}
	*out = c;
	c = NULL;
	rc = 0;
out:
	ERR_clear_error();
	chain_free(c);
	sk_X509_pop_free(sent, X509_free);
	return rc;
}

/* --- what others see --- */

void
chain_free(struct chain *c)
{
	if (c == NULL)
		return;
	pack_clear(&certs_pack, &c->certs);
	strs_clear(&c->extra);
	free(c);
}

size_t
chain_count(const struct chain *c)
{
	return c->certs.all.n;
}

const struct cert_facts *
chain_cert(const struct chain *c, size_t i)
{
	return (const struct cert_facts *)c->certs.all.v + i;
}

const struct cert_facts *
chain_leaf(const struct chain *c)
{
	return chain_cert(c, 0);
}

const struct strs *
chain_extra_names(const struct chain *c)
{
	return &c->extra;
}

int64_t
chain_valid_from(const struct chain *c)
{
	return c->valid_from;
}

int
chain_is_as_good(const struct chain *c, const struct chain *old, struct err *e)
{
	char ends[TIME_TEXT], leaf[TIME_TEXT];

	if (c->worth.ends < chain_leaf(c)->not_after &&
	    old->worth.ends >= chain_leaf(old)->not_after)
		return err_set(e, OUT_REFUSE, "worse than the one in service: an issuer or the "
		    "root ends at %s, before the leaf at %s, and none did before",
		    text_time(c->worth.ends, ends), text_time(chain_leaf(c)->not_after, leaf));
	if (c->worth.bits < old->worth.bits)
		return err_set(e, OUT_REFUSE, "worse than the one in service: a key of an issuer "
		    "or the root has %d bits of security, and none had less than %d before",
		    c->worth.bits, old->worth.bits);
	return 0;
}

void
chain_put_cert(const struct chain *c, struct buf *b)
{
	pem_put(b, "CERTIFICATE", blob_span(&chain_leaf(c)->der));
}

void
chain_put_issuers(const struct chain *c, struct buf *b)
{
	for (size_t i = 1; i < chain_count(c); i++)
		pem_put(b, "CERTIFICATE", blob_span(&chain_cert(c, i)->der));
}

void
chain_put_full(const struct chain *c, struct buf *b)
{
	chain_put_cert(c, b);
	chain_put_issuers(c, b);
}

int
chain_read(struct span pem, struct certs *out, struct err *e)
{
	STACK_OF(X509) *sent = NULL;
	struct cert_facts *f;
	int rc = certs_load(pem, &sent, e);

	*out = (struct certs){ 0 };
	for (int i = 0; i < sk_X509_num(sent) && rc == 0; i++) {
		f = list_add(&out->all, sizeof *f);
		rc = f == NULL ? err_nomem(e) : cert_read(sk_X509_value(sent, i), f, e);
		if (rc == -1)
			(void)err_in(e, "certificate %d", i + 1);
	}
	if (rc == -1)
		pack_clear(&certs_pack, out);
	sk_X509_pop_free(sent, X509_free);
	ERR_clear_error();
	return rc;
}
