/*
 * rehearse: a candidate, served once before it is installed.
 *
 * A TLS server inside the process loads the very octets that would be
 * installed, the way Kamailio loads its files, and must complete a handshake
 * with a verifying client for every name by TLS 1.3, and for one name of each
 * kind of key and issuers by TLS 1.2 as well. There is no socket and no
 * time-out: the two talk through memory.
 */
#ifndef KAMCERT_REHEARSE_H
#define KAMCERT_REHEARSE_H

#include "chain.h"

/*
 * in is what chain_check() made the chain of; its pem is not looked at. A
 * wildcard is asked for with a label of its own. REFUSE names the name and
 * the protocol version.
 */
MUST_CHECK int	rehearse(const struct chain_in *in, const struct chain *, struct err *e);

#endif
