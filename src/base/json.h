/*
 * json: bounded parsing, typed reading that names the field on failure, and
 * a small writer. jansson does the parsing; nobody else includes it.
 *
 * A document is checked for size and depth before it is parsed, duplicate
 * keys and anything after the value are refused. Values are borrowed from
 * their document.
 */
#ifndef KAMCERT_BASE_JSON_H
#define KAMCERT_BASE_JSON_H

#include "bytes.h"
#include "err.h"

#define JSON_MAX	(256 * 1024)	/* octets of a document */
#define JSON_DEPTH_MAX	32

struct json_doc;
struct json;		/* a borrowed value */

/* RETRY with the place of the first fault. */
MUST_CHECK struct json_doc *json_parse(struct span, struct err *e);
void	json_free(struct json_doc *);
const struct json *json_root(const struct json_doc *);

/* --- reading: `where` names the object in messages, e.g. "order" --- */

enum json_need { JSON_REQUIRED, JSON_OPTIONAL };

/*
 * A member of an object. An optional one that is missing or null gives NULL
 * or false; an integer keeps the value it had. Wrong types and missing required
 * members are HOLD: "order: status: want a string, have null".
 */
MUST_CHECK int json_get_str(const struct json *, const char *where, const char *key,
	    enum json_need, const char **out, struct err *e);	/* no NUL inside */
MUST_CHECK int json_get_int(const struct json *, const char *where, const char *key,
	    enum json_need, int64_t *out, struct err *e);
MUST_CHECK int json_get_bool(const struct json *, const char *where, const char *key,
	    enum json_need, bool *out, struct err *e);
MUST_CHECK int json_get_object(const struct json *, const char *where, const char *key,
	    enum json_need, const struct json **out, struct err *e);
MUST_CHECK int json_get_array(const struct json *, const char *where, const char *key,
	    enum json_need, const struct json **out, struct err *e);

/* The value itself must be an object. */
MUST_CHECK int json_is_object(const struct json *, const char *where, struct err *e);

size_t	json_count(const struct json *array);			/* 0 for NULL */
const struct json *json_at(const struct json *array, size_t i);
/* NULL if it is no string or has a NUL inside */
const char *json_str(const struct json *);

/* For values whose shape is the peer's choice. NULL is JSON_KIND_NULL. */
enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_NUMBER,
	JSON_KIND_STR,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};
enum json_kind json_kind(const struct json *);
/* fractions cut off; 0 and 1 for a boolean, else 0 */
int64_t	json_number(const struct json *);
/* NULL if there is none */
const struct json *json_member(const struct json *object, const char *key);

/* Members of an object in their order: begin with NULL, ends with NULL. */
const char *json_next_key(const struct json *, const char *key);

/* --- writing: commas, quotes and escapes are seen to; sticky like its buf --- */

struct json_out {
	struct buf	*b;
	bool		 first;		/* no comma before the next member */
};

void	json_begin(struct json_out *, struct buf *);
/* key NULL inside arrays and at the top */
void	json_put_object(struct json_out *, const char *key);
void	json_object_end(struct json_out *);
void	json_put_array(struct json_out *, const char *key);
void	json_array_end(struct json_out *);
/* NULL writes null; bad UTF-8 becomes U+FFFD */
void	json_put_str(struct json_out *, const char *key, const char *);
void	json_put_span(struct json_out *, const char *key, struct span);
void	json_put_int(struct json_out *, const char *key, int64_t);
void	json_put_bool(struct json_out *, const char *key, bool);
void	json_put_raw(struct json_out *, const char *key, struct span json);	/* already JSON */

#endif
