/*
 * control: how long a call of core.version takes over our binrpc, a new
 * connection each time. Prints the median and the fastest of N in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "hooks/ctl.h"

#define CALLS	201

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int
main(int argc, char **argv)
{
	struct hook_conf conf = { .rpc = argc == 2 ? argv[1] : NULL, .timeout = 10 };
	struct err e = ERR_NONE;
	int64_t took[CALLS];

	if (argc != 2) {
		fprintf(stderr, "usage: control unix:/path\n");
		return 2;
	}
	for (int i = 0; i < CALLS; i++) {
		struct binrpc_reply r;
		struct ctl c;
		int64_t begin = now_us();

		if (ctl_open(&c, &conf, clock_boot_ms() + 10000, &e) == -1 ||
		    ctl_call(&c, "core.version", NULL, &r, &e) == -1) {
			fprintf(stderr, "control: %s\n", e.text);
			return 1;
		}
		ctl_close(&c);
		took[i] = now_us() - begin;
	}
	qsort(took, CALLS, sizeof took[0], compare);
	printf("%lld %lld\n", (long long)took[CALLS / 2], (long long)took[0]);
	return 0;
}
