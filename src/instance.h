/*
 * instance: the servers that this run has to do with. Hooks of several
 * certificates that mean the same server share one, so that it is looked at
 * once before the run, and told once to load its files, however many
 * certificates are new.
 */
#ifndef KAMCERT_INSTANCE_H
#define KAMCERT_INSTANCE_H

#include "base/err.h"
#include "hooks/hook.h"
#include "job.h"

struct instance;
struct json_out;

/* The server of a job's hook. NULL: no memory. */
struct instance	*instance_of(struct keeper *, const struct hook_conf *, struct err *e);

/*
 * Is everything there, before anything is touched? Asked once a run; jobs
 * that wait at STEP_PREFLIGHT are woken by the answer. HOLD or RETRY if not.
 */
enum job_progress instance_preflight(struct instance *, struct job *, struct err *e);

/*
 * The one reload for all jobs that are at the same step as this one; they are
 * woken by the answer. JOB_DONE: the server says that it has loaded the files,
 * or it is not known whether it has. JOB_FAILED: it says that it has not, or could not be asked.
 */
enum job_progress instance_reload(struct instance *, struct job *, struct err *e);

/* What the server said of itself at preflight; borrowed. */
const struct hook_facts *instance_facts(const struct instance *);

/* True for the first who asks: what concerns the server alone is told once. */
bool		instance_look_once(struct instance *);

/* Has the server, at this run's last reload, certainly kept what it had? */
bool		instance_kept_old(const struct instance *);

/* Workers with a TLS context of their own; 1 where it is not known. */
int64_t		instance_workers(const struct instance *);

/* Appends what was measured at the last reload as a JSON object's members. */
void		instance_put_proof(const struct instance *, struct json_out *);

void		instances_free(struct keeper *);

#endif
