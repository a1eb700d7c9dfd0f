/*
 * check_loop: descriptors, signals and children of one loop, and the loop
 * itself. Timers are check_loop_timers'.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "loopmarks.h"
#include "suite.h"

/* --- descriptors --- */

struct end {
	struct loop_fd	*w;
	struct end	*victim;
	unsigned	 events;
	int		 calls;
};

static void
on_end(void *arg, unsigned events)
{
	struct end *end = arg;

	end->events = events;
	end->calls++;
	if (end->victim != NULL) {
		loop_fd_del(end->w);
		loop_fd_del(end->victim->w);
	}
}

static void
add_end(struct end *end, int fd, unsigned events)
{
	memset(end, 0, sizeof(*end));
	ck_assert_ptr_nonnull(end->w = loop_fd_add(l, fd, events, on_end, end, &e));
}

static void
make_pair(int p[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
}

START_TEST(a_descriptor_is_told_what_it_asked_for)
{
	struct end end;
	int p[2];

	make_pair(p);
	add_end(&end, p[0], 0);
	turn();
	ck_assert_int_eq(end.calls, 0);
	ck_assert_int_eq(loop_fd_set(end.w, LOOP_WRITE, &e), 0);
	turn();
	ck_assert_uint_eq(end.events, LOOP_WRITE);
	ck_assert_int_eq(loop_fd_set(end.w, LOOP_READ, &e), 0);
	turn();
	ck_assert_int_eq(end.calls, 1);
	ck_assert_int_eq(write(p[1], "x", 1), 1);
	turn();
	ck_assert_uint_eq(end.events, LOOP_READ);
	ck_assert_int_eq(loop_fd_set(end.w, LOOP_READ | LOOP_WRITE, &e), 0);
	turn();
	ck_assert_uint_eq(end.events, LOOP_READ | LOOP_WRITE);
	ck_assert_int_eq(loop_fd_set(end.w, 0, &e), 0);
	turn();
	ck_assert_int_eq(end.calls, 3);
	ck_assert_int_eq(close(p[1]), 0);
	turn();
	ck_assert_uint_eq(end.events, LOOP_HANGUP);
	loop_fd_del(end.w);
	turn();
	ck_assert_int_eq(end.calls, 4);
}
END_TEST

START_TEST(a_due_timer_does_not_keep_descriptors_from_being_served)
{
	struct mark a = { "a" };
	struct end end;
	int p[2];

	make_pair(p);
	ck_assert_ptr_nonnull(loop_timer_add(l, 0, add_again, &a, &e));
	add_end(&end, p[1], LOOP_WRITE);
	turn();
	ck_assert_int_eq(end.calls, 1);
	ck_assert_str_eq(fired, "a");
}
END_TEST

START_TEST(what_a_callback_removed_is_not_called_any_more)
{
	struct end a, b;
	int p[2];

	make_pair(p);
	add_end(&a, p[0], LOOP_WRITE);
	add_end(&b, p[1], LOOP_WRITE);
	a.victim = &b;
	b.victim = &a;
	turn();
	turn();
	ck_assert_int_eq(a.calls + b.calls, 1);
}
END_TEST

static void
replace_fd(void *arg, unsigned events UNUSED)
{
	struct end *end = arg;
	int fd;

	/* The number of a closed descriptor comes back at once. */
	loop_fd_del(end->victim->w);
	ck_assert_int_eq(close(end->events == 0 ? 50 : 51), 0);
	ck_assert_int_ge(fd = open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
	ck_assert_int_eq(dup2(fd, end->events == 0 ? 50 : 51), end->events == 0 ? 50 : 51);
	loop_fd_del(end->w);
	end->calls++;
}

static void
remove_end(void *arg, unsigned events)
{
	struct end *end = arg;

	on_end(arg, events);
	loop_fd_del(end->w);
}

START_TEST(the_loop_ends_with_its_last_descriptor)
{
	struct end end;
	int p[2];

	make_pair(p);
	memset(&end, 0, sizeof(end));
	ck_assert_ptr_nonnull(end.w = loop_fd_add(l, p[0], LOOP_WRITE, remove_end, &end, &e));
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_int_eq(end.calls, 1);
}
END_TEST

START_TEST(an_event_of_a_closed_descriptor_is_not_given_to_its_successor)
{
	struct end a, b;
	int p[2];

	make_pair(p);
	ck_assert_int_eq(dup2(p[0], 50), 50);
	ck_assert_int_eq(dup2(p[1], 51), 51);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	a.victim = &b;
	b.victim = &a;
	a.events = 1;	/* closes 51 */
	ck_assert_ptr_nonnull(a.w = loop_fd_add(l, 50, LOOP_WRITE, replace_fd, &a, &e));
	ck_assert_ptr_nonnull(b.w = loop_fd_add(l, 51, LOOP_WRITE, replace_fd, &b, &e));
	turn();
	turn();
	ck_assert_int_eq(a.calls + b.calls, 1);
}
END_TEST

START_TEST(a_file_that_cannot_be_watched_is_an_error)
{
	ck_assert_ptr_null(loop_fd_add(l, -1, LOOP_READ, on_end, NULL, &e));
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(e.sys, EBADF);
}
END_TEST

/* --- signals --- */

static int usr1, usr2;
static struct loop_signal *sig1, *sig2;

static void
on_signal(void *arg, int signo)
{
	int *n = arg;

	ck_assert_int_eq(signo, SIGUSR1);
	(*n)++;
}

static void
remove_signals(void *arg, int signo UNUSED)
{
	int *n = arg;

	(*n)++;
	loop_signal_del(sig1);
	loop_signal_del(sig2);
}

START_TEST(every_receiver_of_a_signal_is_told)
{
	ck_assert_ptr_nonnull(sig1 = loop_signal_add(l, SIGUSR1, on_signal, &usr1, &e));
	ck_assert_ptr_nonnull(sig2 = loop_signal_add(l, SIGUSR1, on_signal, &usr2, &e));
	ck_assert_int_eq(raise(SIGUSR1), 0);
	turn();
	ck_assert_int_eq(usr1, 1);
	ck_assert_int_eq(usr2, 1);
	loop_signal_del(sig2);
	ck_assert_int_eq(raise(SIGUSR1), 0);
	turn();
	ck_assert_int_eq(usr1, 2);
	ck_assert_int_eq(usr2, 1);
	loop_signal_del(sig1);
	ck_assert_int_eq(raise(SIGUSR1), 0);	/* still blocked: we live on */
	turn();
	ck_assert_int_eq(usr1, 2);
}
END_TEST

START_TEST(a_receiver_may_remove_itself_and_the_other)
{
	ck_assert_ptr_nonnull(sig1 = loop_signal_add(l, SIGUSR1, remove_signals, &usr1, &e));
	ck_assert_ptr_nonnull(sig2 = loop_signal_add(l, SIGUSR1, remove_signals, &usr1, &e));
	ck_assert_int_eq(raise(SIGUSR1), 0);
	turn();
	ck_assert_int_eq(raise(SIGUSR1), 0);
	turn();
	ck_assert_int_eq(usr1, 1);
}
END_TEST

START_TEST(no_signal_of_that_number_is_an_error)
{
	ck_assert_ptr_null(loop_signal_add(l, 4711, on_signal, NULL, &e));
	ck_assert_int_eq(e.sys, EINVAL);
}
END_TEST

/* --- children --- */

static int ended, last_status;
static pid_t last_pid;

static void
on_child(void *arg UNUSED, pid_t pid, int status)
{
	ended++;
	last_pid = pid;
	last_status = status;
}

/* A child that ends when its end of the pipe tells it to. */
static pid_t
make_child(int code, int gate[2])
{
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	ck_assert_int_ge(pid = fork(), 0);
	if (pid == 0) {
		(void)close(gate[1]);
		(void)!read(gate[0], &c, 1);
		_exit(code);
	}
	(void)close(gate[0]);
	return pid;
}

START_TEST(the_end_of_a_child_ends_the_loop)
{
	struct loop_child *c;
	int gate[2];
	pid_t pid = make_child(7, gate);

	ck_assert_ptr_nonnull(c = loop_child_add(l, pid, on_child, NULL, &e));
	turn();
	ck_assert_int_eq(ended, 0);
	ck_assert_int_eq(close(gate[1]), 0);
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_int_eq(ended, 1);
	ck_assert_int_eq(last_pid, pid);
	ck_assert(WIFEXITED(last_status) && WEXITSTATUS(last_status) == 7);
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(a_killed_child_is_told_with_its_signal)
{
	int gate[2];
	pid_t pid = make_child(0, gate);

	ck_assert_ptr_nonnull(loop_child_add(l, pid, on_child, NULL, &e));
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert(WIFSIGNALED(last_status) && WTERMSIG(last_status) == SIGKILL);
}
END_TEST

START_TEST(a_child_that_ended_before_it_was_added_is_told_too)
{
	siginfo_t info;
	int gate[2];
	pid_t pid = make_child(3, gate);

	ck_assert_int_eq(close(gate[1]), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_ptr_nonnull(loop_child_add(l, pid, on_child, NULL, &e));
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_int_eq(ended, 1);
	ck_assert(WIFEXITED(last_status) && WEXITSTATUS(last_status) == 3);
}
END_TEST

START_TEST(twenty_children_that_end_together_are_all_told)
{
	int gate[20][2], i;

	for (i = 0; i < 20; i++)
		ck_assert_ptr_nonnull(loop_child_add(l, make_child(i, gate[i]), on_child, NULL,
		    &e));
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(close(gate[i][1]), 0);
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_int_eq(ended, 20);
}
END_TEST

START_TEST(a_child_whose_status_somebody_else_took_is_told_with_minus_one)
{
	int gate[2];
	pid_t pid = make_child(3, gate);

	ck_assert_int_eq(close(gate[1]), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_ptr_nonnull(loop_child_add(l, pid, on_child, NULL, &e));
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_int_eq(ended, 1);
	ck_assert_int_eq(last_status, -1);
}
END_TEST

static struct loop_child *child1, *child2;

static void
remove_children(void *arg, pid_t pid, int status)
{
	on_child(arg, pid, status);
	loop_child_del(child1);
	loop_child_del(child2);
}

START_TEST(a_removed_child_is_not_told)
{
	siginfo_t info;
	int gate1[2], gate2[2];
	pid_t pid1 = make_child(1, gate1), pid2 = make_child(2, gate2);

	ck_assert_int_eq(close(gate1[1]), 0);
	ck_assert_int_eq(close(gate2[1]), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid1, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid2, &info, WEXITED | WNOWAIT), 0);
	ck_assert_ptr_nonnull(child1 = loop_child_add(l, pid1, remove_children, NULL, &e));
	ck_assert_ptr_nonnull(child2 = loop_child_add(l, pid2, remove_children, NULL, &e));
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_int_eq(ended, 1);
}
END_TEST

/* --- the whole --- */

static void
stop_now(void *arg)
{
	note(arg);
	loop_stop(l);
}

START_TEST(loop_stop_ends_the_run_with_work_left)
{
	struct mark a = { "a" }, b = { "b" };

	ck_assert_ptr_nonnull(loop_timer_add(l, 1, stop_now, &a, &e));
	add_note(5000, &b);
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_str_eq(fired, "a");
	false_now = 5000;
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_str_eq(fired, "ab");
}
END_TEST

START_TEST(a_stop_before_the_run_is_not_lost)
{
	struct mark a = { "a" };

	add_note(5000, &a);
	loop_stop(l);
	ck_assert_int_eq(loop_run(l, &e), 0);
	ck_assert_str_eq(fired, "");
}
END_TEST

START_TEST(signals_alone_do_not_keep_the_loop_running)
{
	ck_assert_ptr_nonnull(loop_signal_add(l, SIGUSR1, on_signal, &usr1, &e));
	ck_assert_int_eq(loop_run(l, &e), 0);
}
END_TEST

START_TEST(a_loop_is_freed_with_everything_in_it)
{
	struct mark a = { "a" };
	struct end end;
	int p[2], gate[2];

	make_pair(p);
	add_end(&end, p[0], LOOP_READ);
	add_note(5000, &a);
	ck_assert_ptr_nonnull(loop_signal_add(l, SIGUSR1, on_signal, &usr1, &e));
	ck_assert_ptr_nonnull(loop_child_add(l, make_child(0, gate), on_child, NULL, &e));
	ck_assert_int_eq(close(gate[1]), 0);
	loop_free(NULL);
	loop_fd_del(NULL);
	loop_timer_del(NULL);
	loop_signal_del(NULL);
	loop_child_del(NULL);
}
END_TEST

START_TEST(without_descriptors_there_is_no_loop)
{
	struct rlimit few;
	rlim_t before;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &few), 0);
	before = few.rlim_cur;
	few.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_ptr_null(loop_new(&e));
	few.rlim_cur = before;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(e.sys, EMFILE);
}
END_TEST

START_TEST(nothing_is_inherited_by_programs)
{
	int fd, flags;

	loop_free(l);
	for (fd = 3; fd < 64; fd++) {
		flags = fcntl(fd, F_GETFD);
		if (flags != -1 && (flags & FD_CLOEXEC) == 0)
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);	/* libcheck's own */
	}
	ck_assert_ptr_nonnull(l = loop_new(&e));
	for (fd = 3; fd < 64; fd++) {
		flags = fcntl(fd, F_GETFD);
		ck_assert_msg(flags == -1 || (flags & FD_CLOEXEC) != 0, "descriptor %d", fd);
	}
}
END_TEST

static void
add_child_tests(TCase *tc)
{
	tcase_add_test(tc, the_end_of_a_child_ends_the_loop);
	tcase_add_test(tc, a_killed_child_is_told_with_its_signal);
	tcase_add_test(tc, a_child_that_ended_before_it_was_added_is_told_too);
	tcase_add_test(tc, twenty_children_that_end_together_are_all_told);
	tcase_add_test(tc, a_child_whose_status_somebody_else_took_is_told_with_minus_one);
	tcase_add_test(tc, a_removed_child_is_not_told);
}

int
main(void)
{
	Suite *s = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_test(tc, a_due_timer_does_not_keep_descriptors_from_being_served);
	add_child_tests(tc);
	tcase_add_test(tc, a_descriptor_is_told_what_it_asked_for);
	tcase_add_test(tc, what_a_callback_removed_is_not_called_any_more);
	tcase_add_test(tc, the_loop_ends_with_its_last_descriptor);
	tcase_add_test(tc, an_event_of_a_closed_descriptor_is_not_given_to_its_successor);
	tcase_add_test(tc, a_file_that_cannot_be_watched_is_an_error);
	tcase_add_test(tc, nothing_is_inherited_by_programs);
	tcase_add_test(tc, every_receiver_of_a_signal_is_told);
	tcase_add_test(tc, a_receiver_may_remove_itself_and_the_other);
	tcase_add_test(tc, no_signal_of_that_number_is_an_error);
	tcase_add_test(tc, loop_stop_ends_the_run_with_work_left);
	tcase_add_test(tc, a_stop_before_the_run_is_not_lost);
	tcase_add_test(tc, signals_alone_do_not_keep_the_loop_running);
	tcase_add_test(tc, a_loop_is_freed_with_everything_in_it);
	tcase_add_test(tc, without_descriptors_there_is_no_loop);
	suite_add_tcase(s, tc);
	return suite_run_forked(s);
}
