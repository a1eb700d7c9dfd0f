/*
 * cmd_daemon: stays, and does what renew does whenever something is due.
 *
 * Between two runs there is this one process, which sleeps until the next
 * point in time that the keeper named. Roles are started for a run and end
 * with it; the lock of the state folder is held by the keeper alone, so that
 * other commands work beside a daemon that sleeps. Another lock keeps a second
 * daemon away.
 *
 * What wakes it: its time, the next look at what is served, SIGHUP, SIGTERM,
 * a wall clock that was set, a run of somebody else (which leaves a new index
 * behind), the service manager's watchdog.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"
#include "calm.h"
#include "clockset.h"
#include "cmd.h"
#include "notify.h"
#include "starter.h"
#include "store.h"
#include "wake.h"

#define EVENTS_OCTETS	4096
#define STATUS_MAX	4000	/* octets; a message has room for 4096 */
#define DAEMON_LOCK	"daemon"
#define WATCH_CERTS	32	/* in one look: handshakes are work for a server, too */

/* Tells the service manager's watchdog that a loop turns. */
struct ping {
	struct loop	*loop;
	int64_t		 every_ms;
};

struct daemon {
	const struct cmd_options *options;
	struct config		 config;
	struct loop		*loop;		/* between runs */
	struct clockset		*clockset;
	struct loop_timer	*timer;
	struct ping		 resting, working;	/* on this loop, and on the loop of a run */
	int			 lock;		/* -1: the state folder is not there yet */
	int			 events;	/* inotify on the state folder; -1: none */
	struct loop_fd		*event_watch;
	struct calm		 calm;
	struct wake_facts	 wake;
	int64_t			 watched_ms;	/* boot clock: the last look at what is served */
	size_t			 watched;	/* the certificate that the next one begins with */
	char			 unserved[ERR_TEXT_MAX];	/* what it found; "": all is well */
	/* of the last run, for the service manager */
	char			 worst[ERR_TEXT_MAX];
	/* the configuration on disk, which is not used */
	char			 broken[ERR_TEXT_MAX];
	bool			 running;
	bool			 due;		/* whatever the time is */
	bool			 reread;
	bool			 quit;
};

/* --- what wakes it --- */

/* During a run, the run's end is waited for. */
static void
wake(struct daemon *d)
{
	if (!d->running)
		loop_stop(d->loop);
}

static void
on_hangup(void *arg, int signo UNUSED)
{
	struct daemon *d = arg;

	d->reread = true;
	wake(d);
}

static void
on_end(void *arg, int signo UNUSED)
{
	struct daemon *d = arg;

	if (!d->quit)
		notify("STOPPING=1\nSTATUS=Ending");
	d->quit = true;
	wake(d);
}

static void
on_other(void *arg UNUSED, int signo UNUSED)
{
}

static void
on_time(void *arg)
{
	struct daemon *d = arg;

	d->timer = NULL;
	wake(d);
}

static void
on_clock_set(void *arg)
{
	struct daemon *d = arg;

	log_info(KV_S("event", "clock set"));
	wake(d);
}

/* Somebody else has worked: the index is replaced at the end of each run. */
static void
on_folder(void *arg, unsigned events UNUSED)
{
	struct daemon *d = arg;
	char room[EVENTS_OCTETS] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *ev;
	ssize_t n;
	char *p;

	while ((n = read(d->events, room, sizeof room)) > 0)
		for (p = room; p < room + n; p += sizeof *ev + ev->len) {
			ev = (const void *)p;
			d->due = d->due || (ev->len > 0 && strcmp(ev->name, STORE_INDEX) == 0);
		}
	if (!d->due || d->running)
		return;
	log_info(KV_S("event", "somebody else was at work"));
	wake(d);
}

/* --- on its own loop, and on the loop of a run --- */

static void
on_ping(void *arg)
{
	struct ping *p = arg;
	struct err e = ERR_NONE;

	notify("WATCHDOG=1");
	if (loop_timer_add(p->loop, clock_boot_ms() + p->every_ms, on_ping, p, &e) == NULL)
		log_error(KV_S("event", "watchdog lost"), KV_S("error", e.text));
}

static int
start_ping(struct ping *p, struct loop *loop, struct err *e)
{
	p->loop = loop;
	if ((p->every_ms = notify_watchdog_ms()) == 0)
		return 0;
	return loop_timer_add(loop, clock_boot_ms(), on_ping, p, e) == NULL ? -1 : 0;
}

static int
take_signals(struct daemon *d, struct loop *loop, struct err *e)
{
	static const struct {
		int	 signo;
		void	(*cb)(void *, int);
	} signals[] = {
		{ SIGHUP, on_hangup }, { SIGTERM, on_end }, { SIGINT, on_end },
		{ SIGUSR1, on_other }, { SIGUSR2, on_other },
	};
	size_t i;

	for (i = 0; i < NITEMS(signals); i++)
		if (loop_signal_add(loop, signals[i].signo, signals[i].cb, d, e) == NULL)
			return -1;
	return 0;
}

static int
on_enter(void *arg, struct loop *loop, struct err *e)
{
	struct daemon *d = arg;

	return take_signals(d, loop, e) == -1 ? -1 : start_ping(&d->working, loop, e);
}

/* --- the state folder --- */

/* Before the first run there may be none. */
static int
take_lock(const char *dir, int *lock, struct err *e)
{
	int root = -1, rc;

	if (fs_open_kept(dir, &root, e) == -1) {
		if (e->sys != ENOENT)
			return -1;
		err_clear(e);
		return 0;
	}
	if ((rc = fs_lock(root, DAEMON_LOCK, lock, e)) == -1)
		(void)err_in(e, "another daemon works in %s", dir);
	fs_close(&root);
	return rc;
}

static void
leave_folder(struct daemon *d)
{
	loop_fd_del(d->event_watch);
	d->event_watch = NULL;
	fs_close(&d->events);
	fs_close(&d->lock);
}

/* Without inotify, what others do is noticed a day later at the latest. */
static void
watch_folder(struct daemon *d)
{
	struct err e = ERR_NONE;

	if ((d->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) == -1 ||
	    inotify_add_watch(d->events, d->config.state_dir, IN_MOVED_TO | IN_ONLYDIR) == -1)
		(void)err_sys(&e, OUT_RETRY, "inotify on %s", d->config.state_dir);
	else if ((d->event_watch = loop_fd_add(d->loop, d->events, LOOP_READ, on_folder, d,
	    &e)) != NULL)
		return;
	log_warn(KV_S("event", "folder not watched"), KV_S("error", e.text));
	fs_close(&d->events);
}

/* Once the folder is there. */
static int
enter_folder(struct daemon *d, struct err *e)
{
	if (d->lock != -1)
		return 0;
	if (take_lock(d->config.state_dir, &d->lock, e) == -1)
		return -1;
	if (d->lock != -1)
		watch_folder(d);
	return 0;
}

/* --- a run --- */

/* For the service manager: the last one that is not over. */
static void
note_finding(struct daemon *d, const struct report *r)
{
	size_t n = strlen(r->cert);

	if (r->outcome != OUT_OK)
		snprintf(d->unserved, sizeof d->unserved, "%s: %s", r->cert,
		    r->text != NULL ? r->text : "");
	else if (strncmp(d->unserved, r->cert, n) == 0 && d->unserved[n] == ':')
		d->unserved[0] = '\0';
}

static void
on_told(void *arg, const struct report *r)
{
	struct daemon *d = arg;

	if (r->outcome == OUT_BUSY) {
		log_debug(KV_S("event", "busy"), KV_S("text", r->text));
		return;
	}
	if (r->kind == REPORT_FINDING && r->cert != NULL)
		note_finding(d, r);
	if (r->kind == REPORT_RESULT && r->outcome != OUT_OK && d->worst[0] == '\0')
		snprintf(d->worst, sizeof d->worst, "%s: %s: %s",
		    r->cert != NULL ? r->cert : "kamcert", outcome_word((enum outcome)r->outcome),
		    r->text != NULL ? r->text : "");
	if (calm_is_new(&d->calm, r, clock_boot_ms()))
		report(r);
}

static enum log_target
log_target_of(const struct config *c)
{
	return strcmp(c->log, "syslog") == 0 ? LOG_TO_SYSLOG : LOG_TO_STDERR;
}

static void
open_log(const struct daemon *d)
{
	log_open(log_target_of(&d->config), "kamcert", d->options->level == REPORT_NORMAL ?
	    LOG_AT_INFO : cmd_log_level(d->options->level));
}

/* Nothing due left behind, or another time to look: how often in a row was it not so? */
static void
note_end(struct daemon *d, const struct msg_end *end)
{
	struct wake_facts *w = &d->wake;

	w->last_ms = clock_boot_ms();
	w->next = end->next;
	w->idle = end->next > clock_wall() ? 0 : time_add(w->idle, 1);
	if (random_bytes(&w->random, sizeof w->random) == -1)
		w->random = (uint32_t)w->last_ms;
}

static enum outcome
carry_out(struct daemon *d, struct msg_setup *setup, struct msg_end *end)
{
	enum outcome outcome;
	struct starter_in in = {
		.setup = setup,
		.level = cmd_log_level(d->options->level),
		.target = log_target_of(&d->config),
		.told = on_told,
		.enter = on_enter,
		.arg = d,
		.end = end,
	};

	setup->config = d->config;
	setup->scheduled = true;
	d->running = true;
	outcome = starter_run(&in);
	if (setup->command != CMD_WATCH || setup->force) {
		if (d->event_watch != NULL)
			on_folder(d, 0);	/* our own index */
		d->due = false;
	}
	d->running = false;
	return outcome;
}

static void
run(struct daemon *d)
{
	struct msg_setup setup = { .command = CMD_RENEW };
	struct msg_end end;

	notify("STATUS=Looking at %zu certificates", d->config.certs.n);
	d->worst[0] = '\0';
	d->wake.outcome = carry_out(d, &setup, &end);
	note_end(d, &end);
}

/* --- what is served between runs --- */

/* By the boot clock; INT64_MAX: never. */
static int64_t
watch_at_ms(const struct daemon *d)
{
	const struct cert_conf *cert = d->config.certs.v;
	size_t i;

	for (i = 0; d->config.watch != CONFIG_NO_WATCH && i < d->config.certs.n; i++)
		if (config_is_seen(&cert[i]))
			return time_add(d->watched_ms, d->config.watch * 1000);
	return INT64_MAX;
}

/* One after the other, and with many of them a part each time. */
static int
choose_watched(struct daemon *d, struct strs *names)
{
	const struct cert_conf *cert = d->config.certs.v;
	size_t i;

	for (i = 0; i < d->config.certs.n && names->n < WATCH_CERTS; i++) {
		d->watched = (d->watched + 1) % d->config.certs.n;
		if (config_is_seen(&cert[d->watched]) &&
		    strs_add(names, cert[d->watched].name) == -1)
			return -1;
	}
	return 0;
}

/* A look finds what is on record, or a second one puts it there and tells. */
static void
watch(struct daemon *d)
{
	struct msg_setup setup = { .command = CMD_WATCH };
	struct msg_end end;

	if (choose_watched(d, &setup.certs) == 0 &&
	    carry_out(d, &setup, &end) == OUT_FINDING && !d->quit) {
		setup.force = true;
		if (carry_out(d, &setup, &end) != OUT_BUSY)
			d->due = true;	/* a server that is back may be ready for what waited */
	}
	strs_clear(&setup.certs);
	d->watched_ms = clock_boot_ms();
}

/* --- between runs --- */

/* One line, whatever was said: each line of a message is an order to the service manager. */
static void
tell_status(const struct daemon *d)
{
	char text[STATUS_MAX], clean[STATUS_MAX], when[TIME_TEXT];
	bool later = d->wake.next > clock_wall() && d->wake.next != INT64_MAX;

	snprintf(text, sizeof text, "%zu certificates, %s%s%s%s%s%s%s", d->config.certs.n,
	    d->wake.next == INT64_MAX ? "nothing due" : later ? "next at " : "work left",
	    later ? text_time(d->wake.next, when) : "", d->unserved[0] != '\0' ? "; " : "",
	    d->unserved, d->worst[0] != '\0' ? "; " : "", d->worst, d->broken);
	text_clean(clean, sizeof clean, span_str(text));
	notify("STATUS=%s", clean);
}

static void
rest_until(struct daemon *d, int64_t at_ms, struct err *e)
{
	tell_status(d);
	(void)malloc_trim(0);	/* what a run or the parser needed is not kept for weeks */
	loop_timer_del(d->timer);
	if ((d->timer = loop_timer_add(d->loop, at_ms, on_time, d, e)) == NULL ||
	    loop_run(d->loop, e) == -1)
		d->quit = true;
}

/* Does what it is time for, or sleeps until something happens. */
static void
step(struct daemon *d, struct err *e)
{
	int64_t run_at, watch_at = watch_at_ms(d);

	d->wake.wall = clock_wall();
	d->wake.boot_ms = clock_boot_ms();
	run_at = wake_at_ms(&d->wake);
	if (d->due || run_at <= d->wake.boot_ms)
		run(d);
	else if (watch_at <= d->wake.boot_ms)
		watch(d);
	else
		rest_until(d, run_at < watch_at ? run_at : watch_at, e);
}

/* --- the configuration, again --- */

static void
on_complaint(void *arg, const char *line)
{
	struct daemon *d = arg;
	struct err e = ERR_NONE;

	err_set(&e, OUT_USAGE, "%s", line);
	report_error("configuration", &e);
	if (d->broken[0] == '\0')
		snprintf(d->broken, sizeof d->broken,
		    "; the configuration has errors and the one before is in use: %s", line);
}

/* Another state folder needs its own lock, before the one of this is given back. */
static int
use_config(struct daemon *d, struct config *fresh, struct err *e)
{
	bool moved = strcmp(fresh->state_dir, d->config.state_dir) != 0;
	int lock = -1;

	if (moved && take_lock(fresh->state_dir, &lock, e) == -1)
		return -1;
	pack_clear(&config_pack, &d->config);
	d->config = *fresh;
	open_log(d);
	if (moved) {
		leave_folder(d);
		if ((d->lock = lock) != -1)
			watch_folder(d);
	}
	return 0;
}

/* A broken one is told, and changes nothing. */
static void
reread(struct daemon *d)
{
	struct config fresh = { 0 };
	struct err e = ERR_NONE;

	d->reread = false;
	d->broken[0] = '\0';
	notify_reloading();
	if (config_read(d->options->config, &fresh, on_complaint, d, &e) == 0) {
		if (use_config(d, &fresh, &e) == -1)
			pack_clear(&config_pack, &fresh);
	}
	if (e.class != OUT_OK) {
		on_complaint(d, e.text);
	} else {
		d->due = true;
		d->wake.idle = 0;
		calm_clear(&d->calm);
		log_info(KV_S("event", "configuration read"),
		    KV_I("certificates", d->config.certs.n));
	}
	notify("READY=1");
}

/* --- its life --- */

static int
begin(struct daemon *d, struct err *e)
{
	if ((d->loop = loop_new(e)) == NULL || take_signals(d, d->loop, e) == -1 ||
	    start_ping(&d->resting, d->loop, e) == -1 ||
	    (d->clockset = clockset_new(d->loop, on_clock_set, d, e)) == NULL)
		return -1;
	return enter_folder(d, e);
}

static int
live(struct daemon *d, struct err *e)
{
	notify("READY=1");
	log_info(KV_S("event", "daemon started"), KV_I("certificates", d->config.certs.n));
	while (!d->quit) {
		if (d->reread)
			reread(d);
		step(d, e);
		if (!d->quit && enter_folder(d, e) == -1)
			return -1;
	}
	return e->class == OUT_OK ? 0 : -1;
}

static void
end(struct daemon *d)
{
	leave_folder(d);
	clockset_free(d->clockset);
	loop_free(d->loop);
	calm_clear(&d->calm);
	pack_clear(&config_pack, &d->config);
}

enum outcome
cmd_daemon(const struct cmd_options *options, int argc, char **argv)
{
	static const struct option longs[] = { { NULL, 0, NULL, 0 } };
	struct daemon d = { .options = options, .lock = -1, .events = -1 };
	struct msg_setup setup = { .command = CMD_RENEW };
	struct err e = ERR_NONE;

	if (getopt_long(argc, argv, "", longs, NULL) != -1 || optind < argc)
		return cmd_usage("daemon", "wants neither options nor names: it is for all "
		    "certificates");
	if (options->form == REPORT_PLAIN)
		report_open(REPORT_LOG, options->level);
	if (cmd_config(options, &setup) == -1)
		return OUT_USAGE;
	d.config = setup.config;
	open_log(&d);
	if (begin(&d, &e) == -1 || live(&d, &e) == -1)
		report_error("daemon", &e);
	else
		log_info(KV_S("event", "daemon ended"));
	end(&d);
	return e.class;
}
