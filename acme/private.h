/*
 * private: what the files of acme share. See acme.h for what a task is.
 *
 * A task goes from step to step. A step is a constant: what it wants, how it
 * prepares that, and what it makes of the answer; task.c alone knows about
 * nonces, repetition and failure. The steps of a resource are in its file.
 */
#ifndef KAMCERT_ACME_PRIVATE_H
#define KAMCERT_ACME_PRIVATE_H

#include "acme/acme.h"
#include "base/json.h"

#define BAD_NONCES_PER_REQUEST	3
#define BAD_NONCES_PER_TASK	10
#define ALTERNATES_MAX		4	/* chains beyond the first (FAULTS A41) */
#define NAMES_MAX		256	/* authorizations of an order */
#define POLLS_MAX		60
#define POLL_TIME_MS		(10 * MINUTE * 1000)
#define ORDER_PAGES_MAX		32
#define NONCE_MAX		256	/* octets */
#define ACME_CSR_MAX		(16 * 1024)
#define PROBLEM_TEXT_MAX	(64 * 1024)	/* what acme_problem_text() may write, and more */
#define TOKEN_MIN		22	/* FAULTS S02 */
#define TOKEN_MAX		128

/* --- session --- */

struct acme_directory {
	char		*new_nonce;
	char		*new_account;
	char		*new_order;
	char		*revoke_cert;	/* these may be NULL */
	char		*key_change;
	char		*renewal_info;
	char		*terms;
	char		*website;
	struct strs	 caa;
	struct list	 profiles;	/* struct acme_profile */
	bool		 eab_required;
};

/* How long the CA takes at present, and how much looking finds; see pace.c. */
struct acme_pace {
	int64_t		 first_ms;	/* until the first look */
	unsigned	 window;	/* so many looks may be under way */
	unsigned	 looks;		/* and so many are */
	bool		 known;		/* there was one */
	bool		 prompt;	/* the last one found all done */
};

/* What a request does at the CA, where two kinds do not go together: turn.c. */
enum acme_turn { TURN_NONE, TURN_PLACE, TURN_FETCH, TURNS };

/* Those that are doing one thing. */
struct acme_crowd {
	unsigned	 n;
	int64_t		 left_at;	/* when the last one was done */
};

#define SEEN_NONCES 64

struct acme_session {
	const struct acme_ca	*ca;
	struct acme_directory	 dir;
	bool			 has_dir;
	const struct acme_task	*fetching;	/* the task that reads the directory for all */
	struct err		 dir_err;	/* why it could not be read */
	int64_t			 dir_err_until;
	struct strs		 nonces;	/* unused, the newest last */
	uint64_t		 seen[SEEN_NONCES];	/* digests of the last nonces */
	size_t			 nseen;
	bool			 warned_cache;
	int64_t			 held_until;
	bool			 has_skew;
	int64_t			 skew;
	struct acme_pace	 validation;
	struct acme_pace	 issuance;
	struct acme_crowd	 turns[TURNS];	/* tasks that have each */
	struct acme_crowd	 signers;	/* tasks that sign, or have, and wait for a reply */
	bool			 opened;	/* acme_session_opened() has not been told yet */
};

extern const struct pack acme_directory_pack;

/* Puts the names that the CA goes by into the result. */
int	acme_issuers(struct acme_task *, struct err *e);

/*
 * For a refusal that is one of the account, not of what was asked for: trouble
 * and hint. Always -1.
 */
int	acme_blame_account(struct acme_task *, struct err *e);

/* HOLD "the directory has no x" when url is NULL. */
int	acme_need_url(const char *url, const char *name, struct err *e);

/* A nonce out of the pool, the caller's; NULL if there is none. */
char	*acme_nonce_take(struct acme_session *);

/* A nonce out of a reply into the pool. False if the reply has none that is well-formed. */
bool	acme_nonce_put(struct acme_session *, const struct acme_reply *, struct strs *warnings);

/* Notes the CA's clock. */
void	acme_session_learn(struct acme_session *, int64_t now, const struct acme_reply *);

/* A task fails (e) or is freed (NULL): if it read the directory for all, the others must know. */
void	acme_session_task_ends(struct acme_session *, const struct acme_task *,
	    const struct err *e);

/* --- pace --- */

void	acme_pace_init(struct acme_pace *);

/*
 * Until the next look of a task that has waited so long. Fast at first: what
 * takes 200 ms is seen after at most 300; and seldom later, for ten minutes.
 */
int64_t	acme_pace_next_ms(const struct acme_pace *, int64_t waited_ms);

/*
 * A look is due: how much longer to wait nevertheless, because of what others
 * found; 0: not at all.
 */
int64_t	acme_pace_hold_ms(const struct acme_pace *, int64_t waited_ms);

/* The first look of a task, or a later one, found it done or not. */
void	acme_pace_saw(struct acme_pace *, int64_t waited_ms, bool first, bool done);

/* --- replies --- */

/* What a step makes of a good answer. */
struct acme_answer {
	const struct acme_reply	*reply;		/* NULL for wants that are not requests */
	const struct json	*json;		/* root object, for EXPECT_JSON */
};

/* Types of problem that change what is done next (RFC 8555 section 6.7). */
enum acme_problem {
	PROBLEM_OTHER,
	PROBLEM_NONE,		/* no problem document at all */
	PROBLEM_LOST,		/* no reply either */
	PROBLEM_BAD_NONCE,
	PROBLEM_ORDER_NOT_READY,
	PROBLEM_ALREADY_REPLACED,
	PROBLEM_ALREADY_REVOKED,
	PROBLEM_BAD_PROFILE,
	PROBLEM_ACCOUNT,
	PROBLEM_TERMS,
	PROBLEM_PAUSED,
	PROBLEM_RATE,
	PROBLEM_UNAUTHORIZED,
};

/* A reply that is not a success, judged. */
struct acme_refusal {
	int			 status;
	enum acme_problem	 problem;
	enum acme_trouble	 trouble;
	bool			 whole_ca;	/* it holds for every request: FAULTS A08 */
};

/* Fills out and e: class, text, hint, retry_at. */
void	acme_refusal_read(const struct acme_reply *, const char *where, int64_t now,
	    struct acme_refusal *out, struct err *e);

/* "connection: 192.0.2.1: refused; b.example.com: dns: no such name", for people, raw. */
void	acme_problem_text(const struct json *problem, struct buf *out);

/* Is it of this type of RFC 8555? */
bool	acme_problem_is(const struct json *problem, const char *type);

/* Advice for a problem object, or NULL. */
const char *acme_problem_hint(const struct json *problem);

/* Is the media type, parameters aside, this one? */
bool	acme_type_is(const struct acme_headers *, const char *type);

/*
 * Retry-After in seconds from now, possibly 0 or less: dates are measured
 * against the reply's own Date. False if there is none that can be read.
 */
bool	acme_retry_after(const struct acme_headers *, int64_t now, int64_t *seconds);

/* Value of Date; false if there is none that can be read. */
bool	acme_date(const struct acme_headers *, int64_t now, int64_t *out);

#define URL_TEXT_MAX	(16 * 1024)	/* more than any URL that passes acme_url_check() */

/* A reference of a header as an absolute URL, against the URL of the request. */
void	acme_resolve(struct span target, const char *base, struct buf *out);

struct acme_link_query {
	const char	*rel;
	size_t		 nth;		/* of those with this relation, from 0 on */
	const char	*base;		/* URL of the request */
};

/* Target of a Link as the only content of out; false if there is none. */
bool	acme_link(const struct acme_headers *, struct acme_link_query, struct buf *out);

/* base64url alphabet and a length, as nonces and tokens have. */
bool	acme_is_base64url(const char *, size_t min, size_t max);

/* --- tasks --- */

struct acme_step {
	const char	*name;		/* for acme_task_step() and messages */
	enum acme_what	 what;
	/* Calls acme_post(), acme_get(), acme_sign_alone(), acme_ask() or acme_go(). */
	int	(*begin)(struct acme_task *, struct err *);
	/* The answer is good: use it, acme_go() or acme_finish(). */
	int	(*took)(struct acme_task *, const struct acme_answer *, struct err *);
	/* It is not: e is filled. 0 after moving on, -1 to fail with e. NULL: fail. */
	int	(*refused)(struct acme_task *, const struct acme_refusal *, struct err *);
	/* What to do once after an unreadable body; NULL: this step again. */
	const struct acme_step	*after_garbage;
	bool	 soft;			/* faults of the CA are never worse than RETRY */
	enum acme_turn turn;		/* that its request needs */
};

#define SOFT_RETRY	(6 * HOUR)	/* after such a fault */

enum acme_expect { EXPECT_JSON, EXPECT_PEM, EXPECT_NOTHING };

struct acme_request {
	enum acme_method	 method;
	char			*url;
	enum acme_expect	 expect;
	struct buf		 jws;
};

enum acme_phase {
	PHASE_BEGIN,	/* the step has not begun */
	PHASE_BLOCKED,	/* another task reads the directory, or has another turn */
	PHASE_DRY,	/* others have all nonces */
	PHASE_NONCE,	/* one is fetched */
	PHASE_SIGN,
	PHASE_SEND,
	PHASE_ASK,	/* what is wanted is the step's affair */
	PHASE_DONE,
	PHASE_FAILED,
};

struct acme_authz {
	char		*url;
	char		*name;		/* as the order's identifier: may begin with "*." */
	bool		 valid;
	char		*challenge;	/* URL of the one to be answered, NULL: none */
};

/* How long the CA has been let work. */
struct acme_wait {
	struct acme_pace	*pace;		/* what is waited for, NULL before that */
	int64_t			 ms;		/* this time */
	int64_t			 held_ms;	/* because of what others found */
	int64_t			 waited_ms;	/* since it began */
	bool			 looked;	/* once at least */
	bool			 looking;	/* counted in pace->looks */
	/* Over the whole task. */
	int64_t			 total_ms;
	unsigned		 looks;
};

/* Of an order, RFC 8555 section 7.1.6. */
enum acme_status {
	STATUS_UNKNOWN,		/* none that we know: waits like processing (FAULTS A31) */
	STATUS_PENDING,
	STATUS_READY,
	STATUS_PROCESSING,
	STATUS_VALID,
	STATUS_INVALID,		/* and all other ways to be dead */
};

struct acme_order {
	char			*url;
	char			*finalize;
	char			*certificate;
	enum acme_status	 status;
	bool			 is_new;	/* from newOrder, not resumed */
	bool			 replaces;	/* newOrder was sent with it */
	bool			 no_replaces;	/* the CA did not want it */
	bool			 no_profile;
	bool			 started_over;	/* with a second new order */
	struct list		 authz;		/* struct acme_authz */
	size_t			 at;		/* the one in hand */
	struct list		 solve;		/* struct acme_challenge */
	size_t			 answered;	/* challenges */
	struct buf		 csr;
	bool			 early;		/* finalize is tried on suspicion */
	bool			 finalized;	/* it was sent, and not refused */
	unsigned		 finalize_calls;
	struct err		 refused;	/* what the CA said to an answer to a challenge */
	struct buf		 why;		/* of an invalid order: each identifier's reason */
	unsigned		 reasons;	/* of authorizations that failed */
	unsigned		 caa_reasons;	/* of these: this CA may not issue, another may */
	const char		*why_hint;
	struct buf		 chain;
	struct strs		 alternates;
	size_t			 chain_at;	/* 0: the first, else alternates + 1 */
	bool			 take;		/* what was said of the chain */
};

struct acme_task {
	struct acme_session	*s;
	struct acme_job		 job;
	const struct acme_step	*step;
	const struct acme_step	*first;		/* behind the directory */
	enum acme_phase		 phase;
	int64_t			 now;
	struct acme_request	 req;
	struct acme_sign	 sign;
	bool			 sign_alone;	/* no request follows the signature */
	struct buf		 inner;		/* EAB or inner JWS */
	unsigned		 bad_nonces;	/* of this request */
	unsigned		 all_bad_nonces;
	unsigned		 dry_nonces;	/* replies of newNonce without one */
	bool			 garbled;	/* this request was answered with garbage before */
	int64_t			 block_ms;
	enum acme_turn		 turn;		/* that it has */
	bool			 signer;	/* counted in s->signers */
	int64_t			 blocked_at;	/* since when it waits for one; 0: it does not */
	bool			 up;		/* challenges are */
	bool			 take_down;
	int64_t			 asked_ms;	/* Retry-After of the last reply, 0: none */
	struct acme_wait	 wait;
	struct acme_order	 order;
	size_t			 pages;
	char			*page;		/* URL of a page of the orders list */
	struct acme_result	 result;
	enum acme_trouble	 trouble;
	struct err		 err;
};

extern const struct pack acme_authz_pack;

/* --- for begin --- */

/* POST signed with the account key by kid; payload may be empty. Copies. */
int	acme_post(struct acme_task *, const char *url, struct span payload, struct err *e);
/* The same with any key. */
int	acme_post_as(struct acme_task *, enum acme_key, const char *url, struct span payload,
	    struct err *e);
int	acme_get(struct acme_task *, const char *url, struct err *e);
int	acme_sign_alone(struct acme_task *, enum acme_key, const char *url, struct err *e);
void	acme_expect(struct acme_task *, enum acme_expect);
void	acme_ask(struct acme_task *);

/* --- for task.c --- */

/* Takes the turn that the step needs; false: another kind of request is under way. */
bool	acme_turn_take(struct acme_task *);

/* May sign, and ask for a nonce if the pool has none; false: others have all nonces. */
bool	acme_nonce_turn(struct acme_task *);

/* Both of them, behind the step, however it ended. */
void	acme_turn_give(struct acme_task *);

/* A look of the task at its order has its answer, or will have none. */
void	acme_look_ends(struct acme_task *);

/* A reply came: moves the task on, or -1. */
int	acme_request_took(struct acme_task *, const struct acme_reply *, struct err *e);

/* --- for all --- */

void	acme_go(struct acme_task *, const struct acme_step *);
void	acme_finish(struct acme_task *);
void	acme_warn(struct acme_task *, const char *fmt, ...) PRINTF(2, 3);

/* Replaces an owned text; RETRY without memory. */
int	acme_set(char **to, const char *from, struct err *e);

/* The same with the text made harmless: for what is only shown. */
int	acme_set_clean(char **to, const char *from, struct err *e);

/* A URL member that passes acme_url_check(), as an owned text. */
int	acme_get_url(const struct acme_task *, const struct json *, const char *where,
	    const char *key, char **out, struct err *e);

/* Location of a reply, checked, as an owned text; HOLD if there is none. */
int	acme_get_location(const struct acme_task *, const struct acme_reply *, const char *where,
	    char **out, struct err *e);

/* --- first steps --- */

extern const struct acme_step	acme_step_directory;	/* of every task */
extern const struct acme_step	acme_step_show_directory, acme_step_register, acme_step_find,
				acme_step_show, acme_step_update, acme_step_rollover,
				acme_step_deactivate, acme_step_orders, acme_step_order,
				acme_step_revoke, acme_step_renewal, acme_step_drop_authz;

/* --- between order.c, authz.c and issue.c --- */

extern const struct acme_step	acme_step_authz;	/* order.at = 0: fetch all, solve, answer */
extern const struct acme_step	acme_step_csr;		/* nothing is left to do for them */
extern const struct acme_step	acme_step_wait;		/* for the order to be ready, or valid */
extern const struct acme_step	acme_step_certificate;	/* the order is valid */
extern const struct acme_step	acme_step_diagnose;	/* order.at = 0: why the order is invalid */

/* The order cannot be used, e says why: one new order, else -1 with HOLD. */
int	acme_order_anew(struct acme_task *, struct err *e);

/* Those members of an order that change. */
int	acme_order_read_state(struct acme_task *, const struct json *, struct err *e);

/* The order is dead: -1, with what order.why has gathered. */
int	acme_order_fails(struct acme_task *, struct err *e);
bool	acme_is_address(const char *name);

/* Letter case, and the ways to write an address, aside. */
bool	acme_same_name(const char *, const char *);
void	acme_order_init(struct acme_order *);
void	acme_order_clear(struct acme_order *);

/* Fills in what an ACME_SOLVE, ACME_CSR, ACME_CHAIN or ACME_WAIT is about. */
void	acme_order_want(const struct acme_task *, struct acme_want *);

#endif
