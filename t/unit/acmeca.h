/*
 * acmeca: a CA made of texts, and the loop that drives a task against it.
 *
 * It answers as RFC 8555 wants, unless a fault says what to answer to one
 * path. Nothing is signed and nothing waits: time is a number.
 */
#ifndef KAMCERT_T_UNIT_ACMECA_H
#define KAMCERT_T_UNIT_ACMECA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "acme/acme.h"
#include "base/text.h"

#define CA_URL		"https://ca.example"
#define CA_NOW		INT64_C(1790000000)	/* 2026-09-21T14:13:20Z */
#define CA_DATE		"Mon, 21 Sep 2026 14:13:20 GMT"
#define CA_SENT_MAX	2048
#define CA_TOKEN	"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define CA_THUMB	"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"
#define CA_PEM		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

/* Raw replies; "@" as a nonce is replaced by a fresh one. */
#define REPLY(status, type, body) "HTTP/1.1 " status "\r\nReplay-Nonce: @\r\n" \
	"Content-Type: " type "\r\n\r\n" body
#define JSON_REPLY(body) REPLY("200 OK", "application/json", body)
#define PROBLEM(status, word, rest) REPLY(status, "application/problem+json", \
	"{\"type\":\"urn:ietf:params:acme:error:" word "\"" rest "}")

#define HTML(status) REPLY(status, "text/html", "<html><body>Log in</body></html>")
#define BAD_NONCE PROBLEM("400 Bad Request", "badNonce", ",\"detail\":\"JWS has a bad nonce\"")
#define RETRY_AFTER(status, value) "HTTP/1.1 " status "\r\nReplay-Nonce: @\r\nDate: " CA_DATE \
	"\r\nContent-Type: text/plain\r\nRetry-After: " value "\r\n\r\nslow down"
#define LIMITED(value) "HTTP/1.1 429 Too Many\r\nReplay-Nonce: @\r\nDate: " CA_DATE \
	"\r\nContent-Type: application/problem+json\r\nRetry-After: " value "\r\n\r\n" \
	"{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many\"}"
#define MADE(body) "HTTP/1.1 201 Created\r\nReplay-Nonce: @\r\nContent-Type: application/json" \
	"\r\nLocation: " CA_URL "/o/1\r\n\r\n" body
#define IDS "\"identifiers\":[{\"type\":\"dns\",\"value\":\"n1.example\"}]"
#define AUTHZ_1 "\"authorizations\":[\"" CA_URL "/authz/1\"]"
#define FINAL "\"finalize\":\"" CA_URL "/final/1\""
#define ORDER(status) "{\"status\":\"" status "\"," IDS "," AUTHZ_1 "," FINAL "}"
#define AUTHZ(status, challenges) JSON_REPLY("{\"status\":\"" status "\",\"identifier\":" \
	"{\"type\":\"dns\",\"value\":\"n1.example\"},\"challenges\":[" challenges "]}")
#define CHALLENGE(type, token) "{\"type\":\"" type "\",\"status\":\"pending\",\"url\":\"" CA_URL \
	"/chal/1\",\"token\":\"" token "\"}"
#define WITH_TOKEN(token) AUTHZ("pending", CHALLENGE("http-01", token))
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define PEM_TYPE "application/pem-certificate-chain"

struct ca_fault {
	const char	*path;		/* "/dir", or a prefix of segments: "/authz" */
	unsigned	 from, times;	/* visits that get it, from 1 on; times 0: all */
	const char	*reply;
};

struct ca_sent {
	char		 path[96];
	char		 payload[640];
	enum acme_method method;
	int64_t		 key;
	char		 nonce[64];
	int64_t		 at_ms;
};

struct ca {
	/* what it is like */
	const struct ca_fault	*fault, *fault2;
	size_t			 names;		/* authorizations of the order */
	const char *const	*name;		/* or NULL: n1.example, ... */
	bool			 valid_authz, ready_order;
	int64_t			 validation_ms, issuance_ms;
	bool			 has_renewal, has_profiles, alternates;
	/* n: all but each n-th POST; -n: each n-th */
	int			 bad_nonce_every;
	/* what happened */
	unsigned		 posts, bad_nonces;
	unsigned		 visits, visits2;
	size_t			 answered;
	int64_t			 answered_at, finalized_at;	/* ms, -1: not yet */
	unsigned		 nonces;
	int64_t			 ms;
	struct ca_sent		 sent[CA_SENT_MAX];
	size_t			 nsent;
	struct ca_sent		 next;		/* what was signed last */
	size_t			 solves, unsolves, csrs, chains;
	size_t			 refuse_chains;
	const struct err	*lose;		/* instead of any reply to lose_path */
	const char		*lose_path;
	bool			 wildcard, is_ip, has_token;	/* of the first challenge */
	size_t			 issuers;
	char			 key_auth[256], challenge_name[256];
};

static inline struct ca *
ca_new(void)
{
	struct ca *ca = calloc(1, sizeof(*ca));

	ck_assert_ptr_nonnull(ca);
	ca->names = 1;
	ca->answered_at = ca->finalized_at = -1;
	return ca;
}

static inline void
ca_write_names(const struct ca *ca, struct buf *b)
{
	buf_str(b, "\"identifiers\":[");
	for (size_t i = 0; i < ca->names; i++) {
		if (ca->name != NULL)
			buf_printf(b, "%s{\"type\":\"dns\",\"value\":\"%s\"}", i > 0 ? "," : "",
			    ca->name[i]);
		else
			buf_printf(b, "%s{\"type\":\"dns\",\"value\":\"n%zu.example\"}",
			    i > 0 ? "," : "", i + 1);
	}
	buf_str(b, "]");
}

static inline const char *
ca_order_status(const struct ca *ca)
{
	if (ca->finalized_at >= 0)
		return ca->ms >= ca->finalized_at + ca->issuance_ms ? "valid" : "processing";
	if (ca->ready_order || ca->valid_authz)
		return "ready";
	return ca->answered >= ca->names && ca->ms >= ca->answered_at + ca->validation_ms ?
	    "ready" : "pending";
}

static inline void
ca_write_order(const struct ca *ca, const char *status, struct buf *b)
{
	buf_printf(b, "{\"status\":\"%s\",\"expires\":\"2026-10-01T00:00:00Z\",", status);
	ca_write_names(ca, b);
	buf_str(b, ",\"authorizations\":[");
	for (size_t i = 0; i < ca->names; i++)
		buf_printf(b, "%s\"" CA_URL "/authz/%zu\"", i > 0 ? "," : "", i + 1);
	buf_str(b, "],\"finalize\":\"" CA_URL "/final/1\"");
	if (strcmp(status, "valid") == 0)
		buf_str(b, ",\"certificate\":\"" CA_URL "/cert/1\"");
	buf_str(b, "}");
}

static inline void
ca_write_directory(const struct ca *ca, struct buf *b)
{
	buf_str(b, "{\"newNonce\":\"" CA_URL "/nonce\",\"newAccount\":\"" CA_URL "/acct\","
	    "\"newOrder\":\"" CA_URL "/order\",\"revokeCert\":\"" CA_URL "/revoke\","
	    "\"keyChange\":\"" CA_URL "/key\",");
	if (ca->has_renewal)
		buf_str(b, "\"renewalInfo\":\"" CA_URL "/ari\",");
	buf_str(b, "\"meta\":{\"termsOfService\":\"" CA_URL "/terms\",\"website\":\"https://w\","
	    "\"caaIdentities\":[\"ca.example\"]");
	if (ca->has_profiles)
		buf_str(b, ",\"profiles\":{\"classic\":\"the usual\",\"shortlived\":\"six days\"}");
	buf_str(b, "},\"somethingNew\":{\"a\":[1,null]}}");
}

static inline void
ca_write_authz(const struct ca *ca, const char *path, struct buf *b)
{
	unsigned long i = strtoul(strrchr(path, '/') + 1, NULL, 10);
	const char *status = ca->valid_authz ? "valid" : "pending";
	char name[280];

	if (ca->name != NULL)
		(void)snprintf(name, sizeof(name), "%s", ca->name[i - 1]);
	else
		(void)snprintf(name, sizeof(name), "n%lu.example", i);
	buf_printf(b, "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"},"
	    "%s\"challenges\":["
	    "{\"type\":\"dns-01\",\"url\":\"" CA_URL "/chal/d%lu\",\"status\":\"pending\","
	    "\"token\":\"" CA_TOKEN "\"},"
	    "{\"type\":\"quantum-01\",\"surprise\":[]},"
	    "{\"type\":\"http-01\",\"url\":\"" CA_URL "/chal/%lu\",\"status\":\"pending\","
	    "\"token\":\"" CA_TOKEN "\"}]}", status,
	    strncmp(name, "*.", 2) == 0 ? name + 2 : name,
	    strncmp(name, "*.", 2) == 0 ? "\"wildcard\":true," : "", i, i);
}

/* What a CA without faults answers. */
static inline void
ca_answer(struct ca *ca, const struct acme_send *s, const char *path, struct buf *b)
{
	static const char json[] = "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\nDate: " CA_DATE "\r\n"
	    "Content-Type: application/json; charset=utf-8\r\n\r\n";
	static const char made[] = "HTTP/1.1 201 Created\r\nReplay-Nonce: @\r\nDate: " CA_DATE
	    "\r\nContent-Type: application/json\r\nLocation: " CA_URL;

	if (strcmp(path, "/dir") == 0) {
		buf_str(b, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
		ca_write_directory(ca, b);
	} else if (strcmp(path, "/nonce") == 0) {
		buf_str(b, "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\nCache-Control: no-store\r\n\r\n");
	} else if (strcmp(path, "/acct") == 0) {
		buf_printf(b, "%s/acct/7\r\n\r\n{\"status\":\"valid\","
		    "\"contact\":[\"mailto:a@b.c\"],\"orders\":\"" CA_URL "/orders/1\"}", made);
	} else if (strncmp(path, "/acct/", 6) == 0) {
		buf_printf(b, "%s{\"status\":\"%s\",\"contact\":[\"mailto:a@b.c\"],"
		    "\"orders\":\"" CA_URL "/orders/1\"}", json,
		    strstr(ca->next.payload, "deactivated") != NULL ? "deactivated" : "valid");
	} else if (strcmp(path, "/orders/1") == 0) {
		buf_str(b, "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\nContent-Type: "
		    "application/json\r\n"
		    "Link: <" CA_URL "/dir>;rel=\"index\", </orders/2>; rel=next\r\n\r\n"
		    "{\"orders\":[\"" CA_URL "/o/1\",\"" CA_URL "/o/2\"]}");
	} else if (strcmp(path, "/orders/2") == 0) {
		buf_printf(b, "%s{\"orders\":[\"" CA_URL "/o/3\"]}", json);
	} else if (strcmp(path, "/order") == 0) {
		buf_printf(b, "%s/o/1\r\n\r\n", made);
		ca_write_order(ca, ca_order_status(ca), b);
	} else if (strcmp(path, "/o/1") == 0) {
		buf_str(b, json);
		ca_write_order(ca, ca_order_status(ca), b);
	} else if (strncmp(path, "/authz/", 7) == 0) {
		buf_str(b, json);
		ca_write_authz(ca, path, b);
	} else if (strncmp(path, "/chal/", 6) == 0) {
		ca->answered++;
		ca->answered_at = ca->ms;
		buf_printf(b, "%s{\"type\":\"http-01\",\"url\":\"%s\",\"status\":\"processing\","
		    "\"token\":\"" CA_TOKEN "\"}", json, s->url);
	} else if (strcmp(path, "/final/1") == 0 && strcmp(ca_order_status(ca), "ready") != 0) {
		buf_str(b, PROBLEM("403 Forbidden", "orderNotReady", ""));
	} else if (strcmp(path, "/final/1") == 0) {
		ca->finalized_at = ca->ms;
		buf_str(b, json);
		ca_write_order(ca, "processing", b);
	} else if (strncmp(path, "/cert/1", 7) == 0) {
		buf_printf(b, "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\n"
		    "Content-Type: application/pem-certificate-chain\r\n%s\r\n" CA_PEM,
		    ca->alternates ? "Link: <" CA_URL "/dir>;rel=\"index\"\r\n"
		    "Link: </cert/1/alt/1>;rel=\"alternate\", <" CA_URL
		    "/cert/1/alt/2>; title=\"a,b;c\"; "
		    "rel=\"x alternate\"\r\n" : "");
	} else if (strncmp(path, "/ari/", 5) == 0) {
		buf_printf(b, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		    "Retry-After: 21600\r\n\r\n{\"suggestedWindow\":{"
		    "\"start\":\"2026-10-01T00:00:00Z\",\"end\":\"2026-10-03T00:00:00.5+02:00\"},"
		    "\"explanationURL\":\"https://ca.example/why\"}");
	} else {
		buf_str(b, "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\n\r\n");
	}
}

static inline bool
ca_fault_hits(const struct ca_fault *f, const char *path, unsigned *visits)
{
	size_t n = f != NULL ? strlen(f->path) : 0;

	if (f == NULL || strncmp(path, f->path, n) != 0 || (path[n] != '\0' && path[n] != '/'))
		return false;
	if (path[n] == '/' && strcmp(f->path, "/acct") == 0)
		return false;
	++*visits;
	return *visits >= (f->from > 0 ? f->from : 1) &&
	    (f->times == 0 || *visits < (f->from > 0 ? f->from : 1) + f->times);
}

/* Raw text into a reply, as http.c does it. */
static inline void
ca_parse(struct ca *ca, const char *raw, size_t n, struct acme_reply *r)
{
	struct rd rd = rd_of(span_of(raw, n));
	struct span line;
	struct err e;
	char nonce[64];

	ck_assert(rd_line(&rd, &line));
	ck_assert(span_starts(line, "HTTP/"));
	r->status = (int)strtol((const char *)line.p + 9, NULL, 10);
	ck_assert_int_eq(acme_headers_line(&r->headers, line, &e), 0);
	while (rd_line(&rd, &line) && line.n > 0) {
		if (span_is(line, "Replay-Nonce: @")) {
			(void)snprintf(nonce, sizeof(nonce), "Replay-Nonce: nonce-%u",
			    ++ca->nonces);
			line = span_str(nonce);
		}
		ck_assert_int_eq(acme_headers_line(&r->headers, line, &e), 0);
	}
	buf_put(&r->body, rd_rest(&rd));
	ck_assert(buf_ok(&r->body));
}

static inline bool
ca_refuses_nonce(struct ca *ca, const struct acme_send *s)
{
	int every = ca->bad_nonce_every;
	bool nth;

	if (every == 0 || s->method != ACME_POST)
		return false;
	nth = ++ca->posts % (unsigned)(every < 0 ? -every : every) == 0;
	ca->bad_nonces += nth == (every < 0);
	return nth == (every < 0);
}

static inline void
ca_receive(struct ca *ca, struct acme_task *t, const struct acme_send *s)
{
	const char *path = s->url + strlen(CA_URL);
	struct ca_sent *log = &ca->sent[ca->nsent];
	struct acme_reply r;
	struct buf b;

	ck_assert_msg(strncmp(s->url, CA_URL "/", strlen(CA_URL) + 1) == 0, "sent to %s", s->url);
	ck_assert_msg(ca->nsent < CA_SENT_MAX, "too many requests");
	ca->nsent++;
	if (s->method == ACME_POST)
		*log = ca->next;
	(void)snprintf(log->path, sizeof(log->path), "%s", path);
	log->method = s->method;
	log->at_ms = ca->ms;
	if (ca->lose != NULL && strcmp(path, ca->lose_path) == 0) {
		acme_task_failed(t, ca->lose);
		return;
	}
	acme_reply_init(&r);
	buf_init(&b, 2 * ACME_BODY_MAX);
	if (ca_refuses_nonce(ca, s))
		buf_str(&b, BAD_NONCE);
	else if (ca_fault_hits(ca->fault, path, &ca->visits))
		buf_str(&b, ca->fault->reply);
	else if (ca_fault_hits(ca->fault2, path, &ca->visits2))
		buf_str(&b, ca->fault2->reply);
	else
		ca_answer(ca, s, path, &b);
	ck_assert(buf_ok(&b));
	ca_parse(ca, (const char *)b.p, b.n, &r);
	acme_task_reply(t, CA_NOW + ca->ms / 1000, &r);
	buf_clear(&b);
	acme_reply_clear(&r);
}

/* Nothing is signed, but everything that would be is kept for the test. */
static inline void
ca_sign(struct ca *ca, struct acme_task *t, const struct acme_sign *s)
{
	memset(&ca->next, 0, sizeof(ca->next));
	ca->next.key = s->key;
	(void)snprintf(ca->next.payload, sizeof(ca->next.payload), "%.*s", (int)s->payload.n,
	    s->payload.n > 0 ? (const char *)s->payload.p : "");
	(void)snprintf(ca->next.nonce, sizeof(ca->next.nonce), "%s", s->nonce != NULL ? s->nonce :
	    "");
	ck_assert_int_eq(s->kid != NULL, s->key == ACME_KEY_KID || s->key == ACME_KEY_NEW);
	ck_assert_int_eq(s->nonce == NULL, s->key == ACME_KEY_EAB || s->key == ACME_KEY_NEW);
	acme_task_signed(t, span_str("{\"signed\":true}"));
}

static inline void
ca_solve(struct ca *ca, const struct acme_want *w)
{
	ca->solves += w->nchallenges;
	if (w->nchallenges == 0)
		return;
	ca->wildcard = w->challenges[0].wildcard;
	ca->is_ip = w->challenges[0].is_ip;
	ca->has_token = w->challenges[0].token != NULL;
	ca->issuers = w->challenges[0].issuers.n;
	(void)snprintf(ca->key_auth, sizeof(ca->key_auth), "%s", w->challenges[0].key_auth != NULL ?
	    w->challenges[0].key_auth : "");
	(void)snprintf(ca->challenge_name, sizeof(ca->challenge_name), "%s",
	    w->challenges[0].name);
}

/* One want and its answer. False when the task has ended: then rc and e are set. */
static inline bool
ca_step(struct ca *ca, struct acme_task *t, int *rc, struct acme_want *w, struct err *e)
{
	err_clear(e);
	*rc = acme_task_next(t, CA_NOW + ca->ms / 1000, w, e);
	if (*rc == -1)
		return false;
	switch (w->what) {
	case ACME_SEND:
		ca_receive(ca, t, &w->send);
		return true;
	case ACME_SIGN:
		ca_sign(ca, t, w->sign);
		return true;
	case ACME_SOLVE:
		ca_solve(ca, w);
		acme_task_solved(t);
		return true;
	case ACME_UNSOLVE:
		ca->unsolves += w->nchallenges;
		return true;
	case ACME_CSR:
		ck_assert_ptr_nonnull(w->order_url);
		ca->csrs++;
		acme_task_csr(t, span_str("CSR"));
		return true;
	case ACME_CHAIN:
		acme_task_chain(t, ca->chains++ >= ca->refuse_chains);
		return true;
	case ACME_WAIT:
		ck_assert_int_ge(w->wait_ms, 1);
		ca->ms += w->wait_ms;
		acme_task_waited(t);
		return true;
	case ACME_DONE:
		return false;
	}
	ck_abort_msg("unknown want %d", (int)w->what);
}

/* To the end. The result lives as long as the task. */
static inline int
ca_run(struct ca *ca, struct acme_task *t, const struct acme_result **result, struct err *e)
{
	struct acme_want w;
	int rc;

	for (unsigned i = 0; i < 10000; i++)
		if (!ca_step(ca, t, &rc, &w, e)) {
			if (rc == 0 && result != NULL)
				*result = w.result;
			return rc;
		}
	ck_abort_msg("the task does not end");
}

/* Requests to a path and what is beneath it. */
static inline size_t
ca_count(const struct ca *ca, const char *path)
{
	size_t n = 0, len = strlen(path);

	for (size_t i = 0; i < ca->nsent; i++)
		n += strncmp(ca->sent[i].path, path, len) == 0 &&
		    (ca->sent[i].path[len] == '\0' || ca->sent[i].path[len] == '/');
	return n;
}

/* The last request to a path; NULL if there is none. */
static inline const struct ca_sent *
ca_last(const struct ca *ca, const char *path)
{
	for (size_t i = ca->nsent; i-- > 0;)
		if (strcmp(ca->sent[i].path, path) == 0)
			return &ca->sent[i];
	return NULL;
}

/* A job for the CA's names, the caller's to clear. */
static inline struct acme_job
ca_job(const struct ca *ca, enum acme_kind kind)
{
	struct acme_job j = { .kind = (int64_t)kind, .reason = -1, .agree_tos = true };
	char name[280];

	if (kind != ACME_REGISTER && kind != ACME_FIND && kind != ACME_DIRECTORY)
		j.account = strdup(CA_URL "/acct/7");
	if (kind != ACME_ORDER)
		return j;
	j.thumbprint = strdup(CA_THUMB);
	ck_assert_int_eq(strs_add(&j.challenges, "http-01"), 0);
	for (size_t i = 0; i < ca->names; i++) {
		(void)snprintf(name, sizeof(name), "n%zu.example", i + 1);
		ck_assert_int_eq(strs_add(&j.names, ca->name != NULL ? ca->name[i] : name), 0);
	}
	return j;
}

static const struct acme_ca ca_about = { .directory = (char *)(uintptr_t)(CA_URL "/dir") };

/* New session and task for a job, which is cleared; both are the caller's. */
static inline struct acme_task *
ca_task(struct acme_session **s, struct acme_job *j)
{
	struct acme_task *t;
	struct err e;

	if (*s == NULL)
		*s = acme_session_new(&ca_about, &e);
	ck_assert_ptr_nonnull(*s);
	t = acme_task_new(*s, j, &e);
	ck_assert_msg(t != NULL, "%s", e.text);
	pack_clear(&acme_job_pack, j);
	return t;
}

#endif
