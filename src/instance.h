/*
 * instance: the servers that this run has to do with. Hooks of several
 * certificates that mean the same server share one, so that it is looked at
 * once before the run, and told once to load its files, however many
 * certificates are new.
 */
#ifndef KAMCERT_INSTANCE_H
#define KAMCERT_INSTANCE_H

#include "base/err.h"
#include "channel.h"
#include "hooks/hook.h"
#include "job.h"
#include "lull.h"
#include "restart.h"

struct instance;
struct json_out;

/* The server of a job's hook. NULL: no memory. */
struct instance	*instance_of(struct keeper *, const struct hook_conf *, struct err *e);

/*
 * Is everything there, before anything is touched? Asked once a run; jobs
 * that wait at STEP_PREFLIGHT are woken by the answer. HOLD or RETRY if not.
 */
enum job_progress instance_preflight(struct instance *, struct job *, struct err *e);

/* A place in the order of servers: the hindmost that anybody gave it counts. */
void		instance_join(struct instance *, int64_t group);
int64_t		instance_group(const struct instance *);

/*
 * The one reload for all jobs whose files were switched before it was sent
 * (job->since); they are woken by the answer. JOB_DONE: the server says that
 * it has loaded the files, or it is not known whether it has. JOB_FAILED: it
 * says that it has not, or could not be asked.
 */
enum job_progress instance_reload(struct instance *, struct job *, struct err *e);

/* What the server said of itself at preflight; borrowed. */
const struct hook_facts *instance_facts(const struct instance *);

/* True for the first who asks: what concerns the server alone is told once. */
bool		instance_look_once(struct instance *);

/* Was it told to load its files in this run? */
bool		instance_was_told(const struct instance *);

/*
 * May the server, or whom a program told, have loaded something in this run?
 * A program that failed may have done half of its work.
 */
bool		instance_touched(const struct instance *);

/* Did it, or another program that is telling it, say "not now" (FAULTS K05, K20)? */
bool		instance_put_off(const struct instance *);

/*
 * Could it not be told, although it runs and answers: somebody did not allow
 * it? It goes on with what it had, and there is nothing to be led back.
 */
bool		instance_denied(const struct instance *);

/*
 * Is it known how its last reload ended? If not, -1 and HOLD: only what its
 * listeners serve can tell (FAULTS K02, K03).
 */
MUST_CHECK int	instance_is_known(const struct instance *, struct err *e);

/* Is it a program that failed when it was told to go forward, in this run? */
bool		instance_refused(const struct instance *);

/* Workers with a TLS context of their own; 1 where it is not known. */
int64_t		instance_workers(const struct instance *);

/* Before the last reload, as the server said; borrowed. */
const struct hook_facts *instance_before(const struct instance *);

/*
 * The process that has to be there behind it: another one only where a restart
 * was meant. Borrowed.
 */
const struct hook_facts *instance_process(const struct instance *);

/* Is its unit restarted in place of a reload, by what it said at preflight? */
bool		instance_restarts(const struct instance *);

/* HOLD with what systemd says against a restart of its unit; 0 where nothing is known of that. */
MUST_CHECK int	instance_unit(const struct instance *, struct err *e);

/* Does the server tell how it is? */
bool		instance_tells(const struct instance *);

/*
 * Asks how the server is, and what it has logged since the last reload; the
 * answer is MSG_WATCHED.
 */
MUST_CHECK int	instance_watch(struct instance *, channel_answer *, void *arg, struct err *e);

/* The same before it is restarted: noted is where its log ends. */
MUST_CHECK int	instance_mark(struct instance *, channel_answer *, void *arg, struct err *e);

/* It was told; the facts are taken. Jobs that wait for it are woken. */
void		instance_told(struct instance *, struct told *);

/*
 * Has it, with what it says of itself now, shared memory for a further reload
 * (FAULTS K12)? Else HOLD.
 */
bool		instance_has_room(const struct instance *, const struct hook_facts *now,
		    struct err *e);

/* For lull: the section, the state of its looks, and jobs that wait to switch or to be told. */
const struct hook_conf	*instance_conf(const struct instance *);
struct lull		*instance_lull(struct instance *);
void			 instance_wake(struct instance *);

/* Is now a moment to tell it? See lull_wait(). */
enum job_progress	instance_quiet(struct instance *, struct job *, struct err *e);

/* Notes in the job's record what reloads of the server cost. RETRY without memory. */
MUST_CHECK int		instance_note(const struct instance *, struct job *, struct err *e);

/* Appends what was measured at the last reload as a JSON object's members. */
void		instance_put_proof(const struct instance *, struct json_out *);

void		instances_free(struct keeper *);

#endif
