/*
 * verify: what every listener serves, by real handshakes, until all agree.
 *
 * Handshakes come one after the other and a few milliseconds apart, each on a
 * new connection and without a session: some releases of Kamailio may crash
 * when two workers shake hands at once. Nobody is trusted or distrusted here
 * for what a certificate says: its digest is compared with what was
 * installed. The certificate is read even where the handshake cannot be
 * completed (FAULTS K13). Whether to go back is for the job to decide.
 *
 * Of a pair, each leaf is asked for by itself, with the signature algorithms
 * of its key alone. A server that was given only one of them (a profile of
 * Kamailio 5 holds no more) turns the other's clients away, as it did
 * before: that is told, and is no fault of what was installed.
 */
#ifndef KAMCERT_VERIFY_H
#define KAMCERT_VERIFY_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"
#include "cert.h"

/* Handshakes for each worker, so that each is met with good probability (FAULTS K08). */
#define VERIFY_PER_WORKER	4

/* With many names or workers, a listener gets no more than this in a round, but each name two. */
#define VERIFY_LISTENER_MAX	512

/* What a version has for one of its keys. */
struct verify_leaf {
	char		*family;	/* "ecdsa", "rsa": offered alone; NULL: the only one */
	/* SHA-256 of the leaf, then of all behind it as installed */
	struct blob	 want;
	/* SHA-256 of the leaf before; empty: whatever is not wanted */
	struct blob	 old;
};

extern const struct pack verify_leaf_pack;

struct verify_in {
	struct strs	 listeners;	/* as wire_listener_parse() */
	/* canonical, at least one; a label takes a wildcard's place */
	struct strs	 names;
	struct list	 leaves;	/* struct verify_leaf, at least one */
	int64_t		 workers;	/* TCP workers of the server; below 1: not known, one */
	int64_t		 settle;	/* seconds in which all must agree */
	/* one handshake per listener and name, nothing said, no repetition */
	bool		 look;
};

extern const struct pack verify_in_pack;

/* A larger one is worse. */
enum verify_verdict {
	VERIFY_NEW,		/* only the wanted chain, in all handshakes, and somebody answers */
	/* of a pair: this listener has none for such a client, only the other one */
	VERIFY_ABSENT,
	VERIFY_SILENT,		/* the wanted chain, but nobody answers behind it */
	VERIFY_CHAIN,		/* the wanted leaf, but not all of the chain behind it */
	VERIFY_UNREACHABLE,	/* no connection, or handshakes that fail */
	VERIFY_MIXED,		/* the wanted leaf in some handshakes, another in others */
	VERIFY_OLD,		/* the leaf before, in all handshakes */
	VERIFY_OTHER,		/* a leaf that is neither; only where the leaf before is known */
};

/* What one listener served for one name, in the last round. */
struct verify_seen {
	char		*listener;
	char		*name;
	char		*family;	/* of verify_leaf */
	int64_t		 verdict;
	int64_t		 handshakes;	/* tried */
	int64_t		 wanted;	/* of these, with the wanted leaf */
	/* of a leaf that was seen, an unwanted one first; empty: none */
	struct blob	 sha256;
	struct cert_facts leaf;		/* that leaf; zeroed if it could not be read or is huge */
	char		*note;		/* what else there is to say; NULL: nothing */
};

extern const struct pack verify_seen_pack;

struct verify_out {
	int64_t		 verdict;	/* the worst; VERIFY_ABSENT is none */
	int64_t		 rounds;
	int64_t		 ms;		/* it took */
	/* struct verify_seen: by listener, name, leaf, in their order */
	struct list	 seen;
};

extern const struct pack verify_out_pack;

/*
 * Looks until every listener serves the wanted chain for every name, or until
 * in->settle is over: at once, a second later, then three times spread over
 * the time. -1 only if nothing could be looked at: HOLD for a listener that
 * is none, RETRY for lack of memory. pack_clear(&verify_out_pack, out) frees.
 */
MUST_CHECK int	verify_run(const struct verify_in *, struct verify_out *out, struct err *e);

/*
 * 0 if it is proven, else -1 with the first of the worst listeners: RETRY if
 * unreachable, else HOLD.
 */
MUST_CHECK int	verify_judge(const struct verify_out *, struct err *e);

/* "new", "old", ... Never NULL. */
const char	*verify_word(int64_t verdict);

#endif
