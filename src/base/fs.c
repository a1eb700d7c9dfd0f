/*
 * fs: names, opening, reading, walking and removing. What writes is in
 * durable.c, what asks who may is in access.c.
 */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#include "base/private.h"

#define READ_CHUNK	8192

/* --- errors --- */

/* What passes without an operator: space, I/O, and tables that are full just now. */
static enum outcome
class_of(int sys)
{
	static const int passing[] = {
		EAGAIN, EBUSY, EDQUOT, EINTR, EIO, EMFILE, ENFILE, ENOBUFS, ENOLCK, ENOMEM, ENOSPC,
		ESTALE, ETIMEDOUT,
	};
	size_t i;

	for (i = 0; i < NITEMS(passing); i++)
		if (sys == passing[i])
			return OUT_RETRY;
	return OUT_HOLD;
}

/* The reason why even root gets EPERM; "" names the directory itself. */
static bool
is_marked(int at, const char *name)
{
	struct statx sx;

	return statx(at, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, 0, &sx) == 0 &&
	    (sx.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0;
}

int
fs_fail(struct err *e, int at, const char *name, const char *verb)
{
	int saved = errno;
	bool marked;

	marked = saved == EPERM && (is_marked(at, name) || is_marked(at, ""));
	errno = saved;
	if (!marked)
		return err_sys(e, class_of(saved), "cannot %s %s", verb, name);
	(void)err_sys(e, OUT_HOLD,
	    "cannot %s %s: it or its folder is marked immutable or append-only", verb, name);
	return err_hint(e, "take the mark off with chattr -i -a");
}

static const char *
kind_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a folder";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	default:
		return "a device";
	}
}

static int
check_kind(const struct stat *st, const char *name, mode_t type, struct err *e)
{
	if ((st->st_mode & S_IFMT) != type)
		return err_set(e, OUT_HOLD, "%s: want %s, have %s", name, kind_word(type),
		    kind_word(st->st_mode));
	if (type == S_IFREG && st->st_nlink != 1)
		return err_set(e, OUT_HOLD, "%s: want a file with one name, have %ju hard links",
		    name, (uintmax_t)st->st_nlink);
	return 0;
}

int
fs_expect(int at, const char *name, mode_t type, bool *found, struct err *e)
{
	struct stat st;

	*found = false;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : fs_fail(e, at, name, "look at");
	*found = true;
	return check_kind(&st, name, type, e);
}

int
fs_expect_fd(int fd, const char *name, mode_t type, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return fs_fail(e, fd, name, "look at");
	return check_kind(&st, name, type, e);
}

/* --- names --- */

static bool
is_component(const char *p, size_t n)
{
	return n > 0 && n <= NAME_MAX && !(n == 1 && p[0] == '.') &&
	    !(n == 2 && p[0] == '.' && p[1] == '.');
}

/* Components that stay beneath, or "." alone. */
static bool
is_beneath(const char *rel)
{
	size_t n;

	if (strcmp(rel, ".") == 0)
		return true;
	for (;;) {
		n = strcspn(rel, "/");
		if (!is_component(rel, n))
			return false;
		if (rel[n] == '\0')
			return true;
		rel += n + 1;
	}
}

int
fs_check_name(const char *name, struct err *e)
{
	if (strchr(name, '/') != NULL || !is_component(name, strlen(name)))
		return err_set(e, OUT_HOLD, "\"%s\" is no file name", name);
	return 0;
}

/* --- opening --- */

void
fs_close(int *fd)
{
	int saved = errno;

	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

int
fs_openat(int at, const char *name, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	while (fd == -1 && errno == EINTR);
	return fd;
}

/* What openat2() does with both flags below, for kernels that lack it. */
static int
open_by_steps(int at, const char *rel, int flags)
{
	char name[NAME_MAX + 1];
	int dir = -1, next;
	size_t n;

	while (rel[n = strcspn(rel, "/")] != '\0') {
		memcpy(name, rel, n);
		name[n] = '\0';
		next = fs_openat(dir == -1 ? at : dir, name, O_PATH | O_DIRECTORY, 0);
		fs_close(&dir);
		if ((dir = next) == -1)
			return -1;
		rel += n + 1;
	}
	next = fs_openat(dir == -1 ? at : dir, rel, flags, 0);
	fs_close(&dir);
	return next;
}

/*
 * Whatever openat2() may answer where it is missing, filtered, or not served
 * by the file system is tried again by steps, which tell the true reason.
 */
static int
open_beneath(int at, const char *rel, int flags)
{
#ifdef SYS_openat2
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd;
#endif

	if (!is_beneath(rel)) {
		errno = EINVAL;
		return -1;
	}
#ifdef SYS_openat2
	fd = (int)syscall(SYS_openat2, at, rel, &how, sizeof(how));
	if (fd != -1 || errno == ENOENT)
		return fd;
#endif
	return open_by_steps(at, rel, flags);
}

int
fs_open_dir(int at, const char *rel, int *fd, struct err *e)
{
	if ((*fd = open_beneath(at, rel, O_RDONLY | O_DIRECTORY)) == -1)
		return fs_fail(e, at, rel, "open the folder");
	return 0;
}

/* The directory that the last component of rel is in; *dir is -1 when that is at. */
static int
open_parent(int at, const char *rel, int *dir, const char **base, struct err *e)
{
	const char *slash = strrchr(rel, '/');
	char head[PATH_MAX];
	size_t n;

	*dir = -1;
	*base = rel;
	if (slash == NULL)
		return 0;
	n = (size_t)(slash - rel);
	if (n >= sizeof(head))
		return err_set(e, OUT_HOLD, "a path of %zu octets is too long", n);
	memcpy(head, rel, n);
	head[n] = '\0';
	*base = slash + 1;
	if ((*dir = open_beneath(at, head, O_PATH | O_DIRECTORY)) == -1)
		return fs_fail(e, at, head, "open the folder");
	return 0;
}

/* --- reading --- */

static int
read_all(int fd, const char *name, size_t max, struct buf *out, struct err *e)
{
	uint8_t chunk[READ_CHUNK];
	size_t total = 0;
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) != 0 && total <= max) {
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			break;
		total += (size_t)got;
		if (total <= max)
			buf_put(out, span_of(chunk, (size_t)got));
	}
	wipe(chunk, sizeof(chunk));
	if (got == -1)
		return fs_fail(e, fd, name, "read");
	if (total > max)
		return err_set(e, OUT_HOLD, "%s: want at most %zu octets, have more", name, max);
	return buf_ok(out) ? 0 : err_nomem(e);
}

int
fs_read(int at, const char *rel, size_t max, struct buf *out, struct err *e)
{
	int dir, fd = -1, rc = -1;
	const char *name;
	bool found;

	if (open_parent(at, rel, &dir, &name, e) == -1)
		return -1;
	if (dir != -1)
		at = dir;
	if (fs_check_name(name, e) == -1 || fs_expect(at, name, S_IFREG, &found, e) == -1)
		goto out;
	/* A FIFO that takes the file's place now must not hold us up. */
	if ((fd = fs_openat(at, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)) == -1) {
		(void)fs_fail(e, at, rel, "open");
		goto out;
	}
	if (fs_expect_fd(fd, rel, S_IFREG, e) == -1 || read_all(fd, rel, max, out, e) == -1)
		goto out;
	rc = 0;
out:
	fs_close(&fd);
	fs_close(&dir);
	return rc;
}

int
fs_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return fs_fail(e, AT_FDCWD, name, "look at");
	if (!S_ISREG(st.st_mode))
		return err_set(e, OUT_HOLD, "%s: want a regular file, have %s", name,
		    kind_word(st.st_mode));
	if (lseek(fd, 0, SEEK_SET) == -1)
		return fs_fail(e, AT_FDCWD, name, "read");
	return read_all(fd, name, max, out, e);
}

int
fs_read_path(const char *path, size_t max, struct buf *out, struct err *e)
{
	int fd, rc;

	do
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	while (fd == -1 && errno == EINTR);
	rc = fd == -1 ? fs_fail(e, AT_FDCWD, path, "open") : fs_read_fd(fd, path, max, out, e);
	fs_close(&fd);
	return rc;
}

int
fs_read_link(int at, const char *name, struct buf *out, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n;
	bool found;

	if (fs_check_name(name, e) == -1 || fs_expect(at, name, S_IFLNK, &found, e) == -1)
		return -1;
	if ((n = readlinkat(at, name, target, sizeof(target))) == -1)
		return fs_fail(e, at, name, "read the link");
	if ((size_t)n == sizeof(target))
		return err_set(e, OUT_HOLD, "%s: the link is too long", name);
	buf_put(out, span_of(target, (size_t)n));
	return buf_ok(out) ? 0 : err_nomem(e);
}

/* --- walking and removing --- */

int
fs_each(int at, int (*cb)(void *, const char *, struct err *), void *arg, struct err *e)
{
	const struct dirent *d;
	int fd, rc = 0;
	DIR *dir;

	/* Opened anew: a duplicate would share its position with at. */
	if ((fd = fs_openat(at, ".", O_RDONLY | O_DIRECTORY, 0)) == -1)
		return fs_fail(e, at, ".", "read the folder");
	if ((dir = fdopendir(fd)) == NULL) {
		(void)fs_fail(e, at, ".", "read the folder");
		fs_close(&fd);
		return -1;
	}
	while (rc == 0) {
		errno = 0;
		if ((d = readdir(dir)) == NULL)
			break;
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = cb(arg, d->d_name, e);
	}
	if (rc == 0 && errno != 0)
		rc = fs_fail(e, at, ".", "read the folder");
	(void)closedir(dir);
	return rc;
}

static int
remove_file(void *arg, const char *name, struct err *e)
{
	const int *at = arg;

	if (unlinkat(*at, name, 0) == -1 && errno != ENOENT)
		return fs_fail(e, *at, name, "remove");
	return 0;
}

int
fs_remove(int at, const char *name, struct err *e)
{
	struct stat st;
	int dir, rc;

	if (fs_check_name(name, e) == -1)
		return -1;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : fs_fail(e, at, name, "look at");
	if (!S_ISDIR(st.st_mode))
		return remove_file(&at, name, e);
	if (fs_open_dir(at, name, &dir, e) == -1)
		return -1;
	rc = fs_each(dir, remove_file, &dir, e);
	fs_close(&dir);
	if (rc == -1)
		return err_in(e, "%s", name);
	if (unlinkat(at, name, AT_REMOVEDIR) == -1 && errno != ENOENT)
		return fs_fail(e, at, name, "remove the folder");
	return 0;
}
