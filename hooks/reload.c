/*
 * hook "kamailio": one tls.reload, and whether the server that answers
 * afterwards is the one that was asked. Sources: Kamailio's tls and ctl
 * modules, 5.0 to 6.2.
 */
#include <errno.h>
#include <unistd.h>

#include "hooks/ctl.h"
#include "hooks/private.h"

#define AGAIN_MS	1000	/* before the one repetition after a fault that may be spurious */
#define BACK_MS		500	/* between looks whether a server that went away is back */
#define BACK_TRIES	10

/* Replaceable, so that tests need not wait. */
static void (*rest)(int64_t) = wire_rest;

enum answer {
	LOADED,		/* it says so */
	TOO_SOON,	/* rpc_exec_delta: not now, nothing was done */
	NOT_PARSED,	/* the files, or a parser that remembers an earlier mistake */
	NOT_BUILT,	/* the files, or two OpenSSL calls that met in shared memory */
	REFUSED,	/* any other fault */
	NO_COMMAND,	/* no fault of the files: the module is not there */
	UNKNOWN,	/* nothing that can be trusted */
	NOT_ASKED,	/* no connection */
};

static const struct {
	const char	*text;	/* how a fault begins */
	enum answer	 answer;
} fault_texts[] = {
	{ "Command Executed Too Fast", TOO_SOON },
	{ "Error while loading TLS configuration", NOT_PARSED },
	{ "Error while fixing TLS configuration", NOT_BUILT },
	{ "command ", NO_COMMAND },	/* "command tls.reload not found" */
	{ "", REFUSED },
};

static const char reloaded[] = "Ok. TLS configuration reloaded.";

/* Only the words that say it are success: an empty or an unknown reply proves nothing. */
static enum answer
judge(const struct ctl *c, const struct binrpc_reply *r, struct err *e)
{
	struct span s = SPAN_NONE;
	size_t i = 0;

	if (!r->fault && binrpc_only_str(r, &s) && span_is(s, reloaded))
		return LOADED;
	if (!r->fault) {
		(void)err_set(e, OUT_RETRY, "%s: tls.reload: want \"%s\", have \"%.*s\"",
		    c->addr.text, reloaded, (int)(s.n < 300 ? s.n : 300), (const char *)s.p);
		return UNKNOWN;
	}
	(void)err_set(e, OUT_HOLD, "%s: tls.reload: fault %jd: %.*s", c->addr.text,
	    (intmax_t)r->code, (int)(r->text.n < 300 ? r->text.n : 300),
	    (const char *)r->text.p);
	while (!span_starts(r->text, fault_texts[i].text))
		i++;
	return fault_texts[i].answer;
}

/* One tls.reload on a connection of its own: what comes there can answer nothing else. */
static enum answer
ask_reload(const struct hook_conf *conf, struct err *e)
{
	enum answer answer = NOT_ASKED;
	struct binrpc_reply r;
	struct ctl c;

	if (ctl_open(&c, conf, hook_deadline_ms(conf), e) == 0)
		answer = ctl_call(&c, "tls.reload", NULL, &r, e) == 0 ? judge(&c, &r, e) : UNKNOWN;
	ctl_close(&c);
	return answer;
}

/* With the repetitions that are allowed: FAULTS K05 and K19. */
static enum answer
insist(const struct hook_conf *conf, struct err *e)
{
	static const int64_t soon_ms[] = { 10000, 30000, 60000 };
	size_t soon = 0;
	bool again = false;
	enum answer a;

	for (;;) {
		a = ask_reload(conf, e);
		/* It was asked before, and has gone away since. */
		if (a == NOT_ASKED && (again || soon > 0))
			return UNKNOWN;
		if (a == TOO_SOON && soon < NITEMS(soon_ms)) {
			rest(soon_ms[soon++]);
		} else if ((a == NOT_PARSED || a == NOT_BUILT) && !again) {
			again = true;
			rest(AGAIN_MS);
		} else {
			return a;
		}
	}
}

static enum hook_result
conclude(enum answer a, struct err *e)
{
	switch (a) {
	case LOADED:
		return HOOK_OK;
	case TOO_SOON:
		e->class = OUT_RETRY;
		return HOOK_LATER;
	case NO_COMMAND:
	case NOT_ASKED:
		return HOOK_FAILED;
	case NOT_PARSED:
		(void)err_hint(e, "if tls.cfg is right, an earlier mistake in it is remembered: "
		    "the process needs a restart; see Kamailio's log");
		return HOOK_REFUSED;
	case NOT_BUILT:
		(void)err_hint(e, "a file of some profile in tls.cfg does not load: "
		    "see Kamailio's log");
		return HOOK_REFUSED;
	case REFUSED:
		return HOOK_REFUSED;
	case UNKNOWN:
	default:
		return HOOK_UNKNOWN;
	}
}

/* The facts after a reload; a server that has just gone away is given some time to come back. */
static int
facts_after(const struct hook_conf *conf, bool gone, struct hook_facts *f, struct err *e)
{
	int tries = gone ? BACK_TRIES : 1;

	for (;;) {
		if (kamailio_facts(conf, f, e) == 0)
			return 0;
		/* One that hangs is not on its way back. */
		if (--tries == 0 || e->sys == ETIMEDOUT)
			return -1;
		pack_clear(&hook_facts_pack, f);
		rest(BACK_MS);
	}
}

/* A crash or a restart in between makes every answer worthless, a good one too. */
static bool
is_restarted(const struct hook_facts *before, const struct hook_facts *after)
{
	return after->pid != before->pid || after->uptime < before->uptime;
}

static enum hook_result
reload_locked(const struct hook_conf *conf, struct hook_facts *f, struct err *e)
{
	struct hook_facts before;
	enum hook_result result = HOOK_FAILED;
	enum answer a;
	struct err why = ERR_NONE;

	hook_facts_init(f);
	if (kamailio_facts(conf, &before, e) == -1)
		goto out;
	a = insist(conf, e);
	result = conclude(a, e);
	if (result == HOOK_FAILED || result == HOOK_LATER)
		goto out;
	if (facts_after(conf, a == UNKNOWN, f, &why) == -1) {
		if (a == LOADED)
			*e = why;
		(void)err_in(e, "afterwards the server does not answer");
		result = HOOK_UNKNOWN;
	} else if (is_restarted(&before, f)) {
		(void)err_set(e, OUT_RETRY, "the server was restarted during the reload: "
		    "process %jd was up for %jd s, now %jd for %jd s", (intmax_t)before.pid,
		    (intmax_t)before.uptime, (intmax_t)f->pid, (intmax_t)f->uptime);
		result = HOOK_UNKNOWN;
	}
out:
	pack_clear(&hook_facts_pack, &before);
	return result;
}

enum hook_result
kamailio_reload(const struct hook_conf *conf, const struct hook_event *event UNUSED,
    struct hook_facts *f, struct err *e)
{
	enum hook_result result;
	struct wire_addr a;
	int lock;

	hook_facts_init(f);
	if (ctl_addr(conf, &a, e) == -1)
		return HOOK_FAILED;
	if (ctl_lock(&a, hook_deadline_ms(conf), &lock, e) == -1)
		return HOOK_LATER;
	result = reload_locked(conf, f, e);
	(void)close(lock);
	return result;
}
