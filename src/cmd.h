/*
 * cmd: the commands of kamcert, as a table.
 */
#ifndef KAMCERT_CMD_H
#define KAMCERT_CMD_H

#include "base/err.h"
#include "base/log.h"
#include "config.h"
#include "message.h"
#include "report.h"

/* What stands before the command on the command line. */
struct cmd_options {
	const char		*config;	/* path of kamcert.conf */
	enum report_form	 form;
	enum report_level	 level;
};

struct cmd {
	const char	*name;
	const char	*arguments;	/* for usage */
	const char	*does;
	/* argv[0] is the command's name. Returns the exit code. */
	enum outcome	(*run)(const struct cmd_options *, int argc, char **argv);
};

enum outcome	cmd_renew(const struct cmd_options *, int argc, char **argv);
enum outcome	cmd_daemon(const struct cmd_options *, int argc, char **argv);
enum outcome	cmd_check(const struct cmd_options *, int argc, char **argv);
enum outcome	cmd_discover(int argc, char **argv);	/* check --discover */
enum outcome	cmd_status(const struct cmd_options *, int argc, char **argv);
enum outcome	cmd_reload(const struct cmd_options *, int argc, char **argv);
enum outcome	cmd_account(const struct cmd_options *, int argc, char **argv);
enum outcome	cmd_revoke(const struct cmd_options *, int argc, char **argv);
enum outcome	cmd_rollback(const struct cmd_options *, int argc, char **argv);

/* A wrong command line: says so, and how it should be. Always OUT_USAGE. */
enum outcome	cmd_usage(const char *command, const char *fmt, ...) PRINTF(2, 3);

enum log_level	cmd_log_level(enum report_level);

/* The arguments from one on, as names of certificates. 0, or -1 without memory. */
MUST_CHECK int	cmd_names(int argc, char **argv, int from, struct strs *);

/* Reads the configuration into setup, and has the roles carry it out. */
enum outcome	cmd_run(const struct cmd_options *, struct msg_setup *setup);

/*
 * Reads the configuration, tells every error, and checks that what is named
 * exists. setup.config is pack_clear()'s. 0 or -1.
 */
MUST_CHECK int	cmd_config(const struct cmd_options *, struct msg_setup *setup);

#endif
