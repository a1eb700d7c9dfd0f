/*
 * hook "kamailio", against a scripted peer that does what FAULTS section 5
 * says, and worse.
 */
#include <check.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "hooks/kamailio.c"

#include "ctlpeer.h"

#define NOBODY	65534

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
	{ "no module tls", { .lacks = "tls.reload" }, OUT_HOLD, "no command tls.reload" },
	{ "no core.shmmem", { .lacks = "core.shmmem" }, OUT_HOLD, "no command core.shmmem" },
	{ "no list of methods", { .lacks = "system.listMethods" }, OUT_HOLD,
	  "system.listMethods: fault 500" },
	{ "no tls.options", { .lacks = "tls.options" }, OUT_HOLD, "tls.options: fault 500" },
	{ "no tls.list", { .lacks = "tls.list" }, OUT_OK, NULL },
	{ "no tls.cfg", { .no_config = true }, OUT_HOLD, "no tls.cfg" },
	{ "memory below 8 MiB", { .free_kib = 8191 }, OUT_HOLD, "8191 KiB of shared memory" },
	{ "memory of 8 MiB", { .free_kib = 8192 }, OUT_OK, NULL },
	{ "memory below 8 MiB as doubles", { .free_kib = 8191, .doubles = true }, OUT_HOLD,
	  "8191 KiB" },
	{ "accounts that ran over", { .free_kib = 4194303 }, OUT_HOLD, "0 KiB of shared memory" },
	{ "nobody answers", { .hang_at_once = true }, OUT_RETRY, "core.version: waiting" },
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

/* What a server says of itself at preflight, and what is known of such ones. */
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
	{ "the files do not load", { .reloads = { { ACT_FAULT, FIXING }, { ACT_FAULT, FIXING } } },
	  HOOK_REFUSED, OUT_HOLD, FIXING, 2, AGAIN_MS },
	{ "a spurious fault", { .reloads = { { ACT_FAULT, FIXING }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, AGAIN_MS },
	{ "a spurious parser", { .reloads = { { ACT_FAULT, LOADING }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, AGAIN_MS },
	{ "a poisoned parser",
	  { .reloads = { { ACT_FAULT, LOADING }, { ACT_FAULT, LOADING }, { ACT_OK, NULL } } },
	  HOOK_REFUSED, OUT_HOLD, LOADING, 2, AGAIN_MS },
	{ "one of each", { .reloads = { { ACT_FAULT, LOADING }, { ACT_FAULT, FIXING } } },
	  HOOK_REFUSED, OUT_HOLD, FIXING, 2, AGAIN_MS },
	{ "too fast once", { .reloads = { { ACT_FAULT, TOO_FAST }, { ACT_OK, NULL } } },
	  HOOK_OK, OUT_OK, NULL, 2, 10000 },
	{ "too fast for ever",
	  { .reloads = { { ACT_FAULT, TOO_FAST }, { ACT_FAULT, TOO_FAST }, { ACT_FAULT, TOO_FAST },
	  { ACT_FAULT, TOO_FAST } } }, HOOK_FAILED, OUT_RETRY, TOO_FAST, 4, 100000 },
	{ "no listener for a profile",
	  { .reloads = { { ACT_FAULT, "No server listening socket found for one of TLS domains" } } },
	  HOOK_REFUSED, OUT_HOLD, "No server listening socket", 1, 0 },
	{ "the command is gone", { .lacks = "tls.reload" }, HOOK_FAILED, OUT_HOLD, "not found", 0,
	  0 },
	{ "terminal escapes in a fault", { .reloads = { { ACT_FAULT, "\033[2Jfine\n" } } },
	  HOOK_REFUSED, OUT_HOLD, "fine", 1, 0 },
	{ "another text", { .reloads = { { ACT_TEXT, "Ok." } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "have \"Ok.\"", 1, 0 },
	{ "an empty reply", { .reloads = { { ACT_OCTETS, "" } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "have \"\"", 1, 0 },
	{ "another cookie", { .reloads = { { ACT_COOKIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "cookie", 1, 0 },
	{ "the request echoed", { .reloads = { { ACT_ECHO, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "type 0", 1, 0 },
	{ "two replies", { .reloads = { { ACT_TWICE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "behind the end", 1, 0 },
	{ "HTTP", { .reloads = { { ACT_RAW, "485454502f312e3120323030204f4b0d0a" } } },
	  HOOK_UNKNOWN, OUT_RETRY, "magic", 1, 0 },
	{ "version 2", { .reloads = { { ACT_RAW, "a2100009" } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "version", 1, 0 },
	{ "a length of 4 GiB", { .reloads = { { ACT_RAW, "a11cffffffff09" } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "at most 65536", 1, 0 },
	{ "nine levels", { .reloads = { { ACT_OCTETS, "030303030303030303838383838383838383" } } },
	  HOOK_UNKNOWN, OUT_RETRY, "malformed", 1, 0 },
	{ "a string without end", { .reloads = { { ACT_OCTETS, OK_HEX "21" } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "malformed", 1, 0 },
	{ "a second record", { .reloads = { { ACT_OCTETS, OK_HEX "00" "00" } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "have \"\"", 1, 0 },
	{ "half of it, then the end", { .reloads = { { ACT_HALF_CLOSE, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "only a part of it", 1, 0 },
	{ "the end at once", { .reloads = { { ACT_CLOSE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "no answer", 1, 0 },
	{ "a crash, and another process", { .reloads = { { ACT_CRASH, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "restarted", 1, 0 },
	{ "yes, and another process", { .reloads = { { ACT_RESTART, NULL } } }, HOOK_UNKNOWN,
	  OUT_RETRY, "restarted", 1, 0 },
	{ "a crash for good", { .reloads = { { ACT_DIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "afterwards the server does not answer", 1, (BACK_TRIES - 1) * BACK_MS },
	{ "a fault, then a crash for good",
	  { .reloads = { { ACT_FAULT, FIXING }, { ACT_DIE, NULL } } }, HOOK_UNKNOWN, OUT_RETRY,
	  "afterwards", 2, AGAIN_MS + (BACK_TRIES - 1) * BACK_MS },
	{ "an octet now and then", { .reloads = { { ACT_TRICKLE, NULL } } }, HOOK_UNKNOWN,
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
	ck_assert_msg(peer.tale->reloads == reloads[_i].reloads, "%s: got %d reloads, want %d", what,
	    peer.tale->reloads, reloads[_i].reloads);
	ck_assert_msg(rested_ms == reloads[_i].rested_ms, "%s: got %jd ms of rest, want %jd", what,
	    (intmax_t)rested_ms, (intmax_t)reloads[_i].rested_ms);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

/* Who hangs in an answer serves nobody else either: nothing is learned afterwards. */
/* FAULTS I03, K03: each bit of a reply turned, and one or two octets less, through the whole hook. */
START_TEST(a_damaged_reply_is_never_taken_for_another)
{
	const char *text = _i == 0 ? NULL : FIXING;
	struct ctlpeer_script s = { .version = NULL };
	enum hook_result result;
	struct hook_facts f;
	struct hook_conf conf;
	struct err e = ERR_NONE;
	int good = 0, n;

	for (n = 0; n < (int)NITEMS(s.reloads); n++) {
		s.reloads[n].act = ACT_DAMAGED;
		s.reloads[n].text = text;
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
		good += result == HOOK_OK;
		ck_assert_msg(text == NULL || result != HOOK_OK, "damage %d of a fault", n);
		ck_assert_msg(text != NULL || result != HOOK_REFUSED, "damage %d: %s", n, e.text);
	}
	ck_assert_int_gt(n, 300);
	ck_assert_int_eq(good, 0);
}
END_TEST

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

START_TEST(the_hint_says_when_a_restart_is_needed)
{
	const struct ctlpeer_script s = { .reloads = { { ACT_FAULT, LOADING }, { ACT_FAULT, LOADING } } };
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

/* --- who is there: K01 --- */

static void
expect_hold(const struct hook_conf *conf, const char *says)
{
	struct hook_facts f;
	struct err e = ERR_NONE;

	ck_assert_int_eq(hook_kamailio.preflight(conf, &f, &e), -1);
	ck_assert_msg(e.class == OUT_HOLD && (strstr(e.text, says) != NULL ||
	    strstr(e.hint, says) != NULL), "got %s \"%s\" (%s), want \"%s\"", outcome_word(e.class),
	    e.text, e.hint, says);
	pack_clear(&hook_facts_pack, &f);
	ck_assert_int_eq(hook_kamailio.reload(conf, NULL, &f, &e), HOOK_FAILED);
	pack_clear(&hook_facts_pack, &f);
}

START_TEST(a_missing_socket_is_a_hold)
{
	struct hook_conf conf;

	ctlpeer_dir(&peer);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "is Kamailio running");
}
END_TEST

START_TEST(a_stale_socket_is_a_hold)
{
	static const struct {
		int		 type;
		const char	*prefix;
	} rows[] = { { SOCK_STREAM, "unix" }, { SOCK_DGRAM, "unixd" } };
	struct hook_conf conf;

	ctlpeer_dir(&peer);
	(void)close(ctlpeer_bind_unix(rows[_i].type, peer.rpc + strlen("unix:")));
	(void)snprintf(peer.rpc, sizeof(peer.rpc), "%s:%s/ctl", rows[_i].prefix, peer.dir);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "stale");
}
END_TEST

START_TEST(a_port_that_nobody_has_is_a_hold)
{
	int type = _i == 0 ? SOCK_STREAM : SOCK_DGRAM;
	struct hook_conf conf;
	uint16_t port;

	ctlpeer_dir(&peer);
	(void)close(ctlpeer_bind_inet(type, &port));
	(void)snprintf(peer.rpc, sizeof(peer.rpc), "%s:127.0.0.1:%u", _i == 0 ? "tcp" : "udp", port);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "refused");
}
END_TEST

START_TEST(a_file_is_no_socket)
{
	struct hook_conf conf;
	FILE *f;

	ctlpeer_dir(&peer);
	f = fopen(peer.rpc + strlen("unix:"), "w");
	ck_assert_ptr_nonnull(f);
	(void)fclose(f);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "is no socket");
}
END_TEST

START_TEST(the_wrong_kind_of_socket_is_a_hold)
{
	const struct ctlpeer_script s = { .version = NULL };
	struct hook_conf conf;

	ctlpeer_start(&peer, &s, WIRE_UNIX);
	(void)snprintf(peer.rpc, sizeof(peer.rpc), "unixd:%s/ctl", peer.dir);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "unixd: for datagrams");
}
END_TEST

START_TEST(a_socket_that_we_may_not_write_to_is_a_hold)
{
	const struct ctlpeer_script s = { .version = NULL };
	struct hook_conf conf;

	ctlpeer_start(&peer, &s, WIRE_UNIX);
	ck_assert_int_eq(chmod(peer.dir, 0711), 0);
	ck_assert_int_eq(chmod(peer.rpc + strlen("unix:"), 0), 0);
	ck_assert(geteuid() != 0 || seteuid(NOBODY) == 0);
	conf = conf_of(peer.rpc);
	expect_hold(&conf, "must be able to write to the socket");
	ck_assert(getuid() != 0 || seteuid(0) == 0);
}
END_TEST

/* Root's sockets are always good; so, where the tests run as root, the peer is somebody else. */
START_TEST(a_peer_of_another_user_is_a_hold)
{
	const struct ctlpeer_script s = { .version = NULL };
	enum wire_kind kind = _i == 0 ? WIRE_UNIX : WIRE_UNIX_DGRAM;
	struct hook_conf conf;

	ck_assert(geteuid() != 0 || seteuid(NOBODY) == 0);
	ctlpeer_start(&peer, &s, kind);
	ck_assert(getuid() != 0 || seteuid(0) == 0);
	conf = conf_of(peer.rpc);
	conf.user = (char *)(uintptr_t)"daemon";
	expect_hold(&conf, "belongs to a process of user id");
	ck_assert_int_eq(peer.tale->reloads, 0);
}
END_TEST

START_TEST(a_peer_of_the_right_user_is_good)
{
	const struct ctlpeer_script s = { .version = NULL };
	struct passwd *pw = getpwuid(geteuid());
	struct hook_conf conf;
	struct hook_facts f;
	struct err e;

	ck_assert_ptr_nonnull(pw);
	ctlpeer_start(&peer, &s, _i == 0 ? WIRE_UNIX : WIRE_UNIX_DGRAM);
	conf = conf_of(peer.rpc);
	conf.user = pw->pw_name;
	ck_assert_msg(hook_kamailio.preflight(&conf, &f, &e) == 0, "%s", e.text);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

START_TEST(a_user_that_does_not_exist_is_a_hold)
{
	const struct ctlpeer_script s = { .version = NULL };
	struct hook_conf conf;

	ctlpeer_start(&peer, &s, WIRE_UNIX);
	conf = conf_of(peer.rpc);
	conf.user = (char *)(uintptr_t)"no such user";
	expect_hold(&conf, "there is none of that name");
}
END_TEST

/* --- the lock: K20 --- */

START_TEST(two_reloads_of_one_server_exclude_each_other)
{
	static const char *const rpcs[] = { NULL, "tcp:127.0.0.1:1", "unix:/no/such/folder/ctl" };
	struct hook_facts f;
	struct hook_conf conf;
	struct wire_addr a;
	struct err e;
	int first, second;

	ctlpeer_dir(&peer);
	conf = conf_of(rpcs[_i] != NULL ? rpcs[_i] : peer.rpc);
	conf.timeout = 0;
	ck_assert_int_eq(wire_addr_parse(conf.rpc, &a, &e), 0);
	ck_assert_msg(ctl_lock(&a, 0, &first, &e) == 0, "%s", e.text);
	ck_assert_int_eq(ctl_lock(&a, 0, &second, &e), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_int_eq(second, -1);
	ck_assert_int_eq(hook_kamailio.reload(&conf, NULL, &f, &e), HOOK_FAILED);
	ck_assert_msg(strstr(e.text, "another program is reloading") != NULL, "%s", e.text);
	(void)close(first);
	ck_assert_msg(ctl_lock(&a, 0, &second, &e) == 0, "%s", e.text);
	(void)close(second);
	pack_clear(&hook_facts_pack, &f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("kamailio");
	TCase *tc = tcase_create("kamailio");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, preflight_keeps_its_table, 0, NITEMS(preflights));
	tcase_add_loop_test(tc, preflight_tells_what_a_server_is, 0, NITEMS(natures));
	tcase_add_loop_test(tc, facts_are_those_of_the_server, WIRE_UNIX, WIRE_UDP + 1);
	tcase_add_loop_test(tc, a_reload_works_on_every_transport, WIRE_UNIX, WIRE_UDP + 1);
	tcase_add_test(tc, the_list_of_many_connections_is_not_asked_for);
	tcase_add_loop_test(tc, a_damaged_reply_is_never_taken_for_another, 0, 2);
	tcase_add_loop_test(tc, reload_keeps_its_table, 0, NITEMS(reloads));
	tcase_add_loop_test(tc, a_server_that_hangs_is_left_in_time, 0, 2);
	tcase_add_test(tc, the_hint_says_when_a_restart_is_needed);
	tcase_add_test(tc, a_missing_socket_is_a_hold);
	tcase_add_loop_test(tc, a_stale_socket_is_a_hold, 0, 2);
	tcase_add_loop_test(tc, a_port_that_nobody_has_is_a_hold, 0, 2);
	tcase_add_test(tc, a_file_is_no_socket);
	tcase_add_test(tc, the_wrong_kind_of_socket_is_a_hold);
	tcase_add_test(tc, a_socket_that_we_may_not_write_to_is_a_hold);
	tcase_add_loop_test(tc, a_peer_of_another_user_is_a_hold, 0, 2);
	tcase_add_loop_test(tc, a_peer_of_the_right_user_is_good, 0, 2);
	tcase_add_test(tc, a_user_that_does_not_exist_is_a_hold);
	tcase_add_loop_test(tc, two_reloads_of_one_server_exclude_each_other, 0, 3);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
