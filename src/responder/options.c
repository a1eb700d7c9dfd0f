/*
 * options: the command line of kamcert-responder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <getopt.h>

#include "base/text.h"
#include "responder/ca.h"
#include "responder/faults.h"
#include "responder/options.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif


enum option_id {
	OPT_LISTEN = 256, OPT_CONTROL, OPT_HTTP_PORT, OPT_TLS_PORT, OPT_DNS, OPT_RESOLVE, OPT_TXT,
	OPT_CAA,
	OPT_PROFILE, OPT_LIFETIME, OPT_EAB, OPT_EAB_REQUIRED, OPT_CHAIN_LENGTH, OPT_ALTERNATES,
	OPT_KEY_TYPE, OPT_TLS_KEY_TYPE, OPT_NONCE_REJECT, OPT_AUTHZ_REUSE, OPT_VALIDATION_DELAY,
	OPT_PROCESSING_DELAY, OPT_RETRY_AFTER, OPT_PAGE, OPT_AUTHZ_LIFETIME, OPT_ORDER_LIFETIME,
	OPT_BLOCK, OPT_RATE_LIMIT, OPT_FAULT, OPT_SCRIPT, OPT_ROOTS, OPT_SERVER_CERT, OPT_TERMS,
	OPT_READY_FD, OPT_ALLOW_ROOT, OPT_ANY_TARGET, OPT_LIST_FAULTS, OPT_VERBOSE, OPT_HELP,
	OPT_VERSION,
};

static const struct {
	struct option	 o;
	const char	*arg;
	const char	*what;
} rows[] = {
	{ { "listen", 1, NULL, OPT_LISTEN }, "ADDR:PORT",
	    "HTTPS; loopback only, port 0 is chosen (127.0.0.1:0)" },
	{ { "control", 1, NULL, OPT_CONTROL }, "ADDR:PORT",
	    "plain HTTP for faults and status at run time" },
	{ { "http-port", 1, NULL, OPT_HTTP_PORT }, "PORT", "where http-01 connects (80)" },
	{ { "tls-port", 1, NULL, OPT_TLS_PORT }, "PORT", "where tls-alpn-01 connects (443)" },
	{ { "resolve", 1, NULL, OPT_RESOLVE }, "NAME=ADDR",
	    "address of a name; * is every other name" },
	{ { "txt", 1, NULL, OPT_TXT }, "NAME=TEXT", "a TXT record" },
	{ { "caa", 1, NULL, OPT_CAA }, "NAME=RECORD", "a CAA record: FLAGS TAG VALUE" },
	{ { "dns", 1, NULL, OPT_DNS }, "ADDR:PORT", "DNS server for names without such a row" },
	{ { "any-target", 0, NULL, OPT_ANY_TARGET }, NULL, "validate beyond loopback" },
	{ { "profile", 1, NULL, OPT_PROFILE }, "NAME=SECONDS",
	    "a profile; also durations such as 90d" },
	{ { "lifetime", 1, NULL, OPT_LIFETIME }, "SECONDS",
	    "of certificates without a profile (90d)" },
	{ { "eab", 1, NULL, OPT_EAB }, "KID=BASE64URL", "a key for external account binding" },
	{ { "eab-required", 0, NULL, OPT_EAB_REQUIRED }, NULL, "accounts need such a binding" },
	{ { "chain-length", 1, NULL, OPT_CHAIN_LENGTH }, "N",
	    "certificates without the root, 1 to 5 (2)" },
	{ { "alternates", 1, NULL, OPT_ALTERNATES }, "N",
	    "chains to cross-signing roots, 0 to 4 (1)" },
	{ { "key-type", 1, NULL, OPT_KEY_TYPE }, "TYPE", "of the CA: ecdsa, rsa or both (both)" },
	{ { "tls-key-type", 1, NULL, OPT_TLS_KEY_TYPE }, "TYPE", "of HTTPS: ecdsa or rsa (ecdsa)" },
	{ { "nonce-reject", 1, NULL, OPT_NONCE_REJECT }, "PERCENT",
	    "good nonces that are refused (0)" },
	{ { "authz-reuse", 1, NULL, OPT_AUTHZ_REUSE }, "PERCENT", "authorizations used again (0)" },
	{ { "validation-delay", 1, NULL, OPT_VALIDATION_DELAY }, "MS",
	    "before each validation (0)" },
	{ { "processing-delay", 1, NULL, OPT_PROCESSING_DELAY }, "MS",
	    "orders stay in processing (0)" },
	{ { "retry-after", 1, NULL, OPT_RETRY_AFTER }, "SECONDS",
	  "on objects that are worked at (as long as the delays); 0: no such header" },
	{ { "page", 1, NULL, OPT_PAGE }, "N", "orders on a page of a list (50)" },
	{ { "authz-lifetime", 1, NULL, OPT_AUTHZ_LIFETIME }, "SECONDS", "of authorizations (30d)" },
	{ { "order-lifetime", 1, NULL, OPT_ORDER_LIFETIME }, "SECONDS", "of orders (7d)" },
	{ { "block", 1, NULL, OPT_BLOCK }, "NAME", "refuse orders for this name" },
	{ { "rate-limit", 1, NULL, OPT_RATE_LIMIT }, "RULE", "letsencrypt, or NAME=COUNT/SECONDS" },
	{ { "fault", 1, NULL, OPT_FAULT }, "RULE", "NAME[@N|@N-|@P%][:/PATH]; see --list-faults" },
	{ { "script", 1, NULL, OPT_SCRIPT }, "FILE", "such rules, one a line" },
	{ { "roots", 1, NULL, OPT_ROOTS }, "FILE", "write the roots of certificates, PEM" },
	{ { "server-cert", 1, NULL, OPT_SERVER_CERT }, "FILE", "write the root of HTTPS, PEM" },
	{ { "terms", 1, NULL, OPT_TERMS }, "URL", "of the terms of service" },
	{ { "ready-fd", 1, NULL, OPT_READY_FD }, "FD",
	    "say there, not on standard output, when ready" },
	{ { "allow-root", 0, NULL, OPT_ALLOW_ROOT }, NULL, "run as root nevertheless" },
	{ { "list-faults", 0, NULL, OPT_LIST_FAULTS }, NULL, "the faults and what they stand for" },
	{ { "verbose", 0, NULL, OPT_VERBOSE }, NULL, "a line for each request" },
	{ { "help", 0, NULL, OPT_HELP }, NULL, "this" },
	{ { "version", 0, NULL, OPT_VERSION }, NULL, "the version" },
};

void
options_init(struct options *o)
{
	struct err e;

	memset(o, 0, sizeof(*o));
	if (options_address("127.0.0.1:0", &o->listen, &e) == -1)
		o->listen.ss_family = AF_UNSPEC;
	o->http_port = 80;
	o->tls_port = 443;
	o->lifetime = 90 * DAY;
	o->chain_length = 2;
	o->alternates = 1;
	o->use_rsa = o->use_ecdsa = true;
	o->retry_after = -1;
	o->page = 50;
	o->authz_lifetime = 30 * DAY;
	o->order_lifetime = 7 * DAY;
	o->ready_fd = -1;
}

static void
free_texts(void *p)
{
	strs_clear(p);
	free(p);
}

static void
free_blob(void *p)
{
	blob_clear(p);
	free(p);
}

void
options_clear(struct options *o)
{
	map_clear(&o->hosts, free);
	map_clear(&o->texts, free_texts);
	map_clear(&o->caa, free_texts);
	map_clear(&o->eab, free_blob);
	for (size_t i = 0; i < o->nprofiles; i++)
		free(o->profiles[i].name);
	strs_clear(&o->blocked);
	strs_clear(&o->rates);
	strs_clear(&o->fault_rules);
}

/* --- values --- */

static int
read_number(const char *text, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	if (text_number(span_str(text), out) == -1 || *out < min || *out > max)
		return err_set(e, OUT_USAGE, "want a number of %jd to %jd, have %s", (intmax_t)min,
		    (intmax_t)max, text);
	return 0;
}

static int
read_unsigned(const char *text, unsigned max, unsigned *out, struct err *e)
{
	int64_t n;

	if (read_number(text, 0, max, &n, e) == -1)
		return -1;
	*out = (unsigned)n;
	return 0;
}

static int
read_port(const char *text, uint16_t *out, struct err *e)
{
	int64_t n;

	if (read_number(text, 0, 65535, &n, e) == -1)
		return -1;
	*out = (uint16_t)n;
	return 0;
}

static int
read_time(const char *text, int64_t *out, struct err *e)
{
	if ((text_number(span_str(text), out) == -1 && text_duration(text, out) == -1) ||
	    *out < 1 || *out > 36500 * DAY)
		return err_set(e, OUT_USAGE, "want seconds, or a duration such as 90d, have %s",
		    text);
	return 0;
}

int
options_address(const char *text, struct sockaddr_storage *out, struct err *e)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	char host[64];
	uint16_t port;

	memset(out, 0, sizeof(*out));
	if (colon == NULL || read_port(colon + 1, &port, e) == -1)
		return err_set(e, OUT_USAGE, "want ADDR:PORT, have %s", text);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		if (inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1 &&
		    IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
			return 0;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1 &&
	    ntohl(four->sin_addr.s_addr) >> 24 == 127)
		return 0;
	return err_set(e, OUT_USAGE, "want a loopback address, have %s", text);
}

/* Before the first "=". Lower case, as names in identifiers are. */
static const char *
split_name(const char *text, char *name, size_t size)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || (size_t)(equals - text) >= size)
		return NULL;
	for (size_t i = 0; i <= (size_t)(equals - text); i++)
		name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	name[equals - text] = '\0';
	return equals + 1;
}

int
options_add_host(struct options *o, const char *text, struct err *e)
{
	char name[HOST_MAX + 1], *copy;
	const char *value = split_name(text, name, sizeof(name));

	if (value == NULL)
		return err_set(e, OUT_USAGE, "want NAME=ADDR, have %s", text);
	if ((copy = strdup(value)) == NULL)
		return err_nomem(e);
	free(map_take(&o->hosts, span_str(name)));
	if (map_put(&o->hosts, span_str(name), copy) == -1) {
		free(copy);
		return err_nomem(e);
	}
	return 0;
}

/* Texts of a name add up; an empty one removes them. */
static int
add_record(struct map *map, const char *text, struct err *e)
{
	char name[HOST_MAX + 1];
	const char *value = split_name(text, name, sizeof(name));
	struct strs *list;

	if (value == NULL)
		return err_set(e, OUT_USAGE, "want NAME=TEXT, have %s", text);
	if (*value == '\0') {
		if ((list = map_take(map, span_str(name))) != NULL)
			free_texts(list);
		return 0;
	}
	if ((list = map_get(map, span_str(name))) == NULL) {
		if ((list = calloc(1, sizeof(*list))) == NULL)
			return err_nomem(e);
		if (map_put(map, span_str(name), list) == -1) {
			free(list);
			return err_nomem(e);
		}
	}
	return strs_add(list, value) == 0 ? 0 : err_nomem(e);
}

int
options_add_text(struct options *o, const char *text, struct err *e)
{
	return add_record(&o->texts, text, e);
}

int
options_add_caa(struct options *o, const char *text, struct err *e)
{
	return add_record(&o->caa, text, e);
}

static int
add_profile(struct options *o, const char *text, struct err *e)
{
	char name[64];
	const char *value = split_name(text, name, sizeof(name));
	struct profile *p = &o->profiles[o->nprofiles];

	if (value == NULL || o->nprofiles == PROFILES_MAX)
		return err_set(e, OUT_USAGE, "want NAME=SECONDS, at most %d times", PROFILES_MAX);
	if (read_time(value, &p->lifetime, e) == -1)
		return -1;
	if ((p->name = strdup(name)) == NULL)
		return err_nomem(e);
	o->nprofiles++;
	return 0;
}

static int
add_eab(struct options *o, const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	struct blob *key = calloc(1, sizeof(*key));
	struct buf b;
	int rc = -1;

	buf_init(&b, 256);
	if (key == NULL)
		err_nomem(e);
	else if (equals == NULL || base64url_decode(span_str(equals + 1), &b) == -1 || b.n < 16)
		err_set(e, OUT_USAGE, "want KID=BASE64URL with a key of 16 octets or more");
	else if (blob_set(key, buf_span(&b)) == -1 ||
	    map_put(&o->eab, span_of(text, (size_t)(equals - text)), key) == -1)
		err_nomem(e);
	else
		rc = 0;
	buf_clear(&b);
	if (rc == -1) {
		if (key != NULL)
			free_blob(key);
	}
	return rc;
}

static int
read_key_type(const char *text, bool *ecdsa, bool *rsa, struct err *e)
{
	*ecdsa = strcmp(text, "ecdsa") == 0 || strcmp(text, "both") == 0;
	*rsa = strcmp(text, "rsa") == 0 || strcmp(text, "both") == 0;
	return *ecdsa || *rsa ? 0 : err_set(e, OUT_USAGE, "want ecdsa, rsa or both, have %s", text);
}

static int
add_text(struct strs *list, const char *text, struct err *e)
{
	return strs_add(list, text) == 0 ? 0 : err_nomem(e);
}

/* --- one option each --- */

static int
set_ca(struct options *o, int opt, const char *arg, struct err *e)
{
	int64_t n;
	bool no;

	switch (opt) {
	case OPT_PROFILE:
		return add_profile(o, arg, e);
	case OPT_LIFETIME:
		return read_time(arg, &o->lifetime, e);
	case OPT_AUTHZ_LIFETIME:
		return read_time(arg, &o->authz_lifetime, e);
	case OPT_ORDER_LIFETIME:
		return read_time(arg, &o->order_lifetime, e);
	case OPT_EAB:
		return add_eab(o, arg, e);
	case OPT_CHAIN_LENGTH:
		if (read_number(arg, 1, CA_LEVELS_MAX + 1, &n, e) == -1)
			return -1;
		o->chain_length = (unsigned)n;
		return 0;
	case OPT_ALTERNATES:
		return read_unsigned(arg, CA_ALTERNATES_MAX, &o->alternates, e);
	case OPT_KEY_TYPE:
		return read_key_type(arg, &o->use_ecdsa, &o->use_rsa, e);
	case OPT_TLS_KEY_TYPE:
		return read_key_type(arg, &no, &o->tls_rsa, e);
	default:
		return err_set(e, OUT_USAGE, "unknown option");
	}
}

static int
set_manner(struct options *o, int opt, const char *arg, struct err *e)
{
	int64_t n;

	switch (opt) {
	case OPT_NONCE_REJECT:
		return read_unsigned(arg, 100, &o->nonce_reject, e);
	case OPT_AUTHZ_REUSE:
		return read_unsigned(arg, 100, &o->authz_reuse, e);
	case OPT_VALIDATION_DELAY:
		return read_unsigned(arg, 3600000, &o->validation_delay_ms, e);
	case OPT_PROCESSING_DELAY:
		return read_unsigned(arg, 3600000, &o->processing_ms, e);
	case OPT_RETRY_AFTER:
		return read_number(arg, 0, 86400, &o->retry_after, e);
	case OPT_PAGE:
		if (read_number(arg, 1, 1000, &n, e) == -1)
			return -1;
		o->page = (unsigned)n;
		return 0;
	case OPT_BLOCK:
		return add_text(&o->blocked, arg, e);
	case OPT_RATE_LIMIT:
		return add_text(&o->rates, arg, e);
	case OPT_FAULT:
		return add_text(&o->fault_rules, arg, e);
	default:
		return set_ca(o, opt, arg, e);
	}
}

static int
set_option(struct options *o, int opt, const char *arg, struct err *e)
{
	unsigned fd;

	switch (opt) {
	case OPT_LISTEN:
		return options_address(arg, &o->listen, e);
	case OPT_CONTROL:
		return options_address(arg, &o->control, e);
	case OPT_HTTP_PORT:
		return read_port(arg, &o->http_port, e);
	case OPT_TLS_PORT:
		return read_port(arg, &o->tls_port, e);
	case OPT_RESOLVE:
		return options_add_host(o, arg, e);
	case OPT_TXT:
		return options_add_text(o, arg, e);
	case OPT_CAA:
		return options_add_caa(o, arg, e);
	case OPT_READY_FD:
		if (read_unsigned(arg, 1000000, &fd, e) == -1)
			return -1;
		o->ready_fd = (int)fd;
		return 0;
	case OPT_DNS: o->dns = arg; return 0;
	case OPT_SCRIPT: o->script = arg; return 0;
	case OPT_ROOTS: o->roots_file = arg; return 0;
	case OPT_SERVER_CERT: o->server_cert_file = arg; return 0;
	case OPT_TERMS: o->terms = arg; return 0;
	case OPT_EAB_REQUIRED: o->eab_required = true; return 0;
	case OPT_ALLOW_ROOT: o->allow_root = true; return 0;
	case OPT_ANY_TARGET: o->any_target = true; return 0;
	case OPT_VERBOSE: o->verbose = true; return 0;
	default:
		return set_manner(o, opt, arg, e);
	}
}

static void
print_help(void)
{
	char text[64];

	printf("usage: kamcert-responder [OPTION...]\n\n"
	    "A complete test CA on loopback, that misbehaves on command. "
	    "Never a production CA.\n\n");
	for (size_t i = 0; i < NITEMS(rows); i++) {
		snprintf(text, sizeof(text), "--%s%s%s", rows[i].o.name, rows[i].arg != NULL ? " " :
		    "", rows[i].arg != NULL ? rows[i].arg : "");
		printf("  %-32s %s\n", text, rows[i].what);
	}
}

static bool
is_printed(int opt)
{
	if (opt == OPT_HELP)
		print_help();
	else if (opt == OPT_VERSION)
		printf("kamcert-responder %s\n", PACKAGE_VERSION);
	else if (opt == OPT_LIST_FAULTS)
		faults_list();
	else
		return false;
	return true;
}

int
options_read(struct options *o, int argc, char **argv, enum options_next *next, struct err *e)
{
	struct option longs[NITEMS(rows) + 1];
	int opt, at = 0;

	memset(longs, 0, sizeof(longs));
	for (size_t i = 0; i < NITEMS(rows); i++)
		longs[i] = rows[i].o;
	*next = OPTIONS_RUN;
	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc, argv, ":", longs, &at)) != -1) {
		if (opt == '?' || opt == ':')
			return err_set(e, OUT_USAGE, "%s: %s; see --help", argv[optind - 1],
			    opt == '?' ? "no such option" : "wants a value");
		if (is_printed(opt)) {
			*next = OPTIONS_DONE;
			return 0;
		}
		if (set_option(o, opt, optarg, e) == -1)
			return err_in(e, "--%s", longs[at].name);
	}
	if (optind < argc)
		return err_set(e, OUT_USAGE, "%s: no arguments are wanted; see --help",
		    argv[optind]);
	return 0;
}
