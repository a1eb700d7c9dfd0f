#include "tlscfg_lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NOTHING	(-1)	/* in place of an octet: the end of the file */

struct tlscfg_lex
tlscfg_lex_of(struct span text, const char *name)
{
	return (struct tlscfg_lex){ .rd = rd_of(text), .size = text.n, .name = name, .line = 1,
	    .col = 1 };
}

int
tlscfg_bad(const struct tlscfg_lex *l, const struct tlscfg_token *t, struct err *e,
    const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, OUT_HOLD, "%s:%jd:%jd: %s", l->name, (intmax_t)t->line,
	    (intmax_t)t->col, text);
}

/* --- octets --- */

static int
peek(const struct tlscfg_lex *l)
{
	return l->rd.n > 0 ? l->rd.p[0] : NOTHING;
}

static int
take(struct tlscfg_lex *l)
{
	int c = peek(l);

	if (c == NOTHING)
		return c;
	(void)rd_u8(&l->rd);
	l->col++;
	if (c == '\n') {
		l->line++;
		l->col = 1;
	}
	return c;
}

static bool
is_one_of(int c, const char *set)
{
	return c > 0 && strchr(set, c) != NULL;
}

static bool
is_blank(int c)
{
	return is_one_of(c, " \t\r");
}

static bool
is_plain(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '_';
}

static bool
is_mark(int c)
{
	return is_one_of(c, "=:;.,?[]/@!$%&*()-+|'");
}

static int
push(const struct tlscfg_lex *l, struct tlscfg_token *t, int c, struct err *e)
{
	if (t->n == TLSCFG_TOKEN_MAX)
		return tlscfg_bad(l, t, e, "want at most %d octets in a word", TLSCFG_TOKEN_MAX);
	t->text[t->n++] = (char)c;
	t->text[t->n] = '\0';
	return 0;
}

/* --- tokens --- */

/* A backslash quotes here too, also the end of the line. */
static void
skip_comment(struct tlscfg_lex *l)
{
	while (peek(l) != NOTHING && peek(l) != '\n')
		if (take(l) == '\\')
			(void)take(l);
}

/*
 * What stands behind a backslash; *c is NOTHING when it joins two lines. Outside
 * quotes, what would part words can be escaped as well.
 */
static int
read_escape(struct tlscfg_lex *l, const struct tlscfg_token *t, bool quoted, int *c,
    struct err *e)
{
	static const char from[] = "nrt", to[] = "\n\r\t";
	const char *at;

	(void)take(l);
	if ((*c = take(l)) == NOTHING)
		return tlscfg_bad(l, t, e, "the file ends behind a backslash");
	if (*c == '\n')
		*c = NOTHING;
	else if (is_one_of(*c, from) && (at = strchr(from, *c)) != NULL)
		*c = to[at - from];
	else if (!is_one_of(*c, quoted ? "\\\"" : "\\\"# "))
		return tlscfg_bad(l, t, e, "unknown escape: a backslash and octet 0x%02x",
		    (unsigned)*c);
	return 0;
}

static int
read_quoted(struct tlscfg_lex *l, struct tlscfg_token *t, struct err *e)
{
	int c;

	t->type = TLSCFG_STRING;
	(void)take(l);
	while ((c = peek(l)) != '"') {
		if (c == NOTHING)
			return tlscfg_bad(l, t, e, "the closing quote is missing");
		if (c != '\\')
			(void)take(l);
		else if (read_escape(l, t, true, &c, e) == -1)
			return -1;
		if (c != NOTHING && push(l, t, c, e) == -1)
			return -1;
	}
	(void)take(l);
	return 0;
}

static bool
ends_word(int c, bool value)
{
	return c == NOTHING || c == '\n' || c == '#' || is_blank(c) ||
	    (!value && (is_mark(c) || c == '"'));
}

static int
bad_octet(const struct tlscfg_lex *l, const struct tlscfg_token *t, int c, struct err *e)
{
	(void)tlscfg_bad(l, t, e, "octet 0x%02x may only stand in quotes", (unsigned)c);
	return c == 0xef && l->line == 1 && l->col == 1 ?
	    err_hint(e, "it looks like a byte order mark: save the file without it") : -1;
}

static int
read_word(struct tlscfg_lex *l, bool value, struct tlscfg_token *t, struct err *e)
{
	int c = peek(l);

	t->type = TLSCFG_WORD;
	/* A backslash that begins a value stands for itself. */
	if (c == '\\' && push(l, t, take(l), e) == -1)
		return -1;
	while (!ends_word(c = peek(l), value)) {
		if (is_plain(c) || is_mark(c) || c == '"')
			(void)take(l);
		else if (c != '\\')
			return bad_octet(l, t, c, e);
		else if (read_escape(l, t, false, &c, e) == -1)
			return -1;
		if (c != NOTHING && push(l, t, c, e) == -1)
			return -1;
	}
	return 0;
}

/* Between words: joins lines, or is a mark of its own. */
static int
read_lone_escape(struct tlscfg_lex *l, struct tlscfg_token *t, bool *joined, struct err *e)
{
	int c;

	if (read_escape(l, t, false, &c, e) == -1)
		return -1;
	*joined = c == NOTHING;
	t->type = c == '\n' ? TLSCFG_EOL : TLSCFG_MARK;
	t->mark = (char)c;
	return 0;
}

static int
read_token(struct tlscfg_lex *l, bool value, struct tlscfg_token *t, struct err *e)
{
	bool joined = true;
	int c;

	while (is_blank(c = peek(l)) || c == '#' || (c == '\\' && !value && joined)) {
		t->line = l->line;
		t->col = l->col;
		if (c == '#')
			skip_comment(l);
		else if (c != '\\')
			(void)take(l);
		else if (read_lone_escape(l, t, &joined, e) == -1)
			return -1;
		else if (!joined)
			return 0;
	}
	t->n = 0;
	t->text[0] = t->mark = '\0';
	t->line = l->line;
	t->col = l->col;
	t->at = l->size - l->rd.n;
	if (c == '"')
		return read_quoted(l, t, e);
	if (is_plain(c) || (value && (is_mark(c) || c == '\\')))
		return read_word(l, value, t, e);
	if (c != NOTHING && c != '\n' && !is_mark(c))
		return bad_octet(l, t, c, e);
	t->type = c == NOTHING ? TLSCFG_END : c == '\n' ? TLSCFG_EOL : TLSCFG_MARK;
	t->mark = (char)take(l);
	return 0;
}

int
tlscfg_next(struct tlscfg_lex *l, bool value, struct tlscfg_token *t, struct err *e)
{
	t->at = l->size - l->rd.n;
	if (read_token(l, value, t, e) == -1)
		return -1;
	t->len = l->size - l->rd.n - t->at;
	return 0;
}
