/*
 * sandbox_files: Landlock. The C library has no calls for it, and the kernel
 * headers of Debian 12 know it up to version 3 only: numbers and layouts are
 * those of the kernel's include/uapi/linux/landlock.h. A newer kernel refuses
 * nothing of what an older one knew.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox_parts.h"

#define VERSION_MIN	2	/* the first that lets files be renamed from folder to folder */
#define GET_VERSION	1u
#define PATH_BENEATH	1
#define DEPTH_MAX	16	/* of hidden files */

#define FS_WRITE_FILE	(1ull << 1)
#define FS_READ_FILE	(1ull << 2)
#define FS_READ_DIR	(1ull << 3)
#define FS_REMOVE_DIR	(1ull << 4)
#define FS_REMOVE_FILE	(1ull << 5)
#define FS_MAKE_DIR	(1ull << 7)
#define FS_MAKE_REG	(1ull << 8)
#define FS_MAKE_SYM	(1ull << 12)
#define FS_REFER	(1ull << 13)
#define FS_TRUNCATE	(1ull << 14)
#define NET_BIND_TCP	(1ull << 0)
#define SCOPE_ABSTRACT	(1ull << 0)	/* no abstract unix sockets of others */
#define SCOPE_SIGNAL	(1ull << 1)	/* no signals to others */

#define READS	(FS_READ_FILE | FS_READ_DIR)
#define WRITES	(READS | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | \
	FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)
#define OF_FILES (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)

struct ruleset {
	uint64_t	files;
	uint64_t	net;		/* since version 4 */
	uint64_t	scoped;		/* since version 6 */
};

struct rule {
	uint64_t	access;
	int32_t		fd;
} __attribute__((packed));

struct rules {
	int			 fd;
	uint64_t		 handled;
	const struct strs	*hidden;
	struct err		*e;
};

/* Files first: 13 kinds of access, one more in version 2, in 3 and in 5. */
static struct ruleset
everything(int version, bool signals)
{
	struct ruleset r = { .files = (1ull << 13) - 1 };

	if (version >= 2)
		r.files |= FS_REFER;
	if (version >= 3)
		r.files |= FS_TRUNCATE;
	if (version >= 5)
		r.files |= 1ull << 15;
	if (version >= 4)
		r.net = NET_BIND_TCP;
	if (version >= 6)
		r.scoped = SCOPE_ABSTRACT | (signals ? 0 : SCOPE_SIGNAL);
	return r;
}

static size_t
size_of_ruleset(int version)
{
	if (version >= 6)
		return sizeof(struct ruleset);
	return version >= 4 ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);
}

static int
add_rule(const struct rules *r, int fd, const char *path, uint64_t access)
{
	struct rule rule = { .access = access & r->handled, .fd = fd };
	struct stat st;

	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.access &= OF_FILES;
	if (syscall(SYS_landlock_add_rule, r->fd, PATH_BENEATH, &rule, 0) == -1)
		return err_sys(r->e, OUT_HOLD, "Landlock: rule for %s", path);
	return 0;
}

/* What is not there needs no rule. */
static int
allow(const struct rules *r, const char *path, uint64_t access)
{
	int fd = open(path, O_PATH | O_CLOEXEC), rc;

	if (fd == -1)
		return 0;
	rc = add_rule(r, fd, path, access);
	close(fd);
	return rc;
}

/* Is something hidden beneath this folder? */
static bool
hides(const struct rules *r, const char *path, bool itself)
{
	size_t n = strcmp(path, "/") == 0 ? 0 : strlen(path), i;

	for (i = 0; i < r->hidden->n; i++)
		if (strncmp(r->hidden->v[i], path, n) == 0 &&
		    r->hidden->v[i][n] == (itself ? '\0' : '/'))
			return true;
	return false;
}

/* The folder's entries instead of the folder, where one of them is to be hidden. */
static int
allow_around(const struct rules *r, const char *path, unsigned depth)
{
	const struct dirent *entry;
	char below[512];
	int rc = 0;
	DIR *dir;

	if (hides(r, path, true))
		return 0;
	if (!hides(r, path, false) || depth == DEPTH_MAX)
		return allow(r, path, READS);
	if ((dir = opendir(path)) == NULL)
		return 0;
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof below, "%s/%s", strcmp(path, "/") == 0 ? "" : path,
		    entry->d_name) >= (int)sizeof below)
			continue;
		if (entry->d_type != DT_LNK)	/* where it leads has a rule of its own, or none */
			rc = allow_around(r, below, depth + 1);
	}
	closedir(dir);
	return rc;
}

static int
allow_all(const struct rules *r, const struct walls *w)
{
	static const char *const devices[] = { "/dev/random", "/dev/urandom" };
	size_t i;

	for (i = 0; i < NITEMS(devices); i++)
		if (allow(r, devices[i], READS) == -1)
			return -1;
	if (allow(r, "/dev/null", READS | FS_WRITE_FILE) == -1 ||
	    (UNDER_SANITIZER && allow(r, "/proc", READS) == -1))
		return -1;
	for (i = 0; i < w->reads.n; i++)
		if (allow_around(r, w->reads.v[i], 0) == -1)
			return -1;
	for (i = 0; i < w->writes.n; i++)
		if (allow(r, w->writes.v[i], WRITES) == -1)
			return -1;
	return 0;
}

int
files_prepare(const struct walls *w, int64_t *version, int *fd, struct err *e)
{
	long have = syscall(SYS_landlock_create_ruleset, NULL, 0, GET_VERSION);
	struct rules r = { .hidden = &w->hidden, .e = e };
	struct ruleset set;

	*fd = -1;
	*version = 0;
	if (have < VERSION_MIN) {
		if (have == -1)
			err_sys(e, OUT_HOLD,
			    "Landlock: the kernel does not let files be walled off");
		else
			err_set(e, OUT_HOLD, "Landlock: want version %d, have %ld", VERSION_MIN,
			    have);
		return err_hint(e, "boot a kernel that has it (lsm=landlock,...), or, to do "
		    "without: sandbox = \"best-effort\"");
	}
	set = everything((int)have, w->signals);
	r.handled = set.files;
	r.fd = (int)syscall(SYS_landlock_create_ruleset, &set, size_of_ruleset((int)have), 0);
	if (r.fd == -1)
		return err_sys(e, OUT_HOLD, "Landlock");
	(void)fcntl(r.fd, F_SETFD, FD_CLOEXEC);
	if (allow_all(&r, w) == -1) {
		close(r.fd);
		return -1;
	}
	*fd = r.fd;
	*version = have;
	return 0;
}

int
files_restrict(int fd, struct err *e)
{
	int rc = 0;

	if (syscall(SYS_landlock_restrict_self, fd, 0) == -1)
		rc = err_sys(e, OUT_HOLD, "Landlock");
	close(fd);
	return rc;
}
