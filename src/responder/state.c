/*
 * state: accounts, orders, authorizations, certificates and nonces, in
 * memory. Objects stay until the end: what is made is small, and an old
 * order must be found as long as its account asks for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/hmac.h>

#include "base/clock.h"
#include "base/text.h"
#include "responder/options.h"
#include "responder/state.h"

#define NONCES_OUT 65536	/* older ones are refused, as a CA refuses them after a while */

struct state {
	const struct options	*o;
	uint8_t			 secret[32];	/* of nonces and tokens */
	/* in every id: another run's objects are not found */
	uint32_t		 era;
	uint64_t		 nonces;	/* handed out */
	uint8_t			 spent[NONCES_OUT / 8];
	struct vec		 accounts, authz, orders, certs;
	struct map		 by_thumb;
	struct map		 by_serial;
	struct map		 by_ident;	/* account and identifier -> newest authorization */
};

const char *
status_word(enum status s)
{
	static const char *const words[] = {
		[ST_PENDING] = "pending", [ST_PROCESSING] = "processing", [ST_READY] = "ready",
		[ST_VALID] = "valid", [ST_INVALID] = "invalid", [ST_DEACTIVATED] = "deactivated",
		[ST_REVOKED] = "revoked", [ST_EXPIRED] = "expired",
	};

	return words[s];
}

const char *
challenge_word(enum challenge_type t)
{
	static const char *const words[] = {
		[CHAL_HTTP] = "http-01", [CHAL_ALPN] = "tls-alpn-01", [CHAL_DNS] = "dns-01",
		[CHAL_PERSIST] = "dns-persist-01",
	};

	return words[t];
}

int
state_new(const struct options *o, struct state **out, struct err *e)
{
	struct state *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return err_nomem(e);
	s->o = o;
	if (random_bytes(s->secret, sizeof(s->secret)) == -1 ||
	    random_bytes(&s->era, sizeof(s->era)) == -1) {
		free(s);
		return err_set(e, OUT_RETRY, "no random octets");
	}
	*out = s;
	return 0;
}

static void
free_account(void *p)
{
	struct account *a = p;

	EVP_PKEY_free(a->key);
	free(a->contacts);
	free(a->eab);
	vec_clear(&a->orders, NULL);
	free(a);
}

static void
free_authz(void *p)
{
	struct authz *a = p;

	free(a->ident.value);
	free(a->problem);
	free(a);
}

static void
free_order(void *p)
{
	struct order *o = p;

	free(o->authz);
	free(o->problem);
	free(o);
}

void
state_free(struct state *s)
{
	if (s == NULL)
		return;
	vec_clear(&s->orders, free_order);
	vec_clear(&s->authz, free_authz);
	vec_clear(&s->accounts, free_account);
	vec_clear(&s->certs, free);
	map_clear(&s->by_thumb, NULL);
	map_clear(&s->by_serial, NULL);
	map_clear(&s->by_ident, NULL);
	wipe(s, sizeof(*s));
	free(s);
}

/* --- nonces and tokens --- */

static int
mac(const struct state *s, struct span in, uint8_t out[SHA256_LEN])
{
	unsigned n = SHA256_LEN;

	return HMAC(EVP_sha256(), s->secret, sizeof(s->secret), in.p, in.n, out, &n) == NULL ? -1 :
	    0;
}

/* The counter, and 20 octets of its MAC, which also says that this is a nonce. */
static int
nonce_octets(const struct state *s, uint64_t n, struct buf *out)
{
	uint8_t digest[SHA256_LEN];

	buf_u64(out, n);
	buf_str(out, "nonce");
	if (mac(s, buf_span(out), digest) == -1)
		return -1;
	buf_reset(out);
	buf_u64(out, n);
	buf_put(out, span_of(digest, 20));
	return buf_ok(out) ? 0 : -1;
}

int
state_nonce(struct state *s, char out[NONCE_TEXT])
{
	struct buf raw, text;
	uint64_t n = s->nonces++;
	int rc = -1;

	buf_init(&raw, 64);
	buf_init(&text, NONCE_TEXT - 1);
	s->spent[n % NONCES_OUT / 8] &= (uint8_t)~(1u << (n % 8));
	if (nonce_octets(s, n, &raw) == 0) {
		buf_base64url(&text, buf_span(&raw));
		rc = buf_ok(&text) ? 0 : -1;
	}
	snprintf(out, NONCE_TEXT, "%s", buf_cstr(&text));
	buf_clear(&raw);
	buf_clear(&text);
	return rc;
}

bool
state_spend(struct state *s, const char *nonce)
{
	struct buf raw, want;
	bool ok = false;
	struct rd r;
	uint64_t n;

	buf_init(&raw, 64);
	buf_init(&want, 64);
	if (base64url_decode(span_str(nonce), &raw) == -1 || raw.n != 28)
		goto out;
	r = rd_of(buf_span(&raw));
	n = rd_u64(&r);
	if (n >= s->nonces || s->nonces - n > NONCES_OUT ||
	    nonce_octets(s, n, &want) == -1 ||
	    !span_eq_ct(buf_span(&raw), buf_span(&want)) ||
	    (s->spent[n % NONCES_OUT / 8] & (1u << (n % 8))) != 0)
		goto out;
	s->spent[n % NONCES_OUT / 8] |= (uint8_t)(1u << (n % 8));
	ok = true;
out:
	buf_clear(&raw);
	buf_clear(&want);
	return ok;
}

int
state_token(const struct state *s, const struct authz *a, enum challenge_type t,
    char out[TOKEN_TEXT])
{
	uint8_t digest[SHA256_LEN];
	struct buf b;
	int rc;

	buf_init(&b, 64);
	buf_str(&b, "token");
	buf_u32(&b, a->id);
	buf_u8(&b, (uint8_t)t);
	rc = buf_ok(&b) ? mac(s, buf_span(&b), digest) : -1;
	buf_reset(&b);
	if (rc == 0)
		buf_base64url(&b, span_of(digest, sizeof(digest)));
	snprintf(out, TOKEN_TEXT, "%s", buf_cstr(&b));
	buf_clear(&b);
	return rc;
}

/* --- ids --- */

const char *
state_id(const struct state *s, uint32_t id, char out[ID_TEXT])
{
	snprintf(out, ID_TEXT, "%08x-%u", s->era, id);
	return out;
}

static void *
at_id(const struct state *s, const struct vec *v, const char *text)
{
	char want[ID_TEXT];
	int64_t n;

	if (strlen(text) < 10 || text_number(span_str(text + 9), &n) == -1 || n < 0 ||
	    (uint64_t)n >= v->n || strcmp(text, state_id(s, (uint32_t)n, want)) != 0)
		return NULL;
	return v->v[n];
}

struct account *
state_account_at(const struct state *s, const char *id)
{
	return at_id(s, &s->accounts, id);
}

struct authz *
state_authz_at(const struct state *s, const char *id)
{
	return at_id(s, &s->authz, id);
}

struct order *
state_order_at(const struct state *s, const char *id)
{
	return at_id(s, &s->orders, id);
}

struct cert *
state_cert_by_id(const struct state *s, const char *id)
{
	return at_id(s, &s->certs, id);
}

/* --- accounts --- */

struct account *
state_account_new(struct state *s, EVP_PKEY *key, const uint8_t thumb[SHA256_LEN])
{
	struct account *a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->id = (uint32_t)s->accounts.n;
	a->status = ST_VALID;
	memcpy(a->thumb, thumb, SHA256_LEN);
	if (map_put(&s->by_thumb, span_of(thumb, SHA256_LEN), a) == -1) {
		free(a);
		return NULL;
	}
	if (vec_add(&s->accounts, a) == -1) {
		(void)map_take(&s->by_thumb, span_of(thumb, SHA256_LEN));
		free(a);
		return NULL;
	}
	EVP_PKEY_up_ref(key);
	a->key = key;
	return a;
}

struct account *
state_account_by_thumb(struct state *s, const uint8_t thumb[SHA256_LEN])
{
	return map_get(&s->by_thumb, span_of(thumb, SHA256_LEN));
}

int
state_account_rekey(struct state *s, struct account *a, EVP_PKEY *key, const uint8_t *thumb)
{
	if (map_put(&s->by_thumb, span_of(thumb, SHA256_LEN), a) == -1)
		return -1;
	(void)map_take(&s->by_thumb, span_of(a->thumb, SHA256_LEN));
	memcpy(a->thumb, thumb, SHA256_LEN);
	EVP_PKEY_up_ref(key);
	EVP_PKEY_free(a->key);
	a->key = key;
	return 0;
}

/* --- authorizations --- */

static void
ident_key(struct buf *b, const struct account *a, const struct ident *ident)
{
	buf_init(b, HOST_MAX + 64);
	buf_u32(b, a->id);
	buf_u8(b, (uint8_t)(ident->type * 2 + ident->wildcard));
	buf_str(b, ident->value);
}

struct authz *
state_authz_new(struct state *s, struct account *account, const struct ident *ident)
{
	struct authz *a;
	struct buf key;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->id = (uint32_t)s->authz.n;
	a->account = account;
	a->tried = -1;
	a->ident = *ident;
	a->expires = clock_wall() + s->o->authz_lifetime;
	if ((a->ident.value = strdup(ident->value)) == NULL || vec_add(&s->authz, a) == -1) {
		free_authz(a);
		return NULL;
	}
	ident_key(&key, account, ident);
	/* Without memory for this it is only not found again, and another is made. */
	if (!buf_ok(&key) || map_put(&s->by_ident, buf_span(&key), a) == -1)
		(void)map_take(&s->by_ident, buf_span(&key));
	buf_clear(&key);
	return a;
}

struct authz *
state_authz_find(struct state *s, struct account *account, const struct ident *ident)
{
	struct authz *a;
	struct buf key;

	ident_key(&key, account, ident);
	a = map_get(&s->by_ident, buf_span(&key));
	buf_clear(&key);
	return a;
}

enum status
authz_status(struct authz *a, int64_t now)
{
	if ((a->status == ST_PENDING || a->status == ST_VALID) && a->expires <= now)
		a->status = a->status == ST_VALID ? ST_EXPIRED : ST_INVALID;
	return a->status;
}

/* --- orders --- */

struct order *
state_order_new(struct state *s, struct account *account)
{
	struct order *o;

	if ((o = calloc(1, sizeof(*o))) == NULL)
		return NULL;
	o->id = (uint32_t)s->orders.n;
	o->account = account;
	o->expires = clock_wall() + s->o->order_lifetime;
	if (vec_add(&s->orders, o) == -1) {
		free(o);
		return NULL;
	}
	if (vec_add(&account->orders, o) == -1) {
		s->orders.n--;
		free(o);
		return NULL;
	}
	return o;
}

/* RFC 8555 section 7.1.6. */
enum status
order_status(struct order *o, int64_t now)
{
	size_t valid = 0;

	if (o->status != ST_PENDING && o->status != ST_READY)
		return o->status;
	for (size_t i = 0; i < o->nauthz; i++) {
		enum status s = authz_status(o->authz[i], now);

		if (s == ST_VALID)
			valid++;
		else if (s != ST_PENDING)
			return o->status = ST_INVALID;
	}
	if (o->expires <= now)
		return o->status = ST_INVALID;
	return o->status = valid == o->nauthz ? ST_READY : ST_PENDING;
}

/* --- certificates --- */

int
state_cert_add(struct state *s, struct cert *c)
{
	c->id = (uint32_t)s->certs.n;
	if (map_put(&s->by_serial, span_of(c->serial, c->serial_n), c) == -1)
		return -1;
	if (vec_add(&s->certs, c) == -1) {
		(void)map_take(&s->by_serial, span_of(c->serial, c->serial_n));
		return -1;
	}
	return 0;
}

struct cert *
state_cert_by_serial(struct state *s, struct span serial)
{
	return map_get(&s->by_serial, serial);
}

size_t
state_certs(const struct state *s)
{
	return s->certs.n;
}

struct cert *
state_cert_at(const struct state *s, size_t i)
{
	return s->certs.v[i];
}

void
state_counts(const struct state *s, struct json_out *j)
{
	json_put_int(j, "accounts", (int64_t)s->accounts.n);
	json_put_int(j, "orders", (int64_t)s->orders.n);
	json_put_int(j, "authorizations", (int64_t)s->authz.n);
	json_put_int(j, "certificates", (int64_t)s->certs.n);
	json_put_int(j, "nonces", (int64_t)s->nonces);
}
