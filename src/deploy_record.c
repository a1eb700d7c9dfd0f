/*
 * deploy_record: the end of a job: what it came to, told and put on record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cas.h"
#include "deploy.h"
#include "instance.h"
#include "keeper.h"
#include "keys.h"
#include "ledger.h"
#include "proof.h"

/* Only what was seen in handshakes is called proven. */
static const char *
how_far(const struct job *j)
{
	static const char *const unseen[] = {
		"proven to be served, but for the ecdsa one, which no listener has",
		"proven to be served, but for the rsa one, which no listener has",
	};
	const char *family = deploy_unseen(j);

	if (j->keeper->setup.no_hooks)
		return "installed; the hooks are still to be run";
	if (j->conf->hooks.n == 0)
		return "installed; no hook is configured";
	if (config_is_seen(j->conf))
		return family == NULL ? "proven to be served" : unseen[strcmp(family, "rsa") == 0];
	return "installed, and the hooks were run; no listener to look at is configured";
}

static void
describe(const struct job *j, char *text, size_t size)
{
	char until[TIME_TEXT], days[SPAN_TEXT], old[ERR_TEXT_MAX];
	const struct manifest *m = &j->state.active;

	if (j->err.class != OUT_OK) {
		if (j->err.class == OUT_ROLLBACK) {
			text_clean(old, sizeof old, span_str(j->err.text));
			snprintf(text, size, "version %lld is %s again: %.700s",
			    (long long)j->version,
			    config_is_seen(j->conf) ? "served" : "active", old);
		} else
			snprintf(text, size, "%s", j->err.text);
		return;
	}
	if (j->kind == JOB_REHEARSE) {
		snprintf(text, size, "rehearsed: the way to a certificate is free");
		return;
	}
	snprintf(text, size, "version %lld%s%s, valid until %s (%s), %s", (long long)j->version,
	    j->conf->ca.n > 1 ? " from " : "", j->conf->ca.n > 1 ? m->ca : "",
	    text_time(m->not_after, until), text_span_of_time(m->not_after - clock_wall(), days),
	    how_far(j));
}

static void
report_result(struct job *j)
{
	char text[ERR_TEXT_MAX];
	struct report r = {
		.kind = REPORT_RESULT,
		.cert = j->conf->name,
		.outcome = j->err.class,
		.text = text,
		.hint = j->err.hint,
		.version = j->version,
		.ms = clock_boot_ms() - j->began_ms,
	};
	struct buf data;

	buf_init(&data, RECORD_FACTS_MAX);
	proof_put(j, &data);
	if (data.n > 0 && buf_ok(&data)) {
		r.data.p = data.p;
		r.data.n = data.n;
		if (blob_set(&j->record.facts, buf_span(&data)) == -1)
			log_warn(KV_S("cert", j->conf->name), KV_S("event", "proof not kept"));
	}
	describe(j, text, sizeof text);
	keeper_report(j->keeper, &r);
	buf_clear(&data);
}

/* What an operator mends on this host: the certificate of the order is as good as before. */
static bool
is_held_here(const struct job *j)
{
	return j->err.class == OUT_HOLD && (j->failed_at == STEP_CHAIN ||
	    j->failed_at == STEP_REHEARSE || j->failed_at == STEP_INSTALL);
}

/*
 * An order that led to nothing is not to be continued: the next one begins
 * anew. That of a pair's other key stands, with its certificate.
 */
static int
drop_order(struct job *j, struct err *e)
{
	if (j->kind != JOB_ISSUE || j->err.class == OUT_OK || j->err.class == OUT_RETRY ||
	    is_held_here(j))
		return 0;
	if (j->nparts == config_parts(j->conf))
		return store_orders_drop(j->folder, e);
	return store_order_drop(j->folder, part_suffix(j->nparts, keys_type(j)), e);
}

/*
 * Looking before costs the CA nothing: what is found then holds back nobody but the daemon, which
 * goes on looking every ten minutes for connections that end.
 */
static void
record_look(struct job *j, const struct record_time *now)
{
	struct record *r = &j->record;

	r->looks = j->failed_at != STEP_PREFLIGHT ? 0 : j->crowded ? 2 : time_add(r->looks, 1);
	r->last_look = *now;
}

/* It was just seen: what was found between deployments is over. */
static void
forget_unserved(struct record *r)
{
	free(r->unserved);
	r->unserved = NULL;
	r->unserved_since = 0;
}

/* A version that failed is not tried again of itself while all is as it was. */
static int
record_tried(struct job *j, struct err *e)
{
	char digest[CONFIG_DIGEST_LEN + 1];

	free(j->record.tried);
	j->record.tried = NULL;
	if (j->err.class != OUT_ROLLBACK)
		return 0;
	if (config_cert_digest(j->conf, digest, e) == -1)
		return -1;
	return (j->record.tried = strdup(digest)) != NULL ? 0 : err_nomem(e);
}

static int
note_servers(struct job *j, struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;
	const struct instance *in;
	size_t i;

	for (i = 0; i < j->conf->hooks.n; i++)
		if ((in = instance_of(j->keeper, &h[i], e)) == NULL ||
		    instance_note(in, j, e) == -1)
			return -1;
	return 0;
}

int
deploy_note(struct job *j, const struct record_time *now, struct err *e)
{
	const int64_t failures = j->record.failures, outcome = j->record.outcome,
	    asked = j->record.asked;
	const struct record_time last = j->record.last_failure;
	struct err res = j->err;
	struct record_try t = {
		.step = job_step_name(j->failed_at),
		.version = j->version,
		.res = &res,
		.ca = j->blamed || (res.class == OUT_OK && j->kind == JOB_ISSUE) ? j->ca->name :
		    NULL,
		.paused = j->trouble == ACME_TROUBLE_PAUSED,
	};

	if (random_bytes(&t.random, sizeof t.random) == -1)
		return err_set(e, OUT_RETRY, "no random bytes");
	if (res.retry_at > time_add(now->wall, LEDGER_WAIT_MAX))
		res.retry_at = time_add(now->wall, LEDGER_WAIT_MAX);
	if (record_end(&j->record, now, &t) == -1)
		return err_nomem(e);
	if (j->err.class == OUT_ALARM && j->failed_at >= STEP_SWITCH)
		j->record.reload_tries = deploy_is_foreign(j) ? DUE_RELOADS + 1 :
		    time_add(j->record.reload_tries, 1);
	if (j->spent && j->order_url == NULL)
		cas_unspend(j);
	if (j->served != 0)
		forget_unserved(&j->record);
	if (note_servers(j, e) == -1)
		return -1;
	record_look(j, now);
	if (j->err.class != OUT_OK && j->failed_at == STEP_PREFLIGHT) {
		j->record.failures = failures;
		j->record.outcome = outcome;
		j->record.asked = asked;
		j->record.last_failure = last;
	} else if (record_tried(j, e) == -1)
		return -1;
	return record_save(j->folder, &j->record, e);
}

enum job_progress
deploy_record(struct job *j, struct err *e)
{
	struct record_time now;

	if (j->err.class == OUT_OK && j->kind != JOB_REHEARSE) {
		install_state_clear(&j->state);
		if (install_look(j->folder, clock_wall(), &j->state, e) == -1)
			return JOB_FAILED;
		j->looked = true;
	}
	report_result(j);
	if (j->kind == JOB_REHEARSE)
		return JOB_DONE;
	install_unreserve(j->folder);
	record_now(&now);
	if (deploy_note(j, &now, e) == -1 || drop_order(j, e) == -1)
		return JOB_FAILED;
	if (j->err.class == OUT_OK && keys_stage(j, e) == -1)
		return JOB_FAILED;
	return j->served == 0 || install_prune(j->folder, e) == 0 ? JOB_DONE : JOB_FAILED;
}
