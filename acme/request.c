/*
 * request: preparing a task's requests, and what becomes of the replies:
 * repetition after badNonce and after garbage, judging of refusals, and the
 * step's own part of it. See task.c for the phases.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "private.h"

/* --- helpers of the steps --- */

int
acme_set(char **to, const char *from, struct err *e)
{
	char *copy = NULL;

	if (from != NULL && (copy = span_dup(span_str(from))) == NULL)
		return err_nomem(e);
	free(*to);
	*to = copy;
	return 0;
}

int
acme_set_clean(char **to, const char *from, struct err *e)
{
	char clean[ERR_TEXT_MAX];

	if (from == NULL)
		return acme_set(to, NULL, e);
	text_clean(clean, sizeof(clean), span_str(from));
	return acme_set(to, clean, e);
}

void
acme_warn(struct acme_task *t, const char *fmt, ...)
{
	char raw[ERR_TEXT_MAX], line[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	va_end(ap);
	text_clean(line, sizeof(line), span_str(raw));
	/* A warning that finds no memory is not worth a failure. */
	if (strs_add(&t->result.warnings, line) == -1)
		return;
}

int
acme_get_url(const struct acme_task *t, const struct json *o, const char *where, const char *key,
    char **out, struct err *e)
{
	const char *url;

	if (json_get_str(o, where, key, JSON_REQUIRED, &url, e) == -1)
		return -1;
	if (acme_url_check(t->s->ca, key, url, e) == -1)
		return err_in(e, "%s", where);
	return acme_set(out, url, e);
}

int
acme_get_location(const struct acme_task *t, const struct acme_reply *r, const char *where,
    char **out, struct err *e)
{
	struct buf url;
	int rc = -1;

	if (r->headers.location == NULL)
		return err_set(e, OUT_HOLD, "%s: Location: want the URL of the object, have none",
		    where);
	buf_init(&url, URL_TEXT_MAX);
	acme_resolve(span_str(r->headers.location), t->req.url, &url);
	if (!buf_ok(&url))
		err_nomem(e);
	else if (acme_url_check(t->s->ca, "Location", buf_cstr(&url), e) == -1)
		err_in(e, "%s", where);
	else
		rc = acme_set(out, buf_cstr(&url), e);
	buf_clear(&url);
	return rc;
}

void
acme_go(struct acme_task *t, const struct acme_step *step)
{
	acme_turn_give(t);
	t->step = step;
	t->phase = PHASE_BEGIN;
	t->bad_nonces = 0;
	t->garbled = false;
}

void
acme_finish(struct acme_task *t)
{
	t->result.has_skew = t->s->has_skew;
	t->result.skew = t->s->skew;
	t->phase = PHASE_DONE;
}

void
acme_ask(struct acme_task *t)
{
	t->phase = PHASE_ASK;
}

void
acme_expect(struct acme_task *t, enum acme_expect expect)
{
	t->req.expect = expect;
}

int
acme_get(struct acme_task *t, const char *url, struct err *e)
{
	t->req.method = ACME_GET;
	t->req.expect = EXPECT_JSON;
	t->phase = PHASE_SEND;
	return acme_set(&t->req.url, url, e);
}

static int
prepare_sign(struct acme_task *t, enum acme_key key, const char *url, struct span payload,
    struct err *e)
{
	bool kid = key == ACME_KEY_KID || key == ACME_KEY_NEW;

	if (kid && t->job.account == NULL)
		return err_set(e, OUT_HOLD, "%s: want the account's URL, have none", t->step->name);
	free(t->sign.nonce);
	t->sign.nonce = NULL;
	t->sign.key = (int64_t)key;
	if (blob_set(&t->sign.payload, payload) == -1)
		return err_nomem(e);
	t->phase = PHASE_SIGN;
	return acme_set(&t->sign.kid, kid ? t->job.account : NULL, e) == -1 ? -1 :
	    acme_set(&t->sign.url, url, e);
}

int
acme_post_as(struct acme_task *t, enum acme_key key, const char *url, struct span payload,
    struct err *e)
{
	t->req.method = ACME_POST;
	t->req.expect = EXPECT_JSON;
	t->sign_alone = false;
	if (acme_set(&t->req.url, url, e) == -1)
		return -1;
	return prepare_sign(t, key, url, payload, e);
}

int
acme_post(struct acme_task *t, const char *url, struct span payload, struct err *e)
{
	return acme_post_as(t, ACME_KEY_KID, url, payload, e);
}

int
acme_sign_alone(struct acme_task *t, enum acme_key key, const char *url, struct err *e)
{
	t->sign_alone = true;
	buf_reset(&t->inner);
	return prepare_sign(t, key, url, SPAN_NONE, e);
}

/* --- replies --- */

/* RFC 8555 section 7.2; a reply of 204 belongs to GET, but does no harm. */
static int
took_nonce(struct acme_task *t, const struct acme_reply *r, bool has_nonce, struct err *e)
{
	struct acme_refusal refusal;

	if (r->status != 200 && r->status != 204) {
		acme_refusal_read(r, "newNonce", t->now, &refusal, e);
		if (refusal.whole_ca)
			acme_session_hold(t->s, e->retry_at);
		t->trouble = refusal.trouble;
		return -1;
	}
	t->dry_nonces = has_nonce ? 0 : t->dry_nonces + 1;
	if (t->dry_nonces <= 1)
		return 0;	/* advance() takes it out of the pool, or asks once more */
	return err_set(e, OUT_RETRY, "newNonce: RFC 8555 section 7.2: Replay-Nonce: want "
	    "base64url, have none, twice");
}

/* FAULTS A01, A02. The nonce of the refusal is the last in the pool, and is used first. */
static int
again_after_bad_nonce(struct acme_task *t, struct err *e)
{
	if (++t->bad_nonces > BAD_NONCES_PER_REQUEST)
		return err_in(e, "the request was sent %u times", t->bad_nonces);
	if (++t->all_bad_nonces > BAD_NONCES_PER_TASK)
		return err_in(e, "more than %d nonces were refused", BAD_NONCES_PER_TASK);
	t->phase = PHASE_SIGN;
	return 0;
}

static int
took_refusal(struct acme_task *t, const struct acme_reply *r, struct err *e)
{
	struct acme_refusal refusal;

	acme_refusal_read(r, t->step->name, t->now, &refusal, e);
	if (refusal.problem == PROBLEM_BAD_NONCE && t->req.method == ACME_POST)
		return again_after_bad_nonce(t, e);
	if (refusal.whole_ca)
		acme_session_hold(t->s, e->retry_at);
	if (t->step->refused != NULL && t->step->refused(t, &refusal, e) == 0)
		return 0;
	if (t->trouble == ACME_TROUBLE_NONE)
		t->trouble = refusal.trouble;
	return -1;
}

/* FAULTS A10: garbage once is a fault on the way, garbage twice is one of the CA. */
static int
took_garbage(struct acme_task *t, struct err *e)
{
	const struct acme_step *next = t->step->after_garbage;

	err_in(e, "%s", t->step->name);
	if (e->sys != 0)
		return -1;
	if (t->garbled) {
		e->class = OUT_HOLD;
		return -1;
	}
	acme_go(t, next != NULL ? next : t->step);
	t->garbled = true;
	return 0;
}

/* FAULTS A11. */
static int
check_type(const struct acme_task *t, const struct acme_reply *r, struct err *e)
{
	static const char *const types[] = {
		[EXPECT_JSON] = "application/json",
		[EXPECT_PEM] = "application/pem-certificate-chain",
	};

	if (t->req.expect == EXPECT_NOTHING || acme_type_is(&r->headers, types[t->req.expect]))
		return 0;
	return err_set(e, OUT_RETRY, "%s: HTTP %d: Content-Type: want %s, have %.200s",
	    t->step->name, r->status, types[t->req.expect],
	    r->headers.type != NULL ? r->headers.type : "none");
}

static int
took_success(struct acme_task *t, const struct acme_reply *r, struct err *e)
{
	struct acme_answer a = { r, NULL };
	struct json_doc *doc = NULL;
	int rc;

	if (check_type(t, r, e) == -1)
		return -1;
	if (t->req.expect == EXPECT_JSON) {
		if ((doc = json_parse(buf_span(&r->body), e)) == NULL)
			return took_garbage(t, e);
		a.json = json_root(doc);
		if (json_is_object(a.json, t->step->name, e) == -1) {
			json_free(doc);
			return -1;
		}
	}
	rc = t->step->took(t, &a, e);
	json_free(doc);
	return rc;
}

/* For the next look at an order; FAULTS A31. */
static void
note_retry_after(struct acme_task *t, const struct acme_reply *r)
{
	int64_t s;

	t->asked_ms = 0;
	if (acme_retry_after(&r->headers, t->now, &s))
		t->asked_ms = (s < 1 ? 1 : s > MINUTE ? MINUTE : s) * 1000;
}

int
acme_request_took(struct acme_task *t, const struct acme_reply *r, struct err *e)
{
	bool has_nonce;

	acme_session_learn(t->s, t->now, r);
	note_retry_after(t, r);
	has_nonce = acme_nonce_put(t->s, r, &t->result.warnings);
	if (t->phase == PHASE_NONCE)
		return took_nonce(t, r, has_nonce, e);
	if (r->status >= 200 && r->status < 300)
		return took_success(t, r, e);
	return took_refusal(t, r, e);
}
