/*
 * check_features: an installation where kernel or file system lacks something
 * (FAULTS F15), and where somebody forbids changes by a mark (FAULTS F10):
 * done with the same promises, or not done and said so; never half.
 */
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "../unit/refuse.h"
#include "../unit/suite.h"
#include "works.h"

/* --- what is lacking --- */

static const struct {
	const char	*what;
	long		 call;
	size_t		 fine;	/* of the errors, for which there is another way to the same */
} calls[] = {
	{ "openat2", SYS_openat2, 3 },
	{ "renameat2", SYS_renameat2, 3 },
	{ "fallocate", SYS_fallocate, 3 },
	{ "fgetxattr", SYS_fgetxattr, 3 },
	{ "fsync", SYS_fsync, 0 },
	{ "fchmod", SYS_fchmod, 0 },
	{ "symlinkat", SYS_symlinkat, 0 },
};

static const int errors[] = { ENOSYS, EOPNOTSUPP, EINVAL };

struct lack {
	long	call;
	int	error;
};

static void
go_without(void *arg)
{
	const struct lack *l = arg;

	refuse_call(l->call, l->error);
}

START_TEST(what_a_kernel_lacks_weakens_nothing)
{
	size_t c = (size_t)_i / NITEMS(errors);
	struct lack lack = { calls[c].call, errors[(size_t)_i % NITEMS(errors)] };
	int class;
	char *want, *have;

	deploy(stage(&one));
	close_all();
	copy_tree("state", "kept");
	work_install(NULL);
	want = list_tree("state", false);
	reset_tree();
	class = install_in_child(go_without, &lack);
	ck_assert_msg(current_fits(), "%s: current leads to %s", calls[c].what, link_text());
	if ((size_t)_i % NITEMS(errors) < calls[c].fine)
		ck_assert_msg(class == OUT_OK, "%s: %s: class %d", calls[c].what,
		    strerror(lack.error), class);
	else
		ck_assert_msg(class == OUT_HOLD || class == OUT_RETRY, "%s: %s: class %d",
		    calls[c].what, strerror(lack.error), class);
	if (class == OUT_OK) {
		have = list_tree("state", false);
		ck_assert_str_eq(have, want);
		free(have);
	}
	free(want);
	recover_well(calls[c].what);
	ck_assert_int_eq(state.health, INSTALL_GOOD);
}
END_TEST

/* --- what is forbidden --- */

static const struct {
	const char	*place;
	int		 mark;
} marks[] = {
	{ "state/certs/" NAME, FS_IMMUTABLE_FL },
	{ "state/certs/" NAME, FS_APPEND_FL },
	{ "state/certs/" NAME "/versions", FS_IMMUTABLE_FL },
	{ "state/certs/" NAME "/versions", FS_APPEND_FL },
};

static bool
set_mark(const char *place, int mark)
{
	int fd = openat(at, place, O_RDONLY | O_CLOEXEC), flags = 0, rc;

	ck_assert_int_ge(fd, 0);
	rc = ioctl(fd, FS_IOC_GETFLAGS, &flags);
	if (rc == 0) {
		flags = (flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | mark;
		rc = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	(void)close(fd);
	return rc == 0;
}

static int
try_install(void)
{
	int64_t version;

	if (install_reserve(cert, 1, NULL, &e) == -1 || try_stage(&two, NULL, &version) == -1)
		return -1;
	return install_switch(cert, version, NOW, &e);
}

START_TEST(a_mark_is_named_as_the_cause)
{
	struct err why;
	int rc;

	deploy(stage(&one));
	if (!set_mark(marks[_i].place, marks[_i].mark)) {
		fprintf(stderr, "check_features: left out: no marks here: %s\n", strerror(errno));
		return;
	}
	err_clear(&e);
	rc = try_install();
	why = e;
	ck_assert(set_mark(marks[_i].place, 0));
	ck_assert_msg(rc == -1 && why.class == OUT_HOLD && strstr(why.text, "immutable") != NULL &&
	    strstr(why.hint, "chattr") != NULL, "%s: %d: %s: %s", marks[_i].place, rc, why.text,
	    why.hint);
	ck_assert(current_fits());
	ck_assert_str_eq(link_text(), "versions/1");
	close_all();
	recover();
	ck_assert(!has_leftovers());
	deploy(stage(&two));
	ck_assert(current_fits());
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("features");
	TCase *t = tcase_create("features");

	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, what_a_kernel_lacks_weakens_nothing, 0,
	    (int)(NITEMS(calls) * NITEMS(errors)));
	tcase_add_loop_test(t, a_mark_is_named_as_the_cause, 0, NITEMS(marks));
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
