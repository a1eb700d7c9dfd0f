#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "keeper.h"
#include "sandbox.h"

#define NEXT_DIR	"next"

const char *
keys_type(const struct job *j)
{
	return j->conf->csr != NULL ? NULL : j->conf->key.v[j->nparts];
}

/* --- an operator's request --- */

/* The key of a file must be that of the request. */
static struct key *
own_key(const char *path, const struct csrfile *csr, struct err *e)
{
	struct key *key = NULL;
	struct buf pem;

	buf_init(&pem, KEY_PEM_MAX);
	if (sandbox_read(path, KEY_PEM_MAX, &pem, e) == 0)
		key = key_from_pem(buf_span(&pem), e);
	buf_clear(&pem);
	if (key != NULL && !key_same(key, csr->key)) {
		key_free(key);
		key = NULL;
		(void)err_set(e, OUT_HOLD, "not the key of the request in csr");
	}
	if (key == NULL && e->class != OUT_RETRY) {
		e->class = OUT_HOLD;
		(void)err_in(e, "%s", path);
	}
	return key;
}

static int
take_request(struct job *j, struct err *e)
{
	csrfile_clear(&j->csr);
	if (csrfile_load(j->conf->csr, &j->csr, e) == -1 ||
	    csrfile_fits(&j->csr, &j->conf->names, e) == -1)
		return -1;
	key_free(j->key);
	j->key = j->conf->private_key != NULL ? own_key(j->conf->private_key, &j->csr, e) :
	    key_public(j->csr.key, e);
	return j->key != NULL ? 0 : -1;
}

/* --- the staged keys --- */

static void
next_name(const char *type, char out[32])
{
	(void)snprintf(out, 32, NEXT_DIR "/%s.pem", part_family(type));
}

/* NULL without an error: there is none of this type. One that cannot be read is none. */
static struct key *
load_next(const struct job *j, const char *type, struct err *e)
{
	struct key *key = NULL;
	struct err why;
	struct buf pem;
	char name[32];

	if (j->folder == NULL)
		return NULL;
	next_name(type, name);
	buf_init(&pem, KEY_PEM_MAX);
	if (fs_read(store_cert_fd(j->folder), name, KEY_PEM_MAX, &pem, &why) == -1) {
		if (why.sys != ENOENT && why.class == OUT_RETRY)
			*e = why;
	} else if ((key = key_from_pem(buf_span(&pem), &why)) != NULL &&
	    strcmp(key_type(key), type) != 0) {
		key_free(key);
		key = NULL;
	}
	buf_clear(&pem);
	return key;
}

static int
save_next(const struct job *j, const struct key *key, struct err *e)
{
	static const struct fs_mode dir_mode = { 0700, (uid_t)-1, (gid_t)-1 };
	static const struct fs_mode mode = { 0600, (uid_t)-1, (gid_t)-1 };
	int dir = -1, rc = -1;
	struct buf pem;
	char name[32];

	next_name(key_type(key), name);
	buf_init(&pem, KEY_PEM_MAX);
	if (key_to_pem(key, &pem, e) == 0 &&
	    fs_make_dir(store_cert_fd(j->folder), NEXT_DIR, dir_mode, &dir, e) == 0)
		rc = fs_replace(dir, name + sizeof(NEXT_DIR), mode, buf_span(&pem), e);
	fs_close(&dir);
	buf_clear(&pem);
	return rc == 0 ? 0 : err_in(e, "next key");
}

/* --- the active ones --- */

/* The active leaf's part with this kind of key, or as many as there are. */
static size_t
active_part(const struct job *j, const char *type)
{
	const struct manifest *m = &j->state.active;
	size_t i = 0;

	while (i < m->leaves.n &&
	    strcmp(part_family(manifest_leaf(m, i)->key_type), part_family(type)) != 0)
		i++;
	return i;
}

/* SHA-256 of the public key of an active leaf; false when it cannot be had. */
static bool
active_digest(const struct job *j, size_t part, uint8_t out[SHA256_LEN])
{
	const struct manifest *m = &j->state.active;
	const struct cert_facts *leaf;
	struct certs certs = { 0 };
	char name[PART_NAME_MAX];
	bool found = false;
	struct err why;
	struct buf pem;

	if (part >= m->leaves.n)
		return false;
	part_name(PART_FULL, part_suffix(part, manifest_leaf(m, part)->key_type), name);
	buf_init(&pem, CHAIN_MAX);
	if (install_read(j->folder, j->state.version, name, &pem, &why) == 0 &&
	    chain_read(buf_span(&pem), &certs, &why) == 0) {
		leaf = certs.all.v;
		found = leaf->spki_sha256.n == SHA256_LEN;
		if (found)
			memcpy(out, leaf->spki_sha256.p, SHA256_LEN);
	}
	pack_clear(&certs_pack, &certs);
	buf_clear(&pem);
	return found;
}

static bool
is_active(const struct job *j, const struct key *key)
{
	uint8_t in_service[SHA256_LEN], digest[SHA256_LEN];
	struct err why;

	return active_digest(j, active_part(j, key_type(key)), in_service) &&
	    key_public_digest(key, digest, &why) == 0 &&
	    memcmp(in_service, digest, sizeof(digest)) == 0;
}

/*
 * The key in service, if it is of the wanted type and nothing is wrong with
 * what is installed. NULL without an error: there is none to use again.
 */
static struct key *
reused(const struct job *j, const char *type, struct err *e)
{
	const struct manifest *m = &j->state.active;
	size_t part = active_part(j, type);
	char name[PART_NAME_MAX];
	struct key *key = NULL;
	struct buf pem;

	if (j->state.health != INSTALL_GOOD || part >= m->leaves.n ||
	    (j->record.revoked != NULL && strcmp(j->record.revoked, m->serial) == 0) ||
	    strcmp(manifest_leaf(m, part)->key_type, type) != 0)
		return NULL;
	part_name(PART_KEY, part_suffix(part, type), name);
	if (!manifest_names(m, name))
		return NULL;
	buf_init(&pem, KEY_PEM_MAX);
	if (install_read(j->folder, j->state.version, name, &pem, e) == 0)
		key = key_from_pem(buf_span(&pem), e);
	buf_clear(&pem);
	return key;
}

/* --- what others see --- */

bool
keys_fit(const struct job *j, const struct store_order *order)
{
	if (j->conf->csr != NULL)
		return j->csr.der.n > 0 && span_eq(blob_span(&j->csr.der), blob_span(&order->csr));
	return order->key_pem.n > 0 && strcmp(order->key_type, keys_type(j)) == 0;
}

int
keys_take(struct job *j, struct err *e)
{
	const char *type = keys_type(j);
	struct key *key = NULL;

	if (j->conf->csr != NULL)
		return take_request(j, e);
	err_clear(e);
	if (j->conf->reuse_key)
		key = reused(j, type, e);
	else if (j->conf->next_key && (key = load_next(j, type, e)) != NULL && is_active(j, key)) {
		/* a run was killed before it staged another one */
		key_free(key);
		key = NULL;
	}
	if (e->class != OUT_OK)
		return -1;
	j->key = key != NULL ? key : key_new(type, e);
	return j->key != NULL ? 0 : -1;
}

static int
stage_one(struct job *j, const char *type, struct err *e)
{
	struct key *key = load_next(j, type, e);
	int rc = 0;

	if (key != NULL && !is_active(j, key)) {
		key_free(key);
		return 0;
	}
	key_free(key);
	if (e->class != OUT_OK || (key = key_new(type, e)) == NULL)
		return -1;
	rc = save_next(j, key, e);
	key_free(key);
	return rc;
}

int
keys_stage(struct job *j, struct err *e)
{
	const struct strs *types = &j->conf->key;

	if (!j->conf->next_key || j->state.version == 0 || j->state.pending != PENDING_NONE)
		return 0;
	err_clear(e);
	for (size_t i = 0; i < types->n; i++)
		if (stage_one(j, types->v[i], e) == -1)
			return -1;
	return 0;
}

static void
put_tlsa(const uint8_t digest[SHA256_LEN], char out[KEYS_TLSA_MAX])
{
	size_t n = (size_t)snprintf(out, KEYS_TLSA_MAX, "3 1 1 ");

	for (size_t i = 0; i < SHA256_LEN; i++)
		(void)snprintf(out + n + 2 * i, 3, "%02x", digest[i]);
}

void
keys_tlsa(const struct job *j, size_t part, char active[KEYS_TLSA_MAX], char next[KEYS_TLSA_MAX])
{
	uint8_t digest[SHA256_LEN];
	struct err why = ERR_NONE;
	struct key *key;

	active[0] = next[0] = '\0';
	if (active_digest(j, part, digest))
		put_tlsa(digest, active);
	key = load_next(j, manifest_leaf(&j->state.active, part)->key_type, &why);
	if (key != NULL && !is_active(j, key) && key_public_digest(key, digest, &why) == 0)
		put_tlsa(digest, next);
	key_free(key);
}
