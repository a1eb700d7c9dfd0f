#include "solve_webroot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "solve_token.h"

static const char *const folders[] = { ".well-known", "acme-challenge" };

#define NFOLDERS	NITEMS(folders)

struct put_up {
	LIST_ENTRY(put_up)	 link;
	char			*token;
};

struct solve_webroot {
	int			 root;
	bool			 made[NFOLDERS];
	LIST_HEAD(, put_up)	 put_up;
};

struct solve_webroot *
solve_webroot_new(int root, struct err *e)
{
	struct solve_webroot *sw;
	struct stat st;

	if (fstat(root, &st) == -1 || !S_ISDIR(st.st_mode)) {
		(void)err_set(e, OUT_HOLD, "webroot: descriptor %d is no folder", root);
		return NULL;
	}
	if ((sw = calloc(1, sizeof(*sw))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	sw->root = root;
	return sw;
}

static struct put_up *
find(const struct solve_webroot *sw, const char *token)
{
	struct put_up *p;

	LIST_FOREACH(p, &sw->put_up, link)
		if (strcmp(p->token, token) == 0)
			return p;
	return NULL;
}

/* An existing folder may belong to the web server: whose it is, is not asked. */
static int
open_or_make(int at, const char *name, bool *made, int *fd, struct err *e)
{
	const struct fs_mode mode = { 0755, (uid_t)-1, (gid_t)-1 };

	if (fs_open_dir(at, name, fd, e) == 0)
		return 0;
	if (e->sys != ENOENT || fs_make_dir(at, name, mode, fd, e) == -1)
		return -1;
	*made = true;
	return 0;
}

/* *fd: the folder that the answers lie in. */
static int
enter(struct solve_webroot *sw, int *fd, struct err *e)
{
	int outer, rc;

	if (open_or_make(sw->root, folders[0], &sw->made[0], &outer, e) == -1)
		return -1;
	rc = open_or_make(outer, folders[1], &sw->made[1], fd, e);
	fs_close(&outer);
	return rc;
}

static void
free_put_up(struct put_up *p)
{
	if (p != NULL)
		free(p->token);
	free(p);
}

int
solve_webroot_put(struct solve_webroot *sw, const char *token, const char *key_auth, struct err *e)
{
	const struct fs_mode mode = { 0644, (uid_t)-1, (gid_t)-1 };
	struct put_up *p;
	int fd = -1;

	if (solve_token_check(token, key_auth, e) == -1)
		return -1;
	if ((p = calloc(1, sizeof(*p))) == NULL || (p->token = strdup(token)) == NULL) {
		free_put_up(p);
		return err_nomem(e);
	}
	if (enter(sw, &fd, e) == -1 || fs_replace(fd, token, mode, span_str(key_auth), e) == -1) {
		fs_close(&fd);
		free_put_up(p);
		return err_in(e, "webroot");
	}
	fs_close(&fd);
	if (find(sw, token) != NULL)
		free_put_up(p);
	else
		LIST_INSERT_HEAD(&sw->put_up, p, link);
	return 0;
}

/* Inner folder first. Others may have put something in: then they stay. */
static void
remove_folders(struct solve_webroot *sw)
{
	struct err e = ERR_NONE;
	int outer;

	if (sw->made[1] && fs_open_dir(sw->root, folders[0], &outer, &e) == 0) {
		(void)unlinkat(outer, folders[1], AT_REMOVEDIR);
		fs_close(&outer);
	}
	if (sw->made[0])
		(void)unlinkat(sw->root, folders[0], AT_REMOVEDIR);
	memset(sw->made, 0, sizeof(sw->made));
}

static int
remove_file(struct solve_webroot *sw, const char *token, struct err *e)
{
	int outer, inner = -1, rc = -1;

	if (fs_open_dir(sw->root, folders[0], &outer, e) == 0 &&
	    fs_open_dir(outer, folders[1], &inner, e) == 0)
		rc = fs_remove(inner, token, e);
	else if (e->sys == ENOENT)
		rc = 0;
	fs_close(&inner);
	fs_close(&outer);
	return rc;
}

void
solve_webroot_drop(struct solve_webroot *sw, const char *token)
{
	struct put_up *p = find(sw, token);
	struct err e = ERR_NONE;

	if (p == NULL)
		return;
	if (remove_file(sw, token, &e) == -1)
		log_warn(KV_S("event", "challenge file left behind"), KV_S("error", e.text));
	LIST_REMOVE(p, link);
	free_put_up(p);
	if (LIST_EMPTY(&sw->put_up))
		remove_folders(sw);
}

void
solve_webroot_free(struct solve_webroot *sw)
{
	if (sw == NULL)
		return;
	while (!LIST_EMPTY(&sw->put_up))
		solve_webroot_drop(sw, LIST_FIRST(&sw->put_up)->token);
	remove_folders(sw);
	fs_close(&sw->root);
	free(sw);
}
