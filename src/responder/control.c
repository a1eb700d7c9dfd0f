/*
 * control: a plain HTTP endpoint on loopback for whoever steers a test.
 *
 *   GET  /status          counts, ports, rules and how often they struck
 *   GET  /roots           the roots of certificates, PEM
 *   GET  /certs/N         what is known of the N-th certificate, counted from 0
 *   POST /faults          fault rules, one a line, in place of those that were there
 *   POST /txt /caa /hosts NAME=VALUE, one a line; an empty value removes TXT and CAA records
 *   POST /renewal         FROM TO in Unix seconds: the window of all certificates, or nothing
 *   POST /revoke/N        the CA revokes the N-th certificate
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "responder/api.h"

static void
put_error(struct reply *reply, int status, const char *text)
{
	reply->status = status;
	reply->type = "text/plain";
	buf_reset(&reply->body);
	buf_printf(&reply->body, "%s\n", text);
}

static void
get_status(struct responder *r, struct reply *reply)
{
	struct json_out j;

	reply->type = "application/json";
	json_begin(&j, &reply->body);
	json_put_object(&j, NULL);
	json_put_int(&j, "port", server_port(r->server));
	json_put_int(&j, "connections", (int64_t)server_connections(r->server));
	json_put_int(&j, "requests", (int64_t)r->requests);
	state_counts(r->state, &j);
	faults_status(r->faults, &j);
	json_object_end(&j);
}

static struct cert *
find_cert(struct responder *r, const char *text)
{
	int64_t n;

	if (text_number(span_str(text), &n) == -1 || (uint64_t)n >= state_certs(r->state))
		return NULL;
	return state_cert_at(r->state, (size_t)n);
}

static void
get_cert(struct responder *r, const char *id, struct reply *reply)
{
	const struct cert *c = find_cert(r, id);
	char text[TIME_TEXT];
	struct json_out j;
	struct buf hex;

	if (c == NULL) {
		put_error(reply, 404, "there is no such certificate");
		return;
	}
	buf_init(&hex, 64);
	buf_hex(&hex, span_of(c->serial, c->serial_n));
	reply->type = "application/json";
	json_begin(&j, &reply->body);
	json_put_object(&j, NULL);
	json_put_str(&j, "serial", buf_cstr(&hex));
	json_put_str(&j, "notBefore", text_time(c->not_before, text));
	json_put_str(&j, "notAfter", text_time(c->not_after, text));
	json_put_str(&j, "status", c->revoked_at != 0 ? "revoked" : "good");
	if (c->revoked_at != 0)
		json_put_int(&j, "reason", c->reason);
	json_put_bool(&j, "replaced", c->replaced_by != NULL);
	json_object_end(&j);
	buf_clear(&hex);
}

static int
set_faults(struct responder *r, const char *line, struct err *e)
{
	return faults_add(r->faults, line, e);
}

static int
set_txt(struct responder *r, const char *line, struct err *e)
{
	return options_add_text(&r->o, line, e);
}

static int
set_caa(struct responder *r, const char *line, struct err *e)
{
	return options_add_caa(&r->o, line, e);
}

static int
set_host(struct responder *r, const char *line, struct err *e)
{
	return options_add_host(&r->o, line, e);
}

static int
set_renewal(struct responder *r, const char *line, struct err *e)
{
	const char *space = strchr(line, ' ');

	if (space == NULL || text_number(span_of(line, (size_t)(space - line)),
	    &r->window_from) == -1 || text_number(span_str(space + 1), &r->window_to) == -1)
		return err_set(e, OUT_USAGE, "want FROM TO, have %s", line);
	return 0;
}

static void
each_line(struct responder *r, struct span body, int (*set)(struct responder *, const char *,
    struct err *), struct reply *reply)
{
	struct rd rd = rd_of(body);
	struct span line;
	struct err e = ERR_NONE;
	int rc = 0;
	char *text;

	while (rc == 0 && rd_line(&rd, &line)) {
		if (line.n == 0)
			continue;
		text = span_dup(line);
		rc = text != NULL ? set(r, text, &e) : err_nomem(&e);
		free(text);
	}
	if (rc == -1)
		put_error(reply, 400, e.text);
	else
		reply->status = 204;
}

static void
post(struct responder *r, const struct http_request *req, struct reply *reply)
{
	struct cert *c;

	if (strcmp(req->path, "/faults") == 0) {
		faults_reset(r->faults);
		each_line(r, req->body, set_faults, reply);
	} else if (strcmp(req->path, "/txt") == 0) {
		each_line(r, req->body, set_txt, reply);
	} else if (strcmp(req->path, "/caa") == 0) {
		each_line(r, req->body, set_caa, reply);
	} else if (strcmp(req->path, "/hosts") == 0) {
		each_line(r, req->body, set_host, reply);
	} else if (strcmp(req->path, "/renewal") == 0) {
		r->window_from = r->window_to = 0;
		each_line(r, req->body, set_renewal, reply);
	} else if (strncmp(req->path, "/revoke/", 8) == 0 &&
	    (c = find_cert(r, req->path + 8)) != NULL) {
		c->revoked_at = clock_wall();
		ca_crl_stale(r->ca);
		reply->status = 204;
	} else {
		put_error(reply, 404, "there is no such resource");
	}
}

void
control_handle(void *arg, const struct http_request *req, const struct peer *peer,
    struct reply *reply)
{
	struct responder *r = arg;

	(void)peer;
	if (strcmp(req->method, "POST") == 0) {
		post(r, req, reply);
	} else if (strcmp(req->method, "GET") != 0) {
		put_error(reply, 405, "want GET or POST");
	} else if (strcmp(req->path, "/status") == 0) {
		get_status(r, reply);
	} else if (strcmp(req->path, "/roots") == 0) {
		reply->type = "application/x-pem-file";
		ca_put_roots(r->ca, &reply->body);
	} else if (strncmp(req->path, "/certs/", 7) == 0) {
		get_cert(r, req->path + 7, reply);
	} else {
		put_error(reply, 404, "there is no such resource");
	}
}
