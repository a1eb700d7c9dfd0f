/*
 * check_responder_http: the test CA's reader of HTTP/1.1.
 */
#include <check.h>
#include <string.h>

#include "responder/http.h"
#include "suite.h"

/* --- requests --- */

#define POST_HEAD "POST /x HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
	const char		*what;
	const char		*in;
	enum http_result	 result;
	int			 status;
} requests[] = {
	{ "a request", "GET /dir HTTP/1.1\r\nHost: a:1\r\n\r\n", HTTP_WHOLE, 0 },
	{ "a request with a body", POST_HEAD "Content-Length: 2\r\n\r\nab", HTTP_WHOLE, 0 },
	{ "the body is not all there", POST_HEAD "Content-Length: 3\r\n\r\nab", HTTP_MORE, 0 },
	{ "the head is not all there", "GET / HTTP/1.1\r\nHost: a\r\n", HTTP_MORE, 0 },
	{ "nothing", "", HTTP_MORE, 0 },
	{ "a bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", HTTP_BAD, 400 },
	{ "nothing but bare LFs", "GET / HTTP/1.1\n\n", HTTP_BAD, 400 },
	{ "HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", HTTP_WHOLE, 0 },
	{ "HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", HTTP_BAD, 400 },
	{ "chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\n" CHUNKED "0\r\n\r\n", HTTP_BAD,
	    501 },
	{ "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_BAD, 505 },
	{ "no Host", "GET / HTTP/1.1\r\n\r\n", HTTP_BAD, 400 },
	{ "Host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", HTTP_BAD, 400 },
	{ "a Host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP_BAD, 400 },
	{ "an absolute target", "GET https://a/dir HTTP/1.1\r\nHost: b\r\n\r\n", HTTP_WHOLE, 0 },
	{ "an absolute target, not by TLS", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD,
	    400 },
	{ "an absolute target with a password", "GET https://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n",
	    HTTP_BAD, 400 },
	{ "an absolute target and no Host", "GET https://a/ HTTP/1.1\r\n\r\n", HTTP_BAD, 400 },
	{ "an empty line before", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_WHOLE, 0 },
	{ "two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD, 400 },
	{ "a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", HTTP_BAD, 400 },
	{ "a folded line", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", HTTP_BAD, 400 },
	{ "a line without colon", "GET / HTTP/1.1\r\nHost: a\r\nxyz\r\n\r\n", HTTP_BAD, 400 },
	{ "a method too long", "PROPPATCH / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD, 501 },
	{ "another transfer coding", POST_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_BAD,
	    501 },
	{ "chunks", POST_HEAD CHUNKED "1\r\na\r\n0\r\n\r\n", HTTP_WHOLE, 0 },
	{ "chunks with a trailer", POST_HEAD CHUNKED "1\r\na\r\n0\r\nA: b\r\n\r\n", HTTP_WHOLE, 0 },
	{ "a trailer is not all there", POST_HEAD CHUNKED "1\r\na\r\n0\r\nA: b\r\n", HTTP_MORE, 0 },
	{ "a chunk is not all there", POST_HEAD CHUNKED "2\r\nab", HTTP_MORE, 0 },
	{ "a chunk's size is not all there", POST_HEAD CHUNKED "1\r", HTTP_MORE, 0 },
	{ "a chunk without size", POST_HEAD CHUNKED "\r\na\r\n", HTTP_BAD, 400 },
	{ "a chunk with a bad size", POST_HEAD CHUNKED "-1\r\na\r\n", HTTP_BAD, 400 },
	{ "a chunk with a control character in its size", POST_HEAD CHUNKED "\x11\r\na\r\n",
	    HTTP_BAD, 400 },
	{ "a chunk with a size in capitals", POST_HEAD CHUNKED
	    "A\r\n0123456789\r\n0\r\n\r\n", HTTP_WHOLE, 0 },
	{ "a chunk with too many digits", POST_HEAD CHUNKED "0000001\r\na\r\n", HTTP_BAD, 400 },
	{ "a chunk longer than it says", POST_HEAD CHUNKED "1\r\nabc\r\n", HTTP_BAD, 400 },
	{ "a chunk too long", POST_HEAD CHUNKED "50000\r\n", HTTP_BAD, 413 },
	{ "chunks and a length", POST_HEAD "Content-Length: 1\r\n" CHUNKED "1\r\na\r\n0\r\n\r\n",
	    HTTP_BAD, 400 },
	{ "POST without length", POST_HEAD "\r\n", HTTP_BAD, 411 },
	{ "two lengths", POST_HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", HTTP_BAD,
	    400 },
	{ "a negative length", POST_HEAD "Content-Length: -1\r\n\r\n", HTTP_BAD, 400 },
	{ "a body too long", POST_HEAD "Content-Length: 300000\r\n\r\n", HTTP_BAD, 413 },
	{ "a length beyond all numbers", POST_HEAD "Content-Length: 99999999999999999999\r\n\r\n",
	    HTTP_BAD, 400 },
	{ "a TLS hello", "\x16\x03\x01\x02\r\n\r\n", HTTP_BAD, 400 },
};

START_TEST(requests_are_read_strictly)
{
	struct http_request req;
	struct buf scratch;
	enum http_result got;
	int status;

	buf_init(&scratch, HTTP_BODY_MAX);
	got = http_read_request(span_str(requests[_i].in), &scratch, &req, &status);
	ck_assert_msg(got == requests[_i].result, "%s: got %d, want %d", requests[_i].what, got,
	    requests[_i].result);
	if (got == HTTP_BAD)
		ck_assert_msg(status == requests[_i].status, "%s: got %d, want %d",
		    requests[_i].what, status, requests[_i].status);
	if (got == HTTP_WHOLE)
		ck_assert_uint_eq(req.size, strlen(requests[_i].in));
	buf_clear(&scratch);
}
END_TEST

static const struct {
	const char	*what;
	const char	*in;
	const char	*host, *path, *body;
	bool		 close, waits;
} details[] = {
	{ "a request", "GET /dir?a HTTP/1.1\r\nHost: a:1\r\n\r\n", "a:1", "/dir", "", false,
	    false },
	{ "the authority goes before Host", "GET https://b:2/dir HTTP/1.1\r\nHost: a\r\n\r\n",
	    "b:2", "/dir", "", false, false },
	{ "an authority alone", "GET https://b HTTP/1.1\r\nHost: a\r\n\r\n", "b", "/", "", false,
	    false },
	{ "HTTP/1.0 ends", "GET / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "a", "/",
	    "", true, false },
	{ "close among others", "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\n\r\n", "a",
	    "/", "", true, false },
	{ "close is no part of a word", "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n",
	    "a", "/", "", false, false },
	{ "chunks are put together", POST_HEAD CHUNKED
	    "2\r\nab\r\n1;x=\"y\"\r\nc\r\n0\r\nT: u\r\n\r\n", "a", "/x", "abc",
	    false, false },
	{ "who waits", POST_HEAD "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na", "a", "/x",
	    "a", false, true },
};

START_TEST(requests_are_understood)
{
	struct http_request req;
	struct buf scratch;
	int status;

	buf_init(&scratch, HTTP_BODY_MAX);
	ck_assert_int_eq(http_read_request(span_str(details[_i].in), &scratch, &req, &status),
	    HTTP_WHOLE);
	ck_assert_msg(strcmp(req.host, details[_i].host) == 0 &&
	    strcmp(req.path, details[_i].path) == 0,
	    "%s: got %s %s", details[_i].what, req.host, req.path);
	ck_assert_msg(span_is(req.body, details[_i].body), "%s: got %.*s", details[_i].what,
	    (int)req.body.n, (const char *)req.body.p);
	ck_assert_msg(req.close == details[_i].close, "%s: got close %d", details[_i].what,
	    req.close);
	ck_assert_msg(req.waits == details[_i].waits, "%s: got waits %d", details[_i].what,
	    req.waits);
	buf_clear(&scratch);
}
END_TEST

START_TEST(a_body_that_is_waited_with_is_told_apart)
{
	struct http_request req;
	struct buf scratch;
	int status;

	buf_init(&scratch, HTTP_BODY_MAX);
	ck_assert_int_eq(http_read_request(span_str(POST_HEAD
	    "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
	    &scratch, &req, &status), HTTP_MORE);
	ck_assert(req.waits);
	ck_assert_int_eq(http_read_request(span_str(POST_HEAD
	    "Expect: 100-continue\r\nContent-Length: 1\r\n"),
	    &scratch, &req, &status), HTTP_MORE);
	ck_assert(!req.waits);
	buf_clear(&scratch);
}
END_TEST

START_TEST(a_head_without_end_is_refused)
{
	struct http_request req;
	char text[HTTP_HEAD_MAX + 2];
	struct buf scratch;
	int status;

	buf_init(&scratch, 1024);
	memset(text, 'a', sizeof(text));
	ck_assert_int_eq(http_read_request(span_of(text, sizeof(text)), &scratch, &req, &status),
	    HTTP_BAD);
	ck_assert_int_eq(status, 431);
}
END_TEST

/* --- answers --- */

static const struct {
	const char		*what;
	const char		*in;
	bool			 eof;
	enum http_result	 result;
	const char		*body;
} answers[] = {
	{ "with a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", false, HTTP_WHOLE,
	    "ab" },
	{ "until the end", "HTTP/1.1 200 OK\r\n\r\nabc", true, HTTP_WHOLE, "abc" },
	{ "not yet", "HTTP/1.1 200 OK\r\n\r\nabc", false, HTTP_MORE, NULL },
	{ "cut", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true, HTTP_BAD, NULL },
	{ "in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\n"
	    "c\r\n0\r\n\r\n",
	    false, HTTP_WHOLE, "abc" },
	{ "in chunks, cut in a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n"
	    "ab\r\n1\r", false, HTTP_MORE, NULL },
	{ "in cut chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", true,
	    HTTP_BAD, NULL },
	{ "no HTTP", "SIP/2.0 200 OK\r\n\r\n", true, HTTP_BAD, NULL },
};

START_TEST(answers_are_read_whole)
{
	struct http_answer a;
	struct buf scratch;
	enum http_result got;

	buf_init(&scratch, 1024);
	got = http_read_answer(span_str(answers[_i].in), answers[_i].eof, &scratch, &a);
	ck_assert_msg(got == answers[_i].result, "%s: got %d, want %d", answers[_i].what, got,
	    answers[_i].result);
	if (got == HTTP_WHOLE)
		ck_assert_msg(span_is(a.body, answers[_i].body), "%s: got %.*s", answers[_i].what,
		    (int)a.body.n, (const char *)a.body.p);
	buf_clear(&scratch);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("responder http");
	TCase *c = tcase_create("messages");

	tcase_add_loop_test(c, requests_are_read_strictly, 0, NITEMS(requests));
	tcase_add_loop_test(c, requests_are_understood, 0, NITEMS(details));
	tcase_add_loop_test(c, answers_are_read_whole, 0, NITEMS(answers));
	tcase_add_test(c, a_head_without_end_is_refused);
	tcase_add_test(c, a_body_that_is_waited_with_is_told_apart);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
