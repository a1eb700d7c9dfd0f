#include "account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/jws.h"
#include "base/clock.h"
#include "base/fs.h"
#include "cas.h"
#include "keeper.h"
#include "sandbox.h"

#define KEY_TYPE	"ecdsa-p256"
#define EAB_FILE_MAX	4096
/* beside account.key, while a rollover is under way */
#define NEXT_KEY	"account.key.next"

enum account_state { ACCOUNT_NEW, ACCOUNT_ASKED, ACCOUNT_READY, ACCOUNT_BROKEN };

struct account {
	struct account		*next;
	struct keeper		*keeper;
	const struct ca_conf	*ca;
	int64_t			 id;		/* in messages: negative, jobs have the others */
	enum account_state	 state;
	struct err		 err;		/* BROKEN: why */
	struct store_account	 stored;
	/* directory that the one on file is at; NULL: this one */
	char			*moved_from;
	struct key		*key;
	const struct key	*lent;		/* for what is signed by another key */
	struct buf		 jwk;
	char			 thumbprint[JWS_THUMBPRINT_TEXT];
};

const struct ca_conf *
account_ca(const struct account *a)
{
	return a->ca;
}

const char *
account_url(const struct account *a)
{
	return a->stored.url;
}

bool
account_was_damaged(const struct account *a)
{
	return a->stored.was_damaged;
}

const char *
account_thumbprint(const struct account *a)
{
	return a->thumbprint;
}

struct account *
account_by_id(struct keeper *k, int64_t id)
{
	struct account *a;

	for (a = k->accounts; a != NULL; a = a->next)
		if (a->id == id)
			return a;
	return NULL;
}

static void
account_free(struct account *a)
{
	pack_clear(&store_account_pack, &a->stored);
	free(a->moved_from);
	key_free(a->key);
	buf_clear(&a->jwk);
	free(a);
}

void
accounts_free(struct keeper *k)
{
	struct account *a;

	while ((a = k->accounts) != NULL) {
		k->accounts = a->next;
		account_free(a);
	}
}

/* A rehearsal orders elsewhere, and leaves no account behind in the store. */
static char *
directory_of(const struct account *a)
{
	return a->keeper->setup.dry_run ? a->ca->staging : a->ca->directory;
}

void
account_fill_task(const struct account *a, struct msg_task *task)
{
	task->name = a->ca->name;
	task->ca.directory = directory_of(a);
	task->ca.hosts = a->ca->hosts;
	task->ca_file = a->ca->ca_file;
	task->hold_until = cas_held_until(a->keeper, a->ca);
}

int
account_check_url(const struct account *a, const char *where, const char *url, struct err *e)
{
	struct acme_ca ca = { .directory = directory_of(a), .hosts = a->ca->hosts };

	if (url == NULL)
		return err_set(e, OUT_RETRY, "%s: no URL", where);
	return acme_url_check(&ca, where, url, e);
}

void
account_note_failure(struct account *a, const struct err *why)
{
	cas_note_failure(a->keeper, a->ca, why);
}

void
account_note_clock(struct account *a, const struct acme_result *result)
{
	if (result->has_skew)
		cas_note_clock(a->keeper, a->ca, result->skew);
}

/* Makes the key of a new account and stores it before the CA hears of it. */
static int
make_key(struct account *a, struct err *e)
{
	struct buf pem;
	int rc = -1;

	buf_init(&pem, KEY_PEM_MAX);
	if ((a->key = key_new(KEY_TYPE, e)) == NULL || key_to_pem(a->key, &pem, e) == -1)
		goto out;
	if (blob_set(&a->stored.key_pem, buf_span(&pem)) == -1 ||
	    (a->stored.directory = strdup(a->ca->directory)) == NULL) {
		err_nomem(e);
		goto out;
	}
	a->stored.created = clock_wall();
	rc = store_account_save(a->keeper->store, a->ca->name, &a->stored, e);
out:
	buf_clear(&pem);
	return rc;
}

void
account_forget_url(struct account *a)
{
	free(a->stored.url);
	a->stored.url = NULL;
}

static int
load_stored(struct account *a, bool make, struct err *e)
{
	if (store_account_load(a->keeper->store, a->ca->name, &a->stored, e) == -1) {
		if (e->sys != ENOENT)
			return -1;
		if (!make) {
			err_set(e, OUT_HOLD, "no account at %s yet", a->ca->name);
			e->sys = ENOENT;
			return -1;
		}
		err_clear(e);
		return make_key(a, e);
	}
	if ((a->key = key_from_pem(blob_span(&a->stored.key_pem), e)) == NULL)
		return err_in(e, "account of %s", a->ca->name);
	if (a->stored.was_damaged && store_is_work(a->keeper->store))
		log_warn(KV_S("ca", a->ca->name), KV_S("event", "account damaged"),
		    KV_S("file", "account.json"), KV_S("done", "looked up at the CA by its key"));
	if (a->stored.directory != NULL && strcmp(a->stored.directory, a->ca->directory) == 0)
		return 0;
	/* an account is one at a directory: at another one it is looked for again */
	account_forget_url(a);
	a->moved_from = a->stored.directory;
	a->stored.directory = NULL;
	return 0;
}

static int
load(struct account *a, bool make, struct err *e)
{
	if (a->keeper->setup.dry_run) {
		if ((a->key = key_new(KEY_TYPE, e)) == NULL)
			return -1;
	} else if (load_stored(a, make, e) == -1)
		return -1;
	if (key_jwk(a->key, &a->jwk, e) == -1)
		return -1;
	return jws_thumbprint(buf_span(&a->jwk), a->thumbprint, e);
}

static void
wake_jobs(struct keeper *k)
{
	size_t i;

	for (i = 0; i < k->njobs; i++)
		if (k->jobs[i]->at == STEP_ACCOUNT)
			job_wake(k->jobs[i]);
}

int
account_keep(struct account *a, struct acme_result *result, struct err *e)
{
	if (account_check_url(a, "account", result->account, e) == -1)
		return -1;
	strs_clear(&a->stored.contact);
	a->stored.contact = result->contact;
	memset(&result->contact, 0, sizeof result->contact);
	free(a->stored.url);
	a->stored.url = result->account;
	result->account = NULL;
	free(a->stored.directory);
	if ((a->stored.directory = strdup(a->ca->directory)) == NULL)
		return err_nomem(e);
	if (a->keeper->setup.dry_run)
		return 0;
	return store_account_save(a->keeper->store, a->ca->name, &a->stored, e);
}

/*
 * Never in silence where one was on file (FAULTS A37): the operator may have
 * meant something else.
 */
static void
tell_found(const struct account *a, bool created)
{
	const char *how = created ? "a new account was registered there, with the same key" :
	    "the account was found there by its key";
	char text[ERR_TEXT_MAX];
	struct report r = { .kind = REPORT_NOTE, .step = (char *)(uintptr_t)"account", .text = text,
		.ms = -1 };

	if (a->moved_from != NULL)
		snprintf(text, sizeof text, "ca \"%s\": the directory was %.400s and is %.400s: %s",
		    a->ca->name, a->moved_from, a->ca->directory, how);
	else if (a->stored.was_damaged)
		snprintf(text, sizeof text, "ca \"%s\": account.json was damaged, and is kept as "
		    "account.json.bad: %s", a->ca->name, how);
	else
		return;
	keeper_report(a->keeper, &r);
}

static void
on_registered(void *arg, struct message *m)
{
	struct account *a = arg;
	bool created = m->type == MSG_RESULT && ((struct acme_result *)m->body)->created;

	a->state = ACCOUNT_BROKEN;
	if (m->type != MSG_RESULT) {
		(void)message_error(m, &a->err);
		account_note_failure(a, &a->err);
	} else if (account_keep(a, m->body, &a->err) == 0) {
		a->state = ACCOUNT_READY;
		account_note_clock(a, m->body);
		tell_found(a, created);
	}
	wake_jobs(a->keeper);
}

int
account_ask(struct account *a, struct msg_task *task, channel_answer *answer, void *arg,
    struct err *e)
{
	struct channel *net;

	task->job = a->id;
	account_fill_task(a, task);
	task->todo.account = a->stored.url;
	task->todo.thumbprint = a->thumbprint;
	if (keeper_role(a->keeper, ROLE_NET, &net, e) == -1)
		return -1;
	return channel_call(net, MSG_TASK, task, -1, answer, arg, e);
}

/* RFC 8555 section 7.3.1: newAccount finds the account of a key that has one. */
static int
register_account(struct account *a, struct err *e)
{
	struct msg_task task = { 0 };

	task.todo.kind = ACME_REGISTER;
	task.todo.contact = a->ca->contact;
	task.todo.agree_tos = a->ca->agree_tos;
	task.todo.eab = a->ca->eab_kid != NULL;
	return account_ask(a, &task, on_registered, a, e);
}

static struct account *
account_open(struct keeper *k, const struct ca_conf *ca, struct err *e)
{
	struct account *a;

	for (a = k->accounts; a != NULL; a = a->next)
		if (a->ca == ca)
			return a;
	if ((a = calloc(1, sizeof *a)) == NULL) {
		err_nomem(e);
		return NULL;
	}
	a->keeper = k;
	a->ca = ca;
	a->id = k->accounts == NULL ? -1 : k->accounts->id - 1;
	buf_init(&a->jwk, JWS_MAX);
	a->next = k->accounts;
	k->accounts = a;
	return a;
}

int
account_describe_ca(struct keeper *k, const struct ca_conf *ca, struct msg_task *task,
    struct err *e)
{
	struct account *a;

	if ((a = account_open(k, ca, e)) == NULL)
		return -1;
	account_fill_task(a, task);
	return 0;
}

int
account_load(struct keeper *k, const struct ca_conf *ca, bool make, struct account **out,
    struct err *e)
{
	struct account *a;

	if ((*out = a = account_open(k, ca, e)) == NULL)
		return -1;
	return a->key != NULL ? 0 : load(a, make, e);
}

/* Key and URL are looked for when the first job needs them. */
static void
account_begin(struct account *a)
{
	if (load(a, true, &a->err) == -1)
		a->state = ACCOUNT_BROKEN;
	else if (a->stored.url != NULL)
		a->state = ACCOUNT_READY;
	else if (register_account(a, &a->err) == -1)
		a->state = ACCOUNT_BROKEN;
	else
		a->state = ACCOUNT_ASKED;
}

int
account_get(struct keeper *k, const struct ca_conf *ca, struct account **out, struct err *e)
{
	struct account *a;

	if ((*out = a = account_open(k, ca, e)) == NULL)
		return -1;
	if (a->state == ACCOUNT_NEW)
		account_begin(a);
	switch (a->state) {
	case ACCOUNT_READY:
		return 1;
	case ACCOUNT_BROKEN:
		*e = a->err;
		return -1;
	case ACCOUNT_NEW:
	case ACCOUNT_ASKED:
		break;
	}
	return 0;
}

/* As CAs' portals show it, and people copy it. */
static struct span
without_padding(struct span line)
{
	while (line.n > 0 && memchr("= \t", line.p[line.n - 1], 3) != NULL)
		line.n--;
	return line;
}

/* The HMAC key is read when it is needed and wiped at once (RFC 8555 section 7.3.4). */
static int
sign_eab(const struct account *a, const struct acme_sign *what, struct buf *jws, struct err *e)
{
	struct jws_eab eab = {
		.alg = a->ca->eab_alg,
		.kid = a->ca->eab_kid,
		.url = what->url,
		.jwk = buf_span(&a->jwk),
	};
	struct buf text, key;
	struct span line;
	struct rd r;
	int rc = -1;

	buf_init(&text, EAB_FILE_MAX);
	buf_init(&key, EAB_FILE_MAX);
	if (a->ca->eab_kid == NULL || a->ca->eab_key_file == NULL) {
		err_set(e, OUT_HOLD, "account at %s: no eab-kid and eab-key-file", a->ca->name);
		goto out;
	}
	if (sandbox_read(a->ca->eab_key_file, EAB_FILE_MAX, &text, e) == -1)
		goto out;
	r = rd_of(buf_span(&text));
	if (!rd_line(&r, &line) || base64url_decode(without_padding(line), &key) == -1) {
		err_set(e, OUT_HOLD, "%s: want the HMAC key in base64url on the first line",
		    a->ca->eab_key_file);
		goto out;
	}
	eab.key = buf_span(&key);
	rc = jws_eab(&eab, jws, e);
out:
	buf_clear(&text);
	buf_clear(&key);
	return rc;
}

/* Header, nonce and payload as asked for; key has the public half that jwk shows. */
static int
sign_with(const struct key *key, struct span jwk, const struct account *a,
    const struct acme_sign *what, struct buf *jws, struct err *e)
{
	bool inner = what->key == ACME_KEY_NEW;	/* RFC 8555 section 7.3.5: no nonce */
	struct jws_header header = {
		.alg = key_alg(key),
		.nonce = inner ? NULL : what->nonce,
		.url = what->url,
		.kid = what->key == ACME_KEY_KID ? a->stored.url : NULL,
		.jwk = what->key == ACME_KEY_KID ? SPAN_NONE : jwk,
	};
	struct buf input, signature, payload;
	int rc = -1;

	buf_init(&input, JWS_MAX);
	buf_init(&signature, JWS_MAX);
	buf_init(&payload, JWS_MAX);
	if (inner && a->stored.url != NULL)
		jws_rollover(&payload, a->stored.url, buf_span(&a->jwk));
	if ((!inner && what->nonce == NULL) ||
	    (a->stored.url == NULL && (inner || what->key == ACME_KEY_KID)))
		err_set(e, OUT_RETRY, "account at %s: nonce or account URL is missing",
		    a->ca->name);
	else if (jws_input(&header, inner ? buf_span(&payload) : blob_span(&what->payload), &input,
	    e) == 0 && key_sign(key, header.alg, buf_span(&input), &signature, e) == 0)
		rc = jws_finish(buf_span(&input), buf_span(&signature), jws, e);
	buf_clear(&input);
	buf_clear(&signature);
	buf_clear(&payload);
	return rc;
}

static int
sign_lent(const struct account *a, const struct acme_sign *what, struct buf *jws, struct err *e)
{
	struct buf jwk;
	int rc = -1;

	buf_init(&jwk, JWS_MAX);
	if (a->lent == NULL)
		err_set(e, OUT_RETRY, "sign: this run has no such key");
	else if (key_jwk(a->lent, &jwk, e) == 0)
		rc = sign_with(a->lent, buf_span(&jwk), a, what, jws, e);
	buf_clear(&jwk);
	return rc;
}

int
account_sign(const struct account *a, const struct acme_sign *what, struct buf *jws,
    struct err *e)
{
	/* net is not trusted with this: what is signed goes to this CA and nowhere else */
	if (account_check_url(a, "sign", what->url, e) == -1)
		return -1;
	if (a->key == NULL)
		return err_set(e, OUT_RETRY, "sign: this run has no key for %s", a->ca->name);
	switch ((enum acme_key)what->key) {
	case ACME_KEY_KID:
	case ACME_KEY_JWK:
		return sign_with(a->key, buf_span(&a->jwk), a, what, jws, e);
	case ACME_KEY_EAB:
		return sign_eab(a, what, jws, e);
	case ACME_KEY_CERT:
	case ACME_KEY_NEW:
		return sign_lent(a, what, jws, e);
	}
	return err_set(e, OUT_RETRY, "sign: no such kind of key");
}

/* --- another key --- */

void
account_lend_key(struct account *a, const struct key *key)
{
	a->lent = key;
}

static int
store_next_key(int dir, const struct key *key, struct err *e)
{
	const struct fs_mode mode = { 0600, (uid_t)-1, (gid_t)-1 };
	struct buf pem;
	int rc = -1;

	buf_init(&pem, KEY_PEM_MAX);
	if (key_to_pem(key, &pem, e) == 0)
		rc = fs_replace(dir, NEXT_KEY, mode, buf_span(&pem), e);
	buf_clear(&pem);
	return rc;
}

int
account_next_key(struct account *a, struct key **key, struct err *e)
{
	struct buf pem;
	int dir, rc = -1;

	*key = NULL;
	buf_init(&pem, KEY_PEM_MAX);
	if (store_ca_open(a->keeper->store, a->ca->name, &dir, e) == -1)
		return -1;
	if (fs_read(dir, NEXT_KEY, KEY_PEM_MAX, &pem, e) == 0) {
		*key = key_from_pem(buf_span(&pem), e);
		rc = *key != NULL ? 0 : err_in(e, NEXT_KEY);
	} else if (e->sys == ENOENT) {
		err_clear(e);
		if ((*key = key_new(KEY_TYPE, e)) != NULL)
			rc = store_next_key(dir, *key, e);
	}
	buf_clear(&pem);
	fs_close(&dir);
	return rc;
}

int
account_take_key(struct account *a, struct key *key, struct err *e)
{
	struct buf pem;
	int dir, rc = -1;

	buf_init(&pem, KEY_PEM_MAX);
	if (key_to_pem(key, &pem, e) == -1)
		goto out;
	blob_clear(&a->stored.key_pem);
	if (blob_set(&a->stored.key_pem, buf_span(&pem)) == -1) {
		err_nomem(e);
		goto out;
	}
	if (store_account_save(a->keeper->store, a->ca->name, &a->stored, e) == -1 ||
	    store_ca_open(a->keeper->store, a->ca->name, &dir, e) == -1)
		goto out;
	rc = fs_remove(dir, NEXT_KEY, e);
	fs_close(&dir);
out:
	buf_clear(&pem);
	return rc;
}
