/*
 * record_file: struct record as record.json, and back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "seal.h"

#define NAME		"record.json"
#define ROOM_BEHIND	1024	/* octets, for the seal */

enum kind { KIND_INT, KIND_BOOL, KIND_STR, KIND_STRS, KIND_TIME };

/* A member of an object that is a field of a struct: one row for writing and reading. */
struct member {
	const char	*key;
	enum kind	 kind;
	size_t		 offset;
};

#define R(key, kind, field) { key, kind, offsetof(struct record, field) }

static const struct member record_members[] = {
	R("failures", KIND_INT, failures),
	R("lastAttempt", KIND_TIME, last_attempt),
	R("lastFailure", KIND_TIME, last_failure),
	R("lastSuccess", KIND_TIME, last_success),
	R("outcome", KIND_INT, outcome),
	R("jitter", KIND_INT, jitter),
	R("asked", KIND_INT, asked),
	R("caFailures", KIND_INT, ca_failures),
	R("next", KIND_INT, next),
	R("reloadTries", KIND_INT, reload_tries),
	R("serials", KIND_STRS, serials),
	R("revoked", KIND_STR, revoked),
	R("looks", KIND_INT, looks),
	R("lastLook", KIND_TIME, last_look),
	R("tried", KIND_STR, tried),
	R("unserved", KIND_STR, unserved),
	R("unservedSince", KIND_INT, unserved_since),
};

#define H(key, kind, field) { key, kind, offsetof(struct record_result, field) }

static const struct member result_members[] = {
	H("when", KIND_INT, when),
	H("outcome", KIND_INT, outcome),
	H("step", KIND_STR, step),
	H("text", KIND_STR, text),
	H("version", KIND_INT, version),
};

#define C(key, kind, field) { key, kind, offsetof(struct record_ca, field) }

static const struct member ca_members[] = {
	C("name", KIND_STR, name),
	C("failures", KIND_INT, failures),
	C("lastFailure", KIND_TIME, last_failure),
	C("outcome", KIND_INT, outcome),
	C("jitter", KIND_INT, jitter),
	C("asked", KIND_INT, asked),
	C("paused", KIND_BOOL, paused),
};

#define I(key, kind, field) { key, kind, offsetof(struct budget_issue, field) }

static const struct member issue_members[] = {
	I("when", KIND_TIME, when),
	I("ca", KIND_STR, ca),
	I("names", KIND_STR, names),
	I("refused", KIND_BOOL, refused),
	I("second", KIND_BOOL, second),
};

#define V(key, kind, field) { key, kind, offsetof(struct budget_validation, field) }

static const struct member validation_members[] = {
	V("when", KIND_TIME, when),
	V("ca", KIND_STR, ca),
	V("name", KIND_STR, name),
};

#define W(key, kind, field) { key, kind, offsetof(struct record_window, field) }

static const struct member window_members[] = {
	W("id", KIND_STR, id),
	W("start", KIND_INT, start),
	W("end", KIND_INT, end),
	W("point", KIND_INT, point),
	W("check", KIND_INT, check),
	W("url", KIND_STR, url),
};

#define S(key, kind, field) { key, kind, offsetof(struct record_server, field) }

static const struct member server_members[] = {
	S("server", KIND_STR, server),
	S("pid", KIND_INT, pid),
	S("reloads", KIND_INT, forecast.reloads),
	S("last", KIND_INT, forecast.last),
	S("sum", KIND_INT, forecast.sum),
};

/* An array of such objects in a struct list. */
static const struct {
	const char		*key;
	size_t			 offset;
	size_t			 size;
	size_t			 max;
	const struct member	*members;
	size_t			 nmembers;
} lists[] = {
	{ "history", offsetof(struct record, history), sizeof(struct record_result), 64,
	    result_members, NITEMS(result_members) },
	{ "cas", offsetof(struct record, cas), sizeof(struct record_ca), 64, ca_members,
	    NITEMS(ca_members) },
	{ "issues", offsetof(struct record, budget.issues), sizeof(struct budget_issue), 256,
	    issue_members, NITEMS(issue_members) },
	{ "failedValidations", offsetof(struct record, budget.validations),
	    sizeof(struct budget_validation), 1024, validation_members,
	    NITEMS(validation_members) },
	{ "servers", offsetof(struct record, servers), sizeof(struct record_server), RECORD_SERVERS,
	    server_members, NITEMS(server_members) },
	{ "renewal", offsetof(struct record, windows), sizeof(struct record_window), RECORD_WINDOWS,
	    window_members, NITEMS(window_members) },
};

/* --- writing --- */

static void
put_time(struct json_out *o, const char *key, const struct record_time *t)
{
	json_put_object(o, key);
	json_put_int(o, "wall", t->wall);
	json_put_int(o, "bootMs", t->boot_ms);
	json_put_int(o, "bootId", t->boot_id);
	json_object_end(o);
}

static void
put_members(struct json_out *o, const struct member *m, size_t n, const void *obj)
{
	for (size_t i = 0; i < n; i++) {
		const void *at = (const char *)obj + m[i].offset;

		switch (m[i].kind) {
		case KIND_INT:
			json_put_int(o, m[i].key, *(const int64_t *)at);
			break;
		case KIND_BOOL:
			json_put_bool(o, m[i].key, *(const bool *)at);
			break;
		case KIND_STR:
			json_put_str(o, m[i].key, *(char *const *)at);
			break;
		case KIND_STRS:
			seal_put_strs(o, m[i].key, at);
			break;
		case KIND_TIME:
			put_time(o, m[i].key, at);
			break;
		}
	}
}

static void
put_list(struct json_out *o, size_t which, const struct record *r)
{
	const struct list *l = (const void *)((const char *)r + lists[which].offset);

	json_put_array(o, lists[which].key);
	for (size_t i = 0; i < l->n; i++) {
		json_put_object(o, NULL);
		put_members(o, lists[which].members, lists[which].nmembers,
		    (const char *)l->v + i * lists[which].size);
		json_object_end(o);
	}
	json_array_end(o);
}

int
record_save(struct store_cert *c, const struct record *r, struct err *e)
{
	struct json_out o;
	struct buf file;
	int rc = -1;

	buf_init(&file, STORE_FILE_MAX);
	seal_begin(&o, &file);
	put_members(&o, record_members, NITEMS(record_members), r);
	for (size_t i = 0; i < NITEMS(lists); i++)
		put_list(&o, i, r);
	/* As a text: what is in it is nobody's business here. Each octet of it may take two. */
	if (r->facts.n > 0 && r->facts.n <= RECORD_FACTS_MAX &&
	    file.n + 2 * r->facts.n + ROOM_BEHIND <= STORE_FILE_MAX)
		json_put_span(&o, "facts", blob_span(&r->facts));
	if (seal_end(&o, e) == 0)
		rc = store_write(store_cert_fd(c), NAME, &file, e);
	else
		(void)err_in(e, NAME);
	buf_clear(&file);
	return rc;
}

/* --- reading --- */

static int
get_time(const struct json *obj, const char *key, struct record_time *t, struct err *e)
{
	const struct json *o;

	if (json_get_object(obj, NAME, key, JSON_OPTIONAL, &o, e) == -1)
		return -1;
	if (o == NULL)
		return 0;
	if (json_get_int(o, NAME, "wall", JSON_REQUIRED, &t->wall, e) == -1 ||
	    json_get_int(o, NAME, "bootMs", JSON_REQUIRED, &t->boot_ms, e) == -1)
		return -1;
	return json_get_int(o, NAME, "bootId", JSON_REQUIRED, &t->boot_id, e);
}

static int
get_member(const struct json *obj, const struct member *m, void *at, struct err *e)
{
	switch (m->kind) {
	case KIND_INT:
		return json_get_int(obj, NAME, m->key, JSON_OPTIONAL, at, e);
	case KIND_BOOL:
		return json_get_bool(obj, NAME, m->key, JSON_OPTIONAL, at, e);
	case KIND_STR:
		return seal_get_str(obj, NAME, m->key, JSON_OPTIONAL, at, e);
	case KIND_STRS:
		return seal_get_strs(obj, NAME, m->key, at, e);
	case KIND_TIME:
		return get_time(obj, m->key, at, e);
	}
	return 0;
}

static int
get_members(const struct json *obj, const struct member *m, size_t n, void *to, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (get_member(obj, &m[i], (char *)to + m[i].offset, e) == -1)
			return -1;
	return 0;
}

static int
get_list(const struct json *root, size_t which, struct record *r, struct err *e)
{
	struct list *l = (void *)((char *)r + lists[which].offset);
	const struct json *a;
	void *item;

	if (json_get_array(root, NAME, lists[which].key, JSON_OPTIONAL, &a, e) == -1)
		return -1;
	if (json_count(a) > lists[which].max)
		return err_set(e, OUT_HOLD, NAME ": %s: too many items", lists[which].key);
	for (size_t i = 0; i < json_count(a); i++) {
		if ((item = list_add(l, lists[which].size)) == NULL)
			return err_nomem(e);
		if (json_is_object(json_at(a, i), NAME, e) == -1 ||
		    get_members(json_at(a, i), lists[which].members, lists[which].nmembers,
		    item, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_record(struct span file, struct record *r, struct err *e)
{
	struct json_doc *doc;
	const struct json *root;
	const char *facts;
	int rc = -1;

	if ((doc = seal_open(file, NAME, e)) == NULL)
		return -1;
	root = json_root(doc);
	if (get_members(root, record_members, NITEMS(record_members), r, e) == -1)
		goto out;
	for (size_t i = 0; i < NITEMS(lists); i++)
		if (get_list(root, i, r, e) == -1)
			goto out;
	if (json_get_str(root, NAME, "facts", JSON_OPTIONAL, &facts, e) == -1)
		goto out;
	rc = blob_set(&r->facts, span_str(facts)) == 0 ? 0 : err_nomem(e);
out:
	json_free(doc);
	return rc;
}

static bool
settle_all(struct record *r, const struct record_time *now)
{
	struct budget_issue *i = r->budget.issues.v;
	struct budget_validation *v = r->budget.validations.v;
	struct record_ca *c = r->cas.v;
	bool moved = false;

	for (size_t k = 0; k < r->cas.n; k++)
		moved |= record_settle(&c[k].last_failure, now);
	moved |= record_settle(&r->last_attempt, now);
	moved |= record_settle(&r->last_failure, now);
	moved |= record_settle(&r->last_success, now);
	moved |= record_settle(&r->last_look, now);
	for (size_t k = 0; k < r->budget.issues.n; k++)
		moved |= record_settle(&i[k].when, now);
	for (size_t k = 0; k < r->budget.validations.n; k++)
		moved |= record_settle(&v[k].when, now);
	return moved;
}

/*
 * Saved at once: what was counted must not be forgotten by the next run
 * because this one had nothing to do.
 */
static int
start_anew(struct store_cert *c, const struct record_time *now, struct record *r, struct err *e)
{
	struct budget_issue *i;

	pack_clear(&record_pack, r);
	r->was_damaged = true;
	r->failures = 1;
	r->outcome = OUT_RETRY;
	r->last_attempt = r->last_failure = *now;
	if ((i = list_add(&r->budget.issues, sizeof(*i))) == NULL)
		return err_nomem(e);
	i->when = *now;
	if (!store_cert_is_work(c))
		return 0;
	if (store_set_aside(store_cert_fd(c), NAME, e) == -1)
		return -1;
	return record_save(c, r, e);
}

int
record_load(struct store_cert *c, const struct record_time *now, struct record *r, struct err *e)
{
	struct buf file;
	int rc;

	*r = (struct record){ 0 };
	buf_init(&file, STORE_FILE_MAX);
	if ((rc = fs_read(store_cert_fd(c), NAME, STORE_FILE_MAX, &file, e)) == 0) {
		rc = read_record(buf_span(&file), r, e);
		if (rc == -1 && e->class == OUT_HOLD)
			rc = start_anew(c, now, r, e);
		/* Saved at once: else they would be new in every run. */
		if (rc == 0 && settle_all(r, now) && store_cert_is_work(c))
			rc = record_save(c, r, e);
	} else if (e->sys == ENOENT) {
		rc = 0;
	}
	buf_clear(&file);
	if (rc == -1)
		pack_clear(&record_pack, r);
	return rc;
}

/* --- of all certificates --- */

struct gathering {
	const struct record_time	*now;
	struct budget			*all;
};

/* One that cannot be read is settled when its own certificate is looked at. */
static int
gather_one(void *arg, int fd, struct err *e)
{
	const struct gathering *g = arg;
	struct record r = { 0 };
	struct err ignored;
	struct buf file;
	int rc = 0;

	buf_init(&file, STORE_FILE_MAX);
	if (fs_read(fd, NAME, STORE_FILE_MAX, &file, &ignored) == 0 &&
	    read_record(buf_span(&file), &r, &ignored) == 0) {
		(void)settle_all(&r, g->now);
		rc = budget_merge(g->all, &r.budget, g->now, e);
	}
	pack_clear(&record_pack, &r);
	buf_clear(&file);
	return rc;
}

int
record_gather(struct store *s, const struct record_time *now, struct budget *all, struct err *e)
{
	struct gathering g = { now, all };

	all->shared = true;
	return store_each_cert(s, gather_one, &g, e);
}
