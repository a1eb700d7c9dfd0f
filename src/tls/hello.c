/*
 * hello: ClientHello, HelloRetryRequest and ServerHello. RFC 8446 section
 * 4.1, RFC 5246 section 7.4.1.
 */
#include <string.h>

#include "tls/private.h"

#define LEGACY_VERSION		0x0303
#define RENEGOTIATION_SCSV	0x00ff	/* RFC 5746 section 3.3 */
#define FALLBACK_SCSV		0x5600	/* RFC 7507 section 3 */
#define SENTINEL_LEN		8

const uint8_t tls_retry_random[TLS_RANDOM_LEN] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02,
	0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
	0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/*
 * RFC 8446 section 4.1.3: a server that could have spoken TLS 1.3 says so; the last
 * octet may be 0 or 1.
 */
static const uint8_t sentinel[SENTINEL_LEN] = { 'D', 'O', 'W', 'N', 'G', 'R', 'D', 1 };

/* --- key exchange --- */

int
tls_kx_new(struct tls_conn *c, struct err *e)
{
	uint8_t secret[TLS_SECRET_MAX];
	bool is_given = c->cfg->random != NULL;
	int rc = -1;

	EVP_PKEY_free(c->hs->kx);
	c->hs->kx = NULL;
	if (!is_given || tls_random(c, secret, c->group->secret_len, e) == 0)
		rc = tls_kx_generate(c->group, is_given ? secret : NULL, &c->hs->kx, e);
	wipe(secret, sizeof(secret));
	return rc;
}

int
tls_kx_finish(struct tls_conn *c, struct span peer, struct err *e)
{
	struct tls_handshake *hs = c->hs;

	hs->shared_len = c->group->secret_len;
	switch (tls_kx_derive(c->group, hs->kx, peer, hs->shared)) {
	case TLS_KX_OK:
		return 0;
	case TLS_KX_BAD_SHARE:
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "key exchange: RFC 8446 section 4.2.8.2: the share is none of %s",
		    c->group->name);
	default:
		return tls_crypto_failed(e, c->group->name);
	}
}

/* --- ClientHello --- */

static int
prepare_client_hello(struct tls_conn *c, struct err *e)
{
	struct tls_handshake *hs = c->hs;

	if (c->retried) {
		if (hs->retry_group == NULL)
			return 0;
		c->group = hs->retry_group;
		return tls_kx_new(c, e);
	}
	c->group = tls_group_best(c->cfg, tls_group_set(NULL));
	if (c->group == NULL || tls_suite_best(c->cfg, tls_suite_set(NULL), TLS_1_3) == NULL)
		return err_set(e, OUT_HOLD, "tls: no group or suite of TLS 1.3 is configured");
	/* Compatibility mode, RFC 8446 appendix D.4. */
	hs->session_id_len = TLS_SESSION_ID_MAX;
	if (tls_random(c, c->randoms[TLS_BY_CLIENT], TLS_RANDOM_LEN, e) == -1 ||
	    tls_random(c, hs->session_id, hs->session_id_len, e) == -1)
		return -1;
	return tls_kx_new(c, e);
}

int
tls_write_client_hello(struct tls_conn *c, struct buf *b, struct err *e)
{
	const uint16_t *list = c->cfg->suites;
	size_t mark;

	if (prepare_client_hello(c, e) == -1)
		return -1;
	buf_u16(b, LEGACY_VERSION);
	buf_put(b, span_of(c->randoms[TLS_BY_CLIENT], TLS_RANDOM_LEN));
	mark = buf_open(b, 1);
	buf_put(b, span_of(c->hs->session_id, c->hs->session_id_len));
	buf_close(b, mark, 1);
	mark = buf_open(b, 2);
	for (size_t i = 0; list == NULL && i < TLS_NSUITES; i++)
		if (tls_suites[i].version == TLS_1_3)
			buf_u16(b, tls_suites[i].id);
	for (; list != NULL && *list != 0; list++)
		if (tls_suite_find(*list) != NULL && tls_suite_find(*list)->version == TLS_1_3)
			buf_u16(b, *list);
	buf_close(b, mark, 2);
	buf_u8(b, 1);
	buf_u8(b, 0);
	c->hs->offered = 0;
	return tls_extensions_write(c, TLS_IN_CH, b, e);
}

/* The suites that one knows, and the two that are signals. */
static void
read_suites(struct tls_offer *o)
{
	struct rd r = rd_of(o->suite_list);
	const struct tls_suite *s;
	uint16_t id;

	while (r.n > 0) {
		id = rd_u16(&r);
		if ((s = tls_suite_find(id)) != NULL)
			o->suites |= UINT32_C(1) << (s - tls_suites);
		else if (id == RENEGOTIATION_SCSV)
			o->says_secure = true;
		else if (id == FALLBACK_SCSV)
			o->says_fallback = true;
	}
}

/* RFC 8446 section 4.1.2. Extensions may be missing from a ClientHello of TLS 1.2. */
static int
read_offer(struct tls_conn *c, struct rd r, struct err *e)
{
	struct tls_offer *o = &c->hs->offer;
	bool is_good;

	memset(o, 0, sizeof(*o));
	o->version = rd_u16(&r);
	o->random = rd_bytes(&r, TLS_RANDOM_LEN);
	o->session_id = rd_vec8(&r);
	o->suite_list = rd_vec16(&r);
	o->methods = rd_vec8(&r);
	if (r.n > 0)
		o->extension_block = rd_vec16(&r);
	is_good = rd_end(&r) && o->session_id.n <= TLS_SESSION_ID_MAX && o->suite_list.n >= 2 &&
	    o->suite_list.n % 2 == 0 && o->methods.n > 0;
	if (!is_good)
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "ClientHello: RFC 8446 section 4.1.2: bad length");
	read_suites(o);
	return tls_extensions_read(c, TLS_IN_CH, o->extension_block, e);
}

/* What a second ClientHello must repeat: everything up to the extensions, and most of these. */
static int
freeze(struct tls_conn *c, uint8_t out[SHA256_LEN], struct err *e)
{
	const struct tls_offer *o = &c->hs->offer;
	uint8_t version[2] = { (uint8_t)(o->version >> 8), (uint8_t)o->version };
	uint8_t extensions[SHA256_LEN];
	struct span parts[] = {
		span_of(version, 2), o->random, o->session_id, o->suite_list, o->methods,
		span_of(extensions, SHA256_LEN),
	};

	if (tls_extensions_frozen(o->extension_block, extensions, e) == -1)
		return -1;
	return tls_digest(&tls_hashes[TLS_SHA256], parts, NITEMS(parts), out, e);
}

int
tls_read_client_hello(struct tls_conn *c, struct rd r, struct err *e)
{
	struct tls_handshake *hs = c->hs;

	/* Before anything is answered: the alert could not be read behind a ServerHello. */
	if (tls_keys_may_change(c, e) == -1 || read_offer(c, r, e) == -1)
		return -1;
	memcpy(c->randoms[TLS_BY_CLIENT], hs->offer.random.p, TLS_RANDOM_LEN);
	hs->session_id_len = hs->offer.session_id.n;
	if (hs->session_id_len > 0)
		memcpy(hs->session_id, hs->offer.session_id.p, hs->session_id_len);
	if (tls_negotiate(c, e) == -1)
		return -1;
	return (hs->course & TLS_COURSE_RETRY) != 0 ? freeze(c, hs->frozen, e) : 0;
}

int
tls_read_second_hello(struct tls_conn *c, struct rd r, struct err *e)
{
	const struct tls_fault *f = c->cfg->fault;
	struct tls_handshake *hs = c->hs;
	uint8_t frozen[SHA256_LEN];

	if (tls_keys_may_change(c, e) == -1 || read_offer(c, r, e) == -1 ||
	    freeze(c, frozen, e) == -1)
		return -1;
	/* Who sends a HelloRetryRequest with a cookie by a fault gets it back. */
	if (f == NULL && memcmp(frozen, hs->frozen, SHA256_LEN) != 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "second ClientHello: RFC 8446 section 4.1.2: differs from the first");
	hs->early_left = 0;
	if (tls_negotiate(c, e) == -1)
		return -1;
	if (f != NULL && f->retry_always)
		hs->step = 0;
	return 0;
}

/* --- ServerHello and HelloRetryRequest, writing --- */

static int
write_hello(struct tls_conn *c, const uint8_t *random, enum tls_where where, struct buf *b,
    struct err *e)
{
	size_t mark;

	buf_u16(b, LEGACY_VERSION);
	buf_put(b, span_of(random, TLS_RANDOM_LEN));
	mark = buf_open(b, 1);
	/* TLS 1.2 sessions are not kept: no identifier, RFC 5246 section 7.4.1.3. */
	if (where != TLS_IN_SH12)
		buf_put(b, span_of(c->hs->session_id, c->hs->session_id_len));
	buf_close(b, mark, 1);
	buf_u16(b, c->suite->id);
	buf_u8(b, 0);
	return tls_extensions_write(c, where, b, e);
}

int
tls_write_retry(struct tls_conn *c, struct buf *b, struct err *e)
{
	c->retried = true;
	if (tls_transcript_retry(&c->hs->transcript, e) == -1)
		return -1;
	return write_hello(c, tls_retry_random, TLS_IN_HRR, b, e);
}

int
tls_write_server_hello(struct tls_conn *c, struct buf *b, struct err *e)
{
	const struct tls_config *cfg = c->cfg;
	uint8_t *random = c->randoms[TLS_BY_SERVER];
	bool can_13 = cfg->max_version == 0 || cfg->max_version >= TLS_1_3;
	bool is_honest = cfg->fault == NULL || !cfg->fault->no_sentinel;

	if (tls_random(c, random, TLS_RANDOM_LEN, e) == -1)
		return -1;
	if (c->version == TLS_1_2 && can_13 && is_honest)
		memcpy(random + TLS_RANDOM_LEN - SENTINEL_LEN, sentinel, SENTINEL_LEN);
	return write_hello(c, random, c->version == TLS_1_3 ? TLS_IN_SH : TLS_IN_SH12, b, e);
}

/* --- ServerHello and HelloRetryRequest, reading --- */

struct server_hello {
	uint16_t	version, suite;
	uint8_t		method;
	struct span	random, session_id, extensions;
};

/*
 * A ServerHello without supported_versions is one of TLS 1.2 or older: RFC 8446
 * section 4.1.3.
 */
static int
refuse_old_version(struct tls_conn *c, const struct server_hello *h, struct err *e)
{
	struct span tail = span_of(h->random.p + TLS_RANDOM_LEN - SENTINEL_LEN, SENTINEL_LEN);

	if (memcmp(tail.p, sentinel, SENTINEL_LEN - 1) == 0 && tail.p[SENTINEL_LEN - 1] <= 1)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "ServerHello: RFC 8446 section 4.1.3: a downgrade");
	return tls_fail(c, TLS_ALERT_PROTOCOL_VERSION, e,
	    "ServerHello: version %04x, want TLS 1.3", h->version);
}

static int
read_hello(struct tls_conn *c, struct rd r, struct server_hello *h, struct err *e)
{
	struct span versions;

	h->version = rd_u16(&r);
	h->random = rd_bytes(&r, TLS_RANDOM_LEN);
	h->session_id = rd_vec8(&r);
	h->suite = rd_u16(&r);
	h->method = rd_u8(&r);
	h->extensions = r.n > 0 ? rd_vec16(&r) : SPAN_NONE;
	if (!rd_end(&r) || h->session_id.n > TLS_SESSION_ID_MAX)
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "ServerHello: RFC 8446 section 4.1.3: bad length");
	if (!tls_extension_find(h->extensions, TLS_EXT_VERSIONS, &versions))
		return refuse_old_version(c, h, e);
	return 0;
}

/* What ServerHello and HelloRetryRequest have in common: RFC 8446 sections 4.1.3 and 4.1.4. */
static int
check_hello(struct tls_conn *c, const struct server_hello *h, struct err *e)
{
	const struct tls_handshake *hs = c->hs;
	const struct tls_suite *suite = tls_suite_find(h->suite);
	bool was_offered = suite != NULL && suite->version == TLS_1_3 &&
	    (tls_suite_set(c->cfg->suites) & UINT32_C(1) << (suite - tls_suites)) != 0;

	if (h->version != LEGACY_VERSION)
		return tls_fail(c, TLS_ALERT_PROTOCOL_VERSION, e,
		    "ServerHello: RFC 8446 section 4.1.3: legacy_version %04x", h->version);
	if (!span_eq(h->session_id, span_of(hs->session_id, hs->session_id_len)))
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "ServerHello: RFC 8446 section 4.1.3: legacy_session_id_echo is no echo");
	if (!was_offered || (c->suite != NULL && suite != c->suite))
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "ServerHello: RFC 8446 section 4.1.3: suite %04x was not offered", h->suite);
	if (h->method != 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "ServerHello: RFC 8446 section 4.1.3: compression method %u", h->method);
	c->suite = suite;
	return tls_transcript_start(&c->hs->transcript, suite->hash, e);
}

int
tls_read_retry(struct tls_conn *c, struct rd r, struct err *e)
{
	struct tls_handshake *hs = c->hs;
	struct server_hello h;

	if (read_hello(c, r, &h, e) == -1 || check_hello(c, &h, e) == -1 ||
	    tls_extensions_read(c, TLS_IN_HRR, h.extensions, e) == -1)
		return -1;
	if (hs->retry_group == NULL && hs->cookie.n == 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "HelloRetryRequest: RFC 8446 section 4.1.4: would change nothing");
	/* A ticket of another hash cannot be used any more (RFC 8446 section 4.1.4). */
	if (hs->psk_hash != c->suite->hash)
		hs->psk_hash = NULL;
	c->retried = true;
	return tls_transcript_retry(&hs->transcript, e);
}

int
tls_read_server_hello(struct tls_conn *c, struct rd r, struct err *e)
{
	struct tls_handshake *hs = c->hs;
	struct server_hello h;
	bool is_psk;

	if (read_hello(c, r, &h, e) == -1)
		return -1;
	if (span_eq(h.random, span_of(tls_retry_random, TLS_RANDOM_LEN)))
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "HelloRetryRequest: RFC 8446 section 4.1.4: a second one");
	if (check_hello(c, &h, e) == -1)
		return -1;
	hs->share = SPAN_NONE;
	if (tls_extensions_read(c, TLS_IN_SH, h.extensions, e) == -1)
		return -1;
	is_psk = (hs->course & TLS_COURSE_PSK) != 0;
	if (hs->share.n == 0)
		return tls_fail(c, is_psk ? TLS_ALERT_ILLEGAL_PARAMETER :
		    TLS_ALERT_MISSING_EXTENSION, e,
		    "ServerHello: RFC 8446 section 4.2.11: no key_share");
	if (is_psk && hs->psk_hash != c->suite->hash)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "ServerHello: RFC 8446 section 4.2.11: the ticket has another hash");
	c->version = TLS_1_3;
	c->resumed = is_psk;
	memcpy(c->randoms[TLS_BY_SERVER], h.random.p, TLS_RANDOM_LEN);
	if (tls_kx_finish(c, hs->share, e) == -1)
		return -1;
	return tls_schedule_early(&c->schedule, c->suite->hash,
	    is_psk ? span_of(hs->psk, c->suite->hash->len) : SPAN_NONE, e);
}

/* --- what follows --- */

/* RFC 8446 appendix D.4: once, where TLS 1.2 would have one. */
int
tls_compatible_ccs(struct tls_conn *c, struct err *e)
{
	static const uint8_t one = 1;

	if (c->hs->session_id_len == 0 || c->hs->said_ccs)
		return 0;
	c->hs->said_ccs = true;
	if (tls_record_flush(c, e) == -1)
		return -1;
	return tls_record_put(c, TLS_CHANGE_CIPHER_SPEC, span_of(&one, 1), e);
}

int
tls_after_retry(struct tls_conn *c, struct err *e)
{
	return tls_compatible_ccs(c, e);
}

int
tls_after_server_hello(struct tls_conn *c, struct err *e)
{
	struct tls_handshake *hs = c->hs;
	struct tls_schedule *s = &c->schedule;
	int us = c->is_server ? TLS_BY_SERVER : TLS_BY_CLIENT;
	int them = c->is_server ? TLS_BY_CLIENT : TLS_BY_SERVER;
	uint8_t transcript[TLS_HASH_MAX];

	if (c->is_server && tls_compatible_ccs(c, e) == -1)
		return -1;
	if (tls_transcript_now(&hs->transcript, transcript, e) == -1 ||
	    tls_schedule_handshake(s, span_of(hs->shared, hs->shared_len), transcript, e) == -1)
		return -1;
	wipe(hs->shared, sizeof(hs->shared));
	if (tls_keys_receive(c, s->handshake[them], e) == -1)
		return -1;
	return tls_keys_send(c, s->handshake[us], e);
}
