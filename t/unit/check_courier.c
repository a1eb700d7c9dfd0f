/*
 * hooks of the courier role: "signal" finds the process that was meant and no
 * other, and "haproxy" believes nothing that was not shown.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <utime.h>

#include "tree.h"

#include "base/clock.h"
#include "hooks/hook.h"
#include "suite.h"

static const struct hook_type *type;
static struct hook_facts facts;
static struct hook_conf conf;
static char hup[] = "HUP", path[128];
static pid_t child;

static void
start(void)
{
	tree_start();
	child = 0;
	memset(&conf, 0, sizeof conf);
	conf.timeout = 5;
	hook_facts_init(&facts);
}

static void
finish(void)
{
	pack_clear(&hook_facts_pack, &facts);
	if (child > 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	tree_finish();
}

/* --- signal --- */

static int tell;	/* the child writes here what came */

static void
on_hup(int signo UNUSED)
{
	(void)!write(tell, "h", 1);
}

static void
on_hup_end(int signo UNUSED)
{
	_exit(3);
}

/* A server that has this handler for HUP; the returned descriptor shows what came. */
static int
start_server(void (*handler)(int))
{
	struct sigaction act = { .sa_handler = handler };
	char byte;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		tell = fds[1];
		(void)sigaction(SIGHUP, &act, NULL);
		(void)!write(tell, "r", 1);
		for (;;)
			(void)pause();
	}
	(void)close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	return fds[0];
}

static void
write_pid(const char *text)
{
	tree_file("pid", text);
	(void)snprintf(path, sizeof path, "%s/pid", top);
	conf.pid_file = path;
	conf.signal = hup;
	type = hook_find("signal");
}

static void
name_child(void)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%d\n", (int)child);
	write_pid(text);
}

static bool
has_come(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte = 0;

	return poll(&p, 1, 0) == 1 && read(fd, &byte, 1) == 1 && byte == 'h';
}

static void
expect_hold(const char *text)
{
	ck_assert_int_eq(type->preflight(&conf, &facts, &e), -1);
	ck_assert_int_eq(type->reload(&conf, &(struct hook_event){ 0 }, &facts, &e), HOOK_FAILED);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_msg(strstr(e.text, text) != NULL, "want \"%s\", have \"%s\"", text, e.text);
}

START_TEST(the_process_that_was_meant_gets_the_signal)
{
	int fd = start_server(on_hup);

	name_child();
	ck_assert_msg(type->preflight(&conf, &facts, &e) == 0, "%s", e.text);
	ck_assert_int_eq(facts.pid, child);
	ck_assert(!has_come(fd));
	ck_assert_int_eq(type->reload(&conf, &(struct hook_event){ 0 }, &facts, &e), HOOK_OK);
	ck_assert(has_come(fd));
}
END_TEST

START_TEST(a_server_that_ends_behind_the_signal_is_down)
{
	(void)start_server(on_hup_end);
	name_child();
	ck_assert_int_eq(type->reload(&conf, &(struct hook_event){ 0 }, &facts, &e), HOOK_DOWN);
	ck_assert_ptr_nonnull(strstr(e.text, "has ended behind the signal"));
}
END_TEST

START_TEST(a_signal_without_a_handler_is_not_sent)
{
	(void)start_server(SIG_DFL);
	name_child();
	expect_hold("would be ended by it");
	ck_assert_int_eq(kill(child, 0), 0);
	ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
}
END_TEST

START_TEST(an_older_file_means_another_process)
{
	struct utimbuf old = { .actime = clock_wall() - 3600, .modtime = clock_wall() - 3600 };
	int fd = start_server(on_hup);

	name_child();
	ck_assert_int_eq(utime(path, &old), 0);
	expect_hold("it is not the server that wrote it");
	ck_assert(!has_come(fd));
}
END_TEST

START_TEST(a_file_that_others_may_write_is_not_believed)
{
	int fd = start_server(on_hup);

	name_child();
	ck_assert_int_eq(chmod(path, 0664), 0);
	expect_hold("only its owner may write");
	ck_assert(!has_come(fd));
}
END_TEST

START_TEST(the_process_must_be_the_users)
{
	static char nobody[] = "nobody";
	int fd = start_server(on_hup);

	name_child();
	conf.user = nobody;
	expect_hold("want nobody");
	if (geteuid() == 0) {
		conf.user = NULL;
		ck_assert_int_eq(chown(path, SOMEBODY, SOMEBODY), 0);
		expect_hold("belongs to user id 12345");
	}
	ck_assert(!has_come(fd));
}
END_TEST

START_TEST(a_file_without_a_process_number_is_refused)
{
	static const char *const texts[] = { "", "\n", "0", "1", "-5", "12x", "99999999999",
	    "4 5", " 77", "0x10" };

	write_pid(texts[_i]);
	expect_hold(_i == 0 ? "pid" : "want the number of a process");
}
END_TEST

START_TEST(a_process_that_is_gone_is_told)
{
	(void)start_server(on_hup);
	name_child();
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	child = 0;
	expect_hold("No such process");
}
END_TEST

/* --- haproxy --- */

/* "A" as a certificate: its SHA-1. */
#define PEM	"-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n\n-----KEY-----\n"
#define NEW	"6DCD4CE23D88E2EE9568BA546C007C63D9131C1B"
#define OLD	"0000000000000000000000000000000000000000"
#define SHOWS(sha1)	"\nFilename: x.pem\nStatus: Used\nSHA1 FingerPrint: " sha1 "\n\n"
#define CREATED	"\nTransaction created for certificate x.pem!\n\n"
#define SUCCESS	"\nCommitting x.pem.\nSuccess!\n\n"

static const struct haproxy_row {
	const char	*what;
	/* in order; the next command must not come behind the last */
	const char	*answers[6];
	enum hook_result result;
	const char	*text;
} haproxy_rows[] = {
	{ "all goes well", { SHOWS(OLD), CREATED, SUCCESS, SHOWS(NEW) }, HOOK_OK, "" },
	{ "it has it already", { SHOWS(NEW) }, HOOK_OK, "" },
	{ "an unknown file", { "\nCan't display the certificate: Not found\n\n" }, HOOK_FAILED,
	  "Not found" },
	{ "another file is shown", { "\nFilename: y.pem\nSHA1 FingerPrint: " OLD "\n" },
	  HOOK_FAILED, "show ssl cert x.pem" },
	{ "it is not taken, and given up", { SHOWS(OLD), "\nunable to load certificate\n\n",
	  "\nTransaction aborted\n" }, HOOK_REFUSED, "unable to load" },
	{ "it is not committed, and given up", { SHOWS(OLD), CREATED, "\nCan't commit x.pem!\n\n",
	  "\nTransaction aborted\n" }, HOOK_REFUSED, "commit" },
	{ "a success that is none", { SHOWS(OLD), CREATED, SUCCESS, SHOWS(OLD) }, HOOK_UNKNOWN,
	  "says success, but has" },
	{ "silence instead of success", { SHOWS(OLD), CREATED, "", "" }, HOOK_REFUSED,
	    "no answer" },
	{ "no answer at all", { "" }, HOOK_FAILED, "no answer" },
	{ "escapes are not shown", { "\033[2J<\n" }, HOOK_FAILED, "<" },
};

static void
answer(int fd, const char *text)
{
	char in[4096];
	size_t n = 0;
	ssize_t got;

	/* a payload ends with an empty line, all else with the first line */
	do {
		if ((got = read(fd, in + n, sizeof in - 1 - n)) <= 0)
			_exit(9);
		n += (size_t)got;
		in[n] = '\0';
	} while (strncmp(in, "set ", 4) == 0 ? strstr(in, "\n\n") == NULL :
	    strchr(in, '\n') == NULL);
	/* nothing behind the empty line: what was inside the file is left out */
	if (strncmp(in, "set ", 4) == 0 && strcmp(strstr(in, "\n\n"), "\n\n") != 0)
		_exit(8);
	(void)!write(fd, text, strlen(text));
	(void)close(fd);
}

static void
start_haproxy(const struct haproxy_row *row)
{
	static char rpc[160], file[] = "x.pem";
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), n;

	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s/sock", top);
	(void)snprintf(rpc, sizeof rpc, "unix:%s", sa.sun_path);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&sa, sizeof sa), 0);
	ck_assert_int_eq(listen(s, 8), 0);
	child = fork();
	if (child == 0) {
		for (n = 0; n < 6 && row->answers[n] != NULL; n++)
			answer(accept(s, NULL, NULL), row->answers[n]);
		_exit(0);
	}
	(void)close(s);
	conf.rpc = rpc;
	conf.ssl_cert = file;
	type = hook_find("haproxy");
}

START_TEST(haproxy_keeps_its_table)
{
	const struct haproxy_row *row = &haproxy_rows[_i];
	char *dirs[] = { top };
	struct hook_event event = { .dirs = { dirs, 1 } };
	enum hook_result got;
	int status = 0;

	tree_file("combined.pem", PEM);
	start_haproxy(row);
	got = type->reload(&conf, &event, &facts, &e);
	ck_assert_msg(got == row->result, "%s: got %d, want %d: %s", row->what, got, row->result,
	    e.text);
	ck_assert_msg(strstr(e.text, row->text) != NULL, "%s: got \"%s\"", row->what, e.text);
	ck_assert_ptr_null(strchr(e.text, '\033'));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	child = 0;
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: the peer: %x", row->what,
	    status);
}
END_TEST

static void
flood(int s)
{
	static char much[8192];
	int fd = accept(s, NULL, NULL);

	(void)!read(fd, much, sizeof much);
	memset(much, 'x', sizeof much);
	while (send(fd, much, sizeof much, MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

START_TEST(an_answer_without_end_is_cut_off)
{
	static char rpc[160];
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s/sock", top);
	(void)snprintf(rpc, sizeof rpc, "unix:%s", sa.sun_path);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&sa, sizeof sa), 0);
	ck_assert_int_eq(listen(s, 8), 0);
	if ((child = fork()) == 0)
		flood(s);
	(void)close(s);
	conf.rpc = rpc;
	ck_assert_int_eq(hook_find("haproxy")->preflight(&conf, &facts, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "an answer of more than"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("courier");
	TCase *tc = tcase_create("courier");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_test(tc, the_process_that_was_meant_gets_the_signal);
	tcase_add_test(tc, a_server_that_ends_behind_the_signal_is_down);
	tcase_add_test(tc, a_signal_without_a_handler_is_not_sent);
	tcase_add_test(tc, an_older_file_means_another_process);
	tcase_add_test(tc, a_file_that_others_may_write_is_not_believed);
	tcase_add_test(tc, the_process_must_be_the_users);
	tcase_add_loop_test(tc, a_file_without_a_process_number_is_refused, 0, 10);
	tcase_add_test(tc, a_process_that_is_gone_is_told);
	tcase_add_loop_test(tc, haproxy_keeps_its_table, 0, NITEMS(haproxy_rows));
	tcase_add_test(tc, an_answer_without_end_is_cut_off);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
