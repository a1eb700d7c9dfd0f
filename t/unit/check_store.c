/*
 * check_store: the state folder: what it is made of, what it refuses, its
 * lock, its sweep.
 */
#include <sys/wait.h>

#include "listing.h"
#include "store.h"
#include "suite.h"
#include "tree.h"

#define CERT	"sip.example.com"
#define CERT_DIR "state/certs/sip.example.com"

static struct store *store;
static struct store_cert *cert;

static void
start(void)
{
	tree_start();
	store = NULL;
	cert = NULL;
}

static void
finish(void)
{
	store_cert_free(cert);
	store_free(store);
	tree_finish();
}

static int
try_open(enum store_use use)
{
	return store_open(tree_path("state"), use, &store, &e);
}

static void
open_for(enum store_use use)
{
	ck_assert_msg(try_open(use) == 0, "%s", e.text);
}

static void
open_cert(void)
{
	open_for(STORE_WORK);
	ck_assert_msg(store_cert_open(store, CERT, &cert, &e) == 0, "%s", e.text);
}

static void
close_all(void)
{
	store_cert_free(cert);
	cert = NULL;
	store_free(store);
	store = NULL;
}

/* --- making --- */

static const mode_t masks[] = { 0, 022, 077, 0777 };

/* FAULTS F14 */
START_TEST(no_umask_changes_a_mode)
{
	static const char want[] =
	    "state/accounts 040700\n"
	    "state/accounts/ca 040700\n"
	    "state/accounts/ca/account.json 100600\n"
	    "state/accounts/ca/account.key 100600\n"
	    "state/certs 040711\n"
	    CERT_DIR " 040711\n"
	    CERT_DIR "/order 040700\n"
	    CERT_DIR "/order/order.json 100600\n"
	    CERT_DIR "/order/privkey.pem 100600\n"
	    "state/format 100600\n";
	struct store_account account = { 0 };
	struct store_order order = { 0 };
	char *have;

	(void)umask(masks[_i]);
	account.directory = (char *)(uintptr_t)"https://ca.example/dir";
	order.url = order.ca = order.key_type = account.directory;
	open_cert();
	ck_assert_int_eq(store_account_save(store, "ca", &account, &e), 0);
	ck_assert_int_eq(store_order_save(cert, "", &order, &e), 0);
	close_all();
	(void)umask(022);
	have = list_tree("state", false);
	ck_assert_str_eq(have, want);
	ck_assert_int_eq(tree_stat("state").st_mode & 07777, 0711);
	ck_assert_int_eq(tree_stat("state/lock").st_mode & 07777, 0600);
	ck_assert_str_eq(tree_text("state/format"), "kamcert state 1\n");
	free(have);
}
END_TEST

START_TEST(a_folder_is_opened_again_and_again)
{
	char *before, *after;

	open_cert();
	close_all();
	before = list_tree("state", true);
	open_cert();
	ck_assert_str_eq(store_cert_path(cert), tree_path(CERT_DIR));
	ck_assert(store_is_work(store) && store_cert_is_work(cert));
	close_all();
	after = list_tree("state", true);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}
END_TEST

START_TEST(slashes_at_the_end_mean_nothing)
{
	ck_assert_int_eq(store_open(tree_path("state//"), STORE_WORK, &store, &e), 0);
	ck_assert(S_ISDIR(tree_stat("state").st_mode));
}
END_TEST

static const char *const no_paths[] = { "", "state", "./state", "/", "//" };

START_TEST(only_absolute_paths_of_a_folder_will_do)
{
	struct stat st;

	if (_i >= 3 && is_root())
		return;		/* there, it is only somebody else's folder */
	ck_assert_int_eq(store_open(no_paths[_i], STORE_WORK, &store, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(stat("state", &st), -1);
}
END_TEST

START_TEST(a_missing_parent_is_not_made)
{
	ck_assert_int_eq(store_open(tree_path("a/state"), STORE_WORK, &store, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(tree_stat("a").st_mode, 0);
}
END_TEST

/* --- looking --- */

START_TEST(looking_makes_and_changes_nothing)
{
	char *before, *after;

	ck_assert_int_eq(try_open(STORE_LOOK), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_int_eq(tree_stat("state").st_mode, 0);
	open_cert();
	close_all();
	tree_file("state/index", "index");
	tree_file("state/.kamcert-0123456789abcdef", "leftover");
	before = list_tree("state", true);
	open_for(STORE_LOOK);
	ck_assert_int_eq(store_cert_open(store, "other", &cert, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_int_eq(store_cert_open(store, CERT, &cert, &e), 0);
	ck_assert(!store_is_work(store) && !store_cert_is_work(cert));
	close_all();
	after = list_tree("state", true);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}
END_TEST

START_TEST(looking_needs_no_lock_and_no_certificates)
{
	struct store *worker;

	ck_assert_int_eq(store_open(tree_path("state"), STORE_WORK, &worker, &e), 0);
	open_for(STORE_LOOK);
	store_free(worker);
	close_all();
	ck_assert_int_eq(unlinkat(at, "state/certs", AT_REMOVEDIR), 0);
	open_for(STORE_LOOK);
	ck_assert_int_eq(store_cert_open(store, CERT, &cert, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
}
END_TEST

START_TEST(work_drops_the_index)
{
	open_for(STORE_WORK);
	close_all();
	tree_file("state/index", "index");
	open_for(STORE_WORK);
	ck_assert_str_eq(tree_text("state/index"), "(missing)");
}
END_TEST

/* --- the lock (FAULTS P05, P06) --- */

START_TEST(the_second_is_told_who_is_busy)
{
	struct store *second;
	char pid[32];

	open_for(STORE_WORK);
	ck_assert_int_eq(store_open(tree_path("state"), STORE_WORK, &second, &e), -1);
	ck_assert_int_eq(e.class, OUT_BUSY);
	(void)snprintf(pid, sizeof(pid), "pid %ld since ", (long)getpid());
	ck_assert_ptr_nonnull(strstr(e.text, pid));
	ck_assert_ptr_null(second);
	close_all();
	open_for(STORE_WORK);
}
END_TEST

/* What one of many does: tells whether it got the lock, keeps it until `go` ends. */
static void
compete(int tell, int go)
{
	struct store *mine;
	struct err why;
	char c = store_open(tree_path("state"), STORE_WORK, &mine, &why) == 0 ? 'W' :
	    why.class == OUT_BUSY ? 'B' : '?';

	if (write(tell, &c, 1) != 1 || read(go, &c, 1) != 0)
		_exit(1);
	_exit(0);
}

START_TEST(of_twenty_at_once_one_works)
{
	int told[2], go[2], status, works = 0, busy = 0;
	char c;

	ck_assert_int_eq(pipe(told), 0);
	ck_assert_int_eq(pipe(go), 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			(void)close(go[1]);
			compete(told[1], go[0]);
		}
	}
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(read(told[0], &c, 1), 1);
		works += c == 'W';
		busy += c == 'B';
	}
	(void)close(go[1]);
	while (wait(&status) > 0)
		ck_assert_int_eq(status, 0);
	ck_assert_int_eq(works, 1);
	ck_assert_int_eq(busy, 19);
	open_for(STORE_WORK);
}
END_TEST

/* --- the format (FAULTS P11) --- */

static const struct {
	const char	*text;
	const char	*want;		/* words of the error; NULL: accepted */
} formats[] = {
	{ "kamcert state 1\n", NULL },
	{ "kamcert state 2\n", "want at most 1, have 2" },
	{ "kamcert state 99999999999999999999\n", "want at most 1" },
	{ "kamcert state 0\n", "want at most 1, have 0" },
	{ "kamcert state 1", "not written by kamcert" },
	{ "kamcert state \n", "not written by kamcert" },
	{ "kamcert state -1\n", "not written by kamcert" },
	{ "kamcert state 1 \n", "not written by kamcert" },
	{ "kamcert state", "not written by kamcert" },
	{ "", "not written by kamcert" },
	{ "\n", "not written by kamcert" },
	{ "kamcert state 1\nkamcert state 2\n", "not written by kamcert" },
	{ "kamcert state 00000000000000000000000000000000000000000000000000000000000001\n",
	  "want at most 64 octets" },
};

START_TEST(a_folder_of_another_kamcert_is_left_alone)
{
	static const enum store_use uses[] = { STORE_LOOK, STORE_WORK };
	char *before, *after;

	open_for(STORE_WORK);
	close_all();
	tree_file("state/format", formats[_i].text);
	tree_file("state/index", "index");
	before = list_tree("state", true);
	for (size_t i = 0; i < NITEMS(uses); i++) {
		if (formats[_i].want == NULL) {
			open_for(uses[i]);
			close_all();
			continue;
		}
		ck_assert_int_eq(try_open(uses[i]), -1);
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_msg(strstr(e.text, formats[_i].want) != NULL, "got \"%s\"", e.text);
		after = list_tree("state", true);
		ck_assert_str_eq(before, after);
		free(after);
	}
	free(before);
}
END_TEST

/* --- what is not what it should be (FAULTS F08, F09) --- */

static const char *const places[] = {
	"state", "state/lock", "state/format", "state/certs", "state/accounts",
	CERT_DIR, CERT_DIR "/order",
	CERT_DIR "/order/order.json", CERT_DIR "/order/privkey.pem",
	"state/accounts/ca", "state/accounts/ca/account.key", "state/accounts/ca/account.json",
};

/* All that is done in a folder; -1 at the first thing that is refused. */
static int
use_all(void)
{
	struct store_account account = { 0 };
	struct store_order order = { 0 };
	int rc = -1;

	order.url = order.ca = order.key_type = account.directory =
	    (char *)(uintptr_t)"https://ca.example/dir";
	if (try_open(STORE_WORK) == 0 && store_cert_open(store, CERT, &cert, &e) == 0 &&
	    store_account_save(store, "ca", &account, &e) == 0 &&
	    store_order_save(cert, "", &order, &e) == 0)
		rc = 0;
	close_all();
	return rc;
}

/* The parents of a place, as kamcert would make them. */
static void
make_parents(const char *place)
{
	char path[PATH_MAX];

	for (const char *p = strchr(place, '/'); p != NULL; p = strchr(p + 1, '/')) {
		(void)snprintf(path, sizeof(path), "%.*s", (int)(p - place), place);
		(void)mkdirat(at, path, 0711);
	}
}

static bool
is_folder(const char *place)
{
	const char *base = strrchr(place, '/');

	base = base != NULL ? base + 1 : place;
	return strcmp(base, "lock") != 0 && strcmp(base, "format") != 0 &&
	    strchr(base, '.') == NULL;
}

START_TEST(what_is_no_folder_or_file_is_refused_and_kept)
{
	const char *place = places[_i / NKINDS];
	enum kind kind = (enum kind)(_i % NKINDS);
	struct stat before, after;
	bool folder = is_folder(place) || strcmp(place, CERT_DIR) == 0;

	if (kind == FOLDER && folder)
		return;
	make_parents(place);
	if (!tree_kind(place, kind))
		return;
	before = tree_stat(place);
	ck_assert_msg(use_all() == -1, "%s as %s was taken", place, kind_names[kind]);
	ck_assert_msg(e.class == OUT_HOLD, "%s as %s: %s: %s", place, kind_names[kind],
	    outcome_word(e.class), e.text);
	after = tree_stat(place);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_uint_eq(before.st_mode, after.st_mode);
	if (kind == LINK || kind == HARD)
		ck_assert_str_eq(tree_text("victim"), "victim");
	ck_assert_str_eq(tree_text("nowhere"), "(missing)");
}
END_TEST

static const struct {
	const char	*what;
	mode_t		 mode;
	uid_t		 uid;
	bool		 taken;
} unsafe[] = {
	{ "as it is made", 0711, 0, true },
	{ "readable by all", 0755, 0, true },
	{ "closed", 0700, 0, true },
	{ "group may write", 0770, 0, false },
	{ "all may write", 0777, 0, false },
	{ "all may write, sticky", 01777, 0, false },
	{ "somebody else's", 0700, SOMEBODY, false },
};

START_TEST(a_folder_that_others_can_change_is_refused_unwritten)
{
	static const char *const where[] = { "state", "state/certs", "state/accounts",
		CERT_DIR };
	const char *place = where[_i / (int)NITEMS(unsafe)];
	size_t row = (size_t)_i % NITEMS(unsafe);
	char *before, *after;

	if (unsafe[row].uid != 0 && !is_root())
		return;
	open_cert();
	close_all();
	ck_assert_int_eq(fchmodat(at, place, unsafe[row].mode, 0), 0);
	if (unsafe[row].uid != 0)
		ck_assert_int_eq(fchownat(at, place, unsafe[row].uid, (gid_t)-1, 0), 0);
	before = list_tree("state", true);
	ck_assert_msg((use_all() == 0) == unsafe[row].taken, "%s: %s: %s", place,
	    unsafe[row].what, e.text);
	after = list_tree("state", true);
	if (!unsafe[row].taken) {
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_str_eq(before, after);
	}
	free(before);
	free(after);
}
END_TEST

/* --- sweeping --- */

static const struct {
	const char	*name;
	bool		 swept;
} leftovers[] = {
	{ ".kamcert-0123456789abcdef", true }, { ".kamcert-0000000000000000", true },
	{ ".kamcert-0123456789abcde", false }, { ".kamcert-0123456789abcdef0", false },
	{ ".kamcert-0123456789abcdeF", false }, { ".kamcert-0123456789abcdeg", false },
	{ "kamcert-0123456789abcdef", false }, { ".kamcert-", false }, { "1", false },
};

START_TEST(only_leftovers_of_our_own_are_swept)
{
	static const char *const dirs[] = { "state", CERT_DIR,
		CERT_DIR "/versions", CERT_DIR "/order",
		"state/accounts/ca" };
	const char *name = leftovers[_i].name;
	char path[PATH_MAX];
	int fd;

	open_cert();
	close_all();
	tree_dir(CERT_DIR "/versions", 0711);
	tree_dir(CERT_DIR "/order", 0700);
	tree_dir("state/accounts/ca", 0700);
	for (size_t i = 0; i < NITEMS(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		tree_file(path, "leftover");
	}
	open_cert();
	ck_assert_int_eq(store_ca_open(store, "ca", &fd, &e), 0);
	fs_close(&fd);
	for (size_t i = 0; i < NITEMS(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		ck_assert_msg((tree_stat(path).st_mode == 0) == leftovers[_i].swept, "%s", path);
	}
}
END_TEST

START_TEST(leftovers_of_every_kind_go_and_what_they_point_at_stays)
{
	static const char name[] = CERT_DIR "/.kamcert-0123456789abcdef";

	open_cert();
	close_all();
	if (!tree_kind(name, (enum kind)_i))
		return;
	if (_i == FOLDER)
		tree_file(CERT_DIR "/.kamcert-0123456789abcdef/privkey.pem", "secret");
	open_cert();
	ck_assert_int_eq(tree_stat(name).st_mode, 0);
	if (_i == LINK || _i == HARD)
		ck_assert_str_eq(tree_text("victim"), "victim");
}
END_TEST

/* --- names (FAULTS S07) --- */

static const char *const bad_names[] = {
	"", ".", "..", ".hidden", "a/b", "/a", "a/", "../a", "A", "a b", "a\n", "\xc3\xa4", "a*",
	"*.example.com", "a%00", "a\\b", "~", "$(a)",
	"a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789"
	"a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789"
	"a12345678901234567890",
};

START_TEST(names_never_become_paths)
{
	int fd = -1;

	open_for(STORE_WORK);
	ck_assert_int_eq(store_cert_open(store, bad_names[_i], &cert, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(store_ca_open(store, bad_names[_i], &fd, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(fd, -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("store");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_loop_test(t, no_umask_changes_a_mode, 0, NITEMS(masks));
	tcase_add_test(t, a_folder_is_opened_again_and_again);
	tcase_add_test(t, slashes_at_the_end_mean_nothing);
	tcase_add_loop_test(t, only_absolute_paths_of_a_folder_will_do, 0, NITEMS(no_paths));
	tcase_add_test(t, a_missing_parent_is_not_made);
	tcase_add_test(t, looking_makes_and_changes_nothing);
	tcase_add_test(t, looking_needs_no_lock_and_no_certificates);
	tcase_add_test(t, work_drops_the_index);
	tcase_add_test(t, the_second_is_told_who_is_busy);
	tcase_add_test(t, of_twenty_at_once_one_works);
	tcase_add_loop_test(t, a_folder_of_another_kamcert_is_left_alone, 0, NITEMS(formats));
	tcase_add_loop_test(t, what_is_no_folder_or_file_is_refused_and_kept, 0,
	    NITEMS(places) * NKINDS);
	tcase_add_loop_test(t, a_folder_that_others_can_change_is_refused_unwritten, 0,
	    4 * NITEMS(unsafe));
	tcase_add_loop_test(t, only_leftovers_of_our_own_are_swept, 0, NITEMS(leftovers));
	tcase_add_loop_test(t, leftovers_of_every_kind_go_and_what_they_point_at_stays, 0, NKINDS);
	tcase_add_loop_test(t, names_never_become_paths, 0, NITEMS(bad_names));
	suite_add_tcase(s, t);
	return suite_run(s);
}
