/*
 * check_keeper: the keeper's way of a certificate, from the first issue to
 * the way back, with the real program and everything around it faked.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <check.h>

#include "due.h"
#include "fakes.h"
#include "suite.h"
#include "verify.h"

#define ISSUE		"task:order put csr take"
#define FIRST		"start:control start:net start:answer preflight task:register " ISSUE
#define RENEWAL		"start:control start:net start:answer preflight " ISSUE
#define DEPLOY		"start:control preflight reload verify"

/* The configuration wants another key: a renewal that no distance in time holds back. */
static void
issue_then_want_another(void)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_check_active(0);
	fake_reset_due();
}

/* --- forward --- */

/* FAULTS L03: asked for renewal information behind it. */
START_TEST(a_first_certificate_takes_every_step_once_and_in_order)
{
	struct fake_state s;

	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, FIRST " reload verify task:renewal");
	ck_assert_uint_eq(seen.drops, 1);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
	s = fake_look(0);
	ck_assert_int_eq(s.version, 1);
	ck_assert_int_eq(s.pending, PENDING_NONE);
	ck_assert_int_eq(s.journal, JOURNAL_DONE);
	ck_assert_int_eq(s.failures, 0);
	ck_assert(!s.has_order);
	ck_assert_uint_eq(fake_issued(), 1);
}
END_TEST

START_TEST(nothing_due_starts_no_role)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "");
}
END_TEST

/* FAULTS K17 */
START_TEST(three_certificates_of_one_server_share_one_reload)
{
	script.certs = 3;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.reloads, 1);
	ck_assert_uint_eq(seen.verifies, 3);
	for (size_t i = 0; i < 3; i++) {
		fake_check_active(i);
		ck_assert(fake_is_served(i));
		ck_assert_int_eq(fake_look(i).journal, JOURNAL_DONE);
	}
}
END_TEST

START_TEST(without_a_hook_the_certificate_is_installed_and_done)
{
	script.bare = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:net start:answer task:register " ISSUE " task:renewal");
	fake_check_active(0);
	ck_assert_int_eq(fake_look(0).journal, JOURNAL_DONE);
}
END_TEST

START_TEST(a_program_runs_behind_the_server)
{
	script.program = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer preflight "
	    "preflight:program task:register " ISSUE " reload program verify task:renewal");
}
END_TEST

START_TEST(without_hooks_the_deployment_waits_for_kamcert_reload)
{
	script.setup.no_hooks = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:net start:answer task:register " ISSUE " task:renewal");
	fake_check_active(0);
	ck_assert_int_eq(fake_look(0).pending, PENDING_DEPLOY);
	fake_reset();
	fake_run_to(CMD_RELOAD, OUT_OK);
	ck_assert_str_eq(seen.trace, DEPLOY);
	ck_assert_int_eq(fake_look(0).pending, PENDING_NONE);
	ck_assert(fake_is_served(0));
}
END_TEST

/* A host where nobody runs the hooks would else order with every run. */
START_TEST(without_hooks_what_is_installed_is_not_ordered_again)
{
	for (int i = 0; i < 3; i++) {
		fake_reset();
		script.setup.no_hooks = true;
		fake_run_to(CMD_RENEW, OUT_OK);
		ck_assert_int_eq(fake_look(0).version, 1);
		ck_assert_uint_eq(fake_issued(), 1);
	}
}
END_TEST

/* FAULTS S09: told in every run until it is mended or replaced, and in the way of nothing. */
START_TEST(a_key_that_others_can_read_is_an_alarm)
{
	char key[PATH_MAX];

	(void)snprintf(key, sizeof key, "%s",
	    fake_path("certs/a.example.com/versions/1/privkey.pem"));
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(chmod(key, 0644), 0);
	for (int i = 0; i < 2; i++) {
		fake_run_to(CMD_RENEW, OUT_ALARM);
		ck_assert_str_eq(seen.trace, "");
		ck_assert_msg(strstr(seen.last, "version 1: privkey.pem: a key is in it") != NULL,
		    "%s", seen.last);
	}
	ck_assert_int_eq(chmod(key, 0600), 0);
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(chmod(key, 0644), 0);
	fake_reset_due();
	fake_run_to(CMD_RENEW, OUT_ALARM);
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert(fake_is_served(0));
	fake_reset_due();
	fake_run_to(CMD_RENEW, OUT_OK);
}
END_TEST

/* --- a deployment that fails --- */

static const struct deploy_row {
	const char		*what;
	enum fake_reload	 reload[2];
	int			 verdict[2];
	enum outcome		 outcome;
	const char		*tail;		/* of the trace, behind the issue */
	int64_t			 version;	/* that is active afterwards */
	enum install_pending	 pending;
} deploys[] = {
	{ "refused: the server kept its old set, no second reload (K04)", { RELOAD_REFUSED }, { 0 },
	  OUT_ROLLBACK, " reload verify", 1, PENDING_AGAIN },
	{ "could not be asked: the same", { RELOAD_FAILED }, { 0 },
	  OUT_ROLLBACK, " reload verify", 1, PENDING_AGAIN },
	{ "no answer, but it is served: fine (K02, K03)", { RELOAD_LOST }, { 0 },
	  OUT_OK, " reload verify task:renewal", 2, PENDING_NONE },
	{ "no answer and the old one served: back, with a reload of its own (K02, K03)",
	    { RELOAD_LOST_OLD },
	  { 0 }, OUT_ROLLBACK, " reload verify back-reload verify", 1, PENDING_AGAIN },
	{ "not now: what waits is as good as before (K05, K20)", { RELOAD_LATER }, { 0 }, OUT_RETRY,
	  " reload", 2, PENDING_DEPLOY },
	{ "nobody may tell it: as it was before the switch (K01)", { RELOAD_DENIED }, { 0 },
	    OUT_HOLD,
	  " reload", 1, PENDING_DEPLOY },
	{ "it says that it has, and has not (K07)", { RELOAD_LIES }, { 0 }, OUT_ROLLBACK,
	  " reload verify back-reload verify", 1, PENDING_AGAIN },
	{ "refused and the old one is not served either", { RELOAD_REFUSED },
	    { VERIFY_UNREACHABLE },
	  OUT_ALARM, " reload verify", 1, PENDING_BACK },
	{ "refused, and something else is served: alarm", { RELOAD_REFUSED }, { VERIFY_OTHER },
	  OUT_ALARM, " reload verify", 1, PENDING_BACK },
};

/* FAULTS V2, V3 */
START_TEST(a_failed_deployment_keeps_its_table)
{
	const struct deploy_row *row = &deploys[_i];
	struct fake_state s;
	char want[512];

	issue_then_want_another();
	memcpy(script.reload, row->reload, sizeof row->reload);
	memcpy(script.verdict, row->verdict, sizeof row->verdict);
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == (int64_t)row->outcome, "%s: got %jd (%s), want %s", row->what,
	    (intmax_t)seen.outcome, seen.last, outcome_word(row->outcome));
	snprintf(want, sizeof want, RENEWAL "%s", row->tail);
	ck_assert_msg(strcmp(seen.trace, want) == 0, "%s: got %s, want %s", row->what, seen.trace,
	    want);
	fake_check_active(0);
	s = fake_look(0);
	ck_assert_msg(s.version == row->version && s.pending == row->pending,
	    "%s: version %jd, pending %d", row->what, (intmax_t)s.version, (int)s.pending);
	/* whatever it was: once it is over, a run leads to a proven version */
	fake_reset_due();
	script.setup.force = s.pending == PENDING_BACK;
	fake_run(CMD_RENEW);
	fake_check_active(0);
	ck_assert_msg(fake_is_served(0), "%s: afterwards: %s", row->what, seen.trace);
	ck_assert_uint_eq(fake_issued(), s.pending == PENDING_BACK ? 3 : 2);
}
END_TEST

static const struct {
	const char		*what;
	enum fake_reload	 reload;
	int			 verdict;
} firsts[] = {
	{ "refused", RELOAD_REFUSED, 0 },
	{ "not served", RELOAD_OK, VERIFY_UNREACHABLE },
	{ "nobody answers", RELOAD_OK, VERIFY_SILENT },
	{ "without its chain", RELOAD_OK, VERIFY_CHAIN },
	{ "in some workers only", RELOAD_OK, VERIFY_MIXED },
	{ "control ended", RELOAD_DIES, 0 },
};

START_TEST(a_first_certificate_that_is_not_served_stays_and_is_an_alarm)
{
	script.reload[0] = firsts[_i].reload;
	script.verdict[0] = script.verdict[1] = firsts[_i].verdict;
	fake_run_to(CMD_RENEW, OUT_ALARM);
	fake_check_active(0);
	ck_assert_msg(fake_look(0).pending == PENDING_DEPLOY, "%s: not pending", firsts[_i].what);
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, DEPLOY);
	ck_assert(fake_is_served(0));
	ck_assert_uint_eq(fake_issued(), 1);
}
END_TEST

START_TEST(a_program_that_fails_leads_back_by_a_second_reload)
{
	script.program = true;
	issue_then_want_another();
	script.program = true;
	script.program_result = OUT_HOLD;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_ptr_nonnull(strstr(seen.trace, " reload program back-reload program verify"));
	fake_check_active(0);
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(a_way_back_that_fails_in_a_later_run_is_still_an_alarm)
{
	issue_then_want_another();
	script.reload[0] = RELOAD_REFUSED;
	script.verdict[0] = VERIFY_UNREACHABLE;
	fake_run_to(CMD_RENEW, OUT_ALARM);
	for (int i = 0; i < DUE_RELOADS; i++) {
		fake_run_to(CMD_RENEW, OUT_ALARM);
		ck_assert_str_eq(seen.trace, "start:control back-reload");
	}
	/* no more by itself (FAULTS K11) */
	fake_run_to(CMD_RENEW, OUT_ALARM);
	ck_assert_str_eq(seen.trace, "");
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_ALARM);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer back-reload");
	ck_assert_int_eq(fake_look(0).pending, PENDING_BACK);
	fake_check_active(0);
}
END_TEST

/*
 * FAULTS K15: an alarm, and one reload on the way back; a run that nobody
 * forces leaves it alone.
 */
START_TEST(a_certificate_of_somebody_else_is_not_fought_over)
{
	issue_then_want_another();
	script.verdict[0] = VERIFY_OTHER;
	script.verdict[1] = VERIFY_OLD;		/* on the way back, there is no word for it */
	fake_run_to(CMD_RENEW, OUT_ALARM);
	ck_assert_str_eq(seen.trace, RENEWAL " reload verify back-reload verify");
	ck_assert_int_eq(fake_look(0).pending, PENDING_BACK);
	fake_run_to(CMD_RENEW, OUT_ALARM);
	ck_assert_str_eq(seen.trace, "");
	fake_check_active(0);
	fake_reset();
	fake_run_to(CMD_RELOAD, OUT_ROLLBACK);
	ck_assert_str_eq(seen.trace, "start:control back-reload verify");
	ck_assert(fake_is_served(0));
}
END_TEST

/* From now on the record of what a run led to cannot be written. */
static void
spoil_record(void)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s", fake_path("certs/a.example.com/record.json"));
	(void)remove(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static bool
spoiled_when_proven(struct msg_watched *m UNUSED, unsigned n UNUSED)
{
	spoil_record();
	return true;
}

static bool
spoiled_when_offered(struct fake_task *t UNUSED, enum fake_net_step step)
{
	if (step == NET_OFFERED)
		spoil_record();
	return false;
}

/* FAULTS F01: the result has been told, and is not made an alarm. */
START_TEST(a_record_that_cannot_be_written_is_told)
{
	issue_then_want_another();
	if (_i == 0)
		script.watched = spoiled_when_proven;
	else
		script.hostile = spoiled_when_offered;
	script.chain[0] = _i == 0 ? CHAIN_GOOD : CHAIN_WRONG_KEY;
	fake_run_to(CMD_RENEW, _i == 0 ? OUT_HOLD : OUT_REFUSE);
	ck_assert_uint_gt(seen.notes, 0);
	ck_assert_int_eq(remove(fake_path("certs/a.example.com/record.json")), 0);
	ck_assert_int_eq(fake_look(0).version, _i == 0 ? 2 : 1);
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(a_way_back_without_hooks_waits_for_a_run_with_them)
{
	issue_then_want_another();
	script.reload[0] = RELOAD_REFUSED;
	script.verdict[0] = VERIFY_UNREACHABLE;
	fake_run_to(CMD_RENEW, OUT_ALARM);
	fake_reset();
	script.setup.no_hooks = script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	ck_assert_int_eq(fake_look(0).pending, PENDING_BACK);
	fake_check_active(0);
}
END_TEST

/* --- before anything is asked --- */

START_TEST(a_server_that_is_not_ready_costs_no_order_and_no_back_off)
{
	struct fake_state s;

	script.preflight = OUT_HOLD;
	fake_run_to(CMD_RENEW, OUT_HOLD);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer preflight");
	s = fake_look(0);
	ck_assert_int_eq(s.health, INSTALL_EMPTY);
	ck_assert_int_eq(s.failures, 0);
	ck_assert_uint_eq(s.issues, 0);
	fake_reset();
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_check_active(0);
}
END_TEST

START_TEST(a_port_that_is_taken_ends_the_run_before_anything_is_asked)
{
	script.missing = ROLE_ANSWER;
	fake_run_to(CMD_RENEW, OUT_HOLD);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer");
	ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
}
END_TEST

START_TEST(a_port_that_is_taken_ends_only_what_needs_it)
{
	script.certs = 3;
	script.lost = "b.example.com";
	fake_run_to(CMD_RENEW, OUT_HOLD);
	ck_assert_ptr_nonnull(strstr(seen.last, "192.0.2.1:80: in use"));
	fake_check_active(0);
	fake_check_active(2);
	ck_assert_int_eq(fake_look(1).health, INSTALL_EMPTY);
	ck_assert_int_eq(fake_look(1).failures, 0);
	script.lost = NULL;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_check_active(1);
	/* check tells it before its time has come */
	script.lost = "b.example.com";
	fake_run_to(CMD_CHECK, OUT_FINDING);
	ck_assert_uint_eq(seen.bad_findings, 1);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("keeper");
	TCase *tc = fake_case(s, "way");

	tcase_add_test(tc, a_first_certificate_takes_every_step_once_and_in_order);
	tcase_add_test(tc, nothing_due_starts_no_role);
	tcase_add_test(tc, a_key_that_others_can_read_is_an_alarm);
	tcase_add_test(tc, three_certificates_of_one_server_share_one_reload);
	tcase_add_test(tc, without_a_hook_the_certificate_is_installed_and_done);
	tcase_add_test(tc, a_program_runs_behind_the_server);
	tcase_add_test(tc, without_hooks_the_deployment_waits_for_kamcert_reload);
	tcase_add_loop_test(tc, a_failed_deployment_keeps_its_table, 0, NITEMS(deploys));
	tcase_add_loop_test(tc, a_first_certificate_that_is_not_served_stays_and_is_an_alarm, 0,
	    NITEMS(firsts));
	tcase_add_test(tc, a_program_that_fails_leads_back_by_a_second_reload);
	tcase_add_test(tc, a_way_back_that_fails_in_a_later_run_is_still_an_alarm);
	tcase_add_test(tc, a_certificate_of_somebody_else_is_not_fought_over);
	tcase_add_loop_test(tc, a_record_that_cannot_be_written_is_told, 0, 2);
	tcase_add_test(tc, a_way_back_without_hooks_waits_for_a_run_with_them);
	tcase_add_test(tc, a_server_that_is_not_ready_costs_no_order_and_no_back_off);
	tcase_add_test(tc, a_port_that_is_taken_ends_the_run_before_anything_is_asked);
	tcase_add_test(tc, without_hooks_what_is_installed_is_not_ordered_again);
	tcase_add_test(tc, a_port_that_is_taken_ends_only_what_needs_it);
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
