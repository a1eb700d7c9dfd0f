/*
 * check_tls_alerts_client: each way in which a message of a server can be
 * wrong, and the alert of our client that the RFC wants for it.
 */
#include "suite.h"
#include "tlsedit.h"

#define SH	TLS_MSG_SERVER_HELLO, 0
#define SH2	TLS_MSG_SERVER_HELLO, 1
#define EE	MSG1(ENCRYPTED_EXTENSIONS)
#define CR	MSG1(CERTIFICATE_REQUEST)
#define DOWN	"0303" "000000000000000000000000000000000000000000000000" "444f574e47524401"

static const struct row server_messages[] = {
	/* RFC 8446 section 4.1.3 */
	{ "as it is", NO_ALERT, 0, SH, { { KEEP, 0, NULL } } },
	{ "another legacy_version", ALERT(PROTOCOL_VERSION), 0, SH, { { FRONT, 0, "0304" } } },
	{ "TLS 1.2", ALERT(PROTOCOL_VERSION), 0, SH, { { EXT_DROP, X_VERSIONS, NULL } } },
	{ "a downgrade", ALERT(ILLEGAL_PARAMETER), 0, SH,
	    { { EXT_DROP, X_VERSIONS, NULL }, { FRONT, 0, DOWN } } },
	{ "TLS 1.2 by extension", ALERT(ILLEGAL_PARAMETER), 0, SH,
	    { { EXT_SET, X_VERSIONS, "0303" } } },
	{ "a draft", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_SET, X_VERSIONS, "7f1c" } } },
	{ "another session identifier", ALERT(ILLEGAL_PARAMETER), 0, SH, { { FRONT, 0,
	    "0303" ZEROS "20" "00000000" } } },
	{ "no session identifier", ALERT(ILLEGAL_PARAMETER), 0, SH, { { BODY, 0,
	    "0303" ZEROS "00" "1301" "00" "002e" "002b00020304" "00330024001d0020" POINT } } },
	{ "a suite of TLS 1.2", ALERT(ILLEGAL_PARAMETER), 0, SH, { { AT_SUITE, 0, "c02b" } } },
	{ "an unknown suite", ALERT(ILLEGAL_PARAMETER), 0, SH, { { AT_SUITE, 0, "1304" } } },
	{ "compression", ALERT(ILLEGAL_PARAMETER), 0, SH, { { AT_SUITE, 0, "130101" } } },
	{ "a suite with another hash than the ticket's", ALERT(ILLEGAL_PARAMETER), F_RESUME, SH,
	    { { AT_SUITE, 0, "1302" } } },
	{ "one octet too many", ALERT(DECODE_ERROR), 0, SH, { { APPEND, 0, "00" } } },
	{ "one octet too few", ALERT(DECODE_ERROR), 0, SH, { { CUT, 1, NULL } } },
	{ "no share", ALERT(MISSING_EXTENSION), 0, SH, { { EXT_DROP, X_SHARE, NULL } } },
	{ "a share of another group", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_SET, X_SHARE,
	    "00180020" POINT } } },
	{ "a short share", ALERT(ILLEGAL_PARAMETER), 0, SH,
	    { { EXT_SET, X_SHARE, "001d000100" } } },
	{ "an empty share", ALERT(DECODE_ERROR), 0, SH, { { EXT_SET, X_SHARE, "001d0000" } } },
	{ "a share of zeros", ALERT(ILLEGAL_PARAMETER), 0, SH,
	    { { EXT_SET, X_SHARE, "001d0020" ZEROS } } },
	{ "a ticket that was not offered", ALERT(UNSUPPORTED_EXTENSION), 0, SH,
	    { { EXT_SET, X_PSK, "0000" } } },
	{ "another ticket than the one offered", ALERT(ILLEGAL_PARAMETER), F_RESUME, SH,
	    { { EXT_SET, X_PSK, "0001" } } },
	{ "a ticket without a share", ALERT(ILLEGAL_PARAMETER), F_RESUME, SH,
	    { { EXT_DROP, X_SHARE, NULL } } },
	{ "a protocol in the clear", ALERT(ILLEGAL_PARAMETER), F_ALPN, SH,
	    { { EXT_SET, X_ALPN, "0003026832" } } },
	{ "an unknown extension", ALERT(UNSUPPORTED_EXTENSION), 0, SH,
	    { { EXT_SET, X_UNKNOWN, "" } } },
	{ "a share twice", ALERT(ILLEGAL_PARAMETER), 0, SH, { { EXT_TWICE, X_SHARE, NULL } } },
	{ "two in a record", ALERT(UNEXPECTED_MESSAGE), 0, SH, { { DOUBLE, 0, NULL } } },

	/* RFC 8446 section 4.1.4 */
	{ "a retry as it is", NO_ALERT, F_RETRY, SH, { { KEEP, 0, NULL } } },
	{ "a retry that changes nothing", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH,
	    { { EXT_DROP, X_SHARE, NULL } } },
	{ "a retry for the group that was there", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH,
	    { { EXT_SET, X_SHARE, "001d" } } },
	{ "a retry for an unknown group", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH,
	    { { EXT_SET, X_SHARE, "0019" } } },
	{ "a retry with an unknown extension", ALERT(UNSUPPORTED_EXTENSION), F_RETRY, SH,
	    { { EXT_SET, X_UNKNOWN, "" } } },
	{ "a retry with a name", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH,
	    { { EXT_SET, X_NAME, "" } } },
	{ "a retry with an empty cookie", ALERT(DECODE_ERROR), F_RETRY, SH,
	    { { EXT_SET, X_COOKIE, "0000" } } },
	{ "two retries in a record", ALERT(UNEXPECTED_MESSAGE), F_RETRY, SH,
	    { { DOUBLE, 0, NULL } } },
	{ "another suite after the retry", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH2,
	    { { AT_SUITE, 0, "1302" } } },
	{ "another group after the retry", ALERT(ILLEGAL_PARAMETER), F_RETRY, SH2,
	    { { EXT_SET, X_SHARE, "001d0020" POINT } } },

	/* RFC 8446 section 4.3.1 */
	{ "nothing to say", NO_ALERT, 0, EE, { { BODY, 0, "0000" } } },
	{ "an unknown extension, protected", ALERT(UNSUPPORTED_EXTENSION), 0, EE,
	    { { EXT_SET, X_UNKNOWN, "" } } },
	{ "a share, protected", ALERT(ILLEGAL_PARAMETER), 0, EE,
	    { { EXT_SET, X_SHARE, "001d0020" POINT } } },
	{ "early data not asked for", ALERT(UNSUPPORTED_EXTENSION), 0, EE,
	    { { EXT_SET, X_EARLY, "" } } },
	{ "a protocol not asked for", ALERT(UNSUPPORTED_EXTENSION), F_ALPN | F_NO_ALPN_CLIENT, EE,
	    { { EXT_SET, X_ALPN, "0009" "08687474702f312e31" } } },
	{ "another protocol", ALERT(ILLEGAL_PARAMETER), F_ALPN, EE,
	    { { EXT_SET, X_ALPN, "0003026832" } } },
	{ "two protocols", ALERT(DECODE_ERROR), F_ALPN, EE,
	    { { EXT_SET, X_ALPN, "0006026832026832" } } },
	{ "a name with content", ALERT(DECODE_ERROR), 0, EE, { { EXT_SET, X_NAME, "00" } } },
	{ "groups for the next time", NO_ALERT, 0, EE, { { EXT_SET, X_GROUPS, "0002001d" } } },
	{ "a record limit of 63", ALERT(ILLEGAL_PARAMETER), F_LIMIT, EE,
	    { { EXT_SET, X_LIMIT, "003f" } } },
	{ "a record limit of 16386", ALERT(ILLEGAL_PARAMETER), F_LIMIT, EE,
	    { { EXT_SET, X_LIMIT, "4002" } } },
	{ "a record limit not asked for", ALERT(UNSUPPORTED_EXTENSION), 0, EE,
	    { { EXT_SET, X_LIMIT, "4001" } } },
	{ "extensions and more", ALERT(DECODE_ERROR), 0, EE, { { APPEND, 0, "00" } } },
	{ "no extensions", ALERT(UNEXPECTED_MESSAGE), 0, EE, { { OMIT, 0, NULL } } },

	/* RFC 8446 section 4.3.2 */
	{ "a request without signatures", ALERT(MISSING_EXTENSION), F_ASK, CR,
	    { { EXT_DROP, X_SIGS, NULL } } },
	{ "a request with a context", ALERT(ILLEGAL_PARAMETER), F_ASK, CR,
	    { { BODY, 0, "01000000" } } },
	{ "a request with an unknown extension", NO_ALERT, F_ASK, CR,
	    { { EXT_SET, X_UNKNOWN, "" } } },
	{ "a request with a share", ALERT(ILLEGAL_PARAMETER), F_ASK, CR,
	    { { EXT_SET, X_SHARE, "" } } },
	{ "a request and more", ALERT(DECODE_ERROR), F_ASK, CR, { { APPEND, 0, "00" } } },
	{ "two requests", ALERT(UNEXPECTED_MESSAGE), F_ASK, CR, { { DOUBLE, 0, NULL } } },
	{ "a request after a resumption", ALERT(UNEXPECTED_MESSAGE), F_RESUME, MSG1(FINISHED),
	    { { BEFORE, 0, "0d000003000000" } } },

	/* RFC 8446 section 4.4 */
	{ "an empty chain", ALERT(DECODE_ERROR), 0, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000000" } } },
	{ "no chain", ALERT(UNEXPECTED_MESSAGE), 0, MSG1(CERTIFICATE), { { OMIT, 0, NULL } } },
	{ "a chain with a context", ALERT(ILLEGAL_PARAMETER), 0, MSG1(CERTIFICATE),
	    { { BODY, 0, "0100000000" } } },
	{ "a certificate that is none", ALERT(BAD_CERTIFICATE), 0, MSG1(CERTIFICATE),
	    { { BODY, 0, "00000007000002" "3000" "0000" } } },
	{ "a status not asked for", ALERT(UNSUPPORTED_EXTENSION), 0, MSG1(CERTIFICATE),
	    { { BODY, 0, "0000000b000002" "3000" "000400050000" } } },
	{ "eleven certificates", ALERT(BAD_CERTIFICATE), 0, MSG1(CERTIFICATE),
	    { { BODY, 0, "00" "00004d0000023000" "0000" "0000023000" "0000" "0000023000" "0000"
	    "0000023000" "00000000023000" "0000" "0000023000" "0000" "0000023000" "0000"
	    "0000023000" "00000000023000" "0000" "0000023000" "0000" "0000023000" "0000" } } },
	{ "a wrong signature", ALERT(DECRYPT_ERROR), 0, MSG1(CERTIFICATE_VERIFY),
	    { { FLIP, 0, NULL } } },
	{ "a scheme for another key", ALERT(ILLEGAL_PARAMETER), F_RSA, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0403" } } },
	{ "PKCS #1", ALERT(ILLEGAL_PARAMETER), F_RSA, MSG1(CERTIFICATE_VERIFY),
	    { { FRONT, 0, "0401" } } },
	{ "no signature", ALERT(UNEXPECTED_MESSAGE), 0, MSG1(CERTIFICATE_VERIFY),
	    { { OMIT, 0, NULL } } },
	{ "a wrong Finished", ALERT(DECRYPT_ERROR), 0, MSG1(FINISHED), { { FLIP, 0, NULL } } },
	{ "a short Finished", ALERT(DECODE_ERROR), 0, MSG1(FINISHED), { { CUT, 1, NULL } } },
	{ "two Finished in a record", ALERT(UNEXPECTED_MESSAGE), 0, MSG1(FINISHED),
	    { { DOUBLE, 0, NULL } } },

	/* RFC 8446 section 4.6.1 */
	{ "a ticket as it is", NO_ALERT, F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { KEEP, 0, NULL } } },
	{ "a ticket for more than a week", ALERT(ILLEGAL_PARAMETER), F_TICKETS,
	    MSG1(NEW_SESSION_TICKET),
	    { { FRONT, 0, "00093a81" } } },
	{ "a ticket for no time", NO_ALERT, F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { FRONT, 0, "00000000" } } },
	{ "an empty ticket", ALERT(DECODE_ERROR), F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { BODY, 0, "0000000100000000000000" "0000" } } },
	{ "a ticket with an unknown extension", NO_ALERT, F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { BODY, 0, "00000001000000000000010000047a7a0000" } } },
	{ "a ticket with a share", ALERT(ILLEGAL_PARAMETER), F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { BODY, 0, "0000000100000000000001000004" "00330000" } } },
	{ "a ticket and more", ALERT(DECODE_ERROR), F_TICKETS, MSG1(NEW_SESSION_TICKET),
	    { { APPEND, 0, "00" } } },
};

START_TEST(a_bad_message_of_a_server_gets_the_alert_of_the_rfc)
{
	run_row(&server_messages[_i], false);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls alerts of a client");
	TCase *t = tcase_create("edited messages");

	tcase_add_unchecked_fixture(t, set_up_ends, tear_down);
	tcase_add_loop_test(t, a_bad_message_of_a_server_gets_the_alert_of_the_rfc, 0,
	    NITEMS(server_messages));
	suite_add_tcase(s, t);
	return suite_run(s);
}
