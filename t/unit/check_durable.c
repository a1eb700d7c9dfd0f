/*
 * check_durable: what is made has its mode and octets, or is not there. Every
 * call that can fail is made to fail, one after the other, until an operation
 * passes without a failure. Modes and owners are check_durable_modes'.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fs.h"

#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

/* --- the n-th call fails --- */

static int calls, fail_at, fail_with, syncs;
static bool short_writes;
static const char *failed_call;

static bool
trips(const char *call)
{
	if (++calls != fail_at)
		return false;
	failed_call = call;
	errno = fail_with;
	return true;
}

static int
close_or_fail(int fd)
{
	int rc = close(fd);

	return trips("close") ? -1 : rc;
}

static int
sync_or_fail(int fd)
{
	syncs++;
	return trips("fsync") ? -1 : fsync(fd);
}

static ssize_t
write_or_fail(int fd, const void *p, size_t n)
{
	if (trips("write"))
		return -1;
	return write(fd, p, short_writes && n > 3 ? 3 : n);
}

#define close(fd)		close_or_fail(fd)
#define fsync(fd)		sync_or_fail(fd)
#define write(fd, p, n)		write_or_fail(fd, p, n)
#define read(fd, p, n)		(trips("read") ? -1 : read(fd, p, n))
#define openat(...)		(trips("openat") ? -1 : openat(__VA_ARGS__))
#define fstat(fd, st)		(trips("fstat") ? -1 : fstat(fd, st))
#define fstatat(...)		(trips("fstatat") ? -1 : fstatat(__VA_ARGS__))
#define fchmod(fd, m)		(trips("fchmod") ? -1 : fchmod(fd, m))
#define fchown(fd, u, g)	(trips("fchown") ? -1 : fchown(fd, u, g))
#define fremovexattr(fd, a)	(trips("fremovexattr") ? -1 : fremovexattr(fd, a))
#define mkdirat(...)		(trips("mkdirat") ? -1 : mkdirat(__VA_ARGS__))
#define symlinkat(...)		(trips("symlinkat") ? -1 : symlinkat(__VA_ARGS__))
#define readlinkat(...)		(trips("readlinkat") ? -1 : readlinkat(__VA_ARGS__))
#define renameat(...)		(trips("renameat") ? -1 : renameat(__VA_ARGS__))
#define renameat2(...)		(trips("renameat2") ? -1 : renameat2(__VA_ARGS__))
#define syscall(...)		(trips("openat2") ? -1 : (int)syscall(__VA_ARGS__))

#include "src/base/fs.c"
#include "src/base/durable.c"

#undef close
#undef fsync
#undef write
#undef read
#undef openat
#undef fstat
#undef fstatat
#undef fchmod
#undef fchown
#undef fremovexattr
#undef mkdirat
#undef symlinkat
#undef readlinkat
#undef renameat
#undef renameat2
#undef syscall

/* Their globals would be shadowed by the parameters above. */
#include "durable.h"
#include "suite.h"

static int
count_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 100; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return n;
}

/* --- the operations: prepare, do, and whether old or new is there --- */

static int
do_swap(void)
{
	return fs_swap_link(at, "f", "new", &e);
}

static int
do_rename(void)
{
	return fs_rename_new(at, "old", at, "f", &e);
}

static int
do_read(void)
{
	struct buf b;
	int rc;

	buf_init(&b, 100);
	rc = fs_read(at, "d/f", 100, &b, &e);
	ck_assert(rc == -1 || span_is(buf_span(&b), "old"));
	buf_clear(&b);
	return rc;
}

static int
do_remove(void)
{
	return fs_remove(at, "d", &e);
}

static void
prepare_nothing(void)
{
}

static void
prepare_link(void)
{
	ck_assert_int_eq(symlinkat("old", at, "f"), 0);
}

static void
prepare_old(void)
{
	tree_dir("old", 0700);
}

static void
prepare_dir(void)
{
	tree_dir("d", 0700);
	tree_file("d/f", "old");
}

static const struct {
	const char	*what;
	void		(*prepare)(void);
	int		(*run)(void);
} operations[] = {
	{ "fs_create", prepare_nothing, do_create },
	{ "fs_replace without an old file", prepare_nothing, do_replace },
	{ "fs_replace", prepare_file, do_replace },
	{ "fs_swap_link", prepare_link, do_swap },
	{ "fs_make_dir", prepare_nothing, do_make_dir },
	{ "fs_rename_new", prepare_old, do_rename },
	{ "fs_read", prepare_dir, do_read },
	{ "fs_remove", prepare_dir, do_remove },
};

static const int errors[] = { ENOSPC, EDQUOT, EIO, EROFS, EACCES, EPERM, EMFILE, ENOMEM };

/* One file, link or folder called f: complete in its old or its new state, or absent. */
static void
check_state(const char *what, struct view before)
{
	struct stat st = tree_stat("f");
	struct view now = look();
	char target[8];

	ck_assert_msg(now.temps == 0, "%s, %s: a temporary is left", what, failed_call);
	ck_assert_msg(now.entries - before.entries <= 1, "%s, %s: too much is left", what,
	    failed_call);
	if (S_ISREG(st.st_mode)) {
		ck_assert_msg(strcmp(tree_text("f"), "old") == 0 ||
		    (strcmp(tree_text("f"), text) == 0 && (st.st_mode & 07777) == 0640),
		    "%s, %s: f says \"%s\"", what, failed_call, tree_text("f"));
	} else if (S_ISLNK(st.st_mode)) {
		ck_assert_int_eq(readlinkat(at, "f", target, sizeof(target)), 3);
		ck_assert(memcmp(target, "old", 3) == 0 || memcmp(target, "new", 3) == 0);
	}
}

static void
fail_everywhere(const char *what, int (*run)(void), void (*prepare)(void), int error)
{
	struct view before;
	int n = 0, fds, rc;

	do {
		tree_finish();
		tree_start();
		prepare();
		before = look();
		fds = count_fds();
		calls = syncs = 0;
		failed_call = "nothing";
		fail_at = ++n;
		fail_with = error;
		rc = run();
		fail_at = 0;
		ck_assert_msg(count_fds() == fds, "%s, %s: a descriptor is left", what,
		    failed_call);
		ck_assert_msg(rc == 0 || e.class == OUT_RETRY || e.class == OUT_HOLD,
		    "%s, %s: class %s", what, failed_call, outcome_word(e.class));
		ck_assert_msg(strcmp(failed_call, "fsync") != 0 || rc == -1,
		    "%s: a failed fsync was passed over", what);
		check_state(what, before);
	} while (strcmp(failed_call, "nothing") != 0);
	ck_assert_msg(rc == 0, "%s: %s", what, e.text);
	ck_assert_msg(n > 1, "%s: no call was made to fail", what);
}

START_TEST(after_any_failure_old_or_new_is_there_and_nothing_else)
{
	size_t i;

	for (i = 0; i < NITEMS(errors); i++)
		fail_everywhere(operations[_i].what, operations[_i].run, operations[_i].prepare,
		    errors[i]);
}
END_TEST

START_TEST(a_failed_fsync_is_not_repeated)
{
	int n;

	for (n = 1; n < 40; n++) {
		calls = syncs = 0;
		failed_call = "nothing";
		fail_at = n;
		fail_with = EIO;
		(void)do_create();
		fail_at = 0;
		(void)unlinkat(at, "f", 0);
		if (strcmp(failed_call, "fsync") == 0)
			break;
	}
	ck_assert_str_eq(failed_call, "fsync");
	ck_assert_int_eq(syncs, 1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(e.sys, EIO);
}
END_TEST

START_TEST(interruptions_are_sat_out_or_failed_cleanly)
{
	int n, passed = 0;

	for (n = 1; n < 30; n++) {
		calls = 0;
		failed_call = "nothing";
		fail_at = n;
		fail_with = EINTR;
		if (do_replace() == 0) {
			passed++;
			ck_assert_str_eq(tree_text("f"), text);
			(void)unlinkat(at, "f", 0);
		} else {
			ck_assert_int_eq(e.class, OUT_RETRY);
			ck_assert_msg(strcmp(failed_call, "write") != 0 &&
			    strcmp(failed_call, "openat") != 0, "%s was given up", failed_call);
		}
		ck_assert_int_eq(look().temps, 0);
	}
	ck_assert_int_gt(passed, 2);
}
END_TEST

START_TEST(short_writes_are_completed)
{
	short_writes = true;
	ck_assert_int_eq(do_create(), 0);
	ck_assert_str_eq(tree_text("f"), text);
}
END_TEST

START_TEST(a_disk_that_fills_up_half_way_leaves_nothing)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	static char big[20000];
	struct rlimit limit;
	int rc;

	memset(big, 'x', sizeof(big) - 1);
	ck_assert_int_eq(sigaction(SIGXFSZ, &ignore, NULL), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 10000;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	rc = fs_replace(at, "f", (struct fs_mode){ 0600, AS_WE }, span_str(big), &e);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(rc, -1);
	ck_assert_int_eq(e.sys, EFBIG);
	ck_assert_int_eq(look().entries, 2);	/* . and .. */
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("durable");
	TCase *tc = tcase_create("durable");

	tcase_add_checked_fixture(tc, tree_start, tree_finish);
	tcase_add_loop_test(tc, after_any_failure_old_or_new_is_there_and_nothing_else, 0,
	    (int)NITEMS(operations));
	tcase_add_test(tc, a_failed_fsync_is_not_repeated);
	tcase_add_test(tc, interruptions_are_sat_out_or_failed_cleanly);
	tcase_add_test(tc, short_writes_are_completed);
	tcase_add_test(tc, a_disk_that_fills_up_half_way_leaves_nothing);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
