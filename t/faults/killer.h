/*
 * killer: kills a piece of work at each system call that can change a file,
 * one run per call (FAULTS P01), or tells these calls in their order. A kill
 * at any other call leaves what a kill at the next of these leaves. Needs no
 * more than ptrace of its own children.
 */
#ifndef KAMCERT_T_FAULTS_KILLER_H
#define KAMCERT_T_FAULTS_KILLER_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/base.h"

/* A letter for a call that can change a file, 0 for another. */
static inline char
killer_letter(const struct __ptrace_syscall_info *call)
{
	static const struct {
		long	nr;
		char	letter;
	} changing[] = {
		{ SYS_mkdirat, 'D' }, { SYS_write, 'W' }, { SYS_pwrite64, 'W' }, { SYS_fsync, 'F' },
		{ SYS_renameat, 'R' }, { SYS_renameat2, 'R' }, { SYS_symlinkat, 'S' },
		{ SYS_unlinkat, 'U' }, { SYS_linkat, 'L' }, { SYS_ftruncate, 'T' },
		{ SYS_fallocate, 'A' }, { SYS_fchmod, 'm' }, { SYS_fchown, 'm' },
		{ SYS_fremovexattr, 'm' },
	};

	if (call->op != PTRACE_SYSCALL_INFO_ENTRY)
		return 0;
	if (call->entry.nr == SYS_openat)
		return (call->entry.args[2] & O_CREAT) != 0 ? 'C' : 0;
	for (size_t i = 0; i < NITEMS(changing); i++)
		if ((long)call->entry.nr == changing[i].nr)
			return changing[i].letter;
	return 0;
}

static inline pid_t
killer_start(void (*work)(void *), void *arg)
{
	pid_t pid = fork();
	int status = 0;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 || raise(SIGSTOP) != 0)
			_exit(99);
		work(arg);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status), "cannot trace: status %#x", (unsigned)status);
	/* Nobody is left behind stopped if the test ends early. */
	ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, pid, NULL,
	    PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
	return pid;
}

/* Up to the next entry or exit of a call; false when work has ended, with its status. */
static inline bool
killer_step(pid_t pid, struct __ptrace_syscall_info *call, int *status)
{
	ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, status, 0), pid);
	if (!WIFSTOPPED(*status))
		return false;
	ck_assert_int_gt(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(*call), call), 0);
	return true;
}

/* Up to the entry of the next such call; false when work has ended, which must be well. */
static inline bool
killer_next(pid_t pid, char *letter)
{
	struct __ptrace_syscall_info call;
	int status = 0;

	do {
		if (!killer_step(pid, &call, &status)) {
			ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			    "the work failed: status %#x", (unsigned)status);
			return false;
		}
	} while ((*letter = killer_letter(&call)) == 0);
	return true;
}

/*
 * Runs work in a child up to the entry of its n-th such call, from 1, where it
 * stands still. 0 when work ended before.
 */
static inline pid_t
stop_at(int n, void (*work)(void *), void *arg)
{
	pid_t pid = killer_start(work, arg);
	char letter;

	for (int i = 0; i < n; i++)
		if (!killer_next(pid, &letter))
			return 0;
	return pid;
}

static inline void
killer_end(pid_t pid)
{
	int status = 0;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

/* Kills work as it enters its n-th such call; false when it ended before. */
static inline bool
kill_at(int n, void (*work)(void *), void *arg)
{
	pid_t pid = stop_at(n, work, arg);

	if (pid != 0)
		killer_end(pid);
	return pid != 0;
}

/* The letters of all such calls, but for those of modes and owners. */
static inline void
tell_calls(void (*work)(void *), void *arg, char *out, size_t size)
{
	pid_t pid = killer_start(work, arg);
	size_t n = 0;
	char letter;

	while (killer_next(pid, &letter))
		if (letter != 'm' && n + 1 < size)
			out[n++] = letter;
	out[n] = '\0';
}

#endif
