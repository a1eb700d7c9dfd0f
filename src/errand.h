/*
 * errand: what an operator asks of a CA besides certificates: the account
 * commands, and revoking. One after the other; each ends in a result.
 */
#ifndef KAMCERT_ERRAND_H
#define KAMCERT_ERRAND_H

#include "base/bytes.h"

struct keeper;

/* The first of the run; keeper_step() ends the run behind the last. */
void	errands_begin(struct keeper *);
bool	errands_have_ended(const struct keeper *);
void	errands_free(struct keeper *);

/* The certificate that is being revoked now, as DER; empty: there is none. */
struct span errands_revoke(const struct keeper *);

#endif
