/*
 * tidy: what clang's analyzer must be told, for t/tidy only: it looks at one
 * file at a time, and cannot know that these always return -1.
 */
#ifndef KAMCERT_T_TIDY_H
#define KAMCERT_T_TIDY_H

#include "base/err.h"

#define err_set(...)	(err_set(__VA_ARGS__), -1)
#define err_sys(...)	(err_sys(__VA_ARGS__), -1)
#define err_nomem(...)	(err_nomem(__VA_ARGS__), -1)
#define err_in(...)	(err_in(__VA_ARGS__), -1)
#define err_hint(...)	(err_hint(__VA_ARGS__), -1)

#endif
