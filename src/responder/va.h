/*
 * va: validation of challenges, done for real.
 */
#ifndef KAMCERT_RESPONDER_VA_H
#define KAMCERT_RESPONDER_VA_H

#include <sys/socket.h>

#include "base/loop.h"
#include "responder/check.h"
#include "responder/http.h"
#include "responder/options.h"
#include "responder/state.h"
#include "tls/tls.h"

struct va;

struct va_ask {
	enum challenge_type	 type;
	const struct ident	*ident;
	const char		*token;
	const char		*thumb;		/* of the account's key, base64url */
	const char		*account;	/* URL, for dns-persist-01 */
};

/* problem is NULL when the challenge was fulfilled. */
typedef void va_done(void *arg, const struct problem *);

MUST_CHECK int	va_new(struct loop *, struct options *, struct va **, struct err *e);
void		va_free(struct va *);	/* what still runs ends without a word */

/* Copies what it needs. done is called once, from the loop. */
MUST_CHECK int	va_begin(struct va *, const struct va_ask *, va_done *, void *arg, struct err *e);

#define VA_ADDRESSES_MAX 8
#define VA_TEXTS_MAX	32

struct va_answer {
	struct sockaddr_storage	 addr[VA_ADDRESSES_MAX];
	size_t			 naddr;
	char			*text[VA_TEXTS_MAX];	/* TXT records, each put together */
	size_t			 ntext;
	/* by the server's fault: not that there is nothing */
	bool			 failed;
};

typedef void va_resolved(void *arg, const struct va_answer *, const char *error);

struct va_dns;
MUST_CHECK int	va_dns_new(struct loop *, struct options *, struct va_dns **, struct err *e);
void		va_dns_free(struct va_dns *);

/*
 * Calls back once, never before it returned; table first, then the server that
 * was given. IPv6 addresses go first.
 */
MUST_CHECK int	va_dns_addresses(struct va_dns *, const char *name, va_resolved *, void *arg);
MUST_CHECK int	va_dns_texts(struct va_dns *, const char *name, va_resolved *, void *arg);
MUST_CHECK int	va_dns_caa(struct va_dns *, const char *name, va_resolved *, void *arg);
bool		va_dns_has_caa(const struct va_dns *);	/* there may be records */

/* A walk upwards through the names above an identifier. */
struct va_climb {
	struct va_dns		*dns;
	const struct va_ask	*ask;
	const char		*at;		/* within the identifier */
	va_done			*done;
	void			*arg;
};

/*
 * May the CA issue? The climb is the caller's until done is called, which may
 * be before this returns.
 */
void		va_caa(struct va_climb *, const struct va_climb *how);

/* One fetch: connects, does TLS if tls says so, sends, collects until the end. */
struct va_fetch;
struct va_fetch_ask {
	const struct sockaddr_storage	*addr;
	const struct tls_config		*tls;	/* NULL: plain */
	const char			*sni;
	struct span			 send;	/* empty: the handshake is all that is wanted */
};
struct va_fetched {
	const char		*error;		/* NULL: done; what went wrong otherwise */
	bool			 connected;	/* an error came after the connection was there */
	struct span		 octets;
	bool			 eof;
	const struct tls_info	*info;
};

/*
 * more: ask again with what has come so far; true ends the fetch. Called with
 * error set at its end at the latest.
 */
typedef bool va_fetch_more(void *arg, const struct va_fetched *);
struct va_fetch	*va_fetch_new(struct loop *, const struct va_fetch_ask *, va_fetch_more *,
		    void *arg);
void		 va_fetch_free(struct va_fetch *);

/* Judgement of what was found; each is a function of its arguments only. */
MUST_CHECK int	va_judge_http(const struct va_ask *, const struct http_answer *, struct problem *);
MUST_CHECK int	va_judge_alpn(const struct va_ask *, const struct tls_info *, struct problem *);
MUST_CHECK int	va_judge_dns(const struct va_ask *, const struct va_answer *, struct problem *);
MUST_CHECK int	va_judge_persist(const struct va_ask *, const struct va_answer *, int64_t now,
		    struct problem *);
MUST_CHECK int	va_judge_caa(const struct va_ask *, const struct va_answer *, struct problem *);
/* up to the next semicolon, without spaces around */
struct span	va_next_part(struct span *rest);
#define VA_ISSUER "ca.kamcert.test"

#endif
