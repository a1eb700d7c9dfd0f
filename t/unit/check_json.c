/*
 * check_json: what is let through to the parser, typed reading, writing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/json.h"
#include "suite.h"

/* --- parsing (FAULTS A10, A13) --- */

static const struct {
	const char	*what;
	const char	*in;
	size_t		 n;
	bool		 ok;
} documents[] = {
#define ROW(what, in, ok) { what, in, sizeof(in) - 1, ok }
	ROW("empty object", "{}", true),
	ROW("empty array", "[]", true),
	ROW("white space around", " \t\r\n{ } \n", true),
	ROW("all types", "{\"a\":[1,-2,3.5e1,true,false,null,\"x\",{}]}", true),
	ROW("escapes", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"]", true),
	ROW("brackets in a string", "[\"[[[[{{{{\\\"[[[[\"]", true),
	ROW("same key in two objects", "[{\"a\":1},{\"a\":1}]", true),
	ROW("integer limits", "[9223372036854775807,-9223372036854775808]", true),
	ROW("nothing", "", false),
	ROW("white space only", " \n", false),
	ROW("truncated", "{\"a\":", false),
	ROW("truncated string", "[\"a", false),
	ROW("escape at the end", "[\"\\", false),
	ROW("trailing garbage", "{} x", false),
	ROW("two documents", "{}{}", false),
	ROW("trailing comma", "[1,]", false),
	ROW("missing comma", "[1 2]", false),
	ROW("duplicate key", "{\"a\":1,\"a\":1}", false),
	ROW("duplicate key, escaped", "{\"a\":1,\"\\u0061\":2}", false),
	ROW("bare string", "\"a\"", false),
	ROW("bare number", "1", false),
	ROW("bare null", "null", false),
	ROW("NUL escape", "[\"a\\u0000b\"]", false),
	ROW("NUL escape in a key", "{\"a\\u0000b\":1}", false),
	ROW("NUL octet", "[\"a\0b\"]", false),
	ROW("NUL behind", "{}\0", false),
	ROW("bad UTF-8", "[\"\xff\"]", false),
	ROW("overlong UTF-8", "[\"\xc0\xaf\"]", false),
	ROW("UTF-8 surrogate", "[\"\xed\xa0\x80\"]", false),
	ROW("lone escaped surrogate", "[\"\\ud800\"]", false),
	ROW("byte order mark", "\xef\xbb\xbf{}", false),
	ROW("control character", "[\"a\nb\"]", false),
	ROW("single quotes", "{'a':1}", false),
	ROW("key without quotes", "{a:1}", false),
	ROW("comment", "{}//", false),
	ROW("NaN", "[NaN]", false),
	ROW("hexadecimal", "[0x1]", false),
	ROW("leading zero", "[01]", false),
	ROW("leading plus", "[+1]", false),
	ROW("integer too large", "[9223372036854775808]", false),
	ROW("fraction too large", "[1e999]", false),
	ROW("unbalanced", "[}", false),
	ROW("closing first", "]", false),
	ROW("HTML", "<html><body>Log in</body></html>", false),
};

START_TEST(documents_keep_their_table)
{
	struct err e = ERR_NONE;
	struct json_doc *doc = json_parse(span_of(documents[_i].in, documents[_i].n), &e);

	ck_assert_msg((doc != NULL) == documents[_i].ok, "%s: got %s", documents[_i].what,
	    doc != NULL ? "success" : e.text);
	if (doc == NULL) {
		ck_assert_int_eq(e.class, OUT_RETRY);
		ck_assert_msg(strncmp(e.text, "JSON: line ", 11) == 0, "%s", e.text);
	}
	json_free(doc);
}
END_TEST

/* Before, n times the middle, after. */
static void
repeat(struct buf *b, const char *before, const char *middle, size_t n, const char *after)
{
	buf_reset(b);
	buf_str(b, before);
	while (n-- > 0)
		buf_str(b, middle);
	buf_str(b, after);
	ck_assert(buf_ok(b));
}

static void
expect_refused(struct span in, const char *why)
{
	struct err e = ERR_NONE;
	struct json_doc *doc = json_parse(in, &e);

	ck_assert_msg(doc == NULL, "want \"%s\"", why);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_msg(strstr(e.text, why) != NULL, "got \"%s\", want \"%s\"", e.text, why);
}

static void
expect_parsed(struct span in)
{
	struct err e = ERR_NONE;
	struct json_doc *doc = json_parse(in, &e);

	ck_assert_msg(doc != NULL, "%s", e.text);
	json_free(doc);
}

START_TEST(nesting_ends_at_32)
{
	struct buf b;

	buf_init(&b, 4 * JSON_MAX);
	buf_str(&b, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	expect_parsed(buf_span(&b));
	buf_reset(&b);
	buf_str(&b, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	expect_refused(buf_span(&b), "nested deeper than 32");
	repeat(&b, "[\"\\\"", "[", 40, "\"]");
	expect_parsed(buf_span(&b));
	repeat(&b, "", "[", 200000, "");
	expect_refused(buf_span(&b), "nested deeper than 32");
	repeat(&b, "", "{\"a\":", 1000, "");
	expect_refused(buf_span(&b), "nested deeper than 32");
	/* A closing bracket too many does not buy another level. */
	repeat(&b, "]]]]]]]]", "[", 33, "");
	expect_refused(buf_span(&b), "nested deeper than 32");
	buf_clear(&b);
}
END_TEST

START_TEST(octets_end_at_256_kib)
{
	struct buf b;

	buf_init(&b, 4 * JSON_MAX);
	repeat(&b, "[\"", "x", JSON_MAX - 4, "\"]");
	expect_parsed(buf_span(&b));
	buf_u8(&b, ' ');
	expect_refused(buf_span(&b), "at most 262144 octets");
	repeat(&b, "[0", ",{}", JSON_MAX, "]");
	expect_refused(buf_span(&b), "at most 262144 octets");
	buf_clear(&b);
}
END_TEST

START_TEST(values_end_at_16384)
{
	struct buf b;

	buf_init(&b, JSON_MAX);
	repeat(&b, "[1", ",{}", 16382, "]");
	expect_parsed(buf_span(&b));
	repeat(&b, "[1", ",{}", 16383, "]");
	expect_refused(buf_span(&b), "more than 16384 values");
	repeat(&b, "[1", ",2", 16383, "]");
	expect_refused(buf_span(&b), "more than 16384 values");
	repeat(&b, "[1", ",\"\"", 16383, "]");
	expect_refused(buf_span(&b), "more than 16384 values");
	repeat(&b, "[true", " , null", 16383, "]");
	expect_refused(buf_span(&b), "more than 16384 values");
	/*
	 * A million keys do not fit into the octets; these do, and are refused
	 * before they are compared.
	 */
	repeat(&b, "{\"a\":1", ",\"a\":1", 8192, "}");
	expect_refused(buf_span(&b), "more than 16384 values");
	buf_clear(&b);
}
END_TEST

/* --- reading (FAULTS A12) --- */

#define OBJECT "{\"s\":\"text\",\"i\":42,\"neg\":-1,\"f\":1.5,\"t\":true,\"no\":false," \
	"\"n\":null,\"o\":{\"x\":1},\"a\":[\"p\",7,\"q\"]}"

enum { STR, INT, BOOL, OBJ, ARR };

static const struct {
	int		 type;
	const char	*key;
	enum json_need	 need;
	const char	*want;	/* NULL: success */
} members[] = {
	{ STR, "s", JSON_REQUIRED, NULL },
	{ STR, "i", JSON_REQUIRED, "order: i: want a string, have an integer" },
	{ STR, "f", JSON_OPTIONAL, "order: f: want a string, have a fraction" },
	{ STR, "t", JSON_OPTIONAL, "order: t: want a string, have a boolean" },
	{ STR, "o", JSON_OPTIONAL, "order: o: want a string, have an object" },
	{ STR, "a", JSON_OPTIONAL, "order: a: want a string, have an array" },
	{ STR, "n", JSON_REQUIRED, "order: n: want a string, have null" },
	{ STR, "gone", JSON_REQUIRED, "order: gone: want a string, have nothing" },
	{ STR, "n", JSON_OPTIONAL, NULL },
	{ STR, "gone", JSON_OPTIONAL, NULL },
	{ INT, "i", JSON_REQUIRED, NULL },
	{ INT, "neg", JSON_OPTIONAL, NULL },
	{ INT, "s", JSON_OPTIONAL, "order: s: want an integer, have a string" },
	{ INT, "f", JSON_REQUIRED, "order: f: want an integer, have a fraction" },
	{ INT, "n", JSON_REQUIRED, "order: n: want an integer, have null" },
	{ INT, "n", JSON_OPTIONAL, NULL },
	{ INT, "gone", JSON_OPTIONAL, NULL },
	{ INT, "gone", JSON_REQUIRED, "order: gone: want an integer, have nothing" },
	{ BOOL, "t", JSON_REQUIRED, NULL },
	{ BOOL, "no", JSON_REQUIRED, NULL },
	{ BOOL, "i", JSON_OPTIONAL, "order: i: want a boolean, have an integer" },
	{ BOOL, "s", JSON_REQUIRED, "order: s: want a boolean, have a string" },
	{ BOOL, "n", JSON_REQUIRED, "order: n: want a boolean, have null" },
	{ BOOL, "n", JSON_OPTIONAL, NULL },
	{ BOOL, "gone", JSON_OPTIONAL, NULL },
	{ OBJ, "o", JSON_REQUIRED, NULL },
	{ OBJ, "a", JSON_REQUIRED, "order: a: want an object, have an array" },
	{ OBJ, "n", JSON_REQUIRED, "order: n: want an object, have null" },
	{ OBJ, "n", JSON_OPTIONAL, NULL },
	{ OBJ, "gone", JSON_OPTIONAL, NULL },
	{ ARR, "a", JSON_REQUIRED, NULL },
	{ ARR, "o", JSON_OPTIONAL, "order: o: want an array, have an object" },
	{ ARR, "s", JSON_REQUIRED, "order: s: want an array, have a string" },
	{ ARR, "gone", JSON_REQUIRED, "order: gone: want an array, have nothing" },
	{ ARR, "gone", JSON_OPTIONAL, NULL },
};

/* What was read, as one number or text, "-" for nothing. */
static int
read_member(size_t i, const struct json *obj, char *got, size_t size, struct err *e)
{
	const char *key = members[i].key, *s = NULL;
	const struct json *v = NULL;
	int64_t n = 99;
	bool yes = true;
	int rc = -1;

	if (members[i].type == STR) {
		rc = json_get_str(obj, "order", key, members[i].need, &s, e);
		(void)snprintf(got, size, "%s", s != NULL ? s : "-");
	} else if (members[i].type == INT) {
		rc = json_get_int(obj, "order", key, members[i].need, &n, e);
		(void)snprintf(got, size, "%jd", (intmax_t)n);
	} else if (members[i].type == BOOL) {
		rc = json_get_bool(obj, "order", key, members[i].need, &yes, e);
		(void)snprintf(got, size, "%s", yes ? "true" : "false");
	} else {
		rc = members[i].type == OBJ ?
		    json_get_object(obj, "order", key, members[i].need, &v, e) :
		    json_get_array(obj, "order", key, members[i].need, &v, e);
		(void)snprintf(got, size, "%s", v != NULL ? "value" : "-");
	}
	return rc;
}

static const char *
wanted_value(size_t i)
{
	static const struct {
		const char *key, *value;
	} values[] = {
		{ "s", "text" }, { "i", "42" }, { "neg", "-1" }, { "t", "true" },
		{ "no", "false" }, { "o", "value" }, { "a", "value" },
	};

	for (size_t k = 0; k < NITEMS(values); k++)
		if (strcmp(values[k].key, members[i].key) == 0)
			return values[k].value;
	return members[i].type == INT ? "99" : members[i].type == BOOL ? "false" : "-";
}

START_TEST(members_keep_their_table)
{
	struct err e = ERR_NONE;
	struct json_doc *doc = json_parse(span_str(OBJECT), &e);
	char got[100];
	int rc;

	ck_assert_ptr_nonnull(doc);
	rc = read_member((size_t)_i, json_root(doc), got, sizeof(got), &e);
	if (members[_i].want == NULL) {
		ck_assert_msg(rc == 0, "%s: %s", members[_i].key, e.text);
		ck_assert_str_eq(got, wanted_value((size_t)_i));
	} else {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_str_eq(e.text, members[_i].want);
	}
	json_free(doc);
}
END_TEST

START_TEST(arrays_are_walked_by_number)
{
	struct err e = ERR_NONE;
	struct json_doc *doc = json_parse(span_str(OBJECT), &e);
	const struct json *a;

	ck_assert_int_eq(json_get_array(json_root(doc), "o", "a", JSON_REQUIRED, &a, &e), 0);
	ck_assert_uint_eq(json_count(a), 3);
	ck_assert_str_eq(json_str(json_at(a, 0)), "p");
	ck_assert_ptr_null(json_str(json_at(a, 1)));
	ck_assert_str_eq(json_str(json_at(a, 2)), "q");
	ck_assert_ptr_null(json_at(a, 3));
	ck_assert_ptr_null(json_at(a, SIZE_MAX));
	ck_assert_ptr_null(json_str(NULL));
	ck_assert_ptr_null(json_at(NULL, 0));
	ck_assert_uint_eq(json_count(NULL), 0);
	ck_assert_uint_eq(json_count(json_root(doc)), 0);
	json_free(doc);
	json_free(NULL);
}
END_TEST

START_TEST(keys_come_in_their_order)
{
	static const char *const want[] = { "s", "i", "neg", "f", "t", "no", "n", "o", "a" };
	struct err e = ERR_NONE;
	struct json_doc *doc = json_parse(span_str(OBJECT), &e);
	const char *key = NULL;
	size_t i = 0;

	while ((key = json_next_key(json_root(doc), key)) != NULL) {
		ck_assert_uint_lt(i, NITEMS(want));
		ck_assert_str_eq(key, want[i++]);
	}
	ck_assert_uint_eq(i, NITEMS(want));
	ck_assert_ptr_null(json_next_key(NULL, NULL));
	json_free(doc);
}
END_TEST

START_TEST(a_value_that_must_be_an_object)
{
	struct err e = ERR_NONE;
	struct json_doc *doc = json_parse(span_str("[1]"), &e);
	const struct json *v;

	ck_assert_int_eq(json_is_object(json_root(doc), "problem", &e), -1);
	ck_assert_str_eq(e.text, "problem: want an object, have an array");
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_int_eq(json_is_object(NULL, "problem", &e), -1);
	ck_assert_int_eq(json_get_object(json_root(doc), "problem", "x", JSON_REQUIRED, &v, &e),
	    -1);
	json_free(doc);
	doc = json_parse(span_str("{}"), &e);
	ck_assert_int_eq(json_is_object(json_root(doc), "problem", &e), 0);
	json_free(doc);
}
END_TEST

/* --- writing --- */

START_TEST(commas_and_brackets_are_seen_to)
{
	struct json_out o;
	struct buf b;

	buf_init(&b, 1000);
	json_begin(&o, &b);
	json_put_object(&o, NULL);
	json_put_str(&o, "a", "x");
	json_put_int(&o, "b", INT64_MIN);
	json_put_object(&o, "empty");
	json_object_end(&o);
	json_put_array(&o, "list");
	json_put_bool(&o, NULL, true);
	json_put_bool(&o, NULL, false);
	json_put_array(&o, NULL);
	json_array_end(&o);
	json_put_str(&o, NULL, NULL);
	json_array_end(&o);
	json_put_raw(&o, "raw", span_str("{\"y\":1}"));
	json_put_span(&o, "span", span_of("abc", 2));
	json_object_end(&o);
	ck_assert_str_eq(buf_cstr(&b), "{\"a\":\"x\",\"b\":-9223372036854775808,\"empty\":{},"
	    "\"list\":[true,false,[],null],\"raw\":{\"y\":1},\"span\":\"ab\"}");
	buf_clear(&b);
}
END_TEST

static const struct {
	const char	*in;
	size_t		 n;
	const char	*want;
} quoted[] = {
#undef ROW
#define ROW(in, want) { in, sizeof(in) - 1, want }
	ROW("", "\"\""),
	ROW("plain / text", "\"plain / text\""),
	ROW("\"\\", "\"\\\"\\\\\""),
	ROW("a\nb\tc\r", "\"a\\nb\\u0009c\\u000d\""),
	ROW("\0\x1b\x7f", "\"\\u0000\\u001b\\u007f\""),
	ROW("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
	ROW("\xc2\x9b\xe2\x80\xae\xe2\x80\xa8", "\"\\u009b\\u202e\\u2028\""),
	ROW("\xf3\xa0\x81\x81", "\"\\udb40\\udc41\""),
	ROW("a\xff" "b\xe2\x82", "\"a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\""),
};

START_TEST(strings_are_quoted)
{
	struct json_out o;
	struct buf b;

	buf_init(&b, 1000);
	json_begin(&o, &b);
	json_put_span(&o, NULL, span_of(quoted[_i].in, quoted[_i].n));
	ck_assert_str_eq(buf_cstr(&b), quoted[_i].want);
	buf_clear(&b);
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
	char all[256];
	struct err e = ERR_NONE;
	struct json_doc *doc;
	struct json_out o;
	struct buf b;
	const char *s;

	for (size_t i = 0; i < 127; i++)
		all[i] = (char)(i + 1);
	memcpy(all + 127, "\xc2\x80\xdf\xbf\xe2\x80\xa8\xf3\xa0\x81\x81", 12);
	buf_init(&b, 4000);
	json_begin(&o, &b);
	json_put_object(&o, NULL);
	json_put_str(&o, all, all);
	json_object_end(&o);
	doc = json_parse(buf_span(&b), &e);
	ck_assert_msg(doc != NULL, "%s", e.text);
	ck_assert_int_eq(json_get_str(json_root(doc), "x", all, JSON_REQUIRED, &s, &e), 0);
	ck_assert_str_eq(s, all);
	json_free(doc);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("json");
	TCase *tc = tcase_create("json");

	tcase_add_loop_test(tc, documents_keep_their_table, 0, (int)NITEMS(documents));
	tcase_add_test(tc, nesting_ends_at_32);
	tcase_add_test(tc, octets_end_at_256_kib);
	tcase_add_test(tc, values_end_at_16384);
	tcase_add_loop_test(tc, members_keep_their_table, 0, (int)NITEMS(members));
	tcase_add_test(tc, arrays_are_walked_by_number);
	tcase_add_test(tc, keys_come_in_their_order);
	tcase_add_test(tc, a_value_that_must_be_an_object);
	tcase_add_test(tc, commas_and_brackets_are_seen_to);
	tcase_add_loop_test(tc, strings_are_quoted, 0, (int)NITEMS(quoted));
	tcase_add_test(tc, what_is_written_is_read_back);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
