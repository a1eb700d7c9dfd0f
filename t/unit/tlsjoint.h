/*
 * tlsjoint: our stack and libssl, joined in memory.
 */
#ifndef KAMCERT_T_UNIT_TLSJOINT_H
#define KAMCERT_T_UNIT_TLSJOINT_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "t/unit/tlskeys.h"

#define NAME	"server.example.com"
#define MAX	70000

/* --- ours and theirs, joined --- */

struct joint {
	struct tls_conn	*ours;
	SSL_CTX		*ctx;
	SSL		*theirs;
	struct err	 err;
	size_t		 step;		/* octets at a time, 0: all */
};

static inline int
accept_libssl(int ok UNUSED, X509_STORE_CTX *store UNUSED)
{
	return 1;
}

static inline int
pick_http(SSL *ssl UNUSED, const unsigned char **out, unsigned char *n, const unsigned char *in,
    unsigned int in_n, void *arg UNUSED)
{
	static const unsigned char mine[] = "\x08http/1.1";

	return SSL_select_next_proto((unsigned char **)out, n, mine, sizeof(mine) - 1, in, in_n) ==
	    OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static inline void
new_theirs(struct joint *j, bool is_server)
{
	j->ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	ck_assert_ptr_nonnull(j->ctx);
	SSL_CTX_set_security_level(j->ctx, 1);
	if (is_server)
		SSL_CTX_set_alpn_select_cb(j->ctx, pick_http, NULL);
}

static inline void
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

static inline void
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

static inline void
join_server(struct joint *j, const struct tls_config *cfg)
{
	start_theirs(j, false);
	ck_assert_msg(tls_server_new(cfg, &j->ours, &j->err) == 0, "%s", j->err.text);
}

static inline void
join_client(struct joint *j, const struct tls_config *cfg, struct span session)
{
	start_theirs(j, true);
	ck_assert_msg(tls_client_new(cfg, NAME, session, &j->ours, &j->err) == 0, "%s",
	    j->err.text);
}

static inline void
joint_free(struct joint *j)
{
	tls_free(j->ours);
	SSL_free(j->theirs);
	SSL_CTX_free(j->ctx);
	memset(j, 0, sizeof(*j));
}

/* What theirs has to say goes to ours, and the other way. */
static inline bool
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

static inline void
run(struct joint *j)
{
	do
		(void)SSL_do_handshake(j->theirs);
	while (move(j));
}

static inline bool
is_open(const struct joint *j)
{
	return tls_state(j->ours) == TLS_OPEN && SSL_is_init_finished(j->theirs);
}

static inline const char *
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
static inline void
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
		ck_assert_msg(tls_write(j->ours, span_of(data + done, n - done), &taken,
		    &j->err) == 0, "%s", j->err.text);
		(void)move(j);
	}
	(void)move(j);
	for (done = 0; done < n; done += (size_t)r) {
		r = SSL_read(j->theirs, got + done, (int)(n - done));
		ck_assert_msg(r > 0, "%s", why(j));
	}
	ck_assert(memcmp(got, data, n) == 0);
}

/* What both have of TLS 1.3. */
static const struct { const char *name; uint16_t id; } suites_13[] = {
	{ "TLS_AES_128_GCM_SHA256", 0x1301 },
	{ "TLS_AES_256_GCM_SHA384", 0x1302 },
	{ "TLS_CHACHA20_POLY1305_SHA256", 0x1303 },
};

#endif
