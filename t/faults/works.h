/*
 * works: what changes a state folder, as pieces of work for a child that the
 * enumerators disturb, and what the next run does about it.
 */
#ifndef KAMCERT_T_FAULTS_WORKS_H
#define KAMCERT_T_FAULTS_WORKS_H

#include <sys/wait.h>

#include "../unit/installed.h"

/* How a work that failed ends: its outcome class is added. */
#define WORK_FAILED	100
#define WORK_LEAKED	99

/* In a child, where libcheck's own writes would be counted. V6: no descriptor is left. */
static inline void
work_fail(void)
{
	enum outcome class = e.class;

	close_all();
	_exit(count_open() != open_before ? WORK_LEAKED : WORK_FAILED + (int)class);
}

/* Of the child: its outcome class; 0 is success. */
static inline int
class_of(int status)
{
	if (!WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status) == 0 ? OUT_OK : WEXITSTATUS(status) - WORK_FAILED;
}

#define OR_END(call)	do { if ((call) != 0) work_fail(); } while (0)

static inline void
work_open(void)
{
	OR_END(store_open(tree_path("state"), STORE_WORK, &store, &e));
	OR_END(store_cert_open(store, NAME, &cert, &e));
}

static inline void
work_install(void *arg UNUSED)
{
	int64_t version;

	work_open();
	OR_END(install_reserve(cert, 1, NULL, &e));
	OR_END(try_stage(&two, NULL, &version));
	OR_END(install_switch(cert, version, NOW, &e));
	OR_END(install_asked(cert, NOW, &e));
	OR_END(install_done(cert, NOW, &e));
	close_all();
}

static inline void
work_prune(void *arg UNUSED)
{
	work_open();
	OR_END(install_prune(cert, &e));
	close_all();
}

static inline void
work_forward(void *arg)
{
	work_install(arg);
	work_prune(arg);
}

static inline void
work_pair(void *arg UNUSED)
{
	int64_t version;

	work_open();
	OR_END(install_reserve(cert, 2, NULL, &e));
	OR_END(try_stage_pair(&version));
	OR_END(install_switch(cert, version, NOW, &e));
	OR_END(install_asked(cert, NOW, &e));
	OR_END(install_done(cert, NOW, &e));
	close_all();
}

static inline void
work_back(void *arg UNUSED)
{
	work_open();
	OR_END(install_back(cert, "not served", NOW, &e));
	OR_END(install_asked(cert, NOW, &e));
	OR_END(install_done(cert, NOW, &e));
	close_all();
}

/* What such a work finds besides an active version: of these, two want more. */
static inline void
prepare_for(void (*work)(void *))
{
	if (work == work_back) {
		(void)stage(&two);
		MUST(install_switch(cert, 2, NOW, &e));
		MUST(install_asked(cert, NOW, &e));
	}
	if (work == work_prune)
		for (int n = 2; n <= 7; n++)
			deploy(stage(&two));
}

/* What job does with what is pending, without servers. */
static inline void
recover(void)
{
	open_all();
	look();
	if (state.pending == PENDING_BACK)
		MUST(install_back(cert, "not served", NOW, &e));
	else if (state.pending != PENDING_NONE)
		MUST(install_switch(cert, state.to, NOW, &e));
	if (state.pending != PENDING_NONE) {
		MUST(install_asked(cert, NOW, &e));
		MUST(install_done(cert, NOW, &e));
	}
	MUST(install_prune(cert, &e));
	look();
}

/* After that all is well: nothing to be repaired, nothing under way, nothing left over. */
static inline void
recover_well(const char *where)
{
	recover();
	ck_assert_msg(state.problem == NULL, "%s: %s", where, state.problem);
	ck_assert_msg(state.health == (state.version == 0 ? INSTALL_EMPTY : INSTALL_GOOD) &&
	    (state.pending == PENDING_NONE || state.pending == PENDING_AGAIN),
	    "%s: then health %d, pending %d", where, state.health, state.pending);
	ck_assert_msg(!has_leftovers(), "%s: leftovers", where);
}

/* The outcome class of the installation of `two` by a child, in which before() is called first. */
static inline int
install_in_child(void (*before)(void *), void *arg)
{
	pid_t pid = fork();
	int status = 0;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (before != NULL)
			before(arg);
		work_install(NULL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return class_of(status);
}

/* The folder as the work finds it, kept aside and put back for each kill. */
static inline void
copy_tree(const char *from, const char *to)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		execlp("cp", "cp", "-a", "--", tree_path(from), tree_path(to), (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static inline void
reset_tree(void)
{
	close_all();
	drop("state");
	copy_tree("kept", "state");
}

#endif
