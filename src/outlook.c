#include "outlook.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "zone.h"

static bool
is_same_set(const struct strs *a, const struct strs *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!strs_has(b, a->v[i]))
			return false;
	return true;
}

static enum due_work
work_of(const struct install_state *state)
{
	switch (state->pending) {
	case PENDING_DEPLOY:
		return DUE_DEPLOY;
	case PENDING_AGAIN:
		return DUE_AGAIN;
	case PENDING_BACK:
		return DUE_BACK;
	case PENDING_NONE:
		break;
	}
	return DUE_RENEW;
}

bool
outlook_is_local(const char *directory)
{
	struct url url;
	struct err e = ERR_NONE;

	return text_url(directory, &url, &e) == 0 &&
	    (strcmp(url.host, "localhost") == 0 || strncmp(url.host, "127.", 4) == 0 ||
	    strcmp(url.host, "::1") == 0);
}

static int
add_windows(const struct cert_conf *conf, struct due_facts *f, struct err *e)
{
	const struct hook_conf *h = conf->hooks.v;
	struct due_windows own = { .n = 0 };
	size_t i;

	f->offset = zone_offset;
	f->zone = conf->time_zone;
	if (due_windows_parse(&conf->window, &own, e) == -1)
		return -1;
	memcpy(f->windows, own.v, sizeof f->windows);
	f->nwindows = own.n;
	for (i = 0; i < conf->hooks.n; i++) {
		if (h[i].window.n == 0)
			continue;
		if (f->nothers == DUE_OTHERS_MAX)
			return err_set(e, OUT_HOLD, "want windows at %d hooks at most",
			    DUE_OTHERS_MAX);
		if (due_windows_parse(&h[i].window, &f->others[f->nothers++], e) == -1)
			return -1;
	}
	return 0;
}

/* Of a pair, each leaf has a window of its own: the earlier point decides. */
static void
add_window(const struct manifest *m, const struct record *r, int64_t skew, struct due_facts *f)
{
	const struct record_window *first = NULL;
	const struct record_window *w;

	for (size_t i = 0; i < m->leaves.n; i++) {
		w = record_window(r, manifest_leaf(m, i)->ari_id);
		if (w != NULL && w->end != 0 && (first == NULL || w->point < first->point))
			first = w;
	}
	if (first == NULL)
		return;
	f->ari_start = time_add(first->start, -skew);
	f->ari_end = time_add(first->end, -skew);
	f->ari_point = time_add(first->point, -skew);
}

static bool
is_revoked(const struct install_state *state, const struct record *r)
{
	return r->revoked != NULL && state->active.serial != NULL &&
	    strcmp(r->revoked, state->active.serial) == 0;
}

/*
 * A date of before what was issued is none of a CA's: a proxy's, or a lie,
 * which would hold us for ever.
 */
static int64_t
believed(int64_t skew, const struct outlook *in, int64_t now)
{
	bool is_early = in->state->health != INSTALL_EMPTY &&
	    time_add(now, skew) < time_add(in->state->active.not_before, -DAY);

	return is_early && skew < 0 ? 0 : skew;
}

/* By our clock: where the CA's differs, its times are moved by as much (FAULTS T05). */
static void
add_certificate(const struct outlook *in, int64_t skew, struct due_facts *f)
{
	const struct manifest *active = &in->state->active;
	const struct record *r = in->record;

	if (in->state->health != INSTALL_EMPTY) {
		f->not_before = time_add(active->not_before, -skew);
		f->not_after = time_add(active->not_after, -skew);
		f->unfit = in->state->health == INSTALL_BROKEN || is_revoked(in->state, r);
		f->changed = in->state->health == INSTALL_GOOD &&
		    (!is_same_set(&active->names, &in->conf->names) ||
		    (in->conf->csr == NULL ? !manifest_has_keys(active, &in->conf->key) :
		    active->leaves.n != 1));
	}
	add_window(active, r, skew, f);
}

/*
 * No CA is obeyed for longer: the clock may have been another one when that was
 * written (FAULTS T01).
 */
static int64_t
asked_at(int64_t asked, const struct record_time *failure, const struct record_time *now)
{
	int64_t last = time_add(record_when(failure, now), LEDGER_WAIT_MAX);

	return asked < last ? asked : last;
}

/* What this CA asked for, what it failed at, and what the others did. */
static void
add_ca(const struct outlook *in, const struct record_time *now, struct due_facts *f)
{
	const struct record_ca *c = in->record->cas.v, *own = record_ca(in->record, in->ca->name);
	const struct budget_order order = { .ca = in->ca->name, .names = &in->conf->names,
		.lifetime = f->not_after - f->not_before };
	int64_t at;

	f->ca.failures = own->failures;
	f->ca.last = record_when(&own->last_failure, now);
	f->ca.outcome = (enum outcome)own->outcome;
	f->ca.jitter = (int)own->jitter;
	f->paused = own->paused;
	f->asked = asked_at(in->record->asked, &in->record->last_failure, now);
	for (size_t i = 0; i < in->record->cas.n; i++)
		if (strcmp(c[i].name, in->ca->name) != 0 &&
		    (at = record_when(&c[i].last_failure, now)) > f->elsewhere)
			f->elsewhere = at;
	if ((at = asked_at(own->asked, &own->last_failure, now)) > f->asked)
		f->asked = at;
	if ((at = ledger_until(in->ledger, now)) > f->asked)
		f->asked = at;
	if (!outlook_is_local(in->ca->directory) &&
	    (at = budget_until(in->budget, &order, now, NULL)) > f->asked)
		f->asked = at;
}

int
outlook_facts(const struct outlook *in, struct due_facts *f, struct err *e)
{
	const struct record *r = in->record;
	struct record_time now;
	char digest[CONFIG_DIGEST_LEN + 1];

	record_now(&now);
	memset(f, 0, sizeof *f);
	f->now = now.wall;
	f->work = work_of(in->state);
	f->renew_before = in->conf->renew_before;
	f->failures = r->failures;
	f->last_failure = record_when(&r->last_failure, &now);
	f->last_success = record_when(&r->last_success, &now);
	f->outcome = (enum outcome)r->outcome;
	f->jitter = (int)r->jitter;
	f->reload_tries = r->reload_tries;
	f->looks = r->looks;
	f->last_look = record_when(&r->last_look, &now);
	if (f->work == DUE_AGAIN && r->tried != NULL) {
		if (config_cert_digest(in->conf, digest, e) == -1)
			return -1;
		f->tried = strcmp(digest, r->tried) == 0;
	}
	add_certificate(in, believed(ledger_skew(in->ledger, &now), in, now.wall), f);
	add_ca(in, &now, f);
	return add_windows(in->conf, f, e);
}
