/*
 * check_tls_interop: our stack against libssl, in memory: whatever both know
 * works in both directions.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "t/unit/check_tls.h"

#define NAME	"server.example.com"
#define MAX	70000

static struct tls_identity *ec256, *ec384, *rsa, *rsapss;
static struct tls_tickets *tickets;

static void
set_up(void)
{
	struct err e = ERR_NONE;

	ec256 = load_identity(ID_EC256);
	ec384 = load_identity(ID_EC384);
	rsa = load_identity(ID_RSA);
	rsapss = load_identity(ID_RSAPSS);
	ck_assert_int_eq(tls_tickets_new(3600, &tickets, &e), 0);
}

static void
tear_down(void)
{
	tls_identity_free(ec256);
	tls_identity_free(ec384);
	tls_identity_free(rsa);
	tls_identity_free(rsapss);
	tls_tickets_free(tickets);
}

/* --- ours and theirs, joined --- */

struct joint {
	struct tls_conn	*ours;
	SSL_CTX		*ctx;
	SSL		*theirs;
	struct err	 err;
	size_t		 step;		/* octets at a time, 0: all */
};

static int
accept_libssl(int ok UNUSED, X509_STORE_CTX *store UNUSED)
{
	return 1;
}

static int
pick_http(SSL *ssl UNUSED, const unsigned char **out, unsigned char *n, const unsigned char *in,
    unsigned int in_n, void *arg UNUSED)
{
	static const unsigned char mine[] = "\x08http/1.1";

	return SSL_select_next_proto((unsigned char **)out, n, mine, sizeof(mine) - 1, in, in_n) ==
	    OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void
new_theirs(struct joint *j, bool is_server)
{
	j->ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	ck_assert_ptr_nonnull(j->ctx);
	SSL_CTX_set_security_level(j->ctx, 1);
	if (is_server)
		SSL_CTX_set_alpn_select_cb(j->ctx, pick_http, NULL);
}

static void
use_identity(SSL_CTX *ctx, const char *name)
{
	EVP_PKEY *key;
	X509 *cert;

	load_pem(name, &key, &cert);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	EVP_PKEY_free(key);
	X509_free(cert);
}

static void
start_theirs(struct joint *j, bool is_server)
{
	j->theirs = SSL_new(j->ctx);
	ck_assert_ptr_nonnull(j->theirs);
	SSL_set_bio(j->theirs, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (is_server)
		SSL_set_accept_state(j->theirs);
	else {
		SSL_set_tlsext_host_name(j->theirs, NAME);
		SSL_set_connect_state(j->theirs);
	}
}

static void
join_server(struct joint *j, const struct tls_config *cfg)
{
	start_theirs(j, false);
	ck_assert_msg(tls_server_new(cfg, &j->ours, &j->err) == 0, "%s", j->err.text);
}

static void
join_client(struct joint *j, const struct tls_config *cfg, struct span session)
{
	start_theirs(j, true);
	ck_assert_msg(tls_client_new(cfg, NAME, session, &j->ours, &j->err) == 0, "%s", j->err.text);
}

static void
joint_free(struct joint *j)
{
	tls_free(j->ours);
	SSL_free(j->theirs);
	SSL_CTX_free(j->ctx);
	memset(j, 0, sizeof(*j));
}

/* What theirs has to say goes to ours, and the other way. */
static bool
move(struct joint *j)
{
	uint8_t data[MAX];
	size_t eaten, done = 0, part;
	struct span out;
	int n;

	n = BIO_read(SSL_get_wbio(j->theirs), data, sizeof(data));
	while (n > 0 && done < (size_t)n) {
		part = j->step > 0 && j->step < (size_t)n - done ? j->step : (size_t)n - done;
		if (tls_feed(j->ours, span_of(data + done, part), &eaten, &j->err) == -1)
			break;
		ck_assert_uint_eq(eaten, part);
		done += part;
	}
	out = tls_output(j->ours);
	if (out.n > 0)
		BIO_write(SSL_get_rbio(j->theirs), out.p, (int)out.n);
	tls_sent(j->ours, out.n);
	return n > 0 || out.n > 0;
}

static void
run(struct joint *j)
{
	do
		(void)SSL_do_handshake(j->theirs);
	while (move(j));
}

static bool
is_open(const struct joint *j)
{
	return tls_state(j->ours) == TLS_OPEN && SSL_is_init_finished(j->theirs);
}

static const char *
why(const struct joint *j)
{
	static char text[1400];
	char theirs[256];

	ERR_error_string_n(ERR_peek_error(), theirs, sizeof(theirs));
	snprintf(text, sizeof(text), "ours: %s; theirs: %s", j->err.text, theirs);
	ERR_clear_error();
	return text;
}

/* n octets go there and back. */
static void
talk(struct joint *j, size_t n)
{
	uint8_t data[MAX], got[MAX];
	size_t done = 0, taken;
	struct span in;
	int r;

	ck_assert_uint_le(n, MAX);
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 13 + i / 257);
	ck_assert_int_eq(SSL_write(j->theirs, data, (int)n), (int)n);
	while (done < n) {
		(void)move(j);
		in = tls_read(j->ours);
		ck_assert_msg(in.n > 0, "%s", why(j));
		ck_assert(in.n <= n - done && memcmp(in.p, data + done, in.n) == 0);
		done += in.n;
		tls_read_done(j->ours, in.n);
	}
	for (done = 0; done < n; done += taken) {
		ck_assert_msg(tls_write(j->ours, span_of(data + done, n - done), &taken, &j->err) == 0,
		    "%s", j->err.text);
		(void)move(j);
	}
	(void)move(j);
	for (done = 0; done < n; done += (size_t)r) {
		r = SSL_read(j->theirs, got + done, (int)(n - done));
		ck_assert_msg(r > 0, "%s", why(j));
	}
	ck_assert(memcmp(got, data, n) == 0);
}

/* --- every suite, group and signature --- */

static const struct { const char *name; uint16_t id; } suites_13[] = {
	{ "TLS_AES_128_GCM_SHA256", 0x1301 },
	{ "TLS_AES_256_GCM_SHA384", 0x1302 },
	{ "TLS_CHACHA20_POLY1305_SHA256", 0x1303 },
};

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

/* --- sizes and pieces --- */

static const size_t steps[] = { 1, 2, 5, 7, 100, 0 };

START_TEST(records_may_arrive_in_pieces_of_any_size)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct joint j = { .step = steps[_i] };

	new_theirs(&j, false);
	SSL_CTX_set_max_send_fragment(j.ctx, 512);
	join_server(&j, &server);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	talk(&j, 20000);
	joint_free(&j);

	j.step = steps[_i];
	new_theirs(&j, true);
	SSL_CTX_set_max_send_fragment(j.ctx, 512);
	use_identity(j.ctx, ID_RSA);
	join_client(&j, &client, SPAN_NONE);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	talk(&j, 20000);
	joint_free(&j);
}
END_TEST

START_TEST(padded_records_are_understood)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	struct joint j = { 0 };

	new_theirs(&j, false);
	SSL_CTX_set_block_padding(j.ctx, 4096);
	join_server(&j, &cfg);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	talk(&j, 30000);
	joint_free(&j);
}
END_TEST

/* --- HelloRetryRequest, KeyUpdate, names, protocols --- */

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

static void
update_keys(struct joint *j)
{
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(tls_key_update(j->ours, i == 1, &j->err), 0);
		talk(j, 3000);
		ck_assert_int_eq(SSL_key_update(j->theirs, i == 2 ? SSL_KEY_UPDATE_REQUESTED :
		    SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		talk(j, 3000);
		talk(j, 10);
	}
}

START_TEST(keys_are_updated_both_ways)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	struct joint j = { 0 };

	new_theirs(&j, false);
	join_server(&j, &server);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	update_keys(&j);
	joint_free(&j);

	new_theirs(&j, true);
	use_identity(j.ctx, ID_EC256);
	join_client(&j, &client, SPAN_NONE);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	update_keys(&j);
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

START_TEST(exported_keying_material_is_the_same)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	uint8_t ours[40], theirs[40];
	struct joint j = { 0 };

	new_theirs(&j, false);
	join_server(&j, &cfg);
	run(&j);
	ck_assert_int_eq(tls_export(j.ours, "EXPORTER-test", span_str("context"), ours, sizeof(ours)), 0);
	ck_assert_int_eq(SSL_export_keying_material(j.theirs, theirs, sizeof(theirs), "EXPORTER-test",
	    13, (const unsigned char *)"context", 7, 1), 1);
	ck_assert_mem_eq(ours, theirs, sizeof(ours));
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
	ck_assert_msg(is_open(&j), "%s %s: %s", signatures[s].name, with_12 ? "1.2" : "1.3", why(&j));
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

/* --- resumption and early data --- */

static SSL_SESSION *kept;

static int
keep_session(SSL *ssl UNUSED, SSL_SESSION *session)
{
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

/* A session of a libssl client with our server. */
static void
get_session(const struct tls_config *cfg, const char *suite)
{
	struct joint j = { 0 };

	new_theirs(&j, false);
	ck_assert_int_eq(SSL_CTX_set_ciphersuites(j.ctx, suite), 1);
	/* Not in the context's own cache: its end would spoil the session. */
	SSL_CTX_set_session_cache_mode(j.ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(j.ctx, keep_session);
	join_server(&j, cfg);
	run(&j);
	talk(&j, 10);
	ck_assert_ptr_nonnull(kept);
	/* Or else libssl holds the session to be bad. */
	(void)SSL_shutdown(j.theirs);
	joint_free(&j);
}

START_TEST(a_libssl_client_resumes)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids, .tickets = tickets };
	uint16_t p384[] = { 0x0018, 0 };
	struct tls_info info;
	struct joint j = { 0 };

	for (int retry = 0; retry < 2; retry++) {
		cfg.groups = NULL;
		get_session(&cfg, suites_13[_i].name);
		cfg.groups = retry ? p384 : NULL;
		new_theirs(&j, false);
		join_server(&j, &cfg);
		SSL_set_session(j.theirs, kept);
		run(&j);
		ck_assert_msg(is_open(&j), "%s", why(&j));
		tls_info(j.ours, &info);
		/* Our server prefers AES-128: another hash than the ticket's is a full handshake. */
		ck_assert_int_eq(info.resumed, _i != 1);
		ck_assert_int_eq(SSL_session_reused(j.theirs), info.resumed);
		ck_assert_int_eq(info.retried, retry);
		talk(&j, 100);
		joint_free(&j);
	}
	SSL_SESSION_free(kept);
	kept = NULL;
}
END_TEST

START_TEST(our_client_resumes)
{
	uint16_t suite[] = { suites_13[_i].id, 0 }, groups_ours[] = { 0x001d, 0x0018, 0 };
	struct tls_config cfg = { .verify = accept_any, .suites = suite, .groups = groups_ours };
	struct tls_info info;
	struct joint first = { 0 }, j = { 0 };

	new_theirs(&first, true);
	use_identity(first.ctx, ID_EC256);
	SSL_CTX_set_session_id_context(first.ctx, (const unsigned char *)"x", 1);
	join_client(&first, &cfg, SPAN_NONE);
	run(&first);
	talk(&first, 10);
	ck_assert_uint_gt(tls_session(first.ours).n, 0);
	for (int retry = 0; retry < 2; retry++) {
		j.ctx = first.ctx;
		SSL_CTX_up_ref(j.ctx);
		SSL_CTX_set1_groups_list(j.ctx, retry ? "P-384" : "X25519");
		join_client(&j, &cfg, tls_session(first.ours));
		run(&j);
		ck_assert_msg(is_open(&j), "%s", why(&j));
		tls_info(j.ours, &info);
		ck_assert(info.resumed && SSL_session_reused(j.theirs));
		ck_assert_int_eq(info.retried, retry);
		talk(&j, 100);
		joint_free(&j);
	}
	joint_free(&first);
}
END_TEST

START_TEST(early_data_is_skipped_and_the_handshake_goes_on)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids, .tickets = tickets };
	uint16_t p384[] = { 0x0018, 0 };
	uint8_t early[10000] = { 1 };
	size_t written;
	struct joint j = { 0 };

	get_session(&cfg, "TLS_AES_128_GCM_SHA256");
	ck_assert_int_eq(SSL_SESSION_set_max_early_data(kept, 20000), 1);
	cfg.groups = _i == 1 ? p384 : NULL;
	cfg.tickets = _i == 2 ? NULL : tickets;
	j.step = _i == 3 ? 1 : 0;
	new_theirs(&j, false);
	join_server(&j, &cfg);
	SSL_set_session(j.theirs, kept);
	ck_assert_msg(SSL_write_early_data(j.theirs, early, sizeof(early), &written) == 1, "%s",
	    why(&j));
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	ck_assert_int_eq(SSL_get_early_data_status(j.theirs), SSL_EARLY_DATA_REJECTED);
	ck_assert_uint_eq(tls_read(j.ours).n, 0);
	talk(&j, 100);
	joint_free(&j);
	SSL_SESSION_free(kept);
	kept = NULL;
}
END_TEST

/* --- TLS 1.2 --- */

START_TEST(renegotiation_is_refused_by_a_warning)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	struct tls_info info;
	struct joint j = { 0 };

	new_theirs(&j, false);
	SSL_CTX_set_max_proto_version(j.ctx, TLS1_2_VERSION);
	join_server(&j, &cfg);
	run(&j);
	ck_assert_msg(is_open(&j), "%s", why(&j));
	ck_assert_int_eq(SSL_renegotiate(j.theirs), 1);
	run(&j);
	tls_info(j.ours, &info);
	ck_assert_int_eq(info.alert_sent, TLS_ALERT_NO_RENEGOTIATION);
	/* It is libssl that does not want to go on then. */
	ck_assert_int_eq(info.alert_received, TLS_ALERT_HANDSHAKE_FAILURE);
	joint_free(&j);
}
END_TEST

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

/* --- the end --- */

START_TEST(close_notify_is_understood_both_ways)
{
	const struct tls_identity *ids[] = { ec256, NULL };
	struct tls_config cfg = { .identities = ids };
	uint8_t data[10];
	struct joint j = { 0 };

	new_theirs(&j, false);
	SSL_CTX_set_max_proto_version(j.ctx, _i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	join_server(&j, &cfg);
	run(&j);
	(void)SSL_shutdown(j.theirs);
	(void)move(&j);
	ck_assert_int_eq(tls_state(j.ours), TLS_CLOSED);
	tls_close(j.ours);
	(void)move(&j);
	ck_assert_int_le(SSL_read(j.theirs, data, sizeof(data)), 0);
	ck_assert_int_eq(SSL_get_shutdown(j.theirs), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	joint_free(&j);
}
END_TEST

static Suite *
build_suite(void)
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
	tcase_add_loop_test(t, records_may_arrive_in_pieces_of_any_size, 0, NITEMS(steps));
	tcase_add_test(t, padded_records_are_understood);
	tcase_add_test(t, a_hello_retry_request_is_obeyed_and_sent);
	tcase_add_test(t, our_client_returns_a_cookie);
	tcase_add_test(t, keys_are_updated_both_ways);
	tcase_add_test(t, name_and_protocol_are_agreed_upon);
	tcase_add_test(t, exported_keying_material_is_the_same);
	tcase_add_loop_test(t, a_libssl_client_shows_its_certificate, 0, 2 * NITEMS(signatures));
	tcase_add_test(t, a_client_without_certificate_is_let_in_only_when_it_is_not_required);
	tcase_add_loop_test(t, our_client_shows_its_certificate, 0, NITEMS(signatures));
	tcase_add_loop_test(t, a_libssl_client_resumes, 0, NITEMS(suites_13));
	tcase_add_loop_test(t, our_client_resumes, 0, NITEMS(suites_13));
	tcase_add_loop_test(t, early_data_is_skipped_and_the_handshake_goes_on, 0, 4);
	tcase_add_test(t, renegotiation_is_refused_by_a_warning);
	tcase_add_test(t, tls_1_2_works_without_the_extended_master_secret);
	tcase_add_loop_test(t, a_downgrade_is_noticed_by_libssl_unless_the_sentinel_is_left_out, 0, 2);
	tcase_add_loop_test(t, close_notify_is_understood_both_ways, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(build_suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
