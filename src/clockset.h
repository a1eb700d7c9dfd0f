/*
 * clockset: notice when somebody sets the wall clock, or the machine wakes
 * up from suspend (FAULTS T01, T07), without looking again and again.
 */
#ifndef KAMCERT_CLOCKSET_H
#define KAMCERT_CLOCKSET_H

#include "base/loop.h"

struct clockset;

/* Calls back each time, from then on. RETRY if the kernel has no more timers. */
MUST_CHECK struct clockset *clockset_new(struct loop *, void (*cb)(void *arg), void *arg,
		    struct err *e);
void	clockset_free(struct clockset *);	/* NULL allowed; before its loop */

#endif
