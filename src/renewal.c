/*
 * renewal: what the CA itself says about when to renew (RFC 9773). Asked
 * when an answer of before has become old, and right behind a new
 * certificate; never a reason for a job to fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/clock.h"
#include "base/text.h"
#include "cas.h"
#include "keeper.h"

#define ASK_AGAIN	(6 * HOUR)	/* RFC 9773 section 4.3.3: behind an error */

static void
replace(char **text, char **with)
{
	free(*text);
	*text = *with;
	*with = NULL;
}

/* The point in the window is drawn once for each window (RFC 9773 section 4.2). */
static int
keep_window(struct job *j, struct acme_result *r, struct err *e)
{
	struct record *rec = &j->record;
	bool same = rec->ari_id != NULL && strcmp(rec->ari_id, j->state.active.ari_id) == 0 &&
	    rec->ari_start == r->window_start && rec->ari_end == r->window_end;
	uint32_t random;

	rec->ari_check = r->ask_again_at;
	if (same)
		return 0;
	if (random_bytes(&random, sizeof random) == -1)
		return err_set(e, OUT_RETRY, "no random bytes");
	free(rec->ari_id);
	if ((rec->ari_id = strdup(j->state.active.ari_id)) == NULL)
		return err_nomem(e);
	rec->ari_start = r->has_window ? r->window_start : 0;
	rec->ari_end = r->has_window ? r->window_end : 0;
	rec->ari_point = r->has_window ? due_ari_point(r->window_start, r->window_end, random) : 0;
	replace(&rec->ari_url, &r->explanation);
	return 0;
}

static void
report_window(struct job *j)
{
	const struct record *rec = &j->record;
	struct report r = { .kind = REPORT_NOTE, .cert = j->conf->name, .ms = -1 };
	char text[ERR_TEXT_MAX];

	if (rec->ari_url == NULL)
		return;
	r.step = (char *)(uintptr_t)job_step_name(j->at);
	r.text = text;
	snprintf(text, sizeof text, "the CA explains its renewal time at %s", rec->ari_url);
	keeper_report(j->keeper, &r);
}

static void
note_clock(struct job *j, const struct acme_result *r)
{
	if (r->has_skew && cas_issuer(j) != NULL)
		cas_note_clock(j->keeper, cas_issuer(j), r->skew);
}

static void
on_window(void *arg, struct message *m)
{
	struct job *j = arg;
	struct err e = ERR_NONE;

	j->asked = false;
	j->told = true;
	if (m->type == MSG_RESULT) {
		note_clock(j, m->body);
		if (keep_window(j, m->body, &e) == 0)
			report_window(j);
	} else {
		(void)message_error(m, &e);
		j->record.ari_check = clock_wall() + ASK_AGAIN;
	}
	if (e.class != OUT_OK)
		log_warn(KV_S("cert", j->conf->name), KV_S("event", "no renewal information"),
		    KV_S("error", e.text));
	err_clear(&e);
	if (record_save(j->folder, &j->record, &e) == -1)
		log_warn(KV_S("cert", j->conf->name), KV_S("event", "renewal time not stored"),
		    KV_S("error", e.text));
	job_wake(j);
}

static int
ask(struct job *j, struct err *e)
{
	struct msg_task task = { .job = j->id };
	struct channel *net;

	task.todo.kind = ACME_RENEWAL;
	task.todo.cert_id = j->state.active.ari_id;
	if (account_describe_ca(j->keeper, cas_issuer(j), &task, e) == -1 ||
	    keeper_role(j->keeper, ROLE_NET, &net, e) == -1)
		return -1;
	return channel_call(net, MSG_TASK, &task, -1, on_window, j, e);
}

bool
renewal_is_possible(const struct job *j)
{
	return cas_issuer(j) != NULL && j->state.active.ari_id != NULL;
}

bool
renewal_is_wanted(const struct job *j)
{
	return renewal_is_possible(j) && j->record.ari_check <= clock_wall();
}

/* Asks, and when the answer makes the certificate due, goes on to issue it. */
enum job_progress
renewal_ask(struct job *j, struct err *e)
{
	struct due_facts facts;

	if (j->asked)
		return JOB_WAIT;
	if (!j->told && renewal_is_wanted(j)) {
		if (ask(j, e) == 0) {
			j->asked = true;
			return JOB_WAIT;
		}
		err_clear(e);
	}
	if (j->kind == JOB_ASK && cas_choose(j, &facts, e) == 0 && due_at(&facts) <= facts.now)
		j->kind = JOB_ISSUE;
	err_clear(e);
	return JOB_DONE;
}

/* The same behind a new certificate, whose window is another one. */
enum job_progress
renewal_ask_after(struct job *j, struct err *e)
{
	if (!j->asked && !j->told) {
		if (j->err.class != OUT_OK)
			return JOB_DONE;
		j->record.ari_check = 0;
	}
	return renewal_ask(j, e);
}

void
renewal_stop(struct job *j)
{
	if (j->at != STEP_ASK_AFTER || !j->asked)
		return;
	j->asked = false;
	j->told = true;
	job_wake(j);
}
