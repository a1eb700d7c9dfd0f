/*
 * trust: the root certificates that chains must lead to.
 *
 * Each bundle is read when it is first needed and then kept: the system's
 * costs about as much CPU as a whole renewal. One handle serves all checks of
 * a process; a new handle sees changed files.
 */
#ifndef KAMCERT_TRUST_H
#define KAMCERT_TRUST_H

#include "base/err.h"

struct trust;
struct x509_store_st;		/* libcrypto's X509_STORE */

MUST_CHECK struct trust *trust_new(struct err *e);
void	trust_free(struct trust *);	/* NULL allowed */

/*
 * The roots in a PEM bundle, or the system's for NULL. *store belongs to the
 * handle. HOLD when the bundle cannot be read or holds no certificate, RETRY
 * when the fault may pass.
 */
MUST_CHECK int	trust_get(struct trust *, const char *bundle, struct x509_store_st **store,
		    struct err *e);

/* What messages call it: the path, or "the system's trust store". */
const char	*trust_name(const char *bundle);

#endif
