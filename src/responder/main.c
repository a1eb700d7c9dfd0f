/*
 * kamcert-responder: the test CA as a program.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/resource.h>

#include <arpa/inet.h>

#include "base/log.h"
#include "responder/api.h"

#define DESCRIPTORS	8192	/* for all connections, and as many validations */

static const char *const protocols[] = { "http/1.1", NULL };

struct program {
	struct responder		 r;
	struct tls_config		 tls;
	const struct tls_identity	*identities[2];
	struct tls_tickets		*tickets;
	struct loop_signal		*signals[2];
};

static void
on_signal(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	loop_stop(p->r.loop);
}

/* "https://127.0.0.1:4711", "http://[::1]:80" */
static void
put_base(char *out, size_t size, const char *scheme, const struct sockaddr_storage *a,
    uint16_t port)
{
	bool six = a->ss_family == AF_INET6;
	const void *at = six ? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr :
	    (const void *)&((const struct sockaddr_in *)a)->sin_addr;
	char host[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(a->ss_family, at, host, sizeof(host));
	snprintf(out, size, "%s://%s%s%s:%u", scheme, six ? "[" : "", host, six ? "]" : "", port);
}

static int
start_faults(struct responder *r, struct err *e)
{
	if (faults_new(&r->faults, e) == -1)
		return -1;
	for (size_t i = 0; i < r->o.fault_rules.n; i++)
		if (faults_add(r->faults, r->o.fault_rules.v[i], e) == -1)
			return -1;
	return r->o.script != NULL ? faults_read(r->faults, r->o.script, e) : 0;
}

static int
start_servers(struct program *p, struct err *e)
{
	struct responder *r = &p->r;
	struct server_config https = {
		.loop = r->loop, .listen = r->o.listen, .tls = &p->tls, .faults = r->faults,
		.ca = r->ca,
		.handler = api_handle, .arg = r,
	}, control = {
		.loop = r->loop, .listen = r->o.control, .handler = control_handle, .arg = r,
	};

	if (tls_tickets_new(7200, &p->tickets, e) == -1)
		return -1;
	p->identities[0] = ca_server(r->ca, CA_SERVER_GOOD);
	p->tls.identities = p->identities;
	p->tls.alpn = protocols;
	p->tls.tickets = p->tickets;
	if (server_new(&https, &r->server, e) == -1)
		return -1;
	return r->o.control.ss_family == AF_UNSPEC ? 0 : server_new(&control, &r->control, e);
}

static int
start(struct program *p, struct err *e)
{
	struct responder *r = &p->r;

	if ((r->loop = loop_new(e)) == NULL || start_faults(r, e) == -1 ||
	    limits_new(&r->o.rates, &r->limits, e) == -1 || state_new(&r->o, &r->state, e) == -1 ||
	    ca_new(&r->o, &r->ca, e) == -1 || va_new(r->loop, &r->o, &r->va, e) == -1 ||
	    start_servers(p, e) == -1)
		return -1;
	put_base(r->ca->base, sizeof(r->ca->base), "https", &r->o.listen, server_port(r->server));
	if ((p->signals[0] = loop_signal_add(r->loop, SIGTERM, on_signal, p, e)) == NULL ||
	    (p->signals[1] = loop_signal_add(r->loop, SIGINT, on_signal, p, e)) == NULL)
		return -1;
	return ca_write_files(r->ca, &r->o, e);
}

/* Everything is in place: the files are written, connections are accepted. */
static int
say_ready(const struct program *p, struct err *e)
{
	const struct responder *r = &p->r;
	char base[96], control[128] = "", line[320];
	int fd = r->o.ready_fd == -1 ? STDOUT_FILENO : r->o.ready_fd, n;

	put_base(base, sizeof(base), "https", &r->o.listen, server_port(r->server));
	if (r->control != NULL) {
		put_base(control, sizeof(control), "http", &r->o.control, server_port(r->control));
		n = snprintf(line, sizeof(line), "control %s\ndirectory %s/dir\n", control, base);
	} else {
		n = snprintf(line, sizeof(line), "directory %s/dir\n", base);
	}
	if (write(fd, line, (size_t)n) != n)
		return err_sys(e, OUT_RETRY, "cannot say that it is ready");
	return 0;
}

static void
stop(struct program *p)
{
	struct responder *r = &p->r;

	server_free(r->server);
	server_free(r->control);
	va_free(r->va);
	ca_free(r->ca);
	state_free(r->state);
	limits_free(r->limits);
	faults_free(r->faults);
	tls_tickets_free(p->tickets);
	loop_free(r->loop);
	options_clear(&r->o);
}

/* As many connections as the system lets it have; fewer, and it answers in turn. */
static void
raise_descriptors(void)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur < DESCRIPTORS &&
	    now.rlim_cur < now.rlim_max) {
		now.rlim_cur = now.rlim_max < DESCRIPTORS ? now.rlim_max : DESCRIPTORS;
		(void)setrlimit(RLIMIT_NOFILE, &now);
	}
}

static int
may_run(const struct options *o, struct err *e)
{
	if (geteuid() == 0 && !o->allow_root)
		return err_set(e, OUT_USAGE, "it does not run as root; --allow-root if it must");
	/* Keys of a test CA are worth nothing, but what is not needed is not left lying about. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	raise_descriptors();
	return 0;
}

int
main(int argc, char **argv)
{
	static struct program p;
	enum options_next next = OPTIONS_DONE;
	struct err e = ERR_NONE;
	int rc = -1;

	options_init(&p.r.o);
	log_open(LOG_TO_STDERR, "responder", LOG_AT_WARNING);
	if (options_read(&p.r.o, argc, argv, &next, &e) == -1)
		goto out;
	if (next == OPTIONS_DONE) {
		rc = 0;
		goto out;
	}
	if (p.r.o.verbose)
		log_open(LOG_TO_STDERR, "responder", LOG_AT_DEBUG);
	if (may_run(&p.r.o, &e) == 0 && start(&p, &e) == 0 && say_ready(&p, &e) == 0)
		rc = loop_run(p.r.loop, &e);
out:
	stop(&p);
	if (rc == -1)
		fprintf(stderr, "kamcert-responder: %s\n", e.text);
	return rc == 0 ? 0 : (int)e.class;
}
