/*
 * text: see text.h. Dates and durations are in time.c.
 */
#include <arpa/inet.h>
#include <string.h>

#include "private.h"
#include "text.h"

/* --- characters --- */

struct range {
	uint32_t first, last;
};

static bool
in_ranges(uint32_t cp, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= r[i].first && cp <= r[i].last)
			return true;
	return false;
}

size_t
utf8_first(struct span in, uint32_t *cp)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;
	uint8_t c;

	*cp = 0;
	if (in.n == 0)
		return 0;
	c = in.p[0];
	if (c < 0x80) {
		*cp = c;
		return 1;
	}
	n = c >= 0xf0 && c < 0xf8 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
	if (n == 0 || c >= 0xf8 || n > in.n)
		return 0;
	*cp = c & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((in.p[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (in.p[i] & 0x3fu);
	}
	if (*cp < smallest[n] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return n;
}

bool
utf8_acts(uint32_t cp)
{
	static const struct range acting[] = {
		{ 0x00, 0x1f },		/* C0 controls */
		{ 0x7f, 0x9f },		/* DEL and the C1 controls */
		{ 0x61c, 0x61c },	/* Arabic letter mark */
		{ 0x180e, 0x180e },	/* Mongolian vowel separator */
		{ 0x200b, 0x200f },	/* zero widths, direction marks */
		{ 0x2028, 0x202e },	/* line and paragraph separators, embeddings */
		{ 0x2060, 0x206f },	/* invisible operators, isolates */
		{ 0xfeff, 0xfeff },	/* byte order mark */
		{ 0xfff9, 0xfffb },	/* interlinear annotation */
		{ 0xe0000, 0xe0fff },	/* tags, variation selectors */
	};

	return in_ranges(cp, acting, NITEMS(acting));
}

static bool
is_break(uint32_t cp)
{
	static const struct range breaks[] = {
		{ 0x09, 0x0d }, { 0x85, 0x85 }, { 0x2028, 0x2029 },
	};

	return in_ranges(cp, breaks, NITEMS(breaks));
}

void
text_clean(char *out, size_t size, struct span in)
{
	size_t at = 0, len;
	uint32_t cp;
	char instead;

	if (size == 0)
		return;
	while (in.n > 0) {
		len = utf8_first(in, &cp);
		instead = '\0';
		if (len == 0 || utf8_acts(cp))
			instead = len > 0 && is_break(cp) ? ' ' : '?';
		if (at + (instead != '\0' ? 1 : len) > size - 1)
			break;
		if (instead != '\0') {
			out[at++] = instead;
			len = len > 0 ? len : 1;
		} else {
			memmove(out + at, in.p, len);
			at += len;
		}
		in = span_of(in.p + len, in.n - len);
	}
	out[at] = '\0';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* --- host names --- */

/*
 * An address, or something that resolvers read as one: "192.0.2.1", "127.1",
 * "0x7f.1". No top-level domain is a number.
 */
static bool
ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.'), *last = dot != NULL ? dot + 1 : host;

	if (last[0] == '0' && lower(last[1]) == 'x')
		return last[2 + strspn(last + 2, "0123456789abcdefABCDEF")] == '\0';
	return last[0] != '\0' && last[strspn(last, "0123456789")] == '\0';
}

/* What is wrong with a label, or NULL. */
static const char *
label_fault(const char *label, size_t n)
{
	if (n == 0)
		return "an empty label";
	if (n > 63)
		return "a label of more than 63 octets";
	if (label[0] == '-' || label[n - 1] == '-')
		return "a dash at the edge of a label";
	for (size_t i = 0; i < n; i++) {
		if ((label[i] & 0x80) != 0)
			return "letters beyond ASCII: write the xn-- form";
		if (label[i] == '*')
			return "'*' is allowed as the whole first label only";
		if (!is_alpha(label[i]) && !is_digit(label[i]) && label[i] != '-')
			return "only letters, digits, dash and dot are allowed";
	}
	return NULL;
}

static const char *
host_fault(const char *in, unsigned allow)
{
	const char *fault;
	size_t n, labels = 0;

	if (in[0] == '\0')
		return "it is empty";
	if (strlen(in) > HOST_MAX)
		return "more than 253 octets";
	if (in[strlen(in) - 1] == '.')
		return "a dot at the end";
	if (strchr(in, ':') != NULL)
		return "an address, or a port behind it: want a host name";
	if (strncmp(in, "*.", 2) == 0) {
		if ((allow & HOST_WILDCARD) == 0)
			return "a wildcard is not allowed here";
		in += 2;
	}
	if (ends_in_number(in))
		return "it is an address, or ends like one";
	for (;; in += n + 1) {
		n = strcspn(in, ".");
		if ((fault = label_fault(in, n)) != NULL)
			return fault;
		labels++;
		if (in[n] == '\0')
			break;
	}
	if (labels < 2 && (allow & HOST_SINGLE) == 0)
		return "a single label, want a full domain name";
	return NULL;
}

int
text_host(const char *in, unsigned allow, char out[HOST_MAX + 1], struct err *e)
{
	const char *fault = host_fault(in, allow);
	size_t i;

	out[0] = '\0';
	if (fault != NULL)
		return err_set(e, OUT_HOLD, "host name \"%.300s\": %s", in, fault);
	for (i = 0; in[i] != '\0'; i++)
		out[i] = lower(in[i]);
	out[i] = '\0';
	return 0;
}

bool
text_is_address(const char *text)
{
	uint8_t addr[16];

	return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
}

/* --- URLs --- */

/* Where a URL is cut: scheme "://" authority [path]. All but the path without a NUL. */
struct url_parts {
	struct span	 scheme;
	struct span	 host;
	struct span	 port;
	bool		 has_port;
	bool		 brackets;
	const char	*path;
};

static const char *
split_authority(struct span a, struct url_parts *u)
{
	const uint8_t *end, *colon;

	if (memchr(a.p, '@', a.n) != NULL)
		return "a user part is not allowed";
	u->brackets = a.n > 0 && a.p[0] == '[';
	if (u->brackets) {
		if ((end = memchr(a.p, ']', a.n)) == NULL)
			return "']' is missing";
		u->host = span_of(a.p + 1, (size_t)(end - a.p) - 1);
		a = span_of(end + 1, a.n - u->host.n - 2);
		if (a.n > 0 && a.p[0] != ':')
			return "only a port may follow ']'";
		colon = a.p;
	} else {
		colon = memchr(a.p, ':', a.n);
		u->host = span_of(a.p, colon != NULL ? (size_t)(colon - a.p) : a.n);
		a = span_of(colon, a.n - u->host.n);
	}
	u->has_port = a.n > 0;
	u->port = u->has_port ? span_of(colon + 1, a.n - 1) : SPAN_NONE;
	return NULL;
}

static const char *
split_url(const char *in, struct url_parts *u)
{
	const char *rest;

	for (const char *p = in; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~' || *p == '\\')
			return "only visible ASCII without backslash is allowed";
		if (*p == '#')
			return "a fragment is not allowed";
	}
	rest = strstr(in, "://");
	if (rest == NULL)
		return "want scheme://host/path";
	u->scheme = span_of(in, (size_t)(rest - in));
	rest += 3;
	u->path = rest + strcspn(rest, "/?");
	return split_authority(span_of(rest, (size_t)(u->path - rest)), u);
}

static const char *
set_scheme(struct span a, struct url *out)
{
	char c;

	if (a.n == 0 || a.n >= sizeof(out->scheme) || !is_alpha((char)a.p[0]))
		return "bad scheme";
	for (size_t i = 0; i < a.n; i++) {
		c = (char)a.p[i];
		if (!is_alpha(c) && !is_digit(c) && strchr("+-.", c) == NULL)
			return "bad scheme";
		out->scheme[i] = lower(c);
	}
	return NULL;
}

static const char *
set_host(const struct url_parts *u, struct url *out)
{
	char host[HOST_MAX + 1] = "";
	uint8_t addr[sizeof(struct in6_addr)];
	struct err e;

	if (u->host.n == 0 || u->host.n > HOST_MAX)
		return "bad host";
	memcpy(host, u->host.p, u->host.n);
	out->ipv6 = u->brackets;
	if (u->brackets) {
		if (inet_pton(AF_INET6, host, addr) != 1)
			return "bad IPv6 address";
		for (size_t i = 0; host[i] != '\0'; i++)
			out->host[i] = lower(host[i]);
		return NULL;
	}
	if (inet_pton(AF_INET, host, addr) == 1)
		memcpy(out->host, host, sizeof(host));
	else if (text_host(host, HOST_SINGLE, out->host, &e) == -1)
		return "bad host";
	return NULL;
}

static const char *
set_port(const struct url_parts *u, struct url *out)
{
	int64_t port;

	if (!u->has_port) {
		out->port = strcmp(out->scheme, "https") == 0 ? 443 :
		    strcmp(out->scheme, "http") == 0 ? 80 : 0;
		return NULL;
	}
	if (u->port.n > 5 || text_number(u->port, &port) == -1 || port < 1 || port > 65535)
		return "bad port, want 1 to 65535";
	out->port = (uint16_t)port;
	return NULL;
}

static const char *
set_path(const struct url_parts *u, struct url *out)
{
	size_t n = strlen(u->path), at = 0;

	if (u->path[0] != '/')
		out->path[at++] = '/';
	if (at + n >= sizeof(out->path))
		return "the path is too long";
	memcpy(out->path + at, u->path, n + 1);
	return NULL;
}

int
text_url(const char *in, struct url *out, struct err *e)
{
	struct url_parts u = { 0 };
	const char *fault;

	memset(out, 0, sizeof(*out));
	if ((fault = split_url(in, &u)) != NULL ||
	    (fault = set_scheme(u.scheme, out)) != NULL ||
	    (fault = set_host(&u, out)) != NULL ||
	    (fault = set_port(&u, out)) != NULL ||
	    (fault = set_path(&u, out)) != NULL) {
		memset(out, 0, sizeof(*out));
		return err_set(e, OUT_HOLD, "URL \"%.300s\": %s", in, fault);
	}
	return 0;
}

/* --- numbers --- */

int
text_number(struct span a, int64_t *out)
{
	int64_t v = 0;

	*out = 0;
	for (size_t i = 0; i < a.n; i++) {
		if (!is_digit((char)a.p[i]))
			return -1;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, a.p[i] - '0', &v))
			v = INT64_MAX;
	}
	if (a.n == 0)
		return -1;
	*out = v;
	return 0;
}
