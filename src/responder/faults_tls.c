/*
 * faults_tls: misbehaviour inside TLS, by the callbacks and switches of
 * tls/fault.h. A fault belongs to one connection, which it is chosen for when
 * that is accepted.
 */
#include <stdlib.h>
#include <string.h>

#include "responder/faults.h"

/* What the fault of the table's n-th row does, in the same order. */
enum action {
	/* number: the message that it is done to */
	DO_FLIP,		/* the last octet is another */
	DO_DROP,
	DO_CUT,
	DO_TWICE,
	DO_BEFORE,		/* an unexpected message before it */
	/* records */
	DO_BAD_MAC, DO_OVERSIZED, DO_TRUNCATED, DO_EMPTY, DO_GARBAGE_TYPE, DO_BAD_VERSION,
	/* switches */
	DO_VERSION, DO_GROUP, DO_SIGNATURE, DO_ALPN, DO_RETRY, DO_NO_SENTINEL, DO_FRAGMENT,
	/* messages bent in what they say */
	DO_EXTENSION, DO_OLD_VERSION, DO_SUITE,
	/* when the handshake is over */
	DO_KEY_UPDATES, DO_TICKETS, DO_WARNINGS, DO_EMPTY_RECORDS, DO_FATAL, DO_UNEXPECTED,
};

/* beside a message: in a handshake of TLS 1.2, without the downgrade sentinel */
#define OF_1_2	0x100

#define ACTION(name, what, action, number) \
	{ name, "TLS", AT_ACCEPT, ACCEPT_TLS, (int)(action) * 65536 + (number), NULL, what }

const struct fault fault_table_tls[] = {
	ACTION("tls-bad-finished", "Finished does not verify", DO_FLIP, TLS_MSG_FINISHED),
	ACTION("tls-bad-certificate-verify", "CertificateVerify does not verify", DO_FLIP,
	    TLS_MSG_CERTIFICATE_VERIFY),
	ACTION("tls-bad-certificate", "a broken Certificate message", DO_FLIP, TLS_MSG_CERTIFICATE),
	ACTION("tls-bad-extensions", "broken EncryptedExtensions", DO_FLIP,
	    TLS_MSG_ENCRYPTED_EXTENSIONS),
	ACTION("tls-bad-hello", "a broken ServerHello", DO_FLIP, TLS_MSG_SERVER_HELLO),
	ACTION("tls-no-hello", "ServerHello is left out", DO_DROP, TLS_MSG_SERVER_HELLO),
	ACTION("tls-no-extensions", "EncryptedExtensions are left out", DO_DROP,
	    TLS_MSG_ENCRYPTED_EXTENSIONS),
	ACTION("tls-no-certificate", "Certificate is left out", DO_DROP, TLS_MSG_CERTIFICATE),
	ACTION("tls-no-certificate-verify", "CertificateVerify is left out", DO_DROP,
	    TLS_MSG_CERTIFICATE_VERIFY),
	ACTION("tls-no-finished", "Finished is left out", DO_DROP, TLS_MSG_FINISHED),
	ACTION("tls-cut-hello", "ServerHello is cut", DO_CUT, TLS_MSG_SERVER_HELLO),
	ACTION("tls-cut-certificate", "Certificate is cut", DO_CUT, TLS_MSG_CERTIFICATE),
	ACTION("tls-cut-finished", "Finished is cut", DO_CUT, TLS_MSG_FINISHED),
	ACTION("tls-two-hellos", "ServerHello twice", DO_TWICE, TLS_MSG_SERVER_HELLO),
	ACTION("tls-two-certificates", "Certificate twice", DO_TWICE, TLS_MSG_CERTIFICATE),
	ACTION("tls-two-finished", "Finished twice", DO_TWICE, TLS_MSG_FINISHED),
	ACTION("tls-unexpected-at-hello", "a message that nobody expects first", DO_BEFORE,
	    TLS_MSG_SERVER_HELLO),
	ACTION("tls-unexpected-at-extensions", "... before EncryptedExtensions", DO_BEFORE,
	    TLS_MSG_ENCRYPTED_EXTENSIONS),
	ACTION("tls-unexpected-at-certificate", "... before Certificate", DO_BEFORE,
	    TLS_MSG_CERTIFICATE),
	ACTION("tls-unexpected-at-verify", "... before CertificateVerify", DO_BEFORE,
	    TLS_MSG_CERTIFICATE_VERIFY),
	ACTION("tls-unexpected-at-finished", "... before Finished", DO_BEFORE, TLS_MSG_FINISHED),
	ACTION("tls-unexpected-after-finished", "... after Finished", DO_UNEXPECTED, 0),
	ACTION("tls-1.2-bad-key-exchange", "TLS 1.2: ServerKeyExchange does not verify", DO_FLIP,
	    OF_1_2 | TLS_MSG_SERVER_KEY_EXCHANGE),
	ACTION("tls-1.2-bad-finished", "TLS 1.2: Finished does not verify", DO_FLIP,
	    OF_1_2 | TLS_MSG_FINISHED),
	ACTION("tls-1.2-unexpected-at-certificate", "TLS 1.2: a message that nobody expects before "
	    "Certificate", DO_BEFORE, OF_1_2 | TLS_MSG_CERTIFICATE),
	ACTION("tls-1.2-unexpected-at-key-exchange", "... before ServerKeyExchange", DO_BEFORE,
	    OF_1_2 | TLS_MSG_SERVER_KEY_EXCHANGE),
	ACTION("tls-1.2-unexpected-at-done", "... before ServerHelloDone", DO_BEFORE,
	    OF_1_2 | TLS_MSG_SERVER_HELLO_DONE),
	ACTION("tls-1.2-unexpected-at-finished", "... before Finished", DO_BEFORE,
	    OF_1_2 | TLS_MSG_FINISHED),
	ACTION("tls-bad-mac", "protected records do not verify", DO_BAD_MAC, 0),
	ACTION("tls-oversized", "records longer than allowed", DO_OVERSIZED, 0),
	ACTION("tls-truncated", "records are cut", DO_TRUNCATED, 0),
	ACTION("tls-zero-length", "handshake records without content", DO_EMPTY, 0),
	ACTION("tls-unknown-type", "records of an unknown type", DO_GARBAGE_TYPE, 0),
	ACTION("tls-bad-version", "records of another version", DO_BAD_VERSION, 0),
	ACTION("tls-1.2", "TLS 1.2, whatever was offered", DO_VERSION, TLS_1_2),
	ACTION("tls-downgrade", "TLS 1.2 without the downgrade sentinel", DO_NO_SENTINEL, TLS_1_2),
	ACTION("tls-1.1", "ServerHello says TLS 1.1", DO_OLD_VERSION, 0x0302),
	ACTION("tls-1.0", "ServerHello says TLS 1.0", DO_OLD_VERSION, 0x0301),
	ACTION("tls-unoffered-suite", "a suite that was not offered", DO_SUITE, 0x1304),
	ACTION("tls-unoffered-group", "a group without a key share", DO_GROUP, 24),
	ACTION("tls-unoffered-signature", "a signature algorithm of another kind", DO_SIGNATURE,
	    0x0503),
	ACTION("tls-unoffered-alpn", "a protocol that was not offered", DO_ALPN, 0),
	ACTION("tls-unoffered-extension", "an extension that was not offered", DO_EXTENSION, 0),
	ACTION("tls-retry-always", "HelloRetryRequest without end", DO_RETRY, 0),
	ACTION("tls-fragments", "records of one octet", DO_FRAGMENT, 1),
	ACTION("tls-key-update-flood", "1000 KeyUpdates", DO_KEY_UPDATES, 1000),
	ACTION("tls-ticket-flood", "1000 tickets", DO_TICKETS, 1000),
	ACTION("tls-warning-flood", "1000 warning alerts", DO_WARNINGS, 1000),
	ACTION("tls-empty-flood", "1000 records without content", DO_EMPTY_RECORDS, 1000),
	ACTION("tls-fatal-alert", "a fatal alert after the handshake", DO_FATAL, 0),
	{ NULL, NULL, AT_ACCEPT, 0, 0, NULL, NULL },
};

struct bent {
	struct tls_config	 config;
	struct tls_fault	 fault;
	enum action		 action;
	int			 number;
	bool			 done;		/* once is enough */
};

/* --- messages --- */

/* RFC 8446 section 4: type, length of three octets, content. */
static void
put_long_length(struct buf *msg)
{
	size_t n = msg->n - 4;

	msg->p[1] = (uint8_t)(n >> 16);
	msg->p[2] = (uint8_t)(n >> 8);
	msg->p[3] = (uint8_t)n;
}

/* A KeyUpdate, which belongs nowhere in a handshake. */
static const uint8_t unexpected[] = { TLS_MSG_KEY_UPDATE, 0, 0, 1, 0 };

static void
prepend(struct buf *msg, struct span what)
{
	struct buf out;

	buf_init(&out, 128 * 1024);
	buf_put(&out, what);
	buf_put(&out, buf_span(msg));
	buf_reset(msg);
	buf_put(msg, buf_span(&out));
	buf_clear(&out);
}

static void
bend_extensions(struct bent *b, uint8_t type, struct buf *msg)
{
	/* EncryptedExtensions: two octets of length, then extensions. Some clients let pass
	 * what they never heard of; use_srtp is known and not asked for. */
	if (b->action != DO_EXTENSION || type != TLS_MSG_ENCRYPTED_EXTENSIONS || msg->n < 6)
		return;
	buf_u16(msg, 14);
	buf_u16(msg, 0);
	msg->p[4] = (uint8_t)((msg->n - 6) >> 8);
	msg->p[5] = (uint8_t)(msg->n - 6);
	put_long_length(msg);
}

/* ServerHello: header, version, random, session id, suite (RFC 8446 section 4.1.3). */
static void
bend_hello(struct bent *b, uint8_t type, struct buf *msg)
{
	size_t at = b->action == DO_OLD_VERSION ? 4 : msg->n > 38 ? 39u + msg->p[38] : msg->n;

	if ((b->action != DO_OLD_VERSION && b->action != DO_SUITE) ||
	    type != TLS_MSG_SERVER_HELLO || at + 2 > msg->n)
		return;
	msg->p[at] = (uint8_t)(b->number >> 8);
	msg->p[at + 1] = (uint8_t)b->number;
}

static void
on_message(void *arg, struct tls_conn *conn, uint8_t type, struct buf *msg)
{
	struct bent *b = arg;
	struct span whole = buf_span(msg);

	(void)conn;
	bend_extensions(b, type, msg);
	bend_hello(b, type, msg);
	if (b->action > DO_BEFORE || type != (uint8_t)b->number || b->done ||
	    (msg->n < 5 && b->action != DO_BEFORE))
		return;
	b->done = true;
	switch (b->action) {
	case DO_FLIP:
		msg->p[msg->n - 1] ^= 0x55;
		break;
	case DO_DROP:
		buf_reset(msg);
		break;
	case DO_CUT:
		msg->n -= msg->n / 3;
		put_long_length(msg);
		break;
	case DO_TWICE:
		prepend(msg, whole);
		break;
	default:
		prepend(msg, span_of(unexpected, sizeof(unexpected)));
		break;
	}
}

/* --- records --- */

static void
on_plain(void *arg, struct tls_conn *conn, struct tls_fault_record *r)
{
	struct bent *b = arg;

	(void)conn;
	if (b->action == DO_EMPTY && r->type == TLS_HANDSHAKE)
		buf_reset(r->octets);
	else if (b->action == DO_GARBAGE_TYPE)
		r->type = 99;
	else if (b->action == DO_OVERSIZED)
		while (r->octets->n < 16384 + 512 && buf_ok(r->octets))
			buf_u8(r->octets, 0);
}

static void
on_record(void *arg, struct tls_conn *conn, struct tls_fault_record *r)
{
	struct bent *b = arg;
	struct buf *o = r->octets;

	(void)conn;
	if (o->n < 7)
		return;
	if (b->action == DO_BAD_MAC && r->is_protected)
		o->p[o->n - 1] ^= 1;
	else if (b->action == DO_TRUNCATED)
		o->n -= 3;
	else if (b->action == DO_BAD_VERSION)
		o->p[1] = 9;
}

/* --- the face --- */

static void
set_switches(struct bent *b)
{
	struct tls_fault *f = &b->fault;

	switch (b->action) {
	case DO_NO_SENTINEL:
		f->no_sentinel = true;
		f->version = (uint16_t)b->number;
		break;
	case DO_VERSION:
		f->version = (uint16_t)b->number;
		break;
	case DO_OLD_VERSION:
		/* TLS 1.3 does not look at the old field (RFC 8446 section 4.1.3). */
		f->version = TLS_1_2;
		break;
	case DO_GROUP:
		f->group = (uint16_t)b->number;
		break;
	case DO_SIGNATURE:
		f->signature = (uint16_t)b->number;
		break;
	case DO_ALPN:
		f->alpn = "h3-29";
		break;
	case DO_RETRY:
		f->retry_always = true;
		break;
	case DO_FRAGMENT:
		f->fragment = (size_t)b->number;
		break;
	default:
		if (b->action <= DO_BEFORE && (b->number & OF_1_2) != 0) {
			f->version = TLS_1_2;
			f->no_sentinel = true;
		}
		break;
	}
}

struct bent *
bent_new(const struct tls_config *usual, const struct fault *f)
{
	struct bent *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->action = (enum action)(f->number / 65536);
	b->number = f->number % 65536;
	b->config = *usual;
	b->config.fault = &b->fault;
	b->fault.arg = b;
	b->fault.message = on_message;
	if (b->action >= DO_BAD_MAC && b->action <= DO_BAD_VERSION) {
		b->fault.plain = on_plain;
		b->fault.record = on_record;
	}
	set_switches(b);
	return b;
}

void
bent_free(struct bent *b)
{
	free(b);
}

const struct tls_config *
bent_config(const struct bent *b)
{
	return &b->config;
}

void
bent_open(struct bent *b, struct tls_conn *conn)
{
	static const uint8_t warning[] = { 1, TLS_ALERT_USER_CANCELED },
	    fatal[] = { 2, TLS_ALERT_INTERNAL_ERROR };
	static const uint8_t finished[] = { TLS_MSG_FINISHED, 0, 0, 1, 0 };
	struct err e;
	int rc = 0;

	switch (b->action) {
	case DO_KEY_UPDATES:
		for (int i = 0; rc == 0 && i < b->number; i++)
			rc = tls_key_update(conn, false, &e);
		break;
	case DO_TICKETS:
		for (int i = 0; rc == 0 && i < b->number; i++)
			rc = tls_send_ticket(conn, &e);
		break;
	case DO_WARNINGS:
		rc = tls_fault_send(conn, TLS_ALERT, span_of(warning, 2), (unsigned)b->number, &e);
		break;
	case DO_EMPTY_RECORDS:
		rc = tls_fault_send(conn, TLS_APPLICATION_DATA, SPAN_NONE, (unsigned)b->number, &e);
		break;
	case DO_FATAL:
		rc = tls_fault_send(conn, TLS_ALERT, span_of(fatal, 2), 1, &e);
		break;
	case DO_UNEXPECTED:
		rc = tls_fault_send(conn, TLS_HANDSHAKE, span_of(finished, sizeof(finished)), 1,
		    &e);
		break;
	default:
		break;
	}
	/* A flood that did not fit is flood enough. */
	(void)rc;
}
