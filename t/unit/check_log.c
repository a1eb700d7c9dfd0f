/*
 * check_log: one event is one line that nobody can forge.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "base/log.h"
#include "suite.h"

static char seen[16384];

/* stderr leads into a file in memory. */
static void
catch_stderr(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
}

static const char *
read_stderr(void)
{
	ssize_t n = pread(STDERR_FILENO, seen, sizeof(seen) - 1, 0);

	ck_assert_int_ge(n, 0);
	seen[n] = '\0';
	return seen;
}

static const struct {
	const char	*what;
	const char	*value;
	const char	*want;	/* after "k=" */
} values[] = {
	{ "plain", "sip.example.com", "sip.example.com" },
	{ "a URL", "https://ca.example/acme/1", "https://ca.example/acme/1" },
	{ "empty", "", "\"\"" },
	{ "none", NULL, "\"\"" },
	{ "blank", "two words", "\"two words\"" },
	{ "quote", "a\"b", "\"a\\\"b\"" },
	{ "single quote", "it's", "\"it's\"" },
	{ "backslash", "a\\b", "\"a\\\\b\"" },
	{ "something like a pair", "level=error", "\"level=error\"" },
	{ "a forged line", "x\nrole=keeper level=error", "\"x role=keeper level=error\"" },
	{ "escapes of a terminal", "\x1b[31mred", "?[31mred" },
	{ "bad UTF-8", "a\xff", "a?" },
	{ "format directives", "%s%n%d", "%s%n%d" },
};

START_TEST(values_are_cleaned_and_quoted)
{
	char want[256];

	catch_stderr();
	log_open(LOG_TO_STDERR, "net", LOG_AT_INFO);
	log_info(KV_S("k", values[_i].value));
	(void)snprintf(want, sizeof(want), "role=net level=info k=%s\n", values[_i].want);
	ck_assert_msg(strcmp(read_stderr(), want) == 0, "%s: got %s, want %s", values[_i].what,
	    seen, want);
}
END_TEST

START_TEST(numbers_are_written_as_they_are)
{
	catch_stderr();
	log_open(LOG_TO_STDERR, "keeper", LOG_AT_INFO);
	log_warn(KV_S("cert", "a"), KV_I("version", 7), KV_I("low", INT64_MIN), KV_I("n", -1));
	ck_assert_str_eq(read_stderr(), "role=keeper level=warning cert=a version=7 "
	    "low=-9223372036854775808 n=-1\n");
}
END_TEST

static const struct {
	enum log_level	 limit;
	const char	*want;
} limits[] = {
	{ LOG_AT_ERROR, "role=r level=error n=0\n" },
	{ LOG_AT_WARNING, "role=r level=error n=0\nrole=r level=warning n=1\n" },
	{ LOG_AT_INFO, "role=r level=error n=0\nrole=r level=warning n=1\n"
	    "role=r level=info n=2\n" },
	{ LOG_AT_DEBUG, "role=r level=error n=0\nrole=r level=warning n=1\n"
	    "role=r level=info n=2\nrole=r level=debug n=3\n" },
};

START_TEST(levels_above_the_limit_are_dropped)
{
	catch_stderr();
	log_open(LOG_TO_STDERR, "r", limits[_i].limit);
	log_error(KV_I("n", 0));
	log_warn(KV_I("n", 1));
	log_info(KV_I("n", 2));
	log_debug(KV_I("n", 3));
	ck_assert_str_eq(read_stderr(), limits[_i].want);
	ck_assert(log_wants(LOG_AT_ERROR));
	ck_assert_int_eq(log_wants(LOG_AT_DEBUG), limits[_i].limit == LOG_AT_DEBUG);
}
END_TEST

static void
claim_journal(uintmax_t off)
{
	struct stat st;
	char value[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(value, sizeof(value), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino + off);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", value, 1), 0);
}

START_TEST(lines_for_the_journal_carry_their_priority)
{
	catch_stderr();
	claim_journal(0);
	log_open(LOG_TO_STDERR, "r", LOG_AT_DEBUG);
	log_error(KV_I("n", 0));
	log_warn(KV_I("n", 1));
	log_info(KV_I("n", 2));
	log_debug(KV_I("n", 3));
	ck_assert_str_eq(read_stderr(), "<3>role=r level=error n=0\n<4>role=r level=warning n=1\n"
	    "<6>role=r level=info n=2\n<7>role=r level=debug n=3\n");
}
END_TEST

START_TEST(a_stderr_that_is_not_the_journal_gets_plain_lines)
{
	catch_stderr();
	claim_journal(1);
	log_open(LOG_TO_STDERR, "r", LOG_AT_INFO);
	log_info(KV_I("n", 2));
	ck_assert_str_eq(read_stderr(), "role=r level=info n=2\n");
}
END_TEST

START_TEST(a_line_that_would_be_too_long_says_that_it_was_cut)
{
	static char big[4096];
	const char *end;

	memset(big, 'x', sizeof(big) - 1);
	catch_stderr();
	log_open(LOG_TO_STDERR, "r", LOG_AT_INFO);
	log_info(KV_S("a", big), KV_S("b", big), KV_S("c", big), KV_S("d", big), KV_S("e", big),
	    KV_S("f", big), KV_S("g", big), KV_S("h", big));
	end = read_stderr() + strlen(seen);
	ck_assert_uint_le(strlen(seen), 8192);
	ck_assert_ptr_nonnull(strstr(seen, " f="));
	ck_assert_ptr_null(strstr(seen, " h="));
	ck_assert_str_eq(end - strlen("x cut=yes\n"), "x cut=yes\n");
	ck_assert_ptr_eq(strchr(seen, '\n'), end - 1);
}
END_TEST

START_TEST(a_full_log_device_and_a_closed_stderr_harm_nobody)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(full, 0);
	ck_assert_int_eq(dup2(full, STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TO_STDERR, "r", LOG_AT_INFO);
	log_error(KV_I("n", 0));
	ck_assert_int_eq(close(STDERR_FILENO), 0);
	log_open(LOG_TO_STDERR, "r", LOG_AT_INFO);
	log_error(KV_I("n", 0));
}
END_TEST

START_TEST(syslog_does_not_write_to_stderr)
{
	catch_stderr();
	log_open(LOG_TO_SYSLOG, "r", LOG_AT_INFO);
	log_info(KV_S("test", "of kamcert"));
	ck_assert_str_eq(read_stderr(), "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_loop_test(tc, values_are_cleaned_and_quoted, 0, (int)NITEMS(values));
	tcase_add_test(tc, numbers_are_written_as_they_are);
	tcase_add_loop_test(tc, levels_above_the_limit_are_dropped, 0, (int)NITEMS(limits));
	tcase_add_test(tc, lines_for_the_journal_carry_their_priority);
	tcase_add_test(tc, a_stderr_that_is_not_the_journal_gets_plain_lines);
	tcase_add_test(tc, a_line_that_would_be_too_long_says_that_it_was_cut);
	tcase_add_test(tc, a_full_log_device_and_a_closed_stderr_harm_nobody);
	tcase_add_test(tc, syslog_does_not_write_to_stderr);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
