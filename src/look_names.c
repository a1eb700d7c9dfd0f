/*
 * look: does the tls.cfg serve this certificate, for all of its names, and
 * are these names that SIP knows it by (RFC 5922)?
 */
#include <arpa/inet.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "keeper.h"
#include "look.h"
#include "profiles.h"
#include "tlscfg_edit.h"

struct naming {
	struct job		*job;
	const struct hook_facts	*facts;
	const struct tlscfg	*cfg;
	const struct hook_conf	*hook;
};

static void	find(struct naming *, const struct tlscfg_profile *, const char *hint,
		    const char *fmt, ...) PRINTF(4, 5);

static void
find(struct naming *l, const struct tlscfg_profile *p, const char *hint, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	look_profile(l->job, l->facts, p, hint, text);
}

static enum profiles_home
home_of(const struct naming *l, const struct tlscfg_file *f)
{
	if (f->path == NULL)
		return HOME_FOREIGN;
	return profiles_home(f->path, l->job->keeper->setup.config.state_dir, l->job->conf->name);
}

/* A profile that kamcert keeps: both files are of the active version. */
static bool
is_kept(const struct naming *l, const struct tlscfg_profile *p)
{
	char dir[PATH_MAX];
	const struct tlscfg_file *files[] = { &p->certificate, &p->private_key };
	int n = snprintf(dir, sizeof dir, "%s/versions/%jd/", store_cert_path(l->job->folder),
	    (intmax_t)l->job->state.version);

	for (size_t i = 0; i < NITEMS(files); i++)
		if (files[i]->path == NULL || strncmp(files[i]->path, dir, (size_t)n) != 0)
			return false;
	return true;
}

/* FAULTS K07, before it happens. */
static void
look_at_files(struct naming *l, const struct tlscfg_profile *p, const char *name)
{
	const char *state = l->job->keeper->setup.config.state_dir;
	const char *cert = p->certificate.path != NULL ? p->certificate.path : "none";
	const char *key = p->private_key.path != NULL ? p->private_key.path : "none";
	enum profiles_home home = home_of(l, &p->certificate);
	char hint[ERR_HINT_MAX];

	if (p->line != 0 && tlscfg_is_among(p, &l->hook->profiles)) {
		if (!is_kept(l, p))
			find(l, p, "kamcert reload puts them there",
			    "it serves %s from other files than "
			    "those of the active version: %s", name, cert);
		return;
	}
	(void)snprintf(hint, sizeof hint, "name fullchain.pem and privkey.pem of "
	    "%s/certs/%s/current there", state, l->job->conf->name);
	if (home == HOME_FOREIGN)
		find(l, p, hint, "it serves %s, with a certificate that is not this one: %s", name,
		    cert);
	else if (home == HOME_VERSION)
		find(l, p, hint, "it serves %s from a version that never changes, so that a "
		    "renewal is not seen: %s", name, cert);
	else if (home_of(l, &p->private_key) != HOME_CURRENT)
		find(l, p, hint, "it serves %s with a key that is not renewed with the "
		    "certificate: %s", name, key);
}

/* What verify looks at, "sips:192.0.2.1:5061": the address is as in tls.cfg, a name is in none. */
static void
look_at_name(struct naming *l, const struct hook_conf *hook, const char *name)
{
	const struct tlscfg_profile *p, *last = NULL;
	const char *listener;
	size_t i = 0;

	do {
		listener = i < hook->verify.n ? strchr(hook->verify.v[i], ':') : NULL;
		p = tlscfg_choose(l->cfg, listener != NULL ? listener + 1 : NULL, name);
		if (p != last)
			look_at_files(l, p, name);
		last = p;
	} while (++i < hook->verify.n);
}

/* --- RFC 5922 --- */

/* Section 7.1: a sip URI without a user part; once there is one, only such count. */
static const char *
sip_domain(const char *other_name)
{
	static const char prefix[] = "URI:sip:";

	if (strncasecmp(other_name, prefix, strlen(prefix)) != 0 || strchr(other_name, '@') != NULL)
		return NULL;
	return other_name + strlen(prefix);
}

static bool
is_identity(const struct cert_facts *leaf, const char *name)
{
	bool by_uri = false;
	const char *domain;
	size_t i;

	for (i = 0; i < leaf->other_names.n; i++) {
		if ((domain = sip_domain(leaf->other_names.v[i])) == NULL)
			continue;
		by_uri = true;
		if (strcasecmp(domain, name) == 0)
			return true;
	}
	for (i = 0; !by_uri && i < leaf->names.n; i++)
		if (strcasecmp(leaf->names.v[i], name) == 0)
			return true;
	return false;
}

static void
look_at_identities(struct naming *l, const struct cert_facts *leaf)
{
	const struct strs *names = &l->job->conf->names;
	struct err e = ERR_NONE;

	for (size_t i = 0; i < names->n; i++) {
		if (strncmp(names->v[i], "*.", 2) != 0 && is_identity(leaf, names->v[i]))
			continue;
		(void)err_set(&e, OUT_FINDING, "%s: RFC 5922 section 7: %s", names->v[i],
		    names->v[i][0] == '*' ? "SIP knows no wildcards: it stands for no SIP domain" :
		    "it does not make the certificate one for this SIP domain");
		(void)err_hint(&e, "add the SIP domains themselves to names");
		look_tell(l->job, "identity", &e);
	}
}

static void
look_at_server_names(struct naming *l, const struct cert_facts *leaf)
{
	const struct tlscfg_profile *p = l->cfg->profiles.v;

	for (size_t i = 0; i < l->cfg->profiles.n; i++) {
		if (p[i].kind != TLSCFG_SERVER || p[i].server_name == NULL ||
		    p[i].server_name[0] == '\0' || p[i].name_mode == TLSCFG_BELOW ||
		    home_of(l, &p[i].certificate) == HOME_FOREIGN ||
		    is_identity(leaf, p[i].server_name))
			continue;
		find(l, &p[i], "add it to names", "RFC 5922 section 7: the certificate does not "
		    "name its server_name, or only by a wildcard");
	}
}

/* Browsers, behind wss only, go by other rules. */
static bool
is_for_sip(const struct hook_conf *hook)
{
	for (size_t i = 0; i < hook->verify.n; i++)
		if (strncmp(hook->verify.v[i], "wss:", 4) != 0)
			return true;
	return hook->verify.n == 0;
}

static void
look_at_leaf(struct naming *l)
{
	struct certs certs = { 0 };
	struct err e = ERR_NONE;
	struct buf pem;

	if (l->job->state.version == 0)
		return;
	buf_init(&pem, CHAIN_MAX);
	if (install_read(l->job->folder, l->job->state.version, "fullchain.pem", &pem, &e) == 0 &&
	    chain_read(buf_span(&pem), &certs, &e) == 0) {
		look_at_identities(l, certs.all.v);
		look_at_server_names(l, certs.all.v);
	}	/* else: told with the files */
	pack_clear(&certs_pack, &certs);
	buf_clear(&pem);
}

void
look_names(struct job *j, const struct hook_conf *hook, const struct hook_facts *facts,
    const struct tlscfg *cfg)
{
	struct naming l = { .job = j, .facts = facts, .cfg = cfg, .hook = hook };
	const struct strs *names = &j->conf->names;
	uint8_t ip[16];

	for (size_t i = 0; i < names->n; i++)
		if (names->v[i][0] != '*')
			look_at_name(&l, hook, inet_pton(AF_INET, names->v[i], ip) == 1 ||
			    inet_pton(AF_INET6, names->v[i], ip) == 1 ? NULL : names->v[i]);
	if (is_for_sip(hook))
		look_at_leaf(&l);
}
