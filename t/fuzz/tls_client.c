/*
 * A TLS client and whatever a server sends it. The first octet sets up the
 * client, the second says in which pieces the rest arrives.
 */
#include "t/fuzz/tls.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const protocols[] = { "acme-tls/1", "http/1.1", NULL };
	/* suite, lifetime, age_add, time, secret, ticket, name: see ticket.c */
	static const uint8_t session[] = "\x13\x01" "\0\0\x0e\x10" "abcd"
	    "\0\0\x01\xa3\x18\x5c\x50\0" "\x20"
	    "0123456789abcdef0123456789abcdef" "\0\x06" "ticket" "server.example.com";
	static const struct tls_identity *ids[2];
	static struct tls_tickets *tickets;
	struct tls_config cfg = { .verify = tls_fuzz_verify, .now_ms = tls_fuzz_now };
	struct tls_conn *c;
	struct err e = ERR_NONE;

	if (ids[0] == NULL)
		tls_fuzz_init(&ids[0], &tickets);
	if (size < 2)
		return 0;
	cfg.identities = (data[0] & 1) != 0 ? ids : NULL;
	cfg.alpn = (data[0] & 8) != 0 ? protocols : NULL;
	cfg.record_limit = (data[0] & 32) != 0 ? 64 : 0;
	if (tls_client_new(&cfg, "server.example.com", (data[0] & 4) != 0 ?
	    span_of(session, sizeof(session) - 1) : SPAN_NONE, &c, &e) == -1)
		abort();
	tls_sent(c, tls_output(c).n);
	tls_fuzz_feed(c, span_of(data + 2, size - 2), data[1]);
	tls_close(c);
	tls_free(c);
	return 0;
}
