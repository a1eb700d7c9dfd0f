#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/text.h"
#include "hooks/wire.h"
#include "ossl.h"
#include "probe.h"
#include "verify.h"

#define BYE_MS		200	/* for the peer to close too */
#define PACE_MS		3	/* between two connections */
#define ADDRS_MAX	8	/* of one listener's name */
#define LEAF_MAX	16384	/* octets of DER: a larger leaf is compared, but not kept */
#define NOTE_MAX	256
#define FIRST_PAUSE_MS	1000
#define PAUSES		3	/* the later pauses share the time to settle */

/* Connection, handshake and answer together. Both replaceable, so that tests need not wait. */
static int64_t visit_ms = 5000;
static void (*rest)(int64_t) = wire_rest;

/* One listener in one round. */
struct target {
	struct wire_listener	 l;
	struct wire_addr	 addrs[ADDRS_MAX];
	size_t			 naddrs;
	char			 host[HOST_MAX + 1];	/* that is asked for there */
	bool			 down;		/* not reached in this round: no further attempts */
	char			 why[NOTE_MAX];
};

/* One connection, and what was learned from it. */
struct visit {
	struct wire	 wire;
	SSL		*ssl;
	bool		 reached;	/* the TCP connection */
	uint8_t		 chain[CHAIN_CERTS_MAX][SHA256_LEN];	/* as sent */
	size_t		 n;
	X509		*leaf;
	bool		 asks_client;	/* wants a certificate of us; its own key is then proven */
	bool		 complete;
	bool		 timed_out;
	char		 why[NOTE_MAX];
};

/* --- one handshake --- */

/*
 * In place of a judgement on the chain: notes it. Called before the
 * handshake is complete, so also where it never will be.
 */
static int
note_chain(X509_STORE_CTX *store, void *arg UNUSED)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct visit *v = SSL_get_app_data(ssl);
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
	int i;

	for (i = 0; i < sk_X509_num(sent) && v->n < CHAIN_CERTS_MAX; i++) {
		if (X509_digest(sk_X509_value(sent, i), EVP_sha256(), v->chain[v->n], NULL) != 1)
			return 0;
		v->n++;
	}
	if (v->n > 0 && v->leaf == NULL && X509_up_ref(sk_X509_value(sent, 0)) == 1)
		v->leaf = sk_X509_value(sent, 0);
	return v->leaf != NULL;
}

/*
 * Called once the server has proven its key (RFC 5246 section 7.3, RFC 8446
 * section 2). We have no certificate to give.
 */
static int
note_demand(SSL *ssl, X509 **x UNUSED, EVP_PKEY **key UNUSED)
{
	struct visit *v = SSL_get_app_data(ssl);

	v->asks_client = true;
	return 0;
}

static SSL_CTX *
make_ctx(struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		(void)ossl_err(e, OUT_RETRY, "verify: no TLS");
		SSL_CTX_free(ctx);
		return NULL;
	}
	/* What is weak is to be seen too; that it is, chain_check() says. */
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, note_chain, NULL);
	SSL_CTX_set_client_cert_cb(ctx, note_demand);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	return ctx;
}

static void
note_failure(struct visit *v, const char *what)
{
	struct err e;

	(void)ossl_err(&e, OUT_RETRY, "%s", what);
	text_clean(v->why, sizeof(v->why), span_str(e.text));
}

/* After a call that gave rc: true if it is to be repeated. */
static bool
wait_more(struct visit *v, int rc, const char *what)
{
	int reason = SSL_get_error(v->ssl, rc);

	if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
		if (wire_wait(v->wire.fd, reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
		    v->wire.deadline_ms))
			return true;
		v->timed_out = true;
		(void)snprintf(v->why, sizeof(v->why), "%s: nothing within %jd ms", what,
		    (intmax_t)visit_ms);
	} else if (reason == SSL_ERROR_SSL) {
		note_failure(v, what);
	} else {
		(void)snprintf(v->why, sizeof(v->why), "%s: the connection was closed", what);
	}
	return false;
}

static bool
shake_hands(struct visit *v)
{
	int rc;

	for (;;) {
		ERR_clear_error();
		if ((rc = SSL_connect(v->ssl)) == 1)
			return true;
		if (!wait_more(v, rc, "TLS handshake"))
			return false;
	}
}

/* The first address that takes the connection. */
static bool
connect_target(const struct target *t, struct visit *v)
{
	struct err e = ERR_NONE;
	size_t i;

	for (i = 0; i < t->naddrs; i++) {
		if (wire_open(&v->wire, &t->addrs[i], clock_boot_ms() + visit_ms, &e) == 0)
			return true;
	}
	text_clean(v->why, sizeof(v->why), span_str(e.text));
	return false;
}

/* What a client understands that has only this kind of keys. */
static bool
offer_only(SSL *ssl, const char *family)
{
	bool rsa = strcmp(family, "rsa") == 0;

	return SSL_set1_sigalgs_list(ssl, rsa ? "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
	    "RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1" :
	    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1") == 1 &&
	    SSL_set_cipher_list(ssl, rsa ? "aRSA" : "aECDSA") == 1;
}

/* An address is not sent as a name: RFC 6066 section 3. */
static void
open_visit(struct visit *v, SSL_CTX *ctx, const struct target *t, const char *family)
{
	memset(v, 0, sizeof(*v));
	v->wire.fd = -1;
	if (!connect_target(t, v))
		return;
	v->reached = true;
	ERR_clear_error();
	if ((v->ssl = SSL_new(ctx)) == NULL || SSL_set_app_data(v->ssl, v) != 1 ||
	    SSL_set_fd(v->ssl, v->wire.fd) != 1 ||
	    (family != NULL && !offer_only(v->ssl, family)) ||
	    (!text_is_address(t->host) && SSL_set_tlsext_host_name(v->ssl, t->host) != 1)) {
		note_failure(v, "TLS");
		return;
	}
	v->complete = shake_hands(v);
}

/* Both sides close before the next connection begins: the worker is then done with this one. */
static void
close_visit(struct visit *v)
{
	int64_t until = clock_boot_ms() + BYE_MS;
	uint8_t drain[1024];

	if (v->complete) {
		ERR_clear_error();
		(void)SSL_shutdown(v->ssl);
		(void)shutdown(v->wire.fd, SHUT_WR);
		while (wire_wait(v->wire.fd, POLLIN, until) &&
		    read(v->wire.fd, drain, sizeof(drain)) > 0)
			;
	}
	SSL_free(v->ssl);
	wire_close(&v->wire);
	X509_free(v->leaf);
}

/* --- is somebody there? --- */

static const char *
local_text(const struct visit *v, char out[INET6_ADDRSTRLEN + 10])
{
	struct sockaddr_storage sa;
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)&sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&sa;
	socklen_t len = sizeof(sa);
	char addr[INET6_ADDRSTRLEN] = "";

	memset(&sa, 0, sizeof(sa));
	(void)getsockname(v->wire.fd, (struct sockaddr *)&sa, &len);
	if (sa.ss_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &in6->sin6_addr, addr, sizeof(addr));
		(void)snprintf(out, INET6_ADDRSTRLEN + 10, "[%s]:%u", addr, ntohs(in6->sin6_port));
	} else {
		(void)inet_ntop(AF_INET, &in4->sin_addr, addr, sizeof(addr));
		(void)snprintf(out, INET6_ADDRSTRLEN + 10, "%s:%u", addr, ntohs(in4->sin_port));
	}
	return out;
}

static bool
say(struct visit *v, struct span request)
{
	int rc;

	for (;;) {
		ERR_clear_error();
		if ((rc = SSL_write(v->ssl, request.p, (int)request.n)) > 0)
			return true;
		if (!wait_more(v, rc, "request"))
			return false;
	}
}

static bool
listen_for(struct visit *v, const struct probe *p, struct buf *came)
{
	enum probe_answer a;
	int64_t status;
	uint8_t part[2048];
	int rc;

	while ((a = probe_judge(p, buf_span(came), &status)) == PROBE_MORE) {
		ERR_clear_error();
		if ((rc = SSL_read(v->ssl, part, sizeof(part))) > 0)
			buf_put(came, span_of(part, (size_t)rc));
		else if (!wait_more(v, rc, "answer"))
			return false;
	}
	if (a == PROBE_WRONG)
		(void)snprintf(v->why, sizeof(v->why), "answer: neither SIP nor a websocket");
	else if (p->proto == WIRE_WSS && status != 101)
		(void)snprintf(v->why, sizeof(v->why),
		    "HTTP status %jd to a websocket on the path /", (intmax_t)status);
	return a == PROBE_ALIVE;
}

static bool
is_alive(struct visit *v, const struct target *t)
{
	char local[INET6_ADDRSTRLEN + 10];
	struct probe p = { .proto = t->l.proto, .host = t->host, .port = t->l.port,
		.local = local_text(v, local) };
	struct buf request, came;
	bool alive = false;

	buf_init(&request, PROBE_REQUEST_MAX);
	buf_init(&came, PROBE_ANSWER_MAX + 2048);
	if (random_bytes(p.random, sizeof(p.random)) == 0)
		probe_request(&p, &request);
	if (buf_ok(&request) && request.n > 0)
		alive = say(v, buf_span(&request)) && listen_for(v, &p, &came);
	buf_clear(&request);
	buf_clear(&came);
	return alive;
}

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
	return (i + 1) * SHA256_LEN <= b->n ? span_of(b->p + i * SHA256_LEN, SHA256_LEN) : SPAN_NONE;
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
	if (sum->wanted != sum->tried || !probe_speaks(t->l.proto))
		return true;
	if (v->complete && is_alive(v, t))
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
	char why[NOTE_MAX];
	int64_t left = t->down ? 0 : handshakes_of(in);
	bool alive = true;
	int rc = 0;

	memcpy(why, t->why, sizeof(why));
	while (left-- > 0 && rc == 0) {
		open_visit(&v, ctx, t, leaf->family);
		rc = count(leaf, &v, s, &sum, e);
		sum.refused += sum.failed > 0 && is_refused(in, leaf, &v);
		if (left == 0 && !in->look)
			alive = ask_last(&v, t, &sum);
		if (v.why[0] != '\0')
			memcpy(why, v.why, sizeof(why));
		if (v.n == 0 || sum.refused > 0)	/* another attempt would end like this one */
			left = 0;
		/* Whoever does not answer for one name will not do so for the others. */
		t->down = !v.reached || v.timed_out;
		close_visit(&v);
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
	size_t i, j, k;

	for (i = 0; i < in->listeners.n; i++)
		for (j = 0; j < in->names.n; j++)
			for (k = 0; k < in->leaves.n; k++)
				if (make_row(out, in->listeners.v[i], in->names.v[j], l[k].family,
				    e) == -1)
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

	set_host(rows->name, t->host);
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
	if (wire_listener_parse(listener, &t.l, e) == -1)
		return -1;
	if (wire_resolve(&t.l, t.addrs, ADDRS_MAX, &t.naddrs, &why) == -1) {
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
	if (make_rows(in, out, e) == 0 && (ctx = make_ctx(e)) != NULL)
		rc = look_until(in, ctx, out, e);
	SSL_CTX_free(ctx);
	if (rc == -1)
		pack_clear(&verify_out_pack, out);
	return rc;
}
