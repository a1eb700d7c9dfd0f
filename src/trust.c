#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/pack.h"
#include "ossl.h"
#include "trust.h"

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

static int
read_roots(const char *bundle, X509_STORE **store, struct err *e)
{
	*store = X509_STORE_new();
	if (*store == NULL)
		return err_nomem(e);
	if ((bundle != NULL ? X509_STORE_load_file(*store, bundle) :
	    X509_STORE_set_default_paths(*store)) != 1) {
		X509_STORE_free(*store);
		*store = NULL;
		return ossl_err(e, OUT_HOLD, "trust: cannot read roots from %s",
		    trust_name(bundle));
	}
	return 0;
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
