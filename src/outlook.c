#include "outlook.h"

#include <string.h>
#include <time.h>

#include "base/text.h"

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
	for (; f->nwindows < conf->window.n && f->nwindows < DUE_WINDOWS_MAX; f->nwindows++)
		if (due_window_parse(conf->window.v[f->nwindows], &f->windows[f->nwindows], e) == -1)
			return -1;
	return 0;
}

static bool
is_revoked(const struct install_state *state, const struct record *r)
{
	return r->revoked != NULL && state->active.serial != NULL &&
	    strcmp(r->revoked, state->active.serial) == 0;
}

int
outlook_facts(const struct cert_conf *conf, const struct ca_conf *ca,
    const struct install_state *state, const struct record *r, struct due_facts *f, struct err *e)
{
	struct record_time now;
	struct tm local;
	char digest[CONFIG_DIGEST_LEN + 1];
	time_t t;
	int64_t free_at;

	record_now(&now);
	memset(f, 0, sizeof *f);
	t = (time_t)now.wall;
	f->now = now.wall;
	f->work = work_of(state);
	if (state->health != INSTALL_EMPTY) {
		f->not_before = state->active.not_before;
		f->not_after = state->active.not_after;
		f->unfit = state->health == INSTALL_BROKEN || is_revoked(state, r);
		f->changed = state->health == INSTALL_GOOD &&
		    (!is_same_set(&state->active.names, &conf->names) ||
		    strcmp(state->active.key_type, conf->key.v[0]) != 0);
	}
	f->renew_before = conf->renew_before;
	if (r->ari_id != NULL && state->active.ari_id != NULL &&
	    strcmp(r->ari_id, state->active.ari_id) == 0) {
		f->ari_start = r->ari_start;
		f->ari_end = r->ari_end;
		f->ari_point = r->ari_point;
	}
	f->failures = r->failures;
	f->last_failure = record_when(&r->last_failure, &now);
	f->last_success = record_when(&r->last_success, &now);
	f->outcome = (enum outcome)r->outcome;
	f->jitter = (int)r->jitter;
	f->asked = r->asked;
	f->paused = r->paused;
	f->reload_tries = r->reload_tries;
	f->looks = r->looks;
	f->last_look = record_when(&r->last_look, &now);
	if (f->work == DUE_AGAIN && r->tried != NULL) {
		if (config_cert_digest(conf, digest, e) == -1)
			return -1;
		f->tried = strcmp(digest, r->tried) == 0;
	}
	free_at = ca != NULL && outlook_is_local(ca->directory) ? 0 : record_budget(r, &now, &conf->names,
	    f->not_after - f->not_before, NULL);
	if (free_at > f->asked)
		f->asked = free_at;
	if (localtime_r(&t, &local) != NULL)
		f->utc_offset = local.tm_gmtoff;
	return add_windows(conf, f, e);
}
