#include "channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define READ_CHUNK	16384u
#define FDS_MAX		8u			/* received, not yet claimed by a frame */
/* of READ_CHUNK, before others come to their turn */
#define TURN_READS	16u
#define UNREAD_MAX	(1024u * 1024)		/* octets that a distrusted peer may leave unread */

struct outgoing {
	struct outgoing	*next;
	struct buf	 octets;
	size_t		 sent;
	int		 fd;
};

/* A question whose answer has not come. */
struct call {
	struct call	*next;
	uint64_t	 id;
	int64_t		 until;		/* clock_boot_ms of an answer that comes too late */
	channel_answer	*cb;
	void		*arg;
};

struct channel {
	struct loop		*loop;
	struct loop_fd		*watch;
	const struct handlers	*handlers;
	void			*arg;
	int			 fd;
	struct buf		 in;
	int			 fds[FDS_MAX];
	size_t			 nfds;
	unsigned		 events;	/* that are watched for */
	struct outgoing		*first, **last;
	size_t			 unread;	/* octets in the queue */
	struct call		*calls;
	uint64_t		 last_id;
	int64_t			 patience_ms;	/* 0: a peer that is trusted */
	struct loop_timer	*timer;		/* for the answer that is missing longest */
	bool			 busy;		/* in on_socket(), which frees it at its end */
	bool			 gone;		/* channel_free() was called meanwhile */
};

static void	on_socket(void *, unsigned);

int
channel_new(struct loop *loop, int fd, const struct handlers *handlers, void *arg,
    struct channel **out, struct err *e)
{
	struct channel *c;
	int flags;

	*out = NULL;
	if ((c = calloc(1, sizeof *c)) == NULL)
		return err_nomem(e);
	c->loop = loop;
	c->handlers = handlers;
	c->arg = arg;
	c->last = &c->first;
	buf_init(&c->in, FRAME_MAX + 4 + READ_CHUNK);
	if ((flags = fcntl(fd, F_GETFL)) == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		free(c);
		return err_sys(e, OUT_RETRY, "channel: fcntl");
	}
	if ((c->watch = loop_fd_add(loop, fd, LOOP_READ, on_socket, c, e)) == NULL) {
		free(c);
		return -1;
	}
	c->events = LOOP_READ;
	c->fd = fd;
	*out = c;
	return 0;
}

void
channel_distrust(struct channel *c, int64_t patience_ms)
{
	c->patience_ms = patience_ms;
}

static int
watch(struct channel *c, unsigned events, struct err *e)
{
	if (events == c->events)
		return 0;
	if (loop_fd_set(c->watch, events, e) == -1)
		return -1;
	c->events = events;
	return 0;
}

/* Who does not read what it is told is not heard for so long. */
static bool
is_heard(const struct channel *c)
{
	return c->patience_ms == 0 || c->unread <= UNREAD_MAX;
}

static void
drop_first(struct channel *c)
{
	struct outgoing *o = c->first;

	if ((c->first = o->next) == NULL)
		c->last = &c->first;
	c->unread -= o->octets.n;
	buf_clear(&o->octets);
	if (o->fd != -1)
		close(o->fd);
	free(o);
}

static void
destroy(struct channel *c)
{
	struct call *call;

	while ((call = c->calls) != NULL) {
		c->calls = call->next;
		free(call);
	}
	loop_timer_del(c->timer);
	loop_fd_del(c->watch);
	while (c->first != NULL)
		drop_first(c);
	while (c->nfds > 0)
		close(c->fds[--c->nfds]);
	buf_clear(&c->in);
	if (c->fd != -1)
		close(c->fd);
	free(c);
}

void
channel_free(struct channel *c)
{
	if (c == NULL)
		return;
	if (c->busy)
		c->gone = true;
	else
		destroy(c);
}

int
channel_send(struct channel *c, enum message_type type, uint64_t id, const void *body, int fd,
    struct err *e)
{
	struct outgoing *o;

	if (c->watch == NULL)
		return 0;	/* ended() has said so already */
	if ((o = calloc(1, sizeof *o)) == NULL)
		return err_nomem(e);
	o->fd = -1;
	buf_init(&o->octets, FRAME_MAX + 4);
	frame_write(&o->octets, type, id, body);
	if (!buf_ok(&o->octets)) {
		err_set(e, OUT_RETRY, "message %u: too long or no memory", (unsigned)type);
		goto fail;
	}
	if (fd != -1 && (o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1) {
		err_sys(e, OUT_RETRY, "message: dup");
		goto fail;
	}
	if (watch(c, c->events | LOOP_WRITE, e) == -1)
		goto fail;
	*c->last = o;
	c->last = &o->next;
	c->unread += o->octets.n;
	return 0;
fail:
	buf_clear(&o->octets);
	if (o->fd != -1)
		close(o->fd);
	free(o);
	return -1;
}

static void	on_patience(void *);

/* Wakes for the first answer that is missing; there may be none by then. */
static int
be_patient(struct channel *c, struct err *e)
{
	const struct call *call;
	int64_t first = INT64_MAX;

	for (call = c->calls; call != NULL; call = call->next)
		if (call->until < first)
			first = call->until;
	if (c->patience_ms == 0 || c->timer != NULL || first == INT64_MAX)
		return 0;
	c->timer = loop_timer_add(c->loop, first, on_patience, c, e);
	return c->timer != NULL ? 0 : -1;
}

int
channel_call(struct channel *c, enum message_type type, const void *body, int fd,
    channel_answer *cb, void *arg, struct err *e)
{
	struct call *call;

	if (c->watch == NULL)
		return err_set(e, OUT_RETRY, "message: the other role has ended");
	if ((call = calloc(1, sizeof *call)) == NULL)
		return err_nomem(e);
	call->id = ++c->last_id;
	call->until = time_add(clock_boot_ms(), c->patience_ms);
	call->cb = cb;
	call->arg = arg;
	call->next = c->calls;
	c->calls = call;
	if (be_patient(c, e) == 0 && channel_send(c, type, call->id, body, fd, e) == 0)
		return 0;
	c->calls = call->next;
	free(call);
	return -1;
}

/* Who has asked would wait for ever: it hears at least that we have gone, and so do we. */
static void
lose_answer(struct channel *c, const struct err *e)
{
	log_error(KV_S("event", "answer lost"), KV_S("error", e->text));
	(void)shutdown(c->fd, SHUT_RDWR);
}

void
channel_done(struct channel *c, uint64_t id)
{
	struct err e = ERR_NONE;

	if (channel_send(c, MSG_DONE, id, NULL, -1, &e) == -1)
		lose_answer(c, &e);
}

struct msg_error
message_of_err(const struct err *why)
{
	return (struct msg_error){
		.class = why->class,
		.sys = why->sys,
		.retry_at = why->retry_at,
		.text = (char *)(uintptr_t)why->text,
		.hint = (char *)(uintptr_t)why->hint,
	};
}

void
channel_fail(struct channel *c, uint64_t id, const struct err *why)
{
	struct msg_error body = message_of_err(why);
	struct err e = ERR_NONE;

	if (channel_send(c, MSG_FAILED, id, &body, -1, &e) == -1)
		lose_answer(c, &e);
}

/* A role says that it failed, never how the run ends: success, for one, cannot be the reason. */
static enum outcome
class_of(int64_t class)
{
	return class == OUT_HOLD || class == OUT_REFUSE ? (enum outcome)class : OUT_RETRY;
}

int
message_to_err(const struct msg_error *body, struct err *e)
{
	err_set(e, class_of(body->class), "%s",
	    body->text != NULL ? body->text : "no reason was given");
	if (body->hint != NULL && body->hint[0] != '\0')
		err_hint(e, "%s", body->hint);
	e->sys = (int)body->sys;
	e->retry_at = body->retry_at;
	return -1;
}

int
message_error(const struct message *m, struct err *e)
{
	if (m->type != MSG_FAILED)
		return err_set(e, OUT_RETRY, "message %s: not an answer to what was asked",
		    message_info(m->type)->name);
	return message_to_err(m->body, e);
}

/* The descriptor goes with the first octets of its frame. */
static ssize_t
send_some(int fd, struct outgoing *o)
{
	union {
		struct cmsghdr	align;
		char		room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { o->octets.p + o->sent, o->octets.n - o->sent };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;

	if (o->fd != -1 && o->sent == 0) {
		memset(&control, 0, sizeof control);
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof control.room;
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &o->fd, sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* 1: all written, 0: the socket is full, -1: the peer is gone. */
static int
write_queue(struct channel *c, struct err *e)
{
	ssize_t n;

	while (c->first != NULL) {
		n = send_some(c->fd, c->first);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n == -1)
			return err_sys(e, OUT_RETRY, "channel: send");
		c->first->sent += (size_t)n;
		if (c->first->sent == c->first->octets.n)
			drop_first(c);
	}
	return 1;
}

int
channel_flush(struct channel *c, int64_t timeout_ms, struct err *e)
{
	int64_t until = clock_boot_ms() + timeout_ms, left;
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	int rc;

	while ((rc = write_queue(c, e)) == 0) {
		if ((left = until - clock_boot_ms()) <= 0)
			return err_set(e, OUT_RETRY, "channel: the other role does not read");
		if (poll(&p, 1, (int)left) == -1 && errno != EINTR)
			return err_sys(e, OUT_RETRY, "channel: poll");
	}
	return rc == -1 ? -1 : 0;
}

int
channel_release(struct channel *c, struct err *e)
{
	int fd = -1;

	if (channel_flush(c, 1000, e) == 0) {
		fd = c->fd;
		c->fd = -1;
	}
	channel_free(c);
	return fd;
}

static int
keep_descriptors(struct channel *c, struct msghdr *msg, struct err *e)
{
	struct cmsghdr *cm;
	size_t i, n;
	int fd;

	for (cm = CMSG_FIRSTHDR(msg); cm != NULL; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof fd);
			if (c->nfds < FDS_MAX)
				c->fds[c->nfds++] = fd;
			else
				close(fd);
		}
	}
	if ((msg->msg_flags & MSG_CTRUNC) != 0)
		return err_set(e, OUT_RETRY, "channel: descriptors were lost");
	return 0;
}

/* 1: something was read, 0: nothing there, -1: end of the channel. */
static int
read_some(struct channel *c, struct err *e)
{
	union {
		struct cmsghdr	align;
		char		room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if ((iov.iov_base = buf_room(&c->in, READ_CHUNK)) == NULL)
		return err_nomem(e);
	iov.iov_len = READ_CHUNK;
	msg.msg_control = control.room;
	msg.msg_controllen = sizeof control.room;
	do
		n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n == -1)
		return err_sys(e, OUT_RETRY, "channel: receive");
	if (keep_descriptors(c, &msg, e) == -1)
		return -1;
	if (n == 0)
		return err_set(e, OUT_RETRY, "channel: closed by the other role");
	buf_added(&c->in, (size_t)n);
	return 1;
}

static int
claim_descriptor(struct channel *c, struct message *m, struct err *e)
{
	if (!message_info(m->type)->with_fd)
		return 0;
	if (c->nfds == 0)
		return err_set(e, OUT_RETRY, "message %s: comes without its descriptor",
		    message_info(m->type)->name);
	m->fd = c->fds[0];
	memmove(c->fds, c->fds + 1, --c->nfds * sizeof c->fds[0]);
	return 0;
}

static int
run_answer(struct channel *c, struct message *m, struct err *e)
{
	struct call **where, *call;

	for (where = &c->calls; (call = *where) != NULL; where = &call->next)
		if (call->id == m->id) {
			*where = call->next;
			call->cb(call->arg, m);
			free(call);
			return 0;
		}
	return err_set(e, OUT_RETRY, "message %s: nobody asked", message_info(m->type)->name);
}

static int
run_handler(struct channel *c, struct message *m, struct err *e)
{
	size_t i;

	if (claim_descriptor(c, m, e) == -1)
		return -1;
	if (message_info(m->type)->answer)
		return run_answer(c, m, e);
	for (i = 0; i < c->handlers->n; i++)
		if (c->handlers->v[i].type == m->type) {
			c->handlers->v[i].run(c->arg, m);
			return 0;
		}
	return err_set(e, OUT_RETRY, "message %s: not for this role", message_info(m->type)->name);
}

/* Hands over every whole frame, until a handler has freed the channel. */
static int
dispatch(struct channel *c, struct err *e)
{
	struct message m;
	size_t eaten;
	int rc;

	while ((rc = frame_read(buf_span(&c->in), &m, &eaten, e)) == 1) {
		buf_eat(&c->in, eaten);
		rc = run_handler(c, &m, e);
		message_clear(&m);
		if (rc == -1 || c->gone)
			return -1;
	}
	return rc;
}

/* Every open question is answered before the end is told. */
static void
end_channel(struct channel *c, const struct err *why)
{
	struct msg_error body = { .class = why->class, .text = (char *)(uintptr_t)why->text };
	struct message m = { .type = MSG_FAILED, .body = &body, .fd = -1 };
	struct call *call;

	loop_fd_del(c->watch);
	c->watch = NULL;
	while (!c->gone && (call = c->calls) != NULL) {
		c->calls = call->next;
		call->cb(call->arg, &m);
		free(call);
	}
	if (!c->gone)
		c->handlers->ended(c->arg, why);
}

/* After the channel's own work, of which rc is the result. */
static void
leave(struct channel *c, int rc, const struct err *e)
{
	if (rc == -1 && !c->gone)
		end_channel(c, e);
	c->busy = false;
	if (c->gone)
		destroy(c);
}

static void
on_patience(void *arg)
{
	struct channel *c = arg;
	const struct call *call;
	struct err e = ERR_NONE;
	int rc = 0;

	c->timer = NULL;
	c->busy = true;
	for (call = c->calls; call != NULL && rc == 0; call = call->next)
		if (call->until <= clock_boot_ms())
			rc = err_set(&e, OUT_RETRY, "channel: no answer in %lld minutes",
			    (long long)c->patience_ms / 60000);
	leave(c, rc == 0 ? be_patient(c, &e) : -1, &e);
}

/*
 * First of all what is there: a peer that is gone may have said its last word
 * before. 1: there may be more, -1: the channel has ended.
 */
static int
hear(struct channel *c, struct err *e)
{
	unsigned reads;
	int rc;

	for (reads = 0; reads < TURN_READS && is_heard(c); reads++)
		if ((rc = read_some(c, e)) != 1 || (rc = dispatch(c, e)) == -1)
			return rc;
	return reads == TURN_READS;
}

static void
on_socket(void *arg, unsigned events)
{
	struct channel *c = arg;
	struct err e = ERR_NONE;
	int rc = 0;

	c->busy = true;
	if ((events & (LOOP_READ | LOOP_HANGUP)) != 0)
		rc = hear(c, &e);
	if ((rc == 0 || (rc == 1 && (events & LOOP_HANGUP) == 0)) && (events & LOOP_WRITE) != 0)
		rc = write_queue(c, &e);
	if (rc != -1)
		rc = watch(c, (is_heard(c) ? LOOP_READ : 0) |
		    (c->first != NULL ? LOOP_WRITE : 0), &e);
	leave(c, rc, &e);
}
