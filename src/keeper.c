/*
 * keeper: start of the role, its channels, and the end of a run.
 */
#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "cas.h"
#include "errand.h"
#include "instance.h"
#include "provider.h"
#include "revocation.h"
#include "solve_record.h"

/* For any answer of another role (FAULTS V5): one that hangs must not hold up the run for ever. */
#define PATIENCE_MS	(15 * 60 * 1000)

static void	finish(struct keeper *, enum outcome);

/* Errors say what they are about; where that is the step's name, once is enough. */
static char *
without_step(char *text, const char *step)
{
	size_t n = step != NULL ? strlen(step) : 0;

	return n > 0 && text != NULL && strncmp(text, step, n) == 0 &&
	    strncmp(text + n, ": ", 2) == 0 ? text + n + 2 : text;
}

void
keeper_report(struct keeper *k, const struct report *r)
{
	struct report out = *r;
	struct err e = ERR_NONE;

	out.text = without_step(r->text, r->step);
	if (channel_send(k->starter, MSG_REPORT, 0, &out, -1, &e) == -1)
		log_warn(KV_S("event", "report lost"), KV_S("error", e.text));
}

static void
report_run(struct keeper *k, const char *step, const struct err *why)
{
	struct report r = {
		.kind = why->class == OUT_FINDING ? REPORT_FINDING : REPORT_RESULT,
		.step = (char *)(uintptr_t)step,
		.outcome = why->class,
		.text = (char *)(uintptr_t)why->text,
		.hint = (char *)(uintptr_t)why->hint,
		.ms = -1,
	};

	keeper_report(k, &r);
}

struct job *
keeper_job(struct keeper *k, int64_t id)
{
	return id >= 0 && (uint64_t)id < k->njobs ? k->jobs[id] : NULL;
}

int
keeper_role(struct keeper *k, enum role r, struct channel **out, struct err *e)
{
	*out = k->roles[r];
	if (*out == NULL)
		return err_set(e, OUT_RETRY, "the %s role has ended", role_name(r));
	return 0;
}

/* --- roles --- */

struct start {
	struct keeper	*keeper;
	enum role	 role;
};

static void
role_ended(struct keeper *k, enum role r, const struct err *why)
{
	log_error(KV_S("event", "role gone"), KV_S("of", role_name(r)), KV_S("error", why->text));
	channel_free(k->roles[r]);
	k->roles[r] = NULL;
}

static void
net_ended(void *arg, const struct err *why)
{
	role_ended(arg, ROLE_NET, why);
}

static void
answer_ended(void *arg, const struct err *why)
{
	role_ended(arg, ROLE_ANSWER, why);
}

static void
control_ended(void *arg, const struct err *why)
{
	role_ended(arg, ROLE_CONTROL, why);
}

static void
courier_ended(void *arg, const struct err *why)
{
	role_ended(arg, ROLE_COURIER, why);
}

/* What a role may say to the keeper without being asked. */
static const struct handlers *
handlers_of(enum role r)
{
	static const struct handler net[] = {
		{ MSG_STEP, issue_on_step },
		{ MSG_SIGN, issue_on_sign },
		{ MSG_SOLVE, solve_on_solve },
		{ MSG_UNSOLVE, solve_on_unsolve },
		{ MSG_CSR, issue_on_csr },
		{ MSG_CHAIN, issue_on_chain },
	};
	static const struct handlers of[ROLE_COUNT] = {
		[ROLE_NET] = { net, NITEMS(net), net_ended },
		[ROLE_ANSWER] = { NULL, 0, answer_ended },
		[ROLE_CONTROL] = { NULL, 0, control_ended },
		[ROLE_COURIER] = { NULL, 0, courier_ended },
	};

	return &of[r];
}

static bool
runs_errands(const struct keeper *k)
{
	return k->setup.command == CMD_ACCOUNT || k->setup.command == CMD_REVOKE;
}

static void
begin_jobs(struct keeper *k)
{
	size_t i;

	k->running = true;
	if (runs_errands(k))
		errands_begin(k);
	for (i = 0; i < k->njobs; i++)
		solve_records_adopt(k->jobs[i]);
	for (i = 0; i < k->njobs; i++)
		job_wake(k->jobs[i]);
	keeper_step(k);
}

/* Without the challenge port, all is done that needs none. */
static void
note_missing(struct keeper *k, enum role r, struct err *why)
{
	if (k->setup.command == CMD_CHECK) {
		why->class = OUT_FINDING;
		if (k->worst < why->class)
			k->worst = why->class;
		report_run(k, r == ROLE_ANSWER ? "challenge" : "start", why);
	} else if (r == ROLE_ANSWER) {
		k->no_answer = *why;
	} else {
		report_run(k, "start", why);
		finish(k, why->class);
	}
}

/* check tells at once which certificates could not be ordered; a run when their time comes. */
static void
take_lost(struct keeper *k, struct msg_started *body)
{
	const struct msg_lost *l = body->lost.v;
	struct report r = { .kind = REPORT_FINDING, .outcome = OUT_FINDING, .ms = -1 };
	size_t i;

	r.step = (char *)(uintptr_t)"challenge";
	for (i = 0; k->setup.command == CMD_CHECK && i < body->lost.n; i++) {
		r.cert = l[i].cert;
		r.text = l[i].why.text;
		r.hint = l[i].why.hint;
		keeper_report(k, &r);
		if (k->worst < OUT_FINDING)
			k->worst = OUT_FINDING;
	}
	k->answer = *body;
	memset(body, 0, sizeof *body);
}

static void
on_started(void *arg, struct message *m)
{
	struct start *start = arg;
	struct keeper *k = start->keeper;
	enum role r = start->role;
	struct err e = ERR_NONE;

	free(start);
	k->starting--;
	if (m->type != MSG_STARTED)
		(void)message_error(m, &e);
	else if (channel_new(k->loop, m->fd, handlers_of(r), k, &k->roles[r], &e) == 0) {
		m->fd = -1;
		channel_distrust(k->roles[r], PATIENCE_MS);
		if (r == ROLE_ANSWER)
			take_lost(k, m->body);
	}
	if (e.class != OUT_OK)
		note_missing(k, r, &e);
	if (k->starting == 0 && !k->finished)
		begin_jobs(k);
}

static int
start_role(struct keeper *k, enum role r, const struct strs *certs, struct err *e)
{
	struct msg_start body = { .role = r, .certs = *certs };
	struct start *start;

	if ((start = calloc(1, sizeof *start)) == NULL)
		return err_nomem(e);
	start->keeper = k;
	start->role = r;
	if (channel_call(k->starter, MSG_START, &body, -1, on_started, start, e) == -1) {
		free(start);
		return -1;
	}
	k->starting++;
	return 0;
}

/* For hooks of its types; handshakes are control's, whoever runs the hook. */
static bool
needs_role(const struct keeper *k, const struct job *j, enum role r)
{
	const struct hook_conf *h = j->conf->hooks.v;
	const struct hook_type *type;
	struct hook_conf restart;
	size_t i;

	for (i = 0; !k->setup.no_hooks && i < j->conf->hooks.n; i++) {
		if ((type = hook_find(h[i].type)) == NULL)
			continue;
		if (r == ROLE_COURIER ? type->in_courier || hook_restart(&h[i], &restart) :
		    h[i].verify.n > 0 || (!type->in_starter && !type->in_courier))
			return true;
	}
	return false;
}

/* Its names are proven, or looked at: what is asked about may turn out to be due. */
static bool
needs_ca(const struct job *j)
{
	return j->kind == JOB_ISSUE || j->kind == JOB_REHEARSE || j->kind == JOB_ASK ||
	    j->kind == JOB_LOOK || j->renews;
}

/* Only the roles that the jobs at hand need. */
static int
start_roles(struct keeper *k, struct err *e)
{
	struct strs issuing = { 0 };
	const struct strs none = { 0 };
	/* a check asks no CA, but tells of the walls of every role */
	bool control = false, courier = false, net = runs_errands(k) ||
	    k->setup.command == CMD_CHECK;
	size_t i;
	int rc = 0;

	for (i = 0; i < k->njobs && rc == 0; i++) {
		if (needs_ca(k->jobs[i])) {
			net = true;
			rc = strs_add(&issuing, k->jobs[i]->conf->name) == -1 ? err_nomem(e) : 0;
		}
		control = control || needs_role(k, k->jobs[i], ROLE_CONTROL);
		courier = courier || (k->jobs[i]->kind != JOB_WATCH &&
		    needs_role(k, k->jobs[i], ROLE_COURIER));
	}
	if (rc == 0 && control)
		rc = start_role(k, ROLE_CONTROL, &none, e);
	if (rc == 0 && courier)
		rc = start_role(k, ROLE_COURIER, &none, e);
	if (rc == 0 && net)
		rc = start_role(k, ROLE_NET, &none, e);
	if (rc == 0 && issuing.n > 0)
		rc = start_role(k, ROLE_ANSWER, &issuing, e);
	strs_clear(&issuing);
	return rc;
}

/* --- the run --- */

/* The last thing that the starter hears; it then closes the channel. */
static void
finish(struct keeper *k, enum outcome outcome)
{
	struct msg_end body = { .outcome = outcome, .next = plan_wake(k) };
	struct err e = ERR_NONE;

	if (k->finished)
		return;
	k->finished = true;
	if (channel_send(k->starter, MSG_END, 0, &body, -1, &e) == -1)
		role_leave(k->loop, &e);
}

static bool
somebody_goes_back(const struct keeper *k)
{
	size_t i;

	for (i = 0; i < k->njobs; i++)
		if (k->jobs[i]->at >= STEP_BACK_SWITCH && k->jobs[i]->at <= STEP_BACK_VERIFY)
			return true;
	return false;
}

/*
 * How far a job is. Groups of servers come one after the other; before a
 * further one, it waits for all who go back, as what failed must not get there.
 */
static int64_t
place_of(const struct job *j, bool back)
{
	const int64_t width = (int64_t)1 << 32;

	if (back && j->parked && j->at == STEP_RELOAD && j->group > 0)
		return STEP_END * width;
	if (j->at == STEP_RELOAD || j->at == STEP_VERIFY)
		return STEP_RELOAD * width + 2 * j->group + (j->at == STEP_VERIFY);
	return j->at * width;
}

static int64_t
hindmost(const struct keeper *k, bool back)
{
	int64_t place = INT64_MAX, p;
	size_t i;

	for (i = 0; i < k->njobs; i++)
		if ((p = place_of(k->jobs[i], back)) < place)
			place = p;
	return place;
}

/* Lets go who only waited for the hindmost. True if somebody did. */
static bool
unpark(struct keeper *k)
{
	bool back = somebody_goes_back(k), any = false;
	int64_t place = hindmost(k, back);
	size_t i;

	for (i = 0; i < k->njobs; i++)
		if (k->jobs[i]->parked && place_of(k->jobs[i], back) == place) {
			any = true;
			job_unpark(k->jobs[i]);
		}
	return any;
}

void
keeper_step(struct keeper *k)
{
	size_t i;

	if (!k->running || k->stepping)
		return;
	k->stepping = true;	/* jobs that move on end up here again */
	while (unpark(k))
		;
	k->stepping = false;
	if (!errands_have_ended(k) && !k->stopping)
		return;
	for (i = 0; i < k->njobs; i++)
		if (!job_has_ended(k->jobs[i]))
			return;
	if (!solve_has_ended(k))
		return;
	k->running = false;
	for (i = 0; i < k->njobs; i++)
		if (k->jobs[i]->err.class > k->worst)
			k->worst = k->jobs[i]->err.class;
	if (k->due != NULL && k->store != NULL && store_is_work(k->store))
		plan_end(k);
	finish(k, k->worst);
}

/* Who only looks takes no lock: a run that is under way does not hinder it. */
static int
open_store(struct keeper *k, struct err *e)
{
	bool look = k->setup.command == CMD_STATUS || k->setup.command == CMD_CHECK ||
	    plan_only_watches(k) || k->setup.dry_run;

	if (store_open(k->setup.config.state_dir, look ? STORE_LOOK : STORE_WORK, &k->store,
	    e) == 0)
		return 0;
	return look && e->sys == ENOENT ? 0 : -1;
}

static void
on_setup(void *arg, struct message *m)
{
	struct keeper *k = arg;
	struct msg_setup *body = m->body;
	struct err e = ERR_NONE;

	if (k->store != NULL)
		return;
	k->setup = *body;
	memset(body, 0, sizeof *body);
	if (open_store(k, &e) == -1 || (k->trust = trust_new(&e)) == NULL ||
	    cas_begin(k, &e) == -1 ||
	    (!runs_errands(k) && plan_jobs(k, &e) == -1) || start_roles(k, &e) == -1) {
		report_run(k, "start", &e);
		finish(k, e.class);
	} else if (k->starting == 0)
		begin_jobs(k);
}

static void
on_stop(void *arg, struct message *m UNUSED)
{
	struct keeper *k = arg;
	struct err why = ERR_NONE;
	size_t i;

	k->stopping = true;
	err_set(&why, OUT_RETRY, "stopped by a signal");
	if (k->setup.command == CMD_CHECK || k->setup.command == CMD_WATCH) {
		/* nothing is under way that must be ended well */
		if (k->setup.command == CMD_CHECK)
			report_run(k, "check", &why);
		finish(k, why.class);
		return;
	}
	for (i = 0; i < k->njobs; i++)
		if (k->jobs[i]->at < STEP_SWITCH)
			job_fail(k->jobs[i], &why);
		else if (k->jobs[i]->at == STEP_SWITCH || k->jobs[i]->at == STEP_RELOAD ||
		    k->jobs[i]->at == STEP_VERIFY)
			job_wake(k->jobs[i]);	/* out of its pause */
		else
			renewal_stop(k->jobs[i]);
	if (!errands_have_ended(k) && k->worst < why.class)
		k->worst = why.class;
	keeper_step(k);
}

static void
on_end(void *arg, const struct err *why)
{
	struct keeper *k = arg;

	role_leave(k->loop, why);
}

static int
start(void *arg, struct loop *loop, struct channel *starter, struct err *e)
{
	struct keeper *k = arg;

	k->loop = loop;
	k->starter = starter;
	return provider_narrow(e);
}

static void
stop(void *arg)
{
	struct keeper *k = arg;
	size_t i;

	for (i = 0; i < ROLE_COUNT; i++)
		channel_free(k->roles[i]);
	solve_free(k);
	for (i = 0; i < k->njobs; i++)
		job_free(k->jobs[i]);
	free(k->jobs);
	free(k->due);
	free(k->wake);
	instances_free(k);
	errands_free(k);
	strs_clear(&k->changes);
	accounts_free(k);
	revocation_free(k);
	cas_free(k);
	pack_clear(&msg_started_pack, &k->answer);
	trust_free(k->trust);
	store_free(k->store);
	pack_clear(message_info(MSG_SETUP)->pack, &k->setup);
}

int
main(int argc, char **argv)
{
	static const struct handler table[] = {
		{ MSG_SETUP, on_setup },
		{ MSG_STOP, on_stop },
	};
	static const struct handlers handlers = { table, NITEMS(table), on_end };
	struct keeper k = { 0 };
	const struct role_main role = {
		.role = ROLE_KEEPER,
		.handlers = &handlers,
		.arg = &k,
		.start = start,
		.stop = stop,
	};

	return role_main(&role, argc, argv);
}
