/*
 * walls_private: what the files of walls share.
 *
 *     walls.c         which user, capabilities and files a role needs; telling
 *     walls_names.c   what a role is told of users
 *     walls_store.c   who owns the state folder
 */
#ifndef KAMCERT_WALLS_PRIVATE_H
#define KAMCERT_WALLS_PRIVATE_H

#include "walls.h"

/* Whom a role of root's becomes; SANDBOX_STAY both without root. HOLD as walls_for(). */
MUST_CHECK int	walls_user(const struct config *, enum role, int64_t *uid, int64_t *gid,
		    struct err *e);

/*
 * Users and groups of the configuration, as the data base has them. What it
 * does not have is told by who wants to use it.
 */
MUST_CHECK int	walls_names(const struct config *, struct list *users, struct err *e);

/* The number that stands for a role on a machine without its user. */
uid_t		walls_reserve(enum role);

#endif
