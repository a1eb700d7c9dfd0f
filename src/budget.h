/*
 * budget: what a certificate has cost the CAs, and what FAULTS L06 leaves.
 *
 * Each certificate's record has its own part, saved with it before the request
 * that it counts (FAULTS V8). What limits hold for is a CA: the keeper adds all
 * parts up, so that two sections with the same names share them.
 */
#ifndef KAMCERT_BUDGET_H
#define KAMCERT_BUDGET_H

#include "base/err.h"
#include "base/pack.h"
#include "record_time.h"

/* An order that was, or may have been, finalized. */
struct budget_issue {
	struct record_time	 when;
	char			*ca;		/* NULL: counts at any */
	char			*names;		/* digest of the exact set; NULL: counts for any */
	bool			 refused;	/* what came of it was not fit (REFUSE) */
	/* for the second key of a pair: with the first it is one issuance */
	bool			 second;
};

struct budget_validation {
	struct record_time	 when;
	char			*ca;		/* NULL: counts at any */
	char			*name;		/* NULL: counts for any */
};

struct budget {
	struct list	 issues;	/* struct budget_issue */
	struct list	 validations;	/* struct budget_validation: the failed ones */
	bool		 shared;	/* all certificates' parts: only time drops what is in it */
};

extern const struct pack budget_issue_pack, budget_validation_pack, budget_pack;

/* What an order is about. */
struct budget_order {
	const char		*ca;
	const struct strs	*names;
	/* of the certificate so far, seconds; 0: not known */
	int64_t			 lifetime;
	bool			 second;	/* as in struct budget_issue */
};

/* It is about to be placed. RETRY without memory: then nothing has changed. */
MUST_CHECK int	budget_spend(struct budget *, const struct budget_order *,
		    const struct record_time *now, struct err *e);

/* What came of the last such order was refused. */
void		budget_refused(struct budget *, const struct budget_order *);

/* The last such order was never finalized: it does not count. */
void		budget_unspend(struct budget *, const struct budget_order *);

/* RETRY without memory. */
MUST_CHECK int	budget_validation_failed(struct budget *, const char *ca, const char *name,
		    const struct record_time *now, struct err *e);

/*
 * 0 when the order may be placed now, else when it may: 2 issuances per exact
 * set of names and day, or per lifetime where that is shorter; none for 34
 * hours after a REFUSE; 3 failed validations per name and hour; all of it at
 * this CA. *why (if not NULL) says which.
 */
int64_t		budget_until(const struct budget *, const struct budget_order *,
		    const struct record_time *now, const char **why);

/* Adds what still counts of one certificate's part. RETRY without memory. */
MUST_CHECK int	budget_merge(struct budget *all, const struct budget *part,
		    const struct record_time *now, struct err *e);

#endif
