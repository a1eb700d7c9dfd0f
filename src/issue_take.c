/*
 * issue_take: the steps of a job between a chain that net brings and a version
 * that is installed: chain, rehearse, install.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cas.h"
#include "keeper.h"
#include "rehearse.h"
#include "revocation.h"
#include "standing.h"

/* --- chain --- */

void
issue_on_chain(void *arg, struct message *m)
{
	struct msg_chain *body = m->body;
	struct job *j = keeper_job(arg, body->job);
	struct err e = ERR_NONE;

	if (!issue_is_at_net(j) || !j->waiting || j->chain_asked != 0 || m->id == 0) {
		err_set(&e, OUT_RETRY, "chain: no job waits for it");
		issue_answer(arg, m->id, MSG_TAKE, NULL, &e);
		return;
	}
	blob_clear(&j->pem);
	j->pem = body->pem;
	memset(&body->pem, 0, sizeof body->pem);
	j->chains_left = body->left;
	j->ca_time = body->ca_time;
	j->chain_asked = m->id;
	job_wake(j);
}

/* The leaf in service with the same kind of key, which may not come again (FAULTS A29). */
static void
describe_active(struct job *j, struct chain_in *in)
{
	const struct manifest *m = &j->state.active;
	struct buf digest;

	buf_init(&digest, SHA256_LEN);
	for (size_t i = 0; i < m->leaves.n && j->key != NULL && j->kind == JOB_ISSUE; i++) {
		const struct manifest_leaf *l = manifest_leaf(m, i);

		if (strcmp(part_family(l->key_type), part_family(key_type(j->key))) != 0 ||
		    hex_decode(span_str(l->leaf_sha256), &digest) == -1 || digest.n != SHA256_LEN)
			continue;
		memcpy(j->in_service, digest.p, SHA256_LEN);
		in->active = span_of(j->in_service, SHA256_LEN);
		break;
	}
	buf_clear(&digest);
}

static void
describe_chain(struct job *j, struct chain_in *in)
{
	const struct ca_conf *ca = j->ca;

	in->key = j->key;
	in->names = &j->conf->names;
	in->now = clock_wall();
	in->ca_now = j->ca_time;
	in->trust = j->keeper->trust;
	in->bundle = ca->trust_bundle;
	in->crls = revocation_lists(j->keeper);
	/* a staging CA's roots are in nobody's trust store */
	in->any_root = j->kind == JOB_REHEARSE;
	in->serials = j->kind == JOB_ISSUE ? &j->record.serials : NULL;
	describe_active(j, in);
}

static void
tell_net(struct job *j, bool take)
{
	struct msg_take body = { take };
	struct err none = ERR_NONE;

	if (j->chain_asked != 0)
		issue_answer(j->keeper, j->chain_asked, MSG_TAKE, &body, &none);
	j->chain_asked = 0;
}

static void
report_extra_names(struct job *j)
{
	const struct strs *extra = chain_extra_names(j->chain);
	struct report r = { .kind = REPORT_NOTE, .cert = j->conf->name, .ms = -1 };
	char text[HOST_MAX + 64];
	size_t i;

	r.step = (char *)(uintptr_t)job_step_name(j->at);
	r.text = text;
	for (i = 0; i < extra->n; i++) {
		snprintf(text, sizeof text, "the CA added a name that was not asked for: %s",
		    extra->v[i]);
		keeper_report(j->keeper, &r);
	}
}

/*
 * One that is not fit is refused; while the CA offers another one, that is
 * looked at (FAULTS A24).
 */
enum job_progress
issue_chain(struct job *j, struct err *e)
{
	struct chain_in in = { .pem = blob_span(&j->pem) };

	if (j->chain_asked == 0)
		return JOB_WAIT;
	describe_chain(j, &in);
	switch (standing_judge(j, &in, e)) {
	case JOB_WAIT:
		return JOB_WAIT;
	case JOB_DONE:
		j->taken = true;
		tell_net(j, true);
		report_extra_names(j);
		return JOB_DONE;
	case JOB_FAILED:
	case JOB_MORE:
		break;
	}
	tell_net(j, false);
	if (e->class == OUT_REFUSE && j->chains_left > 0)
		return JOB_WAIT;
	if (e->class == OUT_REFUSE)
		cas_refused(j);
	return JOB_FAILED;
}

/* The key whose certificate has come and is fit makes room for the next one's order. */
static void
finish_part(struct job *j)
{
	j->parts[j->nparts++] = (struct job_part){ j->key, j->chain, j->order_url };
	j->key = NULL;
	j->chain = NULL;
	j->order_url = NULL;
	j->spent = false;
	j->again = j->nparts < config_parts(j->conf);
}

enum job_progress
issue_rehearse(struct job *j, struct err *e)
{
	struct chain_in in = { .pem = blob_span(&j->pem) };

	describe_chain(j, &in);
	/* a handshake needs the key, which may be the operator's alone */
	if (key_is_private(j->key) && rehearse(&in, j->chain, e) == -1) {
		if (e->class == OUT_REFUSE)
			cas_refused(j);
		return JOB_FAILED;
	}
	finish_part(j);
	return JOB_DONE;
}

/* --- install --- */

/*
 * What was read back from the disk is what passed chain_check(), and what the
 * rehearsal loaded: octet for octet, which proves more than checking it again.
 */
static int
check_again(void *arg, struct span key_pem, struct span fullchain, struct err *e)
{
	const struct job *j = arg;
	struct buf pem, full;
	bool same = false;
	int rc = 0;

	buf_init(&pem, KEY_PEM_MAX);
	buf_init(&full, CHAIN_MAX);
	for (size_t i = 0; i < j->nparts && !same && rc == 0; i++) {
		buf_reset(&pem);
		buf_reset(&full);
		if (key_is_private(j->parts[i].key))
			rc = key_to_pem(j->parts[i].key, &pem, e);
		chain_put_full(j->parts[i].chain, &full);
		same = rc == 0 && buf_ok(&full) && span_eq(buf_span(&full), fullchain) &&
		    span_eq(buf_span(&pem), key_pem);
	}
	buf_clear(&pem);
	buf_clear(&full);
	if (rc == 0 && !same)
		rc = err_set(e, OUT_REFUSE, "what was written is not what was checked");
	return rc;
}

static void
on_valid(void *arg)
{
	job_wake(arg);
}

/* A certificate may begin a little later than our clock (FAULTS T06). */
static enum job_progress
wait_until_valid(struct job *j, int64_t from, struct err *e)
{
	int64_t ms = (from - clock_wall()) * 1000;

	if (loop_timer_add(j->keeper->loop, clock_boot_ms() + ms, on_valid, j, e) == NULL)
		return JOB_FAILED;
	return JOB_WAIT;
}

static int64_t
valid_from(const struct job *j)
{
	int64_t from = INT64_MIN, one;

	for (size_t i = 0; i < j->nparts; i++)
		if ((one = chain_valid_from(j->parts[i].chain)) > from)
			from = one;
	return from;
}

static int
note_serials(struct job *j, struct err *e)
{
	for (size_t i = 0; i < j->nparts; i++)
		if (record_serial(&j->record, chain_leaf(j->parts[i].chain)->serial, e) == -1)
			return -1;
	return 0;
}

/* All keys of the certificate at once: half a pair is never installed. */
enum job_progress
issue_install(struct job *j, struct err *e)
{
	struct install_rights rights = { 0 };
	struct install_new new = {
		.nparts = j->nparts,
		.ca = j->ca->name,
		.now = clock_wall(),
		.rights = &rights,
		.check = check_again,
		.arg = j,
	};
	int rc = -1;

	if (valid_from(j) > clock_wall())
		return wait_until_valid(j, valid_from(j), e);
	for (size_t i = 0; i < j->nparts; i++)
		new.parts[i] = (struct install_part){ j->parts[i].chain, j->parts[i].key,
		    j->parts[i].order_url };
	if (install_rights(j->conf, &rights, e) == 0 &&
	    install_stage(j->folder, &new, &j->version, e) == 0 && note_serials(j, e) == 0 &&
	    record_save(j->folder, &j->record, e) == 0)
		rc = store_orders_drop(j->folder, e);
	pack_clear(&install_rights_pack, &rights);
	return rc == 0 ? JOB_DONE : JOB_FAILED;
}
