#include "sandbox.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1	/* the leak checker attaches to its own process */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

static int
keep_memory_private(struct err *e)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct rlimit none = { 0, 0 };

	if (sigaction(SIGPIPE, &ignore, NULL) == -1)
		return err_sys(e, OUT_HOLD, "start: ignore SIGPIPE");
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

/* What is not here never reaches a library: no proxies, key logs, configuration or preload variables. */
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
	int fd;

	do	/* a file opened later must never become a standard stream */
		if ((fd = open("/dev/null", O_RDWR)) == -1)
			return err_sys(e, OUT_HOLD, "start: /dev/null");
	while (fd <= STDERR_FILENO);
	close(fd);
	if (clean_environment(e) == -1)
		return -1;
	return keep_memory_private(e);
}
