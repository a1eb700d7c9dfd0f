/*
 * check_keeper_net: a net role that is an attacker's. It gets neither a
 * signature nor a certificate into the store that the run is not about, puts
 * up nothing, and cannot keep the keeper from its work.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"

static const struct sign_row {
	const char	*what;
	int64_t		 job;
	int64_t		 key;
	const char	*url;		/* beginning with a slash: at the CA */
	const char	*nonce;
	size_t		 payload;	/* so many zeros */
} signs[] = {
	{ "another host", 0, ACME_KEY_KID, "https://evil.example.net/new-order", "bm9uY2U", 0 },
	{ "another port", 0, ACME_KEY_KID, "https://127.0.0.1:14001/new-order", "bm9uY2U", 0 },
	{ "no https", 0, ACME_KEY_KID, "http://127.0.0.1:14000/new-order", "bm9uY2U", 0 },
	{ "a file", 0, ACME_KEY_KID, "file:///etc/passwd", "bm9uY2U", 0 },
	{ "no URL", 0, ACME_KEY_KID, NULL, "bm9uY2U", 0 },
	{ "a job that is none", 77, ACME_KEY_KID, "/new-order", "bm9uY2U", 0 },
	{ "the largest job", INT64_MAX, ACME_KEY_KID, "/new-order", "bm9uY2U", 0 },
	{ "an account that is none", -99, ACME_KEY_KID, "/new-order", "bm9uY2U", 0 },
	{ "the smallest account", INT64_MIN, ACME_KEY_KID, "/new-order", "bm9uY2U", 0 },
	{ "a kind of key that is none", 0, 99, "/new-order", "bm9uY2U", 0 },
	{ "a negative kind of key", 0, -1, "/new-order", "bm9uY2U", 0 },
	{ "a key for a rollover", 0, ACME_KEY_NEW, "/key-change", NULL, 0 },
	{ "the certificate's key", 0, ACME_KEY_CERT, "/revoke", "bm9uY2U", 0 },
	{ "a binding that is not configured", 0, ACME_KEY_EAB, "/new-account", NULL, 0 },
	{ "no nonce", 0, ACME_KEY_KID, "/new-order", NULL, 0 },
	{ "a nonce that is none", 0, ACME_KEY_KID, "/new-order", "\",\"kid\":\"", 0 },
	{ "what is no JSON", 0, ACME_KEY_KID, "/new-order", "bm9uY2U", 3 },
	{ "a payload beyond all measure", 0, ACME_KEY_KID, "/new-order", "bm9uY2U", 1024 * 1024 },
	{ "a nonce with a line break", 0, ACME_KEY_KID, "/new-order", "bm9u\nY2U", 0 },
	{ "a nonce beyond ASCII", 0, ACME_KEY_KID, "/new-order", "bm9u\xc3\xa4", 0 },
	{ "an empty nonce", 0, ACME_KEY_KID, "/new-order", "", 0 },
	{ "the certificate's key for a request", 0, ACME_KEY_CERT, "/new-order", "bm9uY2U", 0 },
	{ "another user at this host", 0, ACME_KEY_KID, "https://x@127.0.0.1:14000/a", "bm9uY2U",
	    0 },
};

static int row_of_test;

static bool
probe_sign(struct fake_task *t, enum fake_net_step step)
{
	static uint8_t payload[1024 * 1024];
	const struct sign_row *row = &signs[row_of_test];
	const char *url = row->url != NULL && row->url[0] == '/' ? fake_url(row->url) : row->url;
	struct msg_sign body = { .job = row->job, .sign = { .key = row->key, .url = fake_text(url),
	    .nonce = fake_text(row->nonce), .payload = { payload, row->payload } } };

	if (t->kind != ACME_ORDER || step != NET_TASK)
		return false;
	fake_probe(t, step, MSG_SIGN, &body);
	return true;
}

START_TEST(what_is_not_for_this_ca_and_this_run_is_not_signed)
{
	row_of_test = _i;
	script.hostile = probe_sign;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(seen.probe == MSG_FAILED, "%s: got message %u", signs[_i].what, seen.probe);
	fake_check_active(0);
}
END_TEST

static const struct {
	const char	*what;
	const char	*path;
	const char	*payload;
} payloads[] = {
	{ "an order for somebody else's name", "/new-order",
	  "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"bank.example.net\"}]}" },
	{ "an order for one name more", "/new-order",
	  "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example.com\"},"
	  "{\"type\":\"dns\",\"value\":\"bank.example.net\"}]}" },
	{ "an order without names", "/new-order", "{\"identifiers\":[]}" },
	{ "a request with another key", "/finalize/1", "{\"csr\":\"MIIBAA\"}" },
	{ "a change of keys", "/key-change",
	  "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AAAA\"}" },
	{ "the end of the account", "/account/1", "{\"status\":\"deactivated\"}" },
	{ "a revocation", "/revoke", "{\"certificate\":\"MIIBAA\"}" },
	{ "a member that no request has", "/new-order",
	  "{\"identifier\":{\"type\":\"dns\",\"value\":\"a.example.com\"}}" },
	{ "a text", "/new-order", "\"csr\"" },
	{ "other contacts", "/account/1", "{\"contact\":[\"mailto:evil@example.net\"]}" },
	{ "a binding to another customer", "/new-account", "{\"externalAccountBinding\":{}}" },
	{ "a profile that nobody asked for", "/new-order", "{\"identifiers\":[{\"type\":\"dns\","
	  "\"value\":\"a.example.com\"}],\"profile\":\"long\"}" },
	{ "in place of somebody else's certificate", "/new-order", "{\"identifiers\":[{\"type\":"
	  "\"dns\",\"value\":\"a.example.com\"}],\"replaces\":\"AAAA.BBBB\"}" },
	{ "its own name twice in one member", "/new-order", "{\"identifiers\":[{\"type\":\"dns\","
	  "\"value\":\"a.example.com\",\"value\":\"bank.example.net\"}]}" },
	/* these are right where the task is about the account */
#define FOR_ACCOUNT	2
	{ "the contacts, which are none", "/account/1", "{\"contact\":[]}" },
	{ "consent to terms", "/account/1", "{\"termsOfServiceAgreed\":true}" },
};

static bool row_in_account;	/* asked as if it were about the account */

static bool
probe_payload(struct fake_task *t, enum fake_net_step step)
{
	const char *text = payloads[row_of_test].payload;
	struct msg_sign body = { .job = row_in_account ? -1 : 0, .sign = { .key = ACME_KEY_KID,
	    .url = fake_text(fake_url(payloads[row_of_test].path)), .nonce = fake_text("bm9uY2U"),
	    .payload = { (uint8_t *)(uintptr_t)text, strlen(text) } } };

	if (t->kind != ACME_ORDER || step != NET_TASK)
		return false;
	fake_probe(t, step, MSG_SIGN, &body);
	return true;
}

START_TEST(what_is_not_about_this_order_is_not_signed)
{
	row_of_test = _i % (int)NITEMS(payloads);
	row_in_account = _i >= (int)NITEMS(payloads);
	script.hostile = probe_payload;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(seen.probe == (row_in_account &&
	    (size_t)row_of_test + FOR_ACCOUNT >= NITEMS(payloads) ? MSG_SIGNED : MSG_FAILED),
	    "%s: got message %u", payloads[row_of_test].what, seen.probe);
	fake_check_active(0);
}
END_TEST

static bool
probe_account_without_key(struct fake_task *t, enum fake_net_step step)
{
	struct msg_sign body = { .job = -1, .sign = { .key = ACME_KEY_KID,
	    .url = fake_text(fake_url("/new-order")), .nonce = fake_text("bm9uY2U") } };

	fake_probe(t, step, MSG_SIGN, &body);
	return true;
}

START_TEST(a_run_that_only_asks_for_renewal_information_has_no_key_to_sign_with)
{
	script.ask_again = 0;
	fake_run_to(CMD_RENEW, OUT_OK);
	script.hostile = probe_account_without_key;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_str_eq(seen.trace, "start:control start:net start:answer task:renewal");
	ck_assert_uint_eq(seen.probe, MSG_FAILED);
}
END_TEST

static const struct solve_row {
	const char	*what;
	int64_t		 job;
	const char	*type;
	const char	*name;
	const char	*token;
	/* NULL: the thumbprint of our account; "": no key authorization */
	const char	*print;
	unsigned	 times;		/* in one message; 0: once */
} solves[] = {
#define NAME "a.example.com"
#define PRINT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	{ "a token with slashes", 0, "http-01", NAME, "../../../etc/cron.d/evil_evil_ev", NULL, 0 },
	{ "a short token", 0, "http-01", NAME, "abc", NULL, 0 },
	{ "no token", 0, "http-01", NAME, NULL, NULL, 0 },
	{ "no key authorization", 0, "http-01", NAME, FAKE_TOKEN, "", 0 },
	{ "something else than a key authorization", 0, "http-01", NAME, FAKE_TOKEN, "<script>",
	    0 },
	{ "the proof for another account", 0, "http-01", NAME, FAKE_TOKEN, PRINT, 0 },
	{ "a name that is not ours", 0, "http-01", "bank.example.net", FAKE_TOKEN, NULL, 0 },
	{ "no name", 0, "http-01", NULL, FAKE_TOKEN, NULL, 0 },
	{ "a type that is not configured", 0, "dns-01", NAME, FAKE_TOKEN, NULL, 0 },
	{ "no type", 0, NULL, NAME, FAKE_TOKEN, NULL, 0 },
	{ "a job that is none", 9, "http-01", NAME, FAKE_TOKEN, NULL, 0 },
	{ "an account", -1, "http-01", NAME, FAKE_TOKEN, NULL, 0 },
	{ "more than any CA wants", 0, "http-01", NAME, FAKE_TOKEN, NULL, 5 },
};

static bool
probe_solve(struct fake_task *t, enum fake_net_step step)
{
	const struct solve_row *row = &solves[row_of_test];
	struct acme_challenge c[5] = { { .name = NULL } };
	struct msg_solve body = { .job = row->job,
	    .challenges = { c, row->times != 0 ? row->times : 1 } };
	char key_auth[256];

	if (step != NET_SIGNED)
		return false;
	(void)snprintf(key_auth, sizeof key_auth, "%s.%s", row->token != NULL ? row->token : "",
	    row->print != NULL ? row->print : strchr(t->key_auth, '.') + 1);
	for (size_t i = 0; i < body.challenges.n; i++)
		c[i] = (struct acme_challenge){ .name = fake_text(row->name),
			.type = fake_text(row->type), .token = fake_text(row->token),
			.key_auth = row->print != NULL && row->print[0] == '\0' ? NULL : key_auth };
	fake_send(ROLE_NET, MSG_UNSOLVE, 0, &body);
	fake_probe(t, step, MSG_SOLVE, &body);
	return true;
}

START_TEST(what_is_no_challenge_is_not_put_up)
{
	row_of_test = _i;
	script.hostile = probe_solve;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(seen.probe == MSG_FAILED, "%s: got message %u", solves[_i].what, seen.probe);
	fake_check_active(0);
}
END_TEST

/* Nothing is put up twice at the same time, and nothing before or behind the order. */
static bool
solve_again(struct fake_task *t, enum fake_net_step step)
{
	struct acme_challenge c = { .name = t->name, .type = fake_text("http-01"),
		.token = fake_text(FAKE_TOKEN), .key_auth = t->key_auth };
	struct msg_solve body = { .job = t->job, .challenges = { &c, 1 } };
	enum fake_net_step at = row_of_test == 0 ? NET_SIGNED : NET_TAKEN;

	if (t->kind != ACME_ORDER || step != at)
		return false;
	if (at == NET_SIGNED)
		fake_go_on(t, at);
	fake_probe(t, at == NET_SIGNED ? NET_OFFERED : at, MSG_SOLVE, &body);
	return true;
}

START_TEST(challenges_out_of_turn_are_not_put_up)
{
	row_of_test = _i;
	script.hostile = solve_again;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(seen.probe, MSG_FAILED);
	fake_check_active(0);
}
END_TEST

static const struct csr_row {
	const char	*what;
	int64_t		 job;
	const char	*order;
	enum fake_net_step at;
} csrs[] = {
	{ "an order elsewhere", 0, "https://evil.example.net/order/1", NET_TASK },
	{ "no order", 0, NULL, NET_SOLVED },
	{ "a job that is none", 3, "https://" FAKE_LOOPBACK "/order/1", NET_SOLVED },
	{ "a negative job", -1, "https://" FAKE_LOOPBACK "/order/1", NET_SOLVED },
	{ "when it is over", 0, "https://" FAKE_LOOPBACK "/order/1", NET_TAKEN },
};

static bool
probe_csr(struct fake_task *t, enum fake_net_step step)
{
	const struct csr_row *row = &csrs[row_of_test];
	struct msg_csr body = { .job = row->job, .order = fake_text(row->order) };

	if (t->kind != ACME_ORDER || step != row->at)
		return false;
	fake_probe(t, step, MSG_CSR, &body);
	return true;
}

START_TEST(no_request_is_made_but_for_the_order_under_way)
{
	row_of_test = _i;
	script.hostile = probe_csr;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(seen.probe == MSG_FAILED, "%s: got message %u", csrs[_i].what, seen.probe);
	fake_check_active(0);
	ck_assert(!fake_look(0).has_order);
}
END_TEST

static const struct chain_row {
	const char	*what;
	int64_t		 job;
	enum fake_net_step at;
	enum outcome	 outcome;
} chains[] = {
	{ "before anything", 0, NET_TASK, OUT_REFUSE },
	{ "for a job that is none", 5, NET_CSR, OUT_OK },
	{ "for a negative job", -1, NET_CSR, OUT_OK },
	{ "right behind the one offered", 0, NET_OFFERED, OUT_OK },
	{ "when one was taken", 0, NET_TAKEN, OUT_OK },
};

static bool
probe_chain(struct fake_task *t, enum fake_net_step step)
{
	const struct chain_row *row = &chains[row_of_test];
	struct msg_chain body = { .job = row->job, .ca_time = (int64_t)time(NULL),
		.pem = { (uint8_t *)fake_text("zyxwvutsrq"), 10 } };

	if (t->kind != ACME_ORDER || step != row->at)
		return false;
	fake_probe(t, step, MSG_CHAIN, &body);
	return true;
}

START_TEST(a_chain_out_of_turn_never_reaches_the_store)
{
	row_of_test = _i;
	script.hostile = probe_chain;
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == (int64_t)chains[_i].outcome, "%s: got %jd (%s)",
	    chains[_i].what, (intmax_t)seen.outcome, seen.last);
	if (chains[_i].outcome == OUT_OK) {
		ck_assert(!fake_store_has("zyxwvutsrq"));
		ck_assert_uint_eq(seen.probe, MSG_FAILED);
		fake_check_active(0);
	} else
		ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
}
END_TEST

#define FLOOD	20000

/* Steps that never end, in a text that is made for a terminal, and orders beyond all budgets. */
static bool
flood(struct fake_task *t, enum fake_net_step step)
{
	static const char payload[] =
	    "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example.com\"}]}";
	struct msg_step steps[] = { { t->job, fake_text("order") },
		{ t->job, fake_text("\x1b[2Jorder") }, { 77, fake_text("order") } };
	struct msg_sign order = { .job = 0, .sign = { .key = ACME_KEY_KID,
	    .url = fake_text(fake_url("/new-order")), .nonce = fake_text("bm9uY2U"),
	    .payload = { (uint8_t *)(uintptr_t)payload, sizeof payload - 1 } } };

	if (t->kind != ACME_ORDER || step != NET_TASK)
		return false;
	for (size_t i = 0; i < FLOOD; i++)
		fake_send(ROLE_NET, MSG_STEP, 0, &steps[i % NITEMS(steps)]);
	for (size_t i = 0; i < 40; i++)
		fake_probe(t, NET_OFFERED, MSG_SIGN, &order);
	fake_go_on(t, step);
	return true;
}

START_TEST(a_flood_of_messages_is_neither_told_nor_signed_for)
{
	script.hostile = flood;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_check_active(0);
	ck_assert_uint_lt(seen.starts, 150);
	ck_assert_uint_eq(seen.probe, MSG_FAILED);
}
END_TEST

/* --- errands --- */

static const struct errand_row {
	const char	*what;
	enum command	 command;
	int64_t		 action;
	const char	*drops;		/* authorization that the operator named */
	int64_t		 key;
	const char	*path;
	const char	*payload;
	bool		 is_signed;
} errands[] = {
#define END "{\"status\":\"deactivated\"}"
	{ "the end of the account", CMD_ACCOUNT, ACME_DEACTIVATE, NULL, ACME_KEY_KID, "/account/1",
	    END,
	  true },
	{ "of an authorization for that of the account", CMD_ACCOUNT, ACME_DEACTIVATE, NULL,
	  ACME_KEY_KID, "/authz/1", END, false },
	{ "the end of an authorization", CMD_ACCOUNT, ACME_DROP_AUTHZ, "/authz/1", ACME_KEY_KID,
	  "/authz/1", END, true },
	{ "of the account for that of an authorization", CMD_ACCOUNT, ACME_DROP_AUTHZ, "/authz/1",
	  ACME_KEY_KID, "/account/1", END, false },
	{ "of another authorization", CMD_ACCOUNT, ACME_DROP_AUTHZ, "/authz/1", ACME_KEY_KID,
	  "/authz/2", END, false },
	{ "another status", CMD_ACCOUNT, ACME_DEACTIVATE, NULL, ACME_KEY_KID, "/account/1",
	  "{\"status\":\"revoked\"}", false },
	{ "the end of an account that is looked at", CMD_ACCOUNT, ACME_SHOW, NULL, ACME_KEY_KID,
	  "/account/1", END, false },
	{ "an order", CMD_ACCOUNT, ACME_SHOW, NULL, ACME_KEY_KID, "/new-order",
	  "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example.com\"}]}", false },
	{ "another contact", CMD_ACCOUNT, ACME_UPDATE, NULL, ACME_KEY_KID, "/account/1",
	  "{\"contact\":[\"mailto:evil@example.net\"]}", false },
	{ "the new key for an account of its own", CMD_ACCOUNT, ACME_ROLLOVER, NULL, ACME_KEY_CERT,
	  "/new-account", "{\"termsOfServiceAgreed\":true}", false },
	{ "a change to a key that is not the next one", CMD_ACCOUNT, ACME_ROLLOVER, NULL,
	    ACME_KEY_KID,
	  "/key-change", "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AAAA\"}",
	  false },
	{ "another certificate's end", CMD_REVOKE, 0, NULL, ACME_KEY_KID, "/revoke",
	  "{\"certificate\":\"MIIBAA\"}", false },
	{ "another reason", CMD_REVOKE, 0, NULL, ACME_KEY_KID, "/revoke", "{\"reason\":4}", false },
	{ "the certificate's key for a change of keys", CMD_REVOKE, 0, NULL, ACME_KEY_NEW,
	  "/key-change", "", false },
};

static bool
probe_errand(struct fake_task *t, enum fake_net_step step)
{
	const struct errand_row *row = &errands[row_of_test];
	struct msg_sign body = { .job = t->job, .sign = { .key = row->key,
	    .url = fake_text(fake_url(row->path)), .nonce = fake_text("bm9uY2U"),
	    .payload = { (uint8_t *)(uintptr_t)row->payload, strlen(row->payload) } } };

	fake_probe(t, step, MSG_SIGN, &body);
	return true;
}

START_TEST(an_errand_signs_for_what_the_operator_asked)
{
	const struct errand_row *row = &errands[_i];

	fake_run_to(CMD_RENEW, OUT_OK);
	row_of_test = _i;
	script.hostile = probe_errand;
	script.setup.action = row->action;
	script.setup.url = row->drops != NULL ? fake_text(fake_url(row->drops)) : NULL;
	script.setup.by_cert_key = row->key == ACME_KEY_NEW;
	fake_run(row->command);
	ck_assert_msg(seen.probe == (row->is_signed ? MSG_SIGNED : MSG_FAILED),
	    "%s: got message %u", row->what, seen.probe);
	fake_check_active(0);
}
END_TEST

/* --- answers that are none --- */

static const struct msg_error no_error = { .class = OUT_OK };
static const struct msg_error rolled_back = { .class = OUT_ROLLBACK };
static const struct msg_error odd = { .class = -7, .trouble = INT64_MAX, .retry_at = INT64_MIN };
static const struct acme_result no_result;
static const struct msg_signed no_signature;
static const struct msg_take take = { .take = true };
static const struct msg_end end = { .outcome = OUT_OK };

static const struct {
	const char		*what;
	enum message_type	 type;
	const void		*body;
	uint64_t		 id;	/* 0: that of the task */
} answers[] = {
	{ "done", MSG_DONE, NULL, 0 },
	{ "a signature", MSG_SIGNED, &no_signature, 0 },
	{ "take", MSG_TAKE, &take, 0 },
	{ "a result without a certificate", MSG_RESULT, &no_result, 0 },
	{ "failed, and all is well", MSG_FAILED, &no_error, 0 },
	{ "failed, and rolled back", MSG_FAILED, &rolled_back, 0 },
	{ "failed with numbers that are none", MSG_FAILED, &odd, 0 },
	{ "an answer that nobody waits for", MSG_DONE, NULL, 4711 },
	{ "the end of the run", MSG_END, &end, 0 },
	{ "stop", MSG_STOP, NULL, 0 },
};

static bool
answer_oddly(struct fake_task *t, enum fake_net_step step)
{
	if (step != NET_SIGNED)
		return false;
	fake_send(ROLE_NET, answers[row_of_test].type,
	    answers[row_of_test].id != 0 ? answers[row_of_test].id : t->id,
	    answers[row_of_test].body);
	return true;
}

START_TEST(a_task_with_an_odd_end_is_a_retry)
{
	row_of_test = _i;
	script.hostile = answer_oddly;
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == OUT_RETRY, "%s: got %jd (%s)", answers[_i].what,
	    (intmax_t)seen.outcome, seen.last);
	ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
	fake_reset();
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("keeper_net");
	TCase *tc = fake_case(s, "net");

	tcase_add_loop_test(tc, what_is_not_for_this_ca_and_this_run_is_not_signed, 0,
	    NITEMS(signs));
	tcase_add_loop_test(tc, what_is_not_about_this_order_is_not_signed, 0,
	    2 * (int)NITEMS(payloads));
	tcase_add_test(tc, a_run_that_only_asks_for_renewal_information_has_no_key_to_sign_with);
	tcase_add_loop_test(tc, what_is_no_challenge_is_not_put_up, 0, NITEMS(solves));
	tcase_add_loop_test(tc, challenges_out_of_turn_are_not_put_up, 0, 2);
	tcase_add_loop_test(tc, no_request_is_made_but_for_the_order_under_way, 0, NITEMS(csrs));
	tcase_add_loop_test(tc, a_chain_out_of_turn_never_reaches_the_store, 0, NITEMS(chains));
	tcase_add_test(tc, a_flood_of_messages_is_neither_told_nor_signed_for);
	tcase_add_loop_test(tc, an_errand_signs_for_what_the_operator_asked, 0, NITEMS(errands));
	tcase_add_loop_test(tc, a_task_with_an_odd_end_is_a_retry, 0, NITEMS(answers));
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
