/*
 * csrfile: a certificate request that an operator has made (RFC 2986).
 *
 * It is sent to the CA as it is. What it asks for is compared with the
 * configuration by whoever reads it; what a CA may issue of it, chain judges.
 */
#ifndef KAMCERT_CSRFILE_H
#define KAMCERT_CSRFILE_H

#include "base/err.h"
#include "base/pack.h"
#include "key.h"

struct csrfile {
	struct blob	 der;
	/* canonical, of the subject's common name as well; each once */
	struct strs	 names;
	struct key	*key;		/* the public half */
};

/*
 * Reads one request, PEM or DER, of KEY_CSR_MAX octets at most. HOLD says what
 * is wrong: it is none, is not signed by its own key, its key is of no type
 * that key.h knows, or it asks for what is neither host name nor address, or
 * for must-staple.
 * csrfile_clear() frees.
 */
MUST_CHECK int	csrfile_read(struct span file, struct csrfile *out, struct err *e);

/* The same of a file. HOLD when it cannot be read. */
MUST_CHECK int	csrfile_load(const char *path, struct csrfile *out, struct err *e);

/* HOLD unless it asks for exactly these canonical names. */
MUST_CHECK int	csrfile_fits(const struct csrfile *, const struct strs *names, struct err *e);

void		csrfile_clear(struct csrfile *);

#endif
