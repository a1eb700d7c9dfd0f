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

static const struct fault table[] = {
	{ "bad-nonce", "A01 A02", AT_NONCE_CHECK, NONCE_REJECT, 0, NULL, "the nonce is refused" },
	{ "no-nonce", "A03", AT_NONCE, NONCE_NONE, 0, NULL, "an answer without Replay-Nonce" },
	{ "new-nonce-without", "A03", AT_NONCE, NONCE_NOT_NEW, 0, NULL, "newNonce gives none" },
	{ "new-nonce-200", "A03", AT_NEW_NONCE, NONCE_STATUS, 200, NULL, "newNonce answers 200" },
	{ "new-nonce-204", "A03", AT_NEW_NONCE, NONCE_STATUS, 204, NULL, "newNonce answers 204" },
	{ "same-nonce", "A04", AT_NONCE, NONCE_SAME, 0, NULL, "the last nonce once more" },

	{ "reset-connect", "A16", AT_ACCEPT, ACCEPT_RESET, 0, NULL, "reset at once" },
	{ "close-connect", "A16", AT_ACCEPT, ACCEPT_CLOSE, 0, NULL, "closed at once" },
	{ "stall-connect", "A15", AT_ACCEPT, ACCEPT_STALL, 0, NULL, "nothing after the connection" },
	{ "stall-handshake", "A15 A20", AT_ACCEPT, ACCEPT_STALL_AFTER_HANDSHAKE, 0, NULL,
	    "nothing after the handshake" },
	{ "drip-connect", "A15", AT_ACCEPT, ACCEPT_DRIP, 0, NULL, "one octet a second from the start" },
	{ "reset-hello", "A16", AT_ACCEPT, ACCEPT_RESET_AT, 1, NULL, "reset at the first octet" },
	{ "reset-in-hello", "A16", AT_ACCEPT, ACCEPT_RESET_AT, 60, NULL, "reset inside ServerHello" },
	{ "reset-in-certificate", "A16", AT_ACCEPT, ACCEPT_RESET_AT, 400, NULL,
	    "reset inside the server's flight" },
	{ "reset-handshake", "A16", AT_ACCEPT, ACCEPT_RESET_AFTER_HANDSHAKE, 0, NULL,
	    "reset after the handshake" },
	{ "cert-expired", "A20", AT_ACCEPT, ACCEPT_IDENTITY, CA_SERVER_EXPIRED, NULL, "HTTPS: expired" },
	{ "cert-future", "A20", AT_ACCEPT, ACCEPT_IDENTITY, CA_SERVER_FUTURE, NULL, "HTTPS: not yet valid" },
	{ "cert-name", "A20", AT_ACCEPT, ACCEPT_IDENTITY, CA_SERVER_NAME, NULL, "HTTPS: another name" },
	{ "cert-foreign", "A20", AT_ACCEPT, ACCEPT_IDENTITY, CA_SERVER_FOREIGN, NULL, "HTTPS: unknown root" },
	{ "cert-weak", "A20", AT_ACCEPT, ACCEPT_IDENTITY, CA_SERVER_WEAK, NULL, "HTTPS: RSA of 1024 bits" },

	{ "leaf-other-key", "A22", AT_ISSUE, ISSUE_OTHER_KEY, 0, NULL, "another public key" },
	{ "leaf-expired", "A25", AT_ISSUE, ISSUE_EXPIRED, 0, NULL, "the leaf is expired" },
	{ "leaf-future", "A25", AT_ISSUE, ISSUE_FUTURE, 0, NULL, "the leaf is not yet valid" },
	{ "leaf-name-missing", "A26", AT_ISSUE, ISSUE_NAME_MISSING, 0, NULL, "without the first name" },
	{ "leaf-name-extra", "A26", AT_ISSUE, ISSUE_NAME_EXTRA, 0, NULL, "with a name too much" },
	{ "leaf-wildcard", "A26", AT_ISSUE, ISSUE_WILDCARD, 0, NULL, "with a wildcard too much" },
	{ "leaf-ca", "A27", AT_ISSUE, ISSUE_IS_CA, 0, NULL, "the leaf is a CA" },
	{ "leaf-no-server-auth", "A27", AT_ISSUE, ISSUE_NO_SERVER_AUTH, 0, NULL, "for e-mail only" },
	{ "leaf-sha1", "A27", AT_ISSUE, ISSUE_SHA1, 0, NULL, "signed over SHA-1" },
	{ "leaf-weak-key", "A27", AT_ISSUE, ISSUE_WEAK_KEY, 0, NULL, "RSA of 1024 bits" },
	{ "leaf-critical", "A27", AT_ISSUE, ISSUE_CRITICAL, 0, NULL, "an unknown critical extension" },
	{ "leaf-same-again", "A29", AT_ISSUE, ISSUE_SAME_AGAIN, 0, NULL, "the certificate issued before" },
	{ "lifetime-5m", "A30", AT_ISSUE, ISSUE_LIFETIME, 300, NULL, "five minutes" },
	{ "lifetime-24h", "A30", AT_ISSUE, ISSUE_LIFETIME, 86400, NULL, "a day" },
	{ "lifetime-160h", "A30", AT_ISSUE, ISSUE_LIFETIME, 576000, NULL, "160 hours" },
	{ "lifetime-398d", "A30", AT_ISSUE, ISSUE_LIFETIME, 34387200, NULL, "398 days" },
	{ "lifetime-10y", "A30", AT_ISSUE, ISSUE_LIFETIME, 315360000, NULL, "ten years" },

	{ "chain-reversed", "A23", AT_CHAIN, CHAIN_REVERSED, 0, NULL, "the leaf comes last" },
	{ "chain-with-root", "A23", AT_CHAIN, CHAIN_WITH_ROOT, 0, NULL, "the root is included" },
	{ "chain-duplicate", "A23", AT_CHAIN, CHAIN_DUPLICATE, 0, NULL, "the leaf is there twice" },
	{ "chain-unrelated", "A23", AT_CHAIN, CHAIN_UNRELATED, 0, NULL, "a foreign certificate within" },
	{ "chain-no-leaf", "A23", AT_CHAIN, CHAIN_NO_LEAF, 0, NULL, "intermediates only" },
	{ "chain-no-intermediate", "A24", AT_CHAIN, CHAIN_NO_INTERMEDIATE, 0, NULL, "the leaf only" },
	{ "chain-key", "A28", AT_CHAIN, CHAIN_KEY, 0, NULL, "a private key within" },
	{ "chain-html", "A28", AT_CHAIN, CHAIN_HTML, 0, NULL, "a page of HTML" },
	{ "chain-empty", "A28", AT_CHAIN, CHAIN_EMPTY, 0, NULL, "nothing" },
	{ "chain-comments", "A28", AT_CHAIN, CHAIN_COMMENTS, 0, NULL, "10 MB of comments" },
	{ "alternates-loop", "A41", AT_CHAIN, CHAIN_LINK_LOOP, 0, NULL, "an alternate that is itself" },
	{ "alternates-1000", "A41", AT_CHAIN, CHAIN_LINK_MANY, 0, NULL, "1000 alternates" },
	{ "alternates-host", "A41", AT_CHAIN, CHAIN_LINK_HOST, 0, NULL, "an alternate on another host" },

	{ "order-pending", "A31", AT_ORDER, OBJECT_STATUS, 0, "pending", "pending for ever" },
	{ "order-processing", "A31", AT_ORDER, OBJECT_STATUS, 0, "processing", "processing for ever" },
	{ "order-unknown-status", "A31", AT_ORDER, OBJECT_STATUS, 0, "considering", "an unknown status" },
	{ "order-backwards", "A31", AT_ORDER, OBJECT_BACKWARDS, 0, NULL, "the status goes back" },
	{ "order-invalid", "A32", AT_ORDER, OBJECT_SUBPROBLEMS, 0, NULL, "invalid, with sub-problems" },
	{ "order-two-authz", "A46", AT_ORDER, OBJECT_TWICE, 0, NULL, "each authorization twice" },
	{ "order-names-changed", "A46", AT_ORDER, OBJECT_UPPER_CASE, 0, NULL,
	    "names in another order and letter case" },

	{ "authz-invalid", "A33", AT_AUTHZ, OBJECT_STATUS, 0, "invalid", "invalid" },
	{ "authz-expired", "A33", AT_AUTHZ, OBJECT_STATUS, 0, "expired", "expired" },
	{ "authz-revoked", "A33", AT_AUTHZ, OBJECT_STATUS, 0, "revoked", "revoked" },
	{ "authz-deactivated", "A33", AT_AUTHZ, OBJECT_STATUS, 0, "deactivated", "deactivated" },
	{ "authz-valid", "A33", AT_AUTHZ, OBJECT_STATUS, 0, "valid", "valid already" },
	{ "authz-pending", "A31", AT_AUTHZ, OBJECT_STATUS, 0, "pending", "pending for ever" },
	{ "authz-backwards", "A31", AT_AUTHZ, OBJECT_BACKWARDS, 0, NULL, "the status goes back" },
	{ "authz-past", "A33", AT_AUTHZ, OBJECT_EXPIRED, 0, NULL, "it expired yesterday" },
	{ "authz-wildcard", "A33", AT_AUTHZ, OBJECT_WILDCARD, 0, NULL, "the wildcard flag is set" },
	{ "challenges-unknown", "A34", AT_AUTHZ, OBJECT_UNKNOWN_TYPES, 0, NULL, "unknown types only" },
	{ "challenges-none", "A34", AT_AUTHZ, OBJECT_NO_CHALLENGES, 0, NULL, "no challenges" },
	{ "token-empty", "A35", AT_AUTHZ, OBJECT_TOKEN, 0, NULL, "an empty token" },
	{ "token-short", "A35", AT_AUTHZ, OBJECT_TOKEN, 1, NULL, "five characters" },
	{ "token-dots", "A35", AT_AUTHZ, OBJECT_TOKEN, 2, NULL, "a path upwards" },
	{ "token-slash", "A35", AT_AUTHZ, OBJECT_TOKEN, 3, NULL, "slashes" },
	{ "token-spaces", "A35", AT_AUTHZ, OBJECT_TOKEN, 4, NULL, "a space" },
	{ "token-shell", "A35", AT_AUTHZ, OBJECT_TOKEN, 5, NULL, "shell metacharacters" },
	{ "token-percent", "A35", AT_AUTHZ, OBJECT_TOKEN, 6, NULL, "percent codes" },
	{ "token-nul", "A35", AT_AUTHZ, OBJECT_TOKEN, 7, NULL, "a NUL" },
	{ "token-10k", "A35", AT_AUTHZ, OBJECT_TOKEN, 8, NULL, "10 000 characters" },

	{ "directory-no-new-order", "A40", AT_DIRECTORY, OBJECT_MISSING, 0, "newOrder", "no newOrder" },
	{ "directory-no-new-nonce", "A40", AT_DIRECTORY, OBJECT_MISSING, 0, "newNonce", "no newNonce" },
	{ "directory-no-meta", "A40", AT_DIRECTORY, OBJECT_MISSING, 0, "meta", "no meta" },
	{ "directory-no-renewal", "A40 A42", AT_DIRECTORY, OBJECT_MISSING, 0, "renewalInfo",
	    "no renewalInfo" },
	{ "directory-moved", "A40", AT_DIRECTORY, OBJECT_MOVED, 0, NULL, "all URLs have changed" },

	{ "renewal-404", "A42", AT_RENEWAL, OBJECT_404, 0, NULL, "renewal information: 404" },
	{ "renewal-missing", "A42", AT_RENEWAL, OBJECT_MISSING, 0, "", "without a window" },
	{ "renewal-reversed", "A42", AT_RENEWAL, OBJECT_WINDOW, 0, NULL, "the end is before the start" },
	{ "renewal-past", "A42", AT_RENEWAL, OBJECT_WINDOW, 1, NULL, "a window long ago" },
	{ "renewal-future", "A42", AT_RENEWAL, OBJECT_WINDOW, 2, NULL, "a window in 100 years" },
	{ "renewal-retry-0", "A42", AT_RENEWAL, OBJECT_RETRY_AFTER, 0, "0", "Retry-After: 0" },
	{ "renewal-retry-10y", "A42", AT_RENEWAL, OBJECT_RETRY_AFTER, 0, "315360000", "Retry-After: ten years" },
	{ "renewal-no-retry", "A42", AT_RENEWAL, OBJECT_NO_RETRY_AFTER, 0, NULL, "no Retry-After" },

	{ "huge-length", "A14", AT_SEND, SEND_HUGE_LENGTH, 0, NULL, "Content-Length of a terabyte" },
	{ "endless-body", "A14", AT_SEND, SEND_ENDLESS_BODY, 0, NULL, "a body without end" },
	{ "endless-headers", "A14", AT_SEND, SEND_ENDLESS_HEADERS, 0, NULL, "headers without end" },
	{ "endless-1xx", "A14", AT_SEND, SEND_ENDLESS_1XX, 0, NULL, "interim answers without end" },
	{ "stall-header", "A15", AT_SEND, SEND_STALL_HEADER, 0, NULL, "nothing after half a header" },
	{ "stall-body", "A15", AT_SEND, SEND_STALL_BODY, 0, NULL, "nothing after half a body" },
	{ "drip", "A15", AT_SEND, SEND_DRIP, 0, NULL, "one octet a second" },
	{ "reset-header", "A16", AT_SEND, SEND_RESET_HEADER, 0, NULL, "reset inside the header" },
	{ "reset-body", "A16", AT_SEND, SEND_RESET_BODY, 0, NULL, "reset inside the body" },
	{ "short-body", "A16", AT_SEND, SEND_SHORT, 0, NULL, "closed inside the body" },
	{ "close-request", "A16", AT_SEND, SEND_NOTHING, 0, NULL, "closed without an answer" },
	{ "garbage", "A16", AT_SEND, SEND_GARBAGE, 0, NULL, "no HTTP at all" },
	{ "no-close-notify", "TLS", AT_SEND, SEND_NO_CLOSE_NOTIFY, 0, NULL, "closed without close_notify" },
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
		return err_set(e, OUT_USAGE, "faults: there is no fault %.*s; see --list-faults", (int)n, text);
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
