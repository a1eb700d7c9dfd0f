#include "kamcfg.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

#define DEPTH_MAX	8	/* of files that include files */
#define IFS_MAX		64	/* of conditions in conditions */
#define DEFINES_MAX	1000
#define WORD_MAX	256
#define DEFAULT_PORT	":5061"

#define F(type, field)	{ type, offsetof(struct kamcfg, field), NULL }

const struct pack kamcfg_pack = PACK(kamcfg,
	F(PACK_STR, dir), F(PACK_STR, tls_config), F(PACK_STR, certificate),
	    F(PACK_STR, private_key),
	F(PACK_STRS, listeners), F(PACK_STRS, binrpc), F(PACK_STR, jsonrpc), F(PACK_BOOL, has_tls),
	F(PACK_BOOL, has_ctl), F(PACK_BOOL, has_jsonrpcs));

struct reading {
	struct strs	 names, values;	/* of #!define */
	struct strs	 froms, tos;	/* of #!substdef and #!subst */
	struct buf	 flat;		/* without comments and directives, all included */
	bool		 skips[IFS_MAX];	/* is the branch at this depth passed over? */
	size_t		 ifs;
	bool		 in_comment;
};

/* --- words --- */

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '_';
}

static void
skip_blanks(struct rd *r)
{
	while (r->n > 0 && is_blank(r->p[0]))
		(void)rd_u8(r);
}

/* What stands before the next blank. */
static const char *
take_word(struct rd *r, char out[WORD_MAX])
{
	size_t n = 0;

	skip_blanks(r);
	while (r->n > 0 && !is_blank(r->p[0])) {
		uint8_t c = rd_u8(r);

		if (n < WORD_MAX - 1)
			out[n++] = (char)c;
	}
	out[n] = '\0';
	return out;
}

/* The rest of a line without blanks and quotes around it. */
static struct span
trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = span_of(s.p + 1, s.n - 2);
	return s;
}

static int
find(const struct strs *names, struct span name)
{
	for (size_t i = names->n; i-- > 0;)
		if (span_is(name, names->v[i]))
			return (int)i;
	return -1;
}

/* --- the preprocessor --- */

static bool
is_skipped(const struct reading *k)
{
	for (size_t i = 0; i < k->ifs; i++)
		if (k->skips[i])
			return true;
	return false;
}

static int
add_pair(struct strs *names, struct strs *values, struct span name, struct span value,
    struct err *e)
{
	char *n, *v;
	int rc = -1;

	if (names->n >= DEFINES_MAX)
		return err_set(e, OUT_HOLD, "more than %d definitions", DEFINES_MAX);
	n = span_dup(name);
	v = span_dup(value);
	if (n != NULL && v != NULL && strs_add(names, n) == 0)
		rc = strs_add(values, v);
	free(n);
	free(v);
	return rc == 0 ? 0 : err_nomem(e);
}

/* "!from!to!g" with any mark in place of "!"; from is taken as it is, not as an expression. */
static int
add_subst(struct reading *k, struct span text, bool defines, struct err *e)
{
	const uint8_t *second, *third;
	struct span from, to;

	text = trim(text);
	if (text.n < 4 || (second = memchr(text.p + 1, text.p[0], text.n - 1)) == NULL)
		return 0;
	third = memchr(second + 1, text.p[0], text.n - (size_t)(second + 1 - text.p));
	if (third == NULL || second == text.p + 1)
		return 0;
	from = span_of(text.p + 1, (size_t)(second - text.p) - 1);
	to = span_of(second + 1, (size_t)(third - second) - 1);
	if (defines && add_pair(&k->names, &k->values, from, to, e) == -1)
		return -1;
	return add_pair(&k->froms, &k->tos, from, to, e);
}

static int
read_condition(struct reading *k, const char *word, struct rd *r, struct err *e)
{
	char name[WORD_MAX];
	bool known;

	if (strcmp(word, "else") == 0) {
		if (k->ifs > 0)
			k->skips[k->ifs - 1] = !k->skips[k->ifs - 1];
		return 0;
	}
	if (strcmp(word, "endif") == 0) {
		k->ifs -= k->ifs > 0;
		return 0;
	}
	if (k->ifs == IFS_MAX)
		return err_set(e, OUT_HOLD, "more than %d conditions in conditions", IFS_MAX);
	known = find(&k->names, span_str(take_word(r, name))) != -1;
	k->skips[k->ifs++] = strcmp(word, "ifndef") == 0 ? known : !known;
	return 0;
}

/* Behind "#!" or "!!". */
static int
read_directive(struct reading *k, struct span line, struct err *e)
{
	char word[WORD_MAX], name[WORD_MAX];
	struct rd r = rd_of(line);

	(void)take_word(&r, word);
	if (strcmp(word, "ifdef") == 0 || strcmp(word, "ifndef") == 0 ||
	    strcmp(word, "else") == 0 || strcmp(word, "endif") == 0 || strcmp(word, "ifexp") == 0)
		return read_condition(k, word, &r, e);
	if (is_skipped(k))
		return 0;
	if (strcmp(word, "define") == 0 || strcmp(word, "trydef") == 0 ||
	    strcmp(word, "redefine") == 0) {
		(void)take_word(&r, name);
		return name[0] == '\0' ? 0 :
		    add_pair(&k->names, &k->values, span_str(name), trim(rd_rest(&r)), e);
	}
	if (strcmp(word, "substdef") == 0 || strcmp(word, "substdefs") == 0 ||
	    strcmp(word, "subst") == 0)
		return add_subst(k, rd_rest(&r), word[5] != '\0', e);
	return 0;
}

/* Substitutions reach into quotes, definitions do not. */
static void
put_substituted(struct reading *k, struct span s)
{
	while (s.n > 0) {
		size_t i = k->froms.n, n = 1;

		while (i-- > 0)
			if (span_starts(s, k->froms.v[i])) {
				n = strlen(k->froms.v[i]);
				buf_str(&k->flat, k->tos.v[i]);
				break;
			}
		if (i == SIZE_MAX)
			buf_u8(&k->flat, s.p[0]);
		s = span_of(s.p + n, s.n - n);
	}
}

static void
put_word(struct reading *k, struct rd *r)
{
	struct span word;
	size_t n = 0;
	int at;

	while (n < r->n && is_word(r->p[n]))
		n++;
	word = rd_bytes(r, n);
	if ((at = find(&k->names, word)) != -1)
		buf_str(&k->flat, k->values.v[at]);
	else
		put_substituted(k, word);
}

static void
put_quoted(struct reading *k, struct rd *r)
{
	const uint8_t *begin = r->p;
	uint8_t quote = rd_u8(r), c = 0;

	while (r->n > 0 && (c = rd_u8(r)) != quote)
		if (c == '\\')
			(void)rd_u8(r);
	put_substituted(k, span_of(begin, (size_t)(r->p - begin)));
}

/* One line without its comments; one that is not closed goes on in the next line. */
static void
put_line(struct reading *k, struct span line)
{
	struct rd r = rd_of(line);

	while (r.n > 0) {
		if (k->in_comment) {
			k->in_comment = !(r.n >= 2 && r.p[0] == '*' && r.p[1] == '/');
			(void)rd_bytes(&r, k->in_comment ? 1 : 2);
		} else if (r.n >= 2 && r.p[0] == '/' && r.p[1] == '*') {
			k->in_comment = true;
			(void)rd_bytes(&r, 2);
		} else if (r.p[0] == '#' || (r.n >= 2 && r.p[0] == '/' && r.p[1] == '/')) {
			(void)rd_rest(&r);
		} else if (r.p[0] == '"' || r.p[0] == '\'') {
			put_quoted(k, &r);
		} else if (is_word(r.p[0])) {
			put_word(k, &r);
		} else
			buf_u8(&k->flat, rd_u8(&r));
	}
	buf_u8(&k->flat, '\n');
}

static int	read_file(struct reading *k, const char *path, unsigned depth, bool must,
    struct err *e);

/* include_file "name" and import_file "name"; relative to the file that says so. */
static int
read_included(struct reading *k, const char *path, struct span line, unsigned depth, struct err *e)
{
	char word[WORD_MAX], file[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct rd r = rd_of(line);
	struct span name;

	(void)take_word(&r, word);
	name = trim(rd_rest(&r));
	if (name.n > 0 && name.p[0] == '/')
		(void)snprintf(file, sizeof file, "%.*s", (int)name.n, (const char *)name.p);
	else
		(void)snprintf(file, sizeof file, "%.*s%.*s", slash != NULL ?
		    (int)(slash - path + 1) : 0, path, (int)name.n, (const char *)name.p);
	return read_file(k, file, depth + 1, strstr(word, "include") != NULL, e);
}

static int
read_line(struct reading *k, const char *path, struct span line, unsigned depth, struct err *e)
{
	struct span at = line;

	while (at.n > 0 && is_blank(at.p[0]))
		at = span_of(at.p + 1, at.n - 1);
	if (!k->in_comment && (span_starts(at, "#!") || span_starts(at, "!!")))
		return read_directive(k, span_of(at.p + 2, at.n - 2), e);
	if (is_skipped(k))
		return 0;
	if (!k->in_comment && (span_starts(at, "include_file") || span_starts(at, "import_file")))
		return read_included(k, path, at, depth, e);
	put_line(k, line);
	return 0;
}

static int
read_file(struct reading *k, const char *path, unsigned depth, bool must, struct err *e)
{
	struct span line;
	struct buf text;
	struct rd r;
	int rc = 0;

	if (depth > DEPTH_MAX)
		return err_set(e, OUT_HOLD, "%s: files that include files, more than %d deep", path,
		    DEPTH_MAX);
	buf_init(&text, KAMCFG_MAX);
	if (fs_read_path(path, KAMCFG_MAX, &text, e) == -1) {
		rc = must || e->sys != ENOENT ? err_in(e, "%s", path) : 0;
		buf_clear(&text);
		return rc;
	}
	r = rd_of(buf_span(&text));
	while (rc == 0 && rd_line(&r, &line))
		rc = read_line(k, path, line, depth, e);
	buf_clear(&text);
	if (rc == 0 && !buf_ok(&k->flat))
		rc = err_set(e, OUT_HOLD, "%s: more than %d octets", path, KAMCFG_MAX);
	return rc;
}

/* --- settings --- */

/* A quoted text or a word. */
static struct span
take_value(struct rd *r)
{
	const uint8_t *begin;
	uint8_t quote;
	size_t n = 0;

	skip_blanks(r);
	if (r->n > 0 && (r->p[0] == '"' || r->p[0] == '\'')) {
		quote = rd_u8(r);
		begin = r->p;
		while (n < r->n && begin[n] != quote)
			n += begin[n] == '\\' ? 2 : 1;
		n = n > r->n ? r->n : n;
		(void)rd_bytes(r, n < r->n ? n + 1 : n);
		return span_of(begin, n);
	}
	while (n < r->n && !is_blank(r->p[n]) && memchr("(),;", r->p[n], 4) == NULL)
		n++;
	return rd_bytes(r, n);
}

static bool
take_mark(struct rd *r, char mark)
{
	skip_blanks(r);
	if (r->n == 0 || r->p[0] != (uint8_t)mark)
		return false;
	(void)rd_u8(r);
	return true;
}

static int
set_text(char **to, struct span value, struct err *e)
{
	free(*to);
	return (*to = span_dup(value)) == NULL ? err_nomem(e) : 0;
}

/* Is the module among "tls|ctl"? */
static bool
is_for(struct span modules, const char *name)
{
	struct rd r = rd_of(modules);

	while (r.n > 0) {
		const uint8_t *bar = memchr(r.p, '|', r.n);
		struct span one = rd_bytes(&r, bar != NULL ? (size_t)(bar - r.p) : r.n);

		if (span_is(one, name))
			return true;
		(void)rd_bytes(&r, r.n > 0 ? 1 : 0);
	}
	return false;
}

static int
add_text(struct strs *to, struct span value, struct err *e)
{
	char *copy = span_dup(value);
	int rc = copy != NULL ? strs_add(to, copy) : -1;

	free(copy);
	return rc == 0 ? 0 : err_nomem(e);
}

/* modparam("module", "name", value) */
static int
read_modparam(struct rd *r, struct kamcfg *out, struct err *e)
{
	struct span module, name, value;

	if (!take_mark(r, '('))
		return 0;
	module = take_value(r);
	(void)take_mark(r, ',');
	name = take_value(r);
	(void)take_mark(r, ',');
	value = take_value(r);
	if (is_for(module, "tls") && span_is(name, "config"))
		return set_text(&out->tls_config, value, e);
	if (is_for(module, "tls") && span_is(name, "certificate"))
		return set_text(&out->certificate, value, e);
	if (is_for(module, "tls") && span_is(name, "private_key"))
		return set_text(&out->private_key, value, e);
	if (is_for(module, "ctl") && span_is(name, "binrpc"))
		return add_text(&out->binrpc, value, e);
	if (is_for(module, "jsonrpcs") && span_is(name, "dgram_socket"))
		return set_text(&out->jsonrpc, value, e);
	return 0;
}

/* "listen=tls:192.0.2.1:5061 advertise ...", with or without quotes. */
static int
read_listen(struct rd *r, struct kamcfg *out, struct err *e)
{
	char text[WORD_MAX];
	struct span value;
	const char *colon;

	if (!take_mark(r, '='))
		return 0;
	value = take_value(r);
	if (value.n < 5 || strncasecmp((const char *)value.p, "tls:", 4) != 0)
		return 0;
	(void)snprintf(text, sizeof text - sizeof DEFAULT_PORT, "%.*s", (int)value.n - 4,
	    (const char *)value.p + 4);
	colon = strrchr(text, ':');
	if (colon == NULL || strchr(colon, ']') != NULL)
		memcpy(text + strlen(text), DEFAULT_PORT, sizeof DEFAULT_PORT);
	return strs_has(&out->listeners, text) ? 0 : add_text(&out->listeners, span_str(text), e);
}

static void
note_module(struct rd *r, struct kamcfg *out)
{
	struct span name = take_value(r);
	const uint8_t *slash = memrchr(name.p, '/', name.n);

	if (slash != NULL)
		name = span_of(slash + 1, name.n - (size_t)(slash + 1 - name.p));
	out->has_tls = out->has_tls || span_is(name, "tls.so") || span_is(name, "tls");
	out->has_ctl = out->has_ctl || span_is(name, "ctl.so") || span_is(name, "ctl");
	out->has_jsonrpcs = out->has_jsonrpcs || span_is(name, "jsonrpcs.so") ||
	    span_is(name, "jsonrpcs");
}

static int
read_settings(struct span flat, struct kamcfg *out, struct err *e)
{
	struct rd r = rd_of(flat);
	struct span word;
	size_t n;
	int rc = 0;

	while (r.n > 0 && rc == 0) {
		for (n = 0; n < r.n && is_word(r.p[n]); n++)
			;
		if (n == 0) {
			if (r.p[0] == '"' || r.p[0] == '\'')
				(void)take_value(&r);
			else
				(void)rd_u8(&r);
			continue;
		}
		word = rd_bytes(&r, n);
		if (span_is(word, "modparam"))
			rc = read_modparam(&r, out, e);
		else if (span_is(word, "listen"))
			rc = read_listen(&r, out, e);
		else if (span_is(word, "loadmodule")) {
			(void)take_mark(&r, '(');
			note_module(&r, out);
		}
	}
	return rc;
}

/* Paths are as in tls.cfg: from the folder of the main file. */
static int
complete(struct kamcfg *out, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *full;

	if (slash == NULL || (out->dir = strndup(path, slash == path ? 1 :
	    (size_t)(slash - path))) == NULL)
		return slash == NULL ? err_set(e, OUT_HOLD, "%s: want an absolute path", path) :
		    err_nomem(e);
	if (out->tls_config == NULL || out->tls_config[0] == '/')
		return 0;
	if (asprintf(&full, "%s/%s", out->dir, out->tls_config) == -1)
		return err_nomem(e);
	free(out->tls_config);
	out->tls_config = full;
	return 0;
}

int
kamcfg_read(const char *path, struct kamcfg *out, struct err *e)
{
	struct reading k = { .ifs = 0 };
	int rc = -1;

	*out = (struct kamcfg){ 0 };
	buf_init(&k.flat, KAMCFG_MAX);
	if (read_file(&k, path, 0, true, e) == 0 &&
	    read_settings(buf_span(&k.flat), out, e) == 0 && complete(out, path, e) == 0)
		rc = 0;
	strs_clear(&k.names);
	strs_clear(&k.values);
	strs_clear(&k.froms);
	strs_clear(&k.tos);
	buf_clear(&k.flat);
	if (rc == -1)
		pack_clear(&kamcfg_pack, out);
	return rc;
}
