/*
 * check_keeper_cas: a certificate that may come from more than one CA, with
 * the real keeper; and which one is chosen, on a false clock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "cas.h"
#include "fakes.h"
#include "keeper.h"
#include "suite.h"

/* --- with the keeper --- */

static const struct first_row {
	const char	*what;
	struct fake_ca	 ca[FAKE_CAS];
	enum outcome	 outcome;
	const char	*cas;		/* that were asked; an account, then an order */
} firsts[] = {
	{ "the first one works: the other is not even told of us", { { 0 } }, OUT_OK,
	  "ca0 ca0" },
	{ "out of reach", { { OUT_RETRY, ACME_TROUBLE_CA, 0, false } }, OUT_OK,
	  "ca0 ca1 ca1" },
	{ "no order is taken", { { OUT_RETRY, ACME_TROUBLE_CA, 0, true } }, OUT_OK,
	  "ca0 ca0 ca1 ca1" },
	{ "a limit was met", { { OUT_RETRY, ACME_TROUBLE_RATE, 3600, true } }, OUT_OK,
	  "ca0 ca0 ca1 ca1" },
	{ "a name is paused", { { OUT_HOLD, ACME_TROUBLE_PAUSED, 0, true } }, OUT_OK,
	  "ca0 ca0 ca1 ca1" },
	{ "its terms have changed", { { OUT_HOLD, ACME_TROUBLE_TERMS, 0, true } }, OUT_OK,
	  "ca0 ca0 ca1 ca1" },
	{ "a certificate that was not fit", { { OUT_REFUSE, ACME_TROUBLE_CA, 0, true } }, OUT_OK,
	  "ca0 ca0 ca1 ca1" },
	{ "a challenge that fails would fail at the other, too",
	  { { OUT_HOLD, ACME_TROUBLE_VALIDATION, 0, true } }, OUT_HOLD, "ca0 ca0" },
	{ "so would what this host does not do", { { OUT_RETRY, ACME_TROUBLE_NONE, 0, true } },
	  OUT_RETRY, "ca0 ca0" },
	{ "none works: each was asked once", { { OUT_RETRY, ACME_TROUBLE_CA, 0, true },
	  { OUT_RETRY, ACME_TROUBLE_CA, 0, true } }, OUT_RETRY, "ca0 ca0 ca1 ca1" },
};

START_TEST(with_nothing_installed_the_run_goes_on_at_the_next_ca)
{
	const struct first_row *row = &firsts[_i];

	script.cas = 2;
	memcpy(script.ca, row->ca, sizeof row->ca);
	fake_run(CMD_RENEW);
	ck_assert_msg((enum outcome)seen.outcome == row->outcome, "%s: got %jd (%s)", row->what,
	    (intmax_t)seen.outcome, seen.last);
	ck_assert_msg(strcmp(seen.cas, row->cas) == 0, "%s: asked %s, want %s", row->what, seen.cas,
	    row->cas);
	if (row->outcome == OUT_OK) {
		fake_check_active(0);
		return;
	}
	/* nobody is asked again before the back-off is over, and the disk knows that */
	memset(script.ca, 0, sizeof script.ca);
	fake_run_to(CMD_RENEW, row->outcome);
	ck_assert_msg(seen.cas[0] == '\0', "%s: asked %s", row->what, seen.cas);
}
END_TEST

static void
issue_then_let_the_first_fail(void)
{
	script.cas = 2;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.cas, "ca0 ca0");
	script.key = "ecdsa-p384";
	script.ca[0] = (struct fake_ca){ OUT_RETRY, ACME_TROUBLE_CA, 0, false };
	fake_run_to(CMD_RENEW, OUT_RETRY);
}

START_TEST(while_there_is_time_only_the_next_run_goes_on_elsewhere)
{
	issue_then_let_the_first_fail();
	ck_assert_str_eq(seen.cas, "ca0");
	/* not in the same breath */
	fake_run_to(CMD_RENEW, OUT_RETRY);
	ck_assert_str_eq(seen.cas, "");
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.cas, "ca1 ca1");
	ck_assert_str_eq(fake_look(0).key_type, "ecdsa-p384");
}
END_TEST

START_TEST(killed_at_the_second_ca_the_first_is_still_held_back)
{
	issue_then_let_the_first_fail();
	script.setup.force = true;
	do {
		script.kill_at++;
		fake_run(CMD_RENEW);
		ck_assert_msg(seen.killed, "%s: %s", seen.trace, seen.last);
	} while (seen.cas[0] == '\0');
	ck_assert_str_eq(seen.cas, "ca1");
	script.kill_at = 0;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(strstr(seen.cas, "ca0") == NULL, "%s", seen.cas);
	fake_check_active(0);
}
END_TEST

/* The order fails, and nothing can be written down any more. */
static bool
fail_and_block(struct fake_task *t, enum fake_net_step step)
{
	const char *path = fake_path("certs/a.example.com/record.json");
	struct msg_error body = { .class = OUT_RETRY, .text = fake_text("busy"),
		.trouble = ACME_TROUBLE_CA };

	if (step != NET_SIGNED)
		return false;
	ck_assert((unlink(path) == 0 || errno == ENOENT) && mkdir(path, 0700) == 0);
	fake_answer(t, MSG_FAILED, &body);
	return true;
}

START_TEST(what_cannot_be_written_down_keeps_from_going_on_and_is_no_alarm)
{
	script.cas = 2;
	script.hostile = fail_and_block;
	fake_run(CMD_RENEW);
	ck_assert_str_eq(seen.cas, "ca0 ca0");
	ck_assert_msg(seen.outcome == OUT_RETRY || seen.outcome == OUT_HOLD, "got %jd: %s",
	    (intmax_t)seen.outcome, seen.last);
	ck_assert_msg(strstr(seen.last, "before that") == NULL, "%s", seen.last);
}
END_TEST

START_TEST(two_sections_with_the_same_names_share_the_budget)
{
	script.host = FAKE_PUBLIC;
	script.twins = script.bare = true;
	script.certs = 3;
	fake_run(CMD_RENEW);
	/* the third one is held back before anything is sent */
	ck_assert_str_eq(seen.cas, "ca ca ca");
	ck_assert_uint_eq(fake_issued(), 2);
	ck_assert_int_eq(seen.outcome, OUT_RETRY);
	ck_assert_ptr_nonnull(strstr(seen.last, "two certificates for these names within a day"));
	fake_reset();
	script.host = FAKE_PUBLIC;
	script.twins = script.bare = script.setup.force = true;
	script.certs = 3;
	fake_run(CMD_RENEW);
	ck_assert_str_eq(seen.cas, "");
	ck_assert_uint_eq(fake_issued(), 2);
}
END_TEST

/* --- which one, on a false clock --- */

#define NOW	INT64_C(1800000000)
#define BOOT	INT64_C(500000000)

static int64_t
wall(void)
{
	return NOW;
}

static int64_t
boot(void)
{
	return BOOT;
}

/* How a CA stands; failed: seconds ago. */
struct standing {
	int64_t		failures, failed;
	enum outcome	outcome;
	int64_t		asked;		/* seconds from now */
	bool		paused;
};

static const struct choice_row {
	const char	*what;
	struct standing	 ca[3];
	int64_t		 left;		/* seconds until the certificate ends */
	const char	*want;
	int64_t		 due;		/* seconds from now; 0: at once */
	const char	*why;		/* part of it; NULL: the first is asked */
} choices[] = {
	{ "no failures: the first", { { 0 } }, 20 * DAY, "ca0", 0, NULL },
	{ "a minute is for all: then the first again", { { 1, 30, OUT_RETRY, 0, false } }, 20 * DAY,
	  "ca0", 30, NULL },
	{ "both asked just now: the one whose time comes first",
	  { { 3, 70, OUT_RETRY, 0, false }, { 1, 20, OUT_RETRY, 0, false },
	    { 1, 30, OUT_RETRY, 0, false } }, 20 * DAY, "ca1", 40, "ca0 is held back until" },
	{ "a minute later the next one", { { 2, 70, OUT_RETRY, 0, false } }, 20 * DAY, "ca1", 0,
	  "back-off after failures of this CA" },
	{ "its hold is over: back to the first", { { 2, 601, OUT_RETRY, 0, false } }, 20 * DAY,
	  "ca0", 0, NULL },
	{ "once a day where an operator must act", { { 1, 3600, OUT_HOLD, 0, false } }, 20 * DAY,
	  "ca1", 0, "an operator must act" },
	{ "paused: only an operator", { { 1, 5 * DAY, OUT_HOLD, 0, true } }, 20 * DAY, "ca1", 0,
	  "ca0 is held back: the CA paused" },
	{ "asked to wait", { { 1, 3600, OUT_RETRY, 7200, false } }, 20 * DAY, "ca1", 0,
	  "asked to wait" },
	{ "by a clock that was wrong, for a year: a day at most",
	  { { 1, 3600, OUT_RETRY, 365 * DAY, false }, { 1, 7200, OUT_RETRY, 365 * DAY, false },
	    { 1, 60, OUT_RETRY, 365 * DAY, false } }, 20 * DAY, "ca1", DAY - 7200,
	    "asked to wait" },
	{ "two are held back: the third",
	  { { 1, 3600, OUT_HOLD, 0, false }, { 1, 3600, OUT_RETRY, 60, false } }, 20 * DAY, "ca2",
	  0, "; ca1 is held back" },
	{ "in an emergency nobody waits for the minute", { { 1, 5, OUT_RETRY, 0, false } }, DAY,
	  "ca1", 0, "back-off" },
	{ "not due, and chosen all the same", { { 0 } }, 60 * DAY, "ca0", 30 * DAY, NULL },
};

static void
stand(struct record *r, const char *name, const struct standing *s)
{
	struct record_ca *c;

	if (s->failures == 0)
		return;
	ck_assert_ptr_nonnull(c = list_add(&r->cas, sizeof *c));
	ck_assert_ptr_nonnull(c->name = strdup(name));
	c->failures = s->failures;
	c->last_failure = (struct record_time){ NOW - s->failed, BOOT - s->failed * 1000, 0 };
	c->outcome = s->outcome;
	c->asked = s->asked != 0 ? NOW + s->asked : 0;
	c->paused = s->paused;
}

START_TEST(the_first_ca_that_nothing_holds_back_is_chosen)
{
	static const struct clock_source clock = { .wall = wall, .boot_ms = boot };
	static char *names[] = { (char *)(uintptr_t)"ca0", (char *)(uintptr_t)"ca1",
		(char *)(uintptr_t)"ca2" }, *key = (char *)(uintptr_t)"ecdsa-p256";
	const struct choice_row *row = &choices[_i];
	struct ca_conf cas[3] = { { .name = names[0] }, { .name = names[1] },
	    { .name = names[2] } };
	struct cert_conf conf = { .name = names[0], .names = { names, 1 }, .key = { &key, 1 },
		.ca = { names, 3 }, .renew_before = CONFIG_DEFAULT_RENEW };
	struct manifest_leaf leaf = { .key_type = key };
	struct keeper k = { .setup.config.cas = { cas, 3 } };
	struct job j = { .keeper = &k, .conf = &conf };
	struct due_facts f;
	struct err e = ERR_NONE;
	struct due d;

	clock_use(&clock);
	for (size_t i = 0; i < 3; i++) {
		cas[i].directory = (char *)(uintptr_t)"https://127.0.0.1/";
		stand(&j.record, names[i], &row->ca[i]);
	}
	j.state = (struct install_state){ .health = INSTALL_GOOD, .version = 1, .active = {
		.names = { names, 1 }, .key_type = key, .not_before = NOW + row->left - 90 * DAY,
		.not_after = NOW + row->left, .leaves = { &leaf, 1 } } };
	ck_assert_int_eq(cas_begin(&k, &e), 0);
	ck_assert_msg(cas_choose(&j, &f, &e) == 0, "%s", e.text);
	d = due_of(&f);
	ck_assert_msg(strcmp(j.ca->name, row->want) == 0, "%s: got %s", row->what, j.ca->name);
	ck_assert_msg((d.at <= NOW ? 0 : d.at - NOW) == row->due, "%s: due in %jd", row->what,
	    (intmax_t)(d.at - NOW));
	ck_assert_msg((j.ca_why == NULL) == (row->why == NULL), "%s: %s", row->what, j.ca_why);
	if (row->why != NULL)
		ck_assert_msg(strstr(j.ca_why, row->why) != NULL, "%s: %s", row->what, j.ca_why);
	free(j.ca_why);
	pack_clear(&record_pack, &j.record);
	cas_free(&k);
	clock_use(NULL);
}
END_TEST

static const struct check_row {
	const char	*what;
	int64_t		 check, want;	/* seconds from now; -1: at once */
} checks[] = {
	{ "at its time", 3600, 3600 },
	{ "a day ahead", DAY, DAY },
	{ "by a clock that was a year ahead: at once", 365 * DAY, -1 },
	{ "for ever: at once", INT64_MAX - NOW, -1 },
};

START_TEST(a_time_to_ask_that_is_too_far_ahead_is_none)
{
	static const struct clock_source clock = { .wall = wall, .boot_ms = boot };
	static char name[] = "ca0", id[] = "aa.bb";
	struct ca_conf ca = { .name = name };
	struct keeper k = { .setup.config.cas = { &ca, 1 } };
	struct manifest_leaf leaf = { .ari_id = id };
	struct record_window w = { .id = id, .check = NOW + checks[_i].check };
	struct job j = { .keeper = &k, .state = { .version = 1, .active = { .ca = name,
		.leaves = { &leaf, 1 } } }, .record.windows = { &w, 1 } };
	int64_t at;

	clock_use(&clock);
	at = renewal_check_at(&j);
	ck_assert_msg(at == (checks[_i].want == -1 ? 0 : NOW + checks[_i].want), "%s: got %jd",
	    checks[_i].what, (intmax_t)at);
	ck_assert(renewal_is_wanted(&j) == (checks[_i].want == -1));
	clock_use(NULL);
}
END_TEST

/* What cas.c is linked with belongs to the keeper's main program. */
void
keeper_report(struct keeper *k UNUSED, const struct report *r UNUSED)
{
}

int
keeper_role(struct keeper *k UNUSED, enum role r UNUSED, struct channel **out UNUSED,
    struct err *e UNUSED)
{
	return -1;
}

struct job *
keeper_job(struct keeper *k UNUSED, int64_t id UNUSED)
{
	return NULL;
}

void
keeper_step(struct keeper *k UNUSED)
{
}

static Suite *
make_suite(void)
{
	Suite *s = suite_create("keeper_cas");
	TCase *tc = fake_case(s, "several CAs"), *pure = tcase_create("choice");

	tcase_add_loop_test(tc, with_nothing_installed_the_run_goes_on_at_the_next_ca, 0,
	    NITEMS(firsts));
	tcase_add_test(tc, while_there_is_time_only_the_next_run_goes_on_elsewhere);
	tcase_add_test(tc, killed_at_the_second_ca_the_first_is_still_held_back);
	tcase_add_test(tc, what_cannot_be_written_down_keeps_from_going_on_and_is_no_alarm);
	tcase_add_test(tc, two_sections_with_the_same_names_share_the_budget);
	tcase_add_loop_test(pure, a_time_to_ask_that_is_too_far_ahead_is_none, 0, NITEMS(checks));
	tcase_add_loop_test(pure, the_first_ca_that_nothing_holds_back_is_chosen, 0,
	    NITEMS(choices));
	suite_add_tcase(s, pure);
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
