/*
 * turn: which of the tasks that share a session may go on at a moment.
 *
 * Orders are placed while no authorization is fetched, and the other way
 * round. Servers that keep both in one store look through all authorizations
 * for one that can be used again while an order is made; Pebble's takes its
 * locks in the other order when one is fetched, and with hundreds of requests
 * at a time stands still for good. It costs an order one round trip at most.
 */
#include "private.h"

#define PATIENCE	5	/* seconds: one request that hangs does not hold up all others */

static bool
is_free(const struct acme_session *s, enum acme_turn turn)
{
	return s->turns[turn == TURN_PLACE ? TURN_FETCH : TURN_PLACE] == 0;
}

bool
acme_turn_take(struct acme_task *t)
{
	if (t->turn != TURN_NONE || t->step->turn == TURN_NONE)
		return true;
	if (!is_free(t->s, t->step->turn)) {
		if (t->blocked_at == 0)
			t->blocked_at = t->now;
		if (t->now - t->blocked_at < PATIENCE)
			return false;
	}
	t->turn = t->step->turn;
	t->blocked_at = 0;
	t->s->turns[t->turn]++;
	return true;
}

void
acme_turn_give(struct acme_task *t)
{
	if (t->turn == TURN_NONE)
		return;
	if (--t->s->turns[t->turn] == 0)
		t->s->opened = true;
	t->turn = TURN_NONE;
}

bool
acme_task_is_blocked(const struct acme_task *t)
{
	return t->phase == PHASE_BLOCKED;
}

bool
acme_session_opened(struct acme_session *s)
{
	bool opened = s->opened;

	s->opened = false;
	return opened;
}
