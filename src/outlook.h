/*
 * outlook: what is on disk about a certificate, as facts for due.
 */
#ifndef KAMCERT_OUTLOOK_H
#define KAMCERT_OUTLOOK_H

#include "config.h"
#include "due.h"
#include "install.h"
#include "record.h"

/* Limits that a CA publishes, and how it looks up names, mean nothing at a CA of this very machine. */
bool		outlook_is_local(const char *directory);

/* HOLD if a window of the configuration cannot be read. */
MUST_CHECK int	outlook_facts(const struct cert_conf *, const struct ca_conf *,
		    const struct install_state *, const struct record *, struct due_facts *,
		    struct err *e);

#endif
