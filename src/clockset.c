/*
 * clockset: a timer at the end of time, which the kernel cancels when the
 * clock that it is set by is not continuous: timerfd_create(2).
 */
#include "clockset.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FAR_AWAY	(INT64_C(1) << 33)	/* seconds: the year 2242 */

struct clockset {
	int		 fd;
	struct loop_fd	*watch;
	void		(*cb)(void *);
	void		*arg;
};

static int
arm(struct clockset *c)
{
	const struct itimerspec far = { .it_value.tv_sec = FAR_AWAY };

	return timerfd_settime(c->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

/* Each setting of the clock is one failing read; then it is set anew. */
static void
on_event(void *arg, unsigned events UNUSED)
{
	struct clockset *c = arg;
	uint64_t times;

	(void)!read(c->fd, &times, sizeof times);
	(void)arm(c);
	c->cb(c->arg);
}

struct clockset *
clockset_new(struct loop *loop, void (*cb)(void *), void *arg, struct err *e)
{
	struct clockset *c;

	if ((c = calloc(1, sizeof *c)) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	c->cb = cb;
	c->arg = arg;
	if ((c->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)) == -1 ||
	    arm(c) == -1)
		(void)err_sys(e, OUT_RETRY, "timer on the wall clock");
	else if ((c->watch = loop_fd_add(loop, c->fd, LOOP_READ, on_event, c, e)) != NULL)
		return c;
	clockset_free(c);
	return NULL;
}

void
clockset_free(struct clockset *c)
{
	if (c == NULL)
		return;
	loop_fd_del(c->watch);
	if (c->fd != -1)
		(void)close(c->fd);
	free(c);
}
