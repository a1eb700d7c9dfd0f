/*
 * issue: the steps of a job that order a certificate: account, order; and
 * what net asks in between. Net is told nothing secret. What it brings is
 * judged in issue_take.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/clock.h"
#include "cas.h"
#include "keeper.h"
#include "keys.h"
#include "signing.h"

#define ORDER_MS	(15 * 60 * 1000)	/* for all of an order */

/* A net that is somebody else's could say any number and any text. */
#define STEPS_MAX	100	/* that are told of one order */
#define STEP_NAME_MAX	32
#define WARNINGS_MAX	16

/* --- account --- */

/* Room and rights, before anybody is asked for anything (FAULTS L07). */
static int
prepare_folder(struct job *j, struct err *e)
{
	struct install_rights rights = { 0 };
	int rc = -1;

	if (install_rights(j->conf, &rights, e) == 0)
		rc = install_reserve(j->folder, config_parts(j->conf), &rights, e);
	pack_clear(&install_rights_pack, &rights);
	return rc;
}

/* Once, and only when it is not the CA that one would expect. */
static void
report_choice(struct job *j)
{
	struct report r = { .kind = REPORT_NOTE, .cert = j->conf->name, .ms = -1 };
	char text[ERR_TEXT_MAX];

	if (j->ca_why == NULL)
		return;
	r.step = (char *)(uintptr_t)job_step_name(j->at);
	r.text = text;
	snprintf(text, sizeof text, "ordered from %s: %s", j->ca->name, j->ca_why);
	keeper_report(j->keeper, &r);
	free(j->ca_why);
	j->ca_why = NULL;
}

enum job_progress
issue_account(struct job *j, struct err *e)
{
	if (j->kind == JOB_ISSUE && j->account == NULL && prepare_folder(j, e) == -1)
		return JOB_FAILED;
	report_choice(j);
	/* net is still at the order of the CA before this one */
	if (j->task_open)
		return JOB_WAIT;
	switch (account_get(j->keeper, j->ca, &j->account, e)) {
	case 1:
		return JOB_DONE;
	case 0:
		return JOB_WAIT;
	}
	return JOB_FAILED;
}

/* --- order --- */

static const char *
suffix(const struct job *j)
{
	return part_suffix(j->nparts, keys_type(j));
}

/* Is it for what is wanted now, at the CA that is chosen now? */
static bool
order_fits(const struct job *j, const struct store_order *order)
{
	size_t i;

	if (strcmp(order->ca, j->ca->name) != 0 || order->names.n != j->conf->names.n ||
	    !keys_fit(j, order))
		return false;
	for (i = 0; i < order->names.n; i++)
		if (!strs_has(&j->conf->names, order->names.v[i]))
			return false;
	return true;
}

bool
issue_is_begun(struct job *j)
{
	struct store_order order = { 0 };
	struct err none = ERR_NONE;
	bool begun;

	if (j->kind != JOB_ISSUE || (j->conf->csr != NULL && keys_take(j, &none) == -1) ||
	    install_order(j->folder, suffix(j), &order, &none) == -1)
		return false;
	begun = order_fits(j, &order);
	pack_clear(&store_order_pack, &order);
	return begun;
}

/* Goes on with the order of a run that was cut off, if it was for the same (FAULTS L08). */
static int
continue_order(struct job *j, struct err *e)
{
	struct store_order order = { 0 };

	if (install_order(j->folder, suffix(j), &order, e) == -1)
		return e->sys == ENOENT ? 0 : -1;
	/* an operator's key is at hand already */
	if (order_fits(j, &order) && (j->key != NULL ||
	    (j->key = key_from_pem(blob_span(&order.key_pem), e)) != NULL)) {
		j->order_url = order.url;
		order.url = NULL;
	}
	pack_clear(&store_order_pack, &order);
	return 0;
}

static int
collect_challenges(const struct job *j, struct strs *types, struct err *e)
{
	const struct challenge_conf *c = j->conf->challenges.v;
	size_t i;

	for (i = 0; i < j->conf->challenges.n; i++)
		if (!strs_has(types, c[i].type) && strs_add(types, c[i].type) == -1)
			return err_nomem(e);
	return 0;
}

static void
report_warnings(struct job *j, const struct acme_result *result)
{
	struct report r = { .kind = REPORT_NOTE, .cert = j->conf->name, .ms = -1 };
	size_t i;

	r.step = (char *)(uintptr_t)"order";
	for (i = 0; i < result->warnings.n && i < WARNINGS_MAX; i++) {
		r.text = result->warnings.v[i];
		keeper_report(j->keeper, &r);
	}
}

static void
wake_next_order(struct keeper *k)
{
	size_t i;

	for (i = 0; i < k->njobs; i++)
		if (k->jobs[i]->at == STEP_ORDER && !k->jobs[i]->task_open)
			job_wake(k->jobs[i]);
}

static void
note_trouble(struct job *j, int64_t trouble)
{
	j->trouble = trouble;
	if (trouble == ACME_TROUBLE_VALIDATION)
		cas_validation_failed(j);
}

/* The end of net's work on the order: behind the chain that was taken, or a failure. */
static void
on_result(void *arg, struct message *m)
{
	struct job *j = arg;
	bool awaited = j->at == STEP_ORDER || j->at == STEP_CHAIN;
	struct err e = ERR_NONE;
	bool taken = j->taken;

	j->task_open = j->taken = false;
	loop_timer_del(j->deadline);
	j->deadline = NULL;
	j->keeper->orders--;
	j->chain_asked = 0;
	if (m->type == MSG_RESULT) {
		report_warnings(j, m->body);
		account_note_clock(j->account, m->body);
		err_set(&e, OUT_RETRY, "the order ended without a certificate");
	} else {
		(void)message_error(m, &e);
		if (m->type == MSG_FAILED && awaited)
			note_trouble(j, ((struct msg_error *)m->body)->trouble);
		account_note_failure(j->account, &e);
	}
	if (awaited && !taken)
		job_fail(j, &e);
	else if (j->at == STEP_ACCOUNT)
		job_wake(j);
	wake_next_order(j->keeper);
	keeper_step(j->keeper);
}

/*
 * What the new certificate takes the place of (RFC 9773 section 5): of a pair,
 * the one with the same kind of key; a single one that of any.
 */
static char *
replaced(const struct job *j)
{
	const struct manifest *m = &j->state.active;

	if (j->state.version == 0 || m->ca == NULL || strcmp(m->ca, j->ca->name) != 0)
		return NULL;
	for (size_t i = 0; i < m->leaves.n; i++)
		if ((m->leaves.n == 1 && config_parts(j->conf) == 1) ||
		    strcmp(part_family(manifest_leaf(m, i)->key_type),
		    part_family(key_type(j->key))) == 0)
			return manifest_leaf(m, i)->ari_id;
	return NULL;
}

static int
ask_for_order(struct job *j, struct err *e)
{
	struct msg_task task = { .job = j->id };
	struct channel *net;
	int rc = -1;

	account_fill_task(j->account, &task);
	task.todo.kind = ACME_ORDER;
	task.todo.account = (char *)(uintptr_t)account_url(j->account);
	task.todo.thumbprint = (char *)(uintptr_t)account_thumbprint(j->account);
	task.todo.names = j->conf->names;
	task.todo.order = j->order_url;
	task.todo.profile = j->conf->profile;
	task.todo.profile_required = j->conf->profile_required;
	task.todo.cert_id = replaced(j);
	if (collect_challenges(j, &task.todo.challenges, e) == 0 &&
	    keeper_role(j->keeper, ROLE_NET, &net, e) == 0)
		rc = channel_call(net, MSG_TASK, &task, -1, on_result, j, e);
	strs_clear(&task.todo.challenges);
	return rc;
}

/*
 * Counted on disk before the CA hears of it, so that no crash makes the ledger
 * forget (FAULTS V8).
 */
static int
spend(struct job *j, struct err *e)
{
	struct record_time now;

	record_now(&now);
	record_attempt(&j->record, &now);
	if (j->order_url == NULL) {
		if (cas_spend(j, e) == -1)
			return -1;
		j->spent = true;
	}
	return record_save(j->folder, &j->record, e);
}

/* Every operation ends (FAULTS V5), also when net does not say that it has. */
static void
on_deadline(void *arg)
{
	struct job *j = arg;
	struct err e = ERR_NONE;

	j->deadline = NULL;
	j->given_up = true;
	err_set(&e, OUT_RETRY, "the order took longer than %d minutes", ORDER_MS / 60000);
	if (j->at == STEP_ORDER || j->at == STEP_CHAIN)
		job_fail(j, &e);
}

static bool
uses_alpn(const struct cert_conf *conf)
{
	const struct challenge_conf *c = conf->challenges.v;

	for (size_t i = 0; i < conf->challenges.n; i++)
		if (strcmp(c[i].type, CHALLENGE_ALPN) == 0)
			return true;
	return false;
}

/*
 * A listener has one certificate to show for a name (RFC 8737 section 3): of orders that would
 * prove the same one, the CA finds the other's, which fails the order and counts.
 */
static bool
is_in_the_way(const struct job *other, const struct job *j)
{
	if (other == j || !other->task_open || !uses_alpn(other->conf))
		return false;
	for (size_t i = 0; i < j->conf->names.n; i++)
		if (strs_has(&other->conf->names, j->conf->names.v[i]))
			return true;
	return false;
}

/* What waits is looked at again when an order ends. */
static bool
may_order(const struct job *j)
{
	const struct keeper *k = j->keeper;

	if (k->orders >= (size_t)k->setup.config.jobs)
		return false;
	for (size_t i = 0; i < k->njobs && uses_alpn(j->conf); i++)
		if (is_in_the_way(k->jobs[i], j))
			return false;
	return true;
}

enum job_progress
issue_order(struct job *j, struct err *e)
{
	if (j->task_open)
		return j->chain_asked != 0 ? JOB_DONE : JOB_WAIT;
	if (!may_order(j))
		return JOB_WAIT;
	if (j->conf->csr != NULL && keys_take(j, e) == -1)
		return JOB_FAILED;
	if (j->kind == JOB_ISSUE && continue_order(j, e) == -1)
		return JOB_FAILED;
	if (j->key == NULL && keys_take(j, e) == -1)
		return JOB_FAILED;
	if ((j->kind == JOB_ISSUE && spend(j, e) == -1) || ask_for_order(j, e) == -1)
		return JOB_FAILED;
	j->task_open = true;
	j->told_steps = j->signed_orders = 0;
	j->keeper->orders++;
	j->deadline = loop_timer_add(j->keeper->loop, clock_boot_ms() + ORDER_MS, on_deadline, j,
	    e);
	return j->deadline == NULL ? JOB_FAILED : JOB_WAIT;
}

bool
issue_is_at_net(const struct job *j)
{
	return j != NULL && (j->at == STEP_ORDER || j->at == STEP_CHAIN) && j->task_open &&
	    !j->taken;
}

static bool
is_step_name(const char *text)
{
	return text != NULL && strlen(text) <= STEP_NAME_MAX &&
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz ")] == '\0';
}

void
issue_on_step(void *arg, struct message *m)
{
	const struct msg_step *body = m->body;
	struct job *j = keeper_job(arg, body->job);
	struct report r = { .kind = REPORT_START, .ms = -1 };

	if (j == NULL || !j->task_open || !is_step_name(body->step) ||
	    j->told_steps++ >= STEPS_MAX)
		return;
	r.cert = j->conf->name;
	r.step = body->step;
	keeper_report(arg, &r);
}

void
issue_answer(struct keeper *k, uint64_t id, enum message_type type, const void *body,
    const struct err *why)
{
	struct channel *net = k->roles[ROLE_NET];
	struct err e = ERR_NONE;

	if (net == NULL)
		return;
	if (why->class != OUT_OK)
		channel_fail(net, id, why);
	else if (channel_send(net, type, id, body, -1, &e) == -1)
		channel_fail(net, id, &e);
}

void
issue_on_sign(void *arg, struct message *m)
{
	const struct msg_sign *body = m->body;
	struct job *j = keeper_job(arg, body->job);
	struct account *a = j == NULL ? account_by_id(arg, body->job) :
	    issue_is_at_net(j) ? j->account : NULL;
	struct msg_signed out = { { NULL, 0 } };
	struct err e = ERR_NONE;
	struct buf jws;

	buf_init(&jws, ACME_BODY_MAX);
	if (a == NULL)
		err_set(&e, OUT_RETRY, "sign: no such task");
	else if (signing_allows(&(struct signing){ arg, j, a }, &body->sign, &e) == 0 &&
	    account_sign(a, &body->sign, &jws, &e) == 0 &&
	    (body->sign.key != ACME_KEY_NEW || signing_inner(arg, buf_span(&jws), &e) == 0)) {
		out.jws.p = jws.p;
		out.jws.n = jws.n;
	}
	issue_answer(arg, m->id, MSG_SIGNED, &out, &e);
	buf_clear(&jws);
}

/* --- finalize --- */

/* Key, request and order are on disk before the CA may make a certificate of them. */
static int
make_request(struct job *j, const char *url, struct buf *der, struct err *e)
{
	struct store_order order = { .created = clock_wall() };
	struct buf pem;
	int rc = -1;

	buf_init(&pem, KEY_PEM_MAX);
	if (j->conf->csr != NULL)
		buf_put(der, blob_span(&j->csr.der));
	else if (key_csr(j->key, &j->conf->names, true, der, e) == -1)
		goto out;
	if (key_is_private(j->key) && key_to_pem(j->key, &pem, e) == -1)
		goto out;
	order.url = (char *)(uintptr_t)url;
	order.ca = j->ca->name;
	order.names = j->conf->names;
	order.key_type = (char *)(uintptr_t)key_type(j->key);
	order.key_pem.p = pem.p;
	order.key_pem.n = pem.n;
	order.csr.p = der->p;
	order.csr.n = der->n;
	if (j->kind == JOB_ISSUE && store_order_save(j->folder, suffix(j), &order, e) == -1)
		goto out;
	free(j->order_url);
	if ((j->order_url = strdup(url)) == NULL) {
		err_nomem(e);
		goto out;
	}
	rc = 0;
out:
	buf_clear(&pem);
	return rc;
}

static int
note_request(struct job *j, struct span der, struct err *e)
{
	blob_clear(&j->request);
	return blob_set(&j->request, der) == -1 ? err_nomem(e) : 0;
}

void
issue_on_csr(void *arg, struct message *m)
{
	const struct msg_csr *body = m->body;
	struct job *j = keeper_job(arg, body->job);
	struct msg_csr_is out = { { NULL, 0 } };
	struct err e = ERR_NONE;
	struct buf der;

	buf_init(&der, KEY_CSR_MAX);
	if (!issue_is_at_net(j) || j->at != STEP_ORDER)
		err_set(&e, OUT_RETRY, "finalize: no such task");
	else if (account_check_url(j->account, "order", body->order, &e) == 0 &&
	    make_request(j, body->order, &der, &e) == 0 &&
	    note_request(j, buf_span(&der), &e) == 0) {
		out.der.p = der.p;
		out.der.n = der.n;
	}
	issue_answer(arg, m->id, MSG_CSR_IS, &out, &e);
	buf_clear(&der);
}
