/*
 * fakes: the courier, and systemd behind it, which restarts the one server of
 * a run. Words of the trace: unit, restart, back-restart.
 */
#include <string.h>

#include "fakes_private.h"

static bool down, ended;

void
fake_courier_start(void)
{
	down = ended = false;
}

bool
fake_is_down(void)
{
	return down;
}

static void
check_section(const struct hook_conf *h)
{
	ck_assert_str_eq(h->type, "systemd");
	ck_assert_str_eq(h->action, "restart");
	ck_assert_str_eq(h->unit, FAKE_UNIT);
	ck_assert_str_eq(h->rpc, FAKE_BUS);
}

static void
on_preflight(void *arg UNUSED, struct message *m)
{
	struct hook_facts facts;

	check_section(m->body);
	if (fake_comes("unit"))
		return;
	hook_facts_init(&facts);
	facts.pid = fake_pid() + script.other_unit;
	if (script.no_unit || ended)
		fake_refuse(ROLE_COURIER, m->id, OUT_HOLD, ended ? "the unit has failed" :
		    "there is no such unit");
	else
		fake_send(ROLE_COURIER, MSG_FACTS, m->id, &facts);
}

static void
on_restart(void *arg UNUSED, struct message *m)
{
	struct msg_reloaded out = { .error = { .class = OUT_HOLD, .text = fake_text("no") } };
	const struct msg_reload *body = m->body;
	unsigned n = seen.restarts++;
	enum fake_restart how = n < NITEMS(script.restart) ? script.restart[n] : RESTART_OK;

	check_section(&body->hook);
	if (fake_comes(strcmp(body->event.event, "deploy") == 0 ? "restart" : "back-restart"))
		return;
	hook_facts_init(&out.before);
	hook_facts_init(&out.after);
	ended = how == RESTART_DOWN || how == RESTART_DIES;
	down = ended || how == RESTART_MUTE;
	if (how == RESTART_OK || how == RESTART_LOST) {
		script.started++;
		fake_load(0);
	}
	out.result = how == RESTART_DOWN ? HOOK_DOWN : how == RESTART_DENIED ? HOOK_FAILED :
	    how == RESTART_LOST ? HOOK_UNKNOWN : HOOK_OK;
	fake_send(ROLE_COURIER, MSG_RELOADED, m->id, &out);
}

static void
on_end(void *arg UNUSED, const struct err *why UNUSED)
{
	fake_ended(ROLE_COURIER);
}

const struct handlers *
fake_courier_handlers(void)
{
	static const struct handler table[] = {
		{ MSG_PREFLIGHT, on_preflight },
		{ MSG_RELOAD, on_restart },
	};
	static const struct handlers handlers = { table, NITEMS(table), on_end };

	return &handlers;
}
