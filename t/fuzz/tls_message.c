/*
 * One message of a handshake between our own ends is replaced by the input,
 * so that it is read in its place and under its keys. The first octet picks
 * the message.
 */
#include "t/fuzz/tls.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { RETRY = 1, ASK = 2, PROTOCOL = 4, RESUME = 8, LIMIT = 16 };

/* Which message of whom, in which sort of handshake. */
static const struct place {
	bool		by_server;
	uint8_t		type;
	unsigned	nth;
	unsigned	sort;
} places[] = {
	{ false, TLS_MSG_CLIENT_HELLO, 0, 0 },
	{ false, TLS_MSG_CLIENT_HELLO, 0, RESUME | PROTOCOL },
	{ false, TLS_MSG_CLIENT_HELLO, 1, RETRY },
	{ false, TLS_MSG_CERTIFICATE, 0, ASK },
	{ false, TLS_MSG_CERTIFICATE_VERIFY, 0, ASK },
	{ false, TLS_MSG_FINISHED, 0, 0 },
	{ false, TLS_MSG_KEY_UPDATE, 0, 0 },
	{ true, TLS_MSG_SERVER_HELLO, 0, 0 },
	{ true, TLS_MSG_SERVER_HELLO, 0, RESUME },
	{ true, TLS_MSG_SERVER_HELLO, 0, RETRY },
	{ true, TLS_MSG_SERVER_HELLO, 1, RETRY },
	{ true, TLS_MSG_ENCRYPTED_EXTENSIONS, 0, PROTOCOL | LIMIT },
	{ true, TLS_MSG_CERTIFICATE_REQUEST, 0, ASK },
	{ true, TLS_MSG_CERTIFICATE, 0, 0 },
	{ true, TLS_MSG_CERTIFICATE_VERIFY, 0, 0 },
	{ true, TLS_MSG_FINISHED, 0, 0 },
	{ true, TLS_MSG_NEW_SESSION_TICKET, 0, 0 },
	{ true, TLS_MSG_KEY_UPDATE, 0, 0 },
};

struct swap {
	const struct place *place;
	struct span	    body;
	unsigned	    seen;
};

/* The type stays, the length is put right: what is wrong with those, others try. */
static void
swap_message(void *arg, struct tls_conn *c UNUSED, uint8_t type, struct buf *msg)
{
	struct swap *s = arg;
	size_t mark;

	if (type != s->place->type || s->seen++ != s->place->nth)
		return;
	buf_reset(msg);
	buf_u8(msg, type);
	mark = buf_open(msg, 3);
	buf_put(msg, s->body);
	buf_close(msg, mark, 3);
}

static bool
pass(struct tls_conn *from, struct tls_conn *to)
{
	struct span out = tls_output(from);
	struct err e = ERR_NONE;
	size_t eaten;

	if (out.n == 0 || tls_state(to) == TLS_FAILED)
		return false;
	if (tls_feed(to, out, &eaten, &e) == -1 && e.class != OUT_REFUSE)
		abort();
	tls_read_done(to, tls_read(to).n);
	tls_sent(from, out.n);
	return true;
}

static void
run(struct tls_conn *client, struct tls_conn *server)
{
	bool moved;

	do {
		moved = pass(client, server);
		moved |= pass(server, client);
	} while (moved);
}

static void
check_end(const struct tls_conn *c)
{
	struct tls_info info;

	tls_info(c, &info);
	if (info.alert_sent == TLS_ALERT_INTERNAL_ERROR)
		abort();
}

/* A session to come back with. */
static struct span
make_session(const struct tls_config *server_cfg, const struct tls_config *client_cfg)
{
	static struct tls_conn *client, *server;
	struct err e = ERR_NONE;

	if (client != NULL)
		return tls_session(client);
	if (tls_server_new(server_cfg, &server, &e) == -1 ||
	    tls_client_new(client_cfg, "server.example.com", SPAN_NONE, &client, &e) == -1)
		abort();
	run(client, server);
	if (tls_session(client).n == 0)
		abort();
	return tls_session(client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t p256[] = { 0x0017, 0 };
	static const char *const protocols[] = { "acme-tls/1", "http/1.1", NULL };
	static const struct tls_identity *ids[2];
	static struct tls_config plain_server, plain_client;
	static struct tls_tickets *tickets;
	struct swap swap = { .place = &places[size > 0 ? data[0] % NITEMS(places) : 0] };
	struct tls_fault fault = { .arg = &swap, .message = swap_message };
	struct tls_config server_cfg, client_cfg;
	struct tls_conn *client, *server;
	struct err e = ERR_NONE;
	unsigned sort = swap.place->sort;

	if (ids[0] == NULL) {
		tls_fuzz_init(&ids[0], &tickets);
		plain_server = (struct tls_config){ .identities = ids, .verify = tls_fuzz_verify,
		    .now_ms = tls_fuzz_now, .tickets = tickets };
		plain_client = (struct tls_config){ .identities = ids, .verify = tls_fuzz_verify,
		    .now_ms = tls_fuzz_now };
	}
	if (size < 1)
		return 0;
	swap.body = span_of(data + 1, size - 1);
	server_cfg = plain_server;
	client_cfg = plain_client;
	server_cfg.groups = (sort & RETRY) != 0 ? p256 : NULL;
	server_cfg.client_auth = (sort & ASK) != 0 ? TLS_CLIENT_AUTH_ASK : TLS_CLIENT_AUTH_NONE;
	server_cfg.alpn = client_cfg.alpn = (sort & PROTOCOL) != 0 ? protocols : NULL;
	client_cfg.record_limit = (sort & LIMIT) != 0 ? 1000 : 0;
	(swap.place->by_server ? &server_cfg : &client_cfg)->fault = &fault;
	if (tls_server_new(&server_cfg, &server, &e) == -1 ||
	    tls_client_new(&client_cfg, "server.example.com", (sort & RESUME) != 0 ?
	    make_session(&plain_server, &plain_client) : SPAN_NONE, &client, &e) == -1)
		abort();
	run(client, server);
	if (swap.place->type == TLS_MSG_KEY_UPDATE &&
	    tls_key_update(swap.place->by_server ? server : client, false, &e) == 0)
		run(client, server);
	check_end(swap.place->by_server ? client : server);
	tls_free(client);
	tls_free(server);
	return 0;
}
