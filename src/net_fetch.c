#include "net_fetch.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/http.h"
#include "base/address.h"
#include "base/text.h"
#include "version.h"

#define SECONDS_MAX	60

struct fetch {
	LIST_ENTRY(fetch)	 link;
	struct acme_call	*call;
	struct msg_fetched	 out;	/* what is known of the address */
	net_fetch_done		*done;
	void			*arg;
};

struct net_fetch {
	struct acme_http	*http;
	LIST_HEAD(, fetch)	 all;
};

/* --- where an address leads --- */

/* The address that this host would use towards it: nothing is sent. */
static bool
source_of(const struct sockaddr *to, socklen_t len, struct sockaddr_storage *from)
{
	socklen_t n = sizeof *from;
	int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd != -1 && connect(fd, to, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)from, &n) == 0;

	if (fd != -1)
		close(fd);
	return ok;
}

static void
look_at_address(const struct url *u, struct msg_fetched *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(u->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(u->port) };
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	struct sockaddr_in s4;
	struct sockaddr_in6 s6;

	if (inet_pton(AF_INET, u->host, &v4.sin_addr) == 1) {
		out->global = address_is_global((struct sockaddr *)&v4);
		if (!source_of((struct sockaddr *)&v4, sizeof v4, &from))
			return;
		memcpy(&s4, &from, sizeof s4);
		/* all of 127.0.0.0/8 is this host */
		out->own = s4.sin_addr.s_addr == v4.sin_addr.s_addr ||
		    ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
		out->open = address_is_global((struct sockaddr *)&from);
	} else if (inet_pton(AF_INET6, u->host, &v6.sin6_addr) == 1) {
		out->global = address_is_global((struct sockaddr *)&v6);
		if (!source_of((struct sockaddr *)&v6, sizeof v6, &from))
			return;
		memcpy(&s6, &from, sizeof s6);
		out->own = memcmp(&s6.sin6_addr, &v6.sin6_addr, sizeof v6.sin6_addr) == 0;
		out->open = address_is_global((struct sockaddr *)&from);
	}
}

/* --- one --- */

static void
end(struct fetch *f)
{
	LIST_REMOVE(f, link);
	f->done(f->arg, &f->out);
	free(f);
}

static void
on_reply(void *arg, const struct acme_reply *reply, const struct err *e)
{
	struct fetch *f = arg;

	f->call = NULL;
	if (reply != NULL) {
		f->out.status = reply->status;
		f->out.body = (struct blob){ reply->body.p, reply->body.n };
	} else {
		f->out.sys = e->sys;
		f->out.text = (char *)(uintptr_t)e->text;
	}
	end(f);
}

int
net_fetch_start(struct net_fetch *n, const struct msg_fetch *in, net_fetch_done *done, void *arg,
    struct err *e)
{
	const struct acme_fetch fetch = { .url = in->url, .host = in->host, .seconds = in->seconds,
		.global = in->global };
	struct fetch *f;
	struct url u;

	if (in->url == NULL || text_url(in->url, &u, e) == -1 ||
	    (strcmp(u.scheme, "http") != 0 && strcmp(u.scheme, "https") != 0) ||
	    in->seconds < 1 || in->seconds > SECONDS_MAX)
		return err_set(e, OUT_HOLD, "fetch: want a URL of http or https");
	if ((f = calloc(1, sizeof *f)) == NULL)
		return err_nomem(e);
	f->done = done;
	f->arg = arg;
	look_at_address(&u, &f->out);
	if (acme_http_fetch(n->http, &fetch, on_reply, f, &f->call, e) == -1) {
		free(f);
		return -1;
	}
	LIST_INSERT_HEAD(&n->all, f, link);
	return 0;
}

struct net_fetch *
net_fetch_new(struct loop *loop, struct err *e)
{
	const struct acme_http_conf conf = { .user_agent = USER_AGENT };
	struct net_fetch *n = calloc(1, sizeof *n);

	if (n == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	LIST_INIT(&n->all);
	if ((n->http = acme_http_new(loop, &conf, e)) == NULL) {
		free(n);
		return NULL;
	}
	return n;
}

void
net_fetch_free(struct net_fetch *n)
{
	struct fetch *f;

	if (n == NULL)
		return;
	acme_http_free(n->http);
	while ((f = LIST_FIRST(&n->all)) != NULL) {
		f->out.text = (char *)(uintptr_t)"dropped";
		end(f);
	}
	free(n);
}
