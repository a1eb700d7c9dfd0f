/*
 * ari: renewal information, RFC 9773. When in the window to renew is not
 * decided here; nothing that goes wrong here may stop a renewal.
 */
#include "base/clock.h"
#include "base/text.h"
#include "private.h"

#define ASK_AGAIN_DEFAULT	(6 * HOUR)	/* section 4.3.2 */
#define URL_MAX			2048

static int
begin_renewal(struct acme_task *t, struct err *e)
{
	struct buf b;
	int rc = -1;

	if (t->s->dir.renewal_info == NULL) {
		t->result.ask_again_at = time_add(t->now, DAY);
		acme_finish(t);
		return 0;
	}
	buf_init(&b, URL_MAX);
	buf_printf(&b, "%s/%s", t->s->dir.renewal_info, t->job.cert_id);
	if (!buf_ok(&b))
		err_set(e, OUT_RETRY, "renewal information: too long a URL, or no memory");
	else if (acme_url_check(t->s->ca, "renewal information", buf_cstr(&b), e) == 0)
		rc = acme_get(t, buf_cstr(&b), e);
	buf_clear(&b);
	return rc;
}

static int
read_time(const struct json *window, const char *key, int64_t *out, struct err *e)
{
	static const char where[] = "renewal information: suggestedWindow";
	const char *text;

	if (json_get_str(window, where, key, JSON_REQUIRED, &text, e) == -1)
		return -1;
	if (text_rfc3339(span_str(text), out) == -1)
		return err_set(e, OUT_HOLD, "%s: %s: want a time of RFC 3339, have \"%.64s\"",
		    where, key, text);
	return 0;
}

/* Section 4.2: the end comes after the start, or there is no window at all. */
static int
read_window(struct acme_task *t, const struct json *o, struct err *e)
{
	const struct json *window;
	const char *why;

	if (json_get_object(o, "renewal information", "suggestedWindow", JSON_REQUIRED, &window,
	    e) == -1 ||
	    read_time(window, "start", &t->result.window_start, e) == -1 ||
	    read_time(window, "end", &t->result.window_end, e) == -1 ||
	    json_get_str(o, "renewal information", "explanationURL", JSON_OPTIONAL, &why, e) == -1)
		return -1;
	if (t->result.window_end <= t->result.window_start)
		return err_set(e, OUT_HOLD, "renewal information: RFC 9773 section 4.2: want the "
		    "end after the start");
	t->result.has_window = true;
	return acme_set_clean(&t->result.explanation, why, e);
}

static int
took_renewal(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	int64_t seconds;

	if (read_window(t, a->json, e) == -1)
		return -1;
	if (!acme_retry_after(&a->reply->headers, t->now, &seconds))
		seconds = ASK_AGAIN_DEFAULT;
	seconds = seconds < MINUTE ? MINUTE : seconds > DAY ? DAY : seconds;
	t->result.ask_again_at = time_add(t->now, seconds);
	acme_finish(t);
	return 0;
}

const struct acme_step acme_step_renewal = {
	.name = "renewal-info", .what = ACME_SEND,
	.begin = begin_renewal, .took = took_renewal,
	/* FAULTS A42, RFC 9773 section 4.3.3. */
	.soft = true,
};
