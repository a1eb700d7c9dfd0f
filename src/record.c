/*
 * record: what happened, and the times of it. The file is record_file.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "due.h"
#include "record.h"

#define ISSUES_MAX	64
#define VALIDATIONS_MAX	512
#define REFUSE_WAIT	(34 * HOUR)
#define ISSUES_A_DAY	2
#define FAILED_AN_HOUR	3
#define BOOT_ID		"/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX	64

#define FT(type, field)	{ type, offsetof(struct record_time, field), NULL }

static const struct pack time_pack = PACK(record_time,
	FT(PACK_I64, wall), FT(PACK_I64, boot_ms), FT(PACK_I64, boot_id));

#define FH(type, field)	{ type, offsetof(struct record_result, field), NULL }

static const struct pack result_pack = PACK(record_result,
	FH(PACK_I64, when), FH(PACK_I64, outcome), FH(PACK_STR, step), FH(PACK_STR, text),
	FH(PACK_I64, version));

#define FI(type, field, sub) { type, offsetof(struct record_issue, field), sub }

static const struct pack issue_pack = PACK(record_issue,
	FI(PACK_STRUCT, when, &time_pack), FI(PACK_STR, names, NULL),
	FI(PACK_BOOL, refused, NULL));

#define FV(type, field, sub) { type, offsetof(struct record_validation, field), sub }

static const struct pack validation_pack = PACK(record_validation,
	FV(PACK_STRUCT, when, &time_pack), FV(PACK_STR, name, NULL));

#define F(type, field, sub) { type, offsetof(struct record, field), sub }

const struct pack record_pack = PACK(record,
	F(PACK_LIST, history, &result_pack), F(PACK_I64, failures, NULL),
	F(PACK_STRUCT, last_attempt, &time_pack), F(PACK_STRUCT, last_failure, &time_pack),
	F(PACK_STRUCT, last_success, &time_pack), F(PACK_I64, outcome, NULL),
	F(PACK_I64, jitter, NULL), F(PACK_I64, asked, NULL), F(PACK_BOOL, paused, NULL),
	F(PACK_I64, next, NULL), F(PACK_I64, reload_tries, NULL), F(PACK_STRS, serials, NULL),
	F(PACK_LIST, issues, &issue_pack), F(PACK_LIST, validations, &validation_pack),
	F(PACK_STR, ari_id, NULL), F(PACK_I64, ari_start, NULL), F(PACK_I64, ari_end, NULL),
	F(PACK_I64, ari_point, NULL), F(PACK_I64, ari_check, NULL), F(PACK_STR, ari_url, NULL),
	F(PACK_STR, revoked, NULL), F(PACK_I64, looks, NULL),
	F(PACK_STRUCT, last_look, &time_pack), F(PACK_STR, tried, NULL),
	F(PACK_STR, unserved, NULL), F(PACK_I64, unserved_since, NULL),
	F(PACK_BLOB, facts, NULL), F(PACK_BOOL, was_damaged, NULL));

/* --- times --- */

/* The first 60 bits of the kernel's random name for this start; 0 when it cannot be had. */
static int64_t
read_boot_id(void)
{
	struct err ignored;
	struct buf text;
	int64_t id = 0;

	buf_init(&text, BOOT_ID_MAX);
	if (fs_read_path(BOOT_ID, BOOT_ID_MAX, &text, &ignored) == 0)
		for (size_t i = 0, digits = 0; i < text.n && digits < 15; i++) {
			const char *hex = "0123456789abcdef", *at = strchr(hex, text.p[i]);

			if (at == NULL || text.p[i] == '\0')
				continue;
			id = id << 4 | (at - hex);
			digits++;
		}
	buf_clear(&text);
	return id;
}

void
record_now(struct record_time *now)
{
	now->wall = clock_wall();
	now->boot_ms = clock_boot_ms();
	now->boot_id = read_boot_id();
}

static int64_t
elapsed(const struct record_time *then, const struct record_time *now)
{
	int64_t ago;

	if (then->boot_id != 0 && then->boot_id == now->boot_id)
		ago = __builtin_sub_overflow(now->boot_ms, then->boot_ms, &ago) ? 0 : ago / 1000;
	else if (__builtin_sub_overflow(now->wall, then->wall, &ago))
		ago = now->wall > then->wall ? INT64_MAX : 0;
	return ago > 0 ? ago : 0;
}

int64_t
record_when(const struct record_time *then, const struct record_time *now)
{
	return then->wall == 0 ? 0 : time_add(now->wall, -elapsed(then, now));
}

bool
record_settle(struct record_time *t, const struct record_time *now)
{
	if (t->wall <= now->wall || (t->boot_id != 0 && t->boot_id == now->boot_id))
		return false;
	*t = *now;
	return true;
}

/* --- lists of the newest --- */

static void
drop_first(struct list *l, const struct pack *p, size_t n)
{
	uint8_t *v = l->v;

	for (size_t i = 0; i < n; i++)
		pack_clear(p, v + i * p->size);
	if (n > 0)
		memmove(v, v + n * p->size, (l->n - n) * p->size);
	l->n -= n;
}

static void *
add_newest(struct list *l, const struct pack *p, size_t max)
{
	if (l->n >= max)
		drop_first(l, p, l->n - max + 1);
	return list_add(l, p->size);
}

/* --- events --- */

void
record_attempt(struct record *r, const struct record_time *now)
{
	r->last_attempt = *now;
}

static int
add_result(struct record *r, int64_t when, const char *step, int64_t version,
    const struct err *res)
{
	struct record_result *h = add_newest(&r->history, &result_pack, RECORD_HISTORY);

	if (h == NULL)
		return -1;
	*h = (struct record_result){ .when = when, .outcome = res->class, .version = version };
	h->step = strdup(step);
	h->text = strdup(res->class == OUT_OK ? "" : res->text);
	if (h->step != NULL && h->text != NULL)
		return 0;
	pack_clear(&result_pack, h);
	r->history.n--;
	return -1;
}

int
record_end(struct record *r, const struct record_time *now, const char *step, int64_t version,
    const struct err *res, uint32_t random)
{
	if (add_result(r, now->wall, step, version, res) == -1)
		return -1;
	r->last_attempt = *now;
	r->outcome = res->class;
	if (res->class == OUT_OK) {
		r->failures = 0;
		r->asked = 0;
		r->reload_tries = 0;
		r->last_success = *now;
		return 0;
	}
	r->failures = time_add(r->failures, 1);
	r->last_failure = *now;
	r->jitter = due_jitter(random);
	r->asked = res->retry_at;
	return 0;
}

/* --- what a budget counts --- */

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

	buf_init(&all, STORE_FILE_MAX);
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

int
record_spend(struct record *r, const struct record_time *now, const struct strs *names,
    struct err *e)
{
	char *digest = digest_of(names);
	struct record_issue *i;

	if (digest == NULL ||
	    (i = add_newest(&r->issues, &issue_pack, ISSUES_MAX)) == NULL) {
		free(digest);
		return err_nomem(e);
	}
	*i = (struct record_issue){ .when = *now, .names = digest };
	return 0;
}

void
record_refused(struct record *r)
{
	struct record_issue *i = r->issues.v;

	if (r->issues.n > 0)
		i[r->issues.n - 1].refused = true;
}

void
record_unspend(struct record *r)
{
	struct record_issue *i = r->issues.v;

	if (r->issues.n == 0)
		return;
	pack_clear(&issue_pack, &i[r->issues.n - 1]);
	r->issues.n--;
}

int
record_validation_failed(struct record *r, const struct record_time *now, const char *name,
    struct err *e)
{
	char *copy = strdup(name);
	struct record_validation *v;

	if (copy == NULL ||
	    (v = add_newest(&r->validations, &validation_pack, VALIDATIONS_MAX)) == NULL) {
		free(copy);
		return err_nomem(e);
	}
	*v = (struct record_validation){ .when = *now, .name = copy };
	return 0;
}

int
record_serial(struct record *r, const char *serial, struct err *e)
{
	struct strs *s = &r->serials;

	if (strs_has(s, serial))
		return 0;
	if (s->n >= RECORD_SERIALS) {
		free(s->v[0]);
		memmove(s->v, s->v + 1, (s->n - 1) * sizeof(*s->v));
		s->n--;
	}
	return strs_add(s, serial) == 0 ? 0 : err_nomem(e);
}

/* --- the budget --- */

/* Of events within a period: how many, and when the one before the max - 1 newest was. */
struct count {
	const struct record_time *now;
	int64_t			  period;
	size_t			  max;
	size_t			  n;
	int64_t			  times[ISSUES_A_DAY + FAILED_AN_HOUR];	/* the max newest, a ring */
};

static void
count_one(struct count *c, const struct record_time *when)
{
	if (elapsed(when, c->now) < c->period)
		c->times[c->n++ % c->max] = record_when(when, c->now);
}

/* 0, or when one more is allowed: the max newest, less one, are older than the period then. */
static int64_t
free_at(const struct count *c)
{
	return c->n < c->max ? 0 : time_add(c->times[c->n % c->max], c->period);
}

static int64_t
issues_free_at(const struct record *r, const struct record_time *now, const char *names,
    int64_t lifetime, int64_t *refused_until)
{
	struct count c = { .now = now, .max = ISSUES_A_DAY };
	const struct record_issue *i = r->issues.v;

	*refused_until = 0;
	c.period = lifetime > 0 && lifetime < DAY ? lifetime : DAY;
	for (size_t k = 0; k < r->issues.n; k++) {
		if (names != NULL && i[k].names != NULL && strcmp(i[k].names, names) != 0)
			continue;
		count_one(&c, &i[k].when);
		if (i[k].refused && elapsed(&i[k].when, now) < REFUSE_WAIT)
			*refused_until = time_add(record_when(&i[k].when, now), REFUSE_WAIT);
	}
	return free_at(&c);
}

static int64_t
validations_free_at(const struct record *r, const struct record_time *now, const char *name)
{
	struct count c = { .now = now, .period = HOUR, .max = FAILED_AN_HOUR };
	const struct record_validation *v = r->validations.v;

	for (size_t k = 0; k < r->validations.n; k++)
		if (v[k].name == NULL || strcmp(v[k].name, name) == 0)
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
record_budget(const struct record *r, const struct record_time *now, const struct strs *names,
    int64_t lifetime, const char **why)
{
	/* Without memory every order counts as one for these names. */
	char *digest = digest_of(names);
	const char *reason = "";
	int64_t until = 0, issues, refused;

	issues = issues_free_at(r, now, digest, lifetime, &refused);
	keep_later(&until, issues, &reason, "two certificates for these names within a day");
	keep_later(&until, refused, &reason, "34 hours after a certificate that was not fit");
	for (size_t i = 0; i < names->n; i++)
		keep_later(&until, validations_free_at(r, now, names->v[i]), &reason,
		    "three failed validations of a name within an hour");
	free(digest);
	if (why != NULL)
		*why = reason;
	return until;
}
