/*
 * faults: misbehaviour by name, told by rules. A fault is a row of a table; where it strikes
 * and what it does there is its stage and kind.
 */
#ifndef KAMCERT_RESPONDER_FAULTS_H
#define KAMCERT_RESPONDER_FAULTS_H

#include "base/err.h"
#include "base/json.h"
#include "tls/fault.h"
#include "tls/tls.h"

struct faults;

/* Where in the work of the responder a fault strikes. */
enum fault_stage {
	AT_ACCEPT,	/* a connection: kinds are enum accept_fault */
	AT_REQUEST,	/* a reply instead of the work: faults_http.c */
	AT_NONCE_CHECK,	/* kinds from here ... */
	AT_NEW_NONCE,
	AT_NONCE,	/* ... to here are enum nonce_fault */
	AT_DIRECTORY,	/* enum object_fault from here ... */
	AT_ORDER,
	AT_AUTHZ,
	AT_RENEWAL,	/* ... to here */
	AT_ISSUE,	/* enum issue_fault */
	AT_CHAIN,	/* enum chain_fault */
	AT_BODY,	/* the finished body: faults_http.c */
	AT_SEND,	/* enum send_fault */
};

struct fault {
	const char		*name;
	const char		*row;		/* of FAULTS, or the layer that it stands for */
	enum fault_stage	 stage;
	int			 kind;
	int			 number;
	const char		*text;
	const char		*what;
};

/* Rows of a table: with nothing but a kind, with a number, with a text. */
#define FAULT(name, row, stage, kind, what)		{ name, row, stage, kind, 0, NULL, what }
#define FAULT_N(name, row, stage, kind, number, what) \
	{ name, row, stage, kind, number, NULL, what }
#define FAULT_T(name, row, stage, kind, text, what)	{ name, row, stage, kind, 0, text, what }

enum accept_fault {
	ACCEPT_RESET, ACCEPT_CLOSE, ACCEPT_STALL, ACCEPT_DRIP,
	/* number: octets of the first flight that go out before; below 0: that do not */
	ACCEPT_RESET_AT,
	ACCEPT_STALL_AFTER_HANDSHAKE, ACCEPT_RESET_AFTER_HANDSHAKE,
	ACCEPT_IDENTITY,	/* number: enum ca_server_kind */
	ACCEPT_TLS,		/* number: index of faults_tls.c */
};

enum nonce_fault { NONCE_REJECT, NONCE_NONE, NONCE_SAME, NONCE_STATUS, NONCE_NOT_NEW };

enum object_fault {
	OBJECT_STATUS,		/* text: the status shown */
	OBJECT_BACKWARDS, OBJECT_SUBPROBLEMS, OBJECT_TOKEN, OBJECT_UNKNOWN_TYPES,
	OBJECT_NO_CHALLENGES, OBJECT_WILDCARD, OBJECT_EXPIRED, OBJECT_TWICE, OBJECT_UPPER_CASE,
	OBJECT_MISSING,		/* text: the member left out */
	OBJECT_MOVED, OBJECT_WINDOW, OBJECT_RETRY_AFTER, OBJECT_NO_RETRY_AFTER, OBJECT_404,
};

enum issue_fault {
	ISSUE_OTHER_KEY, ISSUE_EXPIRED, ISSUE_FUTURE, ISSUE_NAME_MISSING, ISSUE_NAME_EXTRA,
	ISSUE_WILDCARD, ISSUE_IS_CA, ISSUE_NO_SERVER_AUTH, ISSUE_SHA1, ISSUE_WEAK_KEY,
	ISSUE_CRITICAL, ISSUE_SAME_AGAIN, ISSUE_LIFETIME,
};

enum chain_fault {
	CHAIN_REVERSED, CHAIN_WITH_ROOT, CHAIN_DUPLICATE, CHAIN_UNRELATED, CHAIN_NO_LEAF,
	CHAIN_NO_INTERMEDIATE, CHAIN_KEY, CHAIN_HTML, CHAIN_EMPTY, CHAIN_COMMENTS, CHAIN_LINK_LOOP,
	CHAIN_LINK_MANY, CHAIN_LINK_HOST,
};

enum send_fault {
	SEND_HUGE_LENGTH, SEND_ENDLESS_BODY, SEND_ENDLESS_HEADERS, SEND_ENDLESS_1XX,
	SEND_STALL_HEADER, SEND_STALL_BODY, SEND_DRIP, SEND_TRICKLE, SEND_RESET_HEADER,
	SEND_RESET_BODY,
	SEND_SHORT, SEND_NOTHING, SEND_GARBAGE, SEND_NO_CLOSE_NOTIFY, SEND_TLS,
};

MUST_CHECK int	faults_new(struct faults **, struct err *e);
void		faults_free(struct faults *);

/*
 * rule: NAME [ "@" ( N | N "-" | P "%" ) ] [ ":" PATH ]
 *
 * The n-th occasion, the n-th and all later ones, or a percentage; the path is
 * a prefix of the request's.
 */
MUST_CHECK int	faults_add(struct faults *, const char *rule, struct err *e);
/* a rule a line, # comments */
MUST_CHECK int	faults_read(struct faults *, const char *file, struct err *e);
void		faults_reset(struct faults *);
void		faults_status(const struct faults *, struct json_out *);
void		faults_list(void);	/* --list-faults */

/*
 * The first rule of this stage that strikes now, or NULL. path NULL: no rule
 * with a path strikes.
 */
const struct fault *fault_pick(struct faults *, enum fault_stage, const char *path);

/* Tables of faults.c's parts; each ends with a name of NULL. */
extern const struct fault fault_table_http[];
extern const struct fault fault_table_tls[];

/* A connection's TLS configuration with a fault in it. NULL without memory. */
struct bent;
struct bent	*bent_new(const struct tls_config *, const struct fault *);
void		 bent_free(struct bent *);
const struct tls_config *bent_config(const struct bent *);

/* Called once when the handshake is over, for faults that act afterwards. */
void		 bent_open(struct bent *, struct tls_conn *);

#endif
