/*
 * index: state-dir/index, which tells by one read and a few stat() that
 * nothing is due, without configuration parser, lock or writing.
 *
 * libconfuse needs 25 ms for 1000 certificates and 1.3 s for 10,000, so the
 * configuration itself must stay unread. The index holds the identity of each
 * configuration file as it was when the index was written; while those are the
 * same, so is what they say. Where the state folder is, is only guessed: by
 * the first state-dir in the first 64 KiB of the main file, or the default. A
 * wrong guess finds no index, or one of other files, and costs a slow run;
 * it cannot give a wrong answer.
 *
 * No index, a damaged one, another order of the clock, a changed file: all of
 * them only mean that the configuration has to be read. store_open() for work
 * drops the index, and the end of a run writes it.
 */
#ifndef KAMCERT_INDEX_H
#define KAMCERT_INDEX_H

#include "base/err.h"
#include "base/pack.h"
#include "config.h"
#include "store.h"

#define INDEX_MAX	(32 * 1024 * 1024)	/* octets; some 200 a certificate */

struct index_due {
	const char	*name;
	int64_t		 next;	/* when it is due; 0: look at it in every run */
	/* part_suffix() of the other key of a pair; NULL: there is none */
	const char	*second;
};

/*
 * Writes the index of all certificates of the configuration, with the files
 * that are active now. Losing it harms nothing, so that an error is only
 * worth a log line. n is at most PACK_MAX_ITEMS, or no index is written.
 */
MUST_CHECK int	index_write(struct store *, const struct config *, const struct index_due *,
		    size_t n, int64_t now, struct err *e);

/*
 * Is it certain that nothing is due, for all or for these certificates? state_dir is the
 * default, where the configuration names none.
 */
bool		index_nothing_due(const char *config_path, const char *state_dir,
		    const struct strs *names, int64_t now);

/* Would these octets, with their checksum behind them, be an index? For those who try any. */
bool		index_is_sound(struct span octets);

#endif
