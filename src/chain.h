/*
 * chain: proof that a certificate chain is fit to be installed.
 *
 * struct chain has one maker, chain_check(), and install takes nothing else:
 * what was not checked cannot reach a server. What goes in are octets from a
 * CA that may be hostile, what comes out is written anew from what was
 * parsed. All checks are local: lists of revoked certificates are given, and
 * what a server really serves is not looked at here. Time is an argument.
 */
#ifndef KAMCERT_CHAIN_H
#define KAMCERT_CHAIN_H

#include "cert.h"
#include "key.h"
#include "trust.h"

#define CHAIN_CLOCK_SLACK	(10 * MINUTE)	/* a certificate may begin that much later */

struct chain;

struct chain_in {
	struct span	 pem;		/* as received; CHAIN_MAX octets at most */
	const struct key *key;		/* the leaf has its public half */
	const struct strs *names;	/* canonical; the leaf names each of these itself */
	int64_t		 now;		/* unix seconds */
	int64_t		 ca_now;	/* Date of the CA's reply, to compare; 0: unknown */
	struct trust	*trust;
	const char	*bundle;	/* PEM roots it must lead to; NULL: the system's */
	/* a rehearsal's: the last issuer sent is believed */
	bool			 any_root;
	struct span	 active;	/* SHA-256 of the leaf in service; empty: none */
	const struct strs *serials;	/* seen before, as cert_facts.serial; NULL: none */
	const struct list *crls;	/* struct blob: lists of revoked certificates; NULL: none */
};

/*
 * Finds the leaf by its key (RFC 8555 section 7.4.2), puts its issuers in
 * order and drops the root, doubles and strangers; then checks that it is
 * new, its names (RFC 6125 section 6.4), its purposes, that it is not bound to
 * a TLS feature (RFC 7633), the dates and strength of every certificate
 * (OpenSSL security level 2, at which Debian's Kamailio loads), and the path
 * to a trust anchor (RFC 5280 section 6.1) with no other intermediates than
 * these. On failure *out is NULL; OUT_REFUSE names the
 * certificate, 1 being the leaf, and the rule. HOLD when the bundle cannot be
 * read.
 */
MUST_CHECK int	chain_check(const struct chain_in *, struct chain **out, struct err *e);

void	chain_free(struct chain *);	/* NULL allowed */

/* The certificates, leaf first, at least one; they live as long as the chain. */
size_t	chain_count(const struct chain *);
const struct cert_facts *chain_cert(const struct chain *, size_t i);
const struct cert_facts *chain_leaf(const struct chain *);

/* Names the leaf has beyond those asked for; never a wildcard. Worth a warning. */
const struct strs *chain_extra_names(const struct chain *);

/*
 * The second from which all certificates are valid: at most CHAIN_CLOCK_SLACK
 * after the check's now. Installing waits for it.
 */
int64_t	chain_valid_from(const struct chain *);

/*
 * Is it worse than the one in service, for the phones in the field: does an
 * issuer or the root end before the leaf, or is a key of theirs weaker, where
 * that was not so before? -1 with REFUSE and what is worse.
 */
MUST_CHECK int	chain_is_as_good(const struct chain *, const struct chain *in_service,
		    struct err *e);

/* Append cert.pem, chain.pem (empty for a chain of one) and fullchain.pem. */
void	chain_put_cert(const struct chain *, struct buf *);
void	chain_put_issuers(const struct chain *, struct buf *);
void	chain_put_full(const struct chain *, struct buf *);

/*
 * Parses an installed fullchain.pem without judging it, for status and check.
 * REFUSE says why it cannot be read; *out is then zeroed.
 */
MUST_CHECK int	chain_read(struct span pem, struct certs *out, struct err *e);

#endif
