/*
 * ca: hierarchies of keys and certificates, made when the responder starts
 * and forgotten when it ends.
 *
 *   old root n --.                     one tree for ECDSA, one for RSA;
 *   root ---------+- root's key        the old roots are common to both
 *                 |
 *           intermediate 1 ... n
 *                 |
 *               leaves
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/fs.h"
#include "responder/ca.h"

#define PEM_MAX	(64 * 1024)

EVP_PKEY *
ca_key(bool rsa, unsigned bits)
{
	return rsa ? EVP_RSA_gen(bits) : EVP_EC_gen(bits == 384 ? "P-384" : "P-256");
}

/* --- making one certificate --- */

static int
add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	int ok;

	if (value == NULL)
		return 0;
	X509V3_set_ctx(&ctx, issuer != NULL ? issuer : cert, cert, NULL, NULL, 0);
	if ((ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)) == NULL)
		return -1;
	ok = X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok == 1 ? 0 : -1;
}

/* An extension in an arc that nobody knows. */
static int
add_unknown(X509 *cert)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	int rc = -1;

	if (oid != NULL && value != NULL &&
	    ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x05\x00", 2) == 1 &&
	    (ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value)) != NULL &&
	    X509_add_ext(cert, ext, -1) == 1)
		rc = 0;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
	return rc;
}

/* RFC 5280 section 4.1.2.2: positive, at most 20 octets; here 16, of which 126 bits are random. */
static int
set_serial(X509 *cert)
{
	uint8_t octets[16];
	BIGNUM *n;
	int rc = -1;

	if (random_bytes(octets, sizeof(octets)) == -1)
		return -1;
	octets[0] = (uint8_t)((octets[0] & 0x3f) | 0x40);
	n = BN_bin2bn(octets, sizeof(octets), NULL);
	if (n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL)
		rc = 0;
	BN_free(n);
	return rc;
}

static int
set_subject(X509 *cert, const char *cn)
{
	X509_NAME *name = X509_get_subject_name(cert);

	if (cn == NULL)
		return 0;
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1,
	    0) == 1 ? 0 : -1;
}

static int
add_extensions(X509 *cert, const struct ca_spec *s)
{
	char crl[160];

	snprintf(crl, sizeof(crl), "URI:%s", s->crl != NULL ? s->crl : "");
	if (add_ext(cert, s->issuer, NID_basic_constraints, s->is_ca ? "critical,CA:TRUE" :
	    "critical,CA:FALSE") == -1 ||
	    add_ext(cert, s->issuer, NID_key_usage, s->is_ca ? "critical,keyCertSign,cRLSign" :
	    EVP_PKEY_get_base_id(s->key) == EVP_PKEY_RSA ?
	    "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature") == -1 ||
	    add_ext(cert, s->issuer, NID_ext_key_usage, s->usage) == -1 ||
	    add_ext(cert, s->issuer, NID_subject_key_identifier, "hash") == -1 ||
	    add_ext(cert, s->issuer, NID_authority_key_identifier, "keyid:always") == -1 ||
	    add_ext(cert, s->issuer, NID_subject_alt_name, s->names) == -1 ||
	    add_ext(cert, s->issuer, NID_crl_distribution_points, s->crl != NULL ? crl :
	    NULL) == -1)
		return -1;
	return s->critical ? add_unknown(cert) : 0;
}

/*
 * X509_set_pubkey() writes the key and parses what it wrote, which costs as much as
 * three signatures. An EC key's octets are known (RFC 5480 section 2).
 */
static int
set_key(X509 *cert, const struct ca_spec *s)
{
	int bits = EVP_PKEY_get_bits(s->key);
	size_t n = 2 * ((size_t)bits / 8) + 1, got = 0;
	uint8_t *point;

	if (!s->is_octets || EVP_PKEY_get_base_id(s->key) != EVP_PKEY_EC)
		return X509_set_pubkey(cert, s->key) == 1 ? 0 : -1;
	if ((point = OPENSSL_malloc(n)) == NULL)
		return -1;
	if (EVP_PKEY_get_octet_string_param(s->key, OSSL_PKEY_PARAM_PUB_KEY, point, n, &got) == 1 &&
	    got == n && point[0] == POINT_CONVERSION_UNCOMPRESSED &&
	    X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert),
	    OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
	    V_ASN1_OBJECT, OBJ_nid2obj(bits == 256 ? NID_X9_62_prime256v1 : NID_secp384r1), point,
	    (int)n) == 1)
		return 0;
	OPENSSL_free(point);
	return X509_set_pubkey(cert, s->key) == 1 ? 0 : -1;
}

X509 *
ca_make(const struct ca_spec *s, struct err *e)
{
	const EVP_MD *md = s->sha1 ? EVP_sha1() :
	    EVP_PKEY_get_bits(s->issuer_key) == 384 ? EVP_sha384() : EVP_sha256();
	X509 *cert = X509_new();

	if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 ||
	    set_serial(cert) == -1 || set_subject(cert, s->subject) == -1 ||
	    X509_set_issuer_name(cert, X509_get_subject_name(s->issuer != NULL ? s->issuer :
	    cert)) != 1 ||
	    ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)s->from) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)s->to) == NULL ||
	    set_key(cert, s) == -1 || add_extensions(cert, s) == -1 ||
	    X509_sign(cert, s->issuer_key, md) == 0) {
		X509_free(cert);
		err_set(e, OUT_RETRY, "cannot make a certificate");
		return NULL;
	}
	return cert;
}

/* --- hierarchies --- */

static X509 *
make_ca_cert(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, struct err *e)
{
	int64_t now = clock_wall();
	struct ca_spec s = {
		.subject = cn, .key = key, .issuer = issuer, .issuer_key = issuer_key,
		.from = now - 30 * DAY, .to = now + (issuer == NULL ? 30 * 365 : 20 * 365) * DAY,
		    .is_ca = true,
	};

	if (key == NULL)
		return NULL;
	return ca_make(&s, e);
}

static int
make_mids(struct ca *ca, struct ca_tree *t, const char *kind, bool rsa, struct err *e)
{
	EVP_PKEY *above = t->root_key;
	X509 *issuer = t->root;
	const ASN1_OCTET_STRING *id;
	char cn[64];

	t->nmids = ca->o->chain_length - 1;
	for (unsigned i = 0; i < t->nmids; i++) {
		snprintf(cn, sizeof(cn), "kamcert test %s intermediate %u", kind, i + 1);
		t->keys[i] = ca_key(rsa, rsa ? 2048 : 256);
		if ((t->mids[i] = make_ca_cert(cn, t->keys[i], issuer, above, e)) == NULL)
			return -1;
		issuer = t->mids[i];
		above = t->keys[i];
	}
	id = X509_get0_subject_key_id(issuer);
	if (id == NULL || ASN1_STRING_length(id) != sizeof(t->aki))
		return err_set(e, OUT_RETRY, "no key identifier");
	memcpy(t->aki, ASN1_STRING_get0_data(id), sizeof(t->aki));
	return 0;
}

static int
make_tree(struct ca *ca, unsigned n, struct err *e)
{
	static const char *const kinds[] = { "ECDSA", "RSA" };
	struct ca_tree *t = &ca->trees[n];
	char cn[64];

	snprintf(cn, sizeof(cn), "kamcert test %s root", kinds[n]);
	t->root_key = ca_key(n == 1, n == 1 ? 2048 : 384);
	if ((t->root = make_ca_cert(cn, t->root_key, NULL, t->root_key, e)) == NULL)
		return -1;
	if (make_mids(ca, t, kinds[n], n == 1, e) == -1)
		return -1;
	t->ncross = ca->o->alternates;
	for (unsigned i = 0; i < t->ncross; i++)
		if ((t->cross[i] = make_ca_cert(cn, t->root_key, ca->old_roots[i], ca->old_keys[i],
		    e)) == NULL)
			return -1;
	ca->has[n] = true;
	return 0;
}

static int
make_old_roots(struct ca *ca, struct err *e)
{
	char cn[64];

	for (unsigned i = 0; i < ca->o->alternates; i++) {
		snprintf(cn, sizeof(cn), "kamcert test old root %u", i + 1);
		ca->old_keys[i] = ca_key(false, 384);
		if ((ca->old_roots[i] = make_ca_cert(cn, ca->old_keys[i], NULL, ca->old_keys[i],
		    e)) == NULL)
			return -1;
	}
	return 0;
}

/* --- certificates of the responder's own HTTPS --- */

static X509 *
server_cert(struct ca *ca, enum ca_server_kind kind, EVP_PKEY *key, struct err *e)
{
	int64_t now = clock_wall();
	struct ca_spec s = {
		.subject = "kamcert-responder", .key = key, .issuer = ca->tls_root,
		.issuer_key = ca->tls_key, .from = now - HOUR, .to = now + 30 * DAY,
		.usage = "serverAuth", .names = "DNS:localhost,IP:127.0.0.1,IP:::1",
	};
	char names[128], host[INET6_ADDRSTRLEN];
	const struct sockaddr_storage *a = &ca->o->listen;

	if (a->ss_family == AF_INET && inet_ntop(AF_INET,
	    &((const struct sockaddr_in *)a)->sin_addr, host, sizeof(host)) != NULL &&
	    strcmp(host, "127.0.0.1") != 0) {
		snprintf(names, sizeof(names), "%s,IP:%s", s.names, host);
		s.names = names;
	}
	if (kind == CA_SERVER_EXPIRED) {
		s.from = now - 60 * DAY;
		s.to = now - 30 * DAY;
	} else if (kind == CA_SERVER_FUTURE) {
		s.from = now + 30 * DAY;
		s.to = now + 60 * DAY;
	} else if (kind == CA_SERVER_NAME) {
		s.names = "DNS:elsewhere.example";
	} else if (kind == CA_SERVER_FOREIGN) {
		s.issuer = NULL;
		s.issuer_key = key;
	}
	return ca_make(&s, e);
}

static struct tls_identity *
make_identity(struct ca *ca, enum ca_server_kind kind, struct err *e)
{
	struct tls_identity *id = NULL;
	uint8_t *der = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	struct span chain;
	int n;

	if (kind == CA_SERVER_GOOD) {
		EVP_PKEY_up_ref(ca->server_key);
		key = ca->server_key;
	} else {
		key = kind == CA_SERVER_WEAK ? ca_key(true, 1024) : ca_key(false, 256);
	}
	if (key == NULL || (cert = server_cert(ca, kind, key, e)) == NULL ||
	    (n = i2d_X509(cert, &der)) < 0)
		goto out;
	chain = span_of(der, (size_t)n);
	if (tls_identity_new(&chain, 1, key, &id, e) == -1)
		id = NULL;
out:
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
	return id;
}

const struct tls_identity *
ca_server(struct ca *ca, enum ca_server_kind kind)
{
	struct err e;

	if (ca->servers[kind] == NULL)
		ca->servers[kind] = make_identity(ca, kind, &e);
	return ca->servers[kind];
}

int
ca_new(const struct options *o, struct ca **out, struct err *e)
{
	struct ca *ca;

	*out = NULL;
	if ((ca = calloc(1, sizeof(*ca))) == NULL)
		return err_nomem(e);
	ca->o = o;
	ca->tls_key = ca_key(false, 256);
	ca->server_key = ca_key(o->tls_rsa, o->tls_rsa ? 2048 : 256);
	ca->tls_root = make_ca_cert("kamcert-responder HTTPS root", ca->tls_key, NULL, ca->tls_key,
	    e);
	if (ca->tls_root == NULL || ca->server_key == NULL || make_old_roots(ca, e) == -1 ||
	    (o->use_ecdsa && make_tree(ca, 0, e) == -1) ||
	    (o->use_rsa && make_tree(ca, 1, e) == -1) || ca_server(ca, CA_SERVER_GOOD) == NULL) {
		ca_free(ca);
		return err_set(e, OUT_RETRY, "cannot make the keys and certificates of the CA");
	}
	*out = ca;
	return 0;
}

static void
free_tree(struct ca_tree *t)
{
	EVP_PKEY_free(t->root_key);
	X509_free(t->root);
	for (unsigned i = 0; i < CA_LEVELS_MAX; i++) {
		EVP_PKEY_free(t->keys[i]);
		X509_free(t->mids[i]);
	}
	for (unsigned i = 0; i < CA_ALTERNATES_MAX; i++)
		X509_free(t->cross[i]);
}

void
ca_free(struct ca *ca)
{
	if (ca == NULL)
		return;
	free_tree(&ca->trees[0]);
	free_tree(&ca->trees[1]);
	for (unsigned i = 0; i < CA_ALTERNATES_MAX; i++) {
		EVP_PKEY_free(ca->old_keys[i]);
		X509_free(ca->old_roots[i]);
	}
	for (unsigned i = 0; i < CA_SERVER_KINDS; i++)
		tls_identity_free(ca->servers[i]);
	EVP_PKEY_free(ca->tls_key);
	EVP_PKEY_free(ca->server_key);
	X509_free(ca->tls_root);
	ca_crl_stale(ca);
	free(ca);
}

/* --- files --- */

void
ca_put_roots(const struct ca *ca, struct buf *pem)
{
	for (unsigned i = 0; i < 2; i++)
		if (ca->has[i])
			ca_put_pem(pem, ca->trees[i].root);
	for (unsigned i = 0; i < ca->o->alternates; i++)
		ca_put_pem(pem, ca->old_roots[i]);
}

static int
write_file(const char *path, const struct buf *b, struct err *e)
{
	char dir[4096];
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	struct fs_mode mode = { 0644, (uid_t)-1, (gid_t)-1 };
	int at, rc;

	if (!buf_ok(b))
		return err_nomem(e);
	snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 : slash == path ? 1 :
	    (int)(slash - path), slash == NULL ? "." : path);
	if ((at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return err_sys(e, OUT_HOLD, "cannot open %s", dir);
	rc = fs_replace(at, name, mode, buf_span(b), e);
	fs_close(&at);
	return rc;
}

int
ca_write_files(const struct ca *ca, const struct options *o, struct err *e)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, PEM_MAX);
	if (o->roots_file != NULL) {
		ca_put_roots(ca, &b);
		rc = write_file(o->roots_file, &b, e);
	}
	buf_reset(&b);
	if (rc == 0 && o->server_cert_file != NULL) {
		ca_put_pem(&b, ca->tls_root);
		rc = write_file(o->server_cert_file, &b, e);
	}
	buf_clear(&b);
	return rc;
}
