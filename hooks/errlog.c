#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "hooks/errlog.h"
#include "hooks/private.h"

#define BEFORE_MAX	(64 * 1024)	/* octets before the mark that tell what is usual */
#define AFTER_MAX	(1024 * 1024)	/* octets behind it that are read */

static const char journal_prefix[] = "journal:";

const struct pack errlog_pack = PACK(errlog,
	{ PACK_BOOL, offsetof(struct errlog, known), NULL },
	{ PACK_COUNT, offsetof(struct errlog, key), NULL },
	{ PACK_COUNT, offsetof(struct errlog, client), NULL },
	{ PACK_COUNT, offsetof(struct errlog, load), NULL },
	{ PACK_COUNT, offsetof(struct errlog, trouble), NULL },
	{ PACK_STR, offsetof(struct errlog, first), NULL },
	{ PACK_STR, offsetof(struct errlog, problem), NULL });

/* --- lines --- */

/* At most 64: their places are bits of a mark. Modules differ, as do levels; the texts do not. */
static const struct {
	const char		*text;
	enum errlog_kind	 kind;
} patterns[] = {
	{ "not enough memory for safe operation", ERRLOG_TROUBLE },
	{ "malloc failure", ERRLOG_TROUBLE },
	{ "qm_malloc", ERRLOG_TROUBLE },
	{ "fm_search_defrag", ERRLOG_TROUBLE },
	{ "Free fragment not found", ERRLOG_TROUBLE },
	{ "freeing already freed pointer", ERRLOG_TROUBLE },
	{ "beginning overwritten", ERRLOG_TROUBLE },
	{ "exited by a signal", ERRLOG_TROUBLE },
	{ "receive_fd(): EOF on", ERRLOG_TROUBLE },
	{ "Unable to load certificate file", ERRLOG_LOAD },
	{ "Unable to load private key", ERRLOG_LOAD },
	{ "does not match the public key of the certificate", ERRLOG_LOAD },
	{ "Unable to load CA list file", ERRLOG_LOAD },
	{ "Error while setting client CA list", ERRLOG_LOAD },
	{ "Unable to load certificate revocation list", ERRLOG_LOAD },
	{ "Failure to set SSL context cipher list", ERRLOG_LOAD },
	{ "Cannot create SSL context", ERRLOG_LOAD },
	{ "No listening socket found", ERRLOG_LOAD },
	{ "tls domain for any address but no server name", ERRLOG_LOAD },
	{ "cannot stat config file", ERRLOG_LOAD },
	{ "cannot make tmp file", ERRLOG_LOAD },
	{ "duplicate definition for a tls profile", ERRLOG_LOAD },
	{ "alert unknown ca", ERRLOG_CLIENT },
	{ "alert certificate expired", ERRLOG_CLIENT },
	{ "alert bad certificate", ERRLOG_CLIENT },
	{ "alert certificate unknown", ERRLOG_CLIENT },
	{ "no shared cipher", ERRLOG_KEY },
	{ "no suitable signature algorithm", ERRLOG_KEY },
};

_Static_assert(NITEMS(patterns) <= 64, "the place of a pattern is a bit of errlog_walk.usual");

static bool
contains(struct span s, const char *text)
{
	return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

/*
 *  5(1234) ERROR: tls [tls_domain.c:590]: load_cert(): text	on stderr
 *  Nov 23 06:25:00 host kamailio[1234]: ERROR: tls [...]	in syslog
 *  ERROR: tls [...]						in the journal
 *
 * True if it is one of the tls module's or of the core's, at WARNING or worse.
 */
static bool
is_theirs(struct span line)
{
	static const char *const levels[] = { "ALERT: ", "BUG: ", "CRITICAL: ", "ERROR: ",
	    "WARNING: " };
	static const char *const modules[] = { "tls [", "<core> [" };
	const uint8_t *at;
	struct span rest;
	size_t i, j;

	for (i = 0; i < NITEMS(levels); i++) {
		if ((at = memmem(line.p, line.n, levels[i], strlen(levels[i]))) == NULL)
			continue;
		rest = span_of(at + strlen(levels[i]), (size_t)(line.p + line.n - at) -
		    strlen(levels[i]));
		for (j = 0; j < NITEMS(modules); j++)
			if (span_starts(rest, modules[j]))
				return true;
	}
	return false;
}

enum errlog_kind
errlog_judge(struct span line, unsigned *pattern)
{
	unsigned i;

	if (line.n > ERRLOG_LINE_MAX)
		line.n = ERRLOG_LINE_MAX;
	if (!is_theirs(line))
		return ERRLOG_NONE;
	for (i = 0; i < NITEMS(patterns); i++)
		if (contains(line, patterns[i].text)) {
			*pattern = i;
			return patterns[i].kind;
		}
	return ERRLOG_NONE;
}

/* --- what is made of them --- */

void
errlog_take(struct errlog_walk *w, struct span line)
{
	char text[ERRLOG_LINE_MAX];
	enum errlog_kind kind;
	unsigned pattern = 0;

	if ((kind = errlog_judge(line, &pattern)) == ERRLOG_NONE)
		return;
	if (w->before) {
		w->usual |= UINT64_C(1) << pattern;
		return;
	}
	if (kind <= ERRLOG_CLIENT && (w->usual >> pattern & 1) != 0)
		return;
	w->out->key += kind == ERRLOG_KEY;
	w->out->client += kind == ERRLOG_CLIENT;
	w->out->load += kind == ERRLOG_LOAD;
	w->out->trouble += kind == ERRLOG_TROUBLE;
	if (kind <= w->worst)
		return;
	w->worst = kind;
	text_clean(text, sizeof(text), line);
	free(w->out->first);
	w->out->first = strdup(text);
}

static void
take_text(struct errlog_walk *w, struct span text)
{
	struct rd r = rd_of(text);
	struct span line;

	while (rd_line(&r, &line))
		errlog_take(w, line);
}

/* --- a file --- */

static int
open_log(const char *path, struct stat *st, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd != -1 && fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	if (fd == -1) {
		err_sys(e, OUT_HOLD, "error-log: %s", path);
	} else {
		err_set(e, OUT_HOLD, "error-log: %s: want a regular file", path);
		close(fd);
	}
	return -1;
}

/* At most max octets from an offset; what cannot be read is not there. */
static void
read_part(int fd, int64_t offset, int64_t max, struct errlog_walk *w)
{
	struct buf text;
	uint8_t part[16384];
	ssize_t n;

	buf_init(&text, (size_t)max);
	while (max > 0 && (n = pread(fd, part, sizeof(part) < (size_t)max ? sizeof(part) :
	    (size_t)max, offset)) > 0) {
		buf_put(&text, span_of(part, (size_t)n));
		offset += n;
		max -= n;
	}
	if (buf_ok(&text))
		take_text(w, buf_span(&text));
	buf_clear(&text);
}

static int
mark_file(const char *path, struct buf *mark, struct err *e)
{
	struct errlog_walk w = { .before = true };
	struct stat st;
	int64_t from;
	int fd;

	if ((fd = open_log(path, &st, e)) == -1)
		return -1;
	from = st.st_size > BEFORE_MAX ? st.st_size - BEFORE_MAX : 0;
	read_part(fd, from, st.st_size - from, &w);
	close(fd);
	buf_printf(mark, "%" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64, w.usual,
	    (uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size);
	return 0;
}

/*
 * One that was rotated meanwhile is read from its beginning: what the old one
 * got last is missed.
 */
static int
since_file(const char *path, const char *mark, struct errlog_walk *w, struct err *e)
{
	uint64_t dev, ino, size;
	struct stat st;
	int64_t from;
	int fd;

	if (sscanf(mark, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &w->usual, &dev, &ino,
	    &size) != 4)
		return err_set(e, OUT_HOLD, "error-log: %s: no mark", path);
	if ((fd = open_log(path, &st, e)) == -1)
		return -1;
	from = (uint64_t)st.st_dev == dev && (uint64_t)st.st_ino == ino &&
	    size <= (uint64_t)st.st_size ? (int64_t)size : 0;
	read_part(fd, from, st.st_size - from < AFTER_MAX ? st.st_size - from : AFTER_MAX, w);
	close(fd);
	return 0;
}

/* --- both --- */

/* The unit of a log that is the journal; NULL for a file. */
static const char *
unit_of(const char *log)
{
	return strncmp(log, journal_prefix, strlen(journal_prefix)) == 0 ?
	    log + strlen(journal_prefix) : NULL;
}

int
errlog_check(const char *log, struct err *e)
{
	const char *unit = unit_of(log);

	if (unit == NULL ? log[0] == '/' && strlen(log) < PATH_MAX :
	    strchr(unit, '.') != NULL && strlen(unit) < 256 && strchr(unit, '/') == NULL)
		return 0;
	return err_set(e, OUT_USAGE, "want an absolute path, or journal: and a unit, such as "
	    "journal:kamailio.service");
}

static int
mark_journal(const char *unit, struct buf *mark, struct err *e)
{
	struct errlog_walk w = { .before = true };
	char *cursor;

	if (errlog_journal_mark(unit, &w, &cursor, e) == -1)
		return -1;
	buf_printf(mark, "%" PRIx64 " %s", w.usual, cursor != NULL ? cursor : "");
	free(cursor);
	return 0;
}

static int
since_journal(const char *unit, const char *mark, struct errlog_walk *w, struct err *e)
{
	const char *cursor = strchr(mark, ' ');

	if (cursor == NULL || sscanf(mark, "%" SCNx64, &w->usual) != 1)
		return err_set(e, OUT_HOLD, "error-log: journal of %s: no mark", unit);
	return errlog_journal_since(unit, cursor + 1, w, e);
}

int
errlog_mark(const char *log, char **mark, struct err *e)
{
	const char *unit = unit_of(log);
	struct buf b;
	int rc;

	*mark = NULL;
	buf_init(&b, PATH_MAX);
	rc = unit != NULL ? mark_journal(unit, &b, e) : mark_file(log, &b, e);
	if (rc == 0 && (!buf_ok(&b) || (*mark = strdup(buf_cstr(&b))) == NULL))
		rc = err_nomem(e);
	buf_clear(&b);
	return rc;
}

void
errlog_since(const char *log, const char *mark, struct errlog *out)
{
	const char *unit = unit_of(log);
	struct errlog_walk w = { .out = out };
	struct err e = ERR_NONE;

	memset(out, 0, sizeof(*out));
	if (mark == NULL)
		(void)err_set(&e, OUT_HOLD, "error-log: %s: it could not be read before", log);
	else if ((unit != NULL ? since_journal(unit, mark, &w, &e) :
	    since_file(log, mark, &w, &e)) == 0)
		out->known = true;
	if (!out->known)
		out->problem = strdup(e.text);
}
