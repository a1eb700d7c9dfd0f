/*
 * check_config: texts that are right, texts that are wrong, and every line
 * that is said about those (FAULTS I01).
 */
#include "conf.h"
#include "suite.h"

/* --- what is right --- */

START_TEST(agree_tos_and_one_name_are_enough)
{
	const struct challenge_conf *ch;
	const struct cert_conf *c;
	const struct ca_conf *ca;

	accept_text("agree-tos = true\ncertificate \"sip.example.com\" { }\n");
	ck_assert_str_eq(cfg.path, MAIN);
	ck_assert_str_eq(cfg.state_dir, "/var/lib/kamcert");
	ck_assert_str_eq(cfg.log, "stderr");
	ck_assert_int_eq(cfg.jobs, 4);
	ck_assert_uint_eq(cfg.cas.n, 1);
	ca = cfg.cas.v;
	ck_assert_str_eq(ca->name, "letsencrypt");
	ck_assert_str_eq(ca->directory, "https://acme-v02.api.letsencrypt.org/directory");
	ck_assert_str_eq(ca->staging, "https://acme-staging-v02.api.letsencrypt.org/directory");
	ck_assert(ca->agree_tos);
	ck_assert_ptr_null(ca->eab_kid);
	ck_assert_ptr_null(ca->eab_alg);
	ck_assert_uint_eq(cfg.certs.n, 1);
	c = cert_at(0);
	ck_assert_str_eq(c->name, "sip.example.com");
	expect_strs(&c->names, "sip.example.com");
	expect_strs(&c->key, "ecdsa-p256");
	expect_strs(&c->ca, "letsencrypt");
	expect_strs(&c->window, "");
	ck_assert_int_eq(c->renew_before, CONFIG_DEFAULT_RENEW);
	ck_assert_ptr_null(c->user);
	ck_assert_ptr_null(c->group);
	ck_assert_uint_eq(c->challenges.n, 1);
	ch = c->challenges.v;
	ck_assert_str_eq(ch->type, "http-01");
	expect_strs(&ch->listen, "[::]:80");
	ck_assert_ptr_null(ch->webroot);
	/* Debian's Kamailio is told where it is there */
	ck_assert_uint_eq(c->hooks.n, access("/run/kamailio/kamailio_ctl", F_OK) == 0);
	pack_clear(&config_pack, &cfg);
}
END_TEST

START_TEST(a_hook_section_alone_means_debians_kamailio)
{
	const struct cert_conf *c;

	accept_text("agree-tos = true\n"
	    "certificate \"sip.example.com\" {\n hook \"kamailio\" { }\n}\n");
	c = cert_at(0);
	ck_assert_uint_eq(c->hooks.n, 1);
	ck_assert_str_eq(hook_of(c, 0)->type, "kamailio");
	ck_assert_str_eq(hook_of(c, 0)->rpc, "unix:/run/kamailio/kamailio_ctl");
	ck_assert_str_eq(hook_of(c, 0)->user, "kamailio");
	expect_strs(&hook_of(c, 0)->verify, "sips:127.0.0.1:5061");
	ck_assert_int_eq(hook_of(c, 0)->timeout, 10);
	ck_assert_int_eq(hook_of(c, 0)->settle, 15);
	pack_clear(&config_pack, &cfg);
}
END_TEST

START_TEST(every_option_arrives)
{
	const struct challenge_conf *ch;
	const struct cert_conf *c;
	const struct ca_conf *ca;

	accept_text("state-dir = /srv/state\njobs = 200\nlog = \"syslog\"\nwatch = none\n"
	    "time-zone = Asia/Tokyo\n"
	    "ca \"test\" {\n directory = 'https://127.0.0.1:14000/dir'\n"
	    " staging = \"https://[::1]/dir\"\n"
	    " contact = { \"mailto:a@example.com\", 'mailto:b+c@example.com' }\n agree-tos = yes\n"
	    " ca-file = /a.pem\n trust-bundle = /b.pem\n"
	    " hosts = { A.example.com, localhost, ::1, B.example.com:8443, '[::1]:8443' }\n"
	    " eab-kid = \"kid\\\"1\" eab-key-file = /c.key eab-alg = HS512 }\n"
	    "certificate phones {\n names = { SIP.example.com } names += { \"b.example.com\", "
	    "\"*.B\xc3\xbc" "cher.example\", 192.0.2.1,\n"
	    "  \"2001:DB8::0:1\" }\n"
	    " key = { rsa-2048, }\n ca = test\n renew-before = 1d12h\n profile = shortlived "
	    "profile-required = yes window = { 02:00-05:00, 23:30-00:30 }\n user = root group = "
	    "\"voip\"\n"
	    " challenge http-01 { webroot = /srv/www self-check = no resolver = 127.0.0.1:53 }\n"
	    " challenge dns-01 { program = { /bin/dns, x } user = dns propagation = 90s\n"
	    "  resolver = \"[::1]:5353\" }\n"
	    " hook kamailio { rpc = unixs:/a/b user = sip verify = { sips:a.example.com:5061,\n"
	    "  \"wss:[::1]:443\" } timeout = 2s settle = 1m window = 23:40-00:10 max-connections = "
	    "7 }\n"
	    " hook program { command = { /bin/x, \"\", 'a \\'b\\' \\c' } user = nobody timeout = "
	    "5m } }\n");
	ck_assert_str_eq(cfg.state_dir, "/srv/state");
	ck_assert_str_eq(cfg.log, "syslog");
	ck_assert_int_eq(cfg.jobs, 200);
	ck_assert_int_eq(cfg.watch, CONFIG_NO_WATCH);
	ca = config_ca(&cfg, "test");
	ck_assert_ptr_nonnull(ca);
	ck_assert_str_eq(ca->directory, "https://127.0.0.1:14000/dir");
	ck_assert_str_eq(ca->staging, "https://[::1]/dir");
	expect_strs(&ca->contact, "mailto:a@example.com mailto:b+c@example.com");
	ck_assert(ca->agree_tos);
	ck_assert_str_eq(ca->ca_file, "/a.pem");
	ck_assert_str_eq(ca->trust_bundle, "/b.pem");
	expect_strs(&ca->hosts, "a.example.com localhost ::1 b.example.com:8443 [::1]:8443");
	ck_assert_str_eq(ca->eab_key_file, "/c.key");
	ck_assert_str_eq(ca->eab_alg, "HS512");
	c = config_cert(&cfg, "phones");
	ck_assert_ptr_nonnull(c);
	expect_strs(&c->names, "sip.example.com b.example.com *.xn--bcher-kva.example 192.0.2.1 "
	    "2001:db8::1");
	expect_strs(&c->key, "rsa-2048");
	expect_strs(&c->ca, "test");
	expect_strs(&c->window, "02:00-05:00 23:30-00:30");
	ck_assert_int_eq(c->renew_before, DAY + 12 * HOUR);
	ck_assert_str_eq(c->profile, "shortlived");
	ck_assert(c->profile_required);
	ck_assert_str_eq(c->user, "root");
	ck_assert_str_eq(c->group, "voip");
	ck_assert_str_eq(ca->eab_kid, "kid\"1");
	ch = c->challenges.v;
	ck_assert_str_eq(ch->webroot, "/srv/www");
	ck_assert(ch->no_self_check && !ch[1].no_self_check);
	ck_assert_str_eq(ch->resolver, "127.0.0.1:53");
	ck_assert_uint_eq(ch->listen.n, 0);
	expect_strs(&ch[1].program, "/bin/dns x");
	ck_assert_str_eq(ch[1].user, "dns");
	ck_assert_int_eq(ch[1].propagation, 90);
	ck_assert_str_eq(ch[1].resolver, "[::1]:5353");
	ck_assert_str_eq(hook_of(c, 0)->rpc, "unix:/a/b");
	ck_assert_str_eq(hook_of(c, 0)->user, "sip");
	expect_strs(&hook_of(c, 0)->verify, "sips:a.example.com:5061 wss:[::1]:443");
	ck_assert_int_eq(hook_of(c, 0)->timeout, 2);
	ck_assert_int_eq(hook_of(c, 0)->settle, 60);
	expect_strs(&hook_of(c, 0)->window, "23:40-00:10");
	ck_assert_int_eq(hook_of(c, 0)->max_connections, 7);
	ck_assert_str_eq(c->time_zone, "Asia/Tokyo");
	expect_strs(&hook_of(c, 1)->command, "/bin/x  a 'b' \\c");
	ck_assert_int_eq(hook_of(c, 1)->timeout, 300);
	ck_assert_ptr_null(hook_of(c, 1)->rpc);
	ck_assert_uint_eq(hook_of(c, 1)->verify.n, 0);
	ck_assert_ptr_null(config_ca(&cfg, "phones"));
	ck_assert_ptr_null(config_cert(&cfg, "test"));
	pack_clear(&config_pack, &cfg);
}
END_TEST

START_TEST(a_ca_of_its_own_decides_over_agree_tos)
{
	const struct ca_conf *ca;

	accept_text("ca \"a\" { directory = \"https://a.example.com/\" agree-tos = no }\n"
	    "ca \"b\" { directory = \"https://b.example.com/\" }\nagree-tos = on\n"
	    "ca \"letsencrypt\" { }\n" CERT "certificate \"b.example.com\" { ca = { b, a } }\n");
	ca = cfg.cas.v;
	ck_assert(!ca[0].agree_tos);
	ck_assert(ca[1].agree_tos);
	ck_assert(ca[2].agree_tos);
	ck_assert_ptr_null(ca[1].staging);
	ck_assert_str_eq(ca[2].directory, "https://acme-v02.api.letsencrypt.org/directory");
	expect_strs(&cert_at(0)->ca, "a");
	expect_strs(&cert_at(1)->ca, "b a");
	pack_clear(&config_pack, &cfg);
}
END_TEST

START_TEST(letsencrypt_may_have_another_directory)
{
	const struct ca_conf *ca;

	accept_text("ca \"letsencrypt\" { directory = \"https://127.0.0.1/\" }\n" CERT);
	ca = cfg.cas.v;
	ck_assert_str_eq(ca->directory, "https://127.0.0.1/");
	ck_assert_ptr_null(ca->staging);
	ck_assert(!ca->agree_tos);
	pack_clear(&config_pack, &cfg);
}
END_TEST

START_TEST(all_of_it_survives_being_packed)
{
	struct config copy;
	struct buf once, twice;
	struct rd r;

	accept_text("agree-tos = true\n" CERT "certificate \"b.example.com\" { key = rsa-2048\n"
	    "challenge \"http-01\" { listen = { 127.0.0.1:80, \"[::1]:80\" } } }\n");
	buf_init(&once, 10000);
	buf_init(&twice, 10000);
	pack_write(&config_pack, &cfg, &once);
	r = rd_of(buf_span(&once));
	ck_assert_int_eq(pack_read(&config_pack, &r, &copy), 0);
	ck_assert(rd_end(&r));
	pack_write(&config_pack, &copy, &twice);
	ck_assert(buf_ok(&once));
	ck_assert(span_eq(buf_span(&once), buf_span(&twice)));
	ck_assert_int_eq(config_cert(&copy, "b.example.com")->renew_before, CONFIG_DEFAULT_RENEW);
	buf_clear(&once);
	buf_clear(&twice);
	pack_clear(&config_pack, &copy);
	pack_clear(&config_pack, &cfg);
}
END_TEST

static const char *const fine[] = {
	CERT,
	"# only a comment behind " CERT CERT,
	CERT "# no line end",
	CERT "// no line end",
	CERT "/* two\n * lines */",
	"/*/ still a comment */" CERT,
	"\t\r\n" CERT "\r\n",
	"certificate\n'a.example.com'\n{\n}\n",
	"certificate a.example.com{names=a.b key={rsa-2048}}jobs=1",
	"jobs = /**/ 5 " CERT,
	"state-dir = \"/a#b//c/*d*/\" " CERT,
	"state-dir = '/${x}' " CERT,
	"state-dir = \"/\\\"\\\\\" " CERT,
	"state-dir = /a/b.c/d-e_f$ " CERT,
	"certificate \"0123456789._-abcdefghijklmnopqrstuvwxyz\" { names = { a.b } }",
};

START_TEST(ways_of_writing_that_are_fine)
{
	accept_text(fine[_i]);
	pack_clear(&config_pack, &cfg);
}
END_TEST

/* --- what is wrong: t/data/config/errors.txt --- */

#define ROWS_MAX	200

static struct row {
	char	*what, *text, *want;
} rows[ROWS_MAX];

static int nrows;

/* The lines up to one that begins with stop. */
static char *
lines_until(struct rd *r, const char *stop, struct span *stopped)
{
	struct buf b;
	char *text;

	buf_init(&b, 1 << 16);
	while (rd_line(r, stopped) && !span_starts(*stopped, stop)) {
		buf_put(&b, *stopped);
		buf_u8(&b, '\n');
	}
	text = span_dup(buf_span(&b));
	buf_clear(&b);
	return text;
}

static void
load_rows(void)
{
	const char *srcdir = getenv("srcdir");
	struct span line = SPAN_NONE;
	char path[PATH_MAX];
	struct buf file;
	struct rd r;

	(void)snprintf(path, sizeof(path), "%s/t/data/config/errors.txt",
	    srcdir != NULL ? srcdir : ".");
	buf_init(&file, 1 << 20);
	if (fs_read_path(path, 1 << 20, &file, &e) == -1) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	r = rd_of(buf_span(&file));
	free(lines_until(&r, "## ", &line));
	for (; nrows < ROWS_MAX && span_starts(line, "## "); nrows++) {
		rows[nrows].what = span_dup(line);
		rows[nrows].text = lines_until(&r, "->", &line);
		rows[nrows].want = lines_until(&r, "## ", &line);
		if (rows[nrows].want == NULL)
			exit(1);
		/* The blank line between rows. */
		rows[nrows].want[strlen(rows[nrows].want) - 1] = '\0';
	}
	buf_clear(&file);
}

START_TEST(every_error_is_said_with_its_place)
{
	tree_file(MAIN, rows[_i].text);
	expect_said(rows[_i].what, rows[_i].want);
}
END_TEST

static const struct {
	const char	*what;
	const char	*text;
	size_t		 n;
	const char	*want;
} odd[] = {
#define ROW(what, text, want) { what, text, sizeof(text) - 1, want }
	ROW("line ends of other systems", "jobs = 1\r\nlog = x\r\n" CERT,
	    MAIN ":2:7: log: want one of stderr, syslog, have \"x\"\n"),
	ROW("a lone carriage return", "jobs = 1\r" CERT,
	    MAIN ":1:9: a control character: want printable text\n"),
	ROW("NUL", "jobs = 1\0 log = \"x\0y\"\n" CERT,
	    MAIN ":1:9: a control character: want printable text\n"
	    MAIN ":1:19: a control character: want printable text\n"),
	ROW("control characters", "jobs = 4\001\nlog = \"std\007err\"\n" CERT "\177\n",
	    MAIN ":1:9: a control character: want printable text\n"
	    MAIN ":2:11: a control character: want printable text\n"
	    MAIN ":4:1: a control character: want printable text\n"),
	ROW("terminal escapes are not repeated", "\033[0mx = 1\nlog\302\233 = \342\200\256\n" CERT,
	    MAIN ":1:1: a control character: want printable text\n"
	    MAIN ":1:2: unknown option \"[0mx\": want one of state-dir, jobs, log, sandbox, "
	    "role-users, watch, time-zone, agree-tos, ca, certificate, include\n" MAIN
	    ":2:1: unknown option \"log?\": did you mean \"log\"?\n"),
	ROW("no line end behind a backslash", "log = \"x\\",
	    MAIN ":1:7: a text without its end: want \" in the same line\n"
	    MAIN ":1:9: an unknown escape: want \\\\ or \\\"\n"),
};

START_TEST(odd_octets_are_said_with_their_place)
{
	FILE *f = fopen(MAIN, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(odd[_i].text, 1, odd[_i].n, f), odd[_i].n);
	ck_assert_int_eq(fclose(f), 0);
	expect_said(odd[_i].what, odd[_i].want);
}
END_TEST

/* --- how much is said --- */

START_TEST(an_error_counts_what_was_said)
{
	tree_file(MAIN, "jobs = 0\n" CERT);
	ck_assert_int_eq(read_config(MAIN), -1);
	ck_assert_str_eq(e.text, MAIN ": 1 error");
	tree_file(MAIN, "jobs = 0\nlog = x\n" CERT);
	ck_assert_int_eq(read_config(MAIN), -1);
	ck_assert_str_eq(e.text, MAIN ": 2 errors");
}
END_TEST

START_TEST(more_than_a_thousand_errors_are_not_all_said)
{
	struct buf b;
	size_t lines = 0;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 1500; i++)
		buf_str(&b, "x = 1\n");
	tree_file(MAIN, buf_cstr(&b));
	ck_assert_int_eq(read_config(MAIN), -1);
	for (const char *p = buf_cstr(&said); (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	ck_assert_uint_eq(lines, 1001);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&said),
	    "\nthere are more errors than are shown here\n"));
	ck_assert_str_eq(e.text, MAIN ": 1500 errors");
	buf_clear(&b);
}
END_TEST

START_TEST(two_thousand_certificates_come_in_their_order)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 2000; i++)
		buf_printf(&b, "certificate \"%d.example.com\" { names = { \"%d.example.com\", "
		    "\"www%d.example.com\" } }\n", i, i, i);
	accept_text(buf_cstr(&b));
	ck_assert_uint_eq(cfg.certs.n, 2000);
	ck_assert_str_eq(cert_at(1999)->name, "1999.example.com");
	expect_strs(&cert_at(1234)->names, "1234.example.com www1234.example.com");
	pack_clear(&config_pack, &cfg);
	buf_clear(&b);
}
END_TEST

/* --- what is shipped --- */

static char sources[PATH_MAX];	/* absolute: the tests change the folder */

static void
read_shipped(const char *name, struct buf *text)
{
	char path[PATH_MAX];

	ck_assert_int_lt(snprintf(path, sizeof(path), "%s/%s", sources, name), PATH_MAX);
	buf_init(text, 1 << 20);
	ck_assert_msg(fs_read_path(path, 1 << 20, text, &e) == 0, "%s", e.text);
}

/* "#option" is an option that is not used, "# words" are words. */
static struct span
without_mark(struct span line)
{
	while (span_starts(line, " "))
		line = span_of(line.p + 1, line.n - 1);
	if (span_starts(line, "#") && !span_starts(line, "# ") && line.n > 1)
		line = span_of(line.p + 1, line.n - 1);
	return line;
}

START_TEST(the_example_is_right_and_so_is_what_it_has_as_comments)
{
	struct buf text, all;
	struct span line;
	struct rd r;

	read_shipped("etc/kamcert.conf", &text);
	accept_text(buf_cstr(&text));
	pack_clear(&config_pack, &cfg);
	buf_init(&all, 1 << 20);
	r = rd_of(buf_span(&text));
	while (rd_line(&r, &line)) {
		buf_put(&all, without_mark(line));
		buf_u8(&all, '\n');
	}
	accept_text(buf_cstr(&all));
	ck_assert_uint_ge(cfg.cas.n, 2);
	ck_assert_uint_ge(cfg.certs.n, 2);
	pack_clear(&config_pack, &cfg);
	buf_clear(&all);
	buf_clear(&text);
}
END_TEST

/* How often a manual page or an example names each option of a section and of those in it. */
static void
expect_options(const struct section *s, const char *text, const char *before, const char *behind)
{
	char item[100];

	for (size_t i = 0; i < s->noptions; i++) {
		(void)snprintf(item, sizeof(item), "%s%s%s", before, s->options[i].name, behind);
		ck_assert_msg(strstr(text, item) != NULL, "\"%s\" is missing", item);
		if (s->options[i].section != NULL)
			expect_options(s->options[i].section, text, before, behind);
	}
}

START_TEST(every_option_is_in_the_example_and_in_the_manual)
{
	struct buf text;

	read_shipped("etc/kamcert.conf", &text);
	expect_options(&config_top, buf_cstr(&text), "", "");
	buf_clear(&text);
	read_shipped("man/kamcert.conf.5", &text);
	expect_options(&config_top, buf_cstr(&text), ".It Ic ", "");
	buf_clear(&text);
}
END_TEST

int
main(void)
{
	const char *srcdir = getenv("srcdir");
	Suite *s = suite_create("config");
	TCase *tc = tcase_create("config");

	if (realpath(srcdir != NULL ? srcdir : ".", sources) == NULL)
		return 1;
	load_rows();
	tcase_add_checked_fixture(tc, conf_start, conf_finish);
	tcase_add_test(tc, agree_tos_and_one_name_are_enough);
	tcase_add_test(tc, a_hook_section_alone_means_debians_kamailio);
	tcase_add_test(tc, every_option_arrives);
	tcase_add_test(tc, a_ca_of_its_own_decides_over_agree_tos);
	tcase_add_test(tc, letsencrypt_may_have_another_directory);
	tcase_add_test(tc, all_of_it_survives_being_packed);
	tcase_add_loop_test(tc, ways_of_writing_that_are_fine, 0, (int)NITEMS(fine));
	tcase_add_loop_test(tc, every_error_is_said_with_its_place, 0, nrows);
	tcase_add_loop_test(tc, odd_octets_are_said_with_their_place, 0, (int)NITEMS(odd));
	tcase_add_test(tc, an_error_counts_what_was_said);
	tcase_add_test(tc, more_than_a_thousand_errors_are_not_all_said);
	tcase_add_test(tc, two_thousand_certificates_come_in_their_order);
	tcase_add_test(tc, the_example_is_right_and_so_is_what_it_has_as_comments);
	tcase_add_test(tc, every_option_is_in_the_example_and_in_the_manual);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
