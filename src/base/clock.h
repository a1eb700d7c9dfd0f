/*
 * clock: wall time and boot time, replaceable by tests.
 *
 * Deadlines and waiting use boot time, which counts suspend and never jumps;
 * wall time is for what certificates and CAs say. Protocol code never asks
 * for either: time is an argument there.
 */
#ifndef KAMCERT_BASE_CLOCK_H
#define KAMCERT_BASE_CLOCK_H

#include "base.h"

int64_t	clock_wall(void);	/* unix seconds */
int64_t	clock_boot_ms(void);	/* milliseconds since boot, CLOCK_BOOTTIME */

struct clock_source {
	int64_t	(*wall)(void);
	int64_t	(*boot_ms)(void);
};

/* For tests and simulations; NULL puts the kernel's clocks back. */
void	clock_use(const struct clock_source *);

/* Saturating sum, for times and delays that a peer can choose. */
int64_t	time_add(int64_t, int64_t);

#endif
