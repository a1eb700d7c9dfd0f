/*
 * fakes_conf: the keeper's configuration, as script wants it.
 */
#include <stdio.h>

#include "fakes_private.h"

const char *
fake_challenge(void)
{
	return script.dns ? "dns-01" : script.alpn ? CHALLENGE_ALPN : "http-01";
}

/* Returns how many there are. */
static size_t
configure_hooks(struct fake_settings *s)
{
	size_t i, n = script.servers > 1 ? script.servers : 1;

	s->profile = fake_text("server:default");
	snprintf(s->tls_cfg, sizeof s->tls_cfg, "%s", fake_tls_cfg());
	for (i = 0; i < n; i++) {
		snprintf(s->rpc[i], sizeof s->rpc[i], "unix:/run/kamailio/%zu", i);
		snprintf(s->verify[i], sizeof s->verify[i], "sips:%zu.example.com:5061", i);
		s->verifies[i] = s->verify[i];
		s->hooks[i] = (struct hook_conf){ .type = fake_text("kamailio"), .rpc = s->rpc[i],
			.timeout = script.timeout != 0 ? script.timeout : 10, .settle = 10,
			.verify = { &s->verifies[i], !script.blind },
			.max_connections = script.max_connections, .watch = script.watch,
			.rollback_on = script.rollback_on, .quiet_rate = 2,
			.unsafe_reload = fake_text(script.unsafe_reload),
			.profiles = { &s->profile, script.managed }, .tls_cfg = s->tls_cfg,
			.unit = fake_text(FAKE_UNIT), .bus = fake_text(FAKE_BUS) };
		if (script.rollback_on.n == 0)
			s->hooks[i].rollback_on = (struct strs){ s->rollback_on, 2 };
	}
	s->rollback_on[0] = fake_text(CHECK_CHAIN);
	s->rollback_on[1] = fake_text(CHECK_SILENT);
	s->command = fake_text("/bin/true");
	s->hooks[n] = (struct hook_conf){ .type = fake_text("program"), .timeout = 10,
		.command = { &s->command, 1 } };
	return script.bare ? 0 : script.program ? n + 1 : n;
}

static void
configure_cas(struct fake_settings *s)
{
	static const char *const names[FAKE_CAS] = { "ca0", "ca1" };

	s->hosts[0] = fake_text(script.host != NULL ? script.host : FAKE_LOOPBACK);
	for (size_t i = 0; i < FAKE_CAS; i++) {
		s->ca_names[i] = fake_text(script.cas == 0 ? "ca" : names[i]);
		s->cas[i] = (struct ca_conf){ .name = s->ca_names[i], .agree_tos = !script.terms,
			.directory = fake_text(fake_url(i == 0 ? "/directory" : "/directory1")),
			.staging = fake_text(fake_url("/staging")),
			.hosts = { s->hosts, 1 },
			.trust_bundle = fake_text(fake_roots()) };
	}
}

void
fake_conf(struct fake_settings *s, struct config *c)
{
	size_t n = script.certs != 0 ? script.certs : 1, cas = script.cas != 0 ? script.cas : 1;
	size_t hooks = configure_hooks(s);

	s->key[0] = fake_text(script.key != NULL ? script.key : "ecdsa-p256");
	s->key[1] = fake_text("rsa-2048");
	s->listen = fake_text("127.0.0.1:80");
	configure_cas(s);
	s->challenge = (struct challenge_conf){ .type = fake_text(fake_challenge()),
		.listen = { &s->listen, 1 } };
	if (script.dns)
		s->challenge = (struct challenge_conf){ .type = fake_text(fake_challenge()),
			.program = { &s->command, 1 }, .propagation = 60 };
	for (size_t i = 0; i < n; i++) {
		s->names[i] = fake_text(fake_certs[i]);
		s->certs[i] = (struct cert_conf){ .name = s->names[i],
			.names = { &s->names[script.twins ? 0 : i], 1 },
			.key = { s->key, script.pair ? 2 : 1 },
			.reuse_key = script.reuse_key, .next_key = script.next_key,
			.ca = { s->ca_names, cas },
			.renew_before = CONFIG_DEFAULT_RENEW, .challenges = { &s->challenge, 1 },
			.hooks = { s->hooks, hooks }, .hooks_at_once = script.at_once,
			.hooks_partial = script.partial };
	}
	*c = (struct config){ .path = fake_text("/etc/kamcert.conf"), .jobs = 8,
		.state_dir = fake_text(fake_path("")), .log = fake_text("stderr"),
		.cas = { s->cas, cas }, .certs = { s->certs, n } };
}
