/*
 * Each allocation of our own code, and of the JSON library for it, fails once
 * (FAULTS P07): the work ends with RETRY, nothing stays allocated, and no
 * name points at what is not whole. Linked with --wrap for the allocator.
 */
#include "acme/acme.h"
#include "allocator.h"

/* The CA itself has all the memory that it wants. */
static int acme_rc;
#define ARMED(call)	(armed = true, (call), armed = false)
#define acme_task_next(t, n, w, e) \
	(ARMED(acme_rc = acme_task_next(t, n, w, e)), acme_rc)
#define acme_task_reply(t, n, r)	ARMED(acme_task_reply(t, n, r))
#define acme_task_failed(t, e)		ARMED(acme_task_failed(t, e))
#define acme_task_signed(t, s)		ARMED(acme_task_signed(t, s))
#define acme_task_solved(t)		ARMED(acme_task_solved(t))
#define acme_task_csr(t, s)		ARMED(acme_task_csr(t, s))
#define acme_task_chain(t, take)	ARMED(acme_task_chain(t, take))
#define acme_task_waited(t)		ARMED(acme_task_waited(t))

#include "../unit/acmeca.h"
#include "../unit/conf.h"
#include "../unit/installed.h"
#include "../unit/suite.h"
#include "tlscfg.h"

int	 __wrap_fsync(int);

/* No power fails here. */
int
__wrap_fsync(int fd UNUSED)
{
	return 0;
}

/* --- works: 0, or -1 with e; nothing is left but what was there --- */

static char complaints[4096];

static void
note(void *arg UNUSED, const char *line)
{
	(void)snprintf(complaints, sizeof(complaints), "%s", line);
}

static int
work_config(void)
{
	struct config c;
	int rc = config_read(MAIN, &c, note, NULL, &e);

	if (rc == 0)
		pack_clear(&config_pack, &c);
	return rc;
}

static int
work_tlscfg(void)
{
	static const char text[] = "[server:default]\nmethod = TLSv1.2+\ncertificate = /c/a.pem\n"
	    "private_key = \"/c/a.key\"\n\n[server:192.0.2.1:5061]\nserver_name = sip.example.com\n"
	    "server_name_mode = 1\ncertificate = /c/b.pem\nprivate_key = /c/b.key\n"
	    "ca_list = ./ca.pem\n\n[client:default]\nverify_certificate = yes\n";
	const struct tlscfg_in in = { .text = span_str(text), .name = "tls.cfg", .release = -1,
		.base_dir = "/etc/kamailio", .work_dir = "/" };
	struct tlscfg c;
	int rc = tlscfg_read(&in, &c, &e);

	if (rc == 0)
		pack_clear(&tlscfg_pack, &c);
	return rc;
}

static int
work_chain(void)
{
	struct buf key, pem;
	int rc;

	buf_init(&key, KEY_PEM_MAX);
	buf_init(&pem, CHAIN_MAX);
	chain_put_full(two.chain, &pem);
	rc = key_to_pem(two.key, &key, &e);
	if (rc == 0)
		rc = !buf_ok(&pem) ? err_nomem(&e) :
		    check_again(NULL, buf_span(&key), buf_span(&pem), &e);
	buf_clear(&key);
	buf_clear(&pem);
	return rc;
}

static int
install_two(void)
{
	int64_t version;

	if (store_open(tree_path("state"), STORE_WORK, &store, &e) == -1 ||
	    store_cert_open(store, NAME, &cert, &e) == -1 ||
	    install_reserve(cert, 1, NULL, &e) == -1 || try_stage(&two, NULL, &version) == -1 ||
	    install_switch(cert, version, NOW, &e) == -1 || install_asked(cert, NOW, &e) == -1)
		return -1;
	return install_done(cert, NOW, &e);
}

static int
work_install(void)
{
	int rc = install_two();

	close_all();
	return rc;
}

static int
work_order(void)
{
	static struct ca ca;
	const struct acme_result *result;
	struct acme_session *s = NULL;
	struct acme_task *t = NULL;
	struct acme_job job;
	int rc = -1;

	memset(&ca, 0, sizeof(ca));
	ca.names = 2;
	ca.answered_at = ca.finalized_at = -1;
	ca.has_renewal = true;
	armed = false;
	job = ca_job(&ca, ACME_ORDER);
	armed = true;
	if ((s = acme_session_new(&ca_about, &e)) != NULL)
		t = acme_task_new(s, &job, &e);
	armed = false;
	if (t != NULL)
		rc = ca_run(&ca, t, &result, &e);
	acme_task_free(t);
	acme_session_free(s);
	pack_clear(&acme_job_pack, &job);
	return rc;
}

static const struct {
	const char	*name;
	int		(*work)(void);
	int		 least;		/* allocations */
} works[] = {
	{ "configuration", work_config, 20 },
	{ "tls.cfg", work_tlscfg, 10 },
	{ "chain", work_chain, 4 },
	{ "install", work_install, 20 },
	{ "order", work_order, 40 },
};

START_TEST(an_allocation_that_fails_is_a_retry_and_leaks_nothing)
{
	size_t w = (size_t)_i % NITEMS(works);
	const char *name = works[w].name;
	int rc;

	for_good = (size_t)_i >= NITEMS(works);
	do {
		allocator_reset();
		fails_at++;
		err_clear(&e);
		armed = true;
		rc = works[w].work();
		armed = false;
		ck_assert_msg(nlive == 0, "%s: allocation %d: %zu blocks are left", name, fails_at,
		    nlive);
		ck_assert_msg(unwiped == 0, "%s: allocation %d: %zu keys are left in free memory",
		    name, fails_at, unwiped);
		ck_assert_msg(rc == 0 || calls >= fails_at, "%s: %s", name, e.text);
		ck_assert_msg(rc == 0 || e.class == OUT_RETRY, "%s: allocation %d: %s: %s: %s",
		    name, fails_at, outcome_word(e.class), e.text, complaints);
		ck_assert_int_lt(fails_at, CALLS_MAX);
		ck_assert_msg(current_fits(), "%s: allocation %d", name, fails_at);
	} while (calls >= fails_at);
	ck_assert_msg(calls >= works[w].least, "%s: only %d allocations", name, calls);
}
END_TEST

static void
begin(void)
{
	start();
	deploy(stage(&one));
	close_all();
	ck_assert_int_eq(chdir(top), 0);
	tree_file(MAIN, "state-dir = \"/var/lib/kamcert\"\nca \"test\" {\n    directory = "
	    "\"https://ca.example/dir\"\n"
	    "    contact = { \"mailto:a@example.com\" }\n    agree-tos = true\n}\n"
	    "certificate \"sip.example.com\" {\n    names = { \"sip.example.com\", "
	    "\"b.example.com\" }\n"
	    "    challenge \"http-01\" { listen = \"127.0.0.1:80\" }\n"
	    "    hook \"kamailio\" {\n        rpc = \"unix:/run/ctl\"\n"
	    "        verify = { \"sips:127.0.0.1:5061\", \"sips:[::1]:5061\" }\n    }\n"
	    "    hook \"program\" { command = { \"/bin/true\", \"a\" } }\n}\n");
}

int
main(void)
{
	Suite *s = suite_create("memory");
	TCase *t = tcase_create("memory");

	tcase_add_unchecked_fixture(t, world_start, world_finish);
	tcase_add_checked_fixture(t, begin, finish);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, an_allocation_that_fails_is_a_retry_and_leaks_nothing, 0,
	    2 * (int)NITEMS(works));
	suite_add_tcase(s, t);
	return suite_run_forked(s);
}
