/*
 * responder: any octets into the parsers of the test CA: HTTP both ways, JWS
 * and JWK, certificate requests, identifiers, fault rules, tls-alpn-01's
 * certificates, records of dns-persist-01 (FAULTS I11). The first octet says which.
 */
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "responder/api.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
try_http(struct span in)
{
	struct http_request req;
	struct http_answer a;
	struct buf scratch;
	int status;

	buf_init(&scratch, 65536);
	if (http_read_request(in, &scratch, &req, &status) == HTTP_WHOLE && req.size > in.n)
		abort();
	(void)http_read_answer(in, (in.n & 1) != 0, &scratch, &a);
	buf_clear(&scratch);
}

static void
try_jws(struct span in)
{
	struct problem p;
	struct jws j;

	jws_init(&j);
	/* whether it holds is not the point: that it comes to an end is */
	if (jws_read(in, &j, &p) == 0 && j.jwk != NULL && jws_verify(&j, j.jwk, &p) == 0)
		p.status = 0;
	jws_clear(&j);
}

static void
try_csr(struct span in)
{
	static char name[] = "a.example";
	struct authz a = { .ident = { IDENT_DNS, false, name } }, *list[] = { &a };
	struct account account = { .key = NULL };
	struct order o = { .account = &account, .authz = list, .nauthz = 1 };
	struct problem p;
	struct csr csr;

	if (csr_check(in, &o, &csr, &p) == 0)
		csr_clear(&csr);
}

static void
try_texts(struct span in)
{
	static char name[] = "a.example";
	struct ident ident, host = { IDENT_DNS, false, name };
	struct va_ask ask = { CHAL_PERSIST, &host, "t", "t", "https://ca/1" };
	struct va_answer answer = { .ntext = 1 };
	struct sockaddr_storage address;
	struct faults *faults;
	struct problem p;
	struct err e;
	char *text = span_dup(in);

	if (text == NULL)
		return;
	answer.text[0] = text;
	if (va_judge_persist(&ask, &answer, 0, &p) == 0)
		p.status = 0;
	if (va_judge_caa(&ask, &answer, &p) == 0)
		p.status = 0;
	if (ident_read("dns", text, &ident, &p) == 0)
		free(ident.value);
	if (ident_read("ip", text, &ident, &p) == 0)
		free(ident.value);
	if (faults_new(&faults, &e) == 0) {
		if (faults_add(faults, text, &e) == 0)
			(void)fault_pick(faults, AT_REQUEST, text);
		faults_free(faults);
	}
	if (options_address(text, &address, &e) == 0 && address.ss_family == AF_INET &&
	    ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr) >> 24 != 127)
		abort();
	free(text);
}

static void
try_alpn(struct span in)
{
	static char name[] = "a.example";
	struct ident host = { IDENT_DNS, false, name };
	struct va_ask ask = { CHAL_ALPN, &host, "t", "t", "" };
	struct tls_info info = { .alpn = "acme-tls/1", .peer_certs = &in, .npeer_certs = 1 };
	struct problem p;

	/* Nobody has a certificate for this thumbprint by chance. */
	if (va_judge_alpn(&ask, &info, &p) == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = n != 0 ? span_of(data + 1, n - 1) : SPAN_NONE;

	switch (n != 0 ? data[0] : 'h') {
	case 'j':
		try_jws(in);
		break;
	case 'c':
		try_csr(in);
		break;
	case 't':
		try_texts(in);
		break;
	case 'a':
		try_alpn(in);
		break;
	default:
		try_http(in);
		break;
	}
	return 0;
}
