/*
 * check_preflight: what is found out about names before the CA is asked for
 * an order, by the real keeper between scripted roles. FAULTS L07: each
 * failure, zero orders.
 */
#include <errno.h>
#include <stdlib.h>

#include <check.h>

#include "fakes.h"
#include "suite.h"

#define OURS	"192.0.2.7"

static const struct {
	const char	*what;
	struct script	 script;
	enum outcome	 want;
	const char	*says;
} rows[] = {
	{ "all is well", { .address = OURS }, OUT_OK, NULL },
	{ "a resolver that does not tell is no reason to stop", { .address = NULL }, OUT_OK, NULL },
	{ "no such name", { .no_name = true }, OUT_HOLD, "no such name" },
	{ "our own address, and nobody listens", { .address = OURS, .refuses = ECONNREFUSED },
	  OUT_HOLD, "port 80: the connection is refused" },
	{ "our own address, and somebody else does", { .address = OURS, .answers = 404 },
	  OUT_HOLD, "status 404" },
	{ "our own address, with another text", { .address = OURS, .answers = 200 },
	  OUT_HOLD, "status 200" },
	{ "sent elsewhere: the CA follows, we do not", { .address = OURS, .answers = 301 },
	  OUT_OK, NULL },
	{ "too slow may be a firewall's doing", { .address = OURS, .refuses = ETIMEDOUT },
	  OUT_OK, NULL },
	{ "another host's address, seen from the internet",
	  { .address = "2001:db8::1", .not_own = true, .answers = 404 }, OUT_HOLD, "2001:db8::1" },
	{ "another host's address, from behind NAT, may be our router's",
	  { .address = "192.0.2.8", .not_own = true, .behind_nat = true, .answers = 404 },
	  OUT_OK, NULL },
	{ "CAA for this CA", { .address = OURS, .caa = "ca.example.net" }, OUT_OK, NULL },
	{ "CAA for another CA", { .address = OURS, .caa = "other.example" }, OUT_HOLD,
	  "the CAA record of example.com, issue \"other.example\"" },
	{ "CAA for our account", { .address = OURS,
	  .caa = "ca.example.net; accounturi=https://" FAKE_PUBLIC "/account/1" }, OUT_OK, NULL },
	{ "CAA for another account", { .address = OURS,
	  .caa = "ca.example.net; accounturi=https://" FAKE_PUBLIC "/account/2" }, OUT_HOLD,
	  "another account" },
	{ "a clock that is a little off", { .address = OURS, .skew = 600 }, OUT_OK, NULL },
	{ "a clock that is far behind", { .address = OURS, .skew = 2 * HOUR }, OUT_HOLD,
	  "2 h behind the CA's" },
	{ "a clock that is far ahead: told", { .address = OURS, .skew = -30 * DAY }, OUT_OK, NULL },
};

START_TEST(what_would_fail_at_the_ca_never_gets_there)
{
	script = rows[_i].script;
	script.setup.reason = -1;
	script.ask_again = DAY;
	script.host = FAKE_PUBLIC;
	fake_run(CMD_RENEW);
	ck_assert_msg(seen.outcome == (int64_t)rows[_i].want, "%s: got %jd (%s), want %s",
	    rows[_i].what, (intmax_t)seen.outcome, seen.last, outcome_word(rows[_i].want));
	ck_assert_msg(rows[_i].says == NULL || strstr(seen.last, rows[_i].says) != NULL,
	    "%s: got \"%s\"", rows[_i].what, seen.last);
	ck_assert_msg((strstr(seen.trace, "task:order") == NULL) == (rows[_i].want != OUT_OK),
	    "%s: %s", rows[_i].what, seen.trace);
	ck_assert_uint_eq(fake_look(0).issues, rows[_i].want == OUT_OK);
}
END_TEST

/* Its names are proven: it has only to be finalized and fetched. */
START_TEST(an_order_that_is_paid_for_goes_first)
{
	for (unsigned at = 1; !fake_look(0).has_order; at++) {
		ck_assert_uint_lt(at, 40);
		fake_finish();	/* each from the start: orders are limited */
		fake_start();
		script.host = FAKE_PUBLIC;
		script.address = OURS;
		script.kill_at = at;
		fake_run(CMD_RENEW);
	}
	ck_assert_int_eq(fake_look(0).health, INSTALL_EMPTY);
	fake_reset();
	script.host = FAKE_PUBLIC;
	script.address = OURS;
	script.answers = 404;	/* a new order would stop here */
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_msg(strstr(seen.trace, "task:order+") != NULL, "%s", seen.trace);
	ck_assert(!fake_look(0).has_order);
}
END_TEST

START_TEST(a_ca_on_this_host_is_not_second_guessed)
{
	script.no_name = true;
	script.caa = "other.example";
	fake_run_to(CMD_RENEW, OUT_OK);
}
END_TEST

/* FAULTS T05: else every later run of ours would be before what is installed began. */
START_TEST(a_date_of_before_what_was_issued_is_not_believed)
{
	script.host = FAKE_PUBLIC;
	script.address = OURS;
	script.skew = -20000 * (int64_t)DAY;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_uint_eq(fake_issued(), 1);
}
END_TEST

START_TEST(check_tells_what_a_new_account_would_lack)
{
	unsigned before;

	script.host = FAKE_PUBLIC;
	script.address = OURS;
	fake_run_to(CMD_CHECK, OUT_FINDING);
	before = seen.bad_findings;
	script.binds = script.terms = true;
	fake_run_to(CMD_CHECK, OUT_FINDING);
	ck_assert_uint_eq(seen.bad_findings, before + 2);
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_run_to(CMD_CHECK, OUT_OK);
}
END_TEST

START_TEST(check_tells_what_a_renewal_would_stop_at)
{
	script.host = FAKE_PUBLIC;
	script.address = OURS;
	fake_run_to(CMD_RENEW, OUT_OK);
	fake_run_to(CMD_CHECK, OUT_OK);
	script.answers = 404;
	script.caa = "other.example";
	fake_run_to(CMD_CHECK, OUT_FINDING);
	ck_assert_uint_eq(seen.bad_findings, 2);
	ck_assert_uint_eq(fake_issued(), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("preflight");
	TCase *t = tcase_create("preflight");

	tcase_add_checked_fixture(t, fake_start, fake_finish);
	tcase_add_loop_test(t, what_would_fail_at_the_ca_never_gets_there, 0, (int)NITEMS(rows));
	tcase_add_test(t, an_order_that_is_paid_for_goes_first);
	tcase_add_test(t, a_ca_on_this_host_is_not_second_guessed);
	tcase_add_test(t, a_date_of_before_what_was_issued_is_not_believed);
	tcase_add_test(t, check_tells_what_a_new_account_would_lack);
	tcase_add_test(t, check_tells_what_a_renewal_would_stop_at);
	suite_add_tcase(s, t);
	return suite_run(s);
}
