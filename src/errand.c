#include "errand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/clock.h"
#include "base/text.h"
#include "keeper.h"
#include "persist.h"

struct errands {
	struct keeper	*keeper;
	size_t		 next;		/* CA or certificate of the run */
	bool		 ended;
	struct account	*account;
	const char	*subject;	/* name of the CA or the certificate */
	struct job	*cert;		/* revoke: its folder and state */
	size_t		 part;		/* of it, that is being revoked */
	struct blob	 der;		/* of this part */
	/* revoke by the certificate's key, or the next one of a rollover */
	struct key	*key;
	bool		 finding;	/* the rollover's next key is being looked up */
};

static void	go_on(struct errands *);

static void
tell(struct errands *r, enum outcome outcome, const char *text, const char *hint)
{
	struct report out = {
		.kind = REPORT_RESULT,
		.cert = (char *)(uintptr_t)r->subject,
		.outcome = outcome,
		.text = (char *)(uintptr_t)text,
		.hint = (char *)(uintptr_t)hint,
		.ms = -1,
	};

	keeper_report(r->keeper, &out);
	if (outcome > r->keeper->worst)
		r->keeper->worst = outcome;
}

static void
tell_err(struct errands *r, const struct err *e)
{
	tell(r, e->class, e->text, e->hint);
}

/* --- account --- */

static void
join(char *out, size_t size, const struct strs *texts)
{
	size_t i, n = 0;
	int len;

	out[0] = '\0';
	for (i = 0; i < texts->n && n < size; i++, n += (size_t)len)
		if ((len = snprintf(out + n, size - n, "%s%s", i > 0 ? ", " : "", texts->v[i])) < 0)
			return;
}

static bool
is_at(const struct cert_conf *conf, const char *ca)
{
	const struct challenge_conf *c = conf->challenges.v;

	for (size_t i = 0; i < conf->challenges.n; i++)
		if (strcmp(c[i].type, CHALLENGE_PERSIST) == 0)
			return strs_has(&conf->ca, ca);
	return false;
}

/* What lets this account prove names by dns-persist-01: lines for a zone file. */
static void
tell_records(struct errands *r, const struct acme_result *result)
{
	const struct cert_conf *conf = r->keeper->setup.config.certs.v;
	struct persist_in in = { .issuers = &result->caa, .account = result->account != NULL ?
	    result->account : account_url(r->account) };
	const char *name;
	struct buf b;

	buf_init(&b, ERR_TEXT_MAX);
	for (size_t i = 0; i < r->keeper->setup.config.certs.n; i++)
		for (size_t k = 0; is_at(&conf[i], r->subject) && k < conf[i].names.n; k++) {
			name = conf[i].names.v[k];
			if (text_is_address(name))
				continue;
			in.wildcard = strncmp(name, "*.", 2) == 0;
			buf_reset(&b);
			persist_record(&in, in.wildcard ? name + 2 : name, &b);
			tell(r, OUT_OK, buf_cstr(&b), NULL);
		}
	buf_clear(&b);
}

static void
tell_account(struct errands *r, const struct acme_result *result)
{
	char text[ERR_TEXT_MAX], contact[512];

	join(contact, sizeof contact, &result->contact);
	snprintf(text, sizeof text, "account %s: %s%s%s",
	    result->account != NULL ? result->account : account_url(r->account),
	    r->keeper->setup.action == ACME_ROLLOVER ? "has a new key" :
	    result->created ? "registered" :
	    result->account_status != NULL ? result->account_status : "found",
	    contact[0] != '\0' ? ", contact " : "", contact);
	tell(r, OUT_OK, text, NULL);
	tell_records(r, result);
}

static void
tell_orders(struct errands *r, const struct acme_result *result)
{
	if (result->orders.n == 0)
		tell(r, OUT_OK, "the CA lists no orders", NULL);
	for (size_t i = 0; i < result->orders.n; i++)
		tell(r, OUT_OK, result->orders.v[i], NULL);
}

static int	send_account_task(struct errands *, int64_t kind, struct err *e);

/* What came of it is stored before it is told. */
static int
finish_account(struct errands *r, struct message *m, struct err *e)
{
	struct acme_result *result = m->body;

	if (m->type != MSG_RESULT)
		return message_error(m, e);
	switch (r->keeper->setup.action) {
	case ACME_ORDERS:
		tell_orders(r, result);
		return 0;
	case ACME_DROP_AUTHZ:
		tell(r, OUT_OK, "the authorization is deactivated", NULL);
		return 0;
	}
	tell_account(r, result);
	switch (r->keeper->setup.action) {
	case ACME_ROLLOVER:
		return account_take_key(r->account, r->key, e);
	case ACME_REGISTER:
	case ACME_UPDATE:
		if (result->account == NULL && (result->account =
		    strdup(account_url(r->account))) == NULL)
			return err_nomem(e);
		return account_keep(r->account, result, e);
	}
	return 0;
}

static void
on_account(void *arg, struct message *m)
{
	struct errands *r = arg;
	struct err e = ERR_NONE;

	if (finish_account(r, m, &e) == -1)
		tell_err(r, &e);
	go_on(r);
}

static int
send_account_task(struct errands *r, int64_t kind, struct err *e)
{
	struct msg_task task = { 0 };
	const struct ca_conf *ca = config_ca(&r->keeper->setup.config, r->subject);

	task.todo.kind = kind;
	task.todo.contact = ca->contact;
	task.todo.agree_tos = ca->agree_tos;
	task.todo.eab = kind == ACME_REGISTER && ca->eab_kid != NULL;
	task.todo.url = r->keeper->setup.url;
	return account_ask(r->account, &task, on_account, r, e);
}

static int
begin_account(struct errands *r, const struct ca_conf *ca, struct err *e)
{
	int64_t kind = r->keeper->setup.action;

	r->subject = ca->name;
	if (account_load(r->keeper, ca, kind == ACME_REGISTER, &r->account, e) == -1)
		return -1;
	if (kind != ACME_REGISTER && account_url(r->account) == NULL) {
		err_set(e, OUT_HOLD, "no account at %s is known", ca->name);
		return err_hint(e, "kamcert account register makes or finds it");
	}
	/* who asks for it by name knows that the CA has forgotten the one on file (FAULTS A37) */
	if (kind == ACME_REGISTER)
		account_forget_url(r->account);
	if (kind == ACME_ROLLOVER) {
		if (account_next_key(r->account, &r->key, e) == -1)
			return -1;
		account_lend_key(r->account, r->key);
	}
	return send_account_task(r, kind, e);
}

/* --- revoke --- */

/* From now on it is due. */
static int
note_revoked(struct job *cert, struct err *e)
{
	free(cert->record.revoked);
	if ((cert->record.revoked = strdup(cert->state.active.serial)) == NULL)
		return err_nomem(e);
	return record_save(cert->folder, &cert->record, e);
}

static int	send_revocation(struct errands *, struct err *e);

static bool
is_pair(const struct errands *r)
{
	return r->cert->state.active.leaves.n > 1;
}

static const char *
type_of(const struct errands *r)
{
	return manifest_leaf(&r->cert->state.active, r->part)->key_type;
}

static void
tell_revoked(struct errands *r, const struct acme_result *result)
{
	char text[160];

	snprintf(text, sizeof text, "version %lld%s%s %s", (long long)r->cert->state.version,
	    is_pair(r) ? ", " : "", is_pair(r) ? type_of(r) : "",
	    result->was_revoked ? "was revoked already" : "is revoked");
	tell(r, OUT_OK, text, "kamcert renew replaces it");
}

/* Of a pair, both leaves: whoever has one of the keys may have the other one. */
static void
on_revoked(void *arg, struct message *m)
{
	struct errands *r = arg;
	struct err e = ERR_NONE;

	if (m->type == MSG_RESULT) {
		tell_revoked(r, m->body);
		if (note_revoked(r->cert, &e) == -1)
			tell_err(r, &e);
	} else {
		(void)message_error(m, &e);
		if (is_pair(r))
			err_in(&e, "%s", type_of(r));
		tell_err(r, &e);
	}
	err_clear(&e);
	if (++r->part < r->cert->state.active.leaves.n) {
		if (send_revocation(r, &e) == 0)
			return;
		tell_err(r, &e);
	}
	go_on(r);
}

static int
read_key(struct errands *r, const char *suffix, struct err *e)
{
	char name[PART_NAME_MAX];
	struct buf pem;

	account_lend_key(r->account, NULL);
	key_free(r->key);
	r->key = NULL;
	buf_init(&pem, KEY_PEM_MAX);
	if (install_read(r->cert->folder, r->cert->state.version,
	    part_name(PART_KEY, suffix, name), &pem, e) == 0)
		r->key = key_from_pem(buf_span(&pem), e);
	buf_clear(&pem);
	account_lend_key(r->account, r->key);
	return r->key != NULL ? 0 : -1;
}

static int
send_revocation(struct errands *r, struct err *e)
{
	const char *suffix = part_suffix(r->part, type_of(r));
	struct msg_task task = { 0 };
	struct certs certs = { 0 };
	char name[PART_NAME_MAX];
	struct buf pem;
	int rc = -1;

	if (r->keeper->setup.by_cert_key && read_key(r, suffix, e) == -1)
		return -1;
	buf_init(&pem, CHAIN_MAX);
	task.todo.kind = ACME_REVOKE;
	task.todo.reason = r->keeper->setup.reason;
	task.todo.by_cert_key = r->keeper->setup.by_cert_key;
	if (install_read(r->cert->folder, r->cert->state.version,
	    part_name(PART_FULL, suffix, name), &pem, e) == 0 &&
	    chain_read(buf_span(&pem), &certs, e) == 0) {
		task.todo.cert = ((const struct cert_facts *)certs.all.v)->der;
		rc = blob_set(&r->der, blob_span(&task.todo.cert)) == -1 ? err_nomem(e) :
		    account_ask(r->account, &task, on_revoked, r, e);
	}
	pack_clear(&certs_pack, &certs);
	buf_clear(&pem);
	return rc;
}

static int
begin_revoke(struct errands *r, const struct cert_conf *conf, struct err *e)
{
	const struct ca_conf *ca;

	r->subject = conf->name;
	if ((r->cert = job_new(r->keeper, conf, e)) == NULL)
		return -1;
	if (r->cert->state.version == 0)
		return err_set(e, OUT_HOLD, "nothing is installed");
	if (r->cert->state.active.ca == NULL)
		return err_set(e, OUT_HOLD, "what is active is not as kamcert installed it: %s",
		    r->cert->state.problem != NULL ? r->cert->state.problem : "unknown");
	if ((ca = config_ca(&r->keeper->setup.config, r->cert->state.active.ca)) == NULL)
		return err_set(e, OUT_HOLD, "the CA that issued it, %s, is no longer configured",
		    r->cert->state.active.ca);
	r->part = 0;
	if (account_load(r->keeper, ca, false, &r->account, e) == -1)
		return -1;
	return send_revocation(r, e);
}

/* --- one after the other --- */

static bool
is_named(const struct keeper *k, const char *name)
{
	return k->setup.certs.n == 0 || strs_has(&k->setup.certs, name);
}

static int
begin_next(struct errands *r, bool *more, struct err *e)
{
	const struct config *c = &r->keeper->setup.config;
	const struct ca_conf *cas = c->cas.v;
	const struct cert_conf *certs = c->certs.v;
	bool revoke = r->keeper->setup.command == CMD_REVOKE;
	size_t n = revoke ? c->certs.n : c->cas.n, i;

	for (*more = false; r->next < n;) {
		i = r->next++;
		if (!is_named(r->keeper, revoke ? certs[i].name : cas[i].name))
			continue;
		*more = true;
		return revoke ? begin_revoke(r, &certs[i], e) : begin_account(r, &cas[i], e);
	}
	return 0;
}

static void
clear_one(struct errands *r)
{
	if (r->account != NULL)
		account_lend_key(r->account, NULL);
	r->account = NULL;
	key_free(r->key);
	r->key = NULL;
	job_free(r->cert);
	r->cert = NULL;
	blob_clear(&r->der);
}

struct span
errands_revoke(const struct keeper *k)
{
	return k->errands != NULL ? blob_span(&k->errands->der) : SPAN_NONE;
}

static void
go_on(struct errands *r)
{
	struct err e = ERR_NONE;
	bool more;

	clear_one(r);
	while (begin_next(r, &more, &e) == -1) {
		tell_err(r, &e);
		err_clear(&e);
		clear_one(r);
	}
	if (more)
		return;
	r->ended = true;
	keeper_step(r->keeper);
}

void
errands_begin(struct keeper *k)
{
	struct err e = ERR_NONE;

	if ((k->errands = calloc(1, sizeof *k->errands)) == NULL) {
		err_nomem(&e);
		k->worst = e.class;
		return;
	}
	k->errands->keeper = k;
	go_on(k->errands);
}

bool
errands_have_ended(const struct keeper *k)
{
	return k->errands == NULL || k->errands->ended;
}

void
errands_free(struct keeper *k)
{
	if (k->errands == NULL)
		return;
	clear_one(k->errands);
	free(k->errands);
	k->errands = NULL;
}
