#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/text.h"
#include "dns.h"
#include "preflight_private.h"
#include "solve_token.h"

#define FETCH_SECONDS	10
#define URL_MAX		512

/* A name, or an address of it, that somebody has been asked about. */
struct inquiry {
	struct preflight		*p;
	const char			*name;	/* of the configuration, "*." included */
	const struct challenge_conf	*challenge;
	uint16_t			 port;
	char				 address[64];
};

static const char *
bare(const char *name)
{
	return strncmp(name, "*.", 2) == 0 ? name + 2 : name;
}

static struct inquiry *
inquiry_new(struct preflight *p, const struct inquiry *about)
{
	struct inquiry *q = malloc(sizeof *q);

	if (q == NULL) {
		(void)err_nomem(&p->err);
		return NULL;
	}
	*q = *about;
	p->open++;
	return q;
}

static void
inquiry_end(struct inquiry *q)
{
	struct preflight *p = q->p;

	free(q);
	preflight_answered(p);
}

/* --- what an address answers --- */

/* Whitespace at the end is allowed: RFC 8555 section 8.3. */
static bool
is_our_answer(const struct preflight *p, const struct msg_fetched *f)
{
	struct span body = blob_span(&f->body);

	while (body.n > 0 && strchr(" \t\r\n", body.p[body.n - 1]) != NULL)
		body.n--;
	return f->status == 200 && span_is(body, p->key_auth);
}

/*
 * Do we see what the CA will? Behind NAT we may not get back to ourselves,
 * and in front of a listener on another port something must forward that may
 * not be there for us.
 */
static bool
is_sure(const struct inquiry *q, const struct msg_fetched *f)
{
	const char *colon = q->challenge->listen.n > 0 ?
	    strrchr(q->challenge->listen.v[0], ':') : NULL;
	int64_t ours = q->port;

	if (!f->global && !q->p->local)
		return false;
	if (colon != NULL && text_number(span_str(colon + 1), &ours) == -1)
		return false;
	return f->own ? ours == q->port : f->open;
}

/* Somebody must listen there; what is said to a CA is said to nobody else. */
static bool
is_tls(const struct inquiry *q)
{
	return strcmp(q->challenge->type, CHALLENGE_ALPN) == 0;
}

static void
judge_answer(struct inquiry *q, const struct msg_fetched *f)
{
	bool sure = is_sure(q, f), v6 = strchr(q->address, ':') != NULL;
	struct err e = ERR_NONE;

	if (is_tls(q) && f->sys != ECONNREFUSED) {
		preflight_fine(q->p, "names", "%s: %s, port %u, is not closed", q->name, q->address,
		    q->port);
		return;
	}
	if (is_our_answer(q->p, f)) {
		preflight_fine(q->p, "names", "%s: %s, port %u, answers for this host", q->name,
		    q->address, q->port);
		return;
	}
	if (f->status >= 300 && f->status < 400) {
		preflight_fine(q->p, "names",
		    "%s: %s, port %u, sends the CA elsewhere, status %lld",
		    q->name, q->address, q->port, (long long)f->status);
		return;
	}
	if (f->status != 0)
		(void)err_set(&e, OUT_HOLD, "%s: %s, port %u, does not answer the challenge of "
		    "this host, but with status %lld", q->name, q->address, q->port,
		    (long long)f->status);
	else
		(void)err_set(&e, OUT_HOLD, "%s: %s, port %u: %.300s", q->name, q->address, q->port,
		    f->sys == ECONNREFUSED ? "the connection is refused: nobody listens" :
		    f->text != NULL ? f->text : "no reply");
	(void)err_hint(&e, "the CA looks there%s: let this host be reached, or take the %s record "
	    "out of the DNS; self-check = false asks the CA all the same", v6 ? " first" : "",
	    v6 ? "AAAA" : "A");
	/* A reply that does not come may come for others. */
	preflight_tell(q->p, "names", sure && (f->status != 0 || f->sys == ECONNREFUSED), &e);
}

static void
on_fetched(void *arg, struct message *m)
{
	struct inquiry *q = arg;
	struct err e = ERR_NONE;

	if (m->type == MSG_FETCHED) {
		judge_answer(q, m->body);
	} else {
		(void)message_error(m, &e);
		preflight_tell(q->p, "names", false, &e);
	}
	inquiry_end(q);
}

static void
ask_address(const struct inquiry *about, const char *address)
{
	char url[URL_MAX];
	bool v6 = strchr(address, ':') != NULL;
	struct msg_fetch fetch = { .url = url, .seconds = FETCH_SECONDS };
	struct inquiry *q = inquiry_new(about->p, about);
	struct channel *net;
	struct err e = ERR_NONE;

	if (q == NULL)
		return;
	(void)snprintf(q->address, sizeof q->address, "%s", address);
	(void)snprintf(url, sizeof url, "%s://%s%s%s:%u%s%s", is_tls(q) ? "https" : "http",
	    v6 ? "[" : "", address, v6 ? "]" : "", q->port, is_tls(q) ? "/" : SOLVE_PREFIX,
	    is_tls(q) ? "" : q->p->token);
	if (!text_is_address(q->name))
		fetch.host = (char *)(uintptr_t)q->name;
	if (keeper_role(q->p->job->keeper, ROLE_NET, &net, &e) == 0 &&
	    channel_call(net, MSG_FETCH, &fetch, -1, on_fetched, q, &e) == 0)
		return;
	preflight_tell(q->p, "names", false, &e);
	inquiry_end(q);
}

/* --- what the DNS says --- */

static void
judge_addresses(struct inquiry *q, const struct msg_looked *found)
{
	struct err e = ERR_NONE;

	if (found->addresses.n == 0 && found->trouble != NULL) {
		(void)err_set(&e, OUT_RETRY, "%s: %s", q->name, found->trouble);
		preflight_tell(q->p, "names", false, &e);
		return;
	}
	if (found->addresses.n == 0) {
		(void)err_set(&e, OUT_HOLD, "%s: %s: no CA can prove it by %s", q->name,
		    found->missing ? "there is no such name in the DNS" :
		    "it has no address in the DNS, neither A nor AAAA", q->challenge->type);
		(void)err_hint(&e, "publish its addresses, or prove it by dns-01");
		preflight_tell(q->p, "names", true, &e);
		return;
	}
	if (!preflight_port(q->p, q->challenge, &q->port)) {
		preflight_fine(q->p, "names", "%s has %zu addresses, the first is %s", q->name,
		    found->addresses.n, found->addresses.v[0]);
		return;
	}
	for (size_t i = 0; i < found->addresses.n; i++)
		ask_address(q, found->addresses.v[i]);
}

static void
judge_caa(struct inquiry *q, const struct msg_looked *found)
{
	struct job *j = q->p->job;
	struct caa_in in = {
		.records = &found->caa,
		.wildcard = bare(q->name) != q->name,
		.issuers = &q->p->issuers,
		.account = j->account != NULL ? account_url(j->account) : NULL,
		.method = q->challenge->type,
	};
	struct err e = ERR_NONE;

	if (found->caa_trouble != NULL) {
		(void)err_set(&e, OUT_RETRY, "CAA of %s: %s", q->name, found->caa_trouble);
		preflight_tell(q->p, "caa", false, &e);
		return;
	}
	switch (caa_judge(&in, &e)) {
	case CAA_ALLOWS:
		preflight_fine(q->p, "caa", found->caa.n == 0 ?
		    "%s: there is none: any CA may issue" :
		    "%s: allows this CA", q->name);
		break;
	case CAA_UNKNOWN:
		preflight_tell(q->p, "caa", false, &e);
		break;
	case CAA_FORBIDS:
		if (q->p->err.class == OUT_OK)
			q->p->job->trouble = ACME_TROUBLE_CA;	/* another one may be allowed */
		preflight_tell(q->p, "caa", true, &e);
		break;
	}
}

static void
on_looked(void *arg, struct message *m)
{
	struct inquiry *q = arg;
	struct err e = ERR_NONE;

	if (m->type == MSG_LOOKED) {
		judge_caa(q, m->body);
		if (strncmp(q->challenge->type, "dns-", 4) != 0)
			judge_addresses(q, m->body);
	} else {
		(void)message_error(m, &e);
		preflight_tell(q->p, "names", false, &e);
	}
	inquiry_end(q);
}

static void
ask_dns(const struct inquiry *about)
{
	struct msg_dns dns = { .name = (char *)(uintptr_t)bare(about->name),
		.resolver = about->challenge->resolver };
	struct inquiry *q = inquiry_new(about->p, about);
	struct channel *answer;
	struct err e = ERR_NONE;

	if (q == NULL)
		return;
	if (keeper_role(q->p->job->keeper, ROLE_ANSWER, &answer, &e) == 0 &&
	    channel_call(answer, MSG_LOOKUP, &dns, -1, on_looked, q, &e) == 0)
		return;
	preflight_tell(q->p, "names", false, &e);
	inquiry_end(q);
}

/* --- the record of dns-persist-01 --- */

static void
judge_record(struct inquiry *q, const struct err *why)
{
	const struct job *j = q->p->job;
	const struct persist_in in = {
		.issuers = &q->p->issuers,
		.account = j->account != NULL ? account_url(j->account) : NULL,
		.wildcard = bare(q->name) != q->name,
	};
	struct err e = ERR_NONE;
	struct buf record;

	buf_init(&record, ERR_TEXT_MAX);
	persist_record(&in, bare(q->name), &record);
	if (why->class == OUT_OK) {
		preflight_fine(q->p, "names", "%s: all name servers show its record", q->name);
	} else {
		(void)err_set(&e, OUT_HOLD, "%s: %.300s; publish: %s", q->name, why->text,
		    buf_cstr(&record));
		(void)err_hint(&e, "the record stays in the DNS, for this renewal and all others");
		preflight_tell(q->p, "names", true, &e);
	}
	buf_clear(&record);
}

static void
on_awaited(void *arg, struct message *m)
{
	struct inquiry *q = arg;
	struct err e = ERR_NONE;

	if (m->type != MSG_DONE)
		(void)message_error(m, &e);
	judge_record(q, &e);
	inquiry_end(q);
}

static void
ask_record(const struct inquiry *about)
{
	char name[sizeof(PERSIST_PREFIX) + DNS_NAME_MAX];
	const struct job *j = about->p->job;
	struct msg_dns dns = { .name = name, .resolver = about->challenge->resolver,
		.issuers = about->p->issuers, .wildcard = bare(about->name) != about->name,
		.account = j->account != NULL ? (char *)(uintptr_t)account_url(j->account) : NULL };
	struct inquiry *q = inquiry_new(about->p, about);
	struct channel *answer;
	struct err e = ERR_NONE;

	if (q == NULL)
		return;
	(void)snprintf(name, sizeof name, PERSIST_PREFIX "%s", bare(about->name));
	if (keeper_role(q->p->job->keeper, ROLE_ANSWER, &answer, &e) == 0 &&
	    channel_call(answer, MSG_AWAIT, &dns, -1, on_awaited, q, &e) == 0)
		return;
	preflight_tell(q->p, "names", false, &e);
	inquiry_end(q);
}

void
preflight_name(struct preflight *p, const char *name)
{
	struct inquiry about = { .p = p, .name = name,
		.challenge = preflight_challenge(p->job, name) };
	struct err e = ERR_NONE;

	if (about.challenge == NULL) {
		(void)err_set(&e, OUT_HOLD, "%s: none of the configured challenges can prove it",
		    name);
		(void)err_hint(&e, "a wildcard needs dns-01, an address http-01 or tls-alpn-01");
		preflight_tell(p, "names", true, &e);
	} else if (!text_is_address(name)) {
		if (strcmp(about.challenge->type, CHALLENGE_PERSIST) == 0)
			ask_record(&about);
		ask_dns(&about);
	} else if (preflight_port(p, about.challenge, &about.port)) {
		ask_address(&about, name);
	}
}
