/*
 * errlog: what a Kamailio has written to its error log since a moment before,
 * as far as it tells of trouble with TLS.
 *
 * Formats of lines, and what each text means, are those of Kamailio 5.0 to
 * 6.2 with OpenSSL 3. Who may log, may lie: lines are only counted, and one
 * is shown. What clients dislike counts when it was not there before.
 */
#ifndef KAMCERT_HOOKS_ERRLOG_H
#define KAMCERT_HOOKS_ERRLOG_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"

#define ERRLOG_LINE_MAX	512	/* octets of a line that are looked at, and shown */

enum errlog_kind {
	ERRLOG_NONE,
	/* clients cannot use this kind of key: so do ours, of half a pair */
	ERRLOG_KEY,
	ERRLOG_CLIENT,		/* clients dislike what they are shown */
	ERRLOG_LOAD,		/* files were not loaded */
	ERRLOG_TROUBLE,		/* memory, corruption, processes that end */
};

struct errlog {
	bool	 known;		/* the log was read */
	int64_t	 key;		/* lines of each kind */
	int64_t	 client;
	int64_t	 load;
	int64_t	 trouble;
	char	*first;		/* the first of the worst kind, cleaned; NULL: there is none */
	char	*problem;	/* why it could not be read; NULL: nothing */
};

extern const struct pack errlog_pack;

/*
 * A line of stderr, syslog or the journal. *pattern is its place in the table
 * of what is known, for errlog_mark().
 */
enum errlog_kind errlog_judge(struct span line, unsigned *pattern);

/*
 * The end of a log ("/path", "journal:UNIT") as it is now, in a form that
 * errlog_since() takes; *mark is the caller's. HOLD if it cannot be read.
 */
MUST_CHECK int	errlog_mark(const char *log, char **mark, struct err *e);

/* Fills in what was written behind the mark; trouble with the log itself is in it. */
void	errlog_since(const char *log, const char *mark, struct errlog *);

/* "journal:" and a unit, or an absolute path. USAGE. */
MUST_CHECK int	errlog_check(const char *log, struct err *e);

#endif
