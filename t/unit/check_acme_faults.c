/*
 * check_acme_faults: the rows A01 to A46 of FAULTS.md that a reply of the CA
 * can bring about: class, what the error names, and what is sent.
 */
#include "acmerun.h"
#include "suite.h"

static const struct row {
	const char	*what;
	struct ca_fault	 fault;		/* path, from, times, reply */
	enum outcome	 class;		/* OUT_OK: the certificate is had all the same */
	const char	*text;		/* in the error */
	size_t		 sent;		/* requests to that path at most, 0: any number */
	enum acme_trouble trouble;
} rows[] = {
	/* A01, A02 */
	{ "A01 badNonce once", { "/order", 1, 1, BAD_NONCE }, OUT_OK, NULL, 2, 0 },
	{ "A01 badNonce three times", { "/order", 1, 3, BAD_NONCE }, OUT_OK, NULL, 4, 0 },
	{ "A01 badNonce for the last request", { "/cert", 1, 3, BAD_NONCE }, OUT_OK, NULL, 4, 0 },
	{ "A02 badNonce for ever", { "/order", 1, 0, BAD_NONCE }, OUT_RETRY, "badNonce", 4, 0 },
	{ "A01 badNonce without a nonce", { "/order", 1, 1, "HTTP/1.1 400 Bad\r\nContent-Type: "
	  "application/problem+json\r\n\r\n{\"type\":\"urn:ietf:params:acme:error:badNonce\"}" },
	  OUT_OK, NULL, 2, 0 },
	/* A03 */
	{ "A03 no nonce in a reply", { "/order", 1, 0, "HTTP/1.1 201 Created\r\nContent-Type: "
	  "application/json\r\nLocation: " CA_URL "/o/1\r\n\r\n" ORDER("pending") }, OUT_OK, NULL,
	  0, 0 },
	{ "A03 newNonce answers 204", { "/nonce", 1, 0, "HTTP/1.1 204 No Content\r\n"
	  "Replay-Nonce: @\r\n\r\n" }, OUT_OK, NULL, 1, 0 },
	{ "A03 newNonce without a nonce", { "/nonce", 1, 0, "HTTP/1.1 200 OK\r\n\r\n" }, OUT_RETRY,
	  "Replay-Nonce", 2, 0 },
	{ "A03 newNonce without a nonce once", { "/nonce", 1, 1, "HTTP/1.1 200 OK\r\n\r\n" },
	  OUT_OK, NULL, 2, 0 },
	{ "A03 newNonce with a space inside", { "/nonce", 1, 0, "HTTP/1.1 200 OK\r\n"
	  "Replay-Nonce: a b\r\n\r\n" }, OUT_RETRY, "Replay-Nonce", 2, 0 },
	{ "A03 newNonce with a quote inside", { "/nonce", 1, 0, "HTTP/1.1 200 OK\r\n"
	  "Replay-Nonce: a\"b\r\n\r\n" }, OUT_RETRY, "Replay-Nonce", 2, 0 },
	{ "A03 newNonce answers 500", { "/nonce", 1, 0, HTML("500 Oops") }, OUT_RETRY, "newNonce",
	  1, 0 },
	{ "A03 newNonce answers 404", { "/nonce", 1, 0, HTML("404 Lost") }, OUT_HOLD, "newNonce",
	  1, 0 },
	/* A05 to A08: times are in another table */
	{ "A05 429 at newOrder", { "/order", 1, 0, LIMITED("120") }, OUT_RETRY, "rateLimited", 1,
	  ACME_TROUBLE_RATE },
	{ "A05 429 at a challenge", { "/chal", 1, 0, LIMITED("120") }, OUT_RETRY, "rateLimited", 1,
	  ACME_TROUBLE_RATE },
	{ "A05 429 at finalize", { "/final", 1, 0, LIMITED("120") }, OUT_RETRY, "rateLimited", 1,
	  ACME_TROUBLE_RATE },
	{ "A05 429 without a problem", { "/dir", 1, 0, RETRY_AFTER("429 Slow", "60") }, OUT_RETRY,
	  "429", 1, ACME_TROUBLE_RATE },
	{ "A08 503", { "/order", 1, 0, RETRY_AFTER("503 Busy", "60") }, OUT_RETRY, "503", 1, 0 },
	/* A09 */
	{ "A09 500 with HTML", { "/order", 1, 0, HTML("500 Oops") }, OUT_RETRY, "HTTP 500", 1, 0 },
	{ "A09 500 empty", { "/authz", 1, 0, "HTTP/1.1 500 Oops\r\n\r\n" }, OUT_RETRY, "HTTP 500",
	  1, 0 },
	{ "A09 502", { "/dir", 1, 0, HTML("502 Bad Gateway") }, OUT_RETRY, "HTTP 502", 1, 0 },
	{ "A09 504 at finalize", { "/final", 1, 0, HTML("504 Late") }, OUT_RETRY, "HTTP 504",
	  1, 0 },
	{ "A09 500 that calls itself malformed", { "/order", 1, 0, PROBLEM("500 Oops", "malformed",
	  "") }, OUT_RETRY, "malformed", 1, 0 },
	{ "A09 a problem that says it is JSON is none", { "/order", 1, 0, REPLY("400 Bad",
	  "application/json", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}") }, OUT_HOLD,
	  "without a problem document", 1, 0 },
	{ "A09 a problem that is garbage", { "/order", 1, 0, REPLY("400 Bad",
	  "application/problem+json", "{\"type\":") }, OUT_HOLD, "without a problem document",
	  1, 0 },
	{ "A09 serverInternal", { "/order", 1, 0, PROBLEM("500 Oops", "serverInternal", "") },
	  OUT_RETRY, "serverInternal", 1, 0 },
	/* A10: once is passed over by asking again, twice is not */
	{ "A10 truncated directory", { "/dir", 1, 0, JSON_REPLY("{\"newNonce\":\"https") },
	  OUT_HOLD, "directory: JSON", 2, 0 },
	{ "A10 truncated directory once", { "/dir", 1, 1, JSON_REPLY("{") }, OUT_OK, NULL, 2, 0 },
	{ "A10 trailing garbage", { "/order", 1, 0, MADE(ORDER("pending") " x") }, OUT_HOLD,
	  "order: JSON", 2, 0 },
	{ "A10 trailing garbage once", { "/order", 1, 1, MADE(ORDER("pending") " x") }, OUT_OK,
	  NULL, 2, 0 },
	{ "A10 duplicate keys", { "/authz", 1, 0, JSON_REPLY("{\"status\":\"valid\",\"status\":"
	  "\"pending\"}") }, OUT_HOLD, "JSON", 2, 0 },
	{ "A10 NUL escape", { "/authz", 1, 0, JSON_REPLY("{\"status\":\"val\\u0000id\"}") },
	  OUT_HOLD, "JSON", 2, 0 },
	{ "A10 bad UTF-8", { "/authz", 1, 0, JSON_REPLY("{\"status\":\"\xff\"}") }, OUT_HOLD,
	  "JSON", 2, 0 },
	{ "A10 empty body", { "/chal", 1, 0, JSON_REPLY("") }, OUT_HOLD, "JSON", 2, 0 },
	{ "A10 garbage at finalize: the order tells", { "/final", 1, 0, JSON_REPLY("{{") },
	  OUT_RETRY, "looks", 1, 0 },
	{ "A10 garbage at a look", { "/o/1", 1, 0, JSON_REPLY("nothing") }, OUT_HOLD,
	  "order: JSON", 2, 0 },
	/* A11 */
	{ "A11 HTML for a directory", { "/dir", 1, 0, HTML("200 OK") }, OUT_RETRY, "text/html", 1,
	  0 },
	{ "A11 HTML for an order", { "/order", 1, 0, HTML("200 OK") }, OUT_RETRY, "text/html",
	  1, 0 },
	{ "A11 no type", { "/authz", 1, 0, "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\n\r\n{}" },
	  OUT_RETRY, "Content-Type: want application/json, have none", 1, 0 },
	{ "A11 JSON for a chain", { "/cert", 1, 0, JSON_REPLY("{}") }, OUT_RETRY, PEM_TYPE, 1, 0 },
	{ "A11 type with parameters", { "/cert", 1, 0, REPLY("200 OK",
	  "Application/PEM-certificate-" "chain; charset=\"utf-8\"", CA_PEM) }, OUT_OK, NULL,
	  0, 0 },
	{ "A11 a type that begins right", { "/authz", 1, 0, REPLY("200 OK", "application/jsonp",
	  "{}") }, OUT_RETRY, "application/jsonp", 1, 0 },
	/* A12 */
	{ "A12 directory is an array", { "/dir", 1, 0, JSON_REPLY("[]") }, OUT_HOLD, "directory",
	  1, 0 },
	{ "A12 directory is a number", { "/dir", 1, 0, JSON_REPLY("[1]") }, OUT_HOLD, "directory",
	  1, 0 },
	{ "A12 number for a URL", { "/dir", 1, 0, JSON_REPLY("{\"newNonce\":7}") }, OUT_HOLD,
	  "newNonce", 1, 0 },
	{ "A12 null for a URL", { "/dir", 1, 0, JSON_REPLY("{\"newNonce\":null}") }, OUT_HOLD,
	  "newNonce", 1, 0 },
	{ "A12 meta is a text", { "/dir", 1, 0, JSON_REPLY("{\"newNonce\":\"" CA_URL "/nonce\","
	  "\"newAccount\":\"" CA_URL "/acct\",\"newOrder\":\"" CA_URL "/order\",\"meta\":\"x\"}")
	  }, OUT_HOLD, "meta", 1, 0 },
	{ "A12 order without status", { "/order", 1, 0, MADE("{" IDS "," AUTHZ_1 "," FINAL "}") },
	  OUT_HOLD, "order: status: want a string, have nothing", 1, 0 },
	{ "A12 order with null status", { "/order", 1, 0, MADE("{\"status\":null," IDS "," AUTHZ_1
	  "," FINAL "}") }, OUT_HOLD, "order: status: want a string, have null", 1, 0 },
	{ "A12 order without identifiers", { "/order", 1, 0, MADE("{\"status\":\"pending\","
	  AUTHZ_1 "," FINAL "}") }, OUT_HOLD, "identifiers", 1, 0 },
	{ "A12 order without authorizations", { "/order", 1, 0, MADE("{\"status\":\"pending\"," IDS
	  "," FINAL "}") }, OUT_HOLD, "authorizations", 1, 0 },
	{ "A12 authorizations is an object", { "/order", 1, 0, MADE("{\"status\":\"pending\"," IDS
	  ",\"authorizations\":{}," FINAL "}") }, OUT_HOLD, "authorizations: want an array",
	  1, 0 },
	{ "A12 authorizations has a number", { "/order", 1, 0, MADE("{\"status\":\"pending\"," IDS
	  ",\"authorizations\":[1]," FINAL "}") }, OUT_HOLD, "authorizations", 1, 0 },
	{ "A12 order without finalize", { "/order", 1, 0, MADE("{\"status\":\"pending\"," IDS ","
	  AUTHZ_1 "}") }, OUT_HOLD, "finalize", 1, 0 },
	{ "A12 order without Location", { "/order", 1, 0, JSON_REPLY(ORDER("pending")) }, OUT_HOLD,
	  "Location", 1, 0 },
	{ "A12 valid without certificate", { "/o/1", 2, 0, JSON_REPLY("{\"status\":\"valid\"}") },
	  OUT_HOLD, "certificate", 2, 0 },
	{ "A12 identifier is a text", { "/authz", 1, 0, JSON_REPLY("{\"status\":\"pending\","
	  "\"identifier\":\"n1.example\",\"challenges\":[]}") }, OUT_HOLD, "identifier", 1, 0 },
	{ "A12 authorization without challenges", { "/authz", 1, 0, JSON_REPLY("{\"status\":"
	  "\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"n1.example\"}}") }, OUT_HOLD,
	  "challenges", 1, 0 },
	{ "A12 challenge without token", { "/authz", 1, 0, AUTHZ("pending",
	  "{\"type\":\"http-01\"," "\"status\":\"pending\",\"url\":\"" CA_URL "/chal/1\"}") },
	  OUT_HOLD, "token", 1, 0 },
	{ "A12 challenge without URL", { "/authz", 1, 0, AUTHZ("pending", "{\"type\":\"http-01\","
	  "\"status\":\"pending\",\"token\":\"" CA_TOKEN "\"}") }, OUT_HOLD, "url", 1, 0 },
	{ "A12 challenge without status", { "/authz", 1, 0, AUTHZ("pending",
	  "{\"type\":\"http-01\"," "\"token\":\"" CA_TOKEN "\"}") }, OUT_HOLD, "status", 1, 0 },
	{ "A12 an answer that is an array", { "/chal", 1, 0, JSON_REPLY("[]") }, OUT_HOLD,
	  "challenge", 1, 0 },
	{ "A12 error of an order is a text", { "/o/1", 1, 0, JSON_REPLY("{\"status\":\"invalid\","
	  "\"error\":\"no\"}") }, OUT_HOLD, "error", 1, 0 },
	{ "A12 unknown keys", { "/order", 1, 0, MADE("{\"x\":{\"y\":[]},\"status\":\"pending\","
	  IDS "," AUTHZ_1 "," FINAL ",\"z\":null}") }, OUT_OK, NULL, 0, 0 },
	/* A17 */
	{ "A17 301 of the directory", { "/dir", 1, 0, "HTTP/1.1 301 Moved\r\nLocation: " CA_URL
	  "/dir\r\n\r\n" }, OUT_HOLD, "redirects", 1, 0 },
	{ "A17 302 to http", { "/order", 1, 0,
	  "HTTP/1.1 302 Found\r\nLocation: http://ca.example/\r\n" "\r\n" }, OUT_HOLD, "redirects",
	  1, 0 },
	{ "A17 307 to another host", { "/final", 1, 0, "HTTP/1.1 307 Temp\r\n"
	  "Location: https://evil.example/\r\n\r\n" }, OUT_HOLD, "redirects", 1, 0 },
	{ "A17 308 to a file", { "/cert", 1, 0,
	  "HTTP/1.1 308 Perm\r\nLocation: file:///etc/passwd\r\n" "\r\n" }, OUT_HOLD, "redirects",
	  1, 0 },
	/* A28 */
	{ "A28 empty chain", { "/cert", 1, 0, REPLY("200 OK", PEM_TYPE, "") }, OUT_REFUSE, "PEM",
	  1, 0 },
	{ "A28 HTML as a chain", { "/cert", 1, 0, REPLY("200 OK", PEM_TYPE, "<html>") },
	  OUT_REFUSE, "PEM", 1, 0 },
	{ "A28 private key in the chain", { "/cert", 1, 0, REPLY("200 OK", PEM_TYPE, CA_PEM
	  "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n") }, OUT_REFUSE,
	  "private key", 1, 0 },
	{ "A28 EC private key in the chain", { "/cert", 1, 0, REPLY("200 OK", PEM_TYPE,
	  "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n" CA_PEM) },
	  OUT_REFUSE, "private key", 1, 0 },
	{ "A16 cut inside a certificate", { "/cert", 1, 0, REPLY("200 OK", PEM_TYPE, CA_PEM
	  "-----BEGIN CERTIFICATE-----\nMIIB") }, OUT_RETRY, "ends inside", 1, 0 },
	{ "A16 403 after all", { "/cert", 1, 0, PROBLEM("403 No", "unauthorized", "") }, OUT_HOLD,
	  "certificate", 1, 0 },
	/* A31 */
	{ "A31 pending for ever", { "/o/1", 1, 0, JSON_REPLY("{\"status\":\"pending\"}") },
	  OUT_RETRY, "looks", 60, 0 },
	{ "A31 processing for ever", { "/o/1", 2, 0, JSON_REPLY("{\"status\":\"processing\"}") },
	  OUT_RETRY, "looks", 60, 0 },
	{ "A31 unknown status", { "/o/1", 1, 0, JSON_REPLY("{\"status\":\"thinking\"}") },
	  OUT_RETRY, "looks", 60, 0 },
	{ "A31 back from ready to pending", { "/o/1", 2, 0, JSON_REPLY("{\"status\":\"pending\"}")
	  }, OUT_RETRY, "looks", 60, 0 },
	{ "A31 back from finalized to ready", { "/o/1", 2, 0, JSON_REPLY("{\"status\":\"ready\"}")
	  }, OUT_RETRY, "looks", 60, 0 },
	{ "A31 back once", { "/o/1", 2, 1, JSON_REPLY("{\"status\":\"pending\"}") }, OUT_OK, NULL,
	  3, 0 },
	{ "A31 valid without being finalized", { "/o/1", 1, 0, JSON_REPLY("{\"status\":\"valid\","
	  "\"certificate\":\"" CA_URL "/cert/1\"}") }, OUT_HOLD, "before it was finalized", 1, 0 },
	{ "A31 a new order that is valid", { "/order", 1, 0, MADE("{\"status\":\"valid\"," IDS ","
	  AUTHZ_1 "," FINAL ",\"certificate\":\"" CA_URL "/cert/1\"}") }, OUT_HOLD, "status",
	  1, 0 },
	/* A33 */
	{ "A33 invalid once", { "/authz", 1, 1, AUTHZ("invalid", "") }, OUT_OK, NULL, 2, 0 },
	{ "A33 invalid", { "/authz", 1, 0, AUTHZ("invalid", "") }, OUT_HOLD, "have invalid",
	  2, 0 },
	{ "A33 expired", { "/authz", 1, 0, AUTHZ("expired", "") }, OUT_HOLD, "have expired",
	  2, 0 },
	{ "A33 revoked", { "/authz", 1, 0, AUTHZ("revoked", "") }, OUT_HOLD, "have revoked",
	  2, 0 },
	{ "A33 deactivated", { "/authz", 1, 0, AUTHZ("deactivated", "") }, OUT_HOLD,
	  "have deactivated", 2, 0 },
	{ "A33 its challenge failed before", { "/authz", 1, 1, AUTHZ("pending",
	  "{\"type\":\"http-01\"," "\"status\":\"invalid\"}") }, OUT_OK, NULL, 2, 0 },
	{ "A33 for another name", { "/authz", 1, 0,
	  JSON_REPLY("{\"status\":\"pending\",\"identifier\":"
	  "{\"type\":\"dns\",\"value\":\"evil.example\"},\"challenges\":[" CHALLENGE("http-01",
	  CA_TOKEN) "]}") }, OUT_HOLD, "evil.example was not ordered", 2, 0 },
	{ "A33 wildcard flag out of nowhere", { "/authz", 1, 0,
	  JSON_REPLY("{\"status\":\"pending\","
	  "\"wildcard\":true,\"identifier\":{\"type\":\"dns\",\"value\":\"n1.example\"},"
	  "\"challenges\":[]}") }, OUT_HOLD, "wildcard", 2, 0 },
	/* A34 */
	{ "A34 unknown types only", { "/authz", 1, 0, AUTHZ("pending", CHALLENGE("dns-01",
	  CA_TOKEN) "," CHALLENGE("moon-01", CA_TOKEN)) }, OUT_HOLD, "dns-01, moon-01", 1, 0 },
	{ "A34 no challenge", { "/authz", 1, 0, AUTHZ("pending", "") }, OUT_HOLD, "no challenge",
	  1, 0 },
	{ "A34 odd entries among them", { "/authz", 1, 0, AUTHZ("pending", "7,[],{\"type\":1},{},"
	  CHALLENGE("http-01", CA_TOKEN)) }, OUT_OK, NULL, 0, 0 },
	/* A35 */
	{ "A35 empty token", { "/authz", 1, 0, WITH_TOKEN("") }, OUT_HOLD, "token", 1, 0 },
	{ "A35 short token", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2LAv9IZ") }, OUT_HOLD,
	  "token", 1, 0 },
	{ "A35 shortest token", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2LAv9IZf") }, OUT_OK,
	  NULL, 0, 0 },
	{ "A35 longest token", { "/authz", 1, 0, WITH_TOKEN(X64 X64) }, OUT_OK, NULL, 0, 0 },
	{ "A35 long token", { "/authz", 1, 0, WITH_TOKEN(X64 X64 "x") }, OUT_HOLD, "token", 1, 0 },
	{ "A35 slash", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2LAv9IZ/17Dt") }, OUT_HOLD,
	  "token", 1, 0 },
	{ "A35 dots", { "/authz", 1, 0, WITH_TOKEN("../../../../../../etc/passwd") }, OUT_HOLD,
	  "token", 1, 0 },
	{ "A35 NUL", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2LAv9I\\u0000f17Dt") }, OUT_HOLD,
	  "JSON", 2, 0 },
	{ "A35 space", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2 LAv9IZf17Dt") }, OUT_HOLD,
	  "token", 1, 0 },
	{ "A35 shell", { "/authz", 1, 0, WITH_TOKEN("$(id>/tmp/x)evaGxfADs6pSRb2") }, OUT_HOLD,
	  "token", 1, 0 },
	{ "A35 back quotes", { "/authz", 1, 0, WITH_TOKEN("`reboot`evaGxfADs6pSRb2LAv9I") },
	  OUT_HOLD, "token", 1, 0 },
	{ "A35 percent codes", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2%2fLAv9IZf1") },
	  OUT_HOLD, "token", 1, 0 },
	{ "A35 newline", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2\\nLAv9IZf17Dt") }, OUT_HOLD,
	  "token", 1, 0 },
	{ "A35 padding", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2LAv9IZf1=") }, OUT_HOLD,
	  "token", 1, 0 },
	{ "A35 plus", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2LAv9IZf+") }, OUT_HOLD, "token",
	  1, 0 },
	{ "A35 UTF-8", { "/authz", 1, 0, WITH_TOKEN("evaGxfADs6pSRb2LAv9I\xc3\xa9") }, OUT_HOLD,
	  "token", 1, 0 },
	/* A36 */
	{ "A36 orderNotReady once", { "/final", 1, 1, PROBLEM("403 No", "orderNotReady", "") },
	  OUT_OK, NULL, 2, 0 },
	{ "A36 orderNotReady for ever", { "/final", 1, 0, PROBLEM("403 No", "orderNotReady", "") },
	  OUT_RETRY, "not ready", 5, 0 },
	{ "A36 badCSR", { "/final", 1, 0, PROBLEM("400 No", "badCSR", "") }, OUT_HOLD,
	  "finalize: HTTP 400: badCSR", 1, 0 },
	{ "A36 badPublicKey", { "/final", 1, 0, PROBLEM("400 No", "badPublicKey", "") }, OUT_HOLD,
	  "badPublicKey", 1, 0 },
	{ "A36 403", { "/final", 1, 0, PROBLEM("403 No", "unauthorized", "") }, OUT_HOLD,
	  "unauthorized", 1, 0 },
	/* A37, A38 */
	{ "A37 account unknown", { "/order", 1, 0, PROBLEM("400 No", "accountDoesNotExist", "") },
	  OUT_HOLD, "accountDoesNotExist", 1, ACME_TROUBLE_ACCOUNT },
	{ "A37 account deactivated", { "/order", 1, 0, PROBLEM("403 No", "unauthorized",
	  ",\"detail\":\"account is not valid\"") }, OUT_HOLD, "unauthorized", 1,
	  ACME_TROUBLE_ACCOUNT },
	{ "A38 terms changed", { "/order", 1, 0, PROBLEM("403 No", "userActionRequired",
	  ",\"instance\":\"https://ca.example/agree\"") }, OUT_HOLD, "userActionRequired", 1,
	  ACME_TROUBLE_TERMS },
	/* A40 */
	{ "A40 no newOrder", { "/dir", 1, 0, JSON_REPLY("{\"newNonce\":\"" CA_URL "/nonce\","
	  "\"newAccount\":\"" CA_URL "/acct\"}") }, OUT_HOLD, "newOrder", 1, 0 },
	{ "A40 meta absent", { "/dir", 1, 0, JSON_REPLY("{\"newNonce\":\"" CA_URL "/nonce\","
	  "\"newAccount\":\"" CA_URL "/acct\",\"newOrder\":\"" CA_URL "/order\"}") }, OUT_OK, NULL,
	  0, 0 },
	/* A44 */
	{ "A44 paused, as a limit", { "/order", 1, 0, PROBLEM("429 Slow", "rateLimited",
	  ",\"detail\":"
	  "\"Your account is temporarily prevented from requesting certificates for n1.example. "
	  "Please visit: https://ca.example/sfe/v1/unpause?jwt=abc\"") }, OUT_HOLD,
	  "https://ca.example/sfe/v1/unpause?jwt=abc", 1, ACME_TROUBLE_PAUSED },
	{ "A44 paused, as a name", { "/order", 1, 0, PROBLEM("403 No", "rejectedIdentifier",
	  ",\"detail\":\"n1.example is paused: https://ca.example/p\"") }, OUT_HOLD,
	  "https://ca.example/p", 1, ACME_TROUBLE_PAUSED },
	{ "A44 a limit with a link is no pause", { "/order", 1, 0, PROBLEM("429 Slow",
	  "rateLimited", ",\"detail\":\"too many: see https://ca.example/limits\"") }, OUT_RETRY,
	  "rateLimited", 1, ACME_TROUBLE_RATE },
	/* A46 */
	{ "A46 the order is an old one", { "/order", 1, 0, "HTTP/1.1 200 OK\r\nReplay-Nonce: @\r\n"
	  "Content-Type: application/json\r\nLocation: " CA_URL "/o/1\r\n\r\n" ORDER("pending") },
	  OUT_OK, NULL, 0, 0 },
	{ "A46 letter case", { "/order", 1, 0, MADE("{\"status\":\"pending\",\"identifiers\":"
	  "[{\"type\":\"dns\",\"value\":\"N1.EXAMPLE\"}]," AUTHZ_1 "," FINAL "}") }, OUT_OK, NULL,
	  0, 0 },
	{ "A46 two authorizations for one name", { "/order", 1, 0, MADE("{\"status\":\"pending\","
	  IDS ",\"authorizations\":[\"" CA_URL "/authz/1\",\"" CA_URL "/authz/1\"]," FINAL "}") },
	  OUT_OK, NULL, 0, 0 },
	{ "an order for another name", { "/order", 1, 0,
	  MADE("{\"status\":\"pending\",\"identifiers\":"
	  "[{\"type\":\"dns\",\"value\":\"evil.example\"}]," AUTHZ_1 "," FINAL "}") }, OUT_HOLD,
	  "want n1.example", 1, 0 },
	{ "an order for one name more", { "/order", 1, 0,
	  MADE("{\"status\":\"pending\",\"identifiers\":"
	  "[{\"type\":\"dns\",\"value\":\"n1.example\"},{\"type\":\"dns\","
	  "\"value\":\"evil.example\"}]," AUTHZ_1 "," FINAL "}") }, OUT_HOLD, "want 1, have 2", 1,
	  0 },
	{ "a relative Location", { "/order", 1, 0, "HTTP/1.1 201 Made\r\nReplay-Nonce: @\r\n"
	  "Content-Type: application/json\r\nLocation: /o/1\r\n\r\n" ORDER("pending") }, OUT_OK,
	  NULL, 0, 0 },
	{ "caa", { "/final", 1, 0, PROBLEM("403 No", "caa", "") }, OUT_HOLD, "caa", 1, 0 },
	{ "a type that is not known", { "/order", 1, 0, PROBLEM("400 No", "moonPhase", "") },
	  OUT_HOLD, "moonPhase", 1, 0 },
	{ "a problem without a type", { "/order", 1, 0, REPLY("400 No", "application/problem+json",
	  "{\"detail\":\"no\"}") }, OUT_HOLD, "without a type: no", 1, 0 },
	{ "the challenge is refused, the authorization pending", { "/chal", 1, 0, PROBLEM("400 No",
	  "malformed", ",\"detail\":\"not now\"") }, OUT_HOLD, "not now", 1, 0 },
	{ "a challenge that the CA is at already is not answered", { "/authz", 1, 0,
	  AUTHZ("pending", "{\"type\":\"http-01\",\"status\":\"processing\",\"token\":\"" CA_TOKEN
	  "\"}") }, OUT_RETRY, "looks", 0, 0 },
};

START_TEST(orders_keep_the_table_of_faults)
{
	const struct row *row = &rows[_i];
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble, wanted = row->trouble;
	struct err e;
	int rc;

	ca->fault = &row->fault;
	rc = run(&j, &e, &trouble);
	ck_assert_msg((rc == -1 ? e.class : OUT_OK) == row->class, "%s: got %s (%s), want %s",
	    row->what, outcome_word(rc == -1 ? e.class : OUT_OK), e.text,
	    outcome_word(row->class));
	ck_assert_msg(row->text == NULL || strstr(e.text, row->text) != NULL,
	    "%s: got \"%s\", want \"%s\" in it", row->what, e.text, row->text);
	ck_assert_msg(row->sent == 0 || ca_count(ca, row->fault.path) <= row->sent,
	    "%s: got %zu requests, want %zu", row->what, ca_count(ca, row->fault.path), row->sent);
	if (wanted == ACME_TROUBLE_NONE && row->class != OUT_OK)
		wanted = ACME_TROUBLE_CA;	/* the keeper does all that is asked of it */
	ck_assert_msg(trouble == wanted, "%s: got trouble %d, want %d", row->what, trouble, wanted);
	ck_assert_msg(trouble != ACME_TROUBLE_ACCOUNT || strstr(e.hint, "account register") != NULL,
	    "%s: %s", row->what, e.hint);
	/* What went up has come down, and what was refused was never asked of the keeper. */
	ck_assert_msg(ca->solves == ca->unsolves, "%s: %zu up, %zu down", row->what, ca->solves,
	    ca->unsolves);
	ck_assert_msg(row->class != OUT_REFUSE || ca->chains == 0, "%s", row->what);
	ck_assert_msg(strstr(row->what, "A35") == NULL || row->class == OUT_OK || ca->solves == 0,
	    "%s: was put up", row->what);
	ck_assert_msg(strstr(row->what, "A46") == NULL ||
	    (ca->solves == 1 && ca_count(ca, "/authz") == 1),
	    "%s: %zu up, %zu looks", row->what, ca->solves, ca_count(ca, "/authz"));
}
END_TEST

/* --- A01: the budget of a certificate --- */

START_TEST(no_certificate_costs_more_than_ten_repeats_for_a_nonce)
{
	struct acme_job j;
	enum acme_trouble trouble;
	struct err e;

	/* Each request is good at the third try: three names need more than ten. */
	ca->names = (size_t)_i;
	ca->bad_nonce_every = 3;
	j = ca_job(ca, ACME_ORDER);
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_ptr_nonnull(strstr(e.text, "more than 10 nonces"));
	ck_assert_uint_eq(ca->bad_nonces, 11);
}
END_TEST

START_TEST(a_bad_nonce_here_and_there_does_not_stop_many_certificates)
{
	struct acme_job j;
	enum acme_trouble trouble;
	struct err e;

	ca->bad_nonce_every = -10;
	for (int i = 0; i < 50; i++) {
		ca->answered = 0;
		ca->answered_at = ca->finalized_at = -1;
		j = ca_job(ca, ACME_ORDER);
		ck_assert_msg(run(&j, &e, &trouble) == 0, "%s", e.text);
	}
	ck_assert_uint_gt(ca->bad_nonces, 20);
}
END_TEST

/* --- A04 --- */

START_TEST(a_nonce_that_comes_twice_is_warned_of)
{
	/* newNonce handed out the same one before. */
	struct ca_fault f = { "/o", 1, 1, "HTTP/1.1 200 OK\r\nReplay-Nonce: nonce-1\r\n"
	    "Cache-Control: max-age=60\r\nContent-Type: application/json\r\n\r\n"
	    ORDER("ready") };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	const struct acme_result *r;
	struct acme_task *t;
	struct err e;

	ca->fault = &f;
	ca->ready_order = true;
	j.order = strdup(CA_URL "/o/1");
	t = ca_task(&session, &j);
	ck_assert_msg(ca_run(ca, t, &r, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(r->warnings.n, 1);
	ck_assert_ptr_nonnull(strstr(r->warnings.v[0], "max-age=60"));
	acme_task_free(t);
}
END_TEST

/* --- A13: the parser must not see them --- */

static char *
repeat(const char *what, size_t n)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
	size_t len = strlen(what), at = sizeof(head) - 1;
	char *s = malloc(at + len * n + 1);

	ck_assert_ptr_nonnull(s);
	memcpy(s, head, at);
	for (size_t i = 0; i < n; i++, at += len)
		memcpy(s + at, what, len);
	s[at] = '\0';
	return s;
}

START_TEST(huge_documents_are_refused)
{
	static const struct {
		const char	*what;
		size_t		 n;
	} bodies[] = {
		{ "[", 200000 }, { "{\"a\":", 40000 }, { "{},", 80000 }, { "[[[[[[[[", 30000 },
		{ "\"", 262144 }, { " ", 262144 },
	};
	struct ca_fault f = { "/dir", 1, 0, repeat(bodies[_i].what, bodies[_i].n) };
	struct acme_job j = ca_job(ca, ACME_DIRECTORY);
	enum acme_trouble trouble;
	struct err e;

	ca->fault = &f;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_uint_eq(ca->nsent, 2);
	free((void *)(uintptr_t)f.reply);
}
END_TEST

/* --- A45 --- */

START_TEST(what_the_ca_writes_becomes_one_harmless_line)
{
	struct buf b;
	struct ca_fault f = { "/order", 1, 0, NULL };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	buf_init(&b, ACME_BODY_MAX);
	buf_str(&b, "HTTP/1.1 403 No\r\nContent-Type: application/problem+json\r\n\r\n{\"type\":"
	    "\"urn:ietf:params:acme:error:rejectedIdentifier\","
	    "\"detail\":\"%s%n\\u001b]0;x\\u0007\\n"
	    "level=error msg=fake \\u202e\\u2028");
	for (int i = 0; i < 20000; i++)
		buf_str(&b, "long ");
	buf_str(&b, "\"}");
	f.reply = buf_cstr(&b);
	ca->fault = &f;
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_HOLD);
	ck_assert_ptr_nonnull(strstr(e.text, "rejectedIdentifier: %s%n?"));
	ck_assert_uint_lt(strlen(e.text), ERR_TEXT_MAX);
	for (const char *p = e.text; *p != '\0'; p++)
		ck_assert_msg((unsigned char)*p >= ' ' && *p != '\x7f', "octet %d", *p);
	buf_clear(&b);
}
END_TEST

/* --- A14, A16: lost on the way --- */

START_TEST(what_is_lost_on_the_way_is_tried_again_later)
{
	static const char *const paths[] = { "/dir", "/nonce", "/order", "/authz/1", "/chal/1",
	    "/o/1", "/final/1", "/cert/1" };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err lost, e;

	err_set(&lost, OUT_RETRY, "ca.example: the connection was lost");
	ca->lose = &lost;
	ca->lose_path = paths[_i];
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_RETRY);
	ck_assert_str_eq(e.text, lost.text);
	ck_assert_uint_eq(ca->solves, ca->unsolves);
}
END_TEST

/* libcurl sends again what it finds no reply to on a connection that has died. */
START_TEST(a_finalize_that_came_twice_still_leads_to_the_certificate)
{
	const struct ca_fault second = { "/final", 1, 1, PROBLEM("403 No", "orderNotReady",
	    ",\"detail\":\"it is valid\"") };
	const struct ca_fault done = { "/o/1", 2, 0, JSON_REPLY("{\"status\":\"valid\","
	    "\"certificate\":\"" CA_URL "/cert/1\"}") };
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err e;

	ca->fault = &second;
	ca->fault2 = &done;
	ck_assert_msg(run(&j, &e, &trouble) == 0, "got %s (%s)", outcome_word(e.class), e.text);
	ck_assert_uint_eq(ca->chains, 1);
	ck_assert_uint_eq(ca_count(ca, "/final"), 1);
}
END_TEST

START_TEST(a_chain_beyond_the_cap_is_refused)
{
	struct acme_job j = ca_job(ca, ACME_ORDER);
	enum acme_trouble trouble;
	struct err big, e;

	err_set(&big, OUT_RETRY, "too large");
	big.sys = 90;	/* EMSGSIZE, as http.c says it */
	ca->lose = &big;
	ca->lose_path = "/cert/1";
	ck_assert_int_eq(run(&j, &e, &trouble), -1);
	ck_assert_int_eq(e.class, OUT_REFUSE);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, orders_keep_the_table_of_faults, 0, NITEMS(rows));
	tcase_add_loop_test(tc, no_certificate_costs_more_than_ten_repeats_for_a_nonce, 3, 6);
	tcase_add_test(tc, a_bad_nonce_here_and_there_does_not_stop_many_certificates);
	tcase_add_test(tc, a_nonce_that_comes_twice_is_warned_of);
	tcase_add_loop_test(tc, huge_documents_are_refused, 0, 6);
	tcase_add_test(tc, what_the_ca_writes_becomes_one_harmless_line);
	tcase_add_loop_test(tc, what_is_lost_on_the_way_is_tried_again_later, 0, 8);
	tcase_add_test(tc, a_finalize_that_came_twice_still_leads_to_the_certificate);
	tcase_add_test(tc, a_chain_beyond_the_cap_is_refused);
}

int
main(void)
{
	Suite *s = suite_create("acme_faults");
	TCase *tc = tcase_create("acme_faults");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_tests(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
