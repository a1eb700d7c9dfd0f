/*
 * store_account: the account at a CA, as accounts/<ca>/account.key and
 * account.json.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "seal.h"
#include "store.h"

#define KEY_NAME	"account.key"
#define JSON_NAME	"account.json"
#define PEM_MAX		(64 * 1024)

#define F(type, field)	{ type, offsetof(struct store_account, field), NULL }

const struct pack store_account_pack = PACK(store_account,
	F(PACK_BLOB, key_pem), F(PACK_STR, url), F(PACK_STR, directory), F(PACK_STRS, contact),
	F(PACK_I64, created), F(PACK_BOOL, was_damaged));

static int
read_json(struct span file, struct store_account *a, struct err *e)
{
	struct json_doc *doc;
	const struct json *root;
	int rc = -1;

	if ((doc = seal_open(file, JSON_NAME, e)) == NULL)
		return -1;
	root = json_root(doc);
	if (seal_get_str(root, JSON_NAME, "url", JSON_OPTIONAL, &a->url, e) == 0 &&
	    seal_get_str(root, JSON_NAME, "directory", JSON_REQUIRED, &a->directory, e) == 0 &&
	    seal_get_strs(root, JSON_NAME, "contact", &a->contact, e) == 0 &&
	    json_get_int(root, JSON_NAME, "created", JSON_REQUIRED, &a->created, e) == 0)
		rc = 0;
	json_free(doc);
	return rc;
}

/* The key alone names the account; the rest can be asked for again. */
static int
load_json(int dir, struct store_account *a, bool *found, struct err *e)
{
	struct buf file;
	int rc;

	buf_init(&file, STORE_FILE_MAX);
	*found = false;
	if ((rc = fs_read(dir, JSON_NAME, STORE_FILE_MAX, &file, e)) == 0) {
		*found = true;
		if ((rc = read_json(buf_span(&file), a, e)) == -1 && e->class == OUT_HOLD) {
			pack_clear(&store_account_pack, a);
			a->was_damaged = true;
			rc = 0;
		}
	} else if (e->sys == ENOENT) {
		rc = 0;
	}
	buf_clear(&file);
	return rc;
}

static int
load_key(int dir, bool has_json, struct store_account *a, struct err *e)
{
	static const struct fs_mode mode = { 0600, (uid_t)-1, (gid_t)-1 };
	struct buf pem;
	int rc;

	buf_init(&pem, PEM_MAX);
	if ((rc = fs_read(dir, KEY_NAME, PEM_MAX, &pem, e)) == 0)
		rc = blob_set(&a->key_pem, buf_span(&pem)) == 0 ? 0 : err_nomem(e);
	else if (e->sys == ENOENT && has_json)
		rc = err_set(e, OUT_HOLD, KEY_NAME " is missing, but there is an " JSON_NAME);
	if (rc == -1 && e->class == OUT_HOLD && e->sys != ENOENT)
		(void)err_hint(e, "put the account's key back; only if it is lost for good remove "
		    "the folder, then a new account is made");
	if (rc == 0)
		rc = fs_check_private(dir, KEY_NAME, mode, e);
	buf_clear(&pem);
	return rc;
}

int
store_account_load(struct store *s, const char *ca, struct store_account *a, struct err *e)
{
	int dir = -1, rc = -1;
	bool has_json;

	*a = (struct store_account){ 0 };
	if (store_ca_open(s, ca, &dir, e) == 0 && load_json(dir, a, &has_json, e) == 0 &&
	    load_key(dir, has_json, a, e) == 0)
		rc = 0;
	fs_close(&dir);
	if (rc == -1) {
		pack_clear(&store_account_pack, a);
		(void)err_in(e, "account at %s", ca);
	}
	return rc;
}

/* A file that is already right is not written again. */
static int
save_key(int dir, struct span pem, struct err *e)
{
	static const struct fs_mode mode = { 0600, (uid_t)-1, (gid_t)-1 };
	struct buf old;
	int rc;

	buf_init(&old, PEM_MAX);
	if ((rc = fs_read(dir, KEY_NAME, PEM_MAX, &old, e)) == 0 && !span_eq(buf_span(&old), pem))
		rc = fs_replace(dir, KEY_NAME, mode, pem, e);
	else if (rc == -1 && e->sys == ENOENT)
		rc = fs_replace(dir, KEY_NAME, mode, pem, e);
	buf_clear(&old);
	return rc;
}

/*
 * Only when there is what takes its place: a run that ends before that leaves
 * the next one to tell of it.
 */
static int
set_damaged_aside(int dir, struct err *e)
{
	struct store_account old = { 0 };
	bool found;
	int rc;

	if ((rc = load_json(dir, &old, &found, e)) == 0 && old.was_damaged)
		rc = store_set_aside(dir, JSON_NAME, e);
	pack_clear(&store_account_pack, &old);
	return rc;
}

static int
save_json(int dir, const struct store_account *a, struct err *e)
{
	struct json_out o;
	struct buf file;
	int rc = -1;

	if (set_damaged_aside(dir, e) == -1)
		return -1;
	buf_init(&file, STORE_FILE_MAX);
	seal_begin(&o, &file);
	json_put_str(&o, "url", a->url);
	json_put_str(&o, "directory", a->directory);
	seal_put_strs(&o, "contact", &a->contact);
	json_put_int(&o, "created", a->created);
	if (seal_end(&o, e) == 0)
		rc = store_write(dir, JSON_NAME, &file, e);
	buf_clear(&file);
	return rc;
}

int
store_account_save(struct store *s, const char *ca, const struct store_account *a, struct err *e)
{
	int dir = -1, rc = -1;

	if (store_ca_open(s, ca, &dir, e) == 0 &&
	    save_key(dir, blob_span(&a->key_pem), e) == 0 && save_json(dir, a, e) == 0)
		rc = 0;
	fs_close(&dir);
	if (rc == -1)
		(void)err_in(e, "account at %s", ca);
	return rc;
}
