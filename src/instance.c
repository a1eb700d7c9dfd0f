#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "hooks/release.h"
#include "instance_private.h"
#include "keeper.h"

#define PROFILES_MIN	2	/* the default server and the default client always exist */

struct instance *
instance_of(struct keeper *k, const struct hook_conf *conf, struct err *e)
{
	struct instance *in;

	for (in = k->instances; in != NULL; in = in->next)
		if (hook_same(in->conf, conf))
			return in;
	if ((in = calloc(1, sizeof *in)) == NULL) {
		err_nomem(e);
		return NULL;
	}
	in->keeper = k;
	in->conf = conf;
	if ((in->type = hook_find(conf->type)) == NULL) {
		err_set(e, OUT_HOLD, "hook %s: there is no such type", conf->type);
		free(in);
		return NULL;
	}
	in->next = k->instances;
	k->instances = in;
	return in;
}

void
instances_free(struct keeper *k)
{
	struct instance *in;

	while ((in = k->instances) != NULL) {
		k->instances = in->next;
		loop_timer_del(in->pause);
		lull_clear(&in->lull);
		pack_clear(&hook_facts_pack, &in->facts);
		restart_clear(&in->restart);
		pack_clear(&hook_facts_pack, &in->told.before);
		pack_clear(&hook_facts_pack, &in->told.after);
		free(in);
	}
}

void
instance_wake_step(struct keeper *k, enum job_step step)
{
	size_t i;

	for (i = 0; i < k->njobs; i++)
		if (k->jobs[i]->at == step)
			job_wake(k->jobs[i]);
}

void
instance_wake_told(struct keeper *k)
{
	instance_wake_step(k, STEP_RELOAD);
	instance_wake_step(k, STEP_VERIFY);
	instance_wake_step(k, STEP_BACK_RELOAD);
}

void
instance_facts_move(struct hook_facts *to, struct hook_facts *from)
{
	static const struct hook_facts none;

	pack_clear(&hook_facts_pack, to);
	*to = *from;
	*from = none;
}

int
instance_runner(const struct instance *in, struct channel **ch, struct err *e)
{
	*ch = in->keeper->starter;
	if (in->type->in_starter)
		return 0;
	return keeper_role(in->keeper, in->type->in_courier ? ROLE_COURIER : ROLE_CONTROL, ch, e);
}

const struct hook_facts *
instance_facts(const struct instance *in)
{
	return &in->facts;
}

bool
instance_look_once(struct instance *in)
{
	bool first = !in->looked;

	in->looked = true;
	return first;
}

void
instance_join(struct instance *in, int64_t group)
{
	if (group > in->group)
		in->group = group;
}

int64_t
instance_group(const struct instance *in)
{
	return in->group;
}

bool
instance_was_told(const struct instance *in)
{
	return in->reload == ANSWERED;
}

bool
instance_refused(const struct instance *in)
{
	return in->refused;
}

bool
instance_put_off(const struct instance *in)
{
	return in->reload == ANSWERED && in->told.result == HOOK_LATER;
}

bool
instance_denied(const struct instance *in)
{
	return in->reload == ANSWERED && in->told.result == HOOK_FAILED &&
	    ((in->restarts && in->told.before.pid > 0) || in->told.why.sys == EACCES ||
	    in->told.why.sys == EPERM);
}

int
instance_is_known(const struct instance *in, struct err *e)
{
	if (in->reload != ANSWERED || in->told.result != HOOK_UNKNOWN)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: unproven: it was told to load its files, and whether it "
	    "has is not known: %.600s", in->conf->rpc != NULL ? in->conf->rpc : in->conf->type,
	    in->told.why.text);
	return err_hint(e, "verify = { ... } in its hook, so that its listeners can tell");
}

bool
instance_touched(const struct instance *in)
{
	return in->touched;
}

int64_t
instance_workers(const struct instance *in)
{
	return in->facts.tcp_children > 0 ? in->facts.tcp_children : 1;
}

const struct hook_conf *
instance_conf(const struct instance *in)
{
	return in->conf;
}

struct lull *
instance_lull(struct instance *in)
{
	return &in->lull;
}

void
instance_wake(struct instance *in)
{
	instance_wake_step(in->keeper, STEP_SWITCH);
	instance_wake_told(in->keeper);
}

enum job_progress
instance_quiet(struct instance *in, struct job *j, struct err *e)
{
	return lull_wait(&in->lull, in, j, e);
}

/* --- what was measured --- */

int
instance_note(const struct instance *in, struct job *j, struct err *e)
{
	const struct record_server s = { .server = in->conf->rpc, .pid = in->told.after.pid,
		.forecast = in->forecast };

	if (in->reload != ANSWERED || in->told.after.pid <= 0 || in->conf->rpc == NULL)
		return 0;
	return record_server_note(&j->record, &s, e);
}

const struct hook_facts *
instance_before(const struct instance *in)
{
	return &in->told.before;
}

const struct hook_facts *
instance_process(const struct instance *in)
{
	return in->restarted ? &in->told.after : &in->told.before;
}

bool
instance_restarts(const struct instance *in)
{
	return in->restarts;
}

bool
instance_tells(const struct instance *in)
{
	return in->type->facts != NULL;
}

static int
ask_watch(struct instance *in, struct msg_watch *body, channel_answer *answer, void *arg,
    struct err *e)
{
	struct channel *ch;

	body->hook = *in->conf;
	if (instance_runner(in, &ch, e) == -1)
		return -1;
	return channel_call(ch, MSG_WATCH, body, -1, answer, arg, e);
}

int
instance_watch(struct instance *in, channel_answer *answer, void *arg, struct err *e)
{
	/* of a server that did not answer before it was started, no log is known */
	return ask_watch(in, &(struct msg_watch){ .log_mark = in->told.before.log_mark,
	    .mark = in->restarted && in->told.before.pid == -1 }, answer, arg, e);
}

int
instance_mark(struct instance *in, channel_answer *answer, void *arg, struct err *e)
{
	return ask_watch(in, &(struct msg_watch){ .mark = true }, answer, arg, e);
}

/* Octets that must be free for a reload, by what the server said at preflight. */
static int64_t
least_memory(const struct instance *in)
{
	return in->facts.low_memory > 0 ? in->facts.low_memory : 0;
}

bool
instance_has_room(const struct instance *in, const struct hook_facts *now, struct err *e)
{
	int64_t floor = forecast_floor(&in->forecast, least_memory(in));

	if (now->shm_free < 0 || now->shm_free >= floor)
		return true;
	(void)err_set(e, OUT_HOLD, "%s: %jd KiB of shared memory are free, want %jd (4 times what "
	    "the last reload cost, at least 8 MiB)", in->conf->rpc,
	    (intmax_t)(now->shm_free / 1024), (intmax_t)(floor / 1024));
	(void)err_hint(e, "restart Kamailio, with more shared memory (-m) and, before 5.8.8, "
	    "the allocator fm (-x fm)");
	return false;
}

static void
put_forecast(const struct instance *in, struct json_out *o)
{
	int64_t profiles = in->profiles > PROFILES_MIN ? in->profiles : PROFILES_MIN;
	int64_t expected = in->facts.leaks_memory ?
	    release_leak(in->facts.processes, profiles) : 0;
	int64_t left = forecast_left(&in->forecast, expected, in->told.after.shm_free,
	    least_memory(in));

	json_put_int(o, "shm_cost", in->forecast.last);
	json_put_int(o, "shm_cost_mean", forecast_cost(&in->forecast, expected));
	if (left != FORECAST_ENDLESS)
		json_put_int(o, "reloads_left", left);
}

void
instance_put_proof(const struct instance *in, struct json_out *o)
{
	json_put_str(o, "hook", in->conf->type);
	json_put_str(o, "rpc", in->conf->rpc);
	if (in->reload != ANSWERED || in->type->in_starter)
		return;
	json_put_str(o, "server", in->told.before.version);
	json_put_int(o, "reload_ms", in->told.ms);
	json_put_bool(o, "by_restart", in->restarted);
	json_put_bool(o, "answer_trusted", in->told.result == HOOK_OK);
	json_put_int(o, "connections_before", in->told.before.tls_open);
	json_put_int(o, "connections_after", in->told.after.tls_open);
	json_put_int(o, "connections_listed", in->told.before.ids_known ?
	    (int64_t)(in->told.before.tls_ids.n / 4) : -1);
	json_put_int(o, "connections_kept", in->restarted ? 0 :
	    hook_survivors(&in->told.before, &in->told.after));
	json_put_int(o, "shm_free_before", in->told.before.shm_free);
	json_put_int(o, "shm_free_after", in->told.after.shm_free);
	put_forecast(in, o);
}
