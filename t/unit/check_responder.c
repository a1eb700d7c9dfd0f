/*
 * check_responder: the test CA's rules: JWS, nonces, limits, fault rules,
 * options.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "responder/api.h"
#include "suite.h"

/* --- JWS --- */

/* RFC 7515 appendix A.3 (ES256) and A.2 (RS256) keys; the thumbprint is RFC 7638 section 3.1's. */
static const char rfc7638_key[] = "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2ai"
    "AFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc"
    "5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL"
    "5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFC"
    "ur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\","
    "\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}";

/* RFC 8037 appendices A.2 and A.3. */
#define ED_KEY \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" \
	    "\"}"

static const struct { const char *key, *thumb; } thumbs[] = {
	{ rfc7638_key, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
	{ ED_KEY, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
};

START_TEST(thumbprints_are_those_of_the_rfcs)
{
	uint8_t thumb[SHA256_LEN];
	struct json_doc *doc;
	struct problem p;
	struct buf text;
	EVP_PKEY *key;
	struct err e;

	ck_assert_ptr_nonnull(doc = json_parse(span_str(thumbs[_i].key), &e));
	ck_assert_int_eq(jwk_read(json_root(doc), &key, thumb, &p), 0);
	buf_init(&text, 64);
	buf_base64url(&text, span_of(thumb, sizeof(thumb)));
	ck_assert_str_eq(buf_cstr(&text), thumbs[_i].thumb);
	buf_clear(&text);
	EVP_PKEY_free(key);
	json_free(doc);
}
END_TEST

#define EC_KEY "\"kty\":\"EC\",\"crv\":\"P-256\"," \
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""

static const struct {
	const char	*what;
	const char	*key;
	const char	*problem;	/* NULL: it is taken */
} keys[] = {
	{ "P-256", "{" EC_KEY "}", NULL },
	{ "a private key", "{" EC_KEY ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}",
	    "malformed" },
	{ "no point of the curve", "{\"kty\":\"EC\",\"crv\":\"P-256\","
	    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	    "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}", "badPublicKey" },
	{ "an x too short", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}",
	    "badPublicKey" },
	{ "Ed25519", ED_KEY, NULL },
	{ "Ed448", "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AQAB\"}", "badPublicKey" },
	{ "an Ed25519 key too short", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}",
	    "badPublicKey" },
	{ "P-521", "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AQAB\",\"y\":\"AQAB\"}",
	    "badPublicKey" },
	{ "a short RSA key", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "badPublicKey" },
	{ "no kind", "{\"x\":\"AQAB\"}", "malformed" },
};

START_TEST(keys_are_read_strictly)
{
	uint8_t thumb[SHA256_LEN];
	struct problem p = { .type = NULL };
	struct json_doc *doc;
	EVP_PKEY *key;
	struct err e;
	int rc;

	ck_assert_ptr_nonnull(doc = json_parse(span_str(keys[_i].key), &e));
	rc = jwk_read(json_root(doc), &key, thumb, &p);
	ck_assert_msg((rc == 0) == (keys[_i].problem == NULL), "%s: got %d %s", keys[_i].what, rc,
	    p.detail);
	if (keys[_i].problem != NULL)
		ck_assert_msg(strcmp(p.type, keys[_i].problem) == 0, "%s: got %s, want %s",
		    keys[_i].what, p.type, keys[_i].problem);
	EVP_PKEY_free(key);
	json_free(doc);
}
END_TEST

/* A JWS with this header and payload, and a signature over it by key. */
static void
sign(EVP_PKEY *key, const char *header, const char *payload, const char *more, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t *at;
	struct buf input;
	uint8_t der[128], raw[64];
	size_t n = sizeof(der);
	ECDSA_SIG *sig;

	buf_init(&input, 65536);
	buf_init(out, 65536);
	buf_base64url(&input, span_str(header));
	buf_u8(&input, '.');
	buf_base64url(&input, span_str(payload));
	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, der, &n, input.p, input.n), 1);
	at = der;
	ck_assert_ptr_nonnull(sig = d2i_ECDSA_SIG(NULL, &at, (long)n));
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	buf_str(out, "{\"protected\":\"");
	buf_base64url(out, span_str(header));
	buf_str(out, "\",\"payload\":\"");
	buf_base64url(out, span_str(payload));
	buf_str(out, "\",\"signature\":\"");
	buf_base64url(out, span_of(raw, sizeof(raw)));
	buf_printf(out, "\"%s}", more);
	ck_assert(buf_ok(out));
	buf_clear(&input);
}

#define HEADER "\"alg\":\"ES256\",\"nonce\":\"n\",\"url\":\"https://a/\""

static const struct {
	const char	*what;
	const char	*header;
	const char	*payload;
	const char	*more;		/* members behind the three */
	const char	*problem;	/* NULL: it is taken */
} jwses[] = {
	{ "kid", "{" HEADER ",\"kid\":\"k\"}", "{}", "", NULL },
	{ "an empty payload", "{" HEADER ",\"kid\":\"k\"}", "", "", NULL },
	{ "kid and jwk", "{" HEADER ",\"kid\":\"k\",\"jwk\":{" EC_KEY "}}", "{}", "", "malformed" },
	{ "neither", "{" HEADER "}", "{}", "", "malformed" },
	{ "an unprotected header", "{" HEADER ",\"kid\":\"k\"}", "{}", ",\"header\":{}",
	    "malformed" },
	{ "several signatures", "{" HEADER ",\"kid\":\"k\"}", "{}", ",\"signatures\":[]",
	    "malformed" },
	{ "critical members", "{" HEADER ",\"kid\":\"k\",\"crit\":[\"b64\"]}", "{}", "",
	    "malformed" },
	{ "no url", "{\"alg\":\"ES256\",\"nonce\":\"n\",\"kid\":\"k\"}", "{}", "", "malformed" },
	{ "no alg", "{\"nonce\":\"n\",\"url\":\"https://a/\",\"kid\":\"k\"}", "{}", "",
	    "malformed" },
	{ "alg none", "{\"alg\":\"none\",\"nonce\":\"n\",\"url\":\"https://a/\",\"kid\":\"k\"}",
	    "{}", "", "badSignatureAlgorithm" },
	{ "a MAC", "{\"alg\":\"HS256\",\"nonce\":\"n\",\"url\":\"https://a/\",\"kid\":\"k\"}", "{}",
	    "", "badSignatureAlgorithm" },
	{ "an unknown alg with its own key", "{\"alg\":\"ES512\",\"nonce\":\"n\","
	    "\"url\":\"https://a/\",\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AQAB\","
	    "\"y\":\"AQAB\"}}", "{}", "", "badSignatureAlgorithm" },
	{ "EdDSA by another kind of key", "{\"alg\":\"EdDSA\",\"nonce\":\"n\","
	    "\"url\":\"https://a/\",\"kid\":\"k\"}",
	    "{}", "", "malformed" },
	{ "an alg of another key", "{\"alg\":\"RS256\",\"nonce\":\"n\",\"url\":\"https://a/\","
	    "\"kid\":\"k\"}", "{}", "", "malformed" },
	{ "a payload that is no JSON", "{" HEADER ",\"kid\":\"k\"}", "{", "", "malformed" },
};

START_TEST(signed_requests_are_read_strictly)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct problem p = { .type = "" };
	struct jws j;
	struct buf text;
	int rc;

	sign(key, jwses[_i].header, jwses[_i].payload, jwses[_i].more, &text);
	jws_init(&j);
	rc = jws_read(buf_span(&text), &j, &p);
	if (rc == 0)
		rc = jws_verify(&j, key, &p);
	ck_assert_msg((rc == 0) == (jwses[_i].problem == NULL), "%s: got %d %s", jwses[_i].what, rc,
	    p.detail);
	if (jwses[_i].problem != NULL)
		ck_assert_msg(strcmp(p.type, jwses[_i].problem) == 0, "%s: got %s, want %s",
		    jwses[_i].what, p.type, jwses[_i].problem);
	jws_clear(&j);
	buf_clear(&text);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_signature_by_another_key_is_refused)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct problem p;
	struct jws j;
	struct buf text;

	sign(key, jwses[0].header, "{}", "", &text);
	jws_init(&j);
	ck_assert_int_eq(jws_read(buf_span(&text), &j, &p), 0);
	ck_assert_int_eq(jws_verify(&j, key, &p), 0);
	ck_assert_int_eq(jws_verify(&j, other, &p), -1);
	j.signing.p[j.signing.n - 1] ^= 1;
	ck_assert_int_eq(jws_verify(&j, key, &p), -1);
	jws_clear(&j);
	buf_clear(&text);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}
END_TEST

/* --- state --- */

START_TEST(a_nonce_is_good_once)
{
	char first[NONCE_TEXT], nonce[NONCE_TEXT];
	struct options o;
	struct state *s;
	struct err e;

	options_init(&o);
	ck_assert_int_eq(state_new(&o, &s, &e), 0);
	ck_assert_int_eq(state_nonce(s, first), 0);
	ck_assert_int_eq(state_nonce(s, nonce), 0);
	ck_assert_str_ne(first, nonce);
	ck_assert(state_spend(s, first));
	ck_assert(!state_spend(s, first));
	ck_assert(!state_spend(s, ""));
	ck_assert(!state_spend(s, "AAAA"));
	nonce[0] ^= 1;
	ck_assert(!state_spend(s, nonce));
	nonce[0] ^= 1;
	ck_assert(state_spend(s, nonce));
	/* So many later that its place is another's. */
	ck_assert_int_eq(state_nonce(s, first), 0);
	for (int i = 0; i < 70000; i++)
		ck_assert_int_eq(state_nonce(s, nonce), 0);
	ck_assert(!state_spend(s, first));
	ck_assert(state_spend(s, nonce));
	state_free(s);
	options_clear(&o);
}
END_TEST

START_TEST(a_map_keeps_what_it_is_given)
{
	struct map m = { NULL, 0, 0 };
	static int values[1000];
	char key[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_assert_int_eq(map_put(&m, span_str(key), &values[i]), 0);
	}
	for (int i = 0; i < 1000; i += 2) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_assert_ptr_eq(map_take(&m, span_str(key)), &values[i]);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_assert_ptr_eq(map_get(&m, span_str(key)), i % 2 == 0 ? NULL : &values[i]);
	}
	ck_assert_uint_eq(m.n, 500);
	map_clear(&m, NULL);
}
END_TEST

START_TEST(limits_fill_up_steadily)
{
	struct strs rates = { NULL, 0 };
	struct limits *l;
	int64_t wait;
	struct err e;

	ck_assert_int_eq(strs_add(&rates, "orders=2/100"), 0);
	ck_assert_int_eq(limits_new(&rates, &l, &e), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert(limits_allow(l, LIMIT_ORDERS, "k", 1000, &wait));
		limits_count(l, LIMIT_ORDERS, "k", 1000);
	}
	ck_assert(!limits_allow(l, LIMIT_ORDERS, "k", 1000, &wait));
	ck_assert_int_eq(wait, 50);
	ck_assert(!limits_allow(l, LIMIT_ORDERS, "k", 1049, &wait));
	ck_assert(limits_allow(l, LIMIT_ORDERS, "k", 1050, &wait));
	ck_assert(limits_allow(l, LIMIT_ORDERS, "other", 1000, &wait));
	ck_assert(limits_allow(l, LIMIT_ACCOUNTS, "k", 1000, &wait));
	limits_forget(l, LIMIT_ORDERS, "k");
	ck_assert(limits_allow(l, LIMIT_ORDERS, "k", 1000, &wait));
	limits_free(l);
	strs_clear(&rates);
}
END_TEST

/* --- fault rules --- */

static const struct {
	const char	*rule;
	const char	*path;
	const char	*strikes;	/* x where it does, on occasions in a row; NULL: no rule */
} rules[] = {
	{ "bad-csr", "/finalize/1", "xxxx" },
	{ "bad-csr@2", "/finalize/1", ".x.." },
	{ "bad-csr@2-", "/finalize/1", ".xxx" },
	{ "bad-csr@100%", "/finalize/1", "xxxx" },
	{ "bad-csr:/finalize", "/finalize/1", "xxxx" },
	{ "bad-csr@3:/finalize", "/finalize/1", "..x." },
	{ "bad-csr:/new-order", "/finalize/1", "...." },
	{ "no-such-fault", "/", NULL },
	{ "bad-csr@", "/", NULL },
	{ "bad-csr@0", "/", NULL },
	{ "bad-csr@101%", "/", NULL },
	{ "bad-csr:finalize", "/", NULL },
	{ "", "/", NULL },
};

START_TEST(fault_rules_strike_when_they_say)
{
	struct faults *f;
	struct err e;
	int rc;

	ck_assert_int_eq(faults_new(&f, &e), 0);
	rc = faults_add(f, rules[_i].rule, &e);
	ck_assert_msg((rc == 0) == (rules[_i].strikes != NULL), "%s: got %d", rules[_i].rule, rc);
	for (const char *c = rules[_i].strikes; c != NULL && *c != '\0'; c++)
		ck_assert_msg((fault_pick(f, AT_REQUEST, rules[_i].path) != NULL) == (*c == 'x'),
		    "%s: occasion %d", rules[_i].rule, (int)(c - rules[_i].strikes) + 1);
	ck_assert_ptr_null(fault_pick(f, AT_BODY, rules[_i].path));
	faults_free(f);
}
END_TEST

/* --- options --- */

static const struct {
	const char	*address;
	bool		 ok;
} addresses[] = {
	{ "127.0.0.1:0", true }, { "127.9.8.7:1", true }, { "[::1]:443", true },
	    { "0.0.0.0:1", false },
	{ "192.0.2.1:1", false }, { "[::]:1", false }, { "[2001:db8::1]:1", false },
	    { "localhost:1", false },
	{ "127.0.0.1", false }, { "127.0.0.1:65536", false }, { "", false }, { ":1", false },
};

/* FAULTS I11 */
START_TEST(only_loopback_is_listened_on)
{
	struct sockaddr_storage a;
	struct err e;

	ck_assert_msg((options_address(addresses[_i].address, &a, &e) == 0) == addresses[_i].ok,
	    "%s", addresses[_i].address);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("responder");
	TCase *c = tcase_create("rules");

	tcase_add_loop_test(c, thumbprints_are_those_of_the_rfcs, 0, NITEMS(thumbs));
	tcase_add_loop_test(c, keys_are_read_strictly, 0, NITEMS(keys));
	tcase_add_loop_test(c, signed_requests_are_read_strictly, 0, NITEMS(jwses));
	tcase_add_loop_test(c, fault_rules_strike_when_they_say, 0, NITEMS(rules));
	tcase_add_loop_test(c, only_loopback_is_listened_on, 0, NITEMS(addresses));
	tcase_add_test(c, a_signature_by_another_key_is_refused);
	tcase_add_test(c, a_nonce_is_good_once);
	tcase_add_test(c, a_map_keeps_what_it_is_given);
	tcase_add_test(c, limits_fill_up_steadily);
	suite_add_tcase(s, c);
	return suite_run(s);
}
