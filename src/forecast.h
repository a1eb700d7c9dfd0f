/*
 * forecast: what reloads of a server cost in shared memory, and how many more
 * it has room for. Pure arithmetic over what was measured before and after
 * each of them.
 *
 * Some allocators lose account of memory at every reload, and below a limit
 * the server refuses new TLS connections, although it says that the reload
 * went well. So a reload is held back before that (FAULTS K12).
 */
#ifndef KAMCERT_FORECAST_H
#define KAMCERT_FORECAST_H

#include "base/base.h"

/* octets: less is too little for anybody */
#define FORECAST_FREE_MIN	((int64_t)8 * 1024 * 1024)
#define FORECAST_ENDLESS	INT64_MAX

/* Of one process of a server; another process begins anew. All zero: nothing known. */
struct forecast {
	int64_t	 reloads;	/* that were measured, as far as they are remembered */
	int64_t	 last;		/* octets that the last one cost; less than 0: it gave some back */
	/* of all but the first two of a process, which have costs of their own */
	int64_t	 sum;
};

/* A reload left this much of what was free before; negative: not known, and nothing is noted. */
void	forecast_add(struct forecast *, int64_t free_before, int64_t free_after);

/*
 * Octets per reload, on average; 0 where nothing is lost. Before the third one
 * it is as expected.
 */
int64_t	forecast_cost(const struct forecast *, int64_t expected);

/*
 * Octets that must be free before a reload: the larger of 8 MiB, 4 times the
 * last cost, and `least`.
 */
int64_t	forecast_floor(const struct forecast *, int64_t least);

/* How many reloads are possible until that floor; FORECAST_ENDLESS where they cost nothing. */
int64_t	forecast_left(const struct forecast *, int64_t expected, int64_t free_now, int64_t least);

#endif
