/*
 * check_record: what is remembered of a certificate and of a CA, by two
 * clocks, and the budget that follows from it.
 */
#include "base/clock.h"
#include "ledger.h"
#include "listing.h"
#include "record.h"
#include "tree.h"

#define NAME	"sip.example.com"
#define FILE_NAME "state/certs/" NAME "/record.json"
#define CA	"letsencrypt"
#define W0	INT64_C(1800000000)
#define B0	INT64_C(5000000)

static struct store *store;
static struct store_cert *cert;
static struct record rec;
static struct strs names;
static const struct budget_order order = { CA, &names, 0, false };

static const struct record_time t0 = { W0, B0, 7 };

static void
open_all(enum store_use use)
{
	ck_assert_msg(store_open(tree_path("state"), use, &store, &e) == 0, "%s", e.text);
	ck_assert_msg(store_cert_open(store, NAME, &cert, &e) == 0, "%s", e.text);
}

static void
close_all(void)
{
	store_cert_free(cert);
	cert = NULL;
	store_free(store);
	store = NULL;
}

static void
start(void)
{
	tree_start();
	rec = (struct record){ 0 };
	ck_assert_int_eq(strs_add(&names, "b.example.com"), 0);
	ck_assert_int_eq(strs_add(&names, "a.example.com"), 0);
	open_all(STORE_WORK);
}

static void
finish(void)
{
	close_all();
	pack_clear(&record_pack, &rec);
	strs_clear(&names);
	clock_use(NULL);
	tree_finish();
}

#define MUST(call)	ck_assert_msg((call) == 0, "%s: %s", #call, e.text)

static void
load(const struct record_time *now)
{
	pack_clear(&record_pack, &rec);
	MUST(record_load(cert, now, &rec, &e));
}

static int
end(const struct record_time *now, const char *step, int64_t version, const struct err *res,
    uint32_t random)
{
	const struct record_try t = { .step = step, .version = version, .res = res,
		.random = random };

	return record_end(&rec, now, &t);
}

static int64_t
left(const struct record_time *now, const struct strs *set, int64_t lifetime, const char **why)
{
	const struct budget_order about = { CA, set, lifetime, false };

	return budget_until(&rec.budget, &about, now, why);
}

/* Later by so many seconds, on both clocks. */
static struct record_time
later(int64_t seconds)
{
	return (struct record_time){ W0 + seconds, B0 + seconds * 1000, 7 };
}

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
	{ "twelve hours of suspend count", { W0, B0, 7 }, { W0 + 12 * HOUR, B0 + 43200000, 7 }, W0 },
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
		MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &now, &e));
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
	uint8_t *facts = malloc(RECORD_FACTS_MAX + 1);
	char text[ERR_TEXT_MAX];

	ck_assert_ptr_nonnull(facts);
	memset(text, '"', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memset(facts, 'x', RECORD_FACTS_MAX + 1);
	(void)err_set(&bad, OUT_HOLD, "%s", text);
	for (int i = 0; i < 1000; i++) {
		MUST(end(&t0, "verify", i, &bad, 0));
		MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &t0, &e));
		MUST(budget_validation_failed(&rec.budget, CA, "a.example.com", &t0, &e));
	}
	ck_assert_int_eq(blob_set(&rec.facts, span_of(facts, RECORD_FACTS_MAX)), 0);
	MUST(record_save(cert, &rec, &e));
	load(&t0);
	ck_assert_uint_eq(rec.facts.n, RECORD_FACTS_MAX);
	/* What is too large is left out rather than losing all. */
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
	struct record_time back = { W0 - 30 * DAY, 1000, 8 }, next = { W0 - 30 * DAY + 60, 61000, 8 };
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
		MUST(budget_spend(&rec.budget, &(struct budget_order){ CA, &names, 0, false }, &now, &e));
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
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, the_boot_clock_decides_while_it_can, 0, NITEMS(times));
	tcase_add_test(t, now_is_what_the_clocks_say);
	tcase_add_test(t, a_record_comes_back_as_it_went);
	tcase_add_test(t, the_oldest_window_makes_room);
	tcase_add_test(t, a_pair_is_one_issuance);
	tcase_add_test(t, no_record_is_an_empty_one);
	tcase_add_test(t, only_the_newest_are_kept);
	tcase_add_test(t, the_largest_record_fits_its_file);
	tcase_add_test(t, failures_count_up_and_success_ends_them);
	tcase_add_loop_test(t, a_damaged_record_is_put_aside_and_the_worst_assumed, 0,
	    NITEMS(damaged));
	tcase_add_test(t, no_bit_of_a_record_is_fatal);
	tcase_add_loop_test(t, what_is_no_file_is_refused, 0, NKINDS);
	tcase_add_loop_test(t, moments_ahead_are_taken_for_now, 0, 2);
	tcase_add_test(t, two_certificates_for_the_same_names_are_a_day_s_worth);
	tcase_add_test(t, short_lives_have_a_shorter_day);
	tcase_add_test(t, an_order_that_was_not_finalized_does_not_count);
	tcase_add_test(t, a_refused_certificate_costs_34_hours);
	tcase_add_test(t, three_failed_validations_of_a_name_are_an_hour_s_worth);
	tcase_add_loop_test(t, no_clock_gives_the_budget_back, 0, NITEMS(jumps));
	tcase_add_test(t, a_hundred_forced_attempts_are_two_orders);
	tcase_add_loop_test(t, a_ca_that_asks_to_wait_is_heard_across_runs, 0, NITEMS(holds));
	tcase_add_test(t, failures_of_one_ca_are_its_own);
	tcase_add_test(t, what_one_ca_limits_another_does_not);
	tcase_add_test(t, sections_share_one_budget);
	tcase_add_loop_test(t, a_clock_is_corrected_while_nobody_set_it, 0, NITEMS(skews));
	tcase_add_test(t, a_damaged_ledger_is_an_empty_one);
	tcase_add_test(t, no_jump_of_the_clock_makes_a_ca_s_wait_longer_than_a_day);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
