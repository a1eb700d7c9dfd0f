/*
 * check_tls_pair: our client and our server, joined in memory, from what they
 * agree upon to the end of the connection.
 */
#include "suite.h"
#include "tlsends.h"

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
	struct tls_config server = { .identities = own, .verify = accept_any,
	    .signatures = signatures, .client_auth = TLS_CLIENT_AUTH_REQUIRE };
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
	{ "the server's preference among shares", { 0x001d, 0x0017 }, { 0x0017, 0x001d }, 0x001d,
	    false },
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
choose_by_name(void *arg, const struct tls_hello *h, const struct tls_identity **out,
    uint8_t *alert)
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
	struct tls_config client = { .verify = accept_any, .signatures = _i == 0 ? signatures :
	    NULL, .alpn = theirs };
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
	ck_assert_int_eq(tls_client_new(&client, names[_i].name, SPAN_NONE, &p.client,
	    &p.client_err), 0);
	pair_run(&p, 0);
	ck_assert_int_eq(info_of(p.client).alert_received, names[_i].alert);
	pair_free(&p);
}
END_TEST

static int
refuse_expired(void *arg, const struct span *ders UNUSED, size_t n UNUSED, uint8_t *alert,
    struct err *e)
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
	struct tls_config client = { .verify = accept_any,
	    .record_limit = limits[NITEMS(limits) - 1 - (size_t)_i] };
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
	static const uint8_t rubbish[] = { 23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	    13, 14,
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
	{ "no suite of TLS 1.3", false, { .verify = accept_any,
	    .suites = (const uint16_t[]){ 0xc02b, 0 } } },
	{ "no group", false, { .verify = accept_any, .groups = (const uint16_t[]){ 0 } } },
	{ "an empty protocol", false, { .verify = accept_any,
	    .alpn = (const char *const[]){ "", NULL } } },
};

START_TEST(an_unfit_configuration_makes_no_connection)
{
	struct tls_conn *c;
	struct err e = ERR_NONE;

	if (unfit[_i].is_server)
		ck_assert_msg(tls_server_new(&unfit[_i].cfg, &c, &e) == -1, "%s", unfit[_i].what);
	else
		ck_assert_msg(tls_client_new(&unfit[_i].cfg, "a.example", SPAN_NONE, &c, &e) == -1,
		    "%s", unfit[_i].what);
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

int
main(void)
{
	Suite *s = suite_create("tls pair");
	TCase *t = tcase_create("loopback");

	tcase_set_timeout(t, 30);
	tcase_add_unchecked_fixture(t, set_up_ends, tear_down);
	tcase_add_loop_test(t, every_suite_group_and_signature_works, 0, 9 * NITEMS(schemes));
	tcase_add_loop_test(t, a_group_without_share_costs_a_round_trip, 0, NITEMS(retries));
	tcase_add_loop_test(t, an_identity_is_chosen_by_name_and_protocol_and_fits_the_client, 0,
	    2);
	tcase_add_loop_test(t, a_name_that_is_not_served_is_refused_by_the_alert_that_was_chosen, 0,
	    NITEMS(names));
	tcase_add_loop_test(t, the_verdict_on_a_certificate_reaches_the_peer, 0, 2);
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
	tcase_add_loop_test(t, no_secret_is_left_in_memory_after_the_end, 0, 2);
	suite_add_tcase(s, t);
	return suite_run(s);
}
