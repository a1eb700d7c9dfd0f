/*
 * base: attributes and small macros that every file uses.
 */
#ifndef KAMCERT_BASE_BASE_H
#define KAMCERT_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK	__attribute__((warn_unused_result))
#define PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define UNUSED		__attribute__((unused))

#define NITEMS(a)	(sizeof(a) / sizeof((a)[0]))

#define MINUTE	((int64_t)60)
#define HOUR	((int64_t)3600)
#define DAY	((int64_t)86400)

#endif
