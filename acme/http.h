/*
 * http: what a task wants to send, by libcurl on our loop.
 *
 * https only, no redirects, no cookies, no netrc, no proxy of the
 * environment, no compression (FAULTS S03, S04), with the caps of FAULTS
 * section 1. Replies of any status are successes here. One acme_http is for
 * one CA: its requests share a connection and the loaded CA bundle. What is
 * no CA's and proves itself, as revocation lists do, may come over http too:
 * acme_http_fetch().
 */
#ifndef KAMCERT_ACME_HTTP_H
#define KAMCERT_ACME_HTTP_H

#include "acme/acme.h"
#include "base/loop.h"

struct acme_http;
struct acme_call;

struct acme_http_conf {
	const char	*user_agent;	/* RFC 8555 section 6.1 */
	const char	*ca_file;	/* PEM that vouches for the server; NULL: system's */
};

/* conf is copied. RETRY. */
MUST_CHECK struct acme_http *acme_http_new(struct loop *, const struct acme_http_conf *,
	    struct err *e);

/* Calls under way are dropped without a callback. Not from inside a callback. */
void	acme_http_free(struct acme_http *);

/*
 * Once per call, never from inside acme_http_send(). reply is NULL on
 * failure, and e says why: RETRY; e->sys is EMSGSIZE when a cap was met.
 * Both are borrowed. The call is over; the callback may send again.
 */
typedef void acme_http_done(void *arg, const struct acme_reply *reply, const struct err *e);

/* Copies what it is given. *call may be used for acme_http_cancel() until the callback. */
MUST_CHECK int acme_http_send(struct acme_http *, const struct acme_send *, acme_http_done *,
	    void *arg, struct acme_call **call, struct err *e);

struct acme_fetch {
	const char	*url;		/* http or https */
	const char	*host;		/* the Host field; NULL: that of the URL */
	int64_t		 seconds;	/* 1 to 60, for all of it */
	/* over a new connection, to an address of the internet only */
	bool		 global;
};

/* A GET with the same caps. On failure e->sys is errno of the connection, where libcurl has it. */
MUST_CHECK int acme_http_fetch(struct acme_http *, const struct acme_fetch *, acme_http_done *,
	    void *arg, struct acme_call **call, struct err *e);

/* Was the last connection one to an address of the internet, as far as this host knows? */
bool	acme_http_is_global(const struct acme_http *);

/* Without a callback; NULL does nothing. */
void	acme_http_cancel(struct acme_call *);

#endif
