/*
 * look: the steps of `kamcert check`. Each thing that is looked at becomes a
 * finding, good or bad; nothing is touched, and of a CA only its directory is
 * read.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "base/clock.h"
#include "base/text.h"
#include "cas.h"
#include "instance.h"
#include "keeper.h"
#include "keys.h"
#include "look.h"
#include "preflight.h"
#include "verify.h"

void
look_tell(struct job *j, const char *what, const struct err *e)
{
	struct report r = {
		.kind = REPORT_FINDING,
		.cert = j->conf->name,
		.step = (char *)(uintptr_t)what,
		.outcome = e->class == OUT_OK ? OUT_OK : OUT_FINDING,
		.text = (char *)(uintptr_t)e->text,
		.hint = (char *)(uintptr_t)e->hint,
		.version = j->state.version,
		.ms = -1,
	};

	keeper_report(j->keeper, &r);
	if (r.outcome > j->keeper->worst)
		j->keeper->worst = r.outcome;
}

void
look_fine(struct job *j, const char *what, const char *fmt, ...)
{
	struct err e = ERR_NONE;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.text, sizeof e.text, fmt, ap);
	va_end(ap);
	look_tell(j, what, &e);
}

/* --- files --- */

static struct key *
read_key(struct job *j, const char *suffix, struct err *e)
{
	char name[PART_NAME_MAX];
	struct key *key = NULL;
	struct csrfile csr;
	struct buf pem;

	part_name(PART_KEY, suffix, name);
	if (j->conf->csr != NULL && j->state.active.files.n > 0 &&
	    !manifest_names(&j->state.active, name)) {
		if (csrfile_load(j->conf->csr, &csr, e) == -1)
			return NULL;
		key = csr.key;
		csr.key = NULL;
		csrfile_clear(&csr);
		return key;
	}
	buf_init(&pem, KEY_PEM_MAX);
	if (install_read(j->folder, j->state.version, name, &pem, e) == 0)
		key = key_from_pem(buf_span(&pem), e);
	buf_clear(&pem);
	return key;
}

/* The roots are those of the CA that it is from, whichever is asked next. */
static const char *
bundle_of(const struct job *j)
{
	const struct ca_conf *issuer = cas_issuer(j);

	return issuer != NULL ? issuer->trust_bundle : j->ca->trust_bundle;
}

/*
 * All that was checked before it was installed, once more: today's date,
 * today's roots and names.
 */
static void
look_at_chain(struct job *j, const char *suffix)
{
	struct chain_in in = { .names = &j->conf->names, .now = clock_wall(),
	    .trust = j->keeper->trust, .bundle = bundle_of(j) };
	char until[TIME_TEXT], name[PART_NAME_MAX];
	struct chain *chain = NULL;
	struct err e = ERR_NONE;
	struct key *key;
	struct buf pem;

	buf_init(&pem, CHAIN_MAX);
	if ((key = read_key(j, suffix, &e)) == NULL) {
		look_tell(j, "key", &e);
		goto out;
	}
	look_fine(j, "key", "%s%s", key_type(key), key_is_private(key) ? "" :
	    ", which only the operator has");
	in.key = key;
	if (install_read(j->folder, j->state.version, part_name(PART_FULL, suffix, name), &pem,
	    &e) == 0) {
		in.pem = buf_span(&pem);
		if (chain_check(&in, &chain, &e) == 0)
			err_clear(&e);
	}
	if (e.class != OUT_OK)
		look_tell(j, "chain", &e);
	else
		look_fine(j, "chain", "%zu certificates, valid until %s, issued by %s",
		    chain_count(chain), text_time(chain_leaf(chain)->not_after, until),
		    chain_leaf(chain)->issuer);
out:
	chain_free(chain);
	key_free(key);
	buf_clear(&pem);
}

static void
look_at_parts(struct job *j)
{
	const struct manifest *m = &j->state.active;

	for (size_t i = 0; i < m->leaves.n; i++)
		look_at_chain(j, part_suffix(i, manifest_leaf(m, i)->key_type));
}

/* For DANE: both records are to be in the DNS before the next renewal. */
static void
look_at_next_keys(struct job *j)
{
	const struct manifest *m = &j->state.active;
	char active[KEYS_TLSA_MAX], next[KEYS_TLSA_MAX];
	struct err found = ERR_NONE;

	for (size_t i = 0; i < m->leaves.n && j->conf->next_key; i++) {
		keys_tlsa(j, i, active, next);
		look_fine(j, "TLSA", "%s (%s)", active, manifest_leaf(m, i)->key_type);
		if (next[0] != '\0') {
			look_fine(j, "TLSA", "%s (next key)", next);
			continue;
		}
		err_set(&found, OUT_FINDING, "no next key is staged");
		err_hint(&found, "kamcert renew stages it");
		look_tell(j, "TLSA", &found);
	}
}

static void
look_at_rights(struct job *j)
{
	struct install_rights rights = { 0 };
	struct err e = ERR_NONE;

	if (install_rights(j->conf, &rights, &e) == 0 &&
	    install_readable(j->folder, &j->state.active, &rights, &e) == 0 &&
	    (j->state.health != INSTALL_GOOD ||
	    install_guarded(j->folder, &j->state.active, &rights, &e) == 0))
		look_fine(j, "rights", "%s", rights.readers.n > 0 ?
		    "the server's user can read the files" : "no hook names a user");
	else
		look_tell(j, "rights", &e);
	pack_clear(&install_rights_pack, &rights);
}

/* What an operator asks for by a request of his own is looked at before it is needed. */
static void
look_at_request(struct job *j)
{
	struct err e = ERR_NONE;

	if (j->conf->csr == NULL)
		return;
	if (keys_take(j, &e) == -1)
		look_tell(j, "csr", &e);
	else
		look_fine(j, "csr", "%s, for %zu names", key_type(j->key), j->csr.names.n);
}

static void
look_at_time(struct job *j)
{
	struct due_facts facts;
	struct err e = ERR_NONE;
	struct due due;
	char at[TIME_TEXT];

	if (j->record.was_damaged) {
		err_set(&e, OUT_FINDING, "record.json is damaged: what was tried and found is "
		    "forgotten");
		look_tell(j, "record", &e);
	}
	if (cas_choose(j, &facts, &e) == -1) {
		look_tell(j, "due", &e);
		return;
	}
	if (j->conf->ca.n > 1)
		look_fine(j, "ca", "%s is asked next%s%s", j->ca->name,
		    j->ca_why != NULL ? ": " : ", the first of the list",
		    j->ca_why != NULL ? j->ca_why : "");
	due = due_of(&facts);
	if (due.point > facts.now) {
		look_fine(j, "due", "%s: %s", text_time(due.at, at), due_why_text(due.why));
		return;
	}
	err_set(&e, OUT_FINDING, "now: %s%s%s", due_why_text(due.why),
	    due.held == DUE_FREE ? "" : "; held back: ",
	    due.held == DUE_FREE ? "" : due_held_text(due.held));
	look_tell(j, "due", &e);
}

enum job_progress
look_files(struct job *j, struct err *e UNUSED)
{
	struct err found = ERR_NONE;

	if (j->state.problem != NULL) {
		err_set(&found, OUT_FINDING, "%s", j->state.problem);
		look_tell(j, "files", &found);
	} else if (j->state.health == INSTALL_EMPTY) {
		err_set(&found, OUT_FINDING, "nothing is installed yet");
		look_tell(j, "files", &found);
	} else
		look_fine(j, "files", "version %lld is whole", (long long)j->state.version);
	if (j->state.pending == PENDING_DEPLOY || j->state.pending == PENDING_AGAIN) {
		err_set(&found, OUT_FINDING, "version %lld is not proven to be served yet",
		    (long long)j->state.to);
		look_tell(j, "pending", &found);
	}
	if (j->state.version != 0) {
		look_at_parts(j);
		look_at_next_keys(j);
		look_at_rights(j);
	}
	look_at_request(j);
	look_at_time(j);
	return JOB_DONE;
}

/* --- servers --- */

static void
tell_facts(struct job *j, const struct hook_conf *h, const struct hook_facts *f)
{
	if (f->version == NULL) {
		look_fine(j, "server", "%s", h->type);
		return;
	}
	if (f->processes == -1) {
		look_fine(j, "server", "%s: %s", h->type, f->version);
		return;
	}
	look_fine(j, "server", "%s at %s: %lld processes, %lld MiB of shared memory free, "
	    "%lld open TLS connections", f->version, h->rpc, (long long)f->processes,
	    (long long)(f->shm_free / (1024 * 1024)), (long long)f->tls_open);
}

enum job_progress
look_servers(struct job *j, struct err *e UNUSED)
{
	const struct hook_conf *h = j->conf->hooks.v;
	struct err found = ERR_NONE;
	struct instance *in;

	if (j->conf->hooks.n == 0)
		look_fine(j, "hooks", "none configured: nobody is told of a new certificate");
	for (; j->hook < j->conf->hooks.n; j->hook++) {
		err_clear(&found);
		if ((in = instance_of(j->keeper, &h[j->hook], &found)) == NULL) {
			look_tell(j, "server", &found);
			continue;
		}
		switch (instance_preflight(in, j, &found)) {
		case JOB_WAIT:
			return JOB_WAIT;
		case JOB_FAILED:
			look_tell(j, "server", &found);
			look_unasked(j, &h[j->hook], in);
			break;
		case JOB_DONE:
		case JOB_MORE:
			tell_facts(j, &h[j->hook], instance_facts(in));
			look_profiles(j, &h[j->hook], in);
			break;
		}
	}
	return JOB_DONE;
}

/* --- listeners --- */

static void
tell_seen(struct job *j, const struct verify_seen *seen)
{
	const char *family = seen->family != NULL ? seen->family : "";
	struct err found = ERR_NONE;
	char until[TIME_TEXT];

	if (seen->verdict == VERIFY_NEW) {
		look_fine(j, "served", "%s for %s: the installed certificate%s%s", seen->listener,
		    seen->name, family[0] != '\0' ? ", " : "", family);
		return;
	}
	if (seen->verdict == VERIFY_ABSENT) {
		look_fine(j, "served", "%s for %s: no %s certificate here, the other one only",
		    seen->listener, seen->name, family);
		return;
	}
	err_set(&found, OUT_FINDING, "%s for %s: %s%s%s%s%s%s%s%s%s", seen->listener, seen->name,
	    family, family[0] != '\0' ? ": " : "", verify_word(seen->verdict),
	    seen->leaf.serial != NULL ? ", serial " : "",
	    seen->leaf.serial != NULL ? seen->leaf.serial : "",
	    seen->leaf.serial != NULL ? ", valid until " : "",
	    seen->leaf.serial != NULL ? text_time(seen->leaf.not_after, until) : "",
	    seen->note != NULL ? ": " : "", seen->note != NULL ? seen->note : "");
	look_tell(j, "served", &found);
}

static void
on_looked(void *arg, struct message *m)
{
	struct job *j = arg;
	const struct verify_out *out = m->body;
	const struct verify_seen *seen;
	struct err found = ERR_NONE;
	size_t i;

	j->asked = false;
	if (m->type == MSG_VERIFIED) {
		seen = out->seen.v;
		for (i = 0; i < out->seen.n; i++)
			tell_seen(j, &seen[i]);
	}
	if (m->type != MSG_VERIFIED ? message_error(m, &found) == -1 :
	    deploy_note_seen(j, out, &found) == -1)
		look_tell(j, "served", &found);
	j->hook++;
	job_wake(j);
}

/* Clients that understand one kind of key alone get nothing anywhere. */
static void
tell_unseen(struct job *j)
{
	const char *family = deploy_unseen(j);
	struct err found = ERR_NONE;

	if (family == NULL || j->seen.n == 0)	/* with none at all, each listener was told */
		return;
	err_set(&found, OUT_FINDING, "no listener serves the %s certificate of the pair", family);
	err_hint(&found, "give the server its files too: kamcert.conf(5), key");
	look_tell(j, "served", &found);
}

enum job_progress
look_served(struct job *j, struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;

	if (j->asked)
		return JOB_WAIT;
	while (j->hook < j->conf->hooks.n && h[j->hook].verify.n == 0)
		j->hook++;
	if (j->hook >= j->conf->hooks.n || j->state.version == 0) {
		tell_unseen(j);
		return JOB_DONE;
	}
	if (deploy_ask_verify(j, &h[j->hook], j->state.version, on_looked, e) == -1) {
		look_tell(j, "served", e);
		return JOB_DONE;
	}
	j->asked = true;
	return JOB_WAIT;
}

/* --- the CA and the names --- */

/* One that is missing is made when it is needed, but for the CA that the certificate is from. */
static void
look_at_account(struct job *j)
{
	struct err found = ERR_NONE;
	int rc;

	if (j->keeper->store == NULL)
		return;		/* told with the files: there is nothing yet */
	rc = account_load(j->keeper, j->ca, false, &j->account, &found);
	if (rc == 0 && account_was_damaged(j->account)) {
		err_set(&found, OUT_FINDING, "account.json at %s is damaged: the next run looks "
		    "the account up by its key", j->ca->name);
		look_tell(j, "account", &found);
	} else if (rc == 0)
		look_fine(j, "account", "%s", account_url(j->account) != NULL ?
		    account_url(j->account) : "to be looked up by its key");
	else if (found.sys == ENOENT && cas_issuer(j) != j->ca)
		look_fine(j, "account", "%s", found.text);
	else
		look_tell(j, "account", &found);
}

/* All CAs of the list, as each may be asked one day; the job's hooks count them. */
enum job_progress
look_ca(struct job *j, struct err *e UNUSED)
{
	const struct strs *list = &j->conf->ca;
	enum job_progress progress;
	struct err found;

	for (; j->hook < list->n; j->hook++, j->asked = false) {
		err_clear(&found);
		j->ca = config_ca(&j->keeper->setup.config, list->v[j->hook]);
		if (!j->asked)
			look_at_account(j);
		j->asked = true;
		progress = preflight_names(j, &found);
		if (progress == JOB_WAIT)
			return JOB_WAIT;
		if (progress == JOB_FAILED)
			look_tell(j, "ca", &found);
	}
	return JOB_DONE;
}
