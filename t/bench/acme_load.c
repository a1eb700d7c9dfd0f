/*
 * bench: load for an ACME CA: whole orders, from newOrder to the downloaded
 * certificate, by http-01, a number of them in flight.
 *
 *	acme_load DIRECTORY CA-FILE ADDR:PORT ORDERS WORKERS
 *
 * A worker is a session with a connection of its own that is kept, and places
 * one order after the other; ADDR:PORT is where the CA looks for http-01. The
 * client is kamcert's own acme library without its roles, and the same for
 * every CA. It prints the seconds from the first order to the last
 * certificate, and the CPU that it took itself; accounts are made before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "acme/acme.h"
#include "acme/http.h"
#include "acme/jws.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/text.h"
#include "key.h"

#define WORKERS_MAX	64
#define REQUEST_MAX	4096

struct worker {
	struct acme_session	*session;
	struct acme_http	*http;
	struct acme_task	*task;
	char			*account;
	char			 name[64];
	struct strs		 names;
};

static struct loop *loop;
static struct acme_ca ca;
static struct key *account_key, *cert_key;
static char thumbprint[JWS_THUMBPRINT_TEXT];
static struct worker workers[WORKERS_MAX];
static int nworkers, orders, begun, done, registered;
static int64_t start_ns;
static struct err e;

static void	drive(struct worker *);

static void
die(const char *what)
{
	fprintf(stderr, "acme_load: %s: %s\n", what, e.text);
	exit(1);
}

static int64_t
now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* --- the challenge: GET /.well-known/acme-challenge/TOKEN --- */

struct visitor {
	struct loop_fd	*io;
	int		 fd;
	char		 in[REQUEST_MAX];
	size_t		 n;
};

static void
visitor_free(struct visitor *v)
{
	loop_fd_del(v->io);
	close(v->fd);
	free(v);
}

static void
on_visitor(void *arg, unsigned events UNUSED)
{
	static const char path[] = "/.well-known/acme-challenge/";
	struct visitor *v = arg;
	ssize_t n = read(v->fd, v->in + v->n, sizeof(v->in) - 1 - v->n);
	char *token, out[512], auth[256];
	int len;

	if (n > 0)
		v->n += (size_t)n;
	v->in[v->n] = '\0';
	if (n > 0 && strstr(v->in, "\r\n\r\n") == NULL)
		return;
	if ((token = strstr(v->in, path)) != NULL) {
		token += sizeof(path) - 1;
		token[strcspn(token, " \r\n")] = '\0';
		snprintf(auth, sizeof(auth), "%s.%s", token, thumbprint);
		len = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Type: "
		    "application/octet-stream\r\n"
		    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(auth), auth);
		if (write(v->fd, out, (size_t)len) != len)
			fprintf(stderr, "acme_load: a challenge was not answered\n");
	}
	visitor_free(v);
}

static void
on_visit(void *arg, unsigned events UNUSED)
{
	int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct visitor *v = fd != -1 ? calloc(1, sizeof(*v)) : NULL;

	if (v == NULL)
		return;
	v->fd = fd;
	if ((v->io = loop_fd_add(loop, fd, LOOP_READ, on_visitor, v, &e)) == NULL)
		die("challenge");
}

static void
listen_at(char *at, int *fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char *colon = strrchr(at, ':');
	int64_t port = 0;
	int one = 1;

	if (colon == NULL || text_number(span_str(colon + 1), &port) == -1)
		die("want ADDR:PORT");
	*colon = '\0';
	a.sin_port = htons((uint16_t)port);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, at, &a.sin_addr) != 1 || *fd == -1 ||
	    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(*fd, (struct sockaddr *)&a, sizeof(a)) == -1 || listen(*fd, 512) == -1 ||
	    loop_fd_add(loop, *fd, LOOP_READ, on_visit, fd, &e) == NULL)
		die(strerror(errno));
}

/* --- what a task wants --- */

static void
sign(struct worker *w, const struct acme_sign *s)
{
	struct jws_header h = {
		.alg = key_alg(account_key), .nonce = s->nonce, .url = s->url, .kid = s->kid,
	};
	struct buf jwk, input, signature, jws;

	buf_init(&jwk, JWS_MAX);
	buf_init(&input, JWS_MAX);
	buf_init(&signature, JWS_MAX);
	buf_init(&jws, JWS_MAX);
	if (key_jwk(account_key, &jwk, &e) == -1)
		die("key");
	if (s->kid == NULL)
		h.jwk = buf_span(&jwk);
	if (jws_input(&h, blob_span(&s->payload), &input, &e) == -1 ||
	    key_sign(account_key, h.alg, buf_span(&input), &signature, &e) == -1 ||
	    jws_finish(buf_span(&input), buf_span(&signature), &jws, &e) == -1)
		die("signature");
	acme_task_signed(w->task, buf_span(&jws));
	buf_clear(&jwk);
	buf_clear(&input);
	buf_clear(&signature);
	buf_clear(&jws);
}

static void
make_csr(struct worker *w)
{
	struct buf der;

	buf_init(&der, KEY_CSR_MAX);
	if (key_csr(cert_key, &w->names, false, &der, &e) == -1)
		die("request");
	acme_task_csr(w->task, buf_span(&der));
	buf_clear(&der);
}

static void
on_reply(void *arg, const struct acme_reply *reply, const struct err *why)
{
	struct worker *w = arg;

	if (reply != NULL)
		acme_task_reply(w->task, clock_wall(), reply);
	else
		acme_task_failed(w->task, why);
	drive(w);
}

static void
on_waited(void *arg)
{
	struct worker *w = arg;

	acme_task_waited(w->task);
	drive(w);
}

/* One account for all, as a client with many certificates has it. */
static void
begin_account(struct worker *w)
{
	struct acme_job job = { .kind = ACME_REGISTER, .agree_tos = true,
	    .thumbprint = thumbprint };

	if ((w->task = acme_task_new(w->session, &job, &e)) == NULL)
		die("account");
	drive(w);
}

static void
begin_order(struct worker *w)
{
	struct acme_job job = { .kind = ACME_ORDER, .account = w->account,
	    .thumbprint = thumbprint };

	if (begun == orders)
		return;
	snprintf(w->name, sizeof(w->name), "o%d.x%d.example.org", begun++, (int)getpid());
	strs_clear(&w->names);
	if (strs_add(&w->names, w->name) == -1 || strs_add(&job.names, w->name) == -1 ||
	    strs_add(&job.challenges, "http-01") == -1 ||
	    (w->task = acme_task_new(w->session, &job, &e)) == NULL)
		die("order");
	strs_clear(&job.names);
	strs_clear(&job.challenges);
	drive(w);
}

static void
task_done(struct worker *w, const struct acme_result *r)
{
	if (w->account != NULL) {
		if (++done == orders)
			loop_stop(loop);
	} else {
		w->account = strdup(r->account);
		registered++;
	}
	acme_task_free(w->task);
	w->task = NULL;
	if (start_ns != 0) {
		begin_order(w);
	} else if (registered == nworkers) {
		start_ns = now_ns(CLOCK_MONOTONIC);
		for (int i = 0; i < nworkers; i++)
			begin_order(&workers[i]);
	}
}

/* Until something has to be waited for. */
static void
drive(struct worker *w)
{
	struct acme_want want;
	struct acme_call *call;

	for (;;) {
		if (acme_task_next(w->task, clock_wall(), &want, &e) == -1)
			die(w->name);
		switch (want.what) {
		case ACME_SEND:
			if (acme_http_send(w->http, &want.send, on_reply, w, &call, &e) == -1)
				die("request");
			return;
		case ACME_WAIT:
			if (loop_timer_add(loop, clock_boot_ms() + want.wait_ms, on_waited, w,
			    &e) == NULL)
				die("wait");
			return;
		case ACME_SIGN:
			sign(w, want.sign);
			break;
		case ACME_SOLVE:
			acme_task_solved(w->task);
			break;
		case ACME_UNSOLVE:
			break;
		case ACME_CSR:
			make_csr(w);
			break;
		case ACME_CHAIN:
			acme_task_chain(w->task, true);
			break;
		case ACME_DONE:
			task_done(w, want.result);
			return;
		}
	}
}

int
main(int argc, char **argv)
{
	struct acme_http_conf conf = { .user_agent = "kamcert-bench" };
	int64_t o, w;
	struct buf jwk;
	int fd;

	if (argc != 6 || text_number(span_str(argv[4]), &o) == -1 || o < 1 || o > 1000000 ||
	    text_number(span_str(argv[5]), &w) == -1 || w < 1 || w > WORKERS_MAX) {
		fprintf(stderr, "usage: acme_load DIRECTORY CA-FILE ADDR:PORT ORDERS WORKERS\n");
		return 2;
	}
	orders = (int)o;
	nworkers = (int)w;
	ca.directory = argv[1];
	conf.ca_file = argv[2];
	buf_init(&jwk, JWS_MAX);
	if ((loop = loop_new(&e)) == NULL || (account_key = key_new("ecdsa-p256", &e)) == NULL ||
	    (cert_key = key_new("ecdsa-p256", &e)) == NULL ||
	    key_jwk(account_key, &jwk, &e) == -1 ||
	    jws_thumbprint(buf_span(&jwk), thumbprint, &e) == -1)
		die("keys");
	listen_at(argv[3], &fd);
	for (int i = 0; i < nworkers; i++) {
		workers[i].session = acme_session_new(&ca, &e);
		workers[i].http = acme_http_new(loop, &conf, &e);
		if (workers[i].session == NULL || workers[i].http == NULL)
			die("session");
		begin_account(&workers[i]);
	}
	if (loop_run(loop, &e) == -1)
		die("loop");
	printf("%d orders in %.3f s, %.3f s of the client's CPU\n", done,
	    (double)(now_ns(CLOCK_MONOTONIC) - start_ns) / 1e9,
	    (double)now_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9);
	for (int i = 0; i < nworkers; i++) {
		acme_http_free(workers[i].http);
		acme_session_free(workers[i].session);
		strs_clear(&workers[i].names);
		free(workers[i].account);
	}
	buf_clear(&jwk);
	key_free(account_key);
	key_free(cert_key);
	close(fd);
	return 0;
}
