/*
 * keeper: the role that owns store and keys, and runs the jobs.
 *
 * What its files share: keeper.c (start, roles, end of the run), plan.c (which
 * jobs there are), job.c (the way of a job), issue.c and deploy.c (its steps),
 * account.c, look.c (check). All network is other roles' work, asked for
 * over their channels.
 */
#ifndef KAMCERT_KEEPER_H
#define KAMCERT_KEEPER_H

#include "base/loop.h"
#include "index.h"
#include "job.h"
#include "message.h"
#include "report.h"
#include "role.h"
#include "store.h"
#include "trust.h"

struct verify_out;

struct keeper {
	struct loop		*loop;
	struct channel		*starter;
	struct channel		*roles[ROLE_COUNT];	/* NULL: not started */
	struct msg_setup	 setup;			/* what this run is about */
	struct store		*store;
	struct trust		*trust;
	struct account		*accounts;
	struct cas		*cas;
	struct instance		*instances;
	struct errands		*errands;
	/* inner JWS of changes of keys: signing.c */
	struct strs		 changes;
	struct revocation	*revocation;		/* lists that chains name; NULL: none yet */
	struct job		**jobs;
	size_t			 njobs;
	size_t			 orders;		/* that net has */
	/* switches and reloads so far, to tell which came first */
	uint64_t		 moments;
	/* one for each certificate of the configuration */
	struct index_due	*due;
	/* likewise: when a daemon is to run for it */
	int64_t			*wake;
	size_t			 starting;		/* roles whose channel has not come */
	struct solve_record	*records;		/* that are in the DNS for challenges */
	struct solving		*solving;		/* questions of net's that are being met */
	bool			 running;		/* the jobs have begun */
	bool			 stepping;		/* keeper_step() is at work */
	bool			 stopping;		/* no new steps before the switch */
	bool			 finished;		/* the starter was told the outcome */
	struct err		 no_answer;		/* class OK: challenges can be met */
	struct msg_started	 answer;		/* but for those of these */
	enum outcome		 worst;
};

/* Tells the user. Texts may be NULL; ms -1 where nothing was measured. */
void	keeper_report(struct keeper *, const struct report *);

/* The channel of a role that the run needs; -1 with RETRY if it has ended. */
MUST_CHECK int	keeper_role(struct keeper *, enum role, struct channel **, struct err *e);

/* Lets parked jobs go on whose time has come, and ends the run behind the last job. */
void	keeper_step(struct keeper *);

/* The job of this identity, or NULL: other roles may name any. */
struct job	*keeper_job(struct keeper *, int64_t id);

/* Makes the jobs of this run. Certificates that cannot be worked on are reported and counted. */
MUST_CHECK int	plan_jobs(struct keeper *, struct err *e);

/* Writes index and reports how the run ended. */
void	plan_end(struct keeper *);

/* Has net the order of this job (NULL: of none), and no chain for it that was taken? */
bool	issue_is_at_net(const struct job *);

/* What net asks while an order is under way (issue.c, issue_take.c; solve.c for challenges). */
void	issue_on_step(void *keeper, struct message *);
void	issue_on_sign(void *keeper, struct message *);
void	issue_on_csr(void *keeper, struct message *);
void	issue_on_chain(void *keeper, struct message *);
void	solve_on_solve(void *keeper, struct message *);
void	solve_on_unsolve(void *keeper, struct message *);

/* The answer to a question of net's; why is what it gets when there is none. */
void	issue_answer(struct keeper *, uint64_t id, enum message_type type, const void *body,
	    const struct err *why);

/*
 * Takes out of the DNS what is left there. True once nothing is; else
 * keeper_step() is called then.
 */
bool	solve_has_ended(struct keeper *);
void	solve_free(struct keeper *);

/* A look at what listeners serve that takes no lock and changes nothing. */
bool	plan_only_watches(const struct keeper *);

/* When a daemon is to run again for any certificate, struct msg_end's `next`. */
int64_t	plan_wake(const struct keeper *);

/* Is what the CA last said about the renewal time of what is installed too old? */
bool	renewal_is_wanted(const struct job *);

/* When the first of its answers will be; INT64_MAX: it cannot be asked. */
int64_t	renewal_check_at(const struct job *);

/* The steps, see job.h. */
/* Is an order left over that has come to its CSR, and that issue_order() will go on with? */
bool	issue_is_begun(struct job *);

enum job_progress	issue_account(struct job *, struct err *e);
enum job_progress	issue_order(struct job *, struct err *e);
enum job_progress	issue_chain(struct job *, struct err *e);
enum job_progress	issue_rehearse(struct job *, struct err *e);
enum job_progress	issue_install(struct job *, struct err *e);
enum job_progress	renewal_ask(struct job *, struct err *e);
enum job_progress	renewal_ask_after(struct job *, struct err *e);
enum job_progress	deploy_preflight(struct job *, struct err *e);
enum job_progress	deploy_switch(struct job *, struct err *e);
enum job_progress	deploy_reload(struct job *, struct err *e);
enum job_progress	deploy_verify(struct job *, struct err *e);
enum job_progress	deploy_back_switch(struct job *, struct err *e);
enum job_progress	deploy_back_reload(struct job *, struct err *e);
enum job_progress	deploy_back_verify(struct job *, struct err *e);
enum job_progress	deploy_record(struct job *, struct err *e);
/* The end of an attempt, as the job's err says, into the record. */
MUST_CHECK int	deploy_note(struct job *, const struct record_time *now, struct err *e);
/* A run that is to end does not wait for an answer that only the next one needs. */
void	renewal_stop(struct job *);

/* Notes which keys of a pair were seen by verify. */
MUST_CHECK int		deploy_note_seen(struct job *, const struct verify_out *, struct err *e);

/* The family of a key of the active pair that no listener serves; NULL: there is none. */
const char		*deploy_unseen(const struct job *);

/* Has control look whether a hook's listeners serve this version; a look only, for JOB_LOOK. */
MUST_CHECK int		deploy_ask_verify(struct job *, const struct hook_conf *, int64_t version,
			    channel_answer *, struct err *e);

/* RETRY while a server has more connections than max-connections says. */
MUST_CHECK int	quiet_wait(struct job *, struct err *e);

/* Was it seen on the listeners, so that they can be watched? */
bool	watched_is_wanted(const struct job *);

enum job_progress	watched_look(struct job *, struct err *e);

enum job_progress	look_files(struct job *, struct err *e);
enum job_progress	look_servers(struct job *, struct err *e);
enum job_progress	look_served(struct job *, struct err *e);
enum job_progress	look_ca(struct job *, struct err *e);

#endif
