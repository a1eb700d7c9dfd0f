/*
 * cmd_discover: `kamcert check --discover`.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "discover.h"
#include "kamcfg.h"

#define KAMAILIO_CFG	"/etc/kamailio/kamailio.cfg"
#define TLS_CFG		"/etc/kamailio/tls.cfg"
#define CERTBOT		"/etc/letsencrypt"
#define PROPOSAL_MAX	(4 * 1024 * 1024)

struct places {
	const char	*kamailio;
	const char	*tls_cfg;	/* NULL: as kamailio.cfg says */
	const char	*certbot;
};

static int
propose(const struct places *at, struct buf *out, struct err *e)
{
	struct discovery d = { 0 };
	struct kamcfg kamailio = { 0 };
	const char *tls_cfg = at->tls_cfg;
	bool found = access(at->kamailio, F_OK) == 0;
	int rc = -1;

	if (found && kamcfg_read(at->kamailio, &kamailio, e) == -1)
		return -1;
	if (tls_cfg == NULL)
		tls_cfg = kamailio.tls_config != NULL ? kamailio.tls_config : TLS_CFG;
	if (discover_certbot(at->certbot, &d, e) == 0 &&
	    discover_profiles(tls_cfg, found ? &kamailio : NULL, &d, e) == 0) {
		discover_write(&d, found ? &kamailio : NULL, out);
		rc = buf_ok(out) ? 0 : err_nomem(e);
	}
	if (rc == 0 && d.sightings.n == 0) {
		rc = err_set(e, OUT_FINDING, "%s names no certificate that can be read: there is "
		    "nothing to propose", tls_cfg);
		(void)err_hint(e, "--kamailio-cfg, --tls-cfg and --certbot say where to look");
	}
	pack_clear(&kamcfg_pack, &kamailio);
	pack_clear(&discovery_pack, &d);
	return rc;
}

/* argv[1] is "--discover", or comes later. */
enum outcome
cmd_discover(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "discover", no_argument, NULL, 'D' },
		{ "kamailio-cfg", required_argument, NULL, 'k' },
		{ "tls-cfg", required_argument, NULL, 't' },
		{ "certbot", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	struct places at = { KAMAILIO_CFG, NULL, CERTBOT };
	enum outcome outcome = OUT_OK;
	struct err e = ERR_NONE;
	struct buf out;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'D':
			break;
		case 'k':
			at.kamailio = optarg;
			break;
		case 't':
			at.tls_cfg = optarg;
			break;
		case 'b':
			at.certbot = optarg;
			break;
		default:
			return cmd_usage("check", "wrong option");
		}
	if (optind < argc)
		return cmd_usage("check", "--discover takes no names");
	buf_init(&out, PROPOSAL_MAX);
	if (propose(&at, &out, &e) == -1) {
		report_error("discover", &e);
		outcome = e.class;
	}
	if (fwrite(buf_cstr(&out), 1, out.n, stdout) != out.n || fflush(stdout) == EOF)
		outcome = OUT_RETRY;
	buf_clear(&out);
	return outcome;
}
