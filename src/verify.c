#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "base/clock.h"
#include "base/text.h"
#include "probe.h"
#include "verify.h"
#include "visit.h"

#define PACE_MS		3	/* between two connections */
#define LEAF_MAX	16384	/* octets of DER: a larger leaf is compared, but not kept */
#define FIRST_PAUSE_MS	1000
#define PAUSES		3	/* the later pauses share the time to settle */

/* Replaceable, so that tests need not wait. */
static void (*rest)(int64_t) = wire_rest;

/* One listener in one round. */
struct target {
	struct visit_place	 at;
	bool			 down;		/* not reached in this round: no further attempts */
	char			 why[VISIT_NOTE_MAX];
};

/* --- one listener and one name --- */

/* What the handshakes of a round have shown. */
struct tally {
	int64_t	tried, failed;
	int64_t	refused;	/* of the failed: the server has nothing for such a client */
	int64_t	wanted, short_chain, old, other;
};

static struct span
digest_at(const struct blob *b, size_t i)
{
	return (i + 1) * SHA256_LEN <= b->n ? span_of(b->p + i * SHA256_LEN, SHA256_LEN) :
	    SPAN_NONE;
}

static bool
is_seen(const struct visit *v, size_t i, struct span digest)
{
	return digest.n == SHA256_LEN && i < v->n &&
	    span_eq(span_of(v->chain[i], SHA256_LEN), digest);
}

/* Turned away, or given another leaf of the version, which such a client cannot use. */
static bool
is_refused(const struct verify_in *in, const struct verify_leaf *leaf, const struct visit *v)
{
	const struct verify_leaf *l = in->leaves.v;

	if (leaf->family == NULL || !v->reached || v->timed_out || v->n == 0)
		return leaf->family != NULL && v->reached && !v->timed_out;
	for (size_t i = 0; i < in->leaves.n; i++)
		if (&l[i] != leaf && is_seen(v, 0, digest_at(&l[i].want, 0)))
			return true;
	return false;
}

/* More than was installed may be sent: OpenSSL adds issuers that it knows. */
static bool
is_whole(const struct visit *v, const struct blob *want)
{
	size_t i;

	for (i = 1; i < want->n / SHA256_LEN; i++) {
		if (!is_seen(v, i, digest_at(want, i)))
			return false;
	}
	return true;
}

/* Is this leaf the one to show: the first, or the first unwanted one? */
static int
keep_leaf(struct verify_seen *s, const struct visit *v, bool wanted, struct err *e)
{
	struct cert_facts facts;
	struct err why;

	if (s->sha256.n > 0 && (wanted || span_eq(blob_span(&s->sha256),
	    span_of(v->chain[0], SHA256_LEN))))
		return 0;
	blob_clear(&s->sha256);
	pack_clear(&cert_facts_pack, &s->leaf);
	if (blob_set(&s->sha256, span_of(v->chain[0], SHA256_LEN)) == -1)
		return err_nomem(e);
	if (i2d_X509(v->leaf, NULL) <= LEAF_MAX && cert_read(v->leaf, &facts, &why) == 0)
		s->leaf = facts;
	return 0;
}

static int
count(const struct verify_leaf *leaf, const struct visit *v, struct verify_seen *s, struct tally *t,
    struct err *e)
{
	bool wanted = is_seen(v, 0, digest_at(&leaf->want, 0));

	t->tried++;
	if (v->n == 0 || !(v->complete || v->asks_client)) {
		t->failed++;
		return v->n == 0 ? 0 : keep_leaf(s, v, wanted, e);
	}
	if (wanted) {
		t->wanted++;
		t->short_chain += !is_whole(v, &leaf->want);
	} else if (is_seen(v, 0, digest_at(&leaf->old, 0))) {
		t->old++;
	} else {
		t->other++;
	}
	return keep_leaf(s, v, wanted, e);
}

/* Without a leaf known from before, another one than the wanted is taken for it. */
static enum verify_verdict
verdict_of(const struct verify_leaf *leaf, const struct tally *t, bool alive)
{
	if (t->refused > 0 && t->refused == t->tried)
		return VERIFY_ABSENT;
	if (t->other > 0 && leaf->old.n > 0)
		return VERIFY_OTHER;
	if (t->old + t->other > 0)
		return t->wanted == 0 ? VERIFY_OLD : VERIFY_MIXED;
	if (t->failed > 0)
		return VERIFY_UNREACHABLE;
	if (t->short_chain > 0)
		return VERIFY_CHAIN;
	return alive ? VERIFY_NEW : VERIFY_SILENT;
}

static int64_t
handshakes_of(const struct verify_in *in)
{
	int64_t share = VERIFY_LISTENER_MAX / (int64_t)(in->names.n * in->leaves.n);
	int64_t n = in->workers < 1 ? VERIFY_PER_WORKER :
	    in->workers < VERIFY_LISTENER_MAX ? in->workers * VERIFY_PER_WORKER : share;

	if (n > share)
		n = share;
	return in->look ? 1 : n < 2 ? 2 : n;
}

/* "*.example.com" is asked for as "k.example.com". */
static void
set_host(const char *name, char out[HOST_MAX + 1])
{
	(void)snprintf(out, HOST_MAX + 1, "%s", name);
	if (out[0] == '*')
		out[0] = 'k';
}

static int
set_note(struct verify_seen *s, const char *why)
{
	free(s->note);
	s->note = NULL;
	return why[0] == '\0' || (s->note = strdup(why)) != NULL ? 0 : -1;
}

static void
forget(struct verify_seen *s)
{
	struct verify_seen row = { .listener = s->listener, .name = s->name, .family = s->family };

	s->listener = s->name = s->family = NULL;
	pack_clear(&verify_seen_pack, s);
	*s = row;
}

/* The last connection says something too, if all was well until then. */
static bool
ask_last(struct visit *v, const struct target *t, const struct tally *sum)
{
	if (sum->wanted != sum->tried || !probe_speaks(t->at.l.proto))
		return true;
	if (v->complete && visit_is_alive(v, &t->at))
		return true;
	if (!v->asks_client)
		return false;
	(void)snprintf(v->why, sizeof(v->why), "wants a client certificate: "
	    "seen, but nothing could be asked");
	return true;
}

/* One handshake after the other, the last of which is asked for a sign of life. */
static int
look_at(const struct verify_in *in, const struct verify_leaf *leaf, SSL_CTX *ctx,
    struct target *t, struct verify_seen *s, struct err *e)
{
	struct tally sum = { .failed = t->down };
	struct visit v;
	char why[VISIT_NOTE_MAX];
	int64_t left = t->down ? 0 : handshakes_of(in);
	bool alive = true;
	int rc = 0;

	memcpy(why, t->why, sizeof(why));
	while (left-- > 0 && rc == 0) {
		visit_open(&v, ctx, &t->at, leaf->family);
		rc = count(leaf, &v, s, &sum, e);
		sum.refused += sum.failed > 0 && is_refused(in, leaf, &v);
		if (left == 0 && !in->look)
			alive = ask_last(&v, t, &sum);
		if (v.why[0] != '\0')
			memcpy(why, v.why, sizeof(why));
		/* another attempt would end like this one */
		if (v.n == 0 || sum.refused > 0)
			left = 0;
		/* Whoever does not answer for one name will not do so for the others. */
		t->down = !v.reached || v.timed_out;
		visit_close(&v);
		rest(PACE_MS);
	}
	if (t->down)
		memcpy(t->why, why, sizeof(why));
	s->handshakes = sum.tried;
	s->wanted = sum.wanted;
	s->verdict = verdict_of(leaf, &sum, alive);
	return rc == 0 && set_note(s, why) == -1 ? err_nomem(e) : rc;
}

/* --- rounds --- */

static int
make_row(struct verify_out *out, const char *listener, const char *name, const char *family,
    struct err *e)
{
	struct verify_seen *s = list_add(&out->seen, sizeof(*s));

	if (s == NULL || (s->listener = strdup(listener)) == NULL ||
	    (s->name = strdup(name)) == NULL ||
	    (family != NULL && (s->family = strdup(family)) == NULL))
		return err_nomem(e);
	return 0;
}

static int
make_rows(const struct verify_in *in, struct verify_out *out, struct err *e)
{
	const struct verify_leaf *l = in->leaves.v;
	size_t leaves = in->leaves.n, each = in->names.n * leaves;

	for (size_t i = 0; i < in->listeners.n * each; i++)
		if (make_row(out, in->listeners.v[i / each], in->names.v[i % each / leaves],
		    l[i % leaves].family, e) == -1)
			return -1;
	return 0;
}

/* All leaves for one name, in rows that follow each other. */
static int
look_at_name(const struct verify_in *in, SSL_CTX *ctx, struct target *t, struct verify_seen *rows,
    struct err *e)
{
	const struct verify_leaf *l = in->leaves.v;
	size_t k, absent = 0;

	set_host(rows->name, t->at.host);
	for (k = 0; k < in->leaves.n; k++) {
		forget(&rows[k]);
		if (look_at(in, &l[k], ctx, t, &rows[k], e) == -1)
			return -1;
		absent += rows[k].verdict == VERIFY_ABSENT;
	}
	/* Nothing for anybody is no matter of kinds of keys. */
	for (k = 0; k < absent && absent == in->leaves.n; k++)
		rows[k].verdict = VERIFY_UNREACHABLE;
	return 0;
}

static int
look_at_listener(const struct verify_in *in, SSL_CTX *ctx, const char *listener,
    struct verify_seen *rows, struct err *e)
{
	struct target t;
	struct err why;
	size_t j;

	memset(&t, 0, sizeof(t));
	if (wire_listener_parse(listener, &t.at.l, e) == -1)
		return -1;
	if (wire_resolve(&t.at.l, t.at.addrs, VISIT_ADDRS_MAX, &t.at.naddrs, &why) == -1) {
		t.down = true;
		text_clean(t.why, sizeof(t.why), span_str(why.text));
	}
	for (j = 0; j < in->names.n; j++, rows += in->leaves.n)
		if (look_at_name(in, ctx, &t, rows, e) == -1)
			return -1;
	return 0;
}

static int
look_round(const struct verify_in *in, SSL_CTX *ctx, struct verify_out *out, struct err *e)
{
	struct verify_seen *s = out->seen.v;
	size_t each = in->names.n * in->leaves.n, i;

	out->rounds++;
	out->verdict = VERIFY_NEW;
	for (i = 0; i < in->listeners.n; i++)
		if (look_at_listener(in, ctx, in->listeners.v[i], s + i * each, e) == -1)
			return -1;
	for (i = 0; i < out->seen.n; i++)
		if (s[i].verdict > out->verdict && s[i].verdict != VERIFY_ABSENT)
			out->verdict = s[i].verdict;
	return 0;
}

/* When the next round begins: soon for the first time, then in even steps up to the deadline. */
static int64_t
next_pause(int64_t round, int64_t settle_ms, int64_t left_ms)
{
	int64_t pause = round == 1 ? FIRST_PAUSE_MS : settle_ms / PAUSES;

	if (round == 1 && pause > settle_ms / PAUSES)
		pause = settle_ms / PAUSES;
	return pause < left_ms ? pause : left_ms;
}

static int
look_until(const struct verify_in *in, SSL_CTX *ctx, struct verify_out *out, struct err *e)
{
	int64_t begin = clock_boot_ms();
	int64_t settle_ms = in->look ? 0 : in->settle * 1000, left;

	for (;;) {
		if (look_round(in, ctx, out, e) == -1)
			return -1;
		out->ms = clock_boot_ms() - begin;
		left = settle_ms - out->ms;
		if (out->verdict == VERIFY_NEW || left <= 0)
			return 0;
		rest(next_pause(out->rounds, settle_ms, left));
	}
}

int
verify_run(const struct verify_in *in, struct verify_out *out, struct err *e)
{
	SSL_CTX *ctx = NULL;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (in->listeners.n == 0 || in->names.n == 0 || in->leaves.n == 0)
		return err_set(e, OUT_HOLD, "verify: want a listener, a name and a leaf");
	if (make_rows(in, out, e) == 0 && (ctx = visit_ctx_new(e)) != NULL)
		rc = look_until(in, ctx, out, e);
	visit_ctx_free(ctx);
	if (rc == -1)
		pack_clear(&verify_out_pack, out);
	return rc;
}
