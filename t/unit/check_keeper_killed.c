/*
 * check_keeper_killed: the keeper killed, and told to stop, at every message
 * of a run; and a server's side that lies.
 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"
#include "verify.h"

#define MESSAGES	22	/* more than a run has: the last rows are not cut off any more */

/* Whatever is active is whole; nothing may be. */
static void
check_whole(int64_t oldest)
{
	struct fake_state s = fake_look(0);

	ck_assert_msg(s.version >= oldest, "version %jd", (intmax_t)s.version);
	if (s.version != 0)
		fake_check_active(0);
	else
		ck_assert_int_eq(s.health, INSTALL_EMPTY);
}

static void
check_end(int64_t version)
{
	struct fake_state s = fake_look(0);

	ck_assert_msg(s.version == version && s.pending == PENDING_NONE &&
	    s.journal == JOURNAL_DONE && !s.has_order,
	    "version %jd, pending %d, journal %d, order %d",
	    (intmax_t)s.version, (int)s.pending, (int)s.journal, (int)s.has_order);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
	ck_assert_uint_eq(fake_issued(), (unsigned)version);
}

START_TEST(a_first_issue_that_is_killed_anywhere_is_finished_by_the_next_run)
{
	script.kill_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	check_whole(0);
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	check_end(1);
}
END_TEST

START_TEST(a_record_is_in_the_dns_for_as_long_as_the_order_needs_it)
{
	script.dns = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "task:order find present await"));
	ck_assert_ptr_nonnull(strstr(seen.trace, "absent"));
	ck_assert_int_eq(fake_records(), 0);
	check_end(1);
}
END_TEST

START_TEST(a_record_that_a_killed_run_leaves_is_taken_out_by_the_next_one)
{
	script.dns = true;
	script.kill_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	check_whole(0);
	fake_reset();
	script.dns = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	check_end(1);
	ck_assert_int_eq(fake_records(), 0);
}
END_TEST

START_TEST(a_renewal_that_is_killed_anywhere_is_finished_by_the_next_run)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	script.kill_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	check_whole(1);
	fake_reset_due();
	fake_run_to(CMD_RENEW, OUT_OK);
	check_end(2);
	ck_assert_str_eq(fake_look(0).key_type, "ecdsa-p384");
}
END_TEST

/* The way back begins behind the issue: messages 9 to 14 or so of the run. */
START_TEST(a_way_back_that_is_killed_anywhere_is_finished_by_the_next_run)
{
	struct fake_state s;

	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	script.reload[0] = RELOAD_REFUSED;
	script.kill_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	check_whole(1);
	fake_reset_due();
	fake_run(CMD_RENEW);
	fake_check_active(0);
	ck_assert_msg(fake_is_served(0), "%s", seen.trace);
	s = fake_look(0);
	ck_assert_msg(s.pending == PENDING_NONE || s.pending == PENDING_AGAIN, "pending %d",
	    (int)s.pending);
	ck_assert_uint_eq(fake_issued(), 2);
}
END_TEST

START_TEST(a_run_that_is_killed_again_and_again_never_orders_twice)
{
	for (unsigned i = 1; i <= MESSAGES; i++) {
		fake_reset();
		script.kill_at = i;
		fake_run(CMD_RENEW);
		check_whole(0);
	}
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(fake_issued(), 1);
	fake_check_active(0);
}
END_TEST

START_TEST(a_control_role_that_ends_at_the_reload_is_an_alarm_that_the_next_run_mends)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	script.reload[0] = RELOAD_DIES;
	fake_run_to(CMD_RENEW, OUT_ALARM);
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert_int_eq(fake_look(0).pending, PENDING_BACK);
	fake_check_active(0);
	fake_reset_due();
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert(fake_is_served(0));
	ck_assert_uint_eq(fake_issued(), 2);
}
END_TEST

START_TEST(who_forces_a_renewal_gets_the_way_back_and_then_the_renewal)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	script.reload[0] = RELOAD_DIES;
	fake_run_to(CMD_RENEW, OUT_ALARM);
	fake_reset_due();
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "back-reload verify preflight task:order"));
	/* what was proven of the way back says nothing of the renewal (FAULTS V2) */
	ck_assert_msg(strstr(seen.trace, " reload verify") != NULL, "%s", seen.trace);
	ck_assert_int_eq(fake_look(0).version, 3);
	ck_assert(fake_is_served(0));
}
END_TEST

/* --- stopped --- */

START_TEST(a_run_that_is_stopped_ends_before_the_switch_or_goes_all_the_way)
{
	struct fake_state s;
	bool late;

	script.stop_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	late = strstr(seen.trace, "reload") != NULL;
	ck_assert_msg(seen.outcome == (late ? OUT_OK : OUT_RETRY), "got %jd (%s); trace: %s",
	    (intmax_t)seen.outcome, seen.last, seen.trace);
	s = fake_look(0);
	ck_assert_int_eq(s.version, late ? 1 : 0);
	if (late) {
		check_end(1);
		return;
	}
	fake_reset();
	script.setup.force = s.pending == PENDING_NONE;
	fake_run_to(CMD_RENEW, OUT_OK);
	check_end(1);
}
END_TEST

START_TEST(a_run_whose_net_says_nothing_ends_when_it_is_stopped)
{
	script.mute_net = true;
	script.stop_at = 5;
	fake_run_to(CMD_RENEW, OUT_RETRY);
	ck_assert_str_eq(seen.trace,
	    "start:control start:net start:answer preflight task:register");
	fake_reset();
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	/* in the middle of an order, and in an errand */
	fake_reset();
	script.setup.force = script.mute_net = true;
	script.stop_at = 6;
	fake_run_to(CMD_RENEW, OUT_RETRY);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer preflight task:order");
	fake_reset();
	script.mute_net = true;
	script.stop_at = 2;
	script.setup.action = ACME_SHOW;
	fake_run_to(CMD_ACCOUNT, OUT_RETRY);
	ck_assert_str_eq(seen.trace, "start:net task:show");
}
END_TEST

/* --- lies about the server --- */

static char nobody[] = "nobody";
static const struct msg_error fine = { .class = OUT_OK };
static const struct msg_error rolled_back = { .class = OUT_ROLLBACK };
static const struct msg_reloaded odd = { .result = 99 };
static const struct msg_reloaded fine_refusal = { .result = HOOK_REFUSED };
static const struct verify_out beyond = { .verdict = 99 };
static const struct verify_out below = { .verdict = -1 };
static const struct verify_out unseen = { .verdict = VERIFY_OTHER };
static const struct msg_end end = { .outcome = OUT_OK };
static const struct msg_start start = { .role = ROLE_NET };
static const struct msg_step step = { .step = nobody };

static const struct lie {
	const char		*what;
	enum message_type	 to, type;
	const void		*body;
	uint64_t		 id;	/* 0: that of the question */
	enum outcome		 outcome;
} lies[] = {
	{ "preflight: done", MSG_PREFLIGHT, MSG_DONE, NULL, 0, OUT_RETRY },
	{ "preflight: verified", MSG_PREFLIGHT, MSG_VERIFIED, &beyond, 0, OUT_RETRY },
	{ "preflight: failed, and all is well", MSG_PREFLIGHT, MSG_FAILED, &fine, 0, OUT_RETRY },
	{ "preflight: an answer that nobody waits for", MSG_PREFLIGHT, MSG_DONE, NULL, 99,
	    OUT_RETRY },
	{ "preflight: the end of the run", MSG_PREFLIGHT, MSG_END, &end, 0, OUT_RETRY },
	{ "preflight: start a role", MSG_PREFLIGHT, MSG_START, &start, 0, OUT_RETRY },
	{ "preflight: a step", MSG_PREFLIGHT, MSG_STEP, &step, 0, OUT_RETRY },
	{ "reload: done", MSG_RELOAD, MSG_DONE, NULL, 0, OUT_ALARM },
	{ "reload: verified", MSG_RELOAD, MSG_VERIFIED, &beyond, 0, OUT_ALARM },
	{ "reload: a result that is none", MSG_RELOAD, MSG_RELOADED, &odd, 0, OUT_ALARM },
	{ "reload: refused, and all is well", MSG_RELOAD, MSG_RELOADED, &fine_refusal, 0,
	    OUT_ALARM },
	{ "reload: rolled back", MSG_RELOAD, MSG_FAILED, &rolled_back, 0, OUT_ALARM },
	{ "verify: done", MSG_VERIFY, MSG_DONE, NULL, 0, OUT_ALARM },
	{ "verify: a verdict beyond all", MSG_VERIFY, MSG_VERIFIED, &beyond, 0, OUT_ALARM },
	{ "verify: a verdict below all", MSG_VERIFY, MSG_VERIFIED, &below, 0, OUT_ALARM },
	{ "verify: a verdict that nobody saw", MSG_VERIFY, MSG_VERIFIED, &unseen, 0, OUT_ALARM },
	{ "verify: failed, and all is well", MSG_VERIFY, MSG_FAILED, &fine, 0, OUT_ALARM },
	{ "verify: reloaded", MSG_VERIFY, MSG_RELOADED, &odd, 0, OUT_ALARM },
};

static const struct lie *lie;

static bool
tell_lie(struct message *m)
{
	if (m->type != lie->to)
		return false;
	fake_send(ROLE_CONTROL, lie->type, lie->id != 0 ? lie->id : m->id, lie->body);
	return true;
}

START_TEST(lies_about_the_server_never_end_well)
{
	struct fake_state s;

	lie = &lies[_i];
	script.liar = tell_lie;
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == (int64_t)lie->outcome, "%s: got %jd (%s); trace: %s",
	    lie->what, (intmax_t)seen.outcome, seen.last, seen.trace);
	s = fake_look(0);
	ck_assert_int_eq(s.version, lie->outcome == OUT_ALARM ? 1 : 0);
	check_whole(0);
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	check_end(1);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("keeper_killed");
	TCase *tc = fake_case(s, "killed");

	tcase_add_test(tc, a_record_is_in_the_dns_for_as_long_as_the_order_needs_it);
	tcase_add_loop_test(tc, a_record_that_a_killed_run_leaves_is_taken_out_by_the_next_one, 1,
	    MESSAGES + 4);
	tcase_add_loop_test(tc, a_first_issue_that_is_killed_anywhere_is_finished_by_the_next_run,
	    1, MESSAGES);
	tcase_add_loop_test(tc, a_renewal_that_is_killed_anywhere_is_finished_by_the_next_run, 1,
	    MESSAGES);
	tcase_add_loop_test(tc, a_way_back_that_is_killed_anywhere_is_finished_by_the_next_run, 9,
	    MESSAGES - 4);
	tcase_add_test(tc, a_run_that_is_killed_again_and_again_never_orders_twice);
	tcase_add_test(tc,
	    a_control_role_that_ends_at_the_reload_is_an_alarm_that_the_next_run_mends);
	tcase_add_test(tc, who_forces_a_renewal_gets_the_way_back_and_then_the_renewal);
	tcase_add_loop_test(tc, a_run_that_is_stopped_ends_before_the_switch_or_goes_all_the_way, 1,
	    MESSAGES - 2);
	tcase_add_test(tc, a_run_whose_net_says_nothing_ends_when_it_is_stopped);
	tcase_add_loop_test(tc, lies_about_the_server_never_end_well, 0, NITEMS(lies));
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
