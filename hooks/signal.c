/*
 * hook "signal": a signal to the process that a pid file names, for servers
 * that load their certificates again by it.
 *
 * A pid file is a number that somebody wrote once. Before anything is sent,
 * the process must be the one that was meant: it belongs to the expected user,
 * it is not younger than the file, and it has a handler for the signal, so
 * that it is not ended by it. From the first look to the signal, the process
 * is held by a descriptor: a number that is given to another process in
 * between leads nowhere. Sources: proc(5), pidfd_open(2), pidfd_send_signal(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"
#include "base/users.h"
#include "hooks/private.h"
#include "hooks/wire.h"

#define PID_FILE_MAX	64		/* octets */
#define PROC_MAX	8192		/* octets of a file in /proc */
/* seconds: the file's time is cut off, and ticks are rounded */
#define YOUNGER		2
#define SURVIVE_MS	500		/* so long after the signal the process is watched */

struct target {
	int	fd;		/* pidfd */
	pid_t	pid;
	uid_t	file_uid;	/* owner of the pid file */
	int64_t	file_time;	/* when it was written, unix seconds */
	int64_t	uptime;		/* of the process, seconds */
	uid_t	uid;
	uint64_t caught, ignored;	/* masks, bit n is signal n + 1 */
};

static const struct {
	const char	*name;
	int		 number;
} signals[] = {
	{ "HUP", SIGHUP }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "WINCH", SIGWINCH },
};

static int
number_of(const char *name)
{
	for (size_t i = 0; i < NITEMS(signals); i++)
		if (strcmp(signals[i].name, name) == 0)
			return signals[i].number;
	return 0;
}

/* --- the pid file --- */

/* Whoever can write to it chooses who gets the signal. */
static int
check_pid_file(const struct hook_conf *conf, int fd, struct target *t, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(e, OUT_HOLD, "%s", conf->pid_file);
	if (!S_ISREG(st.st_mode))
		return err_set(e, OUT_HOLD, "%s: is no regular file", conf->pid_file);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(e, OUT_HOLD, "%s: want a file that only its owner may write, have "
		    "mode 0%o", conf->pid_file, (unsigned)st.st_mode & 07777);
	t->file_uid = st.st_uid;
	t->file_time = st.st_mtim.tv_sec;
	return 0;
}

static int
read_pid(const struct hook_conf *conf, int fd, struct target *t, struct err *e)
{
	struct span line = SPAN_NONE;
	struct buf text;
	struct rd r;
	int64_t pid = 0;
	int rc = -1;

	buf_init(&text, PID_FILE_MAX);
	if (fs_read_fd(fd, conf->pid_file, PID_FILE_MAX, &text, e) == -1)
		goto out;
	r = rd_of(buf_span(&text));
	(void)rd_line(&r, &line);
	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	if (text_number(line, &pid) == -1 || pid < 2 || pid > INT32_MAX || pid == getpid()) {
		(void)err_set(e, OUT_HOLD, "%s: want the number of a process in its first line",
		    conf->pid_file);
		goto out;
	}
	t->pid = (pid_t)pid;
	rc = 0;
out:
	buf_clear(&text);
	return rc;
}

/* Opened once: whose it is and what it says are of the same file. */
static int
take_pid_file(const struct hook_conf *conf, struct target *t, struct err *e)
{
	int fd = open(conf->pid_file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc = -1;

	if (fd == -1) {
		(void)err_sys(e, OUT_HOLD, "%s", conf->pid_file);
		return err_hint(e, "does the server run, and does it write this pid file?");
	}
	if (check_pid_file(conf, fd, t, e) == 0)
		rc = read_pid(conf, fd, t, e);
	fs_close(&fd);
	return rc;
}

/* --- the process --- */

static int
read_proc(pid_t pid, const char *name, struct buf *out, struct err *e)
{
	char path[64];
	ssize_t n;
	uint8_t *room;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return err_sys(e, OUT_HOLD, "%s", path);
	buf_reset(out);
	if ((room = buf_room(out, PROC_MAX)) == NULL) {
		(void)close(fd);
		return err_nomem(e);
	}
	n = read(fd, room, PROC_MAX);
	(void)close(fd);
	if (n <= 0)
		return err_sys(e, OUT_HOLD, "%s", path);
	buf_added(out, (size_t)n);
	return 0;
}

/* Field 22 of stat, in ticks since boot; the name in field 2 may hold blanks and brackets. */
static int
read_age(struct target *t, struct buf *b, struct err *e)
{
	const char *text, *at;
	int64_t ticks;
	long hz = sysconf(_SC_CLK_TCK);
	size_t i;

	if (read_proc(t->pid, "stat", b, e) == -1)
		return -1;
	text = buf_cstr(b);
	at = strrchr(text, ')');
	for (i = 2; i < 22 && at != NULL; i++) {
		at = strchr(at, ' ');
		at = at != NULL ? at + 1 : NULL;
	}
	if (at == NULL || hz <= 0 || text_number(span_of(at, strcspn(at, " ")), &ticks) == -1)
		return err_set(e, OUT_HOLD, "/proc/%d/stat: want a start time in field 22",
		    (int)t->pid);
	t->uptime = clock_boot_ms() / 1000 - ticks / hz;
	return 0;
}

/* The value of "Name:\tvalue" in status. */
static int
read_status(struct span status, const char *name, int base, uint64_t *out)
{
	struct rd r = rd_of(status);
	struct span line;
	char number[32];
	size_t n = strlen(name);

	while (rd_line(&r, &line)) {
		if (!span_starts(line, name))
			continue;
		(void)snprintf(number, sizeof(number), "%.*s", (int)(line.n - n),
		    (const char *)line.p + n);
		errno = 0;
		*out = strtoull(number, NULL, base);
		return errno == 0 ? 0 : -1;
	}
	return -1;
}

static int
read_process(struct target *t, struct err *e)
{
	uint64_t group = 0, uid = 0;
	struct span status;
	struct buf b;
	int rc = -1;

	buf_init(&b, PROC_MAX + 1);
	if (read_age(t, &b, e) == -1 || read_proc(t->pid, "status", &b, e) == -1)
		goto out;
	status = buf_span(&b);
	if (read_status(status, "Tgid:\t", 10, &group) == -1 ||
	    read_status(status, "Uid:\t", 10, &uid) == -1 ||
	    read_status(status, "SigIgn:\t", 16, &t->ignored) == -1 ||
	    read_status(status, "SigCgt:\t", 16, &t->caught) == -1 ||
	    group != (uint64_t)t->pid) {
		(void)err_set(e, OUT_HOLD, "/proc/%d/status: want a process, with its user and "
		    "signals", (int)t->pid);
		goto out;
	}
	t->uid = (uid_t)uid;
	rc = 0;
out:
	buf_clear(&b);
	return rc;
}

/* --- is it the one that was meant? --- */

static int
check_user(const struct hook_conf *conf, const struct target *t, struct err *e)
{
	int64_t uid, gid;

	if (conf->user != NULL && user_find(conf->user, &uid, &gid, e) == -1)
		return -1;
	if (conf->user != NULL && t->uid != (uid_t)uid)
		return err_set(e, OUT_HOLD, "%s: process %d belongs to user id %u, want %s (%u)",
		    conf->pid_file, (int)t->pid, t->uid, conf->user, (uid_t)uid);
	/* root's file may name anybody's process; a user's file, only his own */
	if (t->file_uid != 0 && t->file_uid != t->uid)
		return err_set(e, OUT_HOLD, "%s: belongs to user id %u, but process %d to user id "
		    "%u", conf->pid_file, t->file_uid, (int)t->pid, t->uid);
	return 0;
}

static int
check_age(const struct hook_conf *conf, const struct target *t, struct err *e)
{
	int64_t born = clock_wall() - t->uptime;

	if (born <= time_add(t->file_time, YOUNGER))
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: process %d was started %jd seconds after the file was "
	    "written: it is not the server that wrote it", conf->pid_file, (int)t->pid,
	    (intmax_t)(born - t->file_time));
	return err_hint(e, "does the server run? If so, and the clock was set since, restart it");
}

static int
check_handler(const struct hook_conf *conf, const struct target *t, struct err *e)
{
	uint64_t bit = (uint64_t)1 << (number_of(conf->signal) - 1);

	if ((t->caught & bit) != 0)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: process %d has no handler for the signal %s: it %s",
	    conf->pid_file, (int)t->pid, conf->signal, (t->ignored & bit) != 0 ?
	    "ignores it" : "would be ended by it, or not notice it");
	return err_hint(e, "its manual says which signal makes it load certificates again");
}

/* On success t->fd holds the process that was looked at, alive. */
static int
find(const struct hook_conf *conf, struct target *t, struct err *e)
{
	*t = (struct target){ .fd = -1 };
	if (take_pid_file(conf, t, e) == -1)
		return -1;
	if ((t->fd = pidfd_open(t->pid, 0)) == -1) {
		(void)err_sys(e, OUT_HOLD, "%s: process %d", conf->pid_file, (int)t->pid);
		return e->sys != ESRCH ? -1 :
		    err_hint(e, "the server has ended without removing its pid file");
	}
	if (read_process(t, e) == -1 || check_user(conf, t, e) == -1 ||
	    check_age(conf, t, e) == -1 || check_handler(conf, t, e) == -1)
		return -1;
	/* what /proc said was said of this process only if it is still there */
	if (pidfd_send_signal(t->fd, 0, NULL, 0) == -1) {
		(void)err_sys(e, OUT_HOLD, "%s: process %d", conf->pid_file, (int)t->pid);
		return e->sys == EPERM ? err_hint(e, "kamcert must run as root, or as this user") :
		    -1;
	}
	return 0;
}

static int
preflight(const struct hook_conf *conf, struct hook_facts *f, struct err *e)
{
	struct target t;
	int rc = find(conf, &t, e);

	hook_facts_init(f);
	f->pid = t.pid;
	f->uptime = t.uptime;
	fs_close(&t.fd);
	return rc;
}

static enum hook_result
reload(const struct hook_conf *conf, const struct hook_event *event UNUSED, struct hook_facts *f,
    struct err *e)
{
	struct target t;
	enum hook_result result = HOOK_FAILED;

	hook_facts_init(f);
	if (find(conf, &t, e) == -1)
		goto out;
	if (pidfd_send_signal(t.fd, number_of(conf->signal), NULL, 0) == -1) {
		(void)err_sys(e, OUT_HOLD, "%s: signal %s to process %d", conf->pid_file,
		    conf->signal, (int)t.pid);
		goto out;
	}
	f->pid = t.pid;
	f->uptime = t.uptime;
	result = HOOK_OK;
	/* a descriptor of a process can be read from when it has ended */
	if (wire_wait(t.fd, POLLIN, clock_boot_ms() + SURVIVE_MS)) {
		(void)err_set(e, OUT_HOLD, "%s: process %d has ended behind the signal %s",
		    conf->pid_file, (int)t.pid, conf->signal);
		result = HOOK_DOWN;
	}
out:
	fs_close(&t.fd);
	return result;
}

static char default_signal[] = "HUP";

const struct hook_type hook_signal = {
	.name = "signal",
	.in_courier = true,
	.options = HOOK_HAS_USER | HOOK_HAS_PID_FILE | HOOK_HAS_SIGNAL,
	.wants = HOOK_HAS_PID_FILE,
	.defaults = { .signal = default_signal, .timeout = 10 },
	.preflight = preflight,
	.reload = reload,
};
