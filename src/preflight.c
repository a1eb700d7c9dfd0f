#include "preflight.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/text.h"
#include "cas.h"
#include "look.h"
#include "outlook.h"
#include "preflight_private.h"

#define SKEW_MAX	HOUR	/* CAs begin certificates an hour ago */
#define SKEW_WORTH	(2 * MINUTE)
#define HTTP_PORT	80	/* RFC 8555 section 8.3 */
#define TLS_PORT	443	/* RFC 8737 section 3 */

/* --- what was found --- */

void
preflight_tell(struct preflight *p, const char *what, bool sure, const struct err *why)
{
	struct report r = { .kind = REPORT_NOTE, .cert = p->job->conf->name, .ms = -1,
		.text = (char *)(uintptr_t)why->text, .hint = (char *)(uintptr_t)why->hint };

	if (p->job->kind == JOB_LOOK && sure) {
		look_tell(p->job, what, why);
	} else if (p->job->kind == JOB_LOOK) {
		look_fine(p->job, what, "not sure: %s", why->text);
	} else if (!sure) {
		r.step = (char *)(uintptr_t)what;
		keeper_report(p->job->keeper, &r);
	} else if (p->err.class == OUT_OK)
		p->err = *why;
}

void
preflight_fine(struct preflight *p, const char *what, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (p->job->kind != JOB_LOOK)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	look_fine(p->job, what, "%s", text);
}

/* --- challenges --- */

static bool
can_prove(const struct challenge_conf *c, const char *name)
{
	bool by_dns = strncmp(c->type, "dns-", 4) == 0;

	if (strncmp(name, "*.", 2) == 0)
		return by_dns;
	return !by_dns || !text_is_address(name);
}

const struct challenge_conf *
preflight_challenge(const struct job *j, const char *name)
{
	const struct challenge_conf *c = j->conf->challenges.v;

	for (size_t i = 0; i < j->conf->challenges.n; i++)
		if (can_prove(&c[i], name))
			return &c[i];
	return NULL;
}

/* A CA on this host may look at any port: ours is the best guess, and a web server's is unknown. */
bool
preflight_port(const struct preflight *p, const struct challenge_conf *c, uint16_t *port)
{
	const char *colon = c->listen.n > 0 ? strrchr(c->listen.v[0], ':') : NULL;
	bool tls = strcmp(c->type, CHALLENGE_ALPN) == 0;
	int64_t n;

	*port = tls ? TLS_PORT : HTTP_PORT;
	if (!tls && (strcmp(c->type, "http-01") != 0 || !p->up))
		return false;
	if (!p->local)
		return true;
	if (colon == NULL || text_number(span_str(colon + 1), &n) == -1)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* The one whose answers are looked at; NULL: no name is proven by http. */
static const struct challenge_conf *
http_challenge(const struct job *j)
{
	const struct challenge_conf *c;

	for (size_t i = 0; i < j->conf->names.n; i++)
		if ((c = preflight_challenge(j, j->conf->names.v[i])) != NULL &&
		    strcmp(c->type, "http-01") == 0)
			return c;
	return NULL;
}

static bool
is_wanted(const struct preflight *p)
{
	const struct challenge_conf *c = p->job->conf->challenges.v;
	bool resolver = false;

	for (size_t i = 0; i < p->job->conf->challenges.n; i++) {
		if (c[i].no_self_check)
			return false;
		resolver = resolver || c[i].resolver != NULL;
	}
	return !p->local || (resolver && p->job->kind != JOB_REHEARSE);
}

/* --- the end --- */

static void
take_down(struct preflight *p)
{
	const struct challenge_conf *c = http_challenge(p->job);
	struct msg_drop drop = { .token = p->token, .webroot = c != NULL ? c->webroot : NULL };
	struct channel *answer;
	struct err e = ERR_NONE;

	if (p->up && (keeper_role(p->job->keeper, ROLE_ANSWER, &answer, &e) == -1 ||
	    channel_send(answer, MSG_DROP, 0, &drop, -1, &e) == -1))
		log_warn(KV_S("cert", p->job->conf->name), KV_S("event", "challenge left"),
		    KV_S("error", e.text));
	p->up = false;
}

void
preflight_answered(struct preflight *p)
{
	if (--p->open > 0)
		return;
	take_down(p);
	p->ended = true;
	job_wake(p->job);
}

/* --- names --- */

static void
look_at_names(struct preflight *p)
{
	const struct strs *names = &p->job->conf->names;

	for (size_t i = 0; i < names->n; i++)
		preflight_name(p, names->v[i]);
}

static void
on_put(void *arg, struct message *m)
{
	struct preflight *p = arg;
	struct err e = ERR_NONE;

	p->up = m->type == MSG_DONE;
	if (!p->up) {
		(void)message_error(m, &e);
		preflight_tell(p, "names", true, &e);
	}
	if (p->err.class == OUT_OK)
		look_at_names(p);
	preflight_answered(p);
}

static int
make_token(struct preflight *p)
{
	uint8_t random[2 * SHA256_LEN];
	struct buf b;
	int rc = -1;

	buf_init(&b, sizeof p->key_auth);
	if (random_bytes(random, sizeof random) == 0) {
		buf_base64url(&b, span_of(random, SHA256_LEN));
		(void)snprintf(p->token, sizeof p->token, "%s", buf_cstr(&b));
		buf_str(&b, ".");
		buf_base64url(&b, span_of(random + SHA256_LEN, SHA256_LEN));
		(void)snprintf(p->key_auth, sizeof p->key_auth, "%s", buf_cstr(&b));
		rc = buf_ok(&b) ? 0 : -1;
	}
	buf_clear(&b);
	return rc;
}

/* A token of our own, which nobody else can know the answer to. */
static int
put_up(struct preflight *p, const struct challenge_conf *c, struct err *e)
{
	struct msg_put put = { .token = p->token, .key_authorization = p->key_auth,
		.webroot = c->webroot };
	struct channel *answer;

	if (make_token(p) == -1)
		return err_set(e, OUT_RETRY, "no random bytes");
	return keeper_role(p->job->keeper, ROLE_ANSWER, &answer, e) == -1 ? -1 :
	    channel_call(answer, MSG_PUT, &put, -1, on_put, p, e);
}

static void
begin_names(struct preflight *p)
{
	const struct challenge_conf *c = http_challenge(p->job);
	struct err e = ERR_NONE;

	if (!is_wanted(p)) {
		preflight_fine(p, "names", "not looked up: %s", p->local ?
		    "the CA is on this host, and no resolver is configured" : "self-check = false");
		return;
	}
	if (c == NULL) {
		look_at_names(p);
	} else if (put_up(p, c, &e) == 0) {
		p->open++;
	} else {
		preflight_tell(p, "names", true, &e);
	}
}

/* --- the CA's directory --- */

static void
judge_clock(struct preflight *p, const struct acme_result *r)
{
	int64_t off = r->skew < 0 ? -r->skew : r->skew;
	char apart[SPAN_TEXT];
	struct err e = ERR_NONE;

	if (!r->has_skew)
		return;
	if (off < SKEW_WORTH) {
		preflight_fine(p, "clock", "agrees with the CA's");
		return;
	}
	(void)err_set(&e, OUT_HOLD, "this host's clock is %s %s the CA's",
	    text_span_of_time(off, apart), r->skew < 0 ? "ahead of" : "behind");
	(void)err_hint(&e, "set the clock; dates of certificates are judged by it");
	/*
	 * behind it, what it issues would not be valid yet; ahead, all is only
	 * looked at too early
	 */
	preflight_tell(p, "clock", r->skew > SKEW_MAX, &e);
}

/* What an operator may want to know before the first order. */
static void
tell_directory(struct preflight *p, const struct acme_result *r)
{
	const struct acme_profile *profile = r->profiles.v;

	preflight_fine(p, "ca", "%s: %s%s%s%s%s", p->ca->name, p->directory,
	    r->terms != NULL ? ", terms of service " : "", r->terms != NULL ? r->terms : "",
	    r->eab_required ? ", wants external account binding" : "",
	    r->has_renewal ? ", offers renewal information" : "");
	for (size_t i = 0; i < r->profiles.n; i++)
		preflight_fine(p, "ca", "profile %s%s%s", profile[i].name,
		    profile[i].text != NULL ? ": " : "",
		    profile[i].text != NULL ? profile[i].text : "");
}

static bool
offers_profile(const struct acme_result *r, const char *name)
{
	const struct acme_profile *profile = r->profiles.v;

	for (size_t i = 0; i < r->profiles.n; i++)
		if (strcmp(profile[i].name, name) == 0)
			return true;
	return false;
}

/* What the CA would refuse a new account for; without one, an order's first step is to make it. */
static void
judge_account(struct preflight *p, const struct acme_result *r)
{
	const struct account *a = p->job->account;
	struct err e = ERR_NONE;

	if (p->job->kind != JOB_LOOK || (a != NULL && account_url(a) != NULL))
		return;
	if (r->terms != NULL && !p->ca->agree_tos) {
		(void)err_set(&e, OUT_HOLD, "nobody has agreed to the CA's terms of service");
		(void)err_hint(&e, "read them; if you agree, set agree-tos = true");
		preflight_tell(p, "account", true, &e);
	}
	if (r->eab_required && p->ca->eab_kid == NULL) {
		(void)err_set(&e, OUT_HOLD, "the CA wants an external account binding");
		(void)err_hint(&e,
		    "set eab-kid and eab-key-file as its customer portal gives them");
		preflight_tell(p, "account", true, &e);
	}
}

/* What the directory says against an order before there is one. */
static void
judge_directory(struct preflight *p, const struct acme_result *r)
{
	const struct cert_conf *conf = p->job->conf;
	struct err e = ERR_NONE;

	if (conf->profile != NULL && !offers_profile(r, conf->profile)) {
		(void)err_set(&e, OUT_HOLD, "%s does not offer the profile \"%.200s\"", p->ca->name,
		    conf->profile);
		(void)err_hint(&e, "kamcert check shows the profiles that it lists");
		if (conf->profile_required)
			p->job->trouble = ACME_TROUBLE_CA;
		if (conf->profile_required || p->job->kind == JOB_LOOK)
			preflight_tell(p, "profile", conf->profile_required, &e);
	}
	judge_account(p, r);
	judge_clock(p, r);
}

static void
on_directory(void *arg, struct message *m)
{
	struct preflight *p = arg;
	struct acme_result *r = m->body;
	struct err e = ERR_NONE;

	if (m->type == MSG_RESULT) {
		if (r->has_skew)
			cas_note_clock(p->job->keeper, p->ca, r->skew);
		p->issuers = r->caa;
		memset(&r->caa, 0, sizeof r->caa);
		tell_directory(p, r);
		judge_directory(p, r);
		if (p->err.class == OUT_OK)
			begin_names(p);
	} else {
		(void)message_error(m, &e);
		p->job->trouble = m->type == MSG_FAILED ? ((struct msg_error *)m->body)->trouble :
		    ACME_TROUBLE_NONE;
		if (p->job->account != NULL)
			account_note_failure(p->job->account, &e);
		if (p->job->conf->ca.n > 1)
			(void)err_in(&e, "%s", p->ca->name);
		preflight_tell(p, "ca", true, &e);
		if (p->job->kind == JOB_LOOK)
			begin_names(p);
	}
	preflight_answered(p);
}

static int
ask_directory(struct preflight *p, struct err *e)
{
	struct msg_task task = { .job = p->job->id };
	struct channel *net;

	task.todo.kind = ACME_DIRECTORY;
	if (account_describe_ca(p->job->keeper, p->ca, &task, e) == -1 ||
	    keeper_role(p->job->keeper, ROLE_NET, &net, e) == -1)
		return -1;
	p->directory = task.ca.directory;
	p->local = outlook_is_local(p->directory);
	return channel_call(net, MSG_TASK, &task, -1, on_directory, p, e);
}

/* --- all together --- */

static struct preflight *
renew(struct job *j, struct err *e)
{
	struct preflight *p = calloc(1, sizeof *p);

	if (p == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	p->job = j;
	p->ca = j->ca;
	preflight_free(j->preflight);
	j->preflight = p;
	if (ask_directory(p, e) == -1) {
		p->ended = true;
		return NULL;
	}
	p->open = 1;
	return p;
}

enum job_progress
preflight_names(struct job *j, struct err *e)
{
	struct preflight *p = j->preflight;

	if (p != NULL && p->open > 0)
		return JOB_WAIT;
	/*
	 * its names are proven already: nothing that is found here may keep it
	 * from being fetched
	 */
	if (p == NULL && issue_is_begun(j))
		return JOB_DONE;
	if (p == NULL || p->ca != j->ca || !p->ended)
		return renew(j, e) == NULL ? JOB_FAILED : JOB_WAIT;
	*e = p->err;
	/* what failed is looked at again, if it is ever tried again */
	p->ended = e->class == OUT_OK;
	return p->ended ? JOB_DONE : JOB_FAILED;
}

void
preflight_free(struct preflight *p)
{
	if (p == NULL)
		return;
	strs_clear(&p->issuers);
	free(p);
}
