/*
 * check_solve_listen: many connections to the challenge listener, slow ones,
 * and what there may be too little of (FAULTS S06, I05).
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "solveclient.h"
#include "suite.h"

START_TEST(half_a_request_does_not_keep_the_loop_busy)
{
	struct client c;
	int i;

	ask(&c, GET, sizeof(GET) - 1);
	for (i = 0; i < 100; i++) {
		struct conn *conn = (struct conn *)TAILQ_FIRST(&sl->accept.conns);

		ck_assert_ptr_nonnull(conn);
		turn();
		ck_assert_uint_eq(conn->seen, sizeof(GET) - 1);
	}
	ck_assert(!c.over);
	hang_up(&c);
	turn();
	turn();
	ck_assert_uint_eq(sl->accept.nconns, 0);
}
END_TEST

/* FAULTS S06 */
START_TEST(octets_that_trickle_in_do_not_prolong_the_ten_seconds)
{
	struct client c;
	int i;

	dial(&c);
	for (i = 0; i < 9; i++) {
		say(&c, &GET[i], 1);
		settle_down(&c);
		false_now += 1000;
		settle_down(&c);
		ck_assert(!c.over);
	}
	say(&c, &GET[i], 1);
	false_now += 1000;
	hear_out(&c);
	ck_assert(c.over);
	ck_assert_uint_eq(c.n, 0);
	hang_up(&c);
}
END_TEST

/* FAULTS S06, I05 */
START_TEST(each_connection_has_its_own_deadline)
{
	struct client a, b;

	ask(&a, "G", 1);
	false_now += 4000;
	ask(&b, "G", 1);
	false_now += 6000;
	hear_out(&a);
	settle_down(&b);
	ck_assert(a.over && !b.over);
	false_now += 4000;
	hear_out(&b);
	ck_assert(b.over);
	ck_assert_ptr_null(sl->accept.deadline);
	hang_up(&a);
	hang_up(&b);
}
END_TEST

START_TEST(of_sixty_five_connections_the_oldest_is_dropped)
{
	static struct client c[SOLVE_CONNECTIONS_MAX + 1];
	int i;

	for (i = 0; i < SOLVE_CONNECTIONS_MAX; i++)
		ask(&c[i], "GET ", 4);
	ck_assert_uint_eq(sl->accept.nconns, SOLVE_CONNECTIONS_MAX);
	settle_down(&c[0]);
	ck_assert(!c[0].over);
	ask(&c[i], "GET ", 4);
	settle_down(&c[0]);
	ck_assert(!c[0].over);		/* it has not had time to speak */
	false_now += SOLVE_PATIENCE_MS;
	settle_down(&c[i]);
	ck_assert_uint_eq(sl->accept.nconns, SOLVE_CONNECTIONS_MAX);
	hear_out(&c[0]);
	settle_down(&c[1]);
	ck_assert(c[0].over && !c[1].over && !c[i].over);
	for (; i >= 0; i--)
		hang_up(&c[i]);
}
END_TEST

/* A CA that checks a hundred names connects for all of them before it asks for the first. */
START_TEST(two_hundred_genuine_requests_at_once_are_all_answered)
{
	static struct client c[200];
	int64_t began = false_now;
	size_t i;

	tick_ms = 1;
	for (i = 0; i < NITEMS(c); i++)
		dial(&c[i]);
	for (i = 0; i < 10; i++)
		turn();
	for (i = 0; i < NITEMS(c); i++)
		ck_assert_int_eq(send(c[i].fd, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1,
		    MSG_NOSIGNAL), (ssize_t)sizeof(GET HOST "\r\n") - 1);
	tick_ms = 20;
	for (i = 0; i < NITEMS(c); i++) {
		hear_out(&c[i]);
		ck_assert_msg(is_good(&c[i]), "%zu: got %s", i, c[i].reply);
		hang_up(&c[i]);
	}
	ck_assert_int_lt(false_now - began, 10000);
}
END_TEST

/* FAULTS I05 */
START_TEST(a_genuine_request_is_answered_among_a_thousand_idle_connections)
{
	static struct client idle[1000];
	struct rlimit limit;
	struct client c;
	size_t i, most = 0;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_msg(limit.rlim_cur >= 1200, "1200 descriptors are needed");
	tick_ms = 5;
	for (i = 0; i < 900; i++) {
		dial(&idle[i]);
		if (i % 10 == 0)
			say(&idle[i], "GET /.w", 7);
	}
	/* Now it and a hundred behind it wait to be accepted, more than are kept open. */
	dial(&c);
	for (; i < 1000; i++)
		dial(&idle[i]);
	ck_assert_int_eq(send(c.fd, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1, MSG_NOSIGNAL),
	    (ssize_t)sizeof(GET HOST "\r\n") - 1);
	for (i = 0; i < 400; i++) {		/* two seconds */
		turn();
		if (sl->accept.nconns > most)
			most = sl->accept.nconns;
	}
	tick_ms = 20;
	hear_out(&c);
	ck_assert_msg(is_good(&c), "got %s", c.reply);
	ck_assert_uint_eq(most, SOLVE_CONNECTIONS_MAX);
	hang_up(&c);
	/* And one that comes when all are there. */
	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	ck_assert_msg(is_good(&c), "got %s", c.reply);
	hang_up(&c);
	tick_ms = 0;
	false_now += SOLVE_CONNECTION_MS;
	turn();
	turn();
	ck_assert_uint_eq(sl->accept.nconns, 0);
	for (i = 0; i < 1000; i++)
		hang_up(&idle[i]);
}
END_TEST

START_TEST(a_storm_of_resets_leaves_nothing_open)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct client c;
	int i;

	for (i = 0; i < 300; i++) {
		dial(&c);
		ck_assert_int_eq(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
		if (i % 3 > 0)
			ck_assert_int_eq(send(c.fd, GET HOST "\r\n", i % 3 == 1 ? 10 :
			    sizeof(GET HOST "\r\n") - 1, MSG_NOSIGNAL), i % 3 == 1 ? 10 :
			    (ssize_t)sizeof(GET HOST "\r\n") - 1);
		if (i % 2 == 0)
			turn();
		hang_up(&c);
	}
	for (i = 0; i < 100; i++)
		turn();
	ck_assert_uint_eq(sl->accept.nconns, 0);
	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	ck_assert(is_good(&c));
	hang_up(&c);
}
END_TEST

static int
count_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1000; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return n;
}

START_TEST(no_descriptor_is_left_behind)
{
	struct client c;
	int i, before;

	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	hang_up(&c);
	before = count_fds();
	for (i = 0; i < 20; i++) {
		request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
		hang_up(&c);
		request(&c, "GET / HTTP/1.1\r\n\r\n", 18);
		hang_up(&c);
	}
	ck_assert_int_eq(count_fds(), before);
	ask(&c, "GET", 3);
	solve_listen_free(sl);
	hear_out(&c);
	ck_assert(c.over);
	hang_up(&c);
	ck_assert_ptr_nonnull(sl = solve_listen_new(l, &e));
}
END_TEST

START_TEST(without_descriptors_the_listener_pauses_and_goes_on)
{
	struct rlimit limit;
	struct client c;
	rlim_t before;
	int i;

	log_open(LOG_TO_SYSLOG, "check", LOG_AT_ERROR);
	dial(&c);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (i = 0; i < 5; i++)
		turn();
	ck_assert_ptr_nonnull(sl->accept.pause);
	limit.rlim_cur = before;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(sl->accept.nconns, 0);
	false_now += SOLVE_PAUSE_MS;
	for (i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(sl->accept.nconns, 1);
	say(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	hear_out(&c);
	ck_assert(is_good(&c));
	hang_up(&c);
}
END_TEST

START_TEST(ipv6_and_further_sockets_are_served_too)
{
	struct sockaddr_in6 addr6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = sizeof(addr6);
	struct client c;
	int fd;

	add_listener(16);
	request(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	ck_assert(is_good(&c));
	hang_up(&c);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (const struct sockaddr *)&addr6, len) == -1)
		return;		/* a host without IPv6 */
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr6, &len), 0);
	ck_assert_int_eq(solve_listen_socket(sl, fd, &e), 0);
	memset(&c, 0, sizeof(c));
	c.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(c.fd, (const struct sockaddr *)&addr6, len), 0);
	say(&c, GET HOST "\r\n", sizeof(GET HOST "\r\n") - 1);
	hear_out(&c);
	ck_assert(is_good(&c));
	hang_up(&c);
}
END_TEST

START_TEST(what_is_no_listening_socket_is_not_adopted)
{
	int p[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	ck_assert_int_eq(solve_listen_socket(sl, p[0], &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(solve_listen_socket(sl, -1, &e), -1);
	ck_assert_int_eq(solve_listen_socket(sl, 0, &e), -1);
	ck_assert_int_eq(close(p[0]), 0);
	ck_assert_int_eq(close(p[1]), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("solve_listen");
	TCase *tc = tcase_create("solve_listen");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_set_timeout(tc, PATIENCE_S);
	tcase_add_test(tc, half_a_request_does_not_keep_the_loop_busy);
	tcase_add_test(tc, octets_that_trickle_in_do_not_prolong_the_ten_seconds);
	tcase_add_test(tc, each_connection_has_its_own_deadline);
	tcase_add_test(tc, of_sixty_five_connections_the_oldest_is_dropped);
	tcase_add_test(tc, two_hundred_genuine_requests_at_once_are_all_answered);
	tcase_add_test(tc, a_genuine_request_is_answered_among_a_thousand_idle_connections);
	tcase_add_test(tc, a_storm_of_resets_leaves_nothing_open);
	tcase_add_test(tc, no_descriptor_is_left_behind);
	tcase_add_test(tc, without_descriptors_the_listener_pauses_and_goes_on);
	tcase_add_test(tc, ipv6_and_further_sockets_are_served_too);
	tcase_add_test(tc, what_is_no_listening_socket_is_not_adopted);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
