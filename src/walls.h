/*
 * walls: which user, capabilities and files each role needs for a
 * configuration, worked out by the starter before it starts one; and who owns
 * the state folder.
 */
#ifndef KAMCERT_WALLS_H
#define KAMCERT_WALLS_H

#include "message.h"
#include "role.h"
#include "sandbox.h"

/*
 * What role is to give up and to keep. pack_clear(&walls_pack, out) frees it.
 * HOLD if a user of the configuration does not exist. Without root all roles
 * stay the user that they are started by.
 */
MUST_CHECK int	walls_for(const struct msg_setup *, enum role, struct walls *out, struct err *e);

/*
 * Before the first role that writes: the state folder is made where it is
 * missing, as the keeper may write in it only. Started by root, it belongs to the
 * keeper: one of root's, as a backup is restored, goes over to it with all
 * that root has in it.
 */
MUST_CHECK int	walls_own_store(const struct msg_setup *, struct err *e);

/* False: best effort had to do without something. */
bool		walled_wholly(const struct walled *);

/* One line for people: "user _kamcert-net, no capabilities, Landlock 7, system calls filtered". */
#define WALLED_TEXT 512
const char	*walled_text(const struct walled *, char out[WALLED_TEXT]);

#endif
