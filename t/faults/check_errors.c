/*
 * check_errors: each error at each system call of an installation and of a way
 * back, then one more run without errors
 * (FAULTS F01, F03, F04, F05, V1, V2, V4, V6).
 */
#include "../unit/suite.h"
#include "injector.h"
#include "works.h"

#define CALLS_MAX	2000

static const struct {
	int		 number;
	const char	*name;
} errors[] = {
	{ ENOSPC, "ENOSPC" }, { EDQUOT, "EDQUOT" }, { EIO, "EIO" }, { EROFS, "EROFS" },
	{ EACCES, "EACCES" }, { EPERM, "EPERM" }, { EMFILE, "EMFILE" }, { ENOMEM, "ENOMEM" },
	{ EINTR, "EINTR" }, { INJECT_HALF, "half a write" },
};

static const struct {
	const char	*what;
	void		(*work)(void *);
	int64_t		 least, most;	/* active after success */
} works[] = {
	{ "install", work_install, 2, 3 },	/* 3: the folder 2 was given up */
	{ "way back", work_back, 1, 1 },
	{ "clean-up", work_prune, 7, 7 },
};

/* What the work finds. */
static void
prepare(size_t w)
{
	deploy(stage(&one));
	prepare_for(works[w].work);
	close_all();
	copy_tree("state", "kept");
}

static void
judge(const char *where, const struct injected *in, size_t w)
{
	int class = class_of(in->status);

	/* A lock that is refused with EACCES is somebody's (POSIX fcntl). */
	ck_assert_msg(class == OUT_OK || class == OUT_RETRY || class == OUT_HOLD ||
	    (class == OUT_BUSY && in->nr == SYS_fcntl), "%s: status %#x", where,
	    (unsigned)in->status);
	ck_assert_msg(current_fits(), "%s: current leads to %s", where, link_text());
	open_all();
	look();
	/* FAULTS F04: a file that was not synced is never made use of. */
	ck_assert_msg(!in->of_file || class != OUT_OK || state.version == 3,
	    "%s: a lost fsync is no success", where);
	if (class == OUT_OK)
		ck_assert_msg(state.version >= works[w].least && state.version <= works[w].most,
		    "%s: success, and current leads to %s", where, link_text());
	close_all();
	recover_well(where);
	ck_assert_int_gt(state.version, 0);
	deploy(stage(&two));
}

START_TEST(any_error_at_any_call_is_told_and_the_next_run_ends_well)
{
	size_t w = (size_t)_i % NITEMS(works), err = (size_t)_i / NITEMS(works);
	struct injected calls[CALLS_MAX], in;
	char where[128];
	size_t n;
	int met = 0;

	if (!INJECTOR_WORKS)
		return;
	prepare(w);
	reset_tree();
	n = list_calls(works[w].work, NULL, calls, CALLS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!injector_suits(calls[i].nr, calls[i].letter, errors[err].number))
			continue;
		reset_tree();
		fail_at(i, errors[err].number, works[w].work, NULL, &in);
		(void)snprintf(where, sizeof(where), "%s: %s at call %zu (%ld %c)", works[w].what,
		    errors[err].name, i, in.nr, in.letter != 0 ? in.letter : '-');
		judge(where, &in, w);
		met++;
	}
	ck_assert_int_gt(met, works[w].work == work_prune ? 0 : 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("errors");
	TCase *t = tcase_create("errors");

	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 240);
	tcase_add_loop_test(t, any_error_at_any_call_is_told_and_the_next_run_ends_well, 0,
	    (int)(NITEMS(errors) * NITEMS(works)));
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
