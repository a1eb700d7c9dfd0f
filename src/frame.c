#include "frame.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_LEN	14u	/* u32 length of what follows the length, u16, u64 */

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
