#include "role.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[ROLE_COUNT] = {
	[ROLE_KEEPER] = "keeper",
	[ROLE_NET] = "net",
	[ROLE_ANSWER] = "answer",
	[ROLE_CONTROL] = "control",
	[ROLE_COURIER] = "courier",
};

const char *
role_name(enum role r)
{
	return (unsigned)r < ROLE_COUNT ? names[r] : "?";
}

/* Beside the running program in the build tree, below libexec once installed. */
int
role_find_program(const char *name, char path[ROLE_PATH_MAX], struct err *e)
{
	static const char *const places[] = { "", "../libexec/kamcert/" };
	char self[PATH_MAX], *slash;
	ssize_t n;
	size_t i;
	int len;

	if ((n = readlink("/proc/self/exe", self, sizeof self - 1)) == -1)
		return err_sys(e, OUT_HOLD, "kamcert-%s: /proc/self/exe", name);
	self[n] = '\0';
	if ((slash = strrchr(self, '/')) == NULL)
		return err_set(e, OUT_HOLD, "kamcert-%s: own path %s is not absolute", name, self);
	slash[1] = '\0';
	for (i = 0; i < NITEMS(places); i++) {
		len = snprintf(path, ROLE_PATH_MAX, "%s%skamcert-%s", self, places[i], name);
		if (len > 0 && len < ROLE_PATH_MAX && access(path, X_OK) == 0)
			return 0;
	}
	err_set(e, OUT_HOLD, "no program kamcert-%s in %s or ../libexec/kamcert", name, self);
	return err_hint(e, "install kamcert completely: its programs belong together");
}

/*
 * A terminal, timeout(1) and service managers send these to a whole group:
 * the starter acts on them, and tells the others (FAULTS P03).
 */
static int
pass_over_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	sigemptyset(&none);
	for (size_t i = 0; i < NITEMS(numbers); i++)
		if (sigaction(numbers[i], &ignore, NULL) == -1)
			return -1;
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, between fork and exec: nothing but the channel and standard error goes along. */
static void
run_program(const char *path, enum role r, char *level, char *target, int fd)
{
	static char search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8";
	char journal[64], *argv[] = { (char *)(uintptr_t)path, level, target, NULL };
	char *envp[] = { search, lang, NULL, NULL };
	const char *stream = getenv("JOURNAL_STREAM");
	int null;

	/* by it, lines to standard error are marked with their level */
	if (stream != NULL && snprintf(journal, sizeof journal, "JOURNAL_STREAM=%s", stream) <
	    (int)sizeof journal)
		envp[2] = journal;
	if (dup2(fd, ROLE_FD) == -1 || (null = open("/dev/null", O_RDWR)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		_exit(127);
	if (close_range(ROLE_FD + 1, ~0U, 0) == -1 || fcntl(ROLE_FD, F_SETFD, 0) == -1)
		_exit(127);
	if (pass_over_signals() == -1)
		_exit(127);
	execve(path, argv, envp);
	dprintf(STDERR_FILENO, "kamcert: role %s: %s: %s\n", role_name(r), path, strerror(errno));
	_exit(127);
}

int
role_spawn(const struct role_start *start, pid_t *pid, int *fd, struct err *e)
{
	char path[ROLE_PATH_MAX], level[16], target[16];
	const char *name = role_name(start->role);
	int pair[2];

	if (role_find_program(name, path, e) == -1)
		return -1;
	snprintf(level, sizeof level, "%d", (int)start->level);
	snprintf(target, sizeof target, "%d", (int)start->target);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return err_sys(e, OUT_RETRY, "role %s: socketpair", name);
	if ((*pid = fork()) == -1) {
		close(pair[0]);
		close(pair[1]);
		return err_sys(e, OUT_RETRY, "role %s: fork", name);
	}
	if (*pid == 0)
		run_program(path, start->role, level, target, pair[1]);
	close(pair[1]);
	*fd = pair[0];
	/* one that has ended at once, or will for want of it, is noticed by its channel */
	if (frame_put(*fd, MSG_WALLS, start->walls, e) == -1) {
		(void)shutdown(*fd, SHUT_WR);
		err_clear(e);
	}
	return 0;
}
