/*
 * install_look: what is in a certificate's folder, and what an earlier run
 * left to do. Writes nothing, but for a leftover order that is dropped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "chain.h"
#include "install.h"
#include "key.h"

#define VERSIONS	"versions"
#define BAD_SUFFIX	".bad"
#define LINK_HEAD	VERSIONS "/"
#define ORDER_LOOK	8		/* newest versions among which an order's may be */
#define PATH_LEN	320		/* of a path beneath the certificate's folder */

/* --- versions --- */

/* A counter as we write it: no sign, no leading zero. */
static bool
read_number(struct span text, int64_t *out)
{
	return text.n > 0 && text.n < 19 && text.p[0] != '0' && text_number(text, out) == 0;
}

struct found {
	struct list	*versions;
	struct list	 bad;		/* int64_t */
};

static int
note_entry(void *arg, const char *name, struct err *e)
{
	struct found *f = arg;
	struct install_version *v;
	struct span text = span_str(name);
	int64_t n, *bad;

	if (read_number(text, &n)) {
		if ((v = list_add(f->versions, sizeof(*v))) == NULL)
			return err_nomem(e);
		v->version = n;
		return 0;
	}
	if (text.n <= strlen(BAD_SUFFIX) ||
	    strcmp(name + text.n - strlen(BAD_SUFFIX), BAD_SUFFIX) != 0 ||
	    !read_number(span_of(text.p, text.n - strlen(BAD_SUFFIX)), &n))
		return 0;
	if ((bad = list_add(&f->bad, sizeof(*bad))) == NULL)
		return err_nomem(e);
	*bad = n;
	return 0;
}

static int
newer_first(const void *a, const void *b)
{
	const struct install_version *x = a, *y = b;

	return (x->version < y->version) - (x->version > y->version);
}

static void
mark(struct list *versions, const struct list *bad)
{
	const int64_t *numbers = bad->v;
	struct install_version *v, key = { 0 };

	for (size_t i = 0; i < bad->n; i++) {
		key.version = numbers[i];
		v = versions->n > 0 ? bsearch(&key, versions->v, versions->n, sizeof(*v),
		    newer_first) : NULL;
		if (v != NULL)
			v->bad = true;
	}
}

int
install_list(struct store_cert *c, struct list *out, struct err *e)
{
	struct found f = { .versions = out };
	int fd = -1, rc;

	*out = (struct list){ NULL, 0 };
	if (fs_open_dir(store_cert_fd(c), VERSIONS, &fd, e) == -1)
		return e->sys == ENOENT ? 0 : -1;
	if ((rc = fs_each(fd, note_entry, &f, e)) == 0 && out->n > 0) {
		qsort(out->v, out->n, sizeof(struct install_version), newer_first);
		mark(out, &f.bad);
	}
	if (rc == -1) {
		free(out->v);
		*out = (struct list){ NULL, 0 };
	}
	free(f.bad.v);
	fs_close(&fd);
	return rc;
}

/* dir is what follows "versions/": a number, or a name that somebody else gave. */
static int
read_file(struct store_cert *c, const char *dir, const char *name, struct buf *out, struct err *e)
{
	char path[PATH_LEN];

	if (snprintf(path, sizeof(path), VERSIONS "/%s/%s", dir, name) >= (int)sizeof(path))
		return err_set(e, OUT_HOLD, "%s: the name is too long", dir);
	return fs_read(store_cert_fd(c), path, STORE_FILE_MAX * 2, out, e);
}

int
install_read(struct store_cert *c, int64_t version, const char *name, struct buf *out,
    struct err *e)
{
	char dir[24];

	(void)snprintf(dir, sizeof(dir), "%jd", (intmax_t)version);
	return read_file(c, dir, name, out, e);
}

/* A key may be the operator's alone; all else has to be there. */
static int
check_part(struct store_cert *c, int64_t version, const struct manifest *m, size_t part,
    struct err *e)
{
	const char *suffix = part_suffix(part, manifest_leaf(m, part)->key_type);
	char name[PART_NAME_MAX];
	struct buf content;
	int rc = 0;

	buf_init(&content, STORE_FILE_MAX * 2);
	for (enum part_file k = 0; k < PART_FILES && rc == 0; k++) {
		part_name(k, suffix, name);
		if ((k == PART_KEY || k == PART_COMBINED) && !manifest_names(m, name))
			continue;
		buf_reset(&content);
		if ((rc = install_read(c, version, name, &content, e)) == 0)
			rc = manifest_holds(m, name, buf_span(&content), e);
	}
	buf_clear(&content);
	return rc;
}

static int
check_files(struct store_cert *c, int64_t version, const struct manifest *m, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < m->leaves.n && rc == 0; i++)
		rc = check_part(c, version, m, i, e);
	return rc;
}

int
install_check(struct store_cert *c, int64_t version, struct manifest *m, struct err *e)
{
	struct buf text;
	int rc = -1;

	*m = (struct manifest){ 0 };
	buf_init(&text, MANIFEST_MAX);
	if (install_read(c, version, MANIFEST_NAME, &text, e) == -1 ||
	    manifest_read(buf_span(&text), m, e) == -1)
		goto out;
	if (m->version != version)
		(void)err_set(e, OUT_HOLD, MANIFEST_NAME
		    ": want that of version %jd, have that of %jd",
		    (intmax_t)version, (intmax_t)m->version);
	else
		rc = check_files(c, version, m, e);
out:
	buf_clear(&text);
	if (rc == -1) {
		pack_clear(&manifest_pack, m);
		(void)err_in(e, "version %jd", (intmax_t)version);
	}
	return rc;
}

/* Is it whole? A fault in passing is -1, a version that is not whole is not. */
static int
is_whole(struct store_cert *c, int64_t version, struct manifest *m, bool *whole, struct err *e)
{
	*m = (struct manifest){ 0 };
	*whole = version > 0 && install_check(c, version, m, e) == 0;
	return *whole || version <= 0 || e->class == OUT_HOLD ? 0 : -1;
}

/* --- the link --- */

/* What follows "versions/", or "" without a link. Any other link is not ours to judge: HOLD. */
static int
read_current(struct store_cert *c, char *dir, size_t size, struct err *e)
{
	struct buf target;
	const char *text;
	int rc = 0;

	dir[0] = '\0';
	buf_init(&target, PATH_LEN);
	if (fs_read_link(store_cert_fd(c), "current", &target, e) == -1) {
		rc = e->sys == ENOENT ? 0 : -1;
		goto out;
	}
	text = buf_cstr(&target);
	if (!span_starts(buf_span(&target), LINK_HEAD) || text[strlen(LINK_HEAD)] == '\0' ||
	    text[strlen(LINK_HEAD)] == '.' || strchr(text + strlen(LINK_HEAD), '/') != NULL ||
	    strlen(text + strlen(LINK_HEAD)) >= size)
		rc = err_set(e, OUT_HOLD, "current: want a link to " LINK_HEAD "N, have one to %s",
		    text);
	else
		(void)snprintf(dir, size, "%s", text + strlen(LINK_HEAD));
out:
	buf_clear(&target);
	return rc;
}

int
install_current(struct store_cert *c, int64_t *version, struct err *e)
{
	char dir[PATH_LEN / 2];

	*version = 0;
	if (read_current(c, dir, sizeof(dir), e) == -1)
		return -1;
	if (!read_number(span_str(dir), version))
		*version = 0;
	return 0;
}

/* --- what is active --- */

static int
set_problem(struct install_state *s, const char *text, struct err *e)
{
	if (s->problem != NULL)
		return 0;
	return (s->problem = strdup(text)) != NULL ? 0 : err_nomem(e);
}

/* Does the key belong to the first certificate? */
static bool
fits(struct span key_pem, struct span chain_pem, struct certs *certs, struct err *e)
{
	const struct cert_facts *leaf;
	uint8_t digest[SHA256_LEN];
	struct key *key = NULL;
	bool fit = false;

	if (chain_read(chain_pem, certs, e) == -1 || (key = key_from_pem(key_pem, e)) == NULL ||
	    key_public_digest(key, digest, e) == -1)
		goto out;
	leaf = certs->all.v;
	fit = span_eq(blob_span(&leaf->spki_sha256), span_of(digest, sizeof(digest)));
	if (!fit)
		(void)err_set(e, OUT_HOLD, "privkey.pem: not the key of fullchain.pem");
out:
	key_free(key);
	return fit;
}

/* Not as we left it. Can a server work with it all the same? */
static int
judge_foreign(struct store_cert *c, const char *dir, struct install_state *s, struct err *e)
{
	struct certs certs = { { NULL, 0 } };
	struct buf key, chain;
	int rc = -1;

	buf_init(&key, KEY_PEM_MAX);
	buf_init(&chain, CHAIN_MAX);
	s->health = INSTALL_BROKEN;
	if (read_file(c, dir, "privkey.pem", &key, e) == 0 &&
	    read_file(c, dir, "fullchain.pem", &chain, e) == 0 &&
	    fits(buf_span(&key), buf_span(&chain), &certs, e)) {
		s->health = INSTALL_CHANGED;
		s->active.version = s->version;
		rc = manifest_add_leaf(&s->active, certs.all.v, NULL, e);
	} else if (e->class != OUT_RETRY) {
		rc = 0;
	}
	pack_clear(&certs_pack, &certs);
	buf_clear(&key);
	buf_clear(&chain);
	return rc;
}

/* No link. That is how it begins; later it means that something is lost. */
static int
judge_absent(struct install_state *s, struct err *e)
{
	const struct journal *j = &s->journal;

	s->health = INSTALL_EMPTY;
	if (j->state == JOURNAL_NONE || (j->from == 0 && j->state == JOURNAL_SWITCHING))
		return 0;
	s->health = INSTALL_BROKEN;
	return set_problem(s, "current is missing", e);
}

static int
judge_active(struct store_cert *c, struct install_state *s, struct err *e)
{
	char dir[PATH_LEN / 2];
	bool whole;

	if (read_current(c, dir, sizeof(dir), e) == -1)
		return -1;
	if (dir[0] == '\0')
		return judge_absent(s, e);
	if (!read_number(span_str(dir), &s->version)) {
		s->version = 0;
		(void)err_set(e, OUT_HOLD, "current leads to " LINK_HEAD
		    "%s, which kamcert did not make", dir);
		whole = false;
	} else if (is_whole(c, s->version, &s->active, &whole, e) == -1) {
		return -1;
	}
	if (whole) {
		s->health = INSTALL_GOOD;
		return 0;
	}
	return set_problem(s, e->text, e) == -1 ? -1 : judge_foreign(c, dir, s, e);
}

/* --- what is pending --- */

/* Takes `to` (or `from`, on the way back) if it is whole. */
static int
offer(struct store_cert *c, struct install_state *s, enum install_pending what, int64_t from,
    int64_t to, struct err *e)
{
	bool whole;

	pack_clear(&manifest_pack, &s->next);
	if (is_whole(c, what == PENDING_BACK ? from : to, &s->next, &whole, e) == -1)
		return -1;
	if (whole) {
		s->pending = what;
		s->from = from;
		s->to = to;
	}
	return 0;
}

static bool
is_bad(const struct list *versions, int64_t n)
{
	const struct install_version *v = versions->v;

	for (size_t i = 0; i < versions->n; i++)
		if (v[i].version == n)
			return v[i].bad;
	return false;
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The newest version that no entry knows: a run was killed behind install_stage(). */
static int
offer_staged(struct store_cert *c, const struct list *versions, struct install_state *s,
    struct err *e)
{
	int64_t known = max64(max64(s->journal.from, s->journal.to), s->version);
	const struct install_version *v = versions->v;

	for (size_t i = 0; i < versions->n && v[i].version > known; i++) {
		if (v[i].bad)
			continue;
		if (offer(c, s, PENDING_DEPLOY, s->version, v[i].version, e) == -1)
			return -1;
		if (s->pending != PENDING_NONE)
			return 0;
	}
	return 0;
}

/*
 * The way back to `from`; when that is not whole, what did not prove itself is
 * all there is.
 */
static int
offer_back(struct store_cert *c, struct install_state *s, struct err *e)
{
	const struct journal *j = &s->journal;

	if (offer(c, s, PENDING_BACK, j->from, j->to, e) == -1)
		return -1;
	if (s->pending != PENDING_NONE)
		return 0;
	if (set_problem(s, e->text, e) == -1)
		return -1;
	return offer(c, s, PENDING_AGAIN, j->from, j->to, e);
}

/* What the entry says is left to do, once current leads where it can. */
static int
offer_journal(struct store_cert *c, const struct list *versions, int64_t now,
    struct install_state *s, struct err *e)
{
	const struct journal *j = &s->journal;

	switch (j->state) {
	case JOURNAL_SWITCHING:
	case JOURNAL_ASKED:
		if (!is_bad(versions, j->to))
			return offer(c, s, PENDING_DEPLOY, j->from, j->to, e);
		return j->from == 0 ? 0 : offer_back(c, s, e);
	case JOURNAL_BACK_SWITCHING:
	case JOURNAL_BACK_ASKED:
		return offer_back(c, s, e);
	case JOURNAL_BACK_DONE:
		/* An operator's way back to an older one is not repeated by itself. */
		if (j->to < j->from || offer(c, s, PENDING_AGAIN, j->from, j->to, e) == -1)
			return j->to < j->from ? 0 : -1;
		if (s->next.not_after <= now)
			s->pending = PENDING_NONE;
		return 0;
	case JOURNAL_NONE:
	case JOURNAL_DONE:
		break;
	}
	return 0;
}

/* Does current lead where it may by the entry? Else somebody moved it, or a backup did. */
static int
check_moved(struct install_state *s, bool *moved, struct err *e)
{
	const struct journal *j = &s->journal;
	char text[160];

	*moved = false;
	if (j->state == JOURNAL_NONE || s->version == 0)
		return 0;
	if (s->version == j->to && j->state != JOURNAL_BACK_DONE)
		return 0;
	if (s->version == j->from && j->state != JOURNAL_DONE)
		return 0;
	*moved = true;
	(void)snprintf(text, sizeof(text), "current leads to version %jd, the journal has %s "
	    "from %jd to %jd", (intmax_t)s->version, journal_word(j->state), (intmax_t)j->from,
	    (intmax_t)j->to);
	return set_problem(s, text, e);
}

/* FAULTS F11: what is active is broken, and the newest one that is not takes its place. */
static int
offer_rescue(struct store_cert *c, const struct list *versions, int64_t now,
    struct install_state *s, struct err *e)
{
	const struct install_version *v = versions->v;

	for (size_t i = 0; i < versions->n; i++) {
		if (v[i].bad || v[i].version == s->version)
			continue;
		if (offer(c, s, PENDING_DEPLOY, 0, v[i].version, e) == -1)
			return -1;
		if (s->pending == PENDING_NONE)
			continue;
		if (s->next.not_after > now)
			return 0;
		pack_clear(&manifest_pack, &s->next);
		s->pending = PENDING_NONE;
	}
	return 0;
}

static int
judge_pending(struct store_cert *c, const struct list *versions, int64_t now,
    struct install_state *s, struct err *e)
{
	bool moved;

	if (check_moved(s, &moved, e) == -1)
		return -1;
	if (s->journal.state >= JOURNAL_BACK_SWITCHING && s->journal.state != JOURNAL_BACK_DONE &&
	    !moved && offer_journal(c, versions, now, s, e) == -1)
		return -1;
	if (s->pending == PENDING_NONE && offer_staged(c, versions, s, e) == -1)
		return -1;
	if (s->pending == PENDING_NONE && !moved && offer_journal(c, versions, now, s, e) == -1)
		return -1;
	if (s->health == INSTALL_BROKEN && s->journal.state == JOURNAL_BACK_DONE)
		s->pending = PENDING_NONE;
	if (s->health == INSTALL_BROKEN && s->pending == PENDING_NONE &&
	    offer_rescue(c, versions, now, s, e) == -1)
		return -1;
	/* FAULTS F13: what somebody placed by hand stays if it is newer. */
	if (s->health == INSTALL_CHANGED && s->active.not_before > s->next.not_before)
		s->pending = PENDING_NONE;
	return 0;
}

static int64_t
find_previous(const struct list *versions, int64_t version)
{
	const struct install_version *v = versions->v;

	for (size_t i = 0; i < versions->n; i++)
		if (v[i].version < version && !v[i].bad)
			return v[i].version;
	return 0;
}

int
install_look(struct store_cert *c, int64_t now, struct install_state *s, struct err *e)
{
	struct list versions = { NULL, 0 };
	int rc = -1;

	*s = (struct install_state){ .health = INSTALL_EMPTY };
	if (install_list(c, &versions, e) == 0 &&
	    journal_load(store_cert_fd(c), &s->journal, e) == 0 &&
	    judge_active(c, s, e) == 0 && judge_pending(c, &versions, now, s, e) == 0)
		rc = 0;
	if (rc == 0)
		s->previous = find_previous(&versions, s->version);
	if (s->pending == PENDING_NONE) {
		pack_clear(&manifest_pack, &s->next);
		s->from = s->to = 0;
	}
	free(versions.v);
	return rc;
}

void
install_state_clear(struct install_state *s)
{
	pack_clear(&manifest_pack, &s->active);
	pack_clear(&manifest_pack, &s->next);
	free(s->problem);
	*s = (struct install_state){ .health = INSTALL_EMPTY };
}

/* --- an order whose certificate is here --- */

static bool
has_order(const struct manifest *m, const char *url)
{
	for (size_t i = 0; i < m->leaves.n; i++)
		if (manifest_leaf(m, i)->order_url != NULL &&
		    strcmp(manifest_leaf(m, i)->order_url, url) == 0)
			return true;
	return false;
}

static int
is_staged(struct store_cert *c, const struct store_order *ord, bool *staged, struct err *e)
{
	struct list versions;
	const struct install_version *v;
	struct manifest m;
	bool whole;
	int rc = 0;

	*staged = false;
	if (install_list(c, &versions, e) == -1)
		return -1;
	v = versions.v;
	for (size_t i = 0; i < versions.n && i < ORDER_LOOK && rc == 0 && !*staged; i++) {
		if ((rc = is_whole(c, v[i].version, &m, &whole, e)) == 0 && whole)
			*staged = has_order(&m, ord->url);
		pack_clear(&manifest_pack, &m);
	}
	free(versions.v);
	return rc;
}

int
install_order(struct store_cert *c, const char *suffix, struct store_order *ord, struct err *e)
{
	bool staged;

	if (store_order_load(c, suffix, ord, e) == -1)
		return -1;
	if (is_staged(c, ord, &staged, e) == 0 && !staged)
		return 0;
	pack_clear(&store_order_pack, ord);
	if (!staged || (store_cert_is_work(c) && store_order_drop(c, suffix, e) == -1))
		return -1;
	errno = ENOENT;
	return err_sys(e, OUT_HOLD, "the certificate of the order is stored already");
}
