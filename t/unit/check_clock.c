/*
 * check_clock: two clocks, and sums that cannot overflow.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "suite.h"

static int64_t
fixed_wall(void)
{
	return 1795400000;
}

static int64_t
fixed_boot(void)
{
	return 42;
}

START_TEST(the_wall_clock_is_the_kernels)
{
	time_t before = time(NULL);
	int64_t now = clock_wall();

	ck_assert_int_ge(now, before);
	ck_assert_int_le(now, time(NULL) + 1);
}
END_TEST

START_TEST(boot_time_is_counted_in_milliseconds_and_never_goes_back)
{
	struct timespec before, after;
	int64_t now, then;

	ck_assert_int_eq(clock_gettime(CLOCK_BOOTTIME, &before), 0);
	now = clock_boot_ms();
	then = clock_boot_ms();
	ck_assert_int_eq(clock_gettime(CLOCK_BOOTTIME, &after), 0);
	ck_assert_int_ge(then, now);
	ck_assert_int_ge(now, before.tv_sec * 1000 + before.tv_nsec / 1000000);
	ck_assert_int_le(then, after.tv_sec * 1000 + after.tv_nsec / 1000000);
}
END_TEST

/* In a child: the machine has slept for 12 hours, as far as its own children can tell. */
static bool
sleep_for_hours(void)
{
	static const char offsets[] = "boottime 43200 0\n";
	int fd;

	if (unshare(CLONE_NEWTIME) == -1)
		return false;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	return fd != -1 && write(fd, offsets, strlen(offsets)) == (ssize_t)strlen(offsets);
}

/* FAULTS T07. Where the kernel lets nobody have clocks of his own, there is nothing to see. */
START_TEST(hours_of_suspend_are_counted)
{
	int64_t before = clock_boot_ms();
	pid_t pid;
	int status;

	ck_assert_int_ge(pid = fork(), 0);
	if (pid == 0) {
		if (!sleep_for_hours())
			_exit(0);
		if ((pid = fork()) == 0)
			_exit(clock_boot_ms() - before >= 12 * HOUR * 1000 ? 0 : 1);
		_exit(waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_replaced_clock_is_asked_until_it_is_put_back)
{
	const struct clock_source fixed = { fixed_wall, fixed_boot };

	clock_use(&fixed);
	ck_assert_int_eq(clock_wall(), 1795400000);
	ck_assert_int_eq(clock_boot_ms(), 42);
	clock_use(NULL);
	ck_assert_int_ne(clock_boot_ms(), 42);
}
END_TEST

static const struct {
	int64_t	a, b, want;
} sums[] = {
	{ 1, 2, 3 },
	{ -1, 1, 0 },
	{ INT64_MAX, 0, INT64_MAX },
	{ INT64_MAX, 1, INT64_MAX },
	{ 1, INT64_MAX, INT64_MAX },
	{ INT64_MAX, INT64_MAX, INT64_MAX },
	{ INT64_MIN, -1, INT64_MIN },
	{ -1, INT64_MIN, INT64_MIN },
	{ INT64_MIN, INT64_MIN, INT64_MIN },
	{ INT64_MIN, INT64_MAX, -1 },
};

START_TEST(sums_stop_at_the_limits)
{
	int64_t got = time_add(sums[_i].a, sums[_i].b);

	ck_assert_msg(got == sums[_i].want, "%jd + %jd: got %jd, want %jd",
	    (intmax_t)sums[_i].a, (intmax_t)sums[_i].b, (intmax_t)got, (intmax_t)sums[_i].want);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("clock");
	TCase *tc = tcase_create("clock");

	tcase_add_test(tc, the_wall_clock_is_the_kernels);
	tcase_add_test(tc, boot_time_is_counted_in_milliseconds_and_never_goes_back);
	tcase_add_test(tc, hours_of_suspend_are_counted);
	tcase_add_test(tc, a_replaced_clock_is_asked_until_it_is_put_back);
	tcase_add_loop_test(tc, sums_stop_at_the_limits, 0, (int)NITEMS(sums));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
