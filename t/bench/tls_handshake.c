/*
 * bench: CPU of a server per full TLS handshake, ours against a minimal
 * libssl server, by the same libssl client in the same run.
 *
 *	tls_handshake [handshakes per case]
 *
 * Only the server's calls are measured (CLOCK_THREAD_CPUTIME_ID around them);
 * the two servers take turns in short rounds, so that a machine that gets
 * slower does so for both. The best round of each counts. Nothing passes or
 * fails here: the ratio is what is looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/err.h"
#include "tls/tls.h"

#define ROUNDS	20
#define CHUNK	16384

struct bench {
	const char	*what;
	const char	*file;		/* in t/data/tls */
	const char	*groups;
	const char	*suites;	/* NULL: TLS 1.2 */
	const char	*old_suites;
	bool		 with_tickets;
};

static const struct bench benches[] = {
	{ "TLS 1.3 P-256 x25519 AES-128-GCM", "ec256.pem", "X25519", "TLS_AES_128_GCM_SHA256",
	    NULL, false },
	{ "the same with two tickets", "ec256.pem", "X25519", "TLS_AES_128_GCM_SHA256", NULL,
	    true },
	{ "TLS 1.3 P-256 secp256r1 AES-256-GCM", "ec256.pem", "P-256", "TLS_AES_256_GCM_SHA384",
	    NULL, false },
	{ "TLS 1.3 RSA-2048 x25519 AES-128-GCM", "rsa.pem", "X25519", "TLS_AES_128_GCM_SHA256",
	    NULL, false },
	{ "TLS 1.2 P-256 x25519 AES-128-GCM", "ec256.pem", "X25519:P-256", NULL,
	    "ECDHE-ECDSA-AES128-GCM-SHA256", false },
};

static EVP_PKEY *key;
static X509 *cert;
static double spent;	/* microseconds */

static void
die(const char *what)
{
	fprintf(stderr, "tls_handshake: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
load(const char *file)
{
	const char *dir = getenv("srcdir");
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/t/data/tls/%s", dir != NULL ? dir : ".", file);
	if ((f = fopen(path, "r")) == NULL)
		die(path);
	EVP_PKEY_free(key);
	X509_free(cert);
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	if (key == NULL || cert == NULL)
		die(path);
}

static SSL_CTX *
new_ctx(const SSL_METHOD *method, const struct bench *b)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	int version = b->suites != NULL ? TLS1_3_VERSION : TLS1_2_VERSION;

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, b->groups) != 1 ||
	    (b->suites != NULL && SSL_CTX_set_ciphersuites(ctx, b->suites) != 1) ||
	    (b->old_suites != NULL && SSL_CTX_set_cipher_list(ctx, b->old_suites) != 1))
		die(b->what);
	return ctx;
}

static SSL *
new_client(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl == NULL || SSL_set_tlsext_host_name(ssl, "bench.example.com") != 1)
		die("client");
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(ssl);
	return ssl;
}

/*
 * One handshake of the client with whatever server step() is, which eats in and
 * leaves its answer in out.
 */
struct server {
	void	(*step)(void *, const uint8_t *in, size_t n, BIO *out);
	void	*arg;
};

static void
shake(SSL *client, const struct server *s)
{
	uint8_t data[CHUNK];
	int n;
	double start;

	for (;;) {
		(void)SSL_do_handshake(client);
		ERR_clear_error();
		if ((n = BIO_read(SSL_get_wbio(client), data, sizeof(data))) <= 0)
			break;
		start = cpu();
		s->step(s->arg, data, (size_t)n, SSL_get_rbio(client));
		spent += cpu() - start;
	}
	if (!SSL_is_init_finished(client))
		die("handshake");
}

/* --- libssl --- */

static void
libssl_step(void *arg, const uint8_t *in, size_t n, BIO *out)
{
	SSL *ssl = arg;
	uint8_t data[CHUNK];
	int got;

	BIO_write(SSL_get_rbio(ssl), in, (int)n);
	(void)SSL_do_handshake(ssl);
	ERR_clear_error();
	while ((got = BIO_read(SSL_get_wbio(ssl), data, sizeof(data))) > 0)
		BIO_write(out, data, got);
}

static double
libssl_round(SSL_CTX *server, SSL_CTX *client, int n)
{
	struct server s = { .step = libssl_step };
	SSL *ssl, *peer;
	double start;

	spent = 0;
	for (int i = 0; i < n; i++) {
		peer = new_client(client);
		start = cpu();
		if ((ssl = SSL_new(server)) == NULL)
			die("server");
		SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		SSL_set_accept_state(ssl);
		spent += cpu() - start;
		s.arg = ssl;
		shake(peer, &s);
		start = cpu();
		SSL_free(ssl);
		spent += cpu() - start;
		SSL_free(peer);
	}
	return spent / n;
}

/* --- ours --- */

static void
our_step(void *arg, const uint8_t *in, size_t n, BIO *out)
{
	struct tls_conn *c = arg;
	struct err e = ERR_NONE;
	struct span span;
	size_t eaten;

	if (tls_feed(c, span_of(in, n), &eaten, &e) == -1)
		die(e.text);
	span = tls_output(c);
	if (span.n > 0)
		BIO_write(out, span.p, (int)span.n);
	tls_sent(c, span.n);
}

static double
our_round(const struct tls_config *cfg, SSL_CTX *client, int n)
{
	struct server s = { .step = our_step };
	struct tls_conn *c;
	struct err e = ERR_NONE;
	SSL *peer;
	double start;

	spent = 0;
	for (int i = 0; i < n; i++) {
		peer = new_client(client);
		start = cpu();
		if (tls_server_new(cfg, &c, &e) == -1)
			die(e.text);
		spent += cpu() - start;
		s.arg = c;
		shake(peer, &s);
		start = cpu();
		tls_free(c);
		spent += cpu() - start;
		SSL_free(peer);
	}
	return spent / n;
}

/* --- a case --- */

static void
run(const struct bench *b, int n)
{
	SSL_CTX *client, *server;
	struct tls_identity *id;
	struct tls_tickets *tickets = NULL;
	struct err e = ERR_NONE;
	uint8_t *der = NULL;
	struct span span;
	double t, ours = 1e9, theirs = 1e9;

	load(b->file);
	client = new_ctx(TLS_client_method(), b);
	server = new_ctx(TLS_server_method(), b);
	SSL_CTX_set_num_tickets(server, b->with_tickets ? 2 : 0);
	SSL_CTX_set_options(server, SSL_OP_NO_RENEGOTIATION | (b->suites == NULL ?
	    SSL_OP_NO_TICKET : 0));
	SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_use_certificate(server, cert) != 1 || SSL_CTX_use_PrivateKey(server, key) != 1)
		die(b->file);
	span.n = (size_t)i2d_X509(cert, &der);
	span.p = der;
	if (tls_identity_new(&span, 1, key, &id, &e) == -1 ||
	    (b->with_tickets && tls_tickets_new(3600, &tickets, &e) == -1))
		die(e.text);
	const struct tls_identity *ids[] = { id, NULL };
	struct tls_config cfg = { .identities = ids, .tickets = tickets };
	for (int i = 0; i < ROUNDS; i++) {
		t = libssl_round(server, client, n / ROUNDS);
		theirs = t < theirs ? t : theirs;
		t = our_round(&cfg, client, n / ROUNDS);
		ours = t < ours ? t : ours;
	}
	printf("%-40s ours %7.1f us  libssl %7.1f us  ratio %.2f\n", b->what, ours, theirs,
	    ours / theirs);
	OPENSSL_free(der);
	tls_identity_free(id);
	tls_tickets_free(tickets);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

int
main(int argc, char **argv)
{
	int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2000;

	if (n < ROUNDS)
		n = ROUNDS;
	for (size_t i = 0; i < NITEMS(benches); i++)
		run(&benches[i], n);
	EVP_PKEY_free(key);
	X509_free(cert);
	return 0;
}
