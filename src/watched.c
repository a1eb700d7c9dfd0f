/*
 * watched: what the listeners serve between two deployments, for a daemon
 * that looks now and then. A run that finds what is on record already
 * changes nothing and says nothing; one that finds something else tells the
 * daemon so, which then has a run that holds the lock look again, and this
 * one puts it on record and reports it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "keeper.h"
#include "verify.h"

bool
watched_is_wanted(const struct job *j)
{
	const struct install_state *s = &j->state;

	return s->version != 0 && s->health != INSTALL_BROKEN &&
	    (s->pending == PENDING_NONE || s->pending == PENDING_AGAIN) &&
	    journal_proves(&s->journal, s->version) && config_is_seen(j->conf);
}

/* The first listener that does not serve it, in words that stay the same while nothing changes. */
static int
note_seen(struct job *j, const struct verify_out *out, struct err *e)
{
	const struct verify_seen *seen = out->seen.v;
	char until[TIME_TEXT];
	size_t i;
	int n;

	for (i = 0; i < out->seen.n; i++)
		if (seen[i].verdict > VERIFY_SILENT)
			break;
	if (i == out->seen.n || j->unserved != NULL)
		return 0;
	if (seen[i].leaf.serial != NULL && seen[i].verdict != VERIFY_UNREACHABLE)
		n = asprintf(&j->unserved, "%s for %s: %s, serial %s, valid until %s; version %lld "
		    "is installed", seen[i].listener, seen[i].name,
		    seen[i].verdict == VERIFY_CHAIN ? "the chain is not complete" :
		    "another certificate is served", seen[i].leaf.serial,
		    text_time(seen[i].leaf.not_after, until), (long long)j->state.version);
	else
		n = asprintf(&j->unserved, "%s for %s: %s", seen[i].listener, seen[i].name,
		    seen[i].verdict == VERIFY_UNREACHABLE ? "cannot be reached" :
		    "another certificate is served");
	if (n != -1)
		return 0;
	j->unserved = NULL;
	return err_nomem(e);
}

/* What could not be looked at says nothing about what is served. */
static void
on_seen(void *arg, struct message *m)
{
	struct job *j = arg;
	struct err e = ERR_NONE;

	j->asked = false;
	if (m->type != MSG_VERIFIED)
		(void)message_error(m, &e);
	if (e.class != OUT_OK || note_seen(j, m->body, &e) == -1) {
		job_fail(j, &e);
		return;
	}
	j->hook++;
	job_wake(j);
}

static void
report_seen(struct job *j)
{
	struct report r = {
		.kind = REPORT_FINDING,
		.cert = j->conf->name,
		.step = (char *)(uintptr_t)job_step_name(j->at),
		.outcome = j->unserved != NULL ? OUT_FINDING : OUT_OK,
		.text = j->unserved,
		.version = j->state.version,
		.ms = -1,
	};
	char text[64], hint[256];

	snprintf(text, sizeof text, "version %lld is served again", (long long)j->state.version);
	snprintf(hint, sizeof hint, "is the server up, and does its tls.cfg name the files of "
	    "current? kamcert check %s tells more, kamcert reload %s has it load them",
	    j->conf->name, j->conf->name);
	if (j->unserved == NULL)
		r.text = text;
	else
		r.hint = hint;
	keeper_report(j->keeper, &r);
}

/* A server that is back may be ready for what waited for it. */
static int
put_on_record(struct job *j, struct err *e)
{
	struct record *r = &j->record;

	free(r->unserved);
	if ((r->unserved = j->unserved != NULL ? strdup(j->unserved) : NULL) == NULL &&
	    j->unserved != NULL)
		return err_nomem(e);
	r->unserved_since = j->unserved != NULL ? clock_wall() : 0;
	if (j->unserved == NULL)
		r->looks = 0;
	return record_save(j->folder, r, e);
}

static bool
is_known(const struct job *j)
{
	const char *known = j->record.unserved, *seen = j->unserved;

	return known == NULL || seen == NULL ? known == seen : strcmp(known, seen) == 0;
}

static enum job_progress
conclude(struct job *j, struct err *e)
{
	struct keeper *k = j->keeper;

	if (is_known(j))
		return JOB_DONE;
	if (k->worst < OUT_FINDING)
		k->worst = OUT_FINDING;
	if (!store_is_work(k->store))
		return JOB_DONE;
	if (put_on_record(j, e) == -1)
		return JOB_FAILED;
	report_seen(j);
	return JOB_DONE;
}

enum job_progress
watched_look(struct job *j, struct err *e)
{
	const struct hook_conf *h = j->conf->hooks.v;

	if (j->asked)
		return JOB_WAIT;
	while (j->hook < j->conf->hooks.n && h[j->hook].verify.n == 0)
		j->hook++;
	if (j->hook >= j->conf->hooks.n)
		return conclude(j, e);
	if (deploy_ask_verify(j, &h[j->hook], j->state.version, on_seen, e) == -1)
		return JOB_FAILED;
	j->asked = true;
	return JOB_WAIT;
}
