/*
 * acme: the client side of RFC 8555, and of what was built upon it.
 *
 * The library does no I/O (but for http.c), reads no clock and no file, and
 * never sees a private key. A task is one piece of work at one CA. It says
 * what it wants next (send this, sign this, put up these challenges, wait)
 * and is fed the answer, until it is done or has failed:
 *
 *	while (acme_task_next(task, now, &want, &e) == 0 && want.what != ACME_DONE)
 *		... do it, then feed the answer (see enum acme_what) ...
 *
 * Tasks of one session share its directory, nonces and limits; a session is
 * made for each run, so that the directory is read afresh. Any number of
 * tasks may be under way at once. Times are unix seconds, given as `now`.
 *
 * Structs that cross from one role to another have a pack table here. Texts
 * in them are the owner's, as in base/pack.h.
 */
#ifndef KAMCERT_ACME_ACME_H
#define KAMCERT_ACME_ACME_H

#include "base/err.h"
#include "base/pack.h"

/* --- a CA --- */

struct acme_ca {
	char		*directory;	/* https URL */
	struct strs	 hosts;		/* "host" or "host:port": further ones in its URLs */
};

extern const struct pack acme_ca_pack;

/*
 * The one place where URLs are judged (FAULTS A18, A19): https, visible
 * ASCII, host and port those of the directory or of a configured host. HOLD.
 * where is for the message: "order: finalize".
 */
MUST_CHECK int acme_url_check(const struct acme_ca *, const char *where, const char *url,
	    struct err *e);

struct acme_session;

/* ca must outlive the session. HOLD if its directory or hosts are not as they should be. */
MUST_CHECK struct acme_session *acme_session_new(const struct acme_ca *ca, struct err *e);
void	acme_session_free(struct acme_session *);

/*
 * No request leaves before this time: the CA asked for it (429 or 503 with
 * Retry-After), in this run or in an earlier one.
 */
void	acme_session_hold(struct acme_session *, int64_t until);

/* --- what a task shall do --- */

enum acme_kind {
	ACME_DIRECTORY,		/* only read the directory: terms, profiles, CAA identities */
	ACME_REGISTER,		/* newAccount: make the account of this key, or find it */
	ACME_FIND,		/* newAccount with onlyReturnExisting: never makes one */
	ACME_SHOW,		/* the account object of job.account */
	ACME_UPDATE,		/* replace the contacts; agree to changed terms if agree_tos */
	ACME_ROLLOVER,		/* another key for the account */
	ACME_DEACTIVATE,	/* the end of the account */
	ACME_ORDERS,		/* URLs of the account's orders, where the CA lists them */
	ACME_ORDER,		/* a certificate */
	ACME_REVOKE,
	ACME_RENEWAL,		/* renewal information, RFC 9773; needs no account */
	ACME_DROP_AUTHZ,	/* deactivate the authorization job.url */
};

struct acme_job {
	int64_t		 kind;		/* enum acme_kind */
	/* Its URL; NULL only for DIRECTORY, REGISTER, FIND, RENEWAL and REVOKE by_cert_key. */
	char		*account;
	/* REGISTER, UPDATE */
	struct strs	 contact;	/* mailto: URLs */
	bool		 agree_tos;	/* the operator agreed to the CA's terms */
	bool		 eab;		/* ACME_KEY_EAB can be asked for */
	/* ORDER */
	struct strs	 names;		/* canonical host names, "*.host", addresses */
	struct strs	 challenges;	/* types that can be solved, the preferred one first */
	char		*thumbprint;	/* RFC 7638, of the account's key: base64url */
	char		*order;		/* URL of an order to go on with; NULL: a new one */
	char		*profile;	/* NULL: the CA's default */
	bool		 profile_required;	/* else left out where the CA lacks it */
	/* ORDER: the predecessor, or NULL. RENEWAL: the certificate in question. */
	char		*cert_id;	/* RFC 9773 section 4.1 */
	/* REVOKE */
	struct blob	 cert;		/* DER */
	int64_t		 reason;	/* RFC 5280 section 5.3.1; -1: none given */
	bool		 by_cert_key;
	/* DROP_AUTHZ */
	char		*url;
};

extern const struct pack acme_job_pack;

/* --- what a task wants --- */

enum acme_what {
	ACME_SEND,	/* an HTTP request; acme_task_reply(), or acme_task_failed() */
	ACME_SIGN,	/* a JWS; acme_task_signed() */
	ACME_SOLVE,	/* challenges put up; acme_task_solved() when all are in place */
	ACME_UNSOLVE,	/* all of them taken down again; needs no answer */
	ACME_CSR,	/* order_url stored with key and CSR; acme_task_csr(). The CA may still be
			   at the challenges: keys are made while it works */
	ACME_CHAIN,	/* a chain was received, is it fit? acme_task_chain() */
	ACME_WAIT,	/* wait_ms; acme_task_waited() */
	ACME_DONE,	/* result, nothing more is wanted */
};

enum acme_method { ACME_GET, ACME_HEAD, ACME_POST };

struct acme_send {
	enum acme_method method;
	const char	*url;		/* was checked */
	const char	*accept;	/* header value, NULL: none */
	struct span	 body;		/* of a POST: application/jose+json */
};

enum acme_key {
	ACME_KEY_KID,	/* account key; protected header with kid */
	ACME_KEY_JWK,	/* account key; protected header with jwk */
	ACME_KEY_CERT,	/* certificate's key; protected header with jwk (RFC 8555 section 7.6) */
	ACME_KEY_EAB,	/* HMAC: no nonce, the payload is the account key's JWK (section 7.3.4) */
	ACME_KEY_NEW,	/* the new key, with jwk: no nonce, payload of jws_rollover() */
};

/* Who signs builds the protected header himself, and the payload too for EAB and NEW. */
struct acme_sign {
	int64_t		 key;		/* enum acme_key */
	char		*url;		/* as it must stand in the header; was checked */
	char		*nonce;		/* NULL for EAB and NEW */
	char		*kid;		/* account URL for KID and NEW, else NULL */
	struct blob	 payload;	/* empty: POST-as-GET */
};

extern const struct pack acme_sign_pack;

struct acme_challenge {
	char		*name;		/* identifier: host name without "*.", or address */
	bool		 is_ip;
	bool		 wildcard;
	char		*type;		/* one of job.challenges */
	char		*token;		/* base64url, 22 to 128; NULL for dns-persist-01 */
	char		*key_auth;	/* token "." thumbprint; NULL for dns-persist-01 */
	struct strs	 issuers;	/* dns-persist-01: names that may stand in the record */
};

extern const struct pack acme_challenge_pack;

struct acme_want {
	enum acme_what	 what;
	/* All borrowed, until the next call with this task. */
	struct acme_send		 send;		/* ACME_SEND */
	const struct acme_sign		*sign;		/* ACME_SIGN */
	const struct acme_challenge	*challenges;	/* ACME_SOLVE, ACME_UNSOLVE */
	size_t				 nchallenges;
	const char			*order_url;	/* from SOLVE on: for job.order */
	struct span			 chain;		/* ACME_CHAIN: PEM as received */
	size_t				 chains_left;	/* ACME_CHAIN: alternates behind this one */
	int64_t				 wait_ms;	/* ACME_WAIT */
	const struct acme_result	*result;	/* ACME_DONE */
};

/* --- what comes of it --- */

struct acme_profile {
	char		*name;
	char		*text;		/* what the directory says about it */
};

struct acme_result {
	/* every task */
	struct strs	 warnings;	/* clean lines for the log */
	bool		 has_skew;
	int64_t		 skew;		/* the CA's Date less our time, seconds */
	/* DIRECTORY */
	char		*terms;		/* termsOfService, NULL if there are none */
	char		*website;
	struct strs	 caa;		/* caaIdentities; of account tasks as well */
	struct list	 profiles;	/* struct acme_profile */
	bool		 eab_required;
	bool		 has_renewal;	/* renewal information is offered */
	/* account tasks */
	char		*account;	/* its URL, to be stored */
	bool		 created;	/* REGISTER: it is new */
	char		*account_status;	/* "valid", "deactivated", ... */
	struct strs	 contact;
	struct strs	 orders;	/* ORDERS */
	/* ORDER */
	char		*order;		/* its URL */
	bool		 replaces;	/* the CA took it as successor of job.cert_id */
	char		*profile;	/* that the order has, NULL if none is named */
	struct blob	 chain;		/* the one that acme_task_chain() took, PEM as received */
	/* REVOKE */
	bool		 was_revoked;	/* already, before this */
	/* RENEWAL */
	bool		 has_window;	/* false: the CA offers no renewal information */
	int64_t		 window_start;
	int64_t		 window_end;	/* after the start */
	char		*explanation;	/* explanationURL, clean, or NULL */
	int64_t		 ask_again_at;	/* one minute to one day from now */
};

extern const struct pack acme_result_pack;

/* Beyond the class: what the keeper must remember of a failure. */
enum acme_trouble {
	ACME_TROUBLE_NONE,	/* not the CA's: the keeper's, or this host's */
	ACME_TROUBLE_ACCOUNT,	/* the CA does not know the account, or does not let it */
	ACME_TROUBLE_TERMS,	/* changed terms must be agreed to */
	ACME_TROUBLE_PAUSED,	/* no orders for these names until the operator asks (FAULTS A44) */
	ACME_TROUBLE_RATE,	/* a limit of the CA was met */
	ACME_TROUBLE_VALIDATION,	/* a challenge failed: counts for FAULTS L06 */
	ACME_TROUBLE_CA,	/* it cannot be reached, does not work, or would not: another may */
};

/* --- driving a task --- */

/* Copies what it needs of the job. HOLD if the job lacks something. */
MUST_CHECK struct acme_task *acme_task_new(struct acme_session *, const struct acme_job *,
	    struct err *e);

/* What is sent or put up is not taken back: free a failed task, too. */
void	acme_task_free(struct acme_task *);

/*
 * What is wanted now. Asked again before an answer was fed, it says the same.
 * -1: the task has failed, with the classes of FAULTS section 2 and
 * e->retry_at where the CA asked for it; challenges that were up have been
 * asked down by an ACME_UNSOLVE before.
 */
MUST_CHECK int acme_task_next(struct acme_task *, int64_t now, struct acme_want *, struct err *e);

struct acme_reply;

/*
 * Tasks of one session wait for each other: ACME_WAIT. That may be over when
 * acme_session_opened() says true, once, for those that are blocked: these may
 * be asked again at once.
 */
bool	acme_session_opened(struct acme_session *);
bool	acme_task_is_blocked(const struct acme_task *);

/* The answers. Each fits one want; anything else fails the task. */
void	acme_task_reply(struct acme_task *, int64_t now, const struct acme_reply *);
void	acme_task_signed(struct acme_task *, struct span jws);	/* flattened JSON, jws_finish() */
void	acme_task_solved(struct acme_task *);
void	acme_task_csr(struct acme_task *, struct span der);
void	acme_task_chain(struct acme_task *, bool take);	/* false: the next alternate, if any */
void	acme_task_waited(struct acme_task *);

/* What was wanted could not be had; e is what the task will fail with. */
void	acme_task_failed(struct acme_task *, const struct err *e);

enum acme_trouble acme_task_trouble(const struct acme_task *);

/* The step it is at, for log and progress: "directory", "order", "challenge", ... Static text. */
const char *acme_task_step(const struct acme_task *);

/* --- replies --- */

#define ACME_LINKS_MAX	16	/* Link values that are kept */

/* Header fields that matter, as received; NULL where absent or not visible ASCII. */
struct acme_headers {
	char		*nonce;		/* Replay-Nonce */
	char		*location;
	char		*retry_after;
	char		*date;
	char		*type;		/* Content-Type */
	char		*cache;		/* Cache-Control */
	char		*links[ACME_LINKS_MAX];
	size_t		 nlinks;
};

struct acme_reply {
	int			status;
	int			http;		/* major version of HTTP; 0: unknown */
	bool			connected;	/* a connection was made for it */
	struct acme_headers	headers;
	struct buf		body;	/* buf_init() with ACME_BODY_MAX */
};

#define ACME_BODY_MAX	(256 * 1024)
#define ACME_HEADERS_MAX (64 * 1024)

void	acme_reply_init(struct acme_reply *);
void	acme_reply_clear(struct acme_reply *);

/*
 * One line of a header with or without its CRLF; a status line begins anew,
 * other fields and what is malformed are passed over. RETRY without memory.
 */
MUST_CHECK int acme_headers_line(struct acme_headers *, struct span line, struct err *e);

#endif
