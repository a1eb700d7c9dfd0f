/*
 * negotiate: what a server makes of a ClientHello: version, suite, group,
 * protocol, resumption, identity. RFC 8446 sections 4.1.1 and 4.2, RFC 5246
 * section 7.4.1, RFC 8422 section 5.1.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

#define GROUP_P256	0x0017
#define GROUP_P384	0x0018

/* --- the configuration's lists --- */

uint32_t
tls_suite_set(const uint16_t *list)
{
	const struct tls_suite *s;
	uint32_t set = 0;

	if (list == NULL)
		return (UINT32_C(1) << TLS_NSUITES) - 1;
	for (; *list != 0; list++)
		if ((s = tls_suite_find(*list)) != NULL)
			set |= UINT32_C(1) << (s - tls_suites);
	return set;
}

uint32_t
tls_group_set(const uint16_t *list)
{
	const struct tls_group *g;
	uint32_t set = 0;

	if (list == NULL)
		return (UINT32_C(1) << TLS_NGROUPS) - 1;
	for (; *list != 0; list++)
		if ((g = tls_group_find(*list)) != NULL)
			set |= UINT32_C(1) << g->index;
	return set;
}

uint32_t
tls_scheme_set(const uint16_t *list)
{
	const struct tls_scheme *s;
	uint32_t set = 0;

	if (list == NULL)
		return (UINT32_C(1) << TLS_NSCHEMES) - 1;
	for (; *list != 0; list++)
		if ((s = tls_scheme_find(*list)) != NULL)
			set |= UINT32_C(1) << s->index;
	return set;
}

const struct tls_group *
tls_group_best(const struct tls_config *cfg, uint32_t set)
{
	const struct tls_group *g;

	for (size_t i = 0; cfg->groups == NULL && i < TLS_NGROUPS; i++)
		if ((set & UINT32_C(1) << i) != 0)
			return &tls_groups[i];
	for (const uint16_t *p = cfg->groups; p != NULL && *p != 0; p++)
		if ((g = tls_group_find(*p)) != NULL && (set & UINT32_C(1) << g->index) != 0)
			return g;
	return NULL;
}

/* The i-th suite in order of preference; false behind the last. */
static bool
nth_suite(const struct tls_config *cfg, size_t i, const struct tls_suite **out)
{
	if (cfg->suites == NULL)
		*out = i < TLS_NSUITES ? &tls_suites[i] : NULL;
	else
		*out = tls_suite_find(cfg->suites[i]);
	return cfg->suites == NULL ? i < TLS_NSUITES : cfg->suites[i] != 0;
}

static bool
suits(const struct tls_suite *s, uint32_t set, uint16_t version)
{
	return s != NULL && s->version == version && (set & UINT32_C(1) << (s - tls_suites)) != 0;
}

const struct tls_suite *
tls_suite_best(const struct tls_config *cfg, uint32_t set, uint16_t version)
{
	const struct tls_suite *s;

	for (size_t i = 0; nth_suite(cfg, i, &s); i++)
		if (suits(s, set, version))
			return s;
	return NULL;
}

const struct tls_scheme *
tls_choose_scheme(const struct tls_identity *id, uint32_t schemes, uint16_t version)
{
	uint32_t set = schemes & (version == TLS_1_2 ? id->fits_12 : id->fits_13);

	for (size_t i = 0; i < TLS_NSCHEMES; i++)
		if ((set & UINT32_C(1) << i) != 0)
			return &tls_schemes[i];
	return NULL;
}

/* --- version --- */

/* RFC 8446 section 4.2.1 and appendix D.2. */
static int
choose_version(struct tls_conn *c, struct err *e)
{
	const struct tls_offer *o = &c->hs->offer;
	const struct tls_config *cfg = c->cfg;
	uint16_t min = cfg->min_version != 0 ? cfg->min_version : TLS_1_2;
	uint16_t max = cfg->max_version != 0 ? cfg->max_version : TLS_1_3;
	bool can_12 = min <= TLS_1_2 && (o->has_versions ? o->has_12 : o->version >= TLS_1_2);

	if (o->version <= 0x0300)
		return tls_fail(c, TLS_ALERT_PROTOCOL_VERSION, e,
		    "ClientHello: RFC 8446 appendix D.5: version %04x", o->version);
	if (max >= TLS_1_3 && o->has_13)
		c->version = TLS_1_3;
	else if (can_12)
		c->version = TLS_1_2;
	else
		return tls_fail(c, TLS_ALERT_PROTOCOL_VERSION, e,
		    "ClientHello: RFC 8446 section 4.2.1: no version in common");
	if (o->says_fallback && c->version < max)
		return tls_fail(c, TLS_ALERT_INAPPROPRIATE_FALLBACK, e,
		    "ClientHello: RFC 7507 section 3: a fallback from a version spoken here");
	if (cfg->fault != NULL && cfg->fault->version != 0)
		c->version = cfg->fault->version;
	return 0;
}

/*
 * RFC 8446 section 4.1.2: exactly the null method; RFC 5246 section 7.4.1.2: the
 * null method among them.
 */
static int
check_compression(struct tls_conn *c, struct err *e)
{
	struct span methods = c->hs->offer.methods;
	bool is_good = c->version == TLS_1_3 ? methods.n == 1 && methods.p[0] == 0 :
	    memchr(methods.p, 0, methods.n) != NULL;

	return is_good ? 0 : tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
	    "ClientHello: RFC 8446 section 4.1.2: compression methods");
}

/* --- protocol, name, limits --- */

static bool
is_offered(struct span list, const char *name)
{
	struct rd r = rd_of(list);

	while (r.n > 0)
		if (span_is(rd_vec8(&r), name))
			return true;
	return false;
}

static int
choose_alpn(struct tls_conn *c, struct err *e)
{
	const struct tls_config *cfg = c->cfg;
	struct span offered = c->hs->offer.alpn;
	const char *chosen = NULL;

	if (cfg->alpn != NULL && offered.n > 0) {
		for (size_t i = 0; chosen == NULL && cfg->alpn[i] != NULL; i++)
			if (is_offered(offered, cfg->alpn[i]))
				chosen = cfg->alpn[i];
		if (chosen == NULL)
			return tls_fail(c, TLS_ALERT_NO_APPLICATION_PROTOCOL, e,
			    "ALPN: RFC 7301 section 3.2: no protocol in common");
	}
	if (cfg->fault != NULL && cfg->fault->alpn != NULL)
		chosen = cfg->fault->alpn;
	memset(c->alpn, 0, sizeof(c->alpn));
	if (chosen != NULL)
		memcpy(c->alpn, chosen, strnlen(chosen, TLS_NAME_MAX));
	return 0;
}

static int
take_name(struct tls_conn *c, struct err *e)
{
	struct span sni = c->hs->offer.sni;

	free(c->sni);
	c->sni = NULL;
	if (sni.n > 0 && (c->sni = span_dup(sni)) == NULL)
		return err_nomem(e);
	return 0;
}

/*
 * RFC 8449 section 4: a server must not enforce the upper bound; TLS 1.3 counts the
 * content type.
 */
static void
take_record_limit(struct tls_conn *c)
{
	size_t limit = c->hs->offer.record_limit;

	if (limit == 0)
		return;
	if (c->version == TLS_1_3)
		limit--;
	c->send_limit = limit < TLS_RECORD_MAX ? limit : TLS_RECORD_MAX;
}

/* --- identity --- */

static size_t
ask_candidates(struct tls_conn *c, const struct tls_identity **out, uint8_t *alert)
{
	const struct tls_config *cfg = c->cfg;
	struct tls_hello hello = {
		.sni = c->sni,
		.alpn = c->alpn[0] != '\0' ? c->alpn : NULL,
		.version = c->version,
	};
	size_t n = 0;

	if (cfg->choose != NULL)
		return cfg->choose(cfg->choose_arg, &hello, out, alert);
	while (n < TLS_CANDIDATES_MAX && cfg->identities[n] != NULL) {
		out[n] = cfg->identities[n];
		n++;
	}
	return n;
}

struct candidates {
	const struct tls_identity *v[TLS_CANDIDATES_MAX];
	size_t			   n;
};

static int
find_candidates(struct tls_conn *c, struct candidates *out, struct err *e)
{
	uint8_t alert = TLS_ALERT_UNRECOGNIZED_NAME;

	out->n = ask_candidates(c, out->v, &alert);
	if (out->n == 0 || out->n > TLS_CANDIDATES_MAX)
		return tls_fail(c, alert, e, "ClientHello: no certificate for the name %s",
		    c->sni != NULL ? c->sni : "(none)");
	return 0;
}

static bool
has(const struct tls_offer *o, enum tls_ext_row row)
{
	return (o->extensions & UINT32_C(1) << row) != 0;
}

/*
 * TLS 1.2: the suite says what kind of key signs, the groups on which curves (RFC
 * 8422 section 5.3).
 */
static bool
fits_12(const struct tls_identity *id, const struct tls_suite *suite, const struct tls_offer *o)
{
	uint16_t curve = id->kind == TLS_KEY_EC384 ? GROUP_P384 : GROUP_P256;

	if (id->kind == TLS_KEY_RSA || id->kind == TLS_KEY_RSA_PSS)
		return suite->is_rsa;
	return !suite->is_rsa && (!has(o, TLS_EXT_GROUPS) ||
	    (o->groups & UINT32_C(1) << tls_group_find(curve)->index) != 0);
}

/* The first candidate that can sign as the client wants. */
static bool
choose_identity(struct tls_conn *c, const struct candidates *all, const struct tls_suite *suite)
{
	struct tls_handshake *hs = c->hs;
	const struct tls_fault *f = c->cfg->fault;

	for (size_t i = 0; i < all->n; i++) {
		if (suite->version == TLS_1_2 && !fits_12(all->v[i], suite, &hs->offer))
			continue;
		hs->identity = all->v[i];
		hs->scheme = tls_choose_scheme(all->v[i], hs->offer.schemes, c->version);
		if (f != NULL && f->signature != 0)
			hs->scheme = tls_scheme_find(f->signature);
		if (hs->scheme != NULL && all->v[i]->sign[hs->scheme->index] != NULL)
			return true;
	}
	return false;
}

/* --- TLS 1.3 --- */

/* RFC 8446 section 9.2 and, for the modes, section 4.2.9. */
static int
check_mandatory(struct tls_conn *c, struct err *e)
{
	const struct tls_offer *o = &c->hs->offer;

	if ((!has(o, TLS_EXT_PSK) && (!has(o, TLS_EXT_SIGNATURES) || !has(o, TLS_EXT_GROUPS))) ||
	    has(o, TLS_EXT_GROUPS) != has(o, TLS_EXT_SHARE) ||
	    (has(o, TLS_EXT_PSK) && !has(o, TLS_EXT_PSK_MODES)))
		return tls_fail(c, TLS_ALERT_MISSING_EXTENSION, e,
		    "ClientHello: RFC 8446 section 9.2: lacks a mandatory extension");
	return 0;
}

struct shares {
	struct span	v[TLS_NGROUPS];		/* by group */
	uint32_t	set;			/* groups that one knows */
	unsigned	n;			/* of any group */
};

static bool
is_listed(struct span list, uint16_t id)
{
	struct rd r = rd_of(list);

	while (r.n > 0)
		if (rd_u16(&r) == id)
			return true;
	return false;
}

static int
read_shares(struct tls_conn *c, struct shares *out, struct err *e)
{
	struct rd r = rd_of(c->hs->offer.shares);
	const struct tls_group *g;
	struct span share;
	uint16_t id;

	memset(out, 0, sizeof(*out));
	while (r.n > 0) {
		id = rd_u16(&r);
		share = rd_vec16(&r);
		if (!rd_ok(&r) || share.n == 0)
			return tls_fail(c, TLS_ALERT_DECODE_ERROR, e, "key_share: bad length");
		out->n++;
		if (!is_listed(c->hs->offer.group_list, id))
			return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e, "key_share: "
			    "RFC 8446 section 4.2.8: %u is not a supported group", id);
		if ((g = tls_group_find(id)) == NULL)
			continue;
		if ((out->set & UINT32_C(1) << g->index) != 0)
			return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
			    "key_share: RFC 8446 section 4.2.8: %s twice", g->name);
		out->set |= UINT32_C(1) << g->index;
		out->v[g->index] = share;
	}
	return 0;
}

/* A group that has a share if there is one; else *retry, and the group is to be asked for. */
static int
choose_group(struct tls_conn *c, const struct shares *shares, bool *retry, struct err *e)
{
	const struct tls_fault *f = c->cfg->fault;
	uint32_t mutual = c->hs->offer.groups & tls_group_set(c->cfg->groups);
	const struct tls_group *g = tls_group_best(c->cfg, mutual & shares->set);

	if (c->retried && (f == NULL || !f->retry_always) && (g != c->group || shares->n != 1))
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e, "second ClientHello: "
		    "RFC 8446 section 4.1.2: want one key share, of the group asked for");
	*retry = g == NULL || (f != NULL && f->retry_always);
	if (*retry && (g = tls_group_best(c->cfg, mutual & ~shares->set)) == NULL)
		g = tls_group_best(c->cfg, mutual);
	if (f != NULL && f->group != 0) {
		*retry = f->retry_always;
		g = tls_group_find(f->group);
	}
	if (g == NULL)
		return tls_fail(c, TLS_ALERT_HANDSHAKE_FAILURE, e,
		    "ClientHello: RFC 8446 section 4.2.7: no group in common");
	c->group = g;
	c->hs->course |= *retry ? TLS_COURSE_RETRY : 0;
	return 0;
}

static int
exchange_keys(struct tls_conn *c, const struct shares *shares, struct err *e)
{
	struct tls_handshake *hs = c->hs;

	if (tls_kx_new(c, e) == -1)
		return -1;
	hs->shared_len = c->group->secret_len;
	/* A group that was forced has no share: its secret is nobody's. */
	if ((shares->set & UINT32_C(1) << c->group->index) == 0)
		return 0;
	return tls_kx_finish(c, shares->v[c->group->index], e);
}

static int
negotiate_13(struct tls_conn *c, struct err *e)
{
	const struct tls_fault *f = c->cfg->fault;
	struct tls_handshake *hs = c->hs;
	struct candidates all;
	struct shares shares;
	bool retry = false;

	if (check_mandatory(c, e) == -1 || read_shares(c, &shares, e) == -1)
		return -1;
	c->suite = tls_suite_best(c->cfg, hs->offer.suites, TLS_1_3);
	if (f != NULL && f->suite != 0)
		c->suite = tls_suite_find(f->suite);
	if (c->suite == NULL)
		return tls_fail(c, TLS_ALERT_HANDSHAKE_FAILURE, e,
		    "ClientHello: RFC 8446 section 4.1.1: no cipher suite in common");
	if (choose_group(c, &shares, &retry, e) == -1 ||
	    tls_transcript_start(&hs->transcript, c->suite->hash, e) == -1)
		return -1;
	if (has(&hs->offer, TLS_EXT_EARLY_DATA))
		hs->early_left = TLS_EARLY_MAX;
	c->takes_tickets = hs->offer.wants_dhe_psk;
	if (retry)
		return 0;
	if (exchange_keys(c, &shares, e) == -1 || tls_psk_accept(c, e) == -1)
		return -1;
	if (c->resumed)
		return 0;
	if (!has(&hs->offer, TLS_EXT_SIGNATURES))
		return tls_fail(c, TLS_ALERT_MISSING_EXTENSION, e,
		    "ClientHello: RFC 8446 section 4.2.3: no signature_algorithms");
	if (find_candidates(c, &all, e) == -1)
		return -1;
	if (!choose_identity(c, &all, c->suite))
		return tls_fail(c, TLS_ALERT_HANDSHAKE_FAILURE, e,
		    "ClientHello: RFC 8446 section 4.4.2.2: no certificate for its signatures");
	if (c->cfg->client_auth != TLS_CLIENT_AUTH_NONE)
		hs->course |= TLS_COURSE_ASKED;
	return 0;
}

/* --- TLS 1.2 --- */

/* A group that the client can do; without the extension, it can do any (RFC 8422 section 4). */
static const struct tls_group *
group_12(const struct tls_conn *c)
{
	const struct tls_offer *o = &c->hs->offer;
	const struct tls_fault *f = c->cfg->fault;
	uint32_t all = tls_group_set(c->cfg->groups);
	uint32_t p256 = UINT32_C(1) << tls_group_find(GROUP_P256)->index;

	if (f != NULL && f->group != 0)
		return tls_group_find(f->group);
	if (has(o, TLS_EXT_GROUPS))
		return tls_group_best(c->cfg, all & o->groups);
	return tls_group_best(c->cfg, (all & p256) != 0 ? p256 : all);
}

/* Suite and identity together: the suite says what kind of key signs. */
static bool
suite_12(struct tls_conn *c, const struct candidates *all)
{
	const struct tls_fault *f = c->cfg->fault;
	const struct tls_suite *s;

	for (size_t i = 0; nth_suite(c->cfg, i, &s); i++) {
		if (f != NULL && f->suite != 0)
			s = tls_suite_find(f->suite);
		else if (!suits(s, c->hs->offer.suites, TLS_1_2))
			continue;
		if (s != NULL && choose_identity(c, all, s)) {
			c->suite = s;
			return true;
		}
	}
	return false;
}

static int
negotiate_12(struct tls_conn *c, struct err *e)
{
	struct tls_handshake *hs = c->hs;
	const struct tls_offer *o = &hs->offer;
	struct candidates all;

	hs->course |= TLS_COURSE_12;
	if (tls_ext_check_12(c, e) == -1)
		return -1;
	if (find_candidates(c, &all, e) == -1)
		return -1;
	c->group = group_12(c);
	if (c->group == NULL || !suite_12(c, &all))
		return tls_fail(c, TLS_ALERT_HANDSHAKE_FAILURE, e, "ClientHello: "
		    "RFC 5246 section 7.4.1.3: no suite, group and signature in common");
	c->has_ems = has(o, TLS_EXT_MASTER_SECRET);
	if (c->cfg->client_auth != TLS_CLIENT_AUTH_NONE) {
		hs->course |= TLS_COURSE_ASKED;
		hs->transcript.keep = true;
	}
	if (tls_transcript_start(&hs->transcript, c->suite->hash, e) == -1)
		return -1;
	return tls_kx_new(c, e);
}

int
tls_negotiate(struct tls_conn *c, struct err *e)
{
	if (choose_version(c, e) == -1 || check_compression(c, e) == -1 || take_name(c, e) == -1 ||
	    choose_alpn(c, e) == -1)
		return -1;
	take_record_limit(c);
	return c->version == TLS_1_3 ? negotiate_13(c, e) : negotiate_12(c, e);
}
