/*
 * sandbox_secret: files of the operator's that only root may read, such as
 * the key of an external account binding: opened first, read later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "sandbox_parts.h"

struct secret {
	char	*path;
	int	 fd;
};

static struct list secrets;	/* struct secret; until the process ends */

int
secret_open(const struct strs *paths, struct err *e)
{
	struct secret *s;
	size_t i;
	int fd;

	for (i = 0; i < paths->n; i++) {
		fd = open(paths->v[i], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd == -1)
			continue;
		if ((s = list_add(&secrets, sizeof *s)) == NULL ||
		    (s->path = strdup(paths->v[i])) == NULL) {
			close(fd);
			return err_nomem(e);
		}
		s->fd = fd;
	}
	return 0;
}

int
sandbox_read(const char *path, size_t max, struct buf *out, struct err *e)
{
	const struct secret *s = secrets.v;
	size_t i;

	for (i = 0; i < secrets.n; i++)
		if (s[i].path != NULL && strcmp(s[i].path, path) == 0)
			return fs_read_fd(s[i].fd, path, max, out, e);
	return fs_read_path(path, max, out, e);
}
