#include "httppeer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/bytes.h"
#include "testca.h"

uint16_t httppeer_port;
char httppeer_bundle[32];

static struct testca_cert *root, *leaf, *other;
static pid_t child;
static int requests = -1;	/* pipe: requests as received, a NUL behind each */

static void
serve_tls(SSL *ssl, const struct httppeer_script *s, int log)
{
	char in[65536];
	int n, at = 0;
	const char *end, *length;
	size_t want;

	while ((n = SSL_read(ssl, in + at, (int)sizeof(in) - 1 - at)) > 0) {
		at += n;
		in[at] = '\0';
		if ((end = strstr(in, "\r\n\r\n")) == NULL)
			continue;
		length = strstr(in, "Content-Length:");
		want = length != NULL ? strtoul(length + 15, NULL, 10) : 0;
		if ((size_t)at < (size_t)(end - in) + 4 + want)
			continue;
		if (write(log, in, (size_t)at + 1) == -1)
			_exit(2);
		at = 0;
		if (SSL_write(ssl, s->reply, (int)strlen(s->reply)) <= 0)
			return;
		while (s->how == FLOOD && SSL_write(ssl, s->flood, (int)strlen(s->flood)) > 0)
			;
		if (s->how == LAST)
			SSL_shutdown(ssl);
		if (s->how != SERVE)
			return;
	}
}

static void
serve_connection(SSL_CTX *ctx, int fd, const struct httppeer_script *s, int log)
{
	SSL *ssl;

	if (s->how == PLAIN && write(fd, s->reply, strlen(s->reply)) == -1)
		_exit(2);
	if (s->how == PLAIN || s->how == HANG_UP)
		return;
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		serve_tls(ssl, s, log);
	SSL_free(ssl);
}

static SSL_CTX *
server_context(const struct httppeer_script *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct buf pem, key;
	BIO *bio;
	X509 *x;
	EVP_PKEY *k;

	buf_init(&pem, 65536);
	buf_init(&key, 65536);
	testca_put(leaf, &pem);
	testca_put_key(leaf, &key);
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(key.p, (int)key.n);
	k = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	SSL_CTX_set_security_level(ctx, 0);
	if (s->cert == OLD_TLS)
		SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	if (SSL_CTX_use_certificate(ctx, x) != 1 || SSL_CTX_use_PrivateKey(ctx, k) != 1)
		_exit(2);
	return ctx;
}

static void
serve(int listener, const struct httppeer_script *s, int log)
{
	SSL_CTX *ctx = server_context(s);
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if ((fd = accept(listener, NULL, NULL)) == -1)
			_exit(2);
		serve_connection(ctx, fd, s, log);
		close(fd);
	}
}

static void
make_certificates(enum cert kind)
{
	int64_t now = (int64_t)time(NULL);
	struct testca_spec r = { .cn = "root", .ca = true, .from = now - 2 * DAY,
	    .until = now + 2 * DAY };
	struct testca_spec l = { .names = "IP:127.0.0.1,DNS:localhost", .from = now - 2 * DAY,
	    .until = now + DAY };
	struct buf pem;

	root = testca_root(&r);
	if (kind == EXPIRED)
		l.until = now - DAY;
	if (kind == OTHER_NAME)
		l.names = "DNS:ca.example";
	if (kind == WEAK)
		l.key = "rsa-1024";
	leaf = testca_issue(root, &l);
	buf_init(&pem, 65536);
	other = testca_root(&r);
	testca_put(kind == OTHER_ROOT ? other : root, &pem);
	ck_assert_ptr_nonnull(testca_file(&pem, httppeer_bundle));
	buf_clear(&pem);
}

/* On a httppeer_port of its own, which is httppeer_port then. */
int
httppeer_listen(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert(fd != -1 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    listen(fd, 16) == 0 && getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	httppeer_port = ntohs(a.sin_port);
	return fd;
}

void
httppeer_start(const struct httppeer_script *s)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int listener = httppeer_listen(), log[2];

	make_certificates(s->cert);
	ck_assert_int_eq(pipe(log), 0);
	ck_assert_int_ne(child = fork(), -1);
	if (child == 0) {
		(void)sigaction(SIGPIPE, &ignore, NULL);
		serve(listener, s, log[1]);
	}
	close(listener);
	close(log[1]);
	requests = log[0];
}

void
httppeer_stop(void)
{
	int status;

	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	close(requests);
	testca_free(leaf);
	testca_free(other);
	testca_free(root);
}

const char *
httppeer_request(void)
{
	static char text[65536];
	size_t n = 0;

	while (read(requests, text + n, 1) == 1 && text[n] != '\0' && n < sizeof(text) - 1)
		n++;
	text[n] = '\0';
	return text;
}
