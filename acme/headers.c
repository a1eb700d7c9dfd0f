/*
 * headers: the few header fields that ACME needs, out of lines from outside.
 *
 * A value that is not visible ASCII counts as absent. Of a field that should
 * be there once, the first is taken.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "private.h"

#define VALUE_MAX	8192	/* octets of one value; a longer one counts as absent */
#define BLANKS		" \t"

/* --- lines into fields --- */

void
acme_reply_init(struct acme_reply *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->body, ACME_BODY_MAX);
}

static void
headers_clear(struct acme_headers *h)
{
	free(h->nonce);
	free(h->location);
	free(h->retry_after);
	free(h->date);
	free(h->type);
	free(h->cache);
	for (size_t i = 0; i < h->nlinks; i++)
		free(h->links[i]);
	memset(h, 0, sizeof(*h));
}

void
acme_reply_clear(struct acme_reply *r)
{
	headers_clear(&r->headers);
	buf_clear(&r->body);
	r->status = 0;
}

static struct span
trim(struct span s)
{
	while (s.n > 0 && strchr(BLANKS "\r\n", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0')
		s.n--;
	while (s.n > 0 && strchr(BLANKS, s.p[0]) != NULL && s.p[0] != '\0')
		s = span_of(s.p + 1, s.n - 1);
	return s;
}

static bool
is_visible(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return s.n > 0 && s.n <= VALUE_MAX;
}

static bool
name_is(struct span name, const char *want)
{
	return name.n == strlen(want) && strncasecmp((const char *)name.p, want, name.n) == 0;
}

/* Where a field's value goes; NULL if nobody wants it. */
static char **
place_of(struct acme_headers *h, struct span name)
{
	const struct {
		const char	 *name;
		char		**place;
	} fields[] = {
		{ "Replay-Nonce", &h->nonce },
		{ "Location", &h->location },
		{ "Retry-After", &h->retry_after },
		{ "Date", &h->date },
		{ "Content-Type", &h->type },
		{ "Cache-Control", &h->cache },
	};

	for (size_t i = 0; i < NITEMS(fields); i++)
		if (name_is(name, fields[i].name))
			return fields[i].place;
	if (name_is(name, "Link") && h->nlinks < ACME_LINKS_MAX)
		return &h->links[h->nlinks];
	return NULL;
}

int
acme_headers_line(struct acme_headers *h, struct span line, struct err *e)
{
	const uint8_t *colon;
	struct span name, value;
	char **place;

	if (span_starts(line, "HTTP/")) {
		headers_clear(h);
		return 0;
	}
	if (line.n == 0 || (colon = memchr(line.p, ':', line.n)) == NULL)
		return 0;
	name = span_of(line.p, (size_t)(colon - line.p));
	value = trim(span_of(colon + 1, line.n - name.n - 1));
	place = place_of(h, name);
	if (place == NULL || *place != NULL || !is_visible(value))
		return 0;
	if ((*place = span_dup(value)) == NULL)
		return err_nomem(e);
	if (h->nlinks < ACME_LINKS_MAX && place == &h->links[h->nlinks])
		h->nlinks++;
	return 0;
}

/* --- values --- */

bool
acme_is_base64url(const char *s, size_t min, size_t max)
{
	size_t n = s != NULL ? strnlen(s, max + 1) : 0;

	return n >= min && n <= max && n > 0 &&
	    s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] ==
	    '\0';
}

bool
acme_type_is(const struct acme_headers *h, const char *type)
{
	size_t n = h->type != NULL ? strcspn(h->type, ";" BLANKS) : 0;

	return n > 0 && n == strlen(type) && strncasecmp(h->type, type, n) == 0;
}

bool
acme_date(const struct acme_headers *h, int64_t now, int64_t *out)
{
	return h->date != NULL && text_http_date(span_str(h->date), now, out) == 0;
}

bool
acme_retry_after(const struct acme_headers *h, int64_t now, int64_t *seconds)
{
	int64_t at, from;

	if (h->retry_after == NULL)
		return false;
	if (text_number(span_str(h->retry_after), seconds) == 0)
		return true;
	if (text_http_date(span_str(h->retry_after), now, &at) == -1)
		return false;
	if (!acme_date(h, now, &from))
		from = now;
	*seconds = at - from;
	return true;
}

/* --- Link, RFC 8288 section 3 --- */

/*
 *     Link       = #link-value
 *     link-value = "<" URI-Reference ">" *( OWS ";" OWS link-param )
 *     link-param = token BWS [ "=" BWS ( token / quoted-string ) ]
 */
struct link {
	struct span	target;
	struct span	rel;	/* relations, separated by blanks */
};

static const char *
skip_quoted(const char *p)
{
	while (*p != '\0' && *p != '"')
		p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	return p;
}

/* One parameter behind its ";". Returns what follows, or NULL. */
static const char *
read_param(const char *p, struct link *l)
{
	struct span name, value = SPAN_NONE;
	const char *end;

	p += strspn(p, BLANKS);
	name = span_of(p, strcspn(p, "=;,\"" BLANKS));
	p += name.n;
	p += strspn(p, BLANKS);
	if (*p == '=') {
		p++;
		p += strspn(p, BLANKS);
		if (*p == '"') {
			end = skip_quoted(++p);
			if (*end != '"')
				return NULL;
			value = span_of(p, (size_t)(end - p));
			p = end + 1;
		} else {
			value = span_of(p, strcspn(p, ";,\"" BLANKS));
			p += value.n;
		}
	}
	/* Of several relation parameters only the first counts: section 3.3. */
	if (name_is(name, "rel") && l->rel.p == NULL)
		l->rel = value;
	return p;
}

/* One link-value. Returns what follows it, or NULL at the end and at the first fault. */
static const char *
read_link(const char *p, struct link *l)
{
	memset(l, 0, sizeof(*l));
	p += strspn(p, "," BLANKS);
	if (*p++ != '<')
		return NULL;
	l->target = span_of(p, strcspn(p, ">"));
	p += l->target.n;
	if (*p++ != '>')
		return NULL;
	p += strspn(p, BLANKS);
	while (p != NULL && *p == ';') {
		if ((p = read_param(p + 1, l)) != NULL)
			p += strspn(p, BLANKS);
	}
	return p != NULL && (*p == ',' || *p == '\0') ? p : NULL;
}

static bool
has_relation(struct span rel, const char *want)
{
	struct span one;
	size_t n;

	while (rel.n > 0) {
		for (n = 0; n < rel.n && rel.p[n] != ' ' && rel.p[n] != '\t'; n++)
			;
		one = span_of(rel.p, n);
		if (name_is(one, want))
			return true;
		n += n < rel.n;
		rel = span_of(rel.p + n, rel.n - n);
	}
	return false;
}

/*
 * A reference with a scheme stands as it is; one that begins with a single
 * slash gets the scheme and host of base. Others are not resolved, but left
 * to acme_url_check() to refuse.
 */
void
acme_resolve(struct span target, const char *base, struct buf *out)
{
	const char *rest = strstr(base, "://");

	if (rest != NULL && span_starts(target, "/") && !span_starts(target, "//")) {
		rest += 3;
		rest += strcspn(rest, "/?");
		buf_put(out, span_of(base, (size_t)(rest - base)));
	}
	buf_put(out, target);
}

bool
acme_link(const struct acme_headers *h, struct acme_link_query q, struct buf *out)
{
	struct link l;
	const char *p;

	for (size_t at = 0; at < h->nlinks; at++) {
		p = h->links[at];
		while (p != NULL && (p = read_link(p, &l)) != NULL) {
			if (!has_relation(l.rel, q.rel) || q.nth-- > 0)
				continue;
			buf_reset(out);
			acme_resolve(l.target, q.base, out);
			return true;
		}
	}
	return false;
}
