/*
 * check_store: the state folder: what it is made of, what it refuses, its
 * lock, its sweep; accounts and orders in it.
 */
#include <sys/wait.h>

#include "listing.h"
#include "seal.h"
#include "store.h"
#include "tree.h"

#define CERT	"sip.example.com"

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
	    "state/certs/" CERT " 040711\n"
	    "state/certs/" CERT "/order 040700\n"
	    "state/certs/" CERT "/order/order.json 100600\n"
	    "state/certs/" CERT "/order/privkey.pem 100600\n"
	    "state/format 100600\n";
	struct store_account account = { 0 };
	struct store_order order = { 0 };
	char *have;

	(void)umask(masks[_i]);
	account.directory = (char *)(uintptr_t)"https://ca.example/dir";
	order.url = order.ca = order.key_type = account.directory;
	open_cert();
	ck_assert_int_eq(store_account_save(store, "ca", &account, &e), 0);
	ck_assert_int_eq(store_order_save(cert, &order, &e), 0);
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
	ck_assert_str_eq(store_path(store), tree_path("state"));
	ck_assert_str_eq(store_cert_path(cert), tree_path("state/certs/" CERT));
	ck_assert_str_eq(store_cert_name(cert), CERT);
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
	"state/certs/" CERT, "state/certs/" CERT "/order",
	"state/certs/" CERT "/order/order.json", "state/certs/" CERT "/order/privkey.pem",
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
	    store_order_save(cert, &order, &e) == 0)
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
	bool folder = is_folder(place) || strcmp(place, "state/certs/" CERT) == 0;

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
		"state/certs/" CERT };
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
	static const char *const dirs[] = { "state", "state/certs/" CERT,
		"state/certs/" CERT "/versions", "state/certs/" CERT "/order",
		"state/accounts/ca" };
	const char *name = leftovers[_i].name;
	char path[PATH_MAX];
	int fd;

	open_cert();
	close_all();
	tree_dir("state/certs/" CERT "/versions", 0711);
	tree_dir("state/certs/" CERT "/order", 0700);
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
	static const char name[] = "state/certs/" CERT "/.kamcert-0123456789abcdef";

	open_cert();
	close_all();
	if (!tree_kind(name, (enum kind)_i))
		return;
	if (_i == FOLDER)
		tree_file("state/certs/" CERT "/.kamcert-0123456789abcdef/privkey.pem", "secret");
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

/* --- accounts (FAULTS L05) --- */

static void
fill_account(struct store_account *a)
{
	*a = (struct store_account){ .created = 1800000000 };
	ck_assert_int_eq(blob_set(&a->key_pem, span_str("-----KEY-----\n")), 0);
	a->url = strdup("https://ca.example/acct/1");
	a->directory = strdup("https://ca.example/dir");
	ck_assert_int_eq(strs_add(&a->contact, "mailto:voip@example.com"), 0);
}

static void
save_account(void)
{
	struct store_account a;

	fill_account(&a);
	open_for(STORE_WORK);
	ck_assert_msg(store_account_save(store, "ca", &a, &e) == 0, "%s", e.text);
	close_all();
	pack_clear(&store_account_pack, &a);
}

START_TEST(an_account_comes_back_as_it_went)
{
	struct store_account a;
	struct stat before;

	open_for(STORE_WORK);
	ck_assert_int_eq(store_account_load(store, "ca", &a, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	close_all();
	save_account();
	before = tree_stat("state/accounts/ca/account.key");
	open_for(_i == 0 ? STORE_LOOK : STORE_WORK);
	ck_assert_msg(store_account_load(store, "ca", &a, &e) == 0, "%s", e.text);
	ck_assert(span_is(blob_span(&a.key_pem), "-----KEY-----\n"));
	ck_assert_str_eq(a.url, "https://ca.example/acct/1");
	ck_assert_str_eq(a.directory, "https://ca.example/dir");
	ck_assert_uint_eq(a.contact.n, 1);
	ck_assert_str_eq(a.contact.v[0], "mailto:voip@example.com");
	ck_assert_int_eq(a.created, 1800000000);
	close_all();
	/* The same key is not written again. */
	save_account();
	ck_assert_uint_eq(before.st_ino, tree_stat("state/accounts/ca/account.key").st_ino);
	pack_clear(&store_account_pack, &a);
}
END_TEST

START_TEST(a_key_without_the_rest_is_an_account_to_be_found_again)
{
	struct store_account a;

	save_account();
	if (_i == 0)
		ck_assert_int_eq(unlinkat(at, "state/accounts/ca/account.json", 0), 0);
	else
		tree_file("state/accounts/ca/account.json", "{\"format\":1}");
	open_for(STORE_WORK);
	ck_assert_int_eq(store_account_load(store, "ca", &a, &e), 0);
	ck_assert(span_is(blob_span(&a.key_pem), "-----KEY-----\n"));
	ck_assert_ptr_null(a.url);
	ck_assert_ptr_null(a.directory);
	pack_clear(&store_account_pack, &a);
}
END_TEST

START_TEST(a_lost_key_is_for_the_operator)
{
	struct store_account a;

	save_account();
	ck_assert_int_eq(unlinkat(at, "state/accounts/ca/account.key", 0), 0);
	if (_i == 1)
		ck_assert_int_eq(symlinkat("account.json", at, "state/accounts/ca/account.key"), 0);
	open_for(STORE_WORK);
	ck_assert_int_eq(store_account_load(store, "ca", &a, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_ne(e.sys, ENOENT);
	ck_assert(e.hint[0] != '\0');
	ck_assert_ptr_null(a.url);
}
END_TEST

/* --- orders (FAULTS L08) --- */

static void
save_order(const char *key)
{
	struct store_order o = { .created = 1800000000 };

	o.url = strdup("https://ca.example/order/1");
	o.ca = strdup("ca");
	o.key_type = strdup("ecdsa-p256");
	ck_assert_int_eq(strs_add(&o.names, "sip.example.com"), 0);
	ck_assert_int_eq(strs_add(&o.names, "example.com"), 0);
	ck_assert_int_eq(blob_set(&o.key_pem, span_str(key)), 0);
	ck_assert_int_eq(blob_set(&o.csr, span_of("\x30\x00\xff", 3)), 0);
	open_cert();
	ck_assert_msg(store_order_save(cert, &o, &e) == 0, "%s", e.text);
	close_all();
	pack_clear(&store_order_pack, &o);
}

START_TEST(an_order_comes_back_as_it_went)
{
	struct store_order o;

	open_cert();
	ck_assert_int_eq(store_order_load(cert, &o, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	close_all();
	save_order("first key");
	save_order("second key");
	open_cert();
	ck_assert_msg(store_order_load(cert, &o, &e) == 0, "%s", e.text);
	ck_assert_str_eq(o.url, "https://ca.example/order/1");
	ck_assert_str_eq(o.ca, "ca");
	ck_assert_str_eq(o.key_type, "ecdsa-p256");
	ck_assert_uint_eq(o.names.n, 2);
	ck_assert_str_eq(o.names.v[1], "example.com");
	ck_assert_int_eq(o.created, 1800000000);
	ck_assert(span_is(blob_span(&o.key_pem), "second key"));
	ck_assert(span_eq(blob_span(&o.csr), span_of("\x30\x00\xff", 3)));
	pack_clear(&store_order_pack, &o);
	ck_assert_int_eq(store_order_drop(cert, &e), 0);
	ck_assert_int_eq(store_order_drop(cert, &e), 0);
	ck_assert_int_eq(store_order_load(cert, &o, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_int_eq(tree_stat("state/certs/" CERT "/order").st_mode, 0);
}
END_TEST

enum harm { NO_KEY, NO_JSON, OTHER_KEY, EMPTY_JSON, FLIPPED, HARMS };

START_TEST(half_an_order_is_none)
{
	static const char key[] = "state/certs/" CERT "/order/privkey.pem";
	static const char json[] = "state/certs/" CERT "/order/order.json";
	struct store_order o;
	char text[4096];

	save_order("key");
	(void)snprintf(text, sizeof(text), "%s", tree_text(json));
	text[20] ^= 1;
	switch ((enum harm)_i) {
	case NO_KEY:
		ck_assert_int_eq(unlinkat(at, key, 0), 0);
		break;
	case NO_JSON:
		ck_assert_int_eq(unlinkat(at, json, 0), 0);
		break;
	case OTHER_KEY:
		tree_file(key, "kez");
		break;
	case EMPTY_JSON:
		tree_file(json, "");
		break;
	default:
		tree_file(json, text);
		break;
	}
	open_cert();
	ck_assert_int_eq(store_order_load(cert, &o, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_ptr_null(o.url);
}
END_TEST

/* --- sealed files (FAULTS I08) --- */

static void
seal_sample(struct buf *b)
{
	struct strs s = { NULL, 0 };
	struct json_out o;

	buf_init(b, 4096);
	ck_assert_int_eq(strs_add(&s, "x"), 0);
	seal_begin(&o, b);
	json_put_str(&o, "name", "value \"quoted\" \xc3\xa4");
	seal_put_strs(&o, "list", &s);
	ck_assert_int_eq(seal_end(&o, &e), 0);
	strs_clear(&s);
}

START_TEST(every_single_bit_counts)
{
	struct json_doc *doc;
	struct buf b;

	seal_sample(&b);
	ck_assert_ptr_nonnull(doc = seal_open(buf_span(&b), "sample", &e));
	json_free(doc);
	for (size_t bit = 0; bit < b.n * 8; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_msg(seal_open(buf_span(&b), "sample", &e) == NULL, "bit %zu", bit);
		ck_assert_int_eq(e.class, OUT_HOLD);
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 0; n < b.n; n++)
		ck_assert_ptr_null(seal_open(span_of(b.p, n), "sample", &e));
	buf_u8(&b, '\n');
	ck_assert_ptr_null(seal_open(buf_span(&b), "sample", &e));
	buf_clear(&b);
}
END_TEST

START_TEST(a_sealed_file_of_a_newer_kamcert_is_named)
{
	uint8_t digest[SHA256_LEN];
	struct buf b;

	buf_init(&b, 4096);
	buf_str(&b, "{\"format\":2");
	ck_assert_int_eq(sha256(buf_span(&b), digest), 0);
	buf_str(&b, ",\"sha256\":\"");
	buf_hex(&b, span_of(digest, sizeof(digest)));
	buf_str(&b, "\"}\n");
	ck_assert_ptr_null(seal_open(buf_span(&b), "sample", &e));
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_str_eq(e.text, "sample: want format 1, have 2");
	buf_clear(&b);
}
END_TEST

START_TEST(what_does_not_fit_is_not_sealed)
{
	struct json_out o;
	struct buf b;

	buf_init(&b, 80);
	seal_begin(&o, &b);
	json_put_str(&o, "name", "value");
	ck_assert_int_eq(seal_end(&o, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("store");
	SRunner *sr;
	int failed;

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
	tcase_add_loop_test(t, an_account_comes_back_as_it_went, 0, 2);
	tcase_add_loop_test(t, a_key_without_the_rest_is_an_account_to_be_found_again, 0, 2);
	tcase_add_loop_test(t, a_lost_key_is_for_the_operator, 0, 2);
	tcase_add_test(t, an_order_comes_back_as_it_went);
	tcase_add_loop_test(t, half_an_order_is_none, 0, HARMS);
	tcase_add_test(t, every_single_bit_counts);
	tcase_add_test(t, a_sealed_file_of_a_newer_kamcert_is_named);
	tcase_add_test(t, what_does_not_fit_is_not_sealed);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
