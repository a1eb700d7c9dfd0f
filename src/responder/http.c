/*
 * http: a small strict reader of HTTP/1.1 messages, RFC 9112, and the writer
 * of replies. It does no I/O: it looks at what has arrived so far.
 *
 *   request  = [ CRLF ] method SP target SP version CRLF *( field CRLF ) CRLF [ body ]
 *   version  = "HTTP/1.1" / "HTTP/1.0"
 *
 * A bare LF in the head, folded lines, a repeated field that counts and transfer codings
 * other than chunked are refused in requests: ACME clients send none of them.
 * HTTP/1.0 must name its host, too, and gets no second request.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "responder/http.h"

#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"

#define CHUNK_DIGITS	6	/* of a chunk's size: no more than anybody has room for */

/* One line that ends with CRLF. */
static bool
take_line(struct rd *r, struct span *line)
{
	size_t before = r->n;

	return rd_line(r, line) && before - r->n == line->n + 2;
}

/* Up to the first c, which is dropped; all of it if there is none. */
static struct span
take_until(struct span *rest, char c)
{
	const uint8_t *at = rest->n != 0 ? memchr(rest->p, c, rest->n) : NULL;
	struct span part = *rest;

	if (at == NULL) {
		*rest = SPAN_NONE;
		return part;
	}
	part.n = (size_t)(at - rest->p);
	*rest = span_of(at + 1, rest->n - part.n - 1);
	return part;
}

static struct span
trim(struct span s)
{
	while (s.n != 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n != 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* RFC 9110 section 5.6.2. */
static bool
is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f ||
		    strchr("\"(),/:;<=>?@[\\]{}", s.p[i]) != NULL)
			return false;
	return s.n != 0;
}

static bool
is_visible(struct span s, bool spaces)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < ' ' && !(spaces && s.p[i] == '\t')) || s.p[i] >= 0x7f ||
		    (s.p[i] == ' ' && !spaces))
			return false;
	return true;
}

static bool
name_is(struct span s, const char *name)
{
	return s.n == strlen(name) && strncasecmp((const char *)s.p, name, s.n) == 0;
}

/* A member of a list that is separated by commas, RFC 9110 section 5.6.1. */
static bool
has_member(struct span list, const char *name)
{
	while (list.n != 0)
		if (name_is(trim(take_until(&list, ',')), name))
			return true;
	return false;
}

/* uri-host [ ":" port ], RFC 9110 section 7.2: enough of it to be put into URLs. */
static bool
is_authority(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr(HOST_CHARS, s.p[i], sizeof(HOST_CHARS) - 1) == NULL)
			return false;
	return s.n != 0;
}

static bool
copy(struct span s, char *out, size_t size)
{
	if (s.n >= size || !is_visible(s, true))
		return false;
	if (s.n != 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

/* Where the head ends, with the empty line; 0 if it has not all arrived. */
static size_t
head_size(struct span in)
{
	const uint8_t *at = in.n < 4 ? NULL : memmem(in.p, in.n, "\r\n\r\n", 4);

	return at == NULL ? 0 : (size_t)(at - in.p) + 4;
}

/* A line that no CRLF can end any more: whoever sends it waits for an answer. */
static bool
has_bare_lf(struct span in)
{
	const uint8_t *at = in.p, *end = in.p + in.n;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (at == in.p || at[-1] != '\r')
			return true;
		at++;
	}
	return false;
}

static bool
split_field(struct span line, struct span *name, struct span *value)
{
	if (memchr(line.p, ':', line.n) == NULL)
		return false;
	*name = take_until(&line, ':');
	*value = trim(line);
	return is_token(*name) && is_visible(*value, true);
}

static bool
read_length(struct span value, size_t *out)
{
	int64_t n;

	if (value.n > 12 || text_number(value, &n) == -1)
		return false;
	*out = (size_t)n;
	return true;
}

/* --- chunks, RFC 9112 section 7.1 --- */

/* False if its end has not arrived. */
static bool
take_whole_line(struct rd *r, struct span *line)
{
	return r->n != 0 && memchr(r->p, '\n', r->n) != NULL && rd_line(r, line);
}

static bool
read_chunk_size(struct span line, size_t *out)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	struct span digits = trim(take_until(&line, ';'));
	const char *at;

	*out = 0;
	if (digits.n == 0 || digits.n > CHUNK_DIGITS)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		if ((at = memchr(hex, digits.p[i], sizeof(hex) - 1)) == NULL)
			return false;
		*out = *out * 16 + (size_t)(at - hex < 16 ? at - hex : at - hex - 6);
	}
	return true;
}

/* Up to the last chunk, without what trails it. Extensions are skipped. */
static enum http_result
read_chunks(struct rd *r, struct buf *out)
{
	struct span line;
	size_t n;

	buf_reset(out);
	for (;;) {
		if (!take_whole_line(r, &line))
			return HTTP_MORE;
		if (!read_chunk_size(line, &n))
			return HTTP_BAD;
		if (n == 0)
			return HTTP_WHOLE;
		if (n > out->max - out->n) {
			buf_fail(out);
			return HTTP_BAD;
		}
		if (r->n < n + 2)
			return HTTP_MORE;
		buf_put(out, rd_bytes(r, n));
		if (rd_u16(r) != 0x0d0a || !buf_ok(out))
			return HTTP_BAD;
	}
}

/* --- requests --- */

struct request_head {
	struct span	authority;	/* of an absolute target */
	size_t		length;
	bool		has_length;
	bool		chunked;
	bool		old;		/* HTTP/1.0 */
};

/* RFC 9112 section 3.2.2: a whole URL, whose authority goes before Host. */
static bool
take_authority(struct span *target, struct request_head *h)
{
	if (!span_starts(*target, "https://"))
		return false;
	*target = span_of(target->p + 8, target->n - 8);
	h->authority = *target;
	h->authority = take_until(&h->authority, '/');
	*target = span_of(target->p + h->authority.n, target->n - h->authority.n);
	if (target->n == 0)
		*target = span_str("/");
	return is_authority(h->authority);
}

static int
read_target(struct span line, struct http_request *req, struct request_head *h)
{
	struct span method, target, query;

	method = take_until(&line, ' ');
	target = take_until(&line, ' ');
	if (!is_token(method))
		return 400;
	if (!copy(method, req->method, sizeof(req->method)))
		return 501;
	h->old = span_is(line, "HTTP/1.0");
	if (!h->old && !span_is(line, "HTTP/1.1"))
		return span_starts(line, "HTTP/") ? 505 : 400;
	req->close = h->old;
	if (!is_visible(target, false) ||
	    (!span_starts(target, "/") && !take_authority(&target, h)))
		return 400;
	query = target;
	target = take_until(&query, '?');
	if (!copy(target, req->path, sizeof(req->path)) ||
	    !copy(query, req->query, sizeof(req->query)))
		return 414;
	return 0;
}

static bool
read_type(struct span value, char *out, size_t size)
{
	struct span type = trim(take_until(&value, ';'));

	if (!copy(type, out, size))
		return false;
	for (; *out != '\0'; out++)
		*out = (char)(*out >= 'A' && *out <= 'Z' ? *out + 32 : *out);
	return true;
}

static int
read_field(struct span line, struct http_request *req, struct request_head *h)
{
	struct span name, value;

	if (!split_field(line, &name, &value))
		return 400;
	if (name_is(name, "Transfer-Encoding")) {
		if (h->old || h->chunked || !name_is(value, "chunked"))
			return 501;
		h->chunked = true;
	} else if (name_is(name, "Host")) {
		if (req->host[0] != '\0' || !is_authority(value) ||
		    !copy(value, req->host, sizeof(req->host)))
			return 400;
	} else if (name_is(name, "Content-Length")) {
		if (h->has_length || !read_length(value, &h->length))
			return 400;
		h->has_length = true;
	} else if (name_is(name, "Content-Type")) {
		if (req->type[0] != '\0' || !read_type(value, req->type, sizeof(req->type)))
			return 400;
	} else if (name_is(name, "Connection")) {
		req->close = req->close || has_member(value, "close");
	} else if (name_is(name, "Expect")) {
		req->waits = !h->old && has_member(value, "100-continue");
	}
	return 0;
}

/* All of the head; 0, or the status of a refusal. */
static int
read_head(struct span in, struct http_request *req, struct request_head *h)
{
	struct rd r = rd_of(in);
	struct span line;
	int status;

	if (!take_line(&r, &line))
		return 400;
	if ((status = read_target(line, req, h)) != 0)
		return status;
	for (;;) {
		if (!take_line(&r, &line))
			return 400;
		if (line.n == 0)
			break;
		if ((status = read_field(line, req, h)) != 0)
			return status;
	}
	if (req->host[0] == '\0' || (h->chunked && h->has_length) ||
	    (h->authority.n != 0 && !copy(h->authority, req->host, sizeof(req->host))))
		return 400;
	if (h->length > HTTP_BODY_MAX)
		return 413;
	return strcmp(req->method, "POST") == 0 && !h->has_length && !h->chunked ? 411 : 0;
}

/* The chunks and what trails them; *size is what all of it takes. */
static enum http_result
read_chunked(struct span in, struct buf *scratch, size_t *size, int *status)
{
	struct rd r = rd_of(in);
	enum http_result result = read_chunks(&r, scratch);
	struct span line;

	if (result == HTTP_BAD)
		*status = buf_ok(scratch) ? 400 : 413;
	if (result != HTTP_WHOLE)
		return result;
	do {
		if (!take_whole_line(&r, &line))
			return HTTP_MORE;
	} while (line.n != 0);
	*size = in.n - r.n;
	return HTTP_WHOLE;
}

enum http_result
http_read_request(struct span in, struct buf *scratch, struct http_request *req, int *status)
{
	struct request_head h = { .length = 0 };
	enum http_result result;
	size_t head, skip = 0;

	memset(req, 0, sizeof(*req));
	/* RFC 9112 section 2.2: an empty line before a request. */
	if (span_starts(in, "\r\n")) {
		skip = 2;
		in = span_of(in.p + skip, in.n - skip);
	}
	head = head_size(in);
	*status = 400;
	if (head == 0 && in.n <= HTTP_HEAD_MAX)
		return in.n != 0 && has_bare_lf(in) ? HTTP_BAD : HTTP_MORE;
	if (head == 0 || head > HTTP_HEAD_MAX) {
		*status = 431;
		return HTTP_BAD;
	}
	if ((*status = read_head(span_of(in.p, head), req, &h)) != 0)
		return HTTP_BAD;
	in = span_of(in.p + head, in.n - head);
	if (h.chunked) {
		if ((result = read_chunked(in, scratch, &h.length, status)) != HTTP_WHOLE)
			return result;
		req->body = buf_span(scratch);
	} else {
		if (in.n < h.length)
			return HTTP_MORE;
		req->body = span_of(in.p, h.length);
	}
	req->size = skip + head + h.length;
	return HTTP_WHOLE;
}

/* --- answers, as http-01 meets them --- */

struct answer_head {
	size_t	length;
	bool	has_length;
	bool	chunked;
};

static bool
read_answer_field(struct span line, struct http_answer *a, struct answer_head *h)
{
	struct span name, value;

	if (!split_field(line, &name, &value))
		return false;
	if (name_is(name, "Location"))
		return copy(value, a->location, sizeof(a->location));
	if (name_is(name, "Transfer-Encoding"))
		h->chunked = name_is(value, "chunked");
	if (name_is(name, "Content-Length")) {
		h->has_length = read_length(value, &h->length);
		return h->has_length;
	}
	return true;
}

enum http_result
http_read_answer(struct span in, bool eof, struct buf *scratch, struct http_answer *a)
{
	size_t head = head_size(in);
	struct answer_head h = { 0, false, false };
	enum http_result result;
	struct span line;
	int64_t status;
	struct rd r;

	memset(a, 0, sizeof(*a));
	if (head == 0)
		return eof || in.n > HTTP_HEAD_MAX ? HTTP_BAD : HTTP_MORE;
	r = rd_of(in);
	if (!rd_line(&r, &line) || !span_starts(line, "HTTP/1.") || line.n < 12 ||
	    text_number(span_of(line.p + 9, 3), &status) == -1)
		return HTTP_BAD;
	a->status = (int)status;
	while (rd_line(&r, &line) && line.n != 0)
		if (!read_answer_field(line, a, &h))
			return HTTP_BAD;
	if (h.chunked) {
		result = read_chunks(&r, scratch);
		a->body = buf_span(scratch);
		return result == HTTP_MORE && eof ? HTTP_BAD : result;
	}
	a->body = rd_rest(&r);
	if (h.has_length) {
		if (a->body.n < h.length)
			return eof ? HTTP_BAD : HTTP_MORE;
		a->body.n = h.length;
		return HTTP_WHOLE;
	}
	return eof ? HTTP_WHOLE : HTTP_MORE;
}

/* --- replies --- */

void
reply_init(struct reply *r)
{
	memset(r, 0, sizeof(*r));
	r->status = 200;
	buf_init(&r->head, 128 * 1024);
	buf_init(&r->body, REPLY_MAX);
}

void
reply_clear(struct reply *r)
{
	buf_clear(&r->head);
	buf_clear(&r->body);
}

void
reply_body(struct reply *r, struct buf *b)
{
	buf_clear(&r->body);
	r->body = *b;
	r->body.max = REPLY_MAX;
	buf_init(b, 0);
}

void
reply_header(struct reply *r, const char *name, const char *fmt, ...)
{
	char value[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	buf_str(&r->head, name);
	buf_str(&r->head, ": ");
	buf_str(&r->head, value);
	buf_str(&r->head, "\r\n");
}

static const char *
reason(int status)
{
	static const struct { int status; const char *text; } rows[] = {
		{ 200, "OK" }, { 201, "Created" }, { 204, "No Content" }, { 302, "Found" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 409, "Conflict" },
		{ 411, "Length Required" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < NITEMS(rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Other";
}

/* RFC 9110 section 5.6.7. */
static void
put_date(struct buf *b, int64_t at)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;

	text_utc(at, &tm);
	buf_printf(b, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * tm.tm_wday,
	    tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
}

void
reply_write(const struct reply *r, bool head_only, struct buf *out)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\n", r->status, reason(r->status));
	if (memmem(r->head.p != NULL ? r->head.p : (const uint8_t *)"", r->head.n, "Date: ",
	    6) == NULL)
		put_date(out, clock_wall());
	buf_put(out, buf_span(&r->head));
	if (r->type != NULL)
		buf_printf(out, "Content-Type: %s\r\n", r->type);
	if (r->status != 204)
		buf_printf(out, "Content-Length: %zu\r\n", r->body.n);
	if (r->close)
		buf_str(out, "Connection: close\r\n");
	buf_str(out, "\r\n");
	if (!head_only)
		buf_put(out, buf_span(&r->body));
}
