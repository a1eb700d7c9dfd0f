/*
 * check_keeper_keys: a key that is used again, and one that is made ahead:
 * whatever happens on the way, the key that was announced is the one that comes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/fs.h"
#include "fakes.h"
#include "suite.h"

#define ACTIVE	"certs/a.example.com/current/privkey.pem"
#define NEXT	"certs/a.example.com/next/ecdsa.pem"

static bool ahead;		/* next-key, else reuse-key */

static void
again(void)
{
	fake_reset();
	script.next_key = ahead;
	script.reuse_key = !ahead;
}

/* Of a file with a key; "" without one. The caller frees. */
static char *
text_of(const char *name)
{
	struct err why = ERR_NONE;
	struct buf b;
	char *text;

	buf_init(&b, 65536);
	if (fs_read_path(fake_path(name), 65536, &b, &why) == -1)
		ck_assert_msg(why.sys == ENOENT || why.sys == ENOTDIR, "%s", why.text);
	text = strdup(buf_cstr(&b));
	buf_clear(&b);
	return text;
}

static void
expect(const char *name, const char *want, bool same)
{
	char *have = text_of(name);

	ck_assert_msg(have[0] != '\0', "%s is missing", name);
	ck_assert_msg((strcmp(have, want) == 0) == same, "%s: %s", name, same ? "another key" :
	    "the same key");
	free(have);
}

START_TEST(a_reused_key_gets_another_certificate)
{
	char *key;

	ahead = false;
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	key = text_of(ACTIVE);
	again();
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
	fake_check_active(0);
	expect(ACTIVE, key, true);
	/* what was revoked is not used again */
	again();
	fake_run_to(CMD_REVOKE, OUT_OK);
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 3);
	expect(ACTIVE, key, false);
	free(key);
}
END_TEST

/* FAULTS A29 */
START_TEST(a_reused_key_does_not_let_the_old_certificate_in)
{
	ahead = false;
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	/* also where the serial numbers of before were lost */
	if (_i == 1)
		ck_assert_int_eq(remove(fake_path("certs/a.example.com/record.json")), 0);
	again();
	script.setup.force = script.swaps = true;
	fake_run_to(CMD_RENEW, OUT_REFUSE);
	ck_assert_int_eq(fake_look(0).version, 1);
}
END_TEST

START_TEST(the_next_key_comes_and_another_one_follows)
{
	char *next;

	ahead = true;
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	next = text_of(NEXT);
	expect(ACTIVE, next, false);
	again();
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	expect(ACTIVE, next, true);
	expect(NEXT, next, false);
	free(next);
}
END_TEST

START_TEST(killed_anywhere_the_announced_key_comes)
{
	char *next;

	ahead = true;
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	next = text_of(NEXT);
	again();
	script.setup.force = true;
	script.kill_at = (unsigned)_i;
	fake_run(CMD_RENEW);
	again();
	script.setup.force = fake_look(0).version == 1 && fake_look(0).pending == PENDING_NONE;
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_int_eq(fake_look(0).version, 2);
	expect(ACTIVE, next, true);
	/* at the latest by a run that has nothing else to do */
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	expect(NEXT, next, false);
	free(next);
}
END_TEST

START_TEST(a_way_back_leaves_the_next_key_as_it_is)
{
	char *first, *next;

	ahead = true;
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	first = text_of(ACTIVE);
	next = text_of(NEXT);
	again();
	script.setup.force = true;
	script.reload[0] = RELOAD_LIES;
	fake_run_to(CMD_RENEW, OUT_ROLLBACK);
	expect(ACTIVE, first, true);
	expect(NEXT, next, true);
	again();
	script.setup.force = true;
	fake_run_to(CMD_RENEW, OUT_OK);
	expect(ACTIVE, next, true);
	expect(NEXT, next, false);
	free(first);
	free(next);
}
END_TEST

START_TEST(a_next_key_that_is_damaged_is_made_anew)
{
	FILE *f;

	ahead = true;
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	ck_assert_ptr_nonnull(f = fopen(fake_path(NEXT), "we"));
	ck_assert_int_ge(fputs("no key\n", f), 0);
	ck_assert_int_eq(fclose(f), 0);
	again();
	fake_run_to(CMD_RENEW, OUT_OK);
	expect(NEXT, "no key\n", false);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keeper_keys");
	TCase *t = tcase_create("keys");

	tcase_add_checked_fixture(t, fake_start, fake_finish);
	tcase_add_test(t, a_reused_key_gets_another_certificate);
	tcase_add_loop_test(t, a_reused_key_does_not_let_the_old_certificate_in, 0, 2);
	tcase_add_test(t, the_next_key_comes_and_another_one_follows);
	tcase_add_loop_test(t, killed_anywhere_the_announced_key_comes, 4, 20);
	tcase_add_test(t, a_way_back_leaves_the_next_key_as_it_is);
	tcase_add_test(t, a_next_key_that_is_damaged_is_made_anew);
	suite_add_tcase(s, t);
	return suite_run(s);
}
