/*
 * cas: which CA a certificate is ordered from, and what CAs are owed.
 *
 * A certificate has a list of CAs in order of preference. The first one that
 * nothing holds back is asked: no back-off of this certificate at it, no
 * Retry-After, no limit that is used up (FAULTS section 9). A failure that
 * would be the same everywhere holds them all; one that is the CA's own holds
 * only that CA, so that the next run goes on to the next one. Only when no
 * usable certificate is left for long does the same run go on, and never to
 * the same CA twice.
 */
#ifndef KAMCERT_CAS_H
#define KAMCERT_CAS_H

#include "due.h"
#include "job.h"

struct cas;

/* Reads what all certificates have cost, from the store if there is one. RETRY. */
MUST_CHECK int	cas_begin(struct keeper *, struct err *e);
void		cas_free(struct keeper *);

/*
 * Sets j->ca to the one that is to be asked, j->ca_why to why it is not the
 * first (or NULL), and gives the facts there.
 */
MUST_CHECK int	cas_choose(struct job *, struct due_facts *, struct err *e);

/* The CA whose certificate is installed, or NULL: renewal information comes from there. */
const struct ca_conf	*cas_issuer(const struct job *);

/*
 * May this order be placed now, after all that this run has placed already?
 * Counts it, to be saved with the record. RETRY with the time when it may.
 */
MUST_CHECK int	cas_spend(struct job *, struct err *e);

/* It was never finalized; what came of it was not fit. */
void		cas_unspend(struct job *);
void		cas_refused(struct job *);

/* A challenge failed: counted for each name of the order, as nobody says which one it was. */
void		cas_validation_failed(struct job *);

/* No request to this CA before this time; 0: at once. */
int64_t		cas_held_until(struct keeper *, const struct ca_conf *);

/* A CA's failure may hold back all of its certificates (FAULTS A05 to A08). */
void		cas_note_failure(struct keeper *, const struct ca_conf *, const struct err *why);

/* What its Date header said (FAULTS T05): the CA's time less ours. */
void		cas_note_clock(struct keeper *, const struct ca_conf *, int64_t skew);

/* Is the failure of the step that the job is at one that another CA may not have? */
bool		cas_is_to_blame(const struct job *, const struct err *why);

/*
 * In an emergency, the next CA that is free, or NULL: for a job whose step has
 * just failed with why.
 */
const struct ca_conf	*cas_next(struct job *, const struct err *why);

/*
 * Goes on with that one, once the failure is on disk; what belonged to the
 * other's order is dropped.
 */
MUST_CHECK int	cas_take(struct job *, const struct ca_conf *next, const struct err *why,
		    struct err *e);

#endif
