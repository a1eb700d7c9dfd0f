/*
 * instance: what a server, and systemd about its unit, say before anything is
 * touched.
 */
#include "instance_private.h"
#include "keeper.h"
#include "managed.h"
#include "profiles.h"

/* Those who wait for what was asked before anything is touched, or looked at. */
static void
wake_askers(struct keeper *k)
{
	instance_wake_step(k, STEP_PREFLIGHT);
	instance_wake_step(k, STEP_LOOK_SERVERS);
	instance_wake_step(k, STEP_BACK_RELOAD);
}

/* A server that may crash, that has no memory for a reload, or that does not answer at all. */
static bool
must_restart(const struct instance *in)
{
	struct hook_conf restart;
	struct err ignored;

	return hook_restart(in->conf, &restart) && (in->preflight_err.class != OUT_OK ||
	    in->facts.unsafe_reload || in->facts.cramped ||
	    !instance_has_room(in, &in->facts, &ignored));
}

static void
on_facts(void *arg, struct message *m)
{
	struct instance *in = arg;

	in->preflight = ANSWERED;
	if (m->type == MSG_FACTS)
		instance_facts_move(&in->facts, m->body);
	else
		(void)message_error(m, &in->preflight_err);
	in->restarts = must_restart(in);
	wake_askers(in->keeper);
}

/* Operators' programs are looked at by the starter, which would run them. */
static int
ask_preflight(struct instance *in, struct err *e)
{
	struct channel *ch;

	if (instance_runner(in, &ch, e) == -1)
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
		    in->keeper->setup.config.state_dir, &in->profiles, &in->by_profiles) == 0)
			err_clear(&in->by_profiles);
		pack_clear(&install_rights_pack, &rights);
		if (in->by_profiles.class == OUT_FINDING)
			job_note(j, &in->by_profiles);	/* only the server knows what it loads */
	}
	if (managed_is_read((const struct hook_conf *)j->conf->hooks.v + j->hook, &in->facts,
	    e) == -1)
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
instance_facts_wait(struct instance *in, struct err *e)
{
	if (in->preflight == NOT_ASKED) {
		if (ask_preflight(in, e) == -1)
			return JOB_FAILED;
		in->preflight = ASKED;
	}
	return in->preflight == ASKED ? JOB_WAIT : JOB_DONE;
}

static void
on_unit(void *arg, struct message *m)
{
	struct instance *in = arg;

	in->unit = ANSWERED;
	if (m->type != MSG_FACTS)
		(void)message_error(m, &in->unit_err);
	else if (restart_fits(in->conf, &in->facts, m->body, &in->unit_err) == 0)
		err_clear(&in->unit_err);
	wake_askers(in->keeper);
}

/* Is there what systemd says about its unit? */
static enum job_progress
await_unit(struct instance *in, struct err *e)
{
	struct hook_conf restart;
	struct channel *courier;

	if (in->unit == NOT_ASKED) {
		if (!hook_restart(in->conf, &restart) ||
		    keeper_role(in->keeper, ROLE_COURIER, &courier, e) == -1 ||
		    channel_call(courier, MSG_PREFLIGHT, &restart, -1, on_unit, in, e) == -1)
			return JOB_FAILED;
		in->unit = ASKED;
	}
	return in->unit == ASKED ? JOB_WAIT : JOB_DONE;
}

int
instance_unit(const struct instance *in, struct err *e)
{
	if (in->unit_err.class == OUT_OK)
		return 0;
	*e = in->unit_err;
	return -1;
}

/* What ends by a restart is told before anything is touched, and once. */
static int
may_be_told(struct instance *in, const struct job *j, struct err *e)
{
	struct err note = ERR_NONE;

	if (!in->restarts)
		return instance_has_room(in, &in->facts, e) ? 0 : -1;
	if (instance_unit(in, e) == -1)
		return -1;
	if (!in->warned) {
		restart_warn(in->conf, &in->facts, &note);
		job_note(j, &note);
	}
	in->warned = true;
	return 0;
}

enum job_progress
instance_preflight(struct instance *in, struct job *j, struct err *e)
{
	enum job_progress p;

	if (in->type->preflight == NULL)
		return JOB_DONE;
	if ((p = instance_facts_wait(in, e)) != JOB_DONE)
		return p;
	if (in->preflight_err.class != OUT_OK) {
		*e = in->preflight_err;
		return JOB_FAILED;
	}
	remember(in, j);
	in->restarts = must_restart(in);
	if (in->restarts && (p = await_unit(in, e)) != JOB_DONE)
		return p;
	if (j->at == STEP_PREFLIGHT && may_be_told(in, j, e) == -1)
		return JOB_FAILED;
	return look_for_hindrance(in, j, e);
}
