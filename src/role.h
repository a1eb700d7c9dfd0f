/*
 * role: starting the programs that kamcert consists of, and being one.
 *
 * A role is a program of its own that links only what it may have. The
 * starter finds it beside its own program, or in ../libexec/kamcert from
 * there, and gives it one end of a socketpair as descriptor ROLE_FD, standard
 * error, and a fixed environment: nothing else is inherited.
 */
#ifndef KAMCERT_ROLE_H
#define KAMCERT_ROLE_H

#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "channel.h"

enum role {
	ROLE_KEEPER,	/* store, due, job, key, chain, install, record; signs; no network */
	ROLE_NET,	/* acme over libcurl; no key, no store */
	ROLE_ANSWER,	/* pending challenges, on descriptors handed to it */
	ROLE_CONTROL,	/* hooks that talk to servers, verify; no key, no CA */
	ROLE_COURIER,	/* hooks that carry a key or touch foreign processes; no CA, no network */
	ROLE_COUNT
};

#define ROLE_FD 3

struct walls;

const char	*role_name(enum role);

/*
 * The path of kamcert-NAME: beside this program, or in ../libexec/kamcert. HOLD
 * if it is in neither.
 */
#define ROLE_PATH_MAX 4096
MUST_CHECK int	role_find_program(const char *name, char path[ROLE_PATH_MAX], struct err *e);

/* Starts the program. *fd is our end of the channel, the caller's to close. */
struct role_start {
	enum role		 role;
	enum log_level		 level;
	enum log_target		 target;
	const struct walls	*walls;		/* what it is to give up; it tells by MSG_WALLED */
};
MUST_CHECK int	role_spawn(const struct role_start *, pid_t *pid, int *fd, struct err *e);

/*
 * The main program of a role: start-up hygiene, walls, loop, and a channel over
 * ROLE_FD with these handlers. Runs until the channel ends or role_leave().
 * arg is handed to the handlers; start, if not NULL, is called before the
 * first message. Returns the exit status of the process.
 */
struct role_main {
	enum role		 role;
	const struct handlers	*handlers;
	void			*arg;
	int			(*start)(void *arg, struct loop *, struct channel *, struct err *e);
	void			(*stop)(void *arg);
};
int		role_main(const struct role_main *, int argc, char **argv);

/* For ended() of the role's own channel: the loop stops. */
void		role_leave(struct loop *, const struct err *why);

#endif
