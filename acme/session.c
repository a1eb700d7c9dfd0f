/*
 * session: what the tasks of a run share at one CA: the directory, the pool
 * of nonces, the CA's clock and pace, and the one judge of URLs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "private.h"

#define POOL_MAX		256	/* unused nonces */
#define PROFILES_MAX		64
#define DIRECTORY_FAULT_TIME	MINUTE	/* tasks that come later fail alike, unasked */

/* --- URLs --- */

/* "host", "address", "host:port", "[address]:port" of acme_ca.hosts. */
static bool
place_allows(const char *place, const struct url *dir, const struct url *u)
{
	const char *colon = strrchr(place, ':');
	bool is_bare = colon != NULL && text_is_address(place);
	bool has_port = colon != NULL && !is_bare && strchr(colon, ']') == NULL;
	char text[HOST_MAX + 32];
	struct url allowed;
	struct err ignored;
	struct buf b;
	bool ok;

	buf_init(&b, sizeof(text) - 1);
	buf_printf(&b, is_bare ? "https://[%s]/" : "https://%s/", place);
	ok = buf_ok(&b) && text_url(buf_cstr(&b), &allowed, &ignored) == 0 &&
	    strcmp(allowed.host, u->host) == 0 &&
	    (u->port == allowed.port || (!has_port && u->port == dir->port));
	buf_clear(&b);
	return ok;
}

static bool
host_allowed(const struct acme_ca *ca, const struct url *dir, const struct url *u)
{
	if (strcmp(u->host, dir->host) == 0 && u->port == dir->port)
		return true;
	for (size_t i = 0; i < ca->hosts.n; i++)
		if (place_allows(ca->hosts.v[i], dir, u))
			return true;
	return false;
}

int
acme_url_check(const struct acme_ca *ca, const char *where, const char *url, struct err *e)
{
	struct url u, dir;

	if (text_url(url, &u, e) == -1)
		return err_in(e, "%s", where);
	if (strcmp(u.scheme, "https") != 0)
		return err_set(e, OUT_HOLD, "%s: URL \"%.300s\": want https", where, url);
	if (text_url(ca->directory, &dir, e) == -1)
		return err_in(e, "directory");
	if (host_allowed(ca, &dir, &u))
		return 0;
	err_set(e, OUT_HOLD, "%s: URL \"%.300s\": host %s port %u is not the CA's %s port %u",
	    where, url, u.host, u.port, dir.host, dir.port);
	return err_hint(e, "if the CA really uses this host, name it in `hosts` of the ca section");
}

/* --- life --- */

struct acme_session *
acme_session_new(const struct acme_ca *ca, struct err *e)
{
	struct acme_session *s;

	if (ca->directory == NULL) {
		err_set(e, OUT_HOLD, "ca: directory: want an https URL, have none");
		return NULL;
	}
	if (acme_url_check(ca, "directory", ca->directory, e) == -1)
		return NULL;
	if ((s = calloc(1, sizeof(*s))) == NULL) {
		err_nomem(e);
		return NULL;
	}
	s->ca = ca;
	acme_pace_init(&s->validation);
	acme_pace_init(&s->issuance);
	return s;
}

void
acme_session_free(struct acme_session *s)
{
	if (s == NULL)
		return;
	pack_clear(&acme_directory_pack, &s->dir);
	strs_clear(&s->nonces);
	free(s);
}

void
acme_session_hold(struct acme_session *s, int64_t until)
{
	if (until > s->held_until)
		s->held_until = until;
}

void
acme_session_learn(struct acme_session *s, int64_t now, const struct acme_reply *r)
{
	int64_t date;

	if (!acme_date(&r->headers, now, &date))
		return;
	s->has_skew = true;
	s->skew = time_add(date, -now);
}

/* --- nonces --- */

/* FNV-1a: only to see the same nonce come back. */
static uint64_t
digest(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
	return h;
}

static bool
was_seen(struct acme_session *s, const char *nonce)
{
	uint64_t d = digest(nonce);

	for (size_t i = 0; i < s->nseen && i < SEEN_NONCES; i++)
		if (s->seen[i] == d)
			return true;
	s->seen[s->nseen++ % SEEN_NONCES] = d;
	return false;
}

/* FAULTS A04. The nonce is tried all the same: if it is stale, the refusal brings a better one. */
static void
warn_of_cache(struct acme_session *s, const struct acme_reply *r, struct strs *warnings)
{
	struct buf b;
	char line[256];

	if (s->warned_cache)
		return;
	s->warned_cache = true;
	buf_init(&b, 1024);
	buf_printf(&b, "the CA handed out the same nonce twice: is there a caching proxy? "
	    "(Cache-Control: %.100s; RFC 8555 section 7.2 wants no-store)",
	    r->headers.cache != NULL ? r->headers.cache : "missing");
	text_clean(line, sizeof(line), buf_span(&b));
	buf_clear(&b);
	/* A warning that finds no memory is not worth a failure. */
	if (strs_add(warnings, line) == -1)
		s->warned_cache = false;
}

bool
acme_nonce_put(struct acme_session *s, const struct acme_reply *r, struct strs *warnings)
{
	if (!acme_is_base64url(r->headers.nonce, 1, NONCE_MAX))
		return false;
	if (was_seen(s, r->headers.nonce))
		warn_of_cache(s, r, warnings);
	return s->nonces.n < POOL_MAX && strs_add(&s->nonces, r->headers.nonce) == 0;
}

char *
acme_nonce_take(struct acme_session *s)
{
	return s->nonces.n > 0 ? s->nonces.v[--s->nonces.n] : NULL;
}

/* --- directory, RFC 8555 section 7.1.1 --- */

int
acme_need_url(const char *url, const char *name, struct err *e)
{
	if (url != NULL)
		return 0;
	return err_set(e, OUT_HOLD, "directory: RFC 8555 section 7.1.1: %s: want a URL, have "
	    "nothing", name);
}

static int
read_profiles(struct acme_directory *d, const struct json *meta, struct err *e)
{
	const struct json *profiles;
	struct acme_profile *p;
	const char *text;

	if (json_get_object(meta, "directory: meta", "profiles", JSON_OPTIONAL, &profiles, e) == -1)
		return -1;
	if (profiles == NULL)
		return 0;
	for (const char *key = json_next_key(profiles, NULL); key != NULL;
	    key = json_next_key(profiles, key)) {
		if (d->profiles.n == PROFILES_MAX)
			break;
		if (json_get_str(profiles, "directory: meta: profiles", key, JSON_OPTIONAL, &text,
		    e) == -1)
			return -1;
		if ((p = list_add(&d->profiles, sizeof(*p))) == NULL)
			return err_nomem(e);
		if (acme_set_clean(&p->name, key, e) == -1 ||
		    acme_set_clean(&p->text, text, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_caa(struct acme_directory *d, const struct json *meta, struct err *e)
{
	const struct json *list;
	const char *name;

	if (json_get_array(meta, "directory: meta", "caaIdentities", JSON_OPTIONAL, &list, e) == -1)
		return -1;
	for (size_t i = 0; i < json_count(list); i++) {
		if ((name = json_str(json_at(list, i))) == NULL)
			return err_set(e, OUT_HOLD, "directory: meta: caaIdentities: want strings");
		if (strs_add(&d->caa, name) == -1)
			return err_nomem(e);
	}
	return 0;
}

static int
read_meta(struct acme_directory *d, const struct json *root, struct err *e)
{
	static const char where[] = "directory: meta";
	const struct json *meta;
	const char *terms, *website;

	if (json_get_object(root, "directory", "meta", JSON_OPTIONAL, &meta, e) == -1)
		return -1;
	if (meta == NULL)
		return 0;
	if (json_get_str(meta, where, "termsOfService", JSON_OPTIONAL, &terms, e) == -1 ||
	    json_get_str(meta, where, "website", JSON_OPTIONAL, &website, e) == -1 ||
	    json_get_bool(meta, where, "externalAccountRequired", JSON_OPTIONAL,
	    &d->eab_required, e) == -1 ||
	    acme_set_clean(&d->terms, terms, e) == -1 ||
	    acme_set_clean(&d->website, website, e) == -1)
		return -1;
	return read_caa(d, meta, e) == -1 ? -1 : read_profiles(d, meta, e);
}

static int
read_urls(const struct acme_ca *ca, struct acme_directory *d, const struct json *root,
    struct err *e)
{
	const struct {
		const char	 *key;
		enum json_need	  need;
		char		**place;
	} urls[] = {
		{ "newNonce", JSON_REQUIRED, &d->new_nonce },
		{ "newAccount", JSON_REQUIRED, &d->new_account },
		{ "newOrder", JSON_REQUIRED, &d->new_order },
		{ "revokeCert", JSON_OPTIONAL, &d->revoke_cert },
		{ "keyChange", JSON_OPTIONAL, &d->key_change },
		{ "renewalInfo", JSON_OPTIONAL, &d->renewal_info },
	};
	const char *url;

	for (size_t i = 0; i < NITEMS(urls); i++) {
		if (json_get_str(root, "directory", urls[i].key, urls[i].need, &url, e) == -1)
			return -1;
		if (url == NULL)
			continue;
		if (acme_url_check(ca, "directory", url, e) == -1)
			return err_in(e, "%s", urls[i].key);
		if (acme_set(urls[i].place, url, e) == -1)
			return -1;
	}
	return 0;
}

/* The directory object, into the session. */
static int
read_directory(struct acme_session *s, const struct json *root, struct err *e)
{
	struct acme_directory d = { 0 };

	if (read_urls(s->ca, &d, root, e) == -1 || read_meta(&d, root, e) == -1) {
		pack_clear(&acme_directory_pack, &d);
		return -1;
	}
	pack_clear(&acme_directory_pack, &s->dir);
	s->dir = d;
	s->has_dir = true;
	return 0;
}

/* --- the step before all others: one task reads for all --- */

static int
begin_directory(struct acme_task *t, struct err *e)
{
	struct acme_session *s = t->s;

	if (s->has_dir) {
		acme_go(t, t->first);
		return 0;
	}
	if (t->now < s->dir_err_until) {
		*e = s->dir_err;
		return -1;
	}
	if (s->fetching != NULL && s->fetching != t) {
		t->phase = PHASE_BLOCKED;
		return 0;
	}
	s->fetching = t;
	return acme_get(t, s->ca->directory, e);
}

static int
took_directory(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	if (read_directory(t->s, a->json, e) == -1)
		return -1;
	t->s->fetching = NULL;
	t->s->opened = true;
	acme_go(t, t->first);
	return 0;
}

const struct acme_step acme_step_directory = {
	.name = "directory", .what = ACME_SEND,
	.begin = begin_directory, .took = took_directory,
};

void
acme_session_task_ends(struct acme_session *s, const struct acme_task *t, const struct err *e)
{
	if (s->fetching != t)
		return;
	s->fetching = NULL;
	s->opened = true;
	if (e == NULL)
		return;
	s->dir_err = *e;
	s->dir_err_until = time_add(t->now, DIRECTORY_FAULT_TIME);
}

static int
copy_profiles(const struct list *from, struct list *to, struct err *e)
{
	const struct acme_profile *p = from->v;
	struct acme_profile *q;

	for (size_t i = 0; i < from->n; i++) {
		if ((q = list_add(to, sizeof(*q))) == NULL)
			return err_nomem(e);
		if (acme_set(&q->name, p[i].name, e) == -1 ||
		    acme_set(&q->text, p[i].text, e) == -1)
			return -1;
	}
	return 0;
}

int
acme_issuers(struct acme_task *t, struct err *e)
{
	const struct strs *caa = &t->s->dir.caa;

	strs_clear(&t->result.caa);
	for (size_t i = 0; i < caa->n; i++)
		if (strs_add(&t->result.caa, caa->v[i]) == -1)
			return err_nomem(e);
	return 0;
}

static int
show_directory(struct acme_task *t, struct err *e)
{
	const struct acme_directory *d = &t->s->dir;
	struct acme_result *r = &t->result;

	if (acme_set(&r->terms, d->terms, e) == -1 ||
	    acme_set(&r->website, d->website, e) == -1 ||
	    copy_profiles(&d->profiles, &r->profiles, e) == -1 || acme_issuers(t, e) == -1)
		return -1;
	r->eab_required = d->eab_required;
	r->has_renewal = d->renewal_info != NULL;
	acme_finish(t);
	return 0;
}

const struct acme_step acme_step_show_directory = {
	.name = "directory", .what = ACME_DONE, .begin = show_directory,
};
