/*
 * listing: a folder as text, for tests that compare before and after. Behind
 * tree.h.
 */
#ifndef KAMCERT_T_UNIT_LISTING_H
#define KAMCERT_T_UNIT_LISTING_H

#include "base/bytes.h"
#include "tree.h"

#define LISTING_MAX	(1024 * 1024)

static struct buf listing;
static bool listing_exact;

static inline int
list_entry(const char *path, const struct stat *st, int type UNUSED, struct FTW *where)
{
	const char *rel = path + strlen(top);

	/* Whoever lists it, or takes the lock, touches these. */
	if (where->level == 0 || strcmp(rel, "/state/lock") == 0)
		return 0;
	buf_printf(&listing, "%s %06o", rel[0] == '/' ? rel + 1 : rel, (unsigned)st->st_mode);
	if (listing_exact)
		buf_printf(&listing, " %ju %jd %jd.%09ld %ju", (uintmax_t)st->st_ino,
		    (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		    (uintmax_t)st->st_nlink);
	buf_u8(&listing, '\n');
	return 0;
}

static inline int
by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted lines of path and mode, and with exact of all that a write would change. The caller's. */
static inline char *
list_tree(const char *name, bool exact)
{
	char path[PATH_MAX], *text, *lines[4096], *line, *save, *sorted;
	size_t n = 0, len;

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	buf_init(&listing, LISTING_MAX);
	listing_exact = exact;
	(void)nftw(path, list_entry, 16, FTW_PHYS);
	ck_assert(buf_ok(&listing));
	text = strdup(buf_cstr(&listing));
	ck_assert_ptr_nonnull(text);
	for (line = strtok_r(text, "\n", &save); line != NULL && n < NITEMS(lines);
	    line = strtok_r(NULL, "\n", &save))
		lines[n++] = line;
	qsort(lines, n, sizeof(*lines), by_line);
	len = listing.n + 1;
	ck_assert_ptr_nonnull(sorted = calloc(1, len));
	for (size_t i = 0; i < n; i++) {
		size_t at_end = strlen(sorted);

		(void)snprintf(sorted + at_end, len - at_end, "%s\n", lines[i]);
	}
	free(text);
	buf_clear(&listing);
	return sorted;
}

#endif
