/*
 * durable: files, links and folders that are made, each called f, and what
 * else there is then. After fs.h, or what a test includes in its place.
 */
#ifndef KAMCERT_T_UNIT_DURABLE_H
#define KAMCERT_T_UNIT_DURABLE_H

#include <dirent.h>

#include "tree.h"

#define AS_WE	(uid_t)-1, (gid_t)-1

static const char text[] = "the text that is written";

/* Everything there was before an operation, or what it makes; nothing else. */
struct view {
	int	entries;
	int	temps;
};

static inline struct view
look(void)
{
	struct view v = { 0, 0 };
	const struct dirent *d;
	DIR *dir = opendir(top);

	ck_assert_ptr_nonnull(dir);
	while ((d = readdir(dir)) != NULL) {
		v.entries++;
		if (strncmp(d->d_name, FS_TEMP, strlen(FS_TEMP)) == 0)
			v.temps++;
	}
	ck_assert_int_eq(closedir(dir), 0);
	return v;
}

static inline int
do_create(void)
{
	return fs_create(at, "f", (struct fs_mode){ 0640, AS_WE }, span_str(text), &e);
}

static inline int
do_replace(void)
{
	return fs_replace(at, "f", (struct fs_mode){ 0640, AS_WE }, span_str(text), &e);
}

static inline int
do_make_dir(void)
{
	int fd, rc = fs_make_dir(at, "f", (struct fs_mode){ 0750, AS_WE }, &fd, &e);

	ck_assert_int_eq(rc == 0, fd != -1);
	fs_close(&fd);
	return rc;
}

static inline void
prepare_file(void)
{
	tree_file("f", "old");
}

#endif
