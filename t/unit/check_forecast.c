/*
 * check_forecast: what reloads cost, by the figures measured on a real
 * Kamailio: 11 processes, 3 profiles, 64 MiB; and when they are held back
 * (FAULTS K12).
 */
#include <check.h>

#include "forecast.h"
#include "suite.h"

#define MIB	((int64_t)1024 * 1024)
#define THRESHOLD ((int64_t)512 * 1024 * 11)	/* below it new connections are refused */

/* qm of 5.6.3: each costs 553992 octets, and there is noise of connections that come and go. */
START_TEST(a_leak_is_forecast_within_a_tenth_and_held_before_the_end)
{
	struct forecast f = { 0 };
	int64_t left = 64 * MIB - 2295 * 1024, before, forecasts[200];
	int n = 0, i;

	while (left >= forecast_floor(&f, THRESHOLD)) {
		forecasts[n++] = forecast_left(&f, 554000, left, THRESHOLD);
		before = left;
		left -= 553992 + (n % 5 - 2) * 9000;
		forecast_add(&f, before, left);
	}
	ck_assert_int_gt(left, THRESHOLD);
	ck_assert_int_gt(n, 90);
	for (i = 2; i < n; i++)
		ck_assert_msg(forecasts[i] >= (n - i) * 9 / 10 - 1 &&
		    forecasts[i] <= (n - i) * 11 / 10 + 1,
		    "at %d: %jd are left, forecast %jd", i, (intmax_t)(n - i),
		    (intmax_t)forecasts[i]);
	ck_assert_int_eq(forecast_left(&f, 0, left, THRESHOLD), 0);
}
END_TEST

/*
 * qm with 100 connections: 566331 octets each, from 12459520 that were used. Now and then old ones
 * hold six generations, 600 KiB each, until the eighth reload behind it; while they do, nobody can
 * know that it comes back.
 */
START_TEST(what_connections_held_for_a_while_changes_no_forecast)
{
	struct forecast f = { 0 };
	int64_t left = 64 * MIB - 12459520, before, forecasts[200];
	int n = 0, i, held = 0, holds[200];

	while (left >= forecast_floor(&f, THRESHOLD)) {
		holds[n] = held;
		forecasts[n++] = forecast_left(&f, 566331, left, THRESHOLD);
		if (n >= 20 && n % 17 < 6)
			held++;
		if (n >= 28 && (n - 8) % 17 < 6)
			held--;
		before = left;
		left -= 566331 + (held - holds[n - 1]) * 600 * 1024;
		forecast_add(&f, before, left);
	}
	ck_assert_int_gt(left, THRESHOLD);
	ck_assert_int_gt(n, 70);
	for (i = 2; i < n; i++)
		ck_assert_msg(holds[i] > 0 || (forecasts[i] >= (n - i) * 9 / 10 - 1 &&
		    forecasts[i] <= (n - i) * 11 / 10 + 1),
		    "at %d: %jd are left, forecast %jd", i, (intmax_t)(n - i),
		    (intmax_t)forecasts[i]);
}
END_TEST

/* qm of 5.6.3 with two profiles, and 100 connections that were there before: what was seen. */
START_TEST(connections_from_before_change_no_forecast)
{
	static const int64_t costs[] = { 1004544, 989184, 249856, 253952, 267264, 271360, 279552,
	    259072 };
	struct forecast f = { 0 };
	int64_t left = 57310208, before, forecasts[400];
	int n = 0, i;

	while (left >= forecast_floor(&f, THRESHOLD)) {
		forecasts[n] = forecast_left(&f, 270336, left, THRESHOLD);
		before = left;
		left -= n < 8 ? costs[n] : 262144 + (n % 5 - 2) * 6000;
		n++;
		forecast_add(&f, before, left);
	}
	ck_assert_int_gt(n, 180);
	for (i = 0; i < n; i++)
		ck_assert_msg(forecasts[i] >= (n - i) * 9 / 10 - 1 &&
		    forecasts[i] <= (n - i) * 11 / 10 + 1,
		    "at %d: %jd are left, forecast %jd", i, (intmax_t)(n - i),
		    (intmax_t)forecasts[i]);
}
END_TEST

/* fm: a generation comes, an old one goes; 222 octets on average. */
START_TEST(what_comes_back_is_not_lost)
{
	struct forecast f = { 0 };
	int64_t left = 60 * MIB, before;

	for (int i = 0; i < 500; i++) {
		before = left;
		left -= i == 0 ? 600 * 1024 : i % 2 == 0 ? 300 * 1024 + 444 : -300 * 1024;
		forecast_add(&f, before, left);
		ck_assert_int_eq(forecast_left(&f, 0, left, THRESHOLD), FORECAST_ENDLESS);
	}
}
END_TEST

/* fm of 5.6.3: free memory before the first reloads, as it was seen; no end is in sight. */
START_TEST(the_first_reloads_foretell_no_end)
{
	static const int64_t costs[] = { 620000, 25000, 21000, 18000, 17000, 300, 400, 200, 900 };
	struct forecast f = { 0 };
	int64_t left = 60 * MIB;

	for (size_t i = 0; i < 9; i++) {
		forecast_add(&f, left, left - costs[i]);
		left -= costs[i];
		ck_assert_int_eq(forecast_left(&f, 0, left, THRESHOLD), FORECAST_ENDLESS);
	}
	/* an unknown one that goes on losing is found out all the same */
	for (int i = 0; i < 30; i++) {
		forecast_add(&f, left, left - 500000);
		left -= 500000;
	}
	ck_assert_int_lt(forecast_left(&f, 0, left, THRESHOLD), 150);
}
END_TEST

START_TEST(the_floor_keeps_its_table)
{
	static const struct {
		int64_t	last, least, floor;
	} rows[] = {
		{ 0, 0, 8 * MIB },
		{ MIB, 0, 8 * MIB },
		{ 3 * MIB, 0, 12 * MIB },
		{ -3 * MIB, 0, 8 * MIB },
		{ MIB, 11 * MIB, 11 * MIB },
	};
	struct forecast f = { .reloads = 1, .last = rows[_i].last };

	ck_assert_int_eq(forecast_floor(&f, rows[_i].least), rows[_i].floor);
}
END_TEST

START_TEST(what_is_not_known_is_not_noted)
{
	struct forecast f = { 0 };

	forecast_add(&f, -1, 5);
	forecast_add(&f, 5, -1);
	ck_assert_int_eq(f.reloads, 0);
	ck_assert_int_eq(forecast_left(&f, 0, 60 * MIB, 0), FORECAST_ENDLESS);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("forecast");
	TCase *tc = tcase_create("forecast");

	tcase_add_test(tc, a_leak_is_forecast_within_a_tenth_and_held_before_the_end);
	tcase_add_test(tc, what_connections_held_for_a_while_changes_no_forecast);
	tcase_add_test(tc, connections_from_before_change_no_forecast);
	tcase_add_test(tc, what_comes_back_is_not_lost);
	tcase_add_test(tc, the_first_reloads_foretell_no_end);
	tcase_add_loop_test(tc, the_floor_keeps_its_table, 0, 5);
	tcase_add_test(tc, what_is_not_known_is_not_noted);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
