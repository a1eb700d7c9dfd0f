/*
 * chain_world: what a CA may send, a letter for each thing, and the tables
 * that say what becomes of it.
 *
 *	R  root of the bundle		I  intermediate by R	J  intermediate by I
 *	O  older root, in no bundle	X  R's key, signed by O	E  as X, expired
 *	L  leaf for our key by I	M  the same, by J	F  leaf for another key
 *	U  unrelated root		V  I's name and key, signed by O
 *	K  I's name and key, signed by J, so that each has signed the other
 *	Y  R's name, but another key, signed by O
 *
 *	k  private key   e  encrypted one   r  certificate request   h  HTML
 *	t  text   c  40 KiB of comments   b  broken base64   d  no certificate
 *	z  the leaf with an octet behind it   x  the end so far is cut
 */
#ifndef KAMCERT_T_UNIT_CHAIN_WORLD_H
#define KAMCERT_T_UNIT_CHAIN_WORLD_H

#include <check.h>

#include "chain.h"
#include "testca.h"

#define NOW		TESTCA_NOW
#define PEM_MAX		(1024 * 1024)
#define NAME		"sip.example.com"

enum who { R, O, U, X, E, I, J, V, K, Y, L, M, F, WHO_N };

struct world {
	struct testca_cert	*certs[WHO_N];
	struct key		*key;
	struct strs		 names;
	struct trust		*trust;
	char			 bundle[32];
	struct buf		 pem;
};

struct row {
	const char	*what;
	const char	*sent;
	const char	*want;		/* words of the error, or NULL and ... */
	const char	*stored;	/* the letters that are stored */
	const char	*names[4];	/* asked for; none: NAME */
	const char	*key;		/* our key's type, NULL: ecdsa-p256 */
	struct testca_spec leaf;	/* what is not set here gets a sound value */
	struct testca_spec inter;	/* these count when they have a cn: CA_I, CA_R */
	struct testca_spec root;
	const char	*hint;		/* words of the hint */
	int64_t		 ca_ahead;	/* seconds; the CA's clock, unless 0 */
	const char	*extra;		/* names that nobody asked for */
};

#define GOOD(w, s, t)	.what = (w), .sent = (s), .stored = (t)
#define BAD(w, s, t)	.what = (w), .sent = (s), .want = (t)

#define CA_I	.ca = true, .cn = "Intermediate I"
#define CA_R	.ca = true, .cn = "Root R"

void	world_init(struct world *, const struct row *);
void	world_clear(struct world *);

/* Makes these roots the bundle. */
void	world_trust(struct world *, enum who, enum who);

/* What chain_check() is given; valid until the next. */
struct chain_in	world_input(struct world *, const char *sent);

/* Fails the test unless chain_check() says what the row says. */
void	world_check(struct world *, const struct row *, struct chain_in);

#endif
