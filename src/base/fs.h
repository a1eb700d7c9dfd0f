/*
 * fs: files beneath a directory descriptor, and durable writes.
 *
 * Every name is resolved beneath the descriptor given, with links refused;
 * a name is one component unless a function says otherwise. Every write
 * checks every result, and fsync is never repeated after a failure: what
 * failed is abandoned (FAULTS section 8). Classes: RETRY for space and I/O,
 * HOLD for rights and for things that are not what they should be.
 */
#ifndef KAMCERT_BASE_FS_H
#define KAMCERT_BASE_FS_H

#include <sys/stat.h>
#include <sys/types.h>

#include "bytes.h"
#include "err.h"

/* Temporaries begin with this and end with 16 hex digits; a crash may leave them behind. */
#define FS_TEMP	".kamcert-"

/* Owner and mode from the first moment; -1 leaves an id as the process has it. */
struct fs_mode {
	mode_t	mode;
	uid_t	uid;
	gid_t	gid;
};

/* Opens a directory by absolute path, each component; refuses parents writable by others. */
MUST_CHECK int fs_open_root(const char *path, int *fd, struct err *e);

/* The same, but as root the folder itself, not its parents, may be any user's: the keeper's. */
MUST_CHECK int fs_open_kept(const char *path, int *fd, struct err *e);

/* A directory beneath at; rel may have several components. *fd is the caller's to close. */
MUST_CHECK int fs_open_dir(int at, const char *rel, int *fd, struct err *e);

/*
 * Makes it where it is missing (then syncs at), and opens it. An existing one
 * must belong to root, to us or to the user asked for, and may have no write
 * bits for others beyond the mode asked for.
 */
MUST_CHECK int fs_make_dir(int at, const char *name, struct fs_mode, int *fd, struct err *e);

/*
 * Reads a regular file of at most max octets beneath at; rel may have several
 * components. Links, and files with several names, are HOLD. A missing file
 * is -1 with e->sys == ENOENT.
 */
MUST_CHECK int fs_read(int at, const char *rel, size_t max, struct buf *out, struct err *e);

/* As fs_read(), by an ordinary path with links followed: operators' own files. */
MUST_CHECK int fs_read_path(const char *path, size_t max, struct buf *out, struct err *e);

/* As fs_read_path(), of what is open already; from its beginning. The descriptor stays open. */
MUST_CHECK int fs_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *e);

/*
 * Creates a new file with its final mode and owner before the first octet,
 * writes, syncs, closes.
 */
MUST_CHECK int fs_create(int at, const char *name, struct fs_mode, struct span, struct err *e);

/* A temporary beside it, fs_create(), rename over, sync of the directory. */
MUST_CHECK int fs_replace(int at, const char *name, struct fs_mode, struct span, struct err *e);

/*
 * The last step of a replacement by hand: renames over name, syncs; the
 * temporary is gone if it cannot.
 */
MUST_CHECK int fs_move_over(int at, const char *temp, const char *name, struct err *e);

/* A symbolic link under a temporary name, renamed over name, sync of the directory. */
MUST_CHECK int fs_swap_link(int at, const char *name, const char *target, struct err *e);

/* What a link says. A missing one is -1 with e->sys == ENOENT; a thing that is no link is HOLD. */
MUST_CHECK int fs_read_link(int at, const char *name, struct buf *out, struct err *e);

/* Renames and refuses to overwrite; both names one component. Does not sync. */
MUST_CHECK int fs_rename_new(int from_at, const char *from, int to_at, const char *to,
    struct err *e);

MUST_CHECK int fs_sync(int fd, const char *what, struct err *e);

/* Removes a file, or a directory and the files in it; links are never followed. Missing is fine. */
MUST_CHECK int fs_remove(int at, const char *name, struct err *e);

/* Calls back for every entry but . and ..; a callback that returns -1 ends the walk with -1. */
MUST_CHECK int fs_each(int at, int (*cb)(void *arg, const char *name, struct err *e), void *arg,
	    struct err *e);

/* RETRY unless the file system has room for bytes and for files inodes. */
MUST_CHECK int fs_has_room(int at, uint64_t bytes, uint64_t files, struct err *e);

/*
 * Locks name in at with a kernel lock that ends with the process, and checks
 * that the name still leads to the locked file. BUSY tells who holds it and
 * since when, as the holder wrote into the file. *fd keeps the lock.
 */
MUST_CHECK int fs_lock(int at, const char *name, int *fd, struct err *e);

/* Does another process hold the lock of that name now? */
bool	fs_is_locked(int at, const char *name);

/*
 * Can a process of this user (with the groups that the user data base lists)
 * read path, all parents included? HOLD names the first component that says
 * no. Judged by owner, group and mode bits; links are followed. Access lists,
 * capabilities and security modules are not looked at.
 */
MUST_CHECK int fs_user_can_read(const char *path, uid_t, gid_t, struct err *e);

/*
 * HOLD unless this file has no mode bits but these, and belongs to root, to us
 * or to the user named: a key that somebody may have copied back since it was
 * made.
 */
MUST_CHECK int fs_check_private(int at, const char *name, struct fs_mode, struct err *e);

/* close() for what may be -1; sets it to -1. */
void	fs_close(int *fd);

#endif
