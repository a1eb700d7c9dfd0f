/*
 * hook "kamailio": what the server's command line (core.arg) says about it:
 * allocator, folders, and by the main configuration file its threads mode.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "hooks/private.h"
#include "hooks/release.h"

#define CONFIG_MAX	(1024 * 1024)	/* octets of the main configuration file */
#define CONFIG_DEFAULT	"/etc/kamailio/kamailio.cfg"	/* Debian's */

/* One that is hidden from us, or in pieces, says nothing. */
static int64_t
read_threads_mode(const char *path)
{
	struct err ignored = ERR_NONE;
	struct buf text;
	int64_t mode = -1;

	buf_init(&text, CONFIG_MAX);
	if (fs_read_path(path, CONFIG_MAX, &text, &ignored) == 0)
		mode = release_threads_mode(buf_span(&text));
	buf_clear(&text);
	return mode;
}

/* Keeps the folder of an absolute path. */
static int
find_config(struct span path, struct hook_facts *f, struct err *e)
{
	char *slash;

	if (!span_starts(path, "/"))
		return 0;
	if ((f->config_dir = span_dup(path)) == NULL)
		return err_nomem(e);
	if (!f->remote)
		f->threads_mode = read_threads_mode(f->config_dir);
	slash = strrchr(f->config_dir, '/');
	*(slash == f->config_dir ? slash + 1 : slash) = '\0';
	return 0;
}

int
arguments_judge(const struct span *args, size_t n, struct hook_facts *f, struct err *e)
{
	struct span config = release_option(args, n, 'f');
	struct span allocator = release_option(args, n, 'x');
	struct span work_dir = release_option(args, n, 'w');

	if (n > 0) {
		f->allocator = span_dup(allocator.n > 0 ? allocator : span_str("qm"));
		f->work_dir = span_dup(work_dir);
		if (f->allocator == NULL || f->work_dir == NULL)
			return err_nomem(e);
		if (find_config(config.n > 0 ? config : span_str(CONFIG_DEFAULT), f, e) == -1)
			return -1;
	}
	f->unsafe_reload = release_is_unsafe(f->release, f->threads_mode);
	f->leaks_memory = release_leaks(f->release, f->allocator);
	return 0;
}
