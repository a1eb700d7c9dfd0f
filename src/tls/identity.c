/*
 * identity: a certificate chain and its key, made ready for handshakes.
 *
 * What is the same for every handshake is done here once: the
 * certificate_list as it stands in the message, and a signing context for
 * each scheme that the key can do.
 */
#include <stdlib.h>

#include "tls/private.h"

static int
build_lists(struct tls_identity *id, const struct span *ders, size_t n, struct err *e)
{
	size_t mark;

	buf_init(&id->list_13, TLS_CHAIN_OCTETS_MAX);
	buf_init(&id->list_12, TLS_CHAIN_OCTETS_MAX);
	for (size_t i = 0; i < n; i++) {
		mark = buf_open(&id->list_12, 3);
		buf_put(&id->list_12, ders[i]);
		buf_close(&id->list_12, mark, 3);
		mark = buf_open(&id->list_13, 3);
		buf_put(&id->list_13, ders[i]);
		buf_close(&id->list_13, mark, 3);
		buf_u16(&id->list_13, 0);	/* no extensions, RFC 8446 section 4.4.2 */
	}
	if (!buf_ok(&id->list_13) || !buf_ok(&id->list_12))
		return err_set(e, OUT_HOLD, "identity: the chain exceeds %d octets or the memory",
		    TLS_CHAIN_OCTETS_MAX);
	return 0;
}

static int
prepare_signing(struct tls_identity *id, struct err *e)
{
	const struct tls_scheme *s;
	int size = EVP_PKEY_get_size(id->key);
	bool in_13, in_12;

	for (size_t i = 0; i < TLS_NSCHEMES; i++) {
		s = &tls_schemes[i];
		in_13 = tls_scheme_fits(s, id->kind, size, TLS_1_3);
		in_12 = tls_scheme_fits(s, id->kind, size, TLS_1_2);
		if (!in_13 && !in_12)
			continue;
		if ((id->sign[i] = tls_sign_new(s, id->key, true)) == NULL)
			continue;
		id->fits_13 |= in_13 ? UINT32_C(1) << i : 0;
		id->fits_12 |= in_12 ? UINT32_C(1) << i : 0;
	}
	if (id->fits_13 == 0)
		return err_set(e, OUT_HOLD,
		    "identity: want a key of ECDSA P-256, P-384, RSA or RSA-PSS");
	return 0;
}

int
tls_identity_new(const struct span *ders, size_t n, EVP_PKEY *key, struct tls_identity **out,
    struct err *e)
{
	struct tls_identity *id;

	*out = NULL;
	if (tls_crypto_init(e) == -1)
		return -1;
	if (n == 0 || n > TLS_CHAIN_MAX)
		return err_set(e, OUT_HOLD, "identity: want 1 to %d certificates, have %zu",
		    TLS_CHAIN_MAX, n);
	if ((id = calloc(1, sizeof(*id))) == NULL)
		return err_nomem(e);
	if (EVP_PKEY_up_ref(key) == 1)
		id->key = key;
	id->kind = tls_key_kind(key);
	if (id->key == NULL || build_lists(id, ders, n, e) == -1 || prepare_signing(id, e) == -1) {
		tls_identity_free(id);
		return -1;
	}
	*out = id;
	return 0;
}

void
tls_identity_free(struct tls_identity *id)
{
	if (id == NULL)
		return;
	for (size_t i = 0; i < TLS_NSCHEMES; i++)
		EVP_PKEY_CTX_free(id->sign[i]);
	EVP_PKEY_free(id->key);
	buf_clear(&id->list_13);
	buf_clear(&id->list_12);
	free(id);
}
