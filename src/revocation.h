/*
 * revocation: the lists of revoked certificates that a chain's issuers name.
 *
 * Fetched by the net role, and kept as crls/<digest of the URL>.json in the
 * state folder until the list itself or a day says that there may be a newer
 * one. Nothing here fails a job: a list that cannot be had is a note, and an
 * old one still counts for what it has. Leaves are not looked up: a new one
 * is on no list yet.
 */
#ifndef KAMCERT_REVOCATION_H
#define KAMCERT_REVOCATION_H

#include "chain.h"
#include "job.h"

/*
 * True: what can be had for this chain is there. False: it has been asked
 * for, and the job will be woken at STEP_CHAIN.
 */
bool	revocation_gather(struct job *, const struct chain *);

/* Those that the run has so far, for chain_in.crls; lent until the next call. */
const struct list *revocation_lists(const struct keeper *);

void	revocation_free(struct keeper *);

#endif
