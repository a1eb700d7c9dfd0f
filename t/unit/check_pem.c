/*
 * check_pem: blocks of text, as they should be and as they should not, and how long it takes to
 * see that (FAULTS I06).
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "chain.h"
#include "csrfile.h"
#include "pem.h"
#include "suite.h"

#define BODY	"AQIDBAU=\n"		/* 01 02 03 04 05 */
#define GOOD	"-----BEGIN X-----\n" BODY "-----END X-----\n"

/* What is read: each block as label=hex and a blank, then "end" or a part of the error. */
static const struct {
	const char	*what;
	const char	*in;
	const char	*want;
} rows[] = {
	{ "nothing", "", "end" },
	{ "one block", GOOD, "X=0102030405 end" },
	{ "two blocks", GOOD GOOD, "X=0102030405 X=0102030405 end" },
	{ "CRLF", "-----BEGIN X-----\r\nAQIDBAU=\r\n-----END X-----\r\n", "X=0102030405 end" },
	{ "blanks at the end of lines", "-----BEGIN X----- \t\nAQIDBAU= \n-----END X-----\t\n",
	  "X=0102030405 end" },
	{ "no end of the last line", "-----BEGIN X-----\nAQIDBAU=\n-----END X-----",
	  "X=0102030405 end" },
	{ "lines of any length", "-----BEGIN X-----\nA\nQ\nID\nBAU\n=\n-----END X-----\n",
	  "X=0102030405 end" },
	{ "text around", "hello\n" GOOD "subject=x\n" GOOD "bye\n",
	  "X=0102030405 X=0102030405 end" },
	{ "a label of several words", "-----BEGIN RSA PRIVATE KEY-----\nAQ==\n"
	  "-----END RSA PRIVATE KEY-----\n", "RSA PRIVATE KEY=01 end" },
	{ "an empty block", "-----BEGIN X-----\n-----END X-----\n", "X= end" },
	{ "+ and /", "-----BEGIN X-----\n+/+/\n-----END X-----\n", "X=fbffbf end" },
	{ "+ and / of the other alphabet", "-----BEGIN X-----\n-_-_\n-----END X-----\n",
	  "line 1: RFC 7468 section 3: not base64" },
	{ "no END", "-----BEGIN X-----\nAQIDBAU=\n", "line 1: RFC 7468 section 2: block "
	  "without its END" },
	{ "END cut", "-----BEGIN X-----\nAQIDBAU=\n-----END X---\n", "line 3: RFC 7468 "
	  "section 2: want the END" },
	{ "END of another", "-----BEGIN X-----\nAQIDBAU=\n-----END Y-----\n",
	  "line 3: RFC 7468 section 2: want the END of the X of line 1" },
	{ "BEGIN in a block", "-----BEGIN X-----\nAQID\n" GOOD, "line 3: RFC 7468 section 2: "
	  "want the END" },
	{ "BEGIN cut", "-----BEGIN X--\nAQIDBAU=\n-----END X-----\n",
	  "line 1: RFC 7468 section 2: broken boundary" },
	{ "second BEGIN cut", GOOD "-----BEGIN X\n" BODY "-----END X-----\n",
	  "X=0102030405 line 4: RFC 7468 section 2: broken boundary" },
	{ "END alone", BODY "-----END X-----\n", "line 2: RFC 7468 section 2: broken boundary" },
	{ "no label", "-----BEGIN -----\nAQ==\n-----END -----\n",
	  "line 1: RFC 7468 section 2: broken boundary" },
	{ "a label without end", "-----BEGIN "
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-----\n",
	  "line 1: RFC 7468 section 2: broken boundary" },
	{ "headers", "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAQIDBAU=\n-----END X-----\n",
	  "line 1: RFC 7468 section 3: not base64" },
	{ "no padding", "-----BEGIN X-----\nAQIDBAU\n-----END X-----\n", "line 1: RFC 7468 "
	  "section 3: not base64" },
	{ "too much padding", "-----BEGIN X-----\nAQIDBA===\n-----END X-----\n",
	  "line 1: RFC 7468 section 3: not base64" },
	{ "padding inside", "-----BEGIN X-----\nAQ==IDBA\n-----END X-----\n",
	  "line 1: RFC 7468 section 3: not base64" },
	{ "stray bits", "-----BEGIN X-----\nAQIDBAV=\n-----END X-----\n",
	  "line 1: RFC 7468 section 3: not base64" },
	{ "a page", "<!DOCTYPE html>\n<p>Sign in", "line 1: RFC 7468 section 2: want PEM, "
	  "have HTML: <!DOCTYPE html>" },
	{ "a page behind", GOOD "<p>Sign in", "X=0102030405 line 4: RFC 7468 section 2: want "
	  "PEM, have HTML" },
};

static void
read_all(struct span in, struct buf *out)
{
	struct pem_rd r = pem_rd_of(in, OUT_REFUSE);
	struct pem_block b;
	struct err e = ERR_NONE;
	struct buf der;
	enum pem_got got;

	buf_init(&der, 65536);
	while ((got = pem_next(&r, &b, &e)) == PEM_BLOCK) {
		buf_reset(&der);
		if (pem_decode(&r, &b, &der, &e) == -1) {
			got = PEM_BAD;
			break;
		}
		buf_put(out, b.label);
		buf_u8(out, '=');
		buf_hex(out, buf_span(&der));
		buf_u8(out, ' ');
	}
	buf_str(out, got == PEM_END ? "end" : e.text);
	if (got == PEM_BAD)
		ck_assert_int_eq(e.class, OUT_REFUSE);
	buf_clear(&der);
}

START_TEST(pem_is_read_as_the_table_says)
{
	struct buf out;

	buf_init(&out, 65536);
	read_all(span_str(rows[_i].in), &out);
	ck_assert_msg(strncmp(buf_cstr(&out), rows[_i].want, strlen(rows[_i].want)) == 0,
	    "%s: got \"%s\", want \"%s\"", rows[_i].what, buf_cstr(&out), rows[_i].want);
	buf_clear(&out);
}
END_TEST

START_TEST(what_is_put_is_read_again)
{
	struct buf pem, out, want;
	uint8_t octets[200];

	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)(i * 7);
	buf_init(&pem, 65536);
	buf_init(&out, 65536);
	buf_init(&want, 65536);
	pem_put(&pem, "A LABEL", span_of(octets, (size_t)_i));
	read_all(buf_span(&pem), &out);
	buf_str(&want, "A LABEL=");
	buf_hex(&want, span_of(octets, (size_t)_i));
	buf_str(&want, " end");
	ck_assert_str_eq(buf_cstr(&out), buf_cstr(&want));
	buf_clear(&pem);
	buf_clear(&out);
	buf_clear(&want);
}
END_TEST

/* Every octet that is cut from the end of two blocks is missed, but the last line end. */
START_TEST(every_cut_is_noticed)
{
	static const char in[] = GOOD GOOD;
	struct buf out;

	for (size_t n = sizeof GOOD; n < sizeof in - 2; n++) {
		buf_init(&out, 65536);
		read_all(span_of(in, n), &out);
		ck_assert_msg(strstr(buf_cstr(&out), "line") != NULL || n < sizeof GOOD + 4,
		    "cut to %zu octets: got \"%s\"", n, buf_cstr(&out));
		buf_clear(&out);
	}
}
END_TEST

/* --- time --- */

#define LADDER_TOP	(256 * 1024)
#define LADDER_STEPS	8	/* between the lowest rung and the top */
#define LIMIT_NS	(100 * 1000000)

static void
read_as_chain(struct span in)
{
	struct certs certs;
	struct err why;

	if (chain_read(in, &certs, &why) == 0)
		pack_clear(&certs_pack, &certs);
}

static void
read_as_key(struct span in)
{
	struct err why;

	key_free(key_from_pem(in, &why));
}

static void
read_as_request(struct span in)
{
	struct csrfile csr;
	struct err why;

	if (csrfile_read(in, &csr, &why) == 0)
		csrfile_clear(&csr);
}

static void	(*const readers[])(struct span) = { read_as_chain, read_as_key, read_as_request };

static const struct {
	const char	*head;
	const char	*piece;		/* over and over */
} endless[] = {
	{ "", "a" },
	{ "", "a\n" },
	{ "", "-" },
	{ "", " \t" },
	{ "", "\n" },
	{ "", "\x30\x82\xff\xff" },
	{ "", "-----BEGIN CERTIFICATE-----\n" },
	{ "", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" },
	{ "", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" },
	{ "-----BEGIN CERTIFICATE-----\n", "A" },
	{ "-----BEGIN CERTIFICATE-----\n", "AAAA\n" },
	{ "-----BEGIN CERTIFICATE-----\n", "=" },
	{ "-----BEGIN CERTIFICATE-----\n", "--" },
	{ "-----BEGIN PRIVATE KEY-----\n", "\n" },
	{ "-----BEGIN CERTIFICATE REQUEST-----\n", " " },
};

static int64_t
cpu_ns(void)
{
	struct timespec t;

	ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The best of a few: what else the machine does is not counted. */
static int64_t
time_of(void (*reader)(struct span), struct span in)
{
	int64_t best = INT64_MAX, begin, took;

	for (int i = 0; i < 5; i++) {
		begin = cpu_ns();
		reader(in);
		took = cpu_ns() - begin;
		best = took < best ? took : best;
	}
	return best;
}

static void
look_at_each_octet(struct span in)
{
	volatile uint8_t seen = 0;

	for (size_t i = 0; i < in.n; i++)
		seen = (uint8_t)(seen ^ in.p[i]);
}

/*
 * A hundred milliseconds for the largest reply; eight times as much text takes
 * no 64 times as long.
 */
START_TEST(what_is_wrong_is_seen_in_time)
{
	int64_t low, high, look;
	struct buf in;

	buf_init(&in, LADDER_TOP + 64);
	buf_str(&in, endless[_i].head);
	while (in.n < LADDER_TOP)
		buf_str(&in, endless[_i].piece);
	look = time_of(look_at_each_octet, buf_span(&in));
	for (size_t i = 0; i < NITEMS(readers); i++) {
		low = time_of(readers[i], span_of(in.p, LADDER_TOP / LADDER_STEPS));
		high = time_of(readers[i], buf_span(&in));
		/* sanitizers slow down everything */
		ck_assert_msg(high < LIMIT_NS || high < look * 100,
		    "reader %zu, \"%s%s...\": %jd ns", i,
		    endless[_i].head, endless[_i].piece, (intmax_t)high);
		ck_assert_msg(high < low * 3 * LADDER_STEPS || high < look * 20,
		    "reader %zu, \"%s%s...\": %jd ns, and %jd for an eighth", i, endless[_i].head,
		    endless[_i].piece, (intmax_t)high, (intmax_t)low);
	}
	buf_clear(&in);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pem");
	TCase *tc = tcase_create("pem");

	tcase_add_loop_test(tc, pem_is_read_as_the_table_says, 0, (int)NITEMS(rows));
	tcase_add_loop_test(tc, what_is_put_is_read_again, 0, 200);
	tcase_add_test(tc, every_cut_is_noticed);
	tcase_add_loop_test(tc, what_is_wrong_is_seen_in_time, 0, (int)NITEMS(endless));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
