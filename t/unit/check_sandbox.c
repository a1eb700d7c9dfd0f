/*
 * check_sandbox: what a role whose code is somebody else's could do from
 * behind its walls. Every test runs in a process of its own, as root where the
 * tests are, and as somebody (FAULTS S16, S17, S18).
 */
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/syscall.h>

#include <seccomp.h>

#include "message.h"
#include "role.h"
#include "sandbox_parts.h"
#include "suite.h"
#include "tree.h"
#include "walls.h"

#define NOT_WALLED	250	/* exit status: the walls are not up */

static pid_t other;		/* a process of the same user, with no walls */
static struct msg_setup setup;
static struct ca_conf ca;
static struct cert_conf cert;
static struct challenge_conf challenge;
static char state[PATH_MAX], webroot[PATH_MAX], account[PATH_MAX];

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
become_somebody(void)
{
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(SOMEBODY, SOMEBODY, SOMEBODY), 0);
	ck_assert_int_eq(setresuid(SOMEBODY, SOMEBODY, SOMEBODY), 0);
	/* as whoever has logged in is, not as who was root */
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

/* In a child: the walls of the role, then the attempt. Its exit status. */
static int
inside(enum role role, bool somebody, bool kill_it, int (*try)(void))
{
	struct walled out;
	struct walls w;
	pid_t pid = fork();
	int status;

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		if (somebody && is_root())
			become_somebody();
		if (sandbox_begin(&e) == -1 || walls_for(&setup, role, &w, &e) == -1)
			_exit(NOT_WALLED);
		w.kill = kill_it;
		if (sandbox_enter(&w, role, &out, &e) == -1 || !walled_wholly(&out)) {
			(void)dprintf(STDERR_FILENO, "%s\n", e.text);
			_exit(NOT_WALLED);
		}
		_exit(try());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "the process ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void
give(const char *path, uid_t uid)
{
	if (is_root())
		ck_assert_int_eq(chown(path, uid, uid), 0);
}

/* A store that belongs to whoever the keeper will be, and somebody beside it. */
static void
start(bool somebody)
{
	uid_t keeper = somebody ? SOMEBODY : 65521;
	struct walls w = { 0 };

	tree_start();
	if (is_root() && !somebody) {	/* on a host with users of these names */
		ck_assert_int_eq(walls_for(&setup, ROLE_KEEPER, &w, &e), 0);
		keeper = (uid_t)w.uid;
		pack_clear(&walls_pack, &w);
	}
	(void)snprintf(state, sizeof(state), "%s/state", top);
	(void)snprintf(webroot, sizeof(webroot), "%s/www", top);
	(void)snprintf(account, sizeof(account), "%s/state/account.key", top);
	ck_assert_int_eq(mkdir(state, 0711), 0);
	ck_assert_int_eq(mkdir(webroot, 0755), 0);
	tree_file("state/account.key", "secret");
	ck_assert_int_eq(chmod(account, 0600), 0);
	give(state, keeper);
	give(account, keeper);
	give(webroot, somebody ? SOMEBODY : 0);
	ck_assert_int_ne(other = fork(), -1);
	if (other == 0) {
		if (somebody && is_root())
			become_somebody();
		(void)pause();
		_exit(0);
	}
}

static void
finish(void)
{
	int status;

	ck_assert_int_eq(waitpid(other, &status, WNOHANG), 0);	/* nobody has ended it */
	(void)kill(other, SIGKILL);
	(void)waitpid(other, &status, 0);
	tree_finish();
}

static void
configure(void)
{
	static char strict[] = "strict", type[] = "http-01", name[] = "a";

	challenge = (struct challenge_conf){ .type = type, .webroot = webroot };
	cert = (struct cert_conf){ .name = name, .challenges = { &challenge, 1 } };
	ca = (struct ca_conf){ .name = name };
	setup = (struct msg_setup){ .command = CMD_RENEW,
		.config = { .sandbox = strict, .state_dir = state, .cas = { &ca, 1 },
		.certs = { &cert, 1 } } };
}

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

/* --- what it becomes --- */

static int
look_at_itself(void)
{
	uint32_t version = _LINUX_CAPABILITY_VERSION_3;
	struct __user_cap_header_struct head = { version, 0 };
	struct __user_cap_data_struct caps[2] = { { 0 } };

	return geteuid() == 0 || getuid() == 0 || getgid() == 0 ? 1 :
	    syscall(SYS_capget, &head, caps) == 0 &&
	    (caps[0].effective | caps[0].permitted | caps[0].inheritable) != 0 ? 2 :
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ? 3 : 0;
}

START_TEST(root_becomes_a_user_without_rights)
{
	static const enum role roles[] = { ROLE_NET, ROLE_CONTROL, ROLE_COURIER };

	if (!is_root())
		return;
	start(false);
	for (size_t i = 0; i < NITEMS(roles); i++)
		ck_assert_int_eq(inside(roles[i], false, false, look_at_itself), 0);
	finish();
}
END_TEST

START_TEST(rights_are_kept_for_what_the_configuration_needs_only)
{
	static char root[] = "root", signal_type[] = "signal", pid_file[] = "/run/x.pid",
	    kamailio[] = "kamailio", restart[] = "restart";
	struct hook_conf hook = { .type = signal_type, .pid_file = pid_file };
	struct walls w;

	if (!is_root())
		return;
	challenge.webroot = NULL;
	for (int r = 0; r < ROLE_COUNT; r++) {
		ck_assert_int_eq(walls_for(&setup, (enum role)r, &w, &e), 0);
		ck_assert_msg(w.keep == 0 && w.uid > 0, "%s keeps %#jx as user %jd",
		    role_name((enum role)r), (uintmax_t)w.keep, (intmax_t)w.uid);
		pack_clear(&walls_pack, &w);
	}
	cert.user = root;
	cert.hooks = (struct list){ &hook, 1 };
	ck_assert_int_eq(walls_for(&setup, ROLE_KEEPER, &w, &e), 0);
	ck_assert_int_eq(w.keep, 1 << CAP_CHOWN | 1 << CAP_FOWNER | 1 << CAP_DAC_OVERRIDE);
	pack_clear(&walls_pack, &w);
	ck_assert_int_eq(walls_for(&setup, ROLE_COURIER, &w, &e), 0);
	ck_assert(w.keep == 1 << CAP_KILL && w.signals);
	pack_clear(&walls_pack, &w);
	ck_assert_int_eq(walls_for(&setup, ROLE_NET, &w, &e), 0);
	ck_assert_int_eq(w.keep, 0);
	pack_clear(&walls_pack, &w);
	/* systemd listens to root alone: also where it is to restart a Kamailio */
	hook = (struct hook_conf){ .type = kamailio, .unsafe_reload = restart };
	ck_assert_int_eq(walls_for(&setup, ROLE_COURIER, &w, &e), 0);
	ck_assert(w.keep == 0 && w.uid == 0);
	pack_clear(&walls_pack, &w);
}
END_TEST

/* A user of LDAP or sssd: known to the starter, and to be asked for over a socket. */
static void
know_somebody(void)
{
	static const int64_t groups[] = { 54321, 777 };
	struct user_entry *u;
	struct user_group *g;
	struct list users = { NULL, 0 };

	if ((u = list_add(&users, sizeof(*u))) == NULL)
		_exit(NOT_WALLED);
	*u = (struct user_entry){ .name = strdup("sip-of-ldap"), .uid = 54321, .gid = 54321 };
	for (size_t i = 0; i < NITEMS(groups); i++)
		if ((g = list_add(&u->groups, sizeof(*g))) != NULL)
			g->gid = groups[i];
	if ((u = list_add(&users, sizeof(*u))) == NULL)
		_exit(NOT_WALLED);
	*u = (struct user_entry){ .name = strdup("group-of-ldap"), .uid = -1, .gid = 778 };
	users_know(&users);
}

static int
ask_about_users(void)
{
	int64_t uid = 0, gid = 0;
	gid_t *groups;
	char *name;
	int n, in = 0;

	know_somebody();
	if (user_find("sip-of-ldap", &uid, &gid, &e) == -1 || uid != 54321 || gid != 54321)
		return 1;
	if (group_find("group-of-ldap", &gid, &e) == -1 || gid != 778)
		return 2;
	if (user_name(54321, &name, &e) == -1 || name == NULL || strcmp(name, "sip-of-ldap") != 0)
		return 3;
	if (user_groups(54321, 1, &groups, &n, &e) == -1)
		return 4;
	for (int i = 0; i < n; i++)
		in += groups[i] == 1 || groups[i] == 777;
	free(groups);
	free(name);
	if (in != 2)
		return 5;
	/* one is no user because there is a group of that name, and the others are asked for */
	if (user_find("group-of-ldap", &uid, &gid, &e) == 0 || e.class != OUT_HOLD ||
	    strstr(e.hint, "getent passwd group-of-ldap") == NULL)
		return 6;
	return user_find("root", &uid, &gid, &e) == 0 && uid == 0 ? 0 : 7;
}

START_TEST(users_that_a_role_could_not_ask_for_are_known_to_it)
{
	static const enum role roles[] = { ROLE_KEEPER, ROLE_CONTROL, ROLE_COURIER };

	start(false);
	for (size_t i = 0; i < NITEMS(roles); i++)
		ck_assert_int_eq(inside(roles[i], false, true, ask_about_users), 0);
	finish();
}
END_TEST

START_TEST(a_role_is_told_of_the_users_of_the_configuration)
{
	static char root[] = "root", daemon[] = "daemon", nobody[] = "nobody-of-that-name",
	    program[] = "program";
	struct hook_conf hooks[] = { { .type = program, .user = daemon },
		{ .type = program, .user = root }, { .type = program, .user = nobody } };
	const struct user_entry *u;
	struct walls w;

	cert.user = root;
	cert.group = daemon;
	cert.hooks = (struct list){ hooks, NITEMS(hooks) };
	for (int r = 0; r < ROLE_COUNT; r++) {
		ck_assert_msg(walls_for(&setup, (enum role)r, &w, &e) == 0, "%s", e.text);
		u = w.users.v;
		if (r == ROLE_NET || r == ROLE_ANSWER)
			ck_assert_uint_eq(w.users.n, 0);
		else {
			ck_assert_uint_eq(w.users.n, 3);
			ck_assert(strcmp(u[0].name, root) == 0 && u[0].uid == 0 && u[0].groups.n > 0);
			ck_assert(strcmp(u[1].name, daemon) == 0 && u[1].uid == -1 && u[1].gid > 0);
			ck_assert(strcmp(u[2].name, daemon) == 0 && u[2].uid > 0);
		}
		pack_clear(&walls_pack, &w);
	}
}
END_TEST

START_TEST(a_user_that_is_not_there_or_root_is_refused)
{
	static char *users[] = { (char *)(uintptr_t)"nobody-of-that-name", NULL };
	struct walls w;

	if (!is_root())
		return;
	users[0] = (char *)(uintptr_t)(_i == 0 ? "nobody-of-that-name" : "root");
	setup.config.role_users = (struct strs){ users, 1 };
	ck_assert_int_eq(walls_for(&setup, ROLE_KEEPER, &w, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
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
	tcase_add_test(tc, root_becomes_a_user_without_rights);
	tcase_add_test(tc, rights_are_kept_for_what_the_configuration_needs_only);
	tcase_add_test(tc, users_that_a_role_could_not_ask_for_are_known_to_it);
	tcase_add_test(tc, a_role_is_told_of_the_users_of_the_configuration);
	tcase_add_loop_test(tc, a_user_that_is_not_there_or_root_is_refused, 0, 2);
	tcase_add_loop_test(tc, what_cannot_be_had_is_fatal_unless_allowed, 0, 4);
	tcase_add_loop_test(tc, closed_standard_streams_are_opened_on_nothing, 0, 8);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
