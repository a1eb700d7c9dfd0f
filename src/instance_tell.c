/*
 * instance: the reload for all certificates of a run, or the restart in its
 * place.
 */
#include <limits.h>

#include "base/clock.h"
#include "instance_private.h"
#include "keeper.h"

#define RELOAD_DISTANCE_MS	5000	/* FAULTS section 1: between two reloads of a server */

void
instance_told(struct instance *in, struct told *told)
{
	const bool kept = told->result == HOOK_REFUSED || told->result == HOOK_FAILED ||
	    told->result == HOOK_LATER;

	in->reload = ANSWERED;
	in->reload_at_ms = clock_boot_ms();
	instance_facts_move(&in->told.before, &told->before);
	instance_facts_move(&in->told.after, &told->after);
	in->told.result = told->result;
	in->told.why = told->why;
	in->told.ms = told->ms;
	in->restarted = in->restarts && told->result == HOOK_OK;
	if (in->restarted)
		in->forecast = (struct forecast){ 0 };
	else if (in->told.before.pid == in->told.after.pid && told->result == HOOK_OK)
		forecast_add(&in->forecast, in->told.before.shm_free, in->told.after.shm_free);
	if (!in->back && in->type->in_starter && told->result == HOOK_REFUSED)
		in->refused = true;
	if (in->type->in_starter || !kept)
		in->touched = true;
	instance_wake_told(in->keeper);
}

static void
on_reloaded(void *arg, struct message *m)
{
	struct instance *in = arg;
	struct msg_reloaded *body = m->body;
	struct message failed = { .type = MSG_FAILED, .fd = -1 };
	struct told told = { .result = HOOK_OK };

	hook_facts_init(&told.before);
	hook_facts_init(&told.after);
	if (m->type == MSG_RELOADED) {
		told.result = (enum hook_result)body->result;
		told.ms = body->ms;
		instance_facts_move(&told.before, &body->before);
		instance_facts_move(&told.after, &body->after);
		failed.body = &body->error;
		if (told.result != HOOK_OK)
			(void)message_error(&failed, &told.why);
	} else if (m->type != MSG_DONE) {	/* which is of an operator's program */
		(void)message_error(m, &told.why);
		told.result = in->type->in_starter ? HOOK_REFUSED : HOOK_UNKNOWN;
	}
	instance_told(in, &told);
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

	if (describe_event(in, j, &event, e) == -1 || instance_runner(in, &ch, e) == -1)
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
	instance_wake_told(in->keeper);
}

/* Too soon behind the last one? The jobs are woken when it is not any more. */
static bool
must_pause(struct instance *in, struct err *e)
{
	int64_t at = in->reload_at_ms + RELOAD_DISTANCE_MS;

	if (in->type->in_starter || in->restarts || in->reload == NOT_ASKED ||
	    clock_boot_ms() >= at)
		return false;
	if (in->pause == NULL)
		in->pause = loop_timer_add(in->keeper->loop, at, on_pause, in, e);
	return in->pause != NULL;
}

/* Who goes back from an earlier run has not asked the server yet. */
static enum job_progress
await_moment(struct instance *in, struct job *j, struct err *e)
{
	struct hook_conf restart;
	enum job_progress p;

	if (hook_restart(in->conf, &restart) && (p = instance_facts_wait(in, e)) != JOB_DONE)
		return p;
	return must_pause(in, e) ? JOB_WAIT : lull_wait(&in->lull, in, j, e);
}

static int
tell(struct instance *in, struct job *j, struct err *e)
{
	bool back = j->at == STEP_BACK_RELOAD;

	if (in->restarts ? restart_begin(&in->restart, in->keeper, in, back, e) == -1 :
	    send_reload(in, j, e) == -1)
		return -1;
	in->back = back;
	in->mourned = false;
	in->sent = ++in->keeper->moments;
	in->reload = ASKED;
	return 0;
}

static void
mourn(struct instance *in, const struct job *j)
{
	struct err note = ERR_NONE;

	if (!in->restarted || in->mourned)
		return;
	in->mourned = true;
	restart_mourn(in->conf, &in->told, &note);
	job_note(j, &note);
}

enum job_progress
instance_reload(struct instance *in, struct job *j, struct err *e)
{
	enum job_progress p;

	if (in->reload != ASKED && (in->sent == 0 || in->sent < j->since)) {
		p = await_moment(in, j, e);
		if (p == JOB_DONE && tell(in, j, e) == -1)
			p = JOB_FAILED;
		if (p == JOB_FAILED)
			in->told.result = HOOK_FAILED;
		if (p != JOB_DONE)
			return p;
	}
	if (in->reload == ASKED)
		return JOB_WAIT;
	mourn(in, j);
	if (in->told.result == HOOK_OK || in->told.result == HOOK_UNKNOWN)
		return JOB_DONE;
	*e = in->told.why;
	return JOB_FAILED;
}
