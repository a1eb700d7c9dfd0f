/*
 * net: the role that talks to CAs. It drives acme tasks over libcurl and asks
 * the keeper for everything that needs a key or the store. It decides
 * nothing: what a task is about and what is fit comes from the keeper.
 */
#include <stdlib.h>
#include <string.h>

#include "acme/acme.h"
#include "acme/http.h"
#include "base/clock.h"
#include "base/text.h"
#include "net_fetch.h"
#include "role.h"
#include "version.h"

/* One CA: its session and its connection, shared by all tasks of the run. */
struct ca {
	struct ca		*next;
	char			*name;
	struct acme_ca		 about;
	struct acme_session	*session;
	struct acme_http	*http;
};

struct net {
	struct loop	*loop;
	struct channel	*keeper;
	struct ca	*cas;
	struct task	*tasks;
	struct net_fetch *fetch;	/* NULL: nothing was fetched yet */
};

/* Something that the keeper wants fetched. */
struct fetched {
	struct net	*net;
	uint64_t	 id;
};

struct task {
	struct task		*next;
	struct net		*net;
	struct ca		*ca;
	struct acme_task	*acme;
	struct acme_call	*call;
	struct loop_timer	*timer;
	uint64_t		 id;		/* of the keeper's question */
	int64_t			 job;
	int64_t			 ca_time;	/* Date of the last reply */
	const char		*step;		/* the last that was told */
};

static void	drive(struct task *);

static void
ca_free(struct ca *ca)
{
	if (ca == NULL)
		return;
	acme_http_free(ca->http);
	acme_session_free(ca->session);
	pack_clear(&acme_ca_pack, &ca->about);
	free(ca->name);
	free(ca);
}

static void
task_free(struct task *t)
{
	struct task **where;

	for (where = &t->net->tasks; *where != NULL; where = &(*where)->next)
		if (*where == t) {
			*where = t->next;
			break;
		}
	acme_http_cancel(t->call);
	loop_timer_del(t->timer);
	acme_task_free(t->acme);
	free(t);
}

static void
task_fail(struct task *t, const struct err *why)
{
	struct msg_error body = message_of_err(why);
	struct err e = ERR_NONE;

	body.trouble = acme_task_trouble(t->acme);
	if (channel_send(t->net->keeper, MSG_FAILED, t->id, &body, -1, &e) == -1)
		role_leave(t->net->loop, &e);
	task_free(t);
}

static void
on_reply(void *arg, const struct acme_reply *reply, const struct err *e)
{
	struct task *t = arg;
	const char *date;

	t->call = NULL;
	if (reply != NULL) {
		date = reply->headers.date;
		if (date == NULL ||
		    text_http_date(span_str(date), clock_wall(), &t->ca_time) == -1)
			t->ca_time = 0;
		log_debug(KV_I("job", t->job), KV_S("step", acme_task_step(t->acme)),
		    KV_I("status", reply->status), KV_I("octets", reply->body.n),
		    KV_I("http", reply->http), KV_I("connects", reply->connected));
		acme_task_reply(t->acme, clock_wall(), reply);
	} else
		acme_task_failed(t->acme, e);
	drive(t);
}

/* True, and the task is told, when the keeper's answer is not of this type. */
static bool
is_refused(struct task *t, const struct message *m, enum message_type wanted)
{
	struct err e = ERR_NONE;

	if (m->type == wanted)
		return false;
	(void)message_error(m, &e);
	acme_task_failed(t->acme, &e);
	return true;
}

static void
on_signed(void *arg, struct message *m)
{
	struct task *t = arg;

	if (!is_refused(t, m, MSG_SIGNED))
		acme_task_signed(t->acme, blob_span(&((struct msg_signed *)m->body)->jws));
	drive(t);
}

static void
on_solved(void *arg, struct message *m)
{
	struct task *t = arg;

	if (!is_refused(t, m, MSG_DONE))
		acme_task_solved(t->acme);
	drive(t);
}

static void
on_csr(void *arg, struct message *m)
{
	struct task *t = arg;

	if (!is_refused(t, m, MSG_CSR_IS))
		acme_task_csr(t->acme, blob_span(&((struct msg_csr_is *)m->body)->der));
	drive(t);
}

static void
on_take(void *arg, struct message *m)
{
	struct task *t = arg;

	if (!is_refused(t, m, MSG_TAKE))
		acme_task_chain(t->acme, ((struct msg_take *)m->body)->take);
	drive(t);
}

static void
on_waited(void *arg)
{
	struct task *t = arg;

	t->timer = NULL;
	acme_task_waited(t->acme);
	drive(t);
}

static int
ask_solve(struct task *t, const struct acme_want *want, struct err *e)
{
	struct msg_solve body = { .job = t->job };

	body.challenges.v = (void *)(uintptr_t)want->challenges;
	body.challenges.n = want->nchallenges;
	if (want->what == ACME_UNSOLVE)
		return channel_send(t->net->keeper, MSG_UNSOLVE, 0, &body, -1, e);
	return channel_call(t->net->keeper, MSG_SOLVE, &body, -1, on_solved, t, e);
}

static int
ask_chain(struct task *t, const struct acme_want *want, struct err *e)
{
	struct msg_chain body = { .job = t->job, .ca_time = t->ca_time };

	body.pem.p = (uint8_t *)(uintptr_t)want->chain.p;
	body.pem.n = want->chain.n;
	body.left = (int64_t)want->chains_left;
	return channel_call(t->net->keeper, MSG_CHAIN, &body, -1, on_take, t, e);
}

/* Sets about getting what the task wants; its answer drives on. */
static int
provide(struct task *t, const struct acme_want *want, struct err *e)
{
	struct msg_sign sign = { .job = t->job };
	struct msg_csr csr = { .job = t->job, .order = (char *)(uintptr_t)want->order_url };

	switch (want->what) {
	case ACME_SEND:
		return acme_http_send(t->ca->http, &want->send, on_reply, t, &t->call, e);
	case ACME_SIGN:
		sign.sign = *want->sign;
		return channel_call(t->net->keeper, MSG_SIGN, &sign, -1, on_signed, t, e);
	case ACME_SOLVE:
	case ACME_UNSOLVE:
		return ask_solve(t, want, e);
	case ACME_CSR:
		return channel_call(t->net->keeper, MSG_CSR, &csr, -1, on_csr, t, e);
	case ACME_CHAIN:
		return ask_chain(t, want, e);
	case ACME_WAIT:
		t->timer = loop_timer_add(t->net->loop,
		    time_add(clock_boot_ms(), want->wait_ms), on_waited, t, e);
		return t->timer == NULL ? -1 : 0;
	case ACME_DONE:
		return channel_send(t->net->keeper, MSG_RESULT, t->id, want->result, -1, e);
	}
	return err_set(e, OUT_RETRY, "net: the task wants something unknown");
}

static void
tell_step(struct task *t)
{
	struct msg_step body = { .job = t->job };
	struct err e = ERR_NONE;

	if (t->step == acme_task_step(t->acme))
		return;
	t->step = acme_task_step(t->acme);
	body.step = (char *)(uintptr_t)t->step;
	if (channel_send(t->net->keeper, MSG_STEP, 0, &body, -1, &e) == -1)
		log_warn(KV_S("event", "progress lost"), KV_S("error", e.text));
}

/* To the next thing that is not at hand; the task may be gone then. */
static void
go_on(struct task *t)
{
	struct acme_want want;
	struct err e = ERR_NONE;

	do {
		if (acme_task_next(t->acme, clock_wall(), &want, &e) == -1) {
			task_fail(t, &e);
			return;
		}
		tell_step(t);
		if (provide(t, &want, &e) == -1) {
			if (want.what == ACME_DONE) {
				task_fail(t, &e);
				return;
			}
			acme_task_failed(t->acme, &e);
			want.what = ACME_UNSOLVE;	/* ask again at once */
		}
	} while (want.what == ACME_UNSOLVE);
	if (want.what == ACME_DONE)
		task_free(t);
}

/* One task's step may be what others have waited for. */
static void
drive(struct task *t)
{
	struct net *net = t->net;
	struct ca *ca = t->ca;
	struct task *next;

	go_on(t);
	while (acme_session_opened(ca->session))
		for (t = net->tasks; t != NULL; t = next) {
			next = t->next;
			if (t->ca != ca || !acme_task_is_blocked(t->acme))
				continue;
			loop_timer_del(t->timer);
			t->timer = NULL;
			go_on(t);
		}
}

/* Takes the CA's description out of the message. */
static struct ca *
ca_open(struct net *net, struct msg_task *m, struct err *e)
{
	struct acme_http_conf conf = { .user_agent = USER_AGENT, .ca_file = m->ca_file };
	struct ca *ca;

	for (ca = net->cas; ca != NULL; ca = ca->next)
		if (strcmp(ca->name, m->name) == 0)
			return ca;
	if ((ca = calloc(1, sizeof *ca)) == NULL) {
		err_nomem(e);
		return NULL;
	}
	ca->about = m->ca;
	memset(&m->ca, 0, sizeof m->ca);
	if ((ca->name = strdup(m->name)) == NULL)
		err_nomem(e);
	else if ((ca->session = acme_session_new(&ca->about, e)) != NULL)
		ca->http = acme_http_new(net->loop, &conf, e);
	if (ca->http == NULL) {
		ca_free(ca);
		return NULL;
	}
	acme_session_hold(ca->session, m->hold_until);
	ca->next = net->cas;
	net->cas = ca;
	return ca;
}

static void
on_task(void *arg, struct message *m)
{
	struct net *net = arg;
	struct msg_task *body = m->body;
	struct err e = ERR_NONE;
	struct task *t, **end = &net->tasks;

	if (body->name == NULL || (t = calloc(1, sizeof *t)) == NULL) {
		err_nomem(&e);
		channel_fail(net->keeper, m->id, &e);
		return;
	}
	t->net = net;
	t->id = m->id;
	t->job = body->job;
	/* Who waits for others goes on in the order of arrival, which is that of urgency. */
	while (*end != NULL)
		end = &(*end)->next;
	*end = t;
	if ((t->ca = ca_open(net, body, &e)) == NULL ||
	    (t->acme = acme_task_new(t->ca->session, &body->todo, &e)) == NULL) {
		channel_fail(net->keeper, m->id, &e);
		task_free(t);
		return;
	}
	drive(t);
}

static void
on_fetched(void *arg, const struct msg_fetched *out)
{
	struct fetched *f = arg;
	struct err e = ERR_NONE;

	if (channel_send(f->net->keeper, MSG_FETCHED, f->id, out, -1, &e) == -1)
		channel_fail(f->net->keeper, f->id, &e);
	free(f);
}

/* FAULTS A19: what a CA of the internet names does not lead into this network. */
static bool
is_public(const struct net *net, const char *name)
{
	const struct ca *ca = net->cas;

	while (ca != NULL && name != NULL && strcmp(ca->name, name) != 0)
		ca = ca->next;
	return name != NULL && (ca == NULL || acme_http_is_global(ca->http));
}

static void
on_fetch(void *arg, struct message *m)
{
	struct net *net = arg;
	struct msg_fetch *body = m->body;
	struct fetched *f = calloc(1, sizeof *f);
	struct err e = ERR_NONE;

	if (f == NULL) {
		err_nomem(&e);
	} else {
		f->net = net;
		f->id = m->id;
		body->global = is_public(net, body->ca);
		if ((net->fetch != NULL || (net->fetch = net_fetch_new(net->loop, &e)) != NULL) &&
		    net_fetch_start(net->fetch, body, on_fetched, f, &e) == 0)
			return;
	}
	free(f);
	channel_fail(net->keeper, m->id, &e);
}

static void
on_end(void *arg, const struct err *why)
{
	struct net *net = arg;

	role_leave(net->loop, why);
}

static int
start(void *arg, struct loop *loop, struct channel *keeper, struct err *e UNUSED)
{
	struct net *net = arg;

	net->loop = loop;
	net->keeper = keeper;
	return 0;
}

static void
stop(void *arg)
{
	struct net *net = arg;
	struct ca *ca;

	net_fetch_free(net->fetch);
	while (net->tasks != NULL)
		task_free(net->tasks);
	while ((ca = net->cas) != NULL) {
		net->cas = ca->next;
		ca_free(ca);
	}
}

int
main(int argc, char **argv)
{
	static const struct handler table[] = {
		{ MSG_TASK, on_task },
		{ MSG_FETCH, on_fetch },
	};
	static const struct handlers handlers = { table, NITEMS(table), on_end };
	struct net net = { 0 };
	const struct role_main role = {
		.role = ROLE_NET,
		.handlers = &handlers,
		.arg = &net,
		.start = start,
		.stop = stop,
	};

	return role_main(&role, argc, argv);
}
