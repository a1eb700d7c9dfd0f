/*
 * check_rollout: several servers of one configuration: their order, and what
 * happens to all of them when one fails (FAULTS K14), with the real keeper.
 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"
#include "verify.h"

/* Installed in all servers, and another key wanted. */
static void
serve_then_want_another(size_t certs)
{
	script.servers = 3;
	script.certs = certs;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset();
	script.servers = 3;
	script.certs = certs;
	script.key = "ecdsa-p384";
}

static void
check_tail(const char *what, const char *tail)
{
	size_t n = strlen(seen.trace), m = strlen(tail);

	ck_assert_msg(n >= m && strcmp(seen.trace + n - m, tail) == 0, "%s: got %s, want %s", what,
	    seen.trace, tail);
}

START_TEST(servers_are_told_and_proven_in_groups)
{
	static const struct {
		int64_t		 at_once;
		const char	*tail;
	} rows[] = {
		{ 0, "reload:0 verify:0 reload:1 verify:1 reload:2 verify:2 reload:3 verify:3" },
		{ 1, "reload:0 verify:0 reload:1 verify:1 reload:2 verify:2 reload:3 verify:3" },
		{ 2, "reload:0 verify:0 reload:1 reload:2 verify:1 verify:2 reload:3 verify:3" },
		{ 9, "reload:0 verify:0 reload:1 reload:2 reload:3 verify:1 verify:2 verify:3" },
	};
	char tail[256];

	script.servers = 4;
	script.at_once = rows[_i].at_once;
	fake_run_to(CMD_RENEW, OUT_OK);
	snprintf(tail, sizeof tail, "%s task:renewal", rows[_i].tail);
	check_tail("groups", tail);
	ck_assert(fake_is_served(0));
}
END_TEST

static const struct fall {
	const char		*what;
	enum fake_reload	 reload[3];
	int			 verdict[3];
	const char		*tail;
} falls[] = {
	{ "the first refuses: nobody else is told", { RELOAD_REFUSED }, { 0 },
	  "reload:0 verify:0 verify:1 verify:2" },
	{ "the second refuses: the first goes back", { RELOAD_OK, RELOAD_REFUSED }, { 0 },
	  "reload:0 verify:0 reload:1 back-reload:0 verify:0 verify:1 verify:2" },
	{ "nobody may tell the second: the first goes back", { RELOAD_OK, RELOAD_DENIED }, { 0 },
	  "reload:0 verify:0 reload:1 back-reload:0 verify:0 verify:1 verify:2" },
	{ "the third says it has, and has not: all go back", { RELOAD_OK, RELOAD_OK, RELOAD_LIES },
	  { 0 }, "verify:1 reload:2 verify:2 back-reload:0 back-reload:1 back-reload:2 verify:0 "
	  "verify:1 verify:2" },
	{ "the second sends no chain", { RELOAD_OK }, { 0, VERIFY_CHAIN },
	  "reload:1 verify:1 back-reload:0 back-reload:1 verify:0 verify:1 verify:2" },
};

START_TEST(when_one_fails_all_go_back_and_each_is_proven)
{
	const struct fall *row = &falls[_i];

	serve_then_want_another(1);
	memcpy(script.reload, row->reload, sizeof row->reload);
	memcpy(script.verdict, row->verdict, sizeof row->verdict);
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	check_tail(row->what, row->tail);
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert_int_eq(fake_look(0).pending, PENDING_AGAIN);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(one_that_cannot_be_led_back_hinders_nobody_else)
{
	serve_then_want_another(1);
	script.reload[1] = RELOAD_LOST;			/* the second takes it, as does the first */
	script.verdict[1] = VERIFY_UNREACHABLE;		/* but it is not seen there */
	script.reload[2] = RELOAD_REFUSED;		/* the way back of the first */
	fake_run_to(CMD_RENEW, OUT_ALARM);
	check_tail("back", "reload:1 verify:1 back-reload:0 back-reload:1 verify:1 verify:2");
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert_int_eq(fake_look(0).pending, PENDING_BACK);
	ck_assert(!fake_is_served(0));
	fake_reset();
	script.servers = 3;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(partial_leaves_one_behind_the_first_as_it_is)
{
	serve_then_want_another(1);
	script.partial = true;
	script.reload[1] = RELOAD_REFUSED;
	fake_run_to(CMD_RENEW, OUT_HOLD);
	check_tail("partial", "reload:0 verify:0 reload:1 reload:2 verify:2");
	ck_assert_ptr_nonnull(strstr(seen.last, "1 of 3 servers were left as they are"));
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert_int_eq(fake_look(0).pending, PENDING_DEPLOY);
	ck_assert(!fake_is_served(0));
	fake_reset();
	script.servers = 3;
	script.key = "ecdsa-p384";
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).pending, PENDING_NONE);
	ck_assert(fake_is_served(0));
	ck_assert_uint_eq(fake_issued(), 2);
}
END_TEST

START_TEST(partial_or_not_the_first_fails_for_all)
{
	serve_then_want_another(1);
	script.partial = true;
	script.reload[0] = RELOAD_REFUSED;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	check_tail("partial", "reload:0 verify:0 verify:1 verify:2");
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert(fake_is_served(0));
}
END_TEST

/* What failed gets no further; what did not, goes on when it has gone back. */
START_TEST(a_certificate_that_fails_goes_back_before_the_others_go_on)
{
	serve_then_want_another(2);
	script.verdict[2] = VERIFY_OLD;		/* the first certificate, at the second server */
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	check_tail("two", "reload:0 verify:0 verify:0 reload:1 verify:1 verify:1 back-reload:0 "
	    "back-reload:1 verify:0 verify:1 verify:2 reload:2 verify:2 task:renewal");
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert_int_eq(fake_look(1).version, 2);
	ck_assert(fake_is_served(0));
	ck_assert(fake_is_served(1));
}
END_TEST

/* FAULTS K08 */
START_TEST(workers_that_differ_are_told_once_more)
{
	serve_then_want_another(1);
	script.servers = 1;
	script.verdict[0] = VERIFY_MIXED;
	fake_run_to(CMD_RENEW, OUT_OK);
	check_tail("again", "reload verify reload verify task:renewal");
	fake_reset();
	script.key = "rsa-2048";
	script.verdict[0] = script.verdict[1] = VERIFY_MIXED;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	check_tail("twice", "reload verify reload verify back-reload verify");
	ck_assert_int_eq(fake_look(0).version, 2);
}
END_TEST

/*
 * Nobody can say what it serves: no success, and no way back that is proven
 * (FAULTS K02, K03, K11).
 */
START_TEST(an_unknown_end_that_no_listener_decides_is_no_success)
{
	static const struct {
		enum fake_reload	 reload[2];
		enum outcome		 end;
		const char		*tail;
		int64_t			 version;
	} rows[] = {
		{ { RELOAD_OK }, OUT_OK, "reload task:renewal", 2 },
		{ { RELOAD_LOST, RELOAD_OK }, OUT_ROLLBACK, "reload back-reload", 1 },
		{ { RELOAD_LOST, RELOAD_LOST }, OUT_ALARM, "reload back-reload", 1 },
	};

	script.blind = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset();
	script.blind = true;
	script.key = "ecdsa-p384";
	memcpy(script.reload, rows[_i].reload, sizeof rows[_i].reload);
	fake_run_to(CMD_RENEW, rows[_i].end);
	check_tail("unknown", rows[_i].tail);
	ck_assert_int_eq(fake_look(0).version, rows[_i].version);
	ck_assert((strstr(seen.last, "unproven") != NULL) == (rows[_i].end != OUT_OK));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("rollout");
	TCase *tc = fake_case(s, "rollout");

	tcase_add_loop_test(tc, servers_are_told_and_proven_in_groups, 0, 4);
	tcase_add_loop_test(tc, when_one_fails_all_go_back_and_each_is_proven, 0, NITEMS(falls));
	tcase_add_test(tc, one_that_cannot_be_led_back_hinders_nobody_else);
	tcase_add_test(tc, partial_leaves_one_behind_the_first_as_it_is);
	tcase_add_test(tc, partial_or_not_the_first_fails_for_all);
	tcase_add_test(tc, a_certificate_that_fails_goes_back_before_the_others_go_on);
	tcase_add_test(tc, workers_that_differ_are_told_once_more);
	tcase_add_loop_test(tc, an_unknown_end_that_no_listener_decides_is_no_success, 0, 3);
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
