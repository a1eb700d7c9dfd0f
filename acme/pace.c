/*
 * pace: when to look at what the CA works on, where the CA does not say.
 *
 * What one task of a session finds, the others go by. A first look is neither
 * early nor late: it comes when others were done. And as many look at a time
 * as found something: a CA that is slow because much is in its hands is not
 * asked for all of it again and again.
 */
#include "private.h"

#define FIRST_LOOK_MS	10	/* a CA on the same machine is done by then */
#define LAST_LOOK_MS	1000	/* a first look is never later */
#define SLOW_LOOK_MS	12000	/* between looks, after the table */
#define FEW_LOOKS	4u	/* at a time, while nothing was found done */
#define MANY_LOOKS	256u
#define HOLD_MS		10	/* at least, until it is tried again */
#define LONG_HOLD_MS	5000	/* looks that hang do not hold up the others */

void
acme_pace_init(struct acme_pace *p)
{
	*p = (struct acme_pace){ .first_ms = FIRST_LOOK_MS, .window = FEW_LOOKS };
}

int64_t
acme_pace_next_ms(const struct acme_pace *p, int64_t waited_ms)
{
	static const int64_t looks[] = { 10, 25, 60, 140, 280, 500, 900, 1600, 2800, 5000, 9000 };

	if (waited_ms == 0)
		return p->first_ms;
	for (size_t i = 0; i < NITEMS(looks); i++)
		if (looks[i] * 5 >= waited_ms * 6)
			return looks[i] - waited_ms;
	return SLOW_LOOK_MS;
}

int64_t
acme_pace_hold_ms(const struct acme_pace *p, int64_t waited_ms)
{
	if (waited_ms < p->first_ms)
		return p->first_ms - waited_ms;
	if (p->looks < p->window || waited_ms >= LONG_HOLD_MS)
		return 0;
	return p->first_ms / 4 < HOLD_MS ? HOLD_MS : p->first_ms / 4;
}

static void
set_first(struct acme_pace *p, int64_t ms)
{
	p->first_ms = ms < FIRST_LOOK_MS ? FIRST_LOOK_MS : ms > LAST_LOOK_MS ? LAST_LOOK_MS : ms;
}

/* The window as in TCP's slow start; the time as what was seen says. */
void
acme_pace_saw(struct acme_pace *p, int64_t waited_ms, bool first, bool done)
{
	if (done && p->window < MANY_LOOKS)
		p->window++;
	else if (!done)
		p->window = p->window / 2 < FEW_LOOKS ? FEW_LOOKS : p->window / 2;
	if (first) {
		p->known = true;
		p->prompt = done;
	}
	if (first && done)
		set_first(p, p->first_ms - p->first_ms / 16);
	else if (first)
		set_first(p, waited_ms + waited_ms / 2 > p->first_ms ? waited_ms + waited_ms / 2 :
		    p->first_ms);
	else if (done)
		set_first(p, (3 * p->first_ms + waited_ms) / 4);
}
