#include "zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"

#define FOLDER		"/usr/share/zoneinfo/"
#define NAME_MAX_OCTETS	64
#define FILE_MAX	(256 * 1024)

/* No name leads out of the folder, or to what is no zone: tzfile(5). */
int
zone_check(const char *name, struct err *e)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
	char path[sizeof FOLDER + NAME_MAX_OCTETS];
	size_t n = strlen(name);
	struct buf file;
	int rc = 0;

	if (n == 0 || n >= NAME_MAX_OCTETS || strspn(name, allowed) != n || name[0] == '/')
		return err_set(e, OUT_HOLD, "want the name of a time zone such as Europe/Berlin, "
		    "have \"%.64s\"", name);
	(void)snprintf(path, sizeof path, FOLDER "%s", name);
	buf_init(&file, FILE_MAX);
	if (fs_read_path(path, FILE_MAX, &file, e) == -1)
		rc = err_in(e, "time zone \"%s\"", name);
	else if (!span_starts(buf_span(&file), "TZif"))
		rc = err_set(e, OUT_HOLD, "%s is no time zone", path);
	buf_clear(&file);
	return rc;
}

/* The C library knows one zone at a time. */
static void
enter(const char *name)
{
	static char now[NAME_MAX_OCTETS + 1], *before;
	static bool entered;
	char text[NAME_MAX_OCTETS + 2];
	const char *wanted = name != NULL ? name : "";

	if (entered && strcmp(now, wanted) == 0)
		return;
	if (!entered && getenv("TZ") != NULL)
		before = strdup(getenv("TZ"));
	entered = true;
	(void)snprintf(now, sizeof now, "%s", wanted);
	(void)snprintf(text, sizeof text, ":%s", wanted);
	if (name != NULL)
		(void)setenv("TZ", text, 1);
	else if (before != NULL)
		(void)setenv("TZ", before, 1);
	else
		(void)unsetenv("TZ");
	tzset();
}

int64_t
zone_offset(const void *name, int64_t when)
{
	time_t t = (time_t)when;
	struct tm local;

	enter(name);
	return localtime_r(&t, &local) != NULL ? local.tm_gmtoff : 0;
}
