/*
 * check_jws: what is signed, by the vectors of RFC 7515 and RFC 7638 and by
 * what RFC 8555 wants of a header.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "acme/jws.h"
#include "base/json.h"
#include "suite.h"

#define URL	"https://ca.example/order"
#define KID	"https://ca.example/acct/7"
#define JWK	"{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}"

static struct json_doc *doc;	/* vectors */

static const struct json *
vectors(const char *name)
{
	const char *top = getenv("srcdir");
	char path[512];
	struct buf b;
	struct err e;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/t/data/jws/%s", top != NULL ? top : ".", name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	buf_init(&b, JSON_MAX);
	buf_added(&b, fread(buf_room(&b, JSON_MAX), 1, JSON_MAX, f));
	(void)fclose(f);
	doc = json_parse(buf_span(&b), &e);
	ck_assert_msg(doc != NULL, "%s: %s", path, e.text);
	buf_clear(&b);
	return json_root(doc);
}

static const char *
text(const struct json *o, const char *key)
{
	const char *s = NULL;
	struct err e;

	ck_assert_msg(json_get_str(o, "vector", key, JSON_OPTIONAL, &s, &e) == 0, "%s", e.text);
	return s;
}

/* A decoded member into b. */
static struct span
octets(const struct json *o, const char *key, struct buf *b)
{
	buf_init(b, 4096);
	ck_assert_int_eq(base64url_decode(span_str(text(o, key)), b), 0);
	return buf_span(b);
}

START_TEST(thumbprints_are_those_of_the_rfcs)
{
	const struct json *list = vectors("keys.json"), *v;
	char thumb[JWS_THUMBPRINT_TEXT];
	struct err e;

	ck_assert_uint_eq(json_count(list), 2);
	for (size_t i = 0; i < json_count(list); i++) {
		v = json_at(list, i);
		ck_assert_int_eq(jws_thumbprint(span_str(text(v, "jwk")), thumb, &e), 0);
		ck_assert_msg(strcmp(thumb, text(v, "thumbprint")) == 0, "%s: got %s, want %s",
		    text(v, "what"), thumb, text(v, "thumbprint"));
	}
	json_free(doc);
}
END_TEST

START_TEST(jws_are_serialized_as_rfc_7515_section_7_2_2)
{
	const struct json *list = vectors("signed.json"), *v, *root;
	static const char *const members[] = { "protected", "payload", "signature" };
	struct buf input, sig, out;
	struct json_doc *made;
	struct err e;

	for (size_t i = 0; i < json_count(list); i++) {
		v = json_at(list, i);
		buf_init(&input, JWS_MAX);
		buf_init(&out, JWS_MAX);
		buf_printf(&input, "%s.%s", text(v, "protected"), text(v, "payload"));
		ck_assert_int_eq(jws_finish(buf_span(&input), octets(v, "signature", &sig), &out,
		    &e), 0);
		made = json_parse(buf_span(&out), &e);
		ck_assert_msg(made != NULL, "%s", e.text);
		root = json_root(made);
		for (size_t k = 0; k < NITEMS(members); k++)
			ck_assert_msg(strcmp(text(root, members[k]), text(v, members[k])) == 0,
			    "%s: %s: got %s", text(v, "what"), members[k], text(root, members[k]));
		json_free(made);
		buf_clear(&input);
		buf_clear(&sig);
		buf_clear(&out);
	}
	json_free(doc);
}
END_TEST

/* --- the protected header, RFC 8555 section 6.2 --- */

static const struct {
	const char		*what;
	struct jws_header	 h;
	const char		*jwk;
	const char		*want;	/* the header; NULL: HOLD */
} headers[] = {
	{ "with kid", { .alg = "ES256", .nonce = "abc-_1", .url = URL, .kid = KID }, "",
	  "{\"alg\":\"ES256\",\"nonce\":\"abc-_1\",\"url\":\"" URL "\",\"kid\":\"" KID "\"}" },
	{ "with jwk", { .alg = "RS256", .nonce = "abc", .url = URL }, JWK,
	  "{\"alg\":\"RS256\",\"nonce\":\"abc\",\"url\":\"" URL "\",\"jwk\":" JWK "}" },
	{ "inner JWS without nonce", { .alg = "ES384", .url = URL }, JWK,
	  "{\"alg\":\"ES384\",\"url\":\"" URL "\",\"jwk\":" JWK "}" },
	{ "neither kid nor jwk", { .alg = "ES256", .nonce = "abc", .url = URL }, "", NULL },
	{ "both kid and jwk", { .alg = "ES256", .nonce = "abc", .url = URL, .kid = KID }, JWK,
	    NULL },
	{ "alg none", { .alg = "none", .nonce = "abc", .url = URL, .kid = KID }, "", NULL },
	{ "alg empty", { .alg = "", .nonce = "abc", .url = URL, .kid = KID }, "", NULL },
	{ "nonce with a quote", { .alg = "ES256", .nonce = "a\"b", .url = URL, .kid = KID }, "",
	    NULL },
	{ "nonce empty", { .alg = "ES256", .nonce = "", .url = URL, .kid = KID }, "", NULL },
	{ "no URL", { .alg = "ES256", .nonce = "abc", .kid = KID }, "", NULL },
	{ "http", { .alg = "ES256", .nonce = "abc", .url = "http://ca.example/", .kid = KID }, "",
	  NULL },
	{ "URL with a space", { .alg = "ES256", .nonce = "abc", .url = URL " x", .kid = KID }, "",
	  NULL },
	{ "URL with a newline", { .alg = "ES256", .nonce = "abc", .url = URL "\n", .kid = KID }, "",
	  NULL },
	{ "URL beyond ASCII", { .alg = "ES256", .nonce = "abc", .url = URL "\xc3\xa9", .kid = KID },
	  "", NULL },
	{ "URL in no scheme", { .alg = "ES256", .nonce = "abc", .url = "order", .kid = KID }, "",
	  NULL },
	{ "kid that is no URL", { .alg = "ES256", .nonce = "abc", .url = URL, .kid = "7" }, "",
	    NULL },
};

START_TEST(headers_keep_their_table)
{
	struct jws_header h = headers[_i].h;
	struct buf input, decoded;
	struct span dot;
	struct err e;
	int rc;

	h.jwk = span_str(headers[_i].jwk);
	buf_init(&input, JWS_MAX);
	buf_init(&decoded, JWS_MAX);
	rc = jws_input(&h, span_str("{}"), &input, &e);
	ck_assert_msg((rc == 0) == (headers[_i].want != NULL), "%s: %s", headers[_i].what,
	    rc == 0 ? "got success" : e.text);
	if (rc == -1) {
		ck_assert_int_eq(e.class, OUT_HOLD);
	} else {
		dot = span_str(strchr(buf_cstr(&input), '.'));
		ck_assert(span_is(dot, ".e30"));
		ck_assert_int_eq(base64url_decode(span_of(input.p, input.n - dot.n), &decoded), 0);
		ck_assert_str_eq(buf_cstr(&decoded), headers[_i].want);
	}
	buf_clear(&input);
	buf_clear(&decoded);
}
END_TEST

START_TEST(an_empty_payload_stays_empty)
{
	struct jws_header h = { .alg = "ES256", .nonce = "abc", .url = URL, .kid = KID };
	struct buf input;
	struct err e;

	buf_init(&input, JWS_MAX);
	ck_assert_int_eq(jws_input(&h, SPAN_NONE, &input, &e), 0);
	ck_assert_str_eq(strchr(buf_cstr(&input), '.'), ".");
	buf_clear(&input);
}
END_TEST

START_TEST(what_is_too_long_is_not_signed)
{
	struct jws_header h = { .alg = "ES256", .nonce = "abc", .url = URL, .kid = KID };
	struct buf input;
	struct err e;

	buf_init(&input, 40);
	ck_assert_int_eq(jws_input(&h, SPAN_NONE, &input, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	buf_clear(&input);
}
END_TEST

START_TEST(a_jws_needs_input_and_signature)
{
	struct buf out;
	struct err e;

	buf_init(&out, JWS_MAX);
	ck_assert_int_eq(jws_finish(span_str("ab"), span_str("s"), &out, &e), -1);
	ck_assert_int_eq(jws_finish(SPAN_NONE, span_str("s"), &out, &e), -1);
	ck_assert_int_eq(jws_finish(span_str("a.b"), SPAN_NONE, &out, &e), -1);
	ck_assert_uint_eq(out.n, 0);
	buf_clear(&out);
}
END_TEST

START_TEST(rollovers_are_written)
{
	struct buf b;

	buf_init(&b, JWS_MAX);
	jws_rollover(&b, KID, span_str(JWK));
	ck_assert_str_eq(buf_cstr(&b), "{\"account\":\"" KID "\",\"oldKey\":" JWK "}");
	buf_clear(&b);
}
END_TEST

/* --- external account binding, RFC 8555 section 7.3.4 --- */

static const struct {
	const char	*alg;
	const char	*kid, *key, *url;
	bool		 ok;
} bindings[] = {
	{ "HS256", "kid-1", "secret", URL, true },
	{ "HS384", "kid-1", "secret", URL, true },
	{ "HS512", "kid \"1\"", "secret", URL, true },
	{ "ES256", "kid-1", "secret", URL, false },
	{ "HS1", "kid-1", "secret", URL, false },
	{ "HS256", "", "secret", URL, false },
	{ "HS256", NULL, "secret", URL, false },
	{ "HS256", "kid-1", "", URL, false },
	{ "HS256", "kid-1", "secret", "http://ca.example/", false },
};

static void
check_mac(const struct json *jws, const EVP_MD *md, const char *key)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct buf input, sig;

	buf_init(&input, JWS_MAX);
	buf_printf(&input, "%s.%s", text(jws, "protected"), text(jws, "payload"));
	ck_assert_ptr_nonnull(HMAC(md, key, (int)strlen(key), input.p, input.n, mac, &n));
	ck_assert(span_eq(octets(jws, "signature", &sig), span_of(mac, n)));
	buf_clear(&input);
	buf_clear(&sig);
}

START_TEST(external_accounts_keep_their_table)
{
	struct jws_eab eab = { bindings[_i].alg, bindings[_i].kid, bindings[_i].url,
	    span_str(bindings[_i].key), span_str(JWK) };
	const EVP_MD *const mds[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
	struct buf out, header, payload;
	struct json_doc *jws, *h;
	struct err e;
	int rc;

	buf_init(&out, JWS_MAX);
	rc = jws_eab(&eab, &out, &e);
	ck_assert_msg((rc == 0) == bindings[_i].ok, "row %d: %s", _i, rc == 0 ? "success" : e.text);
	if (rc == 0) {
		ck_assert_ptr_nonnull(jws = json_parse(buf_span(&out), &e));
		ck_assert(span_is(octets(json_root(jws), "payload", &payload), JWK));
		h = json_parse(octets(json_root(jws), "protected", &header), &e);
		ck_assert_ptr_nonnull(h);
		ck_assert_str_eq(text(json_root(h), "alg"), bindings[_i].alg);
		ck_assert_str_eq(text(json_root(h), "kid"), bindings[_i].kid);
		ck_assert_str_eq(text(json_root(h), "url"), URL);
		ck_assert_ptr_null(text(json_root(h), "nonce"));
		check_mac(json_root(jws), mds[_i], bindings[_i].key);
		json_free(h);
		json_free(jws);
		buf_clear(&header);
		buf_clear(&payload);
	} else {
		ck_assert_int_eq(e.class, OUT_HOLD);
		/* FAULTS A39: the HMAC key is never shown. */
		ck_assert_ptr_null(strstr(e.text, "secret"));
	}
	buf_clear(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("jws");
	TCase *tc = tcase_create("jws");

	tcase_add_test(tc, thumbprints_are_those_of_the_rfcs);
	tcase_add_test(tc, jws_are_serialized_as_rfc_7515_section_7_2_2);
	tcase_add_loop_test(tc, headers_keep_their_table, 0, NITEMS(headers));
	tcase_add_test(tc, an_empty_payload_stays_empty);
	tcase_add_test(tc, what_is_too_long_is_not_signed);
	tcase_add_test(tc, a_jws_needs_input_and_signature);
	tcase_add_test(tc, rollovers_are_written);
	tcase_add_loop_test(tc, external_accounts_keep_their_table, 0, NITEMS(bindings));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
