/*
 * users: the user data base: numbers for names, and a name for a number.
 */
#ifndef KAMCERT_BASE_USERS_H
#define KAMCERT_BASE_USERS_H

#include <sys/types.h>

#include "base/err.h"

/*
 * A user and the group that is his own. HOLD if there is none of that name,
 * RETRY without memory.
 */
MUST_CHECK int	user_find(const char *name, int64_t *uid, int64_t *gid, struct err *e);

/* The same for a group. */
MUST_CHECK int	group_find(const char *name, int64_t *gid, struct err *e);

/* *name is the caller's, and NULL for a number that nobody has. RETRY without memory. */
MUST_CHECK int	user_name(uid_t, char **name, struct err *e);

#endif
