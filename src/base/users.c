#include "base/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_FIRST	4096
#define ENTRY_MAX	(1024 * 1024)	/* octets of a line */

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

int
user_find(const char *name, int64_t *uid, int64_t *gid, struct err *e)
{
	struct passwd pw, *found = NULL;
	struct room r = { NULL, 0, 0 };
	int more;

	while ((more = make_room(&r, e)) == 1)
		r.rc = getpwnam_r(name, &pw, r.text, r.size, &found);
	if (more == 0 && found == NULL)
		more = err_set(e, OUT_HOLD, "user \"%s\": there is none of that name", name);
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
	struct group gr, *found = NULL;
	struct room r = { NULL, 0, 0 };
	int more;

	while ((more = make_room(&r, e)) == 1)
		r.rc = getgrnam_r(name, &gr, r.text, r.size, &found);
	if (more == 0 && found == NULL)
		more = err_set(e, OUT_HOLD, "group \"%s\": there is none of that name", name);
	if (more == 0)
		*gid = gr.gr_gid;
	free(r.text);
	return more;
}

int
user_name(uid_t uid, char **name, struct err *e)
{
	struct passwd pw, *found = NULL;
	struct room r = { NULL, 0, 0 };
	int more;

	*name = NULL;
	while ((more = make_room(&r, e)) == 1)
		r.rc = getpwuid_r(uid, &pw, r.text, r.size, &found);
	if (more == 0 && found != NULL && (*name = strdup(pw.pw_name)) == NULL)
		more = err_nomem(e);
	free(r.text);
	return more;
}
