/*
 * check_errlog: lines of a Kamailio's log, in a file and in a journal that
 * systemd-journal-remote makes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../hooks/errlog_journal.c"

#include <check.h>

#include "suite.h"
#include "tree.h"

#define REMOTE	"/lib/systemd/systemd-journal-remote"

static const struct {
	const char		*line;
	enum errlog_kind	 kind;
} lines[] = {
	{ " 5(1234) ERROR: tls [tls_domain.c:590]: load_cert(): TLSs<default>: Unable to load "
	  "certificate file '/x'", ERRLOG_LOAD },
	{ "Nov 23 06:25:00 sip kamailio[1234]: ERROR: tls [tls_util.h:48]: tls_err_ret(): "
	  "TLS accept:error:0A000418:SSL routines::tlsv1 alert unknown ca (sni: x)",
	  ERRLOG_CLIENT },
	{ "ERROR: tls [tls_util.h:50]: tls_err_ret(): TLS accept:error:0A000076:SSL routines::no "
	  "suitable signature algorithm (sni: x)", ERRLOG_KEY },
	{ "ERROR: tls [tls_server.c:1289]: tls_h_read_f(): ssl bug #1491 workaround: not enough "
	  "memory for safe operation: shm=5 threshold1=6", ERRLOG_TROUBLE },
	{ "CRITICAL: <core> [core/mem/q_malloc.c:502]: qm_free(): BUG: freeing already freed "
	    "pointer",
	  ERRLOG_TROUBLE },
	{ "ALERT: <core> [main.c:777]: handle_sigs(): child process 7 exited by a signal 11",
	  ERRLOG_TROUBLE },
	{ "WARNING: tls [tls_config.c:1]: f(): duplicate definition for a tls profile",
	    ERRLOG_LOAD },
	{ "NOTICE: tls [tls_domain.c:1]: f(): Unable to load certificate file", ERRLOG_NONE },
	{ "ERROR: tls [tls_server.c:1]: f(): protocol level error", ERRLOG_NONE },
	{ "ERROR: sl [sl.c:1]: f(): alert unknown ca", ERRLOG_NONE },
	{ "INFO: from a client: ERROR: tls", ERRLOG_NONE },
	{ "", ERRLOG_NONE },
};

START_TEST(lines_keep_their_table)
{
	unsigned pattern;

	ck_assert_msg(errlog_judge(span_str(lines[_i].line), &pattern) == lines[_i].kind, "%s",
	    lines[_i].line);
}
END_TEST

static void
append(const char *name, const char *text)
{
	FILE *f = fopen(tree_path(name), "a");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void
since(const char *log, const char *mark, int64_t client, int64_t load, int64_t trouble)
{
	struct errlog out;

	errlog_since(log, mark, &out);
	ck_assert_msg(out.known, "%s", out.problem);
	ck_assert_int_eq(out.client, client);
	ck_assert_int_eq(out.load, load);
	ck_assert_int_eq(out.trouble, trouble);
	ck_assert((out.first != NULL) == (client + load + trouble > 0));
	pack_clear(&errlog_pack, &out);
}

static const char usual[] = " 1(2) ERROR: tls [a.c:1]: f(): alert bad certificate\n";
static const char other[] = " 1(2) ERROR: tls [a.c:1]: f(): alert certificate expired\n";
static const char memory[] = " 1(2) ERROR: tls [a.c:1]: f(): malloc failure\n";

START_TEST(what_is_new_in_a_file_is_counted)
{
	struct err why = ERR_NONE;
	char *mark, log[256];

	tree_file("log", "what it said before\n");
	snprintf(log, sizeof log, "%s", tree_path("log"));
	append("log", usual);
	ck_assert_int_eq(errlog_mark(log, &mark, &why), 0);
	since(log, mark, 0, 0, 0);
	append("log", usual);	/* as before */
	since(log, mark, 0, 0, 0);
	append("log", other);
	append("log", memory);
	since(log, mark, 1, 0, 1);
	/* rotated: the new file is read from its beginning */
	ck_assert_int_eq(unlink(log), 0);
	tree_file("log", memory);
	since(log, mark, 0, 0, 1);
	free(mark);
}
END_TEST

START_TEST(a_log_that_is_not_there_is_said_to_be_so)
{
	struct err why = ERR_NONE;
	struct errlog out;
	char *mark, log[256];

	snprintf(log, sizeof log, "%s", tree_path("log"));
	ck_assert_int_eq(errlog_mark(log, &mark, &why), -1);
	ck_assert_int_eq(why.class, OUT_HOLD);
	ck_assert_ptr_null(mark);
	errlog_since(log, NULL, &out);
	ck_assert(!out.known);
	ck_assert_ptr_nonnull(strstr(out.problem, "could not be read before"));
	pack_clear(&errlog_pack, &out);
	errlog_since(tree_path("."), "0 0 0 0", &out);
	ck_assert(!out.known);
	ck_assert_ptr_nonnull(out.problem);
	pack_clear(&errlog_pack, &out);
}
END_TEST

START_TEST(logs_are_paths_or_units)
{
	struct err why = ERR_NONE;

	ck_assert_int_eq(errlog_check("/var/log/kamailio.log", &why), 0);
	ck_assert_int_eq(errlog_check("journal:kamailio.service", &why), 0);
	ck_assert_int_eq(errlog_check("journal:", &why), -1);
	ck_assert_int_eq(errlog_check("journal:../kamailio.service", &why), -1);
	ck_assert_int_eq(errlog_check("kamailio.log", &why), -1);
}
END_TEST

/* In the form of journalctl -o export, made into a file of the journal. */
static void
journal(const char *const *messages, size_t n)
{
	static unsigned long long now = 1700000000000000ULL, files;
	char in[256], out[256];
	int status;
	pid_t pid;
	FILE *to;

	snprintf(in, sizeof in, "%s", tree_path("export"));
	snprintf(out, sizeof out, "%s/system%llu.journal", tree_path("journal"), files++);
	ck_assert_ptr_nonnull(to = fopen(in, "w"));
	for (size_t i = 0; i < n; i++) {
		now += 1000000;
		fprintf(to, "__REALTIME_TIMESTAMP=%llu\n__MONOTONIC_TIMESTAMP=%llu\n"
		    "_BOOT_ID=00112233445566778899aabbccddeeff\n_SYSTEMD_UNIT=%s\nMESSAGE=%s\n\n",
		    now, now - 1600000000000000ULL, i == 1 ? "other.service" :
		    "kamailio.service", messages[i]);
	}
	ck_assert_int_eq(fclose(to), 0);
	ck_assert_int_ge(pid = fork(), 0);
	if (pid == 0) {
		(void)execl(REMOTE, REMOTE, "-o", out, in, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(what_is_new_in_a_journal_is_counted)
{
	static const char log[] = "journal:kamailio.service";
	static const char *const before[] = {
		"ERROR: tls [a.c:1]: f(): alert bad certificate",
		"ERROR: tls [a.c:1]: f(): malloc failure",	/* of another unit */
		"INFO: <core> [a.c:1]: f(): hello",
	};
	static const char *const after[] = {
		"ERROR: tls [a.c:1]: f(): alert bad certificate",
		"ERROR: tls [a.c:1]: f(): malloc failure",
		"ERROR: tls [a.c:1]: f(): Unable to load private key",
	};
	struct err why = ERR_NONE;
	char *mark;

	if (access(REMOTE, X_OK) == -1) {
		ck_assert_ptr_null(getenv("CI"));
		return;
	}
	tree_dir("journal", 0700);
	journal_dir = tree_path("journal");
	ck_assert_msg(errlog_mark(log, &mark, &why) == 0, "%s", why.text);
	since(log, mark, 0, 0, 0);
	free(mark);
	journal(before, NITEMS(before));
	ck_assert_msg(errlog_mark(log, &mark, &why) == 0, "%s", why.text);
	since(log, mark, 0, 0, 0);
	journal(after, NITEMS(after));
	since(log, mark, 0, 1, 0);
	free(mark);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("errlog");
	TCase *tc = tcase_create("errlog");

	tcase_add_checked_fixture(tc, tree_start, tree_finish);
	tcase_add_loop_test(tc, lines_keep_their_table, 0, NITEMS(lines));
	tcase_add_test(tc, what_is_new_in_a_file_is_counted);
	tcase_add_test(tc, a_log_that_is_not_there_is_said_to_be_so);
	tcase_add_test(tc, logs_are_paths_or_units);
	tcase_add_test(tc, what_is_new_in_a_journal_is_counted);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
