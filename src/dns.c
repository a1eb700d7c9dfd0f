/*
 * dns: one search after the other asks the resolver, then the name servers.
 *
 * c-ares forbids that a channel is destroyed in its callbacks, so these only
 * note what came; when all of a step's answers are there, a timer that is due
 * at once makes the next step.
 */
#include "dns.h"

#include <sys/queue.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/pack.h"
#include "dns_asker.h"

#define HOPS_MAX	8	/* CNAMEs one behind the other */
#define HOSTS_MAX	16	/* name servers of a zone */
#define SERVERS_MAX	32	/* their addresses */
#define PAUSE_MS	250	/* behind the first round; twice as long behind each */
#define PAUSE_MAX_MS	4000
#define ENDPOINT_MAX	(INET6_ADDRSTRLEN + 8)
#define TEXT_MAX	4096	/* octets of a record that is looked at */
#define SPARE_MS	30000	/* that a search may take beyond its time */

enum answer { SILENT, LACKS, SHOWS };

/* An address of a name server. */
struct server {
	SLIST_ENTRY(server)	 link;
	char			 host[DNS_NAME_MAX + 1];
	char			 addr[INET6_ADDRSTRLEN];
	struct asker		*asker;
	enum answer		 answer;
};

struct search {
	LIST_ENTRY(search)	 link;
	struct loop		*loop;
	struct asker		*resolver;
	char			 name[DNS_NAME_MAX + 1];
	char			 zone[DNS_NAME_MAX + 1];
	char			*value;		/* NULL: what fits these */
	struct strs		 issuers;
	char			*account;
	bool			 wildcard;
	/* of the resolver that was named; "": none was */
	char			 own[INET6_ADDRSTRLEN];
	char			 port[8];
	int64_t			 until_ms;
	int64_t			 pause_ms;
	unsigned		 hops;
	bool			 moved;		/* a CNAME was there */
	struct strs		 hosts;
	SLIST_HEAD(, server)	 servers;
	size_t			 nservers;
	size_t			 open;		/* queries without an answer */
	bool			 closing;
	struct loop_timer	*turn;
	struct loop_timer	*limit;
	void			(*next)(struct search *);	/* when all answers are there */
	struct err		 err;
	dns_done		*done;
	void			*arg;
};

struct query {
	struct search	*search;
	struct server	*server;	/* NULL: the resolver was asked */
	const char	*host;		/* whose address was asked for */
	void		(*took)(struct query *, int status, struct dns_message *);
};

struct dns {
	struct loop		*loop;
	LIST_HEAD(, search)	 searches;
};

/* --- one step of a search --- */

static void
search_free(struct search *s)
{
	struct server *server;

	if (s == NULL)
		return;
	s->closing = true;
	asker_free(s->resolver);
	while ((server = SLIST_FIRST(&s->servers)) != NULL) {
		SLIST_REMOVE_HEAD(&s->servers, link);
		asker_free(server->asker);
		free(server);
	}
	loop_timer_del(s->turn);
	loop_timer_del(s->limit);
	strs_clear(&s->hosts);
	strs_clear(&s->issuers);
	free(s->account);
	free(s->value);
	free(s);
}

static void
end_search(struct search *s, const char *name)
{
	LIST_REMOVE(s, link);
	s->done(s->arg, s->err.class == OUT_OK ? name : NULL, &s->err);
	search_free(s);
}

/* Whatever has gone wrong, memory included. */
static void
on_limit(void *arg)
{
	struct search *s = arg;

	s->limit = NULL;
	err_set(&s->err, OUT_RETRY, "dns: no answer about %s in time", s->name);
	end_search(s, NULL);
}

static void
on_turn(void *arg)
{
	struct search *s = arg;

	s->turn = NULL;
	if (s->err.class != OUT_OK)
		end_search(s, NULL);
	else
		s->next(s);
}

/* Without memory for the timer nothing goes on, until the limit. */
static void
turn_in(struct search *s, int64_t ms)
{
	struct err e;

	s->turn = loop_timer_add(s->loop, time_add(clock_boot_ms(), ms), on_turn, s, &e);
	if (s->turn == NULL)
		log_error(KV_S("event", "dns stands still"), KV_S("error", e.text));
}

static void
on_reply(void *arg, int status, int timeouts UNUSED, unsigned char *reply, int n)
{
	struct query *q = arg;
	struct search *s = q->search;
	struct dns_message m;

	if (!s->closing) {
		dns_message_open(&m, span_of(reply, reply != NULL && n > 0 ? (size_t)n : 0));
		q->took(q, status, &m);
		if (--s->open == 0)
			turn_in(s, 0);
	}
	free(q);
}

static void
ask(struct search *s, const struct query *about, const char *name, enum dns_type type)
{
	struct asker *a = about->server != NULL ? about->server->asker : s->resolver;
	struct query *q = malloc(sizeof *q);

	if (q == NULL) {
		err_nomem(&s->err);
		if (s->open == 0)
			turn_in(s, 0);
		return;
	}
	*q = *about;
	q->search = s;
	s->open++;
	asker_ask(a, name, type, on_reply, q);
}

/* Did the resolver say something about the name, if only that it is not there? */
static bool
is_answer(struct search *s, const char *name, int status)
{
	if (status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND)
		return true;
	err_set(&s->err, OUT_RETRY, "dns: the resolver does not tell about %s: %s", name,
	    ares_strerror(status));
	return false;
}

/* --- where CNAMEs lead --- */

/* It goes to programs and into messages: nothing in it may mean something there. */
static bool
is_plain(const char *name)
{
	return name[0] != '\0' && name[0] != '-' && name[0] != '.' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == strlen(name);
}

static void
took_cname(struct query *q, int status, struct dns_message *m)
{
	struct search *s = q->search;
	struct dns_record r;

	s->moved = false;
	if (!is_answer(s, s->name, status))
		return;
	while (!s->moved && dns_message_next(m, &r)) {
		if (!r.is_answer || r.type != DNS_CNAME || strcmp(r.name, s->name) != 0)
			continue;
		s->moved = true;
		if (!is_plain(r.target))
			err_set(&s->err, OUT_HOLD, "dns: %s has a CNAME to a name that is not of "
			    "letters, digits, - and _", s->name);
		memcpy(s->name, r.target, sizeof s->name);
	}
}

static void
next_cname(struct search *s)
{
	static const struct query query = { .took = took_cname };

	if (s->hops > 0 && !s->moved) {
		end_search(s, s->name);
	} else if (s->hops++ > HOPS_MAX) {
		err_set(&s->err, OUT_HOLD, "dns: more than %d CNAMEs lead to %s", HOPS_MAX,
		    s->name);
		end_search(s, NULL);
	} else {
		ask(s, &query, s->name, DNS_CNAME);
	}
}

/* --- which zone, which servers --- */

static void	next_servers(struct search *);

static bool
is_below(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n >= z && strcmp(name + n - z, zone) == 0 &&
	    (n == z || z == 0 || name[n - z - 1] == '.');
}

static void
add_server(struct search *s, const char *host, const char *addr)
{
	struct server *server = calloc(1, sizeof *server);

	if (server == NULL) {
		err_nomem(&s->err);
		return;
	}
	snprintf(server->host, sizeof server->host, "%s", host);
	snprintf(server->addr, sizeof server->addr, "%s", addr);
	SLIST_INSERT_HEAD(&s->servers, server, link);
	s->nservers++;
}

static void
took_own(struct query *q, int status, struct dns_message *m UNUSED)
{
	if (is_answer(q->search, q->search->name, status))
		add_server(q->search, "the resolver", q->search->own);
}

/*
 * One that was named in the configuration, and knows of no zones at all, may have the records
 * itself: small servers of tests and appliances do, Pebble's among them.
 */
static void
ask_own(struct search *s)
{
	static const struct query query = { .took = took_own };

	err_clear(&s->err);
	memcpy(s->zone, s->name, sizeof s->zone);
	s->next = next_servers;
	ask(s, &query, s->name, DNS_TXT);
}

/*
 * In the answer if the name is the zone's own, else in the authority section:
 * RFC 2308 section 3.
 */
static void
took_zone(struct query *q, int status, struct dns_message *m)
{
	struct search *s = q->search;
	bool knows_zones = false;
	struct dns_record r;

	if (is_answer(s, s->name, status))
		err_set(&s->err, OUT_RETRY, "dns: the resolver does not tell the zone of %s",
		    s->name);
	while (dns_message_next(m, &r)) {
		knows_zones = knows_zones || r.type == DNS_SOA;
		if (r.type == DNS_SOA && is_below(s->name, r.name)) {
			memcpy(s->zone, r.name, sizeof s->zone);
			err_clear(&s->err);
			return;
		}
	}
	if (!knows_zones && s->own[0] != '\0' && status != ARES_ETIMEOUT)
		ask_own(s);
}

static void
took_hosts(struct query *q, int status, struct dns_message *m)
{
	struct search *s = q->search;
	struct dns_record r;

	if (!is_answer(s, s->zone, status))
		return;
	while (dns_message_next(m, &r))
		if (r.type == DNS_NS && strcmp(r.name, s->zone) == 0 && s->hosts.n < HOSTS_MAX &&
		    strs_add(&s->hosts, r.target) == -1)
			err_nomem(&s->err);
	if (s->hosts.n == 0)
		err_set(&s->err, OUT_RETRY, "dns: the zone %s has no name servers", s->zone);
}

/* A host without an address is no matter while another one has one. */
static void
took_addresses(struct query *q, int status UNUSED, struct dns_message *m)
{
	char addr[INET6_ADDRSTRLEN];
	struct search *s = q->search;
	struct dns_record r;

	while (dns_message_next(m, &r)) {
		if (!r.is_answer || s->nservers == SERVERS_MAX ||
		    !((r.type == DNS_A && r.data.n == 4) || (r.type == DNS_AAAA && r.data.n == 16)))
			continue;
		if (inet_ntop(r.type == DNS_A ? AF_INET : AF_INET6, r.data.p, addr,
		    sizeof addr) != NULL)
			add_server(s, q->host, addr);
	}
}

/* --- do they show it? --- */

static bool
is_wanted(const struct search *s, struct span data)
{
	const struct persist_in in = { &s->issuers, s->account, s->wildcard, clock_wall() };
	struct buf text;
	bool fits;

	if (s->value != NULL)
		return dns_text_is(data, s->value);
	buf_init(&text, TEXT_MAX);
	dns_text(data, &text);
	fits = buf_ok(&text) && persist_fits(buf_span(&text), &in);
	buf_clear(&text);
	return fits;
}

static void
took_text(struct query *q, int status, struct dns_message *m)
{
	struct dns_record r;

	if (status != ARES_SUCCESS && status != ARES_ENODATA && status != ARES_ENOTFOUND)
		return;
	q->server->answer = LACKS;
	while (dns_message_next(m, &r))
		if (r.is_answer && r.type == DNS_TXT && strcmp(r.name, q->search->name) == 0 &&
		    is_wanted(q->search, r.data))
			q->server->answer = SHOWS;
}

static void	begin_round(struct search *);

static void
next_round(struct search *s)
{
	const struct server *server, *lacking = NULL, *showing = NULL;

	SLIST_FOREACH(server, &s->servers, link) {
		if (server->answer == LACKS)
			lacking = server;
		else if (server->answer == SHOWS)
			showing = server;
	}
	if (lacking == NULL && showing != NULL) {
		end_search(s, s->name);
		return;
	}
	if (clock_boot_ms() >= s->until_ms) {
		if (lacking != NULL)
			err_set(&s->err, OUT_RETRY,
			    "dns: %s (%s) does not show the TXT record of %s",
			    lacking->host, lacking->addr, s->name);
		else
			err_set(&s->err, OUT_RETRY, "dns: no name server of %s answers", s->zone);
		end_search(s, NULL);
		return;
	}
	s->next = begin_round;
	turn_in(s, s->pause_ms);
	s->pause_ms = s->pause_ms * 2 < PAUSE_MAX_MS ? s->pause_ms * 2 : PAUSE_MAX_MS;
}

static void
begin_round(struct search *s)
{
	struct query query = { .took = took_text };
	struct server *server;

	s->next = next_round;
	s->open++;	/* no answer is the last one before all were asked */
	SLIST_FOREACH(server, &s->servers, link) {
		server->answer = SILENT;
		query.server = server;
		ask(s, &query, s->name, DNS_TXT);
	}
	if (--s->open == 0)
		turn_in(s, 0);
}

static void
next_servers(struct search *s)
{
	char to[ENDPOINT_MAX];
	struct server *server;

	if (s->nservers == 0)
		err_set(&s->err, OUT_RETRY, "dns: no name server of %s has an address", s->zone);
	SLIST_FOREACH(server, &s->servers, link) {
		snprintf(to, sizeof to, strchr(server->addr, ':') != NULL ? "[%s]:%s" : "%s:%s",
		    server->addr, s->port);
		if (s->err.class == OUT_OK)
			server->asker = asker_new(s->loop, to, &s->err);
	}
	if (s->err.class != OUT_OK)
		end_search(s, NULL);
	else
		begin_round(s);
}

static void
next_addresses(struct search *s)
{
	struct query query = { .took = took_addresses };
	size_t i;

	s->next = next_servers;
	s->open++;
	for (i = 0; i < s->hosts.n; i++) {
		query.host = s->hosts.v[i];
		ask(s, &query, s->hosts.v[i], DNS_A);
		ask(s, &query, s->hosts.v[i], DNS_AAAA);
	}
	if (--s->open == 0)
		turn_in(s, 0);
}

static void
next_hosts(struct search *s)
{
	static const struct query query = { .took = took_hosts };

	s->next = next_addresses;
	ask(s, &query, s->zone, DNS_NS);
}

static void
next_zone(struct search *s)
{
	static const struct query query = { .took = took_zone };

	s->next = next_hosts;
	ask(s, &query, s->name, DNS_SOA);
}

/* --- questions --- */

static int
keep_persist(const struct persist_in *in, struct search *s)
{
	s->wildcard = in->wildcard;
	if (in->account != NULL && (s->account = strdup(in->account)) == NULL)
		return -1;
	for (size_t i = 0; in->issuers != NULL && i < in->issuers->n; i++)
		if (strs_add(&s->issuers, in->issuers->v[i]) == -1)
			return -1;
	return 0;
}

/* "address:port", "[address]:port" */
static void
keep_resolver(const char *text, struct search *s)
{
	const char *colon = text != NULL ? strrchr(text, ':') : NULL;
	size_t bracket = text != NULL && text[0] == '[';

	snprintf(s->port, sizeof s->port, "%s", colon != NULL ? colon + 1 : "53");
	if (colon != NULL && (size_t)(colon - text) > 2 * bracket)
		snprintf(s->own, sizeof s->own, "%.*s", (int)((size_t)(colon - text) - 2 * bracket),
		    text + bracket);
}

static int
search(struct dns *dns, const struct dns_question *q, struct search *s, struct err *e)
{
	if (strlen(q->name) > DNS_NAME_MAX || !is_plain(q->name))
		return err_set(e, OUT_HOLD, "dns: a name that cannot be asked for");
	snprintf(s->name, sizeof s->name, "%s", q->name);
	keep_resolver(q->resolver, s);
	s->loop = dns->loop;
	s->until_ms = time_add(clock_boot_ms(), q->seconds * 1000);
	s->pause_ms = PAUSE_MS;
	if ((q->value != NULL && (s->value = strdup(q->value)) == NULL) ||
	    keep_persist(&q->persist, s) == -1)
		return err_nomem(e);
	if ((s->resolver = asker_new(dns->loop, q->resolver, e)) == NULL)
		return -1;
	s->turn = loop_timer_add(s->loop, clock_boot_ms(), on_turn, s, e);
	s->limit = loop_timer_add(s->loop, time_add(s->until_ms, SPARE_MS), on_limit, s, e);
	if (s->turn == NULL || s->limit == NULL)
		return -1;
	LIST_INSERT_HEAD(&dns->searches, s, link);
	return 0;
}

static int
begin(struct dns *dns, const struct dns_question *q, const struct search *how, struct err *e)
{
	struct search *s = malloc(sizeof *s);

	if (s == NULL)
		return err_nomem(e);
	*s = *how;
	if (search(dns, q, s, e) == 0)
		return 0;
	search_free(s);
	return -1;
}

int
dns_find(struct dns *dns, const struct dns_question *q, dns_done *done, void *arg, struct err *e)
{
	const struct search how = { .next = next_cname, .done = done, .arg = arg };

	return begin(dns, q, &how, e);
}

int
dns_await(struct dns *dns, const struct dns_question *q, dns_done *done, void *arg, struct err *e)
{
	const struct search how = { .next = next_zone, .done = done, .arg = arg };

	return begin(dns, q, &how, e);
}

struct dns *
dns_new(struct loop *loop, struct err *e)
{
	struct dns *dns = calloc(1, sizeof *dns);

	if (dns == NULL) {
		err_nomem(e);
		return NULL;
	}
	dns->loop = loop;
	return dns;
}

void
dns_free(struct dns *dns)
{
	struct search *s;

	if (dns == NULL)
		return;
	while ((s = LIST_FIRST(&dns->searches)) != NULL) {
		err_set(&s->err, OUT_RETRY, "dns: the question about %s was dropped", s->name);
		end_search(s, NULL);
	}
	free(dns);
}
