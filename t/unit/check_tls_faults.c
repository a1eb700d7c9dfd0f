/*
 * check_tls_faults: the hooks by which our own stack misbehaves towards
 * others, and what our client says to it.
 */
#include "suite.h"
#include "tlsends.h"

struct wish {
	uint8_t		type;		/* a message, or 0 */
	const char	*instead;	/* hex, NULL flips the last octet, "" leaves it out */
	bool		 spoil_record;
	bool		 empty_record;
	unsigned	 nmessages, nrecords;
};

static void
wish_message(void *arg, struct tls_conn *c UNUSED, uint8_t type, struct buf *msg)
{
	struct wish *w = arg;

	w->nmessages++;
	if (type != w->type)
		return;
	if (w->instead == NULL)
		msg->p[msg->n - 1] ^= 1;
	else {
		buf_reset(msg);
		ck_assert_int_eq(hex_decode(span_str(w->instead), msg), 0);
	}
}

static void
wish_plain(void *arg, struct tls_conn *c UNUSED, struct tls_fault_record *r)
{
	struct wish *w = arg;

	if (w->empty_record && r->is_protected)
		buf_reset(r->octets);
}

static void
wish_record(void *arg, struct tls_conn *c UNUSED, struct tls_fault_record *r)
{
	struct wish *w = arg;

	w->nrecords++;
	if (w->spoil_record && r->is_protected)
		r->octets->p[r->octets->n - 1] ^= 1;
}

static const char *const http[] = { "http/1.1", NULL };

/* What a client says to each fault of our server: RFC 8446. */
static const struct {
	const char		*what;
	struct tls_fault	 fault;
	struct wish		 wish;
	int			 alert;
} faults[] = {
	{ "bad Finished", { .version = 0 }, { .type = TLS_MSG_FINISHED }, TLS_ALERT_DECRYPT_ERROR },
	{ "bad CertificateVerify", { .version = 0 }, { .type = TLS_MSG_CERTIFICATE_VERIFY },
	    TLS_ALERT_DECRYPT_ERROR },
	{ "no CertificateVerify", { .version = 0 },
	    { .type = TLS_MSG_CERTIFICATE_VERIFY, .instead = "" },
	    TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a message in place of another", { .version = 0 }, { .type = TLS_MSG_ENCRYPTED_EXTENSIONS,
	    .instead = "1800000100" }, TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "bad MAC", { .version = 0 }, { .spoil_record = true }, TLS_ALERT_BAD_RECORD_MAC },
	{ "empty records", { .version = 0 }, { .empty_record = true },
	    TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "a suite that was not offered", { .suite = 0x1302 }, { .type = 0 },
	    TLS_ALERT_ILLEGAL_PARAMETER },
	{ "a group that was not offered", { .group = 0x0018 }, { .type = 0 },
	    TLS_ALERT_ILLEGAL_PARAMETER },
	{ "a protocol that was not offered", { .alpn = "h2" }, { .type = 0 },
	    TLS_ALERT_ILLEGAL_PARAMETER },
	{ "a signature that was not offered", { .signature = 0x0805 }, { .type = 0 },
	    TLS_ALERT_ILLEGAL_PARAMETER },
	{ "an endless HelloRetryRequest", { .retry_always = true }, { .type = 0 },
	    TLS_ALERT_UNEXPECTED_MESSAGE },
	{ "TLS 1.2 to one who does not speak it", { .version = TLS_1_2, .suite = 0xc02f,
	    .no_sentinel = true },
	    { .type = 0 }, TLS_ALERT_PROTOCOL_VERSION },
	{ "a downgrade", { .version = TLS_1_2, .suite = 0xc02f }, { .type = 0 },
	    TLS_ALERT_ILLEGAL_PARAMETER },
	{ "records of one octet", { .fragment = 1 }, { .type = 0 }, -1 },
};

START_TEST(each_fault_of_our_server_is_noticed_by_our_client)
{
	const uint16_t suites[] = { 0x1301, 0 }, groups[] = { 0x001d, 0x0017, 0 };
	const uint16_t signatures[] = { 0x0804, 0x0401, 0 };
	const struct tls_identity *own[] = { rsa, NULL };
	struct wish wish = faults[_i].wish;
	struct tls_fault fault = faults[_i].fault;
	struct tls_config server = { .identities = own, .fault = &fault };
	struct tls_config client = { .verify = accept_any, .suites = suites, .groups = groups,
	    .signatures = signatures, .alpn = http };
	struct pair p;

	fault.arg = &wish;
	fault.message = wish_message;
	fault.plain = wish_plain;
	fault.record = wish_record;
	pair_new(&p, &client, &server, SPAN_NONE);
	pair_run(&p, 0);
	ck_assert_msg(info_of(p.client).alert_sent == faults[_i].alert, "%s: got %s (%s; %s)",
	    faults[_i].what, tls_alert_name(info_of(p.client).alert_sent), p.client_err.text,
	    p.server_err.text);
	ck_assert_uint_gt(wish.nmessages, 0);
	ck_assert_uint_gt(wish.nrecords, 0);
	if (faults[_i].alert == -1) {
		ck_pair_open(&p, faults[_i].what);
		pair_talk(&p, 100);
	}
	pair_free(&p);
}
END_TEST

START_TEST(raw_octets_go_out_as_they_are)
{
	struct tls_config server = { .identities = ids }, client = { .verify = accept_any };
	static const uint8_t oversized[] = { 23, 3, 3, 0xff, 0xff };
	struct err e = ERR_NONE;
	struct pair p;

	open_pair(&p, &client, &server);
	ck_assert_int_eq(tls_fault_raw(p.server, span_of(oversized, sizeof(oversized)), &e), 0);
	ck_assert_uint_eq(tls_output(p.server).n, sizeof(oversized));
	pair_run(&p, 0);
	ck_assert_int_eq(info_of(p.client).alert_sent, TLS_ALERT_RECORD_OVERFLOW);
	pair_free(&p);
}
END_TEST

/* An endless retry is endless: whoever does not mind gets another one. */
START_TEST(hello_retry_requests_can_be_sent_for_ever)
{
	struct tls_fault fault = { .retry_always = true };
	struct tls_config server = { .identities = ids, .fault = &fault },
	    client = { .verify = accept_any };
	struct tls_conn *c;
	struct err e = ERR_NONE;
	struct pair p;
	struct span hello;
	size_t eaten, last = 0;

	pair_new(&p, &client, &server, SPAN_NONE);
	c = p.server;
	hello = tls_output(p.client);
	for (int i = 0; i < 10; i++) {
		ck_assert_msg(tls_feed(c, hello, &eaten, &e) == 0, "%s", e.text);
		ck_assert_uint_gt(tls_output(c).n, last);
		last = tls_output(c).n;
	}
	pair_free(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls faults");
	TCase *t = tcase_create("hooks");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, set_up_ends, tear_down);
	tcase_add_loop_test(t, each_fault_of_our_server_is_noticed_by_our_client, 0,
	    NITEMS(faults));
	tcase_add_test(t, raw_octets_go_out_as_they_are);
	tcase_add_test(t, hello_retry_requests_can_be_sent_for_ever);
	suite_add_tcase(s, t);
	return suite_run(s);
}
