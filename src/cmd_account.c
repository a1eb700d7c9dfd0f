/*
 * cmd_account: what is asked of a CA besides certificates: account, revoke.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static const struct {
	const char	*word;
	int64_t		 kind;
} actions[] = {
	{ "show", ACME_SHOW },
	{ "register", ACME_REGISTER },
	{ "update", ACME_UPDATE },
	{ "rollover", ACME_ROLLOVER },
	{ "deactivate", ACME_DEACTIVATE },
	{ "orders", ACME_ORDERS },
	{ "deauthorize", ACME_DROP_AUTHZ },
};

enum outcome
cmd_account(const struct cmd_options *options, int argc, char **argv)
{
	static const struct option longs[] = { { NULL, 0, NULL, 0 } };
	struct msg_setup setup = { .command = CMD_ACCOUNT, .action = -1 };
	enum outcome outcome = OUT_RETRY;
	const char *word;
	size_t i;

	if (getopt_long(argc, argv, "", longs, NULL) != -1)
		return cmd_usage("account", "wrong option");
	word = optind < argc ? argv[optind] : "show";
	for (i = 0; i < NITEMS(actions); i++)
		if (strcmp(actions[i].word, word) == 0)
			setup.action = actions[i].kind;
	if (setup.action == -1)
		return cmd_usage("account", "no such action: %s", word);
	if (setup.action == ACME_DROP_AUTHZ) {
		if (argc - optind != 3)
			return cmd_usage("account",
			    "deauthorize: want the name of a CA and the URL of an "
			    "authorization there");
		setup.url = argv[--argc];
	}
	if (cmd_names(argc, argv, optind + 1, &setup.certs) == 0)
		outcome = cmd_run(options, &setup);
	strs_clear(&setup.certs);
	return outcome;
}

/* RFC 5280 section 5.3.1, as far as a subscriber may say so. */
static const struct {
	const char	*word;
	int64_t		 code;
} reasons[] = {
	{ "unspecified", 0 },
	{ "keyCompromise", 1 },
	{ "affiliationChanged", 3 },
	{ "superseded", 4 },
	{ "cessationOfOperation", 5 },
};

static int64_t
reason_of(const char *word)
{
	size_t i;

	for (i = 0; i < NITEMS(reasons); i++)
		if (strcasecmp(reasons[i].word, word) == 0)
			return reasons[i].code;
	return -1;
}

enum outcome
cmd_revoke(const struct cmd_options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "by-certificate-key", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	struct msg_setup setup = { .command = CMD_REVOKE, .reason = -1 };
	enum outcome outcome = OUT_RETRY;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'r':
			if ((setup.reason = reason_of(optarg)) == -1)
				return cmd_usage("revoke",
				    "--reason: want unspecified, keyCompromise, "
				    "affiliationChanged, superseded or cessationOfOperation, have "
				    "%s", optarg);
			break;
		case 'k':
			setup.by_cert_key = true;
			break;
		default:
			return cmd_usage("revoke", "wrong option");
		}
	if (argc - optind != 1)
		return cmd_usage("revoke", "want the name of one certificate");
	if (cmd_names(argc, argv, optind, &setup.certs) == 0)
		outcome = cmd_run(options, &setup);
	strs_clear(&setup.certs);
	return outcome;
}
