/*
 * check_bytes: spans, readers, builders and their codes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/bytes.h"
#include "refuse.h"
#include "suite.h"

/* --- spans --- */

START_TEST(spans_compare_by_content)
{
	bool (*const eq[])(struct span, struct span) = { span_eq, span_eq_ct };

	for (size_t i = 0; i < NITEMS(eq); i++) {
		ck_assert(eq[i](SPAN_NONE, span_of("x", 0)));
		ck_assert(eq[i](span_str("abc"), span_of("abcd", 3)));
		ck_assert(!eq[i](span_str("abc"), span_str("abd")));
		ck_assert(!eq[i](span_str("abc"), span_str("ab")));
		ck_assert(!eq[i](span_str("a"), SPAN_NONE));
	}
	ck_assert(span_is(span_str("a"), "a"));
	ck_assert(!span_is(span_of("a\0", 2), "a"));
	ck_assert(span_is(SPAN_NONE, ""));
	ck_assert(span_starts(span_str("token="), "token"));
	ck_assert(span_starts(SPAN_NONE, ""));
	ck_assert(!span_starts(span_str("to"), "token"));
	ck_assert(!span_starts(span_str("Token"), "token"));
	ck_assert_uint_eq(span_str(NULL).n, 0);
}
END_TEST

START_TEST(span_dup_ends_with_a_nul_and_refuses_one_inside)
{
	char *s = span_dup(span_of("abcd", 3));

	ck_assert_str_eq(s, "abc");
	free(s);
	s = span_dup(SPAN_NONE);
	ck_assert_str_eq(s, "");
	free(s);
	ck_assert_ptr_null(span_dup(span_of("a\0b", 3)));
	ck_assert_ptr_null(span_dup(span_of("a\0", 2)));
}
END_TEST

/* --- reader --- */

static const uint8_t counting[] = {
	0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
	0x0f, 0x10, 0x11, 0x12,
};

START_TEST(numbers_are_read_big_endian)
{
	struct rd r = rd_of(span_of(counting, sizeof(counting)));

	ck_assert_uint_eq(rd_u8(&r), 0x01);
	ck_assert_uint_eq(rd_u16(&r), 0x0203);
	ck_assert_uint_eq(rd_u24(&r), 0x040506);
	ck_assert_uint_eq(rd_u32(&r), 0x0708090a);
	ck_assert_uint_eq(rd_u64(&r), UINT64_C(0x0b0c0d0e0f101112));
	ck_assert(rd_end(&r));
}
END_TEST

START_TEST(a_short_read_is_sticky_and_gives_nothing)
{
	struct rd r = rd_of(span_of(counting, 3));
	struct span line;

	ck_assert_uint_eq(rd_u32(&r), 0);
	ck_assert(!rd_ok(&r));
	ck_assert_uint_eq(r.n, 0);
	ck_assert_uint_eq(rd_u8(&r), 0);
	ck_assert_uint_eq(rd_bytes(&r, 1).n, 0);
	ck_assert_uint_eq(rd_bytes(&r, 0).n, 0);
	ck_assert_uint_eq(rd_rest(&r).n, 0);
	ck_assert(!rd_line(&r, &line));
	ck_assert(!rd_end(&r));
}
END_TEST

static const struct {
	const char	*what;
	unsigned	 width;
	const char	*in;
	size_t		 n;
	bool		 ok;
	const char	*want;
} vectors[] = {
	{ "vec8", 1, "\x02" "ab", 3, true, "ab" },
	{ "vec8 empty", 1, "\x00", 1, true, "" },
	{ "vec8 short", 1, "\x03" "ab", 3, false, "" },
	{ "vec8 nothing", 1, "", 0, false, "" },
	{ "vec16", 2, "\x00\x02" "ab", 4, true, "ab" },
	{ "vec16 short", 2, "\x01\x00" "ab", 4, false, "" },
	{ "vec16 half a length", 2, "\x00", 1, false, "" },
	{ "vec24", 3, "\x00\x00\x01" "a", 4, true, "a" },
	{ "vec24 short", 3, "\x01\x00\x00" "a", 4, false, "" },
	{ "vec32", 4, "\x00\x00\x00\x01" "a", 5, true, "a" },
	{ "vec32 huge", 4, "\xff\xff\xff\xff" "a", 5, false, "" },
};

START_TEST(vectors_keep_their_table)
{
	struct rd r = rd_of(span_of(vectors[_i].in, vectors[_i].n));
	struct span (*const read[])(struct rd *) = { rd_vec8, rd_vec16, rd_vec24, rd_vec32 };
	struct span got = read[vectors[_i].width - 1](&r);

	ck_assert_msg(rd_end(&r) == vectors[_i].ok, "%s: got %d, want %d", vectors[_i].what,
	    rd_end(&r), vectors[_i].ok);
	ck_assert_msg(span_is(got, vectors[_i].want), "%s: got %zu octets, want \"%s\"",
	    vectors[_i].what, got.n, vectors[_i].want);
}
END_TEST

START_TEST(lines_end_with_lf_crlf_or_the_input)
{
	static const char *const want[] = { "a", "", "b\rc", "\r", "last" };
	struct rd r = rd_of(span_str("a\r\n\nb\rc\n\r\r\nlast"));
	struct span line;

	for (size_t i = 0; i < NITEMS(want); i++) {
		ck_assert(rd_line(&r, &line));
		ck_assert_msg(span_is(line, want[i]), "line %zu: want \"%s\"", i, want[i]);
	}
	ck_assert(!rd_line(&r, &line));
	ck_assert(rd_end(&r));
	r = rd_of(span_str("x\n"));
	ck_assert(rd_line(&r, &line));
	ck_assert(!rd_line(&r, &line));
}
END_TEST

START_TEST(rd_rest_takes_all_and_rd_fail_ends_it)
{
	struct rd r = rd_of(span_str("abc"));

	(void)rd_u8(&r);
	ck_assert(span_is(rd_rest(&r), "bc"));
	ck_assert(rd_end(&r));
	rd_fail(&r);
	ck_assert(!rd_end(&r));
	ck_assert(!rd_ok(&r));
}
END_TEST

/* --- builder --- */

START_TEST(what_is_written_is_read_back)
{
	struct buf b;
	struct rd r;
	size_t outer, inner;

	buf_init(&b, 1000);
	buf_u8(&b, 0x01);
	buf_u16(&b, 0x0203);
	buf_u8(&b, 0x04);
	buf_u16(&b, 0x0506);
	buf_u32(&b, 0x0708090a);
	buf_u64(&b, UINT64_C(0x0b0c0d0e0f101112));
	ck_assert(span_eq(buf_span(&b), span_of(counting, sizeof(counting))));
	buf_reset(&b);
	outer = buf_open(&b, 3);
	inner = buf_open(&b, 1);
	buf_str(&b, "ab");
	buf_close(&b, inner, 1);
	buf_printf(&b, "%d-%s", 7, "x");
	buf_close(&b, outer, 3);
	ck_assert(buf_ok(&b));
	r = rd_of(buf_span(&b));
	r = rd_of(rd_vec24(&r));
	ck_assert(span_is(rd_vec8(&r), "ab"));
	ck_assert(span_is(rd_rest(&r), "7-x"));
	buf_clear(&b);
}
END_TEST

START_TEST(a_builder_keeps_to_its_maximum)
{
	struct buf b;

	buf_init(&b, 4);
	buf_str(&b, "abcd");
	ck_assert(buf_ok(&b));
	ck_assert_str_eq(buf_cstr(&b), "abcd");
	buf_u8(&b, 'e');
	ck_assert(!buf_ok(&b));
	ck_assert_str_eq(buf_cstr(&b), "");
	ck_assert_uint_eq(buf_span(&b).n, 0);
	buf_reset(&b);
	ck_assert(buf_ok(&b));
	buf_printf(&b, "%s", "abcde");
	ck_assert(!buf_ok(&b));
	buf_reset(&b);
	buf_printf(&b, "%s", "abcd");
	ck_assert(buf_ok(&b));
	buf_clear(&b);
	buf_init(&b, 0);
	buf_put(&b, SPAN_NONE);
	ck_assert_str_eq(buf_cstr(&b), "");
	ck_assert(buf_ok(&b));
	ck_assert_ptr_null(buf_room(&b, SIZE_MAX));
	ck_assert(!buf_ok(&b));
	buf_clear(&b);
}
END_TEST

START_TEST(a_builder_grows_to_any_maximum)
{
	struct buf b;

	for (size_t max = 60; max < 140; max++) {
		buf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			buf_u8(&b, (uint8_t)i);
		ck_assert(buf_ok(&b));
		ck_assert_uint_eq(buf_span(&b).n, max);
		for (size_t i = 0; i < max; i++)
			ck_assert_uint_eq(b.p[i], (uint8_t)i);
		ck_assert_uint_eq((uint8_t)buf_cstr(&b)[max - 1], (uint8_t)(max - 1));
		buf_u8(&b, 0);
		ck_assert(!buf_ok(&b));
		buf_clear(&b);
	}
}
END_TEST

START_TEST(a_vector_too_long_for_its_length_is_a_failure)
{
	struct buf b;
	size_t mark;

	buf_init(&b, 1000);
	mark = buf_open(&b, 1);
	for (int i = 0; i < 255; i++)
		buf_u8(&b, 0);
	buf_close(&b, mark, 1);
	ck_assert(buf_ok(&b));
	ck_assert_uint_eq(b.p[0], 255);
	buf_u8(&b, 0);
	buf_close(&b, mark, 1);
	ck_assert(!buf_ok(&b));
	buf_reset(&b);
	buf_close(&b, 3, 1);
	ck_assert(!buf_ok(&b));
	buf_clear(&b);
}
END_TEST

START_TEST(room_is_used_as_far_as_said)
{
	struct buf b;
	uint8_t *p;

	buf_init(&b, 10);
	p = buf_room(&b, 10);
	ck_assert_ptr_nonnull(p);
	memcpy(p, "abc", 3);
	buf_added(&b, 3);
	ck_assert(span_is(buf_span(&b), "abc"));
	buf_added(&b, 8);
	ck_assert(!buf_ok(&b));
	buf_clear(&b);
}
END_TEST

START_TEST(eating_moves_the_rest_to_the_front)
{
	struct buf b;

	buf_init(&b, 10);
	buf_eat(&b, 0);
	buf_str(&b, "abcdef");
	buf_eat(&b, 2);
	ck_assert(span_is(buf_span(&b), "cdef"));
	ck_assert_uint_eq(b.p[4], 0);
	buf_eat(&b, 4);
	ck_assert(span_is(buf_span(&b), ""));
	ck_assert(buf_ok(&b));
	buf_eat(&b, 1);
	ck_assert(!buf_ok(&b));
	buf_clear(&b);
}
END_TEST

/* FAULTS S16 */
START_TEST(reset_wipes_what_was_there)
{
	struct buf b;

	buf_init(&b, 10);
	buf_str(&b, "secret");
	buf_reset(&b);
	for (size_t i = 0; i < 6; i++)
		ck_assert_uint_eq(b.p[i], 0);
	buf_clear(&b);
	ck_assert_ptr_null(b.p);
	ck_assert_uint_eq(b.max, 10);
}
END_TEST

/* --- texts --- */

/* RFC 4648 section 10, without padding, and what may not be accepted. */
static const struct {
	const char	*text;
	const char	*octets;
	size_t		 n;
	bool		 ok;
} codes64[] = {
	{ "", "", 0, true },
	{ "Zg", "f", 1, true },
	{ "Zm8", "fo", 2, true },
	{ "Zm9v", "foo", 3, true },
	{ "Zm9vYg", "foob", 4, true },
	{ "Zm9vYmE", "fooba", 5, true },
	{ "Zm9vYmFy", "foobar", 6, true },
	{ "-_-_", "\xfb\xff\xbf", 3, true },
	{ "AA", "\0", 1, true },
	{ "A-z_4A", "\x03\xec\xff\xe0", 4, true },
	{ "A", NULL, 0, false },
	{ "AAAAA", NULL, 0, false },
	{ "Zg==", NULL, 0, false },
	{ "Zm8=", NULL, 0, false },
	{ "Zh", NULL, 0, false },		/* stray bits */
	{ "Zm9", NULL, 0, false },
	{ "Z g", NULL, 0, false },
	{ "Zg\n", NULL, 0, false },
	{ "Zm9+", NULL, 0, false },
	{ "Zm9/", NULL, 0, false },
	{ "Zm\xc3\xa9", NULL, 0, false },
	{ "Zm9.", NULL, 0, false },
};

START_TEST(base64url_keeps_its_table)
{
	struct buf b;
	int rc;

	buf_init(&b, 100);
	rc = base64url_decode(span_str(codes64[_i].text), &b);
	ck_assert_msg((rc == 0) == codes64[_i].ok, "\"%s\": got %d", codes64[_i].text, rc);
	ck_assert(span_eq(buf_span(&b), span_of(codes64[_i].octets, codes64[_i].n)));
	if (codes64[_i].ok) {		/* and the way back */
		buf_reset(&b);
		buf_base64url(&b, span_of(codes64[_i].octets, codes64[_i].n));
		ck_assert_str_eq(buf_cstr(&b), codes64[_i].text);
	}
	buf_clear(&b);
}
END_TEST

START_TEST(every_length_survives_base64url_and_hex)
{
	uint8_t octets[64];
	struct buf text, back;

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * 37 + 11);
	buf_init(&text, 1000);
	buf_init(&back, 1000);
	for (size_t n = 0; n <= sizeof(octets); n++) {
		buf_reset(&text);
		buf_reset(&back);
		buf_base64url(&text, span_of(octets, n));
		ck_assert_int_eq(base64url_decode(buf_span(&text), &back), 0);
		ck_assert(span_eq(buf_span(&back), span_of(octets, n)));
		buf_reset(&text);
		buf_reset(&back);
		buf_hex(&text, span_of(octets, n));
		ck_assert_uint_eq(buf_span(&text).n, 2 * n);
		ck_assert_int_eq(hex_decode(buf_span(&text), &back), 0);
		ck_assert(span_eq(buf_span(&back), span_of(octets, n)));
	}
	buf_clear(&text);
	buf_clear(&back);
}
END_TEST

START_TEST(hex_is_pairs_of_digits)
{
	static const char *const bad[] = { "0", "000", "0g", "g0", "0x", " 0", "00 ", "-1" };
	struct buf b;

	buf_init(&b, 10);
	buf_hex(&b, span_of("\x00\x9f\xff", 3));
	ck_assert_str_eq(buf_cstr(&b), "009fff");
	buf_reset(&b);
	ck_assert_int_eq(hex_decode(span_str("00aFFf"), &b), 0);
	ck_assert(span_eq(buf_span(&b), span_of("\x00\xaf\xff", 3)));
	buf_reset(&b);
	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_msg(hex_decode(span_str(bad[i]), &b) == -1, "\"%s\"", bad[i]);
	ck_assert_uint_eq(b.n, 0);
	buf_clear(&b);
}
END_TEST

START_TEST(decoding_into_a_full_builder_fails)
{
	struct buf b;

	buf_init(&b, 2);
	ck_assert_int_eq(base64url_decode(span_str("Zm9v"), &b), -1);
	buf_reset(&b);
	ck_assert_int_eq(hex_decode(span_str("000000"), &b), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(sha256_of_nothing_and_of_abc)
{
	uint8_t out[SHA256_LEN];
	struct buf b;

	buf_init(&b, 100);
	ck_assert_int_eq(sha256(SPAN_NONE, out), 0);
	buf_hex(&b, span_of(out, sizeof(out)));
	ck_assert_str_eq(buf_cstr(&b),
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	buf_reset(&b);
	ck_assert_int_eq(sha256(span_str("abc"), out), 0);
	buf_hex(&b, span_of(out, sizeof(out)));
	ck_assert_str_eq(buf_cstr(&b),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	buf_clear(&b);
}
END_TEST

START_TEST(random_octets_differ_and_wiped_ones_are_zero)
{
	uint8_t a[32], b[32], zero[32] = { 0 };

	ck_assert_int_eq(random_bytes(a, sizeof(a)), 0);
	ck_assert_int_eq(random_bytes(b, sizeof(b)), 0);
	ck_assert_mem_ne(a, b, sizeof(a));
	ck_assert_int_eq(random_bytes(a, SIZE_MAX), -1);
	wipe(a, sizeof(a));
	ck_assert_mem_eq(a, zero, sizeof(a));
	wipe(NULL, 5);
}
END_TEST

/* Octets that are not random are never taken for some. */
START_TEST(a_kernel_without_random_octets_is_told)
{
	uint8_t a[32];

	refuse_call(SYS_getrandom, ENOSYS);
	ck_assert_int_eq(random_bytes(a, sizeof(a)), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bytes");
	TCase *tc = tcase_create("bytes");

	tcase_add_test(tc, spans_compare_by_content);
	tcase_add_test(tc, span_dup_ends_with_a_nul_and_refuses_one_inside);
	tcase_add_test(tc, numbers_are_read_big_endian);
	tcase_add_test(tc, a_short_read_is_sticky_and_gives_nothing);
	tcase_add_loop_test(tc, vectors_keep_their_table, 0, (int)NITEMS(vectors));
	tcase_add_test(tc, lines_end_with_lf_crlf_or_the_input);
	tcase_add_test(tc, rd_rest_takes_all_and_rd_fail_ends_it);
	tcase_add_test(tc, what_is_written_is_read_back);
	tcase_add_test(tc, a_builder_keeps_to_its_maximum);
	tcase_add_test(tc, a_builder_grows_to_any_maximum);
	tcase_add_test(tc, a_vector_too_long_for_its_length_is_a_failure);
	tcase_add_test(tc, room_is_used_as_far_as_said);
	tcase_add_test(tc, eating_moves_the_rest_to_the_front);
	tcase_add_test(tc, reset_wipes_what_was_there);
	tcase_add_loop_test(tc, base64url_keeps_its_table, 0, (int)NITEMS(codes64));
	tcase_add_test(tc, every_length_survives_base64url_and_hex);
	tcase_add_test(tc, hex_is_pairs_of_digits);
	tcase_add_test(tc, decoding_into_a_full_builder_fails);
	tcase_add_test(tc, sha256_of_nothing_and_of_abc);
	tcase_add_test(tc, random_octets_differ_and_wiped_ones_are_zero);
	tcase_add_test(tc, a_kernel_without_random_octets_is_told);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
