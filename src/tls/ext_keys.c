/*
 * ext_keys: the extensions by which keys are agreed upon: versions, groups,
 * signatures, shares, pre-shared keys. RFC 8446 section 4.2.
 */
#include <string.h>

#include "tls/private.h"

#define PSK_DHE_KE	1

/* --- lists of numbers --- */

static int
index_of_group(uint16_t id)
{
	const struct tls_group *g = tls_group_find(id);

	return g != NULL ? (int)g->index : -1;
}

static int
index_of_scheme(uint16_t id)
{
	const struct tls_scheme *s = tls_scheme_find(id);

	return s != NULL ? (int)s->index : -1;
}

/* A vector of two-octet numbers with at least one; those that are known, as a set. */
static bool
read_numbers(struct rd *r, int (*index_of)(uint16_t), uint32_t *set)
{
	struct rd list = rd_of(rd_vec16(r));
	int i;

	*set = 0;
	if (!rd_ok(r) || list.n == 0 || list.n % 2 != 0)
		return false;
	while (list.n > 0)
		if ((i = index_of(rd_u16(&list))) >= 0)
			*set |= UINT32_C(1) << i;
	return true;
}

/* --- supported_groups, RFC 8446 section 4.2.7 --- */

int
tls_ext_read_groups(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	struct rd list = *r;
	uint32_t set;

	if (!read_numbers(r, index_of_group, &set))
		return tls_ext_bad(c, e, "supported_groups");
	/* From a server it is a hint for the next time. */
	if (where == TLS_IN_CH) {
		c->hs->offer.groups = set;
		c->hs->offer.group_list = rd_vec16(&list);
	}
	return 0;
}

bool
tls_ext_write_groups(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	const uint16_t *g = c->cfg->groups;
	size_t list;

	if (where != TLS_IN_CH)
		return false;
	list = buf_open(b, 2);
	for (size_t i = 0; g == NULL && i < TLS_NGROUPS; i++)
		buf_u16(b, tls_groups[i].id);
	for (; g != NULL && *g != 0; g++)
		if (tls_group_find(*g) != NULL)
			buf_u16(b, *g);
	buf_close(b, list, 2);
	return true;
}

/* --- signature_algorithms and signature_algorithms_cert, RFC 8446 section 4.2.3 --- */

int
tls_ext_read_signatures(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	uint32_t set;

	if (!read_numbers(r, index_of_scheme, &set))
		return tls_ext_bad(c, e, "signature_algorithms");
	if (where == TLS_IN_CH)
		c->hs->offer.schemes = set;
	else
		c->hs->peer_schemes = set;
	return 0;
}

/* Those that are accepted; the ones for certificates only go into the second list. */
static void
write_schemes(const struct tls_conn *c, bool for_certs, struct buf *b)
{
	const uint16_t *p = c->cfg->signatures;
	const struct tls_scheme *s;
	size_t list = buf_open(b, 2);

	for (size_t i = 0; p == NULL && i < TLS_NSCHEMES; i++)
		if (for_certs || !tls_schemes[i].only_12)
			buf_u16(b, tls_schemes[i].id);
	for (; p != NULL && *p != 0; p++)
		if ((s = tls_scheme_find(*p)) != NULL && (for_certs || !s->only_12))
			buf_u16(b, s->id);
	buf_close(b, list, 2);
}

bool
tls_ext_write_signatures(struct tls_conn *c, enum tls_where where UNUSED, struct buf *b)
{
	write_schemes(c, false, b);
	return true;
}

/* There is one chain per identity: what it may be signed with decides nothing here. */
int
tls_ext_read_signatures_cert(struct tls_conn *c, enum tls_where where UNUSED, struct rd *r,
    struct err *e)
{
	uint32_t set;

	return read_numbers(r, index_of_scheme, &set) ? 0 :
	    tls_ext_bad(c, e, "signature_algorithms_cert");
}

bool
tls_ext_write_signatures_cert(struct tls_conn *c, enum tls_where where UNUSED, struct buf *b)
{
	write_schemes(c, true, b);
	return true;
}

/* --- early_data, RFC 8446 section 4.2.10: never offered, never accepted --- */

int
tls_ext_read_early_data(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	if (where == TLS_IN_NST)
		(void)rd_u32(r);
	else if ((c->hs->course & TLS_COURSE_RETRY) != 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "early_data: RFC 8446 section 4.2.10: in a second ClientHello");
	return 0;
}

/* --- supported_versions, RFC 8446 section 4.2.1 --- */

int
tls_ext_read_versions(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	struct tls_offer *o = &c->hs->offer;
	struct rd list;
	uint16_t version;

	if (where != TLS_IN_CH) {
		if (rd_u16(r) != TLS_1_3)
			return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
			    "supported_versions: RFC 8446 section 4.2.1: a version not offered");
		return 0;
	}
	list = rd_of(rd_vec8(r));
	if (list.n == 0 || list.n % 2 != 0)
		return tls_ext_bad(c, e, "supported_versions");
	o->has_versions = true;
	while (list.n > 0) {
		version = rd_u16(&list);
		o->has_13 |= version == TLS_1_3;
		o->has_12 |= version == TLS_1_2;
	}
	return 0;
}

bool
tls_ext_write_versions(struct tls_conn *c UNUSED, enum tls_where where, struct buf *b)
{
	if (where == TLS_IN_CH)
		buf_u8(b, 2);
	buf_u16(b, TLS_1_3);
	return true;
}

/* --- cookie, RFC 8446 section 4.2.2 --- */

int
tls_ext_read_cookie(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	struct span cookie = rd_vec16(r);

	if (cookie.n == 0)
		return tls_ext_bad(c, e, "cookie");
	if (where == TLS_IN_HRR) {
		buf_put(&c->hs->cookie, cookie);
		return buf_ok(&c->hs->cookie) ? 0 : err_nomem(e);
	}
	return 0;
}

bool
tls_ext_write_cookie(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	struct span cookie = buf_span(&c->hs->cookie);
	size_t mark;

	if (where != TLS_IN_CH || cookie.n == 0)
		return false;
	mark = buf_open(b, 2);
	buf_put(b, cookie);
	buf_close(b, mark, 2);
	return true;
}

/* --- key_share, RFC 8446 section 4.2.8 --- */

int
tls_ext_read_share(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	uint16_t id;

	if (where == TLS_IN_CH) {
		c->hs->offer.shares = rd_vec16(r);
		return 0;
	}
	id = rd_u16(r);
	if (where == TLS_IN_SH) {
		c->hs->share = rd_vec16(r);
		if (c->hs->share.n == 0)
			return tls_ext_bad(c, e, "key_share");
		if (id != c->group->id)
			return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
			    "key_share: RFC 8446 section 4.2.8: a group without a share of ours");
		return 0;
	}
	c->hs->retry_group = tls_group_find(id);
	if (c->hs->retry_group == NULL || c->hs->retry_group == c->group ||
	    (tls_group_set(c->cfg->groups) & UINT32_C(1) << c->hs->retry_group->index) == 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "key_share: RFC 8446 section 4.2.8: group %u is not one to ask for", id);
	return 0;
}

bool
tls_ext_write_share(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	uint8_t share[TLS_SHARE_MAX];
	struct err e;
	size_t list = 0, mark;

	if (where == TLS_IN_HRR) {
		buf_u16(b, c->group->id);
		return true;
	}
	if (tls_kx_share(c->group, c->hs->kx, share, &e) == -1)
		buf_fail(b);
	if (where == TLS_IN_CH)
		list = buf_open(b, 2);
	buf_u16(b, c->group->id);
	mark = buf_open(b, 2);
	buf_put(b, span_of(share, c->group->share_len));
	buf_close(b, mark, 2);
	if (where == TLS_IN_CH)
		buf_close(b, list, 2);
	return true;
}

/* --- psk_key_exchange_modes and pre_shared_key, RFC 8446 sections 4.2.9 and 4.2.11 --- */

int
tls_ext_read_psk_modes(struct tls_conn *c, enum tls_where where UNUSED, struct rd *r, struct err *e)
{
	struct span modes = rd_vec8(r);

	if (modes.n == 0)
		return tls_ext_bad(c, e, "psk_key_exchange_modes");
	c->hs->offer.wants_dhe_psk = memchr(modes.p, PSK_DHE_KE, modes.n) != NULL;
	return 0;
}

bool
tls_ext_write_psk_modes(struct tls_conn *c UNUSED, enum tls_where where UNUSED, struct buf *b)
{
	buf_u8(b, 1);
	buf_u8(b, PSK_DHE_KE);
	return true;
}

int
tls_ext_read_psk(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	struct tls_offer *o = &c->hs->offer;

	if (where == TLS_IN_CH) {
		o->psk_identities = rd_vec16(r);
		o->psk_binders = rd_vec16(r);
		/* It is the last extension: the binders are the end of the message. */
		o->truncated = c->hs->message.n - o->psk_binders.n - 2;
		if (o->psk_identities.n == 0 || o->psk_binders.n == 0)
			return tls_ext_bad(c, e, "pre_shared_key");
		return 0;
	}
	if (rd_u16(r) != 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "pre_shared_key: RFC 8446 section 4.2.11: an identity that was not offered");
	c->hs->course |= TLS_COURSE_PSK;
	return 0;
}

bool
tls_ext_write_psk(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	static const uint8_t zeros[TLS_HASH_MAX];
	struct tls_handshake *hs = c->hs;
	size_t list, mark;

	if (where == TLS_IN_SH) {
		buf_u16(b, (uint16_t)hs->psk_index);
		return c->resumed;
	}
	if (hs->psk_hash == NULL)
		return false;
	list = buf_open(b, 2);
	mark = buf_open(b, 2);
	buf_put(b, buf_span(&hs->ticket));
	buf_close(b, mark, 2);
	buf_u32(b, hs->psk_age);
	buf_close(b, list, 2);
	/* Room for the binder; see tls_psk_bind(). */
	list = buf_open(b, 2);
	buf_u8(b, (uint8_t)hs->psk_hash->len);
	buf_put(b, span_of(zeros, hs->psk_hash->len));
	buf_close(b, list, 2);
	return true;
}
