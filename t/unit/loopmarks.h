/*
 * loopmarks: a loop on a false clock, which stands still unless a test moves
 * it, and timers that leave a mark.
 */
#ifndef KAMCERT_T_UNIT_LOOPMARKS_H
#define KAMCERT_T_UNIT_LOOPMARKS_H

#include <string.h>

#include <check.h>

#include "base/loop.h"
#include "falseclock.h"

static struct err e;
static struct loop *l;

static inline void
start(void)
{
	err_clear(&e);
	false_now = 1000;
	clock_use(&false_clock);
	ck_assert_ptr_nonnull(l = loop_new(&e));
}

static inline void
finish(void)
{
	loop_free(l);
	clock_use(NULL);
}

static inline void
turn(void)
{
	ck_assert_int_eq(loop_turn(l, 0, &e), 0);
}

static char fired[256];

struct mark {
	const char	*word;
};

static inline void
note(void *arg)
{
	const struct mark *m = arg;

	(void)strncat(fired, m->word, sizeof(fired) - strlen(fired) - 1);
}

static inline struct loop_timer *
add_note(int64_t at, struct mark *m)
{
	struct loop_timer *t = loop_timer_add(l, at, note, m, &e);

	ck_assert_ptr_nonnull(t);
	return t;
}

static inline void
add_again(void *arg)
{
	note(arg);
	ck_assert_ptr_nonnull(loop_timer_add(l, 0, add_again, arg, &e));
}

#endif
