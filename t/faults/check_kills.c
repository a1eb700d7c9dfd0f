/*
 * check_kills: a kill at any system call of an installation or of a way back,
 * then one more run (FAULTS P01, V1, V4); and the order of the calls that makes
 * it so (FAULTS section 8).
 */
#include "../unit/suite.h"
#include "killer.h"
#include "works.h"

/* --- the sequence of FAULTS section 8 --- */

static void
work_stage(void *arg UNUSED)
{
	int64_t version;

	OR_END(try_stage(&two, NULL, &version));
}

static void
work_switch(void *arg UNUSED)
{
	OR_END(install_switch(cert, 2, NOW, &e));
}

static void
work_journal(void *arg UNUSED)
{
	OR_END(install_asked(cert, NOW, &e));
}

static void
work_turn(void *arg UNUSED)
{
	OR_END(install_back(cert, "not served", NOW, &e));
}

/* D mkdir, C create, W write, F fsync, R rename, S symlink */
static const struct {
	const char	*what;
	void		(*work)(void *);
	const char	*calls;
} sequences[] = {
	{ "each file synced, then its folder, then the name, then that", work_stage,
	  "DRF" "CWF" "CWF" "CWF" "CWF" "CWF" "CWF" "FRF" },
	{ "journal, then the link", work_switch, "CWFRF" "SRF" },
	{ "one entry", work_journal, "CWFRF" },
	{ "mark, journal, link", work_turn, "CWFRF" "CWFRF" "SRF" },
};

START_TEST(everything_is_on_disk_before_a_name_points_at_it)
{
	char calls[256];

	deploy(stage(&one));
	for (int i = 0; i <= _i; i++) {
		tell_calls(sequences[i].work, NULL, calls, sizeof(calls));
		ck_assert_msg(strcmp(calls, sequences[i].calls) == 0, "%s: got %s, want %s",
		    sequences[i].what, calls, sequences[i].calls);
	}
}
END_TEST

START_TEST(killed_at_any_call_of_an_install_a_run_ends_it)
{
	bool was_killed = true, had_old = _i > 0;
	int seen_new = 0, seen_old = 0;
	char where[32];

	if (_i == 2)
		buy(&other, "rsa-2048", NOW - HOUR, NOW + 60 * DAY);
	if (had_old)
		deploy(stage(&one));
	close_all();
	copy_tree("state", "kept");
	for (int n = 1; was_killed; n++) {
		reset_tree();
		was_killed = kill_at(n, _i == 2 ? work_pair : work_forward, NULL);
		(void)snprintf(where, sizeof(where), "call %d", n);
		ck_assert_msg(current_fits() || (!had_old && link_text()[0] == '\0'),
		    "%s: current leads to %s", where, link_text());
		recover_well(where);
		ck_assert_int_eq(state.pending, PENDING_NONE);
		if (state.version == had_old)
			seen_old++;
		else
			seen_new++;
	}
	/* Both sides of the commit point were met, and many calls. */
	ck_assert_int_gt(seen_old, 30);
	ck_assert_int_gt(seen_new, _i == 2 ? 10 : 20);
	sell(&other);
}
END_TEST

START_TEST(killed_at_any_call_of_a_way_back_a_run_ends_it)
{
	bool was_killed = true;
	int forward = 0, back = 0;
	char where[32];

	deploy(stage(&one));
	prepare_for(work_back);
	close_all();
	copy_tree("state", "kept");
	for (int n = 1; was_killed; n++) {
		reset_tree();
		was_killed = kill_at(n, work_back, NULL);
		(void)snprintf(where, sizeof(where), "call %d", n);
		ck_assert_msg(current_fits(), "%s", where);
		recover_well(where);
		ck_assert_int_eq(state.health, INSTALL_GOOD);
		if (state.version == 2)
			forward++;
		else
			back++;
	}
	ck_assert_int_gt(forward, 3);
	ck_assert_int_gt(back, 10);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("kills");
	TCase *t = tcase_create("kills");

	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, everything_is_on_disk_before_a_name_points_at_it, 0,
	    NITEMS(sequences));
	tcase_add_loop_test(t, killed_at_any_call_of_an_install_a_run_ends_it, 0, 3);
	tcase_add_test(t, killed_at_any_call_of_a_way_back_a_run_ends_it);
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
