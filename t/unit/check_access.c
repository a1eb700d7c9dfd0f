/*
 * check_access: safe parents, the lock, room, and what another user can read.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What happens between opening and locking. */
static void (*before_lock)(void);

static int
lock_later(int fd, int cmd, struct flock *lock)
{
	if (before_lock != NULL)
		before_lock();
	return fcntl(fd, cmd, lock);
}

#define fcntl(fd, cmd, lock)	lock_later(fd, cmd, lock)
#include "src/base/access.c"
#undef fcntl

#include "suite.h"
#include "tree.h"

/* --- safe parents --- */

static void
make_folders(void)
{
	tree_dir("safe", 0755);
	tree_dir("safe/state", 0700);
	tree_dir("wide", 0777);
	tree_dir("wide/state", 0700);
	tree_dir("group", 0775);
	tree_dir("group/state", 0700);
	tree_dir("sticky", 01777);
	tree_dir("sticky/state", 0700);
	tree_dir("safe/open", 0777);
	tree_dir("safe/sticky", 01777);
	tree_file("safe/file", "");
	ck_assert_int_eq(symlinkat("safe", at, "link"), 0);
	ck_assert_int_eq(symlinkat("state", at, "safe/link"), 0);
}

static const struct {
	const char	*path;		/* behind top */
	const char	*why;		/* in the error's text; NULL: it opens */
} roots[] = {
	{ "/safe/state", NULL },
	{ "/safe/state/", NULL },
	{ "//safe///state//", NULL },
	{ "/sticky/state", NULL },
	{ "/wide/state", "/wide: mode 0777 lets others" },
	{ "/group/state", "/group: mode 0775 lets others" },
	{ "/safe/open", "/safe/open: mode 0777 lets others" },
	{ "/safe/sticky", "/safe/sticky: mode 1777 lets others" },
	{ "/link/state", "/link: want a folder, have a symbolic link" },
	{ "/safe/link", "/safe/link: want a folder, have a symbolic link" },
	{ "/safe/missing", "No such file" },
	{ "/safe/file", "Not a directory" },
	{ "/safe/../safe/state", "no file name" },
	{ "/safe/./state", "no file name" },
};

START_TEST(the_way_to_the_state_folder_is_safe)
{
	int fd;

	make_folders();
	ck_assert_int_eq(fs_open_root(tree_path(roots[_i].path), &fd, &e) == 0,
	    roots[_i].why == NULL);
	if (roots[_i].why != NULL) {
		ck_assert_msg(strstr(e.text, roots[_i].why) != NULL, "%s: got %s", roots[_i].path,
		    e.text);
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_int_eq(fd, -1);
	} else {
		ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		ck_assert_int_eq(fs_sync(fd, "state", &e), 0);
		fs_close(&fd);
	}
}
END_TEST

START_TEST(the_state_folder_is_named_from_the_root)
{
	int fd;

	ck_assert_int_eq(fs_open_root("var/lib", &fd, &e), -1);
	ck_assert_int_eq(fs_open_root("", &fd, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(fs_open_root("/", &fd, &e), 0);
	fs_close(&fd);
}
END_TEST

START_TEST(a_folder_of_another_user_is_not_a_safe_parent)
{
	int fd;

	if (!is_root())
		return;
	make_folders();
	ck_assert_int_eq(fchownat(at, "safe", SOMEBODY, (gid_t)-1, 0), 0);
	ck_assert_int_eq(fs_open_root(tree_path("safe/state"), &fd, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(fchownat(at, "sticky", SOMEBODY, (gid_t)-1, 0), 0);
	ck_assert_int_eq(fs_open_root(tree_path("sticky/state"), &fd, &e), -1);
	/* Root's folders are safe for everybody, and one's own for oneself. */
	ck_assert_int_eq(fchownat(at, "safe/state", SOMEBODY, (gid_t)-1, 0), 0);
	ck_assert_int_eq(seteuid(SOMEBODY), 0);
	ck_assert_int_eq(fs_open_root(tree_path("safe/state"), &fd, &e), 0);
	fs_close(&fd);
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* --- room --- */

START_TEST(room_is_asked_for_in_octets_and_files)
{
	ck_assert_int_eq(fs_has_room(at, 0, 0, &e), 0);
	ck_assert_int_eq(fs_has_room(at, 1, 1, &e), 0);
	ck_assert_int_eq(fs_has_room(at, UINT64_MAX, 0, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(fs_has_room(-1, 0, 0, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
}
END_TEST

/* --- the lock --- */

START_TEST(the_second_is_told_who_holds_the_lock)
{
	char want[64];
	int one, two;

	ck_assert_int_eq(fs_lock(at, "lock", &one, &e), 0);
	ck_assert_uint_eq(tree_stat("lock").st_mode, S_IFREG | 0600);
	ck_assert_int_eq(fcntl(one, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fs_lock(at, "lock", &two, &e), -1);
	ck_assert_int_eq(two, -1);
	ck_assert_int_eq(e.class, OUT_BUSY);
	(void)snprintf(want, sizeof(want), "locked by pid %ld since 20", (long)getpid());
	ck_assert_msg(strncmp(e.text, want, strlen(want)) == 0, "got %s", e.text);
	ck_assert_ptr_nonnull(strstr(e.text, "Z by "));
	ck_assert_ptr_nonnull(strstr(e.text, program_invocation_short_name));
	fs_close(&one);
	ck_assert_int_eq(fs_lock(at, "lock", &two, &e), 0);
	fs_close(&two);
}
END_TEST

static const struct {
	const char	*text;
	const char	*want;
} holders[] = {
	{ "", "locked by another process" },
	{ "\n\n", "locked by another process" },
	{ "pid 7\n", "locked by pid 7" },
	{ "\x1b[31mred\nline", "locked by ?[31mred line" },
};

START_TEST(a_strange_holders_line_is_made_harmless)
{
	int one, two, fd;

	ck_assert_int_eq(fs_lock(at, "lock", &one, &e), 0);
	ck_assert_int_ge(fd = openat(at, "lock", O_WRONLY | O_TRUNC | O_CLOEXEC), 0);
	ck_assert_int_ge(write(fd, holders[_i].text, strlen(holders[_i].text)), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(fs_lock(at, "lock", &two, &e), -1);
	ck_assert_str_eq(e.text, holders[_i].want);
	fs_close(&one);
}
END_TEST

START_TEST(a_killed_holder_leaves_no_lock)
{
	int gate[2], fd;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	ck_assert_int_ge(pid = fork(), 0);
	if (pid == 0) {
		c = fs_lock(at, "lock", &fd, &e) == 0 ? 'y' : 'n';
		(void)!write(gate[1], &c, 1);
		for (;;)
			(void)pause();
	}
	ck_assert_int_eq(read(gate[0], &c, 1), 1);
	ck_assert_int_eq(c, 'y');
	ck_assert_int_eq(fs_lock(at, "lock", &fd, &e), -1);
	ck_assert_int_eq(e.class, OUT_BUSY);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(fs_lock(at, "lock", &fd, &e), 0);
	fs_close(&fd);
}
END_TEST

static int exchanges;

static void
exchange_lock(void)
{
	if (exchanges == 0)
		return;
	exchanges--;
	ck_assert_int_eq(renameat(at, "lock", at, "stolen"), 0);
	tree_file("lock", "");
}

static void
remove_lock(void)
{
	if (exchanges == 0)
		return;
	exchanges--;
	ck_assert_int_eq(unlinkat(at, "lock", 0), 0);
}

static void (*const thieves[])(void) = { exchange_lock, remove_lock };

START_TEST(a_lock_file_that_is_exchanged_meanwhile_is_noticed)
{
	struct stat st;
	int fd;

	before_lock = thieves[_i];
	exchanges = 2;
	ck_assert_int_eq(fs_lock(at, "lock", &fd, &e), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_ino, tree_stat("lock").st_ino);
	ck_assert_int_eq(exchanges, 0);
	fs_close(&fd);
	exchanges = 1000;
	ck_assert_int_eq(fs_lock(at, "lock", &fd, &e), -1);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
}
END_TEST

static const mode_t umasks[] = { 000, 022, 077, 0777 };

START_TEST(the_lock_files_mode_does_not_depend_on_umask)
{
	int fd;

	(void)umask(umasks[_i]);
	ck_assert_int_eq(fs_lock(at, "lock", &fd, &e), 0);
	fs_close(&fd);
	ck_assert_uint_eq(tree_stat("lock").st_mode, S_IFREG | 0600);
}
END_TEST

/* --- what another user can read --- */

enum { OURS, THEIRS };	/* whose thing it is */

/* The user is SOMEBODY with the group SOMEBODY alone; THEIRS sets the owner, group the group. */
static const struct {
	const char	*what;
	mode_t		 dir;
	int		 dir_owner, dir_group;
	mode_t		 file;
	int		 file_owner, file_group;
	const char	*why;		/* in the error's text; NULL: it can be read */
} rights[] = {
	{ "all may", 0755, OURS, OURS, 0644, OURS, OURS, NULL },
	{ "no search", 0700, OURS, OURS, 0644, OURS, OURS, "/d: user 12345 may not search it" },
	{ "read without search", 0744, OURS, OURS, 0644, OURS, OURS, "/d: user" },
	{ "search alone is enough for a folder", 0711, OURS, OURS, 0644, OURS, OURS, NULL },
	{ "no read", 0755, OURS, OURS, 0600, OURS, OURS, "/d/f: user 12345 may not read it" },
	{ "write and execute are not read", 0755, OURS, OURS, 0633, OURS, OURS, "/d/f: user" },
	{ "by the group", 0750, OURS, THEIRS, 0640, OURS, THEIRS, NULL },
	{ "the wrong group", 0750, OURS, OURS, 0640, OURS, THEIRS, "/d: user" },
	{ "the wrong group of the file", 0755, OURS, OURS, 0640, OURS, OURS, "/d/f: user" },
	{ "not the others' bits for the group", 0755, OURS, OURS, 0604, OURS, THEIRS, "/d/f:" },
	{ "by the owner", 0700, THEIRS, OURS, 0400, THEIRS, OURS, NULL },
	{ "not the group's for the owner", 0755, OURS, OURS, 0044, THEIRS, THEIRS, "/d/f:" },
	{ "the same for folders", 0077, THEIRS, THEIRS, 0644, OURS, OURS, "/d: user" },
};

static int
ask(const char *name)
{
	return fs_user_can_read(tree_path(name), SOMEBODY, SOMEBODY, &e);
}

START_TEST(mode_bits_decide_as_in_the_kernel)
{
	bool given = rights[_i].dir_owner || rights[_i].dir_group || rights[_i].file_owner ||
	    rights[_i].file_group;

	if (given && !is_root())
		return;
	tree_dir("d", rights[_i].dir);
	tree_file("d/f", "x");
	ck_assert_int_eq(fchmodat(at, "d/f", rights[_i].file, 0), 0);
	if (given) {
		ck_assert_int_eq(fchownat(at, "d", rights[_i].dir_owner ? SOMEBODY : 0,
		    rights[_i].dir_group ? SOMEBODY : 0, 0), 0);
		ck_assert_int_eq(fchownat(at, "d/f", rights[_i].file_owner ? SOMEBODY : 0,
		    rights[_i].file_group ? SOMEBODY : 0, 0), 0);
	}
	ck_assert_msg((ask("d/f") == 0) == (rights[_i].why == NULL), "%s: got %s", rights[_i].what,
	    e.text);
	if (rights[_i].why != NULL) {
		ck_assert_msg(strstr(e.text, rights[_i].why) != NULL, "%s: got %s",
		    rights[_i].what, e.text);
		ck_assert_int_eq(e.class, OUT_HOLD);
	}
	ck_assert_int_eq(fchmodat(at, "d", 0700, 0), 0);
}
END_TEST

/* The kernel is the judge: a child takes the identity and opens the file. */
START_TEST(the_kernel_agrees)
{
	mode_t dir = (mode_t)(_i & 7) << 3 * (unsigned)(_i >> 6), file;
	pid_t pid;
	int status, fd;
	bool may_read;

	if (!is_root())
		return;
	file = (mode_t)(_i >> 3 & 7) << 3 * (unsigned)(_i >> 6);
	tree_dir("d", dir);
	tree_file("d/f", "x");
	ck_assert_int_eq(fchmodat(at, "d/f", file, 0), 0);
	ck_assert_int_eq(fchownat(at, "d", _i >> 6 == 2 ? SOMEBODY : 0, _i >> 6 == 1 ? SOMEBODY : 0,
	    0), 0);
	ck_assert_int_eq(fchownat(at, "d/f", _i >> 6 == 2 ? SOMEBODY : 0,
	    _i >> 6 == 1 ? SOMEBODY : 0, 0), 0);
	may_read = ask("d/f") == 0;
	ck_assert_int_ge(pid = fork(), 0);
	if (pid == 0) {
		if (setgroups(0, NULL) == -1 || setgid(SOMEBODY) == -1 || setuid(SOMEBODY) == -1)
			_exit(2);
		fd = open(tree_path("d/f"), O_RDONLY | O_CLOEXEC);
		_exit(fd == -1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) != 2);
	ck_assert_msg(may_read == (WEXITSTATUS(status) == 0),
	    "folder %04o, file %04o: got %d, want %d", (unsigned)dir, (unsigned)file, may_read,
	    WEXITSTATUS(status) == 0);
}
END_TEST

static const struct {
	const char	*path;
	const char	*why;
} ways[] = {
	{ "open/f", NULL },
	{ "open//./f", NULL },
	{ "open/../open/f", NULL },
	{ "to-file", NULL },
	{ "to-open/f", NULL },
	{ "open/absolute", NULL },
	{ "chain", NULL },
	{ "open", NULL },
	{ "open/", NULL },
	{ "to-closed/f", "/closed: user 12345 may not search it" },
	{ "closed/../open/f", "/closed: user 12345 may not search it" },
	{ "through-closed", "/closed: user 12345 may not search it" },
	{ "searchable", "/searchable: user 12345 may not read it" },
	{ "loop", "too many" },
	{ "open/missing", "No such file" },
	{ "to-nowhere", "No such file" },
	{ "open/f/", "want a folder" },
	{ "open/f/g", "want a folder" },
};

START_TEST(links_are_followed_name_by_name)
{
	tree_dir("open", 0755);
	tree_file("open/f", "x");
	ck_assert_int_eq(fchmodat(at, "open/f", 0644, 0), 0);
	tree_dir("closed", 0700);
	tree_file("closed/f", "x");
	tree_dir("searchable", 0711);
	ck_assert_int_eq(symlinkat("open/f", at, "to-file"), 0);
	ck_assert_int_eq(symlinkat("open", at, "to-open"), 0);
	ck_assert_int_eq(symlinkat(tree_path("open/f"), at, "open/absolute"), 0);
	ck_assert_int_eq(symlinkat("to-open/../to-file", at, "chain"), 0);
	ck_assert_int_eq(symlinkat("closed", at, "to-closed"), 0);
	ck_assert_int_eq(symlinkat("closed/../open/f", at, "through-closed"), 0);
	ck_assert_int_eq(symlinkat("loop", at, "loop"), 0);
	ck_assert_int_eq(symlinkat("nowhere", at, "to-nowhere"), 0);
	ck_assert_int_eq(ask(ways[_i].path) == 0, ways[_i].why == NULL);
	if (ways[_i].why != NULL)
		ck_assert_msg(strstr(e.text, ways[_i].why) != NULL, "%s: got %s", ways[_i].path,
		    e.text);
}
END_TEST

START_TEST(root_reads_everything_that_is_there)
{
	tree_dir("d", 0700);
	tree_file("d/f", "x");
	ck_assert_int_eq(fchmodat(at, "d/f", 0, 0), 0);
	ck_assert_int_eq(fs_user_can_read(tree_path("d/f"), 0, 0, &e), 0);
	ck_assert_int_eq(fs_user_can_read(tree_path("d/g"), 0, 0, &e), -1);
	ck_assert_int_eq(fs_user_can_read("d/f", 0, 0, &e), -1);
}
END_TEST

/* Any user of this machine who is in a group that is not the own one. */
static bool
find_member(uid_t *uid, gid_t *gid, gid_t *further)
{
	const struct passwd *pw;
	const struct group *gr;
	bool found = false;

	setgrent();
	while (!found && (gr = getgrent()) != NULL) {
		if (gr->gr_mem[0] == NULL || (pw = getpwnam(gr->gr_mem[0])) == NULL)
			continue;
		found = pw->pw_uid != 0 && pw->pw_gid != gr->gr_gid;
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		*further = gr->gr_gid;
	}
	endgrent();
	return found;
}

START_TEST(further_groups_of_the_user_count)
{
	gid_t gid = 0, further = 0;
	uid_t uid = 0;

	if (!is_root() || !find_member(&uid, &gid, &further))
		return;
	tree_file("f", "x");
	ck_assert_int_eq(fchmodat(at, "f", 0040, 0), 0);
	ck_assert_int_eq(fs_user_can_read(tree_path("f"), uid, gid, &e), -1);
	ck_assert_int_eq(fchownat(at, "f", (uid_t)-1, further, 0), 0);
	ck_assert_int_eq(fs_user_can_read(tree_path("f"), uid, gid, &e), 0);
}
END_TEST

static void
add_loop_tests(TCase *tc)
{
	tcase_add_loop_test(tc, the_way_to_the_state_folder_is_safe, 0, (int)NITEMS(roots));
	tcase_add_loop_test(tc, a_strange_holders_line_is_made_harmless, 0, (int)NITEMS(holders));
	tcase_add_loop_test(tc, a_lock_file_that_is_exchanged_meanwhile_is_noticed, 0,
	    (int)NITEMS(thieves));
	tcase_add_loop_test(tc, the_lock_files_mode_does_not_depend_on_umask, 0,
	    (int)NITEMS(umasks));
	tcase_add_loop_test(tc, mode_bits_decide_as_in_the_kernel, 0, (int)NITEMS(rights));
	tcase_add_loop_test(tc, the_kernel_agrees, 0, 3 * 64);
	tcase_add_loop_test(tc, links_are_followed_name_by_name, 0, (int)NITEMS(ways));
}

int
main(void)
{
	Suite *s = suite_create("access");
	TCase *tc = tcase_create("access");

	tcase_add_checked_fixture(tc, tree_start, tree_finish);
	add_loop_tests(tc);
	tcase_add_test(tc, the_state_folder_is_named_from_the_root);
	tcase_add_test(tc, a_folder_of_another_user_is_not_a_safe_parent);
	tcase_add_test(tc, room_is_asked_for_in_octets_and_files);
	tcase_add_test(tc, the_second_is_told_who_holds_the_lock);
	tcase_add_test(tc, a_killed_holder_leaves_no_lock);
	tcase_add_test(tc, root_reads_everything_that_is_there);
	tcase_add_test(tc, further_groups_of_the_user_count);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
