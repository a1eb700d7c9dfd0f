/*
 * check_csrfile: an operator's request: what is taken of it, and what is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "csrfile.h"
#include "pem.h"
#include "suite.h"

enum harm { SOUND, OTHER_SIGNATURE, TWICE, CUT, MORE_BEHIND, A_KEY, EMPTY, AS_DER,
	STAPLE };

static EVP_PKEY *p256, *small;

static void
make_keys(void)
{
	ck_assert_ptr_nonnull(p256 = EVP_EC_gen("prime256v1"));
	ck_assert_ptr_nonnull(small = EVP_RSA_gen(1024));
}

static void
free_keys(void)
{
	EVP_PKEY_free(p256);
	EVP_PKEY_free(small);
}

/* The DER of a request. */
static void
make(const char *cn, const char *names, EVP_PKEY *key, enum harm harm, struct buf *der)
{
	X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *exts = NULL;
	X509_EXTENSION *ext;
	EVP_PKEY *other = EVP_EC_gen("prime256v1");
	uint8_t *out = NULL;
	int n;

	if (cn != NULL)
		ck_assert_int_eq(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN",
		    MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0), 1);
	if (names != NULL) {
		ck_assert_ptr_nonnull(ext = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name,
		    names));
		ck_assert_ptr_nonnull(X509v3_add_ext(&exts, ext, -1));
		X509_EXTENSION_free(ext);
		if (harm == STAPLE) {
			ck_assert_ptr_nonnull(ext = X509V3_EXT_nconf_nid(NULL, NULL, NID_tlsfeature,
			    "status_request"));
			ck_assert_ptr_nonnull(X509v3_add_ext(&exts, ext, -1));
			X509_EXTENSION_free(ext);
		}
		ck_assert_int_eq(X509_REQ_add_extensions(req, exts), 1);
		sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	}
	ck_assert_int_eq(X509_REQ_set_pubkey(req, key), 1);
	ck_assert_int_gt(X509_REQ_sign(req, harm == OTHER_SIGNATURE ? other : key, EVP_sha256()),
	    0);
	ck_assert_int_gt(n = i2d_X509_REQ(req, &out), 0);
	buf_put(der, span_of(out, (size_t)n));
	OPENSSL_free(out);
	EVP_PKEY_free(other);
	X509_REQ_free(req);
}

static const struct {
	const char	*what, *cn, *names;
	enum harm	 harm;
	bool		 small;
	/* names and a blank behind each, or a part of the error after a ! */
	const char	*want;
} rows[] = {
	{ "one name", NULL, "DNS:a.example", SOUND, false, "a.example " },
	{ "as DER", NULL, "DNS:a.example", AS_DER, false, "a.example " },
	{ "names of all kinds", "a.example", "DNS:B.example,DNS:*.c.example,IP:192.0.2.1,"
	    "IP:2001:db8::1",
	  SOUND, false, "a.example b.example *.c.example 192.0.2.1 2001:db8::1 " },
	{ "a name in both places", "A.example", "DNS:a.example", SOUND, false, "a.example " },
	{ "in the subject alone", "a.example", NULL, SOUND, false, "a.example " },
	{ "no name at all", NULL, NULL, SOUND, false, "" },
	{ "an address as subject", "192.0.2.1", "IP:192.0.2.1", SOUND, false, "192.0.2.1 " },
	{ "a person", NULL, "DNS:a.example,email:a@example.org", SOUND, false, "!a server" },
	{ "a URI", NULL, "URI:sip:a.example", SOUND, false, "!a server" },
	{ "no host name", "Alice Smith", "DNS:a.example", SOUND, false, "!have \"Alice Smith\"" },
	{ "no host name either", NULL, "DNS:a_b", SOUND, false, "!host names" },
	{ "signed by another key", NULL, "DNS:a.example", OTHER_SIGNATURE, false, "!own key" },
	{ "must-staple", NULL, "DNS:a.example", STAPLE, false, "!RFC 7633" },
	{ "two of them", NULL, "DNS:a.example", TWICE, false, "!second request" },
	{ "cut", NULL, "DNS:a.example", CUT, false, "!not a certificate request" },
	{ "something behind it", NULL, "DNS:a.example", MORE_BEHIND, false,
	    "!not a certificate request" },
	{ "a private key", NULL, "DNS:a.example", A_KEY, false, "!have PRIVATE KEY" },
	{ "nothing", NULL, "DNS:a.example", EMPTY, false, "!no CERTIFICATE REQUEST" },
	{ "a weak key", NULL, "DNS:a.example", SOUND, true, "!have RSA of 1024 bits" },
};

static void
spoil(enum harm harm, struct buf *der, struct buf *file)
{
	if (harm == CUT)
		der->n--;
	if (harm == MORE_BEHIND)
		buf_u8(der, 0);
	if (harm == EMPTY)
		return;
	if (harm == AS_DER) {
		buf_put(file, buf_span(der));
		return;
	}
	pem_put(file, harm == A_KEY ? "PRIVATE KEY" : "CERTIFICATE REQUEST", buf_span(der));
	if (harm == TWICE)
		pem_put(file, "CERTIFICATE REQUEST", buf_span(der));
}

START_TEST(requests_keep_their_table)
{
	const char *want = rows[_i].want;
	struct err e = ERR_NONE;
	struct buf der, file, got;
	struct csrfile csr;

	buf_init(&der, 65536);
	buf_init(&file, 131072);
	buf_init(&got, 1024);
	make(rows[_i].cn, rows[_i].names, rows[_i].small ? small : p256, rows[_i].harm, &der);
	spoil(rows[_i].harm, &der, &file);
	if (want[0] == '!') {
		ck_assert_msg(csrfile_read(buf_span(&file), &csr, &e) == -1, "%s: taken",
		    rows[_i].what);
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_msg(strstr(e.text, want + 1) != NULL, "%s: %s", rows[_i].what, e.text);
		ck_assert_ptr_null(csr.key);
	} else {
		ck_assert_msg(csrfile_read(buf_span(&file), &csr, &e) == 0, "%s: %s", rows[_i].what,
		    e.text);
		for (size_t i = 0; i < csr.names.n; i++)
			buf_printf(&got, "%s ", csr.names.v[i]);
		ck_assert_msg(strcmp(buf_cstr(&got), want) == 0, "%s: got %s", rows[_i].what,
		    buf_cstr(&got));
		ck_assert(span_eq(blob_span(&csr.der), buf_span(&der)));
		ck_assert(!key_is_private(csr.key));
		ck_assert_str_eq(key_type(csr.key), "ecdsa-p256");
		buf_reset(&got);
		ck_assert_int_eq(key_to_pem(csr.key, &got, &e), -1);
	}
	csrfile_clear(&csr);
	buf_clear(&der);
	buf_clear(&file);
	buf_clear(&got);
}
END_TEST

START_TEST(it_asks_for_what_is_configured_and_for_nothing_else)
{
	static const struct {
		size_t		 n;
		const char	*missing, *extra;
	} sets[] = { { 2, NULL, NULL }, { 1, NULL, "b.example" }, { 3, "c.example", NULL } };
	char *all[] = { (char *)(uintptr_t)"a.example", (char *)(uintptr_t)"b.example",
		(char *)(uintptr_t)"c.example" };
	struct strs names = { all, sets[_i].n };
	struct err e = ERR_NONE;
	struct csrfile csr;
	struct buf der;

	buf_init(&der, 65536);
	make(NULL, "DNS:b.example,DNS:a.example", p256, SOUND, &der);
	ck_assert_msg(csrfile_read(buf_span(&der), &csr, &e) == 0, "%s", e.text);
	ck_assert_int_eq(csrfile_fits(&csr, &names, &e), sets[_i].n == 2 ? 0 : -1);
	if (sets[_i].missing != NULL)
		ck_assert_ptr_nonnull(strstr(e.text, sets[_i].missing));
	if (sets[_i].extra != NULL)
		ck_assert_ptr_nonnull(strstr(e.text, sets[_i].extra));
	csrfile_clear(&csr);
	buf_clear(&der);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_a_hold)
{
	struct err e = ERR_NONE;
	struct csrfile csr;

	ck_assert_int_eq(csrfile_load("/nonexistent/a.csr", &csr, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent/a.csr"));
	csrfile_clear(&csr);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("csrfile");
	TCase *t = tcase_create("csr");

	tcase_add_unchecked_fixture(t, make_keys, free_keys);
	tcase_add_loop_test(t, requests_keep_their_table, 0, NITEMS(rows));
	tcase_add_loop_test(t, it_asks_for_what_is_configured_and_for_nothing_else, 0, 3);
	tcase_add_test(t, a_file_that_is_not_there_is_a_hold);
	suite_add_tcase(s, t);
	return suite_run(s);
}
