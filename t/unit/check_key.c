#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/fs.h"
#include "key.h"
#include "suite.h"

static const struct {
	const char	*type, *alg;
	size_t		 sig;		/* octets */
	int		 tries;		/* signatures that are looked at */
} types[] = {
	{ "ecdsa-p256", "ES256", 64, 2000 },
	{ "ecdsa-p384", "ES384", 96, 300 },
	{ "rsa-2048", "RS256", 256, 1 },
	{ "rsa-3072", "RS256", 384, 1 },
	{ "rsa-4096", "RS256", 512, 1 },
};

/* One of each, made once: those of RSA take long. */
static struct key *made[NITEMS(types)];

static struct key *
new_key(const char *type)
{
	struct err e = ERR_NONE;
	struct key *k = key_new(type, &e);

	ck_assert_msg(k != NULL, "%s: %s", type, e.text);
	return k;
}

static void
make_keys(void)
{
	for (size_t i = 0; i < NITEMS(types); i++)
		made[i] = new_key(types[i].type);
}

static void
free_keys(void)
{
	for (size_t i = 0; i < NITEMS(types); i++)
		key_free(made[i]);
}

/* --- files --- */

START_TEST(a_key_comes_back_from_its_pem)
{
	struct err e = ERR_NONE;
	struct key *k = made[_i], *other = new_key("ecdsa-p256"), *back;
	struct buf pem;

	buf_init(&pem, KEY_PEM_MAX);
	ck_assert_int_eq(key_to_pem(k, &pem, &e), 0);
	ck_assert(span_starts(buf_span(&pem), "-----BEGIN PRIVATE KEY-----\n"));
	back = key_from_pem(buf_span(&pem), &e);
	ck_assert_msg(back != NULL, "%s", e.text);
	ck_assert(key_same(k, back));
	ck_assert(!key_same(k, other));
	ck_assert_str_eq(key_type(back), types[_i].type);
	ck_assert_str_eq(key_alg(back), types[_i].alg);
	key_free(back);
	key_free(other);
	buf_clear(&pem);
}
END_TEST

START_TEST(two_new_keys_differ)
{
	struct key *a = new_key("ecdsa-p384"), *b = new_key("ecdsa-p384");

	ck_assert(!key_same(a, b));
	key_free(a);
	key_free(b);
}
END_TEST

START_TEST(an_unknown_type_is_an_operators_matter)
{
	struct err e = ERR_NONE;

	ck_assert_ptr_null(key_new("ecdsa-p521", &e));
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_str_eq(e.text, "key: type: want ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or "
	    "rsa-4096, have ecdsa-p521");
}
END_TEST

static void
put_foreign(struct buf *out, EVP_PKEY *pkey, const EVP_CIPHER *cipher, bool old_form)
{
	static char passphrase[] = "secret";
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	ck_assert_ptr_nonnull(pkey);
	ck_assert_int_eq(old_form ? PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0,
	    NULL, NULL) : PEM_write_bio_PKCS8PrivateKey(bio, pkey, cipher, NULL, 0, NULL,
	    cipher != NULL ? passphrase : NULL), 1);
	n = BIO_get_mem_data(bio, &p);
	buf_put(out, span_of(p, (size_t)n));
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

#define KEY_PEM(body)	"-----BEGIN PRIVATE KEY-----\n" body "-----END PRIVATE KEY-----\n"
#define KEY_LINE_1(x)	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjps" x \
	"nnGQmL+YBIff\n"
#define KEY_LINE_2	"H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
#define KEY_LINE_3	"7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt"

/* A letter each: what the file holds. */
static const struct {
	char		 thing;
	const char	*text;
} texts[] = {
	{ 'g', KEY_PEM(KEY_LINE_1("Q") KEY_LINE_2 KEY_LINE_3 "\n") },
	/* One bit of the private number is another: the public half is not its own. */
	{ 't', KEY_PEM(KEY_LINE_1("R") KEY_LINE_2 KEY_LINE_3 "\n") },
	/* An octet behind. */
	{ 'x', KEY_PEM(KEY_LINE_1("Q") KEY_LINE_2 KEY_LINE_3 "AA==\n") },
	/* Cut. */
	{ 'c', "-----BEGIN PRIVATE KEY-----\n" KEY_LINE_1("Q") },
	/* No key inside. */
	{ 'b', KEY_PEM("MAMCAQA=\n") },
	{ 'p', "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n" },
	{ 'w', "made by kamcert\n" },
};

static void
put_thing(struct buf *out, char thing)
{
	for (size_t i = 0; i < NITEMS(texts); i++)
		if (texts[i].thing == thing)
			buf_str(out, texts[i].text);
	if (thing == 'e')
		put_foreign(out, EVP_EC_gen("P-256"), EVP_aes_128_cbc(), false);
	else if (thing == 'o')
		put_foreign(out, EVP_EC_gen("P-256"), NULL, true);
	else if (thing == '5')
		put_foreign(out, EVP_EC_gen("P-521"), NULL, false);
	else if (thing == '1')
		put_foreign(out, EVP_RSA_gen(1024), NULL, false);
	else if (thing == 'd')
		put_foreign(out, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, false);
	for (int i = 0; thing == 'l' && i < KEY_PEM_MAX; i++)
		buf_u8(out, '\n');
}

static const struct {
	const char	*what;
	const char	*things;
	const char	*want;		/* part of the error, NULL: it is read */
} files[] = {
	{ "a key", "g", NULL },
	{ "text and certificates around a key", "wppgwp", NULL },
	{ "an empty file", "", "key: there is no PRIVATE KEY in it" },
	{ "certificates alone", "pp", "key: there is no PRIVATE KEY in it" },
	{ "two keys", "gg", "key: line 6: a second private key: want one" },
	{ "an encrypted key", "e", "key: line 1: RFC 5958: want an unencrypted PRIVATE KEY, have "
	  "ENCRYPTED PRIVATE KEY" },
	{ "an encrypted one behind a key", "ge", "want an unencrypted PRIVATE KEY" },
	{ "the older form", "o", "want an unencrypted PRIVATE KEY, have EC PRIVATE KEY" },
	{ "a key that was cut", "c", "key: line 1: RFC 7468 section 2: block without its END" },
	{ "another structure", "b", "key: RFC 5958: not a private key" },
	{ "an octet behind the key", "x", "key: RFC 5958: not a private key" },
	{ "halves of two keys", "t", "key: its private half does not fit its public half" },
	{ "P-521", "5", "key: want one of P-256, P-384, RSA of 2048, 3072 or 4096 bits, have EC of "
	  "521 bits" },
	{ "RSA of 1024 bits", "1", "have RSA of 1024 bits" },
	{ "Ed25519", "d", "have ED25519 of 256 bits" },
	{ "more than KEY_PEM_MAX", "gl", "want at most 65536" },
};

START_TEST(key_files_are_read_as_the_table_says)
{
	struct err e = ERR_NONE;
	struct buf pem;
	struct key *k;

	buf_init(&pem, KEY_PEM_MAX * 2);
	for (const char *thing = files[_i].things; *thing != '\0'; thing++)
		put_thing(&pem, *thing);
	k = key_from_pem(buf_span(&pem), &e);
	if (files[_i].want == NULL) {
		ck_assert_msg(k != NULL, "%s: %s", files[_i].what, e.text);
	} else {
		ck_assert_msg(k == NULL, "%s: was read", files[_i].what);
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_msg(strstr(e.text, files[_i].want) != NULL, "%s: got \"%s\", want \"%s\"",
		    files[_i].what, e.text, files[_i].want);
	}
	ck_assert_uint_eq(ERR_peek_error(), 0);
	key_free(k);
	buf_clear(&pem);
}
END_TEST

/* --- signatures --- */

/* RFC 7518 section 3.4 undone: a DER signature from r and s side by side. */
static size_t
to_der(struct span raw, uint8_t *out)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int n, half = (int)raw.n / 2;

	ck_assert_int_eq(ECDSA_SIG_set0(sig, BN_bin2bn(raw.p, half, NULL),
	    BN_bin2bn(raw.p + half, half, NULL)), 1);
	n = i2d_ECDSA_SIG(sig, &out);
	ck_assert_int_gt(n, 0);
	ECDSA_SIG_free(sig);
	return (size_t)n;
}

/* The public half goes by a request, as it does to a CA. */
static EVP_PKEY *
public_of(const struct key *k)
{
	const struct strs none = { 0 };
	struct err e = ERR_NONE;
	struct buf der;
	const uint8_t *p;
	X509_REQ *req;
	EVP_PKEY *pkey;

	buf_init(&der, KEY_CSR_MAX);
	ck_assert_int_eq(key_csr(k, &none, false, &der, &e), 0);
	p = der.p;
	req = d2i_X509_REQ(NULL, &p, (long)der.n);
	pkey = X509_REQ_get_pubkey(req);
	ck_assert_ptr_nonnull(pkey);
	X509_REQ_free(req);
	buf_clear(&der);
	return pkey;
}

START_TEST(a_signature_is_as_jws_wants_it)
{
	const struct span input = span_str("eyJhbGciOiJFUzI1NiJ9.e30");
	struct key *k = made[_i];
	EVP_PKEY *public = public_of(k);
	const EVP_MD *md = strcmp(types[_i].alg, "ES384") == 0 ? EVP_sha384() : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct err e = ERR_NONE;
	uint8_t der[1024];
	struct buf sig;
	size_t n;

	/* Every 128th has leading zeros in r or in s, which must be there. */
	for (int i = 0; i < types[_i].tries; i++) {
		buf_init(&sig, 1024);
		ck_assert_msg(key_sign(k, types[_i].alg, input, &sig, &e) == 0, "%s", e.text);
		ck_assert_uint_eq(sig.n, types[_i].sig);
		if (types[_i].sig < 256) {
			n = to_der(buf_span(&sig), der);
		} else {
			n = sig.n;
			memcpy(der, sig.p, n);
		}
		ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, md, NULL, public), 1);
		ck_assert_int_eq(EVP_DigestVerify(ctx, der, n, input.p, input.n), 1);
		EVP_MD_CTX_reset(ctx);
		buf_clear(&sig);
	}
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(public);
}
END_TEST

START_TEST(a_key_signs_by_its_own_algorithm_alone)
{
	struct key *k = new_key("ecdsa-p256");
	struct err e = ERR_NONE;
	struct buf sig;

	buf_init(&sig, 1024);
	ck_assert_int_eq(key_sign(k, "RS256", span_str("x"), &sig, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_str_eq(e.text, "key: RFC 7518 section 3.1: a key of type ecdsa-p256 signs ES256, "
	    "not RS256");
	ck_assert_uint_eq(sig.n, 0);
	key_free(k);
	buf_clear(&sig);
}
END_TEST

/* --- RFC 7515 appendix A --- */

static struct key *
read_vector(const char *name)
{
	const char *dir = getenv("srcdir");
	char path[4096];
	struct err e = ERR_NONE;
	struct buf pem;
	struct key *k;

	(void)snprintf(path, sizeof path, "%s/t/data/key/%s", dir != NULL ? dir : ".", name);
	buf_init(&pem, KEY_PEM_MAX);
	ck_assert_msg(fs_read_path(path, KEY_PEM_MAX, &pem, &e) == 0, "%s", e.text);
	k = key_from_pem(buf_span(&pem), &e);
	ck_assert_msg(k != NULL, "%s: %s", name, e.text);
	buf_clear(&pem);
	return k;
}

#define A_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt" \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

START_TEST(the_signature_of_rfc_7515_appendix_a_2_is_made)
{
	static const char want[] =
	    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
	    "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
	    "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
	    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
	    "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
	    "p0igcN_IoypGlUPQGe77Rw";
	struct key *k = read_vector("rfc7515-a2.pem");
	struct err e = ERR_NONE;
	struct buf sig, text;

	buf_init(&sig, 1024);
	buf_init(&text, 1024);
	ck_assert_int_eq(key_sign(k, "RS256", span_str("eyJhbGciOiJSUzI1NiJ9." A_PAYLOAD), &sig,
	    &e), 0);
	buf_base64url(&text, buf_span(&sig));
	ck_assert_str_eq(buf_cstr(&text), want);
	key_free(k);
	buf_clear(&sig);
	buf_clear(&text);
}
END_TEST

static const struct {
	const char *file, *jwk;
} jwks[] = {
	{ "rfc7515-a2.pem", "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\""
	  "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"
	  "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf6"
	  "3kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5Zw"
	  "Kh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW"
	  "yuXpoQ\"}" },
	{ "rfc7515-a3.pem", "{\"crv\":\"P-256\",\"kty\":\"EC\","
	  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}" },
};

START_TEST(jwks_have_the_members_and_the_order_of_rfc_7638)
{
	struct key *k = read_vector(jwks[_i].file);
	struct err e = ERR_NONE;
	struct buf jwk;

	buf_init(&jwk, 4096);
	ck_assert_int_eq(key_jwk(k, &jwk, &e), 0);
	ck_assert_str_eq(buf_cstr(&jwk), jwks[_i].jwk);
	key_free(k);
	buf_clear(&jwk);
}
END_TEST

/* RFC 7518 section 6.2.1.2: full length, leading zeros included. */
START_TEST(coordinates_are_never_short)
{
	struct err e = ERR_NONE;
	struct buf jwk;

	for (int i = 0; i < 600; i++) {
		struct key *k = new_key("ecdsa-p384");

		buf_init(&jwk, 4096);
		ck_assert_int_eq(key_jwk(k, &jwk, &e), 0);
		ck_assert_uint_eq(jwk.n, 64 + 64 +
		    strlen("{\"crv\":\"P-384\",\"kty\":\"EC\",\"x\":\"\",\"y\":\"\"}"));
		key_free(k);
		buf_clear(&jwk);
	}
}
END_TEST

/* --- requests --- */

static const struct {
	const char	*what;
	const char	*names[4];
	bool		 common_name;
	const char	*cn;		/* NULL: none */
	const char	*san;		/* as X509V3_EXT_print() says */
} requests[] = {
	{ "one name", { "sip.example.com" }, false, NULL, "DNS:sip.example.com" },
	{ "one name, as subject too", { "sip.example.com" }, true, "sip.example.com",
	  "DNS:sip.example.com" },
	{ "a wildcard", { "*.example.com", "example.com" }, true, "*.example.com",
	  "DNS:*.example.com, DNS:example.com" },
	{ "addresses", { "192.0.2.1", "2001:db8::1", "sip.example.com" }, true, "sip.example.com",
	  "IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, DNS:sip.example.com" },
	{ "addresses alone", { "192.0.2.1" }, true, NULL, "IP Address:192.0.2.1" },
	{ "a name that is too long for a subject", {
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com", "b.example.com"
	  },
	  true, "b.example.com",
	  "DNS:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com, "
	  "DNS:b.example.com" },
};

static void
print_names(X509_REQ *req, char *out, size_t size)
{
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	ck_assert_int_eq(sk_X509_EXTENSION_num(exts), 1);
	ck_assert_int_eq(X509V3_EXT_print(bio, sk_X509_EXTENSION_value(exts, 0), 0, 0), 1);
	n = BIO_read(bio, out, (int)size - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
}

START_TEST(requests_hold_what_the_table_says)
{
	struct key *k = new_key("ecdsa-p256");
	struct strs names = { 0 };
	struct err e = ERR_NONE;
	char san[1024], cn[128] = "";
	struct buf der;
	const uint8_t *p;
	X509_REQ *req;
	int has_cn;

	for (size_t i = 0; i < NITEMS(requests[_i].names) && requests[_i].names[i] != NULL; i++)
		ck_assert_int_eq(strs_add(&names, requests[_i].names[i]), 0);
	buf_init(&der, KEY_CSR_MAX);
	ck_assert_int_eq(key_csr(k, &names, requests[_i].common_name, &der, &e), 0);
	p = der.p;
	req = d2i_X509_REQ(NULL, &p, (long)der.n);
	ck_assert_ptr_nonnull(req);
	ck_assert_ptr_eq(p, der.p + der.n);
	ck_assert_int_eq(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
	print_names(req, san, sizeof san);
	ck_assert_msg(strcmp(san, requests[_i].san) == 0, "%s: got \"%s\", want \"%s\"",
	    requests[_i].what, san, requests[_i].san);
	has_cn = X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(req), NID_commonName, cn,
	    sizeof cn);
	ck_assert_msg((has_cn >= 0) == (requests[_i].cn != NULL) &&
	    (has_cn < 0 || strcmp(cn, requests[_i].cn) == 0), "%s: got CN \"%s\", want \"%s\"",
	    requests[_i].what, cn, requests[_i].cn != NULL ? requests[_i].cn : "none");
	X509_REQ_free(req);
	strs_clear(&names);
	buf_clear(&der);
	key_free(k);
}
END_TEST

START_TEST(every_type_of_key_makes_requests_and_knows_its_public_half)
{
	struct key *k = made[_i], *other = new_key("ecdsa-p256");
	EVP_PKEY *public = public_of(k);
	uint8_t *spki = NULL, digest[SHA256_LEN], want[SHA256_LEN];
	int n = i2d_PUBKEY(public, &spki);
	struct err e = ERR_NONE;

	ck_assert_int_gt(n, 0);
	ck_assert(key_has_public(k, span_of(spki, (size_t)n)));
	ck_assert(!key_has_public(other, span_of(spki, (size_t)n)));
	ck_assert(!key_has_public(k, span_of(spki, (size_t)n - 1)));
	ck_assert(!key_has_public(k, SPAN_NONE));
	ck_assert_int_eq(key_public_digest(k, digest, &e), 0);
	ck_assert_int_eq(sha256(span_of(spki, (size_t)n), want), 0);
	ck_assert_mem_eq(digest, want, SHA256_LEN);
	OPENSSL_free(spki);
	EVP_PKEY_free(public);
	key_free(other);
}
END_TEST

START_TEST(a_request_that_does_not_fit_says_so)
{
	struct key *k = new_key("ecdsa-p256");
	struct strs names = { 0 };
	struct err e = ERR_NONE;
	struct buf der;

	ck_assert_int_eq(strs_add(&names, "sip.example.com"), 0);
	buf_init(&der, 64);
	ck_assert_int_eq(key_csr(k, &names, false, &der, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	strs_clear(&names);
	buf_clear(&der);
	key_free(k);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("key");
	TCase *tc = tcase_create("key");

	tcase_set_timeout(tc, 120);	/* RSA keys under a sanitizer */
	tcase_add_unchecked_fixture(tc, make_keys, free_keys);
	tcase_add_loop_test(tc, a_key_comes_back_from_its_pem, 0, (int)NITEMS(types));
	tcase_add_test(tc, two_new_keys_differ);
	tcase_add_test(tc, an_unknown_type_is_an_operators_matter);
	tcase_add_loop_test(tc, key_files_are_read_as_the_table_says, 0, (int)NITEMS(files));
	tcase_add_loop_test(tc, a_signature_is_as_jws_wants_it, 0, (int)NITEMS(types));
	tcase_add_test(tc, a_key_signs_by_its_own_algorithm_alone);
	tcase_add_test(tc, the_signature_of_rfc_7515_appendix_a_2_is_made);
	tcase_add_loop_test(tc, jwks_have_the_members_and_the_order_of_rfc_7638, 0,
	    (int)NITEMS(jwks));
	tcase_add_test(tc, coordinates_are_never_short);
	tcase_add_loop_test(tc, requests_hold_what_the_table_says, 0, (int)NITEMS(requests));
	tcase_add_loop_test(tc, every_type_of_key_makes_requests_and_knows_its_public_half, 0,
	    (int)NITEMS(types));
	tcase_add_test(tc, a_request_that_does_not_fit_says_so);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
