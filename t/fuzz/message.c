/*
 * Role messages: whatever another role sends, a frame is read whole or
 * refused, and what was read is written again as the same octets.
 */
#include <stdlib.h>

#include "channel.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct message m;
	struct err e = ERR_NONE;
	struct buf again;
	size_t eaten = 0;

	if (frame_read(in, &m, &eaten, &e) != 1)
		return 0;
	if (eaten > size)
		abort();
	buf_init(&again, eaten);
	frame_write(&again, m.type, m.id, m.body);
	if (!buf_ok(&again) || !span_eq(buf_span(&again), span_of(data, eaten)))
		abort();
	buf_clear(&again);
	message_clear(&m);
	return 0;
}
