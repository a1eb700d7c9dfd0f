/*
 * check_webroot: tokens, and answers beneath a document root.
 */
#include "tree.h"

#include "base/log.h"
#include "solve_token.h"
#include "solve_webroot.h"
#include "suite.h"

#define TOKEN	"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"	/* RFC 8555 section 8.3 */
#define OTHER	"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define PRINT	".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

static struct solve_webroot *sw;

static void
start(void)
{
	tree_start();
	log_open(LOG_TO_STDERR, "check", LOG_AT_ERROR);
	ck_assert_ptr_nonnull(sw = solve_webroot_new(dup(at), &e));
}

static void
finish(void)
{
	solve_webroot_free(sw);
	tree_finish();
}

/* --- tokens (FAULTS S02, A35) --- */

#define T22	"abcdefghijklmnopqrst-_"
#define T128	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_" \
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

static const struct {
	const char	*token, *key_auth;
	bool		 fits;
} tokens[] = {
	{ TOKEN, TOKEN PRINT, true },
	{ T22, T22 PRINT, true },
	{ T128, T128 PRINT, true },
	{ "", PRINT, false },
	{ "abcdefghijklmnopqrst-", "abcdefghijklmnopqrst-" PRINT, false },
	{ T128 "x", T128 "x" PRINT, false },
	{ T128 T128 T128 T128, T128 T128 T128 T128 PRINT, false },
	{ "abcdefghijklmnopqrstu/", "abcdefghijklmnopqrstu/" PRINT, false },
	{ "../../../../../etc/passwd", "../../../../../etc/passwd" PRINT, false },
	{ "abcdefghijklmnopqrstu.", "abcdefghijklmnopqrstu." PRINT, false },
	{ "abcdefghijklmnopqrstu=", "abcdefghijklmnopqrstu=" PRINT, false },
	{ "abcdefghijklmnopqrstu+", "abcdefghijklmnopqrstu+" PRINT, false },
	{ "abcdefghijklmnopqrstu ", "abcdefghijklmnopqrstu " PRINT, false },
	{ "abcdefghijklmnopqrst%2f", "abcdefghijklmnopqrst%2f" PRINT, false },
	{ "$(touch abcdefghijklmnopqrstu)", "$(touch abcdefghijklmnopqrstu)" PRINT, false },
	{ "abcdefghijklmnopqrstu\n", "abcdefghijklmnopqrstu\n" PRINT, false },
	{ "abcdefghijklmnopqrst\xc3\xa4", "abcdefghijklmnopqrst\xc3\xa4" PRINT, false },
	{ TOKEN, TOKEN, false },
	{ TOKEN, TOKEN ".", false },
	{ TOKEN, OTHER PRINT, false },
	{ TOKEN, "", false },
	{ TOKEN, TOKEN PRINT "x", false },
	{ TOKEN, TOKEN PRINT "\r\nX: y", false },
	{ TOKEN, TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqT", false },
	{ TOKEN, TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqT ", false },
	{ TOKEN, TOKEN "x" PRINT, false },
};

START_TEST(a_token_is_base64url_of_22_to_128_characters)
{
	int rc = solve_token_check(tokens[_i].token, tokens[_i].key_auth, &e);

	ck_assert_msg((rc == 0) == tokens[_i].fits, "%s: %s", tokens[_i].token, e.text);
	ck_assert_int_eq(solve_webroot_put(sw, tokens[_i].token, tokens[_i].key_auth, &e), rc);
	if (!tokens[_i].fits) {
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_uint_eq(tree_stat(".well-known").st_ino, 0);
		ck_assert_msg(strstr(e.text, "passwd") == NULL && strstr(e.text, "touch") == NULL,
		    "%s", e.text);
	}
}
END_TEST

/* --- the document root --- */

#define FOLDER_A ".well-known"
#define FOLDER_B ".well-known/acme-challenge"

START_TEST(an_answer_is_a_file_while_it_is_pending)
{
	(void)umask(0777);
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	ck_assert_int_eq(solve_webroot_put(sw, OTHER, OTHER PRINT, &e), 0);
	ck_assert_str_eq(tree_text(FOLDER_B "/" TOKEN), TOKEN PRINT);
	ck_assert_uint_eq(tree_stat(FOLDER_B "/" TOKEN).st_mode, S_IFREG | 0644);
	ck_assert_uint_eq(tree_stat(FOLDER_A).st_mode, S_IFDIR | 0755);
	ck_assert_uint_eq(tree_stat(FOLDER_B).st_mode, S_IFDIR | 0755);
	solve_webroot_drop(sw, TOKEN);
	ck_assert_uint_eq(tree_stat(FOLDER_B "/" TOKEN).st_ino, 0);
	ck_assert_str_eq(tree_text(FOLDER_B "/" OTHER), OTHER PRINT);
	solve_webroot_drop(sw, TOKEN);
	solve_webroot_drop(sw, OTHER);
	ck_assert_uint_eq(tree_stat(FOLDER_A).st_ino, 0);
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	ck_assert_str_eq(tree_text(FOLDER_B "/" TOKEN), TOKEN PRINT);
}
END_TEST

START_TEST(what_was_put_up_twice_is_taken_down_once)
{
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	solve_webroot_drop(sw, TOKEN);
	ck_assert_uint_eq(tree_stat(FOLDER_A).st_ino, 0);
}
END_TEST

START_TEST(freeing_takes_everything_down)
{
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	ck_assert_int_eq(solve_webroot_put(sw, OTHER, OTHER PRINT, &e), 0);
	solve_webroot_free(sw);
	sw = NULL;
	ck_assert_uint_eq(tree_stat(FOLDER_A).st_ino, 0);
}
END_TEST

START_TEST(what_others_made_stays)
{
	tree_dir(FOLDER_A, 0775);
	tree_file(FOLDER_A "/security.txt", "theirs");
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	tree_file(FOLDER_B "/theirs", "theirs");
	solve_webroot_drop(sw, TOKEN);
	ck_assert_str_eq(tree_text(FOLDER_A "/security.txt"), "theirs");
	ck_assert_str_eq(tree_text(FOLDER_B "/theirs"), "theirs");
	ck_assert_uint_eq(tree_stat(FOLDER_B "/" TOKEN).st_ino, 0);
	ck_assert_uint_eq(tree_stat(FOLDER_A).st_mode, S_IFDIR | 0775);
}
END_TEST

START_TEST(a_file_left_by_a_crash_is_replaced)
{
	tree_dir(FOLDER_A, 0755);
	tree_dir(FOLDER_B, 0755);
	tree_file(FOLDER_B "/" TOKEN, "old");
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	ck_assert_str_eq(tree_text(FOLDER_B "/" TOKEN), TOKEN PRINT);
	solve_webroot_drop(sw, TOKEN);
	ck_assert_uint_eq(tree_stat(FOLDER_B "/" TOKEN).st_ino, 0);
	ck_assert_uint_ne(tree_stat(FOLDER_B).st_ino, 0);
}
END_TEST

static const char *const places[] = { FOLDER_A, FOLDER_B, FOLDER_B "/" TOKEN };

START_TEST(things_in_the_way_are_refused_and_stay)
{
	const char *place = places[_i / NKINDS];
	enum kind kind = (enum kind)(_i % NKINDS);

	if (_i / NKINDS > 0)
		tree_dir(FOLDER_A, 0755);
	if (_i / NKINDS > 1)
		tree_dir(FOLDER_B, 0755);
	if ((_i / NKINDS < 2 && kind == FOLDER) || !tree_kind(place, kind))
		return;
	ck_assert_msg(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e) == -1, "%s: %s", place,
	    kind_names[kind]);
	ck_assert_int_eq(e.class, OUT_HOLD);
	solve_webroot_drop(sw, TOKEN);
	ck_assert_uint_ne(tree_stat(place).st_ino, 0);
	if (kind == LINK || kind == HARD)
		ck_assert_str_eq(tree_text("victim"), "victim");
	ck_assert_str_eq(tree_text("nowhere"), "(missing)");
}
END_TEST

START_TEST(a_root_that_vanished_is_an_error)
{
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), 0);
	ck_assert_int_eq(unlinkat(at, FOLDER_B "/" TOKEN, 0), 0);
	ck_assert_int_eq(unlinkat(at, FOLDER_B, AT_REMOVEDIR), 0);
	solve_webroot_drop(sw, TOKEN);
	ck_assert_uint_eq(tree_stat(FOLDER_A).st_ino, 0);
	ck_assert_int_eq(rmdir(top), 0);
	ck_assert_int_eq(solve_webroot_put(sw, TOKEN, TOKEN PRINT, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_null(solve_webroot_new(-1, &e));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("webroot");
	TCase *tc = tcase_create("webroot");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_loop_test(tc, a_token_is_base64url_of_22_to_128_characters, 0,
	    (int)NITEMS(tokens));
	tcase_add_test(tc, an_answer_is_a_file_while_it_is_pending);
	tcase_add_test(tc, what_was_put_up_twice_is_taken_down_once);
	tcase_add_test(tc, freeing_takes_everything_down);
	tcase_add_test(tc, what_others_made_stays);
	tcase_add_test(tc, a_file_left_by_a_crash_is_replaced);
	tcase_add_loop_test(tc, things_in_the_way_are_refused_and_stay, 0,
	    (int)NITEMS(places) * NKINDS);
	tcase_add_test(tc, a_root_that_vanished_is_an_error);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
