/*
 * check_solve_alpn: the tls-alpn-01 listener, met by libssl's client over real
 * connections in the same loop. The false clock stands still unless a test
 * moves it.
 */
#include "src/solve_alpn.c"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <check.h>

#include "falseclock.h"
#include "suite.h"

#define TOKEN	"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"	/* RFC 8555 section 8.3 */
#define PRINT	".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define NAME	"sip.example.com"
#define TURNS_MAX 200
#define ACME	"\12acme-tls/1"

static struct err e;
static struct loop *l;
static struct solve_alpn *sa;
static struct sockaddr_in addr;

static void
put(const char *name)
{
	const struct solve_alpn_in in = { TOKEN, TOKEN PRINT, name };

	ck_assert_msg(solve_alpn_put(sa, &in, &e) == 0, "%s", e.text);
}

static void
start(void)
{
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	err_clear(&e);
	false_now = 1000;
	clock_use(&false_clock);
	log_open(LOG_TO_STDERR, "check", LOG_AT_ERROR);
	ck_assert_ptr_nonnull(l = loop_new(&e));
	ck_assert_ptr_nonnull(sa = solve_alpn_new(l, &e));
	addr = (struct sockaddr_in){ .sin_family = AF_INET };
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	ck_assert_int_eq(solve_alpn_socket(sa, fd, &e), 0);
}

static void
finish(void)
{
	solve_alpn_free(sa);
	loop_free(l);
	clock_use(NULL);
}

/* --- a client --- */

struct client {
	SSL_CTX	*ctx;
	SSL	*ssl;
	int	 fd;
};

static int
connect_to_it(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(l, 0, &e), 0);
}

/* True if the handshake completes. protocol and sni may be NULL. */
static bool
shake(struct client *c, const char *protocol, const char *sni, int version)
{
	int rc = -1;

	c->fd = connect_to_it();
	c->ctx = SSL_CTX_new(TLS_client_method());
	c->ssl = SSL_new(c->ctx);
	ck_assert_ptr_nonnull(c->ssl);
	ck_assert_int_eq(SSL_set_max_proto_version(c->ssl, version), 1);
	if (protocol != NULL)
		ck_assert_int_eq(SSL_set_alpn_protos(c->ssl, (const uint8_t *)protocol,
		    (unsigned)strlen(protocol)), 0);
	if (sni != NULL)
		ck_assert_int_eq((int)SSL_set_tlsext_host_name(c->ssl, sni), 1);
	SSL_set_fd(c->ssl, c->fd);
	for (int i = 0; i < TURNS_MAX && rc != 1; i++) {
		struct pollfd p = { c->fd, POLLIN, 0 };

		rc = SSL_connect(c->ssl);
		if (rc != 1 && SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ)
			break;
		turn();
		(void)poll(&p, 1, 1);
	}
	ERR_clear_error();
	return rc == 1;
}

static void
hang_up(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	(void)close(c->fd);
}

/* --- tests --- */

static const struct {
	const char	*what;
	const char	*pending;
	const char	*protocol;
	const char	*sni;
	int		 version;
	bool		 answered;
} rows[] = {
	{ "as RFC 8737 has it", NAME, ACME, NAME, TLS1_3_VERSION, true },
	{ "by TLS 1.2", NAME, ACME, NAME, TLS1_2_VERSION, true },
	{ "by TLS 1.1", NAME, ACME, NAME, TLS1_1_VERSION, false },
	{ "in capitals", NAME, ACME, "SIP.example.com", TLS1_3_VERSION, true },
	{ "no protocol", NAME, NULL, NAME, TLS1_3_VERSION, false },
	{ "another protocol", NAME, "\10http/1.1", NAME, TLS1_3_VERSION, false },
	{ "a further protocol", NAME, ACME "\10http/1.1", NAME, TLS1_3_VERSION, false },
	{ "a longer one", NAME, "\13acme-tls/1x", NAME, TLS1_3_VERSION, false },
	{ "another name", NAME, ACME, "b.example.com", TLS1_3_VERSION, false },
	{ "no name", NAME, ACME, NULL, TLS1_3_VERSION, false },
	{ "nothing pending", NULL, ACME, NAME, TLS1_3_VERSION, false },
	{ "an IPv4 address: RFC 8738", "192.0.2.1", ACME, "1.2.0.192.in-addr.arpa", TLS1_3_VERSION,
	  true },
	{ "an IPv6 address", "2001:db8::1", ACME, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	  "8.b.d.0.1.0.0.2.ip6.arpa", TLS1_3_VERSION, true },
};

START_TEST(only_the_ca_s_question_is_answered)
{
	struct client c;
	bool answered;

	if (rows[_i].pending != NULL)
		put(rows[_i].pending);
	answered = shake(&c, rows[_i].protocol, rows[_i].sni, rows[_i].version);
	ck_assert_msg(answered == rows[_i].answered, "%s: got %d", rows[_i].what, answered);
	hang_up(&c);
}
END_TEST

START_TEST(the_certificate_carries_the_digest_in_a_critical_extension)
{
	uint8_t want[2 + SHA256_LEN] = { 4, SHA256_LEN };
	ASN1_OBJECT *id = OBJ_txt2obj(ACME_IDENTIFIER, 1);
	struct client c;
	X509_EXTENSION *ext;
	const ASN1_OCTET_STRING *value;
	X509 *x;

	put(NAME);
	ck_assert(shake(&c, ACME, NAME, TLS1_3_VERSION));
	x = SSL_get1_peer_certificate(c.ssl);
	ck_assert_ptr_nonnull(x);
	ck_assert_ptr_nonnull(ext = X509_get_ext(x, X509_get_ext_by_OBJ(x, id, -1)));
	ck_assert_int_eq(X509_EXTENSION_get_critical(ext), 1);
	value = X509_EXTENSION_get_data(ext);
	ck_assert_int_eq(sha256(span_str(TOKEN PRINT), want + 2), 0);
	ck_assert_int_eq(ASN1_STRING_length(value), (int)sizeof(want));
	ck_assert_mem_eq(ASN1_STRING_get0_data(value), want, sizeof(want));
	ck_assert_int_eq(X509_check_host(x, NAME, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
	ck_assert_int_eq(X509_verify(x, X509_get0_pubkey(x)), 1);
	X509_free(x);
	ASN1_OBJECT_free(id);
	hang_up(&c);
}
END_TEST

START_TEST(what_is_dropped_is_not_answered)
{
	struct client c;

	put(NAME);
	put(NAME);
	ck_assert_uint_eq(sa->npending, 1);
	solve_alpn_drop(sa, "unknown");
	solve_alpn_drop(sa, TOKEN);
	ck_assert_uint_eq(sa->npending, 0);
	ck_assert(!shake(&c, ACME, NAME, TLS1_3_VERSION));
	hang_up(&c);
}
END_TEST

static const struct solve_alpn_in bad[] = {
	{ "short", "short" PRINT, NAME },
	{ TOKEN, TOKEN, NAME },
	{ TOKEN, TOKEN PRINT, "a.example.com,DNS:b.example.com" },
	{ TOKEN, TOKEN PRINT, "*.example.com" },
};

START_TEST(what_is_not_fit_is_not_put_up)
{
	ck_assert_int_eq(solve_alpn_put(sa, &bad[_i], &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_uint_eq(sa->npending, 0);
}
END_TEST

START_TEST(a_silent_connection_ends_after_its_time)
{
	int fd = connect_to_it();

	turn();
	ck_assert_uint_eq(sa->accept.nconns, 1);
	false_now += SOLVE_CONNECTION_MS - 1;
	turn();
	ck_assert_uint_eq(sa->accept.nconns, 1);
	false_now++;
	turn();
	ck_assert_uint_eq(sa->accept.nconns, 0);
	(void)close(fd);
}
END_TEST

START_TEST(of_too_many_the_oldest_goes_and_the_ca_is_answered)
{
	int fds[SOLVE_CONNECTIONS_MAX + 3];
	struct client c;

	put(NAME);
	for (size_t i = 0; i < NITEMS(fds); i++) {
		fds[i] = connect_to_it();
		turn();
	}
	ck_assert_uint_eq(sa->accept.nconns, SOLVE_CONNECTIONS_MAX);
	ck_assert_ptr_nonnull(sa->accept.pause);	/* the oldest may still speak */
	false_now += SOLVE_PATIENCE_MS;
	ck_assert(shake(&c, ACME, NAME, TLS1_3_VERSION));
	hang_up(&c);
	for (size_t i = 0; i < NITEMS(fds); i++)
		(void)close(fds[i]);
}
END_TEST

START_TEST(rubbish_ends_its_connection)
{
	int fd = connect_to_it();

	turn();
	ck_assert_int_eq(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
	for (int i = 0; i < TURNS_MAX && sa->accept.nconns > 0; i++)
		turn();
	ck_assert_uint_eq(sa->accept.nconns, 0);
	(void)close(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("solve_alpn");
	TCase *tc = tcase_create("solve_alpn");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_loop_test(tc, only_the_ca_s_question_is_answered, 0, NITEMS(rows));
	tcase_add_test(tc, the_certificate_carries_the_digest_in_a_critical_extension);
	tcase_add_test(tc, what_is_dropped_is_not_answered);
	tcase_add_loop_test(tc, what_is_not_fit_is_not_put_up, 0, NITEMS(bad));
	tcase_add_test(tc, a_silent_connection_ends_after_its_time);
	tcase_add_test(tc, of_too_many_the_oldest_goes_and_the_ca_is_answered);
	tcase_add_test(tc, rubbish_ends_its_connection);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
