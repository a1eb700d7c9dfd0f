#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctlpeer.h"
#include "hooks/binrpc.h"

#define SMALL		128	/* octets of an answer */
#define PATIENCE_MS	10	/* for the next request behind an answer that was damaged */

/* The process that answers. */
struct run {
	const struct ctlpeer		*p;
	const struct ctlpeer_script	*s;
	int64_t				 pid;	/* that it pretends to be */
};

static void
put_value(struct buf *b, int type, const char *s)
{
	size_t n = strlen(s) + 1;

	buf_u8(b, (uint8_t)(0xa0 | type));
	buf_u16(b, (uint16_t)n);
	buf_put(b, span_of(s, n));
}

static void
put_num(struct buf *b, int64_t v, bool as_double)
{
	if (as_double) {
		buf_u8(b, 0x82);
		buf_u64(b, (uint64_t)v * 1000);
	} else {
		buf_u8(b, 0x40);
		buf_u32(b, (uint32_t)v);
	}
}

static void
put_member(struct buf *b, const char *name, int64_t v, bool as_double)
{
	put_value(b, BINRPC_NAME, name);
	put_num(b, v, as_double);
}

static void
put_process(struct buf *b, int64_t pid, const char *what)
{
	buf_u8(b, 0x03);
	put_member(b, "IDX", 0, false);
	put_member(b, "PID", pid, false);
	put_value(b, BINRPC_NAME, "DSC");
	put_value(b, BINRPC_STR, what);
	buf_u8(b, 0x83);
}

static void
put_methods(struct buf *b, const struct ctlpeer_script *s)
{
	static const char *const all[] = {
		"core.psx", "core.shmmem", "core.uptime", "core.version", "system.listMethods",
		"tls.info", "tls.list", "tls.options", "tls.reload",
	};
	size_t i;

	for (i = 0; i < NITEMS(all); i++) {
		if (s->lacks == NULL || strcmp(s->lacks, all[i]) != 0)
			put_value(b, BINRPC_STR, all[i]);
	}
}

static void
put_arguments(struct buf *b, const struct ctlpeer_script *s)
{
	put_value(b, BINRPC_STR, "/usr/sbin/kamailio");
	put_value(b, BINRPC_STR, "-f");
	put_value(b, BINRPC_STR, "/nonexistent/kamailio/kamailio.cfg");
	if (s->allocator != NULL) {
		put_value(b, BINRPC_STR, "-x");
		put_value(b, BINRPC_STR, s->allocator);
	}
}

/* All but tls.reload. */
static void
put_answer(struct buf *b, const struct run *run, const char *method)
{
	const struct ctlpeer_script *s = run->s;
	int64_t i;

	if (strcmp(method, "core.version") == 0) {
		put_value(b, BINRPC_STR,
		    s->version != NULL ? s->version : "kamailio 5.6.3 (x86_64/linux) ");
	} else if (strcmp(method, "system.listMethods") == 0) {
		put_methods(b, s);
	} else if (strcmp(method, "tls.options") == 0) {
		buf_u8(b, 0x03);
		put_value(b, BINRPC_NAME, "config");
		put_value(b, BINRPC_STR, s->no_config ? "<null string>" : "/etc/kamailio/tls.cfg");
		put_value(b, BINRPC_NAME, "certificate");
		put_value(b, BINRPC_STR, "/etc/kamailio/cert.pem");
		put_member(b, "low_mem_threshold1", 0x580000, false);
		buf_u8(b, 0x83);
	} else if (strcmp(method, "core.arg") == 0) {
		put_arguments(b, s);
	} else if (strcmp(method, "core.uptime") == 0) {
		buf_u8(b, 0x03);
		put_member(b, "uptime", 3, false);
		buf_u8(b, 0x83);
	} else if (strcmp(method, "core.psx") == 0) {
		put_process(b, run->pid, "main process - attendant");
		for (i = 0; i < 8; i++)
			put_process(b, run->pid + 1 + i,
			    "udp receiver child=0 sock=127.0.0.1:5060");
		put_process(b, run->pid + 20, "tcp receiver (generic) child=0");
		put_process(b, run->pid + 21, "tcp receiver (generic) child=1");
	} else if (strcmp(method, "core.shmmem") == 0) {
		buf_u8(b, 0x03);
		put_member(b, "total", 65536, s->doubles);
		put_member(b, "free", s->free_kib > 0 ? s->free_kib : 60000, s->doubles);
		put_member(b, "used", 2000, s->doubles);
		buf_u8(b, 0x83);
	} else if (strcmp(method, "tls.info") == 0) {
		buf_u8(b, 0x03);
		put_member(b, "opened_connections", s->connections, s->connections < 0);
		buf_u8(b, 0x83);
	} else if (strcmp(method, "tls.list") == 0) {
		run->p->tale->lists++;
		for (i = s->connections; i > 0; i--) {	/* newest first */
			buf_u8(b, 0x03);
			put_member(b, "id", i, false);
			buf_u8(b, 0x83);
		}
	}
}

static void
put_packet(struct buf *out, unsigned type, uint32_t cookie, struct span body)
{
	buf_u8(out, 0xa1);
	buf_u8(out, (uint8_t)(type << 4 | 3 << 2 | 3));
	buf_u32(out, (uint32_t)body.n);
	buf_u32(out, cookie);
	buf_put(out, body);
}

static void
put_fault(struct buf *out, uint32_t cookie, int64_t code, const char *text)
{
	struct buf body;

	buf_init(&body, 4096);
	put_num(&body, code, false);
	put_value(&body, BINRPC_STR, text);
	put_packet(out, 3, cookie, buf_span(&body));
	buf_clear(&body);
}

static void
put_text(struct buf *out, uint32_t cookie, const char *text)
{
	struct buf body;

	buf_init(&body, 4096);
	put_value(&body, BINRPC_STR, text);
	put_packet(out, 1, cookie, buf_span(&body));
	buf_clear(&body);
}

static void
put_hex(struct buf *out, const char *hex)
{
	struct buf b;

	buf_init(&b, 4096);
	if (hex_decode(span_str(hex), &b) == -1)
		abort();
	buf_put(out, buf_span(&b));
	buf_clear(&b);
}

/* A file of t/data/binrpc: hex digits, and comment lines. False: there is none. */
static bool
put_real(struct buf *out, uint32_t cookie, const char *name)
{
	const char *dir = getenv("srcdir");
	char path[4096], line[256];
	size_t i, at = out->n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/t/data/binrpc/%s.reply.hex", dir != NULL ? dir : ".",
	    name);
	if ((f = fopen(path, "r")) == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		for (i = 0; line[0] != '#' && line[i] != '\0' && line[i] != '\n'; i += 3) {
			line[i + 2] = '\0';
			put_hex(out, line + i);
		}
	}
	(void)fclose(f);
	/* behind the length, which has one octet more than its two bits say */
	at += 3 + (out->p[at + 1] >> 2 & 3);
	for (i = 0; i < 4; i++)
		out->p[at + i] = (uint8_t)(cookie >> (24 - 8 * i));
	return true;
}

/* One request from a client. */
struct asked {
	struct span	whole;
	uint32_t	cookie;
	char		method[64];
};

static bool
read_request(struct span in, struct asked *a)
{
	struct rd r = rd_of(in);
	struct span method;
	unsigned widths, i;

	memset(a, 0, sizeof(*a));
	a->whole = in;
	if (rd_u8(&r) != 0xa1)
		return false;
	widths = rd_u8(&r);
	(void)rd_bytes(&r, (widths >> 2 & 3) + 1);
	for (i = 0; i <= (widths & 3); i++)
		a->cookie = a->cookie << 8 | rd_u8(&r);
	if ((rd_u8(&r) & 0x8f) == 0x81)
		method = rd_vec8(&r);
	else
		return false;
	if (!rd_ok(&r) || method.n > sizeof(a->method))
		return false;
	memcpy(a->method, method.p, method.n);
	return true;
}

static void
send_all(int fd, const struct sockaddr_storage *to, socklen_t len, struct span s)
{
	/* A datagram server splits long replies; only the first part has a header. */
	size_t part = len > 0 ? 8192 : s.n, n;
	struct rd r = rd_of(s);

	while (r.n > 0) {
		n = r.n < part ? r.n : part;
		if (sendto(fd, r.p, n, MSG_NOSIGNAL, (const struct sockaddr *)(len > 0 ? to : NULL),
		    len) == -1)
			return;
		(void)rd_bytes(&r, n);
	}
}

static _Noreturn void
hang(const struct run *run)
{
	run->p->tale->hangs = true;
	for (;;)
		(void)pause();
}

/* An octet at a time, and before the last one for as long as it is waited for. */
static void
trickle(const struct run *run, int fd, struct span s)
{
	struct rd r = rd_of(s);
	uint8_t end;

	while (r.n > 1) {
		(void)send(fd, r.p, 1, MSG_NOSIGNAL);
		(void)rd_bytes(&r, 1);
	}
	run->p->tale->hangs = true;
	(void)recv(fd, &end, 1, 0);
	run->p->tale->hangs = false;
}

/*
 * Of a small answer each bit turned, then each end cut off; of a large one some. False: it was cut,
 * or the client waits for octets that it believes in.
 */
static bool
send_damaged(const struct run *run, int fd, struct buf *out)
{
	size_t step = out->n > SMALL ? 37 : 1, n = (size_t)run->p->tale->damage;
	size_t flips = (out->n * 8 + step - 1) / step, keep = out->n, bit = n * step;
	struct pollfd more = { .fd = fd, .events = POLLIN };

	if (n < flips)
		out->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	else
		keep = (n - flips) * step;
	run->p->tale->damaged = n < flips || keep < out->n;
	send_all(fd, NULL, 0, span_of(out->p, keep < out->n ? keep : out->n));
	return keep >= out->n && poll(&more, 1, PATIENCE_MS) == 1;
}

/* False when the conversation is to be closed. */
static bool
act(struct run *run, int fd, const struct asked *a, struct buf *out)
{
	const struct ctlpeer_script *s = run->s;
	int last = NITEMS(s->reloads) - 1;
	int i = run->p->tale->reloads < last ? run->p->tale->reloads : last;
	const char *text = s->reloads[i].text;

	run->p->tale->reloads++;
	switch (s->reloads[i].act) {
	case ACT_FAULT:
		put_fault(out, a->cookie, 500, text);
		return true;
	case ACT_TEXT:
		put_text(out, a->cookie, text);
		return true;
	case ACT_OCTETS:
		buf_u16(out, 0xa113);
		buf_u8(out, (uint8_t)(strlen(text) / 2));
		buf_u32(out, a->cookie);
		put_hex(out, text);
		return true;
	case ACT_RAW:
		put_hex(out, text);
		return true;
	case ACT_HANG:
		hang(run);
	case ACT_CLOSE:
		return false;
	case ACT_CRASH:
		run->pid += 1000;
		return false;
	case ACT_DIE:
		(void)unlink(run->p->rpc + strlen("unix:"));
		_exit(0);
	case ACT_COOKIE:
		put_text(out, a->cookie ^ 1, CTLPEER_OK);
		return true;
	case ACT_ECHO:
		buf_put(out, a->whole);
		return true;
	case ACT_REAL:
		put_real(out, a->cookie, text);
		return true;
	default:
		break;
	}
	put_text(out, a->cookie, CTLPEER_OK);
	switch (s->reloads[i].act) {
	case ACT_TRICKLE:
		trickle(run, fd, buf_span(out));
		return false;
	case ACT_HALF_HANG:
		send_all(fd, NULL, 0, span_of(out->p, out->n / 2));
		hang(run);
	case ACT_HALF_CLOSE:
		send_all(fd, NULL, 0, span_of(out->p, out->n / 2));
		return false;
	case ACT_TWICE:
		put_text(out, a->cookie, CTLPEER_OK);
		break;
	case ACT_RESTART:
		run->pid += 1000;
		break;
	default:
		break;
	}
	return true;
}

static bool
is(const char *named, const char *method)
{
	return named != NULL && strcmp(named, method) == 0;
}

/* One conversation, or all datagrams. */
static void
converse(struct run *run, int fd, bool dgram)
{
	const struct ctlpeer_script *s = run->s;
	struct sockaddr_storage from;
	socklen_t len;
	struct asked a;
	struct buf out, body;
	uint8_t in[2048];
	ssize_t n;
	bool more = true;

	while (more) {
		len = dgram ? sizeof(from) : 0;
		n = recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)(dgram ? &from : NULL),
		    &len);
		if (n <= 0 || !read_request(span_of(in, (size_t)n), &a))
			return;
		if (s->hang_at_once)
			hang(run);
		buf_init(&out, 1 << 20);
		buf_init(&body, 1 << 20);
		if (is(s->denies, a.method)) {
			put_fault(&out, a.cookie, 403, "Permission denied");
		} else if (is(s->lacks, a.method)) {
			put_fault(&out, a.cookie, 500, "command tls.reload not found");
		} else if (strcmp(a.method, "tls.reload") == 0) {
			more = act(run, fd, &a, &out);
		} else if (!s->real || !put_real(&out, a.cookie, a.method)) {
			put_answer(&body, run, a.method);
			put_packet(&out, 1, a.cookie, buf_span(&body));
		}
		if (more && is(s->damages, a.method))
			more = send_damaged(run, fd, &out);
		else if (more)
			send_all(fd, &from, dgram ? len : 0, buf_span(&out));
		buf_clear(&out);
		buf_clear(&body);
	}
}

static _Noreturn void
run_peer(const struct ctlpeer *p, const struct ctlpeer_script *s, int fd, bool dgram)
{
	struct run run = { p, s, 4711 };
	int conn;

	/* Datagrams carry the real identity. */
	if (setresuid(geteuid(), geteuid(), geteuid()) == -1)
		abort();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dgram) {
		converse(&run, fd, true);
		_exit(0);
	}
	while ((conn = accept(fd, NULL, NULL)) != -1) {
		converse(&run, conn, false);
		(void)close(conn);
	}
	_exit(0);
}

int
ctlpeer_bind_unix(int type, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	ck_assert_int_ne(fd, -1);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

int
ctlpeer_bind_inet(int type, uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, type, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

void
ctlpeer_dir(struct ctlpeer *p)
{
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/ctlpeer.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(p->dir));
	(void)snprintf(p->rpc, sizeof(p->rpc), "unix:%s/ctl", p->dir);
}

void
ctlpeer_start(struct ctlpeer *p, const struct ctlpeer_script *s, enum wire_kind kind)
{
	bool dgram = kind == WIRE_UNIX_DGRAM || kind == WIRE_UDP;
	int type = dgram ? SOCK_DGRAM : SOCK_STREAM, fd;
	uint16_t port;

	ctlpeer_dir(p);
	if (kind == WIRE_UNIX || kind == WIRE_UNIX_DGRAM) {
		fd = ctlpeer_bind_unix(type, p->rpc + strlen("unix:"));
		(void)snprintf(p->rpc, sizeof(p->rpc), "%s:%s/ctl", dgram ? "unixd" : "unix",
		    p->dir);
	} else {
		fd = ctlpeer_bind_inet(type, &port);
		(void)snprintf(p->rpc, sizeof(p->rpc), "%s:127.0.0.1:%u", dgram ? "udp" : "tcp",
		    port);
	}
	ck_assert(dgram || listen(fd, 8) == 0);
	p->tale = mmap(NULL, sizeof(*p->tale), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(p->tale, MAP_FAILED);
	p->pid = fork();
	ck_assert_int_ne(p->pid, -1);
	if (p->pid == 0)
		run_peer(p, s, fd, dgram);
	(void)close(fd);
}

void
ctlpeer_stop(struct ctlpeer *p)
{
	char path[64];

	if (p->pid > 0) {
		(void)kill(p->pid, SIGKILL);
		(void)waitpid(p->pid, NULL, 0);
	}
	(void)snprintf(path, sizeof(path), "%s/ctl", p->dir);
	(void)unlink(path);
	(void)rmdir(p->dir);
}
