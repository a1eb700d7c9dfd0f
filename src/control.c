/*
 * control: the role that talks to the servers whose certificates these are:
 * hooks over their control protocols, and handshakes with their listeners.
 * One thing after the other, each with its deadline: a handshake of our own
 * never meets a reload (FAULTS K18).
 */
#include "base/clock.h"
#include "hooks/hook.h"
#include "role.h"
#include "verify.h"

struct control {
	struct loop	*loop;
	struct channel	*keeper;
};

static void
answer(struct control *c, uint64_t id, enum message_type type, const void *body)
{
	struct err e = ERR_NONE;

	if (channel_send(c->keeper, type, id, body, -1, &e) == -1)
		channel_fail(c->keeper, id, &e);
}

/* NULL, and the keeper is told, for a type that does not belong here. */
static const struct hook_type *
type_of(struct control *c, uint64_t id, const struct hook_conf *conf)
{
	const struct hook_type *type = conf->type != NULL ? hook_find(conf->type) : NULL;
	struct err e = ERR_NONE;

	if (type != NULL && !type->in_starter)
		return type;
	err_set(&e, OUT_HOLD, "hook: no such type in this role");
	channel_fail(c->keeper, id, &e);
	return NULL;
}

static void
on_preflight(void *arg, struct message *m)
{
	struct control *c = arg;
	const struct hook_conf *conf = m->body;
	const struct hook_type *type = type_of(c, m->id, conf);
	struct hook_facts facts;
	struct err e = ERR_NONE;

	if (type == NULL)
		return;
	hook_facts_init(&facts);
	if (type->preflight(conf, &facts, &e) == 0)
		answer(c, m->id, MSG_FACTS, &facts);
	else
		channel_fail(c->keeper, m->id, &e);
	pack_clear(&hook_facts_pack, &facts);
}

static void
on_reload(void *arg, struct message *m)
{
	struct control *c = arg;
	const struct msg_reload *body = m->body;
	const struct hook_type *type = type_of(c, m->id, &body->hook);
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
		began = clock_boot_ms();
		out.result = type->reload(&body->hook, &body->event, &out.after, &e);
		out.ms = clock_boot_ms() - began;
	}
	out.error.class = e.class;
	out.error.sys = e.sys;
	out.error.retry_at = e.retry_at;
	out.error.text = e.text;
	out.error.hint = e.hint;
	answer(c, m->id, MSG_RELOADED, &out);
	pack_clear(&hook_facts_pack, &out.before);
	pack_clear(&hook_facts_pack, &out.after);
}

static void
on_verify(void *arg, struct message *m)
{
	struct control *c = arg;
	struct verify_out out = { 0 };
	struct err e = ERR_NONE;

	if (verify_run(m->body, &out, &e) == 0)
		answer(c, m->id, MSG_VERIFIED, &out);
	else
		channel_fail(c->keeper, m->id, &e);
	pack_clear(&verify_out_pack, &out);
}

static void
on_end(void *arg, const struct err *why)
{
	struct control *c = arg;

	role_leave(c->loop, why);
}

static int
start(void *arg, struct loop *loop, struct channel *keeper, struct err *e UNUSED)
{
	struct control *c = arg;

	c->loop = loop;
	c->keeper = keeper;
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct handler table[] = {
		{ MSG_PREFLIGHT, on_preflight },
		{ MSG_RELOAD, on_reload },
		{ MSG_VERIFY, on_verify },
	};
	static const struct handlers handlers = { table, NITEMS(table), on_end };
	struct control control = { 0 };
	const struct role_main role = {
		.role = ROLE_CONTROL,
		.handlers = &handlers,
		.arg = &control,
		.start = start,
	};

	return role_main(&role, argc, argv);
}
