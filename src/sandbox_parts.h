/*
 * sandbox_parts: what the files of sandbox share.
 *
 *     sandbox.c          hygiene, the environment, the order of things
 *     sandbox_rights.c   user, groups, capabilities, limits
 *     sandbox_files.c    Landlock
 *     sandbox_calls.c    seccomp
 *     sandbox_secret.c   files that are opened before rights are given up
 */
#ifndef KAMCERT_SANDBOX_PARTS_H
#define KAMCERT_SANDBOX_PARTS_H

#include "role.h"
#include "sandbox.h"

/*
 * The leak checker attaches to its own process, maps far more than it uses, and
 * looks into /proc.
 */
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

/* Limits on memory, descriptors and processes; no right is needed for them. */
MUST_CHECK int	rights_limit(enum role, const struct walls *, struct err *e);

/* Has the C library load its name services: later nothing can be mapped to be run. */
void	rights_load_names(void);

/* User, groups, capabilities; what is left is looked at afterwards. */
MUST_CHECK int	rights_drop(const struct walls *, struct walled *out, struct err *e);

/*
 * The rules, made while everything can still be opened; *fd is -1 and the
 * error HOLD where the kernel has no Landlock of version 2 or newer.
 */
MUST_CHECK int	files_prepare(const struct walls *, int64_t *version, int *fd, struct err *e);
MUST_CHECK int	files_restrict(int fd, struct err *e);

MUST_CHECK int	calls_restrict(enum role, const struct walls *, bool *on, struct err *e);

/* One that is not there is for those to complain about who want to read it. */
MUST_CHECK int	secret_open(const struct strs *paths, struct err *e);

#endif
