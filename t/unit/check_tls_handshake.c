/*
 * check_tls_handshake: the table of legal orders is what the RFCs draw, and
 * nothing but the next message of an order is taken.
 *
 * The orders are built a second time, from the state machines of RFC 8446
 * appendices A.1 and A.2 and from the figure of RFC 5246 section 7.3, each
 * written down here as the edges that the drawings have.
 */
#include "t/unit/check_tls.h"

#include "tls/handshake.c"

#include "suite.h"

/* --- the drawings --- */

struct edge {
	const char	*from, *to;
	enum step	 messages[3];	/* sent or received on the way, ended by OVER */
	bool		 once;		/* the loop of HelloRetryRequest is walked once */
};

#define NOTHING	{ OVER }

/* RFC 8446 appendix A.1. */
static const struct edge client_graph[] = {
	{ "START", "WAIT_SH", { CLIENT_HELLO, OVER }, false },
	{ "WAIT_SH", "WAIT_SH", { HELLO_RETRY, SECOND_HELLO, OVER }, true },
	{ "WAIT_SH", "WAIT_EE", { SERVER_HELLO, OVER }, false },
	{ "WAIT_EE", "WAIT_CERT_CR", { ENCRYPTED_EXTENSIONS, OVER }, false },
	{ "WAIT_EE", "WAIT_FINISHED", { ENCRYPTED_EXTENSIONS, OVER }, false },
	{ "WAIT_CERT_CR", "WAIT_CV", { SERVER_CERTIFICATE, OVER }, false },
	{ "WAIT_CERT_CR", "WAIT_CERT", { CERTIFICATE_REQUEST, OVER }, false },
	{ "WAIT_CERT", "WAIT_CV-asked", { SERVER_CERTIFICATE, OVER }, false },
	{ "WAIT_CV", "WAIT_FINISHED", { SERVER_VERIFY, OVER }, false },
	{ "WAIT_CV-asked", "WAIT_FINISHED-asked", { SERVER_VERIFY, OVER }, false },
	{ "WAIT_FINISHED", "CONNECTED", { SERVER_FINISHED, CLIENT_FINISHED, OVER }, false },
	{ "WAIT_FINISHED-asked", "send", { SERVER_FINISHED, CLIENT_CERTIFICATE, OVER }, false },
	{ "send", "finish", { CLIENT_VERIFY, OVER }, false },
	{ "send", "finish", NOTHING, false },
	{ "finish", "CONNECTED", { CLIENT_FINISHED, OVER }, false },
};

/* RFC 8446 appendix A.2, without 0-RTT. */
static const struct edge server_graph[] = {
	{ "START", "RECVD_CH", { CLIENT_HELLO, OVER }, false },
	{ "RECVD_CH", "RECVD_CH", { HELLO_RETRY, SECOND_HELLO, OVER }, true },
	{ "RECVD_CH", "NEGOTIATED", { SERVER_HELLO, ENCRYPTED_EXTENSIONS, OVER }, false },
	{ "NEGOTIATED", "no auth", { SERVER_FINISHED, OVER }, false },
	{ "NEGOTIATED", "certified", { SERVER_CERTIFICATE, SERVER_VERIFY, OVER }, false },
	{ "NEGOTIATED", "requested", { CERTIFICATE_REQUEST, SERVER_CERTIFICATE, OVER }, false },
	{ "certified", "no auth", { SERVER_FINISHED, OVER }, false },
	{ "requested", "WAIT_CERT", { SERVER_VERIFY, SERVER_FINISHED, OVER }, false },
	{ "no auth", "WAIT_FINISHED", NOTHING, false },
	{ "WAIT_CERT", "WAIT_CV", { CLIENT_CERTIFICATE, OVER }, false },
	{ "WAIT_CERT", "WAIT_FINISHED", { CLIENT_CERTIFICATE, OVER }, false },
	{ "WAIT_CV", "WAIT_FINISHED", { CLIENT_VERIFY, OVER }, false },
	{ "WAIT_FINISHED", "CONNECTED", { CLIENT_FINISHED, OVER }, false },
};

/* RFC 5246 section 7.3 with ECDHE (RFC 8422 section 2): everything with a star is there or not. */
static const struct edge old_graph[] = {
	{ "START", "hello", { CLIENT_HELLO, S12_HELLO, OVER }, false },
	{ "hello", "keys", { S12_CERTIFICATE, S12_KEY_EXCHANGE, OVER }, false },
	{ "keys", "done", { S12_DONE, OVER }, false },
	{ "keys", "asked", { S12_REQUEST, S12_DONE, OVER }, false },
	{ "asked", "empty", { C12_CERTIFICATE, C12_KEY_EXCHANGE, OVER }, false },
	{ "asked", "shown", { C12_CERTIFICATE, C12_KEY_EXCHANGE, OVER }, false },
	{ "shown", "change", { C12_VERIFY, OVER }, false },
	{ "empty", "change", NOTHING, false },
	{ "done", "change", { C12_KEY_EXCHANGE, OVER }, false },
	{ "change", "finish", { C12_CCS, C12_FINISHED, OVER }, false },
	{ "finish", "CONNECTED", { S12_CCS, S12_FINISHED, OVER }, false },
};

/* --- the paths through a drawing --- */

#define PATHS_MAX 32

struct path {
	enum step	steps[STEPS_MAX];
	size_t		n;
};

struct paths {
	struct path	v[PATHS_MAX];
	size_t		n;
};

static bool
path_eq(const struct path *a, const struct path *b)
{
	return a->n == b->n && memcmp(a->steps, b->steps, a->n * sizeof(a->steps[0])) == 0;
}

static void
paths_add(struct paths *all, const struct path *p)
{
	for (size_t i = 0; i < all->n; i++)
		if (path_eq(&all->v[i], p))
			return;
	ck_assert_uint_lt(all->n, PATHS_MAX);
	all->v[all->n++] = *p;
}

static void
walk(const struct edge *graph, size_t n, const char *at, struct path p, struct paths *all)
{
	if (strcmp(at, "CONNECTED") == 0) {
		paths_add(all, &p);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct path q = p;
		bool again = false;

		if (strcmp(graph[i].from, at) != 0)
			continue;
		for (size_t k = 0; k < q.n; k++)
			again |= graph[i].once && q.steps[k] == graph[i].messages[0];
		if (again)
			continue;
		for (size_t k = 0; graph[i].messages[k] != OVER; k++) {
			ck_assert_uint_lt(q.n, STEPS_MAX - 1);
			q.steps[q.n++] = graph[i].messages[k];
		}
		walk(graph, n, graph[i].to, q, all);
	}
}

static void
paths_of_table(bool is_old, struct paths *all)
{
	all->n = 0;
	for (size_t i = 0; i < NITEMS(orders); i++) {
		struct path p = { .n = 0 };

		if (((orders[i].course & TLS_COURSE_12) != 0) != is_old)
			continue;
		while (orders[i].steps[p.n] != OVER) {
			p.steps[p.n] = orders[i].steps[p.n];
			p.n++;
		}
		paths_add(all, &p);
	}
}

static void
compare(const char *what, const struct paths *drawn, const struct paths *table)
{
	size_t found;

	ck_assert_msg(drawn->n == table->n, "%s: %zu paths are drawn, %zu in the table", what,
	    drawn->n, table->n);
	for (size_t i = 0; i < drawn->n; i++) {
		for (found = 0; found < table->n; found++)
			if (path_eq(&drawn->v[i], &table->v[found]))
				break;
		ck_assert_msg(found < table->n, "%s: path %zu is not in the table", what, i);
	}
}

static const struct {
	const char		*what;
	const struct edge	*graph;
	size_t			 n;
	bool			 is_old;
} drawings[] = {
	{ "RFC 8446 appendix A.1", client_graph, NITEMS(client_graph), false },
	{ "RFC 8446 appendix A.2", server_graph, NITEMS(server_graph), false },
	{ "RFC 5246 section 7.3", old_graph, NITEMS(old_graph), true },
};

START_TEST(the_orders_are_the_paths_of_the_drawings)
{
	struct paths drawn = { .n = 0 }, table;

	walk(drawings[_i].graph, drawings[_i].n, "START", (struct path){ .n = 0 }, &drawn);
	paths_of_table(drawings[_i].is_old, &table);
	compare(drawings[_i].what, &drawn, &table);
}
END_TEST

START_TEST(every_message_of_an_order_can_be_written_and_read_where_it_occurs)
{
	for (size_t i = 0; i < NITEMS(orders); i++)
		for (size_t k = 0; orders[i].steps[k] != OVER; k++) {
			const struct message *m = &messages[orders[i].steps[k]];
			bool is_old = (orders[i].course & TLS_COURSE_12) != 0;

			ck_assert_ptr_nonnull(m->name);
			if (m->kind == CCS)
				ck_assert_ptr_nonnull((void *)m->after);
			else if (!is_old)
				ck_assert_msg(m->write != NULL && m->read != NULL, "%s", m->name);
			else
				ck_assert_msg((m->by_server ? (void *)m->write : (void *)m->read) !=
				    NULL, "%s", m->name);
		}
}
END_TEST

/* --- what is not the next message --- */

static struct tls_identity *identity;

static void
set_up(void)
{
	identity = load_identity(ID_EC256);
}

static void
tear_down(void)
{
	tls_identity_free(identity);
}

/* Is there an order that agrees up to k with this one, and goes on by a message of this type? */
static bool
is_legal(const enum step *steps, size_t k, uint8_t type)
{
	for (size_t i = 0; i < NITEMS(orders); i++)
		if (memcmp(orders[i].steps, steps, k * sizeof(*steps)) == 0 &&
		    messages[orders[i].steps[k]].kind == HANDSHAKE &&
		    messages[orders[i].steps[k]].type == type)
			return true;
	return false;
}

static struct tls_conn *
conn_at(bool is_server, size_t order, size_t k)
{
	static const struct tls_identity *ids[2];
	static struct tls_config cfg = { .verify = accept_any };
	struct tls_conn *c;
	struct err e = ERR_NONE;

	ids[0] = identity;
	cfg.identities = ids;
	if (is_server)
		ck_assert_msg(tls_server_new(&cfg, &c, &e) == 0, "%s", e.text);
	else
		ck_assert_msg(tls_client_new(&cfg, NULL, SPAN_NONE, &c, &e) == 0, "%s", e.text);
	c->hs->course = orders[order].course;
	c->hs->step = (unsigned)k;
	if ((c->hs->course & TLS_COURSE_12) != 0)
		c->version = TLS_1_2;
	return c;
}

static void
expect_unexpected(struct tls_conn *c, struct span record, const char *what, int type)
{
	struct err e = ERR_NONE;
	struct tls_info info;
	size_t eaten;

	ck_assert_msg(tls_feed(c, record, &eaten, &e) == -1, "%s: type %d is taken", what, type);
	tls_info(c, &info);
	ck_assert_msg(info.alert_sent == TLS_ALERT_UNEXPECTED_MESSAGE, "%s: type %d: got %s (%s)",
	    what, type, tls_alert_name(info.alert_sent), e.text);
	ck_assert_int_eq(tls_state(c), TLS_FAILED);
	ck_assert_uint_gt(tls_output(c).n, 0);
	tls_free(c);
}

/* RFC 8446 section 4: unexpected_message for whatever is out of order. */
START_TEST(only_the_next_message_of_an_order_is_taken)
{
	const enum step *steps = orders[_i].steps;
	bool is_old = (orders[_i].course & TLS_COURSE_12) != 0;

	for (size_t k = 0; steps[k] != OVER; k++) {
		const struct message *m = &messages[steps[k]];

		if (is_old && m->by_server)
			continue;
		for (int type = 0; type < 256; type++) {
			const uint8_t record[] = { 22, 3, 3, 0, 5, (uint8_t)type, 0, 0, 1, 0 };

			if (!is_legal(steps, k, (uint8_t)type))
				expect_unexpected(conn_at(!m->by_server, (size_t)_i, k),
				    span_of(record, sizeof(record)), m->name, type);
		}
	}
}
END_TEST

START_TEST(records_that_fit_nowhere_in_a_handshake_are_refused)
{
	static const uint8_t data[] = { 23, 3, 3, 0, 1, 0 }, heartbeat[] = { 24, 3, 3, 0, 1, 0 };
	static const uint8_t empty[] = { 22, 3, 3, 0, 0 }, ccs[] = { 20, 3, 3, 0, 1, 2 };
	static const uint8_t empty_alert[] = { 21, 3, 3, 0, 0 }, nothing[] = { 0, 3, 3, 0, 1, 0 };
	const struct span records[] = {
		span_of(data, sizeof(data)), span_of(heartbeat, sizeof(heartbeat)),
		span_of(empty, sizeof(empty)), span_of(ccs, sizeof(ccs)),
		span_of(empty_alert, sizeof(empty_alert)), span_of(nothing, sizeof(nothing)),
	};
	const enum step *steps = orders[_i].steps;
	bool is_old = (orders[_i].course & TLS_COURSE_12) != 0;

	for (size_t k = 0; steps[k] != OVER; k++) {
		const struct message *m = &messages[steps[k]];

		if (is_old && m->by_server)
			continue;
		for (size_t i = 0; i < NITEMS(records); i++)
			expect_unexpected(conn_at(!m->by_server, (size_t)_i, k), records[i],
			    m->name, records[i].p[0]);
	}
}
END_TEST

START_TEST(change_cipher_spec_is_for_its_place_in_tls_1_2)
{
	static const uint8_t ccs[] = { 20, 3, 3, 0, 1, 1 };
	const enum step *steps = orders[_i].steps;

	if ((orders[_i].course & TLS_COURSE_12) == 0)
		return;
	for (size_t k = 1; steps[k] != OVER; k++)
		if (!messages[steps[k]].by_server && steps[k] != C12_CCS)
			expect_unexpected(conn_at(true, (size_t)_i, k), span_of(ccs, sizeof(ccs)),
			    messages[steps[k]].name, 20);
}
END_TEST

static Suite *
build_suite(void)
{
	Suite *s = suite_create("tls handshake");
	TCase *t = tcase_create("orders");

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, the_orders_are_the_paths_of_the_drawings, 0, NITEMS(drawings));
	tcase_add_test(t, every_message_of_an_order_can_be_written_and_read_where_it_occurs);
	tcase_add_loop_test(t, only_the_next_message_of_an_order_is_taken, 0, NITEMS(orders));
	tcase_add_loop_test(t, records_that_fit_nowhere_in_a_handshake_are_refused, 0,
	    NITEMS(orders));
	tcase_add_loop_test(t, change_cipher_spec_is_for_its_place_in_tls_1_2, 0, NITEMS(orders));
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(build_suite());
}
