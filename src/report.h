/*
 * report: what a command tells its user, as it happens.
 *
 * On a terminal, a passing line shows what is being worked on; into a pipe
 * come plain lines; with --json one object a line after the schema in
 * kamcert(8). Results go to standard output, what failed to standard error
 * as well when that is not the same place. Errors of a command that never
 * got as far as a certificate take the same way.
 */
#ifndef KAMCERT_REPORT_H
#define KAMCERT_REPORT_H

#include "base/err.h"
#include "base/pack.h"

enum report_kind {
	REPORT_START,		/* a step begins */
	REPORT_STEP,		/* a step is done */
	REPORT_NOTE,		/* something worth knowing on the way */
	REPORT_FINDING,		/* check: one thing looked at; outcome OK or worse */
	REPORT_RESULT,		/* the end of the work on one certificate */
};

struct report {
	int64_t	 kind;
	char	*cert;		/* NULL: the run itself */
	char	*step;
	int64_t	 outcome;
	char	*text;
	char	*hint;		/* NULL or "": nothing to do */
	int64_t	 version;	/* 0: none */
	int64_t	 ms;		/* how long it took, -1: not measured */
	struct blob data;	/* JSON object with measured figures, empty: none */
};

extern const struct pack report_pack;

enum report_form {
	REPORT_PLAIN,
	REPORT_JSON,
	REPORT_LOG,	/* lines of the log: for who stays */
};

/* quiet: only what failed; verbose: every step. The default tells results, notes and failures. */
enum report_level { REPORT_QUIET, REPORT_NORMAL, REPORT_VERBOSE };

void	report_open(enum report_form, enum report_level);
void	report(const struct report *);
void	report_close(void);	/* clears the passing line */

/* For commands that only show something: RETRY, and says so, if standard output did not take it. */
enum outcome	report_shown(void);

/* An error of the run itself, as a REPORT_RESULT without certificate. */
void	report_error(const char *step, const struct err *);

#endif
