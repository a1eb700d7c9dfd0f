/*
 * falseclock: a clock for loops that stands still unless a test moves it.
 */
#ifndef KAMCERT_T_UNIT_FALSECLOCK_H
#define KAMCERT_T_UNIT_FALSECLOCK_H

#include "base/clock.h"

static int64_t false_now;

static inline int64_t
false_wall(void)
{
	return 0;
}

static inline int64_t
false_boot(void)
{
	return false_now;
}

static const struct clock_source false_clock = { false_wall, false_boot };

#endif
