#include <limits.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "cert.h"
#include "crl.h"
#include "ossl.h"
#include "path.h"

/* Verifying with larger ones costs a hostile CA nothing and us seconds. */
#define RSA_BITS_MAX	8192
#define RSA_E_BITS_MAX	32

/* --- what was sent, in order --- */

static bool
is_small_rsa(const EVP_PKEY *pkey)
{
	BIGNUM *exponent = NULL;
	bool small = EVP_PKEY_get_bits(pkey) <= RSA_BITS_MAX &&
	    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
	    BN_num_bits(exponent) <= RSA_E_BITS_MAX;

	BN_free(exponent);
	return small;
}

/* Its signatures are cheap to verify, whatever was sent. */
static bool
can_be_issuer(X509 *x)
{
	EVP_PKEY *pkey = X509_get0_pubkey(x);
	char key[CERT_KEY_MAX];

	if (pkey == NULL)
		return false;
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return is_small_rsa(pkey);
	return strncmp(cert_key(x, key), "ecdsa-p", 7) == 0 || EVP_PKEY_is_a(pkey, "ED25519") ||
	    EVP_PKEY_is_a(pkey, "ED448");
}

static bool
issued(X509 *issuer, X509 *x)
{
	return X509_check_issued(issuer, x) == X509_V_OK && can_be_issuer(issuer) &&
	    X509_verify(x, X509_get0_pubkey(issuer)) == 1;
}

static bool
is_root(X509 *x)
{
	return X509_self_signed(x, 0) == 1;
}

static int
index_of(STACK_OF(X509) *stack, X509 *x)
{
	for (int i = 0; i < sk_X509_num(stack); i++)
		if (X509_cmp(sk_X509_value(stack, i), x) == 0)
			return i;
	return -1;
}

void
path_links_init(struct path_links *l, STACK_OF(X509) *sent)
{
	int n = sk_X509_num(sent);

	*l = (struct path_links){ .sent = sent };
	for (int i = 0; i < n; i++) {
		X509 *x = sk_X509_value(sent, i);

		l->out[i] = is_root(x) || index_of(sent, x) < i;
		for (int by = 0; by < n && !l->out[i]; by++)
			l->signed_by[i][by] = by != i && issued(sk_X509_value(sent, by), x);
	}
	ERR_clear_error();
}

static X509 *
next_issuer(const struct path_links *l, STACK_OF(X509) *path)
{
	int last = index_of(l->sent, sk_X509_value(path, sk_X509_num(path) - 1));

	for (int i = 0; i < sk_X509_num(l->sent); i++) {
		X509 *x = sk_X509_value(l->sent, i);

		if (l->signed_by[last][i] && !l->out[i] && index_of(path, x) == -1)
			return x;
	}
	return NULL;
}

STACK_OF(X509) *
path_link(const struct path_links *l, X509 *leaf)
{
	STACK_OF(X509) *path = sk_X509_new_null();
	X509 *next = leaf;

	while (path != NULL && next != NULL) {
		if (X509_add_cert(path, next, X509_ADD_FLAG_UP_REF) != 1) {
			sk_X509_pop_free(path, X509_free);
			return NULL;
		}
		next = next_issuer(l, path);
	}
	return path;
}

void
path_ban(struct path_links *l, X509 *x)
{
	int i = index_of(l->sent, x);

	if (i != -1)
		l->out[i] = true;
}

/* --- to a root --- */

/* Says why libcrypto found no path. */
static int
refuse(X509_STORE_CTX *ctx, const char *bundle, struct err *e)
{
	int code = X509_STORE_CTX_get_error(ctx);
	int number = X509_STORE_CTX_get_error_depth(ctx) + 1;
	X509 *x = X509_STORE_CTX_get_current_cert(ctx);
	char name[CERT_NAME_MAX] = "?", issuer[CERT_NAME_MAX] = "?";

	if (x != NULL) {
		(void)cert_name(x, name);
		(void)cert_issuer(x, issuer);
	}
	switch (code) {
	case X509_V_ERR_OUT_OF_MEM:
		return err_nomem(e);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 6.1: its "
		    "issuer (%s) is neither among the intermediates received nor a root in %s",
		    number, name, issuer, trust_name(bundle));
	default:
		return err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 6.1: %s",
		    number, name, X509_verify_cert_error_string(code));
	}
}

/* What is wrong with a list that is looked into; by depth of its certificate. */
struct crl_trouble {
	int	 depth;		/* -1: none */
};

/* Only what a sound list says counts: a forged one must not hold a renewal up. */
static int
on_verify(int ok, X509_STORE_CTX *ctx)
{
	struct crl_trouble *trouble = X509_STORE_CTX_get_app_data(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);

	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_CERT_REVOKED:
		if (ok || trouble->depth != depth)
			return ok;
		break;
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_INVALID_EXTENSION:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
		if (ok || X509_STORE_CTX_get0_current_crl(ctx) == NULL)
			return ok;
		trouble->depth = depth;
		break;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
		break;
	default:
		return ok;
	}
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

/* What is no list is passed over. */
static int
parse_lists(const struct list *lists, STACK_OF(X509_CRL) *crls, struct err *e)
{
	const struct blob *b = lists != NULL ? lists->v : NULL;
	X509_CRL *crl;

	if (crls == NULL)
		return err_nomem(e);
	for (size_t i = 0; lists != NULL && i < lists->n; i++)
		if ((crl = crl_parse(blob_span(&b[i]))) != NULL &&
		    sk_X509_CRL_push(crls, crl) == 0) {
			X509_CRL_free(crl);
			return err_nomem(e);
		}
	return 0;
}

/* Borrows lists and trouble for as long as ctx lives. */
static int
look_into(X509_STORE_CTX *ctx, STACK_OF(X509_CRL) *crls, struct crl_trouble *trouble,
    struct err *e)
{
	if (sk_X509_CRL_num(crls) == 0)
		return 0;
	X509_STORE_CTX_set0_crls(ctx, crls);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_STORE_CTX_set_verify_cb(ctx, on_verify);
	return X509_STORE_CTX_set_app_data(ctx, trouble) == 1 ? 0 : err_nomem(e);
}

/*
 * X509_V_FLAG_X509_STRICT is left out on purpose: it wants key identifiers
 * and critical bits that no client asks for and private CAs leave out.
 */
static int
start(X509_STORE_CTX *ctx, const struct path_in *in, STACK_OF(X509) *believed, struct err *e)
{
	X509_STORE *store = NULL;
	X509_VERIFY_PARAM *param;

	if (!in->any_root && trust_get(in->trust, in->bundle, &store, e) == -1)
		return -1;
	if (ctx == NULL || X509_STORE_CTX_init(ctx, store, sk_X509_value(in->offered, 0),
	    in->offered) != 1 ||
	    X509_STORE_CTX_set_default(ctx, "ssl_server") != 1)
		return ossl_err(e, OUT_RETRY, "libcrypto cannot verify a chain");
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_auth_level(param, PATH_SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_time(param, (time_t)in->at);
	if (!in->any_root)
		return 0;
	if (believed == NULL ||
	    sk_X509_push(believed, sk_X509_value(in->offered, sk_X509_num(in->offered) - 1)) == 0 ||
	    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return err_nomem(e);
	X509_STORE_CTX_set0_trusted_stack(ctx, believed);
	return 0;
}

/* A bundle that also holds intermediates must not hide that one was not sent (FAULTS A24). */
static int
root_alone_is_ours(STACK_OF(X509) *built, STACK_OF(X509) *offered, struct err *e)
{
	char name[CERT_NAME_MAX];

	for (int i = 0; i < sk_X509_num(built); i++) {
		X509 *x = sk_X509_value(built, i);

		if (index_of(offered, x) == -1 && !is_root(x))
			return err_set(e, OUT_REFUSE, "certificate %d: RFC 8446 section 4.4.2: the "
			    "intermediate after it (%s) is not among those received", i,
			    cert_name(x, name));
	}
	return 0;
}

static bool
is_revoked(X509 *x, const struct path_in *in, STACK_OF(X509_CRL) *crls)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	struct crl_trouble trouble = { -1 };
	X509_STORE *store = NULL;
	struct err ignored;
	bool revoked = false;

	if (ctx != NULL && trust_get(in->trust, in->bundle, &store, &ignored) == 0 &&
	    X509_STORE_CTX_init(ctx, store, x, in->offered) == 1) {
		X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)in->at);
		if (look_into(ctx, crls, &trouble, &ignored) == 0)
			revoked = X509_verify_cert(ctx) != 1 &&
			    X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CERT_REVOKED;
	}
	X509_STORE_CTX_free(ctx);
	return revoked;
}

/* What is sent along for others, and is not on our way: phones may go that way. */
static int
others_hold(STACK_OF(X509) *built, const struct path_in *in, STACK_OF(X509_CRL) *crls,
    struct err *e)
{
	char name[CERT_NAME_MAX];

	if (in->any_root || sk_X509_CRL_num(crls) == 0)
		return 0;
	for (int i = 1; i < sk_X509_num(in->offered); i++) {
		X509 *x = sk_X509_value(in->offered, i);

		if (index_of(built, x) == -1 && is_revoked(x, in, crls))
			return err_set(e, OUT_REFUSE, "certificate %d (%s): RFC 5280 section 6.3: "
			    "certificate revoked", i + 1, cert_name(x, name));
	}
	return 0;
}

static void
weigh(STACK_OF(X509) *built, struct path_worth *worth)
{
	int64_t from, until;
	int bits;

	*worth = (struct path_worth){ .ends = INT64_MAX, .bits = INT_MAX };
	for (int i = 1; i < sk_X509_num(built); i++) {
		X509 *x = sk_X509_value(built, i);

		if (cert_dates(x, &from, &until) == 0 && until < worth->ends)
			worth->ends = until;
		bits = EVP_PKEY_get_security_bits(X509_get0_pubkey(x));
		if (bits < worth->bits)
			worth->bits = bits;
	}
}

int
path_prove(const struct path_in *in, struct path_worth *worth, struct err *e)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *believed = sk_X509_new_null();
	STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
	STACK_OF(X509) *built;
	struct crl_trouble trouble = { -1 };
	int rc = -1;

	if (parse_lists(in->crls, crls, e) == 0 && start(ctx, in, believed, e) == 0 &&
	    look_into(ctx, crls, &trouble, e) == 0) {
		built = X509_verify_cert(ctx) == 1 ? X509_STORE_CTX_get0_chain(ctx) : NULL;
		if (built == NULL)
			(void)refuse(ctx, in->bundle, e);
		else if (root_alone_is_ours(built, in->offered, e) == 0)
			rc = others_hold(built, in, crls, e);
		if (rc == 0 && worth != NULL)
			weigh(built, worth);
	}
	ERR_clear_error();
	X509_STORE_CTX_free(ctx);
	sk_X509_free(believed);
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	return rc;
}
