/*
 * job: one certificate's way through the steps, and back.
 *
 * The way is a table (job.c): what a step is called in log, status and
 * errors, what it does, where it leads, and whether it waits for the other
 * jobs of the run, so that one reload does for all of them. A step says done,
 * wait or failed; one that waits is run again when somebody wakes the job, so
 * every step can be entered more than once. A failure before the switch ends
 * the job; behind it, the way leads back to the previous version. Reload and
 * verify come once for each group of servers (rollout.h).
 */
#ifndef KAMCERT_JOB_H
#define KAMCERT_JOB_H

#include "base/err.h"
#include "chain.h"
#include "config.h"
#include "csrfile.h"
#include "install.h"
#include "key.h"
#include "part.h"
#include "record.h"

struct keeper;
struct account;
struct job_server;
struct preflight;
struct loop_timer;

enum job_kind {
	JOB_ASK,	/* renewal information; becomes JOB_ISSUE if that says so */
	JOB_ISSUE,	/* a new certificate, and all the way */
	/* a version that is not proven yet, or an earlier one that is wanted back */
	JOB_DEPLOY,
	JOB_RELOAD,	/* what is active, told to the servers once more */
	JOB_BACK,	/* a way back that a killed run had begun */
	JOB_LOOK,	/* check: findings, nothing is touched */
	JOB_WATCH,	/* is what was proven still served? */
	JOB_REHEARSE,	/* an order at a staging CA; nothing is installed */
};

/*
 * In the order of the way: a job only ever moves on, but for another key of
 * the certificate, and for a further group of servers.
 */
enum job_step {
	STEP_ASK,
	STEP_PREFLIGHT,
	STEP_ACCOUNT,
	STEP_NAMES,
	STEP_ORDER,
	STEP_CHAIN,
	STEP_REHEARSE,
	STEP_INSTALL,
	STEP_SWITCH,
	STEP_RELOAD,
	STEP_VERIFY,
	STEP_BACK_SWITCH,
	STEP_BACK_RELOAD,
	STEP_BACK_VERIFY,
	STEP_RECORD,
	STEP_ASK_AFTER,
	STEP_LOOK_FILES,
	STEP_LOOK_SERVERS,
	STEP_LOOK_SERVED,
	STEP_LOOK_CA,
	STEP_WATCH,
	STEP_END,
};

enum job_progress {
	JOB_DONE,
	JOB_WAIT,
	JOB_FAILED,
	JOB_MORE,	/* done for this group of servers: the same steps for the next one */
};

/* A key that has its chain. */
struct job_part {
	struct key	*key;
	struct chain	*chain;
	char		*order_url;
};

struct job {
	struct keeper		*keeper;
	const struct cert_conf	*conf;
	int64_t			 id;		/* in messages: not negative */
	enum job_kind		 kind;
	/* JOB_BACK: an order follows, once it has led back */
	bool			 renews;
	enum job_step		 at;
	bool			 waiting;	/* somebody will wake it */
	bool			 parked;	/* until the other jobs are here too */
	enum job_step		 failed_at;	/* the first step that failed; RECORD: none did */
	/* why it does not succeed; class OK: nothing is wrong */
	struct err		 err;
	int64_t			 began_ms, step_ms;
	struct store_cert	*folder;
	struct install_state	 state;		/* as the run found it */
	struct record		 record;
	size_t			 hook;		/* the one that is being asked */
	bool			 asked;		/* and its answer has not come */
	/* leaves about whose renewal was asked in this step */
	size_t			 told;

	/* issuing: one order after the other, and nothing is installed before all have come */
	const struct ca_conf	*ca;		/* that is asked */
	char			*ca_why;	/* why that is not the first one; NULL: it is */
	struct strs		 tried;		/* CAs that have failed in this run */
	bool			 blamed;	/* err is the CA's own failure */
	struct account		*account;
	struct preflight	*preflight;	/* NULL: not begun */
	struct job_part		 parts[PART_MAX];
	size_t			 nparts;	/* of which the order is behind us */
	bool			 again;		/* one more: from its order on once more */
	struct csrfile		 csr;		/* an operator's; all zero: none */
	struct key		*key;		/* of the order under way, as all that follows */
	struct chain		*chain;
	struct blob		 request;	/* the request that was made for it */
	char			*order_url;	/* once it may have been finalized */
	struct blob		 pem;		/* the chain that is to be judged */
	/* the leaf that it may not bring again */
	uint8_t			 in_service[SHA256_LEN];
	int64_t			 chains_left;
	int64_t			 ca_time;
	uint64_t		 chain_asked;	/* net waits for this answer; 0: it does not */
	bool			 task_open;	/* net has the order */
	unsigned		 told_steps;	/* of it */
	unsigned		 signed_orders;	/* newOrder requests, likewise */
	bool			 taken;		/* and was told that its chain is fit */
	struct loop_timer	*deadline;	/* of the order */
	/* it took too long: net's answer is not waited for */
	bool			 given_up;
	bool			 spent;		/* the budget was charged for it */
	int64_t			 trouble;	/* enum acme_trouble */

	/* deploying */
	int64_t			 version;	/* that shall be served */
	int64_t			 served;	/* that was proven to be, in this run; 0: none */
	bool			 looked;	/* state is as it is at the end */
	/* families of a pair's keys that a listener serves */
	struct strs		 seen;
	bool			 crowded;	/* a server has too many connections */
	/* JOB_WATCH: what is served in its place; NULL: nothing is */
	char			*unserved;
	struct job_server	*servers;	/* one for each hook: rollout.h */
	int64_t			 group;		/* of servers, that it is at */
	/* keeper's moment: a reload sent later is good for it */
	uint64_t		 since;
	/* keeper's moment of its last question about listeners */
	uint64_t		 asked_at;
	struct loop_timer	*pause;		/* before that group */
	bool			 turned;	/* managed files name the version, in this step */
	bool			 retell;	/* the server is told a second time */
	/* clock_boot_ms: the group is watched; 0: not yet */
	int64_t			 watch_until;
	bool			 watched;	/* and that time is over */
	/* a failure does not lead back: the next run goes on */
	bool			 leave;
};

/* Opens the certificate's folder and reads what is there. */
MUST_CHECK struct job *job_new(struct keeper *, const struct cert_conf *, struct err *e);
void	job_free(struct job *);

/* Keys, chains and requests of all orders, of which nothing was installed. */
void	job_forget_orders(struct job *);

/* Sends it on its way. */
void	job_begin(struct job *, enum job_kind);

/* The name of a step as users see it. */
const char *job_step_name(enum job_step);

/* Tells the user what is worth knowing, but no reason to stop. */
void	job_note(const struct job *, const struct err *);

/* Something that the job waits for has come; harmless if it does not wait. */
void	job_wake(struct job *);

/* All jobs are here: a parked one goes on. */
void	job_unpark(struct job *);

/* What it waits for cannot be had. */
void	job_fail(struct job *, const struct err *why);

bool	job_has_ended(const struct job *);

#endif
