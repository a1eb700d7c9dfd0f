/*
 * dns: any octets as the reply of a name server. What is read must be a
 * terminated name within its bounds, and a walk must come to an end. Texts are
 * read as records of dns-persist-01 as well.
 */
#include <stdlib.h>
#include <string.h>

#include "dns_message.h"
#include "persist.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *issuer = (char *)(uintptr_t)"ca";
	const struct strs issuers = { &issuer, 1 };
	const struct persist_in in = { &issuers, "u", true, 1 };
	struct dns_message m;
	struct dns_record r;
	struct buf text;
	size_t records = 0;

	dns_message_open(&m, span_of(p, n));
	while (dns_message_next(&m, &r)) {
		if (strnlen(r.name, sizeof(r.name)) > DNS_NAME_MAX ||
		    strnlen(r.target, sizeof(r.target)) > DNS_NAME_MAX || ++records > 2 * 65535)
			abort();
		buf_init(&text, 4096);
		dns_text(r.data, &text);
		/* nothing shorter lets an account prove a wildcard */
		if (persist_fits(buf_span(&text), &in) &&
		    text.n < sizeof("ca;accounturi=u;policy=wildcard") - 1)
			abort();
		buf_clear(&text);
		if (dns_text_is(r.data, "value") && r.data.n < 6)
			abort();
	}
	return 0;
}
