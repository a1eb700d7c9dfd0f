/*
 * issue: from authorizations that are answered to a chain: waiting for the
 * order, CSR, finalize, download (RFC 8555 sections 7.4 and 7.4.2).
 *
 * Requests are saved: what is looked at is the order, not each of its
 * authorizations, and the CSR is made while the CA works.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define CSR_TEXT_MAX	(32 * 1024)
#define FINALIZE_MAX	5

static const struct acme_step step_look, step_finalize, step_chain;

/* --- waiting and looking --- */

static int
begin_wait(struct acme_task *t, struct err *e)
{
	struct acme_wait *w = &t->wait;
	struct acme_pace *pace = t->order.finalized ? &t->s->issuance : &t->s->validation;

	if (w->pace != pace) {
		w->pace = pace;
		w->waited_ms = 0;
		w->looked = false;
	}
	if (w->looks >= POLLS_MAX || w->total_ms >= POLL_TIME_MS)
		return err_set(e, OUT_RETRY, "order: RFC 8555 section 7.1.6: want %s, still "
		    "have none after %u looks in %jd s", t->order.finalized ?
		    "valid" : "ready", w->looks, (intmax_t)(w->total_ms / 1000));
	if (t->asked_ms > 0)
		w->ms = t->asked_ms;
	else if (w->held_ms > 0)
		w->ms = w->held_ms;
	else
		w->ms = acme_pace_next_ms(pace, w->waited_ms);
	acme_ask(t);
	return 0;
}

/*
 * The client finalizes "once it believes" that the order is ready (RFC 8555
 * section 7.4). It has reason to when the CA was that fast the last time, or
 * when all but the last of several challenges have had time; a refusal costs
 * no more than the look it stands for, and no second attempt.
 */
static bool
may_be_ready(const struct acme_task *t)
{
	const struct acme_pace *p = &t->s->validation;

	return !t->wait.looked && !t->order.finalized && t->asked_ms == 0 &&
	    t->order.answered > 0 && (p->known ? p->prompt : t->order.answered > 1);
}

static int
took_wait(struct acme_task *t, const struct acme_answer *a UNUSED, struct err *e UNUSED)
{
	struct acme_wait *w = &t->wait;

	w->waited_ms += w->ms;
	w->total_ms += w->ms;
	w->held_ms = t->asked_ms > 0 ? 0 : acme_pace_hold_ms(w->pace, w->waited_ms);
	if (w->held_ms > 0) {
		acme_go(t, &acme_step_wait);
		return 0;
	}
	w->looks++;
	w->pace->looks++;
	w->looking = true;
	t->order.early = may_be_ready(t);
	acme_go(t, t->order.early ? &step_finalize : &step_look);
	return 0;
}

void
acme_look_ends(struct acme_task *t)
{
	if (!t->wait.looking)
		return;
	t->wait.looking = false;
	t->wait.pace->looks--;
}

static void
note_look(struct acme_task *t, bool done)
{
	struct acme_wait *w = &t->wait;

	acme_look_ends(t);
	if (w->pace != NULL)
		acme_pace_saw(w->pace, w->waited_ms, !w->looked, done);
	w->looked = true;
}

/* After a look, and after finalize. */
static int
go_by_status(struct acme_task *t, struct err *e)
{
	enum acme_status s = t->order.status;

	if (s == STATUS_PROCESSING)
		t->order.finalized = true;
	/* A finalize that was refused may have come before, on a connection that was lost. */
	if (s == STATUS_INVALID) {
		t->order.at = 0;
		acme_go(t, &acme_step_diagnose);
	} else if (s == STATUS_VALID && t->order.finalize_calls == 0 && t->job.order == NULL) {
		return err_set(e, OUT_HOLD, "order: status: valid before it was finalized");
	} else if (s == STATUS_VALID) {
		acme_go(t, &acme_step_certificate);
	} else if (s == STATUS_READY && !t->order.finalized) {
		t->take_down = true;
		acme_go(t, &acme_step_csr);
	} else {
		acme_go(t, &acme_step_wait);
	}
	return 0;
}

static int
begin_look(struct acme_task *t, struct err *e)
{
	return acme_post(t, t->order.url, SPAN_NONE, e);
}

static int
took_look(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	if (acme_order_read_state(t, a->json, e) == -1)
		return -1;
	note_look(t, t->order.status == STATUS_INVALID ||
	    t->order.status == (t->order.finalized ? STATUS_VALID : STATUS_READY));
	return go_by_status(t, e);
}

/* --- CSR and finalize --- */

/* Asked for once; the order's URL is known to the keeper before anything is finalized. */
static int
begin_csr(struct acme_task *t, struct err *e UNUSED)
{
	if (t->order.csr.n == 0)
		acme_ask(t);
	else
		acme_go(t, t->order.status == STATUS_READY ? &step_finalize : &acme_step_wait);
	return 0;
}

static int
took_csr(struct acme_task *t, const struct acme_answer *a UNUSED, struct err *e)
{
	if (!buf_ok(&t->order.csr) || t->order.csr.n == 0)
		return err_set(e, OUT_RETRY, "order: want a CSR of 1 to %d octets, and memory for "
		    "it", ACME_CSR_MAX);
	acme_go(t, &acme_step_csr);
	return 0;
}

static int
begin_finalize(struct acme_task *t, struct err *e)
{
	struct buf b;
	int rc;

	if (++t->order.finalize_calls > FINALIZE_MAX)
		return err_set(e, OUT_RETRY, "order: not ready to be finalized, %d times",
		    FINALIZE_MAX);
	t->order.finalized = true;
	buf_init(&b, CSR_TEXT_MAX);
	buf_str(&b, "{\"csr\":\"");
	buf_base64url(&b, buf_span(&t->order.csr));
	buf_str(&b, "\"}");
	rc = buf_ok(&b) ? acme_post(t, t->order.finalize, buf_span(&b), e) : err_nomem(e);
	buf_clear(&b);
	return rc;
}

static int
took_finalize(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	if (t->order.early)
		note_look(t, true);
	t->take_down = true;
	if (acme_order_read_state(t, a->json, e) == -1)
		return -1;
	return go_by_status(t, e);
}

/* FAULTS A36. A CA that is asked early may find other words for it: the order's state decides. */
static int
finalize_refused(struct acme_task *t, const struct acme_refusal *r, struct err *e)
{
	bool early = t->order.early && r->status >= 400 && e->class == OUT_HOLD &&
	    r->problem != PROBLEM_ACCOUNT && r->problem != PROBLEM_TERMS;

	if (r->problem != PROBLEM_ORDER_NOT_READY && !early)
		return -1;
	if (t->order.early)
		note_look(t, false);
	t->order.early = false;
	t->order.finalized = false;
	t->order.status = STATUS_PENDING;
	acme_go(t, &acme_step_wait);
	return 0;
}

/* --- the chain --- */

static int
begin_certificate(struct acme_task *t, struct err *e)
{
	const char *url = t->order.chain_at == 0 ? t->order.certificate :
	    t->order.alternates.v[t->order.chain_at - 1];

	t->take_down = true;
	if (acme_post(t, url, SPAN_NONE, e) == -1)
		return -1;
	acme_expect(t, EXPECT_PEM);
	return 0;
}

static bool
body_has(const struct acme_reply *r, const char *what)
{
	return r->body.n > 0 && memmem(r->body.p, r->body.n, what, strlen(what)) != NULL;
}

/* FAULTS A16: a reply without an announced length may end anywhere. */
static bool
is_cut_off(const struct acme_reply *r)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ";
	struct span rest = buf_span(&r->body);
	const uint8_t *at;

	while (rest.n > 0 && (at = memmem(rest.p, rest.n, begin, sizeof(begin) - 1)) != NULL) {
		rest = span_of(at, rest.n - (size_t)(at - rest.p));
		if ((at = memmem(rest.p, rest.n, end, sizeof(end) - 1)) == NULL)
			return true;
		rest = span_of(at, rest.n - (size_t)(at - rest.p));
	}
	return false;
}

/* FAULTS A41: a link that may not be followed is as good as none. */
static int
keep_alternates(struct acme_task *t, const struct acme_reply *r, struct err *e)
{
	struct acme_link_query q = { .rel = "alternate", .base = t->req.url };
	struct err unfit;
	struct buf url;
	int rc = 0;

	buf_init(&url, URL_TEXT_MAX);
	while (rc == 0 && t->order.alternates.n < ALTERNATES_MAX &&
	    acme_link(&r->headers, q, &url)) {
		q.nth++;
		if (!buf_ok(&url))
			rc = err_nomem(e);
		else if (acme_url_check(t->s->ca, "Link", buf_cstr(&url), &unfit) == 0 &&
		    strcmp(buf_cstr(&url), t->order.certificate) != 0 &&
		    !strs_has(&t->order.alternates, buf_cstr(&url)) &&
		    strs_add(&t->order.alternates, buf_cstr(&url)) == -1)
			rc = err_nomem(e);
	}
	buf_clear(&url);
	return rc;
}

static int
took_certificate(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	/* FAULTS A28: what is no chain at all does not go further than here. */
	if (body_has(a->reply, "PRIVATE KEY-----"))
		return err_set(e, OUT_REFUSE, "certificate: a private key in the reply");
	if (!body_has(a->reply, "-----BEGIN CERTIFICATE-----"))
		return err_set(e, OUT_REFUSE, "certificate: want PEM, have %zu octets without it",
		    a->reply->body.n);
	if (is_cut_off(a->reply))
		return err_set(e, OUT_RETRY, "certificate: the reply ends inside a certificate");
	if (t->order.chain_at == 0 && keep_alternates(t, a->reply, e) == -1)
		return -1;
	buf_reset(&t->order.chain);
	buf_put(&t->order.chain, buf_span(&a->reply->body));
	if (!buf_ok(&t->order.chain))
		return err_nomem(e);
	acme_go(t, &step_chain);
	return 0;
}

static int
certificate_refused(struct acme_task *t UNUSED, const struct acme_refusal *r, struct err *e)
{
	if (r->problem == PROBLEM_LOST && e->sys == EMSGSIZE)
		e->class = OUT_REFUSE;
	return -1;
}

static int
begin_chain(struct acme_task *t, struct err *e UNUSED)
{
	acme_ask(t);
	return 0;
}

static int
took_chain(struct acme_task *t, const struct acme_answer *a UNUSED, struct err *e)
{
	if (!t->order.take && t->order.chain_at < t->order.alternates.n) {
		t->order.chain_at++;
		acme_go(t, &acme_step_certificate);
		return 0;
	}
	if (!t->order.take)
		return err_set(e, OUT_REFUSE, "certificate: none of the %zu chains offered was "
		    "taken", t->order.alternates.n + 1);
	if (acme_set(&t->result.order, t->order.url, e) == -1 ||
	    acme_set(&t->result.account, t->job.account, e) == -1)
		return -1;
	if (blob_set(&t->result.chain, buf_span(&t->order.chain)) == -1)
		return err_nomem(e);
	t->result.replaces = t->order.replaces;
	acme_finish(t);
	return 0;
}

void
acme_order_want(const struct acme_task *t, struct acme_want *w)
{
	if (w->what == ACME_WAIT)
		w->wait_ms = t->wait.ms;
	if (w->what != ACME_CHAIN)
		return;
	w->chain = buf_span(&t->order.chain);
	w->chains_left = t->order.alternates.n - t->order.chain_at;
}

/* --- steps --- */

const struct acme_step acme_step_wait = {
	.name = "wait", .what = ACME_WAIT, .begin = begin_wait, .took = took_wait,
};

static const struct acme_step step_look = {
	.name = "order", .what = ACME_SEND, .begin = begin_look, .took = took_look,
};

const struct acme_step acme_step_csr = {
	.name = "csr", .what = ACME_CSR, .begin = begin_csr, .took = took_csr,
};

/* Finalized or not, an unreadable answer leaves the order's own state to look at. */
static const struct acme_step step_finalize = {
	.name = "finalize", .what = ACME_SEND, .after_garbage = &step_look,
	.begin = begin_finalize, .took = took_finalize, .refused = finalize_refused,
};

const struct acme_step acme_step_certificate = {
	.name = "certificate", .what = ACME_SEND,
	.begin = begin_certificate, .took = took_certificate, .refused = certificate_refused,
};

static const struct acme_step step_chain = {
	.name = "certificate", .what = ACME_CHAIN, .begin = begin_chain, .took = took_chain,
};
