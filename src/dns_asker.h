/*
 * dns_asker: a c-ares channel on our loop. It must not be freed in a callback
 * of c-ares's.
 */
#ifndef KAMCERT_DNS_ASKER_H
#define KAMCERT_DNS_ASKER_H

#include <ares.h>

#include "base/err.h"
#include "base/loop.h"
#include "dns_message.h"

struct asker;

/* to: "address:port"; NULL: the resolver of the system. */
MUST_CHECK struct asker	*asker_new(struct loop *, const char *to, struct err *e);

/* What was asked and has no answer gets ARES_EDESTRUCTION. NULL allowed. */
void	asker_free(struct asker *);

/* cb is called once, perhaps before this returns. */
void	asker_ask(struct asker *, const char *name, enum dns_type, ares_callback cb, void *arg);

#endif
