#include "hooking.h"

#include "base/clock.h"
#include "role.h"

static const struct pack allowed_pack = PACK(hooking,
	{ PACK_LIST, offsetof(struct hooking, allowed), &hook_conf_pack });

void
hooking_answer(struct hooking *h, uint64_t id, enum message_type type, const void *body)
{
	struct err e = ERR_NONE;

	if (channel_send(h->keeper, type, id, body, -1, &e) == -1)
		channel_fail(h->keeper, id, &e);
}

/* From the starter, before the keeper has the other end. */
void
hooking_on_allow(void *arg, struct message *m)
{
	struct hooking *h = arg;
	struct hook_conf *from = m->body, *to = list_add(&h->allowed, sizeof *to);
	static const struct hook_conf none;

	if (to == NULL)
		return;	/* it is refused when it is asked for */
	*to = *from;
	*from = none;
}

static bool
is_allowed(const struct hooking *h, const struct hook_conf *conf)
{
	const struct hook_conf *a = h->allowed.v;
	size_t i;

	for (i = 0; h->courier && i < h->allowed.n; i++)
		if (hook_same(&a[i], conf))
			return true;
	return !h->courier;
}

/* NULL, and the keeper is told, for what does not belong here. */
static const struct hook_type *
type_of(struct hooking *h, uint64_t id, const struct hook_conf *conf)
{
	const struct hook_type *type = conf->type != NULL ? hook_find(conf->type) : NULL;
	struct err e = ERR_NONE;

	if (type == NULL || type->in_starter || type->in_courier != h->courier)
		err_set(&e, OUT_HOLD, "hook: no such type in this role");
	else if (!is_allowed(h, conf))
		err_set(&e, OUT_HOLD, "hook %s: the configuration has no such section", type->name);
	else
		return type;
	channel_fail(h->keeper, id, &e);
	return NULL;
}

void
hooking_on_preflight(void *arg, struct message *m)
{
	struct hooking *h = arg;
	const struct hook_conf *conf = m->body;
	const struct hook_type *type = type_of(h, m->id, conf);
	struct hook_facts facts;
	struct err e = ERR_NONE;

	if (type == NULL)
		return;
	hook_facts_init(&facts);
	if (type->preflight(conf, &facts, &e) == 0)
		hooking_answer(h, m->id, MSG_FACTS, &facts);
	else
		channel_fail(h->keeper, m->id, &e);
	pack_clear(&hook_facts_pack, &facts);
}

/* A log that cannot be read hinders nothing: errlog_since() will say why. */
static void
mark_log(const struct hook_conf *conf, struct hook_facts *before)
{
	struct err e = ERR_NONE;

	if (conf->error_log != NULL && errlog_mark(conf->error_log, &before->log_mark, &e) == -1)
		log_warn(KV_S("event", "no error log"), KV_S("error", e.text));
}

void
hooking_on_reload(void *arg, struct message *m)
{
	struct hooking *h = arg;
	const struct msg_reload *body = m->body;
	const struct hook_type *type = type_of(h, m->id, &body->hook);
	struct msg_reloaded out = { 0 };
	struct err e = ERR_NONE;
	int64_t began;

	if (type == NULL)
		return;
	hook_facts_init(&out.before);
	hook_facts_init(&out.after);
	if (type->facts != NULL && type->facts(&body->hook, &out.before, &e) == -1) {
		/* it was there at preflight: what cannot be asked now is not told to reload */
		out.result = HOOK_FAILED;
	} else {
		mark_log(&body->hook, &out.before);
		began = clock_boot_ms();
		out.result = type->reload(&body->hook, &body->event, &out.after, &e);
		out.ms = clock_boot_ms() - began;
	}
	out.error.class = e.class;
	out.error.sys = e.sys;
	out.error.retry_at = e.retry_at;
	out.error.text = e.text;
	out.error.hint = e.hint;
	hooking_answer(h, m->id, MSG_RELOADED, &out);
	pack_clear(&hook_facts_pack, &out.before);
	pack_clear(&hook_facts_pack, &out.after);
}

void
hooking_on_watch(void *arg, struct message *m)
{
	struct hooking *h = arg;
	const struct msg_watch *body = m->body;
	const struct hook_type *type = type_of(h, m->id, &body->hook);
	struct msg_watched out = { .log = { 0 } };
	struct err e = ERR_NONE;

	if (type == NULL)
		return;
	hook_facts_init(&out.facts);
	if (type->facts != NULL && type->facts(&body->hook, &out.facts, &e) == -1) {
		channel_fail(h->keeper, m->id, &e);
	} else {
		if (body->mark)
			mark_log(&body->hook, &out.facts);
		else if (body->hook.error_log != NULL)
			errlog_since(body->hook.error_log, body->log_mark, &out.log);
		hooking_answer(h, m->id, MSG_WATCHED, &out);
	}
	pack_clear(&hook_facts_pack, &out.facts);
	pack_clear(&errlog_pack, &out.log);
}

void
hooking_on_end(void *arg, const struct err *why)
{
	struct hooking *h = arg;

	role_leave(h->loop, why);
}

int
hooking_start(void *arg, struct loop *loop, struct channel *keeper, struct err *e UNUSED)
{
	struct hooking *h = arg;

	h->loop = loop;
	h->keeper = keeper;
	return 0;
}

void
hooking_stop(void *arg)
{
	pack_clear(&allowed_pack, arg);
}
