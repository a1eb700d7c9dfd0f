/*
 * sandbox: what every process of kamcert gives up at its start, and the walls
 * of each role: user, capabilities, limits, files (Landlock), system calls
 * (seccomp). What a role may keep is worked out by the starter (walls.h) and
 * comes to it as the first thing on its channel.
 *
 * What is not here: which descriptors a role inherits (role.c), and what it
 * may say (the handler tables of the roles).
 */
#ifndef KAMCERT_SANDBOX_H
#define KAMCERT_SANDBOX_H

#include "base/err.h"
#include "base/pack.h"
#include "base/users.h"

#define SANDBOX_STAY	-1	/* as user: the one that started kamcert */

struct wall_group {
	int64_t	 gid;
};

/* What a role is told to give up and to keep. */
struct walls {
	int64_t		 uid, gid;	/* or SANDBOX_STAY */
	struct list	 groups;	/* struct wall_group: further ones */
	int64_t		 keep;		/* capabilities: bits of 1 << CAP_... */
	struct strs	 reads;		/* files, and folders with all that is beneath */
	struct strs	 writes;
	struct strs	 hidden;	/* that are not read, although they lie in one of reads */
	struct strs	 secrets;	/* files that are opened before rights are given up */
	struct list	 users;		/* struct user_entry: whom the role will ask about */
	bool		 signals;	/* to processes outside */
	bool		 best_effort;	/* what cannot be had is told, and does without */
	bool		 kill;		/* a forbidden system call ends the role: for tests */
};

/* What became of it. */
struct walled {
	int64_t		 class;		/* OUT_OK, or why the role does not start */
	char		*text, *hint;
	int64_t		 uid;
	int64_t		 keep;		/* capabilities that are left */
	int64_t		 landlock;	/* version of the kernel's interface, 0: files are open */
	bool		 calls;		/* system calls are filtered */
	bool		 no_new_privs;
	struct strs	 missing;	/* what best effort had to do without */
};

extern const struct pack walls_pack, walled_pack;	/* message.c */

/*
 * A role's start-up hygiene: no core dumps, not dumpable, no new privileges, dies with its
 * parent, SIGPIPE and SIGXFSZ ignored, umask 077.
 */
MUST_CHECK int	sandbox_begin(struct err *e);

/*
 * The same for the starter, before any library is used: standard streams
 * exist, and the environment is cut down to an allow-list (FAULTS I09, P09).
 */
MUST_CHECK int	sandbox_begin_starter(struct err *e);

/*
 * The starter's environment had KAMCERT_SANDBOX=kill: forbidden system calls
 * end a role, and its log names them. Makes nothing weaker, so anybody may set it.
 */
bool		sandbox_kills(void);

/*
 * Puts up the walls of a role (enum role), for good. HOLD names the one that
 * cannot be had. out is the caller's in both cases, also when it fails.
 */
MUST_CHECK int	sandbox_enter(const struct walls *, unsigned role, struct walled *out,
		    struct err *e);

/* As fs_read_path(), also for what was opened as one of the secrets before rights were given up. */
MUST_CHECK int	sandbox_read(const char *path, size_t max, struct buf *out, struct err *e);

#endif
