/*
 * profiles: the tls.cfg of a running Kamailio, and whether each profile of it
 * would load at the next reload. One file that does not makes Kamailio refuse
 * all of them.
 *
 * Files are loaded into libssl as Kamailio does it, with the same library and
 * the system's settings. Nothing of them is kept but what is public.
 */
#ifndef KAMCERT_PROFILES_H
#define KAMCERT_PROFILES_H

#include "base/err.h"
#include "cert.h"
#include "hooks/hook.h"
#include "install.h"
#include "tlscfg.h"

struct x509_st;
struct stack_st_X509;

/*
 * Reads tls.cfg where the server says it is. HOLD when it cannot be: e->sys
 * tells apart what we may not read (EACCES) and what is not there (ENOENT).
 */
MUST_CHECK int	profiles_read(const struct hook_facts *, struct tlscfg *, struct err *e);

struct profiles_loaded {
	struct stack_st_X509	*certs;		/* as in its file, leaf first; empty: none */
	struct stack_st_X509	*certs2;	/* of certificate2, likewise */
	struct stack_st_X509	*roots;		/* of its ca_list */
	/* the earliest nextUpdate; 0: no crl, or it does not say */
	int64_t			 crl_until;
	bool			 judged;	/* all files could be looked at */
};

/*
 * Loads the profile's files. HOLD with file and line of tls.cfg, where a
 * reload would fail for this profile; what we may not read ourselves is not judged.
 * reader is the server's user, NULL if that is not known. profiles_unload() in any case.
 */
MUST_CHECK int	profiles_load(const struct hook_facts *, const struct tlscfg_profile *,
		    const struct install_reader *reader, struct profiles_loaded *, struct err *e);
void		profiles_unload(struct profiles_loaded *);

/* Where a path leads, symbolic links followed one by one. */
enum profiles_home {
	HOME_FOREIGN,
	HOME_CURRENT,		/* through certs/NAME/current of the state folder */
	HOME_VERSION,		/* into one of its versions, past current */
};

/* cert (a certificate's name; NULL: any) of the state folder. */
enum profiles_home profiles_home(const char *path, const char *state_dir, const char *cert);

/* How many contexts each process of the server makes. */
int64_t		profiles_count(const struct tlscfg *);

/* The one of a hook's user among those of install_rights(); NULL if there is none. */
const struct install_reader *profiles_reader(const struct install_rights *, const char *user);

/*
 * For preflight: HOLD when there is too little memory for a reload, or when
 * tls.cfg is one that Kamailio cannot parse; FINDING when a reload is likely to
 * be refused, because a profile whose files are not in this state folder does
 * not load. The server has the last word on that. What cannot be judged is
 * passed over. *count is how many profiles there are, 0 where nobody can say.
 */
MUST_CHECK int	profiles_hold(const struct hook_facts *, const struct install_reader *,
		    const char *state_dir, int64_t *count, struct err *e);

#endif
