#include "base/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX	65536	/* NGROUPS_MAX of Linux */
#define ENTRY_FIRST	4096
#define ENTRY_MAX	(1024 * 1024)	/* octets of a line */

static const struct pack group_pack = PACK(user_group,
	{ PACK_I64, offsetof(struct user_group, gid), NULL });

#define F(type, field, sub) { type, offsetof(struct user_entry, field), sub }

const struct pack user_entry_pack = PACK(user_entry,
	F(PACK_STR, name, NULL), F(PACK_I64, uid, NULL), F(PACK_I64, gid, NULL),
	F(PACK_LIST, groups, &group_pack));

static struct list known;	/* struct user_entry */

void
users_know(struct list *entries)
{
	struct user_entry *old = known.v;

	for (size_t i = 0; i < known.n; i++)
		pack_clear(&user_entry_pack, &old[i]);
	free(known.v);
	known = *entries;
	*entries = (struct list){ NULL, 0 };
}

static const struct user_entry *
find_known(const char *name, bool group)
{
	const struct user_entry *v = known.v;

	for (size_t i = 0; i < known.n; i++)
		if ((v[i].uid == -1) == group && strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

static const struct user_entry *
find_known_uid(uid_t uid)
{
	const struct user_entry *v = known.v;

	for (size_t i = 0; i < known.n; i++)
		if (v[i].uid == (int64_t)uid)
			return &v[i];
	return NULL;
}

/* Room for a line; the calls below say by ERANGE that it is too little. */
struct room {
	char	*text;
	size_t	 size;
	int	 rc;	/* of the last call */
};

/* More room, while it is needed and may be had: 1. 0: the last call is the answer. */
static int
make_room(struct room *r, struct err *e)
{
	size_t size = r->size == 0 ? ENTRY_FIRST : r->size * 2;
	char *more;

	if ((r->size != 0 && r->rc != ERANGE) || size > ENTRY_MAX)
		return 0;
	if ((more = realloc(r->text, size)) == NULL)
		return err_nomem(e);
	r->text = more;
	r->size = size;
	return 1;
}

/* rc is that of getpwnam_r() or getgrnam_r(), whose manual page has all these for "not found". */
static int
not_found(const char *what, const char *name, int rc, struct err *e)
{
	errno = rc;
	if (rc == 0 || rc == ENOENT || rc == ESRCH || rc == EBADF || rc == EPERM)
		(void)err_set(e, OUT_HOLD, "%s \"%s\": there is none of that name", what, name);
	else
		(void)err_sys(e, OUT_RETRY, "%s \"%s\": the user data base does not answer", what,
		    name);
	return err_hint(e, "getent %s %s must find it: see /etc/nsswitch.conf",
	    strcmp(what, "user") == 0 ? "passwd" : what, name);
}

int
user_find(const char *name, int64_t *uid, int64_t *gid, struct err *e)
{
	const struct user_entry *u = find_known(name, false);
	struct passwd pw, *found = NULL;
	struct room r = { NULL, 0, 0 };
	int more;

	if (u != NULL) {
		*uid = u->uid;
		*gid = u->gid;
		return 0;
	}
	while ((more = make_room(&r, e)) == 1)
		r.rc = getpwnam_r(name, &pw, r.text, r.size, &found);
	if (more == 0 && found == NULL)
		more = not_found("user", name, r.rc, e);
	if (more == 0) {
		*uid = pw.pw_uid;
		*gid = pw.pw_gid;
	}
	free(r.text);
	return more;
}

int
group_find(const char *name, int64_t *gid, struct err *e)
{
	const struct user_entry *u = find_known(name, true);
	struct group gr, *found = NULL;
	struct room r = { NULL, 0, 0 };
	int more;

	if (u != NULL) {
		*gid = u->gid;
		return 0;
	}
	while ((more = make_room(&r, e)) == 1)
		r.rc = getgrnam_r(name, &gr, r.text, r.size, &found);
	if (more == 0 && found == NULL)
		more = not_found("group", name, r.rc, e);
	if (more == 0)
		*gid = gr.gr_gid;
	free(r.text);
	return more;
}

int
user_name(uid_t uid, char **name, struct err *e)
{
	const struct user_entry *u = find_known_uid(uid);
	struct passwd pw, *found = NULL;
	struct room r = { NULL, 0, 0 };
	int more;

	*name = NULL;
	if (u != NULL)
		return (*name = strdup(u->name)) != NULL ? 0 : err_nomem(e);
	while ((more = make_room(&r, e)) == 1)
		r.rc = getpwuid_r(uid, &pw, r.text, r.size, &found);
	if (more == 0 && found != NULL && (*name = strdup(pw.pw_name)) == NULL)
		more = err_nomem(e);
	free(r.text);
	return more;
}

/* Those of the data base; *n has room for GROUPS_MAX. */
static int
ask_groups(uid_t uid, gid_t gid, gid_t *groups, int *n, struct err *e)
{
	char *name;
	int rc = 0;

	if (user_name(uid, &name, e) == -1)
		return -1;
	*n = GROUPS_MAX;
	if (name == NULL) {
		groups[0] = gid;
		*n = 1;
	} else if (getgrouplist(name, gid, groups, n) == -1)
		rc = err_set(e, OUT_HOLD, "user %s is in too many groups", name);
	free(name);
	return rc;
}

static void
copy_groups(const struct user_entry *u, gid_t gid, gid_t *groups, int *n)
{
	const struct user_group *v = u->groups.v;
	size_t i;

	groups[0] = gid;
	for (i = 0; i < u->groups.n && i + 1 < GROUPS_MAX; i++)
		groups[i + 1] = (gid_t)v[i].gid;
	*n = (int)i + 1;
}

int
user_groups(uid_t uid, gid_t gid, gid_t **groups, int *n, struct err *e)
{
	const struct user_entry *u = find_known_uid(uid);

	if ((*groups = calloc(GROUPS_MAX, sizeof(**groups))) == NULL)
		return err_nomem(e);
	if (u != NULL) {
		copy_groups(u, gid, *groups, n);
		return 0;
	}
	if (ask_groups(uid, gid, *groups, n, e) == 0)
		return 0;
	free(*groups);
	*groups = NULL;
	return -1;
}

static int
add_groups(struct user_entry *u, struct err *e)
{
	struct user_group *g;
	gid_t *groups;
	int n, rc = 0;

	if (user_groups((uid_t)u->uid, (gid_t)u->gid, &groups, &n, e) == -1)
		return -1;
	for (int i = 0; i < n && rc == 0; i++) {
		if ((g = list_add(&u->groups, sizeof(*g))) == NULL)
			rc = err_nomem(e);
		else
			g->gid = groups[i];
	}
	free(groups);
	return rc;
}

int
user_entry_get(const char *name, bool group, struct user_entry *u, struct err *e)
{
	*u = (struct user_entry){ .uid = -1 };
	if ((group ? group_find(name, &u->gid, e) : user_find(name, &u->uid, &u->gid, e)) == -1)
		return -1;
	if ((u->name = strdup(name)) == NULL)
		(void)err_nomem(e);
	else if (group || add_groups(u, e) == 0)
		return 0;
	pack_clear(&user_entry_pack, u);
	return -1;
}
