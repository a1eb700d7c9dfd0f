/*
 * release: what is known of Kamailio's releases, row by row.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/release.h"
#include "suite.h"

static const struct {
	const char	*version;
	int64_t		 want;
} versions[] = {
	{ "kamailio 5.6.3 (x86_64/linux)", RELEASE(5, 6, 3) },
	{ "kamailio 6.2.0-dev1 (x86_64/Linux)", RELEASE(6, 2, 0) },
	{ "kamailio 10.0", RELEASE(10, 0, 0) },
	{ "kamailio 5", RELEASE(5, 0, 0) },
	{ "kamailio 99999999999999999999.1", RELEASE(999, 1, 0) },
	{ "kamailio 5.x", -1 },
	{ "kamailio ", -1 },
	{ "opensips 3.4.0", -1 },
	{ "", -1 },
	{ NULL, -1 },
};

START_TEST(numbers_come_from_the_version)
{
	ck_assert_msg(release_of(versions[_i].version) == versions[_i].want, "%s: got %jd",
	    versions[_i].version, (intmax_t)release_of(versions[_i].version));
}
END_TEST

static const struct {
	int64_t		 release, mode;
	const char	*allocator;
	bool		 is_unsafe, leaks;
} rows[] = {
	{ RELEASE(5, 6, 3), -1, "qm", true, true },
	{ RELEASE(5, 6, 3), -1, "fm", true, false },
	{ RELEASE(5, 6, 3), -1, "tlsf", true, false },
	{ RELEASE(5, 6, 3), -1, NULL, true, true },
	{ RELEASE(5, 7, 4), 2, "fm", true, false },
	{ RELEASE(5, 7, 5), 2, "qm", false, true },
	{ RELEASE(5, 8, 0), -1, "qm", true, true },
	{ RELEASE(5, 8, 7), 1, "qm", true, true },
	{ RELEASE(5, 8, 8), 2, "qm", false, false },
	{ RELEASE(5, 8, 8), -1, "qm", true, false },
	{ RELEASE(6, 0, 0), -1, "qm", false, true },
	{ RELEASE(6, 0, 5), -1, "qm", false, true },
	{ RELEASE(6, 0, 6), -1, "qm", false, false },
	{ RELEASE(6, 1, 4), 0, NULL, true, false },
	{ RELEASE(6, 2, 0), 2, NULL, false, false },
	{ -1, -1, "qm", false, false },
};

/* FAULTS K12, K18 */
START_TEST(releases_are_judged_as_measured)
{
	ck_assert_msg(release_is_unsafe(rows[_i].release, rows[_i].mode) == rows[_i].is_unsafe,
	    "row %d: unsafe: want %d", _i, rows[_i].is_unsafe);
	ck_assert_msg(release_leaks(rows[_i].release, rows[_i].allocator) == rows[_i].leaks,
	    "row %d: leaks: want %d", _i, rows[_i].leaks);
}
END_TEST

/* FACTS: refused from reload 101 on with 11 processes, from 59 on with 17; three profiles. */
START_TEST(the_forecast_is_near_what_was_measured)
{
	const int64_t total = 67108864, kib = 1024;
	int64_t n = (total - 3588592 - 512 * kib * 11) / release_leak(11, 3);

	ck_assert_msg(n >= 91 && n <= 111, "11 processes: got %jd, want about 101", (intmax_t)n);
	n = (total - 5000000 - 512 * kib * 17) / release_leak(17, 3);
	ck_assert_msg(n >= 53 && n <= 65, "17 processes: got %jd, want about 59", (intmax_t)n);
}
END_TEST

static const struct {
	const char	*args[6];
	char		 letter;
	const char	*want;
} options[] = {
	{ { "kamailio", "-f", "/a", "-x", "fm" }, 'x', "fm" },
	{ { "kamailio", "-f/a", "-xfm" }, 'x', "fm" },
	{ { "kamailio", "-f/a" }, 'f', "/a" },
	{ { "kamailio", "-x", "qm", "-x", "tlsf" }, 'x', "tlsf" },
	{ { "kamailio", "-x" }, 'x', "" },
	{ { "-x", "y" }, 'x', "" },
	{ { "kamailio", "-DD", "-E" }, 'x', "" },
};

START_TEST(options_are_found_among_arguments)
{
	struct span args[NITEMS(options[0].args)], got;
	size_t n = 0;

	while (n < NITEMS(args) && options[_i].args[n] != NULL) {
		args[n] = span_str(options[_i].args[n]);
		n++;
	}
	got = release_option(args, n, options[_i].letter);
	ck_assert_msg(span_is(got, options[_i].want), "row %d: got %.*s", _i, (int)got.n,
	    (const char *)got.p);
}
END_TEST

static const struct {
	const char	*text;
	int64_t		 want;
} modes[] = {
	{ "#!KAMAILIO\ntls_threads_mode=2\nloadmodule \"tls.so\"\n", 2 },
	{ " \ttls_threads_mode = 1 # 2\r\n", 1 },
	{ "tls_threads_mode=0;\n", 0 },
	{ "tls_threads_mode=1\ntls_threads_mode=2", 2 },
	{ "# tls_threads_mode=2\n", -1 },
	{ "tls_threads_modes=2\n", -1 },
	{ "tls_threads_mode=two\n", -1 },
	{ "tls_threads_mode\n", -1 },
	{ "", -1 },
};

START_TEST(the_threads_mode_is_found_in_a_configuration)
{
	ck_assert_msg(release_threads_mode(span_str(modes[_i].text)) == modes[_i].want,
	    "%s: got %jd", modes[_i].text,
	    (intmax_t)release_threads_mode(span_str(modes[_i].text)));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("release");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, numbers_come_from_the_version, 0, NITEMS(versions));
	tcase_add_loop_test(t, releases_are_judged_as_measured, 0, NITEMS(rows));
	tcase_add_test(t, the_forecast_is_near_what_was_measured);
	tcase_add_loop_test(t, options_are_found_among_arguments, 0, NITEMS(options));
	tcase_add_loop_test(t, the_threads_mode_is_found_in_a_configuration, 0, NITEMS(modes));
	suite_add_tcase(s, t);
	return suite_run(s);
}
