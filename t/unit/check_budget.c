/*
 * check_budget: how much a CA is asked for: the budget that follows from the
 * record, and the ledger of what the CA itself asked for.
 */
#include "ledger.h"
#include "recorded.h"
#include "suite.h"

/* --- the budget (FAULTS L06, V8) --- */

START_TEST(two_certificates_for_the_same_names_are_a_day_s_worth)
{
	struct record_time a = later(HOUR), b = later(5 * HOUR), now = later(6 * HOUR);
	struct strs same = { NULL, 0 }, other = { NULL, 0 };
	const char *why;

	ck_assert_int_eq(strs_add(&same, "a.example.com"), 0);
	ck_assert_int_eq(strs_add(&same, "b.example.com"), 0);
	ck_assert_int_eq(strs_add(&other, "a.example.com"), 0);
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &a, &e));
	ck_assert_int_eq(left(&now, &names, 0, &why), 0);
	ck_assert_str_eq(why, "");
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &same, 0, false }, &b, &e));
	ck_assert_int_eq(left(&now, &names, 0, &why), a.wall + DAY);
	ck_assert_str_ne(why, "");
	ck_assert_int_eq(left(&now, &same, 0, NULL), a.wall + DAY);
	ck_assert_int_eq(left(&now, &other, 0, NULL), 0);
	now = later(HOUR + DAY - 1);
	ck_assert_int_eq(left(&now, &names, 0, NULL), a.wall + DAY);
	now = later(HOUR + DAY);
	ck_assert_int_eq(left(&now, &names, 0, NULL), 0);
	strs_clear(&same);
	strs_clear(&other);
}
END_TEST

START_TEST(short_lives_have_a_shorter_day)
{
	struct record_time now = later(150), end = later(300);

	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0, &e));
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &now, &e));
	ck_assert_int_eq(left(&now, &names, 300, NULL), W0 + 300);
	ck_assert_int_eq(left(&end, &names, 300, NULL), 0);
	ck_assert_int_eq(left(&end, &names, 90 * DAY, NULL), W0 + DAY);
}
END_TEST

START_TEST(an_order_that_was_not_finalized_does_not_count)
{
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0, &e));
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0, &e));
	budget_unspend(&rec.budget, &order);
	ck_assert_int_eq(left(&t0, &names, 0, NULL), 0);
	budget_unspend(&rec.budget, &order);
	budget_unspend(&rec.budget, &order);
	budget_refused(&rec.budget, &order);
	ck_assert_uint_eq(rec.budget.issues.n, 0);
}
END_TEST

START_TEST(a_refused_certificate_costs_34_hours)
{
	struct record_time now = later(34 * HOUR - 1), end = later(34 * HOUR);
	const char *why;

	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0, &e));
	budget_refused(&rec.budget, &order);
	ck_assert_int_eq(left(&now, &names, 0, &why), W0 + 34 * HOUR);
	ck_assert_ptr_nonnull(strstr(why, "34 hours"));
	ck_assert_int_eq(left(&end, &names, 0, NULL), 0);
	MUST(record_save(cert, &rec, &e));
	load(&now);
	ck_assert_int_eq(left(&now, &names, 0, NULL), W0 + 34 * HOUR);
}
END_TEST

START_TEST(three_failed_validations_of_a_name_are_an_hour_s_worth)
{
	struct record_time now;
	const char *why;

	for (int i = 0; i < 3; i++) {
		now = later(i * 10 * MINUTE);
		ck_assert_int_eq(left(&now, &names, 0, NULL), 0);
		MUST(budget_validation_failed(&rec.budget, CA, "a.example.com", &now, &e));
		MUST(budget_validation_failed(&rec.budget, CA, "c.example.com", &now, &e));
	}
	ck_assert_int_eq(left(&now, &names, 0, &why), W0 + HOUR);
	ck_assert_ptr_nonnull(strstr(why, "validations"));
	now = later(HOUR);
	ck_assert_int_eq(left(&now, &names, 0, NULL), 0);
	MUST(budget_validation_failed(&rec.budget, CA, "a.example.com", &now, &e));
	ck_assert_int_eq(left(&now, &names, 0, NULL), W0 + HOUR + 10 * MINUTE);
}
END_TEST

START_TEST(what_one_ca_limits_another_does_not)
{
	const struct budget_order other = { "zerossl", &names, 0, false };

	MUST(budget_spend(&rec.budget, &order, &t0, &e));
	MUST(budget_spend(&rec.budget, &order, &t0, &e));
	for (int i = 0; i < 3; i++)
		MUST(budget_validation_failed(&rec.budget, CA, "a.example.com", &t0, &e));
	ck_assert_int_eq(budget_until(&rec.budget, &order, &t0, NULL), W0 + DAY);
	ck_assert_int_eq(budget_until(&rec.budget, &other, &t0, NULL), 0);
	/* What was counted before CAs were told apart counts at each. */
	free(((struct budget_issue *)rec.budget.issues.v)[0].ca);
	((struct budget_issue *)rec.budget.issues.v)[0].ca = NULL;
	MUST(budget_spend(&rec.budget, &other, &t0, &e));
	ck_assert_int_eq(budget_until(&rec.budget, &other, &t0, NULL), W0 + DAY);
}
END_TEST

/* L06: sections of one CA share its limits, whatever order their records come in. */
START_TEST(sections_share_one_budget)
{
	struct record_time a = later(HOUR), b = later(5 * HOUR), now = later(6 * HOUR);
	struct budget all = { .issues.n = 0 };
	struct store_cert *second;

	MUST(budget_spend(&rec.budget, &order, &b, &e));
	MUST(record_save(cert, &rec, &e));
	pack_clear(&record_pack, &rec);
	rec = (struct record){ 0 };
	MUST(store_cert_open(store, "zz.example.com", &second, &e));
	MUST(budget_spend(&rec.budget, &order, &a, &e));
	MUST(budget_validation_failed(&rec.budget, CA, "a.example.com", &t0, &e));
	MUST(record_save(second, &rec, &e));
	store_cert_free(second);
	tree_dir("state/certs/broken", 0711);
	tree_file("state/certs/broken/record.json", "{");
	MUST(record_gather(store, &now, &all, &e));
	ck_assert_uint_eq(all.issues.n, 2);
	ck_assert_uint_eq(all.validations.n, 0);	/* too old to count */
	ck_assert_int_eq(budget_until(&all, &order, &now, NULL), a.wall + DAY);
	pack_clear(&budget_pack, &all);
}
END_TEST

/* L06: counters survive kill -9 and clock jumps. */
static const struct {
	const char		*what;
	struct record_time	 now;
	bool			 free;
} jumps[] = {
	{ "no jump", { W0 + HOUR, B0 + 3600000, 7 }, false },
	{ "forward a year", { W0 + 365 * DAY, B0 + 3600000, 7 }, false },
	{ "back a year", { W0 - 365 * DAY, B0 + 3600000, 7 }, false },
	{ "back a year, started anew", { W0 - 365 * DAY, 1000, 8 }, false },
	{ "a day on the boot clock, whatever the wall says", { W0, B0 + 86400000, 7 }, true },
	{ "a day, started anew", { W0 + DAY, 1000, 8 }, true },
};

START_TEST(no_clock_gives_the_budget_back)
{
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0, &e));
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0, &e));
	MUST(record_save(cert, &rec, &e));
	load(&jumps[_i].now);
	ck_assert_msg((left(&jumps[_i].now, &names, 0, NULL) == 0) == jumps[_i].free,
	    "%s", jumps[_i].what);
}
END_TEST

/* L12: however often an operator asks. */
START_TEST(a_hundred_forced_attempts_are_two_orders)
{
	int orders = 0;

	for (int i = 0; i < 100; i++) {
		struct record_time now = later(i * 10);

		load(&now);
		if (left(&now, &names, 0, NULL) > now.wall)
			continue;
		orders++;
		MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &now,
		    &e));
		MUST(record_save(cert, &rec, &e));
	}
	ck_assert_int_eq(orders, 2);
}
END_TEST

/* --- the ledger of a CA (FAULTS A05 to A08) --- */

static const struct {
	const char	*what;
	int64_t		 asked;		/* seconds from W0 */
	int64_t		 until;		/* seconds from W0 */
} holds[] = {
	{ "an hour", HOUR, HOUR }, { "a second: a minute", 1, MINUTE },
	{ "the past: a minute", -DAY, MINUTE }, { "now: a minute", 0, MINUTE },
	{ "a year: a day", 365 * DAY, DAY }, { "the end of time: a day", INT64_MAX - W0, DAY },
	{ "its begin: a minute", INT64_MIN, MINUTE },
};

START_TEST(a_ca_that_asks_to_wait_is_heard_across_runs)
{
	struct record_time end = later(holds[_i].until);
	struct ledger l;

	MUST(ledger_load(store, "ca", &t0, &l, &e));
	ck_assert_int_eq(ledger_until(&l, &t0), 0);
	MUST(ledger_hold(&l, &t0, time_add(W0, holds[_i].asked), "429 at newOrder", &e));
	l.skew = -7;
	MUST(ledger_save(store, "ca", &l, &e));
	pack_clear(&ledger_pack, &l);
	MUST(ledger_load(store, "ca", &t0, &l, &e));
	ck_assert_msg(ledger_until(&l, &t0) == W0 + holds[_i].until, "%s: got W0 %+jd",
	    holds[_i].what, (intmax_t)(ledger_until(&l, &t0) - W0));
	ck_assert_str_eq(l.reason, "429 at newOrder");
	ck_assert_int_eq(l.skew, -7);
	ck_assert_int_eq(ledger_until(&l, &end), 0);
	pack_clear(&ledger_pack, &l);
	MUST(ledger_load(store, "other", &t0, &l, &e));
	ck_assert_int_eq(ledger_until(&l, &t0), 0);
}
END_TEST

/* T05. */
static const struct {
	const char		*what;
	int64_t			 skew;
	struct record_time	 now;
	int64_t			 want;
} skews[] = {
	{ "an hour later", 12 * HOUR, { W0 + HOUR, B0 + 3600000, 7 }, 12 * HOUR },
	{ "behind us", -12 * HOUR, { W0 + HOUR, B0 + 3600000, 7 }, -12 * HOUR },
	{ "little is no fault of a clock", LEDGER_SKEW - 1, { W0, B0, 7 }, 0 },
	{ "our clock was set since", 12 * HOUR, { W0 + 13 * HOUR, B0 + 3600000, 7 }, 0 },
	{ "set back since", -12 * HOUR, { W0 - 11 * HOUR, B0 + 3600000, 7 }, 0 },
	{ "the end of time", INT64_MAX, { W0, B0, 7 }, INT64_C(1) << 40 },
	{ "the begin of time", INT64_MIN, { W0, B0, 7 }, -(INT64_C(1) << 40) },
	{ "the machine was started since", 12 * HOUR, { W0 + HOUR, 1000, 8 }, 0 },
};

START_TEST(a_clock_is_corrected_while_nobody_set_it)
{
	struct ledger l = { .wait = 0 };

	ck_assert_int_eq(ledger_skew(&l, &t0), 0);
	ledger_compare(&l, &t0, skews[_i].skew);
	MUST(ledger_save(store, "ca", &l, &e));
	pack_clear(&ledger_pack, &l);
	MUST(ledger_load(store, "ca", &skews[_i].now, &l, &e));
	ck_assert_msg(ledger_skew(&l, &skews[_i].now) == skews[_i].want, "%s: got %jd",
	    skews[_i].what, (intmax_t)ledger_skew(&l, &skews[_i].now));
	pack_clear(&ledger_pack, &l);
}
END_TEST

START_TEST(a_damaged_ledger_is_an_empty_one)
{
	struct ledger l = { 0 };

	MUST(ledger_hold(&l, &t0, W0 + HOUR, "429", &e));
	MUST(ledger_save(store, "ca", &l, &e));
	pack_clear(&ledger_pack, &l);
	tree_file("state/accounts/ca/ledger.json", "{}");
	MUST(ledger_load(store, "ca", &t0, &l, &e));
	ck_assert_int_eq(ledger_until(&l, &t0), 0);
	ck_assert_ptr_null(l.reason);
}
END_TEST

START_TEST(no_jump_of_the_clock_makes_a_ca_s_wait_longer_than_a_day)
{
	struct record_time back = { W0 - 365 * DAY, B0 + 60000, 7 };
	struct record_time anew = { W0 - 365 * DAY, 1000, 8 };
	struct record_time end = { W0 - 365 * DAY + HOUR, 3601000, 8 };
	struct ledger l = { 0 };

	MUST(ledger_hold(&l, &t0, W0 + HOUR, "429", &e));
	ck_assert_int_eq(ledger_until(&l, &back), back.wall + HOUR - 60);
	MUST(ledger_save(store, "ca", &l, &e));
	pack_clear(&ledger_pack, &l);
	MUST(ledger_load(store, "ca", &anew, &l, &e));
	ck_assert_int_eq(ledger_until(&l, &anew), anew.wall + HOUR);
	pack_clear(&ledger_pack, &l);
	/* The hour passes all the same. */
	MUST(ledger_load(store, "ca", &end, &l, &e));
	ck_assert_int_eq(ledger_until(&l, &end), 0);
	pack_clear(&ledger_pack, &l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("budget");
	TCase *t = tcase_create("budget");

	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, two_certificates_for_the_same_names_are_a_day_s_worth);
	tcase_add_test(t, short_lives_have_a_shorter_day);
	tcase_add_test(t, an_order_that_was_not_finalized_does_not_count);
	tcase_add_test(t, a_refused_certificate_costs_34_hours);
	tcase_add_test(t, three_failed_validations_of_a_name_are_an_hour_s_worth);
	tcase_add_test(t, what_one_ca_limits_another_does_not);
	tcase_add_test(t, sections_share_one_budget);
	tcase_add_loop_test(t, no_clock_gives_the_budget_back, 0, NITEMS(jumps));
	tcase_add_test(t, a_hundred_forced_attempts_are_two_orders);
	tcase_add_loop_test(t, a_ca_that_asks_to_wait_is_heard_across_runs, 0, NITEMS(holds));
	tcase_add_loop_test(t, a_clock_is_corrected_while_nobody_set_it, 0, NITEMS(skews));
	tcase_add_test(t, a_damaged_ledger_is_an_empty_one);
	tcase_add_test(t, no_jump_of_the_clock_makes_a_ca_s_wait_longer_than_a_day);
	suite_add_tcase(s, t);
	return suite_run(s);
}
