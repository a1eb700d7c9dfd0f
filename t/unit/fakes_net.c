/*
 * fakes_net: the net role and the CA behind it. Words of the trace:
 * task:KIND, with a + for an order that is continued, csr, take, leave.
 */
#include <stdlib.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/fs.h"
#include "base/text.h"
#include "fakes_private.h"
#include "testca.h"

#define TASKS_MAX	16
#define ORDERS_MAX	64

/* An order at the CA; it stays from run to run. */
struct order {
	char		 url[256];
	struct blob	 csr;		/* what was finalized */
	struct blob	 pem;		/* what was issued for it, first kind of the script */
};

static struct fake_task tasks[TASKS_MAX];
static size_t ntasks;
static struct order orders[ORDERS_MAX];
static size_t norders;
static unsigned issued;
static struct testca_cert *root, *inter;
static struct testca_cert *other;	/* intermediate of this run, if the script wants one */
static char secret[65];

static void	offer(struct fake_task *);

unsigned
fake_issued(void)
{
	return issued;
}

const char *
fake_ca_secret(void)
{
	return secret;
}

/* --- chains --- */

static struct order *
order_of(const char *url)
{
	for (size_t i = 0; i < norders; i++)
		if (strcmp(orders[i].url, url) == 0)
			return &orders[i];
	return NULL;
}

static struct testca_cert *
issue_leaf(const struct fake_task *t, enum fake_chain kind)
{
	char names[300];
	int64_t now = (int64_t)time(NULL);
	struct testca_spec spec = { .names = names, .from = now - HOUR, .until = now + 90 * DAY };

	snprintf(names, sizeof names, "DNS:%s",
	    kind == CHAIN_WRONG_NAME ? "other.example.com" : t->name);
	if (kind == CHAIN_EXPIRED) {
		spec.from = now - 90 * DAY;
		spec.until = now - HOUR;
	}
	if (kind != CHAIN_WRONG_KEY)
		spec.csr = blob_span(&t->csr);
	return testca_issue(other != NULL ? other : inter, &spec);
}

/* One with a list, a key or an end of its own. */
static void
make_other(void)
{
	int64_t now = (int64_t)time(NULL);
	struct testca_spec spec = { .cn = "Other Intermediate", .ca = true, .from = now - HOUR,
		.until = now + (script.inter_days != 0 ? script.inter_days : 3650) * DAY,
		.key = script.inter_key, .crl = script.list != LIST_NONE ? FAKE_LIST_URL : NULL };

	if (other == NULL && (script.list != LIST_NONE || script.inter_key != NULL ||
	    script.inter_days != 0))
		other = testca_issue(root, &spec);
}

void
fake_net_put_list(struct buf *der)
{
	int64_t now = (int64_t)time(NULL);
	struct testca_list list = { .from = now - HOUR, .until = now + 30 * DAY,
		.revoked = script.list == LIST_REVOKED || script.list == LIST_FORGED ? other : NULL,
		.signer = script.list == LIST_FORGED ? inter : NULL };

	if (script.list == LIST_HTML)
		buf_str(der, "<html>Please log in</html>");
	else
		testca_crl(root, &list, der);
}

static void
make_chain(const struct fake_task *t, enum fake_chain kind, struct buf *pem)
{
	struct testca_cert *leaf;

	if (kind == CHAIN_EMPTY)
		return;
	if (kind == CHAIN_HTML) {
		buf_str(pem, "<html><body>Please log in</body></html>\n");
		return;
	}
	make_other();
	leaf = issue_leaf(t, kind);
	if (kind == CHAIN_KEY_INSIDE)
		testca_put_key(inter, pem);
	testca_put(leaf, pem);
	if (kind != CHAIN_NO_ISSUER)
		testca_put(other != NULL ? other : inter, pem);
	testca_free(leaf);
}

/* --- one task --- */

static const char *
kind_word(const struct msg_task *task)
{
	static const char *const words[] = {
		[ACME_REGISTER] = "task:register", [ACME_SHOW] = "task:show",
		[ACME_UPDATE] = "task:update", [ACME_ROLLOVER] = "task:rollover",
		[ACME_REVOKE] = "task:revoke", [ACME_RENEWAL] = "task:renewal",
		[ACME_DROP_AUTHZ] = "task:deauthorize", [ACME_DEACTIVATE] = "task:deactivate",
	};

	if (task->todo.kind == ACME_ORDER)
		return task->todo.order != NULL ? "task:order+" : "task:order";
	ck_assert(task->todo.kind >= 0 && (size_t)task->todo.kind < NITEMS(words));
	return words[task->todo.kind];
}

static void
end_task(struct fake_task *t, struct acme_result *result)
{
	fake_send(ROLE_NET, MSG_RESULT, t->id, result);
}

static void
fail_task(struct fake_task *t, enum outcome class, const char *text)
{
	fake_refuse(ROLE_NET, t->id, class, text);
}

/* What the keeper would not do ends the task, as it does in the real role. */
static bool
is_refused(struct fake_task *t, const struct message *m, enum message_type want)
{
	const struct msg_error *why = m->body;

	if (m->type == want)
		return false;
	ck_assert_int_eq(m->type, MSG_FAILED);
	fail_task(t, (enum outcome)why->class, why->text);
	return true;
}

static void
ask(struct fake_task *t, enum message_type type, const void *body, channel_answer *cb)
{
	struct err why = ERR_NONE;

	if (fake_channel(ROLE_NET) != NULL)
		ck_assert_msg(channel_call(fake_channel(ROLE_NET), type, body, -1, cb, t,
		    &why) == 0, "%s", why.text);
}

static void
ask_signature(struct fake_task *t, enum acme_key key, const char *path, channel_answer *cb)
{
	struct msg_sign body = {
		.job = t->job,
		.sign = { .key = key, .url = fake_text(fake_url(path)),
		    .nonce = key == ACME_KEY_NEW || key == ACME_KEY_EAB ? NULL :
		    fake_text("bm9uY2U") },
	};

	ask(t, MSG_SIGN, &body, cb);
}

static void
tell_solve(struct fake_task *t, enum message_type type, channel_answer *cb)
{
	struct acme_challenge c = {
		.name = t->name, .type = fake_text(fake_challenge()),
		    .token = fake_text(FAKE_TOKEN),
		.key_auth = t->key_auth,
	};
	struct msg_solve body = { .job = t->job, .challenges = { &c, 1 } };

	if (cb != NULL)
		ask(t, type, &body, cb);
	else
		fake_send(ROLE_NET, type, 0, &body);
}

void
fake_answer(struct fake_task *t, enum message_type type, const void *body)
{
	fake_send(ROLE_NET, type, t->id, body);
}

/* --- an order --- */

/* Has the script something else in mind for this step? */
static bool
turns_away(struct fake_task *t, enum fake_net_step step)
{
	if (script.net_dies && script.net_dies_at == step) {
		fake_die(ROLE_NET);
		return true;
	}
	return script.hostile != NULL && script.hostile(t, step);
}

static void
step(struct fake_task *t, enum fake_net_step at)
{
	if (!turns_away(t, at))
		fake_go_on(t, at);
}

static void
on_signed(void *arg, struct message *m)
{
	if (!fake_comes(NULL) && !is_refused(arg, m, MSG_SIGNED))
		step(arg, NET_SIGNED);
}

static void
on_solved(void *arg, struct message *m)
{
	if (!fake_comes(NULL) && !is_refused(arg, m, MSG_DONE)) {
		tell_solve(arg, MSG_UNSOLVE, NULL);
		step(arg, NET_SOLVED);
	}
}

static void
keep_public_key(struct span csr)
{
	const uint8_t *p = csr.p;
	uint8_t *der = NULL;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr.n);
	int n;

	ck_assert_ptr_nonnull(req);
	ck_assert_int_gt(n = i2d_PUBKEY(X509_REQ_get0_pubkey(req), &der), 0);
	blob_clear(&seen.public_key);
	ck_assert_int_eq(blob_set(&seen.public_key, span_of(der, (size_t)n)), 0);
	OPENSSL_free(der);
	X509_REQ_free(req);
}

static void
on_csr(void *arg, struct message *m)
{
	struct fake_task *t = arg;

	if (fake_comes(m->type == MSG_CSR_IS ? "csr" : "no-csr") || is_refused(t, m, MSG_CSR_IS))
		return;
	ck_assert_int_eq(blob_set(&t->csr, blob_span(&((struct msg_csr_is *)m->body)->der)), 0);
	keep_public_key(blob_span(&t->csr));
	step(t, NET_CSR);
}

static void
on_take(void *arg, struct message *m)
{
	struct fake_task *t = arg;
	bool take = m->type == MSG_TAKE && ((struct msg_take *)m->body)->take;

	if (fake_comes(take ? "take" : "leave") || is_refused(t, m, MSG_TAKE))
		return;
	if (take)
		step(t, NET_TAKEN);
	else if (++t->chain < (script.chains != 0 ? script.chains : 1))
		offer(t);
	else
		fail_task(t, OUT_REFUSE, "no chain was fit");
}

/* Finalized orders give the same certificate again, but for alternates. */
static void
offer(struct fake_task *t)
{
	struct order *o = order_of(t->order);
	size_t n = script.chains != 0 ? script.chains : 1;
	struct msg_chain body = { .job = t->job, .left = (int64_t)(n - t->chain - 1),
		.ca_time = (int64_t)time(NULL) };
	struct buf pem;

	buf_init(&pem, 65536);
	if (script.swaps && o > orders) {
		body.pem = o[-1].pem;
	} else if (o->pem.n > 0 && t->chain == 0) {
		body.pem = o->pem;
	} else {
		make_chain(t, script.chain[t->chain], &pem);
		body.pem = (struct blob){ pem.p, pem.n };
	}
	if (t->chain == 0 && o->pem.n == 0) {
		ck_assert_int_eq(blob_set(&o->pem, blob_span(&body.pem)), 0);
		ck_assert_int_eq(blob_set(&o->csr, blob_span(&t->csr)), 0);
		issued++;
	}
	ask(t, MSG_CHAIN, &body, on_take);
	if (t->chain == 0)
		(void)turns_away(t, NET_OFFERED);
	buf_clear(&pem);
}

static void
ask_csr(struct fake_task *t)
{
	struct msg_csr body = { .job = t->job, .order = t->order };
	const struct order *o = order_of(t->order);

	if (o->pem.n == 0) {
		ask(t, MSG_CSR, &body, on_csr);
		return;
	}
	ck_assert_int_eq(blob_set(&t->csr, blob_span(&o->csr)), 0);
	keep_public_key(blob_span(&t->csr));
	offer(t);
}

void
fake_go_on(struct fake_task *t, enum fake_net_step at)
{
	struct acme_result result = { .order = t->order, .ask_again_at = INT64_MAX };

	if (t->kind != ACME_ORDER)
		at = NET_TAKEN;
	switch (at) {
	case NET_TASK:
		ask_signature(t, ACME_KEY_KID, "/new-order", on_signed);
		break;
	case NET_SIGNED:
		tell_solve(t, MSG_SOLVE, on_solved);
		break;
	case NET_SOLVED:
		ask_csr(t);
		break;
	case NET_CSR:
		offer(t);
		break;
	case NET_TAKEN:
		end_task(t, &result);
		break;
	case NET_OFFERED:
	case NET_STEPS:
		break;
	}
}

static void
on_probe(void *arg, struct message *m)
{
	struct fake_task *t = arg;

	seen.probe = m->type;
	fake_go_on(t, t->probed);
}

void
fake_probe(struct fake_task *t, enum fake_net_step at, enum message_type type, const void *body)
{
	t->probed = at;
	ask(t, type, body, on_probe);
}

/* Does the CA fail? */
static bool
ca_fails(struct fake_task *t, const char *name)
{
	size_t n = strlen(seen.cas);
	const struct fake_ca *ca = &script.ca[strcmp(name, "ca1") == 0];
	struct msg_error body = { .class = ca->class, .trouble = ca->trouble,
		.text = fake_text("the CA does not work") };

	if (t->kind != ACME_ORDER && t->kind != ACME_REGISTER)
		return false;
	snprintf(seen.cas + n, sizeof seen.cas - n, "%s%s", n > 0 ? " " : "", name);
	if (ca->class == OUT_OK || (ca->orders_only && t->kind != ACME_ORDER))
		return false;
	if (ca->retry_in != 0)
		body.retry_at = (int64_t)time(NULL) + ca->retry_in;
	fake_answer(t, MSG_FAILED, &body);
	return true;
}

static void
begin_order(struct fake_task *t, const struct msg_task *body)
{
	bool old = body->todo.order != NULL;

	ck_assert_uint_lt(norders, ORDERS_MAX);
	if (!old)
		snprintf(orders[norders].url, sizeof orders[0].url, "%s%zu", fake_url("/order/"),
		    norders + 1);
	ck_assert_ptr_nonnull(t->order = strdup(old ? body->todo.order : orders[norders].url));
	norders += !old;
	snprintf(seen.order, sizeof seen.order, "%s", t->order);
	ck_assert_ptr_nonnull(t->name = strdup(body->todo.names.v[0]));
	ck_assert_int_gt(asprintf(&t->key_auth, FAKE_TOKEN ".%s", body->todo.thumbprint), 0);
	if (order_of(t->order) == NULL)
		fail_task(t, OUT_HOLD, "there is no such order");
	else if (turns_away(t, NET_TASK))
		return;
	else if (old)
		ask_csr(t);
	else
		fake_go_on(t, NET_TASK);
}

/* --- the other tasks --- */

static void
on_registered(void *arg, struct message *m)
{
	struct acme_result result = { .account = fake_text(fake_url("/account/1")),
	    .created = true };

	if (!fake_comes(NULL) && !is_refused(arg, m, MSG_SIGNED))
		end_task(arg, &result);
}

/* The inner JWS names the new key in its protected header. */
static void
on_rolled(void *arg, struct message *m)
{
	struct fake_task *t = arg;
	struct acme_result result = { .account = fake_text(fake_url("/account/1")) };
	struct span jws, line;

	if (is_refused(t, m, MSG_SIGNED))
		return;
	jws = blob_span(&((struct msg_signed *)m->body)->jws);
	ck_assert(span_starts(jws, "{\"protected\":\""));
	line = span_of(jws.p, (size_t)((const uint8_t *)memchr(jws.p + 14, '"',
	    jws.n - 14) - jws.p));
	blob_clear(&seen.new_key);
	ck_assert_int_eq(blob_set(&seen.new_key, line), 0);
	if (!fake_comes("rolled"))
		end_task(t, &result);
}

static void
begin_other(struct fake_task *t)
{
	char *issuer = fake_text("ca.example.net");
	struct acme_result result = { .ask_again_at = (int64_t)time(NULL) + script.ask_again,
		.caa = { &issuer, 1 }, .has_skew = true, .skew = script.skew,
		    .eab_required = script.binds,
		.terms = script.terms ? fake_text("https://ca.example/terms") : NULL };

	if ((t->kind == ACME_RENEWAL || script.setup.command != CMD_RENEW) &&
	    turns_away(t, NET_TASK))
		return;
	switch (t->kind) {
	case ACME_REGISTER:
		ask_signature(t, ACME_KEY_JWK, "/new-account", on_registered);
		break;
	case ACME_ROLLOVER:
		ask_signature(t, ACME_KEY_NEW, "/key-change", on_rolled);
		break;
	default:
		end_task(t, &result);
	}
}

void
fake_net_on_task(void *arg UNUSED, struct message *m)
{
	const struct msg_task *body = m->body;
	struct fake_task *t = &tasks[ntasks];
	bool looks = body->todo.kind == ACME_DIRECTORY;

	snprintf(seen.directory, sizeof seen.directory, "%s", body->ca.directory);
	if (fake_comes(looks ? NULL : kind_word(body)) || (script.mute_net && !looks))
		return;
	ck_assert_uint_lt(++ntasks, TASKS_MAX);
	*t = (struct fake_task){ .id = m->id, .job = body->job, .kind = body->todo.kind };
	if (ca_fails(t, body->name))
		return;
	if (t->kind == ACME_ORDER)
		begin_order(t, body);
	else
		begin_other(t);
}

/* --- the fixture --- */

void
fake_net_start(const char *roots)
{
	int64_t now = (int64_t)time(NULL);
	struct testca_spec spec = { .cn = "Root", .ca = true, .from = now - DAY,
		.until = now + 3650 * DAY };
	struct buf pem;
	FILE *f;

	root = testca_root(&spec);
	spec.cn = "Intermediate";
	inter = testca_issue(root, &spec);
	buf_init(&pem, 65536);
	testca_put(root, &pem);
	ck_assert_ptr_nonnull(f = fopen(roots, "we"));
	ck_assert_uint_eq(fwrite(pem.p, 1, pem.n, f), pem.n);
	ck_assert_int_eq(fclose(f), 0);
	buf_reset(&pem);
	testca_put_key(inter, &pem);
	ck_assert_uint_eq(sscanf(buf_cstr(&pem), "-----BEGIN PRIVATE KEY-----\n%64s", secret), 1);
	buf_clear(&pem);
}

void
fake_net_end(void)
{
	for (size_t i = 0; i < ntasks; i++) {
		free(tasks[i].order);
		free(tasks[i].name);
		free(tasks[i].key_auth);
		blob_clear(&tasks[i].csr);
	}
	memset(tasks, 0, sizeof tasks);
	ntasks = 0;
	testca_free(other);
	other = NULL;
}

void
fake_net_finish(void)
{
	for (size_t i = 0; i < norders; i++) {
		blob_clear(&orders[i].csr);
		blob_clear(&orders[i].pem);
	}
	memset(orders, 0, sizeof orders);
	norders = 0;
	issued = 0;
	testca_free(inter);
	testca_free(root);
}
