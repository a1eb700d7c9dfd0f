/*
 * check_tls_crypto: the primitives against published vectors, and what they
 * must refuse.
 */
#include "t/unit/check_tls.h"

#include "suite.h"
#include "tls/private.h"

#define OCTETS_MAX 512

static struct span
unhex(const char *hex, uint8_t *out)
{
	struct buf b;
	size_t n;

	buf_init(&b, OCTETS_MAX);
	ck_assert_int_eq(hex_decode(span_str(hex), &b), 0);
	n = b.n;
	if (n > 0)
		memcpy(out, b.p, n);
	buf_clear(&b);
	return span_of(out, n);
}

static void
expect_hex(const char *what, const uint8_t *got, const char *want)
{
	uint8_t octets[OCTETS_MAX];
	struct span w = unhex(want, octets);
	struct buf hex;

	buf_init(&hex, 4 * OCTETS_MAX);
	buf_hex(&hex, span_of(got, w.n));
	ck_assert_msg(memcmp(got, w.p, w.n) == 0, "%s: got %s, want %s", what, buf_cstr(&hex),
	    want);
	buf_clear(&hex);
}

static void
set_up(void)
{
	struct err e = ERR_NONE;

	ck_assert_msg(tls_crypto_init(&e) == 0, "%s", e.text);
}

/* --- HMAC, HKDF, PRF --- */

static const struct {
	const char		*what;
	enum tls_hash_id	 hash;
	const char		*key, *data, *mac;
} hmacs[] = {
	{ "RFC 4231 section 4.3, SHA-256", TLS_SHA256, "4a656665",
	    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "RFC 4231 section 4.3, SHA-384", TLS_SHA384, "4a656665",
	    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	    "8e2240ca5e69e2c78b3239ecfab21649" },
	{ "RFC 4231 section 4.7, SHA-256: a key longer than a block", TLS_SHA256,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaa",
	    "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20486173"
	    "68204b6579204669727374",
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
};

START_TEST(hmac_gives_the_vectors)
{
	const struct tls_hash *hash = &tls_hashes[hmacs[_i].hash];
	uint8_t key[OCTETS_MAX], data[OCTETS_MAX], mac[TLS_SIGN_HASH_MAX];
	struct span parts[2] = { unhex(hmacs[_i].data, data) };

	/* In two parts, as it is used. */
	parts[1] = span_of(parts[0].p + 5, parts[0].n - 5);
	parts[0].n = 5;
	ck_assert_int_eq(tls_hmac(hash, unhex(hmacs[_i].key, key), parts, 2, mac), 0);
	expect_hex(hmacs[_i].what, mac, hmacs[_i].mac);
}
END_TEST

static const struct {
	const char	*what, *ikm, *salt, *info;
	size_t		 n;
	const char	*prk, *okm;
} hkdfs[] = {
	{ "RFC 5869 appendix A.1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	    "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42,
	    "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	    "34007208d5b887185865" },
	{ "RFC 5869 appendix A.2",
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	    "404142434445464748494a4b4c4d4e4f",
	    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	    "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", 82,
	    "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
	    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	    "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	    "cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "RFC 5869 appendix A.3", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", 42,
	    "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
	    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	    "9d201395faa4b61a96c8" },
};

START_TEST(hkdf_gives_the_vectors)
{
	const struct tls_hash *hash = &tls_hashes[TLS_SHA256];
	uint8_t ikm[OCTETS_MAX], salt[OCTETS_MAX], info[OCTETS_MAX], prk[32], okm[OCTETS_MAX];

	ck_assert_int_eq(tls_hkdf_extract(hash, unhex(hkdfs[_i].salt, salt),
	    unhex(hkdfs[_i].ikm, ikm), prk), 0);
	expect_hex(hkdfs[_i].what, prk, hkdfs[_i].prk);
	ck_assert_int_eq(tls_hkdf_expand(hash, span_of(prk, 32), unhex(hkdfs[_i].info, info), okm,
	    hkdfs[_i].n), 0);
	expect_hex(hkdfs[_i].what, okm, hkdfs[_i].okm);
}
END_TEST

START_TEST(hkdf_gives_no_more_than_255_hashes)
{
	static uint8_t out[255 * 32 + 1];
	uint8_t prk[32] = { 0 };

	ck_assert_int_eq(tls_hkdf_expand(&tls_hashes[TLS_SHA256], span_of(prk, 32), SPAN_NONE, out,
	    255 * 32), 0);
	ck_assert_int_eq(tls_hkdf_expand(&tls_hashes[TLS_SHA256], span_of(prk, 32), SPAN_NONE, out,
	    255 * 32 + 1), -1);
}
END_TEST

/* From the TLS working group's list, for want of vectors in RFC 5246. */
static const struct {
	enum tls_hash_id	 hash;
	const char		*secret, *seed, *out;
} prfs[] = {
	{ TLS_SHA256, "9bbe436ba940f017b17652849a71db35",
	    "74657374206c6162656c" "a0ba9f936cda311827a6f796ffd5198c",
	    "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
	    "6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab"
	    "4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701"
	    "87347b66" },
	{ TLS_SHA384, "b80b733d6ceefcdc71566ea48e5567df",
	    "74657374206c6162656c" "cd665cf6a8447dd6ff8b27555edb7465",
	    "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd"
	    "e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd"
	    "8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425"
	    "9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee6"
	    "91c8f3a26854308d5eaa3be85e0990703d73e56f" },
};

START_TEST(the_prf_of_tls_1_2_gives_the_vectors)
{
	uint8_t secret[OCTETS_MAX], seed[OCTETS_MAX], out[OCTETS_MAX];

	ck_assert_int_eq(tls_prf(&tls_hashes[prfs[_i].hash], unhex(prfs[_i].secret, secret),
	    unhex(prfs[_i].seed, seed), out, strlen(prfs[_i].out) / 2), 0);
	expect_hex("PRF", out, prfs[_i].out);
}
END_TEST

/* --- AEAD --- */

START_TEST(what_was_sealed_opens_and_nothing_else)
{
	const struct tls_aead *aead = tls_suites[_i].aead;
	uint8_t key[TLS_KEY_MAX] = { 1 }, nonce[TLS_IV_LEN] = { 2 }, text[50] = { 3 };
	uint8_t sealed[50 + TLS_TAG_LEN], opened[50];
	struct tls_aead_io seal = { nonce, span_str("aad"), span_of(text, 50), sealed };
	struct tls_aead_io open = { nonce, span_str("aad"), span_of(sealed, sizeof(sealed)),
	    opened };
	EVP_CIPHER_CTX *in = tls_aead_new(aead, key, true), *out = tls_aead_new(aead, key, false);

	ck_assert_int_eq(tls_aead_seal(in, &seal), 0);
	ck_assert_int_eq(tls_aead_open(out, &open), 0);
	ck_assert_mem_eq(opened, text, sizeof(text));
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		ck_assert_int_eq(tls_aead_open(out, &open), -1);
		sealed[i] ^= 1;
	}
	open.aad = span_str("aae");
	ck_assert_int_eq(tls_aead_open(out, &open), -1);
	open.aad = span_str("aad");
	open.in.n = TLS_TAG_LEN - 1;
	ck_assert_int_eq(tls_aead_open(out, &open), -1);
	open.in.n = sizeof(sealed);
	ck_assert_int_eq(tls_aead_open(out, &open), 0);
	EVP_CIPHER_CTX_free(in);
	EVP_CIPHER_CTX_free(out);
}
END_TEST

/* --- key exchange --- */

START_TEST(x25519_gives_the_vector_of_rfc_7748)
{
	uint8_t scalar[32], point[32], out[TLS_SECRET_MAX];
	struct err e = ERR_NONE;
	EVP_PKEY *key;

	(void)unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", scalar);
	(void)unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", point);
	ck_assert_int_eq(tls_kx_generate(&tls_groups[0], scalar, &key, &e), 0);
	ck_assert_int_eq(tls_kx_derive(&tls_groups[0], key, span_of(point, 32), out), TLS_KX_OK);
	expect_hex("x25519", out,
	    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(both_ends_of_an_exchange_have_the_same_secret)
{
	const struct tls_group *g = &tls_groups[_i];
	uint8_t a_share[TLS_SHARE_MAX], b_share[TLS_SHARE_MAX], a_secret[48], b_secret[48];
	EVP_PKEY *a, *b;
	struct err e = ERR_NONE;

	ck_assert_int_eq(tls_kx_generate(g, NULL, &a, &e), 0);
	ck_assert_int_eq(tls_kx_generate(g, NULL, &b, &e), 0);
	ck_assert_int_eq(tls_kx_share(g, a, a_share, &e), 0);
	ck_assert_int_eq(tls_kx_share(g, b, b_share, &e), 0);
	ck_assert_int_eq(tls_kx_derive(g, a, span_of(b_share, g->share_len), a_secret), TLS_KX_OK);
	ck_assert_int_eq(tls_kx_derive(g, b, span_of(a_share, g->share_len), b_secret), TLS_KX_OK);
	ck_assert_mem_eq(a_secret, b_secret, g->secret_len);
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
}
END_TEST

/* RFC 8446 section 4.2.8.2, RFC 7748 section 6. */
START_TEST(shares_that_are_no_point_of_the_group_are_refused)
{
	/* Points of small order: the secret would be zero. */
	static const char *const small[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	const struct tls_group *g = &tls_groups[_i];
	uint8_t share[TLS_SHARE_MAX + 1] = { 0 }, out[TLS_SECRET_MAX];
	EVP_PKEY *key;
	struct err e = ERR_NONE;

	ck_assert_int_eq(tls_kx_generate(g, NULL, &key, &e), 0);
	ck_assert_int_eq(tls_kx_share(g, key, share, &e), 0);
	for (size_t n = 0; n <= sizeof(share); n++)
		if (n != g->share_len)
			ck_assert_int_eq(tls_kx_derive(g, key, span_of(share, n), out),
			    TLS_KX_BAD_SHARE);
	for (size_t i = 0; g->curve == NULL && i < NITEMS(small); i++)
		ck_assert_int_eq(tls_kx_derive(g, key, unhex(small[i], share), out),
		    TLS_KX_BAD_SHARE);
	if (g->curve != NULL) {
		share[g->share_len - 1] ^= 1;
		ck_assert_int_eq(tls_kx_derive(g, key, span_of(share, g->share_len), out),
		    TLS_KX_BAD_SHARE);
		share[g->share_len - 1] ^= 1;
		/* The hybrid form is a point, but not of this form. */
		share[0] = 6 | (share[g->share_len - 1] & 1);
		ck_assert_int_eq(tls_kx_derive(g, key, span_of(share, g->share_len), out),
		    TLS_KX_BAD_SHARE);
	}
	EVP_PKEY_free(key);
}
END_TEST

/* --- signatures --- */

static const char *const keys[] = { ID_EC256, ID_EC384, ID_RSA, ID_RSAPSS };

/* RFC 8446 section 4.2.3: which key by which scheme. */
static const struct {
	uint16_t	 id;
	const char	*fits_13, *fits_12;	/* a letter for each of the keys */
} fits[] = {
	{ 0x0403, "y...", "yy.." }, { 0x0503, ".y..", "yy.." },
	{ 0x0804, "..y.", "..y." }, { 0x0805, "..y.", "..y." }, { 0x0806, "..y.", "..y." },
	{ 0x0809, "...y", "...y" }, { 0x080a, "...y", "...y" }, { 0x080b, "...y", "...y" },
	{ 0x0401, "....", "..y." }, { 0x0501, "....", "..y." }, { 0x0601, "....", "..y." },
};

START_TEST(a_scheme_fits_the_keys_that_the_rfc_gives_it)
{
	EVP_PKEY *key;
	X509 *cert;

	load_pem(keys[_i], &key, &cert);
	for (size_t i = 0; i < NITEMS(fits); i++) {
		const struct tls_scheme *s = tls_scheme_find(fits[i].id);

		ck_assert_ptr_nonnull(s);
		ck_assert_msg(tls_scheme_fits(s, tls_key_kind(key), EVP_PKEY_get_size(key),
		    TLS_1_3) == (fits[i].fits_13[_i] == 'y'),
		    "%s with %s in TLS 1.3", s->name, keys[_i]);
		ck_assert_msg(tls_scheme_fits(s, tls_key_kind(key), EVP_PKEY_get_size(key),
		    TLS_1_2) == (fits[i].fits_12[_i] == 'y'),
		    "%s with %s in TLS 1.2", s->name, keys[_i]);
	}
	EVP_PKEY_free(key);
	X509_free(cert);
}
END_TEST

START_TEST(a_signature_holds_for_its_content_alone)
{
	const struct tls_scheme *s = &tls_schemes[_i];
	struct span content[2] = { span_str("some"), span_str("content") };
	struct span other[2] = { span_str("some"), span_str("contend") };
	struct err e = ERR_NONE;
	struct buf signature;
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key;
	X509 *cert;

	for (size_t k = 0; k < NITEMS(keys); k++) {
		load_pem(keys[k], &key, &cert);
		X509_free(cert);
		if (tls_scheme_fits(s, tls_key_kind(key), EVP_PKEY_get_size(key), TLS_1_2)) {
			buf_init(&signature, 1000);
			ctx = tls_sign_new(s, key, true);
			ck_assert_ptr_nonnull(ctx);
			/* Twice, for the context is used again and again. */
			ck_assert_int_eq(tls_sign(s, ctx, other, &signature, &e), 0);
			buf_reset(&signature);
			ck_assert_int_eq(tls_sign(s, ctx, content, &signature, &e), 0);
			ck_assert_int_eq(tls_verify_signature(s, key, content, buf_span(&signature),
			    &e), 0);
			ck_assert_int_eq(tls_verify_signature(s, key, other, buf_span(&signature),
			    &e), -1);
			signature.p[signature.n / 2] ^= 1;
			ck_assert_int_eq(tls_verify_signature(s, key, content, buf_span(&signature),
			    &e), -1);
			ck_assert_int_eq(tls_verify_signature(s, key, content, SPAN_NONE, &e), -1);
			EVP_PKEY_CTX_free(ctx);
			buf_clear(&signature);
		}
		EVP_PKEY_free(key);
	}
}
END_TEST

START_TEST(keys_of_other_kinds_make_no_identity)
{
	static const char *const types[] = { "ED25519", "X25519", "secp256k1", "brainpoolP256r1",
	    "P-521" };
	const uint8_t der[] = { 0x30, 0 };
	struct span chain = span_of(der, sizeof(der));
	struct tls_identity *id;
	struct err e = ERR_NONE;
	EVP_PKEY *key = _i < 2 ? EVP_PKEY_Q_keygen(NULL, NULL, types[_i]) :
	    EVP_PKEY_Q_keygen(NULL, NULL, "EC", types[_i]);

	ck_assert_ptr_nonnull(key);
	ck_assert_int_eq(tls_identity_new(&chain, 1, key, &id, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_null(id);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(only_a_whole_certificate_gives_a_key)
{
	uint8_t *der = NULL;
	struct err e = ERR_NONE;
	EVP_PKEY *key, *found;
	X509 *cert;
	int n;

	load_pem(ID_EC256, &key, &cert);
	n = i2d_X509(cert, &der);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(tls_cert_key(span_of(der, (size_t)n), &found, &e), 0);
	ck_assert_int_eq(EVP_PKEY_eq(found, key), 1);
	EVP_PKEY_free(found);
	for (int i = 0; i < n; i++)
		ck_assert(tls_cert_key(span_of(der, (size_t)i), &found, &e) == -1 &&
		    e.class == OUT_REFUSE);
	EVP_PKEY_free(key);
	X509_free(cert);
	OPENSSL_free(der);
}
END_TEST

static Suite *
build_suite(void)
{
	Suite *s = suite_create("tls crypto");
	TCase *t = tcase_create("primitives");

	tcase_set_timeout(t, 30);
	tcase_add_unchecked_fixture(t, set_up, NULL);
	tcase_add_loop_test(t, hmac_gives_the_vectors, 0, NITEMS(hmacs));
	tcase_add_loop_test(t, hkdf_gives_the_vectors, 0, NITEMS(hkdfs));
	tcase_add_test(t, hkdf_gives_no_more_than_255_hashes);
	tcase_add_loop_test(t, the_prf_of_tls_1_2_gives_the_vectors, 0, NITEMS(prfs));
	tcase_add_loop_test(t, what_was_sealed_opens_and_nothing_else, 0, TLS_NSUITES);
	tcase_add_test(t, x25519_gives_the_vector_of_rfc_7748);
	tcase_add_loop_test(t, both_ends_of_an_exchange_have_the_same_secret, 0, TLS_NGROUPS);
	tcase_add_loop_test(t, shares_that_are_no_point_of_the_group_are_refused, 0, TLS_NGROUPS);
	tcase_add_loop_test(t, a_scheme_fits_the_keys_that_the_rfc_gives_it, 0, NITEMS(keys));
	tcase_add_loop_test(t, a_signature_holds_for_its_content_alone, 0, TLS_NSCHEMES);
	tcase_add_loop_test(t, keys_of_other_kinds_make_no_identity, 0, 5);
	tcase_add_test(t, only_a_whole_certificate_gives_a_key);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(build_suite());
}
