/*
 * hook "haproxy": the new certificate is put into a running HAProxy over its
 * runtime API, without a reload: connections live on, and no file is read.
 *
 *	set ssl cert FILE <<	certificate, chain and key in PEM, an empty line
 *	commit ssl cert FILE	new connections are served from it
 *	abort ssl cert FILE	or not
 *	show ssl cert FILE	what it has: looked at afterwards, by fingerprint
 *
 * A command goes over a connection of its own, which HAProxy closes behind
 * the answer. What is set is lost with the process: FILE should be
 * combined.pem in kamcert's folder, or a link to it. The socket must be of
 * level admin. Source: HAProxy management guide, section 9.3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "hooks/ctl.h"
#include "hooks/private.h"
#include "hooks/wire.h"

#define PEM_MAX		(128 * 1024)
#define REPLY_MAX	(64 * 1024)
#define LINE_MAX_OCTETS	300		/* of a reply that is shown */
#define NAME_MAX_OCTETS	1024

static const char pem_begin[] = "-----BEGIN CERTIFICATE-----";
static const char pem_end[] = "-----END CERTIFICATE-----";

struct talk {
	const struct hook_conf	*conf;
	struct wire_addr	 addr;
	int64_t			 deadline_ms;
	struct buf		 reply;
};

/* --- a command and its answer --- */

static int
begin(struct talk *t, const struct hook_conf *conf, struct err *e)
{
	*t = (struct talk){ .conf = conf,
		.deadline_ms = hook_deadline_ms(conf) };
	buf_init(&t->reply, REPLY_MAX);
	return wire_addr_parse(conf->rpc, &t->addr, e);
}

/* All that comes until the end of the stream. */
static int
receive(struct talk *t, struct wire *w, struct err *e)
{
	while (wire_recv(w, REPLY_MAX - t->reply.n, &t->reply, e) == 0) {
		if (!buf_ok(&t->reply) || t->reply.n >= REPLY_MAX)
			return err_set(e, OUT_RETRY, "an answer of more than %d octets", REPLY_MAX);
	}
	if (!wire_ended(e))
		return -1;
	err_clear(e);
	return 0;
}

static int
ask(struct talk *t, struct span command, struct err *e)
{
	struct wire w = { .fd = -1 };
	int rc = -1;

	buf_reset(&t->reply);
	if (wire_open(&w, &t->addr, t->deadline_ms, e) == -1) {
		e->class = OUT_HOLD;
		return err_hint(e, "does HAProxy run, with \"stats socket %s level admin\"?",
		    strchr(t->addr.text, ':') + 1);
	}
	if (wire_send(&w, command, e) == 0 && receive(t, &w, e) == 0)
		rc = 0;
	else
		(void)err_in(e, "%s", t->addr.text);
	wire_close(&w);
	return rc;
}

/* "verb ssl cert FILE" */
static int
ask_file(struct talk *t, const char *verb, const char *file, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, NAME_MAX_OCTETS + 64);
	buf_printf(&b, "%s ssl cert %s\n", verb, file);
	rc = buf_ok(&b) ? ask(t, buf_span(&b), e) : err_nomem(e);
	buf_clear(&b);
	return rc;
}

/* The value of a line "name: value"; empty if there is none. */
static struct span
value_of(const struct talk *t, const char *name)
{
	struct rd r = rd_of(buf_span(&t->reply));
	struct span line;
	size_t n = strlen(name);

	while (rd_line(&r, &line)) {
		if (span_starts(line, name) && line.n >= n + 2)
			return span_of(line.p + n + 2, line.n - n - 2);
	}
	return SPAN_NONE;
}

static bool
says(const struct talk *t, const char *text)
{
	struct span s = buf_span(&t->reply);

	return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

/* What it said instead of what was wanted. */
static int
refuse(const struct talk *t, const char *verb, const char *file, struct err *e)
{
	char text[LINE_MAX_OCTETS];
	struct span s = buf_span(&t->reply);

	text_clean(text, sizeof(text), s.n < sizeof(text) ? s : span_of(s.p, sizeof(text) - 1));
	(void)err_set(e, OUT_HOLD, "%s: %s ssl cert %s: %s", t->addr.text, verb, file,
	    text[0] != '\0' ? text : "no answer");
	return says(t, "Permission denied") ?
	    err_hint(e, "want \"level admin\" at the stats socket") : -1;
}

/* --- the certificate --- */

static struct span
encode_like_url(struct span base64, struct buf *out)
{
	for (size_t i = 0; i < base64.n; i++) {
		uint8_t c = base64.p[i];

		if (c == '+' || c == '/')
			buf_u8(out, c == '+' ? '-' : '_');
		else if (c != '=' && c != '\r' && c != '\n')
			buf_u8(out, c);
	}
	return buf_span(out);
}

/* SHA-1 of the first certificate, as HAProxy shows it: in upper case. */
static int
fingerprint(struct span pem, char out[2 * SHA1_LEN + 1], struct err *e)
{
	const uint8_t *from = memmem(pem.p, pem.n, pem_begin, strlen(pem_begin)), *to;
	uint8_t digest[SHA1_LEN];
	struct buf text, der;
	size_t skip;
	int rc = -1;

	buf_init(&text, PEM_MAX);
	buf_init(&der, PEM_MAX);
	skip = from != NULL ? (size_t)(from - pem.p) + strlen(pem_begin) : pem.n;
	to = memmem(pem.p + skip, pem.n - skip, pem_end, strlen(pem_end));
	if (to == NULL || base64url_decode(encode_like_url(span_of(pem.p + skip,
	    (size_t)(to - pem.p) - skip), &text), &der) == -1 || !buf_ok(&der) ||
	    sha1(buf_span(&der), digest) == -1)
		(void)err_set(e, OUT_HOLD, "want a certificate in PEM");
	else
		rc = 0;
	for (size_t i = 0; rc == 0 && i < SHA1_LEN; i++)
		(void)snprintf(out + 2 * i, 3, "%02X", digest[i]);
	buf_clear(&text);
	buf_clear(&der);
	return rc;
}

/* The payload ends at the first empty line, so none may be inside. */
static int
put_payload(struct span pem, struct buf *out, struct err *e)
{
	struct rd r = rd_of(pem);
	struct span line;

	while (rd_line(&r, &line)) {
		if (line.n == 0)
			continue;
		buf_put(out, line);
		buf_u8(out, '\n');
	}
	buf_u8(out, '\n');
	return buf_ok(out) ? 0 : err_nomem(e);
}

/* --- one certificate --- */

static int
show(struct talk *t, const char *file, char have[2 * SHA1_LEN + 1], struct err *e)
{
	struct span value;

	if (ask_file(t, "show", file, e) == -1)
		return -1;
	value = value_of(t, "SHA1 FingerPrint");
	if (!span_is(value_of(t, "Filename"), file) || value.n != 2 * (size_t)SHA1_LEN) {
		(void)refuse(t, "show", file, e);
		return e->hint[0] != '\0' ? -1 : err_hint(e,
		    "want ssl-cert as HAProxy names it: see "
		    "\"show ssl cert\"");
	}
	(void)snprintf(have, 2 * SHA1_LEN + 1, "%.*s", (int)value.n, (const char *)value.p);
	return 0;
}

/* A transaction that is left behind would keep others out. */
static void
give_up(struct talk *t, const char *file)
{
	struct err ignored = ERR_NONE;

	(void)ask_file(t, "abort", file, &ignored);
}

static int
set(struct talk *t, const char *file, struct span pem, struct err *e)
{
	struct buf b;
	int rc = -1;

	buf_init(&b, PEM_MAX + NAME_MAX_OCTETS);
	buf_printf(&b, "set ssl cert %s <<\n", file);
	if (put_payload(pem, &b, e) == 0)
		rc = ask(t, buf_span(&b), e);
	buf_clear(&b);
	if (rc == 0 && !says(t, "Transaction created") && !says(t, "Transaction updated"))
		rc = refuse(t, "set", file, e);
	return rc;
}

static enum hook_result
commit(struct talk *t, const char *file, const char *want, struct err *e)
{
	char have[2 * SHA1_LEN + 1];

	if (ask_file(t, "commit", file, e) == -1)
		return HOOK_UNKNOWN;
	if (!says(t, "Success")) {
		(void)refuse(t, "commit", file, e);
		return HOOK_REFUSED;
	}
	if (show(t, file, have, e) == -1)
		return HOOK_UNKNOWN;
	if (strcmp(have, want) == 0)
		return HOOK_OK;
	(void)err_set(e, OUT_RETRY, "%s: %s: it says success, but has the certificate with SHA-1 "
	    "%s, want %s", t->addr.text, file, have, want);
	return HOOK_UNKNOWN;
}

static enum hook_result
deliver(struct talk *t, const char *file, const char *path, struct err *e)
{
	char want[2 * SHA1_LEN + 1], have[2 * SHA1_LEN + 1];
	enum hook_result result = HOOK_FAILED;
	struct buf pem;

	buf_init(&pem, PEM_MAX);
	if (fs_read_path(path, PEM_MAX, &pem, e) == -1)
		goto out;
	if (fingerprint(buf_span(&pem), want, e) == -1) {
		(void)err_in(e, "%s", path);
		goto out;
	}
	/* it may have been restarted since, with this file: then there is nothing to do */
	if (show(t, file, have, e) == -1)
		goto out;
	result = HOOK_OK;
	if (strcmp(have, want) != 0) {
		result = set(t, file, buf_span(&pem), e) == 0 ? commit(t, file, want, e) :
		    HOOK_REFUSED;
		if (result == HOOK_REFUSED)
			give_up(t, file);
	}
out:
	buf_clear(&pem);
	return result;
}

/* --- the hook --- */

static int
preflight(const struct hook_conf *conf, struct hook_facts *f, struct err *e)
{
	static const char info[] = "show info\n", level[] = "show cli level\n";
	char have[2 * SHA1_LEN + 1], text[64];
	struct talk t;
	int64_t n;
	int rc = -1;

	hook_facts_init(f);
	if (begin(&t, conf, e) == -1 || ask(&t, span_str(info), e) == -1)
		goto out;
	(void)snprintf(text, sizeof(text), "HAProxy ");
	text_clean(text + 8, sizeof(text) - 8, value_of(&t, "Version"));
	if ((f->version = strdup(text)) == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	if (text_number(value_of(&t, "Pid"), &n) == 0)
		f->pid = n;
	if (text_number(value_of(&t, "Uptime_sec"), &n) == 0)
		f->uptime = n;
	if (ask(&t, span_str(level), e) == -1)
		goto out;
	if (!says(&t, "admin")) {
		(void)err_set(e, OUT_HOLD, "%s: this socket may not change certificates",
		    t.addr.text);
		(void)err_hint(e, "want \"level admin\" at the stats socket");
		goto out;
	}
	rc = conf->ssl_cert == NULL ? 0 : show(&t, conf->ssl_cert, have, e);
out:
	buf_clear(&t.reply);
	return rc;
}

/* Several certificates of one section: what is not delivered any more is left as it was. */
static enum hook_result
deliver_all(struct talk *t, const struct hook_event *event, struct err *e)
{
	enum hook_result result = HOOK_OK;
	struct buf path;
	size_t i;

	buf_init(&path, NAME_MAX_OCTETS);
	for (i = 0; i < event->dirs.n && result == HOOK_OK; i++) {
		buf_reset(&path);
		buf_printf(&path, "%s/combined.pem", event->dirs.v[i]);
		result = deliver(t, t->conf->ssl_cert != NULL ? t->conf->ssl_cert : buf_cstr(&path),
		    buf_cstr(&path), e);
	}
	buf_clear(&path);
	return result != HOOK_OK && i > 1 ? HOOK_UNKNOWN : result;
}

static enum hook_result
reload(const struct hook_conf *conf, const struct hook_event *event, struct hook_facts *f,
    struct err *e)
{
	enum hook_result result = HOOK_FAILED;
	struct talk t;
	int lock;

	hook_facts_init(f);
	if (begin(&t, conf, e) == 0 && ctl_lock(&t.addr, t.deadline_ms, &lock, e) == 0) {
		result = deliver_all(&t, event, e);
		fs_close(&lock);
	}
	buf_clear(&t.reply);
	return result;
}

static int
check(const struct hook_conf *conf, struct err *e)
{
	struct wire_addr a;

	if (conf->ssl_cert != NULL && strpbrk(conf->ssl_cert, ";\\< \t\r\n") != NULL)
		return err_set(e, OUT_USAGE, "ssl-cert: want a name without blanks ; \\ <, have "
		    "\"%s\"", conf->ssl_cert);
	if (wire_addr_parse(conf->rpc, &a, e) == -1)
		return -1;
	return a.kind == WIRE_UNIX ? 0 :
	    err_set(e, OUT_USAGE, "rpc: a key goes over unix: sockets only, have \"%s\"",
	    conf->rpc);
}

static char default_socket[] = "unix:/run/haproxy/admin.sock";

const struct hook_type hook_haproxy = {
	.name = "haproxy",
	.in_courier = true,
	.options = HOOK_HAS_RPC | HOOK_HAS_USER | HOOK_HAS_SSL_CERT,
	.defaults = { .rpc = default_socket, .timeout = 10 },
	.check = check,
	.preflight = preflight,
	.reload = reload,
};
