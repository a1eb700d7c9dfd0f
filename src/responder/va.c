/*
 * va: the validation authority: RFC 8555 sections 8.3 and 8.4, RFC 8737,
 * RFC 8738, and dns-persist-01, done for real, many at a time.
 *
 *   http-01      addresses -> fetch, next address if none answered -> redirects -> judge
 *   tls-alpn-01  addresses -> handshake -> judge
 *   dns-01, dns-persist-01  texts -> judge
 *   then, each of them      CAA
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/clock.h"
#include "responder/va.h"

#define REDIRECTS_MAX	10
#define PATH_MAX_01	1024

struct va {
	struct loop		*loop;
	struct options		*o;
	struct va_dns		*dns;
	struct tls_config	 web;		/* behind a redirect to https: any certificate */
	struct tls_config	 alpn;
	struct check		*first;
};

/* One validation. */
struct check {
	struct va		*va;
	struct check		*prev, *next;
	struct va_ask		 ask;
	struct ident		 ident;
	char			*token, *thumb, *account;
	struct va_answer	 addresses;
	size_t			 at;		/* address in use */
	char			 host[HOST_MAX + 1];
	uint16_t		 port;
	bool			 tls;
	char			 path[PATH_MAX_01];
	unsigned		 redirects;
	struct va_fetch		*fetch;
	struct va_climb		 climb;
	va_done			*done;
	void			*arg;
};

static void	look_up(struct check *);
static void	connect_next(struct check *, const char *why);

static void
check_free(struct check *k)
{
	va_fetch_free(k->fetch);
	free(k->ident.value);
	free(k->token);
	free(k->thumb);
	free(k->account);
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		k->va->first = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
	free(k);
}

static void
check_done(struct check *k, const struct problem *p)
{
	va_done *done = k->done;
	void *arg = k->arg;
	struct problem copy;

	if (p != NULL)
		copy = *p;
	check_free(k);
	done(arg, p != NULL ? &copy : NULL);
}

static void
on_caa(void *arg, const struct problem *p)
{
	check_done(arg, p);
}

/* When the challenge was fulfilled, what is left is whether the CA may issue. */
static void
check_judged(struct check *k, int verdict, const struct problem *p)
{
	if (verdict == -1) {
		check_done(k, p);
		return;
	}
	va_fetch_free(k->fetch);
	k->fetch = NULL;
	va_caa(&k->climb, &(struct va_climb){ .dns = k->va->dns, .ask = &k->ask, .done = on_caa,
	    .arg = k });
}

static void
check_failed(struct check *k, const char *type, const char *what)
{
	struct problem p;

	problem_set(&p, 400, type, "%s: %s: %s", challenge_word(k->ask.type), k->host, what);
	check_done(k, &p);
}

/* --- fetching --- */

static bool
is_loopback(const struct sockaddr_storage *a)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;

	return a->ss_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(six) :
	    ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

/* http or https on the ports that validation uses; 80 and 443 stand for these. */
static bool
follow(struct check *k, const char *location)
{
	struct url u;
	struct err e;

	if (location[0] == '/' && strlen(location) < sizeof(k->path)) {
		memcpy(k->path, location, strlen(location) + 1);
		return true;
	}
	if (text_url(location, &u, &e) == -1 || strlen(u.path) >= sizeof(k->path))
		return false;
	if (strcmp(u.scheme, "http") == 0 && (u.port == 80 || u.port == k->va->o->http_port))
		k->tls = false;
	else if (strcmp(u.scheme, "https") == 0 && (u.port == 443 || u.port == k->va->o->tls_port))
		k->tls = true;
	else
		return false;
	k->port = k->tls ? k->va->o->tls_port : k->va->o->http_port;
	memcpy(k->host, u.host, sizeof(k->host));
	memcpy(k->path, u.path, strlen(u.path) + 1);
	return true;
}

static void
http_answered(struct check *k, const struct http_answer *a)
{
	bool redirect = a->status == 301 || a->status == 302 || a->status == 303 ||
	    a->status == 307 || a->status == 308;
	struct problem p;

	if (redirect) {
		va_fetch_free(k->fetch);
		k->fetch = NULL;
		if (++k->redirects > REDIRECTS_MAX)
			check_failed(k, "connection", "too many redirects");
		else if (!follow(k, a->location))
			check_failed(k, "connection", "a redirect that is not followed");
		else
			look_up(k);
		return;
	}
	check_judged(k, va_judge_http(&k->ask, a, &p), &p);
}

static bool
on_http(void *arg, const struct va_fetched *got)
{
	struct check *k = arg;
	struct http_answer a;
	enum http_result result = HTTP_BAD;
	struct buf scratch;

	if (got->error != NULL) {
		if (!got->connected)
			connect_next(k, got->error);
		else
			check_failed(k, "connection", got->error);
		return true;
	}
	buf_init(&scratch, HTTP_BODY_MAX);
	result = http_read_answer(got->octets, got->eof, &scratch, &a);
	if (result == HTTP_WHOLE)
		http_answered(k, &a);
	else if (result == HTTP_BAD)
		check_failed(k, "connection", "no whole HTTP answer");
	buf_clear(&scratch);
	return result != HTTP_MORE;
}

static bool
on_alpn(void *arg, const struct va_fetched *got)
{
	struct check *k = arg;
	struct problem p;

	if (got->error != NULL) {
		if (!got->connected)
			connect_next(k, got->error);
		else
			check_failed(k, "tls", got->error);
		return true;
	}
	if (got->info == NULL || got->info->peer_certs == NULL || got->info->version == 0)
		return false;
	check_judged(k, va_judge_alpn(&k->ask, got->info, &p), &p);
	return true;
}

/* RFC 8738 section 6: the reverse name of an address. */
static void
server_name(const struct check *k, char *out, size_t size)
{
	uint8_t o[16];
	size_t n = 0;

	if (k->ident.type == IDENT_DNS) {
		snprintf(out, size, "%s", k->host);
	} else if (inet_pton(AF_INET, k->host, o) == 1) {
		snprintf(out, size, "%u.%u.%u.%u.in-addr.arpa", o[3], o[2], o[1], o[0]);
	} else if (inet_pton(AF_INET6, k->host, o) == 1) {
		for (int i = 15; i >= 0 && n + 4 < size; i--)
			n += (size_t)snprintf(out + n, size - n, "%x.%x.", o[i] & 15, o[i] >> 4);
		snprintf(out + n, size - n, "ip6.arpa");
	}
}

static void
put_request(const struct check *k, struct buf *b)
{
	bool v6 = strchr(k->host, ':') != NULL;
	bool usual = k->port == (k->tls ? 443 : 80);
	char port[8] = "";

	if (!usual)
		snprintf(port, sizeof(port), ":%u", k->port);
	buf_printf(b, "GET %s HTTP/1.1\r\nHost: %s%s%s%s\r\nUser-Agent: kamcert-responder\r\n"
	    "Accept: */*\r\nConnection: close\r\n\r\n", k->path, v6 ? "[" : "", k->host,
	    v6 ? "]" : "", port);
}

static int
start_fetch(struct check *k)
{
	struct sockaddr_storage *a = &k->addresses.addr[k->at];
	bool alpn = k->ask.type == CHAL_ALPN;
	struct va_fetch_ask ask = { .addr = a };
	char sni[HOST_MAX + 1];
	struct buf b;

	if (a->ss_family == AF_INET6)
		((struct sockaddr_in6 *)a)->sin6_port = htons(k->port);
	else
		((struct sockaddr_in *)a)->sin_port = htons(k->port);
	buf_init(&b, 4096);
	server_name(k, sni, sizeof(sni));
	if (alpn || k->tls) {
		ask.tls = alpn ? &k->va->alpn : &k->va->web;
		ask.sni = alpn || k->ident.type == IDENT_DNS ? sni : NULL;
	}
	if (!alpn) {
		put_request(k, &b);
		ask.send = buf_span(&b);
	}
	k->fetch = va_fetch_new(k->va->loop, &ask, alpn ? on_alpn : on_http, k);
	buf_clear(&b);
	return k->fetch != NULL ? 0 : -1;
}

/* The next address, after one that could not be connected to. */
static void
connect_next(struct check *k, const char *why)
{
	char text[ERR_TEXT_MAX];

	snprintf(text, sizeof(text), "%s", why);
	va_fetch_free(k->fetch);
	k->fetch = NULL;
	while (++k->at < k->addresses.naddr)
		if (start_fetch(k) == 0)
			return;
	check_failed(k, "connection", text);
}

static void
on_addresses(void *arg, const struct va_answer *answer, const char *error)
{
	struct check *k = arg;

	if (error != NULL) {
		check_failed(k, "dns", error);
		return;
	}
	k->addresses.naddr = 0;
	for (size_t i = 0; i < answer->naddr; i++)
		if (k->va->o->any_target || is_loopback(&answer->addr[i]))
			k->addresses.addr[k->addresses.naddr++] = answer->addr[i];
	if (k->addresses.naddr == 0) {
		check_failed(k, "connection", "no loopback address, and --any-target is not given");
		return;
	}
	k->at = (size_t)-1;
	connect_next(k, "cannot connect");
}

/* An address needs no looking up, but is answered by the loop all the same. */
static void
look_up(struct check *k)
{
	if (va_dns_addresses(k->va->dns, k->host, on_addresses, k) == -1)
		check_failed(k, "serverInternal", "out of memory");
}

static void
on_texts(void *arg, const struct va_answer *answer, const char *error)
{
	struct check *k = arg;
	struct problem p;
	int rc;

	if (error != NULL) {
		check_failed(k, "dns", error);
		return;
	}
	rc = k->ask.type == CHAL_PERSIST ? va_judge_persist(&k->ask, answer, clock_wall(), &p) :
	    va_judge_dns(&k->ask, answer, &p);
	check_judged(k, rc, &p);
}

/* --- the face --- */

static int
begin_dns(struct check *k)
{
	char name[HOST_MAX + 32];

	snprintf(name, sizeof(name), "%s.%s", k->ask.type == CHAL_PERSIST ? "_validation-persist" :
	    "_acme-challenge", k->ident.value);
	return va_dns_texts(k->va->dns, name, on_texts, k);
}

int
va_begin(struct va *va, const struct va_ask *ask, va_done *done, void *arg, struct err *e)
{
	struct check *k = calloc(1, sizeof(*k));
	int rc = -1;

	if (k == NULL)
		return err_nomem(e);
	k->va = va;
	if ((k->next = va->first) != NULL)
		k->next->prev = k;
	va->first = k;
	k->ident = *ask->ident;
	k->ident.value = strdup(ask->ident->value);
	k->token = strdup(ask->token);
	k->thumb = strdup(ask->thumb);
	k->account = strdup(ask->account);
	k->ask = (struct va_ask){ ask->type, &k->ident, k->token, k->thumb, k->account };
	k->port = ask->type == CHAL_ALPN ? va->o->tls_port : va->o->http_port;
	k->done = done;
	k->arg = arg;
	if (k->ident.value != NULL && k->token != NULL && k->thumb != NULL && k->account != NULL) {
		snprintf(k->host, sizeof(k->host), "%s", k->ident.value);
		snprintf(k->path, sizeof(k->path), "/.well-known/acme-challenge/%s", k->token);
		rc = ask->type == CHAL_DNS || ask->type == CHAL_PERSIST ? begin_dns(k) :
		    va_dns_addresses(va->dns, k->host, on_addresses, k);
	}
	if (rc == -1) {
		check_free(k);
		return err_nomem(e);
	}
	return 0;
}

/* What a certificate proves is judged afterwards, or does not matter (RFC 8555 section 8.3). */
static int
accept_any(void *arg, const struct span *ders, size_t n, uint8_t *alert, struct err *e)
{
	(void)arg, (void)ders, (void)n, (void)alert, (void)e;
	return 0;
}

int
va_new(struct loop *loop, struct options *o, struct va **out, struct err *e)
{
	static const char *const alpn[] = { "acme-tls/1", NULL },
	    *const web[] = { "http/1.1", NULL };
	struct va *va = calloc(1, sizeof(*va));

	*out = NULL;
	if (va == NULL)
		return err_nomem(e);
	va->loop = loop;
	va->o = o;
	va->alpn.verify = va->web.verify = accept_any;
	va->alpn.alpn = alpn;
	va->web.alpn = web;
	if (va_dns_new(loop, o, &va->dns, e) == -1) {
		free(va);
		return -1;
	}
	*out = va;
	return 0;
}

void
va_free(struct va *va)
{
	if (va == NULL)
		return;
	va_dns_free(va->dns);
	while (va->first != NULL)
		check_free(va->first);
	free(va);
}
