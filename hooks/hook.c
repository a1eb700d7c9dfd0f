/*
 * hook: the table of hooks, and what belongs to no single one of them.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "hooks/ctl.h"
#include "hooks/hook.h"
#include "hooks/private.h"

/* A server that ends and begins has more to do than one that answers a question. */
#define RESTART_TIMEOUT	6

static const struct hook_type *const hook_types[] = {
	&hook_kamailio,
	&hook_program,
	&hook_haproxy,
	&hook_signal,
	&hook_systemd,
};

const struct pack hook_conf_pack = PACK(hook_conf,
	{ PACK_STR, offsetof(struct hook_conf, type), NULL },
	{ PACK_STR, offsetof(struct hook_conf, rpc), NULL },
	{ PACK_STR, offsetof(struct hook_conf, user), NULL },
	{ PACK_STR, offsetof(struct hook_conf, kamailio_cfg), NULL },
	{ PACK_STR, offsetof(struct hook_conf, tls_cfg), NULL },
	{ PACK_STRS, offsetof(struct hook_conf, profiles), NULL },
	{ PACK_BOOL, offsetof(struct hook_conf, trusted_network), NULL },
	{ PACK_STRS, offsetof(struct hook_conf, verify), NULL },
	{ PACK_BOOL, offsetof(struct hook_conf, new_privileges), NULL },
	{ PACK_STRS, offsetof(struct hook_conf, command), NULL },
	{ PACK_STR, offsetof(struct hook_conf, unit), NULL },
	{ PACK_STR, offsetof(struct hook_conf, bus), NULL },
	{ PACK_STR, offsetof(struct hook_conf, action), NULL },
	{ PACK_STR, offsetof(struct hook_conf, pid_file), NULL },
	{ PACK_STR, offsetof(struct hook_conf, signal), NULL },
	{ PACK_STR, offsetof(struct hook_conf, ssl_cert), NULL },
	{ PACK_STRS, offsetof(struct hook_conf, window), NULL },
	{ PACK_I64, offsetof(struct hook_conf, max_connections), NULL },
	{ PACK_STR, offsetof(struct hook_conf, error_log), NULL },
	{ PACK_STR, offsetof(struct hook_conf, unsafe_reload), NULL },
	{ PACK_I64, offsetof(struct hook_conf, quiet_rate), NULL },
	{ PACK_I64, offsetof(struct hook_conf, watch), NULL },
	{ PACK_STRS, offsetof(struct hook_conf, rollback_on), NULL },
	{ PACK_I64, offsetof(struct hook_conf, timeout), NULL },
	{ PACK_I64, offsetof(struct hook_conf, settle), NULL });

const struct pack hook_facts_pack = PACK(hook_facts,
	{ PACK_STR, offsetof(struct hook_facts, version), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, pid), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, uptime), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, shm_free), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, shm_used), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, tls_open), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, tcp_children), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, processes), NULL },
	{ PACK_BOOL, offsetof(struct hook_facts, ids_known), NULL },
	{ PACK_BLOB, offsetof(struct hook_facts, tls_ids), NULL },
	{ PACK_BOOL, offsetof(struct hook_facts, remote), NULL },
	{ PACK_STR, offsetof(struct hook_facts, log_mark), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, release), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, threads_mode), NULL },
	{ PACK_COUNT, offsetof(struct hook_facts, low_memory), NULL },
	{ PACK_STR, offsetof(struct hook_facts, allocator), NULL },
	{ PACK_BOOL, offsetof(struct hook_facts, unsafe_reload), NULL },
	{ PACK_BOOL, offsetof(struct hook_facts, cramped), NULL },
	{ PACK_BOOL, offsetof(struct hook_facts, leaks_memory), NULL },
	{ PACK_STR, offsetof(struct hook_facts, config_dir), NULL },
	{ PACK_STR, offsetof(struct hook_facts, work_dir), NULL },
	{ PACK_STR, offsetof(struct hook_facts, tls_config), NULL },
	{ PACK_STR, offsetof(struct hook_facts, tls_certificate), NULL },
	{ PACK_STR, offsetof(struct hook_facts, tls_private_key), NULL });

const struct pack hook_event_pack = PACK(hook_event,
	{ PACK_STR, offsetof(struct hook_event, event), NULL },
	{ PACK_STRS, offsetof(struct hook_event, certs), NULL },
	{ PACK_STRS, offsetof(struct hook_event, dirs), NULL });

const struct hook_type *
hook_at(size_t i)
{
	return i < NITEMS(hook_types) ? hook_types[i] : NULL;
}

int64_t
hook_deadline_ms(const struct hook_conf *conf)
{
	return time_add(clock_boot_ms(), conf->timeout * 1000);
}

const struct hook_type *
hook_find(const char *name)
{
	const struct hook_type *t;
	size_t i;

	for (i = 0; (t = hook_at(i)) != NULL; i++) {
		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Two ways of writing one address are one server; two transports of it are not seen through. */
static bool
is_same_server(const struct hook_conf *a, const struct hook_conf *b)
{
	struct wire_addr at, bt;
	struct err e;

	return ctl_addr(a, &at, &e) == 0 && ctl_addr(b, &bt, &e) == 0 &&
	    strcmp(at.text, bt.text) == 0;
}

/* A unit is what a server is known by, or only what restarts it. */
static bool
is_same_unit(const struct hook_conf *a, const struct hook_conf *b)
{
	return is_same_text(a->type, hook_kamailio.name) || is_same_text(a->unit, b->unit);
}

bool
hook_same(const struct hook_conf *a, const struct hook_conf *b)
{
	size_t i;

	if (!is_same_text(a->type, b->type) || !is_same_text(a->user, b->user) ||
	    !is_same_unit(a, b) || !is_same_text(a->action, b->action) ||
	    !is_same_text(a->pid_file, b->pid_file) || !is_same_text(a->signal, b->signal) ||
	    !is_same_text(a->ssl_cert, b->ssl_cert) || a->command.n != b->command.n)
		return false;
	for (i = 0; i < a->command.n; i++) {
		if (!is_same_text(a->command.v[i], b->command.v[i]))
			return false;
	}
	return is_same_text(a->rpc, b->rpc) || is_same_server(a, b);
}

bool
hook_restart(const struct hook_conf *h, struct hook_conf *restart)
{
	static char action[] = "restart";

	if (h->unsafe_reload == NULL || strcmp(h->unsafe_reload, "restart") != 0)
		return false;
	*restart = (struct hook_conf){
		.type = (char *)(uintptr_t)hook_systemd.name,
		.rpc = h->bus,
		.unit = h->unit,
		.action = action,
		.timeout = h->timeout * RESTART_TIMEOUT,
	};
	return true;
}

void
hook_facts_init(struct hook_facts *f)
{
	*f = (struct hook_facts){
		.pid = -1, .uptime = -1, .shm_free = -1, .shm_used = -1, .tls_open = -1,
		.tcp_children = -1, .processes = -1, .release = -1, .threads_mode = -1,
		.low_memory = -1,
	};
}

int64_t
hook_survivors(const struct hook_facts *before, const struct hook_facts *after)
{
	struct rd a = rd_of(blob_span(&before->tls_ids));
	struct rd b = rd_of(blob_span(&after->tls_ids));
	uint32_t id, other = 0;
	int64_t n = 0;
	bool have = false;

	if (!before->ids_known || !after->ids_known)
		return -1;
	while (a.n > 0 && rd_ok(&a)) {
		id = rd_u32(&a);
		while (b.n > 0 && (!have || other < id)) {
			other = rd_u32(&b);
			have = true;
		}
		if (have && other == id)
			n++;
	}
	return n;
}

int64_t
hook_arrivals(const struct hook_facts *before, const struct hook_facts *after)
{
	int64_t kept = hook_survivors(before, after);
	int64_t fresh = kept != -1 ? (int64_t)(after->tls_ids.n / 4) - kept :
	    after->tls_open - before->tls_open;

	return fresh > 0 ? fresh : 0;
}
