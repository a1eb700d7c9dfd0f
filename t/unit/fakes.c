/*
 * fakes: a run of the keeper, and starter and answer around it. Words of the
 * trace: start:ROLE, preflight:program, program, put; and those of the other
 * files.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "fakes_private.h"
#include "report.h"
#include "role.h"
#include "sandbox.h"
#include "status.h"
#include "tree.h"

#define PATIENCE_MS	40000	/* no run takes as long */

struct script script;
struct seen seen;

static struct {
	struct loop	*loop;
	struct channel	*channels[ROLE_COUNT];	/* the starter's is ROLE_KEEPER */
	pid_t		 pid;
} run;

const char *const fake_certs[FAKE_CERTS] = { "a.example.com", "b.example.com", "c.example.com" };

/* --- helpers --- */

const char *
fake_path(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "state%s%s", name[0] != '\0' ? "/" : "", name);
	return tree_path(path);
}

char *
fake_tls_cfg(void)
{
	return tree_path("tls.cfg");
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
	static const struct handler net[] = {
		{ MSG_TASK, fake_net_on_task },
		{ MSG_FETCH, fake_names_on_fetch },
	};
	static const struct handlers of[ROLE_COUNT] = {
		[ROLE_NET] = { net, NITEMS(net), on_net_end },
		[ROLE_ANSWER] = { answer, NITEMS(answer), on_answer_end },
	};

	return r == ROLE_COURIER ? fake_courier_handlers() :
	    r == ROLE_CONTROL ? fake_control_handlers() : &of[r];
}

static void
on_start(void *arg UNUSED, struct message *m)
{
	const struct msg_start *body = m->body;
	struct msg_lost lost = { .cert = fake_text(script.lost != NULL ? script.lost : ""),
		.why = { .class = OUT_HOLD, .text = fake_text("listen 192.0.2.1:80: in use") } };
	struct msg_started started = { { &lost, body->role == ROLE_ANSWER &&
	    script.lost != NULL } };
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
	ck_assert_int_eq(channel_send(run.channels[ROLE_KEEPER], MSG_STARTED, m->id, &started,
	    pair[1], &why), 0);
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
		.reads = { &all, 1 }, .writes = { writes, writes[1] != NULL ? 2 : 1 },
		    .hidden = { hidden, NITEMS(hidden) } };

	fake_send(ROLE_KEEPER, MSG_WALLS, 0, &walls);
}

static void
begin(enum command command)
{
	struct err why = ERR_NONE;
	struct fake_settings settings;
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
	fake_conf(&settings, &script.setup.config);
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

void
fake_reset_due(void)
{
	fake_reset();
	script.key = "ecdsa-p384";
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
	fake_control_finish();
	blob_clear(&seen.public_key);
	blob_clear(&seen.new_key);
	memset(&seen, 0, sizeof seen);
	fake_net_finish();
	tree_finish();
}

TCase *
fake_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_start, fake_finish);
	suite_add_tcase(s, tc);
	return tc;
}
