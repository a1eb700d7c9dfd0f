/*
 * config_types: the structs of config.h as pack tables, for the roles that
 * are handed a configuration and never parse one.
 */
#include <string.h>

#include "config.h"

#define CERT_OCTETS_MAX	(16 * 1024 * 1024)	/* packed: a file of a configuration is no larger */

const char *const config_checks[] = { CHECK_CHAIN, CHECK_SILENT, CHECK_RESTART, CHECK_CONNECTIONS,
    CHECK_MEMORY, CHECK_LOG, "none", NULL };

const struct pack ca_conf_pack = PACK(ca_conf,
	{ PACK_STR, offsetof(struct ca_conf, name), NULL },
	{ PACK_STR, offsetof(struct ca_conf, directory), NULL },
	{ PACK_STR, offsetof(struct ca_conf, staging), NULL },
	{ PACK_STRS, offsetof(struct ca_conf, contact), NULL },
	{ PACK_BOOL, offsetof(struct ca_conf, agree_tos), NULL },
	{ PACK_STR, offsetof(struct ca_conf, ca_file), NULL },
	{ PACK_STR, offsetof(struct ca_conf, trust_bundle), NULL },
	{ PACK_STRS, offsetof(struct ca_conf, hosts), NULL },
	{ PACK_STR, offsetof(struct ca_conf, eab_kid), NULL },
	{ PACK_STR, offsetof(struct ca_conf, eab_key_file), NULL },
	{ PACK_STR, offsetof(struct ca_conf, eab_alg), NULL });

const struct pack challenge_conf_pack = PACK(challenge_conf,
	{ PACK_STR, offsetof(struct challenge_conf, type), NULL },
	{ PACK_STRS, offsetof(struct challenge_conf, listen), NULL },
	{ PACK_STR, offsetof(struct challenge_conf, webroot), NULL },
	{ PACK_STRS, offsetof(struct challenge_conf, program), NULL },
	{ PACK_STR, offsetof(struct challenge_conf, user), NULL },
	{ PACK_BOOL, offsetof(struct challenge_conf, new_privileges), NULL },
	{ PACK_I64, offsetof(struct challenge_conf, propagation), NULL },
	{ PACK_STR, offsetof(struct challenge_conf, resolver), NULL },
	{ PACK_BOOL, offsetof(struct challenge_conf, no_self_check), NULL });

const struct pack cert_conf_pack = PACK(cert_conf,
	{ PACK_STR, offsetof(struct cert_conf, name), NULL },
	{ PACK_STRS, offsetof(struct cert_conf, names), NULL },
	{ PACK_STRS, offsetof(struct cert_conf, key), NULL },
	{ PACK_BOOL, offsetof(struct cert_conf, reuse_key), NULL },
	{ PACK_BOOL, offsetof(struct cert_conf, next_key), NULL },
	{ PACK_STR, offsetof(struct cert_conf, csr), NULL },
	{ PACK_STR, offsetof(struct cert_conf, private_key), NULL },
	{ PACK_STRS, offsetof(struct cert_conf, ca), NULL },
	{ PACK_STR, offsetof(struct cert_conf, profile), NULL },
	{ PACK_BOOL, offsetof(struct cert_conf, profile_required), NULL },
	{ PACK_I64, offsetof(struct cert_conf, renew_before), NULL },
	{ PACK_STRS, offsetof(struct cert_conf, window), NULL },
	{ PACK_STR, offsetof(struct cert_conf, time_zone), NULL },
	{ PACK_LIST, offsetof(struct cert_conf, challenges), &challenge_conf_pack },
	{ PACK_LIST, offsetof(struct cert_conf, hooks), &hook_conf_pack },
	{ PACK_I64, offsetof(struct cert_conf, hooks_at_once), NULL },
	{ PACK_I64, offsetof(struct cert_conf, hooks_pause), NULL },
	{ PACK_BOOL, offsetof(struct cert_conf, hooks_partial), NULL },
	{ PACK_STR, offsetof(struct cert_conf, user), NULL },
	{ PACK_STR, offsetof(struct cert_conf, group), NULL });

static const struct pack config_file_pack = PACK(config_file,
	{ PACK_STR, offsetof(struct config_file, path), NULL },
	{ PACK_I64, offsetof(struct config_file, dev), NULL },
	{ PACK_I64, offsetof(struct config_file, ino), NULL },
	{ PACK_I64, offsetof(struct config_file, size), NULL },
	{ PACK_I64, offsetof(struct config_file, mtime_ns), NULL },
	{ PACK_I64, offsetof(struct config_file, ctime_ns), NULL });

const struct pack config_pack = PACK(config,
	{ PACK_STR, offsetof(struct config, path), NULL },
	{ PACK_LIST, offsetof(struct config, files), &config_file_pack },
	{ PACK_STR, offsetof(struct config, state_dir), NULL },
	{ PACK_I64, offsetof(struct config, jobs), NULL },
	{ PACK_STR, offsetof(struct config, log), NULL },
	{ PACK_STR, offsetof(struct config, sandbox), NULL },
	{ PACK_STRS, offsetof(struct config, role_users), NULL },
	{ PACK_I64, offsetof(struct config, watch), NULL },
	{ PACK_LIST, offsetof(struct config, cas), &ca_conf_pack },
	{ PACK_LIST, offsetof(struct config, certs), &cert_conf_pack });

int
config_cert_digest(const struct cert_conf *conf, char hex[CONFIG_DIGEST_LEN + 1], struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct buf all, text;
	int rc = -1;

	buf_init(&all, CERT_OCTETS_MAX);
	buf_init(&text, CONFIG_DIGEST_LEN);
	pack_write(&cert_conf_pack, conf, &all);
	if (buf_ok(&all) && sha256(buf_span(&all), digest) == 0) {
		buf_hex(&text, span_of(digest, sizeof(digest)));
		rc = buf_ok(&text) ? 0 : -1;
	}
	if (rc == 0)
		memcpy(hex, buf_cstr(&text), CONFIG_DIGEST_LEN + 1);
	else
		(void)err_nomem(e);
	buf_clear(&all);
	buf_clear(&text);
	return rc;
}

size_t
config_parts(const struct cert_conf *conf)
{
	return conf->csr != NULL ? 1 : conf->key.n;
}

bool
config_is_seen(const struct cert_conf *conf)
{
	const struct hook_conf *h = conf->hooks.v;

	for (size_t i = 0; i < conf->hooks.n; i++)
		if (h[i].verify.n > 0)
			return true;
	return false;
}

const struct ca_conf *
config_ca(const struct config *cfg, const char *name)
{
	const struct ca_conf *ca = cfg->cas.v;

	for (size_t i = 0; i < cfg->cas.n; i++)
		if (strcmp(ca[i].name, name) == 0)
			return &ca[i];
	return NULL;
}

const struct cert_conf *
config_cert(const struct config *cfg, const char *name)
{
	const struct cert_conf *cert = cfg->certs.v;

	for (size_t i = 0; i < cfg->certs.n; i++)
		if (strcmp(cert[i].name, name) == 0)
			return &cert[i];
	return NULL;
}
