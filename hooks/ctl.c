/*
 * ctl: one conversation with Kamailio's ctl module.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/users.h"
#include "hooks/ctl.h"
#include "hooks/jsonrpc.h"

#define LOCK_PAUSE_MS	20

/* A datagram may come on top of an almost complete reply. */
#define IN_MAX		(BINRPC_LIST_OCTETS + 65536)
#define REQUEST_MAX	(BINRPC_REQUEST_MAX * 2)

/* tls.list, and nothing else, may be large. */
static const struct binrpc_cap *
cap_of(const char *method)
{
	return strcmp(method, "tls.list") == 0 ? &binrpc_cap_list : &binrpc_cap_reply;
}

int
ctl_addr(const struct hook_conf *conf, struct wire_addr *a, struct err *e)
{
	if (wire_addr_parse(conf->rpc != NULL ? conf->rpc : CTL_DEFAULT, a, e) == -1)
		return err_in(e, "rpc");
	if (!a->remote || conf->trusted_network)
		return 0;
	return err_set(e, OUT_HOLD, "rpc: %s: want a loopback address, or trusted-network = true: "
	    "whoever reaches this port can do anything to the server", a->text);
}

/* --- who is there --- */

static const char *
path_of(const struct wire_addr *a)
{
	return a->kind == WIRE_UNIX || a->kind == WIRE_UNIX_DGRAM ?
	    ((const struct sockaddr_un *)&a->sa)->sun_path : NULL;
}

/* Before connecting, since connect() has one word for what is stale and what never was a socket. */
static int
look_at_path(const struct wire_addr *a, struct err *e)
{
	const char *path = path_of(a);
	struct stat st;

	if (path == NULL)
		return 0;
	if (stat(path, &st) == -1) {
		(void)err_sys(e, OUT_HOLD, "%s", a->text);
		return err_hint(e, e->sys == ENOENT ?
		    "is Kamailio running, with its ctl module and this socket?" :
		    "kamcert's control role must be able to reach the socket");
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, OUT_HOLD, "%s: is no socket", a->text);
	return 0;
}

/* What an errno in e means; a datagram socket tells some of them with the first answer only. */
static int
explain(const struct wire_addr *a, struct err *e)
{
	switch (e->sys) {
	case ECONNREFUSED:
		e->class = OUT_HOLD;
		return err_hint(e, path_of(a) != NULL ?
		    "the socket is stale: Kamailio has ended without removing it" :
		    "is Kamailio running, with its ctl module and this port?");
	case EACCES:
	case EPERM:
		e->class = OUT_HOLD;
		return err_hint(e, "kamcert's control role must be able to write to the socket: "
		    "see mode, user and group of the ctl module");
	case EPROTOTYPE:
		e->class = OUT_HOLD;
		return err_hint(e, "unix: is for stream sockets, unixd: for datagrams");
	default:
		return -1;
	}
}

static int
find_user(struct ctl *c, const char *name, struct err *e)
{
	int64_t uid, gid;

	c->user = name;
	c->has_user = name != NULL;
	if (name == NULL)
		return 0;
	if (user_find(name, &uid, &gid, e) == -1)
		return -1;
	c->uid = (uid_t)uid;
	return 0;
}

static int
check_user(const struct ctl *c, struct err *e)
{
	const struct wire *w = &c->wire;

	if (!c->has_user || !w->uid_known || w->uid == c->uid || w->uid == 0)
		return 0;
	return err_set(e, OUT_HOLD, "belongs to a process of user id %ju, want %s (%ju) or root",
	    (uintmax_t)w->uid, c->user, (uintmax_t)c->uid);
}

int
ctl_open(struct ctl *c, const struct hook_conf *conf, int64_t deadline_ms, struct err *e)
{
	memset(c, 0, sizeof(*c));
	c->wire.fd = -1;
	buf_init(&c->in, IN_MAX);
	buf_init(&c->records, IN_MAX);
	if (ctl_addr(conf, &c->addr, e) == -1 || find_user(c, conf->user, e) == -1 ||
	    look_at_path(&c->addr, e) == -1)
		return -1;
	if (wire_open(&c->wire, &c->addr, deadline_ms, e) == -1)
		return explain(&c->addr, e);
	return check_user(c, e) == 0 ? 0 : err_in(e, "%s", c->addr.text);
}

void
ctl_close(struct ctl *c)
{
	wire_close(&c->wire);
	buf_clear(&c->in);
	buf_clear(&c->records);
}

/* --- a question and its answer --- */

static void
write_binrpc(const struct wire_addr *a UNUSED, uint32_t cookie, const char *method,
    const char *arg, struct buf *out)
{
	struct binrpc_arg args = { .str = arg };

	binrpc_request(out, cookie, method, &args, arg != NULL ? 1 : 0);
}

static int
parse_binrpc(struct ctl *c, const struct binrpc_cap *cap, uint32_t cookie,
    struct binrpc_reply *out, struct err *e)
{
	return binrpc_parse(buf_span(&c->in), cap, cookie, out, e);
}

static int
parse_json(struct ctl *c, const struct binrpc_cap *cap, uint32_t cookie,
    struct binrpc_reply *out, struct err *e)
{
	struct span body = buf_span(&c->in);

	buf_reset(&c->records);
	if (c->addr.speech == WIRE_JSONRPC_HTTP &&
	    jsonrpc_http_body(buf_span(&c->in), &body, e) == -1)
		return -1;
	return jsonrpc_parse(body, cap, cookie, &c->records, out, e);
}

/* What differs from one module to the other. */
static const struct {
	void	(*write)(const struct wire_addr *, uint32_t cookie, const char *method,
		    const char *arg, struct buf *out);
	int	(*wanted)(struct span came, const struct binrpc_cap *, size_t *wanted,
	    struct err *e);
	int	(*parse)(struct ctl *, const struct binrpc_cap *, uint32_t cookie,
		    struct binrpc_reply *, struct err *e);
} speeches[] = {
	[WIRE_BINRPC] = { write_binrpc, binrpc_wanted, parse_binrpc },
	[WIRE_JSONRPC] = { jsonrpc_request, jsonrpc_wanted, parse_json },
	[WIRE_JSONRPC_HTTP] = { jsonrpc_http_request, jsonrpc_http_wanted, parse_json },
};

static int
send_request(struct ctl *c, uint32_t cookie, const char *method, const char *arg, struct err *e)
{
	struct buf out;
	int rc;

	buf_init(&out, REQUEST_MAX);
	speeches[c->addr.speech].write(&c->addr, cookie, method, arg, &out);
	rc = buf_ok(&out) ? wire_send(&c->wire, buf_span(&out), e) : err_nomem(e);
	buf_clear(&out);
	return rc;
}

static int
receive_reply(struct ctl *c, const struct binrpc_cap *cap, struct err *e)
{
	size_t wanted;

	buf_reset(&c->in);
	for (;;) {
		if (speeches[c->addr.speech].wanted(buf_span(&c->in), cap, &wanted, e) == -1)
			return -1;
		if (wanted == 0)
			break;
		if (wire_recv(&c->wire, wanted, &c->in, e) == -1)
			return -1;
	}
	if (wire_has_more(&c->wire))
		return err_set(e, OUT_RETRY, "octets behind the end of the reply");
	return check_user(c, e);
}

/* One request for each connection by HTTP: whether the server keeps it open is its own affair. */
static int
renew_wire(struct ctl *c, struct err *e)
{
	int64_t deadline_ms = c->wire.deadline_ms;

	if (c->addr.speech != WIRE_JSONRPC_HTTP || !c->asked) {
		c->asked = true;
		return 0;
	}
	wire_close(&c->wire);
	return wire_open(&c->wire, &c->addr, deadline_ms, e);
}

int
ctl_call(struct ctl *c, const char *method, const char *arg, struct binrpc_reply *out,
    struct err *e)
{
	const struct binrpc_cap *cap = cap_of(method);
	uint32_t cookie;

	memset(out, 0, sizeof(*out));
	if (random_bytes(&cookie, sizeof(cookie)) == -1)
		return err_set(e, OUT_RETRY, "no random octets");
	cookie |= 1;	/* never 0, which a fault may have that answers nothing */
	if (renew_wire(c, e) == -1 || send_request(c, cookie, method, arg, e) == -1 ||
	    receive_reply(c, cap, e) == -1 ||
	    speeches[c->addr.speech].parse(c, cap, cookie, out, e) == -1) {
		wire_close(&c->wire);
		(void)explain(&c->addr, e);
		return err_in(e, "%s: %s", c->addr.text, method);
	}
	return 0;
}

/* --- the lock --- */

/* The directory of a unix socket, or -1. */
static int
open_folder(const struct wire_addr *a)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *path = path_of(a);
	char *slash;

	if (path == NULL)
		return -1;
	(void)snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	slash[slash == folder ? 1 : 0] = '\0';
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
bind_name(int fd, const struct wire_addr *a)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int n = snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "kamcert-%.90s", a->text);

	return bind(fd, (const struct sockaddr *)&sa,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
}

int
ctl_lock(const struct wire_addr *a, int64_t deadline_ms, int *fd, struct err *e)
{
	bool folder;
	int rc;

	*fd = open_folder(a);
	folder = *fd != -1;
	if (!folder && (*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return err_sys(e, OUT_RETRY, "lock of %s", a->text);
	for (;;) {
		rc = folder ? flock(*fd, LOCK_EX | LOCK_NB) : bind_name(*fd, a);
		if (rc == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EADDRINUSE && errno != EINTR) {
			(void)err_sys(e, OUT_RETRY, "lock of %s", a->text);
			break;
		}
		if (clock_boot_ms() >= deadline_ms) {
			(void)err_set(e, OUT_RETRY, "%s: another program is reloading this server",
			    a->text);
			break;
		}
		wire_rest(LOCK_PAUSE_MS);
	}
	(void)close(*fd);
	*fd = -1;
	return -1;
}
