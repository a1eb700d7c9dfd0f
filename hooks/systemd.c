/*
 * hook "systemd": a unit is reloaded or restarted by systemd, asked over D-Bus.
 *
 * libsystemd is loaded when a hook of this type runs, in the courier role:
 * nobody else has it in memory, and kamcert runs on machines without it.
 * A job of systemd's is done when its JobRemoved signal says so; the method
 * call returns before. Sources: sd-bus(3), org.freedesktop.systemd1(5).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/clock.h"
#include "hooks/private.h"
#include "hooks/wire.h"

#define SERVICE		"org.freedesktop.systemd1"
#define MANAGER_PATH	"/org/freedesktop/systemd1"
#define MANAGER		SERVICE ".Manager"
#define UNIT		SERVICE ".Unit"
#define USEC		((uint64_t)1000)	/* in a millisecond */
#define TEXT_MAX	300

/* The functions that are used, by the names that the library gives them. */
static struct {
	__typeof__(&sd_bus_new)			new;
	__typeof__(&sd_bus_set_address)		set_address;
	__typeof__(&sd_bus_set_bus_client)	set_bus_client;
	__typeof__(&sd_bus_set_method_call_timeout) set_timeout;
	__typeof__(&sd_bus_start)		start;
	__typeof__(&sd_bus_close_unref)		close;
	__typeof__(&sd_bus_call_method)		call;
	__typeof__(&sd_bus_match_signal)	match;
	__typeof__(&sd_bus_process)		process;
	__typeof__(&sd_bus_wait)		wait;
	__typeof__(&sd_bus_get_property_string)	get_string;
	__typeof__(&sd_bus_get_property_trivial) get_trivial;
	__typeof__(&sd_bus_message_read)	read;
	__typeof__(&sd_bus_message_unref)	unref;
	__typeof__(&sd_bus_error_free)		error_free;
} sd;

static const struct library_function functions[] = {
	{ "sd_bus_new", &sd.new },
	{ "sd_bus_set_address", &sd.set_address },
	{ "sd_bus_set_bus_client", &sd.set_bus_client },
	{ "sd_bus_set_method_call_timeout", &sd.set_timeout },
	{ "sd_bus_start", &sd.start },
	{ "sd_bus_close_unref", &sd.close },
	{ "sd_bus_call_method", &sd.call },
	{ "sd_bus_match_signal", &sd.match },
	{ "sd_bus_process", &sd.process },
	{ "sd_bus_wait", &sd.wait },
	{ "sd_bus_get_property_string", &sd.get_string },
	{ "sd_bus_get_property_trivial", &sd.get_trivial },
	{ "sd_bus_message_read", &sd.read },
	{ "sd_bus_message_unref", &sd.unref },
	{ "sd_bus_error_free", &sd.error_free },
};

static const struct {
	const char	*action;
	const char	*method;	/* none of them starts what does not run, */
	const char	*back;		/* but on the way back it may be down by our doing */
	bool		 keeps;		/* a failure leaves the server as it was */
} actions[] = {
	{ "reload", "ReloadUnit", "ReloadUnit", true },
	{ "restart", "TryRestartUnit", "RestartUnit", false },
	{ "reload-or-restart", "ReloadOrTryRestartUnit", "ReloadOrRestartUnit", false },
};

struct talk {
	const struct hook_conf	*conf;
	sd_bus			*bus;
	int64_t			 deadline_ms;
	char			*unit;		/* object path */
	char			*job;		/* object path; NULL: not told yet */
	struct strs		 removed;	/* jobs that have ended before ours was known, */
	struct strs		 results;	/* and how */
};

static int
load_library(struct err *e)
{
	return library_load(LIBSYSTEMD, functions, NITEMS(functions), e) == 0 ? 0 :
	    err_in(e, "systemd");
}

/* --- calls --- */

/* rc is -errno; what the bus says is better than the words for it. */
static int
fail(const struct talk *t, const char *what, int rc, sd_bus_error *error, struct err *e)
{
	enum outcome class = rc == -ETIMEDOUT || rc == -ECONNRESET ? OUT_RETRY : OUT_HOLD;

	errno = -rc;
	if (error != NULL && error->message != NULL) {
		(void)err_set(e, class, "%s: %s: %.*s", t->conf->unit, what, TEXT_MAX,
		    error->message);
		e->sys = -rc;
	} else
		(void)err_sys(e, class, "%s: %s", t->conf->unit, what);
	if (error != NULL)
		sd.error_free(error);
	return rc == -EACCES || rc == -EPERM ?
	    err_hint(e, "kamcert must run as root, or polkit must allow its user to manage units") :
	    -1;
}

/*
 * A method of the manager; the types of its arguments are "", "s" (the unit)
 * or "ss" (and how to queue a job). *path is the object that it answers with.
 */
static int
call(struct talk *t, const char *method, const char *types, char **path, struct err *e)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *got = NULL;
	int rc;

	rc = sd.call(t->bus, SERVICE, MANAGER_PATH, MANAGER, method, &error, &reply, types,
	    t->conf->unit, "replace");
	if (rc >= 0 && path != NULL)
		rc = sd.read(reply, "o", &got);
	if (rc < 0)
		rc = fail(t, method, rc, &error, e);
	else
		rc = path != NULL && (*path = strdup(got)) == NULL ? err_nomem(e) : 0;
	(void)sd.unref(reply);
	return rc;
}

static int
open_bus(struct talk *t, const struct hook_conf *conf, struct err *e)
{
	struct wire_addr a;
	char address[sizeof(a.text) + 16];
	int rc;

	*t = (struct talk){ .conf = conf,
		.deadline_ms = hook_deadline_ms(conf) };
	if (load_library(e) == -1 || wire_addr_parse(conf->rpc, &a, e) == -1)
		return -1;
	(void)snprintf(address, sizeof(address), "unix:path=%s", strchr(a.text, ':') + 1);
	if ((rc = sd.new(&t->bus)) < 0 || (rc = sd.set_address(t->bus, address)) < 0 ||
	    (rc = sd.set_bus_client(t->bus, 1)) < 0 || (rc = sd.start(t->bus)) < 0 ||
	    (rc = sd.set_timeout(t->bus, (uint64_t)conf->timeout * 1000 * USEC)) < 0)
		return fail(t, a.text, rc, NULL, e);
	return 0;
}

static void
close_bus(struct talk *t)
{
	if (t->bus != NULL)
		(void)sd.close(t->bus);
	free(t->unit);
	free(t->job);
	strs_clear(&t->removed);
	strs_clear(&t->results);
}

/* --- the unit --- */

static int
get_text(struct talk *t, const char *name, char **out, struct err *e)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int rc = sd.get_string(t->bus, SERVICE, t->unit, UNIT, name, &error, out);

	return rc < 0 ? fail(t, name, rc, &error, e) : 0;
}

static int
want_text(struct talk *t, const char *name, const char *const *wanted, const char *hint,
    struct err *e)
{
	char *have = NULL;
	size_t i = 0;

	if (get_text(t, name, &have, e) == -1)
		return -1;
	while (wanted[i] != NULL && strcmp(wanted[i], have) != 0)
		i++;
	if (wanted[i] == NULL) {
		(void)err_set(e, OUT_HOLD, "%s: %s: want \"%s\", have \"%.*s\"", t->conf->unit,
		    name, wanted[0], TEXT_MAX, have);
		(void)err_hint(e, "%s", hint);
	}
	free(have);
	return wanted[i] == NULL ? -1 : 0;
}

static int
check_reload(struct talk *t, struct err *e)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int can = 0, rc;

	if (strcmp(t->conf->action, "reload") != 0)
		return 0;
	rc = sd.get_trivial(t->bus, SERVICE, t->unit, UNIT, "CanReload", &error, 'b', &can);
	if (rc < 0)
		return fail(t, "CanReload", rc, &error, e);
	if (can)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: systemd cannot reload this unit", t->conf->unit);
	return err_hint(e, "give it an ExecReload=, or set action = \"restart\"");
}

/* Of a service only; another kind of unit has none. */
static void
ask_pid(struct talk *t, struct hook_facts *f)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	uint32_t pid = 0;

	if (sd.get_trivial(t->bus, SERVICE, t->unit, SERVICE ".Service", "MainPID", &error, 'u',
	    &pid) >= 0 && pid != 0)
		f->pid = pid;
	sd.error_free(&error);
}

/* The unit is there and runs; what does not run is not started by a new certificate. */
static int
check_unit(struct talk *t, struct hook_facts *f, struct err *e)
{
	static const char *const loaded[] = { "loaded", NULL };
	static const char *const active[] = { "active", "reloading", NULL };

	if (call(t, "LoadUnit", "s", &t->unit, e) == -1 ||
	    want_text(t, "LoadState", loaded, "is the unit's name right?", e) == -1 ||
	    want_text(t, "ActiveState", active, "start it first", e) == -1)
		return -1;
	ask_pid(t, f);
	return 0;
}

static int
preflight(const struct hook_conf *conf, struct hook_facts *f, struct err *e)
{
	struct talk t;
	int rc = -1;

	hook_facts_init(f);
	if (open_bus(&t, conf, e) == 0 && check_unit(&t, f, e) == 0)
		rc = check_reload(&t, e);
	close_bus(&t);
	return rc;
}

/* --- the job --- */

/* JobRemoved(u id, o job, s unit, s result); it may overtake the answer that names our job. */
static int
on_removed(sd_bus_message *m, void *arg, sd_bus_error *error UNUSED)
{
	struct talk *t = arg;
	const char *job, *unit, *result;
	uint32_t id;

	if (sd.read(m, "uoss", &id, &job, &unit, &result) < 0 || strcmp(unit, t->conf->unit) != 0)
		return 0;
	if (strs_add(&t->removed, job) == -1 || strs_add(&t->results, result) == -1)
		return -ENOMEM;
	return 0;
}

/* NULL: it is still under way. */
static const char *
result_of(const struct talk *t)
{
	for (size_t i = 0; i < t->results.n; i++)
		if (strcmp(t->removed.v[i], t->job) == 0)
			return t->results.v[i];
	return NULL;
}

static int
await(struct talk *t, const char **result, struct err *e)
{
	int64_t left;
	int rc;

	while ((*result = result_of(t)) == NULL) {
		left = t->deadline_ms - clock_boot_ms();
		if ((rc = sd.process(t->bus, NULL)) == 0)
			rc = left <= 0 ? -ETIMEDOUT : sd.wait(t->bus, (uint64_t)left * USEC);
		if (rc < 0)
			return fail(t, "waiting for the job", rc, NULL, e);
	}
	return 0;
}

static enum hook_result
run_job(struct talk *t, size_t action, bool back, struct err *e)
{
	const char *method = back ? actions[action].back : actions[action].method, *result;
	int rc;

	rc = sd.match(t->bus, NULL, SERVICE, MANAGER_PATH, MANAGER, "JobRemoved", on_removed, t);
	if (rc < 0) {
		(void)fail(t, "JobRemoved", rc, NULL, e);
		return HOOK_FAILED;
	}
	/* without a subscriber, systemd sends no signals */
	if (call(t, "Subscribe", "", NULL, e) == -1)
		return HOOK_FAILED;
	/* a unit that was started too often would be stopped, and then not started */
	if (!actions[action].keeps && call(t, "ResetFailedUnit", "s", NULL, e) == -1)
		err_clear(e);
	if (call(t, method, "ss", &t->job, e) == -1)
		return e->sys == ETIMEDOUT || e->sys == ECONNRESET ? HOOK_UNKNOWN : HOOK_FAILED;
	if (await(t, &result, e) == -1)
		return HOOK_UNKNOWN;
	if (strcmp(result, "done") == 0)
		return HOOK_OK;
	(void)err_set(e, OUT_HOLD, "%s: systemd says that the %s has ended with \"%.*s\"",
	    t->conf->unit, t->conf->action, TEXT_MAX, result);
	(void)err_hint(e, "see journalctl -u %s", t->conf->unit);
	return actions[action].keeps ? HOOK_REFUSED : HOOK_DOWN;
}

static enum hook_result
reload(const struct hook_conf *conf, const struct hook_event *event, struct hook_facts *f,
    struct err *e)
{
	const bool back = strcmp(event->event, "rollback") == 0;
	static const char *const active[] = { "active", "reloading", NULL };
	enum hook_result result = HOOK_FAILED;
	size_t action = 0;
	struct talk t;

	hook_facts_init(f);
	while (strcmp(actions[action].action, conf->action) != 0)
		action++;
	if (open_bus(&t, conf, e) == 0 && call(&t, "LoadUnit", "s", &t.unit, e) == 0)
		result = run_job(&t, action, back, e);
	if (result == HOOK_OK && want_text(&t, "ActiveState", active, "see its journal", e) == -1)
		result = HOOK_DOWN;
	if (result == HOOK_OK)
		ask_pid(&t, f);
	close_bus(&t);
	return result;
}

static int
check(const struct hook_conf *conf, struct err *e)
{
	struct wire_addr a;

	if (wire_addr_parse(conf->rpc, &a, e) == -1)
		return -1;
	return a.kind == WIRE_UNIX ? 0 :
	    err_set(e, OUT_USAGE, "rpc: want the unix: socket of D-Bus, have \"%s\"", conf->rpc);
}

static char default_bus[] = SYSTEM_BUS, default_action[] = "reload";

const struct hook_type hook_systemd = {
	.name = "systemd",
	.in_courier = true,
	.options = HOOK_HAS_RPC | HOOK_HAS_USER | HOOK_HAS_UNIT | HOOK_HAS_ACTION,
	.wants = HOOK_HAS_UNIT,
	.defaults = { .rpc = default_bus, .action = default_action, .timeout = 60 },
	.check = check,
	.preflight = preflight,
	.reload = reload,
};
