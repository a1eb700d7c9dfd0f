/*
 * rehearsal: a CA for a dry run whose own CA has no staging endpoint. It is
 * kamcert-responder, on loopback, for as long as the run.
 */
#ifndef KAMCERT_REHEARSAL_H
#define KAMCERT_REHEARSAL_H

#include "base/err.h"
#include "config.h"

struct rehearsal;

/*
 * Starts one if a certificate of these (all, if there are none) needs it, and
 * puts it into the configuration as staging of the CAs without one. *out may be
 * NULL after success: none was needed. HOLD if the program is missing, RETRY
 * if it does not start.
 */
MUST_CHECK int	rehearsal_begin(struct config *, const struct strs *certs,
		    struct rehearsal **out, struct err *e);

/* Ends it and removes its files; NULL allowed. */
void		rehearsal_end(struct rehearsal *);

#endif
