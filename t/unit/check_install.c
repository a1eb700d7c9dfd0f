/*
 * check_install: versions, their files and rights, the room for them, and
 * which of them go. The steps from one to the next are check_install_steps'.
 */
#include "installed.h"
#include "refuse.h"
#include "suite.h"

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
refuse_it(void *arg UNUSED, struct span key_pem UNUSED, struct span fullchain UNUSED,
    struct err *why)
{
	return err_set(why, OUT_REFUSE, "not fit");
}

START_TEST(what_is_not_fit_leaves_nothing)
{
	struct install_new in = { .parts = { { one.chain, one.key, NULL } }, .nparts = 1,
	    .ca = "ca", .now = NOW,
		.rights = &rights, .check = _i == 0 ? refuse_it : check_again };
	int64_t version = 7;

	/* The key of another certificate: seen in what was read back. */
	if (_i == 1)
		in.parts[0].key = two.key;
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
	/* what stands above a version is known before there is one (FAULTS L07) */
	ck_assert_msg((install_reserve(cert, 1, &rights, &e) == 0) == (readers[_i].taken ||
	    readers[_i].top_mode == 0755), "%s: %s", readers[_i].what, e.text);
	ck_assert(e.class == OUT_OK || e.class == OUT_HOLD);
	err_clear(&e);
	ck_assert_msg((try_stage(&one, NULL, &version) == 0) == readers[_i].taken, "%s: %s",
	    readers[_i].what, e.text);
	if (readers[_i].taken) {
		deploy(version);
		look();
		MUST(install_readable(cert, &state.active, &rights, &e));
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
	look();
	MUST(install_readable(cert, &state.active, &rights, &e));
	ck_assert_int_eq(fchmodat(at, DIR "versions/1/privkey.pem", 0600, 0), 0);
	ck_assert_int_eq(install_readable(cert, &state.active, &rights, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
}
END_TEST

/* FAULTS S09: a version that was made well, and what has become of a file of it. */
static const struct {
	const char	*what, *file;
	mode_t		 mode;
	uid_t		 file_uid;
	int64_t		 uid;		/* of the configuration */
	bool		 good;
} guards[] = {
	{ "as it was made", "privkey.pem", 0600, 0, -1, true },
	{ "closed to its owner", "privkey.pem", 0400, 0, -1, true },
	{ "its group may read", "privkey.pem", 0640, 0, -1, true },
	{ "others may read", "privkey.pem", 0644, 0, -1, false },
	{ "others may read the other file", "combined.pem", 0604, 0, -1, false },
	{ "its group may write", "combined.pem", 0660, 0, -1, false },
	{ "set-user-id", "privkey.pem", 04600, 0, -1, false },
	{ "what is no secret", "cert.pem", 0666, 0, -1, true },
	{ "somebody else's", "privkey.pem", 0600, SOMEBODY, -1, false },
	{ "the configured owner's", "privkey.pem", 0600, SOMEBODY, SOMEBODY, true },
};

START_TEST(a_key_that_others_can_read_is_seen_later)
{
	char path[PATH_MAX];

	if (guards[_i].file_uid != 0 && !is_root())
		return;
	deploy(stage(&one));
	look();
	(void)snprintf(path, sizeof(path), DIR "versions/1/%s", guards[_i].file);
	if (guards[_i].file_uid != 0)
		ck_assert_int_eq(fchownat(at, path, guards[_i].file_uid, (gid_t)-1, 0), 0);
	ck_assert_int_eq(fchmodat(at, path, guards[_i].mode, 0), 0);
	rights.uid = guards[_i].uid;
	ck_assert_msg((install_guarded(cert, &state.active, &rights, &e) == 0) == guards[_i].good,
	    "%s: %s", guards[_i].what, e.text);
	if (guards[_i].good)
		return;
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_nonnull(strstr(e.text, guards[_i].file));
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

	MUST(install_reserve(cert, 1, NULL, &e));
	ck_assert(S_ISDIR(tree_stat(reserve).st_mode));
	ck_assert_int_ge(tree_stat(DIR "versions/.kamcert-0000000000000000/0").st_blocks * 512,
	    128 * 1024);
	MUST(install_reserve(cert, 1, NULL, &e));
	install_unreserve(cert);
	ck_assert(!has_leftovers());
	MUST(install_reserve(cert, 1, NULL, &e));
	ck_assert_int_eq(stage(&one), 1);
	ck_assert(!has_leftovers());
	MUST(install_reserve(cert, 1, NULL, &e));
	close_all();
	open_all();
	ck_assert(!has_leftovers());
}
END_TEST

START_TEST(without_room_no_order_is_placed)
{
	refuse_call(SYS_fallocate, ENOSPC);
	ck_assert_int_eq(install_reserve(cert, 1, NULL, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(e.sys, ENOSPC);
	ck_assert(!has_leftovers());
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

	tcase_add_unchecked_fixture(t, world_start, world_finish);
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
	tcase_add_loop_test(t, a_key_that_others_can_read_is_seen_later, 0, NITEMS(guards));
	tcase_add_loop_test(t, owner_and_group_follow_the_configuration, 0, NITEMS(owners));
	tcase_add_test(t, room_is_taken_and_given_back);
	tcase_add_test(t, without_room_no_order_is_placed);
	tcase_add_test(t, old_versions_go_and_needed_ones_stay);
	tcase_add_test(t, pruning_nothing_is_fine);
	tcase_add_test(t, the_version_to_go_back_to_is_named);
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
