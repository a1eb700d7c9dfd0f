/*
 * wake: when a daemon that sleeps is to run again. Pure arithmetic: what a
 * run left behind, and two clocks.
 *
 * Waiting is by the boot clock, which counts suspend and never jumps; the
 * time of the next thing to do is by the wall clock, so that the sum is made
 * again whenever that was set (FAULTS T01, T07).
 */
#ifndef KAMCERT_WAKE_H
#define KAMCERT_WAKE_H

#include "base/base.h"
#include "base/err.h"

#define WAKE_LOOK	DAY		/* seconds; files may have been changed without a word */
#define WAKE_BUSY	30		/* seconds, when another kamcert was at work */
/* seconds that a start is put off by at most (FAULTS L02) */
#define WAKE_SPREAD	59

struct wake_facts {
	int64_t		 wall;		/* now, unix seconds */
	int64_t		 boot_ms;	/* now */
	/* boot clock at the end of the last run; 0: there was none */
	int64_t		 last_ms;
	enum outcome	 outcome;	/* of that run */
	int64_t		 next;		/* unix seconds, as struct msg_end */
	/* runs in a row behind which something was due at once, or that could not tell */
	int64_t		 idle;
	uint32_t	 random;	/* drawn behind each run */
};

/* When to run, by the boot clock in milliseconds. */
int64_t	wake_at_ms(const struct wake_facts *);

#endif
