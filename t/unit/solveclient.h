/*
 * solveclient: the challenge listener with one token pending, and clients that
 * live in the same loop turn by turn. The false clock stands still unless a
 * test moves it.
 */
#ifndef KAMCERT_T_UNIT_SOLVECLIENT_H
#define KAMCERT_T_UNIT_SOLVECLIENT_H

#include "src/solve_listen.c"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <check.h>

#include "falseclock.h"

#define TOKEN	"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"	/* RFC 8555 section 8.3 */
#define OTHER	"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define PRINT	".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PATH	SOLVE_PREFIX TOKEN
#define GET	"GET " PATH " HTTP/1.1\r\n"
#define HOST	"Host: sip.example.com\r\n"

#define PATIENCE_S	20	/* of a test, real time */

static struct err e;
static int64_t tick_ms;	/* that a turn takes, on the false clock */
static struct loop *l;
static struct solve_listen *sl;
static struct sockaddr_in addr;

static inline void
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

static inline void
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

static inline void
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

static inline void
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

static inline void
hang_up(struct client *c)
{
	ck_assert_int_eq(close(c->fd), 0);
}

static inline void
turn(void)
{
	false_now += tick_ms;
	ck_assert_int_eq(loop_turn(l, 0, &e), 0);
}

/* Serves until nothing moves any more: neither here nor at the client. */
static inline void
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
static inline void
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
static inline void
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

static inline void
ask(struct client *c, const char *text, size_t n)
{
	dial(c);
	say(c, text, n);
	settle_down(c);
}

/* A request that the server answers. */
static inline void
request(struct client *c, const char *text, size_t n)
{
	ask(c, text, n);
	hear_out(c);
}

static inline bool
is_good(const struct client *c)
{
	return c->over && !c->reset && strncmp(c->reply, "HTTP/1.1 200 OK\r\n", 17) == 0 &&
	    strstr(c->reply, "\r\nContent-Type: application/octet-stream\r\n") != NULL &&
	    strstr(c->reply, "\r\nContent-Length: 87\r\n") != NULL &&
	    strcasestr(c->reply, "\r\nConnection: close\r\n") != NULL &&
	    strcasestr(c->reply, "location") == NULL && strstr(c->reply, "example") == NULL;
}

static inline const char *
body_of(const struct client *c)
{
	const char *end = strstr(c->reply, "\r\n\r\n");

	return end != NULL ? end + 4 : "(no end)";
}

#endif
