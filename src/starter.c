#include "starter_private.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "hooks/program.h"
#include "listen.h"
#include "report.h"
#include "walls.h"

#define STOP_MS	30000	/* after a signal: verify and rollback may take as long */
#define LISTEN_KEY_MAX 128
#define LEAVE_MS 4000	/* roles end when their channels do; all within 5 s (FAULTS P02) */

static void
kill_children(void *arg)
{
	struct starter *s = arg;
	size_t i;

	s->deadline = NULL;
	for (i = 0; i < ROLE_COUNT; i++)
		if (s->children[i].pid != 0)
			kill(s->children[i].pid, SIGKILL);
}

static void
set_deadline(struct starter *s, int64_t ms)
{
	struct err e = ERR_NONE;

	loop_timer_del(s->deadline);
	s->deadline = loop_timer_add(s->loop, clock_boot_ms() + ms, kill_children, s, &e);
	if (s->deadline == NULL)
		kill_children(s);
}

/* The keeper's end is everybody's: they hang on its channels. */
static void
leave(struct starter *s)
{
	channel_free(s->keeper);
	s->keeper = NULL;
	set_deadline(s, LEAVE_MS);
}

static void
on_exit_of(void *arg, pid_t pid UNUSED, int status)
{
	struct child *c = arg;
	struct starter *s = c->starter;
	size_t i;

	c->pid = 0;
	c->watch = NULL;
	log_debug(KV_S("event", "role ended"), KV_S("of", role_name(c->role)),
	    KV_I("status", status));
	if (c->role == ROLE_KEEPER && s->keeper != NULL)
		leave(s);
	for (i = 0; i < ROLE_COUNT; i++)
		if (s->children[i].pid != 0)
			return;
	loop_stop(s->loop);
}

static int
spawn(struct starter *s, enum role role, int *fd, struct err *e)
{
	struct role_start start = { .role = role, .level = s->in->level, .target = s->in->target };
	struct child *c = &s->children[role];
	struct walls walls;
	int rc;

	if (c->pid != 0)
		return err_set(e, OUT_RETRY, "role %s: runs already", role_name(role));
	if (walls_for(s->in->setup, role, &walls, e) == -1)
		return -1;
	start.walls = &walls;
	rc = role_spawn(&start, &c->pid, fd, e);
	pack_clear(&walls_pack, &walls);
	if (rc == -1) {
		c->pid = 0;
		return -1;
	}
	c->starter = s;
	c->role = role;
	c->stopped = false;
	c->stopped_s = 0;
	if ((c->watch = loop_child_add(s->loop, c->pid, on_exit_of, c, e)) == NULL) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
			;
		c->pid = 0;
		fs_close(fd);
		return -1;
	}
	return 0;
}

static int
send_listeners(struct channel *answer, const struct challenge_conf *conf, struct strs *open,
    struct err *e)
{
	bool tls = strcmp(conf->type, CHALLENGE_ALPN) == 0;
	char key[LISTEN_KEY_MAX];
	size_t i;
	int fd, rc;

	for (i = 0; i < conf->listen.n; i++) {
		/* Two types on one port are two sockets, and an error in words. */
		snprintf(key, sizeof key, "%s%s", tls ? "tls " : "", conf->listen.v[i]);
		if (strs_has(open, key))
			continue;
		if (listen_open(conf->listen.v[i], &fd, e) == -1)
			return -1;
		rc = channel_send(answer, tls ? MSG_LISTEN_TLS : MSG_LISTEN, 0, NULL, fd, e);
		close(fd);
		if (rc == -1)
			return -1;
		if (strs_add(open, key) == -1)
			return err_nomem(e);
	}
	return 0;
}

static int
send_webroot(struct channel *answer, const struct challenge_conf *conf, struct strs *open,
    struct err *e)
{
	struct msg_webroot body = { .path = conf->webroot };
	int fd, rc;

	if (conf->webroot == NULL || strs_has(open, conf->webroot))
		return 0;
	if (fs_open_root(conf->webroot, &fd, e) == -1)
		return err_in(e, "webroot");
	rc = channel_send(answer, MSG_WEBROOT, 0, &body, fd, e);
	close(fd);
	if (rc == -1)
		return -1;
	return strs_add(open, conf->webroot) == -1 ? err_nomem(e) : 0;
}

static void
on_silence(void *arg UNUSED, const struct err *why UNUSED)
{
}

/* All that a certificate's challenges need of the answer role. */
static int
equip_for(const struct cert_conf *cert, struct channel *answer, struct strs *open, struct err *e)
{
	const struct challenge_conf *conf = cert->challenges.v;
	size_t i;

	for (i = 0; i < cert->challenges.n; i++)
		if ((conf[i].program.n > 0 && program_check(&conf[i].program, e) == -1) ||
		    send_listeners(answer, &conf[i], open, e) == -1 ||
		    send_webroot(answer, &conf[i], open, e) == -1)
			return -1;
	return 0;
}

/* One that cannot have what it needs does not keep the others. */
static int
note_lost(struct list *lost, const struct cert_conf *cert, const struct err *why, struct err *e)
{
	struct msg_lost *l = list_add(lost, sizeof *l);

	if (l == NULL)
		return err_nomem(e);
	l->why.class = why->class;
	l->why.sys = why->sys;
	l->cert = strdup(cert->name);
	l->why.text = strdup(why->text);
	l->why.hint = strdup(why->hint);
	return l->cert == NULL || l->why.text == NULL || l->why.hint == NULL ? err_nomem(e) : 0;
}

/* What the answer role may hold is put into its channel before the keeper gets it. */
static int
equip_answer(struct child *c, struct err *e)
{
	static const struct handlers none = { NULL, 0, on_silence };
	struct starter *s = c->starter;
	const struct cert_conf *cert;
	struct strs open = { 0 };
	struct channel *answer;
	struct err why;
	size_t i;
	int rc = 0;

	if (channel_new(s->loop, c->fd, &none, NULL, &answer, e) == -1)
		return -1;
	for (i = 0; i < c->certs.n && rc == 0; i++) {
		err_clear(&why);
		cert = config_cert(&s->in->setup->config, c->certs.v[i]);
		if (cert != NULL && equip_for(cert, answer, &open, &why) == -1)
			rc = note_lost(&c->started.lost, cert, &why, e);
	}
	strs_clear(&open);
	if (rc == -1) {
		channel_free(answer);
		c->fd = -1;
		return -1;
	}
	c->fd = channel_release(answer, e);
	return c->fd == -1 ? -1 : 0;
}

/* After this the keeper can ask for what the configuration has, and for nothing else. */
static int
equip_courier(struct starter *s, int *fd, struct err *e)
{
	static const struct handlers none = { NULL, 0, on_silence };
	const struct cert_conf *certs = s->in->setup->config.certs.v;
	const struct hook_type *type;
	struct hook_conf restart;
	const struct hook_conf *h;
	struct channel *courier;
	size_t i, j;
	int rc = 0;

	if (channel_new(s->loop, *fd, &none, NULL, &courier, e) == -1)
		return -1;
	for (i = 0; i < s->in->setup->config.certs.n; i++)
		for (j = 0; j < certs[i].hooks.n && rc == 0; j++) {
			h = (const struct hook_conf *)certs[i].hooks.v + j;
			type = hook_find(h->type);
			if (hook_restart(h, &restart))
				rc = channel_send(courier, MSG_ALLOW, 0, &restart, -1, e);
			else if (type != NULL && type->in_courier)
				rc = channel_send(courier, MSG_ALLOW, 0, h, -1, e);
		}
	if (rc == -1) {
		channel_free(courier);
		*fd = -1;
		return -1;
	}
	*fd = channel_release(courier, e);
	return *fd == -1 ? -1 : 0;
}

/* What a role may have beyond its channel. */
static int
equip(struct child *c, struct err *e)
{
	switch (c->role) {
	case ROLE_ANSWER:
		return equip_answer(c, e);
	case ROLE_COURIER:
		return equip_courier(c->starter, &c->fd, e);
	default:
		return 0;
	}
}

static void
forget_start(struct child *c)
{
	loop_fd_del(c->ready);
	c->ready = NULL;
	fs_close(&c->fd);
	strs_clear(&c->certs);
	pack_clear(&msg_started_pack, &c->started);
}

/* What a role has given up, to be shown; or why it does not start. */
static int
note_walls(struct starter *s, enum role role, const struct walled *w, struct err *e)
{
	char text[WALLED_TEXT];

	if (w->class != OUT_OK) {
		err_set(e, outcome_known(w->class) ? (enum outcome)w->class : OUT_HOLD,
		    "role %s: %s", role_name(role), w->text != NULL ? w->text : "no reason given");
		return w->hint != NULL && w->hint[0] != '\0' ? err_hint(e, "%s", w->hint) : -1;
	}
	log_debug(KV_S("event", "walls"), KV_S("of", role_name(role)), KV_S("are",
	    walled_text(w, text)));
	if (s->in->walls != NULL)
		s->in->walls(s->in->arg, role, w);
	return 0;
}

/* Behind its walls, the keeper gets it. */
static void
on_ready(void *arg, unsigned events UNUSED)
{
	struct child *c = arg;
	struct starter *s = c->starter;
	struct err e = ERR_NONE;
	struct message m;
	int rc;

	loop_fd_del(c->ready);
	c->ready = NULL;
	if (frame_get(c->fd, MSG_WALLED, &m, &e) == -1) {
		(void)err_in(&e, "role %s: ended at its start", role_name(c->role));
		rc = -1;
	} else {
		rc = note_walls(s, c->role, m.body, &e);
		message_clear(&m);
	}
	if (rc == 0)
		rc = equip(c, &e);
	if (s->keeper == NULL)
		;	/* nobody is left who would want it */
	else if (rc == -1 || channel_send(s->keeper, MSG_STARTED, c->asked, &c->started, c->fd,
	    &e) == -1)
		channel_fail(s->keeper, c->asked, &e);
	forget_start(c);
}

static void
on_start(void *arg, struct message *m)
{
	struct starter *s = arg;
	struct msg_start *body = m->body;
	struct err e = ERR_NONE;
	struct child *c;
	int fd = -1;

	if (body->role <= ROLE_KEEPER || body->role >= ROLE_COUNT)
		err_set(&e, OUT_RETRY, "start: no such role");
	else if (spawn(s, (enum role)body->role, &fd, &e) == 0) {
		c = &s->children[body->role];
		forget_start(c);
		c->fd = fd;
		c->asked = m->id;
		c->certs = body->certs;
		body->certs = (struct strs){ 0 };
		if ((c->ready = loop_fd_add(s->loop, fd, LOOP_READ, on_ready, c, &e)) != NULL)
			return;
		forget_start(c);
	}
	channel_fail(s->keeper, m->id, &e);
}

static void
on_keeper_walls(void *arg, struct message *m)
{
	struct starter *s = arg;
	struct err e = ERR_NONE;

	if (note_walls(s, ROLE_KEEPER, m->body, &e) == 0)
		return;
	report_error("start", &e);
	s->ended = true;
	s->outcome = e.class;
	leave(s);
}

static void
on_report(void *arg, struct message *m)
{
	struct starter *s = arg;

	if (s->in->told != NULL)
		s->in->told(s->in->arg, m->body);
	else
		report(m->body);
}

static void
on_outcome(void *arg, struct message *m)
{
	struct starter *s = arg;
	const struct msg_end *body = m->body;

	s->ended = true;
	s->outcome = outcome_known(body->outcome) ? (enum outcome)body->outcome : OUT_ALARM;
	if (s->in->end != NULL)
		*s->in->end = *body;
	leave(s);
}

static void
on_keeper_end(void *arg, const struct err *why)
{
	struct starter *s = arg;

	if (!s->ended)
		log_error(KV_S("event", "keeper gone"), KV_S("error", why->text));
	leave(s);
}

static void
on_signal(void *arg, int signo)
{
	struct starter *s = arg;
	struct err e = ERR_NONE;

	log_info(KV_S("event", "stopping"), KV_I("signal", signo));
	if (s->stopping || s->keeper == NULL)
		return;
	s->stopping = true;
	if (channel_send(s->keeper, MSG_STOP, 0, NULL, -1, &e) == -1)
		leave(s);
	else
		set_deadline(s, STOP_MS);
}

static int
begin(struct starter *s, const struct handlers *handlers, struct err *e)
{
	static const int stops[] = { SIGTERM, SIGINT };
	int fd = -1;
	size_t i;

	if ((s->loop = loop_new(e)) == NULL)
		return -1;
	for (i = 0; i < NITEMS(stops); i++)
		if (loop_signal_add(s->loop, stops[i], on_signal, s, e) == NULL)
			return -1;
	if (loop_signal_add(s->loop, SIGCHLD, starter_on_child, s, e) == NULL)
		return -1;
	if (s->in->enter != NULL && s->in->enter(s->in->arg, s->loop, e) == -1)
		return -1;
	if (walls_own_store(s->in->setup, e) == -1 || spawn(s, ROLE_KEEPER, &fd, e) == -1)
		return -1;
	if (channel_new(s->loop, fd, handlers, s, &s->keeper, e) == -1) {
		fs_close(&fd);
		return -1;
	}
	return channel_send(s->keeper, MSG_SETUP, 0, s->in->setup, -1, e);
}

static void
on_status(void *arg, struct message *m)
{
	struct starter *s = arg;

	if (s->in->row != NULL)
		s->in->row(s->in->arg, m->body);
}

/* Who starts roles for weeks leaves no dead ones behind. */
static void
bury_children(struct starter *s)
{
	size_t i;

	kill_children(s);
	for (i = 0; i < ROLE_COUNT; i++)
		while (s->children[i].pid != 0 && waitpid(s->children[i].pid, NULL, 0) == -1 &&
		    errno == EINTR)
			;
}

enum outcome
starter_run(const struct starter_in *in)
{
	static const struct handler table[] = {
		{ MSG_WALLED, on_keeper_walls },
		{ MSG_START, on_start },
		{ MSG_RUN, starter_on_run },
		{ MSG_RECORD, starter_on_record },
		{ MSG_PREFLIGHT, starter_on_preflight },
		{ MSG_REPORT, on_report },
		{ MSG_STATUS, on_status },
		{ MSG_END, on_outcome },
	};
	static const struct handlers handlers = { table, NITEMS(table), on_keeper_end };
	struct starter s = { .in = in };
	struct err e = ERR_NONE;
	size_t i;

	if (in->end != NULL)
		*in->end = (struct msg_end){ 0 };
	for (i = 0; i < ROLE_COUNT; i++)
		s.children[i].fd = -1;
	if (begin(&s, &handlers, &e) == 0 && loop_run(s.loop, &e) == 0 && !s.ended) {
		err_set(&e, OUT_RETRY, starter_gave_up(&s.children[ROLE_KEEPER]) ?
		    "the keeper was stopped by a signal, and not continued" :
		    "the keeper ended before it told an outcome");
		err_hint(&e, "the next run finishes or takes back what this one began");
	}
	if (!s.ended) {
		report_error("start", &e);
		s.outcome = e.class;
	}
	starter_stop_runs(&s);
	bury_children(&s);
	for (i = 0; i < ROLE_COUNT; i++)
		forget_start(&s.children[i]);
	channel_free(s.keeper);
	loop_free(s.loop);
	return s.outcome;
}
