/*
 * binrpc, against packets that real servers have sent (t/data/binrpc), and
 * against packets that none should (FAULTS I03, S15).
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/binrpc.h"
#include "suite.h"

#define FILE_MAX	65536

/* The octets of a file of hex digits with comment lines. */
static void
load(const char *name, struct buf *out)
{
	const char *dir = getenv("srcdir");
	char path[4096], line[256];
	struct buf hex;
	FILE *f;
	size_t i;

	(void)snprintf(path, sizeof(path), "%s/t/data/binrpc/%s.hex", dir != NULL ? dir : ".",
	    name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s: cannot be read", path);
	buf_init(&hex, FILE_MAX);
	while (fgets(line, sizeof(line), f) != NULL) {
		for (i = 0; line[0] != '#' && line[i] != '\0'; i++) {
			if (line[i] != ' ' && line[i] != '\n')
				buf_u8(&hex, (uint8_t)line[i]);
		}
	}
	(void)fclose(f);
	buf_init(out, FILE_MAX);
	ck_assert_int_eq(hex_decode(buf_span(&hex), out), 0);
	ck_assert_msg(out->n > 0, "%s: empty", path);
	buf_clear(&hex);
}

static void
from_hex(const char *hex, struct buf *out)
{
	struct buf digits;

	buf_init(&digits, FILE_MAX);
	for (; *hex != '\0'; hex++) {
		if (*hex != ' ')
			buf_u8(&digits, (uint8_t)*hex);
	}
	buf_init(out, FILE_MAX);
	ck_assert_int_eq(hex_decode(buf_span(&digits), out), 0);
	buf_clear(&digits);
}

static bool
is_text(struct span s, const char *want)
{
	return span_eq(s, span_str(want));
}

/* --- replies --- */

/* What stands in a reply: a fault, or one text, or a member of a struct, or nothing. */
static const struct {
	const char	*name;
	uint32_t	 cookie;
	int64_t		 code;		/* not 0: a fault, with the text */
	const char	*text;
	const char	*member;
	int64_t		 num;		/* of the member, unless .text says what it is */
	size_t		 records;
} real[] = {
	{ "core.version.reply", 0x18cedb25, 0, "kamailio 5.6.3 (x86_64/linux) ", NULL, 0, 1 },
	{ "tls.reload.reply", 0x224a32bc, 0, "Ok. TLS configuration reloaded.", NULL, 0, 1 },
	{ "tls.reload-fault.reply", 0x6ec10068, 500,
	  "Error while fixing TLS configuration (consult server log)", NULL, 0, 2 },
	{ "unknown-command.reply", 0x07d77b99, 500, "command no.such.command not found", NULL, 0,
	  2 },
	{ "tls.info.reply", 0x508ecee7, 0, NULL, "opened_connections", 1, 5 },
	{ "core.uptime.reply", 0x07979b51, 0, NULL, "uptime", 2, 5 },
	{ "core.shmmem.reply", 0x34a894ce, 0, NULL, "free", 0x03c94610, 8 },
	{ "core.psx.reply", 0x63fc1014, 0, NULL, "PID", 0x4d78, 55 },
	{ "core.tcp_info.reply", 0x11a26c45, 0, NULL, "readers", 2, 8 },
	{ "tls.list.reply", 0x6c4c6536, 0, NULL, "id", 1, 13 },
	{ "tls.list-empty.reply", 0xcf5fc3, 0, NULL, NULL, 0, 0 },
	{ "tls.list-50-connections.reply", 0x01020304, 0, NULL, "dst_port", 25061, 650 },
	{ "tls.options.reply", 0x19f7b8bc, 0, "/etc/kamailio/tls.cfg", "config", 0, 29 },
	{ "pkg.stats.reply", 0x7fa618ec, 0, NULL, "total_size", 8388608, 121 },
	{ "missing-arg.reply", 0x089e33e7, 0, NULL, NULL, 0, 0 },
	{ "cookie-zero.reply", 0, 0, "kamailio 5.6.3 (x86_64/linux) ", NULL, 0, 1 },
	{ "suboptimal-lengths.reply", 9, 0, "kamailio 5.6.3 (x86_64/linux) ", NULL, 0, 1 },
	{ "malformed-magic.reply", 0x12345678, 400, "bad request: corrupted packet", NULL, 0, 2 },
	{ "malformed-reply-type.reply", 0x11223344, 400, "bad request: corrupted packet", NULL, 0,
	  2 },
	{ "malformed-empty-body.reply", 9, 400, "bad request method: end of packet encountered",
	  NULL, 0, 2 },
	{ "malformed-method-int.reply", 9, 400, "bad request method: record doesn't match type",
	  NULL, 0, 2 },
	{ "core.shmmem-bad-arg.reply", 0x1b633097, 500, "bad param, (use b|k|m|g)", NULL, 0, 2 },
	{ "core.info.reply", 0x01020304, 0, "kamailio 5.6.3", "version", 0, 7 },
	{ "core.sockets_list.reply", 0x01020304, 0, NULL, NULL, 0, 29 },
	{ "ctl.listen.reply", 0x36dbdca3, 0, NULL, NULL, 0, 16 },
	{ "v6.1.4.core.version.reply", 0x4b414d31, 0, "kamailio 6.1.4 (x86_64/Linux) ", NULL, 0,
	    1 },
	{ "v6.1.4.core.shmmem.reply", 0x4b414d31, 0, NULL, "total", 67108864, 8 },
	{ "v6.1.4.tls.list.reply", 0x4b414d31, 0, "sip.example.org", "sni", 0, 16 },
	{ "v6.1.4.tls.reload.reply", 0x4b414d31, 0, "Ok. TLS configuration reloaded.", NULL, 0, 1 },
	{ "v6.1.4.tls.kill.reply", 0x4b414d31, 0, "TLS connection id not found", NULL, 0, 1 },
};

static size_t
count_records(const struct binrpc_reply *reply)
{
	struct binrpc_walk w;
	struct binrpc_record rec;
	size_t n = 0;

	binrpc_walk(reply, &w);
	while (binrpc_next(&w, &rec))
		n++;
	return n;
}

START_TEST(replies_of_real_servers_are_understood)
{
	const char *name = real[_i].name;
	struct binrpc_reply reply;
	struct span s = SPAN_NONE;
	struct buf in;
	int64_t v = -1;
	struct err e;

	load(name, &in);
	ck_assert_msg(binrpc_parse(buf_span(&in), &binrpc_cap_reply, real[_i].cookie, &reply, &e) ==
	    0, "%s: %s", name, e.text);
	ck_assert_msg(reply.fault == (real[_i].code != 0), "%s: got fault %d", name, reply.fault);
	if (reply.fault) {
		ck_assert_msg(reply.code == real[_i].code, "%s: got code %jd", name,
		    (intmax_t)reply.code);
		ck_assert_msg(is_text(reply.text, real[_i].text), "%s: got \"%.*s\"", name,
		    (int)reply.text.n, (const char *)reply.text.p);
	} else if (real[_i].member != NULL && real[_i].text != NULL) {
		ck_assert_msg(binrpc_member_str(&reply, real[_i].member, &s) &&
		    is_text(s, real[_i].text), "%s: got \"%.*s\"", name, (int)s.n,
		    (const char *)s.p);
	} else if (real[_i].member != NULL) {
		ck_assert_msg(binrpc_member_int(&reply, real[_i].member, &v) && v == real[_i].num,
		    "%s: got %jd, want %jd", name, (intmax_t)v, (intmax_t)real[_i].num);
	} else if (real[_i].text != NULL) {
		ck_assert_msg(binrpc_only_str(&reply, &s) && is_text(s, real[_i].text),
		    "%s: got \"%.*s\"", name, (int)s.n, (const char *)s.p);
	} else {
		ck_assert_msg(!binrpc_only_str(&reply, &s), "%s: got one text", name);
	}
	ck_assert_msg(count_records(&reply) == real[_i].records, "%s: got %zu records, want %zu",
	    name, count_records(&reply), real[_i].records);
	buf_clear(&in);
}
END_TEST

START_TEST(another_cookie_is_never_mine)
{
	struct binrpc_reply reply;
	struct buf in;
	struct err e;
	bool accepted;

	load(real[_i].name, &in);
	accepted = binrpc_parse(buf_span(&in), &binrpc_cap_reply, real[_i].cookie ^ 0x01000000,
	    &reply, &e) == 0;
	/* A fault with cookie 0 answers a request that was not understood. */
	ck_assert_msg(accepted == (strstr(real[_i].name, "malformed-magic") != NULL),
	    "%s: got %d", real[_i].name, accepted);
	buf_clear(&in);
}
END_TEST

START_TEST(a_stream_is_framed_octet_by_octet)
{
	struct buf in;
	size_t wanted, i;
	struct err e;

	load(real[_i].name, &in);
	for (i = 0; i <= in.n; i++) {
		ck_assert_int_eq(binrpc_wanted(span_of(in.p, i), &binrpc_cap_reply, &wanted, &e),
		    0);
		ck_assert_msg((wanted == 0) == (i == in.n) && wanted <= in.n - i,
		    "%s: after %zu of %zu octets: got %zu wanted", real[_i].name, i, in.n, wanted);
	}
	buf_u8(&in, 0xa1);
	ck_assert_int_eq(binrpc_wanted(buf_span(&in), &binrpc_cap_reply, &wanted, &e), -1);
	buf_clear(&in);
}
END_TEST

/* FAULTS K03: refused as soon as it is announced. */
START_TEST(a_length_beyond_the_cap_is_not_waited_for)
{
	/* a reply; length of three octets, cookie 9 */
	uint8_t head[] = { 0xa1, 0x18, 0, 0, 0, 9 };
	size_t wanted, most = binrpc_cap_reply.octets - sizeof(head);
	struct err e;

	for (size_t n = most - 1; n <= most + 2; n++) {
		for (size_t i = 0; i < 3; i++)
			head[2 + i] = (uint8_t)(n >> 8 * (2 - i));
		ck_assert_int_eq(binrpc_wanted(span_of(head, sizeof(head)), &binrpc_cap_reply,
		    &wanted, &e), n <= most ? 0 : -1);
		ck_assert_uint_eq(wanted, n <= most ? n : 0);
	}
}
END_TEST

/*
 * However few octets are missing, wherever, and whichever bit is wrong: the
 * reply is refused or understood, and a fault never looks like a success.
 */
static void
try_damaged(const char *name, struct span in, uint32_t cookie, bool fault)
{
	struct binrpc_reply reply;
	struct span s;
	struct err e;

	if (binrpc_parse(in, &binrpc_cap_reply, cookie, &reply, &e) == -1)
		return;
	(void)count_records(&reply);
	ck_assert_msg(!fault || reply.fault || !binrpc_only_str(&reply, &s),
	    "%s: a damaged fault reads as a success", name);
}

START_TEST(damage_never_turns_a_fault_into_a_success)
{
	const char *name = real[_i].name;
	bool fault = real[_i].code != 0;
	struct buf in, cut;
	size_t at, n;

	load(name, &in);
	if (in.n > 1000)	/* the largest ones have nothing that the others have not */
		goto out;
	buf_init(&cut, FILE_MAX);
	for (at = 0; at < in.n; at++) {
		for (n = 1; n <= 2 && at + n <= in.n; n++) {
			buf_reset(&cut);
			buf_put(&cut, span_of(in.p, at));
			buf_put(&cut, span_of(in.p + at + n, in.n - at - n));
			try_damaged(name, buf_span(&cut), real[_i].cookie, fault);
		}
		for (n = 0; n < 8; n++) {
			in.p[at] ^= (uint8_t)(1u << n);
			try_damaged(name, buf_span(&in), real[_i].cookie, fault);
			in.p[at] ^= (uint8_t)(1u << n);
		}
	}
	buf_clear(&cut);
out:
	buf_clear(&in);
}
END_TEST

START_TEST(truncated_replies_are_refused)
{
	struct binrpc_reply reply;
	struct buf in;
	struct err e;
	size_t n;

	load(real[_i].name, &in);
	for (n = 1; n <= 2; n++)
		ck_assert_msg(binrpc_parse(span_of(in.p, in.n - n), &binrpc_cap_reply,
		    real[_i].cookie, &reply, &e) == -1, "%s: %zu octets short", real[_i].name, n);
	buf_clear(&in);
}
END_TEST

START_TEST(datagrams_add_up_to_the_reply_of_a_stream)
{
	struct buf stream, first, second;
	size_t wanted;
	struct err e;

	load("tls.list-50-connections.reply", &stream);
	load("udp.tls.list-50-connections.reply.datagram1", &first);
	load("udp.tls.list-50-connections.reply.datagram2", &second);
	ck_assert_int_eq(binrpc_wanted(buf_span(&first), &binrpc_cap_reply, &wanted, &e), 0);
	ck_assert_uint_eq(wanted, second.n);
	buf_put(&first, buf_span(&second));
	ck_assert_uint_eq(first.n, stream.n);
	ck_assert_int_eq(binrpc_wanted(buf_span(&first), &binrpc_cap_reply, &wanted, &e), 0);
	ck_assert_uint_eq(wanted, 0);
	buf_clear(&stream);
	buf_clear(&first);
	buf_clear(&second);
}
END_TEST

START_TEST(two_pipelined_replies_are_one_too_many)
{
	struct buf in;
	size_t wanted;
	struct err e;

	load("pipelined-two.reply", &in);
	ck_assert_int_eq(binrpc_wanted(buf_span(&in), &binrpc_cap_reply, &wanted, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	buf_clear(&in);
}
END_TEST

START_TEST(order_duplicates_and_nesting_are_kept)
{
	static const char *const protos[] = { "udp", "tcp", "tls" };
	struct binrpc_reply reply;
	struct binrpc_record rec;
	struct binrpc_walk w;
	size_t sockets = 0, seen = 0;
	struct buf in;
	struct err e;

	load("core.sockets_list.reply", &in);
	ck_assert_int_eq(binrpc_parse(buf_span(&in), &binrpc_cap_reply, 0x01020304, &reply, &e), 0);
	binrpc_walk(&reply, &w);
	while (binrpc_next(&w, &rec)) {
		if (span_is(rec.name, "socket") && rec.type == BINRPC_STRUCT && rec.depth == 1)
			sockets++;
		if (span_is(rec.name, "proto")) {
			ck_assert_uint_eq(rec.depth, 2);
			ck_assert(is_text(rec.str, protos[seen++]));
		}
	}
	ck_assert_uint_eq(sockets, 3);
	ck_assert_uint_eq(seen, 3);
	buf_clear(&in);
}
END_TEST

START_TEST(strings_are_counted_at_the_top)
{
	static const char *const want[] = { "abc", "123", "7", "0", "70000", "" };
	struct binrpc_reply reply;
	struct span s;
	struct buf in;
	struct err e;
	size_t i;

	load("core.echo-args.reply", &in);
	ck_assert_int_eq(binrpc_parse(buf_span(&in), &binrpc_cap_reply, 0x2d146f56, &reply, &e), 0);
	for (i = 0; i < NITEMS(want); i++)
		ck_assert_msg(binrpc_str(&reply, i, &s) && is_text(s, want[i]), "%zu: got \"%.*s\"",
		    i, (int)s.n, (const char *)s.p);
	ck_assert(!binrpc_str(&reply, NITEMS(want), &s));
	buf_clear(&in);
}
END_TEST

/* --- packets that nobody should send; cookie 9 --- */

static const struct {
	const char	*what;
	const char	*hex;
	bool		 taken;
} crafted[] = {
	{ "an empty reply", "a1 10 00 09", true },
	{ "widths of four and four", "a1 1f 00000000 00000009", true },
	{ "a request", "a1 00 00 09", false },
	{ "type 2", "a1 20 00 09", false },
	{ "version 2", "a2 10 00 09", false },
	{ "another magic", "b1 10 00 09", false },
	{ "an int of 0", "a1 10 01 09 00", true },
	{ "an int of four octets", "a1 10 05 09 40 ffffffff", true },
	{ "an int of five octets", "a1 10 06 09 50 0000000001", false },
	{ "a long form int", "a1 10 03 09 90 01 07", true },
	{ "a long form int of five octets", "a1 10 07 09 90 05 0000000001", false },
	{ "a double of eight octets", "a1 10 09 09 82 ffffffffffffffff", true },
	{ "a double of nine octets", "a1 10 0a 09 92 000000000000000001", false },
	{ "a double that ends early", "a1 10 03 09 42 0000", false },
	{ "a string without its NUL", "a1 10 04 09 31 616263", false },
	{ "a string of no octets", "a1 10 01 09 01", false },
	{ "an empty string", "a1 10 02 09 11 00", true },
	{ "a string longer than the packet", "a1 10 03 09 91 ff 00", false },
	{ "a length of seven octets, all set", "a1 10 09 09 f1 ffffffffffffff 00", false },
	{ "a length of seven octets, fair", "a1 10 0a 09 f1 00000000000002 6100", true },
	{ "a long form without length", "a1 10 02 09 81 00", false },
	{ "octets", "a1 10 03 09 26 0102", true },
	{ "type 7", "a1 10 01 09 07", false },
	{ "type 15", "a1 10 01 09 0f", false },
	{ "an empty struct", "a1 10 02 09 03 83", true },
	{ "an empty array", "a1 10 02 09 04 84", true },
	{ "a struct that stays open", "a1 10 01 09 03", false },
	{ "a struct that was never opened", "a1 10 01 09 83", false },
	{ "a struct closed as an array", "a1 10 02 09 03 84", false },
	{ "crossed ends", "a1 10 04 09 03 04 83 84", false },
	{ "nested ends", "a1 10 04 09 03 04 84 83", true },
	{ "a struct with a count", "a1 10 02 09 13 83", false },
	{ "an end with a count", "a1 10 02 09 03 93", false },
	{ "plain records in a struct", "a1 10 04 09 03 1007 83", true },
	{ "a name and its value", "a1 10 07 09 03 256100 1007 83", true },
	{ "a name without value", "a1 10 05 09 03 256100 83", false },
	{ "a name for a name", "a1 10 0a 09 03 256100 256100 1007 83", false },
	{ "a name at the end", "a1 10 04 09 03 256100", false },
	{ "a name outside of structs", "a1 10 05 09 256100 1007", false },
	{ "a name without its NUL", "a1 10 07 09 03 256161 1007 83", false },
	{ "eight levels", "a1 10 10 09 0303030303030303 8383838383838383", true },
	{ "nine levels", "a1 10 12 09 030303030303030303 838383838383838383", false },
	{ "a fault", "a1 30 05 09 1004 21 6f00", true },
	{ "a fault without text", "a1 30 02 09 1004", false },
	{ "a fault without code", "a1 30 03 09 21 6f00", false },
	{ "an empty fault", "a1 30 00 09", false },
	{ "a fault and more", "a1 30 06 09 1004 21 6f00 00", false },
	{ "a fault with cookie 0", "a1 30 05 00 1004 21 6f00", true },
	{ "a reply with cookie 0", "a1 10 00 00", false },
	{ "a length beyond the cap", "a1 18 010000 09", false },
	{ "a length of 2^32 - 1", "a1 1c ffffffff 09", false },
	{ "a length too short by one", "a1 10 01 09 11 00", false },
	{ "a length too long by one", "a1 10 03 09 11 00", false },
};

START_TEST(crafted_packets_keep_their_table)
{
	struct binrpc_reply reply;
	struct buf in;
	struct err e = ERR_NONE;
	bool taken;

	from_hex(crafted[_i].hex, &in);
	taken = binrpc_parse(buf_span(&in), &binrpc_cap_reply, 9, &reply, &e) == 0;
	ck_assert_msg(taken == crafted[_i].taken, "%s: got %s, want %s", crafted[_i].what,
	    taken ? "taken" : e.text, crafted[_i].taken ? "taken" : "refused");
	ck_assert_msg(taken || e.class == OUT_RETRY, "%s: got class %d", crafted[_i].what, e.class);
	buf_clear(&in);
}
END_TEST

START_TEST(numbers_come_as_int_and_as_double)
{
	static const struct {
		const char	*hex;
		int64_t		 want;
	} rows[] = {
		{ "a1 10 07 09 03 256100 1007 83", 7 },
		{ "a1 10 0a 09 03 256100 40ffffffff 83", 4294967295 },
		{ "a1 10 08 09 03 256100 22 1b58 83", 7 },
		{ "a1 10 08 09 03 256100 22 1f3f 83", 7 },
		{ "a1 10 06 09 03 256100 02 83", 0 },
		{ "a1 10 0e 09 03 256100 82 fffffffffffff830 83", -2 },
	};
	struct binrpc_reply reply;
	int64_t v = -1;
	struct span s;
	struct buf in;
	struct err e;

	from_hex(rows[_i].hex, &in);
	ck_assert_int_eq(binrpc_parse(buf_span(&in), &binrpc_cap_reply, 9, &reply, &e), 0);
	ck_assert_msg(binrpc_member_int(&reply, "a", &v) && v == rows[_i].want,
	    "%s: got %jd, want %jd", rows[_i].hex, (intmax_t)v, (intmax_t)rows[_i].want);
	ck_assert(!binrpc_member_str(&reply, "a", &s));
	ck_assert(!binrpc_member_int(&reply, "b", &v));
	buf_clear(&in);
}
END_TEST

START_TEST(records_are_counted)
{
	size_t n = binrpc_cap_reply.records + (size_t)_i, i;
	struct binrpc_reply reply;
	struct buf in;
	struct err e;

	buf_init(&in, FILE_MAX);
	buf_u8(&in, 0xa1);
	buf_u8(&in, 0x14);
	buf_u16(&in, (uint16_t)n);
	buf_u8(&in, 9);
	for (i = 0; i < n; i++)
		buf_u8(&in, 0);
	ck_assert_int_eq(binrpc_parse(buf_span(&in), &binrpc_cap_reply, 9, &reply, &e), -_i);
	ck_assert_int_eq(binrpc_parse(buf_span(&in), &binrpc_cap_list, 9, &reply, &e), 0);
	buf_clear(&in);
}
END_TEST

/* --- requests --- */

static const struct {
	const char		*name;
	uint32_t		 cookie;
	const char		*method;
	struct binrpc_arg	 args[5];
	size_t			 nargs;
} requests[] = {
	{ "core.version.request", 0x18cedb25, "core.version", { { NULL, 0 } }, 0 },
	{ "cookie-zero.request", 0, "core.version", { { NULL, 0 } }, 0 },
	{ "tls.reload.request", 0x224a32bc, "tls.reload", { { NULL, 0 } }, 0 },
	{ "udp.core.version.request", 0x5a5a, "core.version", { { NULL, 0 } }, 0 },
	{ "core.shmmem-bad-arg.request", 0x1b633097, "core.shmmem", { { "x", 0 } }, 1 },
	{ "core.echo-args.request", 0x2d146f56, "core.echo",
	  { { "abc", 0 }, { "123", 0 }, { NULL, 7 }, { NULL, 0 }, { NULL, 70000 } }, 5 },
};

START_TEST(requests_are_those_of_kamcmd)
{
	struct buf want, got;
	struct binrpc_arg args[6];

	load(requests[_i].name, &want);
	buf_init(&got, BINRPC_REQUEST_MAX);
	memcpy(args, requests[_i].args, sizeof(requests[_i].args));
	args[5] = (struct binrpc_arg){ "", 0 };		/* the last one of core.echo */
	binrpc_request(&got, requests[_i].cookie, requests[_i].method, args,
	    requests[_i].nargs == 5 ? 6 : requests[_i].nargs);
	ck_assert(buf_ok(&got));
	ck_assert_msg(span_eq(buf_span(&got), buf_span(&want)), "%s: other octets",
	    requests[_i].name);
	buf_clear(&want);
	buf_clear(&got);
}
END_TEST

START_TEST(a_request_too_long_is_a_sticky_failure)
{
	char method[BINRPC_REQUEST_MAX + 1];
	struct buf b;

	memset(method, 'a', sizeof(method) - 1);
	method[sizeof(method) - 1] = '\0';
	buf_init(&b, 2 * BINRPC_REQUEST_MAX);
	binrpc_request(&b, 1, method, NULL, 0);
	ck_assert(!buf_ok(&b));
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("binrpc");
	TCase *tc = tcase_create("binrpc");

	tcase_add_loop_test(tc, replies_of_real_servers_are_understood, 0, NITEMS(real));
	tcase_add_loop_test(tc, another_cookie_is_never_mine, 0, NITEMS(real));
	tcase_add_loop_test(tc, a_stream_is_framed_octet_by_octet, 0, NITEMS(real));
	tcase_add_test(tc, a_length_beyond_the_cap_is_not_waited_for);
	tcase_add_loop_test(tc, truncated_replies_are_refused, 0, NITEMS(real));
	tcase_add_loop_test(tc, damage_never_turns_a_fault_into_a_success, 0, NITEMS(real));
	tcase_add_loop_test(tc, crafted_packets_keep_their_table, 0, NITEMS(crafted));
	tcase_add_loop_test(tc, requests_are_those_of_kamcmd, 0, NITEMS(requests));
	tcase_add_loop_test(tc, numbers_come_as_int_and_as_double, 0, 6);
	tcase_add_loop_test(tc, records_are_counted, 0, 2);
	tcase_add_test(tc, datagrams_add_up_to_the_reply_of_a_stream);
	tcase_add_test(tc, two_pipelined_replies_are_one_too_many);
	tcase_add_test(tc, order_duplicates_and_nesting_are_kept);
	tcase_add_test(tc, strings_are_counted_at_the_top);
	tcase_add_test(tc, a_request_too_long_is_a_sticky_failure);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
