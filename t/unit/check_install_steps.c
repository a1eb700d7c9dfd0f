/*
 * check_install_steps: the steps from a staged version to a proven one, or
 * back, and what a run finds after each. What is left of a run that was killed
 * anywhere, or of a backup, is check_recover's.
 */
#include <errno.h>

#include "base/fs.h"

/* --- the commit point, as a broken disk has it --- */

static int swap_faults;		/* how many swaps are done and then reported as failed */

static int
faulty_swap_link(int dir, const char *name, const char *target, struct err *e)
{
	int rc = fs_swap_link(dir, name, target, e);

	if (rc == -1 || swap_faults == 0)
		return rc;
	swap_faults--;
	errno = EIO;
	return err_sys(e, OUT_RETRY, "cannot sync %s", name);
}

#define fs_swap_link faulty_swap_link
#include "install.c"
#undef fs_swap_link

#include "installed.h"
#include "suite.h"

/* --- the drawing of install.h --- */

enum act { STAGE1, STAGE2, SWITCH1, SWITCH2, UNSWITCH, ASK, PROVE, BACK, MARK2, END };

static const struct {
	const char		*what;
	enum act		 acts[16];
	enum install_health	 health;
	int64_t			 version;
	enum install_pending	 pending;
	int64_t			 from, to;
} drawing[] = {
#define FIRST	STAGE1, SWITCH1, ASK, PROVE
	{ "nothing", { END }, INSTALL_EMPTY, 0, PENDING_NONE, 0, 0 },
	{ "staged, the first", { STAGE1, END }, INSTALL_EMPTY, 0, PENDING_DEPLOY, 0, 1 },
	{ "switched, the first", { STAGE1, SWITCH1, END }, INSTALL_GOOD, 1, PENDING_DEPLOY, 0, 1 },
	{ "asked, the first", { STAGE1, SWITCH1, ASK, END }, INSTALL_GOOD, 1, PENDING_DEPLOY, 0,
	    1 },
	{ "done, the first", { FIRST, END }, INSTALL_GOOD, 1, PENDING_NONE, 0, 0 },
	{ "staged", { FIRST, STAGE2, END }, INSTALL_GOOD, 1, PENDING_DEPLOY, 1, 2 },
	{ "staged, and given up", { FIRST, STAGE2, MARK2, END }, INSTALL_GOOD, 1, PENDING_NONE,
	  0, 0 },
	{ "switched", { FIRST, STAGE2, SWITCH2, END }, INSTALL_GOOD, 2, PENDING_DEPLOY, 1, 2 },
	{ "switched twice", { FIRST, STAGE2, SWITCH2, SWITCH2, END }, INSTALL_GOOD, 2,
	  PENDING_DEPLOY, 1, 2 },
	{ "asked", { FIRST, STAGE2, SWITCH2, ASK, END }, INSTALL_GOOD, 2, PENDING_DEPLOY, 1, 2 },
	{ "asked, and switched anew", { FIRST, STAGE2, SWITCH2, ASK, SWITCH2, END }, INSTALL_GOOD,
	  2, PENDING_DEPLOY, 1, 2 },
	{ "switched, and taken back", { FIRST, STAGE2, SWITCH2, UNSWITCH, END }, INSTALL_GOOD, 1,
	  PENDING_DEPLOY, 1, 2 },
	{ "asked, and taken back", { FIRST, STAGE2, SWITCH2, ASK, UNSWITCH, END }, INSTALL_GOOD, 1,
	  PENDING_DEPLOY, 1, 2 },
	{ "taken back, and gone on with", { FIRST, STAGE2, SWITCH2, UNSWITCH, SWITCH2, ASK, PROVE,
	  END }, INSTALL_GOOD, 2, PENDING_NONE, 0, 0 },
	{ "done", { FIRST, STAGE2, SWITCH2, ASK, PROVE, END }, INSTALL_GOOD, 2, PENDING_NONE, 0,
	  0 },
	{ "marked bad behind asked", { FIRST, STAGE2, SWITCH2, ASK, MARK2, END }, INSTALL_GOOD, 2,
	  PENDING_BACK, 1, 2 },
	{ "on the way back", { FIRST, STAGE2, SWITCH2, ASK, BACK, END }, INSTALL_GOOD, 1,
	  PENDING_BACK, 1, 2 },
	{ "on the way back, twice", { FIRST, STAGE2, SWITCH2, BACK, BACK, END }, INSTALL_GOOD, 1,
	  PENDING_BACK, 1, 2 },
	{ "asked on the way back", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, END }, INSTALL_GOOD,
	  1, PENDING_BACK, 1, 2 },
	{ "asked on the way back, and begun anew", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, BACK,
	  END }, INSTALL_GOOD, 1, PENDING_BACK, 1, 2 },
	{ "back", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, PROVE, END }, INSTALL_GOOD, 1,
	  PENDING_AGAIN, 1, 2 },
	{ "back, and a newer one was staged", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, PROVE,
	  STAGE2, END }, INSTALL_GOOD, 1, PENDING_DEPLOY, 1, 3 },
	{ "once more, switched", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, PROVE, SWITCH2, END },
	  INSTALL_GOOD, 2, PENDING_DEPLOY, 1, 2 },
	{ "once more, done", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, PROVE, SWITCH2, ASK, PROVE,
	  END }, INSTALL_GOOD, 2, PENDING_NONE, 0, 0 },
	{ "an operator's way back, under way", { FIRST, STAGE2, SWITCH2, ASK, PROVE, SWITCH1, END },
	  INSTALL_GOOD, 1, PENDING_DEPLOY, 2, 1 },
	{ "an operator's way back, done", { FIRST, STAGE2, SWITCH2, ASK, PROVE, SWITCH1, ASK, PROVE,
	  END }, INSTALL_GOOD, 1, PENDING_NONE, 0, 0 },
	{ "an operator's way back that failed is not repeated",
	    { FIRST, STAGE2, SWITCH2, ASK, PROVE,
	  SWITCH1, ASK, BACK, ASK, PROVE, END }, INSTALL_GOOD, 2, PENDING_NONE, 0, 0 },
};

static void
do_act(enum act act)
{
	switch (act) {
	case STAGE1:
		(void)stage(&one);
		break;
	case STAGE2:
		(void)stage(&two);
		break;
	case SWITCH1:
		MUST(install_switch(cert, 1, NOW, &e));
		break;
	case SWITCH2:
		MUST(install_switch(cert, 2, NOW, &e));
		break;
	case ASK:
		MUST(install_asked(cert, NOW, &e));
		break;
	case PROVE:
		MUST(install_done(cert, NOW, &e));
		break;
	case UNSWITCH:
		MUST(install_unswitch(cert, &e));
		break;
	case BACK:
		MUST(install_back(cert, "not served", NOW, &e));
		break;
	case MARK2:
		MUST(install_mark_bad(cert, 2, "not served", &e));
		break;
	case END:
		break;
	}
}

START_TEST(a_run_finds_what_the_one_before_left)
{
	for (size_t i = 0; drawing[_i].acts[i] != END; i++)
		do_act(drawing[_i].acts[i]);
	close_all();
	open_all();
	look();
	ck_assert_msg(state.health == drawing[_i].health && state.version == drawing[_i].version,
	    "%s: got version %jd, health %d", drawing[_i].what, (intmax_t)state.version,
	    state.health);
	ck_assert_msg(state.pending == drawing[_i].pending && state.from == drawing[_i].from &&
	    state.to == drawing[_i].to, "%s: got pending %d from %jd to %jd", drawing[_i].what,
	    state.pending, (intmax_t)state.from, (intmax_t)state.to);
	ck_assert_msg(state.problem == NULL, "%s: %s", drawing[_i].what, state.problem);
	if (state.pending == PENDING_BACK)
		ck_assert_int_eq(state.next.version, state.from);
	else if (state.pending != PENDING_NONE)
		ck_assert_int_eq(state.next.version, state.to);
	if (state.version != 0)
		ck_assert_int_eq(state.active.version, state.version);
}
END_TEST

static const struct {
	const char	*what;
	enum act	 acts[8];
	enum act	 wrong;
} disorder[] = {
	{ "asked before any switch", { END }, ASK },
	{ "done before any switch", { END }, PROVE },
	{ "back before any switch", { END }, BACK },
	{ "done before asked", { STAGE1, SWITCH1, END }, PROVE },
	{ "asked behind done", { FIRST, END }, ASK },
	{ "back behind done", { FIRST, END }, BACK },
	{ "no way back from the first", { STAGE1, SWITCH1, ASK, END }, BACK },
	{ "back done before asked", { FIRST, STAGE2, SWITCH2, BACK, END }, PROVE },
	{ "switch to what is not there", { FIRST, END }, SWITCH2 },
	{ "nothing was switched", { FIRST, END }, UNSWITCH },
	{ "nothing before the first", { STAGE1, SWITCH1, END }, UNSWITCH },
	{ "taken back on the way back", { FIRST, STAGE2, SWITCH2, BACK, END }, UNSWITCH },
};

START_TEST(no_step_is_taken_out_of_order)
{
	char *before, *after;
	int rc = 0;

	for (size_t i = 0; disorder[_i].acts[i] != END; i++)
		do_act(disorder[_i].acts[i]);
	before = list_tree("state", true);
	if (disorder[_i].wrong == ASK)
		rc = install_asked(cert, NOW, &e);
	else if (disorder[_i].wrong == PROVE)
		rc = install_done(cert, NOW, &e);
	else if (disorder[_i].wrong == UNSWITCH)
		rc = install_unswitch(cert, &e);
	else if (disorder[_i].wrong == BACK)
		rc = install_back(cert, "not served", NOW, &e);
	else
		rc = install_switch(cert, 2, NOW, &e);
	ck_assert_msg(rc == -1, "%s: done", disorder[_i].what);
	ck_assert_int_eq(e.class, OUT_HOLD);
	after = list_tree("state", true);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}
END_TEST

START_TEST(the_reason_is_kept_beside_a_bad_version)
{
	deploy(stage(&one));
	(void)stage(&two);
	MUST(install_switch(cert, 2, NOW, &e));
	MUST(install_back(cert, "sips:127.0.0.1:5061 served\nserial 01", NOW, &e));
	ck_assert_str_eq(tree_text(DIR "versions/2.bad"), "sips:127.0.0.1:5061 served serial 01");
	ck_assert_str_eq(link_text(), "versions/1");
}
END_TEST

/* --- FAULTS F05 --- */

static const struct {
	const char	*what;
	int		 faults;
	const char	*link;
	int		 rc;
} syncs[] = {
	{ "another link does it", 1, "versions/2", 0 },
	{ "nothing does it: the old one is put back", 2, "versions/1", -1 },
	{ "not even that: no promise is made", 3, "versions/1", -1 },
};

START_TEST(a_switch_of_unknown_outcome_is_decided_at_once)
{
	deploy(stage(&one));
	(void)stage(&two);
	swap_faults = syncs[_i].faults;
	ck_assert_msg(install_switch(cert, 2, NOW, &e) == syncs[_i].rc, "%s", syncs[_i].what);
	ck_assert_str_eq(link_text(), syncs[_i].link);
	ck_assert(current_fits());
	if (syncs[_i].rc == -1)
		ck_assert_int_eq(e.class, OUT_RETRY);
	swap_faults = 0;
	look();
	ck_assert_int_eq(state.pending, PENDING_DEPLOY);
	ck_assert_int_eq(state.from, 1);
	deploy(2);
	look();
	ck_assert_int_eq(state.version, 2);
	ck_assert_int_eq(state.pending, PENDING_NONE);
}
END_TEST

/* --- an order whose certificate is here --- */

START_TEST(an_order_that_was_staged_is_dropped)
{
	struct store_order order = { .created = NOW };

	order.url = (char *)(uintptr_t)(_i == 0 ? "https://ca.example/order/1" :
	    "https://ca.example/order/2");
	order.ca = order.key_type = order.url;
	(void)stage(&one);
	MUST(store_order_save(cert, "", &order, &e));
	if (_i == 0) {
		ck_assert_int_eq(install_order(cert, "", &order, &e), -1);
		ck_assert_int_eq(e.sys, ENOENT);
		ck_assert_int_eq(tree_stat(DIR "order/order.json").st_mode, 0);
		ck_assert_int_eq(tree_stat(DIR "order/privkey.pem").st_mode, 0);
		return;
	}
	MUST(install_order(cert, "", &order, &e));
	ck_assert_str_eq(order.url, "https://ca.example/order/2");
	pack_clear(&store_order_pack, &order);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("install steps");
	TCase *t = tcase_create("install");

	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_run_finds_what_the_one_before_left, 0, NITEMS(drawing));
	tcase_add_loop_test(t, no_step_is_taken_out_of_order, 0, NITEMS(disorder));
	tcase_add_test(t, the_reason_is_kept_beside_a_bad_version);
	tcase_add_loop_test(t, a_switch_of_unknown_outcome_is_decided_at_once, 0, NITEMS(syncs));
	tcase_add_loop_test(t, an_order_that_was_staged_is_dropped, 0, 2);
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
