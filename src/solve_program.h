/*
 * solve_program: an operator's program puts a record of a dns-01 challenge
 * into the DNS and takes it out again; run by the starter. What the program
 * gets is described in kamcert-hooks(7).
 */
#ifndef KAMCERT_SOLVE_PROGRAM_H
#define KAMCERT_SOLVE_PROGRAM_H

#include "base/loop.h"
#include "message.h"

struct solve_program;

/* why->class OK: the program says that it is done. */
typedef void solve_program_done(void *arg, const struct err *why);

/*
 * Which program is run the configuration alone says. done is called once,
 * from the loop, and ends what is returned; both are lent for the call. NULL
 * on failure: HOLD for names and values that are none, whoever sent them.
 */
struct solve_program	*solve_program_start(struct loop *, const struct challenge_conf *,
			    const struct msg_record *, solve_program_done *done, void *arg,
			    struct err *e);

/* Kills it at once. done is not called. */
void	solve_program_stop(struct solve_program *);

#endif
