/*
 * verify, against a TLS server in a child process that serves what its
 * script says, connection by connection (FAULTS K07, K08, K13, K15).
 */
#include <check.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "verify.c"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "testca.h"

#define PEM_MAX		65536
#define SNI_MAX		64

/* --- certificates --- */

enum kind { NEW, OLD, OTHER, LEAF_ONLY, WITH_ROOT, STRANGE_CHAIN, WEAK, LONG_CHAIN, KINDS };

static struct testca_cert *root, *inter, *strange, *leafs[KINDS];

/* What a server of this kind sends behind its leaf. */
static void
put_chain(enum kind kind, struct buf *pem)
{
	int i;

	testca_put(leafs[kind], pem);
	if (kind == STRANGE_CHAIN)
		testca_put(strange, pem);
	if (kind != LEAF_ONLY)
		testca_put(inter, pem);
	for (i = 0; kind == LONG_CHAIN && i < 2 * CHAIN_CERTS_MAX; i++)
		testca_put(strange, pem);
	if (kind == WITH_ROOT)
		testca_put(root, pem);
}

static void
make_certs(void)
{
	const struct testca_spec ca = { .cn = "Root", .ca = true };
	const struct testca_spec leaf = { .cn = "leaf", .names = "DNS:sip.example.com" };
	const struct testca_spec weak = { .cn = "weak", .key = "rsa-1024" };
	int i;

	root = testca_root(&ca);
	inter = testca_issue(root, &(struct testca_spec){ .cn = "Issuer", .ca = true });
	strange = testca_issue(root, &(struct testca_spec){ .cn = "Stranger", .ca = true });
	leafs[NEW] = testca_issue(inter, &leaf);
	leafs[OLD] = testca_issue(inter, &leaf);
	leafs[OTHER] = testca_issue(inter, &leaf);
	leafs[WEAK] = testca_issue(inter, &weak);
	for (i = 0; i < KINDS; i++) {
		if (leafs[i] == NULL)
			leafs[i] = leafs[NEW];
	}
}

static void
digest(struct testca_cert *c, struct buf *out)
{
	uint8_t d[SHA256_LEN];

	ck_assert_int_eq(sha256(testca_der(c), d), 0);
	buf_put(out, span_of(d, sizeof(d)));
}

/* --- the server --- */

/*
 * One letter per connection, the last one for all that follow: n new, o old,
 * x other, l without chain, r with root, s another chain, w weak, m many;
 * c closes before, h hangs before, p speaks plain text.
 */
struct script {
	const char	*serves;
	const char	*answers;	/* to a request; NULL: properly, "": not at all */
	bool		 demands;	/* a client certificate */
	bool		 invites;	/* one, but does not insist */
	int		 version;	/* the only one; 0: any */
};

struct tale {
	int	connections, requests, names;
	char	sni[SNI_MAX][64];
};

struct server {
	pid_t		 pid;
	uint16_t	 port;
	struct tale	*tale;
	SSL_CTX		*ctx[KINDS];
};

static int
note_sni(SSL *ssl, int *alert UNUSED, void *arg)
{
	struct tale *t = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (t->names < SNI_MAX)
		(void)snprintf(t->sni[t->names++], sizeof(t->sni[0]), "%s", name != NULL ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static int
accept_any(X509_STORE_CTX *x UNUSED, void *arg UNUSED)
{
	return 1;
}

static SSL_CTX *
server_ctx(const struct script *s, enum kind kind, struct tale *tale)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct buf pem;
	EVP_PKEY *key;
	X509 *x;
	BIO *bio;

	SSL_CTX_set_security_level(ctx, 0);
	buf_init(&pem, PEM_MAX);
	put_chain(kind, &pem);
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, x), 1);
	X509_free(x);
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		ck_assert_int_eq(SSL_CTX_add0_chain_cert(ctx, x), 1);
	(void)BIO_free(bio);
	buf_reset(&pem);
	testca_put_key(leafs[kind], &pem);
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	EVP_PKEY_free(key);
	(void)BIO_free(bio);
	buf_clear(&pem);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, note_sni);
	(void)SSL_CTX_set_tlsext_servername_arg(ctx, tale);
	SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
	if (s->demands || s->invites)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
		    (s->demands ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	ck_assert_int_eq(SSL_CTX_set_min_proto_version(ctx, s->version), 1);
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(ctx, s->version), 1);
	ERR_clear_error();
	return ctx;
}

static void
send_text(SSL *ssl, const char *text)
{
	(void)SSL_write(ssl, text, (int)strlen(text));
}

/* RFC 6455 section 4.2.2, apart from the code that is tested. */
static void
accept_upgrade(SSL *ssl, const char *request)
{
	static const char field[] = "Sec-WebSocket-Key: ";
	const char *key = strstr(request, field);
	char text[256], accept[64];
	uint8_t d[32];
	unsigned n;

	if (key == NULL)
		return;
	key += strlen(field);
	(void)snprintf(text, sizeof(text), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
	    (int)strcspn(key, "\r"), key);
	(void)EVP_Digest(text, strlen(text), d, &n, EVP_sha1(), NULL);
	(void)EVP_EncodeBlock((unsigned char *)accept, d, (int)n);
	(void)snprintf(text, sizeof(text), "HTTP/1.1 101 Switching Protocols\r\n"
	    "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
	send_text(ssl, text);
}

static void
serve(SSL *ssl, const struct script *s, struct tale *tale)
{
	char in[4096];
	int n;

	if (SSL_accept(ssl) != 1)
		return;
	while ((n = SSL_read(ssl, in, sizeof(in) - 1)) > 0) {
		in[n] = '\0';
		tale->requests++;
		if (s->answers != NULL && s->answers[0] == '\0')
			continue;
		if (s->answers != NULL)
			send_text(ssl, s->answers);
		else if (strncmp(in, "OPTIONS ", 8) == 0)
			send_text(ssl, "SIP/2.0 404 Not here\r\n\r\n");
		else
			accept_upgrade(ssl, in);
	}
}

static enum kind
kind_of(char letter)
{
	static const char letters[KINDS + 1] = "noxlrswm";

	return (enum kind)(strchr(letters, letter) - letters);
}

static _Noreturn void
run_server(const struct server *sv, const struct script *s, int fd)
{
	size_t last = strlen(s->serves) - 1, i = 0;
	char letter;
	SSL *ssl;
	int conn;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((conn = accept(fd, NULL, NULL)) != -1) {
		letter = s->serves[i < last ? i : last];
		i++;
		sv->tale->connections++;
		if (letter == 'h')
			(void)pause();
		if (letter == 'p')
			(void)send(conn, "HTTP/1.0 400 Bad\r\n\r\n", 20, MSG_NOSIGNAL);
		if (letter != 'c' && letter != 'p') {
			ssl = SSL_new(sv->ctx[kind_of(letter)]);
			(void)SSL_set_fd(ssl, conn);
			serve(ssl, s, sv->tale);
			SSL_free(ssl);
		}
		(void)close(conn);
	}
	_exit(0);
}

static int
bind_port(uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static void
server_start(struct server *sv, const struct script *s)
{
	int fd = bind_port(&sv->port), i;

	ck_assert_int_eq(listen(fd, 64), 0);
	sv->tale = mmap(NULL, sizeof(*sv->tale), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(sv->tale, MAP_FAILED);
	for (i = 0; i < KINDS; i++)
		sv->ctx[i] = server_ctx(s, (enum kind)i, sv->tale);
	sv->pid = fork();
	ck_assert_int_ne(sv->pid, -1);
	if (sv->pid == 0)
		run_server(sv, s, fd);
	(void)close(fd);
}

static void
server_stop(struct server *sv)
{
	int i;

	(void)kill(sv->pid, SIGKILL);
	(void)waitpid(sv->pid, NULL, 0);
	for (i = 0; i < KINDS; i++)
		SSL_CTX_free(sv->ctx[i]);
	(void)munmap(sv->tale, sizeof(*sv->tale));
}

/* --- a clock that rests move --- */

static int64_t skew_ms, rests[32];
static size_t nrests;

static int64_t
real_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
skewed_ms(void)
{
	return real_ms() + skew_ms;
}

static void
note_rest(int64_t ms)
{
	if (ms == PACE_MS)
		return;
	skew_ms += ms;
	if (nrests < NITEMS(rests))
		rests[nrests++] = ms;
}

static void
setup(void)
{
	static const struct clock_source clock = { .boot_ms = skewed_ms };

	ck_assert_int_eq(sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL), 0);
	clock_use(&clock);
	rest = note_rest;
	visit_ms = 5000;
	nrests = 0;
	make_certs();
}

/* --- what is asked --- */

static void
in_add(struct verify_in *in, const char *scheme, uint16_t port)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s:127.0.0.1:%u", scheme, port);
	ck_assert_int_eq(strs_add(&in->listeners, text), 0);
}

static void
in_init(struct verify_in *in, bool old_known)
{
	struct buf b;

	memset(in, 0, sizeof(*in));
	buf_init(&b, 1024);
	digest(leafs[NEW], &b);
	digest(inter, &b);
	ck_assert_int_eq(blob_set(&in->want, buf_span(&b)), 0);
	buf_reset(&b);
	digest(leafs[OLD], &b);
	if (old_known)
		ck_assert_int_eq(blob_set(&in->old, buf_span(&b)), 0);
	buf_clear(&b);
	ck_assert_int_eq(strs_add(&in->names, "sip.example.com"), 0);
	in->workers = 1;
}

static const struct {
	const char		*what;
	struct script		 script;
	const char		*scheme;
	bool			 old_known;
	enum verify_verdict	 want;
	int			 connections;	/* 0: not looked at */
	const char		*note;		/* NULL: none */
	enum kind		 shows;		/* the leaf; KINDS: none */
} rows[] = {
	{ "new everywhere", { .serves = "n" }, "sips", true, VERIFY_NEW, 4, NULL, NEW },
	{ "new, old not known", { .serves = "n" }, "tls", false, VERIFY_NEW, 4, NULL, NEW },
	{ "old (K07)", { .serves = "o" }, "sips", true, VERIFY_OLD, 4, NULL, OLD },
	{ "not new, old not known", { .serves = "x" }, "sips", false, VERIFY_OLD, 4, NULL, OTHER },
	{ "mixed at the end (K08)", { .serves = "nnno" }, "sips", true, VERIFY_MIXED, 4, NULL, OLD },
	{ "mixed at the beginning", { .serves = "onnn" }, "sips", true, VERIFY_MIXED, 4, NULL, OLD },
	{ "mixed, old not known", { .serves = "nxnn" }, "sips", false, VERIFY_MIXED, 4, NULL,
	  OTHER },
	{ "neither (K15)", { .serves = "x" }, "sips", true, VERIFY_OTHER, 4, NULL, OTHER },
	{ "new and neither", { .serves = "nnxn" }, "sips", true, VERIFY_OTHER, 4, NULL, OTHER },
	{ "without chain (K13)", { .serves = "l" }, "sips", true, VERIFY_CHAIN, 4, NULL, NEW },
	{ "once without chain", { .serves = "nnln" }, "sips", true, VERIFY_CHAIN, 4, NULL, NEW },
	{ "another chain", { .serves = "s" }, "sips", true, VERIFY_CHAIN, 4, NULL, NEW },
	{ "with the root", { .serves = "r" }, "sips", true, VERIFY_NEW, 4, NULL, NEW },
	{ "with twenty more", { .serves = "m" }, "sips", true, VERIFY_NEW, 4, NULL, NEW },
	{ "a weak one", { .serves = "w" }, "sips", true, VERIFY_OTHER, 4, NULL, WEAK },
	{ "closes", { .serves = "c" }, "sips", true, VERIFY_UNREACHABLE, 1, "TLS handshake: ",
	  KINDS },
	{ "closes once", { .serves = "nncn" }, "sips", true, VERIFY_UNREACHABLE, 3,
	  "TLS handshake: ", NEW },
	{ "plain text", { .serves = "p" }, "sips", true, VERIFY_UNREACHABLE, 1, "wrong version",
	  KINDS },
	{ "TLS 1.3 only (K13)", { .serves = "n", .version = TLS1_3_VERSION }, "sips", true,
	  VERIFY_NEW, 4, NULL, NEW },
	{ "TLS 1.2 only", { .serves = "n", .version = TLS1_2_VERSION }, "sips", true, VERIFY_NEW,
	  4, NULL, NEW },
	{ "TLS 1.1 only", { .serves = "n", .version = TLS1_1_VERSION }, "sips", true,
	  VERIFY_UNREACHABLE, 1, "TLS handshake: ", KINDS },
	{ "demands a certificate in TLS 1.2 (K13)",
	  { .serves = "n", .demands = true, .version = TLS1_2_VERSION }, "sips", true, VERIFY_NEW, 4,
	  "wants a client certificate", NEW },
	{ "demands a certificate in TLS 1.3 (K13)",
	  { .serves = "n", .demands = true, .version = TLS1_3_VERSION }, "sips", true, VERIFY_NEW, 4,
	  "wants a client certificate", NEW },
	{ "demands a certificate and has the old one", { .serves = "o", .demands = true }, "sips",
	  true, VERIFY_OLD, 4, NULL, OLD },
	{ "asks for a certificate", { .serves = "n", .invites = true }, "sips", true, VERIFY_NEW, 4,
	  NULL, NEW },
	{ "another answer", { .serves = "n", .answers = "220 mail ESMTP\r\n" }, "sips", true,
	  VERIFY_SILENT, 4, "neither SIP nor a websocket", NEW },
	{ "anything on tls", { .serves = "n", .answers = "" }, "tls", true, VERIFY_NEW, 4, NULL,
	  NEW },
	{ "a websocket", { .serves = "n" }, "wss", true, VERIFY_NEW, 4, NULL, NEW },
	{ "a websocket elsewhere", { .serves = "n", .answers = "HTTP/1.1 404 No\r\n" }, "wss", true,
	  VERIFY_NEW, 4, "HTTP status 404", NEW },
	{ "a websocket that is none",
	  { .serves = "n", .answers = "HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: x\r\n\r\n" }, "wss",
	  true, VERIFY_SILENT, 4, "neither SIP nor a websocket", NEW },
};

static void
check_leaf(const char *what, const struct verify_seen *s, enum kind kind)
{
	struct buf d;

	buf_init(&d, SHA256_LEN);
	if (kind != KINDS)
		digest(leafs[kind], &d);
	ck_assert_msg(span_eq(blob_span(&s->sha256), buf_span(&d)), "%s: got another digest", what);
	ck_assert_msg(kind == KINDS || span_eq(blob_span(&s->leaf.der), testca_der(leafs[kind])),
	    "%s: got another leaf", what);
	buf_clear(&d);
}

START_TEST(verdicts_keep_their_table)
{
	const char *what = rows[_i].what;
	const struct verify_seen *s;
	struct server sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e = ERR_NONE;

	server_start(&sv, &rows[_i].script);
	in_init(&in, rows[_i].old_known);
	in_add(&in, rows[_i].scheme, sv.port);
	ck_assert_msg(verify_run(&in, &out, &e) == 0, "%s: %s", what, e.text);
	s = out.seen.v;
	ck_assert_uint_eq(out.seen.n, 1);
	ck_assert_msg(s->verdict == (int64_t)rows[_i].want && out.verdict == s->verdict,
	    "%s: got %s, want %s (%s)", what, verify_word(s->verdict), verify_word(rows[_i].want),
	    s->note);
	ck_assert_msg(sv.tale->connections == rows[_i].connections, "%s: got %d connections", what,
	    sv.tale->connections);
	ck_assert_msg(s->handshakes == rows[_i].connections, "%s: got %jd handshakes", what,
	    (intmax_t)s->handshakes);
	ck_assert_msg(rows[_i].note == NULL ? s->note == NULL :
	    s->note != NULL && strstr(s->note, rows[_i].note) != NULL, "%s: got note %s", what,
	    s->note);
	check_leaf(what, s, rows[_i].shows);
	ck_assert_int_eq(verify_judge(&out, &e), out.verdict == VERIFY_NEW ? 0 : -1);
	ck_assert_msg(out.verdict == VERIFY_NEW || (strstr(e.text, "127.0.0.1") != NULL &&
	    strstr(e.text, "sip.example.com") != NULL), "%s: got %s", what, e.text);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	server_stop(&sv);
}
END_TEST

/* The server never answers: however short the patience, the result is the same. */
START_TEST(patience_ends)
{
	static const struct {
		struct script		 script;
		enum verify_verdict	 want;
		const char		*note;
	} silent[] = {
		{ { .serves = "n", .answers = "" }, VERIFY_SILENT, "answer: nothing within" },
		{ { .serves = "h" }, VERIFY_UNREACHABLE, "TLS handshake: nothing within" },
	};
	const struct verify_seen *s;
	struct server sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;

	server_start(&sv, &silent[_i].script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	visit_ms = _i == 0 ? 1000 : 100;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	s = out.seen.v;
	ck_assert_msg(s->verdict == (int64_t)silent[_i].want && s->note != NULL &&
	    strstr(s->note, silent[_i].note) != NULL, "got %s, %s", verify_word(s->verdict), s->note);
	ck_assert_int_eq(verify_judge(&out, &e), -1);
	ck_assert_int_eq(e.class, silent[_i].want == VERIFY_SILENT ? OUT_HOLD : OUT_RETRY);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	server_stop(&sv);
}
END_TEST

START_TEST(a_late_change_is_waited_for)
{
	const struct script script = { .serves = "oooon" };
	const struct verify_seen *s;
	struct server sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;

	server_start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	in.settle = 15;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	s = out.seen.v;
	ck_assert_int_eq(out.verdict, VERIFY_NEW);
	ck_assert_int_eq(out.rounds, 2);
	ck_assert_int_eq(s->handshakes, 4);
	ck_assert_uint_eq(nrests, 1);
	ck_assert_int_eq(rests[0], 1000);
	check_leaf("second round", s, NEW);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	server_stop(&sv);
}
END_TEST

/* FAULTS K07: three checks over the time to settle, at the least; the last one at its end. */
START_TEST(the_time_to_settle_is_used_up)
{
	const struct script script = { .serves = "o" };
	struct server sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;
	int64_t sum = 0;
	size_t i;

	server_start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	in.settle = 3600;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	ck_assert_int_eq(out.verdict, VERIFY_OLD);
	ck_assert_int_eq(out.rounds, 5);
	for (i = 0; i < nrests; i++)
		sum += rests[i];
	ck_assert_int_le(sum, 3600 * 1000);
	ck_assert_int_ge(out.ms, 3600 * 1000);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	server_stop(&sv);
}
END_TEST

START_TEST(every_worker_is_met_for_every_name)
{
	const struct script script = { .serves = "n" };
	const struct verify_seen *s;
	struct server sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;
	int i;

	server_start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	in_add(&in, "tls", sv.port);
	ck_assert_int_eq(strs_add(&in.names, "*.example.org"), 0);
	in.workers = 3;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	ck_assert_int_eq(out.verdict, VERIFY_NEW);
	ck_assert_uint_eq(out.seen.n, 4);
	s = out.seen.v;
	ck_assert_str_eq(s[1].name, "*.example.org");
	ck_assert_int_eq(s[1].handshakes, 12);
	ck_assert_int_eq(sv.tale->connections, 48);
	ck_assert_int_eq(sv.tale->requests, 2);	/* one per name of the listener for SIP */
	for (i = 0; i < sv.tale->names; i++)
		ck_assert_str_eq(sv.tale->sni[i],
		    i / 12 % 2 == 0 ? "sip.example.com" : "k.example.org");
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	server_stop(&sv);
}
END_TEST

START_TEST(handshakes_are_rationed)
{
	static const struct {
		int64_t	workers;
		size_t	names;
		bool	look;
		int64_t	want;
	} asked[] = {
		{ 1, 1, false, 4 }, { 0, 1, false, 4 }, { -1, 1, false, 4 }, { 8, 1, false, 32 },
		{ 8, 100, false, 5 }, { 8, 512, false, 2 }, { 8, 5000, false, 2 },
		{ 1000, 1, false, 512 }, { INT64_MAX, 1, false, 512 }, { 8, 1, true, 1 },
	};
	struct verify_in in = { .workers = asked[_i].workers, .look = asked[_i].look,
		.names.n = asked[_i].names };

	ck_assert_int_eq(handshakes_of(&in), asked[_i].want);
}
END_TEST

START_TEST(looking_is_one_handshake_and_says_nothing)
{
	const struct script script = { .serves = "o", .answers = "" };
	const struct verify_seen *s;
	struct server sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;

	server_start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	in.look = true;
	in.settle = 15;
	in.workers = 8;
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	s = out.seen.v;
	ck_assert_int_eq(s->verdict, VERIFY_OLD);
	ck_assert_int_eq(out.rounds, 1);
	ck_assert_int_eq(sv.tale->connections, 1);
	ck_assert_int_eq(sv.tale->requests, 0);
	check_leaf("look", s, OLD);
	ck_assert_str_eq(s->leaf.subject, "CN = leaf");
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	server_stop(&sv);
}
END_TEST

START_TEST(a_listener_that_is_down_is_tried_once)
{
	const struct script script = { .serves = "n" };
	const struct verify_seen *s;
	struct server sv = { 0 };
	struct verify_out out;
	struct verify_in in;
	struct err e;
	uint16_t port;

	server_start(&sv, &script);
	(void)close(bind_port(&port));
	in_init(&in, true);
	in_add(&in, "sips", port);
	in_add(&in, "sips", sv.port);
	ck_assert_int_eq(strs_add(&in.names, "b.example.com"), 0);
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	s = out.seen.v;
	ck_assert_int_eq(out.verdict, VERIFY_UNREACHABLE);
	ck_assert_int_eq(s[0].verdict, VERIFY_UNREACHABLE);
	ck_assert_int_eq(s[0].handshakes, 1);
	ck_assert_int_eq(s[1].verdict, VERIFY_UNREACHABLE);
	ck_assert_int_eq(s[1].handshakes, 0);
	ck_assert(strstr(s[0].note, "refused") != NULL && strstr(s[1].note, "refused") != NULL);
	ck_assert_int_eq(s[2].verdict, VERIFY_NEW);
	ck_assert_int_eq(s[3].verdict, VERIFY_NEW);
	pack_clear(&verify_out_pack, &out);
	pack_clear(&verify_in_pack, &in);
	server_stop(&sv);
}
END_TEST

START_TEST(what_is_no_listener_is_a_hold)
{
	struct verify_out out;
	struct verify_in in;
	struct err e;

	in_init(&in, true);
	ck_assert_int_eq(verify_run(&in, &out, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(strs_add(&in.listeners, "sip:127.0.0.1:5060"), 0);
	ck_assert_int_eq(verify_run(&in, &out, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_null(out.seen.v);
	pack_clear(&verify_in_pack, &in);
}
END_TEST

START_TEST(results_travel)
{
	const struct script script = { .serves = "nnno" };
	struct server sv = { 0 };
	struct verify_out out, back;
	const struct verify_seen *s;
	struct verify_in in, in_back;
	struct buf b;
	struct rd r;
	struct err e;

	server_start(&sv, &script);
	in_init(&in, true);
	in_add(&in, "sips", sv.port);
	ck_assert_int_eq(verify_run(&in, &out, &e), 0);
	buf_init(&b, PEM_MAX);
	pack_write(&verify_in_pack, &in, &b);
	pack_write(&verify_out_pack, &out, &b);
	ck_assert(buf_ok(&b));
	r = rd_of(buf_span(&b));
	ck_assert_int_eq(pack_read(&verify_in_pack, &r, &in_back), 0);
	ck_assert_int_eq(pack_read(&verify_out_pack, &r, &back), 0);
	ck_assert(rd_end(&r));
	ck_assert(span_eq(blob_span(&in.want), blob_span(&in_back.want)));
	s = back.seen.v;
	ck_assert_int_eq(back.verdict, VERIFY_MIXED);
	ck_assert_int_eq(s->wanted, 3);
	check_leaf("sent", s, OLD);
	buf_clear(&b);
	pack_clear(&verify_in_pack, &in_back);
	pack_clear(&verify_in_pack, &in);
	pack_clear(&verify_out_pack, &back);
	pack_clear(&verify_out_pack, &out);
	server_stop(&sv);
}
END_TEST

START_TEST(words_are_never_missing)
{
	struct verify_out none = { .verdict = VERIFY_OLD }, wild = { .verdict = 99 };
	struct err e;

	ck_assert_str_eq(verify_word(VERIFY_NEW), "new");
	ck_assert_str_eq(verify_word(VERIFY_OTHER), "other");
	ck_assert_str_eq(verify_word(-1), "unknown");
	ck_assert_str_eq(verify_word(VERIFY_OTHER + 1), "unknown");
	ck_assert_int_eq(verify_judge(&none, &e), -1);
	ck_assert_int_eq(verify_judge(&wild, &e), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("verify");
	TCase *tc = tcase_create("verify");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, verdicts_keep_their_table, 0, NITEMS(rows));
	tcase_add_loop_test(tc, patience_ends, 0, 2);
	tcase_add_test(tc, a_late_change_is_waited_for);
	tcase_add_test(tc, the_time_to_settle_is_used_up);
	tcase_add_test(tc, every_worker_is_met_for_every_name);
	tcase_add_loop_test(tc, handshakes_are_rationed, 0, 10);
	tcase_add_test(tc, looking_is_one_handshake_and_says_nothing);
	tcase_add_test(tc, a_listener_that_is_down_is_tried_once);
	tcase_add_test(tc, what_is_no_listener_is_a_hold);
	tcase_add_test(tc, results_travel);
	tcase_add_test(tc, words_are_never_missing);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
