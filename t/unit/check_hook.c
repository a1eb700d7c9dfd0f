/*
 * hook: addresses, the table of hooks, and what they all share.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/hook.h"
#include "hooks/wire.h"
#include "suite.h"

/* --- addresses --- */

static const struct {
	const char	*in;
	const char	*text;		/* NULL: refused */
	enum wire_kind	 kind;
} addrs[] = {
	{ "unix:/run/kamailio/kamailio_ctl", "unix:/run/kamailio/kamailio_ctl", WIRE_UNIX },
	{ "unixs:/run/ctl", "unix:/run/ctl", WIRE_UNIX },
	{ "/run/ctl", "unix:/run/ctl", WIRE_UNIX },
	{ "unixd:/run/ctl", "unixd:/run/ctl", WIRE_UNIX_DGRAM },
	{ "tcp:127.0.0.1:2049", "tcp:127.0.0.1:2049", WIRE_TCP },
	{ "tcp:localhost:2049", "tcp:127.0.0.1:2049", WIRE_TCP },
	{ "udp:[::1]:2049", "udp:[::1]:2049", WIRE_UDP },
	{ "udp:[0:0::1]:2049", "udp:[::1]:2049", WIRE_UDP },
	{ "jsonrpc+http:127.0.0.1:80/x", NULL, WIRE_TCP },
	{ "jsonrpc+http://127.0.0.1:80", NULL, WIRE_TCP },
	{ "jsonrpc+http://127.0.0.1/RPC", NULL, WIRE_TCP },
	{ "jsonrpc+http://127.0.0.1:80/a b", NULL, WIRE_TCP },
	{ "jsonrpc+http://127.0.0.1:80/a\r\nX:y", NULL, WIRE_TCP },
	{ "jsonrpc+http://127.0.0.1:80/012345678901234567890123456789012345678901234567890123456789"
	    "0123",
	  NULL, WIRE_TCP },
	{ "jsonrpc+http://user@127.0.0.1:80/x", NULL, WIRE_TCP },
	{ "jsonrpc+tcp:127.0.0.1:80", NULL, WIRE_TCP },
	{ "jsonrpc+unixd:x", NULL, WIRE_UNIX_DGRAM },
	{ "udp:[::]:2049", NULL, WIRE_UDP },
	{ "tcp:0.0.0.0:2049", NULL, WIRE_TCP },
	{ "tcp:sip.example.com:2049", NULL, WIRE_TCP },
	{ "tcp:127.0.0.1", NULL, WIRE_TCP },
	{ "tcp:127.0.0.1:0", NULL, WIRE_TCP },
	{ "tcp:127.0.0.1:65536", NULL, WIRE_TCP },
	{ "tcp:127.0.0.1:20x", NULL, WIRE_TCP },
	{ "tcp::2049", NULL, WIRE_TCP },
	{ "tcp:[::1:2049", NULL, WIRE_TCP },
	{ "tcp:[::1]2049", NULL, WIRE_TCP },
	{ "tcp:2049", NULL, WIRE_TCP },
	{ "unix:run/ctl", NULL, WIRE_UNIX },
	{ "unix:", NULL, WIRE_UNIX },
	{ "http://127.0.0.1/RPC", NULL, WIRE_UNIX },
	{ "", NULL, WIRE_UNIX },
	{ "unix:/"
	  "0123456789012345678901234567890123456789012345678901234567890123456789"
	  "0123456789012345678901234567890123456789", NULL, WIRE_UNIX },
};

START_TEST(control_addresses_keep_their_table)
{
	struct wire_addr a;
	struct err e = ERR_NONE;
	int rc = wire_addr_parse(addrs[_i].in, &a, &e);

	ck_assert_msg((rc == 0) == (addrs[_i].text != NULL), "%s: got %d, %s", addrs[_i].in, rc,
	    e.text);
	ck_assert_msg(rc == 0 || e.class == OUT_HOLD, "%s: got %d", addrs[_i].in, e.class);
	ck_assert_msg(rc == -1 || (a.kind == addrs[_i].kind && a.speech == WIRE_BINRPC &&
	    !a.remote && strcmp(a.text, addrs[_i].text) == 0),
	    "%s: got %s", addrs[_i].in, a.text);
}
END_TEST

static const struct {
	const char	*in;
	const char	*text;
	enum wire_kind	 kind;
	enum wire_speech speech;
	bool		 remote;
} spoken[] = {
	{ "tcp:192.0.2.1:2049", "tcp:192.0.2.1:2049", WIRE_TCP, WIRE_BINRPC, true },
	{ "tcp:[2001:db8:0::1]:2049", "tcp:[2001:db8::1]:2049", WIRE_TCP, WIRE_BINRPC, true },
	{ "jsonrpc+unixd:/run/json", "jsonrpc+unixd:/run/json", WIRE_UNIX_DGRAM, WIRE_JSONRPC,
	    false },
	{ "jsonrpc+unix:/run/json", "jsonrpc+unixd:/run/json", WIRE_UNIX_DGRAM, WIRE_JSONRPC,
	    false },
	{ "jsonrpc+udp:localhost:9", "jsonrpc+udp:127.0.0.1:9", WIRE_UDP, WIRE_JSONRPC, false },
	{ "jsonrpc+http://localhost:5060/RPC", "jsonrpc+http://127.0.0.1:5060/RPC", WIRE_TCP,
	  WIRE_JSONRPC_HTTP, false },
	{ "jsonrpc+http://[::1]:80/", "jsonrpc+http://[::1]:80/", WIRE_TCP, WIRE_JSONRPC_HTTP,
	    false },
	{ "jsonrpc+http://10.0.0.1:80/", "jsonrpc+http://10.0.0.1:80/", WIRE_TCP, WIRE_JSONRPC_HTTP,
	  true },
};

START_TEST(addresses_say_what_is_spoken_there)
{
	struct wire_addr a;
	struct err e = ERR_NONE;

	ck_assert_msg(wire_addr_parse(spoken[_i].in, &a, &e) == 0, "%s", e.text);
	ck_assert_msg(a.kind == spoken[_i].kind && a.speech == spoken[_i].speech &&
	    a.remote == spoken[_i].remote && strcmp(a.text, spoken[_i].text) == 0, "%s: got %s",
	    spoken[_i].in, a.text);
}
END_TEST

static const struct {
	const char	*in;
	enum wire_proto	 proto;
	const char	*host;		/* NULL: refused */
	uint16_t	 port;
} listeners[] = {
	{ "sips:127.0.0.1:5061", WIRE_SIPS, "127.0.0.1", 5061 },
	{ "sips:127.0.0.1", WIRE_SIPS, "127.0.0.1", 5061 },
	{ "sips:[2001:db8::1]:5071", WIRE_SIPS, "2001:db8::1", 5071 },
	{ "sips:[::1]", WIRE_SIPS, "::1", 5061 },
	{ "sips:SIP.example.com:5061", WIRE_SIPS, "sip.example.com", 5061 },
	{ "sips:localhost:5061", WIRE_SIPS, "localhost", 5061 },
	{ "tls:10.0.0.1:443", WIRE_TLS, "10.0.0.1", 443 },
	{ "wss:10.0.0.1", WIRE_WSS, "10.0.0.1", 443 },
	{ "wss:10.0.0.1:8443", WIRE_WSS, "10.0.0.1", 8443 },
	{ "tls:10.0.0.1", WIRE_TLS, NULL, 0 },
	{ "sip:10.0.0.1:5060", WIRE_SIPS, NULL, 0 },
	{ "10.0.0.1:5061", WIRE_SIPS, NULL, 0 },
	{ "sips:", WIRE_SIPS, NULL, 0 },
	{ "sips::5061", WIRE_SIPS, NULL, 0 },
	{ "sips:*.example.com:5061", WIRE_SIPS, NULL, 0 },
	{ "sips:a b:5061", WIRE_SIPS, NULL, 0 },
	{ "sips:2001:db8::1:5061", WIRE_SIPS, NULL, 0 },
	{ "sips:10.0.0.1:99999", WIRE_SIPS, NULL, 0 },
	{ "sips:10.0.0.1:", WIRE_SIPS, NULL, 0 },
};

START_TEST(listeners_keep_their_table)
{
	struct wire_listener l;
	struct err e = ERR_NONE;
	int rc = wire_listener_parse(listeners[_i].in, &l, &e);

	ck_assert_msg((rc == 0) == (listeners[_i].host != NULL), "%s: got %d, %s", listeners[_i].in,
	    rc, e.text);
	ck_assert_msg(rc == 0 || e.class == OUT_HOLD, "%s: got %d", listeners[_i].in, e.class);
	ck_assert_msg(rc == -1 || (l.proto == listeners[_i].proto && l.port == listeners[_i].port &&
	    strcmp(l.host, listeners[_i].host) == 0), "%s: got %s port %u", listeners[_i].in,
	    l.host, l.port);
}
END_TEST

/* --- the table of hooks --- */

START_TEST(every_hook_is_found_by_its_name)
{
	const struct hook_type *t;
	size_t i;

	for (i = 0; (t = hook_at(i)) != NULL; i++)
		ck_assert_ptr_eq(hook_find(t->name), t);
	ck_assert_uint_eq(i, 5);
	ck_assert_ptr_null(hook_find("Kamailio"));
	ck_assert(!hook_find("kamailio")->in_starter);
	ck_assert(hook_find("program")->in_starter);
	ck_assert(hook_find("haproxy")->in_courier && !hook_find("kamailio")->in_courier);
}
END_TEST

static char k_type[] = "kamailio", p_type[] = "program", h_type[] = "haproxy", s_type[] = "systemd",
    unix_a[] = "unix:/run/kamailio/kamailio_ctl",
    unix_b[] = "/run/kamailio/kamailio_ctl", unix_c[] = "unix:/run/other", user_a[] = "kamailio",
    command_a[] = "/bin/a", command_b[] = "/bin/b";
static char *argv_a[] = { command_a }, *argv_b[] = { command_b };

static const struct {
	const char	*what;
	struct hook_conf a, b;
	bool		 same;
} pairs[] = {
	{ "twice the same", { .type = k_type, .rpc = unix_a }, { .type = k_type, .rpc = unix_a },
	  true },
	{ "two spellings", { .type = k_type, .rpc = unix_a }, { .type = k_type, .rpc = unix_b },
	  true },
	{ "the default and its spelling", { .type = k_type }, { .type = k_type, .rpc = unix_a },
	  true },
	{ "two servers", { .type = k_type, .rpc = unix_a }, { .type = k_type, .rpc = unix_c },
	  false },
	{ "two users", { .type = k_type, .rpc = unix_a },
	  { .type = k_type, .rpc = unix_a, .user = user_a }, false },
	{ "two types", { .type = k_type }, { .type = p_type }, false },
	{ "other timeouts are no difference", { .type = k_type, .timeout = 1 },
	  { .type = k_type, .timeout = 2 }, true },
	{ "two files of one haproxy", { .type = h_type, .rpc = unix_a, .ssl_cert = command_a },
	  { .type = h_type, .rpc = unix_a, .ssl_cert = command_b }, false },
	{ "two units", { .type = s_type, .rpc = unix_a, .unit = command_a },
	  { .type = s_type, .rpc = unix_a, .unit = command_b }, false },
	{ "one program", { .type = p_type, .command = { argv_a, 1 } },
	  { .type = p_type, .command = { argv_a, 1 } }, true },
	{ "two programs", { .type = p_type, .command = { argv_a, 1 } },
	  { .type = p_type, .command = { argv_b, 1 } }, false },
};

START_TEST(hook_same_keeps_its_table)
{
	ck_assert_msg(hook_same(&pairs[_i].a, &pairs[_i].b) == pairs[_i].same, "%s: got %d",
	    pairs[_i].what, !pairs[_i].same);
	ck_assert_msg(hook_same(&pairs[_i].b, &pairs[_i].a) == pairs[_i].same, "%s: got %d",
	    pairs[_i].what, !pairs[_i].same);
}
END_TEST

START_TEST(survivors_are_counted)
{
	static const struct {
		/* a digit per connection; NULL: not known */
		const char	*before, *after;
		int64_t		 want;
	} rows[] = {
		{ "", "", 0 },
		{ "123", "123", 3 },
		{ "123", "", 0 },
		{ "", "123", 0 },
		{ "159", "123456789", 3 },
		{ "123456789", "159", 3 },
		{ "123", "456", 0 },
		{ "456", "123", 0 },
		{ NULL, "123", -1 },
		{ "123", NULL, -1 },
	};
	struct hook_facts f[2];
	struct buf b;
	size_t i;

	for (i = 0; i < 2; i++) {
		const char *s = i == 0 ? rows[_i].before : rows[_i].after;

		hook_facts_init(&f[i]);
		f[i].ids_known = s != NULL;
		buf_init(&b, 64);
		for (; s != NULL && *s != '\0'; s++)
			buf_u32(&b, (uint32_t)(*s - '0'));
		ck_assert_int_eq(blob_set(&f[i].tls_ids, buf_span(&b)), 0);
		buf_clear(&b);
	}
	ck_assert_int_eq(hook_survivors(&f[0], &f[1]), rows[_i].want);
	pack_clear(&hook_facts_pack, &f[0]);
	pack_clear(&hook_facts_pack, &f[1]);
}
END_TEST

START_TEST(facts_and_sections_travel)
{
	struct hook_conf conf = { .type = k_type, .rpc = unix_a, .timeout = 7, .settle = 15,
		.command = { argv_a, 1 } }, conf_back;
	struct hook_facts f, f_back;
	struct buf b;
	struct rd r;

	hook_facts_init(&f);
	f.shm_free = 5;
	f.ids_known = true;
	buf_init(&b, 4096);
	pack_write(&hook_conf_pack, &conf, &b);
	pack_write(&hook_facts_pack, &f, &b);
	r = rd_of(buf_span(&b));
	ck_assert_int_eq(pack_read(&hook_conf_pack, &r, &conf_back), 0);
	ck_assert_int_eq(pack_read(&hook_facts_pack, &r, &f_back), 0);
	ck_assert(rd_end(&r));
	ck_assert(hook_same(&conf, &conf_back));
	ck_assert_int_eq(conf_back.settle, 15);
	ck_assert_int_eq(f_back.shm_free, 5);
	ck_assert_int_eq(f_back.pid, -1);
	ck_assert(f_back.ids_known);
	pack_clear(&hook_conf_pack, &conf_back);
	pack_clear(&hook_facts_pack, &f_back);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hook");
	TCase *tc = tcase_create("hook");

	tcase_add_loop_test(tc, control_addresses_keep_their_table, 0, NITEMS(addrs));
	tcase_add_loop_test(tc, addresses_say_what_is_spoken_there, 0, NITEMS(spoken));
	tcase_add_loop_test(tc, listeners_keep_their_table, 0, NITEMS(listeners));
	tcase_add_test(tc, every_hook_is_found_by_its_name);
	tcase_add_loop_test(tc, hook_same_keeps_its_table, 0, NITEMS(pairs));
	tcase_add_loop_test(tc, survivors_are_counted, 0, 10);
	tcase_add_test(tc, facts_and_sections_travel);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
