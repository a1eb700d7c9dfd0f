/*
 * access: the part of fs that asks who may: safe parents, the lock, room,
 * and what another user can read.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/private.h"
#include "base/text.h"
#include "base/users.h"

#define LOCK_TRIES	8	/* how often the lock file may be exchanged under us */
#define HOLDER_MAX	200	/* octets of the holder's line */
#define LINKS_MAX	40	/* as the kernel */

/* --- safe parents --- */

static int
check_owner(const struct stat *st, const char *name, uid_t uid, struct err *e)
{
	if (st->st_uid != 0 && st->st_uid != geteuid() && st->st_uid != uid)
		return err_set(e, OUT_HOLD,
		    "%s: belongs to user %ju, who could exchange what is in it", name,
		    (uintmax_t)st->st_uid);
	return 0;
}

int
fs_check_dir(int fd, const char *name, uid_t uid, mode_t mode, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return fs_fail(e, fd, name, "look at");
	if (check_owner(&st, name, uid, e) == -1)
		return -1;
	if ((st.st_mode & 022 & ~mode) != 0) {
		(void)err_set(e, OUT_HOLD, "%s: mode %04o lets others than its owner write", name,
		    (unsigned)st.st_mode & 07777u);
		return err_hint(e, "chmod go-w %s", name);
	}
	return 0;
}

int
fs_check_private(int at, const char *name, struct fs_mode m, struct err *e)
{
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return fs_fail(e, at, name, "look at");
	if (check_owner(&st, name, m.uid, e) == -1)
		return -1;
	if ((st.st_mode & 07777u & ~m.mode) == 0)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: a key is in it: want mode %04o at most, have %04o", name,
	    (unsigned)m.mode, (unsigned)st.st_mode & 07777u);
	return err_hint(e, "chmod %04o %s; if somebody could read it, a new key is needed",
	    (unsigned)m.mode, name);
}

/* In a sticky folder such as /tmp nobody can exchange what belongs to somebody else. */
static int
check_parent(int fd, const char *seen, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return fs_fail(e, fd, seen, "look at");
	if ((st.st_mode & S_ISVTX) != 0)
		return check_owner(&st, seen, (uid_t)-1, e);
	return fs_check_dir(fd, seen, (uid_t)-1, 0, e);
}

/* One component down. The last one must be readable, as it will be synced and listed. */
static int
step_down(int *dir, const char *name, bool last, const char *seen, struct err *e)
{
	struct stat st;
	int next;

	if (fs_check_name(name, e) == -1)
		return -1;
	if (fstatat(*dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
		(void)err_set(e, OUT_HOLD, "%s: want a folder, have a symbolic link", seen);
		return err_hint(e, "name the folder by its path without links");
	}
	next = fs_openat(*dir, name, (last ? O_RDONLY : O_PATH) | O_DIRECTORY, 0);
	if (next == -1) {
		(void)fs_fail(e, *dir, seen, "open the folder");
		return -1;
	}
	fs_close(dir);
	*dir = next;
	return last ? 0 : check_parent(next, seen, e);
}

/* path is ours to cut; "//" and a slash at the end mean nothing. */
static int
walk_down(char *path, int *dir, struct err *e)
{
	char *p = path, *end, *rest, kept;

	for (p += strspn(p, "/"); *p != '\0'; p = rest) {
		end = p + strcspn(p, "/");
		rest = end + strspn(end, "/");
		kept = *end;
		*end = '\0';
		if (step_down(dir, p, *rest == '\0', path, e) == -1)
			return -1;
		*end = kept;
	}
	return 0;
}

static int
open_root(const char *path, bool of_anybody, int *fd, struct err *e)
{
	/* ways are gone, not read: only the end of one must be readable */
	int how = path[strspn(path, "/")] == '\0' ? O_RDONLY : O_PATH;
	struct stat st;
	char *copy;
	int rc;

	*fd = -1;
	if (path[0] != '/')
		return err_set(e, OUT_HOLD, "%s: want an absolute path", path);
	if ((copy = strdup(path)) == NULL)
		return err_nomem(e);
	if ((*fd = fs_openat(AT_FDCWD, "/", how | O_DIRECTORY, 0)) == -1)
		rc = fs_fail(e, AT_FDCWD, "/", "open the folder");
	else if ((rc = check_parent(*fd, "/", e)) == 0)
		rc = walk_down(copy, fd, e);
	if (rc == 0 && fstat(*fd, &st) == -1)
		rc = fs_fail(e, *fd, path, "look at");
	if (rc == 0)
		rc = fs_check_dir(*fd, copy, of_anybody ? st.st_uid : (uid_t)-1, 0, e);
	free(copy);
	if (rc == -1)
		fs_close(fd);
	return rc;
}

int
fs_open_root(const char *path, int *fd, struct err *e)
{
	return open_root(path, false, fd, e);
}

int
fs_open_kept(const char *path, int *fd, struct err *e)
{
	return open_root(path, geteuid() == 0, fd, e);
}

/* --- room --- */

int
fs_has_room(int at, uint64_t bytes, uint64_t files, struct err *e)
{
	struct statvfs vfs;
	uint64_t have;

	if (fstatvfs(at, &vfs) == -1)
		return fs_fail(e, at, ".", "ask for the free space of");
	if (__builtin_mul_overflow((uint64_t)vfs.f_bavail, (uint64_t)vfs.f_frsize, &have))
		have = UINT64_MAX;
	if (have < bytes)
		return err_set(e, OUT_RETRY, "free space: want %ju octets, have %ju",
		    (uintmax_t)bytes, (uintmax_t)have);
	/* f_files is 0 where inodes are not counted, as on btrfs. */
	if (vfs.f_files != 0 && vfs.f_favail < files)
		return err_set(e, OUT_RETRY, "free inodes: want %ju, have %ju", (uintmax_t)files,
		    (uintmax_t)vfs.f_favail);
	return 0;
}

/* --- the lock --- */

/* Who may open the file could also hold the lock: nobody but its owner. */
static int
open_lock(int at, const char *name, int *fd, struct err *e)
{
	bool found;
	int flags;

	if (fs_expect(at, name, S_IFREG, &found, e) == -1)
		return -1;
	flags = O_RDWR | O_NONBLOCK | O_NOCTTY | (found ? 0 : O_CREAT | O_EXCL);
	if ((*fd = fs_openat(at, name, flags, 0600)) == -1)
		return fs_fail(e, at, name, "open");
	if (!found && fchmod(*fd, 0600) == -1)
		return fs_fail(e, at, name, "change the mode of");
	return fs_expect_fd(*fd, name, S_IFREG, e);
}

static int
tell_holder(int fd, struct err *e)
{
	char line[HOLDER_MAX], holder[HOLDER_MAX];
	ssize_t n;

	n = pread(fd, line, sizeof(line), 0);
	while (n > 0 && line[n - 1] == '\n')
		n--;
	if (n <= 0)
		return err_set(e, OUT_BUSY, "locked by another process");
	text_clean(holder, sizeof(holder), span_of(line, (size_t)n));
	return err_set(e, OUT_BUSY, "locked by %s", holder);
}

static int
write_holder(int fd, const char *name, struct err *e)
{
	char line[HOLDER_MAX], since[TIME_TEXT];
	int n;

	n = snprintf(line, sizeof(line), "pid %ld since %s by %s\n", (long)getpid(),
	    text_time(clock_wall(), since), program_invocation_short_name);
	if (n >= (int)sizeof(line))
		n = (int)sizeof(line) - 1;
	if (ftruncate(fd, 0) == -1 || pwrite(fd, line, (size_t)n, 0) != n)
		return fs_fail(e, fd, name, "write");
	return 0;
}

/* Does name still lead to the file that is locked? */
static bool
is_still_named(int at, const char *name, int fd)
{
	struct stat named, locked;

	return fstat(fd, &locked) == 0 && fstatat(at, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    named.st_dev == locked.st_dev && named.st_ino == locked.st_ino;
}

int
fs_lock(int at, const char *name, int *fd, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int i;

	*fd = -1;
	if (fs_check_name(name, e) == -1)
		return -1;
	for (i = 0; i < LOCK_TRIES; i++) {
		fs_close(fd);
		if (open_lock(at, name, fd, e) == -1) {
			/* Made or removed by another process since we looked. */
			if (e->sys == EEXIST || e->sys == ENOENT)
				continue;
			break;
		}
		if (fcntl(*fd, F_OFD_SETLK, &lock) == -1) {
			if (errno == EAGAIN || errno == EACCES)
				(void)tell_holder(*fd, e);
			else
				(void)fs_fail(e, at, name, "lock");
			break;
		}
		if (!is_still_named(at, name, *fd)) {
			(void)err_set(e, OUT_RETRY, "%s: exchanged while it was locked", name);
			continue;
		}
		if (write_holder(*fd, name, e) == -1)
			break;
		return 0;
	}
	fs_close(fd);
	return -1;
}

bool
fs_is_locked(int at, const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct err ignored = ERR_NONE;
	bool locked;
	int fd;

	if (fs_check_name(name, &ignored) == -1 ||
	    (fd = fs_openat(at, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)) == -1)
		return false;
	locked = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	fs_close(&fd);
	return locked;
}

/* --- what another user can read --- */

struct reader {
	uid_t	 uid;
	gid_t	*groups;
	int	 ngroups;
};

static bool
is_in(const struct reader *r, gid_t gid)
{
	int i;

	for (i = 0; i < r->ngroups; i++)
		if (r->groups[i] == gid)
			return true;
	return false;
}

/* want: 4 to read, 1 to search. The first class that fits decides, as in the kernel. */
static bool
may(const struct reader *r, const struct stat *st, unsigned want)
{
	unsigned shift = 0;

	if (r->uid == 0)
		return true;
	if (st->st_uid == r->uid)
		shift = 6;
	else if (is_in(r, st->st_gid))
		shift = 3;
	return ((unsigned)st->st_mode >> shift & want) == want;
}

/* A way down, link by link. seen is the folder's name for messages. */
struct way {
	int	 dir;
	int	 links;
	char	 seen[PATH_MAX];
	char	 rest[PATH_MAX];
};

static int
refuse_way(const struct reader *r, const struct stat *st, const char *seen, const char *what,
    struct err *e)
{
	return err_set(e, OUT_HOLD, "%s: user %ju may not %s it: mode %04o, owner %ju:%ju",
	    seen[0] != '\0' ? seen : "/", (uintmax_t)r->uid, what, (unsigned)st->st_mode & 07777u,
	    (uintmax_t)st->st_uid, (uintmax_t)st->st_gid);
}

/* Puts the target before what is left of the way, which is empty or begins with a slash. */
static int
follow(struct way *w, const char *name, struct err *e)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n;

	if ((n = readlinkat(w->dir, name, target, sizeof(target) - 1)) == -1)
		return fs_fail(e, w->dir, name, "read the link");
	target[n] = '\0';
	if (++w->links > LINKS_MAX ||
	    snprintf(rest, sizeof(rest), "%s%s", target, w->rest) >= (int)sizeof(rest))
		return err_set(e, OUT_HOLD, "%s/%s: too many or too long links", w->seen, name);
	memcpy(w->rest, rest, sizeof(rest));
	if (target[0] != '/')
		return 0;
	fs_close(&w->dir);
	w->seen[0] = '\0';
	if ((w->dir = fs_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0)) == -1)
		return fs_fail(e, AT_FDCWD, "/", "open the folder");
	return 0;
}

/* Into a folder, or up with "..". */
static int
enter(struct way *w, const char *name, struct err *e)
{
	size_t len = strlen(w->seen);
	char *slash;
	int next;

	if ((next = fs_openat(w->dir, name, O_PATH | O_DIRECTORY, 0)) == -1)
		return fs_fail(e, w->dir, name, "open the folder");
	fs_close(&w->dir);
	w->dir = next;
	if (strcmp(name, "..") != 0) {
		(void)snprintf(w->seen + len, sizeof(w->seen) - len, "/%s", name);
	} else if ((slash = strrchr(w->seen, '/')) != NULL) {
		*slash = '\0';
	}
	return 0;
}

/* Takes the next component off the way; "" at its end. */
static int
next_name(struct way *w, char name[NAME_MAX + 1], struct err *e)
{
	char *p = w->rest;
	size_t n;

	do {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n > NAME_MAX)
			return err_set(e, OUT_HOLD, "%s: a name beneath it is too long", w->seen);
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
	} while (strcmp(name, ".") == 0);
	memmove(w->rest, p, strlen(p) + 1);
	return 0;
}

static int
read_way(const struct reader *r, struct way *w, struct err *e)
{
	char name[NAME_MAX + 1] = "", at[PATH_MAX + NAME_MAX + 2];
	struct stat st;

	for (;;) {
		if (fstat(w->dir, &st) == -1)
			return fs_fail(e, w->dir, w->seen, "look at");
		if (next_name(w, name, e) == -1)
			return -1;
		if (name[0] == '\0')
			return may(r, &st, 4) ? 0 : refuse_way(r, &st, w->seen, "read", e);
		if (!may(r, &st, 1))
			return refuse_way(r, &st, w->seen, "search", e);
		(void)snprintf(at, sizeof(at), "%s/%s", w->seen, name);
		if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return fs_fail(e, w->dir, at, "look at");
		if (S_ISLNK(st.st_mode)) {
			if (follow(w, name, e) == -1)
				return -1;
		} else if (S_ISDIR(st.st_mode)) {
			if (enter(w, name, e) == -1)
				return -1;
		} else if (w->rest[0] != '\0') {
			return err_set(e, OUT_HOLD, "%s: want a folder", at);
		} else {
			return may(r, &st, 4) ? 0 : refuse_way(r, &st, at, "read", e);
		}
	}
}

int
fs_user_can_read(const char *path, uid_t uid, gid_t gid, struct err *e)
{
	struct reader r = { .uid = uid };
	struct way w = { .dir = -1 };
	int rc = -1;

	if (path[0] != '/' || strlen(path) >= sizeof(w.rest))
		return err_set(e, OUT_HOLD, "%s: want an absolute path", path);
	(void)snprintf(w.rest, sizeof(w.rest), "%s", path);
	if (user_groups(r.uid, gid, &r.groups, &r.ngroups, e) == -1)
		goto out;
	if ((w.dir = fs_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0)) == -1) {
		(void)fs_fail(e, AT_FDCWD, "/", "open the folder");
		goto out;
	}
	rc = read_way(&r, &w, e);
out:
	fs_close(&w.dir);
	free(r.groups);
	return rc;
}
