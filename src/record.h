/*
 * record: what happened with a certificate, as certs/<name>/record.json:
 * history, counters for the back-off, budget towards the CA, last proof.
 *
 * Counters are saved before the request that they count, so that no crash
 * makes them forget one (FAULTS V8). A record that is damaged never stops
 * anything: it is moved aside, and the worst is assumed that lets work go on.
 * Decides nothing: due does.
 */
#ifndef KAMCERT_RECORD_H
#define KAMCERT_RECORD_H

#include "base/err.h"
#include "base/pack.h"
#include "store.h"

#define RECORD_HISTORY	20	/* results kept */
#define RECORD_SERIALS	50	/* serial numbers kept (FAULTS A29) */
#define RECORD_FACTS_MAX (64 * 1024)

/*
 * A moment by two clocks. While the machine was not started anew, its boot
 * clock says how long ago it was, so that a wall clock that was set does not
 * (FAULTS T01).
 */
struct record_time {
	int64_t	 wall;		/* unix seconds; 0: never */
	int64_t	 boot_ms;
	int64_t	 boot_id;	/* of the start of the machine; 0: not known */
};

void	record_now(struct record_time *);

/* When it was, in the time of today's wall clock; never later than now. 0 for never. */
int64_t	record_when(const struct record_time *then, const struct record_time *now);

/*
 * A clock that was set back before the machine was started anew leaves moments
 * ahead of us, of which nothing but that they are past is known: they are
 * taken for now. True if that was so; it must then be saved, or they stay new.
 */
bool	record_settle(struct record_time *, const struct record_time *now);

struct record_result {
	int64_t	 when;		/* unix seconds */
	int64_t	 outcome;	/* enum outcome */
	char	*step;
	char	*text;
	int64_t	 version;	/* 0: none */
};

/* An order that was, or may have been, finalized. */
struct record_issue {
	struct record_time	 when;
	char			*names;		/* digest of the exact set; NULL: counts for any */
	bool			 refused;	/* what came of it was not fit (REFUSE) */
};

struct record_validation {
	struct record_time	 when;
	char			*name;		/* NULL: counts for any */
};

struct record {
	struct list		 history;	/* struct record_result, oldest first */
	int64_t			 failures;	/* in a row */
	struct record_time	 last_attempt;
	struct record_time	 last_failure;
	struct record_time	 last_success;
	int64_t			 outcome;	/* of the last attempt */
	int64_t			 jitter;	/* thousandths, drawn at the last failure */
	int64_t			 asked;		/* Retry-After of the last failure, unix seconds; 0: none */
	bool			 paused;	/* until the operator asks (FAULTS A44) */
	int64_t			 next;		/* when the last run thought that it is due */
	int64_t			 reload_tries;	/* of a way back that was not proven (FAULTS K11) */
	int64_t			 looks;		/* in a row that found a server not ready for a deployment */
	struct record_time	 last_look;
	char			*unserved;	/* what was seen on a listener in place of the active version; NULL: nothing */
	int64_t			 unserved_since;
	char			*tried;		/* config_cert_digest() under which a version was rolled back */
	struct strs		 serials;	/* oldest first */
	struct list		 issues;	/* struct record_issue */
	struct list		 validations;	/* struct record_validation: the failed ones */

	/* renewal information, RFC 9773 */
	char			*ari_id;	/* of the certificate that the rest is about; NULL: nothing known */
	int64_t			 ari_start;
	int64_t			 ari_end;
	int64_t			 ari_point;	/* chosen in that window */
	int64_t			 ari_check;	/* when to ask again */
	char			*ari_url;	/* explanationURL; NULL: none */

	char			*revoked;	/* serial number that an operator had revoked last; NULL: none */

	struct blob		 facts;		/* JSON object of the last proof; empty: none */
	bool			 was_damaged;	/* not stored: what was on disk could not be used */
};

extern const struct pack record_pack;

/*
 * Loads it, or makes an empty one, and settles its moments. One that is damaged
 * becomes record.json.bad (for work) and counts as an attempt that just failed
 * and an issuance just made. -1 only for I/O and what fs refuses.
 */
MUST_CHECK int	record_load(struct store_cert *, const struct record_time *now, struct record *,
		    struct err *e);
MUST_CHECK int	record_save(struct store_cert *, const struct record *, struct err *e);

/* --- what happened; all of them RETRY without memory, then nothing has changed --- */

/* An attempt begins. */
void		record_attempt(struct record *, const struct record_time *now);

/*
 * An attempt ended with the class and text of res (OUT_OK is success), which
 * also has the time that a peer asked for. random draws the jitter of the back-off.
 */
MUST_CHECK int	record_end(struct record *, const struct record_time *now, const char *step,
		    int64_t version, const struct err *res, uint32_t random);

/* An order for these names is about to be placed. Save before it is. */
MUST_CHECK int	record_spend(struct record *, const struct record_time *now,
		    const struct strs *names, struct err *e);

/* What came of the last order was refused. */
void		record_refused(struct record *);

/* The last order was never finalized: it does not count. */
void		record_unspend(struct record *);

MUST_CHECK int	record_validation_failed(struct record *, const struct record_time *now,
		    const char *name, struct err *e);

/* A serial number that was installed. */
MUST_CHECK int	record_serial(struct record *, const char *serial, struct err *e);

/* --- the budget of FAULTS L06 --- */

/*
 * 0 when an order for these names may be placed now, else when one may:
 * 2 issuances per exact set of names and day, or per lifetime where that is
 * shorter (seconds; 0: not known); none for 34 hours after a REFUSE; 3 failed
 * validations per name and hour. *why (if not NULL) says which.
 */
int64_t		record_budget(const struct record *, const struct record_time *now,
		    const struct strs *names, int64_t lifetime, const char **why);

#endif
