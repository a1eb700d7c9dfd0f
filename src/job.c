#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cas.h"
#include "keeper.h"
#include "preflight.h"
#include "rollout.h"

static const struct step {
	const char		*name;
	enum job_progress	(*run)(struct job *, struct err *e);
	enum job_step		 next;
	enum job_step		 if_failed;
	bool			 together;	/* no job goes on before all are here or beyond */
} steps[STEP_END] = {
	[STEP_ASK]         = { "renewal information", renewal_ask, STEP_PREFLIGHT, STEP_RECORD,
	    false },
	[STEP_PREFLIGHT]   = { "preflight", deploy_preflight, STEP_ACCOUNT, STEP_RECORD, false },
	[STEP_ACCOUNT]     = { "account", issue_account, STEP_NAMES, STEP_RECORD, false },
	[STEP_NAMES]       = { "names", preflight_names, STEP_ORDER, STEP_RECORD, false },
	[STEP_ORDER]       = { "order", issue_order, STEP_CHAIN, STEP_RECORD, false },
	[STEP_CHAIN]       = { "chain", issue_chain, STEP_REHEARSE, STEP_RECORD, false },
	[STEP_REHEARSE]    = { "rehearse", issue_rehearse, STEP_INSTALL, STEP_RECORD, false },
	[STEP_INSTALL]     = { "install", issue_install, STEP_SWITCH, STEP_RECORD, false },
	[STEP_SWITCH]      = { "switch", deploy_switch, STEP_RELOAD, STEP_RECORD, true },
	[STEP_RELOAD]      = { "reload", deploy_reload, STEP_VERIFY, STEP_BACK_SWITCH, true },
	[STEP_VERIFY]      = { "verify", deploy_verify, STEP_RECORD, STEP_BACK_SWITCH, false },
	[STEP_BACK_SWITCH] = { "roll back", deploy_back_switch, STEP_BACK_RELOAD, STEP_RECORD,
	    true },
	[STEP_BACK_RELOAD] = { "roll back: reload", deploy_back_reload, STEP_BACK_VERIFY,
	    STEP_BACK_VERIFY, true },
	[STEP_BACK_VERIFY] = { "roll back: verify", deploy_back_verify, STEP_RECORD, STEP_RECORD,
	    false },
	[STEP_RECORD]      = { "record", deploy_record, STEP_ASK_AFTER, STEP_END, false },
	[STEP_ASK_AFTER]   = { "renewal information", renewal_ask_after, STEP_LOOK_FILES, STEP_END,
	    false },
	[STEP_LOOK_FILES]  = { "files", look_files, STEP_LOOK_SERVERS, STEP_LOOK_SERVERS, false },
	[STEP_LOOK_SERVERS] = { "server", look_servers, STEP_LOOK_SERVED, STEP_LOOK_SERVED, false },
	[STEP_LOOK_SERVED] = { "served", look_served, STEP_LOOK_CA, STEP_LOOK_CA, false },
	[STEP_LOOK_CA]     = { "ca", look_ca, STEP_WATCH, STEP_WATCH, false },
	[STEP_WATCH]       = { "served", watched_look, STEP_END, STEP_END, false },
};

#define BIT(step)	(1u << (step))
#define ISSUING		(BIT(STEP_ACCOUNT) | BIT(STEP_NAMES) | BIT(STEP_ORDER) | BIT(STEP_CHAIN) | \
	BIT(STEP_REHEARSE))
#define TELLING		(BIT(STEP_RELOAD) | BIT(STEP_VERIFY))
#define GOING_BACK	(BIT(STEP_BACK_SWITCH) | BIT(STEP_BACK_RELOAD) | BIT(STEP_BACK_VERIFY))
#define BY_HOOKS	(TELLING | BIT(STEP_BACK_RELOAD) | BIT(STEP_BACK_VERIFY))

/* The steps that a kind of job does; it passes over the others. */
static const unsigned ways[] = {
	[JOB_ASK]      = BIT(STEP_ASK),
	[JOB_ISSUE]    = BIT(STEP_PREFLIGHT) | ISSUING | BIT(STEP_INSTALL) | BIT(STEP_SWITCH) |
	    TELLING | GOING_BACK | BIT(STEP_RECORD) | BIT(STEP_ASK_AFTER),
	[JOB_DEPLOY]   = BIT(STEP_PREFLIGHT) | BIT(STEP_SWITCH) | TELLING | GOING_BACK |
	    BIT(STEP_RECORD),
	[JOB_RELOAD]   = BIT(STEP_PREFLIGHT) | TELLING | BIT(STEP_RECORD),
	[JOB_BACK]     = GOING_BACK | BIT(STEP_RECORD),
	[JOB_LOOK]     = BIT(STEP_LOOK_FILES) | BIT(STEP_LOOK_SERVERS) | BIT(STEP_LOOK_SERVED) |
	    BIT(STEP_LOOK_CA),
	[JOB_WATCH]    = BIT(STEP_WATCH),
	[JOB_REHEARSE] = BIT(STEP_PREFLIGHT) | ISSUING | BIT(STEP_RECORD),
};

const char *
job_step_name(enum job_step s)
{
	return s < STEP_END ? steps[s].name : "end";
}

bool
job_has_ended(const struct job *j)
{
	return j->at == STEP_END && (!j->task_open || j->given_up || j->keeper->stopping);
}

/* To look, nothing needs to be there: what is missing was never installed. */
static int
read_folder(struct job *j, struct err *e)
{
	struct store *store = j->keeper->store;
	struct record_time now;

	if (store == NULL)
		return 0;
	record_now(&now);
	if (store_cert_open(store, j->conf->name, &j->folder, e) == -1)
		return e->sys == ENOENT && !store_is_work(store) ? 0 : -1;
	if (record_load(j->folder, &now, &j->record, e) == -1)
		return -1;
	if (j->record.was_damaged && store_is_work(store))
		log_warn(KV_S("cert", j->conf->name), KV_S("event", "record damaged"),
		    KV_S("kept", "record.json.bad"));
	return install_look(j->folder, now.wall, &j->state, e);
}

struct job *
job_new(struct keeper *k, const struct cert_conf *conf, struct err *e)
{
	struct job *j;

	if ((j = calloc(1, sizeof *j)) == NULL) {
		err_nomem(e);
		return NULL;
	}
	j->keeper = k;
	j->conf = conf;
	j->at = STEP_END;
	j->failed_at = STEP_RECORD;
	if ((j->servers = rollout_new(conf)) == NULL)
		err_nomem(e);
	if (j->servers == NULL || read_folder(j, e) == -1) {
		job_free(j);
		return NULL;
	}
	return j;
}

void
job_forget_orders(struct job *j)
{
	while (j->nparts > 0) {
		struct job_part *p = &j->parts[--j->nparts];

		key_free(p->key);
		chain_free(p->chain);
		free(p->order_url);
	}
	key_free(j->key);
	j->key = NULL;
	chain_free(j->chain);
	j->chain = NULL;
	free(j->order_url);
	j->order_url = NULL;
	blob_clear(&j->pem);
	blob_clear(&j->request);
}

void
job_free(struct job *j)
{
	if (j == NULL)
		return;
	loop_timer_del(j->deadline);
	preflight_free(j->preflight);
	job_forget_orders(j);
	free(j->unserved);
	free(j->ca_why);
	strs_clear(&j->tried);
	strs_clear(&j->seen);
	loop_timer_del(j->pause);
	rollout_free(j->servers, j->conf);
	csrfile_clear(&j->csr);
	pack_clear(&record_pack, &j->record);
	install_state_clear(&j->state);
	store_cert_free(j->folder);
	free(j);
}

static void
report_step(struct job *j, enum report_kind kind, enum outcome outcome, const struct err *e)
{
	struct report r = {
		.kind = kind,
		.cert = j->conf->name,
		.step = (char *)(uintptr_t)job_step_name(j->at),
		.outcome = outcome,
		.text = (char *)(uintptr_t)(e != NULL ? e->text : kind == REPORT_START ? NULL :
		    "done"),
		.hint = (char *)(uintptr_t)(e != NULL ? e->hint : NULL),
		.version = j->version,
		.ms = kind == REPORT_START ? -1 : clock_boot_ms() - j->step_ms,
	};

	keeper_report(j->keeper, &r);
}

void
job_note(const struct job *j, const struct err *e)
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

static bool
does(const struct job *j, enum job_step s)
{
	if (j->keeper->setup.no_hooks && (BY_HOOKS & BIT(s)) != 0)
		return false;
	return (ways[j->kind] & BIT(s)) != 0;
}

/* The way of a certificate; what stands around it is told by itself or not at all. */
static bool
is_told(enum job_step s)
{
	return s > STEP_ASK && s < STEP_RECORD;
}

/* Steps that this job does not do are passed over; a new one is announced. */
static void
enter(struct job *j, enum job_step s)
{
	while (s != STEP_END && !does(j, s))
		s = steps[s].next;
	j->at = s;
	j->hook = 0;
	j->asked = false;
	j->turned = false;
	j->retell = false;
	j->watch_until = 0;
	j->watched = false;
	j->told = 0;
	j->parked = s != STEP_END && steps[s].together;
	j->step_ms = clock_boot_ms();
	if (is_told(s))
		report_step(j, REPORT_START, OUT_OK, NULL);
}

/*
 * The first failure says why the job does not succeed; what goes wrong on the
 * way back makes it an alarm. A record that cannot be written does not.
 */
static void
note_failure(struct job *j, const struct err *e)
{
	report_step(j, REPORT_STEP, e->class, e);
	if (j->err.class == OUT_OK) {
		j->failed_at = j->at;
		j->blamed = cas_is_to_blame(j, e);
		j->err = *e;
		if (!span_starts(span_str(e->text), job_step_name(j->at)))
			err_in(&j->err, "%s", job_step_name(j->at));
	} else {
		err_in(&j->err, "%s: %s; before that", job_step_name(j->at), e->text);
		if (e->class > j->err.class)
			j->err.class = e->class;
	}
	if ((GOING_BACK & BIT(j->at)) != 0)
		j->err.class = OUT_ALARM;
	if (j->at == STEP_RECORD)
		job_note(j, e);		/* the result has been told already */
}

/* The way back is behind it, what was wanted still before it: once more from the start. */
static bool
begins_anew(struct job *j)
{
	if (j->at != STEP_RECORD || j->kind != JOB_BACK || !j->renews ||
	    j->err.class != OUT_ROLLBACK)
		return false;
	err_clear(&j->err);
	j->renews = false;
	j->failed_at = STEP_RECORD;
	j->version = j->served = 0;
	j->kind = JOB_ISSUE;
	j->began_ms = clock_boot_ms();
	enter(j, STEP_ASK);
	return true;
}

static bool
is_early(const struct job *j)
{
	return j->at < STEP_SWITCH;
}

/* In an emergency, the same job goes on with another CA. */
static bool
goes_elsewhere(struct job *j, const struct err *e)
{
	const struct ca_conf *next = cas_next(j, e);
	struct err why = ERR_NONE;

	if (next == NULL)
		return false;
	report_step(j, REPORT_STEP, e->class, e);
	if (cas_take(j, next, e, &why) == 0)
		return true;
	err_clear(&j->err);	/* which is told as any other failure */
	log_error(KV_S("cert", j->conf->name), KV_S("event", "no other CA"),
	    KV_S("error", why.text));
	return false;
}

static void
advance(struct job *j, enum job_progress progress, const struct err *e)
{
	enum job_step next;

	if (progress == JOB_FAILED && goes_elsewhere(j, e)) {
		enter(j, STEP_ACCOUNT);
		return;
	}
	if (progress == JOB_FAILED) {
		note_failure(j, e);
		enter(j, j->leave && j->at < STEP_RECORD ? STEP_RECORD : steps[j->at].if_failed);
		return;
	}
	if (is_told(j->at))
		report_step(j, REPORT_STEP, OUT_OK, NULL);
	if (begins_anew(j))
		return;
	next = j->again ? STEP_ORDER : progress == JOB_MORE ? STEP_RELOAD : steps[j->at].next;
	j->again = false;
	enter(j, next);
}

/* Runs a job until it waits, is parked, or has ended. */
static void
run(struct job *j)
{
	enum job_progress progress;
	struct err e;

	while (j->at != STEP_END && !j->parked) {
		err_clear(&e);
		if (j->keeper->stopping && is_early(j)) {
			err_set(&e, OUT_RETRY, "stopped by a signal");
			progress = JOB_FAILED;
		} else
			progress = steps[j->at].run(j, &e);
		if (progress == JOB_WAIT) {
			j->waiting = true;
			return;
		}
		advance(j, progress, &e);
	}
}

void
job_begin(struct job *j, enum job_kind kind)
{
	j->kind = kind;
	j->began_ms = clock_boot_ms();
	enter(j, kind == JOB_BACK ? STEP_BACK_SWITCH : STEP_ASK);
	j->waiting = !j->parked;	/* the keeper wakes it once all have begun */
}

void
job_wake(struct job *j)
{
	if (!j->waiting)
		return;
	j->waiting = false;
	run(j);
	keeper_step(j->keeper);
}

void
job_unpark(struct job *j)
{
	j->parked = false;
	run(j);
}

void
job_fail(struct job *j, const struct err *why)
{
	if (!j->waiting)
		return;
	j->waiting = false;
	advance(j, JOB_FAILED, why);
	run(j);
	keeper_step(j->keeper);
}
