/*
 * account: the ACME accounts of this host, one for each CA.
 *
 * The key is made once and kept; the account itself is found again by its
 * key, or registered, when the first job of a run needs it. A key that was
 * on file and cannot be read is never replaced (FAULTS L05).
 */
#ifndef KAMCERT_ACCOUNT_H
#define KAMCERT_ACCOUNT_H

#include "acme/acme.h"
#include "base/err.h"
#include "channel.h"
#include "config.h"

struct keeper;
struct account;
struct key;

/*
 * The account at ca. 1: it is ready. 0: it has been asked for, and the jobs
 * that wait at STEP_ACCOUNT will be woken. -1: there is none, and e says why.
 */
MUST_CHECK int	account_get(struct keeper *, const struct ca_conf *ca, struct account **,
		    struct err *e);

const struct ca_conf *account_ca(const struct account *);
const char	*account_url(const struct account *);

/* Could account.json not be used? The account is then looked for by its key. */
bool		 account_was_damaged(const struct account *);

/* It is to be looked for again by its key, or made anew; what is on file stays until it is kept. */
void	account_forget_url(struct account *);

const char	*account_thumbprint(const struct account *);

/* A JWS with header, nonce and payload as asked for, signed by the account's key. */
MUST_CHECK int	account_sign(const struct account *, const struct acme_sign *, struct buf *jws,
		    struct err *e);

/* The account whose registration has this identity in messages, or NULL. */
struct account	*account_by_id(struct keeper *, int64_t id);

/*
 * The account at ca as it is on file, for errands: the key is made only if
 * make says so. HOLD if there is none.
 */
MUST_CHECK int	account_load(struct keeper *, const struct ca_conf *ca, bool make,
		    struct account **, struct err *e);

/*
 * Sends a task about this account; answer gets MSG_RESULT or MSG_FAILED. The
 * caller fills in what the kind needs beyond CA, account and thumbprint.
 */
MUST_CHECK int	account_ask(struct account *, struct msg_task *, channel_answer *, void *arg,
		    struct err *e);

/* What a CA said of the account; stored. Takes texts out of the result. */
MUST_CHECK int	account_keep(struct account *, struct acme_result *, struct err *e);

/*
 * A second key for what account_sign() is asked: ACME_KEY_CERT, or
 * ACME_KEY_NEW. Lent until it is set to NULL.
 */
void		account_lend_key(struct account *, const struct key *);

/*
 * The next key of a rollover, from a file beside the account's, made if
 * there is none: it must not be lost once the CA may have heard of it.
 */
MUST_CHECK int	account_next_key(struct account *, struct key **, struct err *e);

/* The CA has taken the next key: it becomes the account's. */
MUST_CHECK int	account_take_key(struct account *, struct key *, struct err *e);

/* Is it a URL of this CA, by acme_url_check()? NULL is RETRY. */
MUST_CHECK int	account_check_url(const struct account *, const char *where, const char *url,
		    struct err *e);

/* What net is told to reach the CA; texts are lent. */
void		account_fill_task(const struct account *, struct msg_task *);

/* The same for what needs no account: none is made. */
MUST_CHECK int	account_describe_ca(struct keeper *, const struct ca_conf *, struct msg_task *,
		    struct err *e);

/* A request to the CA failed: if it said for how long to stay away, that is kept across runs. */
void		account_note_failure(struct account *, const struct err *why);

/* What a task has learnt of the CA's clock. */
void		account_note_clock(struct account *, const struct acme_result *);

void		accounts_free(struct keeper *);

#endif
