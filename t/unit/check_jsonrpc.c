/*
 * jsonrpc: what becomes of replies, of those too that nobody should send.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/jsonrpc.h"
#include "suite.h"

#define ID	7
#define REPLY(result)	"{\"jsonrpc\":\"2.0\",\"result\":" result ",\"id\":7}"
#define FAULT(error)	"{\"jsonrpc\":\"2.0\",\"error\":" error ",\"id\":7}"

static struct buf records;
static struct binrpc_reply reply;
static struct err e;

static int
parse(const char *text)
{
	buf_reset(&records);
	err_clear(&e);
	return jsonrpc_parse(span_str(text), &binrpc_cap_reply, ID, &records, &reply, &e);
}

static void
start(void)
{
	buf_init(&records, BINRPC_LIST_OCTETS);
}

static void
finish(void)
{
	buf_clear(&records);
}

START_TEST(results_read_as_those_of_ctl)
{
	struct span s;
	int64_t n;

	ck_assert_int_eq(parse(REPLY("\"kamailio 5.6.3 \"")), 0);
	ck_assert(binrpc_only_str(&reply, &s) && span_is(s, "kamailio 5.6.3 "));
	ck_assert_int_eq(parse(REPLY("[\"a\",\"\",\"a longer one\"]")), 0);
	ck_assert(binrpc_str(&reply, 2, &s) && span_is(s, "a longer one"));
	ck_assert(binrpc_str(&reply, 1, &s) && s.n == 0);
	ck_assert(!binrpc_only_str(&reply, &s));
	ck_assert_int_eq(parse(REPLY("{\"total\":67108864,\"free\":9007199254740.5,"
	    "\"large\":5000000000,\"less\":-1,\"yes\":true,\"name\":\"x\",\"none\":null}")), 0);
	ck_assert(binrpc_member_int(&reply, "total", &n) && n == 67108864);
	ck_assert(binrpc_member_int(&reply, "free", &n) && n == 9007199254740);
	ck_assert(binrpc_member_int(&reply, "large", &n) && n == 5000000000);
	ck_assert(binrpc_member_int(&reply, "less", &n) && n == -1);
	ck_assert(binrpc_member_int(&reply, "yes", &n) && n == 1);
	ck_assert(binrpc_member_str(&reply, "name", &s) && span_is(s, "x"));
	ck_assert(binrpc_member_str(&reply, "none", &s) && s.n == 0);
	ck_assert_int_eq(parse(REPLY("[]")), 0);
	ck_assert_uint_eq(reply.body.n, 0);
	ck_assert_int_eq(parse(REPLY("null")), 0);
	ck_assert_uint_eq(reply.body.n, 0);
}
END_TEST

START_TEST(lists_of_structs_keep_their_depth)
{
	struct binrpc_record rec;
	struct binrpc_walk w;
	size_t n = 0;

	ck_assert_int_eq(parse(REPLY("[{\"PID\":1,\"DSC\":\"main\"},{\"PID\":2,\"DSC\":\"tcp\","
	    "\"in\":{\"DSC\":\"deep\"}}]")), 0);
	binrpc_walk(&reply, &w);
	while (binrpc_next(&w, &rec))
		n += rec.depth == 1 && span_is(rec.name, "DSC");
	ck_assert(rd_end(&w.r));
	ck_assert_uint_eq(n, 2);
}
END_TEST

START_TEST(a_fault_is_an_answer)
{
	ck_assert_int_eq(parse(FAULT("{\"code\":500,\"message\":\"Error while fixing\"}")), 0);
	ck_assert(reply.fault && reply.code == 500 && span_is(reply.text, "Error while fixing"));
	ck_assert_int_eq(parse("{\"error\":{\"code\":-32700,\"message\":\"\"},\"id\":null}"), 0);
	ck_assert(reply.fault && reply.code == -32700);
}
END_TEST

static const char *const bad_replies[] = {
	"", "{", "[]", "\"x\"", "null", "{}", "{\"result\":\"Ok\"}",
	"{\"result\":\"Ok\",\"id\":8}", "{\"result\":\"Ok\",\"id\":\"7\"}",
	"{\"result\":\"Ok\",\"id\":null}", REPLY("\"a\\u0000b\""), REPLY("\"x\"") "x",
	"{\"result\":\"a\",\"result\":\"b\",\"id\":7}", FAULT("\"no\""), FAULT("{}"),
	FAULT("{\"code\":\"x\",\"message\":\"\"}"), FAULT("{\"code\":1}"),
	"{\"error\":{\"code\":1,\"message\":\"\"},\"id\":8}", REPLY("1e300000"),
	REPLY("[[[[[[[[[[1]]]]]]]]]]"), REPLY("99999999999999999999999"),
	REPLY("9223372036854775807"), "\xff\xfe", "GET / HTTP/1.1\r\n\r\n",
};

START_TEST(what_is_no_reply_is_refused)
{
	ck_assert_msg(parse(bad_replies[_i]) == -1, "accepted: %s", bad_replies[_i]);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_uint_eq(reply.body.n, 0);
	ck_assert(!reply.fault);
}
END_TEST

START_TEST(too_many_values_are_refused)
{
	struct buf b;
	size_t i;

	buf_init(&b, 1 << 20);
	buf_str(&b, "{\"result\":[0");
	for (i = 1; i <= binrpc_cap_reply.records; i++)
		buf_str(&b, ",0");
	buf_str(&b, "],\"id\":7}");
	ck_assert_int_eq(parse(buf_cstr(&b)), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(every_cut_of_a_reply_is_refused)
{
	static const char text[] = REPLY("[{\"a\":1,\"b\":\"x\"},[2]]");
	char cut[sizeof text];
	size_t n;

	for (n = 0; n < sizeof text - 1; n++) {
		memcpy(cut, text, n);
		cut[n] = '\0';
		ck_assert_msg(parse(cut) == -1, "accepted: %s", cut);
	}
	ck_assert_int_eq(parse(text), 0);
}
END_TEST

/* --- by HTTP --- */

#define MORE	1000000	/* wanted is what is asked for before the end of the head has come */

static const struct {
	const char	*came;
	size_t		 wanted;	/* behind it */
	bool		 refused;
	const char	*body;		/* NULL: refused, where it is complete */
} answers[] = {
	{ "", MORE, false, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Le", MORE, false, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", 4, false, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 2, false, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 0, false, "abcd" },
	{ "HTTP/1.0 200 OK\r\nX: y\r\nCONTENT-LENGTH:4\r\n\r\nabcd", 0, false, "abcd" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false, "" },
	{ "HTTP/1.1 500 Error\r\nContent-Length: 2\r\n\r\n{}", 0, false, "{}" },
	{ "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 0, false, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcde", 0, true, NULL },
	{ "HTTP/1.1 200 OK\r\n\r\nabcd", 0, true, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", 0, true, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", 0, true, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", 0, true, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 0, true, NULL },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, true, NULL },
	{ "HTTP/1.1 2\r\nContent-Length: 4\r\n\r\n", 0, true, NULL },
	{ "SIP/2.0 200 OK\r\nContent-Length: 4\r\n\r\n", 0, true, NULL },
	{ "\r\n\r\n", 0, true, NULL },
};

START_TEST(answers_by_http_keep_their_table)
{
	struct span came = span_str(answers[_i].came), body = SPAN_NONE;
	size_t wanted = 0;
	int rc = jsonrpc_http_wanted(came, &binrpc_cap_reply, &wanted, &e);

	ck_assert_msg((rc == -1) == answers[_i].refused, "%s: got %d", answers[_i].came, rc);
	if (rc == -1)
		return;
	if (answers[_i].wanted == MORE)
		ck_assert_uint_gt(wanted, 0);
	else
		ck_assert_uint_eq(wanted, answers[_i].wanted);
	if (wanted > 0)
		return;
	rc = jsonrpc_http_body(came, &body, &e);
	ck_assert_int_eq(rc, answers[_i].body != NULL ? 0 : -1);
	ck_assert(rc == -1 || span_is(body, answers[_i].body));
	ck_assert(rc == 0 || (e.class == OUT_HOLD && e.hint[0] != '\0'));
}
END_TEST

START_TEST(a_head_without_end_is_refused)
{
	static char head[10000] = "HTTP/1.1 200 OK\r\nX: ";
	size_t wanted;

	memset(head + strlen(head), 'x', sizeof head - strlen(head) - 1);
	ck_assert_int_eq(jsonrpc_http_wanted(span_str(head), &binrpc_cap_reply, &wanted, &e), -1);
}
END_TEST

/* --- requests --- */

START_TEST(requests_are_what_kamailio_reads)
{
	struct wire_addr a;
	struct buf b;

	buf_init(&b, 2048);
	ck_assert_int_eq(wire_addr_parse("jsonrpc+http://[::1]:5060/RPC", &a, &e), 0);
	jsonrpc_request(&a, 7, "core.shmmem", "k", &b);
	ck_assert_str_eq(buf_cstr(&b), "{\"jsonrpc\":\"2.0\",\"method\":\"core.shmmem\","
	    "\"params\":[\"k\"],\"id\":7}");
	buf_reset(&b);
	jsonrpc_http_request(&a, 7, "tls.info", NULL, &b);
	ck_assert_str_eq(buf_cstr(&b), "POST /RPC HTTP/1.1\r\nHost: [::1]:5060\r\n"
	    "Content-Type: application/json\r\nContent-Length: 44\r\n\r\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"tls.info\",\"id\":7}");
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("jsonrpc");
	TCase *tc = tcase_create("jsonrpc");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_test(tc, results_read_as_those_of_ctl);
	tcase_add_test(tc, lists_of_structs_keep_their_depth);
	tcase_add_test(tc, a_fault_is_an_answer);
	tcase_add_loop_test(tc, what_is_no_reply_is_refused, 0, NITEMS(bad_replies));
	tcase_add_test(tc, too_many_values_are_refused);
	tcase_add_test(tc, every_cut_of_a_reply_is_refused);
	tcase_add_loop_test(tc, answers_by_http_keep_their_table, 0, NITEMS(answers));
	tcase_add_test(tc, a_head_without_end_is_refused);
	tcase_add_test(tc, requests_are_what_kamailio_reads);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
