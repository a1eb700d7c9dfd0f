/*
 * config_values: what the value of an option may be.
 */
#include "config_values.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "due.h"
#include "hooks/errlog.h"
#include "hooks/wire.h"
#include "idn.h"
#include "zone.h"

#define WORD_MAX_OCTETS	1024	/* of a value that is only looked at as text */
#define JOBS_MAX	200
#define SECONDS_MAX	(10 * MINUTE)
#define PAUSE_MAX	HOUR
#define RENEW_MIN	HOUR
#define RENEW_MAX	(3650 * DAY)
#define USER_OCTETS	32
#define UNIT_OCTETS	255
#define COUNT_MAX	10000000
#define VALUES_MAX	1000	/* of one option */

/* --- storing --- */

static int
want(struct err *e, const char *what, const char *have)
{
	return err_set(e, OUT_USAGE, "want %s, have \"%.300s\"", what, have);
}

static int
store(char **field, const char *value, struct err *e)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return err_nomem(e);
	free(*field);
	*field = copy;
	return 0;
}

/* Into a list that has each value once. */
static int
store_once(struct strs *field, const char *value, struct err *e)
{
	if (field->n == VALUES_MAX)
		return err_set(e, OUT_USAGE, "want at most %d values", VALUES_MAX);
	if (strs_has(field, value))
		return err_set(e, OUT_USAGE, "\"%.300s\" is listed twice", value);
	return strs_add(field, value) == 0 ? 0 : err_nomem(e);
}

/* Words end with NULL. */
static int
one_of(const char *const *words, const char *value, struct err *e)
{
	struct buf list;
	size_t i;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0)
			return 0;
	buf_init(&list, ERR_TEXT_MAX);
	buf_printf(&list, "%s", i > 1 ? "one of " : "");
	for (i = 0; words[i] != NULL; i++)
		buf_printf(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	(void)want(e, buf_cstr(&list), value);
	buf_clear(&list);
	return -1;
}

static bool
is_visible(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return n > 0 && n <= WORD_MAX_OCTETS;
}

/* --- values of general kinds --- */

int
value_path(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	if (value[0] != '/' || strlen(value) >= PATH_MAX)
		return want(e, "an absolute path", value);
	return store(field, value, e);
}

int
value_bool(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "true", "yes", "on", "false", "no", "off", NULL };

	*(bool *)field = false;
	if (one_of(words, value, e) == -1)
		return -1;
	for (size_t i = 0; i < 3; i++)
		if (strcmp(words[i], value) == 0)
			*(bool *)field = true;
	return 0;
}

/* Seconds that something may take. */
int
value_limit(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	int64_t t;

	if (text_duration(value, &t) == -1 || t < 1 || t > SECONDS_MAX)
		return want(e, "a time such as 10s, from 1s to 10m", value);
	*(int64_t *)field = t;
	return 0;
}

/* Seconds in which nothing is done. */
int
value_pause(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	int64_t t;

	if (text_duration(value, &t) == -1 || t < 0 || t > PAUSE_MAX)
		return want(e, "a time such as 30s, from 0s to 1h", value);
	*(int64_t *)field = t;
	return 0;
}

/* A name as useradd(8) takes it; that there is such a user is for those to see who need it. */
int
value_user(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = strlen(value);

	if (n == 0 || n > USER_OCTETS || strspn(value, allowed) != n || value[0] == '-' ||
	    value[0] == '.' || strspn(value, "0123456789") == n)
		return want(e, "a name of 1 to 32 letters, digits, _ . -", value);
	return store(field, value, e);
}

int
value_https(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	struct url u;

	if (text_url(value, &u, e) == -1)
		return err_in(e, "want an https URL");
	if (strcmp(u.scheme, "https") != 0)
		return want(e, "an https URL", value);
	return store(field, value, e);
}

/* --- values outside of sections --- */

int
value_jobs(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	int64_t n;

	if (text_number(span_str(value), &n) == -1 || n < 1 || n > JOBS_MAX)
		return want(e, "a whole number from 1 to 200", value);
	*(int64_t *)field = n;
	return 0;
}

int
value_log(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "stderr", "syslog", NULL };

	return one_of(words, value, e) == 0 ? store(field, value, e) : -1;
}

int
value_sandbox(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "strict", "best-effort", NULL };

	return one_of(words, value, e) == 0 ? store(field, value, e) : -1;
}

/* Each its own: what one may do, another may not. */
int
value_role_user(struct reader *r, void *field, const char *value, struct err *e)
{
	struct strs *users = field;
	char *name = NULL;
	int rc;

	if (users->n == ROLE_USERS)
		return err_set(e, OUT_USAGE, "want %d users: of keeper, net, answer, control and "
		    "courier", ROLE_USERS);
	rc = value_user(r, &name, value, e);
	free(name);
	return rc == 0 ? store_once(users, value, e) : -1;
}

int
value_zone(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	return zone_check(value, e) == 0 ? store(field, value, e) : -1;
}

int
value_watch(struct reader *r, void *field, const char *value, struct err *e)
{
	if (strcmp(value, "none") == 0) {
		*(int64_t *)field = CONFIG_NO_WATCH;
		return 0;
	}
	return value_limit(r, field, value, e) == 0 ? 0 :
	    want(e, "\"none\", or a time such as 45s, from 1s to 10m", value);
}

/* --- ca --- */

int
value_own_tos(struct reader *r, void *field, const char *value, struct err *e)
{
	r->ca_has_tos = true;
	return value_bool(r, field, value, e);
}

/* RFC 8555 section 7.3: one address, no header fields. */
int
value_contact(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	const char *at = strchr(value, '@');
	char host[HOST_MAX + 1];
	struct err why;

	if (strncmp(value, "mailto:", 7) != 0 || !is_visible(value) || at == NULL ||
	    at == value + 7 || strpbrk(value, "?,%<>\"") != NULL ||
	    text_host(at + 1, 0, host, &why) == -1)
		return want(e, "mailto:user@host", value);
	return store_once(field, value, e);
}

/* "host:port", "[address]:port" */
static int
store_place(void *field, const char *value, struct err *e)
{
	char text[HOST_MAX + 32];
	struct err why;
	struct url u;

	if (strlen(value) > HOST_MAX || strpbrk(value, "/?") != NULL ||
	    strchr(value, '\0')[-1] == ']')
		return want(e, "a host name or address, and its port", value);
	(void)snprintf(text, sizeof(text), "https://%s/", value);
	if (text_url(text, &u, &why) == -1)
		return want(e, "a host name or address, and its port", value);
	(void)snprintf(text, sizeof(text), u.ipv6 ? "[%s]:%u" : "%s:%u", u.host, u.port);
	return store_once(field, text, e);
}

/* As text_url() gives the host of a URL. */
int
value_host(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	char host[HOST_MAX + 1];

	if (text_is_address(value))
		return store_once(field, value, e);
	if (strchr(value, ':') != NULL)
		return store_place(field, value, e);
	if (text_host(value, HOST_SINGLE, host, e) == -1)
		return err_in(e, "want a host name or address");
	return store_once(field, host, e);
}

/* A name that a CA has given to something. */
int
value_word(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	if (!is_visible(value))
		return want(e, "1 to 1024 visible ASCII characters", value);
	return store(field, value, e);
}

int
value_alg(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "HS256", "HS384", "HS512", NULL };

	return one_of(words, value, e) == 0 ? store(field, value, e) : -1;
}

/* --- certificate --- */

/* Addresses in the one form that inet_ntop() writes: RFC 8738 section 3. */
int
value_name(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	uint8_t addr[sizeof(struct in6_addr)];
	int family = strchr(value, ':') != NULL ? AF_INET6 : AF_INET;
	char host[HOST_MAX + 1];

	if (inet_pton(family, value, addr) == 1)
		return store_once(field, inet_ntop(family, addr, host, sizeof(host)), e);
	if (idn_host(value, HOST_WILDCARD, host, e) == -1)
		return err_in(e, "want a host name or address");
	return store_once(field, host, e);
}

int
value_key(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072",
	    "rsa-4096", NULL };

	return one_of(words, value, e) == 0 ? store_once(field, value, e) : -1;
}

/* Whether there is such a section is known at the end only. */
int
value_ca(struct reader *r, void *field, const char *value, struct err *e)
{
	struct mention *m;

	if (store_once(field, value, e) == -1)
		return -1;
	if ((m = list_add(&r->references, sizeof(*m))) == NULL)
		return err_nomem(e);
	*m = (struct mention){ .section = "ca", .at = r->at, .number = r->references.n };
	return store(&m->name, value, e);
}

int
value_renew(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	int64_t t;

	if (strcmp(value, "default") == 0) {
		*(int64_t *)field = CONFIG_DEFAULT_RENEW;
		return 0;
	}
	if (text_duration(value, &t) == -1 || t < RENEW_MIN || t > RENEW_MAX)
		return want(e, "\"default\", or a time such as 30d, from 1h to 3650d", value);
	*(int64_t *)field = t;
	return 0;
}

int
value_window(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	struct strs *windows = field;
	struct due_window w;

	if (due_window_parse(value, &w, e) == -1)
		return want(e, "times such as 02:00-05:00, from 00:00 to 24:00", value);
	if (windows->n == DUE_WINDOWS_MAX)
		return err_set(e, OUT_USAGE, "want at most %d windows", DUE_WINDOWS_MAX);
	return store_once(windows, value, e);
}

/* --- challenge, hook --- */

/* "address:port", IPv6 in brackets. */
static bool
is_endpoint(const char *value)
{
	const char *colon = strrchr(value, ':');
	size_t n = colon != NULL ? (size_t)(colon - value) : 0;
	bool brackets = n > 2 && value[0] == '[' && value[n - 1] == ']';
	uint8_t addr[sizeof(struct in6_addr)];
	char host[INET6_ADDRSTRLEN] = "";
	int64_t port;

	if (n > 0 && n - (brackets ? 2 : 0) < sizeof(host))
		memcpy(host, value + (brackets ? 1 : 0), n - (brackets ? 2 : 0));
	return inet_pton(brackets ? AF_INET6 : AF_INET, host, addr) == 1 &&
	    text_number(span_str(colon + 1), &port) == 0 && port >= 1 && port <= 65535;
}

int
value_listen(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	if (!is_endpoint(value))
		return want(e, "address:port such as [::]:80", value);
	return store_once(field, value, e);
}

int
value_resolver(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	if (!is_endpoint(value))
		return want(e, "address:port such as 127.0.0.1:53", value);
	return store(field, value, e);
}

int
value_propagation(struct reader *r, void *field, const char *value, struct err *e)
{
	if (strcmp(value, "none") == 0) {
		*(int64_t *)field = CONFIG_NO_PROPAGATION;
		return 0;
	}
	return value_limit(r, field, value, e) == 0 ? 0 :
	    want(e, "\"none\", or a time such as 60s, from 1s to 10m", value);
}

int
value_self_check(struct reader *r, void *field, const char *value, struct err *e)
{
	bool wanted;

	if (value_bool(r, &wanted, value, e) == -1)
		return -1;
	*(bool *)field = !wanted;
	return 0;
}

/* Stored in the one form that all ways of writing it lead to. */
int
value_rpc(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	struct wire_addr addr;

	return wire_addr_parse(value, &addr, e) == 0 ? store(field, addr.text, e) : -1;
}

/* Whether tls.cfg has it is seen when that is read. */
int
value_profile(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	const char *kind = value + (value[0] == '[');

	if ((strncmp(kind, "server:", 7) != 0 && strncmp(kind, "client:", 7) != 0) ||
	    strlen(value) > WORD_MAX_OCTETS)
		return want(e, "a profile such as \"server:default\" or \"server:any "
		    "sip.example.com\"", value);
	return store_once(field, value, e);
}

int
value_verify(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	struct wire_listener l;

	return wire_listener_parse(value, &l, e) == 0 ? store_once(field, value, e) : -1;
}

/* Of systemd: systemd.unit(5). */
int
value_unit(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789:_.\\@-";
	size_t n = strlen(value);

	if (n == 0 || n > UNIT_OCTETS || strspn(value, allowed) != n || value[0] == '.' ||
	    strchr(value, '.') == NULL)
		return want(e, "a unit such as haproxy.service", value);
	return store(field, value, e);
}

int
value_action(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "reload", "restart", "reload-or-restart", NULL };

	return one_of(words, value, e) == 0 ? store(field, value, e) : -1;
}

int
value_signal(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "HUP", "USR1", "USR2", "WINCH", NULL };

	return one_of(words, value, e) == 0 ? store(field, value, e) : -1;
}

int
value_error_log(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	struct err why;

	return errlog_check(value, &why) == 0 ? store(field, value, e) :
	    want(e, "an absolute path, or journal: and a unit such as journal:kamailio.service",
	    value);
}

int
value_unsafe(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "wait", "restart", "hold", "go-on", NULL };

	return one_of(words, value, e) == 0 ? store(field, value, e) : -1;
}

int
value_rollback_on(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	return one_of(config_checks, value, e) == 0 ? store_once(field, value, e) : -1;
}

int
value_command(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	struct strs *command = field;

	if (command->n == 0 && (value[0] != '/' || strlen(value) >= PATH_MAX))
		return want(e, "the absolute path of a program first", value);
	if (command->n == VALUES_MAX)
		return err_set(e, OUT_USAGE, "want at most %d values", VALUES_MAX);
	return strs_add(command, value) == 0 ? 0 : err_nomem(e);
}

int
value_count(struct reader *r UNUSED, void *field, const char *value, struct err *e)
{
	int64_t n;

	if (text_number(span_str(value), &n) == -1 || n < 1 || n > COUNT_MAX)
		return want(e, "a whole number from 1 to 10000000", value);
	*(int64_t *)field = n;
	return 0;
}
