/*
 * Replies of the ctl module: nothing crashes, nothing leaves the packet, what
 * was parsed is walked to its end, and a fault never reads as one text
 * (FAULTS I03, S15).
 */
#include <stdlib.h>

#include "hooks/binrpc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(bool held)
{
	if (!held)
		abort();
}

/* The cookie that the input claims to answer, so that the fuzzer need not guess it. */
static uint32_t
claimed_cookie(struct span in)
{
	struct rd r = rd_of(in);
	uint32_t cookie = 0;
	unsigned widths, i;

	(void)rd_u8(&r);
	widths = rd_u8(&r);
	(void)rd_bytes(&r, (widths >> 2 & 3) + 1);
	for (i = 0; i <= (widths & 3); i++)
		cookie = cookie << 8 | rd_u8(&r);
	return cookie;
}

static void
check_span(struct span in, struct span s)
{
	must(s.n == 0 || (s.p >= in.p && s.p + s.n <= in.p + in.n));
}

static void
walk(struct span in, const struct binrpc_reply *reply)
{
	struct binrpc_record rec;
	struct binrpc_walk w;
	struct span s;
	size_t records = 0;
	int64_t v;

	binrpc_walk(reply, &w);
	while (binrpc_next(&w, &rec)) {
		check_span(in, rec.name);
		check_span(in, rec.str);
		must(rec.depth <= BINRPC_DEPTH_MAX);
		records++;
	}
	must(rd_end(&w.r) && w.depth == 0 && records <= binrpc_cap_reply.records);
	(void)binrpc_str(reply, 1, &s);
	(void)binrpc_member_int(reply, "id", &v);
	(void)binrpc_member_str(reply, "state", &s);
	must(!(reply->fault && binrpc_only_str(reply, &s)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = span_of(p, n);
	struct binrpc_reply reply;
	size_t wanted, i;
	struct err e;

	for (i = 0; i <= n && i <= 16; i++) {
		if (binrpc_wanted(span_of(p, i), &binrpc_cap_reply, &wanted, &e) == -1 ||
		    wanted == 0)
			break;
	}
	if (binrpc_parse(in, &binrpc_cap_reply, claimed_cookie(in), &reply, &e) == 0)
		walk(in, &reply);
	return 0;
}
