/*
 * jsonrpc: see jsonrpc.h.
 */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "hooks/jsonrpc.h"

#define HEAD_MAX	8192	/* octets of an answer's head by HTTP */
#define HEAD_PART	1024	/* that is asked for while its end has not come */

/* --- requests --- */

void
jsonrpc_request(const struct wire_addr *a UNUSED, uint32_t id, const char *method, const char *arg,
    struct buf *out)
{
	struct json_out j;

	json_begin(&j, out);
	json_put_object(&j, NULL);
	json_put_str(&j, "jsonrpc", "2.0");
	json_put_str(&j, "method", method);
	if (arg != NULL) {
		json_put_array(&j, "params");
		json_put_str(&j, NULL, arg);
		json_array_end(&j);
	}
	json_put_int(&j, "id", id);
	json_object_end(&j);
}

void
jsonrpc_http_request(const struct wire_addr *a, uint32_t id, const char *method, const char *arg,
    struct buf *out)
{
	struct buf body;
	const char *host = strchr(a->text, '/') + 2;

	buf_init(&body, BINRPC_REQUEST_MAX);
	jsonrpc_request(a, id, method, arg, &body);
	if (!buf_ok(&body))
		buf_fail(out);
	buf_printf(out, "POST %s HTTP/1.1\r\nHost: %.*s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n", a->target, (int)strcspn(host, "/"), host, body.n);
	buf_put(out, buf_span(&body));
	buf_clear(&body);
}

/* --- how much of a reply has come --- */

int
jsonrpc_wanted(struct span came, const struct binrpc_cap *cap, size_t *wanted, struct err *e)
{
	*wanted = came.n == 0 ? 1 : 0;
	return came.n <= cap->octets ? 0 :
	    err_set(e, OUT_RETRY, "jsonrpc: a reply of more than %zu octets", cap->octets);
}

struct head {
	size_t	size;		/* with its empty line; 0: its end has not come */
	int64_t	status;
	int64_t	length;		/* -1: not told */
};

/* "HTTP/1.1 200 OK" */
static int
read_status(struct span line, int64_t *status, struct err *e)
{
	struct rd r = rd_of(line);

	(void)rd_bytes(&r, 9);
	if (!span_starts(line, "HTTP/1.") ||
	    text_number(rd_bytes(&r, 3), status) == -1 || !rd_ok(&r) || *status < 100)
		return err_set(e, OUT_RETRY, "jsonrpc: RFC 9112 section 4: no HTTP status line");
	return 0;
}

/* Two different lengths are one too many: RFC 9112 section 6.3. */
static int
read_field(struct span line, struct head *h, struct err *e)
{
	static const char length[] = "content-length:", coding[] = "transfer-encoding:";
	size_t n = strlen(length);
	int64_t v;

	if (line.n > strlen(coding) &&
	    strncasecmp((const char *)line.p, coding, strlen(coding)) == 0)
		return err_set(e, OUT_RETRY, "jsonrpc: RFC 9112 section 6.1: a transfer coding "
		    "that was not asked for");
	if (line.n < n || strncasecmp((const char *)line.p, length, n) != 0)
		return 0;
	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	if (text_number(span_of(line.p + n, line.n - n), &v) == -1 ||
	    (h->length != -1 && h->length != v))
		return err_set(e, OUT_RETRY, "jsonrpc: RFC 9112 section 6.3: bad Content-Length");
	h->length = v;
	return 0;
}

static int
read_head(struct span came, struct head *h, struct err *e)
{
	const uint8_t *end = memmem(came.p, came.n, "\r\n\r\n", 4);
	struct span line = SPAN_NONE;
	struct rd r;

	*h = (struct head){ .length = -1 };
	if (end == NULL)
		return came.n < HEAD_MAX ? 0 :
		    err_set(e, OUT_RETRY, "jsonrpc: a head of more than %d octets", HEAD_MAX);
	h->size = (size_t)(end - came.p) + 4;
	r = rd_of(span_of(came.p, h->size - 2));
	(void)rd_line(&r, &line);
	if (read_status(line, &h->status, e) == -1)
		return -1;
	while (rd_line(&r, &line))
		if (read_field(line, h, e) == -1)
			return -1;
	return h->length != -1 ? 0 :
	    err_set(e, OUT_RETRY, "jsonrpc: RFC 9112 section 6.3: no Content-Length");
}

int
jsonrpc_http_wanted(struct span came, const struct binrpc_cap *cap, size_t *wanted, struct err *e)
{
	struct head h;
	size_t all;

	*wanted = HEAD_PART;
	if (came.n == 0)
		return 0;
	if (read_head(came, &h, e) == -1)
		return -1;
	if (h.size == 0)
		return 0;
	if ((uint64_t)h.length > cap->octets)
		return err_set(e, OUT_RETRY, "jsonrpc: a reply of more than %zu octets",
		    cap->octets);
	all = h.size + (size_t)h.length;
	if (came.n > all)
		return err_set(e, OUT_RETRY, "jsonrpc: octets behind the end of the reply");
	*wanted = all - came.n;
	return 0;
}

int
jsonrpc_http_body(struct span came, struct span *body, struct err *e)
{
	struct head h;

	if (read_head(came, &h, e) == -1)
		return -1;
	*body = span_of(came.p + h.size, came.n - h.size);
	/* faults of commands come with statuses of errors as well, and with a body */
	if (h.status == 200 || (body->n > 0 && body->p[0] == '{'))
		return 0;
	(void)err_set(e, OUT_HOLD, "want HTTP status 200, have %jd", (intmax_t)h.status);
	return err_hint(e, "does event_route[xhttp:request] call jsonrpc_dispatch() for this path "
	    "and address?");
}

/* --- replies --- */

struct making {
	struct buf	*b;
	size_t		 left;		/* records that may still come */
};

static bool	put_value(struct making *, const struct json *, unsigned depth);

static bool
put_members(struct making *m, const struct json *v, unsigned depth)
{
	const char *key = NULL;

	while ((key = json_next_key(v, key)) != NULL) {
		binrpc_put_str(m->b, BINRPC_NAME, span_str(key));
		if (!put_value(m, json_member(v, key), depth))
			return false;
	}
	return true;
}

static bool
put_items(struct making *m, const struct json *v, unsigned depth)
{
	for (size_t i = 0; i < json_count(v); i++)
		if (!put_value(m, json_at(v, i), depth))
			return false;
	return true;
}

/* No deeper than BINRPC_DEPTH_MAX. */
static bool
put_value(struct making *m, const struct json *v, unsigned depth)
{
	bool fits = true;

	if (m->left-- == 0 || depth > BINRPC_DEPTH_MAX)
		return false;
	switch (json_kind(v)) {
	case JSON_KIND_STR:
		if (json_str(v) == NULL)
			return false;
		binrpc_put_str(m->b, BINRPC_STR, span_str(json_str(v)));
		break;
	case JSON_KIND_NUMBER:
	case JSON_KIND_BOOL:
		binrpc_put_number(m->b, json_number(v));
		break;
	case JSON_KIND_OBJECT:
	case JSON_KIND_ARRAY:
		if (m->left == 0 || depth == BINRPC_DEPTH_MAX)
			return false;
		m->left--;
		binrpc_put_struct(m->b, false);
		fits = json_kind(v) == JSON_KIND_OBJECT ? put_members(m, v, depth + 1) :
		    put_items(m, v, depth + 1);
		binrpc_put_struct(m->b, true);
		break;
	case JSON_KIND_NULL:
		binrpc_put_str(m->b, BINRPC_STR, SPAN_NONE);
		break;
	}
	return fits && buf_ok(m->b);
}

static int
read_fault(const struct json *error, struct buf *records, struct binrpc_reply *out, struct err *e)
{
	const char *text = NULL;

	out->fault = true;
	if (json_get_int(error, "error", "code", JSON_REQUIRED, &out->code, e) == -1 ||
	    json_get_str(error, "error", "message", JSON_REQUIRED, &text, e) == -1)
		return -1;
	buf_str(records, text);
	out->text = buf_span(records);
	return buf_ok(records) ? 0 : err_nomem(e);
}

static int
read_result(const struct json *result, const struct binrpc_cap *cap, struct buf *records,
    struct binrpc_reply *out, struct err *e)
{
	struct making m = { records, cap->records };
	bool fits;

	fits = json_kind(result) == JSON_KIND_NULL ? true :
	    json_kind(result) == JSON_KIND_ARRAY ? put_items(&m, result, 0) :
	    put_value(&m, result, 0);
	out->body = buf_span(records);
	return fits ? 0 : err_set(e, OUT_RETRY, "a result that is too large, too deep, or has a "
	    "value that cannot be");
}

static int
read_reply(const struct json *root, const struct binrpc_cap *cap, uint32_t id,
    struct buf *records, struct binrpc_reply *out, struct err *e)
{
	const struct json *error = NULL;
	int64_t got = -1;

	if (json_is_object(root, "reply", e) == -1 ||
	    json_get_object(root, "reply", "error", JSON_OPTIONAL, &error, e) == -1 ||
	    json_get_int(root, "reply", "id", error != NULL ? JSON_OPTIONAL : JSON_REQUIRED, &got,
	    e) == -1)
		return -1;
	/* section 5: the id of a fault is null where the request was not understood */
	if (got != (int64_t)id && (error == NULL || got != -1))
		return err_set(e, OUT_RETRY, "it answers another request");
	if (error != NULL)
		return read_fault(error, records, out, e);
	return read_result(json_member(root, "result"), cap, records, out, e);
}

int
jsonrpc_parse(struct span json, const struct binrpc_cap *cap, uint32_t id, struct buf *records,
    struct binrpc_reply *out, struct err *e)
{
	struct json_doc *doc;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if ((doc = json_parse(json, e)) != NULL)
		rc = read_reply(json_root(doc), cap, id, records, out, e);
	json_free(doc);
	if (rc == -1) {
		memset(out, 0, sizeof(*out));
		e->class = OUT_RETRY;
		(void)err_in(e, "jsonrpc");
	}
	return rc;
}
