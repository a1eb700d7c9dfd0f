/*
 * check_recover: whatever a backup or another program left behind, the next
 * run ends well: half a version, a changed bit, a link that leads away.
 */
#include "installed.h"
#include "suite.h"

START_TEST(a_pair_is_two_sets_of_files_and_one_version)
{
	static const char *const files[] = { "privkey", "cert", "chain", "fullchain", "combined" };
	const struct manifest_leaf *l;
	struct store_order order = { .created = NOW };
	int64_t version;
	char path[64];

	buy(&other, "rsa-2048", NOW - HOUR, NOW + 60 * DAY);
	MUST(try_stage_pair(&version));
	deploy(version);
	look();
	ck_assert_int_eq(state.health, INSTALL_GOOD);
	ck_assert_uint_eq(state.active.files.n, 10);
	ck_assert_uint_eq(state.active.leaves.n, 2);
	l = manifest_leaf(&state.active, 1);
	ck_assert_str_eq(state.active.key_type, "ecdsa-p256");
	ck_assert_str_eq(l->key_type, "rsa-2048");
	ck_assert_str_eq(l->serial, chain_leaf(other.chain)->serial);
	/* the one that ends first */
	ck_assert_int_eq(state.active.not_after, NOW + 60 * DAY);
	ck_assert_int_eq(manifest_leaf(&state.active, 0)->not_after, NOW + 90 * DAY);
	/* either order is known as fetched */
	order.url = order.ca = order.key_type = l->order_url;
	MUST(store_order_save(cert, "-rsa", &order, &e));
	ck_assert_int_eq(install_order(cert, "-rsa", &order, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	/* no file may be missing or changed */
	for (size_t i = 0; i < NITEMS(files); i++) {
		snprintf(path, sizeof path, DIR "versions/1/%s-rsa.pem", files[i]);
		ck_assert_int_ne(tree_stat(path).st_mode, 0);
		ck_assert_int_eq(unlinkat(at, path, 0), 0);
		look();
		ck_assert_msg(state.health != INSTALL_GOOD && state.problem != NULL, "%s", path);
		drop(DIR "versions/1");
		ck_assert_int_eq(fs_remove(store_cert_fd(cert), "current", &e), 0);
		ck_assert_int_eq(fs_remove(store_cert_fd(cert), "journal", &e), 0);
		MUST(try_stage_pair(&version));
		ck_assert_int_eq(version, 1);
		deploy(version);
	}
	sell(&other);
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
	{ "pointer to a missing version", LINK_TO_NOTHING, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2,
	    true },
	{ "no pointer", LINK_MISSING, INSTALL_BROKEN, 0, PENDING_DEPLOY, 3, true },
	{ "version without its leaf", NO_LEAF, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2, true },
	{ "version without its key", NO_KEY, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2, true },
	{ "version without its manifest", NO_MANIFEST, INSTALL_CHANGED, 3, PENDING_NONE, 0, true },
	{ "key of another version", OTHER_KEY, INSTALL_BROKEN, 3, PENDING_DEPLOY, 2, true },
	{ "manifest of another version", OTHER_MANIFEST, INSTALL_CHANGED, 3, PENDING_NONE, 0,
	    true },
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
	{ "other modes are nobody's fault here", CHMODDED, INSTALL_GOOD, 3, PENDING_NONE, 0,
	    false },
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
		buy(&new, "ecdsa-p256", NOW - 60, NOW + 90 * DAY);
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

START_TEST(a_bad_version_is_no_rescue)
{
	deploy(stage(&one));
	deploy(stage(&two));
	deploy(stage(&two));
	MUST(install_mark_bad(cert, 2, "not served", &e));
	drop(DIR "versions/3/privkey.pem");
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

	ck_assert_msg(fd != -1, "%s: %s", name, strerror(errno));
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

int
main(void)
{
	Suite *s = suite_create("recover");
	TCase *t = tcase_create("recover");

	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_pair_is_two_sets_of_files_and_one_version);
	tcase_add_loop_test(t, half_a_backup_never_makes_it_worse, 0, NITEMS(trees));
	tcase_add_test(t, an_expired_version_is_no_rescue);
	tcase_add_test(t, a_bad_version_is_no_rescue);
	tcase_add_test(t, a_rolled_back_version_that_expired_is_not_tried_again);
	tcase_add_test(t, without_a_whole_version_behind_it_the_new_one_stays);
	tcase_add_loop_test(t, a_link_that_leads_away_is_refused, 0, NITEMS(links));
	tcase_add_loop_test(t, what_is_no_file_of_ours_is_never_followed, 0,
	    NITEMS(places) * NKINDS);
	tcase_add_test(t, no_bit_of_a_journal_is_fatal);
	tcase_add_loop_test(t, no_bit_of_a_version_changes_unseen, 0, 6);
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
