/*
 * check_tls_pair: our client and our server, joined in memory.
 */
#include "t/unit/check_tls.h"

#include "suite.h"
#include "tls/private.h"

static struct tls_identity *ec256, *ec384, *rsa, *rsapss;
static struct tls_tickets *tickets;
static const struct tls_identity *ids[2];

static void
set_up(void)
{
	struct err e = ERR_NONE;

	ec256 = load_identity(ID_EC256);
	ec384 = load_identity(ID_EC384);
	rsa = load_identity(ID_RSA);
	rsapss = load_identity(ID_RSAPSS);
	ids[0] = ec256;
	ck_assert_int_eq(tls_tickets_new(3600, &tickets, &e), 0);
}

static void
tear_down(void)
{
	tls_identity_free(ec256);
	tls_identity_free(ec384);
	tls_identity_free(rsa);
	tls_identity_free(rsapss);
	tls_tickets_free(tickets);
}

static struct tls_info
info_of(const struct tls_conn *c)
{
	struct tls_info info;

	tls_info(c, &info);
	return info;
}

/* --- what can be agreed upon --- */

static const struct {
	uint16_t		  id;
	struct tls_identity	**identity;
} schemes[] = {
	{ 0x0403, &ec256 }, { 0x0503, &ec384 },
	{ 0x0804, &rsa }, { 0x0805, &rsa }, { 0x0806, &rsa },
	{ 0x0809, &rsapss }, { 0x080a, &rsapss }, { 0x080b, &rsapss },
};

START_TEST(every_suite_group_and_signature_works)
{
	const uint16_t suites[] = { tls_suites[_i % 3].id, 0 };
	const uint16_t groups[] = { tls_groups[_i / 3 % 3].id, 0 };
	const uint16_t signatures[] = { schemes[_i / 9].id, 0 };
	const struct tls_identity *own[] = { *schemes[_i / 9].identity, NULL };
	struct tls_config server = { .identities = own, .verify = accept_any, .signatures = signatures,
	    .client_auth = TLS_CLIENT_AUTH_REQUIRE };
	struct tls_config client = { .verify = accept_any, .suites = suites, .groups = groups,
	    .signatures = signatures, .identities = own };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_pair_open(&p, tls_signature_name(signatures[0]));
	for (int i = 0; i < 2; i++) {
		struct tls_info info = info_of(i == 0 ? p.client : p.server);

		ck_assert_uint_eq(info.version, TLS_1_3);
		ck_assert_uint_eq(info.suite, suites[0]);
		ck_assert_uint_eq(info.group, groups[0]);
		ck_assert_uint_eq(info.signature, signatures[0]);
		ck_assert_uint_eq(info.npeer_certs, 1);
		ck_assert_str_eq(info.sni, "server.example.com");
		ck_assert(!info.resumed && !info.retried);
		ck_assert(info.alert_sent == -1 && info.alert_received == -1);
	}
	pair_talk(&p, 50000);
	pair_free(&p);
}
END_TEST

static const struct {
	const char	*what;
	uint16_t	 client[4], server[4];
	uint16_t	 group;
	bool		 retried;
} retries[] = {
	{ "the server's preference among shares", { 0x001d, 0x0017 }, { 0x0017, 0x001d }, 0x001d, false },
	{ "no share of the server's only group", { 0x001d, 0x0017 }, { 0x0017 }, 0x0017, true },
	{ "the server's preference without shares", { 0x001d, 0x0017, 0x0018 }, { 0x0018, 0x0017 },
	    0x0018, true },
};

START_TEST(a_group_without_share_costs_a_round_trip)
{
	struct tls_config server = { .identities = ids, .groups = retries[_i].server };
	struct tls_config client = { .verify = accept_any, .groups = retries[_i].client };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_pair_open(&p, retries[_i].what);
	ck_assert_uint_eq(info_of(p.client).group, retries[_i].group);
	ck_assert_int_eq(info_of(p.client).retried, retries[_i].retried);
	ck_assert_int_eq(info_of(p.server).retried, retries[_i].retried);
	pair_talk(&p, 100);
	pair_free(&p);
}
END_TEST

/* --- names and identities --- */

static size_t
choose_by_name(void *arg, const struct tls_hello *h, const struct tls_identity **out, uint8_t *alert)
{
	*(struct tls_hello *)arg = *h;
	if (h->sni == NULL) {
		*alert = TLS_ALERT_ACCESS_DENIED;
		return 0;
	}
	if (strcmp(h->sni, "server.example.com") != 0)
		return 0;
	out[0] = rsa;
	out[1] = ec256;
	return 2;
}

START_TEST(an_identity_is_chosen_by_name_and_protocol_and_fits_the_client)
{
	static const char *const mine[] = { "http/1.1", "acme-tls/1", NULL };
	static const char *const theirs[] = { "acme-tls/1", NULL };
	const uint16_t signatures[] = { 0x0403, 0 };
	struct tls_hello seen;
	struct tls_config server = { .choose = choose_by_name, .choose_arg = &seen, .alpn = mine };
	struct tls_config client = { .verify = accept_any, .signatures = _i == 0 ? signatures : NULL,
	    .alpn = theirs };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_pair_open(&p, "choose");
	ck_assert_str_eq(seen.sni, "server.example.com");
	ck_assert_str_eq(seen.alpn, "acme-tls/1");
	ck_assert_uint_eq(seen.version, TLS_1_3);
	ck_assert_str_eq(info_of(p.client).alpn, "acme-tls/1");
	ck_assert_uint_eq(info_of(p.client).signature, _i == 0 ? 0x0403 : 0x0804);
	pair_free(&p);
}
END_TEST

static const struct {
	const char	*name;
	int		 alert;
} names[] = {
	{ "other.example.com", TLS_ALERT_UNRECOGNIZED_NAME }, { NULL, TLS_ALERT_ACCESS_DENIED },
};

START_TEST(a_name_that_is_not_served_is_refused_by_the_alert_that_was_chosen)
{
	struct tls_hello seen;
	struct tls_config server = { .choose = choose_by_name, .choose_arg = &seen };
	struct tls_config client = { .verify = accept_any };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	tls_free(p.client);
	ck_assert_int_eq(tls_client_new(&client, names[_i].name, SPAN_NONE, &p.client, &p.client_err), 0);
	pair_run(&p, 0);
	ck_assert_int_eq(info_of(p.client).alert_received, names[_i].alert);
	pair_free(&p);
}
END_TEST

static int
refuse_expired(void *arg, const struct span *ders UNUSED, size_t n UNUSED, uint8_t *alert, struct err *e)
{
	if (arg != NULL)
		*alert = TLS_ALERT_CERTIFICATE_EXPIRED;
	return err_set(e, OUT_REFUSE, "expired");
}

START_TEST(the_verdict_on_a_certificate_reaches_the_peer)
{
	struct tls_config server = { .identities = ids };
	struct tls_config client = { .verify = refuse_expired, .verify_arg = _i == 0 ? NULL : ids };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_assert_int_eq(info_of(p.server).alert_received, _i == 0 ? TLS_ALERT_BAD_CERTIFICATE :
	    TLS_ALERT_CERTIFICATE_EXPIRED);
	ck_assert_str_eq(p.client_err.text, "expired");
	ck_assert_int_eq(p.client_err.class, OUT_REFUSE);
	pair_free(&p);
}
END_TEST

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

enum change { NO_CHANGE, OTHER_KEYS, OTHER_HASH, SAME_HASH, NO_KEYS, WITH_CLIENT_CERT, AGED_59, AGED_61,
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
	struct tls_config server = { .identities = ids, .now_ms = settable_now, .verify = accept_any };
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
	ck_assert_int_eq(tls_client_new(&client, other, buf_span(&session), &p.client, &p.client_err), 0);
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
	const uint16_t sha256_only[] = { 0x1301, 0 }, sha384_only[] = { 0x1302, 0 }, p384[] = { 0x0018, 0 };
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

/* --- KeyUpdate --- */

START_TEST(keys_change_in_all_ways_and_nothing_is_lost)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct pair p;
	uint8_t before[TLS_HASH_MAX];

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	memcpy(before, p.server->schedule.traffic[TLS_BY_SERVER], sizeof(before));
	ck_assert_int_eq(tls_key_update(p.client, false, &e), 0);
	pair_talk(&p, 100);
	ck_assert_mem_eq(before, p.server->schedule.traffic[TLS_BY_SERVER], 32);
	ck_assert_int_eq(tls_key_update(p.client, true, &e), 0);
	pair_talk(&p, 100);
	ck_assert_mem_ne(before, p.server->schedule.traffic[TLS_BY_SERVER], 32);
	/* Both ask at the same time: RFC 8446 section 4.6.3. */
	ck_assert_int_eq(tls_key_update(p.client, true, &e), 0);
	ck_assert_int_eq(tls_key_update(p.server, true, &e), 0);
	pair_talk(&p, 20000);
	pair_free(&p);
}
END_TEST

START_TEST(several_questions_for_new_keys_have_one_answer)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct err e = ERR_NONE;
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(tls_key_update(p.client, true, &e), 0);
	(void)pass(p.client, p.server, 0, &p.server_err);
	/* One record: header, type, three octets of length, one of content, content type, tag. */
	ck_assert_uint_eq(tls_output(p.server).n, 5 + 4 + 1 + 1 + 16);
	pair_talk(&p, 100);
	pair_free(&p);
}
END_TEST

START_TEST(worn_keys_are_replaced)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	p.client->tx.seq = p.server->rx.seq = p.client->suite->aead->records_max - TLS_UNSENT_MAX;
	pair_talk(&p, 100);
	ck_assert_uint_lt(p.client->tx.seq, 10);
	pair_free(&p);
}
END_TEST

/* --- sizes and flow --- */

static const uint16_t limits[] = { 64, 65, 100, 1000, 16383, 16384 };

/* The longest content of a record in the stream. */
static size_t
longest_record(struct span stream)
{
	struct rd r = rd_of(stream);
	size_t longest = 0, n;

	while (r.n > 0) {
		(void)rd_bytes(&r, 3);
		n = rd_vec16(&r).n;
		longest = n > longest ? n : longest;
	}
	return longest;
}

START_TEST(no_record_exceeds_the_limit_of_its_reader)
{
	struct tls_config server = { .identities = ids, .record_limit = limits[_i] };
	struct tls_config client = { .verify = accept_any, .record_limit = limits[NITEMS(limits) - 1 - (size_t)_i] };
	struct pair p;
	struct err e = ERR_NONE;
	uint8_t data[20000] = { 0 };
	size_t taken;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_pair_open(&p, "limits");
	pair_talk(&p, 20000);
	ck_assert_int_eq(tls_write(p.client, span_of(data, sizeof(data)), &taken, &e), 0);
	ck_assert_uint_eq(longest_record(tls_output(p.client)), server.record_limit + 1u + 16u);
	ck_assert_int_eq(tls_write(p.server, span_of(data, sizeof(data)), &taken, &e), 0);
	ck_assert_uint_eq(longest_record(tls_output(p.server)), client.record_limit + 1u + 16u);
	/* What is longer is an overflow. */
	p.client->send_limit++;
	pair_run(&p, 0);
	ck_assert_int_eq(tls_write(p.client, span_of(data, sizeof(data)), &taken, &e), 0);
	tls_read_done(p.server, SIZE_MAX);
	pair_run(&p, 0);
	ck_assert_int_eq(info_of(p.server).alert_sent, TLS_ALERT_RECORD_OVERFLOW);
	pair_free(&p);
}
END_TEST

START_TEST(nothing_is_eaten_while_too_much_waits)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct pair p;
	struct err e = ERR_NONE;
	uint8_t data[100000] = { 0 };
	size_t taken, eaten;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_assert_int_eq(tls_write(p.client, span_of(data, sizeof(data)), &taken, &e), 0);
	ck_assert_uint_eq(taken, TLS_UNSENT_MAX);
	ck_assert_int_eq(tls_write(p.client, span_of(data, sizeof(data)), &taken, &e), 0);
	ck_assert_uint_eq(taken, 0);
	ck_assert_int_eq(tls_feed(p.server, tls_output(p.client), &eaten, &e), 0);
	ck_assert_uint_lt(eaten, tls_output(p.client).n);
	ck_assert_uint_gt(tls_read(p.server).n, TLS_UNREAD_MAX);
	ck_assert_uint_le(tls_read(p.server).n, TLS_UNREAD_MAX + TLS_RECORD_MAX);
	tls_sent(p.client, eaten);
	ck_assert_int_eq(tls_feed(p.server, tls_output(p.client), &eaten, &e), 0);
	ck_assert_uint_eq(eaten, 0);
	tls_read_done(p.server, tls_read(p.server).n);
	ck_assert_int_eq(tls_feed(p.server, tls_output(p.client), &eaten, &e), 0);
	ck_assert_uint_eq(eaten, tls_output(p.client).n);
	pair_free(&p);
}
END_TEST

START_TEST(an_idle_connection_keeps_no_buffers)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 1);
	pair_talk(&p, 20000);
	for (int i = 0; i < 2; i++) {
		const struct tls_conn *c = i == 0 ? p.client : p.server;

		ck_assert_ptr_null(c->hs);
		ck_assert_uint_eq(c->record.cap + c->messages.cap + c->plain.cap + c->flight.cap +
		    c->out.cap, 0);
	}
	ck_assert_uint_le(sizeof(*p.server), 2048);
	pair_free(&p);
}
END_TEST

/* --- the end --- */

START_TEST(either_direction_closes_by_itself)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct pair p;
	struct err e = ERR_NONE;
	size_t taken;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	tls_close(p.client);
	tls_close(p.client);
	pair_run(&p, 0);
	ck_assert_int_eq(tls_state(p.server), TLS_CLOSED);
	ck_assert_int_eq(tls_state(p.client), TLS_OPEN);
	ck_assert_int_eq(info_of(p.server).alert_received, TLS_ALERT_CLOSE_NOTIFY);
	ck_assert_int_eq(tls_write(p.client, span_str("x"), &taken, &e), -1);
	/* RFC 8446 section 6.1: the other direction goes on. */
	ck_assert_int_eq(tls_write(p.server, span_str("last words"), &taken, &e), 0);
	pair_run(&p, 0);
	ck_assert(span_is(tls_read(p.client), "last words"));
	tls_close(p.server);
	pair_run(&p, 0);
	ck_assert_int_eq(tls_state(p.client), TLS_CLOSED);
	ck_assert_int_eq(info_of(p.server).alert_sent, TLS_ALERT_CLOSE_NOTIFY);
	pair_free(&p);
}
END_TEST

START_TEST(what_follows_close_notify_is_ignored)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct pair p;
	struct err e = ERR_NONE;
	size_t eaten;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	tls_close(p.client);
	pair_run(&p, 0);
	ck_assert_int_eq(tls_feed(p.server, span_str("anything at all"), &eaten, &e), 0);
	ck_assert_uint_eq(eaten, 15);
	ck_assert_int_eq(tls_state(p.server), TLS_CLOSED);
	ck_assert_uint_eq(tls_read(p.server).n, 0);
	pair_free(&p);
}
END_TEST

START_TEST(a_close_in_the_handshake_is_answered_and_ends_it)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct pair p;
	struct err e = ERR_NONE;

	pair_new(&p, &client, &server, SPAN_NONE);
	tls_close(p.client);
	pair_run(&p, 0);
	ck_assert_int_eq(tls_state(p.client), TLS_CLOSED);
	ck_assert_int_eq(tls_state(p.server), TLS_FAILED);
	ck_assert_int_eq(info_of(p.server).alert_sent, TLS_ALERT_CLOSE_NOTIFY);
	ck_assert_int_eq(tls_key_update(p.server, false, &e), -1);
	pair_free(&p);
}
END_TEST

START_TEST(a_failed_connection_has_no_keys_and_takes_nothing)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	static const uint8_t rubbish[] = { 23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
		15, 16, 17, 18, 19, 20 };
	struct tls_schedule nothing = { .stage = TLS_STAGE_NONE };
	struct pair p;
	struct err e = ERR_NONE;
	size_t eaten, taken;

	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_assert_int_eq(tls_feed(p.server, span_of(rubbish, sizeof(rubbish)), &eaten, &e), -1);
	ck_assert_int_eq(e.class, OUT_REFUSE);
	ck_assert_int_eq(info_of(p.server).alert_sent, TLS_ALERT_BAD_RECORD_MAC);
	ck_assert_mem_eq(&p.server->schedule, &nothing, sizeof(nothing));
	ck_assert(p.server->rx.aead == NULL && p.server->tx.aead == NULL);
	ck_assert_int_eq(tls_feed(p.server, span_str("x"), &eaten, &e), -1);
	ck_assert_int_eq(tls_write(p.server, span_str("x"), &taken, &e), -1);
	pair_run(&p, 0);
	ck_assert_int_eq(info_of(p.client).alert_received, TLS_ALERT_BAD_RECORD_MAC);
	ck_assert_int_eq(tls_state(p.client), TLS_FAILED);
	pair_free(&p);
}
END_TEST

/* --- configuration --- */

static const struct {
	const char	*what;
	bool		 is_server;
	struct tls_config cfg;
} unfit[] = {
	{ "a server without identity", true, { .verify = NULL } },
	{ "a client that verifies nothing", false, { .verify = NULL } },
	{ "a server that asks and verifies nothing", true, { .choose = choose_by_name,
	    .client_auth = TLS_CLIENT_AUTH_ASK } },
	{ "a record limit of 63", false, { .verify = accept_any, .record_limit = 63 } },
	{ "a record limit of 16385", false, { .verify = accept_any, .record_limit = 16385 } },
	{ "no suite of TLS 1.3", false, { .verify = accept_any, .suites = (const uint16_t[]){ 0xc02b, 0 } } },
	{ "no group", false, { .verify = accept_any, .groups = (const uint16_t[]){ 0 } } },
	{ "an empty protocol", false, { .verify = accept_any, .alpn = (const char *const[]){ "", NULL } } },
};

START_TEST(an_unfit_configuration_makes_no_connection)
{
	struct tls_conn *c;
	struct err e = ERR_NONE;

	if (unfit[_i].is_server)
		ck_assert_msg(tls_server_new(&unfit[_i].cfg, &c, &e) == -1, "%s", unfit[_i].what);
	else
		ck_assert_msg(tls_client_new(&unfit[_i].cfg, "a.example", SPAN_NONE, &c, &e) == -1, "%s",
		    unfit[_i].what);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(both_ends_export_the_same)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	uint8_t a[64], b[64], c[64];
	struct pair p;

	pair_new(&p, &client, &server, SPAN_NONE);
	ck_assert_int_eq(tls_export(p.client, "label", SPAN_NONE, a, sizeof(a)), -1);
	pair_run(&p, 0);
	ck_assert_int_eq(tls_export(p.client, "label", span_str("ctx"), a, sizeof(a)), 0);
	ck_assert_int_eq(tls_export(p.server, "label", span_str("ctx"), b, sizeof(b)), 0);
	ck_assert_int_eq(tls_export(p.server, "label", span_str("other"), c, sizeof(c)), 0);
	ck_assert_mem_eq(a, b, sizeof(a));
	ck_assert_mem_ne(a, c, sizeof(a));
	pair_free(&p);
}
END_TEST

static Suite *
build_suite(void)
{
	Suite *s = suite_create("tls pair");
	TCase *t = tcase_create("loopback");

	tcase_set_timeout(t, 30);
	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, every_suite_group_and_signature_works, 0, 9 * NITEMS(schemes));
	tcase_add_loop_test(t, a_group_without_share_costs_a_round_trip, 0, NITEMS(retries));
	tcase_add_loop_test(t, an_identity_is_chosen_by_name_and_protocol_and_fits_the_client, 0, 2);
	tcase_add_loop_test(t, a_name_that_is_not_served_is_refused_by_the_alert_that_was_chosen, 0,
	    NITEMS(names));
	tcase_add_loop_test(t, the_verdict_on_a_certificate_reaches_the_peer, 0, 2);
	tcase_add_loop_test(t, a_session_is_resumed_with_every_suite_and_after_a_retry, 0, 6);
	tcase_add_loop_test(t, a_ticket_is_taken_only_where_and_when_it_is_good, 0, NITEMS(changes));
	tcase_add_test(t, ticket_keys_change_and_the_old_ones_open_for_a_lifetime_more);
	tcase_add_test(t, resumption_after_resumption_ends_a_week_after_the_full_handshake);
	tcase_add_loop_test(t, a_client_offers_a_session_to_nobody_else_and_not_after_its_time, 0, 4);
	tcase_add_test(t, a_ticket_is_not_taken_for_another_name);
	tcase_add_loop_test(t, a_ticket_of_another_hash_is_dropped_after_a_retry, 0, 2);
	tcase_add_test(t, tickets_come_as_many_as_wanted_and_later_more);
	tcase_add_test(t, keys_change_in_all_ways_and_nothing_is_lost);
	tcase_add_test(t, several_questions_for_new_keys_have_one_answer);
	tcase_add_test(t, worn_keys_are_replaced);
	tcase_add_loop_test(t, no_record_exceeds_the_limit_of_its_reader, 0, NITEMS(limits));
	tcase_add_test(t, nothing_is_eaten_while_too_much_waits);
	tcase_add_test(t, an_idle_connection_keeps_no_buffers);
	tcase_add_test(t, either_direction_closes_by_itself);
	tcase_add_test(t, what_follows_close_notify_is_ignored);
	tcase_add_test(t, a_close_in_the_handshake_is_answered_and_ends_it);
	tcase_add_test(t, a_failed_connection_has_no_keys_and_takes_nothing);
	tcase_add_loop_test(t, an_unfit_configuration_makes_no_connection, 0, NITEMS(unfit));
	tcase_add_test(t, both_ends_export_the_same);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(build_suite());
}
