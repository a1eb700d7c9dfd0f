#include "rollout.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "keeper.h"

struct job_server *
rollout_new(const struct cert_conf *conf)
{
	struct job_server *s = calloc(conf->hooks.n > 0 ? conf->hooks.n : 1, sizeof *s);
	size_t i;

	for (i = 0; s != NULL && i < conf->hooks.n; i++)
		s[i].kept = s[i].kept_later = -1;
	return s;
}

void
rollout_free(struct job_server *s, const struct cert_conf *conf)
{
	size_t i;

	for (i = 0; s != NULL && i < conf->hooks.n; i++) {
		free(s[i].why);
		pack_clear(&verify_out_pack, &s[i].seen);
		pack_clear(&hook_facts_pack, &s[i].now);
		pack_clear(&errlog_pack, &s[i].log);
		strs_clear(&s[i].warnings);
	}
	free(s);
}

int64_t
rollout_group(const struct job *j, size_t hook)
{
	const struct hook_conf *h = j->conf->hooks.v;
	const struct hook_type *type;
	int64_t servers = 0, at_once = j->conf->hooks_at_once;
	size_t i;

	for (i = 0; i <= hook; i++)
		if ((type = hook_find(h[i].type)) != NULL && !type->in_starter)
			servers++;
	if (servers < 2)
		return 0;
	return 1 + (servers - 2) / (at_once > 0 ? at_once : 1);
}

int
rollout_assign(struct job *j, struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;
	struct instance *in;
	size_t i;

	for (i = 0; i < j->conf->hooks.n; i++) {
		if ((in = instance_of(j->keeper, &h[i], e)) == NULL)
			return -1;
		instance_join(in, rollout_group(j, i));
	}
	return 0;
}

bool
rollout_has(const struct job *j, const struct instance *in)
{
	return instance_group(in) == j->group;
}

/* The least group behind the one that the job is at; that of a server that is left is none. */
bool
rollout_next(struct job *j)
{
	const struct hook_conf *h = j->conf->hooks.v;
	int64_t next = INT64_MAX, group;
	struct instance *in;
	struct err e = ERR_NONE;
	size_t i;

	for (i = 0; i < j->conf->hooks.n; i++) {
		if (j->servers[i].left || (in = instance_of(j->keeper, &h[i], &e)) == NULL)
			continue;
		group = instance_group(in);
		if (group > j->group && group < next)
			next = group;
	}
	if (next == INT64_MAX)
		return false;
	j->group = next;
	return true;
}

static void
on_pause(void *arg)
{
	struct job *j = arg;

	j->pause = NULL;
	job_wake(j);
}

enum job_progress
rollout_wait(struct job *j, int64_t until_ms, struct err *e)
{
	if (j->pause != NULL)
		return JOB_WAIT;
	if (until_ms <= clock_boot_ms())
		return JOB_DONE;
	j->pause = loop_timer_add(j->keeper->loop, until_ms, on_pause, j, e);
	return j->pause != NULL ? JOB_WAIT : JOB_FAILED;
}

/* The first group of a job begins at once, as there is nothing of its own to watch yet. */
enum job_progress
rollout_pause(struct job *j, struct err *e)
{
	const struct keeper *k = j->keeper;
	int64_t until = 0, t;
	size_t i;

	for (i = 0; i < k->njobs; i++) {
		const struct job *other = k->jobs[i];

		if (other->at != STEP_RELOAD || other->group != j->group || other->group == 0)
			continue;
		t = time_add(other->step_ms, other->conf->hooks_pause * 1000);
		until = t > until ? t : until;
	}
	return rollout_wait(j, until, e);
}
