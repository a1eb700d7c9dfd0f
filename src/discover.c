#include "discover.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/fs.h"
#include "base/text.h"
#include "kamcfg.h"
#include "tlscfg.h"

#define RENEWAL_MAX	65536	/* octets of a file of certbot's */
#define LINEAGES_MAX	1000

#define L(field)	{ PACK_STR, offsetof(struct lineage, field), NULL }
#define S(type, field)	{ type, offsetof(struct sighting, field), NULL }

static const struct pack lineage_pack = PACK(lineage,
	L(name), L(path), L(server), L(authenticator), L(webroot), L(hook),
	{ PACK_BOOL, offsetof(struct lineage, used), NULL });

static const struct pack sighting_pack = PACK(sighting,
	S(PACK_STR, path), S(PACK_STR, real),
	{ PACK_STRUCT, offsetof(struct sighting, leaf), &cert_facts_pack },
	S(PACK_STRS, profiles), S(PACK_STRS, places), S(PACK_I64, lineage));

const struct pack discovery_pack = PACK(discovery,
	{ PACK_LIST, offsetof(struct discovery, lineages), &lineage_pack },
	{ PACK_LIST, offsetof(struct discovery, sightings), &sighting_pack },
	{ PACK_STRS, offsetof(struct discovery, notes), NULL });

static int	note(struct discovery *, struct err *e, const char *fmt, ...) PRINTF(3, 4);

static int
note(struct discovery *d, struct err *e, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX], clean[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	text_clean(clean, sizeof clean, span_str(text));
	return strs_add(&d->notes, clean) == 0 ? 0 : err_nomem(e);
}

/* --- certbot --- */

static struct span
trim(struct span s)
{
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.n - 1);
	return s;
}

/* "key = value"; of a list with commas the first. */
static int
read_setting(struct lineage *l, struct span line, bool in_map, struct err *e)
{
	const struct {
		const char	*key;
		char		**to;
		bool		 list;
	} keys[] = {
		{ "server", &l->server, false },
		{ "authenticator", &l->authenticator, false },
		{ "webroot_path", &l->webroot, true },
		{ "renew_hook", &l->hook, false },
		{ "post_hook", &l->hook, false },
	};
	const uint8_t *equals = memchr(line.p, '=', line.n), *comma;
	struct span key, value;

	if (line.n == 0 || line.p[0] == '#' || equals == NULL)
		return 0;
	key = trim(span_of(line.p, (size_t)(equals - line.p)));
	value = trim(span_of(equals + 1,
	    line.n - key.n - (size_t)(equals - line.p - (ptrdiff_t)key.n) - 1));
	for (size_t i = 0; i < NITEMS(keys); i++) {
		if (!(in_map ? i == 2 && l->webroot == NULL : span_is(key, keys[i].key)) ||
		    *keys[i].to != NULL)
			continue;
		comma = keys[i].list ? memchr(value.p, ',', value.n) : NULL;
		if (comma != NULL)
			value.n = (size_t)(comma - value.p);
		if (value.n > 0 && (*keys[i].to = span_dup(value)) == NULL)
			return err_nomem(e);
	}
	return 0;
}

static int
read_lineage(struct lineage *l, const char *file, struct err *e)
{
	struct span line;
	struct buf text;
	bool in_map = false;
	struct rd r;
	int rc = -1;

	buf_init(&text, RENEWAL_MAX);
	if (fs_read_path(file, RENEWAL_MAX, &text, e) == 0) {
		r = rd_of(buf_span(&text));
		rc = 0;
		while (rc == 0 && rd_line(&r, &line)) {
			line = trim(line);
			if (span_starts(line, "["))
				in_map = span_starts(line, "[[webroot_map]]");
			else
				rc = read_setting(l, line, in_map, e);
		}
	}
	buf_clear(&text);
	return rc;
}

/* renewal/NAME.conf */
static int
add_lineage(struct discovery *d, const char *certbot, const char *entry, struct err *e)
{
	char path[PATH_MAX], real[PATH_MAX];
	size_t n = strlen(entry);
	struct lineage *l;

	if (n < 6 || strcmp(entry + n - 5, ".conf") != 0 || d->lineages.n >= LINEAGES_MAX)
		return 0;
	if ((l = list_add(&d->lineages, sizeof *l)) == NULL ||
	    (l->name = strndup(entry, n - 5)) == NULL)
		return err_nomem(e);
	(void)snprintf(path, sizeof path, "%s/renewal/%s", certbot, entry);
	if (read_lineage(l, path, e) == -1) {
		if (e->class == OUT_RETRY)
			return -1;
		return note(d, e, "%s", e->text);
	}
	(void)snprintf(path, sizeof path, "%s/live/%s/fullchain.pem", certbot, l->name);
	if (realpath(path, real) != NULL && (l->path = strdup(real)) == NULL)
		return err_nomem(e);
	return 0;
}

int
discover_certbot(const char *certbot, struct discovery *d, struct err *e)
{
	struct dirent **entries = NULL;
	char path[PATH_MAX];
	int n, rc = 0;

	(void)snprintf(path, sizeof path, "%s/renewal", certbot);
	if ((n = scandir(path, &entries, NULL, alphasort)) == -1)
		return errno == ENOENT ? 0 : note(d, e, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = add_lineage(d, certbot, entries[i]->d_name, e);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* --- tls.cfg --- */

/* The first certificate of a file, which may have a key in it too. */
static int
read_leaf(const char *path, struct cert_facts *leaf, struct err *e)
{
	struct buf pem;
	BIO *bio = NULL;
	X509 *x = NULL;
	int rc = -1;

	buf_init(&pem, CHAIN_MAX);
	if (fs_read_path(path, CHAIN_MAX, &pem, e) == 0) {
		if ((bio = BIO_new_mem_buf(pem.p != NULL ? pem.p : (const void *)"",
		    (int)pem.n)) == NULL)
			rc = err_nomem(e);
		else if ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) == NULL)
			rc = err_set(e, OUT_HOLD, "%s: no certificate that can be read", path);
		else
			rc = cert_read(x, leaf, e);
	}
	X509_free(x);
	BIO_free(bio);
	buf_clear(&pem);
	ERR_clear_error();
	return rc;
}

static int64_t
find_lineage(struct discovery *d, const char *real)
{
	struct lineage *l = d->lineages.v;

	for (size_t i = 0; i < d->lineages.n; i++)
		if (l[i].path != NULL && strcmp(l[i].path, real) == 0) {
			l[i].used = true;
			return (int64_t)i;
		}
	return -1;
}

static struct sighting *
find_sighting(struct discovery *d, const char *real)
{
	struct sighting *s = d->sightings.v;

	for (size_t i = 0; i < d->sightings.n; i++)
		if (strcmp(s[i].real, real) == 0)
			return &s[i];
	return NULL;
}

/* A name of this network alone is none that a public CA could prove. */
static int
keep_names(struct discovery *d, struct sighting *s, struct err *e)
{
	struct strs all = s->leaf.names;
	char host[HOST_MAX + 1];
	int rc = 0;

	s->leaf.names = (struct strs){ 0 };
	for (size_t i = 0; i < all.n && rc == 0; i++) {
		if (text_is_address(all.v[i]) || text_host(all.v[i], HOST_WILDCARD, host, e) == 0)
			rc = strs_add(&s->leaf.names, all.v[i]) == 0 ? 0 : err_nomem(e);
		else
			rc = note(d, e, "%s: %s", s->path, e->text);
	}
	strs_clear(&all);
	return rc;
}

static int
add_sighting(struct discovery *d, const char *path, const char *real, const struct cert_facts *leaf,
    struct sighting **out, struct err *e)
{
	struct sighting *s;

	if ((*out = s = list_add(&d->sightings, sizeof *s)) == NULL)
		return err_nomem(e);
	s->leaf = *leaf;
	s->lineage = find_lineage(d, real);
	s->path = strdup(path);
	s->real = strdup(real);
	return s->path == NULL || s->real == NULL ? err_nomem(e) : keep_names(d, s, e);
}

/* "server:any sip.example.com" of "[server:any] sip.example.com" */
static int
add_profile(struct sighting *s, const char *tls_cfg, const struct tlscfg_profile *p, struct err *e)
{
	char label[TLSCFG_LABEL], bare[TLSCFG_LABEL], place[PATH_MAX + TLSCFG_LABEL];
	char *end;

	(void)tlscfg_label(p, label);
	(void)snprintf(bare, sizeof bare, "%s", label + 1);
	end = bare + strlen("server:") + strlen(p->where);
	memmove(end, end + 1, strlen(end + 1) + 1);
	(void)snprintf(place, sizeof place, "%s:%jd: %s", tls_cfg, (intmax_t)p->line, label);
	return (!strs_has(&s->profiles, bare) && strs_add(&s->profiles, bare) == -1) ||
	    strs_add(&s->places, place) == -1 ? err_nomem(e) : 0;
}

static int
look_at_profile(struct discovery *d, const char *tls_cfg, const struct tlscfg_profile *p,
    struct err *e)
{
	char real[PATH_MAX], label[TLSCFG_LABEL];
	struct cert_facts leaf = { 0 };
	struct sighting *s;

	if (p->certificate.path == NULL || p->line == 0)
		return 0;
	if (realpath(p->certificate.path, real) == NULL)
		return note(d, e, "%s:%jd: %s: %s: %s", tls_cfg, (intmax_t)p->line,
		    tlscfg_label(p, label), p->certificate.path, strerror(errno));
	if ((s = find_sighting(d, real)) == NULL) {
		if (read_leaf(real, &leaf, e) == -1)
			return note(d, e, "%s:%jd: %s: %s", tls_cfg, (intmax_t)p->line,
			    tlscfg_label(p, label), e->text);
		if (add_sighting(d, p->certificate.path, real, &leaf, &s, e) == -1)
			return -1;
	}
	return add_profile(s, tls_cfg, p, e);
}

int
discover_profiles(const char *tls_cfg, const struct kamcfg *kamailio, struct discovery *d,
    struct err *e)
{
	struct tlscfg_in in = { .name = tls_cfg, .release = -1,
	    .base_dir = kamailio != NULL ? kamailio->dir : NULL,
	    .certificate = kamailio != NULL ? kamailio->certificate : NULL,
	    .private_key = kamailio != NULL ? kamailio->private_key : NULL };
	const struct tlscfg_profile *p;
	struct tlscfg cfg = { 0 };
	struct buf text;
	int rc = 0;

	buf_init(&text, TLSCFG_MAX);
	if (fs_read_path(tls_cfg, TLSCFG_MAX, &text, e) == -1) {
		rc = note(d, e, "%s", e->text);
		goto out;
	}
	in.text = buf_span(&text);
	if (tlscfg_read(&in, &cfg, e) == -1) {
		rc = note(d, e, "%s", e->text);
		goto out;
	}
	p = cfg.profiles.v;
	for (size_t i = 0; i < cfg.profiles.n && rc == 0; i++)
		rc = look_at_profile(d, tls_cfg, &p[i], e);
out:
	err_clear(e);
	pack_clear(&tlscfg_pack, &cfg);
	buf_clear(&text);
	return rc;
}
