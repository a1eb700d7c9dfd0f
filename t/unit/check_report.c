/*
 * check_report: what a command prints of what it is told, and where.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "record.h"
#include "report.h"
#include "suite.h"

#define LINES_MAX	(256u * 1024)

/* Standard output of report(), in a test's process of its own. */
static struct span
printed(enum report_form form, enum report_level level, const struct report *r)
{
	static char text[LINES_MAX];
	FILE *file = tmpfile();
	ssize_t n;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(dup2(fileno(file), STDOUT_FILENO), STDOUT_FILENO);
	report_open(form, level);
	report(r);
	report_close();
	ck_assert_int_ge(n = pread(fileno(file), text, sizeof text, 0), 0);
	fclose(file);
	return span_of(text, (size_t)n);
}

static const struct {
	enum report_kind	kind;
	enum outcome		outcome;
	bool			quiet, normal, verbose;		/* is it told? */
} rows[] = {
	{ REPORT_START, OUT_OK, false, false, true },
	{ REPORT_STEP, OUT_OK, false, true, true },
	{ REPORT_STEP, OUT_HOLD, false, true, true },	/* its text comes with the result */
	{ REPORT_NOTE, OUT_OK, false, true, true },
	{ REPORT_FINDING, OUT_OK, false, true, true },
	{ REPORT_FINDING, OUT_FINDING, true, true, true },
	{ REPORT_RESULT, OUT_OK, false, true, true },
	{ REPORT_RESULT, OUT_RETRY, true, true, true },
};

START_TEST(json_tells_as_much_as_was_asked_for)
{
	struct report r = { .kind = rows[_i].kind, .outcome = rows[_i].outcome, .ms = -1 };

	ck_assert_int_eq(printed(REPORT_JSON, REPORT_QUIET, &r).n > 0, rows[_i].quiet);
	ck_assert_int_eq(printed(REPORT_JSON, REPORT_NORMAL, &r).n > 0, rows[_i].normal);
	ck_assert_int_eq(printed(REPORT_JSON, REPORT_VERBOSE, &r).n > 0, rows[_i].verbose);
}
END_TEST

/* Data of every size that a record keeps, and texts that would end the line or the string. */
START_TEST(a_line_of_json_is_whole)
{
	static uint8_t data[RECORD_FACTS_MAX];
	struct report r = { .kind = REPORT_RESULT, .outcome = OUT_HOLD, .ms = -1,
		.cert = (char *)(uintptr_t)"sip.example.com",
		.text = (char *)(uintptr_t)"a \"quoted\"\nline \033[31m \\ of \x01 text",
		.data = { data, sizeof data } };
	const struct json *o;
	struct json_doc *doc;
	struct err e;
	struct span line;

	memset(data, ' ', sizeof data);
	data[0] = '{';
	data[sizeof data - 1] = '}';
	line = printed(REPORT_JSON, REPORT_NORMAL, &r);
	ck_assert_uint_gt(line.n, sizeof data);
	ck_assert_ptr_eq(memchr(line.p, '\n', line.n), line.p + line.n - 1);
	ck_assert_msg((doc = json_parse(span_of(line.p, line.n - 1), &e)) != NULL, "%s", e.text);
	o = json_root(doc);
	ck_assert_str_eq(json_str(json_member(o, "event")), "result");
	ck_assert_str_eq(json_str(json_member(o, "outcome")), "HOLD");
	ck_assert_str_eq(json_str(json_member(o, "text")), r.text);
	ck_assert_int_eq(json_kind(json_member(o, "data")), JSON_KIND_OBJECT);
	json_free(doc);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("report");
	TCase *t = tcase_create("report");

	tcase_add_loop_test(t, json_tells_as_much_as_was_asked_for, 0, NITEMS(rows));
	tcase_add_test(t, a_line_of_json_is_whole);
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
