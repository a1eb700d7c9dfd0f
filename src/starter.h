/*
 * starter: the process that an operator starts. It opens ports and document
 * roots, starts the roles and operators' programs, and shows what the keeper
 * reports. It never sees what a CA says, and hands out nothing that the
 * configuration does not name.
 */
#ifndef KAMCERT_STARTER_H
#define KAMCERT_STARTER_H

#include "base/log.h"
#include "base/loop.h"
#include "message.h"
#include "role.h"

struct report;
struct status;
struct walled;

struct starter_in {
	const struct msg_setup	*setup;		/* lent */
	enum log_level		 level;
	enum log_target		 target;
	void			(*row)(void *arg, const struct status *);	/* of CMD_STATUS */
	void			(*told)(void *arg, const struct report *);	/* NULL: report() */
	/* Before the first role: what else is to happen on the run's loop. NULL: nothing. */
	int			(*enter)(void *arg, struct loop *, struct err *e);
	/* what each role that was started has given up; may be NULL */
	void			(*walls)(void *arg, enum role, const struct walled *);
	void			*arg;
	/* what the keeper said; zeroed if it did not. NULL: not wanted */
	struct msg_end		*end;
};

/* Carries out one run and returns its outcome, when every role has ended. */
enum outcome	starter_run(const struct starter_in *);

#endif
