#include "caa.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CRITICAL	128
#define DOMAIN_MAX	253
#define SHOWN_MAX	200	/* octets of a value in a message */

#define F(type, field)	{ type, offsetof(struct caa_record, field), NULL }

const struct pack caa_record_pack = PACK(caa_record,
	F(PACK_STR, owner), F(PACK_I64, flags), F(PACK_STR, tag), F(PACK_STR, value));

/* Why a record does not let us, the nearer to a yes the larger. */
enum fault { FAULT_NOBODY, FAULT_ISSUER, FAULT_ACCOUNT, FAULT_METHOD, FAULT_NONE };

/* --- the value of issue and issuewild, RFC 8659 section 4.2 --- */

static struct span
trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

struct span
caa_part(struct span *rest, char end)
{
	const uint8_t *at = rest->n > 0 ? memchr(rest->p, end, rest->n) : NULL;
	struct span part = *rest;

	if (at == NULL) {
		*rest = SPAN_NONE;
	} else {
		part.n = (size_t)(at - rest->p);
		*rest = span_of(at + 1, rest->n - part.n - 1);
	}
	return trim(part);
}

static bool
is_same_name(struct span s, const char *name)
{
	return s.n == strlen(name) && strncasecmp((const char *)s.p, name, s.n) == 0;
}

static bool
is_issuer(struct span domain, const struct strs *issuers)
{
	for (size_t i = 0; i < issuers->n; i++)
		if (is_same_name(domain, issuers->v[i]))
			return true;
	return false;
}

/* RFC 8657 section 4. */
static bool
has_method(struct span list, const char *method)
{
	while (list.n > 0)
		if (span_is(caa_part(&list, ','), method))
			return true;
	return false;
}

/* Parameters that are not of RFC 8657 are the CA's own matter. */
static enum fault
judge_parameters(struct span rest, const struct caa_in *in)
{
	bool has_account = false;
	enum fault fault = FAULT_NONE;
	struct span value, tag;

	while (rest.n > 0) {
		value = caa_part(&rest, ';');
		tag = caa_part(&value, '=');
		value = trim(value);
		if (is_same_name(tag, "accounturi")) {
			/* Section 3: with two of them nothing is fit. */
			if (has_account || in->account == NULL || !span_is(value, in->account))
				fault = FAULT_ACCOUNT;
			has_account = true;
		} else if (is_same_name(tag, "validationmethods") && fault == FAULT_NONE &&
		    !has_method(value, in->method))
			fault = FAULT_METHOD;
	}
	return fault;
}

static enum fault
judge_record(const struct caa_record *r, const struct caa_in *in)
{
	struct span rest = span_str(r->value), domain = caa_part(&rest, ';');

	if (domain.n == 0 || domain.n > DOMAIN_MAX)
		return FAULT_NOBODY;
	return is_issuer(domain, in->issuers) ? judge_parameters(rest, in) : FAULT_ISSUER;
}

/* --- the set --- */

/* Section 4.1: what is critical and unknown forbids. */
static const struct caa_record *
find_unknown(const struct caa_in *in)
{
	static const char *const known[] = { "issue", "issuewild", "iodef", "issuemail", "issuevmc",
	    "contactemail", "contactphone" };
	const struct caa_record *r = in->records->v;
	size_t i, k;

	for (i = 0; i < in->records->n; i++) {
		for (k = 0; k < NITEMS(known) && strcmp(known[k], r[i].tag) != 0; k++)
			;
		if (k == NITEMS(known) && (r[i].flags & CRITICAL) != 0)
			return &r[i];
	}
	return NULL;
}

static bool
has_tag(const struct caa_in *in, const char *tag)
{
	const struct caa_record *r = in->records->v;

	for (size_t i = 0; i < in->records->n; i++)
		if (strcmp(r[i].tag, tag) == 0)
			return true;
	return false;
}

static enum caa_verdict
tell(const struct caa_in *in, const struct caa_record *r, enum fault fault, struct err *e)
{
	const char *issuer = in->issuers->n > 0 ? in->issuers->v[0] : NULL;
	char record[SHOWN_MAX + DOMAIN_MAX + 64];

	(void)snprintf(record, sizeof record, "the CAA record of %.253s, %.32s \"%.*s\"", r->owner,
	    r->tag, SHOWN_MAX, r->value);
	if (fault == FAULT_ACCOUNT && in->account == NULL) {
		(void)err_set(e, OUT_HOLD, "%s, asks for an account, and there is none yet",
		    record);
		(void)err_hint(e, "kamcert account register makes one; its URL belongs in the "
		    "record");
	} else if (fault == FAULT_ACCOUNT) {
		(void)err_set(e, OUT_HOLD, "%s, is for another account (RFC 8657 section 3): ours "
		    "is %s", record, in->account);
	} else if (fault == FAULT_METHOD) {
		(void)err_set(e, OUT_HOLD, "%s, does not allow %s (RFC 8657 section 4)", record,
		    in->method);
	} else if (issuer == NULL && fault == FAULT_ISSUER) {
		(void)err_set(e, OUT_HOLD, "%s: the CA does not say whether it goes by that name",
		    record);
		return CAA_UNKNOWN;
	} else {
		(void)err_set(e, OUT_HOLD, "%s, does not let this CA issue (RFC 8659 section 4.2): "
		    "it goes by %s", record, issuer != NULL ? issuer : "no name");
		if (issuer != NULL)
			(void)err_hint(e, "a record that does: %s CAA 0 %s \"%s\"", r->owner,
			    r->tag, issuer);
	}
	return CAA_FORBIDS;
}

enum caa_verdict
caa_judge(const struct caa_in *in, struct err *e)
{
	const char *tag = in->wildcard && has_tag(in, "issuewild") ? "issuewild" : "issue";
	const struct caa_record *r = in->records->v, *nearest = NULL, *unknown = find_unknown(in);
	enum fault best = FAULT_NOBODY, fault;

	if (unknown != NULL) {
		(void)err_set(e, OUT_HOLD, "the CAA record of %s has the critical property %.32s, "
		    "which CAs do not know: RFC 8659 section 4.1 forbids them to issue",
		    unknown->owner, unknown->tag);
		return CAA_FORBIDS;
	}
	for (size_t i = 0; i < in->records->n; i++) {
		if (strcmp(r[i].tag, tag) != 0)
			continue;
		if ((fault = judge_record(&r[i], in)) == FAULT_NONE)
			return CAA_ALLOWS;
		if (nearest == NULL || fault > best) {
			nearest = &r[i];
			best = fault;
		}
	}
	return nearest == NULL ? CAA_ALLOWS : tell(in, nearest, best, e);
}
