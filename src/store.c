/*
 * store: see store.h. Accounts and orders are in store_account.c and
 * store_order.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "store.h"

#define LOCK_NAME	"lock"
#define FORMAT_NAME	"format"
#define FORMAT_MAX	64
#define FORMAT_HEAD	"kamcert state "
#define CERTS_NAME	"certs"
#define ACCOUNTS_NAME	"accounts"
#define TEMP_HEX	16

static const struct fs_mode way_mode = { 0711, (uid_t)-1, (gid_t)-1 };
static const struct fs_mode own_dir_mode = { 0700, (uid_t)-1, (gid_t)-1 };
static const struct fs_mode own_file_mode = { 0600, (uid_t)-1, (gid_t)-1 };

struct store {
	char		*path;
	enum store_use	 use;
	int		 root;
	int		 lock;
	int		 certs;		/* -1: to look, and there is none */
};

struct store_cert {
	char	*name;
	char	*path;
	bool	 is_work;
	int	 fd;
	store_pointer *pointer;		/* NULL: only the link */
	void	*pointer_arg;
};

/* --- names --- */

/* What config allows, and no more: it becomes a folder's name (FAULTS S07). */
static int
check_name(const char *name, struct err *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(name);

	if (n == 0 || n > STORE_NAME_MAX || name[0] == '.' || strspn(name, allowed) != n)
		return err_set(e, OUT_HOLD, "\"%.40s\": want a name of 1 to %d characters out of "
		    "a-z 0-9 . _ - without a dot at its begin", name, STORE_NAME_MAX);
	return 0;
}

static int
set_missing(struct err *e, const char *what)
{
	errno = ENOENT;
	return err_sys(e, OUT_HOLD, "%s", what);
}

/* --- sweeping --- */

static bool
is_leftover(const char *name)
{
	struct span n = span_str(name);

	return span_starts(n, FS_TEMP) && n.n == strlen(FS_TEMP) + TEMP_HEX &&
	    strspn(name + strlen(FS_TEMP), "0123456789abcdef") == TEMP_HEX;
}

static int
sweep_one(void *arg, const char *name, struct err *e)
{
	const int *at = arg;

	return is_leftover(name) ? fs_remove(*at, name, e) : 0;
}

/*
 * Removes what killed runs left in a folder: only names of FS_TEMP's pattern,
 * as they are, never what a link points at (FAULTS section 8, step 2).
 */
static int
sweep(int at, struct err *e)
{
	return fs_each(at, sweep_one, &at, e);
}

/* A folder that need not be there. */
static int
sweep_beneath(int at, const char *name, struct err *e)
{
	int fd = -1, rc;

	if (fs_open_dir(at, name, &fd, e) == -1)
		return e->sys == ENOENT ? 0 : -1;
	if ((rc = sweep(fd, e)) == -1)
		(void)err_in(e, "%s", name);
	fs_close(&fd);
	return rc;
}

/* --- the format of the whole --- */

static int
judge_format(struct span text, struct err *e)
{
	struct rd r = rd_of(text);
	struct span number;
	int64_t have;

	if (!span_starts(text, FORMAT_HEAD) || text.p[text.n - 1] != '\n')
		return err_set(e, OUT_HOLD, FORMAT_NAME ": not written by kamcert");
	(void)rd_bytes(&r, strlen(FORMAT_HEAD));
	number = rd_bytes(&r, r.n - 1);
	if (text_number(number, &have) == -1)
		return err_set(e, OUT_HOLD, FORMAT_NAME ": not written by kamcert");
	if (have == STORE_FORMAT)
		return 0;
	(void)err_set(e, OUT_HOLD, FORMAT_NAME ": want at most %d, have %jd", STORE_FORMAT,
	    (intmax_t)have);
	return err_hint(e, "a newer kamcert wrote this folder; use that one");
}

/* Before anything is written. *found is false when there is none yet. */
static int
check_format(int root, bool *found, struct err *e)
{
	struct buf text;
	int rc;

	buf_init(&text, FORMAT_MAX);
	*found = false;
	if ((rc = fs_read(root, FORMAT_NAME, FORMAT_MAX, &text, e)) == 0) {
		*found = true;
		rc = judge_format(buf_span(&text), e);
	} else if (e->sys == ENOENT) {
		rc = 0;
	}
	buf_clear(&text);
	return rc;
}

static int
write_format(int root, struct err *e)
{
	char text[FORMAT_MAX];
	int n = snprintf(text, sizeof(text), FORMAT_HEAD "%d\n", STORE_FORMAT);

	return fs_replace(root, FORMAT_NAME, own_file_mode, span_of(text, (size_t)n), e);
}

/* --- opening --- */

/* Makes the last component of the path in its parent, which must be there. */
static int
make_root(const char *path, int *fd, struct err *e)
{
	char *copy, *slash;
	int parent = -1, rc = -1;

	if ((copy = strdup(path)) == NULL)
		return err_nomem(e);
	while ((slash = strrchr(copy, '/')) != NULL && slash != copy && slash[1] == '\0')
		*slash = '\0';
	if (slash == NULL || slash[1] == '\0') {
		(void)err_set(e, OUT_HOLD, "%s: want an absolute path", path);
		goto out;
	}
	*slash = '\0';
	if (fs_open_root(slash == copy ? "/" : copy, &parent, e) == -1 ||
	    fs_make_dir(parent, slash + 1, way_mode, fd, e) == -1)
		goto out;
	rc = 0;
out:
	fs_close(&parent);
	free(copy);
	return rc;
}

/* The folder, with nothing written but the folder itself. */
static int
open_root(struct store *s, bool *found, struct err *e)
{
	if (fs_open_root(s->path, &s->root, e) == -1) {
		if (s->use == STORE_LOOK || e->sys != ENOENT)
			return -1;
		if (make_root(s->path, &s->root, e) == -1)
			return -1;
	}
	return check_format(s->root, found, e);
}

/*
 * The format is looked at again: a newer kamcert may have come before us. What
 * is not what it should be is refused before the first write. A removal of
 * the index that does not survive a power cut harms nothing: what it says was
 * true when it was written, and files that changed do not fit it.
 */
static int
begin_work(struct store *s, struct err *e)
{
	int accounts = -1;
	bool found;

	if (fs_lock(s->root, LOCK_NAME, &s->lock, e) == -1 ||
	    check_format(s->root, &found, e) == -1 ||
	    fs_make_dir(s->root, ACCOUNTS_NAME, own_dir_mode, &accounts, e) == -1)
		return -1;
	fs_close(&accounts);
	if (fs_make_dir(s->root, CERTS_NAME, way_mode, &s->certs, e) == -1 ||
	    (!found && write_format(s->root, e) == -1) ||
	    fs_remove(s->root, STORE_INDEX, e) == -1)
		return -1;
	return sweep(s->root, e);
}

static int
begin_look(struct store *s, struct err *e)
{
	if (fs_open_dir(s->root, CERTS_NAME, &s->certs, e) == -1 && e->sys != ENOENT)
		return -1;
	return 0;
}

int
store_open(const char *dir, enum store_use use, struct store **out, struct err *e)
{
	struct store *s;
	bool found;

	*out = NULL;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return err_nomem(e);
	*s = (struct store){ .use = use, .root = -1, .lock = -1, .certs = -1 };
	if ((s->path = strdup(dir)) == NULL) {
		(void)err_nomem(e);
	} else if (open_root(s, &found, e) == 0 &&
	    (use == STORE_WORK ? begin_work(s, e) : begin_look(s, e)) == 0) {
		*out = s;
		return 0;
	}
	store_free(s);
	return err_in(e, "state folder %s", dir);
}

void
store_free(struct store *s)
{
	if (s == NULL)
		return;
	fs_close(&s->certs);
	fs_close(&s->lock);
	fs_close(&s->root);
	free(s->path);
	free(s);
}

int
store_fd(const struct store *s)
{
	return s->root;
}

bool
store_is_work(const struct store *s)
{
	return s->use == STORE_WORK;
}

bool
store_is_busy(const struct store *s)
{
	return fs_is_locked(s->root, LOCK_NAME);
}

/* --- certificates --- */

static int
open_cert_dir(struct store *s, struct store_cert *c, struct err *e)
{
	if (!c->is_work)
		return s->certs == -1 ? set_missing(e, "nothing is stored yet") :
		    fs_open_dir(s->certs, c->name, &c->fd, e);
	if (fs_make_dir(s->certs, c->name, way_mode, &c->fd, e) == -1 ||
	    sweep(c->fd, e) == -1 ||
	    sweep_beneath(c->fd, "versions", e) == -1 ||
	    sweep_beneath(c->fd, "order", e) == -1)
		return -1;
	return 0;
}

int
store_cert_open(struct store *s, const char *name, struct store_cert **out, struct err *e)
{
	struct store_cert *c;

	*out = NULL;
	if (check_name(name, e) == -1)
		return -1;
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return err_nomem(e);
	c->fd = -1;
	c->is_work = store_is_work(s);
	c->name = strdup(name);
	if (c->name == NULL ||
	    asprintf(&c->path, "%s/" CERTS_NAME "/%s", s->path, name) == -1) {
		c->path = NULL;
		(void)err_nomem(e);
	} else if (open_cert_dir(s, c, e) == 0) {
		*out = c;
		return 0;
	}
	store_cert_free(c);
	return err_in(e, "store of %s", name);
}

void
store_cert_free(struct store_cert *c)
{
	if (c == NULL)
		return;
	fs_close(&c->fd);
	free(c->name);
	free(c->path);
	free(c);
}

const char *
store_cert_path(const struct store_cert *c)
{
	return c->path;
}

int
store_cert_fd(const struct store_cert *c)
{
	return c->fd;
}

void
store_cert_point(struct store_cert *c, store_pointer *pointer, void *arg)
{
	c->pointer = pointer;
	c->pointer_arg = arg;
}

int
store_cert_turn(struct store_cert *c, int64_t version, struct err *e)
{
	return c->pointer != NULL ? c->pointer(c->pointer_arg, version, e) : 0;
}

bool
store_cert_is_work(const struct store_cert *c)
{
	return c->is_work;
}

struct walk {
	int	at;
	int	(*cb)(void *arg, int fd, struct err *e);
	void	*arg;
};

/* What is no folder of ours is passed over. */
static int
walk_one(void *arg, const char *name, struct err *e)
{
	const struct walk *w = arg;
	struct err ignored;
	int fd, rc;

	if (check_name(name, &ignored) == -1 || fs_open_dir(w->at, name, &fd, &ignored) == -1)
		return 0;
	rc = w->cb(w->arg, fd, e);
	fs_close(&fd);
	return rc;
}

int
store_each_cert(struct store *s, int (*cb)(void *arg, int fd, struct err *e), void *arg,
    struct err *e)
{
	struct walk w = { s->certs, cb, arg };

	return s->certs == -1 ? 0 : fs_each(s->certs, walk_one, &w, e);
}

/* --- accounts' folders, files --- */

int
store_ca_open(struct store *s, const char *ca, int *fd, struct err *e)
{
	int accounts = -1, rc = -1;

	*fd = -1;
	if (check_name(ca, e) == -1 || fs_open_dir(s->root, ACCOUNTS_NAME, &accounts, e) == -1)
		goto out;
	if (store_is_work(s)) {
		if (fs_make_dir(accounts, ca, own_dir_mode, fd, e) == -1 ||
		    sweep(*fd, e) == -1)
			goto out;
	} else if (fs_open_dir(accounts, ca, fd, e) == -1) {
		goto out;
	}
	rc = 0;
out:
	fs_close(&accounts);
	if (rc == -1)
		fs_close(fd);
	return rc;
}

int
store_write(int at, const char *name, const struct buf *sealed, struct err *e)
{
	return fs_replace(at, name, own_file_mode, buf_span(sealed), e);
}

int
store_set_aside(int at, const char *name, struct err *e)
{
	char bad[STORE_NAME_MAX];

	(void)snprintf(bad, sizeof bad, "%s.bad", name);
	if (fs_remove(at, bad, e) == -1)
		return -1;
	return fs_rename_new(at, name, at, bad, e);
}
