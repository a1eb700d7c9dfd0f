/*
 * check_power: the power goes at each system call of an installation (over a
 * version, the first one, of a pair of keys), of a way back and of a clean-up,
 * on real file systems, with and without somebody else's fsync just before
 * (FAULTS F06, F07, V1); then one more run.
 *
 * ext4 and XFS are shut down without a flush of their logs. btrfs cannot be:
 * what it had written is copied while it is mounted.
 */
#include "../unit/suite.h"
#include "disk.h"
#include "killer.h"

static const struct disk {
	const char	*type;
	off_t		 size;
	const char	*const mkfs[6];	/* then the image */
	bool		 shuts;
	int		 step;		/* 2: every second call with a sync, the others without */
} disks[] = {
	{ "ext4", 64 << 20, { "mkfs.ext4", "-q", "-F" }, true, 1 },
	{ "xfs", 300 << 20, { "mkfs.xfs", "-q", "-f" }, true, 2 },	/* no smaller ones */
	{ "btrfs", 128 << 20, { "mkfs.btrfs", "-q", "-f" }, false, 2 },
};

static const struct {
	const char	*what;
	void		(*work)(void *);
	int64_t		 before, after;	/* active version */
	int		 points;	/* at least so many calls */
	int		 every;		/* of these, the power goes at each, or at each third */
} works[] = {
	{ "install", work_install, 1, 2, 40, 1 },
	{ "way back", work_back, 2, 1, 15, 1 },
	{ "clean-up", work_prune, 7, 7, 5, 1 },
	{ "first install", work_install, 0, 1, 40, 3 },
	{ "pair", work_pair, 1, 2, 55, 3 },
};

/* An empty image that can be mounted; false, with a word, where this machine has none. */
static bool
make_disk(const struct disk *d)
{
	const char *argv[NITEMS(d->mkfs) + 2] = { NULL };
	size_t n = 0;
	int fd = open(tree_path(LIVE), O_RDWR | O_CREAT | O_CLOEXEC, 0600), rc;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, d->size), 0);
	(void)close(fd);
	for (; d->mkfs[n] != NULL; n++)
		argv[n] = d->mkfs[n];
	argv[n] = tree_path(LIVE);
	if ((rc = disk_run(argv)) != 0) {
		/* a machine may lack a file system, but CI no program */
		ck_assert_msg(rc != 127 || (getenv("CI") == NULL && getenv("KAMCERT_CI") == NULL),
		    "%s is missing; etc/setup installs it", argv[0]);
		fprintf(stderr, "check_power: %s is left out: %s ends with %d\n", d->type,
		    argv[0], rc);
		return false;
	}
	if (!disk_on(d->type)) {
		fprintf(stderr, "check_power: %s is left out: cannot be mounted: %s\n", d->type,
		    strerror(errno));
		return false;
	}
	return true;
}

/* What the work finds, on disk. */
static void
prepare(size_t w)
{
	tree_file("other", "");
	open_all();
	if (works[w].before > 0)
		deploy(stage(&one));
	prepare_for(works[w].work);
	disk_off();
	disk_copy(LIVE, KEPT);
}

/* Somebody's file gets on disk, and with it what the journal of the file system holds. */
static void
sync_other(void)
{
	int fd = openat(at, "other", O_WRONLY | O_APPEND | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(fsync(fd), 0);
	ck_assert_int_eq(close(fd), 0);
}

/* From here on nothing that is not on disk gets there. The work stands still, or has ended. */
static void
cut(const struct disk *d, pid_t pid)
{
	uint32_t how = DISK_NOLOGFLUSH;

	if (!d->shuts)
		disk_copy(LIVE, LEFT);
	else
		ck_assert_msg(ioctl(at, DISK_GOINGDOWN, &how) == 0, "%s: cannot be shut down: %s",
		    d->type, strerror(errno));
	if (pid != 0)
		killer_end(pid);
	disk_off();
	if (!d->shuts)
		ck_assert_int_eq(rename(tree_path(LEFT), tree_path(LIVE)), 0);
	ck_assert_msg(disk_on(d->type), "%s: not mounted again: %s", d->type, strerror(errno));
}

/* After the power came back. */
static void
judge(const char *where, size_t w, bool ended)
{
	ck_assert_msg(current_fits() || (works[w].before == 0 && link_text()[0] == '\0'),
	    "%s: current leads to %s", where, link_text());
	open_all();
	look();
	ck_assert_msg(state.version == works[w].after ||
	    (!ended && state.version == works[w].before), "%s: current leads to %s", where,
	    link_text());
	close_all();
	recover_well(where);
}

START_TEST(after_a_power_cut_at_any_call_a_run_ends_it)
{
	const struct disk *d = &disks[(size_t)_i / 2 / NITEMS(works)];
	size_t w = (size_t)_i / 2 % NITEMS(works);
	bool synced = _i % 2 != 0, ended = false;
	int points = 0, step = d->step * works[w].every;
	char where[128];
	pid_t pid;

	if (!make_disk(d))
		return;
	if (works[w].work == work_pair)
		buy(&other, "rsa-2048", NOW - HOUR, NOW + 60 * DAY);
	prepare(w);
	for (int n = synced ? step : 1; !ended; n += step, points++) {
		disk_copy(KEPT, LIVE);
		ck_assert(disk_on(d->type));
		pid = stop_at(n, works[w].work, NULL);
		ended = pid == 0;
		if (synced)
			sync_other();
		(void)snprintf(where, sizeof(where), "%s, %s%s, call %d%s", d->type, works[w].what,
		    synced ? " and a sync" : "", n, ended ? " (ended)" : "");
		cut(d, pid);
		judge(where, w, ended);
		disk_off();
	}
	sell(&other);
	ck_assert_int_ge(points * step, works[w].points);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("power");
	TCase *t = tcase_create("power");

	if (!disk_begin() || access("/dev/loop-control", R_OK | W_OK) == -1) {
		fprintf(stderr, "check_power: skipped: no image can be mounted here: %s\n",
		    strerror(errno));
		return DISK_SKIPPED;
	}
	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, disk_start, NULL);
	tcase_set_timeout(t, 240);
	tcase_add_loop_test(t, after_a_power_cut_at_any_call_a_run_ends_it, 0,
	    (int)(2 * NITEMS(works) * NITEMS(disks)));
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
