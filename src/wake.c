#include "wake.h"

#include "base/clock.h"
#include "due.h"

#define WAIT_SHARE	10	/* of a wait: no start is put off by more */

static int64_t
ms(int64_t seconds)
{
	int64_t n;

	return __builtin_mul_overflow(seconds, 1000, &n) ? INT64_MAX : n;
}

/* Any second, and none that a CA sees more often than another. Short waits hardly change. */
static int64_t
spread_ms(int64_t wait, uint32_t random)
{
	int64_t width = wait / WAIT_SHARE < WAKE_SPREAD ? ms(wait) / WAIT_SHARE : ms(WAKE_SPREAD);

	return random % (width + 1);
}

/* Behind a run that led nowhere: something that should have been done is still to do. */
static int64_t
hold_ms(const struct wake_facts *f)
{
	if (f->outcome == OUT_BUSY)
		return ms(WAKE_BUSY);
	return ms(due_backoff(f->idle, OUT_RETRY, due_jitter(f->random)));
}

int64_t
wake_at_ms(const struct wake_facts *f)
{
	int64_t wait, at, hold;

	if (f->last_ms == 0)
		return f->boot_ms;
	if (__builtin_sub_overflow(f->next, f->wall, &wait) || wait > WAKE_LOOK)
		wait = f->next > f->wall ? WAKE_LOOK : 0;
	if (wait < 0 || f->outcome == OUT_BUSY)
		wait = 0;
	at = time_add(f->boot_ms, ms(wait) + spread_ms(wait, f->random));
	hold = time_add(f->last_ms, hold_ms(f));
	return at > hold ? at : hold;
}
