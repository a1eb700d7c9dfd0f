/*
 * prove: what shows that a server has taken a version: handshakes with its
 * listeners, what it says of itself, and what it has logged. Asks for it;
 * what it means is for proof to say.
 */
#include "prove.h"

#include <stdlib.h>
#include <string.h>

#include "deploy.h"
#include "instance.h"
#include "keeper.h"
#include "proof.h"
#include "rollout.h"

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

/*
 * The leaf that was there before for the same kind of key: only for a better
 * word about what was seen.
 */
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

/* Workers that differ: told once more, as it may have been a switch in the middle (FAULTS K08). */
static bool
tell_again(struct job *j, int64_t verdict)
{
	const struct hook_conf *conf = (const struct hook_conf *)j->conf->hooks.v + j->hook;
	struct job_server *s = &j->servers[j->hook];
	struct err e = ERR_NONE;
	struct instance *in;

	if (verdict != VERIFY_MIXED || j->at != STEP_VERIFY || s->again ||
	    (in = instance_of(j->keeper, conf, &e)) == NULL || instance_restarts(in))
		return false;
	s->again = j->retell = true;
	j->since = j->asked_at;
	return true;
}

/* What this hook's answer leads to: on to the next one, or the job's failure. */
static void
conclude(struct job *j, const struct err *e)
{
	const struct hook_conf *conf = (const struct hook_conf *)j->conf->hooks.v + j->hook;
	struct err why = *e;
	struct instance *in;

	if (e->class != OUT_OK && ((in = instance_of(j->keeper, conf, &why)) == NULL ||
	    !deploy_spare(j, in, e))) {
		job_fail(j, &why);
		return;
	}
	j->hook++;
	job_wake(j);
}

static void
on_watched(void *arg, struct message *m)
{
	struct job *j = arg;
	struct job_server *s = &j->servers[j->hook];
	struct err e = ERR_NONE;

	j->asked = false;
	if (m->type == MSG_WATCHED) {
		proof_keep(j, m->body);
	} else {
		(void)message_error(m, &e);
		proof_warn(j, CHECK_RESTART, "it does not say how it is: %.400s", e.text);
		err_clear(&e);
	}
	/*
	 * another process has read the files by itself; one that is silent may
	 * be on its way back
	 */
	if (proof_is_other(j, m->type == MSG_WATCHED)) {
		s->proven = false;
		job_wake(j);
		return;
	}
	if (proof_judge(j, &e) == 0)
		err_clear(&e);
	conclude(j, &e);
}

static void
on_verified(void *arg, struct message *m)
{
	struct job *j = arg;
	struct job_server *s = &j->servers[j->hook];
	struct verify_out *seen = m->body;
	struct err e = ERR_NONE;

	j->asked = false;
	if (m->type != MSG_VERIFIED) {
		(void)message_error(m, &e);
		job_fail(j, &e);
		return;
	}
	pack_clear(&verify_out_pack, &s->seen);
	s->seen = *seen;
	memset(seen, 0, sizeof *seen);
	s->looked = true;
	s->foreign = s->foreign || s->seen.verdict == VERIFY_OTHER;
	if (proof_of_listeners(j, &e) == 0 && deploy_note_seen(j, &s->seen, &e) == 0) {
		s->version = j->version;
		s->proven = true;
	} else if (!tell_again(j, s->seen.verdict)) {
		conclude(j, &e);
		return;
	}
	job_wake(j);
}

int
deploy_ask_verify(struct job *j, const struct hook_conf *h, int64_t version,
    channel_answer *answer, struct err *e)
{
	struct verify_in in = { .listeners = h->verify, .names = j->conf->names,
	    .settle = h->settle,
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

enum job_progress
prove_one(struct instance *in, struct job *j, struct err *e)
{
	const struct hook_conf *h = (const struct hook_conf *)j->conf->hooks.v + j->hook;
	struct job_server *s = &j->servers[j->hook];
	enum job_progress p;

	if (j->retell && (p = instance_reload(in, j, e)) != JOB_DONE)
		return p;
	j->retell = false;
	if (h->verify.n == 0 && instance_is_known(in, e) == -1)
		return JOB_FAILED;
	if (h->verify.n == 0)
		s->proven = true;
	if (s->proven && (!instance_tells(in) || !instance_was_told(in)))
		return JOB_DONE;
	j->asked_at = ++j->keeper->moments;
	if (s->proven ? instance_watch(in, on_watched, j, e) == -1 :
	    deploy_ask_verify(j, h, j->version, on_verified, e) == -1)
		return JOB_FAILED;
	j->asked = true;
	return JOB_WAIT;
}
