/*
 * installed: a state folder, a CA, and two certificates of it that can be
 * staged and deployed: `one` is old, `two` is new. Keys and chains are real.
 */
#ifndef KAMCERT_T_UNIT_INSTALLED_H
#define KAMCERT_T_UNIT_INSTALLED_H

#include "base/fs.h"
#include "chain.h"
#include "install.h"
#include "key.h"
#include "listing.h"
#include "testca.h"
#include "tree.h"

#define NOW	TESTCA_NOW
#define NAME	"sip.example.com"
#define DIR	"state/certs/" NAME "/"

static struct store *store;
static struct store_cert *cert;
static struct testca_cert *root, *inter;
static struct trust *trust;
static struct strs names;
static char bundle[32];
static struct install_rights rights;
static struct install_state state;
static int open_before;

/* A certificate as it comes from a CA. */
struct bought {
	struct key	*key;
	struct chain	*chain;
};

static struct bought one, two;
static struct bought other;	/* with an RSA key; who needs it buys it */

/* --- making --- */

static inline int
check_again(void *arg UNUSED, struct span key_pem, struct span fullchain, struct err *why)
{
	struct key *key = key_from_pem(key_pem, why);
	struct chain_in in = { .pem = fullchain, .key = key, .names = &names, .now = NOW,
		.trust = trust, .bundle = bundle };
	struct chain *chain = NULL;
	int rc = key != NULL ? chain_check(&in, &chain, why) : -1;

	chain_free(chain);
	key_free(key);
	return rc;
}

static inline void
buy(struct bought *b, const char *type, int64_t from, int64_t until)
{
	struct testca_spec spec = { .names = "DNS:" NAME, .from = from, .until = until };
	struct buf csr, pem;
	struct testca_cert *leaf;
	struct chain_in in = { .names = &names, .now = NOW, .trust = trust, .bundle = bundle };

	buf_init(&csr, KEY_CSR_MAX);
	buf_init(&pem, CHAIN_MAX);
	ck_assert_ptr_nonnull(b->key = key_new(type, &e));
	ck_assert_int_eq(key_csr(b->key, &names, false, &csr, &e), 0);
	spec.csr = buf_span(&csr);
	ck_assert_ptr_nonnull(leaf = testca_issue(inter, &spec));
	testca_put(leaf, &pem);
	testca_put(inter, &pem);
	in.pem = buf_span(&pem);
	in.key = b->key;
	ck_assert_msg(chain_check(&in, &b->chain, &e) == 0, "%s", e.text);
	testca_free(leaf);
	buf_clear(&csr);
	buf_clear(&pem);
}

static inline void
sell(struct bought *b)
{
	key_free(b->key);
	chain_free(b->chain);
	*b = (struct bought){ NULL, NULL };
}

static inline void
open_all(void)
{
	ck_assert_msg(store_open(tree_path("state"), STORE_WORK, &store, &e) == 0, "%s", e.text);
	ck_assert_msg(store_cert_open(store, NAME, &cert, &e) == 0, "%s", e.text);
}

static inline void
close_all(void)
{
	install_state_clear(&state);
	store_cert_free(cert);
	cert = NULL;
	store_free(store);
	store = NULL;
}

/* FAULTS V6 */
static inline int
count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Once a program: keys are dear, above all under valgrind. */
static inline void
world_start(void)
{
	struct testca_spec ca = { .ca = true, .cn = "Root" };
	struct buf pem;

	buf_init(&pem, CHAIN_MAX);
	root = testca_root(&ca);
	ca.cn = "Intermediate";
	inter = testca_issue(root, &ca);
	testca_put(root, &pem);
	(void)testca_file(&pem, bundle);
	buf_clear(&pem);
	ck_assert_ptr_nonnull(trust = trust_new(&e));
	ck_assert_int_eq(strs_add(&names, NAME), 0);
	buy(&one, "ecdsa-p256", NOW - 60 * DAY, NOW + 30 * DAY);
	buy(&two, "ecdsa-p256", NOW - HOUR, NOW + 90 * DAY);
}

static inline void
world_finish(void)
{
	sell(&one);
	sell(&two);
	strs_clear(&names);
	trust_free(trust);
	testca_free(inter);
	testca_free(root);
}

static inline void
start(void)
{
	tree_start();
	rights = (struct install_rights){ .uid = -1, .gid = -1 };
	open_before = count_open();
	open_all();
}

static inline void
finish(void)
{
	close_all();
	ck_assert_int_eq(count_open(), open_before);
	pack_clear(&install_rights_pack, &rights);
	tree_finish();
}

static inline int
try_stage(const struct bought *b, const char *order, int64_t *version)
{
	struct install_new in = { .parts = { { b->chain, b->key, order } }, .nparts = 1,
		.ca = "letsencrypt", .now = NOW, .rights = &rights, .check = check_again };

	return install_stage(cert, &in, version, &e);
}

/* `two` and, for the second key, `other`. */
static inline int
try_stage_pair(int64_t *version)
{
	struct install_new in = {
		.parts = { { two.chain, two.key, "https://ca.example/order/2" },
		    { other.chain, other.key, "https://ca.example/order/3" } },
		.nparts = 2, .ca = "letsencrypt", .now = NOW, .rights = &rights,
		.check = check_again,
	};

	return install_stage(cert, &in, version, &e);
}

static inline int64_t
stage(const struct bought *b)
{
	int64_t version;

	ck_assert_msg(try_stage(b, "https://ca.example/order/1", &version) == 0, "%s", e.text);
	return version;
}

#define MUST(call)	ck_assert_msg((call) == 0, "%s: %s", #call, e.text)

static inline void
deploy(int64_t version)
{
	MUST(install_switch(cert, version, NOW, &e));
	MUST(install_asked(cert, NOW, &e));
	MUST(install_done(cert, NOW, &e));
}

static inline void
look(void)
{
	install_state_clear(&state);
	MUST(install_look(cert, NOW, &state, &e));
}

static inline void
drop(const char *name)
{
	ck_assert_int_eq(nftw(tree_path(name), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- what is there, as anybody else would see it --- */

static inline bool
part_fits(const char *suffix)
{
	struct buf key, chain;
	struct certs certs = { { NULL, 0 } };
	struct key *k = NULL;
	struct err why;
	uint8_t digest[SHA256_LEN];
	char name[PART_NAME_MAX], path[96];
	bool fit = false;
	const struct cert_facts *leaf;

	buf_init(&key, KEY_PEM_MAX);
	buf_init(&chain, CHAIN_MAX);
	snprintf(path, sizeof path, DIR "current/%s", part_name(PART_KEY, suffix, name));
	if (fs_read_path(tree_path(path), KEY_PEM_MAX, &key, &why) == -1)
		goto out;
	snprintf(path, sizeof path, DIR "current/%s", part_name(PART_FULL, suffix, name));
	if (fs_read_path(tree_path(path), CHAIN_MAX, &chain, &why) == 0 &&
	    chain_read(buf_span(&chain), &certs, &why) == 0 && certs.all.n == 2 &&
	    (k = key_from_pem(buf_span(&key), &why)) != NULL &&
	    key_public_digest(k, digest, &why) == 0) {
		leaf = certs.all.v;
		fit = span_eq(blob_span(&leaf->spki_sha256), span_of(digest, sizeof(digest)));
	}
out:
	key_free(k);
	pack_clear(&certs_pack, &certs);
	buf_clear(&key);
	buf_clear(&chain);
	return fit;
}

/* Do current's files belong together? The promise V1. Of a pair, both parts are there. */
static inline bool
current_fits(void)
{
	bool pair = strstr(tree_text(DIR "current/manifest.json"), "\"leaves\"") != NULL;

	return part_fits("") && pair == (tree_stat(DIR "current/fullchain-rsa.pem").st_mode != 0) &&
	    (!pair || part_fits("-rsa"));
}

static inline const char *
link_text(void)
{
	static char text[64];
	ssize_t n = readlinkat(at, DIR "current", text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static inline bool
has_leftovers(void)
{
	char *all = list_tree("state", false);
	bool has = strstr(all, FS_TEMP) != NULL;

	free(all);
	return has;
}

#endif
