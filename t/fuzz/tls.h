/*
 * tls: what the fuzz targets of src/tls share: an identity, and randomness
 * and a clock that are the same in every run, so that a transcript replays.
 */
#ifndef KAMCERT_T_FUZZ_TLS_H
#define KAMCERT_T_FUZZ_TLS_H

/*
 * RAND_set_rand_method(): nothing else makes libcrypto's own keys and
 * signatures repeat themselves.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "tls/fault.h"
#include "tls/tls.h"

static const char tls_fuzz_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyKNF9UqVazFAJ0yr\n"
	"FIe5ajXCWby1fPH6QUMN7yWyAuGhRANCAATnLcEygW3zAscD310ErCrWZPytxRni\n"
	"tTwPn93+/pFjoajyl/ZyyxmuxhWKw+d9r0vNmNmqtk7XBNDyUWHpnZG3\n"
	"-----END PRIVATE KEY-----\n"
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBrDCCAVOgAwIBAgIUAqLFeU7ke8FZpEc1+2XmMZqBq2kwCgYIKoZIzj0EAwIw\n"
	"HDEaMBgGA1UEAwwRZWMyNTYuZXhhbXBsZS5jb20wIBcNMjYxMTIzMDI1NjA4WhgP\n"
	"MjEyNjEwMzAwMjU2MDhaMBwxGjAYBgNVBAMMEWVjMjU2LmV4YW1wbGUuY29tMFkw\n"
	"EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5y3BMoFt8wLHA99dBKwq1mT8rcUZ4rU8\n"
	"D5/d/v6RY6Go8pf2cssZrsYVisPnfa9LzZjZqrZO1wTQ8lFh6Z2Rt6NxMG8wHQYD\n"
	"VR0OBBYEFIKJn3ZAtxXxHpbRnGLxBsPn/eEnMB8GA1UdIwQYMBaAFIKJn3ZAtxXx\n"
	"HpbRnGLxBsPn/eEnMA8GA1UdEwEB/wQFMAMBAf8wHAYDVR0RBBUwE4IRZWMyNTYu\n"
	"ZXhhbXBsZS5jb20wCgYIKoZIzj0EAwIDRwAwRAIgemQjfleTCvtMo3y7Dgv4pcJd\n"
	"sXQ1DCFurRTuxjMtitYCIFbUrB1miHGlVhTiCGEevCHP0DKXkdSSbHq3AZJNW4Bw\n"
	"-----END CERTIFICATE-----\n";

static inline int
tls_fuzz_rand(unsigned char *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (unsigned char)(0x3b * (i + 1) + n);
	return 1;
}

static inline int
tls_fuzz_ready(void)
{
	return 1;
}

static inline int64_t
tls_fuzz_now(void *arg UNUSED)
{
	return INT64_C(1800000000000);
}

static inline int
tls_fuzz_verify(void *arg UNUSED, const struct span *ders UNUSED, size_t n UNUSED,
    uint8_t *alert UNUSED, struct err *e UNUSED)
{
	return 0;
}

/* Once per process; what it makes is never freed. */
static inline void
tls_fuzz_init(const struct tls_identity **id, struct tls_tickets **tickets)
{
	static const RAND_METHOD method = {
		.bytes = tls_fuzz_rand, .pseudorand = tls_fuzz_rand, .status = tls_fuzz_ready,
	};
	BIO *bio = BIO_new_mem_buf(tls_fuzz_pem, -1);
	struct tls_identity *made;
	struct err e = ERR_NONE;
	uint8_t *der = NULL;
	EVP_PKEY *key;
	X509 *cert;
	struct span span;

	RAND_set_rand_method(&method);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	span.n = (size_t)i2d_X509(cert, &der);
	span.p = der;
	if (tls_identity_new(&span, 1, key, &made, &e) == -1 ||
	    tls_tickets_new(3600, tickets, &e) == -1)
		abort();
	*id = made;
	BIO_free(bio);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	X509_free(cert);
}

/*
 * Feeds a stream in pieces of step octets (0: at once), reads and sends what
 * there is, and checks what holds for every connection: a failure leaves
 * REFUSE and an alert, and never blames ourselves.
 */
static inline void
tls_fuzz_feed(struct tls_conn *c, struct span in, size_t step)
{
	struct err e = ERR_NONE;
	struct tls_info info;
	size_t eaten, n;

	while (in.n > 0) {
		n = step > 0 && step < in.n ? step : in.n;
		if (tls_feed(c, span_of(in.p, n), &eaten, &e) == -1)
			break;
		if (eaten > n)
			abort();
		if (eaten == 0 && tls_read(c).n == 0 && tls_output(c).n == 0)
			abort();
		tls_read_done(c, tls_read(c).n);
		tls_sent(c, tls_output(c).n);
		in = span_of(in.p + eaten, in.n - eaten);
	}
	tls_info(c, &info);
	if (tls_state(c) == TLS_FAILED && (e.class != OUT_REFUSE ||
	    info.alert_sent == TLS_ALERT_INTERNAL_ERROR ||
	    (info.alert_sent == -1 && info.alert_received == -1)))
		abort();
}

#endif
