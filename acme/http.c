/*
 * http: libcurl on our loop, by curl_multi_socket_action().
 *
 * libcurl tells which descriptors and which one timer it waits for; the loop
 * tells libcurl when they are ready. Finished transfers are taken out
 * afterwards, from the loop, never from inside a call of ours.
 *
 * One connection is enough. With HTTP/2 it carries all requests at once; until
 * that is known to be spoken, one request is under way, and the others wait
 * here, where the caps on time do not count yet.
 */
#include "acme/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "acme/http_curl.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/text.h"

#define HOST_CONNECTIONS 4L	/* for what is fetched from servers that are no CAs */
/* on that one, as far as the server lets us; above all jobs at once */
#define STREAMS		256L

struct acme_call {
	struct acme_http	*http;
	TAILQ_ENTRY(acme_call)	 link;
	CURL			*easy;
	struct curl_slist	*fields;
	struct buf		 body;		/* of the request */
	struct acme_reply	 reply;
	size_t			 header_octets;
	bool			 too_big;
	bool			 is_send;	/* to the CA itself */
	bool			 waits;		/* for the connection; libcurl has not got it yet */
	bool			 lost;		/* libcurl will not say how it ended */
	struct err		 fault;		/* found by a callback, OUT_OK if none */
	bool			 global;	/* acme_fetch.global */
	char			 why[CURL_ERROR_SIZE];
	acme_http_done		*done;
	void			*arg;
};

/* One descriptor that libcurl has the loop watch. */
struct watch {
	struct acme_http	*http;
	int			 fd;
	struct loop_fd		*handle;
	LIST_ENTRY(watch)	 link;
};

struct acme_http {
	struct loop		*loop;
	CURLM			*multi;
	char			*user_agent;
	char			*ca_file;
	struct loop_timer	*timer;
	bool			 is_global;	/* where the last connection leads */
	bool			 is_http2;	/* the CA's last reply was */
	size_t			 nsent;		/* requests to the CA that libcurl has got */
	LIST_HEAD(, watch)	 watches;
	TAILQ_HEAD(, acme_call)	 calls;
};

/* --- what arrives --- */

static size_t
take_header(char *line, size_t size, size_t n, void *arg)
{
	struct acme_call *call = arg;

	/* Counted over all replies of the call: a flood of 1xx ends here, too (FAULTS A14). */
	n *= size;
	call->header_octets += n;
	if (call->header_octets > ACME_HEADERS_MAX) {
		call->too_big = true;
		return 0;
	}
	if (acme_headers_line(&call->reply.headers, span_of(line, n), &call->fault) == -1)
		return 0;
	return n;
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct acme_call *call = arg;

	n *= size;
	if (n > ACME_BODY_MAX - call->reply.body.n) {
		call->too_big = true;
		return 0;
	}
	buf_put(&call->reply.body, span_of(data, n));
	if (buf_ok(&call->reply.body))
		return n;
	err_nomem(&call->fault);
	return 0;
}

/* --- connections --- */

/* Every address that a name has comes by here before anything is sent to it. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose UNUSED, struct curl_sockaddr *to)
{
	struct acme_call *call = arg;
	bool global = address_is_global(&to->addr);
	int fd;

	if (call->global && !global) {
		err_set(&call->fault, OUT_RETRY, "it leads to a loopback, private or link-local "
		    "address (RFC 6890), where nothing of a CA on the internet is fetched");
		return CURL_SOCKET_BAD;
	}
	fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	if (fd == -1)
		return CURL_SOCKET_BAD;
	call->http->is_global = global;
	return fd;
}

bool
acme_http_is_global(const struct acme_http *http)
{
	return http->is_global;
}

/* --- life of a call --- */

static void
call_free(struct acme_call *call)
{
	if (call->easy != NULL)
		curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->fields);
	buf_clear(&call->body);
	acme_reply_clear(&call->reply);
	free(call);
}

/* Out of libcurl's and our hands' reach, but not freed. */
static void
call_unlink(struct acme_call *call)
{
	struct acme_http *http = call->http;

	if (!call->waits) {
		curl_multi_remove_handle(http->multi, call->easy);
		http->nsent -= call->is_send;
	}
	TAILQ_REMOVE(&http->calls, call, link);
}

/* False if libcurl does not take it. */
static bool
call_start(struct acme_call *call)
{
	struct acme_http *http = call->http;

	call->waits = call->is_send && http->nsent > 0 && !http->is_http2;
	if (call->waits)
		return true;
	if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK)
		return false;
	http->nsent += call->is_send;
	return true;
}

/* What waited, the oldest first, as far as the connection has room now. */
static void
start_waiting(struct acme_http *http)
{
	struct acme_call *call;

	TAILQ_FOREACH(call, &http->calls, link)
		if (call->waits && !call_start(call)) {
			call->waits = true;
			call->lost = true;
		}
}

static struct acme_call *
first_lost(const struct acme_http *http)
{
	struct acme_call *call;

	TAILQ_FOREACH(call, &http->calls, link)
		if (call->lost)
			return call;
	return NULL;
}

static void
end_lost(struct acme_http *http, const struct err *why)
{
	struct acme_call *call;

	while ((call = first_lost(http)) != NULL) {
		call_unlink(call);
		call->done(call->arg, NULL, why);
		call_free(call);
	}
}

static void
note_connection(struct acme_call *call)
{
	long version = 0, made = 0;

	if (curl_easy_getinfo(call->easy, CURLINFO_HTTP_VERSION, &version) != CURLE_OK ||
	    curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &made) != CURLE_OK)
		return;
	call->reply.http = version == CURL_HTTP_VERSION_2_0 ? 2 : version == 0 ? 0 : 1;
	call->reply.connected = made > 0;
	if (!call->is_send || version == 0)
		return;
	call->http->is_http2 = call->reply.http == 2;
	/* What finds no room among its streams waits for it. */
	if (call->http->is_http2)
		(void)curl_multi_setopt(call->http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
}

static void
call_end(struct acme_call *call, CURLcode code)
{
	const char *why = call->why[0] != '\0' ? call->why : curl_easy_strerror(code);
	struct acme_http *http = call->http;
	struct acme_call *other;
	struct err e = call->fault;

	if (code == CURLE_OK) {
		call->done(call->arg, &call->reply, &e);
		return;
	}
	if (e.class == OUT_OK)
		http_fault(call->easy, call->too_big ? CURLE_FILESIZE_EXCEEDED : code, why, &e);
	call->done(call->arg, NULL, &e);
	if (code != CURLE_OPERATION_TIMEDOUT)
		return;
	/* Each would wait for as long, one after the other. */
	TAILQ_FOREACH(other, &http->calls, link)
		other->lost = other->lost || other->waits;
	end_lost(http, &e);
}

/* One at a time: the callback may send, and cancel what has finished as well. */
static void
reap(struct acme_http *http)
{
	struct acme_call *call;
	CURLMsg *m;
	CURLcode code;
	long status = 0;
	int left;

	while ((m = curl_multi_info_read(http->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call) != CURLE_OK)
			continue;
		code = m->data.result;
		call_unlink(call);
		if (code == CURLE_OK)
			code = curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
		call->reply.status = (int)status;
		note_connection(call);
		if (code != CURLE_OPERATION_TIMEDOUT)
			start_waiting(http);
		call_end(call, code);
		call_free(call);
	}
	start_waiting(http);
}

static void
act(struct acme_http *http, curl_socket_t fd, int mask)
{
	struct acme_call *call;
	struct err e;
	int running;

	if (curl_multi_socket_action(http->multi, fd, mask, &running) == CURLM_OK) {
		reap(http);
	} else {
		/*
		 * libcurl gives up, for good, when the loop cannot watch for it: without
		 * memory, say. Nobody shall wait for what is under way then.
		 */
		TAILQ_FOREACH(call, &http->calls, link)
			call->lost = true;
	}
	err_set(&e, OUT_RETRY, "libcurl does not go on: out of memory?");
	end_lost(http, &e);
}

/* --- libcurl and the loop --- */

static void
on_ready(void *arg, unsigned events)
{
	struct watch *w = arg;
	int mask = 0;

	if ((events & LOOP_READ) != 0)
		mask |= CURL_CSELECT_IN;
	if ((events & LOOP_WRITE) != 0)
		mask |= CURL_CSELECT_OUT;
	if ((events & LOOP_HANGUP) != 0)
		mask |= CURL_CSELECT_ERR;
	/* The watch may be gone after this. */
	act(w->http, w->fd, mask);
}

static void
on_time(void *arg)
{
	struct acme_http *http = arg;

	http->timer = NULL;
	act(http, CURL_SOCKET_TIMEOUT, 0);
}

static int
set_timer(CURLM *multi UNUSED, long ms, void *arg)
{
	struct acme_http *http = arg;
	struct loop_timer *next = NULL;
	struct err ignored;

	/* Without a new one, the old one still wakes us, and then all is lost. */
	if (ms >= 0 && (next = loop_timer_add(http->loop, clock_boot_ms() + ms, on_time, http,
	    &ignored)) == NULL)
		return -1;
	loop_timer_del(http->timer);
	http->timer = next;
	return 0;
}

static void
unwatch(struct watch *w)
{
	if (w == NULL)
		return;
	loop_fd_del(w->handle);
	LIST_REMOVE(w, link);
	free(w);
}

static struct watch *
watch_new(struct acme_http *http, int fd)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct err ignored;

	if (w == NULL)
		return NULL;
	w->http = http;
	w->fd = fd;
	if ((w->handle = loop_fd_add(http->loop, fd, 0, on_ready, w, &ignored)) == NULL) {
		free(w);
		return NULL;
	}
	LIST_INSERT_HEAD(&http->watches, w, link);
	return w;
}

static int
set_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *arg, void *known)
{
	struct acme_http *http = arg;
	struct watch *w = known;
	unsigned events = 0;
	struct err ignored;

	if (what == CURL_POLL_REMOVE) {
		unwatch(w);
		curl_multi_assign(http->multi, fd, NULL);
		return 0;
	}
	if (w == NULL && (w = watch_new(http, fd)) == NULL)
		return -1;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= LOOP_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= LOOP_WRITE;
	curl_multi_assign(http->multi, fd, w);
	return loop_fd_set(w->handle, events, &ignored);
}

/* --- life of all --- */

static bool
set_multi(struct acme_http *http)
{
	CURLM *m = http->multi;

	return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, set_socket) == CURLM_OK &&
	    curl_multi_setopt(m, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
	    curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
	    curl_multi_setopt(m, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
	    curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX) == CURLM_OK &&
	    curl_multi_setopt(m, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS) == CURLM_OK &&
	    curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS, HOST_CONNECTIONS) == CURLM_OK;
}

struct acme_http *
acme_http_new(struct loop *loop, const struct acme_http_conf *conf, struct err *e)
{
	struct acme_http *http;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(e, OUT_RETRY, "libcurl does not start");
		return NULL;
	}
	if ((http = calloc(1, sizeof(*http))) == NULL) {
		curl_global_cleanup();
		err_nomem(e);
		return NULL;
	}
	http->loop = loop;
	LIST_INIT(&http->watches);
	TAILQ_INIT(&http->calls);
	http->user_agent = span_dup(span_str(conf->user_agent));
	if (conf->ca_file != NULL)
		http->ca_file = span_dup(span_str(conf->ca_file));
	http->multi = curl_multi_init();
	if (http->user_agent == NULL || (conf->ca_file != NULL && http->ca_file == NULL) ||
	    http->multi == NULL || !set_multi(http)) {
		acme_http_free(http);
		err_nomem(e);
		return NULL;
	}
	return http;
}

void
acme_http_free(struct acme_http *http)
{
	struct acme_call *call;

	if (http == NULL)
		return;
	while ((call = TAILQ_FIRST(&http->calls)) != NULL)
		acme_http_cancel(call);
	if (http->multi != NULL)
		curl_multi_cleanup(http->multi);
	while (!LIST_EMPTY(&http->watches))
		unwatch(LIST_FIRST(&http->watches));
	loop_timer_del(http->timer);
	free(http->user_agent);
	free(http->ca_file);
	free(http);
	curl_global_cleanup();
}

/* --- requests --- */

static bool
set_callbacks(CURL *c, struct acme_call *call)
{
	return curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HEADERDATA, call) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, call) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, call->why) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, call) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PRIVATE, call) == CURLE_OK;
}

static bool
add_field(struct acme_call *call, const char *name, const char *value)
{
	struct curl_slist *longer = NULL;
	struct buf b;

	buf_init(&b, 512);
	buf_printf(&b, "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
	if (buf_ok(&b))
		longer = curl_slist_append(call->fields, buf_cstr(&b));
	buf_clear(&b);
	if (longer != NULL)
		call->fields = longer;
	return longer != NULL;
}

static bool
set_request(CURL *c, struct acme_call *call, const struct acme_send *s)
{
	bool ok = curl_easy_setopt(c, CURLOPT_URL, s->url) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_USERAGENT, call->http->user_agent) == CURLE_OK;

	if (s->accept != NULL)
		ok = ok && add_field(call, "Accept", s->accept);
	if (s->method == ACME_HEAD)
		ok = ok && curl_easy_setopt(c, CURLOPT_NOBODY, 1L) == CURLE_OK;
	if (s->method == ACME_POST) {
		buf_put(&call->body, s->body);
		/* An empty Expect keeps libcurl from waiting for a 100. */
		ok = ok && buf_ok(&call->body) &&
		    add_field(call, "Content-Type", "application/jose+json") &&
		    add_field(call, "Expect", "") &&
		    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)call->body.n) == CURLE_OK &&
		    curl_easy_setopt(c, CURLOPT_POSTFIELDS, call->body.p) == CURLE_OK;
	}
	return ok && (call->fields == NULL ||
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, call->fields) == CURLE_OK);
}

/* NULL, without an error, if libcurl does not take it. */
static struct acme_call *
call_new(struct acme_http *http, const struct acme_send *s, const char *protocols)
{
	struct acme_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->http = http;
	acme_reply_init(&call->reply);
	buf_init(&call->body, ACME_BODY_MAX);
	call->easy = curl_easy_init();
	if (call->easy != NULL && http_limits(call->easy, protocols) &&
	    http_tls(call->easy, http->ca_file) && set_callbacks(call->easy, call) &&
	    set_request(call->easy, call, s))
		return call;
	call_free(call);
	return NULL;
}

static int
call_begin(struct acme_call *call, struct acme_call **out, struct err *e)
{
	if (call == NULL || !call_start(call)) {
		if (call != NULL)
			call_free(call);
		return err_set(e, OUT_RETRY, "libcurl does not take the request");
	}
	TAILQ_INSERT_TAIL(&call->http->calls, call, link);
	*out = call;
	return 0;
}

int
acme_http_send(struct acme_http *http, const struct acme_send *s, acme_http_done *done, void *arg,
    struct acme_call **out, struct err *e)
{
	struct acme_call *call = call_new(http, s, "https");

	if (call != NULL) {
		call->done = done;
		call->arg = arg;
		call->is_send = true;
	}
	return call_begin(call, out, e);
}

int
acme_http_fetch(struct acme_http *http, const struct acme_fetch *f, acme_http_done *done, void *arg,
    struct acme_call **out, struct err *e)
{
	const struct acme_send get = { .method = ACME_GET, .url = f->url };
	struct acme_call *call = call_new(http, &get, "http,https");

	if (call == NULL)
		return err_set(e, OUT_RETRY, "libcurl does not take the request");
	call->done = done;
	call->arg = arg;
	call->global = f->global;
	if ((f->host != NULL && (!add_field(call, "Host", f->host) ||
	    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->fields) != CURLE_OK)) ||
	    curl_easy_setopt(call->easy, CURLOPT_TIMEOUT, (long)f->seconds) != CURLE_OK ||
	    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, (long)f->global) != CURLE_OK) {
		call_free(call);
		return err_set(e, OUT_RETRY, "libcurl does not take the request");
	}
	return call_begin(call, out, e);
}

void
acme_http_cancel(struct acme_call *call)
{
	struct acme_http *http;

	if (call == NULL)
		return;
	http = call->http;
	call_unlink(call);
	call_free(call);
	/* The next one to wait is started from the loop. */
	(void)set_timer(http->multi, 0, http);
}
