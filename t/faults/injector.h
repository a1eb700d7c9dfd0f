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
	case EIO:
		return true;
	case INJECT_HALF:
		return letter == 'W';
	case EINTR:
		return letter == 'W' || letter == 'F' || letter == 'R' || nr == SYS_close;
	case EMFILE:
		return nr == SYS_openat || nr == SYS_openat2;
	case EACCES:
	case ENOMEM:
		return letter != 0 || nr == SYS_openat || nr == SYS_openat2 || nr == SYS_fcntl;
	default:
		return letter != 0;
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

/* Up to the next call that concerns files. */
static inline bool
injector_next(pid_t pid, struct __ptrace_syscall_info *call, struct injected *in)
{
	do {
		if (!killer_step(pid, call, &in->status))
			return false;
		in->letter = killer_letter(call);
		in->nr = call->op == PTRACE_SYSCALL_INFO_ENTRY ? (long)call->entry.nr : -1;
	} while (in->letter == 0 && !injector_reads(in->nr));
	return true;
}

/* All calls of an undisturbed run, which must end well. Their number, size at most. */
static inline size_t
list_calls(void (*work)(void *), void *arg, struct injected *calls, size_t size)
{
	pid_t pid = killer_start(work, arg);
	struct __ptrace_syscall_info call;
	struct injected in = { .nr = 0 };
	size_t n = 0;

	while (injector_next(pid, &call, &in)) {
		ck_assert_uint_lt(n, size);
		calls[n++] = in;
	}
	ck_assert_int_eq(in.status, 0);
	return n;
}

/* Runs work with its n-th call disturbed, from 0: a call that list_calls told. */
static inline void
fail_at(size_t n, int error, void (*work)(void *), void *arg, struct injected *in)
{
	pid_t pid = killer_start(work, arg);
	struct __ptrace_syscall_info call;

	*in = (struct injected){ .nr = 0 };
	for (size_t i = 0; i <= n; i++)
		ck_assert(injector_next(pid, &call, in));
	in->of_file = in->letter == 'F' && injector_is_file(pid, call.entry.args[0]);
	injector_disturb(pid, in->nr, error);
	ck_assert_int_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &in->status, 0), pid);
}

#endif
