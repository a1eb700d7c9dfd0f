/*
 * tlscfg: the rows of accepted[] and refused[] were also given to a Kamailio
 * 5.6.3, which took and refused the same files, and named the same places.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/release.h"
#include "suite.h"
#include "tlscfg.h"

#define DUMP_MAX	4096

static int
read_text(struct span text, int64_t release, struct tlscfg *cfg, struct err *e)
{
	const struct tlscfg_in in = { .text = text, .name = "tls.cfg", .release = release,
	    .base_dir = "/etc/kamailio", .work_dir = "/run/kamailio" };

	return tlscfg_read(&in, cfg, e);
}

static void
dump_file(struct buf *b, const char *what, const struct tlscfg_file *f)
{
	if (f->path != NULL)
		buf_printf(b, " %s=%s", what, f->path);
}

/* The defaults that are not written are left out where they have nothing to say. */
static void
dump(const struct tlscfg *cfg, struct buf *b)
{
	const struct tlscfg_profile *p = cfg->profiles.v;
	char label[TLSCFG_LABEL];

	for (size_t i = 0; i < cfg->profiles.n; i++, p++) {
		if (p->line == 0 && p->kind == TLSCFG_CLIENT)
			continue;
		buf_printf(b, "%jd%s", (intmax_t)p->line, tlscfg_label(p, label));
		if (p->name_mode != 0)
			buf_printf(b, " mode=%jd", (intmax_t)p->name_mode);
		dump_file(b, "cert", &p->certificate);
		dump_file(b, "key", &p->private_key);
		dump_file(b, "ca", &p->ca_list);
		dump_file(b, "crl", &p->crl);
		buf_printf(b, "%s%s%s\n", p->verify ? " verify" : "", p->require ? " require" : "",
		    p->verify_client != 0 ? " ask" : "");
	}
}

#define OWN	"cert=/etc/kamailio/cert.pem key=/etc/kamailio/cert.pem"
#define DEF	"0[server:default] " OWN "\n"

static const struct {
	const char	*what;
	const char	*text;
	const char	*want;		/* as dump() has it */
} accepted[] = {
	{ "an empty file is a default server with cert.pem", "", DEF },
	{ "comments and blank lines", "# a\n\n \t\r\n#b", DEF },
	{ "a backslash joins a comment to the next line", "# a \\\nfoo = bar\n", DEF },
	{ "a lone backslash joins lines", "\\\n[client:default]\n", "2[client:default]\n" DEF },
	{ "kinds and their short forms", "[server:default]\n[SRV:any]\nserver_name=a.org\n"
	  "[c:def]\n[cli:1.2.3.4:5061]\n",
	  "1[server:default] " OWN "\n2[server:any] a.org " OWN "\n4[client:default]\n"
	  "5[client:1.2.3.4:5061]\n" },
	{ "blanks in a section", "[ server : all ] # x\nserver_name = a.org\n",
	  "1[server:any] a.org " OWN "\n" DEF },
	{ "IPv6 has one spelling", "[s:[2001:DB8:0:0::1]:5061]\n",
	  "1[server:[2001:db8::1]:5061] " OWN "\n" DEF },
	{ "a port is cut to 16 bits", "[s:1.2.3.4:99999]\n",
	    "1[server:1.2.3.4:34463] " OWN "\n" DEF },
	{ "paths", "[server:default]\ncertificate = /a/b.pem\nprivate_key = ./k.pem\n"
	  "ca_list = tls/ca.pem\ncrl = \"x y.pem\"\n",
	  "1[server:default] cert=/a/b.pem key=/run/kamailio/./k.pem ca=/etc/kamailio/tls/ca.pem "
	  "crl=/etc/kamailio/x y.pem\n" },
	{ "aliases", "[server:default]\ncert_file=/c\npkey_file=/k\ncalist_file=/a\n"
	  "tls_method=TLSv1.2+\nverify_cert=yes\nrequire_cert=on\n",
	  "1[server:default] cert=/c key=/k ca=/a verify require\n" },
	{ "names know no case", "[SERVER:Default]\nCertificate=/c\nPRIVATE_KEY=/k\n"
	    "method=tlsv1.2+\n"
	  "verify_client=OPTIONAL\n", "1[server:default] cert=/c key=/k ask\n" },
	{ "the last assignment wins", "[server:default]\ncertificate=/a\ncertificate=/b\n"
	  "private_key=/k\n", "1[server:default] cert=/b key=/k\n" },
	{ "a comment ends a path", "[server:default]\ncertificate=/a#b\nprivate_key=/k\n",
	  "1[server:default] cert=/a key=/k\n" },
	{ "a single quote is part of a value", "[server:default]\ncertificate='/a'\n"
	    "private_key=/k\n",
	  "1[server:default] cert=/etc/kamailio/'/a' key=/k\n" },
	{ "escapes in quotes", "[server:default]\ncertificate=\"/a\\\\\\\"\\t\\\nb\"\n"
	    "private_key=/k\n",
	  "1[server:default] cert=/a\\\"\tb key=/k\n" },
	{ "escapes without quotes", "[server:default]\ncertificate=/a\\ b\\#c\nprivate_key=/k\n",
	  "1[server:default] cert=/a b#c key=/k\n" },
	{ "marks in a value",
	    "[server:default]\ncertificate=/a;=[]:,?@!$%&*()-+|\nprivate_key=/k\n",
	  "1[server:default] cert=/a;=[]:,?@!$%&*()-+| key=/k\n" },
	{ "CRLF", "[server:default]\r\ncertificate=/a\r\nprivate_key=/k\r\n",
	  "1[server:default] cert=/a key=/k\n" },
	{ "no last line end", "[server:default]\ncertificate=/a\nprivate_key=/k",
	  "1[server:default] cert=/a key=/k\n" },
	{ "a value that the end of the file cuts off", "[client:default]\nverify_depth = ",
	  "1[client:default]\n" DEF },
	{ "empty means none", "[server:default]\ncertificate=\"\"\nprivate_key=\"\"\n",
	  "1[server:default]\n" },
	{ "sections inherit nothing", "[server:default]\ncertificate=/a\nprivate_key=/k\n"
	  "verify_certificate=yes\n[server:any]\nserver_name=a.org\nserver_name_mode=1\n",
	  "1[server:default] cert=/a key=/k verify\n5[server:any] a.org mode=1 " OWN "\n" },
	{ "a second default takes the place of the first", "[server:default]\ncertificate=/a\n"
	  "[client:default]\n[server:default]\ncertificate=/b\nprivate_key=/k\n",
	  "3[client:default]\n4[server:default] cert=/b key=/k\n" },
	{ "an address twice, the last with a name",
	    "[s:1.2.3.4:1]\n[s:1.2.3.4:1]\nserver_name=a.org\n",
	  "1[server:1.2.3.4:1] " OWN "\n2[server:1.2.3.4:1] a.org " OWN "\n" DEF },
	{ "an address twice without a name, at the end", "[s:1.2.3.4:1]\n[s:1.2.3.4:1]\n",
	  "1[server:1.2.3.4:1] " OWN "\n2[server:1.2.3.4:1] " OWN "\n" DEF },
	{ "an address as server and as client", "[s:1.2.3.4:1]\n[c:1.2.3.4:1]\n[c:default]\n",
	  "1[server:1.2.3.4:1] " OWN "\n2[client:1.2.3.4:1]\n3[client:default]\n" DEF },
	{ "all the rest", "[client:default]\nca_path=/x\ncipher_list=\"A:!B\"\nverify_depth=3\n"
	  "server_id=x;y\nverify_certificate=\"yes\"\n", "1[client:default] verify\n" DEF },
};

START_TEST(what_kamailio_takes_is_taken)
{
	struct tlscfg cfg;
	struct err e = ERR_NONE;
	struct buf got;

	buf_init(&got, DUMP_MAX);
	ck_assert_msg(read_text(span_str(accepted[_i].text), RELEASE(5, 6, 3), &cfg, &e) == 0,
	    "%s: %s", accepted[_i].what, e.text);
	dump(&cfg, &got);
	ck_assert_msg(strcmp(buf_cstr(&got), accepted[_i].want) == 0, "%s: got\n%swant\n%s",
	    accepted[_i].what, buf_cstr(&got), accepted[_i].want);
	buf_clear(&got);
	pack_clear(&tlscfg_pack, &cfg);
}
END_TEST

#define S	"[server:default]\n"

static const struct {
	const char	*what;
	const char	*text;
	const char	*says;
} refused[] = {
	{ "an option before the first section", "certificate=/a\n", "tls.cfg:1:1: option" },
	{ "an unknown option", S "  foo = bar\n", "tls.cfg:2:3: unknown option 'foo'" },
	{ "an option in quotes", S "\"crl\" = a\n", "tls.cfg:2:1: want an option or a section" },
	{ "no equals sign", S "crl a\n", "tls.cfg:2:5: want '='" },
	{ "no equals sign before the end", S "crl", "tls.cfg:2:4: want '='" },
	{ "no value", S "crl =\n", "tls.cfg:2:6: crl: the value is missing" },
	{ "no value but a comment", S "verify_depth = # 3\n", "the value is missing" },
	{ "two values", S "crl = a b\n", "tls.cfg:2:9: want the end of the line" },
	{ "a word behind a string", S "crl = \"a\"b\n", "tls.cfg:2:10: want the end of the line" },
	{ "a number that is none", S "verify_depth = 3x\n",
	    "tls.cfg:2:16: verify_depth: want a number" },
	{ "a negative number", S "verify_depth = -3\n", "tls.cfg:2:16: verify_depth: the value" },
	{ "a large number", S "verify_depth = 99999999999999\n", "want a number" },
	{ "a boolean that is none", S "verify_certificate = 2\n",
	    "tls.cfg:2:22: unknown value '2'" },
	{ "an unknown method", S "method = TLSv9\n", "unknown value 'TLSv9'" },
	{ "a method that nobody has", S "method = SSLv2\n", "unknown value 'SSLv2'" },
	{ "an unknown kind of section", "[proxy:default]\n", "tls.cfg:1:2: want server or client" },
	{ "a section without a place", "[server]\n", "tls.cfg:1:8: want ':'" },
	{ "a star", "[server:*]\n", "tls.cfg:1:9: want default, any or an IP address" },
	{ "a host name", "[server:sip.a.org:5061]\n", "tls.cfg:1:9: want default, any or an IP" },
	{ "an address without a port", "[server:1.2.3.4]\n", "tls.cfg:1:16: want ':'" },
	{ "a part over 255", "[server:1.2.3.256:1]\n", "IPv4 address: want a number" },
	{ "IPv6 that is none", "[server:[1:2]:1]\n", "want an IPv6 address, have '1:2'" },
	{ "IPv6 that is too long", "[server:[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:1]"
	    "\n",
	  "want an IPv6 address" },
	{ "a section that goes on", "[server:default] x\n",
	    "tls.cfg:1:18: want the end of the line" },
	{ "a section that ends with the file", "[server:", "want default" },
	{ "a semicolon", S "; x\n", "tls.cfg:2:1: want an option or a section" },
	{ "an octet outside ASCII", S "crl = \xc3\xa9\n",
	    "tls.cfg:2:7: octet 0xc3 may only stand" },
	{ "a byte order mark", "\xef\xbb\xbf" S, "tls.cfg:1:1: octet 0xef" },
	{ "an open quote", S "crl = \"a\n", "tls.cfg:2:7: the closing quote is missing" },
	{ "an unknown escape", S "crl = \"\\x\"\n", "tls.cfg:2:7: unknown escape" },
	{ "a backslash at the end", S "crl = a\\", "the file ends behind a backslash" },
	{ "any without a name", "[server:any]\n[client:default]\n",
	    "tls.cfg:1: a profile for any" },
	{ "any without a name at the end", S "[client:any]\n", "tls.cfg:2: a profile for any" },
	{ "any with an empty name", "[server:any]\nserver_name=\"\"\n[client:default]\n",
	  "tls.cfg:1: a profile for any" },
	{ "an address twice, the second without a name",
	    "[s:1.2.3.4:1]\nserver_name=a\n[s:1.2.3.4:1]\n"
	  "[c:default]\n", "tls.cfg:3: a second profile for 1.2.3.4:1 (the first: line 1)" },
};

START_TEST(what_kamailio_refuses_is_refused_with_its_place)
{
	struct tlscfg cfg;
	struct err e = ERR_NONE;

	ck_assert_msg(read_text(span_str(refused[_i].text), RELEASE(5, 6, 3), &cfg, &e) == -1,
	    "%s: accepted", refused[_i].what);
	ck_assert_msg(e.class == OUT_HOLD && strstr(e.text, refused[_i].says) != NULL,
	    "%s: got \"%s\", want \"%s\"", refused[_i].what, e.text, refused[_i].says);
	ck_assert_ptr_null(cfg.profiles.v);
}
END_TEST

static const struct {
	const char	*option;
	int64_t		 before, since;
	const char	*says;
} news[] = {
	{ "method = TLSv1.3", RELEASE(5, 6, 3), RELEASE(5, 7, 0), "5.7 is the first" },
	{ "method = TLSv1.3+", RELEASE(5, 6, 999), RELEASE(5, 8, 0), "5.7 is the first" },
	{ "private_key_password = x", RELEASE(5, 8, 8), RELEASE(6, 0, 0), "6.0 is the first" },
	{ "pkey_password = x", RELEASE(5, 8, 8), RELEASE(6, 1, 0), "6.0 is the first" },
	{ "certificate2 = /x", RELEASE(6, 1, 4), RELEASE(6, 2, 0), "6.2 is the first" },
	{ "pkey_file2 = /x", RELEASE(6, 1, 4), RELEASE(6, 2, 0), "6.2 is the first" },
	{ "private_key2 = /x", RELEASE(6, 1, 4), -1, "6.2 is the first" },
};

START_TEST(options_and_values_have_a_first_release)
{
	struct tlscfg cfg;
	struct err e = ERR_NONE;
	char text[128];

	(void)snprintf(text, sizeof text, S "%s\n", news[_i].option);
	ck_assert_msg(read_text(span_str(text), news[_i].since, &cfg, &e) == 0, "%s: %s", text,
	    e.text);
	pack_clear(&tlscfg_pack, &cfg);
	ck_assert_int_eq(read_text(span_str(text), news[_i].before, &cfg, &e), -1);
	ck_assert_msg(strstr(e.text, news[_i].says) != NULL, "%s: got %s", text, e.text);
}
END_TEST

static const char profiles[] =
    "[server:default]\n"					/* 1 */
    "[server:any]\nserver_name=a.org\n"				/* 2 */
    "[server:any]\nserver_name=b.org\nserver_name_mode=1\n"	/* 4 */
    "[server:any]\nserver_name=c.org\nserver_name_mode=2\n"	/* 7 */
    "[server:192.0.2.1:5061]\n"					/* 10 */
    "[server:192.0.2.2:5061]\nserver_name=d.org\n"		/* 11 */
    "[server:192.0.2.3:0]\nserver_name=e.org\n"			/* 13 */
    "[client:any]\nserver_name=f.org\n"				/* 15 */
    "[server:any]\nserver_name=A.ORG\nserver_id=x\n";		/* 17 */

static const struct {
	const char	*what, *listener, *name;
	int64_t		 line;
} choices[] = {
	{ "no name", NULL, NULL, 1 },
	{ "a name that nobody has", NULL, "x.org", 1 },
	{ "the last of a name, whatever its case", NULL, "a.org", 17 },
	{ "mode 0 is exact", NULL, "sip.a.org", 1 },
	{ "mode 1 has the name", NULL, "b.org", 4 },
	{ "and what is below", NULL, "x.SIP.b.org", 4 },
	{ "but not what only ends so", NULL, "xb.org", 1 },
	{ "mode 2 has not the name", NULL, "c.org", 1 },
	{ "only what is below", NULL, "sip.c.org", 7 },
	{ "a socket without a name hides all names", "192.0.2.1:5061", "a.org", 10 },
	{ "its port counts", "192.0.2.1:5062", "a.org", 17 },
	{ "a socket with a name takes those without", "192.0.2.2:5061", NULL, 11 },
	{ "and other names are found behind it", "192.0.2.2:5061", "a.org", 17 },
	{ "and unknown ones lead to the default", "192.0.2.2:5061", "x.org", 1 },
	{ "its name is not looked for elsewhere", "192.0.2.9:5061", "d.org", 1 },
	{ "port 0 is every port", "192.0.2.3:7", "e.org", 13 },
	{ "client profiles serve nobody", NULL, "f.org", 1 },
};

START_TEST(the_profile_is_chosen_as_kamailio_does)
{
	const struct tlscfg_profile *p;
	struct tlscfg cfg;
	struct err e = ERR_NONE;

	ck_assert_msg(read_text(span_str(profiles), -1, &cfg, &e) == 0, "%s", e.text);
	p = tlscfg_choose(&cfg, choices[_i].listener, choices[_i].name);
	ck_assert_msg(p->line == choices[_i].line, "%s: got line %jd, want %jd", choices[_i].what,
	    (intmax_t)p->line, (intmax_t)choices[_i].line);
	pack_clear(&tlscfg_pack, &cfg);
}
END_TEST

START_TEST(only_a_socket_without_a_name_hides_names)
{
	const struct tlscfg_profile *p;
	struct tlscfg cfg;
	struct err e = ERR_NONE;

	ck_assert_int_eq(read_text(span_str(profiles), -1, &cfg, &e), 0);
	p = cfg.profiles.v;
	for (size_t i = 0; i < cfg.profiles.n; i++)
		ck_assert_msg(tlscfg_hides_names(&cfg, &p[i]) == (p[i].line == 10), "line %jd",
		    (intmax_t)p[i].line);
	pack_clear(&tlscfg_pack, &cfg);
}
END_TEST

START_TEST(words_and_files_have_a_limit)
{
	struct tlscfg cfg;
	struct err e = ERR_NONE;
	struct buf text;
	int over;

	buf_init(&text, TLSCFG_MAX + 2);
	for (over = 0; over <= 1; over++) {
		buf_reset(&text);
		buf_str(&text, S "crl=/");
		for (int i = 1; i < 512 + over; i++)
			buf_u8(&text, 'a');
		ck_assert_int_eq(read_text(buf_span(&text), -1, &cfg, &e), over ? -1 : 0);
		pack_clear(&tlscfg_pack, &cfg);
		buf_reset(&text);
		for (int i = 0; i < TLSCFG_MAX + over; i++)
			buf_u8(&text, '\n');
		ck_assert_int_eq(read_text(buf_span(&text), -1, &cfg, &e), over ? -1 : 0);
		pack_clear(&tlscfg_pack, &cfg);
		buf_reset(&text);
		for (int i = 0; i < TLSCFG_PROFILES_MAX - 2 + over * 3; i++)
			buf_printf(&text, "[c:10.0.%d.%d:1]\n", i / 256, i % 256);
		ck_assert_int_eq(read_text(buf_span(&text), -1, &cfg, &e), over ? -1 : 0);
		pack_clear(&tlscfg_pack, &cfg);
	}
	buf_clear(&text);
}
END_TEST

START_TEST(folders_that_are_not_known_leave_paths_as_they_are)
{
	const struct tlscfg_in in = { .text = span_str(S "certificate=./a\nprivate_key=b\n"),
	    .name = "tls.cfg", .release = -1 };
	const struct tlscfg_profile *p;
	struct tlscfg cfg;
	struct err e = ERR_NONE;

	ck_assert_int_eq(tlscfg_read(&in, &cfg, &e), 0);
	p = cfg.profiles.v;
	ck_assert_str_eq(p->certificate.path, "./a");
	ck_assert_str_eq(p->private_key.path, "b");
	pack_clear(&tlscfg_pack, &cfg);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tlscfg");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, what_kamailio_takes_is_taken, 0, NITEMS(accepted));
	tcase_add_loop_test(t, what_kamailio_refuses_is_refused_with_its_place, 0, NITEMS(refused));
	tcase_add_loop_test(t, options_and_values_have_a_first_release, 0, NITEMS(news));
	tcase_add_loop_test(t, the_profile_is_chosen_as_kamailio_does, 0, NITEMS(choices));
	tcase_add_test(t, only_a_socket_without_a_name_hides_names);
	tcase_add_test(t, words_and_files_have_a_limit);
	tcase_add_test(t, folders_that_are_not_known_leave_paths_as_they_are);
	suite_add_tcase(s, t);
	return suite_run(s);
}
