/*
 * hook "kamailio", before anything is said: who is there behind a control
 * socket (FAULTS K01), and who else is telling this server (K20).
 */
#include <check.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hooks/ctl.h"
#include "hooks/private.h"

#include "ctlpeer.h"
#include "suite.h"

#define NOBODY		65534
#define PATIENCE_S	100

static struct ctlpeer peer;

static void
setup(void)
{
	memset(&peer, 0, sizeof(peer));
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
	(void)snprintf(peer.rpc, sizeof(peer.rpc), "%s:127.0.0.1:%u", _i == 0 ? "tcp" : "udp",
	    port);
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
	ck_assert_int_eq(hook_kamailio.reload(&conf, NULL, &f, &e), HOOK_LATER);
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
	Suite *s = suite_create("ctl");
	TCase *tc = tcase_create("ctl");

	tcase_add_checked_fixture(tc, setup, teardown);
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
	return suite_run(s);
}
