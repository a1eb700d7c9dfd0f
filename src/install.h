/*
 * install: a checked chain becomes the active version, or the previous one
 * again. FAULTS section 8 is the sequence, journal.h the memory of it.
 *
 *	certs/<name>/versions/<n>/	0750	immutable; files 0640, owner and group as configured
 *	certs/<name>/versions/<n>.bad	0600	why version n was given up; n itself is immutable
 *	certs/<name>/current		link to versions/<n>: its rename is the only commit point
 *	certs/<name>/journal		one entry
 *	certs/<name>/record.json	see record.h
 *
 * A deployment takes version N to M (N is 0 the first time). What stands in
 * capitals is what install_look() calls it after a kill at that place:
 *
 *	install_stage()		M is in versions/, no entry knows it		DEPLOY M
 *	      |
 *	install_switch()	switching N M, current leads to N		DEPLOY M
 *	      |			switching N M, current leads to M		DEPLOY M
 *	install_asked()		asked N M					DEPLOY M
 *	      |      |`-- cannot be noted: install_unswitch(), current leads to N
 *	      |      `------------------. not proven
 *	install_done()		      install_back()	M.bad			BACK to N
 *	      |				|	back-switching, current M or N	BACK to N
 *	done N M: NONE		      install_asked()	back-asked		BACK to N
 *					|
 *				      install_done()	back-done		AGAIN M
 *
 * DEPLOY and AGAIN mean that a certificate was paid for and is not proven
 * yet: install_switch() and all after it are repeated, without an order. AGAIN
 * was tried and rolled back, so that it waits for its time and its window. A
 * newer version that was staged since takes their place. The first
 * deployment has no way back: M stays active and pending until it is proven.
 *
 * No server is told anything here and nothing is proven: job does that in between.
 */
#ifndef KAMCERT_INSTALL_H
#define KAMCERT_INSTALL_H

#include "base/err.h"
#include "base/pack.h"
#include "config.h"
#include "journal.h"
#include "manifest.h"
#include "part.h"
#include "store.h"

struct chain;
struct key;

/* --- what is there --- */

enum install_health {
	INSTALL_EMPTY,		/* nothing was ever installed */
	INSTALL_GOOD,		/* current is a version of ours, octet for octet */
	/* it works, but somebody else changed or placed it: ALARM, left alone */
	INSTALL_CHANGED,
	/* it leads to nothing, is not whole, or does not fit together: ALARM */
	INSTALL_BROKEN,
};

enum install_pending {
	PENDING_NONE,
	PENDING_DEPLOY,		/* go on with `to`, at once */
	PENDING_AGAIN,		/* `to` was rolled back; once more when it is due */
	PENDING_BACK,		/* go on with the way back to `from`, at once */
};

struct install_state {
	enum install_health	 health;
	/* that current leads to; 0: none, or none of ours */
	int64_t			 version;
	int64_t			 previous;	/* the one to roll back to; 0: there is none */
	/* facts of what is active; from its files if CHANGED */
	struct manifest		 active;
	enum install_pending	 pending;
	int64_t			 from, to;
	/* facts of the version that what is pending leads to */
	struct manifest		 next;
	struct journal		 journal;
	/* one line for an ALARM; NULL: all is as kamcert left it */
	char			*problem;
};

/*
 * Looks at everything and decides what is left to do; writes nothing. When the
 * active set is broken, the newest complete version that is valid at `now` is
 * what is pending (FAULTS F11), never one older than a set that still works
 * (F13). RETRY and HOLD as fs has them; install_state_clear() in any case.
 */
MUST_CHECK int	install_look(struct store_cert *, int64_t now, struct install_state *,
		    struct err *e);
void		install_state_clear(struct install_state *);

/* A version number of the folder, with what is known of it. */
struct install_version {
	int64_t	 version;
	bool	 bad;
};

/* All of them, newest first, as struct install_version; the caller frees list.v. */
MUST_CHECK int	install_list(struct store_cert *, struct list *, struct err *e);

/* The version that current leads to, whether it is whole or not; 0 when there is no such link. */
MUST_CHECK int	install_current(struct store_cert *, int64_t *version, struct err *e);

/*
 * Is the version whole, octet for octet? HOLD says what is missing or
 * differs. *m has its facts, and is pack_clear()'s.
 */
MUST_CHECK int	install_check(struct store_cert *, int64_t version, struct manifest *m,
		    struct err *e);

/* A file of a version, such as "privkey.pem", appended to out, which wipes it. */
MUST_CHECK int	install_read(struct store_cert *, int64_t version, const char *name,
		    struct buf *out, struct err *e);

/*
 * The order that a run before this one left, as store_order_load(), unless its
 * certificate is stored already: such a leftover is dropped (for work), as to
 * go on with it would bring the same certificate once more.
 */
MUST_CHECK int	install_order(struct store_cert *, const char *suffix, struct store_order *,
		    struct err *e);

/* --- who may read what is installed --- */

struct install_reader {
	char	*name;		/* user of a hook */
	int64_t	 uid;
	int64_t	 gid;
};

struct install_rights {
	int64_t		 uid;		/* owner of files; -1: ours */
	int64_t		 gid;		/* group that may read them; -1: nobody but the owner may */
	struct list	 readers;	/* struct install_reader: must be able to read the key */
};

extern const struct pack install_rights_pack;

/* By the user data base. HOLD for a user or group that it does not know. pack_clear() frees. */
MUST_CHECK int	install_rights(const struct cert_conf *, struct install_rights *, struct err *e);

/*
 * HOLD if others than its owner and group can get at a key of the active
 * version, m (FAULTS S09).
 */
MUST_CHECK int	install_guarded(struct store_cert *, const struct manifest *m,
		    const struct install_rights *, struct err *e);

/* HOLD unless all readers can read the keys of the active version, m (FAULTS F18). */
MUST_CHECK int	install_readable(struct store_cert *, const struct manifest *m,
		    const struct install_rights *, struct err *e);

/* --- a new version --- */

/*
 * Takes hold of the space and the inodes that a version needs, before an
 * order is placed; install_stage() uses them up. RETRY if there is no room,
 * HOLD if files cannot be given the owner and group of rights (NULL: none), or
 * if a reader is stopped by a folder above the version.
 */
MUST_CHECK int	install_reserve(struct store_cert *, size_t parts,
		    const struct install_rights *rights, struct err *e);

/* Gives them back when no version came of it. */
void		install_unreserve(struct store_cert *);

/* One of the certificate's keys, with what it got. */
struct install_part {
	const struct chain	*chain;
	const struct key	*key;		/* without its private half no file has one */
	const char		*order_url;	/* may be NULL */
};

struct install_new {
	struct install_part		 parts[PART_MAX];
	size_t				 nparts;
	const char			*ca;		/* name in the configuration */
	int64_t				 now;
	const struct install_rights	*rights;
	/*
	 * For each part, all of chain_check() once more, over what was read back from the files.
	 * key_pem is empty where the operator alone has the key.
	 */
	int	(*check)(void *arg, struct span key_pem, struct span fullchain, struct err *e);
	void				*arg;
};

/*
 * Writes a version, reads it back through fresh descriptors, checks digests,
 * chain and key, and that every reader could read it, and publishes it.
 * *version is its number. On failure nothing of it is left: REFUSE or what
 * `check` said, HOLD for rights, RETRY for space and I/O. A failed write is
 * tried once more from scratch.
 */
MUST_CHECK int	install_stage(struct store_cert *, const struct install_new *, int64_t *version,
		    struct err *e);

/* --- switching --- */

/*
 * Makes `to` the active version, which must be whole. After success current
 * leads there, durably. After -1 it leads where it led before unless e says
 * otherwise; what the journal says is done at the next start.
 */
MUST_CHECK int	install_switch(struct store_cert *, int64_t to, int64_t now, struct err *e);

/*
 * Takes back a switch of which no server was told: current leads where it led
 * before, and the journal stays, so that the next run goes on with `to`. HOLD
 * when nothing whole was active before; after -1 current leads to either.
 */
MUST_CHECK int	install_unswitch(struct store_cert *, struct err *e);

/*
 * The servers are about to be asked; forward or back as the journal has it.
 * HOLD unless a switch, forward or back, went before.
 */
MUST_CHECK int	install_asked(struct store_cert *, int64_t now, struct err *e);

/*
 * What is active was seen on every listener; ends the deployment, or the way
 * back. HOLD unless install_asked() went before.
 */
MUST_CHECK int	install_done(struct store_cert *, int64_t now, struct err *e);

/*
 * Marks the version of the deployment under way as bad, with a reason of one
 * line, and makes the one before it active. HOLD when there is none or when
 * it is not whole: everything then stays as it is. Called again after a kill
 * it goes on.
 */
MUST_CHECK int	install_back(struct store_cert *, const char *reason, int64_t now, struct err *e);

/* No automatic way leads to this version any more. */
MUST_CHECK int	install_mark_bad(struct store_cert *, int64_t version, const char *reason,
		    struct err *e);

/*
 * Removes old versions, at most 64 a call, but for the active one, those of
 * the journal and the three newest besides. What cannot be removed stays.
 */
MUST_CHECK int	install_prune(struct store_cert *, struct err *e);

#endif
