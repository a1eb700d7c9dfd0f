/*
 * cmd_renew: the commands that make jobs: renew, reload, rollback. They read
 * the configuration and leave the rest to the keeper. A renew with nothing
 * due ends before any of that.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cmd.h"
#include "index.h"
#include "rehearsal.h"
#include "starter.h"
#include "version.h"
#include "walls.h"

static void
complain(void *arg UNUSED, const char *line)
{
	struct err e = ERR_NONE;

	err_set(&e, OUT_USAGE, "%s", line);
	report_error("configuration", &e);
}

/* Certificates are named, but for the account commands: their names are CAs. */
static bool
is_known(const struct msg_setup *setup, const char *name)
{
	if (setup->command == CMD_ACCOUNT)
		return config_ca(&setup->config, name) != NULL;
	return config_cert(&setup->config, name) != NULL;
}

int
cmd_config(const struct cmd_options *options, struct msg_setup *setup)
{
	struct err e = ERR_NONE;
	size_t i;
	int rc = 0;

	if (config_read(options->config, &setup->config, complain, NULL, &e) == -1) {
		report_error("configuration", &e);
		return -1;
	}
	for (i = 0; i < setup->certs.n; i++) {
		if (is_known(setup, setup->certs.v[i]))
			continue;
		err_set(&e, OUT_USAGE, "%s has no %s of this name: %s", options->config,
		    setup->command == CMD_ACCOUNT ? "ca" : "certificate", setup->certs.v[i]);
		report_error("configuration", &e);
		rc = -1;
	}
	if (rc == -1)
		pack_clear(&config_pack, &setup->config);
	return rc;
}

/* A finding of `check` for each role that it starts. */
static void
tell_walls(void *arg, enum role role, const struct walled *w)
{
	enum outcome *worst = arg;
	char about[WALLED_TEXT], text[WALLED_TEXT + 32];
	struct report r = { .kind = REPORT_FINDING, .step = (char *)(uintptr_t)"walls",
	    .text = text, .outcome = walled_wholly(w) ? OUT_OK : OUT_FINDING, .ms = -1 };

	snprintf(text, sizeof text, "%s: %s", role_name(role), walled_text(w, about));
	report(&r);
	if (r.outcome != OUT_OK)
		*worst = OUT_FINDING;
}

enum outcome
cmd_run(const struct cmd_options *options, struct msg_setup *setup)
{
	struct starter_in in = { .setup = setup, .level = cmd_log_level(options->level) };
	struct rehearsal *ca = NULL;
	struct err e = ERR_NONE;
	enum outcome outcome, walls = OUT_OK;

	if (cmd_config(options, setup) == -1)
		return OUT_USAGE;
	if (setup->command == CMD_CHECK) {
		in.walls = tell_walls;
		in.arg = &walls;
	}
	if (setup->dry_run && rehearsal_begin(&setup->config, &setup->certs, &ca, &e) == -1) {
		report_error("start", &e);
		pack_clear(&config_pack, &setup->config);
		return e.class;
	}
	if (setup->jobs > 0)
		setup->config.jobs = setup->jobs;
	in.target = strcmp(setup->config.log, "syslog") == 0 ? LOG_TO_SYSLOG : LOG_TO_STDERR;
	outcome = starter_run(&in);
	rehearsal_end(ca);
	pack_clear(&config_pack, &setup->config);
	return outcome > walls ? outcome : walls;
}

/* A decimal number within bounds, or -1. */
static int64_t
number(const char *text, int64_t max)
{
	int64_t n;

	return text_number(span_str(text), &n) == 0 && n >= 1 && n <= max ? n : -1;
}

enum outcome
cmd_renew(const struct cmd_options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "no-hooks", no_argument, NULL, 'H' },
		{ "jobs", required_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct msg_setup setup = { .command = CMD_RENEW };
	enum outcome outcome = OUT_RETRY;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'f':
			setup.force = true;
			break;
		case 'n':
			setup.dry_run = true;
			break;
		case 'H':
			setup.no_hooks = true;
			break;
		case 'j':
			if ((setup.jobs = number(optarg, 200)) == -1)
				return cmd_usage("renew", "--jobs: want 1 to 200, have %s", optarg);
			break;
		default:
			return cmd_usage("renew", "wrong option");
		}
	if (cmd_names(argc, argv, optind, &setup.certs) == -1)
		goto out;
	if (!setup.force && !setup.dry_run && index_nothing_due(options->config,
	    DEFAULT_STATE_DIR, &setup.certs, clock_wall()))
		outcome = OUT_OK;
	else
		outcome = cmd_run(options, &setup);
out:
	strs_clear(&setup.certs);
	return outcome;
}

/* Commands without options of their own. */
static enum outcome
run_plain(const struct cmd_options *options, enum command command, int argc, char **argv)
{
	static const struct option longs[] = { { NULL, 0, NULL, 0 } };
	struct msg_setup setup = { .command = command };
	enum outcome outcome = OUT_RETRY;

	if (getopt_long(argc, argv, "", longs, NULL) != -1)
		return cmd_usage(argv[0], "wrong option");
	if (cmd_names(argc, argv, optind, &setup.certs) == 0)
		outcome = cmd_run(options, &setup);
	strs_clear(&setup.certs);
	return outcome;
}

enum outcome
cmd_reload(const struct cmd_options *options, int argc, char **argv)
{
	return run_plain(options, CMD_RELOAD, argc, argv);
}

enum outcome
cmd_check(const struct cmd_options *options, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--discover") == 0 && options->form == REPORT_JSON)
			return cmd_usage("check", "--discover: a configuration is no JSON");
		else if (strcmp(argv[i], "--discover") == 0)
			return cmd_discover(argc, argv);
	return run_plain(options, CMD_CHECK, argc, argv);
}

enum outcome
cmd_rollback(const struct cmd_options *options, int argc, char **argv)
{
	static const struct option longs[] = { { NULL, 0, NULL, 0 } };
	struct msg_setup setup = { .command = CMD_ROLLBACK };
	enum outcome outcome = OUT_RETRY;

	if (getopt_long(argc, argv, "", longs, NULL) != -1)
		return cmd_usage("rollback", "wrong option");
	if (argc - optind < 1 || argc - optind > 2)
		return cmd_usage("rollback",
		    "want the name of a certificate, and perhaps a version");
	if (argc - optind == 2 &&
	    (setup.version = number(argv[optind + 1], INT64_MAX - 1)) == -1)
		return cmd_usage("rollback", "version: want a number, have %s", argv[optind + 1]);
	if (cmd_names(optind + 1, argv, optind, &setup.certs) == 0)
		outcome = cmd_run(options, &setup);
	strs_clear(&setup.certs);
	return outcome;
}
