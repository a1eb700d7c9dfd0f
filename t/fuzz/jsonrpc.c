/*
 * Replies of the jsonrpcs module, bare and by HTTP: nothing crashes, what is
 * asked for ends, and what was accepted is walked to its end.
 */
#include <stdlib.h>

#include "hooks/jsonrpc.h"

#define ID	7

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(bool held)
{
	if (!held)
		abort();
}

static void
parse(struct span json)
{
	struct binrpc_reply reply;
	struct binrpc_record rec;
	struct binrpc_walk w;
	struct buf records;
	struct err e;
	size_t n = 0;

	buf_init(&records, BINRPC_LIST_OCTETS + 65536);
	if (jsonrpc_parse(json, &binrpc_cap_reply, ID, &records, &reply, &e) == 0) {
		binrpc_walk(&reply, &w);
		while (binrpc_next(&w, &rec)) {
			must(rec.depth <= BINRPC_DEPTH_MAX);
			n++;
		}
		must(rd_end(&w.r) && w.depth == 0 && n <= binrpc_cap_reply.records);
	}
	buf_clear(&records);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span came = span_of(p, n), body;
	size_t wanted = 0;
	struct err e;

	parse(came);
	if (jsonrpc_http_wanted(came, &binrpc_cap_reply, &wanted, &e) == -1 || wanted > 0)
		return 0;
	if (jsonrpc_http_body(came, &body, &e) == 0) {
		must(body.p >= came.p && body.p + body.n <= came.p + came.n);
		parse(body);
	}
	return 0;
}
