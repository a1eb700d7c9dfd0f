#include "persist.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "caa.h"

static bool
is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

static bool
is_issuer(struct span domain, const struct strs *issuers)
{
	bool found = issuers->n == 0 && domain.n > 0;

	for (size_t i = 0; i < issuers->n; i++)
		found = found || is_word(domain, issuers->v[i]);
	return found;
}

static bool
ends_with_semicolon(struct span text)
{
	const uint8_t *last = text.n > 0 ? memrchr(text.p, ';', text.n) : NULL;
	struct span tail;

	if (last == NULL)
		return false;
	tail = span_of(last + 1, text.n - (size_t)(last + 1 - text.p));
	return caa_part(&tail, ';').n == 0;
}

/* Unknown parameters are passed over, as the draft has it; what CAs call malformed does not fit. */
bool
persist_fits(struct span text, const struct persist_in *in)
{
	struct span rest = text, domain = caa_part(&rest, ';'), value, tag;
	bool account = false, wildcard = !in->wildcard;
	unsigned accounts = 0;
	int64_t until;

	if (!is_issuer(domain, in->issuers) || ends_with_semicolon(text))
		return false;
	while (rest.n > 0) {
		value = caa_part(&rest, ';');
		tag = caa_part(&value, '=');
		value = caa_part(&value, ';');	/* without blanks */
		if (tag.n == 0)
			return false;
		if (is_word(tag, "accounturi")) {
			account = in->account == NULL || span_is(value, in->account);
			accounts++;
		} else if (is_word(tag, "policy"))
			wildcard = wildcard || is_word(value, "wildcard");
		else if (is_word(tag, "persistUntil") &&
		    (text_number(value, &until) == -1 || until <= in->now))
			return false;
	}
	return account && accounts == 1 && wildcard;
}

void
persist_record(const struct persist_in *in, const char *name, struct buf *b)
{
	buf_printf(b, PERSIST_PREFIX "%s. IN TXT \"%s; accounturi=%s%s\"", name,
	    in->issuers->n > 0 ? in->issuers->v[0] : "<name that the CA goes by>",
	    in->account != NULL ? in->account : "<URL of the account>",
	    in->wildcard ? "; policy=wildcard" : "");
}
