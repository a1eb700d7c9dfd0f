/*
 * check_include: the files of a configuration: which are read, which are
 * refused, and how errors name them (FAULTS I01).
 */
#include "conf.h"
#include "suite.h"

START_TEST(an_error_leaves_nothing_for_the_next_reading)
{
	for (int i = 0; i < 12; i++) {
		tree_file("a.conf", "log = \"x\n");
		tree_file(MAIN, "include(\"a.conf\")\n" CERT);
		expect_said("broken", "a.conf:1:7: a text without its end: want \" in the same "
		    "line\n");
		accept_text("log = stderr\n" CERT);
		pack_clear(&config_pack, &cfg);
	}
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named)
{
	expect_said("missing", MAIN ": No such file or directory\n");
	tree_dir(MAIN, 0755);
	expect_said("a folder", MAIN ": want a regular file\n");
	ck_assert_int_eq(rmdir(MAIN), 0);
	ck_assert_int_eq(mkfifo(MAIN, 0644), 0);
	expect_said("a FIFO", MAIN ": want a regular file\n");
}
END_TEST

START_TEST(a_file_that_others_may_write_to_is_refused)
{
	static const char mode[] = "want a file that only its owner may write to\n";

	tree_file(MAIN, CERT);
	ck_assert_int_eq(chmod(MAIN, 0646), 0);
	ck_assert_int_eq(read_config(MAIN), -1);
	ck_assert_str_eq(buf_cstr(&said) + strlen(MAIN ": mode 0646: "), mode);
	ck_assert_int_eq(chmod(MAIN, 0664), 0);
	if (is_root()) {
		ck_assert_int_eq(read_config(MAIN), 0);	/* the group is root's */
		pack_clear(&config_pack, &cfg);
		ck_assert_int_eq(chown(MAIN, (uid_t)-1, SOMEBODY), 0);
		ck_assert_int_eq(chmod(MAIN, 0664), 0);
	}
	ck_assert_int_eq(read_config(MAIN), -1);
	ck_assert_str_eq(buf_cstr(&said) + strlen(MAIN ": mode 0664: "), mode);
	ck_assert_int_eq(chmod(MAIN, 0640), 0);
	ck_assert_int_eq(read_config(MAIN), 0);
	pack_clear(&config_pack, &cfg);
}
END_TEST

START_TEST(a_file_of_another_user_is_refused)
{
	if (!is_root())
		return;
	tree_file(MAIN, "jobs = 0\n" CERT);
	ck_assert_int_eq(chown(MAIN, SOMEBODY, 0), 0);
	expect_said("owner", MAIN ": belongs to user 12345: want root, or who runs kamcert\n"
	    MAIN ":1:8: jobs: want a whole number from 1 to 200, have \"0\"\n");
}
END_TEST

START_TEST(included_files_are_read_where_they_stand)
{
	const struct config_file *f;
	struct stat st;

	tree_dir("more", 0755);
	tree_file("more/cas.conf", "ca \"x\" { directory = \"https://x.example.com/\" }\n"
	    "include(\"deeper.conf\")\n");
	tree_file("more/deeper.conf", "# first\ncertificate \"b.example.com\" { }\njobs = 7\n");
	accept_text("certificate \"a.example.com\" { }\ninclude(\"more/cas.conf\")\n"
	    "certificate \"c.example.com\" { }\nca \"letsencrypt\" { }\n");
	ck_assert_int_eq(cfg.jobs, 7);
	ck_assert_str_eq(cert_at(0)->name, "a.example.com");
	ck_assert_str_eq(cert_at(1)->name, "b.example.com");
	ck_assert_str_eq(cert_at(2)->name, "c.example.com");
	expect_strs(&cert_at(2)->ca, "x");
	ck_assert_uint_eq(cfg.files.n, 3);
	f = cfg.files.v;
	ck_assert_str_eq(f[0].path, MAIN);
	ck_assert_str_eq(f[1].path, "more/cas.conf");
	ck_assert_str_eq(f[2].path, "more/deeper.conf");
	ck_assert_int_eq(stat("more/deeper.conf", &st), 0);
	ck_assert_int_eq(f[2].ino, (int64_t)st.st_ino);
	ck_assert_int_eq(f[2].size, st.st_size);
	ck_assert_int_eq(f[2].mtime_ns, st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
	pack_clear(&config_pack, &cfg);
}
END_TEST

START_TEST(errors_name_the_file_they_are_in)
{
	tree_dir("more", 0755);
	tree_file("more/a.conf", "log = x\n\ncertificate \"a.example.com\" { ca = \"c\" }\n");
	tree_file("more/b.conf", "jobs = 1\njobs = 0 }\n");
	tree_file(MAIN, "include(\"more/a.conf\") include(\"more/b.conf\")\nlogg = 1\n"
	    "certificate \"a.example.com\" { key = x }\n");
	expect_said("included", MAIN ":2:1: unknown option \"logg\": did you mean \"log\"?\n"
	    MAIN ":3:1: certificate \"a.example.com\": the title is in use since more/a.conf:3\n"
	    MAIN ":3:37: certificate \"a.example.com\": key: want one of ecdsa-p256, ecdsa-p384, "
	    "rsa-2048, rsa-3072, rsa-4096, have \"x\"\n"
	    "more/a.conf:1:7: log: want one of stderr, syslog, have \"x\"\n"
	    "more/b.conf:2:1: jobs: given a second time, first in line 1\n"
	    "more/b.conf:2:10: want the name of an option, have }\n");
}
END_TEST

START_TEST(an_option_may_be_given_in_one_file_only)
{
	tree_file("a.conf", "jobs = 1\n");
	tree_file(MAIN, "jobs = 2\ninclude(\"a.conf\")\n" CERT);
	expect_said("twice", "a.conf:1:8: jobs: given a second time, first in " MAIN ":1\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_included_is_named)
{
	tree_dir("folder", 0755);
	tree_file("open.conf", "jobs = 1\n");
	ck_assert_int_eq(chmod("open.conf", 0666), 0);
	tree_file(MAIN, "include(\"gone.conf\")\n include(\"/nowhere/x\")\ninclude(\"folder\")\n"
	    "include(\"\")\ninclude(\"" MAIN "\")\ninclude(\"open.conf\")\ninclude(./open.conf)\n"
	    "include()\n" CERT);
	expect_said("include", MAIN ":1:9: include: gone.conf: No such file or directory\n"
	    MAIN ":2:10: include: /nowhere/x: No such file or directory\n"
	    MAIN ":3:9: include: folder: want a regular file\n"
	    MAIN ":4:9: include: want the path of a file, have \"\"\n"
	    MAIN ":5:9: include: " MAIN ": is read already\n"
	    MAIN ":7:9: include: ./open.conf: is read already\n"
	    MAIN ":8:9: want a file's name, have )\n"
	    "open.conf: mode 0666: want a file that only its owner may write to\n");
}
END_TEST

START_TEST(files_include_each_other_eight_deep)
{
	char name[20], text[100];

	for (int i = 1; i <= 9; i++) {
		(void)snprintf(name, sizeof(name), "%d.conf", i);
		(void)snprintf(text, sizeof(text), "include(\"%d.conf\")\n", i + 1);
		tree_file(name, i < 9 ? text : "");
	}
	tree_file("8.conf", "jobs = 8\n");
	accept_text("include(\"1.conf\")\n" CERT);
	ck_assert_int_eq(cfg.jobs, 8);
	pack_clear(&config_pack, &cfg);
	tree_file("8.conf", "include(\"9.conf\")\n");
	expect_said("nine", "8.conf:1:9: include: want at most 8 files in each other\n");
}
END_TEST

START_TEST(includes_stand_outside_of_sections)
{
	tree_file("a.conf", "key = rsa-2048\n");
	tree_file(MAIN, "certificate \"a.example.com\" { include(\"a.conf\") }\n");
	expect_said("inside", MAIN ":1:31: unknown option \"include\" in certificate: want one of "
	    "names, key, reuse-key, next-key, csr, private-key, ca, profile, profile-required, "
	    "renew-before, window, time-zone, user, group, hooks-at-once, hooks-pause, "
	    "hooks-partial, challenge, hook\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("include");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, conf_start, conf_finish);
	tcase_add_test(tc, an_error_leaves_nothing_for_the_next_reading);
	tcase_add_test(tc, a_file_that_cannot_be_read_is_named);
	tcase_add_test(tc, a_file_that_others_may_write_to_is_refused);
	tcase_add_test(tc, a_file_of_another_user_is_refused);
	tcase_add_test(tc, included_files_are_read_where_they_stand);
	tcase_add_test(tc, errors_name_the_file_they_are_in);
	tcase_add_test(tc, an_option_may_be_given_in_one_file_only);
	tcase_add_test(tc, a_file_that_cannot_be_included_is_named);
	tcase_add_test(tc, files_include_each_other_eight_deep);
	tcase_add_test(tc, includes_stand_outside_of_sections);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
