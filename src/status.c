#include "status.h"

#include "due.h"
#include "keeper.h"
#include "keys.h"

/* A row that lends everything it shows. */
static void
fill(struct status *row, const struct job *j, const struct due *due)
{
	const struct manifest *m = &j->state.active;
	const struct record *r = &j->record;
	const struct record_result *last;

	row->version = j->state.version;
	row->issuer = m->issuer;
	row->serial = m->serial;
	row->key_type = m->key_type;
	row->not_before = m->not_before;
	row->not_after = m->not_after;
	row->due = due->at;
	row->why = (char *)(uintptr_t)due_why_text(due->why);
	row->held = (char *)(uintptr_t)(due->held == DUE_FREE ? "" : due_held_text(due->held));
	row->pending = j->state.pending == PENDING_NONE ? 0 : j->state.to;
	row->problem = j->state.problem;
	row->served = config_is_seen(j->conf) && r->unserved == NULL &&
	    journal_proves(&j->state.journal, j->state.version);
	if (config_is_seen(j->conf)) {
		row->unserved = r->unserved;
		row->unserved_since = r->unserved_since;
	}
	row->failures = record_failures(r);
	row->issued_by = m->ca;
	row->facts = r->facts;
	if (r->history.n == 0)
		return;
	last = (const struct record_result *)r->history.v + r->history.n - 1;
	row->last_when = last->when;
	row->last_outcome = last->outcome;
	row->last_step = last->step;
	row->last_text = last->text;
}

/* For DANE: of the key in service, and of the next one. */
struct tlsa {
	char	active[KEYS_TLSA_MAX];
	char	next[KEYS_TLSA_MAX];
};

static void
fill_leaves(struct status_leaf *rows, struct tlsa *texts, const struct job *j)
{
	const struct manifest *m = &j->state.active;

	for (size_t i = 0; i < m->leaves.n; i++) {
		const struct manifest_leaf *l = manifest_leaf(m, i);

		rows[i] = (struct status_leaf){ .key_type = l->key_type, .serial = l->serial,
			.issuer = l->issuer, .not_before = l->not_before,
			    .not_after = l->not_after };
		if (!j->conf->next_key)
			continue;
		keys_tlsa(j, i, texts[i].active, texts[i].next);
		rows[i].tlsa = texts[i].active[0] != '\0' ? texts[i].active : NULL;
		rows[i].next_tlsa = texts[i].next[0] != '\0' ? texts[i].next : NULL;
	}
}

void
status_send(const struct job *j, const struct due_facts *facts)
{
	struct status_leaf leaves[PART_MAX];
	struct tlsa tlsa[PART_MAX];
	struct status row = { .name = j->conf->name, .names = j->conf->names, .ca = j->ca->name,
		.ca_why = j->ca_why, .leaves = { leaves, j->state.active.leaves.n } };
	struct due due = due_of(facts);
	struct err e = ERR_NONE;

	fill(&row, j, &due);
	fill_leaves(leaves, tlsa, j);
	if (channel_send(j->keeper->starter, MSG_STATUS, 0, &row, -1, &e) == -1)
		log_warn(KV_S("cert", j->conf->name), KV_S("event", "row lost"),
		    KV_S("error", e.text));
}
