/*
 * check_keeper_pair: a certificate with two keys: two orders, one version, and
 * nothing by halves, whatever happens in between.
 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"
#include "verify.h"

#define MESSAGES	24	/* more than a run has: the last rows are not cut off any more */

static void
again(void)
{
	fake_reset();
	script.pair = true;
}

static void
setup(void)
{
	fake_start();
	script.pair = true;
}

static void
check_pair(int64_t version)
{
	struct fake_state s = fake_look(0);

	ck_assert_int_eq(s.version, version);
	ck_assert_uint_eq(s.leaves, 2);
	ck_assert_int_eq(s.pending, PENDING_NONE);
	ck_assert(!s.has_order && !s.has_second);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
}

START_TEST(two_orders_make_one_version)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(strstr(seen.trace, "task:order put csr take task:order put csr take reload "
	    "verify") != NULL, "%s", seen.trace);
	ck_assert_ptr_null(strstr(seen.last, "no listener"));
	check_pair(1);
	ck_assert_uint_eq(fake_issued(), 2);
	ck_assert_uint_eq(fake_look(0).issues, 2);
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "");
}
END_TEST

START_TEST(killed_anywhere_nothing_is_ordered_twice_and_nothing_is_by_halves)
{
	struct fake_state s;

	script.kill_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	s = fake_look(0);
	ck_assert(s.version == 0 || s.leaves == 2);
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	check_pair(1);
	ck_assert_uint_eq(fake_issued(), 2);
}
END_TEST

START_TEST(a_renewal_killed_anywhere_is_finished_by_the_next_run)
{
	struct fake_state s;

	fake_run_to(CMD_RENEW, OUT_OK);
	again();
	script.setup.force = true;
	script.kill_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	s = fake_look(0);
	ck_assert_uint_eq(s.leaves, 2);
	again();
	script.setup.force = fake_look(0).version == 1 && s.pending == PENDING_NONE;
	fake_run_to(CMD_RENEW, OUT_OK);
	check_pair(2);
	ck_assert_uint_eq(fake_issued(), 4);
}
END_TEST

START_TEST(stopped_anywhere_the_next_run_goes_on)
{
	script.stop_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	again();
	script.setup.force = fake_look(0).version == 0;	/* it counts as a failure */
	fake_run_to(CMD_RENEW, OUT_OK);
	check_pair(1);
	ck_assert_uint_eq(fake_issued(), 2);
}
END_TEST

/* Each of them is sound, and is not what was asked for here. */
START_TEST(the_other_key_s_leaf_is_refused_and_the_first_one_is_kept)
{
	script.swaps = true;
	fake_run_to(CMD_RENEW, OUT_REFUSE);
	ck_assert_msg(strstr(seen.last, "public key") != NULL, "%s", seen.last);
	ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
	ck_assert(fake_look(0).has_order && !fake_look(0).has_second);
	again();
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(strstr(seen.trace, "task:order+ take task:order put csr take") != NULL, "%s",
	    seen.trace);
	check_pair(1);
}
END_TEST

START_TEST(a_chain_that_is_not_fit_is_refused_for_either_key)
{
	script.chain[0] = CHAIN_NO_ISSUER;
	fake_run_to(CMD_RENEW, OUT_REFUSE);
	ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
	ck_assert(!fake_look(0).has_order);
}
END_TEST

START_TEST(another_list_of_keys_makes_it_due)
{
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(fake_look(0).leaves, 1);
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	check_pair(2);
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 3);
	ck_assert_uint_eq(fake_look(0).leaves, 1);
	fake_check_active(0);
}
END_TEST

/* A server that has one half of a pair says what it thinks of who asks for the other. */
static bool
complains_of_us(struct msg_watched *m, unsigned n UNUSED)
{
	static char line[] = "ERROR: tls [tls_util.h:50]: no suitable signature algorithm";

	m->log = (struct errlog){ .known = true, .key = 1, .first = line };
	return true;
}

START_TEST(what_our_own_handshakes_left_in_the_log_is_no_complaint)
{
	static char log[] = "log", *words[] = { log };

	script.pair = true;
	script.watched = complains_of_us;
	script.rollback_on = (struct strs){ words, 1 };
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.notes, 0);
	check_pair(1);
}
END_TEST

START_TEST(a_pair_goes_back_as_one)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	again();
	script.setup.force = true;
	script.verdict[0] = VERIFY_OTHER;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_int_eq(fake_look(0).version, 1);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
	again();
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	again();
	fake_run_to(CMD_ROLLBACK, OUT_OK);
	check_pair(1);
}
END_TEST

START_TEST(both_are_revoked)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	again();
	script.setup.by_cert_key = _i == 1;
	fake_run_to(CMD_REVOKE, OUT_OK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "task:revoke task:revoke"));
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	check_pair(2);
}
END_TEST

START_TEST(a_dry_run_orders_both_and_installs_nothing)
{
	script.setup.dry_run = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "take task:order put csr take"));
	ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
	ck_assert(!fake_look(0).has_order && !fake_look(0).has_second);
}
END_TEST

START_TEST(check_and_status_know_both)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	again();
	fake_run_to(CMD_CHECK, OUT_OK);
	ck_assert_uint_eq(seen.bad_findings, 0);
	again();
	fake_run_to(CMD_STATUS, OUT_OK);
	ck_assert_uint_eq(seen.row.leaves.n, 2);
}
END_TEST

/* The CA's role speaks out of turn between two orders. */
static bool
offer_again(struct fake_task *t, enum fake_net_step step)
{
	struct msg_chain chain = { .job = t->job, .pem = { (uint8_t *)(uintptr_t)"x", 1 } };

	if (step != NET_TAKEN)
		return false;
	fake_probe(t, step, MSG_CHAIN, &chain);
	return true;
}

static bool
ask_for_a_request_again(struct fake_task *t, enum fake_net_step step)
{
	struct msg_csr csr = { .job = t->job, .order = t->order };

	if (step != NET_TAKEN)
		return false;
	fake_probe(t, step, MSG_CSR, &csr);
	return true;
}

START_TEST(between_two_orders_net_gets_nothing)
{
	script.hostile = _i == 0 ? offer_again : ask_for_a_request_again;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(seen.probe, MSG_FAILED);
	check_pair(1);
	ck_assert_uint_eq(fake_issued(), 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keeper_pair");
	TCase *t = tcase_create("pair");

	tcase_add_checked_fixture(t, setup, fake_finish);
	tcase_add_test(t, two_orders_make_one_version);
	tcase_add_loop_test(t, killed_anywhere_nothing_is_ordered_twice_and_nothing_is_by_halves, 1,
	    MESSAGES);
	tcase_add_loop_test(t, a_renewal_killed_anywhere_is_finished_by_the_next_run, 6, 18);
	tcase_add_loop_test(t, stopped_anywhere_the_next_run_goes_on, 8, 16);
	tcase_add_test(t, the_other_key_s_leaf_is_refused_and_the_first_one_is_kept);
	tcase_add_test(t, a_chain_that_is_not_fit_is_refused_for_either_key);
	tcase_add_test(t, another_list_of_keys_makes_it_due);
	tcase_add_test(t, what_our_own_handshakes_left_in_the_log_is_no_complaint);
	tcase_add_test(t, a_pair_goes_back_as_one);
	tcase_add_loop_test(t, both_are_revoked, 0, 2);
	tcase_add_test(t, a_dry_run_orders_both_and_installs_nothing);
	tcase_add_test(t, check_and_status_know_both);
	tcase_add_loop_test(t, between_two_orders_net_gets_nothing, 0, 2);
	suite_add_tcase(s, t);
	return suite_run(s);
}
