/*
 * program: an operator's program, run in a loop that goes on meanwhile; and
 * the hook of that name.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/users.h"
#include "hooks/private.h"
#include "hooks/program.h"

#define READS_MAX	16	/* of the output, in one callback */
#define LAST_LINE_MAX	256
#define REAP_MS		1000	/* a killed program that is not gone then is left to its fate */
#define REAP_PAUSE_MS	5

struct program {
	struct loop	*loop;
	pid_t		 pid;
	int		 out;		/* its standard output and error */
	int		 fail;		/* readable when it could not be run */
	struct loop_signal *watch_end;
	struct loop_fd	*watch_out;
	struct loop_timer *timer;
	struct buf	 output;
	bool		 timed_out;
	bool		 cut;
	void		(*done)(void *, const struct program_result *);
	void		*arg;
};

struct identity {
	bool	change;
	uid_t	uid;
	gid_t	gid;
};

/* --- in the child, between fork and exec --- */

static _Noreturn void
fail_child(const char *what)
{
	(void)dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	(void)!write(3, "!", 1);
	_exit(127);
}

/*
 * Every signal as after a login: ours are blocked, ignored or read from a
 * descriptor. All are blocked until here, so that no handler of ours runs.
 */
static void
reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)sigaction(i, &sa, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 input, 1 and 2 output, 3 for telling failures until exec closes it. */
static void
place_descriptors(int in, int out, int fail)
{
	/* Out of the way first: any of them may be the target of another. */
	in = fcntl(in, F_DUPFD, 4);
	out = fcntl(out, F_DUPFD, 4);
	fail = fcntl(fail, F_DUPFD, 4);
	if (dup3(fail, 3, O_CLOEXEC) == -1 || dup2(out, STDERR_FILENO) == -1)
		_exit(127);
	if (dup2(out, STDOUT_FILENO) == -1 || dup2(in, STDIN_FILENO) == -1)
		fail_child("descriptors");
	closefrom(4);
}

static void
become(const struct program_in *in, const struct identity *id, pid_t parent)
{
	if (id->change &&
	    (initgroups(in->user, id->gid) == -1 || setgid(id->gid) == -1 || setuid(id->uid) == -1))
		fail_child(in->user);
	if (chdir("/") == -1)
		fail_child("/");
	/* What it starts in turn gets no more rights than it has (prctl(2)). */
	if (!in->new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fail_child("no new privileges");
	/* After the change of user, which takes it back. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		fail_child("kamcert has ended");
}

static _Noreturn void
run_child(const struct program_in *in, const struct identity *id, pid_t parent, char **argv)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char lang[] = "LANG=C";
	char event[64], *env[] = { path, lang, NULL, NULL };

	if (in->event != NULL) {
		(void)snprintf(event, sizeof(event), "KAMCERT_EVENT=%s", in->event);
		env[2] = event;
	}
	(void)setsid();
	(void)umask(022);
	become(in, id, parent);
	(void)execve(argv[0], argv, env);
	fail_child(argv[0]);
}

/* --- starting --- */

static int
find_identity(const char *user, struct identity *id, struct err *e)
{
	int64_t uid, gid;

	memset(id, 0, sizeof(*id));
	if (user == NULL)
		return 0;
	if (user_find(user, &uid, &gid, e) == -1)
		return -1;
	id->uid = (uid_t)uid;
	id->gid = (gid_t)gid;
	id->change = geteuid() == 0;
	if (!id->change && id->uid != geteuid())
		return err_set(e, OUT_HOLD, "user \"%s\": only root can run programs as another "
		    "user", user);
	return 0;
}

/* A file in memory: nothing has to be written while the program runs, and nothing can block. */
static int
make_input(struct span input, int *fd, struct err *e)
{
	struct rd r = rd_of(input);
	ssize_t n;

	if ((*fd = memfd_create("kamcert-input", MFD_CLOEXEC)) == -1)
		return err_sys(e, OUT_RETRY, "standard input");
	while (r.n > 0) {
		n = write(*fd, r.p, r.n);
		if (n == -1 && errno != EINTR)
			return err_sys(e, OUT_RETRY, "standard input");
		if (n > 0)
			(void)rd_bytes(&r, (size_t)n);
	}
	if (lseek(*fd, 0, SEEK_SET) == -1)
		return err_sys(e, OUT_RETRY, "standard input");
	return 0;
}

static char **
make_argv(const struct strs *args)
{
	char **argv = calloc(args->n + 1, sizeof(*argv));
	size_t i;

	for (i = 0; argv != NULL && i < args->n; i++)
		argv[i] = args->v[i];
	return argv;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

/* fork() with all signals blocked, for the child until reset_signals(). */
static pid_t
fork_quietly(void)
{
	sigset_t all, before;
	pid_t pid;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &before) == -1)
		return -1;
	pid = fork();
	if (pid != 0)
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static int
spawn(struct program *p, const struct program_in *in, struct err *e)
{
	struct identity id;
	int input = -1, out[2] = { -1, -1 }, fail[2] = { -1, -1 };
	pid_t parent = getpid();
	char **argv = NULL;
	int rc = -1;

	if (find_identity(in->user, &id, e) == -1 || make_input(in->input, &input, e) == -1)
		goto out;
	if ((argv = make_argv(in->argv)) == NULL) {
		rc = err_nomem(e);
		goto out;
	}
	if (pipe2(out, O_CLOEXEC) == -1 || pipe2(fail, O_CLOEXEC) == -1 ||
	    fcntl(out[0], F_SETFL, O_NONBLOCK) == -1 || fcntl(fail[0], F_SETFL, O_NONBLOCK) == -1 ||
	    (p->pid = fork_quietly()) == -1) {
		(void)err_sys(e, OUT_RETRY, "%s", argv[0]);
		goto out;
	}
	if (p->pid == 0) {
		reset_signals();
		place_descriptors(input, out[1], fail[1]);
		run_child(in, &id, parent, argv);
	}
	p->out = out[0];
	p->fail = fail[0];
	out[0] = fail[0] = -1;
	rc = 0;
out:
	close_fd(&input);
	close_fd(&out[0]);
	close_fd(&out[1]);
	close_fd(&fail[0]);
	close_fd(&fail[1]);
	free(argv);
	return rc;
}

/* --- while it runs --- */

/* The group is the program's own for as long as the program has not been waited for. */
static void
kill_all(const struct program *p, int sig)
{
	(void)kill(-p->pid, sig);
	(void)kill(p->pid, sig);
}

static void
free_program(struct program *p)
{
	loop_signal_del(p->watch_end);
	loop_fd_del(p->watch_out);
	loop_timer_del(p->timer);
	close_fd(&p->out);
	close_fd(&p->fail);
	buf_clear(&p->output);
	free(p);
}

/* True while there may be more. */
static bool
read_output(struct program *p)
{
	uint8_t part[4096];
	size_t room = PROGRAM_OUTPUT_MAX - p->output.n;
	ssize_t n = read(p->out, part, sizeof(part));

	if (n <= 0)
		return n == -1 && errno == EINTR;
	if ((size_t)n > room)
		p->cut = true;
	buf_put(&p->output, span_of(part, (size_t)n < room ? (size_t)n : room));
	return true;
}

static void
on_output(void *arg, unsigned events)
{
	struct program *p = arg;
	int i = 0;

	while (i < READS_MAX && read_output(p))
		i++;
	/* The program may close its output and go on. */
	if (i == 0 && (events & LOOP_HANGUP) != 0) {
		loop_fd_del(p->watch_out);
		p->watch_out = NULL;
	}
}

/* True once it has ended, without taking its status: its number stays its own. */
static bool
has_ended(const struct program *p)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 ||
	    info.si_pid == p->pid;
}

static void
on_child(void *arg, int signo UNUSED)
{
	struct program *p = arg;
	struct program_result result = { .status = -1 };
	uint8_t mark;
	int i;

	if (!has_ended(p))
		return;
	kill_all(p, SIGKILL);	/* those it has left behind */
	(void)waitpid(p->pid, &result.status, WNOHANG);
	for (i = 0; i < READS_MAX && read_output(p); i++)
		;
	result.started = read(p->fail, &mark, 1) != 1;
	result.timed_out = p->timed_out;
	result.cut = p->cut;
	result.output = buf_span(&p->output);
	p->done(p->arg, &result);
	free_program(p);
}

static void
on_timer(void *arg)
{
	struct program *p = arg;
	struct err e;

	p->timer = NULL;
	if (p->timed_out) {
		kill_all(p, SIGKILL);
		return;
	}
	p->timed_out = true;
	kill_all(p, SIGTERM);
	kill_all(p, SIGCONT);
	p->timer = loop_timer_add(p->loop, time_add(clock_boot_ms(), PROGRAM_GRACE_MS), on_timer, p,
	    &e);
	if (p->timer == NULL)
		kill_all(p, SIGKILL);
}

struct program *
program_start(struct loop *loop, const struct program_in *in,
    void (*done)(void *, const struct program_result *), void *arg, struct err *e)
{
	struct program *p;

	if (program_check(in->argv, e) == -1)
		return NULL;
	if ((p = calloc(1, sizeof(*p))) == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	p->loop = loop;
	p->done = done;
	p->arg = arg;
	p->pid = p->out = p->fail = -1;
	buf_init(&p->output, PROGRAM_OUTPUT_MAX);
	/* The signal first: from then on it is kept, however soon the program ends. */
	if ((p->watch_end = loop_signal_add(loop, SIGCHLD, on_child, p, e)) == NULL ||
	    spawn(p, in, e) == -1 ||
	    (p->watch_out = loop_fd_add(loop, p->out, LOOP_READ, on_output, p, e)) == NULL ||
	    (p->timer = loop_timer_add(loop, time_add(clock_boot_ms(), in->timeout * 1000),
	    on_timer, p, e)) == NULL) {
		program_stop(p);
		return NULL;
	}
	return p;
}

void
program_stop(struct program *p)
{
	int64_t until = clock_boot_ms() + REAP_MS;

	if (p == NULL)
		return;
	if (p->pid > 0) {
		kill_all(p, SIGKILL);
		while (!has_ended(p) && clock_boot_ms() < until)
			(void)poll(NULL, 0, REAP_PAUSE_MS);
		(void)waitpid(p->pid, NULL, WNOHANG);
	}
	free_program(p);
}

/* --- results --- */

static struct span
last_line(struct span text)
{
	struct rd r = rd_of(text);
	struct span line, last = SPAN_NONE;

	while (rd_line(&r, &line)) {
		if (line.n > 0)
			last = line;
	}
	return last;
}

void
program_describe(const struct program_result *r, struct buf *b)
{
	char line[LAST_LINE_MAX];

	if (!r->started)
		buf_str(b, "could not be run");
	else if (r->timed_out)
		buf_str(b, "did not end in time and was killed");
	else if (WIFSIGNALED(r->status))
		buf_printf(b, "was ended by signal %d", WTERMSIG(r->status));
	else
		buf_printf(b, "ended with status %d", WEXITSTATUS(r->status));
	text_clean(line, sizeof(line), last_line(r->output));
	if (line[0] != '\0')
		buf_printf(b, ": %s", line);
}

int
program_check(const struct strs *argv, struct err *e)
{
	struct stat st;

	if (argv->n == 0 || argv->v[0][0] != '/')
		return err_set(e, OUT_HOLD, "program: want an absolute path, have \"%s\"",
		    argv->n == 0 ? "" : argv->v[0]);
	if (stat(argv->v[0], &st) == -1)
		return err_sys(e, OUT_HOLD, "%s", argv->v[0]);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		return err_set(e, OUT_HOLD, "%s: is no program", argv->v[0]);
	if ((st.st_mode & S_IWOTH) != 0)
		return err_set(e, OUT_HOLD, "%s: everybody may change it", argv->v[0]);
	return 0;
}

/* --- the hook --- */

void
program_event(const struct hook_event *event, struct buf *b)
{
	struct json_out j;
	size_t i;

	json_begin(&j, b);
	json_put_object(&j, NULL);
	json_put_str(&j, "event", event->event);
	json_put_array(&j, "certificates");
	for (i = 0; i < event->certs.n; i++) {
		json_put_object(&j, NULL);
		json_put_str(&j, "name", event->certs.v[i]);
		json_put_str(&j, "directory", i < event->dirs.n ? event->dirs.v[i] : NULL);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	buf_u8(b, '\n');
}

enum hook_result
program_verdict(const struct hook_conf *conf, const struct program_result *r, struct err *e)
{
	enum hook_result result = HOOK_REFUSED;
	struct buf text;

	err_clear(e);
	if (r->started && !r->timed_out && WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0)
		return HOOK_OK;
	if (!r->started)
		result = HOOK_FAILED;
	else if (r->timed_out || WIFSIGNALED(r->status))
		result = HOOK_UNKNOWN;
	buf_init(&text, ERR_TEXT_MAX);
	program_describe(r, &text);
	(void)err_set(e, result == HOOK_UNKNOWN ? OUT_RETRY : OUT_HOLD, "%s %s",
	    conf->command.v[0], buf_cstr(&text));
	buf_clear(&text);
	return result;
}

static int
preflight(const struct hook_conf *conf, struct hook_facts *f, struct err *e)
{
	struct identity id;

	hook_facts_init(f);
	if (program_check(&conf->command, e) == -1)
		return -1;
	return find_identity(conf->user, &id, e);
}

struct waiting {
	const struct hook_conf	*conf;
	struct program		*program;	/* NULL: it has ended */
	enum hook_result	 result;
	struct err		*e;
};

static void
note_result(void *arg, const struct program_result *r)
{
	struct waiting *w = arg;

	w->result = program_verdict(w->conf, r, w->e);
	w->program = NULL;
}

/* In a loop of its own, for callers that have nothing else to do. */
static enum hook_result
reload(const struct hook_conf *conf, const struct hook_event *event, struct hook_facts *f,
    struct err *e)
{
	struct program_in in = {
		.argv = &conf->command, .user = conf->user, .event = event->event,
		.new_privileges = conf->new_privileges, .timeout = conf->timeout,
	};
	struct waiting w = { conf, NULL, HOOK_FAILED, e };
	struct loop *loop = NULL;
	struct buf input;

	hook_facts_init(f);
	buf_init(&input, PROGRAM_INPUT_MAX);
	program_event(event, &input);
	in.input = buf_span(&input);
	if (!buf_ok(&input)) {
		(void)err_nomem(e);
		goto out;
	}
	if ((loop = loop_new(e)) == NULL ||
	    (w.program = program_start(loop, &in, note_result, &w, e)) == NULL)
		goto out;
	if (loop_run(loop, e) == -1)
		w.result = HOOK_UNKNOWN;
out:
	program_stop(w.program);
	loop_free(loop);
	buf_clear(&input);
	return w.result;
}

const struct hook_type hook_program = {
	.name = "program",
	.in_starter = true,
	.options = HOOK_HAS_COMMAND | HOOK_HAS_USER | HOOK_HAS_PRIVILEGES,
	.wants = HOOK_HAS_COMMAND,
	.defaults = { .timeout = 60 },
	.preflight = preflight,
	.reload = reload,
};
