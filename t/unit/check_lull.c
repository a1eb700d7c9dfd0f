/*
 * check_lull: a server whose release may crash at a reload is told in a quiet
 * moment, or not at all (FAULTS K18); one without memory is left alone (K12);
 * with the real keeper.
 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"

#define MIB	((int64_t)1024 * 1024)

static void
want_another(void)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
}

START_TEST(arrivals_keep_their_table)
{
	static uint8_t ids[16] = { 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4 };
	static const struct {
		const char	*what;
		int64_t		 first, second, fresh;
		size_t		 had, have;	/* ids; 0: not known */
	} rows[] = {
		{ "none is new", 5, 5, 0, 0, 0 },
		{ "some have ended", 5, 3, 0, 0, 0 },
		{ "one is new", 5, 6, 1, 0, 0 },
		{ "by their ids", 2, 2, 2, 2, 4 },
	};
	struct hook_facts first, second;

	hook_facts_init(&first);
	hook_facts_init(&second);
	first.tls_open = rows[_i].first;
	second.tls_open = rows[_i].second;
	first.ids_known = second.ids_known = rows[_i].have > 0;
	first.tls_ids = (struct blob){ ids, rows[_i].had * 4 };
	second.tls_ids = (struct blob){ ids, rows[_i].have * 4 };
	ck_assert_msg(hook_arrivals(&first, &second) == rows[_i].fresh, "%s",
	    rows[_i].what);
}
END_TEST

static bool
busy_then_calm(struct msg_watched *m, unsigned n)
{
	m->facts.tls_open = n == 0 ? 200 : n < 3 ? 260 : 300;
	return true;
}

START_TEST(an_unsafe_server_is_told_in_a_quiet_moment)
{
	want_another();
	script.unsafe = true;
	script.unsafe_reload = "wait";
	script.watched = busy_then_calm;
	fake_run_to(CMD_RENEW, OUT_OK);
	/* twice busy, once calm, and once behind the proof */
	ck_assert_uint_eq(seen.watches, 7);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(or_not_at_all)
{
	want_another();
	script.unsafe = true;
	script.unsafe_reload = "hold";
	fake_run_to(CMD_RENEW, OUT_HOLD);
	ck_assert_uint_eq(seen.reloads, 0);
	ck_assert_int_eq(fake_look(0).version, 1);
	ck_assert_int_eq(fake_look(0).pending, PENDING_DEPLOY);
	ck_assert_ptr_nonnull(strstr(seen.last, "may crash"));
}
END_TEST

START_TEST(or_at_once_where_it_is_safe_or_that_is_wanted)
{
	want_another();
	script.unsafe = _i == 0;
	script.unsafe_reload = _i == 0 ? "go-on" : "hold";
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.watches, 1);
}
END_TEST

START_TEST(less_memory_than_four_reloads_cost_is_a_hold)
{
	script.cost = 20 * MIB;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	fake_run_to(CMD_RENEW, OUT_HOLD);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer preflight");
	ck_assert_ptr_nonnull(strstr(seen.last, "want 81920"));
	ck_assert_int_eq(fake_look(0).version, 1);
	/* another process has all of it again */
	script.started = 1;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert(fake_is_served(0));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lull");
	TCase *tc = fake_case(s, "lull");

	tcase_add_loop_test(tc, arrivals_keep_their_table, 0, 4);
	tcase_add_test(tc, an_unsafe_server_is_told_in_a_quiet_moment);
	tcase_add_test(tc, or_not_at_all);
	tcase_add_loop_test(tc, or_at_once_where_it_is_safe_or_that_is_wanted, 0, 2);
	tcase_add_test(tc, less_memory_than_four_reloads_cost_is_a_hold);
	return suite_run(s);
}
