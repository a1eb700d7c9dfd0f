/*
 * ossl: libcrypto's and libssl's error queue as a struct err.
 *
 * Whoever gets a failure from one of the two libraries calls this at once:
 * the queue is empty afterwards, so no later message tells an older story.
 */
#ifndef KAMCERT_OSSL_H
#define KAMCERT_OSSL_H

#include "base/err.h"

/*
 * err_set() with the reason of the first queued error appended, where there
 * is one. A failed allocation is RETRY, whatever class was asked for. -1.
 */
int	ossl_err(struct err *e, enum outcome, const char *fmt, ...) PRINTF(3, 4);

/* For readers of PEM: nobody is asked for a passphrase, and there is none. */
int	ossl_no_passphrase(char *out, int size, int writing, void *arg);

#endif
