/*
 * check_acme_headers: header lines, Link, Retry-After, media types, nonces (FAULTS I07).
 */
#include "acme/private.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "suite.h"

#define NOW	INT64_C(1790000000)	/* 2026-09-21T14:13:20Z */
#define BASE	"https://ca.example:8443/cert/1?x=1"

/* Lines separated by "|". */
static void
feed(struct acme_headers *h, const char *lines)
{
	struct err e;
	size_t n;

	for (; *lines != '\0'; lines += n + (lines[n] == '|')) {
		n = strcspn(lines, "|");
		ck_assert_int_eq(acme_headers_line(h, span_of(lines, n), &e), 0);
	}
}

static const struct {
	const char	*what;
	const char	*lines;
	const char	*nonce;
	const char	*location;
} lines[] = {
	{ "as they come", "Replay-Nonce: abc\r\n|Location: /x\r\n", "abc", "/x" },
	{ "any letter case", "replay-NONCE:abc|LOCATION:/x", "abc", "/x" },
	{ "blanks around", "Replay-Nonce: \t abc \t\r\n", "abc", NULL },
	{ "the first of two", "Replay-Nonce: a|Replay-Nonce: b", "a", NULL },
	{ "no colon", "Replay-Nonce abc", NULL, NULL },
	{ "no value", "Replay-Nonce:\r\n|Location: \r\n", NULL, NULL },
	{ "another name", "X-Replay-Nonce: a|Replay-Nonces: b|Replay-Nonc: c", NULL, NULL },
	{ "blank before the colon", "Replay-Nonce : a", NULL, NULL },
	{ "folded", "Location: /a|\t/b", NULL, "/a" },
	{ "control character", "Replay-Nonce: a\x01z", NULL, NULL },
	{ "beyond ASCII", "Location: /\xc3\xa9", NULL, NULL },
	{ "tab inside", "Location: /a\tb", NULL, NULL },
	{ "DEL", "Location: /a\x7f", NULL, NULL },
	{ "bare CR inside", "Location: /a\rb", NULL, NULL },
	{ "a bad one does not hide a good one", "Location: /\x01|Location: /b", NULL, "/b" },
	{ "a new status line begins anew", "Location: /a|HTTP/1.1 200 OK|Replay-Nonce: b", "b",
	    NULL },
	{ "what came with 100 does not count", "HTTP/1.1 100 Continue|Replay-Nonce: a|\r\n|"
	  "HTTP/2 200|Location: /b", NULL, "/b" },
	{ "nothing", "\r\n||:|: a", NULL, NULL },
};

static bool
same(const char *got, const char *want)
{
	return want == NULL ? got == NULL : got != NULL && strcmp(got, want) == 0;
}

START_TEST(lines_keep_their_table)
{
	struct acme_reply r;

	acme_reply_init(&r);
	feed(&r.headers, lines[_i].lines);
	ck_assert_msg(same(r.headers.nonce, lines[_i].nonce), "%s: nonce: got %s", lines[_i].what,
	    r.headers.nonce);
	ck_assert_msg(same(r.headers.location, lines[_i].location), "%s: location: got %s",
	    lines[_i].what, r.headers.location);
	acme_reply_clear(&r);
}
END_TEST

START_TEST(a_line_may_hold_a_nul)
{
	static const char line[] = "Replay-Nonce: ab\0cd";
	struct acme_reply r;
	struct err e;

	acme_reply_init(&r);
	ck_assert_int_eq(acme_headers_line(&r.headers, span_of(line, sizeof(line) - 1), &e), 0);
	ck_assert_ptr_null(r.headers.nonce);
	ck_assert_int_eq(acme_headers_line(&r.headers, span_of("\0\0:", 3), &e), 0);
	acme_reply_clear(&r);
}
END_TEST

START_TEST(a_value_has_a_maximum)
{
	struct acme_reply r;
	struct buf b;
	struct err e;

	acme_reply_init(&r);
	buf_init(&b, 20000);
	buf_str(&b, "Location: /");
	for (int i = 0; i < 8191 + _i; i++)
		buf_u8(&b, 'a');
	ck_assert_int_eq(acme_headers_line(&r.headers, buf_span(&b), &e), 0);
	ck_assert_int_eq(r.headers.location != NULL, _i == 0);
	buf_clear(&b);
	acme_reply_clear(&r);
}
END_TEST

START_TEST(links_have_a_maximum)
{
	struct acme_link_query q = { "alternate", ACME_LINKS_MAX - 1, BASE };
	struct acme_reply r;
	struct buf url;

	acme_reply_init(&r);
	buf_init(&url, 1024);
	for (int i = 0; i < 1000; i++)
		feed(&r.headers, "Link: </x>;rel=alternate");
	ck_assert_uint_eq(r.headers.nlinks, ACME_LINKS_MAX);
	ck_assert(acme_link(&r.headers, q, &url));
	q.nth++;
	ck_assert(!acme_link(&r.headers, q, &url));
	buf_clear(&url);
	acme_reply_clear(&r);
}
END_TEST

/* --- Link, RFC 8288 --- */

#define ORIGIN "https://ca.example:8443"

static const struct {
	const char	*lines;
	const char	*want[3];	/* targets of rel "alternate" */
} links[] = {
	{ "Link: <https://ca.example/a>;rel=\"alternate\"", { "https://ca.example/a" } },
	{ "Link: <https://ca.example/a>;rel=alternate", { "https://ca.example/a" } },
	{ "Link: <https://ca.example/a> ; rel = \"alternate\"", { "https://ca.example/a" } },
	{ "Link: <https://ca.example/a>; REL=Alternate", { "https://ca.example/a" } },
	{ "Link: <https://ca.example/a>;rel=\"index alternate up\"", { "https://ca.example/a" } },
	{ "Link: <https://ca.example/a>;rel=\"alternates\"", { NULL } },
	{ "Link: <https://ca.example/a>;rel=index;rel=alternate", { NULL } },
	{ "Link: <https://ca.example/a>;rel", { NULL } },
	{ "Link: <https://ca.example/a>;rel=", { NULL } },
	{ "Link: <https://ca.example/a>", { NULL } },
	{ "Link: </a>;rel=alternate", { ORIGIN "/a" } },
	{ "Link: <//evil.example/a>;rel=alternate", { "//evil.example/a" } },
	{ "Link: <a>;rel=alternate", { "a" } },
	{ "Link: <>;rel=alternate", { "" } },
	{ "Link: </a>;rel=alternate, </b>;rel=up, </c>;rel=alternate",
	  { ORIGIN "/a", ORIGIN "/c" } },
	{ "Link: </a>;rel=alternate|Link: </b>;rel=index|link: </c>;rel=alternate",
	  { ORIGIN "/a", ORIGIN "/c" } },
	{ "Link: </a>;title=\"x, <y>;rel=z\";rel=alternate", { ORIGIN "/a" } },
	{ "Link: </a>;title=\"x\\\"y\";rel=alternate", { ORIGIN "/a" } },
	{ "Link: </a>;title=\"x\\\\\";rel=alternate", { ORIGIN "/a" } },
	{ "Link: </a>;title*=UTF-8''x;rel=alternate", { ORIGIN "/a" } },
	{ "Link: ,, </a>;rel=alternate,,</b>;rel=alternate,", { ORIGIN "/a", ORIGIN "/b" } },
	{ "Link: </a>;;rel=alternate", { ORIGIN "/a" } },
	{ "Link: </a>;rel=\"alternate", { NULL } },
	{ "Link: </a;rel=alternate", { NULL } },
	{ "Link: /a>;rel=alternate", { NULL } },
	{ "Link: </a>rel=alternate", { NULL } },
	{ "Link: </a> x;rel=alternate", { NULL } },
	{ "Link: </a>;rel=alternate x, </b>;rel=alternate", { NULL } },
	{ "Link: </a>;x=\"\\", { NULL } },
	{ "Link: x, </a>;rel=alternate", { NULL } },
	{ "Link: </a>;rel=\"\"", { NULL } },
	{ "Link: </a>;rel=\"  alternate  \"", { ORIGIN "/a" } },
};

START_TEST(links_keep_their_table)
{
	struct acme_link_query q = { "alternate", 0, BASE };
	struct acme_reply r;
	const char *got;
	struct buf url;

	acme_reply_init(&r);
	buf_init(&url, 1024);
	feed(&r.headers, links[_i].lines);
	for (; q.nth < 3; q.nth++) {
		got = acme_link(&r.headers, q, &url) ? buf_cstr(&url) : NULL;
		ck_assert_msg(same(got, links[_i].want[q.nth]), "%s: %zu: got %s, want %s",
		    links[_i].lines, q.nth, got, links[_i].want[q.nth]);
		if (got == NULL)
			break;
	}
	buf_clear(&url);
	acme_reply_clear(&r);
}
END_TEST

/* --- Retry-After --- */

static const struct {
	const char	*lines;
	bool		 ok;
	int64_t		 seconds;
} waits[] = {
	{ "Retry-After: 120", true, 120 },
	{ "Retry-After: 0", true, 0 },
	{ "Retry-After: 007", true, 7 },
	{ "Retry-After: 9223372036854775808", true, INT64_MAX },
	{ "Retry-After: -1", false, 0 },
	{ "Retry-After: +1", false, 0 },
	{ "Retry-After: 1.5", false, 0 },
	{ "Retry-After: 1 2", false, 0 },
	{ "Retry-After: soon", false, 0 },
	{ "Retry-After: 120s", false, 0 },
	{ "X: y", false, 0 },
	{ "Retry-After: Mon, 21 Sep 2026 14:14:20 GMT", true, 60 },
	{ "Retry-After: Monday, 21-Sep-26 14:14:20 GMT", true, 60 },
	{ "Retry-After: Mon Sep 21 14:14:20 2026", true, 60 },
	{ "Retry-After: Mon, 21 Sep 2026 14:14:20 CET", false, 0 },
	{ "Retry-After: 2026-09-21T14:14:20Z", false, 0 },
	{ "Retry-After: Mon, 21 Sep 2026 14:12:20 GMT", true, -60 },
	{ "Date: Mon, 21 Sep 2026 14:14:00 GMT|Retry-After: Mon, 21 Sep 2026 14:14:20 GMT", true,
	    20 },
	{ "Date: Mon, 21 Sep 2020 14:14:00 GMT|Retry-After: Mon, 21 Sep 2020 14:14:20 GMT", true,
	    20 },
	{ "Date: rubbish|Retry-After: Mon, 21 Sep 2026 14:14:20 GMT", true, 60 },
	{ "Date: Mon, 21 Sep 2020 14:14:00 GMT|Retry-After: 30", true, 30 },
	{ "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", true, 253402300799 - NOW },
};

START_TEST(waits_keep_their_table)
{
	struct acme_reply r;
	int64_t s = 0;
	bool ok;

	acme_reply_init(&r);
	feed(&r.headers, waits[_i].lines);
	ok = acme_retry_after(&r.headers, NOW, &s);
	ck_assert_msg(ok == waits[_i].ok && (!ok || s == waits[_i].seconds), "%s: got %d %jd",
	    waits[_i].lines, ok, (intmax_t)s);
	acme_reply_clear(&r);
}
END_TEST

/* --- media types, nonces --- */

static const struct {
	const char	*line;
	bool		 json;
} types[] = {
	{ "Content-Type: application/json", true },
	{ "Content-Type: APPLICATION/Json;charset=utf-8", true },
	{ "Content-Type: application/json ; charset=\"utf-8\"", true },
	{ "Content-Type: application/json;", true },
	{ "Content-Type: application/jsonx", false },
	{ "Content-Type: application/jso", false },
	{ "Content-Type: application/problem+json", false },
	{ "Content-Type: application/json, text/html", false },
	{ "Content-Type: ;application/json", false },
	{ "Content-Type:", false },
	{ "X: application/json", false },
};

START_TEST(types_keep_their_table)
{
	struct acme_reply r;

	acme_reply_init(&r);
	feed(&r.headers, types[_i].line);
	ck_assert_msg(acme_type_is(&r.headers, "application/json") == types[_i].json, "%s",
	    types[_i].line);
	acme_reply_clear(&r);
}
END_TEST

START_TEST(base64url_has_an_alphabet_and_a_length)
{
	ck_assert(acme_is_base64url("AZaz09-_", 1, 8));
	ck_assert(acme_is_base64url("AZaz09-_", 8, 8));
	ck_assert(!acme_is_base64url("AZaz09-_", 9, 20));
	ck_assert(!acme_is_base64url("AZaz09-_", 1, 7));
	ck_assert(!acme_is_base64url("", 0, 7));
	ck_assert(!acme_is_base64url(NULL, 0, 7));
	ck_assert(!acme_is_base64url("a=", 1, 7));
	ck_assert(!acme_is_base64url("a+", 1, 7));
	ck_assert(!acme_is_base64url("a/", 1, 7));
	ck_assert(!acme_is_base64url("a.b", 1, 7));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("acme_headers");
	TCase *tc = tcase_create("acme_headers");

	tcase_add_loop_test(tc, lines_keep_their_table, 0, NITEMS(lines));
	tcase_add_test(tc, a_line_may_hold_a_nul);
	tcase_add_loop_test(tc, a_value_has_a_maximum, 0, 2);
	tcase_add_test(tc, links_have_a_maximum);
	tcase_add_loop_test(tc, links_keep_their_table, 0, NITEMS(links));
	tcase_add_loop_test(tc, waits_keep_their_table, 0, NITEMS(waits));
	tcase_add_loop_test(tc, types_keep_their_table, 0, NITEMS(types));
	tcase_add_test(tc, base64url_has_an_alphabet_and_a_length);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
