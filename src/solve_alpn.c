#include "solve_alpn.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "ossl.h"
#include "solve_accept.h"
#include "solve_listen.h"
#include "solve_token.h"

#define LIFETIME		(7 * DAY)
#define ACME_IDENTIFIER		"1.3.6.1.5.5.7.1.31"	/* RFC 8737 section 6.1 */

/* A list of protocols (RFC 7301 section 3.1) with this one alone. */
static const uint8_t protocols[] = { 10, 'a', 'c', 'm', 'e', '-', 't', 'l', 's', '/', '1' };

struct pending {
	LIST_ENTRY(pending)	 link;
	char			*token;
	char			 sni[HOST_MAX + 1];
	X509			*cert;
	EVP_PKEY		*key;
};

struct conn {
	struct solve_conn	 base;
	SSL			*ssl;
};

struct solve_alpn {
	SSL_CTX			*ctx;
	struct solve_accept	 accept;
	LIST_HEAD(, pending)	 pending;
	size_t			 npending;
};

/* --- the certificate of a challenge: RFC 8737 section 3 --- */

static bool
add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* Critical; an OCTET STRING with the digest of the key authorization. */
static bool
add_identifier(X509 *x, const char *key_auth)
{
	uint8_t der[2 + SHA256_LEN] = { 4, SHA256_LEN };
	ASN1_OBJECT *id = OBJ_txt2obj(ACME_IDENTIFIER, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	bool ok;

	ok = id != NULL && value != NULL && sha256(span_str(key_auth), der + 2) == 0 &&
	    ASN1_OCTET_STRING_set(value, der, sizeof(der)) == 1 &&
	    (ext = X509_EXTENSION_create_by_OBJ(NULL, id, 1, value)) != NULL &&
	    X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(id);
	return ok;
}

static bool
fill_cert(X509 *x, EVP_PKEY *key, const struct solve_alpn_in *in)
{
	char names[HOST_MAX + 8];

	(void)snprintf(names, sizeof(names), "%s:%s", text_is_address(in->name) ? "IP" : "DNS",
	    in->name);
	return X509_set_version(x, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -DAY) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), LIFETIME) != NULL &&
	    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	    (const unsigned char *)"acme-tls/1", -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
	    X509_set_pubkey(x, key) == 1 && add_extension(x, NID_subject_alt_name, names) &&
	    add_identifier(x, in->key_auth) && X509_sign(x, key, EVP_sha256()) > 0;
}

/* What the client names: RFC 8738 section 6 for addresses. */
static void
put_sni(const char *name, char out[HOST_MAX + 1])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t ip[16];
	struct buf b;

	buf_init(&b, HOST_MAX);
	if (inet_pton(AF_INET, name, ip) == 1) {
		buf_printf(&b, "%u.%u.%u.%u.in-addr.arpa", ip[3], ip[2], ip[1], ip[0]);
	} else if (inet_pton(AF_INET6, name, ip) == 1) {
		for (size_t i = sizeof(ip); i-- > 0;)
			buf_printf(&b, "%c.%c.", hex[ip[i] & 15], hex[ip[i] >> 4]);
		buf_str(&b, "ip6.arpa");
	} else {
		buf_str(&b, name);
	}
	(void)snprintf(out, HOST_MAX + 1, "%s", buf_cstr(&b));
	buf_clear(&b);
}

/* --- what is pending --- */

static void
free_pending(struct pending *p)
{
	if (p == NULL)
		return;
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
	free(p->token);
	free(p);
}

void
solve_alpn_drop(struct solve_alpn *sa, const char *token)
{
	struct pending *p;

	LIST_FOREACH(p, &sa->pending, link)
		if (strcmp(p->token, token) == 0)
			break;
	if (p == NULL)
		return;
	LIST_REMOVE(p, link);
	sa->npending--;
	free_pending(p);
}

int
solve_alpn_put(struct solve_alpn *sa, const struct solve_alpn_in *in, struct err *e)
{
	struct pending *p;

	if (solve_token_check(in->token, in->key_auth, e) == -1)
		return -1;
	if (strlen(in->name) > HOST_MAX || strpbrk(in->name, ",*/ ") != NULL)
		return err_set(e, OUT_HOLD,
		    "challenge: RFC 8737 section 3: want a name or address");
	if (sa->npending >= SOLVE_PENDING_MAX)
		return err_set(e, OUT_RETRY, "listener: more than %d challenges at once",
		    SOLVE_PENDING_MAX);
	if ((p = calloc(1, sizeof(*p))) == NULL || (p->token = strdup(in->token)) == NULL) {
		free_pending(p);
		return err_nomem(e);
	}
	put_sni(in->name, p->sni);
	if ((p->key = EVP_EC_gen("P-256")) == NULL || (p->cert = X509_new()) == NULL ||
	    !fill_cert(p->cert, p->key, in)) {
		free_pending(p);
		return ossl_err(e, OUT_RETRY, "challenge: no certificate for it");
	}
	solve_alpn_drop(sa, in->token);
	LIST_INSERT_HEAD(&sa->pending, p, link);
	sa->npending++;
	return 0;
}

/* --- the handshake --- */

static int
refuse(int *alert, int why)
{
	*alert = why;
	return SSL_CLIENT_HELLO_ERROR;
}

/* RFC 8737 section 3: the protocol alone, and the name. Before anything else is looked at. */
static int
on_hello(SSL *ssl, int *alert, void *arg UNUSED)
{
	const unsigned char *list;
	struct span offered;
	struct rd r;
	size_t n;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
	    &list, &n) != 1)
		return refuse(alert, SSL_AD_NO_APPLICATION_PROTOCOL);
	r = rd_of(span_of(list, n));
	offered = rd_vec16(&r);
	if (!rd_end(&r) || !span_eq(offered, span_of(protocols, sizeof(protocols))))
		return refuse(alert, SSL_AD_NO_APPLICATION_PROTOCOL);
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int
on_protocols(SSL *ssl UNUSED, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in UNUSED, unsigned n UNUSED, void *arg UNUSED)
{
	*out = protocols + 1;
	*outlen = protocols[0];
	return SSL_TLSEXT_ERR_OK;
}

/* 0 ends the handshake. */
static int
on_cert(SSL *ssl, void *arg)
{
	struct solve_alpn *sa = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct pending *p;

	LIST_FOREACH(p, &sa->pending, link)
		if (name != NULL && strcasecmp(p->sni, name) == 0)
			return SSL_use_certificate(ssl, p->cert) == 1 &&
			    SSL_use_PrivateKey(ssl, p->key) == 1;
	return 0;
}

static int
make_ctx(struct solve_alpn *sa, struct err *e)
{
	sa->ctx = SSL_CTX_new(TLS_server_method());
	if (sa->ctx == NULL || SSL_CTX_set_min_proto_version(sa->ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_num_tickets(sa->ctx, 0) != 1)
		return ossl_err(e, OUT_RETRY, "listener: no TLS");
	(void)SSL_CTX_set_session_cache_mode(sa->ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(sa->ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
	    SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_client_hello_cb(sa->ctx, on_hello, sa);
	SSL_CTX_set_alpn_select_cb(sa->ctx, on_protocols, sa);
	SSL_CTX_set_cert_cb(sa->ctx, on_cert, sa);
	return 0;
}

/* --- connections --- */

static void
cut(struct solve_conn *base)
{
	struct conn *c = (struct conn *)base;

	SSL_free(c->ssl);
	solve_accept_end(base);
}

/* The end of our side, behind a handshake or an alert, before the socket closes. */
static void
on_conn(void *arg, unsigned events UNUSED)
{
	struct conn *c = arg;
	struct err ignored;
	int rc, why;

	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	why = SSL_get_error(c->ssl, rc);
	if (rc != 1 && (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) &&
	    loop_fd_set(c->base.watch, why == SSL_ERROR_WANT_READ ? LOOP_READ : LOOP_WRITE,
	    &ignored) == 0)
		return;
	if (rc == 1) {
		log_info(KV_S("challenge", "tls-alpn-01"), KV_S("event", "answered"));
		(void)SSL_shutdown(c->ssl);
	}
	ERR_clear_error();
	cut(&c->base);
}

static int
open_conn(struct solve_conn *base, const struct sockaddr_storage *from UNUSED)
{
	const struct solve_alpn *sa = base->sa->in.owner;
	struct conn *c = (struct conn *)base;

	if ((c->ssl = SSL_new(sa->ctx)) == NULL || SSL_set_fd(c->ssl, base->fd) != 1) {
		SSL_free(c->ssl);
		return -1;
	}
	SSL_set_accept_state(c->ssl);
	return 0;
}

/* --- the whole --- */

int
solve_alpn_socket(struct solve_alpn *sa, int fd, struct err *e)
{
	return solve_accept_socket(&sa->accept, fd, e);
}

struct solve_alpn *
solve_alpn_new(struct loop *loop, struct err *e)
{
	struct solve_alpn *sa = calloc(1, sizeof(*sa));

	if (sa == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	solve_accept_init(&sa->accept, &(struct solve_accept_in){ loop, sa, sizeof(struct conn),
	    open_conn, on_conn, cut });
	if (make_ctx(sa, e) == 0)
		return sa;
	solve_alpn_free(sa);
	return NULL;
}

void
solve_alpn_free(struct solve_alpn *sa)
{
	if (sa == NULL)
		return;
	solve_accept_clear(&sa->accept);
	while (!LIST_EMPTY(&sa->pending))
		solve_alpn_drop(sa, LIST_FIRST(&sa->pending)->token);
	SSL_CTX_free(sa->ctx);
	free(sa);
}
