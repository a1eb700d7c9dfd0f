/*
 * check_store_files: what the state folder keeps of accounts and of orders
 * under way, and the seal on all its files.
 */
#include "seal.h"
#include "store.h"
#include "suite.h"
#include "tree.h"

#define CERT	"sip.example.com"
#define CERT_DIR "state/certs/sip.example.com"
#define ACCOUNT_JSON "state/accounts/ca/account.json"

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

static void
open_for(enum store_use use)
{
	ck_assert_msg(store_open(tree_path("state"), use, &store, &e) == 0, "%s", e.text);
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

/* FAULTS S09 */
START_TEST(a_key_that_others_can_read_is_not_used)
{
	static const mode_t modes[] = { 0600, 0400, 0640, 0604, 0620, 0644, 0666, 0600 };
	static const char name[] = "state/accounts/ca/account.key";
	bool good = _i < 2, foreign = _i == (int)NITEMS(modes) - 1;
	struct store_account a;

	if (foreign && !is_root())
		return;
	save_account();
	ck_assert_int_eq(fchmodat(at, name, modes[_i], 0), 0);
	if (foreign)
		ck_assert_int_eq(fchownat(at, name, SOMEBODY, (gid_t)-1, 0), 0);
	open_for(STORE_WORK);
	ck_assert_msg((store_account_load(store, "ca", &a, &e) == 0) == good, "mode %04o: %s",
	    (unsigned)modes[_i], e.text);
	close_all();
	if (good) {
		pack_clear(&store_account_pack, &a);
		return;
	}
	/* nor is a new one made because of that */
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_ne(e.sys, ENOENT);
	ck_assert_ptr_nonnull(strstr(e.text, "account.key"));
	ck_assert_uint_eq(tree_stat(name).st_mode & 07777, modes[_i]);
}
END_TEST

static void
load_key_alone(bool damaged)
{
	struct store_account a;

	ck_assert_msg(store_account_load(store, "ca", &a, &e) == 0, "%s", e.text);
	ck_assert(span_is(blob_span(&a.key_pem), "-----KEY-----\n"));
	ck_assert_ptr_null(a.url);
	ck_assert_ptr_null(a.directory);
	ck_assert_int_eq(a.was_damaged, damaged);
	pack_clear(&store_account_pack, &a);
}

START_TEST(a_key_without_the_rest_is_an_account_to_be_found_again)
{
	save_account();
	ck_assert_int_eq(unlinkat(at, ACCOUNT_JSON, 0), 0);
	open_for(STORE_WORK);
	load_key_alone(false);
}
END_TEST

/* The last one has its seal, and types that it must not have. */
static const char *const damages[] = { "", "{\"format\":1}", "no JSON", "cut off", NULL };

static void
damage_account(const char *how)
{
	struct json_out o;
	struct buf file;
	struct stat st;

	if (how != NULL && strcmp(how, "cut off") == 0) {
		st = tree_stat(ACCOUNT_JSON);
		ck_assert_int_eq(truncate(tree_path(ACCOUNT_JSON), st.st_size - 1), 0);
		return;
	}
	buf_init(&file, STORE_FILE_MAX);
	if (how != NULL)
		buf_str(&file, how);
	else {
		seal_begin(&o, &file);
		json_put_int(&o, "url", 1);
		json_put_str(&o, "directory", "https://ca.example/dir");
		ck_assert_int_eq(seal_end(&o, &e), 0);
	}
	buf_u8(&file, 0);
	tree_file(ACCOUNT_JSON, (const char *)file.p);
	buf_clear(&file);
}

START_TEST(a_damaged_account_is_told_and_kept_beside_what_takes_its_place)
{
	char *before, *after;

	save_account();
	damage_account(damages[_i]);
	before = strdup(tree_text(ACCOUNT_JSON));
	/* until there is another one, whoever looks finds it damaged */
	open_for(STORE_LOOK);
	load_key_alone(true);
	close_all();
	open_for(STORE_WORK);
	load_key_alone(true);
	close_all();
	ck_assert_str_eq(tree_text(ACCOUNT_JSON), before);
	for (int i = 0; i < 2; i++) {
		save_account();
		ck_assert_str_eq(tree_text(ACCOUNT_JSON ".bad"), before);
		after = strdup(tree_text(ACCOUNT_JSON));
		ck_assert_ptr_nonnull(strstr(after, "https://ca.example/acct/1"));
		free(after);
	}
	free(before);
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
	ck_assert_msg(store_order_save(cert, "", &o, &e) == 0, "%s", e.text);
	close_all();
	pack_clear(&store_order_pack, &o);
}

START_TEST(an_order_comes_back_as_it_went)
{
	struct store_order o;

	open_cert();
	ck_assert_int_eq(store_order_load(cert, "", &o, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	close_all();
	save_order("first key");
	save_order("second key");
	open_cert();
	ck_assert_msg(store_order_load(cert, "", &o, &e) == 0, "%s", e.text);
	ck_assert_str_eq(o.url, "https://ca.example/order/1");
	ck_assert_str_eq(o.ca, "ca");
	ck_assert_str_eq(o.key_type, "ecdsa-p256");
	ck_assert_uint_eq(o.names.n, 2);
	ck_assert_str_eq(o.names.v[1], "example.com");
	ck_assert_int_eq(o.created, 1800000000);
	ck_assert(span_is(blob_span(&o.key_pem), "second key"));
	ck_assert(span_eq(blob_span(&o.csr), span_of("\x30\x00\xff", 3)));
	pack_clear(&store_order_pack, &o);
	ck_assert_int_eq(store_order_drop(cert, "", &e), 0);
	ck_assert_int_eq(store_order_drop(cert, "", &e), 0);
	ck_assert_int_eq(store_order_load(cert, "", &o, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_int_eq(tree_stat(CERT_DIR "/order/privkey.pem").st_mode, 0);
	ck_assert_int_eq(store_orders_drop(cert, &e), 0);
	ck_assert_int_eq(store_orders_drop(cert, &e), 0);
	ck_assert_int_eq(tree_stat(CERT_DIR "/order").st_mode, 0);
}
END_TEST

enum harm { NO_KEY, NO_JSON, OTHER_KEY, EMPTY_JSON, FLIPPED, HARMS };

START_TEST(half_an_order_is_none)
{
	static const char key[] = CERT_DIR "/order/privkey.pem";
	static const char json[] = CERT_DIR "/order/order.json";
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
	ck_assert_int_eq(store_order_load(cert, "", &o, &e), -1);
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
	Suite *s = suite_create("store_files");
	TCase *t = tcase_create("store_files");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_loop_test(t, an_account_comes_back_as_it_went, 0, 2);
	tcase_add_loop_test(t, a_key_that_others_can_read_is_not_used, 0, 8);
	tcase_add_test(t, a_key_without_the_rest_is_an_account_to_be_found_again);
	tcase_add_loop_test(t, a_damaged_account_is_told_and_kept_beside_what_takes_its_place, 0,
	    NITEMS(damages));
	tcase_add_loop_test(t, a_lost_key_is_for_the_operator, 0, 2);
	tcase_add_test(t, an_order_comes_back_as_it_went);
	tcase_add_loop_test(t, half_an_order_is_none, 0, HARMS);
	tcase_add_test(t, every_single_bit_counts);
	tcase_add_test(t, a_sealed_file_of_a_newer_kamcert_is_named);
	tcase_add_test(t, what_does_not_fit_is_not_sealed);
	suite_add_tcase(s, t);
	return suite_run(s);
}
