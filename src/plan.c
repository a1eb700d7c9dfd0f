/*
 * plan: which jobs a run has, and what it leaves behind for the next one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cas.h"
#include "keeper.h"
#include "keys.h"
#include "part.h"
#include "status.h"

#define ASK_TOGETHER	(15 * MINUTE)
#define LOOK_AGAIN	HOUR	/* behind a folder that could not be read */

static struct index_due *
index_row(struct keeper *k, const struct cert_conf *conf)
{
	struct index_due *row = k->due;

	while (row->name != conf->name)
		row++;
	return row;
}

/* What is installed, whatever the configuration wants by now. */
static const char *
second_part(const struct job *j)
{
	const struct manifest *m = &j->state.active;

	return m->leaves.n > 1 ? part_suffix(1, manifest_leaf(m, 1)->key_type) : NULL;
}

static int64_t *
wake_of(struct keeper *k, const struct index_due *row)
{
	return &k->wake[row - k->due];
}

/* --- reports --- */

static void
report_result(struct job *j, enum outcome outcome, const char *text, const char *hint)
{
	struct report r = {
		.kind = REPORT_RESULT,
		.cert = j->conf->name,
		.outcome = outcome,
		.text = (char *)(uintptr_t)text,
		.hint = (char *)(uintptr_t)hint,
		.version = j->state.version,
		.ms = -1,
	};

	keeper_report(j->keeper, &r);
	if (outcome > j->keeper->worst)
		j->keeper->worst = outcome;
	if (outcome != OUT_OK)	/* to be told again by the next run, not to become "nothing due" */
		index_row(j->keeper, j->conf)->next = 0;
}

/* It would be time, but something says not yet: the last outcome stands. */
static void
report_held(struct job *j, const struct due *due)
{
	char text[256], when[TIME_TEXT];
	const struct record_result *last = j->record.history.v;
	enum outcome outcome = j->record.history.n == 0 ? OUT_OK :
	    (enum outcome)last[j->record.history.n - 1].outcome;

	if (due->held == DUE_WINDOW && outcome == OUT_OK)
		return;		/* an ordinary wait */
	if (due->at == DUE_NEVER)
		snprintf(text, sizeof text, "held back until an operator asks with --force: %s",
		    due_held_text(due->held));
	else
		snprintf(text, sizeof text, "held back until %s: %s", text_time(due->at, when),
		    due_held_text(due->held));
	report_result(j, due->held == DUE_WINDOW ? OUT_OK : outcome == OUT_OK ? OUT_HOLD : outcome,
	    text, due->held == DUE_ASKED ? "kamcert status tells what the last run found" :
	    "kamcert status tells what the last run found; renew --force tries at once");
}

/* --- which job --- */

enum choice { NOTHING, BEGIN };

static enum choice
begin(struct job *j, enum job_kind kind, int64_t version)
{
	j->version = version;
	job_begin(j, kind);
	return BEGIN;
}

/* Work that an earlier run left undone, or the way back that it had begun. */
static enum choice
choose_pending(struct job *j)
{
	const struct install_state *state = &j->state;

	if (state->pending == PENDING_BACK)
		return begin(j, JOB_BACK, state->from);
	return begin(j, JOB_DEPLOY, state->to);
}

/* For the daemon everything has its time: it has no reason to hurry and nobody to answer to. */
static enum choice
choose_scheduled(struct job *j, const struct due_facts *facts, const struct due *due)
{
	if (due->at > facts->now)
		return due->point > facts->now && renewal_is_wanted(j) ?
		    begin(j, JOB_ASK, j->state.version) : NOTHING;
	return j->state.pending != PENDING_NONE ? choose_pending(j) : begin(j, JOB_ISSUE, 0);
}

/* True, and it is told, where nothing can be judged by the time of day. */
static bool
clock_is_wrong(struct job *j, const struct due_facts *facts)
{
	char text[128], now[TIME_TEXT];

	if (due_clock_holds(facts->now, facts->not_before))
		return false;
	snprintf(text, sizeof text, "clock: it says %s, which is %s", text_time(facts->now, now),
	    facts->not_before > facts->now ? "before what is installed began" :
	    "before kamcert was written");
	report_result(j, OUT_HOLD, text, "set the clock; what is installed stays as it is");
	return true;
}

/* Without hooks, what is installed waits for its deployment until it is due itself. */
static bool
waits_for_hooks(const struct job *j, const struct due_facts *facts)
{
	struct due_facts own = *facts;

	own.work = DUE_RENEW;
	return j->keeper->setup.no_hooks && j->state.pending == PENDING_DEPLOY &&
	    due_of(&own).at > facts->now;
}

static enum choice
choose_renew(struct job *j, const struct due_facts *facts)
{
	const struct msg_setup *setup = &j->keeper->setup;
	struct due due = due_of(facts);

	if (setup->scheduled)
		return choose_scheduled(j, facts, &due);
	/*
	 * the fault may be gone: a run that somebody starts tries at once
	 * (FAULTS V4), up to K11's number
	 */
	j->renews = setup->force && facts->asked <= facts->now && !setup->no_hooks;
	if (j->state.pending == PENDING_BACK && (facts->reload_tries <= DUE_RELOADS ||
	    due.at <= facts->now || setup->force))
		return choose_pending(j);
	if (j->state.pending == PENDING_BACK) {
		report_held(j, &due);
		return NOTHING;
	}
	if (setup->force) {
		if (facts->asked > facts->now) {
			due.at = facts->asked;
			due.held = DUE_ASKED;
			report_held(j, &due);
			return NOTHING;
		}
		return begin(j, JOB_ISSUE, 0);
	}
	/* a deployment costs the CA nothing: it is repeated in every run until it is proven */
	if ((j->state.pending != PENDING_NONE && !setup->no_hooks) || waits_for_hooks(j, facts))
		return choose_pending(j);
	if (due.at <= facts->now)
		return begin(j, JOB_ISSUE, 0);
	if (due.point <= facts->now)
		report_held(j, &due);
	else if (renewal_is_wanted(j))
		return begin(j, JOB_ASK, j->state.version);
	return NOTHING;
}

static enum choice
choose_reload(struct job *j)
{
	if (j->state.pending == PENDING_BACK || j->state.pending == PENDING_DEPLOY)
		return choose_pending(j);
	if (j->state.version == 0) {
		report_result(j, OUT_HOLD, "nothing is installed yet", "kamcert renew gets it");
		return NOTHING;
	}
	return begin(j, JOB_RELOAD, j->state.version);
}

static bool
has_version(struct job *j, int64_t version)
{
	const struct install_version *v;
	struct list all = { 0 };
	struct err e = ERR_NONE;
	bool found = false;
	size_t i;

	if (install_list(j->folder, &all, &e) == -1)
		return false;
	v = all.v;
	for (i = 0; i < all.n; i++)
		found = found || v[i].version == version;
	free(all.v);
	return found;
}

static enum choice
choose_rollback(struct job *j)
{
	int64_t to = j->keeper->setup.version;
	char text[64];

	if (to != 0 && !has_version(j, to)) {
		snprintf(text, sizeof text, "there is no version %lld", (long long)to);
		report_result(j, OUT_USAGE, text, NULL);
		return NOTHING;
	}
	if (to == 0)
		to = j->state.previous;
	if (to == 0 || to == j->state.version) {
		report_result(j, OUT_HOLD, to == 0 ? "there is no earlier version" :
		    "this version is the active one", NULL);
		return NOTHING;
	}
	return begin(j, JOB_DEPLOY, to);
}

/* The CA itself is never asked for a rehearsal (FAULTS L10). */
static enum choice
choose_rehearsal(struct job *j)
{
	j->ca = config_ca(&j->keeper->setup.config, j->conf->ca.v[0]);
	if (j->ca->staging == NULL) {
		report_result(j, OUT_HOLD, "the CA has no staging endpoint to rehearse at",
		    "set staging in its ca section");
		return NOTHING;
	}
	return begin(j, JOB_REHEARSE, 0);
}

static enum choice
choose(struct job *j, const struct due_facts *facts)
{
	switch ((enum command)j->keeper->setup.command) {
	case CMD_RENEW:
		if (j->keeper->setup.dry_run)
			return choose_rehearsal(j);
		if (clock_is_wrong(j, facts))
			return NOTHING;
		return choose_renew(j, facts);
	case CMD_RELOAD:
		return choose_reload(j);
	case CMD_ROLLBACK:
		return choose_rollback(j);
	case CMD_CHECK:
		return begin(j, JOB_LOOK, j->state.version);
	case CMD_STATUS:
		status_send(j, facts);
		break;
	case CMD_WATCH:
		return watched_is_wanted(j) ? begin(j, JOB_WATCH, j->state.version) : NOTHING;
	case CMD_ACCOUNT:
	case CMD_REVOKE:
		break;
	}
	return NOTHING;
}

/* What is wrong with the active set is an alarm in every run, whatever else there is to do. */
static void
report_health(struct job *j)
{
	if (j->state.problem != NULL)
		report_result(j, OUT_ALARM, j->state.problem,
		    j->state.health == INSTALL_CHANGED ?
		    "kamcert leaves it alone: put a version back with kamcert rollback, or order "
		    "a new one with kamcert renew --force" : NULL);
}

/* So is a key that others can get at (FAULTS S09). */
static void
report_exposed(struct job *j)
{
	struct install_rights rights = { 0 };
	struct err e = ERR_NONE;

	if (j->state.health == INSTALL_GOOD && install_rights(j->conf, &rights, &e) == 0 &&
	    install_guarded(j->folder, &j->state.active, &rights, &e) == -1 && e.class == OUT_HOLD)
		report_result(j, OUT_ALARM, e.text, e.hint);
	pack_clear(&install_rights_pack, &rights);
}

/* When a run must look at it again: it is due, or the CA is to be asked. */
static int64_t
next_look(const struct job *j, const struct due_facts *facts)
{
	int64_t at = due_at(facts), ask = renewal_check_at(j);

	return ask < at ? ask : at;
}

/*
 * The same for a daemon, which is awake for what is due to the second. Asking the CA can wait a
 * little, so that one run asks for many certificates. What is due and held back is not asked for.
 */
static int64_t
next_wake(const struct job *j, const struct due_facts *facts)
{
	struct due due = due_of(facts);
	int64_t ask = time_add(renewal_check_at(j), ASK_TOGETHER);

	return due.point > facts->now && ask < due.at ? ask : due.at;
}

/*
 * Where nothing else is to be done: wanted since today, or a run was killed
 * before it came to it.
 */
static void
stage_keys(struct job *j, struct index_due *row)
{
	struct err e = ERR_NONE;

	if (j->keeper->setup.command != CMD_RENEW || j->keeper->setup.dry_run ||
	    keys_stage(j, &e) == 0)
		return;
	log_error(KV_S("cert", j->conf->name), KV_S("event", "no next key"), KV_S("error", e.text));
	row->next = 0;
}

static int
plan_cert(struct keeper *k, const struct cert_conf *conf, struct index_due *row, struct err *e)
{
	struct due_facts facts;
	struct job *j, **more;

	row->name = conf->name;
	*wake_of(k, row) = time_add(clock_wall(), LOOK_AGAIN);
	if ((more = realloc(k->jobs, (k->njobs + 1) * sizeof *more)) == NULL)
		return err_nomem(e);
	k->jobs = more;
	if ((j = job_new(k, conf, e)) == NULL)
		return -1;
	j->id = (int64_t)k->njobs;
	if (cas_choose(j, &facts, e) == -1) {
		job_free(j);
		return -1;
	}
	row->next = next_look(j, &facts);
	row->second = second_part(j);
	*wake_of(k, row) = next_wake(j, &facts);
	if (k->setup.certs.n > 0 && !strs_has(&k->setup.certs, conf->name)) {
		job_free(j);
		return 0;
	}
	if (k->store != NULL && store_is_work(k->store) && k->setup.command != CMD_WATCH) {
		report_health(j);
		report_exposed(j);
	}
	if (choose(j, &facts) == BEGIN) {
		k->jobs[k->njobs++] = j;
		return 0;
	}
	stage_keys(j, row);
	job_free(j);
	return 0;
}

bool
plan_only_watches(const struct keeper *k)
{
	return k->setup.command == CMD_WATCH && !k->setup.force;
}

/* A look is for a few of many; a reload that another kamcert may be at is not to be met. */
static bool
is_passed_over(const struct keeper *k, const struct cert_conf *conf)
{
	return plan_only_watches(k) && (k->store == NULL || store_is_busy(k->store) ||
	    !strs_has(&k->setup.certs, conf->name));
}

int
plan_jobs(struct keeper *k, struct err *e)
{
	const struct cert_conf *certs = k->setup.config.certs.v;
	size_t i, n = k->setup.config.certs.n;
	struct report r = { .kind = REPORT_RESULT, .ms = -1 };
	struct err why;

	if ((k->due = calloc(n, sizeof *k->due)) == NULL ||
	    (k->wake = calloc(n, sizeof *k->wake)) == NULL)
		return err_nomem(e);
	for (i = 0; i < n; i++) {
		err_clear(&why);
		if (is_passed_over(k, &certs[i]))
			continue;
		if (plan_cert(k, &certs[i], &k->due[i], &why) == 0)
			continue;
		r.cert = certs[i].name;
		r.outcome = why.class;
		r.text = why.text;
		r.hint = why.hint;
		keeper_report(k, &r);
		if (why.class > k->worst)
			k->worst = why.class;
	}
	return 0;
}

/* --- the end of a run --- */

static void
plan_next(struct keeper *k, struct job *j)
{
	struct index_due *row = index_row(k, j->conf);
	struct due_facts facts;
	struct err e = ERR_NONE;

	row->next = 0;
	*wake_of(k, row) = time_add(clock_wall(), LOOK_AGAIN);
	if (!j->looked)
		install_state_clear(&j->state);
	if ((!j->looked && install_look(j->folder, clock_wall(), &j->state, &e) == -1) ||
	    cas_choose(j, &facts, &e) == -1) {
		log_warn(KV_S("cert", j->conf->name), KV_S("event", "next run unknown"),
		    KV_S("error", e.text));
		return;
	}
	row->second = second_part(j);
	*wake_of(k, row) = next_wake(j, &facts);
	if (j->err.class == OUT_OK)
		row->next = next_look(j, &facts);
}

int64_t
plan_wake(const struct keeper *k)
{
	int64_t at = INT64_MAX;
	size_t i;

	if (k->wake == NULL)
		return 0;
	for (i = 0; i < k->setup.config.certs.n; i++)
		if (k->wake[i] < at)
			at = k->wake[i];
	return at;
}

void
plan_end(struct keeper *k)
{
	struct err e = ERR_NONE;
	size_t i;

	for (i = 0; i < k->njobs; i++)
		plan_next(k, k->jobs[i]);
	if (index_write(k->store, &k->setup.config, k->due, k->setup.config.certs.n, clock_wall(),
	    &e) == -1)
		log_warn(KV_S("event", "no index"), KV_S("error", e.text));
}
