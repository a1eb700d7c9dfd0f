/*
 * calm: what a process that stays has told already. A failure that stays the
 * same is told once a day, and again after anything else was told of the
 * same certificate.
 */
#ifndef KAMCERT_CALM_H
#define KAMCERT_CALM_H

#include "base/pack.h"
#include "report.h"

#define CALM_REPEAT_MS	(DAY * 1000)

struct calm {
	struct list	told;	/* struct calm_told */
};

/* Is it to be told? Results that are well always are; so is everything without memory. */
bool	calm_is_new(struct calm *, const struct report *, int64_t boot_ms);
void	calm_clear(struct calm *);

#endif
