#include "tlscfg_edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TLSCFG_PATH_MAX	4096

struct edit {
	size_t		 at, len;	/* what goes */
	const char	*option;	/* NULL: only a value comes; else a line with it */
	char		*value;		/* owned */
};

struct editing {
	struct span	 text;
	struct list	 edits;		/* struct edit, in the order of the text */
	struct buf	*out;
};

static const struct tlscfg_profile *
profile_at(const struct tlscfg *cfg, size_t i)
{
	return (const struct tlscfg_profile *)cfg->profiles.v + i;
}

/* --- which profiles --- */

static bool
is_named(const struct tlscfg_profile *p, const char *want)
{
	char label[TLSCFG_LABEL], bare[TLSCFG_LABEL];
	char *end;
	size_t n;

	(void)tlscfg_label(p, label);
	if (strcasecmp(label, want) == 0)
		return true;
	(void)snprintf(bare, sizeof bare, "%s", label + 1);
	n = strlen(p->kind == TLSCFG_SERVER ? "server:" : "client:") + strlen(p->where);
	end = bare + n;
	memmove(end, end + 1, strlen(end + 1) + 1);
	return strcasecmp(bare, want) == 0;
}

bool
tlscfg_is_among(const struct tlscfg_profile *p, const struct strs *profiles)
{
	for (size_t i = 0; i < profiles->n; i++)
		if (is_named(p, profiles->v[i]))
			return true;
	return false;
}

static int
check_all_found(const struct tlscfg *cfg, const struct strs *profiles, const char *name,
    struct err *e)
{
	size_t i, k;

	for (i = 0; i < profiles->n; i++) {
		k = 0;
		while (k < cfg->profiles.n && (profile_at(cfg, k)->line == 0 ||
		    !is_named(profile_at(cfg, k), profiles->v[i])))
			k++;
		if (k == cfg->profiles.n)
			return err_set(e, OUT_HOLD, "%s: there is no profile \"%s\" in it", name,
			    profiles->v[i]);
	}
	return 0;
}

/* --- what is to be changed --- */

static const struct {
	const char	*option;
	size_t		 offset;	/* in struct tlscfg_profile */
	const char	*fallback;	/* NULL: never put where there is none */
} kept[] = {
	{ "certificate", offsetof(struct tlscfg_profile, certificate), "fullchain.pem" },
	{ "private_key", offsetof(struct tlscfg_profile, private_key), "privkey.pem" },
	{ "certificate2", offsetof(struct tlscfg_profile, certificate2), NULL },
	{ "private_key2", offsetof(struct tlscfg_profile, private_key2), NULL },
};

static const struct tlscfg_file *
file_at(const struct tlscfg_profile *p, size_t i)
{
	return (const struct tlscfg_file *)(const void *)((const char *)p + kept[i].offset);
}

/* The path that a file of a profile among them should have; false where it is left alone. */
static bool
value_of(const struct tlscfg_values *values, const struct tlscfg_file *f, const char *fallback,
    char out[TLSCFG_PATH_MAX])
{
	const char *slash = f->line != 0 && f->path != NULL &&
	    values->is_ours(values->arg, f->path) ?
	    strrchr(f->path, '/') : NULL;

	if (slash == NULL && fallback == NULL)
		return false;
	(void)snprintf(out, TLSCFG_PATH_MAX, "%s/%s", values->dir,
	    slash != NULL ? slash + 1 : fallback);
	return true;
}

/* Keeps the order of the text, and that of calls for one place. */
static int
add_edit(struct editing *ed, const struct edit *new, struct err *e)
{
	struct edit *v = list_add(&ed->edits, sizeof *v);
	size_t i = ed->edits.n - 1;

	if (v == NULL)
		return err_nomem(e);
	for (v = ed->edits.v; i > 0 && v[i - 1].at > new->at; i--)
		v[i] = v[i - 1];
	v[i] = *new;
	return 0;
}

static int
add_value(struct editing *ed, const struct tlscfg_profile *p, size_t i, const char *path,
    struct err *e)
{
	const struct tlscfg_file *f = file_at(p, i);
	struct edit new = { .at = (size_t)p->body, .option = kept[i].option,
	    .value = strdup(path) };

	if (f->line != 0 && f->len > 0) {
		new.at = (size_t)f->at;
		new.len = (size_t)f->len;
		new.option = NULL;
	}
	if (new.value != NULL && add_edit(ed, &new, e) == 0)
		return 0;
	free(new.value);
	return err_nomem(e);
}

static int
add_profile(struct editing *ed, const struct tlscfg_profile *p, const struct tlscfg_values *values,
    struct err *e)
{
	char path[TLSCFG_PATH_MAX];

	for (size_t i = 0; i < NITEMS(kept); i++)
		if (value_of(values, file_at(p, i), kept[i].fallback, path) &&
		    add_value(ed, p, i, path, e) == -1)
			return -1;
	return 0;
}

/* --- writing --- */

/* Can it stand without quotes? */
static bool
is_plain(const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "_/.-+:@%,=";

	return strspn(value, plain) == strlen(value);
}

static void
put_value(struct buf *out, const char *value, bool quoted)
{
	if (!quoted && is_plain(value)) {
		buf_str(out, value);
		return;
	}
	buf_u8(out, '"');
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buf_u8(out, '\\');
		buf_u8(out, (uint8_t)*value);
	}
	buf_u8(out, '"');
}

/* The end of the line before, as it is there; a last line may have none. */
static const char *
line_end(struct span text, size_t at)
{
	if (at >= 2 && text.p[at - 1] == '\n' && text.p[at - 2] == '\r')
		return "\r\n";
	return "\n";
}

static void
put_edit(struct editing *ed, const struct edit *it)
{
	const char *end = line_end(ed->text, it->at);

	if (it->option == NULL) {
		put_value(ed->out, it->value, ed->text.p[it->at] == '"');
		return;
	}
	if (it->at > 0 && ed->text.p[it->at - 1] != '\n' &&
	    (ed->out->n == 0 || ed->out->p[ed->out->n - 1] != '\n'))
		buf_str(ed->out, end);
	buf_printf(ed->out, "%s = ", it->option);
	put_value(ed->out, it->value, false);
	buf_str(ed->out, end);
}

static void
put_all(struct editing *ed)
{
	const struct edit *v = ed->edits.v;
	size_t from = 0;

	for (size_t i = 0; i < ed->edits.n; i++) {
		buf_put(ed->out, span_of(ed->text.p + from, v[i].at - from));
		put_edit(ed, &v[i]);
		from = v[i].at + v[i].len;
	}
	buf_put(ed->out, span_of(ed->text.p + from, ed->text.n - from));
}

/* --- and was it meant? --- */

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_as_meant(const struct tlscfg_profile *was, const struct tlscfg_profile *is,
    const struct tlscfg_values *values)
{
	bool ours = was->line != 0 && tlscfg_is_among(was, values->profiles);
	char path[TLSCFG_PATH_MAX];
	const char *want;

	for (size_t i = 0; i < NITEMS(kept); i++) {
		want = ours && value_of(values, file_at(was, i), kept[i].fallback, path) ? path :
		    file_at(was, i)->path;
		if (!is_same(want, file_at(is, i)->path))
			return false;
	}
	return was->kind == is->kind && strcmp(was->where, is->where) == 0 &&
	    is_same(was->server_name, is->server_name) &&
	    is_same(was->ca_list.path, is->ca_list.path) && is_same(was->crl.path, is->crl.path);
}

static int
read_again(const struct tlscfg_in *in, const struct tlscfg *was, const struct tlscfg_values *values,
    struct span text, struct err *e)
{
	struct tlscfg_in changed = *in;
	struct tlscfg is;
	size_t i = 0;
	int rc = -1;

	changed.text = text;
	if (tlscfg_read(&changed, &is, e) == -1)
		return err_in(e, "after the change");
	while (i < was->profiles.n && was->profiles.n == is.profiles.n &&
	    is_as_meant(profile_at(was, i), profile_at(&is, i), values))
		i++;
	if (i == was->profiles.n)
		rc = 0;
	else
		(void)err_set(e, OUT_HOLD, "%s: profile %zu would not read as it should after the "
		    "change", in->name, i + 1);
	pack_clear(&tlscfg_pack, &is);
	return rc;
}

int
tlscfg_edit(const struct tlscfg_in *in, const struct tlscfg_values *values, struct buf *out,
    struct err *e)
{
	struct editing ed = { .text = in->text, .out = out };
	const struct tlscfg_profile *p;
	struct tlscfg cfg;
	int rc = -1;

	if (tlscfg_read(in, &cfg, e) == -1)
		return -1;
	if (check_all_found(&cfg, values->profiles, in->name, e) == -1)
		goto out;
	for (size_t i = 0; i < cfg.profiles.n; i++) {
		p = profile_at(&cfg, i);
		if (p->line == 0 || !tlscfg_is_among(p, values->profiles))
			continue;
		if (add_profile(&ed, p, values, e) == -1)
			goto out;
	}
	put_all(&ed);
	rc = !buf_ok(out) ? err_nomem(e) : read_again(in, &cfg, values, buf_span(out), e);
out:
	for (size_t i = 0; i < ed.edits.n; i++)
		free(((struct edit *)ed.edits.v)[i].value);
	free(ed.edits.v);
	pack_clear(&tlscfg_pack, &cfg);
	return rc;
}
