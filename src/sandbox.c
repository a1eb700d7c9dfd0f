#include "sandbox_parts.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool kills;

static int
keep_memory_private(struct err *e)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct rlimit none = { 0, 0 };

	/*
	 * what cannot be written, for want of a reader or beyond a limit of
	 * size, is an error in words
	 */
	if (sigaction(SIGPIPE, &ignore, NULL) == -1 || sigaction(SIGXFSZ, &ignore, NULL) == -1)
		return err_sys(e, OUT_HOLD, "start: ignore SIGPIPE and SIGXFSZ");
	if (setrlimit(RLIMIT_CORE, &none) == -1)
		return err_sys(e, OUT_HOLD, "start: no core dumps");
	if (!UNDER_SANITIZER && prctl(PR_SET_DUMPABLE, 0) == -1)
		return err_sys(e, OUT_HOLD, "start: not dumpable");
	umask(077);
	return 0;
}

int
sandbox_begin(struct err *e)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return err_sys(e, OUT_HOLD, "start: end with the parent");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_sys(e, OUT_HOLD, "start: no new privileges");
	return keep_memory_private(e);
}

/*
 * What is not here never reaches a library: no proxies, key logs, configuration
 * or preload variables.
 */
static const char *const allowed[] = {
	"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "COLUMNS", "TZ", "HOME", "USER", "LOGNAME",
	"JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
	"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY",
	"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
};

static int
clean_environment(struct err *e)
{
	char *kept[NITEMS(allowed)] = { NULL };
	size_t i, lost = 0;
	char *value;

	for (i = 0; i < NITEMS(allowed); i++)
		if ((value = getenv(allowed[i])) != NULL && (kept[i] = strdup(value)) == NULL)
			lost++;
	if (clearenv() != 0)
		lost++;
	for (i = 0; i < NITEMS(allowed); i++) {
		if (kept[i] != NULL)
			lost += setenv(allowed[i], kept[i], 1) == -1;
		free(kept[i]);
	}
	return lost == 0 ? 0 : err_nomem(e);
}

int
sandbox_begin_starter(struct err *e)
{
	const char *value;
	int fd;

	do	/* a file opened later must never become a standard stream */
		if ((fd = open("/dev/null", O_RDWR)) == -1)
			return err_sys(e, OUT_HOLD, "start: /dev/null");
	while (fd <= STDERR_FILENO);
	close(fd);
	value = getenv("KAMCERT_SANDBOX");
	kills = value != NULL && strcmp(value, "kill") == 0;
	if (clean_environment(e) == -1)
		return -1;
	return keep_memory_private(e);
}

bool
sandbox_kills(void)
{
	return kills;
}

/* --- the walls of a role --- */

/* rc of a wall that may be missing: told, and gone without, where the operator allows that. */
static int
judge(const struct walls *w, int rc, struct walled *out, struct err *e)
{
	if (rc == 0 || !w->best_effort)
		return rc;
	log_warn(KV_S("event", "no wall"), KV_S("error", e->text));
	if (strs_add(&out->missing, e->text) == -1)
		return err_nomem(e);
	err_clear(e);
	return 0;
}

/* A change of user takes some of it back. */
static int
stay_private(struct err *e)
{
	pid_t parent = getppid();

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return err_sys(e, OUT_HOLD, "end with the parent");
	if (getppid() != parent || parent == 1)
		return err_set(e, OUT_RETRY, "the starter has ended");
	return keep_memory_private(e);
}

static int
put_up(const struct walls *w, enum role role, struct walled *out, struct err *e)
{
	int fd = -1;

	rights_load_names();
	if (secret_open(&w->secrets, e) == -1 ||
	    judge(w, files_prepare(w, &out->landlock, &fd, e), out, e) == -1 ||
	    judge(w, rights_limit(role, w, e), out, e) == -1 ||
	    judge(w, rights_drop(w, out, e), out, e) == -1 ||
	    stay_private(e) == -1)
		goto out;
	out->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	if (fd != -1 && judge(w, files_restrict(fd, e), out, e) == -1)
		return -1;
	fd = -1;
	if (judge(w, calls_restrict(role, w, &out->calls, e), out, e) == -1)
		return -1;
	return 0;
out:
	if (fd != -1)
		close(fd);
	return -1;
}

int
sandbox_enter(const struct walls *w, unsigned role, struct walled *out, struct err *e)
{
	*out = (struct walled){ .uid = (int64_t)geteuid() };
	if (put_up(w, (enum role)role, out, e) == 0)
		return 0;
	(void)err_in(e, "sandbox");
	if (e->hint[0] == '\0')
		(void)err_hint(e, "if kamcert is to run without: sandbox = \"best-effort\"");
	return -1;
}
