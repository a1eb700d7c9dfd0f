/*
 * cmd_status: the same rows as a table for people, as JSON, and as metrics
 * for a Prometheus textfile folder.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd.h"
#include "starter.h"
#include "status.h"
#include "walls.h"

#define ROW_MAX	(128u * 1024)

struct view {
	bool		 json;
	bool		 prometheus;
	int64_t		 now;
	size_t		 rows;
	char		 walls[WALLED_TEXT];	/* of the keeper, which comes before the rows */
	bool		 walled;
	enum outcome	 outcome;
};

/* What an operator should look at, as one line; NULL: all is well. */
static const char *
finding(const struct status *s, int64_t now)
{
	if (s->problem != NULL)
		return s->problem;
	if (s->version == 0)
		return "nothing is installed";
	if (s->unserved != NULL)
		return s->unserved;
	if (s->not_after <= now)
		return "expired";
	if (s->last_outcome != OUT_OK)
		return s->last_text != NULL ? s->last_text : "the last run failed";
	return s->pending != 0 ? "a version waits to be proven" : NULL;
}

static const char *
time_or_none(int64_t t, char out[TIME_TEXT])
{
	if (t == 0)
		return "-";
	return t == INT64_MAX ? "held" : text_time(t, out);
}

static void
print_keys(const struct status_leaf *l, size_t n)
{
	size_t i;

	if (n > 1)
		printf("    keys: %s, %s\n", l[0].key_type, l[1].key_type);
	for (i = 0; i < n; i++) {
		if (l[i].tlsa != NULL)
			printf("    TLSA %s\n", l[i].tlsa);
		if (l[i].next_tlsa != NULL)
			printf("    TLSA %s (next key)\n", l[i].next_tlsa);
	}
}

static const char *
text_of(const struct json *object, const char *key)
{
	return json_str(json_member(object, key));
}

/* One of several servers: what became of it in the last run. */
static void
print_server(const struct json *server)
{
	const char *rpc = text_of(server, "rpc"), *type = text_of(server, "hook");
	const char *fate = text_of(server, "fate"), *why = text_of(server, "why");
	int64_t version = json_number(json_member(server, "version"));

	if (why == NULL && version == 0)
		why = text_of(server, "verdict");
	printf("    server %s: %s", rpc != NULL ? rpc : type != NULL ? type : "-",
	    fate != NULL ? fate : "-");
	if (version != 0)
		printf(", version %lld", (long long)version);
	printf("%s%s\n", why != NULL ? ": " : "", why != NULL ? why : "");
}

/* What it cost is not to be overlooked. */
static void
print_restart(const struct json *server)
{
	const char *rpc = text_of(server, "rpc");
	int64_t ended = json_number(json_member(server, "connections_before"));

	if (json_number(json_member(server, "by_restart")) != 1)
		return;
	printf("    server %s: restarted in place of a reload", rpc != NULL ? rpc : "-");
	if (ended >= 0)
		printf(", %lld TLS connections ended", (long long)ended);
	printf("\n");
}

/* With one server the row itself says it. */
static void
print_servers(const struct blob *facts)
{
	struct err e = ERR_NONE;
	struct json_doc *doc;
	const struct json *hooks;
	size_t i;

	if (facts->n == 0)
		return;
	if ((doc = json_parse(blob_span(facts), &e)) == NULL) {
		printf("    servers: what was seen last cannot be read: %s\n", e.text);
		return;
	}
	hooks = json_member(json_root(doc), "hooks");
	for (i = 0; json_kind(hooks) == JSON_KIND_ARRAY && i < json_count(hooks); i++) {
		if (json_count(hooks) > 1)
			print_server(json_at(hooks, i));
		print_restart(json_at(hooks, i));
	}
	json_free(doc);
}

static void
print_table(const struct view *v, const struct status *s)
{
	char days[SPAN_TEXT], due[TIME_TEXT], last[TIME_TEXT];
	const char *f = finding(s, v->now);

	if (v->rows == 0)
		printf("%-28s %7s %-22s %-10s %-20s %-8s %s\n", "CERTIFICATE", "VERSION", "ISSUER",
		    "LEFT", "DUE", "SERVED", "LAST RESULT");
	printf("%-28s %7lld %-22.22s %-10s %-20s %-8s %s %s\n", s->name, (long long)s->version,
	    s->issuer != NULL ? s->issuer : "-",
	    s->version == 0 ? "-" : s->not_after <= v->now ? "expired" :
	    text_span_of_time(s->not_after - v->now, days),
	    s->due <= v->now ? "now" : time_or_none(s->due, due),
	    s->version == 0 ? "-" : s->served ? "proven" :
	    s->unserved != NULL ? "NO" : "not yet",
	    s->last_when == 0 ? "never" : outcome_word((enum outcome)s->last_outcome),
	    s->last_when == 0 ? "" : text_time(s->last_when, last));
	printf("    due: %s%s%s\n", s->why != NULL ? s->why : "-",
	    s->held != NULL && s->held[0] != '\0' ? "; held back: " : "",
	    s->held != NULL ? s->held : "");
	if (s->ca_why != NULL)
		printf("    ca: %s is asked next: %s\n", s->ca, s->ca_why);
	print_keys(s->leaves.v, s->leaves.n);
	print_servers(&s->facts);
	if (f != NULL)
		printf("    ! %s\n", f);
}

static void
put_time(struct json_out *o, const char *key, int64_t t)
{
	char text[TIME_TEXT];

	json_put_str(o, key, t == 0 || t == INT64_MAX ? NULL : text_time(t, text));
}

static void
put_leaves(struct json_out *o, const struct list *leaves)
{
	const struct status_leaf *l = leaves->v;
	size_t i;

	json_put_array(o, "leaves");
	for (i = 0; i < leaves->n; i++) {
		json_put_object(o, NULL);
		json_put_str(o, "key", l[i].key_type);
		json_put_str(o, "serial", l[i].serial);
		json_put_str(o, "issuer", l[i].issuer);
		put_time(o, "not_before", l[i].not_before);
		put_time(o, "not_after", l[i].not_after);
		json_put_str(o, "tlsa", l[i].tlsa);
		json_put_str(o, "next_tlsa", l[i].next_tlsa);
		json_object_end(o);
	}
	json_array_end(o);
}

static void
print_json(const struct view *v, const struct status *s)
{
	struct json_out o;
	struct buf b;
	size_t i;

	buf_init(&b, ROW_MAX);
	json_begin(&o, &b);
	json_put_object(&o, NULL);
	json_put_str(&o, "certificate", s->name);
	json_put_array(&o, "names");
	for (i = 0; i < s->names.n; i++)
		json_put_str(&o, NULL, s->names.v[i]);
	json_array_end(&o);
	json_put_str(&o, "ca", s->ca);
	json_put_str(&o, "ca_why", s->ca_why);
	json_put_str(&o, "issued_by", s->issued_by);
	json_put_int(&o, "version", s->version);
	json_put_str(&o, "issuer", s->issuer);
	json_put_str(&o, "serial", s->serial);
	json_put_str(&o, "key", s->key_type);
	put_time(&o, "not_before", s->not_before);
	put_time(&o, "not_after", s->not_after);
	json_put_int(&o, "seconds_left", s->version == 0 ? 0 : s->not_after - v->now);
	put_leaves(&o, &s->leaves);
	put_time(&o, "due", s->due);
	json_put_str(&o, "why", s->why);
	json_put_str(&o, "held", s->held != NULL && s->held[0] != '\0' ? s->held : NULL);
	json_put_int(&o, "pending_version", s->pending);
	json_put_bool(&o, "served", s->served);
	put_time(&o, "unserved_since", s->unserved_since);
	put_time(&o, "last_run", s->last_when);
	json_put_str(&o, "last_outcome",
	    s->last_when == 0 ? NULL : outcome_word((enum outcome)s->last_outcome));
	json_put_str(&o, "last_step", s->last_step);
	json_put_str(&o, "last_text", s->last_text);
	json_put_int(&o, "failures", s->failures);
	json_put_str(&o, "finding", finding(s, v->now));
	json_put_str(&o, "walls", v->walls);
	if (s->facts.n > 0)
		json_put_raw(&o, "proof", blob_span(&s->facts));
	json_object_end(&o);
	puts(buf_cstr(&b));
	buf_clear(&b);
}

/* Names are of the configuration's alphabet: nothing in them needs an escape. */
static void
print_metrics(const struct view *v, const struct status *s)
{
	static const char *const about[][3] = {
		{ "kamcert_not_after_seconds", "gauge",
		    "end of the active certificate, unix time" },
		{ "kamcert_due_seconds", "gauge", "next attempt, unix time" },
		{ "kamcert_version", "gauge", "active version" },
		{ "kamcert_served", "gauge", "1 when the active version was proven to be served" },
		{ "kamcert_failures", "gauge", "failed attempts in a row" },
		{ "kamcert_outcome", "gauge", "exit code of the last attempt" },
		{ "kamcert_finding", "gauge", "1 when an operator should look at it" },
	};
	size_t i;

	for (i = 0; v->rows == 0 && i < NITEMS(about); i++)
		printf("# HELP %s %s\n# TYPE %s %s\n", about[i][0], about[i][2], about[i][0],
		    about[i][1]);
	printf("kamcert_not_after_seconds{certificate=\"%s\"} %lld\n", s->name,
	    (long long)s->not_after);
	printf("kamcert_due_seconds{certificate=\"%s\"} %lld\n", s->name, (long long)s->due);
	printf("kamcert_version{certificate=\"%s\"} %lld\n", s->name, (long long)s->version);
	printf("kamcert_served{certificate=\"%s\"} %d\n", s->name, s->served);
	printf("kamcert_failures{certificate=\"%s\"} %lld\n", s->name, (long long)s->failures);
	printf("kamcert_outcome{certificate=\"%s\"} %lld\n", s->name, (long long)s->last_outcome);
	printf("kamcert_finding{certificate=\"%s\"} %d\n", s->name, finding(s, v->now) != NULL);
}

static void
on_walls(void *arg, enum role role UNUSED, const struct walled *w)
{
	struct view *v = arg;

	(void)walled_text(w, v->walls);
	v->walled = walled_wholly(w);
}

/* What holds for all rows. */
static void
print_end(const struct view *v)
{
	if (v->rows == 0 || v->json)
		return;
	if (v->prometheus)
		printf("# HELP kamcert_walled 1 when all protections of the keeper are on\n"
		    "# TYPE kamcert_walled gauge\nkamcert_walled %d\n", v->walled);
	else
		printf("walls of the keeper: %s\n", v->walls);
}

static void
on_row(void *arg, const struct status *s)
{
	struct view *v = arg;

	if (v->prometheus)
		print_metrics(v, s);
	else if (v->json)
		print_json(v, s);
	else
		print_table(v, s);
	v->rows++;
	if (finding(s, v->now) != NULL)
		v->outcome = OUT_FINDING;
}

enum outcome
cmd_status(const struct cmd_options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "prometheus", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	struct msg_setup setup = { .command = CMD_STATUS };
	struct view v = { .json = options->form == REPORT_JSON, .now = clock_wall() };
	struct starter_in in = {
		.setup = &setup,
		.level = cmd_log_level(options->level),
		.target = LOG_TO_STDERR,
		.row = on_row,
		.walls = on_walls,
		.arg = &v,
	};
	enum outcome outcome, shown;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'j':
			v.json = true;
			break;
		case 'p':
			v.prometheus = true;
			break;
		default:
			return cmd_usage("status", "wrong option");
		}
	if (v.json && v.prometheus)
		return cmd_usage("status", "--json and --prometheus: want one of them");
	if (cmd_names(argc, argv, optind, &setup.certs) == -1 ||
	    cmd_config(options, &setup) == -1) {
		strs_clear(&setup.certs);
		return OUT_USAGE;
	}
	outcome = starter_run(&in);
	print_end(&v);
	pack_clear(&config_pack, &setup.config);
	strs_clear(&setup.certs);
	if ((shown = report_shown()) > outcome)
		outcome = shown;
	return outcome > v.outcome ? outcome : v.outcome;
}
