/*
 * proxy: a reverse proxy that spoils what a CA sends.
 *
 *     proxy ADDRESS:PORT CERT KEY UPSTREAM-ADDRESS:PORT [FILTER]
 *
 * Ends TLS, takes HTTP/1.1 requests one after the other and hands each to
 * the upstream (HTTPS too, not verified) over a connection of its own, as
 * HTTP/1.0, so that the end of the reply is the end of the stream. A reply
 * of type application/pem-certificate-chain goes through FILTER, which
 * prints another content type on its first line and then another body.
 * PROXY_RECORD names a file to which all requests and replies are added.
 * Prints "connection" for every connection, and "request METHOD PATH STATUS"
 * for every request. A process per connection; no limits: it is a test's own.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_MAX	(1024 * 1024)
#define CHAIN_TYPE	"application/pem-certificate-chain"

struct message {
	char	data[MESSAGE_MAX + 1];	/* with a NUL behind it */
	size_t	len;
	char	*body;
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
read_address(const char *text, struct sockaddr_in *a)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		die("address");
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (inet_pton(AF_INET, host, &a->sin_addr) != 1)
		die("address");
	a->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
}

/* For who wants to know what went over the wire. */
static void
record(const struct message *m)
{
	const char *path = getenv("PROXY_RECORD");
	FILE *f = path != NULL ? fopen(path, "a") : NULL;

	if (f == NULL)
		return;
	(void)fwrite(m->data, 1, m->len, f);
	(void)fclose(f);
}

/* Value of a header, up to the end of its line; NULL if it is not there. */
static char *
header(struct message *m, const char *name)
{
	size_t len = strlen(name);
	char *line;

	for (line = strstr(m->data, "\r\n"); line != NULL && line + 2 < m->body;
	     line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
			return line + 3 + len + strspn(line + 3 + len, " ");
	}
	return NULL;
}

static bool
read_more(SSL *tls, struct message *m)
{
	size_t got;

	if (m->len == MESSAGE_MAX || SSL_read_ex(tls, m->data + m->len, MESSAGE_MAX - m->len,
	    &got) != 1)
		return false;
	m->len += got;
	m->data[m->len] = '\0';
	return true;
}

/* The head, and as much of the body as Content-Length says. */
static bool
read_request(SSL *tls, struct message *m)
{
	const char *value;
	char *end;

	m->len = 0;
	m->data[0] = '\0';
	while ((end = strstr(m->data, "\r\n\r\n")) == NULL) {
		if (!read_more(tls, m))
			return false;
	}
	m->body = end + 4;
	value = header(m, "Content-Length");
	while (value != NULL && m->len < (size_t)(m->body - m->data) + strtoul(value, NULL, 10)) {
		if (!read_more(tls, m))
			return false;
	}
	return true;
}

/* One request, one connection; the reply ends with it. */
static void
ask_upstream(SSL_CTX *ctx, const struct sockaddr_in *to, struct message *request,
    struct message *reply)
{
	char *version = strstr(request->data, " HTTP/1.1\r\n"), *end;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *tls = SSL_new(ctx);

	if (version == NULL || connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1 ||
	    SSL_set_fd(tls, fd) != 1 || SSL_connect(tls) != 1)
		die("upstream");
	version[8] = '0';
	if (SSL_write(tls, request->data, (int)request->len) != (int)request->len)
		die("upstream");
	reply->len = 0;
	while (read_more(tls, reply))
		;
	if ((end = strstr(reply->data, "\r\n\r\n")) == NULL)
		die("upstream");
	reply->body = end + 4;
	SSL_free(tls);
	(void)close(fd);
}

/* Runs the filter on the body; the result begins with the content type's line. */
static void
run_filter(const char *filter, struct message *reply, struct message *made)
{
	int in = memfd_create("in", 0), outcome, to = memfd_create("out", 0);
	size_t len = reply->len - (size_t)(reply->body - reply->data);
	ssize_t got;
	pid_t pid;

	if (write(in, reply->body, len) != (ssize_t)len || lseek(in, 0, SEEK_SET) == -1)
		die("filter");
	if ((pid = fork()) == 0) {
		(void)dup2(in, 0);
		(void)dup2(to, 1);
		(void)execl(filter, filter, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &outcome, 0) != pid || outcome != 0)
		die("filter");
	if ((got = pread(to, made->data, MESSAGE_MAX, 0)) == -1)
		die("filter");
	made->len = (size_t)got;
	made->data[made->len] = '\0';
	(void)close(in);
	(void)close(to);
}

/* The status line and headers without those of the connection, then a length and the body. */
static void
send_reply(SSL *tls, struct message *reply, const char *type, const char *body, size_t len)
{
	static char head[MESSAGE_MAX];
	size_t used = 0;
	char *line, *end;

	reply->body[-2] = '\0';
	for (line = reply->data; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
		*end = '\0';
		if (strncasecmp(line, "Connection:", 11) == 0 ||
		    strncasecmp(line, "Content-Length:", 15) == 0 ||
		    (type != NULL && strncasecmp(line, "Content-Type:", 13) == 0))
			continue;
		used += (size_t)snprintf(head + used, sizeof(head) - used, "%s\r\n", line);
	}
	if (type != NULL)
		used += (size_t)snprintf(head + used, sizeof(head) - used, "Content-Type: %s\r\n",
		    type);
	used += (size_t)snprintf(head + used, sizeof(head) - used, "Content-Length: %zu\r\n\r\n",
	    len);
	head[7] = '1';
	if (SSL_write(tls, head, (int)used) != (int)used ||
	    (len != 0 && SSL_write(tls, body, (int)len) != (int)len))
		die("client");
}

static void
serve(SSL *tls, SSL_CTX *client, const struct sockaddr_in *to, const char *filter)
{
	static struct message request, reply, made;
	const char *type;
	char *end;
	int method, path;

	while (read_request(tls, &request)) {
		method = (int)strcspn(request.data, " ");
		path = (int)strcspn(request.data + method + 1, " ");
		record(&request);
		ask_upstream(client, to, &request, &reply);
		record(&reply);
		(void)printf("request %.*s %.*s %.3s\n", method, request.data, path,
		    request.data + method + 1, reply.data + 9);
		(void)fflush(stdout);
		type = header(&reply, "Content-Type");
		if (filter == NULL || type == NULL ||
		    strncmp(type, CHAIN_TYPE, strlen(CHAIN_TYPE)) != 0) {
			send_reply(tls, &reply, NULL, reply.body,
			    reply.len - (size_t)(reply.body - reply.data));
			continue;
		}
		run_filter(filter, &reply, &made);
		if ((end = strchr(made.data, '\n')) == NULL)
			die("filter");
		*end = '\0';
		send_reply(tls, &reply, made.data, end + 1,
		    made.len - (size_t)(end + 1 - made.data));
	}
}

int
main(int argc, char **argv)
{
	SSL_CTX *server = SSL_CTX_new(TLS_server_method()),
	    *client = SSL_CTX_new(TLS_client_method());
	int conn, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in here, there;
	SSL *tls;

	if (argc < 5)
		return 2;
	read_address(argv[1], &here);
	read_address(argv[4], &there);
	if (SSL_CTX_use_certificate_file(server, argv[2], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(server, argv[3], SSL_FILETYPE_PEM) != 1)
		die("certificate");
	/* Pebble closes without a word after an HTTP/1.0 reply. */
	(void)SSL_CTX_set_options(client, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) == -1 ||
	    listen(listener, 64) == -1)
		die("listen");
	(void)sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL,
	    .sa_flags = SA_NOCLDWAIT }, NULL);
	while ((conn = accept(listener, NULL, NULL)) != -1) {
		if (fork() != 0) {
			(void)close(conn);
			continue;
		}
		(void)sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		(void)printf("connection\n");
		(void)fflush(stdout);
		if ((tls = SSL_new(server)) != NULL && SSL_set_fd(tls, conn) == 1 &&
		    SSL_accept(tls) == 1)
			serve(tls, client, &there, argc > 5 ? argv[5] : NULL);
		_exit(0);
	}
	die("accept");
}
