/*
 * check_record: what is remembered of a certificate, by two clocks.
 */
#include "listing.h"
#include "recorded.h"
#include "suite.h"

/* --- times (FAULTS T01) --- */

static const struct {
	const char		*what;
	struct record_time	 then, now;
	int64_t			 when;
} times[] = {
	{ "never", { 0, 0, 0 }, { W0, B0, 7 }, 0 },
	{ "a minute ago", { W0, B0, 7 }, { W0 + 60, B0 + 60000, 7 }, W0 },
	{ "the clock was set back three days", { W0, B0, 7 }, { W0 - 3 * DAY, B0 + 60000, 7 },
	  W0 - 3 * DAY - 60 },
	{ "the clock was set forward a year", { W0, B0, 7 }, { W0 + 365 * DAY, B0 + 60000, 7 },
	  W0 + 365 * DAY - 60 },
	{ "twelve hours of suspend count", { W0, B0, 7 }, { W0 + 12 * HOUR, B0 + 43200000, 7 },
	    W0 },
	{ "started anew: the wall clock counts", { W0, B0, 7 }, { W0 + DAY, 1000, 8 }, W0 },
	{ "started anew, and set back", { W0, B0, 7 }, { W0 - DAY, 1000, 8 }, W0 - DAY },
	{ "start not known: the wall clock counts", { W0, B0, 0 }, { W0 + 60, B0, 0 }, W0 },
	{ "a snapshot was put back", { W0, B0, 7 }, { W0 + 60, B0 - 1000, 7 }, W0 + 60 },
	{ "limits", { INT64_MIN, 0, 1 }, { INT64_MAX, 0, 2 }, 0 },
	{ "limits of the boot clock", { W0, INT64_MIN, 7 }, { W0, INT64_MAX, 7 }, W0 },
};

START_TEST(the_boot_clock_decides_while_it_can)
{
	int64_t when = record_when(&times[_i].then, &times[_i].now);

	ck_assert_msg(when == times[_i].when, "%s: got %jd (W0 %+jd), want %jd", times[_i].what,
	    (intmax_t)when, (intmax_t)(when - W0), (intmax_t)times[_i].when);
	ck_assert_int_le(when, times[_i].now.wall);
}
END_TEST

static int64_t
fixed_wall(void)
{
	return W0;
}

static int64_t
fixed_boot(void)
{
	return B0;
}

START_TEST(now_is_what_the_clocks_say)
{
	static const struct clock_source source = { fixed_wall, fixed_boot };
	struct record_time a, b;

	clock_use(&source);
	record_now(&a);
	record_now(&b);
	ck_assert_int_eq(a.wall, W0);
	ck_assert_int_eq(a.boot_ms, B0);
	ck_assert_int_gt(a.boot_id, 0);
	ck_assert_int_eq(a.boot_id, b.boot_id);
}
END_TEST

/* --- file --- */

static void
fill_window(const char *id, int64_t from)
{
	struct record_window *w = record_window_of(&rec, id, &e);

	ck_assert_ptr_nonnull(w);
	w->start = W0 + from;
	w->end = W0 + from + 1;
	w->point = W0 + from + 2;
	w->check = W0 + from + 3;
	free(w->url);
	ck_assert_ptr_nonnull(w->url = strdup("https://ca.example/why"));
}

static void
fill(void)
{
	struct err bad = ERR_NONE, fine = ERR_NONE;
	struct record_try of_ca = { .step = "order", .res = &bad, .ca = CA, .paused = true };

	(void)err_set(&bad, OUT_RETRY, "order: \"quoted\" \xc3\xa4");
	bad.retry_at = W0 + 99;
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0, &e));
	record_attempt(&rec, &t0);
	MUST(end(&t0, "verify", 3, &fine, 1));
	MUST(end(&t0, "order", 0, &bad, 77));
	MUST(budget_validation_failed(&rec.budget, CA, "a.example.com", &t0, &e));
	MUST(record_serial(&rec, "03ab", &e));
	MUST(record_end(&rec, &t0, &of_ca));
	MUST(record_end(&rec, &t0, &of_ca));
	rec.next = W0 + 1;
	rec.reload_tries = 2;
	fill_window("id.serial", 2);
	fill_window("id.other", 20);
	ck_assert_int_eq(blob_set(&rec.facts, span_str("{\"served\":[1,2]}")), 0);
}

START_TEST(a_record_comes_back_as_it_went)
{
	const struct record_result *h;
	const struct budget_issue *issue;
	const struct budget_validation *v;
	const struct record_window *w;

	fill();
	MUST(record_save(cert, &rec, &e));
	ck_assert_int_eq(tree_stat(FILE_NAME).st_mode & 07777, 0600);
	load(&t0);
	ck_assert(!rec.was_damaged);
	ck_assert_uint_eq(rec.history.n, 4);
	h = rec.history.v;
	ck_assert(h[0].outcome == OUT_OK && h[0].version == 3 && h[0].when == W0);
	ck_assert_str_eq(h[0].step, "verify");
	ck_assert_str_eq(h[0].text, "");
	ck_assert(h[1].outcome == OUT_RETRY);
	ck_assert_str_eq(h[1].text, "order: \"quoted\" \xc3\xa4");
	ck_assert_int_eq(rec.failures, 1);
	ck_assert_int_eq(rec.outcome, OUT_RETRY);
	ck_assert_int_eq(rec.jitter, 77 - 500);
	ck_assert_int_eq(rec.asked, W0 + 99);
	ck_assert(memcmp(&rec.last_failure, &t0, sizeof(t0)) == 0);
	ck_assert(memcmp(&rec.last_success, &t0, sizeof(t0)) == 0);
	ck_assert(memcmp(&rec.last_attempt, &t0, sizeof(t0)) == 0);
	ck_assert_uint_eq(rec.cas.n, 1);
	ck_assert_str_eq(record_ca(&rec, CA)->name, CA);
	ck_assert_int_eq(record_ca(&rec, CA)->failures, 2);
	ck_assert_int_eq(record_ca(&rec, CA)->last_failure.boot_ms, B0);
	ck_assert_int_eq(record_ca(&rec, CA)->outcome, OUT_RETRY);
	ck_assert_int_eq(record_ca(&rec, CA)->asked, W0 + 99);
	ck_assert(record_ca(&rec, CA)->paused);
	ck_assert(record_ca(&rec, "other")->name == NULL);
	ck_assert(rec.next == W0 + 1 && rec.reload_tries == 2);
	ck_assert_uint_eq(rec.serials.n, 1);
	ck_assert_str_eq(rec.serials.v[0], "03ab");
	ck_assert_uint_eq(rec.budget.issues.n, 1);
	issue = rec.budget.issues.v;
	ck_assert(issue->when.wall == W0 && issue->when.boot_id == 7 && !issue->refused);
	ck_assert_uint_eq(strlen(issue->names), 64);
	ck_assert_uint_eq(rec.budget.validations.n, 1);
	v = rec.budget.validations.v;
	ck_assert_str_eq(v->name, "a.example.com");
	ck_assert_uint_eq(rec.windows.n, 2);
	ck_assert_ptr_nonnull(w = record_window(&rec, "id.serial"));
	ck_assert(w->start == W0 + 2 && w->end == W0 + 3);
	ck_assert(w->point == W0 + 4 && w->check == W0 + 5);
	ck_assert_str_eq(w->url, "https://ca.example/why");
	ck_assert_ptr_nonnull(w = record_window(&rec, "id.other"));
	ck_assert(w->start == W0 + 20);
	ck_assert(span_is(blob_span(&rec.facts), "{\"served\":[1,2]}"));
}
END_TEST

START_TEST(the_oldest_window_makes_room)
{
	char id[16];

	for (int i = 0; i <= RECORD_WINDOWS; i++) {
		snprintf(id, sizeof id, "%d", i);
		fill_window(id, i);
	}
	fill_window("1", 100);
	ck_assert_uint_eq(rec.windows.n, RECORD_WINDOWS);
	ck_assert_ptr_null(record_window(&rec, "0"));
	ck_assert_ptr_null(record_window(&rec, NULL));
	ck_assert_int_eq(record_window(&rec, "1")->start, W0 + 100);
	ck_assert_int_eq(record_window(&rec, "8")->start, W0 + 8);
}
END_TEST

/* Two a day, each with two orders. */
START_TEST(a_pair_is_one_issuance)
{
	struct budget_order first = { .ca = CA, .names = &names }, second = first;

	second.second = true;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(left(&t0, &names, 0, NULL), 0);
		MUST(budget_spend(&rec.budget, &first, &t0, &e));
		ck_assert_int_eq(budget_until(&rec.budget, &second, &t0, NULL), 0);
		MUST(budget_spend(&rec.budget, &second, &t0, &e));
	}
	ck_assert_int_eq(left(&t0, &names, 0, NULL), W0 + DAY);
	MUST(record_save(cert, &rec, &e));
	load(&t0);
	ck_assert_uint_eq(rec.budget.issues.n, 4);
	ck_assert_int_eq(left(&t0, &names, 0, NULL), W0 + DAY);
	budget_refused(&rec.budget, &second);
	ck_assert_int_eq(budget_until(&rec.budget, &second, &t0, NULL), W0 + 34 * HOUR);
}
END_TEST

START_TEST(no_record_is_an_empty_one)
{
	load(&t0);
	ck_assert_uint_eq(rec.history.n, 0);
	ck_assert_int_eq(rec.failures, 0);
	ck_assert(!rec.was_damaged);
	ck_assert_int_eq(left(&t0, &names, 0, NULL), 0);
	MUST(record_save(cert, &rec, &e));
	load(&t0);
	ck_assert_uint_eq(rec.windows.n, 0);
	ck_assert_uint_eq(rec.facts.n, 0);
}
END_TEST

START_TEST(only_the_newest_are_kept)
{
	struct err fine = ERR_NONE;
	const struct record_result *h;
	char serial[16];

	for (int i = 0; i < 1000; i++) {
		struct record_time now = later(i * HOUR);

		MUST(end(&now, "verify", i, &fine, 0));
		(void)snprintf(serial, sizeof(serial), "%04x", i);
		MUST(record_serial(&rec, serial, &e));
		MUST(record_serial(&rec, serial, &e));
		MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &now,
		    &e));
		MUST(budget_validation_failed(&rec.budget, CA, "a.example.com", &now, &e));
	}
	ck_assert_uint_eq(rec.history.n, RECORD_HISTORY);
	h = rec.history.v;
	ck_assert_int_eq(h[0].version, 980);
	ck_assert_int_eq(h[19].version, 999);
	ck_assert_uint_eq(rec.serials.n, RECORD_SERIALS);
	ck_assert_str_eq(rec.serials.v[0], "03b6");
	ck_assert_str_eq(rec.serials.v[49], "03e7");
	MUST(record_save(cert, &rec, &e));
	ck_assert_int_lt(tree_stat(FILE_NAME).st_size, STORE_FILE_MAX / 2);
	load(&t0);
	ck_assert_uint_eq(rec.history.n, RECORD_HISTORY);
}
END_TEST

START_TEST(the_largest_record_fits_its_file)
{
	struct err bad = ERR_NONE;
	char *facts = malloc(RECORD_FACTS_MAX + 1);
	char text[ERR_TEXT_MAX], name[254];

	ck_assert_ptr_nonnull(facts);
	memset(text, '"', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	memset(facts, '"', RECORD_FACTS_MAX + 1);
	(void)err_set(&bad, OUT_HOLD, "%s", text);
	for (int i = 0; i < 1000; i++) {
		MUST(end(&t0, "verify", i, &bad, 0));
		MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0,
		    &e));
		MUST(budget_validation_failed(&rec.budget, CA, _i == 0 ? "a.example.com" : name,
		    &t0, &e));
	}
	ck_assert_int_eq(blob_set(&rec.facts, span_of(facts, RECORD_FACTS_MAX)), 0);
	MUST(record_save(cert, &rec, &e));
	load(&t0);
	/* What is too large is left out rather than losing all. */
	ck_assert_uint_eq(rec.facts.n, _i == 0 ? RECORD_FACTS_MAX : 0);
	ck_assert_int_eq(blob_set(&rec.facts, span_of(facts, RECORD_FACTS_MAX + 1)), 0);
	MUST(record_save(cert, &rec, &e));
	load(&t0);
	ck_assert_uint_eq(rec.facts.n, 0);
	ck_assert_int_eq(rec.failures, 1000);
	free(facts);
}
END_TEST

/* --- outcomes --- */

START_TEST(failures_of_one_ca_are_its_own)
{
	struct err bad = ERR_NONE, fine = ERR_NONE;
	struct record_try t = { .step = "order", .res = &bad, .ca = "a" };
	struct record_time after = later(60), last = later(120);

	(void)err_set(&bad, OUT_RETRY, "no");
	MUST(record_end(&rec, &t0, &t));
	MUST(record_end(&rec, &t0, &t));
	t.ca = "b";
	MUST(record_end(&rec, &t0, &t));
	ck_assert_int_eq(rec.failures, 0);
	ck_assert_int_eq(rec.last_failure.wall, 0);
	ck_assert_int_eq(record_ca(&rec, "a")->failures, 2);
	ck_assert_int_eq(record_ca(&rec, "b")->failures, 1);
	ck_assert_int_eq(record_failures(&rec), 3);
	/* A success at b ends its failures; a's still hold back a, and nothing else. */
	t.res = &fine;
	MUST(record_end(&rec, &after, &t));
	ck_assert_int_eq(record_ca(&rec, "a")->failures, 2);
	ck_assert_ptr_null(record_ca(&rec, "b")->name);
	ck_assert_int_eq(record_failures(&rec), 0);
	t.res = &bad;
	t.ca = NULL;
	MUST(record_end(&rec, &last, &t));
	ck_assert_int_eq(rec.failures, 1);
	ck_assert_int_eq(record_failures(&rec), 1);
}
END_TEST

START_TEST(failures_count_up_and_success_ends_them)
{
	struct err bad = ERR_NONE, fine = ERR_NONE;

	(void)err_set(&bad, OUT_HOLD, "no");
	bad.retry_at = W0 + 500;
	for (int i = 1; i <= 5; i++) {
		MUST(end(&t0, "order", 0, &bad, (uint32_t)i));
		ck_assert_int_eq(rec.failures, i);
	}
	ck_assert_int_eq(rec.asked, W0 + 500);
	rec.failures = INT64_MAX;
	MUST(end(&t0, "order", 0, &bad, 0));
	ck_assert_int_eq(rec.failures, INT64_MAX);
	rec.reload_tries = 3;
	MUST(end(&t0, "verify", 4, &fine, 0));
	ck_assert_int_eq(rec.failures, 0);
	ck_assert_int_eq(rec.asked, 0);
	ck_assert_int_eq(rec.reload_tries, 0);
	ck_assert_int_eq(rec.outcome, OUT_OK);
	ck_assert_int_eq(rec.last_success.wall, W0);
}
END_TEST

/* --- damage (FAULTS I08) --- */

static const char *const damaged[] = {
	"", "{}", "garbage", "{\"format\":1,\"failures\":0}", "\n",
};

START_TEST(a_damaged_record_is_put_aside_and_the_worst_assumed)
{
	struct record_time now = later(100);
	char *before, *after;

	tree_file(FILE_NAME, damaged[_i]);
	close_all();
	before = list_tree("state", true);
	open_all(STORE_LOOK);
	load(&now);
	ck_assert(rec.was_damaged);
	close_all();
	after = list_tree("state", true);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	open_all(STORE_WORK);
	load(&now);
	ck_assert(rec.was_damaged);
	ck_assert_int_eq(rec.failures, 1);
	ck_assert_int_eq(rec.outcome, OUT_RETRY);
	ck_assert_int_eq(rec.last_failure.wall, now.wall);
	ck_assert_uint_eq(rec.budget.issues.n, 1);
	ck_assert_str_eq(tree_text(FILE_NAME ".bad"), damaged[_i]);
	/* The next run still knows. */
	load(&now);
	ck_assert(!rec.was_damaged);
	ck_assert_int_eq(rec.failures, 1);
	/* One more order may be placed, not two: it counts for any names. */
	ck_assert_int_eq(left(&now, &names, 0, NULL), 0);
	MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &now, &e));
	ck_assert_int_eq(left(&now, &names, 0, NULL), now.wall + DAY);
	/* A second one takes the place of the first. */
	tree_file(FILE_NAME, "again");
	load(&now);
	ck_assert_str_eq(tree_text(FILE_NAME ".bad"), "again");
}
END_TEST

START_TEST(no_bit_of_a_record_is_fatal)
{
	char text[4096], flipped[4096];
	size_t n;

	fill();
	pack_clear(&record_pack, &rec);
	MUST(end(&t0, "order", 0, &(struct err){ .class = OUT_HOLD, .text = "x" }, 0));
	MUST(record_save(cert, &rec, &e));
	(void)snprintf(text, sizeof(text), "%s", tree_text(FILE_NAME));
	n = strlen(text);
	close_all();
	open_all(STORE_LOOK);
	for (size_t bit = 0; bit < n * 8; bit++) {
		memcpy(flipped, text, n + 1);
		flipped[bit / 8] ^= (char)(1 << bit % 8);
		if (flipped[bit / 8] == '\0')
			continue;
		tree_file(FILE_NAME, flipped);
		load(&t0);
		ck_assert_msg(rec.was_damaged, "bit %zu", bit);
	}
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	if (!tree_kind(FILE_NAME, (enum kind)_i))
		return;
	ck_assert_int_eq(record_load(cert, &t0, &rec, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(record_save(cert, &rec, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	if (_i == LINK || _i == HARD)
		ck_assert_str_eq(tree_text("victim"), "victim");
}
END_TEST

START_TEST(moments_ahead_are_taken_for_now)
{
	struct record_time back = { W0 - 30 * DAY, 1000, 8 },
	    next = { W0 - 30 * DAY + 60, 61000, 8 };
	const struct budget_issue *issue;

	if (_i == 1)
		back.boot_id = next.boot_id = 0;
	fill();
	MUST(record_save(cert, &rec, &e));
	load(&back);
	ck_assert_int_eq(rec.last_failure.wall, back.wall);
	ck_assert_int_eq(rec.last_failure.boot_id, back.boot_id);
	issue = rec.budget.issues.v;
	ck_assert_int_eq(issue->when.wall, back.wall);
	/* From then on they grow old. */
	load(&next);
	ck_assert_int_eq(record_when(&rec.last_failure, &next), back.wall);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");

	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, the_boot_clock_decides_while_it_can, 0, NITEMS(times));
	tcase_add_test(t, now_is_what_the_clocks_say);
	tcase_add_test(t, a_record_comes_back_as_it_went);
	tcase_add_test(t, the_oldest_window_makes_room);
	tcase_add_test(t, a_pair_is_one_issuance);
	tcase_add_test(t, no_record_is_an_empty_one);
	tcase_add_test(t, only_the_newest_are_kept);
	tcase_add_loop_test(t, the_largest_record_fits_its_file, 0, 2);
	tcase_add_test(t, failures_of_one_ca_are_its_own);
	tcase_add_test(t, failures_count_up_and_success_ends_them);
	tcase_add_loop_test(t, a_damaged_record_is_put_aside_and_the_worst_assumed, 0,
	    NITEMS(damaged));
	tcase_add_test(t, no_bit_of_a_record_is_fatal);
	tcase_add_loop_test(t, what_is_no_file_is_refused, 0, NKINDS);
	tcase_add_loop_test(t, moments_ahead_are_taken_for_now, 0, 2);
	suite_add_tcase(s, t);
	return suite_run(s);
}
