/*
 * due: see due.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "due.h"

#define SHORT_LIFE	(10 * DAY)
#define RENEW_BEFORE	(30 * DAY)
#define RESERVE_MIN	(2 * HOUR)
#define RESERVE_MAX	(3 * DAY)
#define WEEK		(7 * DAY)
#define DAY_MINUTES	1440
#define WRITTEN		INT64_C(1704067200)	/* 2024: no right clock says less */
#define CHANGES_MAX	4		/* of a zone's clocks, within a day */
/* from one set of windows to the next, until all are open */
#define HOPS_MAX	64
#define DISTANCE_SHARE	8		/* of a lifetime, where that is less than the distance */

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* --- by the dates --- */

/* However early an operator wants it: no more than this share of a lifetime. */
static int64_t
share(int64_t lifetime)
{
	return lifetime <= SHORT_LIFE ? lifetime / 2 : lifetime / 3;
}

int64_t
due_rule(int64_t lifetime)
{
	if (lifetime <= 0)
		return 0;
	return lifetime <= SHORT_LIFE ? share(lifetime) : min64(RENEW_BEFORE, share(lifetime));
}

int64_t
due_reserve(int64_t lifetime)
{
	if (lifetime <= 0)
		return 0;
	/* The last bound keeps the reserve of short lives behind their renewal. */
	return min64(min64(max64(lifetime / 10, RESERVE_MIN), RESERVE_MAX), lifetime / 4);
}

/* 0 where one of the dates is nonsense. */
static int64_t
lifetime_of(const struct due_facts *f)
{
	return max64(time_add(f->not_after, f->not_before > 0 ? -f->not_before : 0), 0);
}

/* A window that cannot be meant counts as none (FAULTS A42). */
static bool
has_ari(const struct due_facts *f)
{
	return f->ari_end > f->ari_start && f->ari_end > f->not_before &&
	    f->ari_start < f->not_after;
}

static void
point_by_dates(const struct due_facts *f, struct due *d)
{
	int64_t lifetime = lifetime_of(f), before = due_rule(lifetime), ari, last;
	bool by_operator = f->renew_before > 0;

	if (by_operator)
		before = min64(f->renew_before, share(lifetime));
	d->point = time_add(f->not_after, -before);
	d->why = DUE_LIFETIME;
	if (has_ari(f)) {
		ari = min64(max64(f->ari_point, f->ari_start), f->ari_end);
		if (!by_operator || ari < d->point) {
			d->point = ari;
			d->why = DUE_ARI;
		}
	}
	last = time_add(f->not_after, -due_reserve(lifetime));
	if (d->point > last) {
		d->point = last;
		d->why = DUE_RESERVE;
	}
}

static void
find_point(const struct due_facts *f, struct due *d)
{
	d->point = f->now;
	if (f->work != DUE_RENEW)
		d->why = DUE_UNFINISHED;
	else if (f->not_after == 0)
		d->why = DUE_EMPTY;
	else if (f->unfit)
		d->why = DUE_UNFIT;
	else if (f->changed)
		d->why = DUE_CHANGED;
	else
		point_by_dates(f, d);
}

/* --- what holds it back --- */

static void
hold(struct due *d, int64_t until, enum due_held why)
{
	if (until <= d->at)
		return;
	d->at = until;
	d->held = why;
}

static int
clamp_jitter(int jitter)
{
	if (jitter < -500)
		return -500;
	return jitter > 500 ? 500 : jitter;
}

static bool
is_daily(enum outcome outcome)
{
	return outcome != OUT_OK && outcome != OUT_RETRY && outcome != OUT_BUSY;
}

int64_t
due_backoff(int64_t failures, enum outcome outcome, int jitter)
{
	static const int64_t table[] = { MINUTE, 10 * MINUTE, 100 * MINUTE };
	int64_t base, part;

	if (failures <= 0)
		return 0;
	part = clamp_jitter(jitter);
	base = failures <= (int64_t)NITEMS(table) ? table[failures - 1] : DAY;
	/* At most once a day: jitter may only make it later. */
	if (is_daily(outcome))
		return DAY + DAY * (part < 0 ? -part : part) / 1000;
	return base + base * part / 1000;
}

/* Certificates of minutes, as test CAs issue them, live too short for the full one. */
static int64_t
distance(const struct due_facts *f)
{
	return min64(DUE_DISTANCE, max64(lifetime_of(f) / DISTANCE_SHARE, 1));
}

/* Failures that count for all work, and at every CA. */
static void
hold_by_failures(const struct due_facts *f, struct due *d)
{
	int64_t wait = due_backoff(f->failures, f->outcome, f->jitter);
	enum due_held why = is_daily(f->outcome) ? DUE_HELD : DUE_BACKOFF;

	if (f->work == DUE_BACK && f->reload_tries <= DUE_RELOADS) {
		wait = f->reload_tries > 0 ? DUE_RELOAD : 0;
		why = DUE_BACKOFF;
	}
	if (wait > 0)
		hold(d, time_add(f->last_failure, wait), why);
}

/* What only keeps from asking the CA. */
static void
hold_by_ca(const struct due_facts *f, struct due *d)
{
	int64_t wait = due_backoff(f->ca.failures, f->ca.outcome, f->ca.jitter);
	int64_t last = max64(f->last_success, max64(f->last_failure, f->ca.last));

	if (wait > 0)
		hold(d, time_add(f->ca.last, wait), is_daily(f->ca.outcome) ? DUE_HELD : DUE_CA);
	hold(d, f->asked, DUE_ASKED);
	if (d->why >= DUE_LIFETIME && last != 0)
		hold(d, time_add(last, distance(f)), DUE_NEAR);
	/* Another CA is asked soon, not in the same breath. */
	if (!d->urgent && f->elsewhere != 0)
		hold(d, time_add(f->elsewhere, distance(f)), DUE_NEAR);
}

static void
hold_back(const struct due_facts *f, struct due *d)
{
	int64_t last = max64(f->last_failure, max64(f->ca.last, f->elsewhere));

	hold_by_failures(f, d);
	d->alarm = f->not_after != 0 && (f->failures > 0 || f->ca.failures > 0) &&
	    time_add(f->now, -DUE_GIVEN_UP) > f->not_after;
	if (d->alarm && f->work != DUE_BACK)
		hold(d, time_add(last, WEEK), DUE_WEEKLY);
	if (f->work == DUE_RENEW)
		hold_by_ca(f, d);
}

/*
 * Whoever asks for a run is served at once. Of itself, a version that was rolled back is tried
 * again only when what is served would otherwise expire.
 */
static void
hold_unasked(const struct due_facts *f, struct due *d)
{
	if (f->looks > 0)
		hold(d, time_add(f->last_look, due_backoff(f->looks, OUT_RETRY, f->jitter)),
		    DUE_NOT_READY);
	if (f->work == DUE_AGAIN && f->tried && f->not_after != 0)
		hold(d, time_add(f->not_after, -due_reserve(lifetime_of(f))), DUE_TRIED);
}

/* --- windows --- */

static bool
is_open(const struct due_window *w, int64_t second)
{
	int64_t start = w->start * MINUTE, end = w->end * MINUTE;

	if (start == end)
		return true;
	if (start < end)
		return second >= start && second < end;
	return second >= start || second < end;
}

static int64_t
offset_at(const struct due_facts *f, int64_t t)
{
	return f->offset != NULL ? f->offset(f->zone, t) : 0;
}

/* Seconds from t to the next opening if no clock is changed meanwhile, 0 within a window. */
static int64_t
until_open(const struct due_window *w, size_t n, int64_t local)
{
	int64_t second = (local % DAY + DAY) % DAY, wait = DAY;

	for (size_t i = 0; i < n; i++) {
		if (is_open(&w[i], second))
			return 0;
		wait = min64(wait, (w[i].start * MINUTE - second + DAY) % DAY);
	}
	return wait;
}

/* The first second behind t, and not behind end, at which clocks show another offset; 0: none. */
static int64_t
clock_change(const struct due_facts *f, int64_t t, int64_t end)
{
	int64_t was = offset_at(f, t), middle;

	if (end <= t || offset_at(f, end) == was)
		return 0;
	while (end - t > 1) {
		middle = t + (end - t) / 2;
		if (offset_at(f, middle) == was)
			t = middle;
		else
			end = middle;
	}
	return end;
}

/* When the first of these opens, at t or behind it. */
static int64_t
open_one(const struct due_facts *f, const struct due_window *w, size_t n, int64_t t)
{
	int64_t open, change;

	if (n == 0)
		return t;
	for (int i = 0; i < CHANGES_MAX; i++) {
		open = time_add(t, until_open(w, n, time_add(t % DAY, offset_at(f, t))));
		if ((change = clock_change(f, t, open)) == 0)
			return open;
		t = change;
	}
	return t;
}

/* When all sets are open; DUE_NEVER if they never meet. */
static int64_t
open_all(const struct due_facts *f, int64_t t)
{
	int64_t from;

	for (int i = 0; i < HOPS_MAX; i++) {
		from = t;
		t = open_one(f, f->windows, f->nwindows, t);
		for (size_t k = 0; k < f->nothers; k++)
			t = open_one(f, f->others[k].v, f->others[k].n, t);
		if (t == from)
			return t;
	}
	return DUE_NEVER;
}

bool
due_windows_meet(const struct due_windows *sets, size_t n)
{
	size_t k;

	for (int64_t minute = 0; minute < DAY_MINUTES; minute++) {
		for (k = 0; k < n; k++)
			if (sets[k].n > 0 &&
			    until_open(sets[k].v, sets[k].n, minute * MINUTE) != 0)
				break;
		if (k == n)
			return true;
	}
	return false;
}

/* Work that servers notice, and that can wait. */
static bool
wants_window(const struct due_facts *f, const struct due *d)
{
	if ((f->nwindows == 0 && f->nothers == 0) || d->at == DUE_NEVER || f->work == DUE_BACK ||
	    f->not_after == 0)
		return false;
	if (f->work == DUE_DEPLOY)
		return f->failures > 0;
	return d->why != DUE_UNFIT;
}

static void
wait_for_window(const struct due_facts *f, struct due *d)
{
	int64_t from = max64(d->at, f->now), emergency, open;

	if (!wants_window(f, d))
		return;
	emergency = time_add(f->not_after, -due_reserve(lifetime_of(f)));
	open = open_all(f, from);
	if (open > from && emergency > from)
		hold(d, min64(open, emergency), DUE_WINDOW);
}

/* --- all of it --- */

struct due
due_of(const struct due_facts *f)
{
	struct due d = { .held = DUE_FREE };

	find_point(f, &d);
	d.at = d.point;
	d.urgent = f->not_after == 0 || f->unfit ||
	    time_add(f->not_after, -due_reserve(lifetime_of(f))) <= f->now;
	hold_back(f, &d);
	if (f->paused && f->work == DUE_RENEW)
		hold(&d, DUE_NEVER, DUE_PAUSED);
	if (f->scheduled)
		hold_unasked(f, &d);
	wait_for_window(f, &d);
	return d;
}

int64_t
due_at(const struct due_facts *f)
{
	return due_of(f).at;
}

bool
due_clock_holds(int64_t now, int64_t not_before)
{
	return now >= WRITTEN && now >= time_add(not_before, -DAY);
}

const char *
due_why_text(enum due_why why)
{
	static const char *const texts[] = {
		[DUE_EMPTY] = "nothing is installed",
		[DUE_UNFIT] = "what is installed cannot be used",
		[DUE_CHANGED] = "the configuration wants other names or another key",
		[DUE_LIFETIME] = "its renewal time",
		[DUE_ARI] = "the CA's renewal information",
		[DUE_RESERVE] = "only the emergency reserve is left",
		[DUE_UNFINISHED] = "work left undone",
	};

	return (size_t)why < NITEMS(texts) ? texts[why] : "";
}

const char *
due_held_text(enum due_held held)
{
	static const char *const texts[] = {
		[DUE_FREE] = "nothing holds it back",
		[DUE_BACKOFF] = "back-off after failures",
		[DUE_HELD] = "an operator must act; until then once a day",
		[DUE_ASKED] = "the CA asked to wait, or its limits are reached",
		[DUE_NEAR] = "too soon after the last renewal",
		[DUE_WINDOW] = "waits for its maintenance window",
		[DUE_WEEKLY] = "expired for 60 days; until an operator acts once a week",
		[DUE_PAUSED] = "the CA paused a name until an operator acts",
		[DUE_NOT_READY] = "the server was not ready",
		[DUE_TRIED] = ("it was rolled back: until the configuration changes or an operator "
		    "asks"),
		[DUE_CA] = "back-off after failures of this CA",
	};

	return (size_t)held < NITEMS(texts) ? texts[held] : "";
}

/* --- what is drawn --- */

int64_t
due_ari_point(int64_t start, int64_t end, uint32_t random)
{
	int64_t width;

	if (__builtin_sub_overflow(end, start, &width) || width <= 0)
		return start;
	/* In 2^-32 of the width, without overflow. */
	return start + (width >> 32) * random + (int64_t)(((uint64_t)(width & 0xffffffff) *
	    random) >> 32);
}

int
due_jitter(uint32_t random)
{
	return (int)(random % 1001) - 500;
}

/* --- configuration --- */

/* "HH:MM", 00:00 to 24:00. */
static bool
read_clock(const char *p, int *minute)
{
	static const char digits[] = "0123456789";

	if (strspn(p, digits) != 2 || p[2] != ':' || strspn(p + 3, digits) != 2)
		return false;
	*minute = ((p[0] - '0') * 10 + p[1] - '0') * 60 + (p[3] - '0') * 10 + p[4] - '0';
	return p[3] < '6' && *minute <= DAY_MINUTES;
}

int
due_window_parse(const char *text, struct due_window *w, struct err *e)
{
	if (!read_clock(text, &w->start) || text[5] != '-' || !read_clock(text + 6, &w->end) ||
	    text[11] != '\0')
		return err_set(e, OUT_HOLD, "window \"%.40s\": want HH:MM-HH:MM, 00:00 to 24:00",
		    text);
	w->start %= DAY_MINUTES;
	return 0;
}

int
due_windows_parse(const struct strs *texts, struct due_windows *to, struct err *e)
{
	for (to->n = 0; to->n < texts->n && to->n < DUE_WINDOWS_MAX; to->n++)
		if (due_window_parse(texts->v[to->n], &to->v[to->n], e) == -1)
			return -1;
	return 0;
}
