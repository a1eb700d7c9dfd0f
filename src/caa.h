/*
 * caa: may this CA issue for this name, as its owner has it in the DNS?
 * RFC 8659, and RFC 8657 for accounts and methods. Judges records that were
 * found; the way up the tree to them is dns_look's.
 */
#ifndef KAMCERT_CAA_H
#define KAMCERT_CAA_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"

struct caa_record {
	char	*owner;		/* name that was asked for: this one or one above it */
	int64_t	 flags;
	char	*tag;		/* lower case */
	char	*value;		/* octets that are not visible ASCII or blank are "?" */
};

extern const struct pack caa_record_pack;

struct caa_in {
	/* struct caa_record: the relevant set, RFC 8659 section 3 */
	const struct list	*records;
	bool			 wildcard;
	const struct strs	*issuers;	/* names that the CA goes by: caaIdentities */
	const char		*account;	/* URL; NULL: there is none yet */
	const char		*method;	/* "http-01" */
};

enum caa_verdict {
	CAA_ALLOWS,
	CAA_UNKNOWN,	/* the CA does not say by which names it goes */
	CAA_FORBIDS,
};

/* For all but CAA_ALLOWS, e has HOLD, the record, what it asks for, and what would do. */
enum caa_verdict	caa_judge(const struct caa_in *, struct err *e);

/*
 * What stands before the next octet `end`, or all that is left, without blanks
 * around it; it is eaten, with its end. For values of the form of an issue
 * value (RFC 8659 section 4.2).
 */
struct span	caa_part(struct span *rest, char end);

#endif
