/*
 * check_restart: a server whose reload is not safe (FAULTS K18), or not
 * possible any more (K12), is restarted instead where that is configured;
 * with the real keeper.
 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"

#define MIB		((int64_t)1024 * 1024)
#define MESSAGES	26	/* more than a run has */

static char *restart_leads_back[] = { (char[]){ "restart" } };

static void
want_another(void)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	script.unsafe = true;
	script.unsafe_reload = "restart";
	script.started = 0;
}

START_TEST(an_unsafe_server_is_restarted)
{
	want_another();
	/* behind the restart, another process than before is no trouble */
	script.rollback_on = (struct strs){ restart_leads_back, 1 };
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "preflight unit"));
	ck_assert_ptr_nonnull(strstr(seen.trace, " restart verify"));
	ck_assert_uint_eq(seen.reloads, 0);
	ck_assert_uint_eq(seen.restarts, 1);
	ck_assert_uint_eq(seen.watches, 3);	/* before, when it is up, behind the proof */
	ck_assert_uint_eq(seen.notes, 2);	/* what will be lost, and what was */
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(a_safe_one_with_memory_is_not)
{
	want_another();
	script.unsafe = false;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.restarts, 0);
	ck_assert_uint_eq(seen.reloads, 1);
	ck_assert_ptr_null(strstr(seen.trace, "unit"));
}
END_TEST

START_TEST(one_whose_memory_is_used_up_is_restarted_too)
{
	script.cost = 20 * MIB;
	want_another();
	script.unsafe = false;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.restarts, 1);
	/* the new process has cost nothing yet */
	script.key = "ecdsa-p256";
	script.cost = 0;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.restarts, 0);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(nothing_is_touched_when_the_unit_is_not_the_servers)
{
	want_another();
	script.no_unit = _i == 0;
	script.other_unit = _i == 1 ? 7 : 0;
	fake_run_to(CMD_RENEW, OUT_HOLD);
	ck_assert_ptr_nonnull(strstr(seen.last, _i == 0 ? "no such unit" :
	    "its main process is 1007, and that of the server at unix:/run/kamailio/0 is 1000"));
	ck_assert_uint_eq(seen.restarts, 0);
	ck_assert_int_eq(fake_look(0).version, 1);
}
END_TEST

START_TEST(a_restart_that_fails_leads_back_by_another_one)
{
	static const struct {
		enum fake_restart	 how;
		const char		*trace, *text;
	} rows[] = {
		{ RESTART_DOWN, " restart back-restart verify", "reload: no" },
		{ RESTART_DIES, " restart unit back-restart verify", "does not run any more" },
		{ RESTART_MUTE, " unit back-restart verify", "it is not up again" },
	};

	want_another();
	script.restart[0] = rows[_i].how;
	script.timeout = 1;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_msg(strstr(seen.trace, rows[_i].trace) != NULL, "%s", seen.trace);
	ck_assert_msg(strstr(seen.last, rows[_i].text) != NULL, "%s", seen.last);
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert_int_eq(fake_look(0).pending, PENDING_AGAIN);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(and_is_an_alarm_when_that_fails_too)
{
	want_another();
	script.restart[0] = script.restart[1] = RESTART_DOWN;
	fake_run_to(CMD_RENEW, OUT_ALARM);
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert_int_eq(fake_look(0).pending, PENDING_BACK);
	/* the next run knows nothing of the server, which does not answer: it is started */
	memset(script.restart, 0, sizeof script.restart);
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "preflight back-restart verify"));
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(a_restart_that_is_denied_changes_nothing)
{
	want_another();
	script.restart[0] = RESTART_DENIED;
	fake_run_to(CMD_RENEW, OUT_HOLD);
	ck_assert_uint_eq(seen.restarts, 1);
	ck_assert_ptr_nonnull(strstr(seen.last, "the server was not told, and serves what it did "
	    "before"));
	ck_assert_ptr_null(strstr(seen.trace, "verify"));
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert(fake_is_served(0));
	/* what was got is neither bad nor lost (FAULTS V4) */
	ck_assert_int_eq(fake_look(0).pending, PENDING_DEPLOY);
	script.restart[0] = RESTART_OK;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert_uint_eq(fake_issued(), 2);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(a_restart_of_another_unit_is_seen)
{
	want_another();
	script.restart[0] = RESTART_OTHER;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_ptr_nonnull(strstr(seen.last, "systemd says that it was restarted, but the "
	    "server at unix:/run/kamailio/0 is still process 1000"));
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(what_systemd_does_not_tell_the_server_does)
{
	want_another();
	script.restart[0] = RESTART_LOST;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.restarts, 1);
	ck_assert(fake_is_served(0));
}
END_TEST

static bool
crashes_later(struct msg_watched *m, unsigned n)
{
	if (n >= 2)
		m->facts.pid += 50;
	return true;
}

START_TEST(a_crash_behind_the_restart_is_still_seen)
{
	want_another();
	script.watched = crashes_later;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.notes, 3);
	ck_assert_uint_eq(seen.verifies, 2);
	script.key = "ecdsa-p256";
	script.rollback_on = (struct strs){ restart_leads_back, 1 };
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_ptr_nonnull(strstr(seen.last, "the server was restarted"));
	ck_assert_ptr_nonnull(strstr(seen.trace, "back-restart verify"));
}
END_TEST

START_TEST(a_run_that_is_killed_anywhere_is_finished_by_the_next_one)
{
	want_another();
	script.kill_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	fake_check_active(0);
	script.kill_at = 0;
	fake_run(CMD_RENEW);
	if (seen.outcome == OUT_ROLLBACK)	/* it was on its way back */
		fake_run(CMD_RENEW);
	fake_check_active(0);
	ck_assert_msg(fake_is_served(0), "%s", seen.trace);
	ck_assert_uint_eq(fake_issued(), 2);
}
END_TEST

START_TEST(two_certificates_share_a_restart)
{
	script.certs = 2;
	want_another();
	script.certs = 2;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.restarts, 1);
	ck_assert(fake_is_served(0) && fake_is_served(1));
}
END_TEST

START_TEST(check_says_which_way_it_would_go)
{
	static const char *const ways[] = { "restart", "wait", "hold", "go-on" };
	static const char *const words[] = { "a deployment restarts kamailio.service, as a reload "
	    "may crash its release: this ends all connections of the server, 200 over TLS",
	    "a deployment waits for a moment with at most 2 new TLS connections",
	    "a deployment is held for an operator", "a deployment reloads it at once" };

	want_another();
	script.unsafe_reload = ways[_i];
	fake_run(CMD_CHECK);
	ck_assert_msg(strstr(seen.fine, words[_i]) != NULL, "%s", seen.fine);
	ck_assert_uint_eq(seen.restarts, 0);
}
END_TEST

START_TEST(check_finds_a_unit_that_is_another_servers)
{
	unsigned others;

	want_another();
	fake_run(CMD_CHECK);
	others = seen.bad_findings;
	script.other_unit = 7;
	fake_run_to(CMD_CHECK, OUT_FINDING);
	ck_assert_uint_eq(seen.bad_findings, others + 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("restart");
	TCase *tc = fake_case(s, "restart");

	tcase_add_test(tc, an_unsafe_server_is_restarted);
	tcase_add_test(tc, a_safe_one_with_memory_is_not);
	tcase_add_test(tc, one_whose_memory_is_used_up_is_restarted_too);
	tcase_add_loop_test(tc, nothing_is_touched_when_the_unit_is_not_the_servers, 0, 2);
	tcase_add_loop_test(tc, a_restart_that_fails_leads_back_by_another_one, 0, 3);
	tcase_add_test(tc, and_is_an_alarm_when_that_fails_too);
	tcase_add_test(tc, a_restart_that_is_denied_changes_nothing);
	tcase_add_test(tc, a_restart_of_another_unit_is_seen);
	tcase_add_test(tc, what_systemd_does_not_tell_the_server_does);
	tcase_add_test(tc, a_crash_behind_the_restart_is_still_seen);
	tcase_add_loop_test(tc, a_run_that_is_killed_anywhere_is_finished_by_the_next_one, 1,
	    MESSAGES + 1);
	tcase_add_test(tc, two_certificates_share_a_restart);
	tcase_add_loop_test(tc, check_says_which_way_it_would_go, 0, 4);
	tcase_add_test(tc, check_finds_a_unit_that_is_another_servers);
	return suite_run(s);
}
