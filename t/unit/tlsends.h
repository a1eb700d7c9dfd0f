/*
 * tlsends: identities and tickets for two ends of our own stack, and what they
 * say of a connection.
 */
#ifndef KAMCERT_T_UNIT_TLSENDS_H
#define KAMCERT_T_UNIT_TLSENDS_H

#include "t/unit/check_tls.h"

#include "tls/private.h"

static struct tls_identity *ec256, *ec384, *rsa, *rsapss;
static struct tls_tickets *tickets;
static const struct tls_identity *ids[2], *ids_rsa[2];

static inline void
set_up(void)
{
	struct err e = ERR_NONE;

	ec256 = load_identity(ID_EC256);
	ec384 = load_identity(ID_EC384);
	rsa = load_identity(ID_RSA);
	rsapss = load_identity(ID_RSAPSS);
	ids[0] = ec256;
	ids_rsa[0] = rsa;
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

static inline struct tls_info
info_of(const struct tls_conn *c)
{
	struct tls_info info;

	tls_info(c, &info);
	return info;
}

static inline void
open_pair(struct pair *p, const struct tls_config *client, const struct tls_config *server)
{
	pair_new(p, client, server, SPAN_NONE);
	pair_run(p, 0);
	ck_pair_open(p, "open");
}

#endif
