/*
 * allocator: the n-th allocation fails, and what was allocated and not freed
 * is counted (FAULTS P07). For programs that are linked with --wrap for the
 * allocator; only what the thread that is armed does counts.
 */
#ifndef KAMCERT_T_FAULTS_ALLOCATOR_H
#define KAMCERT_T_FAULTS_ALLOCATOR_H

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local bool armed;	/* calls are counted, and one fails */

void	*__real_malloc(size_t);
void	*__real_calloc(size_t, size_t);
void	*__real_realloc(void *, size_t);
char	*__real_strdup(const char *);
void	 __real_free(void *);
void	*__wrap_malloc(size_t);
void	*__wrap_calloc(size_t, size_t);
void	*__wrap_realloc(void *, size_t);
char	*__wrap_strdup(const char *);
void	 __wrap_free(void *);

#define LIVE_MAX	32768	/* a power of two */
#define CALLS_MAX	4000

static int calls, fails_at;
static bool for_good;		/* so do all that follow */
static uintptr_t live[LIVE_MAX];	/* blocks that were made while armed */
static size_t nlive;
static size_t unwiped;			/* keys in blocks that were freed */

/* From here on. */
static inline void
allocator_reset(void)
{
	memset(live, 0, sizeof(live));
	nlive = 0;
	calls = 0;
}

static bool
must_fail(void)
{
	return armed && (++calls == fails_at || (for_good && fails_at > 0 && calls > fails_at));
}

static uintptr_t *
place_of(uintptr_t p)
{
	size_t i = (size_t)(p >> 4) & (LIVE_MAX - 1), n;

	for (n = 0; n < LIVE_MAX && live[i] != p && live[i] != 0; n++)
		i = (i + 1) & (LIVE_MAX - 1);
	return n < LIVE_MAX && live[i] == p ? &live[i] : NULL;
}

static void *
born(void *p)
{
	size_t i = (size_t)((uintptr_t)p >> 4) & (LIVE_MAX - 1);

	if (!armed || p == NULL)
		return p;
	while (live[i] > 1)
		i = (i + 1) & (LIVE_MAX - 1);
	live[i] = (uintptr_t)p;
	nlive++;
	return p;
}

/* 1 stays where a block was, as others may have been moved on by it. */
static void
buried(void *p)
{
	uintptr_t *place = p != NULL ? place_of((uintptr_t)p) : NULL;

	if (place == NULL)
		return;
	*place = 1;
	nlive--;
}

void *
__wrap_malloc(size_t n)
{
	return must_fail() ? NULL : born(__real_malloc(n));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : born(__real_calloc(n, size));
}

void *
__wrap_realloc(void *p, size_t n)
{
	if (must_fail())
		return NULL;
	buried(p);
	return born(__real_realloc(p, n));
}

char *
__wrap_strdup(const char *s)
{
	return must_fail() ? NULL : born(__real_strdup(s));
}

/* FAULTS S16: a key that was here is wiped before anybody else can be given its place. */
static void
look_for_keys(void *p)
{
	static const char mark[] = "PRIVATE KEY-----";

	if (armed && p != NULL && memmem(p, malloc_usable_size(p), mark, sizeof(mark) - 1) != NULL)
		unwiped++;
}

void
__wrap_free(void *p)
{
	look_for_keys(p);
	buried(p);
	__real_free(p);
}

#endif
