/*
 * discover: a configuration that is proposed from what is there: Kamailio's
 * configuration, its tls.cfg with the certificates that it names, and the
 * folder of certbot. Files are read; nobody is asked and nothing is written.
 */
#ifndef KAMCERT_DISCOVER_H
#define KAMCERT_DISCOVER_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"
#include "cert.h"

struct kamcfg;

/* What certbot has for a certificate: renewal/NAME.conf. */
struct lineage {
	char	*name;
	char	*path;		/* live/NAME/fullchain.pem, links followed; NULL: not there */
	char	*server;	/* URL of the CA's directory */
	char	*authenticator;	/* "webroot", "standalone", "dns-rfc2136", ... */
	char	*webroot;
	char	*hook;		/* a command that runs after a renewal */
	bool	 used;		/* by a profile of tls.cfg */
};

/* A certificate that some profiles of tls.cfg use. */
struct sighting {
	char		*path;		/* as tls.cfg leads to it */
	char		*real;		/* links followed */
	struct cert_facts leaf;
	struct strs	 profiles;	/* "server:default", ... */
	struct strs	 places;	/* "tls.cfg:12: [server:default]" */
	int64_t		 lineage;	/* index, -1: not certbot's */
};

struct discovery {
	struct list	 lineages;
	struct list	 sightings;
	struct strs	 notes;		/* what could not be read or is left alone, one line each */
};

extern const struct pack discovery_pack;

/*
 * certbot is its folder, "/etc/letsencrypt"; one that is not there is no error.
 * RETRY without memory.
 */
MUST_CHECK int	discover_certbot(const char *certbot, struct discovery *, struct err *e);

/* kamailio NULL: its folder is not known. A tls.cfg that cannot be read is a note. */
MUST_CHECK int	discover_profiles(const char *tls_cfg, const struct kamcfg *kamailio,
		    struct discovery *, struct err *e);

/* Writes the proposal, which config_read() accepts. kamailio NULL: there is none. */
void	discover_write(const struct discovery *, const struct kamcfg *kamailio, struct buf *out);

#endif
