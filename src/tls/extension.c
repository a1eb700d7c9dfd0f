/*
 * extension: the table of extensions, where each is legal, and blocks of
 * them. RFC 8446 section 4.2. ext_keys.c and ext_use.c read and write them.
 */
#include <string.h>

#include "tls/private.h"

#define CH	TLS_IN_CH
#define SH	TLS_IN_SH
#define HRR	TLS_IN_HRR
#define EE	TLS_IN_EE
#define CR	TLS_IN_CR
#define NST	TLS_IN_NST
#define SH12	TLS_IN_SH12

/* Messages that answer: what was not asked for must not be in them. */
#define ANSWERS	(SH | HRR | EE | TLS_IN_CT)

#define TYPE_PADDING	21	/* RFC 7685 */

struct extension {
	uint16_t	 type;
	const char	*name;
	unsigned	 legal;
	tls_ext_reader	*read;
	tls_ext_writer	*write;
};

int
tls_ext_bad(struct tls_conn *c, struct err *e, const char *name)
{
	return tls_fail(c, TLS_ALERT_DECODE_ERROR, e, "%s: bad length", name);
}

bool
tls_ext_asked(const struct tls_conn *c, enum tls_ext_row row)
{
	return (c->hs->offer.extensions & UINT32_C(1) << row) != 0;
}

/* --- the table --- */

/* RFC 8446 section 4.2. pre_shared_key is last, as section 4.2.11 wants it in a ClientHello. */
static const struct extension extensions[TLS_NEXTENSIONS] = {
	[TLS_EXT_SERVER_NAME] = { 0, "server_name", CH | EE | SH12,
	    tls_ext_read_server_name, tls_ext_write_server_name },
	[TLS_EXT_GROUPS] = { 10, "supported_groups", CH | EE,
	    tls_ext_read_groups, tls_ext_write_groups },
	[TLS_EXT_POINT_FORMATS] = { 11, "ec_point_formats", CH | SH12,
	    tls_ext_read_point_formats, tls_ext_write_point_formats },
	[TLS_EXT_SIGNATURES] = { 13, "signature_algorithms", CH | CR,
	    tls_ext_read_signatures, tls_ext_write_signatures },
	[TLS_EXT_ALPN] = { 16, "application_layer_protocol_negotiation", CH | EE | SH12,
	    tls_ext_read_alpn, tls_ext_write_alpn },
	[TLS_EXT_MASTER_SECRET] = { 23, "extended_master_secret", CH | SH12,
	    tls_ext_read_master_secret, tls_ext_write_master_secret },
	[TLS_EXT_RECORD_LIMIT] = { 28, "record_size_limit", CH | EE | SH12,
	    tls_ext_read_record_limit, tls_ext_write_record_limit },
	[TLS_EXT_EARLY_DATA] = { 42, "early_data", CH | EE | NST, tls_ext_read_early_data, NULL },
	[TLS_EXT_VERSIONS] = { 43, "supported_versions", CH | SH | HRR,
	    tls_ext_read_versions, tls_ext_write_versions },
	[TLS_EXT_COOKIE] = { 44, "cookie", CH | HRR, tls_ext_read_cookie, tls_ext_write_cookie },
	[TLS_EXT_PSK_MODES] = { 45, "psk_key_exchange_modes", CH,
	    tls_ext_read_psk_modes, tls_ext_write_psk_modes },
	[TLS_EXT_SIGNATURES_CERT] = { 50, "signature_algorithms_cert", CH | CR,
	    tls_ext_read_signatures_cert, tls_ext_write_signatures_cert },
	[TLS_EXT_SHARE] = { 51, "key_share", CH | SH | HRR,
	    tls_ext_read_share, tls_ext_write_share },
	[TLS_EXT_RENEGOTIATION] = { 0xff01, "renegotiation_info", CH | SH12,
	    tls_ext_read_renegotiation, tls_ext_write_renegotiation },
	[TLS_EXT_PSK] = { 41, "pre_shared_key", CH | SH, tls_ext_read_psk, tls_ext_write_psk },
};

static int
find_row(uint16_t type)
{
	for (int i = 0; i < TLS_NEXTENSIONS; i++)
		if (extensions[i].type == type)
			return i;
	return -1;
}

/* --- blocks --- */

/* May it stand where it stands? RFC 8446 section 4.2. */
static int
check_place(struct tls_conn *c, enum tls_where where, int row, uint16_t type, struct err *e)
{
	uint32_t bit = row >= 0 ? UINT32_C(1) << row : 0;
	bool was_asked = (c->hs != NULL && (c->hs->offered & bit) != 0) ||
	    (row == TLS_EXT_COOKIE && where == HRR);

	if (row >= 0 && (extensions[row].legal & where) == 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "%s: RFC 8446 section 4.2: not in this message", extensions[row].name);
	if ((where & ANSWERS) != 0 && !was_asked)
		return tls_fail(c, TLS_ALERT_UNSUPPORTED_EXTENSION, e,
		    "extension %u: RFC 8446 section 4.2: was not asked for", type);
	return 0;
}

static int
read_one(struct tls_conn *c, enum tls_where where, int row, struct span content, struct err *e)
{
	struct rd r = rd_of(content);

	if (extensions[row].read(c, where, &r, e) == -1)
		return -1;
	return rd_end(&r) ? 0 : tls_ext_bad(c, e, extensions[row].name);
}

static int
note_type(struct tls_conn *c, uint8_t *seen, uint16_t type, struct err *e)
{
	if ((seen[type / 8] & 1u << type % 8) != 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "extension %u: RFC 8446 section 4.2: more than once", type);
	seen[type / 8] |= (uint8_t)(1u << type % 8);
	return 0;
}

int
tls_extensions_read(struct tls_conn *c, enum tls_where where, struct span block, struct err *e)
{
	uint8_t seen[(UINT16_MAX + 1) / 8] = { 0 };
	struct rd r = rd_of(block);
	struct span content;
	uint16_t type;
	int row;

	while (r.n > 0) {
		type = rd_u16(&r);
		content = rd_vec16(&r);
		if (!rd_ok(&r))
			return tls_ext_bad(c, e, "extensions");
		row = find_row(type);
		if (note_type(c, seen, type, e) == -1 || check_place(c, where, row, type, e) == -1)
			return -1;
		if (row < 0)
			continue;
		if (where == CH && row == TLS_EXT_PSK && r.n > 0)
			return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
			    "pre_shared_key: RFC 8446 section 4.2.11: want it last");
		if (read_one(c, where, row, content, e) == -1)
			return -1;
		if (where == CH)
			c->hs->offer.extensions |= UINT32_C(1) << row;
	}
	return 0;
}

int
tls_extensions_write(struct tls_conn *c, enum tls_where where, struct buf *b, struct err *e)
{
	size_t block = buf_open(b, 2), first = b->n, start, mark;

	for (int row = 0; row < TLS_NEXTENSIONS && buf_ok(b); row++) {
		if ((extensions[row].legal & where) == 0 || extensions[row].write == NULL)
			continue;
		start = b->n;
		buf_u16(b, extensions[row].type);
		mark = buf_open(b, 2);
		if (!extensions[row].write(c, where, b)) {
			b->n = start;
			continue;
		}
		buf_close(b, mark, 2);
		if (where == CH || where == CR)
			c->hs->offered |= UINT32_C(1) << row;
	}
	buf_close(b, block, 2);
	/* RFC 5246 section 7.4.1.3: an old client may not expect the vector at all. */
	if (where == SH12 && b->n == first)
		b->n = block;
	return buf_ok(b) ? 0 : err_nomem(e);
}

int
tls_extensions_frozen(struct span block, uint8_t out[SHA256_LEN], struct err *e)
{
	struct rd r = rd_of(block);
	uint8_t one[2 * SHA256_LEN] = { 0 };	/* digest of what came before, and of this one */
	uint16_t type;
	struct span whole, content;

	while (r.n > 0) {
		whole.p = r.p;
		type = rd_u16(&r);
		content = rd_vec16(&r);
		whole.n = 4 + content.n;
		if (!rd_ok(&r))
			break;
		if (type == TYPE_PADDING || type == extensions[TLS_EXT_SHARE].type ||
		    type == extensions[TLS_EXT_EARLY_DATA].type ||
		    type == extensions[TLS_EXT_PSK].type)
			continue;
		if (sha256(whole, one + SHA256_LEN) == -1 ||
		    sha256(span_of(one, sizeof(one)), one) == -1)
			return tls_crypto_failed(e, "extensions");
	}
	memcpy(out, one, SHA256_LEN);
	return 0;
}

bool
tls_extension_find(struct span block, enum tls_ext_row row, struct span *out)
{
	struct rd r = rd_of(block);
	uint16_t type;

	while (rd_ok(&r) && r.n > 0) {
		type = rd_u16(&r);
		*out = rd_vec16(&r);
		if (rd_ok(&r) && type == extensions[row].type)
			return true;
	}
	return false;
}
