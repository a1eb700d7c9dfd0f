/*
 * check_index: when it is certain that nothing is due, and that any doubt
 * means that it is not.
 */
#include "index.h"
#include "listing.h"
#include "suite.h"
#include "tree.h"

#define NOW	INT64_C(1800000000)
#define NEXT	(NOW + 30 * DAY)

static struct store *store;
static struct config cfg;
static struct strs none, some;

static void
note_file(struct config *to, const char *path)
{
	struct config_file *f = list_add(&to->files, sizeof(*f));
	struct stat st;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(stat(path, &st), 0);
	*f = (struct config_file){
		.path = strdup(path), .dev = (int64_t)st.st_dev, .ino = (int64_t)st.st_ino,
		.size = (int64_t)st.st_size,
		.mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec,
		.ctime_ns = st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec,
	};
}

/* TOP in it is the test's folder. */
static void
write_conf(const char *text)
{
	const char *mark = strstr(text, "TOP");
	char out[8192];

	if (mark != NULL)
		(void)snprintf(out, sizeof(out), "%.*s%s%s", (int)(mark - text), text, top,
		    mark + 3);
	else
		(void)snprintf(out, sizeof(out), "%s", text);
	tree_file("kamcert.conf", out);
}

/* Two certificates; the second has nothing installed yet. */
static void
write_index(int64_t next)
{
	struct index_due rows[] = { { "sip.example.com", next, "-rsa" }, { "held", NEXT, NULL } };

	ck_assert_int_eq(store_open(tree_path("state"), STORE_WORK, &store, &e), 0);
	ck_assert_msg(index_write(store, &cfg, rows, NITEMS(rows), NOW, &e) == 0, "%s", e.text);
	store_free(store);
	store = NULL;
}

static void
start(void)
{
	tree_start();
	write_conf("# a comment\n  state-dir\t=  \"TOP/state\"  # here\ncertificate \"a\" { }\n");
	tree_file("more.conf", "certificate \"b\" { }\n");
	cfg = (struct config){ 0 };
	note_file(&cfg, tree_path("kamcert.conf"));
	note_file(&cfg, tree_path("more.conf"));
	ck_assert_int_eq(store_open(tree_path("state"), STORE_WORK, &store, &e), 0);
	store_free(store);
	store = NULL;
	tree_dir("state/certs/sip.example.com", 0711);
	tree_dir("state/certs/sip.example.com/versions", 0711);
	tree_dir("state/certs/sip.example.com/versions/1", 0700);
	tree_file("state/certs/sip.example.com/versions/1/privkey.pem", "key");
	tree_file("state/certs/sip.example.com/versions/1/fullchain.pem", "chain");
	tree_file("state/certs/sip.example.com/versions/1/privkey-rsa.pem", "second key");
	tree_file("state/certs/sip.example.com/versions/1/fullchain-rsa.pem", "second chain");
	ck_assert_int_eq(symlinkat("versions/1", at, "state/certs/sip.example.com/current"), 0);
	write_index(NEXT);
}

static void
finish(void)
{
	for (size_t i = 0; i < cfg.files.n; i++)
		free(((struct config_file *)cfg.files.v)[i].path);
	free(cfg.files.v);
	strs_clear(&some);
	store_free(store);
	tree_finish();
}

static bool
rests_at(int64_t now)
{
	return index_nothing_due(tree_path("kamcert.conf"), "/nowhere", &none, now);
}

START_TEST(nothing_is_due_and_nothing_is_written)
{
	char *before = list_tree("", true), *after;

	ck_assert(rests_at(NOW));
	ck_assert(rests_at(NEXT - 1));
	after = list_tree("", true);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}
END_TEST

START_TEST(it_is_due_when_it_is)
{
	ck_assert(!rests_at(NEXT));
	ck_assert(!rests_at(INT64_MAX));
}
END_TEST

START_TEST(a_clock_before_its_writing_is_a_doubt)
{
	ck_assert(!rests_at(NOW - 1));
	ck_assert(!rests_at(0));
}
END_TEST

/* --- what changed --- */

static void
touch_later(const char *name)
{
	const struct timespec times[2] = { { 0, UTIME_OMIT }, { NOW, 5 } };

	ck_assert_int_eq(utimensat(at, name, times, 0), 0);
}

#define CERT_DIR	"state/certs/sip.example.com/"

static void
change_mode(const char *name, mode_t mode)
{
	ck_assert_int_eq(fchmodat(at, name, mode, 0), 0);
}

static void
take_away(const char *name)
{
	ck_assert_int_eq(renameat(at, name, at, "away"), 0);
}

#define KEY	CERT_DIR "versions/1/privkey.pem"
#define RSA_KEY	CERT_DIR "versions/1/privkey-rsa.pem"

static void	conf_touched(void) { touch_later("kamcert.conf"); }
static void	conf_longer(void) { write_conf("state-dir = \"TOP/state\"\n"); }
static void	conf_mode(void) { change_mode("kamcert.conf", 0640); }
static void	include_touched(void) { touch_later("more.conf"); }
static void	include_gone(void) { take_away("more.conf"); }
static void	key_touched(void) { touch_later(KEY); }
static void	key_gone(void) { take_away(KEY); }
static void	key_mode(void) { change_mode(KEY, 0644); }
static void	chain_written(void) { tree_file(CERT_DIR "versions/1/fullchain.pem", "chaim"); }
static void	rsa_chain_written(void) { tree_file(CERT_DIR "versions/1/fullchain-rsa.pem",
		    "chaim"); }
static void	rsa_key_gone(void) { take_away(RSA_KEY); }
static void	rsa_key_mode(void) { change_mode(RSA_KEY, 0644); }
static void	link_gone(void) { take_away(CERT_DIR "current"); }
static void	folder_gone(void) { take_away("state/certs/sip.example.com"); }
static void	index_gone(void) { take_away("state/index"); }
static void	index_empty(void) { tree_file("state/index", ""); }
static void	index_short(void) { tree_file("state/index", "1234567"); }
static void	index_zero(void) { tree_file("state/index", "        "); }
static void	store_open_to_all(void) { change_mode("state", 0777); }

static void
conf_replaced(void)
{
	/* The same octets and times in another file. */
	struct stat st = tree_stat("kamcert.conf");
	struct timespec times[2] = { st.st_atim, st.st_mtim };

	tree_file("new.conf", tree_text("kamcert.conf"));
	ck_assert_int_eq(utimensat(at, "new.conf", times, 0), 0);
	ck_assert_int_eq(renameat(at, "new.conf", at, "kamcert.conf"), 0);
}

static void
link_moved(void)
{
	tree_dir(CERT_DIR "versions/2", 0700);
	tree_file(CERT_DIR "versions/2/privkey.pem", "key");
	tree_file(CERT_DIR "versions/2/fullchain.pem", "chain");
	link_gone();
	ck_assert_int_eq(symlinkat("versions/2", at, CERT_DIR "current"), 0);
}

static void
held_came(void)
{
	tree_dir("state/certs/held", 0711);
	tree_dir("state/certs/held/current", 0711);
	tree_file("state/certs/held/current/privkey.pem", "key");
}

static void
work_began(void)
{
	ck_assert_int_eq(store_open(tree_path("state"), STORE_WORK, &store, &e), 0);
}

static void
another_state_dir(void)
{
	write_conf("state-dir = \"TOP/other\"\n");
	ck_assert_int_eq(mkdirat(at, "other", 0700), 0);
	ck_assert_int_eq(renameat(at, "state/index", at, "other/index"), 0);
	ck_assert_int_eq(renameat(at, "state/certs", at, "other/certs"), 0);
}

static const struct {
	const char	*what;
	void		(*change)(void);
} changes[] = {
	{ "configuration touched", conf_touched }, { "configuration rewritten", conf_longer },
	{ "configuration replaced", conf_replaced }, { "its mode", conf_mode },
	{ "included file touched", include_touched }, { "included file gone", include_gone },
	{ "key touched", key_touched }, { "key gone", key_gone }, { "key's mode", key_mode },
	{ "chain rewritten", chain_written }, { "second chain rewritten", rsa_chain_written },
	{ "second key gone", rsa_key_gone }, { "second key's mode", rsa_key_mode },
	{ "link gone", link_gone },
	{ "link moved", link_moved }, { "folder gone", folder_gone },
	{ "a certificate came", held_came }, { "no index", index_gone },
	{ "empty index", index_empty }, { "short index", index_short },
	{ "index of blanks", index_zero }, { "another kamcert works", work_began },
	{ "another state folder", another_state_dir },
	{ "a folder that others can change", store_open_to_all },
};

START_TEST(every_change_is_a_doubt)
{
	ck_assert(rests_at(NOW));
	changes[_i].change();
	ck_assert_msg(!rests_at(NOW), "%s", changes[_i].what);
}
END_TEST

START_TEST(no_bit_of_the_index_changes_unseen)
{
	size_t bits = (size_t)tree_stat("state/index").st_size * 8;
	int fd = openat(at, "state/index", O_RDWR | O_CLOEXEC);
	uint8_t octet;

	ck_assert_uint_gt(bits, 1000);
	for (size_t bit = 0; bit < bits; bit++) {
		ck_assert_int_eq(pread(fd, &octet, 1, (off_t)(bit / 8)), 1);
		octet ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(pwrite(fd, &octet, 1, (off_t)(bit / 8)), 1);
		ck_assert_msg(!rests_at(NOW), "bit %zu", bit);
		octet ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(pwrite(fd, &octet, 1, (off_t)(bit / 8)), 1);
	}
	ck_assert(rests_at(NOW));
	(void)close(fd);
}
END_TEST

START_TEST(what_is_no_index_is_a_doubt)
{
	index_gone();
	if (!tree_kind("state/index", (enum kind)_i))
		return;
	ck_assert(!rests_at(NOW));
	if (_i == LINK || _i == HARD)
		ck_assert_str_eq(tree_text("victim"), "victim");
}
END_TEST

/* --- names on the command line --- */

static const struct {
	const char	*names[3];
	int64_t		 next;		/* of the first certificate */
	bool		 rests;
} asked[] = {
	{ { "sip.example.com" }, NEXT, true },
	{ { "sip.example.com" }, NOW, false },
	{ { "held" }, NOW, true },
	{ { "held", "sip.example.com" }, NOW, false },
	{ { "unknown" }, NEXT, false },
	{ { "held", "unknown" }, NEXT, false },
	{ { "" }, NEXT, false },
};

START_TEST(only_named_certificates_count)
{
	for (size_t i = 0; asked[_i].names[i] != NULL; i++)
		ck_assert_int_eq(strs_add(&some, asked[_i].names[i]), 0);
	write_index(asked[_i].next);
	ck_assert_int_eq(index_nothing_due(tree_path("kamcert.conf"), "/nowhere", &some, NOW),
	    asked[_i].rests);
}
END_TEST

START_TEST(many_names_are_looked_up_the_slow_way)
{
	for (int i = 0; i < 65; i++) {
		ck_assert_int_eq(index_nothing_due(tree_path("kamcert.conf"), "/nowhere", &some,
		    NOW), true);
		ck_assert_int_eq(strs_add(&some, "sip.example.com"), 0);
	}
	ck_assert(!index_nothing_due(tree_path("kamcert.conf"), "/nowhere", &some, NOW));
}
END_TEST

/* --- where the state folder is --- */

static const struct {
	const char	*text;
	bool		 found;		/* without: the default counts, which has no index */
} guesses[] = {
	{ "state-dir = \"TOP/state\"\n", true }, { "state-dir=\"TOP/state\"", true },
	{ "state-dir = 'TOP/state'\n", true }, { "\tstate-dir =\t\"TOP/state\" ca \"x\" { }\n",
	    true },
	{ "ca \"x\" {\n}\n\nstate-dir = \"TOP/state\"\r\n", true },
	{ "# state-dir = \"/else\"\nstate-dir = \"TOP/state\"\n", true },
	{ "# state-dir = \"TOP/state\"\n", false }, { "state-dir = TOP/state\n", false },
	{ "state-dir = \"TOP/state\n", false }, { "state-dir", false }, { "state-dir =", false },
	{ "state-dir = \"", false }, { "", false }, { "state-dirs = \"TOP/state\"\n", false },
	{ "state-dir = \"\"\nx = \"TOP\"", false },
};

START_TEST(the_state_folder_is_found_or_the_slow_way_taken)
{
	struct index_due row = { "held", NEXT, NULL };

	write_conf(guesses[_i].text);
	free(((struct config_file *)cfg.files.v)[0].path);
	free(((struct config_file *)cfg.files.v)[1].path);
	free(cfg.files.v);
	cfg.files = (struct list){ NULL, 0 };
	note_file(&cfg, tree_path("kamcert.conf"));
	ck_assert_int_eq(store_open(tree_path("state"), STORE_WORK, &store, &e), 0);
	ck_assert_int_eq(index_write(store, &cfg, &row, 1, NOW, &e), 0);
	store_free(store);
	store = NULL;
	ck_assert_msg(rests_at(NOW) == guesses[_i].found, "%s", guesses[_i].text);
	if (guesses[_i].text[0] == '\0' || strncmp(guesses[_i].text, "# state-dir = \"TOP",
	    18) == 0)
		ck_assert(index_nothing_due(tree_path("kamcert.conf"), tree_path("state"), &none,
		    NOW));
}
END_TEST

START_TEST(a_path_with_a_link_will_do_and_other_things_will_not)
{
	static const char *const bad[] = { "missing", "state", "fifo" };

	ck_assert_int_eq(symlinkat("kamcert.conf", at, "link.conf"), 0);
	ck_assert_int_eq(mkfifoat(at, "fifo", 0600), 0);
	ck_assert(index_nothing_due(tree_path("link.conf"), "/nowhere", &none, NOW));
	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(!index_nothing_due(tree_path(bad[i]), "/nowhere", &none, NOW), "%s",
		    bad[i]);
}
END_TEST

START_TEST(ten_thousand_certificates_fit)
{
	static char text[10000][16];
	static struct index_due rows[10000];

	for (size_t i = 0; i < NITEMS(rows); i++) {
		(void)snprintf(text[i], sizeof(text[i]), "cert-%zu", i);
		rows[i] = (struct index_due){ text[i], NEXT, NULL };
	}
	ck_assert_int_eq(store_open(tree_path("state"), STORE_WORK, &store, &e), 0);
	ck_assert_int_eq(index_write(store, &cfg, rows, NITEMS(rows), NOW, &e), 0);
	store_free(store);
	store = NULL;
	ck_assert(rests_at(NOW));
	ck_assert_int_eq(tree_stat("state/index").st_mode & 07777, 0600);
	ck_assert_int_lt(tree_stat("state/index").st_size, 2 * 1024 * 1024);
	ck_assert_int_eq(store_open(tree_path("state"), STORE_WORK, &store, &e), 0);
	rows[9999].next = NOW;
	ck_assert_int_eq(index_write(store, &cfg, rows, NITEMS(rows), NOW, &e), 0);
	ck_assert(!rests_at(NOW));
	ck_assert_int_eq(index_write(store, &cfg, rows, PACK_MAX_ITEMS + 1, NOW, &e), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("index");
	TCase *t = tcase_create("index");

	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, nothing_is_due_and_nothing_is_written);
	tcase_add_test(t, it_is_due_when_it_is);
	tcase_add_test(t, a_clock_before_its_writing_is_a_doubt);
	tcase_add_loop_test(t, every_change_is_a_doubt, 0, NITEMS(changes));
	tcase_add_test(t, no_bit_of_the_index_changes_unseen);
	tcase_add_loop_test(t, what_is_no_index_is_a_doubt, 0, NKINDS);
	tcase_add_loop_test(t, only_named_certificates_count, 0, NITEMS(asked));
	tcase_add_test(t, many_names_are_looked_up_the_slow_way);
	tcase_add_loop_test(t, the_state_folder_is_found_or_the_slow_way_taken, 0,
	    NITEMS(guesses));
	tcase_add_test(t, a_path_with_a_link_will_do_and_other_things_will_not);
	tcase_add_test(t, ten_thousand_certificates_fit);
	suite_add_tcase(s, t);
	return suite_run(s);
}
