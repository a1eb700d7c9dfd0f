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
#define ASK_MAX		DAY		/* FAULTS A42: whatever net says */

static void
replace(char **text, char **with)
{
	free(*text);
	*text = *with;
	*with = NULL;
}

static const char *
id_of(const struct job *j, size_t leaf)
{
	return manifest_leaf(&j->state.active, leaf)->ari_id;
}

static int64_t
last_check(void)
{
	return time_add(clock_wall(), ASK_MAX);
}

/* The point in the window is drawn once for each window (RFC 9773 section 4.2). */
static int
keep_window(struct job *j, struct acme_result *r, struct err *e)
{
	struct record_window *w;
	uint32_t random;

	if ((w = record_window_of(&j->record, id_of(j, j->told), e)) == NULL)
		return -1;
	w->check = r->ask_again_at < last_check() ? r->ask_again_at : last_check();
	if (r->has_window && w->start == r->window_start && w->end == r->window_end)
		return 0;
	if (random_bytes(&random, sizeof random) == -1)
		return err_set(e, OUT_RETRY, "no random bytes");
	w->start = r->has_window ? r->window_start : 0;
	w->end = r->has_window ? r->window_end : 0;
	w->point = r->has_window ? due_ari_point(r->window_start, r->window_end, random) : 0;
	replace(&w->url, &r->explanation);
	return 0;
}

static void
report_window(struct job *j)
{
	const struct record_window *w = record_window(&j->record, id_of(j, j->told));
	struct report r = { .kind = REPORT_NOTE, .cert = j->conf->name, .ms = -1 };
	char text[ERR_TEXT_MAX];

	if (w == NULL || w->url == NULL)
		return;
	r.step = (char *)(uintptr_t)job_step_name(j->at);
	r.text = text;
	snprintf(text, sizeof text, "the CA explains its renewal time at %s", w->url);
	keeper_report(j->keeper, &r);
}

/* Asked again later, also where nothing was known before. */
static void
note_no_answer(struct job *j, const struct err *why)
{
	struct err e = ERR_NONE;
	struct record_window *w = record_window_of(&j->record, id_of(j, j->told), &e);

	if (w != NULL)
		w->check = clock_wall() + ASK_AGAIN;
	log_warn(KV_S("cert", j->conf->name), KV_S("event", "no renewal information"),
	    KV_S("error", why->text));
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

	if (!j->asked)	/* the run did not wait for it */
		return;
	j->asked = false;
	if (m->type == MSG_RESULT) {
		note_clock(j, m->body);
		if (keep_window(j, m->body, &e) == 0)
			report_window(j);
	} else
		(void)message_error(m, &e);
	if (e.class != OUT_OK)
		note_no_answer(j, &e);
	j->told++;
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
	task.todo.cert_id = (char *)(uintptr_t)id_of(j, j->told);
	if (account_describe_ca(j->keeper, cas_issuer(j), &task, e) == -1 ||
	    keeper_role(j->keeper, ROLE_NET, &net, e) == -1)
		return -1;
	return channel_call(net, MSG_TASK, &task, -1, on_window, j, e);
}

/*
 * Of a leaf that was never asked about, nothing is known. A time too far ahead is of a clock that
 * was wrong (FAULTS T01).
 */
static int64_t
check_at(const struct job *j, size_t leaf)
{
	const struct record_window *w = record_window(&j->record, id_of(j, leaf));

	if (id_of(j, leaf) == NULL)
		return INT64_MAX;
	return w == NULL || w->check > last_check() ? 0 : w->check;
}

int64_t
renewal_check_at(const struct job *j)
{
	int64_t first = INT64_MAX, at;

	for (size_t i = 0; i < j->state.active.leaves.n && cas_issuer(j) != NULL; i++)
		if ((at = check_at(j, i)) < first)
			first = at;
	return first;
}

bool
renewal_is_wanted(const struct job *j)
{
	return renewal_check_at(j) <= clock_wall();
}

/* Asks about one leaf after the other; when an answer makes the certificate due, it is issued. */
enum job_progress
renewal_ask(struct job *j, struct err *e)
{
	struct due_facts facts;

	if (j->asked)
		return JOB_WAIT;
	for (; j->told < j->state.active.leaves.n && cas_issuer(j) != NULL; j->told++) {
		if (check_at(j, j->told) > clock_wall())
			continue;
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

/* The same behind a new certificate, of whose leaves nothing is known yet. */
enum job_progress
renewal_ask_after(struct job *j, struct err *e)
{
	return j->err.class != OUT_OK ? JOB_DONE : renewal_ask(j, e);
}

void
renewal_stop(struct job *j)
{
	if (j->at != STEP_ASK_AFTER || !j->asked)
		return;
	j->asked = false;
	j->told = j->state.active.leaves.n;
	job_wake(j);
}
