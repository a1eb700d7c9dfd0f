/*
 * message: what the roles say to one another.
 *
 * One struct and one pack table a type; the channel refuses what does not fit
 * its table. The arrows tell who may send a type; a role's handler table is
 * what enforces it.
 */
#ifndef KAMCERT_MESSAGE_H
#define KAMCERT_MESSAGE_H

#include "acme/acme.h"
#include "base/pack.h"
#include "caa.h"
#include "config.h"
#include "hooks/errlog.h"
#include "hooks/hook.h"

enum message_type {
	/* answers, anybody */
	MSG_DONE = 1,		/* it is done */
	MSG_FAILED,		/* struct msg_error */

	/* starter -> every role, before anything else; and its answer */
	MSG_WALLS,		/* struct walls: what to give up */
	MSG_WALLED,		/* struct walled: what was given up, or why it does not start */

	/* starter -> keeper */
	MSG_SETUP,		/* struct msg_setup: what this run is to do */
	MSG_STOP,		/* come to a clean end soon */

	/* keeper -> starter */
	/* struct msg_start; answered by MSG_STARTED with the role's channel */
	MSG_START,
	MSG_STARTED,		/* struct msg_started */
	MSG_RUN,		/* struct msg_run: an operator's program of the configuration */
	MSG_RECORD,		/* struct msg_record: the same for a challenge in the DNS */
	MSG_REPORT,		/* struct report */
	MSG_STATUS,		/* struct status: a row */
	MSG_END,		/* struct msg_end: the run is over */

	/* starter -> answer, on the channel that the keeper gets afterwards */
	MSG_LISTEN,		/* a listening socket for http-01 */
	MSG_LISTEN_TLS,		/* and for tls-alpn-01 */
	MSG_WEBROOT,		/* struct msg_webroot, and the directory */

	/* starter -> courier, likewise */
	MSG_ALLOW,		/* struct hook_conf: a hook of the configuration; no other is run */

	/* keeper -> answer */
	MSG_PUT,		/* struct msg_put: a challenge is pending */
	MSG_DROP,		/* struct msg_drop: it no longer is */
	MSG_FIND,		/* struct msg_dns: where do its CNAMEs lead? MSG_FOUND */
	MSG_FOUND,		/* struct msg_found */
	MSG_AWAIT,		/* struct msg_dns: until all name servers show it */
	MSG_LOOKUP,		/* struct msg_dns: what a CA will find about the name; MSG_LOOKED */
	MSG_LOOKED,		/* struct msg_looked */

	/* keeper -> net */
	MSG_TASK,		/* struct msg_task; answered by MSG_RESULT, asks in between */
	MSG_RESULT,		/* struct acme_result */
	MSG_FETCH,		/* struct msg_fetch: something that is no CA's; MSG_FETCHED */
	MSG_FETCHED,		/* struct msg_fetched */

	/* net -> keeper, while a task is under way */
	MSG_STEP,		/* struct msg_step: where it is */
	MSG_SIGN,		/* struct msg_sign; MSG_SIGNED */
	MSG_SIGNED,		/* struct msg_signed */
	MSG_SOLVE,		/* struct msg_solve: these challenges are to be put up; MSG_DONE */
	MSG_UNSOLVE,		/* struct msg_solve: and taken down */
	MSG_CSR,		/* struct msg_csr: the order is ready; MSG_CSR_IS */
	MSG_CSR_IS,		/* struct msg_csr_is */
	MSG_CHAIN,		/* struct msg_chain: is it fit? MSG_TAKE */
	MSG_TAKE,		/* struct msg_take */

	/* keeper -> control, courier */
	MSG_PREFLIGHT,		/* struct hook_conf; MSG_FACTS; to the starter for its types */
	MSG_FACTS,		/* struct hook_facts */
	MSG_RELOAD,		/* struct msg_reload; MSG_RELOADED */
	MSG_RELOADED,		/* struct msg_reloaded */
	MSG_WATCH,		/* struct msg_watch; MSG_WATCHED */
	MSG_WATCHED,		/* struct msg_watched */
	MSG_VERIFY,		/* struct verify_in; MSG_VERIFIED */
	MSG_VERIFIED,		/* struct verify_out */

	MSG_TYPES
};

struct message_info {
	const char		*name;
	const struct pack	*pack;		/* NULL: no body */
	bool			 answer;	/* goes to whoever asked with this identity */
	bool			 with_fd;
};

/* NULL for what is no type. */
const struct message_info *message_info(unsigned type);

struct msg_error {
	int64_t	 class;
	int64_t	 sys;
	int64_t	 retry_at;
	char	*text;
	char	*hint;
	int64_t	 trouble;	/* enum acme_trouble, for tasks */
};

enum command {
	CMD_RENEW,
	CMD_CHECK,
	CMD_STATUS,
	CMD_RELOAD,
	CMD_ROLLBACK,
	CMD_ACCOUNT,
	CMD_REVOKE,
	CMD_WATCH,	/* of the daemon; with force, what is found is put on record */
};

struct msg_setup {
	struct config	 config;
	int64_t		 command;
	struct strs	 certs;		/* names (of CAs, for CMD_ACCOUNT); empty: all */
	int64_t		 jobs;		/* orders in flight, 0: as configured */
	bool		 scheduled;	/* by the daemon: nothing is tried before its time */
	bool		 force;
	bool		 dry_run;
	bool		 no_hooks;
	int64_t		 version;	/* rollback: the one to go to, 0: the previous */
	int64_t		 action;	/* account: enum acme_kind */
	char		*url;		/* account deauthorize: of the authorization */
	int64_t		 reason;	/* revoke: RFC 5280 section 5.3.1, -1: none */
	bool		 by_cert_key;	/* revoke */
};

struct msg_start {
	int64_t		 role;
	struct strs	 certs;		/* those whose challenges the answer role is for */
};

/* What a certificate's challenges need and cannot have: a port that is taken, ... */
struct msg_lost {
	char			*cert;
	struct msg_error	 why;
};

struct msg_started {
	struct list	 lost;		/* struct msg_lost, of the answer role */
};

extern const struct pack msg_started_pack;

struct msg_run {
	char			*cert;
	int64_t			 hook;	/* index among the certificate's hooks */
	struct hook_event	 event;
};

struct msg_record {
	char	*cert;
	int64_t	 challenge;	/* index among the certificate's challenges */
	bool	 present;	/* else it is to be taken out */
	char	*name;		/* of the TXT record */
	char	*domain;	/* that is proven by it, without "*." */
	char	*value;
};

struct msg_end {
	int64_t	 outcome;
	/* unix seconds of the next thing to do; 0: not known; INT64_MAX: nothing */
	int64_t	 next;
};

struct msg_webroot {
	char	*path;
};

struct msg_put {
	char	*token;
	char	*key_authorization;
	char	*webroot;	/* NULL: the listener answers */
	char	*tls_name;	/* that is proven, for tls-alpn-01; NULL: it is http-01 */
};

struct msg_drop {
	char	*token;
	char	*webroot;
	bool	 tls;
};

struct msg_dns {
	char	*name;
	char	*resolver;	/* "address:port", NULL: the system's */
	char	*value;		/* MSG_AWAIT: of a TXT record; NULL: one of persist.h */
	int64_t	 seconds;	/* MSG_AWAIT: that it may take; 0: one look */
	struct strs issuers;	/* MSG_AWAIT without value: as in struct persist_in */
	char	*account;
	bool	 wildcard;
};

struct msg_found {
	char	*name;
};

/* Addresses and CAA records of a name; trouble says what could not be found out, NULL: all was. */
struct msg_looked {
	bool		 missing;	/* there is no such name */
	struct strs	 addresses;
	char		*trouble;	/* with the addresses */
	struct list	 caa;		/* struct caa_record: the relevant set */
	char		*caa_trouble;
};

struct msg_fetch {
	char	*url;		/* http or https */
	char	*host;		/* for the Host field; NULL: that of the URL */
	int64_t	 seconds;	/* that it may take */
	char	*ca;		/* whose certificate names it; NULL: this host's own affair */
	bool	 global;	/* not sent, net finds out: only from addresses of the internet */
};

struct msg_fetched {
	int64_t		 status;	/* of HTTP; 0: there was no reply */
	struct blob	 body;
	char		*text;		/* why there was none */
	int64_t		 sys;		/* errno of that, 0: none */
	/* where the URL has an address */
	bool		 global;	/* it is one of the internet, not of a private network */
	bool		 own;		/* this host has it itself */
	/* this host has a global address of the family: no NAT is between */
	bool		 open;
};

/* What the net role is told: a CA, and a piece of work there. Nothing secret. */
struct msg_task {
	int64_t		 job;		/* repeated in everything that net asks for this task */
	/* of the CA: tasks of one name share session and connection */
	char		*name;
	struct acme_ca	 ca;
	char		*ca_file;
	int64_t		 hold_until;	/* the CA asked for it in an earlier run; 0: it did not */
	struct acme_job	 todo;
};

struct msg_step {
	int64_t	 job;
	char	*step;
};

/* The keeper builds header and signature by itself. */
struct msg_sign {
	int64_t			 job;
	struct acme_sign	 sign;
};

struct msg_signed {
	struct blob	 jws;
};

struct msg_solve {
	int64_t		 job;
	struct list	 challenges;	/* struct acme_challenge */
};

struct msg_csr {
	int64_t	 job;
	char	*order;
};

struct msg_csr_is {
	struct blob	 der;
};

struct msg_chain {
	int64_t		 job;
	struct blob	 pem;		/* as the CA sent it */
	int64_t		 left;		/* alternates behind this one */
	int64_t		 ca_time;	/* what the CA's clock says */
};

struct msg_take {
	bool	 take;
};

struct msg_reload {
	struct hook_conf	 hook;
	struct hook_event	 event;
};

struct msg_reloaded {
	int64_t			 result;	/* enum hook_result */
	struct msg_error	 error;
	int64_t			 ms;		/* that the call took */
	struct hook_facts	 before;
	struct hook_facts	 after;
};

/* How is the server, and what has it logged since? */
struct msg_watch {
	struct hook_conf	 hook;
	char			*log_mark;	/* of the facts before; NULL: no log is looked at */
	/* the facts are those before: where its log ends is noted */
	bool			 mark;
};

struct msg_watched {
	struct hook_facts	 facts;
	struct errlog		 log;
};

#endif
