/*
 * discover: the proposal, as text. What cannot be known is a comment, and
 * nothing is agreed to in the operator's name.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "discover.h"
#include "hooks/ctl.h"
#include "kamcfg.h"
#include "version.h"

#define LE_DIRECTORY	"https://acme-v02.api.letsencrypt.org/directory"
#define JSONRPC_DEFAULT	"/run/kamailio/kamailio_rpc.sock"
#define TITLE_MAX	200

struct writing {
	const struct discovery	*d;
	const struct kamcfg	*kamailio;
	struct strs		 servers;	/* URLs of CAs, in the order of their sections */
	struct strs		 titles;	/* of certificates */
	struct buf		*out;
};

static const struct lineage *
lineage_at(const struct discovery *d, int64_t i)
{
	return i >= 0 ? (const struct lineage *)d->lineages.v + i : NULL;
}

/* In quotes, as kamcert.conf takes it. */
static void
put_text(struct buf *out, const char *text)
{
	buf_u8(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_u8(out, '\\');
		buf_u8(out, (uint8_t)*text);
	}
	buf_u8(out, '"');
}

static void
put_list(struct buf *out, const char *indent, const char *name, const struct strs *list)
{
	buf_printf(out, "%s%s = { ", indent, name);
	for (size_t i = 0; i < list->n; i++) {
		buf_str(out, i > 0 ? ", " : "");
		put_text(out, list->v[i]);
	}
	buf_str(out, " }\n");
}

/* Text of files on the way into a comment: one line. */
static void
put_comment(struct buf *out, const char *indent, const char *before, const char *text)
{
	char clean[ERR_TEXT_MAX];

	text_clean(clean, sizeof clean, span_str(text));
	buf_printf(out, "%s# %s%s\n", indent, before, clean);
}

/* --- certificate authorities --- */

static const char *
server_of(const struct lineage *l)
{
	struct url u;
	struct err e;

	return l == NULL || l->server == NULL || text_url(l->server, &u, &e) == -1 ||
	    strcmp(u.scheme, "https") != 0 ? LE_DIRECTORY : l->server;
}

static void
ca_title(const struct writing *w, size_t i, char out[TITLE_MAX])
{
	if (strcmp(w->servers.v[i], LE_DIRECTORY) == 0)
		(void)snprintf(out, TITLE_MAX, "letsencrypt");
	else
		(void)snprintf(out, TITLE_MAX, "ca-%zu", i + 1);
}

static size_t
ca_of(const struct writing *w, const char *server)
{
	size_t i = 0;

	while (i < w->servers.n && strcmp(w->servers.v[i], server) != 0)
		i++;
	return i;
}

static void
put_cas(struct writing *w)
{
	char title[TITLE_MAX];

	for (size_t i = 0; i < w->servers.n; i++) {
		ca_title(w, i, title);
		buf_printf(w->out, "ca \"%s\" {\n    directory = ", title);
		put_text(w->out, w->servers.v[i]);
		buf_str(w->out, "\n    # An address where this CA may reach you.\n"
		    "    #contact   = { \"mailto:voip@example.com\" }\n"
		    "    # Say true when you have read its terms of service and agree to them.\n"
		    "    agree-tos = false\n}\n\n");
	}
}

/* --- challenges --- */

static bool
has_wildcard(const struct strs *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->v[i][0] == '*')
			return true;
	return false;
}

static void
put_challenge(struct writing *w, const struct lineage *l, const struct strs *names)
{
	const char *how = l != NULL && l->authenticator != NULL ? l->authenticator : "";

	if (how[0] != '\0')
		put_comment(w->out, "    ", "certbot proved the names by: ", how);
	if (has_wildcard(names) || strncmp(how, "dns-", 4) == 0 || strcmp(how, "manual") == 0) {
		buf_str(w->out, "    # Put in the program that changes your DNS: "
		    "kamcert-hooks(7).\n"
		    "    challenge \"dns-01\" {\n        program = { "
		    "\"/usr/libexec/kamcert/dns-nsupdate\", \"-k\", \"/etc/kamcert/tsig.key\" }\n"
		    "    }\n");
		return;
	}
	if (strcmp(how, "webroot") == 0 && l->webroot != NULL && l->webroot[0] == '/') {
		buf_str(w->out, "    challenge \"http-01\" { webroot = ");
		put_text(w->out, l->webroot);
		buf_str(w->out, " }\n");
		return;
	}
	if (how[0] != '\0' && strcmp(how, "standalone") != 0)
		buf_str(w->out, "    # A web server on port 80 must let kamcert have it, "
		    "or name its document root: webroot.\n");
	buf_str(w->out, "    challenge \"http-01\" { listen = { \"[::]:80\" } }\n");
}

/* --- hooks --- */

static bool
is_reachable(const char *rpc, struct wire_addr *a)
{
	struct err e;

	return wire_addr_parse(rpc, a, &e) == 0 && !a->remote;
}

/* The first of Kamailio's control sockets that kamcert would use. */
static void
put_rpc(struct writing *w)
{
	const struct kamcfg *k = w->kamailio;
	char rpc[sizeof(((struct wire_addr *)0)->text)];
	struct wire_addr a;

	for (size_t i = 0; i < k->binrpc.n; i++)
		if (is_reachable(k->binrpc.v[i], &a)) {
			buf_str(w->out, "        rpc    = ");
			put_text(w->out, a.text);
			buf_str(w->out, "\n");
			return;
		}
	if (k->has_ctl || !k->has_jsonrpcs) {
		if (!k->has_ctl)
			buf_str(w->out, "        # Kamailio's module ctl, or jsonrpcs, must be "
			    "loaded.\n");
		buf_str(w->out, "        rpc    = \"" CTL_DEFAULT "\"\n");
		return;
	}
	(void)snprintf(rpc, sizeof rpc, "jsonrpc+unixd:%s", k->jsonrpc != NULL ? k->jsonrpc :
	    JSONRPC_DEFAULT);
	buf_str(w->out, "        rpc    = ");
	put_text(w->out, is_reachable(rpc, &a) ? a.text : "jsonrpc+unixd:" JSONRPC_DEFAULT);
	buf_str(w->out, "\n");
}

/* An address that says "all of them" is looked at from this host. */
static bool
listener_url(const char *listener, char *out, size_t size)
{
	static const char *const all[] = { "0.0.0.0:", "*:", "any:" };
	struct wire_listener l;
	const char *port = strrchr(listener, ':');
	struct err e;

	for (size_t i = 0; i < NITEMS(all); i++)
		if (strncmp(listener, all[i], strlen(all[i])) == 0) {
			(void)snprintf(out, size, "sips:127.0.0.1%s", port);
			return wire_listener_parse(out, &l, &e) == 0;
		}
	if (strncmp(listener, "[::]:", 5) == 0)
		(void)snprintf(out, size, "sips:[::1]%s", port);
	else
		(void)snprintf(out, size, "sips:%s", listener);
	return wire_listener_parse(out, &l, &e) == 0 &&
	    (text_is_address(l.host) || strchr(l.host, '.') != NULL ||
	    strcmp(l.host, "localhost") == 0);
}

static void
put_verify(struct writing *w)
{
	char url[512];
	struct strs urls = { 0 };

	for (size_t i = 0; i < w->kamailio->listeners.n; i++) {
		if (!listener_url(w->kamailio->listeners.v[i], url, sizeof url)) {
			put_comment(w->out, "        ", "A listener to be added by its address: ",
			    w->kamailio->listeners.v[i]);
			continue;
		}
		if (!strs_has(&urls, url) && strs_add(&urls, url) == -1)
			buf_fail(w->out);
	}
	if (urls.n > 0)
		put_list(w->out, "        ", "verify", &urls);
	strs_clear(&urls);
}

static void
put_hook(struct writing *w, const struct sighting *s)
{
	buf_str(w->out, "    hook \"kamailio\" {\n");
	if (w->kamailio != NULL) {
		put_rpc(w);
		put_verify(w);
	}
	buf_str(w->out, "        # Either name the certificate's current folder in these profiles, "
	    "or let kamcert keep them:\n");
	for (size_t i = 0; i < s->places.n; i++)
		put_comment(w->out, "        ", "  ", s->places.v[i]);
	put_list(w->out, "        #", "profiles", &s->profiles);
	if (w->kamailio != NULL && w->kamailio->tls_config != NULL) {
		buf_str(w->out, "        #tls-cfg = ");
		put_text(w->out, w->kamailio->tls_config);
		buf_str(w->out, "\n");
	}
	buf_str(w->out, "    }\n");
}

/* --- certificates --- */

/* A name that no other section has. */
static const char *
make_title(struct writing *w, const char *name, char out[TITLE_MAX])
{
	size_t n = 1;

	name += strncmp(name, "*.", 2) == 0 ? 2 : 0;
	do
		(void)snprintf(out, TITLE_MAX, n == 1 ? "%s%.150s" : "%s%.150s-%zu",
		    name[0] == ':' ? "ip" : "", name, n);
	while (n++ > 0 && strs_has(&w->titles, out));
	/* of an IPv6 address */
	for (char *p = out; *p != '\0'; p++)
		*p = *p == ':' ? '-' : *p;
	if (strs_add(&w->titles, out) == -1)
		buf_fail(w->out);
	return out;
}

/* Key types as kamcert makes them; another becomes the default. */
static void
put_key(struct writing *w, const char *key)
{
	static const char *const known[] = { "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072",
	    "rsa-4096" };

	for (size_t i = 0; i < NITEMS(known); i++)
		if (key != NULL && strcmp(known[i], key) == 0)
			buf_printf(w->out, "    key   = { \"%s\" }\n", known[i]);
}

static void
put_certificate(struct writing *w, const struct sighting *s)
{
	const struct lineage *l = lineage_at(w->d, s->lineage);
	char title[TITLE_MAX], at[TIME_TEXT];

	put_comment(w->out, "", "Now: ", s->path);
	put_comment(w->out, "", "issued by ", s->leaf.issuer);
	buf_printf(w->out, "# valid until %s%s\n", text_time(s->leaf.not_after, at),
	    s->leaf.not_after < clock_wall() ? ": it has expired" : "");
	if (l != NULL && l->hook != NULL)
		put_comment(w->out, "", "certbot ran afterwards: ", l->hook);
	buf_printf(w->out, "certificate \"%s\" {\n", make_title(w, s->leaf.names.v[0], title));
	put_list(w->out, "    ", "names", &s->leaf.names);
	put_key(w, s->leaf.key);
	ca_title(w, ca_of(w, server_of(l)), title);
	buf_printf(w->out, "    ca    = { \"%s\" }\n", title);
	put_challenge(w, l, &s->leaf.names);
	put_hook(w, s);
	buf_str(w->out, "}\n\n");
}

/* A certificate without names is nothing that a public CA would issue again. */
static bool
is_proposed(const struct sighting *s)
{
	return s->leaf.names.n > 0;
}

static void
collect_servers(struct writing *w)
{
	const struct sighting *s = w->d->sightings.v;
	const char *server;

	for (size_t i = 0; i < w->d->sightings.n; i++) {
		server = server_of(lineage_at(w->d, s[i].lineage));
		if (is_proposed(&s[i]) && !strs_has(&w->servers, server) &&
		    strs_add(&w->servers, server) == -1)
			buf_fail(w->out);
	}
}

static void
put_rest(struct writing *w)
{
	const struct sighting *s = w->d->sightings.v;
	const struct lineage *l = w->d->lineages.v;

	for (size_t i = 0; i < w->d->sightings.n; i++)
		if (!is_proposed(&s[i]))
			put_comment(w->out, "", "Left alone, as it names no host: ", s[i].path);
	for (size_t i = 0; i < w->d->lineages.n; i++)
		if (!l[i].used)
			put_comment(w->out, "",
			    "Left to certbot, as no profile of tls.cfg uses it: ", l[i].name);
	for (size_t i = 0; i < w->d->notes.n; i++)
		put_comment(w->out, "", "Not looked at: ", w->d->notes.v[i]);
}

void
discover_write(const struct discovery *d, const struct kamcfg *kamailio, struct buf *out)
{
	struct writing w = { .d = d, .kamailio = kamailio, .out = out };
	const struct sighting *s = d->sightings.v;

	buf_str(out, "# Proposed by kamcert " VERSION_TEXT ". Nothing was changed: look at it, "
	    "and then at what kamcert check says of it.\n\n");
	collect_servers(&w);
	put_cas(&w);
	for (size_t i = 0; i < d->sightings.n; i++)
		if (is_proposed(&s[i]))
			put_certificate(&w, &s[i]);
	put_rest(&w);
	strs_clear(&w.servers);
	strs_clear(&w.titles);
}
