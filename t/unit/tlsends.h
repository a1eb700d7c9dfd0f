/*
 * tlsends: two ends of our own stack, and what they say of a connection.
 */
#ifndef KAMCERT_T_UNIT_TLSENDS_H
#define KAMCERT_T_UNIT_TLSENDS_H

#include "t/unit/tlskeys.h"

#include "tls/private.h"

static const struct tls_identity *ids[2], *ids_rsa[2];

static inline void
set_up_ends(void)
{
	set_up();
	ids[0] = ec256;
	ids_rsa[0] = rsa;
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
