/*
 * loop: one epoll loop for descriptors, timers, signals and children.
 *
 * Everything the kernel reports arrives through a struct loop_fd: signals
 * through a signalfd, and the wake-up for the earliest timer through a
 * timerfd, because the timeout of epoll_wait() does not count suspend. Which
 * timers are due is decided by clock_boot_ms() alone, so a replaced clock
 * drives them too.
 *
 * What is removed during a turn may still be named by events that the kernel
 * has already reported. It loses its callback at once and its memory at the
 * end of the outermost turn.
 */
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define TURN_EVENTS	64	/* of one epoll_wait() */
#define NO_SLOT		SIZE_MAX
#define LONG_WAIT_MS	(30 * DAY * 1000)	/* far timers are looked at again after this */

/* Common head, so that one list can hold whatever waits to be freed. */
struct corpse {
	struct corpse	*next;
};

struct loop_fd {
	struct corpse	 grave;
	struct loop	*loop;
	LIST_ENTRY(loop_fd) link;
	int		 fd;
	bool		 inner;		/* the loop's own: does not keep loop_run() going */
	void		(*cb)(void *, unsigned);	/* NULL: removed */
	void		*arg;
};

struct loop_timer {
	struct corpse	 grave;
	struct loop	*loop;
	size_t		 slot;		/* in the heap, NO_SLOT: fired or removed */
	int64_t		 at_ms;
	uint64_t	 order;		/* timers of one millisecond fire as they were added */
	void		(*cb)(void *);
	void		*arg;
};

struct loop_signal {
	struct corpse	 grave;
	struct loop	*loop;
	LIST_ENTRY(loop_signal) link;
	int		 signo;
	void		(*cb)(void *, int);	/* NULL: removed */
	void		*arg;
};

struct loop_child {
	struct corpse	 grave;
	struct loop	*loop;
	LIST_ENTRY(loop_child) link;
	pid_t		 pid;
	void		(*cb)(void *, pid_t, int);	/* NULL: removed */
	void		*arg;
};

struct loop {
	int			 epfd, sigfd, timefd;
	sigset_t		 sigs;
	LIST_HEAD(, loop_fd)	 fds;
	LIST_HEAD(, loop_signal) signals;
	LIST_HEAD(, loop_child)	 children;
	struct loop_timer	**heap;
	size_t			 ntimers, heap_cap;
	uint64_t		 order;
	int64_t			 armed_ms;	/* what timefd is set to, INT64_MAX: nothing */
	size_t			 nfds;		/* not inner, not removed */
	struct corpse		*graves;
	unsigned		 depth;		/* turns that are running */
	bool			 stop;
	bool			 reap;		/* look at all children that have no pidfd */
};

static void
bury(struct loop *l, struct corpse *x)
{
	x->next = l->graves;
	l->graves = x;
}

static void
clear_graves(struct loop *l)
{
	struct corpse *x;

	if (l->depth > 0)
		return;
	while ((x = l->graves) != NULL) {
		l->graves = x->next;
		free(x);
	}
}

/* --- descriptors --- */

static uint32_t
epoll_mask(unsigned events)
{
	return ((events & LOOP_READ) != 0 ? EPOLLIN : 0u) |
	    ((events & LOOP_WRITE) != 0 ? EPOLLOUT : 0u);
}

struct loop_fd *
loop_fd_add(struct loop *l, int fd, unsigned events, void (*cb)(void *, unsigned), void *arg,
    struct err *e)
{
	struct epoll_event ev = { .events = epoll_mask(events) };
	struct loop_fd *w;

	if ((w = calloc(1, sizeof(*w))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	ev.data.ptr = w;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) == -1) {
		(void)err_sys(e, OUT_RETRY, "cannot watch descriptor %d", fd);
		free(w);
		return NULL;
	}
	w->loop = l;
	w->fd = fd;
	w->cb = cb;
	w->arg = arg;
	LIST_INSERT_HEAD(&l->fds, w, link);
	l->nfds++;
	return w;
}

/* One of the loop's own, which does not keep loop_run() going. */
static int
watch_inner(struct loop *l, int fd, void (*cb)(void *, unsigned), struct err *e)
{
	struct loop_fd *w;

	if ((w = loop_fd_add(l, fd, LOOP_READ, cb, l, e)) == NULL)
		return -1;
	w->inner = true;
	l->nfds--;
	return 0;
}

int
loop_fd_set(struct loop_fd *w, unsigned events, struct err *e)
{
	struct epoll_event ev = { .events = epoll_mask(events), .data.ptr = w };

	if (epoll_ctl(w->loop->epfd, EPOLL_CTL_MOD, w->fd, &ev) == -1)
		return err_sys(e, OUT_RETRY, "cannot change how descriptor %d is watched", w->fd);
	return 0;
}

void
loop_fd_del(struct loop_fd *w)
{
	struct loop *l;

	if (w == NULL || w->cb == NULL)
		return;
	l = w->loop;
	(void)epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	if (!w->inner)
		l->nfds--;
	w->cb = NULL;
	LIST_REMOVE(w, link);
	bury(l, &w->grave);
	clear_graves(l);
}

/* --- timers: a binary heap, earliest first --- */

static bool
is_earlier(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void
settle(struct loop *l, size_t slot, struct loop_timer *t)
{
	l->heap[slot] = t;
	t->slot = slot;
}

static void
sift_up(struct loop *l, size_t slot, struct loop_timer *t)
{
	size_t parent;

	while (slot > 0) {
		parent = (slot - 1) / 2;
		if (!is_earlier(t, l->heap[parent]))
			break;
		settle(l, slot, l->heap[parent]);
		slot = parent;
	}
	settle(l, slot, t);
}

static void
sift_down(struct loop *l, size_t slot, struct loop_timer *t)
{
	size_t child;

	while ((child = 2 * slot + 1) < l->ntimers) {
		if (child + 1 < l->ntimers && is_earlier(l->heap[child + 1], l->heap[child]))
			child++;
		if (!is_earlier(l->heap[child], t))
			break;
		settle(l, slot, l->heap[child]);
		slot = child;
	}
	settle(l, slot, t);
}

static int
grow_heap(struct loop *l)
{
	size_t cap = l->heap_cap > 0 ? 2 * l->heap_cap : 16;
	struct loop_timer **heap;

	if (l->ntimers < l->heap_cap)
		return 0;
	if ((heap = reallocarray(l->heap, cap, sizeof(*heap))) == NULL)
		return -1;
	l->heap = heap;
	l->heap_cap = cap;
	return 0;
}

struct loop_timer *
loop_timer_add(struct loop *l, int64_t at_ms, void (*cb)(void *), void *arg, struct err *e)
{
	struct loop_timer *t;

	if ((t = calloc(1, sizeof(*t))) == NULL || grow_heap(l) == -1) {
		(void)err_nomem(e);
		free(t);
		return NULL;
	}
	t->loop = l;
	t->at_ms = at_ms;
	t->order = l->order++;
	t->cb = cb;
	t->arg = arg;
	sift_up(l, l->ntimers++, t);
	return t;
}

static void
take_from_heap(struct loop_timer *t)
{
	struct loop *l = t->loop;
	struct loop_timer *last = l->heap[--l->ntimers];
	size_t slot = t->slot;

	t->slot = NO_SLOT;
	if (last == t)
		return;
	if (slot > 0 && is_earlier(last, l->heap[(slot - 1) / 2]))
		sift_up(l, slot, last);
	else
		sift_down(l, slot, last);
}

void
loop_timer_del(struct loop_timer *t)
{
	if (t == NULL || t->slot == NO_SLOT)
		return;
	take_from_heap(t);
	free(t);
}

/* Timers that callbacks add wait for the next turn: a turn always ends. */
static void
fire_timers(struct loop *l)
{
	int64_t now = clock_boot_ms();
	uint64_t end = l->order;
	struct loop_timer *t;

	while (l->ntimers > 0 && l->heap[0]->at_ms <= now && l->heap[0]->order < end) {
		t = l->heap[0];
		take_from_heap(t);
		bury(l, &t->grave);
		t->cb(t->arg);
	}
}

/* Sets timefd for the earliest timer. 0: one is due now, 1: none is. */
static int
arm_timer(struct loop *l, struct err *e)
{
	struct itimerspec its = { .it_value.tv_sec = 0 };
	int64_t at = l->ntimers > 0 ? l->heap[0]->at_ms : INT64_MAX;
	int64_t wait;

	if (l->ntimers > 0 && at <= clock_boot_ms())
		return 0;
	if (at == l->armed_ms)
		return 1;
	if (at != INT64_MAX) {
		wait = time_add(at, -clock_boot_ms());
		if (wait > LONG_WAIT_MS)
			wait = LONG_WAIT_MS;
		if (wait < 1)
			wait = 1;
		its.it_value.tv_sec = (time_t)(wait / 1000);
		its.it_value.tv_nsec = (long)(wait % 1000) * 1000000;
	}
	if (timerfd_settime(l->timefd, 0, &its, NULL) == -1)
		return err_sys(e, OUT_RETRY, "cannot set the timer");
	l->armed_ms = at;
	return 1;
}

static void
on_timefd(void *arg, unsigned events UNUSED)
{
	struct loop *l = arg;
	uint64_t times;

	(void)!read(l->timefd, &times, sizeof(times));
	l->armed_ms = INT64_MAX;
}

/* --- signals --- */

static int
take_signal(struct loop *l, int signo, struct err *e)
{
	sigset_t one;

	(void)sigemptyset(&one);
	if (sigaddset(&one, signo) == -1 || sigaddset(&l->sigs, signo) == -1)
		return err_sys(e, OUT_USAGE, "signal %d", signo);
	if (sigprocmask(SIG_BLOCK, &one, NULL) == -1 ||
	    signalfd(l->sigfd, &l->sigs, SFD_CLOEXEC | SFD_NONBLOCK) == -1)
		return err_sys(e, OUT_RETRY, "cannot receive signal %d", signo);
	return 0;
}

struct loop_signal *
loop_signal_add(struct loop *l, int signo, void (*cb)(void *, int), void *arg, struct err *e)
{
	struct loop_signal *s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	if (take_signal(l, signo, e) == -1) {
		free(s);
		return NULL;
	}
	s->loop = l;
	s->signo = signo;
	s->cb = cb;
	s->arg = arg;
	LIST_INSERT_HEAD(&l->signals, s, link);
	return s;
}

/* The signalfd keeps the signal: it stays blocked anyway, and without a receiver it is dropped. */
void
loop_signal_del(struct loop_signal *s)
{
	if (s == NULL || s->cb == NULL)
		return;
	s->cb = NULL;
	LIST_REMOVE(s, link);
	bury(s->loop, &s->grave);
	clear_graves(s->loop);
}

static void
tell_signal(struct loop *l, int signo)
{
	struct loop_signal *s;

	if (signo == SIGCHLD)
		l->reap = true;
	for (s = LIST_FIRST(&l->signals); s != NULL; s = LIST_NEXT(s, link))
		if (s->cb != NULL && s->signo == signo)
			s->cb(s->arg, signo);
}

static void
on_sigfd(void *arg, unsigned events UNUSED)
{
	struct loop *l = arg;
	struct signalfd_siginfo info;

	while (read(l->sigfd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		tell_signal(l, (int)info.ssi_signo);
}

/* --- children: SIGCHLD says that one has ended, waitpid() which --- */

struct loop_child *
loop_child_add(struct loop *l, pid_t pid, void (*cb)(void *, pid_t, int), void *arg, struct err *e)
{
	struct loop_child *c;

	if (take_signal(l, SIGCHLD, e) == -1)
		return NULL;
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	c->loop = l;
	c->pid = pid;
	c->cb = cb;
	c->arg = arg;
	LIST_INSERT_HEAD(&l->children, c, link);
	l->reap = true;		/* it may have ended before the signal was blocked */
	return c;
}

void
loop_child_del(struct loop_child *c)
{
	if (c == NULL || c->cb == NULL)
		return;
	c->cb = NULL;
	LIST_REMOVE(c, link);
	bury(c->loop, &c->grave);
	clear_graves(c->loop);
}

static void
reap_child(struct loop_child *c)
{
	void (*cb)(void *, pid_t, int) = c->cb;
	int status = -1;
	pid_t got;

	do
		got = waitpid(c->pid, &status, WNOHANG);
	while (got == -1 && errno == EINTR);
	if (got == 0)
		return;
	loop_child_del(c);
	cb(c->arg, c->pid, got == -1 ? -1 : status);
}

static void
reap_children(struct loop *l)
{
	struct loop_child *c;

	l->reap = false;
	for (c = LIST_FIRST(&l->children); c != NULL; c = LIST_NEXT(c, link))
		if (c->cb != NULL)
			reap_child(c);
}

/* --- the loop itself --- */

static int
open_inner(struct loop *l, struct err *e)
{
	if ((l->epfd = epoll_create1(EPOLL_CLOEXEC)) == -1 ||
	    (l->timefd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) == -1 ||
	    (l->sigfd = signalfd(-1, &l->sigs, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return err_sys(e, OUT_RETRY, "cannot make an event loop");
	if (watch_inner(l, l->timefd, on_timefd, e) == -1 ||
	    watch_inner(l, l->sigfd, on_sigfd, e) == -1)
		return -1;
	return 0;
}

struct loop *
loop_new(struct err *e)
{
	struct loop *l;

	if ((l = calloc(1, sizeof(*l))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	l->epfd = l->timefd = l->sigfd = -1;
	l->armed_ms = INT64_MAX;
	(void)sigemptyset(&l->sigs);
	if (open_inner(l, e) == -1) {
		loop_free(l);
		return NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	size_t i;

	if (l == NULL)
		return;
	while (!LIST_EMPTY(&l->children))
		loop_child_del(LIST_FIRST(&l->children));
	while (!LIST_EMPTY(&l->signals))
		loop_signal_del(LIST_FIRST(&l->signals));
	while (!LIST_EMPTY(&l->fds))
		loop_fd_del(LIST_FIRST(&l->fds));
	for (i = 0; i < l->ntimers; i++)
		free(l->heap[i]);
	l->depth = 0;
	clear_graves(l);
	free(l->heap);
	if (l->epfd != -1)
		(void)close(l->epfd);
	if (l->timefd != -1)
		(void)close(l->timefd);
	if (l->sigfd != -1)
		(void)close(l->sigfd);
	free(l);
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

static unsigned
loop_mask(uint32_t events)
{
	return ((events & EPOLLIN) != 0 ? LOOP_READ : 0u) |
	    ((events & EPOLLOUT) != 0 ? LOOP_WRITE : 0u) |
	    ((events & (EPOLLERR | EPOLLHUP)) != 0 ? LOOP_HANGUP : 0u);
}

static void
dispatch(struct loop *l, const struct epoll_event *evs, int n)
{
	struct loop_fd *w;
	int i;

	for (i = 0; i < n; i++) {
		w = evs[i].data.ptr;
		if (w->cb != NULL)
			w->cb(w->arg, loop_mask(evs[i].events));
	}
	if (l->reap)
		reap_children(l);
	fire_timers(l);
}

int
loop_turn(struct loop *l, int64_t max_ms, struct err *e)
{
	struct epoll_event evs[TURN_EVENTS];
	int n, idle;

	if ((idle = arm_timer(l, e)) == -1)
		return -1;
	if (idle == 0 || l->reap)
		max_ms = 0;
	if (max_ms > INT_MAX)
		max_ms = INT_MAX;
	n = epoll_wait(l->epfd, evs, TURN_EVENTS, max_ms < 0 ? -1 : (int)max_ms);
	if (n == -1 && errno != EINTR)
		return err_sys(e, OUT_RETRY, "epoll_wait");
	l->depth++;
	dispatch(l, evs, n);
	l->depth--;
	clear_graves(l);
	return 0;
}

int
loop_run(struct loop *l, struct err *e)
{
	int rc = 0;

	while (rc == 0 && !l->stop &&
	    (l->nfds > 0 || l->ntimers > 0 || !LIST_EMPTY(&l->children)))
		rc = loop_turn(l, -1, e);
	l->stop = false;
	return rc;
}
