/*
 * fakes_control: control, and the server behind it. Words of the trace:
 * preflight, reload, back-reload, verify.
 */
#include <errno.h>
#include <stdio.h>

#include "base/fs.h"
#include "cert.h"
#include "chain.h"
#include "fakes_private.h"
#include "hooks/release.h"
#include "verify.h"

/*
 * What each server has loaded: a digest of a leaf for each part of each
 * certificate, none at first.
 */
static struct blob loaded[FAKE_SERVERS][FAKE_CERTS][PART_MAX];

static size_t
cert_of(const char *name)
{
	for (size_t i = 0; i < FAKE_CERTS; i++)
		if (strcmp(fake_certs[i], name) == 0)
			return i;
	ck_abort_msg("there is no certificate %s", name);
}

/* Digest of the leaf that current leads to; false when there is none. */
static bool
read_leaf(size_t cert, size_t part, struct blob *digest)
{
	struct certs certs = { 0 };
	struct err why = ERR_NONE;
	char path[64];
	struct buf pem;
	bool found;

	buf_init(&pem, CHAIN_MAX);
	snprintf(path, sizeof path, "certs/%s/current/fullchain%s.pem", fake_certs[cert],
	    part == 0 ? "" : "-rsa");
	found = fs_read_path(fake_path(path), CHAIN_MAX, &pem, &why) == 0;
	if (found) {
		ck_assert_int_eq(chain_read(buf_span(&pem), &certs, &why), 0);
		ck_assert_int_eq(blob_set(digest,
		    blob_span(&((struct cert_facts *)certs.all.v)->sha256)), 0);
	}
	pack_clear(&certs_pack, &certs);
	buf_clear(&pem);
	return found;
}

bool
fake_is_served(size_t cert)
{
	struct blob now = { NULL, 0 };
	bool same = true;

	for (size_t i = 0; i < PART_MAX; i++) {
		bool there = read_leaf(cert, i, &now);

		for (size_t k = 0; k < (script.servers > 1 ? script.servers : 1); k++)
			same = same && (there ? span_eq(blob_span(&now),
			    blob_span(&loaded[k][cert][i])) : i > 0);
		blob_clear(&now);
	}
	return same;
}

void
fake_load(size_t server)
{
	for (size_t i = 0; i < FAKE_CERTS * PART_MAX; i++) {
		struct blob now = { NULL, 0 },
		    *has = &loaded[server][i / PART_MAX][i % PART_MAX];

		if (!read_leaf(i / PART_MAX, i % PART_MAX, &now))
			continue;
		fake_check_active(i / PART_MAX);
		blob_clear(has);
		*has = now;
	}
}

/* The digit in "unix:/run/kamailio/1" or "sips:1.example.com:5061". */
static size_t
server_of(const char *text)
{
	size_t n = (size_t)(text[strcspn(text, "0123456789")] - '0');

	ck_assert_uint_lt(n, FAKE_SERVERS);
	return n;
}

static const char *
word_of(const char *word, size_t server, char text[32])
{
	if (script.servers < 2)
		return word;
	snprintf(text, 32, "%s:%zu", word, server);
	return text;
}

int64_t
fake_pid(void)
{
	return 1000 + script.started;
}

static void
fake_say_facts(struct hook_facts *facts)
{
	facts->version = fake_text("kamailio 5.8.4");
	facts->tcp_children = 4;
	facts->pid = fake_pid();
	facts->uptime = 100;
	facts->tls_open = 200;
	facts->shm_free = (int64_t)64 * 1024 * 1024;
}

static void
on_preflight(void *arg UNUSED, struct message *m)
{
	struct hook_facts facts;

	if (fake_comes("preflight") || (script.liar != NULL && script.liar(m)))
		return;
	if (script.preflight != OUT_OK || fake_is_down()) {
		fake_refuse(ROLE_CONTROL, m->id, fake_is_down() ? OUT_RETRY : script.preflight,
		    "the server is not ready");
		return;
	}
	hook_facts_init(&facts);
	fake_say_facts(&facts);
	facts.unsafe_reload = script.unsafe;
	if (script.unsafe)
		facts.release = RELEASE(5, 6, 3);
	if (script.tls_open != 0)
		facts.tls_open = script.tls_open;
	facts.tls_config = fake_tls_cfg();
	fake_send(ROLE_CONTROL, MSG_FACTS, m->id, &facts);
}

static void
on_reload(void *arg UNUSED, struct message *m)
{
	struct msg_reloaded out = { .error = { .class = OUT_HOLD, .text = fake_text("no") } };
	const struct msg_reload *body = m->body;
	unsigned n = seen.reloads++;
	enum fake_reload how = n < NITEMS(script.reload) ? script.reload[n] : RELOAD_OK;
	size_t server = server_of(body->hook.rpc);
	char word[32];

	if (fake_comes(word_of(strcmp(body->event.event, "deploy") == 0 ? "reload" :
	    "back-reload", server, word)) || (script.liar != NULL && script.liar(m)))
		return;
	if (how == RELOAD_DIES) {
		fake_die(ROLE_CONTROL);
		return;
	}
	if (how == RELOAD_OK || how == RELOAD_LOST)
		fake_load(server);
	if (how == RELOAD_LATER)
		out.error.class = OUT_RETRY;
	if (how == RELOAD_DENIED)
		out.error.sys = EACCES;
	out.result = how == RELOAD_REFUSED ? HOOK_REFUSED :
	    how == RELOAD_FAILED || how == RELOAD_DENIED ? HOOK_FAILED :
	    how == RELOAD_LATER ? HOOK_LATER :
	    how == RELOAD_LOST || how == RELOAD_LOST_OLD ? HOOK_UNKNOWN : HOOK_OK;
	hook_facts_init(&out.before);
	hook_facts_init(&out.after);
	fake_say_facts(&out.before);
	fake_say_facts(&out.after);
	out.after.shm_free -= script.cost;
	fake_send(ROLE_CONTROL, MSG_RELOADED, m->id, &out);
}

static void
on_watch(void *arg UNUSED, struct message *m)
{
	struct msg_watched out = { .log = { 0 } };
	unsigned n = seen.watches++;

	if (fake_comes(NULL) || (script.liar != NULL && script.liar(m)))
		return;
	hook_facts_init(&out.facts);
	fake_say_facts(&out.facts);
	if (fake_is_down() || (script.watched != NULL && !script.watched(&out, n)))
		fake_refuse(ROLE_CONTROL, m->id, OUT_RETRY, "nobody answers");
	else
		fake_send(ROLE_CONTROL, MSG_WATCHED, m->id, &out);
}

static int64_t
judge_leaf(const struct verify_leaf *leaf, const struct blob *has)
{
	struct span want = blob_span(&leaf->want);

	ck_assert_uint_ge(want.n, 2 * SHA256_LEN);	/* leaf and intermediate */
	want.n = SHA256_LEN;
	if (span_eq(want, blob_span(has)))
		return VERIFY_NEW;
	return has->n > 0 && span_eq(blob_span(&leaf->old), blob_span(has)) ? VERIFY_OLD :
	    VERIFY_OTHER;
}

static int64_t
judge(const struct verify_in *in)
{
	const struct verify_leaf *l = in->leaves.v;
	int64_t worst = VERIFY_NEW, one;

	for (size_t i = 0; i < in->leaves.n; i++)
		if ((one = judge_leaf(&l[i], &loaded[server_of(in->listeners.v[0])]
		    [cert_of(in->names.v[0])][i])) > worst)
			worst = one;
	return worst;
}

static void
on_verify(void *arg UNUSED, struct message *m)
{
	const struct verify_in *in = m->body;
	const struct verify_leaf *l = in->leaves.v;
	struct verify_seen rows[PART_MAX] = { { .name = NULL } };
	struct verify_out out = { .rounds = 1, .ms = 1, .seen = { rows, in->leaves.n } };
	unsigned n = seen.verifies++;
	char word[32];

	if (fake_comes(word_of("verify", server_of(in->listeners.v[0]), word)) ||
	    (script.liar != NULL && script.liar(m)))
		return;
	out.verdict = n < NITEMS(script.verdict) && script.verdict[n] != 0 ? script.verdict[n] :
	    judge(in);
	for (size_t i = 0; i < in->leaves.n; i++)
		rows[i] = (struct verify_seen){ .listener = in->listeners.v[0],
			.name = in->names.v[0], .family = l[i].family, .handshakes = 16,
			.verdict = out.verdict };
	fake_send(ROLE_CONTROL, MSG_VERIFIED, m->id, &out);
}

static void
on_end(void *arg UNUSED, const struct err *why UNUSED)
{
	fake_ended(ROLE_CONTROL);
}

const struct handlers *
fake_control_handlers(void)
{
	static const struct handler table[] = {
		{ MSG_PREFLIGHT, on_preflight },
		{ MSG_RELOAD, on_reload },
		{ MSG_WATCH, on_watch },
		{ MSG_VERIFY, on_verify },
	};
	static const struct handlers handlers = { table, NITEMS(table), on_end };

	return &handlers;
}

void
fake_control_finish(void)
{
	for (size_t i = 0; i < FAKE_SERVERS; i++)
		for (size_t k = 0; k < FAKE_CERTS * PART_MAX; k++)
			blob_clear(&loaded[i][k / PART_MAX][k % PART_MAX]);
}
