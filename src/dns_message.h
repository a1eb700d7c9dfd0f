/*
 * dns_message: the records of a DNS message (RFC 1035 section 4.1), whoever
 * sent it. Names are written out in lower case.
 */
#ifndef KAMCERT_DNS_MESSAGE_H
#define KAMCERT_DNS_MESSAGE_H

#include "base/bytes.h"
#include "dns.h"

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_CAA = 257,
};

struct dns_record {
	char		name[DNS_NAME_MAX + 1];
	bool		is_answer;	/* else of the authority section */
	unsigned	type;
	struct span	data;
	char		target[DNS_NAME_MAX + 1];	/* NS, CNAME */
};

/* A walk over answer and authority section. */
struct dns_message {
	struct span	all;
	struct rd	r;
	unsigned	answers, authorities;	/* that are left */
};

/* What cannot be read ends the walk. */
void	dns_message_open(struct dns_message *, struct span);
bool	dns_message_next(struct dns_message *, struct dns_record *);

/* The strings of a TXT record, put together; sticky in out. */
void	dns_text(struct span data, struct buf *out);

/* Are these the strings of a TXT record, put together: value? */
bool	dns_text_is(struct span data, const char *value);

#endif
