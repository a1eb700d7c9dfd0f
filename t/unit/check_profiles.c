/*
 * profiles: where files lead, and which of them would not load. The rows of
 * loads[] are those that Kamailio refuses.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles.h"
#include "suite.h"
#include "testca.h"
#include "tree.h"

/* top/name; a few of them live at the same time. */
static const char *
path_of(const char *name)
{
	static char paths[8][256];
	static size_t i;
	char *p = paths[i++ % NITEMS(paths)];

	(void)snprintf(p, sizeof paths[0], "%s/%s", top, name);
	return p;
}

static void
put(const char *name, struct span content)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, content.p, content.n), (ssize_t)content.n);
	(void)close(fd);
}

/* --- where files lead --- */

static const struct {
	const char	*what, *path, *cert;
	enum profiles_home want;
} homes[] = {
	{ "current", "state/certs/a/current/x.pem", "a", HOME_CURRENT },
	{ "current of any", "state/certs/a/current/x.pem", NULL, HOME_CURRENT },
	{ "current of another", "state/certs/a/current/x.pem", "b", HOME_FOREIGN },
	{ "of one whose name only begins so", "state/certs/ab/current/x.pem", "a", HOME_FOREIGN },
	{ "a version", "state/certs/a/versions/1/x.pem", "a", HOME_VERSION },
	{ "a link to a file that is not there yet", "file", "a", HOME_CURRENT },
	{ "a link to the folder", "folder/x.pem", "a", HOME_CURRENT },
	{ "a relative link", "tls/up", "a", HOME_VERSION },
	{ "a link to a link", "twice", "a", HOME_CURRENT },
	{ "links in a circle", "circle/x", NULL, HOME_FOREIGN },
	{ "dots", "tls/.././state//certs/a/current", "a", HOME_CURRENT },
	{ "another folder", "tls/x.pem", NULL, HOME_FOREIGN },
	{ "a relative path", NULL, NULL, HOME_FOREIGN },
};

START_TEST(links_are_followed_as_far_as_the_certificate)
{
	const char *path;
	char state[256];

	(void)snprintf(state, sizeof state, "%s/state", top);
	ck_assert_int_eq(mkdir(path_of("tls"), 0755), 0);
	ck_assert_int_eq(symlink(path_of("state/certs/a/current/x.pem"), path_of("file")), 0);
	ck_assert_int_eq(symlink(path_of("state/certs/a/current"), path_of("folder")), 0);
	ck_assert_int_eq(symlink("../state/certs/a/versions/2/x.pem", path_of("tls/up")), 0);
	ck_assert_int_eq(symlink(path_of("file"), path_of("twice")), 0);
	ck_assert_int_eq(symlink("circle", path_of("circle")), 0);
	path = homes[_i].path != NULL ? path_of(homes[_i].path) : "cert.pem";
	ck_assert_msg(profiles_home(path, state, homes[_i].cert) == homes[_i].want, "%s: got %d",
	    homes[_i].what, (int)profiles_home(path, state, homes[_i].cert));
}
END_TEST

/* --- what loads --- */

static const struct {
	const char	*what, *options;
	const char	*says;		/* NULL: it loads */
} loads[] = {
	{ "a pair", "certificate=leaf\nprivate_key=key\n", NULL },
	{ "both in one file", "certificate=both\nprivate_key=both\n", NULL },
	{ "a certificate without its key", "certificate=leaf\nprivate_key=\"\"\n", NULL },
	{ "a key elsewhere", "certificate=leaf\nprivate_key=/engine:x\n", NULL },
	{ "a key with a password that is given", "certificate=leaf\nprivate_key=junk\n"
	  "private_key_password=x\n", NULL },
	{ "an expired one", "certificate=old\nprivate_key=old\n", NULL },
	{ "a ca_list", "certificate=leaf\nprivate_key=key\nca_list=leaf\n", NULL },
	{ "two pairs", "certificate=leaf\nprivate_key=key\ncertificate2=rsa\nprivate_key2=rsa\n",
	    NULL },
	{ "a second pair that is none", "certificate=leaf\nprivate_key=key\ncertificate2=rsa\n"
	  "private_key2=old\n", "tls.cfg:5: [server:default]: private_key2: " },
	{ "a second certificate that is gone", "certificate=leaf\nprivate_key=key\n"
	    "certificate2=gone\n",
	  "tls.cfg:4: [server:default]: certificate2: " },
	{ "no file", "certificate=gone\nprivate_key=key\n",
	  "tls.cfg:2: [server:default]: certificate: " },
	{ "no key file", "certificate=leaf\nprivate_key=gone\n",
	  "tls.cfg:3: [server:default]: private_key: " },
	{ "junk", "certificate=junk\nprivate_key=key\n", "certificate that can be read" },
	{ "nothing", "certificate=empty\nprivate_key=key\n", "certificate that can be read" },
	{ "a certificate that is cut", "certificate=cut\nprivate_key=key\n",
	  "certificate that can be read" },
	{ "a second certificate that is cut", "certificate=second\nprivate_key=key\n",
	  "certificate that can be read" },
	{ "a key that is junk", "certificate=leaf\nprivate_key=junk\n", "no private key" },
	{ "another key of the type", "certificate=leaf\nprivate_key=old\n", "not the key" },
	{ "a key of another type", "certificate=leaf\nprivate_key=rsa\n", "not the key" },
	{ "a key without a certificate", "certificate=\"\"\nprivate_key=key\n",
	  "a key without a certificate" },
	{ "an empty ca_list", "certificate=leaf\nprivate_key=key\nca_list=empty\n",
	  "tls.cfg:4: [server:default]: ca_list: " },
	{ "a crl that is none", "certificate=leaf\nprivate_key=key\ncrl=junk\n", "crl: " },
	{ "a crl without a path", "certificate=leaf\nprivate_key=key\ncrl=\"\"\n",
	  "crl: want the path" },
};

static void
put_cert(const char *cert_name, const char *key_name, const struct testca_spec *spec)
{
	struct testca_cert *c = testca_root(spec);
	struct buf cert, key;

	buf_init(&cert, CHAIN_MAX);
	buf_init(&key, CHAIN_MAX);
	testca_put(c, &cert);
	testca_put_key(c, &key);
	put(key_name, buf_span(&key));
	if (strcmp(cert_name, key_name) == 0) {
		buf_put(&cert, buf_span(&key));
		put(cert_name, buf_span(&cert));
	} else {
		put(cert_name, buf_span(&cert));
		put("cut", span_of(cert.p, cert.n / 2));
		buf_put(&cert, span_of(cert.p, cert.n / 2));
		put("second", buf_span(&cert));
		testca_put(c, &key);
		put("both", buf_span(&key));
	}
	testca_free(c);
	buf_clear(&cert);
	buf_clear(&key);
}

START_TEST(what_kamailio_would_not_load_is_named_with_its_line)
{
	struct hook_facts f = { .tls_config = (char *)(uintptr_t)"tls.cfg", .config_dir = top };
	struct profiles_loaded loaded;
	struct tlscfg cfg = { 0 };
	char text[512];
	int rc;

	put_cert("leaf", "key", &(struct testca_spec){ .cn = "leaf" });
	put_cert("old", "old", &(struct testca_spec){ .cn = "old", .until = TESTCA_NOW / 2,
	    .from = 1 });
	put_cert("rsa", "rsa", &(struct testca_spec){ .cn = "rsa", .key = "rsa-2048" });
	put("junk", span_str("junk\n"));
	put("empty", SPAN_NONE);
	(void)snprintf(text, sizeof text, "[server:default]\n%s", loads[_i].options);
	put("tls.cfg", span_str(text));
	f.tls_config = (char *)(uintptr_t)path_of("tls.cfg");
	f.release = -1;
	ck_assert_msg(profiles_read(&f, &cfg, &e) == 0, "%s: %s", loads[_i].what, e.text);
	rc = profiles_load(&f, cfg.profiles.v, NULL, &loaded, &e);
	ck_assert_msg((rc == 0) == (loads[_i].says == NULL), "%s: got %d: %s", loads[_i].what, rc,
	    e.text);
	ck_assert_msg(rc == 0 || (e.class == OUT_HOLD && strstr(e.text, loads[_i].says) != NULL),
	    "%s: got \"%s\", want \"%s\"", loads[_i].what, e.text, loads[_i].says);
	ck_assert_msg(strstr(e.text, "PRIVATE") == NULL, "%s", e.text);
	profiles_unload(&loaded);
	pack_clear(&tlscfg_pack, &cfg);
}
END_TEST

/* --- before a deployment --- */

static const struct {
	const char	*what, *text;
	int64_t		 shm_free;
	const char	*says;		/* NULL: nothing holds */
} holds[] = {
	{ "all is well", "[server:default]\ncertificate=leaf\nprivate_key=key\n", INT64_MAX, NULL },
	{ "ours is not there yet", "[server:default]\ncertificate=state/certs/a/current/c\n"
	  "private_key=state/certs/a/current/k\n", INT64_MAX, NULL },
	{ "another is gone", "[server:default]\ncertificate=gone\nprivate_key=key\n", INT64_MAX,
	  "tls.cfg:2: " },
	{ "it cannot be parsed", "[server:default]\nfoo=bar\n", INT64_MAX, "unknown option 'foo'" },
	{ "memory for two profiles and ten processes", "[server:default]\ncertificate=leaf\n"
	  "private_key=key\n", 1000000 + 20 * 51200, NULL },
	{ "a little less", "[server:default]\ncertificate=leaf\nprivate_key=key\n",
	  1000000 + 20 * 51200 - 1, "of free shared memory" },
};

START_TEST(what_spoils_the_server_holds_and_a_broken_profile_is_told)
{
	struct hook_facts f = { .config_dir = top, .release = -1, .processes = 10,
	    .low_memory = 1000000, .shm_free = holds[_i].shm_free };
	enum outcome want;
	char state[256];
	int64_t count;
	int rc;

	(void)snprintf(state, sizeof state, "%s/state", top);
	put_cert("leaf", "key", &(struct testca_spec){ .cn = "leaf" });
	put("tls.cfg", span_str(holds[_i].text));
	f.tls_config = (char *)(uintptr_t)path_of("tls.cfg");
	rc = profiles_hold(&f, NULL, state, &count, &e);
	ck_assert_msg((rc == 0) == (holds[_i].says == NULL), "%s: got %d: %s", holds[_i].what, rc,
	    e.text);
	want = rc != 0 && strstr(holds[_i].says, "tls.cfg:2: ") != NULL ? OUT_FINDING : OUT_HOLD;
	ck_assert_msg(rc == 0 || (e.class == want && strstr(e.text, holds[_i].says) != NULL),
	    "%s: got \"%s\", want \"%s\"", holds[_i].what, e.text, holds[_i].says);
}
END_TEST

START_TEST(a_tls_cfg_that_cannot_be_found_holds_nothing)
{
	static const char *const paths[] = { NULL, "tls.cfg", "/nonexistent/tls.cfg" };
	struct tlscfg cfg;
	int64_t count;

	for (size_t i = 0; i < NITEMS(paths); i++) {
		const struct hook_facts f = { .tls_config = (char *)(uintptr_t)paths[i] };

		err_clear(&e);
		ck_assert_int_eq(profiles_hold(&f, NULL, "/s", &count, &e), 0);
		ck_assert_int_eq(count, 0);
		ck_assert_int_eq(profiles_read(&f, &cfg, &e), -1);
		ck_assert_ptr_null(cfg.profiles.v);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("profiles");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, tree_start, tree_finish);
	tcase_add_loop_test(t, links_are_followed_as_far_as_the_certificate, 0, NITEMS(homes));
	tcase_add_loop_test(t, what_kamailio_would_not_load_is_named_with_its_line, 0,
	    NITEMS(loads));
	tcase_add_loop_test(t, what_spoils_the_server_holds_and_a_broken_profile_is_told, 0,
	    NITEMS(holds));
	tcase_add_test(t, a_tls_cfg_that_cannot_be_found_holds_nothing);
	suite_add_tcase(s, t);
	return suite_run(s);
}
