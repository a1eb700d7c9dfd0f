/*
 * check_sandbox: what a role whose code is somebody else's could do from
 * behind its walls. Every test runs in a process of its own, as root where the
 * tests are, and as somebody (FAULTS S16, S17, S18). Whom root becomes is
 * check_sandbox_users'.
 */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#include <seccomp.h>

#include "suite.h"
#include "walled.h"

/* --- what is tried: 0, or errno --- */

static int
result(long rc)
{
	return rc == -1 ? errno : 0;
}

static int
read_file(const char *path)
{
	return result(open(path, O_RDONLY | O_CLOEXEC));
}

static int
read_shadow(void)
{
	return read_file("/etc/shadow");
}

static int
read_account_key(void)
{
	return read_file(account);
}

static int
read_hosts(void)
{
	return read_file("/etc/hosts");
}

static int
read_environment(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)other);
	return read_file(path);
}

static int
make_file(const char *folder)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/made", folder);
	return result(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

static int
write_elsewhere(void)
{
	return make_file("/tmp");
}

static int
write_store(void)
{
	return make_file(state);
}

static int
write_webroot(void)
{
	return make_file(webroot);
}

static int
connect_internet(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return errno;
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 && errno == ECONNREFUSED ? 0 :
	    errno;
}

static int
connect_local(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
listen_somewhere(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd == -1 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ? errno :
	    result(listen(fd, 1));
}

static int
start_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
run_program(void)
{
	static char name[] = "/bin/true", *argv[] = { name, NULL };

	return result(execve(name, argv, NULL));
}

static int
trace_other(void)
{
	return result(ptrace(PTRACE_ATTACH, other, NULL, NULL));
}

static int
signal_other(void)
{
	return result(kill(other, SIGTERM));
}

static int
become_root(void)
{
	return geteuid() == 0 ? 0 : result(setuid(0));
}

static int
run_memory(void)
{
	return result(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED ? -1 : 0);
}

static int
dump_core(void)
{
	struct rlimit r = { 1024, 1024 };

	return result(setrlimit(RLIMIT_CORE, &r));
}

static int
be_seen(void)
{
	return prctl(PR_GET_DUMPABLE) == 1 ? 0 : EPERM;
}

#define K (1u << ROLE_KEEPER)
#define N (1u << ROLE_NET)
#define A (1u << ROLE_ANSWER)
#define C (1u << ROLE_CONTROL)
#define O (1u << ROLE_COURIER)
#define ALL (K | N | A | C | O)

static const struct {
	const char	*what;
	int		(*try)(void);
	unsigned	 allowed;	/* to these roles; refused to all others */
} rows[] = {
	{ "reading the passwords", read_shadow, 0 },
	{ "reading the account key", read_account_key, K },
	{ "reading the table of hosts", read_hosts, ALL },
	{ "reading another's environment", read_environment, 0 },
	{ "writing into /tmp", write_elsewhere, 0 },
	{ "writing into the store", write_store, K },
	{ "writing into the document root", write_webroot, A },
	{ "a connection to the internet", connect_internet, N | A | C | O },
	{ "a connection to this host", connect_local, N | C | O },
	{ "a port of its own", listen_somewhere, 0 },
	{ "a process of its own", start_process, 0 },
	{ "another program", run_program, 0 },
	{ "tracing another process", trace_other, 0 },
	{ "ending another process", signal_other, 0 },
	{ "becoming root", become_root, 0 },
	{ "running memory", run_memory, N | C | O },
	{ "dumping core", dump_core, 0 },
	{ "being looked at", be_seen, 0 },
};

/* --- the processes --- */

static void
try_all(enum role role, bool somebody)
{
	bool allowed;
	int got;

	start(somebody);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		allowed = (rows[i].allowed >> role & 1) != 0;
		got = inside(role, somebody, false, rows[i].try);
		ck_assert_msg(got != NOT_WALLED && (got == 0) == allowed,
		    "%s as %s: %s: want it %s, got %d (%s)", role_name(role),
		    somebody ? "somebody" : "started by us", rows[i].what,
		    allowed ? "allowed" : "refused", got, strerror(got));
	}
	finish();
}

START_TEST(a_role_can_do_its_work_and_nothing_else)
{
	try_all((enum role)_i, false);
}
END_TEST

START_TEST(so_it_is_without_root)
{
	try_all((enum role)_i, true);
}
END_TEST

START_TEST(in_tests_a_forbidden_call_ends_the_role)
{
	start(false);
	ck_assert_int_eq(inside((enum role)_i, false, true, run_program), 99);
	finish();
}
END_TEST

START_TEST(a_state_folder_by_another_name_is_hidden_too)
{
	char other_name[PATH_MAX + 8], real[PATH_MAX];
	struct walls w = { 0 };

	start(false);
	ck_assert_ptr_nonnull(realpath(state, real));
	(void)snprintf(other_name, sizeof(other_name), "%s/", state);
	if (_i == 1) {
		(void)snprintf(other_name, sizeof(other_name), "%s-link", state);
		ck_assert_int_eq(symlink(state, other_name), 0);
	}
	setup.config.state_dir = other_name;
	ck_assert_int_eq(walls_for(&setup, ROLE_CONTROL, &w, &e), 0);
	ck_assert_msg(strs_has(&w.hidden, real), "%s is not hidden", real);
	pack_clear(&walls_pack, &w);
	setup.config.state_dir = state;
	finish();
}
END_TEST

/* --- what cannot be had --- */

/* As on a kernel without Landlock (0), and where nothing may be filtered any more (1). */
static bool
take_away(int what)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	bool done;

	done = ctx != NULL && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	if (done && what == 0)
		done = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EOPNOTSUPP),
		    SCMP_SYS(landlock_create_ruleset), 0) == 0;
	if (done && what == 1)
		done = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0) == 0 &&
		    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
		    ((struct scmp_arg_cmp){ .op = SCMP_CMP_EQ, .datum_a = PR_SET_SECCOMP })) == 0;
	done = done && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	return done;
}

/* 0: as it should be. */
static int
enter_without(int what, bool best_effort)
{
	struct walled out;
	struct walls w;
	int rc;

	if (!take_away(what) || walls_for(&setup, ROLE_NET, &w, &e) == -1)
		return 1;
	w.best_effort = best_effort;
	rc = sandbox_enter(&w, ROLE_NET, &out, &e);
	if (!best_effort)
		return rc == -1 && e.class == OUT_HOLD && strstr(e.hint, "best-effort") != NULL ?
		    0 : 2;
	if (rc == -1 || out.missing.n != 1 || walled_wholly(&out))
		return 3;
	return what == 0 ? out.landlock != 0 || !out.calls : out.landlock == 0 || out.calls;
}

START_TEST(what_cannot_be_had_is_fatal_unless_allowed)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ne(pid, -1);
	if (pid == 0)
		_exit(enter_without(_i / 2, _i % 2 == 1));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* --- standard streams --- */

static bool
is_null(int fd)
{
	struct stat null, st;

	return stat("/dev/null", &null) == 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	    st.st_rdev == null.st_rdev;
}

/* As somebody starts it who has closed some of them; what is wrong then, or 0. */
static int
begin_with(int closed)
{
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	if (zero == -1)
		return 1;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (dup2(zero, fd) == -1 || ((closed & 1 << fd) != 0 && close(fd) == -1))
			return 2;
	if (sandbox_begin_starter(&e) == -1)
		return 3;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 || is_null(fd) != ((closed & 1 << fd) != 0))
			return 10 + fd;
	return open("/dev/zero", O_RDWR | O_CLOEXEC) > STDERR_FILENO ? 0 : 4;
}

/* FAULTS P09: no file that is opened later is taken for one. */
START_TEST(closed_standard_streams_are_opened_on_nothing)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ne(pid, -1);
	if (pid == 0)
		_exit(begin_with(_i));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sandbox");
	TCase *tc = tcase_create("walls");

	tcase_add_checked_fixture(tc, configure, NULL);
	tcase_set_timeout(tc, 120);
	/* some walls are lower there */
	if (!UNDER_SANITIZER) {
		tcase_add_loop_test(tc, a_role_can_do_its_work_and_nothing_else, 0, ROLE_COUNT);
		tcase_add_loop_test(tc, so_it_is_without_root, 0, ROLE_COUNT);
	}
	tcase_add_loop_test(tc, in_tests_a_forbidden_call_ends_the_role, 0, ROLE_COUNT);
	tcase_add_loop_test(tc, a_state_folder_by_another_name_is_hidden_too, 0, 2);
	tcase_add_loop_test(tc, what_cannot_be_had_is_fatal_unless_allowed, 0, 4);
	tcase_add_loop_test(tc, closed_standard_streams_are_opened_on_nothing, 0, 8);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
