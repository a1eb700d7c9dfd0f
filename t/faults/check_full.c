/*
 * check_full: an installation on a file system that is really full, of octets
 * or of inodes, with any amount of room left for it, and one more run when
 * there is room again (FAULTS F02, V1, V4).
 */
#include "../unit/suite.h"
#include "disk.h"

#define PAGE	4096	/* what a tmpfs counts in */

static const struct {
	const char	*what, *options;
	bool		 inodes;
} limits[] = {
	{ "space", "size=4m,mode=755", false },
	{ "inodes", "nr_inodes=64,mode=755", true },
};

static void
fill_space(int room)
{
	static const char page[PAGE];
	int fd = openat(at, "fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), n = 0;

	ck_assert_int_ge(fd, 0);
	while (write(fd, page, sizeof(page)) == (ssize_t)sizeof(page))
		n++;
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(ftruncate(fd, (off_t)(n > room ? n - room : 0) * PAGE), 0);
	(void)close(fd);
}

static void
fill_inodes(int room)
{
	char name[32];
	int fd, n = 0;

	tree_dir("fill", 0700);
	do {
		(void)snprintf(name, sizeof(name), "fill/%d", n++);
		if ((fd = openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) != -1)
			(void)close(fd);
	} while (fd != -1);
	ck_assert_int_eq(errno, ENOSPC);
	for (n -= 2; n >= 0 && room > 0; n--, room--) {
		(void)snprintf(name, sizeof(name), "fill/%d", n);
		ck_assert_int_eq(unlinkat(at, name, 0), 0);
	}
}

/* All but so many pages or inodes. */
static void
fill(int limit, int room)
{
	if (limits[limit].inodes)
		fill_inodes(room);
	else
		fill_space(room);
}

/* A file system with one certificate that is active. */
static void
begin(int limit)
{
	ck_assert_int_eq(mount("tmpfs", top, "tmpfs", MS_NOATIME, limits[limit].options), 0);
	disk_open();
	open_all();
	deploy(stage(&one));
}

/* There is room again. */
static void
judge(const char *where)
{
	drop("fill");
	recover_well(where);
	ck_assert_msg(state.version > 0 && state.pending == PENDING_NONE,
	    "%s: then version %jd, pending %d", where, (intmax_t)state.version, state.pending);
}

START_TEST(on_a_full_disk_the_old_stays_until_there_is_room)
{
	int class = OUT_RETRY, room;
	char where[64];

	for (room = 0; class != OUT_OK; room++) {
		begin(_i);
		close_all();
		fill(_i, room);
		(void)snprintf(where, sizeof(where), "%s: room for %d", limits[_i].what, room);
		class = install_in_child(NULL, NULL);
		ck_assert_msg(class == OUT_RETRY || class == OUT_OK, "%s: class %d", where, class);
		ck_assert_msg(current_fits(), "%s: current leads to %s", where, link_text());
		ck_assert_msg(strcmp(link_text(), class == OUT_OK ? "versions/2" :
		    "versions/1") == 0, "%s: class %d, current leads to %s", where, class,
		    link_text());
		judge(where);
		deploy(stage(&two));
		disk_off();
	}
	/* With no room it failed, and a version is more than a few files. */
	ck_assert_int_gt(room, 5);
}
END_TEST

START_TEST(what_was_ordered_has_its_place_on_a_disk_that_gets_full)
{
	begin(_i);
	MUST(install_reserve(cert, 1, NULL, &e));
	fill(_i, 0);
	ck_assert_int_eq(stage(&two), 2);
	ck_assert_str_eq(link_text(), "versions/1");
	close_all();
	judge(limits[_i].what);
	/* That one, without another order. */
	ck_assert_int_eq(state.version, 2);
	disk_off();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("full");
	TCase *t = tcase_create("full");

	if (!disk_begin()) {
		fprintf(stderr, "check_full: skipped: no file system can be mounted here: %s\n",
		    strerror(errno));
		return DISK_SKIPPED;
	}
	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, disk_start, NULL);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, on_a_full_disk_the_old_stays_until_there_is_room, 0,
	    NITEMS(limits));
	tcase_add_loop_test(t, what_was_ordered_has_its_place_on_a_disk_that_gets_full, 0,
	    NITEMS(limits));
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
