/*
 * check_year: a year of a daemon with 1000 certificates of all lifetimes, on
 * clocks of our own: what is on record becomes facts, facts become times, the
 * daemon sleeps until the first of them, and a CA that is made up here issues
 * or does not. The CA keeps books of its own, by the true time.
 *
 * The CA is gone for 30 days; the clock of the host is set a year ahead for
 * two hours and three days back for five; one order in 40 fails, but for those
 * of minutes, which have no time for a back-off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/clock.h"
#include "outlook.h"
#include "suite.h"
#include "wake.h"

#define CERTS	1000
#define T0	INT64_C(1800000000)
#define YEAR	(365 * DAY)
#define GONE	(T0 + 100 * DAY)	/* the CA, */
#define BACK	(GONE + 30 * DAY)	/* until then */
#define AHEAD	(T0 + 200 * DAY)	/* the host's clock, for AHEAD_FOR */
#define AHEAD_FOR (2 * HOUR)
#define BEHIND	(T0 + 250 * DAY)
#define BEHIND_FOR (5 * HOUR)
#define SHORT_STAY (5 * DAY)		/* certificates of minutes are watched no longer */
#define CA	"letsencrypt"

/* FAULTS A30, and how many of the 1000 have it. */
static const struct {
	int64_t	 lifetime;
	size_t	 n;
} lives[] = {
	{ 5 * MINUTE, 2 }, { DAY, 48 }, { 160 * HOUR, 150 }, { 45 * DAY, 200 }, { 64 * DAY, 200 },
	{ 90 * DAY, 200 }, { 398 * DAY, 100 }, { 3650 * DAY, 100 },
};

struct member {
	struct cert_conf	 conf;
	struct install_state	 state;
	struct record		 record;
	char			*name, *zone, *window;
	struct manifest_leaf	 leaf;
	struct record_window	*ari;		/* of the record; NULL: the CA has none for it */
	int64_t			 lifetime;
	int64_t			 until;		/* true time: watched so long */
	int64_t			 wake;		/* by the host's clock */
	/* by the CA's books: the last three, newest first */
	int64_t			 issued[3];
	int64_t			 count, attempts, seen_expired;
	int64_t			 in_leap;	/* orders while the host's clock was wrong */
};

static struct member *members;
static struct ca_conf ca;
static struct ledger ledger;
static uint64_t seed = 20270115;
static int64_t now;			/* true time */
static char *ca_name = (char *)(uintptr_t)CA;

/* --- clocks --- */

static int64_t
set_by(void)
{
	if (now >= AHEAD && now < AHEAD + AHEAD_FOR)
		return 365 * DAY;
	return now >= BEHIND && now < BEHIND + BEHIND_FOR ? -3 * DAY : 0;
}

static int64_t
host_wall(void)
{
	return now + set_by();
}

static int64_t
host_boot_ms(void)
{
	return (now - T0 + HOUR) * 1000;
}

static uint32_t
draw(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 32);
}

/* --- what the keeper does with a certificate --- */

static struct due
look(struct member *m, struct due_facts *f)
{
	struct outlook in = { .conf = &m->conf, .ca = &ca, .state = &m->state,
		.record = &m->record, .budget = &m->record.budget, .ledger = &ledger };
	struct err e = ERR_NONE;

	ck_assert_msg(outlook_facts(&in, f, &e) == 0, "%s", e.text);
	f->scheduled = true;
	return due_of(f);
}

static void
plan(struct member *m)
{
	struct due_facts f;
	struct due d = look(m, &f);

	m->wake = now >= m->until ? INT64_MAX : d.at;
	if (m->wake != INT64_MAX && m->ari != NULL && d.point > f.now && m->ari->check < m->wake)
		m->wake = m->ari->check;
}

/* RFC 9773: a window around two thirds of the lifetime; asked again within a day. */
static void
ask_window(struct member *m)
{
	struct record_window *w = m->ari;
	int64_t nb = m->state.active.not_before, life = m->lifetime;

	w->check = host_wall() + 20 * HOUR + draw() % (4 * HOUR);
	if (now >= GONE && now < BACK)
		return;
	w->start = nb + life * 60 / 100;
	w->end = nb + life * 70 / 100;
	if (w->point < w->start || w->point > w->end)
		w->point = due_ari_point(w->start, w->end, draw());
}

/* The CA's own books: two for a set of names in a day, or in a lifetime that is shorter. */
static void
enter_into_books(struct member *m)
{
	int64_t period = m->lifetime < DAY ? m->lifetime : DAY;

	memmove(&m->issued[1], &m->issued[0], 2 * sizeof m->issued[0]);
	m->issued[0] = now;
	m->count++;
	ck_assert_msg(m->issued[2] == 0 || now - m->issued[2] >= period,
	    "%s: three within %jd s, at day %jd", m->name, (intmax_t)(now - m->issued[2]),
	    (intmax_t)((now - T0) / DAY));
	m->in_leap += set_by() != 0;
}

static void
install(struct member *m)
{
	struct manifest *a = &m->state.active;

	enter_into_books(m);
	m->state.health = INSTALL_GOOD;
	m->state.version++;
	a->not_before = now - (m->lifetime > DAY ? HOUR : 0);
	a->not_after = a->not_before + m->lifetime;
	if (m->ari != NULL)
		ask_window(m);
}

static void
end_attempt(struct member *m, const struct record_time *at, const char *step, struct err *why)
{
	struct record_try t = { .step = step, .version = m->state.version, .res = why,
		.ca = why->class == OUT_OK || why->class == OUT_RETRY ? CA : NULL,
		.random = draw() };

	ck_assert_int_eq(record_end(&m->record, at, &t), 0);
}

static void
attempt(struct member *m)
{
	struct budget_order order = { .ca = CA, .names = &m->conf.names,
		.lifetime = m->state.version == 0 ? 0 : m->lifetime };
	struct err why = ERR_NONE;
	struct record_time at;
	int64_t until;

	record_now(&at);
	m->attempts++;
	if (now >= GONE && now < BACK) {
		err_set(&why, OUT_RETRY, "no connection");
		end_attempt(m, &at, "account", &why);
		return;
	}
	ledger_compare(&ledger, &at, now - at.wall);
	if (at.wall < now - HOUR) {	/* preflight: what it gets would not be valid yet */
		m->record.looks++;
		m->record.last_look = at;
		return;
	}
	m->record.looks = 0;
	until = budget_until(&m->record.budget, &order, &at, NULL);
	if (until > at.wall) {
		err_set(&why, OUT_RETRY, "budget");
		why.retry_at = until;
	} else if (m->lifetime >= DAY && draw() % 40 == 0) {
		err_set(&why, OUT_RETRY, "the CA is out of order");
	} else {
		ck_assert_int_eq(budget_spend(&m->record.budget, &order, &at, &why), 0);
		install(m);
	}
	end_attempt(m, &at, why.class == OUT_OK ? "verify" : "order", &why);
}

/* Must not happen while the CA is there, nor long after it is back. */
static void
look_at_end(struct member *m)
{
	if (m->state.version == 0 || now <= m->state.active.not_after ||
	    (now >= GONE && now < BACK + 2 * DAY))
		return;
	m->seen_expired++;
}

static void
run(struct member *m)
{
	struct due_facts f;

	look_at_end(m);
	if (look(m, &f).at <= f.now)
		attempt(m);
	else if (m->ari != NULL && m->state.version != 0 && m->ari->check <= f.now)
		ask_window(m);
	plan(m);
}

/* --- the daemon --- */

static int64_t
first_wake(void)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < CERTS; i++)
		if (members[i].wake < at)
			at = members[i].wake;
	return at;
}

/* When somebody sets the clock, which wakes the daemon too. */
static int64_t
next_leap(void)
{
	static const int64_t leaps[] = { AHEAD, AHEAD + AHEAD_FOR, BEHIND, BEHIND + BEHIND_FOR };

	for (size_t i = 0; i < NITEMS(leaps); i++)
		if (leaps[i] > now)
			return leaps[i];
	return INT64_MAX;
}

static void
sleep_until_due(struct wake_facts *w)
{
	int64_t at, leap = next_leap();

	w->wall = host_wall();
	w->boot_ms = host_boot_ms();
	at = now + (wake_at_ms(w) - w->boot_ms + 999) / 1000;
	now = at < leap ? at : leap;
	if (now == leap)
		for (size_t i = 0; i < CERTS; i++)
			plan(&members[i]);
}

static void
live(int64_t end)
{
	struct wake_facts w = { .last_ms = host_boot_ms() };

	while (now < end) {
		for (size_t i = 0; i < CERTS; i++)
			if (members[i].wake <= host_wall())
				run(&members[i]);
		w.next = first_wake();
		w.last_ms = host_boot_ms();
		w.random = draw();
		ck_assert_msg(w.next > host_wall(),
		    "something is due at once behind a run, day %jd",
		    (intmax_t)((now - T0) / DAY));
		sleep_until_due(&w);
	}
}

/* --- the world --- */

static void
make_member(struct member *m, size_t i, int64_t lifetime)
{
	static char *key = (char *)(uintptr_t)"ecdsa-p256";
	struct err e = ERR_NONE;

	ck_assert_int_ne(asprintf(&m->name, "c%zu.example.com", i), -1);
	m->zone = strdup(i % 2 == 0 ? "Europe/Berlin" : "America/New_York");
	m->window = strdup(i % 4 == 0 ? "23:00-01:30" : "02:00-05:00");
	m->conf = (struct cert_conf){ .name = m->name, .names = { &m->name, 1 },
		.key = { &key, 1 }, .ca = { &ca_name, 1 }, .renew_before = DUE_DEFAULT,
		.time_zone = m->zone };
	if (i % 3 == 0 && lifetime > 2 * DAY)
		m->conf.window = (struct strs){ &m->window, 1 };
	m->lifetime = lifetime;
	m->until = lifetime < HOUR ? T0 + SHORT_STAY : INT64_MAX;
	m->state.active.names = m->conf.names;
	m->leaf.key_type = key;
	m->state.active.leaves = (struct list){ &m->leaf, 1 };
	if (i % 8 == 0) {
		m->leaf.ari_id = m->name;
		ck_assert_ptr_nonnull(m->ari = record_window_of(&m->record, m->name, &e));
		m->ari->check = INT64_MAX;	/* nothing is installed to ask about */
	}
	m->wake = T0;
}

static void
start(void)
{
	static const struct clock_source clocks = { host_wall, host_boot_ms };
	size_t at = 0;

	now = T0;
	clock_use(&clocks);
	ca = (struct ca_conf){ .name = ca_name,
		.directory = (char *)(uintptr_t)"https://ca.example.net/directory" };
	ck_assert_ptr_nonnull(members = calloc(CERTS, sizeof *members));
	for (size_t i = 0; i < NITEMS(lives); i++)
		for (size_t k = 0; k < lives[i].n; k++, at++)
			make_member(&members[at], at, lives[i].lifetime);
	ck_assert_uint_eq(at, CERTS);
}

static void
finish(void)
{
	for (size_t i = 0; i < CERTS; i++) {
		pack_clear(&record_pack, &members[i].record);
		free(members[i].name);
		free(members[i].zone);
		free(members[i].window);
	}
	free(members);
	pack_clear(&ledger_pack, &ledger);
	clock_use(NULL);
}

/* However it goes, no more than two for each lifetime (A30): half of one is the earliest. */
static void
judge(const struct member *m)
{
	int64_t stay = m->until == INT64_MAX ? YEAR : SHORT_STAY;
	int64_t most = 2 * stay / m->lifetime + 2, least = stay / m->lifetime;

	ck_assert_msg(m->count <= most, "%s: %jd issued in %jd days, want at most %jd", m->name,
	    (intmax_t)m->count, (intmax_t)(stay / DAY), (intmax_t)most);
	ck_assert_msg(m->lifetime < 90 * DAY ? m->count > 0 : m->count >= least, "%s: %jd issued",
	    m->name, (intmax_t)m->count);
	ck_assert_msg(m->seen_expired == 0, "%s of %jd days: seen expired %jd times", m->name,
	    (intmax_t)(m->lifetime / DAY), (intmax_t)m->seen_expired);
	/* a clock that leaps is no reason to order, and then order again */
	ck_assert_msg(m->in_leap <= 1, "%s: %jd orders while the clock was wrong", m->name,
	    (intmax_t)m->in_leap);
	/* 30 days without the CA: 1, 10, 100 minutes, then daily */
	ck_assert_msg(m->attempts - m->count < 100 + m->count / 10, "%s: %jd attempts for %jd",
	    m->name, (intmax_t)m->attempts, (intmax_t)m->count);
	if (m->until == INT64_MAX)
		ck_assert_msg(m->state.active.not_after > T0 + YEAR, "%s has expired", m->name);
}

START_TEST(a_year_of_1000_certificates)
{
	live(T0 + YEAR);
	for (size_t i = 0; i < CERTS; i++)
		judge(&members[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("year");
	TCase *t = tcase_create("year");

	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, a_year_of_1000_certificates);
	suite_add_tcase(s, t);
	return suite_run(s);
}
