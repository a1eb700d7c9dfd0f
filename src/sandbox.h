/*
 * sandbox: what every process of kamcert gives up at its start.
 */
#ifndef KAMCERT_SANDBOX_H
#define KAMCERT_SANDBOX_H

#include "base/err.h"

/*
 * A role's start-up hygiene: no core dumps, not dumpable, no new privileges, dies with its
 * parent, SIGPIPE ignored, umask 077.
 */
MUST_CHECK int	sandbox_begin(struct err *e);

/*
 * The same for the starter, before any library is used: standard streams
 * exist, and the environment is cut down to an allow-list (FAULTS I09, P09).
 */
MUST_CHECK int	sandbox_begin_starter(struct err *e);

#endif
