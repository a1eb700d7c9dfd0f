#include <string.h>

#include <openssl/evp.h>

#include "pem.h"

#define LABEL_MAX	64
#define DASHES		"-----"
#define LINE_IN		48	/* octets that make a line of 64 characters */

struct pem_rd
pem_rd_of(struct span in, enum outcome bad)
{
	return (struct pem_rd){ .rd = rd_of(in), .bad = bad };
}

/* A line without the blanks at its end, which RFC 7468 section 2 tells parsers to ignore. */
static bool
next_line(struct pem_rd *r, struct span *line)
{
	if (!rd_line(&r->rd, line))
		return false;
	r->line++;
	while (line->n > 0 && memchr(" \t\r", line->p[line->n - 1], 3) != NULL)
		line->n--;
	return true;
}

/* "-----BEGIN X-----" for a word of "BEGIN " gives X. */
static bool
is_boundary(struct span line, const char *word, struct span *label)
{
	size_t around = strlen(DASHES) * 2 + strlen(word);
	struct rd r = rd_of(line);

	if (line.n <= around || line.n > around + LABEL_MAX)
		return false;
	if (!span_is(rd_bytes(&r, strlen(DASHES)), DASHES) ||
	    !span_is(rd_bytes(&r, strlen(word)), word))
		return false;
	*label = rd_bytes(&r, line.n - around);
	return span_is(rd_rest(&r), DASHES);
}

static enum pem_got
read_body(struct pem_rd *r, struct pem_block *b, struct err *e)
{
	struct rd body = r->rd;
	struct span line, label;
	size_t left;

	do {
		left = r->rd.n;
		if (!next_line(r, &line)) {
			(void)err_set(e, r->bad, "line %zu: RFC 7468 section 2: block without its "
			    "END line: the text was cut", b->line);
			return PEM_BAD;
		}
	} while (!span_starts(line, DASHES));
	if (!is_boundary(line, "END ", &label) || !span_eq(label, b->label)) {
		(void)err_set(e, r->bad, "line %zu: RFC 7468 section 2: want the END of the %.*s "
		    "of line %zu", r->line, (int)b->label.n, (const char *)b->label.p, b->line);
		return PEM_BAD;
	}
	b->body = rd_bytes(&body, body.n - left);
	return PEM_BLOCK;
}

enum pem_got
pem_next(struct pem_rd *r, struct pem_block *b, struct err *e)
{
	struct span line;

	while (next_line(r, &line)) {
		if (is_boundary(line, "BEGIN ", &b->label)) {
			b->line = r->line;
			return read_body(r, b, e);
		}
		if (span_starts(line, DASHES)) {
			(void)err_set(e, r->bad, "line %zu: RFC 7468 section 2: broken boundary",
			    r->line);
			return PEM_BAD;
		}
		if (span_starts(line, "<")) {
			(void)err_set(e, r->bad, "line %zu: RFC 7468 section 2: want PEM, "
			    "have HTML: %.*s", r->line, (int)(line.n < 80 ? line.n : 80),
			    (const char *)line.p);
			return PEM_BAD;
		}
	}
	return PEM_END;
}

/* Base64 as base64url without padding, which base/bytes decodes strictly. */
static bool
to_base64url(struct span in, struct buf *out)
{
	size_t padding = 0;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];

		if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
			continue;
		if (c == '=')
			padding++;
		else if (padding > 0 || c == '-' || c == '_')
			return false;
		else
			buf_u8(out, c == '+' ? '-' : c == '/' ? '_' : c);
	}
	return padding <= 2 && (!buf_ok(out) || (out->n + padding) % 4 == 0);
}

int
pem_decode(const struct pem_rd *r, const struct pem_block *b, struct buf *der, struct err *e)
{
	struct buf text;
	int rc = -1;

	buf_init(&text, b->body.n);
	if (!to_base64url(b->body, &text)) {
		(void)err_set(e, r->bad, "line %zu: RFC 7468 section 3: not base64", b->line);
		goto out;
	}
	if (!buf_ok(&text)) {
		(void)err_nomem(e);
		goto out;
	}
	if (base64url_decode(buf_span(&text), der) == -1) {
		if (buf_ok(der))
			(void)err_set(e, r->bad, "line %zu: RFC 7468 section 3: not base64",
			    b->line);
		else
			(void)err_nomem(e);
		goto out;
	}
	rc = 0;
out:
	buf_clear(&text);
	return rc;
}

void
pem_put(struct buf *b, const char *label, struct span der)
{
	struct rd r = rd_of(der);
	uint8_t line[LINE_IN / 3 * 4 + 1];

	buf_printf(b, DASHES "BEGIN %s" DASHES "\n", label);
	while (r.n > 0) {
		struct span in = rd_bytes(&r, r.n < LINE_IN ? r.n : LINE_IN);
		int n = EVP_EncodeBlock(line, in.p, (int)in.n);

		buf_put(b, span_of(line, (size_t)n));
		buf_u8(b, '\n');
	}
	buf_printf(b, DASHES "END %s" DASHES "\n", label);
	wipe(line, sizeof line);
}
