/*
 * answer: the role that faces whoever connects to the challenge port. It
 * holds tokens and their key authorizations while these are pending, on
 * sockets and in document roots that the starter opened for it.
 */
#include <stdlib.h>
#include <string.h>

#include "role.h"
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
	struct webroot		*roots;
};

static void
on_listen(void *arg, struct message *m)
{
	struct answer *a = arg;
	struct err e = ERR_NONE;

	if (solve_listen_socket(a->listener, m->fd, &e) == 0)
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
	struct solve_webroot *root;
	struct err e = ERR_NONE;
	int rc;

	if (body->token == NULL || body->key_authorization == NULL)
		rc = err_set(&e, OUT_HOLD, "challenge: token or key authorization is missing");
	else if (body->webroot == NULL)
		rc = solve_listen_put(a->listener, body->token, body->key_authorization, &e);
	else if ((root = find_root(a, body->webroot)) == NULL)
		rc = err_set(&e, OUT_HOLD, "challenge: document root %s is not open", body->webroot);
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
	if (body->webroot == NULL)
		solve_listen_drop(a->listener, body->token);
	else if ((root = find_root(a, body->webroot)) != NULL)
		solve_webroot_drop(root, body->token);
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
	return (a->listener = solve_listen_new(loop, e)) == NULL ? -1 : 0;
}

/* Whatever was put up comes down, however the run ended. */
static void
stop(void *arg)
{
	struct answer *a = arg;
	struct webroot *r;

	solve_listen_free(a->listener);
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
		{ MSG_WEBROOT, on_webroot },
		{ MSG_PUT, on_put },
		{ MSG_DROP, on_drop },
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
