/*
 * sandbox_calls: which system calls a role may make (seccomp).
 *
 * keeper and answer have a list of what they may do. The others have a
 * list of what they may not: their libraries (resolver, TLS, D-Bus) change
 * what they call from release to release. What is not allowed answers ENOSYS,
 * which libraries have learnt to live with; in tests the process ends, and
 * says by which call.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

#include "sandbox_parts.h"

#define C(name)	SCMP_SYS(name)
#define ARG_IS(n, value) \
	((struct scmp_arg_cmp){ .arg = (n), .op = SCMP_CMP_EQ, .datum_a = (value) })

/* Memory, time, signals, descriptors that are open already. */
static const int basic[] = {
	C(read), C(readv), C(pread64), C(preadv), C(write), C(writev), C(pwrite64), C(pwritev),
	C(close), C(close_range), C(lseek), C(fstat), C(fcntl), C(dup), C(dup2), C(dup3),
	C(munmap), C(mremap), C(madvise), C(brk), C(membarrier), C(mincore), C(mlock), C(munlock),
	C(rt_sigaction), C(rt_sigprocmask), C(rt_sigreturn), C(sigaltstack), C(restart_syscall),
	C(futex), C(set_robust_list), C(rseq), C(sched_yield), C(sched_getaffinity), C(getcpu),
	C(clock_gettime), C(clock_getres), C(clock_nanosleep), C(nanosleep), C(gettimeofday),
	    C(time),
	C(getrandom), C(getpid), C(gettid), C(getppid), C(getuid), C(geteuid), C(getgid),
	    C(getegid),
	C(getresuid), C(getresgid), C(getgroups), C(getpgrp), C(getrlimit), C(getrusage), C(uname),
	C(sysinfo), C(times), C(umask), C(exit), C(exit_group),
	C(epoll_create1), C(epoll_ctl), C(epoll_wait), C(epoll_pwait), C(epoll_pwait2), C(poll),
	C(ppoll), C(select), C(pselect6), C(timerfd_create), C(timerfd_settime), C(timerfd_gettime),
	C(signalfd4), C(eventfd2), C(recvmsg), C(sendmsg), C(recvfrom), C(sendto), C(shutdown),
	C(getsockopt), C(getsockname), C(getpeername),
};

/* Files and folders: which of them is Landlock's business. */
static const int files[] = {
	C(open), C(openat), C(openat2), C(stat), C(lstat), C(newfstatat), C(statx), C(access),
	C(faccessat), C(faccessat2), C(readlink), C(readlinkat), C(getdents64), C(getcwd), C(chdir),
	C(statfs), C(fstatfs), C(mkdir), C(mkdirat), C(unlink), C(unlinkat), C(rmdir), C(rename),
	C(renameat), C(renameat2), C(symlinkat), C(linkat), C(fchmod), C(fchmodat), C(fchown),
	C(fchownat), C(fsync), C(fdatasync), C(ftruncate), C(fallocate), C(utimensat), C(flock),
	C(getxattr), C(lgetxattr), C(fgetxattr), C(flistxattr), C(fsetxattr), C(removexattr),
	C(fremovexattr), C(fadvise64), C(sendfile), C(copy_file_range),
};

static const int sockets[] = {
	C(connect), C(bind), C(accept), C(accept4), C(setsockopt), C(sendmmsg), C(recvmmsg),
	    C(ioctl),
};

/* What neither a client of HTTPS nor one of a SIP server has to do. */
static const int forbidden[] = {
	C(execve), C(execveat), C(fork), C(vfork), C(ptrace), C(process_vm_readv),
	C(process_vm_writev), C(process_madvise), C(pidfd_getfd), C(kcmp), C(mount), C(umount2),
	C(pivot_root), C(chroot), C(move_mount), C(open_tree), C(fsopen), C(fsmount), C(fsconfig),
	C(fspick), C(mount_setattr), C(unshare), C(setns), C(bpf), C(perf_event_open),
	C(userfaultfd), C(io_uring_setup), C(io_uring_enter), C(io_uring_register), C(keyctl),
	C(add_key), C(request_key), C(init_module), C(finit_module), C(delete_module),
	C(kexec_load), C(kexec_file_load), C(reboot), C(swapon), C(swapoff), C(acct), C(quotactl),
	C(quotactl_fd), C(settimeofday), C(clock_settime), C(clock_adjtime), C(adjtimex),
	C(sethostname), C(setdomainname), C(syslog), C(vhangup), C(iopl), C(ioperm), C(modify_ldt),
	C(personality), C(nfsservctl), C(lookup_dcookie), C(fanotify_init), C(open_by_handle_at),
	C(name_to_handle_at), C(mknod), C(mknodat), C(chown), C(fchown), C(lchown), C(fchownat),
	C(setuid), C(setgid), C(setreuid), C(setregid), C(setresuid), C(setresgid), C(setgroups),
	C(setfsuid), C(setfsgid), C(capset), C(listen), C(shmget), C(shmat), C(semget), C(msgget),
	C(mq_open), C(move_pages), C(mbind), C(migrate_pages), C(set_mempolicy), C(tkill),
};

/* To others, that is: ending oneself goes by tgkill. */
static const int signals[] = {
	C(kill), C(pidfd_send_signal), C(rt_sigqueueinfo), C(rt_tgsigqueueinfo),
};

/* A process of its own: threads share their memory. */
static int
forbid_processes(scmp_filter_ctx ctx, uint32_t action)
{
	int rc = seccomp_rule_add(ctx, action, C(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM, 0));

	/* its flags are in memory, where no filter can see them: libraries take clone instead */
	return rc != 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), C(clone3), 0);
}

static int
add_all(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(ctx, action, calls[i], 0);
	return rc;
}

/* Memory that is written to is never run, and nothing is mapped to be run any more. */
static int
allow_memory(scmp_filter_ctx ctx)
{
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, C(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	return rc != 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, C(mprotect), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/*
 * Internet sockets, where the role has any; others are refused in the way that
 * name services know.
 */
static int
add_sockets(scmp_filter_ctx ctx, bool internet)
{
	static const int families[] = { AF_INET, AF_INET6 };
	size_t i;
	int rc = 0;

	if (!internet) {
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), C(socket), 0);
		return rc != 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), C(connect), 0);
	}
	for (i = 0; i < NITEMS(families) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, C(socket), 1,
		    ARG_IS(0, (scmp_datum_t)families[i]));
	for (i = 0; i < AF_MAX && rc == 0; i++)
		if (i != AF_INET && i != AF_INET6)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), C(socket), 1,
			    ARG_IS(0, (scmp_datum_t)i));
	return rc != 0 ? rc : add_all(ctx, SCMP_ACT_ALLOW, sockets, NITEMS(sockets));
}

static int
add_allowed(scmp_filter_ctx ctx, enum role role)
{
	int rc = add_all(ctx, SCMP_ACT_ALLOW, basic, NITEMS(basic));

	if (rc == 0)
		rc = add_all(ctx, SCMP_ACT_ALLOW, files, NITEMS(files));
	if (rc == 0)
		rc = allow_memory(ctx);
	if (rc == 0)
		rc = add_sockets(ctx, role == ROLE_ANSWER);
	/* asking for a limit is harmless; setting one is not asked for */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, C(prlimit64), 1,
		    ARG_IS(2, 0));
	/* abort() */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, C(tgkill), 1,
		    ARG_IS(0, (scmp_datum_t)getpid()));
	/* a debugger's way to have a call not happen: it never does anything */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, -1, 0);
	return rc;
}

/*
 * A sanitizer looks for leaks as a debugger does, and in roles whose own lists
 * would be too short.
 */
static bool
sanitizer_needs(int call)
{
	return UNDER_SANITIZER && (call == C(ptrace) || call == C(personality) ||
	    call == C(fchown) || call == C(fchownat));
}

static int
add_forbidden(scmp_filter_ctx ctx, const struct walls *w, uint32_t action)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < NITEMS(forbidden) && rc == 0; i++)
		if (!sanitizer_needs(forbidden[i]))
			rc = seccomp_rule_add(ctx, action, forbidden[i], 0);
	if (rc == 0 && !w->signals)
		rc = add_all(ctx, action, signals, NITEMS(signals));
	return rc != 0 || UNDER_SANITIZER ? rc : forbid_processes(ctx, action);
}

/* --- in tests --- */

/* The last thing that the process does: memory may be had, as nothing else needs it any more. */
static void
name_call(int signo UNUSED, siginfo_t *info, void *context UNUSED)
{
	char *name = seccomp_syscall_resolve_num_arch(info->si_arch, info->si_syscall);

	dprintf(STDERR_FILENO, "kamcert: forbidden system call %s (%d) at %p\n",
	    name != NULL ? name : "?", info->si_syscall, info->si_call_addr);
	_exit(99);
}

static int
catch_calls(struct err *e)
{
	struct sigaction sa = { .sa_sigaction = name_call, .sa_flags = SA_SIGINFO };

	sigemptyset(&sa.sa_mask);
	return sigaction(SIGSYS, &sa, NULL) == -1 ?
	    err_sys(e, OUT_HOLD, "system calls") : 0;
}

int
calls_restrict(enum role role, const struct walls *w, bool *on, struct err *e)
{
	bool lists_allowed = !UNDER_SANITIZER && (role == ROLE_KEEPER || role == ROLE_ANSWER);
	uint32_t denied = w->kill ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(ENOSYS);
	scmp_filter_ctx ctx = seccomp_init(lists_allowed ? denied : SCMP_ACT_ALLOW);
	int rc;

	if (ctx == NULL)
		return err_nomem(e);
	/* the best that this kernel has; older ones do without each of these */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_API_TSKIP, 1);
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	rc = lists_allowed ? add_allowed(ctx, role) : add_forbidden(ctx, w, denied);
	if (rc == 0 && w->kill && catch_calls(e) == -1) {
		seccomp_release(ctx);
		return -1;
	}
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc != 0)
		return err_set(e, OUT_HOLD, "system calls: the kernel does not let them be "
		    "filtered: %s", strerror(-rc));
	*on = true;
	return 0;
}
