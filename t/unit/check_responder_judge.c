/*
 * check_responder_judge: what the test CA accepts: identifiers, requests for
 * certificates, challenges, CAA.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "responder/api.h"
#include "suite.h"

/* --- identifiers and CSRs --- */

static const struct {
	const char	*type, *value;
	const char	*canonical;	/* NULL: refused */
} idents[] = {
	{ "dns", "Example.ORG", "example.org" },
	{ "dns", "*.example.org", "example.org" },
	{ "dns", "*.*.example.org", NULL },
	{ "dns", "a_b.example.org", NULL },
	{ "dns", "example.org.", NULL },
	{ "dns", "127.0.0.1", NULL },
	{ "dns", "localhost", NULL },
	{ "ip", "127.0.0.1", "127.0.0.1" },
	{ "ip", "127.0.0.01", NULL },
	{ "ip", "2001:db8::1", "2001:db8::1" },
	{ "ip", "2001:DB8::1", NULL },
	{ "ip", "2001:db8:0::1", NULL },
	{ "email", "a@example.org", NULL },
};

START_TEST(identifiers_are_canonical)
{
	struct problem p;
	struct ident i;
	int rc = ident_read(idents[_i].type, idents[_i].value, &i, &p);

	ck_assert_msg((rc == 0) == (idents[_i].canonical != NULL), "%s: got %d", idents[_i].value,
	    rc);
	if (rc == 0) {
		ck_assert_str_eq(i.value, idents[_i].canonical);
		free(i.value);
	}
}
END_TEST

static const struct {
	const char	*what;
	const char	*names;		/* subjectAltName, NULL for none */
	const char	*cn;
	bool		 own_key;	/* the account's */
	bool		 ok;
} csrs[] = {
	{ "all names", "DNS:a.example,DNS:*.b.example,IP:127.0.0.1", NULL, false, true },
	{ "in upper case", "DNS:A.example,DNS:*.b.EXAMPLE,IP:127.0.0.1", "a.Example", false, true },
	{ "a name of the order in the subject", "DNS:*.b.example,IP:127.0.0.1", "a.example", false,
	    true },
	{ "one is missing", "DNS:a.example,DNS:*.b.example", NULL, false, false },
	{ "one too much", "DNS:a.example,DNS:*.b.example,IP:127.0.0.1,DNS:c.example", NULL, false,
	    false },
	{ "the wildcard's parent", "DNS:a.example,DNS:b.example,IP:127.0.0.1", NULL, false, false },
	{ "a foreign subject", "DNS:a.example,DNS:*.b.example,IP:127.0.0.1", "c.example", false,
	    false },
	{ "an address as a name", "DNS:a.example,DNS:*.b.example,DNS:127.0.0.1", NULL, false,
	    false },
	{ "an e-mail address", "DNS:a.example,DNS:*.b.example,IP:127.0.0.1,email:a@b.example", NULL,
	    false, false },
	{ "no names", NULL, NULL, false, false },
	{ "the account's key", "DNS:a.example,DNS:*.b.example,IP:127.0.0.1", NULL, true, false },
};

static struct span
make_csr(EVP_PKEY *key, const char *names, const char *cn)
{
	X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
	uint8_t *der = NULL;
	int n;

	if (cn != NULL)
		X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
		    (const uint8_t *)cn, -1, -1, 0);
	if (names != NULL) {
		sk_X509_EXTENSION_push(exts, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
		    names));
		X509_REQ_add_extensions(req, exts);
	}
	X509_REQ_set_pubkey(req, key);
	ck_assert_int_gt(X509_REQ_sign(req, key, EVP_sha256()), 0);
	n = i2d_X509_REQ(req, &der);
	ck_assert_int_gt(n, 0);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	X509_REQ_free(req);
	return span_of(der, (size_t)n);
}

START_TEST(requests_for_certificates_fit_their_order)
{
	char a[] = "a.example", b[] = "b.example", ip[] = "127.0.0.1";
	struct authz az[3] = { { .ident = { IDENT_DNS, false, a } },
	    { .ident = { IDENT_DNS, true, b } },
		{ .ident = { IDENT_IP, false, ip } } };
	struct authz *list[] = { &az[0], &az[1], &az[2] };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct account account = { .key = EVP_EC_gen("P-256") };
	struct order o = { .account = &account, .authz = list, .nauthz = 3 };
	struct span der = make_csr(csrs[_i].own_key ? account.key : key, csrs[_i].names,
	    csrs[_i].cn);
	struct problem p = { .type = "" };
	struct csr csr;
	int rc = csr_check(der, &o, &csr, &p);

	ck_assert_msg((rc == 0) == csrs[_i].ok, "%s: got %d %s", csrs[_i].what, rc, p.detail);
	if (rc == 0)
		csr_clear(&csr);
	else
		ck_assert_str_eq(p.type, "badCSR");
	/* One octet of the signature changed, or one too much. */
	((uint8_t *)der.p)[der.n - 1] ^= 1;
	ck_assert_int_eq(csr_check(der, &o, &csr, &p), -1);
	ck_assert_int_eq(csr_check(span_of(der.p, der.n - 1), &o, &csr, &p), -1);
	OPENSSL_free((void *)der.p);
	EVP_PKEY_free(key);
	EVP_PKEY_free(account.key);
}
END_TEST

static const struct { const char *curve; bool ok; } curves[] = {
	{ "P-256", true }, { "P-384", true }, { "P-521", false }, { "secp224r1", false },
	{ "secp256k1", false }, { "brainpoolP256r1", false }, { "brainpoolP384r1", false },
};

START_TEST(keys_of_the_two_curves_are_certified)
{
	char name[] = "a.example";
	struct authz a = { .ident = { IDENT_DNS, false, name } }, *list[] = { &a };
	EVP_PKEY *key = EVP_EC_gen(curves[_i].curve);
	struct account account = { .key = EVP_EC_gen("P-256") };
	struct order o = { .account = &account, .authz = list, .nauthz = 1 };
	struct span der = make_csr(key, "DNS:a.example", NULL);
	struct problem p = { .type = "" };
	struct csr csr;
	int rc = csr_check(der, &o, &csr, &p);

	ck_assert_msg((rc == 0) == curves[_i].ok, "%s: got %d %s", curves[_i].curve, rc, p.detail);
	if (rc == 0)
		csr_clear(&csr);
	OPENSSL_free((void *)der.p);
	EVP_PKEY_free(key);
	EVP_PKEY_free(account.key);
}
END_TEST

/* --- challenges --- */

static struct ident host = { IDENT_DNS, false, (char *)"a.example" };
static struct ident star = { IDENT_DNS, true, (char *)"a.example" };

static const struct {
	const char	*what;
	int		 status;
	const char	*body;
	bool		 ok;
} webs[] = {
	{ "the key authorization", 200, "tok.thumb", true },
	{ "with a line end", 200, "tok.thumb\r\n", true },
	{ "another token", 200, "tok2.thumb", false },
	{ "more behind it", 200, "tok.thumb x", false },
	{ "nothing", 200, "", false },
	{ "not found", 404, "tok.thumb", false },
};

START_TEST(http_01_wants_the_key_authorization)
{
	struct va_ask ask = { CHAL_HTTP, &host, "tok", "thumb", "https://ca/1" };
	struct http_answer a = { .status = webs[_i].status, .body = span_str(webs[_i].body) };
	struct problem p;

	ck_assert_msg((va_judge_http(&ask, &a, &p) == 0) == webs[_i].ok, "%s", webs[_i].what);
}
END_TEST

START_TEST(dns_01_wants_its_digest_among_the_records)
{
	/* SHA-256 of "tok.thumb". */
	struct va_ask ask = { CHAL_DNS, &host, "tok", "thumb", "https://ca/1" };
	struct va_answer a = { .ntext = 2, .text = { (char *)"other", NULL } };
	uint8_t digest[SHA256_LEN];
	struct problem p;
	struct buf b;

	ck_assert_int_eq(sha256(span_str("tok.thumb"), digest), 0);
	buf_init(&b, 64);
	buf_base64url(&b, span_of(digest, sizeof(digest)));
	a.text[1] = (char *)buf_cstr(&b);
	ck_assert_int_eq(va_judge_dns(&ask, &a, &p), 0);
	a.ntext = 1;
	ck_assert_int_eq(va_judge_dns(&ask, &a, &p), -1);
	buf_clear(&b);
}
END_TEST

static const struct {
	const char	*what;
	const char	*text;
	bool		 wildcard;
	bool		 ok;
} persists[] = {
	{ "issuer and account", VA_ISSUER "; accounturi=https://ca/1", false, true },
	{ "not the account", VA_ISSUER "; accounturi=https://ca/2", false, false },
	{ "no account", VA_ISSUER, false, false },
	{ "another issuer", "ca.example; accounturi=https://ca/1", false, false },
	{ "for some time yet", VA_ISSUER ";accounturi=https://ca/1;persistUntil=2000", false,
	    true },
	{ "no longer", VA_ISSUER ";accounturi=https://ca/1;persistUntil=999", false, false },
	{ "until nobody knows", VA_ISSUER ";accounturi=https://ca/1;persistUntil=later", false,
	    false },
	{ "a wildcard without the policy", VA_ISSUER "; accounturi=https://ca/1", true, false },
	{ "a wildcard with it", VA_ISSUER "; accounturi=https://ca/1; policy=WildCard", true,
	    true },
	{ "an empty record", "", false, false },
};

static const struct {
	const char	*what;
	bool		 wildcard;
	bool		 ok;
	const char	*records[3];
} caas[] = {
	{ "this CA", false, true, { "0 issue \"" VA_ISSUER "\"" } },
	{ "this CA without quotes", false, true, { "0 issue " VA_ISSUER } },
	{ "another", false, false, { "0 issue \"ca.example\"" } },
	{ "nobody", false, false, { "0 issue \";\"" } },
	{ "nothing is said", false, true, { NULL } },
	{ "this one among others", false, true, { "0 issue ca.example", "0 ISSUE " VA_ISSUER } },
	{ "only about wildcards", false, true, { "0 issuewild ca.example" } },
	{ "a wildcard of another CA", true, false,
	    { "0 issue " VA_ISSUER, "0 issuewild ca.example" } },
	{ "a wildcard of this CA only", true, true,
	    { "0 issue ca.example", "0 issuewild " VA_ISSUER } },
	{ "a wildcard by issue", true, true, { "0 issue " VA_ISSUER } },
	{ "an unknown tag", false, true, { "0 tbs x" } },
	{ "a critical unknown tag", false, false, { "128 tbs x", "0 issue " VA_ISSUER } },
	{ "a critical report address", false, true, { "128 iodef mailto:a@example.org" } },
	{ "this account", false, true, { "0 issue \"" VA_ISSUER "; accounturi=https://ca/1\"" } },
	{ "another account", false, false, { "0 issue \"" VA_ISSUER
	    "; accounturi=https://ca/2\"" } },
	{ "this challenge", false, true, { "0 issue \"" VA_ISSUER
	    ";validationmethods=http-01,dns-01\"" } },
	{ "another challenge", false, false, { "0 issue \"" VA_ISSUER
	    ";validationmethods=http-01\"" } },
	{ "a name that only begins like this CA", false, false,
	    { "0 issue " VA_ISSUER ".example" } },
	{ "no flags", false, true, { "issue ca.example" } },
};

START_TEST(caa_lets_or_forbids)
{
	struct va_ask ask = { CHAL_DNS, caas[_i].wildcard ? &star : &host, "", "", "https://ca/1" };
	struct va_answer a = { .ntext = 0 };
	struct problem p;

	for (size_t i = 0; i < NITEMS(caas[_i].records) && caas[_i].records[i] != NULL; i++)
		a.text[a.ntext++] = (char *)(uintptr_t)caas[_i].records[i];
	ck_assert_msg((va_judge_caa(&ask, &a, &p) == 0) == caas[_i].ok, "%s", caas[_i].what);
}
END_TEST

START_TEST(dns_persist_01_wants_issuer_account_and_time)
{
	struct va_ask ask = { CHAL_PERSIST, persists[_i].wildcard ? &star : &host, "", "",
	    "https://ca/1" };
	struct va_answer a = { .ntext = 1, .text = { (char *)persists[_i].text } };
	struct problem p;

	ck_assert_msg((va_judge_persist(&ask, &a, 1000, &p) == 0) == persists[_i].ok, "%s",
	    persists[_i].what);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("responder judge");
	TCase *c = tcase_create("rules");

	tcase_add_loop_test(c, identifiers_are_canonical, 0, NITEMS(idents));
	tcase_add_loop_test(c, requests_for_certificates_fit_their_order, 0, NITEMS(csrs));
	tcase_add_loop_test(c, keys_of_the_two_curves_are_certified, 0, NITEMS(curves));
	tcase_add_loop_test(c, http_01_wants_the_key_authorization, 0, NITEMS(webs));
	tcase_add_loop_test(c, caa_lets_or_forbids, 0, NITEMS(caas));
	tcase_add_loop_test(c, dns_persist_01_wants_issuer_account_and_time, 0, NITEMS(persists));
	tcase_add_test(c, dns_01_wants_its_digest_among_the_records);
	suite_add_tcase(s, c);
	return suite_run(s);
}
