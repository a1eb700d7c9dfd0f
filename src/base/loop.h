/*
 * loop: one epoll loop for descriptors, timers, signals and children.
 *
 * Callbacks do a bounded piece of work and may add or remove anything,
 * themselves included. A handle returned here is the loop's until it is
 * removed; removing NULL does nothing.
 */
#ifndef KAMCERT_BASE_LOOP_H
#define KAMCERT_BASE_LOOP_H

#include <sys/types.h>

#include "err.h"

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_signal;
struct loop_child;

#define LOOP_READ	1u
#define LOOP_WRITE	2u
#define LOOP_HANGUP	4u	/* reported only: error or hang-up, always watched */

MUST_CHECK struct loop *loop_new(struct err *e);
void	loop_free(struct loop *);	/* NULL allowed; what is still registered is forgotten */

/*
 * Runs until loop_stop() or until nothing is registered but signals. 0, or -1
 * on a failing epoll.
 */
MUST_CHECK int loop_run(struct loop *, struct err *e);

/* One turn: waits at most max_ms (-1: until something happens), then dispatches. */
MUST_CHECK int loop_turn(struct loop *, int64_t max_ms, struct err *e);
void	loop_stop(struct loop *);

/*
 * Watches fd for a mask of LOOP_READ and LOOP_WRITE, which may be 0. It is
 * not closed, and must not be before loop_fd_del().
 */
MUST_CHECK struct loop_fd *loop_fd_add(struct loop *, int fd, unsigned events,
	    void (*cb)(void *arg, unsigned events), void *arg, struct err *e);
MUST_CHECK int loop_fd_set(struct loop_fd *, unsigned events, struct err *e);
void	loop_fd_del(struct loop_fd *);

/* Fires once, at boot time at_ms (clock_boot_ms); it is removed before the callback. */
MUST_CHECK struct loop_timer *loop_timer_add(struct loop *, int64_t at_ms,
	    void (*cb)(void *arg), void *arg, struct err *e);
void	loop_timer_del(struct loop_timer *);

/*
 * Signals arrive through a signalfd; the signal stays blocked for the process.
 * A program that is started inherits that: its mask is to be cleared.
 */
MUST_CHECK struct loop_signal *loop_signal_add(struct loop *, int signo,
	    void (*cb)(void *arg, int signo), void *arg, struct err *e);
void	loop_signal_del(struct loop_signal *);

/*
 * Once, with the status of waitpid(), when the child has ended; -1 if somebody
 * else took the status. SIGCHLD is blocked from the first one on, as above.
 */
MUST_CHECK struct loop_child *loop_child_add(struct loop *, pid_t,
	    void (*cb)(void *arg, pid_t, int status), void *arg, struct err *e);
void	loop_child_del(struct loop_child *);

#endif
