/*
 * injector: makes the n-th system call of a piece of work that concerns files
 * fail with an error, or write half of what it was given (FAULTS F01, F03).
 * A failed call does nothing, but for close, which closes all the same.
 */
#ifndef KAMCERT_T_FAULTS_INJECTOR_H
#define KAMCERT_T_FAULTS_INJECTOR_H

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/user.h>

#include "killer.h"

#ifdef __x86_64__
#define INJECTOR_WORKS	true
#else
#define INJECTOR_WORKS	false
#endif

#define INJECT_HALF	(-1)	/* in place of an errno: a short write */

/* What became of the work, and which call it was. */
struct injected {
	bool	reached;	/* there was an n-th call, and it was one for this error */
	long	nr;
	char	letter;		/* as in killer.h, 0: it only reads */
	bool	of_file;	/* an fsync of a file, not of a folder */
	int	status;		/* of the child, as waitpid tells it */
};

/* The child stands at the entry of a call whose first argument is a descriptor. */
static inline bool
injector_is_file(pid_t pid, unsigned long long fd)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, (int)fd);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Calls that change nothing: errors that they can have are fewer. */
static inline bool
injector_reads(long nr)
{
	static const long calls[] = {
		SYS_openat, SYS_openat2, SYS_read, SYS_pread64, SYS_fstat, SYS_newfstatat,
		SYS_getdents64, SYS_readlinkat, SYS_close, SYS_fcntl, SYS_fstatfs, SYS_fgetxattr,
	};

	for (size_t i = 0; i < NITEMS(calls); i++)
		if (nr == calls[i])
			return true;
	return false;
}

static inline bool
injector_suits(long nr, char letter, int error)
{
	switch (error) {
	case INJECT_HALF:
		return letter == 'W';
	case EINTR:
		return letter == 'W' || letter == 'F' || letter == 'R' || nr == SYS_close;
	case EMFILE:
		return nr == SYS_openat || nr == SYS_openat2;
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case EPERM:
		return letter != 0;
	default:
		return true;
	}
}

#ifdef __x86_64__
/* The call that the child has just entered. */
static inline void
injector_disturb(pid_t pid, long nr, int error)
{
	struct __ptrace_syscall_info call;
	struct user_regs_struct regs;
	int status = 0;

	ck_assert_int_eq(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
	if (error == INJECT_HALF)
		regs.rdx -= regs.rdx / 2;
	else if (nr != SYS_close)
		regs.orig_rax = (unsigned long long)-1;
	ck_assert_int_eq(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
	if (error == INJECT_HALF)
		return;
	ck_assert(killer_step(pid, &call, &status));
	ck_assert_int_eq(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
	regs.rax = (unsigned long long)-(long long)error;
	ck_assert_int_eq(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
}
#else
static inline void
injector_disturb(pid_t pid UNUSED, long nr UNUSED, int error UNUSED)
{
	ck_abort_msg("the registers of this machine are not known");
}
#endif

/*
 * Runs work with its n-th call disturbed, from 1. False when work ended
 * before. A call that cannot have this error ends the run there: !reached.
 */
static inline bool
fail_at(int n, int error, void (*work)(void *), void *arg, struct injected *in)
{
	pid_t pid = killer_start(work, arg);
	struct __ptrace_syscall_info call;

	*in = (struct injected){ .reached = false };
	do {
		if (!killer_step(pid, &call, &in->status))
			return false;
		in->letter = killer_letter(&call);
		in->nr = call.op == PTRACE_SYSCALL_INFO_ENTRY ? (long)call.entry.nr : -1;
		n -= in->letter != 0 || injector_reads(in->nr);
	} while (n > 0);
	in->of_file = in->letter == 'F' && injector_is_file(pid, call.entry.args[0]);
	in->reached = injector_suits(in->nr, in->letter, error);
	if (in->reached) {
		injector_disturb(pid, in->nr, error);
		ck_assert_int_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	} else {
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
	}
	ck_assert_int_eq(waitpid(pid, &in->status, 0), pid);
	return true;
}

#endif
