/*
 * look: a Kamailio that does not answer, by its kamailio.cfg. One that does not
 * start for want of a certificate is such a server.
 */
#include <stdlib.h>
#include <string.h>

#include "hooks/ctl.h"
#include "instance.h"
#include "kamcfg.h"
#include "look.h"

static bool
is_place(const char *text, const struct wire_addr *want)
{
	struct wire_addr a;
	struct err e;

	return wire_addr_parse(text, &a, &e) == 0 && strcmp(a.text, want->text) == 0;
}

/* Would a server with this configuration be told where the hook tells it? */
static bool
is_meant(const struct kamcfg *k, const struct hook_conf *hook)
{
	struct wire_addr want;
	struct err e;

	if (ctl_addr(hook, &want, &e) == -1 || want.remote)
		return false;
	for (size_t i = 0; i < k->binrpc.n; i++)
		if (is_place(k->binrpc.v[i], &want))
			return true;
	if (k->jsonrpc != NULL && want.speech == WIRE_JSONRPC && strchr(want.text, '/') != NULL &&
	    strcmp(strchr(want.text, '/'), k->jsonrpc) == 0)
		return true;
	return k->has_ctl && k->binrpc.n == 0 && is_place(CTL_DEFAULT, &want);
}

void
look_unasked(struct job *j, const struct hook_conf *hook, struct instance *in)
{
	bool first = instance_look_once(in);
	struct hook_facts facts;
	struct kamcfg k;
	struct err e = ERR_NONE;

	if (hook->kamailio_cfg == NULL || kamcfg_read(hook->kamailio_cfg, &k, &e) == -1)
		return;	/* the server's own answer has been told */
	if (k.tls_config != NULL && is_meant(&k, hook)) {
		hook_facts_init(&facts);	/* lends from k */
		facts.config_dir = k.dir;
		facts.tls_config = k.tls_config;
		facts.tls_certificate = k.certificate;
		facts.tls_private_key = k.private_key;
		if (first)
			look_fine(j, "tls.cfg", "%s, as %s names it", k.tls_config,
			    hook->kamailio_cfg);
		look_tls_cfg(j, hook, &facts, first);
	}
	pack_clear(&kamcfg_pack, &k);
}
