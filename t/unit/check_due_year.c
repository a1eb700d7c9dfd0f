/*
 * check_due_year: a year of 1000 certificates, and other long times, on a
 * false clock.
 */
#include <stdlib.h>

#include <check.h>

#include "due.h"
#include "suite.h"

#define T0	INT64_C(1800000000)	/* 2027-01-15T08:00:00Z, a Friday */
#define NIGHT	.windows = { { 120, 300 } }, .nwindows = 1	/* 02:00-05:00 */
#define YEAR	(365 * DAY)
#define CERTS	1000
#define RUN	(12 * HOUR)	/* the timer */

struct sim {
	struct due_facts f;
	int64_t		 lifetime;
	int64_t		 issued;
	int64_t		 attempts;
	int64_t		 last_try;
};

static uint32_t
draw(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 32);
}

/* A CA that is gone for 40 days from day 100 on; once in 50 times something else fails. */
static bool
ca_works(int64_t now, uint64_t *state)
{
	if (now >= T0 + 100 * DAY && now < T0 + 140 * DAY)
		return false;
	return draw(state) % 50 != 0;
}

static void
issue(struct sim *s, int64_t now)
{
	s->f.not_before = now - HOUR;
	s->f.not_after = now - HOUR + s->lifetime;
	s->f.failures = 0;
	s->f.last_success = now;
	s->issued++;
}

static void
try(struct sim *s, int64_t now, uint64_t *state)
{
	s->attempts++;
	s->last_try = now;
	if (ca_works(now, state)) {
		issue(s, now);
		return;
	}
	s->f.failures++;
	s->f.last_failure = now;
	s->f.outcome = draw(state) % 20 == 0 ? OUT_HOLD : OUT_RETRY;
	s->f.jitter = due_jitter(draw(state));
}

/* A run of the timer, and the ones behind it that a daemon would make. */
static void
run(struct sim *s, int64_t from, int64_t to, uint64_t *state, int64_t *late)
{
	struct due d;

	for (s->f.now = from; s->f.now < to;) {
		d = due_of(&s->f);
		if (d.at > s->f.now) {
			s->f.now = d.at;
			continue;
		}
		ck_assert_msg(s->attempts == 0 || s->f.now - s->last_try >= 30,
		    "two attempts within %jd s", (intmax_t)(s->f.now - s->last_try));
		if (s->f.not_after != 0 && s->f.now > s->f.not_after)
			(*late)++;
		try(s, s->f.now, state);
	}
}

START_TEST(a_year_of_1000_certificates_neither_storms_nor_sleeps)
{
	static const int64_t lifetimes[] = { 160 * HOUR, 45 * DAY, 64 * DAY, 90 * DAY, 398 * DAY };
	struct sim *sims = calloc(CERTS, sizeof(*sims));
	int64_t late = 0, outage_late = 0, most, used;
	uint64_t state = 20270115;

	ck_assert_ptr_nonnull(sims);
	for (size_t i = 0; i < CERTS; i++) {
		struct sim *s = &sims[i];

		s->lifetime = lifetimes[i % NITEMS(lifetimes)];
		if (i % 3 == 0)
			s->f = (struct due_facts){ NIGHT };
		s->f.renew_before = DUE_DEFAULT;
		run(s, T0 + (int64_t)i, T0 + 100 * DAY, &state, &late);
		run(s, T0 + 100 * DAY, T0 + 150 * DAY, &state, &outage_late);
		used = s->attempts;
		run(s, T0 + 150 * DAY, T0 + YEAR, &state, &late);
		/* While the CA was gone: the table of L01, then daily, jitter at its shortest. */
		ck_assert_int_lt(used, 300);
		most = YEAR / (s->lifetime - due_rule(s->lifetime)) + 3;
		ck_assert_msg(s->issued <= most, "lifetime %jd: %jd issued in a year, want at most "
		    "%jd", (intmax_t)s->lifetime, (intmax_t)s->issued, (intmax_t)most);
		ck_assert_int_gt(s->f.not_after, T0 + YEAR);
	}
	/* Only the outage lets any expire. */
	ck_assert_int_eq(late, 0);
	ck_assert_int_gt(outage_late, 0);
	free(sims);
}
END_TEST

/* FAULTS A30: no loop, however short it lives. */
START_TEST(no_lifetime_makes_a_loop)
{
	static const int64_t lifetimes[] = { 5 * MINUTE, 24 * HOUR, 160 * HOUR, 45 * DAY, 64 * DAY,
		90 * DAY, 398 * DAY, 3650 * DAY };
	struct sim s = { .lifetime = lifetimes[_i] };
	int64_t end = T0 + 20 * lifetimes[_i];

	for (s.f.now = T0; s.f.now < end; s.f.now = due_at(&s.f)) {
		ck_assert_msg(s.issued == 0 || s.f.now > s.f.last_success, "a loop at %jd",
		    (intmax_t)(s.f.now - T0));
		s.f.not_before = s.f.now;
		s.f.not_after = s.f.now + s.lifetime;
		s.f.last_success = s.f.now;
		s.issued++;
		ck_assert_int_le(s.issued, 40);
	}
	ck_assert_int_ge(s.issued, 20);
}
END_TEST

/* FAULTS P12 and T07: hours of sleep, and hard failures without end. */
START_TEST(a_thousand_hard_failures_are_a_thousand_days)
{
	struct due_facts f = { .now = T0, .outcome = OUT_HOLD };
	int64_t tries = 0;

	while (tries < 1000) {
		ck_assert_int_le(due_at(&f), f.now);
		f.failures++;
		f.last_failure = f.now;
		f.jitter = (int)(tries % 1001) - 500;
		tries++;
		ck_assert_int_ge(due_at(&f) - f.now, DAY);
		f.now = due_at(&f);
	}
	ck_assert_int_ge(f.now - T0, 1000 * DAY);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("due year");
	TCase *t = tcase_create("simulations");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_year_of_1000_certificates_neither_storms_nor_sleeps);
	tcase_add_loop_test(t, no_lifetime_makes_a_loop, 0, 8);
	tcase_add_test(t, a_thousand_hard_failures_are_a_thousand_days);
	suite_add_tcase(s, t);
	return suite_run(s);
}
