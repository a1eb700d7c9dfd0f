/*
 * check_fs: names that stay beneath, and things that are not what they
 * should be. Making is in check_durable.c, rights are in check_access.c.
 */
#include "refuse.h"
#include "tree.h"

#include "base/bytes.h"
#include "base/fs.h"
#include "base/private.h"
#include "suite.h"

/* FAULTS F15: what stands in for openat2() where it is missing must keep the same promises. */
static const int no_openat2[] = { 0, ENOSYS, EPERM, EINVAL, EOPNOTSUPP };

static void
without_openat2(int error)
{
	if (error != 0)
		refuse_call(SYS_openat2, error);
}

static int
read_max(const char *rel, size_t max, struct buf *b)
{
	buf_init(b, 1 << 20);
	return fs_read(at, rel, max, b, &e);
}

static const char *const bad_names[] = {
	"", ".", "..", "a/b", "/a", "a/", "../a",
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxx",	/* 256 */
};

START_TEST(a_name_is_one_component)
{
	const char *name = bad_names[_i];
	const struct fs_mode m = { 0600, (uid_t)-1, (gid_t)-1 };
	struct buf b;
	int fd;

	buf_init(&b, 100);
	ck_assert_int_eq(fs_create(at, name, m, span_str("x"), &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(fs_replace(at, name, m, span_str("x"), &e), -1);
	ck_assert_int_eq(fs_swap_link(at, name, "x", &e), -1);
	ck_assert_int_eq(fs_read_link(at, name, &b, &e), -1);
	ck_assert_int_eq(fs_make_dir(at, name, m, &fd, &e), -1);
	ck_assert_int_eq(fs_lock(at, name, &fd, &e), -1);
	ck_assert_int_eq(fs_remove(at, name, &e), -1);
	ck_assert_int_eq(fs_rename_new(at, "good", at, name, &e), -1);
	ck_assert_int_eq(fs_rename_new(at, name, at, "good", &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	buf_clear(&b);
}
END_TEST

static const char *const bad_paths[] = {
	"", "..", "../x", "d/..", "d/../f", "/etc/passwd", "d//f", "d/", "d/./f", "up/f",
	"d/up/f", "over/f", "over/e/f", "d/link", "link", "fifo/f", "f/f",
};

START_TEST(a_path_stays_beneath_and_passes_no_link)
{
	size_t i;
	struct buf b;
	int fd;

	tree_dir("d", 0755);
	tree_file("f", "outside");
	tree_file("d/f", "inside");
	tree_dir("d/e", 0755);
	tree_file("d/e/f", "inside");
	ck_assert_int_eq(symlinkat("/", at, "up"), 0);
	ck_assert_int_eq(symlinkat("..", at, "d/up"), 0);
	ck_assert_int_eq(symlinkat("d", at, "over"), 0);
	ck_assert_int_eq(symlinkat("f", at, "d/link"), 0);
	ck_assert_int_eq(symlinkat("f", at, "link"), 0);
	ck_assert_int_eq(mkfifoat(at, "fifo", 0600), 0);
	without_openat2(no_openat2[_i]);
	for (i = 0; i < NITEMS(bad_paths); i++) {
		ck_assert_msg(read_max(bad_paths[i], 100, &b) == -1, "\"%s\" was read",
		    bad_paths[i]);
		ck_assert_msg(e.class == OUT_HOLD, "\"%s\": got %s", bad_paths[i], e.text);
		buf_clear(&b);
		ck_assert_msg(fs_open_dir(at, bad_paths[i], &fd, &e) == -1, "\"%s\" was opened",
		    bad_paths[i]);
		ck_assert_int_eq(fd, -1);
	}
	ck_assert_int_eq(read_max("d/f", 100, &b), 0);
	ck_assert(span_is(buf_span(&b), "inside"));
	buf_clear(&b);
}
END_TEST

START_TEST(a_folder_is_opened_for_good_use)
{
	int fd;

	tree_dir("d", 0755);
	tree_dir("d/e", 0755);
	tree_file("d/e/f", "text");
	without_openat2(no_openat2[_i]);
	ck_assert_int_eq(fs_open_dir(at, "d/e", &fd, &e), 0);
	ck_assert_int_ne(faccessat(fd, "f", F_OK, 0), -1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fs_sync(fd, "d/e", &e), 0);
	fs_close(&fd);
	ck_assert_int_eq(fd, -1);
	fs_close(&fd);
	ck_assert_int_eq(fs_open_dir(at, ".", &fd, &e), 0);
	fs_close(&fd);
	ck_assert_int_eq(fs_open_dir(at, "d/missing", &fd, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_int_eq(fs_open_dir(at, "d/e/f", &fd, &e), -1);
	ck_assert_int_eq(e.sys, ENOTDIR);
}
END_TEST

static const struct {
	size_t	size, max;
	bool	fits;
} sizes[] = {
	{ 0, 0, true },
	{ 0, 10, true },
	{ 1, 0, false },
	{ 10, 10, true },
	{ 11, 10, false },
	{ 8192, 8192, true },
	{ 8193, 8192, false },
	{ 100000, 100000, true },
	{ 100001, 100000, false },
	{ 100000, SIZE_MAX, true },
};

START_TEST(a_file_is_read_whole_or_not_at_all)
{
	char *text = calloc(1, sizes[_i].size + 1);
	struct buf b;
	int rc;

	ck_assert_ptr_nonnull(text);
	memset(text, 'k', sizes[_i].size);
	tree_file("f", text);
	rc = read_max("f", sizes[_i].max, &b);
	ck_assert_msg((rc == 0) == sizes[_i].fits, "%zu of %zu: %s", sizes[_i].size, sizes[_i].max,
	    e.text);
	if (rc == 0)
		ck_assert(span_is(buf_span(&b), text));
	else
		ck_assert_int_eq(e.class, OUT_HOLD);
	buf_clear(&b);
	buf_init(&b, 1 << 20);
	ck_assert_int_eq(fs_read_path(tree_path("f"), sizes[_i].max, &b, &e), rc);
	buf_clear(&b);
	free(text);
}
END_TEST

START_TEST(a_missing_file_is_told_by_errno)
{
	struct buf b;

	ck_assert_int_eq(read_max("f", 10, &b), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_int_eq(read_max("d/f", 10, &b), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_int_eq(fs_read_path(tree_path("f"), 10, &b, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_int_eq(fs_read_link(at, "l", &b, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	buf_clear(&b);
}
END_TEST

START_TEST(a_builder_that_is_too_small_is_a_failure)
{
	struct buf b;

	tree_file("f", "ten octets");
	buf_init(&b, 9);
	ck_assert_int_eq(fs_read(at, "f", 10, &b, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	buf_clear(&b);
}
END_TEST

/* FAULTS F08: every operation on an existing name, for every kind. */
START_TEST(what_is_not_what_it_should_be_is_refused_and_unchanged)
{
	const struct fs_mode m = { 0600, (uid_t)-1, (gid_t)-1 };
	struct stat before, after;
	struct buf b;
	int fd;

	if (!tree_kind("f", (enum kind)_i))
		return;		/* devices are for root */
	before = tree_stat("f");
	buf_init(&b, 100);
	ck_assert_msg(fs_read(at, "f", 100, &b, &e) == -1 && e.class == OUT_HOLD, "read a %s",
	    kind_names[_i]);
	ck_assert_msg(fs_create(at, "f", m, span_str("x"), &e) == -1 && e.sys == EEXIST,
	    "created over a %s", kind_names[_i]);
	ck_assert_msg(fs_replace(at, "f", m, span_str("x"), &e) == -1 && e.class == OUT_HOLD,
	    "replaced a %s", kind_names[_i]);
	ck_assert_msg(fs_lock(at, "f", &fd, &e) == -1 && e.class == OUT_HOLD && fd == -1,
	    "locked a %s", kind_names[_i]);
	ck_assert_msg(_i == FOLDER || (fs_make_dir(at, "f", m, &fd, &e) == -1 &&
	    e.class == OUT_HOLD && fd == -1), "made a folder of a %s", kind_names[_i]);
	ck_assert_msg(_i <= DANGLING || (fs_swap_link(at, "f", "x", &e) == -1 &&
	    e.class == OUT_HOLD), "made a link of a %s", kind_names[_i]);
	ck_assert_msg(_i <= DANGLING || (fs_read_link(at, "f", &b, &e) == -1 &&
	    e.class == OUT_HOLD), "read a link from a %s", kind_names[_i]);
	tree_dir("new", 0700);
	ck_assert_msg(fs_rename_new(at, "new", at, "f", &e) == -1 && e.sys == EEXIST,
	    "renamed over a %s", kind_names[_i]);
	after = tree_stat("f");
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_uint_eq(before.st_mode, after.st_mode);
	if (_i == LINK || _i == HARD)
		ck_assert_str_eq(tree_text("victim"), "victim");
	ck_assert_str_eq(tree_text("nowhere"), "(missing)");
	buf_clear(&b);
}
END_TEST

START_TEST(an_operators_file_may_be_a_link_but_must_be_a_file)
{
	struct buf b;

	if (!tree_kind("f", (enum kind)_i))
		return;
	buf_init(&b, 100);
	if (_i == LINK || _i == HARD) {
		ck_assert_int_eq(fs_read_path(tree_path("f"), 100, &b, &e), 0);
		ck_assert(span_is(buf_span(&b), "victim"));
	} else {
		ck_assert_msg(fs_read_path(tree_path("f"), 100, &b, &e) == -1, "read a %s",
		    kind_names[_i]);
		ck_assert_int_eq(e.class, OUT_HOLD);
	}
	buf_clear(&b);
}
END_TEST

/* --- walking and removing --- */

static int
count_names(void *arg, const char *name, struct err *err)
{
	int *n = arg;

	if (strcmp(name, "stop") == 0)
		return err_set(err, OUT_HOLD, "stopped");
	(*n)++;
	return 0;
}

START_TEST(a_walk_sees_every_entry_and_can_be_ended)
{
	int n = 0;

	ck_assert_int_eq(fs_each(at, count_names, &n, &e), 0);
	ck_assert_int_eq(n, 0);
	tree_file("a", "");
	tree_file(".b", "");
	tree_dir("c", 0700);
	ck_assert_int_eq(symlinkat("nowhere", at, "d"), 0);
	ck_assert_int_eq(fs_each(at, count_names, &n, &e), 0);
	ck_assert_int_eq(n, 4);
	ck_assert_int_eq(fs_each(at, count_names, &n, &e), 0);
	ck_assert_int_eq(n, 8);
	tree_file("stop", "");
	ck_assert_int_eq(fs_each(at, count_names, &n, &e), -1);
	ck_assert_str_eq(e.text, "stopped");
}
END_TEST

START_TEST(whatever_has_the_name_is_removed_and_no_link_followed)
{
	if (!tree_kind("f", (enum kind)_i))
		return;
	ck_assert_msg(fs_remove(at, "f", &e) == 0, "%s: %s", kind_names[_i], e.text);
	ck_assert_uint_eq(tree_stat("f").st_ino, 0);
	if (_i == LINK || _i == HARD)
		ck_assert_str_eq(tree_text("victim"), "victim");
	ck_assert_int_eq(fs_remove(at, "f", &e), 0);
}
END_TEST

START_TEST(a_folder_is_removed_with_its_files_and_links)
{
	char name[32];
	int i;

	tree_dir("d", 0700);
	for (i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "d/file%d", i);
		tree_file(name, "x");
	}
	tree_dir("keep", 0700);
	tree_file("keep/f", "kept");
	ck_assert_int_eq(symlinkat("../keep", at, "d/link"), 0);
	ck_assert_int_eq(fs_remove(at, "d", &e), 0);
	ck_assert_uint_eq(tree_stat("d").st_ino, 0);
	ck_assert_str_eq(tree_text("keep/f"), "kept");
}
END_TEST

START_TEST(a_folder_in_a_folder_is_not_removed)
{
	tree_dir("d", 0700);
	tree_dir("d/e", 0700);
	tree_file("d/e/f", "kept");
	ck_assert_int_eq(fs_remove(at, "d", &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_str_eq(tree_text("d/e/f"), "kept");
}
END_TEST

/* --- outcome classes --- */

static const struct {
	int		sys;
	enum outcome	want;
} classes[] = {
	{ ENOSPC, OUT_RETRY },
	{ EDQUOT, OUT_RETRY },
	{ EIO, OUT_RETRY },
	{ EMFILE, OUT_RETRY },
	{ ENFILE, OUT_RETRY },
	{ ENOMEM, OUT_RETRY },
	{ EINTR, OUT_RETRY },
	{ EROFS, OUT_HOLD },
	{ EACCES, OUT_HOLD },
	{ EPERM, OUT_HOLD },
	{ ELOOP, OUT_HOLD },
	{ ENOTDIR, OUT_HOLD },
	{ EEXIST, OUT_HOLD },
	{ ENOENT, OUT_HOLD },
};

START_TEST(space_and_io_pass_and_rights_do_not)
{
	errno = classes[_i].sys;
	ck_assert_int_eq(fs_fail(&e, at, "x", "open"), -1);
	ck_assert_msg(e.class == classes[_i].want, "%s: got %s", e.text, outcome_word(e.class));
	ck_assert_int_eq(e.sys, classes[_i].sys);
}
END_TEST

static void
add_loop_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_name_is_one_component, 0, (int)NITEMS(bad_names));
	tcase_add_loop_test(tc, a_path_stays_beneath_and_passes_no_link, 0,
	    (int)NITEMS(no_openat2));
	tcase_add_loop_test(tc, a_folder_is_opened_for_good_use, 0, (int)NITEMS(no_openat2));
	tcase_add_loop_test(tc, a_file_is_read_whole_or_not_at_all, 0, (int)NITEMS(sizes));
	tcase_add_loop_test(tc, what_is_not_what_it_should_be_is_refused_and_unchanged, 0, NKINDS);
	tcase_add_loop_test(tc, an_operators_file_may_be_a_link_but_must_be_a_file, 0, NKINDS);
	tcase_add_loop_test(tc, whatever_has_the_name_is_removed_and_no_link_followed, 0, NKINDS);
	tcase_add_loop_test(tc, space_and_io_pass_and_rights_do_not, 0, (int)NITEMS(classes));
}

int
main(void)
{
	Suite *s = suite_create("fs");
	TCase *tc = tcase_create("fs");

	tcase_add_checked_fixture(tc, tree_start, tree_finish);
	add_loop_tests(tc);
	tcase_add_test(tc, a_missing_file_is_told_by_errno);
	tcase_add_test(tc, a_builder_that_is_too_small_is_a_failure);
	tcase_add_test(tc, a_walk_sees_every_entry_and_can_be_ended);
	tcase_add_test(tc, a_folder_is_removed_with_its_files_and_links);
	tcase_add_test(tc, a_folder_in_a_folder_is_not_removed);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
