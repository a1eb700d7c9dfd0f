/*
 * record: what happened, and the times of it. The file is record_file.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "due.h"
#include "record.h"

#define FH(type, field)	{ type, offsetof(struct record_result, field), NULL }

static const struct pack result_pack = PACK(record_result,
	FH(PACK_I64, when), FH(PACK_I64, outcome), FH(PACK_STR, step), FH(PACK_STR, text),
	FH(PACK_I64, version));

#define FC(type, field, sub) { type, offsetof(struct record_ca, field), sub }

static const struct pack ca_pack = PACK(record_ca,
	FC(PACK_STR, name, NULL), FC(PACK_I64, failures, NULL),
	FC(PACK_STRUCT, last_failure, &record_time_pack), FC(PACK_I64, outcome, NULL),
	FC(PACK_I64, jitter, NULL), FC(PACK_I64, asked, NULL), FC(PACK_BOOL, paused, NULL));

#define FW(type, field)	{ type, offsetof(struct record_window, field), NULL }

static const struct pack window_pack = PACK(record_window,
	FW(PACK_STR, id), FW(PACK_I64, start), FW(PACK_I64, end), FW(PACK_I64, point),
	FW(PACK_I64, check), FW(PACK_STR, url));

#define FR(type, field)	{ type, offsetof(struct record_server, field), NULL }

static const struct pack server_pack = PACK(record_server,
	FR(PACK_STR, server), FR(PACK_I64, pid), FR(PACK_I64, forecast.reloads),
	FR(PACK_I64, forecast.last), FR(PACK_I64, forecast.sum));

#define F(type, field, sub) { type, offsetof(struct record, field), sub }

const struct pack record_pack = PACK(record,
	F(PACK_LIST, history, &result_pack), F(PACK_I64, failures, NULL),
	F(PACK_STRUCT, last_attempt, &record_time_pack),
	    F(PACK_STRUCT, last_failure, &record_time_pack),
	F(PACK_STRUCT, last_success, &record_time_pack), F(PACK_I64, outcome, NULL),
	F(PACK_I64, jitter, NULL), F(PACK_I64, asked, NULL),
	F(PACK_I64, next, NULL), F(PACK_I64, reload_tries, NULL), F(PACK_STRS, serials, NULL),
	F(PACK_LIST, cas, &ca_pack), F(PACK_I64, ca_failures, NULL),
	    F(PACK_STRUCT, budget, &budget_pack),
	F(PACK_LIST, windows, &window_pack), F(PACK_LIST, servers, &server_pack),
	F(PACK_STR, revoked, NULL), F(PACK_I64, looks, NULL),
	F(PACK_STRUCT, last_look, &record_time_pack), F(PACK_STR, tried, NULL),
	F(PACK_STR, unserved, NULL), F(PACK_I64, unserved_since, NULL),
	F(PACK_BLOB, facts, NULL), F(PACK_BOOL, was_damaged, NULL));

/* --- servers --- */

const struct record_server *
record_server(const struct record *r, const char *server)
{
	const struct record_server *s = r->servers.v;

	for (size_t i = 0; i < r->servers.n; i++)
		if (s[i].server != NULL && strcmp(s[i].server, server) == 0)
			return &s[i];
	return NULL;
}

int
record_server_note(struct record *r, const struct record_server *with, struct err *e)
{
	struct record_server *s = (struct record_server *)(uintptr_t)record_server(r, with->server);

	if (s == NULL) {
		s = list_add_newest(&r->servers, &server_pack, RECORD_SERVERS);
		if (s == NULL || (s->server = strdup(with->server)) == NULL)
			return err_nomem(e);
	}
	s->pid = with->pid;
	s->forecast = with->forecast;
	return 0;
}

/* --- events --- */

void
record_attempt(struct record *r, const struct record_time *now)
{
	r->last_attempt = *now;
}

static int
add_result(struct record *r, int64_t when, const char *step, int64_t version,
    const struct err *res)
{
	struct record_result *h = list_add_newest(&r->history, &result_pack, RECORD_HISTORY);

	if (h == NULL)
		return -1;
	*h = (struct record_result){ .when = when, .outcome = res->class, .version = version };
	h->step = strdup(step);
	h->text = strdup(res->class == OUT_OK ? "" : res->text);
	if (h->step != NULL && h->text != NULL)
		return 0;
	pack_clear(&result_pack, h);
	r->history.n--;
	return -1;
}

/* --- of one CA --- */

static struct record_ca *
find_ca(const struct record *r, const char *name)
{
	struct record_ca *c = r->cas.v;

	for (size_t i = 0; i < r->cas.n; i++)
		if (strcmp(c[i].name, name) == 0)
			return &c[i];
	return NULL;
}

const struct record_ca *
record_ca(const struct record *r, const char *name)
{
	static const struct record_ca none = { .name = NULL };
	const struct record_ca *c = find_ca(r, name);

	return c != NULL ? c : &none;
}

static int
ca_failed(struct record *r, const struct record_time *now, const struct record_try *t)
{
	struct record_ca *c = find_ca(r, t->ca);

	if (c == NULL) {
		if ((c = list_add_newest(&r->cas, &ca_pack, RECORD_CAS)) == NULL)
			return -1;
		if ((c->name = strdup(t->ca)) == NULL) {
			r->cas.n--;
			return -1;
		}
	}
	r->ca_failures = time_add(r->ca_failures, 1);
	c->failures = time_add(c->failures, 1);
	c->last_failure = *now;
	c->outcome = t->res->class;
	c->jitter = due_jitter(t->random);
	c->asked = t->res->retry_at;
	c->paused = t->paused;
	return 0;
}

static void
ca_succeeded(struct record *r, const char *name)
{
	struct record_ca *all = r->cas.v, *c = find_ca(r, name);
	size_t at;

	if (c == NULL)
		return;
	at = (size_t)(c - all);
	pack_clear(&ca_pack, c);
	memmove(c, c + 1, (r->cas.n - at - 1) * sizeof(*c));
	r->cas.n--;
}

int64_t
record_failures(const struct record *r)
{
	return time_add(r->failures, r->ca_failures);
}

/* --- the end of an attempt --- */

int
record_end(struct record *r, const struct record_time *now, const struct record_try *t)
{
	const struct err *res = t->res;

	if (res->class != OUT_OK && t->ca != NULL && ca_failed(r, now, t) == -1)
		return -1;
	if (add_result(r, now->wall, t->step, t->version, res) == -1)
		return -1;
	r->last_attempt = *now;
	if (res->class == OUT_OK) {
		r->outcome = OUT_OK;
		r->failures = 0;
		r->ca_failures = 0;
		r->asked = 0;
		r->reload_tries = 0;
		r->last_success = *now;
		if (t->ca != NULL)
			ca_succeeded(r, t->ca);
	} else if (t->ca == NULL) {
		r->outcome = res->class;
		r->failures = time_add(r->failures, 1);
		r->last_failure = *now;
		r->jitter = due_jitter(t->random);
		r->asked = res->retry_at;
	}
	return 0;
}

int
record_serial(struct record *r, const char *serial, struct err *e)
{
	struct strs *s = &r->serials;

	if (strs_has(s, serial))
		return 0;
	if (s->n >= RECORD_SERIALS) {
		free(s->v[0]);
		memmove(s->v, s->v + 1, (s->n - 1) * sizeof(*s->v));
		s->n--;
	}
	return strs_add(s, serial) == 0 ? 0 : err_nomem(e);
}

/* --- renewal information --- */

const struct record_window *
record_window(const struct record *r, const char *id)
{
	const struct record_window *w = r->windows.v;

	for (size_t i = 0; i < r->windows.n && id != NULL; i++)
		if (w[i].id != NULL && strcmp(w[i].id, id) == 0)
			return &w[i];
	return NULL;
}

struct record_window *
record_window_of(struct record *r, const char *id, struct err *e)
{
	const struct record_window *have = record_window(r, id);
	struct record_window *w = r->windows.v;

	if (have != NULL)
		return w + (have - w);
	if (r->windows.n == RECORD_WINDOWS) {
		pack_clear(&window_pack, w);
		memmove(w, w + 1, --r->windows.n * sizeof(*w));
	}
	if ((w = list_add(&r->windows, sizeof(*w))) == NULL || (w->id = strdup(id)) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	return w;
}
