/*
 * va_caa: may this CA issue for a name? RFC 8659: the records of the name, or
 * of the closest name above it that has any; RFC 8657: for this account, by
 * this challenge. Asked when a challenge was fulfilled, as a real CA does.
 *
 * A record is a text here, as zone files have it: FLAGS TAG VALUE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "responder/va.h"

/* --- judging --- */

struct record {
	bool		critical;
	struct span	tag;
	struct span	value;
};

static struct span
word(struct span *rest)
{
	struct span w;

	while (rest->n != 0 && rest->p[0] == ' ')
		*rest = span_of(rest->p + 1, rest->n - 1);
	for (w = span_of(rest->p, 0); w.n < rest->n && rest->p[w.n] != ' '; w.n++)
		;
	*rest = span_of(rest->p + w.n, rest->n - w.n);
	return w;
}

static struct span
unquoted(struct span s)
{
	while (s.n != 0 && s.p[0] == ' ')
		s = span_of(s.p + 1, s.n - 1);
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? span_of(s.p + 1, s.n - 2) : s;
}

static bool
read_record(const char *text, struct record *r)
{
	struct span rest = span_str(text);
	int64_t flags;

	if (text_number(word(&rest), &flags) == -1)
		return false;
	r->critical = (flags & 128) != 0;
	r->tag = word(&rest);
	r->value = unquoted(rest);
	return r->tag.n != 0;
}

static bool
tag_is(const struct record *r, const char *name)
{
	return r->tag.n == strlen(name) && strncasecmp((const char *)r->tag.p, name, r->tag.n) == 0;
}

/* RFC 8657 section 4: is this type of challenge in the list, with commas between? */
static bool
lists(struct span list, const char *type)
{
	struct span item = list;

	while (list.n != 0) {
		for (item.n = 0; item.n < list.n && list.p[item.n] != ','; item.n++)
			;
		if (span_is(item, type))
			return true;
		list = span_of(list.p + item.n + (item.n < list.n),
		    list.n - item.n - (item.n < list.n));
		item.p = list.p;
	}
	return false;
}

/* An issue or issuewild value: ISSUER *( ";" NAME "=" VALUE ). */
static bool
lets(const struct va_ask *ask, struct span value)
{
	struct span part;

	if (!span_is(va_next_part(&value), VA_ISSUER))
		return false;
	while (value.n != 0) {
		part = va_next_part(&value);
		if (span_starts(part, "accounturi=") &&
		    !span_is(span_of(part.p + 11, part.n - 11), ask->account))
			return false;
		if (span_starts(part, "validationmethods=") &&
		    !lists(span_of(part.p + 18, part.n - 18), challenge_word(ask->type)))
			return false;
	}
	return true;
}

int
va_judge_caa(const struct va_ask *ask, const struct va_answer *a, struct problem *p)
{
	bool issue = false, wild = false, lets_issue = false, lets_wild = false;
	struct record r;

	for (size_t i = 0; i < a->ntext; i++) {
		if (!read_record(a->text[i], &r))
			continue;
		if (tag_is(&r, "issue")) {
			issue = true;
			lets_issue = lets_issue || lets(ask, r.value);
		} else if (tag_is(&r, "issuewild")) {
			wild = true;
			lets_wild = lets_wild || lets(ask, r.value);
		} else if (r.critical && !tag_is(&r, "iodef")) {
			return problem_set(p, 403, "caa",
			    "RFC 8659 section 4.1: %s: a critical record "
			    "of an unknown kind", ask->ident->value);
		}
	}
	if (ask->ident->wildcard && wild)
		issue = true, lets_issue = lets_wild;
	return !issue || lets_issue ? 0 : problem_set(p, 403, "caa",
	    "RFC 8659 section 4: %s: no CAA record lets " VA_ISSUER
	    " issue, by %s and for this account",
	    ask->ident->value, challenge_word(ask->type));
}

/* --- asking --- */

static void	look(struct va_climb *);

static void
on_records(void *arg, const struct va_answer *a, const char *error)
{
	struct va_climb *c = arg;
	const char *dot = strchr(c->at, '.');
	struct problem p;

	if (a->ntext != 0) {
		c->done(c->arg, va_judge_caa(c->ask, a, &p) == -1 ? &p : NULL);
	} else if (a->failed) {
		problem_set(&p, 403, "caa", "RFC 8659 section 3: %s: CAA of %s: %s",
		    c->ask->ident->value, c->at, error);
		c->done(c->arg, &p);
	} else if (dot == NULL) {
		c->done(c->arg, NULL);
	} else {
		c->at = dot + 1;
		look(c);
	}
}

static void
look(struct va_climb *c)
{
	struct problem p;

	if (va_dns_caa(c->dns, c->at, on_records, c) == 0)
		return;
	problem_set(&p, 500, "serverInternal", "out of memory");
	c->done(c->arg, &p);
}

void
va_caa(struct va_climb *c, const struct va_climb *how)
{
	*c = *how;
	c->at = c->ask->ident->value;
	if (c->ask->ident->type == IDENT_IP || !va_dns_has_caa(c->dns))
		c->done(c->arg, NULL);
	else
		look(c);
}
