/*
 * check_tls_resume: sessions, and the tickets that they are resumed by.
 */
#include "suite.h"
#include "tlsends.h"

/* --- resumption --- */

static int64_t now_ms;

static int64_t
settable_now(void *arg UNUSED)
{
	return now_ms;
}

static void
keep_session(const struct tls_config *client, const struct tls_config *server, struct span session,
    struct buf *out)
{
	struct pair p;

	pair_new(&p, client, server, session);
	pair_run(&p, 0);
	ck_pair_open(&p, "session");
	buf_reset(out);
	buf_put(out, tls_session(p.client));
	ck_assert(buf_ok(out) && out->n > 0);
	pair_free(&p);
}

static bool
resumes(const struct tls_config *client, const struct tls_config *server, struct span session)
{
	struct pair p;
	bool resumed;

	pair_new(&p, client, server, session);
	pair_run(&p, 0);
	ck_pair_open(&p, "resumption");
	pair_talk(&p, 100);
	resumed = info_of(p.client).resumed;
	ck_assert_int_eq(info_of(p.server).resumed, resumed);
	ck_assert_uint_eq(info_of(p.client).npeer_certs, resumed ? 0 : 1);
	pair_free(&p);
	return resumed;
}

START_TEST(a_session_is_resumed_with_every_suite_and_after_a_retry)
{
	const uint16_t suites[] = { tls_suites[_i % 3].id, 0 }, p384[] = { 0x0018, 0 };
	struct tls_config server = { .identities = ids, .tickets = tickets };
	struct tls_config client = { .verify = accept_any, .suites = suites };
	struct buf session;

	buf_init(&session, 4096);
	keep_session(&client, &server, SPAN_NONE, &session);
	server.groups = _i >= 3 ? p384 : NULL;
	ck_assert(resumes(&client, &server, buf_span(&session)));
	/* The ticket of a resumed session is as good. */
	keep_session(&client, &server, buf_span(&session), &session);
	ck_assert(resumes(&client, &server, buf_span(&session)));
	buf_clear(&session);
}
END_TEST

enum change { NO_CHANGE, OTHER_KEYS, OTHER_HASH, SAME_HASH, NO_KEYS, WITH_CLIENT_CERT, AGED_59,
    AGED_61,
	CLOCK_BACK };

static const struct {
	const char	*what;
	enum change	 change;
	bool		 resumes;
} changes[] = {
	{ "nothing changed", NO_CHANGE, true },
	{ "another server's keys", OTHER_KEYS, false },
	{ "a suite with another hash", OTHER_HASH, false },
	{ "another suite with the same hash", SAME_HASH, true },
	{ "no keys any more", NO_KEYS, false },
	{ "client certificates wanted now", WITH_CLIENT_CERT, false },
	{ "59 minutes later", AGED_59, true },
	{ "61 minutes later", AGED_61, false },
	{ "the clock was put back", CLOCK_BACK, false },
};

START_TEST(a_ticket_is_taken_only_where_and_when_it_is_good)
{
	const uint16_t aes128[] = { 0x1301, 0 }, aes256[] = { 0x1302, 0 }, chacha[] = { 0x1303, 0 };
	const uint16_t both[] = { 0x1301, 0x1302, 0x1303, 0 };
	struct tls_config server = { .identities = ids, .tickets = tickets, .now_ms = settable_now,
	    .verify = accept_any, .suites = aes128 };
	struct tls_config client = { .verify = accept_any, .suites = both };
	struct tls_tickets *others;
	struct err e = ERR_NONE;
	struct buf session;

	now_ms = NOW_MS;
	ck_assert_int_eq(tls_tickets_new(3600, &others, &e), 0);
	buf_init(&session, 4096);
	keep_session(&client, &server, SPAN_NONE, &session);
	switch (changes[_i].change) {
	case OTHER_KEYS:
		server.tickets = others;
		break;
	case OTHER_HASH:
		server.suites = aes256;
		break;
	case SAME_HASH:
		server.suites = chacha;
		break;
	case NO_KEYS:
		server.tickets = NULL;
		break;
	case WITH_CLIENT_CERT:
		server.client_auth = TLS_CLIENT_AUTH_ASK;
		break;
	case AGED_59:
		now_ms += 59 * 60 * 1000;
		break;
	case AGED_61:
		now_ms += 61 * 60 * 1000;
		break;
	case CLOCK_BACK:
		now_ms -= 1000;
		break;
	default:
		break;
	}
	ck_assert_msg(resumes(&client, &server, buf_span(&session)) == changes[_i].resumes, "%s",
	    changes[_i].what);
	buf_clear(&session);
	tls_tickets_free(others);
}
END_TEST

START_TEST(ticket_keys_change_and_the_old_ones_open_for_a_lifetime_more)
{
	struct tls_config server = { .identities = ids, .now_ms = settable_now,
	    .verify = accept_any };
	struct tls_config client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct buf old, later;

	now_ms = NOW_MS;
	buf_init(&old, 4096);
	buf_init(&later, 4096);
	ck_assert_int_eq(tls_tickets_new(3600, &server.tickets, &e), 0);
	keep_session(&client, &server, SPAN_NONE, &old);	/* makes the first key */
	now_ms += 3599 * 1000;
	keep_session(&client, &server, SPAN_NONE, &later);	/* by the first key, too */
	now_ms += 1800 * 1000;
	keep_session(&client, &server, SPAN_NONE, &old);	/* by the second */
	ck_assert(resumes(&client, &server, buf_span(&later)));
	ck_assert(resumes(&client, &server, buf_span(&old)));
	now_ms += 7200 * 1000;
	ck_assert(!resumes(&client, &server, buf_span(&old)));
	tls_tickets_free(server.tickets);
	buf_clear(&old);
	buf_clear(&later);
}
END_TEST

START_TEST(resumption_after_resumption_ends_a_week_after_the_full_handshake)
{
	struct tls_config server = { .identities = ids, .now_ms = settable_now };
	struct tls_config client = { .verify = accept_any, .now_ms = settable_now };
	struct err e = ERR_NONE;
	struct buf session;

	now_ms = NOW_MS;
	buf_init(&session, 4096);
	ck_assert_int_eq(tls_tickets_new(172800, &server.tickets, &e), 0);
	keep_session(&client, &server, SPAN_NONE, &session);
	for (int day = 1; day <= 6; day++) {
		now_ms += DAY * 1000;
		ck_assert(resumes(&client, &server, buf_span(&session)));
		keep_session(&client, &server, buf_span(&session), &session);
	}
	now_ms += DAY * 1000;
	ck_assert(!resumes(&client, &server, buf_span(&session)));
	tls_tickets_free(server.tickets);
	buf_clear(&session);
}
END_TEST

START_TEST(a_client_offers_a_session_to_nobody_else_and_not_after_its_time)
{
	const uint16_t sha384[] = { 0x1302, 0 };
	struct tls_config server = { .identities = ids, .tickets = tickets };
	struct tls_config client = { .verify = accept_any, .now_ms = settable_now };
	const char *name = _i == 1 ? "other.example.com" : "server.example.com";
	struct buf session;
	struct tls_conn *c;
	struct err e = ERR_NONE;

	now_ms = NOW_MS;
	buf_init(&session, 4096);
	keep_session(&client, &server, SPAN_NONE, &session);
	if (_i == 2)
		now_ms += 3600 * 1000;
	if (_i == 3)
		client.suites = sha384;
	ck_assert_int_eq(tls_client_new(&client, name, buf_span(&session), &c, &e), 0);
	ck_assert_int_eq(c->hs->psk_hash != NULL, _i == 0);
	tls_free(c);
	/* What is no session is not taken for one. */
	for (size_t n = 1; n < 60; n++)
		ck_assert_int_eq(tls_client_new(&client, name, span_of(session.p, n), &c, &e), -1);
	buf_clear(&session);
}
END_TEST

/* A client that is not ours may try. */
START_TEST(a_ticket_is_not_taken_for_another_name)
{
	static const char other[] = "another-example.com";
	struct tls_config server = { .identities = ids, .tickets = tickets };
	struct tls_config client = { .verify = accept_any };
	struct buf session;
	struct pair p;

	buf_init(&session, 4096);
	keep_session(&client, &server, SPAN_NONE, &session);
	session.n -= strlen("server.example.com");
	buf_str(&session, other);
	pair_new(&p, &client, &server, SPAN_NONE);
	tls_free(p.client);
	ck_assert_int_eq(tls_client_new(&client, other, buf_span(&session), &p.client,
	    &p.client_err), 0);
	ck_assert_ptr_nonnull(p.client->hs->psk_hash);
	pair_run(&p, 0);
	ck_pair_open(&p, other);
	ck_assert(!info_of(p.server).resumed);
	pair_free(&p);
	buf_clear(&session);
}
END_TEST

static void
note_psk(void *arg, struct tls_conn *c UNUSED, uint8_t type, struct buf *msg)
{
	struct rd r = rd_of(buf_span(msg));
	struct span found;

	if (type != TLS_MSG_CLIENT_HELLO)
		return;
	(void)rd_bytes(&r, TLS_MESSAGE_HEADER + 2 + TLS_RANDOM_LEN);
	(void)rd_vec8(&r);
	(void)rd_vec16(&r);
	(void)rd_vec8(&r);
	*(bool *)arg = tls_extension_find(rd_vec16(&r), TLS_EXT_PSK, &found);
}

/* RFC 8446 section 4.1.4. */
START_TEST(a_ticket_of_another_hash_is_dropped_after_a_retry)
{
	const uint16_t sha256_only[] = { 0x1301, 0 }, sha384_only[] = { 0x1302, 0 },
	    p384[] = { 0x0018, 0 };
	bool has_psk = false;
	struct tls_fault fault = { .arg = &has_psk, .message = note_psk };
	struct tls_config server = { .identities = ids, .tickets = tickets, .suites = sha256_only };
	struct tls_config client = { .verify = accept_any, .fault = &fault };
	struct buf session;
	struct pair p;

	buf_init(&session, 4096);
	keep_session(&client, &server, SPAN_NONE, &session);
	if (_i == 1)
		server.suites = sha384_only;
	server.groups = p384;
	pair_new(&p, &client, &server, buf_span(&session));
	ck_assert(has_psk);
	pair_run(&p, 0);
	ck_pair_open(&p, "retry");
	ck_assert_int_eq(has_psk, _i == 0);
	ck_assert_int_eq(info_of(p.client).resumed, _i == 0);
	pair_free(&p);
	buf_clear(&session);
}
END_TEST

START_TEST(tickets_come_as_many_as_wanted_and_later_more)
{
	struct tls_config server = { .identities = ids, .tickets = tickets, .tickets_sent = 3 };
	struct tls_config client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_assert_uint_eq(p.client->nposts, 3);
	ck_assert_int_eq(tls_send_ticket(p.server, &e), 0);
	pair_run(&p, 0);
	ck_assert_uint_eq(p.client->nposts, 4);
	ck_assert_int_eq(tls_send_ticket(p.client, &e), -1);
	pair_free(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls resume");
	TCase *t = tcase_create("tickets");

	tcase_set_timeout(t, 30);
	tcase_add_unchecked_fixture(t, set_up_ends, tear_down);
	tcase_add_loop_test(t, a_session_is_resumed_with_every_suite_and_after_a_retry, 0, 6);
	tcase_add_loop_test(t, a_ticket_is_taken_only_where_and_when_it_is_good, 0,
	    NITEMS(changes));
	tcase_add_test(t, ticket_keys_change_and_the_old_ones_open_for_a_lifetime_more);
	tcase_add_test(t, resumption_after_resumption_ends_a_week_after_the_full_handshake);
	tcase_add_loop_test(t, a_client_offers_a_session_to_nobody_else_and_not_after_its_time, 0,
	    4);
	tcase_add_test(t, a_ticket_is_not_taken_for_another_name);
	tcase_add_loop_test(t, a_ticket_of_another_hash_is_dropped_after_a_retry, 0, 2);
	tcase_add_test(t, tickets_come_as_many_as_wanted_and_later_more);
	suite_add_tcase(s, t);
	return suite_run(s);
}
