/*
 * check_tls_rfc8448: the traces of RFC 8448, octet by octet, with its keys.
 *
 * Where our ClientHello or ServerHello would say things in another order, or
 * where a signature is random, the fault hook puts in the message of the
 * trace; everything behind it (keys, transcript, records, Finished) is ours.
 */
/* RAND_set_rand_method(): nothing else makes libcrypto's own keys repeat themselves. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/rand.h>

#include "t/unit/check_tls.h"

#include "suite.h"
#include "tls/private.h"

#define VALUE_MAX	1024
#define POOL_MAX	64

/* --- values of t/data/tls/rfc8448.txt --- */

struct value {
	uint8_t	octets[VALUE_MAX];
	size_t	n;
};

static bool
find_value(const char *trace, const char *name, struct value *out)
{
	FILE *f = open_data("rfc8448.txt");
	char line[4 * VALUE_MAX], want[64];
	struct buf b;
	bool found = false;

	snprintf(want, sizeof(want), "%s.%s ", trace, name);
	buf_init(&b, VALUE_MAX);
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, want, strlen(want)) == 0;
	}
	fclose(f);
	if (found) {
		ck_assert_int_eq(hex_decode(span_str(line + strlen(want)), &b), 0);
		memcpy(out->octets, b.p, b.n);
		out->n = b.n;
	}
	buf_clear(&b);
	return found;
}

/* Lives until the program ends, and each test is a program. */
static struct span
value(const char *trace, const char *name)
{
	static struct value pool[POOL_MAX];
	static size_t n;
	struct value *v = &pool[n++];

	ck_assert_uint_le(n, POOL_MAX);
	ck_assert_msg(find_value(trace, name, v), "%s.%s is missing", trace, name);
	return span_of(v->octets, v->n);
}

static struct span
without_header(struct span record)
{
	return span_of(record.p + TLS_HEADER_LEN, record.n - TLS_HEADER_LEN);
}

static void
expect_octets(const char *what, struct span got, struct span want)
{
	struct buf g, w;

	buf_init(&g, 100000);
	buf_init(&w, 100000);
	buf_hex(&g, got);
	buf_hex(&w, want);
	ck_assert_msg(span_eq(got, want), "%s: got %s, want %s", what, buf_cstr(&g), buf_cstr(&w));
	buf_clear(&g);
	buf_clear(&w);
}

/* --- randomness of the trace --- */

static struct span draws[4];
static size_t ndraws, drawn;

static int
draw(void *arg UNUSED, uint8_t *out, size_t n)
{
	memset(out, 0x5a, n);
	if (drawn < ndraws && draws[drawn].n == n)
		memcpy(out, draws[drawn].p, n);
	drawn++;
	return 0;
}

static void
will_draw(struct span a, struct span b, struct span c)
{
	draws[0] = a;
	draws[1] = b;
	draws[2] = c;
	ndraws = 3;
	drawn = 0;
}

/* A key on P-256 is what libcrypto draws 32 octets for. */
static struct span scalar;

static int
rand_bytes(unsigned char *out, int n)
{
	memset(out, 0x11, (size_t)n);
	if (n == 32 && scalar.n == 32) {
		memcpy(out, scalar.p, 32);
		scalar = SPAN_NONE;
	}
	return 1;
}

static int
rand_status(void)
{
	return 1;
}

static const RAND_METHOD rand_method = {
	.bytes = rand_bytes, .pseudorand = rand_bytes, .status = rand_status,
};

/* --- messages of the trace --- */

struct script {
	const char	*trace;
	unsigned	 nhellos;
};

static void
put_in(struct buf *msg, struct span want)
{
	buf_reset(msg);
	buf_put(msg, want);
}

/* The client's: ClientHello, and what is signed by a key that the RFC does not give. */
static void
client_script(void *arg, struct tls_conn *c UNUSED, uint8_t type, struct buf *msg)
{
	struct script *s = arg;

	switch (type) {
	case TLS_MSG_CLIENT_HELLO:
		put_in(msg, without_header(value(s->trace, s->nhellos++ == 0 ? "client_hello" :
		    "second_hello")));
		break;
	case TLS_MSG_CERTIFICATE:
		put_in(msg, value(s->trace, "client_certificate"));
		break;
	case TLS_MSG_CERTIFICATE_VERIFY:
		put_in(msg, value(s->trace, "client_verify"));
		break;
	}
}

static void
server_script(void *arg, struct tls_conn *c, uint8_t type, struct buf *msg)
{
	static const struct { uint8_t type; const char *name; } names[] = {
		{ TLS_MSG_ENCRYPTED_EXTENSIONS, "encrypted_extensions" },
		{ TLS_MSG_CERTIFICATE_REQUEST, "certificate_request" },
		{ TLS_MSG_CERTIFICATE, "certificate" },
		{ TLS_MSG_CERTIFICATE_VERIFY, "certificate_verify" },
	};
	struct script *s = arg;
	bool is_retry = (c->hs->course & TLS_COURSE_RETRY) != 0 && s->nhellos++ == 0;

	if (type == TLS_MSG_SERVER_HELLO)
		put_in(msg, without_header(value(s->trace, is_retry ? "hello_retry" :
		    "server_hello")));
	for (size_t i = 0; i < NITEMS(names); i++)
		if (names[i].type == type)
			put_in(msg, value(s->trace, names[i].name));
}

/* --- the traces --- */

static const struct trace {
	const char	*name;
	bool		 has_session_id, is_retry, is_auth, has_data;
} traces[] = {
	{ "simple", false, false, false, true },
	{ "retry", false, true, false, false },
	{ "auth", false, false, true, false },
	{ "compat", true, false, false, false },
};

static void
feed(struct tls_conn *c, struct span octets)
{
	struct err e = ERR_NONE;
	size_t eaten;

	ck_assert_msg(tls_feed(c, octets, &eaten, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(eaten, octets.n);
}

static void
expect_output(struct tls_conn *c, const char *what, struct span want)
{
	struct span out = tls_output(c);

	if (out.n > want.n)
		out.n = want.n;
	expect_octets(what, out, want);
	tls_sent(c, want.n);
}

static void
write_all(struct tls_conn *c, struct span data)
{
	struct err e = ERR_NONE;
	size_t taken;

	ck_assert_int_eq(tls_write(c, data, &taken, &e), 0);
	ck_assert_uint_eq(taken, data.n);
}

START_TEST(our_client_says_what_the_trace_says)
{
	const struct trace *t = &traces[_i];
	struct script script = { .trace = t->name };
	struct tls_fault fault = { .arg = &script, .message = client_script };
	struct tls_identity *id = load_identity(ID_RSA);
	const struct tls_identity *ids[] = { id, NULL };
	struct tls_config cfg = { .verify = accept_any, .identities = ids, .random = draw,
	    .record_limit = 16384, .fault = &fault };
	struct tls_conn *c;
	struct err e = ERR_NONE;

	RAND_set_rand_method(&rand_method);
	will_draw(value(t->name, "client_random"),
	    t->has_session_id ? value(t->name, "session_id") : SPAN_NONE,
	    value(t->name, "client_key"));
	ck_assert_msg(tls_client_new(&cfg, "server", SPAN_NONE, &c, &e) == 0, "%s", e.text);
	if (!t->has_session_id)
		c->hs->session_id_len = 0;
	expect_output(c, "ClientHello", value(t->name, "client_hello"));
	if (t->is_retry) {
		scalar = value(t->name, "client_key_p256");
		feed(c, value(t->name, "hello_retry"));
		expect_output(c, "second ClientHello", value(t->name, "second_hello"));
	}
	feed(c, value(t->name, "server_hello"));
	ck_assert_uint_eq(tls_output(c).n, 0);
	feed(c, value(t->name, "server_flight"));
	ck_assert_int_eq(tls_state(c), TLS_OPEN);
	expect_output(c, "client's flight", value(t->name, "client_flight"));
	if (t->has_data) {
		feed(c, value(t->name, "new_session_ticket"));
		feed(c, value(t->name, "server_data_record"));
		expect_octets("data", tls_read(c), value(t->name, "server_data"));
		write_all(c, value(t->name, "client_data"));
		expect_output(c, "client's data", value(t->name, "client_data_record"));
		/* suite, lifetime, age_add, time, length; then the secret. */
		expect_octets("PSK", span_of(tls_session(c).p + 19, 32), value("secret", "psk"));
	}
	feed(c, value(t->name, "server_close"));
	ck_assert_int_eq(tls_state(c), TLS_CLOSED);
	tls_close(c);
	expect_output(c, "close_notify", value(t->name, "client_close"));
	tls_free(c);
	tls_identity_free(id);
}
END_TEST

START_TEST(our_server_says_what_the_trace_says)
{
	const struct trace *t = &traces[_i];
	struct script script = { .trace = t->name };
	struct tls_fault fault = { .arg = &script, .message = server_script };
	struct tls_identity *id = load_identity(t->is_auth ? ID_EC256 : ID_RSA);
	const struct tls_identity *ids[] = { id, NULL };
	uint16_t p256[] = { 0x0017, 0 };
	struct tls_config cfg = { .identities = ids, .random = draw, .verify = accept_any,
	    .groups = t->is_retry ? p256 : NULL, .fault = &fault,
	    .client_auth = t->is_auth ? TLS_CLIENT_AUTH_REQUIRE : TLS_CLIENT_AUTH_NONE };
	struct tls_conn *c;
	struct err e = ERR_NONE;

	RAND_set_rand_method(&rand_method);
	will_draw(value(t->name, "server_key"), value(t->name, "server_random"), SPAN_NONE);
	ck_assert_msg(tls_server_new(&cfg, &c, &e) == 0, "%s", e.text);
	feed(c, value(t->name, "client_hello"));
	if (t->is_retry) {
		expect_output(c, "HelloRetryRequest", value(t->name, "hello_retry"));
		scalar = value(t->name, "server_key");
		feed(c, value(t->name, "second_hello"));
	}
	expect_output(c, "ServerHello", value(t->name, "server_hello"));
	expect_output(c, "server's flight", value(t->name, "server_flight"));
	feed(c, value(t->name, "client_flight"));
	ck_assert_int_eq(tls_state(c), TLS_OPEN);
	ck_assert_uint_eq(tls_output(c).n, 0);
	if (t->has_data) {
		c->tx.seq++;	/* the ticket */
		feed(c, value(t->name, "client_data_record"));
		expect_octets("data", tls_read(c), value(t->name, "client_data"));
		write_all(c, value(t->name, "server_data"));
		expect_output(c, "server's data", value(t->name, "server_data_record"));
	}
	feed(c, value(t->name, "client_close"));
	tls_close(c);
	expect_output(c, "close_notify", value(t->name, "server_close"));
	tls_free(c);
	tls_identity_free(id);
}
END_TEST

/* --- the key schedule by itself --- */

static void
expect_secret(const char *name, const uint8_t *got)
{
	expect_octets(name, span_of(got, 32), value("secret", name));
}

static void
hash_messages(struct tls_transcript *t, const char *trace, const char *const *names, uint8_t *out)
{
	struct err e = ERR_NONE;

	for (; *names != NULL; names++) {
		struct span v = value(trace, *names);

		if (v.p[0] == TLS_HANDSHAKE)
			v = without_header(v);
		ck_assert_int_eq(tls_transcript_add(t, v, &e), 0);
	}
	ck_assert_int_eq(tls_transcript_now(t, out, &e), 0);
}

START_TEST(every_secret_of_section_3_comes_out)
{
	static const char *const hellos[] = { "client_hello", "server_hello", NULL };
	static const char *const server[] = { "encrypted_extensions", "certificate",
	    "certificate_verify", "server_finished", NULL };
	const struct tls_hash *sha256_hash = &tls_hashes[TLS_SHA256];
	struct tls_schedule s = { .stage = TLS_STAGE_NONE };
	struct tls_transcript t;
	uint8_t hash[TLS_HASH_MAX], finished[TLS_MESSAGE_HEADER + 32] = { 20, 0, 0, 32 };
	struct err e = ERR_NONE;

	ck_assert_int_eq(tls_crypto_init(&e), 0);
	tls_transcript_init(&t);
	ck_assert_int_eq(tls_transcript_start(&t, sha256_hash, &e), 0);
	ck_assert_int_eq(tls_schedule_early(&s, sha256_hash, SPAN_NONE, &e), 0);
	expect_secret("early", s.secret);
	hash_messages(&t, "simple", hellos, hash);
	ck_assert_int_eq(tls_schedule_handshake(&s, value("secret", "shared"), hash, &e), 0);
	expect_secret("handshake", s.secret);
	expect_secret("client_handshake", s.handshake[TLS_BY_CLIENT]);
	expect_secret("server_handshake", s.handshake[TLS_BY_SERVER]);
	hash_messages(&t, "simple", server, hash);
	ck_assert_int_eq(tls_schedule_master(&s, hash, &e), 0);
	expect_secret("master", s.secret);
	expect_secret("client_traffic", s.traffic[TLS_BY_CLIENT]);
	expect_secret("server_traffic", s.traffic[TLS_BY_SERVER]);
	expect_secret("exporter", s.exporter);
	ck_assert_int_eq(tls_finished_mac(sha256_hash, s.handshake[TLS_BY_CLIENT], hash,
	    finished + TLS_MESSAGE_HEADER, &e), 0);
	ck_assert_int_eq(tls_transcript_add(&t, span_of(finished, sizeof(finished)), &e), 0);
	ck_assert_int_eq(tls_transcript_now(&t, hash, &e), 0);
	ck_assert_int_eq(tls_schedule_done(&s, hash, &e), 0);
	expect_secret("resumption", s.resumption);
	ck_assert_int_eq(tls_schedule_psk(&s, span_of("\0\0", 2), hash, &e), 0);
	expect_secret("psk", hash);
	tls_transcript_clear(&t);
}
END_TEST

START_TEST(the_key_schedule_refuses_steps_out_of_order)
{
	const struct tls_hash *hash = &tls_hashes[TLS_SHA256];
	struct tls_schedule s = { .stage = TLS_STAGE_NONE };
	uint8_t octets[TLS_HASH_MAX] = { 0 };
	struct span some = span_of(octets, 32);
	struct err e = ERR_NONE;

	ck_assert_int_eq(tls_crypto_init(&e), 0);
	ck_assert_int_eq(tls_schedule_handshake(&s, some, octets, &e), -1);
	ck_assert_int_eq(tls_schedule_binder(&s, octets, octets, &e), -1);
	ck_assert_int_eq(tls_schedule_early(&s, hash, some, &e), 0);
	ck_assert_int_eq(tls_schedule_early(&s, hash, some, &e), -1);
	ck_assert_int_eq(tls_schedule_master(&s, octets, &e), -1);
	ck_assert_int_eq(tls_schedule_handshake(&s, some, octets, &e), 0);
	ck_assert_int_eq(tls_schedule_done(&s, octets, &e), -1);
	ck_assert_int_eq(tls_schedule_update(&s, TLS_BY_CLIENT, &e), -1);
	ck_assert_int_eq(tls_schedule_master(&s, octets, &e), 0);
	ck_assert_int_eq(tls_schedule_psk(&s, some, octets, &e), -1);
	ck_assert_int_eq(tls_schedule_done(&s, octets, &e), 0);
	for (size_t i = 0; i < sizeof(s.secret); i++)
		ck_assert_uint_eq(s.secret[i], 0);
}
END_TEST

/* One record, opened by the keys of a traffic secret. */
static struct span
open_by(const uint8_t *secret, struct span record, uint8_t *out)
{
	const struct tls_suite *suite = tls_suite_find(0x1301);
	uint8_t key[TLS_KEY_MAX], iv[TLS_IV_LEN];
	struct tls_aead_io io = { .nonce = iv, .aad = span_of(record.p, TLS_HEADER_LEN),
	    .in = without_header(record), .out = out };
	EVP_CIPHER_CTX *ctx;
	struct err e = ERR_NONE;

	ck_assert_int_eq(tls_expand_label(suite->hash, secret,
	    &(struct tls_label){ "key", SPAN_NONE,
	    key, 16 }, &e), 0);
	ck_assert_int_eq(tls_expand_label(suite->hash, secret, &(struct tls_label){ "iv", SPAN_NONE,
	    iv, TLS_IV_LEN }, &e), 0);
	ctx = tls_aead_new(suite->aead, key, false);
	ck_assert_int_eq(tls_aead_open(ctx, &io), 0);
	EVP_CIPHER_CTX_free(ctx);
	return span_of(out, io.in.n - TLS_TAG_LEN);
}

/* 0-RTT is not spoken here, so this trace is followed by hand. */
START_TEST(the_resumed_handshake_of_section_4_has_our_binder_and_keys)
{
	static const char *const hellos[] = { "client_hello", "server_hello", NULL };
	static const char *const server[] = { "encrypted_extensions", "server_finished", NULL };
	static const uint8_t end_of_early_data[] = { 5, 0, 0, 0 };
	const struct tls_hash *hash = &tls_hashes[TLS_SHA256];
	struct span hello = without_header(value("resumed", "client_hello"));
	struct span binder = span_of(hello.p + hello.n - 32, 32);
	struct span truncated = span_of(hello.p, hello.n - 35);
	struct span record = value("resumed", "client_flight"), plain;
	struct tls_schedule s = { .stage = TLS_STAGE_NONE };
	struct tls_transcript t;
	uint8_t now[TLS_HASH_MAX], out[VALUE_MAX], shared[TLS_SECRET_MAX], mac[TLS_HASH_MAX];
	EVP_PKEY *key;
	struct err e = ERR_NONE;

	ck_assert_int_eq(tls_crypto_init(&e), 0);
	ck_assert_int_eq(tls_schedule_early(&s, hash, value("secret", "psk"), &e), 0);
	ck_assert_int_eq(tls_digest(hash, &truncated, 1, now, &e), 0);
	ck_assert_int_eq(tls_schedule_binder(&s, now, out, &e), 0);
	expect_octets("binder", span_of(out, 32), binder);

	/*
	 * The server's share stands behind its pre_shared_key: 5 + 4 + 44 + 6 +
	 * 8 octets into the record.
	 */
	ck_assert_int_eq(tls_kx_generate(tls_group_find(0x001d), value("resumed", "client_key").p,
	    &key, &e), 0);
	ck_assert_int_eq(tls_kx_derive(tls_group_find(0x001d), key,
	    span_of(value("resumed", "server_hello").p + 63, 32), shared), TLS_KX_OK);
	EVP_PKEY_free(key);
	tls_transcript_init(&t);
	ck_assert_int_eq(tls_transcript_start(&t, hash, &e), 0);
	hash_messages(&t, "resumed", hellos, now);
	ck_assert_int_eq(tls_schedule_handshake(&s, span_of(shared, 32), now, &e), 0);
	plain = open_by(s.handshake[TLS_BY_SERVER], value("resumed", "server_flight"), out);
	ck_assert_uint_eq(plain.n, 44 + 36 + 1);
	expect_octets("EncryptedExtensions", span_of(plain.p, 44),
	    value("resumed", "encrypted_extensions"));

	/* The client's second record is its Finished, over EndOfEarlyData too. */
	hash_messages(&t, "resumed", server, now);
	ck_assert_int_eq(tls_transcript_add(&t, span_of(end_of_early_data, 4), &e), 0);
	ck_assert_int_eq(tls_transcript_now(&t, now, &e), 0);
	ck_assert_int_eq(tls_finished_mac(hash, s.handshake[TLS_BY_CLIENT], now, mac, &e), 0);
	plain = open_by(s.handshake[TLS_BY_CLIENT], span_of(record.p + 26, record.n - 26), out);
	expect_octets("Finished", span_of(plain.p + 4, 32), span_of(mac, 32));
	tls_transcript_clear(&t);
}
END_TEST

static Suite *
build_suite(void)
{
	Suite *s = suite_create("tls rfc8448");
	TCase *t = tcase_create("traces");

	tcase_add_loop_test(t, our_client_says_what_the_trace_says, 0, NITEMS(traces));
	tcase_add_loop_test(t, our_server_says_what_the_trace_says, 0, NITEMS(traces));
	tcase_add_test(t, every_secret_of_section_3_comes_out);
	tcase_add_test(t, the_key_schedule_refuses_steps_out_of_order);
	tcase_add_test(t, the_resumed_handshake_of_section_4_has_our_binder_and_keys);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(build_suite());
}
