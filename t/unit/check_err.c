/*
 * check_err: classes, and texts that stay one clean line on their way up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/err.h"
#include "suite.h"

static const struct {
	int64_t		 value;
	bool		 known;
	const char	*word;
} outcomes[] = {
	{ OUT_OK, true, "OK" },
	{ OUT_FINDING, true, "FINDING" },
	{ OUT_USAGE, true, "USAGE" },
	{ OUT_BUSY, true, "BUSY" },
	{ OUT_RETRY, true, "RETRY" },
	{ OUT_HOLD, true, "HOLD" },
	{ OUT_REFUSE, true, "REFUSE" },
	{ OUT_ROLLBACK, true, "ROLLBACK" },
	{ OUT_ALARM, true, "ALARM" },
	{ 4, false, "UNKNOWN" },
	{ 9, false, "UNKNOWN" },
	{ 15, false, "UNKNOWN" },
	{ -1, false, "UNKNOWN" },
	{ INT64_C(1) << 32, false, NULL },	/* OK, were it cut to 32 bits */
};

START_TEST(every_outcome_has_its_word)
{
	bool known = outcome_known(outcomes[_i].value);

	ck_assert_msg(known == outcomes[_i].known, "%jd: got %d, want %d",
	    (intmax_t)outcomes[_i].value, known, outcomes[_i].known);
	if (outcomes[_i].word != NULL)
		ck_assert_str_eq(outcome_word((enum outcome)outcomes[_i].value),
		    outcomes[_i].word);
}
END_TEST

START_TEST(err_set_fills_in_class_and_text_and_clears_the_rest)
{
	struct err e = { .class = OUT_ALARM, .sys = 5, .retry_at = 9, .hint = "old" };

	ck_assert_int_eq(err_set(&e, OUT_HOLD, "order: %s: %d", "status", 7), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(e.sys, 0);
	ck_assert_int_eq(e.retry_at, 0);
	ck_assert_str_eq(e.text, "order: status: 7");
	ck_assert_str_eq(e.hint, "");
}
END_TEST

START_TEST(err_set_may_be_given_its_own_text)
{
	struct err e = ERR_NONE;

	err_set(&e, OUT_RETRY, "inner");
	err_set(&e, OUT_HOLD, "outer (%s)", e.text);
	ck_assert_str_eq(e.text, "outer (inner)");
}
END_TEST

START_TEST(err_sys_adds_the_words_and_keeps_errno)
{
	struct err e = ERR_NONE;

	errno = ENOSPC;
	ck_assert_int_eq(err_sys(&e, OUT_RETRY, "write %s", "x"), -1);
	ck_assert_str_eq(e.text, "write x: No space left on device");
	ck_assert_int_eq(e.sys, ENOSPC);
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(out_of_memory_is_a_retry)
{
	struct err e = ERR_NONE;

	ck_assert_int_eq(err_nomem(&e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(e.sys, ENOMEM);
	ck_assert_str_eq(e.text, "out of memory");
}
END_TEST

START_TEST(err_in_puts_the_place_before_and_keeps_the_rest)
{
	struct err e = ERR_NONE;

	errno = EACCES;
	err_sys(&e, OUT_HOLD, "open");
	e.retry_at = 77;
	err_hint(&e, "look at %s", "modes");
	ck_assert_int_eq(err_in(&e, "cert %s", "a"), -1);
	ck_assert_str_eq(e.text, "cert a: open: Permission denied");
	ck_assert_str_eq(e.hint, "look at modes");
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(e.sys, EACCES);
	ck_assert_int_eq(e.retry_at, 77);
}
END_TEST

START_TEST(err_in_may_be_given_the_text_itself)
{
	struct err e = ERR_NONE;

	err_set(&e, OUT_HOLD, "abc");
	err_in(&e, "%s", e.text);
	ck_assert_str_eq(e.text, "abc: abc");
}
END_TEST

START_TEST(foreign_text_is_one_clean_line)
{
	struct err e = ERR_NONE;

	err_set(&e, OUT_HOLD, "problem: %s", "a\r\n\x1b[31mb\xff%s%n");
	ck_assert_str_eq(e.text, "problem: a  ?[31mb?%s%n");
	err_in(&e, "%s", "c\nd");
	ck_assert_str_eq(e.text, "c d: problem: a  ?[31mb?%s%n");
	err_hint(&e, "%s", "e\x07");
	ck_assert_str_eq(e.hint, "e?");
}
END_TEST

START_TEST(a_mebibyte_of_foreign_text_is_cut)
{
	size_t n = 1 << 20;
	char *big = malloc(n + 1);
	struct err e = ERR_NONE;

	ck_assert_ptr_nonnull(big);
	memset(big, 'x', n);
	big[n] = '\0';
	err_set(&e, OUT_HOLD, "%s", big);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	err_in(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	err_hint(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.hint), ERR_HINT_MAX - 1);
	free(big);
}
END_TEST

START_TEST(err_clear_leaves_nothing)
{
	struct err e = ERR_NONE;

	err_set(&e, OUT_HOLD, "x");
	err_clear(&e);
	ck_assert_int_eq(e.class, OUT_OK);
	ck_assert_str_eq(e.text, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("err");
	TCase *tc = tcase_create("err");

	tcase_add_loop_test(tc, every_outcome_has_its_word, 0, (int)NITEMS(outcomes));
	tcase_add_test(tc, err_set_fills_in_class_and_text_and_clears_the_rest);
	tcase_add_test(tc, err_set_may_be_given_its_own_text);
	tcase_add_test(tc, err_sys_adds_the_words_and_keeps_errno);
	tcase_add_test(tc, out_of_memory_is_a_retry);
	tcase_add_test(tc, err_in_puts_the_place_before_and_keeps_the_rest);
	tcase_add_test(tc, err_in_may_be_given_the_text_itself);
	tcase_add_test(tc, foreign_text_is_one_clean_line);
	tcase_add_test(tc, a_mebibyte_of_foreign_text_is_cut);
	tcase_add_test(tc, err_clear_leaves_nothing);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
