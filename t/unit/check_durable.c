/*
 * check_durable: what is made has its mode, owner and octets, or is not
 * there. Every call that can fail is made to fail, one after the other, until
 * an operation passes without a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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
static mode_t first_mode;	/* of what was made last, before anything was done to it */

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

static int
drop_or_fail(int fd, const char *attr)
{
	struct stat st;

	if (strcmp(attr, "system.posix_acl_access") == 0 && fstat(fd, &st) == 0)
		first_mode = st.st_mode & 07777;
	return trips("fremovexattr") ? -1 : fremovexattr(fd, attr);
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
#define fremovexattr(fd, a)	drop_or_fail(fd, a)
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
#include "refuse.h"
#include "suite.h"
#include "tree.h"

#define AS_WE	(uid_t)-1, (gid_t)-1

static const char text[] = "the text that is written";

/* Everything there was before an operation, or what it makes; nothing else. */
struct view {
	int	entries;
	int	temps;
};

static struct view
look(void)
{
	struct view v = { 0, 0 };
	const struct dirent *d;
	DIR *dir = opendir(top);

	ck_assert_ptr_nonnull(dir);
	while ((d = readdir(dir)) != NULL) {
		v.entries++;
		if (strncmp(d->d_name, FS_TEMP, strlen(FS_TEMP)) == 0)
			v.temps++;
	}
	ck_assert_int_eq(closedir(dir), 0);
	return v;
}

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
do_create(void)
{
	return fs_create(at, "f", (struct fs_mode){ 0640, AS_WE }, span_str(text), &e);
}

static int
do_replace(void)
{
	return fs_replace(at, "f", (struct fs_mode){ 0640, AS_WE }, span_str(text), &e);
}

static int
do_swap(void)
{
	return fs_swap_link(at, "f", "new", &e);
}

static int
do_make_dir(void)
{
	int fd, rc = fs_make_dir(at, "f", (struct fs_mode){ 0750, AS_WE }, &fd, &e);

	ck_assert_int_eq(rc == 0, fd != -1);
	fs_close(&fd);
	return rc;
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
prepare_file(void)
{
	tree_file("f", "old");
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

/* --- modes and owners (FAULTS F14) --- */

static const mode_t umasks[] = { 000, 022, 077, 0777 };
static const mode_t file_modes[] = { 0600, 0640, 0644, 0440, 0400, 0 };
static const mode_t dir_modes[] = { 0700, 0750, 0755, 0710, 0770 };

START_TEST(modes_do_not_depend_on_umask)
{
	size_t i;
	int fd;

	/* Root could open what a mask has closed. */
	if (is_root()) {
		ck_assert_int_eq(fchown(at, SOMEBODY, (gid_t)-1), 0);
		ck_assert_int_eq(seteuid(SOMEBODY), 0);
	}
	for (i = 0; i < NITEMS(file_modes); i++) {
		(void)umask(umasks[_i]);
		ck_assert_int_eq(fs_create(at, "f", (struct fs_mode){ file_modes[i], AS_WE },
		    span_str("x"), &e), 0);
		ck_assert_int_eq(fs_replace(at, "g", (struct fs_mode){ file_modes[i], AS_WE },
		    span_str("x"), &e), 0);
		ck_assert_uint_eq(tree_stat("f").st_mode, S_IFREG | file_modes[i]);
		ck_assert_uint_eq(tree_stat("g").st_mode, S_IFREG | file_modes[i]);
		ck_assert_int_eq(unlinkat(at, "f", 0), 0);
	}
	for (i = 0; i < NITEMS(dir_modes); i++) {
		ck_assert_int_eq(fs_make_dir(at, "d", (struct fs_mode){ dir_modes[i], AS_WE }, &fd,
		    &e), 0);
		fs_close(&fd);
		ck_assert_uint_eq(tree_stat("d").st_mode, S_IFDIR | dir_modes[i]);
		ck_assert_int_eq(unlinkat(at, "d", AT_REMOVEDIR), 0);
	}
	ck_assert_uint_eq(umask(0), umasks[_i]);
	ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

START_TEST(nobody_else_gets_in_before_the_owner_is_right)
{
	int fd;

	(void)umask(0);
	ck_assert_int_eq(fs_create(at, "f", (struct fs_mode){ 0644, AS_WE }, span_str("x"), &e), 0);
	ck_assert_uint_eq(first_mode, 0600);
	ck_assert_int_eq(fs_make_dir(at, "d", (struct fs_mode){ 0755, AS_WE }, &fd, &e), 0);
	fs_close(&fd);
	ck_assert_uint_eq(first_mode, 0700);
}
END_TEST

START_TEST(the_owner_is_the_one_asked_for)
{
	const struct fs_mode m = { 0750, SOMEBODY, SOMEBODY + 1 };
	struct stat st;
	int fd;

	if (!is_root()) {
		ck_assert_int_eq(fs_create(at, "f", m, span_str("x"), &e), -1);
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_int_eq(look().entries, 2);
		return;
	}
	ck_assert_int_eq(fs_create(at, "f", m, span_str("x"), &e), 0);
	ck_assert_int_eq(fs_make_dir(at, "d", m, &fd, &e), 0);
	fs_close(&fd);
	st = tree_stat("f");
	ck_assert(st.st_uid == SOMEBODY && st.st_gid == SOMEBODY + 1);
	st = tree_stat("d");
	ck_assert(st.st_uid == SOMEBODY && st.st_gid == SOMEBODY + 1);
	ck_assert_uint_eq(st.st_mode, S_IFDIR | 0750);
}
END_TEST

START_TEST(a_set_group_id_folder_does_not_choose_the_group)
{
	struct stat st;
	int fd;

	if (!is_root())
		return;		/* who may give the folder another group */
	ck_assert_int_eq(fchown(at, (uid_t)-1, SOMEBODY), 0);
	ck_assert_int_eq(fchmod(at, 02755), 0);
	ck_assert_int_eq(do_create(), 0);
	ck_assert_int_eq(fs_make_dir(at, "d", (struct fs_mode){ 0755, AS_WE }, &fd, &e), 0);
	fs_close(&fd);
	ck_assert_uint_eq(tree_stat("f").st_gid, getegid());
	st = tree_stat("d");
	ck_assert_uint_eq(st.st_gid, getegid());
	ck_assert_uint_eq(st.st_mode, S_IFDIR | 0755);
}
END_TEST

/* A default ACL as the kernel stores it: version 2, then tag, rights, id, little endian. */
static const uint8_t default_acl[] = {
	2, 0, 0, 0,
	0x01, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,		/* user::rwx */
	0x02, 0, 7, 0, 0x39, 0x30, 0, 0,		/* user:12345:rwx */
	0x04, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,		/* group::r-x */
	0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,		/* mask::rwx */
	0x20, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,		/* other::r-x */
};

START_TEST(a_default_acl_of_the_folder_lets_nobody_else_in)
{
	int fd;

	if (fsetxattr(at, ACL_DEFAULT, default_acl, sizeof(default_acl), 0) == -1)
		return;		/* a file system without ACLs */
	ck_assert_int_eq(do_create(), 0);
	ck_assert_int_eq(fs_make_dir(at, "d", (struct fs_mode){ 0750, AS_WE }, &fd, &e), 0);
	fs_close(&fd);
	ck_assert_uint_eq(tree_stat("f").st_mode, S_IFREG | 0640);
	ck_assert_uint_eq(tree_stat("d").st_mode, S_IFDIR | 0750);
	ck_assert_int_eq(getxattr(tree_path("f"), ACL_ACCESS, NULL, 0), -1);
	ck_assert_int_eq(getxattr(tree_path("d"), ACL_ACCESS, NULL, 0), -1);
	ck_assert_int_eq(getxattr(tree_path("d"), ACL_DEFAULT, NULL, 0), -1);
}
END_TEST

/* --- what they do when all goes well --- */

START_TEST(a_replaced_file_is_a_new_file)
{
	ino_t before;

	ck_assert_int_eq(do_replace(), 0);
	ck_assert_str_eq(tree_text("f"), text);
	ck_assert_int_eq(linkat(at, "f", at, "keep", 0), 0);
	ck_assert_int_eq(unlinkat(at, "f", 0), 0);
	prepare_file();
	before = tree_stat("f").st_ino;
	ck_assert_int_eq(do_replace(), 0);
	ck_assert_str_eq(tree_text("f"), text);
	ck_assert_uint_ne(tree_stat("f").st_ino, before);
	ck_assert_uint_eq(tree_stat("f").st_nlink, 1);
	ck_assert_int_eq(look().temps, 0);
}
END_TEST

START_TEST(a_link_is_made_swapped_and_read)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert_int_eq(fs_swap_link(at, "current", "7", &e), 0);
	ck_assert_int_eq(fs_swap_link(at, "current", "8", &e), 0);
	ck_assert_int_eq(fs_read_link(at, "current", &b, &e), 0);
	ck_assert(span_is(buf_span(&b), "8"));
	ck_assert_int_eq(look().entries, 3);
	buf_clear(&b);
}
END_TEST

static const int no_renameat2[] = { 0, ENOSYS, EINVAL, EOPNOTSUPP };

START_TEST(a_rename_never_overwrites)
{
	if (no_renameat2[_i] != 0)
		refuse_call(SYS_renameat2, no_renameat2[_i]);
	tree_dir("a", 0700);
	tree_file("a/f", "a");
	tree_dir("empty", 0700);
	tree_file("file", "file");
	tree_file("other", "other");
	ck_assert_int_eq(symlinkat("nowhere", at, "link"), 0);
	ck_assert_int_eq(fs_rename_new(at, "a", at, "empty", &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(e.sys, EEXIST);
	ck_assert_int_eq(fs_rename_new(at, "a", at, "file", &e), -1);
	ck_assert_int_eq(fs_rename_new(at, "file", at, "other", &e), -1);
	ck_assert_int_eq(fs_rename_new(at, "file", at, "link", &e), -1);
	ck_assert_int_eq(fs_rename_new(at, "missing", at, "new", &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_str_eq(tree_text("a/f"), "a");
	ck_assert_str_eq(tree_text("file"), "file");
	ck_assert_str_eq(tree_text("other"), "other");
	ck_assert_int_eq(fs_rename_new(at, "a", at, "b", &e), 0);
	ck_assert_int_eq(fs_rename_new(at, "file", at, "new", &e), 0);
	ck_assert_str_eq(tree_text("b/f"), "a");
	ck_assert_str_eq(tree_text("new"), "file");
	ck_assert_str_eq(tree_text("file"), "(missing)");
}
END_TEST

/* FAULTS F15 */
START_TEST(a_folder_is_made_without_renameat2_too)
{
	if (no_renameat2[_i] != 0)
		refuse_call(SYS_renameat2, no_renameat2[_i]);
	ck_assert_int_eq(do_make_dir(), 0);
	ck_assert_int_eq(do_make_dir(), 0);	/* it is there now */
	ck_assert_uint_eq(tree_stat("f").st_mode, S_IFDIR | 0750);
	ck_assert_int_eq(look().entries, 3);
}
END_TEST

static const struct {
	mode_t	mode;
	uid_t	owner;	/* 0: ours; others for root alone */
	bool	fits;
} found_dirs[] = {
	{ 0750, 0, true },
	{ 0700, 0, true },
	{ 0755, 0, true },
	{ 0770, 0, false },
	{ 0757, 0, false },
	{ 01777, 0, false },
	{ 0750, SOMEBODY, false },
};

START_TEST(a_folder_that_is_there_must_be_safe)
{
	struct stat before;
	int fd;

	if (found_dirs[_i].owner != 0 && !is_root())
		return;
	tree_dir("f", found_dirs[_i].mode);
	if (found_dirs[_i].owner != 0)
		ck_assert_int_eq(fchownat(at, "f", found_dirs[_i].owner, (gid_t)-1, 0), 0);
	before = tree_stat("f");
	ck_assert_msg((do_make_dir() == 0) == found_dirs[_i].fits, "%04o of %u: %s",
	    (unsigned)found_dirs[_i].mode, (unsigned)found_dirs[_i].owner, e.text);
	ck_assert(found_dirs[_i].fits || e.class == OUT_HOLD);
	ck_assert_uint_eq(tree_stat("f").st_mode, before.st_mode);
	if (found_dirs[_i].owner != 0) {
		ck_assert_int_eq(fs_make_dir(at, "f", (struct fs_mode){ 0750, SOMEBODY, SOMEBODY },
		    &fd, &e), 0);
		fs_close(&fd);
	}
}
END_TEST

/* FAULTS F10 */
START_TEST(an_immutable_mark_is_named_as_the_cause)
{
	int marks, none = 0;

	if (ioctl(at, FS_IOC_GETFLAGS, &none) == -1)
		return;
	marks = none | FS_IMMUTABLE_FL;
	if (ioctl(at, FS_IOC_SETFLAGS, &marks) == -1)
		return;		/* not root, or a file system without marks */
	ck_assert_int_eq(do_replace(), -1);
	ck_assert_int_eq(ioctl(at, FS_IOC_SETFLAGS, &none), 0);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_msg(strstr(e.text, "immutable") != NULL, "%s", e.text);
	ck_assert_ptr_nonnull(strstr(e.hint, "chattr"));
}
END_TEST

static void
add_loop_tests(TCase *tc)
{
	tcase_add_loop_test(tc, after_any_failure_old_or_new_is_there_and_nothing_else, 0,
	    (int)NITEMS(operations));
	tcase_add_loop_test(tc, modes_do_not_depend_on_umask, 0, (int)NITEMS(umasks));
	tcase_add_loop_test(tc, a_rename_never_overwrites, 0, (int)NITEMS(no_renameat2));
	tcase_add_loop_test(tc, a_folder_is_made_without_renameat2_too, 0,
	    (int)NITEMS(no_renameat2));
	tcase_add_loop_test(tc, a_folder_that_is_there_must_be_safe, 0, (int)NITEMS(found_dirs));
}

int
main(void)
{
	Suite *s = suite_create("durable");
	TCase *tc = tcase_create("durable");

	tcase_add_checked_fixture(tc, tree_start, tree_finish);
	add_loop_tests(tc);
	tcase_add_test(tc, a_failed_fsync_is_not_repeated);
	tcase_add_test(tc, interruptions_are_sat_out_or_failed_cleanly);
	tcase_add_test(tc, short_writes_are_completed);
	tcase_add_test(tc, a_disk_that_fills_up_half_way_leaves_nothing);
	tcase_add_test(tc, nobody_else_gets_in_before_the_owner_is_right);
	tcase_add_test(tc, the_owner_is_the_one_asked_for);
	tcase_add_test(tc, a_set_group_id_folder_does_not_choose_the_group);
	tcase_add_test(tc, a_default_acl_of_the_folder_lets_nobody_else_in);
	tcase_add_test(tc, a_replaced_file_is_a_new_file);
	tcase_add_test(tc, a_link_is_made_swapped_and_read);
	tcase_add_test(tc, an_immutable_mark_is_named_as_the_cause);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
