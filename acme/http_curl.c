/*
 * http_curl: what libcurl may do, and its codes in kamcert's words.
 */
#include "acme/http_curl.h"

#include <errno.h>
#include <string.h>

#include "acme/acme.h"
#include "base/text.h"

/* FAULTS section 1. */
#define CONNECT_S	15L
#define STALL_BYTES	30L	/* a second, over */
#define STALL_S		15L
#define WHOLE_S		60L
#define CA_CACHE_S	86400L

bool
http_limits(CURL *c, const char *protocols)
{
	return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_S) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_TIMEOUT, WHOLE_S) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_MAXFILESIZE, (long)ACME_BODY_MAX) == CURLE_OK;
}

/*
 * The bundle is parsed for each connection, or cached, which works without CAPATH only. Sessions
 * are not kept: a run has one connection or a few, and ends.
 */
bool
http_tls(CURL *c, const char *ca_file)
{
	return curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	    (ca_file == NULL || curl_easy_setopt(c, CURLOPT_CAINFO, ca_file) == CURLE_OK) &&
	    curl_easy_setopt(c, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PIPEWAIT, 1L) == CURLE_OK;
}

static const struct {
	CURLcode	 code;
	enum outcome	 class;
	const char	*what;
	const char	*hint;
} faults[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, OUT_RETRY, "name lookup failed",
	  "does this host's resolver work, and is `directory` right?" },
	{ CURLE_COULDNT_CONNECT, OUT_RETRY, "no connection",
	  "may this host connect to the CA's port, on IPv4 or IPv6?" },
	{ CURLE_OPERATION_TIMEDOUT, OUT_RETRY, "too slow", "" },
	{ CURLE_PEER_FAILED_VERIFICATION, OUT_RETRY, "the server's certificate is not good",
	  "is this host's clock right? A private CA needs `ca-file`" },
	{ CURLE_SSL_CONNECT_ERROR, OUT_RETRY, "TLS failed", "" },
	{ CURLE_SSL_CIPHER, OUT_RETRY, "TLS failed", "" },
	{ CURLE_SSL_CACERT_BADFILE, OUT_HOLD, "the CA bundle cannot be read",
	  "`ca-file` must be PEM, and readable for the user kamcert's network role runs as" },
	{ CURLE_GOT_NOTHING, OUT_RETRY, "the connection was closed without a reply", "" },
	{ CURLE_SEND_ERROR, OUT_RETRY, "the connection was lost", "" },
	{ CURLE_RECV_ERROR, OUT_RETRY, "the connection was lost", "" },
	{ CURLE_PARTIAL_FILE, OUT_RETRY, "the connection ended before the reply did", "" },
	{ CURLE_HTTP2, OUT_RETRY, "HTTP/2 failed", "" },
	{ CURLE_HTTP2_STREAM, OUT_RETRY, "HTTP/2 failed", "" },
	{ CURLE_WEIRD_SERVER_REPLY, OUT_RETRY, "the reply is not HTTP", "" },
	{ CURLE_UNSUPPORTED_PROTOCOL, OUT_HOLD, "only https is allowed", "" },
	{ CURLE_URL_MALFORMAT, OUT_HOLD, "no URL", "" },
	{ CURLE_OUT_OF_MEMORY, OUT_RETRY, "out of memory", "" },
};

static int
connect_errno(CURL *easy)
{
	long sys = 0;

	return curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &sys) == CURLE_OK ? (int)sys : 0;
}

void
http_fault(CURL *easy, CURLcode code, const char *why, struct err *e)
{
	const char *what = "the transfer failed", *hint = "", *url = NULL;
	enum outcome class = OUT_RETRY;
	struct err ignored;
	struct url u = { 0 };

	if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK ||
	    url == NULL || text_url(url, &u, &ignored) == -1)
		memcpy(u.host, "CA", sizeof("CA"));
	if (code == CURLE_FILESIZE_EXCEEDED) {
		err_set(e, OUT_RETRY, "%s: the reply is larger than %d octets of header or %d of "
		    "body", u.host, ACME_HEADERS_MAX, ACME_BODY_MAX);
		e->sys = EMSGSIZE;
		return;
	}
	/* libcurl also says this of a reply of HTTP/0.9. */
	if (code == CURLE_UNSUPPORTED_PROTOCOL && strcmp(u.scheme, "https") == 0)
		code = CURLE_WEIRD_SERVER_REPLY;
	for (size_t i = 0; i < NITEMS(faults); i++) {
		if (faults[i].code != code)
			continue;
		what = faults[i].what;
		hint = faults[i].hint;
		class = faults[i].class;
	}
	err_set(e, class, "%s: %s: %s", u.host, what, why);
	e->sys = connect_errno(easy);
	if (hint[0] != '\0')
		err_hint(e, "%s", hint);
}
