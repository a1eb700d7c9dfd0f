/*
 * hook: the table, addresses, the lock, and the hook for Kamailio against a
 * scripted peer that does what FAULTS section 5 says, and worse.
 */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks/kamailio.c"

#define NOBODY	65534
#define HANG_S	1	/* the hook's patience in these tests */

/* --- the peer --- */

/* What it does when it is asked for a reload. */
enum act {
	ACT_OK,
	ACT_FAULT,		/* with .text */
	ACT_TEXT,		/* a reply that says .text */
	ACT_OCTETS,		/* .text is hex, behind a header that fits the request */
	ACT_RAW,		/* .text is hex */
	ACT_HANG,
	ACT_TRICKLE,		/* the right answer, an octet at a time, too slowly */
	ACT_HALF_HANG,		/* half of the right answer, then nothing */
	ACT_HALF_CLOSE,
	ACT_CLOSE,
	ACT_CRASH,		/* closes; another process is there afterwards */
	ACT_DIE,		/* closes; nobody is there afterwards */
	ACT_COOKIE,		/* the right answer to another question */
	ACT_ECHO,
	ACT_TWICE,
	ACT_RESTART,		/* the right answer, then another process is there */
};

struct script {
	const char	*version;	/* NULL: that of 5.6.3 */
	const char	*lacks;		/* a method that it does not know */
	bool		 no_config;
	int64_t		 free_kib;	/* 0: plenty */
	bool		 doubles;	/* core.shmmem as in 5.7 and newer */
	int64_t		 connections;	/* of tls.info and tls.list */
	bool		 hang_at_once;
	struct {
		enum act	 act;
		const char	*text;
	} reloads[4];			/* the last one goes on for ever */
};

/* What it tells the test. */
struct tale {
	int	reloads;
	int	lists;		/* tls.list */
};

struct peer {
	pid_t		 pid;
	struct tale	*tale;
	char		 dir[32];
	char		 rpc[64];
};

static struct peer peer;
static int64_t rested_ms;

static void
note_rest(int64_t ms)
{
	rested_ms += ms;
}

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
put_methods(struct buf *b, const struct script *s)
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

/* All but tls.reload. */
static void
put_answer(struct buf *b, const struct script *s, const char *method, int64_t pid)
{
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
		put_member(b, "low_mem_threshold1", 0x580000, false);
		buf_u8(b, 0x83);
	} else if (strcmp(method, "core.uptime") == 0) {
		buf_u8(b, 0x03);
		put_member(b, "uptime", 3, false);
		buf_u8(b, 0x83);
	} else if (strcmp(method, "core.psx") == 0) {
		put_process(b, pid, "main process - attendant");
		for (i = 0; i < 8; i++)
			put_process(b, pid + 1 + i, "udp receiver child=0 sock=127.0.0.1:5060");
		put_process(b, pid + 20, "tcp receiver (generic) child=0");
		put_process(b, pid + 21, "tcp receiver (generic) child=1");
	} else if (strcmp(method, "core.shmmem") == 0) {
		buf_u8(b, 0x03);
		put_member(b, "total", 65536, s->doubles);
		put_member(b, "free", s->free_kib > 0 ? s->free_kib : 60000, s->doubles);
		put_member(b, "used", 2000, s->doubles);
		buf_u8(b, 0x83);
	} else if (strcmp(method, "tls.info") == 0) {
		buf_u8(b, 0x03);
		put_member(b, "opened_connections", s->connections, false);
		buf_u8(b, 0x83);
	} else if (strcmp(method, "tls.list") == 0) {
		peer.tale->lists++;
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
put_fault(struct buf *out, uint32_t cookie, const char *text)
{
	struct buf body;

	buf_init(&body, 4096);
	put_num(&body, 500, false);
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
hang(void)
{
	for (;;)
		(void)pause();
}

static void
trickle(int fd, struct span s)
{
	struct rd r = rd_of(s);

	while (r.n > 0) {
		if (send(fd, r.p, 1, MSG_NOSIGNAL) == -1)
			return;
		(void)rd_bytes(&r, 1);
		wire_rest(200);
	}
}

/* False when the conversation is to be closed. */
static bool
act(const struct script *s, int fd, const struct asked *a, struct buf *out, int64_t *pid)
{
	int last = NITEMS(s->reloads) - 1;
	int i = peer.tale->reloads < last ? peer.tale->reloads : last;
	const char *text = s->reloads[i].text;

	peer.tale->reloads++;
	switch (s->reloads[i].act) {
	case ACT_FAULT:
		put_fault(out, a->cookie, text);
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
		hang();
	case ACT_CLOSE:
		return false;
	case ACT_CRASH:
		*pid += 1000;
		return false;
	case ACT_DIE:
		(void)unlink(peer.rpc + strlen("unix:"));
		_exit(0);
	case ACT_COOKIE:
		put_text(out, a->cookie ^ 1, reloaded);
		return true;
	case ACT_ECHO:
		buf_put(out, a->whole);
		return true;
	default:
		break;
	}
	put_text(out, a->cookie, reloaded);
	switch (s->reloads[i].act) {
	case ACT_TRICKLE:
		trickle(fd, buf_span(out));
		return false;
	case ACT_HALF_HANG:
		send_all(fd, NULL, 0, span_of(out->p, out->n / 2));
		hang();
	case ACT_HALF_CLOSE:
		send_all(fd, NULL, 0, span_of(out->p, out->n / 2));
		return false;
	case ACT_TWICE:
		put_text(out, a->cookie, reloaded);
		break;
	case ACT_RESTART:
		*pid += 1000;
		break;
	default:
		break;
	}
	return true;
}

/* One conversation, or all datagrams. */
static void
converse(const struct script *s, int fd, bool dgram, int64_t *pid)
{
	struct sockaddr_storage from;
	socklen_t len;
	struct asked a;
	struct buf out, body;
	uint8_t in[2048];
	ssize_t n;
	bool more = true;

	while (more) {
		len = dgram ? sizeof(from) : 0;
		n = recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)(dgram ? &from : NULL), &len);
		if (n <= 0 || !read_request(span_of(in, (size_t)n), &a))
			return;
		if (s->hang_at_once)
			hang();
		buf_init(&out, 1 << 20);
		buf_init(&body, 1 << 20);
		if (strcmp(a.method, "tls.reload") == 0 &&
		    (s->lacks == NULL || strcmp(s->lacks, "tls.reload") != 0)) {
			more = act(s, fd, &a, &out, pid);
		} else if (s->lacks != NULL && strcmp(s->lacks, a.method) == 0) {
			put_fault(&out, a.cookie, "command tls.reload not found");
		} else {
			put_answer(&body, s, a.method, *pid);
			put_packet(&out, 1, a.cookie, buf_span(&body));
		}
		if (more)
			send_all(fd, &from, dgram ? len : 0, buf_span(&out));
		buf_clear(&out);
		buf_clear(&body);
	}
}

static _Noreturn void
run_peer(const struct script *s, int fd, bool dgram)
{
	int64_t pid = 4711;
	int conn;

	/* Datagrams carry the real identity. */
	if (setresuid(geteuid(), geteuid(), geteuid()) == -1)
		abort();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dgram) {
		converse(s, fd, true, &pid);
		_exit(0);
	}
	while ((conn = accept(fd, NULL, NULL)) != -1) {
		converse(s, conn, false, &pid);
		(void)close(conn);
	}
	_exit(0);
}

static int
bind_unix(int type, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	ck_assert_int_ne(fd, -1);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static int
bind_inet(int type, uint16_t *port)
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

static void
make_dir(void)
{
	(void)snprintf(peer.dir, sizeof(peer.dir), "/tmp/check_hook.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(peer.dir));
	(void)snprintf(peer.rpc, sizeof(peer.rpc), "unix:%s/ctl", peer.dir);
}

/* Listens before it forks, so that nobody has to wait. */
static void
start_peer(const struct script *s, enum wire_kind kind)
{
	bool dgram = kind == WIRE_UNIX_DGRAM || kind == WIRE_UDP;
	int type = dgram ? SOCK_DGRAM : SOCK_STREAM, fd;
	uint16_t port;

	make_dir();
	if (kind == WIRE_UNIX || kind == WIRE_UNIX_DGRAM) {
		fd = bind_unix(type, peer.rpc + strlen("unix:"));
		(void)snprintf(peer.rpc, sizeof(peer.rpc), "%s:%s/ctl", dgram ? "unixd" : "unix",
		    peer.dir);
	} else {
		fd = bind_inet(type, &port);
		(void)snprintf(peer.rpc, sizeof(peer.rpc), "%s:127.0.0.1:%u", dgram ? "udp" : "tcp",
		    port);
	}
	ck_assert(dgram || listen(fd, 8) == 0);
	peer.tale = mmap(NULL, sizeof(*peer.tale), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(peer.tale, MAP_FAILED);
	peer.pid = fork();
	ck_assert_int_ne(peer.pid, -1);
	if (peer.pid == 0)
		run_peer(s, fd, dgram);
	(void)close(fd);
}

static void
setup(void)
{
	memset(&peer, 0, sizeof(peer));
	rested_ms = 0;
	rest = note_rest;
}

static void
teardown(void)
{
	char path[64];

	if (peer.pid > 0) {
		(void)kill(peer.pid, SIGKILL);
		(void)waitpid(peer.pid, NULL, 0);
	}
	(void)snprintf(path, sizeof(path), "%s/ctl", peer.dir);
	(void)unlink(path);
	(void)rmdir(peer.dir);
}

static struct hook_conf
conf_of(const char *rpc)
{
	return (struct hook_conf){ .rpc = (char *)(uintptr_t)rpc, .timeout = HANG_S };
}

/* --- preflight --- */

static const struct {
	const char	*what;
	struct script	 script;
	enum outcome	 class;		/* OUT_OK: it passes */
	const char	*says;
} preflights[] = {
	{ "a sound server", { .version = NULL }, OUT_OK, NULL },
	{ "numbers as doubles", { .doubles = true }, OUT_OK, NULL },
	{ "the newest", { .version = "kamailio 6.2.0-dev1 (x86_64/Linux) " }, OUT_OK, NULL },
	{ "two digits", { .version = "kamailio 10.0.0 (x86_64/Linux) " }, OUT_OK, NULL },
	{ "too old", { .version = "kamailio 4.4.7 (x86_64/linux) " }, OUT_HOLD,
	  "want Kamailio 5.0 or newer, have \"kamailio 4.4.7 (x86_64/linux)\"" },
	{ "another program", { .version = "opensips 3.4.0" }, OUT_HOLD, "want Kamailio 5.0" },
	{ "a version of nothing", { .version = "" }, OUT_HOLD, "want Kamailio 5.0" },
	{ "a version that overflows", { .version = "kamailio 99999999999999999999.1" }, OUT_OK,
	  NULL },
	{ "no module tls", { .lacks = "tls.reload" }, OUT_HOLD, "no command tls.reload" },
	{ "no core.shmmem", { .lacks = "core.shmmem" }, OUT_HOLD, "no command core.shmmem" },
	{ "no list of methods", { .lacks = "system.listMethods" }, OUT_HOLD,
	  "system.listMethods: fault 500" },
	{ "no tls.options", { .lacks = "tls.options" }, OUT_HOLD, "tls.options: fault 500" },
	{ "no tls.list", { .lacks = "tls.list" }, OUT_OK, NULL },
	{ "no tls.cfg", { .no_config = true }, OUT_HOLD, "no tls.cfg" },
	{ "memory below 8 MiB", { .free_kib = 8191 }, OUT_HOLD, "8191 KiB of shared memory" },
	{ "memory of 8 MiB", { .free_kib = 8192 }, OUT_OK, NULL },
	{ "memory below 8 MiB as doubles", { .free_kib = 8191, .doubles = true }, OUT_HOLD,
	  "8191 KiB" },
	{ "accounts that ran over", { .free_kib = 4194303 }, OUT_HOLD, "0 KiB of shared memory" },
	{ "nobody answers", { .hang_at_once = true }, OUT_RETRY, "core.version: waiting" },
};

START_TEST(preflight_keeps_its_table)
{
	const char *what = preflights[_i].what;
	struct hook_facts f;
	struct hook_conf conf;
	struct err e = ERR_NONE;
	int rc;

	start_peer(&preflights[_i].script, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	rc = hook_kamailio.preflight(&conf, &f, &e);
	ck_assert_msg((rc == 0) == (preflights[_i].class == OUT_OK), "%s: got %d, %s", what, rc,
	    e.text);
	ck_assert_msg(rc == 0 || e.class == preflights[_i].class, "%s: got %s", what,
	    outcome_word(e.class));
	ck_assert_msg(rc == 0 || strstr(e.text, preflights[_i].says) != NULL,
	    "%s: got \"%s\", want \"%s\"", what, e.text, preflights[_i].says);
	ck_assert_int_eq(peer.tale->reloads, 0);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(facts_are_those_of_the_server)
{
	const struct script s = { .connections = 3 };
	const uint8_t ids[] = { 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3 };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	start_peer(&s, (enum wire_kind)_i);
	conf = conf_of(peer.rpc);
	ck_assert_msg(hook_kamailio.facts(&conf, &f, &e) == 0, "%s: %s", peer.rpc, e.text);
	ck_assert_str_eq(f.version, "kamailio 5.6.3 (x86_64/linux)");
	ck_assert_int_eq(f.pid, 4711);
	ck_assert_int_eq(f.uptime, 3);
	ck_assert_int_eq(f.shm_free, 60000 * 1024);
	ck_assert_int_eq(f.shm_used, 2000 * 1024);
	ck_assert_int_eq(f.tls_open, 3);
	ck_assert_int_eq(f.tcp_children, 2);
	ck_assert_int_eq(f.processes, 11);
	ck_assert(f.ids_known && span_eq(blob_span(&f.tls_ids), span_of(ids, sizeof(ids))));
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(a_reload_works_on_every_transport)
{
	const struct script s = { .connections = IDS_MAX };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	start_peer(&s, (enum wire_kind)_i);
	conf = conf_of(peer.rpc);
	ck_assert_msg(hook_kamailio.reload(&conf, NULL, &f, &e) == HOOK_OK, "%s: %s", peer.rpc,
	    e.text);
	ck_assert_int_eq(peer.tale->reloads, 1);
	/* Eight kilobytes a datagram: the list came in several. */
	ck_assert(f.ids_known && f.tls_ids.n == 4 * IDS_MAX);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(the_list_of_many_connections_is_not_asked_for)
{
	const struct script s = { .connections = IDS_MAX + 1 };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	start_peer(&s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	ck_assert_int_eq(hook_kamailio.facts(&conf, &f, &e), 0);
	ck_assert(!f.ids_known);
	ck_assert_int_eq(f.tls_open, IDS_MAX + 1);
	ck_assert_int_eq(peer.tale->lists, 0);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* --- reload --- */

#define FIXING	"Error while fixing TLS configuration (consult server log)"
#define LOADING	"Error while loading TLS configuration file (consult server log)"
#define TOO_FAST "Command Executed Too Fast"

/* The right answer's record, without the NUL at its end. */
#define OK_HEX	"91204f6b2e20544c5320636f6e66696775726174696f6e2072656c6f616465642e"

static const struct {
	const char	*what;
	struct script	 script;
	enum hook_result result;
	enum outcome	 class;
	const char	*says;
	int		 reloads;	/* asked for */
	int64_t		 rested_ms;
} reloads[] = {
	{ "it is done", { .reloads = { { ACT_OK, NULL } } }, HOOK_OK, OUT_OK, NULL, 1, 0 },
	{ "the files do not load", { .reloads = { { ACT_FAULT, FIXING }, { ACT_FAULT, FIXING } } },
	  HOOK_REFUSED, OUT_HOLD, FIXING, 2, AGAIN_MS },
	{ "a spurious fault", { .reloads = { { ACT_FAULT, FIXING }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, AGAIN_MS },
	{ "a spurious parser", { .reloads = { { ACT_FAULT, LOADING }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, AGAIN_MS },
	{ "a poisoned parser",
	  { .reloads = { { ACT_FAULT, LOADING }, { ACT_FAULT, LOADING }, { ACT_OK, NULL } } },
	  HOOK_REFUSED, OUT_HOLD, LOADING, 2, AGAIN_MS },
	{ "one of each", { .reloads = { { ACT_FAULT, LOADING }, { ACT_FAULT, FIXING } } },
	  HOOK_REFUSED, OUT_HOLD, FIXING, 2, AGAIN_MS },
	{ "too fast once", { .reloads = { { ACT_FAULT, TOO_FAST }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, 10000 },
	{ "too fast for ever",
	  { .reloads = { { ACT_FAULT, TOO_FAST }, { ACT_FAULT, TOO_FAST }, { ACT_FAULT, TOO_FAST },
	  { ACT_FAULT, TOO_FAST } } }, HOOK_FAILED, OUT_RETRY, TOO_FAST, 4, 100000 },
	{ "no listener for a profile",
	  { .reloads = { { ACT_FAULT, "No server listening socket found for one of TLS domains" } } },
	  HOOK_REFUSED, OUT_HOLD, "No server listening socket", 1, 0 },
	{ "the command is gone", { .lacks = "tls.reload" }, HOOK_FAILED, OUT_HOLD, "not found", 0,
	  0 },
	{ "terminal escapes in a fault", { .reloads = { { ACT_FAULT, "\033[2Jfine\n" } } },
	  HOOK_REFUSED, OUT_HOLD, "fine", 1, 0 },
	{ "another text", { .reloads = { { ACT_TEXT, "Ok." } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "have \"Ok.\"", 1, 0 },
	{ "an empty reply", { .reloads = { { ACT_OCTETS, "" } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "have \"\"", 1, 0 },
	{ "another cookie", { .reloads = { { ACT_COOKIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "cookie", 1, 0 },
	{ "the request echoed", { .reloads = { { ACT_ECHO, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "type 0", 1, 0 },
	{ "two replies", { .reloads = { { ACT_TWICE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "behind the end", 1, 0 },
	{ "HTTP", { .reloads = { { ACT_RAW, "485454502f312e3120323030204f4b0d0a" } } },
	  HOOK_UNKNOWN, OUT_RETRY, "magic", 1, 0 },
	{ "version 2", { .reloads = { { ACT_RAW, "a2100009" } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "version", 1, 0 },
	{ "a length of 4 GiB", { .reloads = { { ACT_RAW, "a11cffffffff09" } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "at most 65536", 1, 0 },
	{ "nine levels", { .reloads = { { ACT_OCTETS, "030303030303030303838383838383838383" } } },
	  HOOK_UNKNOWN, OUT_RETRY, "malformed", 1, 0 },
	{ "a string without end", { .reloads = { { ACT_OCTETS, OK_HEX "21" } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "malformed", 1, 0 },
	{ "a second record", { .reloads = { { ACT_OCTETS, OK_HEX "00" "00" } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "have \"\"", 1, 0 },
	{ "half of it, then the end", { .reloads = { { ACT_HALF_CLOSE, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "only a part of it", 1, 0 },
	{ "the end at once", { .reloads = { { ACT_CLOSE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "no answer", 1, 0 },
	{ "a crash, and another process", { .reloads = { { ACT_CRASH, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "restarted", 1, 0 },
	{ "yes, and another process", { .reloads = { { ACT_RESTART, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "restarted", 1, 0 },
	{ "a crash for good", { .reloads = { { ACT_DIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "afterwards the server does not answer", 1, (BACK_TRIES - 1) * BACK_MS },
	{ "a fault, then a crash for good",
	  { .reloads = { { ACT_FAULT, FIXING }, { ACT_DIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "afterwards", 2, AGAIN_MS + (BACK_TRIES - 1) * BACK_MS },
	{ "an octet now and then", { .reloads = { { ACT_TRICKLE, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "timed out", 1, 0 },
};

START_TEST(reload_keeps_its_table)
{
	const char *what = reloads[_i].what;
	enum hook_result result;
	struct hook_facts f;
	struct hook_conf conf;
	struct err e = ERR_NONE;

	start_peer(&reloads[_i].script, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	result = hook_kamailio.reload(&conf, NULL, &f, &e);
	ck_assert_msg(result == reloads[_i].result, "%s: got %d, want %d: %s", what, (int)result,
	    (int)reloads[_i].result, e.text);
	ck_assert_msg(result == HOOK_OK || e.class == reloads[_i].class, "%s: got %s: %s", what,
	    outcome_word(e.class), e.text);
	ck_assert_msg(result == HOOK_OK || strstr(e.text, reloads[_i].says) != NULL,
	    "%s: got \"%s\", want \"%s\"", what, e.text, reloads[_i].says);
	ck_assert_msg(peer.tale->reloads == reloads[_i].reloads, "%s: got %d reloads, want %d", what,
	    peer.tale->reloads, reloads[_i].reloads);
	ck_assert_msg(rested_ms == reloads[_i].rested_ms, "%s: got %jd ms of rest, want %jd", what,
	    (intmax_t)rested_ms, (intmax_t)reloads[_i].rested_ms);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* Who hangs in an answer serves nobody else either: nothing is learned afterwards. */
START_TEST(a_server_that_hangs_is_left_in_time)
{
	static const enum act acts[] = { ACT_HANG, ACT_HALF_HANG };
	const struct script s = { .reloads = { { acts[_i], NULL } } };
	int64_t begin = clock_boot_ms();
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	start_peer(&s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	ck_assert_int_eq(hook_kamailio.reload(&conf, NULL, &f, &e), HOOK_UNKNOWN);
	ck_assert_msg(strstr(e.text, "timed out") != NULL, "%s", e.text);
	ck_assert_int_eq(f.pid, -1);
	ck_assert_int_ge(clock_boot_ms() - begin, HANG_S * 1000);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(the_hint_says_when_a_restart_is_needed)
{
	const struct script s = { .reloads = { { ACT_FAULT, LOADING }, { ACT_FAULT, LOADING } } };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	start_peer(&s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	ck_assert_int_eq(hook_kamailio.reload(&conf, NULL, &f, &e), HOOK_REFUSED);
	ck_assert_msg(strstr(e.hint, "the process needs a restart") != NULL, "%s", e.hint);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* --- who is there: K01 --- */

static void
expect_hold(const struct hook_conf *conf, const char *says)
{
	struct hook_facts f;
	struct err e = ERR_NONE;

	ck_assert_int_eq(hook_kamailio.preflight(conf, &f, &e), -1);
	ck_assert_msg(e.class == OUT_HOLD && (strstr(e.text, says) != NULL ||
	    strstr(e.hint, says) != NULL), "got %s \"%s\" (%s), want \"%s\"", outcome_word(e.class),
	    e.text, e.hint, says);
	pack_clear(&hook_facts_pack, &f);
	ck_assert_int_eq(hook_kamailio.reload(conf, NULL, &f, &e), HOOK_FAILED);
	pack_clear(&hook_facts_pack, &f);
}

START_TEST(a_missing_socket_is_a_hold)
{
	struct hook_conf conf;

	make_dir();
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "is Kamailio running");
}
END_TEST

START_TEST(a_stale_socket_is_a_hold)
{
	static const struct {
		int		 type;
		const char	*prefix;
	} rows[] = { { SOCK_STREAM, "unix" }, { SOCK_DGRAM, "unixd" } };
	struct hook_conf conf;

	make_dir();
	(void)close(bind_unix(rows[_i].type, peer.rpc + strlen("unix:")));
	(void)snprintf(peer.rpc, sizeof(peer.rpc), "%s:%s/ctl", rows[_i].prefix, peer.dir);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "stale");
}
END_TEST

START_TEST(a_port_that_nobody_has_is_a_hold)
{
	int type = _i == 0 ? SOCK_STREAM : SOCK_DGRAM;
	struct hook_conf conf;
	uint16_t port;

	make_dir();
	(void)close(bind_inet(type, &port));
	(void)snprintf(peer.rpc, sizeof(peer.rpc), "%s:127.0.0.1:%u", _i == 0 ? "tcp" : "udp", port);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "refused");
}
END_TEST

START_TEST(a_file_is_no_socket)
{
	struct hook_conf conf;
	FILE *f;

	make_dir();
	f = fopen(peer.rpc + strlen("unix:"), "w");
	ck_assert_ptr_nonnull(f);
	(void)fclose(f);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "is no socket");
}
END_TEST

START_TEST(the_wrong_kind_of_socket_is_a_hold)
{
	const struct script s = { .version = NULL };
	struct hook_conf conf;

	start_peer(&s, WIRE_UNIX);
	(void)snprintf(peer.rpc, sizeof(peer.rpc), "unixd:%s/ctl", peer.dir);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "unixd: for datagrams");
}
END_TEST

START_TEST(a_socket_that_we_may_not_write_to_is_a_hold)
{
	const struct script s = { .version = NULL };
	struct hook_conf conf;

	start_peer(&s, WIRE_UNIX);
	ck_assert_int_eq(chmod(peer.dir, 0711), 0);
	ck_assert_int_eq(chmod(peer.rpc + strlen("unix:"), 0), 0);
	ck_assert(geteuid() != 0 || seteuid(NOBODY) == 0);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "must be able to write to the socket");
	ck_assert(getuid() != 0 || seteuid(0) == 0);
}
END_TEST

/* Root's sockets are always good; so, where the tests run as root, the peer is somebody else. */
START_TEST(a_peer_of_another_user_is_a_hold)
{
	const struct script s = { .version = NULL };
	enum wire_kind kind = _i == 0 ? WIRE_UNIX : WIRE_UNIX_DGRAM;
	struct hook_conf conf;

	ck_assert(geteuid() != 0 || seteuid(NOBODY) == 0);
	start_peer(&s, kind);
	ck_assert(getuid() != 0 || seteuid(0) == 0);
	conf = conf_of(peer.rpc);
	conf.user = (char *)(uintptr_t)"daemon";
	expect_hold(&conf, "belongs to a process of user id");
	ck_assert_int_eq(peer.tale->reloads, 0);
}
END_TEST

START_TEST(a_peer_of_the_right_user_is_good)
{
	const struct script s = { .version = NULL };
	struct passwd *pw = getpwuid(geteuid());
	struct hook_conf conf;
	struct hook_facts f;
	struct err e;

	ck_assert_ptr_nonnull(pw);
	start_peer(&s, _i == 0 ? WIRE_UNIX : WIRE_UNIX_DGRAM);
	conf = conf_of(peer.rpc);
	conf.user = pw->pw_name;
	ck_assert_msg(hook_kamailio.preflight(&conf, &f, &e) == 0, "%s", e.text);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(a_user_that_does_not_exist_is_a_hold)
{
	const struct script s = { .version = NULL };
	struct hook_conf conf;

	start_peer(&s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	conf.user = (char *)(uintptr_t)"no such user";
	expect_hold(&conf, "there is none of that name");
}
END_TEST

/* --- the lock: K20 --- */

START_TEST(two_reloads_of_one_server_exclude_each_other)
{
	static const char *const rpcs[] = { NULL, "tcp:127.0.0.1:1", "unix:/no/such/folder/ctl" };
	struct hook_facts f;
	struct hook_conf conf;
	struct wire_addr a;
	struct err e;
	int first, second;

	make_dir();
	conf = conf_of(rpcs[_i] != NULL ? rpcs[_i] : peer.rpc);
	conf.timeout = 0;
	ck_assert_int_eq(wire_addr_parse(conf.rpc, &a, &e), 0);
	ck_assert_msg(ctl_lock(&a, 0, &first, &e) == 0, "%s", e.text);
	ck_assert_int_eq(ctl_lock(&a, 0, &second, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(second, -1);
	ck_assert_int_eq(hook_kamailio.reload(&conf, NULL, &f, &e), HOOK_FAILED);
	ck_assert_msg(strstr(e.text, "another program is reloading") != NULL, "%s", e.text);
	(void)close(first);
	ck_assert_msg(ctl_lock(&a, 0, &second, &e) == 0, "%s", e.text);
	(void)close(second);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* --- addresses --- */

static const struct {
	const char	*in;
	const char	*text;		/* NULL: refused */
	enum wire_kind	 kind;
} addrs[] = {
	{ "unix:/run/kamailio/kamailio_ctl", "unix:/run/kamailio/kamailio_ctl", WIRE_UNIX },
	{ "unixs:/run/ctl", "unix:/run/ctl", WIRE_UNIX },
	{ "/run/ctl", "unix:/run/ctl", WIRE_UNIX },
	{ "unixd:/run/ctl", "unixd:/run/ctl", WIRE_UNIX_DGRAM },
	{ "tcp:127.0.0.1:2049", "tcp:127.0.0.1:2049", WIRE_TCP },
	{ "tcp:localhost:2049", "tcp:127.0.0.1:2049", WIRE_TCP },
	{ "udp:[::1]:2049", "udp:[::1]:2049", WIRE_UDP },
	{ "udp:[0:0::1]:2049", "udp:[::1]:2049", WIRE_UDP },
	{ "tcp:192.0.2.1:2049", NULL, WIRE_TCP },
	{ "tcp:[2001:db8::1]:2049", NULL, WIRE_TCP },
	{ "tcp:0.0.0.0:2049", NULL, WIRE_TCP },
	{ "tcp:sip.example.com:2049", NULL, WIRE_TCP },
	{ "tcp:127.0.0.1", NULL, WIRE_TCP },
	{ "tcp:127.0.0.1:0", NULL, WIRE_TCP },
	{ "tcp:127.0.0.1:65536", NULL, WIRE_TCP },
	{ "tcp:127.0.0.1:20x", NULL, WIRE_TCP },
	{ "tcp::2049", NULL, WIRE_TCP },
	{ "tcp:[::1:2049", NULL, WIRE_TCP },
	{ "tcp:[::1]2049", NULL, WIRE_TCP },
	{ "tcp:2049", NULL, WIRE_TCP },
	{ "unix:run/ctl", NULL, WIRE_UNIX },
	{ "unix:", NULL, WIRE_UNIX },
	{ "http://127.0.0.1/RPC", NULL, WIRE_UNIX },
	{ "", NULL, WIRE_UNIX },
	{ "unix:/"
	  "0123456789012345678901234567890123456789012345678901234567890123456789"
	  "0123456789012345678901234567890123456789", NULL, WIRE_UNIX },
};

START_TEST(control_addresses_keep_their_table)
{
	struct wire_addr a;
	struct err e = ERR_NONE;
	int rc = wire_addr_parse(addrs[_i].in, &a, &e);

	ck_assert_msg((rc == 0) == (addrs[_i].text != NULL), "%s: got %d, %s", addrs[_i].in, rc,
	    e.text);
	ck_assert_msg(rc == 0 || e.class == OUT_HOLD, "%s: got %d", addrs[_i].in, e.class);
	ck_assert_msg(rc == -1 || (a.kind == addrs[_i].kind && strcmp(a.text, addrs[_i].text) == 0),
	    "%s: got %s", addrs[_i].in, a.text);
}
END_TEST

static const struct {
	const char	*in;
	enum wire_proto	 proto;
	const char	*host;		/* NULL: refused */
	uint16_t	 port;
} listeners[] = {
	{ "sips:127.0.0.1:5061", WIRE_SIPS, "127.0.0.1", 5061 },
	{ "sips:127.0.0.1", WIRE_SIPS, "127.0.0.1", 5061 },
	{ "sips:[2001:db8::1]:5071", WIRE_SIPS, "2001:db8::1", 5071 },
	{ "sips:[::1]", WIRE_SIPS, "::1", 5061 },
	{ "sips:SIP.example.com:5061", WIRE_SIPS, "sip.example.com", 5061 },
	{ "sips:localhost:5061", WIRE_SIPS, "localhost", 5061 },
	{ "tls:10.0.0.1:443", WIRE_TLS, "10.0.0.1", 443 },
	{ "wss:10.0.0.1", WIRE_WSS, "10.0.0.1", 443 },
	{ "wss:10.0.0.1:8443", WIRE_WSS, "10.0.0.1", 8443 },
	{ "tls:10.0.0.1", WIRE_TLS, NULL, 0 },
	{ "sip:10.0.0.1:5060", WIRE_SIPS, NULL, 0 },
	{ "10.0.0.1:5061", WIRE_SIPS, NULL, 0 },
	{ "sips:", WIRE_SIPS, NULL, 0 },
	{ "sips::5061", WIRE_SIPS, NULL, 0 },
	{ "sips:*.example.com:5061", WIRE_SIPS, NULL, 0 },
	{ "sips:a b:5061", WIRE_SIPS, NULL, 0 },
	{ "sips:2001:db8::1:5061", WIRE_SIPS, NULL, 0 },
	{ "sips:10.0.0.1:99999", WIRE_SIPS, NULL, 0 },
	{ "sips:10.0.0.1:", WIRE_SIPS, NULL, 0 },
};

START_TEST(listeners_keep_their_table)
{
	struct wire_listener l;
	struct err e = ERR_NONE;
	int rc = wire_listener_parse(listeners[_i].in, &l, &e);

	ck_assert_msg((rc == 0) == (listeners[_i].host != NULL), "%s: got %d, %s", listeners[_i].in,
	    rc, e.text);
	ck_assert_msg(rc == 0 || e.class == OUT_HOLD, "%s: got %d", listeners[_i].in, e.class);
	ck_assert_msg(rc == -1 || (l.proto == listeners[_i].proto && l.port == listeners[_i].port &&
	    strcmp(l.host, listeners[_i].host) == 0), "%s: got %s port %u", listeners[_i].in,
	    l.host, l.port);
}
END_TEST

/* --- the table of hooks --- */

START_TEST(every_hook_is_found_by_its_name)
{
	const struct hook_type *t;
	size_t i;

	for (i = 0; (t = hook_at(i)) != NULL; i++)
		ck_assert_ptr_eq(hook_find(t->name), t);
	ck_assert_uint_eq(i, 2);
	ck_assert_ptr_null(hook_find("Kamailio"));
	ck_assert(!hook_find("kamailio")->in_starter);
	ck_assert(hook_find("program")->in_starter);
}
END_TEST

static char k_type[] = "kamailio", p_type[] = "program", unix_a[] = "unix:/run/kamailio/kamailio_ctl",
    unix_b[] = "/run/kamailio/kamailio_ctl", unix_c[] = "unix:/run/other", user_a[] = "kamailio",
    command_a[] = "/bin/a", command_b[] = "/bin/b";
static char *argv_a[] = { command_a }, *argv_b[] = { command_b };

static const struct {
	const char	*what;
	struct hook_conf a, b;
	bool		 same;
} pairs[] = {
	{ "twice the same", { .type = k_type, .rpc = unix_a }, { .type = k_type, .rpc = unix_a },
	  true },
	{ "two spellings", { .type = k_type, .rpc = unix_a }, { .type = k_type, .rpc = unix_b },
	  true },
	{ "the default and its spelling", { .type = k_type }, { .type = k_type, .rpc = unix_a },
	  true },
	{ "two servers", { .type = k_type, .rpc = unix_a }, { .type = k_type, .rpc = unix_c },
	  false },
	{ "two users", { .type = k_type, .rpc = unix_a },
	  { .type = k_type, .rpc = unix_a, .user = user_a }, false },
	{ "two types", { .type = k_type }, { .type = p_type }, false },
	{ "other timeouts are no difference", { .type = k_type, .timeout = 1 },
	  { .type = k_type, .timeout = 2 }, true },
	{ "one program", { .type = p_type, .command = { argv_a, 1 } },
	  { .type = p_type, .command = { argv_a, 1 } }, true },
	{ "two programs", { .type = p_type, .command = { argv_a, 1 } },
	  { .type = p_type, .command = { argv_b, 1 } }, false },
};

START_TEST(hook_same_keeps_its_table)
{
	ck_assert_msg(hook_same(&pairs[_i].a, &pairs[_i].b) == pairs[_i].same, "%s: got %d",
	    pairs[_i].what, !pairs[_i].same);
	ck_assert_msg(hook_same(&pairs[_i].b, &pairs[_i].a) == pairs[_i].same, "%s: got %d",
	    pairs[_i].what, !pairs[_i].same);
}
END_TEST

START_TEST(survivors_are_counted)
{
	static const struct {
		const char	*before, *after;	/* a digit per connection; NULL: not known */
		int64_t		 want;
	} rows[] = {
		{ "", "", 0 },
		{ "123", "123", 3 },
		{ "123", "", 0 },
		{ "", "123", 0 },
		{ "159", "123456789", 3 },
		{ "123456789", "159", 3 },
		{ "123", "456", 0 },
		{ "456", "123", 0 },
		{ NULL, "123", -1 },
		{ "123", NULL, -1 },
	};
	struct hook_facts f[2];
	struct buf b;
	size_t i;

	for (i = 0; i < 2; i++) {
		const char *s = i == 0 ? rows[_i].before : rows[_i].after;

		hook_facts_init(&f[i]);
		f[i].ids_known = s != NULL;
		buf_init(&b, 64);
		for (; s != NULL && *s != '\0'; s++)
			buf_u32(&b, (uint32_t)(*s - '0'));
		ck_assert_int_eq(blob_set(&f[i].tls_ids, buf_span(&b)), 0);
		buf_clear(&b);
	}
	ck_assert_int_eq(hook_survivors(&f[0], &f[1]), rows[_i].want);
	pack_clear(&hook_facts_pack, &f[0]);
	pack_clear(&hook_facts_pack, &f[1]);
}
END_TEST

START_TEST(facts_and_sections_travel)
{
	struct hook_conf conf = { .type = k_type, .rpc = unix_a, .timeout = 7, .settle = 15,
		.command = { argv_a, 1 } }, conf_back;
	struct hook_facts f, f_back;
	struct buf b;
	struct rd r;

	hook_facts_init(&f);
	f.shm_free = 5;
	f.ids_known = true;
	buf_init(&b, 4096);
	pack_write(&hook_conf_pack, &conf, &b);
	pack_write(&hook_facts_pack, &f, &b);
	r = rd_of(buf_span(&b));
	ck_assert_int_eq(pack_read(&hook_conf_pack, &r, &conf_back), 0);
	ck_assert_int_eq(pack_read(&hook_facts_pack, &r, &f_back), 0);
	ck_assert(rd_end(&r));
	ck_assert(hook_same(&conf, &conf_back));
	ck_assert_int_eq(conf_back.settle, 15);
	ck_assert_int_eq(f_back.shm_free, 5);
	ck_assert_int_eq(f_back.pid, -1);
	ck_assert(f_back.ids_known);
	pack_clear(&hook_conf_pack, &conf_back);
	pack_clear(&hook_facts_pack, &f_back);
	buf_clear(&b);
}
END_TEST

static TCase *
kamailio_case(void)
{
	TCase *tc = tcase_create("kamailio");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, preflight_keeps_its_table, 0, NITEMS(preflights));
	tcase_add_loop_test(tc, facts_are_those_of_the_server, WIRE_UNIX, WIRE_UDP + 1);
	tcase_add_loop_test(tc, a_reload_works_on_every_transport, WIRE_UNIX, WIRE_UDP + 1);
	tcase_add_test(tc, the_list_of_many_connections_is_not_asked_for);
	tcase_add_loop_test(tc, reload_keeps_its_table, 0, NITEMS(reloads));
	tcase_add_loop_test(tc, a_server_that_hangs_is_left_in_time, 0, 2);
	tcase_add_test(tc, the_hint_says_when_a_restart_is_needed);
	tcase_add_test(tc, a_missing_socket_is_a_hold);
	tcase_add_loop_test(tc, a_stale_socket_is_a_hold, 0, 2);
	tcase_add_loop_test(tc, a_port_that_nobody_has_is_a_hold, 0, 2);
	tcase_add_test(tc, a_file_is_no_socket);
	tcase_add_test(tc, the_wrong_kind_of_socket_is_a_hold);
	tcase_add_test(tc, a_socket_that_we_may_not_write_to_is_a_hold);
	tcase_add_loop_test(tc, a_peer_of_another_user_is_a_hold, 0, 2);
	tcase_add_loop_test(tc, a_peer_of_the_right_user_is_good, 0, 2);
	tcase_add_test(tc, a_user_that_does_not_exist_is_a_hold);
	tcase_add_loop_test(tc, two_reloads_of_one_server_exclude_each_other, 0, 3);
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("hook");
	TCase *tc = tcase_create("hook");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, control_addresses_keep_their_table, 0, NITEMS(addrs));
	tcase_add_loop_test(tc, listeners_keep_their_table, 0, NITEMS(listeners));
	tcase_add_test(tc, every_hook_is_found_by_its_name);
	tcase_add_loop_test(tc, hook_same_keeps_its_table, 0, NITEMS(pairs));
	tcase_add_loop_test(tc, survivors_are_counted, 0, 10);
	tcase_add_test(tc, facts_and_sections_travel);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, kamailio_case());
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
