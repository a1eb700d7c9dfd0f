/*
 * rollout: in which order the servers of a run are told, and what became of
 * each.
 *
 * The first hook's server goes first, then hooks-at-once of them at a time:
 * a group. A group is told and proven before the next one begins, hooks-pause
 * later. Operators' programs belong to the group of the server before them.
 * A server that several certificates share has one place for all of them, the
 * hindmost. What is done when one fails is for deploy to decide.
 */
#ifndef KAMCERT_ROLLOUT_H
#define KAMCERT_ROLLOUT_H

#include "instance.h"
#include "job.h"
#include "verify.h"

/* One hook of a job, in this run. */
struct job_server {
	bool			 left;		/* it failed, and the others go on without it */
	bool			 stuck;		/* the way back failed there */
	bool			 again;		/* it was told a second time (FAULTS K08) */
	bool			 foreign;	/* it was seen to serve what is nobody's here */
	bool			 looked;	/* seen is what its listeners served last */
	bool			 proven;	/* and they need not be looked at again */
	bool			 watched;	/* now and log are known */
	bool			 mute;		/* it was asked how it is, and did not answer */
	/* another process than before, which was looked at too */
	int64_t			 pid;
	int64_t			 version;	/* that was proven there; 0: none */
	char			*why;		/* it is left or stuck */
	struct verify_out	 seen;
	struct hook_facts	 now;		/* how it was last */
	struct errlog		 log;
	/* old connections right after the proof; -1: not known, */
	int64_t			 kept;
	int64_t			 kept_later;	/* and when it was watched */
	struct strs		 warnings;
};

/* A job's servers, one for each hook of its certificate. NULL: no memory. */
struct job_server	*rollout_new(const struct cert_conf *);
void			 rollout_free(struct job_server *, const struct cert_conf *);

/* The group that a job's hook would be in by its own configuration: 0 is the first. */
int64_t		rollout_group(const struct job *, size_t hook);

/* Gives every server of the job its place. Before the first reload. RETRY without memory. */
MUST_CHECK int	rollout_assign(struct job *, struct err *e);

/* Is this hook's server told in the group that the job is at? */
bool		rollout_has(const struct job *, const struct instance *);

/* Makes the next group of the job the one that it is at; false if there is none. */
bool		rollout_next(struct job *);

/* JOB_WAIT until then (clock_boot_ms); the job is woken. */
enum job_progress rollout_wait(struct job *, int64_t until_ms, struct err *e);

/* JOB_WAIT until the pause before this group is over for all jobs; they are woken. */
enum job_progress rollout_pause(struct job *, struct err *e);

#endif
