/*
 * program: an operator's program, run in a loop that goes on meanwhile.
 *
 * An argument vector, never a shell; a small fixed environment (PATH, LANG,
 * KAMCERT_EVENT); data on standard input; no descriptor but 0, 1 and 2; the
 * folder / and a session of its own. What it prints is kept up to
 * PROGRAM_OUTPUT_MAX octets and drained beyond. After its time it gets TERM,
 * PROGRAM_GRACE_MS later KILL, its children with it; children that it leaves
 * behind when it ends are killed too. A child that makes a session of its
 * own is meant to stay, and does. Hooks and challenge programs run this way.
 */
#ifndef KAMCERT_HOOKS_PROGRAM_H
#define KAMCERT_HOOKS_PROGRAM_H

#include "base/loop.h"
#include "hooks/hook.h"

#define PROGRAM_INPUT_MAX	(1024 * 1024)
#define PROGRAM_OUTPUT_MAX	(64 * 1024)
#define PROGRAM_GRACE_MS	2000

struct program_in {
	const struct strs *argv;	/* [0] is an absolute path */
	const char	*user;		/* run as this one; NULL: as we are */
	bool		 new_privileges;	/* it may gain some, by sudo and the like */
	/* KAMCERT_EVENT: one of our own words, never foreign text */
	const char	*event;
	struct span	 input;		/* copied */
	int64_t		 timeout;	/* seconds */
};

struct program_result {
	bool		started;	/* false: it could not be run, the output says why */
	bool		timed_out;
	bool		cut;		/* there was more output */
	int		status;		/* of waitpid() */
	struct span	output;		/* both standard output and error; lent */
};

struct program;

/*
 * Starts it; done is called once, from the loop, and the handle is gone when
 * it returns. NULL: RETRY, or HOLD for a user that does not exist or that we
 * may not become.
 */
MUST_CHECK struct program *program_start(struct loop *, const struct program_in *,
	    void (*done)(void *arg, const struct program_result *), void *arg, struct err *e);

/* Kills it with its children; done is not called. NULL allowed. Not from done. */
void	program_stop(struct program *);

/* One line for people: how it ended, and the last line that it printed. */
void	program_describe(const struct program_result *, struct buf *);

/* Is there a program of this path, and may it be run? HOLD. */
MUST_CHECK int program_check(const struct strs *argv, struct err *e);

/* --- what the hook "program" makes of it, for a starter that runs it in its own loop --- */

/*
 * {"event":"deploy","certificates":[{"name":"...","directory":"..."}]} and a
 * line end; sticky in b.
 */
void	program_event(const struct hook_event *, struct buf *b);

/* Status 0 is HOOK_OK; another one, HOOK_REFUSED. For all but HOOK_OK, e says why. */
enum hook_result program_verdict(const struct hook_conf *, const struct program_result *,
	    struct err *e);

#endif
