/*
 * restart: a server's unit is restarted in place of a reload, where its
 * section says so: because a reload may crash it (FAULTS K18), or because it
 * has no shared memory left for one (K12).
 *
 * All of its connections end. Who does it is the courier, over D-Bus; before
 * and behind it the server is asked by control, and it is over when another
 * process than before has answered.
 */
#ifndef KAMCERT_RESTART_H
#define KAMCERT_RESTART_H

#include "base/err.h"
#include "hooks/hook.h"

struct instance;
struct keeper;
struct loop_timer;

/* How a server was told to load its files, and what it said before and behind that. */
struct told {
	enum hook_result	 result;
	struct err		 why;		/* of all but HOOK_OK */
	int64_t			 ms;
	struct hook_facts	 before, after;
};

/* One at a time for a server. */
struct restart {
	struct keeper		*keeper;
	struct instance		*server;
	bool			 back;
	bool			 sure;		/* systemd has said that it is done */
	int64_t			 began_ms, until_ms, patience_ms;
	struct loop_timer	*timer;
	struct told		 told;		/* as far as it is known */
};

/*
 * Begins it; back: a server that is down is started. instance_told() is
 * called when it is over, but for -1. HOOK_REFUSED: it is the same process as
 * before; HOOK_DOWN: nobody answers any more.
 */
MUST_CHECK int	restart_begin(struct restart *, struct keeper *, struct instance *, bool back,
		    struct err *e);

/* Does the unit run this server, by what both say? HOLD if it runs another process. */
MUST_CHECK int	restart_fits(const struct hook_conf *, const struct hook_facts *server,
		    const struct hook_facts *unit, struct err *e);

/* What an operator is to know: before it, by what the server says, and behind it. */
void		restart_warn(const struct hook_conf *, const struct hook_facts *, struct err *e);
void		restart_mourn(const struct hook_conf *, const struct told *, struct err *e);

void		restart_clear(struct restart *);

#endif
