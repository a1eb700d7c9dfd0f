/*
 * store_order: the order under way, as certs/<name>/order/privkey.pem and
 * order.json. The second has the digest of the first, so that only two files
 * that belong together count.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "part.h"
#include "seal.h"
#include "store.h"

#define DIR_NAME	"order"
#define JSON_NAME	"order.json"	/* in messages, of either part */
#define PEM_MAX		(64 * 1024)

#define F(type, field)	{ type, offsetof(struct store_order, field), NULL }

const struct pack store_order_pack = PACK(store_order,
	F(PACK_STR, url), F(PACK_STR, ca), F(PACK_STRS, names), F(PACK_STR, key_type),
	F(PACK_I64, created), F(PACK_BLOB, key_pem), F(PACK_BLOB, csr));

/* --- names --- */

struct names {
	char	key[PART_NAME_MAX];
	char	json[PART_NAME_MAX];
};

static struct names
names_of(const char *suffix)
{
	struct names n;

	part_name(PART_KEY, suffix, n.key);
	(void)snprintf(n.json, sizeof(n.json), "order%s.json", suffix);
	return n;
}

/* --- saving --- */

static void
put_octets(struct json_out *o, const char *key, struct span octets)
{
	struct buf text;

	buf_init(&text, STORE_FILE_MAX);
	buf_base64url(&text, octets);
	if (!buf_ok(&text))
		buf_fail(o->b);
	json_put_span(o, key, buf_span(&text));
	buf_clear(&text);
}

static int
write_json(const struct store_order *ord, struct buf *file, struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct json_out o;

	if (sha256(blob_span(&ord->key_pem), digest) == -1)
		return err_set(e, OUT_RETRY, "no SHA-256");
	seal_begin(&o, file);
	json_put_str(&o, "url", ord->url);
	json_put_str(&o, "ca", ord->ca);
	seal_put_strs(&o, "names", &ord->names);
	json_put_str(&o, "keyType", ord->key_type);
	json_put_int(&o, "created", ord->created);
	put_octets(&o, "csr", blob_span(&ord->csr));
	put_octets(&o, "keySha256", span_of(digest, sizeof(digest)));
	return seal_end(&o, e);
}

int
store_order_save(struct store_cert *c, const char *suffix, const struct store_order *ord,
    struct err *e)
{
	const struct names names = names_of(suffix);
	static const struct fs_mode dir_mode = { 0700, (uid_t)-1, (gid_t)-1 };
	static const struct fs_mode mode = { 0600, (uid_t)-1, (gid_t)-1 };
	int dir = -1, rc = -1;
	struct buf file;

	buf_init(&file, STORE_FILE_MAX);
	if (fs_make_dir(store_cert_fd(c), DIR_NAME, dir_mode, &dir, e) == 0 &&
	    write_json(ord, &file, e) == 0 &&
	    fs_replace(dir, names.key, mode, blob_span(&ord->key_pem), e) == 0 &&
	    store_write(dir, names.json, &file, e) == 0)
		rc = 0;
	if (rc == -1)
		(void)err_in(e, DIR_NAME);
	fs_close(&dir);
	buf_clear(&file);
	return rc;
}

/* --- loading --- */

static int
get_octets(const struct json *root, const char *key, struct blob *out, struct err *e)
{
	const char *text;
	struct buf octets;
	int rc;

	if (json_get_str(root, JSON_NAME, key, JSON_REQUIRED, &text, e) == -1)
		return -1;
	buf_init(&octets, STORE_FILE_MAX);
	if (base64url_decode(span_str(text), &octets) == -1)
		rc = err_set(e, OUT_HOLD, JSON_NAME ": %s: want base64url", key);
	else
		rc = blob_set(out, buf_span(&octets)) == 0 ? 0 : err_nomem(e);
	buf_clear(&octets);
	return rc;
}

static int
check_key(const struct json *root, struct span pem, struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct blob want = { NULL, 0 };
	int rc = -1;

	if (get_octets(root, "keySha256", &want, e) == 0) {
		if (sha256(pem, digest) == -1)
			(void)err_set(e, OUT_RETRY, "no SHA-256");
		else if (!span_eq(blob_span(&want), span_of(digest, sizeof(digest))))
			(void)err_set(e, OUT_HOLD, "not the key of " JSON_NAME);
		else
			rc = 0;
	}
	blob_clear(&want);
	return rc;
}

static int
read_json(struct span file, struct store_order *ord, struct err *e)
{
	struct json_doc *doc;
	const struct json *root;
	int rc = -1;

	if ((doc = seal_open(file, JSON_NAME, e)) == NULL)
		return -1;
	root = json_root(doc);
	if (seal_get_str(root, JSON_NAME, "url", JSON_REQUIRED, &ord->url, e) == 0 &&
	    seal_get_str(root, JSON_NAME, "ca", JSON_REQUIRED, &ord->ca, e) == 0 &&
	    seal_get_strs(root, JSON_NAME, "names", &ord->names, e) == 0 &&
	    seal_get_str(root, JSON_NAME, "keyType", JSON_REQUIRED, &ord->key_type, e) == 0 &&
	    json_get_int(root, JSON_NAME, "created", JSON_REQUIRED, &ord->created, e) == 0 &&
	    get_octets(root, "csr", &ord->csr, e) == 0 &&
	    check_key(root, blob_span(&ord->key_pem), e) == 0)
		rc = 0;
	json_free(doc);
	return rc;
}

static int
read_file(struct store_cert *c, const char *name, size_t max, struct buf *out, struct err *e)
{
	char path[sizeof(DIR_NAME) + PART_NAME_MAX];

	(void)snprintf(path, sizeof(path), DIR_NAME "/%s", name);
	return fs_read(store_cert_fd(c), path, max, out, e);
}

int
store_order_load(struct store_cert *c, const char *suffix, struct store_order *ord, struct err *e)
{
	const struct names names = names_of(suffix);
	struct buf pem, file;
	bool were_read = false;
	int rc = -1;

	*ord = (struct store_order){ 0 };
	buf_init(&pem, PEM_MAX);
	buf_init(&file, STORE_FILE_MAX);
	if (read_file(c, names.json, STORE_FILE_MAX, &file, e) == -1 ||
	    read_file(c, names.key, PEM_MAX, &pem, e) == -1)
		goto out;
	were_read = true;
	if (blob_set(&ord->key_pem, buf_span(&pem)) == -1)
		(void)err_nomem(e);
	else
		rc = read_json(buf_span(&file), ord, e);
out:
	/* Damaged, or a key that was replaced when the run was killed: as if it were not there. */
	if (rc == -1 && were_read && e->class == OUT_HOLD) {
		errno = ENOENT;
		(void)err_sys(e, OUT_HOLD, "no whole order");
	}
	if (rc == -1)
		pack_clear(&store_order_pack, ord);
	buf_clear(&pem);
	buf_clear(&file);
	return rc;
}

/* --- dropping --- */

/* What names the key goes first: a key alone is no order. */
int
store_order_drop(struct store_cert *c, const char *suffix, struct err *e)
{
	const struct names names = names_of(suffix);
	int dir = -1, rc = -1;

	if (fs_open_dir(store_cert_fd(c), DIR_NAME, &dir, e) == -1)
		return e->sys == ENOENT ? 0 : -1;
	if (fs_remove(dir, names.json, e) == 0 && fs_remove(dir, names.key, e) == 0)
		rc = fs_sync(dir, DIR_NAME, e);
	fs_close(&dir);
	return rc;
}

int
store_orders_drop(struct store_cert *c, struct err *e)
{
	if (fs_remove(store_cert_fd(c), DIR_NAME, e) == -1)
		return -1;
	return fs_sync(store_cert_fd(c), DIR_NAME, e);
}
