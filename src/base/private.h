/*
 * private: what the files of base share and nobody else sees.
 */
#ifndef KAMCERT_BASE_PRIVATE_H
#define KAMCERT_BASE_PRIVATE_H

#include <sys/types.h>

#include "bytes.h"
#include "err.h"

/*
 * The first character of in and its length in octets; 0 when it is no
 * well-formed UTF-8 (RFC 3629 section 4) or in is empty.
 */
size_t	utf8_first(struct span in, uint32_t *cp);

/*
 * Characters that act upon a terminal or a reader of logs instead of being
 * seen: controls, line and paragraph breaks, direction marks, zero widths.
 */
bool	utf8_acts(uint32_t cp);

/* --- fs.c and access.c --- */

/*
 * The error for errno after a call that should have done `verb` to name in at:
 * "cannot VERB NAME: ...". -1.
 */
int	fs_fail(struct err *e, int at, const char *name, const char *verb);

/* HOLD unless name is one component. */
MUST_CHECK int	fs_check_name(const char *name, struct err *e);

/*
 * HOLD if name is there and is not of this kind (S_IF...), or is a regular file
 * with several names.
 */
MUST_CHECK int	fs_expect(int at, const char *name, mode_t type, bool *found, struct err *e);
MUST_CHECK int	fs_expect_fd(int fd, const char *name, mode_t type, struct err *e);

/*
 * HOLD if the folder's owner is none of root, us and uid, or if others than the
 * owner write beyond mode.
 */
MUST_CHECK int	fs_check_dir(int fd, const char *name, uid_t uid, mode_t mode, struct err *e);

/* openat() without links and inheritance, again after EINTR. -1 and errno. */
MUST_CHECK int	fs_openat(int at, const char *name, int flags, mode_t mode);

#endif
