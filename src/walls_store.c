/*
 * walls_store: the state folder is made for the keeper, or given to it.
 *
 * Everything in it may be the keeper's work, and the keeper the prey of
 * somebody else: names are not followed, and what changes hands is held by a
 * descriptor.
 */
#include "walls_private.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define DEPTH_MAX	8	/* of the state folder */

struct heir {
	uid_t	uid;
	gid_t	gid;
};

/* What is root's, or of the number that stood for the keeper before it had a name. */
static bool
is_to_go(const struct stat *st, const struct heir *h)
{
	return st->st_uid != h->uid && (st->st_uid == 0 ||
	    st->st_uid == walls_reserve(ROLE_KEEPER));
}

static int	give_folder(int fd, const struct heir *, unsigned depth, struct err *e);

/* Of another kind than a folder. Held by a descriptor: a name may lead elsewhere by now. */
static int
give_file(int at, const char *name, const struct heir *h, struct err *e)
{
	int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	struct stat st;

	if (fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, OUT_HOLD, "%s", name);
	if (fstat(fd, &st) == -1)
		rc = err_sys(e, OUT_HOLD, "%s", name);
	/* one that has a second name may be in use outside */
	else if (is_to_go(&st, h) && (!S_ISREG(st.st_mode) || st.st_nlink == 1) &&
	    fchownat(fd, "", h->uid, st.st_gid == 0 ? h->gid : (gid_t)-1, AT_EMPTY_PATH) == -1)
		rc = err_sys(e, OUT_HOLD, "cannot give %s to user %ju", name, (uintmax_t)h->uid);
	fs_close(&fd);
	return rc;
}

static int
give_entry(int at, const char *name, const struct heir *h, unsigned depth, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : err_sys(e, OUT_HOLD, "%s", name);
	if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
		return give_file(at, name, h, e);
	if (fs_open_dir(at, name, &fd, e) == -1)
		return -1;
	rc = give_folder(fd, h, depth + 1, e);
	fs_close(&fd);
	return rc;
}

struct giving {
	int			 at;
	const struct heir	*heir;
	unsigned		 depth;
};

static int
on_entry(void *arg, const char *name, struct err *e)
{
	const struct giving *g = arg;

	return give_entry(g->at, name, g->heir, g->depth, e);
}

/* Its entries first: a folder that has changed hands is one that is done. */
static int
give_folder(int fd, const struct heir *h, unsigned depth, struct err *e)
{
	struct giving g = { fd, h, depth };
	struct stat st;

	if (fs_each(fd, on_entry, &g, e) == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return err_sys(e, OUT_HOLD, "folder");
	if (is_to_go(&st, h) && fchown(fd, h->uid, st.st_gid == 0 ? h->gid : (gid_t)-1) == -1)
		return err_sys(e, OUT_HOLD, "cannot give it to user %ju", (uintmax_t)h->uid);
	return 0;
}

/* The folder itself, and those that every run goes through. */
static bool
is_foreign(int fd, const struct config *c, const struct heir *h)
{
	static const char *const parts[] = { ".", "certs", "accounts", "format" };
	const struct cert_conf *cert = c->certs.v;
	char path[512];
	struct stat st;
	size_t i;

	for (i = 0; i < NITEMS(parts); i++)
		if (fstatat(fd, parts[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && is_to_go(&st, h))
			return true;
	for (i = 0; i < c->certs.n; i++) {
		snprintf(path, sizeof path, "certs/%s", cert[i].name);
		if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_to_go(&st, h))
			return true;
	}
	return false;
}

static int
make_store(const char *path, const struct heir *h, struct err *e)
{
	const struct fs_mode mode = { 0711, h->uid, h->gid };
	char *copy = strdup(path), *slash;
	int parent = -1, fd = -1, rc = -1;

	if (copy == NULL)
		return err_nomem(e);
	while ((slash = strrchr(copy, '/')) != NULL && slash != copy && slash[1] == '\0')
		*slash = '\0';
	if (slash != NULL && slash[1] != '\0') {
		*slash = '\0';
		if (fs_open_root(slash == copy ? "/" : copy, &parent, e) == 0)
			rc = fs_make_dir(parent, slash + 1, mode, &fd, e);
	}
	fs_close(&fd);
	fs_close(&parent);
	free(copy);
	return rc;
}

int
walls_own_store(const struct msg_setup *setup, struct err *e)
{
	const char *path = setup->config.state_dir;
	int64_t uid, gid;
	struct heir heir;
	int fd, rc = 0;

	if (setup->command == CMD_CHECK || setup->command == CMD_STATUS || setup->dry_run)
		return 0;
	if (walls_user(&setup->config, ROLE_KEEPER, &uid, &gid, e) == -1)
		return -1;
	heir = (struct heir){ (uid_t)uid, (gid_t)gid };
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return errno != ENOENT ? 0 : make_store(path, &heir, e) == 0 ? 0 :
		    err_in(e, "state folder %s", path);
	if (uid > 0 && is_foreign(fd, &setup->config, &heir))
		rc = give_folder(fd, &heir, 0, e);
	fs_close(&fd);
	return rc == -1 ? err_in(e, "state folder %s", path) : 0;
}
