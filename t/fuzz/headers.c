/*
 * headers: any octets as the header of a reply, and every field read (FAULTS I07).
 */
#include <stdlib.h>
#include <string.h>

#include "acme/private.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const char *value)
{
	for (; value != NULL && *value != '\0'; value++)
		if (*value < ' ' || *value > '~')
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const rels[] = { "alternate", "next", "up" };
	struct rd r = rd_of(span_of(data, n));
	struct acme_reply reply;
	struct span line;
	struct err e;
	struct acme_link_query q;
	struct buf url;
	int64_t t;

	acme_reply_init(&reply);
	while (rd_line(&r, &line))
		if (acme_headers_line(&reply.headers, line, &e) == -1)
			break;
	check(reply.headers.nonce);
	check(reply.headers.location);
	check(reply.headers.type);
	for (size_t i = 0; i < reply.headers.nlinks; i++)
		check(reply.headers.links[i]);
	if (acme_is_base64url(reply.headers.nonce, 1, 8) && strlen(reply.headers.nonce) > 8)
		abort();
	(void)acme_type_is(&reply.headers, "application/json");
	if (acme_date(&reply.headers, 1790000000, &t) && (t < -62167219200 || t > 253402300800))
		abort();
	(void)acme_retry_after(&reply.headers, 1790000000, &t);
	buf_init(&url, URL_TEXT_MAX);
	for (size_t i = 0; i < NITEMS(rels); i++) {
		q = (struct acme_link_query){ rels[i], 0, "https://ca.example/x" };
		for (; acme_link(&reply.headers, q, &url); q.nth++)
			check(buf_cstr(&url));
	}
	buf_clear(&url);
	acme_reply_clear(&reply);
	return 0;
}
