/*
 * verifypeer: verify's own sources on a clock that rests move, and what is
 * asked of a server of tlspeer.
 */
#ifndef KAMCERT_T_UNIT_VERIFYPEER_H
#define KAMCERT_T_UNIT_VERIFYPEER_H

#include <check.h>
#include <signal.h>
#include <sys/time.h>

#include "visit.c"
#include "verify.c"

#include "tlspeer.h"

#define PEM_MAX		131072

/* --- a clock that rests move, and every look at it while the server hangs --- */

#define TICK_US		10000
#define STEP_MS		1000

static int64_t skew_ms, rests[32];
static size_t nrests;
static const struct tlspeer_tale *told;	/* by the server that runs */

static inline int64_t
skewed_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	if (told != NULL && told->hangs)
		skew_ms += STEP_MS;
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + skew_ms;
}

/* Makes who waits look at the clock. */
static inline void
on_tick(int signo UNUSED)
{
}

static inline void
note_rest(int64_t ms)
{
	if (ms == PACE_MS)
		return;
	skew_ms += ms;
	if (nrests < NITEMS(rests))
		rests[nrests++] = ms;
}

static inline void
setup(void)
{
	static const struct clock_source clock = { .boot_ms = skewed_ms };
	const struct itimerval ticks = { { 0, TICK_US }, { 0, TICK_US } };

	ck_assert_int_eq(sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL), 0);
	ck_assert_int_eq(sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_tick }, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &ticks, NULL), 0);
	clock_use(&clock);
	rest = note_rest;
	visit_ms = 60000;
	nrests = 0;
}

/* --- what is asked --- */

static inline void
start(struct tlspeer *sv, const struct tlspeer_script *s)
{
	tlspeer_start(sv, s);
	told = sv->tale;
}

static inline void
digest(struct testca_cert *c, struct buf *out)
{
	uint8_t d[SHA256_LEN];

	ck_assert_int_eq(sha256(testca_der(c), d), 0);
	buf_put(out, span_of(d, sizeof(d)));
}

static inline void
in_add(struct verify_in *in, const char *scheme, uint16_t port)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s:127.0.0.1:%u", scheme, port);
	ck_assert_int_eq(strs_add(&in->listeners, text), 0);
}

static inline void
in_init(struct verify_in *in, bool old_known)
{
	struct verify_leaf *l;
	struct buf b;

	memset(in, 0, sizeof(*in));
	ck_assert_ptr_nonnull(l = list_add(&in->leaves, sizeof(*l)));
	buf_init(&b, 1024);
	digest(tlspeer_leaf(NEW), &b);
	digest(tlspeer_issuer(), &b);
	ck_assert_int_eq(blob_set(&l->want, buf_span(&b)), 0);
	buf_reset(&b);
	digest(tlspeer_leaf(OLD), &b);
	if (old_known)
		ck_assert_int_eq(blob_set(&l->old, buf_span(&b)), 0);
	buf_clear(&b);
	ck_assert_int_eq(strs_add(&in->names, "sip.example.com"), 0);
	in->workers = 1;
}

#endif
