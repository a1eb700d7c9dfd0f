/*
 * check_host: the host names of FAULTS I02.
 */
#include <string.h>

#include <check.h>

#include "base/text.h"
#include "suite.h"

#define W HOST_WILDCARD
#define S HOST_SINGLE

#define N10	"aaaaaaaaaa"
#define N60	N10 N10 N10 N10 N10 N10
#define N61	N60 "a"
#define N62	N60 "aa"
#define N63	N60 "aaa"
#define N100	N60 N10 N10 N10 N10
#define N250	N100 N100 N10 N10 N10 N10 N10
#define A254	N250 "aaaa"
#define A1000	N250 N250 N250 N250
#define AD10	"a.a.a.a.a.a.a.a.a.a."
#define AD100	AD10 AD10 AD10 AD10 AD10 AD10 AD10 AD10 AD10 AD10
#define AD126	AD100 AD10 AD10 "a.a.a.a.a.a."
#define AD500	AD100 AD100 AD100 AD100 AD100
#define DT254	"............................................................" \
		"............................................................" \
		"............................................................" \
		"............................................................" ".............."
#define DS254	"------------------------------------------------------------" \
		"------------------------------------------------------------" \
		"------------------------------------------------------------" \
		"------------------------------------------------------------" "--------------"

static const struct {
	const char	*in;
	unsigned	 allow;
	const char	*want;	/* canonical, NULL: refused */
	const char	*why;	/* is in the error then */
} hosts[] = {
	{ "example.com", 0, "example.com", NULL },
	{ "sip.example.com", 0, "sip.example.com", NULL },
	{ "EXAMPLE.com", 0, "example.com", NULL },
	{ "Sip.ExamPle.Com", 0, "sip.example.com", NULL },
	{ "a.b", 0, "a.b", NULL },
	{ "1.example.com", 0, "1.example.com", NULL },
	{ "123.com", 0, "123.com", NULL },
	{ "3com.com", 0, "3com.com", NULL },
	{ "0x.com", 0, "0x.com", NULL },
	{ "a-b.example", 0, "a-b.example", NULL },
	{ "a--b.example", 0, "a--b.example", NULL },
	{ "xn--bcher-kva.example", 0, "xn--bcher-kva.example", NULL },
	{ "XN--BCHER-KVA.EXAMPLE", 0, "xn--bcher-kva.example", NULL },
	{ "x.xn--p1ai", 0, "x.xn--p1ai", NULL },
	{ "ab.3com", 0, "ab.3com", NULL },
	{ "a.1a", 0, "a.1a", NULL },
	{ "a.0xg", 0, "a.0xg", NULL },
	{ "a.b.c.d.e.f.g.h", 0, "a.b.c.d.e.f.g.h", NULL },
	{ "1.2.3.4.example", 0, "1.2.3.4.example", NULL },
	{ N63 ".example", 0, N63 ".example", NULL },
	{ "a." N63, 0, "a." N63, NULL },
	{ N63 "." N63 "." N63 "." N61, 0,
	  N63 "." N63 "." N63 "." N61, NULL },
	{ "localhost", S, "localhost", NULL },
	{ "HOST", S, "host", NULL },
	{ "a", S, "a", NULL },
	{ "a.b", S, "a.b", NULL },
	{ "7up", S, "7up", NULL },
	{ "x-1", S, "x-1", NULL },
	{ N63, S, N63, NULL },
	{ "*.example.com", W, "*.example.com", NULL },
	{ "*.EXAMPLE.com", W, "*.example.com", NULL },
	{ "*.a.b", W, "*.a.b", NULL },
	{ "example.com", W, "example.com", NULL },
	{ "*.local", W | S, "*.local", NULL },
	{ "*.example.com", W | S, "*.example.com", NULL },
	{ "xn--a.xn--b", 0, "xn--a.xn--b", NULL },
	{ "0.example", 0, "0.example", NULL },
	{ "a0.b0", 0, "a0.b0", NULL },
	{ "ip6.arpa", 0, "ip6.arpa", NULL },
	{ "1.0.0.127.in-addr.arpa", 0, "1.0.0.127.in-addr.arpa", NULL },
	{ "z.z.z", 0, "z.z.z", NULL },
	{ "", 0, NULL, "empty" },
	{ ".", 0, NULL, "dot" },
	{ "..", 0, NULL, "dot" },
	{ "...", 0, NULL, "dot" },
	{ "....", 0, NULL, "dot" },
	{ ".example.com", 0, NULL, "label" },
	{ "example.com.", 0, NULL, "dot at the end" },
	{ "example..com", 0, NULL, "label" },
	{ "example.com..", 0, NULL, "dot at the end" },
	{ "a...b", 0, NULL, "label" },
	{ "..example.com", 0, NULL, "label" },
	{ ".a.b", 0, NULL, "label" },
	{ "example", 0, NULL, "single" },
	{ "localhost", 0, NULL, "single" },
	{ "com", 0, NULL, "single" },
	{ "a", 0, NULL, "single" },
	{ "a.", S, NULL, "dot at the end" },
	{ ".a", S, NULL, "label" },
	{ "", S, NULL, "empty" },
	{ "", W | S, NULL, "empty" },
	{ "-example.com", 0, NULL, "dash" },
	{ "example-.com", 0, NULL, "dash" },
	{ "a.-b.c", 0, NULL, "dash" },
	{ "a.b-.c", 0, NULL, "dash" },
	{ "a.b-", 0, NULL, "dash" },
	{ "-", S, NULL, "dash" },
	{ "--", S, NULL, "dash" },
	{ "-.-", 0, NULL, "dash" },
	{ "a.-", 0, NULL, "dash" },
	{ "-a.b", 0, NULL, "dash" },
	{ "a.b.-c", 0, NULL, "dash" },
	{ "--a.b", 0, NULL, "dash" },
	{ "a/b.example", 0, NULL, "only letters" },
	{ "a\\b.example", 0, NULL, "only letters" },
	{ "a%b.example", 0, NULL, "only letters" },
	{ "a'b.example", 0, NULL, "only letters" },
	{ "a\"b.example", 0, NULL, "only letters" },
	{ "a`b.example", 0, NULL, "only letters" },
	{ "a$b.example", 0, NULL, "only letters" },
	{ "a&b.example", 0, NULL, "only letters" },
	{ "a;b.example", 0, NULL, "only letters" },
	{ "a|b.example", 0, NULL, "only letters" },
	{ "a<b.example", 0, NULL, "only letters" },
	{ "a>b.example", 0, NULL, "only letters" },
	{ "a(b.example", 0, NULL, "only letters" },
	{ "a)b.example", 0, NULL, "only letters" },
	{ "a{b.example", 0, NULL, "only letters" },
	{ "a}b.example", 0, NULL, "only letters" },
	{ "a[b.example", 0, NULL, "only letters" },
	{ "a]b.example", 0, NULL, "only letters" },
	{ "a!b.example", 0, NULL, "only letters" },
	{ "a?b.example", 0, NULL, "only letters" },
	{ "a#b.example", 0, NULL, "only letters" },
	{ "a@b.example", 0, NULL, "only letters" },
	{ "a=b.example", 0, NULL, "only letters" },
	{ "a+b.example", 0, NULL, "only letters" },
	{ "a~b.example", 0, NULL, "only letters" },
	{ "a^b.example", 0, NULL, "only letters" },
	{ "a_b.example", 0, NULL, "only letters" },
	{ "a,b.example", 0, NULL, "only letters" },
	{ "a b.example", 0, NULL, "only letters" },
	{ "a\tb.example", 0, NULL, "only letters" },
	{ "a\nb.example", 0, NULL, "only letters" },
	{ "a\rb.example", 0, NULL, "only letters" },
	{ "a\vb.example", 0, NULL, "only letters" },
	{ "a\x01" "b.example", 0, NULL, "only letters" },
	{ "a\x1b" "b.example", 0, NULL, "only letters" },
	{ "a\x7f" "b.example", 0, NULL, "only letters" },
	{ "/example.com", 0, NULL, "only letters" },
	{ "example.com/", 0, NULL, "only letters" },
	{ "\\example.com", 0, NULL, "only letters" },
	{ "example.com\\", 0, NULL, "only letters" },
	{ "%example.com", 0, NULL, "only letters" },
	{ "example.com%", 0, NULL, "only letters" },
	{ "$example.com", 0, NULL, "only letters" },
	{ "example.com$", 0, NULL, "only letters" },
	{ ";example.com", 0, NULL, "only letters" },
	{ "example.com;", 0, NULL, "only letters" },
	{ " example.com", 0, NULL, "only letters" },
	{ "example.com ", 0, NULL, "only letters" },
	{ "\nexample.com", 0, NULL, "only letters" },
	{ "example.com\n", 0, NULL, "only letters" },
	{ "_example.com", 0, NULL, "only letters" },
	{ "example.com_", 0, NULL, "only letters" },
	{ "@example.com", 0, NULL, "only letters" },
	{ "example.com@", 0, NULL, "only letters" },
	{ "../etc/passwd", 0, NULL, "label" },
	{ "..\\..\\a.b", 0, NULL, "label" },
	{ "a/../b.c", 0, NULL, "only letters" },
	{ "/etc/passwd.d", 0, NULL, "only letters" },
	{ "a.b/c", 0, NULL, "only letters" },
	{ "%2e%2e.com", 0, NULL, "only letters" },
	{ "%00.example.com", 0, NULL, "only letters" },
	{ "a%2fb.com", 0, NULL, "only letters" },
	{ "http", 0, NULL, "single" },
	{ "x.$(id).com", 0, NULL, "only letters" },
	{ "x.`id`.com", 0, NULL, "only letters" },
	{ "_acme-challenge.example.com", 0, NULL, "only letters" },
	{ "_sip._tls.example.com", 0, NULL, "only letters" },
	{ "b\xc3\xbc" "cher.example", 0, NULL, "beyond ASCII" },
	{ "\xc3\xa9.com", 0, NULL, "beyond ASCII" },
	{ "xn--\xc3\xa9.com", 0, NULL, "beyond ASCII" },
	{ "example.\xe4\xb8\xad", 0, NULL, "beyond ASCII" },
	{ "\xe3\x80\x82.com", 0, NULL, "beyond ASCII" },
	{ "a\xe3\x80\x82" "b.com", 0, NULL, "beyond ASCII" },
	{ "\xef\xbc\x8e.com", 0, NULL, "beyond ASCII" },
	{ "\xff.com", 0, NULL, "beyond ASCII" },
	{ "a.\x80", 0, NULL, "beyond ASCII" },
	{ "\xe2\x80\xae.com", 0, NULL, "beyond ASCII" },
	{ "\xc0\xae.com", 0, NULL, "beyond ASCII" },
	{ "\xef\xbb\xbf" "a.com", 0, NULL, "beyond ASCII" },
	{ "\xd0\xb0pple.com", 0, NULL, "beyond ASCII" },
	{ N63 "a" ".example", 0, NULL, "63" },
	{ "x." N63 "a", 0, NULL, "63" },
	{ N63 "a", S, NULL, "63" },
	{ "a." N100 ".b", 0, NULL, "63" },
	{ N250 ".b", 0, NULL, "63" },
	{ N63 "." N63 "." N63 "." N62, 0, NULL, "253" },
	{ N63 "." N63 "." N63 "." N63, 0, NULL, "253" },
	{ AD126 "ab", 0, NULL, "253" },
	{ A254, 0, NULL, "253" },
	{ A1000, 0, NULL, "253" },
	{ AD500 "a", 0, NULL, "253" },
	{ "*." N63 "." N63 "." N63 "." N60, W, NULL, "253" },
	{ DT254, 0, NULL, "253" },
	{ DS254, 0, NULL, "253" },
	{ "*.example.com", 0, NULL, "wildcard" },
	{ "*", W, NULL, "whole first" },
	{ "*", W | S, NULL, "whole first" },
	{ "*.", W, NULL, "dot at the end" },
	{ "*..com", W, NULL, "label" },
	{ "*.com", W, NULL, "single" },
	{ "**.example.com", W, NULL, "whole first" },
	{ "*.*.example.com", W, NULL, "whole first" },
	{ "a.*.example.com", W, NULL, "whole first" },
	{ "*a.example.com", W, NULL, "whole first" },
	{ "a*.example.com", W, NULL, "whole first" },
	{ "f*o.example.com", W, NULL, "whole first" },
	{ "example.*", W, NULL, "whole first" },
	{ "*example.com", W, NULL, "whole first" },
	{ "*.-a.com", W, NULL, "dash" },
	{ "*.example.com.", W, NULL, "dot at the end" },
	{ "*.example", W, NULL, "single" },
	{ "*.example.com", S, NULL, "wildcard" },
	{ "*.*", W, NULL, "whole first" },
	{ "*-.example.com", W, NULL, "dash" },
	{ "a.example.*", W, NULL, "whole first" },
	{ "*.1.2.3.4", W, NULL, "address" },
	{ "*.localhost", W, NULL, "single" },
	{ "%2a.example.com", W, NULL, "only letters" },
	{ "?.example.com", W, NULL, "only letters" },
	{ "192.0.2.1", 0, NULL, "address" },
	{ "127.0.0.1", 0, NULL, "address" },
	{ "127.0.0.1", S, NULL, "address" },
	{ "127.1", 0, NULL, "address" },
	{ "0", S, NULL, "address" },
	{ "1", S, NULL, "address" },
	{ "2130706433", S, NULL, "address" },
	{ "0x7f000001", S, NULL, "address" },
	{ "0x7f.1", 0, NULL, "address" },
	{ "1.2.3", 0, NULL, "address" },
	{ "1.2.3.4.5", 0, NULL, "address" },
	{ "256.256.256.256", 0, NULL, "address" },
	{ "0177.0.0.1", 0, NULL, "address" },
	{ "example.1", 0, NULL, "address" },
	{ "example.0x1", 0, NULL, "address" },
	{ "example.0X1F", 0, NULL, "address" },
	{ "a.0x", 0, NULL, "address" },
	{ "999999999999", S, NULL, "address" },
	{ "a.00", 0, NULL, "address" },
	{ "::1", 0, NULL, "address" },
	{ "[::1]", 0, NULL, "address" },
	{ "2001:db8::1", 0, NULL, "address" },
	{ "[2001:db8::1]:443", 0, NULL, "address" },
	{ "::ffff:192.0.2.1", 0, NULL, "address" },
	{ "example.com:443", 0, NULL, "address" },
	{ "https://example.com", 0, NULL, "address" },
	{ "sip:example.com", 0, NULL, "address" },
	{ "::", S, NULL, "address" },
	{ "fe80::1%eth0", 0, NULL, "address" },
};

START_TEST(text_host_keeps_its_table)
{
	char out[HOST_MAX + 1] = "untouched";
	struct err e = ERR_NONE;
	int rc = text_host(hosts[_i].in, hosts[_i].allow, out, &e);

	if (hosts[_i].want != NULL) {
		ck_assert_msg(rc == 0, "\"%s\": got \"%s\", want success", hosts[_i].in, e.text);
		ck_assert_str_eq(out, hosts[_i].want);
		return;
	}
	ck_assert_msg(rc == -1, "\"%s\": got \"%s\", want failure", hosts[_i].in, out);
	ck_assert_str_eq(out, "");
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_msg(strstr(e.text, hosts[_i].why) != NULL, "\"%s\": got \"%s\", want \"%s\"",
	    hosts[_i].in, e.text, hosts[_i].why);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("host");
	TCase *tc = tcase_create("host");

	tcase_add_loop_test(tc, text_host_keeps_its_table, 0, (int)NITEMS(hosts));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
