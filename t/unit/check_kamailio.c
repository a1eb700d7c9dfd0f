/*
 * hook "kamailio", against a scripted peer that does what FAULTS section 5
 * says, and worse.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

#include "base/clock.h"
#include "hooks/kamailio.c"
#include "hooks/reload.c"

#include "ctlpeer.h"
#include "suite.h"

static struct ctlpeer peer;
static int64_t rested_ms;

static void
note_rest(int64_t ms)
{
	rested_ms += ms;
}

/*
 * Patience is long, and ends when the peer says that it hangs: with every
 * look at the clock while it does. A signal makes who waits look.
 */
#define PATIENCE_S	100
#define TICK_US		10000
#define STEP_MS		5000

static int64_t skew_ms;

static int64_t
impatient_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	if (peer.tale != NULL && *(volatile bool *)&peer.tale->hangs)
		skew_ms += STEP_MS;
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + skew_ms;
}

static void
on_tick(int signo UNUSED)
{
}

static void
setup(void)
{
	static const struct clock_source clock = { .boot_ms = impatient_ms };
	const struct itimerval ticks = { { 0, TICK_US }, { 0, TICK_US } };

	memset(&peer, 0, sizeof(peer));
	rested_ms = 0;
	rest = note_rest;
	clock_use(&clock);
	ck_assert_int_eq(sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_tick }, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &ticks, NULL), 0);
}

static void
teardown(void)
{
	ctlpeer_stop(&peer);
}

static struct hook_conf
conf_of(const char *rpc)
{
	return (struct hook_conf){ .rpc = (char *)(uintptr_t)rpc, .timeout = PATIENCE_S };
}

/* --- preflight --- */

/* What cannot be told to another role would look like a role that lies. */
static bool
can_be_told(const struct hook_facts *f)
{
	struct hook_facts told;
	struct buf b;
	struct rd r;
	bool ok;

	buf_init(&b, 65536);
	pack_write(&hook_facts_pack, f, &b);
	r = rd_of(buf_span(&b));
	ok = buf_ok(&b) && pack_read(&hook_facts_pack, &r, &told) == 0;
	if (ok)
		pack_clear(&hook_facts_pack, &told);
	buf_clear(&b);
	return ok;
}

static const struct {
	const char	*what;
	struct ctlpeer_script script;
	enum outcome	 class;		/* OUT_OK: it passes */
	const char	*says;
} preflights[] = {
	{ "a sound server", { .version = NULL }, OUT_OK, NULL },
	{ "numbers as doubles", { .doubles = true }, OUT_OK, NULL },
	{ "the newest", { .version = "kamailio 6.2.0-dev1 (x86_64/Linux) " }, OUT_OK, NULL },
	{ "two digits", { .version = "kamailio 10.0.0 (x86_64/Linux) " }, OUT_OK, NULL },
	{ "too old", { .version = "kamailio 4.4.7 (x86_64/linux) " }, OUT_HOLD,
	  "want Kamailio 5.0 or newer, have \"kamailio 4.4.7 (x86_64/linux)\"" },
	{ "another program", { .version = "opensips 3.4.0" }, OUT_HOLD, "want Kamailio 5.0" },
	{ "a version of nothing", { .version = "" }, OUT_HOLD, "want Kamailio 5.0" },
	{ "a version that overflows", { .version = "kamailio 99999999999999999999.1" }, OUT_OK,
	  NULL },
	{ "no module tls (K06)", { .lacks = "tls.reload" }, OUT_HOLD, "no command tls.reload" },
	{ "no core.shmmem (K06)", { .lacks = "core.shmmem" }, OUT_HOLD, "no command core.shmmem" },
	{ "a client that may not reload (K06)", { .denies = "tls.info" }, OUT_HOLD,
	  "tls.info: fault 403: Permission denied" },
	{ "a client that may not ask (K06)", { .denies = "core.version" }, OUT_HOLD,
	  "core.version: fault 403: Permission denied" },
	{ "no list of methods (K06)", { .lacks = "system.listMethods" }, OUT_HOLD,
	  "system.listMethods: fault 500" },
	{ "no tls.options (K06)", { .lacks = "tls.options" }, OUT_HOLD, "tls.options: fault 500" },
	{ "no tls.list", { .lacks = "tls.list" }, OUT_OK, NULL },
	{ "no tls.cfg", { .no_config = true }, OUT_HOLD, "no tls.cfg" },
	{ "memory below 8 MiB (K12)", { .free_kib = 8191 }, OUT_HOLD, "8191 KiB of shared memory" },
	{ "memory of 8 MiB (K12)", { .free_kib = 8192 }, OUT_OK, NULL },
	{ "memory below 8 MiB as doubles", { .free_kib = 8191, .doubles = true }, OUT_HOLD,
	  "8191 KiB" },
	{ "accounts that ran over", { .free_kib = 4194303 }, OUT_HOLD, "0 KiB of shared memory" },
	{ "fewer connections than none", { .connections = -5 }, OUT_HOLD,
	  "tls.info: want a number opened_connections" },
	{ "nobody answers (K02)", { .hang_at_once = true }, OUT_RETRY, "core.version: waiting" },
};

START_TEST(preflight_keeps_its_table)
{
	const char *what = preflights[_i].what;
	struct hook_facts f;
	struct hook_conf conf;
	struct err e = ERR_NONE;
	int rc;

	ctlpeer_start(&peer, &preflights[_i].script, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	rc = hook_kamailio.preflight(&conf, &f, &e);
	ck_assert_msg(can_be_told(&f), "%s", what);
	ck_assert_msg((rc == 0) == (preflights[_i].class == OUT_OK), "%s: got %d, %s", what, rc,
	    e.text);
	ck_assert_msg(rc == 0 || e.class == preflights[_i].class, "%s: got %s", what,
	    outcome_word(e.class));
	ck_assert_msg(rc == 0 || strstr(e.text, preflights[_i].says) != NULL,
	    "%s: got \"%s\", want \"%s\"", what, e.text, preflights[_i].says);
	ck_assert_int_eq(peer.tale->reloads, 0);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(memory_that_is_used_up_holds_nobody_who_is_to_be_restarted)
{
	static const struct ctlpeer_script full = { .free_kib = 8191 };
	static char restart[] = "restart";
	struct hook_conf conf;
	struct hook_facts f;
	struct err e = ERR_NONE;

	ctlpeer_start(&peer, &full, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	conf.unsafe_reload = restart;
	ck_assert_msg(hook_kamailio.preflight(&conf, &f, &e) == 0, "%s", e.text);
	ck_assert(f.cramped);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* What a server says of itself at preflight, and what is known of such ones (FAULTS K12, K18). */
static const struct {
	const char	*what;
	struct ctlpeer_script script;
	bool		 is_unsafe, leaks;
	const char	*allocator;
} natures[] = {
	{ "5.6.3 as Debian starts it", { .version = NULL }, true, true, "qm" },
	{ "5.6.3 with fm", { .allocator = "fm" }, true, false, "fm" },
	{ "5.8.7", { .version = "kamailio 5.8.7 (x86_64/Linux) " }, true, true, "qm" },
	{ "6.0.5", { .version = "kamailio 6.0.5 (x86_64/Linux) " }, false, true, "qm" },
	{ "6.1.4", { .version = "kamailio 6.1.4 (x86_64/Linux) " }, false, false, "qm" },
	{ "no arguments", { .lacks = "core.arg" }, true, true, NULL },
};

START_TEST(preflight_tells_what_a_server_is)
{
	const char *what = natures[_i].what;
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	ctlpeer_start(&peer, &natures[_i].script, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	ck_assert_msg(hook_kamailio.preflight(&conf, &f, &e) == 0, "%s: %s", what, e.text);
	ck_assert_msg(f.unsafe_reload == natures[_i].is_unsafe, "%s: unsafe_reload", what);
	ck_assert_msg(f.leaks_memory == natures[_i].leaks, "%s: leaks_memory", what);
	ck_assert_int_eq(f.threads_mode, -1);
	ck_assert_int_eq(f.low_memory, 0x580000);
	ck_assert_str_eq(f.tls_config, "/etc/kamailio/tls.cfg");
	ck_assert_str_eq(f.tls_certificate, "/etc/kamailio/cert.pem");
	ck_assert_ptr_null(f.tls_private_key);
	ck_assert_pstr_eq(f.allocator, natures[_i].allocator);
	ck_assert_pstr_eq(f.config_dir, f.allocator != NULL ? "/nonexistent/kamailio" : NULL);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(facts_are_those_of_the_server)
{
	const struct ctlpeer_script s = { .connections = 3 };
	const uint8_t ids[] = { 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3 };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	ctlpeer_start(&peer, &s, (enum wire_kind)_i);
	conf = conf_of(peer.rpc);
	ck_assert_msg(hook_kamailio.facts(&conf, &f, &e) == 0, "%s: %s", peer.rpc, e.text);
	ck_assert_str_eq(f.version, "kamailio 5.6.3 (x86_64/linux)");
	ck_assert_int_eq(f.pid, 4711);
	ck_assert_int_eq(f.uptime, 3);
	ck_assert_int_eq(f.shm_free, 60000 * 1024);
	ck_assert_int_eq(f.shm_used, 2000 * 1024);
	ck_assert_int_eq(f.tls_open, 3);
	ck_assert_int_eq(f.tcp_children, 2);
	ck_assert_int_eq(f.processes, 11);
	ck_assert(f.ids_known && span_eq(blob_span(&f.tls_ids), span_of(ids, sizeof(ids))));
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(a_reload_works_on_every_transport)
{
	const struct ctlpeer_script s = { .connections = IDS_MAX };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	ctlpeer_start(&peer, &s, (enum wire_kind)_i);
	conf = conf_of(peer.rpc);
	ck_assert_msg(hook_kamailio.reload(&conf, NULL, &f, &e) == HOOK_OK, "%s: %s", peer.rpc,
	    e.text);
	ck_assert_int_eq(peer.tale->reloads, 1);
	/* Eight kilobytes a datagram: the list came in several. */
	ck_assert(f.ids_known && f.tls_ids.n == 4 * IDS_MAX);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(the_list_of_many_connections_is_not_asked_for)
{
	const struct ctlpeer_script s = { .connections = IDS_MAX + 1 };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	ctlpeer_start(&peer, &s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	ck_assert_int_eq(hook_kamailio.facts(&conf, &f, &e), 0);
	ck_assert(!f.ids_known);
	ck_assert_int_eq(f.tls_open, IDS_MAX + 1);
	ck_assert_int_eq(peer.tale->lists, 0);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* --- reload --- */

#define FIXING	"Error while fixing TLS configuration (consult server log)"
#define LOADING	"Error while loading TLS configuration file (consult server log)"
#define TOO_FAST "Command Executed Too Fast"

/* The right answer's record, without the NUL at its end. */
#define OK_HEX	"91204f6b2e20544c5320636f6e66696775726174696f6e2072656c6f616465642e"

static const struct {
	const char	*what;
	struct ctlpeer_script script;
	enum hook_result result;
	enum outcome	 class;
	const char	*says;
	int		 reloads;	/* asked for */
	int64_t		 rested_ms;
} reloads[] = {
	{ "it is done", { .reloads = { { ACT_OK, NULL } } }, HOOK_OK, OUT_OK, NULL, 1, 0 },
	{ "the files do not load (K04)", { .reloads = { { ACT_FAULT, FIXING },
	    { ACT_FAULT, FIXING } } },
	  HOOK_REFUSED, OUT_HOLD, FIXING, 2, AGAIN_MS },
	{ "a spurious fault (K19)", { .reloads = { { ACT_FAULT, FIXING }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, AGAIN_MS },
	{ "a spurious parser (K19)", { .reloads = { { ACT_FAULT, LOADING }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, AGAIN_MS },
	{ "a poisoned parser (K19)",
	  { .reloads = { { ACT_FAULT, LOADING }, { ACT_FAULT, LOADING }, { ACT_OK, NULL } } },
	  HOOK_REFUSED, OUT_HOLD, LOADING, 2, AGAIN_MS },
	{ "one of each (K19)", { .reloads = { { ACT_FAULT, LOADING }, { ACT_FAULT, FIXING } } },
	  HOOK_REFUSED, OUT_HOLD, FIXING, 2, AGAIN_MS },
	{ "too fast once (K05)", { .reloads = { { ACT_FAULT, TOO_FAST }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, 10000 },
	{ "too fast for ever (K05)",
	  { .reloads = { { ACT_FAULT, TOO_FAST }, { ACT_FAULT, TOO_FAST }, { ACT_FAULT, TOO_FAST },
	  { ACT_FAULT, TOO_FAST } } }, HOOK_LATER, OUT_RETRY, TOO_FAST, 4, 100000 },
	{ "no listener for a profile (K04)",
	  { .reloads = { { ACT_FAULT,
	  "No server listening socket found for one of TLS domains" } } },
	  HOOK_REFUSED, OUT_HOLD, "No server listening socket", 1, 0 },
	{ "the command is gone (K06)", { .lacks = "tls.reload" }, HOOK_FAILED, OUT_HOLD,
	    "not found", 0,
	  0 },
	{ "terminal escapes in a fault", { .reloads = { { ACT_FAULT, "\033[2Jfine\n" } } },
	  HOOK_REFUSED, OUT_HOLD, "fine", 1, 0 },
	{ "another text (K03)", { .reloads = { { ACT_TEXT, "Ok." } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "have \"Ok.\"", 1, 0 },
	{ "an empty reply (K03)", { .reloads = { { ACT_OCTETS, "" } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "have \"\"", 1, 0 },
	{ "another cookie (K03)", { .reloads = { { ACT_COOKIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "cookie", 1, 0 },
	{ "the request echoed (K03)", { .reloads = { { ACT_ECHO, NULL } } }, HOOK_UNKNOWN,
	    OUT_RETRY,
	  "type 0", 1, 0 },
	{ "two replies (K03)", { .reloads = { { ACT_TWICE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "behind the end", 1, 0 },
	{ "HTTP (K03)", { .reloads = { { ACT_RAW, "485454502f312e3120323030204f4b0d0a" } } },
	  HOOK_UNKNOWN, OUT_RETRY, "magic", 1, 0 },
	{ "version 2 (K03)", { .reloads = { { ACT_RAW, "a2100009" } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "version", 1, 0 },
	{ "a length of 4 GiB (K03)", { .reloads = { { ACT_RAW, "a11cffffffff09" } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "at most 65536", 1, 0 },
	{ "nine levels (K03)", { .reloads = { { ACT_OCTETS,
	    "030303030303030303838383838383838383" } } },
	  HOOK_UNKNOWN, OUT_RETRY, "malformed", 1, 0 },
	{ "a string without end (K03)", { .reloads = { { ACT_OCTETS, OK_HEX "21" } } },
	    HOOK_UNKNOWN,
	  OUT_RETRY, "malformed", 1, 0 },
	{ "a second record (K03)", { .reloads = { { ACT_OCTETS, OK_HEX "00" "00" } } },
	    HOOK_UNKNOWN,
	  OUT_RETRY, "have \"\"", 1, 0 },
	{ "half of it, then the end (K02)", { .reloads = { { ACT_HALF_CLOSE, NULL } } },
	    HOOK_UNKNOWN,
	  OUT_RETRY, "only a part of it", 1, 0 },
	{ "the end at once (K02)", { .reloads = { { ACT_CLOSE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "no answer", 1, 0 },
	{ "a crash, and another process (K09)", { .reloads = { { ACT_CRASH, NULL } } },
	    HOOK_UNKNOWN,
	  OUT_RETRY, "restarted", 1, 0 },
	{ "yes, and another process (K09)", { .reloads = { { ACT_RESTART, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "restarted", 1, 0 },
	{ "a crash for good (K09)", { .reloads = { { ACT_DIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "afterwards the server does not answer", 1, (BACK_TRIES - 1) * BACK_MS },
	{ "a fault, then a crash for good",
	  { .reloads = { { ACT_FAULT, FIXING }, { ACT_DIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "afterwards", 2, AGAIN_MS + (BACK_TRIES - 1) * BACK_MS },
	{ "an octet now and then (K02)", { .reloads = { { ACT_TRICKLE, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "timed out", 1, 0 },
};

START_TEST(reload_keeps_its_table)
{
	const char *what = reloads[_i].what;
	enum hook_result result;
	struct hook_facts f;
	struct hook_conf conf;
	struct err e = ERR_NONE;

	ctlpeer_start(&peer, &reloads[_i].script, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	result = hook_kamailio.reload(&conf, NULL, &f, &e);
	ck_assert_msg(result == reloads[_i].result, "%s: got %d, want %d: %s", what, (int)result,
	    (int)reloads[_i].result, e.text);
	ck_assert_msg(result == HOOK_OK || e.class == reloads[_i].class, "%s: got %s: %s", what,
	    outcome_word(e.class), e.text);
	ck_assert_msg(result == HOOK_OK || strstr(e.text, reloads[_i].says) != NULL,
	    "%s: got \"%s\", want \"%s\"", what, e.text, reloads[_i].says);
	ck_assert_msg(peer.tale->reloads == reloads[_i].reloads, "%s: got %d reloads, want %d",
	    what, peer.tale->reloads, reloads[_i].reloads);
	ck_assert_msg(rested_ms == reloads[_i].rested_ms, "%s: got %jd ms of rest, want %jd", what,
	    (intmax_t)rested_ms, (intmax_t)reloads[_i].rested_ms);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* --- damaged replies: I03, K03 --- */

/*
 * A reload is done and answered in full, or it is no success: the answer of a
 * real server, damaged.
 */
START_TEST(a_damaged_reply_is_never_taken_for_another)
{
	static const char *const answers[] = { "tls.reload", "v6.1.4.tls.reload",
	    "tls.reload-fault" };
	struct ctlpeer_script s = { .real = true, .damages = "tls.reload" };
	bool fault = _i == 2;
	enum hook_result result;
	struct hook_facts f;
	struct hook_conf conf;
	struct err e = ERR_NONE;
	int n;

	for (n = 0; n < (int)NITEMS(s.reloads); n++) {
		s.reloads[n].act = ACT_REAL;
		s.reloads[n].text = answers[_i];
	}
	ctlpeer_start(&peer, &s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	for (n = 0;; n++) {
		peer.tale->damage = n;
		peer.tale->damaged = false;
		result = hook_kamailio.reload(&conf, NULL, &f, &e);
		pack_clear(&hook_facts_pack, &f);
		if (!peer.tale->damaged)
			break;
		ck_assert_msg(result != HOOK_OK, "%s: damage %d reads as a success", answers[_i],
		    n);
		ck_assert_msg(fault || result == HOOK_UNKNOWN, "%s: damage %d: %d, %s", answers[_i],
		    n, (int)result, e.text);
	}
	/* undamaged, it is understood */
	ck_assert_int_eq(result, fault ? HOOK_REFUSED : HOOK_OK);
	ck_assert_int_gt(n, 350);
}
END_TEST

/*
 * What a server says of itself may be damaged unseen, where a number is another one. It may hold a
 * deployment back; it never tells one, nor stands for the answer to it.
 */
static const char *const facts_methods[] = { "core.uptime", "core.psx", "core.shmmem", "tls.info",
    "tls.list", "core.version", "system.listMethods", "tls.options", "core.arg" };

START_TEST(damage_at_preflight_tells_nothing)
{
	const char *method = facts_methods[_i];
	const struct ctlpeer_script s = { .real = true, .damages = method };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;
	int n, rc, held = 0;

	ctlpeer_start(&peer, &s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	for (n = 0;; n++) {
		peer.tale->damage = n;
		peer.tale->damaged = false;
		err_clear(&e);
		rc = hook_kamailio.preflight(&conf, &f, &e);
		ck_assert_msg(can_be_told(&f), "%s: damage %d", method, n);
		pack_clear(&hook_facts_pack, &f);
		if (!peer.tale->damaged)
			break;
		held += rc == -1;
		ck_assert_msg(rc == 0 || ((e.class == OUT_HOLD || e.class == OUT_RETRY) &&
		    e.text[0] != '\0'), "%s: damage %d: %s \"%s\"", method, n,
		    outcome_word(e.class), e.text);
		ck_assert_int_eq(peer.tale->reloads, 0);
	}
	ck_assert_msg(rc == 0, "%s, undamaged: %s", method, e.text);
	/* which connections there are is not worth a failure */
	ck_assert_msg(held > 20 || strcmp(method, "tls.list") == 0, "%s: %d held", method, held);
}
END_TEST

START_TEST(damage_around_a_reload_is_no_answer_to_it)
{
	const char *method = facts_methods[_i];
	const struct ctlpeer_script s = { .real = true, .damages = method,
	    .reloads = { { ACT_REAL, "tls.reload" } } };
	enum hook_result result;
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;
	int n;

	ctlpeer_start(&peer, &s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	for (n = 0;; n++) {
		peer.tale->damage = n;
		peer.tale->damaged = false;
		peer.tale->reloads = 0;
		result = hook_kamailio.reload(&conf, NULL, &f, &e);
		ck_assert_msg(can_be_told(&f), "%s: damage %d", method, n);
		pack_clear(&hook_facts_pack, &f);
		if (!peer.tale->damaged)
			break;
		ck_assert_msg(peer.tale->reloads == (result == HOOK_FAILED ? 0 : 1),
		    "%s: damage %d: %d reloads, %d", method, n, peer.tale->reloads, (int)result);
		ck_assert_msg(result == HOOK_OK || result == HOOK_UNKNOWN || result == HOOK_FAILED,
		    "%s: damage %d: %d", method, n, (int)result);
	}
	ck_assert_int_eq(result, HOOK_OK);
}
END_TEST

/* --- K02 --- */

/* Who hangs in an answer serves nobody else either: nothing is learned afterwards (FAULTS V5). */
START_TEST(a_server_that_hangs_is_left_in_time)
{
	static const enum ctlpeer_act acts[] = { ACT_HANG, ACT_HALF_HANG };
	const struct ctlpeer_script s = { .reloads = { { acts[_i], NULL } } };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	ctlpeer_start(&peer, &s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	ck_assert_int_eq(hook_kamailio.reload(&conf, NULL, &f, &e), HOOK_UNKNOWN);
	ck_assert_msg(strstr(e.text, "timed out") != NULL, "%s", e.text);
	ck_assert_int_eq(f.pid, -1);
	/* Twice: for the answer, and for the facts afterwards. */
	ck_assert_int_ge(skew_ms, 2 * PATIENCE_S * 1000 - 2 * STEP_MS);
	ck_assert_int_le(skew_ms, 2 * PATIENCE_S * 1000 + 10 * STEP_MS);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* FAULTS K19 */
START_TEST(the_hint_says_when_a_restart_is_needed)
{
	const struct ctlpeer_script s = { .reloads = { { ACT_FAULT, LOADING },
	    { ACT_FAULT, LOADING } } };
	struct hook_facts f;
	struct hook_conf conf;
	struct err e;

	ctlpeer_start(&peer, &s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	ck_assert_int_eq(hook_kamailio.reload(&conf, NULL, &f, &e), HOOK_REFUSED);
	ck_assert_msg(strstr(e.hint, "the process needs a restart") != NULL, "%s", e.hint);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("kamailio");
	TCase *tc = tcase_create("kamailio");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, preflight_keeps_its_table, 0, NITEMS(preflights));
	tcase_add_test(tc, memory_that_is_used_up_holds_nobody_who_is_to_be_restarted);
	tcase_add_loop_test(tc, preflight_tells_what_a_server_is, 0, NITEMS(natures));
	tcase_add_loop_test(tc, facts_are_those_of_the_server, WIRE_UNIX, WIRE_UDP + 1);
	tcase_add_loop_test(tc, a_reload_works_on_every_transport, WIRE_UNIX, WIRE_UDP + 1);
	tcase_add_test(tc, the_list_of_many_connections_is_not_asked_for);
	tcase_add_loop_test(tc, a_damaged_reply_is_never_taken_for_another, 0, 3);
	tcase_add_loop_test(tc, damage_at_preflight_tells_nothing, 0, NITEMS(facts_methods));
	tcase_add_loop_test(tc, damage_around_a_reload_is_no_answer_to_it, 0, 5);
	tcase_add_loop_test(tc, reload_keeps_its_table, 0, NITEMS(reloads));
	tcase_add_loop_test(tc, a_server_that_hangs_is_left_in_time, 0, 2);
	tcase_add_test(tc, the_hint_says_when_a_restart_is_needed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
