/*
 * err: outcome classes, and the error that travels up.
 *
 * What can fail takes a struct err last and returns 0 or -1. The class says
 * what may be done next, never where the fault was; the text is one clean
 * line that says where, by which rule, what was wanted and what was seen.
 * Nothing here prints or logs.
 */
#ifndef KAMCERT_BASE_ERR_H
#define KAMCERT_BASE_ERR_H

#include "base.h"

/* The values are the exit codes of PRODUCT's table; a larger one is worse. */
enum outcome {
	OUT_OK = 0,
	OUT_FINDING = 1,	/* check or status found something wrong */
	OUT_USAGE = 2,		/* command line or configuration */
	OUT_BUSY = 3,		/* another kamcert holds the state folder */
	OUT_RETRY = 10,		/* a passing fault, nothing was changed */
	OUT_HOLD = 11,		/* an operator must act */
	OUT_REFUSE = 12,	/* material received is not fit */
	OUT_ROLLBACK = 13,	/* the previous version is served again */
	OUT_ALARM = 14,		/* the operator is needed now */
};

#define ERR_TEXT_MAX	1024
#define ERR_HINT_MAX	256

struct err {
	enum outcome	class;
	int		sys;			/* errno, 0 if none */
	int64_t		retry_at;		/* unix seconds that a peer asked for, 0 if none */
	char		text[ERR_TEXT_MAX];	/* clean: text_clean() was applied */
	char		hint[ERR_HINT_MAX];	/* what to do next, may be empty */
};

#define ERR_NONE	{ .class = OUT_OK }

/*
 * Fills in class and text; clears errno, time and hint. Always -1, so that
 * "return err_set(...)" is a whole branch. e must not be NULL.
 */
int	err_set(struct err *e, enum outcome, const char *fmt, ...) PRINTF(3, 4);

/* The same, with ": " and the words for errno appended; errno is kept. */
int	err_sys(struct err *e, enum outcome, const char *fmt, ...) PRINTF(3, 4);

/* The ordinary outcome of a failed allocation: RETRY. Always -1. */
int	err_nomem(struct err *e);

/* Puts "where: " before the text on the way up. Always -1. */
int	err_in(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Says what an operator should do next. Always -1. */
int	err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);

void	err_clear(struct err *e);

/* "RETRY", "HOLD", ... as in PRODUCT's table. Never NULL. */
const char *outcome_word(enum outcome);

/* True for the values above; for outcomes that came over a wire. */
bool	outcome_known(int64_t);

#endif
