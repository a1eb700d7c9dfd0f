/*
 * Requests to the challenge listener, through a real connection: what comes
 * back is our 404, or the answer and then only for a request that begins
 * with the one line that asks for it; nothing of the input is in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "solve_gate.h"
#include "solve_listen.h"

#define TOKEN	"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"
#define PRINT	".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define TARGET	" /.well-known/acme-challenge/" TOKEN " HTTP/1."
#define SIZE_MAX_SENT	32768	/* fits into a socket's buffer */
#define TURNS_MAX	100

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct loop *loop;
static struct sockaddr_un address;
static socklen_t address_len;

static void
must(bool held)
{
	if (!held)
		abort();
}

/* One listener for all inputs: what an input leaves behind is seen by those that follow. */
static void
start(void)
{
	struct solve_listen *sl;
	struct err e = ERR_NONE;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	log_open(LOG_TO_STDERR, "fuzz", LOG_AT_ERROR);
	/* No name: the kernel chooses an abstract one. */
	address.sun_family = AF_UNIX;
	must(bind(fd, (const struct sockaddr *)&address, sizeof(address.sun_family)) == 0);
	must(listen(fd, 16) == 0);
	address_len = sizeof(address);
	must(getsockname(fd, (struct sockaddr *)&address, &address_len) == 0);
	must((loop = loop_new(&e)) != NULL);
	must((sl = solve_listen_new(loop, &e)) != NULL);
	must(solve_listen_socket(sl, fd, &e) == 0);
	must(solve_listen_put(sl, TOKEN, TOKEN PRINT, &e) == 0);
}

/* Sends all and closes that side, then serves until the other side is closed too. */
static size_t
exchange(const uint8_t *data, size_t size, char *reply, size_t max)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err e = ERR_NONE;
	size_t got = 0;
	ssize_t n = -1;
	int i;

	must(connect(fd, (const struct sockaddr *)&address, address_len) == 0);
	must(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
	must(shutdown(fd, SHUT_WR) == 0);
	for (i = 0; i < TURNS_MAX && n != 0; i++) {
		must(loop_turn(loop, 0, &e) == 0);
		n = recv(fd, reply + got, max - got, MSG_DONTWAIT);
		must(n >= 0 || errno == EAGAIN || errno == ECONNRESET);
		if (n == -1 && errno == ECONNRESET)
			break;
		if (n > 0)
			got += (size_t)n;
	}
	must(i < TURNS_MAX);
	must(close(fd) == 0);
	return got;
}

/* What passes as a whole would not have been refused earlier on its way in. */
static bool
passes(struct span all)
{
	struct span token;
	size_t i;

	if (solve_gate(all, &token) != GATE_PASS)
		return false;
	must(token.p > all.p && token.p + token.n < all.p + all.n);
	for (i = 0; i < all.n; i += 1 + all.n / 64) {
		struct span none;

		must(solve_gate(span_of(all.p, i), &none) == GATE_MORE);
	}
	return span_is(token, TOKEN);
}

static bool
asks_for_it(struct span all)
{
	return span_starts(all, "GET" TARGET) || span_starts(all, "HEAD" TARGET);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char refused[] = "HTTP/1.1 404 Not Found\r\n";
	struct span all, reply;
	char text[2048];
	bool good;

	if (size > SIZE_MAX_SENT)
		return 0;
	if (loop == NULL)
		start();
	all = span_of(data, size);
	reply = span_of(text, exchange(data, size, text, sizeof(text)));
	must(reply.n < sizeof(text));
	good = span_starts(reply, "HTTP/1.1 200 OK\r\n");
	must(good == passes(all));
	if (good)
		must(asks_for_it(all) && reply.n < 400);
	else
		must(reply.n == 0 || (span_starts(reply, refused) && reply.n < 80));
	return 0;
}
