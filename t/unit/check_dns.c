/*
 * check_dns: questions about a record, answered by name servers of the test's
 * own in the same loop. "The resolver" is one of them; all have its port.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/log.h"
#include "dns.h"
#include "dns_look.h"
#include "dns_message.h"
#include "suite.h"

#define NAME	"_acme-challenge.sip.example.org"
#define VALUE	"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define SERVERS	2	/* 127.0.0.1 and 127.0.0.2 */

struct row {
	const char	*owner;
	enum dns_type	 type;
	const char	*data;
};

struct server {
	int		 fd;
	struct loop_fd	*watch;
	const struct row *rows;
	unsigned	 rcode;		/* of all answers, if not 0 */
	bool		 only_txt;	/* all else is not implemented */
	unsigned	 asked;		/* for TXT */
	unsigned	 late;		/* shows no TXT record before it was asked so often */
};

static struct server servers[SERVERS];
static struct loop *l;
static struct dns *dns;
static char resolver[32];
static struct err e, verdict;
static char found[DNS_NAME_MAX + 1];
static unsigned answers;

/* --- a name server --- */

static void
put_name(struct buf *b, const char *name)
{
	for (const char *dot; *name != '\0'; name = *dot == '.' ? dot + 1 : dot) {
		dot = strchrnul(name, '.');
		buf_u8(b, (uint8_t)(dot - name));
		buf_put(b, span_of(name, (size_t)(dot - name)));
	}
	buf_u8(b, 0);
}

static void
put_record(struct buf *b, const struct row *row)
{
	size_t mark;
	unsigned o[4];

	put_name(b, row->owner);
	buf_u16(b, row->type);
	buf_u16(b, 1);
	buf_u32(b, 60);
	mark = buf_open(b, 2);
	if (row->type == DNS_TXT) {
		buf_u8(b, (uint8_t)strlen(row->data));
		buf_str(b, row->data);
	} else if (row->type == DNS_CAA) {	/* "tag value"; without a blank it is cut */
		buf_u8(b, 128);
		buf_u8(b, (uint8_t)strcspn(row->data, " "));
		buf_put(b, span_of(row->data, strcspn(row->data, " ")));
		if (strchr(row->data, ' ') != NULL)
			buf_str(b, strchr(row->data, ' ') + 1);
		else
			b->p[b->n - strlen(row->data) - 1]++;
	} else if (row->type == DNS_A) {
		ck_assert_int_eq(sscanf(row->data, "%u.%u.%u.%u", &o[0], &o[1], &o[2], &o[3]), 4);
		for (size_t i = 0; i < 4; i++)
			buf_u8(b, (uint8_t)o[i]);
	} else {
		put_name(b, row->data);
		if (row->type == DNS_SOA) {
			put_name(b, "root.example.org");
			for (size_t i = 0; i < 5; i++)
				buf_u32(b, 60);
		}
	}
	buf_close(b, mark, 2);
}

/* The zone's SOA stands in the authority section of what is not there. */
static void
reply(struct server *s, uint16_t id, const char *name, enum dns_type type, struct buf *b)
{
	const struct row *row, *soa = NULL;
	unsigned rcode = s->only_txt && type != DNS_TXT ? 4 : s->rcode;
	unsigned n = 0, flags = 0x8400 | rcode;

	for (row = s->rows; row->owner != NULL; row++) {
		n += row->type == type && strcasecmp(row->owner, name) == 0;
		if (row->type == DNS_SOA)
			soa = row;
	}
	if (rcode != 0 || (type == DNS_TXT && s->asked++ < s->late))
		n = 0;
	buf_u16(b, id);
	buf_u16(b, (uint16_t)flags);
	buf_u16(b, 1);
	buf_u16(b, (uint16_t)n);
	buf_u16(b, n == 0 && soa != NULL && rcode == 0);
	buf_u16(b, 0);
	put_name(b, name);
	buf_u16(b, type);
	buf_u16(b, 1);
	for (row = s->rows; n > 0 && row->owner != NULL; row++)
		if (row->type == type && strcasecmp(row->owner, name) == 0)
			put_record(b, row);
	if (n == 0 && soa != NULL && rcode == 0)
		put_record(b, soa);
}

static void
on_packet(void *arg, unsigned events UNUSED)
{
	struct server *s = arg;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t packet[512];
	char name[256] = "";
	struct buf b;
	struct span label;
	uint16_t id;
	ssize_t n = recvfrom(s->fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &len);
	struct rd r = rd_of(span_of(packet, n > 0 ? (size_t)n : 0));

	id = rd_u16(&r);
	(void)rd_bytes(&r, 10);
	while ((label = rd_vec8(&r)).n > 0)
		(void)snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s%.*s",
		    name[0] != '\0' ? "." : "", (int)label.n, (const char *)label.p);
	buf_init(&b, 512);
	reply(s, id, name, rd_u16(&r), &b);
	ck_assert(rd_ok(&r) && buf_ok(&b));
	ck_assert_int_eq(sendto(s->fd, b.p, b.n, 0, (struct sockaddr *)&from, len), (ssize_t)b.n);
	buf_clear(&b);
}

static bool
bind_all(uint16_t port)
{
	for (size_t i = 0; i < SERVERS; i++) {
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
		socklen_t len = sizeof(to);

		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i);
		servers[i] = (struct server){ .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
		if (bind(servers[i].fd, (struct sockaddr *)&to, sizeof(to)) == -1)
			return false;
		ck_assert_int_eq(getsockname(servers[i].fd, (struct sockaddr *)&to, &len), 0);
		port = ntohs(to.sin_port);
	}
	(void)snprintf(resolver, sizeof(resolver), "127.0.0.1:%u", (unsigned)port);
	return true;
}

static void
start(void)
{
	int tries = 20;

	log_open(LOG_TO_STDERR, "check", LOG_AT_ERROR);
	err_clear(&e);
	err_clear(&verdict);
	answers = 0;
	found[0] = '\0';
	while (!bind_all(0))
		ck_assert_int_gt(--tries, 0);
	ck_assert_ptr_nonnull(l = loop_new(&e));
	for (size_t i = 0; i < SERVERS; i++) {
		servers[i].watch = loop_fd_add(l, servers[i].fd, LOOP_READ, on_packet, &servers[i],
		    &e);
		ck_assert_ptr_nonnull(servers[i].watch);
	}
	ck_assert_ptr_nonnull(dns = dns_new(l, &e));
}

static void
finish(void)
{
	dns_free(dns);
	loop_free(l);
	for (size_t i = 0; i < SERVERS; i++)
		(void)close(servers[i].fd);
}

static void
on_done(void *arg UNUSED, const char *name, const struct err *why)
{
	answers++;
	verdict = *why;
	ck_assert((name != NULL) == (why->class == OUT_OK));
	(void)snprintf(found, sizeof(found), "%s", name != NULL ? name : "");
}

static void
run(void)
{
	while (answers == 0)
		ck_assert_int_eq(loop_turn(l, 20000, &e), 0);
	ck_assert_uint_eq(answers, 1);
}

static void
find(const struct row *rows, const char *name)
{
	const struct dns_question q = { .name = name, .resolver = resolver };

	servers[0].rows = rows;
	ck_assert_int_eq(dns_find(dns, &q, on_done, NULL, &e), 0);
	run();
}

static void
await(const struct row *rows, const struct row *second, int64_t seconds)
{
	const struct dns_question q = { .name = NAME, .value = VALUE, .seconds = seconds,
	    .resolver = resolver };

	servers[0].rows = rows;
	servers[1].rows = second;
	ck_assert_int_eq(dns_await(dns, &q, on_done, NULL, &e), 0);
	run();
}

/* --- CNAMEs --- */

#define ZONE	{ "example.org", DNS_SOA, "ns1.example.org" }, \
	{ "example.org", DNS_NS, "ns1.example.org" }, \
	{ "example.org", DNS_NS, "NS2.example.org" }, \
	{ "ns1.example.org", DNS_A, "127.0.0.1" }, { "ns2.example.org", DNS_A, "127.0.0.2" }
#define END	{ NULL, 0, NULL }

static const struct row plain[] = { ZONE, END };
static const struct row delegated[] = { ZONE, { NAME, DNS_CNAME, "A.example.net" },
	{ "a.example.net", DNS_CNAME, "b.example.net" }, END };
static const struct row looping[] = { ZONE, { NAME, DNS_CNAME, NAME }, END };
static const struct row evil[] = { ZONE, { NAME, DNS_CNAME, "a b.example.net" }, END };
static const struct row option[] = { ZONE, { NAME, DNS_CNAME, "-k.example.net" }, END };
static const struct row strange[] = { ZONE, { "x.example.org", DNS_CNAME, "y.example.org" }, END };

static const struct find_row {
	const char		*what;
	const struct row	*rows;
	unsigned		 rcode;
	enum outcome		 outcome;
	const char		*name;
} finds[] = {
	{ "no CNAME: the name itself", plain, 0, OUT_OK, NAME },
	{ "no such name", plain, 3, OUT_OK, NAME },
	{ "two, in lower case", delegated, 0, OUT_OK, "b.example.net" },
	{ "a loop", looping, 0, OUT_HOLD, "" },
	{ "a blank in the name", evil, 0, OUT_HOLD, "" },
	{ "a name that looks like an option", option, 0, OUT_HOLD, "" },
	{ "records that nobody asked for", strange, 0, OUT_OK, NAME },
	{ "a resolver that refuses", plain, 5, OUT_RETRY, "" },
};

START_TEST(cnames_are_followed_to_their_end)
{
	const struct find_row *row = &finds[_i];

	servers[0].rcode = row->rcode;
	find(row->rows, NAME);
	ck_assert_msg(verdict.class == row->outcome && strcmp(found, row->name) == 0,
	    "%s: got %s \"%s\" (%s)", row->what, outcome_word(verdict.class), found, verdict.text);
}
END_TEST

/* --- records --- */

static const struct row shown[] = { ZONE, { NAME, DNS_TXT, "another" }, { NAME, DNS_TXT, VALUE },
    END };
static const struct row other[] = { ZONE, { NAME, DNS_TXT, "another" }, END };
static const struct row longer[] = { ZONE, { NAME, DNS_TXT, VALUE "x" }, END };
static const struct row no_servers[] = { { "example.org", DNS_SOA, "ns1.example.org" }, END };
static const struct row no_addresses[] = { { "example.org", DNS_SOA, "ns1.example.org" },
	{ "example.org", DNS_NS, "ns1.example.org" }, END };
static const struct row foreign[] = { { "example.net", DNS_SOA, "ns1.example.org" }, END };

static const struct await_row {
	const char		*what;
	const struct row	*rows, *second;
	unsigned		 rcode;		/* of the second server */
	enum outcome		 outcome;
	const char		*text;
} awaits[] = {
	{ "both show it, among others", shown, shown, 0, OUT_OK, "" },
	{ "one shows another value", shown, other, 0, OUT_RETRY, "ns2.example.org (127.0.0.2)" },
	{ "one shows a value that only begins so", shown, longer, 0, OUT_RETRY, "127.0.0.2" },
	{ "one has none", shown, plain, 0, OUT_RETRY, "127.0.0.2" },
	{ "one says that there is no such name", shown, plain, 3, OUT_RETRY, "127.0.0.2" },
	{ "one does not serve the zone: it has no say", shown, plain, 5, OUT_OK, "" },
	{ "nobody serves the zone", plain, plain, 5, OUT_RETRY, "" },
	{ "no name servers", no_servers, plain, 0, OUT_RETRY, "has no name servers" },
	{ "no addresses", no_addresses, plain, 0, OUT_RETRY, "has an address" },
	{ "the SOA of a zone that the name is not in", foreign, plain, 0, OUT_RETRY,
	    "tell the zone" },
};

START_TEST(every_server_that_answers_must_show_the_record)
{
	const struct await_row *row = &awaits[_i];

	servers[1].rcode = row->rcode;
	await(row->rows, row->second, 0);
	ck_assert_msg(verdict.class == row->outcome && strstr(verdict.text, row->text) != NULL,
	    "%s: got %s (%s)", row->what, outcome_word(verdict.class), verdict.text);
}
END_TEST

static const struct row bare[] = { { NAME, DNS_TXT, VALUE }, END };
static const struct row empty[] = { END };

static const struct own_row {
	const char		*what;
	const struct row	*rows;
	bool			 only_txt;
	unsigned		 rcode;
	enum outcome		 outcome;
	const char		*text;
} owns[] = {
	{ "one that does not know what a zone is", bare, true, 0, OUT_OK, "" },
	{ "one that has none", bare, false, 0, OUT_OK, "" },
	{ "it does not have the record", empty, true, 0, OUT_RETRY, "the resolver (127.0.0.1)" },
	{ "it refuses everything", bare, false, 5, OUT_RETRY, "does not tell about" },
};

START_TEST(a_resolver_without_zones_is_asked_itself)
{
	const struct own_row *row = &owns[_i];

	servers[0].only_txt = row->only_txt;
	servers[0].rcode = row->rcode;
	await(row->rows, plain, 0);
	ck_assert_msg(verdict.class == row->outcome && strstr(verdict.text, row->text) != NULL,
	    "%s: got %s (%s)", row->what, outcome_word(verdict.class), verdict.text);
}
END_TEST

START_TEST(a_server_that_is_late_is_waited_for)
{
	servers[1].late = 2;
	await(shown, shown, 60);
	ck_assert_msg(verdict.class == OUT_OK, "%s", verdict.text);
	ck_assert_uint_eq(servers[1].asked, 3);
}
END_TEST

START_TEST(what_is_no_name_is_not_asked_for)
{
	static const char *const names[] = { "", "-a.example.org", "a b.example.org", "a\n.org",
	    "A.org" };
	struct dns_question q = { .value = VALUE, .seconds = 1, .resolver = resolver };

	for (size_t i = 0; i < NITEMS(names); i++) {
		q.name = names[i];
		ck_assert_int_eq(dns_find(dns, &q, on_done, NULL, &e), -1);
		ck_assert_int_eq(e.class, OUT_HOLD);
	}
	ck_assert_uint_eq(answers, 0);
}
END_TEST

START_TEST(a_question_that_is_dropped_is_told_so)
{
	const struct dns_question q = { .name = NAME, .resolver = resolver };

	ck_assert_int_eq(dns_find(dns, &q, on_done, NULL, &e), 0);
	dns_free(dns);
	dns = NULL;
	ck_assert_uint_eq(answers, 1);
	ck_assert_int_eq(verdict.class, OUT_RETRY);
}
END_TEST

/* --- what a CA will find --- */

static struct {
	unsigned	 answers;
	bool		 missing, trouble, caa_trouble;
	char		 addresses[128];
	char		 caa[256];	/* "owner flags tag value;..." */
} looked;

static void
on_looked(void *arg UNUSED, const struct msg_looked *out)
{
	const struct caa_record *r = out->caa.v;

	looked.answers++;
	looked.missing = out->missing;
	looked.trouble = out->trouble != NULL;
	looked.caa_trouble = out->caa_trouble != NULL;
	for (size_t i = 0; i < out->addresses.n; i++)
		(void)snprintf(looked.addresses + strlen(looked.addresses), 64, "%s ",
		    out->addresses.v[i]);
	for (size_t i = 0; i < out->caa.n; i++)
		(void)snprintf(looked.caa + strlen(looked.caa), 128, "%s %lld %s %s;", r[i].owner,
		    (long long)r[i].flags, r[i].tag, r[i].value);
}

#define HOST	"sip.example.org"

static const struct row there[] = { { HOST, DNS_A, "192.0.2.1" }, END };
static const struct row above[] = { { HOST, DNS_A, "192.0.2.1" },
    { "org", DNS_CAA, "issue top.example" },
	{ "example.org", DNS_CAA, "ISSUE ca.example; x=y" },
	{ "example.org", DNS_CAA, "iodef mailto:a" }, END };
static const struct row nearest[] = { { HOST, DNS_CAA, "issue near.example" },
	{ "example.org", DNS_CAA, "issue ca.example" }, END };
static const struct row odd[] = { { HOST, DNS_CAA, "issue a\033[0m\tb" }, END };
static const struct row cut_short[] = { { HOST, DNS_CAA, "issue" }, END };

static const struct look_row {
	const char		*what;
	const struct row	*rows;
	unsigned		 rcode;
	bool			 missing, trouble, caa_trouble;
	const char		*addresses, *caa;
} looks[] = {
	{ "an address, no CAA up to the top", there, 0, false, false, false, "192.0.2.1 ", "" },
	{ "no such name", there, 3, true, false, false, "", "" },
	{ "a resolver that fails", there, 2, false, true, true, "", "" },
	{ "CAA of the name above, and none from further up", above, 0, false, false, false,
	  "192.0.2.1 ", "example.org 128 issue ca.example; x=y;example.org 128 iodef mailto:a;" },
	{ "CAA of the name itself goes first", nearest, 0, false, false, false, "",
	  HOST " 128 issue near.example;" },
	{ "octets that are none of a text", odd, 0, false, false, false, "",
	  HOST " 128 issue a?[0m\tb;" },
	{ "a record that is cut", cut_short, 0, false, false, true, "", "" },
};

static void
look(struct dns_looks *all)
{
	const struct dns_look_in in = { HOST, resolver, on_looked, NULL };

	memset(&looked, 0, sizeof(looked));
	ck_assert_int_eq(dns_look(all, &in, &e), 0);
}

START_TEST(what_a_ca_will_find_is_found)
{
	const struct look_row *row = &looks[_i];
	struct dns_looks *all = dns_looks_new(l, &e);

	servers[0].rows = row->rows;
	servers[0].rcode = row->rcode;
	look(all);
	while (looked.answers == 0)
		ck_assert_int_eq(loop_turn(l, 20000, &e), 0);
	ck_assert_msg(looked.missing == row->missing && looked.trouble == row->trouble &&
	    looked.caa_trouble == row->caa_trouble, "%s: %d %d %d", row->what, looked.missing,
	    looked.trouble, looked.caa_trouble);
	ck_assert_str_eq(looked.addresses, row->addresses);
	ck_assert_str_eq(looked.caa, row->caa);
	dns_looks_free(all);
}
END_TEST

START_TEST(a_look_that_is_dropped_is_told_so)
{
	struct dns_looks *all = dns_looks_new(l, &e);

	look(all);
	dns_looks_free(all);
	ck_assert_uint_eq(looked.answers, 1);
	ck_assert(looked.trouble && looked.caa_trouble && !looked.missing);
}
END_TEST

/* --- messages --- */

START_TEST(a_message_that_is_cut_anywhere_is_read_as_far_as_it_goes)
{
	struct server s = { .rows = shown };
	struct dns_message m;
	struct dns_record r;
	struct buf b;
	uint8_t *copy;
	size_t n, before = 0;

	buf_init(&b, 512);
	reply(&s, 1, NAME, DNS_TXT, &b);
	for (size_t cut = 0; cut <= b.n; cut++) {
		copy = malloc(cut + 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, b.p, cut);
		dns_message_open(&m, span_of(copy, cut));
		for (n = 0; dns_message_next(&m, &r); n++)
			ck_assert(r.is_answer && r.type == DNS_TXT && strcmp(r.name, NAME) == 0);
		ck_assert_uint_ge(n, before);
		before = n;
		free(copy);
	}
	ck_assert_uint_eq(before, 2);
	buf_clear(&b);
}
END_TEST

static const struct {
	const char	*data;
	size_t		 n;
	bool		 is;
} texts[] = {
	{ "\3abc", 4, true },
	{ "\1a\0\2bc", 6, true },
	{ "\2ab", 3, false },
	{ "\4abcd", 5, false },
	{ "\4abc", 4, false },
	{ "\3abc\1", 5, false },
	{ "\3abC", 4, false },
	{ "", 0, false },
};

START_TEST(a_text_is_all_its_strings)
{
	ck_assert_msg(dns_text_is(span_of(texts[_i].data, texts[_i].n), "abc") == texts[_i].is,
	    "row %d", _i);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dns");
	TCase *tc = tcase_create("dns");

	tcase_add_checked_fixture(tc, start, finish);
	tcase_add_loop_test(tc, cnames_are_followed_to_their_end, 0, NITEMS(finds));
	tcase_add_loop_test(tc, every_server_that_answers_must_show_the_record, 0, NITEMS(awaits));
	tcase_add_loop_test(tc, a_resolver_without_zones_is_asked_itself, 0, NITEMS(owns));
	tcase_add_test(tc, a_server_that_is_late_is_waited_for);
	tcase_add_test(tc, what_is_no_name_is_not_asked_for);
	tcase_add_test(tc, a_question_that_is_dropped_is_told_so);
	tcase_add_loop_test(tc, what_a_ca_will_find_is_found, 0, NITEMS(looks));
	tcase_add_test(tc, a_look_that_is_dropped_is_told_so);
	tcase_add_test(tc, a_message_that_is_cut_anywhere_is_read_as_far_as_it_goes);
	tcase_add_loop_test(tc, a_text_is_all_its_strings, 0, NITEMS(texts));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
