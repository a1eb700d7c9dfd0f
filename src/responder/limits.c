/*
 * limits: rate limits like Let's Encrypt's. Each is a bucket of tokens that
 * fills up steadily, kept as the one time at which it will be full again
 * (the generic cell rate algorithm): a number per key is all there is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "responder/limits.h"
#include "responder/map.h"

static const struct {
	const char	*name;
	int64_t		 count;		/* what "letsencrypt" means */
	int64_t		 seconds;
} known[LIMITS] = {
	[LIMIT_ACCOUNTS] = { "accounts", 10, 3 * HOUR },
	[LIMIT_ORDERS] = { "orders", 300, 3 * HOUR },
	[LIMIT_DOMAIN] = { "domain", 50, 7 * DAY },
	[LIMIT_NAME_SET] = { "name-set", 5, 7 * DAY },
	[LIMIT_FAILURES] = { "failures", 5, HOUR },
	[LIMIT_PAUSE] = { "pause", 1152, 3650 * DAY },
};

struct limits {
	struct {
		int64_t	count;		/* 0: no limit */
		int64_t	step_ms;	/* between two tokens */
	} rate[LIMITS];
	struct map	full_at[LIMITS];	/* key -> int64_t *, milliseconds */
};

static int
set_rate(struct limits *l, size_t i, int64_t count, int64_t seconds)
{
	if (count < 0 || seconds < 1 || seconds > 36500 * DAY)
		return -1;
	l->rate[i].count = count;
	l->rate[i].step_ms = count == 0 ? 0 : seconds * 1000 / count;
	return 0;
}

/* NAME=COUNT/SECONDS, or "letsencrypt". */
static int
read_rate(struct limits *l, const char *rule, struct err *e)
{
	const char *equals = strchr(rule, '='), *slash = strchr(rule, '/');
	int64_t count, seconds;

	if (strcmp(rule, "letsencrypt") == 0) {
		for (size_t i = 0; i < LIMITS; i++)
			(void)set_rate(l, i, known[i].count, known[i].seconds);
		return 0;
	}
	for (size_t i = 0; equals != NULL && slash > equals && i < LIMITS; i++) {
		if (strlen(known[i].name) != (size_t)(equals - rule) ||
		    strncmp(known[i].name, rule, (size_t)(equals - rule)) != 0)
			continue;
		if (text_number(span_of(equals + 1, (size_t)(slash - equals - 1)), &count) == 0 &&
		    text_number(span_str(slash + 1), &seconds) == 0 &&
		    set_rate(l, i, count, seconds) == 0)
			return 0;
	}
	return err_set(e, OUT_USAGE, "--rate-limit: want letsencrypt or NAME=COUNT/SECONDS with "
	    "accounts, orders, domain, name-set, failures or pause, have %s", rule);
}

int
limits_new(const struct strs *rates, struct limits **out, struct err *e)
{
	struct limits *l;

	*out = NULL;
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < rates->n; i++)
		if (read_rate(l, rates->v[i], e) == -1) {
			free(l);
			return -1;
		}
	*out = l;
	return 0;
}

void
limits_free(struct limits *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < LIMITS; i++)
		map_clear(&l->full_at[i], free);
	free(l);
}

bool
limits_allow(struct limits *l, enum limit which, const char *key, int64_t now, int64_t *wait)
{
	int64_t *full, room;

	*wait = 0;
	if (l->rate[which].count == 0)
		return true;
	if ((full = map_get(&l->full_at[which], span_str(key))) == NULL)
		return true;
	/* One more token must fit below the time that an empty bucket needs. */
	room = *full + l->rate[which].step_ms - now * 1000 -
	    l->rate[which].count * l->rate[which].step_ms;
	if (room <= 0)
		return true;
	*wait = (room + 999) / 1000;
	return false;
}

void
limits_count(struct limits *l, enum limit which, const char *key, int64_t now)
{
	int64_t *full;

	if (l->rate[which].count == 0)
		return;
	if ((full = map_get(&l->full_at[which], span_str(key))) == NULL) {
		if ((full = calloc(1, sizeof(*full))) == NULL)
			return;
		if (map_put(&l->full_at[which], span_str(key), full) == -1) {
			free(full);
			return;
		}
	}
	if (*full < now * 1000)
		*full = now * 1000;
	*full = time_add(*full, l->rate[which].step_ms);
}

void
limits_forget(struct limits *l, enum limit which, const char *key)
{
	free(map_take(&l->full_at[which], span_str(key)));
}
