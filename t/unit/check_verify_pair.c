/*
 * check_verify_pair: servers with one leaf of a pair of keys, or both.
 */
#include "suite.h"
#include "verifypeer.h"

/* The second leaf, and that each is to be asked for by itself. */
static void
in_pair(struct verify_in *in)
{
	struct verify_leaf *l;
	struct buf b;

	ck_assert_ptr_nonnull(l = list_add(&in->leaves, sizeof(*l)));
	buf_init(&b, 1024);
	digest(tlspeer_leaf(RSA_LEAF), &b);
	digest(tlspeer_issuer(), &b);
	ck_assert_int_eq(blob_set(&l->want, buf_span(&b)), 0);
	buf_clear(&b);
	ck_assert_ptr_nonnull(l->family = strdup("rsa"));
	l--;
	ck_assert_ptr_nonnull(l->family = strdup("ecdsa"));
}

static const struct {
	const char		*what;
	const char		*serves;
	int			 version;
	enum verify_verdict	 ecdsa, rsa, all;
} pairs[] = {
	{ "both", "P", 0, VERIFY_NEW, VERIFY_NEW, VERIFY_NEW },
	{ "both in TLS 1.2", "P", TLS1_2_VERSION, VERIFY_NEW, VERIFY_NEW, VERIFY_NEW },
	{ "both in TLS 1.3", "P", TLS1_3_VERSION, VERIFY_NEW, VERIFY_NEW, VERIFY_NEW },
	{ "the first alone", "n", 0, VERIFY_NEW, VERIFY_ABSENT, VERIFY_NEW },
	{ "the first alone in TLS 1.2", "n", TLS1_2_VERSION, VERIFY_NEW, VERIFY_ABSENT,
	    VERIFY_NEW },
	{ "the first alone in TLS 1.3", "n", TLS1_3_VERSION, VERIFY_NEW, VERIFY_ABSENT,
	    VERIFY_NEW },
	{ "the second alone", "R", 0, VERIFY_ABSENT, VERIFY_NEW, VERIFY_NEW },
	{ "the second alone in TLS 1.2", "R", TLS1_2_VERSION, VERIFY_ABSENT, VERIFY_NEW,
	    VERIFY_NEW },
	{ "an old first alone", "o", 0, VERIFY_OLD, VERIFY_ABSENT, VERIFY_OLD },
	{ "an old second", "S", 0, VERIFY_NEW, VERIFY_OLD, VERIFY_OLD },
	{ "an old second in TLS 1.2", "S", TLS1_2_VERSION, VERIFY_NEW, VERIFY_OLD, VERIFY_OLD },
	{ "the second in some processes", "PPPPPPPn", 0, VERIFY_NEW, VERIFY_UNREACHABLE,
	  VERIFY_UNREACHABLE },
	{ "nothing for anybody", "c", 0, VERIFY_UNREACHABLE, VERIFY_UNREACHABLE,
	    VERIFY_UNREACHABLE },
};

START_TEST(each_leaf_of_a_pair_is_asked_for_by_itself)
{
	const struct tlspeer_script script = { .serves = pairs[_i].serves,
		.version = pairs[_i].version };
	const char *what = pairs[_i].what;
	const struct verify_seen *s;
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e = ERR_NONE;

	start(&sv, &script);
	in_init(&in, true);
	in_pair(&in);
	in_add(&in, "sips", sv.port);
	ck_assert_msg(verify_run(&in, &out, &e) == 0, "%s: %s", what, e.text);
	ck_assert_uint_eq(out.seen.n, 2);
	s = out.seen.v;
	ck_assert_str_eq(s[0].family, "ecdsa");
	ck_assert_str_eq(s[1].family, "rsa");
	ck_assert_msg(s[0].verdict == (int64_t)pairs[_i].ecdsa &&
	    s[1].verdict == (int64_t)pairs[_i].rsa,
	    "%s: got %s, %s (%s; %s)", what, verify_word(s[0].verdict), verify_word(s[1].verdict),
	    s[0].note, s[1].note);
	ck_assert_msg(out.verdict == (int64_t)pairs[_i].all, "%s: got %s", what,
	    verify_word(out.verdict));
	ck_assert_int_eq(verify_judge(&out, &e), out.verdict == VERIFY_NEW ? 0 : -1);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("verify pair");
	TCase *tc = tcase_create("verify");

	tcase_add_unchecked_fixture(tc, tlspeer_certs, NULL);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, each_leaf_of_a_pair_is_asked_for_by_itself, 0, NITEMS(pairs));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
