/*
 * chain_check() over the faults A22 to A28 of FAULTS.md (S13); chain_world.h
 * explains the letters.
 */
#include <stdlib.h>

#include "chain_world.h"
#include "suite.h"

static const struct row rows[] = {
	{ GOOD("leaf and intermediate", "LI", "LI") },
	{ GOOD("text around", "tLtIt", "LI") },

	/* A22 */
	{ BAD("A22: a leaf for another key", "FI", "chain: certificate 1 (issued by CN = "
	  "Intermediate I): RFC 8555 section 7.4.2: public key") },

	/* A23 */
	{ GOOD("A23: the leaf last", "IL", "LI") },
	{ GOOD("A23: root included", "LIR", "LI") },
	{ GOOD("A23: root first", "RIL", "LI") },
	{ GOOD("A23: doubles", "LLIIL", "LI") },
	{ GOOD("A23: an unrelated certificate", "LUI", "LI") },
	{ GOOD("A23: unrelated ones first", "UOLI", "LI") },
	{ GOOD("A23: another leaf first", "FLI", "LI") },
	{ GOOD("A23: three in the wrong order", "JIM", "MJI") },
	{ BAD("A23: the leaf is missing", "I", "neither this one nor another of 1 has it") },
	{ BAD("A23: the leaf is missing among many", "IJRUX", "RFC 8555 section 7.4.2: "
	  "public key") },
	{ GOOD("A23: a cross-certificate is kept", "LIX", "LIX") },
	{ GOOD("A23: a long chain, cross-certificate and both roots", "OXRJIM", "MJIX") },
	{ GOOD("A23: an expired cross-certificate behind a trusted issuer goes", "LIE", "LI") },
	{ GOOD("A23: the valid one of two cross-certificates stays", "LIEX", "LIX") },
	{ GOOD("A23: the first of two issuers leads nowhere", "LVI", "LI") },
	{ GOOD("A23: the first issuer leads nowhere, and is there twice", "LVVI", "LI") },
	{ GOOD("A23: two that have signed each other", "MJKI", "MJI") },
	{ GOOD("A23: an issuer of the right name that did not sign", "LIY", "LI") },
	{ GOOD("A23: the first of two issuers leads nowhere, in a long chain", "MJVI", "MJI") },
	{ BAD("A23: an issuer of the right name that leads nowhere alone", "LV", "chain: "
	  "certificate 2 (CN = Intermediate I): RFC 5280 section 6.1: its issuer (CN = Old "
	  "Root O) is neither among") },

	/* A24 */
	{ BAD("A24: the intermediate is missing", "L", "chain: certificate 1 (issued by CN = "
	  "Intermediate I): RFC 5280 section 6.1: its issuer (CN = Intermediate I) is "
	  "neither among the intermediates received nor a root in /proc/self/fd/") },
	{ BAD("A24: the second intermediate is missing", "MJ", "certificate 2 (CN = "
	  "Intermediate J)") },
	{ BAD("A24: the first intermediate is missing", "MI", "certificate 1 (issued by CN = "
	  "Intermediate J)") },
	{ BAD("A24: root instead of the intermediate", "LR", "its issuer (CN = Intermediate "
	  "I) is neither") },

	/* A25 */
	{ BAD("A25: the leaf is expired", "LI", "chain: certificate 1 (issued by CN = "
	  "Intermediate I): RFC 5280 section 4.1.2.5: expired at 2027-01-15T07:59:59Z, now "
	  "is 2027-01-15T08:00:00Z"), .leaf = { .from = NOW - DAY, .until = NOW - 1 },
	  .hint = "this host's clock says 2027-01-15T08:00:00Z; is that right?" },
	{ BAD("A25: the last second, which libcrypto counts as past", "LI", "expired at "
	  "2027-01-15T08:00:00Z"), .leaf = { .until = NOW } },
	{ GOOD("A25: the second before it", "LI", "LI"), .leaf = { .until = NOW + 1 } },
	{ BAD("A25: not yet valid", "LI", "certificate 1 (issued by CN = Intermediate I): "
	  "RFC 5280 section 4.1.2.5: not yet valid: begins at 2027-01-15T08:10:01Z, now is "
	  "2027-01-15T08:00:00Z"), .leaf = { .from = NOW + 601 } },
	{ GOOD("A25: valid in ten minutes", "LI", "LI"), .leaf = { .from = NOW + 600 } },
	{ BAD("A25: expired, our clock is ahead", "LI", "expired at"), .ca_ahead = -12 * HOUR,
	  .leaf = { .from = NOW - DAY, .until = NOW - 1 },
	  .hint = "the CA's says 2027-01-14T20:00:00Z: ours is 12 h ahead; set the clock" },
	{ BAD("A25: not yet valid, our clock is behind", "LI", "not yet valid"),
	  .ca_ahead = 12 * HOUR, .leaf = { .from = NOW + 11 * HOUR }, .hint = "ours is 12 h "
	  "behind; set the clock" },
	{ BAD("A25: expired, the clocks agree", "LI", "expired at"), .ca_ahead = 2, .leaf = {
	  .from = NOW - DAY, .until = NOW - 1 }, .hint = "the fault is the CA's" },
	{ BAD("A25: the intermediate is expired", "LI", "certificate 2 (CN = Intermediate "
	  "I): RFC 5280 section 4.1.2.5: expired"), .inter = { CA_I, .from = NOW - DAY,
	  .until = NOW - 1 } },
	{ BAD("A25: the intermediate is not yet valid", "LI", "certificate 2 (CN = "
	  "Intermediate I): RFC 5280 section 4.1.2.5: not yet valid"), .inter = { CA_I,
	  .from = NOW + HOUR } },
	{ BAD("A25: ends before it begins", "LI", "certificate 1 (issued by CN = "
	  "Intermediate I): RFC 5280 section 4.1.2.5: ends before"), .leaf = { .from = NOW + 300,
	  .until = NOW + 200 } },

	/* A26 */
	{ BAD("A26: a requested name is missing", "LI", "chain: certificate 1: RFC 6125 "
	  "section 6.4: subjectAltName: want example.com among 1 names, it is missing"),
	  .names = { NAME, "example.com" } },
	{ BAD("A26: no names at all", "LI", "want " NAME " among 0 names"), .leaf = { .names =
	  "" } },
	{ BAD("A26: the name as subject alone", "LI", "want " NAME " among 0 names"), .leaf = {
	  .names = "", .cn = NAME } },
	{ BAD("A26: the name under a wildcard", "LI", "want " NAME " among 1 names"), .leaf = {
	  .names = "DNS:*.example.com" } },
	{ BAD("A26: a wildcard for another label", "LI", "want *.example.com among 1 names"),
	  .names = { "*.example.com" } },
	{ BAD("A26: an address as host name", "LI", "want 192.0.2.1 among 0 names"), .names = {
	  "192.0.2.1" },
	  .leaf = { .names = "DNS:192.0.2.1" } },
	{ BAD("A26: a host name as URI", "LI", "want " NAME " among 0 names"), .leaf = { .names =
	  "URI:sip:" NAME } },
	{ GOOD("A26: capitals", "LI", "LI"), .leaf = { .names = "DNS:SIP.Example.COM" } },
	{ GOOD("A26: a wildcard that was asked for", "LI", "LI"), .names = { "*.example.com",
	  "example.com" },
	  .leaf = { .names = "DNS:example.com,DNS:*.example.com" } },
	{ GOOD("A26: addresses", "LI", "LI"), .names = { "192.0.2.1", "2001:DB8:0::1", NAME },
	  .leaf = { .names = "IP:2001:db8::1,DNS:" NAME ",IP:192.0.2.1" } },
	{ BAD("A26: another address", "LI", "want 192.0.2.1"), .names = { "192.0.2.1" },
	  .leaf = { .names = "IP:192.0.2.2" } },
	{ BAD("A26: a wildcard that nobody asked for", "LI", "certificate 1: RFC 6125 "
	  "section 6.4.3: subjectAltName: have the wildcard *.example.com, nobody asked for "
	  "it"), .leaf = { .names = "DNS:" NAME ",DNS:*.example.com" } },
	{ GOOD("A26: extra names are told", "LI", "LI"), .leaf = { .names =
	  "DNS:www.example.com,DNS:" NAME ",IP:192.0.2.7,URI:sip:example.com,email:a@b.c" },
	  .extra = "www.example.com 192.0.2.7 URI:sip:example.com email:a@b.c" },
	{ BAD("A26: a name that is none", "LI", "subjectAltName: want host names and "
	  "addresses, have DNS:a_b/../c"), .leaf = { .names = "DNS:" NAME ",DNS:a_b/../c" } },
	{ BAD("A26: NUL in a name", "LI", "want host names and addresses, have DNS:" NAME
	  "?.evil.example"), .leaf = { .names = "", .more_oid = "2.5.29.17", .more =
	  "3030820f7369702e6578616d706c652e636f6d" /* sip.example.com */
	  "821d7369702e6578616d706c652e636f6d002e6576696c2e6578616d706c65" } },
	{ BAD("A26: an address of five octets", "LI", "want host names and addresses, have IP:"),
	  .leaf = { .names = "", .more_oid = "2.5.29.17", .more =
	  "3018820f7369702e6578616d706c652e636f6d8705c000020101" } },
	{ BAD("A26: subjectAltName twice", "LI", "RFC 5280 section 4.2.1.6: subjectAltName "
	  "cannot be read, or is there twice"), .leaf = { .more_oid = "2.5.29.17", .more =
	  "3003820161" } },
	{ BAD("A26: subjectAltName that is none", "LI", "subjectAltName cannot be read"),
	  .leaf = { .names = "", .more_oid = "2.5.29.17", .more = "0500" } },

	/* A27 */
	{ BAD("A27: the leaf is a CA", "LI", "certificate 1: RFC 5280 section 4.2.1.9: "
	  "basicConstraints or keyUsage: want a leaf, have a CA"), .leaf = { .ca = true, .eku =
	  "serverAuth" } },
	{ BAD("A27: the leaf may sign certificates", "LI", "want a leaf, have a CA"), .leaf = {
	  .ku = "digitalSignature,keyCertSign", .no_basic = true } },
	{ BAD("A27: for clients only", "LI", "certificate 1: RFC 5280 section 4.2.1.12: "
	  "extKeyUsage: want serverAuth, it is missing"), .leaf = { .eku = "clientAuth" } },
	{ GOOD("A27: for servers and clients", "LI", "LI"), .leaf = { .eku =
	  "clientAuth,serverAuth" } },
	{ BAD("A27: for anything", "LI", "want serverAuth"), .leaf = { .eku =
	  "anyExtendedKeyUsage" } },
	{ BAD("A27: for nothing named", "LI", "want serverAuth"), .leaf = { .eku = "" } },
	{ BAD("must-staple", "LI", "certificate 1: RFC 7633 section 4: TLS feature"),
	  .leaf = { .more_oid = "1.3.6.1.5.5.7.1.24", .more = "3003020105" } },
	{ BAD("A27: must not sign", "LI", "certificate 1: RFC 8446 section 4.4.2.2: "
	  "keyUsage: want digitalSignature"), .leaf = { .ku = "critical,keyEncipherment" } },
	{ GOOD("A27: key usage left open", "LI", "LI"), .leaf = { .ku = "" } },
	{ BAD("A27: signed with SHA-1", "LI", "certificate 1 (issued by CN = Intermediate "
	  "I): security level 2: signature: want a digest of 112 bits of security, have SHA1"),
	  .leaf = { .md = "SHA1" } },
	{ BAD("A27: the intermediate is signed with SHA-1", "LI", "certificate 2 (CN = "
	  "Intermediate I): security level 2: signature"), .inter = { CA_I, .md = "SHA1" } },
	{ BAD("A27: the intermediate has RSA of 1024 bits", "LI", "certificate 2 (CN = "
	  "Intermediate I): security level 2: public key: want 112 bits of security (RSA: "
	  "2048), have rsa-1024"), .inter = { CA_I, .key = "rsa-1024" } },
	{ BAD("A27: the root has RSA of 1024 bits", "LI", "RFC 5280 section 6.1: CA "
	  "certificate key too weak"), .root = { CA_R, .key = "rsa-1024" } },
	{ BAD("A27: an issuer whose signatures take long to verify", "LI", "its issuer (CN = "
	  "Intermediate I) is neither"), .inter = { CA_I, .key = "rsa-2048-slow" } },
	{ BAD("A27: an extension of the leaf that is none", "LI", "certificate 1 (issued by "
	  "CN = Intermediate I): RFC 5280 section 4.2: an extension cannot be read"), .leaf = {
	  .more_oid = "2.5.29.31", .more = "0500" } },
	{ BAD("A27: an extension of the intermediate that is none", "LI", "its issuer (CN = "
	  "Intermediate I) is neither among"), .inter = { CA_I, .more_oid = "2.5.29.31", .more =
	  "0500" } },
	{ BAD("A27: an unknown critical extension", "LI", "certificate 1 (issued by CN = "
	  "Intermediate I): RFC 5280 section 4.2: unknown critical extension"), .leaf = { .more =
	  "0500", .more_critical = true } },
	{ GOOD("A27: an unknown extension", "LI", "LI"), .leaf = { .more = "0500" } },
	{ BAD("A27: an unknown critical extension of the intermediate", "LI", "certificate 2 "
	  "(CN = Intermediate I): RFC 5280 section 4.2: unknown critical"), .inter = { CA_I,
	  .more = "0500", .more_critical = true } },
	{ BAD("A27: the intermediate is no CA", "LI", "certificate 2 (CN = Intermediate I): "
	  "RFC 5280 section 4.2.1.9: basicConstraints: want a CA, it is none"), .inter = { .cn =
	  "Intermediate I", .ku = "" } },
	{ BAD("A27: the intermediate must not sign", "LI", "its issuer (CN = Intermediate I) "
	  "is neither"), .inter = { CA_I, .ku = "digitalSignature" } },
	{ BAD("A27: the intermediate is for clients only", "LI", "certificate 2 (CN = "
	  "Intermediate I): RFC 5280 section 6.1: "), .inter = { CA_I, .eku = "clientAuth" } },
	{ BAD("A27: no path length for another CA", "MJI", "RFC 5280 section 6.1: path length"),
	  .inter = { CA_I, .no_basic = true, .more_oid = "2.5.29.19", .more =
	  "30060101ff020100" } },
	{ BAD("A27: names that the intermediate must not sign", "LI", "RFC 5280 section 6.1: "
	  "permitted subtree"), .inter = { CA_I, .more_oid = "2.5.29.30", .more =
	  "3011a00f300d820b6578616d706c652e6f7267" } },

	/* A28 */
	{ BAD("A28: nothing", "", "chain: RFC 8555 section 7.4.2: want certificates, the "
	  "body is empty") },
	{ BAD("A28: text", "t", "chain: RFC 8555 section 9.1: no certificate in it: 30 "
	  "octets that begin with 'subject=CN = sip.example.com") },
	{ BAD("A28: HTML", "h", "chain: line 1: RFC 7468 section 2: want PEM, have HTML: "
	  "<html><body>Please") },
	{ BAD("A28: HTML behind the chain", "LIh", "want PEM, have HTML") },
	{ BAD("A28: a private key behind the chain", "LIk", "RFC 8555 section 9.1: want only "
	  "CERTIFICATE blocks, have PRIVATE KEY"), .hint = "a key that came from outside is "
	  "not stored" },
	{ BAD("A28: a private key before the chain", "kLI", "chain: line 1: RFC 8555 section "
	  "9.1: want only CERTIFICATE blocks, have PRIVATE KEY") },
	{ BAD("A28: an encrypted key", "LIe", "have ENCRYPTED PRIVATE KEY") },
	{ BAD("A28: a request", "LIr", "have CERTIFICATE REQUEST") },
	{ BAD("A28: comments", "LIcccccccc", "octets: want at most 262144") },
	{ GOOD("A28: comments within the limit", "LIc", "LI") },
	{ BAD("A28: eleven certificates", "LIUUUUUUUUU", "more than 10 certificates") },
	{ GOOD("A28: ten certificates", "LIUUUUUUUU", "LI") },
	{ BAD("A28: broken base64", "bLI", "chain: line 1: RFC 7468 section 3: not base64") },
	{ BAD("A28: no certificate in the block", "LId", "RFC 5280 section 4.1: not a "
	  "certificate") },
	{ BAD("A28: an octet behind a certificate", "zI", "RFC 5280 section 4.1: not a "
	  "certificate") },
	{ BAD("A28: the end is cut", "LIx", "RFC 7468 section 2: block without its END line: "
	  "the text was cut") },
};

START_TEST(chains_are_judged_as_the_table_says)
{
	struct world w;
	struct chain_in in;

	world_init(&w, &rows[_i]);
	in = world_input(&w, rows[_i].sent);
	if (rows[_i].ca_ahead != 0)
		in.ca_now = NOW + rows[_i].ca_ahead;
	world_check(&w, &rows[_i], in);
	world_clear(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("chain");
	TCase *tc = tcase_create("chain");

	tcase_set_timeout(tc, 120);	/* RSA keys under a sanitizer */
	tcase_add_loop_test(tc, chains_are_judged_as_the_table_says, 0, (int)NITEMS(rows));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
