/*
 * check_tls_12: what our server says to a bad client of TLS 1.2. libssl is
 * the client; what it sends in the clear is edited on its way, and what goes
 * under protection is sealed here with the client's keys.
 */
#include <openssl/ssl.h>

#include "t/unit/check_tls.h"

#include "suite.h"
#include "tls/private.h"

#define FLIGHT_MAX	20000
#define NO_ALERT	-1

static struct tls_identity *ec256;
static const struct tls_identity *ids[2];
static struct tls_config cfg;

static void
set_up(void)
{
	ec256 = load_identity(ID_EC256);
	ids[0] = ec256;
	cfg = (struct tls_config){ .identities = ids, .verify = accept_any };
}

static void
tear_down(void)
{
	tls_identity_free(ec256);
}

/* --- a libssl client and our server --- */

struct joint {
	SSL_CTX		*ctx;
	SSL		*client;
	struct tls_conn	*server;
	struct err	 err;
};

static void
join(struct joint *j, const char *group, bool with_cert)
{
	EVP_PKEY *key;
	X509 *cert;

	memset(j, 0, sizeof(*j));
	j->ctx = SSL_CTX_new(TLS_client_method());
	ck_assert_ptr_nonnull(j->ctx);
	SSL_CTX_set_max_proto_version(j->ctx, TLS1_2_VERSION);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(j->ctx, "ECDHE-ECDSA-AES128-GCM-SHA256"), 1);
	ck_assert_int_eq(SSL_CTX_set1_groups_list(j->ctx, group), 1);
	if (with_cert) {
		load_pem(ID_EC256, &key, &cert);
		SSL_CTX_use_certificate(j->ctx, cert);
		SSL_CTX_use_PrivateKey(j->ctx, key);
		EVP_PKEY_free(key);
		X509_free(cert);
	}
	j->client = SSL_new(j->ctx);
	SSL_set_bio(j->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(j->client);
	ck_assert_int_eq(tls_server_new(&cfg, &j->server, &j->err), 0);
}

static void
part(struct joint *j)
{
	tls_free(j->server);
	SSL_free(j->client);
	SSL_CTX_free(j->ctx);
}

/* What the client has to say next. */
static struct span
client_says(struct joint *j)
{
	static uint8_t octets[FLIGHT_MAX];
	int n;

	(void)SSL_do_handshake(j->client);
	n = BIO_read(SSL_get_wbio(j->client), octets, sizeof(octets));
	return span_of(octets, n > 0 ? (size_t)n : 0);
}

static int
feed(struct joint *j, struct span octets)
{
	size_t eaten;

	return tls_feed(j->server, octets, &eaten, &j->err);
}

static void
answer(struct joint *j)
{
	struct span out = tls_output(j->server);

	if (out.n > 0)
		BIO_write(SSL_get_rbio(j->client), out.p, (int)out.n);
	tls_sent(j->server, out.n);
}

/* Up to the client's second flight. */
static struct span
second_flight(struct joint *j)
{
	ck_assert_msg(feed(j, client_says(j)) == 0, "%s", j->err.text);
	answer(j);
	return client_says(j);
}

static void
expect_alert(const struct joint *j, const char *what, int alert)
{
	struct tls_info info;

	tls_info(j->server, &info);
	ck_assert_msg(info.alert_sent == alert, "%s: got %s (%s), want %s", what,
	    tls_alert_name(info.alert_sent), j->err.text, tls_alert_name(alert));
	if (alert != NO_ALERT)
		ck_assert_int_eq(tls_state(j->server), TLS_FAILED);
}

/* --- records in the clear --- */

enum op { KEEP, FLIP, APPEND, BODY, OMIT, DOUBLE };

#define ALERT(a)	TLS_ALERT_##a
#define CHANGE		255	/* stands for change_cipher_spec */

static const struct {
	const char	*what;
	int		 alert;
	const char	*group;
	bool		 with_cert;
	uint8_t		 type;
	enum op		 op;
	const char	*hex;
} rows[] = {
	{ "as it is", NO_ALERT, "X25519:P-256", true, 16, KEEP, NULL },

	/* RFC 8422 section 5.7 */
	{ "an empty key exchange", ALERT(DECODE_ERROR), "X25519:P-256", false, 16, BODY, "" },
	{ "an empty share", ALERT(DECODE_ERROR), "X25519:P-256", false, 16, BODY, "00" },
	{ "a key exchange and more", ALERT(DECODE_ERROR), "X25519:P-256", false, 16, APPEND, "00" },
	{ "a short share", ALERT(ILLEGAL_PARAMETER), "X25519:P-256", false, 16, BODY, "0101" },
	{ "a share of zeros", ALERT(ILLEGAL_PARAMETER), "X25519:P-256", false, 16, BODY,
	    "200000000000000000000000000000000000000000000000000000000000000000" },
	{ "a point that is not on the curve", ALERT(ILLEGAL_PARAMETER), "P-256", false, 16, FLIP,
	    NULL },
	{ "no key exchange", ALERT(UNEXPECTED_MESSAGE), "X25519:P-256", false, 16, OMIT, NULL },
	{ "two key exchanges", ALERT(UNEXPECTED_MESSAGE), "X25519:P-256", false, 16, DOUBLE, NULL },

	/* RFC 5246 sections 7.4.6 and 7.4.8 */
	{ "an empty chain", ALERT(HANDSHAKE_FAILURE), "X25519:P-256", true, 11, BODY, "000000" },
	{ "an empty certificate", ALERT(DECODE_ERROR), "X25519:P-256", true, 11, BODY,
	    "000003000000" },
	{ "half a certificate", ALERT(DECODE_ERROR), "X25519:P-256", true, 11, BODY,
	    "00000400000230" },
	{ "a certificate that is none", ALERT(BAD_CERTIFICATE), "X25519:P-256", true, 11, BODY,
	    "0000050000023000" },
	{ "a chain and more", ALERT(DECODE_ERROR), "X25519:P-256", true, 11, APPEND, "00" },
	{ "no chain", ALERT(UNEXPECTED_MESSAGE), "X25519:P-256", true, 11, OMIT, NULL },
	{ "a wrong signature", ALERT(DECRYPT_ERROR), "X25519:P-256", true, 15, FLIP, NULL },
	{ "an unknown scheme", ALERT(ILLEGAL_PARAMETER), "X25519:P-256", true, 15, BODY,
	    "070700020000" },
	{ "SHA-1", ALERT(ILLEGAL_PARAMETER), "X25519:P-256", true, 15, BODY, "020300020000" },
	{ "a signature and more", ALERT(DECODE_ERROR), "X25519:P-256", true, 15, APPEND, "00" },
	{ "no signature", ALERT(UNEXPECTED_MESSAGE), "X25519:P-256", true, 15, OMIT, NULL },

	/* RFC 5246 section 7.1 */
	{ "another change_cipher_spec", ALERT(UNEXPECTED_MESSAGE), "X25519:P-256", false, CHANGE,
	    BODY, "02" },
	{ "a long change_cipher_spec", ALERT(UNEXPECTED_MESSAGE), "X25519:P-256", false, CHANGE,
	    APPEND, "01" },
	{ "no change_cipher_spec", ALERT(UNEXPECTED_MESSAGE), "X25519:P-256", false, CHANGE, OMIT,
	    NULL },
};

static void
edit(struct buf *b, enum op op, const char *hex)
{
	switch (op) {
	case FLIP:
		b->p[b->n - 1] ^= 1;
		break;
	case BODY:
		buf_reset(b);
		ck_assert_int_eq(hex_decode(span_str(hex), b), 0);
		break;
	case APPEND:
		ck_assert_int_eq(hex_decode(span_str(hex), b), 0);
		break;
	default:
		break;
	}
}

/* One record, edited if it is the one; libssl puts one message into each. */
static void
put_record(size_t row, uint8_t type, struct span body, struct buf *out)
{
	bool is_handshake = type == TLS_HANDSHAKE && rows[row].type != CHANGE;
	bool is_it = is_handshake ? body.p[0] == rows[row].type :
	    type == TLS_CHANGE_CIPHER_SPEC && rows[row].type == CHANGE;
	size_t times = is_it && rows[row].op == OMIT ? 0 : is_it && rows[row].op == DOUBLE ? 2 : 1;
	size_t head = is_it && is_handshake ? 4 : 0;
	struct buf content;

	buf_init(&content, FLIGHT_MAX);
	buf_put(&content, span_of(body.p + head, body.n - head));
	if (is_it)
		edit(&content, rows[row].op, rows[row].hex);
	for (size_t i = 0; i < times; i++) {
		buf_u8(out, type);
		buf_u16(out, 0x0303);
		buf_u16(out, (uint16_t)(head + content.n));
		if (head > 0) {
			buf_u8(out, body.p[0]);
			buf_u8(out, 0);
			buf_u16(out, (uint16_t)content.n);
		}
		buf_put(out, buf_span(&content));
	}
	buf_clear(&content);
}

START_TEST(a_bad_message_in_the_clear_gets_the_alert_of_the_rfc)
{
	struct joint j;
	struct buf edited;
	struct rd r;

	cfg.client_auth = rows[_i].with_cert ? TLS_CLIENT_AUTH_REQUIRE : TLS_CLIENT_AUTH_NONE;
	buf_init(&edited, FLIGHT_MAX);
	join(&j, rows[_i].group, rows[_i].with_cert);
	r = rd_of(second_flight(&j));
	while (r.n > 0) {
		uint8_t type = rd_u8(&r);

		(void)rd_u16(&r);
		put_record((size_t)_i, type, rd_vec16(&r), &edited);
	}
	(void)feed(&j, buf_span(&edited));
	expect_alert(&j, rows[_i].what, rows[_i].alert);
	buf_clear(&edited);
	part(&j);
}
END_TEST

/* RFC 5246 section 7.1: it is no part of a message, and none may be open. */
START_TEST(change_cipher_spec_stands_between_messages)
{
	static const uint8_t start[] = { 22, 3, 3, 0, 2, 20, 0 }, change[] = { 20, 3, 3, 0, 1, 1 };
	struct joint j;
	struct rd r;

	join(&j, "X25519:P-256", false);
	r = rd_of(second_flight(&j));
	/* The key exchange is first. */
	ck_assert_int_eq(feed(&j, rd_bytes(&r, 5 + 4 + 33)), 0);
	ck_assert_int_eq(feed(&j, span_of(start, sizeof(start))), 0);
	ck_assert_int_eq(feed(&j, span_of(change, sizeof(change))), -1);
	expect_alert(&j, "within a message", TLS_ALERT_UNEXPECTED_MESSAGE);
	part(&j);
}
END_TEST

/* --- records under protection --- */

/* A connection that is nothing but the client's sending half. */
static void
take_keys(const struct joint *j, struct tls_conn *half)
{
	const struct tls_suite *suite = j->server->suite;
	uint8_t seed[13 + 2 * TLS_RANDOM_LEN] = "key expansion", block[2 * (16 + 4)];
	struct err e = ERR_NONE;

	memcpy(seed + 13, j->server->randoms[TLS_BY_SERVER], TLS_RANDOM_LEN);
	memcpy(seed + 13 + TLS_RANDOM_LEN, j->server->randoms[TLS_BY_CLIENT], TLS_RANDOM_LEN);
	ck_assert_int_eq(tls_prf(suite->hash, span_of(j->server->schedule.secret, 48),
	    span_of(seed, sizeof(seed)), block, sizeof(block)), 0);
	memset(half, 0, sizeof(*half));
	half->cfg = &cfg;
	half->version = TLS_1_2;
	buf_init(&half->out, FLIGHT_MAX * 4);
	ck_assert_int_eq(tls_flow_start(&half->tx, suite, true, block, &e), 0);
	memcpy(half->tx.iv, block + 32, 4);
}

static void
half_free(struct tls_conn *half)
{
	tls_flow_clear(&half->tx);
	buf_clear(&half->out);
}

static int
feed_sealed(struct joint *j, struct tls_conn *half, uint8_t type, struct span content)
{
	struct err e = ERR_NONE;
	int rc;

	ck_assert_int_eq(tls_record_one(half, type, content, &e), 0);
	rc = feed(j, buf_span(&half->out));
	buf_reset(&half->out);
	return rc;
}

/* All but the last record of the flight, which is the client's Finished. */
static struct span
up_to_finished(struct span flight, struct span *finished)
{
	struct rd r = rd_of(flight);
	size_t start = 0;

	while (r.n > 0) {
		start = flight.n - r.n;
		(void)rd_bytes(&r, 3);
		(void)rd_vec16(&r);
	}
	*finished = span_of(flight.p + start, flight.n - start);
	return span_of(flight.p, start);
}

static const struct {
	const char	*what;
	int		 alert;
	uint8_t		 type;
	const char	*hex;
} ends[] = {
	{ "a wrong Finished", ALERT(DECRYPT_ERROR), 22, "1400000c000102030405060708090a0b" },
	{ "a short Finished", ALERT(DECODE_ERROR), 22, "1400000b000102030405060708090a" },
	{ "a long Finished", ALERT(DECODE_ERROR), 22, "1400000d000102030405060708090a0b0c" },
	{ "data in place of Finished", ALERT(UNEXPECTED_MESSAGE), 23, "00" },
	{ "a hello in place of Finished", ALERT(UNEXPECTED_MESSAGE), 22, "0100000100" },
	{ "a change_cipher_spec in place of Finished", ALERT(UNEXPECTED_MESSAGE), 20, "01" },
	{ "a fatal alert in place of Finished", NO_ALERT, 21, "0228" },
};

START_TEST(a_bad_end_of_the_handshake_gets_the_alert_of_the_rfc)
{
	struct span flight, finished;
	struct tls_conn half;
	struct joint j;
	struct buf content;

	buf_init(&content, 1000);
	ck_assert_int_eq(hex_decode(span_str(ends[_i].hex), &content), 0);
	join(&j, "X25519:P-256", false);
	flight = up_to_finished(second_flight(&j), &finished);
	ck_assert_msg(feed(&j, flight) == 0, "%s", j.err.text);
	take_keys(&j, &half);
	ck_assert_int_eq(feed_sealed(&j, &half, ends[_i].type, buf_span(&content)), -1);
	ck_assert_int_eq(tls_state(j.server), TLS_FAILED);
	expect_alert(&j, ends[_i].what, ends[_i].alert);
	half_free(&half);
	buf_clear(&content);
	part(&j);
}
END_TEST

/* Open, with the client's next keys in hand. */
static void
open_joint(struct joint *j, struct tls_conn *half)
{
	struct span flight, finished;

	join(j, "X25519:P-256", false);
	flight = up_to_finished(second_flight(j), &finished);
	ck_assert_int_eq(feed(j, flight), 0);
	take_keys(j, half);
	ck_assert_msg(feed(j, finished) == 0, "%s", j->err.text);
	half->tx.seq = 1;
	answer(j);
	(void)client_says(j);
	ck_assert_int_eq(tls_state(j->server), TLS_OPEN);
	ck_assert_int_eq(SSL_is_init_finished(j->client), 1);
}

/* Both directions still work. */
static void
expect_alive(struct joint *j, struct tls_conn *half)
{
	uint8_t got[10];
	size_t taken;

	ck_assert_int_eq(feed_sealed(j, half, TLS_APPLICATION_DATA, span_str("hello")), 0);
	ck_assert(span_is(tls_read(j->server), "hello"));
	tls_read_done(j->server, 5);
	ck_assert_int_eq(tls_write(j->server, span_str("world"), &taken, &j->err), 0);
	answer(j);
	ck_assert_int_eq(SSL_read(j->client, got, sizeof(got)), 5);
	ck_assert_mem_eq(got, "world", 5);
}

/* RFC 5246 section 7.2.2, RFC 5746 section 4.5: a warning, and all goes on. */
START_TEST(renegotiation_is_refused_and_the_connection_lives_on_but_not_for_ever)
{
	static const uint8_t hello[] = { 1, 0, 0, 2, 3, 3 };
	struct tls_conn half;
	struct tls_info info;
	struct joint j;

	open_joint(&j, &half);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(feed_sealed(&j, &half, TLS_HANDSHAKE,
		    span_of(hello, sizeof(hello))), 0);
		tls_info(j.server, &info);
		ck_assert_int_eq(info.alert_sent, TLS_ALERT_NO_RENEGOTIATION);
		/* libssl would end the connection at the warning, so it is not shown one. */
		tls_sent(j.server, tls_output(j.server).n);
		ck_assert_int_eq(tls_state(j.server), TLS_OPEN);
	}
	ck_assert_int_eq(feed_sealed(&j, &half, TLS_APPLICATION_DATA, span_str("hello")), 0);
	ck_assert(span_is(tls_read(j.server), "hello"));
	for (int i = 0; i < TLS_POSTS_MAX; i++)
		ck_assert_int_eq(feed_sealed(&j, &half, TLS_HANDSHAKE,
		    span_of(hello, sizeof(hello))), 0);
	ck_assert_int_eq(feed_sealed(&j, &half, TLS_HANDSHAKE, span_of(hello, sizeof(hello))), -1);
	expect_alert(&j, "too many", TLS_ALERT_UNEXPECTED_MESSAGE);
	half_free(&half);
	part(&j);
}
END_TEST

static const struct {
	const char	*what;
	int		 alert;
	uint8_t		 type;
	const char	*hex;
} afters[] = {
	{ "a Finished", ALERT(UNEXPECTED_MESSAGE), 22, "1400000100" },
	{ "a KeyUpdate", ALERT(UNEXPECTED_MESSAGE), 22, "1800000100" },
	{ "an empty handshake record", ALERT(UNEXPECTED_MESSAGE), 22, "" },
	{ "a change_cipher_spec", ALERT(UNEXPECTED_MESSAGE), 20, "01" },
	{ "an alert of no level", ALERT(ILLEGAL_PARAMETER), 21, "0300" },
	{ "an alert of one octet", ALERT(DECODE_ERROR), 21, "01" },
	{ "an empty alert", ALERT(UNEXPECTED_MESSAGE), 21, "" },
	{ "data within a message", ALERT(UNEXPECTED_MESSAGE), 22, "0100" },
};

START_TEST(bad_content_after_the_handshake_gets_the_alert_of_the_rfc)
{
	struct tls_conn half;
	struct joint j;
	struct buf content;
	int rc;

	buf_init(&content, 100);
	ck_assert_int_eq(hex_decode(span_str(afters[_i].hex), &content), 0);
	open_joint(&j, &half);
	expect_alive(&j, &half);
	rc = feed_sealed(&j, &half, afters[_i].type, buf_span(&content));
	if (rc == 0)
		rc = feed_sealed(&j, &half, TLS_APPLICATION_DATA, span_str("x"));
	ck_assert_int_eq(rc, -1);
	expect_alert(&j, afters[_i].what, afters[_i].alert);
	half_free(&half);
	buf_clear(&content);
	part(&j);
}
END_TEST

/* RFC 5246 section 7.2.2: warnings may be ignored, within reason. */
START_TEST(warnings_are_passed_over_until_there_are_too_many)
{
	static const uint8_t warning[] = { 1, TLS_ALERT_NO_RENEGOTIATION };
	struct tls_conn half;
	struct joint j;

	open_joint(&j, &half);
	for (int i = 0; i < TLS_WARNINGS_MAX; i++)
		ck_assert_int_eq(feed_sealed(&j, &half, TLS_ALERT, span_of(warning, 2)), 0);
	expect_alive(&j, &half);
	for (int i = 0; i < TLS_WARNINGS_MAX; i++)
		ck_assert_int_eq(feed_sealed(&j, &half, TLS_ALERT, span_of(warning, 2)), 0);
	ck_assert_int_eq(feed_sealed(&j, &half, TLS_ALERT, span_of(warning, 2)), -1);
	expect_alert(&j, "too many", TLS_ALERT_UNEXPECTED_MESSAGE);
	half_free(&half);
	part(&j);
}
END_TEST

/* RFC 5246 section 6.2.3: no more than 2^14 octets, and no forged record. */
START_TEST(long_and_forged_records_end_the_connection)
{
	static uint8_t data[TLS_RECORD_MAX + 1];
	struct tls_conn half;
	struct joint j;

	open_joint(&j, &half);
	ck_assert_int_eq(feed_sealed(&j, &half, TLS_APPLICATION_DATA,
	    span_of(data, TLS_RECORD_MAX)), 0);
	ck_assert_uint_eq(tls_read(j.server).n, TLS_RECORD_MAX);
	if (_i == 0) {
		ck_assert_int_eq(feed_sealed(&j, &half, TLS_APPLICATION_DATA,
		    span_of(data, sizeof(data))), -1);
		expect_alert(&j, "too long", TLS_ALERT_RECORD_OVERFLOW);
	} else {
		half.tx.seq++;
		ck_assert_int_eq(feed_sealed(&j, &half, TLS_APPLICATION_DATA, span_str("x")), -1);
		expect_alert(&j, "another number", TLS_ALERT_BAD_RECORD_MAC);
	}
	half_free(&half);
	part(&j);
}
END_TEST

/* RFC 5246 section 7.2.1: close_notify is answered at once, and nothing is written behind it. */
START_TEST(close_notify_is_answered)
{
	static const uint8_t close_notify[] = { 1, 0 };
	struct tls_conn half;
	struct tls_info info;
	struct joint j;
	size_t taken;

	open_joint(&j, &half);
	ck_assert_int_eq(feed_sealed(&j, &half, TLS_ALERT, span_of(close_notify, 2)), 0);
	tls_info(j.server, &info);
	ck_assert_int_eq(info.alert_sent, TLS_ALERT_CLOSE_NOTIFY);
	ck_assert_int_eq(tls_state(j.server), TLS_CLOSED);
	ck_assert_int_eq(tls_write(j.server, span_str("x"), &taken, &j.err), -1);
	half_free(&half);
	part(&j);
}
END_TEST

START_TEST(worn_keys_end_the_connection)
{
	struct tls_conn half;
	struct joint j;
	size_t taken;

	open_joint(&j, &half);
	j.server->tx.seq = j.server->suite->aead->records_max;
	ck_assert_int_eq(tls_write(j.server, span_str("x"), &taken, &j.err), -1);
	ck_assert_int_eq(tls_state(j.server), TLS_FAILED);
	half_free(&half);
	part(&j);
}
END_TEST

static Suite *
build_suite(void)
{
	Suite *s = suite_create("tls 1.2");
	TCase *t = tcase_create("server");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, a_bad_message_in_the_clear_gets_the_alert_of_the_rfc, 0,
	    NITEMS(rows));
	tcase_add_test(t, change_cipher_spec_stands_between_messages);
	tcase_add_loop_test(t, a_bad_end_of_the_handshake_gets_the_alert_of_the_rfc, 0,
	    NITEMS(ends));
	tcase_add_test(t, renegotiation_is_refused_and_the_connection_lives_on_but_not_for_ever);
	tcase_add_loop_test(t, bad_content_after_the_handshake_gets_the_alert_of_the_rfc, 0,
	    NITEMS(afters));
	tcase_add_test(t, warnings_are_passed_over_until_there_are_too_many);
	tcase_add_loop_test(t, long_and_forged_records_end_the_connection, 0, 2);
	tcase_add_test(t, close_notify_is_answered);
	tcase_add_test(t, worn_keys_end_the_connection);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(build_suite());
}
