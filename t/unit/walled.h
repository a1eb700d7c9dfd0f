/*
 * walled: processes behind the walls of a role, on a state folder of their
 * own, and what the configuration of the tests is.
 */
#ifndef KAMCERT_T_UNIT_WALLED_H
#define KAMCERT_T_UNIT_WALLED_H

#include <sys/prctl.h>
#include <sys/wait.h>

#include <grp.h>
#include <signal.h>

#include "message.h"
#include "role.h"
#include "sandbox_parts.h"
#include "tree.h"
#include "walls.h"

#define NOT_WALLED	250	/* exit status: the walls are not up */

static pid_t other;		/* a process of the same user, with no walls */
static struct msg_setup setup;
static struct ca_conf ca;
static struct cert_conf cert;
static struct challenge_conf challenge;
static char state[PATH_MAX], webroot[PATH_MAX], account[PATH_MAX];

static inline void
become_somebody(void)
{
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(SOMEBODY, SOMEBODY, SOMEBODY), 0);
	ck_assert_int_eq(setresuid(SOMEBODY, SOMEBODY, SOMEBODY), 0);
	/* as whoever has logged in is, not as who was root */
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

/* In a child: the walls of the role, then the attempt. Its exit status. */
static inline int
inside(enum role role, bool somebody, bool kill_it, int (*try)(void))
{
	struct walled out;
	struct walls w;
	pid_t pid = fork();
	int status;

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		if (somebody && is_root())
			become_somebody();
		if (sandbox_begin(&e) == -1 || walls_for(&setup, role, &w, &e) == -1)
			_exit(NOT_WALLED);
		w.kill = kill_it;
		if (sandbox_enter(&w, role, &out, &e) == -1 || !walled_wholly(&out)) {
			(void)dprintf(STDERR_FILENO, "%s\n", e.text);
			_exit(NOT_WALLED);
		}
		_exit(try());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "the process ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static inline void
give(const char *path, uid_t uid)
{
	if (is_root())
		ck_assert_int_eq(chown(path, uid, uid), 0);
}

/* A store that belongs to whoever the keeper will be, and somebody beside it. */
static inline void
start(bool somebody)
{
	uid_t keeper = somebody ? SOMEBODY : 65521;
	struct walls w = { 0 };

	tree_start();
	if (is_root() && !somebody) {	/* on a host with users of these names */
		ck_assert_int_eq(walls_for(&setup, ROLE_KEEPER, &w, &e), 0);
		keeper = (uid_t)w.uid;
		pack_clear(&walls_pack, &w);
	}
	(void)snprintf(state, sizeof(state), "%s/state", top);
	(void)snprintf(webroot, sizeof(webroot), "%s/www", top);
	(void)snprintf(account, sizeof(account), "%s/state/account.key", top);
	ck_assert_int_eq(mkdir(state, 0711), 0);
	ck_assert_int_eq(mkdir(webroot, 0755), 0);
	tree_file("state/account.key", "secret");
	ck_assert_int_eq(chmod(account, 0600), 0);
	give(state, keeper);
	give(account, keeper);
	give(webroot, somebody ? SOMEBODY : 0);
	ck_assert_int_ne(other = fork(), -1);
	if (other == 0) {
		if (somebody && is_root())
			become_somebody();
		(void)pause();
		_exit(0);
	}
}

static inline void
finish(void)
{
	int status;

	ck_assert_int_eq(waitpid(other, &status, WNOHANG), 0);	/* nobody has ended it */
	(void)kill(other, SIGKILL);
	(void)waitpid(other, &status, 0);
	tree_finish();
}

static inline void
configure(void)
{
	static char strict[] = "strict", type[] = "http-01", name[] = "a";

	challenge = (struct challenge_conf){ .type = type, .webroot = webroot };
	cert = (struct cert_conf){ .name = name, .challenges = { &challenge, 1 } };
	ca = (struct ca_conf){ .name = name };
	setup = (struct msg_setup){ .command = CMD_RENEW,
		.config = { .sandbox = strict, .state_dir = state, .cas = { &ca, 1 },
		.certs = { &cert, 1 } } };
}

#endif
