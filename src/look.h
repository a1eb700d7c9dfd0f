/*
 * look: what the steps of `kamcert check` share. Each thing that is looked at
 * becomes a finding, good or bad.
 */
#ifndef KAMCERT_LOOK_H
#define KAMCERT_LOOK_H

#include "base/err.h"
#include "hooks/hook.h"
#include "job.h"

struct instance;
struct tlscfg;
struct tlscfg_profile;

/* A finding with the class and text of e; a good one if the class is OK. */
void	look_tell(struct job *, const char *what, const struct err *e);
void	look_fine(struct job *, const char *what, const char *fmt, ...) PRINTF(3, 4);

/* A finding about a profile of tls.cfg, with its line; hint NULL: none. */
void	look_profile(struct job *, const struct hook_facts *, const struct tlscfg_profile *,
	    const char *hint, const char *text);

/*
 * The server that answered: is its release safe to reload, how long will its
 * memory do, would its tls.cfg load, and does that serve this certificate?
 * What concerns the server alone is told to the first job that asks.
 */
void	look_profiles(struct job *, const struct hook_conf *, struct instance *);

/*
 * The same of facts from wherever they are: tls.cfg, and where there is a
 * version, its release. Not the first time: only what concerns this certificate.
 */
void	look_tls_cfg(struct job *, const struct hook_conf *, const struct hook_facts *, bool first);

/*
 * A Kamailio that could not be asked: its tls.cfg as kamailio.cfg names it, if
 * that is the configuration of the server that the hook means.
 */
void	look_unasked(struct job *, const struct hook_conf *, struct instance *);

/* Does this tls.cfg serve the job's certificate for each of its names, and does SIP accept them? */
void	look_names(struct job *, const struct hook_conf *, const struct hook_facts *,
	    const struct tlscfg *);

#endif
