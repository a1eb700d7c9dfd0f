#include "notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"

#define TEXT_MAX_OCTETS	4096

/* A path, or with @ in front a name in the abstract space. */
static bool
find_socket(struct sockaddr_un *to, socklen_t *len)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path != NULL ? strlen(path) : 0;

	memset(to, 0, sizeof *to);
	to->sun_family = AF_UNIX;
	if (n < 2 || n >= sizeof to->sun_path || (path[0] != '/' && path[0] != '@'))
		return false;
	memcpy(to->sun_path, path, n);
	if (path[0] == '@')
		to->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

void
notify(const char *fmt, ...)
{
	char text[TEXT_MAX_OCTETS];
	struct sockaddr_un to;
	socklen_t len;
	va_list ap;
	int fd, n;

	if (!find_socket(&to, &len))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0 || (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	if (n >= (int)sizeof text)
		n = (int)sizeof text - 1;
	if (sendto(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
	    len) != n)
		log_debug(KV_S("event", "service manager not told"));
	close(fd);
}

void
notify_reloading(void)
{
	struct timespec now = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	notify("RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

/*
 * sd_watchdog_enabled(3): for this process, or for whoever is asked; half of
 * the time, as it says.
 */
int64_t
notify_watchdog_ms(void)
{
	const char *text = getenv("WATCHDOG_USEC"), *who = getenv("WATCHDOG_PID");
	int64_t usec, pid = getpid();

	if (text == NULL || text_number(span_str(text), &usec) == -1 ||
	    (who != NULL && text_number(span_str(who), &pid) == -1) || pid != getpid())
		return 0;
	return usec / 2000;
}
