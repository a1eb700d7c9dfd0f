/*
 * log: one event, one line of key=value pairs.
 *
 * A line is built in a fixed array and written by one call, so that lines of
 * several roles that share a stderr never mix, and logging works without
 * memory. A log that cannot be written is no reason to fail.
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"

#define VALUE_MAX	1200	/* octets of one cleaned value */
#define LINE_MAX_OCTETS	8192
#define CUT_MARK	" cut=yes"

struct line {
	char	p[LINE_MAX_OCTETS];
	size_t	n;
	size_t	pairs;
	bool	cut;
};

static const struct {
	const char	*word;
	int		 priority;
} levels[] = {
	[LOG_AT_ERROR] = { "error", LOG_ERR },
	[LOG_AT_WARNING] = { "warning", LOG_WARNING },
	[LOG_AT_INFO] = { "info", LOG_INFO },
	[LOG_AT_DEBUG] = { "debug", LOG_DEBUG },
};

static struct {
	enum log_target	 target;
	enum log_level	 level;
	const char	*role;
	bool		 journal;	/* lines to stderr carry their priority */
} log_to = { LOG_TO_STDERR, LOG_AT_INFO, "kamcert", false };

/*
 * systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream; it
 * is inherited, also by programs whose stderr was sent somewhere else since.
 */
static bool
stderr_is_journal(void)
{
	const char *value = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	if (value == NULL || sscanf(value, "%ju:%ju", &dev, &ino) != 2 ||
	    fstat(STDERR_FILENO, &st) == -1)
		return false;
	return (uintmax_t)st.st_dev == dev && (uintmax_t)st.st_ino == ino;
}

void
log_open(enum log_target target, const char *role, enum log_level level)
{
	log_to.target = target;
	log_to.role = role;
	log_to.level = level;
	log_to.journal = target == LOG_TO_STDERR && stderr_is_journal();
	if (target == LOG_TO_SYSLOG)
		openlog("kamcert", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

bool
log_wants(enum log_level level)
{
	return level <= log_to.level;
}

/* Room for the mark and the line's end always stays. */
static void
put(struct line *l, const char *s, size_t n)
{
	if (n > sizeof(l->p) - sizeof(CUT_MARK "\n") - l->n) {
		l->cut = true;
		return;
	}
	memcpy(l->p + l->n, s, n);
	l->n += n;
}

static void
put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* Bare where nobody could misread it, else in quotes with \" and \\ inside. */
static void
put_value(struct line *l, const char *value)
{
	char clean[VALUE_MAX];
	const char *p;

	text_clean(clean, sizeof(clean), span_str(value));
	if (clean[0] != '\0' && strpbrk(clean, " \"\\='") == NULL) {
		put_str(l, clean);
		return;
	}
	put(l, "\"", 1);
	for (p = clean; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			put(l, "\\", 1);
		put(l, p, 1);
	}
	put(l, "\"", 1);
}

/* A pair that does not fit is left out whole, with all that follow. */
static void
put_pair(struct line *l, const struct log_kv *kv)
{
	size_t before = l->n;
	char num[24];

	if (l->cut)
		return;
	if (l->pairs++ > 0)
		put(l, " ", 1);
	put_str(l, kv->key);
	put(l, "=", 1);
	if (kv->str != NULL) {
		put_value(l, kv->str);
	} else {
		(void)snprintf(num, sizeof(num), "%jd", (intmax_t)kv->num);
		put_str(l, num);
	}
	if (l->cut)
		l->n = before;
}

static void
write_stderr(const char *p, size_t n)
{
	ssize_t done;

	while (n > 0) {
		if ((done = write(STDERR_FILENO, p, n)) == -1) {
			if (errno == EINTR)
				continue;
			return;
		}
		p += done;
		n -= (size_t)done;
	}
}

void
log_event(enum log_level level, const struct log_kv *kv)
{
	const struct log_kv head[] = {
		KV_S("role", log_to.role), KV_S("level", levels[level].word),
	};
	int saved = errno;
	struct line l;
	char prefix[8];
	size_t i;

	if (!log_wants(level))
		return;
	l.n = l.pairs = 0;
	l.cut = false;
	if (log_to.journal) {
		(void)snprintf(prefix, sizeof(prefix), "<%d>", levels[level].priority);
		put_str(&l, prefix);
	}
	for (i = 0; i < NITEMS(head); i++)
		put_pair(&l, &head[i]);
	for (; kv->key != NULL; kv++)
		put_pair(&l, kv);
	if (l.cut) {
		memcpy(l.p + l.n, CUT_MARK, sizeof(CUT_MARK) - 1);
		l.n += sizeof(CUT_MARK) - 1;
	}
	if (log_to.target == LOG_TO_SYSLOG) {
		syslog(levels[level].priority, "%.*s", (int)l.n, l.p);
	} else {
		l.p[l.n++] = '\n';
		write_stderr(l.p, l.n);
	}
	errno = saved;
}
