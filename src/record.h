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
#include "budget.h"
#include "record_time.h"
#include "forecast.h"
#include "store.h"

#define RECORD_HISTORY	20	/* results kept */
#define RECORD_CAS	16	/* with failures of their own */
/* leaves whose renewal time is kept: also of versions to go back to */
#define RECORD_WINDOWS	8
#define RECORD_SERIALS	50	/* serial numbers kept (FAULTS A29) */
#define RECORD_FACTS_MAX (64 * 1024)

struct record_result {
	int64_t	 when;		/* unix seconds */
	int64_t	 outcome;	/* enum outcome */
	char	*step;
	char	*text;
	int64_t	 version;	/* 0: none */
};

/*
 * Failures that are one CA's own, in a row: another CA need not wait for
 * them. All others count in struct record, at every CA.
 */
struct record_ca {
	char			*name;		/* in the configuration */
	int64_t			 failures;
	struct record_time	 last_failure;
	int64_t			 outcome;	/* of the last one */
	int64_t			 jitter;	/* thousandths, drawn then */
	int64_t			 asked;		/* Retry-After, unix seconds; 0: none */
	bool			 paused;	/* until the operator asks (FAULTS A44) */
};

/* Renewal information, RFC 9773, of one leaf. */
struct record_window {
	char			*id;		/* as cert_facts.ari_id */
	int64_t			 start;
	int64_t			 end;		/* 0: the CA has named none */
	int64_t			 point;		/* chosen in that window */
	int64_t			 check;		/* when to ask again */
	char			*url;		/* explanationURL; NULL: none */
};

/* What reloads of a server cost; of a process that is there no more it is forgotten. */
struct record_server {
	char		*server;	/* where it is told */
	int64_t		 pid;
	struct forecast	 forecast;
};

#define RECORD_SERVERS	64

struct record {
	struct list		 history;	/* struct record_result, oldest first */
	int64_t			 failures;	/* in a row, but for those of one CA alone */
	struct record_time	 last_attempt;
	struct record_time	 last_failure;
	struct record_time	 last_success;
	int64_t			 outcome;	/* of the last one that these count, or OUT_OK */
	int64_t			 jitter;	/* thousandths, drawn at the last failure */
	/* Retry-After of the last failure, unix seconds; 0: none */
	int64_t			 asked;
	struct list		 cas;		/* struct record_ca */
	int64_t			 ca_failures;	/* of all of them, since the last success */
	int64_t			 next;		/* when the last run thought that it is due */
	int64_t			 reload_tries;	/* of a way back that was not proven (FAULTS K11) */
	/* in a row that found a server not ready for a deployment */
	int64_t			 looks;
	struct record_time	 last_look;
	/* what was seen on a listener in place of the active version; NULL: nothing */
	char			*unserved;
	int64_t			 unserved_since;
	/* config_cert_digest() under which a version was rolled back */
	char			*tried;
	struct strs		 serials;	/* oldest first */
	struct budget		 budget;	/* this certificate's part */

	struct list		 servers;	/* struct record_server */

	struct list		 windows;	/* struct record_window */
	/* serial number that an operator had revoked last; NULL: none */
	char			*revoked;

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

/*
 * Adds up the parts of the budget of all certificates in the store, also of
 * those that are no longer configured. RETRY.
 */
MUST_CHECK int	record_gather(struct store *, const struct record_time *now, struct budget *all,
		    struct err *e);

/* --- what happened; all of them RETRY without memory, then nothing has changed --- */

/* An attempt begins. */
void		record_attempt(struct record *, const struct record_time *now);

/* How an attempt ended. */
struct record_try {
	const char	 *step;
	int64_t		  version;
	const struct err *res;		/* OUT_OK is success; has the time that a peer asked for */
	/* whose success it is, or whose own failure; NULL: no CA's */
	const char	 *ca;
	bool		  paused;	/* the CA paused a name */
	uint32_t	  random;	/* draws the jitter of the back-off */
};

MUST_CHECK int	record_end(struct record *, const struct record_time *now,
		    const struct record_try *);

/* What one CA failed at; all zero if nothing. Borrowed. */
const struct record_ca	*record_ca(const struct record *, const char *name);

/* All failures since the last success. */
int64_t		record_failures(const struct record *);

/* NULL: nothing is known of it. */
const struct record_server *record_server(const struct record *, const char *server);

/* Takes the place of what was known. */
MUST_CHECK int	record_server_note(struct record *, const struct record_server *, struct err *e);

/* A serial number that was installed. */
MUST_CHECK int	record_serial(struct record *, const char *serial, struct err *e);

/* --- renewal information --- */

/* What is known of a leaf, NULL if nothing is; id may be NULL. */
const struct record_window *record_window(const struct record *, const char *id);

/* The same, made if it is missing; the oldest makes room. NULL is RETRY. */
MUST_CHECK struct record_window *record_window_of(struct record *, const char *id, struct err *e);

#endif
