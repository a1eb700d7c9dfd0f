/*
 * json: any octets as a document; what is read is written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
read_as_everything(const struct json *v, const char *key)
{
	const struct json *sub;
	const char *s;
	int64_t n = 0;
	bool yes;
	struct err e = ERR_NONE;
	int fits = 0;

	fits += json_get_str(v, "fuzz", key, JSON_REQUIRED, &s, &e) == 0;
	fits += json_get_int(v, "fuzz", key, JSON_REQUIRED, &n, &e) == 0;
	fits += json_get_bool(v, "fuzz", key, JSON_REQUIRED, &yes, &e) == 0;
	fits += json_get_object(v, "fuzz", key, JSON_REQUIRED, &sub, &e) == 0;
	fits += json_get_array(v, "fuzz", key, JSON_REQUIRED, &sub, &e) == 0;
	if (fits > 1)
		abort();
}

/* One level, as strings; the value of a key is the key. */
static size_t
copy_level(struct json_out *o, const struct json *v)
{
	const char *key = NULL;
	size_t n = 0;

	json_put_object(o, NULL);
	while ((key = json_next_key(v, key)) != NULL) {
		read_as_everything(v, key);
		json_put_str(o, key, key);
		n++;
	}
	json_put_array(o, "\x7f");
	for (size_t i = 0; i < json_count(v); i++)
		json_put_str(o, NULL, json_str(json_at(v, i)));
	json_array_end(o);
	json_object_end(o);
	return n;
}

static void
compare(const struct json *v, const struct json *copy)
{
	const struct json *list;
	const char *key = NULL, *s, *was;
	struct err e = ERR_NONE;

	while ((key = json_next_key(v, key)) != NULL)
		if (json_get_str(copy, "copy", key, JSON_REQUIRED, &s, &e) == -1 ||
		    strcmp(s, key) != 0)
			abort();
	if (json_get_array(copy, "copy", "\x7f", JSON_REQUIRED, &list, &e) == -1 ||
	    json_count(list) != json_count(v))
		abort();
	for (size_t i = 0; i < json_count(v); i++) {
		was = json_str(json_at(v, i));
		s = json_str(json_at(list, i));
		if ((was == NULL) != (s == NULL) || (s != NULL && strcmp(s, was) != 0))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct json_doc *doc, *copy = NULL;
	struct err e = ERR_NONE;
	struct json_out o;
	struct buf b;
	bool clash;

	if ((doc = json_parse(span_of(data, n), &e)) == NULL)
		return 0;
	buf_init(&b, 8 * JSON_MAX);
	json_begin(&o, &b);
	/* An object that has our own key would have it twice. */
	clash = json_is_object(json_root(doc), "fuzz", &e) == 0 &&
	    json_get_bool(json_root(doc), "fuzz", "\x7f", JSON_OPTIONAL, &(bool){ false },
	    &e) == -1;
	if (copy_level(&o, json_root(doc)) < 8000 && !clash && b.n <= JSON_MAX) {
		if ((copy = json_parse(buf_span(&b), &e)) != NULL)
			compare(json_root(doc), json_root(copy));
		else if (strstr(e.text, "duplicate") == NULL && strstr(e.text, "more than") == NULL)
			abort();
	}
	json_free(copy);
	json_free(doc);
	buf_clear(&b);
	return 0;
}
