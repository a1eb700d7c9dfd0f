/*
 * schedule: the key schedule of RFC 8446 section 7.1 and the transcript of
 * section 4.4.1.
 *
 *	PSK or 0 -> early -> handshake (+ key exchange) -> master -> done
 *
 * A secret leaves memory when the next one takes its place, and each step
 * insists on the one before it.
 */
#include <string.h>

#include "tls/private.h"

#define LABEL_PREFIX	"tls13 "
#define INFO_MAX	(2 + 1 + 255 + 1 + 255)

/* --- transcript --- */

void
tls_transcript_init(struct tls_transcript *t)
{
	*t = (struct tls_transcript){ .hash = NULL };
	buf_init(&t->raw, TLS_FLIGHT_MAX * 2);
}

void
tls_transcript_clear(struct tls_transcript *t)
{
	EVP_MD_CTX_free(t->ctx);
	buf_clear(&t->raw);
	tls_transcript_init(t);
}

int
tls_transcript_start(struct tls_transcript *t, const struct tls_hash *hash, struct err *e)
{
	struct span raw = buf_span(&t->raw);

	if (t->hash == hash)
		return 0;
	if (t->hash != NULL)
		return err_set(e, OUT_RETRY, "transcript: a second hash");
	if ((t->ctx = EVP_MD_CTX_new()) == NULL)
		return err_nomem(e);
	if (EVP_DigestInit_ex2(t->ctx, tls_hash_md(hash), NULL) != 1 ||
	    EVP_DigestUpdate(t->ctx, raw.p, raw.n) != 1)
		return tls_crypto_failed(e, "transcript");
	t->hash = hash;
	if (!t->keep)
		buf_clear(&t->raw);
	return 0;
}

int
tls_transcript_add(struct tls_transcript *t, struct span message, struct err *e)
{
	if (t->hash == NULL || t->keep) {
		buf_put(&t->raw, message);
		if (!buf_ok(&t->raw))
			return err_nomem(e);
	}
	if (t->hash != NULL && EVP_DigestUpdate(t->ctx, message.p, message.n) != 1)
		return tls_crypto_failed(e, "transcript");
	return 0;
}

int
tls_transcript_with(const struct tls_transcript *t, struct span more, uint8_t out[TLS_HASH_MAX],
    struct err *e)
{
	EVP_MD_CTX *copy;
	int rc = -1;

	if (t->hash == NULL)
		return err_set(e, OUT_RETRY, "transcript: no hash yet");
	if ((copy = EVP_MD_CTX_new()) == NULL)
		return err_nomem(e);
	if (EVP_MD_CTX_copy_ex(copy, t->ctx) != 1 ||
	    EVP_DigestUpdate(copy, more.p, more.n) != 1 ||
	    EVP_DigestFinal_ex(copy, out, NULL) != 1)
		tls_crypto_failed(e, "transcript");
	else
		rc = 0;
	EVP_MD_CTX_free(copy);
	return rc;
}

int
tls_transcript_now(const struct tls_transcript *t, uint8_t out[TLS_HASH_MAX], struct err *e)
{
	return tls_transcript_with(t, SPAN_NONE, out, e);
}

int
tls_transcript_retry(struct tls_transcript *t, struct err *e)
{
	uint8_t message[TLS_MESSAGE_HEADER + TLS_HASH_MAX] = { TLS_MSG_MESSAGE_HASH };

	if (tls_transcript_now(t, message + TLS_MESSAGE_HEADER, e) == -1)
		return -1;
	message[3] = (uint8_t)t->hash->len;
	if (EVP_DigestInit_ex2(t->ctx, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(t->ctx, message, TLS_MESSAGE_HEADER + t->hash->len) != 1)
		return tls_crypto_failed(e, "transcript");
	return 0;
}

/* --- HKDF-Expand-Label and Derive-Secret --- */

int
tls_expand_label(const struct tls_hash *hash, const uint8_t *secret, const struct tls_label *l,
    struct err *e)
{
	uint8_t info[INFO_MAX];
	size_t prefix = strlen(LABEL_PREFIX), len = strlen(l->label), n = 0;

	if (prefix + len > 255 || l->context.n > 255 || l->n > UINT16_MAX)
		return err_set(e, OUT_RETRY, "HKDF-Expand-Label: %s: too long", l->label);
	info[n++] = (uint8_t)(l->n >> 8);
	info[n++] = (uint8_t)l->n;
	info[n++] = (uint8_t)(prefix + len);
	memcpy(info + n, LABEL_PREFIX, prefix);
	memcpy(info + n + prefix, l->label, len);
	n += prefix + len;
	info[n++] = (uint8_t)l->context.n;
	if (l->context.n > 0)
		memcpy(info + n, l->context.p, l->context.n);
	n += l->context.n;
	if (tls_hkdf_expand(hash, span_of(secret, hash->len), span_of(info, n), l->out, l->n) == -1)
		return tls_crypto_failed(e, l->label);
	return 0;
}

/* Derive-Secret with the hash of the messages; NULL stands for no messages. */
static int
derive(const struct tls_schedule *s, const char *label, const uint8_t *transcript, uint8_t *out,
    struct err *e)
{
	uint8_t nothing[TLS_SIGN_HASH_MAX];

	if (transcript == NULL) {
		if (tls_digest(s->hash, NULL, 0, nothing, e) == -1)
			return -1;
		transcript = nothing;
	}
	return tls_expand_label(s->hash, s->secret, &(struct tls_label){ label,
	    span_of(transcript, s->hash->len), out, s->hash->len }, e);
}

/* --- the stages --- */

static int
insist(const struct tls_schedule *s, enum tls_stage stage, struct err *e)
{
	if (s->stage != stage)
		return err_set(e, OUT_RETRY, "key schedule: step %d after %d", (int)stage + 1,
		    (int)s->stage);
	return 0;
}

/* On to the next of the three secrets; ikm empty is a string of zeros. */
static int
extract_next(struct tls_schedule *s, struct span ikm, struct err *e)
{
	static const uint8_t zeros[TLS_HASH_MAX];
	uint8_t salt[TLS_HASH_MAX];
	int rc = -1;

	if (ikm.n == 0)
		ikm = span_of(zeros, s->hash->len);
	if (derive(s, "derived", NULL, salt, e) == 0) {
		rc = tls_hkdf_extract(s->hash, span_of(salt, s->hash->len), ikm, s->secret);
		if (rc == -1)
			tls_crypto_failed(e, "HKDF-Extract");
	}
	wipe(salt, sizeof(salt));
	return rc;
}

int
tls_schedule_early(struct tls_schedule *s, const struct tls_hash *hash, struct span psk,
    struct err *e)
{
	static const uint8_t zeros[TLS_HASH_MAX];

	if (insist(s, TLS_STAGE_NONE, e) == -1)
		return -1;
	s->hash = hash;
	if (psk.n == 0)
		psk = span_of(zeros, hash->len);
	if (tls_hkdf_extract(hash, SPAN_NONE, psk, s->secret) == -1)
		return tls_crypto_failed(e, "HKDF-Extract");
	s->stage = TLS_STAGE_EARLY;
	return 0;
}

int
tls_schedule_handshake(struct tls_schedule *s, struct span shared, const uint8_t *transcript,
    struct err *e)
{
	if (insist(s, TLS_STAGE_EARLY, e) == -1 || extract_next(s, shared, e) == -1 ||
	    derive(s, "c hs traffic", transcript, s->handshake[TLS_BY_CLIENT], e) == -1 ||
	    derive(s, "s hs traffic", transcript, s->handshake[TLS_BY_SERVER], e) == -1)
		return -1;
	s->stage = TLS_STAGE_HANDSHAKE;
	return 0;
}

int
tls_schedule_master(struct tls_schedule *s, const uint8_t *transcript, struct err *e)
{
	if (insist(s, TLS_STAGE_HANDSHAKE, e) == -1 || extract_next(s, SPAN_NONE, e) == -1 ||
	    derive(s, "c ap traffic", transcript, s->traffic[TLS_BY_CLIENT], e) == -1 ||
	    derive(s, "s ap traffic", transcript, s->traffic[TLS_BY_SERVER], e) == -1 ||
	    derive(s, "exp master", transcript, s->exporter, e) == -1)
		return -1;
	s->stage = TLS_STAGE_MASTER;
	return 0;
}

int
tls_schedule_done(struct tls_schedule *s, const uint8_t *transcript, struct err *e)
{
	if (insist(s, TLS_STAGE_MASTER, e) == -1 ||
	    derive(s, "res master", transcript, s->resumption, e) == -1)
		return -1;
	wipe(s->secret, sizeof(s->secret));
	wipe(s->handshake, sizeof(s->handshake));
	s->stage = TLS_STAGE_DONE;
	return 0;
}

int
tls_schedule_update(struct tls_schedule *s, int by, struct err *e)
{
	uint8_t next[TLS_HASH_MAX];
	int rc = -1;

	if (insist(s, TLS_STAGE_DONE, e) == -1)
		return -1;
	if (tls_expand_label(s->hash, s->traffic[by], &(struct tls_label){ "traffic upd",
	    SPAN_NONE, next, s->hash->len }, e) == 0) {
		memcpy(s->traffic[by], next, s->hash->len);
		rc = 0;
	}
	wipe(next, sizeof(next));
	return rc;
}

/* --- what is made of the secrets --- */

int
tls_finished_mac(const struct tls_hash *hash, const uint8_t *base_key, const uint8_t *transcript,
    uint8_t *out, struct err *e)
{
	uint8_t key[TLS_HASH_MAX];
	struct span content = span_of(transcript, hash->len);
	int rc = -1;

	if (tls_expand_label(hash, base_key, &(struct tls_label){ "finished", SPAN_NONE, key,
	    hash->len }, e) == 0) {
		rc = tls_hmac(hash, span_of(key, hash->len), &content, 1, out);
		if (rc == -1)
			tls_crypto_failed(e, "Finished");
	}
	wipe(key, sizeof(key));
	return rc;
}

int
tls_schedule_binder(const struct tls_schedule *s, const uint8_t *transcript, uint8_t *out,
    struct err *e)
{
	uint8_t key[TLS_HASH_MAX];
	int rc = -1;

	if (insist(s, TLS_STAGE_EARLY, e) == -1)
		return -1;
	if (derive(s, "res binder", NULL, key, e) == 0)
		rc = tls_finished_mac(s->hash, key, transcript, out, e);
	wipe(key, sizeof(key));
	return rc;
}

int
tls_schedule_psk(const struct tls_schedule *s, struct span nonce, uint8_t *out, struct err *e)
{
	if (insist(s, TLS_STAGE_DONE, e) == -1)
		return -1;
	return tls_expand_label(s->hash, s->resumption, &(struct tls_label){ "resumption", nonce,
	    out, s->hash->len }, e);
}
