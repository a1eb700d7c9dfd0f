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

#define HEADER_LEN	14u			/* u32 length of what follows the length, u16, u64 */
#define FRAME_MAX	(4u * 1024 * 1024)	/* five chains of 256 KiB and their frame fit */
#define READ_CHUNK	16384u
#define FDS_MAX		8u			/* received, not yet claimed by a frame */

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
	struct outgoing		*first, **last;
	struct call		*calls;
	uint64_t		 last_id;
	bool			 busy;		/* in on_socket(), which frees it at its end */
	bool			 gone;		/* channel_free() was called meanwhile */
};

static void	on_socket(void *, unsigned);

void
frame_write(struct buf *b, enum message_type type, uint64_t id, const void *body)
{
	const struct message_info *info = message_info(type);
	size_t mark;

	mark = buf_open(b, 4);
	buf_u16(b, (uint16_t)type);
	buf_u64(b, id);
	if (info == NULL)
		buf_fail(b);
	else if (info->pack != NULL)
		pack_write(info->pack, body, b);
	buf_close(b, mark, 4);
}

int
frame_read(struct span in, struct message *m, size_t *eaten, struct err *e)
{
	const struct message_info *info;
	struct rd r = rd_of(in), frame;
	uint32_t len;
	uint16_t type;

	memset(m, 0, sizeof *m);
	m->fd = -1;
	if (in.n < 4)
		return 0;
	len = rd_u32(&r);
	if (len < HEADER_LEN - 4 || len > FRAME_MAX)
		return err_set(e, OUT_RETRY, "message: length %u is not possible", len);
	if (in.n - 4 < len)
		return 0;
	frame = rd_of(rd_bytes(&r, len));
	type = rd_u16(&frame);
	m->id = rd_u64(&frame);
	if ((info = message_info(type)) == NULL)
		return err_set(e, OUT_RETRY, "message: unknown type %u", type);
	m->type = type;
	if (info->pack != NULL) {
		if ((m->body = calloc(1, info->pack->size)) == NULL)
			return err_nomem(e);
		if (pack_read(info->pack, &frame, m->body) == -1) {
			free(m->body);
			m->body = NULL;
		}
	}
	if (!rd_end(&frame)) {
		message_clear(m);
		return err_set(e, OUT_RETRY, "message %s: malformed body", info->name);
	}
	*eaten = 4 + (size_t)len;
	return 1;
}

int
frame_put(int fd, enum message_type type, const void *body, struct err *e)
{
	struct buf b;
	struct rd r;
	ssize_t n;
	int rc = 0;

	buf_init(&b, FRAME_MAX);
	frame_write(&b, type, 0, body);
	if (!buf_ok(&b))
		rc = err_nomem(e);
	for (r = rd_of(buf_span(&b)); rc == 0 && r.n > 0;) {
		n = send(fd, r.p, r.n, MSG_NOSIGNAL);
		if (n > 0)
			(void)rd_bytes(&r, (size_t)n);
		else if (n == 0 || errno != EINTR)
			rc = err_sys(e, OUT_RETRY, "message %s", message_info(type)->name);
	}
	buf_clear(&b);
	return rc;
}

static int
get_octets(int fd, size_t n, struct buf *b, struct err *e)
{
	uint8_t part[1024];
	ssize_t got;

	while (n > 0) {
		got = recv(fd, part, n < sizeof part ? n : sizeof part, 0);
		if (got == 0)
			return err_set(e, OUT_RETRY, "the other end has gone");
		if (got == -1 && errno != EINTR)
			return err_sys(e, OUT_RETRY, "message");
		if (got > 0) {
			buf_put(b, span_of(part, (size_t)got));
			n -= (size_t)got;
		}
	}
	return buf_ok(b) ? 0 : err_nomem(e);
}

int
frame_get(int fd, enum message_type wanted, struct message *m, struct err *e)
{
	struct buf b;
	struct rd r;
	size_t eaten;
	uint32_t len;
	int rc = -1;

	memset(m, 0, sizeof *m);
	m->fd = -1;
	buf_init(&b, 4 + FRAME_MAX);
	if (get_octets(fd, 4, &b, e) == -1)
		goto out;
	r = rd_of(buf_span(&b));
	len = rd_u32(&r);
	if (len > FRAME_MAX)
		err_set(e, OUT_RETRY, "message: length %u is not possible", len);
	else if (get_octets(fd, len, &b, e) == 0 && frame_read(buf_span(&b), m, &eaten, e) != -1) {
		if (m->type == wanted)
			rc = 0;
		else
			err_set(e, OUT_RETRY, "message: want %s", message_info(wanted)->name);
	}
out:
	if (rc == -1)
		message_clear(m);
	buf_clear(&b);
	return rc;
}

void
message_clear(struct message *m)
{
	const struct message_info *info = message_info(m->type);

	if (m->body != NULL && info != NULL && info->pack != NULL)
		pack_clear(info->pack, m->body);
	free(m->body);
	m->body = NULL;
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
}

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
	c->fd = fd;
	*out = c;
	return 0;
}

static void
drop_first(struct channel *c)
{
	struct outgoing *o = c->first;

	if ((c->first = o->next) == NULL)
		c->last = &c->first;
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
	if (loop_fd_set(c->watch, LOOP_READ | LOOP_WRITE, e) == -1)
		goto fail;
	*c->last = o;
	c->last = &o->next;
	return 0;
fail:
	buf_clear(&o->octets);
	if (o->fd != -1)
		close(o->fd);
	free(o);
	return -1;
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
	call->cb = cb;
	call->arg = arg;
	if (channel_send(c, type, call->id, body, fd, e) == -1) {
		free(call);
		return -1;
	}
	call->next = c->calls;
	c->calls = call;
	return 0;
}

void
channel_done(struct channel *c, uint64_t id)
{
	struct err e = ERR_NONE;

	if (channel_send(c, MSG_DONE, id, NULL, -1, &e) == -1)
		log_error(KV_S("event", "answer lost"), KV_S("error", e.text));
}

void
channel_fail(struct channel *c, uint64_t id, const struct err *why)
{
	struct msg_error body = {
		.class = why->class,
		.sys = why->sys,
		.retry_at = why->retry_at,
		.text = (char *)(uintptr_t)why->text,
		.hint = (char *)(uintptr_t)why->hint,
	};
	struct err e = ERR_NONE;

	if (channel_send(c, MSG_FAILED, id, &body, -1, &e) == -1)
		log_error(KV_S("event", "answer lost"), KV_S("error", e.text));
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

static void
on_socket(void *arg, unsigned events)
{
	struct channel *c = arg;
	struct err e = ERR_NONE;
	int rc = 0;

	c->busy = true;
	/* first of all what is there: a peer that is gone may have said its last word before */
	while (rc != -1 && (events & (LOOP_READ | LOOP_HANGUP)) != 0) {
		if ((rc = read_some(c, &e)) != 1)
			break;
		rc = dispatch(c, &e);
	}
	if (rc != -1 && (events & LOOP_WRITE) != 0 && (rc = write_queue(c, &e)) == 1)
		rc = loop_fd_set(c->watch, LOOP_READ, &e);
	if (rc == -1 && !c->gone)
		end_channel(c, &e);
	c->busy = false;
	if (c->gone)
		destroy(c);
}
