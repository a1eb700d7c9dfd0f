/*
 * check_tls_abuse: floods, bad records, alerts, and early data that nobody
 * asked for.
 */
#include "suite.h"
#include "tlsends.h"

/* --- floods --- */

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
	struct tls_config server = { .identities = ids, .tickets = tickets },
	    client = { .verify = accept_any };
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
	{ "change_cipher_spec within a message", "16030300020100" "140303000101",
	    TLS_ALERT_UNEXPECTED_MESSAGE },
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

/*
 * By hand: RFC 8446 section 4.2.10 wants records skipped that cannot be
 * deprotected, within a limit.
 */
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
	struct tls_config server = { .identities = ids },
	    client = { .verify = accept_any, .fault = &fault };
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

int
main(void)
{
	Suite *s = suite_create("tls abuse");
	TCase *t = tcase_create("streams");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, set_up_ends, tear_down);
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
	suite_add_tcase(s, t);
	return suite_run(s);
}
