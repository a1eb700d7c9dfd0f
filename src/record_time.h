/*
 * record_time: moments that are kept on disk.
 */
#ifndef KAMCERT_RECORD_TIME_H
#define KAMCERT_RECORD_TIME_H

#include "base/pack.h"

/*
 * A moment by two clocks. While the machine was not started anew, its boot
 * clock says how long ago it was, so that a wall clock that was set does not
 * (FAULTS T01).
 */
struct record_time {
	int64_t	 wall;		/* unix seconds; 0: never */
	int64_t	 boot_ms;
	int64_t	 boot_id;	/* of the start of the machine; 0: not known */
};

void	record_now(struct record_time *);

/* When it was, in the time of today's wall clock; never later than now. 0 for never. */
int64_t	record_when(const struct record_time *then, const struct record_time *now);

/*
 * A clock that was set back before the machine was started anew leaves moments
 * ahead of us, of which nothing but that they are past is known: they are
 * taken for now. True if that was so; it must then be saved, or they stay new.
 */
bool	record_settle(struct record_time *, const struct record_time *now);

/* Seconds since then, 0 where that is not known to be past. */
int64_t	record_elapsed(const struct record_time *then, const struct record_time *now);

extern const struct pack record_time_pack;

#endif
