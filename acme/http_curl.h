/* http_curl: what libcurl may do, and its codes in kamcert's words. */
#ifndef KAMCERT_ACME_HTTP_CURL_H
#define KAMCERT_ACME_HTTP_CURL_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/err.h"

/*
 * FAULTS S03, S04, and the caps of section 1. protocols: of libcurl, with
 * commas. False: no memory.
 */
MUST_CHECK bool http_limits(CURL *, const char *protocols);

/* Servers are verified, by the PEM of ca_file, or the system's roots if that is NULL. */
MUST_CHECK bool http_tls(CURL *, const char *ca_file);

/*
 * What the transfer of easy ended with; why is libcurl's own text. RETRY, or HOLD
 * where only the configuration cures it. CURLE_FILESIZE_EXCEEDED is any cap of
 * ours, and sets e->sys to EMSGSIZE.
 */
void	http_fault(CURL *easy, CURLcode code, const char *why, struct err *e);

#endif
