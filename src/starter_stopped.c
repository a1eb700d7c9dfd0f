/*
 * starter_stopped: roles that somebody has stopped (SIGSTOP, a debugger's or
 * a shell's doing), and who would be waited for in vain.
 *
 * Job control stops and continues the whole group, this process included:
 * only seconds in which it runs itself, and sees the role stopped, are counted.
 */
#include "starter_private.h"

#include <sys/wait.h>

#include <signal.h>

#include "base/clock.h"

#define STOPPED_S	30	/* then it counts as dead */
#define TICK_MS		1000

static void	on_tick(void *);

bool
starter_gave_up(const struct child *c)
{
	return c->stopped_s >= STOPPED_S;
}

static void
give_up(struct child *c)
{
	log_error(KV_S("event", "role killed"), KV_S("of", role_name(c->role)),
	    KV_I("pid", c->pid), KV_S("error", "it was stopped, and nobody continued it"));
	c->stopped_s = STOPPED_S;
	kill(c->pid, SIGKILL);
}

/* What waitpid() takes of those that have ended is left alone. */
static void
look(struct child *c)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)c->pid, &info, WSTOPPED | WCONTINUED | WNOHANG) == -1 ||
	    info.si_pid == 0)
		return;
	c->stopped = info.si_code == CLD_STOPPED;
	if (c->stopped || c->stopped_s == 0 || starter_gave_up(c))
		return;
	c->stopped_s = 0;
	log_warn(KV_S("event", "role continued"), KV_S("of", role_name(c->role)));
}

/* Those that are stopped; without a clock for them, they have no time left. */
static void
wait_for_stopped(struct starter *s)
{
	struct err e = ERR_NONE;
	bool any = false;
	size_t i;

	for (i = 0; i < ROLE_COUNT; i++)
		any = any || (s->children[i].pid != 0 && s->children[i].stopped &&
		    !starter_gave_up(&s->children[i]));
	if (!any || s->tick != NULL)
		return;
	s->tick = loop_timer_add(s->loop, clock_boot_ms() + TICK_MS, on_tick, s, &e);
	for (i = 0; s->tick == NULL && i < ROLE_COUNT; i++)
		if (s->children[i].pid != 0 && s->children[i].stopped)
			give_up(&s->children[i]);
}

static void
count(struct child *c)
{
	if (++c->stopped_s == 1)
		log_warn(KV_S("event", "role stopped"), KV_S("of", role_name(c->role)),
		    KV_I("pid", c->pid), KV_S("hint", "kill -CONT lets it go on"),
		    KV_I("seconds_left", STOPPED_S));
	else if (c->stopped_s == STOPPED_S)
		give_up(c);
}

static void
on_tick(void *arg)
{
	struct starter *s = arg;
	size_t i;

	s->tick = NULL;
	for (i = 0; i < ROLE_COUNT; i++)
		if (s->children[i].pid != 0 && s->children[i].stopped)
			count(&s->children[i]);
	wait_for_stopped(s);
}

void
starter_on_child(void *arg, int signo UNUSED)
{
	struct starter *s = arg;
	size_t i;

	for (i = 0; i < ROLE_COUNT; i++)
		if (s->children[i].pid != 0)
			look(&s->children[i]);
	wait_for_stopped(s);
}
