/*
 * check_tls_alerts: each way in which a message of a client can be wrong, and
 * the alert of our server that the RFC wants for it.
 */
#include "suite.h"
#include "tlsedit.h"

/* --- ClientHello, read by a server --- */

#define CH		TLS_MSG_CLIENT_HELLO, 0
#define HELLO_12(suites) "0303" ZEROS "00" suites "0100"

static const struct row hellos[] = {
	{ "as it is", NO_ALERT, 0, CH, { { KEEP, 0, NULL } } },
	{ "SSL 3.0", ALERT(PROTOCOL_VERSION), 0, CH, { { FRONT, 0, "0300" } } },
	{ "a legacy_version that says nothing", NO_ALERT, 0, CH, { { FRONT, 0, "0304" } } },
	{ "one octet too many", ALERT(DECODE_ERROR), 0, CH, { { APPEND, 0, "00" } } },
	{ "one octet too few", ALERT(DECODE_ERROR), 0, CH, { { CUT, 1, NULL } } },
	{ "nothing", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0, "" } } },
	{ "a session identifier of 33 octets", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0,
	    "0303" ZEROS "21" ZEROS "00" "0002c02b0100" } } },
	{ "no suites", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0, HELLO_12("0000") } } },
	{ "half a suite", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0, HELLO_12("0003c02bc0") } } },
	{ "no compression method", ALERT(DECODE_ERROR), 0, CH, { { BODY, 0,
	    "0303" ZEROS "00" "0002c02b00" } } },
	{ "another compression method", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { AT_SUITE, 0, "030101" } } },
	{ "an extension longer than the block", ALERT(DECODE_ERROR), 0, CH,
	    { { EXT_ALL, 0, "0004000a0001" } } },
	{ "half an extension", ALERT(DECODE_ERROR), 0, CH, { { EXT_ALL, 0, "0003000a00" } } },
	{ "two in a record", ALERT(UNEXPECTED_MESSAGE), 0, CH, { { DOUBLE, 0, NULL } } },

	/* RFC 8446 section 4.2 */
	{ "an unknown extension", NO_ALERT, 0, CH, { { EXT_SET, X_UNKNOWN, "aabb" } } },
	{ "an unknown extension twice", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_UNKNOWN, "" }, { EXT_TWICE, X_UNKNOWN, NULL } } },
	{ "groups twice", ALERT(ILLEGAL_PARAMETER), 0, CH, { { EXT_TWICE, X_GROUPS, NULL } } },

	/* RFC 8446 section 4.2.1 */
	{ "an unknown version more", NO_ALERT, 0, CH, { { EXT_SET, X_VERSIONS, "047a7a0304" } } },
	{ "no versions", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_VERSIONS, "00" } } },
	{ "half a version", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_VERSIONS, "03030403" } } },
	{ "versions and more", ALERT(DECODE_ERROR), 0, CH,
	    { { EXT_SET, X_VERSIONS, "02030400" } } },
	{ "only TLS 1.1", ALERT(PROTOCOL_VERSION), 0, CH, { { EXT_SET, X_VERSIONS, "020302" } } },
	{ "only TLS 1.3 where it is not spoken", ALERT(PROTOCOL_VERSION), F_ONLY_12, CH,
	    { { KEEP, 0, NULL } } },

	/* RFC 8446 section 9.2 */
	{ "without signatures", ALERT(MISSING_EXTENSION), 0, CH, { { EXT_DROP, X_SIGS, NULL } } },
	{ "without groups", ALERT(MISSING_EXTENSION), 0, CH, { { EXT_DROP, X_GROUPS, NULL } } },
	{ "without shares", ALERT(MISSING_EXTENSION), 0, CH, { { EXT_DROP, X_SHARE, NULL } } },
	{ "without groups and shares", ALERT(MISSING_EXTENSION), 0, CH,
	    { { EXT_DROP, X_GROUPS, NULL }, { EXT_DROP, X_SHARE, NULL } } },

	/* RFC 8446 sections 4.2.3 and 4.2.7 */
	{ "an empty list of signatures", ALERT(DECODE_ERROR), 0, CH,
	    { { EXT_SET, X_SIGS, "0000" } } },
	{ "half a signature", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_SIGS, "0003040304" } } },
	{ "unknown signatures only", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { EXT_SET, X_SIGS, "00020707" } } },
	{ "signatures for another key", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { EXT_SET, X_SIGS, "00020804" } } },
	{ "PKCS #1 only", ALERT(HANDSHAKE_FAILURE), F_RSA, CH,
	    { { EXT_SET, X_SIGS, "00020401" } } },
	{ "no groups", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_GROUPS, "0000" } } },
	{ "half a group", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_GROUPS, "0003001d00" } } },
	{ "no group in common", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { EXT_SET, X_GROUPS, "00020019" },
	    { EXT_SET, X_SHARE, "0000" } } },

	/* RFC 8446 section 4.2.8 */
	{ "a share of a group not listed", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_GROUPS, "00020019" } } },
	{ "a share of an unknown group not listed", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_GROW, X_SHARE, "7a7a000100" } } },
	{ "two shares of one group", ALERT(ILLEGAL_PARAMETER), 0, CH, { { EXT_SET, X_SHARE,
	    "0048001d0020" POINT "001d0020" POINT } } },
	{ "an empty share", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_SHARE, "0004001d0000" } } },
	{ "half a share", ALERT(DECODE_ERROR), 0, CH,
	    { { EXT_SET, X_SHARE, "0006001d00200000" } } },
	{ "a short share", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_SHARE, "0005001d000100" } } },
	{ "a share of zeros", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_SHARE, "0024001d0020" ZEROS } } },
	{ "a point that is not on the curve", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_SHARE, "00450017004104" POINT POINT } } },
	{ "a compressed point", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_SHARE, "00250017002102" POINT } } },
	{ "an unknown group with a share", NO_ALERT, 0, CH, { { EXT_SET, X_GROUPS, "0004001d7a7a" },
	    { EXT_GROW, X_SHARE, "7a7a000100" } } },

	/* RFC 6066 section 3 */
	{ "an empty list of names", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_NAME, "0000" } } },
	{ "no list of names", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_NAME, "" } } },
	{ "an empty name", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_NAME, "0003000000" } } },
	{ "two names", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_NAME, "00080000016100000162" } } },
	{ "a name with a zero", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_NAME, "00060000036100" "62" } } },
	{ "a name of another type", NO_ALERT, 0, CH, { { EXT_SET, X_NAME, "0004010001" "61" } } },

	/* RFC 7301 section 3 */
	{ "no protocol in common", ALERT(NO_APPLICATION_PROTOCOL), F_ALPN, CH,
	    { { EXT_SET, X_ALPN, "0003026832" } } },
	{ "a protocol for a server without any", NO_ALERT, 0, CH,
	    { { EXT_SET, X_ALPN, "0003026832" } } },
	{ "no protocols", ALERT(DECODE_ERROR), F_ALPN, CH, { { EXT_SET, X_ALPN, "0000" } } },
	{ "an empty protocol", ALERT(DECODE_ERROR), F_ALPN, CH,
	    { { EXT_SET, X_ALPN, "000400026832" } } },
	{ "protocols and more", ALERT(DECODE_ERROR), F_ALPN, CH,
	    { { EXT_SET, X_ALPN, "000302683200" } } },

	/* RFC 8449 section 4 */
	{ "a record limit of 63", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { EXT_SET, X_LIMIT, "003f" } } },
	{ "a record limit of 65535", NO_ALERT, 0, CH, { { EXT_SET, X_LIMIT, "ffff" } } },
	{ "a record limit of one octet", ALERT(DECODE_ERROR), 0, CH,
	    { { EXT_SET, X_LIMIT, "ff" } } },

	/* RFC 5746 section 3.6, RFC 7627 section 5.1, RFC 8422 section 5.1.2: nothing of TLS 1.3 */
	{ "a renegotiation that is none", NO_ALERT, 0, CH, { { EXT_SET, X_RENEG, "0101" } } },
	{ "an extended master secret with content", NO_ALERT, 0, CH, { { EXT_SET, X_EMS, "00" } } },
	{ "point formats that are none", NO_ALERT, 0, CH, { { EXT_SET, 11, "" } } },
	{ "point formats without uncompressed", NO_ALERT, 0, CH, { { EXT_SET, 11, "0101" } } },

	/* RFC 8446 sections 4.2.2, 4.2.9, 4.2.10 */
	{ "an empty cookie", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_COOKIE, "0000" } } },
	{ "no PSK modes", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_MODES, "00" } } },
	{ "early data with content", ALERT(DECODE_ERROR), 0, CH, { { EXT_SET, X_EARLY, "00" } } },

	/* RFC 8446 section 4.2.11 */
	{ "a ticket", NO_ALERT, F_RESUME, CH, { { KEEP, 0, NULL } } },
	{ "a ticket and no modes", ALERT(MISSING_EXTENSION), F_RESUME, CH,
	    { { EXT_DROP, X_MODES, NULL } } },
	{ "a wrong binder", ALERT(DECRYPT_ERROR), F_RESUME, CH, { { FLIP, 0, NULL } } },
	{ "a ticket that is not last", ALERT(ILLEGAL_PARAMETER), F_RESUME, CH,
	    { { EXT_LAST, X_GROUPS, NULL } } },
	{ "a ticket for another mode", NO_ALERT, F_RESUME, CH, { { EXT_SET, X_MODES, "0100" } } },
	{ "an unknown ticket", NO_ALERT, F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "0007000161000000000021" "20" ZEROS } } },
	{ "an unknown ticket for a server without keys", NO_ALERT, 0, CH, { { EXT_SET, X_PSK,
	    "0007000161000000000021" "20" ZEROS } } },
	{ "two tickets, one binder", ALERT(ILLEGAL_PARAMETER), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "000e00016100000000000161000000000021" "20" ZEROS } } },
	{ "a short binder", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "000700016100000000000201" "00" } } },
	{ "no binders", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "00070001610000000000" "00" } } },
	{ "no tickets", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "00000021" "20" ZEROS } } },
	{ "an empty ticket", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "00060000000000000021" "20" ZEROS } } },
	{ "tickets and more", ALERT(DECODE_ERROR), F_TICKETS, CH, { { EXT_SET, X_PSK,
	    "0007000161000000000021" "20" ZEROS "00" } } },
	{ "an unknown ticket and no signatures", ALERT(MISSING_EXTENSION), F_TICKETS, CH, {
	    { EXT_DROP, X_SIGS, NULL }, { EXT_SET, X_PSK, "0007000161000000000021" "20" ZEROS } } },

	/* TLS 1.2: the client of ours does not understand the answer, but the server is content. */
	{ "TLS 1.1", ALERT(PROTOCOL_VERSION), 0, CH,
	    { { BODY, 0, "0302" ZEROS "000002c02b0100" } } },
	{ "TLS 1.2 without signatures", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") } } },
	{ "TLS 1.2 without the null method", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { BODY, 0, "0303" ZEROS "000002c02b0101" } } },
	{ "TLS 1.2 with a suite for another key", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02f") "0008000d000400020403" } } },
	{ "TLS 1.2 with a suite of TLS 1.3", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("00021301") "0008000d000400020403" } } },
	{ "TLS 1.2 as a fallback", ALERT(INAPPROPRIATE_FALLBACK), 0, CH,
	    { { BODY, 0, HELLO_12("0004c02b5600") "0008000d000400020403" } } },
	{ "TLS 1.2 as a fallback, and rightly", NO_ALERT, F_ONLY_12, CH,
	    { { BODY, 0, HELLO_12("0004c02b5600") "0008000d000400020403" } } },
	{ "TLS 1.2 without the curve of the certificate", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "0010000d000400020403000a00040002001d" } } },
	{ "TLS 1.2 without uncompressed points", ALERT(ILLEGAL_PARAMETER), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "000e000d000400020403000b00020101" } } },
	{ "TLS 1.2 without point formats", ALERT(DECODE_ERROR), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "000d000d000400020403000b000100" } } },
	{ "TLS 1.2 that renegotiates", ALERT(HANDSHAKE_FAILURE), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "000e000d000400020403ff0100020101" } } },
	{ "TLS 1.2 with half a renegotiation", ALERT(DECODE_ERROR), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "000d000d000400020403ff01000101" } } },
	{ "TLS 1.2 with an extended master secret with content", ALERT(DECODE_ERROR), 0, CH,
	    { { BODY, 0, HELLO_12("0002c02b") "000d000d0004000204030017000100" } } },
	{ "TLS 1.2", NO_ALERT, 0, CH, { { BODY, 0,
	    HELLO_12("0002c02b") "0008000d000400020403" } } },
};

START_TEST(a_bad_client_hello_gets_the_alert_of_the_rfc)
{
	run_row(&hellos[_i], true);
}
END_TEST

/* --- what follows from a client, read by a server --- */

#define CH2		TLS_MSG_CLIENT_HELLO, 1

static const struct row client_messages[] = {
	/* RFC 8446 section 4.1.2 */
	{ "the second hello as it is", NO_ALERT, F_RETRY, CH2, { { KEEP, 0, NULL } } },
	{ "another random", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2,
	    { { FRONT, 0, "0303" "00000000" } } },
	{ "another legacy_version", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2,
	    { { FRONT, 0, "0302" } } },
	{ "an extension more", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2,
	    { { EXT_SET, X_UNKNOWN, "" } } },
	{ "an extension less", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2,
	    { { EXT_DROP, X_MODES, NULL } } },
	{ "another extension", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_NAME,
	    "0004000001" "61" } } },
	{ "padding more", NO_ALERT, F_RETRY, CH2, { { EXT_SET, 21, "0000" } } },
	{ "extensions in another order", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2,
	    { { EXT_LAST, X_GROUPS, NULL } } },
	{ "a cookie from nowhere", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2,
	    { { EXT_SET, X_COOKIE, "000100" } } },
	{ "no share still", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2,
	    { { EXT_SET, X_SHARE, "0000" } } },
	{ "the first share still", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_SHARE,
	    "0024001d0020" POINT } } },
	{ "one share more", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2,
	    { { EXT_GROW, X_SHARE, "7a7a000100" } } },
	{ "early data", ALERT(ILLEGAL_PARAMETER), F_RETRY, CH2, { { EXT_SET, X_EARLY, "" } } },
	{ "a third hello", ALERT(UNEXPECTED_MESSAGE), F_RETRY, CH2, { { DOUBLE, 0, NULL } } },
	{ "a wrong binder", ALERT(DECRYPT_ERROR), F_RETRY | F_RESUME, CH2, { { FLIP, 0, NULL } } },
	{ "a ticket", NO_ALERT, F_RETRY | F_RESUME, CH2, { { KEEP, 0, NULL } } },

	/* RFC 8446 section 4.4.2 */
	{ "a certificate as it is", NO_ALERT, F_ASK, MSG1(CERTIFICATE), { { KEEP, 0, NULL } } },
	{ "an empty certificate", ALERT(CERTIFICATE_REQUIRED), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000000" } } },
	{ "no certificate", ALERT(UNEXPECTED_MESSAGE), F_ASK, MSG1(CERTIFICATE),
	    { { OMIT, 0, NULL } } },
	{ "a context", ALERT(ILLEGAL_PARAMETER), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "0100000000" } } },
	{ "a certificate of no octets", ALERT(DECODE_ERROR), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "000000050000000000" } } },
	{ "a certificate that is none", ALERT(BAD_CERTIFICATE), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000007000002" "3000" "0000" } } },
	{ "an entry cut short", ALERT(DECODE_ERROR), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000004000002" "30" } } },
	{ "an extension not asked for", ALERT(UNSUPPORTED_EXTENSION), F_ASK, MSG1(CERTIFICATE),
	    { { BODY, 0, "0000000b000002" "3000" "00047a7a0000" } } },
	{ "a certificate and more", ALERT(DECODE_ERROR), F_ASK, MSG1(CERTIFICATE),
	    { { APPEND, 0, "00" } } },

	/* RFC 8446 section 4.4.3 */
	{ "a wrong signature", ALERT(DECRYPT_ERROR), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { FLIP, 0, NULL } } },
	{ "an unknown scheme", ALERT(ILLEGAL_PARAMETER), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0707" } } },
	{ "a scheme for another key", ALERT(ILLEGAL_PARAMETER), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0804" } } },
	{ "a scheme for another curve", ALERT(ILLEGAL_PARAMETER), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0503" } } },
	{ "a signature and more", ALERT(DECODE_ERROR), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { APPEND, 0, "00" } } },
	{ "no signature", ALERT(UNEXPECTED_MESSAGE), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { OMIT, 0, NULL } } },
	{ "two signatures", ALERT(UNEXPECTED_MESSAGE), F_ASK, MSG1(CERTIFICATE_VERIFY),
	    { { DOUBLE, 0, NULL } } },

	/* RFC 8446 section 4.4.4 */
	{ "a wrong Finished", ALERT(DECRYPT_ERROR), 0, MSG1(FINISHED), { { FLIP, 0, NULL } } },
	{ "a short Finished", ALERT(DECODE_ERROR), 0, MSG1(FINISHED), { { CUT, 1, NULL } } },
	{ "a long Finished", ALERT(DECODE_ERROR), 0, MSG1(FINISHED), { { APPEND, 0, "00" } } },
	{ "an empty Finished", ALERT(DECODE_ERROR), 0, MSG1(FINISHED), { { BODY, 0, "" } } },
	{ "two Finished in a record", ALERT(UNEXPECTED_MESSAGE), 0, MSG1(FINISHED),
	    { { DOUBLE, 0, NULL } } },
};

START_TEST(a_bad_message_of_a_client_gets_the_alert_of_the_rfc)
{
	run_row(&client_messages[_i], true);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls alerts");
	TCase *t = tcase_create("edited messages");

	tcase_add_unchecked_fixture(t, set_up_ends, tear_down);
	tcase_add_loop_test(t, a_bad_client_hello_gets_the_alert_of_the_rfc, 0, NITEMS(hellos));
	tcase_add_loop_test(t, a_bad_message_of_a_client_gets_the_alert_of_the_rfc, 0,
	    NITEMS(client_messages));
	suite_add_tcase(s, t);
	return suite_run(s);
}
