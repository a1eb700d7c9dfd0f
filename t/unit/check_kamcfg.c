/*
 * kamcfg: what kamailio.cfg says, behind comments, conditions and definitions.
 */
#include "tree.h"

#include "kamcfg.h"
#include "suite.h"

static struct kamcfg cfg;

static void
read_text(const char *text)
{
	char path[128];

	tree_file("kamailio.cfg", text);
	(void)snprintf(path, sizeof path, "%s/kamailio.cfg", top);
	ck_assert_msg(kamcfg_read(path, &cfg, &e) == 0, "%s", e.text);
}

static const struct {
	const char	*what;
	const char	*text;
	/* of tls: behind the folder, where it is relative */
	const char	*tls, *listeners, *binrpc;
} rows[] = {
	{ "nothing", "", NULL, "", "" },
	{ "plain", "loadmodule \"tls.so\"\nmodparam(\"tls\", \"config\", "
	    "\"/etc/kamailio/tls.cfg\")\n"
	  "listen=tls:192.0.2.1:5061\nlisten=udp:192.0.2.1:5060\n", "/etc/kamailio/tls.cfg",
	  "192.0.2.1:5061", "" },
	{ "relative, several modules, odd blanks",
	    "modparam ( \"ctl|tls\" ,\n \"config\", \"./a/tls.cfg\" )\n",
	  "./a/tls.cfg", "", "" },
	{ "comments of three kinds", "# modparam(\"tls\", \"config\", \"/1\")\n// "
	    "listen=tls:1.1.1.1:1\n"
	  "/* modparam(\"tls\", \"config\", \"/2\")\n listen=tls:2.2.2.2:2 */ listen=tls:3.3.3.3:3 "
	  "# x\n"
	  "modparam(\"tls\", \"config\", \"/a#b\") /* x */\n", "/a#b", "3.3.3.3:3", "" },
	{ "conditions", "#!define WITH_TLS\n#!ifdef WITH_TLS\nlisten=tls:1.1.1.1:1\n#!ifdef OTHER\n"
	  "listen=tls:2.2.2.2:2\n#!else\nlisten=tls:3.3.3.3:3\n#!endif\n#!else\n"
	  "listen=tls:4.4.4.4:4\n"
	  "#!endif\n#!ifndef OTHER\nlisten=tls:5.5.5.5:5\n#!endif\n", NULL,
	  "1.1.1.1:1 3.3.3.3:3 5.5.5.5:5", "" },
	{ "what is skipped defines nothing", "#!ifdef X\n#!define Y\n#!endif\n#!ifdef Y\n"
	  "listen=tls:1.1.1.1:1\n#!endif\n", NULL, "", "" },
	{ "definitions", "#!define IP 192.0.2.7\n#!define CFG \"/x/tls.cfg\"\nlisten=tls:IP:5071\n"
	  "modparam(\"tls\", \"config\", \"IP\")\n", "IP", "192.0.2.7:5071", "" },
	{ "substitutions reach into quotes", "#!substdef \"!MY_DIR!/opt/k!g\"\n"
	  "modparam(\"tls\", \"config\", \"MY_DIR/tls.cfg\")\n#!ifdef MY_DIR\n"
	  "listen=tls:[::1]:5061\n#!endif\n",
	  "/opt/k/tls.cfg", "[::1]:5061", "" },
	{ "a port that is left out, quotes, names", "listen=\"tls:192.0.2.1\"\nlisten=tls:[::1]\n"
	  "listen=TLS:192.0.2.1:5061 advertise 1.2.3.4:5061\n", NULL,
	  "192.0.2.1:5061 [::1]:5061", "" },
	{ "control sockets", "modparam(\"ctl\", \"binrpc\", \"unix:/a\")\nmodparam(\"ctl\","
	    "\"binrpc\",\"tcp:localhost:1\")\n",
	  NULL, "", "unix:/a tcp:localhost:1" },
	{ "the last one counts", "modparam(\"tls\",\"config\",\"/1\")\nmodparam(\"tls\",\"config\","
	    "\"/2\")\n",
	  "/2", "", "" },
	{ "quotes that do not end", "modparam(\"tls\",\"config\",\"/1", "/1\n", "", "" },
	{ "other languages", "\xff\xfe\x01 listen listen= modparam modparam(", NULL, "", "" },
};

static void
join(const struct strs *list, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->n; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? " " : "", list->v[i]);
}

START_TEST(files_keep_their_table)
{
	char have[512], want[512];

	read_text(rows[_i].text);
	if (rows[_i].tls == NULL)
		ck_assert_ptr_null(cfg.tls_config);
	else {
		(void)snprintf(want, sizeof want, "%s%s%s", rows[_i].tls[0] == '/' ? "" : top,
		    rows[_i].tls[0] == '/' ? "" : "/", rows[_i].tls);
		ck_assert_str_eq(cfg.tls_config, want);
	}
	join(&cfg.listeners, have, sizeof have);
	ck_assert_str_eq(have, rows[_i].listeners);
	join(&cfg.binrpc, have, sizeof have);
	ck_assert_str_eq(have, rows[_i].binrpc);
	ck_assert_str_eq(cfg.dir, top);
	pack_clear(&kamcfg_pack, &cfg);
}
END_TEST

START_TEST(files_include_files)
{
	tree_dir("sub", 0755);
	tree_file("sub/a.cfg", "listen=tls:1.1.1.1:1\ninclude_file \"b.cfg\"\n");
	tree_file("sub/b.cfg", "loadmodule \"/usr/lib/ctl.so\"\n");
	read_text("include_file \"sub/a.cfg\"\nimport_file \"gone.cfg\"\n");
	ck_assert(strs_has(&cfg.listeners, "1.1.1.1:1"));
	ck_assert(cfg.has_ctl && !cfg.has_tls);
	pack_clear(&kamcfg_pack, &cfg);
}
END_TEST

START_TEST(what_is_missing_or_endless_is_told)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/kamailio.cfg", top);
	ck_assert_int_eq(kamcfg_read(path, &cfg, &e), -1);
	tree_file("kamailio.cfg", _i == 0 ? "include_file \"gone.cfg\"\n" :
	    "include_file \"kamailio.cfg\"\n");
	ck_assert_int_eq(kamcfg_read(path, &cfg, &e), -1);
	ck_assert_msg(strstr(e.text, _i == 0 ? "gone.cfg" : "deep") != NULL, "%s", e.text);
	ck_assert_ptr_null(cfg.dir);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("kamcfg");
	TCase *tc = tcase_create("kamcfg");

	tcase_add_checked_fixture(tc, tree_start, tree_finish);
	tcase_add_loop_test(tc, files_keep_their_table, 0, NITEMS(rows));
	tcase_add_test(tc, files_include_files);
	tcase_add_loop_test(tc, what_is_missing_or_endless_is_told, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
