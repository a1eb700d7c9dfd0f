/*
 * tls12: the messages and secrets of TLS 1.2, for servers. RFC 5246 section
 * 7.4, RFC 8422 section 5, RFC 7627.
 */
#include <string.h>

#include "tls/private.h"

#define NAMED_CURVE	3	/* RFC 8422 section 5.4 */
#define VERIFY_LEN	12	/* RFC 5246 section 7.4.9 */
#define SEED_MAX	128	/* label and two randoms */
#define PARAMS_MAX	(TLS_RANDOM_LEN + 4 + TLS_SHARE_MAX)
#define SALT_GCM	4	/* RFC 5288 section 3 */
#define CERT_RSA_SIGN	1	/* RFC 5246 section 7.4.4, RFC 8422 section 5.5 */
#define CERT_ECDSA_SIGN	64

/* PRF of RFC 5246 section 5 with the master secret. */
struct prf {
	const char	*label;
	struct span	 seed[2];
	uint8_t		*out;
	size_t		 n;
};

static int
prf(const struct tls_conn *c, struct span secret, const struct prf *p, struct err *e)
{
	uint8_t seed[SEED_MAX];
	size_t n = strlen(p->label);

	memcpy(seed, p->label, n);
	for (int i = 0; i < 2; i++) {
		if (p->seed[i].n > 0)
			memcpy(seed + n, p->seed[i].p, p->seed[i].n);
		n += p->seed[i].n;
	}
	if (tls_prf(c->suite->hash, secret, span_of(seed, n), p->out, p->n) == -1)
		return tls_crypto_failed(e, p->label);
	return 0;
}

#define MASTER_LEN	48

static struct span
master_secret(const struct tls_conn *c)
{
	return span_of(c->schedule.secret, MASTER_LEN);
}

static struct span
random_of(const struct tls_conn *c, int by)
{
	return span_of(c->randoms[by], TLS_RANDOM_LEN);
}

/* --- Certificate --- */

int
tls12_write_certificate(struct tls_conn *c, struct buf *b, struct err *e UNUSED)
{
	size_t mark = buf_open(b, 3);

	buf_put(b, buf_span(&c->hs->identity->list_12));
	buf_close(b, mark, 3);
	return 0;
}

int
tls12_read_certificate(struct tls_conn *c, struct rd r, struct err *e)
{
	struct rd list = rd_of(rd_vec24(&r));
	struct span der;

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "Certificate: RFC 5246 section 7.4.6: bad length");
	if (list.n == 0) {
		if (c->cfg->client_auth != TLS_CLIENT_AUTH_REQUIRE)
			return 0;
		return tls_fail(c, TLS_ALERT_HANDSHAKE_FAILURE, e,
		    "Certificate: RFC 5246 section 7.4.6: the client's is required");
	}
	while (list.n > 0) {
		der = rd_vec24(&list);
		if (!rd_ok(&list))
			return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
			    "Certificate: RFC 5246 section 7.4.6: bad length");
		if (tls_peer_chain_add(c, der, e) == -1)
			return -1;
	}
	c->hs->course |= TLS_COURSE_PROVED;
	return tls_peer_chain_take(c, e);
}

/* --- ServerKeyExchange, CertificateRequest, ServerHelloDone --- */

/* RFC 8422 section 5.4: the signature covers both randoms and the parameters. */
int
tls12_write_key_exchange(struct tls_conn *c, struct buf *b, struct err *e)
{
	uint8_t share[TLS_SHARE_MAX];
	struct buf params;
	struct span content[2];
	int rc = -1;

	if (tls_kx_share(c->group, c->hs->kx, share, e) == -1)
		return -1;
	buf_init(&params, PARAMS_MAX);
	buf_put(&params, random_of(c, TLS_BY_SERVER));
	buf_u8(&params, NAMED_CURVE);
	buf_u16(&params, c->group->id);
	buf_u8(&params, (uint8_t)c->group->share_len);
	buf_put(&params, span_of(share, c->group->share_len));
	content[0] = random_of(c, TLS_BY_CLIENT);
	content[1] = buf_span(&params);
	if (!buf_ok(&params))
		err_nomem(e);
	else {
		buf_put(b, span_of(params.p + TLS_RANDOM_LEN, params.n - TLS_RANDOM_LEN));
		rc = tls_write_signature(c, b, content, e);
	}
	buf_clear(&params);
	return rc;
}

int
tls12_write_certificate_request(struct tls_conn *c, struct buf *b, struct err *e UNUSED)
{
	uint32_t set = tls_scheme_set(c->cfg->signatures);
	size_t mark = buf_open(b, 1);

	buf_u8(b, CERT_ECDSA_SIGN);
	buf_u8(b, CERT_RSA_SIGN);
	buf_close(b, mark, 1);
	mark = buf_open(b, 2);
	for (size_t i = 0; i < TLS_NSCHEMES; i++)
		if ((set & UINT32_C(1) << i) != 0)
			buf_u16(b, tls_schemes[i].id);
	buf_close(b, mark, 2);
	buf_u16(b, 0);	/* of any authority */
	return 0;
}

int
tls12_write_hello_done(struct tls_conn *c UNUSED, struct buf *b UNUSED, struct err *e UNUSED)
{
	return 0;
}

/* --- ClientKeyExchange --- */

int
tls12_read_key_exchange(struct tls_conn *c, struct rd r, struct err *e)
{
	struct span share = rd_vec8(&r);

	if (!rd_end(&r) || share.n == 0)
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "ClientKeyExchange: RFC 8422 section 5.7: bad length");
	return tls_kx_finish(c, share, e);
}

/*
 * The master secret, from the transcript (RFC 7627 section 4) or from the randoms
 * (RFC 5246 section 8.1).
 */
int
tls12_after_key_exchange(struct tls_conn *c, struct err *e)
{
	struct tls_handshake *hs = c->hs;
	uint8_t transcript[TLS_HASH_MAX];
	struct prf p = { .label = "master secret", .seed = { random_of(c, TLS_BY_CLIENT),
	    random_of(c, TLS_BY_SERVER) }, .out = c->schedule.secret, .n = MASTER_LEN };
	int rc;

	if (tls_transcript_now(&hs->transcript, transcript, e) == -1)
		return -1;
	if (c->has_ems) {
		p.label = "extended master secret";
		p.seed[0] = span_of(transcript, c->suite->hash->len);
		p.seed[1] = SPAN_NONE;
	}
	rc = prf(c, span_of(hs->shared, hs->shared_len), &p, e);
	wipe(hs->shared, sizeof(hs->shared));
	return rc;
}

/* --- CertificateVerify --- */

/* RFC 5246 section 7.4.8: over the messages themselves, by whatever hash the scheme has. */
int
tls12_read_certificate_verify(struct tls_conn *c, struct rd r, struct err *e)
{
	struct span content[2] = { buf_span(&c->hs->transcript.raw), SPAN_NONE };

	return tls_read_signature(c, r, content, e);
}

/* --- change_cipher_spec --- */

/* RFC 5246 section 6.3: keys, then salts or nonces, the client's first. */
static int
start_flow(struct tls_conn *c, struct tls_flow *f, int by, struct err *e)
{
	const struct tls_aead *aead = c->suite->aead;
	size_t salt = aead->explicit_len > 0 ? SALT_GCM : TLS_IV_LEN;
	uint8_t block[2 * (TLS_KEY_MAX + TLS_IV_LEN)];
	size_t side = by == TLS_BY_SERVER ? 1 : 0;
	struct prf p = { .label = "key expansion", .seed = { random_of(c, TLS_BY_SERVER),
	    random_of(c, TLS_BY_CLIENT) }, .out = block, .n = 2 * (aead->key_len + salt) };
	int rc = -1;

	if (prf(c, master_secret(c), &p, e) == 0 &&
	    tls_flow_start(f, c->suite, f == &c->tx, block + side * aead->key_len, e) == 0) {
		memcpy(f->iv, block + 2 * aead->key_len + side * salt, salt);
		rc = 0;
	}
	wipe(block, sizeof(block));
	return rc;
}

int
tls12_receive_ccs(struct tls_conn *c, struct err *e)
{
	return start_flow(c, &c->rx, TLS_BY_CLIENT, e);
}

int
tls12_send_ccs(struct tls_conn *c, struct err *e)
{
	static const uint8_t one = 1;

	if (tls_record_flush(c, e) == -1 ||
	    tls_record_put(c, TLS_CHANGE_CIPHER_SPEC, span_of(&one, 1), e) == -1)
		return -1;
	return start_flow(c, &c->tx, TLS_BY_SERVER, e);
}

/* --- Finished --- */

static int
compute_finished(struct tls_conn *c, const char *label, uint8_t out[VERIFY_LEN], struct err *e)
{
	struct prf p = { .label = label, .out = out, .n = VERIFY_LEN };
	uint8_t transcript[TLS_HASH_MAX];

	if (tls_transcript_now(&c->hs->transcript, transcript, e) == -1)
		return -1;
	p.seed[0] = span_of(transcript, c->suite->hash->len);
	return prf(c, master_secret(c), &p, e);
}

int
tls12_write_finished(struct tls_conn *c, struct buf *b, struct err *e)
{
	uint8_t data[VERIFY_LEN];

	if (compute_finished(c, "server finished", data, e) == -1)
		return -1;
	buf_put(b, span_of(data, sizeof(data)));
	return 0;
}

int
tls12_read_finished(struct tls_conn *c, struct rd r, struct err *e)
{
	struct span have = rd_bytes(&r, VERIFY_LEN);
	uint8_t want[VERIFY_LEN];

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "Finished: RFC 5246 section 7.4.9: bad length");
	if (compute_finished(c, "client finished", want, e) == -1)
		return -1;
	if (!span_eq_ct(have, span_of(want, sizeof(want))))
		return tls_fail(c, TLS_ALERT_DECRYPT_ERROR, e,
		    "Finished: RFC 5246 section 7.4.9: does not fit the handshake");
	return 0;
}

int
tls12_after_finished(struct tls_conn *c, struct err *e)
{
	wipe(&c->schedule, sizeof(c->schedule));
	return tls_record_flush(c, e);
}

/* --- renegotiation --- */

/* RFC 5246 section 7.2.2: refused by a warning; the connection goes on as it is. */
int
tls12_refuse_renegotiation(struct tls_conn *c, struct rd r UNUSED, struct err *e)
{
	if (tls_count_post(c, e) == -1)
		return -1;
	tls_alert_put(c, 1, TLS_ALERT_NO_RENEGOTIATION);
	return 0;
}
