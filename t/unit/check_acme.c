/*
 * check_acme: orders at a CA without faults, and with how few requests.
 */
#include "acmerun.h"
#include "suite.h"

/* --- requests, counted (issues 2 and 3) --- */

static void
check_paths(const char *const *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(i < ca->nsent && strcmp(ca->sent[i].path, want[i]) == 0,
		    "request %zu: got %s, want %s", i + 1,
		    i < ca->nsent ? ca->sent[i].path : "none", want[i]);
	ck_assert_uint_eq(ca->nsent, n);
}

START_TEST(a_certificate_for_one_name_takes_nine_requests)
{
	static const char *const paths[] = { "/dir", "/nonce", "/order", "/authz/1", "/chal/1",
	    "/o/1", "/final/1", "/o/1", "/cert/1" };

	order_well();
	check_paths(paths, NITEMS(paths));
	ck_assert_uint_eq(ca->solves, 1);
	ck_assert_uint_eq(ca->unsolves, 1);
	ck_assert_uint_eq(ca->csrs, 1);
}
END_TEST

START_TEST(a_first_issue_with_registration_takes_ten_requests)
{
	struct acme_job j = ca_job(ca, ACME_REGISTER);

	acme_task_free(run_well(&j, NULL));
	order_well();
	ck_assert_uint_eq(ca->nsent, 10);
}
END_TEST

START_TEST(ten_names_take_twenty_six_requests)
{
	ca->names = 10;
	order_well();
	ck_assert_uint_eq(ca->nsent, 26);
	ck_assert_uint_eq(ca->solves, 10);
	ck_assert_uint_eq(ca->unsolves, 10);
}
END_TEST

START_TEST(further_certificates_of_a_run_take_at_most_seven_requests_each)
{
	for (size_t i = 0; i < 20; i++) {
		ca->answered = 0;
		ca->answered_at = ca->finalized_at = -1;
		order_well();
		ck_assert_msg(ca->nsent <= 9 + 7 * i, "%zu: %zu requests", i + 1, ca->nsent);
	}
}
END_TEST

START_TEST(an_order_that_is_ready_needs_no_authorization)
{
	static const char *const paths[] = { "/dir", "/nonce", "/order", "/final/1", "/o/1",
	    "/cert/1" };

	ca->ready_order = true;
	order_well();
	check_paths(paths, NITEMS(paths));
	ck_assert_uint_eq(ca->solves + ca->unsolves, 0);
}
END_TEST

START_TEST(every_nonce_is_used_once)
{
	ca->names = 4;
	order_well();
	for (size_t i = 0; i < ca->nsent; i++) {
		if (ca->sent[i].method != ACME_POST)
			continue;
		ck_assert_str_ne(ca->sent[i].nonce, "");
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(ca->sent[i].nonce, ca->sent[k].nonce);
	}
}
END_TEST

/* --- the order --- */

START_TEST(requests_say_what_rfc_8555_wants)
{
	order_well();
	ck_assert_str_eq(ca_last(ca, "/order")->payload,
	    "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"n1.example\"}]}");
	ck_assert_str_eq(ca_last(ca, "/authz/1")->payload, "");
	ck_assert_str_eq(ca_last(ca, "/chal/1")->payload, "{}");
	ck_assert_str_eq(ca_last(ca, "/final/1")->payload, "{\"csr\":\"Q1NS\"}");
	ck_assert_str_eq(ca_last(ca, "/cert/1")->payload, "");
	ck_assert_str_eq(ca->key_auth, CA_TOKEN "." CA_THUMB);
	ck_assert_str_eq(ca->challenge_name, "n1.example");
	for (size_t i = 2; i < ca->nsent; i++)
		ck_assert_int_eq(ca->sent[i].key, ACME_KEY_KID);
}
END_TEST

START_TEST(addresses_and_wildcards_are_ordered_as_what_they_are)
{
	static const char *const names[] = { "*.x.example", "x.example", "192.0.2.1",
	    "2001:db8::1" };
	struct acme_job j;
	struct err e;
	enum acme_trouble trouble;

	ca->names = NITEMS(names);
	ca->name = names;
	j = ca_job(ca, ACME_ORDER);
	/* The CA offers http-01 and dns-01 for each: dns-01 is preferred here. */
	strs_clear(&j.challenges);
	ck_assert(strs_add(&j.challenges, "dns-01") == 0 &&
	    strs_add(&j.challenges, "http-01") == 0);
	ck_assert_msg(run(&j, &e, &trouble) == 0, "%s", e.text);
	ck_assert_str_eq(ca_last(ca, "/order")->payload, "{\"identifiers\":["
	    "{\"type\":\"dns\",\"value\":\"*.x.example\"},{\"type\":\"dns\","
	    "\"value\":\"x.example\"},{\"type\":\"ip\",\"value\":\"192.0.2.1\"},{\"type\":\"ip\","
	    "\"value\":\"2001:db8::1\"}]}");
	ck_assert_str_eq(ca->challenge_name, "x.example");
	ck_assert(ca->wildcard && !ca->is_ip);
	ck_assert_uint_eq(ca_count(ca, "/chal/d1"), 1);
	ck_assert_uint_eq(ca_count(ca, "/chal/d4"), 1);
}
END_TEST

static const struct {
	const char	*what;
	const char	*issuers;
	bool		 ok;
} persistent[] = {
	{ "one issuer", "[\"ca.example\"]", true },
	{ "none", "[]", false },
	{ "missing", "null", false },
	{ "a number", "[1]", false },
	{ "a text", "\"ca.example\"", false },
};

START_TEST(dns_persist_01_has_issuers_and_no_token)
{
	char reply[1024];
	struct ca_fault f = { "/authz", 1, 0, reply };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;
	int rc;

	(void)snprintf(reply, sizeof(reply), "%s{\"type\":\"http-01\"},{\"type\":"
	    "\"dns-persist-01\",\"status\":\"pending\",\"url\":\"" CA_URL "/chal/1\","
	    "\"issuer-domain-names\":%s}]}", JSON_REPLY("{\"status\":\"pending\","
	    "\"identifier\":{\"type\":\"dns\",\"value\":\"n1.example\"},\"challenges\":["),
	    persistent[_i].issuers);
	ca->fault = &f;
	strs_clear(&j.challenges);
	ck_assert_int_eq(strs_add(&j.challenges, "dns-persist-01"), 0);
	rc = run(&j, &e, &trouble);
	ck_assert_msg((rc == 0) == persistent[_i].ok, "%s: %s", persistent[_i].what,
	    rc == 0 ? "got success" : e.text);
	ck_assert(rc == 0 || e.class == OUT_HOLD);
	ck_assert(!ca->has_token && ca->issuers == (rc == 0 ? 1 : 0));
}
END_TEST

/* FAULTS L04 */
START_TEST(a_predecessor_is_named_only_where_the_ca_knows_renewal_information)
{
	const struct acme_result *r;
	struct acme_task *t;
	struct acme_job j;

	ca->has_renewal = _i == 1;
	j = ca_job(ca, ACME_ORDER);
	j.cert_id = strdup("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	t = run_well(&j, &r);
	ck_assert_int_eq(strstr(ca_last(ca, "/order")->payload, "\"replaces\":"
	    "\"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE\"") != NULL, _i == 1);
	ck_assert_int_eq(r->replaces, _i == 1);
	acme_task_free(t);
}
END_TEST

static const struct {
	const char	*what;
	bool		 offered, required;
	const char	*profile;
	const char	*refusal;	/* of newOrder */
	bool		 ok;
	bool		 sent;		/* in the last order */
} profiles[] = {
	{ "offered and preferred", true, false, "shortlived", NULL, true, true },
	{ "offered and required", true, true, "shortlived", NULL, true, true },
	{ "unknown and preferred: left out", true, false, "odd", NULL, true, false },
	{ "unknown and required", true, true, "odd", NULL, false, false },
	{ "no profiles at all, preferred", false, false, "shortlived", NULL, true, false },
	{ "no profiles at all, required", false, true, "shortlived", NULL, false, false },
	{ "refused and preferred: ordered without", true, false, "shortlived",
	  PROBLEM("400 Bad", "invalidProfile", ""), true, false },
	{ "refused and required", true, true, "shortlived",
	  PROBLEM("400 Bad", "invalidProfile", ""), false, true },
};

START_TEST(profiles_keep_their_table)
{
	struct ca_fault f = { "/order", 1, 1, profiles[_i].refusal };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;
	int rc;

	ca->has_profiles = profiles[_i].offered;
	ca->fault = f.reply != NULL ? &f : NULL;
	j.profile = strdup(profiles[_i].profile);
	j.profile_required = profiles[_i].required;
	rc = run(&j, &e, &trouble);
	ck_assert_msg((rc == 0) == profiles[_i].ok, "%s: got %s", profiles[_i].what,
	    rc == 0 ? "success" : e.text);
	ck_assert_msg(rc == 0 || e.class == OUT_HOLD, "%s: %s", profiles[_i].what, e.text);
	ck_assert_msg((ca_last(ca, "/order") != NULL &&
	    strstr(ca_last(ca, "/order")->payload, "\"profile\"") != NULL) == profiles[_i].sent,
	    "%s", profiles[_i].what);
}
END_TEST

#define LEFT_OVER(status, rest) JSON_REPLY("{\"status\":\"" status "\",\"identifiers\":" \
	"[{\"type\":\"dns\",\"value\":\"N1.Example\"}],\"authorizations\":[\"" CA_URL \
	"/authz/1\"],\"finalize\":\"" CA_URL "/final/1\"" rest "}")

static const struct {
	const char	*what;
	const char	*first_look;	/* at the order that was left over */
	const char	*path[8];	/* behind the first look */
} resumed[] = {
	{ "pending: its authorizations are used", LEFT_OVER("pending", ""),
	  { "/authz/1", "/chal/1", "/o/1", "/final/1", "/o/1", "/cert/1" } },
	{ "ready: finalized", LEFT_OVER("ready", ""), { "/final/1", "/o/1", "/cert/1" } },
	{ "processing: waited for", LEFT_OVER("processing", ""), { "/o/1", "/cert/1" } },
	{ "valid: fetched, not ordered again", LEFT_OVER("valid", ",\"certificate\":\"" CA_URL
	  "/cert/1\""), { "/cert/1" } },
	{ "invalid: a new one", LEFT_OVER("invalid", ""), { "/order", "/authz/1", "/chal/1",
	  "/o/1", "/final/1", "/o/1", "/cert/1" } },
	{ "unknown to the CA: a new one", PROBLEM("404 Not Found", "malformed", ""), { "/order",
	  "/authz/1", "/chal/1", "/o/1", "/final/1", "/o/1", "/cert/1" } },
	{ "for other names: a new one", JSON_REPLY("{\"status\":\"ready\",\"identifiers\":"
	  "[{\"type\":\"dns\",\"value\":\"other.example\"}],\"authorizations\":[],\"finalize\":\""
	  CA_URL "/final/1\"}"), { "/order", "/authz/1", "/chal/1", "/o/1", "/final/1", "/o/1",
	  "/cert/1" } },
};

START_TEST(an_order_left_over_is_gone_on_with)
{
	struct ca_fault f = { "/o/1", 1, 1, resumed[_i].first_look };
	const char *paths[11] = { "/dir", "/nonce", "/o/1" };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;
	size_t n = 3;

	ca->fault = &f;
	ca->ready_order = strstr(resumed[_i].first_look, "ready") != NULL && _i == 1;
	if (strstr(resumed[_i].first_look, "processing") != NULL)
		ca->finalized_at = 0;
	j.order = strdup(CA_URL "/o/1");
	ck_assert_msg(run(&j, &e, &trouble) == 0, "%s: %s", resumed[_i].what, e.text);
	for (size_t i = 0; i < 8 && resumed[_i].path[i] != NULL; i++)
		paths[n++] = resumed[_i].path[i];
	check_paths(paths, n);
}
END_TEST

START_TEST(chains_are_offered_until_one_is_taken)
{
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->alternates = true;
	ca->refuse_chains = (size_t)_i;
	if (_i < 3) {
		ck_assert_msg(run(&j, &e, &trouble) == 0, "%s", e.text);
		ck_assert_uint_eq(ca->chains, (size_t)_i + 1);
	} else {
		ck_assert_int_eq(run(&j, &e, &trouble), -1);
		ck_assert_int_eq(e.class, OUT_REFUSE);
		ck_assert_uint_eq(ca->chains, 3);
	}
	ck_assert_uint_eq(ca_count(ca, "/cert/1/alt"), _i < 3 ? (size_t)_i : 2);
}
END_TEST

/* --- waiting --- */

START_TEST(waiting_never_costs_twice_what_it_waits_for)
{
	static const int64_t lasts[] = { 1, 20, 50, 100, 150, 200, 250, 300, 1000, 5000 };
	int64_t took, limit = 2 * lasts[_i];

	if (lasts[_i] == 200)
		limit = 300;	/* the issue's own figure */
	ca->validation_ms = lasts[_i];
	/* The first is met unprepared, later ones with what was learnt. */
	for (int i = 0; i < 12; i++) {
		ca->answered = 0;
		ca->answered_at = ca->finalized_at = -1;
		order_well();
		took = ca->finalized_at - ca->answered_at;
		ck_assert_msg(took >= lasts[_i] && (took <= limit || took <= 20),
		    "order %d: validation takes %jd ms, got %jd", i + 1, (intmax_t)lasts[_i],
		    (intmax_t)took);
	}
}
END_TEST

START_TEST(first_looks_come_later_at_a_slow_ca)
{
	size_t first, last = 0;

	ca->validation_ms = 2500;
	order_well();
	first = ca->nsent;
	for (int i = 0; i < 12; i++) {
		ca->answered = 0;
		ca->answered_at = ca->finalized_at = -1;
		last = ca->nsent;
		order_well();
		last = ca->nsent - last;
	}
	ck_assert_msg(last + 4 < first, "first %zu requests, last %zu", first, last);
}
END_TEST

#define PENDING(retry) "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\nDate: " CA_DATE "\r\n" \
	"Content-Type: application/json\r\nRetry-After: " retry "\r\n\r\n{\"status\":\"pending\"}"

static const struct {
	const char	*reply;
	int64_t		 ms;	/* until the next look */
} retry_after[] = {
	{ PENDING("3"), 3000 },
	{ PENDING("0"), 1000 },
	{ PENDING("61"), 60000 },
	{ PENDING("99999999999999999999"), 60000 },
	{ PENDING("Mon, 21 Sep 2026 14:13:27 GMT"), 7000 },
	{ PENDING("Monday, 21-Sep-26 14:13:27 GMT"), 7000 },
	{ PENDING("Mon Sep 21 14:13:27 2026"), 7000 },
	{ PENDING("Mon, 21 Sep 2026 14:13:00 GMT"), 1000 },
};

START_TEST(looks_follow_retry_after_within_a_second_and_a_minute)
{
	struct ca_fault f = { "/o/1", 1, 1, retry_after[_i].reply };
	int64_t at[2] = { 0, 0 };
	size_t n = 0;

	ca->fault = &f;
	ca->validation_ms = 10;
	order_well();
	for (size_t i = 0; i < ca->nsent && n < 2; i++)
		if (strcmp(ca->sent[i].path, "/o/1") == 0)
			at[n++] = ca->sent[i].at_ms;
	ck_assert_msg(at[1] - at[0] == retry_after[_i].ms, "row %d: got %jd, want %jd", _i,
	    (intmax_t)(at[1] - at[0]), (intmax_t)retry_after[_i].ms);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_test(tc, a_certificate_for_one_name_takes_nine_requests);
	tcase_add_test(tc, a_first_issue_with_registration_takes_ten_requests);
	tcase_add_test(tc, ten_names_take_twenty_six_requests);
	tcase_add_test(tc, further_certificates_of_a_run_take_at_most_seven_requests_each);
	tcase_add_test(tc, an_order_that_is_ready_needs_no_authorization);
	tcase_add_test(tc, every_nonce_is_used_once);
	tcase_add_test(tc, requests_say_what_rfc_8555_wants);
	tcase_add_test(tc, addresses_and_wildcards_are_ordered_as_what_they_are);
	tcase_add_loop_test(tc, dns_persist_01_has_issuers_and_no_token, 0, NITEMS(persistent));
	tcase_add_loop_test(tc, a_predecessor_is_named_only_where_the_ca_knows_renewal_information,
	    0, 2);
	tcase_add_loop_test(tc, profiles_keep_their_table, 0, NITEMS(profiles));
	tcase_add_loop_test(tc, an_order_left_over_is_gone_on_with, 0, NITEMS(resumed));
	tcase_add_loop_test(tc, chains_are_offered_until_one_is_taken, 0, 4);
	tcase_add_loop_test(tc, waiting_never_costs_twice_what_it_waits_for, 0, 10);
	tcase_add_test(tc, first_looks_come_later_at_a_slow_ca);
	tcase_add_loop_test(tc, looks_follow_retry_after_within_a_second_and_a_minute, 0,
	    NITEMS(retry_after));
}

int
main(void)
{
	Suite *s = suite_create("acme");
	TCase *tc = tcase_create("acme");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_tests(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
