#include "forecast.h"

/* A generation more or less is not lost: contexts that old connections hold come back. */
#define NOISE	((int64_t)16 * 1024)

/*
 * Reloads that make the average: old connections hold the contexts of a generation or two, so that
 * one reload costs more by as much and a later one less, which a short average takes for the rule.
 */
#define MEMORY	64

/*
 * Not of the average: the first one has two generations in place of one, and
 * connections from before may hold the one that goes, so that the second has
 * three.
 */
#define FIRST	2

/*
 * The first reloads of a process cost what comes back later. Only of an allocator that is known to
 * lose memory is an end foretold by so few.
 */
#define FEW	24

void
forecast_add(struct forecast *f, int64_t free_before, int64_t free_after)
{
	if (free_before < 0 || free_after < 0)
		return;
	f->last = free_before - free_after;
	if (f->reloads >= FIRST)
		f->sum += f->last;
	/* The older ones fade: with other profiles a reload costs something else. */
	if (f->reloads >= FIRST + MEMORY)
		f->sum -= f->sum / (MEMORY + 1);
	else
		f->reloads++;
}

int64_t
forecast_cost(const struct forecast *f, int64_t expected)
{
	int64_t mean = f->reloads > FIRST ? f->sum / (f->reloads - FIRST) : expected;

	if (expected == 0 && f->reloads < FEW)
		return 0;
	return mean > NOISE ? mean : 0;
}

int64_t
forecast_floor(const struct forecast *f, int64_t least)
{
	int64_t floor = f->last > 0 ? 4 * f->last : 0;

	if (floor < FORECAST_FREE_MIN)
		floor = FORECAST_FREE_MIN;
	return floor < least ? least : floor;
}

int64_t
forecast_left(const struct forecast *f, int64_t expected, int64_t free_now, int64_t least)
{
	int64_t cost = forecast_cost(f, expected), floor = forecast_floor(f, least);

	if (free_now < floor)
		return 0;
	return cost == 0 ? FORECAST_ENDLESS : 1 + (free_now - floor) / cost;
}
