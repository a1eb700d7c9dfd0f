/*
 * turn: which of the tasks that share a session may go on at a moment.
 *
 * Orders are placed while no authorization is fetched, and the other way
 * round. Servers that keep both in one store look through all authorizations
 * for one that can be used again while an order is made; Pebble's takes its
 * locks in the other order when one is fetched, and with hundreds of requests
 * at a time stands still for good. It costs an order one round trip at most.
 *
 * So many signed requests are under way at a time as keep a CA busy. Each more
 * would cost a request for the nonce that it needs.
 */
#include "private.h"

#define PATIENCE	5	/* seconds: one request that hangs does not hold up all others */
#define NONCES		16u	/* in the pool, or on the way to it */

/* Those who have it move on, or the task has waited long enough for that. */
static bool
may_have(struct acme_task *t, bool free, const struct acme_crowd *others)
{
	if (!free && t->blocked_at == 0)
		t->blocked_at = t->now;
	return free || (t->now - t->blocked_at >= PATIENCE && t->now - others->left_at >= PATIENCE);
}

static void
enter(struct acme_task *t, struct acme_crowd *c)
{
	t->blocked_at = 0;
	c->n++;
}

static void
leave(struct acme_task *t, struct acme_crowd *c)
{
	c->n--;
	if (t->now > c->left_at)
		c->left_at = t->now;
}

bool
acme_turn_take(struct acme_task *t)
{
	const struct acme_crowd *others;

	if (t->turn != TURN_NONE || t->step->turn == TURN_NONE)
		return true;
	others = &t->s->turns[t->step->turn == TURN_PLACE ? TURN_FETCH : TURN_PLACE];
	if (!may_have(t, others->n == 0, others))
		return false;
	t->turn = t->step->turn;
	enter(t, &t->s->turns[t->turn]);
	return true;
}

static bool
has_nonce(const struct acme_session *s)
{
	return s->nonces.n > 0 || s->signers.n < NONCES;
}

bool
acme_nonce_turn(struct acme_task *t)
{
	if (t->signer)
		return true;
	if (!may_have(t, has_nonce(t->s), &t->s->signers))
		return false;
	t->signer = true;
	enter(t, &t->s->signers);
	return true;
}

void
acme_turn_give(struct acme_task *t)
{
	if (t->signer) {
		t->signer = false;
		leave(t, &t->s->signers);
		t->s->opened = true;
	}
	if (t->turn == TURN_NONE)
		return;
	leave(t, &t->s->turns[t->turn]);
	if (t->s->turns[t->turn].n == 0)
		t->s->opened = true;
	t->turn = TURN_NONE;
}

bool
acme_task_is_blocked(const struct acme_task *t)
{
	return t->phase == PHASE_BLOCKED || (t->phase == PHASE_DRY && has_nonce(t->s));
}

bool
acme_session_opened(struct acme_session *s)
{
	bool opened = s->opened;

	s->opened = false;
	return opened;
}
