/*
 * budget: see budget.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "budget.h"

#define ISSUES_MAX	64
#define VALIDATIONS_MAX	512
#define SHARED_MAX	100000
#define NAMES_TEXT_MAX	(256 * 1024)
#define REFUSE_WAIT	(34 * HOUR)
#define ISSUES_A_DAY	2
#define FAILED_AN_HOUR	3

#define FI(type, field, sub) { type, offsetof(struct budget_issue, field), sub }

const struct pack budget_issue_pack = PACK(budget_issue,
	FI(PACK_STRUCT, when, &record_time_pack), FI(PACK_STR, ca, NULL),
	FI(PACK_STR, names, NULL), FI(PACK_BOOL, refused, NULL),
	FI(PACK_BOOL, second, NULL));

#define FV(type, field, sub) { type, offsetof(struct budget_validation, field), sub }

const struct pack budget_validation_pack = PACK(budget_validation,
	FV(PACK_STRUCT, when, &record_time_pack), FV(PACK_STR, ca, NULL),
	FV(PACK_STR, name, NULL));

#define F(type, field, sub) { type, offsetof(struct budget, field), sub }

const struct pack budget_pack = PACK(budget,
	F(PACK_LIST, issues, &budget_issue_pack),
	F(PACK_LIST, validations, &budget_validation_pack), F(PACK_BOOL, shared, NULL));

/* --- spending --- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The exact set, whatever its order. NULL without memory. */
static char *
digest_of(const struct strs *names)
{
	uint8_t digest[SHA256_LEN];
	char **sorted = calloc(names->n + 1, sizeof(*sorted));
	struct buf all, hex;
	char *text = NULL;

	buf_init(&all, NAMES_TEXT_MAX);
	buf_init(&hex, 2 * SHA256_LEN);
	if (sorted != NULL) {
		if (names->n > 0)
			memcpy(sorted, names->v, names->n * sizeof(*sorted));
		qsort(sorted, names->n, sizeof(*sorted), by_text);
		for (size_t i = 0; i < names->n; i++) {
			buf_str(&all, sorted[i]);
			buf_u8(&all, '\n');
		}
		if (buf_ok(&all) && sha256(buf_span(&all), digest) == 0) {
			buf_hex(&hex, span_of(digest, sizeof(digest)));
			text = buf_ok(&hex) ? span_dup(buf_span(&hex)) : NULL;
		}
	}
	free(sorted);
	buf_clear(&all);
	buf_clear(&hex);
	return text;
}

/* What is not known counts for everything. */
static bool
is_or_unknown(const char *known, const char *wanted)
{
	return known == NULL || wanted == NULL || strcmp(known, wanted) == 0;
}

static int
add_issue(struct budget *b, const struct budget_issue *from, struct err *e)
{
	struct budget_issue *i = list_add_newest(&b->issues, &budget_issue_pack,
	    b->shared ? SHARED_MAX : ISSUES_MAX);

	if (i == NULL)
		return err_nomem(e);
	i->when = from->when;
	i->refused = from->refused;
	i->second = from->second;
	if ((from->ca != NULL && (i->ca = strdup(from->ca)) == NULL) ||
	    (from->names != NULL && (i->names = strdup(from->names)) == NULL)) {
		pack_clear(&budget_issue_pack, i);
		b->issues.n--;
		return err_nomem(e);
	}
	return 0;
}

static int
add_validation(struct budget *b, const struct budget_validation *from, struct err *e)
{
	struct budget_validation *v = list_add_newest(&b->validations, &budget_validation_pack,
	    b->shared ? SHARED_MAX : VALIDATIONS_MAX);

	if (v == NULL)
		return err_nomem(e);
	v->when = from->when;
	if ((from->ca != NULL && (v->ca = strdup(from->ca)) == NULL) ||
	    (from->name != NULL && (v->name = strdup(from->name)) == NULL)) {
		pack_clear(&budget_validation_pack, v);
		b->validations.n--;
		return err_nomem(e);
	}
	return 0;
}

int
budget_spend(struct budget *b, const struct budget_order *order, const struct record_time *now,
    struct err *e)
{
	struct budget_issue issue = { .when = *now, .ca = (char *)(uintptr_t)order->ca,
		.second = order->second };
	int rc;

	if ((issue.names = digest_of(order->names)) == NULL)
		return err_nomem(e);
	rc = add_issue(b, &issue, e);
	free(issue.names);
	return rc;
}

/* The newest one of these names at this CA, or NULL. */
static struct budget_issue *
newest(const struct budget *b, const struct budget_order *order)
{
	struct budget_issue *i = b->issues.v, *found = NULL;
	char *digest = digest_of(order->names);
	size_t k;

	for (k = b->issues.n; digest != NULL && found == NULL && k > 0; k--)
		if (i[k - 1].ca != NULL && strcmp(i[k - 1].ca, order->ca) == 0 &&
		    i[k - 1].names != NULL && strcmp(i[k - 1].names, digest) == 0)
			found = &i[k - 1];
	free(digest);
	return found;
}

void
budget_refused(struct budget *b, const struct budget_order *order)
{
	struct budget_issue *i = newest(b, order);

	if (i != NULL)
		i->refused = true;
}

void
budget_unspend(struct budget *b, const struct budget_order *order)
{
	struct budget_issue *all = b->issues.v, *i = newest(b, order);
	size_t at;

	if (i == NULL)
		return;
	at = (size_t)(i - all);
	pack_clear(&budget_issue_pack, i);
	memmove(i, i + 1, (b->issues.n - at - 1) * sizeof(*i));
	b->issues.n--;
}

int
budget_validation_failed(struct budget *b, const char *ca, const char *name,
    const struct record_time *now, struct err *e)
{
	struct budget_validation v = { *now, (char *)(uintptr_t)ca, (char *)(uintptr_t)name };

	return add_validation(b, &v, e);
}

int
budget_merge(struct budget *all, const struct budget *part, const struct record_time *now,
    struct err *e)
{
	const struct budget_issue *i = part->issues.v;
	const struct budget_validation *v = part->validations.v;

	for (size_t k = 0; k < part->issues.n; k++)
		if (record_elapsed(&i[k].when, now) < REFUSE_WAIT && add_issue(all, &i[k], e) == -1)
			return -1;
	for (size_t k = 0; k < part->validations.n; k++)
		if (record_elapsed(&v[k].when, now) < HOUR && add_validation(all, &v[k], e) == -1)
			return -1;
	return 0;
}

/* --- what is left --- */

/* The newest events of a period, the newest first. */
struct count {
	const struct record_time *now;
	int64_t			  period;
	size_t			  max;
	size_t			  n;		/* max at most */
	int64_t			  times[ISSUES_A_DAY + FAILED_AN_HOUR];
};

static void
count_one(struct count *c, const struct record_time *when)
{
	int64_t at = record_when(when, c->now);
	size_t k;

	if (record_elapsed(when, c->now) >= c->period)
		return;
	if (c->n < c->max)
		c->n++;
	else if (at <= c->times[c->n - 1])
		return;
	for (k = c->n - 1; k > 0 && c->times[k - 1] < at; k--)
		c->times[k] = c->times[k - 1];
	c->times[k] = at;
}

/* 0, or when one more is allowed: the max newest, less one, are older than the period then. */
static int64_t
free_at(const struct count *c)
{
	return c->n < c->max ? 0 : time_add(c->times[c->max - 1], c->period);
}

static int64_t
issues_free_at(const struct budget *b, const struct budget_order *order, const char *digest,
    const struct record_time *now, int64_t *refused_until)
{
	struct count c = { .now = now, .max = ISSUES_A_DAY };
	const struct budget_issue *i = b->issues.v;

	*refused_until = 0;
	c.period = order->lifetime > 0 && order->lifetime < DAY ? order->lifetime : DAY;
	for (size_t k = 0; k < b->issues.n; k++) {
		if (!is_or_unknown(i[k].ca, order->ca) || !is_or_unknown(i[k].names, digest))
			continue;
		if (!i[k].second && !order->second)
			count_one(&c, &i[k].when);
		if (i[k].refused && record_elapsed(&i[k].when, now) < REFUSE_WAIT)
			*refused_until = time_add(record_when(&i[k].when, now), REFUSE_WAIT);
	}
	return free_at(&c);
}

static int64_t
validations_free_at(const struct budget *b, const char *ca, const char *name,
    const struct record_time *now)
{
	struct count c = { .now = now, .period = HOUR, .max = FAILED_AN_HOUR };
	const struct budget_validation *v = b->validations.v;

	for (size_t k = 0; k < b->validations.n; k++)
		if (is_or_unknown(v[k].ca, ca) && is_or_unknown(v[k].name, name))
			count_one(&c, &v[k].when);
	return free_at(&c);
}

static void
keep_later(int64_t *until, int64_t at, const char **why, const char *text)
{
	if (at <= *until)
		return;
	*until = at;
	*why = text;
}

int64_t
budget_until(const struct budget *b, const struct budget_order *order,
    const struct record_time *now, const char **why)
{
	/* Without memory every order counts as one for these names. */
	char *digest = digest_of(order->names);
	const char *reason = "";
	int64_t until = 0, issues, refused;

	issues = issues_free_at(b, order, digest, now, &refused);
	keep_later(&until, issues, &reason, "two certificates for these names within a day");
	keep_later(&until, refused, &reason, "34 hours after a certificate that was not fit");
	for (size_t i = 0; i < order->names->n; i++)
		keep_later(&until, validations_free_at(b, order->ca, order->names->v[i], now),
		    &reason, "three failed validations of a name within an hour");
	free(digest);
	if (why != NULL)
		*why = reason;
	return until;
}
