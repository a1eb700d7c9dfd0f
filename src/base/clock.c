/*
 * clock: wall time and boot time, replaceable by tests.
 */
#include "base/clock.h"

#include <time.h>

static int64_t
read_wall(void)
{
	struct timespec ts = { 0, 0 };

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static int64_t
read_boot_ms(void)
{
	struct timespec ts = { 0, 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static const struct clock_source kernel_clocks = { read_wall, read_boot_ms };
static const struct clock_source *source = &kernel_clocks;

int64_t
clock_wall(void)
{
	return source->wall();
}

int64_t
clock_boot_ms(void)
{
	return source->boot_ms();
}

void
clock_use(const struct clock_source *other)
{
	source = other != NULL ? other : &kernel_clocks;
}

int64_t
time_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}
