/*
 * probe: what is said to a server, and what counts as an answer.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "suite.h"

/* RFC 6455 section 1.3: this nonce, its key and the answer to it. */
static const struct probe wss = {
	.proto = WIRE_WSS, .host = "sip.example.com", .port = 8443, .local = "127.0.0.1:4711",
	.random = { 't', 'h', 'e', ' ', 's', 'a', 'm', 'p', 'l', 'e', ' ', 'n', 'o', 'n', 'c',
	    'e' },
};

#define ACCEPT	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static struct probe
sips_of(const char *local)
{
	struct probe p = wss;

	p.proto = WIRE_SIPS;
	p.local = local;
	return p;
}

START_TEST(options_are_as_in_rfc_3261)
{
	static const char want[] = "OPTIONS sip:sip.example.com SIP/2.0\r\n"
	    "Via: SIP/2.0/TLS [::1]:4711;rport;branch=z9hG4bK7468652073616d70\r\n"
	    "Max-Forwards: 70\r\n"
	    "From: <sip:kamcert@sip.example.com>;tag=6c65206e6f6e6365\r\n"
	    "To: <sip:sip.example.com>\r\n"
	    "Call-ID: 7468652073616d706c65206e6f6e6365\r\n"
	    "CSeq: 1 OPTIONS\r\nUser-Agent: kamcert\r\nContent-Length: 0\r\n\r\n";
	struct probe p = sips_of("[::1]:4711");
	struct buf b;

	buf_init(&b, PROBE_REQUEST_MAX);
	probe_request(&p, &b);
	ck_assert_str_eq(buf_cstr(&b), want);
	buf_clear(&b);
}
END_TEST

START_TEST(the_upgrade_is_as_in_rfc_6455)
{
	static const char want[] = "GET / HTTP/1.1\r\nHost: sip.example.com:8443\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Protocol: sip\r\nOrigin: https://sip.example.com\r\n"
	    "User-Agent: kamcert\r\nContent-Length: 0\r\n\r\n";
	struct buf b;

	buf_init(&b, PROBE_REQUEST_MAX);
	probe_request(&wss, &b);
	ck_assert_str_eq(buf_cstr(&b), want);
	buf_clear(&b);
}
END_TEST

START_TEST(nothing_is_said_on_tls)
{
	ck_assert(!probe_speaks(WIRE_TLS));
	ck_assert(probe_speaks(WIRE_SIPS));
	ck_assert(probe_speaks(WIRE_WSS));
}
END_TEST

static const struct {
	const char		*came;
	enum wire_proto		 proto;
	enum probe_answer	 want;
	int64_t			 status;
} answers[] = {
	{ "", WIRE_SIPS, PROBE_MORE, -1 },
	{ "SIP/2.0 200 OK", WIRE_SIPS, PROBE_MORE, -1 },
	{ "SIP/2.0 200 OK\r\n", WIRE_SIPS, PROBE_ALIVE, 200 },
	{ "SIP/2.0 404 Not Found\r\nVia: x\r\n", WIRE_SIPS, PROBE_ALIVE, 404 },
	{ "SIP/2.0 100 \r\n", WIRE_SIPS, PROBE_ALIVE, 100 },
	{ "SIP/2.0 483\r\n", WIRE_SIPS, PROBE_ALIVE, 483 },
	{ "\r\n\r\nSIP/2.0 200 OK\r\n", WIRE_SIPS, PROBE_ALIVE, 200 },
	{ "\r\n", WIRE_SIPS, PROBE_MORE, -1 },
	{ "SIP/2.0 20 OK\r\n", WIRE_SIPS, PROBE_WRONG, -1 },
	{ "SIP/2.0 2000 OK\r\n", WIRE_SIPS, PROBE_WRONG, -1 },
	{ "SIP/2.0 999 OK\r\n", WIRE_SIPS, PROBE_WRONG, -1 },
	{ "SIP/2.0  200 OK\r\n", WIRE_SIPS, PROBE_WRONG, -1 },
	{ "SIP/2.0\r\n", WIRE_SIPS, PROBE_WRONG, -1 },
	{ "SIP/3.0 200 OK\r\n", WIRE_SIPS, PROBE_WRONG, -1 },
	{ "HTTP/1.1 200 OK\r\n", WIRE_SIPS, PROBE_WRONG, -1 },
	{ "OPTIONS sip:x SIP/2.0\r\n", WIRE_SIPS, PROBE_WRONG, -1 },
	{ "HTTP/1.1 101 Switching\r\n" ACCEPT "\r\n", WIRE_WSS, PROBE_ALIVE, 101 },
	{ "HTTP/1.1 101 Switching\r\nsec-websocket-ACCEPT:s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n\r\n",
	  WIRE_WSS, PROBE_ALIVE, 101 },
	{ "HTTP/1.1 101 Switching\r\nSia: x\r\n" ACCEPT "Upgrade: websocket\r\n\r\n", WIRE_WSS,
	  PROBE_ALIVE, 101 },
	{ "HTTP/1.1 101 Switching\r\n" ACCEPT, WIRE_WSS, PROBE_MORE, 101 },
	{ "HTTP/1.1 101 Switching\r\n\r\n", WIRE_WSS, PROBE_WRONG, 101 },
	{ "HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: x\r\n\r\n", WIRE_WSS, PROBE_WRONG, 101 },
	{ "HTTP/1.1 101 Switching\r\n" ACCEPT "Sec-WebSocket-Accept: x\r\n\r\n", WIRE_WSS,
	  PROBE_WRONG, 101 },
	{ "HTTP/1.1 404 Not Found\r\n", WIRE_WSS, PROBE_ALIVE, 404 },
	{ "HTTP/1.1 404 Not Found", WIRE_WSS, PROBE_MORE, -1 },
	{ "HTTP/1.0 200 OK\r\n", WIRE_WSS, PROBE_WRONG, -1 },
	{ "SIP/2.0 400 Bad\r\n", WIRE_WSS, PROBE_WRONG, -1 },
	{ "\r\n", WIRE_WSS, PROBE_WRONG, -1 },
};

START_TEST(answers_keep_their_table)
{
	struct probe p = wss;
	enum probe_answer a;
	int64_t status;

	p.proto = answers[_i].proto;
	a = probe_judge(&p, span_str(answers[_i].came), &status);
	ck_assert_msg(a == answers[_i].want, "%s: got %d, want %d", answers[_i].came, (int)a,
	    (int)answers[_i].want);
	ck_assert_msg(status == answers[_i].status, "%s: got %jd, want %jd", answers[_i].came,
	    (intmax_t)status, (intmax_t)answers[_i].status);
}
END_TEST

START_TEST(an_answer_without_end_is_none)
{
	struct probe p = wss;
	struct buf b;
	int64_t status;

	p.proto = _i == 0 ? WIRE_SIPS : WIRE_WSS;
	buf_init(&b, PROBE_ANSWER_MAX);
	while (b.n < PROBE_ANSWER_MAX) {
		ck_assert_int_eq(probe_judge(&p, buf_span(&b), &status), PROBE_MORE);
		buf_u8(&b, 'S');
	}
	ck_assert_int_eq(probe_judge(&p, buf_span(&b), &status), PROBE_WRONG);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("probe");
	TCase *tc = tcase_create("probe");

	tcase_add_test(tc, options_are_as_in_rfc_3261);
	tcase_add_test(tc, the_upgrade_is_as_in_rfc_6455);
	tcase_add_test(tc, nothing_is_said_on_tls);
	tcase_add_loop_test(tc, answers_keep_their_table, 0, NITEMS(answers));
	tcase_add_loop_test(tc, an_answer_without_end_is_none, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
