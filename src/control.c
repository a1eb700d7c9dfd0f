/*
 * control: the role that talks to the servers whose certificates these are:
 * hooks over their control protocols, and handshakes with their listeners.
 * One thing after the other, each with its deadline: a handshake of our own
 * never meets a reload (FAULTS K18).
 */
#include <stdlib.h>

#include "base/log.h"
#include "hooking.h"
#include "hooks/wire.h"
#include "role.h"
#include "verify.h"

static void
on_verify(void *arg, struct message *m)
{
	struct hooking *h = arg;
	struct verify_out out = { 0 };
	struct err e = ERR_NONE;

	if (verify_run(m->body, &out, &e) == 0)
		hooking_answer(h, m->id, MSG_VERIFIED, &out);
	else
		channel_fail(h->keeper, m->id, &e);
	pack_clear(&verify_out_pack, &out);
}

/* No server is waited for that nobody asks about any more. */
static void
leave(void)
{
	log_debug(KV_S("event", "leaving"), KV_S("why", "the keeper has gone"));
	exit(0);
}

static int
control_start(void *arg, struct loop *loop, struct channel *keeper, struct err *e)
{
	wire_lifeline(ROLE_FD, leave);
	return hooking_start(arg, loop, keeper, e);
}

int
main(int argc, char **argv)
{
	static const struct handler table[] = {
		{ MSG_PREFLIGHT, hooking_on_preflight },
		{ MSG_RELOAD, hooking_on_reload },
		{ MSG_WATCH, hooking_on_watch },
		{ MSG_VERIFY, on_verify },
	};
	static const struct handlers handlers = { table, NITEMS(table), hooking_on_end };
	struct hooking control = { .courier = false };
	const struct role_main role = {
		.role = ROLE_CONTROL,
		.handlers = &handlers,
		.arg = &control,
		.start = control_start,
		.stop = hooking_stop,
	};

	return role_main(&role, argc, argv);
}
