/*
 * zone: how far local clocks are ahead of UTC, in the zones of the system's
 * data base. Kept apart from due, which knows no zone and gets this as a
 * function.
 */
#ifndef KAMCERT_ZONE_H
#define KAMCERT_ZONE_H

#include "base/base.h"
#include "base/err.h"

/* "Europe/Berlin": a zone of /usr/share/zoneinfo? HOLD says what is wrong with it. */
MUST_CHECK int	zone_check(const char *name, struct err *e);

/* Seconds east of UTC at that time. name is a char *; NULL: as the system has it. */
int64_t		zone_offset(const void *name, int64_t when);

#endif
