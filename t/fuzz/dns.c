/*
 * dns: any octets as the reply of a name server. What is read must be a
 * terminated name within its bounds, and a walk must come to an end.
 */
#include <stdlib.h>
#include <string.h>

#include "dns_message.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct dns_message m;
	struct dns_record r;
	size_t records = 0;

	dns_message_open(&m, span_of(p, n));
	while (dns_message_next(&m, &r)) {
		if (strnlen(r.name, sizeof(r.name)) > DNS_NAME_MAX ||
		    strnlen(r.target, sizeof(r.target)) > DNS_NAME_MAX || ++records > 2 * 65535)
			abort();
		if (dns_text_is(r.data, "value") && r.data.n < 6)
			abort();
	}
	return 0;
}
