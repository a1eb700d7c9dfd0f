/*
 * fakes: everything around the keeper, so that the real program can be led
 * through any scenario: its starter, and net, answer and control roles on
 * the other end of their channels, all in the test's process on one loop.
 *
 * The world (state folder, orders at the CA, certificates that the server has
 * loaded) stays from run to run; what a run is to be like is said in `script`
 * before it, and what was seen is in `seen` behind it.
 */
#ifndef KAMCERT_T_UNIT_FAKES_H
#define KAMCERT_T_UNIT_FAKES_H

#include <check.h>

#include "acme/acme.h"
#include "install.h"
#include "message.h"
#include "role.h"
#include "status.h"

#define FAKE_LOOPBACK	"127.0.0.1:14000"	/* a CA that no budget binds */
#define FAKE_PUBLIC	"ca.example.net"
#define FAKE_TOKEN	"abcdefghijklmnopqrstuvwxyz012345"
#define FAKE_CAS	2
#define FAKE_CERTS	3			/* a.example.com, b.example.com, ... */
#define FAKE_SERVERS	4
#define FAKE_UNIT	"kamailio.service"
#define FAKE_BUS	"unix:/run/bus"

enum fake_chain {
	CHAIN_GOOD,
	CHAIN_WRONG_KEY,
	CHAIN_WRONG_NAME,
	CHAIN_EXPIRED,
	CHAIN_NO_ISSUER,
	CHAIN_HTML,
	CHAIN_EMPTY,
	CHAIN_KEY_INSIDE,	/* a sound chain with a private key before it */
	CHAIN_KINDS
};

enum fake_reload {
	RELOAD_OK,
	RELOAD_REFUSED,
	RELOAD_FAILED,
	RELOAD_LOST,		/* no answer that can be trusted, but it has loaded */
	RELOAD_LOST_OLD,	/* and it has not */
	RELOAD_LIES,		/* says that it has, and has not */
	RELOAD_DIES,		/* control ends instead of an answer */
	RELOAD_LATER,		/* says "not now" */
	RELOAD_DENIED,		/* may not be told any more */
};

enum fake_restart {
	RESTART_OK,
	RESTART_DOWN,		/* systemd says that it has failed, and nobody is there any more */
	RESTART_MUTE,		/* it says that it is done, and nobody answers */
	RESTART_DIES,		/* the same, and the unit has ended soon */
	RESTART_DENIED,		/* it was not done */
	RESTART_OTHER,		/* it says that it is done, and has restarted something else */
	RESTART_LOST,		/* no answer that can be trusted, but it is done */
};

enum fake_list { LIST_NONE, LIST_GOOD, LIST_REVOKED, LIST_FORGED, LIST_LOST, LIST_HTML };

/* Where net is in an order; each is passed once. */
enum fake_net_step { NET_TASK, NET_SIGNED, NET_SOLVED, NET_CSR, NET_OFFERED, NET_TAKEN, NET_STEPS };

struct fake_task {
	enum fake_net_step probed;
	uint64_t	 id;		/* of MSG_TASK, for the answer */
	int64_t		 job;
	int64_t		 kind;		/* enum acme_kind */
	char		*order;		/* URL */
	char		*name;		/* the first one asked for */
	char		*key_auth;	/* of FAKE_TOKEN */
	struct blob	 csr;
	size_t		 chain;		/* that is offered */
};

/* What a CA's tasks for orders and accounts fail with. */
struct fake_ca {
	enum outcome		 class;		/* OUT_OK: they do not */
	enum acme_trouble	 trouble;
	int64_t			 retry_in;	/* seconds; 0: it does not say */
	bool			 orders_only;
};

struct script {
	/* command and flags; the configuration is filled in */
	struct msg_setup	 setup;
	size_t			 certs;		/* how many are configured; 0: one */
	bool			 twins;		/* all certificates are for the first one's name */
	size_t			 cas;		/* how many each has, "ca0", "ca1"; 0: one, "ca" */
	struct fake_ca		 ca[FAKE_CAS];
	const char		*host;		/* of the CA; NULL: FAKE_LOOPBACK */
	const char		*key;		/* type; NULL: ecdsa-p256 */
	bool			 pair;		/* rsa-2048 besides */
	bool			 reuse_key, next_key;
	bool			 bare;		/* no hook at all */
	bool			 dns;		/* proven by dns-01, through a program */
	bool			 alpn;		/* proven by tls-alpn-01 */
	bool			 blind;		/* no listener to look at */
	bool			 program;	/* an operator's program besides the server */
	/* 0: one; with more, words of the trace have its number */
	size_t			 servers;
	int64_t			 at_once;	/* hooks-at-once */
	bool			 partial;	/* hooks-partial */
	int64_t			 started;	/* of the servers: another one is another process */

	const char		*lost;		/* certificate whose port is taken; NULL: none */
	enum role		 missing;	/* the starter cannot start it; 0: all are there */
	enum outcome		 preflight;
	int64_t			 max_connections;	/* of the server's hook */
	int64_t			 tls_open;
	enum fake_reload	 reload[8];	/* one after the other */
	/* 0: what the server has loaded; else enum verify_verdict */
	int			 verdict[8];
	enum outcome		 program_result;
	/*
	 * Changes what the server says of itself behind a proof, the n-th time;
	 * false: it says nothing.
	 */
	bool			(*watched)(struct msg_watched *, unsigned n);
	struct strs		 rollback_on;
	/* a profile of the server's file is kept by kamcert */
	bool			 managed;
	bool			 unsafe;	/* the server's release */
	const char		*unsafe_reload;	/* of its hook */
	bool			 no_unit;	/* systemd has none of that name */
	int64_t			 other_unit;	/* not 0: it runs another process */
	enum fake_restart	 restart[4];	/* one after the other */
	int64_t			 timeout;	/* of the server's hook, seconds; 0: 10 */
	int64_t			 cost;		/* octets of its memory, of a reload */
	int64_t			 watch;		/* seconds */
	enum fake_chain		 chain[4];
	size_t			 chains;	/* 0: one */
	bool			 swaps;		/* what an order brings is the one before's */
	bool			 mute_net;	/* takes tasks and never says anything */
	int64_t			 ask_again;	/* after how long for renewal information */

	/* what is found before the CA is asked */
	const char		*address;	/* of all names; NULL: the resolver does not tell */
	bool			 no_name;	/* there is no such name */
	const char		*caa;		/* value of an issue record, NULL: there is none */
	/* status of what answers at the address, with the wrong text; 0: right */
	int64_t			 answers;
	int			 refuses;	/* errno: nobody answers there */
	bool			 behind_nat, not_own;
	int64_t			 skew;		/* of the CA's clock */
	/* the CA wants an external account; has terms that nobody agreed to */
	bool			 binds, terms;

	/* of revoked certificates; NONE: the chain names none */
	enum fake_list		 list;
	/* type of another intermediate's; NULL: the usual one */
	const char		*inter_key;
	int64_t			 inter_days;	/* that this one has left; 0: ten years */

	bool			 net_dies;
	enum fake_net_step	 net_dies_at;
	/*
	 * Called at each step of an order, and at the beginning of an errand and of renewal
	 * information; true: it sees to the rest.
	 */
	bool			(*hostile)(struct fake_task *, enum fake_net_step);
	/* Called with each message to control; says true if it has answered. */
	bool			(*liar)(struct message *);

	/* the keeper, when its n-th message has come; 0: never */
	unsigned		 kill_at;
	unsigned		 stop_at;	/* MSG_STOP then */
};

struct seen {
	char		 trace[4096];	/* the keeper's messages in their order, see fakes.c */
	unsigned	 messages;
	unsigned	 drops, reloads, restarts, verifies, watches;
	unsigned	 notes, starts;
	unsigned	 rows;
	struct status	 row;		/* the last one, but for its texts: numbers only */
	unsigned	 findings, bad_findings;
	char		 fine[4096];	/* the good ones about servers, a line each */
	bool		 killed;
	bool		 ended;		/* MSG_END came */
	int64_t		 outcome;
	int64_t		 next;		/* of MSG_END */
	/* that were asked for an order or account, in their order */
	char		 cas[256];
	/* text of the last result that is not OK, else of the last */
	char		 last[1024];
	char		 order[256];	/* URL in the last task for an order; "" none */
	char		 directory[256];	/* of the CA in the last task */
	struct blob	 public_key;	/* in the last CSR */
	struct blob	 new_key;	/* JWK in the last inner JWS of a rollover */
	unsigned	 probe;		/* enum message_type: the answer to fake_probe() */
	unsigned	 exit_status;	/* as from waitpid(), unless it was killed */
};

extern struct script script;
extern struct seen seen;

/* Fixture: a fresh folder, CA and server. */
void	fake_start(void);
void	fake_finish(void);

/* A test case of the suite for tests that run between these two. */
TCase	*fake_case(Suite *, const char *name);

/* Forgets script, keeps the world. */
void	fake_reset(void);

/* The same, and a reason to order: another kind of key than the one in use is wanted. */
void	fake_reset_due(void);

/* Runs the keeper with script until it has ended; fails the test if it hangs or fails. */
void	fake_run(enum command);

/* The same, and the outcome has to be this one. */
void	fake_run_to(enum command, enum outcome);

/* Goes on with the order where a hostile net stopped it. */
void	fake_go_on(struct fake_task *, enum fake_net_step);

/* The answer to a task. */
void	fake_answer(struct fake_task *, enum message_type, const void *body);

/* Asks for something that is none of net's business, then goes on. */
void	fake_probe(struct fake_task *, enum fake_net_step, enum message_type, const void *body);

/* For structs that lend their texts. */
char	*fake_text(const char *);

/* A message to the keeper; nothing if its channel has ended. */
void	fake_send(enum role, enum message_type, uint64_t id, const void *body);
void	fake_refuse(enum role, uint64_t id, enum outcome, const char *text);

/* The channels to the keeper; NULL when they have ended. */
struct channel	*fake_channel(enum role);

/* Certificates that the CA has issued so far. */
unsigned	 fake_issued(void);

/* TXT records that are in the DNS; the world's, as the certificates are. */
int	fake_records(void);

/* A line out of the private key that CHAIN_KEY_INSIDE gives away. */
const char	*fake_ca_secret(void);

/* What is in the store now: numbers only. */
struct fake_state {
	enum install_health	 health;
	enum install_pending	 pending;
	enum journal_state	 journal;
	int64_t			 version, from, to;
	int64_t			 failures, outcome, asked;	/* of the record */
	size_t			 issues;		/* that count for the budget */
	bool			 has_order;	/* of the first key */
	bool			 has_second;	/* of the second one */
	size_t			 leaves;
	char			 key_type[32];
};
struct fake_state	 fake_look(size_t cert);

/* Fails unless the active version is whole, fits together and leads to our root. */
void	fake_check_active(size_t cert);

/* Does the server serve what is active? */
bool	fake_is_served(size_t cert);

/* Does any file below the store contain this? */
bool	fake_store_has(const char *text);

/* Path of something in the state folder. */
const char *fake_path(const char *name);

/* The configuration file of the server that is played. */
char	*fake_tls_cfg(void);

const char *fake_url(const char *path);

#endif
