#include <string.h>

#include "base/text.h"
#include "hooks/release.h"

#define PART_MAX	1000	/* of a release's number */

/* Octets per process and profile, measured with 5.6.3 and qm: 16.1 to 16.8 KiB. */
#define LEAK_COST	((int64_t)33 * 512)

static int64_t
rd_part(struct rd *r)
{
	size_t n = 0;
	int64_t part;

	while (n < r->n && r->p[n] >= '0' && r->p[n] <= '9')
		n++;
	if (text_number(rd_bytes(r, n), &part) == -1)
		return -1;
	return part < PART_MAX ? part : PART_MAX - 1;
}

int64_t
release_of(const char *version)
{
	static const char name[] = "kamailio ";
	struct rd r = rd_of(span_str(version));
	int64_t part[3] = { 0, 0, 0 };
	size_t i;

	if (!span_starts(rd_rest(&r), name))
		return -1;
	r = rd_of(span_str(version + strlen(name)));
	for (i = 0; i < NITEMS(part); i++) {
		if ((part[i] = rd_part(&r)) == -1)
			return -1;
		if (r.n == 0 || r.p[0] != '.')
			break;
		(void)rd_u8(&r);
	}
	return RELEASE(part[0], part[1], part[2]);
}

bool
release_is_unsafe(int64_t release, int64_t mode)
{
	if (release == -1 || release < RELEASE(5, 7, 5))
		return release != -1;
	if (mode == -1)
		return release < RELEASE(6, 0, 0);
	return mode != 2;
}

bool
release_leaks(int64_t release, const char *allocator)
{
	if (release == -1 || (allocator != NULL && strcmp(allocator, "qm") != 0))
		return false;
	return release < RELEASE(5, 8, 8) ||
	    (release >= RELEASE(6, 0, 0) && release < RELEASE(6, 0, 6));
}

int64_t
release_leak(int64_t processes, int64_t profiles)
{
	return LEAK_COST * processes * profiles;
}

struct span
release_option(const struct span *args, size_t n, char letter)
{
	const char option[] = { '-', letter, '\0' };
	struct span found = SPAN_NONE;
	size_t i;

	for (i = 1; i < n; i++) {
		if (span_is(args[i], option) && i + 1 < n)
			found = args[++i];
		else if (span_starts(args[i], option) && args[i].n > 2)
			found = span_of(args[i].p + 2, args[i].n - 2);
	}
	return found;
}

/* "tls_threads_mode = 2", with blanks wherever they may be; -1 for any other line. */
static int64_t
mode_of(struct span line)
{
	static const char name[] = "tls_threads_mode";
	char text[64];
	size_t i, n = 0;
	int64_t mode;

	for (i = 0; i < line.n && line.p[i] != '#' && line.p[i] != ';' && n < sizeof(text) - 1; i++)
		if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')
			text[n++] = (char)line.p[i];
	text[n] = '\0';
	if (strncmp(text, name, strlen(name)) != 0 || text[strlen(name)] != '=' ||
	    text_number(span_str(text + strlen(name) + 1), &mode) == -1)
		return -1;
	return mode;
}

int64_t
release_threads_mode(struct span cfg)
{
	struct rd r = rd_of(cfg);
	int64_t mode, last = -1;
	struct span line;

	while (rd_line(&r, &line))
		if ((mode = mode_of(line)) != -1)
			last = mode;
	return last;
}
