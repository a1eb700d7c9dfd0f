/*
 * check_keeper_order: what comes from the CA and from net: chains that are
 * not fit, and a net role that ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"

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
	ck_assert_msg(strstr(seen.trace, "csr leave") != NULL, "%s: %s", chain_words[_i],
	    seen.trace);
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
	ck_assert_msg((strcmp(order, seen.order) == 0) == ends[_i].continues, "%s: %s, then %s",
	    what, order, seen.order);
	if (ends[_i].continues)
		ck_assert_msg(span_eq(blob_span(&key), blob_span(&seen.public_key)),
		    "%s: another key", what);
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

/* --- orders at the same time --- */

static const struct {
	const char	*what;
	bool		 alpn, twins;
	unsigned	 most;		/* orders that may be under way */
} crowds[] = {
	{ "tls-alpn-01, the same name: one after the other", true, true, 1 },
	{ "tls-alpn-01, other names: at the same time", true, false, FAKE_CERTS },
	{ "http-01, the same name: at the same time", false, true, FAKE_CERTS },
};

static unsigned under_way, most;

static bool
count_orders(struct fake_task *t, enum fake_net_step step)
{
	under_way += t->kind == ACME_ORDER && step == NET_TASK;
	under_way -= t->kind == ACME_ORDER && step == NET_TAKEN;
	most = under_way > most ? under_way : most;
	return false;
}

/* RFC 8737 section 3: one certificate stands for a name. */
START_TEST(a_name_is_shown_for_one_order_at_a_time)
{
	under_way = most = 0;
	script.certs = FAKE_CERTS;
	script.twins = crowds[_i].twins;
	script.alpn = crowds[_i].alpn;
	script.bare = true;
	script.hostile = count_orders;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(most == crowds[_i].most, "%s: got %u, want %u", crowds[_i].what, most,
	    crowds[_i].most);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("keeper_order");
	TCase *tc = fake_case(s, "order");

	tcase_add_loop_test(tc, a_chain_that_is_not_fit_is_refused_and_nothing_is_installed,
	    CHAIN_WRONG_KEY, CHAIN_KINDS);
	tcase_add_test(tc, an_alternate_chain_is_looked_at_when_the_first_is_not_fit);
	tcase_add_test(tc, of_alternates_that_are_all_unfit_none_is_taken);
	tcase_add_test(tc, a_renewal_that_is_refused_leaves_what_is_active_and_served);
	tcase_add_loop_test(tc, when_net_ends_nothing_changes_and_the_next_run_goes_on, 0,
	    NET_STEPS);
	tcase_add_test(tc, orders_that_fail_before_the_end_do_not_use_up_the_budget);
	tcase_add_test(tc, three_failed_validations_hold_a_name_back);
	tcase_add_loop_test(tc, a_name_is_shown_for_one_order_at_a_time, 0, NITEMS(crowds));
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
