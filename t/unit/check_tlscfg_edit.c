/*
 * tlscfg_edit: what is asked for is changed, and not one octet besides.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "tlscfg_edit.h"

#define C	"/s/fullchain.pem"
#define K	"/s/privkey.pem"

static const struct {
	const char	*what;
	const char	*profile, *profile2;
	const char	*in, *out;	/* out NULL: refused, and text is said */
	const char	*text;
} rows[] = {
	{ "two plain values", "server:default", NULL,
	  "[server:default]\ncertificate = /a.pem\nprivate_key = /b.pem\n",
	  "[server:default]\ncertificate = " C "\nprivate_key = " K "\n", NULL },
	{ "comments, blanks, line ends and what follows", "server:default", NULL,
	  "# \xc3\xa4 certificate = /no\r\n\r\n[ Server:Def ]\t# x\r\n  CERT_FILE=\t/a.pem   # "
	  "why\r\n"
	  "pkey_file =\"/b c.pem\"\r\ncipher_list = \"a b\"\r\n[client:default]\r\nmethod=TLSv1.2",
	  "# \xc3\xa4 certificate = /no\r\n\r\n[ Server:Def ]\t# x\r\n  CERT_FILE=\t" C
	  "   # why\r\n"
	  "pkey_file =\"" K "\"\r\ncipher_list = \"a b\"\r\n[client:default]\r\nmethod=TLSv1.2",
	  NULL },
	{ "other profiles stay", "server:any sip.example.org", NULL,
	  "[server:default]\ncertificate = /a\nprivate_key = /b\n[server:any]\n"
	  "server_name = SIP.example.org\ncertificate = /a\nprivate_key = /b\n[server:any]\n"
	  "server_name = other.example.org\ncertificate = /a\nprivate_key = /b\n",
	  "[server:default]\ncertificate = /a\nprivate_key = /b\n[server:any]\n"
	  "server_name = SIP.example.org\ncertificate = " C "\nprivate_key = " K "\n[server:any]\n"
	  "server_name = other.example.org\ncertificate = /a\nprivate_key = /b\n", NULL },
	{ "two of them, in any order", "client:default", "[server:192.0.2.1:5061]",
	  "[server:192.0.2.1:5061]\nprivate_key=/b\ncertificate=/a\n[client:default]\n"
	  "certificate=/a\nprivate_key=/a\n",
	  "[server:192.0.2.1:5061]\nprivate_key=" K "\ncertificate=" C "\n[client:default]\n"
	  "certificate=" C "\nprivate_key=" K "\n", NULL },
	{ "IPv6", "server:[::1]:5061", NULL,
	  "[server:[::1]:5061]\ncertificate=/a\nprivate_key=/b\n",
	  "[server:[::1]:5061]\ncertificate=" C "\nprivate_key=" K "\n", NULL },
	{ "what is not named gets lines", "server:default", NULL,
	  "[server:default]\r\nmethod = TLSv1.2\r\n",
	  "[server:default]\r\ncertificate = " C "\r\nprivate_key = " K "\r\nmethod = TLSv1.2\r\n",
	  NULL },
	{ "behind a comment", "server:default", NULL, "[server:default] # x\nprivate_key=/b",
	  "[server:default] # x\ncertificate = " C "\nprivate_key=" K, NULL },
	{ "a head is all there is", "server:default", NULL, "[server:default]",
	  "[server:default]\ncertificate = " C "\nprivate_key = " K "\n", NULL },
	{ "the last assignment is the one that counts", "server:default", NULL,
	  "[server:default]\ncertificate=/x\ncertificate=/a\nprivate_key=/b\n",
	  "[server:default]\ncertificate=/x\ncertificate=" C "\nprivate_key=" K "\n", NULL },
	{ "a value over two lines", "server:default", NULL,
	  "[server:default]\ncertificate=\"/a\\\n/b\"\nprivate_key=/b\n",
	  "[server:default]\ncertificate=\"" C "\"\nprivate_key=" K "\n", NULL },
	{ "an empty value in quotes", "server:default", NULL,
	  "[server:default]\ncertificate=\"\"\nprivate_key=/b\n",
	  "[server:default]\ncertificate=\"" C "\"\nprivate_key=" K "\n", NULL },
	{ "nothing to be done", "server:default", NULL,
	  "[server:default]\ncertificate = " C "\nprivate_key = " K "\n",
	  "[server:default]\ncertificate = " C "\nprivate_key = " K "\n", NULL },
	{ "the name of a file of ours stays, and so does a second pair", "server:default", NULL,
	  "[server:default]\ncertificate=/old/1/combined.pem\nprivate_key=/old/1/combined.pem\n"
	  "certificate2=/old/1/fullchain-rsa.pem\nprivate_key2=\"/old/1/privkey-rsa.pem\"\n",
	  "[server:default]\ncertificate=/s/combined.pem\nprivate_key=/s/combined.pem\n"
	  "certificate2=/s/fullchain-rsa.pem\nprivate_key2=\"/s/privkey-rsa.pem\"\n", NULL },
	{ "a second pair that is another's is left alone", "server:default", NULL,
	  "[server:default]\ncertificate=/a\nprivate_key=/b\ncertificate2=/c\nprivate_key2=/d\n",
	  "[server:default]\ncertificate=" C "\nprivate_key=" K
	  "\ncertificate2=/c\nprivate_key2=/d\n",
	  NULL },
	{ "a default that is not written", "server:default", NULL, "[client:default]\n", NULL,
	  "no profile \"server:default\"" },
	{ "a name that is none", "server:any b.example.org", NULL,
	  "[server:any]\nserver_name=a.example.org\ncertificate=/a\n", NULL, "no profile" },
	{ "a file that Kamailio refuses", "server:default", NULL,
	    "[server:default]\ncolour = blue\n",
	  NULL, "tls.cfg:2:1" },
	{ "a first default that a later one takes the place of", "server:default", NULL,
	  "[server:default]\ncertificate=/x\n[server:default]\ncertificate=/a\nprivate_key=/b\n",
	  "[server:default]\ncertificate=/x\n[server:default]\ncertificate=" C "\nprivate_key=" K
	  "\n",
	  NULL },
};

static bool
is_ours(void *arg UNUSED, const char *path)
{
	return strncmp(path, "/old/", 5) == 0 || strncmp(path, "/s/", 3) == 0;
}

START_TEST(edits_keep_their_table)
{
	char *names[] = { (char *)(uintptr_t)rows[_i].profile,
	    (char *)(uintptr_t)rows[_i].profile2 };
	const struct strs profiles = { names, names[1] != NULL ? 2 : 1 };
	const struct tlscfg_values values = { &profiles, "/s", is_ours, NULL };
	struct tlscfg_in in = { .text = span_str(rows[_i].in), .name = "tls.cfg", .release = -1 };
	struct err e = ERR_NONE;
	struct buf out, again;
	int rc;

	buf_init(&out, TLSCFG_MAX);
	buf_init(&again, TLSCFG_MAX);
	rc = tlscfg_edit(&in, &values, &out, &e);
	ck_assert_msg((rc == 0) == (rows[_i].out != NULL), "%s: got %d, %s", rows[_i].what, rc,
	    e.text);
	if (rc == -1) {
		ck_assert_int_eq(e.class, OUT_HOLD);
		ck_assert_msg(strstr(e.text, rows[_i].text) != NULL, "%s: got %s", rows[_i].what,
		    e.text);
	} else {
		ck_assert_str_eq(buf_cstr(&out), rows[_i].out);
		in.text = buf_span(&out);
		ck_assert_int_eq(tlscfg_edit(&in, &values, &again, &e), 0);
		ck_assert(span_eq(buf_span(&out), buf_span(&again)));
	}
	buf_clear(&out);
	buf_clear(&again);
}
END_TEST

START_TEST(a_path_with_blanks_is_quoted)
{
	static char name[] = "server:default";
	char *names[] = { name };
	const struct strs profiles = { names, 1 };
	const struct tlscfg_values values = { &profiles, "/a b/\"c\\d#", is_ours, NULL };
	struct tlscfg_in in = { .text = span_str("[server:default]\ncertificate=/a\n"
	    "private_key=/b\n"),
		.name = "tls.cfg", .release = -1 };
	struct err e = ERR_NONE;
	struct buf out;

	buf_init(&out, TLSCFG_MAX);
	ck_assert_msg(tlscfg_edit(&in, &values, &out, &e) == 0, "%s", e.text);
	ck_assert_str_eq(buf_cstr(&out),
	    "[server:default]\ncertificate=\"/a b/\\\"c\\\\d#/fullchain.pem\"\n"
	    "private_key=\"/a b/\\\"c\\\\d#/privkey.pem\"\n");
	buf_clear(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tlscfg_edit");
	TCase *tc = tcase_create("tlscfg_edit");

	tcase_add_loop_test(tc, edits_keep_their_table, 0, NITEMS(rows));
	tcase_add_test(tc, a_path_with_blanks_is_quoted);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
