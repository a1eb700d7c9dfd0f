/*
 * faults: misbehaviour by name. A fault is a row of a table; what it does is
 * found where its stage is, by its kind. Rules say when a fault strikes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "responder/ca.h"
#include "responder/faults.h"

#define RULES_MAX	64
#define SCRIPT_MAX	(64 * 1024)

/* Rows that differ in little. */
#define CERT(name, kind, what)		FAULT_N("cert-" name, "A20", AT_ACCEPT, ACCEPT_IDENTITY, \
	CA_SERVER_##kind, "HTTPS: " what)
#define LEAF(name, row, kind, what)	FAULT("leaf-" name, row, AT_ISSUE, ISSUE_##kind, what)
#define LIFETIME(name, seconds, what)	FAULT_N("lifetime-" name, "A30", AT_ISSUE, ISSUE_LIFETIME, \
	seconds, what)
#define CHAIN(name, row, kind, what)	FAULT("chain-" name, row, AT_CHAIN, CHAIN_##kind, what)
#define AUTHZ(status, row, what) \
	FAULT_T("authz-" status, row, AT_AUTHZ, OBJECT_STATUS, status, what)
#define TOKEN(name, number, what) \
	FAULT_N("token-" name, "A35", AT_AUTHZ, OBJECT_TOKEN, number, what)
#define RENEWAL(name, kind, number, what) \
	FAULT_N("renewal-" name, "A42", AT_RENEWAL, OBJECT_##kind, number, what)
#define SEND(name, row, kind, what)	FAULT(name, row, AT_SEND, SEND_##kind, what)

static const struct fault table[] = {
	FAULT("bad-nonce", "A01 A02", AT_NONCE_CHECK, NONCE_REJECT, "the nonce is refused"),
	FAULT("no-nonce", "A03", AT_NONCE, NONCE_NONE, "an answer without Replay-Nonce"),
	FAULT("new-nonce-without", "A03", AT_NONCE, NONCE_NOT_NEW, "newNonce gives none"),
	FAULT_N("new-nonce-200", "A03", AT_NEW_NONCE, NONCE_STATUS, 200, "newNonce answers 200"),
	FAULT_N("new-nonce-204", "A03", AT_NEW_NONCE, NONCE_STATUS, 204, "newNonce answers 204"),
	FAULT("same-nonce", "A04", AT_NONCE, NONCE_SAME, "the last nonce once more"),

	FAULT("reset-connect", "A16 A47", AT_ACCEPT, ACCEPT_RESET, "reset at once"),
	FAULT("close-connect", "A16", AT_ACCEPT, ACCEPT_CLOSE, "closed at once"),
	FAULT("stall-connect", "A15", AT_ACCEPT, ACCEPT_STALL, "nothing after the connection"),
	FAULT("stall-handshake", "A15 A20", AT_ACCEPT, ACCEPT_STALL_AFTER_HANDSHAKE,
	    "nothing after the handshake"),
	FAULT("drip-connect", "A15", AT_ACCEPT, ACCEPT_DRIP, "one octet a second from the start"),
	FAULT_N("reset-hello", "A16", AT_ACCEPT, ACCEPT_RESET_AT, 1, "reset at the first octet"),
	FAULT_N("reset-in-hello", "A16", AT_ACCEPT, ACCEPT_RESET_AT, 60,
	    "reset inside ServerHello"),
	FAULT_N("reset-in-certificate", "A16", AT_ACCEPT, ACCEPT_RESET_AT, 400,
	    "reset inside the server's flight"),
	FAULT_N("reset-in-verify", "A16", AT_ACCEPT, ACCEPT_RESET_AT, -100,
	    "reset inside CertificateVerify"),
	FAULT_N("reset-in-finished", "A16", AT_ACCEPT, ACCEPT_RESET_AT, -20,
	    "reset inside Finished"),
	FAULT("reset-handshake", "A16", AT_ACCEPT, ACCEPT_RESET_AFTER_HANDSHAKE,
	    "reset after the handshake"),
	CERT("expired", EXPIRED, "expired"),
	CERT("future", FUTURE, "not yet valid"),
	CERT("name", NAME, "another name"),
	CERT("foreign", FOREIGN, "unknown root"),
	CERT("weak", WEAK, "RSA of 1024 bits"),

	LEAF("other-key", "A22", OTHER_KEY, "another public key"),
	LEAF("expired", "A25", EXPIRED, "the leaf is expired"),
	LEAF("future", "A25", FUTURE, "the leaf is not yet valid"),
	LEAF("name-missing", "A26", NAME_MISSING, "without the first name"),
	LEAF("name-extra", "A26", NAME_EXTRA, "with a name too much"),
	LEAF("wildcard", "A26", WILDCARD, "with a wildcard too much"),
	LEAF("ca", "A27", IS_CA, "the leaf is a CA"),
	LEAF("no-server-auth", "A27", NO_SERVER_AUTH, "for e-mail only"),
	LEAF("sha1", "A27", SHA1, "signed over SHA-1"),
	LEAF("weak-key", "A27", WEAK_KEY, "RSA of 1024 bits"),
	LEAF("critical", "A27", CRITICAL, "an unknown critical extension"),
	LEAF("same-again", "A29", SAME_AGAIN, "the certificate issued before"),
	LIFETIME("5m", 300, "five minutes"),
	LIFETIME("24h", 86400, "a day"),
	LIFETIME("160h", 576000, "160 hours"),
	LIFETIME("398d", 34387200, "398 days"),
	LIFETIME("10y", 315360000, "ten years"),

	CHAIN("reversed", "A23", REVERSED, "the leaf comes last"),
	CHAIN("with-root", "A23", WITH_ROOT, "the root is included"),
	CHAIN("duplicate", "A23", DUPLICATE, "the leaf is there twice"),
	CHAIN("unrelated", "A23", UNRELATED, "a foreign certificate within"),
	CHAIN("no-leaf", "A23", NO_LEAF, "intermediates only"),
	CHAIN("no-intermediate", "A24", NO_INTERMEDIATE, "the leaf only"),
	CHAIN("key", "A28", KEY, "a private key within"),
	CHAIN("html", "A28", HTML, "a page of HTML"),
	CHAIN("empty", "A28", EMPTY, "nothing"),
	CHAIN("comments", "A28", COMMENTS, "10 MB of comments"),
	FAULT("alternates-loop", "A41", AT_CHAIN, CHAIN_LINK_LOOP, "an alternate that is itself"),
	FAULT("alternates-1000", "A41", AT_CHAIN, CHAIN_LINK_MANY, "1000 alternates"),
	FAULT("alternates-host", "A41", AT_CHAIN, CHAIN_LINK_HOST, "an alternate on another host"),

	FAULT_T("order-pending", "A31", AT_ORDER, OBJECT_STATUS, "pending", "pending for ever"),
	FAULT_T("order-processing", "A31", AT_ORDER, OBJECT_STATUS, "processing",
	    "processing for ever"),
	FAULT_T("order-unknown-status", "A31", AT_ORDER, OBJECT_STATUS, "considering",
	    "an unknown status"),
	FAULT("order-backwards", "A31", AT_ORDER, OBJECT_BACKWARDS, "the status goes back"),
	FAULT("order-invalid", "A32", AT_ORDER, OBJECT_SUBPROBLEMS, "invalid, with sub-problems"),
	FAULT("order-two-authz", "A46", AT_ORDER, OBJECT_TWICE, "each authorization twice"),
	FAULT("order-names-changed", "A46", AT_ORDER, OBJECT_UPPER_CASE,
	    "names in another order and letter case"),

	AUTHZ("invalid", "A33", "invalid"),
	AUTHZ("expired", "A33", "expired"),
	AUTHZ("revoked", "A33", "revoked"),
	AUTHZ("deactivated", "A33", "deactivated"),
	AUTHZ("valid", "A33", "valid already"),
	AUTHZ("pending", "A31", "pending for ever"),
	FAULT("authz-backwards", "A31", AT_AUTHZ, OBJECT_BACKWARDS, "the status goes back"),
	FAULT("authz-past", "A33", AT_AUTHZ, OBJECT_EXPIRED, "it expired yesterday"),
	FAULT("authz-wildcard", "A33", AT_AUTHZ, OBJECT_WILDCARD, "the wildcard flag is set"),
	FAULT("challenges-unknown", "A34", AT_AUTHZ, OBJECT_UNKNOWN_TYPES, "unknown types only"),
	FAULT("challenges-none", "A34", AT_AUTHZ, OBJECT_NO_CHALLENGES, "no challenges"),
	TOKEN("empty", 0, "an empty token"),
	TOKEN("short", 1, "five characters"),
	TOKEN("dots", 2, "a path upwards"),
	TOKEN("slash", 3, "slashes"),
	TOKEN("spaces", 4, "a space"),
	TOKEN("shell", 5, "shell metacharacters"),
	TOKEN("percent", 6, "percent codes"),
	TOKEN("nul", 7, "a NUL"),
	TOKEN("10k", 8, "10 000 characters"),

	FAULT_T("directory-no-new-order", "A40", AT_DIRECTORY, OBJECT_MISSING, "newOrder",
	    "no newOrder"),
	FAULT_T("directory-no-new-nonce", "A40", AT_DIRECTORY, OBJECT_MISSING, "newNonce",
	    "no newNonce"),
	FAULT_T("directory-no-meta", "A40", AT_DIRECTORY, OBJECT_MISSING, "meta", "no meta"),
	FAULT_T("directory-no-renewal", "A40 A42", AT_DIRECTORY, OBJECT_MISSING, "renewalInfo",
	    "no renewalInfo"),
	FAULT("directory-moved", "A40", AT_DIRECTORY, OBJECT_MOVED, "all URLs have changed"),

	RENEWAL("404", 404, 0, "renewal information: 404"),
	FAULT_T("renewal-missing", "A42", AT_RENEWAL, OBJECT_MISSING, "", "without a window"),
	RENEWAL("reversed", WINDOW, 0, "the end is before the start"),
	RENEWAL("past", WINDOW, 1, "a window long ago"),
	RENEWAL("future", WINDOW, 2, "a window in 100 years"),
	FAULT_T("renewal-retry-0", "A42", AT_RENEWAL, OBJECT_RETRY_AFTER, "0", "Retry-After: 0"),
	FAULT_T("renewal-retry-10y", "A42", AT_RENEWAL, OBJECT_RETRY_AFTER, "315360000",
	    "Retry-After: ten years"),
	RENEWAL("no-retry", NO_RETRY_AFTER, 0, "no Retry-After"),

	SEND("huge-length", "A14", HUGE_LENGTH, "Content-Length of a terabyte"),
	SEND("endless-body", "A14", ENDLESS_BODY, "a body without end"),
	SEND("endless-headers", "A14", ENDLESS_HEADERS, "headers without end"),
	SEND("endless-1xx", "A14", ENDLESS_1XX, "interim answers without end"),
	SEND("stall-header", "A15", STALL_HEADER, "nothing after half a header"),
	SEND("stall-body", "A15", STALL_BODY, "nothing after half a body"),
	SEND("drip", "A15", DRIP, "one octet a second"),
	SEND("trickle", "A15", TRICKLE, "100 octets a second, without end"),
	SEND("reset-header", "A16", RESET_HEADER, "reset inside the header"),
	SEND("reset-body", "A16", RESET_BODY, "reset inside the body"),
	SEND("short-body", "A16", SHORT, "closed inside the body"),
	SEND("close-request", "A16", NOTHING, "closed without an answer"),
	SEND("garbage", "A16", GARBAGE, "no HTTP at all"),
	SEND("no-close-notify", "TLS", NO_CLOSE_NOTIFY, "closed without close_notify"),
	{ NULL, NULL, AT_SEND, 0, 0, NULL, NULL },
};

static const struct fault *const tables[] = { table, fault_table_http, fault_table_tls };

struct rule {
	const struct fault	*fault;
	char			 text[96];
	unsigned		 from, to;	/* occasions, counted from 1 */
	unsigned		 percent;	/* 0: by number */
	char			 path[64];	/* "" is any */
	unsigned		 seen, struck;
};

struct faults {
	struct rule	rules[RULES_MAX];
	size_t		n;
};

int
faults_new(struct faults **out, struct err *e)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : err_nomem(e);
}

void
faults_free(struct faults *f)
{
	free(f);
}

void
faults_reset(struct faults *f)
{
	f->n = 0;
}

static const struct fault *
find(const char *name, size_t n)
{
	for (size_t t = 0; t < NITEMS(tables); t++)
		for (const struct fault *f = tables[t]; f->name != NULL; f++)
			if (strlen(f->name) == n && strncmp(f->name, name, n) == 0)
				return f;
	return NULL;
}

/* N, N- or P% */
static int
read_when(struct span when, struct rule *r)
{
	char last;
	int64_t n;

	if (when.n == 0)
		return -1;
	last = (char)when.p[when.n - 1];
	if (last == '%' || last == '-')
		when.n--;
	if (text_number(when, &n) == -1 || n < 1 || n > 1000000)
		return -1;
	if (last == '%') {
		r->percent = (unsigned)n;
		return n <= 100 ? 0 : -1;
	}
	r->from = (unsigned)n;
	r->to = last == '-' ? UINT32_MAX : (unsigned)n;
	return 0;
}

int
faults_add(struct faults *f, const char *text, struct err *e)
{
	struct rule r = { .from = 1, .to = UINT32_MAX };
	size_t n = strcspn(text, "@:"), m;
	const char *at = text + n;

	if (f->n == RULES_MAX)
		return err_set(e, OUT_USAGE, "faults: at most %d rules", RULES_MAX);
	if ((r.fault = find(text, n)) == NULL)
		return err_set(e, OUT_USAGE, "faults: there is no fault %.*s; see --list-faults",
		    (int)n, text);
	if (*at == '@') {
		m = strcspn(++at, ":");
		if (read_when(span_of(at, m), &r) == -1)
			return err_set(e, OUT_USAGE, "faults: %s: want @N, @N- or @P%%", text);
		at += m;
	}
	if (*at == ':' && (at[1] != '/' || strlen(at + 1) >= sizeof(r.path)))
		return err_set(e, OUT_USAGE, "faults: %s: want a path that begins with /", text);
	snprintf(r.path, sizeof(r.path), "%s", *at == ':' ? at + 1 : "");
	snprintf(r.text, sizeof(r.text), "%s", text);
	f->rules[f->n++] = r;
	return 0;
}

int
faults_read(struct faults *f, const char *file, struct err *e)
{
	struct span line;
	struct buf b;
	struct rd r;
	char *text;
	int rc;

	buf_init(&b, SCRIPT_MAX);
	rc = fs_read_path(file, SCRIPT_MAX, &b, e);
	r = rd_of(buf_span(&b));
	while (rc == 0 && rd_line(&r, &line)) {
		if (line.n == 0 || line.p[0] == '#')
			continue;
		text = span_dup(line);
		rc = text != NULL ? faults_add(f, text, e) : err_nomem(e);
		free(text);
	}
	buf_clear(&b);
	return rc;
}

static bool
strikes(struct rule *r)
{
	uint16_t die;

	r->seen++;
	if (r->percent != 0)
		return random_bytes(&die, sizeof(die)) == 0 && die * 100u / 65536 < r->percent;
	return r->seen >= r->from && r->seen <= r->to;
}

const struct fault *
fault_pick(struct faults *f, enum fault_stage stage, const char *path)
{
	for (size_t i = 0; i < f->n; i++) {
		struct rule *r = &f->rules[i];

		if (r->fault->stage != stage || (r->path[0] != '\0' &&
		    (path == NULL || strncmp(path, r->path, strlen(r->path)) != 0)))
			continue;
		if (strikes(r)) {
			r->struck++;
			return r->fault;
		}
	}
	return NULL;
}

void
faults_status(const struct faults *f, struct json_out *j)
{
	json_put_array(j, "faults");
	for (size_t i = 0; i < f->n; i++) {
		json_put_object(j, NULL);
		json_put_str(j, "rule", f->rules[i].text);
		json_put_str(j, "row", f->rules[i].fault->row);
		json_put_int(j, "occasions", f->rules[i].seen);
		json_put_int(j, "struck", f->rules[i].struck);
		json_object_end(j);
	}
	json_array_end(j);
}

void
faults_list(void)
{
	for (size_t t = 0; t < NITEMS(tables); t++)
		for (const struct fault *f = tables[t]; f->name != NULL; f++)
			printf("%-28s %-8s %s\n", f->name, f->row, f->what);
}
