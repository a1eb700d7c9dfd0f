#include "standing.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "keeper.h"
#include "revocation.h"

/*
 * So much of its life must be left to the one in service for a worse one to
 * be refused: a worse certificate is better than one that has ended.
 */
#define LEFT_PART	6

/* Of a pair, the leaf with the same kind of key. NULL: there is none. */
static const char *
suffix_in_service(const struct job *j)
{
	const struct manifest *m = &j->state.active;
	const char *type;

	for (size_t i = 0; i < m->leaves.n; i++) {
		type = manifest_leaf(m, i)->key_type;
		if (strcmp(part_family(type), part_family(chain_leaf(j->chain)->key)) == 0)
			return part_suffix(i, type);
	}
	return NULL;
}

/* NULL where there is none that is fit today, by the roots of today: then nothing is worse. */
static struct chain *
in_service(struct job *j, const char *suffix)
{
	char private[PART_NAME_MAX], public[PART_NAME_MAX];
	struct chain_in in = { .now = clock_wall(), .trust = j->keeper->trust,
	    .bundle = j->ca->trust_bundle, .crls = revocation_lists(j->keeper) };
	struct certs certs = { 0 };
	struct chain *chain = NULL;
	struct key *key = NULL;
	struct err e = ERR_NONE;
	struct buf pem, full;

	buf_init(&pem, KEY_PEM_MAX);
	buf_init(&full, CHAIN_MAX);
	part_name(PART_KEY, suffix, private);
	part_name(PART_FULL, suffix, public);
	if (install_read(j->folder, j->state.version, private, &pem, &e) == 0 &&
	    install_read(j->folder, j->state.version, public, &full, &e) == 0 &&
	    (key = key_from_pem(buf_span(&pem), &e)) != NULL &&
	    chain_read(buf_span(&full), &certs, &e) == 0) {
		in.key = key;
		in.pem = buf_span(&full);
		in.names = &((const struct cert_facts *)certs.all.v)->names;
		if (chain_check(&in, &chain, &e) == -1)
			chain = NULL;
	}
	pack_clear(&certs_pack, &certs);
	key_free(key);
	buf_clear(&pem);
	buf_clear(&full);
	return chain;
}

static bool
has_time_left(const struct cert_facts *leaf)
{
	return leaf->not_after - clock_wall() > (leaf->not_after - leaf->not_before) / LEFT_PART;
}

static void
report_worse(struct job *j, const struct err *why)
{
	struct report note = { .kind = REPORT_NOTE, .cert = j->conf->name, .ms = -1 };
	char text[ERR_TEXT_MAX];

	(void)snprintf(text, sizeof text, "taken although it is %.800s: that one ends too soon",
	    why->text);
	note.step = (char *)(uintptr_t)job_step_name(j->at);
	note.text = text;
	keeper_report(j->keeper, &note);
}

/* Another CA, or another kind of key, is the operator's wish: then there is nothing to compare. */
static int
compare(struct job *j, struct err *e)
{
	const char *suffix = suffix_in_service(j);
	struct chain *old;
	int rc = 0;

	if (suffix == NULL || j->state.version == 0 || j->state.active.ca == NULL ||
	    strcmp(j->state.active.ca, j->ca->name) != 0 || (old = in_service(j, suffix)) == NULL)
		return 0;
	if (strcmp(chain_leaf(old)->key, chain_leaf(j->chain)->key) == 0)
		rc = chain_is_as_good(j->chain, old, e);
	if (rc == -1 && !has_time_left(chain_leaf(old))) {
		report_worse(j, e);
		err_clear(e);
		rc = 0;
	}
	chain_free(old);
	return rc;
}

static void
forget(struct job *j)
{
	chain_free(j->chain);
	j->chain = NULL;
}

enum job_progress
standing_judge(struct job *j, struct chain_in *in, struct err *e)
{
	if (j->chain == NULL && chain_check(in, &j->chain, e) == -1)
		return JOB_FAILED;
	if (j->kind != JOB_ISSUE)
		return JOB_DONE;
	if (!revocation_gather(j, j->chain))
		return JOB_WAIT;
	in->crls = revocation_lists(j->keeper);
	if (in->crls != NULL && in->crls->n > 0) {
		forget(j);
		if (chain_check(in, &j->chain, e) == -1)
			return JOB_FAILED;
	}
	if (compare(j, e) == 0)
		return JOB_DONE;
	forget(j);
	return JOB_FAILED;
}
