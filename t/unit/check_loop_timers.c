/*
 * check_loop_timers: timers of one loop, on the false clock and the kernel's.
 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "loopmarks.h"
#include "suite.h"

START_TEST(timers_fire_by_time_and_then_as_they_were_added)
{
	struct mark a = { "a" }, b = { "b" }, c = { "c" }, d = { "d" };

	add_note(1020, &c);
	add_note(1010, &a);
	add_note(1030, &d);
	add_note(1010, &b);
	turn();
	ck_assert_str_eq(fired, "");
	false_now = 1009;
	turn();
	ck_assert_str_eq(fired, "");
	false_now = 1010;
	turn();
	ck_assert_str_eq(fired, "ab");
	false_now = 5000;
	turn();
	ck_assert_str_eq(fired, "abcd");
	turn();
	ck_assert_str_eq(fired, "abcd");
}
END_TEST

#define MANY	3000

static int64_t last_fired;
static int count_fired;

struct many {
	struct loop_timer	*t;
	int64_t			 at;
	bool			 removed;
};

static void
check_order(void *arg)
{
	struct many *m = arg;

	ck_assert_msg(!m->removed, "a removed timer (%jd) fired", (intmax_t)m->at);
	ck_assert_msg(m->at >= last_fired, "%jd fired after %jd", (intmax_t)m->at,
	    (intmax_t)last_fired);
	ck_assert_int_le(m->at, false_now);
	last_fired = m->at;
	m->t = NULL;
	count_fired++;
}

START_TEST(many_timers_keep_their_order_while_a_third_is_removed)
{
	static struct many all[MANY];
	uint32_t x = 12345;
	int i;

	for (i = 0; i < MANY; i++) {
		x = x * 1664525u + 1013904223u;
		all[i].at = 2000 + (int64_t)(x >> 16);
		all[i].t = loop_timer_add(l, all[i].at, check_order, &all[i], &e);
		ck_assert_ptr_nonnull(all[i].t);
	}
	for (i = 0; i < MANY; i += 3) {
		all[i].removed = true;
		loop_timer_del(all[i].t);
	}
	for (false_now = 2000; false_now < 2000 + 65536 + 20000; false_now += 20000)
		turn();
	ck_assert_int_eq(count_fired, MANY - (MANY + 2) / 3);
}
END_TEST

static struct loop_timer *own, *other;

static void
remove_all_timers(void *arg)
{
	note(arg);
	loop_timer_del(own);	/* it has fired: nothing to do */
	loop_timer_del(other);
}

START_TEST(a_timer_may_remove_itself_and_the_next)
{
	struct mark a = { "a" }, b = { "b" };

	ck_assert_ptr_nonnull(own = loop_timer_add(l, 1, remove_all_timers, &a, &e));
	other = add_note(2, &b);
	turn();
	turn();
	ck_assert_str_eq(fired, "a");
}
END_TEST

START_TEST(a_timer_added_by_a_timer_waits_for_the_next_turn)
{
	struct mark a = { "a" };

	ck_assert_ptr_nonnull(loop_timer_add(l, 0, add_again, &a, &e));
	turn();
	ck_assert_str_eq(fired, "a");
	turn();
	ck_assert_str_eq(fired, "aa");
}
END_TEST

START_TEST(on_the_kernels_clock_no_timer_fires_too_early)
{
	struct mark a = { "a" };
	int64_t at;

	clock_use(NULL);
	at = clock_boot_ms() + 15;
	add_note(at, &a);
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_str_eq(fired, "a");
	ck_assert_int_ge(clock_boot_ms(), at);
}
END_TEST

START_TEST(timers_at_the_ends_of_time_do_no_harm)
{
	struct mark a = { "a" }, b = { "b" };

	add_note(INT64_MAX, &b);
	add_note(INT64_MIN, &a);
	turn();
	turn();
	ck_assert_str_eq(fired, "a");
}
END_TEST

/* Every open descriptor from 3 on; counts lines of fdinfo that begin with `line`. */
static int
count_fdinfo(const char *line)
{
	char path[64], text[256];
	int fd, n = 0;
	FILE *f;

	for (fd = 3; fd < 64; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		if ((f = fopen(path, "re")) == NULL)
			continue;
		while (fgets(text, sizeof(text), f) != NULL)
			if (strncmp(text, line, strlen(line)) == 0)
				n++;
		(void)fclose(f);
	}
	return n;
}

START_TEST(the_waking_timer_counts_suspend)
{
	struct mark a = { "a" };

	add_note(900000, &a);
	turn();
	ck_assert_int_eq(count_fdinfo("clockid: 7"), 1);	/* CLOCK_BOOTTIME */
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("loop timers");
	TCase *tc = tcase_create("loop");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_test(tc, timers_fire_by_time_and_then_as_they_were_added);
	tcase_add_test(tc, many_timers_keep_their_order_while_a_third_is_removed);
	tcase_add_test(tc, a_timer_may_remove_itself_and_the_next);
	tcase_add_test(tc, a_timer_added_by_a_timer_waits_for_the_next_turn);
	tcase_add_test(tc, on_the_kernels_clock_no_timer_fires_too_early);
	tcase_add_test(tc, timers_at_the_ends_of_time_do_no_harm);
	tcase_add_test(tc, the_waking_timer_counts_suspend);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
