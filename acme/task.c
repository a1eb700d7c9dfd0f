/*
 * task: drives one task from step to step, and signs, sends and repeats its
 * requests. What the steps are about is in the files of the resources.
 *
 *     BEGIN --> SIGN --> SEND --> (answer) --> BEGIN of the next step
 *      |  \      ^  \NONCE/ |
 *      |   \     +--badNonce+
 *      |    +--> ASK -----> (answer)
 *      +--> BLOCKED (by another task: turn.c), DONE, FAILED
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "private.h"

#define JWS_TEXT_MAX	(256 * 1024)
#define JOB_MAX		(1024 * 1024)
#define BLOCK_MS	10		/* until a blocked task looks again; doubles */
#define BLOCK_MAX_MS	1000

/* --- life --- */

static const struct acme_step *const first_steps[] = {
	[ACME_DIRECTORY] = &acme_step_show_directory,
	[ACME_REGISTER] = &acme_step_register,
	[ACME_FIND] = &acme_step_find,
	[ACME_SHOW] = &acme_step_show,
	[ACME_UPDATE] = &acme_step_update,
	[ACME_ROLLOVER] = &acme_step_rollover,
	[ACME_DEACTIVATE] = &acme_step_deactivate,
	[ACME_ORDERS] = &acme_step_orders,
	[ACME_ORDER] = &acme_step_order,
	[ACME_REVOKE] = &acme_step_revoke,
	[ACME_RENEWAL] = &acme_step_renewal,
	[ACME_DROP_AUTHZ] = &acme_step_drop_authz,
};

/* What each kind cannot do without. */
static int
check_job(const struct acme_ca *ca, const struct acme_job *j, struct err *e)
{
	bool keyed = j->kind != ACME_DIRECTORY && j->kind != ACME_REGISTER &&
	    j->kind != ACME_FIND && j->kind != ACME_RENEWAL &&
	    !(j->kind == ACME_REVOKE && j->by_cert_key);
	const char *missing = NULL;

	if (j->kind < 0 || j->kind >= (int64_t)NITEMS(first_steps))
		return err_set(e, OUT_HOLD, "ACME: there is no task %jd", (intmax_t)j->kind);
	if (keyed && j->account == NULL)
		missing = "the account's URL";
	else if (j->kind == ACME_ORDER && (j->names.n == 0 || j->names.n > NAMES_MAX))
		missing = "1 to 256 names";
	else if (j->kind == ACME_ORDER && j->thumbprint == NULL)
		missing = "the thumbprint of the account's key";
	else if (j->kind == ACME_RENEWAL && j->cert_id == NULL)
		missing = "the certificate's identifier";
	else if (j->kind == ACME_REVOKE && j->cert.n == 0)
		missing = "the certificate";
	else if (j->kind == ACME_DROP_AUTHZ && j->url == NULL)
		missing = "the authorization's URL";
	if (missing != NULL)
		return err_set(e, OUT_HOLD, "ACME task: want %s", missing);
	/* What was stored for another CA must not be asked of this one. */
	if (j->account != NULL && acme_url_check(ca, "account", j->account, e) == -1)
		return -1;
	if (j->kind == ACME_ORDER && j->order != NULL)
		return acme_url_check(ca, "order", j->order, e);
	return j->kind == ACME_DROP_AUTHZ ? acme_url_check(ca, "authorization", j->url, e) : 0;
}

static int
copy_job(const struct acme_job *from, struct acme_job *to, struct err *e)
{
	struct buf b;
	struct rd r;
	int rc;

	buf_init(&b, JOB_MAX);
	pack_write(&acme_job_pack, from, &b);
	if (!buf_ok(&b))
		buf_reset(&b);
	r = rd_of(buf_span(&b));
	rc = pack_read(&acme_job_pack, &r, to) == 0 ? 0 : err_nomem(e);
	buf_clear(&b);
	return rc;
}

struct acme_task *
acme_task_new(struct acme_session *s, const struct acme_job *job, struct err *e)
{
	struct acme_task *t;

	if (check_job(s->ca, job, e) == -1)
		return NULL;
	if ((t = calloc(1, sizeof(*t))) == NULL) {
		err_nomem(e);
		return NULL;
	}
	t->s = s;
	buf_init(&t->req.jws, JWS_TEXT_MAX);
	buf_init(&t->inner, JWS_TEXT_MAX);
	acme_order_init(&t->order);
	if (copy_job(job, &t->job, e) == -1) {
		acme_task_free(t);
		return NULL;
	}
	t->first = first_steps[job->kind];
	acme_go(t, &acme_step_directory);
	return t;
}

void
acme_task_free(struct acme_task *t)
{
	if (t == NULL)
		return;
	acme_session_task_ends(t->s, t, NULL);
	acme_turn_give(t);
	acme_look_ends(t);
	pack_clear(&acme_job_pack, &t->job);
	pack_clear(&acme_sign_pack, &t->sign);
	pack_clear(&acme_result_pack, &t->result);
	acme_order_clear(&t->order);
	buf_clear(&t->req.jws);
	buf_clear(&t->inner);
	free(t->req.url);
	free(t->page);
	free(t);
}

/* What the keeper does not give, and what this host lacks, no other CA would bring. */
static bool
by_ca(const struct acme_task *t, const struct err *e)
{
	return e->sys != ENOMEM && !(t->phase == PHASE_ASK && t->step->what != ACME_WAIT) &&
	    t->phase != PHASE_SIGN;
}

static void
fail(struct acme_task *t, const struct err *e)
{
	t->err = *e;
	if (t->trouble == ACME_TROUBLE_NONE && by_ca(t, e))
		t->trouble = ACME_TROUBLE_CA;
	if (t->step->soft && t->err.class != OUT_RETRY) {
		t->err.class = OUT_RETRY;
		t->err.retry_at = time_add(t->now, SOFT_RETRY);
	}
	t->phase = PHASE_FAILED;
	t->take_down = true;
	acme_turn_give(t);
	acme_look_ends(t);
	acme_session_task_ends(t->s, t, &t->err);
}

/* A task that has ended does not change any more. */
static bool
has_ended(const struct acme_task *t)
{
	return t->phase == PHASE_FAILED || t->phase == PHASE_DONE;
}

static void
misuse(struct acme_task *t, const char *what)
{
	struct err e;

	if (has_ended(t))
		return;
	err_set(&e, OUT_RETRY, "ACME task at %s: %s was not asked for", t->step->name, what);
	fail(t, &e);
}

enum acme_trouble
acme_task_trouble(const struct acme_task *t)
{
	return t->phase == PHASE_FAILED ? t->trouble : ACME_TROUBLE_NONE;
}

const char *
acme_task_step(const struct acme_task *t)
{
	return t->step->name;
}

/* --- what is wanted --- */

/* Goes on until something is wanted from outside. */
static void
advance(struct acme_task *t)
{
	struct err e;

	if (t->phase == PHASE_BLOCKED)
		t->phase = PHASE_BEGIN;
	while (t->phase == PHASE_BEGIN) {
		err_clear(&e);
		if (!acme_turn_take(t))
			t->phase = PHASE_BLOCKED;
		else if (t->step->begin(t, &e) == -1)
			fail(t, &e);
	}
	if (t->phase != PHASE_NONCE && t->phase != PHASE_SIGN && t->phase != PHASE_DRY)
		return;
	if (t->sign_alone || t->sign.nonce != NULL)
		t->phase = PHASE_SIGN;
	else if (!acme_nonce_turn(t))
		t->phase = PHASE_DRY;
	else
		t->phase = (t->sign.nonce = acme_nonce_take(t->s)) != NULL ? PHASE_SIGN :
		    PHASE_NONCE;
}

/* FAULTS A05, A08: not one request before the time that the CA named. */
static void
obey_hold(struct acme_task *t)
{
	struct err e;
	char text[TIME_TEXT];

	if ((t->phase != PHASE_SEND && t->phase != PHASE_NONCE) || t->now >= t->s->held_until)
		return;
	err_set(&e, OUT_RETRY, "%s: the CA asked for no requests before %s", t->step->name,
	    text_time(t->s->held_until, text));
	e.retry_at = t->s->held_until;
	t->trouble = ACME_TROUBLE_RATE;
	/* Nothing was learnt about the directory. */
	acme_session_task_ends(t->s, t, NULL);
	fail(t, &e);
}

static void
want_send(const struct acme_task *t, struct acme_want *w)
{
	w->what = ACME_SEND;
	if (t->phase == PHASE_NONCE) {
		w->send.method = ACME_HEAD;
		w->send.url = t->s->dir.new_nonce;
		return;
	}
	w->send.method = t->req.method;
	w->send.url = t->req.url;
	w->send.body = t->req.method == ACME_POST ? buf_span(&t->req.jws) : SPAN_NONE;
	if (t->req.expect == EXPECT_PEM)
		w->send.accept = "application/pem-certificate-chain";
}

/* Waits of blocked tasks grow, so that many of them cost little. */
static int64_t
next_block(struct acme_task *t)
{
	t->block_ms = t->block_ms == 0 ? BLOCK_MS : 2 * t->block_ms;
	if (t->block_ms > BLOCK_MAX_MS)
		t->block_ms = BLOCK_MAX_MS;
	return t->block_ms;
}

static void
fill_want(struct acme_task *t, struct acme_want *w)
{
	switch (t->phase) {
	case PHASE_NONCE:
	case PHASE_SEND:
		want_send(t, w);
		return;
	case PHASE_SIGN:
		w->what = ACME_SIGN;
		w->sign = &t->sign;
		return;
	case PHASE_BLOCKED:
	case PHASE_DRY:
		w->what = ACME_WAIT;
		w->wait_ms = next_block(t);
		return;
	case PHASE_DONE:
		w->what = ACME_DONE;
		w->result = &t->result;
		return;
	default:
		w->what = t->step->what;
		acme_order_want(t, w);
		return;
	}
}

int
acme_task_next(struct acme_task *t, int64_t now, struct acme_want *w, struct err *e)
{
	memset(w, 0, sizeof(*w));
	t->now = now;
	advance(t);
	obey_hold(t);
	w->order_url = t->order.url;
	w->challenges = t->order.solve.v;
	w->nchallenges = t->order.solve.n;
	if (t->take_down && t->up) {
		t->up = false;
		w->what = ACME_UNSOLVE;
		return 0;
	}
	if (t->phase == PHASE_FAILED) {
		*e = t->err;
		return -1;
	}
	fill_want(t, w);
	return 0;
}

/* --- answers --- */

void
acme_task_signed(struct acme_task *t, struct span jws)
{
	struct acme_answer none = { NULL, NULL };
	struct buf *to = t->sign_alone ? &t->inner : &t->req.jws;
	struct err e;

	if (t->phase != PHASE_SIGN) {
		misuse(t, "a signature");
		return;
	}
	/* A nonce is good for one request. */
	free(t->sign.nonce);
	t->sign.nonce = NULL;
	buf_reset(to);
	buf_put(to, jws);
	if (!buf_ok(to) || jws.n == 0) {
		err_set(&e, OUT_RETRY, "%s: no JWS, too long a one, or no memory", t->step->name);
		fail(t, &e);
	} else if (!t->sign_alone) {
		t->phase = PHASE_SEND;
	} else if (t->step->took(t, &none, &e) == -1) {
		fail(t, &e);
	}
}

void
acme_task_failed(struct acme_task *t, const struct err *e)
{
	struct acme_refusal lost = { .problem = PROBLEM_LOST };
	struct err own = *e;

	if (t->phase == PHASE_SEND && t->step->refused != NULL) {
		if (t->step->refused(t, &lost, &own) == -1)
			fail(t, &own);
		return;
	}
	if (!has_ended(t))
		fail(t, &own);
}

void
acme_task_reply(struct acme_task *t, int64_t now, const struct acme_reply *r)
{
	struct err e;

	t->now = now;
	err_clear(&e);
	if (t->phase != PHASE_SEND && t->phase != PHASE_NONCE)
		misuse(t, "a reply");
	else if (acme_request_took(t, r, &e) == -1)
		fail(t, &e);
}

/* An answer to what a step asks for itself. */
static void
took_answer(struct acme_task *t, enum acme_what what, const char *name)
{
	struct acme_answer none = { NULL, NULL };
	struct err e;

	if (t->phase != PHASE_ASK || t->step->what != what)
		misuse(t, name);
	else if (t->step->took(t, &none, &e) == -1)
		fail(t, &e);
}

void
acme_task_solved(struct acme_task *t)
{
	took_answer(t, ACME_SOLVE, "a solution");
}

void
acme_task_csr(struct acme_task *t, struct span der)
{
	if (t->phase == PHASE_ASK)
		buf_put(&t->order.csr, der);
	took_answer(t, ACME_CSR, "a CSR");
}

void
acme_task_chain(struct acme_task *t, bool take)
{
	t->order.take = take;
	took_answer(t, ACME_CHAIN, "a judgement");
}

void
acme_task_waited(struct acme_task *t)
{
	if (t->phase != PHASE_BLOCKED && t->phase != PHASE_DRY)
		took_answer(t, ACME_WAIT, "the end of a wait");
}
