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

struct ledger {
	struct record_time	 when;		/* when it asked; 0: it did not */
	int64_t			 wait;		/* for how many seconds */
	char			*reason;	/* one line; NULL: none */
	int64_t			 skew;		/* the CA's clock less ours, seconds, when last seen */
};

extern const struct pack ledger_pack;

/* None, or a damaged one, is an empty one; its moment is settled. pack_clear() frees. */
MUST_CHECK int	ledger_load(struct store *, const char *ca, const struct record_time *now,
		    struct ledger *, struct err *e);
MUST_CHECK int	ledger_save(struct store *, const char *ca, const struct ledger *, struct err *e);

/* The CA asked not to be asked before `until`, unix seconds. Clamped. RETRY without memory. */
MUST_CHECK int	ledger_hold(struct ledger *, const struct record_time *now, int64_t until,
		    const char *reason, struct err *e);

/* No request before this; 0 when nothing is held back. At most a day ahead. */
int64_t		ledger_until(const struct ledger *, const struct record_time *now);

#endif
