/*
 * auth: EncryptedExtensions, CertificateRequest, Certificate,
 * CertificateVerify and Finished. RFC 8446 sections 4.3 and 4.4.
 */
#include <string.h>

#include "tls/private.h"

#define CONTEXT_PAD	64
#define CONTEXT_MAX	(CONTEXT_PAD + 40)

/* The sender of the message at hand. */
static int
sender(const struct tls_conn *c, bool is_ours)
{
	return c->is_server == is_ours ? TLS_BY_SERVER : TLS_BY_CLIENT;
}

/* --- EncryptedExtensions --- */

int
tls_write_encrypted_extensions(struct tls_conn *c, struct buf *b, struct err *e)
{
	return tls_extensions_write(c, TLS_IN_EE, b, e);
}

int
tls_read_encrypted_extensions(struct tls_conn *c, struct rd r, struct err *e)
{
	struct span block = rd_vec16(&r);

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "EncryptedExtensions: RFC 8446 section 4.3.1: bad length");
	return tls_extensions_read(c, TLS_IN_EE, block, e);
}

/* --- CertificateRequest --- */

int
tls_write_certificate_request(struct tls_conn *c, struct buf *b, struct err *e)
{
	buf_u8(b, 0);
	return tls_extensions_write(c, TLS_IN_CR, b, e);
}

int
tls_read_certificate_request(struct tls_conn *c, struct rd r, struct err *e)
{
	struct tls_handshake *hs = c->hs;
	const struct tls_identity *const *id = c->cfg->identities;
	struct span context = rd_vec8(&r), block = rd_vec16(&r), found;

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "CertificateRequest: RFC 8446 section 4.3.2: bad length");
	if (context.n != 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "CertificateRequest: RFC 8446 section 4.3.2: a context in the handshake");
	if (tls_extensions_read(c, TLS_IN_CR, block, e) == -1)
		return -1;
	if (!tls_extension_find(block, TLS_EXT_SIGNATURES, &found))
		return tls_fail(c, TLS_ALERT_MISSING_EXTENSION, e,
		    "CertificateRequest: RFC 8446 section 4.3.2: no signature_algorithms");
	for (; id != NULL && *id != NULL && hs->scheme == NULL; id++)
		if ((hs->scheme = tls_choose_scheme(*id, hs->peer_schemes, TLS_1_3)) != NULL)
			hs->identity = *id;
	return 0;
}

/* --- Certificate --- */

int
tls_write_certificate(struct tls_conn *c, struct buf *b, struct err *e UNUSED)
{
	struct tls_handshake *hs = c->hs;
	size_t mark;

	buf_u8(b, 0);	/* the context, always empty in the handshake */
	mark = buf_open(b, 3);
	if (hs->identity != NULL)
		buf_put(b, buf_span(&hs->identity->list_13));
	buf_close(b, mark, 3);
	if (!c->is_server && hs->identity != NULL)
		hs->course |= TLS_COURSE_PROVED;
	return 0;
}

int
tls_peer_chain_add(struct tls_conn *c, struct span der, struct err *e)
{
	if (der.n == 0)
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "Certificate: RFC 8446 section 4.4.2: an empty certificate");
	if (c->npeer_certs == TLS_CHAIN_MAX)
		return tls_fail(c, TLS_ALERT_BAD_CERTIFICATE, e,
		    "Certificate: more than %d certificates", TLS_CHAIN_MAX);
	buf_put(&c->peer_chain, der);
	if (!buf_ok(&c->peer_chain))
		return err_nomem(e);
	c->peer_certs[c->npeer_certs++].n = der.n;
	return 0;
}

int
tls_peer_chain_take(struct tls_conn *c, struct err *e)
{
	const struct tls_config *cfg = c->cfg;
	struct rd r = rd_of(buf_span(&c->peer_chain));
	uint8_t alert = TLS_ALERT_BAD_CERTIFICATE;

	/* Only now does the memory stay where it is. */
	for (size_t i = 0; i < c->npeer_certs; i++)
		c->peer_certs[i] = rd_bytes(&r, c->peer_certs[i].n);
	if (tls_cert_key(c->peer_certs[0], &c->hs->peer_key, e) == -1)
		return e->class != OUT_REFUSE ? -1 : tls_fail(c, TLS_ALERT_BAD_CERTIFICATE, e,
		    "Certificate: RFC 8446 section 4.4.2: the first is no X.509 certificate");
	if ((c->hs->peer_kind = tls_key_kind(c->hs->peer_key)) == TLS_KEY_NONE)
		return tls_fail(c, TLS_ALERT_UNSUPPORTED_CERTIFICATE, e,
		    "Certificate: RFC 8446 section 4.4.2.2: a key of unknown kind");
	if (cfg->verify(cfg->verify_arg, c->peer_certs, c->npeer_certs, &alert, e) == -1) {
		c->alert = alert;
		return -1;
	}
	return 0;
}

/* RFC 8446 section 4.4.2.4. */
static int
take_empty_chain(struct tls_conn *c, struct err *e)
{
	if (!c->is_server)
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "Certificate: RFC 8446 section 4.4.2.4: the server's is empty");
	if (c->cfg->client_auth == TLS_CLIENT_AUTH_REQUIRE)
		return tls_fail(c, TLS_ALERT_CERTIFICATE_REQUIRED, e,
		    "Certificate: RFC 8446 section 4.4.2.4: the client's is required");
	return 0;
}

int
tls_read_certificate(struct tls_conn *c, struct rd r, struct err *e)
{
	struct span context = rd_vec8(&r), der, block;
	struct rd list = rd_of(rd_vec24(&r));

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "Certificate: RFC 8446 section 4.4.2: bad length");
	if (context.n != 0)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "Certificate: RFC 8446 section 4.4.2: a context that is not the request's");
	if (list.n == 0)
		return take_empty_chain(c, e);
	while (list.n > 0) {
		der = rd_vec24(&list);
		block = rd_vec16(&list);
		if (!rd_ok(&list))
			return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
			    "Certificate: RFC 8446 section 4.4.2: bad length");
		if (tls_extensions_read(c, TLS_IN_CT, block, e) == -1 ||
		    tls_peer_chain_add(c, der, e) == -1)
			return -1;
	}
	if (c->is_server)
		c->hs->course |= TLS_COURSE_PROVED;
	return tls_peer_chain_take(c, e);
}

/* --- CertificateVerify --- */

/* RFC 8446 section 4.4.3: 64 spaces, who signs, a zero; the transcript's hash follows. */
static struct span
signed_context(int by, uint8_t out[CONTEXT_MAX])
{
	const char *context = by == TLS_BY_SERVER ? "TLS 1.3, server CertificateVerify" :
	    "TLS 1.3, client CertificateVerify";
	size_t n = strlen(context) + 1;

	memset(out, ' ', CONTEXT_PAD);
	memcpy(out + CONTEXT_PAD, context, n);
	return span_of(out, CONTEXT_PAD + n);
}

int
tls_write_signature(struct tls_conn *c, struct buf *b, const struct span content[2], struct err *e)
{
	struct tls_handshake *hs = c->hs;
	size_t mark;
	int rc;

	if (c->is_server)
		c->scheme = hs->scheme;
	buf_u16(b, hs->scheme->id);
	mark = buf_open(b, 2);
	rc = tls_sign(hs->scheme, hs->identity->sign[hs->scheme->index], content, b, e);
	buf_close(b, mark, 2);
	return rc;
}

int
tls_read_signature(struct tls_conn *c, struct rd r, const struct span content[2], struct err *e)
{
	uint16_t id = rd_u16(&r);
	struct span signature = rd_vec16(&r);
	const struct tls_scheme *s = tls_scheme_find(id);

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "CertificateVerify: RFC 8446 section 4.4.3: bad length");
	if (s == NULL || (tls_scheme_set(c->cfg->signatures) & UINT32_C(1) << s->index) == 0 ||
	    !tls_scheme_fits(s, c->hs->peer_kind, EVP_PKEY_get_size(c->hs->peer_key), c->version))
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e, "CertificateVerify: RFC 8446 "
		    "section 4.4.3: scheme %04x: not offered, or not for this key", id);
	if (tls_verify_signature(s, c->hs->peer_key, content, signature, e) == -1)
		return e->class != OUT_REFUSE ? -1 : tls_fail(c, TLS_ALERT_DECRYPT_ERROR, e,
		    "CertificateVerify: RFC 8446 section 4.4.3: the signature does not hold");
	if (!c->is_server)
		c->scheme = s;
	return 0;
}

int
tls_write_certificate_verify(struct tls_conn *c, struct buf *b, struct err *e)
{
	uint8_t context[CONTEXT_MAX], transcript[TLS_HASH_MAX];
	struct span content[2] = {
		signed_context(sender(c, true), context),
		span_of(transcript, c->suite->hash->len),
	};

	if (tls_transcript_now(&c->hs->transcript, transcript, e) == -1)
		return -1;
	return tls_write_signature(c, b, content, e);
}

int
tls_read_certificate_verify(struct tls_conn *c, struct rd r, struct err *e)
{
	uint8_t context[CONTEXT_MAX], transcript[TLS_HASH_MAX];
	struct span content[2] = {
		signed_context(sender(c, false), context),
		span_of(transcript, c->suite->hash->len),
	};

	if (tls_transcript_now(&c->hs->transcript, transcript, e) == -1)
		return -1;
	return tls_read_signature(c, r, content, e);
}

/* --- Finished --- */

static int
compute_finished(struct tls_conn *c, int by, uint8_t out[TLS_HASH_MAX], struct err *e)
{
	uint8_t transcript[TLS_HASH_MAX];

	if (tls_transcript_now(&c->hs->transcript, transcript, e) == -1)
		return -1;
	return tls_finished_mac(c->suite->hash, c->schedule.handshake[by], transcript, out, e);
}

int
tls_write_finished(struct tls_conn *c, struct buf *b, struct err *e)
{
	uint8_t mac[TLS_HASH_MAX];

	if (compute_finished(c, sender(c, true), mac, e) == -1)
		return -1;
	buf_put(b, span_of(mac, c->suite->hash->len));
	return 0;
}

int
tls_read_finished(struct tls_conn *c, struct rd r, struct err *e)
{
	struct span have = rd_bytes(&r, c->suite->hash->len);
	uint8_t want[TLS_HASH_MAX];

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "Finished: RFC 8446 section 4.4.4: bad length");
	if (compute_finished(c, sender(c, false), want, e) == -1)
		return -1;
	if (!span_eq_ct(have, span_of(want, have.n)))
		return tls_fail(c, TLS_ALERT_DECRYPT_ERROR, e,
		    "Finished: RFC 8446 section 4.4.4: does not fit the handshake");
	return 0;
}

/* Application keys from the server's Finished on: RFC 8446 appendix A. */
int
tls_after_server_finished(struct tls_conn *c, struct err *e)
{
	struct tls_schedule *s = &c->schedule;
	uint8_t transcript[TLS_HASH_MAX];

	if (tls_transcript_now(&c->hs->transcript, transcript, e) == -1 ||
	    tls_schedule_master(s, transcript, e) == -1)
		return -1;
	if (c->is_server)
		return tls_keys_send(c, s->traffic[TLS_BY_SERVER], e);
	if (tls_keys_receive(c, s->traffic[TLS_BY_SERVER], e) == -1)
		return -1;
	return tls_compatible_ccs(c, e);
}

int
tls_after_client_finished(struct tls_conn *c, struct err *e)
{
	struct tls_schedule *s = &c->schedule;
	uint8_t transcript[TLS_HASH_MAX];

	if (tls_transcript_now(&c->hs->transcript, transcript, e) == -1 ||
	    tls_schedule_done(s, transcript, e) == -1)
		return -1;
	if (!c->is_server)
		return tls_keys_send(c, s->traffic[TLS_BY_CLIENT], e);
	if (tls_keys_receive(c, s->traffic[TLS_BY_CLIENT], e) == -1)
		return -1;
	return tls_tickets_first(c, e);
}

void
tls_opened(struct tls_conn *c)
{
	tls_handshake_free(c->hs);
	c->hs = NULL;
	c->state = TLS_OPEN;
}
