/*
 * starter: the process that an operator starts. It opens ports and document
 * roots, starts the roles and operators' programs, and shows what the keeper
 * reports. It never sees what a CA says, and hands out nothing that the
 * configuration does not name.
 */
#ifndef KAMCERT_STARTER_H
#define KAMCERT_STARTER_H

#include "base/log.h"
#include "message.h"

struct status;

struct starter_in {
	const struct msg_setup	*setup;		/* lent */
	enum log_level		 level;
	enum log_target		 target;
	void			(*row)(void *arg, const struct status *);	/* of CMD_STATUS */
	void			*arg;
};

/* Carries out one run and returns its outcome, when every role has ended. */
enum outcome	starter_run(const struct starter_in *);

#endif
