/*
 * check_tls_abuse: streams that are cut, bent and flooded, and the hooks by
 * which our own stack does so to others.
 */
/* RAND_set_rand_method(): nothing else makes libcrypto's own keys and signatures repeat themselves. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/rand.h>

#include "t/unit/check_tls.h"

#include "suite.h"
#include "tls/private.h"

static struct tls_identity *ec256, *rsa;
static const struct tls_identity *ids[2];
static struct tls_tickets *tickets;

static int
same_octets(unsigned char *out, int n)
{
	static const unsigned char pattern[] = { 0x3a, 0x91, 0x5c, 0x07, 0xe2, 0x48, 0xbd };

	for (int i = 0; i < n; i++)
		out[i] = pattern[i % (int)sizeof(pattern)] ^ (unsigned char)n;
	return 1;
}

static int
always_ready(void)
{
	return 1;
}

static const RAND_METHOD same_rand = {
	.bytes = same_octets, .pseudorand = same_octets, .status = always_ready,
};

static void
set_up(void)
{
	struct err e = ERR_NONE;

	ec256 = load_identity(ID_EC256);
	rsa = load_identity(ID_RSA);
	ids[0] = ec256;
	ck_assert_int_eq(tls_tickets_new(3600, &tickets, &e), 0);
}

static void
tear_down(void)
{
	tls_identity_free(ec256);
	tls_identity_free(rsa);
	tls_tickets_free(tickets);
}

static struct tls_info
info_of(const struct tls_conn *c)
{
	struct tls_info info;

	tls_info(c, &info);
	return info;
}

/* --- recorded handshakes --- */

/* Both streams of one handshake. Without true randomness it can be had again and again. */
struct recording {
	struct tls_config client, server;
	struct buf	  to_server, to_client;
};

static const uint16_t p256[] = { 0x0017, 0 };

static void
record_handshake(struct recording *r, bool with_retry)
{
	struct pair p;
	struct span out;
	size_t eaten;

	RAND_set_rand_method(&same_rand);
	*r = (struct recording){
		.client = { .verify = accept_any, .identities = ids, .now_ms = fixed_now },
		.server = { .identities = ids, .verify = accept_any, .now_ms = fixed_now,
		    .groups = with_retry ? p256 : NULL, .client_auth = TLS_CLIENT_AUTH_REQUIRE },
	};
	buf_init(&r->to_server, 100000);
	buf_init(&r->to_client, 100000);
	pair_new(&p, &r->client, &r->server, SPAN_NONE);
	for (int i = 0; i < 4; i++) {
		out = tls_output(p.client);
		buf_put(&r->to_server, out);
		ck_assert_int_eq(tls_feed(p.server, out, &eaten, &p.server_err), 0);
		tls_sent(p.client, out.n);
		out = tls_output(p.server);
		buf_put(&r->to_client, out);
		ck_assert_int_eq(tls_feed(p.client, out, &eaten, &p.client_err), 0);
		tls_sent(p.server, out.n);
	}
	ck_pair_open(&p, "recording");
	pair_free(&p);
}

static void
recording_clear(struct recording *r)
{
	buf_clear(&r->to_server);
	buf_clear(&r->to_client);
}

static struct tls_conn *
new_end(const struct recording *r, bool is_server)
{
	struct tls_conn *c;
	struct err e = ERR_NONE;

	if (is_server)
		ck_assert_int_eq(tls_server_new(&r->server, &c, &e), 0);
	else
		ck_assert_int_eq(tls_client_new(&r->client, "server.example.com", SPAN_NONE, &c, &e), 0);
	return c;
}

/* A failure has an alert that says what was wrong with the peer, and the alert is in the output. */
static void
expect_sound_failure(const struct tls_conn *c, const struct err *e, size_t at)
{
	int alert = info_of(c).alert_sent;

	ck_assert_msg(alert > 0 && alert != TLS_ALERT_INTERNAL_ERROR &&
	    strcmp(tls_alert_name(alert), "unknown") != 0, "octet %zu: alert %d (%s)", at, alert, e->text);
	ck_assert_int_eq(e->class, OUT_REFUSE);
	ck_assert_uint_gt(tls_output(c).n, 0);
}

START_TEST(a_stream_may_be_cut_at_every_octet)
{
	bool is_server = _i % 2 == 0;
	struct recording r;
	struct span stream;
	struct tls_conn *c;
	struct err e = ERR_NONE;
	size_t eaten;

	record_handshake(&r, _i >= 2);
	stream = buf_span(is_server ? &r.to_server : &r.to_client);
	for (size_t cut = 0; cut <= stream.n; cut++) {
		c = new_end(&r, is_server);
		ck_assert_msg(tls_feed(c, span_of(stream.p, cut), &eaten, &e) == 0, "%zu: %s", cut, e.text);
		ck_assert_uint_eq(eaten, cut);
		if (cut < stream.n)
			ck_assert_int_eq(tls_state(c), TLS_HANDSHAKING);
		/* Half of the time it ends there. */
		if (cut % 2 == 0) {
			ck_assert_msg(tls_feed(c, span_of(stream.p + cut, stream.n - cut), &eaten,
			    &e) == 0, "%zu: %s", cut, e.text);
			ck_assert_msg(tls_state(c) == TLS_OPEN, "cut at %zu", cut);
		}
		tls_free(c);
	}
	recording_clear(&r);
}
END_TEST

/* RFC 8446 appendix D.4: once, whether there was a HelloRetryRequest or not. */
START_TEST(each_end_sends_one_change_cipher_spec)
{
	struct recording r;
	struct rd in[2];
	unsigned n;

	record_handshake(&r, _i == 1);
	in[0] = rd_of(buf_span(&r.to_server));
	in[1] = rd_of(buf_span(&r.to_client));
	for (int i = 0; i < 2; i++) {
		for (n = 0; in[i].n > 0; (void)rd_vec16(&in[i])) {
			n += rd_u8(&in[i]) == TLS_CHANGE_CIPHER_SPEC;
			(void)rd_u16(&in[i]);
		}
		ck_assert_uint_eq(n, 1);
	}
	recording_clear(&r);
}
END_TEST

/* RFC 8446 section 5.1: the version of a record in the clear is ignored. */
static bool
is_ignored(struct span stream, size_t at)
{
	struct rd r = rd_of(stream);
	size_t start;
	uint8_t type;

	while (r.n > 0) {
		start = stream.n - r.n;
		type = rd_u8(&r);
		(void)rd_u16(&r);
		(void)rd_vec16(&r);
		if (at == start + 1 || at == start + 2)
			return type != TLS_APPLICATION_DATA;
	}
	return false;
}

static void
flip_and_feed(const struct recording *r, bool is_server, struct span stream, size_t at, uint8_t bits)
{
	struct tls_conn *c = new_end(r, is_server);
	struct err e = ERR_NONE;
	uint8_t *copy = malloc(stream.n);
	size_t eaten;
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, stream.p, stream.n);
	copy[at] ^= bits;
	rc = tls_feed(c, span_of(copy, stream.n), &eaten, &e);
	if (rc == -1)
		expect_sound_failure(c, &e, at);
	/* A greater length makes it wait for more. */
	if (is_ignored(stream, at))
		ck_assert_int_eq(tls_state(c), TLS_OPEN);
	else
		ck_assert_msg(tls_state(c) == TLS_FAILED || tls_state(c) == TLS_HANDSHAKING,
		    "octet %zu, bits %02x: it opened", at, bits);
	tls_free(c);
	free(copy);
}

START_TEST(no_octet_of_a_handshake_can_be_changed)
{
	static const uint8_t bits[] = { 0x01, 0xff };
	bool is_server = _i % 2 == 0;
	struct recording r;
	struct span stream;

	record_handshake(&r, _i >= 2);
	stream = buf_span(is_server ? &r.to_server : &r.to_client);
	for (size_t at = 0; at < stream.n; at++)
		for (size_t i = 0; i < NITEMS(bits); i++)
			flip_and_feed(&r, is_server, stream, at, bits[i]);
	recording_clear(&r);
}
END_TEST

/* --- floods --- */

static void
open_pair(struct pair *p, const struct tls_config *client, const struct tls_config *server)
{
	pair_new(p, client, server, SPAN_NONE);
	pair_run(p, 0);
	ck_pair_open(p, "open");
}

enum flood { EMPTY, UPDATES, ASKED_UPDATES, TICKETS, WARNINGS };

static const struct {
	const char	*what;
	enum flood	 flood;
	unsigned	 most;		/* so many are borne */
} floods[] = {
	{ "records without data", EMPTY, TLS_EMPTY_MAX },
	{ "KeyUpdates", UPDATES, TLS_POSTS_MAX },
	{ "KeyUpdates that ask for an answer", ASKED_UPDATES, TLS_POSTS_MAX },
	{ "tickets", TICKETS, TLS_POSTS_MAX },
	{ "user_canceled", WARNINGS, TLS_WARNINGS_MAX },
};

static void
send_one(struct pair *p, enum flood flood)
{
	static const uint8_t canceled[] = { 1, TLS_ALERT_USER_CANCELED };
	struct err e = ERR_NONE;
	int rc = -1;

	switch (flood) {
	case EMPTY:
		rc = tls_fault_send(p->server, TLS_APPLICATION_DATA, SPAN_NONE, 1, &e);
		break;
	case UPDATES:
		rc = tls_key_update(p->server, false, &e);
		break;
	case ASKED_UPDATES:
		rc = tls_key_update(p->server, true, &e);
		break;
	case TICKETS:
		rc = tls_send_ticket(p->server, &e);
		break;
	case WARNINGS:
		rc = tls_fault_send(p->server, TLS_ALERT, span_of(canceled, 2), 1, &e);
		break;
	}
	ck_assert_msg(rc == 0, "%s", e.text);
}

static void
send_data(struct pair *p)
{
	struct err e = ERR_NONE;
	size_t taken;

	ck_assert_int_eq(tls_write(p->server, span_str("x"), &taken, &e), 0);
	pair_run(p, 0);
	ck_assert_uint_eq(tls_read(p->client).n, 1);
	tls_read_done(p->client, 1);
}

START_TEST(a_flood_ends_the_connection_and_traffic_with_data_does_not)
{
	struct tls_config server = { .identities = ids, .tickets = tickets }, client = { .verify = accept_any };
	struct pair p;

	open_pair(&p, &client, &server);
	for (int round = 0; round < 3; round++) {
		send_data(&p);
		for (unsigned i = 0; i < floods[_i].most; i++)
			send_one(&p, floods[_i].flood);
		pair_run(&p, 0);
		ck_pair_open(&p, floods[_i].what);
	}
	send_one(&p, floods[_i].flood);
	pair_run(&p, 0);
	ck_assert_msg(tls_state(p.client) == TLS_FAILED, "%s", floods[_i].what);
	ck_assert_int_eq(info_of(p.client).alert_sent, TLS_ALERT_UNEXPECTED_MESSAGE);
	pair_free(&p);
}
END_TEST

START_TEST(change_cipher_spec_is_dropped_for_a_while)
{
	static const uint8_t ccs[] = { 20, 3, 3, 0, 1, 1 };
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct pair p;
	size_t eaten;

	pair_new(&p, &client, &server, SPAN_NONE);
	for (unsigned i = 0; i < TLS_CCS_MAX; i++)
		ck_assert_int_eq(tls_feed(p.client, span_of(ccs, sizeof(ccs)), &eaten, &e), 0);
	ck_assert_int_eq(tls_feed(p.client, span_of(ccs, sizeof(ccs)), &eaten, &e), -1);
	ck_assert_int_eq(info_of(p.client).alert_sent, TLS_ALERT_UNEXPECTED_MESSAGE);
	/* RFC 8446 section 5: not before a ClientHello. */
	ck_assert_int_eq(tls_feed(p.server, span_of(ccs, sizeof(ccs)), &eaten, &e), -1);
	ck_assert_int_eq(info_of(p.server).alert_sent, TLS_ALERT_UNEXPECTED_MESSAGE);
	pair_free(&p);

	/* RFC 8446 section 5: nor after the peer's Finished. */
	open_pair(&p, &client, &server);
	ck_assert_int_eq(tls_feed(p.client, span_of(ccs, sizeof(ccs)), &eaten, &e), -1);
	ck_assert_int_eq(info_of(p.client).alert_sent, TLS_ALERT_UNEXPECTED_MESSAGE);
	pair_free(&p);
}
END_TEST

static const struct {
	const char	*what;
	const char	*hex;
	int		 alert;
} records[] = {
	{ "a record of 16385 octets", "1603034001", TLS_ALERT_RECORD_OVERFLOW },
	{ "a protected record of 16641 octets", "1703034101", TLS_ALERT_RECORD_OVERFLOW },
	{ "a line of HTTP", "474554202f20485454502f312e31", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "SSL 2.0", "802e0100020015", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "an alert of one octet", "150303000102", TLS_ALERT_DECODE_ERROR },
	{ "two alerts", "1503030004015a015a", TLS_ALERT_DECODE_ERROR },
	{ "a ClientHello of 16 MiB", "160301000401ffffff", TLS_ALERT_DECODE_ERROR },
	{ "a cut message between others", "16030300020100" "150303000102", TLS_ALERT_DECODE_ERROR },
	{ "change_cipher_spec within a message", "16030300020100" "140303000101", TLS_ALERT_UNEXPECTED_MESSAGE },
};

START_TEST(a_bad_record_gets_the_alert_of_the_rfc)
{
	struct tls_config server = { .identities = ids };
	struct tls_conn *c;
	struct err e = ERR_NONE;
	struct buf octets;
	size_t eaten;

	buf_init(&octets, 1000);
	ck_assert_int_eq(hex_decode(span_str(records[_i].hex), &octets), 0);
	ck_assert_int_eq(tls_server_new(&server, &c, &e), 0);
	ck_assert_int_eq(tls_feed(c, buf_span(&octets), &eaten, &e), -1);
	ck_assert_msg(info_of(c).alert_sent == records[_i].alert, "%s: got %s", records[_i].what,
	    tls_alert_name(info_of(c).alert_sent));
	buf_clear(&octets);
	tls_free(c);
}
END_TEST

/* What an open connection must not be sent; RFC 8446 sections 4.6.3, 5.1, 5.4. */
static const struct {
	const char	*what;
	uint8_t		 type;
	const char	*hex;
	int		 alert;
} inner[] = {
	{ "a KeyUpdate of another kind", 22, "1800000102", TLS_ALERT_ILLEGAL_PARAMETER },
	{ "an empty KeyUpdate", 22, "18000000", TLS_ALERT_DECODE_ERROR },
	{ "a long KeyUpdate", 22, "180000020000", TLS_ALERT_DECODE_ERROR },
	{ "two KeyUpdates in a record", 22, "18000001001800000100", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a ClientHello", 22, "0100000100", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a CertificateRequest", 22, "0d00000100", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "an EndOfEarlyData", 22, "05000000", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "an empty handshake record", 22, "", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "an empty alert", 21, "", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a long alert", 21, "010000", TLS_ALERT_DECODE_ERROR },
	{ "a protected change_cipher_spec", 20, "01", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a record of unknown type", 24, "00", TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a record of nothing but zeros", 0, "0000", TLS_ALERT_UNEXPECTED_MESSAGE },
};

/* The type as it is: put_piece() keeps change_cipher_spec in the clear. */
static void
send_inner(struct tls_conn *c, uint8_t type, struct span content)
{
	struct err e = ERR_NONE;
	struct buf b;

	buf_init(&b, 100);
	buf_put(&b, content);
	buf_u8(&b, type);
	/* As padding counts the octet that put_protected() adds. */
	ck_assert_int_eq(tls_fault_send(c, 0, buf_span(&b), 1, &e), 0);
	buf_clear(&b);
}

START_TEST(bad_content_after_the_handshake_gets_the_alert_of_the_rfc)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct buf octets;
	struct pair p;

	buf_init(&octets, 100);
	ck_assert_int_eq(hex_decode(span_str(inner[_i].hex), &octets), 0);
	for (int i = 0; i < 2; i++) {
		open_pair(&p, &client, &server);
		send_inner(i == 0 ? p.client : p.server, inner[_i].type, buf_span(&octets));
		pair_run(&p, 0);
		ck_assert_msg(info_of(i == 0 ? p.server : p.client).alert_sent == inner[_i].alert,
		    "%s: got %s", inner[_i].what,
		    tls_alert_name(info_of(i == 0 ? p.server : p.client).alert_sent));
		pair_free(&p);
	}
	buf_clear(&octets);
}
END_TEST

static const struct {
	uint8_t	level, description;
	bool	is_fatal;
} alerts[] = {
	{ 1, TLS_ALERT_HANDSHAKE_FAILURE, true }, { 2, TLS_ALERT_HANDSHAKE_FAILURE, true },
	{ 1, TLS_ALERT_USER_CANCELED, false }, { 2, TLS_ALERT_USER_CANCELED, false },
	{ 1, 200, true }, { 7, 201, true }, { 1, TLS_ALERT_NO_RENEGOTIATION, true },
};

/* RFC 8446 section 6: the level does not matter, and what is unknown is an error. */
START_TEST(an_alert_is_taken_by_its_description)
{
	uint8_t octets[] = { alerts[_i].level, alerts[_i].description };
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct pair p;

	open_pair(&p, &client, &server);
	ck_assert_int_eq(tls_fault_send(p.client, TLS_ALERT, span_of(octets, 2), 1, &e), 0);
	pair_run(&p, 0);
	ck_assert_int_eq(info_of(p.server).alert_received, alerts[_i].description);
	ck_assert_int_eq(tls_state(p.server), alerts[_i].is_fatal ? TLS_FAILED : TLS_OPEN);
	/* RFC 8446 section 6.2: nothing is said in reply. */
	ck_assert_int_eq(info_of(p.server).alert_sent, -1);
	pair_free(&p);
}
END_TEST

/* --- early data --- */

/* By hand: RFC 8446 section 4.2.10 wants records skipped that cannot be deprotected, within a limit. */
START_TEST(early_data_is_skipped_up_to_a_limit)
{
	static uint8_t early[5 + 16384] = { 23, 3, 3, 0x40, 0 };
	unsigned most = TLS_EARLY_MAX / 16384;
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct pair p;
	size_t eaten;

	pair_new(&p, &client, &server, SPAN_NONE);
	(void)pass(p.client, p.server, 0, &p.server_err);
	p.server->hs->early_left = TLS_EARLY_MAX + (_i == 2 ? 100 : 0);
	for (unsigned i = 0; i < most; i++)
		ck_assert_int_eq(tls_feed(p.server, span_of(early, sizeof(early)), &eaten, &e), 0);
	if (_i == 0) {
		pair_run(&p, 0);
		ck_pair_open(&p, "early data");
		pair_talk(&p, 100);
	} else {
		ck_assert_int_eq(tls_feed(p.server, span_of(early, sizeof(early)), &eaten, &e), -1);
		ck_assert_int_eq(info_of(p.server).alert_sent, _i == 1 ? TLS_ALERT_BAD_RECORD_MAC :
		    TLS_ALERT_UNEXPECTED_MESSAGE);
	}
	pair_free(&p);
}
END_TEST

START_TEST(nothing_is_skipped_once_a_record_was_deprotected)
{
	static const uint8_t early[5 + 20] = { 23, 3, 3, 0, 20 };
	struct tls_fault fault = { .fragment = 20 };
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any, .fault = &fault };
	struct err e = ERR_NONE;
	struct pair p;
	struct span flight;
	size_t eaten;

	pair_new(&p, &client, &server, SPAN_NONE);
	(void)pass(p.client, p.server, 0, &p.server_err);
	p.server->hs->early_left = TLS_EARLY_MAX;
	(void)pass(p.server, p.client, 0, &p.client_err);
	flight = tls_output(p.client);
	/* The change_cipher_spec, and the first of the records that Finished was cut into. */
	ck_assert_int_eq(tls_feed(p.server, span_of(flight.p, 6 + 5 + 20 + 1 + 16), &eaten, &e), 0);
	ck_assert(p.server->hs->has_opened);
	ck_assert_int_eq(tls_feed(p.server, span_of(early, sizeof(early)), &eaten, &e), -1);
	ck_assert_int_eq(info_of(p.server).alert_sent, TLS_ALERT_BAD_RECORD_MAC);
	pair_free(&p);
}
END_TEST

/* RFC 8446 section 5.2: 23 is the only type there is under protection. */
START_TEST(a_record_in_the_clear_is_refused_when_keys_are_in_use)
{
	static const uint8_t finished[] = { 22, 3, 3, 0, 5, 20, 0, 0, 1, 0 };
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, 40 };
	const struct span clear = _i % 2 == 0 ? span_of(finished, sizeof(finished)) :
	    span_of(alert, sizeof(alert));
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct pair p;
	size_t eaten;

	pair_new(&p, &client, &server, SPAN_NONE);
	(void)pass(p.client, p.server, 0, &p.server_err);
	if (_i >= 2)
		pair_run(&p, 0);
	ck_assert_int_eq(tls_feed(p.server, clear, &eaten, &e), -1);
	/* An alert is believed as long as the client may have no keys. */
	if (_i == 1)
		ck_assert_int_eq(info_of(p.server).alert_received, TLS_ALERT_HANDSHAKE_FAILURE);
	else
		ck_assert_int_eq(info_of(p.server).alert_sent, TLS_ALERT_UNEXPECTED_MESSAGE);
	pair_free(&p);
}
END_TEST

START_TEST(early_data_that_was_not_announced_is_no_early_data)
{
	static const uint8_t early[5 + 20] = { 23, 3, 3, 0, 20 };
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct pair p;
	size_t eaten;

	pair_new(&p, &client, &server, SPAN_NONE);
	(void)pass(p.client, p.server, 0, &p.server_err);
	ck_assert_int_eq(tls_feed(p.server, span_of(early, sizeof(early)), &eaten, &e), -1);
	ck_assert_int_eq(info_of(p.server).alert_sent, TLS_ALERT_BAD_RECORD_MAC);
	pair_free(&p);
}
END_TEST

/* --- misbehaviour of our own --- */

struct wish {
	uint8_t		type;		/* a message, or 0 */
	const char	*instead;	/* hex, NULL flips the last octet, "" leaves it out */
	bool		 spoil_record;
	bool		 empty_record;
	unsigned	 nmessages, nrecords;
};

static void
wish_message(void *arg, struct tls_conn *c UNUSED, uint8_t type, struct buf *msg)
{
	struct wish *w = arg;

	w->nmessages++;
	if (type != w->type)
		return;
	if (w->instead == NULL)
		msg->p[msg->n - 1] ^= 1;
	else {
		buf_reset(msg);
		ck_assert_int_eq(hex_decode(span_str(w->instead), msg), 0);
	}
}

static void
wish_plain(void *arg, struct tls_conn *c UNUSED, struct tls_fault_record *r)
{
	struct wish *w = arg;

	if (w->empty_record && r->is_protected)
		buf_reset(r->octets);
}

static void
wish_record(void *arg, struct tls_conn *c UNUSED, struct tls_fault_record *r)
{
	struct wish *w = arg;

	w->nrecords++;
	if (w->spoil_record && r->is_protected)
		r->octets->p[r->octets->n - 1] ^= 1;
}

static const char *const http[] = { "http/1.1", NULL };

/* What a client says to each fault of our server: RFC 8446. */
static const struct {
	const char		*what;
	struct tls_fault	 fault;
	struct wish		 wish;
	int			 alert;
} faults[] = {
	{ "bad Finished", { .version = 0 }, { .type = TLS_MSG_FINISHED }, TLS_ALERT_DECRYPT_ERROR },
	{ "bad CertificateVerify", { .version = 0 }, { .type = TLS_MSG_CERTIFICATE_VERIFY },
	    TLS_ALERT_DECRYPT_ERROR },
	{ "no CertificateVerify", { .version = 0 }, { .type = TLS_MSG_CERTIFICATE_VERIFY, .instead = "" },
	    TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a message in place of another", { .version = 0 }, { .type = TLS_MSG_ENCRYPTED_EXTENSIONS,
	    .instead = "1800000100" }, TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "bad MAC", { .version = 0 }, { .spoil_record = true }, TLS_ALERT_BAD_RECORD_MAC },
	{ "empty records", { .version = 0 }, { .empty_record = true }, TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a suite that was not offered", { .suite = 0x1302 }, { .type = 0 }, TLS_ALERT_ILLEGAL_PARAMETER },
	{ "a group that was not offered", { .group = 0x0018 }, { .type = 0 }, TLS_ALERT_ILLEGAL_PARAMETER },
	{ "a protocol that was not offered", { .alpn = "h2" }, { .type = 0 }, TLS_ALERT_ILLEGAL_PARAMETER },
	{ "a signature that was not offered", { .signature = 0x0805 }, { .type = 0 },
	    TLS_ALERT_ILLEGAL_PARAMETER },
	{ "an endless HelloRetryRequest", { .retry_always = true }, { .type = 0 },
	    TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "TLS 1.2 to one who does not speak it", { .version = TLS_1_2, .suite = 0xc02f, .no_sentinel = true },
	    { .type = 0 }, TLS_ALERT_PROTOCOL_VERSION },
	{ "a downgrade", { .version = TLS_1_2, .suite = 0xc02f }, { .type = 0 }, TLS_ALERT_ILLEGAL_PARAMETER },
	{ "records of one octet", { .fragment = 1 }, { .type = 0 }, -1 },
};

START_TEST(each_fault_of_our_server_is_noticed_by_our_client)
{
	const uint16_t suites[] = { 0x1301, 0 }, groups[] = { 0x001d, 0x0017, 0 };
	const uint16_t signatures[] = { 0x0804, 0x0401, 0 };
	const struct tls_identity *own[] = { rsa, NULL };
	struct wish wish = faults[_i].wish;
	struct tls_fault fault = faults[_i].fault;
	struct tls_config server = { .identities = own, .fault = &fault };
	struct tls_config client = { .verify = accept_any, .suites = suites, .groups = groups,
	    .signatures = signatures, .alpn = http };
	struct pair p;

	fault.arg = &wish;
	fault.message = wish_message;
	fault.plain = wish_plain;
	fault.record = wish_record;
	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_assert_msg(info_of(p.client).alert_sent == faults[_i].alert, "%s: got %s (%s; %s)",
	    faults[_i].what, tls_alert_name(info_of(p.client).alert_sent), p.client_err.text,
	    p.server_err.text);
	ck_assert_uint_gt(wish.nmessages, 0);
	ck_assert_uint_gt(wish.nrecords, 0);
	if (faults[_i].alert == -1) {
		ck_pair_open(&p, faults[_i].what);
		pair_talk(&p, 100);
	}
	pair_free(&p);
}
END_TEST

START_TEST(raw_octets_go_out_as_they_are)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	static const uint8_t oversized[] = { 23, 3, 3, 0xff, 0xff };
	struct err e = ERR_NONE;
	struct pair p;

	open_pair(&p, &client, &server);
	ck_assert_int_eq(tls_fault_raw(p.server, span_of(oversized, sizeof(oversized)), &e), 0);
	ck_assert_uint_eq(tls_output(p.server).n, sizeof(oversized));
	pair_run(&p, 0);
	ck_assert_int_eq(info_of(p.client).alert_sent, TLS_ALERT_RECORD_OVERFLOW);
	pair_free(&p);
}
END_TEST

/* An endless retry is endless: whoever does not mind gets another one. */
START_TEST(hello_retry_requests_can_be_sent_for_ever)
{
	struct tls_fault fault = { .retry_always = true };
	struct tls_config server = { .identities = ids, .fault = &fault }, client = { .verify = accept_any };
	struct tls_conn *c;
	struct err e = ERR_NONE;
	struct pair p;
	struct span hello;
	size_t eaten, last = 0;

	pair_new(&p, &client, &server, SPAN_NONE);
	c = p.server;
	hello = tls_output(p.client);
	for (int i = 0; i < 10; i++) {
		ck_assert_msg(tls_feed(c, hello, &eaten, &e) == 0, "%s", e.text);
		ck_assert_uint_gt(tls_output(c).n, last);
		last = tls_output(c).n;
	}
	pair_free(&p);
}
END_TEST

/* --- secrets --- */

#define NSECRETS 4

/* Masked, or else the search would find the list itself. */
static uint8_t masked[NSECRETS][32];

static void
note_secret(size_t i, const uint8_t *secret)
{
	for (size_t k = 0; k < 32; k++)
		masked[i][k] = secret[k] ^ 0xa5;
}

static bool
is_secret(const uint8_t *p)
{
	for (size_t i = 0; i < NSECRETS; i++) {
		size_t k = 0;

		while (k < 32 && (p[k] ^ 0xa5) == masked[i][k])
			k++;
		if (k == 32)
			return true;
	}
	return false;
}

/* How often a secret stands in the heap. */
static unsigned
search_heap(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned found = 0;
	unsigned long from, to;

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, "[heap]") == NULL || sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		for (unsigned long at = from; at + 32 <= to; at++)
			found += is_secret((const uint8_t *)at);
	}
	fclose(maps);
	return found;
}

START_TEST(no_secret_is_left_in_memory_after_the_end)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct pair p;
#if defined(__SANITIZE_ADDRESS__)
	return;		/* its heap is elsewhere, and keeps what was freed */
#endif
	open_pair(&p, &client, &server);
	pair_talk(&p, 1000);
	note_secret(0, p.server->schedule.traffic[TLS_BY_CLIENT]);
	note_secret(1, p.server->schedule.traffic[TLS_BY_SERVER]);
	note_secret(2, p.server->schedule.resumption);
	note_secret(3, p.server->schedule.exporter);
	ck_assert_uint_eq(search_heap(), 2 * NSECRETS);
	if (_i == 1) {
		p.client->tx.seq++;
		pair_talk(&p, 0);
		tls_close(p.client);
		pair_run(&p, 0);
		ck_assert_int_eq(tls_state(p.server), TLS_FAILED);
		ck_assert_int_eq(tls_state(p.client), TLS_FAILED);
		ck_assert_uint_eq(search_heap(), 0);
	}
	pair_free(&p);
	ck_assert_uint_eq(search_heap(), 0);
}
END_TEST

static Suite *
build_suite(void)
{
	Suite *s = suite_create("tls abuse");
	TCase *t = tcase_create("streams");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, a_stream_may_be_cut_at_every_octet, 0, 4);
	tcase_add_loop_test(t, each_end_sends_one_change_cipher_spec, 0, 2);
	tcase_add_loop_test(t, no_octet_of_a_handshake_can_be_changed, 0, 4);
	tcase_add_loop_test(t, a_flood_ends_the_connection_and_traffic_with_data_does_not, 0,
	    NITEMS(floods));
	tcase_add_test(t, change_cipher_spec_is_dropped_for_a_while);
	tcase_add_loop_test(t, a_bad_record_gets_the_alert_of_the_rfc, 0, NITEMS(records));
	tcase_add_loop_test(t, bad_content_after_the_handshake_gets_the_alert_of_the_rfc, 0,
	    NITEMS(inner));
	tcase_add_loop_test(t, an_alert_is_taken_by_its_description, 0, NITEMS(alerts));
	tcase_add_loop_test(t, early_data_is_skipped_up_to_a_limit, 0, 3);
	tcase_add_test(t, nothing_is_skipped_once_a_record_was_deprotected);
	tcase_add_loop_test(t, a_record_in_the_clear_is_refused_when_keys_are_in_use, 0, 4);
	tcase_add_test(t, early_data_that_was_not_announced_is_no_early_data);
	tcase_add_loop_test(t, each_fault_of_our_server_is_noticed_by_our_client, 0, NITEMS(faults));
	tcase_add_test(t, raw_octets_go_out_as_they_are);
	tcase_add_test(t, hello_retry_requests_can_be_sent_for_ever);
	tcase_add_loop_test(t, no_secret_is_left_in_memory_after_the_end, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(build_suite());
}
