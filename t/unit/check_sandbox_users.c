/*
 * check_sandbox_users: the user that a role becomes, the rights that it keeps,
 * and the other users that it knows of (FAULTS S16, S17).
 */
#include <linux/capability.h>
#include <sys/syscall.h>

#include "suite.h"
#include "walled.h"

static int
look_at_itself(void)
{
	uint32_t version = _LINUX_CAPABILITY_VERSION_3;
	struct __user_cap_header_struct head = { version, 0 };
	struct __user_cap_data_struct caps[2] = { { 0 } };

	return geteuid() == 0 || getuid() == 0 || getgid() == 0 ? 1 :
	    syscall(SYS_capget, &head, caps) == 0 &&
	    (caps[0].effective | caps[0].permitted | caps[0].inheritable) != 0 ? 2 :
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ? 3 : 0;
}

START_TEST(root_becomes_a_user_without_rights)
{
	static const enum role roles[] = { ROLE_NET, ROLE_CONTROL, ROLE_COURIER };

	if (!is_root())
		return;
	start(false);
	for (size_t i = 0; i < NITEMS(roles); i++)
		ck_assert_int_eq(inside(roles[i], false, false, look_at_itself), 0);
	finish();
}
END_TEST

START_TEST(rights_are_kept_for_what_the_configuration_needs_only)
{
	static char root[] = "root", signal_type[] = "signal", pid_file[] = "/run/x.pid",
	    kamailio[] = "kamailio", restart[] = "restart";
	struct hook_conf hook = { .type = signal_type, .pid_file = pid_file };
	struct walls w;

	if (!is_root())
		return;
	challenge.webroot = NULL;
	for (int r = 0; r < ROLE_COUNT; r++) {
		ck_assert_int_eq(walls_for(&setup, (enum role)r, &w, &e), 0);
		ck_assert_msg(w.keep == 0 && w.uid > 0, "%s keeps %#jx as user %jd",
		    role_name((enum role)r), (uintmax_t)w.keep, (intmax_t)w.uid);
		pack_clear(&walls_pack, &w);
	}
	cert.user = root;
	cert.hooks = (struct list){ &hook, 1 };
	ck_assert_int_eq(walls_for(&setup, ROLE_KEEPER, &w, &e), 0);
	ck_assert_int_eq(w.keep, 1 << CAP_CHOWN | 1 << CAP_FOWNER | 1 << CAP_DAC_OVERRIDE);
	pack_clear(&walls_pack, &w);
	ck_assert_int_eq(walls_for(&setup, ROLE_COURIER, &w, &e), 0);
	ck_assert(w.keep == 1 << CAP_KILL && w.signals);
	pack_clear(&walls_pack, &w);
	ck_assert_int_eq(walls_for(&setup, ROLE_NET, &w, &e), 0);
	ck_assert_int_eq(w.keep, 0);
	pack_clear(&walls_pack, &w);
	/* systemd listens to root alone: also where it is to restart a Kamailio */
	hook = (struct hook_conf){ .type = kamailio, .unsafe_reload = restart };
	ck_assert_int_eq(walls_for(&setup, ROLE_COURIER, &w, &e), 0);
	ck_assert(w.keep == 0 && w.uid == 0);
	pack_clear(&walls_pack, &w);
}
END_TEST

/* A user of LDAP or sssd: known to the starter, and to be asked for over a socket. */
static void
know_somebody(void)
{
	static const int64_t groups[] = { 54321, 777 };
	struct user_entry *u;
	struct user_group *g;
	struct list users = { NULL, 0 };

	if ((u = list_add(&users, sizeof(*u))) == NULL)
		_exit(NOT_WALLED);
	*u = (struct user_entry){ .name = strdup("sip-of-ldap"), .uid = 54321, .gid = 54321 };
	for (size_t i = 0; i < NITEMS(groups); i++)
		if ((g = list_add(&u->groups, sizeof(*g))) != NULL)
			g->gid = groups[i];
	if ((u = list_add(&users, sizeof(*u))) == NULL)
		_exit(NOT_WALLED);
	*u = (struct user_entry){ .name = strdup("group-of-ldap"), .uid = -1, .gid = 778 };
	users_know(&users);
}

static int
ask_about_users(void)
{
	int64_t uid = 0, gid = 0;
	gid_t *groups;
	char *name;
	int n, in = 0;

	know_somebody();
	if (user_find("sip-of-ldap", &uid, &gid, &e) == -1 || uid != 54321 || gid != 54321)
		return 1;
	if (group_find("group-of-ldap", &gid, &e) == -1 || gid != 778)
		return 2;
	if (user_name(54321, &name, &e) == -1 || name == NULL || strcmp(name, "sip-of-ldap") != 0)
		return 3;
	if (user_groups(54321, 1, &groups, &n, &e) == -1)
		return 4;
	for (int i = 0; i < n; i++)
		in += groups[i] == 1 || groups[i] == 777;
	free(groups);
	free(name);
	if (in != 2)
		return 5;
	/* one is no user because there is a group of that name, and the others are asked for */
	if (user_find("group-of-ldap", &uid, &gid, &e) == 0 || e.class != OUT_HOLD ||
	    strstr(e.hint, "getent passwd group-of-ldap") == NULL)
		return 6;
	return user_find("root", &uid, &gid, &e) == 0 && uid == 0 ? 0 : 7;
}

START_TEST(users_that_a_role_could_not_ask_for_are_known_to_it)
{
	static const enum role roles[] = { ROLE_KEEPER, ROLE_CONTROL, ROLE_COURIER };

	start(false);
	for (size_t i = 0; i < NITEMS(roles); i++)
		ck_assert_int_eq(inside(roles[i], false, true, ask_about_users), 0);
	finish();
}
END_TEST

START_TEST(a_role_is_told_of_the_users_of_the_configuration)
{
	static char root[] = "root", daemon[] = "daemon", nobody[] = "nobody-of-that-name",
	    program[] = "program";
	struct hook_conf hooks[] = { { .type = program, .user = daemon },
		{ .type = program, .user = root }, { .type = program, .user = nobody } };
	const struct user_entry *u;
	struct walls w;

	cert.user = root;
	cert.group = daemon;
	cert.hooks = (struct list){ hooks, NITEMS(hooks) };
	for (int r = 0; r < ROLE_COUNT; r++) {
		ck_assert_msg(walls_for(&setup, (enum role)r, &w, &e) == 0, "%s", e.text);
		u = w.users.v;
		if (r == ROLE_NET || r == ROLE_ANSWER)
			ck_assert_uint_eq(w.users.n, 0);
		else {
			ck_assert_uint_eq(w.users.n, 3);
			ck_assert(strcmp(u[0].name, root) == 0 && u[0].uid == 0 &&
			    u[0].groups.n > 0);
			ck_assert(strcmp(u[1].name, daemon) == 0 && u[1].uid == -1 && u[1].gid > 0);
			ck_assert(strcmp(u[2].name, daemon) == 0 && u[2].uid > 0);
		}
		pack_clear(&walls_pack, &w);
	}
}
END_TEST

START_TEST(a_user_that_is_not_there_or_root_is_refused)
{
	static char *users[] = { (char *)(uintptr_t)"nobody-of-that-name", NULL };
	struct walls w;

	if (!is_root())
		return;
	users[0] = (char *)(uintptr_t)(_i == 0 ? "nobody-of-that-name" : "root");
	setup.config.role_users = (struct strs){ users, 1 };
	ck_assert_int_eq(walls_for(&setup, ROLE_KEEPER, &w, &e), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sandbox users");
	TCase *tc = tcase_create("walls");

	tcase_add_checked_fixture(tc, configure, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, root_becomes_a_user_without_rights);
	tcase_add_test(tc, rights_are_kept_for_what_the_configuration_needs_only);
	tcase_add_test(tc, users_that_a_role_could_not_ask_for_are_known_to_it);
	tcase_add_test(tc, a_role_is_told_of_the_users_of_the_configuration);
	tcase_add_loop_test(tc, a_user_that_is_not_there_or_root_is_refused, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
