/*
 * check_tls_interop: handshakes of our stack with libssl, in memory: whatever
 * both know works in both directions.
 */
#include "suite.h"
#include "tlsjoint.h"

/* --- every suite, group and signature --- */

static const struct { const char *name; uint16_t id; bool is_rsa; } suites_12[] = {
	{ "ECDHE-ECDSA-AES128-GCM-SHA256", 0xc02b, false },
	{ "ECDHE-ECDSA-AES256-GCM-SHA384", 0xc02c, false },
	{ "ECDHE-ECDSA-CHACHA20-POLY1305", 0xcca9, false },
	{ "ECDHE-RSA-AES128-GCM-SHA256", 0xc02f, true },
	{ "ECDHE-RSA-AES256-GCM-SHA384", 0xc030, true },
	{ "ECDHE-RSA-CHACHA20-POLY1305", 0xcca8, true },
};

static const struct { const char *name; uint16_t id; } groups[] = {
	{ "X25519", 0x001d }, { "P-256", 0x0017 }, { "P-384", 0x0018 },
};

static const struct {
	const char	*identity;
	const char	*name;
	uint16_t	 id;
	bool		 is_rsa, only_12;
} signatures[] = {
	{ ID_EC256, "ecdsa_secp256r1_sha256", 0x0403, false, false },
	{ ID_EC384, "ecdsa_secp384r1_sha384", 0x0503, false, false },
	{ ID_RSA, "rsa_pss_rsae_sha256", 0x0804, true, false },
	{ ID_RSA, "rsa_pss_rsae_sha384", 0x0805, true, false },
	{ ID_RSA, "rsa_pss_rsae_sha512", 0x0806, true, false },
	{ ID_RSAPSS, "rsa_pss_pss_sha256", 0x0809, true, false },
	{ ID_RSAPSS, "rsa_pss_pss_sha384", 0x080a, true, false },
	{ ID_RSAPSS, "rsa_pss_pss_sha512", 0x080b, true, false },
	{ ID_RSA, "RSA+SHA256", 0x0401, true, true },
	{ ID_RSA, "RSA+SHA384", 0x0501, true, true },
	{ ID_RSA, "RSA+SHA512", 0x0601, true, true },
};

static const struct tls_identity *
identity_named(const char *name)
{
	return strcmp(name, ID_EC256) == 0 ? ec256 : strcmp(name, ID_EC384) == 0 ? ec384 :
	    strcmp(name, ID_RSA) == 0 ? rsa : rsapss;
}

static void
check_agreed(const struct joint *j, uint16_t suite, uint16_t group, uint16_t signature)
{
	struct tls_info info;

	tls_info(j->ours, &info);
	ck_assert_uint_eq(info.suite, suite);
	ck_assert_uint_eq(info.group, group);
	ck_assert_uint_eq(info.signature, signature);
}

START_TEST(a_libssl_client_speaks_every_suite_group_and_signature_of_tls_1_3)
{
	for (size_t g = 0; g < NITEMS(groups); g++)
		for (size_t s = 0; s < NITEMS(signatures); s++) {
			const struct tls_identity *ids[] = { identity_named(signatures[s].identity),
			    NULL };
			struct tls_config cfg = { .identities = ids };
			struct joint j = { 0 };
			char sigs[64];

			if (signatures[s].only_12)
				continue;
			snprintf(sigs, sizeof(sigs), "%s", signatures[s].name);
			new_theirs(&j, false);
			SSL_CTX_set_min_proto_version(j.ctx, TLS1_3_VERSION);
			ck_assert_int_eq(SSL_CTX_set_ciphersuites(j.ctx, suites_13[_i].name), 1);
			ck_assert_int_eq(SSL_CTX_set1_groups_list(j.ctx, groups[g].name), 1);
			ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(j.ctx, sigs), 1);
			join_server(&j, &cfg);
			run(&j);
			ck_assert_msg(is_open(&j), "%s %s %s: %s", suites_13[_i].name,
			    groups[g].name, sigs, why(&j));
			check_agreed(&j, suites_13[_i].id, groups[g].id, signatures[s].id);
			talk(&j, 1000);
			joint_free(&j);
		}
}
END_TEST

START_TEST(a_libssl_client_speaks_every_suite_group_and_signature_of_tls_1_2)
{
	for (size_t g = 0; g < NITEMS(groups); g++)
		for (size_t s = 0; s < NITEMS(signatures); s++) {
			const struct tls_identity *ids[] = { identity_named(signatures[s].identity),
			    NULL };
			uint16_t only[] = { groups[g].id, 0 };
			struct tls_config cfg = { .identities = ids, .groups = only };
			struct joint j = { 0 };

			if (signatures[s].is_rsa != suites_12[_i].is_rsa)
				continue;
			new_theirs(&j, false);
			SSL_CTX_set_max_proto_version(j.ctx, TLS1_2_VERSION);
			ck_assert_int_eq(SSL_CTX_set_cipher_list(j.ctx, suites_12[_i].name), 1);
			ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(j.ctx, signatures[s].name), 1);
			join_server(&j, &cfg);
			run(&j);
			ck_assert_msg(is_open(&j), "%s %s %s: %s", suites_12[_i].name,
			    groups[g].name, signatures[s].name, why(&j));
			check_agreed(&j, suites_12[_i].id, groups[g].id, signatures[s].id);
			ck_assert_int_eq(SSL_get_extms_support(j.theirs), 1);
			ck_assert_int_eq(SSL_get_secure_renegotiation_support(j.theirs), 1);
			talk(&j, 1000);
			joint_free(&j);
		}
}
END_TEST

START_TEST(our_client_speaks_every_suite_group_and_signature_to_a_libssl_server)
{
	for (size_t g = 0; g < NITEMS(groups); g++)
		for (size_t s = 0; s < NITEMS(signatures); s++) {
			uint16_t suite[] = { suites_13[_i].id, 0 }, group[] = { groups[g].id, 0 };
			/* The others are those of the certificates. */
			uint16_t signature[] = { signatures[s].id, 0x0401, 0x0809, 0 };
			struct tls_config cfg = { .verify = accept_any, .suites = suite,
			    .groups = group, .signatures = signature };
			struct joint j = { 0 };

			if (signatures[s].only_12)
				continue;
			new_theirs(&j, true);
			use_identity(j.ctx, signatures[s].identity);
			join_client(&j, &cfg, SPAN_NONE);
			run(&j);
			ck_assert_msg(is_open(&j), "%s %s %s: %s", suites_13[_i].name,
			    groups[g].name, signatures[s].name, why(&j));
			check_agreed(&j, suites_13[_i].id, groups[g].id, signatures[s].id);
			talk(&j, 1000);
			joint_free(&j);
		}
}
END_TEST

/* --- HelloRetryRequest, names, protocols --- */

START_TEST(a_hello_retry_request_is_obeyed_and_sent)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	uint16_t p384[] = { 0x0018, 0 }, ours[] = { 0x001d, 0x0018, 0 };
	struct tls_config server = { .identities = ids, .groups = p384 };
	struct tls_config client = { .verify = accept_any, .groups = ours };
	struct tls_info info;
	struct joint j = { 0 };

	new_theirs(&j, false);
	SSL_CTX_set1_groups_list(j.ctx, "X25519:P-384");
	join_server(&j, &server);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	tls_info(j.ours, &info);
	ck_assert(info.retried && info.group == 0x0018);
	talk(&j, 100);
	joint_free(&j);

	new_theirs(&j, true);
	use_identity(j.ctx, ID_EC256);
	SSL_CTX_set1_groups_list(j.ctx, "P-384");
	join_client(&j, &client, SPAN_NONE);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	tls_info(j.ours, &info);
	ck_assert(info.retried && info.group == 0x0018);
	talk(&j, 100);
	joint_free(&j);
}
END_TEST

static int
give_cookie(SSL *ssl UNUSED, unsigned char *cookie, size_t *n)
{
	memset(cookie, 7, 40);
	*n = 40;
	return 1;
}

static int
check_cookie(SSL *ssl UNUSED, const unsigned char *cookie, size_t n)
{
	return n == 40 && cookie[0] == 7;
}

START_TEST(our_client_returns_a_cookie)
{
	struct tls_config client = { .verify = accept_any };
	struct tls_info info;
	struct joint j = { 0 };

	new_theirs(&j, true);
	use_identity(j.ctx, ID_EC256);
	SSL_CTX_set_stateless_cookie_generate_cb(j.ctx, give_cookie);
	SSL_CTX_set_stateless_cookie_verify_cb(j.ctx, check_cookie);
	join_client(&j, &client, SPAN_NONE);
	(void)move(&j);
	ck_assert_int_eq(SSL_stateless(j.theirs), 0);
	(void)move(&j);
	(void)move(&j);
	/* It stops once at the change_cipher_spec. */
	ck_assert_int_eq(SSL_stateless(j.theirs), -1);
	ck_assert_msg(SSL_stateless(j.theirs) == 1, "%s", why(&j));
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	tls_info(j.ours, &info);
	ck_assert(info.retried);
	talk(&j, 100);
	joint_free(&j);
}
END_TEST

static const char *const protocols[] = { "acme-tls/1", "http/1.1", NULL };

START_TEST(name_and_protocol_are_agreed_upon)
{
	static const unsigned char wanted[] = "\x02h2\x08http/1.1";
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config server = { .identities = ids, .alpn = protocols };
	struct tls_config client = { .verify = accept_any, .alpn = protocols };
	const unsigned char *alpn;
	unsigned int n;
	struct tls_info info;
	struct joint j = { 0 };

	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		new_theirs(&j, false);
		SSL_CTX_set_max_proto_version(j.ctx, version);
		SSL_CTX_set_alpn_protos(j.ctx, wanted, sizeof(wanted) - 1);
		join_server(&j, &server);
		run(&j);
		ck_assert_msg(is_open(&j), "%s", why(&j));
		tls_info(j.ours, &info);
		SSL_get0_alpn_selected(j.theirs, &alpn, &n);
		ck_assert(n == 8 && memcmp(alpn, "http/1.1", 8) == 0);
		ck_assert_str_eq(info.alpn, "http/1.1");
		ck_assert_str_eq(info.sni, NAME);
		joint_free(&j);
	}
	new_theirs(&j, true);
	use_identity(j.ctx, ID_EC256);
	join_client(&j, &client, SPAN_NONE);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	tls_info(j.ours, &info);
	ck_assert_str_eq(info.alpn, "http/1.1");
	ck_assert_str_eq(SSL_get_servername(j.theirs, TLSEXT_NAMETYPE_host_name), NAME);
	joint_free(&j);
}
END_TEST

/* --- client certificates --- */

START_TEST(a_libssl_client_shows_its_certificate)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids, .client_auth = TLS_CLIENT_AUTH_REQUIRE,
	    .verify = accept_any };
	bool with_12 = _i % 2 == 0;
	size_t s = (size_t)_i / 2;
	struct tls_info info;
	struct joint j = { 0 };

	if (signatures[s].only_12 && !with_12)
		return;
	new_theirs(&j, false);
	SSL_CTX_set_max_proto_version(j.ctx, with_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	use_identity(j.ctx, signatures[s].identity);
	ck_assert_int_eq(SSL_CTX_set1_client_sigalgs_list(j.ctx, signatures[s].name), 1);
	join_server(&j, &cfg);
	run(&j);
	ck_assert_msg(is_open(&j), "%s %s: %s", signatures[s].name, with_12 ? "1.2" : "1.3",
	    why(&j));
	tls_info(j.ours, &info);
	ck_assert_uint_eq(info.npeer_certs, 1);
	talk(&j, 100);
	joint_free(&j);
}
END_TEST

START_TEST(a_client_without_certificate_is_let_in_only_when_it_is_not_required)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids, .verify = accept_any };
	struct tls_info info;
	struct joint j = { 0 };

	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		cfg.client_auth = TLS_CLIENT_AUTH_ASK;
		new_theirs(&j, false);
		SSL_CTX_set_max_proto_version(j.ctx, version);
		join_server(&j, &cfg);
		run(&j);
		ck_assert_msg(is_open(&j), "%s", why(&j));
		talk(&j, 100);
		joint_free(&j);

		cfg.client_auth = TLS_CLIENT_AUTH_REQUIRE;
		new_theirs(&j, false);
		SSL_CTX_set_max_proto_version(j.ctx, version);
		join_server(&j, &cfg);
		run(&j);
		ck_assert_int_eq(tls_state(j.ours), TLS_FAILED);
		tls_info(j.ours, &info);
		ck_assert_int_eq(info.alert_sent, version == TLS1_3_VERSION ?
		    TLS_ALERT_CERTIFICATE_REQUIRED : TLS_ALERT_HANDSHAKE_FAILURE);
		joint_free(&j);
	}
}
END_TEST

START_TEST(our_client_shows_its_certificate)
{
	const struct tls_identity *ids[] = { identity_named(signatures[_i].identity), NULL };
	struct tls_config cfg = { .verify = accept_any, .identities = ids };
	struct joint j = { 0 };
	X509 *cert;

	if (signatures[_i].only_12)
		return;
	new_theirs(&j, true);
	use_identity(j.ctx, ID_EC256);
	SSL_CTX_set_verify(j.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_libssl);
	ck_assert_int_eq(SSL_CTX_set1_client_sigalgs_list(j.ctx, signatures[_i].name), 1);
	join_client(&j, &cfg, SPAN_NONE);
	run(&j);
	ck_assert_msg(is_open(&j), "%s: %s", signatures[_i].name, why(&j));
	cert = SSL_get1_peer_certificate(j.theirs);
	ck_assert_ptr_nonnull(cert);
	X509_free(cert);
	talk(&j, 100);
	joint_free(&j);
}
END_TEST

/* --- TLS 1.2 --- */

START_TEST(tls_1_2_works_without_the_extended_master_secret)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	struct joint j = { 0 };

	new_theirs(&j, false);
	SSL_CTX_set_max_proto_version(j.ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(j.ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	join_server(&j, &cfg);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	ck_assert_int_eq(SSL_get_extms_support(j.theirs), 0);
	talk(&j, 100);
	joint_free(&j);
}
END_TEST

START_TEST(a_downgrade_is_noticed_by_libssl_unless_the_sentinel_is_left_out)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_fault fault = { .version = TLS_1_2, .no_sentinel = _i == 1 };
	struct tls_config cfg = { .identities = ids, .fault = &fault };
	struct tls_info info;
	struct joint j = { 0 };

	new_theirs(&j, false);
	join_server(&j, &cfg);
	run(&j);
	tls_info(j.ours, &info);
	if (_i == 0)
		ck_assert_int_eq(info.alert_received, TLS_ALERT_ILLEGAL_PARAMETER);
	else
		ck_assert_msg(is_open(&j), "%s", why(&j));
	joint_free(&j);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls interop");
	TCase *t = tcase_create("libssl");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, a_libssl_client_speaks_every_suite_group_and_signature_of_tls_1_3,
	    0, NITEMS(suites_13));
	tcase_add_loop_test(t, a_libssl_client_speaks_every_suite_group_and_signature_of_tls_1_2,
	    0, NITEMS(suites_12));
	tcase_add_loop_test(t, our_client_speaks_every_suite_group_and_signature_to_a_libssl_server,
	    0, NITEMS(suites_13));
	tcase_add_test(t, a_hello_retry_request_is_obeyed_and_sent);
	tcase_add_test(t, our_client_returns_a_cookie);
	tcase_add_test(t, name_and_protocol_are_agreed_upon);
	tcase_add_loop_test(t, a_libssl_client_shows_its_certificate, 0, 2 * NITEMS(signatures));
	tcase_add_test(t, a_client_without_certificate_is_let_in_only_when_it_is_not_required);
	tcase_add_loop_test(t, our_client_shows_its_certificate, 0, NITEMS(signatures));
	tcase_add_test(t, tls_1_2_works_without_the_extended_master_secret);
	tcase_add_loop_test(t, a_downgrade_is_noticed_by_libssl_unless_the_sentinel_is_left_out, 0,
	    2);
	suite_add_tcase(s, t);
	return suite_run(s);
}
