#include "dns_look.h"

#include <sys/queue.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "dns_asker.h"

#define LIMIT_MS	15000
#define ADDRESSES_MAX	16
#define RECORDS_MAX	64
#define VALUE_MAX	1024	/* octets of a CAA value that are kept */
#define TROUBLE_MAX	(DNS_NAME_MAX + 160)

struct look {
	LIST_ENTRY(look)	 link;
	struct loop		*loop;
	struct asker		*resolver;
	char			 name[DNS_NAME_MAX + 1];
	const char		*at;		/* in name: whose CAA is asked for */
	struct msg_looked	 found;
	size_t			 open;		/* queries without an answer */
	bool			 closing;
	struct loop_timer	*turn;
	struct loop_timer	*limit;
	dns_look_done		*done;
	void			*arg;
};

struct dns_looks {
	struct loop		*loop;
	LIST_HEAD(, look)	 all;
};

static void	on_addresses(void *, int status, int timeouts, unsigned char *reply, int n);
static void	on_caa(void *, int status, int timeouts, unsigned char *reply, int n);

/* --- the end --- */

static void
look_free(struct look *l)
{
	l->closing = true;
	asker_free(l->resolver);
	loop_timer_del(l->turn);
	loop_timer_del(l->limit);
	pack_clear(message_info(MSG_LOOKED)->pack, &l->found);
	free(l);
}

static void
end(struct look *l)
{
	LIST_REMOVE(l, link);
	l->done(l->arg, &l->found);
	look_free(l);
}

static void
on_turn(void *arg)
{
	struct look *l = arg;

	l->turn = NULL;
	end(l);
}

/* The first that went wrong is told; without memory for it, a short one of the limit's. */
static void
note_trouble(char **field, const char *name, const char *why)
{
	char text[TROUBLE_MAX];

	if (*field != NULL)
		return;
	(void)snprintf(text, sizeof text, "the resolver does not tell about %s: %.100s", name, why);
	*field = strdup(text);
}

static void
on_limit(void *arg)
{
	struct look *l = arg;

	l->limit = NULL;
	note_trouble(&l->found.trouble, l->name, "no answer in time");
	note_trouble(&l->found.caa_trouble, l->at, "no answer in time");
	end(l);
}

/* c-ares forbids that its channel is freed in its callback. */
static void
answered(struct look *l)
{
	struct err e;

	if (--l->open == 0)
		l->turn = loop_timer_add(l->loop, clock_boot_ms(), on_turn, l, &e);
}

static void
open_reply(struct dns_message *m, const unsigned char *reply, int n)
{
	dns_message_open(m, span_of(reply, reply != NULL && n > 0 ? (size_t)n : 0));
}

/* --- addresses --- */

static void
take_address(struct look *l, const struct dns_record *r)
{
	char text[INET6_ADDRSTRLEN];

	if (l->found.addresses.n == ADDRESSES_MAX)
		return;
	if (inet_ntop(r->type == DNS_A ? AF_INET : AF_INET6, r->data.p, text,
	    sizeof text) == NULL || strs_add(&l->found.addresses, text) == -1)
		note_trouble(&l->found.trouble, l->name, "out of memory");
}

static void
on_addresses(void *arg, int status, int timeouts UNUSED, unsigned char *reply, int n)
{
	struct look *l = arg;
	struct dns_message m;
	struct dns_record r;

	if (l->closing)
		return;
	if (status == ARES_ENOTFOUND)
		l->found.missing = true;
	else if (status != ARES_SUCCESS && status != ARES_ENODATA)
		note_trouble(&l->found.trouble, l->name, ares_strerror(status));
	open_reply(&m, reply, n);
	while (dns_message_next(&m, &r))
		if (r.is_answer && ((r.type == DNS_A && r.data.n == 4) ||
		    (r.type == DNS_AAAA && r.data.n == 16)))
			take_address(l, &r);
	answered(l);
}

/* --- CAA --- */

/* Tags are letters and digits: RFC 8659 section 4.1. */
static char *
tag_of(struct span s)
{
	char *tag = span_dup(s);

	for (size_t i = 0; tag != NULL && i < s.n; i++)
		tag[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') :
		    s.p[i] > ' ' && s.p[i] <= '~' ? (char)s.p[i] : '?';
	return tag;
}

static char *
value_of(struct span s)
{
	size_t n = s.n < VALUE_MAX ? s.n : VALUE_MAX;
	char *value = malloc(n + 1);

	for (size_t i = 0; value != NULL && i < n; i++)
		value[i] = (s.p[i] >= ' ' && s.p[i] <= '~') || s.p[i] == '\t' ? (char)s.p[i] : '?';
	if (value != NULL)
		value[n] = '\0';
	return value;
}

/* One that cannot be read may be one that forbids. */
static void
take_caa(struct look *l, struct span data)
{
	struct rd r = rd_of(data);
	struct caa_record *out;
	unsigned flags = rd_u8(&r);
	struct span tag = rd_vec8(&r);

	if (!rd_ok(&r) || tag.n == 0 || l->found.caa.n == RECORDS_MAX) {
		note_trouble(&l->found.caa_trouble, l->at, "a CAA record cannot be read");
		return;
	}
	if ((out = list_add(&l->found.caa, sizeof *out)) == NULL ||
	    (out->owner = strdup(l->at)) == NULL || (out->tag = tag_of(tag)) == NULL ||
	    (out->value = value_of(rd_rest(&r))) == NULL) {
		pack_clear(message_info(MSG_LOOKED)->pack, &l->found);
		note_trouble(&l->found.trouble, l->name, "out of memory");
		note_trouble(&l->found.caa_trouble, l->at, "out of memory");
		return;
	}
	out->flags = flags;
}

static void
ask_caa(struct look *l)
{
	l->open++;
	asker_ask(l->resolver, l->at, DNS_CAA, on_caa, l);
}

/* A name that does not exist may have one above it that does. */
static void
on_caa(void *arg, int status, int timeouts UNUSED, unsigned char *reply, int n)
{
	struct look *l = arg;
	struct dns_message m;
	struct dns_record r;

	if (l->closing)
		return;
	open_reply(&m, reply, n);
	while (dns_message_next(&m, &r))
		if (r.is_answer && r.type == DNS_CAA)
			take_caa(l, r.data);
	if (status != ARES_SUCCESS && status != ARES_ENODATA && status != ARES_ENOTFOUND)
		note_trouble(&l->found.caa_trouble, l->at, ares_strerror(status));
	else if (l->found.caa.n == 0 && l->found.caa_trouble == NULL &&
	    (l->at = strchrnul(l->at, '.'))[0] == '.' && (++l->at)[0] != '\0')
		ask_caa(l);
	answered(l);
}

/* --- questions --- */

static int
begin(struct look *l, const struct dns_look_in *in, struct err *e)
{
	l->turn = l->limit = NULL;
	if ((l->resolver = asker_new(l->loop, in->resolver, e)) == NULL ||
	    (l->limit = loop_timer_add(l->loop, time_add(clock_boot_ms(), LIMIT_MS), on_limit, l,
	    e)) == NULL)
		return -1;
	return 0;
}

int
dns_look(struct dns_looks *looks, const struct dns_look_in *in, struct err *e)
{
	struct look *l;

	if (strlen(in->name) > DNS_NAME_MAX)
		return err_set(e, OUT_HOLD, "dns: a name that cannot be asked for");
	if ((l = calloc(1, sizeof *l)) == NULL)
		return err_nomem(e);
	l->loop = looks->loop;
	l->done = in->done;
	l->arg = in->arg;
	(void)snprintf(l->name, sizeof l->name, "%s", in->name);
	l->at = l->name;
	if (begin(l, in, e) == -1) {
		look_free(l);
		return -1;
	}
	LIST_INSERT_HEAD(&looks->all, l, link);
	l->open = 2;	/* counted before: an answer may come at once */
	ask_caa(l);
	asker_ask(l->resolver, l->name, DNS_A, on_addresses, l);
	asker_ask(l->resolver, l->name, DNS_AAAA, on_addresses, l);
	return 0;
}

struct dns_looks *
dns_looks_new(struct loop *loop, struct err *e)
{
	struct dns_looks *looks = calloc(1, sizeof *looks);

	if (looks == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	looks->loop = loop;
	LIST_INIT(&looks->all);
	return looks;
}

void
dns_looks_free(struct dns_looks *looks)
{
	struct look *l;

	if (looks == NULL)
		return;
	while ((l = LIST_FIRST(&looks->all)) != NULL) {
		note_trouble(&l->found.trouble, l->name, "dropped");
		note_trouble(&l->found.caa_trouble, l->at, "dropped");
		end(l);
	}
	free(looks);
}
