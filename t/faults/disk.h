/*
 * disk: file systems of the test's own, which can lose their power. They are
 * mounted in a mount namespace that ends with the program, so that nothing is
 * left of them however it ends. Needs root, and loop devices for all but tmpfs.
 */
#ifndef KAMCERT_T_FAULTS_DISK_H
#define KAMCERT_T_FAULTS_DISK_H

#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "works.h"

/* Hidden by a tmpfs, in this program's namespace only. */
#define DISK_PLACE	"/mnt"

/* The same number and flag for ext4 and XFS: EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN. */
#define DISK_GOINGDOWN	_IOR('X', 125, uint32_t)
#define DISK_NOLOGFLUSH	2u

#define DISK_SKIPPED	77

/* What exists of a disk while a test runs: tree.h's `top` is where it is mounted. */
#define KEPT	"../kept.img"	/* as the work finds it */
#define LIVE	"../live.img"	/* the one that is mounted */
#define LEFT	"../left.img"	/* what a live one had written when its power went */

/* A namespace of our own; false if there can be none, with errno. Finds mkfs, too. */
static inline bool
disk_begin(void)
{
	return setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) == 0 &&
	    unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", DISK_PLACE, "tmpfs", 0, "size=1g,mode=755") == 0;
}

/* A folder that a disk can be mounted on, and becomes the tree. */
static inline void
disk_start(void)
{
	size_t len;

	tree_start_in(DISK_PLACE);
	tree_dir("disk", 0755);
	(void)close(at);
	at = -1;
	len = strlen(top);
	(void)snprintf(top + len, sizeof(top) - len, "/disk");
	rights = (struct install_rights){ .uid = -1, .gid = -1 };
}

/* Runs a program that is to say nothing but errors; its status, 127 if there is none. */
static inline int
disk_run(const char *const argv[])
{
	pid_t pid = fork();
	int status = 0;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
		(void)execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void
disk_copy(const char *from, const char *to)
{
	const char *const argv[] = { "cp", "--sparse=always", "--remove-destination", "--",
		tree_path(from), tree_path(to), NULL };

	ck_assert_int_eq(disk_run(argv), 0);
}

/* The live image as a block device, in dev; its descriptor, or -1. It ends with its last user. */
static inline int
disk_loop(char *dev, size_t size)
{
	struct loop_config conf = { .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int image = open(tree_path(LIVE), O_RDWR | O_CLOEXEC), fd = -1, nr, number;
	bool again = control != -1 && image != -1;

	conf.fd = (uint32_t)image;
	for (int i = 0; again && i < 20; i++) {
		/* Somebody else may take the one that was free. */
		if ((nr = ioctl(control, LOOP_CTL_GET_FREE)) == -1)
			break;
		(void)snprintf(dev, size, "/dev/loop%d", nr);
		if ((fd = open(dev, O_RDWR | O_CLOEXEC)) == -1)
			break;
		if (ioctl(fd, LOOP_CONFIGURE, &conf) == 0)
			break;
		again = errno == EBUSY;
		number = errno;
		(void)close(fd);
		errno = number;
		fd = -1;
	}
	number = errno;
	(void)close(image);
	(void)close(control);
	errno = number;
	return fd;
}

/* The tree of what was mounted; disk_off() closes it. */
static inline void
disk_open(void)
{
	at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(at, 0);
	open_before = count_open();
}

/* Mounts the live image, and opens the tree; false with errno. */
static inline bool
disk_on(const char *type)
{
	char dev[32];
	int loop = disk_loop(dev, sizeof(dev)), rc, number;

	if (loop == -1)
		return false;
	rc = mount(dev, top, type, MS_NOATIME, NULL);
	number = errno;
	(void)close(loop);
	errno = number;
	if (rc == -1)
		return false;
	disk_open();
	return true;
}

static inline void
disk_off(void)
{
	close_all();
	ck_assert_int_eq(count_open(), open_before);
	(void)close(at);
	at = -1;
	ck_assert_msg(umount(top) == 0, "umount: %s", strerror(errno));
}

#endif
