/*
 * hook "kamailio": preflight, and what the server says about itself. A control
 * program is never run. Sources: Kamailio's tls and ctl modules, 5.0 to 6.2.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hooks/ctl.h"
#include "hooks/private.h"
#include "hooks/release.h"

#define MAJOR_MIN	5
#define VERSION_MAX	128
#define ARGS_MAX	64
#define MIB		((int64_t)1024 * 1024)
#define KIB		((int64_t)1024)

/* FAULTS K12: less is not enough for a reload of even the smallest server. */
#define FREE_MIN	(8 * MIB)

/*
 * A reload builds a context of some 50 KB per process and profile while the
 * old ones are still there, and below low_mem_threshold1 new TLS connections
 * are refused although the reload says Ok. How many profiles there are is
 * not told: two always exist, the default server and the default client.
 */
#define CONTEXT_COST	(50 * KIB)
#define PROFILES_MIN	2

/* tls.list costs the server 8 KiB of one process's memory per connection, and a lock meanwhile. */
#define IDS_MAX		400

/* --- questions --- */

/* HOLD for a fault: a server that is as it should be answers this. */
static int
ask(struct ctl *c, const char *method, const char *arg, struct binrpc_reply *r, struct err *e)
{
	if (ctl_call(c, method, arg, r, e) == -1)
		return -1;
	if (r->fault)
		return err_set(e, OUT_HOLD, "%s: %s: fault %jd: %.*s", c->addr.text, method,
		    (intmax_t)r->code, (int)(r->text.n < 300 ? r->text.n : 300),
		    (const char *)r->text.p);
	return 0;
}

static int
bad_reply(const struct ctl *c, const char *method, const char *want, struct err *e)
{
	return err_set(e, OUT_HOLD, "%s: %s: want %s in the reply", c->addr.text, method, want);
}

/* "kamailio 5.6.3 (x86_64/linux) " */
static int
ask_version(struct ctl *c, struct hook_facts *f, struct err *e)
{
	char text[VERSION_MAX], *end;
	struct binrpc_reply r;
	struct span s;

	if (ask(c, "core.version", NULL, &r, e) == -1)
		return -1;
	if (!binrpc_only_str(&r, &s))
		return bad_reply(c, "core.version", "one text", e);
	text_clean(text, sizeof(text), s);
	for (end = text + strlen(text); end > text && end[-1] == ' '; end--)
		end[-1] = '\0';
	free(f->version);
	if ((f->version = strdup(text)) == NULL)
		return err_nomem(e);
	f->release = release_of(f->version);
	return 0;
}

static int
check_version(const struct ctl *c, const struct hook_facts *f, struct err *e)
{
	if (f->release < RELEASE(MAJOR_MIN, 0, 0))
		return err_set(e, OUT_HOLD, "%s: want Kamailio %d.0 or newer, have \"%s\"",
		    c->addr.text, MAJOR_MIN, f->version);
	return 0;
}

/* The commands without which nothing can be done, and what each belongs to. */
static int
check_commands(struct ctl *c, struct err *e)
{
	static const struct {
		const char	*method;
		const char	*module;
	} needed[] = {
		{ "tls.reload", "tls" },
		{ "tls.info", "tls" },
		{ "core.shmmem", "ctl" },
		{ "core.uptime", "ctl" },
		{ "core.psx", "ctl" },
	};
	bool seen[NITEMS(needed)] = { false };
	struct binrpc_reply r;
	struct binrpc_record rec;
	struct binrpc_walk w;
	size_t i;

	if (ask(c, "system.listMethods", NULL, &r, e) == -1)
		return -1;
	binrpc_walk(&r, &w);
	while (binrpc_next(&w, &rec)) {
		for (i = 0; i < NITEMS(needed); i++)
			seen[i] = seen[i] || span_is(rec.str, needed[i].method);
	}
	for (i = 0; i < NITEMS(needed); i++) {
		if (seen[i])
			continue;
		(void)err_set(e, OUT_HOLD, "%s: the server has no command %s", c->addr.text,
		    needed[i].method);
		return err_hint(e, "is its module %s loaded?", needed[i].module);
	}
	return 0;
}

/* What a server counts: facts with any other number could not be told to the keeper. */
static bool
member_count(const struct binrpc_reply *r, const char *name, int64_t *n)
{
	int64_t v;

	if (!binrpc_member_int(r, name, &v) || v < 0 || v > PACK_MAX_COUNT)
		return false;
	*n = v;
	return true;
}

static int
ask_number(struct ctl *c, const char *method, const char *member, int64_t *out, struct err *e)
{
	struct binrpc_reply r;

	if (ask(c, method, NULL, &r, e) == -1)
		return -1;
	return member_count(&r, member, out) ? 0 :
	    err_set(e, OUT_HOLD, "%s: %s: want a number %s in the reply", c->addr.text, method,
	    member);
}

/* A struct {IDX, PID, DSC} per process; the first one is the main process. */
static int
ask_processes(struct ctl *c, struct hook_facts *f, struct err *e)
{
	struct binrpc_reply r;
	struct binrpc_record rec;
	struct binrpc_walk w;

	if (ask(c, "core.psx", NULL, &r, e) == -1)
		return -1;
	if (!member_count(&r, "PID", &f->pid))
		return bad_reply(c, "core.psx", "a number PID", e);
	f->processes = f->tcp_children = 0;
	binrpc_walk(&r, &w);
	while (binrpc_next(&w, &rec)) {
		if (rec.depth != 1 || !span_is(rec.name, "DSC"))
			continue;
		f->processes++;
		if (span_starts(rec.str, "tcp receiver"))
			f->tcp_children++;
	}
	return 0;
}

/* In KiB: the unit in which pools from 4 GiB on fit into the ints of 5.6. */
static int
ask_memory(struct ctl *c, struct hook_facts *f, struct err *e)
{
	struct binrpc_reply r;
	int64_t total, left, used;

	if (ask(c, "core.shmmem", "k", &r, e) == -1)
		return -1;
	if (!binrpc_member_int(&r, "total", &total) || !binrpc_member_int(&r, "free", &left) ||
	    !binrpc_member_int(&r, "used", &used))
		return bad_reply(c, "core.shmmem", "numbers total, free and used", e);
	if (left < 0 || left > PACK_MAX_COUNT / KIB || used < 0 || used > PACK_MAX_COUNT / KIB)
		return bad_reply(c, "core.shmmem", "sane numbers", e);
	/* The accounts of the allocator qm can run over; then the difference wraps around. */
	f->shm_free = used <= total && left <= total ? left * KIB : 0;
	f->shm_used = used * KIB;
	return 0;
}

static int
compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * Which connections there are, while they are few; 5.6 leaves out those of
 * WSS. Not worth a failure: the list is then not known.
 */
static void
ask_ids(struct ctl *c, struct hook_facts *f)
{
	uint32_t ids[IDS_MAX * 2];
	struct binrpc_reply r;
	struct binrpc_record rec;
	struct binrpc_walk w;
	struct buf out;
	struct err e;
	size_t n = 0, i;

	if (f->tls_open > IDS_MAX || ask(c, "tls.list", NULL, &r, &e) == -1)
		return;
	binrpc_walk(&r, &w);
	while (n < NITEMS(ids) && binrpc_next(&w, &rec)) {
		int64_t id;

		if (rec.depth == 1 && span_is(rec.name, "id") && binrpc_number(&rec, &id))
			ids[n++] = (uint32_t)id;
	}
	qsort(ids, n, sizeof(ids[0]), compare_ids);
	buf_init(&out, sizeof(ids));
	for (i = 0; i < n; i++)
		buf_u32(&out, ids[i]);
	f->ids_known = n < NITEMS(ids) && buf_ok(&out) &&
	    blob_set(&f->tls_ids, buf_span(&out)) == 0;
	buf_clear(&out);
}

/* All but the version; the list comes last, because the conversation may end with it. */
static int
ask_facts(struct ctl *c, struct hook_facts *f, struct err *e)
{
	if (ask_number(c, "core.uptime", "uptime", &f->uptime, e) == -1 ||
	    ask_processes(c, f, e) == -1 || ask_memory(c, f, e) == -1 ||
	    ask_number(c, "tls.info", "opened_connections", &f->tls_open, e) == -1)
		return -1;
	ask_ids(c, f);
	return 0;
}

int
kamailio_facts(const struct hook_conf *conf, struct hook_facts *f, struct err *e)
{
	struct ctl c;
	int rc = -1;

	hook_facts_init(f);
	if (ctl_open(&c, conf, hook_deadline_ms(conf), e) == -1 || ask_version(&c, f, e) == -1 ||
	    ask_facts(&c, f, e) == -1)
		goto out;
	rc = 0;
out:
	ctl_close(&c);
	return rc;
}

/* --- preflight --- */

/* What is to be restarted in that case is not held back by it. */
static int
check_memory(const struct ctl *c, const struct hook_conf *conf, struct hook_facts *f,
    struct err *e)
{
	struct hook_conf restart;
	int64_t floor = (f->low_memory > 0 ? f->low_memory : 0) +
	    CONTEXT_COST * PROFILES_MIN * f->processes;

	if (floor < FREE_MIN)
		floor = FREE_MIN;
	if (f->shm_free >= floor)
		return 0;
	f->cramped = hook_restart(conf, &restart);
	if (f->cramped)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: %jd KiB of shared memory are free, want %jd: "
	    "a reload could end TLS", c->addr.text, (intmax_t)(f->shm_free / KIB),
	    (intmax_t)(floor / KIB));
	return err_hint(e, "restart Kamailio, with more shared memory (-m) and, before 5.8.8, "
	    "the allocator fm (-x fm)");
}

/* A text that may be missing; NULL then. */
static int
keep(const struct binrpc_reply *r, const char *member, char **out, struct err *e)
{
	struct span s;

	free(*out);
	*out = NULL;
	if (!binrpc_member_str(r, member, &s) || s.n == 0 || span_is(s, "<null string>") ||
	    memchr(s.p, '\0', s.n) != NULL)
		return 0;
	return (*out = span_dup(s)) == NULL ? err_nomem(e) : 0;
}

/* The path of tls.cfg, without which nothing is reloaded, and a limit in octets. */
static int
ask_options(struct ctl *c, struct hook_facts *f, struct err *e)
{
	struct binrpc_reply r;

	if (ask(c, "tls.options", NULL, &r, e) == -1 ||
	    keep(&r, "config", &f->tls_config, e) == -1 ||
	    keep(&r, "certificate", &f->tls_certificate, e) == -1 ||
	    keep(&r, "private_key", &f->tls_private_key, e) == -1)
		return -1;
	if (f->tls_config == NULL) {
		(void)err_set(e, OUT_HOLD, "%s: the server has no tls.cfg, "
		    "so it cannot load certificates while it runs", c->addr.text);
		return err_hint(e, "set modparam(\"tls\", \"config\", ...) and restart Kamailio");
	}
	/* Not set is -1, which looks like UINT32_MAX; it is not seen in a server that runs. */
	if (!member_count(&r, "low_mem_threshold1", &f->low_memory) ||
	    f->low_memory > INT32_MAX)
		f->low_memory = -1;
	return 0;
}

/* How it was started; a server that does not tell is judged by its release alone. */
static int
ask_arguments(struct ctl *c, struct hook_facts *f, struct err *e)
{
	struct span args[ARGS_MAX];
	struct binrpc_reply r;
	size_t n = 0;

	if (ctl_call(c, "core.arg", NULL, &r, e) == -1)
		return -1;
	while (!r.fault && n < NITEMS(args) && binrpc_str(&r, n, &args[n]))
		n++;
	f->remote = c->addr.remote;
	return arguments_judge(args, n, f, e);
}

static int
preflight(const struct hook_conf *conf, struct hook_facts *f, struct err *e)
{
	struct ctl c;
	int rc = -1;

	hook_facts_init(f);
	if (ctl_open(&c, conf, hook_deadline_ms(conf), e) == -1 ||
	    ask_version(&c, f, e) == -1 || check_version(&c, f, e) == -1 ||
	    check_commands(&c, e) == -1 || ask_options(&c, f, e) == -1 ||
	    ask_arguments(&c, f, e) == -1 || ask_facts(&c, f, e) == -1 ||
	    check_memory(&c, conf, f, e) == -1)
		goto out;
	rc = 0;
out:
	ctl_close(&c);
	return rc;
}

/* --- the section --- */

static int
check_restart(const struct hook_conf *conf, bool remote, struct err *e)
{
	struct hook_conf restart;
	struct wire_addr bus;

	if (!hook_restart(conf, &restart))
		return conf->unit == NULL ? 0 :
		    err_set(e, OUT_USAGE, "unit: want unsafe-reload = \"restart\" as well");
	if (remote)
		return err_set(e, OUT_USAGE, "unsafe-reload: want no \"restart\" for a server of "
		    "another host, have rpc = \"%s\"", conf->rpc);
	if (conf->unit == NULL)
		return err_set(e, OUT_USAGE, "unsafe-reload: want a unit for \"restart\", such as "
		    "kamailio.service");
	if (wire_addr_parse(conf->bus, &bus, e) == -1)
		return err_in(e, "bus");
	return bus.kind == WIRE_UNIX ? 0 :
	    err_set(e, OUT_USAGE, "bus: want the unix: socket of D-Bus, have \"%s\"", conf->bus);
}

static int
check(const struct hook_conf *conf, struct err *e)
{
	struct wire_addr a;

	if (ctl_addr(conf, &a, e) == -1 || check_restart(conf, a.remote, e) == -1)
		return -1;
	return a.remote && conf->profiles.n > 0 ?
	    err_set(e, OUT_USAGE, "profiles: only in a file of this host, and rpc is of another") :
	    0;
}

static char default_unsafe[] = "wait", default_bus[] = SYSTEM_BUS;
static char default_rpc[] = CTL_DEFAULT, default_user[] = "kamailio",
    default_cfg[] = "/etc/kamailio/kamailio.cfg", default_tls_cfg[] = "/etc/kamailio/tls.cfg";

const struct hook_type hook_kamailio = {
	.name = "kamailio",
	.options = HOOK_HAS_RPC | HOOK_HAS_USER | HOOK_HAS_UNIT | HOOK_HAS_TRUSTED |
	    HOOK_HAS_PROFILES | HOOK_HAS_MAX | HOOK_HAS_FACTS | HOOK_HAS_BUS,
	.check = check,
	.defaults = { .rpc = default_rpc, .kamailio_cfg = default_cfg, .tls_cfg = default_tls_cfg,
	    .user = default_user, .timeout = 10, .unsafe_reload = default_unsafe, .quiet_rate = 2,
	    .bus = default_bus },
	.verify = "sips:127.0.0.1:5061",
	.preflight = preflight,
	.reload = kamailio_reload,
	.facts = kamailio_facts,
};
