/*
 * journal: how far the deployment of a version has come; certs/<name>/journal.
 *
 * One sealed entry, replaced as a whole. `from` and `to` keep their meaning
 * through a whole deployment, also on the way back. install.h draws the states.
 */
#ifndef KAMCERT_JOURNAL_H
#define KAMCERT_JOURNAL_H

#include "base/bytes.h"
#include "base/err.h"

#define JOURNAL_NAME	"journal"
#define JOURNAL_MAX	4096

enum journal_state {
	JOURNAL_NONE,		/* no entry, or one that cannot be trusted */
	JOURNAL_SWITCHING,	/* current is being turned to `to` */
	JOURNAL_ASKED,		/* the servers are being asked to load `to` */
	JOURNAL_DONE,		/* `to` was seen on every listener */
	JOURNAL_BACK_SWITCHING,	/* `to` failed, current is being turned to `from` */
	JOURNAL_BACK_ASKED,	/* the servers are being asked to load `from` */
	JOURNAL_BACK_DONE,	/* `from` was seen on every listener */
};

struct journal {
	enum journal_state	 state;
	int64_t			 from;	/* version; 0: there was none */
	int64_t			 to;
	int64_t			 when;	/* unix seconds of this entry */
};

/*
 * Was this version seen on every listener: by a deployment, or on the way back
 * from one that failed?
 */
bool		journal_proves(const struct journal *, int64_t version);

const char	*journal_word(enum journal_state);	/* "switching", ... */

/* Fills an empty b. RETRY. */
MUST_CHECK int	journal_write(const struct journal *, struct buf *b, struct err *e);

/* HOLD for an entry that was changed or makes no sense; *j is then JOURNAL_NONE. */
MUST_CHECK int	journal_read(struct span file, struct journal *j, struct err *e);

/*
 * The entry in a certificate's folder; JOURNAL_NONE when there is none, or when
 * it is damaged: what the link and the versions say then has to do.
 */
MUST_CHECK int	journal_load(int at, struct journal *j, struct err *e);

/* Durable when it returns 0. */
MUST_CHECK int	journal_save(int at, const struct journal *j, struct err *e);

#endif
