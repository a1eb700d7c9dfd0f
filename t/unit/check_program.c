/*
 * program: what operators' programs are told, what becomes of them, and that
 * nothing they do stops the loop (FAULTS P10, I10, S01).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "hooks/program.h"
#include "starter_private.h"
#include "suite.h"

static char dir[32], fifo[64], file[64];

static void
setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/check_prog.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	(void)snprintf(file, sizeof(file), "%s/file", dir);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
}

static void
teardown(void)
{
	(void)unlink(fifo);
	(void)unlink(file);
	(void)rmdir(dir);
}

/* What came of a program. */
struct end {
	struct loop *loop;	/* to be stopped then; NULL: none */
	bool	came;
	bool	started, timed_out, cut;
	int	status;
	struct buf output;
};

static void
note_end(void *arg, const struct program_result *r)
{
	struct end *end = arg;

	ck_assert(!end->came);
	end->came = true;
	end->started = r->started;
	end->timed_out = r->timed_out;
	end->cut = r->cut;
	end->status = r->status;
	buf_init(&end->output, PROGRAM_OUTPUT_MAX + 1);
	buf_put(&end->output, r->output);
	if (end->loop != NULL)
		loop_stop(end->loop);
}

static void
give_up(void *arg UNUSED)
{
	ck_abort_msg("the program did not end in a minute");
}

/* The shell is the operator's here, as it would be in a script. */
static void
run_script(const char *script, struct span input, int64_t timeout, struct end *end)
{
	char *argv[] = { (char *)(uintptr_t)"/bin/sh", (char *)(uintptr_t)"-c",
		(char *)(uintptr_t)script, (char *)(uintptr_t)"name", fifo };
	struct strs args = { argv, NITEMS(argv) };
	struct program_in in = { .argv = &args, .event = "deploy", .input = input,
		.timeout = timeout };
	struct err e = ERR_NONE;
	struct loop *loop = loop_new(&e);

	memset(end, 0, sizeof(*end));
	ck_assert_ptr_nonnull(loop);
	/* A starter's loop has other things to wait for; a signal alone would not keep this one. */
	ck_assert_ptr_nonnull(loop_timer_add(loop, clock_boot_ms() + 60000, give_up, NULL, &e));
	end->loop = loop;
	ck_assert_msg(program_start(loop, &in, note_end, end, &e) != NULL, "%s: %s", script,
	    e.text);
	ck_assert_int_eq(loop_run(loop, &e), 0);
	ck_assert(end->came);
	loop_free(loop);
}

/* --- how programs end --- */

static const struct {
	const char	*what;
	const char	*script;
	int64_t		 timeout;
	bool		 timed_out;
	int		 status;	/* of exit, or minus the signal */
	const char	*output;	/* NULL: not looked at */
} ends[] = {
	{ "it succeeds", "exit 0", 60, false, 0, "" },
	{ "it fails", "echo no; exit 3", 60, false, 3, "no\n" },
	{ "both outputs are kept", "echo a; echo b >&2", 60, false, 0, "a\nb\n" },
	{ "input is read to its end", "cat", 60, false, 0, "input" },
	{ "input is not read", "exec <&-; echo x", 60, false, 0, "x\n" },
	{ "it dies by a signal", "kill -SEGV $$", 60, false, -SIGSEGV, NULL },
	{ "it closes its descriptors", "exec 0<&- 1>&- 2>&-; exit 4", 60, false, 4, "" },
	{ "it changes the folder", "cd /tmp; exit 5", 60, false, 5, "" },
	{ "it begins in /", "pwd", 60, false, 0, "/\n" },
	{ "it leads a session",
	  "read -r pid name state ppid group session rest < /proc/$$/stat;"
	  "[ $session = $$ ] && [ $group = $$ ]", 60, false, 0, "" },
	{ "it hangs", "exec sleep 1000", 0, true, -SIGTERM, NULL },
	{ "it hangs and ignores TERM", "trap '' TERM; while :; do sleep 1000; done", 1, true,
	    -SIGKILL,
	  NULL },
	{ "it is stopped", "kill -STOP $$; exit 6", 1, true, -SIGTERM, NULL },
	{ "it floods and hangs", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
	    1,
	  true, -SIGTERM, NULL },
	{ "its child keeps the output", "sleep 1000 & echo x", 60, false, 0, "x\n" },
	{ "it gains no privileges",
	  "while read -r key value; do [ $key = NoNewPrivs: ] && echo $value; done < "
	  "/proc/self/status;exit 0", 60, false, 0, "1\n" },
	{ "no signal is blocked or ignored",
	  /* Up to the 28th: the C library keeps two of the last ones for itself. */
	  "while read -r key value; do case $key in SigBlk:|SigIgn:) echo ${value#?????????};; "
	  "esac;done < /proc/self/status", 60, false, 0, "0000000\n0000000\n" },
};

START_TEST(programs_end_as_in_their_table)
{
	const char *what = ends[_i].what;
	int want = ends[_i].status;
	struct end end;
	sigset_t set;

	/* What a starter has: signals blocked for its loop, and one ignored. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGCHLD);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	ck_assert_int_eq(sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL), 0);
	run_script(ends[_i].script, span_str("input"), ends[_i].timeout, &end);
	ck_assert_msg(end.started, "%s: not started", what);
	ck_assert_msg(end.timed_out == ends[_i].timed_out, "%s: got timed out %d", what,
	    end.timed_out);
	if (want < 0)
		ck_assert_msg(WIFSIGNALED(end.status) && WTERMSIG(end.status) == -want,
		    "%s: got status %x", what, (unsigned)end.status);
	else
		ck_assert_msg(WIFEXITED(end.status) && WEXITSTATUS(end.status) == want,
		    "%s: got status %x", what, (unsigned)end.status);
	ck_assert_msg(ends[_i].output == NULL ||
	    strcmp(buf_cstr(&end.output), ends[_i].output) == 0, "%s: got \"%s\"", what,
	    buf_cstr(&end.output));
	buf_clear(&end.output);
}
END_TEST

START_TEST(a_program_may_be_allowed_to_gain_privileges)
{
	char *argv[] = { (char *)(uintptr_t)"/bin/grep", (char *)(uintptr_t)"-q",
		(char *)(uintptr_t)"^NoNewPrivs:.0", (char *)(uintptr_t)"/proc/self/status" };
	struct strs args = { argv, NITEMS(argv) };
	struct program_in in = { .argv = &args, .new_privileges = true, .timeout = 60 };
	struct err e = ERR_NONE;
	struct loop *loop = loop_new(&e);
	struct end end = { 0 };

	ck_assert_ptr_nonnull(loop);
	ck_assert_ptr_nonnull(program_start(loop, &in, note_end, &end, &e));
	ck_assert_int_eq(loop_run(loop, &e), 0);
	ck_assert(end.started && WIFEXITED(end.status));
	ck_assert_int_eq(WEXITSTATUS(end.status), 0);
	buf_clear(&end.output);
	loop_free(loop);
}
END_TEST

START_TEST(the_environment_is_small_and_fixed)
{
	struct end end;

	ck_assert_int_eq(setenv("LD_DEBUG", "all", 1), 0);
	ck_assert_int_eq(setenv("SECRET", "x", 1), 0);
	run_script("cat /proc/$$/environ | tr '\\0' '\\n'", SPAN_NONE, 60, &end);
	ck_assert_str_eq(buf_cstr(&end.output),
	    "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C\nKAMCERT_EVENT=deploy\n");
	buf_clear(&end.output);
}
END_TEST

START_TEST(no_other_descriptor_is_open)
{
	struct end end;
	int fd = open("/dev/null", O_RDONLY);

	ck_assert_int_eq(dup2(fd, 77), 77);
	run_script("for i in /proc/$$/fd/*; do echo ${i##*/}; done", SPAN_NONE, 60, &end);
	ck_assert_msg(strncmp(buf_cstr(&end.output), "0\n1\n2\n", 6) == 0, "got %s",
	    buf_cstr(&end.output));
	ck_assert_msg(strstr(buf_cstr(&end.output), "77") == NULL, "got %s", buf_cstr(&end.output));
	buf_clear(&end.output);
	(void)close(fd);
	(void)close(77);
}
END_TEST

START_TEST(output_is_kept_up_to_a_limit)
{
	struct end end;

	run_script("head -c 1000000 /dev/zero; echo the end", SPAN_NONE, 60, &end);
	ck_assert_int_eq(end.status, 0);
	ck_assert(end.cut);
	ck_assert_uint_eq(end.output.n, PROGRAM_OUTPUT_MAX);
	buf_clear(&end.output);
}
END_TEST

START_TEST(a_megabyte_of_input_arrives)
{
	uint8_t *input = calloc(1, PROGRAM_INPUT_MAX);
	struct end end;

	ck_assert_ptr_nonnull(input);
	run_script("wc -c", span_of(input, PROGRAM_INPUT_MAX), 60, &end);
	ck_assert_str_eq(buf_cstr(&end.output), "1048576\n");
	buf_clear(&end.output);
	free(input);
}
END_TEST

/* The children hold the writing end of the FIFO: it ends when they have ended. */
START_TEST(children_left_behind_are_killed)
{
	static const char *const scripts[] = {
		"sleep 1000 > $1 & exit 0",
		"(sleep 1000 & sleep 1000) > $1 & exec sleep 1000",
		"trap '' TERM HUP; (trap '' TERM; sleep 1000) > $1 & wait",
	};
	int fd = open(fifo, O_RDWR | O_CLOEXEC), reader;
	struct end end;
	uint8_t one;

	ck_assert_int_ne(fd, -1);
	reader = open(fifo, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ne(reader, -1);
	run_script(scripts[_i], SPAN_NONE, _i == 0 ? 60 : 1, &end);
	(void)close(fd);
	ck_assert_int_eq(read(reader, &one, 1), 0);
	(void)close(reader);
	buf_clear(&end.output);
}
END_TEST

/* --- the loop goes on --- */

struct errand {
	struct loop	*loop;
	int		 fd;
	int		 turns;
};

static void
on_errand(void *arg)
{
	struct errand *x = arg;
	struct err e;

	if (++x->turns < 3) {
		ck_assert_ptr_nonnull(loop_timer_add(x->loop, clock_boot_ms(), on_errand, x, &e));
		return;
	}
	ck_assert_int_eq(write(x->fd, "go on\n", 6), 6);
}

START_TEST(the_loop_goes_on_while_a_program_runs)
{
	char *argv[] = { (char *)(uintptr_t)"/bin/sh", (char *)(uintptr_t)"-c",
		(char *)(uintptr_t)"read -r x < $1; echo $x", (char *)(uintptr_t)"name", fifo };
	struct strs args = { argv, NITEMS(argv) };
	struct program_in in = { .argv = &args, .timeout = 60 };
	struct errand x = { 0 };
	struct end end = { 0 };
	struct err e;

	ck_assert_ptr_nonnull(x.loop = loop_new(&e));
	ck_assert_int_ne(x.fd = open(fifo, O_RDWR | O_CLOEXEC), -1);
	ck_assert_ptr_nonnull(program_start(x.loop, &in, note_end, &end, &e));
	ck_assert_ptr_nonnull(loop_timer_add(x.loop, clock_boot_ms(), on_errand, &x, &e));
	ck_assert_int_eq(loop_run(x.loop, &e), 0);
	ck_assert_str_eq(buf_cstr(&end.output), "go on\n");
	ck_assert_int_eq(x.turns, 3);
	buf_clear(&end.output);
	(void)close(x.fd);
	loop_free(x.loop);
}
END_TEST

START_TEST(a_program_can_be_stopped)
{
	char *argv[] = { (char *)(uintptr_t)"/bin/sh", (char *)(uintptr_t)"-c",
		(char *)(uintptr_t)"exec sleep 1000 > $1", (char *)(uintptr_t)"name", fifo };
	struct strs args = { argv, NITEMS(argv) };
	struct program_in in = { .argv = &args, .timeout = 60 };
	struct end end = { 0 };
	struct program *p;
	struct loop *loop;
	struct err e;

	ck_assert_ptr_nonnull(loop = loop_new(&e));
	ck_assert_ptr_nonnull(p = program_start(loop, &in, note_end, &end, &e));
	program_stop(p);
	ck_assert_int_eq(loop_run(loop, &e), 0);
	ck_assert(!end.came);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	loop_free(loop);
}
END_TEST

/* --- what is no program --- */

static void
write_file(const char *content, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	(void)close(fd);
}

static const struct {
	const char	*what;
	const char	*path;		/* NULL: the file */
	const char	*content;
	mode_t		 mode;
	const char	*says;		/* NULL: it may be run */
} programs[] = {
	{ "a script", NULL, "#!/bin/sh\n", 0755, NULL },
	{ "of a group", NULL, "#!/bin/sh\n", 0775, NULL },
	{ "not executable", NULL, "#!/bin/sh\n", 0644, "is no program" },
	{ "for everybody to change", NULL, "#!/bin/sh\n", 0757, "everybody may change it" },
	{ "missing", "/no/such/program", NULL, 0, "No such file" },
	{ "a folder", "/tmp", NULL, 0, "is no program" },
	{ "a relative path", "sh", NULL, 0, "want an absolute path" },
	{ "an empty path", "", NULL, 0, "want an absolute path" },
};

START_TEST(programs_are_looked_at_first)
{
	char *path = programs[_i].path != NULL ? (char *)(uintptr_t)programs[_i].path : file;
	struct strs argv = { &path, 1 };
	struct hook_conf conf = { .command = argv, .timeout = 60 };
	struct hook_facts f;
	struct err e = ERR_NONE;
	int rc;

	if (programs[_i].content != NULL)
		write_file(programs[_i].content, programs[_i].mode);
	rc = hook_find("program")->preflight(&conf, &f, &e);
	ck_assert_msg((rc == 0) == (programs[_i].says == NULL), "%s: got %d, %s", programs[_i].what,
	    rc, e.text);
	ck_assert_msg(rc == 0 || (e.class == OUT_HOLD && strstr(e.text, programs[_i].says) != NULL),
	    "%s: got %s", programs[_i].what, e.text);
}
END_TEST

/* --- as a hook --- */

static const struct {
	const char	*what;
	const char	*script;
	int64_t		 timeout;
	enum hook_result result;
	enum outcome	 class;
	const char	*says;
} hooks[] = {
	{ "it succeeds", "#!/bin/sh\nexit 0\n", 60, HOOK_OK, OUT_OK, "" },
	{ "it fails", "#!/bin/sh\necho one; echo two; exit 1\n", 60, HOOK_REFUSED, OUT_HOLD,
	  "ended with status 1: two" },
	{ "it says something nasty", "#!/bin/sh\nprintf 'x\\033[2Jy\\n'; exit 1\n", 60,
	  HOOK_REFUSED, OUT_HOLD, "ended with status 1: x" },
	{ "it dies", "#!/bin/sh\nkill -9 $$\n", 60, HOOK_UNKNOWN, OUT_RETRY,
	  "was ended by signal 9" },
	{ "it hangs", "#!/bin/sh\nexec sleep 1000\n", 0, HOOK_UNKNOWN, OUT_RETRY,
	  "did not end in time" },
	{ "the event is on its input",
	  "#!/bin/sh\n[ \"$(cat)\" = '{\"event\":\"deploy\",\"certificates\":["
	  "{\"name\":\"a\\\"$(x);\",\"directory\":\"/d/a\"}]}' ]\n", 60, HOOK_OK, OUT_OK, "" },
};

START_TEST(a_program_is_a_hook)
{
	char *path = file, event[] = "deploy", name[] = "a\"$(x);", folder[] = "/d/a";
	char *names[] = { name }, *folders[] = { folder };
	struct hook_conf conf = { .command = { &path, 1 }, .timeout = hooks[_i].timeout };
	struct hook_event ev = { event, { names, 1 }, { folders, 1 } };
	struct err e = ERR_NONE;
	struct hook_facts f;
	enum hook_result result;

	write_file(hooks[_i].script, 0700);
	result = hook_find("program")->reload(&conf, &ev, &f, &e);
	ck_assert_msg(result == hooks[_i].result, "%s: got %d: %s", hooks[_i].what, (int)result,
	    e.text);
	ck_assert_msg(result == HOOK_OK || (e.class == hooks[_i].class &&
	    strstr(e.text, hooks[_i].says) != NULL), "%s: got %s \"%s\"", hooks[_i].what,
	    outcome_word(e.class), e.text);
}
END_TEST

/* For its group alone: neither its owner nor, where the tests run as root, nobody is in that. */
START_TEST(a_program_that_cannot_be_run_has_changed_nothing)
{
	char *path = file, nobody[] = "nobody";
	struct hook_conf conf = { .command = { &path, 1 }, .timeout = 60,
		.user = geteuid() == 0 ? nobody : NULL };
	struct hook_event ev = { 0 };
	struct err e = ERR_NONE;
	struct hook_facts f;

	write_file("#!/bin/sh\n", 0010);
	ck_assert_int_eq(hook_find("program")->reload(&conf, &ev, &f, &e), HOOK_FAILED);
	ck_assert_msg(e.class == OUT_HOLD && strstr(e.text, "could not be run: ") != NULL &&
	    strstr(e.text, "Permission denied") != NULL, "got %s", e.text);
}
END_TEST

START_TEST(the_event_is_one_json_object)
{
	char event[] = "rollback", name[] = "sip.example.com", folder[] = "/var/lib/kamcert/x/\"\n";
	char *names[] = { name, name }, *folders[] = { folder };
	struct hook_event ev = { event, { names, 2 }, { folders, 1 } };
	const struct json *list;
	struct json_doc *doc;
	const char *s;
	struct buf b;
	struct err e;

	buf_init(&b, 4096);
	program_event(&ev, &b);
	ck_assert(buf_ok(&b) && b.p[b.n - 1] == '\n');
	ck_assert_ptr_nonnull(doc = json_parse(buf_span(&b), &e));
	ck_assert_int_eq(json_get_str(json_root(doc), "event", "event", JSON_REQUIRED, &s, &e), 0);
	ck_assert_str_eq(s, "rollback");
	ck_assert_int_eq(json_get_array(json_root(doc), "event", "certificates", JSON_REQUIRED,
	    &list, &e), 0);
	ck_assert_uint_eq(json_count(list), 2);
	ck_assert_int_eq(json_get_str(json_at(list, 0), "event", "directory", JSON_REQUIRED, &s,
	    &e), 0);
	ck_assert_str_eq(s, folder);
	ck_assert_int_eq(json_get_str(json_at(list, 1), "event", "directory", JSON_OPTIONAL, &s,
	    &e), 0);
	ck_assert_ptr_null(s);
	json_free(doc);
	buf_clear(&b);
}
END_TEST

/* --- users --- */

static void
run_as(char *user, struct end *end, bool *started)
{
	char *argv[] = { (char *)(uintptr_t)"/bin/sh", (char *)(uintptr_t)"-c",
		(char *)(uintptr_t)"id -un; id -u; id -G" };
	struct strs args = { argv, NITEMS(argv) };
	struct program_in in = { .argv = &args, .user = user, .timeout = 60 };
	struct loop *loop;
	struct err e;

	memset(end, 0, sizeof(*end));
	ck_assert_ptr_nonnull(loop = loop_new(&e));
	*started = program_start(loop, &in, note_end, end, &e) != NULL;
	ck_assert_msg(*started || e.class == OUT_HOLD, "%s", e.text);
	ck_assert_int_eq(loop_run(loop, &e), 0);
	loop_free(loop);
}

START_TEST(another_user_is_for_root_alone)
{
	char user[] = "daemon";
	struct end end;
	bool started;

	if (getenv("KAMCERT_COVERAGE") != NULL)
		return;		/* who may not write its counters says so among the output */
	run_as(user, &end, &started);
	ck_assert_int_eq(started, geteuid() == 0);
	ck_assert_msg(!started || strncmp(buf_cstr(&end.output), "daemon\n1\n1", 10) == 0, "got %s",
	    buf_cstr(&end.output));
	buf_clear(&end.output);
}
END_TEST

START_TEST(our_own_user_is_always_possible)
{
	struct passwd *pw = getpwuid(geteuid());
	struct end end;
	bool started;

	ck_assert_ptr_nonnull(pw);
	run_as(pw->pw_name, &end, &started);
	ck_assert(started);
	ck_assert_int_eq(end.status, 0);
	buf_clear(&end.output);
}
END_TEST

START_TEST(a_user_that_does_not_exist_is_a_hold)
{
	char user[] = "no such user";
	struct end end;
	bool started;

	run_as(user, &end, &started);
	ck_assert(!started);
}
END_TEST

/* Of a challenge, too, and in a daemon, where nobody else would wait for it (FAULTS V6). */
START_TEST(no_program_outlives_its_run)
{
	static char name[] = "a.example.com", value[] =
	    "0123456789012345678901234567890123456789012";
	/* which waits, whatever arguments follow */
	const char script[] = "#!/bin/sh\nexec sleep 600\n";
	char *argv[] = { file };
	struct challenge_conf challenge = { .program = { argv, 1 } };
	struct cert_conf cert = { .name = name, .challenges = { &challenge, 1 } };
	struct msg_setup setup = { .config.certs = { &cert, 1 } };
	const struct starter_in in = { .setup = &setup };
	struct msg_record body = { .cert = name, .present = true, .name = name, .domain = name,
		.value = value };
	struct message m = { .type = MSG_RECORD, .body = &body, .fd = -1 };
	struct err e = ERR_NONE;
	struct starter s = { .in = &in, .loop = loop_new(&e) };
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	ck_assert_int_eq(write(fd, script, strlen(script)), (ssize_t)strlen(script));
	(void)close(fd);
	ck_assert_ptr_nonnull(s.loop);
	starter_on_record(&s, &m);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), 0);
	starter_stop_runs(&s);
	ck_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	loop_free(s.loop);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("program");
	TCase *tc = tcase_create("program");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, programs_end_as_in_their_table, 0, NITEMS(ends));
	tcase_add_test(tc, a_program_may_be_allowed_to_gain_privileges);
	tcase_add_test(tc, the_environment_is_small_and_fixed);
	tcase_add_test(tc, no_other_descriptor_is_open);
	tcase_add_test(tc, output_is_kept_up_to_a_limit);
	tcase_add_test(tc, a_megabyte_of_input_arrives);
	tcase_add_loop_test(tc, children_left_behind_are_killed, 0, 3);
	tcase_add_test(tc, the_loop_goes_on_while_a_program_runs);
	tcase_add_test(tc, a_program_can_be_stopped);
	tcase_add_loop_test(tc, programs_are_looked_at_first, 0, NITEMS(programs));
	tcase_add_loop_test(tc, a_program_is_a_hook, 0, NITEMS(hooks));
	tcase_add_test(tc, a_program_that_cannot_be_run_has_changed_nothing);
	tcase_add_test(tc, the_event_is_one_json_object);
	tcase_add_test(tc, another_user_is_for_root_alone);
	tcase_add_test(tc, our_own_user_is_always_possible);
	tcase_add_test(tc, a_user_that_does_not_exist_is_a_hold);
	tcase_add_test(tc, no_program_outlives_its_run);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
