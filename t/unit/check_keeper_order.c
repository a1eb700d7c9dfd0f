/*
 * check_keeper_order: what comes from the CA and from net: chains that are
 * not fit, a net role that ends, and one that is an attacker's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "fakes.h"

/* A run that comes at once, whatever the one before came to. */
static void
again(void)
{
	const char *host = script.host;

	fake_reset();
	script.host = host;
	script.setup.force = true;
}

/* --- chains --- */

static const char *const chain_words[CHAIN_KINDS] = {
	"good", "wrong key", "wrong name", "expired", "no issuer", "HTML", "empty", "key inside",
};

START_TEST(a_chain_that_is_not_fit_is_refused_and_nothing_is_installed)
{
	struct fake_state s;

	script.host = FAKE_PUBLIC;
	script.chain[0] = (enum fake_chain)_i;
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == OUT_REFUSE, "%s: got %jd (%s)", chain_words[_i],
	    (intmax_t)seen.outcome, seen.last);
	ck_assert_msg(strstr(seen.trace, "csr leave") != NULL, "%s: %s", chain_words[_i], seen.trace);
	ck_assert_ptr_null(strstr(seen.trace, "reload"));
	s = fake_look(0);
	ck_assert_int_eq(s.health, INSTALL_EMPTY);
	ck_assert_int_eq(s.failures, 1);
	ck_assert(!s.has_order);
	ck_assert_msg(!fake_store_has(fake_ca_secret()), "%s: the key was stored", chain_words[_i]);
	/* 34 hours, even for --force */
	again();
	fake_run_to(CMD_RENEW, OUT_REFUSE);
	ck_assert_str_eq(seen.trace, "");
}
END_TEST

START_TEST(an_alternate_chain_is_looked_at_when_the_first_is_not_fit)
{
	script.chains = 2;
	script.chain[0] = CHAIN_NO_ISSUER;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "csr leave take reload"));
	fake_check_active(0);
}
END_TEST

START_TEST(of_alternates_that_are_all_unfit_none_is_taken)
{
	script.chains = 3;
	script.chain[0] = CHAIN_NO_ISSUER;
	script.chain[1] = CHAIN_WRONG_NAME;
	script.chain[2] = CHAIN_WRONG_KEY;
	fake_run_to(CMD_RENEW, OUT_REFUSE);
	ck_assert_ptr_nonnull(strstr(seen.trace, "csr leave leave leave"));
	ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
}
END_TEST

START_TEST(a_renewal_that_is_refused_leaves_what_is_active_and_served)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	again();
	script.chain[0] = CHAIN_WRONG_KEY;
	fake_run_to(CMD_RENEW, OUT_REFUSE);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
	ck_assert_int_eq(fake_look(0).version, 1);
}
END_TEST

/* --- net ends --- */

static const struct {
	const char	*what;
	enum outcome	 outcome;
	size_t		 issues;	/* that count for the budget afterwards */
	bool		 continues;
} ends[NET_STEPS] = {
	[NET_TASK] = { "as it gets the order", OUT_RETRY, 0, false },
	[NET_SIGNED] = { "with the signature", OUT_RETRY, 0, false },
	[NET_SOLVED] = { "behind the challenge", OUT_RETRY, 0, false },
	[NET_CSR] = { "with the request", OUT_RETRY, 1, true },
	[NET_OFFERED] = { "behind the chain", OUT_OK, 1, false },
	[NET_TAKEN] = { "behind the answer to it", OUT_OK, 1, false },
};

START_TEST(when_net_ends_nothing_changes_and_the_next_run_goes_on)
{
	const char *what = ends[_i].what;
	struct blob key = { NULL, 0 };
	struct fake_state s;
	char order[256];

	script.host = FAKE_PUBLIC;
	script.net_dies = true;
	script.net_dies_at = (enum fake_net_step)_i;
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == (int64_t)ends[_i].outcome, "%s: got %jd (%s)", what,
	    (intmax_t)seen.outcome, seen.last);
	s = fake_look(0);
	ck_assert_msg(s.issues == ends[_i].issues, "%s: %zu issues", what, s.issues);
	if (ends[_i].outcome == OUT_OK) {
		fake_check_active(0);
		ck_assert(!s.has_order);
		return;
	}
	ck_assert_int_eq(s.health, INSTALL_EMPTY);
	snprintf(order, sizeof order, "%s", seen.order);
	ck_assert_int_eq(blob_set(&key, blob_span(&seen.public_key)), 0);
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_check_active(0);
	ck_assert_msg((strcmp(order, seen.order) == 0) == ends[_i].continues, "%s: %s, then %s", what,
	    order, seen.order);
	if (ends[_i].continues)
		ck_assert_msg(span_eq(blob_span(&key), blob_span(&seen.public_key)), "%s: another key",
		    what);
	ck_assert_uint_eq(fake_issued(), 1);
	blob_clear(&key);
}
END_TEST

START_TEST(orders_that_fail_before_the_end_do_not_use_up_the_budget)
{
	script.host = FAKE_PUBLIC;
	for (int i = 0; i < 4; i++) {
		again();
		script.net_dies = true;
		script.net_dies_at = NET_SIGNED;
		fake_run_to(CMD_RENEW, OUT_RETRY);
		ck_assert_ptr_nonnull(strstr(seen.trace, "task:order"));
	}
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_check_active(0);
}
END_TEST

static bool
fail_validation(struct fake_task *t, enum fake_net_step step)
{
	struct msg_error body = { .class = OUT_RETRY, .text = fake_text("unauthorized"),
		.trouble = ACME_TROUBLE_VALIDATION };

	if (step != NET_SOLVED)
		return false;
	fake_answer(t, MSG_FAILED, &body);
	return true;
}

START_TEST(three_failed_validations_hold_a_name_back)
{
	script.host = FAKE_PUBLIC;
	for (int i = 0; i < 3; i++) {
		again();
		script.hostile = fail_validation;
		fake_run_to(CMD_RENEW, OUT_RETRY);
		ck_assert_ptr_nonnull(strstr(seen.trace, "put"));
	}
	again();
	fake_run_to(CMD_RENEW, OUT_RETRY);
	ck_assert_str_eq(seen.trace, "");
}
END_TEST

/* --- an attacker's net --- */

static const struct sign_row {
	const char	*what;
	int64_t		 job;
	int64_t		 key;
	const char	*url;		/* beginning with a slash: at the CA */
	const char	*nonce;
	size_t		 payload;	/* so many zeros */
} signs[] = {
	{ "another host", 0, ACME_KEY_KID, "https://evil.example.net/new-order", "bm9uY2U", 0 },
	{ "another port", 0, ACME_KEY_KID, "https://127.0.0.1:14001/new-order", "bm9uY2U", 0 },
	{ "no https", 0, ACME_KEY_KID, "http://127.0.0.1:14000/new-order", "bm9uY2U", 0 },
	{ "a file", 0, ACME_KEY_KID, "file:///etc/passwd", "bm9uY2U", 0 },
	{ "no URL", 0, ACME_KEY_KID, NULL, "bm9uY2U", 0 },
	{ "a job that is none", 77, ACME_KEY_KID, "/new-order", "bm9uY2U", 0 },
	{ "the largest job", INT64_MAX, ACME_KEY_KID, "/new-order", "bm9uY2U", 0 },
	{ "an account that is none", -99, ACME_KEY_KID, "/new-order", "bm9uY2U", 0 },
	{ "the smallest account", INT64_MIN, ACME_KEY_KID, "/new-order", "bm9uY2U", 0 },
	{ "a kind of key that is none", 0, 99, "/new-order", "bm9uY2U", 0 },
	{ "a negative kind of key", 0, -1, "/new-order", "bm9uY2U", 0 },
	{ "a key for a rollover", 0, ACME_KEY_NEW, "/key-change", NULL, 0 },
	{ "the certificate's key", 0, ACME_KEY_CERT, "/revoke", "bm9uY2U", 0 },
	{ "a binding that is not configured", 0, ACME_KEY_EAB, "/new-account", NULL, 0 },
	{ "no nonce", 0, ACME_KEY_KID, "/new-order", NULL, 0 },
	{ "a nonce that is none", 0, ACME_KEY_KID, "/new-order", "\",\"kid\":\"", 0 },
	{ "what is no JSON", 0, ACME_KEY_KID, "/new-order", "bm9uY2U", 3 },
	{ "a payload beyond all measure", 0, ACME_KEY_KID, "/new-order", "bm9uY2U", 1024 * 1024 },
};

static int row_of_test;

static bool
probe_sign(struct fake_task *t, enum fake_net_step step)
{
	static uint8_t payload[1024 * 1024];
	const struct sign_row *row = &signs[row_of_test];
	const char *url = row->url != NULL && row->url[0] == '/' ? fake_url(row->url) : row->url;
	struct msg_sign body = { .job = row->job, .sign = { .key = row->key, .url = fake_text(url),
	    .nonce = fake_text(row->nonce), .payload = { payload, row->payload } } };

	if (step != NET_TASK)
		return false;
	fake_probe(t, step, MSG_SIGN, &body);
	return true;
}

START_TEST(what_is_not_for_this_ca_and_this_run_is_not_signed)
{
	row_of_test = _i;
	script.hostile = probe_sign;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(seen.probe == MSG_FAILED, "%s: got message %u", signs[_i].what, seen.probe);
	fake_check_active(0);
}
END_TEST

static const struct {
	const char	*what;
	const char	*path;
	const char	*payload;
} payloads[] = {
	{ "an order for somebody else's name", "/new-order",
	  "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"bank.example.net\"}]}" },
	{ "an order for one name more", "/new-order",
	  "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example.com\"},"
	  "{\"type\":\"dns\",\"value\":\"bank.example.net\"}]}" },
	{ "an order without names", "/new-order", "{\"identifiers\":[]}" },
	{ "a request with another key", "/finalize/1", "{\"csr\":\"MIIBAA\"}" },
	{ "a change of keys", "/key-change",
	  "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AAAA\"}" },
	{ "the end of the account", "/account/1", "{\"status\":\"deactivated\"}" },
	{ "a revocation", "/revoke", "{\"certificate\":\"MIIBAA\"}" },
	{ "a member that no request has", "/new-order",
	  "{\"identifier\":{\"type\":\"dns\",\"value\":\"a.example.com\"}}" },
	{ "a text", "/new-order", "\"csr\"" },
};

static bool
probe_payload(struct fake_task *t, enum fake_net_step step)
{
	const char *text = payloads[row_of_test].payload;
	struct msg_sign body = { .job = 0, .sign = { .key = ACME_KEY_KID,
	    .url = fake_text(fake_url(payloads[row_of_test].path)), .nonce = fake_text("bm9uY2U"),
	    .payload = { (uint8_t *)(uintptr_t)text, strlen(text) } } };

	if (step != NET_TASK)
		return false;
	fake_probe(t, step, MSG_SIGN, &body);
	return true;
}

START_TEST(what_is_not_about_this_order_is_not_signed)
{
	row_of_test = _i;
	script.hostile = probe_payload;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(seen.probe == MSG_FAILED, "%s: got message %u", payloads[_i].what, seen.probe);
	fake_check_active(0);
}
END_TEST

static bool
probe_account_without_key(struct fake_task *t, enum fake_net_step step)
{
	struct msg_sign body = { .job = -1, .sign = { .key = ACME_KEY_KID,
	    .url = fake_text(fake_url("/new-order")), .nonce = fake_text("bm9uY2U") } };

	fake_probe(t, step, MSG_SIGN, &body);
	return true;
}

START_TEST(a_run_that_only_asks_for_renewal_information_has_no_key_to_sign_with)
{
	script.ask_again = 0;
	fake_run_to(CMD_RENEW, OUT_OK);
	script.hostile = probe_account_without_key;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer task:renewal");
	ck_assert_uint_eq(seen.probe, MSG_FAILED);
}
END_TEST

static const struct solve_row {
	const char	*what;
	int64_t		 job;
	const char	*type;
	const char	*token;
	const char	*key_auth;
} solves[] = {
#define PRINT ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	{ "a token with slashes", 0, "http-01", "../../../etc/cron.d/evil_evil_ev",
	  "../../../etc/cron.d/evil_evil_ev" PRINT },
	{ "a short token", 0, "http-01", "abc", "abc" PRINT },
	{ "no token", 0, "http-01", NULL, FAKE_TOKEN PRINT },
	{ "no key authorization", 0, "http-01", FAKE_TOKEN, NULL },
	{ "something else than a key authorization", 0, "http-01", FAKE_TOKEN, "<script>" },
	{ "a type that is not configured", 0, "dns-01", FAKE_TOKEN, FAKE_TOKEN PRINT },
	{ "no type", 0, NULL, FAKE_TOKEN, FAKE_TOKEN PRINT },
	{ "a job that is none", 9, "http-01", FAKE_TOKEN, FAKE_TOKEN PRINT },
};

static bool
probe_solve(struct fake_task *t, enum fake_net_step step)
{
	const struct solve_row *row = &solves[row_of_test];
	struct acme_challenge c = { .type = fake_text(row->type), .token = fake_text(row->token),
		.key_auth = fake_text(row->key_auth) };
	struct msg_solve body = { .job = row->job, .challenges = { &c, 1 } };

	if (step != NET_SIGNED)
		return false;
	fake_send(ROLE_NET, MSG_UNSOLVE, 0, &body);
	fake_probe(t, step, MSG_SOLVE, &body);
	return true;
}

START_TEST(what_is_no_challenge_is_not_put_up)
{
	row_of_test = _i;
	script.hostile = probe_solve;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(seen.probe == MSG_FAILED, "%s: got message %u", solves[_i].what, seen.probe);
	fake_check_active(0);
}
END_TEST

static const struct csr_row {
	const char	*what;
	int64_t		 job;
	const char	*order;
	enum fake_net_step at;
} csrs[] = {
	{ "an order elsewhere", 0, "https://evil.example.net/order/1", NET_TASK },
	{ "no order", 0, NULL, NET_SOLVED },
	{ "a job that is none", 3, "https://" FAKE_LOOPBACK "/order/1", NET_SOLVED },
	{ "a negative job", -1, "https://" FAKE_LOOPBACK "/order/1", NET_SOLVED },
	{ "when it is over", 0, "https://" FAKE_LOOPBACK "/order/1", NET_TAKEN },
};

static bool
probe_csr(struct fake_task *t, enum fake_net_step step)
{
	const struct csr_row *row = &csrs[row_of_test];
	struct msg_csr body = { .job = row->job, .order = fake_text(row->order) };

	if (t->kind != ACME_ORDER || step != row->at)
		return false;
	fake_probe(t, step, MSG_CSR, &body);
	return true;
}

START_TEST(no_request_is_made_but_for_the_order_under_way)
{
	row_of_test = _i;
	script.hostile = probe_csr;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(seen.probe == MSG_FAILED, "%s: got message %u", csrs[_i].what, seen.probe);
	fake_check_active(0);
	ck_assert(!fake_look(0).has_order);
}
END_TEST

static const struct chain_row {
	const char	*what;
	int64_t		 job;
	enum fake_net_step at;
	enum outcome	 outcome;
} chains[] = {
	{ "before anything", 0, NET_TASK, OUT_REFUSE },
	{ "for a job that is none", 5, NET_CSR, OUT_OK },
	{ "for a negative job", -1, NET_CSR, OUT_OK },
	{ "right behind the one offered", 0, NET_OFFERED, OUT_OK },
	{ "when one was taken", 0, NET_TAKEN, OUT_OK },
};

static bool
probe_chain(struct fake_task *t, enum fake_net_step step)
{
	const struct chain_row *row = &chains[row_of_test];
	struct msg_chain body = { .job = row->job, .ca_time = (int64_t)time(NULL),
		.pem = { (uint8_t *)fake_text("zyxwvutsrq"), 10 } };

	if (t->kind != ACME_ORDER || step != row->at)
		return false;
	fake_probe(t, step, MSG_CHAIN, &body);
	return true;
}

START_TEST(a_chain_out_of_turn_never_reaches_the_store)
{
	row_of_test = _i;
	script.hostile = probe_chain;
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == (int64_t)chains[_i].outcome, "%s: got %jd (%s)",
	    chains[_i].what, (intmax_t)seen.outcome, seen.last);
	if (chains[_i].outcome == OUT_OK) {
		ck_assert(!fake_store_has("zyxwvutsrq"));
		ck_assert_uint_eq(seen.probe, MSG_FAILED);
		fake_check_active(0);
	} else
		ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
}
END_TEST

/* --- answers that are none --- */

static const struct msg_error no_error = { .class = OUT_OK };
static const struct msg_error rolled_back = { .class = OUT_ROLLBACK };
static const struct msg_error odd = { .class = -7, .trouble = INT64_MAX, .retry_at = INT64_MIN };
static const struct acme_result no_result;
static const struct msg_signed no_signature;
static const struct msg_take take = { .take = true };
static const struct msg_end end = { .outcome = OUT_OK };

static const struct {
	const char		*what;
	enum message_type	 type;
	const void		*body;
	uint64_t		 id;	/* 0: that of the task */
} answers[] = {
	{ "done", MSG_DONE, NULL, 0 },
	{ "a signature", MSG_SIGNED, &no_signature, 0 },
	{ "take", MSG_TAKE, &take, 0 },
	{ "a result without a certificate", MSG_RESULT, &no_result, 0 },
	{ "failed, and all is well", MSG_FAILED, &no_error, 0 },
	{ "failed, and rolled back", MSG_FAILED, &rolled_back, 0 },
	{ "failed with numbers that are none", MSG_FAILED, &odd, 0 },
	{ "an answer that nobody waits for", MSG_DONE, NULL, 4711 },
	{ "the end of the run", MSG_END, &end, 0 },
	{ "stop", MSG_STOP, NULL, 0 },
};

static bool
answer_oddly(struct fake_task *t, enum fake_net_step step)
{
	if (step != NET_SIGNED)
		return false;
	fake_send(ROLE_NET, answers[row_of_test].type,
	    answers[row_of_test].id != 0 ? answers[row_of_test].id : t->id, answers[row_of_test].body);
	return true;
}

START_TEST(a_task_with_an_odd_end_is_a_retry)
{
	row_of_test = _i;
	script.hostile = answer_oddly;
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == OUT_RETRY, "%s: got %jd (%s)", answers[_i].what,
	    (intmax_t)seen.outcome, seen.last);
	ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("keeper_order");
	TCase *tc = tcase_create("order");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_start, fake_finish);
	tcase_add_loop_test(tc, a_chain_that_is_not_fit_is_refused_and_nothing_is_installed,
	    CHAIN_WRONG_KEY, CHAIN_KINDS);
	tcase_add_test(tc, an_alternate_chain_is_looked_at_when_the_first_is_not_fit);
	tcase_add_test(tc, of_alternates_that_are_all_unfit_none_is_taken);
	tcase_add_test(tc, a_renewal_that_is_refused_leaves_what_is_active_and_served);
	tcase_add_loop_test(tc, when_net_ends_nothing_changes_and_the_next_run_goes_on, 0, NET_STEPS);
	tcase_add_test(tc, orders_that_fail_before_the_end_do_not_use_up_the_budget);
	tcase_add_test(tc, three_failed_validations_hold_a_name_back);
	tcase_add_loop_test(tc, what_is_not_for_this_ca_and_this_run_is_not_signed, 0, NITEMS(signs));
	tcase_add_loop_test(tc, what_is_not_about_this_order_is_not_signed, 0,
	    (int)NITEMS(payloads));
	tcase_add_test(tc, a_run_that_only_asks_for_renewal_information_has_no_key_to_sign_with);
	tcase_add_loop_test(tc, what_is_no_challenge_is_not_put_up, 0, NITEMS(solves));
	tcase_add_loop_test(tc, no_request_is_made_but_for_the_order_under_way, 0, NITEMS(csrs));
	tcase_add_loop_test(tc, a_chain_out_of_turn_never_reaches_the_store, 0, NITEMS(chains));
	tcase_add_loop_test(tc, a_task_with_an_odd_end_is_a_retry, 0, NITEMS(answers));
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(make_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
