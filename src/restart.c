#include "restart.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "instance.h"
#include "keeper.h"

#define AGAIN_MS	500	/* between two looks whether it is up */

static void	ask(struct restart *);

static void
end(struct restart *r, enum hook_result result)
{
	r->told.result = result;
	r->told.ms = clock_boot_ms() - r->began_ms;
	if (result == HOOK_OK)
		err_clear(&r->told.why);
	instance_told(r->server, &r->told);
}

static void
on_time(void *arg)
{
	struct restart *r = arg;

	r->timer = NULL;
	ask(r);
}

/* told.why says what was seen; result is what it comes to if that does not change. */
static void
look_again(struct restart *r, enum hook_result result)
{
	const int64_t at = time_add(clock_boot_ms(), AGAIN_MS);
	struct err e;

	if (at <= r->until_ms && (r->timer = loop_timer_add(r->keeper->loop, at, on_time, r,
	    &e)) != NULL)
		return;
	r->told.why.class = OUT_HOLD;
	(void)err_hint(&r->told.why, "see journalctl -u %s", instance_conf(r->server)->unit);
	end(r, result);
}

/* A unit that has ended will not answer, and is not waited for. */
static void
on_unit(void *arg, struct message *m)
{
	struct restart *r = arg;
	struct err e = ERR_NONE;

	if (m->type == MSG_FACTS || message_error(m, &e) == 0 || e.class != OUT_HOLD) {
		look_again(r, HOOK_DOWN);
		return;
	}
	(void)err_in(&e, "it was restarted, and does not run any more");
	(void)err_hint(&e, "see journalctl -u %s", instance_conf(r->server)->unit);
	r->told.why = e;
	end(r, HOOK_DOWN);
}

/* Nobody answers. */
static void
ask_unit(struct restart *r)
{
	struct hook_conf restart;
	struct channel *courier;
	struct err e;

	if (!r->sure || !hook_restart(instance_conf(r->server), &restart) ||
	    keeper_role(r->keeper, ROLE_COURIER, &courier, &e) == -1 ||
	    channel_call(courier, MSG_PREFLIGHT, &restart, -1, on_unit, r, &e) == -1)
		look_again(r, HOOK_DOWN);
}

/* A server of which nothing was known before has shown by its answer that it runs. */
static bool
is_same(const struct hook_facts *before, const struct hook_facts *now)
{
	return before->pid != -1 && before->pid == now->pid && now->uptime >= before->uptime;
}

static void
on_answer(void *arg, struct message *m)
{
	struct restart *r = arg;
	struct msg_watched *body = m->body;
	const struct hook_conf *conf = instance_conf(r->server);

	if (m->type != MSG_WATCHED) {
		(void)message_error(m, &r->told.why);
		(void)err_in(&r->told.why, "%s: it is not up again", conf->unit);
		ask_unit(r);
		return;
	}
	if (!is_same(&r->told.before, &body->facts)) {
		r->told.after = body->facts;
		memset(&body->facts, 0, sizeof body->facts);
		end(r, HOOK_OK);
		return;
	}
	(void)err_set(&r->told.why, OUT_HOLD, "%s: %sthe server at %s is still process %jd",
	    conf->unit, r->sure ? "systemd says that it was restarted, but " : "", conf->rpc,
	    (intmax_t)body->facts.pid);
	if (!r->sure) {
		look_again(r, HOOK_UNKNOWN);
		return;
	}
	(void)err_hint(&r->told.why, "name the unit that runs this server");
	end(r, HOOK_REFUSED);
}

static void
ask(struct restart *r)
{
	if (instance_watch(r->server, on_answer, r, &r->told.why) == -1)
		end(r, HOOK_UNKNOWN);
}

/* Where systemd gave no answer that can be trusted, the server's process tells. */
static void
on_restarted(void *arg, struct message *m)
{
	struct restart *r = arg;
	struct msg_reloaded *body = m->body;
	struct message failed = { .type = MSG_FAILED, .fd = -1 };
	enum hook_result result = HOOK_UNKNOWN;

	if (m->type == MSG_RELOADED) {
		result = (enum hook_result)body->result;
		failed.body = &body->error;
		if (result != HOOK_OK)
			(void)message_error(&failed, &r->told.why);
	} else
		(void)message_error(m, &r->told.why);
	r->sure = result == HOOK_OK;
	r->until_ms = time_add(clock_boot_ms(), r->patience_ms);
	if (result == HOOK_OK || result == HOOK_UNKNOWN)
		ask(r);
	else
		end(r, result);
}

static int
send_restart(struct restart *r, struct err *e)
{
	struct msg_reload body = { .event = {
		.event = (char *)(uintptr_t)(r->back ? "rollback" : "deploy") } };
	struct channel *courier;

	if (!hook_restart(instance_conf(r->server), &body.hook) ||
	    keeper_role(r->keeper, ROLE_COURIER, &courier, e) == -1)
		return -1;
	r->patience_ms = body.hook.timeout * 1000;
	return channel_call(courier, MSG_RELOAD, &body, -1, on_restarted, r, e);
}

/* On the way back it may be down by our doing. */
static void
on_before(void *arg, struct message *m)
{
	struct restart *r = arg;
	struct msg_watched *body = m->body;

	if (m->type == MSG_WATCHED) {
		r->told.before = body->facts;
		memset(&body->facts, 0, sizeof body->facts);
	} else if (message_error(m, &r->told.why) == -1 && !r->back) {
		end(r, HOOK_FAILED);
		return;
	}
	if (send_restart(r, &r->told.why) == -1)
		end(r, HOOK_FAILED);
}

int
restart_begin(struct restart *r, struct keeper *k, struct instance *server, bool back,
    struct err *e)
{
	restart_clear(r);
	*r = (struct restart){ .keeper = k, .server = server, .back = back,
		.began_ms = clock_boot_ms() };
	hook_facts_init(&r->told.before);
	hook_facts_init(&r->told.after);
	return instance_mark(server, on_before, r, e);
}

int
restart_fits(const struct hook_conf *conf, const struct hook_facts *server,
    const struct hook_facts *unit, struct err *e)
{
	if (unit->pid == -1 || server->pid == -1 || unit->pid == server->pid)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: its main process is %jd, and that of the server at %s is "
	    "%jd", conf->unit, (intmax_t)unit->pid, conf->rpc, (intmax_t)server->pid);
	return err_hint(e, "name the unit that runs this server; one that runs in a container is "
	    "restarted by a hook systemd");
}

void
restart_warn(const struct hook_conf *conf, const struct hook_facts *f, struct err *e)
{
	(void)snprintf(e->text, sizeof e->text, "a deployment restarts %s, as %s: this ends all "
	    "connections of the server, %jd over TLS", conf->unit, f->unsafe_reload ?
	    "a reload may crash its release" : "it has too little shared memory for a reload",
	    (intmax_t)f->tls_open);
}

void
restart_mourn(const struct hook_conf *conf, const struct told *t, struct err *e)
{
	if (t->before.pid == -1)
		(void)snprintf(e->text, sizeof e->text, "%s was started in %jd ms, process %jd",
		    conf->unit, (intmax_t)t->ms, (intmax_t)t->after.pid);
	else
		(void)snprintf(e->text, sizeof e->text, "%s was restarted in %jd ms, process %jd "
		    "in place of %jd: all %jd TLS connections of before are lost", conf->unit,
		    (intmax_t)t->ms, (intmax_t)t->after.pid, (intmax_t)t->before.pid,
		    (intmax_t)(t->before.tls_open > 0 ? t->before.tls_open : 0));
}

void
restart_clear(struct restart *r)
{
	loop_timer_del(r->timer);
	r->timer = NULL;
	pack_clear(&hook_facts_pack, &r->told.before);
	pack_clear(&hook_facts_pack, &r->told.after);
}
