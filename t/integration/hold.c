/*
 * hold: TLS connections to a SIP server that stay open.
 *
 *     hold ADDRESS PORT N
 *
 * Opens N of them, one after the other, and prints "open N". For every line
 * on standard input it sends an OPTIONS request over each and prints "alive"
 * and how many answered. Ends with standard input. The certificate is not
 * looked at: that is not what it judges.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_HELD	1000
#define WAIT_SECONDS	10

static SSL *
open_one(SSL_CTX *ctx, const struct sockaddr_in *to)
{
	struct timeval wait = { .tv_sec = WAIT_SECONDS };
	SSL *tls = NULL;
	int fd;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == -1 ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1 ||
	    (tls = SSL_new(ctx)) == NULL || SSL_set_fd(tls, fd) != 1 || SSL_connect(tls) != 1) {
		perror("connection");
		exit(1);
	}
	return tls;
}

/* Is a request answered over this connection? */
static bool
is_alive(SSL *tls, int number, int turn)
{
	char text[1024];
	size_t len, got = 0;
	int n;

	n = snprintf(text, sizeof(text),
	    "OPTIONS sip:localhost SIP/2.0\r\n"
	    "Via: SIP/2.0/TLS localhost;branch=z9hG4bK%d.%d\r\n"
	    "Max-Forwards: 70\r\n"
	    "From: <sip:hold@localhost>;tag=%d\r\n"
	    "To: <sip:localhost>\r\n"
	    "Call-ID: %d.%d\r\n"
	    "CSeq: %d OPTIONS\r\n"
	    "Content-Length: 0\r\n\r\n",
	    number, turn, number, number, turn, turn);
	if (SSL_write(tls, text, n) != n)
		return false;
	text[0] = '\0';
	while (strstr(text, "\r\n\r\n") == NULL) {
		if (SSL_read_ex(tls, text + got, sizeof(text) - 1 - got, &len) != 1)
			return false;
		got += len;
		text[got] = '\0';
	}
	return strncmp(text, "SIP/2.0 200 ", 12) == 0;
}

int
main(int argc, char **argv)
{
	static SSL *held[MAX_HELD];
	struct sockaddr_in to = { .sin_family = AF_INET };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int i, n, alive, turn = 1;
	char line[64];

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || ctx == NULL) {
		(void)fprintf(stderr, "usage: hold ADDRESS PORT N\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	n = (int)strtol(argv[3], NULL, 10);
	if (n < 1 || n > MAX_HELD)
		return 2;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	for (i = 0; i < n; i++)
		held[i] = open_one(ctx, &to);
	(void)printf("open %d\n", n);
	(void)fflush(stdout);
	for (; fgets(line, sizeof(line), stdin) != NULL; turn++) {
		for (alive = 0, i = 0; i < n; i++)
			alive += is_alive(held[i], i, turn);
		(void)printf("alive %d\n", alive);
		(void)fflush(stdout);
	}
	for (i = 0; i < n; i++)
		SSL_free(held[i]);
	SSL_CTX_free(ctx);
	return 0;
}
