/*
 * config_sections: what a whole section must be, its defaults, and what must
 * hold between sections.
 *
 * A section in which something was told already is not searched for what it
 * lacks: that would be a second message for one fault.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config_parts.h"
#include "due.h"
#include "hooks/ctl.h"
#include "part.h"
#include "version.h"

#define LE_TITLE	"letsencrypt"
#define LE_DIRECTORY	"https://acme-v02.api.letsencrypt.org/directory"
#define LE_STAGING	"https://acme-staging-v02.api.letsencrypt.org/directory"

#define TITLE_OCTETS	200

#define DEFAULT_JOBS	4
#define DEFAULT_LOG	"stderr"
#define DEFAULT_SANDBOX	"strict"
#define DEFAULT_WATCH	45
#define DEFAULT_KEY	"ecdsa-p256"
#define DEFAULT_SETTLE	15
#define PROPAGATION	(2 * MINUTE)

/* --- defaults; without memory they are noted as missing by the reader --- */

static void
default_text(struct reader *r, char **field, const char *value)
{
	if (value != NULL && *field == NULL && (*field = strdup(value)) == NULL)
		r->no_memory = true;
}

static void
default_list(struct reader *r, struct strs *field, const char *value)
{
	if (field->n == 0 && strs_add(field, value) == -1)
		r->no_memory = true;
}

static void
default_number(int64_t *field, int64_t value)
{
	if (*field == 0)
		*field = value;
}

/* Moves an object that is filled into its list, and leaves an empty one. */
static void
move_to(struct reader *r, struct list *list, void *object, const struct pack *pack)
{
	void *item = list_add(list, pack->size);

	if (item == NULL) {
		r->no_memory = true;
		pack_clear(pack, object);
		return;
	}
	memcpy(item, object, pack->size);
	memset(object, 0, pack->size);
}

/* --- titles --- */

static void
note_title(struct reader *r, const char *section, const char *title, struct place at)
{
	struct mention *m = list_add(&r->titles, sizeof(*m));

	if (m == NULL) {
		r->no_memory = true;
		return;
	}
	*m = (struct mention){ .section = section, .at = at, .number = r->titles.n };
	default_text(r, &m->name, title);
}

/* Titles become names of folders. */
static void
check_title(struct reader *r, const char *section, const char *title, struct place at)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(title);

	if (n == 0 || n > TITLE_OCTETS || strspn(title, allowed) != n || title[0] == '.' ||
	    title[0] == '-')
		config_tell(r, at, "%s \"%s\": want a title of at most %d lower-case letters, "
		    "digits, . _ -, the first none of . -", section, title, TITLE_OCTETS);
	note_title(r, section, title, at);
}

/* --- ca --- */

static void
check_eab(struct reader *r, const struct ca_conf *ca, struct place at)
{
	if (ca->eab_kid != NULL && ca->eab_key_file == NULL)
		config_tell(r, at, "ca \"%s\": eab-kid: want eab-key-file as well", ca->name);
	if (ca->eab_kid == NULL && ca->eab_key_file != NULL)
		config_tell(r, at, "ca \"%s\": eab-key-file: want eab-kid as well", ca->name);
	if (ca->eab_kid == NULL && ca->eab_key_file == NULL && ca->eab_alg != NULL)
		config_tell(r, at, "ca \"%s\": eab-alg: want eab-kid and eab-key-file as well",
		    ca->name);
}

static void
fill_ca(struct reader *r, struct ca_conf *ca)
{
	if (strcmp(ca->name, LE_TITLE) == 0)
		default_text(r, &ca->directory, LE_DIRECTORY);
	if (ca->directory != NULL && strcmp(ca->directory, LE_DIRECTORY) == 0)
		default_text(r, &ca->staging, LE_STAGING);
	if (ca->eab_kid != NULL)
		default_text(r, &ca->eab_alg, "HS256");
}

void
finish_ca(struct reader *r, const char *title, const struct mark *m)
{
	struct ca_conf *ca = &r->ca;

	check_title(r, "ca", title, m->at);
	default_text(r, &ca->name, title);
	if (r->no_memory)
		return;
	if (r->ca_has_tos && strs_add(&r->own_tos, title) == -1)
		r->no_memory = true;
	r->ca_has_tos = false;
	if (!m->spoiled)
		check_eab(r, ca, m->at);
	fill_ca(r, ca);
	if (ca->directory == NULL && !m->spoiled)
		config_tell(r, m->at, "ca \"%s\": want a directory, the URL where the CA's ACME "
		    "service begins", title);
	move_to(r, &r->cfg->cas, ca, &ca_conf_pack);
}

/* --- challenge --- */

enum challenge_option { HAS_LISTENER = 1, HAS_WEBROOT = 2, HAS_PROGRAM = 4 };

static const struct challenge_type {
	const char	*name;
	unsigned	 options;
	const char	*listen;	/* default */
} challenge_types[] = {
	{ "http-01", HAS_LISTENER | HAS_WEBROOT, "[::]:80" },
	{ "dns-01", HAS_PROGRAM, NULL },
	{ CHALLENGE_ALPN, HAS_LISTENER, "[::]:443" },
	{ CHALLENGE_PERSIST, 0, NULL },
	{ CHALLENGE_ACCOUNT, HAS_PROGRAM, NULL },
};

static const struct challenge_type *
challenge_type(const char *name)
{
	for (size_t i = 0; i < NITEMS(challenge_types); i++)
		if (strcmp(challenge_types[i].name, name) == 0)
			return &challenge_types[i];
	return NULL;
}

static void
refuse_challenge_type(struct reader *r, const char *title, struct place at)
{
	struct buf list;

	buf_init(&list, ERR_TEXT_MAX);
	for (size_t i = 0; i < NITEMS(challenge_types); i++)
		buf_printf(&list, "%s%s", i > 0 ? ", " : "", challenge_types[i].name);
	config_tell(r, at, "challenge \"%s\": want one of the types that are offered: %s", title,
	    buf_cstr(&list));
	buf_clear(&list);
}

static bool
has_challenge(const struct cert_conf *cert, const char *type)
{
	const struct challenge_conf *c = cert->challenges.v;

	for (size_t i = 0; i < cert->challenges.n; i++)
		if (strcmp(c[i].type, type) == 0)
			return true;
	return false;
}

/* An option that another type has. */
static void
check_challenge_options(struct reader *r, const struct challenge_conf *c,
    const struct challenge_type *type, struct place at)
{
	const struct {
		const char	*name;
		bool		 given;
		unsigned	 of;
	} rows[] = {
		{ "listen", c->listen.n > 0, HAS_LISTENER },
		{ "webroot", c->webroot != NULL, HAS_WEBROOT },
		{ "program", c->program.n > 0, HAS_PROGRAM },
		{ "user", c->user != NULL, HAS_PROGRAM },
		{ "new-privileges", c->new_privileges, HAS_PROGRAM },
		{ "propagation", c->propagation != 0, HAS_PROGRAM },
	};

	for (size_t i = 0; i < NITEMS(rows); i++)
		if (rows[i].given && (type->options & rows[i].of) == 0)
			config_tell(r, at, "challenge \"%s\": %s: this type has no such option",
			    type->name, rows[i].name);
	if (c->listen.n > 0 && c->webroot != NULL && (type->options & HAS_WEBROOT) != 0)
		config_tell(r, at, "challenge \"%s\": want listen or webroot, have both",
		    type->name);
}

static void
fill_challenge(struct reader *r, struct challenge_conf *c, const struct challenge_type *type)
{
	default_text(r, &c->type, type->name);
	if ((type->options & HAS_LISTENER) != 0 && c->webroot == NULL)
		default_list(r, &c->listen, type->listen);
	if ((type->options & HAS_PROGRAM) != 0)
		default_number(&c->propagation, PROPAGATION);
}

void
finish_challenge(struct reader *r, const char *title, const struct mark *m)
{
	const struct challenge_type *type = challenge_type(title);
	struct challenge_conf *c = &r->challenge;

	if (has_challenge(&r->cert, title))
		config_tell(r, m->at, "challenge \"%s\": want one of each type in a certificate, "
		    "have a second one", title);
	if (type == NULL) {
		refuse_challenge_type(r, title, m->at);
		pack_clear(&challenge_conf_pack, c);
		return;
	}
	check_challenge_options(r, c, type, m->at);
	if ((type->options & HAS_PROGRAM) != 0 && c->program.n == 0 && !m->spoiled)
		config_tell(r, m->at, "challenge \"%s\": want a program, "
		    "{ \"/path/of/program\", \"argument\", ... }", title);
	fill_challenge(r, c, type);
	if (c->type != NULL)
		move_to(r, &r->cert.challenges, c, &challenge_conf_pack);
}

/* --- hook --- */

static void
refuse_hook_type(struct reader *r, const char *title, struct place at)
{
	const struct hook_type *t;
	struct buf list;

	buf_init(&list, ERR_TEXT_MAX);
	for (size_t i = 0; (t = hook_at(i)) != NULL; i++)
		buf_printf(&list, "%s%s", i > 0 ? ", " : "", t->name);
	config_tell(r, at, "hook \"%s\": want one of %s", title, buf_cstr(&list));
	buf_clear(&list);
}

/* Options that the type does not have, or must have. */
static void
check_hook_options(struct reader *r, const struct hook_conf *h, const struct hook_type *type,
    const struct mark *m)
{
	const struct {
		const char	*name;
		bool		 given;
		unsigned	 of;
		const char	*example;
	} rows[] = {
		{ "rpc", h->rpc != NULL, HOOK_HAS_RPC, "" },
		{ "user", h->user != NULL, HOOK_HAS_USER, "" },
		{ "kamailio-cfg", h->kamailio_cfg != NULL, HOOK_HAS_PROFILES, "" },
		{ "tls-cfg", h->tls_cfg != NULL, HOOK_HAS_PROFILES, "" },
		{ "profiles", h->profiles.n > 0, HOOK_HAS_PROFILES, "" },
		{ "trusted-network", h->trusted_network, HOOK_HAS_TRUSTED, "" },
		{ "command", h->command.n > 0, HOOK_HAS_COMMAND,
		    ", { \"/path/of/program\", \"argument\", ... }" },
		{ "new-privileges", h->new_privileges, HOOK_HAS_PRIVILEGES, "" },
		{ "unit", h->unit != NULL, HOOK_HAS_UNIT, " such as haproxy.service" },
		{ "bus", h->bus != NULL, HOOK_HAS_BUS, "" },
		{ "action", h->action != NULL, HOOK_HAS_ACTION, "" },
		{ "pid-file", h->pid_file != NULL, HOOK_HAS_PID_FILE, ", an absolute path" },
		{ "signal", h->signal != NULL, HOOK_HAS_SIGNAL, "" },
		{ "error-log", h->error_log != NULL, HOOK_HAS_FACTS, "" },
		{ "watch", h->watch > 0, HOOK_HAS_FACTS, "" },
		{ "unsafe-reload", h->unsafe_reload != NULL, HOOK_HAS_FACTS, "" },
		{ "quiet-rate", h->quiet_rate > 0, HOOK_HAS_FACTS, "" },
		{ "ssl-cert", h->ssl_cert != NULL, HOOK_HAS_SSL_CERT, "" },
		{ "max-connections", h->max_connections != 0, HOOK_HAS_MAX, "" },
	};

	for (size_t i = 0; i < NITEMS(rows); i++) {
		if (rows[i].given && (type->options & rows[i].of) == 0)
			config_tell(r, m->at, "hook \"%s\": %s: this type has no such option",
			    type->name, rows[i].name);
		if (!rows[i].given && (type->wants & rows[i].of) != 0 && !m->spoiled)
			config_tell(r, m->at, "hook \"%s\": want a %s%s", type->name, rows[i].name,
			    rows[i].example);
	}
}

static void
fill_hook(struct reader *r, struct hook_conf *h, const struct hook_type *type)
{
	const struct hook_conf *d = &type->defaults;

	default_text(r, &h->type, type->name);
	default_text(r, &h->rpc, d->rpc);
	default_text(r, &h->user, d->user);
	default_text(r, &h->kamailio_cfg, d->kamailio_cfg);
	default_text(r, &h->tls_cfg, d->tls_cfg);
	default_text(r, &h->bus, d->bus);
	default_text(r, &h->action, d->action);
	default_text(r, &h->signal, d->signal);
	default_text(r, &h->unsafe_reload, d->unsafe_reload);
	default_number(&h->quiet_rate, d->quiet_rate);
	if (h->rollback_on.n == 0 && (strs_add(&h->rollback_on, CHECK_CHAIN) == -1 ||
	    strs_add(&h->rollback_on, CHECK_SILENT) == -1))
		r->no_memory = true;
	if (type->verify != NULL)
		default_list(r, &h->verify, type->verify);
	default_number(&h->timeout, d->timeout);
	default_number(&h->settle, DEFAULT_SETTLE);
}

void
finish_hook(struct reader *r, const char *title, const struct mark *m)
{
	const struct hook_type *type = hook_find(title);
	struct hook_conf *h = &r->hook;
	struct err e;

	if (type == NULL) {
		refuse_hook_type(r, title, m->at);
		pack_clear(&hook_conf_pack, h);
		return;
	}
	check_hook_options(r, h, type, m);
	fill_hook(r, h, type);
	if (type->check != NULL && !m->spoiled && type->check(h, &e) == -1)
		config_tell(r, m->at, "hook \"%s\": %s", title, e.text);
	move_to(r, &r->cert.hooks, h, &hook_conf_pack);
}

/* --- certificate --- */

static void
check_keys(struct reader *r, const struct cert_conf *c, struct place at)
{
	if (c->key.n > PART_MAX || (c->key.n == PART_MAX &&
	    strcmp(part_family(c->key.v[0]), part_family(c->key.v[1])) == 0))
		config_tell(r, at, "certificate \"%s\": key: want one type, or a pair of one RSA "
		    "and one ECDSA, as servers hold one of each; have %s%s%s%s", c->name,
		    c->key.v[0], c->key.n > PART_MAX ? ", " : " and ", c->key.v[1],
		    c->key.n > PART_MAX ? ", ..." : "");
	if (c->csr != NULL && (c->key.n > 0 || c->reuse_key || c->next_key))
		config_tell(r, at, "certificate \"%s\": csr: want no %s beside it, as the request "
		    "has the key", c->name, c->key.n > 0 ? "key" :
		    c->reuse_key ? "reuse-key" : "next-key");
	if (c->private_key != NULL && c->csr == NULL)
		config_tell(r, at, "certificate \"%s\": private-key: want the csr that it is for",
		    c->name);
	if (c->reuse_key && c->next_key)
		config_tell(r, at, "certificate \"%s\": want reuse-key or next-key, have both",
		    c->name);
}

/* A wildcard is proven in the DNS alone; an address never is: RFC 8738 section 7. */
static void
check_proofs(struct reader *r, const struct cert_conf *c, struct place at)
{
	size_t by_dns = has_challenge(c, "dns-01") + has_challenge(c, CHALLENGE_PERSIST) +
	    has_challenge(c, CHALLENGE_ACCOUNT);

	for (size_t i = 0; i < c->names.n; i++) {
		const char *name = c->names.v[i];

		if (name[0] == '*' && by_dns == 0)
			config_tell(r, at, "certificate \"%s\": names: want a challenge "
			    "\"dns-01\" for \"%s\": nothing else proves a wildcard", c->name, name);
		if (text_is_address(name) && c->challenges.n > 0 && c->challenges.n == by_dns)
			config_tell(r, at, "certificate \"%s\": names: want another challenge than "
			    "\"dns-01\" for \"%s\": it proves no address", c->name, name);
	}
}

static void
fill_names(struct reader *r, struct cert_conf *c, const struct mark *m)
{
	char host[HOST_MAX + 1];
	struct err e;

	if (c->names.n > 0 || m->spoiled)
		return;
	if (text_host(c->name, 0, host, &e) == 0)
		default_list(r, &c->names, host);
	else
		config_tell(r, m->at, "certificate \"%s\": want names, since the title is not one: "
		    "%s", c->name, e.text);
}

static void
fill_certificate(struct reader *r, struct cert_conf *c)
{
	struct challenge_conf challenge = { .type = NULL };
	struct hook_conf hook = { .type = NULL };

	if (c->csr == NULL)
		default_list(r, &c->key, DEFAULT_KEY);
	default_number(&c->renew_before, CONFIG_DEFAULT_RENEW);
	default_number(&c->hooks_at_once, 1);
	if (c->challenges.n == 0) {
		fill_challenge(r, &challenge, &challenge_types[0]);
		move_to(r, &c->challenges, &challenge, &challenge_conf_pack);
	}
	/* Debian's Kamailio, where there is one; without, nobody needs to be told */
	if (c->hooks.n == 0 && access(strchr(CTL_DEFAULT, '/'), F_OK) == 0) {
		fill_hook(r, &hook, hook_find("kamailio"));
		move_to(r, &c->hooks, &hook, &hook_conf_pack);
	}
}

/* A server that may be disturbed only when another may not is never told in time. */
static void
check_windows(struct reader *r, const struct cert_conf *c, struct place at)
{
	struct due_windows sets[1 + DUE_OTHERS_MAX];
	const struct hook_conf *h = c->hooks.v;
	struct err e = ERR_NONE;
	size_t n = 0;

	if (due_windows_parse(&c->window, &sets[n++], &e) == -1)
		return;
	for (size_t i = 0; i < c->hooks.n; i++) {
		if (h[i].window.n == 0)
			continue;
		if (n == NITEMS(sets)) {
			config_tell(r, at,
			    "certificate \"%s\": window: want it at %d hooks at most",
			    c->name, DUE_OTHERS_MAX);
			return;
		}
		if (due_windows_parse(&h[i].window, &sets[n++], &e) == -1)
			return;
	}
	if (!due_windows_meet(sets, n))
		config_tell(r, at, "certificate \"%s\": window: want a time that is in one of its "
		    "windows and in one of each hook's", c->name);
}

void
finish_certificate(struct reader *r, const char *title, const struct mark *m)
{
	struct cert_conf *c = &r->cert;

	check_title(r, "certificate", title, m->at);
	default_text(r, &c->name, title);
	if (r->no_memory)
		return;
	fill_names(r, c, m);
	check_keys(r, c, m->at);
	if (c->profile_required && c->profile == NULL && !m->spoiled)
		config_tell(r, m->at,
		    "certificate \"%s\": profile-required: want a profile as well",
		    c->name);
	fill_certificate(r, c);
	if (!m->spoiled) {
		check_proofs(r, c, m->at);
		check_windows(r, c, m->at);
	}
	move_to(r, &r->cfg->certs, c, &cert_conf_pack);
}

/* --- between sections --- */

static int
compare_mentions(const void *va, const void *vb)
{
	const struct mention *a = va, *b = vb;
	int order = strcmp(a->section, b->section);

	if (order == 0)
		order = strcmp(a->name, b->name);
	return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static void
refuse_doubles(struct reader *r)
{
	struct mention *t = r->titles.v, *first = t;

	if (t == NULL)
		return;
	qsort(t, r->titles.n, sizeof(*t), compare_mentions);
	for (struct mention *next = t + 1; next < t + r->titles.n; next++) {
		if (strcmp(first->section, next->section) == 0 &&
		    strcmp(first->name, next->name) == 0)
			config_tell(r, next->at, "%s \"%s\": the title is in use since %s:%u",
			    next->section, next->name, first->at.path, first->at.line);
		else
			first = next;
	}
}

static void
resolve_references(struct reader *r)
{
	const struct mention *ref = r->references.v;
	const struct ca_conf *cas = r->cfg->cas.v;
	struct buf list;

	buf_init(&list, ERR_TEXT_MAX / 2);
	for (size_t i = 0; i < r->cfg->cas.n; i++)
		buf_printf(&list, "%s%s", i > 0 ? ", " : "", cas[i].name);
	for (size_t i = 0; i < r->references.n; i++)
		if (config_ca(r->cfg, ref[i].name) == NULL)
			config_tell(r, ref[i].at, "ca: want the title of a ca section (%s), "
			    "have \"%.300s\"", buf_ok(&list) ? buf_cstr(&list) : "too many to list",
			    ref[i].name);
	buf_clear(&list);
}

static void
fill_cas(struct reader *r)
{
	struct ca_conf implied = { .name = NULL }, *cas;

	if (r->cfg->cas.n == 0) {
		default_text(r, &implied.name, LE_TITLE);
		if (r->no_memory)
			return;
		fill_ca(r, &implied);
		move_to(r, &r->cfg->cas, &implied, &ca_conf_pack);
	}
	cas = r->cfg->cas.v;
	for (size_t i = 0; i < r->cfg->cas.n; i++)
		if (!strs_has(&r->own_tos, cas[i].name))
			cas[i].agree_tos = r->top.agree_tos;
}

static void
fill_zones(struct reader *r)
{
	struct cert_conf *certs = r->cfg->certs.v;

	for (size_t i = 0; r->top.time_zone != NULL && i < r->cfg->certs.n; i++)
		default_text(r, &certs[i].time_zone, r->top.time_zone);
}

void
finish_config(struct reader *r)
{
	struct cert_conf *certs = r->cfg->certs.v;
	struct ca_conf *cas;

	default_text(r, &r->top.state_dir, DEFAULT_STATE_DIR);
	default_text(r, &r->top.log, DEFAULT_LOG);
	default_text(r, &r->top.sandbox, DEFAULT_SANDBOX);
	default_number(&r->top.jobs, DEFAULT_JOBS);
	r->cfg->state_dir = r->top.state_dir;
	r->cfg->log = r->top.log;
	r->cfg->sandbox = r->top.sandbox;
	r->cfg->role_users = r->top.role_users;
	r->cfg->jobs = r->top.jobs;
	r->top.state_dir = r->top.log = r->top.sandbox = NULL;
	r->top.role_users = (struct strs){ 0 };
	default_number(&r->top.watch, DEFAULT_WATCH);
	r->cfg->watch = r->top.watch;
	fill_zones(r);
	fill_cas(r);
	cas = r->cfg->cas.v;
	for (size_t i = 0; i < r->cfg->certs.n && cas != NULL; i++)
		default_list(r, &certs[i].ca, cas[0].name);
	if (r->no_memory)
		return;
	refuse_doubles(r);
	if (r->broken)
		return;
	resolve_references(r);
	if (r->cfg->role_users.n != 0 && r->cfg->role_users.n != ROLE_USERS)
		config_tell(r, (struct place){ r->cfg->path, 0, 0 },
		    "role-users: want %d users, of keeper, net, answer, control and courier, have "
		    "%zu", ROLE_USERS, r->cfg->role_users.n);
	if (r->cfg->certs.n == 0 && r->complaints.n == 0)
		config_tell(r, (struct place){ r->cfg->path, 0, 0 },
		    "want at least one certificate section");
}
