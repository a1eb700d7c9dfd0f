/*
 * tlskeys: an identity of each kind of key, and tickets, for the tests of our
 * TLS stack.
 */
#ifndef KAMCERT_T_UNIT_TLSKEYS_H
#define KAMCERT_T_UNIT_TLSKEYS_H

#include "t/unit/check_tls.h"

static struct tls_identity *ec256, *ec384, *rsa, *rsapss;
static struct tls_tickets *tickets;

static inline void
set_up(void)
{
	struct err e = ERR_NONE;

	ec256 = load_identity(ID_EC256);
	ec384 = load_identity(ID_EC384);
	rsa = load_identity(ID_RSA);
	rsapss = load_identity(ID_RSAPSS);
	ck_assert_int_eq(tls_tickets_new(3600, &tickets, &e), 0);
}

static inline void
tear_down(void)
{
	tls_identity_free(ec256);
	tls_identity_free(ec384);
	tls_identity_free(rsa);
	tls_identity_free(rsapss);
	tls_tickets_free(tickets);
}

#endif
