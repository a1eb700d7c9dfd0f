#include "rehearsal.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "role.h"

#define READY_MS	10000		/* from its start to its first line */
#define LINE_OCTETS	1024
#define SERVER_CERT	"server.pem"	/* what vouches for its HTTPS, in its folder */

struct rehearsal {
	pid_t	 pid;		/* 0: not running */
	char	 dir[64];	/* its folder; "": none yet */
};

/* Where challenges are answered, as the responder is to reach it. */
struct target {
	char	 resolve[80];
	char	 port[8];
};

static void
find_target(const struct cert_conf *cert, struct target *t)
{
	const struct challenge_conf *c = cert->challenges.v;
	const char *address = c->listen.n > 0 ? c->listen.v[0] : "[::]:80";
	const char *colon = strrchr(address, ':');
	int n = colon == NULL ? 0 : (int)(colon - address);
	bool any = strncmp(address, "[::]", 4) == 0 || strncmp(address, "0.0.0.0", 7) == 0 ||
	    n == 0;

	if (any)
		snprintf(t->resolve, sizeof t->resolve, "*=127.0.0.1");
	else if (address[0] == '[')
		snprintf(t->resolve, sizeof t->resolve, "*=%.*s", n - 2, address + 1);
	else
		snprintf(t->resolve, sizeof t->resolve, "*=%.*s", n, address);
	snprintf(t->port, sizeof t->port, "%.5s", colon != NULL ? colon + 1 : "80");
}

static void
exec_responder(const char *program, const struct rehearsal *r, struct target *t, int out)
{
	char roots[96], server[96];
	char words[][16] = { "--listen", "127.0.0.1:0", "--resolve", "--http-port", "--roots",
	    "--server-cert", "--ready-fd", "1", "--key-type", "ecdsa", "--allow-root" };
	char *argv[] = { (char *)(uintptr_t)program, words[0], words[1], words[2], t->resolve,
	    words[3], t->port, words[4], roots, words[5], server, words[6], words[7], words[8],
	    words[9], geteuid() == 0 ? words[10] : NULL, NULL };
	char *envp[] = { NULL };
	int null;

	snprintf(roots, sizeof roots, "%s/roots.pem", r->dir);
	snprintf(server, sizeof server, "%s/" SERVER_CERT, r->dir);
	(void)umask(022);	/* what it writes vouches for it, and is no secret: net reads it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    (null = open("/dev/null", O_RDONLY)) == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    close_range(STDERR_FILENO + 1, ~0U, 0) == -1)
		_exit(127);
	execve(program, argv, envp);
	_exit(127);
}

/* "directory https://127.0.0.1:PORT/dir" is its first line. */
static int
read_directory(int fd, char *line, size_t size, struct err *e)
{
	int64_t until = clock_boot_ms() + READY_MS, left;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	ssize_t got;
	char *end;

	for (;;) {
		if ((left = until - clock_boot_ms()) <= 0)
			return err_set(e, OUT_RETRY, "kamcert-responder does not get ready");
		if (poll(&p, 1, (int)left) == -1 && errno != EINTR)
			return err_sys(e, OUT_RETRY, "kamcert-responder");
		if ((p.revents & (POLLIN | POLLHUP)) == 0)
			continue;
		if ((got = read(fd, line + n, size - 1 - n)) <= 0)
			return err_set(e, OUT_RETRY, "kamcert-responder ended before it was ready");
		n += (size_t)got;
		line[n] = '\0';
		if ((end = strchr(line, '\n')) != NULL)
			break;
		if (n == size - 1)
			return err_set(e, OUT_RETRY, "kamcert-responder says something unexpected");
	}
	*end = '\0';
	if (!span_starts(span_str(line), "directory https://"))
		return err_set(e, OUT_RETRY, "kamcert-responder says: %s", line);
	memmove(line, line + strlen("directory "), strlen(line + strlen("directory ")) + 1);
	return 0;
}

static int
start(struct rehearsal *r, const struct cert_conf *cert, char *line, size_t size, struct err *e)
{
	char program[PATH_MAX];
	struct target target;
	int out[2], rc;

	if (role_find_program("responder", program, e) == -1)
		return -1;
	snprintf(r->dir, sizeof r->dir, "/tmp/kamcert-rehearsal.XXXXXX");
	if (mkdtemp(r->dir) == NULL || chmod(r->dir, 0755) == -1) {
		r->dir[0] = '\0';
		return err_sys(e, OUT_RETRY, "rehearsal: a folder in /tmp");
	}
	find_target(cert, &target);
	if (pipe2(out, O_CLOEXEC) == -1)
		return err_sys(e, OUT_RETRY, "rehearsal: pipe");
	if ((r->pid = fork()) == 0)
		exec_responder(program, r, &target, out[1]);
	close(out[1]);
	if (r->pid == -1) {
		r->pid = 0;
		rc = err_sys(e, OUT_RETRY, "rehearsal: fork");
	} else
		rc = read_directory(out[0], line, size, e);
	close(out[0]);
	return rc;
}

/* What an operator set for the CA itself: a binding is known to that CA alone. */
static void
drop_binding(struct ca_conf *ca)
{
	free(ca->eab_kid);
	free(ca->eab_key_file);
	free(ca->eab_alg);
	ca->eab_kid = ca->eab_key_file = ca->eab_alg = NULL;
}

/* Every CA without staging gets this one. */
static int
put_staging(struct config *config, const struct rehearsal *r, const char *url, struct err *e)
{
	struct ca_conf *ca = config->cas.v;
	char file[96];
	size_t i;

	snprintf(file, sizeof file, "%s/" SERVER_CERT, r->dir);
	for (i = 0; i < config->cas.n; i++) {
		if (ca[i].staging != NULL)
			continue;
		drop_binding(&ca[i]);
		free(ca[i].ca_file);
		ca[i].staging = strdup(url);
		ca[i].ca_file = strdup(file);
		if (ca[i].staging == NULL || ca[i].ca_file == NULL)
			return err_nomem(e);
	}
	return 0;
}

int
rehearsal_begin(struct config *config, const struct strs *certs, struct rehearsal **out,
    struct err *e)
{
	const struct cert_conf *cert = config->certs.v;
	const struct ca_conf *ca;
	char line[LINE_OCTETS];
	size_t i;

	*out = NULL;
	for (i = 0; i < config->certs.n; i++) {
		ca = config_ca(config, cert[i].ca.v[0]);
		if ((certs->n == 0 || strs_has(certs, cert[i].name)) && ca != NULL &&
		    ca->staging == NULL)
			break;
	}
	if (i == config->certs.n)
		return 0;
	if ((*out = calloc(1, sizeof **out)) == NULL)
		return err_nomem(e);
	if (start(*out, &cert[i], line, sizeof line, e) == 0 &&
	    put_staging(config, *out, line, e) == 0)
		return 0;
	rehearsal_end(*out);
	*out = NULL;
	return err_in(e, "rehearsal");
}

void
rehearsal_end(struct rehearsal *r)
{
	struct err e = ERR_NONE;
	int tmp;

	if (r == NULL)
		return;
	if (r->pid != 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	if (r->dir[0] != '\0' && (tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) != -1) {
		if (fs_remove(tmp, r->dir + strlen("/tmp/"), &e) == -1)
			log_warn(KV_S("event", "rehearsal folder left"), KV_S("error", e.text));
		close(tmp);
	}
	free(r);
}
