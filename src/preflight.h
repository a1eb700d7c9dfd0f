/*
 * preflight: what would fail at the CA, found out before it is asked for
 * anything that it counts (FAULTS L07). Asked of others, for the names of a
 * job: the CA's directory (names that it goes by, clock), the DNS (addresses,
 * CAA), and the addresses themselves, which must answer a challenge of our
 * own as they will answer the CA's.
 *
 * An order that was left over with its names proven goes on without.
 *
 * Only what is sure fails the job. That an address does not answer us is
 * sure where we stand as the CA does: it is our own, or we have a global
 * address and so no NAT between. All else is a note. A CA on this host looks
 * up names in a way of its own: they are looked at only where a resolver is
 * configured.
 */
#ifndef KAMCERT_PREFLIGHT_H
#define KAMCERT_PREFLIGHT_H

#include "job.h"

struct preflight;

/* For JOB_LOOK every thing that is looked at becomes a finding, and none fails the job. */
enum job_progress	preflight_names(struct job *, struct err *e);

/* NULL allowed. Not while answers to it may come. */
void	preflight_free(struct preflight *);

#endif
