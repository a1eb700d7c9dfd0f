/*
 * check_acme_tasks: accounts, revocation, renewal information, the directory;
 * and the contract with whoever drives a task.
 */
#include "acmerun.h"
#include "suite.h"

/* --- accounts --- */

START_TEST(an_account_is_registered_with_contact_and_terms)
{
	const struct acme_result *r;
	struct acme_job j = ca_job(ca, ACME_REGISTER);
	struct acme_task *t;

	ck_assert_int_eq(strs_add(&j.contact, "mailto:a@b.c"), 0);
	t = run_well(&j, &r);
	ck_assert_str_eq(ca_last(ca, "/acct")->payload,
	    "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@b.c\"]}");
	ck_assert_int_eq(ca_last(ca, "/acct")->key, ACME_KEY_JWK);
	ck_assert_str_eq(r->account, CA_URL "/acct/7");
	ck_assert(r->created);
	ck_assert_str_eq(r->account_status, "valid");
	ck_assert(strs_has(&r->contact, "mailto:a@b.c"));
	ck_assert(r->has_skew);
	ck_assert_int_eq(r->skew, 0);
	acme_task_free(t);
}
END_TEST

START_TEST(an_account_is_found_and_never_made)
{
	struct acme_job j = ca_job(ca, ACME_FIND);

	acme_task_free(run_well(&j, NULL));
	ck_assert_str_eq(ca_last(ca, "/acct")->payload, "{\"onlyReturnExisting\":true}");
}
END_TEST

START_TEST(an_external_account_is_bound)
{
	struct acme_job j = ca_job(ca, ACME_REGISTER);

	j.eab = true;
	acme_task_free(run_well(&j, NULL));
	ck_assert_str_eq(ca_last(ca, "/acct")->payload, "{\"termsOfServiceAgreed\":true,"
	    "\"externalAccountBinding\":{\"signed\":true}}");
}
END_TEST

START_TEST(terms_are_agreed_to_only_when_told)
{
	struct acme_job j = ca_job(ca, ACME_REGISTER);
	enum acme_trouble trouble;
	struct err e;

	j.agree_tos = false;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(trouble, ACME_TROUBLE_TERMS);
	ck_assert_ptr_nonnull(strstr(e.text, CA_URL "/terms"));
	ck_assert_uint_eq(ca_count(ca, "/acct"), 0);
}
END_TEST

static const struct {
	enum acme_kind	 kind;
	const char	*path;
	const char	*payload;
	const char	*status;
} upkeep[] = {
	{ ACME_SHOW, "/acct/7", "", "valid" },
	{ ACME_UPDATE, "/acct/7", "{\"contact\":[\"mailto:n@b.c\"],\"termsOfServiceAgreed\":true}",
	  "valid" },
	{ ACME_DEACTIVATE, "/acct/7", "{\"status\":\"deactivated\"}", "deactivated" },
	{ ACME_ROLLOVER, "/key", "{\"signed\":true}", NULL },
};

START_TEST(account_requests_say_what_rfc_8555_wants)
{
	struct acme_job j = ca_job(ca, upkeep[_i].kind);
	const struct acme_result *r;
	struct acme_task *t;

	ck_assert_int_eq(strs_add(&j.contact, "mailto:n@b.c"), 0);
	t = run_well(&j, &r);
	ck_assert_str_eq(ca_last(ca, upkeep[_i].path)->payload, upkeep[_i].payload);
	ck_assert_int_eq(ca_last(ca, upkeep[_i].path)->key, ACME_KEY_KID);
	ck_assert_str_eq(r->account, CA_URL "/acct/7");
	if (upkeep[_i].status != NULL)
		ck_assert_str_eq(r->account_status, upkeep[_i].status);
	acme_task_free(t);
}
END_TEST

START_TEST(orders_are_listed_page_by_page)
{
	struct acme_job j = ca_job(ca, ACME_ORDERS);
	const struct acme_result *r;
	struct acme_task *t = run_well(&j, &r);

	ck_assert_uint_eq(r->orders.n, 3);
	ck_assert_str_eq(r->orders.v[2], CA_URL "/o/3");
	acme_task_free(t);
}
END_TEST

/* --- other tasks --- */

START_TEST(the_directory_is_shown)
{
	struct acme_job j = ca_job(ca, ACME_DIRECTORY);
	const struct acme_result *r;
	const struct acme_profile *p;
	struct acme_task *t;

	ca->has_profiles = ca->has_renewal = true;
	t = run_well(&j, &r);
	ck_assert_uint_eq(ca->nsent, 1);
	ck_assert_str_eq(r->terms, CA_URL "/terms");
	ck_assert(strs_has(&r->caa, "ca.example"));
	ck_assert_uint_eq(r->profiles.n, 2);
	p = r->profiles.v;
	ck_assert_str_eq(p[1].name, "shortlived");
	ck_assert_str_eq(p[1].text, "six days");
	ck_assert(r->has_renewal && !r->eab_required);
	acme_task_free(t);
}
END_TEST

START_TEST(certificates_are_revoked_by_either_key)
{
	struct acme_job j = ca_job(ca, ACME_REVOKE);

	j.by_cert_key = _i == 1;
	j.reason = _i == 1 ? 4 : -1;
	ck_assert_int_eq(blob_set(&j.cert, span_str("DER")), 0);
	acme_task_free(run_well(&j, NULL));
	ck_assert_int_eq(ca_last(ca, "/revoke")->key, _i == 1 ? ACME_KEY_CERT : ACME_KEY_KID);
	ck_assert_str_eq(ca_last(ca, "/revoke")->payload, _i == 1 ?
	    "{\"certificate\":\"REVS\",\"reason\":4}" : "{\"certificate\":\"REVS\"}");
}
END_TEST

START_TEST(what_was_revoked_before_counts_as_revoked)
{
	struct ca_fault f = { "/revoke", 1, 0, PROBLEM("400 Bad", "alreadyRevoked", "") };
	struct acme_job j = ca_job(ca, ACME_REVOKE);
	const struct acme_result *r;
	struct acme_task *t;

	ca->fault = &f;
	ck_assert_int_eq(blob_set(&j.cert, span_str("DER")), 0);
	t = run_well(&j, &r);
	ck_assert(r->was_revoked);
	acme_task_free(t);
}
END_TEST

START_TEST(an_authorization_is_dropped)
{
	struct acme_job j = ca_job(ca, ACME_DROP_AUTHZ);

	j.url = strdup(CA_URL "/authz/1");
	acme_task_free(run_well(&j, NULL));
	ck_assert_str_eq(ca_last(ca, "/authz/1")->payload, "{\"status\":\"deactivated\"}");
}
END_TEST

START_TEST(renewal_information_needs_no_account)
{
	struct acme_job j = ca_job(ca, ACME_RENEWAL);
	const struct acme_result *r;
	struct acme_task *t;

	ca->has_renewal = _i == 1;
	free(j.account);
	j.account = NULL;
	j.cert_id = strdup("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	t = run_well(&j, &r);
	ck_assert_int_eq(r->has_window, _i == 1);
	ck_assert_int_eq(r->ask_again_at, CA_NOW + (_i == 1 ? 6 * HOUR : DAY));
	ck_assert_uint_eq(ca->nsent, _i == 1 ? 2 : 1);
	if (_i == 1) {
		ck_assert_str_eq(ca->sent[1].path, "/ari/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
		ck_assert_int_eq(ca->sent[1].method, ACME_GET);
		ck_assert_int_eq(r->window_start, 1790812800);
		ck_assert_int_eq(r->window_end, 1790978400);
		ck_assert_str_eq(r->explanation, "https://ca.example/why");
	}
	acme_task_free(t);
}
END_TEST

/* --- what an earlier run left --- */

START_TEST(nothing_is_sent_before_the_time_that_an_earlier_run_was_told)
{
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	session = acme_session_new(&ca_about, &e);
	acme_session_hold(session, CA_NOW + 1);
	acme_session_hold(session, CA_NOW - 5);
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(e.retry_at, CA_NOW + 1);
	ck_assert_int_eq(trouble, ACME_TROUBLE_RATE);
	ck_assert_uint_eq(ca->nsent, 0);
	ca->ms = 1000;
	order_well();
}
END_TEST

/* --- the contract with the driver --- */

START_TEST(asked_again_a_task_says_the_same)
{
	struct acme_job j = ca_job(ca, ACME_ORDER);
	struct acme_task *t = ca_task(&session, &j);
	struct acme_want w, again;
	struct err e;
	int rc = 0;

	for (bool more = true; more;) {
		ck_assert_int_eq(acme_task_next(t, CA_NOW, &w, &e), 0);
		if (w.what != ACME_UNSOLVE) {
			ck_assert_int_eq(acme_task_next(t, CA_NOW, &again, &e), 0);
			ck_assert_int_eq(w.what, again.what);
			more = ca_step(ca, t, &rc, &w, &e);
		}
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(ca->nsent, 9);
	acme_task_free(t);
}
END_TEST

START_TEST(an_answer_that_was_not_asked_for_fails_the_task)
{
	struct acme_job j = ca_job(ca, ACME_ORDER);
	struct acme_task *t = ca_task(&session, &j);
	struct acme_want w;
	struct err e;

	ck_assert_int_eq(acme_task_next(t, CA_NOW, &w, &e), 0);
	switch (_i) {
	case 0:
		acme_task_signed(t, span_str("{}"));
		break;
	case 1:
		acme_task_solved(t);
		break;
	case 2:
		acme_task_csr(t, span_str("CSR"));
		break;
	case 3:
		acme_task_chain(t, true);
		break;
	default:
		acme_task_waited(t);
	}
	ck_assert_int_eq(acme_task_next(t, CA_NOW, &w, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	acme_task_free(t);
}
END_TEST

START_TEST(challenges_are_taken_down_before_a_task_fails)
{
	struct err lost;
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	err_set(&lost, OUT_RETRY, "the connection was lost");
	ca->lose = &lost;
	ca->lose_path = "/chal/1";
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_str_eq(e.text, "the connection was lost");
	ck_assert_uint_eq(ca->solves, 1);
	ck_assert_uint_eq(ca->unsolves, 1);
}
END_TEST

static const char *const lacking[] = { "account", "names", "thumbprint", "cert", "url", "cert_id",
    "other order", "other account", "kind" };

START_TEST(a_job_that_lacks_something_is_not_begun)
{
	static const enum acme_kind kinds[] = { ACME_ORDER, ACME_ORDER, ACME_ORDER, ACME_REVOKE,
	    ACME_DROP_AUTHZ, ACME_RENEWAL, ACME_ORDER, ACME_SHOW, ACME_SHOW };
	struct acme_job j = ca_job(ca, kinds[_i]);
	struct err e;

	session = acme_session_new(&ca_about, &e);
	if (_i == 0 || _i == 7) {
		free(j.account);
		j.account = _i == 7 ? strdup("https://other.example/acct/7") : NULL;
	} else if (_i == 1)
		strs_clear(&j.names);
	else if (_i == 2) {
		free(j.thumbprint);
		j.thumbprint = NULL;
	} else if (_i == 6)
		j.order = strdup("https://other.example/o/1");
	else if (_i == 8)
		j.kind = 99;
	ck_assert_msg(acme_task_new(session, &j, &e) == NULL, "%s", lacking[_i]);
	ck_assert_int_eq(e.class, OUT_HOLD);
	pack_clear(&acme_job_pack, &j);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_test(tc, an_account_is_registered_with_contact_and_terms);
	tcase_add_test(tc, an_account_is_found_and_never_made);
	tcase_add_test(tc, an_external_account_is_bound);
	tcase_add_test(tc, terms_are_agreed_to_only_when_told);
	tcase_add_loop_test(tc, account_requests_say_what_rfc_8555_wants, 0, NITEMS(upkeep));
	tcase_add_test(tc, orders_are_listed_page_by_page);
	tcase_add_test(tc, the_directory_is_shown);
	tcase_add_loop_test(tc, certificates_are_revoked_by_either_key, 0, 2);
	tcase_add_test(tc, what_was_revoked_before_counts_as_revoked);
	tcase_add_test(tc, an_authorization_is_dropped);
	tcase_add_loop_test(tc, renewal_information_needs_no_account, 0, 2);
	tcase_add_test(tc, nothing_is_sent_before_the_time_that_an_earlier_run_was_told);
	tcase_add_test(tc, asked_again_a_task_says_the_same);
	tcase_add_loop_test(tc, an_answer_that_was_not_asked_for_fails_the_task, 0, 5);
	tcase_add_test(tc, challenges_are_taken_down_before_a_task_fails);
	tcase_add_loop_test(tc, a_job_that_lacks_something_is_not_begun, 0, NITEMS(lacking));
}

int
main(void)
{
	Suite *s = suite_create("acme_tasks");
	TCase *tc = tcase_create("acme_tasks");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_tests(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
