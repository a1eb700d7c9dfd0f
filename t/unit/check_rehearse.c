#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/conf.h>
#include <openssl/err.h>

#include "rehearse.c"
#include "suite.h"
#include "testca.h"

#define PEM_MAX	(1024 * 1024)

/* Root, intermediate and leaf, and another root of the same name. */
struct world {
	struct testca_cert	*root, *other, *inter, *leaf;
	struct key		*key;
	struct strs		 names;
	struct trust		*trust;
	char			 bundle[32], other_bundle[32];
	struct buf		 pem;
	struct chain_in		 in;
	struct chain		*chain;
};

static void
make_certs(struct world *w, struct testca_spec spec)
{
	const struct strs none = { 0 };
	struct err e = ERR_NONE;
	struct buf csr;

	w->root = testca_root(&(struct testca_spec){ .ca = true, .cn = "Root" });
	w->other = testca_root(&(struct testca_spec){ .ca = true, .cn = "Root" });
	w->inter = testca_issue(w->root, &(struct testca_spec){ .ca = true, .cn = "Issuer" });
	buf_init(&csr, KEY_CSR_MAX);
	ck_assert_int_eq(key_csr(w->key, &none, false, &csr, &e), 0);
	spec.csr = buf_span(&csr);
	w->leaf = testca_issue(w->inter, &spec);
	buf_clear(&csr);
}

static void
world_init(struct world *w, const char *key_type, const char *const *names, struct testca_spec spec)
{
	struct err e = ERR_NONE;
	struct buf roots;

	*w = (struct world){ 0 };
	w->key = key_new(key_type, &e);
	w->trust = trust_new(&e);
	ck_assert_ptr_nonnull(w->key);
	ck_assert_ptr_nonnull(w->trust);
	for (; *names != NULL; names++)
		ck_assert_int_eq(strs_add(&w->names, *names), 0);
	make_certs(w, spec);
	buf_init(&roots, PEM_MAX);
	testca_put(w->root, &roots);
	(void)testca_file(&roots, w->bundle);
	buf_reset(&roots);
	testca_put(w->other, &roots);
	(void)testca_file(&roots, w->other_bundle);
	buf_clear(&roots);
	buf_init(&w->pem, PEM_MAX);
	testca_put(w->leaf, &w->pem);
	testca_put(w->inter, &w->pem);
	w->in = (struct chain_in){
		.pem = buf_span(&w->pem), .key = w->key, .names = &w->names, .now = TESTCA_NOW,
		.trust = w->trust, .bundle = w->bundle,
	};
	ck_assert_msg(chain_check(&w->in, &w->chain, &e) == 0, "%s", e.text);
}

static void
world_clear(struct world *w)
{
	testca_free(w->root);
	testca_free(w->other);
	testca_free(w->inter);
	testca_free(w->leaf);
	chain_free(w->chain);
	key_free(w->key);
	trust_free(w->trust);
	strs_clear(&w->names);
	buf_clear(&w->pem);
}

#define NAMES(...)	(const char *const[]){ __VA_ARGS__, NULL }

static const struct {
	const char		*what;
	const char		*key;
	const char *const	*names;
	struct testca_spec	 leaf;
} sound[] = {
	{ "one name", "ecdsa-p256", NAMES("sip.example.com"), { .names = "DNS:sip.example.com" } },
	{ "P-384", "ecdsa-p384", NAMES("sip.example.com"), { .names = "DNS:sip.example.com" } },
	{ "RSA", "rsa-2048", NAMES("sip.example.com"), { .names = "DNS:sip.example.com" } },
	{ "a wildcard", "ecdsa-p256", NAMES("*.example.com", "example.com"),
	  { .names = "DNS:*.example.com,DNS:example.com" } },
	{ "addresses", "ecdsa-p256", NAMES("192.0.2.1", "2001:db8::1"),
	  { .names = "IP:192.0.2.1,IP:2001:db8::1" } },
	{ "many names", "ecdsa-p256", NAMES("a.example.com", "b.example.com", "c.example.com",
	  "d.example.com"), { .names = "DNS:d.example.com,DNS:c.example.com,DNS:b.example.com,"
	  "DNS:a.example.com" } },
	{ "in five minutes", "ecdsa-p256", NAMES("sip.example.com"),
	  { .names = "DNS:sip.example.com", .from = TESTCA_NOW + 300 } },
	{ "no common name, no identifiers", "ecdsa-p256", NAMES("sip.example.com"),
	  { .names = "critical,DNS:sip.example.com", .no_key_ids = true } },
};

START_TEST(what_was_checked_is_served)
{
	struct err e = ERR_NONE;
	struct world w;

	world_init(&w, sound[_i].key, sound[_i].names, sound[_i].leaf);
	ck_assert_msg(rehearse(&w.in, w.chain, &e) == 0, "%s: %s", sound[_i].what, e.text);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	world_clear(&w);
}
END_TEST

/* What is exchanged behind the back of chain_check(). */
enum swap {
	SWAP_NAME, SWAP_ADDRESS, SWAP_SECOND_NAME, SWAP_DEEP_NAME, SWAP_KEY, SWAP_TYPE, SWAP_TRUST,
};

static const struct {
	const char	*what;
	enum swap	 swap;
	const char	*want;
} faults[] = {
	{ "another name", SWAP_NAME, "rehearsal: other.example.org by TLS 1.2: the client "
	  "does not accept the certificate: hostname mismatch" },
	{ "another address", SWAP_ADDRESS, "rehearsal: 192.0.2.1 by TLS 1.2: the client does "
	  "not accept the certificate: IP address mismatch" },
	{ "one more name", SWAP_SECOND_NAME, "rehearsal: other.example.org by TLS 1.3: " },
	{ "a name two labels under the wildcard", SWAP_DEEP_NAME, "rehearsal: "
	  "a.b.example.com by TLS 1.2: the client does not accept" },
	{ "another key", SWAP_KEY, "rehearsal: privkey.pem does not load: key values mismatch" },
	{ "a key of another type", SWAP_TYPE, "rehearsal: privkey.pem does not load: " },
	{ "another root", SWAP_TRUST, "rehearsal: *.example.com by TLS 1.2: the client does "
	  "not accept the certificate: " },
};

static void
swap_name(struct world *w, const char *name)
{
	strs_clear(&w->names);
	ck_assert_int_eq(strs_add(&w->names, name), 0);
}

static void
swap_key(struct world *w, const char *type)
{
	struct err e = ERR_NONE;

	key_free(w->key);
	w->key = key_new(type, &e);
	ck_assert_ptr_nonnull(w->key);
	w->in.key = w->key;
}

static void
apply(struct world *w, enum swap swap)
{
	switch (swap) {
	case SWAP_NAME:
		swap_name(w, "other.example.org");
		break;
	case SWAP_ADDRESS:
		swap_name(w, "192.0.2.1");
		break;
	case SWAP_SECOND_NAME:
		ck_assert_int_eq(strs_add(&w->names, "other.example.org"), 0);
		break;
	case SWAP_DEEP_NAME:
		swap_name(w, "a.b.example.com");
		break;
	case SWAP_KEY:
		swap_key(w, "ecdsa-p256");
		break;
	case SWAP_TYPE:
		swap_key(w, "rsa-2048");
		break;
	case SWAP_TRUST:
		w->in.bundle = w->other_bundle;
		break;
	}
}

/* The first one that fails says which version it was tried by. */
START_TEST(tls_1_2_is_tried_once_for_each_kind_of_key_and_issuers)
{
	static const char *const keys[] = { "ecdsa-p256", "ecdsa-p384", "rsa-2048" };
	struct err e = ERR_NONE;
	struct world w;

	world_init(&w, keys[_i], NAMES("*.example.com"),
	    (struct testca_spec){ .names = "DNS:*.example.com" });
	ck_assert_msg(rehearse(&w.in, w.chain, &e) == 0, "%s", e.text);
	swap_name(&w, "other.example.org");
	ck_assert_int_eq(rehearse(&w.in, w.chain, &e), -1);
	ck_assert_msg(strstr(e.text, "by TLS 1.3: the client does not") != NULL, "%s", e.text);
	world_clear(&w);
	world_init(&w, keys[_i], NAMES("*.example.com"),
	    (struct testca_spec){ .names = "DNS:*.example.com" });
	swap_name(&w, "other.example.org");
	ck_assert_int_eq(rehearse(&w.in, w.chain, &e), -1);
	ck_assert_msg(strstr(e.text, "by TLS 1.2: the client does not") != NULL, "%s", e.text);
	world_clear(&w);
}
END_TEST

START_TEST(what_does_not_serve_is_refused_by_name_and_version)
{
	struct err e = ERR_NONE;
	struct world w;

	world_init(&w, "ecdsa-p256", NAMES("*.example.com"),
	    (struct testca_spec){ .names = "DNS:*.example.com" });
	apply(&w, faults[_i].swap);
	ck_assert_msg(rehearse(&w.in, w.chain, &e) == -1, "%s: passed", faults[_i].what);
	ck_assert_msg(e.class == OUT_REFUSE, "%s: got %s, want REFUSE", faults[_i].what,
	    outcome_word(e.class));
	ck_assert_msg(strncmp(e.text, faults[_i].want, strlen(faults[_i].want)) == 0,
	    "%s: got \"%s\", want \"%s\"", faults[_i].what, e.text, faults[_i].want);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	world_clear(&w);
}
END_TEST

static const struct {
	const char	*name, *asked;
} server_names[] = {
	{ "sip.example.com", "sip.example.com" },
	{ "*.example.com", "x.example.com" },
};

START_TEST(a_wildcard_is_asked_for_with_a_label)
{
	char asked[HOST_MAX + 1];

	put_server_name(server_names[_i].name, asked);
	ck_assert_str_eq(asked, server_names[_i].asked);
}
END_TEST

/* A client that knows the intermediate would not notice that it is not served. */
static void
trust_issuer(struct world *w)
{
	struct span der = testca_der(w->inter);
	const uint8_t *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);
	struct err e = ERR_NONE;
	X509_STORE *store;

	ck_assert_ptr_nonnull(x);
	ck_assert_int_eq(trust_get(w->trust, w->bundle, &store, &e), 0);
	ck_assert_int_eq(X509_STORE_add_cert(store, x), 1);
	X509_free(x);
}

/* The server has loaded less than what was checked: a file that was cut between blocks. */
START_TEST(a_chain_that_is_served_in_part_is_refused)
{
	struct err e = ERR_NONE;
	struct stage stage = { 0 };
	struct world w;

	world_init(&w, "ecdsa-p256", NAMES("sip.example.com"),
	    (struct testca_spec){ .names = "DNS:sip.example.com" });
	stage.chain = w.chain;
	ck_assert_int_eq(set_stage(&stage, &w.in, &e), 0);
	X509_free(sk_X509_pop(stage.issuers));
	trust_issuer(&w);
	ck_assert_int_eq(try(&stage, "sip.example.com", &versions[0], &e), -1);
	ck_assert_int_eq(e.class, OUT_REFUSE);
	ck_assert_str_eq(e.text, "rehearsal: sip.example.com by TLS 1.2: want 2 certificates "
	    "served, have 1");
	stage_clear(&stage);
	world_clear(&w);
}
END_TEST

/* The host's openssl.cnf counts for Kamailio, and so for the rehearsal. */
static const struct {
	const char	*line;
	const char	*want;
} configs[] = {
	{ "MaxProtocol = TLSv1.2", "rehearsal: sip.example.com by TLS 1.3: " },
	{ "MinProtocol = TLSv1.3", "rehearsal: sip.example.com by TLS 1.2: " },
};

START_TEST(each_protocol_version_is_rehearsed)
{
	struct err e = ERR_NONE;
	struct buf config;
	char path[32];
	struct world w;

	buf_init(&config, 4096);
	buf_printf(&config, "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
	    "[c]\n%s\n", configs[_i].line);
	ck_assert_int_eq(OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL), 1);
	ck_assert_int_gt(CONF_modules_load_file(testca_file(&config, path), NULL, 0), 0);
	world_init(&w, "ecdsa-p256", NAMES("sip.example.com"),
	    (struct testca_spec){ .names = "DNS:sip.example.com" });
	ck_assert_msg(rehearse(&w.in, w.chain, &e) == -1, "%s: passed", configs[_i].line);
	ck_assert_msg(strncmp(e.text, configs[_i].want, strlen(configs[_i].want)) == 0,
	    "%s: got \"%s\", want \"%s\"", configs[_i].line, e.text, configs[_i].want);
	world_clear(&w);
	buf_clear(&config);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rehearse");
	TCase *tc = tcase_create("rehearse");

	tcase_set_timeout(tc, 120);	/* RSA keys under a sanitizer */
	tcase_add_loop_test(tc, what_was_checked_is_served, 0, (int)NITEMS(sound));
	tcase_add_loop_test(tc, tls_1_2_is_tried_once_for_each_kind_of_key_and_issuers, 0, 3);
	tcase_add_loop_test(tc, what_does_not_serve_is_refused_by_name_and_version, 0,
	    (int)NITEMS(faults));
	tcase_add_loop_test(tc, a_wildcard_is_asked_for_with_a_label, 0,
	    (int)NITEMS(server_names));
	tcase_add_test(tc, a_chain_that_is_served_in_part_is_refused);
	tcase_add_loop_test(tc, each_protocol_version_is_rehearsed, 0, (int)NITEMS(configs));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
