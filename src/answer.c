/*
 * answer: the role that faces whoever connects to the challenge port. It
 * holds tokens and their key authorizations while these are pending, on
 * sockets and in document roots that the starter opened for it; and it asks
 * the DNS whether a record of a challenge is there yet: replies from anywhere
 * are read where neither a key nor the CA's word can be reached.
 */
#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "dns_look.h"
#include "role.h"
#include "solve_alpn.h"
#include "solve_listen.h"
#include "solve_webroot.h"

struct webroot {
	struct webroot		*next;
	char			*path;	/* as in the configuration: what the keeper calls it */
	struct solve_webroot	*solver;
};

struct answer {
	struct loop		*loop;
	struct channel		*keeper;
	struct solve_listen	*listener;
	struct solve_alpn	*alpn;
	struct webroot		*roots;
	struct dns		*dns;
	struct dns_looks	*looks;
};

/* A question that the DNS is asked for the keeper. */
struct asked {
	struct answer	*answer;
	uint64_t	 id;
	bool		 find;
};

static void
on_listen(void *arg, struct message *m)
{
	struct answer *a = arg;
	struct err e = ERR_NONE;

	if ((m->type == MSG_LISTEN ? solve_listen_socket(a->listener, m->fd, &e) :
	    solve_alpn_socket(a->alpn, m->fd, &e)) == 0)
		m->fd = -1;
	else
		log_error(KV_S("event", "socket refused"), KV_S("error", e.text));
}

static void
root_free(struct webroot *r)
{
	solve_webroot_free(r->solver);
	free(r->path);
	free(r);
}

static void
on_webroot(void *arg, struct message *m)
{
	struct answer *a = arg;
	struct msg_webroot *body = m->body;
	struct err e = ERR_NONE;
	struct webroot *r;

	if (body->path == NULL || (r = calloc(1, sizeof *r)) == NULL)
		return;
	if ((r->solver = solve_webroot_new(m->fd, &e)) == NULL) {
		log_error(KV_S("event", "document root refused"), KV_S("error", e.text));
		free(r);
		return;
	}
	m->fd = -1;
	r->path = body->path;
	body->path = NULL;
	r->next = a->roots;
	a->roots = r;
}

static struct solve_webroot *
find_root(struct answer *a, const char *path)
{
	struct webroot *r;

	for (r = a->roots; r != NULL; r = r->next)
		if (strcmp(r->path, path) == 0)
			return r->solver;
	return NULL;
}

static void
on_put(void *arg, struct message *m)
{
	struct answer *a = arg;
	const struct msg_put *body = m->body;
	const struct solve_alpn_in alpn = { body->token, body->key_authorization, body->tls_name };
	struct solve_webroot *root;
	struct err e = ERR_NONE;
	int rc;

	if (body->token == NULL || body->key_authorization == NULL)
		rc = err_set(&e, OUT_HOLD, "challenge: token or key authorization is missing");
	else if (body->tls_name != NULL)
		rc = solve_alpn_put(a->alpn, &alpn, &e);
	else if (body->webroot == NULL)
		rc = solve_listen_put(a->listener, body->token, body->key_authorization, &e);
	else if ((root = find_root(a, body->webroot)) == NULL)
		rc = err_set(&e, OUT_HOLD, "challenge: document root %s is not open",
		    body->webroot);
	else
		rc = solve_webroot_put(root, body->token, body->key_authorization, &e);
	if (rc == 0)
		channel_done(a->keeper, m->id);
	else
		channel_fail(a->keeper, m->id, &e);
}

static void
on_drop(void *arg, struct message *m)
{
	struct answer *a = arg;
	const struct msg_drop *body = m->body;
	struct solve_webroot *root;

	if (body->token == NULL)
		return;
	if (body->tls)
		solve_alpn_drop(a->alpn, body->token);
	else if (body->webroot == NULL)
		solve_listen_drop(a->listener, body->token);
	else if ((root = find_root(a, body->webroot)) != NULL)
		solve_webroot_drop(root, body->token);
}

static void
on_dns(void *arg, const char *name, const struct err *why)
{
	struct asked *q = arg;
	struct msg_found found = { .name = (char *)(uintptr_t)name };
	struct channel *keeper = q->answer->keeper;
	struct err e = *why;

	if (e.class == OUT_OK && !q->find)
		channel_done(keeper, q->id);
	else if (e.class != OUT_OK ||
	    channel_send(keeper, MSG_FOUND, q->id, &found, -1, &e) == -1)
		channel_fail(keeper, q->id, &e);
	free(q);
}

static struct asked *
asked_new(struct answer *a, const struct message *m, struct err *e)
{
	const struct msg_dns *body = m->body;
	struct asked *q;

	if (body->name == NULL) {
		err_set(e, OUT_HOLD, "dns: name is missing");
		return NULL;
	}
	if ((q = calloc(1, sizeof *q)) == NULL) {
		err_nomem(e);
		return NULL;
	}
	*q = (struct asked){ .answer = a, .id = m->id, .find = m->type == MSG_FIND };
	return q;
}

static void
on_question(void *arg, struct message *m)
{
	struct answer *a = arg;
	const struct msg_dns *body = m->body;
	const struct dns_question question = {
		.name = body->name,
		.value = body->value,
		.seconds = body->seconds,
		.resolver = body->resolver,
		.persist = { .issuers = &body->issuers, .account = body->account,
		    .wildcard = body->wildcard },
	};
	struct err e = ERR_NONE;
	struct asked *q;

	if ((q = asked_new(a, m, &e)) != NULL &&
	    (q->find ? dns_find : dns_await)(a->dns, &question, on_dns, q, &e) == 0)
		return;
	free(q);
	channel_fail(a->keeper, m->id, &e);
}

static void
on_looked(void *arg, const struct msg_looked *found)
{
	struct asked *q = arg;
	struct channel *keeper = q->answer->keeper;
	struct err e = ERR_NONE;

	if (channel_send(keeper, MSG_LOOKED, q->id, found, -1, &e) == -1)
		channel_fail(keeper, q->id, &e);
	free(q);
}

static void
on_lookup(void *arg, struct message *m)
{
	struct answer *a = arg;
	const struct msg_dns *body = m->body;
	struct err e = ERR_NONE;
	struct asked *q = asked_new(a, m, &e);
	const struct dns_look_in in = { body->name, body->resolver, on_looked, q };

	if (q != NULL && dns_look(a->looks, &in, &e) == 0)
		return;
	free(q);
	channel_fail(a->keeper, m->id, &e);
}

static void
on_end(void *arg, const struct err *why)
{
	struct answer *a = arg;

	role_leave(a->loop, why);
}

static int
start(void *arg, struct loop *loop, struct channel *keeper, struct err *e)
{
	struct answer *a = arg;

	a->loop = loop;
	a->keeper = keeper;
	return (a->listener = solve_listen_new(loop, e)) == NULL ||
	    (a->alpn = solve_alpn_new(loop, e)) == NULL || (a->dns = dns_new(loop, e)) == NULL ||
	    (a->looks = dns_looks_new(loop, e)) == NULL ? -1 : 0;
}

/* Whatever was put up comes down, however the run ended. */
static void
stop(void *arg)
{
	struct answer *a = arg;
	struct webroot *r;

	solve_listen_free(a->listener);
	solve_alpn_free(a->alpn);
	dns_free(a->dns);
	dns_looks_free(a->looks);
	while ((r = a->roots) != NULL) {
		a->roots = r->next;
		root_free(r);
	}
}

int
main(int argc, char **argv)
{
	static const struct handler table[] = {
		{ MSG_LISTEN, on_listen },
		{ MSG_LISTEN_TLS, on_listen },
		{ MSG_WEBROOT, on_webroot },
		{ MSG_PUT, on_put },
		{ MSG_DROP, on_drop },
		{ MSG_FIND, on_question },
		{ MSG_AWAIT, on_question },
		{ MSG_LOOKUP, on_lookup },
	};
	static const struct handlers handlers = { table, NITEMS(table), on_end };
	struct answer answer = { 0 };
	const struct role_main role = {
		.role = ROLE_ANSWER,
		.handlers = &handlers,
		.arg = &answer,
		.start = start,
		.stop = stop,
	};

	return role_main(&role, argc, argv);
}
