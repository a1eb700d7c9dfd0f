/*
 * check_due: when to try, as tables. Years are check_due_year's.
 */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "due.h"
#include "suite.h"
#include "zone.h"

#define T0	INT64_C(1800000000)	/* 2027-01-15T08:00:00Z, a Friday */
#define MIDNIGHT (T0 - 8 * HOUR)

/* --- the rule (FAULTS T09, A30) --- */

static const struct {
	const char	*what;
	int64_t		 lifetime;
	int64_t		 before;
	int64_t		 reserve;
} lives[] = {
	{ "5 minutes", 5 * MINUTE, 150, 75 },
	{ "24 hours", 24 * HOUR, 12 * HOUR, 8640 },
	{ "160 hours", 160 * HOUR, 80 * HOUR, 16 * HOUR },
	{ "10 days: half, for the last time", 10 * DAY, 5 * DAY, DAY },
	{ "a second more: a third", 10 * DAY + 3, 288001, DAY },
	{ "45 days", 45 * DAY, 15 * DAY, 3 * DAY },
	{ "64 days", 64 * DAY, 1843200, 3 * DAY },
	{ "90 days less a second", 90 * DAY - 1, 30 * DAY - 1, 3 * DAY },
	{ "90 days: both rules meet", 90 * DAY, 30 * DAY, 3 * DAY },
	{ "398 days", 398 * DAY, 30 * DAY, 3 * DAY },
	{ "10 years", 3650 * DAY, 30 * DAY, 3 * DAY },
	{ "until the year 9999", INT64_C(253402300799) - T0, 30 * DAY, 3 * DAY },
	{ "for ever", INT64_MAX, 30 * DAY, 3 * DAY },
	{ "no time at all", 0, 0, 0 },
	{ "less than none", -DAY, 0, 0 },
	{ "a second", 1, 0, 0 },
};

START_TEST(the_rule_holds_for_all_lifetimes)
{
	int64_t before = due_rule(lives[_i].lifetime), reserve = due_reserve(lives[_i].lifetime);
	struct due_facts f = { .now = T0, .not_before = T0, .not_after = lives[_i].lifetime };

	ck_assert_msg(before == lives[_i].before, "%s: rule: got %jd, want %jd", lives[_i].what,
	    (intmax_t)before, (intmax_t)lives[_i].before);
	ck_assert_msg(reserve == lives[_i].reserve, "%s: reserve: got %jd, want %jd",
	    lives[_i].what, (intmax_t)reserve, (intmax_t)lives[_i].reserve);
	if (lives[_i].lifetime <= 1 || lives[_i].lifetime == INT64_MAX)
		return;
	f.not_after += T0;
	ck_assert_msg(due_at(&f) == f.not_after - before, "%s: due_at: got %jd, want %jd",
	    lives[_i].what, (intmax_t)due_at(&f), (intmax_t)(f.not_after - before));
}
END_TEST

/* --- due_at --- */

static int64_t
fixed(const void *zone, int64_t when UNUSED)
{
	return *(const int64_t *)zone;
}

/* A zone that is an hour ahead of UTC, and two from this moment until that one. */
struct summer {
	int64_t	from, to;
};

static int64_t
with_summer(const void *zone, int64_t when)
{
	const struct summer *s = zone;

	return when >= s->from && when < s->to ? 2 * HOUR : HOUR;
}

/* Clocks go from 02:00 to 03:00, and from 03:00 to 02:00, in the night of this day. */
#define SPRING(day) \
	.offset = with_summer, .zone = &(const struct summer){ (day) + HOUR, (day) + 99 * DAY }
#define AUTUMN(day) \
	.offset = with_summer, .zone = &(const struct summer){ (day) - 99 * DAY, (day) + HOUR }
#define D61		(MIDNIGHT + 61 * DAY)

#define LEAF_90D	.not_before = T0, .not_after = T0 + 90 * DAY
#define LEAF_6D		.not_before = T0, .not_after = T0 + 6 * DAY
#define POINT_90D	(T0 + 60 * DAY)
#define ARI(s, e, p)	.ari_start = (s), .ari_end = (e), .ari_point = (p)
#define NIGHT		.windows = { { 120, 300 } }, .nwindows = 1	/* 02:00-05:00 */
#define LATE		.windows = { { 1380, 60 } }, .nwindows = 1	/* 23:00-01:00 */

static const struct {
	const char	*what;
	struct due_facts facts;
	int64_t		 at;
	enum due_why	 why;
	enum due_held	 held;
} rows[] = {
	/* the point */
	{ "nothing installed: now", { .now = T0 }, T0, DUE_EMPTY, DUE_FREE },
	{ "all zero: now, in 1970", { 0 }, 0, DUE_EMPTY, DUE_FREE },
	{ "30 days before the end", { .now = T0, LEAF_90D }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "long past: its point stays", { .now = T0 + 80 * DAY, LEAF_90D }, POINT_90D,
	  DUE_LIFETIME, DUE_FREE },
	{ "half of six days", { .now = T0, LEAF_6D }, T0 + 3 * DAY, DUE_LIFETIME, DUE_FREE },
	{ "renew-before 20 days", { .now = T0, LEAF_90D, .renew_before = 20 * DAY },
	  T0 + 70 * DAY, DUE_LIFETIME, DUE_FREE },
	{ "renew-before 60 days: a third at most",
	    { .now = T0, LEAF_90D, .renew_before = 60 * DAY },
	  POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "renew-before an hour: the reserve", { .now = T0, LEAF_90D, .renew_before = HOUR },
	  T0 + 87 * DAY, DUE_RESERVE, DUE_FREE },
	{ "renew-before not set", { .now = T0, LEAF_90D, .renew_before = DUE_DEFAULT }, POINT_90D,
	  DUE_LIFETIME, DUE_FREE },
	{ "end before begin", { .now = T0, .not_before = T0 + DAY, .not_after = T0 }, T0,
	  DUE_LIFETIME, DUE_FREE },
	{ "other names: now", { .now = T0, LEAF_90D, .changed = true }, T0, DUE_CHANGED, DUE_FREE },
	{ "unreadable: now", { .now = T0, LEAF_90D, .unfit = true }, T0, DUE_UNFIT, DUE_FREE },
	{ "the year 9999", { .now = T0, .not_before = T0, .not_after = INT64_C(253402300799) },
	  INT64_C(253402300799) - 30 * DAY, DUE_LIFETIME, DUE_FREE },

	/* renewal information */
	{ "the CA's window decides, earlier", { .now = T0, LEAF_90D,
	  ARI(T0 + 40 * DAY, T0 + 42 * DAY, T0 + 41 * DAY) }, T0 + 41 * DAY, DUE_ARI, DUE_FREE },
	{ "the CA's window decides, later", { .now = T0, LEAF_90D,
	  ARI(T0 + 65 * DAY, T0 + 67 * DAY, T0 + 66 * DAY) }, T0 + 66 * DAY, DUE_ARI, DUE_FREE },
	{ "later than renew-before: that", { .now = T0, LEAF_90D, .renew_before = 30 * DAY,
	  ARI(T0 + 65 * DAY, T0 + 67 * DAY, T0 + 66 * DAY) }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "earlier than renew-before: the window", { .now = T0, LEAF_90D, .renew_before = 30 * DAY,
	  ARI(T0 + 5 * DAY, T0 + 7 * DAY, T0 + 6 * DAY) }, T0 + 6 * DAY, DUE_ARI, DUE_FREE },
	{ "never later than the reserve", { .now = T0, LEAF_90D,
	  ARI(T0 + 80 * DAY, T0 + 95 * DAY, T0 + 94 * DAY) }, T0 + 87 * DAY, DUE_RESERVE,
	  DUE_FREE },
	{ "a point outside its window", { .now = T0, LEAF_90D,
	  ARI(T0 + 40 * DAY, T0 + 42 * DAY, T0 + 50 * DAY) }, T0 + 42 * DAY, DUE_ARI, DUE_FREE },
	{ "end not after start", { .now = T0, LEAF_90D,
	  ARI(T0 + 40 * DAY, T0 + 40 * DAY, T0 + 40 * DAY) }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "before the certificate began", { .now = T0, LEAF_90D,
	  ARI(T0 - 9 * DAY, T0, T0 - DAY) }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "after its end", { .now = T0, LEAF_90D,
	  ARI(T0 + 90 * DAY, T0 + 99 * DAY, T0 + 95 * DAY) }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "the CA wants it back at once", { .now = T0 + 9 * DAY, LEAF_90D,
	  ARI(T0 + 8 * DAY, T0 + 8 * DAY + HOUR, T0 + 8 * DAY + 60) }, T0 + 8 * DAY + 60,
	  DUE_ARI, DUE_FREE },

	/* back-off */
	{ "one failure: a minute", { .now = T0, .failures = 1, .last_failure = T0,
	  .outcome = OUT_RETRY }, T0 + MINUTE, DUE_EMPTY, DUE_BACKOFF },
	{ "two: 10 minutes", { .now = T0, .failures = 2, .last_failure = T0,
	  .outcome = OUT_RETRY }, T0 + 10 * MINUTE, DUE_EMPTY, DUE_BACKOFF },
	{ "three: 100 minutes", { .now = T0, .failures = 3, .last_failure = T0,
	  .outcome = OUT_RETRY }, T0 + 100 * MINUTE, DUE_EMPTY, DUE_BACKOFF },
	{ "four: a day", { .now = T0, .failures = 4, .last_failure = T0,
	  .outcome = OUT_RETRY }, T0 + DAY, DUE_EMPTY, DUE_BACKOFF },
	{ "10000: a day", { .now = T0, .failures = 10000, .last_failure = T0,
	  .outcome = OUT_RETRY }, T0 + DAY, DUE_EMPTY, DUE_BACKOFF },
	{ "jitter down", { .now = T0, .failures = 1, .last_failure = T0, .outcome = OUT_RETRY,
	  .jitter = -500 }, T0 + 30, DUE_EMPTY, DUE_BACKOFF },
	{ "jitter up", { .now = T0, .failures = 4, .last_failure = T0, .outcome = OUT_RETRY,
	  .jitter = 500 }, T0 + 36 * HOUR, DUE_EMPTY, DUE_BACKOFF },
	{ "jitter out of bounds", { .now = T0, .failures = 1, .last_failure = T0,
	  .outcome = OUT_RETRY, .jitter = -100000 }, T0 + 30, DUE_EMPTY, DUE_BACKOFF },
	{ "HOLD: a day after the first", { .now = T0, .failures = 1, .last_failure = T0,
	  .outcome = OUT_HOLD }, T0 + DAY, DUE_EMPTY, DUE_HELD },
	{ "REFUSE: jitter never makes it less", { .now = T0, .failures = 1, .last_failure = T0,
	  .outcome = OUT_REFUSE, .jitter = -250 }, T0 + 30 * HOUR, DUE_EMPTY, DUE_HELD },
	{ "no back-off before its time", { .now = T0, LEAF_90D, .failures = 1,
	  .last_failure = T0, .outcome = OUT_RETRY }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "back-off behind its time", { .now = T0 + 61 * DAY, LEAF_90D, .failures = 3,
	  .last_failure = T0 + 61 * DAY, .outcome = OUT_RETRY }, T0 + 61 * DAY + 6000,
	  DUE_LIFETIME, DUE_BACKOFF },
	{ "failures at the limit", { .now = T0, .failures = INT64_MAX, .last_failure = INT64_MAX,
	  .outcome = OUT_RETRY }, INT64_MAX, DUE_EMPTY, DUE_BACKOFF },

	/* what others ask for */
	{ "Retry-After is never undercut", { .now = T0, LEAF_90D, .failures = 1,
	  .last_failure = T0, .outcome = OUT_RETRY, .asked = T0 + 70 * DAY }, T0 + 70 * DAY,
	  DUE_LIFETIME, DUE_ASKED },
	{ "nor does it shorten", { .now = T0, .failures = 3, .last_failure = T0,
	  .outcome = OUT_RETRY, .asked = T0 + MINUTE }, T0 + 6000, DUE_EMPTY, DUE_BACKOFF },
	{ "nor does it hurry", { .now = T0, LEAF_90D, .asked = T0 + MINUTE }, POINT_90D,
	  DUE_LIFETIME, DUE_FREE },
	{ "a paused name waits for its operator", { .now = T0, .paused = true }, DUE_NEVER,
	  DUE_EMPTY, DUE_PAUSED },
	{ "a paused name in a window", { .now = T0, LEAF_90D, .paused = true, NIGHT }, DUE_NEVER,
	  DUE_LIFETIME, DUE_PAUSED },
	{ "the clock leapt behind a renewal", { .now = T0 + 365 * DAY, LEAF_90D,
	  .last_success = T0 + 365 * DAY - 5 }, T0 + 365 * DAY + 55, DUE_LIFETIME, DUE_NEAR },
	{ "minutes are too short for the whole distance", { .now = T0 + 20, .not_before = T0 - 40,
	  .not_after = T0 + 40, .last_success = T0 + 15 }, T0 + 25, DUE_LIFETIME, DUE_NEAR },
	{ "other names are no such leap", { .now = T0, LEAF_90D, .changed = true,
	  .last_success = T0 - 5 }, T0, DUE_CHANGED, DUE_FREE },

	/* expired for 60 days (L11) */
	{ "expired for 60 days: daily", { .now = T0 + 150 * DAY, LEAF_90D, .failures = 70,
	  .last_failure = T0 + 150 * DAY, .outcome = OUT_RETRY }, T0 + 151 * DAY, DUE_LIFETIME,
	  DUE_BACKOFF },
	{ "a second more: weekly", { .now = T0 + 150 * DAY + 1, LEAF_90D, .failures = 70,
	  .last_failure = T0 + 150 * DAY, .outcome = OUT_RETRY }, T0 + 157 * DAY, DUE_LIFETIME,
	  DUE_WEEKLY },
	{ "expired long ago, never tried: at once", { .now = T0 + 500 * DAY, LEAF_90D }, POINT_90D,
	  DUE_LIFETIME, DUE_FREE },

	/* windows */
	{ "waits for the night", { .now = T0, LEAF_90D, NIGHT }, MIDNIGHT + 61 * DAY + 2 * HOUR,
	  DUE_LIFETIME, DUE_WINDOW },
	{ "in the window: its point stays", { .now = MIDNIGHT + 62 * DAY + 3 * HOUR, LEAF_90D,
	  NIGHT }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "the last second of the window", { .now = MIDNIGHT + 62 * DAY + 5 * HOUR - 1, LEAF_90D,
	  NIGHT }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "a second later: the next night", { .now = MIDNIGHT + 62 * DAY + 5 * HOUR, LEAF_90D,
	  NIGHT }, MIDNIGHT + 63 * DAY + 2 * HOUR, DUE_LIFETIME, DUE_WINDOW },
	{ "over midnight, before it", { .now = MIDNIGHT + 62 * DAY + 23 * HOUR, LEAF_90D, LATE },
	  POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "over midnight, after it", { .now = MIDNIGHT + 62 * DAY + HOUR - 1, LEAF_90D, LATE },
	  POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "over midnight, by day", { .now = MIDNIGHT + 62 * DAY + HOUR, LEAF_90D, LATE },
	  MIDNIGHT + 62 * DAY + 23 * HOUR, DUE_LIFETIME, DUE_WINDOW },
	{ "the whole day", { .now = T0 + 62 * DAY, LEAF_90D, .windows = { { 300, 300 } },
	  .nwindows = 1 }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "the nearer of two", { .now = MIDNIGHT + 62 * DAY + 8 * HOUR, LEAF_90D,
	  .windows = { { 120, 300 }, { 720, 780 } }, .nwindows = 2 },
	  MIDNIGHT + 62 * DAY + 12 * HOUR, DUE_LIFETIME, DUE_WINDOW },
	{ "east of Greenwich", { .now = MIDNIGHT + 62 * DAY + 12 * HOUR, LEAF_90D, NIGHT,
	  .offset = fixed, .zone = &(const int64_t){ 2 * HOUR } }, MIDNIGHT + 63 * DAY,
	  DUE_LIFETIME, DUE_WINDOW },
	{ "west of Greenwich", { .now = MIDNIGHT + 62 * DAY + 12 * HOUR, LEAF_90D, NIGHT,
	  .offset = fixed, .zone = &(const int64_t){ -5 * HOUR } }, MIDNIGHT + 63 * DAY + 7 * HOUR,
	  DUE_LIFETIME, DUE_WINDOW },
	{ "clocks go forward before the window: an hour earlier", { .now = D61, LEAF_90D,
	  .windows = { { 240, 300 } }, .nwindows = 1, SPRING(D61) }, D61 + 2 * HOUR,
	  DUE_LIFETIME, DUE_WINDOW },
	{ "clocks go back before the window: an hour later", { .now = D61 - 30 * MINUTE, LEAF_90D,
	  .windows = { { 240, 300 } }, .nwindows = 1, AUTUMN(D61) }, D61 + 3 * HOUR,
	  DUE_LIFETIME, DUE_WINDOW },
	{ "clocks go forward over its begin: what is left of it", { .now = D61, LEAF_90D, NIGHT,
	  SPRING(D61) }, D61 + HOUR, DUE_LIFETIME, DUE_WINDOW },
	{ "clocks go forward over all of it: a day later", { .now = D61, LEAF_90D,
	  .windows = { { 130, 170 } }, .nwindows = 1, SPRING(D61) }, D61 + DAY + 10 * MINUTE,
	  DUE_LIFETIME, DUE_WINDOW },
	{ "clocks go back within it: it is twice as long", { .now = D61 + 90 * MINUTE, LEAF_90D,
	  .windows = { { 120, 180 } }, .nwindows = 1, AUTUMN(D61) }, POINT_90D, DUE_LIFETIME,
	  DUE_FREE },
	{ "over midnight in a zone ahead", { .now = D61, LEAF_90D, .windows = { { 1380, 60 } },
	  .nwindows = 1, SPRING(D61 + 50 * DAY) }, D61 + 22 * HOUR, DUE_LIFETIME, DUE_WINDOW },
	{ "a hook's window alone", { .now = D61, LEAF_90D, .nothers = 1,
	  .others = { { { { 120, 300 } }, 1 } } }, D61 + 2 * HOUR, DUE_LIFETIME, DUE_WINDOW },
	{ "when both are open", { .now = D61, LEAF_90D, NIGHT, .nothers = 1,
	  .others = { { { { 240, 360 } }, 1 } } }, D61 + 4 * HOUR, DUE_LIFETIME, DUE_WINDOW },
	{ "when all are open, by the second of one", { .now = D61, LEAF_90D, NIGHT, .nothers = 2,
	  .others = { { { { 60, 150 }, { 290, 400 } }, 2 }, { { { 280, 600 } }, 1 } } },
	  D61 + 290 * MINUTE, DUE_LIFETIME, DUE_WINDOW },
	{ "both are open", { .now = D61 + 4 * HOUR, LEAF_90D, NIGHT, .nothers = 1,
	  .others = { { { { 240, 360 } }, 1 } } }, POINT_90D, DUE_LIFETIME, DUE_FREE },
	{ "never open together: the emergency reserve", { .now = D61, LEAF_90D, NIGHT,
	  .nothers = 1, .others = { { { { 600, 660 } }, 1 } } }, T0 + 87 * DAY, DUE_LIFETIME,
	  DUE_WINDOW },
	{ "not in the emergency reserve", { .now = T0 + 88 * DAY, LEAF_90D, NIGHT }, POINT_90D,
	  DUE_LIFETIME, DUE_FREE },
	{ "nor over its begin", { .now = T0 + 87 * DAY - HOUR, LEAF_90D, NIGHT }, T0 + 87 * DAY,
	  DUE_LIFETIME, DUE_WINDOW },
	{ "nothing installed: no window", { .now = T0, NIGHT }, T0, DUE_EMPTY, DUE_FREE },
	{ "unreadable: no window", { .now = T0, LEAF_90D, .unfit = true, NIGHT }, T0, DUE_UNFIT,
	  DUE_FREE },
	{ "other names: in a window", { .now = T0, LEAF_90D, .changed = true, NIGHT },
	  MIDNIGHT + DAY + 2 * HOUR, DUE_CHANGED, DUE_WINDOW },
	{ "back-off ends outside the window", { .now = MIDNIGHT + 62 * DAY + 5 * HOUR - 30,
	  LEAF_90D, NIGHT, .failures = 1, .last_failure = MIDNIGHT + 62 * DAY + 5 * HOUR - 30,
	  .outcome = OUT_RETRY }, MIDNIGHT + 63 * DAY + 2 * HOUR, DUE_LIFETIME, DUE_WINDOW },

	/* without anybody who asked */
	{ "a server that is not ready is tried again soon", { .now = T0, .looks = 1,
	  .last_look = T0, .scheduled = true }, T0 + MINUTE, DUE_EMPTY, DUE_NOT_READY },
	{ "and daily at last, whatever was said of it", { .now = T0, LEAF_90D, .work = DUE_DEPLOY,
	  .looks = INT64_MAX, .last_look = T0, .outcome = OUT_HOLD, .scheduled = true }, T0 + DAY,
	  DUE_UNFINISHED, DUE_NOT_READY },
	{ "whoever asks is not held back by it", { .now = T0, .looks = 9, .last_look = T0 }, T0,
	  DUE_EMPTY, DUE_FREE },
	{ "rolled back: not again of itself", { .now = T0 + 61 * DAY, LEAF_90D, .work = DUE_AGAIN,
	  .failures = 1, .last_failure = T0 + 61 * DAY, .outcome = OUT_ROLLBACK, .tried = true,
	  .scheduled = true }, T0 + 87 * DAY, DUE_UNFINISHED, DUE_TRIED },
	{ "rolled back: once a day when the end is near", { .now = T0 + 87 * DAY + 1, LEAF_90D,
	  .work = DUE_AGAIN, .failures = 2, .last_failure = T0 + 87 * DAY, .outcome = OUT_ROLLBACK,
	  .tried = true, .scheduled = true }, T0 + 88 * DAY, DUE_UNFINISHED, DUE_HELD },
	{ "rolled back, and configured in another way since", { .now = T0 + 61 * DAY, LEAF_90D,
	  .work = DUE_AGAIN, .failures = 1, .last_failure = T0 + 61 * DAY,
	  .outcome = OUT_ROLLBACK, .scheduled = true }, T0 + 62 * DAY, DUE_UNFINISHED, DUE_HELD },

	/* work left undone */
	{ "interrupted: at once", { .now = T0, LEAF_90D, .work = DUE_DEPLOY, NIGHT }, T0,
	  DUE_UNFINISHED, DUE_FREE },
	{ "not proven: back-off", { .now = T0, LEAF_90D, .work = DUE_DEPLOY, .failures = 2,
	  .last_failure = T0, .outcome = OUT_RETRY }, T0 + 10 * MINUTE, DUE_UNFINISHED,
	  DUE_BACKOFF },
	{ "not proven: in a window", { .now = T0, LEAF_90D, .work = DUE_DEPLOY, .failures = 1,
	  .last_failure = T0 - DAY, .outcome = OUT_RETRY, NIGHT }, MIDNIGHT + DAY + 2 * HOUR,
	  DUE_UNFINISHED, DUE_WINDOW },
	{ "rolled back: a day later", { .now = T0, LEAF_90D, .work = DUE_AGAIN, .failures = 1,
	  .last_failure = T0, .outcome = OUT_ROLLBACK }, T0 + DAY, DUE_UNFINISHED, DUE_HELD },
	{ "what the CA asked does not touch it", { .now = T0, LEAF_90D, .work = DUE_DEPLOY,
	  .asked = T0 + DAY, .paused = true }, T0, DUE_UNFINISHED, DUE_FREE },
	{ "the way back: at once", { .now = T0, LEAF_90D, .work = DUE_BACK, .failures = 9,
	  .last_failure = T0, .outcome = OUT_ALARM, NIGHT }, T0, DUE_UNFINISHED, DUE_FREE },
	{ "the way back, not proven: 10 minutes", { .now = T0, LEAF_90D, .work = DUE_BACK,
	  .failures = 9, .last_failure = T0, .outcome = OUT_ALARM, .reload_tries = 6 },
	  T0 + 10 * MINUTE, DUE_UNFINISHED, DUE_BACKOFF },
	{ "the way back, seven times: daily", { .now = T0, LEAF_90D, .work = DUE_BACK,
	  .failures = 9, .last_failure = T0, .outcome = OUT_ALARM, .reload_tries = 7 }, T0 + DAY,
	  DUE_UNFINISHED, DUE_HELD },
};

START_TEST(due_at_keeps_its_table)
{
	struct due d = due_of(&rows[_i].facts);

	ck_assert_msg(d.at == rows[_i].at, "%s: got %jd (T0 %+jd), want %jd (T0 %+jd)",
	    rows[_i].what, (intmax_t)d.at, (intmax_t)(d.at - T0), (intmax_t)rows[_i].at,
	    (intmax_t)(rows[_i].at - T0));
	ck_assert_msg(d.why == rows[_i].why, "%s: got \"%s\", want \"%s\"", rows[_i].what,
	    due_why_text(d.why), due_why_text(rows[_i].why));
	ck_assert_msg(d.held == rows[_i].held, "%s: got \"%s\", want \"%s\"", rows[_i].what,
	    due_held_text(d.held), due_held_text(rows[_i].held));
	ck_assert_int_eq(due_at(&rows[_i].facts), d.at);
	ck_assert(due_why_text(d.why)[0] != '\0');
	ck_assert(due_held_text(d.held)[0] != '\0');
}
END_TEST

START_TEST(sixty_days_expired_are_an_alarm)
{
	struct due_facts f = { LEAF_90D, .failures = 3, .last_failure = T0 + 150 * DAY,
		.outcome = OUT_RETRY };

	f.now = T0 + 150 * DAY;
	ck_assert(!due_of(&f).alarm);
	f.now++;
	ck_assert(due_of(&f).alarm);
	f.failures = 0;
	ck_assert(!due_of(&f).alarm);
}
END_TEST

/* FAULTS A47, L01, S08 */
START_TEST(back_off_never_shrinks_overflows_or_ends)
{
	int64_t last = 0, wait;

	for (int64_t k = 1; k <= 10000; k++) {
		wait = due_backoff(k, OUT_RETRY, 0);
		ck_assert_int_gt(wait, 0);
		ck_assert_int_ge(wait, last);
		ck_assert_int_le(wait, DAY);
		last = wait;
	}
	ck_assert_int_eq(due_backoff(INT64_MAX, OUT_RETRY, 500), 36 * HOUR);
	ck_assert_int_eq(due_backoff(INT64_MAX, OUT_RETRY, -500), 12 * HOUR);
	ck_assert_int_eq(due_backoff(0, OUT_RETRY, 500), 0);
	ck_assert_int_eq(due_backoff(INT64_MIN, OUT_HOLD, 500), 0);
	/* Even at its jitter's worst, a step is longer than the one before it at its best. */
	for (int64_t k = 1; k < 4; k++)
		ck_assert_int_gt(due_backoff(k + 1, OUT_RETRY, -500),
		    due_backoff(k, OUT_RETRY, 500));
}
END_TEST

/* --- what is drawn --- */

static const struct {
	int64_t		 start, end;
	uint32_t	 random;
	int64_t		 want;
} draws[] = {
	{ 100, 200, 0, 100 },
	{ 100, 200, UINT32_MAX, 199 },
	{ 100, 200, UINT32_MAX / 2 + 1, 150 },
	{ 100, 100, 77, 100 },
	{ 200, 100, 77, 200 },
	{ INT64_MIN, INT64_MAX, 77, INT64_MIN },
	{ 0, INT64_MAX, UINT32_MAX, 9223372034707292159 },
};

/* FAULTS L03 */
START_TEST(the_point_lies_in_the_window)
{
	int64_t got = due_ari_point(draws[_i].start, draws[_i].end, draws[_i].random);

	ck_assert_int_eq(got, draws[_i].want);
}
END_TEST

START_TEST(jitter_takes_every_value_in_its_bounds)
{
	bool seen[1001] = { false };

	for (uint32_t r = UINT32_MAX - 2002; r < UINT32_MAX; r++) {
		int j = due_jitter(r);

		ck_assert_int_ge(j, -500);
		ck_assert_int_le(j, 500);
		seen[j + 500] = true;
	}
	for (size_t i = 0; i < NITEMS(seen); i++)
		ck_assert_msg(seen[i], "%d never came", (int)i - 500);
}
END_TEST

/* --- windows of the configuration --- */

static const struct {
	const char	*text;
	int		 start, end;	/* -1: refused */
} texts[] = {
	{ "02:00-05:00", 120, 300 }, { "23:30-00:15", 1410, 15 }, { "00:00-24:00", 0, 1440 },
	{ "24:00-01:00", 0, 60 }, { "05:00-05:00", 300, 300 }, { "00:00-23:59", 0, 1439 },
	{ "", -1, 0 }, { "02:00", -1, 0 }, { "02:00-", -1, 0 }, { "2:00-5:00", -1, 0 },
	{ "02:00-05:00 ", -1, 0 }, { " 02:00-05:00", -1, 0 }, { "02:60-05:00", -1, 0 },
	{ "24:01-05:00", -1, 0 }, { "25:00-05:00", -1, 0 }, { "02:00-05:0", -1, 0 },
	{ "02:00-05:000", -1, 0 }, { "02.00-05.00", -1, 0 }, { "-2:00-05:00", -1, 0 },
	{ "0x:00-05:00", -1, 0 }, { "02:00--5:00", -1, 0 }, { "02:00/05:00", -1, 0 },
};

START_TEST(windows_are_read_strictly)
{
	struct err e = ERR_NONE;
	struct due_window w;
	int rc = due_window_parse(texts[_i].text, &w, &e);

	if (texts[_i].start == -1) {
		ck_assert_msg(rc == -1, "\"%s\": got %d-%d, want an error", texts[_i].text,
		    w.start, w.end);
		ck_assert_int_eq(e.class, OUT_HOLD);
		return;
	}
	ck_assert_msg(rc == 0 && w.start == texts[_i].start && w.end == texts[_i].end,
	    "\"%s\": got %d-%d", texts[_i].text, w.start, w.end);
}
END_TEST

static const struct {
	const char		*what;
	struct due_windows	 sets[3];
	bool			 meet;
} meetings[] = {
	{ "no windows", { { .n = 0 } }, true },
	{ "one", { { { { 120, 300 } }, 1 } }, true },
	{ "the same", { { { { 120, 300 } }, 1 }, { { { 120, 300 } }, 1 } }, true },
	{ "a minute", { { { { 120, 300 } }, 1 }, { { { 299, 400 } }, 1 } }, true },
	{ "no minute", { { { { 120, 300 } }, 1 }, { { { 300, 400 } }, 1 } }, false },
	{ "over midnight", { { { { 1380, 60 } }, 1 }, { { { 0, 1 } }, 1 } }, true },
	{ "two by two, never three", { { { { 0, 20 } }, 1 }, { { { 10, 30 } }, 1 },
	  { { { 20, 40 } }, 1 } }, false },
	{ "three", { { { { 0, 20 } }, 1 }, { { { 10, 30 } }, 1 }, { { { 5, 11 } }, 1 } }, true },
};

START_TEST(windows_meet_or_do_not)
{
	bool meet = due_windows_meet(meetings[_i].sets, NITEMS(meetings[_i].sets));

	ck_assert_msg(meet == meetings[_i].meet, "%s: %s", meetings[_i].what,
	    meet ? "they meet" : "they do not");
}
END_TEST

/* The system's data base, as the installed zone has it. */
START_TEST(a_zone_of_the_system_changes_its_clocks)
{
	struct err e = ERR_NONE;

	ck_assert_int_eq(zone_check("Europe/Berlin", &e), 0);
	ck_assert_int_eq(zone_offset("Europe/Berlin", 1800000000), HOUR);
	ck_assert_int_eq(zone_offset("Asia/Kolkata", 1800000000), 5 * HOUR + 30 * MINUTE);
	/* 2027-03-28T01:00:00Z, and 2027-10-31 */
	ck_assert_int_eq(zone_offset("Europe/Berlin", 1806195599), HOUR);
	ck_assert_int_eq(zone_offset("Europe/Berlin", 1806195600), 2 * HOUR);
	ck_assert_int_eq(zone_offset("Europe/Berlin", 1824944399), 2 * HOUR);
	ck_assert_int_eq(zone_offset("Europe/Berlin", 1824944400), HOUR);
	ck_assert_int_eq(zone_offset("UTC", 1806195600), 0);
}
END_TEST

static const struct {
	int64_t	 now, not_before;
	bool	 holds;
} set_clocks[] = {
	{ 0, 0, false }, { -T0, 0, false }, { T0, 0, true }, { T0, T0, true },
	{ T0, T0 + DAY, true }, { T0, T0 + DAY + 1, false }, { 1704067199, 0, false },
	{ 1704067200, 0, true }, { INT64_MAX, T0, true }, { T0, INT64_MAX, false },
	{ T0, INT64_MIN, true },
};

/* FAULTS T02 */
START_TEST(a_clock_that_was_not_set_is_known)
{
	ck_assert_msg(due_clock_holds(set_clocks[_i].now, set_clocks[_i].not_before) ==
	    set_clocks[_i].holds, "row %d", _i);
}
END_TEST

static const char *const no_zones[] = { "", "/etc/passwd", "../../../etc/passwd", "Europe/Berlinn",
	"Europe", "tzdata.zi", "Europe/Berlin ", ":UTC", "UTC0", "." };

START_TEST(what_is_no_zone_is_refused)
{
	struct err e = ERR_NONE;

	ck_assert_msg(zone_check(no_zones[_i], &e) == -1, "%s was taken", no_zones[_i]);
	ck_assert_str_ne(e.text, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("due");
	TCase *t = tcase_create("tables");

	tcase_add_loop_test(t, the_rule_holds_for_all_lifetimes, 0, NITEMS(lives));
	tcase_add_loop_test(t, due_at_keeps_its_table, 0, NITEMS(rows));
	tcase_add_test(t, sixty_days_expired_are_an_alarm);
	tcase_add_test(t, back_off_never_shrinks_overflows_or_ends);
	tcase_add_loop_test(t, the_point_lies_in_the_window, 0, NITEMS(draws));
	tcase_add_test(t, jitter_takes_every_value_in_its_bounds);
	tcase_add_loop_test(t, windows_are_read_strictly, 0, NITEMS(texts));
	tcase_add_loop_test(t, windows_meet_or_do_not, 0, NITEMS(meetings));
	tcase_add_test(t, a_zone_of_the_system_changes_its_clocks);
	tcase_add_loop_test(t, a_clock_that_was_not_set_is_known, 0, NITEMS(set_clocks));
	tcase_add_loop_test(t, what_is_no_zone_is_refused, 0, NITEMS(no_zones));
	suite_add_tcase(s, t);
	return suite_run(s);
}
