/*
 * tree: a fresh folder for every test of a program, and what tests of files
 * do in it. `at` is its descriptor, `top` its path.
 */
#ifndef KAMCERT_T_UNIT_TREE_H
#define KAMCERT_T_UNIT_TREE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "base/base.h"
#include "base/err.h"

#define SOMEBODY	12345	/* a user and a group that are not ours */

static int at = -1;
static char top[64];
static struct err e;

static inline int
remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
    struct FTW *where UNUSED)
{
	return remove(path);
}

static inline void
tree_start_in(const char *parent)
{
	(void)snprintf(top, sizeof(top), "%s/kamcert-check-XXXXXX", parent);
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chmod(top, 0755), 0);
	at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(at, 0);
	err_clear(&e);
	(void)umask(022);
}

static inline void
tree_start(void)
{
	tree_start_in("/tmp");
}

static inline void
tree_finish(void)
{
	(void)close(at);
	(void)nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline bool
is_root(void)
{
	return geteuid() == 0;
}

static inline char *
tree_path(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, PATH_MAX, "%s/%s", top, name);
	return path;
}

static inline void
tree_dir(const char *name, mode_t mode)
{
	ck_assert_int_eq(mkdirat(at, name, 0700), 0);
	ck_assert_int_eq(fchmodat(at, name, mode, 0), 0);
}

static inline void
tree_file(const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

/* What a file says, links followed; "(missing)" without one. */
static inline const char *
tree_text(const char *name)
{
	static char texts[4][4096];
	static unsigned next;
	char *text = texts[next++ % 4];
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd == -1)
		return "(missing)";
	n = read(fd, text, 4095);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static inline struct stat
tree_stat(const char *name)
{
	struct stat st;

	memset(&st, 0, sizeof(st));
	(void)fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW);
	return st;
}

/* The kinds of FAULTS F08. All but the last three lead to the file "victim". */
enum kind { LINK, DANGLING, HARD, FIFO, SOCKET, DEVICE, FOLDER, NKINDS };

static const char *const kind_names[NKINDS] = {
	"link", "dangling link", "hard link", "FIFO", "socket", "device", "folder",
};

/* False where only root could. */
static inline bool
tree_kind(const char *name, enum kind kind)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int s;

	switch (kind) {
	case LINK:
		tree_file("victim", "victim");
		return symlinkat("victim", at, name) == 0;
	case DANGLING:
		return symlinkat("nowhere", at, name) == 0;
	case HARD:
		tree_file("victim", "victim");
		return linkat(at, "victim", at, name, 0) == 0;
	case FIFO:
		return mkfifoat(at, name, 0600) == 0;
	case SOCKET:
		(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", top, name);
		s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(bind(s, (const struct sockaddr *)&sun, sizeof(sun)), 0);
		return close(s) == 0;
	case DEVICE:
		return mknodat(at, name, S_IFCHR | 0600, (dev_t)0x103) == 0;	/* null */
	default:
		return mkdirat(at, name, 0700) == 0;
	}
}

#endif
