/*
 * A TLS server and whatever a client sends it. The first octet sets up the
 * server, the second says in which pieces the rest arrives.
 */
#include "t/fuzz/tls.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t p256[] = { 0x0017, 0 };
	static const char *const protocols[] = { "acme-tls/1", "http/1.1", NULL };
	static const struct tls_identity *ids[2];
	static struct tls_tickets *tickets;
	struct tls_config cfg = { .identities = ids, .verify = tls_fuzz_verify,
	    .now_ms = tls_fuzz_now };
	struct tls_conn *c;
	struct err e = ERR_NONE;

	if (ids[0] == NULL)
		tls_fuzz_init(&ids[0], &tickets);
	if (size < 2)
		return 0;
	cfg.client_auth = (data[0] & 1) != 0 ? TLS_CLIENT_AUTH_ASK : TLS_CLIENT_AUTH_NONE;
	cfg.groups = (data[0] & 2) != 0 ? p256 : NULL;
	cfg.tickets = (data[0] & 4) != 0 ? tickets : NULL;
	cfg.alpn = (data[0] & 8) != 0 ? protocols : NULL;
	cfg.max_version = (data[0] & 16) != 0 ? TLS_1_2 : 0;
	cfg.record_limit = (data[0] & 32) != 0 ? 64 : 0;
	if (tls_server_new(&cfg, &c, &e) == -1)
		abort();
	tls_fuzz_feed(c, span_of(data + 2, size - 2), data[1]);
	tls_close(c);
	tls_free(c);
	return 0;
}
