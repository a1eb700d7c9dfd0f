/*
 * seal: see seal.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/pack.h"
#include "seal.h"

#define TAIL_HEAD	",\"sha256\":\""
#define TAIL_END	"\"}\n"
#define HEX_LEN		(2 * (size_t)SHA256_LEN)
#define TAIL_LEN	(sizeof(TAIL_HEAD) - 1 + HEX_LEN + sizeof(TAIL_END) - 1)

void
seal_begin(struct json_out *o, struct buf *b)
{
	json_begin(o, b);
	json_put_object(o, NULL);
	json_put_int(o, "format", SEAL_FORMAT);
}

/* The tail that belongs to a body. */
static int
make_tail(struct span body, struct buf *tail, struct err *e)
{
	uint8_t digest[SHA256_LEN];

	if (sha256(body, digest) == -1)
		return err_set(e, OUT_RETRY, "no SHA-256");
	buf_init(tail, TAIL_LEN);
	buf_str(tail, TAIL_HEAD);
	buf_hex(tail, span_of(digest, sizeof(digest)));
	buf_str(tail, TAIL_END);
	return buf_ok(tail) ? 0 : err_nomem(e);
}

int
seal_end(struct json_out *o, struct err *e)
{
	struct buf tail;
	int rc = -1;

	buf_init(&tail, 0);
	if (!buf_ok(o->b)) {
		(void)err_set(e, OUT_RETRY, "no memory, or more than %zu octets", o->b->max);
	} else if (make_tail(buf_span(o->b), &tail, e) == 0) {
		buf_put(o->b, buf_span(&tail));
		rc = buf_ok(o->b) ? 0 : err_nomem(e);
	}
	buf_clear(&tail);
	return rc;
}

/* The digest is compared as text, so that each bit of the tail counts too. */
static int
check_tail(struct span file, const char *what, struct err *e)
{
	struct span body;
	struct buf tail;
	struct rd r = rd_of(file);
	int rc = -1;

	if (file.n < TAIL_LEN)
		return err_set(e, OUT_HOLD, "%s: cut off: %zu octets", what, file.n);
	body = rd_bytes(&r, file.n - TAIL_LEN);
	if (make_tail(body, &tail, e) == 0)
		rc = span_eq(rd_rest(&r), buf_span(&tail)) ? 0 :
		    err_set(e, OUT_HOLD, "%s: its digest does not fit: it was changed", what);
	buf_clear(&tail);
	return rc;
}

struct json_doc *
seal_open(struct span file, const char *what, struct err *e)
{
	struct json_doc *doc;
	int64_t format = 0;

	if (check_tail(file, what, e) == -1)
		return NULL;
	if ((doc = json_parse(file, e)) == NULL) {
		(void)err_in(e, "%s", what);
		return NULL;
	}
	if (json_is_object(json_root(doc), what, e) == 0 &&
	    json_get_int(json_root(doc), what, "format", JSON_REQUIRED, &format, e) == 0) {
		if (format == SEAL_FORMAT)
			return doc;
		(void)err_set(e, OUT_HOLD, "%s: want format %d, have %jd", what, SEAL_FORMAT,
		    (intmax_t)format);
		(void)err_hint(e, "a newer kamcert wrote it; use that one");
	}
	json_free(doc);
	return NULL;
}

/* --- members --- */

void
seal_put_strs(struct json_out *o, const char *key, const struct strs *s)
{
	json_put_array(o, key);
	for (size_t i = 0; i < s->n; i++)
		json_put_str(o, NULL, s->v[i]);
	json_array_end(o);
}

int
seal_get_str(const struct json *obj, const char *where, const char *key, enum json_need need,
    char **out, struct err *e)
{
	const char *s;

	*out = NULL;
	if (json_get_str(obj, where, key, need, &s, e) == -1)
		return -1;
	if (s != NULL && (*out = strdup(s)) == NULL)
		return err_nomem(e);
	return 0;
}

int
seal_get_strs(const struct json *obj, const char *where, const char *key, struct strs *out,
    struct err *e)
{
	const struct json *a;
	const char *s;

	if (json_get_array(obj, where, key, JSON_OPTIONAL, &a, e) == -1)
		return -1;
	for (size_t i = 0; i < json_count(a); i++) {
		if ((s = json_str(json_at(a, i))) == NULL)
			return err_set(e, OUT_HOLD, "%s: %s: want an array of strings", where,
			    key);
		if (strs_add(out, s) == -1)
			return err_nomem(e);
	}
	return 0;
}
