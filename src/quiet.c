/*
 * quiet: servers with many open connections are left alone for a while
 * (max-connections), as they are outside of their windows.
 */
#include "base/clock.h"
#include "due.h"
#include "instance.h"
#include "keeper.h"

/* What was asked for by force, what is the first, and what is about to expire does not wait. */
static bool
can_wait(const struct job *j)
{
	const struct manifest *m = &j->state.active;
	int64_t reserve = due_reserve(time_add(m->not_after, -m->not_before));

	return !j->keeper->setup.force && (j->kind == JOB_ISSUE || j->kind == JOB_DEPLOY) &&
	    j->state.version != 0 && time_add(m->not_after, -reserve) > clock_wall();
}

int
quiet_wait(struct job *j, struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;
	struct instance *in;
	size_t i;

	if (j->keeper->setup.no_hooks || !can_wait(j))
		return 0;
	for (i = 0; i < j->conf->hooks.n; i++) {
		if (h[i].max_connections == 0)
			continue;
		if ((in = instance_of(j->keeper, &h[i], e)) == NULL)
			return -1;
		if (instance_facts(in)->tls_open < h[i].max_connections)
			continue;
		j->crowded = true;
		err_set(e, OUT_RETRY, "%s at %s: want fewer than %lld open TLS connections",
		    h[i].type, h[i].rpc, (long long)h[i].max_connections);
		return err_hint(e, "it waits until there are, or little is left of the "
		    "certificate; renew --force does not");
	}
	return 0;
}
