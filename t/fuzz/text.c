/*
 * text: any octets as what stands in headers and configuration: dates,
 * numbers, URLs, host names; and what is shown of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define NOW INT64_C(1795399111)

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
dates_come_back(struct span in)
{
	char out[TIME_TEXT];
	int64_t t, again;

	if (text_rfc3339(in, &t) == 0 && t >= INT64_C(-62167219200) && t <= INT64_C(253402300799))
		must(text_rfc3339(span_str(text_time(t, out)), &again) == 0 && again == t);
	if (text_http_date(in, NOW, &t) == 0 && t <= INT64_C(253402300799))
		must(text_rfc3339(span_str(text_time(t, out)), &again) == 0 && again == t);
}

static void
clean_text_stays(struct span in)
{
	char once[200], twice[200];

	text_clean(once, sizeof(once), in);
	text_clean(twice, sizeof(twice), span_str(once));
	must(strcmp(once, twice) == 0);
	for (const char *p = once; *p != '\0'; p++)
		must((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void
names_are_canonical(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	char host[HOST_MAX + 1], again[HOST_MAX + 1];
	struct err e = ERR_NONE;

	if (text_host(s, HOST_WILDCARD | HOST_SINGLE, host, &e) == -1)
		return;
	must(strspn(host + (host[0] == '*'), allowed) == strlen(host) - (host[0] == '*'));
	must(text_host(host, HOST_WILDCARD | HOST_SINGLE, again, &e) == 0);
	must(strcmp(host, again) == 0);
}

static void
urls_have_parts(const char *s)
{
	struct err e = ERR_NONE;
	struct url u;

	if (text_url(s, &u, &e) == -1)
		return;
	must(u.scheme[0] != '\0' && u.host[0] != '\0' && u.path[0] == '/');
	must(strpbrk(u.host, "/@?#\\%[]") == NULL && strchr(u.path, '#') == NULL);
	must(u.ipv6 == (strchr(u.host, ':') != NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_of(data, n);
	char *s = span_dup(in), told[SPAN_TEXT];
	int64_t v;

	dates_come_back(in);
	clean_text_stays(in);
	if (text_number(in, &v) == 0)
		must(v >= 0);
	if (s != NULL) {
		names_are_canonical(s);
		urls_have_parts(s);
		if (text_duration(s, &v) == 0)
			must(v >= 0 && text_span_of_time(v, told)[0] != '\0');
	}
	free(s);
	return 0;
}
