/*
 * proof: what was seen of a job's servers, what is wrong with it, and the
 * record of it, which status shows.
 *
 * That a server serves another leaf is never a warning. Everything else that
 * is looked at is, unless rollback-on names it: then it is a failure.
 */
#ifndef KAMCERT_PROOF_H
#define KAMCERT_PROOF_H

#include "base/bytes.h"
#include "job.h"
#include "message.h"

/* Connections that may be lost at a reload, of a hundred: some end by themselves meanwhile. */
#define PROOF_LOST	10

/* All of these are about the job's current hook. */

/* Takes what the server said of itself, and what it logged. */
void	proof_keep(struct job *, struct msg_watched *);

/* Worth knowing; what it was about is a word of rollback-on. */
void	proof_warn(struct job *, const char *check, const char *fmt, ...) PRINTF(3, 4);

/*
 * Is its listeners' certificate to be looked at once more: because it is
 * another process than the one that was looked at, or did not answer for the
 * first time?
 */
bool	proof_is_other(struct job *, bool answered);

/* What its listeners have shown: 0 if it is good, or only to be warned of. As verify_judge(). */
MUST_CHECK int	proof_of_listeners(struct job *, struct err *e);

/* What it said of itself, likewise. HOLD. */
MUST_CHECK int	proof_judge(struct job *, struct err *e);

/*
 * {"hooks":[...]}, one object for each hook that was told or looked at, as
 * kamcert(8) describes it; nothing where there was none. Sticky.
 */
void	proof_put(const struct job *, struct buf *);

#endif
