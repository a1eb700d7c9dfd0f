/*
 * check_acme_tables: times to come back, accounts, alternates, renewal
 * information, invalid orders: rows A05 to A08, A32, A33, A37 to A43 of
 * FAULTS.md.
 */
#include "acmerun.h"
#include "suite.h"

/* --- A05 to A08: when to come back --- */

static const struct {
	const char	*what;
	const char	*reply;
	int64_t		 after;		/* retry_at less now; 0: none named */
	bool		 whole_ca;
} times[] = {
	{ "seconds", LIMITED("120"), 120, false },
	{ "IMF date", LIMITED("Mon, 21 Sep 2026 14:23:20 GMT"), 600, false },
	{ "RFC 850 date", LIMITED("Monday, 21-Sep-26 14:23:20 GMT"), 600, false },
	{ "asctime date", LIMITED("Mon Sep 21 14:23:20 2026"), 600, false },
	{ "missing", PROBLEM("429 Slow", "rateLimited", ""), 0, false },
	{ "0", LIMITED("0"), 60, false },
	{ "one second", LIMITED("1"), 60, false },
	{ "negative", LIMITED("-5"), 0, false },
	{ "text", LIMITED("soon"), 0, false },
	{ "10^18", LIMITED("1000000000000000000"), 86400, false },
	{ "beyond 64 bits", LIMITED("99999999999999999999999999"), 86400, false },
	{ "year 9999", LIMITED("Fri, 31 Dec 9999 23:59:59 GMT"), 86400, false },
	{ "in the past", LIMITED("Mon, 21 Sep 2020 14:23:20 GMT"), 60, false },
	{ "no such day", LIMITED("Mon, 31 Sep 2026 14:23:20 GMT"), 0, false },
	{ "two days", LIMITED("172800"), 86400, false },
	{ "503", RETRY_AFTER("503 Busy", "90"), 90, true },
	{ "503 missing", REPLY("503 Busy", "text/plain", ""), 0, false },
	{ "bare 429", RETRY_AFTER("429 Slow", "90"), 90, true },
	{ "500 with a time", RETRY_AFTER("500 Oops", "90"), 90, false },
	{ "date seen from the CA's clock, an hour ahead", "HTTP/1.1 429 Slow\r\nReplay-Nonce: @\r\n"
	  "Content-Type: application/problem+json\r\nDate: Mon, 21 Sep 2026 15:13:20 GMT\r\n"
	  "Retry-After: Mon, 21 Sep 2026 15:18:20 GMT\r\n\r\n"
	  "{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}", 300, false },
};

START_TEST(limits_keep_the_table_of_times)
{
	struct ca_fault f = { "/order", 1, 1, times[_i].reply };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;
	size_t sent;

	ca->fault = &f;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_msg(e.retry_at == (times[_i].after == 0 ? 0 : CA_NOW + times[_i].after),
	    "%s: got %jd, want %jd", times[_i].what,
	    (intmax_t)(e.retry_at == 0 ? 0 : e.retry_at - CA_NOW), (intmax_t)times[_i].after);
	/* The next certificate of the run: FAULTS A08. */
	sent = ca->nsent;
	j = ca_job(ca, ACME_ORDER);
	ck_assert_msg((run(&j, &e, &trouble) == -1) == times[_i].whole_ca, "%s: %s", times[_i].what,
	    e.text);
	ck_assert_msg((ca->nsent == sent) == times[_i].whole_ca, "%s", times[_i].what);
}
END_TEST

/* --- A37, A39: accounts --- */

#define ACCOUNT(status, at) "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\nContent-Type: " \
	"application/json\r\nLocation: " CA_URL "/acct/" at "\r\n\r\n{\"status\":\"" status "\"}"

static const struct {
	const char	*what;
	struct ca_fault	 fault;
	enum acme_kind	 kind;
	bool		 on_file, eab;
	enum outcome	 class;
	const char	*text;
	enum acme_trouble trouble;
} accounts[] = {
	{ "unknown", { "/acct", 1, 0, PROBLEM("400 No", "accountDoesNotExist", "") }, ACME_FIND,
	    true,
	  false, OUT_HOLD, "accountDoesNotExist", ACME_TROUBLE_ACCOUNT },
	{ "moved", { "/acct", 1, 0, ACCOUNT("valid", "8") }, ACME_FIND, true, false, OUT_HOLD,
	  "/acct/8", ACME_TROUBLE_ACCOUNT },
	{ "still there", { "/acct", 1, 0, ACCOUNT("valid", "7") }, ACME_FIND, true, false, OUT_OK,
	  NULL, ACME_TROUBLE_NONE },
	{ "deactivated", { "/acct", 1, 0, ACCOUNT("deactivated", "7") }, ACME_FIND, true, false,
	  OUT_HOLD, "have deactivated", ACME_TROUBLE_ACCOUNT },
	{ "revoked", { "/acct", 1, 0, ACCOUNT("revoked", "7") }, ACME_REGISTER, false, false,
	    OUT_HOLD,
	  "have revoked", ACME_TROUBLE_ACCOUNT },
	{ "forbidden", { "/acct", 1, 0, PROBLEM("403 No", "unauthorized", "") }, ACME_FIND, true,
	  false, OUT_HOLD, "unauthorized", ACME_TROUBLE_ACCOUNT },
	{ "no Location", { "/acct", 1, 0, JSON_REPLY("{\"status\":\"valid\"}") }, ACME_REGISTER,
	    false,
	  false, OUT_HOLD, "Location", ACME_TROUBLE_NONE },
	{ "contact refused", { "/acct", 1, 0, PROBLEM("400 No", "invalidContact", "") },
	    ACME_REGISTER,
	  false, false, OUT_HOLD, "invalidContact", ACME_TROUBLE_NONE },
	{ "A39 binding wrong", { "/acct", 1, 0, PROBLEM("403 No", "unauthorized", "") },
	    ACME_REGISTER,
	  false, true, OUT_HOLD, "unauthorized", ACME_TROUBLE_NONE },
	{ "A39 binding wanted by refusal", { "/acct", 1, 0, PROBLEM("403 No",
	  "externalAccountRequired", "") }, ACME_REGISTER, false, false, OUT_HOLD,
	  "externalAccountRequired", ACME_TROUBLE_NONE },
	{ "A39 binding wanted by the directory", { "/dir", 1, 0,
	    JSON_REPLY("{\"newNonce\":\"" CA_URL
	  "/nonce\",\"newAccount\":\"" CA_URL "/acct\",\"newOrder\":\"" CA_URL "/order\",\"meta\":"
	  "{\"externalAccountRequired\":true}}") }, ACME_REGISTER, false, false, OUT_HOLD,
	  "external account binding", ACME_TROUBLE_NONE },
	{ "no keyChange", { "/dir", 1, 0, JSON_REPLY("{\"newNonce\":\"" CA_URL "/nonce\","
	  "\"newAccount\":\"" CA_URL "/acct\",\"newOrder\":\"" CA_URL "/order\"}") }, ACME_ROLLOVER,
	  true, false, OUT_HOLD, "keyChange", ACME_TROUBLE_NONE },
	{ "the new key is taken", { "/key", 1, 0, PROBLEM("409 Conflict", "malformed", "") },
	  ACME_ROLLOVER, true, false, OUT_HOLD, "409", ACME_TROUBLE_NONE },
	{ "no list of orders", { "/acct/7", 1, 0, JSON_REPLY("{\"status\":\"valid\"}") },
	    ACME_ORDERS,
	  true, false, OUT_HOLD, "orders", ACME_TROUBLE_NONE },
};

START_TEST(accounts_keep_their_table)
{
	struct acme_job j = ca_job(ca, accounts[_i].kind);
	enum acme_trouble trouble;
	struct err e;
	int rc;

	if (accounts[_i].on_file && j.account == NULL)
		j.account = strdup(CA_URL "/acct/7");
	j.eab = accounts[_i].eab;
	ca->fault = &accounts[_i].fault;
	rc = run(&j, &e, &trouble);
	ck_assert_msg((rc == -1 ? e.class : OUT_OK) == accounts[_i].class, "%s: %s",
	    accounts[_i].what, e.text);
	ck_assert_msg(accounts[_i].text == NULL || strstr(e.text, accounts[_i].text) != NULL,
	    "%s: %s", accounts[_i].what, e.text);
	ck_assert_msg(trouble == accounts[_i].trouble || (trouble == ACME_TROUBLE_CA &&
	    accounts[_i].trouble == ACME_TROUBLE_NONE), "%s: got %d", accounts[_i].what, trouble);
}
END_TEST

/* --- A41 --- */

START_TEST(at_most_four_alternates_of_the_ca_itself_are_fetched)
{
	static const char reply[] = "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\nContent-Type: " PEM_TYPE
	    "\r\nLink: <https://evil.example/1>;rel=alternate\r\n"
	    "Link: <http://ca.example/1>;rel=alternate, <" CA_URL "/cert/1>;rel=\"alternate\"\r\n"
	    "Link: </cert/1/alt/1>;rel=alternate, </cert/1/alt/1>;rel=alternate, "
	    "</cert/1/alt/2>;rel=alternate, </cert/1/alt/3>;rel=alternate, "
	    "</cert/1/alt/4>;rel=alternate, </cert/1/alt/5>;rel=alternate\r\n\r\n" CA_PEM;
	struct ca_fault f = { "/cert/1", 1, 0, reply };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->fault = &f;
	ca->refuse_chains = 100;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_REFUSE);
	ck_assert_uint_eq(ca->chains, 5);
	ck_assert_uint_eq(ca_count(ca, "/cert/1/alt"), 4);
	ck_assert_uint_eq(ca_count(ca, "/cert/1/alt/5"), 0);
}
END_TEST

/* --- A42 --- */

#define WINDOW(start, end, retry) "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" retry \
	"\r\n{\"suggestedWindow\":{\"start\":\"" start "\",\"end\":\"" end "\"}}"

static const struct {
	const char	*what;
	const char	*reply;
	bool		 ok;
	int64_t		 after;		/* until it is asked again, 0: back-off */
} renewals[] = {
	{ "404", HTML("404 Lost"), false, 6 * HOUR },
	{ "malformed", PROBLEM("400 Bad", "malformed", ""), false, 6 * HOUR },
	{ "500", HTML("500 Oops"), false, 0 },
	{ "503 with a time", RETRY_AFTER("503 Busy", "90"), false, 90 },
	{ "end before start", WINDOW("2026-10-02T00:00:00Z", "2026-10-01T00:00:00Z", ""), false,
	  6 * HOUR },
	{ "end at start", WINDOW("2026-10-02T00:00:00Z", "2026-10-02T00:00:00Z", ""), false,
	    6 * HOUR },
	{ "no times", WINDOW("soon", "later", ""), false, 6 * HOUR },
	{ "no window", JSON_REPLY("{}"), false, 6 * HOUR },
	{ "an array", JSON_REPLY("[]"), false, 6 * HOUR },
	{ "garbage", JSON_REPLY("{"), false, 6 * HOUR },
	{ "HTML", HTML("200 OK"), false, 0 },
	{ "far past", WINDOW("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z",
	    "Retry-After: 300\r\n"),
	  true, 300 },
	{ "far future", WINDOW("9999-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
	  "Retry-After: 300\r\n"), true, 300 },
	{ "no Retry-After", WINDOW("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", ""), true,
	  6 * HOUR },
	{ "Retry-After 0", WINDOW("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z",
	  "Retry-After: 0\r\n"), true, MINUTE },
	{ "Retry-After ten years", WINDOW("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z",
	  "Retry-After: 315360000\r\n"), true, DAY },
	{ "fractions and offsets", WINDOW("2026-10-01T00:00:00.123456789+05:30",
	  "2026-10-02T00:00:00-00:00", ""), true, 6 * HOUR },
};

START_TEST(renewal_information_keeps_its_table)
{
	struct ca_fault f = { "/ari", 1, 0, renewals[_i].reply };
	struct acme_job j = ca_job(ca, ACME_RENEWAL);
	const struct acme_result *r = NULL;
	struct acme_task *t;
	struct err e;
	int rc;

	ca->has_renewal = true;
	ca->fault = &f;
	j.cert_id = strdup("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	t = ca_task(&session, &j);
	rc = ca_run(ca, t, &r, &e);
	ck_assert_msg((rc == 0) == renewals[_i].ok, "%s: %s", renewals[_i].what, e.text);
	if (rc == 0) {
		ck_assert(r->has_window && r->window_end > r->window_start);
		ck_assert_int_eq(r->ask_again_at, CA_NOW + renewals[_i].after);
	} else {
		ck_assert_msg(e.class == OUT_RETRY, "%s: %s", renewals[_i].what, e.text);
		ck_assert_msg(e.retry_at == (renewals[_i].after == 0 ? 0 :
		    CA_NOW + renewals[_i].after), "%s: got %jd", renewals[_i].what,
		    (intmax_t)(e.retry_at - CA_NOW));
	}
	acme_task_free(t);
}
END_TEST

/* --- A43 --- */

static const struct {
	const char	*reply;
	bool		 again;
} replaced[] = {
	{ PROBLEM("409 Conflict", "alreadyReplaced", ""), true },
	{ PROBLEM("409 Conflict", "conflict", ""), true },
	{ PROBLEM("400 Bad", "malformed", ",\"detail\":\"unknown field\""), true },
	{ PROBLEM("403 No", "unauthorized", ",\"detail\":\"another account\""), true },
	{ HTML("400 Bad"), true },
	{ PROBLEM("500 Oops", "serverInternal",
	    ",\"detail\":\"no order for the given certificate\""),
	  true },
	{ PROBLEM("400 Bad", "accountDoesNotExist", ""), false },
	{ PROBLEM("403 No", "userActionRequired", ""), false },
	{ LIMITED("60"), false },
	{ HTML("500 Oops"), false },
	{ PROBLEM("503 Busy", "serverInternal", ""), false },
};

START_TEST(a_refused_successor_is_ordered_once_more_without_predecessor)
{
	struct ca_fault f = { "/order", 1, 1, replaced[_i].reply };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->has_renewal = true;
	ca->fault = &f;
	j.cert_id = strdup("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	ck_assert_msg((run(&j, &e, &trouble) == 0) == replaced[_i].again, "row %d: %s", _i, e.text);
	ck_assert_uint_eq(ca_count(ca, "/order"), replaced[_i].again ? 2 : 1);
	ck_assert_int_eq(strstr(ca_last(ca, "/order")->payload, "replaces") == NULL,
	    replaced[_i].again);
}
END_TEST

/* --- A32: why an order is invalid --- */

START_TEST(each_name_of_an_invalid_order_is_explained)
{
	static const char authz[] = AUTHZ("invalid", "{\"type\":\"dns-01\",\"status\":\"pending\"},"
	    "{\"type\":\"http-01\",\"status\":\"invalid\",\"error\":{\"type\":"
	    "\"urn:ietf:params:acme:error:connection\",\"detail\":\"192.0.2.1:\\n"
	    "\\u001b[31mrefused\",\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:dns\","
	    "\"detail\":\"no AAAA\","
	    "\"identifier\":{\"type\":\"dns\",\"value\":\"n1.example\"}}]}}");
	struct ca_fault f = { "/authz", 2, 0, authz };
	struct ca_fault g = { "/o/1", 1, 0, JSON_REPLY("{\"status\":\"invalid\","
	    "\"error\":{\"type\":"
	    "\"urn:ietf:params:acme:error:compound\",\"detail\":\"several\"}}") };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->fault = &f;
	ca->fault2 = &g;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(trouble, ACME_TROUBLE_VALIDATION);
	ck_assert_str_eq(e.text, "order: the CA found it invalid: compound: several; n1.example: "
	    "http-01: connection: 192.0.2.1: ?[31mrefused (n1.example: dns: no AAAA)");
	ck_assert_str_ne(e.hint, "");
	ck_assert_uint_eq(ca->unsolves, 1);
}
END_TEST

/* What CAA forbids this CA, it may allow another one. */
START_TEST(a_caa_record_is_about_one_ca)
{
	struct ca_fault f = { "/authz", 2, 0, AUTHZ("invalid", "{\"type\":\"http-01\",\"status\":"
	    "\"invalid\",\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\"}}") };
	struct ca_fault g = { "/o/1", 1, 0, JSON_REPLY("{\"status\":\"invalid\"}") };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->fault = &f;
	ca->fault2 = &g;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(trouble, ACME_TROUBLE_CA);
}
END_TEST

START_TEST(an_invalid_order_is_an_invalid_order_even_if_nobody_says_why)
{
	struct ca_fault f = { "/authz", 2, 0, HTML("500 Oops") };
	struct ca_fault g = { "/o/1", 1, 0, JSON_REPLY("{\"status\":\"invalid\"}") };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->fault = &f;
	ca->fault2 = &g;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(trouble, ACME_TROUBLE_VALIDATION);
}
END_TEST

START_TEST(a_certificate_that_the_ca_will_not_make_is_no_failed_validation)
{
	struct ca_fault f = { "/o/1", 2, 0, JSON_REPLY("{\"status\":\"invalid\","
	    "\"error\":{\"type\":"
	    "\"urn:ietf:params:acme:error:caa\",\"detail\":\"CAA forbids\"}}") };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->fault = &f;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(trouble, ACME_TROUBLE_CA);
	ck_assert_msg(strstr(e.text, "caa: CAA forbids") != NULL, "%s", e.text);
	ck_assert_ptr_nonnull(strstr(e.hint, "CAA record"));
	ck_assert_uint_eq(ca_count(ca, "/authz"), 1);
}
END_TEST

/* --- A33: valid already --- */

START_TEST(what_is_valid_already_gets_no_challenge)
{
	struct ca_fault f = { "/authz/1", 1, 0, AUTHZ("valid", CHALLENGE("http-01", CA_TOKEN)) };
	struct acme_job j;
	enum acme_trouble trouble;
	struct err e;

	ca->names = 2;
	ca->answered = 1;	/* the first one, in an earlier run */
	ca->fault = &f;
	j = ca_job(ca, ACME_ORDER);
	ck_assert_msg(run(&j, &e, &trouble) == 0, "%s", e.text);
	ck_assert_uint_eq(ca->solves, 1);
	ck_assert_uint_eq(ca_count(ca, "/chal/1"), 0);
	ck_assert_uint_eq(ca_count(ca, "/chal/2"), 1);
}
END_TEST

START_TEST(an_authorization_that_another_order_had_validated_needs_no_answer)
{
	struct ca_fault f = { "/chal/1", 1, 0, PROBLEM("400 Bad", "malformed", "") };
	struct ca_fault g = { "/authz/1", 2, 0, AUTHZ("valid", "") };
	struct acme_job j;
	enum acme_trouble trouble;
	struct err e;

	ca->names = 2;
	ca->answered = 1;	/* the first one, by the other order */
	ca->fault = &f;
	ca->fault2 = &g;
	j = ca_job(ca, ACME_ORDER);
	ck_assert_msg(run(&j, &e, &trouble) == 0, "%s", e.text);
	ck_assert_uint_eq(ca_count(ca, "/authz/1"), 2);
	ck_assert_uint_eq(ca_count(ca, "/chal"), 2);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, limits_keep_the_table_of_times, 0, NITEMS(times));
	tcase_add_loop_test(tc, accounts_keep_their_table, 0, NITEMS(accounts));
	tcase_add_test(tc, at_most_four_alternates_of_the_ca_itself_are_fetched);
	tcase_add_loop_test(tc, renewal_information_keeps_its_table, 0, NITEMS(renewals));
	tcase_add_loop_test(tc, a_refused_successor_is_ordered_once_more_without_predecessor, 0,
	    NITEMS(replaced));
	tcase_add_test(tc, each_name_of_an_invalid_order_is_explained);
	tcase_add_test(tc, a_caa_record_is_about_one_ca);
	tcase_add_test(tc, an_invalid_order_is_an_invalid_order_even_if_nobody_says_why);
	tcase_add_test(tc, a_certificate_that_the_ca_will_not_make_is_no_failed_validation);
	tcase_add_test(tc, what_is_valid_already_gets_no_challenge);
	tcase_add_test(tc, an_authorization_that_another_order_had_validated_needs_no_answer);
}

int
main(void)
{
	Suite *s = suite_create("acme_tables");
	TCase *tc = tcase_create("acme_tables");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_tests(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
