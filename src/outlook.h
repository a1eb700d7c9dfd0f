/*
 * outlook: what is on disk about a certificate, as facts for due.
 */
#ifndef KAMCERT_OUTLOOK_H
#define KAMCERT_OUTLOOK_H

#include "budget.h"
#include "config.h"
#include "due.h"
#include "install.h"
#include "ledger.h"
#include "record.h"

struct outlook {
	const struct cert_conf		*conf;
	const struct ca_conf		*ca;		/* that would be asked */
	const struct install_state	*state;
	const struct record		*record;
	const struct budget		*budget;	/* of all certificates */
	const struct ledger		*ledger;	/* of this CA */
};

/* HOLD if a window of the configuration cannot be read. */
MUST_CHECK int	outlook_facts(const struct outlook *, struct due_facts *, struct err *e);

/*
 * Limits that a CA publishes, and how it looks up names, mean nothing at a CA
 * of this very machine.
 */
bool		outlook_is_local(const char *directory);

#endif
