/*
 * check_install: versions from their making to their end, and what a run
 * finds after another was killed anywhere. Keys and chains are real ones.
 */
#include <errno.h>

#include "base/fs.h"
#include "testca.h"

/* --- the commit point, as a broken disk has it --- */

static int swap_faults;		/* how many swaps are done and then reported as failed */

static int
faulty_swap_link(int dir, const char *name, const char *target, struct err *e)
{
	int rc = fs_swap_link(dir, name, target, e);

	if (rc == -1 || swap_faults == 0)
		return rc;
	swap_faults--;
	errno = EIO;
	return err_sys(e, OUT_RETRY, "cannot sync %s", name);
}

#define fs_swap_link faulty_swap_link
#include "install.c"
#undef fs_swap_link

#include "chain.h"
#include "key.h"
#include "killer.h"
#include "listing.h"
#include "refuse.h"
#include "seal.h"
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

/* A certificate as it comes from a CA. */
struct bought {
	struct key	*key;
	struct chain	*chain;
};

static struct bought one, two;

/* --- making --- */

static int
check_again(void *arg UNUSED, const struct key *key, struct span fullchain, struct err *why)
{
	struct chain_in in = { .pem = fullchain, .key = key, .names = &names, .now = NOW,
		.trust = trust, .bundle = bundle };
	struct chain *chain;
	int rc = chain_check(&in, &chain, why);

	chain_free(chain);
	return rc;
}

static void
buy(struct bought *b, int64_t from, int64_t until)
{
	struct testca_spec spec = { .names = "DNS:" NAME, .from = from, .until = until };
	struct buf csr, pem;
	struct testca_cert *leaf;
	struct chain_in in = { .names = &names, .now = NOW, .trust = trust, .bundle = bundle };

	buf_init(&csr, KEY_CSR_MAX);
	buf_init(&pem, CHAIN_MAX);
	ck_assert_ptr_nonnull(b->key = key_new("ecdsa-p256", &e));
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

static void
sell(struct bought *b)
{
	key_free(b->key);
	chain_free(b->chain);
}

static void
open_all(void)
{
	ck_assert_msg(store_open(tree_path("state"), STORE_WORK, &store, &e) == 0, "%s", e.text);
	ck_assert_msg(store_cert_open(store, NAME, &cert, &e) == 0, "%s", e.text);
}

static void
close_all(void)
{
	install_state_clear(&state);
	store_cert_free(cert);
	cert = NULL;
	store_free(store);
	store = NULL;
}

static void
start(void)
{
	struct testca_spec ca = { .ca = true, .cn = "Root" };
	struct buf pem;

	tree_start();
	buf_init(&pem, CHAIN_MAX);
	root = testca_root(&ca);
	ca.cn = "Intermediate";
	inter = testca_issue(root, &ca);
	testca_put(root, &pem);
	(void)testca_file(&pem, bundle);
	buf_clear(&pem);
	ck_assert_ptr_nonnull(trust = trust_new(&e));
	ck_assert_int_eq(strs_add(&names, NAME), 0);
	rights = (struct install_rights){ .uid = -1, .gid = -1 };
	swap_faults = 0;
	buy(&one, NOW - 60 * DAY, NOW + 30 * DAY);
	buy(&two, NOW - HOUR, NOW + 90 * DAY);
	open_all();
}

static void
finish(void)
{
	close_all();
	sell(&one);
	sell(&two);
	pack_clear(&install_rights_pack, &rights);
	strs_clear(&names);
	trust_free(trust);
	testca_free(inter);
	testca_free(root);
	tree_finish();
}

static int
try_stage(const struct bought *b, const char *order, int64_t *version)
{
	struct install_new in = { .chain = b->chain, .key = b->key, .ca = "letsencrypt",
		.order_url = order, .now = NOW, .rights = &rights, .check = check_again };

	return install_stage(cert, &in, version, &e);
}

static int64_t
stage(const struct bought *b)
{
	int64_t version;

	ck_assert_msg(try_stage(b, "https://ca.example/order/1", &version) == 0, "%s", e.text);
	return version;
}

#define MUST(call)	ck_assert_msg((call) == 0, "%s: %s", #call, e.text)

static void
deploy(int64_t version)
{
	MUST(install_switch(cert, version, NOW, &e));
	MUST(install_asked(cert, NOW, &e));
	MUST(install_done(cert, NOW, &e));
}

static void
look(void)
{
	install_state_clear(&state);
	MUST(install_look(cert, NOW, &state, &e));
}

/* --- what is there, as anybody else would see it --- */

/* Do current's files belong together? The promise V1. */
static bool
current_fits(void)
{
	struct buf key, chain;
	struct certs certs = { { NULL, 0 } };
	struct key *k = NULL;
	struct err why;
	uint8_t digest[SHA256_LEN];
	bool fit = false;
	const struct cert_facts *leaf;

	buf_init(&key, KEY_PEM_MAX);
	buf_init(&chain, CHAIN_MAX);
	if (fs_read_path(tree_path(DIR "current/privkey.pem"), KEY_PEM_MAX, &key, &why) == 0 &&
	    fs_read_path(tree_path(DIR "current/fullchain.pem"), CHAIN_MAX, &chain, &why) == 0 &&
	    chain_read(buf_span(&chain), &certs, &why) == 0 && certs.all.n == 2 &&
	    (k = key_from_pem(buf_span(&key), &why)) != NULL &&
	    key_public_digest(k, digest, &why) == 0) {
		leaf = certs.all.v;
		fit = span_eq(blob_span(&leaf->spki_sha256), span_of(digest, sizeof(digest)));
	}
	key_free(k);
	pack_clear(&certs_pack, &certs);
	buf_clear(&key);
	buf_clear(&chain);
	return fit;
}

static const char *
link_text(void)
{
	static char text[64];
	ssize_t n = readlinkat(at, DIR "current", text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool
has_leftovers(void)
{
	char *all = list_tree("state", false);
	bool has = strstr(all, FS_TEMP) != NULL;

	free(all);
	return has;
}

/* --- a version --- */

static const mode_t masks[] = { 0, 022, 077, 0777 };

/* FAULTS F14 */
START_TEST(a_version_has_its_files_and_modes)
{
	static const char want[] =
	    DIR "versions/1/cert.pem 100600\n"
	    DIR "versions/1/chain.pem 100600\n"
	    DIR "versions/1/combined.pem 100600\n"
	    DIR "versions/1/fullchain.pem 100600\n"
	    DIR "versions/1/manifest.json 100600\n"
	    DIR "versions/1/privkey.pem 100600\n";
	char *have;

	(void)umask(masks[_i]);
	ck_assert_int_eq(stage(&one), 1);
	(void)umask(022);
	have = list_tree(DIR "versions/1", false);
	ck_assert_str_eq(have, want);
	free(have);
	ck_assert_int_eq(tree_stat(DIR "versions/1").st_mode & 07777, 0700);
	ck_assert_int_eq(tree_stat(DIR "versions").st_mode & 07777, 0711);
	ck_assert(!has_leftovers());
}
END_TEST

START_TEST(a_group_gets_in_and_may_not_write)
{
	struct stat st;

	if (!is_root())
		return;
	rights.uid = SOMEBODY;
	rights.gid = SOMEBODY + 1;
	ck_assert_int_eq(stage(&one), 1);
	st = tree_stat(DIR "versions/1");
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_gid, SOMEBODY + 1);
	st = tree_stat(DIR "versions/1/privkey.pem");
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_uint_eq(st.st_uid, SOMEBODY);
	ck_assert_uint_eq(st.st_gid, SOMEBODY + 1);
	deploy(1);
	look();
	ck_assert_int_eq(state.health, INSTALL_GOOD);
}
END_TEST

START_TEST(the_files_say_what_was_checked)
{
	struct buf want, have;
	struct manifest m;

	ck_assert_int_eq(stage(&one), 1);
	MUST(install_check(cert, 1, &m, &e));
	ck_assert_int_eq(m.version, 1);
	ck_assert_int_eq(m.created, NOW);
	ck_assert_int_eq(m.not_before, NOW - 60 * DAY);
	ck_assert_int_eq(m.not_after, NOW + 30 * DAY);
	ck_assert_str_eq(m.serial, chain_leaf(one.chain)->serial);
	ck_assert_str_eq(m.issuer, "CN = Intermediate");
	ck_assert_str_eq(m.key_type, "ecdsa-p256");
	ck_assert_str_eq(m.ca, "letsencrypt");
	ck_assert_str_eq(m.order_url, "https://ca.example/order/1");
	ck_assert_uint_eq(m.names.n, 1);
	ck_assert_str_eq(m.names.v[0], NAME);
	ck_assert_uint_eq(strlen(m.leaf_sha256), 64);
	ck_assert_uint_eq(m.files.n, 5);
	pack_clear(&manifest_pack, &m);

	buf_init(&want, CHAIN_MAX);
	buf_init(&have, CHAIN_MAX);
	MUST(key_to_pem(one.key, &want, &e));
	chain_put_full(one.chain, &want);
	MUST(install_read(cert, 1, "combined.pem", &have, &e));
	ck_assert(span_eq(buf_span(&want), buf_span(&have)));
	buf_reset(&want);
	buf_reset(&have);
	chain_put_issuers(one.chain, &want);
	MUST(install_read(cert, 1, "chain.pem", &have, &e));
	ck_assert(span_eq(buf_span(&want), buf_span(&have)));
	ck_assert_uint_gt(have.n, 0);
	buf_clear(&want);
	buf_clear(&have);
}
END_TEST

/* FAULTS T08 */
START_TEST(numbers_only_grow)
{
	struct list all;
	const struct install_version *v;

	ck_assert_int_eq(stage(&one), 1);
	ck_assert_int_eq(stage(&two), 2);
	tree_dir(DIR "versions/9", 0700);
	tree_dir(DIR "versions/10", 0700);
	tree_dir(DIR "versions/011", 0700);
	tree_dir(DIR "versions/-12", 0700);
	tree_dir(DIR "versions/12a", 0700);
	tree_dir(DIR "versions/9999999999999999999999", 0700);
	tree_file(DIR "versions/2.bad", "");
	tree_file(DIR "versions/77.bad", "");
	MUST(install_list(cert, &all, &e));
	v = all.v;
	ck_assert_uint_eq(all.n, 4);
	ck_assert_int_eq(v[0].version, 10);
	ck_assert_int_eq(v[1].version, 9);
	ck_assert_int_eq(v[2].version, 2);
	ck_assert_int_eq(v[3].version, 1);
	ck_assert(v[2].bad && !v[0].bad && !v[1].bad && !v[3].bad);
	free(all.v);
	ck_assert_int_eq(stage(&two), 11);
	/* A number that only the journal remembers is not given again. */
	deploy(11);
	MUST(fs_remove(store_cert_fd(cert), "current", &e));
	ck_assert_int_eq(nftw(tree_path(DIR "versions/11"), remove_one, 16,
	    FTW_DEPTH | FTW_PHYS), 0);
	ck_assert_int_eq(stage(&two), 12);
}
END_TEST

static int
refuse_it(void *arg UNUSED, const struct key *key UNUSED, struct span fullchain UNUSED,
    struct err *why)
{
	return err_set(why, OUT_REFUSE, "not fit");
}

START_TEST(what_is_not_fit_leaves_nothing)
{
	struct install_new in = { .chain = one.chain, .key = one.key, .ca = "ca", .now = NOW,
		.rights = &rights, .check = _i == 0 ? refuse_it : check_again };
	int64_t version = 7;

	/* The key of another certificate: seen in what was read back. */
	if (_i == 1)
		in.key = two.key;
	ck_assert_int_eq(install_stage(cert, &in, &version, &e), -1);
	ck_assert_int_eq(e.class, OUT_REFUSE);
	ck_assert_int_eq(version, 0);
	look();
	ck_assert_int_eq(state.health, INSTALL_EMPTY);
	ck_assert_int_eq(state.pending, PENDING_NONE);
	ck_assert(!has_leftovers());
}
END_TEST

/* FAULTS F18 */
static const struct {
	const char	*what;
	int64_t		 uid, gid, reader_uid, reader_gid;
	mode_t		 top_mode;
	bool		 taken;
} readers[] = {
	{ "in the group", -1, SOMEBODY, 500, SOMEBODY, 0755, true },
	{ "the owner", 500, -1, 500, 501, 0755, true },
	{ "not in the group", -1, SOMEBODY, 500, 501, 0755, false },
	{ "no group at all", -1, -1, 500, 501, 0755, false },
	{ "a parent is closed", -1, SOMEBODY, 500, SOMEBODY, 0700, false },
	{ "root, whatever there is", -1, -1, 0, 0, 0700, true },
};

START_TEST(a_key_that_the_server_cannot_read_is_refused_before_the_swap)
{
	struct install_reader *r;
	int64_t version;

	if (!is_root())
		return;
	rights.uid = readers[_i].uid;
	rights.gid = readers[_i].gid;
	ck_assert_ptr_nonnull(r = list_add(&rights.readers, sizeof(*r)));
	r->name = strdup("kamailio");
	r->uid = readers[_i].reader_uid;
	r->gid = readers[_i].reader_gid;
	ck_assert_int_eq(chmod(top, readers[_i].top_mode), 0);
	ck_assert_msg((try_stage(&one, NULL, &version) == 0) == readers[_i].taken, "%s: %s",
	    readers[_i].what, e.text);
	if (readers[_i].taken) {
		deploy(version);
		MUST(install_readable(cert, &rights, &e));
		return;
	}
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_msg(strstr(e.text, "kamailio") != NULL, "%s", e.text);
	ck_assert_int_eq(tree_stat(DIR "versions/1").st_mode, 0);
	ck_assert(!has_leftovers());
}
END_TEST

START_TEST(a_changed_right_is_seen_later)
{
	struct install_reader *r;

	if (!is_root())
		return;
	rights.gid = SOMEBODY;
	ck_assert_ptr_nonnull(r = list_add(&rights.readers, sizeof(*r)));
	*r = (struct install_reader){ strdup("kamailio"), 500, SOMEBODY };
	deploy(stage(&one));
	MUST(install_readable(cert, &rights, &e));
	ck_assert_int_eq(fchmodat(at, DIR "versions/1/privkey.pem", 0600, 0), 0);
	ck_assert_int_eq(install_readable(cert, &rights, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
}
END_TEST

/* --- who may read --- */

static const struct {
	const char	*what;
	const char	*user, *group, *hook_user, *hook_user2;
	int64_t		 uid, gid;		/* -2: refused */
	size_t		 readers;
} owners[] = {
	{ "nobody named", NULL, NULL, NULL, NULL, -1, -1, 0 },
	{ "a server's user", NULL, NULL, "daemon", NULL, -1, 1, 1 },
	{ "two servers: the first one's group", NULL, NULL, "bin", "daemon", -1, 2, 2 },
	{ "a server as root needs no group", NULL, NULL, "root", NULL, -1, -1, 1 },
	{ "nor does it hide another", NULL, NULL, "root", "daemon", -1, 1, 2 },
	{ "an owner", "daemon", NULL, NULL, NULL, 1, 1, 0 },
	{ "an owner, and a server", "daemon", NULL, "bin", NULL, 1, 2, 1 },
	{ "a group", NULL, "sys", "daemon", NULL, -1, 3, 1 },
	{ "all of them", "daemon", "sys", "bin", NULL, 1, 3, 1 },
	{ "unknown owner", "no-such-user", NULL, NULL, NULL, -2, 0, 0 },
	{ "unknown group", NULL, "no-such-group", NULL, NULL, -2, 0, 0 },
	{ "unknown server", NULL, NULL, "no-such-user", NULL, -2, 0, 0 },
};

START_TEST(owner_and_group_follow_the_configuration)
{
	struct cert_conf conf = { .user = (char *)(uintptr_t)owners[_i].user,
		.group = (char *)(uintptr_t)owners[_i].group };
	struct hook_conf hooks[2] = { { .user = (char *)(uintptr_t)owners[_i].hook_user },
		{ .user = (char *)(uintptr_t)owners[_i].hook_user2 } };
	struct install_rights r;

	conf.hooks = (struct list){ hooks, 2 };
	if (owners[_i].uid == -2) {
		ck_assert_int_eq(install_rights(&conf, &r, &e), -1);
		ck_assert_int_eq(e.class, OUT_HOLD);
		return;
	}
	MUST(install_rights(&conf, &r, &e));
	ck_assert_msg(r.uid == owners[_i].uid && r.gid == owners[_i].gid &&
	    r.readers.n == owners[_i].readers, "%s: got %jd:%jd, %zu readers", owners[_i].what,
	    (intmax_t)r.uid, (intmax_t)r.gid, r.readers.n);
	pack_clear(&install_rights_pack, &r);
}
END_TEST

/* --- room --- */

START_TEST(room_is_taken_and_given_back)
{
	static const char reserve[] = DIR "versions/.kamcert-0000000000000000";

	MUST(install_reserve(cert, &e));
	ck_assert(S_ISDIR(tree_stat(reserve).st_mode));
	ck_assert_int_ge(tree_stat(DIR "versions/.kamcert-0000000000000000/0").st_blocks * 512,
	    128 * 1024);
	MUST(install_reserve(cert, &e));
	install_unreserve(cert);
	ck_assert(!has_leftovers());
	MUST(install_reserve(cert, &e));
	ck_assert_int_eq(stage(&one), 1);
	ck_assert(!has_leftovers());
	MUST(install_reserve(cert, &e));
	close_all();
	open_all();
	ck_assert(!has_leftovers());
}
END_TEST

START_TEST(without_room_no_order_is_placed)
{
	refuse_call(SYS_fallocate, ENOSPC);
	ck_assert_int_eq(install_reserve(cert, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(e.sys, ENOSPC);
	ck_assert(!has_leftovers());
}
END_TEST

/* FAULTS F04: the second version is another one, and fails as well. */
START_TEST(a_disk_that_does_not_sync_leaves_nothing)
{
	int64_t version;

	ck_assert_int_eq(stage(&one), 1);
	refuse_call(SYS_fsync, EIO);
	ck_assert_int_eq(try_stage(&two, NULL, &version), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(tree_stat(DIR "versions/2").st_mode, 0);
	ck_assert_int_eq(tree_stat(DIR "versions/3").st_mode, 0);
	ck_assert(!has_leftovers());
}
END_TEST

/* --- the drawing of install.h --- */

enum act { STAGE1, STAGE2, SWITCH1, SWITCH2, ASK, PROVE, BACK, MARK2, END };

static const struct {
	const char		*what;
	enum act		 acts[16];
	enum install_health	 health;
	int64_t			 version;
	enum install_pending	 pending;
	int64_t			 from, to;
} drawing[] = {
#define FIRST	STAGE1, SWITCH1, ASK, PROVE
	{ "nothing", { END }, INSTALL_EMPTY, 0, PENDING_NONE, 0, 0 },
	{ "staged, the first", { STAGE1, END }, INSTALL_EMPTY, 0, PENDING_DEPLOY, 0, 1 },
	{ "switched, the first", { STAGE1, SWITCH1, END }, INSTALL_GOOD, 1, PENDING_DEPLOY, 0, 1 },
	{ "asked, the first", { STAGE1, SWITCH1, ASK, END }, INSTALL_GOOD, 1, PENDING_DEPLOY, 0, 1 },
	{ "done, the first", { FIRST, END }, INSTALL_GOOD, 1, PENDING_NONE, 0, 0 },
	{ "staged", { FIRST, STAGE2, END }, INSTALL_GOOD, 1, PENDING_DEPLOY, 1, 2 },
	{ "staged, and given up", { FIRST, STAGE2, MARK2, END }, INSTALL_GOOD, 1, PENDING_NONE,
	  0, 0 },
	{ "switched", { FIRST, STAGE2, SWITCH2, END }, INSTALL_GOOD, 2, PENDING_DEPLOY, 1, 2 },
	{ "switched twice", { FIRST, STAGE2, SWITCH2, SWITCH2, END }, INSTALL_GOOD, 2,
	  PENDING_DEPLOY, 1, 2 },
	{ "asked", { FIRST, STAGE2, SWITCH2, ASK, END }, INSTALL_GOOD, 2, PENDING_DEPLOY, 1, 2 },
	{ "asked, and switched anew", { FIRST, STAGE2, SWITCH2, ASK, SWITCH2, END }, INSTALL_GOOD,
	  2, PENDING_DEPLOY, 1, 2 },
	{ "done", { FIRST, STAGE2, SWITCH2, ASK, PROVE, END }, INSTALL_GOOD, 2, PENDING_NONE, 0,
	  0 },
	{ "marked bad behind asked", { FIRST, STAGE2, SWITCH2, ASK, MARK2, END }, INSTALL_GOOD, 2,
	  PENDING_BACK, 1, 2 },
	{ "on the way back", { FIRST, STAGE2, SWITCH2, ASK, BACK, END }, INSTALL_GOOD, 1,
	  PENDING_BACK, 1, 2 },
	{ "on the way back, twice", { FIRST, STAGE2, SWITCH2, BACK, BACK, END }, INSTALL_GOOD, 1,
	  PENDING_BACK, 1, 2 },
	{ "asked on the way back", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, END }, INSTALL_GOOD,
	  1, PENDING_BACK, 1, 2 },
	{ "asked on the way back, and begun anew", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, BACK,
	  END }, INSTALL_GOOD, 1, PENDING_BACK, 1, 2 },
	{ "back", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, PROVE, END }, INSTALL_GOOD, 1,
	  PENDING_AGAIN, 1, 2 },
	{ "back, and a newer one was staged", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, PROVE,
	  STAGE2, END }, INSTALL_GOOD, 1, PENDING_DEPLOY, 1, 3 },
	{ "once more, switched", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, PROVE, SWITCH2, END },
	  INSTALL_GOOD, 2, PENDING_DEPLOY, 1, 2 },
	{ "once more, done", { FIRST, STAGE2, SWITCH2, ASK, BACK, ASK, PROVE, SWITCH2, ASK, PROVE,
	  END }, INSTALL_GOOD, 2, PENDING_NONE, 0, 0 },
	{ "an operator's way back, under way", { FIRST, STAGE2, SWITCH2, ASK, PROVE, SWITCH1, END },
	  INSTALL_GOOD, 1, PENDING_DEPLOY, 2, 1 },
	{ "an operator's way back, done", { FIRST, STAGE2, SWITCH2, ASK, PROVE, SWITCH1, ASK, PROVE,
	  END }, INSTALL_GOOD, 1, PENDING_NONE, 0, 0 },
	{ "an operator's way back that failed is not repeated", { FIRST, STAGE2, SWITCH2, ASK, PROVE,
	  SWITCH1, ASK, BACK, ASK, PROVE, END }, INSTALL_GOOD, 2, PENDING_NONE, 0, 0 },
};

static void
do_act(enum act act)
{
	switch (act) {
	case STAGE1:
		(void)stage(&one);
		break;
	case STAGE2:
		(void)stage(&two);
		break;
	case SWITCH1:
		MUST(install_switch(cert, 1, NOW, &e));
		break;
	case SWITCH2:
		MUST(install_switch(cert, 2, NOW, &e));
		break;
	case ASK:
		MUST(install_asked(cert, NOW, &e));
		break;
	case PROVE:
		MUST(install_done(cert, NOW, &e));
		break;
	case BACK:
		MUST(install_back(cert, "not served", NOW, &e));
		break;
	case MARK2:
		MUST(install_mark_bad(cert, 2, "not served", &e));
		break;
	case END:
		break;
	}
}

START_TEST(a_run_finds_what_the_one_before_left)
{
	for (size_t i = 0; drawing[_i].acts[i] != END; i++)
		do_act(drawing[_i].acts[i]);
	close_all();
	open_all();
	look();
	ck_assert_msg(state.health == drawing[_i].health && state.version == drawing[_i].version,
	    "%s: got version %jd, health %d", drawing[_i].what, (intmax_t)state.version,
	    state.health);
	ck_assert_msg(state.pending == drawing[_i].pending && state.from == drawing[_i].from &&
	    state.to == drawing[_i].to, "%s: got pending %d from %jd to %jd", drawing[_i].what,
	    state.pending, (intmax_t)state.from, (intmax_t)state.to);
	ck_assert_msg(state.problem == NULL, "%s: %s", drawing[_i].what, state.problem);
	if (state.pending == PENDING_BACK)
		ck_assert_int_eq(state.next.version, state.from);
	else if (state.pending != PENDING_NONE)
		ck_assert_int_eq(state.next.version, state.to);
	if (state.version != 0)
		ck_assert_int_eq(state.active.version, state.version);
}
END_TEST

static const struct {
	const char	*what;
	enum act	 acts[8];
	enum act	 wrong;
} disorder[] = {
	{ "asked before any switch", { END }, ASK },
	{ "done before any switch", { END }, PROVE },
	{ "back before any switch", { END }, BACK },
	{ "done before asked", { STAGE1, SWITCH1, END }, PROVE },
	{ "asked behind done", { FIRST, END }, ASK },
	{ "back behind done", { FIRST, END }, BACK },
	{ "no way back from the first", { STAGE1, SWITCH1, ASK, END }, BACK },
	{ "back done before asked", { FIRST, STAGE2, SWITCH2, BACK, END }, PROVE },
	{ "switch to what is not there", { FIRST, END }, SWITCH2 },
};

START_TEST(no_step_is_taken_out_of_order)
{
	char *before, *after;
	int rc = 0;

	for (size_t i = 0; disorder[_i].acts[i] != END; i++)
		do_act(disorder[_i].acts[i]);
	before = list_tree("state", true);
	if (disorder[_i].wrong == ASK)
		rc = install_asked(cert, NOW, &e);
	else if (disorder[_i].wrong == PROVE)
		rc = install_done(cert, NOW, &e);
	else if (disorder[_i].wrong == BACK)
		rc = install_back(cert, "not served", NOW, &e);
	else
		rc = install_switch(cert, 2, NOW, &e);
	ck_assert_msg(rc == -1, "%s: done", disorder[_i].what);
	ck_assert_int_eq(e.class, OUT_HOLD);
	after = list_tree("state", true);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}
END_TEST

START_TEST(the_reason_is_kept_beside_a_bad_version)
{
	deploy(stage(&one));
	(void)stage(&two);
	MUST(install_switch(cert, 2, NOW, &e));
	MUST(install_back(cert, "sips:127.0.0.1:5061 served\nserial 01", NOW, &e));
	ck_assert_str_eq(tree_text(DIR "versions/2.bad"), "sips:127.0.0.1:5061 served serial 01");
	ck_assert_str_eq(link_text(), "versions/1");
}
END_TEST

/* --- FAULTS F05 --- */

static const struct {
	const char	*what;
	int		 faults;
	const char	*link;
	int		 rc;
} syncs[] = {
	{ "another link does it", 1, "versions/2", 0 },
	{ "nothing does it: the old one is put back", 2, "versions/1", -1 },
	{ "not even that: no promise is made", 3, "versions/1", -1 },
};

START_TEST(a_switch_of_unknown_outcome_is_decided_at_once)
{
	deploy(stage(&one));
	(void)stage(&two);
	swap_faults = syncs[_i].faults;
	ck_assert_msg(install_switch(cert, 2, NOW, &e) == syncs[_i].rc, "%s", syncs[_i].what);
	ck_assert_str_eq(link_text(), syncs[_i].link);
	ck_assert(current_fits());
	if (syncs[_i].rc == -1)
		ck_assert_int_eq(e.class, OUT_RETRY);
	swap_faults = 0;
	look();
	ck_assert_int_eq(state.pending, PENDING_DEPLOY);
	ck_assert_int_eq(state.from, 1);
	deploy(2);
	look();
	ck_assert_int_eq(state.version, 2);
	ck_assert_int_eq(state.pending, PENDING_NONE);
}
END_TEST

/* --- killed anywhere (FAULTS P01, V1, V4) --- */

static void
work_forward(void *arg UNUSED)
{
	open_all();
	MUST(install_reserve(cert, &e));
	deploy(stage(&two));
	MUST(install_prune(cert, &e));
	close_all();
}

static void
work_back(void *arg UNUSED)
{
	open_all();
	MUST(install_back(cert, "not served", NOW, &e));
	MUST(install_asked(cert, NOW, &e));
	MUST(install_done(cert, NOW, &e));
	close_all();
}

/* What job does with what is pending, without servers. */
static void
recover(void)
{
	open_all();
	look();
	if (state.pending == PENDING_BACK)
		MUST(install_back(cert, "not served", NOW, &e));
	else if (state.pending != PENDING_NONE)
		MUST(install_switch(cert, state.to, NOW, &e));
	if (state.pending != PENDING_NONE) {
		MUST(install_asked(cert, NOW, &e));
		MUST(install_done(cert, NOW, &e));
	}
	MUST(install_prune(cert, &e));
	look();
}

static void
reset_tree(void)
{
	close_all();
	(void)nftw(tree_path("state"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
	open_all();
}

START_TEST(killed_at_any_call_of_an_install_a_run_ends_it)
{
	bool was_killed = true, had_old = _i == 1;
	int seen_new = 0, seen_old = 0;

	for (long n = 1; was_killed; n++) {
		reset_tree();
		if (had_old)
			deploy(stage(&one));
		close_all();
		was_killed = kill_at(n, work_forward, NULL);
		ck_assert_msg(current_fits() || (!had_old && link_text()[0] == '\0'),
		    "call %ld: current leads to %s", n, link_text());
		recover();
		ck_assert_msg(state.problem == NULL, "call %ld: %s", n, state.problem);
		ck_assert_int_eq(state.pending, PENDING_NONE);
		ck_assert_msg(!has_leftovers(), "call %ld", n);
		if (state.version == had_old)
			seen_old++;
		else
			seen_new++;
		ck_assert_msg(state.health == (state.version == 0 ? INSTALL_EMPTY : INSTALL_GOOD),
		    "call %ld: health %d", n, state.health);
	}
	/* Both sides of the commit point were met, and many calls. */
	ck_assert_int_gt(seen_old, 50);
	ck_assert_int_gt(seen_new, 50);
}
END_TEST

START_TEST(killed_at_any_call_of_a_way_back_a_run_ends_it)
{
	bool was_killed = true;
	int forward = 0, back = 0;

	for (long n = 1; was_killed; n++) {
		reset_tree();
		deploy(stage(&one));
		(void)stage(&two);
		MUST(install_switch(cert, 2, NOW, &e));
		MUST(install_asked(cert, NOW, &e));
		close_all();
		was_killed = kill_at(n, work_back, NULL);
		ck_assert_msg(current_fits(), "call %ld", n);
		recover();
		ck_assert_msg(state.problem == NULL, "call %ld: %s", n, state.problem);
		ck_assert_int_eq(state.health, INSTALL_GOOD);
		ck_assert_msg(!has_leftovers(), "call %ld", n);
		if (state.version == 2)
			forward++;
		else
			back++;
	}
	ck_assert_int_gt(forward, 5);
	ck_assert_int_gt(back, 20);
}
END_TEST

/* --- restored from a backup, in part (FAULTS F11), or changed (F12, F13) --- */

enum tree {
	LINK_TO_NOTHING, LINK_MISSING, NO_LEAF, NO_KEY, NO_MANIFEST, OTHER_KEY, OTHER_MANIFEST,
	EMPTY_CHAIN, OLD_WITH_NEW_JOURNAL, NEW_WITH_OLD_JOURNAL, NO_JOURNAL, NO_VERSIONS,
	ALL_BROKEN, ONE_OCTET, HAND_NEWER, HAND_OLDER_STAGED, JOURNAL_GARBAGE, CHMODDED,
};

static const struct {
	const char		*what;
	enum tree		 tree;
	enum install_health	 health;
	int64_t			 version;
	enum install_pending	 pending;
	int64_t			 to;
	bool			 alarm;
} trees[] = {
	/* versions 1, 2 and 3; 3 is active and proven, unless the tree says otherwise */
	{ "pointer to a missing version", LINK_TO_NOTHING, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2, true },
	{ "no pointer", LINK_MISSING, INSTALL_BROKEN, 0, PENDING_DEPLOY, 3, true },
	{ "version without its leaf", NO_LEAF, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2, true },
	{ "version without its key", NO_KEY, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2, true },
	{ "version without its manifest", NO_MANIFEST, INSTALL_CHANGED, 3, PENDING_NONE, 0, true },
	{ "key of another version", OTHER_KEY, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2, true },
	{ "manifest of another version", OTHER_MANIFEST, INSTALL_CHANGED, 3, PENDING_NONE, 0, true },
	{ "empty file", EMPTY_CHAIN, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2, true },
	{ "older generation with a newer journal", OLD_WITH_NEW_JOURNAL, INSTALL_GOOD, 2,
	  PENDING_NONE, 0, true },
	{ "newer generation with an older journal", NEW_WITH_OLD_JOURNAL, INSTALL_GOOD, 3,
	  PENDING_NONE, 0, true },
	{ "no journal", NO_JOURNAL, INSTALL_GOOD, 3, PENDING_NONE, 0, false },
	{ "no versions at all", NO_VERSIONS, INSTALL_BROKEN, 3, PENDING_NONE, 0, true },
	{ "no version is whole", ALL_BROKEN, INSTALL_BROKEN, 3, PENDING_NONE, 0, true },
	{ "one octet of a comment changed", ONE_OCTET, INSTALL_CHANGED, 3, PENDING_NONE, 0, true },
	{ "a newer one placed by hand, an older one staged", HAND_NEWER, INSTALL_CHANGED, 0,
	  PENDING_NONE, 0, true },
	{ "an older one placed by hand, a newer one staged", HAND_OLDER_STAGED, INSTALL_CHANGED, 0,
	  PENDING_DEPLOY, 4, true },
	{ "journal of garbage", JOURNAL_GARBAGE, INSTALL_GOOD, 3, PENDING_NONE, 0, false },
	{ "other modes are nobody's fault here", CHMODDED, INSTALL_GOOD, 3, PENDING_NONE, 0, false },
};

static void
copy_file(const char *from, const char *to)
{
	struct buf b;
	int fd;

	buf_init(&b, CHAIN_MAX);
	MUST(fs_read_path(tree_path(from), CHAIN_MAX, &b, &e));
	fd = openat(at, to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, b.p, b.n), (ssize_t)b.n);
	(void)close(fd);
	buf_clear(&b);
}

static void
relink(const char *target)
{
	(void)unlinkat(at, DIR "current", 0);
	ck_assert_int_eq(symlinkat(target, at, DIR "current"), 0);
}

static void
drop(const char *name)
{
	ck_assert_int_eq(nftw(tree_path(name), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void
place_by_hand(const struct bought *b)
{
	struct buf key, full;

	buf_init(&key, KEY_PEM_MAX);
	buf_init(&full, CHAIN_MAX);
	MUST(key_to_pem(b->key, &key, &e));
	chain_put_full(b->chain, &full);
	tree_dir(DIR "versions/mine", 0700);
	tree_file(DIR "versions/mine/privkey.pem", buf_cstr(&key));
	tree_file(DIR "versions/mine/fullchain.pem", buf_cstr(&full));
	relink("versions/mine");
	buf_clear(&key);
	buf_clear(&full);
}

static void
write_journal(int64_t from, int64_t to)
{
	struct journal j = { JOURNAL_DONE, from, to, NOW };

	MUST(journal_save(store_cert_fd(cert), &j, &e));
}

static void
break_version(const char *dir)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/fullchain.pem", dir);
	tree_file(path, "-----BEGIN CERTIFICATE-----\n");
}

static void
change_octet(void)
{
	struct buf b;

	/* Text before a block means nothing to a server. */
	buf_init(&b, CHAIN_MAX);
	buf_str(&b, "x\n");
	MUST(install_read(cert, 3, "fullchain.pem", &b, &e));
	tree_file(DIR "versions/3/fullchain.pem", buf_cstr(&b));
	buf_clear(&b);
}

static void
plant(enum tree tree)
{
	struct bought old = two, new;

	switch (tree) {
	case LINK_TO_NOTHING:
		drop(DIR "versions/3");
		break;
	case LINK_MISSING:
		drop(DIR "current");
		break;
	case NO_LEAF:
		drop(DIR "versions/3/fullchain.pem");
		break;
	case NO_KEY:
		drop(DIR "versions/3/privkey.pem");
		break;
	case NO_MANIFEST:
		drop(DIR "versions/3/manifest.json");
		break;
	case OTHER_KEY:
		copy_file(DIR "versions/1/privkey.pem", DIR "versions/3/privkey.pem");
		break;
	case OTHER_MANIFEST:
		copy_file(DIR "versions/2/manifest.json", DIR "versions/3/manifest.json");
		break;
	case EMPTY_CHAIN:
		tree_file(DIR "versions/3/fullchain.pem", "");
		break;
	case OLD_WITH_NEW_JOURNAL:
		relink("versions/2");
		drop(DIR "versions/3");
		break;
	case NEW_WITH_OLD_JOURNAL:
		write_journal(1, 2);
		break;
	case NO_JOURNAL:
		drop(DIR "journal");
		break;
	case NO_VERSIONS:
		drop(DIR "versions");
		break;
	case ALL_BROKEN:
		break_version(DIR "versions/1");
		break_version(DIR "versions/2");
		break_version(DIR "versions/3");
		break;
	case ONE_OCTET:
		change_octet();
		break;
	case HAND_NEWER:
		(void)stage(&old);
		buy(&new, NOW - 60, NOW + 90 * DAY);
		place_by_hand(&new);
		sell(&new);
		break;
	case HAND_OLDER_STAGED:
		place_by_hand(&one);
		(void)stage(&two);
		break;
	case JOURNAL_GARBAGE:
		tree_file(DIR "journal", "{\"format\":1,\"state\":\"done\"}");
		break;
	case CHMODDED:
		ck_assert_int_eq(fchmodat(at, DIR "versions/3/cert.pem", 0644, 0), 0);
		break;
	}
}

START_TEST(half_a_backup_never_makes_it_worse)
{
	char *before, *after;
	int64_t version;

	deploy(stage(&one));
	deploy(stage(&two));
	deploy(stage(&two));
	plant(trees[_i].tree);
	close_all();
	open_all();
	before = list_tree("state", true);
	look();
	ck_assert_msg(state.health == trees[_i].health && state.version == trees[_i].version,
	    "%s: got version %jd, health %d: %s", trees[_i].what, (intmax_t)state.version,
	    state.health, state.problem);
	ck_assert_msg(state.pending == trees[_i].pending && state.to == trees[_i].to,
	    "%s: got pending %d to %jd", trees[_i].what, state.pending, (intmax_t)state.to);
	ck_assert_msg((state.problem != NULL) == trees[_i].alarm, "%s: problem %s", trees[_i].what,
	    state.problem);
	if (state.health == INSTALL_CHANGED)
		ck_assert_str_eq(state.active.names.v[0], NAME);
	after = list_tree("state", true);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	/* What is pending leads to a good end, and so does a new certificate. */
	if (state.pending == PENDING_DEPLOY) {
		deploy(state.to);
		look();
		ck_assert_int_eq(state.health, INSTALL_GOOD);
		ck_assert_int_eq(state.pending, PENDING_NONE);
		ck_assert_ptr_null(state.problem);
	}
	version = stage(&two);
	ck_assert_int_gt(version, 3);
	deploy(version);
	look();
	ck_assert_int_eq(state.health, INSTALL_GOOD);
	ck_assert_int_eq(state.version, version);
	ck_assert_ptr_null(state.problem);
}
END_TEST

START_TEST(an_expired_version_is_no_rescue)
{
	deploy(stage(&one));
	deploy(stage(&two));
	drop(DIR "versions/2/privkey.pem");
	install_state_clear(&state);
	MUST(install_look(cert, NOW + 40 * DAY, &state, &e));
	ck_assert_int_eq(state.health, INSTALL_BROKEN);
	ck_assert_int_eq(state.pending, PENDING_NONE);
	look();
	ck_assert_int_eq(state.pending, PENDING_DEPLOY);
	ck_assert_int_eq(state.to, 1);
}
END_TEST

START_TEST(a_rolled_back_version_that_expired_is_not_tried_again)
{
	deploy(stage(&two));
	(void)stage(&one);
	MUST(install_switch(cert, 2, NOW, &e));
	MUST(install_back(cert, "not served", NOW, &e));
	MUST(install_asked(cert, NOW, &e));
	MUST(install_done(cert, NOW, &e));
	look();
	ck_assert_int_eq(state.pending, PENDING_AGAIN);
	install_state_clear(&state);
	MUST(install_look(cert, NOW + 40 * DAY, &state, &e));
	ck_assert_int_eq(state.pending, PENDING_NONE);
}
END_TEST

START_TEST(without_a_whole_version_behind_it_the_new_one_stays)
{
	deploy(stage(&one));
	(void)stage(&two);
	MUST(install_switch(cert, 2, NOW, &e));
	drop(DIR "versions/1/chain.pem");
	ck_assert_int_eq(install_back(cert, "not served", NOW, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_str_eq(link_text(), "versions/2");
	look();
	ck_assert_int_eq(state.pending, PENDING_DEPLOY);
	ck_assert_ptr_null(state.problem);
	MUST(install_mark_bad(cert, 2, "not served", &e));
	look();
	ck_assert_int_eq(state.pending, PENDING_AGAIN);
	ck_assert_ptr_nonnull(state.problem);
}
END_TEST

static const char *const links[] = {
	"/etc/passwd", "../other/current", "versions", "versions/", "versions/../..",
	"versions/1/..", "1", "versions/.kamcert-0000000000000000",
};

START_TEST(a_link_that_leads_away_is_refused)
{
	deploy(stage(&one));
	relink(links[_i]);
	ck_assert_int_eq(install_look(cert, NOW, &state, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
}
END_TEST

/* FAULTS F08: in the places of a certificate */
static const char *const places[] = {
	DIR "current", DIR "journal", DIR "versions", DIR "versions/1",
	DIR "versions/1/privkey.pem", DIR "versions/1/manifest.json",
};

START_TEST(what_is_no_file_of_ours_is_never_followed)
{
	const char *place = places[_i / NKINDS];
	enum kind kind = (enum kind)(_i % NKINDS);
	struct stat before;

	deploy(stage(&one));
	close_all();
	drop(place);
	if (!tree_kind(place, kind) || (kind == FOLDER && strcmp(place, DIR "versions") == 0))
		return;
	before = tree_stat(place);
	if (store_open(tree_path("state"), STORE_WORK, &store, &e) == 0 &&
	    store_cert_open(store, NAME, &cert, &e) == 0 &&
	    install_look(cert, NOW, &state, &e) == 0)
		ck_assert_msg(state.health == INSTALL_BROKEN || state.health == INSTALL_CHANGED,
		    "%s as %s: health %d", place, kind_names[kind], state.health);
	else
		ck_assert_msg(e.class == OUT_HOLD, "%s as %s: %s", place, kind_names[kind], e.text);
	ck_assert_uint_eq(before.st_ino, tree_stat(place).st_ino);
	if (kind == LINK || kind == HARD)
		ck_assert_str_eq(tree_text("victim"), "victim");
}
END_TEST

/* --- FAULTS I08 --- */

static void
flip(const char *name, size_t bit)
{
	int fd = openat(at, name, O_RDWR);
	uint8_t octet;

	ck_assert_int_eq(pread(fd, &octet, 1, (off_t)(bit / 8)), 1);
	octet ^= (uint8_t)(1u << bit % 8);
	ck_assert_int_eq(pwrite(fd, &octet, 1, (off_t)(bit / 8)), 1);
	(void)close(fd);
}

START_TEST(no_bit_of_a_journal_is_fatal)
{
	size_t bits;

	deploy(stage(&one));
	bits = (size_t)tree_stat(DIR "journal").st_size * 8;
	for (size_t bit = 0; bit < bits; bit++) {
		flip(DIR "journal", bit);
		look();
		ck_assert_msg(state.journal.state == JOURNAL_NONE, "bit %zu", bit);
		ck_assert_int_eq(state.health, INSTALL_GOOD);
		ck_assert_int_eq(state.pending, PENDING_NONE);
		flip(DIR "journal", bit);
	}
	look();
	ck_assert_int_eq(state.journal.state, JOURNAL_DONE);
}
END_TEST

START_TEST(no_bit_of_a_version_changes_unseen)
{
	static const char *const all[] = { "manifest.json", "privkey.pem", "cert.pem", "chain.pem",
		"fullchain.pem", "combined.pem" };
	char name[PATH_MAX];
	struct manifest m;
	size_t bits;

	(void)stage(&one);
	(void)snprintf(name, sizeof(name), DIR "versions/1/%s", all[_i]);
	bits = (size_t)tree_stat(name).st_size * 8;
	ck_assert_uint_gt(bits, 1000);
	for (size_t bit = 0; bit < bits; bit += _i == 0 ? 1 : 7) {
		flip(name, bit);
		ck_assert_msg(install_check(cert, 1, &m, &e) == -1, "%s: bit %zu", all[_i], bit);
		ck_assert_int_eq(e.class, OUT_HOLD);
		flip(name, bit);
	}
	MUST(install_check(cert, 1, &m, &e));
	pack_clear(&manifest_pack, &m);
}
END_TEST

/* --- an order whose certificate is here --- */

START_TEST(an_order_that_was_staged_is_dropped)
{
	struct store_order order = { .created = NOW };

	order.url = (char *)(uintptr_t)(_i == 0 ? "https://ca.example/order/1" :
	    "https://ca.example/order/2");
	order.ca = order.key_type = order.url;
	(void)stage(&one);
	MUST(store_order_save(cert, &order, &e));
	if (_i == 0) {
		ck_assert_int_eq(install_order(cert, &order, &e), -1);
		ck_assert_int_eq(e.sys, ENOENT);
		ck_assert_int_eq(tree_stat(DIR "order").st_mode, 0);
		return;
	}
	MUST(install_order(cert, &order, &e));
	ck_assert_str_eq(order.url, "https://ca.example/order/2");
	pack_clear(&store_order_pack, &order);
}
END_TEST

/* --- pruning (FAULTS F17) --- */

static bool
has_version(int64_t n)
{
	char path[64];

	(void)snprintf(path, sizeof(path), DIR "versions/%jd", (intmax_t)n);
	return S_ISDIR(tree_stat(path).st_mode);
}

static size_t
count_versions(void)
{
	struct list all;

	MUST(install_list(cert, &all, &e));
	free(all.v);
	return all.n;
}

START_TEST(old_versions_go_and_needed_ones_stay)
{
	char name[64];

	deploy(stage(&one));
	deploy(stage(&two));
	for (int n = 3; n <= 209; n++) {
		(void)snprintf(name, sizeof(name), DIR "versions/%d", n);
		tree_dir(name, 0700);
		(void)snprintf(name, sizeof(name), DIR "versions/%d/privkey.pem", n);
		tree_file(name, "old");
	}
	tree_file(DIR "versions/3.bad", "");
	MUST(install_prune(cert, &e));
	ck_assert_uint_eq(count_versions(), 209 - 64);
	for (int i = 0; i < 4; i++)
		MUST(install_prune(cert, &e));
	ck_assert_uint_eq(count_versions(), 5);
	ck_assert(has_version(1) && has_version(2));
	ck_assert(has_version(209) && has_version(208) && has_version(207));
	ck_assert_int_eq(tree_stat(DIR "versions/3.bad").st_mode, 0);
	ck_assert(!has_leftovers());
	look();
	ck_assert_int_eq(state.health, INSTALL_GOOD);
}
END_TEST

START_TEST(pruning_nothing_is_fine)
{
	MUST(install_prune(cert, &e));
	deploy(stage(&one));
	MUST(install_prune(cert, &e));
	ck_assert_uint_eq(count_versions(), 1);
}
END_TEST

START_TEST(the_version_to_go_back_to_is_named)
{
	deploy(stage(&one));
	look();
	ck_assert_int_eq(state.previous, 0);
	deploy(stage(&two));
	look();
	ck_assert_int_eq(state.previous, 1);
	deploy(stage(&two));
	MUST(install_mark_bad(cert, 2, "not served", &e));
	look();
	ck_assert_int_eq(state.previous, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("install");
	TCase *t = tcase_create("install");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_version_has_its_files_and_modes, 0, NITEMS(masks));
	tcase_add_test(t, a_group_gets_in_and_may_not_write);
	tcase_add_test(t, the_files_say_what_was_checked);
	tcase_add_test(t, numbers_only_grow);
	tcase_add_loop_test(t, what_is_not_fit_leaves_nothing, 0, 2);
	tcase_add_loop_test(t, a_key_that_the_server_cannot_read_is_refused_before_the_swap, 0,
	    NITEMS(readers));
	tcase_add_test(t, a_changed_right_is_seen_later);
	tcase_add_loop_test(t, owner_and_group_follow_the_configuration, 0, NITEMS(owners));
	tcase_add_test(t, room_is_taken_and_given_back);
	tcase_add_test(t, without_room_no_order_is_placed);
	tcase_add_test(t, a_disk_that_does_not_sync_leaves_nothing);
	tcase_add_loop_test(t, a_run_finds_what_the_one_before_left, 0, NITEMS(drawing));
	tcase_add_loop_test(t, no_step_is_taken_out_of_order, 0, NITEMS(disorder));
	tcase_add_test(t, the_reason_is_kept_beside_a_bad_version);
	tcase_add_loop_test(t, a_switch_of_unknown_outcome_is_decided_at_once, 0, NITEMS(syncs));
	tcase_add_loop_test(t, killed_at_any_call_of_an_install_a_run_ends_it, 0, 2);
	tcase_add_test(t, killed_at_any_call_of_a_way_back_a_run_ends_it);
	tcase_add_loop_test(t, half_a_backup_never_makes_it_worse, 0, NITEMS(trees));
	tcase_add_test(t, an_expired_version_is_no_rescue);
	tcase_add_test(t, a_rolled_back_version_that_expired_is_not_tried_again);
	tcase_add_test(t, without_a_whole_version_behind_it_the_new_one_stays);
	tcase_add_loop_test(t, a_link_that_leads_away_is_refused, 0, NITEMS(links));
	tcase_add_loop_test(t, what_is_no_file_of_ours_is_never_followed, 0,
	    NITEMS(places) * NKINDS);
	tcase_add_test(t, no_bit_of_a_journal_is_fatal);
	tcase_add_loop_test(t, no_bit_of_a_version_changes_unseen, 0, 6);
	tcase_add_loop_test(t, an_order_that_was_staged_is_dropped, 0, 2);
	tcase_add_test(t, old_versions_go_and_needed_ones_stay);
	tcase_add_test(t, pruning_nothing_is_fine);
	tcase_add_test(t, the_version_to_go_back_to_is_named);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
