/*
 * check_http: requests over TLS to a server that answers with scripted
 * octets: what is sent, what is refused, and where it is cut
 * (FAULTS A11 to A17, A20, A21, S03 to S05).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "acme/http.h"
#include "base/address.h"
#include "httppeer.h"
#include "suite.h"

#define HEAD	"HTTP/1.1 200 OK\r\n"
#define EMPTY	HEAD "Content-Length: 0\r\n\r\n"

/* --- the client --- */

static struct loop *loop;
static struct acme_http *http;
static size_t ended;

struct got {
	bool	 done;
	bool	 replied;
	int	 status;
	size_t	 octets;
	char	 nonce[32];
	struct err e;
};

static void
on_done(void *arg, const struct acme_reply *r, const struct err *e)
{
	struct got *g = arg;

	g->done = true;
	g->e = *e;
	ended++;
	if (r == NULL)
		return;
	g->replied = true;
	g->status = r->status;
	g->octets = r->body.n;
	(void)snprintf(g->nonce, sizeof(g->nonce), "%s", r->headers.nonce != NULL ?
	    r->headers.nonce : "");
}

static void
open_client(const char *ca_file)
{
	struct acme_http_conf conf = { .user_agent = "kamcert-test/1 (+https://x)",
	    .ca_file = ca_file };
	struct err e;

	loop = loop_new(&e);
	ck_assert_ptr_nonnull(loop);
	http = acme_http_new(loop, &conf, &e);
	ck_assert_ptr_nonnull(http);
}

static void
close_client(void)
{
	acme_http_free(http);
	loop_free(loop);
}

static struct acme_call *
begin(struct acme_send *s, struct got *g)
{
	struct acme_call *call;
	struct err e;

	memset(g, 0, sizeof(*g));
	ck_assert_int_eq(acme_http_send(http, s, on_done, g, &call, &e), 0);
	ck_assert(!g->done);
	return call;
}

static void
wait_for(size_t n)
{
	struct err e;

	while (ended < n)
		ck_assert_int_eq(loop_turn(loop, -1, &e), 0);
}

static const char *
url_of(const char *path)
{
	static char url[128];

	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", httppeer_port, path);
	return url;
}

static void
fetch(enum acme_method method, const char *path, struct got *g)
{
	struct acme_send s = { .method = method, .url = url_of(path),
	    .accept = method == ACME_POST ? "application/pem-certificate-chain" : NULL };

	if (method == ACME_POST)
		s.body = span_str("{\"protected\":\"x\"}");
	ended = 0;
	begin(&s, g);
	wait_for(1);
}

/* --- where to --- */

static const struct {
	const char	*address;
	bool		 global;
} addresses[] = {
	{ "127.0.0.1", false }, { "127.255.255.254", false }, { "0.0.0.0", false },
	{ "10.1.2.3", false }, { "100.64.0.1", false }, { "100.128.0.1", true },
	{ "169.254.1.1", false }, { "172.15.255.255", true }, { "172.16.0.1", false },
	{ "172.32.0.1", true }, { "192.168.1.1", false }, { "198.51.100.1", true },
	{ "::1", false }, { "::", false }, { "fe80::1", false }, { "fd00::1", false },
	{ "::ffff:10.0.0.1", false }, { "2001:db8::1", true }, { "2a00::1", true },
};

START_TEST(addresses_of_the_internet_are_known)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const char *text = addresses[_i].address;
	bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;

	ck_assert(is_v4 || inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
	ck_assert_msg(address_is_global(is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6) ==
	    addresses[_i].global, "%s", text);
}
END_TEST

/* FAULTS A19, of what a certificate names. */
START_TEST(what_a_ca_of_the_internet_names_is_not_fetched_from_this_network)
{
	struct httppeer_script s = { SERVE, GOOD, HEAD "Content-Length: 2\r\n\r\n{}", NULL };
	struct acme_fetch f = { .seconds = 5, .global = true };
	struct acme_call *call;
	char url[64];
	struct err e;
	struct got g = { 0 };

	httppeer_start(&s);
	open_client(httppeer_bundle);
	fetch(ACME_GET, "/dir", &g);
	ck_assert(g.replied);
	ck_assert(!acme_http_is_global(http));
	/* Neither by the connection that is open, nor by a name, nor by a new one. */
	for (int i = 0; i < 2; i++) {
		(void)snprintf(url, sizeof url, "https://%s:%u/list", i == 0 ? "127.0.0.1" :
		    "localhost", httppeer_port);
		f.url = url;
		ended = 0;
		ck_assert_int_eq(acme_http_fetch(http, &f, on_done, &g, &call, &e), 0);
		g.replied = false;
		wait_for(1);
		ck_assert(!g.replied);
		ck_assert_msg(strstr(g.e.text, "RFC 6890") != NULL, "%s", g.e.text);
	}
	close_client();
	httppeer_stop();
}
END_TEST

/* --- what is sent --- */

/* A password for the server, where libcurl looks for such. */
static void
plant_netrc(char home[], char netrc[PATH_MAX])
{
	static const char text[] = "machine 127.0.0.1 login a password b\n";
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(home));
	(void)snprintf(netrc, PATH_MAX, "%s/.netrc", home);
	ck_assert_int_ge(fd = open(netrc, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), 0);
	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	(void)close(fd);
	setenv("HOME", home, 1);
}

/* FAULTS L09, S04 */
START_TEST(requests_carry_what_they_must_and_nothing_else)
{
	struct httppeer_script s = { SERVE, GOOD, HEAD "Replay-Nonce: abc\r\nSet-Cookie: a=b\r\n"
	    "Content-Length: 2\r\n\r\n{}", NULL };
	char home[] = "/tmp/kamcert-home.XXXXXX", netrc[PATH_MAX];
	const char *text;
	struct got g;

	/* FAULTS S04: none of these may have a say. */
	plant_netrc(home, netrc);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	httppeer_start(&s);
	open_client(httppeer_bundle);
	fetch(ACME_POST, "/order", &g);
	ck_assert_msg(g.replied, "%s", g.e.text);
	ck_assert_int_eq(g.status, 200);
	ck_assert_uint_eq(g.octets, 2);
	ck_assert_str_eq(g.nonce, "abc");
	text = httppeer_request();
	ck_assert_ptr_nonnull(strstr(text, "POST /order HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "User-Agent: kamcert-test/1 (+https://x)\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "Content-Type: application/jose+json\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "Accept: application/pem-certificate-chain\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\n\r\n{\"protected\":\"x\"}"));
	ck_assert_ptr_null(strcasestr(text, "encoding"));
	ck_assert_ptr_null(strcasestr(text, "expect"));
	ck_assert_ptr_null(strcasestr(text, "authorization"));
	ck_assert_int_eq(unlink(netrc), 0);
	ck_assert_int_eq(rmdir(home), 0);
	fetch(ACME_HEAD, "/nonce", &g);
	ck_assert_msg(g.replied, "%s", g.e.text);
	ck_assert_uint_eq(g.octets, 0);
	text = httppeer_request();
	ck_assert_ptr_nonnull(strstr(text, "HEAD /nonce HTTP/1.1\r\n"));
	ck_assert_ptr_null(strcasestr(text, "cookie"));
	ck_assert_ptr_null(strcasestr(text, "content-type"));
	close_client();
	httppeer_stop();
}
END_TEST

START_TEST(requests_share_one_connection)
{
	/* The server has time for one connection only, and it never ends. */
	struct httppeer_script s = { SERVE, GOOD, EMPTY, NULL };
	struct got g;

	httppeer_start(&s);
	open_client(httppeer_bundle);
	for (int i = 0; i < 5; i++) {
		fetch(i == 0 ? ACME_GET : ACME_POST, "/x", &g);
		ck_assert_msg(g.replied, "%s", g.e.text);
	}
	close_client();
	httppeer_stop();
}
END_TEST

START_TEST(requests_at_once_share_it_too)
{
	struct httppeer_script s = { SERVE, GOOD, EMPTY, NULL };
	struct acme_send get = { .method = ACME_GET };
	struct acme_call *calls[20];
	struct got g[20];
	size_t way = 0;

	httppeer_start(&s);
	open_client(httppeer_bundle);
	get.url = url_of("/x");
	ended = 0;
	for (size_t i = 0; i < NITEMS(g); i++)
		calls[i] = begin(&get, &g[i]);
	wait_for(1);
	while (g[way].done)
		way++;
	ck_assert(way > 0 && way + 4 < NITEMS(g));
	acme_http_cancel(calls[way]);		/* under way */
	acme_http_cancel(calls[way + 4]);	/* waits */
	wait_for(NITEMS(g) - 2);
	for (size_t i = 0; i < NITEMS(g); i++)
		ck_assert_msg(g[i].replied == (i != way && i != way + 4), "%zu: %s", i,
		    g[i].e.text);
	close_client();
	httppeer_stop();
}
END_TEST

/* As many times the patience with one would be hours, with a thousand certificates. */
START_TEST(what_waits_behind_a_silent_server_ends_with_the_first)
{
	struct acme_send get = { .method = ACME_GET };
	int silent = httppeer_listen();
	struct got g[3];

	open_client(NULL);
	get.url = url_of("/x");
	ended = 0;
	for (size_t i = 0; i < NITEMS(g); i++)
		begin(&get, &g[i]);
	wait_for(1);
	for (size_t i = 0; i < NITEMS(g); i++) {
		ck_assert(g[i].done && !g[i].replied);
		ck_assert_msg(g[i].e.class == OUT_RETRY && strstr(g[i].e.text, "too slow") != NULL,
		    "%zu: %s", i, g[i].e.text);
	}
	close_client();
	close(silent);
}
END_TEST

/* --- what is received --- */

#define X16 "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16

static const struct row {
	const char	*what;
	struct httppeer_script	 s;
	int		 status;	/* 0: it fails */
	const char	*text;		/* in the error */
	bool		 big;		/* e.sys says EMSGSIZE */
} rows[] = {
	{ "200", { SERVE, GOOD, EMPTY, NULL }, 200, NULL, false },
	{ "404 is a reply", { SERVE, GOOD, "HTTP/1.1 404 Lost\r\nContent-Length: 1\r\n\r\nx",
	    NULL },
	  404, NULL, false },
	{ "1xx before it", { SERVE, GOOD, "HTTP/1.1 103 Early\r\nReplay-Nonce: a\r\n\r\n" EMPTY,
	  NULL }, 200, NULL, false },
	{ "body until the end", { LAST, GOOD, HEAD "\r\nabc", NULL }, 200, NULL, false },
	{ "chunked", { SERVE, GOOD, HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	  NULL }, 200, NULL, false },
	{ "A17 301", { SERVE, GOOD, "HTTP/1.1 301 Moved\r\nLocation: /y\r\nContent-Length: 0\r\n"
	    "\r\n",
	  NULL }, 301, NULL, false },
	{ "A17 302 to a file", { SERVE, GOOD, "HTTP/1.1 302 Found\r\nLocation: "
	    "file:///etc/passwd\r\n"
	  "Content-Length: 0\r\n\r\n", NULL }, 302, NULL, false },
	{ "A14 announced too large", { SERVE, GOOD, HEAD "Content-Length: 262145\r\n\r\n", NULL },
	    0,
	  "larger than", true },
	{ "A14 announced beyond everything", { SERVE, GOOD, HEAD
	  "Content-Length: 9223372036854775807\r\n\r\n", NULL }, 0, "larger than", true },
	{ "A14 endless body", { FLOOD, GOOD, HEAD "\r\n", X256 }, 0, "larger than", true },
	{ "A14 endless chunks", { FLOOD, GOOD, HEAD "Transfer-Encoding: chunked\r\n\r\n",
	  "100\r\n" X256 "\r\n" }, 0, "larger than", true },
	{ "A14 endless headers", { FLOOD, GOOD, HEAD, "X: " X256 "\r\n" }, 0, "larger than", true },
	{ "A14 one endless header", { FLOOD, GOOD, HEAD "X: ", X256 }, 0, "", false },
	{ "A14 endless 1xx", { FLOOD, GOOD, "HTTP/1.1 100 Continue\r\n\r\n",
	  "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" }, 0, "larger than", true },
	{ "A14 compressed though never asked for",
	    { LAST, GOOD, HEAD "Content-Encoding: gzip\r\n\r\n"
	  "abc", NULL }, 200, NULL, false },
	{ "A16 closed before TLS", { HANG_UP, GOOD, "", NULL }, 0, "127.0.0.1: ", false },
	{ "A16 closed without a reply", { LAST, GOOD, "", NULL }, 0, "127.0.0.1: ", false },
	/* libcurl lets these two pass; what they say is missed by whoever reads them. */
	{ "A16 cut inside the header", { CUT, GOOD, HEAD "Replay-N", NULL }, 200, NULL, false },
	{ "A16 an end without TLS's own", { CUT, GOOD, HEAD "\r\nabc", NULL }, 200, NULL, false },
	{ "A16 shorter than announced", { LAST, GOOD, HEAD "Content-Length: 10\r\n\r\nabc", NULL },
	    0,
	  "ended before the reply", false },
	{ "A16 cut inside the body", { CUT, GOOD, HEAD "Content-Length: 10\r\n\r\nabc", NULL }, 0,
	  "127.0.0.1: ", false },
	{ "A16 cut between chunks", { LAST, GOOD, HEAD
	    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	  NULL }, 0, "127.0.0.1: ", false },
	{ "no TLS", { PLAIN, GOOD, EMPTY, NULL }, 0, "TLS failed", false },
	{ "not HTTP", { LAST, GOOD, "220 mail ready\r\n", NULL }, 0, "not HTTP", false },
	{ "HTTP/0.9", { LAST, GOOD, "<html>", NULL }, 0, "not HTTP", false },
	{ "A20 expired", { SERVE, EXPIRED, EMPTY, NULL }, 0, "certificate is not good", false },
	{ "A20 another name", { SERVE, OTHER_NAME, EMPTY, NULL }, 0, "certificate is not good",
	    false },
	{ "A20 unknown root", { SERVE, OTHER_ROOT, EMPTY, NULL }, 0, "certificate is not good",
	    false },
	{ "A20 weak key", { SERVE, WEAK, EMPTY, NULL }, 0, "127.0.0.1: ", false },
	{ "A20 TLS 1.1", { SERVE, OLD_TLS, EMPTY, NULL }, 0, "TLS failed", false },
};

START_TEST(replies_keep_their_table)
{
	const struct row *row = &rows[_i];
	struct got g;

	httppeer_start(&row->s);
	open_client(httppeer_bundle);
	fetch(ACME_POST, "/x", &g);
	ck_assert_msg(g.replied == (row->status != 0), "%s: got %s", row->what,
	    g.replied ? "a reply" : g.e.text);
	if (g.replied) {
		ck_assert_int_eq(g.status, row->status);
		ck_assert_str_eq(g.nonce, "");
	} else {
		ck_assert_msg(g.e.class == OUT_RETRY && strstr(g.e.text, row->text) != NULL,
		    "%s: got %s", row->what, g.e.text);
		ck_assert_msg((g.e.sys == EMSGSIZE) == row->big, "%s: %s", row->what, g.e.text);
	}
	close_client();
	httppeer_stop();
}
END_TEST

/* --- where nothing is sent --- */

static const struct {
	const char	*url;
	const char	*text;
} nowhere[] = {
	{ "http://127.0.0.1:%u/x", "only https" },
	{ "file:///etc/passwd", "only https" },
	{ "ftp://127.0.0.1:%u/x", "only https" },
	{ "https://user:pw@127.0.0.1:%u/x", "" },
	{ "https://kamcert.invalid/x", "name lookup failed" },
};

START_TEST(other_urls_are_not_fetched)
{
	struct httppeer_script script = { PLAIN, GOOD, EMPTY, NULL };
	char url[128];
	struct acme_send s = { .method = ACME_GET, .url = url };
	struct got g;
	const char *mark = strstr(nowhere[_i].url, "%u");

	httppeer_start(&script);
	open_client(httppeer_bundle);
	if (mark != NULL)
		(void)snprintf(url, sizeof(url), "%.*s%u%s", (int)(mark - nowhere[_i].url),
		    nowhere[_i].url, httppeer_port, mark + 2);
	else
		(void)snprintf(url, sizeof(url), "%s", nowhere[_i].url);
	ended = 0;
	begin(&s, &g);
	wait_for(1);
	ck_assert(!g.replied);
	ck_assert_msg(strstr(g.e.text, nowhere[_i].text) != NULL, "%s", g.e.text);
	close_client();
	httppeer_stop();
}
END_TEST

START_TEST(a_closed_port_is_no_connection)
{
	struct httppeer_script s = { SERVE, GOOD, EMPTY, NULL };
	struct got g;

	httppeer_start(&s);
	httppeer_stop();
	open_client(httppeer_bundle);
	fetch(ACME_GET, "/x", &g);
	ck_assert(!g.replied);
	ck_assert_int_eq(g.e.class, OUT_RETRY);
	ck_assert_ptr_nonnull(strstr(g.e.text, "no connection"));
	close_client();
}
END_TEST

START_TEST(a_bundle_that_cannot_be_read_is_held)
{
	struct httppeer_script s = { SERVE, GOOD, EMPTY, NULL };
	struct got g;

	httppeer_start(&s);
	open_client("/nonexistent/httppeer_bundle.pem");
	fetch(ACME_GET, "/x", &g);
	ck_assert(!g.replied);
	ck_assert_int_eq(g.e.class, OUT_HOLD);
	close_client();
	httppeer_stop();
}
END_TEST

/* --- life --- */

START_TEST(calls_can_be_cancelled)
{
	struct httppeer_script script = { SERVE, GOOD, EMPTY, NULL };
	struct acme_send s = { .method = ACME_GET };
	struct acme_call *first;
	struct got a, b;

	httppeer_start(&script);
	open_client(httppeer_bundle);
	s.url = url_of("/x");
	ended = 0;
	first = begin(&s, &a);
	begin(&s, &b);
	acme_http_cancel(first);
	acme_http_cancel(NULL);
	wait_for(1);
	ck_assert(!a.done);
	ck_assert(b.replied);
	close_client();
	httppeer_stop();
}
END_TEST

START_TEST(freeing_drops_what_is_under_way)
{
	struct httppeer_script script = { SERVE, GOOD, EMPTY, NULL };
	struct acme_send s = { .method = ACME_GET };
	struct got a, b;
	struct err e;

	httppeer_start(&script);
	open_client(httppeer_bundle);
	s.url = url_of("/x");
	ended = 0;
	begin(&s, &a);
	ck_assert_int_eq(loop_turn(loop, 0, &e), 0);
	begin(&s, &b);
	close_client();
	ck_assert(!a.done && !b.done);
	httppeer_stop();
}
END_TEST

static struct acme_send again;
static struct got second;

static void
send_again(void *arg, const struct acme_reply *r, const struct err *e)
{
	on_done(arg, r, e);
	begin(&again, &second);
}

START_TEST(a_callback_may_send)
{
	struct httppeer_script script = { SERVE, GOOD, EMPTY, NULL };
	struct acme_call *call;
	struct got first = { 0 };
	struct err e;

	httppeer_start(&script);
	open_client(httppeer_bundle);
	again = (struct acme_send){ .method = ACME_GET, .url = url_of("/x") };
	ended = 0;
	ck_assert_int_eq(acme_http_send(http, &again, send_again, &first, &call, &e), 0);
	wait_for(2);
	ck_assert(first.replied && second.replied);
	close_client();
	httppeer_stop();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http");
	TCase *tc = tcase_create("http");

	tcase_add_loop_test(tc, addresses_of_the_internet_are_known, 0, NITEMS(addresses));
	tcase_add_test(tc, what_a_ca_of_the_internet_names_is_not_fetched_from_this_network);
	tcase_add_test(tc, requests_carry_what_they_must_and_nothing_else);
	tcase_add_test(tc, requests_share_one_connection);
	tcase_add_test(tc, requests_at_once_share_it_too);
	tcase_add_test(tc, what_waits_behind_a_silent_server_ends_with_the_first);
	tcase_add_loop_test(tc, replies_keep_their_table, 0, NITEMS(rows));
	tcase_add_loop_test(tc, other_urls_are_not_fetched, 0, NITEMS(nowhere));
	tcase_add_test(tc, a_closed_port_is_no_connection);
	tcase_add_test(tc, a_bundle_that_cannot_be_read_is_held);
	tcase_add_test(tc, calls_can_be_cancelled);
	tcase_add_test(tc, freeing_drops_what_is_under_way);
	tcase_add_test(tc, a_callback_may_send);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
