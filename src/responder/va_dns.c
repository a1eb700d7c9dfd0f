/*
 * va_dns: names from the table of the command line, or from the DNS server
 * that was given, by c-ares on the loop. Nothing else is asked: without a
 * server, a name that is in no row does not exist.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>

#include <ares.h>

#include "base/clock.h"
#include "responder/va.h"

#define SOCKETS_MAX 16
#define TYPE_CAA 257	/* RFC 8659 section 4.1 */

struct va_dns {
	struct loop		*loop;
	struct options		*o;
	ares_channel		 channel;
	bool			 has_channel;
	struct dns_socket {
		struct va_dns	*dns;
		ares_socket_t	 fd;
		struct loop_fd	*io;	/* NULL: the row is free */
	} sockets[SOCKETS_MAX];
	struct loop_timer	*timer;
	struct query		*first;
};

struct query {
	struct va_dns		*dns;
	struct query		*prev, *next;
	struct va_answer	 answer;
	char			 error[160];
	unsigned		 left;		/* questions without an answer yet */
	size_t			 nv6;
	struct loop_timer	*soon;		/* an answer out of the table */
	va_resolved		*done;
	void			*arg;
};

static void
query_free(struct query *q)
{
	loop_timer_del(q->soon);
	for (size_t i = 0; i < q->answer.ntext; i++)
		free(q->answer.text[i]);
	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		q->dns->first = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	free(q);
}

static struct query *
query_new(struct va_dns *dns, va_resolved *done, void *arg)
{
	struct query *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->dns = dns;
	q->done = done;
	q->arg = arg;
	if ((q->next = dns->first) != NULL)
		q->next->prev = q;
	dns->first = q;
	return q;
}

static void
query_done(struct query *q)
{
	bool found = q->answer.naddr != 0 || q->answer.ntext != 0;

	q->done(q->arg, &q->answer, found ? NULL : q->error[0] != '\0' ? q->error :
	    "nothing was found");
	query_free(q);
}

static void
on_soon(void *arg)
{
	struct query *q = arg;

	q->soon = NULL;
	query_done(q);
}

static int
answer_soon(struct query *q)
{
	struct err e;

	q->soon = loop_timer_add(q->dns->loop, 0, on_soon, q, &e);
	if (q->soon != NULL)
		return 0;
	query_free(q);
	return -1;
}

/* --- the table --- */

static void
add_address(struct query *q, int family, const void *octets)
{
	struct sockaddr_storage *a = &q->answer.addr[q->answer.naddr];

	if (q->answer.naddr == VA_ADDRESSES_MAX)
		return;
	/* IPv6 goes first, as with Let's Encrypt. */
	if (family == AF_INET6) {
		memmove(&q->answer.addr[q->nv6 + 1], &q->answer.addr[q->nv6],
		    (q->answer.naddr - q->nv6) * sizeof(*a));
		a = &q->answer.addr[q->nv6++];
	}
	memset(a, 0, sizeof(*a));
	a->ss_family = (sa_family_t)family;
	if (family == AF_INET6)
		memcpy(&((struct sockaddr_in6 *)a)->sin6_addr, octets, 16);
	else
		memcpy(&((struct sockaddr_in *)a)->sin_addr, octets, 4);
	q->answer.naddr++;
}

static void
add_address_text(struct query *q, const char *text)
{
	uint8_t octets[16];
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, octets) == 1)
		add_address(q, family, octets);
}

static void
add_row(struct query *q, const char *row)
{
	char one[64];

	for (; *row != '\0'; row += strcspn(row, ",") + (strchr(row, ',') != NULL)) {
		snprintf(one, sizeof(one), "%.*s", (int)strcspn(row, ","), row);
		add_address_text(q, one);
	}
}

/* --- c-ares --- */

static void	watch_timeout(struct va_dns *);

static void
on_dns_io(void *arg, unsigned events)
{
	struct dns_socket *s = arg;
	struct va_dns *dns = s->dns;
	ares_socket_t fd = s->fd;

	ares_process_fd(dns->channel, (events & (LOOP_READ | LOOP_HANGUP)) != 0 ? fd :
	    ARES_SOCKET_BAD, (events & LOOP_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
	watch_timeout(dns);
}

static struct dns_socket *
find_socket(struct va_dns *dns, ares_socket_t fd)
{
	struct dns_socket *room = NULL;

	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (dns->sockets[i].io != NULL && dns->sockets[i].fd == fd)
			return &dns->sockets[i];
		if (dns->sockets[i].io == NULL)
			room = &dns->sockets[i];
	}
	return room;
}

/* c-ares tells which of its sockets to watch; without room for one, its questions time out. */
static void
on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct va_dns *dns = arg;
	struct dns_socket *s = find_socket(dns, fd);
	unsigned events = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);
	struct err e;

	if (s == NULL)
		return;
	if (events == 0 || (s->io != NULL && loop_fd_set(s->io, events, &e) == -1)) {
		loop_fd_del(s->io);
		s->io = NULL;
		return;
	}
	if (s->io == NULL) {
		s->dns = dns;
		s->fd = fd;
		s->io = loop_fd_add(dns->loop, fd, events, on_dns_io, s, &e);
	}
}

static void
on_dns_late(void *arg)
{
	struct va_dns *dns = arg;

	dns->timer = NULL;
	ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	watch_timeout(dns);
}

static void
watch_timeout(struct va_dns *dns)
{
	struct timeval tv, *next = ares_timeout(dns->channel, NULL, &tv);
	struct err e;

	loop_timer_del(dns->timer);
	dns->timer = NULL;
	if (next != NULL)
		dns->timer = loop_timer_add(dns->loop, clock_boot_ms() + next->tv_sec * 1000 +
		    next->tv_usec / 1000 + 1, on_dns_late, dns, &e);
}

static void
answered(struct query *q, int status)
{
	q->answer.failed = q->answer.failed || (status != ARES_SUCCESS && status != ARES_ENODATA &&
	    status != ARES_ENOTFOUND);
	if (status != ARES_SUCCESS && q->error[0] == '\0')
		snprintf(q->error, sizeof(q->error), "DNS: %s", ares_strerror(status));
	if (--q->left == 0 && status != ARES_EDESTRUCTION)
		query_done(q);
}

static void
on_v4(void *arg, int status, int timeouts, unsigned char *octets, int n)
{
	struct ares_addrttl rows[VA_ADDRESSES_MAX];
	int nrows = VA_ADDRESSES_MAX;
	struct query *q = arg;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = ares_parse_a_reply(octets, n, NULL, rows, &nrows);
	for (int i = 0; status == ARES_SUCCESS && i < nrows; i++)
		add_address(q, AF_INET, &rows[i].ipaddr);
	answered(q, status);
}

static void
on_v6(void *arg, int status, int timeouts, unsigned char *octets, int n)
{
	struct ares_addr6ttl rows[VA_ADDRESSES_MAX];
	int nrows = VA_ADDRESSES_MAX;
	struct query *q = arg;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = ares_parse_aaaa_reply(octets, n, NULL, rows, &nrows);
	for (int i = 0; status == ARES_SUCCESS && i < nrows; i++)
		add_address(q, AF_INET6, &rows[i].ip6addr);
	answered(q, status);
}

/* A record is one or more strings, which are put together (RFC 8555 section 8.4). */
static void
add_texts(struct query *q, const struct ares_txt_ext *t)
{
	struct buf b;

	buf_init(&b, 4096);
	while (t != NULL && q->answer.ntext < VA_TEXTS_MAX) {
		do {
			buf_put(&b, span_of(t->txt, t->length));
			t = t->next;
		} while (t != NULL && !t->record_start);
		if ((q->answer.text[q->answer.ntext] = span_dup(buf_span(&b))) != NULL)
			q->answer.ntext++;
		buf_reset(&b);
	}
	buf_clear(&b);
}

static void
on_txt(void *arg, int status, int timeouts, unsigned char *octets, int n)
{
	struct ares_txt_ext *rows = NULL;
	struct query *q = arg;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = ares_parse_txt_reply_ext(octets, n, &rows);
	if (status == ARES_SUCCESS)
		add_texts(q, rows);
	ares_free_data(rows);
	answered(q, status);
}

/* As zone files have them. */
static void
on_caa(void *arg, int status, int timeouts, unsigned char *octets, int n)
{
	struct ares_caa_reply *rows = NULL;
	struct query *q = arg;
	struct buf b;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = ares_parse_caa_reply(octets, n, &rows);
	buf_init(&b, 4096);
	for (struct ares_caa_reply *r = rows; r != NULL &&
	    q->answer.ntext < VA_TEXTS_MAX; r = r->next) {
		buf_reset(&b);
		buf_printf(&b, "%d %.*s ", r->critical, (int)r->plength, (const char *)r->property);
		buf_put(&b, span_of(r->value, r->length));
		if ((q->answer.text[q->answer.ntext] = span_dup(buf_span(&b))) != NULL)
			q->answer.ntext++;
	}
	buf_clear(&b);
	ares_free_data(rows);
	answered(q, status);
}

/* --- asking --- */

int
va_dns_addresses(struct va_dns *dns, const char *name, va_resolved *done, void *arg)
{
	struct query *q = query_new(dns, done, arg);
	const char *row;

	if (q == NULL)
		return -1;
	add_address_text(q, name);
	if (q->answer.naddr != 0)
		return answer_soon(q);
	row = map_get(&dns->o->hosts, span_str(name));
	if (row == NULL && !dns->has_channel)
		row = map_get(&dns->o->hosts, span_str("*"));
	if (row != NULL || !dns->has_channel) {
		snprintf(q->error, sizeof(q->error), "no address is known for %.100s", name);
		add_row(q, row != NULL ? row : "");
		return answer_soon(q);
	}
	q->left = 2;
	ares_query(dns->channel, name, ns_c_in, ns_t_aaaa, on_v6, q);
	ares_query(dns->channel, name, ns_c_in, ns_t_a, on_v4, q);
	watch_timeout(dns);
	return 0;
}

/* Records that are texts here: out of a table, or else by the server. */
static int
ask_texts(struct query *q, const char *name, const struct map *table, int type)
{
	struct va_dns *dns = q->dns;
	struct strs *row = map_get(table, span_str(name));

	if (row != NULL || !dns->has_channel) {
		snprintf(q->error, sizeof(q->error), "no such record is known for %.100s", name);
		for (size_t i = 0; row != NULL && i < row->n && i < VA_TEXTS_MAX; i++)
			if ((q->answer.text[q->answer.ntext] = strdup(row->v[i])) != NULL)
				q->answer.ntext++;
		return answer_soon(q);
	}
	q->left = 1;
	ares_query(dns->channel, name, ns_c_in, type, type == ns_t_txt ? on_txt : on_caa, q);
	watch_timeout(dns);
	return 0;
}

int
va_dns_texts(struct va_dns *dns, const char *name, va_resolved *done, void *arg)
{
	struct query *q = query_new(dns, done, arg);

	return q != NULL ? ask_texts(q, name, &dns->o->texts, ns_t_txt) : -1;
}

int
va_dns_caa(struct va_dns *dns, const char *name, va_resolved *done, void *arg)
{
	struct query *q = query_new(dns, done, arg);

	return q != NULL ? ask_texts(q, name, &dns->o->caa, TYPE_CAA) : -1;
}

bool
va_dns_has_caa(const struct va_dns *dns)
{
	return dns->has_channel || dns->o->caa.n != 0;
}

int
va_dns_new(struct loop *loop, struct options *o, struct va_dns **out, struct err *e)
{
	struct ares_options ao = { .timeout = 2000, .tries = 2, .sock_state_cb = on_socket };
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
	struct va_dns *dns = calloc(1, sizeof(*dns));
	int rc;

	*out = NULL;
	if (dns == NULL)
		return err_nomem(e);
	dns->loop = loop;
	dns->o = o;
	ao.sock_state_cb_data = dns;
	if (o->dns != NULL) {
		if ((rc = ares_library_init(ARES_LIB_INIT_ALL)) != ARES_SUCCESS ||
		    (rc = ares_init_options(&dns->channel, &ao, mask)) != ARES_SUCCESS) {
			free(dns);
			return err_set(e, OUT_RETRY, "c-ares: %s", ares_strerror(rc));
		}
		dns->has_channel = true;
		if ((rc = ares_set_servers_ports_csv(dns->channel, o->dns)) != ARES_SUCCESS) {
			va_dns_free(dns);
			return err_set(e, OUT_USAGE, "--dns: %s: %s", o->dns, ares_strerror(rc));
		}
	}
	*out = dns;
	return 0;
}

void
va_dns_free(struct va_dns *dns)
{
	if (dns == NULL)
		return;
	if (dns->has_channel)
		ares_destroy(dns->channel);
	while (dns->first != NULL)
		query_free(dns->first);
	loop_timer_del(dns->timer);
	free(dns);
}
