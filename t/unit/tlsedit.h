/*
 * tlsedit: a message that is edited on its way out, and the alert that this
 * gets. The peer is our own other end; the fault hook edits.
 */
#ifndef KAMCERT_T_UNIT_TLSEDIT_H
#define KAMCERT_T_UNIT_TLSEDIT_H

#include "tlsends.h"

#define NO_ALERT	-1
#define OCTETS_MAX	512

/* --- edits --- */

enum op {
	KEEP,
	FRONT,		/* the first octets of the body become these */
	BODY,		/* the body becomes this */
	APPEND,		/* octets behind the body */
	CUT,		/* so many octets off its end */
	FLIP,		/* the last octet */
	EXT_DROP,
	EXT_SET,	/* its content becomes this; added if it was not there */
	EXT_GROW,	/* its content is one list, which becomes longer by this */
	EXT_TWICE,
	EXT_LAST,	/* moved behind all others */
	EXT_ALL,	/* the whole block, with its length, becomes this */
	AT_SUITE,	/* the three octets before the extensions: suite and compression method */
	BEFORE,		/* a whole message before this one */
	OMIT,		/* the message is not sent */
	DOUBLE,		/* the message is sent twice */
};

struct edit {
	enum op		 op;
	int		 number;	/* type of an extension, or count */
	const char	*hex;
};

static inline void
put_hex(struct buf *b, const char *hex)
{
	if (hex != NULL)
		ck_assert_int_eq(hex_decode(span_str(hex), b), 0);
}

/* Where the block of extensions of a message begins. */
static inline size_t
block_at(uint8_t type, struct span msg)
{
	struct rd r = rd_of(msg);

	(void)rd_u32(&r);
	switch (type) {
	case TLS_MSG_CLIENT_HELLO:
		(void)rd_bytes(&r, 2 + TLS_RANDOM_LEN);
		(void)rd_vec8(&r);
		(void)rd_vec16(&r);
		(void)rd_vec8(&r);
		break;
	case TLS_MSG_SERVER_HELLO:
		(void)rd_bytes(&r, 2 + TLS_RANDOM_LEN);
		(void)rd_vec8(&r);
		(void)rd_bytes(&r, 3);
		break;
	case TLS_MSG_CERTIFICATE_REQUEST:
		(void)rd_vec8(&r);
		break;
	}
	ck_assert(rd_ok(&r));
	return msg.n - r.n;
}

static inline void
put_extension(struct buf *b, uint16_t type, struct span content)
{
	buf_u16(b, type);
	buf_u16(b, (uint16_t)content.n);
	buf_put(b, content);
}

static inline void
edit_extensions(const struct edit *e, uint8_t type, struct buf *msg)
{
	struct span old = buf_span(msg), kept = SPAN_NONE;
	size_t at = block_at(type, old);
	struct rd r = rd_of(span_of(old.p + at + 2, old.n - at - 2));
	struct buf out, given;
	size_t mark;
	bool found = false;

	buf_init(&out, TLS_OUT_MAX);
	buf_init(&given, OCTETS_MAX);
	put_hex(&given, e->hex);
	buf_put(&out, span_of(old.p, at));
	mark = buf_open(&out, 2);
	while (r.n > 0) {
		uint16_t id = rd_u16(&r);
		struct span content = rd_vec16(&r);
		bool is_it = id == e->number;

		found |= is_it;
		if (is_it)
			kept = content;
		if (is_it && e->op == EXT_GROW) {
			buf_u16(&given, (uint16_t)(content.n - 2 + given.n));
			buf_put(&given, span_of(content.p + 2, content.n - 2));
			put_hex(&given, e->hex);
			buf_eat(&given, strlen(e->hex) / 2);
			content = buf_span(&given);
		}
		if (!is_it || e->op == EXT_TWICE)
			put_extension(&out, id, content);
		if (is_it && e->op != EXT_DROP && e->op != EXT_LAST)
			put_extension(&out, id, e->op == EXT_SET ? buf_span(&given) : content);
	}
	if (e->op == EXT_LAST)
		put_extension(&out, (uint16_t)e->number, kept);
	if (e->op == EXT_SET && !found)
		put_extension(&out, (uint16_t)e->number, buf_span(&given));
	buf_close(&out, mark, 2);
	buf_reset(msg);
	buf_put(msg, buf_span(&out));
	buf_clear(&out);
	buf_clear(&given);
}

static inline void
edit_body(const struct edit *e, uint8_t type, struct buf *msg)
{
	struct buf given;

	buf_init(&given, OCTETS_MAX);
	put_hex(&given, e->hex);
	switch (e->op) {
	case FRONT:
		memcpy(msg->p + 4, given.p, given.n);
		break;
	case BODY:
		msg->n = 4;
		buf_put(msg, buf_span(&given));
		break;
	case APPEND:
		buf_put(msg, buf_span(&given));
		break;
	case CUT:
		msg->n -= (size_t)e->number;
		break;
	case FLIP:
		msg->p[msg->n - 1] ^= 1;
		break;
	case AT_SUITE:
		memcpy(msg->p + block_at(type, buf_span(msg)) - 3, given.p, given.n);
		break;
	case EXT_ALL:
		msg->n = block_at(type, buf_span(msg));
		buf_put(msg, buf_span(&given));
		break;
	default:
		break;
	}
	buf_clear(&given);
}

static inline void
apply(const struct edit *e, uint8_t type, struct buf *msg)
{
	struct buf copy;

	if (e->op == OMIT) {
		buf_reset(msg);
		return;
	}
	if (e->op == EXT_DROP || e->op == EXT_SET || e->op == EXT_GROW || e->op == EXT_TWICE ||
	    e->op == EXT_LAST)
		edit_extensions(e, type, msg);
	else
		edit_body(e, type, msg);
	msg->p[1] = (uint8_t)((msg->n - 4) >> 16);
	msg->p[2] = (uint8_t)((msg->n - 4) >> 8);
	msg->p[3] = (uint8_t)(msg->n - 4);
	if (e->op == DOUBLE || e->op == BEFORE) {
		buf_init(&copy, TLS_OUT_MAX);
		buf_put(&copy, buf_span(msg));
		if (e->op == BEFORE)
			buf_reset(msg);
		put_hex(msg, e->hex);
		buf_put(msg, buf_span(&copy));
		buf_clear(&copy);
	}
}

/* --- a row --- */

#define EDITS_MAX 5

enum flavour {		/* how the two ends are set up */
	F_PLAIN = 0,
	F_RSA = 1,	/* the server has an RSA key */
	F_ALPN = 2,	/* both know http/1.1 */
	F_RETRY = 4,	/* the server wants secp384r1 */
	F_ASK = 8,	/* the server asks for a certificate, the client has one */
	F_TICKETS = 16,
	F_RESUME = 32,	/* the client comes with a ticket */
	F_NO_ALPN_CLIENT = 64,
	F_ONLY_12 = 128,
	F_LIMIT = 256,	/* the client has a record limit */
};

struct row {
	const char	*what;
	int		 alert;		/* what the one who reads says */
	unsigned	 flavour;
	uint8_t		 type;		/* of the message that is edited */
	unsigned	 nth;		/* which of them, from 0 */
	struct edit	 edits[EDITS_MAX];
};

struct editor {
	const struct row *row;
	unsigned	  seen;
};

static inline void
on_message(void *arg, struct tls_conn *c UNUSED, uint8_t type, struct buf *msg)
{
	struct editor *ed = arg;

	if (type != ed->row->type || ed->seen++ != ed->row->nth)
		return;
	for (size_t i = 0; i < EDITS_MAX; i++)
		if (ed->row->edits[i].op != KEEP)
			apply(&ed->row->edits[i], type, msg);
}

static const char *const http[] = { "http/1.1", NULL };
static const uint16_t p384[] = { 0x0018, 0 };

/* A session to resume, from a handshake without edits. */
static inline void
get_session(struct buf *out)
{
	struct tls_config server = { .identities = ids, .tickets = tickets };
	struct tls_config client = { .verify = accept_any };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_pair_open(&p, "session");
	buf_put(out, tls_session(p.client));
	pair_free(&p);
}

static inline void
run_row(const struct row *row, bool edits_client)
{
	struct editor editor = { .row = row };
	struct tls_fault fault = { .arg = &editor, .message = on_message };
	struct tls_config server = { .identities = (row->flavour & F_RSA) != 0 ? ids_rsa : ids,
	    .alpn = (row->flavour & F_ALPN) != 0 ? http : NULL, .verify = accept_any,
	    .groups = (row->flavour & F_RETRY) != 0 ? p384 : NULL,
	    .client_auth = (row->flavour & F_ASK) != 0 ? TLS_CLIENT_AUTH_REQUIRE :
	    TLS_CLIENT_AUTH_NONE, .max_version = (row->flavour & F_ONLY_12) != 0 ? TLS_1_2 : 0,
	    .fault = edits_client ? NULL : &fault };
	struct tls_config client = { .verify = accept_any, .identities = ids,
	    .alpn = (row->flavour & F_NO_ALPN_CLIENT) != 0 ? NULL : server.alpn,
	    .record_limit = (row->flavour & F_LIMIT) != 0 ? 1000 : 0,
	    .fault = edits_client ? &fault : NULL };
	struct tls_info info;
	struct buf session;
	struct pair p;

	buf_init(&session, 4096);
	if ((row->flavour & F_RESUME) != 0)
		get_session(&session);
	if ((row->flavour & (F_TICKETS | F_RESUME)) != 0)
		server.tickets = tickets;
	pair_new(&p, &client, &server, buf_span(&session));
	pair_run(&p, 0);
	ck_assert_msg(editor.seen > row->nth, "%s: the message did not occur", row->what);
	tls_info(edits_client ? p.server : p.client, &info);
	ck_assert_msg(info.alert_sent == row->alert, "%s: got %s (%s), want %s", row->what,
	    tls_alert_name(info.alert_sent), edits_client ? p.server_err.text : p.client_err.text,
	    tls_alert_name(row->alert));
	if (row->alert != NO_ALERT) {
		ck_assert_int_eq(tls_state(edits_client ? p.server : p.client), TLS_FAILED);
		tls_info(edits_client ? p.client : p.server, &info);
		ck_assert_msg(info.alert_received == row->alert, "%s: the alert did not arrive",
		    row->what);
	}
	pair_free(&p);
	buf_clear(&session);
}

/* --- names of what is edited --- */

#define ALERT(a)	TLS_ALERT_##a
#define MSG1(t)		TLS_MSG_##t, 0

/* Extensions, RFC 8446 section 4.2. */
#define X_NAME		0
#define X_GROUPS	10
#define X_FORMATS	11
#define X_SIGS		13
#define X_ALPN		16
#define X_EMS		23
#define X_LIMIT		28
#define X_PSK		41
#define X_EARLY		42
#define X_VERSIONS	43
#define X_COOKIE	44
#define X_MODES		45
#define X_SHARE		51
#define X_RENEG		0xff01
#define X_UNKNOWN	0x7a7a

#define POINT	"0900000000000000000000000000000000000000000000000000000000000000"
#define ZEROS	"0000000000000000000000000000000000000000000000000000000000000000"

#endif
