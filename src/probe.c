#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/text.h"
#include "probe.h"

/* RFC 6455 section 1.3 */
#define WS_GUID		"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define WS_KEY_MAX	32
#define SHA1_LEN	20

bool
probe_speaks(enum wire_proto proto)
{
	return proto != WIRE_TLS;
}

/* --- requests --- */

/* RFC 3261 section 11.1; rport as in RFC 3581. No user part: nobody is called. */
static void
put_options(const struct probe *p, struct buf *b)
{
	struct span branch = span_of(p->random, PROBE_RANDOM / 2);
	struct span tag = span_of(p->random + PROBE_RANDOM / 2, PROBE_RANDOM / 2);

	buf_printf(b, "OPTIONS sip:%s SIP/2.0\r\n", p->host);
	buf_printf(b, "Via: SIP/2.0/TLS %s;rport;branch=z9hG4bK", p->local);
	buf_hex(b, branch);
	buf_printf(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:kamcert@%s>;tag=", p->host);
	buf_hex(b, tag);
	buf_printf(b, "\r\nTo: <sip:%s>\r\nCall-ID: ", p->host);
	buf_hex(b, span_of(p->random, PROBE_RANDOM));
	buf_str(b, "\r\nCSeq: 1 OPTIONS\r\nUser-Agent: kamcert\r\nContent-Length: 0\r\n\r\n");
}

/* The key of RFC 6455 section 4.1: 16 octets in base64. */
static void
make_key(const struct probe *p, char out[WS_KEY_MAX])
{
	(void)EVP_EncodeBlock((unsigned char *)out, p->random, PROBE_RANDOM);
}

/* Kamailio's xhttp wants a Content-Length, which does no harm elsewhere. */
static void
put_upgrade(const struct probe *p, struct buf *b)
{
	char key[WS_KEY_MAX];

	make_key(p, key);
	buf_printf(b, "GET / HTTP/1.1\r\nHost: %s", p->host);
	if (p->port != 443)
		buf_printf(b, ":%u", p->port);
	buf_printf(b, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Protocol: sip\r\nOrigin: https://%s\r\n"
	    "User-Agent: kamcert\r\nContent-Length: 0\r\n\r\n", key, p->host);
}

void
probe_request(const struct probe *p, struct buf *b)
{
	if (p->proto == WIRE_SIPS)
		put_options(p, b);
	else if (p->proto == WIRE_WSS)
		put_upgrade(p, b);
}

/* --- answers --- */

/* "SIP/2.0 200 OK"; the number, or -1. */
static int64_t
read_status(struct span line, const char *version)
{
	struct rd r = rd_of(line);
	int64_t status = -1;

	if (!span_starts(line, version))
		return -1;
	(void)rd_bytes(&r, strlen(version));
	if (rd_u8(&r) != ' ' || text_number(rd_bytes(&r, 3), &status) == -1 || !rd_ok(&r) ||
	    (r.n > 0 && r.p[0] != ' '))
		return -1;
	return status >= 100 && status <= 699 ? status : -1;
}

static bool
is_accepted(const struct probe *p, struct span value)
{
	uint8_t digest[SHA1_LEN];
	char key[WS_KEY_MAX + sizeof(WS_GUID)], want[WS_KEY_MAX];
	unsigned n = 0;

	make_key(p, key);
	memcpy(key + strlen(key), WS_GUID, sizeof(WS_GUID));
	if (EVP_Digest(key, strlen(key), digest, &n, EVP_sha1(), NULL) != 1 || n != SHA1_LEN)
		return false;
	(void)EVP_EncodeBlock((unsigned char *)want, digest, SHA1_LEN);
	return span_is(value, want);
}

/* The value of a header line of that name, without blanks around it. */
static bool
read_header(struct span line, const char *name, struct span *value)
{
	size_t n = strlen(name);

	if (line.n <= n || line.p[n] != ':' || strncasecmp((const char *)line.p, name, n) != 0)
		return false;
	*value = span_of(line.p + n + 1, line.n - n - 1);
	while (value->n > 0 && (value->p[0] == ' ' || value->p[0] == '\t'))
		*value = span_of(value->p + 1, value->n - 1);
	while (value->n > 0 && (value->p[value->n - 1] == ' ' || value->p[value->n - 1] == '\t'))
		value->n--;
	return true;
}

/* A line that has its end. What has come may stop in the middle of one. */
static bool
read_line(struct rd *r, struct span *line)
{
	return memchr(r->p, '\n', r->n) != NULL && rd_line(r, line);
}

/* RFC 3261 section 7.5: empty lines before the start line are skipped. */
static enum probe_answer
judge_sip(struct rd r, int64_t *status)
{
	struct span line;

	while (r.n > 0 && read_line(&r, &line)) {
		if (line.n == 0)
			continue;
		*status = read_status(line, "SIP/2.0");
		return *status != -1 ? PROBE_ALIVE : PROBE_WRONG;
	}
	return PROBE_MORE;
}

static enum probe_answer
judge_http(const struct probe *p, struct rd r, int64_t *status)
{
	struct span line, value;
	bool accepted = false;

	if (r.n == 0 || !read_line(&r, &line))
		return PROBE_MORE;
	if ((*status = read_status(line, "HTTP/1.1")) == -1)
		return PROBE_WRONG;
	if (*status != 101)
		return PROBE_ALIVE;
	while (r.n > 0 && read_line(&r, &line)) {
		if (line.n == 0)
			return accepted ? PROBE_ALIVE : PROBE_WRONG;
		if (read_header(line, "Sec-WebSocket-Accept", &value))
			accepted = is_accepted(p, value);
	}
	return PROBE_MORE;
}

enum probe_answer
probe_judge(const struct probe *p, struct span came, int64_t *status)
{
	enum probe_answer a;

	*status = -1;
	a = p->proto == WIRE_WSS ? judge_http(p, rd_of(came), status) :
	    judge_sip(rd_of(came), status);
	return a == PROBE_MORE && came.n >= PROBE_ANSWER_MAX ? PROBE_WRONG : a;
}
