/*
 * conn: the face of a connection; see tls.h.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/clock.h"
#include "tls/private.h"

#define ALERT_WARNING	1
#define ALERT_FATAL	2
#define COMPACT_AT	65536	/* octets already taken from the front of a buffer */
#define PEER_CHAIN_MAX	TLS_CHAIN_OCTETS_MAX

/* --- small services for the other files --- */

int
tls_fail(struct tls_conn *c, uint8_t alert, struct err *e, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->alert = alert;
	return err_set(e, OUT_REFUSE, "%s", text);
}

void
tls_alert_put(struct tls_conn *c, uint8_t level, uint8_t alert)
{
	uint8_t octets[2] = { level, alert };
	struct err e = ERR_NONE;

	/* What was to be said before goes first. */
	if (tls_record_flush(c, &e) == 0 &&
	    tls_record_put(c, TLS_ALERT, span_of(octets, sizeof(octets)), &e) == 0)
		c->alert_sent = alert;
}

/* By libcrypto, from which the keys are too: a test that replaces its octets replaces all. */
int
tls_random(const struct tls_conn *c, uint8_t *out, size_t n, struct err *e)
{
	const struct tls_config *cfg = c->cfg;
	bool ok = cfg->random != NULL ? cfg->random(cfg->random_arg, out, n) == 0 :
	    n <= INT_MAX && RAND_bytes(out, (int)n) == 1;

	return ok ? 0 : err_set(e, OUT_RETRY, "no random octets");
}

int64_t
tls_now_ms(const struct tls_conn *c)
{
	return c->cfg->now_ms != NULL ? c->cfg->now_ms(c->cfg->now_arg) : clock_wall() * 1000;
}

/* --- life --- */

static int
check_config(const struct tls_config *cfg, bool is_server, struct err *e)
{
	bool is_asking = !is_server || cfg->client_auth != TLS_CLIENT_AUTH_NONE;

	if (is_server && cfg->choose == NULL &&
	    (cfg->identities == NULL || cfg->identities[0] == NULL))
		return err_set(e, OUT_HOLD, "tls: a server without an identity");
	if (is_asking && cfg->verify == NULL)
		return err_set(e, OUT_HOLD, "tls: nobody verifies the peer's certificate");
	if (cfg->record_limit != 0 &&
	    (cfg->record_limit < 64 || cfg->record_limit > TLS_RECORD_MAX))
		return err_set(e, OUT_HOLD, "tls: record limit: want 64 to 16384, have %u",
		    cfg->record_limit);
	for (size_t i = 0; cfg->alpn != NULL && cfg->alpn[i] != NULL; i++)
		if (cfg->alpn[i][0] == '\0' || strlen(cfg->alpn[i]) > TLS_NAME_MAX)
			return err_set(e, OUT_HOLD, "tls: ALPN protocol %zu: 1 to 255 octets", i);
	return 0;
}

static struct tls_conn *
new_conn(const struct tls_config *cfg, bool is_server, struct err *e)
{
	struct tls_conn *c;

	if (tls_crypto_init(e) == -1 || check_config(cfg, is_server, e) == -1)
		return NULL;
	if ((c = calloc(1, sizeof(*c))) == NULL || (c->hs = tls_handshake_new()) == NULL) {
		free(c);
		err_nomem(e);
		return NULL;
	}
	c->cfg = cfg;
	c->is_server = is_server;
	c->state = TLS_HANDSHAKING;
	c->send_limit = c->receive_limit = TLS_RECORD_MAX;
	c->alert = TLS_ALERT_INTERNAL_ERROR;
	c->alert_sent = c->alert_received = -1;
	buf_init(&c->record, TLS_HEADER_LEN + TLS_RECORD_MAX + TLS_EXPANSION_12);
	buf_init(&c->messages, TLS_HELLO_MAX + TLS_RECORD_MAX);
	buf_init(&c->plain, COMPACT_AT + TLS_UNREAD_MAX + 2 * TLS_RECORD_MAX + TLS_EXPANSION_12);
	buf_init(&c->flight, TLS_FLIGHT_MAX);
	buf_init(&c->out, TLS_OUT_MAX);
	buf_init(&c->peer_chain, PEER_CHAIN_MAX);
	buf_init(&c->session, UINT16_MAX * 2);
	return c;
}

int
tls_server_new(const struct tls_config *cfg, struct tls_conn **out, struct err *e)
{
	*out = new_conn(cfg, true, e);
	return *out != NULL ? 0 : -1;
}

int
tls_client_new(const struct tls_config *cfg, const char *sni, struct span session,
    struct tls_conn **out, struct err *e)
{
	struct tls_conn *c;

	*out = NULL;
	if (sni != NULL && (sni[0] == '\0' || strlen(sni) > TLS_NAME_MAX))
		return err_set(e, OUT_HOLD, "tls: server name: 1 to 255 octets");
	if ((c = new_conn(cfg, false, e)) == NULL)
		return -1;
	if (sni != NULL && (c->sni = strdup(sni)) == NULL) {
		err_nomem(e);
		goto fail;
	}
	if (tls_psk_load(c, session, e) == -1 || tls_handshake_run(c, e) == -1 ||
	    tls_record_flush(c, e) == -1)
		goto fail;
	*out = c;
	return 0;
fail:
	tls_free(c);
	return -1;
}

/* After the end of a connection: RFC 8446 section 6 wants secrets forgotten. */
static void
forget_secrets(struct tls_conn *c)
{
	tls_handshake_free(c->hs);
	c->hs = NULL;
	tls_flow_clear(&c->rx);
	tls_flow_clear(&c->tx);
	wipe(&c->schedule, sizeof(c->schedule));
	buf_clear(&c->flight);
	buf_clear(&c->messages);
	buf_clear(&c->record);
}

void
tls_free(struct tls_conn *c)
{
	if (c == NULL)
		return;
	forget_secrets(c);
	buf_clear(&c->plain);
	buf_clear(&c->out);
	buf_clear(&c->peer_chain);
	buf_clear(&c->session);
	free(c->sni);
	wipe(c, sizeof(*c));
	free(c);
}

/* The end by failure; the alert is said unless the peer said one. */
static int
give_up(struct tls_conn *c)
{
	if (c->state != TLS_FAILED && !c->said_close)
		tls_alert_put(c, ALERT_FATAL, c->alert);
	c->state = TLS_FAILED;
	forget_secrets(c);
	return -1;
}

/* --- octets --- */

static struct span
rest_of(const struct buf *b, size_t done)
{
	struct span all = buf_span(b);

	return all.n > done ? span_of(all.p + done, all.n - done) : SPAN_NONE;
}

/* n more octets from the front are done with; an empty buffer gives its memory back. */
static void
advance(struct buf *b, size_t *done, size_t n)
{
	*done += n < b->n - *done ? n : b->n - *done;
	if (*done == b->n) {
		buf_clear(b);
		*done = 0;
	} else if (*done >= COMPACT_AT) {
		buf_eat(b, *done);
		*done = 0;
	}
}

int
tls_feed(struct tls_conn *c, struct span in, size_t *eaten, struct err *e)
{
	*eaten = 0;
	if (c->state == TLS_FAILED)
		return err_set(e, OUT_REFUSE, "tls: the connection has failed");
	if (tls_record_feed(c, in, eaten, e) == -1 || tls_update_answer(c, e) == -1 ||
	    tls_record_flush(c, e) == -1)
		return give_up(c);
	/* A peek at a record that was no application data must not keep memory. */
	if (c->plain.n == 0 && c->plain.cap > 0)
		buf_clear(&c->plain);
	return 0;
}

struct span
tls_output(const struct tls_conn *c)
{
	return rest_of(&c->out, c->out_sent);
}

void
tls_sent(struct tls_conn *c, size_t n)
{
	advance(&c->out, &c->out_sent, n);
}

struct span
tls_read(const struct tls_conn *c)
{
	return rest_of(&c->plain, c->plain_read);
}

void
tls_read_done(struct tls_conn *c, size_t n)
{
	advance(&c->plain, &c->plain_read, n);
}

int
tls_write(struct tls_conn *c, struct span in, size_t *taken, struct err *e)
{
	size_t unsent = c->out.n - c->out_sent;
	size_t room = unsent < TLS_UNSENT_MAX ? TLS_UNSENT_MAX - unsent : 0;

	*taken = 0;
	if (c->said_close || c->state == TLS_FAILED)
		return err_set(e, OUT_REFUSE, "tls: the connection is closed for writing");
	if (c->state == TLS_HANDSHAKING)
		return 0;
	if (in.n > room)
		in.n = room;
	if (tls_update_if_worn(c, e) == -1 ||
	    tls_record_put(c, TLS_APPLICATION_DATA, in, e) == -1)
		return give_up(c);
	*taken = in.n;
	return 0;
}

void
tls_close(struct tls_conn *c)
{
	if (c->said_close || c->state == TLS_FAILED)
		return;
	tls_alert_put(c, ALERT_WARNING, TLS_ALERT_CLOSE_NOTIFY);
	c->said_close = true;
	if (c->state == TLS_HANDSHAKING)
		c->state = TLS_CLOSED;
}

enum tls_state
tls_state(const struct tls_conn *c)
{
	return c->state;
}

/* --- more --- */

static int
want_open_13(const struct tls_conn *c, struct err *e)
{
	if (c->hs != NULL || c->state == TLS_FAILED || c->said_close || c->version != TLS_1_3)
		return err_set(e, OUT_HOLD, "tls: no open connection of TLS 1.3");
	return 0;
}

int
tls_key_update(struct tls_conn *c, bool ask, struct err *e)
{
	if (want_open_13(c, e) == -1)
		return -1;
	return tls_update_put(c, ask, e) == -1 ? give_up(c) : 0;
}

int
tls_send_ticket(struct tls_conn *c, struct err *e)
{
	if (want_open_13(c, e) == -1)
		return -1;
	if (!c->is_server || c->cfg->tickets == NULL)
		return err_set(e, OUT_HOLD, "tls: no ticket keys");
	if (tls_tickets_put(c, 1, e) == -1 || tls_record_flush(c, e) == -1)
		return give_up(c);
	return 0;
}

struct span
tls_session(const struct tls_conn *c)
{
	return buf_span(&c->session);
}

int
tls_export(const struct tls_conn *c, const char *label, struct span context, uint8_t *out, size_t n)
{
	const struct tls_hash *hash;
	uint8_t none[TLS_HASH_MAX], hashed[TLS_HASH_MAX], secret[TLS_HASH_MAX];
	struct err e = ERR_NONE;
	int rc = -1;

	if (want_open_13(c, &e) == -1)
		return -1;
	hash = c->suite->hash;
	if (tls_digest(hash, NULL, 0, none, &e) == 0 &&
	    tls_digest(hash, &context, 1, hashed, &e) == 0 &&
	    tls_expand_label(hash, c->schedule.exporter, &(struct tls_label){ label,
	    span_of(none, hash->len), secret, hash->len }, &e) == 0)
		rc = tls_expand_label(hash, secret, &(struct tls_label){ "exporter",
		    span_of(hashed, hash->len), out, n }, &e);
	wipe(secret, sizeof(secret));
	return rc;
}

void
tls_info(const struct tls_conn *c, struct tls_info *out)
{
	*out = (struct tls_info){
		.version = c->version,
		.suite = c->suite != NULL ? c->suite->id : 0,
		.group = c->group != NULL ? c->group->id : 0,
		.signature = c->scheme != NULL ? c->scheme->id : 0,
		.sni = c->sni,
		.alpn = c->alpn[0] != '\0' ? c->alpn : NULL,
		.peer_certs = c->peer_certs,
		.npeer_certs = c->npeer_certs,
		.resumed = c->resumed,
		.retried = c->retried,
		.alert_sent = c->alert_sent,
		.alert_received = c->alert_received,
	};
}

/* --- misbehaviour --- */

int
tls_fault_send(struct tls_conn *c, uint8_t type, struct span content, unsigned n, struct err *e)
{
	if (tls_record_flush(c, e) == -1)
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (tls_record_one(c, type, content, e) == -1)
			return -1;
	return 0;
}

int
tls_fault_raw(struct tls_conn *c, struct span octets, struct err *e)
{
	if (tls_record_flush(c, e) == -1)
		return -1;
	buf_put(&c->out, octets);
	return buf_ok(&c->out) ? 0 : err_nomem(e);
}
