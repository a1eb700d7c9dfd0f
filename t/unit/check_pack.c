/*
 * check_pack: structs there and back, and octets that are no struct.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/pack.h"
#include "suite.h"

struct leaf {
	char	*name;
	bool	 yes;
};

static const struct pack leaf_pack = PACK(leaf,
	{ PACK_STR, offsetof(struct leaf, name), NULL },
	{ PACK_BOOL, offsetof(struct leaf, yes), NULL });

struct all {
	int64_t		 number;
	bool		 yes;
	char		*text;
	char		*none;
	struct blob	 blob;
	struct strs	 strs;
	struct list	 leaves;
	struct leaf	 leaf;
};

static const struct pack all_pack = PACK(all,
	{ PACK_I64, offsetof(struct all, number), NULL },
	{ PACK_BOOL, offsetof(struct all, yes), NULL },
	{ PACK_STR, offsetof(struct all, text), NULL },
	{ PACK_STR, offsetof(struct all, none), NULL },
	{ PACK_BLOB, offsetof(struct all, blob), NULL },
	{ PACK_STRS, offsetof(struct all, strs), NULL },
	{ PACK_LIST, offsetof(struct all, leaves), &leaf_pack },
	{ PACK_STRUCT, offsetof(struct all, leaf), &leaf_pack });

struct counted {
	int64_t	 n;
};

static const struct pack counted_pack = PACK(counted,
	{ PACK_COUNT, offsetof(struct counted, n), NULL });

static const struct {
	int64_t	 n;
	bool	 ok;
} counts[] = {
	{ -1, true }, { 0, true }, { PACK_MAX_COUNT, true }, { -2, false },
	{ PACK_MAX_COUNT + 1, false }, { INT64_MIN, false }, { INT64_MAX, false },
};

/* Lists of itself, to any depth. */
struct tree {
	struct list	 children;
};

static const struct pack tree_pack;
static const struct pack_field tree_fields[] = {
	{ PACK_LIST, offsetof(struct tree, children), &tree_pack },
};
static const struct pack tree_pack = { "tree", sizeof(struct tree), tree_fields, 1 };

static void
fill(struct all *a)
{
	struct leaf *l;

	*a = (struct all){ .number = -5, .yes = true };
	ck_assert_ptr_nonnull(a->text = strdup("text"));
	ck_assert_int_eq(blob_set(&a->blob, span_of("\0\1\2", 3)), 0);
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(strs_add(&a->strs, i % 2 == 0 ? "even" : ""), 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(l = list_add(&a->leaves, sizeof(*l)));
		ck_assert_ptr_null(l->name);
		ck_assert_ptr_nonnull(l->name = strdup("leaf"));
		l->yes = i == 1;
	}
}

START_TEST(a_struct_comes_back_as_it_was)
{
	struct all a, back;
	struct buf b;
	struct rd r;

	fill(&a);
	buf_init(&b, 1000);
	pack_write(&all_pack, &a, &b);
	ck_assert(buf_ok(&b));
	r = rd_of(buf_span(&b));
	memset(&back, 0xaa, sizeof(back));
	ck_assert_int_eq(pack_read(&all_pack, &r, &back), 0);
	ck_assert(rd_end(&r));
	ck_assert_int_eq(back.number, -5);
	ck_assert(back.yes);
	ck_assert_str_eq(back.text, "text");
	ck_assert_ptr_null(back.none);
	ck_assert(span_eq(blob_span(&back.blob), span_of("\0\1\2", 3)));
	ck_assert_uint_eq(back.strs.n, 5);
	ck_assert_str_eq(back.strs.v[4], "even");
	ck_assert_str_eq(back.strs.v[3], "");
	ck_assert_uint_eq(back.leaves.n, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(((struct leaf *)back.leaves.v)[i].name, "leaf");
		ck_assert_int_eq(((struct leaf *)back.leaves.v)[i].yes, i == 1);
	}
	ck_assert_ptr_null(back.leaf.name);
	pack_clear(&all_pack, &a);
	pack_clear(&all_pack, &back);
	ck_assert_ptr_null(back.text);
	ck_assert_uint_eq(back.leaves.n, 0);
	pack_clear(&all_pack, &back);
	buf_clear(&b);
}
END_TEST

START_TEST(every_truncation_is_refused_and_leaves_nothing)
{
	static const struct all nothing;
	struct all a, back;
	struct buf b;
	struct rd r;

	fill(&a);
	buf_init(&b, 1000);
	pack_write(&all_pack, &a, &b);
	for (size_t n = 0; n < b.n; n++) {
		r = rd_of(span_of(b.p, n));
		ck_assert_msg(pack_read(&all_pack, &r, &back) == -1, "%zu octets", n);
		ck_assert(!rd_ok(&r));
		ck_assert_mem_eq(&back, &nothing, sizeof(back));
	}
	pack_clear(&all_pack, &a);
	buf_clear(&b);
}
END_TEST

START_TEST(changed_octets_never_crash_it)
{
	struct all a, back;
	struct buf b;
	struct rd r;
	uint8_t was;

	fill(&a);
	buf_init(&b, 1000);
	pack_write(&all_pack, &a, &b);
	for (size_t i = 0; i < b.n; i++)
		for (unsigned v = 0; v < 256; v++) {
			was = b.p[i];
			b.p[i] = (uint8_t)v;
			r = rd_of(buf_span(&b));
			if (pack_read(&all_pack, &r, &back) == 0)
				pack_clear(&all_pack, &back);
			b.p[i] = was;
		}
	pack_clear(&all_pack, &a);
	buf_clear(&b);
}
END_TEST

static const struct {
	const char		*what;
	const struct pack	*pack;
	const char		*in;
	size_t			 n;
	bool			 ok;
} octets[] = {
#define ROW(what, pack, in, ok) { what, pack, in, sizeof(in) - 1, ok }
	ROW("text and truth", &leaf_pack, "\1\0\0\0\1x\1", true),
	ROW("no text", &leaf_pack, "\0\0", true),
	ROW("empty text", &leaf_pack, "\1\0\0\0\0\0", true),
	ROW("NUL in a text", &leaf_pack, "\1\0\0\0\3a\0b\1", false),
	ROW("truth of 2", &leaf_pack, "\0\2", false),
	ROW("presence of 2", &leaf_pack, "\2\0\0\0\1x\1", false),
	ROW("length beyond the end", &leaf_pack, "\1\377\377\377\377x\1", false),
	ROW("tree of one level", &tree_pack, "\0\0\0\0", true),
	ROW("a count without items", &tree_pack, "\0\0\0\1", false),
	ROW("65536 items of which two are there", &tree_pack, "\0\1\0\0\0\0\0\0\0\0\0\0", false),
	ROW("more than 65536 items", &tree_pack, "\0\1\0\1\0\0\0\0\0\0\0\0", false),
	ROW("eight levels", &tree_pack,
	    "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\0", true),
	ROW("nine levels", &tree_pack,
	    "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\0", false),
};

START_TEST(octets_keep_their_table)
{
	struct rd r = rd_of(span_of(octets[_i].in, octets[_i].n));
	struct all obj;
	int rc = pack_read(octets[_i].pack, &r, &obj);

	ck_assert_msg((rc == 0 && rd_end(&r)) == octets[_i].ok, "%s: got %d", octets[_i].what, rc);
	if (rc == 0)
		pack_clear(octets[_i].pack, &obj);
}
END_TEST

START_TEST(a_count_has_bounds)
{
	struct counted in = { .n = counts[_i].n }, out;
	struct buf b;
	struct rd r;

	buf_init(&b, 64);
	pack_write(&counted_pack, &in, &b);
	ck_assert(buf_ok(&b));
	r = rd_of(buf_span(&b));
	ck_assert_int_eq(pack_read(&counted_pack, &r, &out), counts[_i].ok ? 0 : -1);
	ck_assert(!counts[_i].ok || out.n == in.n);
	buf_clear(&b);
}
END_TEST

START_TEST(nesting_beyond_eight_is_not_written_either)
{
	struct tree t[9] = { { { NULL, 0 } } };
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < 8; i++)
		t[i].children = (struct list){ &t[i + 1], 1 };
	pack_write(&tree_pack, &t[1], &b);
	ck_assert(buf_ok(&b));
	pack_write(&tree_pack, &t[0], &b);
	ck_assert(!buf_ok(&b));
	buf_clear(&b);
}
END_TEST

START_TEST(a_count_beyond_65536_is_not_read)
{
	struct tree t;
	struct buf b;
	struct rd r;

	buf_init(&b, 1 << 20);
	buf_u32(&b, PACK_MAX_ITEMS);
	for (size_t i = 0; i < PACK_MAX_ITEMS; i++)
		buf_u32(&b, 0);
	r = rd_of(buf_span(&b));
	ck_assert_int_eq(pack_read(&tree_pack, &r, &t), 0);
	ck_assert_uint_eq(t.children.n, PACK_MAX_ITEMS);
	pack_clear(&tree_pack, &t);
	buf_u32(&b, 0);
	b.p[3] = 1;
	r = rd_of(buf_span(&b));
	ck_assert_int_eq(pack_read(&tree_pack, &r, &t), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(a_count_beyond_65536_is_not_written)
{
	struct all a = { .leaves = { NULL, 0 } };
	struct buf b;

	for (size_t i = 0; i < PACK_MAX_ITEMS; i++)
		ck_assert_int_eq(strs_add(&a.strs, ""), 0);
	buf_init(&b, 1 << 20);
	pack_write(&all_pack, &a, &b);
	ck_assert(buf_ok(&b));
	ck_assert_int_eq(strs_add(&a.strs, ""), 0);
	pack_write(&all_pack, &a, &b);
	ck_assert(!buf_ok(&b));
	pack_clear(&all_pack, &a);
	buf_clear(&b);
}
END_TEST

START_TEST(a_full_builder_fails)
{
	struct all a;
	struct buf b;

	fill(&a);
	buf_init(&b, 20);
	pack_write(&all_pack, &a, &b);
	ck_assert(!buf_ok(&b));
	pack_clear(&all_pack, &a);
	buf_clear(&b);
}
END_TEST

START_TEST(arrays_grow_and_keep_their_items)
{
	struct strs s = { NULL, 0 };
	struct list l = { NULL, 0 };
	int64_t *n;
	char text[20];

	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "t%d", i);
		ck_assert_int_eq(strs_add(&s, text), 0);
		ck_assert_ptr_nonnull(n = list_add(&l, sizeof(*n)));
		ck_assert_int_eq(*n, 0);
		*n = i;
	}
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "t%d", i);
		ck_assert_str_eq(s.v[i], text);
		ck_assert_int_eq(((int64_t *)l.v)[i], i);
	}
	ck_assert(strs_has(&s, "t0"));
	ck_assert(strs_has(&s, "t999"));
	ck_assert(!strs_has(&s, "t1000"));
	strs_clear(&s);
	ck_assert(!strs_has(&s, "t0"));
	free(l.v);
}
END_TEST

START_TEST(a_blob_may_be_set_from_itself)
{
	struct blob b = { NULL, 0 };

	ck_assert_int_eq(blob_set(&b, span_str("abcdef")), 0);
	ck_assert_int_eq(blob_set(&b, span_of(b.p + 2, 3)), 0);
	ck_assert(span_is(blob_span(&b), "cde"));
	ck_assert_int_eq(blob_set(&b, SPAN_NONE), 0);
	ck_assert_uint_eq(b.n, 0);
	blob_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pack");
	TCase *tc = tcase_create("pack");

	tcase_add_test(tc, a_struct_comes_back_as_it_was);
	tcase_add_test(tc, every_truncation_is_refused_and_leaves_nothing);
	tcase_add_test(tc, changed_octets_never_crash_it);
	tcase_add_loop_test(tc, octets_keep_their_table, 0, (int)NITEMS(octets));
	tcase_add_loop_test(tc, a_count_has_bounds, 0, NITEMS(counts));
	tcase_add_test(tc, nesting_beyond_eight_is_not_written_either);
	tcase_add_test(tc, a_count_beyond_65536_is_not_read);
	tcase_add_test(tc, a_count_beyond_65536_is_not_written);
	tcase_add_test(tc, a_full_builder_fails);
	tcase_add_test(tc, arrays_grow_and_keep_their_items);
	tcase_add_test(tc, a_blob_may_be_set_from_itself);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
