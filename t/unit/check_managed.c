/*
 * managed: a tls.cfg is replaced as one, whatever happens meanwhile.
 */
#include "tree.h"

#include <sys/xattr.h>

#include "../faults/killer.h"

#include "base/fs.h"
#include "managed.h"
#include "suite.h"

#define BEFORE \
	"[server:default]\r\ncertificate = /etc/old.pem # mine\r\nprivate_key = " \
	    "\"/etc/old.key\"\r\n"
static char path[128], dir[128], name[] = "server:default";
static char *names[] = { name };
static const struct strs profiles = { names, 1 };
static struct managed_in in;

static void
start(void)
{
	tree_start();
	tree_file("tls.cfg", BEFORE);
	(void)snprintf(path, sizeof path, "%s/tls.cfg", top);
	(void)snprintf(dir, sizeof dir, "%s/certs/a/versions/1", top);
	in = (struct managed_in){ .path = path, .profiles = &profiles, .state_dir = top,
	    .cert = "a",
		.dir = dir };
}

static void
finish(void)
{
	tree_finish();
}

static void
read_text(char *out, size_t size)
{
	struct buf b;

	buf_init(&b, size);
	ck_assert_msg(fs_read_path(path, size - 1, &b, &e) == 0, "%s", e.text);
	(void)snprintf(out, size, "%s", buf_cstr(&b));
	buf_clear(&b);
}

/* Version 0: the file as the operator made it. */
static bool
is_now_between(const char *head, int version, const char *tail)
{
	char want[1024], have[1024];

	if (version == 0)
		(void)snprintf(want, sizeof want, "%s%s%s", head, BEFORE, tail);
	else
		(void)snprintf(want, sizeof want, "%s[server:default]\r\ncertificate = "
		    "%s/certs/a/versions/%d/fullchain.pem # mine\r\nprivate_key = "
		    "\"%s/certs/a/versions/%d/privkey.pem\"\r\n%s", head, top, version, top,
		    version, tail);
	read_text(have, sizeof have);
	return strcmp(want, have) == 0;
}

static bool
is_now(int version)
{
	return is_now_between("", version, "");
}

/* How many names there are in the folder. */
static int
count_one(void *arg, const char *entry UNUSED, struct err *ignored UNUSED)
{
	++*(int *)arg;
	return 0;
}

static int
entries(void)
{
	int n = 0;

	ck_assert_int_eq(fs_each(at, count_one, &n, &e), 0);
	return n;
}

START_TEST(values_change_and_nothing_else)
{
	struct stat was, is;

	ck_assert_int_eq(chmod(path, 0640), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, SOMEBODY, SOMEBODY), 0);
	(void)setxattr(path, "user.kamcert", "x", 1, 0);
	ck_assert_int_eq(stat(path, &was), 0);
	ck_assert_int_eq(managed_try(&in, &e), 0);
	ck_assert(is_now(0));
	ck_assert_msg(managed_write(&in, &e) == 0, "%s", e.text);
	ck_assert(is_now(1));
	ck_assert_int_eq(stat(path, &is), 0);
	ck_assert(is.st_mode == was.st_mode && is.st_uid == was.st_uid && is.st_gid == was.st_gid);
	ck_assert_int_ne(is.st_ino, was.st_ino);
	ck_assert_int_eq(getxattr(path, "user.kamcert", NULL, 0) == 1 || errno == ENOTSUP, 1);
	ck_assert_int_eq(entries(), 1);
	/* and again: the same file, untouched */
	ck_assert_int_eq(managed_write(&in, &e), 0);
	ck_assert_int_eq(stat(path, &was), 0);
	ck_assert_int_eq(is.st_ino, was.st_ino);
}
END_TEST

START_TEST(a_link_stays_a_link)
{
	char link[160];
	struct stat st;

	(void)snprintf(link, sizeof link, "%s/link.cfg", top);
	ck_assert_int_eq(symlink("tls.cfg", link), 0);
	in.path = link;
	ck_assert_int_eq(managed_write(&in, &e), 0);
	ck_assert_int_eq(lstat(link, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert(is_now(1));
}
END_TEST

START_TEST(what_cannot_be_kept_is_not_begun)
{
	static const char *const texts[] = { "several names", "no profile", "colour",
	    "No such file" };
	char other[160];

	(void)snprintf(other, sizeof other, "%s/other", top);
	if (_i == 0)
		ck_assert_int_eq(link(path, other), 0);
	else if (_i == 1)
		tree_file("tls.cfg", "[client:default]\n");
	else if (_i == 2)
		tree_file("tls.cfg", BEFORE "colour = blue\n");
	else
		ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(managed_write(&in, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_msg(strstr(e.text, _i == 0 ? "has 2 names" : texts[_i]) != NULL, "%s", e.text);
}
END_TEST

START_TEST(values_of_the_operator_are_not_written_over)
{
	in.adopted = true;
	ck_assert_int_eq(managed_write(&in, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_nonnull(strstr(e.text, "another certificate was put in the place"));
	ck_assert(is_now(0));
	in.adopted = false;
	ck_assert_int_eq(managed_write(&in, &e), 0);
	in.adopted = true;
	(void)snprintf(dir, sizeof dir, "%s/certs/a/versions/2", top);
	ck_assert_msg(managed_write(&in, &e) == 0, "%s", e.text);
	ck_assert(is_now(2));
}
END_TEST

START_TEST(a_version_without_the_files_is_not_named)
{
	tree_dir("certs", 0755);
	tree_dir("certs/a", 0755);
	tree_dir("certs/a/versions", 0755);
	tree_dir("certs/a/versions/1", 0755);
	tree_file("certs/a/versions/1/fullchain.pem", "x");
	ck_assert_int_eq(managed_write(&in, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_nonnull(strstr(e.text, "the version has no file"));
	ck_assert(is_now(0));
	tree_file("certs/a/versions/1/privkey.pem", "x");
	ck_assert_int_eq(managed_write(&in, &e), 0);
	ck_assert(is_now(1));
}
END_TEST

/* --- kills --- */

static void
work(void *arg UNUSED)
{
	if (managed_write(&in, &e) == -1)
		_exit(1);
}

/* FAULTS K10: whoever starts at any moment reads the old names or the new ones. */
START_TEST(a_kill_leaves_one_file_or_the_other)
{
	char calls[64];
	int n = 1;

	for (; kill_at(n, work, NULL); n++) {
		ck_assert_msg(is_now(0) || is_now(1), "killed at call %d", n);
		ck_assert_msg(managed_write(&in, &e) == 0, "behind call %d: %s", n, e.text);
		ck_assert(is_now(1));
		ck_assert_int_eq(entries(), 1);
		tree_file("tls.cfg", BEFORE);
	}
	ck_assert_int_gt(n, 5);
	tree_file("tls.cfg", BEFORE);
	tell_calls(work, NULL, calls, sizeof calls);
	ck_assert_str_eq(calls, "CWFRF");
}
END_TEST

/* --- an operator at work --- */

/* Stops it as it enters its first call of this letter, and lets somebody edit the file. */
static void
edit_at(char stop, void (*edit)(void))
{
	pid_t pid = killer_start(work, NULL);
	char letter;

	while (killer_next(pid, &letter)) {
		if (letter != stop || edit == NULL)
			continue;
		edit();
		edit = NULL;
	}
}

static void
add_line(void)
{
	FILE *f = fopen(path, "a");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_gt(fputs("# added\n", f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_line_that_is_added_at_the_last_moment_is_not_lost)
{
	edit_at('R', add_line);
	ck_assert(is_now_between("", 1, "# added\n"));
	ck_assert_int_eq(entries(), 1);
}
END_TEST

static void
replace_file(void)
{
	tree_file("new", "# new\n" BEFORE);
	ck_assert_int_eq(renameat(at, "new", at, "tls.cfg"), 0);
}

START_TEST(a_file_that_is_replaced_meanwhile_is_read_again)
{
	edit_at('C', replace_file);
	ck_assert(is_now_between("# new\n", 1, ""));
	ck_assert_int_eq(entries(), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("managed");
	TCase *tc = tcase_create("managed");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_test(tc, values_change_and_nothing_else);
	tcase_add_test(tc, a_link_stays_a_link);
	tcase_add_loop_test(tc, what_cannot_be_kept_is_not_begun, 0, 4);
	tcase_add_test(tc, values_of_the_operator_are_not_written_over);
	tcase_add_test(tc, a_version_without_the_files_is_not_named);
	tcase_add_test(tc, a_kill_leaves_one_file_or_the_other);
	tcase_add_test(tc, a_line_that_is_added_at_the_last_moment_is_not_lost);
	tcase_add_test(tc, a_file_that_is_replaced_meanwhile_is_read_again);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
