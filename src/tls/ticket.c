/*
 * ticket: resumption and KeyUpdate. RFC 8446 sections 2.2, 4.2.11, 4.6.1
 * and 4.6.3.
 *
 * A server keeps nothing per session, everything is in the ticket:
 *
 *	name of the key (8)  nonce (12)  AES-256-GCM(suite issued born psk sni)
 *
 * born is the time of the full handshake: resumption after resumption ends a
 * week after it.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

#define LIFETIME_MAX	604800		/* RFC 8446 section 4.6.1: seven days */
#define NAME_LEN	8
#define TICKET_SUITE	0x1302		/* whose AEAD wraps tickets */
#define TICKET_MAX	1024
#define OPENS_MAX	4		/* tickets of one ClientHello that are tried */
#define TICKETS_DEFAULT	2
#define NONCE_LEN	4

/* --- ticket keys --- */

struct ticket_key {
	uint8_t		 name[NAME_LEN];
	EVP_CIPHER_CTX	*seal, *open;
	int64_t		 made_ms;
};

struct tls_tickets {
	struct ticket_key now, before;
	uint32_t	  lifetime;	/* seconds */
};

static void
clear_key(struct ticket_key *k)
{
	EVP_CIPHER_CTX_free(k->seal);
	EVP_CIPHER_CTX_free(k->open);
	wipe(k, sizeof(*k));
}

static int
new_key(const struct tls_conn *c, struct ticket_key *k, struct err *e)
{
	const struct tls_aead *aead = tls_suite_find(TICKET_SUITE)->aead;
	uint8_t secret[TLS_KEY_MAX];
	int rc = -1;

	*k = (struct ticket_key){ .made_ms = tls_now_ms(c) };
	if (tls_random(c, secret, sizeof(secret), e) == -1 ||
	    tls_random(c, k->name, sizeof(k->name), e) == -1)
		goto out;
	k->seal = tls_aead_new(aead, secret, true);
	k->open = tls_aead_new(aead, secret, false);
	if (k->seal == NULL || k->open == NULL) {
		clear_key(k);
		err_nomem(e);
		goto out;
	}
	rc = 0;
out:
	wipe(secret, sizeof(secret));
	return rc;
}

int
tls_tickets_new(uint32_t lifetime, struct tls_tickets **out, struct err *e)
{
	*out = NULL;
	if (lifetime == 0 || lifetime > LIFETIME_MAX)
		return err_set(e, OUT_HOLD, "tickets: RFC 8446 section 4.6.1: want 1 to %d seconds",
		    LIFETIME_MAX);
	if ((*out = calloc(1, sizeof(**out))) == NULL)
		return err_nomem(e);
	(*out)->lifetime = lifetime;
	return 0;
}

void
tls_tickets_free(struct tls_tickets *t)
{
	if (t == NULL)
		return;
	clear_key(&t->now);
	clear_key(&t->before);
	free(t);
}

/*
 * A key older than a lifetime makes place for a new one; one that has been replaced
 * so long is gone.
 */
static int
turn_keys(const struct tls_conn *c, struct err *e)
{
	struct tls_tickets *t = c->cfg->tickets;
	int64_t age = tls_now_ms(c) - t->now.made_ms, lifetime_ms = (int64_t)t->lifetime * 1000;
	struct ticket_key fresh;

	if (t->now.seal != NULL && age >= 0 && age < lifetime_ms)
		return 0;
	if (new_key(c, &fresh, e) == -1)
		return -1;
	clear_key(&t->before);
	if (age >= 0 && age < 2 * lifetime_ms)
		t->before = t->now;
	else
		clear_key(&t->now);
	t->now = fresh;
	return 0;
}

/* --- tickets --- */

/* What a ticket says. */
struct ticket {
	const struct tls_suite	*suite;
	int64_t			 issued_ms, born_ms;
	struct span		 psk, sni;
};

static void
write_plain_ticket(const struct tls_conn *c, struct span psk, struct buf *b)
{
	size_t mark;

	buf_u16(b, c->suite->id);
	buf_u64(b, (uint64_t)tls_now_ms(c));
	buf_u64(b, (uint64_t)c->born_ms);
	mark = buf_open(b, 1);
	buf_put(b, psk);
	buf_close(b, mark, 1);
	mark = buf_open(b, 1);
	buf_str(b, c->sni);
	buf_close(b, mark, 1);
}

static bool
read_plain_ticket(struct span plain, struct ticket *t)
{
	struct rd r = rd_of(plain);

	t->suite = tls_suite_find(rd_u16(&r));
	t->issued_ms = (int64_t)rd_u64(&r);
	t->born_ms = (int64_t)rd_u64(&r);
	t->psk = rd_vec8(&r);
	t->sni = rd_vec8(&r);
	return rd_end(&r) && t->suite != NULL;
}

static int
seal_ticket(const struct tls_conn *c, struct span psk, struct buf *out, struct err *e)
{
	const struct ticket_key *k = &c->cfg->tickets->now;
	uint8_t nonce[TLS_IV_LEN];
	struct tls_aead_io io = { .nonce = nonce, .aad = span_of(k->name, NAME_LEN) };
	struct buf plain;
	int rc = -1;

	buf_init(&plain, TICKET_MAX);
	write_plain_ticket(c, psk, &plain);
	io.in = buf_span(&plain);
	if (tls_random(c, nonce, sizeof(nonce), e) == -1)
		goto out;
	buf_put(out, span_of(k->name, NAME_LEN));
	buf_put(out, span_of(nonce, sizeof(nonce)));
	io.out = buf_room(out, io.in.n + TLS_TAG_LEN);
	if (!buf_ok(&plain) || io.out == NULL) {
		err_nomem(e);
		goto out;
	}
	if (tls_aead_seal(k->seal, &io) == -1) {
		tls_crypto_failed(e, "ticket");
		goto out;
	}
	buf_added(out, io.in.n + TLS_TAG_LEN);
	rc = 0;
out:
	buf_clear(&plain);
	return rc;
}

/* Into plain, which t points into. False for whatever is no ticket of ours. */
static bool
open_ticket(const struct tls_conn *c, struct span identity, struct buf *plain, struct ticket *t)
{
	const struct tls_tickets *keys = c->cfg->tickets;
	struct rd r = rd_of(identity);
	struct span name = rd_bytes(&r, NAME_LEN), nonce = rd_bytes(&r, TLS_IV_LEN);
	struct tls_aead_io io = { .nonce = nonce.p, .aad = name, .in = rd_rest(&r) };
	const struct ticket_key *k;

	buf_reset(plain);
	if (span_eq(name, span_of(keys->now.name, NAME_LEN)))
		k = &keys->now;
	else if (keys->before.open != NULL && span_eq(name, span_of(keys->before.name, NAME_LEN)))
		k = &keys->before;
	else
		return false;
	if (!rd_ok(&r) || io.in.n < TLS_TAG_LEN || (io.out = buf_room(plain, io.in.n)) == NULL ||
	    tls_aead_open(k->open, &io) == -1)
		return false;
	buf_added(plain, io.in.n - TLS_TAG_LEN);
	return read_plain_ticket(buf_span(plain), t);
}

/* May it be used now, for this name and with this suite? RFC 8446 sections 4.2.11 and 4.6.1. */
static bool
is_usable(const struct tls_conn *c, const struct ticket *t)
{
	int64_t now = tls_now_ms(c), lifetime_ms = (int64_t)c->cfg->tickets->lifetime * 1000;

	return t->suite->version == TLS_1_3 && t->suite->hash == c->suite->hash &&
	    t->psk.n == c->suite->hash->len && span_is(t->sni, c->sni) &&
	    now >= t->issued_ms && now - t->issued_ms < lifetime_ms &&
	    now - t->born_ms < (int64_t)LIFETIME_MAX * 1000;
}

/* --- pre_shared_key, the server's side --- */

/* The list has as many entries as the identities; the binder of one of them. */
static int
read_binders(struct tls_conn *c, unsigned n, unsigned wanted, struct span *out, struct err *e)
{
	struct rd r = rd_of(c->hs->offer.psk_binders);
	struct span binder;
	unsigned i;

	for (i = 0; r.n > 0; i++) {
		binder = rd_vec8(&r);
		if (!rd_ok(&r) || binder.n < 32)
			return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
			    "pre_shared_key: RFC 8446 section 4.2.11: bad binder");
		if (i == wanted)
			*out = binder;
	}
	if (i != n)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "pre_shared_key: RFC 8446 section 4.2.11: %u identities, %u binders", n, i);
	return 0;
}

/* Through all identities; *found is the first whose ticket can be used, in t and plain. */
static int
read_identities(struct tls_conn *c, unsigned *n, struct buf *plain, struct ticket *found,
    struct err *e)
{
	struct rd r = rd_of(c->hs->offer.psk_identities);
	struct ticket t;
	struct span identity;
	bool may_look = c->cfg->tickets != NULL && c->hs->offer.wants_dhe_psk &&
	    c->cfg->client_auth == TLS_CLIENT_AUTH_NONE;

	for (*n = 0; r.n > 0; ++*n) {
		identity = rd_vec16(&r);
		(void)rd_u32(&r);	/* the age is for 0-RTT only */
		if (!rd_ok(&r) || identity.n == 0)
			return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
			    "pre_shared_key: RFC 8446 section 4.2.11: bad identity");
		if (may_look && found->suite == NULL && *n < OPENS_MAX &&
		    open_ticket(c, identity, plain, &t) && is_usable(c, &t)) {
			c->hs->psk_index = *n;
			*found = t;
		}
	}
	return 0;
}

static int
check_binder(struct tls_conn *c, struct span binder, struct err *e)
{
	const struct tls_handshake *hs = c->hs;
	uint8_t transcript[TLS_HASH_MAX], want[TLS_HASH_MAX];

	if (tls_transcript_with(&hs->transcript, span_of(hs->message.p, hs->offer.truncated),
	    transcript, e) == -1 ||
	    tls_schedule_binder(&c->schedule, transcript, want, e) == -1)
		return -1;
	if (!span_eq_ct(binder, span_of(want, c->suite->hash->len)))
		return tls_fail(c, TLS_ALERT_DECRYPT_ERROR, e,
		    "pre_shared_key: RFC 8446 section 4.2.11.2: the binder does not hold");
	return 0;
}

int
tls_psk_accept(struct tls_conn *c, struct err *e)
{
	const struct tls_hash *hash = c->suite->hash;
	struct ticket t = { .suite = NULL };
	struct span binder = SPAN_NONE;
	struct buf plain;
	unsigned n;
	int rc = -1;

	c->born_ms = c->cfg->tickets != NULL ? tls_now_ms(c) : 0;
	if (c->hs->offer.psk_identities.n == 0)
		return tls_schedule_early(&c->schedule, hash, SPAN_NONE, e);
	buf_init(&plain, TICKET_MAX);
	if ((c->cfg->tickets != NULL && turn_keys(c, e) == -1) ||
	    read_identities(c, &n, &plain, &t, e) == -1 ||
	    read_binders(c, n, c->hs->psk_index, &binder, e) == -1 ||
	    tls_schedule_early(&c->schedule, hash, t.psk, e) == -1)
		goto out;
	if (t.suite != NULL) {
		if (check_binder(c, binder, e) == -1)
			goto out;
		c->hs->course |= TLS_COURSE_PSK;
		c->resumed = true;
		c->born_ms = t.born_ms;
	}
	rc = 0;
out:
	buf_clear(&plain);
	return rc;
}

/* --- NewSessionTicket --- */

/* RFC 8446 section 4.6.1. */
static int
write_ticket(struct tls_conn *c, struct buf *b, struct err *e)
{
	uint8_t age_add[4], psk[TLS_HASH_MAX], nonce[NONCE_LEN];
	size_t mark;
	int rc = -1;

	c->ntickets++;
	for (int i = 0; i < NONCE_LEN; i++)
		nonce[i] = (uint8_t)(c->ntickets >> (24 - 8 * i));
	if (tls_random(c, age_add, sizeof(age_add), e) == -1 ||
	    tls_schedule_psk(&c->schedule, span_of(nonce, NONCE_LEN), psk, e) == -1)
		return -1;
	buf_u32(b, c->cfg->tickets->lifetime);
	buf_put(b, span_of(age_add, sizeof(age_add)));
	mark = buf_open(b, 1);
	buf_put(b, span_of(nonce, NONCE_LEN));
	buf_close(b, mark, 1);
	mark = buf_open(b, 2);
	rc = seal_ticket(c, span_of(psk, c->suite->hash->len), b, e);
	buf_close(b, mark, 2);
	buf_u16(b, 0);
	wipe(psk, sizeof(psk));
	return rc;
}

int
tls_tickets_put(struct tls_conn *c, unsigned n, struct err *e)
{
	if (turn_keys(c, e) == -1)
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (tls_message_put(c, TLS_MSG_NEW_SESSION_TICKET, write_ticket, false, e) == -1)
			return -1;
	return 0;
}

/* Tickets are for clients that can use them, and that need not show a certificate again. */
int
tls_tickets_first(struct tls_conn *c, struct err *e)
{
	const struct tls_config *cfg = c->cfg;

	if (cfg->tickets == NULL || !c->takes_tickets || cfg->client_auth != TLS_CLIENT_AUTH_NONE)
		return 0;
	return tls_tickets_put(c, cfg->tickets_sent != 0 ? cfg->tickets_sent : TICKETS_DEFAULT, e);
}

/*
 * What a client keeps: suite, lifetime and age_add, time of receipt, secret,
 * ticket, name. The last ticket is the best.
 */
int
tls_read_ticket(struct tls_conn *c, struct rd r, struct err *e)
{
	uint32_t lifetime = rd_u32(&r), age_add = rd_u32(&r);
	struct span nonce = rd_vec8(&r), ticket = rd_vec16(&r), block = rd_vec16(&r);
	uint8_t psk[TLS_HASH_MAX];
	struct buf *b = &c->session;
	size_t mark;

	if (!rd_end(&r) || ticket.n == 0)
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "NewSessionTicket: RFC 8446 section 4.6.1: bad length");
	if (tls_count_post(c, e) == -1 || tls_extensions_read(c, TLS_IN_NST, block, e) == -1)
		return -1;
	if (lifetime > LIFETIME_MAX)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "NewSessionTicket: RFC 8446 section 4.6.1: lifetime %u", lifetime);
	if (lifetime == 0)
		return 0;
	if (tls_schedule_psk(&c->schedule, nonce, psk, e) == -1)
		return -1;
	buf_reset(b);
	buf_u16(b, c->suite->id);
	buf_u32(b, lifetime);
	buf_u32(b, age_add);
	buf_u64(b, (uint64_t)tls_now_ms(c));
	buf_u8(b, (uint8_t)c->suite->hash->len);
	buf_put(b, span_of(psk, c->suite->hash->len));
	wipe(psk, sizeof(psk));
	mark = buf_open(b, 2);
	buf_put(b, ticket);
	buf_close(b, mark, 2);
	buf_str(b, c->sni);
	return buf_ok(b) ? 0 : err_nomem(e);
}

/* --- pre_shared_key, the client's side --- */

int
tls_psk_load(struct tls_conn *c, struct span session, struct err *e)
{
	struct tls_handshake *hs = c->hs;
	struct rd r = rd_of(session);
	const struct tls_suite *suite = tls_suite_find(rd_u16(&r));
	uint32_t lifetime = rd_u32(&r), age_add = rd_u32(&r);
	int64_t age = tls_now_ms(c) - (int64_t)rd_u64(&r);
	struct span psk = rd_vec8(&r), ticket = rd_vec16(&r), sni = rd_rest(&r);

	if (session.n == 0)
		return 0;
	if (!rd_end(&r) || suite == NULL || psk.n != suite->hash->len || ticket.n == 0)
		return err_set(e, OUT_HOLD, "tls: this is no session");
	/*
	 * RFC 8446 section 4.6.1: not after its time, not for another name; and some
	 * suite has its hash.
	 */
	if (age < 0 || age >= (int64_t)lifetime * 1000 || !span_is(sni, c->sni) ||
	    (tls_suite_set(c->cfg->suites) & UINT32_C(1) << (suite - tls_suites)) == 0)
		return 0;
	buf_put(&hs->ticket, ticket);
	memcpy(hs->psk, psk.p, psk.n);
	hs->psk_hash = suite->hash;
	hs->psk_age = (uint32_t)age + age_add;
	return buf_ok(&hs->ticket) ? 0 : err_nomem(e);
}

int
tls_psk_bind(struct tls_conn *c, struct buf *b, size_t start, struct err *e)
{
	const struct tls_handshake *hs = c->hs;
	const struct tls_hash *hash = hs->psk_hash;
	struct tls_schedule early = { .stage = TLS_STAGE_NONE };
	uint8_t transcript[TLS_HASH_MAX];
	struct span truncated;
	int rc;

	if (hash == NULL)
		return 0;
	/* Two octets of length for the list, one for the binder. */
	truncated = span_of(b->p + start, b->n - start - hash->len - 3);
	if (hs->transcript.hash != NULL)
		rc = tls_transcript_with(&hs->transcript, truncated, transcript, e);
	else
		rc = tls_digest(hash, &truncated, 1, transcript, e);
	if (rc == 0)
		rc = tls_schedule_early(&early, hash, span_of(hs->psk, hash->len), e);
	if (rc == 0)
		rc = tls_schedule_binder(&early, transcript, b->p + b->n - hash->len, e);
	wipe(&early, sizeof(early));
	return rc;
}

/* --- KeyUpdate --- */

int
tls_count_post(struct tls_conn *c, struct err *e)
{
	if (++c->nposts > TLS_POSTS_MAX)
		return tls_fail(c, TLS_ALERT_UNEXPECTED_MESSAGE, e,
		    "handshake: more than %d messages in a row after its end", TLS_POSTS_MAX);
	return 0;
}

static int
write_update(struct tls_conn *c UNUSED, struct buf *b, struct err *e UNUSED)
{
	buf_u8(b, 0);
	return 0;
}

static int
write_update_asking(struct tls_conn *c UNUSED, struct buf *b, struct err *e UNUSED)
{
	buf_u8(b, 1);
	return 0;
}

int
tls_update_put(struct tls_conn *c, bool ask, struct err *e)
{
	int us = c->is_server ? TLS_BY_SERVER : TLS_BY_CLIENT;

	c->owes_update = false;
	if (tls_message_put(c, TLS_MSG_KEY_UPDATE, ask ? write_update_asking : write_update, false,
	    e) == -1 ||
	    tls_schedule_update(&c->schedule, us, e) == -1)
		return -1;
	return tls_keys_send(c, c->schedule.traffic[us], e);
}

int
tls_read_key_update(struct tls_conn *c, struct rd r, struct err *e)
{
	int them = c->is_server ? TLS_BY_CLIENT : TLS_BY_SERVER;
	uint8_t request = rd_u8(&r);

	if (!rd_end(&r))
		return tls_fail(c, TLS_ALERT_DECODE_ERROR, e,
		    "KeyUpdate: RFC 8446 section 4.6.3: bad length");
	if (request > 1)
		return tls_fail(c, TLS_ALERT_ILLEGAL_PARAMETER, e,
		    "KeyUpdate: RFC 8446 section 4.6.3: request_update %u", request);
	if (tls_count_post(c, e) == -1 || tls_schedule_update(&c->schedule, them, e) == -1)
		return -1;
	if (request == 1)
		c->owes_update = true;
	return tls_keys_receive(c, c->schedule.traffic[them], e);
}

/* Once, however often the peer asked: RFC 8446 section 4.6.3. */
int
tls_update_answer(struct tls_conn *c, struct err *e)
{
	return c->owes_update && !c->said_close ? tls_update_put(c, false, e) : 0;
}

/* RFC 8446 section 5.5. The margin is what one tls_write() can take. */
int
tls_update_if_worn(struct tls_conn *c, struct err *e)
{
	uint64_t margin = TLS_UNSENT_MAX;

	if (c->tx.seq + margin < c->suite->aead->records_max)
		return 0;
	if (c->version == TLS_1_2)
		return err_set(e, OUT_RETRY, "tls: RFC 8446 section 5.5: the keys are worn out");
	return tls_update_put(c, false, e);
}
