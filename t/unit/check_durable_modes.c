/*
 * check_durable_modes: the mode and the owner of what is made, whatever the
 * umask and the folder say, and what is made when all goes well.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static mode_t first_mode;	/* of what was made last, before anything was done to it */

static int
note_mode(int fd, const char *attr)
{
	struct stat st;

	if (strcmp(attr, "system.posix_acl_access") == 0 && fstat(fd, &st) == 0)
		first_mode = st.st_mode & 07777;
	return fremovexattr(fd, attr);
}

#define fremovexattr(fd, a)	note_mode(fd, a)
#include "src/base/durable.c"
#undef fremovexattr

/* Its globals would be shadowed by parameters above. */
#include "durable.h"
#include "refuse.h"
#include "suite.h"

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

int
main(void)
{
	Suite *s = suite_create("durable modes");
	TCase *tc = tcase_create("durable");

	tcase_add_checked_fixture(tc, tree_start, tree_finish);
	tcase_add_loop_test(tc, modes_do_not_depend_on_umask, 0, (int)NITEMS(umasks));
	tcase_add_loop_test(tc, a_rename_never_overwrites, 0, (int)NITEMS(no_renameat2));
	tcase_add_loop_test(tc, a_folder_is_made_without_renameat2_too, 0,
	    (int)NITEMS(no_renameat2));
	tcase_add_loop_test(tc, a_folder_that_is_there_must_be_safe, 0, (int)NITEMS(found_dirs));
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
