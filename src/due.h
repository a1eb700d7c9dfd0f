/*
 * due: when to try. Pure arithmetic over facts that others collected.
 *
 * First the point by the certificate's dates (FAULTS T09), then what holds it
 * back: the last attempts (L01), what a CA asked for, the operator's
 * windows. All sums saturate. All times are unix seconds; windows are times
 * of day of a zone, which need not have every day and may have some twice
 * (FAULTS T03).
 */
#ifndef KAMCERT_DUE_H
#define KAMCERT_DUE_H

#include "base/base.h"
#include "base/err.h"
#include "base/pack.h"

#define DUE_NEVER	INT64_MAX	/* not until an operator asks */
#define DUE_DEFAULT	((int64_t)-1)	/* renew_before: by the rule */
#define DUE_DISTANCE	MINUTE		/* at least, between two renewals by date (FAULTS T01) */
#define DUE_RELOAD	(10 * MINUTE)	/* between tries of a way back, and how many (FAULTS K11) */
#define DUE_RELOADS	6
#define DUE_GIVEN_UP	(60 * DAY)	/* expired for so long: weekly (FAULTS L11) */
#define DUE_WINDOWS_MAX	16
#define DUE_OTHERS_MAX	8

/* Minutes of a day. end may lie before start: over midnight. Equal: the whole day. */
struct due_window {
	int	start;
	int	end;
};

struct due_windows {
	struct due_window	v[DUE_WINDOWS_MAX];
	size_t			n;
};

/* "02:00-05:00". HOLD says what is wrong with it. */
MUST_CHECK int	due_window_parse(const char *text, struct due_window *, struct err *e);

/* All of them, at most DUE_WINDOWS_MAX. HOLD as above. */
MUST_CHECK int	due_windows_parse(const struct strs *texts, struct due_windows *, struct err *e);

/* Is there a minute of the day in all of these? A set without windows has them all. */
bool	due_windows_meet(const struct due_windows *, size_t n);

enum due_work {
	DUE_RENEW,	/* nothing is pending: the certificate's own time decides */
	DUE_AGAIN,	/* a version was rolled back and is to be deployed once more */
	DUE_DEPLOY,	/* a version waits for its deployment, or for the end of it */
	DUE_BACK,	/* a way back was begun */
};

/* Failures in a row that a CA alone is to blame for. */
struct due_tries {
	int64_t		 failures;
	int64_t		 last;		/* as last_failure */
	enum outcome	 outcome;
	int		 jitter;
};

/* All zero: nothing installed, nothing happened. */
struct due_facts {
	int64_t		 now;
	enum due_work	 work;

	/* the active certificate; not_after 0: there is none */
	int64_t		 not_before;
	int64_t		 not_after;
	int64_t		 renew_before;	/* seconds; 0 or DUE_DEFAULT: the rule alone */
	bool		 scheduled;	/* nobody has asked for this run: the two below count */
	/* in a row that found the server not ready for a deployment */
	int64_t		 looks;
	int64_t		 last_look;
	bool		 tried;		/* DUE_AGAIN: under this very configuration */
	/* other names or another key type are configured: new, in a window */
	bool		 changed;
	/* missing file, mismatch, unreadable, revoked: new, at once */
	bool		 unfit;

	/* renewal information; see due_ari_point() */
	int64_t		 ari_start;
	int64_t		 ari_end;	/* 0: there is none */
	int64_t		 ari_point;	/* chosen once in that window */

	/* what happened; times as record_when() gives them */
	int64_t		 failures;	/* in a row, but for those of CAs alone */
	int64_t		 last_failure;
	struct due_tries ca;		/* at the CA in question */
	int64_t		 elsewhere;	/* the last failure at another CA; 0: none */
	int64_t		 last_success;	/* 0: none */
	enum outcome	 outcome;	/* of the last attempt */
	/* -500 to 500 thousandths, drawn at each failure and stored */
	int		 jitter;
	/* not before: Retry-After, the CA's ledger, the budget; 0: nothing */
	int64_t		 asked;
	bool		 paused;	/* the CA paused a name (FAULTS A44) */
	int64_t		 reload_tries;	/* DUE_BACK: that were not proven */

	/* when servers may be disturbed: in one of these, and in one of each of the others */
	struct due_window windows[DUE_WINDOWS_MAX];
	size_t		 nwindows;	/* 0: always */
	struct due_windows others[DUE_OTHERS_MAX];
	size_t		 nothers;
	/*
	 * How far the clocks that the windows are meant by are ahead of UTC, in
	 * seconds; NULL: not at all.
	 */
	int64_t		(*offset)(const void *zone, int64_t when);
	const void	*zone;
};

enum due_why {
	DUE_EMPTY,	/* nothing is installed */
	DUE_UNFIT,	/* what is installed cannot be used */
	DUE_CHANGED,	/* the configuration wants another certificate */
	DUE_LIFETIME,	/* its time is over, by the rule or by renew-before */
	DUE_ARI,	/* the CA's renewal information */
	DUE_RESERVE,	/* only the emergency reserve is left */
	DUE_UNFINISHED,	/* work left undone */
};

enum due_held {
	DUE_FREE,	/* nothing holds it back */
	DUE_BACKOFF,	/* earlier failures */
	DUE_HELD,	/* HOLD or REFUSE: once a day */
	DUE_ASKED,	/* the CA asked to wait, or the budget towards it is spent */
	DUE_NEAR,	/* the minimum distance between renewals */
	DUE_WINDOW,	/* the next window */
	DUE_WEEKLY,	/* expired long ago (FAULTS L11) */
	DUE_PAUSED,	/* until the operator asks */
	DUE_NOT_READY,	/* the server was not ready for it */
	DUE_TRIED,	/* it was rolled back, and nothing has changed since */
	DUE_CA,		/* failures of this CA alone */
};

struct due {
	int64_t		 at;		/* may lie in the past; DUE_NEVER */
	/* when it is due by itself, nothing held back; now for what is due at once */
	int64_t		 point;
	enum due_why	 why;
	enum due_held	 held;		/* what moved `at` last behind `point` */
	/* nothing usable is installed, or only the emergency reserve is left */
	bool		 urgent;
	bool		 alarm;		/* expired for 60 days without success */
};

struct due	due_of(const struct due_facts *);

/* due_of().at alone. */
int64_t		due_at(const struct due_facts *);

/*
 * Can the clock be right? Not before kamcert was written, and not a day before
 * what is installed began: such a clock was not set yet (FAULTS T02).
 */
bool		due_clock_holds(int64_t now, int64_t not_before);

/* "its renewal time has come", "the last attempt failed"; never NULL. */
const char	*due_why_text(enum due_why);
const char	*due_held_text(enum due_held);

/* --- parts, for those who show or test them --- */

/* Seconds before not_after at which it is due without renew_before: FAULTS T09. */
int64_t		due_rule(int64_t lifetime);

/* Less than this left: windows no longer count, and nothing moves the point behind it. */
int64_t		due_reserve(int64_t lifetime);

/*
 * Seconds to wait after so many failures in a row: FAULTS L01, jitter included.
 * -500 to 500 thousandths.
 */
int64_t		due_backoff(int64_t failures, enum outcome, int jitter);

/* A uniform point of the CA's window (RFC 9773 section 4.2) by 32 random bits. */
int64_t		due_ari_point(int64_t start, int64_t end, uint32_t random);

/* From 32 random bits; for due_facts.jitter. */
int		due_jitter(uint32_t random);

#endif
