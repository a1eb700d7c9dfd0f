/*
 * err: see err.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "text.h"

/* Room for foreign text before it is cleaned and cut. */
#define RAW_MAX 4096

static const struct {
	enum outcome	 class;
	const char	*word;
} words[] = {
	{ OUT_OK, "OK" },
	{ OUT_FINDING, "FINDING" },
	{ OUT_USAGE, "USAGE" },
	{ OUT_BUSY, "BUSY" },
	{ OUT_RETRY, "RETRY" },
	{ OUT_HOLD, "HOLD" },
	{ OUT_REFUSE, "REFUSE" },
	{ OUT_ROLLBACK, "ROLLBACK" },
	{ OUT_ALARM, "ALARM" },
};

/*
 * Formats into out, cleaned; the arguments may point into *out itself. A
 * format that cannot be expanded (a wide character, say) leaves the format.
 */
static void PRINTF(3, 0)
format_clean(char *out, size_t size, const char *fmt, va_list ap)
{
	char raw[RAW_MAX];

	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		text_clean(out, size, span_str(fmt));
	else
		text_clean(out, size, span_str(raw));
}

int
err_set(struct err *e, enum outcome class, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format_clean(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	e->class = class;
	e->sys = 0;
	e->retry_at = 0;
	e->hint[0] = '\0';
	return -1;
}

int
err_sys(struct err *e, enum outcome class, const char *fmt, ...)
{
	int sys = errno;
	char text[ERR_TEXT_MAX], reason[128];
	va_list ap;

	va_start(ap, fmt);
	format_clean(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(e, class, "%s: %s", text, strerror_r(sys, reason, sizeof(reason)));
	e->sys = sys;
	errno = sys;
	return -1;
}

int
err_nomem(struct err *e)
{
	err_set(e, OUT_RETRY, "out of memory");
	e->sys = ENOMEM;
	return -1;
}

int
err_in(struct err *e, const char *fmt, ...)
{
	char where[ERR_TEXT_MAX], raw[2 * ERR_TEXT_MAX + 2];
	va_list ap;

	va_start(ap, fmt);
	format_clean(where, sizeof(where), fmt, ap);
	va_end(ap);
	(void)snprintf(raw, sizeof(raw), "%s: %s", where, e->text);
	text_clean(e->text, sizeof(e->text), span_str(raw));
	return -1;
}

int
err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format_clean(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return -1;
}

void
err_clear(struct err *e)
{
	*e = (struct err)ERR_NONE;
}

const char *
outcome_word(enum outcome class)
{
	for (size_t i = 0; i < NITEMS(words); i++)
		if (words[i].class == class)
			return words[i].word;
	return "UNKNOWN";
}

bool
outcome_known(int64_t value)
{
	for (size_t i = 0; i < NITEMS(words); i++)
		if ((int64_t)words[i].class == value)
			return true;
	return false;
}
