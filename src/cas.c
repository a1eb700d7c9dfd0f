/*
 * cas: see cas.h.
 */
#include "cas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "keeper.h"
#include "ledger.h"
#include "outlook.h"

#define WHY_MAX	1024	/* octets of why a CA is not asked */

/* What is remembered of a CA, read when it is first wanted. */
struct known_ca {
	struct known_ca		*next;
	const struct ca_conf	*conf;
	struct ledger		 ledger;
};

struct cas {
	struct known_ca	*known;
	struct budget	 all;
};

/* --- life --- */

/* A rehearsal neither asks the CA nor leaves a trace in the store. */
static bool
has_ledgers(const struct keeper *k)
{
	return k->store != NULL && !k->setup.dry_run;
}

static bool
any_is_bound(const struct keeper *k)
{
	const struct ca_conf *ca = k->setup.config.cas.v;

	for (size_t i = 0; i < k->setup.config.cas.n; i++)
		if (!outlook_is_local(ca[i].directory))
			return true;
	return false;
}

int
cas_begin(struct keeper *k, struct err *e)
{
	struct record_time now;

	if ((k->cas = calloc(1, sizeof *k->cas)) == NULL)
		return err_nomem(e);
	if (!has_ledgers(k) || !any_is_bound(k))
		return 0;
	record_now(&now);
	return record_gather(k->store, &now, &k->cas->all, e);
}

void
cas_free(struct keeper *k)
{
	struct known_ca *c;

	if (k->cas == NULL)
		return;
	while ((c = k->cas->known) != NULL) {
		k->cas->known = c->next;
		pack_clear(&ledger_pack, &c->ledger);
		free(c);
	}
	pack_clear(&budget_pack, &k->cas->all);
	free(k->cas);
	k->cas = NULL;
}

static struct known_ca *
known_of(struct keeper *k, const struct ca_conf *conf, struct err *e)
{
	struct record_time now;
	struct known_ca *c;

	for (c = k->cas->known; c != NULL; c = c->next)
		if (c->conf == conf)
			return c;
	if ((c = calloc(1, sizeof *c)) == NULL) {
		err_nomem(e);
		return NULL;
	}
	record_now(&now);
	/* unread, it would let a job ask a CA that wants to be left alone */
	if (has_ledgers(k) && ledger_load(k->store, conf->name, &now, &c->ledger, e) == -1) {
		free(c);
		return NULL;
	}
	c->conf = conf;
	c->next = k->cas->known;
	k->cas->known = c;
	return c;
}

/* --- choosing --- */

/* The facts of a certificate if this CA were asked. HOLD for its configuration. */
static int
facts_at(struct job *j, const struct ca_conf *ca, struct due_facts *f, struct err *e)
{
	struct known_ca *known = known_of(j->keeper, ca, e);
	struct outlook in = {
		.conf = j->conf,
		.ca = ca,
		.state = &j->state,
		.record = &j->record,
		.budget = &j->keeper->cas->all,
	};

	if (known == NULL)
		return -1;
	in.ledger = &known->ledger;
	if (outlook_facts(&in, f, e) == -1)
		return -1;
	f->scheduled = j->keeper->setup.scheduled;
	return 0;
}

/* From when on nothing keeps from asking the CA, whenever the certificate is due. */
static struct due
free_at(const struct job *j, const struct due_facts *facts)
{
	struct due_facts f = *facts;

	if (j->keeper->setup.force)
		f.elsewhere = 0;
	f.work = DUE_RENEW;
	f.changed = true;
	f.scheduled = false;
	f.nwindows = f.nothers = 0;
	return due_of(&f);
}

static void
add_why(char *why, const struct ca_conf *ca, const struct due *d)
{
	char when[TIME_TEXT];
	size_t n = strlen(why);

	snprintf(why + n, WHY_MAX - n, "%s%s is held back%s%s: %s", n > 0 ? "; " : "", ca->name,
	    d->at == DUE_NEVER ? "" : " until ",
	    d->at == DUE_NEVER ? "" : text_time(d->at, when), due_held_text(d->held));
}

/* The CA that an order is left over at, if it is one of the list. */
static const struct ca_conf *
left_over(struct job *j)
{
	struct store_order order = { 0 };
	const struct ca_conf *ca = NULL;
	struct err none = ERR_NONE;

	if (j->folder == NULL || install_order(j->folder, "", &order, &none) == -1)
		return NULL;
	if (strs_has(&j->conf->ca, order.ca))
		ca = config_ca(&j->keeper->setup.config, order.ca);
	pack_clear(&store_order_pack, &order);
	return ca;
}

/* The one that is free, or is so first. */
struct choice {
	const struct ca_conf	*ca;
	struct due_facts	 facts;
	int64_t			 at;
	char			 why[WHY_MAX];	/* the others before it */
};

/* 1 if this one is free, 0 if not. */
static int
weigh(struct job *j, const struct ca_conf *ca, struct choice *c, struct err *e)
{
	struct due_facts f;
	struct due d;

	if (facts_at(j, ca, &f, e) == -1)
		return -1;
	d = free_at(j, &f);
	if (c->ca == NULL || d.at < c->at) {
		c->ca = ca;
		c->facts = f;
		c->at = d.at;
	}
	if (d.at <= f.now)
		return 1;
	add_why(c->why, ca, &d);
	return 0;
}

int
cas_choose(struct job *j, struct due_facts *facts, struct err *e)
{
	const struct config *config = &j->keeper->setup.config;
	const struct strs *list = &j->conf->ca;
	const struct ca_conf *begun = list->n > 1 ? left_over(j) : NULL;
	struct choice c = { .ca = NULL };
	int found = begun != NULL ? weigh(j, begun, &c, e) : 0;

	c.why[0] = '\0';
	for (size_t i = 0; i < list->n && found == 0; i++)
		found = weigh(j, config_ca(config, list->v[i]), &c, e);
	if (found == -1)
		return -1;
	j->ca = c.ca;
	*facts = c.facts;
	free(j->ca_why);
	j->ca_why = NULL;
	if (c.ca != config_ca(config, list->v[0])) {
		if (c.ca == begun)
			snprintf(c.why, sizeof c.why, "an order is left over there");
		if ((j->ca_why = strdup(c.why)) == NULL)
			return err_nomem(e);
	}
	return 0;
}

const struct ca_conf *
cas_issuer(const struct job *j)
{
	return j->state.version == 0 || j->state.active.ca == NULL ? NULL :
	    config_ca(&j->keeper->setup.config, j->state.active.ca);
}

/* --- the budget --- */

static void
describe_order(const struct job *j, struct budget_order *order)
{
	order->ca = j->ca->name;
	order->names = &j->conf->names;
	order->second = j->nparts > 0;
	order->lifetime = j->state.version == 0 ? 0 :
	    j->state.active.not_after - j->state.active.not_before;
}

int
cas_spend(struct job *j, struct err *e)
{
	struct budget *all = &j->keeper->cas->all;
	struct budget_order order;
	struct record_time now;
	char when[TIME_TEXT];
	const char *why = "";
	int64_t until = 0;

	describe_order(j, &order);
	record_now(&now);
	if (!outlook_is_local(j->ca->directory))
		until = budget_until(all, &order, &now, &why);
	if (until <= now.wall && (until = cas_held_until(j->keeper, j->ca)) > now.wall)
		why = "it asked for no requests before";
	if (until > now.wall) {
		j->trouble = ACME_TROUBLE_RATE;
		err_set(e, OUT_RETRY, "%s: no order before %s: %s", j->ca->name,
		    text_time(until, when), why);
		e->retry_at = until;
		return -1;
	}
	if (budget_spend(&j->record.budget, &order, &now, e) == -1)
		return -1;
	if (budget_spend(all, &order, &now, e) == 0)
		return 0;
	budget_unspend(&j->record.budget, &order);
	return -1;
}

void
cas_unspend(struct job *j)
{
	struct budget_order order;

	describe_order(j, &order);
	budget_unspend(&j->record.budget, &order);
	budget_unspend(&j->keeper->cas->all, &order);
}

void
cas_refused(struct job *j)
{
	struct budget_order order;

	describe_order(j, &order);
	budget_refused(&j->record.budget, &order);
	budget_refused(&j->keeper->cas->all, &order);
}

void
cas_validation_failed(struct job *j)
{
	struct record_time now;
	struct err e = ERR_NONE;
	size_t i;

	record_now(&now);
	for (i = 0; i < j->conf->names.n; i++)
		if (budget_validation_failed(&j->record.budget, j->ca->name, j->conf->names.v[i],
		    &now, &e) == -1 || budget_validation_failed(&j->keeper->cas->all, j->ca->name,
		    j->conf->names.v[i], &now, &e) == -1)
			log_error(KV_S("cert", j->conf->name), KV_S("event", "not counted"),
			    KV_S("error", e.text));
}

/* --- what a CA said --- */

int64_t
cas_held_until(struct keeper *k, const struct ca_conf *ca)
{
	struct record_time now;
	struct err e = ERR_NONE;
	struct known_ca *c = known_of(k, ca, &e);

	record_now(&now);
	return c == NULL ? now.wall + MINUTE : ledger_until(&c->ledger, &now);
}

static void
save(struct keeper *k, struct known_ca *c)
{
	struct err e = ERR_NONE;

	if (ledger_save(k->store, c->conf->name, &c->ledger, &e) == -1)
		log_error(KV_S("ca", c->conf->name), KV_S("event", "ledger not saved"),
		    KV_S("error", e.text));
}

void
cas_note_failure(struct keeper *k, const struct ca_conf *ca, const struct err *why)
{
	struct record_time now;
	struct err e = ERR_NONE;
	struct known_ca *c;

	record_now(&now);
	if (why->retry_at <= now.wall || !has_ledgers(k) || (c = known_of(k, ca, &e)) == NULL)
		return;
	if (ledger_hold(&c->ledger, &now, why->retry_at, why->text, &e) == 0)
		save(k, c);
}

/* Written down when it is news; users are told by preflight. */
void
cas_note_clock(struct keeper *k, const struct ca_conf *ca, int64_t skew)
{
	struct record_time now;
	struct err e = ERR_NONE;
	struct known_ca *c;
	int64_t before, after;

	if ((c = known_of(k, ca, &e)) == NULL)
		return;
	record_now(&now);
	before = ledger_skew(&c->ledger, &now);
	ledger_compare(&c->ledger, &now, skew);
	after = ledger_skew(&c->ledger, &now);
	if (after - before < LEDGER_SKEW && before - after < LEDGER_SKEW)
		return;
	log_warn(KV_S("ca", ca->name), KV_S("event", "clocks differ"), KV_I("seconds", after));
	if (has_ledgers(k))
		save(k, c);
}

/* --- going on with another one --- */

bool
cas_is_to_blame(const struct job *j, const struct err *why)
{
	if (j->kind != JOB_ISSUE || j->keeper->stopping)
		return false;
	switch (j->at) {
	case STEP_ACCOUNT:
		return j->account != NULL;	/* else it was not got so far */
	case STEP_NAMES:
	case STEP_ORDER:
		return why->class == OUT_REFUSE ||
		    (j->trouble != ACME_TROUBLE_NONE && j->trouble != ACME_TROUBLE_VALIDATION);
	case STEP_CHAIN:
	case STEP_REHEARSE:
		return why->class == OUT_REFUSE;
	default:
		return false;
	}
}

const struct ca_conf *
cas_next(struct job *j, const struct err *why)
{
	const struct ca_conf *ca;
	struct due_facts f;
	struct err e = ERR_NONE;
	size_t i;

	if (j->given_up || !cas_is_to_blame(j, why))
		return NULL;
	for (i = 0; i < j->conf->ca.n; i++) {
		ca = config_ca(&j->keeper->setup.config, j->conf->ca.v[i]);
		if (ca == j->ca || strs_has(&j->tried, ca->name) ||
		    facts_at(j, ca, &f, &e) == -1 || !due_of(&f).urgent)
			continue;
		if (free_at(j, &f).at <= f.now)
			return ca;
	}
	return NULL;
}

static void
report_next(struct job *j, const struct ca_conf *next)
{
	struct report r = { .kind = REPORT_NOTE, .cert = j->conf->name, .ms = -1 };
	char text[512];

	r.step = (char *)(uintptr_t)job_step_name(j->at);
	r.text = text;
	snprintf(text, sizeof text, "%s failed, and no usable certificate is left for long: "
	    "going on with %s", j->ca->name, next->name);
	keeper_report(j->keeper, &r);
}

int
cas_take(struct job *j, const struct ca_conf *next, const struct err *why, struct err *e)
{
	struct record_time now;

	record_now(&now);
	j->err = *why;
	j->failed_at = j->at;
	j->blamed = true;
	if (strs_add(&j->tried, j->ca->name) == -1)
		return err_nomem(e);
	if (deploy_note(j, &now, e) == -1)
		return -1;
	report_next(j, next);
	j->ca = next;
	free(j->ca_why);
	j->ca_why = NULL;
	err_clear(&j->err);
	j->failed_at = STEP_RECORD;
	j->blamed = false;
	j->spent = false;
	j->trouble = ACME_TROUBLE_NONE;
	j->chain_asked = 0;
	job_forget_orders(j);
	return 0;
}
