/*
 * fakes: starter, answer and control. Words of the trace: start:ROLE,
 * preflight, program, put, reload, back-reload, verify; and those of
 * fakes_net.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cert.h"
#include "chain.h"
#include "fakes_private.h"
#include "hooks/release.h"
#include "report.h"
#include "role.h"
#include "sandbox.h"
#include "status.h"
#include "tree.h"
#include "verify.h"

#define PATIENCE_MS	40000	/* no run takes as long */

struct script script;
struct seen seen;

static struct {
	struct loop	*loop;
	struct channel	*channels[ROLE_COUNT];	/* the starter's is ROLE_KEEPER */
	pid_t		 pid;
} run;

/* What each server has loaded: a digest of a leaf for each part of each certificate, none at first. */
static struct blob loaded[FAKE_SERVERS][FAKE_CERTS][PART_MAX];

const char *const fake_certs[FAKE_CERTS] = { "a.example.com", "b.example.com", "c.example.com" };

/* --- helpers --- */

const char *
fake_path(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "state%s%s", name[0] != '\0' ? "/" : "", name);
	return tree_path(path);
}

const char *
fake_roots(void)
{
	return tree_path("roots.pem");
}

const char *
fake_url(const char *path)
{
	static char urls[8][256];
	static unsigned next;
	char *url = urls[next++ % 8];

	snprintf(url, sizeof urls[0], "https://%s%s",
	    script.host != NULL ? script.host : FAKE_LOOPBACK, path);
	return url;
}

struct channel *
fake_channel(enum role r)
{
	return run.channels[r];
}

char *
fake_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

bool
fake_comes(const char *word)
{
	size_t n = strlen(seen.trace);

	if (seen.killed)
		return true;
	if (word != NULL)
		snprintf(seen.trace + n, sizeof seen.trace - n, "%s%s", n > 0 ? " " : "", word);
	seen.messages++;
	if (seen.messages == script.stop_at)
		fake_send(ROLE_KEEPER, MSG_STOP, 0, NULL);
	if (seen.messages != script.kill_at)
		return false;
	seen.killed = true;
	ck_assert_int_eq(kill(run.pid, SIGKILL), 0);
	return true;
}

void
fake_send(enum role r, enum message_type type, uint64_t id, const void *body)
{
	struct err why = ERR_NONE;

	if (run.channels[r] == NULL)
		return;
	ck_assert_msg(channel_send(run.channels[r], type, id, body, -1, &why) == 0, "%s", why.text);
}

void
fake_refuse(enum role r, uint64_t id, enum outcome class, const char *text)
{
	struct msg_error body = { .class = class, .text = fake_text(text) };

	fake_send(r, MSG_FAILED, id, &body);
}

void
fake_die(enum role r)
{
	struct err why = ERR_NONE;

	if (run.channels[r] == NULL)
		return;
	if (channel_flush(run.channels[r], 1000, &why) == -1)
		err_clear(&why);
	channel_free(run.channels[r]);
	run.channels[r] = NULL;
}

void
fake_ended(enum role r)
{
	channel_free(run.channels[r]);
	run.channels[r] = NULL;
}

static void
on_net_end(void *arg UNUSED, const struct err *why UNUSED)
{
	fake_ended(ROLE_NET);
}

static void
on_answer_end(void *arg UNUSED, const struct err *why UNUSED)
{
	fake_ended(ROLE_ANSWER);
}

static void
on_control_end(void *arg UNUSED, const struct err *why UNUSED)
{
	fake_ended(ROLE_CONTROL);
}

static void
on_starter_end(void *arg UNUSED, const struct err *why UNUSED)
{
	fake_ended(ROLE_KEEPER);
}

/* --- answer --- */

static void
on_put(void *arg UNUSED, struct message *m)
{
	const struct msg_put *body = m->body;

	fake_names_put(body);
	if (!fake_comes(strcmp(body->token, FAKE_TOKEN) == 0 ? "put" : NULL))
		fake_send(ROLE_ANSWER, MSG_DONE, m->id, NULL);
}

static void
on_drop(void *arg UNUSED, struct message *m UNUSED)
{
	seen.drops++;
	(void)fake_comes(NULL);
}

/* --- control, and the server behind it --- */

static size_t
cert_of(const char *name)
{
	for (size_t i = 0; i < FAKE_CERTS; i++)
		if (strcmp(fake_certs[i], name) == 0)
			return i;
	ck_abort_msg("there is no certificate %s", name);
}

/* Digest of the leaf that current leads to; false when there is none. */
static bool
read_leaf(size_t cert, size_t part, struct blob *digest)
{
	struct certs certs = { 0 };
	struct err why = ERR_NONE;
	char path[64];
	struct buf pem;
	bool found;

	buf_init(&pem, CHAIN_MAX);
	snprintf(path, sizeof path, "certs/%s/current/fullchain%s.pem", fake_certs[cert],
	    part == 0 ? "" : "-rsa");
	found = fs_read_path(fake_path(path), CHAIN_MAX, &pem, &why) == 0;
	if (found) {
		ck_assert_int_eq(chain_read(buf_span(&pem), &certs, &why), 0);
		ck_assert_int_eq(blob_set(digest,
		    blob_span(&((struct cert_facts *)certs.all.v)->sha256)), 0);
	}
	pack_clear(&certs_pack, &certs);
	buf_clear(&pem);
	return found;
}

bool
fake_is_served(size_t cert)
{
	struct blob now = { NULL, 0 };
	bool same = true;

	for (size_t i = 0; i < PART_MAX; i++) {
		bool there = read_leaf(cert, i, &now);

		for (size_t k = 0; k < (script.servers > 1 ? script.servers : 1); k++)
			same = same && (there ? span_eq(blob_span(&now),
			    blob_span(&loaded[k][cert][i])) : i > 0);
		blob_clear(&now);
	}
	return same;
}

void
fake_load(size_t server)
{
	for (size_t i = 0; i < FAKE_CERTS * PART_MAX; i++) {
		struct blob now = { NULL, 0 }, 
		    *has = &loaded[server][i / PART_MAX][i % PART_MAX];

		if (!read_leaf(i / PART_MAX, i % PART_MAX, &now))
			continue;
		fake_check_active(i / PART_MAX);
		blob_clear(has);
		*has = now;
	}
}

/* The digit in "unix:/run/kamailio/1" or "sips:1.example.com:5061". */
static size_t
server_of(const char *text)
{
	size_t n = (size_t)(text[strcspn(text, "0123456789")] - '0');

	ck_assert_uint_lt(n, FAKE_SERVERS);
	return n;
}

static const char *
word_of(const char *word, size_t server, char text[32])
{
	if (script.servers < 2)
		return word;
	snprintf(text, 32, "%s:%zu", word, server);
	return text;
}

int64_t
fake_pid(void)
{
	return 1000 + script.started;
}

static void
fake_say_facts(struct hook_facts *facts)
{
	facts->version = fake_text("kamailio 5.8.4");
	facts->tcp_children = 4;
	facts->pid = fake_pid();
	facts->uptime = 100;
	facts->tls_open = 200;
	facts->shm_free = (int64_t)64 * 1024 * 1024;
}

static void
on_preflight(void *arg UNUSED, struct message *m)
{
	struct hook_facts facts;

	if (fake_comes("preflight") || (script.liar != NULL && script.liar(m)))
		return;
	if (script.preflight != OUT_OK || fake_is_down()) {
		fake_refuse(ROLE_CONTROL, m->id, fake_is_down() ? OUT_RETRY : script.preflight, "the server is not ready");
		return;
	}
	hook_facts_init(&facts);
	fake_say_facts(&facts);
	facts.unsafe_reload = script.unsafe;
	if (script.unsafe)
		facts.release = RELEASE(5, 6, 3);
	if (script.tls_open != 0)
		facts.tls_open = script.tls_open;
	facts.tls_config = tree_path("tls.cfg");
	fake_send(ROLE_CONTROL, MSG_FACTS, m->id, &facts);
}

static void
on_reload(void *arg UNUSED, struct message *m)
{
	struct msg_reloaded out = { .error = { .class = OUT_HOLD, .text = fake_text("no") } };
	const struct msg_reload *body = m->body;
	unsigned n = seen.reloads++;
	enum fake_reload how = n < NITEMS(script.reload) ? script.reload[n] : RELOAD_OK;
	size_t server = server_of(body->hook.rpc);
	char word[32];

	if (fake_comes(word_of(strcmp(body->event.event, "deploy") == 0 ? "reload" :
	    "back-reload", server, word)) || (script.liar != NULL && script.liar(m)))
		return;
	if (how == RELOAD_DIES) {
		fake_die(ROLE_CONTROL);
		return;
	}
	if (how == RELOAD_OK || how == RELOAD_LOST)
		fake_load(server);
	if (how == RELOAD_LATER)
		out.error.class = OUT_RETRY;
	out.result = how == RELOAD_REFUSED ? HOOK_REFUSED : how == RELOAD_FAILED ? HOOK_FAILED :
	    how == RELOAD_LATER ? HOOK_LATER : how == RELOAD_LOST || how == RELOAD_LOST_OLD ? HOOK_UNKNOWN : HOOK_OK;
	hook_facts_init(&out.before);
	hook_facts_init(&out.after);
	fake_say_facts(&out.before);
	fake_say_facts(&out.after);
	out.after.shm_free -= script.cost;
	fake_send(ROLE_CONTROL, MSG_RELOADED, m->id, &out);
}

static void
on_watch(void *arg UNUSED, struct message *m)
{
	struct msg_watched out = { .log = { 0 } };
	unsigned n = seen.watches++;

	if (fake_comes(NULL) || (script.liar != NULL && script.liar(m)))
		return;
	hook_facts_init(&out.facts);
	fake_say_facts(&out.facts);
	if (fake_is_down() || (script.watched != NULL && !script.watched(&out, n)))
		fake_refuse(ROLE_CONTROL, m->id, OUT_RETRY, "nobody answers");
	else
		fake_send(ROLE_CONTROL, MSG_WATCHED, m->id, &out);
}

static int64_t
judge_leaf(const struct verify_leaf *leaf, const struct blob *has)
{
	struct span want = blob_span(&leaf->want);

	ck_assert_uint_ge(want.n, 2 * SHA256_LEN);	/* leaf and intermediate */
	want.n = SHA256_LEN;
	if (span_eq(want, blob_span(has)))
		return VERIFY_NEW;
	return has->n > 0 && span_eq(blob_span(&leaf->old), blob_span(has)) ? VERIFY_OLD :
	    VERIFY_OTHER;
}

static int64_t
judge(const struct verify_in *in)
{
	const struct verify_leaf *l = in->leaves.v;
	int64_t worst = VERIFY_NEW, one;

	for (size_t i = 0; i < in->leaves.n; i++)
		if ((one = judge_leaf(&l[i], &loaded[server_of(in->listeners.v[0])]
		    [cert_of(in->names.v[0])][i])) > worst)
			worst = one;
	return worst;
}

static void
on_verify(void *arg UNUSED, struct message *m)
{
	const struct verify_in *in = m->body;
	const struct verify_leaf *l = in->leaves.v;
	struct verify_seen rows[PART_MAX] = { { .name = NULL } };
	struct verify_out out = { .rounds = 1, .ms = 1, .seen = { rows, in->leaves.n } };
	unsigned n = seen.verifies++;
	char word[32];

	if (fake_comes(word_of("verify", server_of(in->listeners.v[0]), word)) ||
	    (script.liar != NULL && script.liar(m)))
		return;
	out.verdict = n < NITEMS(script.verdict) && script.verdict[n] != 0 ? script.verdict[n] :
	    judge(in);
	for (size_t i = 0; i < in->leaves.n; i++)
		rows[i] = (struct verify_seen){ .listener = in->listeners.v[0],
			.name = in->names.v[0], .family = l[i].family, .handshakes = 16,
			.verdict = out.verdict };
	fake_send(ROLE_CONTROL, MSG_VERIFIED, m->id, &out);
}

/* --- the starter --- */

static const struct handlers *
handlers_of(enum role r)
{
	static const struct handler answer[] = {
		{ MSG_PUT, on_put },
		{ MSG_DROP, on_drop },
		{ MSG_LOOKUP, fake_names_on_lookup },
		{ MSG_FIND, fake_names_on_find },
		{ MSG_AWAIT, fake_names_on_await },
	};
	static const struct handler control[] = {
		{ MSG_PREFLIGHT, on_preflight },
		{ MSG_RELOAD, on_reload },
		{ MSG_WATCH, on_watch },
		{ MSG_VERIFY, on_verify },
	};
	static const struct handler net[] = {
		{ MSG_TASK, fake_net_on_task },
		{ MSG_FETCH, fake_names_on_fetch },
	};
	static const struct handlers of[ROLE_COUNT] = {
		[ROLE_NET] = { net, NITEMS(net), on_net_end },
		[ROLE_ANSWER] = { answer, NITEMS(answer), on_answer_end },
		[ROLE_CONTROL] = { control, NITEMS(control), on_control_end },
	};

	return r == ROLE_COURIER ? fake_courier_handlers() : &of[r];
}

static void
on_start(void *arg UNUSED, struct message *m)
{
	const struct msg_start *body = m->body;
	struct msg_lost lost = { .cert = fake_text(script.lost != NULL ? script.lost : ""),
		.why = { .class = OUT_HOLD, .text = fake_text("listen 192.0.2.1:80: in use") } };
	struct msg_started started = { { &lost, body->role == ROLE_ANSWER && script.lost != NULL } };
	struct err why = ERR_NONE;
	char word[32];
	int pair[2];

	ck_assert_msg(body->role > ROLE_KEEPER && body->role < ROLE_COUNT, "role %jd",
	    (intmax_t)body->role);
	snprintf(word, sizeof word, "start:%s", role_name((enum role)body->role));
	if (fake_comes(word))
		return;
	if (script.missing == (enum role)body->role) {
		fake_refuse(ROLE_KEEPER, m->id, OUT_HOLD, "the port is taken");
		return;
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(channel_new(run.loop, pair[0], handlers_of((enum role)body->role), NULL,
	    &run.channels[body->role], &why), 0);
	ck_assert_int_eq(channel_send(run.channels[ROLE_KEEPER], MSG_STARTED, m->id, &started, pair[1],
	    &why), 0);
	close(pair[1]);
}

/* Only programs are looked at here. */
static void
on_starter_preflight(void *arg UNUSED, struct message *m)
{
	struct hook_facts facts;

	hook_facts_init(&facts);
	if (!fake_comes("preflight:program"))
		fake_send(ROLE_KEEPER, MSG_FACTS, m->id, &facts);
}

static void
on_run(void *arg UNUSED, struct message *m)
{
	const struct msg_run *body = m->body;

	ck_assert_int_eq(body->hook, 1);
	if (fake_comes("program"))
		return;
	if (script.program_result != OUT_OK && strcmp(body->event.event, "deploy") == 0)
		fake_refuse(ROLE_KEEPER, m->id, script.program_result, "the program failed");
	else
		fake_send(ROLE_KEEPER, MSG_DONE, m->id, NULL);
}

static void
note_fine(const char *text)
{
	size_t n = strlen(seen.fine);

	snprintf(seen.fine + n, sizeof seen.fine - n, "%s\n", text);
}

static void
on_report(void *arg UNUSED, struct message *m)
{
	const struct report *r = m->body;

	if (r->kind == REPORT_FINDING) {
		seen.findings++;
		seen.bad_findings += r->outcome != OUT_OK;
		if (r->outcome == OUT_OK && strcmp(r->step, "server") == 0)
			note_fine(r->text);
	}
	seen.notes += r->kind == REPORT_NOTE;
	seen.starts += r->kind == REPORT_START;
	ck_assert_msg(r->step == NULL || strchr(r->step, '\x1b') == NULL, "escapes for a terminal");
	if (r->kind == REPORT_RESULT && (r->outcome != OUT_OK || seen.last[0] == '\0'))
		snprintf(seen.last, sizeof seen.last, "%s", r->text != NULL ? r->text : "");
}

static void
on_status(void *arg UNUSED, struct message *m)
{
	const struct status *row = m->body;

	seen.rows++;
	seen.row = (struct status){
		.version = row->version, .pending = row->pending, .served = row->served,
		.last_outcome = row->last_outcome, .failures = row->failures,
		.leaves.n = row->leaves.n,
	};
}

static void
on_walled(void *arg UNUSED, struct message *m)
{
	const struct walled *w = m->body;

	ck_assert_msg(w->class == OUT_OK && w->keep == 0 && w->landlock > 0 && w->calls,
	    "walls of the keeper: %s", w->text != NULL ? w->text : "missing");
}

/* As the real starter: the end of its channel is the keeper's end. */
static void
on_outcome(void *arg UNUSED, struct message *m)
{
	const struct msg_end *body = m->body;

	if (fake_comes(NULL))
		return;
	seen.ended = true;
	seen.outcome = body->outcome;
	seen.next = body->next;
	fake_ended(ROLE_KEEPER);
}

static const struct handlers *
starter_handlers(void)
{
	static const struct handler table[] = {
		{ MSG_WALLED, on_walled },
		{ MSG_START, on_start },
		{ MSG_PREFLIGHT, on_starter_preflight },
		{ MSG_RECORD, fake_names_on_record },
		{ MSG_RUN, on_run },
		{ MSG_REPORT, on_report },
		{ MSG_STATUS, on_status },
		{ MSG_END, on_outcome },
	};
	static const struct handlers handlers = { table, NITEMS(table), on_starter_end };

	return &handlers;
}

/* --- the configuration --- */

const char *
fake_challenge(void)
{
	return script.dns ? "dns-01" : script.alpn ? CHALLENGE_ALPN : "http-01";
}

struct settings {
	struct ca_conf		 cas[FAKE_CAS];
	struct challenge_conf	 challenge;
	struct hook_conf	 hooks[FAKE_SERVERS + 1];
	struct cert_conf	 certs[FAKE_CERTS];
	char			*names[FAKE_CERTS];
	char			*key[PART_MAX], *ca_names[FAKE_CAS], *hosts[1], *listen, *command;
	char			 rpc[FAKE_SERVERS][48], verify[FAKE_SERVERS][48];
	char			*verifies[FAKE_SERVERS], *rollback_on[2];
};

/* Returns how many there are. */
static size_t
configure_hooks(struct settings *s)
{
	size_t i, n = script.servers > 1 ? script.servers : 1;

	for (i = 0; i < n; i++) {
		snprintf(s->rpc[i], sizeof s->rpc[i], "unix:/run/kamailio/%zu", i);
		snprintf(s->verify[i], sizeof s->verify[i], "sips:%zu.example.com:5061", i);
		s->verifies[i] = s->verify[i];
		s->hooks[i] = (struct hook_conf){ .type = fake_text("kamailio"), .rpc = s->rpc[i],
			.timeout = script.timeout != 0 ? script.timeout : 10, .settle = 10, .verify = { &s->verifies[i], !script.blind },
			.max_connections = script.max_connections, .watch = script.watch,
			.rollback_on = script.rollback_on, .quiet_rate = 2,
			.unsafe_reload = fake_text(script.unsafe_reload),
			.unit = fake_text(FAKE_UNIT), .bus = fake_text(FAKE_BUS) };
		if (script.rollback_on.n == 0)
			s->hooks[i].rollback_on = (struct strs){ s->rollback_on, 2 };
	}
	s->rollback_on[0] = fake_text(CHECK_CHAIN);
	s->rollback_on[1] = fake_text(CHECK_SILENT);
	s->command = fake_text("/bin/true");
	s->hooks[n] = (struct hook_conf){ .type = fake_text("program"), .timeout = 10,
		.command = { &s->command, 1 } };
	return script.bare ? 0 : script.program ? n + 1 : n;
}

static void
configure_cas(struct settings *s)
{
	static const char *const names[FAKE_CAS] = { "ca0", "ca1" };

	s->hosts[0] = fake_text(script.host != NULL ? script.host : FAKE_LOOPBACK);
	for (size_t i = 0; i < FAKE_CAS; i++) {
		s->ca_names[i] = fake_text(script.cas == 0 ? "ca" : names[i]);
		s->cas[i] = (struct ca_conf){ .name = s->ca_names[i], .agree_tos = true,
			.directory = fake_text(fake_url(i == 0 ? "/directory" : "/directory1")),
			.staging = fake_text(fake_url("/staging")),
			.hosts = { s->hosts, 1 },
			.trust_bundle = fake_text(fake_roots()) };
	}
}

/* Everything is lent: the message is written while it lives. */
static void
configure(struct settings *s, struct config *c)
{
	size_t n = script.certs != 0 ? script.certs : 1, cas = script.cas != 0 ? script.cas : 1;
	size_t hooks = configure_hooks(s);

	s->key[0] = fake_text(script.key != NULL ? script.key : "ecdsa-p256");
	s->key[1] = fake_text("rsa-2048");
	s->listen = fake_text("127.0.0.1:80");
	configure_cas(s);
	s->challenge = (struct challenge_conf){ .type = fake_text(fake_challenge()),
		.listen = { &s->listen, 1 } };
	if (script.dns)
		s->challenge = (struct challenge_conf){ .type = fake_text(fake_challenge()),
			.program = { &s->command, 1 }, .propagation = 60 };
	for (size_t i = 0; i < n; i++) {
		s->names[i] = fake_text(fake_certs[i]);
		s->certs[i] = (struct cert_conf){ .name = s->names[i], 
			.names = { &s->names[script.twins ? 0 : i], 1 },
			.key = { s->key, script.pair ? 2 : 1 },
			.reuse_key = script.reuse_key, .next_key = script.next_key, .ca = { s->ca_names, cas },
			.renew_before = CONFIG_DEFAULT_RENEW, .challenges = { &s->challenge, 1 },
			.hooks = { s->hooks, hooks }, .hooks_at_once = script.at_once,
			.hooks_partial = script.partial };
	}
	*c = (struct config){ .path = fake_text("/etc/kamcert.conf"), .jobs = 8,
		.state_dir = tree_path("state"), .log = fake_text("stderr"),
		.cas = { s->cas, cas }, .certs = { s->certs, n } };
}

/* --- a run --- */

static void
exec_keeper(int fd)
{
	static char search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", level[] = "0", target[] = "0";
	char path[PATH_MAX], asan[512], *argv[] = { path, level, target, NULL };
	char *envp[] = { search, asan, NULL };
	const char *build = getenv("top_builddir"), *options = getenv("ASAN_OPTIONS");
	sigset_t none;

	snprintf(path, sizeof path, "%s/src/kamcert-keeper", build != NULL ? build : ".");
	snprintf(asan, sizeof asan, "ASAN_OPTIONS=%s", options != NULL ? options : "");
	sigemptyset(&none);
	if (dup2(fd, ROLE_FD) == -1 || close_range(ROLE_FD + 1, ~0U, 0) == -1 ||
	    sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		_exit(127);
	execve(path, argv, envp);
	_exit(127);
}

static void
on_exit_of(void *arg UNUSED, pid_t pid UNUSED, int status)
{
	seen.exit_status = (unsigned)status;
	run.pid = 0;
	loop_stop(run.loop);
}

static void
on_impatience(void *arg UNUSED)
{
	char trace[sizeof seen.trace];

	memcpy(trace, seen.trace, sizeof trace);
	kill(run.pid, SIGKILL);
	ck_abort_msg("the run does not end; it came to: %s", trace);
}

/* Those of production, but for the user; what is forbidden ends the keeper. */
static void
send_walls(void)
{
	char *all = fake_text("/"), *tree = tree_path("");
	char *hidden[] = { fake_text("/sys"), fake_text("/root") };
	char *writes[] = { tree, getenv("KAMCERT_COVERAGE") };	/* where counters are kept */
	struct walls walls = { .uid = SANDBOX_STAY, .gid = SANDBOX_STAY, .kill = true,
		.reads = { &all, 1 }, .writes = { writes, writes[1] != NULL ? 2 : 1 }, .hidden = { hidden, NITEMS(hidden) } };

	fake_send(ROLE_KEEPER, MSG_WALLS, 0, &walls);
}

static void
begin(enum command command)
{
	struct err why = ERR_NONE;
	struct settings settings;
	int pair[2];

	memset(&settings, 0, sizeof settings);
	ck_assert_ptr_nonnull(run.loop = loop_new(&why));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_ge(run.pid = fork(), 0);
	if (run.pid == 0)
		exec_keeper(pair[1]);
	close(pair[1]);
	ck_assert_ptr_nonnull(loop_child_add(run.loop, run.pid, on_exit_of, NULL, &why));
	ck_assert_ptr_nonnull(loop_timer_add(run.loop, clock_boot_ms() + PATIENCE_MS, on_impatience,
	    NULL, &why));
	ck_assert_int_eq(channel_new(run.loop, pair[0], starter_handlers(), NULL,
	    &run.channels[ROLE_KEEPER], &why), 0);
	script.setup.command = command;
	send_walls();
	configure(&settings, &script.setup.config);
	fake_send(ROLE_KEEPER, MSG_SETUP, 0, &script.setup);
}

void
fake_run(enum command command)
{
	struct err why = ERR_NONE;

	blob_clear(&seen.public_key);
	blob_clear(&seen.new_key);
	memset(&seen, 0, sizeof seen);
	begin(command);
	ck_assert_int_eq(loop_run(run.loop, &why), 0);
	for (size_t i = 0; i < ROLE_COUNT; i++)
		fake_ended((enum role)i);
	fake_net_end();
	loop_free(run.loop);
	ck_assert_msg(seen.killed || (seen.ended && seen.exit_status == 0),
	    "the keeper ended early, status %#x; it came to: %s", seen.exit_status, seen.trace);
}

void
fake_run_to(enum command command, enum outcome outcome)
{
	fake_run(command);
	ck_assert_msg(seen.outcome == (int64_t)outcome, "got %jd (%s), want %s; trace: %s",
	    (intmax_t)seen.outcome, seen.last, outcome_word(outcome), seen.trace);
}

void
fake_reset(void)
{
	memset(&script, 0, sizeof script);
	script.setup.reason = -1;
	script.ask_again = DAY;
}

/* The server's own configuration, which checks look into. */
static void
write_profiles(void)
{
	char text[1024];
	size_t n;

	n = (size_t)snprintf(text, sizeof text, "[server:default]\nmethod = TLSv1.2+\n"
	    "private_key = %s/certs/%s/current/privkey.pem\n", fake_path(""), fake_certs[0]);
	snprintf(text + n, sizeof text - n, "certificate = %s/certs/%s/current/fullchain.pem\n",
	    fake_path(""), fake_certs[0]);
	tree_file("tls.cfg", text);
}

void
fake_start(void)
{
	/* hundreds of runs, and none of them is about what a disk does */
	tree_start_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	fake_reset();
	write_profiles();
	fake_courier_start();
	fake_names_start();
	fake_net_start(fake_roots());
}

void
fake_finish(void)
{
	for (size_t i = 0; i < FAKE_SERVERS * FAKE_CERTS * PART_MAX; i++)
		blob_clear(&loaded[i / PART_MAX / FAKE_CERTS][i / PART_MAX % FAKE_CERTS][i % PART_MAX]);
	blob_clear(&seen.public_key);
	blob_clear(&seen.new_key);
	memset(&seen, 0, sizeof seen);
	fake_net_finish();
	tree_finish();
}
