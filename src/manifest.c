/*
 * manifest: see manifest.h.
 */
#include <stdlib.h>
#include <string.h>

#include "manifest.h"
#include "part.h"
#include "seal.h"

#define WHAT		MANIFEST_NAME
#define FILES_MAX	32
#define LEAVES		"leaves"

#define FF(type, field)	{ type, offsetof(struct manifest_file, field), NULL }

static const struct pack file_pack = PACK(manifest_file,
	FF(PACK_STR, name), FF(PACK_I64, size), FF(PACK_STR, sha256));

#define L(type, field)	{ type, offsetof(struct manifest_leaf, field), NULL }

static const struct pack leaf_pack = PACK(manifest_leaf,
	L(PACK_I64, not_before), L(PACK_I64, not_after), L(PACK_STR, serial), L(PACK_STR, issuer),
	L(PACK_STR, key_type), L(PACK_STR, leaf_sha256), L(PACK_STR, ari_id),
	    L(PACK_STR, order_url));

#define F(type, field)	{ type, offsetof(struct manifest, field), NULL }

const struct pack manifest_pack = PACK(manifest,
	F(PACK_I64, version), F(PACK_I64, created), F(PACK_I64, not_before),
	F(PACK_I64, not_after), F(PACK_STR, serial), F(PACK_STR, issuer), F(PACK_STR, key_type),
	F(PACK_STR, leaf_sha256), F(PACK_STR, ari_id), F(PACK_STRS, names), F(PACK_STR, ca),
	F(PACK_STR, order_url),
	{ PACK_LIST, offsetof(struct manifest, leaves), &leaf_pack },
	{ PACK_LIST, offsetof(struct manifest, files), &file_pack });

/*
 * The members of the file that are not arrays: one row each, for writing and
 * reading alike.
 */
struct member {
	const char	*key;
	size_t		 offset;
	bool		 is_int;
	enum json_need	 need;
};

static const struct member members[] = {
	{ "version", offsetof(struct manifest, version), true, JSON_REQUIRED },
	{ "created", offsetof(struct manifest, created), true, JSON_REQUIRED },
	{ "notBefore", offsetof(struct manifest, not_before), true, JSON_REQUIRED },
	{ "notAfter", offsetof(struct manifest, not_after), true, JSON_REQUIRED },
	{ "serial", offsetof(struct manifest, serial), false, JSON_REQUIRED },
	{ "issuer", offsetof(struct manifest, issuer), false, JSON_REQUIRED },
	{ "keyType", offsetof(struct manifest, key_type), false, JSON_REQUIRED },
	{ "leafSha256", offsetof(struct manifest, leaf_sha256), false, JSON_REQUIRED },
	{ "ariId", offsetof(struct manifest, ari_id), false, JSON_OPTIONAL },
	{ "ca", offsetof(struct manifest, ca), false, JSON_REQUIRED },
	{ "order", offsetof(struct manifest, order_url), false, JSON_OPTIONAL },
};

/* Of a leaf of a pair; a version with one leaf has nothing to add to the above. */
static const struct member leaf_members[] = {
	{ "notBefore", offsetof(struct manifest_leaf, not_before), true, JSON_REQUIRED },
	{ "notAfter", offsetof(struct manifest_leaf, not_after), true, JSON_REQUIRED },
	{ "serial", offsetof(struct manifest_leaf, serial), false, JSON_REQUIRED },
	{ "issuer", offsetof(struct manifest_leaf, issuer), false, JSON_REQUIRED },
	{ "keyType", offsetof(struct manifest_leaf, key_type), false, JSON_REQUIRED },
	{ "leafSha256", offsetof(struct manifest_leaf, leaf_sha256), false, JSON_REQUIRED },
	{ "ariId", offsetof(struct manifest_leaf, ari_id), false, JSON_OPTIONAL },
	{ "order", offsetof(struct manifest_leaf, order_url), false, JSON_OPTIONAL },
};

static int
set_text(char **to, const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		return -1;
	free(*to);
	*to = copy;
	return 0;
}

static char *
hex_text(struct span octets)
{
	struct buf hex;
	char *text = NULL;

	buf_init(&hex, 2 * SHA256_LEN);
	buf_hex(&hex, octets);
	if (buf_ok(&hex))
		text = span_dup(buf_span(&hex));
	buf_clear(&hex);
	return text;
}

/* --- leaves --- */

/* What is said of the version as a whole. */
static int
sum_up(struct manifest *m, const struct manifest_leaf *l, struct err *e)
{
	if (m->leaves.n > 1) {
		if (l->not_after < m->not_after) {
			m->not_before = l->not_before;
			m->not_after = l->not_after;
		}
		return 0;
	}
	m->not_before = l->not_before;
	m->not_after = l->not_after;
	if (set_text(&m->serial, l->serial) == -1 || set_text(&m->issuer, l->issuer) == -1 ||
	    set_text(&m->key_type, l->key_type) == -1 ||
	    set_text(&m->leaf_sha256, l->leaf_sha256) == -1 ||
	    set_text(&m->ari_id, l->ari_id) == -1 || set_text(&m->order_url, l->order_url) == -1)
		return err_nomem(e);
	return 0;
}

int
manifest_add_leaf(struct manifest *m, const struct cert_facts *leaf, const char *order_url,
    struct err *e)
{
	struct manifest_leaf *l = list_add(&m->leaves, sizeof(*l));

	if (l == NULL)
		return err_nomem(e);
	l->not_before = leaf->not_before;
	l->not_after = leaf->not_after;
	l->leaf_sha256 = hex_text(blob_span(&leaf->sha256));
	if (l->leaf_sha256 == NULL || set_text(&l->serial, leaf->serial) == -1 ||
	    set_text(&l->issuer, leaf->issuer) == -1 || set_text(&l->key_type, leaf->key) == -1 ||
	    set_text(&l->ari_id, leaf->ari_id) == -1 || set_text(&l->order_url, order_url) == -1)
		return err_nomem(e);
	for (size_t i = 0; i < leaf->names.n && m->leaves.n == 1; i++)
		if (strs_add(&m->names, leaf->names.v[i]) == -1)
			return err_nomem(e);
	return sum_up(m, l, e);
}

const struct manifest_leaf *
manifest_leaf(const struct manifest *m, size_t part)
{
	return (const struct manifest_leaf *)m->leaves.v + part;
}

bool
manifest_has_keys(const struct manifest *m, const struct strs *types)
{
	if (m->leaves.n != types->n)
		return false;
	for (size_t i = 0; i < types->n; i++)
		if (strcmp(manifest_leaf(m, i)->key_type, types->v[i]) != 0)
			return false;
	return true;
}

bool
manifest_names(const struct manifest *m, const char *file)
{
	const struct manifest_file *f = m->files.v;

	for (size_t i = 0; i < m->files.n; i++)
		if (strcmp(f[i].name, file) == 0)
			return true;
	return false;
}

/* --- writing --- */

static void
put_members(struct json_out *o, const struct member *m, size_t n, const void *from)
{
	for (size_t i = 0; i < n; i++) {
		const void *at = (const char *)from + m[i].offset;

		if (m[i].is_int)
			json_put_int(o, m[i].key, *(const int64_t *)at);
		else
			json_put_str(o, m[i].key, *(char *const *)at);
	}
}

static void
put_leaves(struct json_out *o, const struct manifest *m)
{
	if (m->leaves.n < 2)
		return;
	json_put_array(o, LEAVES);
	for (size_t i = 0; i < m->leaves.n; i++) {
		json_put_object(o, NULL);
		put_members(o, leaf_members, NITEMS(leaf_members), manifest_leaf(m, i));
		json_object_end(o);
	}
	json_array_end(o);
}

static void
put_files(struct json_out *o, const struct list *files)
{
	const struct manifest_file *f = files->v;

	json_put_array(o, "files");
	for (size_t i = 0; i < files->n; i++) {
		json_put_object(o, NULL);
		json_put_str(o, "name", f[i].name);
		json_put_int(o, "size", f[i].size);
		json_put_str(o, "sha256", f[i].sha256);
		json_object_end(o);
	}
	json_array_end(o);
}

int
manifest_write(const struct manifest *m, struct buf *b, struct err *e)
{
	struct json_out o;

	seal_begin(&o, b);
	put_members(&o, members, NITEMS(members), m);
	seal_put_strs(&o, "names", &m->names);
	put_leaves(&o, m);
	put_files(&o, &m->files);
	if (seal_end(&o, e) == -1)
		return err_in(e, WHAT);
	return 0;
}

/* --- reading --- */

static int
read_files(const struct json *root, struct list *files, struct err *e)
{
	const struct json *a;
	struct manifest_file *f;

	if (json_get_array(root, WHAT, "files", JSON_REQUIRED, &a, e) == -1)
		return -1;
	if (json_count(a) > FILES_MAX)
		return err_set(e, OUT_HOLD, WHAT ": files: want at most %d, have %zu", FILES_MAX,
		    json_count(a));
	for (size_t i = 0; i < json_count(a); i++) {
		const struct json *item = json_at(a, i);

		if ((f = list_add(files, sizeof(*f))) == NULL)
			return err_nomem(e);
		if (json_is_object(item, WHAT ": files", e) == -1 ||
		    seal_get_str(item, WHAT ": files", "name", JSON_REQUIRED, &f->name, e) == -1 ||
		    json_get_int(item, WHAT ": files", "size", JSON_REQUIRED, &f->size, e) == -1 ||
		    seal_get_str(item, WHAT ": files", "sha256", JSON_REQUIRED, &f->sha256,
		    e) == -1)
			return -1;
	}
	return 0;
}

static int
read_members(const struct json *obj, const struct member *m, size_t n, void *to, struct err *e)
{
	char *base = to;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		if (m[i].is_int)
			rc = json_get_int(obj, WHAT, m[i].key, m[i].need,
			    (int64_t *)(base + m[i].offset), e);
		else
			rc = seal_get_str(obj, WHAT, m[i].key, m[i].need,
			    (char **)(base + m[i].offset), e);
	}
	return rc;
}

/* The only leaf is what is said of the whole. */
static int
copy_leaf(struct manifest *m, struct err *e)
{
	struct manifest_leaf *l = list_add(&m->leaves, sizeof(*l));

	if (l == NULL)
		return err_nomem(e);
	l->not_before = m->not_before;
	l->not_after = m->not_after;
	if (set_text(&l->serial, m->serial) == -1 || set_text(&l->issuer, m->issuer) == -1 ||
	    set_text(&l->key_type, m->key_type) == -1 ||
	    set_text(&l->leaf_sha256, m->leaf_sha256) == -1 ||
	    set_text(&l->ari_id, m->ari_id) == -1 || set_text(&l->order_url, m->order_url) == -1)
		return err_nomem(e);
	return 0;
}

static int
read_leaves(const struct json *root, struct manifest *m, struct err *e)
{
	const struct json *a;
	struct manifest_leaf *l;

	if (json_get_array(root, WHAT, LEAVES, JSON_OPTIONAL, &a, e) == -1)
		return -1;
	if (a == NULL)
		return copy_leaf(m, e);
	if (json_count(a) < 2 || json_count(a) > PART_MAX)
		return err_set(e, OUT_HOLD, WHAT ": " LEAVES ": want %d, have %zu", PART_MAX,
		    json_count(a));
	for (size_t i = 0; i < json_count(a); i++) {
		if ((l = list_add(&m->leaves, sizeof(*l))) == NULL)
			return err_nomem(e);
		if (json_is_object(json_at(a, i), WHAT ": " LEAVES, e) == -1 ||
		    read_members(json_at(a, i), leaf_members, NITEMS(leaf_members), l, e) == -1)
			return -1;
	}
	return 0;
}

int
manifest_read(struct span file, struct manifest *m, struct err *e)
{
	struct json_doc *doc;
	int rc = -1;

	*m = (struct manifest){ 0 };
	if ((doc = seal_open(file, WHAT, e)) == NULL)
		return -1;
	if (read_members(json_root(doc), members, NITEMS(members), m, e) == 0 &&
	    read_leaves(json_root(doc), m, e) == 0 &&
	    seal_get_strs(json_root(doc), WHAT, "names", &m->names, e) == 0 &&
	    read_files(json_root(doc), &m->files, e) == 0)
		rc = 0;
	if (rc == -1)
		pack_clear(&manifest_pack, m);
	json_free(doc);
	return rc;
}

/* --- digests --- */

static char *
digest_text(struct span content)
{
	uint8_t digest[SHA256_LEN];

	return sha256(content, digest) == 0 ? hex_text(span_of(digest, sizeof(digest))) : NULL;
}

int
manifest_add(struct manifest *m, const char *name, struct span content, struct err *e)
{
	struct manifest_file *f = list_add(&m->files, sizeof(*f));

	if (f == NULL)
		return err_nomem(e);
	f->size = (int64_t)content.n;
	f->name = strdup(name);
	f->sha256 = digest_text(content);
	return f->name != NULL && f->sha256 != NULL ? 0 : err_nomem(e);
}

int
manifest_holds(const struct manifest *m, const char *name, struct span content, struct err *e)
{
	const struct manifest_file *f = m->files.v;
	char *have;
	int rc = 0;
	size_t i;

	for (i = 0; i < m->files.n; i++)
		if (strcmp(f[i].name, name) == 0)
			break;
	if (i == m->files.n)
		return err_set(e, OUT_HOLD, "%s: the manifest does not name it", name);
	if (f[i].size != (int64_t)content.n)
		return err_set(e, OUT_HOLD, "%s: want %jd octets, have %zu", name,
		    (intmax_t)f[i].size, content.n);
	if ((have = digest_text(content)) == NULL)
		return err_nomem(e);
	if (strcmp(have, f[i].sha256) != 0)
		rc = err_set(e, OUT_HOLD, "%s: its digest does not fit: it was changed", name);
	free(have);
	return rc;
}
