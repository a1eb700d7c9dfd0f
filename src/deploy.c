/*
 * deploy: the steps of a job that put a version into service: preflight,
 * switch, reload, verify, the same steps back, and the record of it all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cas.h"
#include "instance.h"
#include "keeper.h"
#include "ledger.h"
#include "managed.h"
#include "verify.h"

/* Calls ask() for one hook after the other; a hook that waits is asked again. */
static enum job_progress
each_hook(struct job *j, enum job_progress (*ask)(struct instance *, struct job *, struct err *e),
    struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;
	struct instance *in;
	enum job_progress p;

	for (; !j->keeper->setup.no_hooks && j->hook < j->conf->hooks.n; j->hook++) {
		if ((in = instance_of(j->keeper, &h[j->hook], e)) == NULL)
			return JOB_FAILED;
		if ((p = ask(in, j, e)) != JOB_DONE)
			return p;
	}
	return JOB_DONE;
}

/* --- forward --- */

enum job_progress
deploy_preflight(struct job *j, struct err *e)
{
	enum job_progress p;

	if (j->keeper->no_answer.class != OUT_OK &&
	    (j->kind == JOB_ISSUE || j->kind == JOB_REHEARSE)) {
		*e = j->keeper->no_answer;
		return JOB_FAILED;
	}
	p = each_hook(j, instance_preflight, e);
	if (p == JOB_DONE && (managed_check(j, 0, e) == -1 || quiet_wait(j, e) == -1))
		p = JOB_FAILED;
	if (p == JOB_FAILED && j->state.health == INSTALL_EMPTY && e->hint[0] == '\0')
		err_hint(e, "a server that needs the certificate to start: kamcert renew --no-hooks, "
		    "start it, then kamcert reload");
	return p;
}

/* Close to the reload, so that the time in which a starting server could see both is short. */
enum job_progress
deploy_switch(struct job *j, struct err *e)
{
	store_cert_point(j->folder, managed_turn, j);
	if (install_switch(j->folder, j->version, clock_wall(), e) == -1)
		return JOB_FAILED;
	if (j->keeper->setup.no_hooks)
		return JOB_DONE;
	return install_asked(j->folder, clock_wall(), e) == -1 ? JOB_FAILED : JOB_DONE;
}

static enum job_progress
reload_one(struct instance *in, struct job *j, struct err *e)
{
	enum job_progress p = instance_reload(in, j, e);

	if (p != JOB_WAIT && !instance_kept_old(in))
		j->untouched = false;
	return p;
}

enum job_progress
deploy_reload(struct job *j, struct err *e)
{
	/* files that are managed since the last switch */
	if (j->kind == JOB_RELOAD && j->hook == 0 && managed_turn(j, j->version, e) == -1)
		return JOB_FAILED;
	return each_hook(j, reload_one, e);
}

/* --- verify --- */

/* Digests of leaf and issuers of a part of a version, as servers should send them. */
static int
digest_part(struct job *j, int64_t version, const char *suffix, struct blob *out, struct err *e)
{
	const struct cert_facts *c;
	struct certs certs = { 0 };
	char name[PART_NAME_MAX];
	struct buf pem, digests;
	size_t i;
	int rc = -1;

	buf_init(&pem, CHAIN_MAX);
	buf_init(&digests, CHAIN_CERTS_MAX * SHA256_LEN);
	if (install_read(j->folder, version, part_name(PART_FULL, suffix, name), &pem, e) == 0 &&
	    chain_read(buf_span(&pem), &certs, e) == 0) {
		c = certs.all.v;
		for (i = 0; i < certs.all.n; i++)
			buf_put(&digests, blob_span(&c[i].sha256));
		rc = buf_ok(&digests) && blob_set(out, buf_span(&digests)) == 0 ? 0 : err_nomem(e);
	}
	pack_clear(&certs_pack, &certs);
	buf_clear(&pem);
	buf_clear(&digests);
	return rc;
}

/* The leaf that was there before for the same kind of key: only for a better word about what was seen. */
static void
digest_old(struct job *j, const char *family, struct blob *out)
{
	const struct manifest *m = &j->state.active;
	struct err why = ERR_NONE;
	const char *type;

	for (size_t i = 0; i < m->leaves.n; i++) {
		type = manifest_leaf(m, i)->key_type;
		if (family != NULL && strcmp(part_family(type), family) != 0)
			continue;
		if (digest_part(j, j->state.version, part_suffix(i, type), out, &why) == -1)
			blob_clear(out);
		else
			out->n = SHA256_LEN;
		return;
	}
}

static int
describe_leaf(struct job *j, int64_t version, const struct manifest *m, struct list *leaves,
    struct err *e)
{
	struct verify_leaf *l = list_add(leaves, sizeof(*l));
	size_t part = leaves->n - 1;
	const char *type = manifest_leaf(m, part)->key_type;

	if (l == NULL || (m->leaves.n > 1 && (l->family = strdup(part_family(type))) == NULL))
		return err_nomem(e);
	if (j->state.version != 0 && j->state.version != version)
		digest_old(j, l->family, &l->old);
	return digest_part(j, version, part_suffix(part, type), &l->want, e);
}

/* What of a version is to be seen. One that somebody changed is known by its files alone. */
static int
describe_leaves(struct job *j, int64_t version, struct list *leaves, struct err *e)
{
	struct manifest other = { 0 };
	const struct manifest *m = &j->state.active;
	int rc = 0;

	if (version != j->state.version) {
		rc = install_check(j->folder, version, &other, e);
		m = &other;
	}
	for (size_t i = 0; i < m->leaves.n && rc == 0; i++)
		rc = describe_leaf(j, version, m, leaves, e);
	pack_clear(&manifest_pack, &other);
	return rc;
}

/* Everything that was seen of one hook's servers, as one object of the record's list. */
static void
put_proof(struct job *j, const struct hook_conf *conf, const struct verify_out *out)
{
	const struct verify_seen *seen = out->seen.v;
	struct instance *in;
	struct json_out o;
	struct err e = ERR_NONE;
	size_t i;

	if ((in = instance_of(j->keeper, conf, &e)) == NULL)
		return;
	if (j->proofs++ > 0)
		buf_str(&j->proof, ",");
	json_begin(&o, &j->proof);
	json_put_object(&o, NULL);
	instance_put_proof(in, &o);
	json_put_str(&o, "verdict", verify_word(out->verdict));
	json_put_int(&o, "rounds", out->rounds);
	json_put_int(&o, "verify_ms", out->ms);
	json_put_array(&o, "listeners");
	for (i = 0; i < out->seen.n; i++) {
		json_put_object(&o, NULL);
		json_put_str(&o, "listener", seen[i].listener);
		json_put_str(&o, "name", seen[i].name);
		json_put_str(&o, "key", seen[i].family);
		json_put_str(&o, "verdict", verify_word(seen[i].verdict));
		json_put_int(&o, "handshakes", seen[i].handshakes);
		json_put_int(&o, "wanted", seen[i].wanted);
		json_put_str(&o, "serial", seen[i].leaf.serial);
		json_put_str(&o, "note", seen[i].note);
		json_object_end(&o);
	}
	json_array_end(&o);
	json_object_end(&o);
}

int
deploy_note_seen(struct job *j, const struct verify_out *out, struct err *e)
{
	const struct verify_seen *s = out->seen.v;

	for (size_t i = 0; i < out->seen.n; i++)
		if (s[i].family != NULL && s[i].verdict == VERIFY_NEW &&
		    !strs_has(&j->seen, s[i].family) && strs_add(&j->seen, s[i].family) == -1)
			return err_nomem(e);
	return 0;
}

const char *
deploy_unseen(const struct job *j)
{
	const struct manifest *m = &j->state.active;
	const char *family;

	for (size_t i = 0; i < m->leaves.n && m->leaves.n > 1; i++) {
		family = part_family(manifest_leaf(m, i)->key_type);
		if (!strs_has(&j->seen, family))
			return family;
	}
	return NULL;
}

static void
on_verified(void *arg, struct message *m)
{
	struct job *j = arg;
	const struct hook_conf *h = j->conf->hooks.v;
	const struct verify_out *seen = m->body;
	struct err e = ERR_NONE;

	j->asked = false;
	if (m->type != MSG_VERIFIED) {
		(void)message_error(m, &e);
		job_fail(j, &e);
		return;
	}
	put_proof(j, &h[j->hook], seen);
	if (verify_judge(seen, &e) == -1 || deploy_note_seen(j, seen, &e) == -1) {
		job_fail(j, &e);
		return;
	}
	j->hook++;
	job_wake(j);
}

int
deploy_ask_verify(struct job *j, const struct hook_conf *h, int64_t version,
    channel_answer *answer, struct err *e)
{
	struct verify_in in = { .listeners = h->verify, .names = j->conf->names, .settle = h->settle,
		.look = j->kind == JOB_LOOK || j->kind == JOB_WATCH };
	struct channel *control;
	struct instance *at;
	int rc = -1;

	if ((at = instance_of(j->keeper, h, e)) == NULL ||
	    describe_leaves(j, version, &in.leaves, e) == -1)
		goto out;
	in.workers = instance_workers(at);
	if (keeper_role(j->keeper, ROLE_CONTROL, &control, e) == 0)
		rc = channel_call(control, MSG_VERIFY, &in, -1, answer, j, e);
out:
	in.listeners = in.names = (struct strs){ NULL, 0 };	/* lent */
	pack_clear(&verify_in_pack, &in);
	return rc;
}

/* One hook after the other, until all their listeners serve the version. */
static enum job_progress
verify_version(struct job *j, int64_t version, struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;

	if (j->asked)
		return JOB_WAIT;
	while (j->hook < j->conf->hooks.n && h[j->hook].verify.n == 0)
		j->hook++;
	if (j->hook >= j->conf->hooks.n)
		return JOB_DONE;
	if (deploy_ask_verify(j, &h[j->hook], version, on_verified, e) == -1)
		return JOB_FAILED;
	j->asked = true;
	return JOB_WAIT;
}

enum job_progress
deploy_verify(struct job *j, struct err *e)
{
	enum job_progress p = verify_version(j, j->version, e);

	if (p != JOB_DONE)
		return p;
	if (j->kind != JOB_RELOAD && install_done(j->folder, clock_wall(), e) == -1)
		return JOB_FAILED;
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
	install_state_clear(&j->state);
	if (install_look(j->folder, clock_wall(), &j->state, e) == -1)
		return JOB_FAILED;
	j->version = j->state.version;
	return install_asked(j->folder, clock_wall(), e) == -1 ? JOB_FAILED : JOB_DONE;
}

/* A server that kept its old set needs no second reload (FAULTS K04). */
enum job_progress
deploy_back_reload(struct job *j, struct err *e)
{
	if (j->untouched && j->kind != JOB_BACK)
		return JOB_DONE;
	return each_hook(j, instance_reload, e);
}

enum job_progress
deploy_back_verify(struct job *j, struct err *e)
{
	enum job_progress p = verify_version(j, j->version, e);

	if (p != JOB_DONE)
		return p;
	if (install_done(j->folder, clock_wall(), e) == -1)
		return JOB_FAILED;
	j->served = j->version;
	j->err.class = OUT_ROLLBACK;
	if (j->kind == JOB_BACK)
		err_set(&j->err, OUT_ROLLBACK, "a rollback that was cut off is complete");
	return JOB_DONE;
}

/* --- record --- */

bool
deploy_is_seen(const struct cert_conf *conf)
{
	const struct hook_conf *h = conf->hooks.v;
	size_t i;

	for (i = 0; i < conf->hooks.n; i++)
		if (h[i].verify.n > 0)
			return true;
	return false;
}

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
	if (deploy_is_seen(j->conf))
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
			    deploy_is_seen(j->conf) ? "served" : "active", old);
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
	if (j->proofs > 0) {
		buf_str(&data, "{\"hooks\":[");
		buf_put(&data, buf_span(&j->proof));
		buf_str(&data, "]}");
	}
	if (buf_ok(&data)) {
		r.data.p = data.p;
		r.data.n = data.n;
		if (blob_set(&j->record.facts, buf_span(&data)) == -1)
			log_warn(KV_S("cert", j->conf->name), KV_S("event", "proof not kept"));
	}
	describe(j, text, sizeof text);
	keeper_report(j->keeper, &r);
	buf_clear(&data);
}

/*
 * An order that led to nothing is not to be continued: the next one begins
 * anew. That of a pair's other key stands, with its certificate.
 */
static int
drop_order(struct job *j, struct err *e)
{
	const struct strs *keys = &j->conf->key;

	if (j->kind != JOB_ISSUE || j->err.class == OUT_OK || j->err.class == OUT_RETRY)
		return 0;
	if (j->nparts == keys->n)
		return store_orders_drop(j->folder, e);
	return store_order_drop(j->folder, part_suffix(j->nparts, keys->v[j->nparts]), e);
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

int
deploy_note(struct job *j, const struct record_time *now, struct err *e)
{
	const int64_t failures = j->record.failures;
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
		j->record.reload_tries = time_add(j->record.reload_tries, 1);
	if (j->spent && j->order_url == NULL)
		cas_unspend(j);
	if (j->served != 0)
		forget_unserved(&j->record);
	record_look(j, now);
	if (j->err.class != OUT_OK && j->failed_at == STEP_PREFLIGHT) {
		j->record.failures = failures;
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
	}
	report_result(j);
	if (j->kind == JOB_REHEARSE)
		return JOB_DONE;
	install_unreserve(j->folder);
	record_now(&now);
	if (deploy_note(j, &now, e) == -1 || drop_order(j, e) == -1)
		return JOB_FAILED;
	return j->served == 0 || install_prune(j->folder, e) == 0 ? JOB_DONE : JOB_FAILED;
}
