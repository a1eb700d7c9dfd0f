/*
 * lull: servers whose release may crash when a reload meets TLS handshakes
 * (FAULTS K18) are told in a moment with few new connections.
 *
 * What is new is seen by two looks at the open connections, half a second
 * apart; one that begins and ends in between is not seen.
 */
#ifndef KAMCERT_LULL_H
#define KAMCERT_LULL_H

#include "hooks/hook.h"
#include "job.h"

struct instance;

struct lull {
	bool			 asked;
	bool			 begun;		/* first is known, since first_ms */
	struct hook_facts	 first;
	int64_t			 first_ms;
	struct loop_timer	*timer;
	int64_t			 since_ms;	/* somebody waits; 0: nobody */
	int64_t			 until_ms;	/* it was calm: good until then */
	struct err		 err;		/* it could not be looked at; class OK: it could */
};

/*
 * JOB_WAIT until it is calm, where it is not to be restarted; jobs that wait to
 * switch or to reload are woken. HOLD at once where unsafe-reload says so,
 * RETRY when it does not become calm within ten minutes. What is about to
 * expire does not wait.
 */
enum job_progress lull_wait(struct lull *, struct instance *, struct job *, struct err *e);

void		lull_clear(struct lull *);

#endif
