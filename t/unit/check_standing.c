/*
 * check_standing: chains whose issuers are revoked, and chains that are worse
 * than the one in service: chain_check() with lists, and the real keeper
 * between scripted roles.
 */
#include <stdlib.h>
#include <string.h>

#include "chain_world.h"
#include "crl.h"
#include "fakes.h"
#include "suite.h"

/* --- lists --- */

static const struct {
	const char	*what;
	enum who	 issuer, revoked, signer;	/* WHO_N: none; the issuer */
	int64_t		 until;
	const char	*want;		/* NULL: accepted */
} lists[] = {
	{ "an empty list", R, WHO_N, WHO_N, 0, NULL },
	{ "the intermediate is on its root's list", R, I, WHO_N, 0, "certificate 2" },
	{ "on an old list, too: that does not become untrue", R, I, WHO_N, NOW - HOUR, "revoked" },
	{ "on a list that somebody else has signed", R, I, O, 0, NULL },
	{ "on a list of another CA", O, I, WHO_N, 0, NULL },
	{ "an old list without it", R, WHO_N, WHO_N, NOW - HOUR, NULL },
	{ "the leaf is on its issuer's list", I, L, WHO_N, 0, "certificate 1" },
};

static const struct row plain = { GOOD("plain", "LI", "LI") };

START_TEST(only_what_a_sound_list_says_counts)
{
	struct world w;
	struct chain_in in;
	struct chain *c = NULL;
	struct testca_list spec = { .until = lists[_i].until };
	struct blob blob;
	struct list all = { &blob, 1 };
	struct err e = ERR_NONE;
	struct buf der;

	world_init(&w, &plain);
	buf_init(&der, 65536);
	if (lists[_i].revoked != WHO_N)
		spec.revoked = w.certs[lists[_i].revoked];
	if (lists[_i].signer != WHO_N)
		spec.signer = w.certs[lists[_i].signer];
	testca_crl(w.certs[lists[_i].issuer], &spec, &der);
	blob = (struct blob){ der.p, der.n };
	in = world_input(&w, "LI");
	in.crls = &all;
	(void)!chain_check(&in, &c, &e);
	ck_assert_msg((c != NULL) == (lists[_i].want == NULL), "%s: %s", lists[_i].what, e.text);
	if (lists[_i].want != NULL) {
		ck_assert_int_eq(e.class, OUT_REFUSE);
		ck_assert_msg(strstr(e.text, lists[_i].want) != NULL &&
		    strstr(e.text, "revoked") != NULL, "%s: %s", lists[_i].what, e.text);
	}
	chain_free(c);
	buf_clear(&der);
	world_clear(&w);
}
END_TEST

START_TEST(a_revoked_cross_certificate_is_left_out)
{
	struct world w;
	struct chain_in in;
	struct chain *c = NULL;
	struct testca_list spec = { 0 };
	struct blob blob;
	struct list all = { &blob, 1 };
	struct err e = ERR_NONE;
	struct buf der;

	world_init(&w, &plain);
	world_trust(&w, R, O);
	buf_init(&der, 65536);
	spec.revoked = w.certs[X];
	testca_crl(w.certs[O], &spec, &der);
	blob = (struct blob){ der.p, der.n };
	in = world_input(&w, "LIX");
	in.crls = &all;
	ck_assert_msg(chain_check(&in, &c, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(chain_count(c), 2);
	chain_free(c);
	buf_clear(&der);
	world_clear(&w);
}
END_TEST

static const struct {
	const char	*url;
	bool		 taken;
} urls[] = {
	{ "http://crl.example/1.crl", true },
	{ "https://crl.example/1.crl", true },
	{ "ldap://crl.example/cn=1", false },
	{ "file:///etc/passwd", false },
	{ "http://user@crl.example/1", false },
};

START_TEST(lists_are_fetched_from_http_only)
{
	struct testca_spec spec = { .cn = "CA", .ca = true, .crl = urls[_i].url };
	struct testca_cert *ca = testca_root(&spec);
	struct strs found = { 0 };
	struct err e = ERR_NONE;

	ck_assert_int_eq(crl_urls(testca_der(ca), &found, &e), 0);
	ck_assert_msg(found.n == urls[_i].taken, "%s", urls[_i].url);
	if (urls[_i].taken)
		ck_assert_str_eq(found.v[0], urls[_i].url);
	strs_clear(&found);
	testca_free(ca);
}
END_TEST

/* --- the keeper --- */

static void
run_with(enum fake_list list, enum outcome want)
{
	fake_reset();
	script.list = list;
	script.setup.force = true;
	fake_run_to(CMD_RENEW, want);
}

static bool
asked_for_list(void)
{
	return strstr(seen.trace, "list") != NULL;
}

START_TEST(a_revoked_intermediate_is_refused_and_the_next_chain_is_taken)
{
	run_with(LIST_REVOKED, OUT_REFUSE);
	ck_assert_ptr_nonnull(strstr(seen.last, "revoked"));
	ck_assert_ptr_nonnull(strstr(seen.trace, "list leave"));
	ck_assert_int_eq(fake_look(0).version, 0);
}
END_TEST

START_TEST(a_list_is_fetched_once_a_day)
{
	run_with(LIST_GOOD, OUT_OK);
	ck_assert(asked_for_list());
	run_with(LIST_LOST, OUT_OK);
	ck_assert_msg(!asked_for_list(), "%s", seen.trace);
}
END_TEST

static const enum fake_list unknown[] = { LIST_LOST, LIST_HTML, LIST_FORGED };

START_TEST(a_list_that_cannot_be_had_stops_nobody)
{
	run_with(unknown[_i], OUT_OK);
	ck_assert(asked_for_list());
	fake_check_active(0);
}
END_TEST

static const struct {
	const char	*what;
	const char	*before, *after;	/* keys of the intermediates */
	int64_t		 days_before, days_after;
	const char	*want;			/* NULL: taken */
	const char	*key;			/* of the second leaf */
} changes[] = {
	{ "alike", "ecdsa-p256", "ecdsa-p256", 0, 0, NULL, NULL },
	{ "a stronger issuer", "ecdsa-p256", "ecdsa-p384", 0, 0, NULL, NULL },
	{ "a weaker issuer", "ecdsa-p256", "rsa-2048", 0, 0, "112 bits of security", NULL },
	{ "a weaker issuer for another kind of key", "ecdsa-p256", "rsa-2048", 0, 0, NULL,
	  "rsa-2048" },
	{ "an issuer that ends before the leaf", NULL, "ecdsa-p256", 0, 30, "before the leaf",
	    NULL },
	{ "an issuer that ends before the leaf, as before", "ecdsa-p256", "ecdsa-p256", 30, 20,
	  NULL, NULL },
};

START_TEST(a_chain_worse_than_the_one_in_service_is_refused)
{
	script.inter_key = changes[_i].before;
	script.inter_days = changes[_i].days_before;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_reset();
	script.inter_key = changes[_i].after;
	script.inter_days = changes[_i].days_after;
	script.key = changes[_i].key;
	script.setup.force = true;
	fake_run(CMD_RENEW);
	ck_assert_msg((seen.outcome == OUT_OK) == (changes[_i].want == NULL), "%s: %jd: %s",
	    changes[_i].what, (intmax_t)seen.outcome, seen.last);
	if (changes[_i].want != NULL) {
		ck_assert_int_eq(seen.outcome, OUT_REFUSE);
		ck_assert_msg(strstr(seen.last, changes[_i].want) != NULL, "%s", seen.last);
	}
	ck_assert_int_eq(fake_look(0).version, changes[_i].want == NULL ? 2 : 1);
	fake_check_active(0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("standing");
	TCase *lists_case = tcase_create("lists"), *keeper = tcase_create("keeper");

	tcase_add_loop_test(lists_case, only_what_a_sound_list_says_counts, 0, (int)NITEMS(lists));
	tcase_add_test(lists_case, a_revoked_cross_certificate_is_left_out);
	tcase_add_loop_test(lists_case, lists_are_fetched_from_http_only, 0, (int)NITEMS(urls));
	tcase_add_checked_fixture(keeper, fake_start, fake_finish);
	tcase_add_test(keeper, a_revoked_intermediate_is_refused_and_the_next_chain_is_taken);
	tcase_add_test(keeper, a_list_is_fetched_once_a_day);
	tcase_add_loop_test(keeper, a_list_that_cannot_be_had_stops_nobody, 0,
	    (int)NITEMS(unknown));
	tcase_add_loop_test(keeper, a_chain_worse_than_the_one_in_service_is_refused, 0,
	    (int)NITEMS(changes));
	suite_add_tcase(s, lists_case);
	suite_add_tcase(s, keeper);
	return suite_run(s);
}
