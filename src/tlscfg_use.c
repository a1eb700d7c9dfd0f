/*
 * tlscfg: which profile Kamailio takes. The first look is without a name;
 * only behind the default or a profile with a server_name does the name that
 * the client sends count, and one that no profile has then leads to the
 * default (tls_lookup_cfg()). Profiles are tried from the end of the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tlscfg.h"

static const struct tlscfg_profile *
profile_at(const struct tlscfg *cfg, size_t i)
{
	return (const struct tlscfg_profile *)cfg->profiles.v + i;
}

static bool
has_name(const struct tlscfg_profile *p)
{
	return p->server_name != NULL && p->server_name[0] != '\0';
}

/* Port 0 in a profile stands for all of them. */
static bool
is_at(const struct tlscfg_profile *p, const char *listener)
{
	const char *port = listener != NULL ? strrchr(listener, ':') : NULL;
	size_t ip;

	if (port == NULL)
		return false;
	ip = (size_t)(port - listener);
	return strcmp(p->where, listener) == 0 ||
	    (strncmp(p->where, listener, ip) == 0 && strcmp(p->where + ip, ":0") == 0);
}

static bool
is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n > d && name[n - d - 1] == '.' && strcasecmp(name + n - d, domain) == 0;
}

static bool
names(const struct tlscfg_profile *p, const char *name)
{
	if (!has_name(p))
		return false;
	if (p->name_mode != TLSCFG_BELOW && strcasecmp(p->server_name, name) == 0)
		return true;
	return (p->name_mode == TLSCFG_AND_BELOW || p->name_mode == TLSCFG_BELOW) &&
	    is_below(name, p->server_name);
}

/* Without a listener: the default. */
static const struct tlscfg_profile *
first_look(const struct tlscfg *cfg, const char *listener)
{
	const struct tlscfg_profile *p, *fallback = NULL;

	for (size_t i = cfg->profiles.n; i-- > 0;) {
		p = profile_at(cfg, i);
		if (p->kind != TLSCFG_SERVER)
			continue;
		if (is_at(p, listener))
			return p;
		if (strcmp(p->where, "default") == 0)
			fallback = p;
	}
	return fallback;
}

const struct tlscfg_profile *
tlscfg_choose(const struct tlscfg *cfg, const char *listener, const char *name)
{
	const struct tlscfg_profile *p, *first = first_look(cfg, listener);

	if (name == NULL || (strcmp(first->where, "default") != 0 && !has_name(first)))
		return first;
	for (size_t i = cfg->profiles.n; i-- > 0;) {
		p = profile_at(cfg, i);
		if (p->kind == TLSCFG_SERVER && names(p, name) &&
		    (strcmp(p->where, "any") == 0 || is_at(p, listener)))
			return p;
	}
	return first_look(cfg, NULL);
}

bool
tlscfg_hides_names(const struct tlscfg *cfg, const struct tlscfg_profile *p)
{
	bool any = false;

	for (size_t i = 0; i < cfg->profiles.n; i++)
		any = any || (profile_at(cfg, i)->kind == TLSCFG_SERVER &&
		    strcmp(profile_at(cfg, i)->where, "any") == 0);
	return any && p->kind == TLSCFG_SERVER && strcmp(p->where, "any") != 0 &&
	    strcmp(p->where, "default") != 0 && !has_name(p) && first_look(cfg, p->where) == p;
}

bool
tlscfg_is_elsewhere(const char *path)
{
	return strncmp(path, "/engine:", 8) == 0 || strncmp(path, "/uri:", 5) == 0;
}

const char *
tlscfg_label(const struct tlscfg_profile *p, char out[TLSCFG_LABEL])
{
	(void)snprintf(out, TLSCFG_LABEL, "[%s:%s]%s%.253s",
	    p->kind == TLSCFG_SERVER ? "server" : "client", p->where, has_name(p) ? " " : "",
	    has_name(p) ? p->server_name : "");
	return out;
}
