/*
 * durable: the part of fs that makes and replaces things: owner and mode
 * before the first octet, every result looked at, fsync once.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/private.h"

#define TEMP_NAME	(sizeof(FS_TEMP) + 16)
#define ACL_ACCESS	"system.posix_acl_access"
#define ACL_DEFAULT	"system.posix_acl_default"

static int
make_temp_name(char out[TEMP_NAME], struct err *e)
{
	uint64_t id;

	if (random_bytes(&id, sizeof(id)) == -1)
		return err_set(e, OUT_RETRY, "no random octets for a temporary name");
	(void)snprintf(out, TEMP_NAME, FS_TEMP "%016" PRIx64, id);
	return 0;
}

/* An entry that a default ACL of the folder gave to the new thing would widen its mode. */
static int
drop_acl(int fd, const char *attr, const char *name, struct err *e)
{
	if (fremovexattr(fd, attr) == 0 || errno == ENODATA || errno == EOPNOTSUPP ||
	    errno == ENOSYS)
		return 0;
	return fs_fail(e, fd, name, "drop the access list of");
}

/*
 * Owner and mode as asked for, whatever umask, ACL or a set-group-id bit of
 * the folder did; looked at again, for file systems that keep neither.
 */
static int
give_mode(int fd, const char *name, struct fs_mode m, struct err *e)
{
	uid_t uid = m.uid == (uid_t)-1 ? geteuid() : m.uid;
	gid_t gid = m.gid == (gid_t)-1 ? getegid() : m.gid;
	struct stat st;

	if (drop_acl(fd, ACL_ACCESS, name, e) == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return fs_fail(e, fd, name, "look at");
	if (S_ISDIR(st.st_mode) && drop_acl(fd, ACL_DEFAULT, name, e) == -1)
		return -1;
	if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) == -1)
		return fs_fail(e, fd, name, "change the owner of");
	if (fchmod(fd, m.mode) == -1)
		return fs_fail(e, fd, name, "change the mode of");
	if (fstat(fd, &st) == -1)
		return fs_fail(e, fd, name, "look at");
	if (st.st_uid != uid || st.st_gid != gid || (st.st_mode & 07777) != m.mode)
		return err_set(e, OUT_HOLD,
		    "%s: want mode %04o and owner %ju:%ju, have %04o and %ju:%ju", name,
		    (unsigned)m.mode, (uintmax_t)uid, (uintmax_t)gid,
		    (unsigned)st.st_mode & 07777u, (uintmax_t)st.st_uid, (uintmax_t)st.st_gid);
	return 0;
}

static int
write_all(int fd, const char *name, struct span data, struct err *e)
{
	ssize_t done;

	while (data.n > 0) {
		done = write(fd, data.p, data.n);
		if (done == -1 && errno == EINTR)
			continue;
		if (done == 0)
			errno = EIO;
		if (done <= 0)
			return fs_fail(e, fd, name, "write");
		data = span_of(data.p + done, data.n - (size_t)done);
	}
	return 0;
}

int
fs_sync(int fd, const char *what, struct err *e)
{
	return fsync(fd) == -1 ? fs_fail(e, fd, what, "sync") : 0;
}

int
fs_create(int at, const char *name, struct fs_mode m, struct span data, struct err *e)
{
	int fd, rc;

	if (fs_check_name(name, e) == -1)
		return -1;
	if ((fd = fs_openat(at, name, O_WRONLY | O_CREAT | O_EXCL, m.mode & 0600)) == -1)
		return fs_fail(e, at, name, "create");
	if (give_mode(fd, name, m, e) == -1 || write_all(fd, name, data, e) == -1)
		rc = -1;
	else
		rc = fs_sync(fd, name, e);
	if (close(fd) == -1 && rc == 0)
		rc = fs_fail(e, at, name, "close");
	if (rc == -1)
		(void)unlinkat(at, name, 0);
	return rc;
}

/* The last step of a replacement: the temporary becomes name, durably. */
int
fs_move_over(int at, const char *temp, const char *name, struct err *e)
{
	if (renameat(at, temp, at, name) == -1) {
		(void)fs_fail(e, at, name, "replace");
		(void)unlinkat(at, temp, 0);
		return -1;
	}
	return fs_sync(at, name, e);
}

int
fs_replace(int at, const char *name, struct fs_mode m, struct span data, struct err *e)
{
	char temp[TEMP_NAME];
	bool found;

	if (fs_check_name(name, e) == -1 || fs_expect(at, name, S_IFREG, &found, e) == -1 ||
	    make_temp_name(temp, e) == -1)
		return -1;
	if (fs_create(at, temp, m, data, e) == -1)
		return err_in(e, "%s", name);
	return fs_move_over(at, temp, name, e);
}

int
fs_swap_link(int at, const char *name, const char *target, struct err *e)
{
	char temp[TEMP_NAME];
	bool found;

	if (fs_check_name(name, e) == -1 || fs_expect(at, name, S_IFLNK, &found, e) == -1 ||
	    make_temp_name(temp, e) == -1)
		return -1;
	if (symlinkat(target, at, temp) == -1)
		return fs_fail(e, at, name, "make the link");
	return fs_move_over(at, temp, name, e);
}

/*
 * The second way is for kernels and file systems without RENAME_NOREPLACE.
 * Between look and rename only a process that writes into the same private
 * folder without its lock could come; a folder is never lost even then, as
 * rename() replaces no folder but an empty one.
 */
int
fs_rename_new(int from_at, const char *from, int to_at, const char *to, struct err *e)
{
	struct stat st;

	if (fs_check_name(from, e) == -1 || fs_check_name(to, e) == -1)
		return -1;
	if (renameat2(from_at, from, to_at, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
		return fs_fail(e, to_at, to, "make by renaming");
	if (fstatat(to_at, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	else if (errno == ENOENT && renameat(from_at, from, to_at, to) == 0)
		return 0;
	return fs_fail(e, to_at, to, "make by renaming");
}

/*
 * Under a temporary name first: a folder that is there has its final mode,
 * also after a crash. umask could take the rights that opening needs.
 */
static int
make_new_dir(int at, const char *name, struct fs_mode m, struct err *e)
{
	char temp[TEMP_NAME];
	mode_t mask;
	int fd = -1, rc;

	if (make_temp_name(temp, e) == -1)
		return -1;
	mask = umask(0);
	rc = mkdirat(at, temp, 0700);
	(void)umask(mask);
	if (rc == -1)
		return fs_fail(e, at, name, "make the folder");
	rc = fs_open_dir(at, temp, &fd, e);
	if (rc == 0)
		rc = give_mode(fd, name, m, e);
	fs_close(&fd);
	if (rc == 0)
		rc = fs_rename_new(at, temp, at, name, e);
	if (rc == -1) {
		(void)unlinkat(at, temp, AT_REMOVEDIR);
		return -1;
	}
	return fs_sync(at, name, e);
}

int
fs_make_dir(int at, const char *name, struct fs_mode m, int *fd, struct err *e)
{
	bool found;

	*fd = -1;
	if (fs_check_name(name, e) == -1 || fs_expect(at, name, S_IFDIR, &found, e) == -1)
		return -1;
	/* EEXIST: somebody else has just made it. */
	if (!found && make_new_dir(at, name, m, e) == -1 && e->sys != EEXIST)
		return -1;
	if (fs_open_dir(at, name, fd, e) == -1)
		return -1;
	if (fs_check_dir(*fd, name, m.uid, m.mode, e) == -1) {
		fs_close(fd);
		return -1;
	}
	return 0;
}
