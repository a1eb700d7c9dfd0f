/*
 * faults_http: answers that stand in for the work (AT_REQUEST), and finished
 * bodies that are bent (AT_BODY).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "responder/api.h"

enum request_kind {
	REQ_PROBLEM,	/* number: status; text: type */
	REQ_RETRY,	/* 429; text: Retry-After */
	REQ_RETRY_DATE,	/* number: which form of date */
	REQ_503,
	REQ_STATUS,	/* number: status; text: body or NULL */
	REQ_REDIRECT,	/* text: where to, %s is oneself */
	REQ_TEXT,	/* problem text: number is which */
};

enum body_kind {
	BODY_APPEND, BODY_CUT, BODY_DUPLICATE_KEY, BODY_NUL, BODY_BAD_UTF8, BODY_HTML, BODY_TYPE,
	BODY_REPLACE,	/* text: the whole body */
	/* text: what takes the place of "https://HOST" in each URL, number 1: of all of it */
	BODY_URL,
	BODY_SHAPE,	/* each text value becomes this JSON */
	BODY_UNKNOWN, BODY_NESTED, BODY_TINY, BODY_KEYS, BODY_BOMB, BODY_DATE, BODY_EMPTY,
};

/* Rows that differ in little. */
#define RETRY(name, text, what) \
	FAULT_T("retry-after-" name, "A07", AT_REQUEST, REQ_RETRY, text, what)
#define STATUS(name, status, text, what) \
	{ "status-" name, "A09", AT_REQUEST, REQ_STATUS, status, text, what }
#define REDIRECT(name, status, to, what) \
	{ "redirect-" name, "A17", AT_REQUEST, REQ_REDIRECT, status, to, what }
#define PROBLEM(name, row, status, type, what) \
	{ name, row, AT_REQUEST, REQ_PROBLEM, status, type, what }
#define TEXT(name, number, what) \
	FAULT_N("problem-" name, "A45", AT_REQUEST, REQ_TEXT, number, what)
#define URL(name, row, whole, text, what) \
	{ "url-" name, row, AT_BODY, BODY_URL, whole, text, what }
#define BODY(name, row, kind, number, text, what) \
	{ name, row, AT_BODY, BODY_##kind, number, text, what }

const struct fault fault_table_http[] = {
	FAULT_T("rate-limited", "A05", AT_REQUEST, REQ_RETRY, "3600",
	    "429, Retry-After in seconds"),
	FAULT("rate-limited-date", "A06", AT_REQUEST, REQ_RETRY_DATE,
	    "429, Retry-After as a date"),
	FAULT_N("rate-limited-date-850", "A06", AT_REQUEST, REQ_RETRY_DATE, 1, "... by RFC 850"),
	FAULT_N("rate-limited-date-asctime", "A06", AT_REQUEST, REQ_RETRY_DATE, 2,
	    "... as asctime()"),
	RETRY("missing", NULL, "429 without Retry-After"),
	RETRY("zero", "0", "429, Retry-After: 0"),
	RETRY("negative", "-5", "429, Retry-After: -5"),
	RETRY("text", "soon", "429, Retry-After: soon"),
	RETRY("huge", "1000000000000000000", "429, 10^18 seconds"),
	RETRY("9999", "Fri, 31 Dec 9999 23:59:59 GMT", "429 until the year 9999"),
	FAULT_T("unavailable", "A08", AT_REQUEST, REQ_503, "120", "503 with Retry-After"),
	STATUS("500", 500, NULL, "500 without a body"),
	STATUS("500-body", 500, "<h1>Internal error</h1>", "500 with HTML"),
	STATUS("502", 502, NULL, "502 without a body"),
	STATUS("502-body", 502, "<h1>Bad gateway</h1>", "502 with HTML"),
	STATUS("504", 504, NULL, "504 without a body"),
	STATUS("504-body", 504, "{\"detail\":", "504 with half a JSON"),
	REDIRECT("loop", 307, "%s", "to itself"),
	REDIRECT("http", 307, "http://127.0.0.1/", "to http"),
	REDIRECT("host", 308, "https://192.0.2.1/", "to another host"),
	REDIRECT("file", 302, "file:///etc/passwd", "to a file"),
	PROBLEM("bad-csr", "A36", 400, "badCSR", "the CSR is refused"),
	PROBLEM("order-not-ready", "A36", 403, "orderNotReady", "the order is not ready"),
	PROBLEM("bad-public-key", "A36", 400, "badPublicKey", "the key is refused"),
	PROBLEM("forbidden", "A36", 403, "unauthorized", "403, unauthorized"),
	PROBLEM("account-unknown", "A37", 400, "accountDoesNotExist", "no such account"),
	PROBLEM("account-deactivated", "A37", 401, "unauthorized", "401, deactivated"),
	PROBLEM("terms-changed", "A38", 403, "userActionRequired", "new terms"),
	PROBLEM("eab-required", "A39", 403, "externalAccountRequired", "EAB is missing"),
	PROBLEM("eab-used", "A39", 403, "unauthorized", "the EAB key is used up"),
	PROBLEM("already-replaced", "A43", 409, "alreadyReplaced", "409 to a renewal"),
	PROBLEM("paused", "A44", 429, "rateLimited", "the name is paused, with a link"),
	PROBLEM("rejected", "A44", 400, "rejectedIdentifier", "the name is refused"),
	PROBLEM("compound", "A32", 403, "compound", "a problem with sub-problems"),
	TEXT("escapes", 0, "terminal escapes in the detail"),
	TEXT("newlines", 1, "line breaks in the detail"),
	TEXT("200k", 2, "200 KiB of detail"),
	TEXT("1m", 5, "1 MiB of detail"),
	TEXT("utf8", 3, "bad UTF-8 in the detail"),
	TEXT("format", 4, "format directives in the detail"),

	BODY("json-cut", "A10", CUT, 0, NULL, "half a document"),
	BODY("json-trailing", "A10", APPEND, 0, "}garbage", "something after the document"),
	BODY("json-duplicate", "A10", DUPLICATE_KEY, 0, NULL, "a key twice"),
	BODY("json-nul", "A10", NUL, 0, NULL, "a NUL in each URL"),
	BODY("json-utf8", "A10", BAD_UTF8, 0, NULL, "bad UTF-8"),
	BODY("html", "A11", HTML, 0, NULL, "HTML with status 200"),
	BODY("type-none", "A11", TYPE, 0, NULL, "no Content-Type"),
	BODY("type-wrong", "A11", TYPE, 0, "text/plain", "Content-Type: text/plain"),
	BODY("type-parameters", "A11", TYPE, 0, "application/json; charset=utf-8",
	    "with parameters"),
	BODY("shape-number", "A12", SHAPE, 0, "42", "numbers for texts"),
	BODY("shape-null", "A12", SHAPE, 0, "null", "null for texts"),
	BODY("shape-array", "A12", SHAPE, 0, "[]", "arrays for texts"),
	BODY("json-array", "A12", REPLACE, 0, "[]", "an array for the object"),
	BODY("json-empty-object", "A12", REPLACE, 0, "{}", "all keys are missing"),
	BODY("json-unknown", "A12", UNKNOWN, 0, NULL, "unknown keys"),
	BODY("json-nested", "A13", NESTED, 200000, NULL, "200 000 nested arrays"),
	BODY("json-tiny", "A13", TINY, 1048576, NULL, "1 MiB of tiny objects"),
	BODY("json-keys", "A13", KEYS, 1000000, NULL, "10^6 keys"),
	BODY("bomb", "A14", BOMB, 8000000, NULL,
	    "8 MB of JSON as 48 KiB of gzip that was not asked for"),
	URL("http", "A18", 0, "http://127.0.0.1", "http URLs"),
	URL("file", "A18", 1, "file:///etc/passwd", "file URLs"),
	URL("ftp", "A18", 1, "ftp://127.0.0.1/x", "ftp URLs"),
	URL("gopher", "A18", 1, "gopher://127.0.0.1/x", "gopher URLs"),
	URL("data", "A18", 1, "data:,x", "data URLs"),
	URL("javascript", "A18", 1, "javascript:alert(1)", "javascript URLs"),
	URL("unix", "A18", 1, "unix:///run/x", "unix URLs"),
	URL("bare", "A18", 1, "//127.0.0.1/x", "URLs without a scheme"),
	URL("host", "A19", 0, "https://192.0.2.1", "another host"),
	URL("loopback", "A19", 0, "https://127.0.0.2", "another loopback address"),
	URL("link-local", "A19", 0, "https://169.254.169.254", "link-local"),
	URL("private", "A19", 0, "https://10.0.0.1", "a private address"),
	BODY("date-12h", "A25 T05", DATE, 12 * 3600, NULL, "Date is 12 hours ahead"),
	BODY("body-empty", "A10", EMPTY, 0, NULL, "an empty body"),
	{ NULL, NULL, AT_BODY, 0, 0, NULL, NULL },
};

/* --- AT_REQUEST --- */

static void
put_problem_body(struct call *c, int status, const char *type, const char *detail)
{
	struct json_out j;
	char urn[96];

	snprintf(urn, sizeof(urn), "urn:ietf:params:acme:error:%s", type);
	c->reply->status = status;
	c->reply->type = "application/problem+json";
	json_begin(&j, &c->reply->body);
	json_put_object(&j, NULL);
	json_put_str(&j, "type", urn);
	json_put_raw(&j, "detail", span_str(detail));
	json_put_int(&j, "status", status);
	if (strcmp(type, "compound") == 0)
		json_put_raw(&j, "subproblems", span_str("[{"
		    "\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"no such name\","
		    "\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}}]"));
	json_object_end(&j);
}

static void
put_problem_kind(struct call *c, const struct fault *f)
{
	char detail[128];

	snprintf(detail, sizeof(detail), "\"fault %s%s\"", f->name, strcmp(f->name, "paused") == 0 ?
	    ": visit https://kamcert.invalid/unpause" : "");
	if (strcmp(f->name, "terms-changed") == 0)
		reply_header(c->reply, "Link", "<%s/terms>;rel=\"terms-of-service\"", c->base);
	put_problem_body(c, f->number, f->text, detail);
}

/* An hour from now in the three forms of RFC 9110 section 5.6.7. */
static void
put_retry_date(struct call *c, int form)
{
	static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
		"Friday", "Saturday" };
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *mon;
	struct tm t;

	text_utc(c->now + HOUR, &t);
	mon = months + 3 * t.tm_mon;
	if (form == 0)
		reply_header(c->reply, "Retry-After", "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		    days[t.tm_wday], t.tm_mday, mon, t.tm_year + 1900, t.tm_hour, t.tm_min,
		    t.tm_sec);
	else if (form == 1)
		reply_header(c->reply, "Retry-After", "%s, %02d-%.3s-%02d %02d:%02d:%02d GMT",
		    days[t.tm_wday], t.tm_mday, mon, t.tm_year % 100, t.tm_hour, t.tm_min,
		    t.tm_sec);
	else
		reply_header(c->reply, "Retry-After", "%.3s %.3s %2d %02d:%02d:%02d %04d",
		    days[t.tm_wday], mon, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
		    t.tm_year + 1900);
}

static void
put_hostile_text(struct call *c, int which)
{
	static const char *const rows[] = {
		"\"\\u001b[2J\\u001b]0;owned\\u0007 and \\u009b31m\"",
		"\"first\\nkamcert: all is well\\r\\nlevel=info fake=line\"", NULL,
		"\"\xff\xfe\xc0\xaf\"", "\"%s%s%s%n%n %1000000d\"", NULL,
	};
	size_t n = which == 5 ? 1024 * 1024 : 200 * 1024;
	struct buf b;

	if (rows[which] != NULL) {
		put_problem_body(c, 403, "unauthorized", rows[which]);
		return;
	}
	buf_init(&b, n + 64);
	buf_u8(&b, '"');
	while (b.n < n && buf_ok(&b))
		buf_str(&b, "and on ");
	buf_u8(&b, '"');
	put_problem_body(c, 403, "unauthorized", buf_cstr(&b));
	buf_clear(&b);
}

void
fault_reply(struct call *c, const struct fault *f)
{
	char self[HTTP_PATH_MAX + sizeof(c->base)];

	switch ((enum request_kind)f->kind) {
	case REQ_PROBLEM:
		put_problem_kind(c, f);
		return;
	case REQ_RETRY:
	case REQ_503:
		if (f->text != NULL)
			reply_header(c->reply, "Retry-After", "%s", f->text);
		if (f->kind == REQ_503)
			c->reply->status = 503;
		else
			put_problem_body(c, 429, "rateLimited", "\"too many requests\"");
		return;
	case REQ_RETRY_DATE:
		put_retry_date(c, f->number);
		put_problem_body(c, 429, "rateLimited", "\"too many requests\"");
		return;
	case REQ_STATUS:
		c->reply->status = f->number;
		c->reply->type = f->text != NULL ? "text/html" : NULL;
		buf_str(&c->reply->body, f->text != NULL ? f->text : "");
		return;
	case REQ_REDIRECT:
		snprintf(self, sizeof(self), "%s%s", c->base, c->req->path);
		c->reply->status = f->number;
		reply_header(c->reply, "Location", "%s", strcmp(f->text, "%s") == 0 ? self :
		    f->text);
		return;
	case REQ_TEXT:
		put_hostile_text(c, f->number);
		return;
	}
}

/* --- AT_BODY --- */

/* The body with each "https://HOST..." text replaced, in part or as a whole. */
static void
replace_urls(struct call *c, const char *with, bool whole)
{
	struct span body = buf_span(&c->reply->body);
	size_t n = strlen(c->base), i = 0, end;
	struct buf out;

	buf_init(&out, 16 * 1024 * 1024);
	while (i < body.n) {
		if (body.n - i < n || memcmp(body.p + i, c->base, n) != 0) {
			buf_u8(&out, body.p[i++]);
			continue;
		}
		end = i + n;
		while (whole && end < body.n && body.p[end] != '"')
			end++;
		buf_str(&out, with);
		i = end;
	}
	buf_clear(&c->reply->body);
	c->reply->body = out;
}

/* Each text that is a value becomes something else; keys stay. */
static void
replace_values(struct buf *body, const char *with)
{
	struct span in = buf_span(body);
	struct buf out;
	size_t i = 0, end;

	buf_init(&out, 16 * 1024 * 1024);
	while (i < in.n) {
		if (in.p[i] != '"') {
			buf_u8(&out, in.p[i++]);
			continue;
		}
		for (end = i + 1; end < in.n && in.p[end] != '"'; end++)
			if (in.p[end] == '\\')
				end++;
		end = end < in.n ? end + 1 : in.n;
		if (end < in.n && in.p[end] == ':')
			buf_put(&out, span_of(in.p + i, end - i));
		else
			buf_str(&out, with);
		i = end;
	}
	buf_clear(body);
	*body = out;
}

static void
put_before(struct buf *body, const char *members)
{
	struct span in = buf_span(body);
	struct buf out;

	if (in.n < 2 || in.p[0] != '{')
		return;
	buf_init(&out, 16 * 1024 * 1024);
	buf_str(&out, "{");
	buf_str(&out, members);
	buf_put(&out, span_of(in.p + 1, in.n - 1));
	buf_clear(body);
	*body = out;
}

static void
fill(struct buf *body, const struct fault *f)
{
	buf_reset(body);
	if (f->kind == BODY_NESTED) {
		for (int i = 0; i < f->number; i++)
			buf_u8(body, '[');
		return;
	}
	buf_str(body, f->kind == BODY_KEYS ? "{" : "[");
	if (f->kind == BODY_KEYS)
		for (int i = 0; i < f->number; i++)
			buf_printf(body, "\"%x\":0,", (unsigned)i);
	else
		while (body->n < (size_t)f->number && buf_ok(body))
			buf_str(body, "{},");
	buf_str(body, f->kind == BODY_KEYS ? "\"z\":0}" : "{}]");
}

static void
put_html(struct reply *r)
{
	buf_reset(&r->body);
	r->status = 200;
	r->type = "text/html";
	buf_str(&r->body, "<!DOCTYPE html><html><body>Sign in to this network</body></html>");
}

/* RFC 1951 section 3.1.1: bits fill octets from the lowest one up. */
struct bits {
	struct buf	*out;
	uint32_t	 held;
	unsigned	 n;
};

static void
put_bits(struct bits *b, uint32_t value, unsigned n)
{
	b->held |= value << b->n;
	for (b->n += n; b->n >= 8; b->n -= 8, b->held >>= 8)
		buf_u8(b->out, (uint8_t)b->held);
}

/* RFC 1952 section 8, one octet more. */
static uint32_t
crc_more(uint32_t crc, uint8_t octet)
{
	crc = ~crc ^ octet;
	for (int i = 0; i < 8; i++)
		crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	return ~crc;
}

/*
 * A good gzip file of a good JSON object, a brace, many spaces and a brace, whose 48 KiB become
 * f->number octets: one block of fixed codes (RFC 1951 section 3.2.6), each
 * copying 258 octets from one back.
 */
static void
put_bomb(struct reply *r, const struct fault *f)
{
	static const uint8_t head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	struct bits b = { .out = &r->body };
	uint32_t copies = (uint32_t)f->number / 258, crc = crc_more(crc_more(0, '{'), ' ');

	buf_reset(&r->body);
	reply_header(r, "Content-Encoding", "gzip");
	buf_put(&r->body, span_of(head, sizeof(head)));
	put_bits(&b, 3, 3);		/* the last block, fixed codes */
	/* '{', '}' and ' ': 0x30 and the octet, highest bit first */
	put_bits(&b, 0xd5, 8);
	put_bits(&b, 0x0a, 8);
	for (uint32_t i = 0; i < copies; i++)
		put_bits(&b, 0xa3, 8 + 5);	/* length 258: 0xc5; distance 1: five zeros */
	put_bits(&b, 0xb5, 8);
	put_bits(&b, 0, 7 + 7);		/* the end of the block, and of the octet */
	for (uint32_t i = 0; i < copies * 258; i++)
		crc = crc_more(crc, ' ');
	crc = crc_more(crc, '}');
	for (uint32_t i = 0, size = copies * 258 + 3; i < 8; i++)
		buf_u8(&r->body, (uint8_t)((i < 4 ? crc : size) >> 8 * (i & 3)));
}

static void
put_other_date(struct call *c, int by)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm t;

	text_utc(c->now + by, &t);
	reply_header(c->reply, "Date", "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
	    days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour,
	    t.tm_min, t.tm_sec);
}

void
fault_body(struct call *c, const struct fault *f)
{
	struct buf *body = &c->reply->body;

	switch ((enum body_kind)f->kind) {
	case BODY_APPEND:
		buf_str(body, f->text);
		break;
	case BODY_CUT:
		body->n /= 2;
		break;
	case BODY_EMPTY:
		buf_reset(body);
		break;
	case BODY_DUPLICATE_KEY:
		put_before(body, "\"status\":\"pending\",\"newNonce\":\"x\",\"status\":\"valid\",");
		break;
	case BODY_UNKNOWN:
		put_before(body, "\"x-new\":{\"a\":[1,2,{}]},\"x-null\":null,");
		break;
	case BODY_NUL:
		replace_urls(c, "https://127.0.0.1\\u0000.example", false);
		break;
	case BODY_BAD_UTF8:
		put_before(body, "\"x\":\"\xff\xfe\",");
		break;
	case BODY_HTML:
		put_html(c->reply);
		break;
	case BODY_TYPE:
		c->reply->type = f->text;
		break;
	case BODY_REPLACE:
		buf_reset(body);
		buf_str(body, f->text);
		break;
	case BODY_URL:
		replace_urls(c, f->text, f->number == 1);
		break;
	case BODY_SHAPE:
		replace_values(body, f->text);
		break;
	case BODY_NESTED:
	case BODY_TINY:
	case BODY_KEYS:
		fill(body, f);
		break;
	case BODY_BOMB:
		put_bomb(c->reply, f);
		break;
	case BODY_DATE:
		put_other_date(c, f->number);
		break;
	}
}
