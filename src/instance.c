#include "instance.h"

#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "keeper.h"
#include "managed.h"
#include "profiles.h"

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

	enum asked			 reload;
	enum job_step			 reload_step;		/* the last reload was for this step */
	int64_t				 reload_at_ms;
	enum hook_result		 result;
	struct err			 reload_err;
	int64_t				 reload_ms;
	struct hook_facts		 before, after;
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
	in->reload_step = STEP_END;
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

/* Told, but no reason to stop: only the server knows what it loads. */
static void
warn(struct job *j, const struct err *e)
{
	struct report r = {
		.kind = REPORT_NOTE,
		.cert = j->conf->name,
		.step = (char *)(uintptr_t)job_step_name(j->at),
		.text = (char *)(uintptr_t)e->text,
		.hint = (char *)(uintptr_t)e->hint,
		.ms = -1,
	};

	keeper_report(j->keeper, &r);
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
			warn(j, &in->by_profiles);
	}
	if (managed_is_read((const struct hook_conf *)j->conf->hooks.v + j->hook, &in->facts, e) == -1)
		return JOB_FAILED;
	if (j->at != STEP_PREFLIGHT || in->by_profiles.class != OUT_HOLD)
		return JOB_DONE;
	*e = in->by_profiles;
	return JOB_FAILED;
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
	if (in->preflight_err.class == OUT_OK)
		return look_for_hindrance(in, j, e);
	*e = in->preflight_err;
	return JOB_FAILED;
}

/* --- reload --- */

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
		failed.body = &body->error;
		if (in->result != HOOK_OK)
			(void)message_error(&failed, &in->reload_err);
	} else if (m->type == MSG_DONE) {	/* an operator's program */
		in->result = HOOK_OK;
	} else {
		(void)message_error(m, &in->reload_err);
		in->result = in->type->in_starter ? HOOK_REFUSED : HOOK_UNKNOWN;
	}
	wake_jobs(in->keeper, in->reload_step);
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

	event->event = (char *)(uintptr_t)(j->at == STEP_RELOAD ? "deploy" : "rollback");
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
	wake_jobs(in->keeper, STEP_RELOAD);
	wake_jobs(in->keeper, STEP_BACK_RELOAD);
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
	if (in->reload_step != j->at) {
		if (must_pause(in, e))
			return JOB_WAIT;
		if (send_reload(in, j, e) == -1) {
			in->result = HOOK_FAILED;
			return JOB_FAILED;
		}
		in->reload_step = j->at;
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

bool
instance_kept_old(const struct instance *in)
{
	return in->reload != ANSWERED || in->result == HOOK_REFUSED || in->result == HOOK_FAILED;
}

int64_t
instance_workers(const struct instance *in)
{
	return in->facts.tcp_children > 0 ? in->facts.tcp_children : 1;
}

/* --- what was measured --- */

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
	json_put_bool(o, "restarted", in->before.pid != in->after.pid ||
	    in->after.uptime < in->before.uptime);
}
