/*
 * killer: kills a piece of work at each of its system calls, one run per call
 * (FAULTS P01). Needs no more than ptrace of its own children.
 */
#ifndef KAMCERT_T_UNIT_KILLER_H
#define KAMCERT_T_UNIT_KILLER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

static inline void
killer_child(void (*work)(void *), void *arg)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 || raise(SIGSTOP) != 0)
		_exit(99);
	work(arg);
	_exit(0);
}

/*
 * Runs work in a child and kills that as it enters its call number n, from 1.
 * False when work ended before; it must not fail.
 */
static inline bool
kill_at(long n, void (*work)(void *), void *arg)
{
	pid_t pid = fork();
	int status = 0;
	long stops = 0;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		killer_child(work, arg);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status), "cannot trace: status %#x", (unsigned)status);
	/* Stops come in pairs: entry, exit. */
	while (stops < 2 * n - 1) {
		ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status)) {
			ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			    "the work failed: status %#x", (unsigned)status);
			return false;
		}
		stops++;
	}
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	return true;
}

#endif
