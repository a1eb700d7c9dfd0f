/*
 * handshake: the table of messages, the legal orders, and the only steering.
 *
 * A handshake walks along one of the orders below. Which one is a matter of its
 * course, which becomes known on the way; orders agree up to the point where that
 * happens. check_tls_handshake.c builds them a second time from the state machines
 * of RFC 8446 appendix A and the figure of RFC 5246 section 7.3.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

#define SMALL_MAX	1024	/* messages without lists */
#define STEPS_MAX	15

enum step {
	CLIENT_HELLO, HELLO_RETRY, SECOND_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS,
	CERTIFICATE_REQUEST, SERVER_CERTIFICATE, SERVER_VERIFY, SERVER_FINISHED,
	CLIENT_CERTIFICATE, CLIENT_VERIFY, CLIENT_FINISHED,
	S12_HELLO, S12_CERTIFICATE, S12_KEY_EXCHANGE, S12_REQUEST, S12_DONE,
	C12_CERTIFICATE, C12_KEY_EXCHANGE, C12_VERIFY, C12_CCS, C12_FINISHED, S12_CCS, S12_FINISHED,
	OVER, NOWHERE
};

enum kind { HANDSHAKE, CCS };

struct message {
	const char	*name;
	enum kind	 kind;
	uint8_t		 type;
	bool		 by_server;
	size_t		 max;		/* octets without the header */
	tls_writer	*write;
	int		 (*read)(struct tls_conn *, struct rd, struct err *);
	/* it is in the transcript */
	int		 (*after)(struct tls_conn *, struct err *);
};

#define MSG(t)	HANDSHAKE, TLS_MSG_##t
#define CHAIN	TLS_CHAIN_OCTETS_MAX

static const struct message messages[] = {
	[CLIENT_HELLO] = { "ClientHello", MSG(CLIENT_HELLO), false, TLS_HELLO_MAX,
	    tls_write_client_hello, tls_read_client_hello, NULL },
	[HELLO_RETRY] = { "HelloRetryRequest", MSG(SERVER_HELLO), true, CHAIN,
	    tls_write_retry, tls_read_retry, tls_after_retry },
	[SECOND_HELLO] = { "second ClientHello", MSG(CLIENT_HELLO), false, TLS_HELLO_MAX,
	    tls_write_client_hello, tls_read_second_hello, NULL },
	[SERVER_HELLO] = { "ServerHello", MSG(SERVER_HELLO), true, CHAIN,
	    tls_write_server_hello, tls_read_server_hello, tls_after_server_hello },
	[ENCRYPTED_EXTENSIONS] = { "EncryptedExtensions", MSG(ENCRYPTED_EXTENSIONS), true, CHAIN,
	    tls_write_encrypted_extensions, tls_read_encrypted_extensions, NULL },
	[CERTIFICATE_REQUEST] = { "CertificateRequest", MSG(CERTIFICATE_REQUEST), true, CHAIN,
	    tls_write_certificate_request, tls_read_certificate_request, NULL },
	[SERVER_CERTIFICATE] = { "Certificate", MSG(CERTIFICATE), true, CHAIN,
	    tls_write_certificate, tls_read_certificate, NULL },
	[SERVER_VERIFY] = { "CertificateVerify", MSG(CERTIFICATE_VERIFY), true, CHAIN,
	    tls_write_certificate_verify, tls_read_certificate_verify, NULL },
	[SERVER_FINISHED] = { "Finished", MSG(FINISHED), true, SMALL_MAX,
	    tls_write_finished, tls_read_finished, tls_after_server_finished },
	[CLIENT_CERTIFICATE] = { "client Certificate", MSG(CERTIFICATE), false, CHAIN,
	    tls_write_certificate, tls_read_certificate, NULL },
	[CLIENT_VERIFY] = { "client CertificateVerify", MSG(CERTIFICATE_VERIFY), false, CHAIN,
	    tls_write_certificate_verify, tls_read_certificate_verify, NULL },
	[CLIENT_FINISHED] = { "client Finished", MSG(FINISHED), false, SMALL_MAX,
	    tls_write_finished, tls_read_finished, tls_after_client_finished },

	[S12_HELLO] = { "ServerHello", MSG(SERVER_HELLO), true, CHAIN,
	    tls_write_server_hello, NULL, NULL },
	[S12_CERTIFICATE] = { "Certificate", MSG(CERTIFICATE), true, CHAIN,
	    tls12_write_certificate, NULL, NULL },
	[S12_KEY_EXCHANGE] = { "ServerKeyExchange", MSG(SERVER_KEY_EXCHANGE), true, CHAIN,
	    tls12_write_key_exchange, NULL, NULL },
	[S12_REQUEST] = { "CertificateRequest", MSG(CERTIFICATE_REQUEST), true, CHAIN,
	    tls12_write_certificate_request, NULL, NULL },
	[S12_DONE] = { "ServerHelloDone", MSG(SERVER_HELLO_DONE), true, CHAIN,
	    tls12_write_hello_done, NULL, NULL },
	[C12_CERTIFICATE] = { "client Certificate", MSG(CERTIFICATE), false, CHAIN,
	    NULL, tls12_read_certificate, NULL },
	[C12_KEY_EXCHANGE] = { "ClientKeyExchange", MSG(CLIENT_KEY_EXCHANGE), false, SMALL_MAX,
	    NULL, tls12_read_key_exchange, tls12_after_key_exchange },
	[C12_VERIFY] = { "client CertificateVerify", MSG(CERTIFICATE_VERIFY), false, CHAIN,
	    NULL, tls12_read_certificate_verify, NULL },
	[C12_CCS] = { "client change_cipher_spec", CCS, 0, false, 0,
	    NULL, NULL, tls12_receive_ccs },
	[C12_FINISHED] = { "client Finished", MSG(FINISHED), false, SMALL_MAX,
	    NULL, tls12_read_finished, NULL },
	[S12_CCS] = { "change_cipher_spec", CCS, 0, true, 0, NULL, NULL, tls12_send_ccs },
	[S12_FINISHED] = { "Finished", MSG(FINISHED), true, SMALL_MAX,
	    tls12_write_finished, NULL, tls12_after_finished },
	[OVER] = { "the end", CCS, 0, false, 0, NULL, NULL, NULL },
	[NOWHERE] = { "nothing", CCS, 0, false, 0, NULL, NULL, NULL },
};

#define RETRY	TLS_COURSE_RETRY
#define PSK	TLS_COURSE_PSK
#define ASKED	TLS_COURSE_ASKED
#define PROVED	TLS_COURSE_PROVED
#define OLD	TLS_COURSE_12

#define FIRST	CLIENT_HELLO
#define AGAIN	CLIENT_HELLO, HELLO_RETRY, SECOND_HELLO
#define HELLO	SERVER_HELLO, ENCRYPTED_EXTENSIONS
#define SERVER	SERVER_CERTIFICATE, SERVER_VERIFY, SERVER_FINISHED
#define S12	S12_HELLO, S12_CERTIFICATE, S12_KEY_EXCHANGE
#define END12	C12_CCS, C12_FINISHED, S12_CCS, S12_FINISHED, OVER

static const struct {
	unsigned	course;
	enum step	steps[STEPS_MAX];
} orders[] = {
	{ 0, { FIRST, HELLO, SERVER, CLIENT_FINISHED, OVER } },
	{ PSK, { FIRST, HELLO, SERVER_FINISHED, CLIENT_FINISHED, OVER } },
	{ ASKED, { FIRST, HELLO, CERTIFICATE_REQUEST, SERVER, CLIENT_CERTIFICATE,
	    CLIENT_FINISHED, OVER } },
	{ ASKED | PROVED, { FIRST, HELLO, CERTIFICATE_REQUEST, SERVER, CLIENT_CERTIFICATE,
	    CLIENT_VERIFY, CLIENT_FINISHED, OVER } },
	{ RETRY, { AGAIN, HELLO, SERVER, CLIENT_FINISHED, OVER } },
	{ RETRY | PSK, { AGAIN, HELLO, SERVER_FINISHED, CLIENT_FINISHED, OVER } },
	{ RETRY | ASKED, { AGAIN, HELLO, CERTIFICATE_REQUEST, SERVER, CLIENT_CERTIFICATE,
	    CLIENT_FINISHED, OVER } },
	{ RETRY | ASKED | PROVED, { AGAIN, HELLO, CERTIFICATE_REQUEST, SERVER, CLIENT_CERTIFICATE,
	    CLIENT_VERIFY, CLIENT_FINISHED, OVER } },
	{ OLD, { FIRST, S12, S12_DONE, C12_KEY_EXCHANGE, END12 } },
	{ OLD | ASKED, { FIRST, S12, S12_REQUEST, S12_DONE, C12_CERTIFICATE, C12_KEY_EXCHANGE,
	    END12 } },
	{ OLD | ASKED | PROVED, { FIRST, S12, S12_REQUEST, S12_DONE, C12_CERTIFICATE,
	    C12_KEY_EXCHANGE, C12_VERIFY, END12 } },
};

/* RFC 8446 section 4.6, and RFC 5246 section 7.4.1 for what is refused. */
static const struct post {
	uint8_t		 type;
	bool		 to_server, to_client;
	uint16_t	 version;
	int		 (*read)(struct tls_conn *, struct rd, struct err *);
} posts[] = {
	{ TLS_MSG_KEY_UPDATE, true, true, TLS_1_3, tls_read_key_update },
	{ TLS_MSG_NEW_SESSION_TICKET, false, true, TLS_1_3, tls_read_ticket },
	{ TLS_MSG_CLIENT_HELLO, true, false, TLS_1_2, tls12_refuse_renegotiation },
};

/* --- life --- */

struct tls_handshake *
tls_handshake_new(void)
{
	struct tls_handshake *hs;

	if ((hs = calloc(1, sizeof(*hs))) == NULL)
		return NULL;
	tls_transcript_init(&hs->transcript);
	buf_init(&hs->cookie, UINT16_MAX);
	buf_init(&hs->ticket, UINT16_MAX);
	return hs;
}

void
tls_handshake_free(struct tls_handshake *hs)
{
	if (hs == NULL)
		return;
	tls_transcript_clear(&hs->transcript);
	buf_clear(&hs->cookie);
	buf_clear(&hs->ticket);
	EVP_PKEY_free(hs->kx);
	EVP_PKEY_free(hs->peer_key);
	wipe(hs, sizeof(*hs));
	free(hs);
}

/* --- where one is --- */

static enum step
current_step(const struct tls_handshake *hs)
{
	for (size_t i = 0; i < NITEMS(orders); i++)
		if (orders[i].course == hs->course)
			return orders[i].steps[hs->step];
	return NOWHERE;
}

bool
tls_handshake_awaits_hello(const struct tls_conn *c)
{
	return c->is_server && c->hs != NULL && c->hs->step == 0;
}

/*
 * The peer's message shows which way it goes: the places where the state
 * machine of RFC 8446 section A.1 branches upon receipt. The server's
 * branches are taken by the functions that read the messages.
 */
static void
settle_course(struct tls_handshake *hs, uint8_t type, struct span body)
{
	struct rd r = rd_of(body);
	enum step step = current_step(hs);

	if (step == SERVER_CERTIFICATE && type == TLS_MSG_CERTIFICATE_REQUEST &&
	    (hs->course & ASKED) == 0)
		hs->course |= ASKED;
	(void)rd_u16(&r);
	if (step == SERVER_HELLO && type == TLS_MSG_SERVER_HELLO && (hs->course & RETRY) == 0 &&
	    span_eq(rd_bytes(&r, TLS_RANDOM_LEN), span_of(tls_retry_random, TLS_RANDOM_LEN)))
		hs->course |= RETRY;
}

/* --- writing --- */

static int
apply_fault(struct tls_conn *c, uint8_t type, size_t start, struct err *e)
{
	const struct tls_fault *f = c->cfg->fault;
	struct buf msg;

	if (f == NULL || f->message == NULL)
		return 0;
	buf_init(&msg, TLS_OUT_MAX);
	buf_put(&msg, span_of(c->flight.p + start, c->flight.n - start));
	f->message(f->arg, c, type, &msg);
	c->flight.n = start;
	buf_put(&c->flight, buf_span(&msg));
	if (!buf_ok(&msg))
		buf_fail(&c->flight);
	buf_clear(&msg);
	return buf_ok(&c->flight) ? 0 : err_nomem(e);
}

int
tls_message_put(struct tls_conn *c, uint8_t type, tls_writer *write, bool in_transcript,
    struct err *e)
{
	struct buf *b = &c->flight;
	size_t start = b->n, mark;

	buf_u8(b, type);
	mark = buf_open(b, 3);
	if (write(c, b, e) == -1)
		return -1;
	buf_close(b, mark, 3);
	if (!buf_ok(b))
		return err_nomem(e);
	/* RFC 8446 section 4.2.11.2: binders cover the message, its header included. */
	if (type == TLS_MSG_CLIENT_HELLO && tls_psk_bind(c, b, start, e) == -1)
		return -1;
	if (apply_fault(c, type, start, e) == -1)
		return -1;
	if (!in_transcript || b->n == start)
		return 0;
	return tls_transcript_add(&c->hs->transcript, span_of(b->p + start, b->n - start), e);
}

static int
write_step(struct tls_conn *c, const struct message *m, struct err *e)
{
	if (m->kind == HANDSHAKE && tls_message_put(c, m->type, m->write, true, e) == -1)
		return -1;
	if (m->after != NULL && m->after(c, e) == -1)
		return -1;
	c->hs->step++;
	return 0;
}

/* --- reading --- */

enum progress { GO_ON, WAIT, FAILED };

/* The header of the next message; false when there is none yet. */
static bool
next_header(const struct tls_conn *c, uint8_t *type, uint32_t *len, struct rd *body)
{
	*body = rd_of(buf_span(&c->messages));
	*type = rd_u8(body);
	*len = rd_u24(body);
	return rd_ok(body);
}

static enum progress
read_message(struct tls_conn *c, const struct message *m, struct span body, struct err *e)
{
	struct tls_handshake *hs = c->hs;

	hs->message = span_of(c->messages.p, TLS_MESSAGE_HEADER + body.n);
	c->reading = hs->message.n;
	if (m->read(c, rd_of(body), e) == -1 ||
	    tls_transcript_add(&hs->transcript, hs->message, e) == -1 ||
	    (m->after != NULL && m->after(c, e) == -1))
		return FAILED;
	buf_eat(&c->messages, c->reading);
	c->reading = 0;
	hs->step++;
	return GO_ON;
}

static enum progress
read_step(struct tls_conn *c, struct err *e)
{
	const struct message *m;
	struct span body;
	struct rd r;
	uint32_t len;
	uint8_t type;

	if (!next_header(c, &type, &len, &r))
		return WAIT;
	body = rd_bytes(&r, len);
	settle_course(c->hs, type, body);
	m = &messages[current_step(c->hs)];
	if (m->kind != HANDSHAKE || m->type != type) {
		tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "handshake: RFC 8446 section 4: want %s, have a message of type %u",
		    m->name, type);
		return FAILED;
	}
	if (len > m->max) {
		tls_fail(c, TLS_ALERT_DECODE_ERROR, e, "%s: want at most %zu octets, have %u",
		    m->name, m->max, len);
		return FAILED;
	}
	return rd_ok(&r) ? read_message(c, m, body, e) : WAIT;
}

static const struct post *
find_post(const struct tls_conn *c, uint8_t type)
{
	for (size_t i = 0; i < NITEMS(posts); i++)
		if (posts[i].type == type && posts[i].version == c->version &&
		    (c->is_server ? posts[i].to_server : posts[i].to_client))
			return &posts[i];
	return NULL;
}

static enum progress
read_post(struct tls_conn *c, struct err *e)
{
	const struct post *p;
	struct span body;
	struct rd r;
	uint32_t len;
	uint8_t type;

	if (!next_header(c, &type, &len, &r))
		return WAIT;
	if ((p = find_post(c, type)) == NULL) {
		tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "handshake: RFC 8446 section 4.6: a message of type %u after the end", type);
		return FAILED;
	}
	if (len > TLS_HELLO_MAX) {
		tls_fail(c, TLS_ALERT_DECODE_ERROR, e, "message of type %u: %u octets", type, len);
		return FAILED;
	}
	body = rd_bytes(&r, len);
	if (!rd_ok(&r))
		return WAIT;
	c->reading = TLS_MESSAGE_HEADER + len;
	if (p->read(c, rd_of(body), e) == -1)
		return FAILED;
	buf_eat(&c->messages, c->reading);
	c->reading = 0;
	return GO_ON;
}

/* --- steering --- */

static enum progress
go_on(struct tls_conn *c, struct err *e)
{
	const struct message *m;
	enum step step;

	if (c->hs == NULL)
		return read_post(c, e);
	if ((step = current_step(c->hs)) == OVER) {
		tls_opened(c);
		return GO_ON;
	}
	if (step == NOWHERE) {
		err_set(e, OUT_RETRY, "handshake: no order for the course %u", c->hs->course);
		return FAILED;
	}
	m = &messages[step];
	if (m->by_server == c->is_server)
		return write_step(c, m, e) == 0 ? GO_ON : FAILED;
	return read_step(c, e);
}

int
tls_handshake_run(struct tls_conn *c, struct err *e)
{
	enum progress p;

	do
		p = go_on(c, e);
	while (p == GO_ON);
	if (p == FAILED)
		return -1;
	if (c->messages.n == 0)
		buf_clear(&c->messages);
	return 0;
}

int
tls_handshake_ccs(struct tls_conn *c, struct err *e)
{
	const struct message *m = &messages[C12_CCS];

	if (current_step(c->hs) != C12_CCS)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "handshake: RFC 5246 section 7.1: change_cipher_spec out of turn");
	if (m->after(c, e) == -1)
		return -1;
	c->hs->step++;
	return tls_handshake_run(c, e);
}
