/*
 * walls_names: what the data base of users says, from where it can be asked:
 * one that is asked over sockets does not answer behind the walls.
 */
#include <string.h>

#include "walls_private.h"

static bool
has(const struct list *users, const char *name, bool group)
{
	const struct user_entry *v = users->v;
	size_t i;

	for (i = 0; i < users->n; i++)
		if ((v[i].uid == -1) == group && strcmp(v[i].name, name) == 0)
			return true;
	return false;
}

static int
add(struct list *users, const char *name, bool group, struct err *e)
{
	struct err ignored = ERR_NONE;
	struct user_entry found, *u;

	if (name == NULL || has(users, name, group) ||
	    user_entry_get(name, group, &found, &ignored) == -1)
		return 0;
	if ((u = list_add(users, sizeof *u)) == NULL) {
		pack_clear(&user_entry_pack, &found);
		return err_nomem(e);
	}
	*u = found;
	return 0;
}

int
walls_names(const struct config *c, struct list *users, struct err *e)
{
	const struct cert_conf *cert = c->certs.v;
	const struct hook_conf *h;
	size_t i, k;

	for (i = 0; i < c->certs.n; i++) {
		h = cert[i].hooks.v;
		if (add(users, cert[i].user, false, e) == -1 ||
		    add(users, cert[i].group, true, e) == -1)
			return -1;
		for (k = 0; k < cert[i].hooks.n; k++)
			if (add(users, h[k].user, false, e) == -1)
				return -1;
	}
	return 0;
}
