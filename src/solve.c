/*
 * solve: the keeper has the challenges of an order put up, and taken down:
 * those that answer serves, and records in the DNS.
 *
 * For the records of one order that happens one by one: where do CNAMEs lead
 * (answer), present (solve_record); then answer watches the name servers, for
 * all of them at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "keeper.h"
#include "persist.h"
#include "solve_record.h"
#include "solve_token.h"

#define DNS_PREFIX	"_acme-challenge."	/* RFC 8555 section 8.4 */
#define FULL_NAME_MAX	(SOLVE_LABEL + sizeof(DNS_PREFIX) + 256)
#define PER_NAME	4			/* a CA may want two of one name (FAULTS A46) */

/* Challenges that are being put up for one question of net's. */
struct solving {
	struct solving		*next;
	struct keeper		*keeper;
	uint64_t		 id;
	int64_t			 job;
	struct list		 challenges;	/* struct acme_challenge */
	/* of those in the DNS, the one that is being put up */
	size_t			 at;
	struct solve_record	*record;	/* that the program is at */
	size_t			 open;		/* answers that are missing */
	struct err		 err;
};

static void	next_record(struct solving *);

static const struct challenge_conf *
solver_of(const struct job *j, const char *type)
{
	const struct challenge_conf *c = j->conf->challenges.v;
	size_t i;

	for (i = 0; type != NULL && i < j->conf->challenges.n; i++)
		if (strcmp(c[i].type, type) == 0)
			return &c[i];
	return NULL;
}

static const struct challenge_conf *
conf_of(const struct solve_record *r)
{
	return (const struct challenge_conf *)r->cert->challenges.v + r->challenge;
}

/* --- what may be put up --- */

static bool
is_own_name(const struct job *j, const char *name)
{
	const char *own;

	for (size_t i = 0; i < j->conf->names.n; i++) {
		own = j->conf->names.v[i];
		if (strcmp(strncmp(own, "*.", 2) == 0 ? own + 2 : own, name) == 0)
			return true;
	}
	return false;
}

/* For another account's key, it would prove our names to somebody else's order. */
static bool
is_own_proof(const struct job *j, const char *key_auth)
{
	const char *dot = strchr(key_auth, '.');

	return dot != NULL && strcmp(dot + 1, account_thumbprint(j->account)) == 0;
}

static int
judge(const struct job *j, const struct acme_challenge *c, struct err *e)
{
	if (c->type == NULL || solver_of(j, c->type) == NULL)
		return err_set(e, OUT_HOLD, "challenge %s for %s: not configured",
		    c->type != NULL ? c->type : "?", c->name != NULL ? c->name : "?");
	if (c->name == NULL || !is_own_name(j, c->name))
		return err_set(e, OUT_HOLD, "challenge %s for %s: not a name of this certificate",
		    c->type, c->name != NULL ? c->name : "?");
	if (strcmp(c->type, CHALLENGE_PERSIST) == 0)
		return 0;
	if (c->token == NULL || c->key_auth == NULL)
		return err_set(e, OUT_HOLD, "challenge %s for %s: no token", c->type, c->name);
	if (solve_token_check(c->token, c->key_auth, e) == -1)
		return -1;
	return is_own_proof(j, c->key_auth) ? 0 : err_set(e, OUT_HOLD,
	    "challenge %s for %s: not for the key of our account", c->type, c->name);
}

/* All of them, before the first one is put up. */
static int
judge_all(const struct keeper *k, const struct job *j, const struct list *challenges, struct err *e)
{
	const struct acme_challenge *c = challenges->v;
	const struct solving *s;

	for (s = k->solving; s != NULL; s = s->next)
		if (s->job == j->id)
			return err_set(e, OUT_RETRY,
			    "solve: others are being put up for this task");
	if (challenges->n > j->conf->names.n * PER_NAME)
		return err_set(e, OUT_HOLD, "solve: %zu challenges for %zu names", challenges->n,
		    j->conf->names.n);
	for (size_t i = 0; i < challenges->n; i++)
		if (judge(j, &c[i], e) == -1)
			return -1;
	return 0;
}

/* --- the end of a run --- */

bool
solve_has_ended(struct keeper *k)
{
	struct solving *s;

	for (s = k->solving; s != NULL; s = s->next)
		if (s->err.class == OUT_OK)
			err_set(&s->err, OUT_RETRY, "the run has ended");
	return solve_records_are_gone(k);
}

/* --- what answer serves --- */

static void
take_down(struct keeper *k, const struct job *j, const struct list *challenges)
{
	const struct acme_challenge *c = challenges->v;
	const struct challenge_conf *conf;
	struct msg_drop drop;
	struct channel *ch;
	struct err e = ERR_NONE;
	size_t i;

	for (i = 0; i < challenges->n; i++) {
		conf = solver_of(j, c[i].type);
		if (conf == NULL || conf->program.n > 0 || c[i].token == NULL ||
		    !solve_token_fits(span_str(c[i].token)))
			continue;
		drop.token = c[i].token;
		drop.webroot = conf->webroot;
		drop.tls = strcmp(conf->type, CHALLENGE_ALPN) == 0;
		if (keeper_role(k, ROLE_ANSWER, &ch, &e) == -1 ||
		    channel_send(ch, MSG_DROP, 0, &drop, -1, &e) == -1)
			log_warn(KV_S("cert", j->conf->name), KV_S("event", "challenge left"),
			    KV_S("error", e.text));
	}
}

/* --- the end of a question --- */

static void
solving_free(struct solving *s)
{
	struct solving **at = &s->keeper->solving;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	pack_clear(message_info(MSG_SOLVE)->pack, &(struct msg_solve){ 0, s->challenges });
	free(s);
}

static void
tell_net(struct keeper *k, uint64_t id, const struct err *why)
{
	struct channel *net = k->roles[ROLE_NET];

	if (net == NULL)
		return;
	if (why->class == OUT_OK)
		channel_done(net, id);
	else
		channel_fail(net, id, why);
}

/* When the last answer is there. Of a question that failed, nothing stays up. */
static void
release(struct solving *s)
{
	struct keeper *k = s->keeper;
	struct job *j = keeper_job(k, s->job);

	if (--s->open > 0)
		return;
	if (s->err.class != OUT_OK && j != NULL) {
		take_down(k, j, &s->challenges);
		solve_records_leave(k, s->job);
	}
	tell_net(k, s->id, &s->err);
	solving_free(s);
}

/* A record that stays: it is there, or the operator has to publish it. */
struct persist_wait {
	struct solving		*s;
	const struct acme_challenge *c;	/* of s */
};

static void
on_persist(void *arg, struct message *m)
{
	struct persist_wait *w = arg;
	struct solving *s = w->s;
	struct job *j = keeper_job(s->keeper, s->job);
	const struct persist_in in = { &w->c->issuers, account_url(j->account), w->c->wildcard, 0 };
	struct err e = ERR_NONE;
	struct buf record;

	if (m->type != MSG_DONE && s->err.class == OUT_OK) {
		(void)message_error(m, &e);
		buf_init(&record, ERR_TEXT_MAX);
		persist_record(&in, w->c->name, &record);
		(void)err_set(&s->err, OUT_HOLD, "%.300s; publish: %s", e.text, buf_cstr(&record));
		(void)err_hint(&s->err, "the record stays in the DNS, for this renewal and all "
		    "others");
		buf_clear(&record);
	}
	free(w);
	release(s);
}

static int
ask_persist(struct solving *s, const struct job *j, const struct acme_challenge *c, struct err *e)
{
	char name[sizeof(PERSIST_PREFIX) + 256];
	struct msg_dns body = { .name = name, .resolver = solver_of(j, c->type)->resolver,
		.issuers = c->issuers, .account = (char *)(uintptr_t)account_url(j->account),
		.wildcard = c->wildcard };
	struct persist_wait *w = malloc(sizeof *w);
	struct channel *ch;

	if (w == NULL)
		return err_nomem(e);
	*w = (struct persist_wait){ s, c };
	(void)snprintf(name, sizeof name, PERSIST_PREFIX "%s", c->name);
	if (keeper_role(s->keeper, ROLE_ANSWER, &ch, e) == -1 ||
	    channel_call(ch, MSG_AWAIT, &body, -1, on_persist, w, e) == -1) {
		free(w);
		return -1;
	}
	s->open++;
	return 0;
}

/* An answer that only says done, or why not. */
static void
on_answer(void *arg, struct message *m)
{
	struct solving *s = arg;

	if (m->type != MSG_DONE && s->err.class == OUT_OK)
		(void)message_error(m, &s->err);
	release(s);
}

static int
put_up(struct solving *s, const struct job *j, const struct acme_challenge *c, struct err *e)
{
	const struct challenge_conf *conf = solver_of(j, c->type);
	struct msg_put put = { .token = c->token, .key_authorization = c->key_auth };
	struct channel *ch;

	if (strcmp(c->type, CHALLENGE_PERSIST) == 0)
		return ask_persist(s, j, c, e);
	if (conf->program.n > 0)
		return 0;	/* comes later, in its turn */
	put.webroot = conf->webroot;
	if (strcmp(c->type, CHALLENGE_ALPN) == 0)
		put.tls_name = c->name;
	if (keeper_role(j->keeper, ROLE_ANSWER, &ch, e) == -1 ||
	    channel_call(ch, MSG_PUT, &put, -1, on_answer, s, e) == -1)
		return -1;
	s->open++;
	return 0;
}

/* --- records on their way in --- */

/* RFC 8555 section 8.4. */
static int
set_value(const char *key_auth, struct buf *value, struct err *e)
{
	uint8_t digest[SHA256_LEN];

	if (sha256(span_str(key_auth), digest) == -1)
		return err_set(e, OUT_RETRY, "no SHA-256");
	buf_base64url(value, span_of(digest, sizeof digest));
	return buf_ok(value) ? 0 : err_nomem(e);
}

static struct solve_record *
add_record(struct solving *s, const char *name, struct err *e)
{
	const struct acme_challenge *c = (const struct acme_challenge *)s->challenges.v + s->at;
	struct job *j = keeper_job(s->keeper, s->job);
	struct solve_record_in in = { .name = name, .domain = c->name,
		.challenge = solver_of(j,
		    c->type) - (const struct challenge_conf *)j->conf->challenges.v };
	struct solve_record *r = NULL;
	struct buf value;

	buf_init(&value, 2 * SHA256_LEN);
	if (set_value(c->key_auth, &value, e) == 0) {
		in.value = buf_cstr(&value);
		r = solve_record_add(j, &in, e);
	}
	buf_clear(&value);
	return r;
}

static void
on_presented(void *arg, struct message *m)
{
	struct solving *s = arg;

	s->record->busy = false;
	s->record = NULL;
	if (m->type != MSG_DONE && s->err.class == OUT_OK)
		(void)message_error(m, &s->err);
	s->at++;
	solve_records_clean(s->keeper);	/* the run may have ended meanwhile */
	next_record(s);
}

static void
on_found(void *arg, struct message *m)
{
	struct solving *s = arg;
	const struct msg_found *found = m->body;
	struct err e = ERR_NONE;

	if (m->type != MSG_FOUND || found->name == NULL)
		(void)message_error(m, &e);
	else if (s->err.class != OUT_OK)
		e = s->err;
	else if ((s->record = add_record(s, found->name, &e)) != NULL) {
		if (solve_record_present(s->record, on_presented, s, &e) == 0)
			return;
		s->record = NULL;
	}
	s->err = e;
	next_record(s);
}

static int
find_name(struct solving *s, const struct challenge_conf *conf, const char *domain, struct err *e)
{
	const struct job *j = keeper_job(s->keeper, s->job);
	char name[FULL_NAME_MAX], label[SOLVE_LABEL] = "";
	struct msg_dns body = { .name = name, .resolver = conf->resolver };
	struct channel *ch;

	if (strcmp(conf->type, CHALLENGE_ACCOUNT) == 0 &&
	    solve_account_label(account_url(j->account), label) == -1)
		return err_set(e, OUT_RETRY, "no SHA-256");
	snprintf(name, sizeof name, "%s%s" DNS_PREFIX "%s", label, label[0] != '\0' ? "." : "",
	    domain);
	return keeper_role(s->keeper, ROLE_ANSWER, &ch, e) == -1 ? -1 :
	    channel_call(ch, MSG_FIND, &body, -1, on_found, s, e);
}

/* Until the name servers show them all: an early look of the CA's would be a failed one. */
static int
watch(struct solving *s, const struct solve_record *r, struct err *e)
{
	const struct challenge_conf *conf = conf_of(r);
	struct msg_dns body = {
		.name = r->name,
		.resolver = conf->resolver,
		.value = r->value,
		.seconds = conf->propagation,
	};
	struct channel *ch;

	if (conf->propagation == CONFIG_NO_PROPAGATION)
		return 0;
	if (keeper_role(s->keeper, ROLE_ANSWER, &ch, e) == -1 ||
	    channel_call(ch, MSG_AWAIT, &body, -1, on_answer, s, e) == -1)
		return -1;
	s->open++;
	return 0;
}

static void
watch_all(struct solving *s)
{
	const struct solve_record *r;
	struct err e = ERR_NONE;

	for (r = s->keeper->records; r != NULL && s->err.class == OUT_OK; r = r->next)
		if (r->job == s->job && !r->leaving && watch(s, r, &e) == -1)
			s->err = e;
	release(s);
}

static void
next_record(struct solving *s)
{
	const struct acme_challenge *c = s->challenges.v;
	const struct job *j = keeper_job(s->keeper, s->job);
	const struct challenge_conf *conf;

	for (; s->err.class == OUT_OK && s->at < s->challenges.n; s->at++) {
		conf = solver_of(j, c[s->at].type);
		if (conf->program.n > 0 && find_name(s, conf, c[s->at].name, &s->err) == 0)
			return;
	}
	watch_all(s);
}

/* --- questions --- */

void
solve_on_solve(void *arg, struct message *m)
{
	struct keeper *k = arg;
	struct msg_solve *body = m->body;
	const struct acme_challenge *c = body->challenges.v;
	struct job *j = keeper_job(k, body->job);
	struct err e = ERR_NONE;
	struct solving *s = NULL;
	size_t i;

	if (!issue_is_at_net(j) || j->at != STEP_ORDER)
		err_set(&e, OUT_RETRY, "solve: no such task");
	else if (judge_all(k, j, &body->challenges, &e) == 0 && (s = calloc(1, sizeof *s)) == NULL)
		err_nomem(&e);
	if (s == NULL) {
		tell_net(k, m->id, &e);
		return;
	}
	s->keeper = k;
	s->id = m->id;
	s->job = body->job;
	s->challenges = body->challenges;
	memset(&body->challenges, 0, sizeof body->challenges);
	s->next = k->solving;
	k->solving = s;
	s->open = 1;
	for (i = 0; i < s->challenges.n && s->err.class == OUT_OK; i++)
		if (put_up(s, j, &c[i], &e) == -1)
			s->err = e;
	next_record(s);
}

void
solve_on_unsolve(void *arg, struct message *m)
{
	const struct msg_solve *body = m->body;
	struct job *j = keeper_job(arg, body->job);

	if (j == NULL || body->challenges.n > j->conf->names.n * PER_NAME)
		return;
	take_down(arg, j, &body->challenges);
	solve_records_leave(arg, body->job);
}

void
solve_free(struct keeper *k)
{
	while (k->solving != NULL)
		solving_free(k->solving);
	solve_records_free(k);
}
