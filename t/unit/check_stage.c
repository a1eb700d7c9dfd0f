/*
 * check_stage: a new version on a disk that loses what it was given. What else
 * there is to versions is check_install's.
 */
#include <errno.h>
#include <string.h>

#include "base/fs.h"

/* --- FAULTS F04 --- */

static const char *unsynced;	/* what cannot be synced; NULL: all can */
static int sync_faults;		/* how many times */

/* The next one succeeds, and what was written before may be gone all the same. */
static int
faulty_sync(int fd, const char *what, struct err *e)
{
	if (unsynced == NULL || sync_faults == 0 || strcmp(what, unsynced) != 0)
		return fs_sync(fd, what, e);
	sync_faults--;
	errno = EIO;
	return err_sys(e, OUT_RETRY, "cannot sync %s", what);
}

#define fs_sync faulty_sync
#include "install_stage.c"
#undef fs_sync

#include "installed.h"
#include "refuse.h"
#include "suite.h"

/* Of a version that was given up, not even the name is used again. */
static const struct {
	const char	*what;
	const char	*unsynced;
	int		 faults;
	int64_t		 version;	/* that is staged at last; 0: none, and it is said so */
} syncs[] = {
	{ "the new folder, once", FS_TEMP "0000000000000002", 1, 3 },
	{ "the folder of all versions, once", "versions", 1, 3 },
	{ "the folder of all versions, twice", "versions", 2, 0 },
};

START_TEST(a_version_whose_folder_does_not_sync_never_was)
{
	const char *what = syncs[_i].what;
	char path[sizeof DIR + 32];
	int64_t version = -1;
	int rc;

	ck_assert_int_eq(stage(&one), 1);
	unsynced = syncs[_i].unsynced;
	sync_faults = syncs[_i].faults;
	rc = try_stage(&two, NULL, &version);
	ck_assert_msg(sync_faults == 0, "%s: it was not met", what);
	ck_assert_msg(version == syncs[_i].version, "%s: got version %jd, want %jd", what,
	    (intmax_t)version, (intmax_t)syncs[_i].version);
	ck_assert_msg((rc == -1) == (version == 0), "%s: got %d", what, rc);
	ck_assert_msg(rc == 0 || (e.class == OUT_RETRY && e.sys == EIO), "%s: got %s", what,
	    e.text);
	for (int64_t v = 2; v <= 3; v++) {
		(void)snprintf(path, sizeof path, DIR "versions/%jd", (intmax_t)v);
		ck_assert_msg((tree_stat(path).st_mode != 0) == (v == version), "%s: version %jd",
		    what, (intmax_t)v);
	}
	ck_assert(!has_leftovers());
}
END_TEST

/* The second version is another one, and fails as well. */
START_TEST(a_disk_that_does_not_sync_leaves_nothing)
{
	int64_t version;

	ck_assert_int_eq(stage(&one), 1);
	refuse_call(SYS_fsync, EIO);
	ck_assert_int_eq(try_stage(&two, NULL, &version), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(tree_stat(DIR "versions/2").st_mode, 0);
	ck_assert_int_eq(tree_stat(DIR "versions/3").st_mode, 0);
	ck_assert(!has_leftovers());
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stage");
	TCase *t = tcase_create("stage");

	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_version_whose_folder_does_not_sync_never_was, 0, NITEMS(syncs));
	tcase_add_test(t, a_disk_that_does_not_sync_leaves_nothing);
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
