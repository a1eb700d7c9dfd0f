/* The narrowed provider: what certificates of TLS servers need is there, and the rest is gone. */
#include <check.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "key.h"
#include "provider.h"
#include "suite.h"

static void
setup(void)
{
	struct err e = ERR_NONE;

	ck_assert_msg(provider_narrow(&e) == 0, "%s", e.text);
}

static const char *const types[] = { "ecdsa-p256", "ecdsa-p384", "rsa-2048" };

START_TEST(our_keys_are_made_written_and_read)
{
	struct key *key, *again;
	struct err e = ERR_NONE;
	struct buf pem;

	buf_init(&pem, KEY_PEM_MAX);
	key = key_new(types[_i], &e);
	ck_assert_msg(key != NULL && key_to_pem(key, &pem, &e) == 0, "%s", e.text);
	again = key_from_pem(buf_span(&pem), &e);
	ck_assert_msg(again != NULL && key_same(key, again), "%s", e.text);
	key_free(key);
	key_free(again);
	buf_clear(&pem);
}
END_TEST

static const struct {
	const char	*kind;
	bool		 known;
} kinds[] = {
	{ "RSA", true }, { "RSA-PSS", true }, { "EC", true }, { "ED25519", true },
	{ "ED448", true }, { "X25519", true }, { "HKDF", true },
	{ "DSA", false }, { "DH", false }, { "X9.42 DH", false }, { "SM2", false },
	{ "X448", false }, { "no such kind", false },
};

START_TEST(other_kinds_of_keys_are_unknown)
{
	EVP_KEYMGMT *m = EVP_KEYMGMT_fetch(NULL, kinds[_i].kind, NULL);

	ck_assert_msg((m != NULL) == kinds[_i].known, "%s", kinds[_i].kind);
	EVP_KEYMGMT_free(m);
}
END_TEST

/* Everything but keys: digests, ciphers, random octets. */
START_TEST(the_rest_is_as_it_was)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	ck_assert(md != NULL && cipher != NULL && ctx != NULL);
	EVP_MD_free(md);
	EVP_CIPHER_free(cipher);
	SSL_CTX_free(ctx);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("provider");
	TCase *tc = tcase_create("provider");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, our_keys_are_made_written_and_read, 0, NITEMS(types));
	tcase_add_loop_test(tc, other_kinds_of_keys_are_unknown, 0, NITEMS(kinds));
	tcase_add_test(tc, the_rest_is_as_it_was);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
