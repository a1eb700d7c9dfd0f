/*
 * Answers of SIP servers and websockets, in any pieces: the verdict on all of
 * it is the same whichever pieces came before, and only a status is alive.
 */
#include <stdlib.h>

#include "probe.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct probe probe = { .proto = WIRE_SIPS, .host = "sip.example.com", .port = 443,
		.local = "127.0.0.1:4711", .random = "the sample nonc" };
	enum probe_answer first = PROBE_MORE, all;
	int64_t status;
	size_t i;

	if (n == 0)
		return 0;
	probe.random[PROBE_RANDOM - 1] = 'e';
	if (p[0] % 2 == 1)
		probe.proto = WIRE_WSS;
	for (i = 1; i <= n && i < PROBE_ANSWER_MAX && first == PROBE_MORE; i++)
		first = probe_judge(&probe, span_of(p + 1, i - 1), &status);
	all = probe_judge(&probe, span_of(p + 1, n - 1), &status);
	if ((first != PROBE_MORE && first != all) || (all == PROBE_ALIVE && status < 100))
		abort();
	return 0;
}
