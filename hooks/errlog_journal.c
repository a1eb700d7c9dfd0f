/*
 * errlog_journal: the journal of a unit, for errlog.
 *
 * libsystemd is loaded when a configuration names the journal: nobody else
 * has it in memory, and kamcert runs on machines without it. Source:
 * sd-journal(3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "hooks/private.h"

#define UNIT_MAX	256
#define ENTRIES_MAX	4000	/* in either direction */

/* Replaceable, so that a test can bring a journal of its own. */
static const char *journal_dir;

/* The functions that are used, by the names that the library gives them. */
static struct {
	__typeof__(&sd_journal_open)		open;
	__typeof__(&sd_journal_open_directory)	open_directory;
	__typeof__(&sd_journal_close)		close;
	__typeof__(&sd_journal_add_match)	add_match;
	__typeof__(&sd_journal_seek_head)	seek_head;
	__typeof__(&sd_journal_seek_tail)	seek_tail;
	__typeof__(&sd_journal_seek_cursor)	seek_cursor;
	__typeof__(&sd_journal_test_cursor)	test_cursor;
	__typeof__(&sd_journal_get_cursor)	get_cursor;
	__typeof__(&sd_journal_next)		next;
	__typeof__(&sd_journal_previous)	previous;
	__typeof__(&sd_journal_get_data)	get_data;
} sd;

static const struct library_function functions[] = {
	{ "sd_journal_open", &sd.open },
	{ "sd_journal_open_directory", &sd.open_directory },
	{ "sd_journal_close", &sd.close },
	{ "sd_journal_add_match", &sd.add_match },
	{ "sd_journal_seek_head", &sd.seek_head },
	{ "sd_journal_seek_tail", &sd.seek_tail },
	{ "sd_journal_seek_cursor", &sd.seek_cursor },
	{ "sd_journal_test_cursor", &sd.test_cursor },
	{ "sd_journal_get_cursor", &sd.get_cursor },
	{ "sd_journal_next", &sd.next },
	{ "sd_journal_previous", &sd.previous },
	{ "sd_journal_get_data", &sd.get_data },
};

/* Once a process: the library stays. */
static int
load_library(struct err *e)
{
	return sd.get_data != NULL ||
	    library_load(LIBSYSTEMD, functions, NITEMS(functions), e) == 0 ? 0 :
	    err_in(e, "error-log");
}

static int
fail(const char *unit, int rc, struct err *e)
{
	(void)err_set(e, OUT_HOLD, "error-log: journal of %s: %s", unit, strerror(-rc));
	e->sys = -rc;
	return -1;
}

static sd_journal *
open_journal(const char *unit, struct err *e)
{
	char match[sizeof("_SYSTEMD_UNIT=") + UNIT_MAX];
	sd_journal *j = NULL;
	int rc;

	if (load_library(e) == -1)
		return NULL;
	(void)snprintf(match, sizeof(match), "_SYSTEMD_UNIT=%s", unit);
	rc = journal_dir != NULL ? sd.open_directory(&j, journal_dir, 0) :
	    sd.open(&j, SD_JOURNAL_LOCAL_ONLY);
	if (rc >= 0 && (rc = sd.add_match(j, match, 0)) >= 0)
		return j;
	(void)fail(unit, rc, e);
	sd.close(j);
	return NULL;
}

static void
take_entry(sd_journal *j, struct errlog_walk *w)
{
	static const char field[] = "MESSAGE=";
	const void *data;
	size_t n;

	if (sd.get_data(j, "MESSAGE", &data, &n) >= 0 && n >= sizeof(field) - 1)
		errlog_take(w, span_of((const uint8_t *)data + sizeof(field) - 1,
		    n - (sizeof(field) - 1)));
}

int
errlog_journal_mark(const char *unit, struct errlog_walk *w, char **cursor, struct err *e)
{
	sd_journal *j;
	int rc, n = 0;

	*cursor = NULL;
	if ((j = open_journal(unit, e)) == NULL)
		return -1;
	rc = sd.seek_tail(j);
	while (rc >= 0 && n < ENTRIES_MAX && (rc = sd.previous(j)) > 0) {
		if (n++ == 0 && (rc = sd.get_cursor(j, cursor)) < 0)
			break;
		take_entry(j, w);
	}
	sd.close(j);
	return rc < 0 ? fail(unit, rc, e) : 0;
}

int
errlog_journal_since(const char *unit, const char *cursor, struct errlog_walk *w, struct err *e)
{
	bool all = cursor[0] == '\0';
	sd_journal *j;
	int rc, n = 0;

	if ((j = open_journal(unit, e)) == NULL)
		return -1;
	rc = all ? sd.seek_head(j) : sd.seek_cursor(j, cursor);
	while (rc >= 0 && n++ < ENTRIES_MAX && (rc = sd.next(j)) > 0)
		if (all || sd.test_cursor(j, cursor) == 0)
			take_entry(j, w);
	sd.close(j);
	return rc < 0 ? fail(unit, rc, e) : 0;
}
