#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

#define LINE_MAX_OCTETS	(128u * 1024)	/* of which the data are 64 KiB at most */

const struct pack report_pack = PACK(report,
	{ PACK_I64, offsetof(struct report, kind), NULL },
	{ PACK_STR, offsetof(struct report, cert), NULL },
	{ PACK_STR, offsetof(struct report, step), NULL },
	{ PACK_I64, offsetof(struct report, outcome), NULL },
	{ PACK_STR, offsetof(struct report, text), NULL },
	{ PACK_STR, offsetof(struct report, hint), NULL },
	{ PACK_I64, offsetof(struct report, version), NULL },
	{ PACK_I64, offsetof(struct report, ms), NULL },
	{ PACK_BLOB, offsetof(struct report, data), NULL });

static const char *const kinds[] = {
	[REPORT_START] = "start",
	[REPORT_STEP] = "step",
	[REPORT_NOTE] = "note",
	[REPORT_FINDING] = "finding",
	[REPORT_RESULT] = "result",
};

static struct {
	enum report_form	form;
	enum report_level	level;
	bool			terminal;	/* standard output shows passing lines */
	bool			passing;	/* one is there now */
} to;

void
report_open(enum report_form form, enum report_level level)
{
	to.form = form;
	to.level = level;
	to.terminal = form == REPORT_PLAIN && level != REPORT_QUIET && isatty(STDOUT_FILENO) == 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static void
clear_passing(void)
{
	if (to.passing)
		fputs("\r\033[K", stdout);
	to.passing = false;
}

void
report_close(void)
{
	clear_passing();
	fflush(stdout);
}

enum outcome
report_shown(void)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return OUT_OK;
	fputs("kamcert: RETRY: standard output: cannot be written to\n", stderr);
	return OUT_RETRY;
}

static void
print_json(const struct report *r)
{
	char now[TIME_TEXT];
	struct json_out o;
	struct buf b;

	buf_init(&b, LINE_MAX_OCTETS);
	json_begin(&o, &b);
	json_put_object(&o, NULL);
	json_put_str(&o, "time", text_time(clock_wall(), now));
	json_put_str(&o, "event", kinds[r->kind]);
	json_put_str(&o, "certificate", r->cert);
	json_put_str(&o, "step", r->step);
	json_put_str(&o, "outcome", outcome_word((enum outcome)r->outcome));
	json_put_str(&o, "text", r->text);
	if (r->hint != NULL && r->hint[0] != '\0')
		json_put_str(&o, "hint", r->hint);
	if (r->version != 0)
		json_put_int(&o, "version", r->version);
	if (r->ms >= 0)
		json_put_int(&o, "ms", r->ms);
	if (r->data.n > 0)
		json_put_raw(&o, "data", blob_span(&r->data));
	json_object_end(&o);
	puts(buf_cstr(&b));
	buf_clear(&b);
}

static void
print_plain(FILE *f, const struct report *r)
{
	char line[ERR_TEXT_MAX];

	fprintf(f, "%s: ", r->cert != NULL ? r->cert : "kamcert");
	if (r->step != NULL && r->kind != REPORT_RESULT)
		fprintf(f, "%s: ", r->step);
	if (r->outcome != OUT_OK)
		fprintf(f, "%s: ", outcome_word((enum outcome)r->outcome));
	text_clean(line, sizeof line, span_str(r->text));
	fputs(line, f);
	if (r->ms >= 0 && to.level == REPORT_VERBOSE)
		fprintf(f, " (%lld ms)", (long long)r->ms);
	fputc('\n', f);
	if (r->hint != NULL && r->hint[0] != '\0')
		fprintf(f, "%*s-> %s\n", 2, "", r->hint);
}

/* What an operator is needed for is an error, what else is not well a warning. */
static void
log_report(const struct report *r)
{
	char version[24], ms[24];
	struct log_kv kv[10] = { KV_S("event", kinds[r->kind]) };
	size_t n = 1;

	snprintf(version, sizeof version, "%lld", (long long)r->version);
	snprintf(ms, sizeof ms, "%lld", (long long)r->ms);
	if (r->cert != NULL)
		kv[n++] = (struct log_kv)KV_S("cert", r->cert);
	if (r->step != NULL)
		kv[n++] = (struct log_kv)KV_S("step", r->step);
	if (r->version != 0)
		kv[n++] = (struct log_kv)KV_S("version", version);
	kv[n++] = (struct log_kv)KV_S("outcome", outcome_word((enum outcome)r->outcome));
	kv[n++] = (struct log_kv)KV_S("text", r->text);
	if (r->hint != NULL && r->hint[0] != '\0')
		kv[n++] = (struct log_kv)KV_S("hint", r->hint);
	if (r->ms >= 0)
		kv[n++] = (struct log_kv)KV_S("took_ms", ms);
	kv[n] = (struct log_kv){ NULL, NULL, 0 };
	log_event(r->outcome == OUT_OK ? LOG_AT_INFO : r->outcome == OUT_RETRY ||
	    r->outcome == OUT_FINDING ? LOG_AT_WARNING : LOG_AT_ERROR, kv);
}

static bool
is_wanted(const struct report *r)
{
	/* the text of a step that fails comes again with the result */
	if (r->outcome != OUT_OK && r->kind != REPORT_STEP)
		return true;
	switch ((enum report_kind)r->kind) {
	case REPORT_RESULT:
	case REPORT_NOTE:
	case REPORT_FINDING:
		return to.level != REPORT_QUIET;
	case REPORT_START:
		return to.form == REPORT_JSON && to.level == REPORT_VERBOSE;
	case REPORT_STEP:
		return to.terminal || (to.form == REPORT_JSON && to.level != REPORT_QUIET) ||
		    to.level == REPORT_VERBOSE;
	}
	return false;
}

void
report(const struct report *r)
{
	if (r->kind < 0 || (size_t)r->kind >= NITEMS(kinds))
		return;
	clear_passing();
	if (to.terminal && r->kind == REPORT_START) {
		printf("%s: %s ...", r->cert != NULL ? r->cert : "kamcert", r->step);
		fflush(stdout);
		to.passing = true;
		return;
	}
	if (!is_wanted(r))
		return;
	if (to.form != REPORT_PLAIN) {
		to.form == REPORT_JSON ? print_json(r) : log_report(r);
		return;
	}
	/* findings are the result of check, and stay together on standard output */
	print_plain(r->outcome != OUT_OK && r->kind != REPORT_FINDING ? stderr : stdout, r);
}

void
report_error(const char *step, const struct err *e)
{
	struct report r = {
		.kind = REPORT_RESULT,
		.step = (char *)(uintptr_t)step,
		.outcome = e->class,
		.text = (char *)(uintptr_t)e->text,
		.hint = (char *)(uintptr_t)e->hint,
		.ms = -1,
	};

	report(&r);
}
