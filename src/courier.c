/*
 * courier: the role for hooks that must carry a private key to a server, or
 * that need rights over foreign processes. It runs those of the configuration
 * and no others, started only where there is one; it knows neither CA nor
 * account, and has no network but sockets of this host.
 */
#include "hooking.h"
#include "role.h"

int
main(int argc, char **argv)
{
	static const struct handler table[] = {
		{ MSG_ALLOW, hooking_on_allow },
		{ MSG_PREFLIGHT, hooking_on_preflight },
		{ MSG_RELOAD, hooking_on_reload },
	};
	static const struct handlers handlers = { table, NITEMS(table), hooking_on_end };
	struct hooking courier = { .courier = true };
	const struct role_main role = {
		.role = ROLE_COURIER,
		.handlers = &handlers,
		.arg = &courier,
		.start = hooking_start,
		.stop = hooking_stop,
	};

	return role_main(&role, argc, argv);
}
