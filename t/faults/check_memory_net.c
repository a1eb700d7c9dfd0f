/*
 * check_memory_net: the net role has an order made at a CA, over TLS, and
 * fetches a list; each allocation fails once, of our own code, of jansson and
 * of libcurl, or it and all that follow, and a sample of OpenSSL's (FAULTS
 * P07). The keeper hears RETRY, or that net has gone; nothing stays allocated,
 * and nobody waits for ever.
 *
 * CA and keeper have all the memory that they want: the one is a process, the
 * other a thread.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "allocator.h"
#include "base/loop.h"

/* Polling is not waited for. */
#define loop_timer_add(l, at, cb, arg, e) \
	((loop_timer_add)(l, (cb) == on_waited ? 0 : (at), cb, arg, e))
#define main	net_main
int	net_main(int, char **);
#include "net.c"
#undef main

/* net has a struct of this name, too. */
#define ca	scripted_ca
#include "../unit/acmeca.h"
#undef ca
#include "../unit/suite.h"
#include "../unit/testca.h"

#define PATIENCE_S	20	/* nobody hangs for so long */
#define CRYPTO_SAMPLES	500

static char bundle[32], base[64];
static pid_t server;

/* --- the CA --- */

static struct testca_cert *root, *leaf;

static SSL_CTX *
server_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct buf pem;
	char path[32];

	buf_init(&pem, 65536);
	testca_put(leaf, &pem);
	testca_put_key(leaf, &pem);
	ck_assert_ptr_nonnull(testca_file(&pem, path));
	ck_assert_int_eq(SSL_CTX_use_certificate_file(ctx, path, SSL_FILETYPE_PEM), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), 1);
	buf_clear(&pem);
	return ctx;
}

/* The CA's texts name a host that is not there. */
static void
put_at_home(struct buf *b, const char *text, size_t n)
{
	const char *end = text + n, *at;

	for (; (at = strstr(text, CA_URL)) != NULL && at < end; text = at + sizeof(CA_URL) - 1) {
		buf_put(b, span_of(text, (size_t)(at - text)));
		buf_str(b, base);
	}
	buf_put(b, span_of(text, (size_t)(end - text)));
}

static void
reply_to(struct scripted_ca *ca, const char *request, struct buf *out)
{
	struct acme_send s = { .method = ACME_POST };
	struct buf raw, body;
	char path[256], url[512];
	const char *nonce, *end, *text;

	buf_init(&raw, ACME_BODY_MAX);
	buf_init(&body, ACME_BODY_MAX);
	ck_assert_int_eq(sscanf(request, "%*s %255s", path), 1);
	(void)snprintf(url, sizeof(url), CA_URL "%s", path);
	s.url = url;
	ca_answer(ca, &s, path, &raw);
	text = buf_cstr(&raw);
	end = strstr(text, "\r\n\r\n");
	put_at_home(&body, end + 4, strlen(end + 4));
	if ((nonce = strstr(text, "Nonce: @")) != NULL && nonce < end) {
		put_at_home(out, text, (size_t)(nonce + 7 - text));
		buf_printf(out, "nonce-%u", ++ca->nonces);
		text = nonce + 8;
	}
	put_at_home(out, text, (size_t)(end - text));
	buf_printf(out, "\r\nContent-Length: %zu\r\n\r\n",
	    strncmp(request, "HEAD", 4) == 0 ? (size_t)0 : body.n);
	if (strncmp(request, "HEAD", 4) != 0)
		buf_put(out, buf_span(&body));
	buf_clear(&raw);
	buf_clear(&body);
}

static bool
is_whole(const char *request)
{
	const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length:");

	return end != NULL && strlen(end + 4) >=
	    (length != NULL ? strtoul(length + 15, NULL, 10) : 0);
}

/* The list, without TLS: the system's bundle is long. */
static void
serve_list(int fd)
{
	static const char list[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist";
	char in[4096];

	while (recv(fd, in, sizeof(in), 0) > 0 && send(fd, list, sizeof(list) - 1, 0) > 0)
		;
}

static void
serve_connection(SSL_CTX *ctx, int fd)
{
	static struct scripted_ca ca;
	SSL *ssl = SSL_new(ctx);
	char in[65536] = "";
	struct buf out;
	size_t n = 0;
	int got;

	if (recv(fd, in, 1, MSG_PEEK) == 1 && in[0] == 'G') {
		serve_list(fd);
		return;
	}
	ca = (struct scripted_ca){ .names = 2, .answered_at = -1, .finalized_at = -1,
	    .alternates = true };
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		while ((got = SSL_read(ssl, in + n, (int)(sizeof(in) - 1 - n))) > 0) {
			in[n += (size_t)got] = '\0';
			if (!is_whole(in))
				continue;
			buf_init(&out, ACME_BODY_MAX);
			reply_to(&ca, in, &out);
			if (SSL_write(ssl, out.p, (int)out.n) <= 0)
				n = sizeof(in) - 1;
			buf_clear(&out);
			n = 0;
		}
	SSL_free(ssl);
}

static void
start_server(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct testca_spec r = { .cn = "root", .ca = true, .from = time(NULL) - DAY,
	    .until = time(NULL) + DAY };
	struct testca_spec l = { .names = "IP:127.0.0.1", .from = r.from, .until = r.until };
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	struct buf pem;
	SSL_CTX *ctx;

	buf_init(&pem, 65536);
	root = testca_root(&r);
	leaf = testca_issue(root, &l);
	testca_put(root, &pem);
	ck_assert_ptr_nonnull(testca_file(&pem, bundle));
	buf_clear(&pem);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert(listener != -1 && bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    listen(listener, 16) == 0 && getsockname(listener, (struct sockaddr *)&a, &n) == 0);
	(void)snprintf(base, sizeof(base), "https://127.0.0.1:%u", ntohs(a.sin_port));
	ck_assert_int_ge(server = fork(), 0);
	if (server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)sigaction(SIGCHLD, &ignore, NULL);
		for (ctx = server_context(); (fd = accept(listener, NULL,
		    NULL)) != -1; (void)close(fd))
			if (fork() == 0) {
				serve_connection(ctx, fd);
				_exit(0);
			}
		_exit(1);
	}
	(void)close(listener);
}

static void
stop_server(void)
{
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	testca_free(leaf);
	testca_free(root);
}

/* --- the keeper --- */

static struct {
	int		 fd;
	bool		 hangs, gone;
	unsigned	 chains;	/* offered: the second one is taken */
	unsigned	 results;	/* good ends, of two questions */
	enum outcome	 class;		/* of a bad one */
	char		 text[ERR_TEXT_MAX];
} keeper;

static void
say(enum message_type type, uint64_t id, const void *body)
{
	struct buf b;

	buf_init(&b, FRAME_MAX);
	frame_write(&b, type, id, body);
	ck_assert(buf_ok(&b));
	/* net may have gone */
	(void)send(keeper.fd, b.p, b.n, MSG_NOSIGNAL);
	buf_clear(&b);
}

static void
ask_for_order(void)
{
	char *names[] = { (char *)(uintptr_t)"n1.example", (char *)(uintptr_t)"n2.example" };
	char *type = (char *)(uintptr_t)"http-01";
	char directory[128], account[128];
	struct msg_task task = { .name = (char *)(uintptr_t)"ca", .ca = { .directory = directory },
	    .ca_file = bundle, .todo = { .kind = ACME_ORDER, .account = account,
	    .names = { names, 2 }, .challenges = { &type, 1 }, .reason = -1,
	    .thumbprint = (char *)(uintptr_t)CA_THUMB } };

	(void)snprintf(directory, sizeof(directory), "%s/dir", base);
	(void)snprintf(account, sizeof(account), "%s/acct/7", base);
	say(MSG_TASK, 1, &task);
}

static void
ask_for_list(void)
{
	char url[128];
	struct msg_fetch fetch = { .url = url, .seconds = 10 };

	(void)snprintf(url, sizeof(url), "http%s/list", base + sizeof("https") - 1);
	say(MSG_FETCH, 2, &fetch);
}

static void
note_failure(const struct message *m)
{
	const struct msg_error *why = m->body;

	keeper.class = (enum outcome)why->class;
	(void)snprintf(keeper.text, sizeof(keeper.text), "%s", why->text != NULL ? why->text : "");
}

/* False at the end of all. */
static bool
hear(const struct message *m)
{
	static const struct msg_signed signature = { { (uint8_t *)(uintptr_t)"{\"a\":1}", 7 } };
	static const struct msg_csr_is csr = { { (uint8_t *)(uintptr_t)"CSR", 3 } };
	struct msg_take take = { false };

	switch ((unsigned)m->type) {
	case MSG_SIGN:
		say(MSG_SIGNED, m->id, &signature);
		return true;
	case MSG_SOLVE:
		say(MSG_DONE, m->id, NULL);
		return true;
	case MSG_CSR:
		say(MSG_CSR_IS, m->id, &csr);
		return true;
	case MSG_CHAIN:
		take.take = ++keeper.chains == 2;
		say(MSG_TAKE, m->id, &take);
		return true;
	case MSG_FAILED:
		note_failure(m);
		break;
	case MSG_RESULT:
	case MSG_FETCHED:
		keeper.results++;
		break;
	default:
		return true;
	}
	if (m->id == 1)
		ask_for_list();
	return m->id == 1;
}

static void *
keep(void *arg UNUSED)
{
	struct message m;
	struct err e = ERR_NONE;
	struct buf in;
	uint8_t *room;
	ssize_t n = -1;
	size_t eaten;
	bool more = true;

	buf_init(&in, FRAME_MAX + 65536);
	ask_for_order();
	while (more && (room = buf_room(&in, 65536)) != NULL &&
	    (n = recv(keeper.fd, room, 65536, 0)) > 0) {
		buf_added(&in, (size_t)n);
		while (more && frame_read(buf_span(&in), &m, &eaten, &e) == 1) {
			buf_eat(&in, eaten);
			more = hear(&m);
			message_clear(&m);
		}
	}
	keeper.hangs = more && n == -1 && errno == EAGAIN;
	keeper.gone = more && !keeper.hangs;
	buf_clear(&in);
	(void)close(keeper.fd);
	return NULL;
}

/* --- the role --- */

static void
be_net(int fd)
{
	static const struct handler table[] = { { MSG_TASK, on_task }, { MSG_FETCH, on_fetch } };
	static const struct handlers handlers = { table, NITEMS(table), on_end };
	struct net net = { 0 };
	struct channel *channel = NULL;
	struct loop *loop;
	struct err e = ERR_NONE;

	if ((loop = loop_new(&e)) == NULL || channel_new(loop, fd, &handlers, &net, &channel,
	    &e) == -1)
		(void)close(fd);
	else if (start(&net, loop, channel, &e) == -1 || loop_run(loop, &e) == -1)
		ck_abort_msg("%s", e.text);
	stop(&net);
	channel_free(channel);
	loop_free(loop);
}

static void
converse(void)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	pthread_t thread;
	int pair[2];

	memset(&keeper, 0, sizeof(keeper));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	keeper.fd = pair[0];
	ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
	    0);
	ck_assert_int_eq(pthread_create(&thread, NULL, keep, NULL), 0);
	allocator_reset();
	armed = true;
	be_net(pair[1]);
	armed = false;
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

static void
judge(const char *what, int n)
{
	ck_assert_msg(!keeper.hangs, "%s: allocation %d: the keeper waits for ever", what, n);
	ck_assert_msg(keeper.results == 2 || keeper.gone || keeper.class == OUT_RETRY,
	    "%s: allocation %d: %s: %s", what, n, outcome_word(keeper.class), keeper.text);
}

START_TEST(an_allocation_of_net_that_fails_is_a_retry_and_leaks_nothing)
{
	int all, runs = 0, struck = 0;

	for_good = _i > 0;
	fails_at = 0;
	converse();
	ck_assert_msg(keeper.results == 2, "without a failure: %s", keeper.text);
	for (all = calls, fails_at = 1; fails_at <= all; fails_at += for_good ? 3 : 1) {
		converse();
		judge("own, jansson, libcurl", fails_at);
		ck_assert_msg(nlive == 0, "allocation %d: %zu blocks are left", fails_at, nlive);
		struck += keeper.results != 2;
		runs++;
	}
	ck_assert_int_gt(all, 500);
	ck_assert_int_gt(struck, runs / 2);
}
END_TEST

/* --- OpenSSL's allocations: counted apart --- */

static unsigned crypto_calls, crypto_fails_at;

static bool
crypto_is_refused(void)
{
	return armed && ++crypto_calls == crypto_fails_at;
}

static void *
crypto_malloc(size_t n, const char *file UNUSED, int line UNUSED)
{
	return crypto_is_refused() ? NULL : __real_malloc(n);
}

static void *
crypto_realloc(void *p, size_t n, const char *file UNUSED, int line UNUSED)
{
	return crypto_is_refused() ? NULL : __real_realloc(p, n);
}

static void
crypto_free(void *p, const char *file UNUSED, int line UNUSED)
{
	__real_free(p);
}

START_TEST(a_sample_of_openssls_allocations_that_fail_is_a_retry)
{
	unsigned all, step;

	fails_at = 0;
	crypto_calls = crypto_fails_at = 0;
	converse();
	all = crypto_calls;
	step = all / CRYPTO_SAMPLES + 1;
	ck_assert_uint_gt(all, 1000);
	for (crypto_fails_at = 1; crypto_fails_at < all; crypto_fails_at += step) {
		crypto_calls = 0;
		converse();
		judge("OpenSSL", (int)crypto_fails_at);
		ck_assert_msg(nlive == 0, "allocation %u: %zu blocks are left", crypto_fails_at,
		    nlive);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("memory_net");
	TCase *t = tcase_create("memory_net");

	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1 ||
	    curl_global_init_mem(CURL_GLOBAL_DEFAULT, __wrap_malloc, __wrap_free, __wrap_realloc,
	    __wrap_strdup, __wrap_calloc) != CURLE_OK)
		return 1;
	tcase_add_checked_fixture(t, start_server, stop_server);
	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, an_allocation_of_net_that_fails_is_a_retry_and_leaks_nothing, 0, 2);
	tcase_add_test(t, a_sample_of_openssls_allocations_that_fail_is_a_retry);
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
