/*
 * acme_objects: one reply of a CA, at any point of any task (FAULTS I07).
 *
 * The first octet says what the task is, the second how many requests are
 * answered well before; the rest is the reply: status line, header, body.
 * Nothing that comes of it may lead to another host, put up an odd token, or
 * keep a task going for ever.
 */
#include <stdlib.h>
#include <string.h>

#include "acme/acme.h"

#define CA	"https://ca.example"
#define TURNS	2000

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct {
	const char	*path;
	const char	*reply;
} good[] = {
#define OK(type)	"HTTP/1.1 200 OK\nReplay-Nonce: abc\nContent-Type: " type "\nLocation: "
	{ "/dir", OK("application/json") "\n\n{\"newNonce\":\"" CA "/nonce\",\"newAccount\":\"" CA
	  "/acct\",\"newOrder\":\"" CA "/order\",\"revokeCert\":\"" CA "/revoke\",\"keyChange\":\""
	  CA "/key\",\"renewalInfo\":\"" CA "/ari\",\"meta\":{\"profiles\":{\"p\":\"x\"}}}" },
	{ "/nonce", "HTTP/1.1 200 OK\nReplay-Nonce: abc\n\n" },
	{ "/acct/7", OK("application/json") "\n\n{\"status\":\"valid\",\"orders\":\"" CA
	  "/orders\"}" },
	{ "/acct", OK("application/json") CA "/acct/7\n\n{\"status\":\"valid\"}" },
	{ "/orders", OK("application/json") "\n\n{\"orders\":[]}" },
	{ "/order", OK("application/json") CA "/o\n\n{\"status\":\"pending\","
	    "\"identifiers\":[{\"type\""
	  ":\"dns\",\"value\":\"a.example\"}],\"authorizations\":[\"" CA "/authz\"],\"finalize\":\""
	  CA "/final\"}" },
	{ "/o", OK("application/json") "\n\n{\"status\":\"valid\",\"certificate\":\"" CA
	    "/cert\"}" },
	{ "/authz", OK("application/json") "\n\n{\"status\":\"pending\",\"identifier\":{\"type\":"
	  "\"dns\",\"value\":\"a.example\"},\"challenges\":[{\"type\":\"http-01\",\"status\":"
	  "\"pending\",\"url\":\"" CA "/chal\",\"token\":\"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ\"}]}" },
	{ "/chal", OK("application/json") "\n\n{\"status\":\"processing\"}" },
	{ "/final", OK("application/json") "\n\n{\"status\":\"processing\"}" },
	{ "/cert", OK("application/pem-certificate-chain") "\nLink: <" CA
	    "/alt>;rel=\"alternate\"\n\n"
	  "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" },
	{ "/ari", OK("application/json") "\n\n{\"suggestedWindow\":{\"start\":\"2026-10-01T00:00:00"
	    "Z\","
	  "\"end\":\"2026-10-02T00:00:00Z\"}}" },
};

static const struct acme_ca about = { .directory = (char *)(uintptr_t)(CA "/dir") };

struct play {
	struct span	 reply;		/* the fuzzer's */
	unsigned	 before;	/* requests answered well until then */
	bool		 take;
};

static void
parse(struct span raw, struct acme_reply *r)
{
	struct rd rd = rd_of(raw);
	struct span line;
	struct err e;

	if (rd_line(&rd, &line)) {
		if (line.n >= 12)
			r->status = (line.p[9] & 7) * 100 + line.p[10] % 10 * 10 + line.p[11] % 10;
		(void)!acme_headers_line(&r->headers, line, &e);
	}
	while (rd_line(&rd, &line) && line.n > 0)
		(void)!acme_headers_line(&r->headers, line, &e);
	buf_put(&r->body, rd_rest(&rd));
	if (!buf_ok(&r->body))
		buf_reset(&r->body);
}

static void
answer(struct play *p, struct acme_task *t, const struct acme_send *s)
{
	struct acme_reply r;
	struct err e;

	if (acme_url_check(&about, "fuzz", s->url, &e) == -1)
		abort();
	acme_reply_init(&r);
	if (p->before-- == 0) {
		parse(p->reply, &r);
	} else {
		for (size_t i = 0; i < NITEMS(good); i++)
			if (strcmp(s->url + strlen(CA), good[i].path) == 0)
				parse(span_str(good[i].reply), &r);
		if (r.status == 0)
			parse(span_str(good[1].reply), &r);
	}
	acme_task_reply(t, 1790000000, &r);
	acme_reply_clear(&r);
}

static void
check_challenges(const struct acme_want *w)
{
	const char *token;

	for (size_t i = 0; i < w->nchallenges; i++) {
		token = w->challenges[i].token;
		if (strcmp(w->challenges[i].name, "a.example") != 0)
			abort();
		if (token == NULL)
			continue;
		if (strlen(token) < 22 || strlen(token) > 128 ||
		    strpbrk(token, "./ \"'$%\\") != NULL)
			abort();
	}
}

/* False at the end. */
static bool
turn(struct play *p, struct acme_task *t)
{
	struct acme_want w;
	struct err e;

	if (acme_task_next(t, 1790000000, &w, &e) == -1) {
		if (e.class != OUT_RETRY && e.class != OUT_HOLD && e.class != OUT_REFUSE)
			abort();
		return false;
	}
	switch (w.what) {
	case ACME_SEND:
		answer(p, t, &w.send);
		break;
	case ACME_SIGN:
		if (acme_url_check(&about, "fuzz", w.sign->url, &e) == -1)
			abort();
		acme_task_signed(t, span_str("{}"));
		break;
	case ACME_SOLVE:
		check_challenges(&w);
		acme_task_solved(t);
		break;
	case ACME_UNSOLVE:
		break;
	case ACME_CSR:
		acme_task_csr(t, span_str("CSR"));
		break;
	case ACME_CHAIN:
		acme_task_chain(t, p->take);
		break;
	case ACME_WAIT:
		if (w.wait_ms < 1 || w.wait_ms > 60000)
			abort();
		acme_task_waited(t);
		break;
	case ACME_DONE:
		return false;
	}
	return true;
}

static struct acme_job
job_of(uint8_t kind)
{
	struct acme_job j = { .kind = kind % (ACME_DROP_AUTHZ + 1), .agree_tos = true,
	    .reason = -1 };
	bool ok = true;

	if (j.kind != ACME_REGISTER && j.kind != ACME_FIND)
		j.account = span_dup(span_str(CA "/acct/7"));
	j.thumbprint = span_dup(span_str("thumb"));
	j.cert_id = span_dup(span_str("AA.AA"));
	j.url = span_dup(span_str(CA "/authz"));
	j.profile = span_dup(span_str("p"));
	if (kind >= 0x80)
		j.order = span_dup(span_str(CA "/o"));
	ok = strs_add(&j.names, "a.example") == 0 && strs_add(&j.challenges, "http-01") == 0 &&
	    strs_add(&j.challenges, "dns-persist-01") == 0 &&
	    blob_set(&j.cert, span_str("DER")) == 0;
	if (!ok)
		abort();
	return j;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct play p = { .reply = span_of(data + 2, n < 2 ? 0 : n - 2) };
	struct acme_session *s;
	struct acme_task *t;
	struct acme_job j;
	struct err e;
	unsigned turns = 0;

	if (n < 2)
		return 0;
	j = job_of(data[0]);
	p.before = data[1] % 16;
	p.take = data[1] < 0x80;
	s = acme_session_new(&about, &e);
	t = s != NULL ? acme_task_new(s, &j, &e) : NULL;
	if (t == NULL)
		abort();
	while (turn(&p, t))
		if (++turns > TURNS)
			abort();
	acme_task_free(t);
	acme_session_free(s);
	pack_clear(&acme_job_pack, &j);
	return 0;
}
