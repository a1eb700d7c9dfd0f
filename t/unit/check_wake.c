/*
 * check_wake: when a daemon that sleeps runs again, and what it tells twice.
 */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "calm.h"
#include "suite.h"
#include "wake.h"

#define T0	INT64_C(1800000000)
#define B0	INT64_C(5000000)	/* boot clock, milliseconds */
#define S(n)	((int64_t)(n) * 1000)

/* --- wake --- */

static const struct {
	const char		*what;
	struct wake_facts	 facts;
	int64_t			 at_ms;
} rows[] = {
	{ "never run: at once", { .wall = T0, .boot_ms = B0 }, B0 },
	{ "in ten seconds", { .wall = T0, .boot_ms = B0, .last_ms = B0, .next = T0 + 10 },
	  B0 + S(10) },
	{ "later in the sleep the same", { .wall = T0 + 4, .boot_ms = B0 + S(4), .last_ms = B0,
	  .next = T0 + 10 }, B0 + S(10) },
	{ "the time has come", { .wall = T0 + 10, .boot_ms = B0 + S(10), .last_ms = B0,
	  .next = T0 + 10 }, B0 + S(10) },
	{ "far away: a look once a day", { .wall = T0, .boot_ms = B0, .last_ms = B0,
	  .next = T0 + 60 * DAY }, B0 + S(DAY) },
	{ "nothing at all: a look once a day", { .wall = T0, .boot_ms = B0, .last_ms = B0,
	  .next = INT64_MAX }, B0 + S(DAY) },
	{ "nothing at all, before 1970", { .wall = -T0, .boot_ms = B0, .last_ms = B0,
	  .next = INT64_MAX }, B0 + S(DAY) },

	/* clocks that jump: T01, T07 */
	{ "the clock leapt a year ahead: now", { .wall = T0 + 365 * DAY, .boot_ms = B0 + S(9),
	  .last_ms = B0, .next = T0 + 30 * DAY }, B0 + S(9) },
	{ "three days back: a look a day later", { .wall = T0 - 3 * DAY, .boot_ms = B0 + S(9),
	  .last_ms = B0, .next = T0 + HOUR }, B0 + S(9) + S(DAY) },
	{ "suspended over its time: now", { .wall = T0 + 12 * HOUR, .boot_ms = B0 + S(12 * HOUR),
	  .last_ms = B0, .next = T0 + HOUR }, B0 + S(12 * HOUR) },

	/* no storm */
	{ "a run that left something due: a minute", { .wall = T0, .boot_ms = B0, .last_ms = B0,
	  .next = T0 - 5, .idle = 1, .random = 500 }, B0 + S(MINUTE) },
	{ "two: ten", { .wall = T0, .boot_ms = B0, .last_ms = B0, .idle = 2, .random = 500 },
	  B0 + S(10 * MINUTE) },
	{ "for weeks: daily", { .wall = T0, .boot_ms = B0, .last_ms = B0, .idle = 1000,
	  .random = 500 }, B0 + S(DAY) },
	{ "without end: daily", { .wall = T0, .boot_ms = B0, .last_ms = B0, .idle = INT64_MAX,
	  .random = 500 }, B0 + S(DAY) },
	{ "and a clock that leaps does not change it", { .wall = T0 + 365 * DAY, .boot_ms = B0 + 1,
	  .last_ms = B0, .next = T0 + HOUR, .idle = 3, .random = 500 }, B0 + S(100 * MINUTE) },
	{ "another one was at work", { .wall = T0, .boot_ms = B0, .last_ms = B0,
	  .outcome = OUT_BUSY, .idle = 7 }, B0 + S(WAKE_BUSY) },

	/* limits */
	{ "the end of the boot clock", { .wall = T0, .boot_ms = INT64_MAX - 1,
	  .last_ms = INT64_MAX - 2, .next = T0 + DAY }, INT64_MAX },
	{ "both ends of the wall clock", { .wall = INT64_MIN, .boot_ms = B0, .last_ms = B0,
	  .next = INT64_MAX }, B0 + S(DAY) },
};

START_TEST(wake_keeps_its_table)
{
	int64_t at = wake_at_ms(&rows[_i].facts);

	ck_assert_msg(at == rows[_i].at_ms, "%s: got %jd, want %jd", rows[_i].what, (intmax_t)at,
	    (intmax_t)rows[_i].at_ms);
}
END_TEST

/* FAULTS L02: 10,000 starts, every second of a minute, none preferred; and never long after. */
START_TEST(starts_are_spread_over_the_seconds_of_a_minute)
{
	struct wake_facts f = { .wall = T0, .boot_ms = 0, .last_ms = 1, .next = T0 + DAY };
	unsigned at[60] = { 0 }, most = 0, least = 10000;
	uint32_t random = 12345;

	for (int i = 0; i < 10000; i++) {
		random = random * 1664525 + 1013904223;
		f.random = random >> 7;
		int64_t late = wake_at_ms(&f) - S(DAY);

		ck_assert_int_ge(late, 0);
		ck_assert_int_le(late, S(WAKE_SPREAD));
		at[late / 1000]++;
	}
	for (int i = 0; i < WAKE_SPREAD; i++) {
		most = at[i] > most ? at[i] : most;
		least = at[i] < least ? at[i] : least;
	}
	ck_assert_msg(least > 100 && most < 250, "between %u and %u starts in a second", least,
	    most);
}
END_TEST

START_TEST(a_short_wait_is_hardly_put_off)
{
	struct wake_facts f = { .wall = T0, .boot_ms = B0, .last_ms = B0, .next = T0 + 10,
	    .random = UINT32_MAX };

	for (int i = 0; i < 5000; i++, f.random -= 1013904223) {
		ck_assert_int_ge(wake_at_ms(&f), B0 + S(10));
		ck_assert_int_le(wake_at_ms(&f), B0 + S(11));
	}
}
END_TEST

/* --- calm --- */

static const struct {
	const char	*what;
	const char	*cert;
	enum report_kind kind;
	enum outcome	 outcome;
	const char	*text;
	int64_t		 at_ms;
	bool		 told;
} told[] = {
	{ "a failure", "a", REPORT_RESULT, OUT_RETRY, "no connection", 0, true },
	{ "the same again", "a", REPORT_RESULT, OUT_RETRY, "no connection", S(60), false },
	{ "the same of another", "b", REPORT_RESULT, OUT_RETRY, "no connection", S(60), true },
	{ "the same of the run", NULL, REPORT_RESULT, OUT_RETRY, "no connection", S(60), true },
	{ "another one", "a", REPORT_RESULT, OUT_HOLD, "no such file", S(61), true },
	{ "and the first again", "a", REPORT_RESULT, OUT_RETRY, "no connection", S(62), true },
	{ "a step", "a", REPORT_STEP, OUT_RETRY, "no connection", S(63), true },
	{ "a step that begins", "a", REPORT_START, OUT_OK, NULL, S(63), true },
	{ "something on the way", "a", REPORT_NOTE, OUT_OK, "no connection", S(63), true },
	{ "nothing has changed by that", "a", REPORT_RESULT, OUT_RETRY, "no connection", S(64),
	  false },
	{ "a day later", "a", REPORT_RESULT, OUT_RETRY, "no connection", S(62) + S(DAY), true },
	{ "it is well", "a", REPORT_RESULT, OUT_OK, "version 2", S(DAY) + S(99), true },
	{ "it is well again", "a", REPORT_RESULT, OUT_OK, "version 2", S(DAY) + S(99), true },
	{ "and the failure is new", "a", REPORT_RESULT, OUT_RETRY, "no connection", S(DAY) + S(100),
	  true },
	{ "that of b is old", "b", REPORT_RESULT, OUT_RETRY, "no connection", S(100), false },
};

START_TEST(what_stays_the_same_is_told_once)
{
	struct calm c = { { NULL, 0 } };

	for (size_t i = 0; i < NITEMS(told); i++) {
		struct report r = { .kind = told[i].kind, .outcome = told[i].outcome,
			.cert = (char *)(uintptr_t)told[i].cert,
			.text = (char *)(uintptr_t)told[i].text };

		ck_assert_msg(calm_is_new(&c, &r, told[i].at_ms) == told[i].told, "%s: %s",
		    told[i].what, told[i].told ? "not told" : "told");
	}
	calm_clear(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wake");
	TCase *t = tcase_create("wake");

	tcase_add_loop_test(t, wake_keeps_its_table, 0, NITEMS(rows));
	tcase_add_test(t, starts_are_spread_over_the_seconds_of_a_minute);
	tcase_add_test(t, a_short_wait_is_hardly_put_off);
	tcase_add_test(t, what_stays_the_same_is_told_once);
	suite_add_tcase(s, t);
	return suite_run(s);
}
