/*
 * check_solve: the challenge listener over real connections. The false clock
 * stands still unless a test moves it.
 */
#include "src/solve_listen.c"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>

#include <check.h>

#define TOKEN	"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"	/* RFC 8555 section 8.3 */
#define OTHER	"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define PRINT	".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PATH	SOLVE_PREFIX TOKEN
#define GET	"GET " PATH " HTTP/1.1\r\n"
#define HOST	"Host: sip.example.com\r\n"

#define PATIENCE_S	20	/* of the test, real time */

static struct err e;
static int64_t tick_ms;	/* that a turn takes, on the false clock */
static int64_t false_now;
static struct loop *l;
static struct solve_listen *sl;
static struct sockaddr_in addr;

static int64_t
false_wall(void)
{
	return 0;
}

static int64_t
false_boot(void)
{
	return false_now;
}

static const struct clock_source false_clock = { false_wall, false_boot };

static void
add_listener(int backlog)
{
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr = (struct sockaddr_in){ .sin_family = AF_INET };
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	ck_assert_int_eq(solve_listen_socket(sl, fd, &e), 0);
}

static void
start(void)
{
	err_clear(&e);
	false_now = 1000;
	tick_ms = 0;
	clock_use(&false_clock);
	log_open(LOG_TO_STDERR, "check", LOG_AT_ERROR);
	ck_assert_ptr_nonnull(l = loop_new(&e));
	ck_assert_ptr_nonnull(sl = solve_listen_new(l, &e));
	add_listener(1024);
	ck_assert_int_eq(solve_listen_put(sl, TOKEN, TOKEN PRINT, &e), 0);
}

static void
finish(void)
{
	solve_listen_free(sl);
	loop_free(l);
	clock_use(NULL);
}

/* --- a client that lives in the same loop turn by turn --- */

struct client {
	int	fd;
	char	reply[4096];
	size_t	n;
	bool	over;		/* the server has closed */
	bool	reset;		/* and not in good order */
};

static void
dial(struct client *c)
{
	int one = 1;

	memset(c, 0, sizeof(*c));
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(c->fd, 0);
	ck_assert_int_eq(connect(c->fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	/* Nothing of a request may wait for an acknowledgement. */
	ck_assert_int_eq(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
}

static void
hang_up(struct client *c)
{
	ck_assert_int_eq(close(c->fd), 0);
}

static void
turn(void)
{
	false_now += tick_ms;
	ck_assert_int_eq(loop_turn(l, 0, &e), 0);
}

/* Serves until nothing moves any more: neither here nor at the client. */
static void
settle_down(struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n;
	int idle;

	for (idle = 0; idle < 3 && !c->over; idle++) {
		turn();
		while (!c->over && poll(&p, 1, 0) == 1) {
			idle = 0;
			n = recv(c->fd, c->reply + c->n, sizeof(c->reply) - 1 - c->n, MSG_DONTWAIT);
			if (n > 0) {
				c->n += (size_t)n;
				continue;
			}
			c->over = true;
			c->reset = n == -1 || (p.revents & POLLERR) != 0;
		}
	}
}

/* The same until the server has closed; 5 seconds of real time are the limit. */
static void
hear_out(struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int i;

	for (i = 0; i < 50 && !c->over; i++) {
		settle_down(c);
		if (!c->over)
			(void)poll(&p, 1, 100);
	}
}

/* Sends as fast as the server takes it, or has it closed. */
static void
say(struct client *c, const char *text, size_t n)
{
	ssize_t done;

	while (n > 0 && !c->over) {
		done = send(c->fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done == -1 && errno != EAGAIN)
			return;
		if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
		turn();
	}
}

static void
ask(struct client *c, const char *text, size_t n)
{
	dial(c);
	say(c, text, n);
	settle_down(c);
}

/* A request that the server answers. */
static void
request(struct client *c, const char *text, size_t n)
{
	ask(c, text, n);
	hear_out(c);
}

static bool
is_good(const struct client *c)
{
	return c->over && !c->reset && strncmp(c->reply, "HTTP/1.1 200 OK\r\n", 17) == 0 &&
	    strstr(c->reply, "\r\nContent-Type: application/octet-stream\r\n") != NULL &&
	    strstr(c->reply, "\r\nContent-Length: 87\r\n") != NULL &&
	    strcasestr(c->reply, "\r\nConnection: close\r\n") != NULL &&
	    strcasestr(c->reply, "location") == NULL && strstr(c->reply, "example") == NULL;
}

static const char *
body_of(const struct client *c)
{
	const char *end = strstr(c->reply, "\r\n\r\n");

	return end != NULL ? end + 4 : "(no end)";
}

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
	ck_assert_uint_eq(sl->nconns, 0);
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

START_TEST(half_a_request_does_not_keep_the_loop_busy)
{
	struct client c;
	int i;

	ask(&c, GET, sizeof(GET) - 1);
	for (i = 0; i < 100; i++) {
		struct conn *conn = TAILQ_FIRST(&sl->conns);

		ck_assert_ptr_nonnull(conn);
		turn();
		ck_assert_uint_eq(conn->seen, sizeof(GET) - 1);
	}
	ck_assert(!c.over);
	hang_up(&c);
	turn();
	turn();
	ck_assert_uint_eq(sl->nconns, 0);
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
	ck_assert_uint_eq(sl->nconns, 0);
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

/* FAULTS S06 */
START_TEST(octets_that_trickle_in_do_not_prolong_the_ten_seconds)
{
	struct client c;
	int i;

	dial(&c);
	for (i = 0; i < 9; i++) {
		say(&c, &GET[i], 1);
		settle_down(&c);
		false_now += 1000;
		settle_down(&c);
		ck_assert(!c.over);
	}
	say(&c, &GET[i], 1);
	false_now += 1000;
	hear_out(&c);
	ck_assert(c.over);
	ck_assert_uint_eq(c.n, 0);
	hang_up(&c);
}
END_TEST

/* FAULTS S06, I05 */
START_TEST(each_connection_has_its_own_deadline)
{
	struct client a, b;

	ask(&a, "G", 1);
	false_now += 4000;
	ask(&b, "G", 1);
	false_now += 6000;
	hear_out(&a);
	settle_down(&b);
	ck_assert(a.over && !b.over);
	false_now += 4000;
	hear_out(&b);
	ck_assert(b.over);
	ck_assert_ptr_null(sl->deadline);
	hang_up(&a);
	hang_up(&b);
}
END_TEST

START_TEST(of_sixty_five_connections_the_oldest_is_dropped)
{
	static struct client c[SOLVE_CONNECTIONS_MAX + 1];
	int i;

	for (i = 0; i < SOLVE_CONNECTIONS_MAX; i++)
		ask(&c[i], "GET ", 4);
	ck_assert_uint_eq(sl->nconns, SOLVE_CONNECTIONS_MAX);
	settle_down(&c[0]);
	ck_assert(!c[0].over);
	ask(&c[i], "GET ", 4);
	settle_down(&c[0]);
	ck_assert(!c[0].over);		/* it has not had time to speak */
	false_now += SOLVE_PATIENCE_MS;
	settle_down(&c[i]);
	ck_assert_uint_eq(sl->nconns, SOLVE_CONNECTIONS_MAX);
	hear_out(&c[0]);
	settle_down(&c[1]);
	ck_assert(c[0].over && !c[1].over && !c[i].over);
	for (; i >= 0; i--)
		hang_up(&c[i]);
}
END_TEST

/* A CA that checks a hundred names connects for all of them before it asks for the first. */
START_TEST(two_hundred_genuine_requests_at_once_are_all_answered)
{
	static struct client c[200];
	int64_t began = false_now;
	size_t i;

	tick_ms = 1;
	for (i = 0; i < NITEMS(c); i++)
		dial(&c[i]);
	for (i = 0; i < 10; i++)
		turn();
	for (i = 0; i < NITEMS(c); i++)
		ck_assert_int_eq(send(c[i].fd, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1,
		    MSG_NOSIGNAL), (ssize_t)sizeof(GET HOST "\r\n") - 1);
	tick_ms = 20;
	for (i = 0; i < NITEMS(c); i++) {
		hear_out(&c[i]);
		ck_assert_msg(is_good(&c[i]), "%zu: got %s", i, c[i].reply);
		hang_up(&c[i]);
	}
	ck_assert_int_lt(false_now - began, 10000);
}
END_TEST

/* FAULTS I05 */
START_TEST(a_genuine_request_is_answered_among_a_thousand_idle_connections)
{
	static struct client idle[1000];
	struct rlimit limit;
	struct client c;
	size_t i, most = 0;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_msg(limit.rlim_cur >= 1200, "1200 descriptors are needed");
	tick_ms = 5;
	for (i = 0; i < 900; i++) {
		dial(&idle[i]);
		if (i % 10 == 0)
			say(&idle[i], "GET /.w", 7);
	}
	/* Now it and a hundred behind it wait to be accepted, more than are kept open. */
	dial(&c);
	for (; i < 1000; i++)
		dial(&idle[i]);
	ck_assert_int_eq(send(c.fd, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1, MSG_NOSIGNAL),
	    (ssize_t)sizeof(GET HOST "\r\n") - 1);
	for (i = 0; i < 400; i++) {		/* two seconds */
		turn();
		if (sl->nconns > most)
			most = sl->nconns;
	}
	tick_ms = 20;
	hear_out(&c);
	ck_assert_msg(is_good(&c), "got %s", c.reply);
	ck_assert_uint_eq(most, SOLVE_CONNECTIONS_MAX);
	hang_up(&c);
	/* And one that comes when all are there. */
	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	ck_assert_msg(is_good(&c), "got %s", c.reply);
	hang_up(&c);
	tick_ms = 0;
	false_now += SOLVE_CONNECTION_MS;
	turn();
	turn();
	ck_assert_uint_eq(sl->nconns, 0);
	for (i = 0; i < 1000; i++)
		hang_up(&idle[i]);
}
END_TEST

START_TEST(a_storm_of_resets_leaves_nothing_open)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct client c;
	int i;

	for (i = 0; i < 300; i++) {
		dial(&c);
		ck_assert_int_eq(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
		if (i % 3 > 0)
			ck_assert_int_eq(send(c.fd, GET HOST "\r\n", i % 3 == 1 ? 10 :
			    sizeof(GET HOST "\r\n") - 1, MSG_NOSIGNAL), i % 3 == 1 ? 10 :
			    (ssize_t)sizeof(GET HOST "\r\n") - 1);
		if (i % 2 == 0)
			turn();
		hang_up(&c);
	}
	for (i = 0; i < 100; i++)
		turn();
	ck_assert_uint_eq(sl->nconns, 0);
	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	ck_assert(is_good(&c));
	hang_up(&c);
}
END_TEST

static int
count_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1000; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return n;
}

START_TEST(no_descriptor_is_left_behind)
{
	struct client c;
	int i, before;

	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	hang_up(&c);
	before = count_fds();
	for (i = 0; i < 20; i++) {
		request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
		hang_up(&c);
		request(&c, "GET / HTTP/1.1\r\n\r\n", 18);
		hang_up(&c);
	}
	ck_assert_int_eq(count_fds(), before);
	ask(&c, "GET", 3);
	solve_listen_free(sl);
	hear_out(&c);
	ck_assert(c.over);
	hang_up(&c);
	ck_assert_ptr_nonnull(sl = solve_listen_new(l, &e));
}
END_TEST

START_TEST(without_descriptors_the_listener_pauses_and_goes_on)
{
	struct rlimit limit;
	struct client c;
	rlim_t before;
	int i;

	log_open(LOG_TO_SYSLOG, "check", LOG_AT_ERROR);
	dial(&c);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (i = 0; i < 5; i++)
		turn();
	ck_assert_ptr_nonnull(sl->accept.pause);
	limit.rlim_cur = before;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(sl->nconns, 0);
	false_now += SOLVE_PAUSE_MS;
	for (i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(sl->nconns, 1);
	say(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	hear_out(&c);
	ck_assert(is_good(&c));
	hang_up(&c);
}
END_TEST

START_TEST(ipv6_and_further_sockets_are_served_too)
{
	struct sockaddr_in6 addr6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = sizeof(addr6);
	struct client c;
	int fd;

	add_listener(16);
	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	ck_assert(is_good(&c));
	hang_up(&c);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (const struct sockaddr *)&addr6, len) == -1)
		return;		/* a host without IPv6 */
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr6, &len), 0);
	ck_assert_int_eq(solve_listen_socket(sl, fd, &e), 0);
	memset(&c, 0, sizeof(c));
	c.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(c.fd, (const struct sockaddr *)&addr6, len), 0);
	say(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	hear_out(&c);
	ck_assert(is_good(&c));
	hang_up(&c);
}
END_TEST

START_TEST(what_is_no_listening_socket_is_not_adopted)
{
	int p[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	ck_assert_int_eq(solve_listen_socket(sl, p[0], &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(solve_listen_socket(sl, -1, &e), -1);
	ck_assert_int_eq(solve_listen_socket(sl, 0, &e), -1);
	ck_assert_int_eq(close(p[0]), 0);
	ck_assert_int_eq(close(p[1]), 0);
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

	ck_assert_int_eq(solve_account_label("https://example.com/acme/acct/ExampleAccount", label), 0);
	ck_assert_str_eq(label, "_ujmmovf2vn55tgye");
	ck_assert_int_eq(solve_account_label(NULL, label), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("solve");
	TCase *tc = tcase_create("solve");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, start, finish);
	tcase_set_timeout(tc, PATIENCE_S);
	tcase_add_loop_test(tc, only_a_literal_request_for_a_pending_token_is_answered, 0,
	    (int)NITEMS(rows));
	tcase_add_loop_test(tc, what_is_no_answer_is_not_put_up, 0, (int)NITEMS(bad_answers));
	tcase_add_test(tc, a_request_may_come_octet_by_octet);
	tcase_add_test(tc, half_a_request_does_not_keep_the_loop_busy);
	tcase_add_test(tc, an_answer_is_logged_with_who_asked);
	tcase_add_test(tc, a_client_that_has_sent_all_may_close_its_side);
	tcase_add_test(tc, only_what_is_pending_now_is_answered);
	tcase_add_test(tc, a_token_dropped_before_the_last_octet_is_not_answered);
	tcase_add_test(tc, octets_that_trickle_in_do_not_prolong_the_ten_seconds);
	tcase_add_test(tc, each_connection_has_its_own_deadline);
	tcase_add_test(tc, two_hundred_genuine_requests_at_once_are_all_answered);
	tcase_add_test(tc, of_sixty_five_connections_the_oldest_is_dropped);
	tcase_add_test(tc, a_genuine_request_is_answered_among_a_thousand_idle_connections);
	tcase_add_test(tc, a_storm_of_resets_leaves_nothing_open);
	tcase_add_test(tc, no_descriptor_is_left_behind);
	tcase_add_test(tc, without_descriptors_the_listener_pauses_and_goes_on);
	tcase_add_test(tc, ipv6_and_further_sockets_are_served_too);
	tcase_add_test(tc, what_is_no_listening_socket_is_not_adopted);
	tcase_add_test(tc, not_more_than_1024_challenges_are_kept);
	tcase_add_test(tc, an_account_has_a_label_of_its_own);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_fork_status(sr, CK_FORK);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
