/*
 * instance_private: what the files of instance share: instance.c (what is
 * known of a server), instance_ask.c (before anything is touched) and
 * instance_tell.c (the reload, or restart).
 */
#ifndef KAMCERT_INSTANCE_PRIVATE_H
#define KAMCERT_INSTANCE_PRIVATE_H

#include "forecast.h"
#include "instance.h"

enum asked { NOT_ASKED, ASKED, ANSWERED };

struct instance {
	struct instance			*next;
	struct keeper			*keeper;
	const struct hook_conf		*conf;
	const struct hook_type		*type;

	enum asked			 preflight;
	struct err			 preflight_err;		/* class OK: it is fine */
	struct hook_facts		 facts;
	bool				 hindered;		/* by_profiles is known */
	/* class OK: nothing hinders a reload */
	struct err			 by_profiles;
	int64_t				 profiles;		/* of its tls.cfg; 0: not known */
	bool				 looked;
	bool				 restarts;		/* in place of a reload */
	enum asked			 unit;			/* systemd about that */
	struct err			 unit_err;
	bool				 warned;

	int64_t				 group;			/* in the order of servers */
	enum asked			 reload;
	/* keeper's moment of the last reload */
	uint64_t			 sent;
	bool				 touched, refused;
	/* the last reload was one of the way back */
	bool				 back;
	int64_t				 reload_at_ms;
	struct told			 told;			/* by the last reload, or restart */
	/* it was one, and another process is there */
	bool				 restarted;
	/* its connections, to the operator */
	bool				 mourned;
	struct restart			 restart;
	struct forecast			 forecast;
	struct lull			 lull;
	struct loop_timer		*pause;
};

/* The role that runs the hooks of this type. RETRY if it has ended. */
MUST_CHECK int	instance_runner(const struct instance *, struct channel **, struct err *e);

/*
 * Is the answer to the preflight there? It is asked for once; jobs that may
 * wait for it are woken.
 */
enum job_progress instance_facts_wait(struct instance *, struct err *e);

/* Jobs that are at this step. */
void		instance_wake_step(struct keeper *, enum job_step);

/* Those who may wait for a reload. */
void		instance_wake_told(struct keeper *);

/* Takes the facts out of a message. */
void		instance_facts_move(struct hook_facts *to, struct hook_facts *from);

#endif
