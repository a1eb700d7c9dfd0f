/*
 * check_tls_cut: a recorded handshake that is cut at each octet, and one whose
 * octets are changed one by one.
 */
/*
 * RAND_set_rand_method(): nothing else makes libcrypto's own keys and
 * signatures repeat themselves.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/rand.h>

#include "suite.h"
#include "tlsends.h"

/* --- recorded handshakes --- */

static int
same_octets(unsigned char *out, int n)
{
	static const unsigned char pattern[] = { 0x3a, 0x91, 0x5c, 0x07, 0xe2, 0x48, 0xbd };

	for (int i = 0; i < n; i++)
		out[i] = pattern[i % (int)sizeof(pattern)] ^ (unsigned char)n;
	return 1;
}

static int
always_ready(void)
{
	return 1;
}

static const RAND_METHOD same_rand = {
	.bytes = same_octets, .pseudorand = same_octets, .status = always_ready,
};

/* Both streams of one handshake. Without true randomness it can be had again and again. */
struct recording {
	struct tls_config client, server;
	struct buf	  to_server, to_client;
};

static const uint16_t p256[] = { 0x0017, 0 };

static void
record_handshake(struct recording *r, bool with_retry)
{
	struct pair p;
	struct span out;
	size_t eaten;

	RAND_set_rand_method(&same_rand);
	*r = (struct recording){
		.client = { .verify = accept_any, .identities = ids, .now_ms = fixed_now },
		.server = { .identities = ids, .verify = accept_any, .now_ms = fixed_now,
		    .groups = with_retry ? p256 : NULL, .client_auth = TLS_CLIENT_AUTH_REQUIRE },
	};
	buf_init(&r->to_server, 100000);
	buf_init(&r->to_client, 100000);
	pair_new(&p, &r->client, &r->server, SPAN_NONE);
	for (int i = 0; i < 4; i++) {
		out = tls_output(p.client);
		buf_put(&r->to_server, out);
		ck_assert_int_eq(tls_feed(p.server, out, &eaten, &p.server_err), 0);
		tls_sent(p.client, out.n);
		out = tls_output(p.server);
		buf_put(&r->to_client, out);
		ck_assert_int_eq(tls_feed(p.client, out, &eaten, &p.client_err), 0);
		tls_sent(p.server, out.n);
	}
	ck_pair_open(&p, "recording");
	pair_free(&p);
}

static void
recording_clear(struct recording *r)
{
	buf_clear(&r->to_server);
	buf_clear(&r->to_client);
}

static struct tls_conn *
new_end(const struct recording *r, bool is_server)
{
	struct tls_conn *c;
	struct err e = ERR_NONE;

	if (is_server)
		ck_assert_int_eq(tls_server_new(&r->server, &c, &e), 0);
	else
		ck_assert_int_eq(tls_client_new(&r->client, "server.example.com", SPAN_NONE, &c,
		    &e), 0);
	return c;
}

/* A failure has an alert that says what was wrong with the peer, and the alert is in the output. */
static void
expect_sound_failure(const struct tls_conn *c, const struct err *e, size_t at)
{
	int alert = info_of(c).alert_sent;

	ck_assert_msg(alert > 0 && alert != TLS_ALERT_INTERNAL_ERROR &&
	    strcmp(tls_alert_name(alert), "unknown") != 0, "octet %zu: alert %d (%s)", at, alert,
	    e->text);
	ck_assert_int_eq(e->class, OUT_REFUSE);
	ck_assert_uint_gt(tls_output(c).n, 0);
}

START_TEST(a_stream_may_be_cut_at_every_octet)
{
	bool is_server = _i % 2 == 0;
	struct recording r;
	struct span stream;
	struct tls_conn *c;
	struct err e = ERR_NONE;
	size_t eaten;

	record_handshake(&r, _i >= 2);
	stream = buf_span(is_server ? &r.to_server : &r.to_client);
	for (size_t cut = 0; cut <= stream.n; cut++) {
		c = new_end(&r, is_server);
		ck_assert_msg(tls_feed(c, span_of(stream.p, cut), &eaten, &e) == 0, "%zu: %s", cut,
		    e.text);
		ck_assert_uint_eq(eaten, cut);
		if (cut < stream.n)
			ck_assert_int_eq(tls_state(c), TLS_HANDSHAKING);
		/* Half of the time it ends there. */
		if (cut % 2 == 0) {
			ck_assert_msg(tls_feed(c, span_of(stream.p + cut, stream.n - cut), &eaten,
			    &e) == 0, "%zu: %s", cut, e.text);
			ck_assert_msg(tls_state(c) == TLS_OPEN, "cut at %zu", cut);
		}
		tls_free(c);
	}
	recording_clear(&r);
}
END_TEST

/* RFC 8446 appendix D.4: once, whether there was a HelloRetryRequest or not. */
START_TEST(each_end_sends_one_change_cipher_spec)
{
	struct recording r;
	struct rd in[2];
	unsigned n;

	record_handshake(&r, _i == 1);
	in[0] = rd_of(buf_span(&r.to_server));
	in[1] = rd_of(buf_span(&r.to_client));
	for (int i = 0; i < 2; i++) {
		for (n = 0; in[i].n > 0; (void)rd_vec16(&in[i])) {
			n += rd_u8(&in[i]) == TLS_CHANGE_CIPHER_SPEC;
			(void)rd_u16(&in[i]);
		}
		ck_assert_uint_eq(n, 1);
	}
	recording_clear(&r);
}
END_TEST

/* RFC 8446 section 5.1: the version of a record in the clear is ignored. */
static bool
is_ignored(struct span stream, size_t at)
{
	struct rd r = rd_of(stream);
	size_t start;
	uint8_t type;

	while (r.n > 0) {
		start = stream.n - r.n;
		type = rd_u8(&r);
		(void)rd_u16(&r);
		(void)rd_vec16(&r);
		if (at == start + 1 || at == start + 2)
			return type != TLS_APPLICATION_DATA;
	}
	return false;
}

static void
flip_and_feed(const struct recording *r, bool is_server, struct span stream, size_t at,
    uint8_t bits)
{
	struct tls_conn *c = new_end(r, is_server);
	struct err e = ERR_NONE;
	uint8_t *copy = malloc(stream.n);
	size_t eaten;
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, stream.p, stream.n);
	copy[at] ^= bits;
	rc = tls_feed(c, span_of(copy, stream.n), &eaten, &e);
	if (rc == -1)
		expect_sound_failure(c, &e, at);
	/* A greater length makes it wait for more. */
	if (is_ignored(stream, at))
		ck_assert_int_eq(tls_state(c), TLS_OPEN);
	else
		ck_assert_msg(tls_state(c) == TLS_FAILED || tls_state(c) == TLS_HANDSHAKING,
		    "octet %zu, bits %02x: it opened", at, bits);
	tls_free(c);
	free(copy);
}

START_TEST(no_octet_of_a_handshake_can_be_changed)
{
	static const uint8_t bits[] = { 0x01, 0xff };
	bool is_server = _i % 2 == 0;
	struct recording r;
	struct span stream;

	record_handshake(&r, _i >= 2);
	stream = buf_span(is_server ? &r.to_server : &r.to_client);
	for (size_t at = 0; at < stream.n; at++)
		for (size_t i = 0; i < NITEMS(bits); i++)
			flip_and_feed(&r, is_server, stream, at, bits[i]);
	recording_clear(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls cut");
	TCase *t = tcase_create("streams");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, set_up_ends, tear_down);
	tcase_add_loop_test(t, a_stream_may_be_cut_at_every_octet, 0, 4);
	tcase_add_loop_test(t, each_end_sends_one_change_cipher_spec, 0, 2);
	tcase_add_loop_test(t, no_octet_of_a_handshake_can_be_changed, 0, 4);
	suite_add_tcase(s, t);
	return suite_run(s);
}
