/*
 * ledger: what a CA asked of all its clients' requests, kept across runs as
 * accounts/<ca>/ledger.json.
 */
#ifndef KAMCERT_LEDGER_H
#define KAMCERT_LEDGER_H

#include "base/err.h"
#include "base/pack.h"
#include "record.h"
#include "store.h"

#define LEDGER_WAIT_MIN	MINUTE		/* what a Retry-After is clamped to: FAULTS A07 */
#define LEDGER_WAIT_MAX	DAY
#define LEDGER_SKEW	(5 * MINUTE)	/* less than this is no fault of a clock */

struct ledger {
	struct record_time	 when;		/* when it asked; 0: it did not */
	int64_t			 wait;		/* for how many seconds */
	char			*reason;	/* one line; NULL: none */
	/* when the clocks were compared; 0: they were not */
	struct record_time	 seen;
	int64_t			 skew;		/* the CA's clock less ours, seconds, then */
};

extern const struct pack ledger_pack;

/* None, or a damaged one, is an empty one; its moment is settled. pack_clear() frees. */
MUST_CHECK int	ledger_load(struct store *, const char *ca, const struct record_time *now,
		    struct ledger *, struct err *e);
MUST_CHECK int	ledger_save(struct store *, const char *ca, const struct ledger *, struct err *e);

/* The CA asked not to be asked before `until`, unix seconds. Clamped. RETRY without memory. */
MUST_CHECK int	ledger_hold(struct ledger *, const struct record_time *now, int64_t until,
		    const char *reason, struct err *e);

/* A difference of the clocks was seen. */
void		ledger_compare(struct ledger *, const struct record_time *now, int64_t skew);

/*
 * The CA's clock less ours, seconds (FAULTS T05); 0 if it was not seen since
 * the machine was started, or since our clock was set, and if it is small.
 */
int64_t		ledger_skew(const struct ledger *, const struct record_time *now);

/* No request before this; 0 when nothing is held back. At most a day ahead. */
int64_t		ledger_until(const struct ledger *, const struct record_time *now);

#endif
