#include "instance.h"

#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "forecast.h"
#include "hooks/release.h"
#include "keeper.h"
#include "managed.h"
#include "profiles.h"

#define PROFILES_MIN		2	/* the default server and the default client always exist */
#define RELOAD_DISTANCE_MS	5000	/* FAULTS section 1: between two reloads of a server */

enum asked { NOT_ASKED, ASKED, ANSWERED };

struct instance {
	struct instance			*next;
	struct keeper			*keeper;
	const struct hook_conf		*conf;
	const struct hook_type		*type;

	enum asked			 preflight;
	struct err			 preflight_err;		/* class OK: it is fine */
	struct hook_facts		 facts;
	bool				 hindered;		/* by_profiles is known */
	struct err			 by_profiles;		/* class OK: nothing hinders a reload */
	bool				 looked;

	int64_t				 group;			/* in the order of servers */
	enum asked			 reload;
	uint64_t			 sent;			/* keeper's moment of the last reload */
	bool				 touched, refused;
	bool				 back;			/* the last reload was one of the way back */
	int64_t				 reload_at_ms;
	enum hook_result		 result;
	struct err			 reload_err;
	int64_t				 reload_ms;
	struct hook_facts		 before, after;
	struct forecast			 forecast;
	struct lull			 lull;
	struct loop_timer		*pause;
};

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
		pack_clear(&hook_facts_pack, &in->before);
		pack_clear(&hook_facts_pack, &in->after);
		free(in);
	}
}

static void
wake_jobs(struct keeper *k, enum job_step step)
{
	size_t i;

	for (i = 0; i < k->njobs; i++)
		if (k->jobs[i]->at == step)
			job_wake(k->jobs[i]);
}

/* Takes the facts out of a message. */
static void
move_facts(struct hook_facts *to, struct hook_facts *from)
{
	static const struct hook_facts none;

	pack_clear(&hook_facts_pack, to);
	*to = *from;
	*from = none;
}

/* --- preflight --- */

static void
on_facts(void *arg, struct message *m)
{
	struct instance *in = arg;

	in->preflight = ANSWERED;
	if (m->type == MSG_FACTS)
		move_facts(&in->facts, m->body);
	else
		(void)message_error(m, &in->preflight_err);
	wake_jobs(in->keeper, STEP_PREFLIGHT);
	wake_jobs(in->keeper, STEP_LOOK_SERVERS);
}

/* Who runs the hooks of this type. */
static int
find_runner(const struct instance *in, struct channel **ch, struct err *e)
{
	*ch = in->keeper->starter;
	if (in->type->in_starter)
		return 0;
	return keeper_role(in->keeper, in->type->in_courier ? ROLE_COURIER : ROLE_CONTROL, ch, e);
}

/* Operators' programs are looked at by the starter, which would run them. */
static int
ask_preflight(struct instance *in, struct err *e)
{
	struct channel *ch;

	if (find_runner(in, &ch, e) == -1)
		return -1;
	return channel_call(ch, MSG_PREFLIGHT, in->conf, -1, on_facts, in, e);
}

/* One look does for all jobs. Who only looks is told more, elsewhere. */
static enum job_progress
look_for_hindrance(struct instance *in, struct job *j, struct err *e)
{
	struct install_rights rights = { 0 };

	if (!in->hindered && j->at == STEP_PREFLIGHT) {
		in->hindered = true;
		if (install_rights(j->conf, &rights, e) == -1)
			err_clear(e);	/* install will say it */
		if (profiles_hold(&in->facts, profiles_reader(&rights, in->conf->user),
		    in->keeper->setup.config.state_dir, &in->by_profiles) == 0)
			err_clear(&in->by_profiles);
		pack_clear(&install_rights_pack, &rights);
		if (in->by_profiles.class == OUT_FINDING)
			job_note(j, &in->by_profiles);	/* only the server knows what it loads */
	}
	if (managed_is_read((const struct hook_conf *)j->conf->hooks.v + j->hook, &in->facts, e) == -1)
		return JOB_FAILED;
	if (j->at != STEP_PREFLIGHT || in->by_profiles.class != OUT_HOLD)
		return JOB_DONE;
	*e = in->by_profiles;
	return JOB_FAILED;
}

/* What reloads cost is known of the process that was there; another one has lost nothing yet. */
static void
remember(struct instance *in, const struct job *j)
{
	const struct record_server *s = in->conf->rpc == NULL ? NULL :
	    record_server(&j->record, in->conf->rpc);

	if (s != NULL && s->pid == in->facts.pid && s->forecast.reloads > in->forecast.reloads)
		in->forecast = s->forecast;
}

enum job_progress
instance_preflight(struct instance *in, struct job *j, struct err *e)
{
	if (in->type->preflight == NULL)
		return JOB_DONE;
	if (in->preflight == NOT_ASKED) {
		if (ask_preflight(in, e) == -1)
			return JOB_FAILED;
		in->preflight = ASKED;
	}
	if (in->preflight == ASKED)
		return JOB_WAIT;
	if (in->preflight_err.class == OUT_OK) {
		remember(in, j);
		if (j->at == STEP_PREFLIGHT && !instance_has_room(in, &in->facts, e))
			return JOB_FAILED;
		return look_for_hindrance(in, j, e);
	}
	*e = in->preflight_err;
	return JOB_FAILED;
}

/* --- reload --- */

/* Those who may wait for a reload. */
static void
wake_told(struct keeper *k)
{
	wake_jobs(k, STEP_RELOAD);
	wake_jobs(k, STEP_VERIFY);
	wake_jobs(k, STEP_BACK_RELOAD);
}

static void
on_reloaded(void *arg, struct message *m)
{
	struct instance *in = arg;
	struct msg_reloaded *body = m->body;
	struct message failed = { .type = MSG_FAILED, .fd = -1 };

	in->reload = ANSWERED;
	in->reload_at_ms = clock_boot_ms();
	err_clear(&in->reload_err);
	if (m->type == MSG_RELOADED) {
		in->result = (enum hook_result)body->result;
		in->reload_ms = body->ms;
		move_facts(&in->before, &body->before);
		move_facts(&in->after, &body->after);
		if (in->before.pid == in->after.pid && in->result == HOOK_OK)
			forecast_add(&in->forecast, in->before.shm_free, in->after.shm_free);
		failed.body = &body->error;
		if (in->result != HOOK_OK)
			(void)message_error(&failed, &in->reload_err);
	} else if (m->type == MSG_DONE) {	/* an operator's program */
		in->result = HOOK_OK;
	} else {
		(void)message_error(m, &in->reload_err);
		in->result = in->type->in_starter ? HOOK_REFUSED : HOOK_UNKNOWN;
	}
	if (!in->back && in->type->in_starter && in->result == HOOK_REFUSED)
		in->refused = true;
	if (in->type->in_starter || (in->result != HOOK_REFUSED && in->result != HOOK_FAILED &&
	    in->result != HOOK_LATER))
		in->touched = true;
	wake_told(in->keeper);
}

static bool
uses(const struct job *j, const struct instance *in, size_t *hook)
{
	const struct hook_conf *h = j->conf->hooks.v;

	for (*hook = 0; *hook < j->conf->hooks.n; ++*hook)
		if (hook_same(&h[*hook], in->conf))
			return true;
	return false;
}

/* Names and folders of all certificates that this reload is for. */
static int
describe_event(const struct instance *in, const struct job *j, struct hook_event *event,
    struct err *e)
{
	struct keeper *k = in->keeper;
	struct buf dir;
	size_t i, hook;
	int rc = 0;

	event->event = (char *)(uintptr_t)(j->at == STEP_BACK_RELOAD ? "rollback" : "deploy");
	for (i = 0; i < k->njobs && rc == 0; i++) {
		if (k->jobs[i]->at != j->at || !uses(k->jobs[i], in, &hook))
			continue;
		buf_init(&dir, PATH_MAX);
		buf_printf(&dir, "%s/current", store_cert_path(k->jobs[i]->folder));
		if (!buf_ok(&dir) || strs_add(&event->certs, k->jobs[i]->conf->name) == -1 ||
		    strs_add(&event->dirs, buf_cstr(&dir)) == -1)
			rc = err_nomem(e);
		buf_clear(&dir);
	}
	return rc;
}

static int
send_reload(struct instance *in, struct job *j, struct err *e)
{
	struct msg_reload reload = { .hook = *in->conf };
	struct msg_run program = { .cert = j->conf->name };
	struct hook_event event = { 0 };
	struct channel *ch;
	size_t hook;
	int rc = -1;

	if (describe_event(in, j, &event, e) == -1 || find_runner(in, &ch, e) == -1)
		goto out;
	if (in->type->in_starter) {
		(void)uses(j, in, &hook);
		program.hook = (int64_t)hook;
		program.event = event;
		rc = channel_call(ch, MSG_RUN, &program, -1, on_reloaded, in, e);
	} else {
		reload.event = event;
		rc = channel_call(ch, MSG_RELOAD, &reload, -1, on_reloaded, in, e);
	}
out:
	strs_clear(&event.certs);
	strs_clear(&event.dirs);
	return rc;
}

static void
on_pause(void *arg)
{
	struct instance *in = arg;

	in->pause = NULL;
	wake_told(in->keeper);
}

/* Too soon behind the last one? The jobs are woken when it is not any more. */
static bool
must_pause(struct instance *in, struct err *e)
{
	int64_t at = in->reload_at_ms + RELOAD_DISTANCE_MS;

	if (in->type->in_starter || in->reload == NOT_ASKED || clock_boot_ms() >= at)
		return false;
	if (in->pause == NULL)
		in->pause = loop_timer_add(in->keeper->loop, at, on_pause, in, e);
	return in->pause != NULL;
}

enum job_progress
instance_reload(struct instance *in, struct job *j, struct err *e)
{
	enum job_progress p;

	if (in->reload != ASKED && (in->sent == 0 || in->sent < j->since)) {
		if (must_pause(in, e))
			return JOB_WAIT;
		if ((p = lull_wait(&in->lull, in, j, e)) != JOB_DONE) {
			in->result = HOOK_FAILED;
			return p;
		}
		if (send_reload(in, j, e) == -1) {
			in->result = HOOK_FAILED;
			return JOB_FAILED;
		}
		in->back = j->at == STEP_BACK_RELOAD;
		in->sent = ++in->keeper->moments;
		in->reload = ASKED;
	}
	if (in->reload == ASKED)
		return JOB_WAIT;
	if (in->result == HOOK_OK || in->result == HOOK_UNKNOWN)
		return JOB_DONE;
	*e = in->reload_err;
	return JOB_FAILED;
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
	return in->reload == ANSWERED && in->result == HOOK_LATER;
}

int
instance_is_known(const struct instance *in, struct err *e)
{
	if (in->reload != ANSWERED || in->result != HOOK_UNKNOWN)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: unproven: it was told to load its files, and whether it has "
	    "is not known: %.600s", in->conf->rpc != NULL ? in->conf->rpc : in->conf->type,
	    in->reload_err.text);
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
	wake_jobs(in->keeper, STEP_SWITCH);
	wake_told(in->keeper);
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
	const struct record_server s = { .server = in->conf->rpc, .pid = in->after.pid,
		.forecast = in->forecast };

	if (in->reload != ANSWERED || in->after.pid <= 0 || in->conf->rpc == NULL)
		return 0;
	return record_server_note(&j->record, &s, e);
}

const struct hook_facts *
instance_before(const struct instance *in)
{
	return &in->before;
}

bool
instance_tells(const struct instance *in)
{
	return in->type->facts != NULL;
}

int
instance_watch(struct instance *in, channel_answer *answer, void *arg, struct err *e)
{
	struct msg_watch body = { .hook = *in->conf, .log_mark = in->before.log_mark };
	struct channel *ch;

	if (find_runner(in, &ch, e) == -1)
		return -1;
	return channel_call(ch, MSG_WATCH, &body, -1, answer, arg, e);
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
	int64_t expected = in->facts.leaks_memory ?
	    release_leak(in->facts.processes, PROFILES_MIN) : 0;
	int64_t left = forecast_left(&in->forecast, expected, in->after.shm_free,
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
	json_put_str(o, "server", in->before.version);
	json_put_int(o, "reload_ms", in->reload_ms);
	json_put_bool(o, "answer_trusted", in->result == HOOK_OK);
	json_put_int(o, "connections_before", in->before.tls_open);
	json_put_int(o, "connections_after", in->after.tls_open);
	json_put_int(o, "connections_listed", in->before.ids_known ?
	    (int64_t)(in->before.tls_ids.n / 4) : -1);
	json_put_int(o, "connections_kept", hook_survivors(&in->before, &in->after));
	json_put_int(o, "shm_free_before", in->before.shm_free);
	json_put_int(o, "shm_free_after", in->after.shm_free);
	put_forecast(in, o);
}
