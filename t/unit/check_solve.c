/*
 * check_solve: which requests the challenge listener answers, and with what.
 */
#include <fcntl.h>
#include <stdio.h>

#include "solveclient.h"
#include "suite.h"

/* --- the table of FAULTS I04 --- */

enum want {
	FILE_SENT,	/* 200 with the key authorization */
	HEAD_SENT,	/* 200 without */
	NOT_FOUND,	/* exactly our 404, then the end */
	WAITS,		/* nothing, until 10 s are over */
};

#define FIVE(x)		x x x x x
#define FIFTY(x)	FIVE(x x) FIVE(x x x x x x x x)
#define TEN(x)		FIVE(x) FIVE(x)
#define HUNDRED(x)	TEN(TEN(x))
#define THOUSAND(x)	TEN(HUNDRED(x))
#define REQUEST(target)	"GET " target " HTTP/1.1\r\n" HOST "\r\n"
#define METHOD(method)	method " " PATH " HTTP/1.1\r\n" HOST "\r\n"
#define VERSION(version) "GET " PATH " " version "\r\n" HOST "\r\n"
#define FIELDS(fields)	GET HOST fields "\r\n"

#define ROW(want, text)	{ text, sizeof(text) - 1, want }

static const struct {
	const char	*text;
	size_t		 n;
	enum want	 want;
} rows[] = {
	/* What a CA sends */
	ROW(FILE_SENT, GET HOST "\r\n"),
	ROW(FILE_SENT, FIELDS("User-Agent: Mozilla/5.0 (compatible; Let's Encrypt validation "
	    "server; +https://www.letsencrypt.org)\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n"
	    "Connection: close\r\n")),
	ROW(FILE_SENT, "GET " PATH " HTTP/1.0\r\n\r\n"),
	ROW(FILE_SENT, "GET " PATH " HTTP/1.0\r\n" HOST "\r\n"),
	ROW(FILE_SENT, GET "host:sip.example.com\r\n\r\n"),
	ROW(FILE_SENT, GET "HOST: \r\n\r\n"),
	ROW(FILE_SENT, GET "Host: [2001:db8::1]:80\r\n\r\n"),
	ROW(FILE_SENT, FIELDS("Content-Length: 0\r\n")),
	ROW(FILE_SENT, FIELDS("Connection: keep-alive\r\n")),
	ROW(FILE_SENT, FIELDS("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	    "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n")),
	ROW(FILE_SENT, FIELDS("X-Latin: \xe4\xf6\xfc\tand a tab\r\n")),
	ROW(FILE_SENT, FIELDS("X-Empty:\r\n")),
	ROW(FILE_SENT, FIELDS("Range: bytes=0-3\r\n")),
	ROW(FILE_SENT, FIELDS("If-None-Match: *\r\nIf-Modified-Since: "
	    "Mon, 23 Nov 2026 01:58:31 GMT\r\n")),
	ROW(FILE_SENT, FIELDS("X-Forwarded-Host: evil.example\r\nX-Original-URL: /admin\r\n"
	    "X-HTTP-Method-Override: DELETE\r\n")),
	ROW(FILE_SENT, FIELDS(FIVE("X: y\r\n") TEN("X: y\r\n") TEN("X: y\r\n"))),
	ROW(FILE_SENT, FIELDS("X-Long: " THOUSAND("xyz") "\r\n")),
	ROW(HEAD_SENT, METHOD("HEAD")),
	ROW(HEAD_SENT, "HEAD " PATH " HTTP/1.0\r\n\r\n"),

	/* Methods */
	ROW(NOT_FOUND, METHOD("POST")),
	ROW(NOT_FOUND, METHOD("PUT")),
	ROW(NOT_FOUND, METHOD("DELETE")),
	ROW(NOT_FOUND, METHOD("OPTIONS")),
	ROW(NOT_FOUND, METHOD("TRACE")),
	ROW(NOT_FOUND, METHOD("PATCH")),
	ROW(NOT_FOUND, METHOD("PROPFIND")),
	ROW(NOT_FOUND, METHOD("CONNECT")),
	ROW(NOT_FOUND, METHOD("get")),
	ROW(NOT_FOUND, METHOD("Get")),
	ROW(NOT_FOUND, METHOD("GETT")),
	ROW(NOT_FOUND, METHOD("HEADER")),
	ROW(NOT_FOUND, METHOD("")),
	ROW(NOT_FOUND, METHOD("G\0T")),
	ROW(NOT_FOUND, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
	ROW(NOT_FOUND, "POST " PATH " HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"),

	/* Targets of other forms */
	ROW(NOT_FOUND, REQUEST("http://sip.example.com" PATH)),
	ROW(NOT_FOUND, REQUEST("https://sip.example.com" PATH)),
	ROW(NOT_FOUND, REQUEST("//sip.example.com" PATH)),
	ROW(NOT_FOUND, "CONNECT sip.example.com:80 HTTP/1.1\r\n" HOST "\r\n"),
	ROW(NOT_FOUND, REQUEST("sip.example.com:80")),
	ROW(NOT_FOUND, REQUEST("*")),
	ROW(NOT_FOUND, REQUEST("")),
	ROW(NOT_FOUND, REQUEST("/")),
	ROW(NOT_FOUND, REQUEST("/index.html")),
	ROW(NOT_FOUND, REQUEST("/.well-known")),
	ROW(NOT_FOUND, REQUEST("/.well-known/")),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge")),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/")),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge//")),
	ROW(NOT_FOUND, REQUEST(".well-known/acme-challenge/" TOKEN)),

	/* Targets that are nearly right */
	ROW(NOT_FOUND, REQUEST(SOLVE_PREFIX OTHER)),
	ROW(NOT_FOUND, REQUEST(PATH "x")),
	ROW(NOT_FOUND, REQUEST(PATH "/")),
	ROW(NOT_FOUND, REQUEST(PATH ".")),
	ROW(NOT_FOUND, REQUEST(PATH "?")),
	ROW(NOT_FOUND, REQUEST(PATH "?x=y")),
	ROW(NOT_FOUND, REQUEST(PATH "#f")),
	ROW(NOT_FOUND, REQUEST(PATH ";x")),
	ROW(NOT_FOUND, REQUEST(PATH "%00")),
	ROW(NOT_FOUND, REQUEST(PATH "\0")),
	ROW(NOT_FOUND, REQUEST(PATH "\t")),
	ROW(NOT_FOUND, REQUEST(PATH " ")),
	ROW(NOT_FOUND, REQUEST(" " PATH)),
	ROW(NOT_FOUND, REQUEST(SOLVE_PREFIX "evagxfads6psrb2lav9izf17dt3juxgj-pct92wr_oa")),
	ROW(NOT_FOUND, REQUEST("/.WELL-KNOWN/ACME-CHALLENGE/" TOKEN)),
	ROW(NOT_FOUND, REQUEST(SOLVE_PREFIX "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_o")),
	ROW(NOT_FOUND, REQUEST(SOLVE_PREFIX TOKEN TOKEN)),

	/* Dot segments, slashes, escapes */
	ROW(NOT_FOUND, REQUEST("/../" PATH)),
	ROW(NOT_FOUND, REQUEST("/./.well-known/acme-challenge/" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/x/.." PATH)),
	ROW(NOT_FOUND, REQUEST("/.well-known/./acme-challenge/" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/./" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/../acme-challenge/" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/../../etc/passwd")),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/../../../../../../etc/passwd")),
	ROW(NOT_FOUND, REQUEST("/" PATH)),
	ROW(NOT_FOUND, REQUEST("/.well-known//acme-challenge/" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge//" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge%2f" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known%2Facme-challenge/" TOKEN)),
	ROW(NOT_FOUND, REQUEST("%2f.well-known/acme-challenge/" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/%2ewell-known/acme-challenge/" TOKEN)),
	ROW(NOT_FOUND, REQUEST(SOLVE_PREFIX "%65vaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA")),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/%2e%2e%2f%2e%2e%2fetc%2fpasswd")),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/%252e%252e%252fetc")),
	ROW(NOT_FOUND, REQUEST("/.well-known\\acme-challenge\\" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/..\\..\\" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/\xc0\xae\xc0\xae/" TOKEN)),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/%s%n%x")),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/%")),
	ROW(NOT_FOUND, REQUEST("/.well-known/acme-challenge/%zz")),

	/* Versions */
	ROW(NOT_FOUND, "GET " PATH "\r\n"),			/* HTTP/0.9 */
	ROW(NOT_FOUND, "GET " PATH "\n"),
	ROW(NOT_FOUND, "GET " PATH "\r\n\r\n"),
	ROW(NOT_FOUND, VERSION("HTTP/0.9")),
	ROW(NOT_FOUND, VERSION("HTTP/1.2")),
	ROW(NOT_FOUND, VERSION("HTTP/2.0")),
	ROW(NOT_FOUND, VERSION("HTTP/1.")),
	ROW(NOT_FOUND, VERSION("HTTP/1.10")),
	ROW(NOT_FOUND, VERSION("HTTP/01.1")),
	ROW(NOT_FOUND, VERSION("http/1.1")),
	ROW(NOT_FOUND, VERSION("HTTP/1.1 ")),
	ROW(NOT_FOUND, VERSION(" HTTP/1.1")),
	ROW(NOT_FOUND, VERSION("ICY/1.1")),
	ROW(NOT_FOUND, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),

	/* Line ends */
	ROW(NOT_FOUND, "GET " PATH " HTTP/1.1\n" HOST "\r\n"),
	ROW(NOT_FOUND, GET "Host: sip.example.com\n\r\n"),
	ROW(NOT_FOUND, "GET " PATH " HTTP/1.1\nHost: sip.example.com\n\n"),
	ROW(NOT_FOUND, GET HOST "\n"),
	ROW(NOT_FOUND, "GET " PATH " HTTP/1.1\rHost: x\r\r"),
	ROW(NOT_FOUND, GET HOST "X: a\rb\r\n\r\n"),
	ROW(NOT_FOUND, GET HOST "X: a\r\r\n\r\n"),
	ROW(NOT_FOUND, "\r\n" GET HOST "\r\n"),
	ROW(NOT_FOUND, " " GET HOST "\r\n"),

	/* Fields */
	ROW(NOT_FOUND, GET "\r\n"),				/* no Host */
	ROW(NOT_FOUND, GET HOST HOST "\r\n"),
	ROW(NOT_FOUND, FIELDS("host: other.example\r\n")),
	ROW(NOT_FOUND, GET "Host : sip.example.com\r\n\r\n"),
	ROW(NOT_FOUND, GET " Host: sip.example.com\r\n\r\n"),
	ROW(NOT_FOUND, FIELDS("X: a\r\n b\r\n")),		/* folded */
	ROW(NOT_FOUND, FIELDS("X: a\r\n\tb\r\n")),
	ROW(NOT_FOUND, FIELDS("no colon\r\n")),
	ROW(NOT_FOUND, FIELDS(": no name\r\n")),
	ROW(NOT_FOUND, FIELDS("X\0Y: z\r\n")),
	ROW(NOT_FOUND, FIELDS("X: \0\r\n")),
	ROW(NOT_FOUND, FIELDS("X: \x1b[31m\r\n")),
	ROW(NOT_FOUND, FIELDS("X: \x7f\r\n")),
	ROW(NOT_FOUND, FIELDS("\xe4: x\r\n")),
	ROW(NOT_FOUND, FIELDS("(x): y\r\n")),
	ROW(NOT_FOUND, FIELDS(HUNDRED("X: y\r\n"))),		/* more than 64 */
	ROW(NOT_FOUND, FIELDS(FIVE(THOUSAND("X: y\r\n")))),
	ROW(NOT_FOUND, FIELDS("X: " FIVE(THOUSAND("x")) "\r\n")),
	ROW(NOT_FOUND, REQUEST("/" FIVE(THOUSAND("a")))),
	ROW(NOT_FOUND, FIVE(THOUSAND("a"))),
	ROW(NOT_FOUND, REQUEST("/" TEN(TEN(THOUSAND("a"))))),	/* 100 KB */
	ROW(NOT_FOUND, FIELDS("X: " TEN(TEN(THOUSAND("x"))) "\r\n")),

	/* Bodies, pipelining */
	ROW(NOT_FOUND, FIELDS("Content-Length: 1\r\n")),
	ROW(NOT_FOUND, FIELDS("Content-Length: 1\r\n") "x"),
	ROW(NOT_FOUND, FIELDS("Content-Length: -1\r\n")),
	ROW(NOT_FOUND, FIELDS("Content-Length: 00\r\n")),
	ROW(NOT_FOUND, FIELDS("Content-Length: 0 \r\n")),
	ROW(NOT_FOUND, FIELDS("Content-Length: 0\r\nContent-Length: 5\r\n")),
	ROW(NOT_FOUND, FIELDS("Content-Length: 18446744073709551616\r\n")),
	ROW(NOT_FOUND, FIELDS("Transfer-Encoding: chunked\r\n") "0\r\n\r\n"),
	ROW(NOT_FOUND, FIELDS("Transfer-Encoding: identity\r\n")),
	ROW(NOT_FOUND, FIELDS("Transfer-Encoding:\r\n")),
	ROW(NOT_FOUND, FIELDS("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n") "0\r\n\r\n"),
	ROW(NOT_FOUND, FIELDS("Expect: 100-continue\r\n")),
	ROW(NOT_FOUND, GET HOST "\r\n" GET HOST "\r\n"),
	ROW(NOT_FOUND, GET HOST "\r\n" "GET / HTTP/1.1\r\n\r\n"),
	ROW(NOT_FOUND, GET HOST "\r\nx"),
	ROW(NOT_FOUND, GET HOST "\r\n\r\n"),
	ROW(NOT_FOUND, "GET / HTTP/1.1\r\n" HOST "\r\n" GET HOST "\r\n"),

	/* Other protocols */
	ROW(NOT_FOUND, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),	/* TLS */
	ROW(NOT_FOUND, "\x80\x2e\x01\x00\x02"),			/* SSL 2 */
	ROW(NOT_FOUND, "SSH-2.0-OpenSSH_9.2p1\r\n"),
	ROW(NOT_FOUND, "EHLO sip.example.com\r\n"),
	ROW(NOT_FOUND, "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c\r\n\r\n"),
	ROW(NOT_FOUND, "PROXY TCP4 192.0.2.1 192.0.2.2 1 80\r\n" GET HOST "\r\n"),
	ROW(NOT_FOUND, "\x05\x01\x00"),
	ROW(NOT_FOUND, "\0"),
	ROW(NOT_FOUND, "\r\n"),
	ROW(NOT_FOUND, "\n"),

	/* Not whole: good so far, so they wait */
	ROW(WAITS, ""),
	ROW(WAITS, "G"),
	ROW(WAITS, "GET " PATH),
	ROW(WAITS, "GET " PATH " HTTP/1.1\r"),
	ROW(WAITS, GET),
	ROW(WAITS, GET HOST),
	ROW(WAITS, GET HOST "\r"),
	ROW(WAITS, GET HOST "X: " THOUSAND("x")),
};

static void
check_not_found(const struct client *c, size_t sent, const char *what)
{
	/* Octets that come behind what we read reset the connection: nobody waits for them. */
	if (sent > DRAIN_OCTETS && c->n == 0)
		return;
	ck_assert_msg(strcmp(c->reply, not_found) == 0, "%.200s: got %s", what, c->reply);
	ck_assert_msg(sent > DRAIN_OCTETS || !c->reset, "%.200s: reset", what);
}

START_TEST(only_a_literal_request_for_a_pending_token_is_answered)
{
	const char *what = rows[_i].text;
	struct client c;

	ask(&c, what, rows[_i].n);
	if (rows[_i].want == WAITS) {
		ck_assert_msg(!c.over && c.n == 0, "%.200s: got %s", what, c.reply);
		false_now += SOLVE_CONNECTION_MS - 1;
		settle_down(&c);
		ck_assert_msg(!c.over && c.n == 0, "%.200s: got %s", what, c.reply);
		false_now += 1;
		hear_out(&c);
		ck_assert_msg(c.n == 0, "%.200s: got %s", what, c.reply);
	} else if (rows[_i].want == NOT_FOUND) {
		hear_out(&c);
		check_not_found(&c, rows[_i].n, what);
	} else {
		hear_out(&c);
		ck_assert_msg(is_good(&c), "%.200s: got %s", what, c.reply);
		ck_assert_str_eq(body_of(&c), rows[_i].want == HEAD_SENT ? "" : TOKEN PRINT);
	}
	ck_assert_msg(c.over, "%.200s: the connection is still open", what);
	ck_assert_uint_eq(sl->accept.nconns, 0);
	hang_up(&c);
}
END_TEST

START_TEST(a_request_may_come_octet_by_octet)
{
	static const char text[] = GET HOST "Accept: */*\r\n\r\n";
	struct client c;
	size_t i;

	dial(&c);
	for (i = 0; i < sizeof(text) - 1; i++) {
		ck_assert_msg(!c.over && c.n == 0, "over after %zu octets", i);
		say(&c, text + i, 1);
		settle_down(&c);
	}
	hear_out(&c);
	ck_assert_msg(is_good(&c), "got %s", c.reply);
	ck_assert_str_eq(body_of(&c), TOKEN PRINT);
	hang_up(&c);
}
END_TEST

START_TEST(an_answer_is_logged_with_who_asked)
{
	char text[512] = "";
	struct client c;
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert_int_eq(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_TO_STDERR, "answer", LOG_AT_INFO);
	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	hang_up(&c);
	ck_assert_int_gt(read(p[0], text, sizeof(text) - 1), 0);
	ck_assert_str_eq(text, "role=answer level=info challenge=http-01 asked_by=127.0.0.1\n");
}
END_TEST

START_TEST(a_client_that_has_sent_all_may_close_its_side)
{
	struct client c;

	dial(&c);
	say(&c, GET HOST, sizeof(GET HOST) - 1);
	ck_assert_int_eq(send(c.fd, "\r\n", 2, MSG_NOSIGNAL), 2);
	ck_assert_int_eq(shutdown(c.fd, SHUT_WR), 0);
	hear_out(&c);
	ck_assert_msg(is_good(&c), "got %s", c.reply);
	hang_up(&c);
	dial(&c);
	say(&c, GET HOST, sizeof(GET HOST) - 1);
	ck_assert_int_eq(shutdown(c.fd, SHUT_WR), 0);
	hear_out(&c);
	ck_assert_str_eq(c.reply, not_found);
	ck_assert(c.over);
	hang_up(&c);
	ck_assert_uint_eq(sl->accept.nconns, 0);
}
END_TEST

START_TEST(only_what_is_pending_now_is_answered)
{
	static const char text[] = REQUEST(SOLVE_PREFIX OTHER);
	struct client c;

	request(&c, text, sizeof(text) - 1);
	ck_assert_str_eq(c.reply, not_found);
	hang_up(&c);
	ck_assert_int_eq(solve_listen_put(sl, OTHER, OTHER PRINT, &e), 0);
	request(&c, text, sizeof(text) - 1);
	ck_assert_str_eq(body_of(&c), OTHER PRINT);
	hang_up(&c);
	ck_assert_int_eq(solve_listen_put(sl, OTHER,
	    OTHER ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTJ", &e), 0);
	request(&c, text, sizeof(text) - 1);
	ck_assert_str_eq(body_of(&c), OTHER ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTJ");
	hang_up(&c);
	solve_listen_drop(sl, OTHER);
	solve_listen_drop(sl, OTHER);
	request(&c, text, sizeof(text) - 1);
	ck_assert_str_eq(c.reply, not_found);
	hang_up(&c);
}
END_TEST

START_TEST(a_token_dropped_before_the_last_octet_is_not_answered)
{
	struct client c;

	ask(&c, GET HOST, sizeof(GET HOST) - 1);
	ck_assert(!c.over);
	solve_listen_drop(sl, TOKEN);
	say(&c, "\r\n", 2);
	hear_out(&c);
	ck_assert_str_eq(c.reply, not_found);
	hang_up(&c);
}
END_TEST

static const struct {
	const char	*token, *key_auth;
} bad_answers[] = {
	{ "../../../../../etc/passwd", "../../../../../etc/passwd" PRINT },
	{ "short", "short" PRINT },
	{ TOKEN, OTHER PRINT },
	{ TOKEN, TOKEN PRINT "\r\nX: y" },
};

/* All that is no token is in check_webroot. */
START_TEST(what_is_no_answer_is_not_put_up)
{
	ck_assert_int_eq(solve_listen_put(sl, bad_answers[_i].token, bad_answers[_i].key_auth, &e),
	    -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_uint_eq(sl->npending, 1);
	ck_assert_str_eq(LIST_FIRST(&sl->pending)->key_auth, TOKEN PRINT);
}
END_TEST

START_TEST(not_more_than_1024_challenges_are_kept)
{
	char token[32], key_auth[96];
	int i;

	for (i = 1; i < SOLVE_PENDING_MAX + 1; i++) {
		(void)snprintf(token, sizeof(token), "abcdefghijklmnopqr%04d", i);
		(void)snprintf(key_auth, sizeof(key_auth), "%s" PRINT, token);
		ck_assert_int_eq(solve_listen_put(sl, token, key_auth, &e),
		    i < SOLVE_PENDING_MAX ? 0 : -1);
	}
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(solve_listen_put(sl, TOKEN, TOKEN PRINT, &e), 0);
}
END_TEST

/* The example of draft-ietf-acme-dns-account-label. */
START_TEST(an_account_has_a_label_of_its_own)
{
	char label[SOLVE_LABEL];

	ck_assert_int_eq(solve_account_label("https://example.com/acme/acct/ExampleAccount", label),
	    0);
	ck_assert_str_eq(label, "_ujmmovf2vn55tgye");
	ck_assert_int_eq(solve_account_label(NULL, label), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("solve");
	TCase *tc = tcase_create("solve");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_set_timeout(tc, PATIENCE_S);
	tcase_add_loop_test(tc, only_a_literal_request_for_a_pending_token_is_answered, 0,
	    (int)NITEMS(rows));
	tcase_add_test(tc, a_request_may_come_octet_by_octet);
	tcase_add_test(tc, an_answer_is_logged_with_who_asked);
	tcase_add_test(tc, a_client_that_has_sent_all_may_close_its_side);
	tcase_add_test(tc, only_what_is_pending_now_is_answered);
	tcase_add_test(tc, a_token_dropped_before_the_last_octet_is_not_answered);
	tcase_add_loop_test(tc, what_is_no_answer_is_not_put_up, 0, (int)NITEMS(bad_answers));
	tcase_add_test(tc, not_more_than_1024_challenges_are_kept);
	tcase_add_test(tc, an_account_has_a_label_of_its_own);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
