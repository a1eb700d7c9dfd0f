#include "tlscfg.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hooks/release.h"
#include "tlscfg_lex.h"

#define WHERE_MAX	64

#define F(type, field)	{ type, offsetof(struct tlscfg_profile, field), NULL }
#define FILE_AT(field)	{ PACK_STRUCT, offsetof(struct tlscfg_profile, field), &file_pack }

static const struct pack file_pack = PACK(tlscfg_file,
	{ PACK_STR, offsetof(struct tlscfg_file, path), NULL },
	{ PACK_I64, offsetof(struct tlscfg_file, line), NULL },
	{ PACK_I64, offsetof(struct tlscfg_file, at), NULL },
	{ PACK_I64, offsetof(struct tlscfg_file, len), NULL });

static const struct pack profile_pack = PACK(tlscfg_profile,
	F(PACK_I64, kind), F(PACK_I64, line), F(PACK_I64, body), F(PACK_STR, where),
	F(PACK_STR, server_name), F(PACK_I64, name_mode), FILE_AT(certificate),
	    FILE_AT(private_key),
	FILE_AT(certificate2), FILE_AT(private_key2), FILE_AT(ca_list), FILE_AT(crl),
	F(PACK_BOOL, has_password), F(PACK_BOOL, verify), F(PACK_BOOL, require),
	F(PACK_I64, verify_client));

const struct pack tlscfg_pack = PACK(tlscfg,
	{ PACK_LIST, offsetof(struct tlscfg, profiles), &profile_pack });

struct parser {
	const struct tlscfg_in	*in;
	struct tlscfg_lex	 lex;
	struct tlscfg_token	 t;	/* the one that is looked at */
	struct tlscfg		*out;
};

static struct tlscfg_profile *
profile_at(const struct tlscfg *cfg, size_t i)
{
	return (struct tlscfg_profile *)cfg->profiles.v + i;
}

/* The one whose options are being read; NULL before the first. */
static struct tlscfg_profile *
current(const struct parser *p)
{
	return p->out->profiles.n > 0 ? profile_at(p->out, p->out->profiles.n - 1) : NULL;
}

static bool
is_where(const struct tlscfg_profile *p, const char *where)
{
	return p != NULL && strcmp(p->where, where) == 0;
}

static bool
has_name(const struct tlscfg_profile *p)
{
	return p->server_name != NULL && p->server_name[0] != '\0';
}

/* --- words with a meaning --- */

struct word {
	const char	*name;
	int64_t		 value;
	int64_t		 since;		/* the first release that knows it */
};

/* NULL: no such word, for this release. */
static const struct word *
word_of(const struct parser *p, const struct word *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i].name) == p->t.n &&
		    strncasecmp(words[i].name, p->t.text, p->t.n) == 0)
			return &words[i];
	return NULL;
}

static bool
is_known(const struct parser *p, int64_t since)
{
	return p->in->release == -1 || p->in->release >= since;
}

#define WORD(p, words)	word_of(p, words, NITEMS(words))

static int
next(struct parser *p, bool value, struct err *e)
{
	return tlscfg_next(&p->lex, value, &p->t, e);
}

static int
want_mark(struct parser *p, char mark, struct err *e)
{
	if (next(p, false, e) == -1)
		return -1;
	if (p->t.type == TLSCFG_MARK && p->t.mark == mark)
		return 0;
	return tlscfg_bad(&p->lex, &p->t, e, "want '%c'", mark);
}

static int
want_eol(struct parser *p, struct err *e)
{
	if (next(p, false, e) == -1)
		return -1;
	if (p->t.type == TLSCFG_EOL || p->t.type == TLSCFG_END)
		return 0;
	(void)tlscfg_bad(&p->lex, &p->t, e, "want the end of the line");
	return err_hint(e, "a value with blanks needs double quotes");
}

/* Of the token that was read. */
static int
to_number(struct parser *p, const char *what, int64_t max, int64_t *out, struct err *e)
{
	if ((p->t.type == TLSCFG_WORD || p->t.type == TLSCFG_STRING) &&
	    text_number(span_of(p->t.text, p->t.n), out) == 0 && *out <= max)
		return 0;
	return tlscfg_bad(&p->lex, &p->t, e, "%s: want a number, have '%s'", what, p->t.text);
}

static int
want_number(struct parser *p, const char *what, int64_t max, int64_t *out, struct err *e)
{
	return next(p, false, e) == -1 ? -1 : to_number(p, what, max, out, e);
}

/* --- sections --- */

/* The rest of an address that begins with this token. */
static int
read_ipv4(struct parser *p, char where[WHERE_MAX], struct err *e)
{
	int64_t part[4] = { 0 };
	struct tlscfg_token first = p->t;

	if (text_number(span_of(p->t.text, p->t.n), &part[0]) == -1 || part[0] > 255)
		return tlscfg_bad(&p->lex, &first, e, "want default, any or an IP address, have "
		    "'%s'", first.text);
	for (size_t i = 1; i < NITEMS(part); i++)
		if (want_mark(p, '.', e) == -1 ||
		    want_number(p, "IPv4 address", 255, &part[i], e) == -1)
			return -1;
	(void)snprintf(where, WHERE_MAX, "%d.%d.%d.%d", (int)part[0], (int)part[1], (int)part[2],
	    (int)part[3]);
	return 0;
}

static int
read_ipv6(struct parser *p, char where[WHERE_MAX], struct err *e)
{
	char text[INET6_ADDRSTRLEN] = "", canonical[INET6_ADDRSTRLEN];
	struct tlscfg_token first = p->t;
	uint8_t ip[16];
	size_t n = 0;

	for (;;) {
		if (next(p, false, e) == -1)
			return -1;
		if (p->t.type == TLSCFG_MARK && p->t.mark == ']')
			break;
		if (p->t.type == TLSCFG_MARK && p->t.mark == ':')
			(void)snprintf(p->t.text, sizeof p->t.text, ":");
		else if (p->t.type != TLSCFG_WORD)
			return tlscfg_bad(&p->lex, &first, e, "want an IPv6 address");
		n += (size_t)snprintf(text + n, sizeof text - n, "%s", p->t.text);
		if (n >= sizeof text)
			return tlscfg_bad(&p->lex, &first, e, "want an IPv6 address");
	}
	if (inet_pton(AF_INET6, text, ip) != 1 ||
	    inet_ntop(AF_INET6, ip, canonical, sizeof canonical) == NULL)
		return tlscfg_bad(&p->lex, &first, e, "want an IPv6 address, have '%s'", text);
	(void)snprintf(where, WHERE_MAX, "[%s]", canonical);
	return 0;
}

static int
read_where(struct parser *p, char where[WHERE_MAX], struct err *e)
{
	static const struct word places[] = {
		{ "default", 0, 0 }, { "def", 0, 0 }, { "any", 1, 0 }, { "all", 1, 0 },
	};
	const struct word *place;
	int64_t port;
	int rc;

	if (next(p, false, e) == -1)
		return -1;
	if (p->t.type == TLSCFG_WORD && (place = WORD(p, places)) != NULL) {
		(void)snprintf(where, WHERE_MAX, "%s", place->value == 0 ? "default" : "any");
		return 0;
	}
	if (p->t.type == TLSCFG_MARK && p->t.mark == '[')
		rc = read_ipv6(p, where, e);
	else if (p->t.type == TLSCFG_WORD)
		rc = read_ipv4(p, where, e);
	else
		rc = tlscfg_bad(&p->lex, &p->t, e, "want default, any or an IP address");
	if (rc == -1 || want_mark(p, ':', e) == -1 ||
	    want_number(p, "port", UINT32_MAX, &port, e) == -1)
		return -1;
	/* Kamailio cuts larger ones off, and so must we. */
	(void)snprintf(where + strlen(where), WHERE_MAX - strlen(where), ":%u",
	    (unsigned)(port & 0xffff));
	return 0;
}

/*
 * What Kamailio asks of a profile when the next one begins; the last one of a
 * file is looked at less closely.
 */
static int
is_single(const struct parser *p, bool last, struct err *e)
{
	const struct tlscfg_profile *it = current(p), *other;

	if (it == NULL || has_name(it))
		return 0;
	if (is_where(it, "any")) {
		(void)err_set(e, OUT_HOLD, "%s:%jd: a profile for any address without server_name",
		    p->in->name, (intmax_t)it->line);
		return err_hint(e, "Kamailio remembers this mistake: once it has seen it, no "
		    "reload works before a restart");
	}
	if (last || is_where(it, "default"))
		return 0;
	for (size_t i = 0; i < p->out->profiles.n - 1; i++) {
		other = profile_at(p->out, i);
		if (other->kind == it->kind && is_where(other, it->where))
			return err_set(e, OUT_HOLD, "%s:%jd: a second profile for %s (the first: "
			    "line %jd), without server_name", p->in->name, (intmax_t)it->line,
			    it->where, (intmax_t)other->line);
	}
	return 0;
}

/* A default takes the place of an earlier one. */
static void
drop_default(struct tlscfg *cfg, enum tlscfg_kind kind)
{
	struct tlscfg_profile *it;

	for (size_t i = 0; i < cfg->profiles.n; i++) {
		it = profile_at(cfg, i);
		if (it->kind != (int64_t)kind || !is_where(it, "default"))
			continue;
		pack_clear(&profile_pack, it);
		memmove(it, it + 1, (cfg->profiles.n - i - 1) * sizeof *it);
		cfg->profiles.n--;
		memset(profile_at(cfg, cfg->profiles.n), 0, sizeof *it);
		return;
	}
}

static int
add_profile(struct parser *p, enum tlscfg_kind kind, const char *where, int64_t line,
    struct err *e)
{
	struct tlscfg_profile *it;

	if (p->out->profiles.n >= TLSCFG_PROFILES_MAX)
		return err_set(e, OUT_HOLD, "%s: more than %d profiles", p->in->name,
		    TLSCFG_PROFILES_MAX);
	if (strcmp(where, "default") == 0)
		drop_default(p->out, kind);
	if ((it = list_add(&p->out->profiles, sizeof *it)) == NULL ||
	    (it->where = strdup(where)) == NULL)
		return err_nomem(e);
	it->kind = kind;
	it->line = line;
	return 0;
}

static int
read_section(struct parser *p, struct err *e)
{
	static const struct word kinds[] = {
		{ "server", TLSCFG_SERVER, 0 }, { "srv", TLSCFG_SERVER, 0 },
		{ "s", TLSCFG_SERVER, 0 }, { "client", TLSCFG_CLIENT, 0 },
		{ "cli", TLSCFG_CLIENT, 0 }, { "c", TLSCFG_CLIENT, 0 },
	};
	const int64_t line = p->t.line;
	const struct word *kind;
	char where[WHERE_MAX];

	if (is_single(p, false, e) == -1 || next(p, false, e) == -1)
		return -1;
	if (p->t.type != TLSCFG_WORD || (kind = WORD(p, kinds)) == NULL)
		return tlscfg_bad(&p->lex, &p->t, e, "want server or client, have '%s'", p->t.text);
	if (want_mark(p, ':', e) == -1 || read_where(p, where, e) == -1 ||
	    want_mark(p, ']', e) == -1 || want_eol(p, e) == -1)
		return -1;
	if (add_profile(p, (enum tlscfg_kind)kind->value, where, line, e) == -1)
		return -1;
	current(p)->body = (int64_t)(p->t.at + p->t.len);
	return 0;
}

/* --- options --- */

enum value { V_FILE, V_NAME, V_TEXT, V_SECRET, V_BOOL, V_NUMBER, V_METHOD, V_VERIFY };

#define OFF(field)	offsetof(struct tlscfg_profile, field)
#define IGNORED		0	/* looked at, not kept */
#define V5_7		RELEASE(5, 7, 0)
#define V6_0		RELEASE(6, 0, 0)
#define V6_2		RELEASE(6, 2, 0)

static const struct option {
	const char	*name;
	enum value	 value;
	size_t		 offset;
	int64_t		 since;
} options[] = {
	{ "certificate", V_FILE, OFF(certificate), 0 },
	{ "cert_file", V_FILE, OFF(certificate), 0 },
	{ "private_key", V_FILE, OFF(private_key), 0 },
	{ "pkey_file", V_FILE, OFF(private_key), 0 },
	{ "ca_list", V_FILE, OFF(ca_list), 0 },
	{ "calist_file", V_FILE, OFF(ca_list), 0 },
	{ "ca_path", V_TEXT, IGNORED, 0 },
	{ "crl", V_FILE, OFF(crl), 0 },
	{ "cipher_list", V_TEXT, IGNORED, 0 },
	{ "method", V_METHOD, IGNORED, 0 },
	{ "tls_method", V_METHOD, IGNORED, 0 },
	{ "verify_certificate", V_BOOL, OFF(verify), 0 },
	{ "verify_cert", V_BOOL, OFF(verify), 0 },
	{ "require_certificate", V_BOOL, OFF(require), 0 },
	{ "require_cert", V_BOOL, OFF(require), 0 },
	{ "verify_depth", V_NUMBER, IGNORED, 0 },
	{ "verify_client", V_VERIFY, OFF(verify_client), 0 },
	{ "server_name", V_NAME, OFF(server_name), 0 },
	{ "server_name_mode", V_NUMBER, OFF(name_mode), 0 },
	{ "server_id", V_TEXT, IGNORED, 0 },
	{ "private_key_password", V_SECRET, OFF(has_password), V6_0 },
	{ "pkey_password", V_SECRET, OFF(has_password), V6_0 },
	{ "certificate2", V_FILE, OFF(certificate2), V6_2 },
	{ "cert_file2", V_FILE, OFF(certificate2), V6_2 },
	{ "private_key2", V_FILE, OFF(private_key2), V6_2 },
	{ "pkey_file2", V_FILE, OFF(private_key2), V6_2 },
	{ "private_key_password2", V_SECRET, OFF(has_password), V6_2 },
	{ "pkey_password2", V_SECRET, OFF(has_password), V6_2 },
};

static const struct word bools[] = {
	{ "yes", 1, 0 }, { "true", 1, 0 }, { "enable", 1, 0 }, { "enabled", 1, 0 }, { "1", 1, 0 },
	{ "on", 1, 0 }, { "no", 0, 0 }, { "false", 0, 0 }, { "disable", 0, 0 },
	{ "disabled", 0, 0 }, { "0", 0, 0 }, { "off", 0, 0 },
};

/* SSLv2 and SSLv3 are parsed by Kamailio, but no OpenSSL that it is built with has them. */
static const struct word methods[] = {
	{ "SSLv23", 0, 0 }, { "TLSv1", 0, 0 }, { "TLSv1.0", 0, 0 }, { "TLSv1+", 0, 0 },
	{ "TLSv1.0+", 0, 0 }, { "TLSv1.1", 0, 0 }, { "TLSv1.1+", 0, 0 }, { "TLSv1.2", 0, 0 },
	{ "TLSv1.2+", 0, 0 }, { "TLSv1.3", 0, V5_7 }, { "TLSv1.3+", 0, V5_7 },
};

static const struct word verify_words[] = {
	{ "off", 0, 0 }, { "on", 1, 0 }, { "optional", 2, 0 }, { "optional_no_ca", 3, 0 },
};

/* Absolute, or from the folder where it begins, if that is known; as it is if not. */
static char *
resolve(const struct tlscfg_in *in, const char *path)
{
	const char *dir = path[0] == '.' ? in->work_dir : in->base_dir;
	char *out;

	if (path[0] == '/' || path[0] == '\0' || dir == NULL)
		return strdup(path);
	return asprintf(&out, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, path) == -1 ? NULL : out;
}

static int
set_file(struct parser *p, struct tlscfg_file *f, struct err *e)
{
	free(f->path);
	f->line = p->t.line;
	f->at = (int64_t)p->t.at;
	f->len = (int64_t)p->t.len;
	return (f->path = resolve(p->in, p->t.text)) == NULL ? err_nomem(e) : 0;
}

static int
set_text(struct parser *p, char **to, struct err *e)
{
	free(*to);
	return (*to = strdup(p->t.text)) == NULL ? err_nomem(e) : 0;
}

static int
pick(struct parser *p, const struct word *words, size_t n, int64_t *out, struct err *e)
{
	const struct word *w = word_of(p, words, n);

	if (w == NULL)
		return tlscfg_bad(&p->lex, &p->t, e, "unknown value '%s'", p->t.text);
	if (!is_known(p, w->since))
		return tlscfg_bad(&p->lex, &p->t, e,
		    "value '%s': this release of Kamailio does not "
		    "know it, %d.%d is the first that does", p->t.text,
		    (int)(w->since / RELEASE(1, 0, 0)), (int)(w->since / RELEASE(0, 1, 0) % 1000));
	*out = w->value;
	return 0;
}

/* The token is a word or a string. */
static int
set_value(struct parser *p, const struct option *o, struct err *e)
{
	char *at = (char *)current(p) + o->offset;
	int64_t got;

	switch (o->value) {
	case V_FILE:
		return set_file(p, (struct tlscfg_file *)(void *)at, e);
	case V_NAME:
		return set_text(p, (char **)(void *)at, e);
	case V_SECRET:
		*(bool *)at = p->t.n > 0;
		return 0;
	case V_METHOD:
		return pick(p, methods, NITEMS(methods), &got, e);
	case V_VERIFY:
		return pick(p, verify_words, NITEMS(verify_words), (int64_t *)(void *)at, e);
	case V_BOOL:
		if (pick(p, bools, NITEMS(bools), &got, e) == -1)
			return -1;
		*(bool *)at = got != 0;
		return 0;
	case V_NUMBER:
		if (to_number(p, o->name, INT32_MAX, &got, e) == -1)
			return -1;
		if (o->offset != IGNORED)
			*(int64_t *)(void *)at = got;
		return 0;
	case V_TEXT:
	default:
		return 0;
	}
}

static const struct option *
find_option(const struct parser *p)
{
	for (size_t i = 0; i < NITEMS(options); i++)
		if (strcasecmp(options[i].name, p->t.text) == 0)
			return &options[i];
	return NULL;
}

/* Where the file ends behind "=", Kamailio goes on without a value. */
static int
read_value(struct parser *p, const struct option *o, struct err *e)
{
	if (next(p, o->value != V_NUMBER, e) == -1)
		return -1;
	if (p->t.type == TLSCFG_END)
		return 0;
	if (p->t.type != TLSCFG_WORD && p->t.type != TLSCFG_STRING)
		return tlscfg_bad(&p->lex, &p->t, e, "%s: the value is missing", o->name);
	return set_value(p, o, e);
}

static int
read_option(struct parser *p, struct err *e)
{
	const struct option *o = find_option(p);

	if (current(p) == NULL)
		return tlscfg_bad(&p->lex, &p->t, e, "option '%s' before the first section",
		    p->t.text);
	if (o == NULL)
		return tlscfg_bad(&p->lex, &p->t, e, "unknown option '%s'", p->t.text);
	if (!is_known(p, o->since))
		return tlscfg_bad(&p->lex, &p->t, e, "option '%s': this release of Kamailio does "
		    "not know it, %d.%d is the first that does", p->t.text,
		    (int)(o->since / RELEASE(1, 0, 0)), (int)(o->since / RELEASE(0, 1, 0) % 1000));
	if (want_mark(p, '=', e) == -1 || read_value(p, o, e) == -1)
		return -1;
	return want_eol(p, e);
}

static int
read_all(struct parser *p, struct err *e)
{
	int rc = 0;

	do {
		if (next(p, false, e) == -1)
			return -1;
		if (p->t.type == TLSCFG_WORD)
			rc = read_option(p, e);
		else if (p->t.type == TLSCFG_MARK && p->t.mark == '[')
			rc = read_section(p, e);
		else if (p->t.type != TLSCFG_EOL && p->t.type != TLSCFG_END)
			return tlscfg_bad(&p->lex, &p->t, e, "want an option or a section");
	} while (rc == 0 && p->t.type != TLSCFG_END);
	return rc == 0 ? is_single(p, true, e) : -1;
}

/* --- what is not written --- */

/* Only server profiles have files that they were not given. */
static int
fill_files(struct parser *p, struct tlscfg_profile *it, struct err *e)
{
	const struct tlscfg_in *in = p->in;

	if (it->kind != TLSCFG_SERVER)
		return 0;
	if (it->certificate.path == NULL && (it->certificate.path = resolve(in,
	    in->certificate != NULL ? in->certificate : "cert.pem")) == NULL)
		return err_nomem(e);
	if (it->private_key.path == NULL && (it->private_key.path = resolve(in,
	    in->private_key != NULL ? in->private_key : "cert.pem")) == NULL)
		return err_nomem(e);
	return 0;
}

/* "" means none, but for a crl, which Kamailio then tries to read. */
static void
drop_empty(struct tlscfg_file *f)
{
	if (f->path != NULL && f->path[0] == '\0') {
		free(f->path);
		f->path = NULL;
	}
}

static int
complete(struct parser *p, struct err *e)
{
	bool has[2] = { false, false };
	struct tlscfg_profile *it;
	size_t i;

	for (i = 0; i < p->out->profiles.n; i++)
		if (is_where(it = profile_at(p->out, i), "default"))
			has[it->kind] = true;
	if ((!has[TLSCFG_SERVER] && add_profile(p, TLSCFG_SERVER, "default", 0, e) == -1) ||
	    (!has[TLSCFG_CLIENT] && add_profile(p, TLSCFG_CLIENT, "default", 0, e) == -1))
		return -1;
	for (i = 0; i < p->out->profiles.n; i++) {
		it = profile_at(p->out, i);
		if (fill_files(p, it, e) == -1)
			return -1;
		drop_empty(&it->certificate);
		drop_empty(&it->private_key);
		drop_empty(&it->certificate2);
		drop_empty(&it->private_key2);
		drop_empty(&it->ca_list);
	}
	return 0;
}

int
tlscfg_read(const struct tlscfg_in *in, struct tlscfg *out, struct err *e)
{
	struct parser p = { .in = in, .lex = tlscfg_lex_of(in->text, in->name), .out = out };

	*out = (struct tlscfg){ 0 };
	if (in->text.n > TLSCFG_MAX)
		return err_set(e, OUT_HOLD, "%s: more than %d octets", in->name, TLSCFG_MAX);
	if (read_all(&p, e) == 0 && complete(&p, e) == 0)
		return 0;
	pack_clear(&tlscfg_pack, out);
	return -1;
}
