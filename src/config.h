/*
 * config: kamcert.conf, read with libconfuse into structs that nobody changes.
 *
 * All errors of a file are reported in one run, each with file and line, the
 * option, what was seen and what is allowed. Defaults suit Let's Encrypt and
 * Debian's Kamailio. The structs are described by pack tables, so that the
 * starter can hand the configuration to the keeper as octets.
 */
#ifndef KAMCERT_CONFIG_H
#define KAMCERT_CONFIG_H

#include "base/err.h"
#include "base/pack.h"
#include "hooks/hook.h"

#define CONFIG_DEFAULT_RENEW	-1	/* renew-before not set: the rule of due.h decides */
#define CONFIG_NO_WATCH	-1	/* the daemon does not look at what is served */
#define CONFIG_NO_PROPAGATION	-1	/* the CA is told without a look at the DNS */

struct ca_conf {
	char		*name;
	char		*directory;	/* https URL */
	char		*staging;	/* https URL or NULL: where renew --dry-run orders */
	struct strs	 contact;	/* mailto: URLs */
	bool		 agree_tos;
	/* PEM bundle that vouches for the CA's HTTPS server; NULL: the system's */
	char		*ca_file;
	/* PEM roots that issued chains must lead to; NULL: the system's */
	char		*trust_bundle;
	struct strs	 hosts;		/* further hosts that the CA's URLs may name */
	char		*eab_kid;	/* external account binding, NULL: none */
	char		*eab_key_file;	/* base64url HMAC key */
	char		*eab_alg;	/* HS256, HS384, HS512 */
};

#define CHALLENGE_ALPN	"tls-alpn-01"
#define CHALLENGE_PERSIST "dns-persist-01"
#define CHALLENGE_ACCOUNT "dns-account-01"

struct challenge_conf {
	char		*type;		/* "http-01", ... */
	struct strs	 listen;	/* [address]:port for the listener */
	char		*webroot;	/* or a document root, or */
	struct strs	 program;	/* dns-01: an operator's program with its arguments */
	char		*user;		/* that it is run as; NULL: as we are */
	bool		 new_privileges;	/* it may gain some */
	int64_t		 propagation;	/* seconds for all name servers, or CONFIG_NO_PROPAGATION */
	char		*resolver;	/* "address:port"; NULL: the system's, and port 53 */
	bool		 no_self_check;	/* the CA is asked without a look at the names before */
};

/* Words of rollback-on: what else than the new leaf is looked at behind a reload. */
#define CHECK_CHAIN		"chain"		/* the chain as sent, not only the leaf */
#define CHECK_SILENT		"silent"	/* nobody answers behind the handshake */
#define CHECK_RESTART		"restart"	/* another process is there */
#define CHECK_CONNECTIONS	"connections"	/* old ones were lost */
#define CHECK_MEMORY		"memory"	/* too little is left for a further reload */
#define CHECK_LOG		"log"		/* its error log tells of trouble */

extern const char *const config_checks[];	/* all of them, "none", and NULL */

struct cert_conf {
	char		*name;		/* also the folder's name: [a-z0-9._-], no leading dot */
	struct strs	 names;		/* canonical host names, at least one, no doubles */
	/* "ecdsa-p256", ...: one, or an RSA and an ECDSA one; none with a csr */
	struct strs	 key;
	bool		 reuse_key;	/* a renewal keeps the keys */
	bool		 next_key;	/* the keys of the next renewal are made ahead */
	char		*csr;		/* an operator's request in place of keys; NULL: none */
	char		*private_key;	/* of that request; NULL: only the operator has it */
	struct strs	 ca;		/* names of ca sections in order of preference */
	char		*profile;	/* that the CA is asked for; NULL: its default */
	bool		 profile_required;	/* else left out where the CA lacks it */
	int64_t		 renew_before;	/* seconds, or CONFIG_DEFAULT_RENEW */
	struct strs	 window;	/* "02:00-05:00", empty: always */
	char		*time_zone;	/* of all windows; NULL: the system's */
	struct list	 challenges;	/* struct challenge_conf, at least one */
	struct list	 hooks;		/* struct hook_conf */
	int64_t		 hooks_at_once;	/* servers that are told together, behind the first one */
	int64_t		 hooks_pause;	/* seconds between one group of servers and the next */
	/* one that fails behind the first does not call back the others */
	bool		 hooks_partial;
	char		*user;		/* owner of the files, NULL: the one kamcert runs as */
	/* group of the files, NULL: the hooks' user's, else as user */
	char		*group;
};

struct config_file {
	char		*path;
	int64_t		 dev, ino, size, mtime_ns, ctime_ns;
};

struct config {
	char		*path;		/* of the main file */
	struct list	 files;		/* struct config_file: it and what it includes */
	char		*state_dir;
	int64_t		 jobs;		/* orders in flight */
	char		*log;		/* "stderr" or "syslog" */
	char		*sandbox;	/* "strict" or "best-effort" */
	struct strs	 role_users;	/* in the order of enum role; empty: the default ones */
	/* seconds between two looks of the daemon, or CONFIG_NO_WATCH */
	int64_t		 watch;
	struct list	 cas;		/* struct ca_conf */
	struct list	 certs;		/* struct cert_conf */
};

extern const struct pack config_pack;

/* Called for each error: one complete line without its end. */
typedef void config_complain(void *arg, const char *line);

/*
 * Reads path and what it includes. 0, or -1 with USAGE after every error was
 * told. pack_clear(&config_pack, cfg) frees it.
 */
MUST_CHECK int	config_read(const char *path, struct config *cfg, config_complain *, void *arg,
		    struct err *e);

/* SHA-256 of all that is configured for it, in hex: another one says that something was changed. */
#define CONFIG_DIGEST_LEN	64
MUST_CHECK int	config_cert_digest(const struct cert_conf *, char hex[CONFIG_DIGEST_LEN + 1],
		    struct err *e);

/* Parts of a certificate, see part.h. */
size_t		config_parts(const struct cert_conf *);

/* Is there a listener in whose handshakes a deployment is seen? */
bool		config_is_seen(const struct cert_conf *);

/* NULL if there is none of that name. */
const struct ca_conf	*config_ca(const struct config *, const char *name);
const struct cert_conf	*config_cert(const struct config *, const char *name);

#endif
