/*
 * starter_programs: the operator's programs that the starter runs for the
 * keeper: hooks, and those that put up and take down challenges.
 */
#include "starter_private.h"

#include <stdlib.h>
#include <string.h>

#include "hooks/program.h"
#include "solve_program.h"

/* A program that runs for the keeper. */
struct run {
	struct run		*next;
	struct starter		*starter;
	uint64_t		 id;
	const struct hook_conf	*conf;		/* NULL: of a challenge */
	struct program		*program;	/* of a hook */
	struct solve_program	*record;	/* of a challenge */
};

static void
note_run(struct run *run)
{
	run->next = run->starter->runs;
	run->starter->runs = run;
}

static void
forget_run(struct run *run)
{
	struct run **where;

	for (where = &run->starter->runs; *where != NULL; where = &(*where)->next)
		if (*where == run) {
			*where = run->next;
			break;
		}
	free(run);
}

void
starter_stop_runs(struct starter *s)
{
	while (s->runs != NULL) {
		program_stop(s->runs->program);
		solve_program_stop(s->runs->record);
		forget_run(s->runs);
	}
}

static void
on_program(void *arg, const struct program_result *result)
{
	struct run *run = arg;
	struct starter *s = run->starter;
	struct err e = ERR_NONE;

	if (s->keeper == NULL)
		;	/* nobody is left who would want to know */
	else if (program_verdict(run->conf, result, &e) == HOOK_OK)
		channel_done(s->keeper, run->id);
	else
		channel_fail(s->keeper, run->id, &e);
	forget_run(run);
}

static int
start_program(struct run *run, const struct hook_event *event, struct err *e)
{
	struct program_in in = {
		.argv = &run->conf->command,
		.user = run->conf->user,
		.new_privileges = run->conf->new_privileges,
		.event = strcmp(event->event, "rollback") == 0 ? "rollback" : "deploy",
		.timeout = run->conf->timeout,
	};
	struct buf input;
	int rc = -1;

	buf_init(&input, PROGRAM_INPUT_MAX);
	program_event(event, &input);
	in.input = buf_span(&input);
	if (!buf_ok(&input))
		err_nomem(e);
	else if ((run->program = program_start(run->starter->loop, &in, on_program, run,
	    e)) != NULL) {
		note_run(run);
		rc = 0;
	}
	buf_clear(&input);
	return rc;
}

/* Only programs of the configuration are run: the keeper says which, not what. */
void
starter_on_run(void *arg, struct message *m)
{
	struct starter *s = arg;
	const struct msg_run *body = m->body;
	const struct cert_conf *cert = body->cert == NULL ? NULL :
	    config_cert(&s->in->setup->config, body->cert);
	struct err e = ERR_NONE;
	struct run *run;

	if (cert == NULL || body->hook < 0 || (size_t)body->hook >= cert->hooks.n ||
	    body->event.event == NULL)
		err_set(&e, OUT_HOLD, "run: the configuration has no such hook");
	else if ((run = calloc(1, sizeof *run)) == NULL)
		err_nomem(&e);
	else {
		run->starter = s;
		run->id = m->id;
		run->conf = (const struct hook_conf *)cert->hooks.v + body->hook;
		if (start_program(run, &body->event, &e) == 0)
			return;
		free(run);
	}
	channel_fail(s->keeper, m->id, &e);
}

static void
on_record_done(void *arg, const struct err *why)
{
	struct run *run = arg;

	if (run->starter->keeper == NULL)
		;
	else if (why->class == OUT_OK)
		channel_done(run->starter->keeper, run->id);
	else
		channel_fail(run->starter->keeper, run->id, why);
	forget_run(run);
}

void
starter_on_record(void *arg, struct message *m)
{
	struct starter *s = arg;
	const struct msg_record *body = m->body;
	const struct cert_conf *cert = body->cert == NULL ? NULL :
	    config_cert(&s->in->setup->config, body->cert);
	struct err e = ERR_NONE;
	struct run *run;

	if (cert == NULL || body->challenge < 0 || (size_t)body->challenge >= cert->challenges.n)
		err_set(&e, OUT_HOLD, "record: the configuration has no such challenge");
	else if ((run = calloc(1, sizeof *run)) == NULL)
		err_nomem(&e);
	else {
		run->starter = s;
		run->id = m->id;
		run->record = solve_program_start(s->loop,
		    (const struct challenge_conf *)cert->challenges.v + body->challenge, body,
		    on_record_done, run, &e);
		if (run->record != NULL) {
			note_run(run);
			return;
		}
		free(run);
	}
	channel_fail(s->keeper, m->id, &e);
}

/* Is the program there? What is asked about need not be of the configuration: it is not run. */
void
starter_on_preflight(void *arg, struct message *m)
{
	struct starter *s = arg;
	const struct hook_conf *conf = m->body;
	const struct hook_type *type = conf->type != NULL ? hook_find(conf->type) : NULL;
	struct hook_facts facts;
	struct err e = ERR_NONE;

	hook_facts_init(&facts);
	if (type == NULL || !type->in_starter)
		err_set(&e, OUT_HOLD, "hook: no such type in this role");
	else if (type->preflight(conf, &facts, &e) == 0 &&
	    channel_send(s->keeper, MSG_FACTS, m->id, &facts, -1, &e) == 0)
		err_clear(&e);
	if (e.class != OUT_OK)
		channel_fail(s->keeper, m->id, &e);
	pack_clear(&hook_facts_pack, &facts);
}
