/*
 * profiles: one profile's files into libssl, in Kamailio's order and with its
 * calls, so that what fails there fails here.
 */
#include <sys/xattr.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/fs.h"
#include "base/text.h"
#include "ossl.h"
#include "profiles.h"

#define PEM_FILE_MAX	(1024 * 1024)		/* octets */
#define CRL_FILE_MAX	(64 * 1024 * 1024)

enum got { GOT, NOT_JUDGED, BAD };

struct loading {
	const struct hook_facts		*facts;
	const struct tlscfg_profile	*profile;
	const struct install_reader	*reader;
	struct profiles_loaded		*out;
	SSL_CTX				*ctx;
	STACK_OF(X509)			*certs;	/* of the pair that is being loaded, */
	const char			*words[2];	/* and what tls.cfg calls its files */
};

/* "/etc/kamailio/tls.cfg:12: [server:any] sip.example.org: certificate: " before what is wrong. */
static int
blame(const struct loading *l, const struct tlscfg_file *f, const char *what, struct err *e)
{
	char label[TLSCFG_LABEL];
	int64_t line = f->line != 0 ? f->line : l->profile->line;

	(void)err_in(e, "%s: %s", tlscfg_label(l->profile, label), what);
	e->class = OUT_HOLD;
	return line == 0 ? err_in(e, "%s (not written there)", l->facts->tls_config) :
	    err_in(e, "%s:%jd", l->facts->tls_config, (intmax_t)line);
}

static int
blame_content(const struct loading *l, const struct tlscfg_file *f, const char *what, struct err *e)
{
	(void)err_in(e, "%s", f->path);
	return blame(l, f, what, e);
}

/* --- files --- */

/* Access lists may allow more, or less, than the mode says: then nobody is judged by it. */
static bool
has_access_list(const char *path)
{
	static const char attr[] = "system.posix_acl_access";
	char prefix[PATH_MAX];
	const char *p = path;

	while ((p = strchr(p + 1, '/')) != NULL) {
		if (snprintf(prefix, sizeof prefix, "%.*s", (int)(p - path), path) >=
		    (int)sizeof prefix || getxattr(prefix, attr, NULL, 0) > 0)
			return true;
	}
	return getxattr(path, attr, NULL, 0) > 0;
}

/* Judged by owner and mode: also of files that we may not read ourselves. */
static enum got
judge_rights(const struct loading *l, const struct tlscfg_file *f, const char *what, struct err *e)
{
	const struct install_reader *r = l->reader;

	if (r == NULL || r->uid == 0 || has_access_list(f->path) ||
	    fs_user_can_read(f->path, (uid_t)r->uid, (gid_t)r->gid, e) == 0)
		return GOT;
	/* sys: it is we who may not look that far */
	if (e->class != OUT_HOLD || e->sys != 0) {
		err_clear(e);
		return GOT;
	}
	(void)err_in(e, "the server's user %s cannot read it", r->name);
	(void)blame(l, f, what, e);
	return BAD;
}

static enum got
read_file(struct loading *l, const struct tlscfg_file *f, const char *what, struct buf *out,
    struct err *e)
{
	if (f->path[0] != '/') {
		l->out->judged = false;
		return NOT_JUDGED;
	}
	if (fs_read_path(f->path, out->max, out, e) == -1) {
		if (e->sys == ENOENT || e->sys == ENOTDIR || e->sys == ELOOP) {
			(void)blame(l, f, what, e);
			return BAD;
		}
		err_clear(e);
		l->out->judged = false;
		return judge_rights(l, f, what, e) == BAD ? BAD : NOT_JUDGED;
	}
	return judge_rights(l, f, what, e);
}

static BIO *
memory(const struct buf *b)
{
	return BIO_new_mem_buf(b->n > 0 ? (const void *)b->p : "", (int)b->n);
}

static int
no_password(char *text UNUSED, int size UNUSED, int writing UNUSED, void *arg UNUSED)
{
	return -1;
}

/* --- certificates and keys --- */

/* Like SSL_CTX_use_certificate_chain_file(), which has no way for octets in memory. */
static int
use_chain(struct loading *l, BIO *bio, struct err *e)
{
	X509 *x = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
	bool leaf = true;

	for (; x != NULL; x = PEM_read_bio_X509(bio, NULL, no_password, NULL)) {
		if (sk_X509_push(l->certs, x) == 0) {
			X509_free(x);
			return err_nomem(e);
		}
		if ((leaf ? SSL_CTX_use_certificate(l->ctx, x) :
		    SSL_CTX_add1_chain_cert(l->ctx, x)) != 1)
			return ossl_err(e, OUT_HOLD, "certificate %d of the file",
			    sk_X509_num(l->certs));
		leaf = false;
	}
	if (leaf || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return ossl_err(e, OUT_HOLD, "no certificate that can be read");
	ERR_clear_error();
	return 0;
}

static int
use_key(struct loading *l, BIO *bio, bool has_cert, struct err *e)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	int rc = -1;

	if (key == NULL)
		(void)ossl_err(e, OUT_HOLD, "no private key that can be read without a password");
	else if (!has_cert)
		(void)err_set(e, OUT_HOLD, "a key without a certificate");
	else if (SSL_CTX_use_PrivateKey(l->ctx, key) != 1 ||
	    SSL_CTX_check_private_key(l->ctx) != 1)
		(void)ossl_err(e, OUT_HOLD, "not the key of the certificate");
	else
		rc = 0;
	EVP_PKEY_free(key);
	return rc;
}

/* A pair; what is not configured or not to be judged passes. */
static int
load_pair(struct loading *l, const struct tlscfg_file *cert, const struct tlscfg_file *key,
    struct err *e)
{
	struct buf pem;
	enum got got = GOT;
	BIO *bio = NULL;
	int rc = 0;

	buf_init(&pem, PEM_FILE_MAX);
	if (cert->path != NULL && (got = read_file(l, cert, l->words[0], &pem, e)) == GOT) {
		if ((bio = memory(&pem)) == NULL)
			rc = err_nomem(e);
		else if (use_chain(l, bio, e) == -1)
			rc = blame_content(l, cert, l->words[0], e);
	}
	BIO_free(bio);
	bio = NULL;
	buf_reset(&pem);
	if (got != GOT || rc == -1 || key->path == NULL || l->profile->has_password ||
	    tlscfg_is_elsewhere(key->path)) {
		rc = got == BAD ? -1 : rc;
	} else if ((got = read_file(l, key, l->words[1], &pem, e)) == GOT) {
		if ((bio = memory(&pem)) == NULL)
			rc = err_nomem(e);
		else if (use_key(l, bio, cert->path != NULL, e) == -1)
			rc = blame_content(l, key, l->words[1], e);
	} else
		rc = got == BAD ? -1 : 0;
	BIO_free(bio);
	buf_clear(&pem);
	return rc;
}

/* In a context of its own: the first one knows chain and key of the last type that was loaded. */
static int
load_second(struct loading *l, struct err *e)
{
	SSL_CTX *first = l->ctx;
	int rc = -1;

	if (l->profile->certificate2.path == NULL)
		return 0;
	l->certs = l->out->certs2;
	l->words[0] = "certificate2";
	l->words[1] = "private_key2";
	if ((l->ctx = SSL_CTX_new(TLS_method())) == NULL)
		(void)ossl_err(e, OUT_RETRY, "libssl cannot make a context");
	else
		rc = load_pair(l, &l->profile->certificate2, &l->profile->private_key2, e);
	SSL_CTX_free(l->ctx);
	l->ctx = first;
	return rc;
}

/* --- roots and revocation lists --- */

static void
note_crl(struct loading *l, const X509_CRL *crl)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	struct tm tm;
	int64_t until;

	if (next == NULL || ASN1_TIME_to_tm(next, &tm) != 1)
		return;
	until = text_unix(&tm);
	if (l->out->crl_until == 0 || until < l->out->crl_until)
		l->out->crl_until = until;
}

/* Appends the roots, where `to` is not NULL. At least one thing must be in the file. */
static int
use_infos(struct loading *l, BIO *bio, STACK_OF(X509) *to, struct err *e)
{
	STACK_OF(X509_INFO) *infos = PEM_X509_INFO_read_bio(bio, NULL, no_password, NULL);
	int n = 0;

	for (int i = 0; i < sk_X509_INFO_num(infos); i++) {
		X509_INFO *info = sk_X509_INFO_value(infos, i);

		n += info->x509 != NULL || (to == NULL && info->crl != NULL);
		if (to != NULL && info->x509 != NULL)
			(void)X509_add_cert(to, info->x509, X509_ADD_FLAG_UP_REF);
		if (to == NULL && info->crl != NULL)
			note_crl(l, info->crl);
	}
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	if (n == 0)
		return ossl_err(e, OUT_HOLD, "nothing in it that can be read");
	ERR_clear_error();
	return 0;
}

static int
load_list(struct loading *l, const struct tlscfg_file *f, const char *what, STACK_OF(X509) *to,
    struct err *e)
{
	struct buf pem;
	enum got got;
	BIO *bio = NULL;
	int rc = 0;

	if (f->path == NULL)
		return 0;
	if (f->path[0] == '\0') {
		(void)err_set(e, OUT_HOLD, "want the path of a file, have none");
		return blame(l, f, what, e);
	}
	buf_init(&pem, CRL_FILE_MAX);
	got = read_file(l, f, what, &pem, e);
	if (got == GOT && (bio = memory(&pem)) == NULL)
		rc = err_nomem(e);
	else if (got == GOT && use_infos(l, bio, to, e) == -1)
		rc = blame_content(l, f, what, e);
	BIO_free(bio);
	buf_clear(&pem);
	return got == BAD ? -1 : rc;
}

int
profiles_load(const struct hook_facts *facts, const struct tlscfg_profile *profile,
    const struct install_reader *reader, struct profiles_loaded *out, struct err *e)
{
	struct loading l = { .facts = facts, .profile = profile, .reader = reader, .out = out,
	    .words = { "certificate", "private_key" } };
	int rc = -1;

	*out = (struct profiles_loaded){ .judged = true, .certs = sk_X509_new_null(),
	    .certs2 = sk_X509_new_null(), .roots = sk_X509_new_null() };
	l.ctx = SSL_CTX_new(TLS_method());
	l.certs = out->certs;
	if (l.ctx == NULL || out->certs == NULL || out->certs2 == NULL || out->roots == NULL)
		(void)ossl_err(e, OUT_RETRY, "libssl cannot make a context");
	else if (load_pair(&l, &profile->certificate, &profile->private_key, e) == 0 &&
	    load_second(&l, e) == 0 &&
	    load_list(&l, &profile->ca_list, "ca_list", out->roots, e) == 0 &&
	    load_list(&l, &profile->crl, "crl", NULL, e) == 0)
		rc = 0;
	SSL_CTX_free(l.ctx);
	ERR_clear_error();
	return rc;
}

void
profiles_unload(struct profiles_loaded *out)
{
	sk_X509_pop_free(out->certs, X509_free);
	sk_X509_pop_free(out->certs2, X509_free);
	sk_X509_pop_free(out->roots, X509_free);
	*out = (struct profiles_loaded){ 0 };
}
