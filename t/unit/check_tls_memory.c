/*
 * check_tls_memory: every allocation fails once, libcrypto's included, and
 * what a connection takes.
 *
 * malloc() and its kin are replaced for the whole program; where a sanitizer
 * or valgrind has done so already, there is nothing to test.
 */
#include <malloc.h>

#include <openssl/err.h>

#include "t/unit/check_tls.h"

#include "suite.h"
#include "tls/private.h"

#if !defined(__SANITIZE_ADDRESS__)

void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);
void	 __libc_free(void *);

static bool is_armed, has_failed;
static unsigned long left;		/* allocations until one fails */
static long nlive, live;		/* blocks and octets */

static bool
must_fail(void)
{
	if (!is_armed || --left > 0)
		return false;
	is_armed = false;
	has_failed = true;
	return true;
}

static void *
count(void *p)
{
	if (p != NULL) {
		nlive++;
		live += (long)malloc_usable_size(p);
	}
	return p;
}

void *
malloc(size_t n)
{
	return must_fail() ? NULL : count(__libc_malloc(n));
}

void *
calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : count(__libc_calloc(n, size));
}

void
free(void *p)
{
	if (p != NULL) {
		nlive--;
		live -= (long)malloc_usable_size(p);
	}
	__libc_free(p);
}

void *
realloc(void *p, size_t n)
{
	size_t old = p != NULL ? malloc_usable_size(p) : 0;
	void *q;

	if (must_fail() || (q = __libc_realloc(p, n)) == NULL)
		return NULL;
	nlive += p == NULL ? 1 : 0;
	live += (long)malloc_usable_size(q) - (long)old;
	return q;
}

/* False under valgrind, which puts its own in place of these. */
static bool
is_counting(void)
{
	long before = nlive;
	void *volatile p = malloc(1);
	bool counts = nlive != before;

	free(p);
	return counts;
}

/* --- scenarios --- */

static struct tls_identity *identity;
static struct tls_tickets *tickets;
static const struct tls_identity *ids[2];
static struct tls_config server_cfg, client_cfg;
static struct buf session;

/* Without libcheck, which allocates. */
static int
take_any(void *arg UNUSED, const struct span *ders UNUSED, size_t n UNUSED, uint8_t *alert UNUSED,
    struct err *e UNUSED)
{
	return 0;
}

static void
set_up(void)
{
	struct err e = ERR_NONE;

	identity = load_identity(ID_EC256);
	ids[0] = identity;
	ck_assert_int_eq(tls_tickets_new(3600, &tickets, &e), 0);
	server_cfg = (struct tls_config){ .identities = ids, .tickets = tickets };
	client_cfg = (struct tls_config){ .identities = ids, .verify = take_any };
	buf_init(&session, 4096);
}

static void
tear_down(void)
{
	tls_identity_free(identity);
	tls_tickets_free(tickets);
	buf_clear(&session);
}

enum { RETRIED, ASKED, RESUMED, NSCENARIOS };

static void
configure(int scenario, struct tls_config *server)
{
	static const uint16_t p256[] = { 0x0017, 0 };

	*server = server_cfg;
	server->verify = take_any;
	server->groups = scenario == RETRIED ? p256 : NULL;
	server->client_auth = scenario == ASKED ? TLS_CLIENT_AUTH_REQUIRE : TLS_CLIENT_AUTH_NONE;
}

/*
 * A handshake, data, new keys, the end. True if it went through; a failure is
 * RETRY, for memory comes and goes, or what the other end made of it.
 */
static bool
run(int scenario, struct err *e)
{
	struct tls_config server;
	struct pair p = { NULL, NULL, ERR_NONE, ERR_NONE };
	size_t taken;
	bool rc = false;

	configure(scenario, &server);
	if (tls_server_new(&server, &p.server, e) == -1 ||
	    tls_client_new(&client_cfg, "server.example.com", scenario == RESUMED ?
	    buf_span(&session) : SPAN_NONE, &p.client, e) == -1)
		goto out;
	pair_run(&p, 0);
	*e = p.client_err.class == OUT_RETRY ? p.client_err : p.server_err;
	if (!pair_open(&p))
		goto out;
	if (tls_key_update(p.client, true, e) == -1 ||
	    tls_write(p.client, span_str("some data"), &taken, e) == -1)
		goto out;
	pair_run(&p, 0);
	*e = p.client_err.class == OUT_RETRY ? p.client_err : p.server_err;
	rc = pair_open(&p) && span_is(tls_read(p.server), "some data");
out:
	tls_free(p.client);
	tls_free(p.server);
	ERR_clear_error();
	return rc;
}

/* Where libcrypto decodes a certificate's key, it does not say that memory was what it wanted. */
static bool
is_silent(const struct err *e)
{
	static const char *const words[] = { "says bad_certificate", "says unsupported_certificate",
	    "no X.509 certificate", "a key of unknown kind" };
	bool found = false;

	for (size_t i = 0; i < NITEMS(words); i++)
		found |= strstr(e->text, words[i]) != NULL;
	return found;
}

START_TEST(every_allocation_may_fail_and_the_error_says_so)
{
	struct err e = ERR_NONE;
	struct pair p;
	unsigned long n;
	long before = 0;
	bool went = false;

	if (!is_counting())
		return;
	pair_new(&p, &client_cfg, &server_cfg, SPAN_NONE);
	pair_run(&p, 0);
	buf_put(&session, tls_session(p.client));
	pair_free(&p);
	ck_assert(run(_i, &e));
	for (n = 1;; n++) {
		/* Twice if need be: libcrypto's queue of errors may keep something of the first. */
		for (int k = 0; k == 0 || (k == 1 && nlive != before); k++) {
			before = nlive;
			e = (struct err)ERR_NONE;
			left = n;
			is_armed = true;
			has_failed = false;
			went = run(_i, &e);
			is_armed = false;
		}
		if (went && !has_failed)
			break;
		ck_assert_msg(e.class == OUT_RETRY || e.class == OUT_OK || is_silent(&e),
		    "allocation %lu: %s %s", n, outcome_word(e.class), e.text);
		ck_assert_msg(nlive == before, "allocation %lu: %ld blocks are lost", n,
		    nlive - before);
	}
	ck_assert_uint_gt(n, 100);
}
END_TEST

START_TEST(an_idle_connection_takes_less_than_8_kib)
{
	enum { N = 20 };
	struct tls_conn *servers[N];
	struct pair p;
	long before;

	if (!is_counting())
		return;
	pair_new(&p, &client_cfg, &server_cfg, SPAN_NONE);
	pair_run(&p, 0);
	pair_free(&p);
	before = live;
	for (int i = 0; i < N; i++) {
		pair_new(&p, &client_cfg, &server_cfg, SPAN_NONE);
		pair_run(&p, 0);
		ck_pair_open(&p, "idle");
		servers[i] = p.server;
		tls_free(p.client);
	}
	ck_assert_msg((live - before) / N < 8192, "%ld octets", (live - before) / N);
	for (int i = 0; i < N; i++)
		tls_free(servers[i]);
	ck_assert_int_eq(live, before);
}
END_TEST

#endif

static Suite *
build_suite(void)
{
	Suite *s = suite_create("tls memory");
	TCase *t = tcase_create("allocations");

	tcase_set_timeout(t, 60);
#if !defined(__SANITIZE_ADDRESS__)
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, every_allocation_may_fail_and_the_error_says_so, 0, NSCENARIOS);
	tcase_add_test(t, an_idle_connection_takes_less_than_8_kib);
#endif
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(build_suite());
}
