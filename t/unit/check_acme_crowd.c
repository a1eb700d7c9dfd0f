/*
 * check_acme_crowd: tasks of one session side by side: what they share, what
 * they wait for, and how many requests that saves.
 */
#include "acmerun.h"
#include "suite.h"

static int
fails(struct acme_job *j, struct err *e)
{
	struct acme_task *t = ca_task(&session, j);
	int rc = ca_run(ca, t, NULL, e);

	acme_task_free(t);
	return rc;
}

#define TOGETHER 8

START_TEST(tasks_of_a_session_share_directory_and_nonces)
{
	struct acme_task *t[TOGETHER];
	struct acme_want w;
	struct acme_job j;
	struct err e;
	size_t left = TOGETHER;
	int rc;

	for (size_t i = 0; i < TOGETHER; i++) {
		j = ca_job(ca, ACME_ORDERS);
		t[i] = ca_task(&session, &j);
	}
	/* One want of each in turn, so that all are under way at once. */
	for (unsigned turn = 0; left > 0 && turn < 200; turn++) {
		for (size_t i = 0; i < TOGETHER; i++) {
			if (t[i] == NULL || ca_step(ca, t[i], &rc, &w, &e))
				continue;
			ck_assert_msg(rc == 0, "%s", e.text);
			acme_task_free(t[i]);
			t[i] = NULL;
			left--;
		}
	}
	ck_assert_uint_eq(left, 0);
	ck_assert_uint_eq(ca_count(ca, "/dir"), 1);
	ck_assert_uint_le(ca_count(ca, "/nonce"), TOGETHER);
}
END_TEST

START_TEST(what_one_task_found_wrong_with_the_directory_the_others_do_not_ask_again)
{
	struct ca_fault f = { "/dir", 1, 0, REPLY("500 Oops", "text/plain", "") };
	struct acme_job a = ca_job(ca, ACME_DIRECTORY), b = ca_job(ca, ACME_DIRECTORY);
	struct err e;

	ca->fault = &f;
	ck_assert_int_eq(fails(&a, &e), -1);
	ck_assert_int_eq(fails(&b, &e), -1);
	ck_assert_uint_eq(ca->nsent, 1);
	/* But a minute later one does. */
	ca->ms = 61000;
	a = ca_job(ca, ACME_DIRECTORY);
	ck_assert_int_eq(fails(&a, &e), -1);
	ck_assert_uint_eq(ca->nsent, 2);
}
END_TEST

START_TEST(a_task_that_is_freed_leaves_the_directory_to_the_next)
{
	struct acme_job a = ca_job(ca, ACME_DIRECTORY), b = ca_job(ca, ACME_DIRECTORY);
	struct acme_task *first = ca_task(&session, &a), *second = ca_task(&session, &b);
	struct acme_want w;
	struct err e;

	ck_assert_int_eq(acme_task_next(first, CA_NOW, &w, &e), 0);
	ck_assert_int_eq(w.what, ACME_SEND);
	ck_assert_int_eq(acme_task_next(second, CA_NOW, &w, &e), 0);
	ck_assert_int_eq(w.what, ACME_WAIT);
	acme_task_free(first);
	acme_task_waited(second);
	ck_assert_int_eq(ca_run(ca, second, NULL, &e), 0);
	acme_task_free(second);
}
END_TEST

/* Up to the moment before this request is sent. */
static void
go_to(struct acme_task *t, const char *path)
{
	struct acme_want w;
	struct err e;
	int rc;

	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(acme_task_next(t, CA_NOW, &w, &e), 0);
		if (w.what == ACME_SEND && strstr(w.send.url, path) != NULL)
			return;
		ck_assert(ca_step(ca, t, &rc, &w, &e));
	}
	ck_abort_msg("no request to %s", path);
}

static bool
is_blocked(struct acme_task *t, int64_t now)
{
	struct acme_want w;
	struct err e;

	ck_assert_int_eq(acme_task_next(t, now, &w, &e), 0);
	ck_assert(!acme_task_is_blocked(t) || w.what == ACME_WAIT);
	return acme_task_is_blocked(t);
}

START_TEST(orders_are_placed_while_no_authorization_is_fetched)
{
	struct acme_task *t[3];
	struct acme_want w;
	struct acme_job j;
	struct err e;
	int rc;

	for (size_t i = 0; i < NITEMS(t); i++) {
		j = ca_job(ca, ACME_ORDER);
		t[i] = ca_task(&session, &j);
	}
	go_to(t[0], "/order");
	go_to(t[1], "/order");
	ck_assert(acme_session_opened(session));	/* the directory was read */
	ck_assert(!acme_session_opened(session));
	ck_assert(ca_step(ca, t[0], &rc, &w, &e));
	ck_assert(is_blocked(t[0], CA_NOW));
	ck_assert(ca_step(ca, t[1], &rc, &w, &e));
	ck_assert(acme_session_opened(session));
	go_to(t[0], "/authz");
	go_to(t[1], "/authz");
	ck_assert(is_blocked(t[2], CA_NOW));
	ck_assert(is_blocked(t[2], CA_NOW + 4));
	ck_assert(!is_blocked(t[2], CA_NOW + 5));	/* one that hangs does not hold up all */
	for (size_t i = 0; i < NITEMS(t); i++)
		acme_task_free(t[i]);
	ck_assert(acme_session_opened(session));	/* whoever ends leaves nothing behind */
}
END_TEST

/* --- nonces --- */

#define CROWD 40

/* How many of them want to send this now; the others wait. */
static size_t
senders(struct acme_task **t, enum acme_method method, int64_t now)
{
	struct acme_want w;
	struct err e;
	size_t n = 0;

	for (size_t i = 0; i < CROWD; i++) {
		ck_assert_int_eq(acme_task_next(t[i], now, &w, &e), 0);
		if (w.what == ACME_SEND && w.send.method == method)
			n++;
		else
			ck_assert_int_eq(w.what, ACME_WAIT);
	}
	return n;
}

static void
crowd(struct acme_task **t)
{
	struct acme_job j;

	for (size_t i = 0; i < CROWD; i++) {
		j = ca_job(ca, ACME_ORDERS);
		t[i] = ca_task(&session, &j);
	}
	go_to(t[0], "/nonce");
}

START_TEST(no_more_nonces_are_asked_for_than_keep_a_ca_busy)
{
	struct acme_task *t[CROWD];
	struct acme_want w;
	struct err e;
	int rc;

	crowd(t);
	ck_assert_uint_eq(senders(t, ACME_HEAD, CA_NOW), 16);
	ck_assert(!acme_task_is_blocked(t[16]));
	/* Whoever has a reply leaves its nonce to the next, who needs none of its own. */
	for (int i = 0; i < 3; i++)
		ck_assert(ca_step(ca, t[0], &rc, &w, &e));
	ck_assert_str_eq(acme_task_step(t[0]), "orders");
	ck_assert(acme_session_opened(session));
	ck_assert(acme_task_is_blocked(t[16]));
	ck_assert_int_eq(acme_task_next(t[16], CA_NOW, &w, &e), 0);
	ck_assert_int_eq(w.what, ACME_SIGN);
	for (size_t i = 0; i < CROWD; i++)
		acme_task_free(t[i]);
}
END_TEST

START_TEST(nonces_that_hang_hold_up_nobody_for_ever)
{
	struct acme_task *t[CROWD];

	crowd(t);
	ck_assert_uint_eq(senders(t, ACME_HEAD, CA_NOW), 16);
	ck_assert_uint_eq(senders(t, ACME_HEAD, CA_NOW + 4), 16);
	/* Not while others move on, though. */
	acme_task_free(t[0]);
	t[0] = t[1];
	ck_assert_uint_eq(senders(t, ACME_HEAD, CA_NOW + 4), 17);
	ck_assert_uint_eq(senders(t, ACME_HEAD, CA_NOW + 5), 17);
	ck_assert_uint_eq(senders(t, ACME_HEAD, CA_NOW + 9), CROWD);
	for (size_t i = 1; i < CROWD; i++)
		acme_task_free(t[i]);
}
END_TEST

/* --- pace --- */

/* Up to its first wait for the CA. */
static int64_t
go_to_wait(struct acme_task *t)
{
	struct acme_want w;
	struct err e;
	int rc;

	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(acme_task_next(t, CA_NOW, &w, &e), 0);
		if (w.what == ACME_WAIT && !acme_task_is_blocked(t))
			return w.wait_ms;
		ck_assert(ca_step(ca, t, &rc, &w, &e));
	}
	ck_abort_msg("it does not wait");
}

/* From one wait to the next; -1: the order is finalized while it is ready. */
static int64_t
wait_on(struct acme_task *t)
{
	struct acme_want w;
	struct err e;
	int rc;

	acme_task_waited(t);
	for (;;) {
		ck_assert_int_eq(acme_task_next(t, CA_NOW, &w, &e), 0);
		if (w.what == ACME_WAIT)
			return w.wait_ms;
		if (w.what == ACME_SEND && strstr(w.send.url, "/final/") != NULL &&
		    strcmp(ca_order_status(ca), "ready") == 0)
			return -1;
		ck_assert(ca_step(ca, t, &rc, &w, &e));
	}
}

START_TEST(a_crowd_looks_no_more_often_than_it_has_to)
{
	struct acme_task *t[CROWD];
	int64_t due[CROWD], ms;
	size_t left = CROWD, next;
	struct acme_job j;

	ca->validation_ms = 300;
	for (size_t i = 0; i < CROWD; i++) {
		j = ca_job(ca, ACME_ORDER);
		t[i] = ca_task(&session, &j);
		due[i] = go_to_wait(t[i]);
	}
	ck_assert_uint_eq(ca_count(ca, "/nonce"), 1);
	while (left > 0) {
		next = 0;
		for (size_t i = 1; i < CROWD; i++)
			if (due[i] < due[next])
				next = i;
		ca->ms = due[next];
		ms = wait_on(t[next]);
		due[next] = ms == -1 ? INT64_MAX : ca->ms + ms;
		if (ms != -1)
			continue;
		acme_task_free(t[next]);
		left--;
	}
	ck_assert_int_le(ca->ms, 500);
	ck_assert_uint_le(ca_count(ca, "/o/1") + ca_count(ca, "/final/1"), CROWD + CROWD / 2);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_test(tc, tasks_of_a_session_share_directory_and_nonces);
	tcase_add_test(tc,
	    what_one_task_found_wrong_with_the_directory_the_others_do_not_ask_again);
	tcase_add_test(tc, a_task_that_is_freed_leaves_the_directory_to_the_next);
	tcase_add_test(tc, orders_are_placed_while_no_authorization_is_fetched);
	tcase_add_test(tc, no_more_nonces_are_asked_for_than_keep_a_ca_busy);
	tcase_add_test(tc, nonces_that_hang_hold_up_nobody_for_ever);
	tcase_add_test(tc, a_crowd_looks_no_more_often_than_it_has_to);
}

int
main(void)
{
	Suite *s = suite_create("acme_crowd");
	TCase *tc = tcase_create("acme_crowd");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_tests(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
