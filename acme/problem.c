/*
 * problem: replies that are no success, and problem documents (RFC 7807 as
 * used by RFC 8555 section 6.7) into outcome class, one line and advice.
 *
 * What the CA wrote is only ever shown, after cleaning; what is done depends
 * on the type and the status alone. The one exception is a paused account,
 * for which there is no type (FAULTS A44).
 */
#include <string.h>

#include "private.h"

#define URN		"urn:ietf:params:acme:error:"
#define SUBPROBLEMS_MAX	32

struct known {
	const char		*type;
	enum outcome		 class;
	enum acme_problem	 problem;
	enum acme_trouble	 trouble;
	const char		*hint;
};

static const struct known known[] = {
	{ "accountDoesNotExist", OUT_HOLD, PROBLEM_ACCOUNT, ACME_TROUBLE_ACCOUNT,
	  "the CA does not know this account: put its key back from a backup, or register anew "
	  "with `kamcert account register`" },
	{ "alreadyReplaced", OUT_HOLD, PROBLEM_ALREADY_REPLACED, ACME_TROUBLE_NONE,
	  "the certificate was renewed by another order before" },
	{ "alreadyRevoked", OUT_HOLD, PROBLEM_ALREADY_REVOKED, ACME_TROUBLE_NONE,
	  "nothing is left to be done: the certificate was revoked before" },
	{ "badCSR", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA does not accept this kind of request: look at names, `key` and its policy" },
	{ "badNonce", OUT_RETRY, PROBLEM_BAD_NONCE, ACME_TROUBLE_NONE,
	  "the CA kept on refusing its own nonces: a passing fault, or a caching proxy before it" },
	{ "badPublicKey", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA does not accept this key: choose another type or size with `key`" },
	{ "badRevocationReason", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "choose another --reason, or none" },
	{ "badSignatureAlgorithm", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA does not accept the type of the account's key" },
	{ "caa", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "a CAA record in DNS forbids this CA to issue for the name: add it there, with "
	  "accounturi and validationmethods that fit" },
	{ "compound", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the reasons are listed for each name" },
	{ "conflict", OUT_HOLD, PROBLEM_ALREADY_REPLACED, ACME_TROUBLE_NONE,
	  "the certificate was renewed by another order before" },
	{ "connection", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA could not connect: the port must be open to the whole internet on every A and "
	  "AAAA address of the name" },
	{ "dns", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA could not look the name up: check A, AAAA, CAA and DNSSEC of its zone" },
	{ "externalAccountRequired", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA wants an external account binding: set eab-kid and eab-key-file as its "
	  "customer portal gives them" },
	{ "incorrectResponse", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "something else answered the CA: does the name lead to this host, on IPv4 and IPv6?" },
	{ "invalidContact", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "correct `contact`: want \"mailto:\" and one address" },
	{ "invalidProfile", OUT_HOLD, PROBLEM_BAD_PROFILE, ACME_TROUBLE_NONE,
	  "`kamcert check` lists the profiles that the CA has" },
	{ "malformed", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA did not understand the request: please report this with the line above" },
	{ "orderNotReady", OUT_RETRY, PROBLEM_ORDER_NOT_READY, ACME_TROUBLE_NONE,
	  "the CA has not finished its checks; the order is continued next time" },
	{ "rateLimited", OUT_RETRY, PROBLEM_RATE, ACME_TROUBLE_RATE,
	  "a limit of the CA was met; nothing is asked of it before the time it named" },
	{ "rejectedIdentifier", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA does not issue for this name" },
	{ "serverInternal", OUT_RETRY, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "a fault inside the CA; see its status page if it lasts" },
	{ "tls", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA connected, but TLS failed: does port 443 lead to kamcert's listener?" },
	{ "unauthorized", OUT_HOLD, PROBLEM_UNAUTHORIZED, ACME_TROUBLE_NONE,
	  "the CA says that this account may not do this, or that the answer it found for the "
	  "name was wrong" },
	{ "unsupportedContact", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA takes no contact of this kind: correct `contact`" },
	{ "unsupportedIdentifier", OUT_HOLD, PROBLEM_OTHER, ACME_TROUBLE_NONE,
	  "the CA does not issue for this kind of name; some issue for addresses under a "
	  "`profile` only" },
	{ "userActionRequired", OUT_HOLD, PROBLEM_TERMS, ACME_TROUBLE_TERMS,
	  "open the link; if the terms have changed and you agree, run `kamcert account update`" },
};

static const struct known *
find_known(const char *type)
{
	if (type != NULL && strncmp(type, URN, strlen(URN)) == 0)
		for (size_t i = 0; i < NITEMS(known); i++)
			if (strcmp(type + strlen(URN), known[i].type) == 0)
				return &known[i];
	return NULL;
}

/* --- reading: nothing in a problem document may make things worse --- */

static const char *
text_of(const struct json *o, const char *key)
{
	const char *s = NULL;
	struct err ignored;

	return json_get_str(o, "problem", key, JSON_OPTIONAL, &s, &ignored) == 0 ? s : NULL;
}

static const char *
type_of(const struct json *problem)
{
	const char *type = text_of(problem, "type");

	if (type != NULL && strncmp(type, URN, strlen(URN)) == 0)
		return type + strlen(URN);
	return type;
}

/* "type: detail", with "name: " before it in a subproblem. */
static void
write_one(const struct json *p, struct buf *out)
{
	const struct json *id = NULL;
	const char *name, *type = type_of(p), *detail = text_of(p, "detail");
	struct err ignored;

	if (json_get_object(p, "problem", "identifier", JSON_OPTIONAL, &id, &ignored) == 0 &&
	    id != NULL && (name = text_of(id, "value")) != NULL)
		buf_printf(out, "%.256s: ", name);
	buf_printf(out, "%.64s", type != NULL ? type : "problem without a type");
	if (detail == NULL)
		detail = text_of(p, "title");
	if (detail != NULL)
		buf_printf(out, ": %.1000s", detail);
}

void
acme_problem_text(const struct json *problem, struct buf *out)
{
	const struct json *subs = NULL;
	struct err ignored;

	write_one(problem, out);
	if (json_get_array(problem, "problem", "subproblems", JSON_OPTIONAL, &subs, &ignored) == -1)
		return;
	for (size_t i = 0; i < json_count(subs) && i < SUBPROBLEMS_MAX; i++) {
		buf_str(out, i == 0 ? " (" : "; ");
		write_one(json_at(subs, i), out);
	}
	if (json_count(subs) > 0)
		buf_str(out, ")");
}

bool
acme_problem_is(const struct json *problem, const char *type)
{
	const char *is = type_of(problem);

	return is != NULL && strcmp(is, type) == 0;
}

const char *
acme_problem_hint(const struct json *problem)
{
	const struct known *k = problem != NULL ? find_known(text_of(problem, "type")) : NULL;

	return k != NULL ? k->hint : NULL;
}

/* --- judging --- */

/* Without a problem document that says more. FAULTS A09. */
static enum outcome
class_of_status(int status)
{
	switch (status) {
	case 408:	/* Request Timeout */
	case 425:	/* Too Early */
	case 429:	/* Too Many Requests */
		return OUT_RETRY;
	default:
		return status >= 500 ? OUT_RETRY : OUT_HOLD;
	}
}

/* Let's Encrypt pauses names by a rate limit whose text has a link to take it off again. */
static bool
is_pause(const char *detail)
{
	return detail != NULL && strstr(detail, "https://") != NULL &&
	    (strstr(detail, "unpause") != NULL || strstr(detail, "paused") != NULL ||
	    strstr(detail, "temporarily prevented") != NULL);
}

static void
judge_problem(const struct json *p, const char *where, struct acme_refusal *out, struct err *e)
{
	const struct known *k = find_known(text_of(p, "type"));
	const char *instance = text_of(p, "instance");
	struct buf text;

	buf_init(&text, PROBLEM_TEXT_MAX);
	acme_problem_text(p, &text);
	err_set(e, k != NULL ? k->class : class_of_status(out->status), "%s: HTTP %d: %s", where,
	    out->status, buf_cstr(&text));
	buf_clear(&text);
	out->problem = k != NULL ? k->problem : PROBLEM_OTHER;
	out->trouble = k != NULL ? k->trouble : ACME_TROUBLE_NONE;
	/* What the server calls a fault of its own is one, whatever else it says. */
	if (out->status >= 500)
		e->class = OUT_RETRY;
	if (k != NULL)
		err_hint(e, "%s", k->hint);
	if (out->problem == PROBLEM_TERMS && instance != NULL)
		err_hint(e, "open %.120s; if you agree to what it says, run `kamcert account "
		    "update` with agree-tos set", instance);
	if ((k == NULL || strcmp(k->type, "rateLimited") == 0 ||
	    strcmp(k->type, "rejectedIdentifier") == 0) && is_pause(text_of(p, "detail"))) {
		e->class = OUT_HOLD;
		out->problem = PROBLEM_PAUSED;
		out->trouble = ACME_TROUBLE_PAUSED;
		err_hint(e, "the CA has paused these names: repair what made them fail, then "
		    "open the link; kamcert orders nothing for them until asked with "
		    "`kamcert renew --force`");
	}
}

static void
judge_bare(const struct acme_reply *r, const char *where, struct acme_refusal *out,
    struct err *e)
{
	out->problem = PROBLEM_NONE;
	err_set(e, class_of_status(out->status), "%s: HTTP %d without a problem document "
	    "(Content-Type %.80s)", where, out->status,
	    r->headers.type != NULL ? r->headers.type : "missing");
	if (out->status == 429)
		out->trouble = ACME_TROUBLE_RATE;
	if (out->status == 404)
		err_hint(e, "is `directory` right?");
}

static void
judge_redirect(const struct acme_reply *r, const char *where, struct acme_refusal *out,
    struct err *e)
{
	out->problem = PROBLEM_NONE;
	err_set(e, OUT_HOLD, "%s: HTTP %d: redirects are not followed (Location %.200s)", where,
	    out->status, r->headers.location != NULL ? r->headers.location : "missing");
	err_hint(e, "write the CA's own address into `directory`; if this host is behind a "
	    "portal, log in there first");
}

/* FAULTS A05 to A08: as the CA asked, but one minute to one day. */
static void
set_retry_at(const struct acme_reply *r, int64_t now, struct err *e)
{
	int64_t seconds;

	if (e->class != OUT_RETRY || !acme_retry_after(&r->headers, now, &seconds))
		return;
	seconds = seconds < MINUTE ? MINUTE : seconds > DAY ? DAY : seconds;
	e->retry_at = now + seconds;
}

void
acme_refusal_read(const struct acme_reply *r, const char *where, int64_t now,
    struct acme_refusal *out, struct err *e)
{
	struct json_doc *doc = NULL;
	struct err unreadable;

	*out = (struct acme_refusal){ .status = r->status };
	/* FAULTS A09: what does not say that it is a problem document is not read as one. */
	if (acme_type_is(&r->headers, "application/problem+json") && r->status >= 400)
		doc = json_parse(buf_span(&r->body), &unreadable);
	if (doc != NULL && json_is_object(json_root(doc), "problem", &unreadable) == 0)
		judge_problem(json_root(doc), where, out, e);
	else if (r->status >= 300 && r->status < 400)
		judge_redirect(r, where, out, e);
	else
		judge_bare(r, where, out, e);
	json_free(doc);
	set_retry_at(r, now, e);
	/* A limit that ACME knows is about names or accounts; a bare one about the client. */
	out->whole_ca = r->status == 503 || (r->status == 429 && out->problem == PROBLEM_NONE);
}
