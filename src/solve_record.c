#include "solve_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "seal.h"

#define FILE_NAME	"records.json"

/* --- on disk --- */

static int
add_texts(const struct solve_record *r, struct strs *names, struct strs *domains,
    struct strs *values)
{
	return strs_add(names, r->name) == 0 && strs_add(domains, r->domain) == 0 &&
	    strs_add(values, r->value) == 0 ? 0 : -1;
}

static int
write_file(const struct job *j, const struct strs *names, const struct strs *domains,
    const struct strs *values, struct err *e)
{
	struct json_out o;
	struct buf file;
	int rc = -1;

	buf_init(&file, STORE_FILE_MAX);
	seal_begin(&o, &file);
	seal_put_strs(&o, "names", names);
	seal_put_strs(&o, "domains", domains);
	seal_put_strs(&o, "values", values);
	if (seal_end(&o, e) == 0)
		rc = store_write(store_cert_fd(j->folder), FILE_NAME, &file, e);
	buf_clear(&file);
	return rc;
}

/* A rehearsal leaves nothing in the store, and so nothing for a later run. */
static int
save(struct keeper *k, int64_t job, struct err *e)
{
	const struct job *j = keeper_job(k, job);
	struct strs names = { 0 }, domains = { 0 }, values = { 0 };
	const struct solve_record *r;
	int rc = 0;

	if (j == NULL || j->folder == NULL || !store_cert_is_work(j->folder))
		return 0;
	for (r = k->records; r != NULL && rc == 0; r = r->next)
		if (r->job == job)
			rc = add_texts(r, &names, &domains, &values);
	if (rc == -1)
		(void)err_nomem(e);
	else if (names.n > 0)
		rc = write_file(j, &names, &domains, &values, e);
	else
		rc = fs_remove(store_cert_fd(j->folder), FILE_NAME, e);
	strs_clear(&names);
	strs_clear(&domains);
	strs_clear(&values);
	return rc;
}

/* --- the list --- */

static void
record_free(struct solve_record *r)
{
	free(r->name);
	free(r->domain);
	free(r->value);
	free(r);
}

static void
unlink_record(struct solve_record *r)
{
	struct solve_record **at = &r->keeper->records;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	record_free(r);
}

static void
forget(struct solve_record *r)
{
	struct keeper *k = r->keeper;
	int64_t job = r->job;
	struct err e = ERR_NONE;

	unlink_record(r);
	if (save(k, job, &e) == -1)	/* it is taken out once more, which does no harm */
		log_warn(KV_S("event", "record not forgotten"), KV_S("error", e.text));
}

static struct solve_record *
list_record(struct job *j, const struct solve_record_in *in, struct err *e)
{
	struct solve_record *r = calloc(1, sizeof *r);

	if (r == NULL || (r->name = strdup(in->name)) == NULL ||
	    (r->domain = strdup(in->domain)) == NULL || (r->value = strdup(in->value)) == NULL) {
		(void)err_nomem(e);
		if (r != NULL)
			record_free(r);
		return NULL;
	}
	r->keeper = j->keeper;
	r->cert = j->conf;
	r->job = j->id;
	r->challenge = in->challenge;
	r->next = j->keeper->records;
	j->keeper->records = r;
	return r;
}

struct solve_record *
solve_record_add(struct job *j, const struct solve_record_in *in, struct err *e)
{
	struct solve_record *r = list_record(j, in, e);

	if (r == NULL || save(j->keeper, j->id, e) == 0)
		return r;
	unlink_record(r);
	return NULL;
}

/* --- the program --- */

static int
run_program(struct solve_record *r, bool present, channel_answer *cb, void *arg, struct err *e)
{
	struct msg_record body = {
		.cert = r->cert->name,
		.challenge = r->challenge,
		.present = present,
		.name = r->name,
		.domain = r->domain,
		.value = r->value,
	};

	return channel_call(r->keeper->starter, MSG_RECORD, &body, -1, cb, arg, e);
}

int
solve_record_present(struct solve_record *r, channel_answer *cb, void *arg, struct err *e)
{
	if (run_program(r, true, cb, arg, e) == 0) {
		r->busy = true;
		return 0;
	}
	forget(r);
	return -1;
}

/* Nothing depends on it, but somebody should know. */
static void
report_left(struct solve_record *r, const struct err *why)
{
	struct report note = { .kind = REPORT_NOTE, .cert = r->cert->name, .ms = -1 };
	char text[2 * ERR_TEXT_MAX];

	(void)snprintf(text, sizeof text, "left in the DNS: TXT record of %s: %s", r->name,
	    why->text);
	note.step = (char *)(uintptr_t)"challenge";
	note.text = text;
	keeper_report(r->keeper, &note);
}

static void
on_cleaned(void *arg, struct message *m)
{
	struct solve_record *r = arg;
	struct keeper *k = r->keeper;
	struct err e = ERR_NONE;

	if (m->type != MSG_DONE) {
		(void)message_error(m, &e);
		report_left(r, &e);
	}
	forget(r);
	solve_records_clean(k);
	keeper_step(k);
}

/* One by one, so that a program need not be ready for itself. */
void
solve_records_clean(struct keeper *k)
{
	struct solve_record *r, *next;
	struct err e = ERR_NONE;

	for (r = k->records; r != NULL; r = r->next)
		if (r->cleaning)
			return;
	for (r = k->records; r != NULL; r = next) {
		next = r->next;
		if (!r->leaving || r->busy)
			continue;
		if (run_program(r, false, on_cleaned, r, &e) == 0) {
			r->busy = r->cleaning = true;
			return;
		}
		report_left(r, &e);
		forget(r);
	}
}

void
solve_records_leave(struct keeper *k, int64_t job)
{
	struct solve_record *r;

	for (r = k->records; r != NULL; r = r->next)
		if (r->job == job)
			r->leaving = true;
	solve_records_clean(k);
}

bool
solve_records_are_gone(struct keeper *k)
{
	struct solve_record *r;

	for (r = k->records; r != NULL; r = r->next)
		r->leaving = true;
	solve_records_clean(k);
	return k->records == NULL;
}

void
solve_records_free(struct keeper *k)
{
	while (k->records != NULL)
		unlink_record(k->records);
}

/* --- what an earlier run left --- */

static int
read_file(struct span file, struct strs *names, struct strs *domains, struct strs *values,
    struct err *e)
{
	struct json_doc *doc = seal_open(file, FILE_NAME, e);
	int rc = -1;

	if (doc == NULL)
		return -1;
	if (seal_get_strs(json_root(doc), FILE_NAME, "names", names, e) == 0 &&
	    seal_get_strs(json_root(doc), FILE_NAME, "domains", domains, e) == 0 &&
	    seal_get_strs(json_root(doc), FILE_NAME, "values", values, e) == 0)
		rc = names->n == domains->n && names->n == values->n ? 0 :
		    err_set(e, OUT_HOLD, FILE_NAME ": want lists of one length");
	json_free(doc);
	return rc;
}

/* The program that can take them out now, if there still is one. */
static int64_t
program_of(const struct cert_conf *conf)
{
	const struct challenge_conf *c = conf->challenges.v;

	for (size_t i = 0; i < conf->challenges.n; i++)
		if (c[i].program.n > 0)
			return (int64_t)i;
	return -1;
}

static int
adopt(struct job *j, struct span file, struct err *e)
{
	struct strs names = { 0 }, domains = { 0 }, values = { 0 };
	struct solve_record_in in = { .challenge = program_of(j->conf) };
	struct solve_record *r;
	int rc = read_file(file, &names, &domains, &values, e);

	if (rc == 0 && in.challenge == -1)
		rc = err_set(e, OUT_HOLD, "the certificate has no program any more that takes out "
		    "%s", names.n > 0 ? names.v[0] : "its records");
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		in.name = names.v[i];
		in.domain = domains.v[i];
		in.value = values.v[i];
		if ((r = list_record(j, &in, e)) == NULL)
			rc = -1;
		else
			r->leaving = true;
	}
	strs_clear(&names);
	strs_clear(&domains);
	strs_clear(&values);
	return rc;
}

void
solve_records_adopt(struct job *j)
{
	struct err e = ERR_NONE;
	struct buf file;

	if (j->folder == NULL || !store_cert_is_work(j->folder))
		return;
	buf_init(&file, STORE_FILE_MAX);
	if (fs_read(store_cert_fd(j->folder), FILE_NAME, STORE_FILE_MAX, &file, &e) == -1) {
		if (e.sys == ENOENT)
			err_clear(&e);
	} else if (adopt(j, buf_span(&file), &e) == 0) {
		solve_records_clean(j->keeper);
	}
	if (e.class != OUT_OK)
		log_warn(KV_S("cert", j->conf->name), KV_S("event", "records left in the DNS"),
		    KV_S("error", e.text));
	buf_clear(&file);
}
