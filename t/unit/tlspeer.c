#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tlspeer.h"

#define PEM_MAX		131072
#define MANY		20	/* certificates that nobody asked for */

/* --- certificates --- */

static struct testca_cert *root, *inter, *strange, *leafs[TLSPEER_KINDS], *old_rsa;

/* What a server of this kind sends behind its leaf. */
static void
put_chain(enum tlspeer_kind kind, struct buf *pem)
{
	int i;

	if (kind == STRANGE_CHAIN)
		testca_put(strange, pem);
	if (kind != LEAF_ONLY)
		testca_put(inter, pem);
	for (i = 0; kind == LONG_CHAIN && i < MANY; i++)
		testca_put(strange, pem);
	if (kind == WITH_ROOT)
		testca_put(root, pem);
}

void
tlspeer_certs(void)
{
	const struct testca_spec ca = { .cn = "Root", .ca = true };
	const struct testca_spec leaf = { .cn = "leaf", .names = "DNS:sip.example.com" };
	const struct testca_spec rsa = { .cn = "leaf", .key = "rsa-2048" };
	const struct testca_spec weak = { .cn = "weak", .key = "rsa-1024" };
	/* An OCTET STRING of TLSPEER_HUGE zeros. */
	static char big[2 * (TLSPEER_HUGE + 4) + 1] = "04824000";
	const struct testca_spec huge = { .cn = "huge", .more = big };
	int i;

	memset(big + 8, '0', sizeof(big) - 9);
	root = testca_root(&ca);
	inter = testca_issue(root, &(struct testca_spec){ .cn = "Issuer", .ca = true });
	strange = testca_issue(root, &(struct testca_spec){ .cn = "Stranger", .ca = true });
	leafs[NEW] = testca_issue(inter, &leaf);
	leafs[OLD] = testca_issue(inter, &leaf);
	leafs[OTHER] = testca_issue(inter, &leaf);
	leafs[WEAK] = testca_issue(inter, &weak);
	leafs[HUGE] = testca_issue(inter, &huge);
	leafs[RSA_LEAF] = testca_issue(inter, &rsa);
	old_rsa = testca_issue(inter, &rsa);
	for (i = 0; i < TLSPEER_KINDS; i++) {
		if (leafs[i] == NULL)
			leafs[i] = leafs[NEW];
	}
}

struct testca_cert *
tlspeer_leaf(enum tlspeer_kind kind)
{
	return leafs[kind];
}

struct testca_cert *
tlspeer_issuer(void)
{
	return inter;
}

/* --- the server's process --- */

static int
note_sni(SSL *ssl, int *alert UNUSED, void *arg)
{
	struct tlspeer_tale *t = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (t->names < TLSPEER_SNI_MAX)
		(void)snprintf(t->sni[t->names++], sizeof(t->sni[0]), "%s", name != NULL ? name :
		    "");
	return SSL_TLSEXT_ERR_OK;
}

static int
accept_any(X509_STORE_CTX *x UNUSED, void *arg UNUSED)
{
	return 1;
}

/* A leaf with what stands behind it; a server has one for each kind of key. */
static void
use(SSL_CTX *ctx, enum tlspeer_kind kind, const struct testca_cert *leaf)
{
	struct buf pem;
	EVP_PKEY *key;
	X509 *x;
	BIO *bio;

	buf_init(&pem, PEM_MAX);
	testca_put(leaf, &pem);
	put_chain(kind, &pem);
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, x), 1);
	X509_free(x);
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		ck_assert_int_eq(SSL_CTX_add0_chain_cert(ctx, x), 1);
	(void)BIO_free(bio);
	buf_reset(&pem);
	testca_put_key(leaf, &pem);
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	EVP_PKEY_free(key);
	(void)BIO_free(bio);
	buf_clear(&pem);
}

static SSL_CTX *
server_ctx(const struct tlspeer_script *s, enum tlspeer_kind kind, struct tlspeer_tale *tale)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_security_level(ctx, 0);
	use(ctx, kind, leafs[kind]);
	if (kind == PAIR || kind == STALE_PAIR)
		use(ctx, kind, kind == PAIR ? leafs[RSA_LEAF] : old_rsa);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, note_sni);
	(void)SSL_CTX_set_tlsext_servername_arg(ctx, tale);
	SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
	if (s->demands || s->invites)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
		    (s->demands ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	ck_assert_int_eq(SSL_CTX_set_min_proto_version(ctx, s->version), 1);
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(ctx, s->version), 1);
	ERR_clear_error();
	return ctx;
}

static void
send_text(SSL *ssl, const char *text)
{
	(void)SSL_write(ssl, text, (int)strlen(text));
}

/* RFC 6455 section 4.2.2, apart from the code that is tested. */
static void
accept_upgrade(SSL *ssl, const char *request)
{
	static const char field[] = "Sec-WebSocket-Key: ";
	const char *key = strstr(request, field);
	char text[256], accept[64];
	uint8_t d[32];
	unsigned n;

	if (key == NULL)
		return;
	key += strlen(field);
	(void)snprintf(text, sizeof(text), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
	    (int)strcspn(key, "\r"), key);
	(void)EVP_Digest(text, strlen(text), d, &n, EVP_sha1(), NULL);
	(void)EVP_EncodeBlock((unsigned char *)accept, d, (int)n);
	(void)snprintf(text, sizeof(text), "HTTP/1.1 101 Switching Protocols\r\n"
	    "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
	send_text(ssl, text);
}

static void
serve(SSL *ssl, const struct tlspeer_script *s, struct tlspeer_tale *tale)
{
	char in[4096];
	int n;

	if (SSL_accept(ssl) != 1)
		return;
	while ((n = SSL_read(ssl, in, sizeof(in) - 1)) > 0) {
		in[n] = '\0';
		tale->requests++;
		tale->hangs = s->answers != NULL && s->answers[0] == '\0';
		if (tale->hangs)
			continue;
		if (s->answers != NULL)
			send_text(ssl, s->answers);
		else if (strncmp(in, "OPTIONS ", 8) == 0)
			send_text(ssl, "SIP/2.0 404 Not here\r\n\r\n");
		else
			accept_upgrade(ssl, in);
	}
}

/* TLSPEER_KINDS for one that is no certificate. */
static enum tlspeer_kind
kind_of(char letter)
{
	static const char letters[TLSPEER_KINDS + 1] = "noxlrswmbRPS";
	const char *at = strchr(letters, letter);

	return at == NULL ? TLSPEER_KINDS : (enum tlspeer_kind)(at - letters);
}

static _Noreturn void
run_server(const struct tlspeer *sv, const struct tlspeer_script *s, int fd)
{
	size_t last = strlen(s->serves) - 1, i = 0;
	char letter;
	SSL *ssl;
	int conn;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((conn = accept(fd, NULL, NULL)) != -1) {
		letter = s->serves[i < last ? i : last];
		i++;
		sv->tale->connections++;
		while (letter == 'h') {
			sv->tale->hangs = true;
			(void)pause();
		}
		if (letter == 'p')
			(void)send(conn, "HTTP/1.0 400 Bad\r\n\r\n", 20, MSG_NOSIGNAL);
		if (letter != 'c' && letter != 'p') {
			ssl = SSL_new(sv->ctx[kind_of(letter)]);
			(void)SSL_set_fd(ssl, conn);
			serve(ssl, s, sv->tale);
			SSL_free(ssl);
		}
		(void)close(conn);
	}
	_exit(0);
}

int
tlspeer_bind(uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

void
tlspeer_start(struct tlspeer *sv, const struct tlspeer_script *s)
{
	int fd = tlspeer_bind(&sv->port), i;

	ck_assert_int_eq(listen(fd, 64), 0);
	sv->tale = mmap(NULL, sizeof(*sv->tale), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(sv->tale, MAP_FAILED);
	for (i = 0; s->serves[i] != '\0'; i++) {
		enum tlspeer_kind kind = kind_of(s->serves[i]);

		if (kind < TLSPEER_KINDS && sv->ctx[kind] == NULL)
			sv->ctx[kind] = server_ctx(s, kind, sv->tale);
	}
	sv->pid = fork();
	ck_assert_int_ne(sv->pid, -1);
	if (sv->pid == 0)
		run_server(sv, s, fd);
	(void)close(fd);
}

void
tlspeer_stop(struct tlspeer *sv)
{
	int i;

	(void)kill(sv->pid, SIGKILL);
	(void)waitpid(sv->pid, NULL, 0);
	for (i = 0; i < TLSPEER_KINDS; i++)
		SSL_CTX_free(sv->ctx[i]);
	(void)munmap(sv->tale, sizeof(*sv->tale));
}

