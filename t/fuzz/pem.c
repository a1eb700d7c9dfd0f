/*
 * pem: any octets as a CA's reply, as a key file and as a request (FAULTS I06).
 * What begins like DER is taken for a certificate and wrapped, with its issuer
 * behind it, so that mutations reach what is inside. What is accepted must be
 * accepted again when it was written, and be the same.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chain.h"
#include "csrfile.h"
#include "pem.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define NOW	INT64_C(1800000000)

static const char root_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBTzCB96ADAgECAgEKMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBFJvb3QwIBcN\n"
    "MjAwMTAxMDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBFJvb3Qw\n"
    "WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ/6H4tcm4DGmIRRZoh1Z5y0CgHoYnQ\n"
    "YcL5fAEkvH/CRrKEX4itAEI1qocUbmxHMqebQHn4EECwkGLyj2fr8ZVmo0IwQDAP\n"
    "BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUOQtqtkk4\n"
    "+i6ACNd8Zh15hN5uQOQwCgYIKoZIzj0EAwIDRwAwRAIgU97wgg7tZOZyTKDlkSh5\n"
    "zBEmO+CTwzmMK6ih1qaeMMQCIAzpkAZlTTM0zZL9lWNZkyB7W65SQLwpcxRTdPsB\n"
    "a7r0\n"
    "-----END CERTIFICATE-----\n";

static const char issuer_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdDCCARqgAwIBAgIBCzAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARSb290MCAX\n"
    "DTIwMDEwMTAwMDAwMFoYDzIxMDAwMTAxMDAwMDAwWjARMQ8wDQYDVQQDDAZJc3N1\n"
    "ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQzxilu2z5N5rjBZiB4aDaeuASG\n"
    "TmaFslaqTmcWXONOCCRjW5vqFFu2J0BUWxvS7b3v2Fx/29OO7xD/GWPHrzz4o2Mw\n"
    "YTAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUD9WF\n"
    "Lrix+0PHprMC1HNlg09NIWYwHwYDVR0jBBgwFoAUOQtqtkk4+i6ACNd8Zh15hN5u\n"
    "QOQwCgYIKoZIzj0EAwIDSAAwRQIgAOti0iCdDSiqp95Jq5Jmq0jjd1V743CS8iqW\n"
    "GLzTnFoCIQD/axK8LsY7dtLnQ6tNVb5JwNtzoBSYf5Sbb0bbMfzbbA==\n"
    "-----END CERTIFICATE-----\n";

/* RFC 7515 appendix A.3 */
static const char key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";

static struct {
	struct key	*key;
	struct trust	*trust;
	struct strs	 names;
} fixed;

static void
set_up(void)
{
	struct err e = ERR_NONE;
	int fd = memfd_create("root", 0);

	if (fd == -1 || dup2(fd, 100) == -1 || close(fd) == -1 ||
	    write(100, root_pem, sizeof root_pem - 1) != sizeof root_pem - 1 ||
	    (fixed.key = key_from_pem(span_str(key_pem), &e)) == NULL ||
	    (fixed.trust = trust_new(&e)) == NULL ||
	    strs_add(&fixed.names, "sip.example.com") == -1)
		abort();
}

static void
try_chain(struct span in)
{
	struct chain_in want = {
		.pem = in, .key = fixed.key, .names = &fixed.names, .now = NOW,
		.trust = fixed.trust, .bundle = "/proc/self/fd/100",
	};
	struct err e = ERR_NONE;
	struct chain *c, *again;
	struct buf full, twice;

	if (chain_check(&want, &c, &e) == -1) {
		if (e.class != OUT_REFUSE || e.text[0] == '\0')
			abort();
		return;
	}
	buf_init(&full, CHAIN_MAX * 2);
	buf_init(&twice, CHAIN_MAX * 2);
	chain_put_full(c, &full);
	want.pem = buf_span(&full);
	if (chain_check(&want, &again, &e) == -1)
		abort();
	chain_put_full(again, &twice);
	if (!span_eq(buf_span(&full), buf_span(&twice)))
		abort();
	buf_clear(&full);
	buf_clear(&twice);
	chain_free(c);
	chain_free(again);
}

static void
try_key(struct span in)
{
	struct err e = ERR_NONE;
	struct key *k = key_from_pem(in, &e), *again;
	struct buf pem;

	if (k == NULL)
		return;
	buf_init(&pem, KEY_PEM_MAX);
	if (key_to_pem(k, &pem, &e) == -1 ||
	    (again = key_from_pem(buf_span(&pem), &e)) == NULL || !key_same(k, again))
		abort();
	buf_clear(&pem);
	key_free(k);
	key_free(again);
}

static void
try_csr(struct span in)
{
	struct err e = ERR_NONE;
	struct csrfile csr;

	if (csrfile_read(in, &csr, &e) == -1 && (e.class == OUT_OK || e.text[0] == '\0'))
		abort();
	csrfile_clear(&csr);
}

static void
try_read(struct span in)
{
	struct err e = ERR_NONE;
	struct certs certs;

	if (chain_read(in, &certs, &e) == 0)
		pack_clear(&certs_pack, &certs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_of(data, n);
	struct buf pem;

	if (fixed.key == NULL)
		set_up();
	try_csr(in);
	buf_init(&pem, CHAIN_MAX * 2);
	if (n > 0 && data[0] == 0x30 && n < CHAIN_MAX / 2) {
		pem_put(&pem, "CERTIFICATE", in);
		buf_str(&pem, issuer_pem);
		in = buf_span(&pem);
	}
	try_chain(in);
	try_read(in);
	try_key(in);
	buf_clear(&pem);
	return 0;
}
