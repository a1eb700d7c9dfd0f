/*
 * config_scan: a walk over a file before libconfuse reads it.
 *
 *     file      = *statement
 *     statement = name ("=" / "+=") value
 *               / name title "{" *statement "}"
 *               / name "(" word ")"
 *     value     = word / "{" [word *("," word) [","]] "}"
 *     word      = plain octets / 'octets' / "octets"
 *
 * A fault inside a statement is told and the statement blanked, so that
 * everything behind it is looked at as well. Where the grammar is broken the
 * text ends before the statement.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config_parts.h"

#define NAME_TEXT	96	/* a foreign word in a message */
/* values and sections of one file, a million octets of it at least */
#define MARKS_MAX	500000

enum token {
	TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_SET, TOKEN_APPEND, TOKEN_OPEN, TOKEN_CLOSE,
	TOKEN_PAREN, TOKEN_PAREN_END, TOKEN_COMMA, TOKEN_CUT,
};

struct level {
	const struct section	*section;
	size_t			 mark;			/* of its opening */
	/* where options were given, 0: not */
	unsigned		 lines[CONFIG_OPTIONS_MAX];
};

struct scan {
	struct reader	*r;
	struct source	*src;
	size_t		 at;		/* behind the token */
	size_t		 line_at;	/* where its line begins */
	unsigned	 line;

	enum token	 token;
	size_t		 from;		/* of the token; it ends at .at */
	struct place	 place;

	bool		 spoiled;	/* something in this statement was told */
	struct level	 levels[CONFIG_LEVELS];
	size_t		 depth;		/* of levels, 1 for the file itself */
};

/* --- octets --- */

static bool
has(const struct scan *s, size_t at, const char *what)
{
	return at <= s->src->n &&
	    span_starts(span_of(s->src->text + at, s->src->n - at), what);
}

static struct place
place_at(const struct scan *s, size_t at)
{
	return (struct place){ s->src->path, s->line, (unsigned)(at - s->line_at) + 1 };
}

static void
blank(struct scan *s, size_t from, size_t to)
{
	for (; from < to; from++)
		if (s->src->text[from] != '\n')
			s->src->text[from] = ' ';
}

static bool
is_control(uint8_t c)
{
	return c < ' ' || c == 0x7f;
}

/* What libconfuse takes for a part of an unquoted word, but for controls. */
static bool
is_plain(const struct scan *s, size_t at)
{
	uint8_t c = at < s->src->n ? s->src->text[at] : ' ';

	return !is_control(c) && strchr(" #\"'={}()+,*/", c) == NULL;
}

static bool
is_comment(const struct scan *s, size_t at)
{
	return has(s, at, "#") || has(s, at, "//") || has(s, at, "/*");
}

/* --- tokens --- */

/* The grammar is broken: nothing from the statement on will be read. */
static void PRINTF(3, 4)
cut(struct scan *s, struct place at, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	config_tell(s->r, at, "%s", text);
	s->src->broken = true;
	s->token = TOKEN_CUT;
}

/* A fault that leaves the grammar whole. */
static void
spoil(struct scan *s, struct place at, const char *why)
{
	config_tell(s->r, at, "%s", why);
	s->spoiled = true;
}

static void
end_line(struct scan *s)
{
	s->at++;
	s->line++;
	s->line_at = s->at;
}

static void
skip_comment(struct scan *s)
{
	struct place begin = place_at(s, s->at);
	bool block = has(s, s->at, "/*");
	size_t from = s->at;

	for (s->at += block ? 2 : 1; s->at < s->src->n; s->at++) {
		if (block && has(s, s->at, "*/")) {
			s->at += 2;
			blank(s, from, s->at);
			return;
		}
		if (s->src->text[s->at] != '\n')
			continue;
		if (!block)
			break;
		end_line(s);
		s->at--;
	}
	if (block)
		cut(s, begin, "a comment without its end: want \"*/\"");
	blank(s, from, s->at);
}

/* Blanks, comments, and what fits nowhere: libconfuse would skip that, too. */
static void
skip_blanks(struct scan *s)
{
	while (s->at < s->src->n && s->token != TOKEN_CUT) {
		uint8_t c = s->src->text[s->at];

		if (c == '\n') {
			end_line(s);
		} else if (c == ' ' || c == '\t' || has(s, s->at, "\r\n")) {
			s->src->text[s->at++] = ' ';
		} else if (is_comment(s, s->at)) {
			skip_comment(s);
		} else if (is_control(c)) {
			spoil(s, place_at(s, s->at), "a control character: want printable text");
			s->src->text[s->at++] = ' ';
		} else if (strchr("*/+", c) != NULL && !has(s, s->at, "+=") &&
		    !(c == '/' && is_plain(s, s->at + 1))) {
			spoil(s, place_at(s, s->at),
			    "an odd character: want quotes around the value");
			s->src->text[s->at++] = ' ';
		} else {
			return;
		}
	}
}

static void
refuse_variable(struct scan *s, size_t at)
{
	spoil(s, place_at(s, at), "\"${\" stands for no variable here: write the value, or '${'");
}

/* The rest of a URL: what would be a comment is a part of the word then. */
static void
skip_url(struct scan *s)
{
	while (s->at < s->src->n && !is_control(s->src->text[s->at]) &&
	    strchr(" ,", s->src->text[s->at]) == NULL)
		s->at++;
}

/* "${...}" is one word here, or what follows would be read as a list. */
static void
skip_variable(struct scan *s)
{
	size_t end = s->at;

	refuse_variable(s, s->at);
	while (end < s->src->n && s->src->text[end] != '}' && s->src->text[end] != '\n')
		end++;
	if (end < s->src->n && s->src->text[end] == '}')
		s->at = end;
}

static void
read_word(struct scan *s)
{
	s->token = TOKEN_WORD;
	for (; is_plain(s, s->at) || (has(s, s->at, "/") && is_plain(s, s->at + 1)); s->at++)
		if (has(s, s->at, "${"))
			skip_variable(s);
	if (!is_comment(s, s->at))
		return;
	spoil(s, place_at(s, s->at),
	    "a comment in a value: want quotes around the value, or a blank before it");
	if (s->src->text[s->at - 1] == ':')
		skip_url(s);
}

static void
read_string(struct scan *s)
{
	uint8_t quote = s->src->text[s->at++];
	bool told = false;

	s->token = TOKEN_STRING;
	for (; s->at < s->src->n && s->src->text[s->at] != '\n'; s->at++) {
		uint8_t c = s->src->text[s->at];

		if (c == quote) {
			s->at++;
			return;
		}
		if (is_control(c) && !told) {
			spoil(s, place_at(s, s->at), "a control character: want printable text");
			told = true;
		}
		if (quote == '"' && has(s, s->at, "${"))
			refuse_variable(s, s->at);
		if (c != '\\')
			continue;
		if (quote == '"' && !has(s, s->at, "\\\\") && !has(s, s->at, "\\\""))
			spoil(s, place_at(s, s->at), "an unknown escape: want \\\\ or \\\"");
		if (s->at + 1 < s->src->n && s->src->text[s->at + 1] != '\n')
			s->at++;
	}
	cut(s, s->place, "a text without its end: want %c in the same line", quote);
}

static void
advance(struct scan *s)
{
	static const struct {
		char		c;
		enum token	token;
	} marks[] = {
		{ '=', TOKEN_SET }, { '{', TOKEN_OPEN }, { '}', TOKEN_CLOSE }, { '(', TOKEN_PAREN },
		{ ')', TOKEN_PAREN_END }, { ',', TOKEN_COMMA },
	};

	skip_blanks(s);
	s->from = s->at;
	s->place = place_at(s, s->at);
	if (s->token == TOKEN_CUT)
		return;
	if (s->at == s->src->n) {
		s->token = TOKEN_END;
		return;
	}
	for (size_t i = 0; i < NITEMS(marks); i++)
		if (s->src->text[s->at] == marks[i].c) {
			s->token = marks[i].token;
			s->at++;
			return;
		}
	if (has(s, s->at, "+=")) {
		s->token = TOKEN_APPEND;
		s->at += 2;
	} else if (has(s, s->at, "\"") || has(s, s->at, "'")) {
		read_string(s);
	} else {
		read_word(s);
	}
}

static bool
is_value(const struct scan *s)
{
	return s->token == TOKEN_WORD || s->token == TOKEN_STRING;
}

static struct span
token_span(const struct scan *s)
{
	return span_of(s->src->text + s->from, s->at - s->from);
}

/* The grammar wants something else here. */
static void
cut_token(struct scan *s, const char *want)
{
	char have[NAME_TEXT];

	if (s->token == TOKEN_CUT)
		return;
	text_clean(have, sizeof(have), token_span(s));
	cut(s, s->place, s->token == TOKEN_WORD ? "want %s, have \"%s\"" : "want %s, have %s", want,
	    s->token == TOKEN_END ? "the end of the file" : have);
}

/* --- statements: each leaves its last token current --- */

static void
tell_unknown(struct scan *s, struct place at, struct span name, bool is_section)
{
	const struct section *section = s->levels[s->depth - 1].section;
	char have[NAME_TEXT];
	struct buf known;

	buf_init(&known, ERR_TEXT_MAX);
	section_suggest(section, name, &known);
	text_clean(have, sizeof(have), name);
	config_tell(s->r, at, "unknown %s \"%s\"%s%s: %s", is_section ? "section" : "option", have,
	    section == &config_top ? "" : " in ", section->name, buf_cstr(&known));
	buf_clear(&known);
	s->spoiled = true;
}

struct name {
	struct span		 text;
	struct place		 place;
	const struct option	*option;	/* NULL: unknown */
};

static void
add_mark(struct scan *s, struct place at, enum mark_kind kind)
{
	struct mark *m = NULL;

	if (s->src->marks.n == MARKS_MAX)
		cut(s, at, "want at most %d values in one file", MARKS_MAX);
	else if ((m = list_add(&s->src->marks, sizeof(*m))) == NULL)
		s->r->no_memory = true;
	if (m != NULL)
		*m = (struct mark){ .at = at, .kind = kind };
}

/* Behind "{"; each value is marked. */
static size_t
scan_list(struct scan *s)
{
	size_t n = 0;

	for (advance(s); s->token != TOKEN_CLOSE; advance(s)) {
		if (!is_value(s)) {
			cut_token(s, "a value or \"}\"");
			return n;
		}
		add_mark(s, s->place, MARK_VALUE);
		n++;
		advance(s);
		if (s->token == TOKEN_CLOSE)
			break;
		if (s->token != TOKEN_COMMA) {
			cut_token(s, "\",\" or \"}\" behind a value");
			return n;
		}
	}
	return n;
}

/* The second time an option is given without "+=". */
static void
refuse_repeated(struct scan *s, const struct name *name, bool append)
{
	struct level *l = &s->levels[s->depth - 1];
	size_t i = (size_t)(name->option - l->section->options);
	char text[NAME_TEXT * 2];

	if (i >= CONFIG_OPTIONS_MAX)
		return;
	if (l->lines[i] != 0 && !append) {
		(void)snprintf(text, sizeof(text), "%s: given a second time, first in line %u",
		    name->option->name, l->lines[i]);
		spoil(s, name->place, text);
	} else if (l->lines[i] == 0) {
		l->lines[i] = name->place.line;
	}
}

static void
scan_value(struct scan *s, const struct name *name)
{
	const struct option *o = name->option;
	bool append = s->token == TOKEN_APPEND, list;
	size_t n = 1;

	if (o == NULL)
		tell_unknown(s, name->place, name->text, false);
	else if (o->kind == OPTION_ONE || o->kind == OPTION_MANY)
		refuse_repeated(s, name, append);
	advance(s);
	list = s->token == TOKEN_OPEN;
	if (list)
		n = scan_list(s);
	else if (is_value(s))
		add_mark(s, s->place, MARK_VALUE);
	else
		cut_token(s, "a value");
	if (o == NULL || s->token == TOKEN_CUT)
		return;
	if (o->kind == OPTION_SECTION || o->kind == OPTION_INCLUDE) {
		config_tell(s->r, name->place, o->kind == OPTION_SECTION ?
		    "%s: want %s \"title\" { ... }" : "%s: want %s(\"file\")", o->name, o->name);
		s->spoiled = true;
	} else if (o->kind == OPTION_ONE && (list || append)) {
		config_tell(s->r, name->place, "%s: want one value, have a list", o->name);
		s->spoiled = true;
	} else if (n == 0) {
		config_tell(s->r, name->place, "%s: want at least one value, have none", o->name);
		s->spoiled = true;
	}
}

/* Behind "{" of a section that is not wanted. */
static void
skip_section(struct scan *s)
{
	size_t depth = 1;

	while (depth > 0) {
		advance(s);
		if (s->token == TOKEN_OPEN)
			depth++;
		else if (s->token == TOKEN_CLOSE)
			depth--;
		else if (s->token == TOKEN_END)
			cut_token(s, "\"}\"");
		if (s->token == TOKEN_CUT)
			return;
	}
}

/* At the title, or at "{". */
static void
scan_section(struct scan *s, const struct name *name)
{
	const struct option *o = name->option;
	bool titled = is_value(s);

	if (o != NULL && o->kind != OPTION_SECTION) {
		cut_token(s, o->kind == OPTION_INCLUDE ? "\"(\" behind the name" :
		    "\"=\" behind the name");
		return;
	}
	if (titled)
		advance(s);
	if (s->token != TOKEN_OPEN) {
		cut_token(s, o != NULL ? "\"{\" behind the title" : "\"=\" or \"{\"");
		return;
	}
	if (o == NULL)
		tell_unknown(s, name->place, name->text, true);
	else if (!titled)
		spoil(s, name->place, "a section without title: want a text before \"{\"");
	else if (s->depth == CONFIG_LEVELS)
		spoil(s, name->place, "sections nested too deep");
	if (s->spoiled) {
		skip_section(s);
		return;
	}
	add_mark(s, name->place, MARK_OPEN);
	if (s->r->no_memory)
		return;
	s->levels[s->depth++] = (struct level){ o->section, s->src->marks.n - 1, { 0 } };
}

/* Behind "(". */
static void
scan_call(struct scan *s, const struct name *name)
{
	if (name->option == NULL)
		tell_unknown(s, name->place, name->text, false);
	else if (name->option->kind != OPTION_INCLUDE)
		spoil(s, name->place, "want \"=\" or a title behind the name, have \"(\"");
	advance(s);
	if (!is_value(s)) {
		cut_token(s, "a file's name");
		return;
	}
	add_mark(s, s->place, MARK_VALUE);
	advance(s);
	if (s->token != TOKEN_PAREN_END)
		cut_token(s, "\")\" behind the file's name");
}

static void
scan_named(struct scan *s)
{
	struct name name = { token_span(s), s->place, NULL };

	name.option = section_option(s->levels[s->depth - 1].section, name.text);
	advance(s);
	if (s->token == TOKEN_SET || s->token == TOKEN_APPEND)
		scan_value(s, &name);
	else if (is_value(s) || s->token == TOKEN_OPEN)
		scan_section(s, &name);
	else if (s->token == TOKEN_PAREN)
		scan_call(s, &name);
	else
		cut_token(s, "\"=\" or a title behind the name");
}

static void
note_fault(struct scan *s)
{
	struct mark *m = s->src->marks.v;

	if (s->depth > 1)
		m[s->levels[s->depth - 1].mark].spoiled = true;
	s->spoiled = false;
}

/* A fault before the end of a section takes nothing away. */
static void
close_section(struct scan *s)
{
	if (s->spoiled)
		note_fault(s);
	add_mark(s, s->place, MARK_CLOSE);
	s->depth--;
}

/* False at the end. */
static bool
scan_statement(struct scan *s)
{
	const struct mark *m = s->src->marks.v;
	size_t from = s->from, marks = s->src->marks.n;

	if (s->token == TOKEN_END && s->depth > 1)
		cut(s, m[s->levels[s->depth - 1].mark].at, "a section without its end: want \"}\"");
	if (s->token == TOKEN_END)
		return false;
	if (s->token == TOKEN_CLOSE && s->depth > 1)
		close_section(s);
	else if (s->token == TOKEN_WORD)
		scan_named(s);
	else
		cut_token(s, "the name of an option");
	if (s->token == TOKEN_CUT || s->r->no_memory) {
		s->src->n = from;
		return false;
	}
	if (s->spoiled) {
		s->src->marks.n = marks;
		blank(s, from, s->at);
		note_fault(s);
	}
	return true;
}

void
config_scan(struct reader *r, struct source *src)
{
	struct scan s = { .r = r, .src = src, .line = 1, .depth = 1 };

	s.levels[0].section = &config_top;
	do
		advance(&s);
	while (scan_statement(&s));
	if (src->broken)
		r->broken = true;
}
