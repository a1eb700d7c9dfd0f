/*
 * ext_use: the extensions that say what the connection is for and how it is
 * framed: names, protocols, record sizes, and those of TLS 1.2.
 */
#include <string.h>

#include "tls/private.h"

#define UNCOMPRESSED	0
#define HOST_NAME	0
#define LIMIT_MIN	64	/* RFC 8449 section 4 */

/* --- server_name, RFC 6066 section 3 --- */

static bool
is_visible(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	return s.n > 0 && s.n <= TLS_NAME_MAX;
}

int
tls_ext_read_server_name(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	struct tls_offer *o = &c->hs->offer;
	struct rd list;
	struct span name;
	uint8_t type;

	if (where == TLS_IN_EE)	/* an empty acknowledgement */
		return 0;
	list = rd_of(rd_vec16(r));
	if (list.n == 0)
		return tls_ext_bad(c, e, "server_name");
	while (list.n > 0 && rd_ok(&list)) {
		type = rd_u8(&list);
		name = rd_vec16(&list);
		if (name.n == 0)
			rd_fail(&list);
		if (type != HOST_NAME || !rd_ok(&list))
			continue;
		if (o->sni.n > 0 || !is_visible(name))
			return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
			    "server_name: RFC 6066 section 3: want one host name of visible ASCII");
		o->sni = name;
	}
	return rd_ok(&list) ? 0 : tls_ext_bad(c, e, "server_name");
}

bool
tls_ext_write_server_name(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	size_t list, name;

	if (c->sni == NULL)
		return false;
	if (where != TLS_IN_CH)
		return tls_ext_asked(c, TLS_EXT_SERVER_NAME);
	list = buf_open(b, 2);
	buf_u8(b, HOST_NAME);
	name = buf_open(b, 2);
	buf_str(b, c->sni);
	buf_close(b, name, 2);
	buf_close(b, list, 2);
	return true;
}

/* --- application_layer_protocol_negotiation, RFC 7301 section 3.1 --- */

static int
take_alpn(struct tls_conn *c, struct span chosen, struct err *e)
{
	const char *const *p = c->cfg->alpn;

	while (p != NULL && *p != NULL && !span_is(chosen, *p))
		p++;
	if (p == NULL || *p == NULL)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "ALPN: RFC 7301 section 3.1: a protocol that was not offered");
	memcpy(c->alpn, chosen.p, chosen.n);
	return 0;
}

int
tls_ext_read_alpn(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	struct span list = rd_vec16(r), name = SPAN_NONE;
	struct rd names = rd_of(list);
	unsigned n = 0;

	while (names.n > 0 && rd_ok(&names)) {
		name = rd_vec8(&names);
		if (name.n == 0)
			rd_fail(&names);
		n++;
	}
	if (!rd_ok(&names) || n == 0 || (where == TLS_IN_EE && n != 1))
		return tls_ext_bad(c, e, "ALPN");
	if (where == TLS_IN_EE)
		return take_alpn(c, name, e);
	c->hs->offer.alpn = list;
	return 0;
}

bool
tls_ext_write_alpn(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	const char *const *p = c->cfg->alpn;
	const char *chosen[] = { c->alpn, NULL };
	size_t list;

	if (where != TLS_IN_CH)
		p = c->alpn[0] != '\0' ? chosen : NULL;
	if (p == NULL || *p == NULL)
		return false;
	list = buf_open(b, 2);
	for (; *p != NULL; p++) {
		buf_u8(b, (uint8_t)strlen(*p));
		buf_str(b, *p);
	}
	buf_close(b, list, 2);
	return true;
}

/* --- record_size_limit, RFC 8449 section 4 --- */

int
tls_ext_read_record_limit(struct tls_conn *c, enum tls_where where, struct rd *r, struct err *e)
{
	uint16_t limit = rd_u16(r);

	if (!rd_ok(r))
		return tls_ext_bad(c, e, "record_size_limit");
	if (limit < LIMIT_MIN || (where == TLS_IN_EE && limit > TLS_RECORD_MAX + 1))
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "record_size_limit: RFC 8449 section 4: %u", limit);
	if (where == TLS_IN_CH) {
		c->hs->offer.record_limit = limit;
		return 0;
	}
	c->send_limit = limit - 1u;
	c->receive_limit = c->cfg->record_limit;
	return 0;
}

/*
 * In TLS 1.3 the limit includes the octet of the content type. A client that has
 * none keeps silent.
 */
bool
tls_ext_write_record_limit(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	uint16_t limit = c->cfg->record_limit;

	if (where == TLS_IN_CH ? limit == 0 : !tls_ext_asked(c, TLS_EXT_RECORD_LIMIT))
		return false;
	if (limit == 0)
		limit = TLS_RECORD_MAX;
	if (where != TLS_IN_CH)
		c->receive_limit = limit;
	buf_u16(b, where == TLS_IN_SH12 ? limit : limit + 1);
	return true;
}

/* --- ec_point_formats, RFC 8422 section 5.1.2 --- */

int
tls_ext_read_point_formats(struct tls_conn *c, enum tls_where where UNUSED, struct rd *r,
    struct err *e UNUSED)
{
	c->hs->offer.point_formats = rd_rest(r);
	return 0;
}

static int
check_point_formats(struct tls_conn *c, struct err *e)
{
	struct rd r = rd_of(c->hs->offer.point_formats);
	struct span formats = rd_vec8(&r);

	if (!rd_end(&r) || formats.n == 0)
		return tls_ext_bad(c, e, "ec_point_formats");
	if (memchr(formats.p, UNCOMPRESSED, formats.n) == NULL)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "ec_point_formats: RFC 8422 section 5.1.2: want uncompressed among them");
	return 0;
}

bool
tls_ext_write_point_formats(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	if (where != TLS_IN_SH12 || !tls_ext_asked(c, TLS_EXT_POINT_FORMATS))
		return false;
	buf_u8(b, 1);
	buf_u8(b, UNCOMPRESSED);
	return true;
}

/*
 * --- extended_master_secret, RFC 7627 section 5.1; renegotiation_info, RFC 5746
 * section 3.6 ---
 */

int
tls_ext_read_master_secret(struct tls_conn *c, enum tls_where where UNUSED, struct rd *r,
    struct err *e UNUSED)
{
	c->hs->offer.master_secret = rd_rest(r);
	return 0;
}

bool
tls_ext_write_master_secret(struct tls_conn *c, enum tls_where where, struct buf *b UNUSED)
{
	return where == TLS_IN_SH12 && c->has_ems;
}

int
tls_ext_read_renegotiation(struct tls_conn *c, enum tls_where where UNUSED, struct rd *r,
    struct err *e UNUSED)
{
	c->hs->offer.renegotiation = rd_rest(r);
	return 0;
}

static int
check_renegotiation(struct tls_conn *c, struct err *e)
{
	struct rd r = rd_of(c->hs->offer.renegotiation);
	struct span verified = rd_vec8(&r);

	if (!rd_end(&r))
		return tls_ext_bad(c, e, "renegotiation_info");
	if (verified.n != 0)
		return tls_fail(c, TLS_ALERT_HANDSHAKE_FAILURE, e,
		    "renegotiation_info: RFC 5746 section 3.6: want it empty");
	c->hs->offer.says_secure = true;
	return 0;
}

bool
tls_ext_write_renegotiation(struct tls_conn *c, enum tls_where where, struct buf *b)
{
	if (where != TLS_IN_SH12 || !c->hs->offer.says_secure)
		return false;
	buf_u8(b, 0);
	return true;
}

/* --- what TLS 1.3 does not look at --- */

int
tls_ext_check_12(struct tls_conn *c, struct err *e)
{
	if (tls_ext_asked(c, TLS_EXT_POINT_FORMATS) && check_point_formats(c, e) == -1)
		return -1;
	if (c->hs->offer.master_secret.n != 0)
		return tls_ext_bad(c, e, "extended_master_secret");
	return tls_ext_asked(c, TLS_EXT_RENEGOTIATION) ? check_renegotiation(c, e) : 0;
}
