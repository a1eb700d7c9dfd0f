/*
 * text: host names, URLs, dates, durations, and making foreign text harmless.
 */
#ifndef KAMCERT_BASE_TEXT_H
#define KAMCERT_BASE_TEXT_H

#include <time.h>

#include "bytes.h"
#include "err.h"

/*
 * One harmless line: control characters, bad UTF-8, terminal escapes, bidi
 * and line breaks become spaces or '?'; cut at size - 1 octets on a character
 * boundary. Result is always terminated.
 */
void	text_clean(char *out, size_t size, struct span in);

#define HOST_MAX 253

/*
 * Host name by the allow-list of FAULTS I02: letters, digits, dash, dot, one
 * leading "*." when wildcard is allowed; labels of 1 to 63 octets, at least
 * two of them unless single is allowed; no trailing dot. Canonical lower
 * case in out (HOST_MAX + 1 octets). HOLD says what is wrong with it.
 */
#define HOST_WILDCARD	1u
#define HOST_SINGLE	2u
MUST_CHECK int text_host(const char *in, unsigned allow, char out[HOST_MAX + 1], struct err *e);

/* An IPv4 or IPv6 address, without brackets. */
bool	text_is_address(const char *);

struct url {
	char	scheme[16];		/* lower case */
	char	host[HOST_MAX + 1];	/* lower case, IPv6 without brackets */
	bool	ipv6;
	uint16_t port;			/* as given, or 443 / 80 for https / http, else 0 */
	char	path[2048];		/* begins with '/', query included */
};

/* Splits an absolute URL of visible ASCII; no user part, no fragment; ports 1 to 65535. */
MUST_CHECK int text_url(const char *in, struct url *out, struct err *e);

/* RFC 3339, any offset and fraction, leap second 60; unix seconds. */
MUST_CHECK int text_rfc3339(struct span, int64_t *out);

/* The three forms of RFC 9110 section 5.6.7; two-digit years as there, seen from now. */
MUST_CHECK int text_http_date(struct span, int64_t now, int64_t *out);

/* "2026-11-23T01:58:31Z"; out has TIME_TEXT octets. Years 0 to 9999. */
#define TIME_TEXT 24
const char *text_time(int64_t, char out[TIME_TEXT]);

/* Calendar arithmetic in UTC without the C library's time zone. */
void	text_utc(int64_t unix_seconds, struct tm *out);
int64_t	text_unix(const struct tm *);

/* "30d", "12h", "10m", "45s", or a sum such as "1d12h"; seconds. -1 if it is none of these. */
MUST_CHECK int text_duration(const char *, int64_t *out);

/* Whole decimal number without sign, saturating at INT64_MAX; -1 if it is anything else. */
MUST_CHECK int text_number(struct span, int64_t *out);

/* "3 days", "2 h 5 min", "45 s"; for people. */
#define SPAN_TEXT 32
const char *text_span_of_time(int64_t seconds, char out[SPAN_TEXT]);

#endif
