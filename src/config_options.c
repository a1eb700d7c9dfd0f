/*
 * config_options: the tables of options.
 *
 * A new option is a field, a row here, and a paragraph in kamcert.conf(5).
 */
#include "base/text.h"
#include "config_values.h"

#define NAME_OCTETS	96	/* of an unknown option that is compared with ours */

#define ROW(type, field)	offsetof(struct type, field)

static const struct option hook_options[] = {
	{ "rpc", OPTION_ONE, ROW(hook_conf, rpc), value_rpc, NULL },
	{ "user", OPTION_ONE, ROW(hook_conf, user), value_user, NULL },
	{ "kamailio-cfg", OPTION_ONE, ROW(hook_conf, kamailio_cfg), value_path, NULL },
	{ "tls-cfg", OPTION_ONE, ROW(hook_conf, tls_cfg), value_path, NULL },
	{ "profiles", OPTION_MANY, ROW(hook_conf, profiles), value_profile, NULL },
	{ "trusted-network", OPTION_ONE, ROW(hook_conf, trusted_network), value_bool, NULL },
	{ "verify", OPTION_MANY, ROW(hook_conf, verify), value_verify, NULL },
	{ "command", OPTION_MANY, ROW(hook_conf, command), value_command, NULL },
	{ "new-privileges", OPTION_ONE, ROW(hook_conf, new_privileges), value_bool, NULL },
	{ "unit", OPTION_ONE, ROW(hook_conf, unit), value_unit, NULL },
	{ "bus", OPTION_ONE, ROW(hook_conf, bus), value_rpc, NULL },
	{ "action", OPTION_ONE, ROW(hook_conf, action), value_action, NULL },
	{ "pid-file", OPTION_ONE, ROW(hook_conf, pid_file), value_path, NULL },
	{ "signal", OPTION_ONE, ROW(hook_conf, signal), value_signal, NULL },
	{ "ssl-cert", OPTION_ONE, ROW(hook_conf, ssl_cert), value_word, NULL },
	{ "window", OPTION_MANY, ROW(hook_conf, window), value_window, NULL },
	{ "max-connections", OPTION_ONE, ROW(hook_conf, max_connections), value_count, NULL },
	{ "error-log", OPTION_ONE, ROW(hook_conf, error_log), value_error_log, NULL },
	{ "unsafe-reload", OPTION_ONE, ROW(hook_conf, unsafe_reload), value_unsafe, NULL },
	{ "quiet-rate", OPTION_ONE, ROW(hook_conf, quiet_rate), value_jobs, NULL },
	{ "watch", OPTION_ONE, ROW(hook_conf, watch), value_pause, NULL },
	{ "rollback-on", OPTION_MANY, ROW(hook_conf, rollback_on), value_rollback_on, NULL },
	{ "timeout", OPTION_ONE, ROW(hook_conf, timeout), value_limit, NULL },
	{ "settle", OPTION_ONE, ROW(hook_conf, settle), value_limit, NULL },
};

static const struct section hook_section = {
	"hook", hook_options, NITEMS(hook_options), offsetof(struct reader, hook), finish_hook,
};

static const struct option challenge_options[] = {
	{ "listen", OPTION_MANY, ROW(challenge_conf, listen), value_listen, NULL },
	{ "webroot", OPTION_ONE, ROW(challenge_conf, webroot), value_path, NULL },
	{ "program", OPTION_MANY, ROW(challenge_conf, program), value_command, NULL },
	{ "user", OPTION_ONE, ROW(challenge_conf, user), value_user, NULL },
	{ "new-privileges", OPTION_ONE, ROW(challenge_conf, new_privileges), value_bool, NULL },
	{ "propagation", OPTION_ONE, ROW(challenge_conf, propagation), value_propagation, NULL },
	{ "resolver", OPTION_ONE, ROW(challenge_conf, resolver), value_resolver, NULL },
	{ "self-check", OPTION_ONE, ROW(challenge_conf, no_self_check), value_self_check, NULL },
};

static const struct section challenge_section = {
	"challenge", challenge_options, NITEMS(challenge_options),
	offsetof(struct reader, challenge), finish_challenge,
};

static const struct option certificate_options[] = {
	{ "names", OPTION_MANY, ROW(cert_conf, names), value_name, NULL },
	{ "key", OPTION_MANY, ROW(cert_conf, key), value_key, NULL },
	{ "reuse-key", OPTION_ONE, ROW(cert_conf, reuse_key), value_bool, NULL },
	{ "next-key", OPTION_ONE, ROW(cert_conf, next_key), value_bool, NULL },
	{ "csr", OPTION_ONE, ROW(cert_conf, csr), value_path, NULL },
	{ "private-key", OPTION_ONE, ROW(cert_conf, private_key), value_path, NULL },
	{ "ca", OPTION_MANY, ROW(cert_conf, ca), value_ca, NULL },
	{ "profile", OPTION_ONE, ROW(cert_conf, profile), value_word, NULL },
	{ "profile-required", OPTION_ONE, ROW(cert_conf, profile_required), value_bool, NULL },
	{ "renew-before", OPTION_ONE, ROW(cert_conf, renew_before), value_renew, NULL },
	{ "window", OPTION_MANY, ROW(cert_conf, window), value_window, NULL },
	{ "time-zone", OPTION_ONE, ROW(cert_conf, time_zone), value_zone, NULL },
	{ "user", OPTION_ONE, ROW(cert_conf, user), value_user, NULL },
	{ "group", OPTION_ONE, ROW(cert_conf, group), value_user, NULL },
	{ "hooks-at-once", OPTION_ONE, ROW(cert_conf, hooks_at_once), value_jobs, NULL },
	{ "hooks-pause", OPTION_ONE, ROW(cert_conf, hooks_pause), value_pause, NULL },
	{ "hooks-partial", OPTION_ONE, ROW(cert_conf, hooks_partial), value_bool, NULL },
	{ "challenge", OPTION_SECTION, 0, NULL, &challenge_section },
	{ "hook", OPTION_SECTION, 0, NULL, &hook_section },
};

static const struct section certificate_section = {
	"certificate", certificate_options, NITEMS(certificate_options),
	offsetof(struct reader, cert), finish_certificate,
};

static const struct option ca_options[] = {
	{ "directory", OPTION_ONE, ROW(ca_conf, directory), value_https, NULL },
	{ "staging", OPTION_ONE, ROW(ca_conf, staging), value_https, NULL },
	{ "contact", OPTION_MANY, ROW(ca_conf, contact), value_contact, NULL },
	{ "agree-tos", OPTION_ONE, ROW(ca_conf, agree_tos), value_own_tos, NULL },
	{ "ca-file", OPTION_ONE, ROW(ca_conf, ca_file), value_path, NULL },
	{ "trust-bundle", OPTION_ONE, ROW(ca_conf, trust_bundle), value_path, NULL },
	{ "hosts", OPTION_MANY, ROW(ca_conf, hosts), value_host, NULL },
	{ "eab-kid", OPTION_ONE, ROW(ca_conf, eab_kid), value_word, NULL },
	{ "eab-key-file", OPTION_ONE, ROW(ca_conf, eab_key_file), value_path, NULL },
	{ "eab-alg", OPTION_ONE, ROW(ca_conf, eab_alg), value_alg, NULL },
};

static const struct section ca_section = {
	"ca", ca_options, NITEMS(ca_options), offsetof(struct reader, ca), finish_ca,
};

static const struct option top_options[] = {
	{ "state-dir", OPTION_ONE, ROW(top_conf, state_dir), value_path, NULL },
	{ "jobs", OPTION_ONE, ROW(top_conf, jobs), value_jobs, NULL },
	{ "log", OPTION_ONE, ROW(top_conf, log), value_log, NULL },
	{ "sandbox", OPTION_ONE, ROW(top_conf, sandbox), value_sandbox, NULL },
	{ "role-users", OPTION_MANY, ROW(top_conf, role_users), value_role_user, NULL },
	{ "watch", OPTION_ONE, ROW(top_conf, watch), value_watch, NULL },
	{ "time-zone", OPTION_ONE, ROW(top_conf, time_zone), value_zone, NULL },
	{ "agree-tos", OPTION_ONE, ROW(top_conf, agree_tos), value_bool, NULL },
	{ "ca", OPTION_SECTION, 0, NULL, &ca_section },
	{ "certificate", OPTION_SECTION, 0, NULL, &certificate_section },
	{ "include", OPTION_INCLUDE, 0, NULL, NULL },
};

const struct section config_top = {
	"", top_options, NITEMS(top_options), offsetof(struct reader, top), NULL,
};

_Static_assert(NITEMS(hook_options) <= CONFIG_OPTIONS_MAX &&
    NITEMS(challenge_options) <= CONFIG_OPTIONS_MAX &&
    NITEMS(certificate_options) <= CONFIG_OPTIONS_MAX && NITEMS(ca_options) <= CONFIG_OPTIONS_MAX &&
    NITEMS(top_options) <= CONFIG_TOP_MAX, "a section has more options than there is room for");

const struct option *
section_option(const struct section *section, struct span name)
{
	for (size_t i = 0; i < section->noptions; i++)
		if (span_is(name, section->options[i].name))
			return &section->options[i];
	return NULL;
}

/* How many octets must change to make one of the other. */
static unsigned
distance(struct span a, struct span b)
{
	unsigned row[NAME_OCTETS], before, corner, least;

	if (a.n >= NAME_OCTETS || b.n >= NAME_OCTETS)
		return NAME_OCTETS;
	for (size_t k = 0; k <= b.n; k++)
		row[k] = (unsigned)k;
	for (size_t i = 0; i < a.n; i++) {
		corner = row[0]++;
		for (size_t k = 0; k < b.n; k++) {
			before = row[k + 1];
			least = before < row[k] ? before + 1 : row[k] + 1;
			corner += a.p[i] != b.p[k];
			row[k + 1] = corner < least ? corner : least;
			corner = before;
		}
	}
	return row[b.n];
}

void
section_suggest(const struct section *section, struct span name, struct buf *b)
{
	const char *nearest = NULL;
	unsigned best = name.n < 4 ? 2 : 3, d;

	for (size_t i = 0; i < section->noptions; i++) {
		d = distance(name, span_str(section->options[i].name));
		if (d < best) {
			best = d;
			nearest = section->options[i].name;
		}
	}
	if (nearest != NULL) {
		buf_printf(b, "did you mean \"%s\"?", nearest);
		return;
	}
	buf_str(b, "want one of ");
	for (size_t i = 0; i < section->noptions; i++)
		buf_printf(b, "%s%s", i > 0 ? ", " : "", section->options[i].name);
}
