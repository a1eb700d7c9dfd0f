/*
 * check_tls: what the tests of src/tls share: identities from t/data/tls,
 * two ends joined without a network, and failures as words.
 */
#ifndef KAMCERT_T_CHECK_TLS_H
#define KAMCERT_T_CHECK_TLS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tls/fault.h"
#include "tls/tls.h"

#define ID_EC256	"ec256"
#define ID_EC384	"ec384"
#define ID_RSA		"rsa"
#define ID_RSAPSS	"rsapss"

#define NOW_MS	INT64_C(1800000000000)

static inline FILE *
open_data(const char *name)
{
	const char *dir = getenv("srcdir");
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/t/data/tls/%s", dir != NULL ? dir : ".", name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s: not found", path);
	return f;
}

/* Key and certificate of t/data/tls/NAME.pem. */
static inline void
load_pem(const char *name, EVP_PKEY **key, X509 **cert)
{
	char file[64];
	FILE *f;

	snprintf(file, sizeof(file), "%s.pem", name);
	f = open_data(file);
	*key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	*cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	ck_assert(*key != NULL && *cert != NULL);
}

static inline struct tls_identity *
load_identity(const char *name)
{
	struct tls_identity *id;
	struct err e = ERR_NONE;
	uint8_t *der = NULL;
	EVP_PKEY *key;
	X509 *cert;
	struct span span;
	int n;

	load_pem(name, &key, &cert);
	n = i2d_X509(cert, &der);
	ck_assert_int_gt(n, 0);
	span = span_of(der, (size_t)n);
	ck_assert_msg(tls_identity_new(&span, 1, key, &id, &e) == 0, "%s: %s", name, e.text);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	X509_free(cert);
	return id;
}

static inline int
accept_any(void *arg UNUSED, const struct span *ders UNUSED, size_t n, uint8_t *alert UNUSED,
    struct err *e UNUSED)
{
	ck_assert_uint_gt(n, 0);
	return 0;
}

static inline int64_t
fixed_now(void *arg UNUSED)
{
	return NOW_MS;
}

/* --- two ends --- */

struct pair {
	struct tls_conn	*client, *server;
	struct err	 client_err, server_err;
};

static inline void
pair_free(struct pair *p)
{
	tls_free(p->client);
	tls_free(p->server);
	p->client = p->server = NULL;
}

/* What from has for to, at most step octets at a time; true if there was something. */
static inline bool
pass(struct tls_conn *from, struct tls_conn *to, size_t step, struct err *e)
{
	struct span out = tls_output(from);
	size_t eaten = 0;

	if (out.n == 0)
		return false;
	if (step > 0 && out.n > step)
		out.n = step;
	if (tls_state(to) == TLS_FAILED) {
		tls_sent(from, out.n);
		return true;
	}
	if (tls_feed(to, out, &eaten, e) == -1) {
		tls_sent(from, out.n);
		return true;
	}
	tls_sent(from, eaten);
	return eaten > 0;
}

/* Until nobody has anything to say any more. */
static inline void
pair_run(struct pair *p, size_t step)
{
	bool moved;

	do {
		moved = pass(p->client, p->server, step, &p->server_err);
		moved |= pass(p->server, p->client, step, &p->client_err);
	} while (moved);
}

static inline void
pair_new(struct pair *p, const struct tls_config *client, const struct tls_config *server,
    struct span session)
{
	memset(p, 0, sizeof(*p));
	ck_assert_msg(tls_server_new(server, &p->server, &p->server_err) == 0, "%s",
	    p->server_err.text);
	ck_assert_msg(tls_client_new(client, "server.example.com", session, &p->client,
	    &p->client_err) == 0, "%s", p->client_err.text);
}

static inline bool
pair_open(const struct pair *p)
{
	return tls_state(p->client) == TLS_OPEN && tls_state(p->server) == TLS_OPEN;
}

#define ck_pair_open(p, what) ck_assert_msg(pair_open(p), "%s: client: %s; server: %s", (what), \
	(p)->client_err.text, (p)->server_err.text)

/* Everything that was sent arrives, in both directions. */
static inline void
pair_talk(struct pair *p, size_t n)
{
	uint8_t *data = malloc(n);
	struct err e = ERR_NONE;
	struct tls_conn *ends[2] = { p->client, p->server };
	size_t done, got, taken;

	ck_assert_ptr_nonnull(data);
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	for (int i = 0; i < 2; i++) {
		for (done = got = 0; got < n;) {
			ck_assert_msg(tls_write(ends[i], span_of(data + done, n - done), &taken,
			    &e) == 0, "%s", e.text);
			done += taken;
			pair_run(p, 0);
			struct span in = tls_read(ends[1 - i]);
			ck_assert_msg(in.n > 0, "nothing arrives: %s %s", p->client_err.text,
			    p->server_err.text);
			ck_assert(got + in.n <= n && memcmp(in.p, data + got, in.n) == 0);
			got += in.n;
			tls_read_done(ends[1 - i], in.n);
		}
	}
	free(data);
}

#endif
