/*
 * deploy: the steps of a job that put a version into service: preflight,
 * switch, reload, verify, and the same steps back. The record of it all is
 * deploy_record.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "deploy.h"
#include "instance.h"
#include "keeper.h"
#include "managed.h"
#include "prove.h"
#include "rollout.h"

/* Which hooks are passed over, in a step. */
typedef bool skips(const struct job *, const struct instance *);

static bool
skips_none(const struct job *j, const struct instance *in UNUSED)
{
	return j->servers[j->hook].left;
}

static bool
skips_other_groups(const struct job *j, const struct instance *in)
{
	return j->servers[j->hook].left || !rollout_has(j, in);
}

/* A server that kept its old set needs no second reload (FAULTS K04). */
static bool
skips_untouched(const struct job *j, const struct instance *in)
{
	return j->kind != JOB_BACK && !instance_touched(in);
}

static bool
goes_back(const struct job *j)
{
	return j->at == STEP_BACK_RELOAD || j->at == STEP_BACK_VERIFY;
}

bool
deploy_spare(struct job *j, const struct instance *in, const struct err *e)
{
	struct job_server *s = &j->servers[j->hook];

	/* a program that has refused to go forward need not go back */
	if (j->at == STEP_BACK_RELOAD && instance_refused(in)) {
		job_note(j, e);
		return true;
	}
	if (!goes_back(j) && (!j->conf->hooks_partial || rollout_group(j, j->hook) == 0))
		return false;
	free(s->why);
	s->why = strdup(e->text);
	if (goes_back(j))
		s->stuck = true;
	else
		s->left = true;
	job_note(j, e);
	return true;
}

/* Calls ask() for one hook after the other; a hook that waits is asked again. */
static enum job_progress
each_hook(struct job *j, skips *skip, enum job_progress (*ask)(struct instance *, struct job *,
    struct err *e), struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;
	struct instance *in;
	enum job_progress p;

	for (; !j->keeper->setup.no_hooks && j->hook < j->conf->hooks.n; j->hook++) {
		if ((in = instance_of(j->keeper, &h[j->hook], e)) == NULL)
			return JOB_FAILED;
		if (skip(j, in))
			continue;
		p = ask(in, j, e);
		if (p == JOB_WAIT || (p == JOB_FAILED && !deploy_spare(j, in, e)))
			return p;
	}
	return JOB_DONE;
}

/* What is to be said of servers that are left, or stuck; false if there are none. */
static bool
tell_of(const struct job *j, bool stuck, struct err *e)
{
	const struct job_server *s = j->servers;
	size_t i, n = 0, first = 0;

	for (i = 0; i < j->conf->hooks.n; i++)
		if ((stuck && s[i].stuck) || (!stuck && s[i].left)) {
			first = n == 0 ? i : first;
			n++;
		}
	if (n == 0)
		return false;
	err_set(e, OUT_HOLD, "%zu of %zu servers %s: %.800s", n, j->conf->hooks.n,
	    stuck ? "could not be led back" : "were left as they are",
	    s[first].why != NULL ? s[first].why : "no memory");
	return true;
}

/* --- forward --- */

/* Challenges are met by the answer role, which may lack what this certificate needs. */
static int
can_answer(const struct job *j, struct err *e)
{
	const struct msg_lost *l = j->keeper->answer.lost.v;
	size_t i;

	if (j->kind != JOB_ISSUE && j->kind != JOB_REHEARSE)
		return 0;
	if (j->keeper->no_answer.class != OUT_OK) {
		*e = j->keeper->no_answer;
		return -1;
	}
	for (i = 0; i < j->keeper->answer.lost.n; i++)
		if (strcmp(l[i].cert, j->conf->name) == 0)
			return message_to_err(&l[i].why, e);
	return 0;
}

enum job_progress
deploy_preflight(struct job *j, struct err *e)
{
	enum job_progress p;

	if (can_answer(j, e) == -1)
		return JOB_FAILED;
	if (rollout_assign(j, e) == -1)
		return JOB_FAILED;
	p = each_hook(j, skips_none, instance_preflight, e);
	if (p == JOB_DONE && (managed_check(j, 0, e) == -1 || quiet_wait(j, e) == -1))
		p = JOB_FAILED;
	if (p == JOB_FAILED && j->state.health == INSTALL_EMPTY && e->hint[0] == '\0' &&
	    !j->keeper->setup.no_hooks)
		err_hint(e, "a server that needs the certificate to start: kamcert renew "
		    "--no-hooks, start it, then kamcert reload");
	return p;
}

/* What was proven, and told, before says nothing of the version that is active now (FAULTS V2). */
static void
begin_proof(struct job *j)
{
	j->since = ++j->keeper->moments;
	strs_clear(&j->seen);
	for (size_t i = 0; i < j->conf->hooks.n; i++)
		j->servers[i].proven = false;
}

/* A reload for another certificate would load this one too, and nobody would look at it. */
static void
take_back_switch(struct job *j)
{
	struct err why = ERR_NONE;

	if (install_unswitch(j->folder, &why) == 0)
		return;
	(void)err_in(&why, "version %lld is active, and the next run tells the servers",
	    (long long)j->version);
	job_note(j, &why);
}

/* Close to the reload, so that the time in which a starting server could see both is short. */
enum job_progress
deploy_switch(struct job *j, struct err *e)
{
	enum job_progress p = each_hook(j, skips_other_groups, instance_quiet, e);

	if (p != JOB_DONE)
		return p;
	store_cert_point(j->folder, managed_turn, j);
	if (install_switch(j->folder, j->version, clock_wall(), e) == -1)
		return JOB_FAILED;
	begin_proof(j);
	if (j->keeper->setup.no_hooks || install_asked(j->folder, clock_wall(), e) == 0)
		return JOB_DONE;
	take_back_switch(j);
	return JOB_FAILED;
}

/* "Not now" is no reason to go back: what waits is as good as before (FAULTS K05). */
static bool
put_off(const struct job *j, struct err *e)
{
	const struct hook_conf *h = (const struct hook_conf *)j->conf->hooks.v + j->hook;
	struct err why = ERR_NONE;
	const struct instance *in = instance_of(j->keeper, h, &why);

	if (in == NULL || !instance_put_off(in))
		return false;
	(void)err_hint(e, "the files are in place, and the next run tells it");
	return true;
}

/*
 * Nobody may tell the server, and no other one was told: it is as if it had been found before the
 * switch, and an operator's to mend (FAULTS K01). A rollback would have nothing to lead back, and
 * call a version bad that nobody has tried.
 */
static bool
was_denied(struct job *j, struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;
	const struct instance *in;
	struct err why = ERR_NONE;
	size_t i;

	if (j->kind == JOB_RELOAD || (in = instance_of(j->keeper, &h[j->hook], &why)) == NULL ||
	    !instance_denied(in))
		return false;
	for (i = 0; i < j->conf->hooks.n; i++)
		if ((in = instance_of(j->keeper, &h[i], &why)) == NULL || instance_touched(in))
			return false;
	(void)err_in(e, "the server was not told, and serves what it did before");
	take_back_switch(j);
	return true;
}

enum job_progress
deploy_reload(struct job *j, struct err *e)
{
	enum job_progress p;

	if (j->group > 0 && j->keeper->stopping) {
		j->leave = true;
		err_set(e, OUT_RETRY, "stopped by a signal, with servers still to be told");
		err_hint(e, "the next run tells all of them");
		return JOB_FAILED;
	}
	if ((p = rollout_pause(j, e)) != JOB_DONE)
		return p;
	/* files that are managed since the last switch */
	if (j->kind == JOB_RELOAD && j->group == 0 && !j->turned &&
	    managed_turn(j, j->version, e) == -1)
		return JOB_FAILED;
	j->turned = true;
	p = each_hook(j, skips_other_groups, instance_reload, e);
	j->leave = p == JOB_FAILED && (put_off(j, e) || was_denied(j, e));
	return p;
}

/* --- verify --- */

static bool
skips_unwatched(const struct job *j, const struct instance *in)
{
	const struct hook_conf *h = (const struct hook_conf *)j->conf->hooks.v + j->hook;

	return skips_other_groups(j, in) || h->watch == 0;
}

static int64_t
longest_watch(const struct job *j)
{
	const struct hook_conf *h = j->conf->hooks.v;
	const struct instance *in;
	struct err e = ERR_NONE;
	int64_t longest = 0;
	size_t i;

	for (i = 0; i < j->conf->hooks.n; i++)
		if ((in = instance_of(j->keeper, &h[i], &e)) != NULL && rollout_has(j, in) &&
		    !j->servers[i].left && h[i].watch > longest)
			longest = h[i].watch;
	return longest;
}

/* What was proven may have become another's since (FAULTS K15). */
static void
forget_proof(struct job *j)
{
	const struct hook_conf *h = j->conf->hooks.v;
	const struct instance *in;
	struct err e = ERR_NONE;

	for (size_t i = 0; i < j->conf->hooks.n; i++)
		if (h[i].watch != 0 && (in = instance_of(j->keeper, &h[i], &e)) != NULL &&
		    rollout_has(j, in))
			j->servers[i].proven = false;
}

/* All of the group are proven, and later they are looked at once more. */
static enum job_progress
watch_group(struct job *j, struct err *e)
{
	int64_t watch = longest_watch(j);
	enum job_progress p;

	if (watch == 0 || j->keeper->stopping)
		return JOB_DONE;
	if (j->watch_until == 0) {
		j->watch_until = time_add(clock_boot_ms(), watch * 1000);
		j->hook = 0;
	}
	if ((p = rollout_wait(j, j->watch_until, e)) != JOB_DONE)
		return p;
	if (!j->watched) {
		j->watched = true;
		forget_proof(j);
	}
	return each_hook(j, skips_unwatched, prove_one, e);
}

enum job_progress
deploy_verify(struct job *j, struct err *e)
{
	enum job_progress p = JOB_WAIT;

	if (!j->asked && j->watch_until == 0)
		p = each_hook(j, skips_other_groups, prove_one, e);
	if (!j->asked && (p == JOB_DONE || j->watch_until != 0))
		p = watch_group(j, e);
	if (p != JOB_DONE)
		return p;
	if (rollout_next(j))
		return JOB_MORE;
	if (tell_of(j, false, e)) {
		j->leave = true;
		err_hint(e, "the others serve version %lld; kamcert reload tells all of them again",
		    (long long)j->version);
		return JOB_FAILED;
	}
	if (j->kind != JOB_RELOAD && install_done(j->folder, clock_wall(), e) == -1) {
		/* what was proven is not given up for want of a note of it */
		j->leave = true;
		(void)err_hint(e, "it is served; the next run proves it once more");
		return JOB_FAILED;
	}
	j->served = j->version;
	return JOB_DONE;
}

/* --- back --- */

enum job_progress
deploy_back_switch(struct job *j, struct err *e)
{
	const char *reason = j->err.class != OUT_OK ? j->err.text : "an earlier run gave it up";

	store_cert_point(j->folder, managed_turn, j);
	if (install_back(j->folder, reason, clock_wall(), e) == -1)
		return JOB_FAILED;
	begin_proof(j);
	install_state_clear(&j->state);
	if (install_look(j->folder, clock_wall(), &j->state, e) == -1)
		return JOB_FAILED;
	j->version = j->state.version;
	return install_asked(j->folder, clock_wall(), e) == -1 ? JOB_FAILED : JOB_DONE;
}

enum job_progress
deploy_back_reload(struct job *j, struct err *e)
{
	enum job_progress p = each_hook(j, skips_untouched, instance_reload, e);

	return p == JOB_DONE && tell_of(j, true, e) ? JOB_FAILED : p;
}

static bool
skips_stuck(const struct job *j, const struct instance *in UNUSED)
{
	return j->servers[j->hook].stuck;
}

static size_t
count_stuck(const struct job *j)
{
	size_t i, n = 0;

	for (i = 0; i < j->conf->hooks.n; i++)
		n += j->servers[i].stuck;
	return n;
}

bool
deploy_is_foreign(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->conf->hooks.n; i++)
		if (j->servers[i].stuck && j->servers[i].foreign)
			return true;
	return false;
}

/* Who could not be told has made it an alarm already, and the way back stays open. */
enum job_progress
deploy_back_verify(struct job *j, struct err *e)
{
	size_t stuck = count_stuck(j);
	enum job_progress p = j->asked ? JOB_WAIT : each_hook(j, skips_stuck, prove_one, e);

	if (p != JOB_DONE)
		return p;
	if (deploy_is_foreign(j))
		err_hint(&j->err, "somebody else's certificate is left as it is, and nothing is "
		    "tried by itself until tomorrow; kamcert reload goes on");
	if (tell_of(j, true, e))
		return j->err.class == OUT_ALARM && count_stuck(j) == stuck ? JOB_DONE : JOB_FAILED;
	if (install_done(j->folder, clock_wall(), e) == -1)
		return JOB_FAILED;
	j->served = j->version;
	j->err.class = OUT_ROLLBACK;
	if (j->kind == JOB_BACK)
		err_set(&j->err, OUT_ROLLBACK, "a rollback that was cut off is complete");
	return JOB_DONE;
}
