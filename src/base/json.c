/*
 * json: see json.h.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Before jansson, which has a macro of the name of our json_is_object(). */
#include "json.h"
#include "private.h"

#include <jansson.h>

/*
 * Values and keys of a document. The parser needs up to 79 octets of memory
 * for one of input and some 130 for a value, so that this and JSON_MAX keep
 * it below 8 MiB.
 */
#define JSON_ITEMS_MAX 16384

struct json_doc {
	json_t	*root;
};

static const json_t *
as_jansson(const struct json *v)
{
	return (const json_t *)v;
}

static const struct json *
as_json(const json_t *v)
{
	return (const struct json *)v;
}

/* --- parsing --- */

struct scan {
	size_t	depth;
	size_t	items;
	bool	in_string;
	bool	in_word;	/* a number, true, false, null */
};

static void
scan_plain(struct scan *s, uint8_t c)
{
	bool word = strchr("[]{}\",: \t\r\n", c) == NULL;

	if (c == '[' || c == '{')
		s->depth++;
	else if ((c == ']' || c == '}') && s->depth > 0)
		s->depth--;
	if (c == '[' || c == '{' || c == '"' || (word && !s->in_word))
		s->items++;
	s->in_string = c == '"';
	s->in_word = word;
}

/*
 * What the parser must not even see: it allocates while it reads. Whether
 * this is JSON at all is left to it.
 */
static int
fits(struct span in, struct err *e)
{
	struct scan s = { 0 };

	if (in.n > JSON_MAX)
		return err_set(e, OUT_RETRY, "JSON: want at most %d octets, have %zu", JSON_MAX,
		    in.n);
	for (size_t i = 0; i < in.n; i++) {
		if (!s.in_string) {
			scan_plain(&s, in.p[i]);
		} else if (in.p[i] == '\\') {
			i++;
		} else if (in.p[i] == '"') {
			s.in_string = false;
		}
		if (s.depth > JSON_DEPTH_MAX)
			return err_set(e, OUT_RETRY, "JSON: octet %zu: nested deeper than %d", i,
			    JSON_DEPTH_MAX);
		if (s.items > JSON_ITEMS_MAX)
			return err_set(e, OUT_RETRY, "JSON: octet %zu: more than %d values", i,
			    JSON_ITEMS_MAX);
	}
	return 0;
}

/*
 * jansson leaves octets out of a string, and says nothing, when it cannot
 * make room for them; if that was the quote at its end, it reads and writes
 * beyond both. So there always is room: when the first piece cannot be had, it
 * and what follows come from a reserve, the text ends there, and what was read
 * is thrown away. The reserve holds the buffer of a string, which doubles, the
 * string, and a key. Its pages are the system's until then.
 */
#define RESERVE		(5 * JSON_MAX)
#define PIECE		64u	/* octets that are read behind the point of no return, at most */

static struct {
	bool				starved;
	size_t				used;
	_Alignas(max_align_t) uint8_t	room[RESERVE];
} reserve;

static void *
take_memory(size_t n)
{
	void *p = reserve.starved ? NULL : malloc(n);

	if (p != NULL)
		return p;
	reserve.starved = true;
	n = (n + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
	if (n > RESERVE - reserve.used)
		return NULL;
	p = reserve.room + reserve.used;
	reserve.used += n;
	return p;
}

static void
give_back(void *p)
{
	if ((uintptr_t)p < (uintptr_t)reserve.room ||
	    (uintptr_t)p >= (uintptr_t)reserve.room + RESERVE)
		free(p);
}

static size_t
give_piece(void *out, size_t size, void *arg)
{
	struct rd *r = arg;
	struct span piece;

	if (reserve.starved)
		return 0;
	piece = rd_bytes(r, r->n < PIECE ? r->n : size < PIECE ? size : PIECE);
	if (piece.n > 0)
		memcpy(out, piece.p, piece.n);
	return piece.n;
}

/*
 * jansson would seed its hash from /dev/urandom, which a role that has given
 * up its rights cannot open, and then from the time, which a peer can guess.
 */
static int
seed_hashes(struct err *e)
{
	static bool seeded;
	uint32_t seed;

	if (seeded)
		return 0;
	if (random_bytes(&seed, sizeof(seed)) == -1)
		return err_set(e, OUT_RETRY, "JSON: no random octets");
	json_set_alloc_funcs(take_memory, give_back);
	json_object_seed(seed | 1);
	seeded = true;
	return 0;
}

struct json_doc *
json_parse(struct span in, struct err *e)
{
	struct rd r = rd_of(in);
	struct json_doc *doc;
	json_error_t why;

	if (fits(in, e) == -1 || seed_hashes(e) == -1)
		return NULL;
	if ((doc = calloc(1, sizeof(*doc))) == NULL) {
		err_nomem(e);
		return NULL;
	}
	reserve.starved = false;
	reserve.used = 0;
	doc->root = json_load_callback(give_piece, &r, JSON_REJECT_DUPLICATES, &why);
	if (doc->root == NULL || reserve.starved) {
		if (reserve.starved)
			err_nomem(e);
		else
			err_set(e, OUT_RETRY, "JSON: line %d column %d: %s", why.line,
			    why.column, why.text);
		json_decref(doc->root);
		free(doc);
		return NULL;
	}
	return doc;
}

void
json_free(struct json_doc *doc)
{
	if (doc == NULL)
		return;
	json_decref(doc->root);
	free(doc);
}

const struct json *
json_root(const struct json_doc *doc)
{
	return as_json(doc->root);
}

/* --- reading --- */

static const char *
type_word(const json_t *v)
{
	if (v == NULL)
		return "nothing";
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

static const json_t *
member(const struct json *obj, const char *key)
{
	return obj != NULL ? json_object_get(as_jansson(obj), key) : NULL;
}

/* 0 when the member may be read as the caller wants or left out. */
static int
judge(const json_t *v, bool fits_type, enum json_need need)
{
	return fits_type || (need == JSON_OPTIONAL && (v == NULL || json_is_null(v))) ? 0 : -1;
}

static int
refuse(const char *where, const char *key, const char *want, const json_t *v, struct err *e)
{
	return err_set(e, OUT_HOLD, "%s: %s: want %s, have %s", where, key, want, type_word(v));
}

int
json_get_str(const struct json *obj, const char *where, const char *key, enum json_need need,
    const char **out, struct err *e)
{
	const json_t *v = member(obj, key);

	*out = json_str(as_json(v));
	if (judge(v, *out != NULL, need) == 0)
		return 0;
	return refuse(where, key, "a string", v, e);
}

int
json_get_int(const struct json *obj, const char *where, const char *key, enum json_need need,
    int64_t *out, struct err *e)
{
	const json_t *v = member(obj, key);

	if (judge(v, json_is_integer(v), need) == -1)
		return refuse(where, key, "an integer", v, e);
	if (json_is_integer(v))
		*out = json_integer_value(v);
	return 0;
}

int
json_get_bool(const struct json *obj, const char *where, const char *key, enum json_need need,
    bool *out, struct err *e)
{
	const json_t *v = member(obj, key);

	*out = json_is_true(v);
	if (judge(v, json_is_boolean(v), need) == 0)
		return 0;
	return refuse(where, key, "a boolean", v, e);
}

int
json_get_object(const struct json *obj, const char *where, const char *key, enum json_need need,
    const struct json **out, struct err *e)
{
	const json_t *v = member(obj, key);

	*out = json_is_object(v) ? as_json(v) : NULL;
	if (judge(v, *out != NULL, need) == 0)
		return 0;
	return refuse(where, key, "an object", v, e);
}

int
json_get_array(const struct json *obj, const char *where, const char *key, enum json_need need,
    const struct json **out, struct err *e)
{
	const json_t *v = member(obj, key);

	*out = json_is_array(v) ? as_json(v) : NULL;
	if (judge(v, *out != NULL, need) == 0)
		return 0;
	return refuse(where, key, "an array", v, e);
}

int
(json_is_object)(const struct json *v, const char *where, struct err *e)
{
	if (json_is_object(as_jansson(v)))
		return 0;
	return err_set(e, OUT_HOLD, "%s: want an object, have %s", where,
	    type_word(as_jansson(v)));
}

size_t
json_count(const struct json *array)
{
	return array != NULL ? json_array_size(as_jansson(array)) : 0;
}

const struct json *
json_at(const struct json *array, size_t i)
{
	return array != NULL ? as_json(json_array_get(as_jansson(array), i)) : NULL;
}

const char *
json_str(const struct json *v)
{
	const char *s = v != NULL ? json_string_value(as_jansson(v)) : NULL;

	if (s == NULL || strlen(s) != json_string_length(as_jansson(v)))
		return NULL;
	return s;
}

enum json_kind
json_kind(const struct json *v)
{
	if (v == NULL)
		return JSON_KIND_NULL;
	switch (json_typeof(as_jansson(v))) {
	case JSON_OBJECT:
		return JSON_KIND_OBJECT;
	case JSON_ARRAY:
		return JSON_KIND_ARRAY;
	case JSON_STRING:
		return JSON_KIND_STR;
	case JSON_INTEGER:
	case JSON_REAL:
		return JSON_KIND_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return JSON_KIND_BOOL;
	case JSON_NULL:
		break;
	}
	return JSON_KIND_NULL;
}

int64_t
json_number(const struct json *v)
{
	const json_t *j = as_jansson(v);
	double real;

	if (json_is_integer(j))
		return json_integer_value(j);
	if (!json_is_real(j))
		return json_is_true(j) ? 1 : 0;
	real = json_real_value(j);
	return real >= -9e18 && real <= 9e18 ? (int64_t)real : 0;
}

const struct json *
json_member(const struct json *object, const char *key)
{
	return as_json(member(object, key));
}

const char *
json_next_key(const struct json *obj, const char *key)
{
	/* The iterators want a json_t that could be changed; nothing here does. */
	json_t *o = (json_t *)as_jansson(obj);
	void *at;

	if (obj == NULL)
		return NULL;
	at = key == NULL ? json_object_iter(o) :
	    json_object_iter_next(o, json_object_iter_at(o, key));
	return json_object_iter_key(at);
}

/* --- writing --- */

void
json_begin(struct json_out *o, struct buf *b)
{
	*o = (struct json_out){ b, true };
}

/*
 * RFC 8259 section 7, and what would act upon a terminal besides: a status
 * line may be looked at with cat.
 */
static void
put_quoted(struct buf *b, struct span in)
{
	uint32_t cp;
	size_t n;

	buf_u8(b, '"');
	for (; in.n > 0; in = span_of(in.p + n, in.n - n)) {
		n = utf8_first(in, &cp);
		if (n == 0) {
			buf_str(b, "\xef\xbf\xbd");
			n = 1;
		} else if (cp == '"' || cp == '\\') {
			buf_u8(b, '\\');
			buf_u8(b, (uint8_t)cp);
		} else if (cp == '\n') {
			buf_str(b, "\\n");
		} else if (utf8_acts(cp) && cp > 0xffff) {
			buf_printf(b, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
			    0xdc00 + (cp & 0x3ff));
		} else if (utf8_acts(cp)) {
			buf_printf(b, "\\u%04x", cp);
		} else {
			buf_put(b, span_of(in.p, n));
		}
	}
	buf_u8(b, '"');
}

static void
put_key(struct json_out *o, const char *key)
{
	if (!o->first)
		buf_u8(o->b, ',');
	o->first = false;
	if (key == NULL)
		return;
	put_quoted(o->b, span_str(key));
	buf_u8(o->b, ':');
}

static void
put_open(struct json_out *o, const char *key, char bracket)
{
	put_key(o, key);
	buf_u8(o->b, (uint8_t)bracket);
	o->first = true;
}

static void
put_close(struct json_out *o, char bracket)
{
	buf_u8(o->b, (uint8_t)bracket);
	o->first = false;
}

void
json_put_object(struct json_out *o, const char *key)
{
	put_open(o, key, '{');
}

void
json_object_end(struct json_out *o)
{
	put_close(o, '}');
}

void
json_put_array(struct json_out *o, const char *key)
{
	put_open(o, key, '[');
}

void
json_array_end(struct json_out *o)
{
	put_close(o, ']');
}

void
json_put_str(struct json_out *o, const char *key, const char *s)
{
	put_key(o, key);
	if (s == NULL)
		buf_str(o->b, "null");
	else
		put_quoted(o->b, span_str(s));
}

void
json_put_span(struct json_out *o, const char *key, struct span s)
{
	put_key(o, key);
	put_quoted(o->b, s);
}

void
json_put_int(struct json_out *o, const char *key, int64_t v)
{
	put_key(o, key);
	buf_printf(o->b, "%jd", (intmax_t)v);
}

void
json_put_bool(struct json_out *o, const char *key, bool v)
{
	put_key(o, key);
	buf_str(o->b, v ? "true" : "false");
}

void
json_put_raw(struct json_out *o, const char *key, struct span json)
{
	put_key(o, key);
	buf_put(o->b, json);
}
