/*
 * users: the user data base: numbers for names, and a name for a number.
 *
 * It may be one that has to be asked over sockets (LDAP, sssd), which a
 * process behind walls cannot do: it is told beforehand what it will need.
 */
#ifndef KAMCERT_BASE_USERS_H
#define KAMCERT_BASE_USERS_H

#include <sys/types.h>

#include "base/err.h"
#include "base/pack.h"

struct user_group {
	int64_t	 gid;
};

/* What the data base says of a name. */
struct user_entry {
	char		*name;
	int64_t		 uid;		/* -1: of a group */
	int64_t		 gid;		/* the group itself, or the one that is the user's own */
	struct list	 groups;	/* struct user_group: all that the user is in */
};

extern const struct pack user_entry_pack;

/*
 * A user and the group that is his own. HOLD if there is none of that name,
 * RETRY without memory, or if the data base does not answer.
 */
MUST_CHECK int	user_find(const char *name, int64_t *uid, int64_t *gid, struct err *e);

/* The same for a group. */
MUST_CHECK int	group_find(const char *name, int64_t *gid, struct err *e);

/* *name is the caller's, and NULL for a number that nobody has. RETRY without memory. */
MUST_CHECK int	user_name(uid_t, char **name, struct err *e);

/*
 * All groups of a user, whose own is gid: of one that the data base does not
 * know, that alone. *groups is the caller's to free.
 */
MUST_CHECK int	user_groups(uid_t, gid_t gid, gid_t **groups, int *n, struct err *e);

/* The entry of a name, with everything; pack_clear() frees. HOLD and RETRY as above. */
MUST_CHECK int	user_entry_get(const char *name, bool group, struct user_entry *, struct err *e);

/*
 * From now on, what is asked about these is answered by them, and the data
 * base is not asked. Takes over the struct user_entry of the list, which is
 * empty then.
 */
void		users_know(struct list *);

#endif
