/*
 * provider: libcrypto's default provider, with fewer kinds of keys.
 *
 * Before it reads or writes any key or certificate, libcrypto 3.0 goes
 * through every decoder and encoder of every kind of key that is there: DSA,
 * finite-field Diffie-Hellman, SM2, forms of other systems. With only those
 * that a certificate of a TLS server can have, this takes a third of the
 * time, and less code is within reach of what others send. What is left out
 * is unknown then, as it is to any libcrypto built without it.
 */
#ifndef KAMCERT_PROVIDER_H
#define KAMCERT_PROVIDER_H

#include "base/err.h"

/*
 * For the rest of the process, before its first use of libcrypto. Not where
 * the operator's openssl.cnf asks for FIPS: all is as it says then. RETRY.
 */
MUST_CHECK int	provider_narrow(struct err *e);

#endif
