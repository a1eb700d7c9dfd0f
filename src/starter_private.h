/*
 * starter_private: what the files of the starter share.
 *
 *     starter.c            roles: their start, their end, what they are given
 *     starter_programs.c   the operator's programs
 *     starter_stopped.c    roles that do not go on
 */
#ifndef KAMCERT_STARTER_PRIVATE_H
#define KAMCERT_STARTER_PRIVATE_H

#include "role.h"
#include "starter.h"

struct run;

struct child {
	struct starter		*starter;
	enum role		 role;
	pid_t			 pid;		/* 0: not running */
	bool			 stopped;	/* by a signal */
	int			 stopped_s;	/* for so long, as far as this process ran itself */
	struct loop_child	*watch;
	struct loop_fd		*ready;		/* until it has told what it gave up */
	int			 fd;		/* our end of its channel until then, else -1 */
	uint64_t		 asked;		/* by the keeper with this identity */
	struct strs		 certs;
	struct msg_started	 started;	/* what the keeper is told of it */
};

struct starter {
	const struct starter_in	*in;
	struct loop		*loop;
	struct channel		*keeper;
	struct child		 children[ROLE_COUNT];
	struct loop_timer	*deadline;
	struct loop_timer	*tick;		/* while a role is stopped */
	struct run		*runs;		/* programs that are under way */
	bool			 stopping;
	bool			 ended;		/* the keeper told the outcome */
	enum outcome		 outcome;
};

/* Handlers of messages from the keeper; arg is the starter. */
void	starter_on_run(void *arg, struct message *);
void	starter_on_record(void *arg, struct message *);
void	starter_on_preflight(void *arg, struct message *);

/* SIGCHLD: has a role been stopped, or continued? One that stays stopped is killed. */
void	starter_on_child(void *arg, int signo);

/* Was it killed for that? */
bool	starter_gave_up(const struct child *);

/* No program outlives the run that it belongs to. */
void	starter_stop_runs(struct starter *);

#endif
