/*
 * check_tls_session: our stack and libssl, in memory, once the handshake is
 * over: records, new keys, the end, and the next connection.
 */
#include "suite.h"
#include "tlsjoint.h"

/* --- sizes and pieces --- */

static const size_t steps[] = { 1, 2, 5, 7, 100, 0 };

START_TEST(records_may_arrive_in_pieces_of_any_size)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct joint j = { .step = steps[_i] };

	new_theirs(&j, false);
	SSL_CTX_set_max_send_fragment(j.ctx, 512);
	join_server(&j, &server);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	talk(&j, 20000);
	joint_free(&j);

	j.step = steps[_i];
	new_theirs(&j, true);
	SSL_CTX_set_max_send_fragment(j.ctx, 512);
	use_identity(j.ctx, ID_RSA);
	join_client(&j, &client, SPAN_NONE);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	talk(&j, 20000);
	joint_free(&j);
}
END_TEST

START_TEST(padded_records_are_understood)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	struct joint j = { 0 };

	new_theirs(&j, false);
	SSL_CTX_set_block_padding(j.ctx, 4096);
	join_server(&j, &cfg);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	talk(&j, 30000);
	joint_free(&j);
}
END_TEST

/* --- keys --- */

static void
update_keys(struct joint *j)
{
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(tls_key_update(j->ours, i == 1, &j->err), 0);
		talk(j, 3000);
		ck_assert_int_eq(SSL_key_update(j->theirs, i == 2 ? SSL_KEY_UPDATE_REQUESTED :
		    SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		talk(j, 3000);
		talk(j, 10);
	}
}

START_TEST(keys_are_updated_both_ways)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct joint j = { 0 };

	new_theirs(&j, false);
	join_server(&j, &server);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	update_keys(&j);
	joint_free(&j);

	new_theirs(&j, true);
	use_identity(j.ctx, ID_EC256);
	join_client(&j, &client, SPAN_NONE);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	update_keys(&j);
	joint_free(&j);
}
END_TEST

START_TEST(exported_keying_material_is_the_same)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	uint8_t ours[40], theirs[40];
	struct joint j = { 0 };

	new_theirs(&j, false);
	join_server(&j, &cfg);
	run(&j);
	ck_assert_int_eq(tls_export(j.ours, "EXPORTER-test", span_str("context"), ours,
	    sizeof(ours)), 0);
	ck_assert_int_eq(SSL_export_keying_material(j.theirs, theirs, sizeof(theirs),
	    "EXPORTER-test", 13, (const unsigned char *)"context", 7, 1), 1);
	ck_assert_mem_eq(ours, theirs, sizeof(ours));
	joint_free(&j);
}
END_TEST

/* --- resumption and early data --- */

static SSL_SESSION *kept;

static int
keep_session(SSL *ssl UNUSED, SSL_SESSION *session)
{
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

/* A session of a libssl client with our server. */
static void
get_session(const struct tls_config *cfg, const char *suite)
{
	struct joint j = { 0 };

	new_theirs(&j, false);
	ck_assert_int_eq(SSL_CTX_set_ciphersuites(j.ctx, suite), 1);
	/* Not in the context's own cache: its end would spoil the session. */
	SSL_CTX_set_session_cache_mode(j.ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(j.ctx, keep_session);
	join_server(&j, cfg);
	run(&j);
	talk(&j, 10);
	ck_assert_ptr_nonnull(kept);
	/* Or else libssl holds the session to be bad. */
	(void)SSL_shutdown(j.theirs);
	joint_free(&j);
}

START_TEST(a_libssl_client_resumes)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids, .tickets = tickets };
	uint16_t p384[] = { 0x0018, 0 };
	struct tls_info info;
	struct joint j = { 0 };

	for (int retry = 0; retry < 2; retry++) {
		cfg.groups = NULL;
		get_session(&cfg, suites_13[_i].name);
		cfg.groups = retry ? p384 : NULL;
		new_theirs(&j, false);
		join_server(&j, &cfg);
		SSL_set_session(j.theirs, kept);
		run(&j);
		ck_assert_msg(is_open(&j), "%s", why(&j));
		tls_info(j.ours, &info);
		/*
		 * Our server prefers AES-128: another hash than the ticket's is
		 * a full handshake.
		 */
		ck_assert_int_eq(info.resumed, _i != 1);
		ck_assert_int_eq(SSL_session_reused(j.theirs), info.resumed);
		ck_assert_int_eq(info.retried, retry);
		talk(&j, 100);
		joint_free(&j);
	}
	SSL_SESSION_free(kept);
	kept = NULL;
}
END_TEST

START_TEST(our_client_resumes)
{
	uint16_t suite[] = { suites_13[_i].id, 0 }, groups_ours[] = { 0x001d, 0x0018, 0 };
	struct tls_config cfg = { .verify = accept_any, .suites = suite, .groups = groups_ours };
	struct tls_info info;
	struct joint first = { 0 }, j = { 0 };

	new_theirs(&first, true);
	use_identity(first.ctx, ID_EC256);
	SSL_CTX_set_session_id_context(first.ctx, (const unsigned char *)"x", 1);
	join_client(&first, &cfg, SPAN_NONE);
	run(&first);
	talk(&first, 10);
	ck_assert_uint_gt(tls_session(first.ours).n, 0);
	for (int retry = 0; retry < 2; retry++) {
		j.ctx = first.ctx;
		SSL_CTX_up_ref(j.ctx);
		SSL_CTX_set1_groups_list(j.ctx, retry ? "P-384" : "X25519");
		join_client(&j, &cfg, tls_session(first.ours));
		run(&j);
		ck_assert_msg(is_open(&j), "%s", why(&j));
		tls_info(j.ours, &info);
		ck_assert(info.resumed && SSL_session_reused(j.theirs));
		ck_assert_int_eq(info.retried, retry);
		talk(&j, 100);
		joint_free(&j);
	}
	joint_free(&first);
}
END_TEST

START_TEST(early_data_is_skipped_and_the_handshake_goes_on)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids, .tickets = tickets };
	uint16_t p384[] = { 0x0018, 0 };
	uint8_t early[10000] = { 1 };
	size_t written;
	struct joint j = { 0 };

	get_session(&cfg, "TLS_AES_128_GCM_SHA256");
	ck_assert_int_eq(SSL_SESSION_set_max_early_data(kept, 20000), 1);
	cfg.groups = _i == 1 ? p384 : NULL;
	cfg.tickets = _i == 2 ? NULL : tickets;
	j.step = _i == 3 ? 1 : 0;
	new_theirs(&j, false);
	join_server(&j, &cfg);
	SSL_set_session(j.theirs, kept);
	ck_assert_msg(SSL_write_early_data(j.theirs, early, sizeof(early), &written) == 1, "%s",
	    why(&j));
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	ck_assert_int_eq(SSL_get_early_data_status(j.theirs), SSL_EARLY_DATA_REJECTED);
	ck_assert_uint_eq(tls_read(j.ours).n, 0);
	talk(&j, 100);
	joint_free(&j);
	SSL_SESSION_free(kept);
	kept = NULL;
}
END_TEST

/* --- the end --- */

START_TEST(renegotiation_is_refused_by_a_warning)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	struct tls_info info;
	struct joint j = { 0 };

	new_theirs(&j, false);
	SSL_CTX_set_max_proto_version(j.ctx, TLS1_2_VERSION);
	join_server(&j, &cfg);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	ck_assert_int_eq(SSL_renegotiate(j.theirs), 1);
	run(&j);
	tls_info(j.ours, &info);
	ck_assert_int_eq(info.alert_sent, TLS_ALERT_NO_RENEGOTIATION);
	/* It is libssl that does not want to go on then. */
	ck_assert_int_eq(info.alert_received, TLS_ALERT_HANDSHAKE_FAILURE);
	joint_free(&j);
}
END_TEST

START_TEST(close_notify_is_understood_both_ways)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	uint8_t data[10];
	struct joint j = { 0 };

	new_theirs(&j, false);
	SSL_CTX_set_max_proto_version(j.ctx, _i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	join_server(&j, &cfg);
	run(&j);
	(void)SSL_shutdown(j.theirs);
	(void)move(&j);
	ck_assert_int_eq(tls_state(j.ours), TLS_CLOSED);
	tls_close(j.ours);
	(void)move(&j);
	ck_assert_int_le(SSL_read(j.theirs, data, sizeof(data)), 0);
	ck_assert_int_eq(SSL_get_shutdown(j.theirs), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	joint_free(&j);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls session");
	TCase *t = tcase_create("libssl");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, records_may_arrive_in_pieces_of_any_size, 0, NITEMS(steps));
	tcase_add_test(t, padded_records_are_understood);
	tcase_add_test(t, keys_are_updated_both_ways);
	tcase_add_test(t, exported_keying_material_is_the_same);
	tcase_add_loop_test(t, a_libssl_client_resumes, 0, NITEMS(suites_13));
	tcase_add_loop_test(t, our_client_resumes, 0, NITEMS(suites_13));
	tcase_add_loop_test(t, early_data_is_skipped_and_the_handshake_goes_on, 0, 4);
	tcase_add_test(t, renegotiation_is_refused_by_a_warning);
	tcase_add_loop_test(t, close_notify_is_understood_both_ways, 0, 2);
	suite_add_tcase(s, t);
	return suite_run(s);
}
