#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/fs.h"
#include "base/pack.h"
#include "ossl.h"
#include "trust.h"

#define BUNDLE_MAX	(4 * 1024 * 1024)	/* octets; the system's has 220 KiB */

struct root_set {
	char		*bundle;	/* NULL: the system's */
	X509_STORE	*store;
};

struct trust {
	struct list	 sets;		/* struct root_set */
};

struct trust *
trust_new(struct err *e)
{
	struct trust *t = calloc(1, sizeof *t);

	if (t == NULL)
		(void)err_nomem(e);
	return t;
}

void
trust_free(struct trust *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->sets.n; i++) {
		struct root_set *set = (struct root_set *)t->sets.v + i;

		free(set->bundle);
		X509_STORE_free(set->store);
	}
	free(t->sets.v);
	free(t);
}

const char *
trust_name(const char *bundle)
{
	return bundle != NULL ? bundle : "the system's trust store";
}

/* What is no certificate is passed over, as X509_STORE_load_file(3) does; one must be there. */
static int
add_roots(X509_STORE *store, struct span pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	STACK_OF(X509_INFO) *all = bio == NULL ? NULL :
	    PEM_X509_INFO_read_bio(bio, NULL, ossl_no_passphrase, NULL);
	int n = 0;

	for (int i = 0; i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *info = sk_X509_INFO_value(all, i);

		if (info->x509 != NULL)
			n += X509_STORE_add_cert(store, info->x509);
	}
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	BIO_free(bio);
	return n > 0 ? 0 : ossl_err(e, OUT_HOLD, "want certificates in PEM");
}

/* A file that cannot be read just now is no fault of its operator: RETRY. */
static int
load_bundle(X509_STORE *store, const char *bundle, struct err *e)
{
	struct buf pem;
	int rc = -1;

	buf_init(&pem, BUNDLE_MAX);
	if (fs_read_path(bundle, BUNDLE_MAX, &pem, e) == 0)
		rc = add_roots(store, buf_span(&pem), e);
	buf_clear(&pem);
	return rc == 0 ? 0 : err_in(e, "trust: cannot read roots from %s", bundle);
}

static int
read_roots(const char *bundle, X509_STORE **store, struct err *e)
{
	int rc;

	*store = X509_STORE_new();
	if (*store == NULL)
		return err_nomem(e);
	if (bundle != NULL)
		rc = load_bundle(*store, bundle, e);
	else
		rc = X509_STORE_set_default_paths(*store) == 1 ? 0 :
		    ossl_err(e, OUT_HOLD, "trust: cannot read roots from %s", trust_name(bundle));
	if (rc == -1) {
		X509_STORE_free(*store);
		*store = NULL;
	}
	return rc;
}

static bool
same_bundle(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int
trust_get(struct trust *t, const char *bundle, X509_STORE **store, struct err *e)
{
	struct root_set *set;
	char *copy = NULL;

	for (size_t i = 0; i < t->sets.n; i++) {
		set = (struct root_set *)t->sets.v + i;
		if (same_bundle(set->bundle, bundle)) {
			*store = set->store;
			return 0;
		}
	}
	if (read_roots(bundle, store, e) == -1)
		return -1;
	if ((bundle != NULL && (copy = strdup(bundle)) == NULL) ||
	    (set = list_add(&t->sets, sizeof *set)) == NULL) {
		free(copy);
		X509_STORE_free(*store);
		*store = NULL;
		return err_nomem(e);
	}
	*set = (struct root_set){ .bundle = copy, .store = *store };
	return 0;
}
