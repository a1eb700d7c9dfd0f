/*
 * check_tls_alerts: each way in which a message can be wrong, and the alert
 * that the RFC wants for it. The peer is our own other end, whose messages
 * the fault hook edits on their way out.
 */
#include "t/unit/check_tls.h"

#include "suite.h"
#include "tls/private.h"

#define NO_ALERT	-1
#define OCTETS_MAX	512

static struct tls_identity *ec256, *ec384, *rsa;
static const struct tls_identity *ids_ec[2], *ids_rsa[2];

static void
set_up(void)
{
	ec256 = load_identity(ID_EC256);
	ec384 = load_identity(ID_EC384);
	rsa = load_identity(ID_RSA);
	ids_ec[0] = ec256;
	ids_rsa[0] = rsa;
}

static void
tear_down(void)
{
	tls_identity_free(ec256);
	tls_identity_free(ec384);
	tls_identity_free(rsa);
}

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

static void
put_hex(struct buf *b, const char *hex)
{
	if (hex != NULL)
		ck_assert_int_eq(hex_decode(span_str(hex), b), 0);
}

/* Where the block of extensions of a message begins. */
static size_t
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

static void
put_extension(struct buf *b, uint16_t type, struct span content)
{
	buf_u16(b, type);
	buf_u16(b, (uint16_t)content.n);
	buf_put(b, content);
}

static void
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

static void
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

static void
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

static void
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
static void
get_session(struct tls_tickets *tickets, struct buf *out)
{
	struct tls_config server = { .identities = ids_ec, .tickets = tickets };
	struct tls_config client = { .verify = accept_any };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_pair_open(&p, "session");
	buf_put(out, tls_session(p.client));
	pair_free(&p);
}

static void
run_row(const struct row *row, bool edits_client)
{
	struct editor editor = { .row = row };
	struct tls_fault fault = { .arg = &editor, .message = on_message };
	struct tls_tickets *tickets;
	struct tls_config server = { .identities = (row->flavour & F_RSA) != 0 ? ids_rsa : ids_ec,
	    .alpn = (row->flavour & F_ALPN) != 0 ? http : NULL, .verify = accept_any,
	    .groups = (row->flavour & F_RETRY) != 0 ? p384 : NULL,
	    .client_auth = (row->flavour & F_ASK) != 0 ? TLS_CLIENT_AUTH_REQUIRE : TLS_CLIENT_AUTH_NONE,
	    .max_version = (row->flavour & F_ONLY_12) != 0 ? TLS_1_2 : 0,
	    .fault = edits_client ? NULL : &fault };
	struct tls_config client = { .verify = accept_any, .identities = ids_ec,
	    .alpn = (row->flavour & F_NO_ALPN_CLIENT) != 0 ? NULL : server.alpn,
	    .record_limit = (row->flavour & F_LIMIT) != 0 ? 1000 : 0,
	    .fault = edits_client ? &fault : NULL };
	struct err e = ERR_NONE;
	struct tls_info info;
	struct buf session;
	struct pair p;

	buf_init(&session, 4096);
	ck_assert_int_eq(tls_tickets_new(3600, &tickets, &e), 0);
	if ((row->flavour & F_RESUME) != 0)
		get_session(tickets, &session);
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
		ck_assert_msg(info.alert_received == row->alert, "%s: the alert did not arrive", row->what);
	}
	pair_free(&p);
	tls_tickets_free(tickets);
	buf_clear(&session);
}

/* --- ClientHello, read by a server --- */

#define ALERT(a)	TLS_ALERT_##a
#define CH		TLS_MSG_CLIENT_HELLO, 0

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
#define HELLO_12(suites) "0303" ZEROS "00" suites "0100"

static const struct row hellos[] = {
	{ "as it is", NO_ALERT, 0, CH, { { KEEP, 0, NULL } } },
	{ "SSL 3.0", ALERT(PROTOCOL_VERSION), 0, CH, { { FRONT, 0, "0300" } } },
	{ "a legacy_version that says nothing", NO_ALERT, 0, CH, { { FRONT, 0, "0304" } } },
	{ "one octet too many", ALERT(DECODE_ERROR), 0, CH, { { APPEND, 0, "00" } } },
	{ "one octet too few", ALERT(DECODE_ERROR), 0, CH, { { CUT, 1, NULL } } },
	{ "nothing", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0, "" } } },
	{ "a session identifier of 33 octets", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0,
	    "0303" ZEROS "21" ZEROS "00" "0002c02b0100" } } },
	{ "no suites", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0, HELLO_12("0000") } } },
	{ "half a suite", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0, HELLO_12("0003c02bc0") } } },
	{ "no compression method", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0,
	    "0303" ZEROS "00" "0002c02b00" } } },
	{ "another compression method", ALERT(ILLEGAL_PARAMETER), 0, CH, { { AT_SUITE, 0, "030101" } } },
	{ "an extension longer than the block", ALERT(DECODE_ERROR), 0, CH,
	    { { EXT_ALL, 0, "0004000a0001" } } },
	{ "half an extension", ALERT(DECODE_ERROR), 0, CH, { { EXT_ALL, 0, "0003000a00" } } },
	{ "two in a record", ALERT(UNEXPECTED_MESSAGE), 0, CH, { { DOUBLE, 0, NULL } } },

	/* RFC 8446 section 4.2 */
	{ "an unknown extension", NO_ALERT, 0, CH, { { EXT_SET, X_UNKNOWN, "aabb" } } },
	{ "an unknown extension twice", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_UNKNOWN, "" }, { EXT_TWICE, X_UNKNOWN, NULL } } },
	{ "groups twice", ALERT(ILLEGAL_PARAMETER), 0, CH, { { EXT_TWICE, X_GROUPS, NULL } } },

	/* RFC 8446 section 4.2.1 */
	{ "an unknown version more", NO_ALERT, 0, CH, { { EXT_SET, X_VERSIONS, "047a7a0304" } } },
	{ "no versions", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_VERSIONS, "00" } } },
	{ "half a version", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_VERSIONS, "03030403" } } },
	{ "versions and more", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_VERSIONS, "02030400" } } },
	{ "only TLS 1.1", ALERT(PROTOCOL_VERSION), 0, CH, { { EXT_SET, X_VERSIONS, "020302" } } },
	{ "only TLS 1.3 where it is not spoken", ALERT(PROTOCOL_VERSION), F_ONLY_12, CH, { { KEEP, 0, NULL } } },

	/* RFC 8446 section 9.2 */
	{ "without signatures", ALERT(MISSING_EXTENSION), 0, CH, { { EXT_DROP, X_SIGS, NULL } } },
	{ "without groups", ALERT(MISSING_EXTENSION), 0, CH, { { EXT_DROP, X_GROUPS, NULL } } },
	{ "without shares", ALERT(MISSING_EXTENSION), 0, CH, { { EXT_DROP, X_SHARE, NULL } } },
	{ "without groups and shares", ALERT(MISSING_EXTENSION), 0, CH,
	    { { EXT_DROP, X_GROUPS, NULL }, { EXT_DROP, X_SHARE, NULL } } },

	/* RFC 8446 sections 4.2.3 and 4.2.7 */
	{ "an empty list of signatures", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_SIGS, "0000" } } },
	{ "half a signature", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_SIGS, "0003040304" } } },
	{ "unknown signatures only", ALERT(HANDSHAKE_FAILURE), 0, CH, { { EXT_SET, X_SIGS, "00020707" } } },
	{ "signatures for another key", ALERT(HANDSHAKE_FAILURE), 0, CH, { { EXT_SET, X_SIGS, "00020804" } } },
	{ "PKCS #1 only", ALERT(HANDSHAKE_FAILURE), F_RSA, CH, { { EXT_SET, X_SIGS, "00020401" } } },
	{ "no groups", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_GROUPS, "0000" } } },
	{ "half a group", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_GROUPS, "0003001d00" } } },
	{ "no group in common", ALERT(HANDSHAKE_FAILURE), 0, CH, { { EXT_SET, X_GROUPS, "00020019" },
	    { EXT_SET, X_SHARE, "0000" } } },

	/* RFC 8446 section 4.2.8 */
	{ "a share of a group not listed", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_GROUPS, "00020019" } } },
	{ "two shares of one group", ALERT(ILLEGAL_PARAMETER), 0, CH, { { EXT_SET, X_SHARE,
	    "0048001d0020" POINT "001d0020" POINT } } },
	{ "an empty share", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_SHARE, "0004001d0000" } } },
	{ "half a share", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_SHARE, "0006001d00200000" } } },
	{ "a short share", ALERT(ILLEGAL_PARAMETER), 0, CH, { { EXT_SET, X_SHARE, "0005001d000100" } } },
	{ "a share of zeros", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_SHARE, "0024001d0020" ZEROS } } },
	{ "a point that is not on the curve", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_SHARE, "00450017004104" POINT POINT } } },
	{ "a compressed point", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_SHARE, "00250017002102" POINT } } },
	{ "an unknown group with a share", NO_ALERT, 0, CH, { { EXT_SET, X_GROUPS, "0004001d7a7a" },
	    { EXT_GROW, X_SHARE, "7a7a000100" } } },

	/* RFC 6066 section 3 */
	{ "an empty list of names", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_NAME, "0000" } } },
	{ "no list of names", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_NAME, "" } } },
	{ "an empty name", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_NAME, "0003000000" } } },
	{ "two names", ALERT(ILLEGAL_PARAMETER), 0, CH, { { EXT_SET, X_NAME, "00080000016100000162" } } },
	{ "a name with a zero", ALERT(ILLEGAL_PARAMETER), 0, CH, { { EXT_SET, X_NAME, "00060000036100" "62" } } },
	{ "a name of another type", NO_ALERT, 0, CH, { { EXT_SET, X_NAME, "0004010001" "61" } } },

	/* RFC 7301 section 3 */
	{ "no protocol in common", ALERT(NO_APPLICATION_PROTOCOL), F_ALPN, CH,
	    { { EXT_SET, X_ALPN, "0003026832" } } },
	{ "a protocol for a server without any", NO_ALERT, 0, CH, { { EXT_SET, X_ALPN, "0003026832" } } },
	{ "no protocols", ALERT(DECODE_ERROR), F_ALPN, CH, { { EXT_SET, X_ALPN, "0000" } } },
	{ "an empty protocol", ALERT(DECODE_ERROR), F_ALPN, CH, { { EXT_SET, X_ALPN, "000400026832" } } },
	{ "protocols and more", ALERT(DECODE_ERROR), F_ALPN, CH, { { EXT_SET, X_ALPN, "000302683200" } } },

	/* RFC 8449 section 4 */
	{ "a record limit of 63", ALERT(ILLEGAL_PARAMETER), 0, CH, { { EXT_SET, X_LIMIT, "003f" } } },
	{ "a record limit of 65535", NO_ALERT, 0, CH, { { EXT_SET, X_LIMIT, "ffff" } } },
	{ "a record limit of one octet", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_LIMIT, "ff" } } },

	/* RFC 5746 section 3.6, RFC 7627 section 5.1 */
	{ "a first handshake that renegotiates", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { EXT_SET, X_RENEG, "0101" } } },
	{ "an extended master secret with content", ALERT(DECODE_ERROR), 0, CH,
	    { { EXT_SET, X_EMS, "00" } } },

	/* RFC 8446 sections 4.2.2, 4.2.9, 4.2.10 */
	{ "an empty cookie", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_COOKIE, "0000" } } },
	{ "no PSK modes", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_MODES, "00" } } },
	{ "early data with content", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_EARLY, "00" } } },

	/* RFC 8446 section 4.2.11 */
	{ "a ticket", NO_ALERT, F_RESUME, CH, { { KEEP, 0, NULL } } },
	{ "a ticket and no modes", ALERT(MISSING_EXTENSION), F_RESUME, CH, { { EXT_DROP, X_MODES, NULL } } },
	{ "a wrong binder", ALERT(DECRYPT_ERROR), F_RESUME, CH, { { FLIP, 0, NULL } } },
	{ "a ticket that is not last", ALERT(ILLEGAL_PARAMETER), F_RESUME, CH, { { EXT_LAST, X_GROUPS, NULL } } },
	{ "a ticket for another mode", NO_ALERT, F_RESUME, CH, { { EXT_SET, X_MODES, "0100" } } },
	{ "an unknown ticket", NO_ALERT, F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "0007000161000000000021" "20" ZEROS } } },
	{ "an unknown ticket for a server without keys", NO_ALERT, 0, CH, { { EXT_SET, X_PSK,
	    "0007000161000000000021" "20" ZEROS } } },
	{ "two tickets, one binder", ALERT(ILLEGAL_PARAMETER), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "000e00016100000000000161000000000021" "20" ZEROS } } },
	{ "a short binder", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "000700016100000000000201" "00" } } },
	{ "no binders", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "00070001610000000000" "00" } } },
	{ "no tickets", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "00000021" "20" ZEROS } } },
	{ "an empty ticket", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "00060000000000000021" "20" ZEROS } } },
	{ "tickets and more", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "0007000161000000000021" "20" ZEROS "00" } } },
	{ "an unknown ticket and no signatures", ALERT(MISSING_EXTENSION), F_TICKETS, CH, {
	    { EXT_DROP, X_SIGS, NULL }, { EXT_SET, X_PSK, "0007000161000000000021" "20" ZEROS } } },

	/* TLS 1.2: the client of ours does not understand the answer, but the server is content. */
	{ "TLS 1.1", ALERT(PROTOCOL_VERSION), 0, CH, { { BODY, 0, "0302" ZEROS "000002c02b0100" } } },
	{ "TLS 1.2 without signatures", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") } } },
	{ "TLS 1.2 without the null method", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { BODY, 0, "0303" ZEROS "000002c02b0101" } } },
	{ "TLS 1.2 with a suite for another key", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02f") "0008000d000400020403" } } },
	{ "TLS 1.2 with a suite of TLS 1.3", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("00021301") "0008000d000400020403" } } },
	{ "TLS 1.2 as a fallback", ALERT(INAPPROPRIATE_FALLBACK), 0, CH,
	    { { BODY, 0, HELLO_12("0004c02b5600") "0008000d000400020403" } } },
	{ "TLS 1.2 as a fallback, and rightly", NO_ALERT, F_ONLY_12, CH,
	    { { BODY, 0, HELLO_12("0004c02b5600") "0008000d000400020403" } } },
	{ "TLS 1.2 without the curve of the certificate", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "0010000d000400020403000a00040002001d" } } },
	{ "TLS 1.2 without uncompressed points", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "000e000d000400020403000b00020101" } } },
	{ "TLS 1.2 without point formats", ALERT(DECODE_ERROR), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "000d000d000400020403000b000100" } } },
	{ "TLS 1.2", NO_ALERT, 0, CH, { { BODY, 0, HELLO_12("0002c02b") "0008000d000400020403" } } },
};

START_TEST(a_bad_client_hello_gets_the_alert_of_the_rfc)
{
	run_row(&hellos[_i], true);
}
END_TEST

/* --- what follows from a client, read by a server --- */

#define CH2		TLS_MSG_CLIENT_HELLO, 1
#define MSG1(t)		TLS_MSG_##t, 0

static const struct row client_messages[] = {
	/* RFC 8446 section 4.1.2 */
	{ "the second hello as it is", NO_ALERT, F_RETRY, CH2, { { KEEP, 0, NULL } } },
	{ "another random", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { FRONT, 0, "0303" "00000000" } } },
	{ "another legacy_version", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { FRONT, 0, "0302" } } },
	{ "an extension more", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_UNKNOWN, "" } } },
	{ "an extension less", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_DROP, X_MODES, NULL } } },
	{ "another extension", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_NAME,
	    "0004000001" "61" } } },
	{ "padding more", NO_ALERT, F_RETRY, CH2, { { EXT_SET, 21, "0000" } } },
	{ "extensions in another order", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_LAST, X_GROUPS, NULL } } },
	{ "a cookie from nowhere", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_COOKIE, "000100" } } },
	{ "no share still", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_SHARE, "0000" } } },
	{ "the first share still", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_SHARE,
	    "0024001d0020" POINT } } },
	{ "one share more", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_GROW, X_SHARE, "7a7a000100" } } },
	{ "early data", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_EARLY, "" } } },
	{ "a third hello", ALERT(UNEXPECTED_MESSAGE), F_RETRY, CH2, { { DOUBLE, 0, NULL } } },
	{ "a wrong binder", ALERT(DECRYPT_ERROR), F_RETRY | F_RESUME, CH2, { { FLIP, 0, NULL } } },
	{ "a ticket", NO_ALERT, F_RETRY | F_RESUME, CH2, { { KEEP, 0, NULL } } },

	/* RFC 8446 section 4.4.2 */
	{ "a certificate as it is", NO_ALERT, F_ASK, MSG1(CERTIFICATE), { { KEEP, 0, NULL } } },
	{ "an empty certificate", ALERT(CERTIFICATE_REQUIRED), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000000" } } },
	{ "no certificate", ALERT(UNEXPECTED_MESSAGE), F_ASK, MSG1(CERTIFICATE), { { OMIT, 0, NULL } } },
	{ "a context", ALERT(ILLEGAL_PARAMETER), F_ASK, MSG1(CERTIFICATE), { { BODY, 0, "0100000000" } } },
	{ "a certificate of no octets", ALERT(DECODE_ERROR), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "000000050000000000" } } },
	{ "a certificate that is none", ALERT(BAD_CERTIFICATE), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000007000002" "3000" "0000" } } },
	{ "an entry cut short", ALERT(DECODE_ERROR), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000004000002" "30" } } },
	{ "an extension not asked for", ALERT(UNSUPPORTED_EXTENSION), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "0000000b000002" "3000" "00047a7a0000" } } },
	{ "a certificate and more", ALERT(DECODE_ERROR), F_ASK, MSG1(CERTIFICATE), { { APPEND, 0, "00" } } },

	/* RFC 8446 section 4.4.3 */
	{ "a wrong signature", ALERT(DECRYPT_ERROR), F_ASK, MSG1(CERTIFICATE_VERIFY), { { FLIP, 0, NULL } } },
	{ "an unknown scheme", ALERT(ILLEGAL_PARAMETER), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0707" } } },
	{ "a scheme for another key", ALERT(ILLEGAL_PARAMETER), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0804" } } },
	{ "a scheme for another curve", ALERT(ILLEGAL_PARAMETER), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0503" } } },
	{ "a signature and more", ALERT(DECODE_ERROR), F_ASK, MSG1(CERTIFICATE_VERIFY), { { APPEND, 0, "00" } } },
	{ "no signature", ALERT(UNEXPECTED_MESSAGE), F_ASK, MSG1(CERTIFICATE_VERIFY), { { OMIT, 0, NULL } } },
	{ "two signatures", ALERT(UNEXPECTED_MESSAGE), F_ASK, MSG1(CERTIFICATE_VERIFY), { { DOUBLE, 0, NULL } } },

	/* RFC 8446 section 4.4.4 */
	{ "a wrong Finished", ALERT(DECRYPT_ERROR), 0, MSG1(FINISHED), { { FLIP, 0, NULL } } },
	{ "a short Finished", ALERT(DECODE_ERROR), 0, MSG1(FINISHED), { { CUT, 1, NULL } } },
	{ "a long Finished", ALERT(DECODE_ERROR), 0, MSG1(FINISHED), { { APPEND, 0, "00" } } },
	{ "an empty Finished", ALERT(DECODE_ERROR), 0, MSG1(FINISHED), { { BODY, 0, "" } } },
	{ "two Finished in a record", ALERT(UNEXPECTED_MESSAGE), 0, MSG1(FINISHED), { { DOUBLE, 0, NULL } } },
};

START_TEST(a_bad_message_of_a_client_gets_the_alert_of_the_rfc)
{
	run_row(&client_messages[_i], true);
}
END_TEST

/* --- what a server says, read by a client --- */

#define SH	TLS_MSG_SERVER_HELLO, 0
#define SH2	TLS_MSG_SERVER_HELLO, 1
#define EE	MSG1(ENCRYPTED_EXTENSIONS)
#define CR	MSG1(CERTIFICATE_REQUEST)
#define DOWN	"0303" "000000000000000000000000000000000000000000000000" "444f574e47524401"

static const struct row server_messages[] = {
	/* RFC 8446 section 4.1.3 */
	{ "as it is", NO_ALERT, 0, SH, { { KEEP, 0, NULL } } },
	{ "another legacy_version", ALERT(PROTOCOL_VERSION), 0, SH, { { FRONT, 0, "0304" } } },
	{ "TLS 1.2", ALERT(PROTOCOL_VERSION), 0, SH, { { EXT_DROP, X_VERSIONS, NULL } } },
	{ "a downgrade", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_DROP, X_VERSIONS, NULL }, { FRONT, 0, DOWN } } },
	{ "TLS 1.2 by extension", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_SET, X_VERSIONS, "0303" } } },
	{ "a draft", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_SET, X_VERSIONS, "7f1c" } } },
	{ "another session identifier", ALERT(ILLEGAL_PARAMETER), 0, SH, { { FRONT, 0,
	    "0303" ZEROS "20" "00000000" } } },
	{ "no session identifier", ALERT(ILLEGAL_PARAMETER), 0, SH, { { BODY, 0,
	    "0303" ZEROS "00" "1301" "00" "002e" "002b00020304" "00330024001d0020" POINT } } },
	{ "a suite of TLS 1.2", ALERT(ILLEGAL_PARAMETER), 0, SH, { { AT_SUITE, 0, "c02b" } } },
	{ "an unknown suite", ALERT(ILLEGAL_PARAMETER), 0, SH, { { AT_SUITE, 0, "1304" } } },
	{ "compression", ALERT(ILLEGAL_PARAMETER), 0, SH, { { AT_SUITE, 0, "130101" } } },
	{ "a suite with another hash than the ticket's", ALERT(ILLEGAL_PARAMETER), F_RESUME, SH,
	    { { AT_SUITE, 0, "1302" } } },
	{ "one octet too many", ALERT(DECODE_ERROR), 0, SH, { { APPEND, 0, "00" } } },
	{ "one octet too few", ALERT(DECODE_ERROR), 0, SH, { { CUT, 1, NULL } } },
	{ "no share", ALERT(MISSING_EXTENSION), 0, SH, { { EXT_DROP, X_SHARE, NULL } } },
	{ "a share of another group", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_SET, X_SHARE,
	    "00180020" POINT } } },
	{ "a short share", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_SET, X_SHARE, "001d000100" } } },
	{ "an empty share", ALERT(DECODE_ERROR), 0, SH, { { EXT_SET, X_SHARE, "001d0000" } } },
	{ "a share of zeros", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_SET, X_SHARE, "001d0020" ZEROS } } },
	{ "a ticket that was not offered", ALERT(UNSUPPORTED_EXTENSION), 0, SH, { { EXT_SET, X_PSK, "0000" } } },
	{ "another ticket than the one offered", ALERT(ILLEGAL_PARAMETER), F_RESUME, SH,
	    { { EXT_SET, X_PSK, "0001" } } },
	{ "a ticket without a share", ALERT(ILLEGAL_PARAMETER), F_RESUME, SH, { { EXT_DROP, X_SHARE, NULL } } },
	{ "a protocol in the clear", ALERT(ILLEGAL_PARAMETER), F_ALPN, SH, { { EXT_SET, X_ALPN, "0003026832" } } },
	{ "an unknown extension", ALERT(UNSUPPORTED_EXTENSION), 0, SH, { { EXT_SET, X_UNKNOWN, "" } } },
	{ "a share twice", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_TWICE, X_SHARE, NULL } } },
	{ "two in a record", ALERT(UNEXPECTED_MESSAGE), 0, SH, { { DOUBLE, 0, NULL } } },

	/* RFC 8446 section 4.1.4 */
	{ "a retry as it is", NO_ALERT, F_RETRY, SH, { { KEEP, 0, NULL } } },
	{ "a retry that changes nothing", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH, { { EXT_DROP, X_SHARE, NULL } } },
	{ "a retry for the group that was there", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH,
	    { { EXT_SET, X_SHARE, "001d" } } },
	{ "a retry for an unknown group", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH, { { EXT_SET, X_SHARE, "0019" } } },
	{ "a retry with an unknown extension", ALERT(UNSUPPORTED_EXTENSION), F_RETRY, SH,
	    { { EXT_SET, X_UNKNOWN, "" } } },
	{ "a retry with a name", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH, { { EXT_SET, X_NAME, "" } } },
	{ "a retry with an empty cookie", ALERT(DECODE_ERROR), F_RETRY, SH, { { EXT_SET, X_COOKIE, "0000" } } },
	{ "two retries in a record", ALERT(UNEXPECTED_MESSAGE), F_RETRY, SH, { { DOUBLE, 0, NULL } } },
	{ "another suite after the retry", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH2, { { AT_SUITE, 0, "1302" } } },
	{ "another group after the retry", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH2, { { EXT_SET, X_SHARE,
	    "001d0020" POINT } } },

	/* RFC 8446 section 4.3.1 */
	{ "nothing to say", NO_ALERT, 0, EE, { { BODY, 0, "0000" } } },
	{ "an unknown extension, protected", ALERT(UNSUPPORTED_EXTENSION), 0, EE, { { EXT_SET, X_UNKNOWN, "" } } },
	{ "a share, protected", ALERT(ILLEGAL_PARAMETER), 0, EE, { { EXT_SET, X_SHARE, "001d0020" POINT } } },
	{ "early data not asked for", ALERT(UNSUPPORTED_EXTENSION), 0, EE, { { EXT_SET, X_EARLY, "" } } },
	{ "a protocol not asked for", ALERT(UNSUPPORTED_EXTENSION), F_ALPN | F_NO_ALPN_CLIENT, EE,
	    { { EXT_SET, X_ALPN, "0009" "08687474702f312e31" } } },
	{ "another protocol", ALERT(ILLEGAL_PARAMETER), F_ALPN, EE, { { EXT_SET, X_ALPN, "0003026832" } } },
	{ "two protocols", ALERT(DECODE_ERROR), F_ALPN, EE, { { EXT_SET, X_ALPN, "0006026832026832" } } },
	{ "a name with content", ALERT(DECODE_ERROR), 0, EE, { { EXT_SET, X_NAME, "00" } } },
	{ "groups for the next time", NO_ALERT, 0, EE, { { EXT_SET, X_GROUPS, "0002001d" } } },
	{ "a record limit of 63", ALERT(ILLEGAL_PARAMETER), F_LIMIT, EE, { { EXT_SET, X_LIMIT, "003f" } } },
	{ "a record limit of 16386", ALERT(ILLEGAL_PARAMETER), F_LIMIT, EE, { { EXT_SET, X_LIMIT, "4002" } } },
	{ "a record limit not asked for", ALERT(UNSUPPORTED_EXTENSION), 0, EE, { { EXT_SET, X_LIMIT, "4001" } } },
	{ "extensions and more", ALERT(DECODE_ERROR), 0, EE, { { APPEND, 0, "00" } } },
	{ "no extensions", ALERT(UNEXPECTED_MESSAGE), 0, EE, { { OMIT, 0, NULL } } },

	/* RFC 8446 section 4.3.2 */
	{ "a request without signatures", ALERT(MISSING_EXTENSION), F_ASK, CR, { { EXT_DROP, X_SIGS, NULL } } },
	{ "a request with a context", ALERT(ILLEGAL_PARAMETER), F_ASK, CR, { { BODY, 0, "01000000" } } },
	{ "a request with an unknown extension", NO_ALERT, F_ASK, CR, { { EXT_SET, X_UNKNOWN, "" } } },
	{ "a request with a share", ALERT(ILLEGAL_PARAMETER), F_ASK, CR, { { EXT_SET, X_SHARE, "" } } },
	{ "a request and more", ALERT(DECODE_ERROR), F_ASK, CR, { { APPEND, 0, "00" } } },
	{ "two requests", ALERT(UNEXPECTED_MESSAGE), F_ASK, CR, { { DOUBLE, 0, NULL } } },
	{ "a request after a resumption", ALERT(UNEXPECTED_MESSAGE), F_RESUME, MSG1(FINISHED),
	    { { BEFORE, 0, "0d000003000000" } } },

	/* RFC 8446 section 4.4 */
	{ "an empty chain", ALERT(DECODE_ERROR), 0, MSG1(CERTIFICATE), { { BODY, 0, "00000000" } } },
	{ "no chain", ALERT(UNEXPECTED_MESSAGE), 0, MSG1(CERTIFICATE), { { OMIT, 0, NULL } } },
	{ "a chain with a context", ALERT(ILLEGAL_PARAMETER), 0, MSG1(CERTIFICATE), { { BODY, 0, "0100000000" } } },
	{ "a certificate that is none", ALERT(BAD_CERTIFICATE), 0, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000007000002" "3000" "0000" } } },
	{ "a status not asked for", ALERT(UNSUPPORTED_EXTENSION), 0, MSG1(CERTIFICATE),
	    { { BODY, 0, "0000000b000002" "3000" "000400050000" } } },
	{ "eleven certificates", ALERT(BAD_CERTIFICATE), 0, MSG1(CERTIFICATE), { { BODY, 0, "00" "00004d"
	    "0000023000" "0000" "0000023000" "0000" "0000023000" "0000" "0000023000" "0000"
	    "0000023000" "0000" "0000023000" "0000" "0000023000" "0000" "0000023000" "0000"
	    "0000023000" "0000" "0000023000" "0000" "0000023000" "0000" } } },
	{ "a wrong signature", ALERT(DECRYPT_ERROR), 0, MSG1(CERTIFICATE_VERIFY), { { FLIP, 0, NULL } } },
	{ "a scheme for another key", ALERT(ILLEGAL_PARAMETER), F_RSA, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0403" } } },
	{ "PKCS #1", ALERT(ILLEGAL_PARAMETER), F_RSA, MSG1(CERTIFICATE_VERIFY), { { FRONT, 0, "0401" } } },
	{ "no signature", ALERT(UNEXPECTED_MESSAGE), 0, MSG1(CERTIFICATE_VERIFY), { { OMIT, 0, NULL } } },
	{ "a wrong Finished", ALERT(DECRYPT_ERROR), 0, MSG1(FINISHED), { { FLIP, 0, NULL } } },
	{ "a short Finished", ALERT(DECODE_ERROR), 0, MSG1(FINISHED), { { CUT, 1, NULL } } },
	{ "two Finished in a record", ALERT(UNEXPECTED_MESSAGE), 0, MSG1(FINISHED), { { DOUBLE, 0, NULL } } },

	/* RFC 8446 section 4.6.1 */
	{ "a ticket as it is", NO_ALERT, F_TICKETS, MSG1(NEW_SESSION_TICKET), { { KEEP, 0, NULL } } },
	{ "a ticket for more than a week", ALERT(ILLEGAL_PARAMETER), F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { FRONT, 0, "00093a81" } } },
	{ "a ticket for no time", NO_ALERT, F_TICKETS, MSG1(NEW_SESSION_TICKET), { { FRONT, 0, "00000000" } } },
	{ "an empty ticket", ALERT(DECODE_ERROR), F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { BODY, 0, "0000000100000000000000" "0000" } } },
	{ "a ticket with an unknown extension", NO_ALERT, F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { BODY, 0, "00000001000000000000010000047a7a0000" } } },
	{ "a ticket with a share", ALERT(ILLEGAL_PARAMETER), F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { BODY, 0, "0000000100000000000001000004" "00330000" } } },
	{ "a ticket and more", ALERT(DECODE_ERROR), F_TICKETS, MSG1(NEW_SESSION_TICKET), { { APPEND, 0, "00" } } },
};

START_TEST(a_bad_message_of_a_server_gets_the_alert_of_the_rfc)
{
	run_row(&server_messages[_i], false);
}
END_TEST

static Suite *
build_suite(void)
{
	Suite *s = suite_create("tls alerts");
	TCase *t = tcase_create("edited messages");

	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, a_bad_client_hello_gets_the_alert_of_the_rfc, 0, NITEMS(hellos));
	tcase_add_loop_test(t, a_bad_message_of_a_client_gets_the_alert_of_the_rfc, 0,
	    NITEMS(client_messages));
	tcase_add_loop_test(t, a_bad_message_of_a_server_gets_the_alert_of_the_rfc, 0,
	    NITEMS(server_messages));
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(build_suite());
}
