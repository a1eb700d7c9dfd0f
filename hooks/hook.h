/*
 * hook: telling a server that new certificates are in place.
 *
 * A hook type is one file and one row of hook_types[]. It runs in the
 * control role, one call after the other, and never sees a key. One that needs
 * a key, or the rights to signal or restart foreign processes, runs in the
 * courier role instead, which does nothing else; operators' programs are run
 * by the starter. It says what the server answered; whether the new
 * certificate is really served is for verify to find out.
 */
#ifndef KAMCERT_HOOKS_HOOK_H
#define KAMCERT_HOOKS_HOOK_H

#include "base/err.h"
#include "base/pack.h"

/* One `hook` section of the configuration. */
struct hook_conf {
	char		*type;		/* title of the section: "kamailio", "program", ... */
	/* where the server is told, in one of the forms of wire.h */
	char		*rpc;
	/* whose rights the server (or the program) has; NULL: not looked at / kamcert's own */
	char		*user;
	char		*kamailio_cfg;	/* kamailio: its main file, for when it cannot be asked */
	char		*tls_cfg;	/* kamailio: the file that is managed */
	struct strs	 profiles;	/* kamailio: those in it; empty: it is left alone */
	bool		 trusted_network;	/* kamailio: rpc may be no loopback address */
	/* sips:host:port, tls:host:port, wss:host:port: listeners to look at afterwards */
	struct strs	 verify;
	bool		 new_privileges;	/* program: it may gain some */
	struct strs	 command;	/* program: argument vector, [0] an absolute path */
	/* systemd: "haproxy.service"; kamailio: the one that it is restarted by */
	char		*unit;
	/* kamailio: where systemd is asked, in one of the forms of wire.h */
	char		*bus;
	char		*action;	/* systemd: "reload", "restart", "reload-or-restart" */
	char		*pid_file;	/* signal: absolute path */
	char		*signal;	/* signal: "HUP", ... */
	/* haproxy: its name for the file; NULL: where kamcert keeps it */
	char		*ssl_cert;
	struct strs	 window;	/* "02:00-05:00": when it may be disturbed; empty: always */
	/* kamailio: with as many open over TLS it is left alone; 0: never */
	int64_t		 max_connections;
	/* kamailio: "/path" or "journal:UNIT"; NULL: not looked at */
	char		*error_log;
	/* kamailio: "wait", "restart", "hold", "go-on" where a reload may crash it */
	char		*unsafe_reload;
	/* kamailio: new connections per second at most, to be quiet */
	int64_t		 quiet_rate;
	/* kamailio: seconds behind the proof, when it is looked at once more */
	int64_t		 watch;
	/* what leads back, of what can be told as a warning: proof.h */
	struct strs	 rollback_on;
	int64_t		 timeout;	/* seconds for one call */
	int64_t		 settle;	/* seconds in which verify must see the new certificate */
};

extern const struct pack hook_conf_pack;

/* What a server said about itself; -1 where it did not say. */
struct hook_facts {
	char	*version;		/* core.version, trimmed */
	int64_t	 pid;			/* of the main process */
	int64_t	 uptime;		/* seconds */
	int64_t	 shm_free;		/* octets */
	int64_t	 shm_used;
	int64_t	 tls_open;		/* open TLS connections, tls.info */
	int64_t	 tcp_children;		/* workers that hold a TLS context of their own */
	int64_t	 processes;
	/* tls.list was asked for: not with hundreds of connections */
	bool	 ids_known;
	struct blob tls_ids;		/* tls.list: u32 connection ids, big endian, ascending */

	bool	 remote;		/* not of this host: its files are not ours to look at */
	/* where its error log ended, for errlog_since(); NULL: not looked at */
	char	*log_mark;

	/* what is asked at preflight only; NULL and -1 where it was not told */
	int64_t	 release;		/* RELEASE() of its version */
	int64_t	 threads_mode;		/* tls_threads_mode of its main configuration file */
	int64_t	 low_memory;		/* octets; below this new TLS connections are refused */
	char	*allocator;		/* of shared memory: "qm", "fm", "tlsf" */
	bool	 unsafe_reload;		/* a reload that meets handshakes may crash it (K18) */
	/* no room for a reload (K12), for which it is restarted instead */
	bool	 cramped;
	bool	 leaks_memory;		/* each reload costs shared memory for good (K12) */
	/* of the main configuration file: where relative paths begin */
	char	*config_dir;
	/* "-w": where paths with a leading dot begin; "" if not given */
	char	*work_dir;
	char	*tls_config;		/* tls.cfg, as the server names it */
	char	*tls_certificate;	/* the module's settings, for profiles that name none */
	char	*tls_private_key;
};

extern const struct pack hook_facts_pack;

/* Nothing known. */
void	hook_facts_init(struct hook_facts *);

/* How many of the connections of before are still there; -1 if one of the lists is not known. */
int64_t	hook_survivors(const struct hook_facts *before, const struct hook_facts *after);

/* How many connections have come since, by the lists where both are known, else by the numbers. */
int64_t	hook_arrivals(const struct hook_facts *before, const struct hook_facts *after);

/* How a reload ended. Only HOOK_OK and HOOK_UNKNOWN leave it to verify. */
enum hook_result {
	HOOK_OK,	/* the server says that it has loaded the files */
	HOOK_REFUSED,	/* it says that it has not, and keeps the old ones */
	HOOK_UNKNOWN,	/* no answer that can be trusted: maybe loaded */
	HOOK_FAILED,	/* it was not asked: nothing has changed */
	HOOK_DOWN,	/* it does not run any more: the old files must be loaded again */
	HOOK_LATER,	/* not now, which says nothing about the files: nothing has changed */
};

/* Everything that a program is told, on standard input as one JSON object. */
struct hook_event {
	char		*event;		/* "deploy", "rollback" */
	struct strs	 certs;		/* names of the certificates */
	struct strs	 dirs;		/* their current directories, same order */
};

extern const struct pack hook_event_pack;

#define HOOK_HAS_RPC		(1u << 0)
#define HOOK_HAS_USER		(1u << 1)
#define HOOK_HAS_COMMAND	(1u << 2)
#define HOOK_HAS_UNIT		(1u << 3)
#define HOOK_HAS_ACTION		(1u << 4)
#define HOOK_HAS_PID_FILE	(1u << 5)
#define HOOK_HAS_SIGNAL		(1u << 6)
#define HOOK_HAS_SSL_CERT	(1u << 7)
#define HOOK_HAS_TRUSTED	(1u << 8)
#define HOOK_HAS_PROFILES	(1u << 9)	/* and tls-cfg */
#define HOOK_HAS_MAX		(1u << 10)
#define HOOK_HAS_PRIVILEGES	(1u << 11)
#define HOOK_HAS_FACTS		(1u << 12)	/* asked before and after: watch, error-log */
#define HOOK_HAS_BUS		(1u << 13)

struct hook_type {
	const char	*name;
	bool		 in_starter;	/* runs an operator's program */
	bool		 in_courier;	/* needs a key, or rights over other processes */
	unsigned	 options;	/* HOOK_HAS_... that a section may have */
	unsigned	 wants;		/* those that it must have, as there is no default */
	/* of what is not given; verify and command are not looked at */
	struct hook_conf defaults;
	const char	*verify;	/* default, NULL: none */

	/* Judges a section whose defaults are filled in; NULL: nothing more to say. USAGE. */
	int	(*check)(const struct hook_conf *, struct err *e);

	/*
	 * Is everything there, before anything is touched? HOLD or RETRY if
	 * not; facts for the record.
	 */
	int	(*preflight)(const struct hook_conf *, struct hook_facts *, struct err *e);

	/*
	 * Makes the server load its files, once. For all but HOOK_OK, e says
	 * why. Facts are those after.
	 */
	enum hook_result (*reload)(const struct hook_conf *, const struct hook_event *,
	    struct hook_facts *, struct err *e);

	/* Only the facts again; NULL where there are none. */
	int	(*facts)(const struct hook_conf *, struct hook_facts *, struct err *e);
};

/* By the title of a section; NULL if there is none. */
const struct hook_type *hook_find(const char *name);

/* The i-th type, NULL behind the last: for messages that list what is allowed. */
const struct hook_type *hook_at(size_t i);

/*
 * The section of the hook systemd that restarts the server of this one, if its
 * unsafe-reload says so; else false. Its texts are lent.
 */
bool hook_restart(const struct hook_conf *, struct hook_conf *restart);

/* Do two sections mean the same server, so that one reload does for both? */
bool	hook_same(const struct hook_conf *, const struct hook_conf *);

#endif
