/*
 * discover: what is proposed is a configuration that kamcert reads, and says
 * what was found.
 */
#include "conf.h"

#include "discover.h"
#include "kamcfg.h"
#include "suite.h"
#include "testca.h"

static struct discovery d;
static struct kamcfg kamailio;
static struct buf out;

static void
put(const char *file, const char *names, const char *key)
{
	struct testca_cert *c = testca_root(&(struct testca_spec){ .cn = "x", .names = names,
	    .key = key });
	struct buf pem;

	buf_init(&pem, CHAIN_MAX);
	testca_put_key(c, &pem);	/* combined files are found too */
	testca_put(c, &pem);
	tree_file(file, buf_cstr(&pem));
	buf_clear(&pem);
	testca_free(c);
}

static void
start(void)
{
	conf_start();
	buf_init(&out, 1 << 20);
	tree_dir("le", 0755);
	tree_dir("le/renewal", 0755);
	tree_dir("le/live", 0755);
	tree_dir("le/archive", 0755);
}

static void
finish(void)
{
	pack_clear(&discovery_pack, &d);
	pack_clear(&kamcfg_pack, &kamailio);
	buf_clear(&out);
	conf_finish();
}

static void
lineage(const char *name, const char *settings)
{
	char file[128], to[128], dir[128];

	(void)snprintf(file, sizeof file, "le/renewal/%s.conf", name);
	tree_file(file, settings);
	(void)snprintf(dir, sizeof dir, "le/live/%s", name);
	tree_dir(dir, 0755);
	(void)snprintf(file, sizeof file, "le/live/%s/fullchain.pem", name);
	(void)snprintf(to, sizeof to, "../../archive/%s.pem", name);
	ck_assert_int_eq(symlinkat(to, at, file), 0);
}

/*
 * All of it, through the parser of kamcert.conf; lines that are comments only
 * for caution count too.
 */
static void
propose(const char *tls_cfg)
{
	char path[160], certbot[160];

	tree_file("tls.cfg", tls_cfg);
	(void)snprintf(certbot, sizeof certbot, "%s/le", top);
	(void)snprintf(path, sizeof path, "%s/kamailio.cfg", top);
	ck_assert_msg(kamcfg_read(path, &kamailio, &e) == 0, "%s", e.text);
	ck_assert_msg(discover_certbot(certbot, &d, &e) == 0, "%s", e.text);
	(void)snprintf(path, sizeof path, "%s/tls.cfg", top);
	ck_assert_msg(discover_profiles(path, &kamailio, &d, &e) == 0, "%s", e.text);
	discover_write(&d, &kamailio, &out);
	ck_assert(buf_ok(&out));
	tree_file(MAIN, buf_cstr(&out));
	ck_assert_msg(read_config(MAIN) == 0, "%s\n%s", buf_cstr(&said), buf_cstr(&out));
}

static bool
has(const char *text)
{
	return strstr(buf_cstr(&out), text) != NULL;
}

static const struct cert_conf *
cert(const char *name)
{
	const struct cert_conf *c = config_cert(&cfg, name);

	ck_assert_msg(c != NULL, "%s is not in\n%s", name, buf_cstr(&out));
	return c;
}

START_TEST(what_is_there_is_proposed)
{
	const struct challenge_conf *ch;
	const struct hook_conf *h;
	const struct cert_conf *c;

	put("le/archive/sip.example.org.pem", "DNS:sip.example.org,DNS:example.org", "ecdsa-p256");
	put("le/archive/www.example.org.pem", "DNS:www.example.org", NULL);
	put("le/archive/wild.pem", "DNS:*.example.net", "rsa-2048");
	put("own.pem", "DNS:own.example.org,IP:192.0.2.9", "rsa-3072");
	lineage("sip.example.org", "version = 2\nfullchain = /etc/letsencrypt/x\n[renewalparams]\n"
	    "authenticator = webroot\nwebroot_path = /var/www/html,\n"
	    "server = https://acme-v02.api.letsencrypt.org/directory\n"
	    "renew_hook = systemctl reload \"kamailio\"\x1b[31m\n");
	lineage("wild", "[renewalparams]\nauthenticator = dns-cloudflare\n"
	    "server = https://ca.example.com/dir\n");
	lineage("www.example.org", "[renewalparams]\nauthenticator = nginx\n");
	tree_file("kamailio.cfg", "loadmodule \"ctl.so\"\nmodparam(\"ctl\",\"binrpc\","
	    "\"tcp:0.0.0.0:2046\")\n"
	    "modparam(\"ctl\",\"binrpc\",\"unixs:/run/k/ctl\")\nlisten=tls:0.0.0.0:5061\n"
	    "listen=tls:192.0.2.1:5071\nlisten=tls:eth0:5061\nmodparam(\"tls\",\"config\","
	    "\"tls.cfg\")\n");
	propose("[server:default]\ncertificate = ./none\n"
	    "[server:192.0.2.1:5061]\ncertificate = le/live/sip.example.org/fullchain.pem\n"
	    "private_key = x\n[client:default]\ncertificate = "
	    "le/live/sip.example.org/fullchain.pem\n"
	    "[server:any]\nserver_name = a.example.net\ncertificate = le/live/wild/fullchain.pem\n"
	    "[server:any]\nserver_name = own.example.org\ncertificate = own.pem\n");

	c = cert("sip.example.org");
	ch = c->challenges.v;
	h = c->hooks.v;
	expect_strs(&c->names, "sip.example.org example.org");
	expect_strs(&c->ca, "letsencrypt");
	expect_strs(&c->key, "ecdsa-p256");
	ck_assert_str_eq(ch->webroot, "/var/www/html");
	ck_assert_str_eq(h->rpc, "unix:/run/k/ctl");
	expect_strs(&h->verify, "sips:127.0.0.1:5061 sips:192.0.2.1:5071");
	ck_assert(has("#profiles = { \"server:192.0.2.1:5061\", \"client:default\" }"));
	ck_assert(has("certbot ran afterwards: systemctl reload \"kamailio\""));
	ck_assert_ptr_null(strchr(buf_cstr(&out), '\033'));

	c = cert("example.net");
	ch = c->challenges.v;
	ck_assert_str_eq(ch->type, "dns-01");
	expect_strs(&c->key, "rsa-2048");
	ck_assert_str_eq(config_ca(&cfg, c->ca.v[0])->directory, "https://ca.example.com/dir");
	expect_strs(&cert("own.example.org")->names, "own.example.org 192.0.2.9");

	ck_assert_ptr_null(config_cert(&cfg, "www.example.org"));
	ck_assert(has("# Left to certbot, as no profile of tls.cfg uses it: www.example.org"));
	ck_assert(has("tls.cfg:1: [server:default]: "));
	ck_assert(has("A listener to be added by its address: eth0:5061"));
	ck_assert(!config_ca(&cfg, "letsencrypt")->agree_tos);
	pack_clear(&config_pack, &cfg);
}
END_TEST

START_TEST(odd_certificates_do_not_spoil_it)
{
	put("a.pem", "DNS:a.example.org", NULL);
	put("b.pem", "DNS:a.example.org,DNS:localhost", NULL);
	put("c.pem", NULL, NULL);
	put("v6.pem", "IP:2001:db8::1", NULL);
	tree_file("broken.pem", "-----BEGIN CERTIFICATE-----\nxx\n");
	tree_file("kamailio.cfg", "loadmodule \"jsonrpcs.so\"\nmodparam(\"jsonrpcs\","
	    "\"dgram_socket\",\"/run/x\")\n");
	propose("[server:default]\ncertificate = a.pem\n[server:any]\nserver_name=b\n"
	    "certificate=b.pem\n"
	    "[server:any]\nserver_name=\"c\\\"d\"\ncertificate=c.pem\n[server:any]\n"
	    "server_name=v6\n"
	    "certificate=v6.pem\n[server:any]\nserver_name=br\ncertificate=broken.pem\n");
	ck_assert_uint_eq(cfg.certs.n, 3);
	expect_strs(&cert("a.example.org-2")->names, "a.example.org");
	expect_strs(&cert("2001-db8--1")->names, "2001:db8::1");
	ck_assert_str_eq(((struct hook_conf *)cert("a.example.org")->hooks.v)->rpc,
	    "jsonrpc+unixd:/run/x");
	ck_assert(has("Left alone, as it names no host: "));
	ck_assert(has("no certificate that can be read"));
	pack_clear(&config_pack, &cfg);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("discover");
	TCase *tc = tcase_create("discover");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_test(tc, what_is_there_is_proposed);
	tcase_add_test(tc, odd_certificates_do_not_spoil_it);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
