#include "solve_program.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "dns.h"
#include "hooks/program.h"

#define VALUE_OCTETS	43	/* SHA-256 as base64url: RFC 8555 section 8.4 */
#define LIMIT		(2 * MINUTE)
#define INPUT_MAX	4096

struct solve_program {
	struct program		*program;
	struct strs		 argv;
	const char		*event;
	solve_program_done	*done;
	void			*arg;
};

static void
run_free(struct solve_program *run)
{
	strs_clear(&run->argv);
	free(run);
}

static bool
is_name(const char *s)
{
	return s != NULL && s[0] != '\0' && s[0] != '-' && s[0] != '.' &&
	    strlen(s) <= DNS_NAME_MAX &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == strlen(s);
}

static bool
is_value(const char *s)
{
	return s != NULL && strlen(s) == VALUE_OCTETS &&
	    strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
	    VALUE_OCTETS;
}

static void
on_end(void *arg, const struct program_result *r)
{
	struct solve_program *run = arg;
	struct err e = ERR_NONE;
	struct buf text;

	buf_init(&text, ERR_TEXT_MAX);
	if (!r->started || r->timed_out || !WIFEXITED(r->status) || WEXITSTATUS(r->status) != 0) {
		program_describe(r, &text);
		err_set(&e, r->timed_out ? OUT_RETRY : OUT_HOLD, "%s %s %s", run->argv.v[0],
		    run->event, buf_cstr(&text));
	}
	buf_clear(&text);
	run->done(run->arg, &e);
	run_free(run);
}

static void
put_input(const struct msg_record *m, const char *event, struct buf *b)
{
	struct json_out j;

	json_begin(&j, b);
	json_put_object(&j, NULL);
	json_put_str(&j, "event", event);
	json_put_str(&j, "name", m->name);
	json_put_str(&j, "domain", m->domain);
	json_put_str(&j, "value", m->value);
	json_object_end(&j);
	buf_u8(b, '\n');
}

/* As configured, then event, name and value. */
static int
put_arguments(const struct challenge_conf *conf, const struct msg_record *m,
    struct solve_program *run, struct err *e)
{
	size_t i;

	for (i = 0; i < conf->program.n; i++)
		if (strs_add(&run->argv, conf->program.v[i]) == -1)
			return err_nomem(e);
	if (strs_add(&run->argv, run->event) == -1 || strs_add(&run->argv, m->name) == -1 ||
	    strs_add(&run->argv, m->value) == -1)
		return err_nomem(e);
	return 0;
}

static int
start(struct loop *loop, const struct challenge_conf *conf, const struct msg_record *m,
    struct solve_program *run, struct err *e)
{
	struct program_in in = { .user = conf->user, .new_privileges = conf->new_privileges,
		.event = run->event, .timeout = LIMIT };
	struct buf input;
	int rc = -1;

	buf_init(&input, INPUT_MAX);
	put_input(m, run->event, &input);
	in.input = buf_span(&input);
	in.argv = &run->argv;
	if (!buf_ok(&input))
		err_nomem(e);
	else if (put_arguments(conf, m, run, e) == 0 &&
	    (run->program = program_start(loop, &in, on_end, run, e)) != NULL)
		rc = 0;
	buf_clear(&input);
	return rc;
}

struct solve_program *
solve_program_start(struct loop *loop, const struct challenge_conf *conf,
    const struct msg_record *m, solve_program_done *done, void *arg, struct err *e)
{
	struct solve_program *run = NULL;

	if (!is_name(m->name) || !is_name(m->domain) || !is_value(m->value))
		(void)err_set(e, OUT_HOLD, "dns-01: want a name and a digest for the program, "
		    "have something else");
	else if (conf->program.n == 0)
		(void)err_set(e, OUT_HOLD, "dns-01: the configuration has no program for it");
	else if ((run = calloc(1, sizeof *run)) == NULL)
		(void)err_nomem(e);
	if (run == NULL)
		return NULL;
	run->event = m->present ? "present" : "cleanup";
	run->done = done;
	run->arg = arg;
	if (start(loop, conf, m, run, e) == 0)
		return run;
	run_free(run);
	return NULL;
}

void
solve_program_stop(struct solve_program *run)
{
	if (run == NULL)
		return;
	program_stop(run->program);
	run_free(run);
}
