/*
 * check_install: versions from their making to their proof, and what a run
 * finds after each step. What is left of a run that was killed anywhere, or of
 * a backup, is check_recover's.
 */
#include <errno.h>

#include "base/fs.h"

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
	struct install_new in = { .parts = { { one.chain, one.key, NULL } }, .nparts = 1, .ca = "ca", .now = NOW,
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
	ck_assert_msg((install_guarded(cert, &state.active, &rights, &e) == 0) == guards[_i].good, "%s: %s",
	    guards[_i].what, e.text);
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

/* --- an order whose certificate is here --- */

START_TEST(an_order_that_was_staged_is_dropped)
{
	struct store_order order = { .created = NOW };

	order.url = (char *)(uintptr_t)(_i == 0 ? "https://ca.example/order/1" :
	    "https://ca.example/order/2");
	order.ca = order.key_type = order.url;
	(void)stage(&one);
	MUST(store_order_save(cert, "", &order, &e));
	if (_i == 0) {
		ck_assert_int_eq(install_order(cert, "", &order, &e), -1);
		ck_assert_int_eq(e.sys, ENOENT);
		ck_assert_int_eq(tree_stat(DIR "order/order.json").st_mode, 0);
		ck_assert_int_eq(tree_stat(DIR "order/privkey.pem").st_mode, 0);
		return;
	}
	MUST(install_order(cert, "", &order, &e));
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
	tcase_add_loop_test(t, a_run_finds_what_the_one_before_left, 0, NITEMS(drawing));
	tcase_add_loop_test(t, no_step_is_taken_out_of_order, 0, NITEMS(disorder));
	tcase_add_test(t, the_reason_is_kept_beside_a_bad_version);
	tcase_add_loop_test(t, a_switch_of_unknown_outcome_is_decided_at_once, 0, NITEMS(syncs));
	tcase_add_loop_test(t, an_order_that_was_staged_is_dropped, 0, 2);
	tcase_add_test(t, old_versions_go_and_needed_ones_stay);
	tcase_add_test(t, pruning_nothing_is_fine);
	tcase_add_test(t, the_version_to_go_back_to_is_named);
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
