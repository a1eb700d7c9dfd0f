/*
 * check_keeper_commands: what else the keeper is asked for: rollback, reload,
 * status, check, a rehearsal, accounts; and what holds an order back.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"
#include "verify.h"

#define SOON	600	/* seconds */

/* Version 1 with one key, version 2 with another. */
static void
issue_two(void)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset_due();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
	fake_reset();
}

/* --- what holds back --- */

static const int64_t waits[] = { SOON, DAY, INT64_MAX / 2 };
static int row_of_test;

static bool
ask_to_wait(struct fake_task *t, enum fake_net_step step)
{
	struct msg_error body = { .class = OUT_RETRY, .text = fake_text("busy"),
		.retry_at = (int64_t)time(NULL) + waits[row_of_test] };

	if (step != NET_SIGNED)
		return false;
	fake_answer(t, MSG_FAILED, &body);
	return true;
}

START_TEST(what_a_ca_asked_for_holds_back_even_who_forces_but_for_a_day_at_most)
{
	row_of_test = _i;
	script.hostile = ask_to_wait;
	fake_run_to(CMD_RENEW, OUT_RETRY);
	ck_assert_int_gt(fake_look(0).asked, (int64_t)time(NULL));
	ck_assert_int_le(fake_look(0).asked, (int64_t)time(NULL) + DAY);
	for (int force = 0; force < 2; force++) {
		fake_reset();
		script.setup.force = force;
		fake_run_to(CMD_RENEW, OUT_RETRY);
		ck_assert_str_eq(seen.trace, "");
		ck_assert_ptr_nonnull(strstr(seen.last, "held back until"));
	}
}
END_TEST

START_TEST(a_third_certificate_in_a_day_is_held_back_even_for_who_forces)
{
	for (int i = 0; i < 3; i++) {
		fake_reset();
		script.host = FAKE_PUBLIC;
		script.setup.force = true;
		fake_run(CMD_RENEW);
		ck_assert_int_eq(seen.outcome, i < 2 ? OUT_OK : OUT_HOLD);
	}
	ck_assert_str_eq(seen.trace, "");
	ck_assert_uint_eq(fake_issued(), 2);
	fake_check_active(0);
}
END_TEST

START_TEST(force_renews_what_is_not_due)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
}
END_TEST

/* --- rollback and reload --- */

START_TEST(rollback_leads_to_the_previous_version_and_stays_there)
{
	issue_two();
	fake_run_to(CMD_ROLLBACK, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:control preflight reload verify");
	ck_assert_int_eq(fake_look(0).version, 1);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	ck_assert_int_eq(fake_look(0).version, 1);
	script.setup.version = 2;
	fake_run_to(CMD_ROLLBACK, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(a_rollback_that_the_server_refuses_leads_back)
{
	issue_two();
	script.reload[0] = RELOAD_REFUSED;
	fake_run_to(CMD_ROLLBACK, OUT_ROLLBACK);
	ck_assert_int_eq(fake_look(0).version, 2);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
}
END_TEST

static const struct {
	int64_t		 version;
	enum outcome	 outcome;
} nowhere[] = {
	{ 0, OUT_HOLD },	/* there is no earlier one */
	{ 1, OUT_HOLD },	/* it is active */
	{ 7, OUT_USAGE },
	{ -1, OUT_USAGE },
	{ INT64_MAX, OUT_USAGE },
};

START_TEST(rollback_to_nowhere_changes_nothing)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	script.setup.version = nowhere[_i].version;
	fake_run_to(CMD_ROLLBACK, nowhere[_i].outcome);
	ck_assert_str_eq(seen.trace, "");
	fake_check_active(0);
}
END_TEST

/* How often a file was opened since. */
static unsigned
count_opens(int watch)
{
	char room[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *ev;
	unsigned count = 0;
	ssize_t n;
	char *p;

	while ((n = read(watch, room, sizeof room)) > 0)
		for (p = room; p < room + n; p += sizeof *ev + ev->len) {
			ev = (const void *)p;
			count += (ev->mask & IN_OPEN) != 0;
		}
	return count;
}

START_TEST(reload_looks_once_whether_the_servers_file_is_right)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	ck_assert_int_ge(watch, 0);
	script.managed = true;
	script.servers = 3;
	fake_run_to(CMD_RENEW, OUT_OK);
	/* with closings in between, as equal events in a row would be one */
	ck_assert_int_ge(inotify_add_watch(watch, fake_tls_cfg(), IN_OPEN | IN_CLOSE), 0);
	fake_run_to(CMD_RELOAD, OUT_OK);
	/* for each server: what does it load, could the file be written, is it as it should be */
	ck_assert_uint_eq(count_opens(watch), 3 * 3);
	ck_assert_int_eq(close(watch), 0);
}
END_TEST

START_TEST(reload_tells_the_server_once_more_and_proves_it)
{
	fake_run_to(CMD_RELOAD, OUT_HOLD);
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_run_to(CMD_RELOAD, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:control preflight reload verify");
	script.reload[0] = RELOAD_REFUSED;
	fake_run_to(CMD_RELOAD, OUT_HOLD);
	ck_assert_str_eq(seen.trace, "start:control preflight reload");
	ck_assert_int_eq(fake_look(0).journal, JOURNAL_DONE);
	fake_check_active(0);
}
END_TEST

/* --- looking --- */

START_TEST(status_tells_a_row_for_each_certificate_and_touches_nothing)
{
	script.certs = 3;
	fake_run_to(CMD_STATUS, OUT_OK);
	ck_assert_uint_eq(seen.rows, 3);
	ck_assert_int_eq(seen.row.version, 0);
	ck_assert_int_ne(access(fake_path(""), F_OK), 0);
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_run_to(CMD_STATUS, OUT_OK);
	ck_assert_str_eq(seen.trace, "");
	ck_assert_uint_eq(seen.rows, 3);
	ck_assert_int_eq(seen.row.version, 1);
	ck_assert(seen.row.served);
	ck_assert_int_eq(seen.row.pending, 0);
	ck_assert_int_eq(seen.row.last_outcome, OUT_OK);
}
END_TEST

START_TEST(check_finds_nothing_where_all_is_well)
{
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_run_to(CMD_CHECK, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer preflight verify");
	ck_assert_uint_ge(seen.findings, 6);
	ck_assert_uint_eq(seen.bad_findings, 0);
}
END_TEST

static const struct {
	const char	*what;
	enum outcome	 preflight;
	int		 verdict;
	enum role	 missing;
	const char	*key;
	bool		 nothing;	/* is installed */
	bool		 damaged;	/* the record (FAULTS I08) */
} faults[] = {
	{ "nothing is installed", .nothing = true },
	{ "the server is not ready", .preflight = OUT_HOLD },
	{ "another certificate is served", .verdict = VERIFY_OTHER },
	{ "the port is taken", .missing = ROLE_ANSWER },
	{ "there is no control role", .missing = ROLE_CONTROL },
	{ "another key is configured", .key = "ecdsa-p384" },
	{ "the record is damaged", .damaged = true },
};

START_TEST(check_finds_what_is_wrong)
{
	if (!faults[_i].nothing)
		fake_run_to(CMD_RENEW, OUT_OK);
	if (faults[_i].damaged)
		ck_assert_int_eq(truncate(fake_path("certs/a.example.com/record.json"), 100), 0);
	script.preflight = faults[_i].preflight;
	script.verdict[0] = faults[_i].verdict;
	script.missing = faults[_i].missing;
	script.key = faults[_i].key;
	fake_run(CMD_CHECK);
	ck_assert_msg(seen.outcome == OUT_FINDING, "%s: got %jd (%s)", faults[_i].what,
	    (intmax_t)seen.outcome, seen.last);
	ck_assert_ptr_null(strstr(seen.trace, "reload"));
	if (!faults[_i].nothing)
		fake_check_active(0);
}
END_TEST

/* --- a rehearsal --- */

START_TEST(a_rehearsal_orders_at_staging_and_leaves_nothing_behind)
{
	script.setup.dry_run = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.directory, fake_url("/staging"));
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer preflight task:register "
	    "task:order put csr take");
	ck_assert_int_ne(access(fake_path(""), F_OK), 0);
}
END_TEST

START_TEST(a_rehearsal_changes_nothing_of_what_is_installed)
{
	struct fake_state before, after;

	fake_run_to(CMD_RENEW, OUT_OK);
	before = fake_look(0);
	script.setup.dry_run = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.directory, fake_url("/staging"));
	script.chain[0] = CHAIN_WRONG_NAME;
	fake_run_to(CMD_RENEW, OUT_REFUSE);
	after = fake_look(0);
	ck_assert_mem_eq(&before, &after, sizeof before);
	fake_check_active(0);
	ck_assert(fake_is_served(0));
}
END_TEST

START_TEST(a_rehearsal_leaves_an_order_under_way_alone)
{
	struct blob key = { NULL, 0 };

	script.net_dies = true;
	script.net_dies_at = NET_CSR;
	fake_run_to(CMD_RENEW, OUT_RETRY);
	ck_assert_int_eq(blob_set(&key, blob_span(&seen.public_key)), 0);
	fake_reset();
	script.setup.dry_run = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_ptr_nonnull(strstr(seen.trace, "task:order put"));
	ck_assert(!span_eq(blob_span(&key), blob_span(&seen.public_key)));
	ck_assert(fake_look(0).has_order);
	blob_clear(&key);
}
END_TEST

/* --- accounts --- */

static void
run_account(enum acme_kind action, enum outcome outcome)
{
	script.setup.action = action;
	fake_run_to(CMD_ACCOUNT, outcome);
}

START_TEST(an_account_is_registered_once_and_used_then)
{
	run_account(ACME_SHOW, OUT_HOLD);
	run_account(ACME_REGISTER, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:net task:register");
	run_account(ACME_SHOW, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:net task:show");
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_ptr_null(strstr(seen.trace, "task:register"));
}
END_TEST

/* FAULTS A37: another one is never made in silence, where one is on file. */
START_TEST(an_account_is_looked_for_where_its_ca_has_moved_to)
{
	script.host = FAKE_PUBLIC;
	fake_run_to(CMD_RENEW, OUT_OK);
	for (int i = 0; i < 2; i++) {
		fake_reset();
		script.setup.force = true;
		fake_run_to(CMD_RENEW, OUT_OK);
		ck_assert_int_eq(strstr(seen.trace, "task:register") != NULL, i == 0);
		ck_assert_uint_eq(seen.notes, i == 0 ? 1 : 0);
	}
}
END_TEST

/* FAULTS A37, L05: nor when what was known of it is lost. */
START_TEST(a_damaged_account_is_looked_for_and_told)
{
	char json[PATH_MAX];
	struct stat st;

	fake_run_to(CMD_RENEW, OUT_OK);
	(void)snprintf(json, sizeof json, "%s", fake_path("accounts/ca/account.json"));
	ck_assert_int_eq(truncate(json, 20), 0);
	fake_reset();
	fake_run_to(CMD_CHECK, OUT_FINDING);
	ck_assert_uint_eq(seen.bad_findings, 1);
	for (int i = 0; i < 2; i++) {
		fake_reset();
		script.setup.force = true;
		fake_run_to(CMD_RENEW, OUT_OK);
		ck_assert_int_eq(strstr(seen.trace, "task:register") != NULL, i == 0);
		ck_assert_uint_eq(seen.notes, i == 0 ? 1 : 0);
	}
	ck_assert_int_eq(stat(fake_path("accounts/ca/account.json.bad"), &st), 0);
	ck_assert_int_eq(st.st_size, 20);
	fake_reset();
	fake_run_to(CMD_CHECK, OUT_OK);
}
END_TEST

/*
 * What an operator or a broken disk has made of the account's key; 0 when that
 * is what was meant.
 */
static int
cut_key(const char *key)
{
	return truncate(key, 20);
}

static int
empty_key(const char *key)
{
	return truncate(key, 0);
}

static int
lose_key(const char *key)
{
	return unlink(key);
}

static int
open_key_to_all(const char *key)
{
	return chmod(key, 0644);
}

static int
make_key_a_folder(const char *key)
{
	return unlink(key) == 0 ? mkdir(key, 0700) : -1;
}

static int	(*const accidents[])(const char *) = { cut_key, empty_key, lose_key,
    open_key_to_all,
	make_key_a_folder };

/* FAULTS A37, L05: nobody's account is left behind because its key cannot be used. */
START_TEST(a_key_that_cannot_be_used_makes_no_new_account)
{
	char key[PATH_MAX];
	struct stat before, after;

	fake_run_to(CMD_RENEW, OUT_OK);
	(void)snprintf(key, sizeof key, "%s", fake_path("accounts/ca/account.key"));
	ck_assert_int_eq(accidents[_i](key), 0);
	before.st_ino = stat(key, &before) == 0 ? before.st_ino : 0;
	for (int i = 0; i < 2; i++) {
		fake_reset_due();
		script.setup.force = true;
		fake_run_to(CMD_RENEW, OUT_HOLD);
		ck_assert_msg(strstr(seen.trace, "task:") == NULL, "%s", seen.trace);
		run_account(ACME_REGISTER, OUT_HOLD);
		ck_assert_msg(strstr(seen.trace, "task:") == NULL, "%s", seen.trace);
	}
	after.st_ino = stat(key, &after) == 0 ? after.st_ino : 0;
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_uint_eq(fake_issued(), 1);
}
END_TEST

START_TEST(a_rollover_that_was_cut_off_goes_on_with_the_same_key)
{
	struct blob key = { NULL, 0 };

	run_account(ACME_REGISTER, OUT_OK);
	script.kill_at = 3;	/* the CA has the new key, the disk does not know */
	script.setup.action = ACME_ROLLOVER;
	fake_run(CMD_ACCOUNT);
	ck_assert(seen.killed);
	ck_assert_str_eq(seen.trace, "start:net task:rollover rolled");
	ck_assert_int_eq(blob_set(&key, blob_span(&seen.new_key)), 0);
	fake_reset();
	run_account(ACME_ROLLOVER, OUT_OK);
	ck_assert(span_eq(blob_span(&key), blob_span(&seen.new_key)));
	run_account(ACME_ROLLOVER, OUT_OK);
	ck_assert(!span_eq(blob_span(&key), blob_span(&seen.new_key)));
	blob_clear(&key);
}
END_TEST

START_TEST(what_is_installed_can_be_revoked)
{
	fake_run_to(CMD_REVOKE, OUT_HOLD);
	ck_assert_ptr_null(strstr(seen.trace, "task"));
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_run_to(CMD_REVOKE, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:net task:revoke");
	fake_check_active(0);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("keeper_commands");
	TCase *tc = fake_case(s, "commands");

	tcase_add_loop_test(tc,
	    what_a_ca_asked_for_holds_back_even_who_forces_but_for_a_day_at_most, 0,
	    NITEMS(waits));
	tcase_add_test(tc, a_third_certificate_in_a_day_is_held_back_even_for_who_forces);
	tcase_add_test(tc, force_renews_what_is_not_due);
	tcase_add_test(tc, rollback_leads_to_the_previous_version_and_stays_there);
	tcase_add_test(tc, a_rollback_that_the_server_refuses_leads_back);
	tcase_add_loop_test(tc, rollback_to_nowhere_changes_nothing, 0, NITEMS(nowhere));
	tcase_add_test(tc, reload_looks_once_whether_the_servers_file_is_right);
	tcase_add_test(tc, reload_tells_the_server_once_more_and_proves_it);
	tcase_add_test(tc, status_tells_a_row_for_each_certificate_and_touches_nothing);
	tcase_add_test(tc, check_finds_nothing_where_all_is_well);
	tcase_add_loop_test(tc, check_finds_what_is_wrong, 0, NITEMS(faults));
	tcase_add_test(tc, a_rehearsal_orders_at_staging_and_leaves_nothing_behind);
	tcase_add_test(tc, a_rehearsal_changes_nothing_of_what_is_installed);
	tcase_add_test(tc, a_rehearsal_leaves_an_order_under_way_alone);
	tcase_add_test(tc, an_account_is_registered_once_and_used_then);
	tcase_add_test(tc, an_account_is_looked_for_where_its_ca_has_moved_to);
	tcase_add_test(tc, a_damaged_account_is_looked_for_and_told);
	tcase_add_loop_test(tc, a_key_that_cannot_be_used_makes_no_new_account, 0,
	    NITEMS(accidents));
	tcase_add_test(tc, a_rollover_that_was_cut_off_goes_on_with_the_same_key);
	tcase_add_test(tc, what_is_installed_can_be_revoked);
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
