/*
 * check_acme_urls: URLs that lead elsewhere, in every field of every object:
 * rows A18, A19 of FAULTS.md.
 */
#include "acmerun.h"
#include "suite.h"

static const char *const bad_urls[] = {
	"http://ca.example/x", "file:///etc/passwd", "ftp://ca.example/x", "gopher://ca.example/x",
	"data:text/plain,x", "javascript:alert(1)", "unix:/run/kamailio_ctl", "/x", "x", "",
	"//ca.example/x", "https:/ca.example/x", "https://", "https://user@ca.example/x",
	"https://ca.example@evil.example/x", "https://ca.example.evil.example/x",
	"https://evil.example/x", "https://ca.example:444/x", "https://ca.example:0/x",
	"https://127.0.0.1/x", "https://[::1]/x", "https://localhost/x",
	    "https://169.254.169.254/x",
	"https://10.0.0.1/x", "https://192.168.1.1/x", "https://[fe80::1]/x", "https://0x7f.1/x",
	"https://ca.example/a b", "https://ca.example\\@evil.example/", "https://ca.example/#x",
	"https://ca.example/\xc3\xa9",
};

/* "@" is where the URL goes. */
static const struct {
	const char	*what;
	const char	*path;
	unsigned	 from;
	const char	*reply;
	enum acme_kind	 kind;
} fields[] = {
#define DIR_URLS(a, b, c, rest) JSON_REPLY("{\"newNonce\":\"" a "\",\"newAccount\":\"" b \
	"\",\"newOrder\":\"" c "\"" rest "}")
	{ "newNonce", "/dir", 1, DIR_URLS("%", CA_URL "/a", CA_URL "/o", ""), ACME_DIRECTORY },
	{ "newAccount", "/dir", 1, DIR_URLS(CA_URL "/n", "%", CA_URL "/o", ""), ACME_DIRECTORY },
	{ "newOrder", "/dir", 1, DIR_URLS(CA_URL "/n", CA_URL "/a", "%", ""), ACME_DIRECTORY },
	{ "keyChange", "/dir", 1, DIR_URLS(CA_URL "/n", CA_URL "/a", CA_URL "/o",
	  ",\"keyChange\":\"%\""), ACME_DIRECTORY },
	{ "revokeCert", "/dir", 1, DIR_URLS(CA_URL "/n", CA_URL "/a", CA_URL "/o",
	  ",\"revokeCert\":\"%\""), ACME_DIRECTORY },
	{ "renewalInfo", "/dir", 1, DIR_URLS(CA_URL "/n", CA_URL "/a", CA_URL "/o",
	  ",\"renewalInfo\":\"%\""), ACME_DIRECTORY },
	{ "authorizations", "/order", 1, MADE("{\"status\":\"pending\"," IDS ",\"authorizations\":"
	  "[\"%\"]," FINAL "}"), ACME_ORDER },
	{ "finalize", "/order", 1, MADE("{\"status\":\"pending\"," IDS "," AUTHZ_1
	  ",\"finalize\":\"%\"}"), ACME_ORDER },
	{ "challenge", "/authz", 1, AUTHZ("pending", "{\"type\":\"http-01\",\"status\":\"pending\","
	  "\"url\":\"%\",\"token\":\"" CA_TOKEN "\"}"), ACME_ORDER },
	{ "certificate", "/o/1", 2, JSON_REPLY("{\"status\":\"valid\",\"certificate\":\"%\"}"),
	  ACME_ORDER },
	{ "orders", "/acct/7", 1, JSON_REPLY("{\"status\":\"valid\",\"orders\":\"%\"}"),
	    ACME_ORDERS },
	{ "order of the list", "/orders/1", 1, JSON_REPLY("{\"orders\":[\"%\"]}"), ACME_ORDERS },
};

static char *
fill_in(const char *reply, const char *url)
{
	const char *mark = strchr(reply, '%');
	size_t n = strlen(reply) + strlen(url) + 1;
	char *s = malloc(n);

	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_nonnull(mark);
	(void)snprintf(s, n, "%.*s%s%s", (int)(mark - reply), reply, url, mark + 1);
	return s;
}

START_TEST(urls_that_lead_elsewhere_are_held)
{
	size_t field = (size_t)_i / NITEMS(bad_urls), which = (size_t)_i % NITEMS(bad_urls);
	struct ca_fault f = { fields[field].path, fields[field].from, 0, NULL };
	struct acme_job j = ca_job(ca, fields[field].kind);
	char *backslashed = NULL;
	enum acme_trouble trouble;
	struct err e;

	/* As JSON has it. */
	if (strchr(bad_urls[which], '\\') != NULL)
		backslashed = fill_in("https://ca.example\\\\%", "evil.example/");
	f.reply = fill_in(fields[field].reply, backslashed != NULL ? backslashed : bad_urls[which]);
	ca->fault = &f;
	ck_assert_msg(run(&j, &e, &trouble) == -1, "%s: %s: got success", fields[field].what,
	    bad_urls[which]);
	ck_assert_msg(e.class == OUT_HOLD, "%s: %s: %s", fields[field].what, bad_urls[which],
	    e.text);
	/* ca_receive() has seen to it that nothing was sent elsewhere. */
	free((void *)(uintptr_t)f.reply);
	free(backslashed);
}
END_TEST

START_TEST(a_location_that_leads_elsewhere_is_held)
{
	static const char *const urls[] = { "http://ca.example/o/1", "https://evil.example/o/1",
	    "//evil.example/o/1", "o/1", "file:///o/1" };
	struct ca_fault f = { "/order", 1, 0, fill_in("HTTP/1.1 201 Made\r\nReplay-Nonce: @\r\n"
	    "Content-Type: application/json\r\nLocation: %\r\n\r\n" ORDER("pending"), urls[_i]) };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->fault = &f;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_msg(strstr(e.text, "Location") != NULL, "%s", e.text);
	free((void *)(uintptr_t)f.reply);
}
END_TEST

static const struct {
	const char	*directory;
	const char	*host;		/* of hosts, or NULL */
	const char	*url;
	bool		 ok;
} places[] = {
	{ "https://ca.example/dir", NULL, "https://ca.example/x?y=z", true },
	{ "https://ca.example/dir", NULL, "https://CA.Example/x", true },
	{ "https://ca.example/dir", NULL, "https://ca.example:443/x", true },
	{ "https://ca.example/dir", NULL, "https://ca.example:8443/x", false },
	{ "https://ca.example/dir", "b.example", "https://b.example/x", true },
	{ "https://ca.example/dir", "b.example", "https://a.b.example/x", false },
	{ "https://ca.example/dir", "b.example", "http://b.example/x", false },
	{ "https://ca.example/dir", "b.example", "https://b.example:8443/x", false },
	{ "https://ca.example/dir", "b.example:8443", "https://b.example:8443/x", true },
	{ "https://ca.example/dir", "b.example:8443", "https://b.example/x", false },
	{ "https://ca.example/dir", "127.0.0.1", "https://127.0.0.1/x", true },
	{ "https://ca.example/dir", "[::1]:14000", "https://[::1]:14000/x", true },
	{ "https://ca.example/dir", "::1", "https://[::1]/x", true },
	{ "https://ca.example/dir", "::1", "https://[::1]:14000/x", false },
	{ "https://127.0.0.1:14000/dir", NULL, "https://127.0.0.1:14000/x", true },
	{ "https://127.0.0.1:14000/dir", NULL, "https://127.0.0.1:22/x", false },
	{ "https://127.0.0.1:14000/dir", NULL, "https://localhost:14000/x", false },
	{ "https://127.0.0.1:14000/dir", "localhost", "https://localhost:14000/x", true },
	{ "https://[::1]:14000/dir", NULL, "https://[::1]:14000/x", true },
	{ "https://ca.example/dir", "", "https://b.example/x", false },
	{ "https://ca.example/dir", "a b", "https://b.example/x", false },
};

START_TEST(urls_keep_the_table_of_places)
{
	struct acme_ca about = { .directory = (char *)(uintptr_t)places[_i].directory };
	struct err e;
	int rc;

	if (places[_i].host != NULL)
		ck_assert_int_eq(strs_add(&about.hosts, places[_i].host), 0);
	rc = acme_url_check(&about, "order", places[_i].url, &e);
	ck_assert_msg((rc == 0) == places[_i].ok, "row %d: %s", _i, places[_i].url);
	ck_assert(rc == 0 || e.class == OUT_HOLD);
	strs_clear(&about.hosts);
}
END_TEST

START_TEST(a_ca_without_https_has_no_session)
{
	static const char *const dirs[] = { "http://ca.example/dir", "file:///dir", "ca.example",
	    "", NULL };
	struct acme_ca about = { .directory = (char *)(uintptr_t)dirs[_i] };
	struct err e;

	ck_assert_ptr_null(acme_session_new(&about, &e));
	ck_assert_int_eq(e.class, OUT_HOLD);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("acme_urls");
	TCase *tc = tcase_create("acme_urls");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, urls_that_lead_elsewhere_are_held, 0,
	    NITEMS(fields) * NITEMS(bad_urls));
	tcase_add_loop_test(tc, a_location_that_leads_elsewhere_is_held, 0, 5);
	tcase_add_loop_test(tc, urls_keep_the_table_of_places, 0, NITEMS(places));
	tcase_add_loop_test(tc, a_ca_without_https_has_no_session, 0, 5);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
