/*
 * check_verify: against a TLS server in a child process that serves what its
 * script says, connection by connection (FAULTS K07, K08, K13, K15).
 */
#include "suite.h"
#include "verifypeer.h"

static const struct {
	const char		*what;
	struct tlspeer_script	 script;
	const char		*scheme;
	bool			 old_known;
	enum verify_verdict	 want;
	int			 connections;	/* 0: not looked at */
	const char		*note;		/* NULL: none */
	enum tlspeer_kind	 shows;		/* the leaf; TLSPEER_KINDS: none */
} rows[] = {
	{ "new everywhere", { .serves = "n" }, "sips", true, VERIFY_NEW, 4, NULL, NEW },
	{ "new, old not known", { .serves = "n" }, "tls", false, VERIFY_NEW, 4, NULL, NEW },
	{ "old (K07)", { .serves = "o" }, "sips", true, VERIFY_OLD, 4, NULL, OLD },
	{ "not new, old not known", { .serves = "x" }, "sips", false, VERIFY_OLD, 4, NULL, OTHER },
	{ "mixed at the end (K08)", { .serves = "nnno" }, "sips", true, VERIFY_MIXED, 4, NULL,
	    OLD },
	{ "mixed at the beginning", { .serves = "onnn" }, "sips", true, VERIFY_MIXED, 4, NULL,
	    OLD },
	{ "mixed, old not known", { .serves = "nxnn" }, "sips", false, VERIFY_MIXED, 4, NULL,
	  OTHER },
	{ "neither (K15)", { .serves = "x" }, "sips", true, VERIFY_OTHER, 4, NULL, OTHER },
	{ "new and neither", { .serves = "nnxn" }, "sips", true, VERIFY_OTHER, 4, NULL, OTHER },
	{ "without chain (K13)", { .serves = "l" }, "sips", true, VERIFY_CHAIN, 4, NULL, NEW },
	{ "once without chain", { .serves = "nnln" }, "sips", true, VERIFY_CHAIN, 4, NULL, NEW },
	{ "another chain", { .serves = "s" }, "sips", true, VERIFY_CHAIN, 4, NULL, NEW },
	{ "with the root", { .serves = "r" }, "sips", true, VERIFY_NEW, 4, NULL, NEW },
	{ "with twenty more", { .serves = "m" }, "sips", true, VERIFY_NEW, 4, NULL, NEW },
	{ "a weak one", { .serves = "w" }, "sips", true, VERIFY_OTHER, 4, NULL, WEAK },
	{ "a huge one", { .serves = "b" }, "sips", true, VERIFY_OTHER, 4, NULL, HUGE },
	{ "closes", { .serves = "c" }, "sips", true, VERIFY_UNREACHABLE, 1, "TLS handshake: ",
	  TLSPEER_KINDS },
	{ "closes once", { .serves = "nncn" }, "sips", true, VERIFY_UNREACHABLE, 3,
	  "TLS handshake: ", NEW },
	{ "plain text", { .serves = "p" }, "sips", true, VERIFY_UNREACHABLE, 1, "wrong version",
	  TLSPEER_KINDS },
	{ "TLS 1.3 only (K13)", { .serves = "n", .version = TLS1_3_VERSION }, "sips", true,
	  VERIFY_NEW, 4, NULL, NEW },
	{ "TLS 1.2 only", { .serves = "n", .version = TLS1_2_VERSION }, "sips", true, VERIFY_NEW,
	  4, NULL, NEW },
	{ "TLS 1.1 only", { .serves = "n", .version = TLS1_1_VERSION }, "sips", true,
	  VERIFY_UNREACHABLE, 1, "TLS handshake: ", TLSPEER_KINDS },
	{ "demands a certificate in TLS 1.2 (K13)",
	  { .serves = "n", .demands = true, .version = TLS1_2_VERSION }, "sips", true, VERIFY_NEW,
	  4, "wants a client certificate", NEW },
	{ "demands a certificate in TLS 1.3 (K13)",
	  { .serves = "n", .demands = true, .version = TLS1_3_VERSION }, "sips", true, VERIFY_NEW,
	  4, "wants a client certificate", NEW },
	{ "demands a certificate and has the old one", { .serves = "o", .demands = true }, "sips",
	  true, VERIFY_OLD, 4, NULL, OLD },
	{ "asks for a certificate", { .serves = "n", .invites = true }, "sips", true, VERIFY_NEW, 4,
	  NULL, NEW },
	{ "another answer", { .serves = "n", .answers = "220 mail ESMTP\r\n" }, "sips", true,
	  VERIFY_SILENT, 4, "neither SIP nor a websocket", NEW },
	{ "anything on tls", { .serves = "n", .answers = "" }, "tls", true, VERIFY_NEW, 4, NULL,
	  NEW },
	{ "a websocket", { .serves = "n" }, "wss", true, VERIFY_NEW, 4, NULL, NEW },
	{ "a websocket elsewhere", { .serves = "n", .answers = "HTTP/1.1 404 No\r\n" }, "wss", true,
	  VERIFY_NEW, 4, "HTTP status 404", NEW },
	{ "a websocket that is none",
	  { .serves = "n", .answers = "HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: x\r\n\r\n" },
	  "wss", true, VERIFY_SILENT, 4, "neither SIP nor a websocket", NEW },
};

static void
check_leaf(const char *what, const struct verify_seen *s, enum tlspeer_kind kind)
{
	struct buf d;

	buf_init(&d, SHA256_LEN);
	if (kind != TLSPEER_KINDS)
		digest(tlspeer_leaf(kind), &d);
	ck_assert_msg(span_eq(blob_span(&s->sha256), buf_span(&d)), "%s: got another digest", what);
	ck_assert_msg(kind == TLSPEER_KINDS || kind == HUGE ||
	    span_eq(blob_span(&s->leaf.der), testca_der(tlspeer_leaf(kind))),
	    "%s: got another leaf", what);
	ck_assert_msg(kind != HUGE || s->leaf.der.n == 0, "%s: kept", what);
	buf_clear(&d);
}

START_TEST(verdicts_keep_their_table)
{
	const char *what = rows[_i].what;
	const struct verify_seen *s;
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e = ERR_NONE;

	start(&sv, &rows[_i].script);
	in_init(&in, rows[_i].old_known);
	in_add(&in, rows[_i].scheme, sv.port);
	ck_assert_msg(verify_run(&in, &out, &e) == 0, "%s: %s", what, e.text);
	s = out.seen.v;
	ck_assert_uint_eq(out.seen.n, 1);
	ck_assert_msg(s->verdict == (int64_t)rows[_i].want && out.verdict == s->verdict,
	    "%s: got %s, want %s (%s)", what, verify_word(s->verdict), verify_word(rows[_i].want),
	    s->note);
	ck_assert_msg(sv.tale->connections == rows[_i].connections, "%s: got %d connections", what,
	    sv.tale->connections);
	ck_assert_msg(s->handshakes == rows[_i].connections, "%s: got %jd handshakes", what,
	    (intmax_t)s->handshakes);
	ck_assert_msg(rows[_i].note == NULL ? s->note == NULL :
	    s->note != NULL && strstr(s->note, rows[_i].note) != NULL, "%s: got note %s", what,
	    s->note);
	check_leaf(what, s, rows[_i].shows);
	ck_assert_int_eq(verify_judge(&out, &e), out.verdict == VERIFY_NEW ? 0 : -1);
	ck_assert_msg(out.verdict == VERIFY_NEW || (strstr(e.text, "127.0.0.1") != NULL &&
	    strstr(e.text, "sip.example.com") != NULL), "%s: got %s", what, e.text);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

/* The server never answers: sooner or later that is the result. */
START_TEST(patience_ends)
{
	static const struct {
		struct tlspeer_script	 script;
		enum verify_verdict	 want;
		const char		*note;
	} silent[] = {
		{ { .serves = "n", .answers = "" }, VERIFY_SILENT, "answer: nothing within" },
		{ { .serves = "h" }, VERIFY_UNREACHABLE, "TLS handshake: nothing within" },
	};
	const struct verify_seen *s;
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;

	start(&sv, &silent[_i].script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	s = out.seen.v;
	ck_assert_msg(s->verdict == (int64_t)silent[_i].want && s->note != NULL &&
	    strstr(s->note, silent[_i].note) != NULL, "got %s, %s", verify_word(s->verdict),
	    s->note);
	ck_assert_int_eq(verify_judge(&out, &e), -1);
	ck_assert_int_eq(e.class, silent[_i].want == VERIFY_SILENT ? OUT_HOLD : OUT_RETRY);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

START_TEST(a_late_change_is_waited_for)
{
	const struct tlspeer_script script = { .serves = "oooon" };
	const struct verify_seen *s;
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;

	start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	in.settle = 15;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	s = out.seen.v;
	ck_assert_int_eq(out.verdict, VERIFY_NEW);
	ck_assert_int_eq(out.rounds, 2);
	ck_assert_int_eq(s->handshakes, 4);
	ck_assert_uint_eq(nrests, 1);
	ck_assert_int_eq(rests[0], 1000);
	check_leaf("second round", s, NEW);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

/* FAULTS K07: three checks over the time to settle, at the least; the last one at its end. */
START_TEST(the_time_to_settle_is_used_up)
{
	const struct tlspeer_script script = { .serves = "o" };
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;
	int64_t sum = 0;
	size_t i;

	start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	in.settle = 3600;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	ck_assert_int_eq(out.verdict, VERIFY_OLD);
	ck_assert_int_eq(out.rounds, 5);
	for (i = 0; i < nrests; i++)
		sum += rests[i];
	ck_assert_int_le(sum, 3600 * 1000);
	ck_assert_int_ge(out.ms, 3600 * 1000);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

/* FAULTS K08 */
START_TEST(every_worker_is_met_for_every_name)
{
	const struct tlspeer_script script = { .serves = "n" };
	const struct verify_seen *s;
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;
	int i;

	start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	in_add(&in, "tls", sv.port);
	ck_assert_int_eq(strs_add(&in.names, "*.example.org"), 0);
	in.workers = 3;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	ck_assert_int_eq(out.verdict, VERIFY_NEW);
	ck_assert_uint_eq(out.seen.n, 4);
	s = out.seen.v;
	ck_assert_str_eq(s[1].name, "*.example.org");
	ck_assert_int_eq(s[1].handshakes, 12);
	ck_assert_int_eq(sv.tale->connections, 48);
	ck_assert_int_eq(sv.tale->requests, 2);	/* one per name of the listener for SIP */
	for (i = 0; i < sv.tale->names; i++)
		ck_assert_str_eq(sv.tale->sni[i],
		    i / 12 % 2 == 0 ? "sip.example.com" : "k.example.org");
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

START_TEST(an_address_is_not_sent_as_a_name)
{
	const struct tlspeer_script script = { .serves = "n" };
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;

	start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	strs_clear(&in.names);
	ck_assert_int_eq(strs_add(&in.names, "192.0.2.1"), 0);
	ck_assert_int_eq(strs_add(&in.names, "2001:db8::1"), 0);
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	ck_assert_int_eq(out.verdict, VERIFY_NEW);
	ck_assert_int_eq(sv.tale->connections, 8);
	for (int i = 0; i < sv.tale->names; i++)
		ck_assert_str_eq(sv.tale->sni[i], "");
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

START_TEST(handshakes_are_rationed)
{
	static const struct {
		int64_t	workers;
		size_t	names;
		size_t	leaves;
		bool	look;
		int64_t	want;
	} asked[] = {
		{ 1, 1, 1, false, 4 }, { 0, 1, 1, false, 4 }, { -1, 1, 1, false, 4 },
		{ 8, 1, 1, false, 32 }, { 8, 100, 1, false, 5 }, { 8, 512, 1, false, 2 },
		{ 8, 5000, 1, false, 2 }, { 1000, 1, 1, false, 512 },
		{ INT64_MAX, 1, 1, false, 512 }, { 8, 1, 1, true, 1 }, { 8, 1, 2, false, 32 },
		{ 1000, 1, 2, false, 256 }, { 8, 50, 2, false, 5 },
	};
	struct verify_in in = { .workers = asked[_i].workers, .look = asked[_i].look,
		.names.n = asked[_i].names, .leaves.n = asked[_i].leaves };

	ck_assert_int_eq(handshakes_of(&in), asked[_i].want);
}
END_TEST

START_TEST(looking_is_one_handshake_and_says_nothing)
{
	const struct tlspeer_script script = { .serves = "o", .answers = "" };
	const struct verify_seen *s;
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;

	start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	in.look = true;
	in.settle = 15;
	in.workers = 8;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	s = out.seen.v;
	ck_assert_int_eq(s->verdict, VERIFY_OLD);
	ck_assert_int_eq(out.rounds, 1);
	ck_assert_int_eq(sv.tale->connections, 1);
	ck_assert_int_eq(sv.tale->requests, 0);
	check_leaf("look", s, OLD);
	ck_assert_str_eq(s->leaf.subject, "CN = leaf");
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

START_TEST(a_listener_that_is_down_is_tried_once)
{
	const struct tlspeer_script script = { .serves = "n" };
	const struct verify_seen *s;
	struct tlspeer sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;
	uint16_t port;

	start(&sv, &script);
	(void)close(tlspeer_bind(&port));
	in_init(&in, true);
	in_add(&in, "sips", port);
	in_add(&in, "sips", sv.port);
	ck_assert_int_eq(strs_add(&in.names, "b.example.com"), 0);
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	s = out.seen.v;
	ck_assert_int_eq(out.verdict, VERIFY_UNREACHABLE);
	ck_assert_int_eq(s[0].verdict, VERIFY_UNREACHABLE);
	ck_assert_int_eq(s[0].handshakes, 1);
	ck_assert_int_eq(s[1].verdict, VERIFY_UNREACHABLE);
	ck_assert_int_eq(s[1].handshakes, 0);
	ck_assert(strstr(s[0].note, "refused") != NULL && strstr(s[1].note, "refused") != NULL);
	ck_assert_int_eq(s[2].verdict, VERIFY_NEW);
	ck_assert_int_eq(s[3].verdict, VERIFY_NEW);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	tlspeer_stop(&sv);
}
END_TEST

START_TEST(what_is_no_listener_is_a_hold)
{
	struct verify_out out;
	struct verify_in in;
	struct err e;

	in_init(&in, true);
	ck_assert_int_eq(verify_run(&in, &out, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(strs_add(&in.listeners, "sip:127.0.0.1:5060"), 0);
	ck_assert_int_eq(verify_run(&in, &out, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_null(out.seen.v);
	pack_clear(&verify_in_pack, &in);
}
END_TEST

START_TEST(results_travel)
{
	const struct tlspeer_script script = { .serves = "nnno" };
	struct tlspeer sv = { 0 };
	struct verify_out out, back;
	const struct verify_seen *s;
	struct verify_in in, in_back;
	struct buf b;
	struct rd r;
	struct err e;

	start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	buf_init(&b, PEM_MAX);
	pack_write(&verify_in_pack, &in, &b);
	pack_write(&verify_out_pack, &out, &b);
	ck_assert(buf_ok(&b));
	r = rd_of(buf_span(&b));
	ck_assert_int_eq(pack_read(&verify_in_pack, &r, &in_back), 0);
	ck_assert_int_eq(pack_read(&verify_out_pack, &r, &back), 0);
	ck_assert(rd_end(&r));
	ck_assert(span_eq(blob_span(&((struct verify_leaf *)in.leaves.v)->want),
	    blob_span(&((struct verify_leaf *)in_back.leaves.v)->want)));
	s = back.seen.v;
	ck_assert_int_eq(back.verdict, VERIFY_MIXED);
	ck_assert_int_eq(s->wanted, 3);
	check_leaf("sent", s, OLD);
	buf_clear(&b);
	pack_clear(&verify_in_pack, &in_back);
	pack_clear(&verify_in_pack, &in);
	pack_clear(&verify_out_pack, &back);
	pack_clear(&verify_out_pack, &out);
	tlspeer_stop(&sv);
}
END_TEST

START_TEST(words_are_never_missing)
{
	struct verify_out none = { .verdict = VERIFY_OLD }, wild = { .verdict = 99 };
	struct err e;

	ck_assert_str_eq(verify_word(VERIFY_NEW), "new");
	ck_assert_str_eq(verify_word(VERIFY_OTHER), "other");
	ck_assert_str_eq(verify_word(-1), "unknown");
	ck_assert_str_eq(verify_word(VERIFY_OTHER + 1), "unknown");
	ck_assert_int_eq(verify_judge(&none, &e), -1);
	ck_assert_int_eq(verify_judge(&wild, &e), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("verify");
	TCase *tc = tcase_create("verify");

	tcase_add_unchecked_fixture(tc, tlspeer_certs, NULL);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, verdicts_keep_their_table, 0, NITEMS(rows));
	tcase_add_loop_test(tc, patience_ends, 0, 2);
	tcase_add_test(tc, a_late_change_is_waited_for);
	tcase_add_test(tc, the_time_to_settle_is_used_up);
	tcase_add_test(tc, every_worker_is_met_for_every_name);
	tcase_add_test(tc, an_address_is_not_sent_as_a_name);
	tcase_add_loop_test(tc, handshakes_are_rationed, 0, 13);
	tcase_add_test(tc, looking_is_one_handshake_and_says_nothing);
	tcase_add_test(tc, a_listener_that_is_down_is_tried_once);
	tcase_add_test(tc, what_is_no_listener_is_a_hold);
	tcase_add_test(tc, results_travel);
	tcase_add_test(tc, words_are_never_missing);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
