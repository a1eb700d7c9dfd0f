#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "ossl.h"
#include "rehearse.h"

/* A handshake takes three turns; one that has not ended by then never will. */
#define TURNS_MAX	16

static const struct version {
	int		 number;
	const char	*name;
} versions[] = {
	{ TLS1_2_VERSION, "TLS 1.2" },
	{ TLS1_3_VERSION, "TLS 1.3" },
};

/* For all rehearsals of the process: making them costs more than a handshake. */
static struct {
	SSL_CTX	*server;
	SSL_CTX	*client;
} ends;

#define KINDS_MAX	8

/*
 * What has passed with TLS 1.2 in this process: key type, issuers and roots.
 * Only there its handshake differs from that of TLS 1.3, by which each name is seen.
 */
static struct {
	uint8_t		 digests[KINDS_MAX][SHA256_LEN];
	size_t		 n;
} passed;

struct stage {
	X509			*leaf;		/* these three as the files hold them */
	STACK_OF(X509)		*issuers;
	EVP_PKEY		*key;
	X509_STORE		*believed;	/* by the client */
	const struct chain	*chain;
};

/* --- loading, as SSL_CTX_use_certificate_chain_file(3) and its like do --- */

/* As PEM_read_bio_X509(3), but for the parsing. NULL at the end of the file, too. */
static X509 *
read_cert(BIO *bio)
{
	unsigned char *der = NULL;
	X509 *x = NULL;
	long n;

	if (PEM_bytes_read_bio(&der, &n, NULL, PEM_STRING_X509, bio, ossl_no_passphrase, NULL) == 1)
		x = cert_parse(span_of(der, (size_t)n));
	OPENSSL_free(der);
	return x;
}

static int
load_chain(struct stage *stage, struct span pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	bool ok;
	X509 *x;

	stage->issuers = sk_X509_new_null();
	stage->leaf = bio == NULL ? NULL : read_cert(bio);
	ok = stage->leaf != NULL && stage->issuers != NULL;
	while (ok && (x = read_cert(bio)) != NULL) {
		ok = sk_X509_push(stage->issuers, x) > 0;
		if (!ok)
			X509_free(x);
	}
	BIO_free(bio);
	if (ok && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		ERR_clear_error();	/* the end of the file */
	if (!ok || ERR_peek_error() != 0)
		return ossl_err(e, OUT_REFUSE, "fullchain.pem does not load");
	return 0;
}

static int
load_key(struct stage *stage, struct span pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);

	stage->key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, ossl_no_passphrase,
	    NULL);
	BIO_free(bio);
	return stage->key != NULL && X509_check_private_key(stage->leaf, stage->key) == 1 ? 0 :
	    ossl_err(e, OUT_REFUSE, "privkey.pem does not load");
}

static int
load(struct stage *stage, const struct key *key, struct err *e)
{
	struct buf full, secret;
	int rc = -1;

	buf_init(&full, CHAIN_MAX * 2);
	buf_init(&secret, KEY_PEM_MAX);
	chain_put_full(stage->chain, &full);
	if (!buf_ok(&full))
		(void)err_nomem(e);
	else if (key_to_pem(key, &secret, e) == 0 &&
	    load_chain(stage, buf_span(&full), e) == 0)
		rc = load_key(stage, buf_span(&secret), e);
	buf_clear(&full);
	buf_clear(&secret);
	return rc;
}

/* --- one handshake --- */

/* What the client asks for: a wildcard stands for any label. */
static void
put_server_name(const char *name, char out[HOST_MAX + 1])
{
	(void)snprintf(out, HOST_MAX + 1, "%s", name);
	if (out[0] == '*')
		out[0] = 'x';
}

/* RFC 6066 section 3: addresses are not sent as server name, but they are checked. */
static bool
expect(SSL *client, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(client);
	char host[HOST_MAX + 1];
	uint8_t ip[16];

	if (inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	put_server_name(name, host);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set_tlsext_host_name(client, host) == 1 &&
	    X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

/* What one writes the other reads. */
static bool
join(SSL *client, SSL *server)
{
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

	if (up == NULL || down == NULL) {
		BIO_free(up);
		BIO_free(down);
		return false;
	}
	(void)BIO_up_ref(up);
	(void)BIO_up_ref(down);
	SSL_set_bio(client, down, up);
	SSL_set_bio(server, up, down);
	return true;
}

static bool
goes_on(SSL *ssl, int rc)
{
	return rc == 1 || SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ;
}

/* Both in turns, until both are through. The client speaks last of its verdict. */
static int
shake(SSL *client, SSL *server, struct err *e)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		int c = SSL_do_handshake(client), s;
		long verdict = SSL_get_verify_result(client);

		if (!goes_on(client, c) && verdict != X509_V_OK) {
			ERR_clear_error();
			return err_set(e, OUT_REFUSE, "the client does not accept the certificate: "
			    "%s", X509_verify_cert_error_string(verdict));
		}
		if (!goes_on(client, c))
			return ossl_err(e, OUT_REFUSE, "the client gives up");
		s = SSL_do_handshake(server);
		if (!goes_on(server, s))
			return ossl_err(e, OUT_REFUSE, "the server gives up");
		if (c == 1 && s == 1)
			return 0;
	}
	return err_set(e, OUT_REFUSE, "the handshake does not end");
}

/* Nothing was cut from the chain on the way through the files. */
static int
serves_all(SSL *client, const struct chain *chain, struct err *e)
{
	STACK_OF(X509) *peer = SSL_get_peer_cert_chain(client);
	int want = (int)chain_count(chain), have = sk_X509_num(peer);

	return want == have ? 0 :
	    err_set(e, OUT_REFUSE, "want %d certificates served, have %d", want, have);
}

/* The server takes what was loaded as SSL_CTX_use_certificate(3) and its like would. */
static int
equip(const struct stage *stage, SSL *client, SSL *server, struct err *e)
{
	if (SSL_set1_verify_cert_store(client, stage->believed) != 1)
		return ossl_err(e, OUT_RETRY, "libssl cannot start a handshake");
	X509_VERIFY_PARAM_set_time(SSL_get0_param(client), (time_t)chain_valid_from(stage->chain));
	return SSL_use_cert_and_key(server, stage->leaf, stage->key, stage->issuers, 1) == 1 ? 0 :
	    ossl_err(e, OUT_REFUSE, "fullchain.pem does not load");
}

static int
try(const struct stage *stage, const char *name, const struct version *version, struct err *e)
{
	SSL *client = SSL_new(ends.client), *server = SSL_new(ends.server);
	int rc = -1;

	if (client == NULL || server == NULL || !join(client, server) || !expect(client, name) ||
	    SSL_set_min_proto_version(client, version->number) != 1 ||
	    SSL_set_max_proto_version(client, version->number) != 1) {
		(void)ossl_err(e, OUT_RETRY, "libssl cannot start a handshake");
		goto out;
	}
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	if (equip(stage, client, server, e) == 0 && shake(client, server, e) == 0)
		rc = serves_all(client, stage->chain, e);
out:
	SSL_free(client);
	SSL_free(server);
	if (rc == -1)
		(void)err_in(e, "rehearsal: %s by %s", name, version->name);
	return rc;
}

/* --- all of them --- */

static int
make_ends(struct err *e)
{
	if (ends.client != NULL)
		return 0;
	ends.server = SSL_CTX_new(TLS_server_method());
	ends.client = SSL_CTX_new(TLS_client_method());
	if (ends.server == NULL || ends.client == NULL ||
	    SSL_CTX_set_num_tickets(ends.server, 0) != 1) {
		SSL_CTX_free(ends.server);
		SSL_CTX_free(ends.client);
		ends.server = ends.client = NULL;
		return ossl_err(e, OUT_RETRY, "rehearsal: libssl cannot start");
	}
	(void)SSL_CTX_set_session_cache_mode(ends.server, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_session_cache_mode(ends.client, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ends.client, SSL_VERIFY_PEER, NULL);
	return 0;
}

/* What the client believes: the roots, or the last issuer that the CA sent. */
static int
believe(struct stage *stage, const struct chain_in *in, struct err *e)
{
	int last = sk_X509_num(stage->issuers) - 1;
	X509 *x = last >= 0 ? sk_X509_value(stage->issuers, last) : stage->leaf;
	X509_STORE *roots;

	if (!in->any_root) {
		if (trust_get(in->trust, in->bundle, &roots, e) == -1)
			return -1;
		(void)X509_STORE_up_ref(roots);
		stage->believed = roots;
		return 0;
	}
	stage->believed = X509_STORE_new();
	return stage->believed != NULL && X509_STORE_add_cert(stage->believed, x) == 1 &&
	    X509_STORE_set_flags(stage->believed, X509_V_FLAG_PARTIAL_CHAIN) == 1 ? 0 :
	    ossl_err(e, OUT_RETRY, "rehearsal: libssl cannot start");
}

static void
stage_clear(struct stage *stage)
{
	X509_free(stage->leaf);
	sk_X509_pop_free(stage->issuers, X509_free);
	EVP_PKEY_free(stage->key);		/* clears the private numbers */
	X509_STORE_free(stage->believed);
}

static int
set_stage(struct stage *stage, const struct chain_in *in, struct err *e)
{
	if (make_ends(e) == -1)
		return -1;
	if (load(stage, in->key, e) == -1)
		return err_in(e, "rehearsal");
	return believe(stage, in, e);
}

/* False where it cannot be known: then all is tried. */
static bool
describe_kind(const struct chain_in *in, const struct chain *chain, uint8_t out[SHA256_LEN])
{
	struct buf b;
	bool ok;

	buf_init(&b, CHAIN_MAX * 2);
	buf_printf(&b, "%s %s %d\n", key_type(in->key), trust_name(in->bundle), in->any_root);
	chain_put_issuers(chain, &b);
	ok = buf_ok(&b) && sha256(buf_span(&b), out) == 0;
	buf_clear(&b);
	return ok;
}

static bool
has_passed(const uint8_t kind[SHA256_LEN])
{
	for (size_t i = 0; i < passed.n; i++)
		if (memcmp(passed.digests[i], kind, SHA256_LEN) == 0)
			return true;
	return false;
}

static int
try_all(const struct stage *stage, const struct strs *names, bool newest_only, struct err *e)
{
	const struct version *newest = &versions[NITEMS(versions) - 1], *v;

	for (size_t i = 0; i < names->n; i++)
		for (v = i == 0 && !newest_only ? versions : newest; v <= newest; v++)
			if (try(stage, names->v[i], v, e) == -1)
				return -1;
	return 0;
}

int
rehearse(const struct chain_in *in, const struct chain *chain, struct err *e)
{
	struct stage stage = { .chain = chain };
	uint8_t kind[SHA256_LEN];
	bool known = describe_kind(in, chain, kind), again = known && has_passed(kind);
	int rc = set_stage(&stage, in, e);

	if (rc == 0)
		rc = try_all(&stage, in->names, again, e);
	if (rc == 0 && known && !again && passed.n < KINDS_MAX)
		memcpy(passed.digests[passed.n++], kind, SHA256_LEN);
	stage_clear(&stage);
	return rc;
}
