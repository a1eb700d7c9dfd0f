/*
 * hooking: running hooks for the keeper, in the role that this process is.
 * One thing after the other, each with its deadline.
 */
#ifndef KAMCERT_HOOKING_H
#define KAMCERT_HOOKING_H

#include "channel.h"
#include "hooks/hook.h"

struct hooking {
	struct loop	*loop;
	struct channel	*keeper;
	/* runs the types of this role, and of the configuration only */
	bool		 courier;
	struct list	 allowed;	/* courier: struct hook_conf */
};

/* Message handlers; arg is a struct hooking. */
void	hooking_on_allow(void *arg, struct message *);
void	hooking_on_preflight(void *arg, struct message *);
void	hooking_on_reload(void *arg, struct message *);
void	hooking_on_watch(void *arg, struct message *);

/* The channel has ended: so does the role. */
void	hooking_on_end(void *arg, const struct err *why);

/* For role_main; the handlers get the same arg. */
MUST_CHECK int	hooking_start(void *arg, struct loop *, struct channel *, struct err *e);
void		hooking_stop(void *arg);

/* Answers a message; what cannot be sent fails it. */
void	hooking_answer(struct hooking *, uint64_t id, enum message_type, const void *body);

#endif
