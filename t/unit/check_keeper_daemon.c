/*
 * check_keeper_daemon: runs that nobody has asked for: what they leave alone,
 * when the next one is to be, and what is found between deployments.
 */
#include <string.h>

#include <check.h>

#include "base/clock.h"
#include "due.h"
#include "fakes.h"
#include "suite.h"
#include "verify.h"

#define SLACK	HOUR	/* the machine may be slow; no time here is as close */

static void
run_scheduled(enum outcome outcome)
{
	script.setup.scheduled = true;
	fake_run_to(CMD_RENEW, outcome);
}

static void
expect_next(int64_t from, int64_t to)
{
	int64_t in = seen.next - clock_wall();

	ck_assert_msg(in >= from && in <= to, "next in %jd s, want %jd to %jd", (intmax_t)in,
	    (intmax_t)from, (intmax_t)to);
}

/* --- runs on schedule --- */

/* FAULTS L03 */
START_TEST(a_run_says_when_the_next_one_is_to_be)
{
	run_scheduled(OUT_OK);
	fake_check_active(0);
	/* the CA is asked again in a day, and that can wait a little */
	expect_next(DAY - SLACK, DAY + SLACK);
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	expect_next(DAY - SLACK, DAY + SLACK);
}
END_TEST

/* FAULTS A42: net cannot have it never asked again. */
START_TEST(the_ca_is_asked_again_in_a_day_whatever_net_says)
{
	script.ask_again = 400 * DAY;
	run_scheduled(OUT_OK);
	fake_check_active(0);
	expect_next(DAY - SLACK, DAY + SLACK);
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "");
}
END_TEST

/* FAULTS L03: its time is over, then the CA names another one, and that is kept. */
START_TEST(the_ca_is_asked_again_when_it_has_said_so)
{
	script.ask_again = 0;
	run_scheduled(OUT_OK);
	fake_check_active(0);
	fake_reset();
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer task:renewal");
	expect_next(DAY - SLACK, DAY + SLACK);
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "");
}
END_TEST

START_TEST(a_server_that_is_not_ready_is_tried_again_in_its_time)
{
	script.preflight = OUT_HOLD;
	run_scheduled(OUT_HOLD);
	expect_next(1, 2 * MINUTE);
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	fake_reset();
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	/* somebody has asked: at once */
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_check_active(0);
}
END_TEST

/* Version 1 is served, version 2 was rolled back. */
static void
roll_back(void)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	script.reload[0] = RELOAD_REFUSED;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_int_eq(fake_look(0).pending, PENDING_AGAIN);
}

/* An operator's attempt in between makes nobody ask the CA sooner. */
START_TEST(a_server_that_is_not_ready_leaves_the_wait_of_before)
{
	script.ca[0] = (struct fake_ca){ OUT_HOLD, ACME_TROUBLE_VALIDATION, 0, true };
	run_scheduled(OUT_HOLD);
	expect_next(DAY - SLACK, DAY * 3 / 2 + SLACK);
	fake_reset();
	script.preflight = OUT_RETRY;
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_RETRY);
	expect_next(DAY - SLACK, DAY * 3 / 2 + SLACK);
}
END_TEST

START_TEST(a_version_that_was_rolled_back_is_not_tried_again_of_itself)
{
	roll_back();
	fake_reset_due();
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	ck_assert_int_eq(fake_look(0).pending, PENDING_AGAIN);
	expect_next(30 * DAY, 90 * DAY);
	/* an operator asks */
	script.setup.scheduled = false;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(another_configuration_makes_it_worth_a_day_later)
{
	roll_back();
	fake_reset_due();
	script.program = true;
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	expect_next(DAY - SLACK, 2 * DAY);
}
END_TEST

/* --- servers with many connections --- */

static void
crowd(int64_t open)
{
	fake_reset_due();
	script.max_connections = 10;
	script.tls_open = open;
}

START_TEST(a_crowded_server_is_left_alone_until_it_is_quiet)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	crowd(10);
	run_scheduled(OUT_RETRY);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer preflight");
	expect_next(1, 16 * MINUTE);
	for (int i = 0; i < 3; i++) {	/* whoever asks is told the same */
		crowd(1000);
		fake_run_to(CMD_RENEW, OUT_RETRY);
	}
	crowd(9);
	run_scheduled(OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	expect_next(1, 16 * MINUTE);
	crowd(9);
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(force_and_the_first_certificate_do_not_wait_for_quiet)
{
	crowd(1000);
	fake_run_to(CMD_RENEW, OUT_OK);
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
}
END_TEST

/* --- what is served in between --- */

static void
look(bool to_record, enum outcome outcome)
{
	script.setup.scheduled = true;
	script.setup.force = to_record;
	fake_run_to(CMD_WATCH, outcome);
}

static void
expect_status(bool served)
{
	fake_reset();
	fake_run_to(CMD_STATUS, OUT_OK);
	ck_assert_uint_eq(seen.rows, 1);
	ck_assert_int_eq(seen.row.served, served);
}

static void
name_it(void)
{
	static char *name;

	name = fake_text("a.example.com");
	script.setup.certs = (struct strs){ &name, 1 };
}

START_TEST(what_is_served_as_it_was_is_no_news)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset();
	name_it();
	look(false, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:control verify");
	ck_assert_uint_eq(seen.findings, 0);
}
END_TEST

START_TEST(another_certificate_is_told_once_and_its_end_too)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset();
	name_it();
	script.verdict[0] = VERIFY_OLD;
	look(false, OUT_FINDING);
	ck_assert_uint_eq(seen.findings, 0);	/* a look alone says nothing, and leaves no trace */
	expect_status(true);
	name_it();
	script.verdict[0] = VERIFY_OLD;
	look(true, OUT_FINDING);
	ck_assert_uint_eq(seen.bad_findings, 1);
	expect_status(false);
	name_it();
	script.verdict[0] = VERIFY_OLD;
	look(false, OUT_OK);
	/* and well again */
	fake_reset();
	name_it();
	look(false, OUT_FINDING);
	look(true, OUT_FINDING);
	ck_assert_uint_eq(seen.findings, 1);
	ck_assert_uint_eq(seen.bad_findings, 0);
	expect_status(true);
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert_int_eq(fake_look(0).pending, PENDING_NONE);
}
END_TEST

START_TEST(a_deployment_ends_what_was_found)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset();
	name_it();
	script.verdict[0] = VERIFY_UNREACHABLE;
	look(true, OUT_FINDING);
	expect_status(false);
	fake_run_to(CMD_RELOAD, OUT_OK);
	expect_status(true);
}
END_TEST

START_TEST(what_was_never_proven_is_not_watched)
{
	name_it();
	look(false, OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	fake_reset();
	script.setup.no_hooks = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset();
	name_it();
	look(false, OUT_OK);
	ck_assert_str_eq(seen.trace, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keeper: daemon");
	TCase *t = tcase_create("keeper: daemon");

	tcase_add_checked_fixture(t, fake_start, fake_finish);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_run_says_when_the_next_one_is_to_be);
	tcase_add_test(t, the_ca_is_asked_again_in_a_day_whatever_net_says);
	tcase_add_test(t, the_ca_is_asked_again_when_it_has_said_so);
	tcase_add_test(t, a_server_that_is_not_ready_is_tried_again_in_its_time);
	tcase_add_test(t, a_server_that_is_not_ready_leaves_the_wait_of_before);
	tcase_add_test(t, a_version_that_was_rolled_back_is_not_tried_again_of_itself);
	tcase_add_test(t, another_configuration_makes_it_worth_a_day_later);
	tcase_add_test(t, a_crowded_server_is_left_alone_until_it_is_quiet);
	tcase_add_test(t, force_and_the_first_certificate_do_not_wait_for_quiet);
	tcase_add_test(t, what_is_served_as_it_was_is_no_news);
	tcase_add_test(t, another_certificate_is_told_once_and_its_end_too);
	tcase_add_test(t, a_deployment_ends_what_was_found);
	tcase_add_test(t, what_was_never_proven_is_not_watched);
	suite_add_tcase(s, t);
	return suite_run(s);
}
