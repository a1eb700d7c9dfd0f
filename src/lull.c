#include "lull.h"

#include <string.h>

#include "base/clock.h"
#include "due.h"
#include "instance.h"
#include "keeper.h"

#define LOOK_MS		500
#define GOOD_MS		3000
#define PATIENCE_MS	((int64_t)10 * MINUTE * 1000)

/* Begun ones count as whole. */
static int64_t
rate_of(const struct lull *c, const struct hook_facts *now, int64_t ms)
{
	return ms <= 0 ? 0 : (hook_arrivals(&c->first, now) * 1000 + ms - 1) / ms;
}

static bool
can_wait(const struct job *j)
{
	const struct manifest *m = &j->state.active;
	int64_t reserve = due_reserve(time_add(m->not_after, -m->not_before));

	return j->state.version == 0 || time_add(m->not_after, -reserve) > clock_wall();
}

static void
on_look(void *arg, struct message *m)
{
	struct instance *in = arg;
	struct lull *c = instance_lull(in);
	struct msg_watched *body = m->body;
	int64_t now = clock_boot_ms();

	c->asked = false;
	if (m->type != MSG_WATCHED) {
		(void)message_error(m, &c->err);
	} else if (!c->begun) {
		pack_clear(&hook_facts_pack, &c->first);
		c->first = body->facts;
		memset(&body->facts, 0, sizeof body->facts);
		c->first_ms = now;
		c->begun = true;
	} else {
		if (rate_of(c, &body->facts, now - c->first_ms) <=
		    instance_conf(in)->quiet_rate)
			c->until_ms = now + GOOD_MS;
		c->begun = false;
	}
	instance_wake(in);
}

static void
on_time(void *arg)
{
	struct instance *in = arg;

	instance_lull(in)->timer = NULL;
	instance_wake(in);
}

/* Asks, or waits between two looks. */
static enum job_progress
look(struct lull *c, struct instance *in, struct job *j, struct err *e)
{
	int64_t at = c->first_ms + LOOK_MS;

	if (c->asked || c->timer != NULL)
		return JOB_WAIT;
	if (c->begun && clock_boot_ms() < at) {
		c->timer = loop_timer_add(j->keeper->loop, at, on_time, in, e);
		return c->timer != NULL ? JOB_WAIT : JOB_FAILED;
	}
	if (instance_watch(in, on_look, in, e) == -1)
		return JOB_FAILED;
	c->asked = true;
	return JOB_WAIT;
}

enum job_progress
lull_wait(struct lull *c, struct instance *in, struct job *j, struct err *e)
{
	const struct hook_conf *conf = instance_conf(in);
	const char *how = conf->unsafe_reload != NULL ? conf->unsafe_reload : "go-on";
	int64_t now = clock_boot_ms();

	if (!instance_facts(in)->unsafe_reload || strcmp(how, "go-on") == 0 ||
	    strcmp(how, "restart") == 0 || j->at > STEP_VERIFY || now < c->until_ms)
		return JOB_DONE;
	if (strcmp(how, "hold") == 0) {
		err_set(e, OUT_HOLD, "%s: %s may crash when it loads certificates while handshakes "
		    "run", conf->rpc, instance_facts(in)->version);
		err_hint(e, "set tls_threads_mode=2 where there is such a setting, or "
		    "unsafe-reload = \"wait\"");
		return JOB_FAILED;
	}
	if (!can_wait(j))
		return JOB_DONE;
	if (c->since_ms == 0)
		c->since_ms = now;
	if (c->err.class != OUT_OK) {
		*e = c->err;
		err_clear(&c->err);
		return JOB_FAILED;
	}
	if (j->keeper->stopping || now - c->since_ms > PATIENCE_MS) {
		err_set(e, OUT_RETRY, "%s: no moment with at most %jd new TLS connections per "
		    "second", conf->rpc, (intmax_t)conf->quiet_rate);
		err_hint(e, "a higher quiet-rate, or unsafe-reload = \"go-on\"");
		return JOB_FAILED;
	}
	return look(c, in, j, e);
}

void
lull_clear(struct lull *c)
{
	loop_timer_del(c->timer);
	pack_clear(&hook_facts_pack, &c->first);
}
