/*
 * kamcert: certificates for SIP servers, from the CA to the proof that they
 * are served. Start-up, options, and the table of commands.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "listen.h"
#include "sandbox.h"
#include "version.h"

static const struct cmd commands[] = {
	{ "renew", "[--force] [--dry-run] [--no-hooks] [--jobs N] [NAME...]",
	    "issue what is missing, renew what is due, finish what was left undone", cmd_renew },
	{ "daemon", "",
	    "stay, and do the same whenever something is due", cmd_daemon },
	{ "check", "[--discover ... | NAME...]",
	    "look at everything, touch nothing", cmd_check },
	{ "status", "[NAME...]",
	    "what is installed, when it is due, how the last run ended", cmd_status },
	{ "reload", "[NAME...]",
	    "run the hooks for what is installed, and prove it", cmd_reload },
	{ "rollback", "NAME [VERSION]",
	    "go back to an earlier version, and prove it", cmd_rollback },
	{ "revoke", "[--reason R] [--by-certificate-key] NAME",
	    "have the CA revoke what is installed", cmd_revoke },
	{ "account", "[show|register|update|rollover|deactivate|orders] [CA...], or deauthorize CA "
	    "URL", "the account at a CA", cmd_account },
};

static void
print_help(FILE *f)
{
	size_t i;

	fprintf(f, "usage: kamcert [-c FILE] [-v] [-q] [--json] COMMAND [NAME...]\n\n");
	for (i = 0; i < NITEMS(commands); i++)
		fprintf(f, "  %-9s %s\n            %s\n", commands[i].name, commands[i].does,
		    commands[i].arguments);
	fprintf(f, "\n  -c FILE    configuration, default %s\n"
	    "  -v         tell every step\n"
	    "  -q         tell only what failed\n"
	    "  --json     one JSON object a line, see kamcert(8)\n"
	    "  --version  --help\n", DEFAULT_CONFIG);
}

enum outcome
cmd_usage(const char *command, const char *fmt, ...)
{
	va_list ap;
	size_t i;

	fputs("kamcert: ", stderr);
	if (command != NULL)
		fprintf(stderr, "%s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	for (i = 0; command != NULL && i < NITEMS(commands); i++)
		if (strcmp(commands[i].name, command) == 0)
			fprintf(stderr, "usage: kamcert [-c FILE] [-v] [-q] [--json] %s %s\n",
			    command, commands[i].arguments);
	if (command == NULL)
		fputs("kamcert --help tells what there is\n", stderr);
	return OUT_USAGE;
}

enum log_level
cmd_log_level(enum report_level level)
{
	switch (level) {
	case REPORT_QUIET:
		return LOG_AT_ERROR;
	case REPORT_NORMAL:
		return LOG_AT_WARNING;
	case REPORT_VERBOSE:
		return LOG_AT_DEBUG;
	}
	return LOG_AT_WARNING;
}

int
cmd_names(int argc, char **argv, int from, struct strs *names)
{
	struct err e = ERR_NONE;
	int i;

	for (i = from; i < argc; i++)
		if (strs_add(names, argv[i]) == -1) {
			err_nomem(&e);
			report_error("start", &e);
			return -1;
		}
	return 0;
}

static enum outcome
run_command(const struct cmd_options *options, int argc, char **argv)
{
	size_t i;

	if (argc == 0)
		return cmd_usage(NULL, "want a command");
	for (i = 0; i < NITEMS(commands); i++)
		if (strcmp(commands[i].name, argv[0]) == 0) {
			optind = 0;	/* the command has options of its own */
			return commands[i].run(options, argc, argv);
		}
	return cmd_usage(NULL, "no such command: %s", argv[0]);
}

int
main(int argc, char **argv)
{
	enum { OPT_JSON = 256, OPT_HELP, OPT_VERSION };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	struct cmd_options options = { DEFAULT_CONFIG, REPORT_PLAIN, REPORT_NORMAL };
	struct err e = ERR_NONE;
	enum outcome outcome;
	int c;

	if (sandbox_begin_starter(&e) == -1) {
		fprintf(stderr, "kamcert: %s\n", e.text);
		return e.class;
	}
	listen_inherit();
	while ((c = getopt_long(argc, argv, "+c:vqh", longs, NULL)) != -1)
		switch (c) {
		case 'c':
			options.config = optarg;
			break;
		case 'v':
			options.level = REPORT_VERBOSE;
			break;
		case 'q':
			options.level = REPORT_QUIET;
			break;
		case OPT_JSON:
			options.form = REPORT_JSON;
			break;
		case 'h':
		case OPT_HELP:
			print_help(stdout);
			return report_shown();
		case OPT_VERSION:
			puts("kamcert " VERSION_TEXT);
			return report_shown();
		default:
			return cmd_usage(NULL, "wrong option before the command");
		}
	log_open(LOG_TO_STDERR, "kamcert", cmd_log_level(options.level));
	report_open(options.form, options.level);
	outcome = run_command(&options, argc - optind, argv + optind);
	report_close();
	return outcome;
}
