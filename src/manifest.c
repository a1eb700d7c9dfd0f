/*
 * manifest: see manifest.h.
 */
#include <stdlib.h>
#include <string.h>

#include "manifest.h"
#include "seal.h"

#define WHAT		MANIFEST_NAME
#define FILES_MAX	32

#define FF(type, field)	{ type, offsetof(struct manifest_file, field), NULL }

static const struct pack file_pack = PACK(manifest_file,
	FF(PACK_STR, name), FF(PACK_I64, size), FF(PACK_STR, sha256));

#define F(type, field)	{ type, offsetof(struct manifest, field), NULL }

const struct pack manifest_pack = PACK(manifest,
	F(PACK_I64, version), F(PACK_I64, created), F(PACK_I64, not_before),
	F(PACK_I64, not_after), F(PACK_STR, serial), F(PACK_STR, issuer), F(PACK_STR, key_type),
	F(PACK_STR, leaf_sha256), F(PACK_STR, ari_id), F(PACK_STRS, names), F(PACK_STR, ca),
	F(PACK_STR, order_url),
	{ PACK_LIST, offsetof(struct manifest, files), &file_pack });

/*
 * The members of the file that are not arrays: one row each, for writing and
 * reading alike.
 */
static const struct {
	const char	*key;
	size_t		 offset;
	bool		 is_int;
	enum json_need	 need;
} members[] = {
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

int
manifest_facts(struct manifest *m, const struct cert_facts *leaf, struct err *e)
{
	m->not_before = leaf->not_before;
	m->not_after = leaf->not_after;
	free(m->leaf_sha256);
	m->leaf_sha256 = hex_text(blob_span(&leaf->sha256));
	if (m->leaf_sha256 == NULL || set_text(&m->serial, leaf->serial) == -1 ||
	    set_text(&m->issuer, leaf->issuer) == -1 ||
	    set_text(&m->key_type, leaf->key) == -1 || set_text(&m->ari_id, leaf->ari_id) == -1)
		return err_nomem(e);
	strs_clear(&m->names);
	for (size_t i = 0; i < leaf->names.n; i++)
		if (strs_add(&m->names, leaf->names.v[i]) == -1)
			return err_nomem(e);
	return 0;
}

/* --- writing --- */

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
	const char *base = (const char *)m;
	struct json_out o;

	seal_begin(&o, b);
	for (size_t i = 0; i < NITEMS(members); i++) {
		if (members[i].is_int)
			json_put_int(&o, members[i].key,
			    *(const int64_t *)(base + members[i].offset));
		else
			json_put_str(&o, members[i].key,
			    *(char *const *)(base + members[i].offset));
	}
	seal_put_strs(&o, "names", &m->names);
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
		    seal_get_str(item, WHAT ": files", "sha256", JSON_REQUIRED, &f->sha256, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_members(const struct json *root, struct manifest *m, struct err *e)
{
	char *base = (char *)m;
	int rc = 0;

	for (size_t i = 0; i < NITEMS(members) && rc == 0; i++) {
		if (members[i].is_int)
			rc = json_get_int(root, WHAT, members[i].key, members[i].need,
			    (int64_t *)(base + members[i].offset), e);
		else
			rc = seal_get_str(root, WHAT, members[i].key, members[i].need,
			    (char **)(base + members[i].offset), e);
	}
	return rc;
}

int
manifest_read(struct span file, struct manifest *m, struct err *e)
{
	struct json_doc *doc;
	int rc = -1;

	*m = (struct manifest){ 0 };
	if ((doc = seal_open(file, WHAT, e)) == NULL)
		return -1;
	if (read_members(json_root(doc), m, e) == 0 &&
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
