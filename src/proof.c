#include "proof.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "instance.h"
#include "keeper.h"
#include "rollout.h"

static const struct hook_conf *
hook_of(const struct job *j)
{
	return (const struct hook_conf *)j->conf->hooks.v + j->hook;
}

/* --- what is wrong --- */

/* On the way back there is nothing better to go to. */
static bool
leads_back(const struct job *j, const char *check)
{
	return j->at == STEP_VERIFY && strs_has(&hook_of(j)->rollback_on, check);
}

static void
warn(struct job *j, const char *check, const struct err *e)
{
	struct job_server *s = &j->servers[j->hook];
	struct err told = *e;

	(void)err_in(&told, "%s", check);
	if (strs_has(&s->warnings, told.text))
		return;
	job_note(j, &told);
	if (strs_add(&s->warnings, told.text) == -1)
		log_warn(KV_S("cert", j->conf->name), KV_S("event", "warning not kept"));
}

void
proof_warn(struct job *j, const char *check, const char *fmt, ...)
{
	struct err e = ERR_NONE;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(e.text, sizeof e.text, fmt, ap);
	va_end(ap);
	warn(j, check, &e);
}

/* e says what was found: -1 if it leads back. */
static int
judge(struct job *j, const char *check, struct err *e)
{
	if (!leads_back(j, check)) {
		warn(j, check, e);
		err_clear(e);
		return 0;
	}
	(void)err_in(e, "%s", hook_of(j)->rpc != NULL ? hook_of(j)->rpc : hook_of(j)->type);
	return -1;
}

/* The verdicts that are not about the leaf. */
static const char *
check_of(int64_t verdict)
{
	return verdict == VERIFY_CHAIN ? CHECK_CHAIN : verdict == VERIFY_SILENT ? CHECK_SILENT :
	    NULL;
}

/* The worst that is not only to be warned of counts. */
int
proof_of_listeners(struct job *j, struct err *e)
{
	struct verify_out *out = &j->servers[j->hook].seen, rest = *out;
	const struct verify_seen *seen = out->seen.v;
	int64_t verdict;

	if (verify_judge(out, e) == 0)
		return 0;
	if (out->verdict <= VERIFY_NEW)
		return -1;
	for (verdict = out->verdict; verdict > VERIFY_NEW; verdict--) {
		bool found = false;

		for (size_t i = 0; i < out->seen.n; i++)
			found = found || seen[i].verdict == verdict;
		if (!found && verdict == out->verdict)
			return -1;	/* said by nobody: no result */
		rest.verdict = verdict;
		if (!found || verify_judge(&rest, e) == 0)
			continue;
		if (check_of(verdict) == NULL || j->at != STEP_VERIFY ||
		    leads_back(j, check_of(verdict)))
			return -1;
		warn(j, check_of(verdict), e);
	}
	err_clear(e);
	return 0;
}

/* --- what the server says of itself --- */

static bool
is_restarted(const struct hook_facts *before, const struct hook_facts *now)
{
	return before->pid != -1 && now->pid != -1 &&
	    (now->pid != before->pid || now->uptime < before->uptime);
}

void
proof_keep(struct job *j, struct msg_watched *m)
{
	struct job_server *s = &j->servers[j->hook];

	pack_clear(&hook_facts_pack, &s->now);
	pack_clear(&errlog_pack, &s->log);
	s->now = m->facts;
	s->log = m->log;
	memset(m, 0, sizeof *m);
	s->watched = true;
}

bool
proof_is_other(struct job *j, bool answered)
{
	struct job_server *s = &j->servers[j->hook];
	struct err e = ERR_NONE;
	struct instance *in = instance_of(j->keeper, hook_of(j), &e);
	bool other;

	if (hook_of(j)->verify.n == 0 || in == NULL)
		return false;
	if (!answered) {
		other = !s->mute;
		s->mute = true;
		return other;
	}
	if (!is_restarted(instance_process(in), &s->now) || s->pid == s->now.pid)
		return false;
	s->pid = s->now.pid;
	return true;
}

static int
judge_restart(struct job *j, const struct hook_facts *before, const struct hook_facts *now,
    struct err *e)
{
	if (!is_restarted(before, now))
		return 0;
	(void)err_set(e, OUT_HOLD, "the server was restarted: process %jd was up for %jd s, now "
	    "%jd for %jd s", (intmax_t)before->pid, (intmax_t)before->uptime, (intmax_t)now->pid,
	    (intmax_t)now->uptime);
	return judge(j, CHECK_RESTART, e);
}

/* By the list where it is known, else by the number alone. A restart that was meant keeps none. */
static int
judge_connections(struct job *j, const struct instance *in, const struct hook_facts *now,
    struct err *e)
{
	const struct hook_facts *before = instance_before(in);
	struct job_server *s = &j->servers[j->hook];
	int64_t *kept = j->watch_until != 0 ? &s->kept_later : &s->kept;
	int64_t had = before->ids_known ? (int64_t)(before->tls_ids.n / 4) : before->tls_open;

	*kept = 0;
	if (instance_process(in) != before)
		return 0;
	*kept = hook_survivors(before, now);
	if (*kept == -1)
		*kept = now->tls_open < had ? now->tls_open : had;
	if (had < 1 || *kept < 0 || *kept * 100 >= had * (100 - PROOF_LOST))
		return 0;
	(void)err_set(e, OUT_HOLD, "%jd of %jd TLS connections of before are left",
	    (intmax_t)*kept, (intmax_t)had);
	return judge(j, CHECK_CONNECTIONS, e);
}

static int
judge_memory(struct job *j, const struct instance *in, const struct hook_facts *now,
    struct err *e)
{
	if (instance_has_room(in, now, e))
		return 0;
	return judge(j, CHECK_MEMORY, e);
}

/*
 * Does this run ask a server for each key of a pair? One that has only the
 * other complains of us.
 */
static bool
asks_for_each_key(const struct keeper *k)
{
	for (size_t i = 0; i < k->njobs; i++)
		if (k->jobs[i]->state.active.leaves.n > 1 || config_parts(k->jobs[i]->conf) > 1)
			return true;
	return false;
}

static int
judge_log(struct job *j, const struct errlog *log, struct err *e)
{
	int64_t clients = log->client + (asks_for_each_key(j->keeper) ? 0 : log->key);

	if (log->problem != NULL)
		(void)err_set(e, OUT_HOLD, "%.600s", log->problem);
	else if (log->trouble + log->load + clients > 0)
		(void)err_set(e, OUT_HOLD, "its error log has %jd new lines of trouble, %jd of "
		    "files that were not loaded, %jd of clients: %.500s", (intmax_t)log->trouble,
		    (intmax_t)log->load, (intmax_t)clients, log->first != NULL ? log->first : "");
	else
		return 0;
	return judge(j, CHECK_LOG, e);
}

int
proof_judge(struct job *j, struct err *e)
{
	struct job_server *s = &j->servers[j->hook];
	struct instance *in = instance_of(j->keeper, hook_of(j), e);
	const struct hook_facts *process;

	if (in == NULL)
		return -1;
	process = instance_process(in);
	if (!s->watched)
		return 0;
	if (judge_restart(j, process, &s->now, e) == -1 ||
	    (!is_restarted(process, &s->now) && judge_connections(j, in, &s->now, e) == -1) ||
	    judge_memory(j, in, &s->now, e) == -1 || judge_log(j, &s->log, e) == -1)
		return -1;
	return 0;
}

/* --- the record --- */

/* In one word, what became of a server. */
static const char *
fate_of(const struct job_server *s, const struct instance *in)
{
	if (s->stuck)
		return "stuck";
	if (s->left)
		return "left";
	if (s->version != 0)
		return "proven";
	if (s->looked)
		return "failed";
	return instance_was_told(in) ? "told" : "not reached";
}

static void
put_listener(const struct verify_seen *seen, struct json_out *o)
{
	json_put_object(o, NULL);
	json_put_str(o, "listener", seen->listener);
	json_put_str(o, "name", seen->name);
	json_put_str(o, "key", seen->family);
	json_put_str(o, "verdict", verify_word(seen->verdict));
	json_put_int(o, "handshakes", seen->handshakes);
	json_put_int(o, "wanted", seen->wanted);
	json_put_str(o, "serial", seen->leaf.serial);
	json_put_str(o, "note", seen->note);
	json_object_end(o);
}

static void
put_watched(const struct job_server *s, const struct instance *in, struct json_out *o)
{
	json_put_bool(o, "restarted", is_restarted(instance_process(in), &s->now));
	json_put_int(o, "connections_proven", s->kept);
	json_put_int(o, "connections_later", s->kept_later);
	json_put_int(o, "shm_free_now", s->now.shm_free);
	if (!s->log.known && s->log.problem == NULL)
		return;
	json_put_object(o, "log");
	json_put_int(o, "trouble", s->log.trouble);
	json_put_int(o, "load", s->log.load);
	json_put_int(o, "client", s->log.client);
	json_put_int(o, "key", s->log.key);
	json_put_str(o, "first", s->log.first);
	json_put_str(o, "problem", s->log.problem);
	json_object_end(o);
}

static void
put_server(const struct job_server *s, const struct instance *in, struct json_out *o)
{
	const struct verify_seen *seen = s->seen.seen.v;
	size_t i;

	json_put_object(o, NULL);
	instance_put_proof(in, o);
	json_put_str(o, "fate", fate_of(s, in));
	json_put_int(o, "version", s->version);
	json_put_str(o, "why", s->why);
	if (s->watched)
		put_watched(s, in, o);
	json_put_array(o, "warnings");
	for (i = 0; i < s->warnings.n; i++)
		json_put_str(o, NULL, s->warnings.v[i]);
	json_array_end(o);
	if (s->looked) {
		json_put_str(o, "verdict", verify_word(s->seen.verdict));
		json_put_int(o, "rounds", s->seen.rounds);
		json_put_int(o, "verify_ms", s->seen.ms);
		json_put_array(o, "listeners");
		for (i = 0; i < s->seen.seen.n; i++)
			put_listener(&seen[i], o);
		json_array_end(o);
	}
	json_object_end(o);
}

static bool
has_something(const struct job *j)
{
	const struct hook_conf *h = j->conf->hooks.v;
	const struct instance *in;
	struct err e = ERR_NONE;
	size_t i;

	for (i = 0; i < j->conf->hooks.n; i++)
		if (j->servers[i].looked || j->servers[i].left ||
		    ((in = instance_of(j->keeper, &h[i], &e)) != NULL && instance_was_told(in)))
			return true;
	return false;
}

void
proof_put(const struct job *j, struct buf *b)
{
	const struct hook_conf *h = j->conf->hooks.v;
	const struct instance *in;
	struct err e = ERR_NONE;
	struct json_out o;
	size_t i;

	if (!has_something(j))
		return;
	json_begin(&o, b);
	json_put_object(&o, NULL);
	json_put_array(&o, "hooks");
	for (i = 0; i < j->conf->hooks.n; i++)
		if ((in = instance_of(j->keeper, &h[i], &e)) != NULL)
			put_server(&j->servers[i], in, &o);
	json_array_end(&o);
	json_object_end(&o);
}
