#include "solve_gate.h"

#include <string.h>
#include <strings.h>

#include "solve_token.h"

struct fields {
	size_t	n;
	size_t	hosts;
	bool	body;	/* one that announces a body, or asks about sending one */
};

/* Only line ends as RFC 9112 section 2.2 wants them, and no control but HTAB. */
static bool
has_clean_octets(struct span s)
{
	size_t i;
	uint8_t c;

	for (i = 0; i < s.n; i++) {
		c = s.p[i];
		if (c == '\r' && (i + 1 == s.n || s.p[i + 1] == '\n'))
			continue;
		if (c == '\n' && i > 0 && s.p[i - 1] == '\r')
			continue;
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* tchar of RFC 9110 section 5.6.2 */
static bool
is_name(struct span s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	size_t i;
	uint8_t c;

	for (i = 0; i < s.n; i++) {
		c = s.p[i];
		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    !(c >= '0' && c <= '9') && memchr(others, c, sizeof(others) - 1) == NULL)
			return false;
	}
	return s.n > 0;
}

static bool
is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

/* Not those behind: libmicrohttpd takes "0 " for no number. */
static struct span
skip_blanks(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.n - 1);
	return s;
}

/* Takes text off the beginning, or fails. */
static void
expect(struct rd *r, const char *text)
{
	if (!span_is(rd_bytes(r, strlen(text)), text))
		rd_fail(r);
}

static bool
read_request_line(struct span line, struct span *token, bool *old)
{
	static const char end[] = " HTTP/1.x";
	struct rd r = rd_of(line);
	uint8_t minor;

	expect(&r, span_starts(line, "HEAD") ? "HEAD " : "GET ");
	expect(&r, SOLVE_PREFIX);
	if (r.n < sizeof(end) - 1)
		return false;
	*token = rd_bytes(&r, r.n - (sizeof(end) - 1));
	expect(&r, " HTTP/1.");
	minor = rd_u8(&r);
	*old = minor == '0';
	return rd_end(&r) && (minor == '0' || minor == '1') && solve_token_fits(*token);
}

static bool
read_field(struct span line, struct fields *f)
{
	const uint8_t *colon = memchr(line.p, ':', line.n);
	struct rd r = rd_of(line);
	struct span name, value;

	if (colon == NULL || ++f->n > GATE_FIELDS_MAX)
		return false;
	name = rd_bytes(&r, (size_t)(colon - line.p));
	(void)rd_u8(&r);
	value = skip_blanks(rd_rest(&r));
	if (is_word(name, "Host"))
		f->hosts++;
	if (is_word(name, "Transfer-Encoding") || is_word(name, "Expect") ||
	    (is_word(name, "Content-Length") && !span_is(value, "0")))
		f->body = true;
	return is_name(name);
}

static enum gate
read_head(struct rd r, struct span *token)
{
	struct fields f = { 0, 0, false };
	struct span line;
	bool old;

	if (!rd_line(&r, &line) || !read_request_line(line, token, &old))
		return GATE_REFUSE;
	while (rd_line(&r, &line) && line.n > 0)
		if (!read_field(line, &f))
			return GATE_REFUSE;
	if (!rd_end(&r) || f.body || f.hosts > 1 || (f.hosts == 0 && !old))
		return GATE_REFUSE;
	return GATE_PASS;
}

enum gate
solve_gate(struct span seen, struct span *token)
{
	struct span line;
	struct rd r = rd_of(seen);
	bool old;

	*token = SPAN_NONE;
	if (!has_clean_octets(seen))
		return GATE_REFUSE;
	if (seen.n > 0 && memmem(seen.p, seen.n, "\r\n\r\n", 4) != NULL)
		return seen.n <= GATE_HEAD_MAX ? read_head(r, token) : GATE_REFUSE;
	/* Not whole yet; but a first line that is whole can be judged. */
	if (seen.n >= GATE_HEAD_MAX ||
	    (seen.n > 0 && memmem(seen.p, seen.n, "\r\n", 2) != NULL &&
	    !(rd_line(&r, &line) && read_request_line(line, token, &old))))
		return GATE_REFUSE;
	*token = SPAN_NONE;
	return GATE_MORE;
}
