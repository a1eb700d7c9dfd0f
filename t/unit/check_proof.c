/*
 * check_proof: what else than the leaf is looked at behind a reload, and what
 * it leads to: a warning, or the way back; with the real keeper.
 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"
#include "verify.h"

static char *all[] = { (char[]){ "chain" }, (char[]){ "silent" }, (char[]){ "restart" },
    (char[]){ "connections" }, (char[]){ "memory" }, (char[]){ "log" } };
static char text[] = "ERROR: tls [tls_server.c:1]: f(): alert unknown ca";

static bool
other_process(struct msg_watched *m, unsigned n UNUSED)
{
	m->facts.pid++;
	m->facts.uptime = 1;
	return true;
}

static bool
lost_connections(struct msg_watched *m, unsigned n UNUSED)
{
	m->facts.tls_open = 100;
	return true;
}

static bool
no_memory(struct msg_watched *m, unsigned n UNUSED)
{
	m->facts.shm_free = (int64_t)7 * 1024 * 1024;
	return true;
}

static bool
bad_log(struct msg_watched *m, unsigned n UNUSED)
{
	m->log = (struct errlog){ .known = true, .client = 1, .first = text };
	return true;
}

static bool
bad_key(struct msg_watched *m, unsigned n UNUSED)
{
	m->log = (struct errlog){ .known = true, .key = 1, .first = text };
	return true;
}

static bool
no_log(struct msg_watched *m, unsigned n UNUSED)
{
	m->log.problem = text;
	return true;
}

static bool
says_nothing(struct msg_watched *m UNUSED, unsigned n UNUSED)
{
	return false;
}

static bool
few_connections_end(struct msg_watched *m, unsigned n UNUSED)
{
	m->facts.tls_open = 181;
	return true;
}

static const struct evidence {
	const char	*what;
	const char	*check;
	bool		(*watched)(struct msg_watched *, unsigned);
	int		 verdict;
	unsigned	 verifies;	/* when it is only a warning */
	bool		 fine;		/* no warning at all */
} rows[] = {
	{ "all is well", "log", NULL, 0, 1, true },
	{ "as many end as end by themselves", "connections", few_connections_end, 0, 1, true },
	{ "another process, which serves the new one too", "restart", other_process, 0, 2, false },
	{ "old connections are lost", "connections", lost_connections, 0, 1, false },
	{ "no memory for another reload", "memory", no_memory, 0, 1, false },
	{ "a line in the error log", "log", bad_log, 0, 1, false },
	{ "clients that cannot use the key", "log", bad_key, 0, 1, false },
	{ "an error log that cannot be read", "log", no_log, 0, 1, false },
	{ "leaf without its chain", "chain", NULL, VERIFY_CHAIN, 1, false },
	{ "nobody answers behind the handshake", "silent", NULL, VERIFY_SILENT, 1, false },
	{ "it does not say how it is any more", NULL, says_nothing, 0, 2, false },
};

static void
want_another(const struct evidence *row)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	script.watched = row->watched;
	script.verdict[0] = row->verdict;
}

START_TEST(what_is_found_is_a_warning)
{
	static char none[] = "none";
	char *words[] = { none };

	want_another(&rows[_i]);
	script.rollback_on = (struct strs){ words, 1 };
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == OUT_OK, "%s: %s: %s", rows[_i].what,
	    outcome_word((enum outcome)seen.outcome), seen.last);
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert_msg(seen.verifies == rows[_i].verifies, "%s: %u verifies", rows[_i].what,
	    seen.verifies);
	ck_assert_msg((seen.notes == 0) == rows[_i].fine, "%s: %u notes", rows[_i].what,
	    seen.notes);
}
END_TEST

START_TEST(or_leads_back_where_that_is_configured)
{
	char *words[NITEMS(all)];
	size_t n = 0;

	/* all but this one: it is a warning; then this one alone */
	for (size_t i = 0; i < NITEMS(all); i++)
		if (rows[_i].check == NULL || strcmp(all[i], rows[_i].check) != 0)
			words[n++] = all[i];
	want_another(&rows[_i]);
	script.rollback_on = (struct strs){ words, n };
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == OUT_OK, "%s: %s: %s", rows[_i].what,
	    outcome_word((enum outcome)seen.outcome), seen.last);
	if (rows[_i].fine || rows[_i].check == NULL)
		return;
	words[0] = (char *)(uintptr_t)rows[_i].check;
	script.rollback_on.n = 1;
	script.key = "rsa-2048";
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == OUT_ROLLBACK, "%s: %s: %s", rows[_i].what,
	    outcome_word((enum outcome)seen.outcome), seen.last);
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert(fake_is_served(0));
}
END_TEST

/* FAULTS K09 */
START_TEST(a_restart_that_does_not_serve_the_new_one_leads_back)
{
	static const struct evidence row = { .watched = other_process };

	want_another(&row);
	script.verdict[1] = VERIFY_UNREACHABLE;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "reload verify verify back-reload verify"));
}
END_TEST

/* FAULTS K15: somebody else's certificate, put in its place while it was watched. */
START_TEST(what_is_another_at_the_end_of_the_watch_is_not_proven)
{
	static const struct evidence row = { .watched = NULL };

	want_another(&row);
	script.watch = 1;
	script.verdict[1] = VERIFY_OTHER;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "reload verify verify back-reload verify"));
	ck_assert_int_eq(fake_look(0).version, 1);
}
END_TEST

static bool
dies_later(struct msg_watched *m, unsigned n)
{
	if (n > 0)
		return other_process(m, n);
	return true;
}

START_TEST(it_is_watched_for_a_while)
{
	static const struct evidence row = { .watched = dies_later };
	char *words[] = { all[2] };

	want_another(&row);
	script.watch = 1;
	fake_run_to(CMD_RENEW, OUT_OK);
	/* at once, later, and behind the look at the other process */
	ck_assert_uint_eq(seen.watches, 3);
	ck_assert_uint_eq(seen.notes, 1);
	script.key = "rsa-2048";
	script.rollback_on = (struct strs){ words, 1 };
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	script.key = "ecdsa-p256";
	script.rollback_on.n = 0;
	script.verdict[0] = 0;
	script.verdict[1] = VERIFY_UNREACHABLE;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("proof");
	TCase *tc = fake_case(s, "proof");

	tcase_add_loop_test(tc, what_is_found_is_a_warning, 0, NITEMS(rows));
	tcase_add_loop_test(tc, or_leads_back_where_that_is_configured, 0, NITEMS(rows));
	tcase_add_test(tc, a_restart_that_does_not_serve_the_new_one_leads_back);
	tcase_add_test(tc, what_is_another_at_the_end_of_the_watch_is_not_proven);
	tcase_add_test(tc, it_is_watched_for_a_while);
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
