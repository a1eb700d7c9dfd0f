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
#include "config.h"

struct keeper;
struct account;
struct msg_task;

/*
 * The account at ca. 1: it is ready. 0: it has been asked for, and the jobs
 * that wait at STEP_ACCOUNT will be woken. -1: there is none, and e says why.
 */
MUST_CHECK int	account_get(struct keeper *, const struct ca_conf *ca, struct account **,
		    struct err *e);

const char	*account_url(const struct account *);
const char	*account_thumbprint(const struct account *);

/* A JWS with header, nonce and payload as asked for, signed by the account's key. */
MUST_CHECK int	account_sign(const struct account *, const struct acme_sign *, struct buf *jws,
		    struct err *e);

/* The account whose registration has this identity in messages, or NULL. */
struct account	*account_by_id(struct keeper *, int64_t id);

/* What net is told to reach the CA; texts are lent. */
void		account_fill_task(const struct account *, struct msg_task *);

/* A request to the CA failed: if it said for how long to stay away, that is kept across runs. */
void		account_note_failure(struct account *, const struct err *why);

void		accounts_free(struct keeper *);

#endif
