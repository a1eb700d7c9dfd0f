/*
 * config: see config.h.
 *
 * Each file is looked over by config_scan() first and then parsed by
 * libconfuse, which calls back for every value, for the end of every section
 * and for every include, in the order of the text. Sections are judged and
 * let go one by one: libconfuse would compare the titles of all it still
 * holds, which takes seconds for ten thousand.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <confuse.h>

#include "base/fs.h"
#include "base/text.h"
#include "config_parts.h"

#define FILE_MAX	(16 * 1024 * 1024)	/* octets of one file */
#define READ_AT_ONCE	65536
#define INCLUDE_MAX	8			/* files in files */
#define SECTIONS_MAX	8			/* kinds of them */
#define COMPLAINTS_MAX	1000			/* that are kept; the others are counted */

/* libconfuse lends its callbacks no argument; it is not reentrant either. */
static struct reader *reading;

/* --- complaints --- */

void
config_tell(struct reader *r, struct place at, const char *fmt, ...)
{
	char text[2 * ERR_TEXT_MAX], clean[sizeof(text)];
	struct complaint *c;
	int n = 0;
	va_list ap;

	if (r->complaints.n == COMPLAINTS_MAX) {
		r->untold++;
		return;
	}
	if ((c = list_add(&r->complaints, sizeof(*c))) == NULL) {
		r->no_memory = true;
		return;
	}
	if (at.line > 0)
		n = snprintf(text, sizeof(text), "%s:%u:%u: ", at.path, at.line, at.column);
	else
		n = snprintf(text, sizeof(text), "%s: ", at.path);
	if (n < 0 || (size_t)n >= sizeof(text))
		n = 0;
	va_start(ap, fmt);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	text_clean(clean, sizeof(clean), span_str(text));
	*c = (struct complaint){ .at = at, .number = r->complaints.n, .text = strdup(clean) };
	if (c->text == NULL)
		r->no_memory = true;
}

/* The number of a file in the order of reading; the main file is 0. */
static size_t
file_number(const struct reader *r, const char *path)
{
	const struct config_file *f = r->cfg->files.v;

	for (size_t i = 0; i < r->cfg->files.n; i++)
		if (f[i].path == path)
			return i;
	return 0;
}

static int
compare_complaints(const void *va, const void *vb)
{
	const struct complaint *a = va, *b = vb;
	size_t fa = file_number(reading, a->at.path), fb = file_number(reading, b->at.path);

	if (fa != fb)
		return fa < fb ? -1 : 1;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

/* In the order of files and lines, whichever pass has found them. */
static void
tell_all(struct reader *r, config_complain *complain, void *arg)
{
	struct complaint *c = r->complaints.v;

	if (c == NULL || r->no_memory)
		return;
	qsort(c, r->complaints.n, sizeof(*c), compare_complaints);
	for (size_t i = 0; i < r->complaints.n; i++)
		complain(arg, c[i].text);
	if (r->untold > 0)
		complain(arg, "there are more errors than are shown here");
}

/* --- what libconfuse comes upon, as the scan has marked it --- */

/* Sections that are open now have begun before the mark; NULL where it is of another kind. */
static struct mark *
next_mark(struct source *src, enum mark_kind kind)
{
	struct mark *m = src->marks.v;

	for (; src->next < src->marks.n && m[src->next].kind == MARK_OPEN; src->next++) {
		if (src->depth == CONFIG_LEVELS)
			return NULL;
		src->open[src->depth++] = &m[src->next];
	}
	if (src->next == src->marks.n || m[src->next].kind != kind)
		return NULL;
	return &m[src->next++];
}

static const struct section *
section_named(const struct section *in, const char *name)
{
	const struct section *found = NULL;

	for (size_t i = 0; i < in->noptions && found == NULL; i++) {
		const struct section *s = in->options[i].section;

		if (s != NULL)
			found = strcmp(s->name, name) == 0 ? s : section_named(s, name);
	}
	return found;
}

/* libconfuse's section is only given as cfg_t; the one of the file has no title. */
static const struct section *
section_of(cfg_t *cfg)
{
	return cfg_title(cfg) == NULL ? &config_top : section_named(&config_top, cfg_name(cfg));
}

/* --- callbacks --- */

/* Every error that the scan has not foreseen. */
static void PRINTF(2, 0)
complain_of_syntax(cfg_t *cfg UNUSED, const char *fmt, va_list ap)
{
	struct source *src = reading->source;
	char text[ERR_TEXT_MAX];

	/* The text was cut; that it has no end now is known. */
	if (src->broken)
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	config_tell(reading, (struct place){ src->path, reading->at.line, reading->at.column },
	    "%s (or behind this place)", text);
	src->broken = reading->broken = true;
}

/* The scan sees what is given twice in one file. A list has several values. */
static bool
is_given_elsewhere(struct reader *r, const struct option *o)
{
	struct place *given = &r->given[o - config_top.options];

	if (given->path == NULL || (o->kind == OPTION_MANY && given->path == r->at.path)) {
		*given = r->at;
		return false;
	}
	config_tell(r, r->at, "%s: given a second time, first in %s:%u", o->name, given->path,
	    given->line);
	return true;
}

/* libconfuse stores nothing: it gets an empty text in any case. */
static int
take_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct reader *r = reading;
	const struct section *s = section_of(cfg);
	const struct option *o = s != NULL ? section_option(s, span_str(cfg_opt_name(opt))) : NULL;
	struct mark *m = next_mark(r->source, MARK_VALUE);
	struct err e = ERR_NONE;

	*(const char **)result = "";
	if (o == NULL || m == NULL)
		return -1;
	r->at = m->at;
	if (s == &config_top && is_given_elsewhere(r, o))
		return 0;
	if (o->take(r, (uint8_t *)r + s->offset + o->offset, value, &e) == 0)
		return 0;
	if (e.sys == ENOMEM)
		r->no_memory = true;
	if (r->source->depth > 0)
		r->source->open[r->source->depth - 1]->spoiled = true;
	if (s == &config_top)
		config_tell(r, m->at, "%s: %s", o->name, e.text);
	else
		config_tell(r, m->at, "%s \"%.300s\": %s: %s", s->name, cfg_title(cfg), o->name,
		    e.text);
	return 0;
}

static int
end_section(cfg_t *cfg UNUSED, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const struct section *s = section_named(&config_top, cfg_opt_name(opt));
	struct source *src = reading->source;

	if (section == NULL || s == NULL || next_mark(src, MARK_CLOSE) == NULL || src->depth == 0)
		return -1;
	src->depth--;
	reading->at = src->open[src->depth]->at;
	s->finish(reading, cfg_title(section), src->open[src->depth]);
	return cfg_free_value(opt) == CFG_SUCCESS && !reading->no_memory ? 0 : -1;
}

static void	read_file(struct reader *, const char *path, struct place asked);

/* A name is relative to the file that it stands in. */
static int
include_file(cfg_t *cfg UNUSED, cfg_opt_t *opt UNUSED, int argc, const char **argv)
{
	struct source *src = reading->source;
	struct mark *m = next_mark(src, MARK_VALUE);
	const char *slash = strrchr(src->path, '/');
	size_t depth = 0;
	struct buf path;

	if (argc != 1 || m == NULL)
		return -1;
	for (struct source *outer = src; outer->outer != NULL; outer = outer->outer)
		depth++;
	if (depth == INCLUDE_MAX) {
		config_tell(reading, m->at, "include: want at most %d files in each other",
		    INCLUDE_MAX);
		return 0;
	}
	buf_init(&path, 2 * PATH_MAX);
	if (argv[0][0] != '/' && slash != NULL)
		buf_put(&path, span_of(src->path, (size_t)(slash - src->path) + 1));
	buf_str(&path, argv[0]);
	if (!buf_ok(&path) || path.n == 0 || path.n >= PATH_MAX)
		config_tell(reading, m->at, "include: want the path of a file, have \"%.300s\"",
		    argv[0]);
	else
		read_file(reading, buf_cstr(&path), m->at);
	buf_clear(&path);
	return reading->no_memory ? -1 : 0;
}

/* --- files --- */

/* libconfuse's tables, made of ours; cfg_init() copies them. */
struct tables {
	cfg_opt_t	rows[SECTIONS_MAX][CONFIG_OPTIONS_MAX + 1];
	size_t		n;
};

static cfg_opt_t *
make_options(struct tables *t, const struct section *s)
{
	cfg_opt_t *rows = t->rows[t->n++];

	for (size_t i = 0; i < s->noptions; i++) {
		const struct option *o = &s->options[i];

		rows[i] = (cfg_opt_t){ .name = o->name, .type = CFGT_STR, .flags = CFGF_NODEFAULT,
		    .parsecb = take_value };
		if (o->kind == OPTION_MANY)
			rows[i].flags |= CFGF_LIST;
		if (o->kind == OPTION_INCLUDE) {
			rows[i].type = CFGT_FUNC;
			rows[i].parsecb = NULL;
			rows[i].func = include_file;
		}
		if (o->kind == OPTION_SECTION) {
			rows[i].type = CFGT_SEC;
			rows[i].flags |= CFGF_MULTI | CFGF_TITLE;
			rows[i].parsecb = NULL;
			rows[i].validcb = end_section;
			rows[i].subopts = make_options(t, o->section);
		}
	}
	rows[s->noptions] = (cfg_opt_t)CFG_END();
	return rows;
}

static cfg_t *
new_parser(struct reader *r)
{
	struct tables t = { .n = 0 };
	cfg_t **slot = list_add(&r->parsers, sizeof(*slot));

	if (slot == NULL || (*slot = cfg_init(make_options(&t, &config_top), CFGF_NONE)) == NULL) {
		r->no_memory = true;
		return NULL;
	}
	(void)cfg_set_error_function(*slot, complain_of_syntax);
	return *slot;
}

static void
parse(struct reader *r, struct source *src)
{
	cfg_t *parser = new_parser(r);
	FILE *f;

	if (parser == NULL)
		return;
	if ((f = fmemopen(src->text, src->n, "r")) == NULL) {
		r->no_memory = true;
		return;
	}
	r->at = (struct place){ src->path, 1, 1 };
	if (cfg_parse_fp(parser, f) != CFG_SUCCESS && !src->broken && !r->no_memory) {
		config_tell(r, r->at, "cannot be read on from here");
		r->broken = true;
	}
	(void)fclose(f);
}

/* The text is changed. */
static void
read_text(struct reader *r, const char *path, uint8_t *text, size_t n)
{
	struct source src = { .outer = r->source, .path = path, .text = text, .n = n };

	config_scan(r, &src);
	r->source = &src;
	if (src.n > 0 && !r->no_memory)
		parse(r, &src);
	r->source = src.outer;
	free(src.marks.v);
}

static void
tell_file(struct reader *r, struct place asked, const char *path, const char *why)
{
	if (asked.line == 0)
		config_tell(r, asked, "%s", why);
	else
		config_tell(r, asked, "include: %s: %s", path, why);
}

static void
tell_errno(struct reader *r, struct place asked, const char *path)
{
	char why[128];

	if (errno == ENOMEM)
		r->no_memory = true;
	tell_file(r, asked, path, strerror_r(errno, why, sizeof(why)));
}

/* Notes the file for later, and refuses one that others could have written (FAULTS I01). */
static const struct config_file *
note_file(struct reader *r, const char *path, const struct stat *st)
{
	struct config_file *f = list_add(&r->cfg->files, sizeof(*f));
	struct place whole;

	if (f == NULL || (f->path = strdup(path)) == NULL) {
		r->no_memory = true;
		return NULL;
	}
	f->dev = (int64_t)st->st_dev;
	f->ino = (int64_t)st->st_ino;
	f->size = (int64_t)st->st_size;
	f->mtime_ns = (int64_t)((uint64_t)st->st_mtim.tv_sec * 1000000000u +
	    (uint64_t)st->st_mtim.tv_nsec);
	f->ctime_ns = (int64_t)((uint64_t)st->st_ctim.tv_sec * 1000000000u +
	    (uint64_t)st->st_ctim.tv_nsec);
	whole = (struct place){ f->path, 0, 0 };
	if (st->st_uid != 0 && st->st_uid != geteuid())
		config_tell(r, whole, "belongs to user %ju: want root, or who runs kamcert",
		    (uintmax_t)st->st_uid);
	if ((st->st_mode & S_IWOTH) != 0 || ((st->st_mode & S_IWGRP) != 0 && st->st_gid != 0))
		config_tell(r, whole, "mode %04o: want a file that only its owner may write to",
		    (unsigned)st->st_mode & 07777);
	return f;
}

static bool
is_noted(const struct reader *r, const struct stat *st)
{
	const struct config_file *f = r->cfg->files.v;

	for (size_t i = 0; i < r->cfg->files.n; i++)
		if (f[i].dev == (int64_t)st->st_dev && f[i].ino == (int64_t)st->st_ino)
			return true;
	return false;
}

/* 0, or -1 with errno. */
static int
read_all(int fd, struct buf *text)
{
	uint8_t *room;
	ssize_t n = 1;

	while (n > 0) {
		if ((room = buf_room(text, READ_AT_ONCE)) == NULL) {
			errno = text->n > FILE_MAX - READ_AT_ONCE ? EFBIG : ENOMEM;
			return -1;
		}
		do
			n = read(fd, room, READ_AT_ONCE);
		while (n == -1 && errno == EINTR);
		if (n > 0)
			buf_added(text, (size_t)n);
	}
	return (int)n;
}

/* asked is where the file is wanted: an include, or line 0 of itself. */
static void
read_file(struct reader *r, const char *path, struct place asked)
{
	const struct config_file *noted;
	struct buf text;
	struct stat st;
	int fd;

	buf_init(&text, FILE_MAX);
	do
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	while (fd == -1 && errno == EINTR);
	if (fd == -1 || fstat(fd, &st) == -1)
		tell_errno(r, asked, path);
	else if (!S_ISREG(st.st_mode))
		tell_file(r, asked, path, "want a regular file");
	else if (is_noted(r, &st))
		tell_file(r, asked, path, "is read already");
	else if ((noted = note_file(r, path, &st)) != NULL) {
		if (read_all(fd, &text) == -1)
			tell_errno(r, (struct place){ noted->path, 0, 0 }, path);
		else
			read_text(r, noted->path, text.p, text.n);
	}
	fs_close(&fd);
	buf_clear(&text);
}

/* --- the whole --- */

static void
clear_mentions(struct list *l)
{
	struct mention *m = l->v;

	for (size_t i = 0; i < l->n; i++)
		free(m[i].name);
	free(l->v);
}

static void
clear_reader(struct reader *r)
{
	struct complaint *c = r->complaints.v;
	cfg_t **parsers = r->parsers.v;

	for (size_t i = 0; i < r->complaints.n; i++)
		free(c[i].text);
	free(c);
	for (size_t i = 0; i < r->parsers.n; i++)
		if (parsers[i] != NULL)
			(void)cfg_free(parsers[i]);
	free(parsers);
	clear_mentions(&r->titles);
	clear_mentions(&r->references);
	strs_clear(&r->own_tos);
	free(r->top.state_dir);
	free(r->top.log);
	free(r->top.time_zone);
	free(r->top.sandbox);
	strs_clear(&r->top.role_users);
	pack_clear(&ca_conf_pack, &r->ca);
	pack_clear(&cert_conf_pack, &r->cert);
	pack_clear(&challenge_conf_pack, &r->challenge);
	pack_clear(&hook_conf_pack, &r->hook);
}

/* Nothing is read yet. */
static int
begin(struct reader *r, struct config *cfg, const char *path, struct err *e)
{
	memset(cfg, 0, sizeof(*cfg));
	memset(r, 0, sizeof(*r));
	r->cfg = cfg;
	return (cfg->path = strdup(path)) != NULL ? 0 : err_nomem(e);
}

/* All has been read. */
static int
end(struct reader *r, config_complain *complain, void *arg, struct err *e)
{
	size_t n;

	if (!r->no_memory)
		finish_config(r);
	tell_all(r, complain, arg);
	n = r->complaints.n + r->untold;
	if (r->no_memory)
		(void)err_nomem(e);
	else if (n > 0)
		(void)err_set(e, OUT_USAGE, "%s: %zu error%s", r->cfg->path, n, n == 1 ? "" : "s");
	clear_reader(r);
	if (!r->no_memory && n == 0)
		return 0;
	pack_clear(&config_pack, r->cfg);
	return -1;
}

int
config_read(const char *path, struct config *cfg, config_complain *complain, void *arg,
    struct err *e)
{
	struct reader r;
	int rc;

	if (begin(&r, cfg, path, e) == -1)
		return -1;
	reading = &r;
	read_file(&r, path, (struct place){ cfg->path, 0, 0 });
	rc = end(&r, complain, arg, e);
	reading = NULL;
	return rc;
}
