/*
 * crowd: everybody who should not be at a challenge port (FAULTS I05).
 *
 *     crowd ADDRESS PORT SECONDS
 *
 * Keeps a thousand connections open, and opens each anew that is closed; one
 * in five says an octet every second, as of a request that never ends. Besides,
 * connections are opened and reset, a thousand a second. Waits for the port;
 * when the time is over, it prints how many connections there were.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IDLE		1000
#define TICK_MS		20
#define OPENS		50	/* in a tick */
#define RESETS		20	/* in a tick */
#define SLOW		5	/* each n-th is not idle, but slow */

static struct sockaddr_in to;
static struct pollfd idle[IDLE];
static long opened, dropped, resets, here;

static long
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd != -1 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == -1 &&
	    errno != EINPROGRESS) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* What has become of it. */
static void
look_at(struct pollfd *p)
{
	char octets[256];
	bool is_new = (p->events & POLLOUT) != 0;

	if (p->fd == -1)
		return;
	if (is_new && p->revents == POLLOUT) {
		p->events = POLLIN;
		opened++;
		here++;
	} else if ((p->revents & (POLLIN | POLLERR | POLLHUP)) != 0 &&
	    recv(p->fd, octets, sizeof(octets), 0) <= 0) {
		dropped += !is_new;
		here -= !is_new;
		(void)close(p->fd);
		p->fd = -1;
	}
}

/* Who was turned away comes back. */
static void
stay(void)
{
	int left = OPENS;

	for (int i = 0; i < IDLE; i++) {
		look_at(&idle[i]);
		if (idle[i].fd == -1 && left > 0) {
			left--;
			idle[i] = (struct pollfd){ .fd = dial(), .events = POLLIN | POLLOUT };
		}
	}
}

static void
say_something(void)
{
	static const char text[] = "GET /.well-known/acme-challenge/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static size_t at;

	for (int i = 0; i < IDLE; i += SLOW)
		if (idle[i].fd != -1)
			(void)send(idle[i].fd, &text[at % (sizeof(text) - 1)], 1, MSG_NOSIGNAL);
	at++;
}

static void
storm(void)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd;

	for (int i = 0; i < RESETS; i++) {
		if ((fd = dial()) == -1)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		(void)send(fd, "GET /", i % 6, MSG_NOSIGNAL);
		(void)close(fd);
		resets++;
	}
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	long end, spoke = 0;

	to.sin_family = AF_INET;
	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
	    getrlimit(RLIMIT_NOFILE, &limit) == -1) {
		(void)fprintf(stderr, "usage: crowd ADDRESS PORT SECONDS\n");
		return 2;
	}
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	for (int i = 0; i < IDLE; i++)
		idle[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	for (end = now_ms() + 1000 * strtol(argv[3], NULL, 10); now_ms() < end;) {
		(void)poll(NULL, 0, TICK_MS);
		if (poll(idle, IDLE, 0) == -1 && errno != EINTR)
			return 1;
		stay();
		if (here > 0)
			storm();
		if (now_ms() - spoke >= 1000) {
			spoke = now_ms();
			say_something();
		}
	}
	(void)printf("opened %ld dropped %ld resets %ld\n", opened, dropped, resets);
	return 0;
}
