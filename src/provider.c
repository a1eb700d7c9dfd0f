/*
 * provider: the default provider lives in a library context of its own, and
 * ours, in the default context, hands on what it offers (provider(7)).
 */
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/bytes.h"
#include "ossl.h"
#include "provider.h"

#define ALGORITHMS_MAX	64	/* of one operation; the default provider has fewer than 50 kept */
#define DISPATCH_MAX	16

/* Of the algorithms that keys are managed, written and read by. */
static const char *const kinds[] = {
	"RSA", "RSA-PSS", "EC", "X25519", "ED25519", "ED448",
	"HMAC", "HKDF", "TLS1-PRF",	/* keys to libssl */
	"DER",				/* what is the same for all kinds */
};

/* An operation, less what is not in kinds or has a property that is named here. */
struct narrowed {
	int		 operation;
	const char	*without[3];
	OSSL_ALGORITHM	 kept[ALGORITHMS_MAX + 1];
};

/* libcrypto calls back until the process ends, so all of it is the process's. */
static struct narrowed narrowed[] = {
	{ .operation = OSSL_OP_KEYMGMT },
	{ .operation = OSSL_OP_DECODER, .without = { "input=msblob", "input=pvk" } },
	{ .operation = OSSL_OP_ENCODER,
	  .without = { "output=text", "output=msblob", "output=pvk" } },
};

static struct {
	OSSL_PROVIDER				*provider, *ours;
	OSSL_FUNC_provider_query_operation_fn	*query;
	OSSL_DISPATCH				 dispatch[DISPATCH_MAX + 1];
} whole;

/* The first of an algorithm's names is the one that counts. */
static bool
is_kept(const struct narrowed *n, const OSSL_ALGORITHM *a)
{
	size_t len = strcspn(a->algorithm_names, ":");

	for (size_t i = 0; i < NITEMS(n->without) && n->without[i] != NULL; i++)
		if (strstr(a->property_definition, n->without[i]) != NULL)
			return false;
	for (size_t i = 0; i < NITEMS(kinds); i++)
		if (span_is(span_of(a->algorithm_names, len), kinds[i]))
			return true;
	return false;
}

/* All of it where it does not fit. */
static const OSSL_ALGORITHM *
narrow(struct narrowed *n, const OSSL_ALGORITHM *all)
{
	size_t count = 0;

	if (n->kept[0].algorithm_names != NULL)
		return n->kept;
	for (const OSSL_ALGORITHM *a = all; a != NULL && a->algorithm_names != NULL; a++) {
		if (!is_kept(n, a))
			continue;
		if (count == ALGORITHMS_MAX)
			return all;
		n->kept[count++] = *a;
	}
	n->kept[count] = (OSSL_ALGORITHM){ 0 };
	return n->kept;
}

static const OSSL_ALGORITHM *
query(void *ctx, int operation, int *no_cache)
{
	const OSSL_ALGORITHM *all = whole.query(ctx, operation, no_cache);

	for (size_t i = 0; i < NITEMS(narrowed); i++)
		if (narrowed[i].operation == operation)
			return narrow(&narrowed[i], all);
	return all;
}

/* What the default provider's functions are, but for this one; it is torn down as itself. */
static int
start(const OSSL_CORE_HANDLE *handle UNUSED, const OSSL_DISPATCH *core UNUSED,
    const OSSL_DISPATCH **out, void **ctx)
{
	const OSSL_DISPATCH *d = OSSL_PROVIDER_get0_dispatch(whole.provider);
	size_t n = 0;

	for (; d->function_id != 0; d++) {
		if (d->function_id == OSSL_FUNC_PROVIDER_TEARDOWN)
			continue;
		if (n == DISPATCH_MAX)
			return 0;
		whole.dispatch[n] = *d;
		if (d->function_id == OSSL_FUNC_PROVIDER_QUERY_OPERATION) {
			whole.query = OSSL_FUNC_provider_query_operation(d);
			whole.dispatch[n].function = (void (*)(void))query;
		}
		n++;
	}
	*out = whole.dispatch;
	*ctx = OSSL_PROVIDER_get0_provider_ctx(whole.provider);
	return whole.query != NULL;
}

int
provider_narrow(struct err *e)
{
	OSSL_LIB_CTX *apart;

	if (whole.ours != NULL || EVP_default_properties_is_fips_enabled(NULL) == 1)
		return 0;
	if ((apart = OSSL_LIB_CTX_new()) != NULL &&
	    (whole.provider = OSSL_PROVIDER_load(apart, "default")) != NULL &&
	    OSSL_PROVIDER_add_builtin(NULL, "kamcert", start) == 1 &&
	    (whole.ours = OSSL_PROVIDER_load(NULL, "kamcert")) != NULL)
		return 0;
	return ossl_err(e, OUT_RETRY, "libcrypto's default provider cannot be narrowed");
}
