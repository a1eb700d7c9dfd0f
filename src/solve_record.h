/*
 * solve_record: the TXT records that challenges have in the DNS, or may have.
 *
 * They are put there and taken out by an operator's program, which the
 * starter runs. Each is on the keeper's list, and in records.json of its
 * certificate's folder, from before the program is called until it has taken
 * the record out again: what a run that was killed leaves behind, the next
 * one takes out.
 */
#ifndef KAMCERT_SOLVE_RECORD_H
#define KAMCERT_SOLVE_RECORD_H

#include "channel.h"
#include "job.h"

struct solve_record {
	struct solve_record	*next;
	struct keeper		*keeper;
	const struct cert_conf	*cert;
	int64_t			 job;
	int64_t			 challenge;	/* index in the configuration */
	char			*name;
	char			*domain;
	char			*value;
	bool			 busy;		/* the program is at it */
	bool			 leaving;
	bool			 cleaning;	/* busy with the second call */
};

struct solve_record_in {
	int64_t		 challenge;
	const char	*name;		/* of the record */
	const char	*domain;	/* that is proven by it, without "*." */
	const char	*value;
};

/* On the list and on disk; the keeper's. NULL: it is neither. */
struct solve_record	*solve_record_add(struct job *, const struct solve_record_in *,
			    struct err *e);

/*
 * Has the program put it into the DNS; busy until the answer. A record that
 * never got there is forgotten.
 */
MUST_CHECK int		solve_record_present(struct solve_record *, channel_answer *, void *arg,
			    struct err *e);

/* The records of a job are no longer needed. */
void			solve_records_leave(struct keeper *, int64_t job);

/* Goes on taking out those that are no longer needed, one by one. */
void			solve_records_clean(struct keeper *);

/* What the last run left in the DNS for this certificate is taken out. */
void			solve_records_adopt(struct job *);

/* Of no record is anything left to do; keeper_step() is called when that becomes so. */
bool			solve_records_are_gone(struct keeper *);

void			solve_records_free(struct keeper *);

#endif
