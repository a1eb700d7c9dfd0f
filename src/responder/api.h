/*
 * api: the responder as a whole, and the resources of ACME. All state is in memory and ends
 * with the process. It is never a production CA: it keeps no records, its keys live for one
 * run, and it does what a fault script says. Nothing here is linked into the agent, and
 * nothing of the agent's ACME code is used: JWS, CSR and key bindings are verified by code of
 * its own, so that a mistake cannot cancel out.
 */
#ifndef KAMCERT_RESPONDER_API_H
#define KAMCERT_RESPONDER_API_H

#include "base/loop.h"
#include "responder/ca.h"
#include "responder/check.h"
#include "responder/faults.h"
#include "responder/limits.h"
#include "responder/server.h"
#include "responder/va.h"

struct responder {
	struct options	 o;
	struct loop	*loop;
	struct faults	*faults;
	struct limits	*limits;
	struct state	*state;
	struct ca	*ca;
	struct va	*va;
	struct server	*server;
	struct server	*control;
	uint64_t	 requests;
	/* renewal information set by the operator; 0: by the lifetime */
	int64_t		 window_from;
	int64_t		 window_to;
	struct cert	*last;		/* the certificate issued last */
	char		 last_nonce[NONCE_TEXT];
};

/* One request. */
struct call {
	struct responder		*r;
	const struct http_request	*req;
	const struct peer		*peer;
	/* the last component of the path, where the table has one */
	const char			*id;
	char				 base[HOST_MAX + 20];	/* https://HOST */
	struct jws			 jws;
	struct account			*account;
	struct reply			*reply;
	struct problem			 problem;
	int64_t				 now;
};

/* A handler fills in the reply, or c->problem and returns -1. */
typedef int api_handler(struct call *);
api_handler	api_account_new, api_account, api_key_change, api_orders;
api_handler	api_order_new, api_order, api_finalize, api_authz_new, api_authz, api_challenge;
api_handler	api_certificate, api_revoke, api_renewal_info, api_crl;

server_handler	api_handle;		/* arg is the struct responder */
server_handler	control_handle;

/* What the handlers share. */
/* the payload; NULL with a problem */
const struct json *call_object(struct call *, const char *where);
bool		call_is_get(const struct call *);	/* POST-as-GET, RFC 8555 section 6.3 */
MUST_CHECK int	call_want_get(struct call *);		/* -1 with a problem where it is not */
int		call_json(struct call *, int status, struct buf *);	/* takes the buffer over */
void		call_location(struct call *, const char *kind, uint32_t id);
void		call_retry_after(struct call *, unsigned delay_ms);	/* for what is worked at */
void		json_put_url(const struct call *, struct json_out *, const char *key,
		    const char *kind, uint32_t id, const char *tail);

/* By its identifier of RFC 9773 section 4.1; NULL if it is not of this CA. */
struct cert	*cert_by_ari(struct responder *, const char *id);

/* faults_http.c: the reply of an AT_REQUEST fault, and the body bent by an AT_BODY one. */
void		fault_reply(struct call *, const struct fault *);
void		fault_body(struct call *, const struct fault *);

#endif
