/*
 * record: framing, protection and limits; RFC 8446 section 5, RFC 5246
 * section 6, RFC 5288 and RFC 7905 for TLS 1.2.
 *
 *	clear		type version length content
 *	TLS 1.3		23   version length AEAD(content type zeros)
 *	TLS 1.2		type version length [nonce] AEAD(content)
 */
#include <string.h>

#include "tls/private.h"

#define LEGACY_VERSION	0x0303
#define FIRST_VERSION	0x0301	/* RFC 8446 section 5.1: of the first ClientHello */
#define AAD_12_LEN	13
#define PIECE_MAX	(UINT16_MAX - TLS_EXPANSION_13)

struct record {
	uint8_t		type;
	struct span	header;
	struct span	body;
};

/* --- keys --- */

void
tls_flow_clear(struct tls_flow *f)
{
	EVP_CIPHER_CTX_free(f->aead);
	wipe(f, sizeof(*f));
}

int
tls_flow_start(struct tls_flow *f, const struct tls_suite *suite, bool is_seal, const uint8_t *key,
    struct err *e)
{
	tls_flow_clear(f);
	if ((f->aead = tls_aead_new(suite->aead, key, is_seal)) == NULL)
		return tls_crypto_failed(e, suite->name);
	f->suite = suite;
	return 0;
}

static int
start_from_secret(struct tls_conn *c, struct tls_flow *f, const uint8_t *secret, struct err *e)
{
	const struct tls_suite *suite = c->suite;
	uint8_t key[TLS_KEY_MAX];
	int rc = -1;

	if (tls_expand_label(suite->hash, secret, &(struct tls_label){ "key", SPAN_NONE, key,
	    suite->aead->key_len }, e) == 0 &&
	    tls_flow_start(f, suite, f == &c->tx, key, e) == 0)
		rc = tls_expand_label(suite->hash, secret, &(struct tls_label){ "iv", SPAN_NONE,
		    f->iv, TLS_IV_LEN }, e);
	wipe(key, sizeof(key));
	return rc;
}

int
tls_keys_send(struct tls_conn *c, const uint8_t *secret, struct err *e)
{
	if (tls_record_flush(c, e) == -1)
		return -1;
	return start_from_secret(c, &c->tx, secret, e);
}

int
tls_keys_may_change(struct tls_conn *c, struct err *e)
{
	if (c->messages.n > c->reading)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 5.1: a record goes on where keys change");
	return 0;
}

int
tls_keys_receive(struct tls_conn *c, const uint8_t *secret, struct err *e)
{
	if (tls_keys_may_change(c, e) == -1)
		return -1;
	return start_from_secret(c, &c->rx, secret, e);
}

/*
 * RFC 8446 section 5.3; in TLS 1.2, ChaCha20 does the same and GCM has the number
 * itself behind a salt.
 */
static void
make_nonce(const struct tls_flow *f, uint8_t nonce[TLS_IV_LEN])
{
	memcpy(nonce, f->iv, TLS_IV_LEN);
	for (int i = 0; i < 8; i++)
		nonce[TLS_IV_LEN - 1 - i] ^= (uint8_t)(f->seq >> (8 * i));
}

/* RFC 5246 section 6.2.3.3: sequence number, type, version, length of the content. */
static struct span
make_aad_12(const struct tls_flow *f, struct span header, size_t n, uint8_t aad[AAD_12_LEN])
{
	for (int i = 0; i < 8; i++)
		aad[i] = (uint8_t)(f->seq >> (56 - 8 * i));
	memcpy(aad + 8, header.p, 3);
	aad[11] = (uint8_t)(n >> 8);
	aad[12] = (uint8_t)n;
	return span_of(aad, AAD_12_LEN);
}

/* --- sending --- */

static int
put_clear(struct tls_conn *c, uint8_t type, struct span content, struct buf *out, struct err *e)
{
	bool is_first = !c->is_server && c->version == 0 && !c->retried && type == TLS_HANDSHAKE;

	buf_u8(out, type);
	buf_u16(out, is_first ? FIRST_VERSION : LEGACY_VERSION);
	buf_u16(out, (uint16_t)content.n);
	buf_put(out, content);
	return buf_ok(out) ? 0 : err_nomem(e);
}

static int
put_protected(struct tls_conn *c, uint8_t type, struct span content, struct buf *out, struct err *e)
{
	struct tls_flow *f = &c->tx;
	bool is_13 = f->suite->version == TLS_1_3;
	size_t explicit_len = is_13 ? 0 : f->suite->aead->explicit_len;
	size_t n = content.n + (is_13 ? 1 : 0);
	size_t length = explicit_len + n + TLS_TAG_LEN;
	uint8_t nonce[TLS_IV_LEN], aad[AAD_12_LEN], *p;
	struct tls_aead_io io;

	if ((p = buf_room(out, TLS_HEADER_LEN + length)) == NULL)
		return err_nomem(e);
	p[0] = is_13 ? TLS_APPLICATION_DATA : type;
	p[1] = LEGACY_VERSION >> 8;
	p[2] = LEGACY_VERSION & 0xff;
	p[3] = (uint8_t)(length >> 8);
	p[4] = (uint8_t)length;
	make_nonce(f, nonce);
	memcpy(p + TLS_HEADER_LEN, nonce + TLS_IV_LEN - explicit_len, explicit_len);
	io.nonce = nonce;
	io.out = p + TLS_HEADER_LEN + explicit_len;
	io.in = span_of(io.out, n);
	io.aad = is_13 ? span_of(p, TLS_HEADER_LEN) :
	    make_aad_12(f, span_of(p, TLS_HEADER_LEN), content.n, aad);
	if (content.n > 0)
		memcpy(io.out, content.p, content.n);
	if (is_13)
		io.out[content.n] = type;
	if (tls_aead_seal(f->aead, &io) == -1)
		return tls_crypto_failed(e, "record");
	f->seq++;
	buf_added(out, TLS_HEADER_LEN + length);
	return 0;
}

static int
put_piece(struct tls_conn *c, uint8_t type, struct span content, struct buf *out, struct err *e)
{
	/* RFC 8446 section 5: a change_cipher_spec of TLS 1.3 is never protected. */
	bool is_clear = c->tx.suite == NULL ||
	    (type == TLS_CHANGE_CIPHER_SPEC && c->tx.suite->version == TLS_1_3);

	if (content.n > PIECE_MAX)
		return err_set(e, OUT_RETRY, "record: %zu octets do not fit", content.n);
	return is_clear ? put_clear(c, type, content, out, e) :
	    put_protected(c, type, content, out, e);
}

/* The way through the hooks of a fault. */
static int
put_faulty(struct tls_conn *c, uint8_t type, struct span content, struct err *e)
{
	const struct tls_fault *f = c->cfg->fault;
	struct buf octets;
	struct tls_fault_record r = { type, c->tx.suite != NULL, &octets };
	struct buf sealed;
	int rc = -1;

	buf_init(&octets, TLS_OUT_MAX);
	buf_init(&sealed, TLS_OUT_MAX);
	buf_put(&octets, content);
	if (f->plain != NULL)
		f->plain(f->arg, c, &r);
	if (!buf_ok(&octets)) {
		err_nomem(e);
		goto out;
	}
	if (put_piece(c, r.type, buf_span(&octets), &sealed, e) == -1)
		goto out;
	r.octets = &sealed;
	if (f->record != NULL)
		f->record(f->arg, c, &r);
	buf_put(&c->out, buf_span(&sealed));
	if (!buf_ok(&sealed) || !buf_ok(&c->out)) {
		err_nomem(e);
		goto out;
	}
	rc = 0;
out:
	buf_clear(&octets);
	buf_clear(&sealed);
	return rc;
}

int
tls_record_one(struct tls_conn *c, uint8_t type, struct span content, struct err *e)
{
	if (c->cfg->fault != NULL)
		return put_faulty(c, type, content, e);
	return put_piece(c, type, content, &c->out, e);
}

/*
 * RFC 8449 section 4: the peer's limit is for protected records. Alerts must stay
 * whole (RFC 8446 section 5.1).
 */
static size_t
piece_max(const struct tls_conn *c, uint8_t type)
{
	const struct tls_fault *f = c->cfg->fault;
	size_t n = c->tx.suite != NULL ? c->send_limit : TLS_RECORD_MAX;

	if (f != NULL && f->fragment > 0 && f->fragment < n && type >= TLS_HANDSHAKE)
		n = f->fragment;
	return n;
}

int
tls_record_put(struct tls_conn *c, uint8_t type, struct span content, struct err *e)
{
	struct rd r = rd_of(content);
	size_t max = piece_max(c, type);

	while (r.n > 0)
		if (tls_record_one(c, type, rd_bytes(&r, r.n < max ? r.n : max), e) == -1)
			return -1;
	return 0;
}

int
tls_record_flush(struct tls_conn *c, struct err *e)
{
	int rc;

	if (!buf_ok(&c->flight))
		return err_nomem(e);
	rc = tls_record_put(c, TLS_HANDSHAKE, buf_span(&c->flight), e);
	buf_clear(&c->flight);
	return rc;
}

/* --- receiving: alerts --- */

static int
end_by_alert(struct tls_conn *c, struct err *e)
{
	/* RFC 8446 section 6.2: nothing is said in reply. */
	c->state = TLS_FAILED;
	return err_set(e, OUT_REFUSE, "alert: the peer says %s", tls_alert_name(c->alert_received));
}

static int
take_close(struct tls_conn *c, struct err *e)
{
	if (c->state == TLS_HANDSHAKING) {
		tls_close(c);
		return end_by_alert(c, e);
	}
	/*
	 * RFC 5246 section 7.2.1 wants an answer; in TLS 1.3 the two directions
	 * close by themselves.
	 */
	if (c->version == TLS_1_2)
		tls_close(c);
	c->state = TLS_CLOSED;
	return 0;
}

/* Two octets per record: RFC 8446 section 5.1. */
static int
take_alert(struct tls_conn *c, struct span content, struct err *e)
{
	struct rd r = rd_of(content);
	uint8_t level = rd_u8(&r), description = rd_u8(&r);
	bool is_warning;

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "alert: RFC 8446 section 5.1: %zu octets", content.n);
	if (c->version == TLS_1_2 && level != 1 && level != 2)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "alert: RFC 5246 section 7.2: level %u", level);
	c->alert_received = description;
	if (description == TLS_ALERT_CLOSE_NOTIFY)
		return take_close(c, e);
	/* RFC 8446 section 6: the level means nothing any more. */
	is_warning = c->version == TLS_1_2 ? level == 1 : description == TLS_ALERT_USER_CANCELED;
	if (!is_warning)
		return end_by_alert(c, e);
	if (++c->nwarnings > TLS_WARNINGS_MAX)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e, "alert: too many warnings");
	return 0;
}

/* --- receiving: content --- */

static int
take_application_data(struct tls_conn *c, size_t n, struct err *e)
{
	if (c->state != TLS_OPEN || c->messages.n > 0)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 6.2: application data in the midst of a handshake");
	if (n == 0 && ++c->nempty > TLS_EMPTY_MAX)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: too many empty records");
	if (n > 0) {
		c->nempty = 0;
		c->nposts = 0;
		c->nwarnings = 0;
	}
	buf_added(&c->plain, n);
	return 0;
}

static int
take_handshake(struct tls_conn *c, struct span content, struct err *e)
{
	buf_put(&c->messages, content);
	if (!buf_ok(&c->messages))
		return err_nomem(e);
	return tls_handshake_run(c, e);
}

/*
 * Content in the clear, or as it came out of its protection: then it stands at the
 * end of c->plain.
 */
static int
take_content(struct tls_conn *c, uint8_t type, struct span content, struct err *e)
{
	if (content.n == 0 && type != TLS_APPLICATION_DATA)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 5.4: empty, of type %u", type);
	switch (type) {
	case TLS_ALERT:
		return take_alert(c, content, e);
	case TLS_HANDSHAKE:
		return take_handshake(c, content, e);
	case TLS_APPLICATION_DATA:
		return take_application_data(c, content.n, e);
	default:
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 5: type %u", type);
	}
}

/*
 * RFC 8446 section 5: in TLS 1.3 it is dropped, from the first ClientHello
 * to the peer's Finished, when it is the one octet 1 and stands between messages.
 */
static int
take_ccs(struct tls_conn *c, const struct record *r, struct err *e)
{
	struct tls_handshake *hs = c->hs;
	bool is_ccs = r->body.n == 1 && r->body.p[0] == 1;

	if (is_ccs && hs != NULL && c->messages.n == 0 && c->version == TLS_1_2)
		return tls_handshake_ccs(c, e);
	if (is_ccs && hs != NULL && c->messages.n == 0 && !tls_handshake_awaits_hello(c) &&
	    ++hs->nccs <= TLS_CCS_MAX)
		return 0;
	return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
	    "record: RFC 8446 section 5: change_cipher_spec");
}

/* --- receiving: protection --- */

/*
 * A record of 0-RTT, which was not accepted (RFC 8446 section 4.2.10): it
 * cannot be deprotected, or comes before the second ClientHello.
 */
static int
skip_early(struct tls_conn *c, const struct record *r, struct err *e)
{
	if (r->body.n > c->hs->early_left)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 4.2.10: too much early data");
	c->hs->early_left -= r->body.n;
	return 0;
}

static int
take_clear(struct tls_conn *c, const struct record *r, struct err *e)
{
	if (r->type == TLS_APPLICATION_DATA) {
		if (c->hs != NULL && c->hs->early_left > 0 && c->messages.n == 0)
			return skip_early(c, r, e);
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 5.1: application data without protection");
	}
	return take_content(c, r->type, r->body, e);
}

/*
 * To the end of c->plain, not yet counted there; *out is where. -1 says only that it
 * does not hold.
 */
static int
open_record(struct tls_conn *c, const struct record *r, struct span *out)
{
	struct tls_flow *f = &c->rx;
	bool is_13 = f->suite->version == TLS_1_3;
	struct rd body = rd_of(r->body);
	struct span number = rd_bytes(&body, is_13 ? 0 : f->suite->aead->explicit_len);
	uint8_t nonce[TLS_IV_LEN], aad[AAD_12_LEN];
	struct tls_aead_io io = { .nonce = nonce, .aad = r->header };

	if (body.bad || body.n < TLS_TAG_LEN)
		return -1;
	*out = span_of(c->plain.p + c->plain.n, body.n - TLS_TAG_LEN);
	make_nonce(f, nonce);
	if (number.n > 0)
		memcpy(nonce + TLS_IV_LEN - number.n, number.p, number.n);
	if (!is_13)
		io.aad = make_aad_12(f, r->header, out->n, aad);
	io.out = c->plain.p + c->plain.n;
	io.in = rd_rest(&body);
	if (tls_aead_open(f->aead, &io) == -1)
		return -1;
	f->seq++;
	return 0;
}

/* TLSInnerPlaintext, RFC 8446 section 5.2: the last octet that is not zero is the type. */
static int
strip_padding(struct tls_conn *c, struct span *content, uint8_t *type, struct err *e)
{
	size_t n = content->n;

	while (n > 0 && content->p[n - 1] == 0)
		n--;
	if (n == 0)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 5.4: nothing but padding");
	*type = content->p[n - 1];
	*content = span_of(content->p, n - 1);
	return 0;
}

static int
take_protected(struct tls_conn *c, const struct record *r, struct err *e)
{
	bool is_13 = c->rx.suite->version == TLS_1_3;
	uint8_t type = r->type;
	struct span content;

	/* A client that cannot make sense of the ServerHello says so without protection. */
	if (is_13 && type == TLS_ALERT && c->is_server && c->hs != NULL && !c->hs->has_opened)
		return take_content(c, type, r->body, e);
	if (is_13 && type != TLS_APPLICATION_DATA)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 5.2: type %u under protection", type);
	if (buf_room(&c->plain, r->body.n) == NULL)
		return err_nomem(e);
	if (open_record(c, r, &content) == -1) {
		if (c->hs != NULL && c->hs->early_left > 0 && !c->hs->has_opened)
			return skip_early(c, r, e);
		return tls_fail(c, TLS_ALERT_BAD_RECORD_MAC, e,
		    "record: RFC 8446 section 5.2: cannot be deprotected");
	}
	if (c->hs != NULL)
		c->hs->has_opened = true;
	if (content.n > c->receive_limit + (is_13 ? 1 : 0))
		return tls_fail(c, TLS_ALERT_RECORD_OVERFLOW, e,
		    "record: RFC 8446 section 5.4: %zu octets of content", content.n);
	if (is_13 && strip_padding(c, &content, &type, e) == -1)
		return -1;
	return take_content(c, type, content, e);
}

/* --- receiving: framing --- */

static size_t
body_max(const struct tls_conn *c, uint8_t type)
{
	if (c->rx.suite != NULL && c->rx.suite->version == TLS_1_2)
		return TLS_RECORD_MAX + TLS_EXPANSION_12;
	return TLS_RECORD_MAX + (type == TLS_APPLICATION_DATA ? TLS_EXPANSION_13 : 0);
}

/* The body's length, when the header is there. */
static int
check_header(struct tls_conn *c, struct span header, size_t *length, struct err *e)
{
	struct rd r = rd_of(header);
	uint8_t type = rd_u8(&r);

	(void)rd_u16(&r);	/* RFC 8446 section 5.1: to be ignored */
	*length = rd_u16(&r);
	if (type < TLS_CHANGE_CIPHER_SPEC || type > TLS_APPLICATION_DATA)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "record: RFC 8446 section 5: type %u", type);
	if (*length > body_max(c, type))
		return tls_fail(c, TLS_ALERT_RECORD_OVERFLOW, e,
		    "record: RFC 8446 section 5.2: %zu octets", *length);
	return 0;
}

static int
take_record(struct tls_conn *c, struct span octets, struct err *e)
{
	struct rd r = rd_of(octets);
	struct record record;

	record.header = rd_bytes(&r, TLS_HEADER_LEN);
	record.body = rd_rest(&r);
	record.type = record.header.p[0];
	if (record.type == TLS_CHANGE_CIPHER_SPEC &&
	    (c->rx.suite == NULL || c->rx.suite->version == TLS_1_3))
		return take_ccs(c, &record, e);
	if (c->rx.suite == NULL)
		return take_clear(c, &record, e);
	return take_protected(c, &record, e);
}

/* From the input, as much as is missing of want octets. True when they are there. */
static bool
gather(struct tls_conn *c, struct rd *in, size_t want)
{
	size_t missing = want - c->record.n;

	buf_put(&c->record, rd_bytes(in, in->n < missing ? in->n : missing));
	return c->record.n == want;
}

/* One record, or what there is of it. */
static int
take_some(struct tls_conn *c, struct rd *in, struct err *e)
{
	size_t length;
	int rc;

	/* Most records come whole and need no copy. */
	if (c->record.n == 0 && in->n >= TLS_HEADER_LEN) {
		if (check_header(c, span_of(in->p, TLS_HEADER_LEN), &length, e) == -1)
			return -1;
		if (in->n >= TLS_HEADER_LEN + length)
			return take_record(c, rd_bytes(in, TLS_HEADER_LEN + length), e);
	}
	if (c->record.n < TLS_HEADER_LEN && !gather(c, in, TLS_HEADER_LEN))
		return buf_ok(&c->record) ? 0 : err_nomem(e);
	if (check_header(c, span_of(c->record.p, TLS_HEADER_LEN), &length, e) == -1)
		return -1;
	if (!gather(c, in, TLS_HEADER_LEN + length))
		return buf_ok(&c->record) ? 0 : err_nomem(e);
	rc = take_record(c, buf_span(&c->record), e);
	buf_clear(&c->record);
	return rc;
}

static bool
has_room(const struct tls_conn *c)
{
	return c->plain.n - c->plain_read <= TLS_UNREAD_MAX &&
	    c->out.n - c->out_sent <= TLS_UNSENT_MAX;
}

int
tls_record_feed(struct tls_conn *c, struct span in, size_t *eaten, struct err *e)
{
	struct rd r = rd_of(in);
	int rc = 0;

	while (rc == 0 && r.n > 0 && has_room(c)) {
		/* RFC 8446 section 6.1: what comes after close_notify is ignored. */
		if (c->state == TLS_CLOSED)
			(void)rd_rest(&r);
		else
			rc = take_some(c, &r, e);
	}
	*eaten = in.n - r.n;
	return rc;
}
