#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/text.h"
#include "ossl.h"
#include "probe.h"
#include "visit.h"

#define BYE_MS		200	/* for the peer to close too */

/* Connection, handshake and answer together. Replaceable, so that tests need not wait. */
static int64_t visit_ms = 5000;

/* --- what is noted --- */

/*
 * In place of a judgement on the chain: notes it. Called before the
 * handshake is complete, so also where it never will be.
 */
static int
note_chain(X509_STORE_CTX *store, void *arg UNUSED)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct visit *v = SSL_get_app_data(ssl);
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
	int i;

	for (i = 0; i < sk_X509_num(sent) && v->n < CHAIN_CERTS_MAX; i++) {
		if (X509_digest(sk_X509_value(sent, i), EVP_sha256(), v->chain[v->n], NULL) != 1)
			return 0;
		v->n++;
	}
	if (v->n > 0 && v->leaf == NULL && X509_up_ref(sk_X509_value(sent, 0)) == 1)
		v->leaf = sk_X509_value(sent, 0);
	return v->leaf != NULL;
}

/*
 * Called once the server has proven its key (RFC 5246 section 7.3, RFC 8446
 * section 2). We have no certificate to give.
 */
static int
note_demand(SSL *ssl, X509 **x UNUSED, EVP_PKEY **key UNUSED)
{
	struct visit *v = SSL_get_app_data(ssl);

	v->asks_client = true;
	return 0;
}

SSL_CTX *
visit_ctx_new(struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		(void)ossl_err(e, OUT_RETRY, "verify: no TLS");
		SSL_CTX_free(ctx);
		return NULL;
	}
	/* What is weak is to be seen too; that it is, chain_check() says. */
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, note_chain, NULL);
	SSL_CTX_set_client_cert_cb(ctx, note_demand);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	return ctx;
}

void
visit_ctx_free(SSL_CTX *ctx)
{
	SSL_CTX_free(ctx);
}

/* --- the handshake --- */

static void
note_failure(struct visit *v, const char *what)
{
	struct err e;

	(void)ossl_err(&e, OUT_RETRY, "%s", what);
	text_clean(v->why, sizeof(v->why), span_str(e.text));
}

/* After a call that gave rc: true if it is to be repeated. */
static bool
wait_more(struct visit *v, int rc, const char *what)
{
	int reason = SSL_get_error(v->ssl, rc);

	if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
		if (wire_wait(v->wire.fd, reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
		    v->wire.deadline_ms))
			return true;
		v->timed_out = true;
		(void)snprintf(v->why, sizeof(v->why), "%s: nothing within %jd ms", what,
		    (intmax_t)visit_ms);
	} else if (reason == SSL_ERROR_SSL) {
		note_failure(v, what);
	} else {
		(void)snprintf(v->why, sizeof(v->why), "%s: the connection was closed", what);
	}
	return false;
}

static bool
shake_hands(struct visit *v)
{
	int rc;

	for (;;) {
		ERR_clear_error();
		if ((rc = SSL_connect(v->ssl)) == 1)
			return true;
		if (!wait_more(v, rc, "TLS handshake"))
			return false;
	}
}

/* The first address that takes the connection. */
static bool
connect_to(const struct visit_place *at, struct visit *v)
{
	struct err e = ERR_NONE;
	size_t i;

	for (i = 0; i < at->naddrs; i++) {
		if (wire_open(&v->wire, &at->addrs[i], clock_boot_ms() + visit_ms, &e) == 0)
			return true;
	}
	text_clean(v->why, sizeof(v->why), span_str(e.text));
	return false;
}

/* What a client understands that has only this kind of keys. */
static bool
offer_only(SSL *ssl, const char *family)
{
	bool rsa = strcmp(family, "rsa") == 0;

	return SSL_set1_sigalgs_list(ssl, rsa ? "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
	    "RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1" :
	    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1") == 1 &&
	    SSL_set_cipher_list(ssl, rsa ? "aRSA" : "aECDSA") == 1;
}

/* An address is not sent as a name: RFC 6066 section 3. */
void
visit_open(struct visit *v, SSL_CTX *ctx, const struct visit_place *at, const char *family)
{
	memset(v, 0, sizeof(*v));
	v->wire.fd = -1;
	if (!connect_to(at, v))
		return;
	v->reached = true;
	ERR_clear_error();
	if ((v->ssl = SSL_new(ctx)) == NULL || SSL_set_app_data(v->ssl, v) != 1 ||
	    SSL_set_fd(v->ssl, v->wire.fd) != 1 ||
	    (family != NULL && !offer_only(v->ssl, family)) ||
	    (!text_is_address(at->host) && SSL_set_tlsext_host_name(v->ssl, at->host) != 1)) {
		note_failure(v, "TLS");
		return;
	}
	v->complete = shake_hands(v);
}

void
visit_close(struct visit *v)
{
	int64_t until = clock_boot_ms() + BYE_MS;
	uint8_t drain[1024];

	if (v->complete) {
		ERR_clear_error();
		(void)SSL_shutdown(v->ssl);
		(void)shutdown(v->wire.fd, SHUT_WR);
		while (wire_wait(v->wire.fd, POLLIN, until) &&
		    read(v->wire.fd, drain, sizeof(drain)) > 0)
			;
	}
	SSL_free(v->ssl);
	wire_close(&v->wire);
	X509_free(v->leaf);
}

/* --- is somebody there? --- */

static const char *
local_text(const struct visit *v, char out[INET6_ADDRSTRLEN + 10])
{
	struct sockaddr_storage sa;
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)&sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&sa;
	socklen_t len = sizeof(sa);
	char addr[INET6_ADDRSTRLEN] = "";

	memset(&sa, 0, sizeof(sa));
	(void)getsockname(v->wire.fd, (struct sockaddr *)&sa, &len);
	if (sa.ss_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &in6->sin6_addr, addr, sizeof(addr));
		(void)snprintf(out, INET6_ADDRSTRLEN + 10, "[%s]:%u", addr, ntohs(in6->sin6_port));
	} else {
		(void)inet_ntop(AF_INET, &in4->sin_addr, addr, sizeof(addr));
		(void)snprintf(out, INET6_ADDRSTRLEN + 10, "%s:%u", addr, ntohs(in4->sin_port));
	}
	return out;
}

static bool
say(struct visit *v, struct span request)
{
	int rc;

	for (;;) {
		ERR_clear_error();
		if ((rc = SSL_write(v->ssl, request.p, (int)request.n)) > 0)
			return true;
		if (!wait_more(v, rc, "request"))
			return false;
	}
}

static bool
listen_for(struct visit *v, const struct probe *p, struct buf *came)
{
	enum probe_answer a;
	int64_t status;
	uint8_t part[2048];
	int rc;

	while ((a = probe_judge(p, buf_span(came), &status)) == PROBE_MORE) {
		ERR_clear_error();
		if ((rc = SSL_read(v->ssl, part, sizeof(part))) > 0)
			buf_put(came, span_of(part, (size_t)rc));
		else if (!wait_more(v, rc, "answer"))
			return false;
	}
	if (a == PROBE_WRONG)
		(void)snprintf(v->why, sizeof(v->why), "answer: neither SIP nor a websocket");
	else if (p->proto == WIRE_WSS && status != 101)
		(void)snprintf(v->why, sizeof(v->why),
		    "HTTP status %jd to a websocket on the path /", (intmax_t)status);
	return a == PROBE_ALIVE;
}

bool
visit_is_alive(struct visit *v, const struct visit_place *at)
{
	char local[INET6_ADDRSTRLEN + 10];
	struct probe p = { .proto = at->l.proto, .host = at->host, .port = at->l.port,
		.local = local_text(v, local) };
	struct buf request, came;
	bool alive = false;

	buf_init(&request, PROBE_REQUEST_MAX);
	buf_init(&came, PROBE_ANSWER_MAX + 2048);
	if (random_bytes(p.random, sizeof(p.random)) == 0)
		probe_request(&p, &request);
	if (buf_ok(&request) && request.n > 0)
		alive = say(v, buf_span(&request)) && listen_for(v, &p, &came);
	buf_clear(&request);
	buf_clear(&came);
	return alive;
}
