/* What comes out of chain_check() and chain_read(); chain_world.h explains the letters. */
#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "chain_world.h"
#include "suite.h"

static const struct row plain = { GOOD("plain", "LI", "LI") };

/* --- sound chains of all kinds --- */

static const char *const key_types[] = {
	"ecdsa-p256", "ecdsa-p384", "rsa-2048",
};

START_TEST(a_chain_for_every_type_of_key_is_accepted)
{
	const struct row row = {
		.what = key_types[_i], .sent = "MJI", .stored = "MJI", .key = key_types[_i],
	};
	struct world w;

	world_init(&w, &row);
	world_check(&w, &row, world_input(&w, row.sent));
	world_clear(&w);
}
END_TEST

static const struct row ca_types[] = {
	{ GOOD("RSA", "LI", "LI"), .root = { CA_R, .key = "rsa-2048" },
	  .inter = { CA_I, .key = "rsa-2048" } },
	{ GOOD("P-384", "LI", "LI"), .root = { CA_R, .key = "ecdsa-p384" },
	  .inter = { CA_I, .key = "ecdsa-p384" } },
	{ GOOD("P-521", "LI", "LI"), .root = { CA_R, .key = "ecdsa-p521" },
	  .inter = { CA_I, .key = "ecdsa-p521" } },
	{ GOOD("Ed25519", "LI", "LI"), .root = { CA_R, .key = "ED25519" },
	  .inter = { CA_I, .key = "ED25519" } },
};

START_TEST(cas_of_every_usual_type_are_accepted)
{
	struct world w;

	world_init(&w, &ca_types[_i]);
	world_check(&w, &ca_types[_i], world_input(&w, "LI"));
	world_clear(&w);
}
END_TEST

START_TEST(certificates_without_key_identifiers_are_accepted)
{
	const struct row row = {
		.what = "no identifiers", .stored = "LI", .leaf = { .no_key_ids = true },
		.inter = { CA_I, .no_key_ids = true },
	};
	struct world w;

	world_init(&w, &row);
	world_check(&w, &row, world_input(&w, "IL"));
	world_clear(&w);
}
END_TEST

START_TEST(a_hundred_names_are_accepted_and_one_missing_is_named)
{
	struct row row = { .what = "a hundred names", .stored = "LI" };
	struct world w;
	struct buf san;
	char name[64];

	buf_init(&san, 65536);
	for (int i = 0; i < 100; i++)
		buf_printf(&san, "%sDNS:host%d.example.com", i > 0 ? "," : "", i);
	row.leaf.names = buf_cstr(&san);
	world_init(&w, &row);
	strs_clear(&w.names);
	for (int i = 99; i >= 0; i--) {
		(void)snprintf(name, sizeof name, "host%d.example.com", i);
		ck_assert_int_eq(strs_add(&w.names, name), 0);
	}
	world_check(&w, &row, world_input(&w, "LI"));
	ck_assert_int_eq(strs_add(&w.names, "host100.example.com"), 0);
	row.want = "want host100.example.com among 100 names";
	world_check(&w, &row, world_input(&w, "LI"));
	buf_clear(&san);
	world_clear(&w);
}
END_TEST

/* FAULTS T04, A30: seconds from now to the end, and what is read back. */
static const struct {
	const char	*what;
	int64_t		 until;
} ends[] = {
	{ "five minutes", NOW + 300 },
	{ "160 hours", NOW + 160 * HOUR },
	{ "ten years", NOW + 3652 * DAY },
	{ "the last second of 32 bits", INT64_C(2147483647) },
	{ "the second after it", INT64_C(2147483648) },
	{ "the last second of 2049, UTCTime", INT64_C(2524607999) },
	{ "the first second of 2050, GeneralizedTime", INT64_C(2524608000) },
	{ "2106", INT64_C(4294967296) },
	{ "no end, RFC 5280 section 4.1.2.5", INT64_C(253402300799) },
};

START_TEST(dates_of_all_centuries_are_read)
{
	const struct row row = {
		.what = ends[_i].what, .stored = "LI", .leaf = { .until = ends[_i].until },
	};
	struct err e = ERR_NONE;
	struct chain *c;
	struct chain_in in;
	struct world w;

	world_init(&w, &row);
	in = world_input(&w, "LI");
	ck_assert_msg(chain_check(&in, &c, &e) == 0, "%s: %s", row.what, e.text);
	ck_assert_msg(chain_leaf(c)->not_after == ends[_i].until, "%s: got %jd, want %jd", row.what,
	    (intmax_t)chain_leaf(c)->not_after, (intmax_t)ends[_i].until);
	ck_assert_int_eq(chain_leaf(c)->not_before, NOW - HOUR);
	ck_assert_int_eq(chain_valid_from(c), NOW);
	chain_free(c);
	world_clear(&w);
}
END_TEST

/* FAULTS T06 */
START_TEST(a_chain_ahead_of_time_says_when_it_begins)
{
	const struct row row = {
		.what = "ahead", .leaf = { .from = NOW + 200 },
		.inter = { CA_I, .from = NOW + 300 },
	};
	struct err e = ERR_NONE;
	struct chain_in in;
	struct chain *c;
	struct world w;

	world_init(&w, &row);
	in = world_input(&w, "LI");
	ck_assert_msg(chain_check(&in, &c, &e) == 0, "%s", e.text);
	ck_assert_int_eq(chain_valid_from(c), NOW + 300);
	chain_free(c);
	world_clear(&w);
}
END_TEST

/* --- FAULTS A29 --- */

START_TEST(what_was_there_before_is_refused)
{
	struct row row = { .what = "A29", .want = "want a new one, it is the one in service",
	    .leaf = { .serial = "0123456789abcdef" } };
	struct strs serials = { 0 };
	uint8_t digest[SHA256_LEN];
	struct chain_in in;
	struct world w;

	world_init(&w, &row);
	in = world_input(&w, "LI");
	ck_assert_int_eq(sha256(testca_der(w.certs[L]), digest), 0);
	in.active = span_of(digest, sizeof digest);
	world_check(&w, &row, in);
	in.active = SPAN_NONE;
	ck_assert_int_eq(strs_add(&serials, "0023456789abcdef"), 0);
	in.serials = &serials;
	row.want = NULL;
	row.stored = "LI";
	world_check(&w, &row, in);
	ck_assert_int_eq(strs_add(&serials, "0123456789abcdef"), 0);
	row.want = "certificate 1: RFC 5280 section 4.1.2.2: want a serial number never seen "
	    "before, have 0123456789abcdef";
	world_check(&w, &row, in);
	strs_clear(&serials);
	world_clear(&w);
}
END_TEST

/* --- trust --- */

START_TEST(an_intermediate_in_the_bundle_does_not_stand_in_for_a_missing_one)
{
	struct row row = { .what = "A24", .want = "chain: certificate 1: RFC 8446 section "
	    "4.4.2: the intermediate after it (CN = Intermediate I) is not among those received" };
	struct world w;

	world_init(&w, &plain);
	world_trust(&w, R, I);
	world_check(&w, &row, world_input(&w, "L"));
	row = (struct row){ .what = "A24", .stored = "LI" };
	world_check(&w, &row, world_input(&w, "LI"));
	world_clear(&w);
}
END_TEST

START_TEST(a_cross_certificate_leads_to_the_older_root)
{
	const struct row row = { .what = "old bundle", .stored = "MJIX" };
	const struct row without = { .what = "old bundle", .want = "certificate 3 (CN = "
	    "Intermediate I): RFC 5280 section 6.1: its issuer (CN = Root R) is neither" };
	struct world w;

	world_init(&w, &plain);
	world_trust(&w, O, O);
	world_check(&w, &row, world_input(&w, "MXJI"));
	world_check(&w, &without, world_input(&w, "MJI"));
	world_clear(&w);
}
END_TEST

START_TEST(the_systems_roots_do_not_vouch_for_a_strange_ca)
{
	const struct row row = {
		.what = "system", .want = "nor a root in the system's trust store",
	};
	struct chain_in in;
	struct world w;

	world_init(&w, &plain);
	in = world_input(&w, "LIR");
	in.bundle = NULL;
	world_check(&w, &row, in);
	world_clear(&w);
}
END_TEST

START_TEST(a_bundle_that_cannot_be_read_is_an_operators_matter_unless_it_passes)
{
	/* The last one cannot be read just now: EIO. */
	static const char *const paths[] = { "/nowhere/roots.pem", "/dev/null", "/proc/self/mem" };
	struct err e = ERR_NONE;
	struct chain_in in;
	struct chain *c;
	struct world w;

	world_init(&w, &plain);
	for (size_t i = 0; i < NITEMS(paths); i++) {
		in = world_input(&w, "LI");
		in.bundle = paths[i];
		ck_assert_int_eq(chain_check(&in, &c, &e), -1);
		ck_assert_int_eq(e.class, i < 2 ? OUT_HOLD : OUT_RETRY);
		ck_assert_msg(strstr(e.text, "chain: trust: cannot read roots from ") == e.text &&
		    strstr(e.text, paths[i]) != NULL, "%s: got \"%s\"", paths[i], e.text);
	}
	world_clear(&w);
}
END_TEST

START_TEST(a_bundle_is_read_once)
{
	struct err e = ERR_NONE;
	struct x509_store_st *first, *second, *other;
	char again[32];
	struct world w;
	struct buf pem;

	world_init(&w, &plain);
	buf_init(&pem, PEM_MAX);
	testca_put(w.certs[O], &pem);
	ck_assert_int_eq(trust_get(w.trust, w.bundle, &first, &e), 0);
	ck_assert_int_eq(trust_get(w.trust, testca_file(&pem, again), &other, &e), 0);
	ck_assert_int_eq(trust_get(w.trust, w.bundle, &second, &e), 0);
	ck_assert_ptr_eq(first, second);
	ck_assert_ptr_ne(first, other);
	buf_clear(&pem);
	world_clear(&w);
}
END_TEST

/* --- what comes out --- */

START_TEST(pem_is_written_anew)
{
	struct buf want, have;
	struct err e = ERR_NONE;
	struct chain_in in;
	struct chain *c;
	struct world w;

	buf_init(&want, PEM_MAX);
	buf_init(&have, PEM_MAX);
	world_init(&w, &plain);
	in = world_input(&w, "tRIcMtJ");
	ck_assert_msg(chain_check(&in, &c, &e) == 0, "%s", e.text);
	testca_put(w.certs[M], &want);
	chain_put_cert(c, &have);
	ck_assert_str_eq(buf_cstr(&have), buf_cstr(&want));
	buf_reset(&have);
	testca_put(w.certs[J], &want);
	testca_put(w.certs[I], &want);
	chain_put_full(c, &have);
	ck_assert_str_eq(buf_cstr(&have), buf_cstr(&want));
	buf_reset(&have);
	chain_put_cert(c, &have);
	chain_put_issuers(c, &have);
	ck_assert_str_eq(buf_cstr(&have), buf_cstr(&want));
	chain_free(c);
	buf_clear(&want);
	buf_clear(&have);
	world_clear(&w);
}
END_TEST

START_TEST(facts_are_those_of_the_certificate)
{
	const struct row row = { .key = "ecdsa-p384", .leaf = { .serial = "8765432101", .cn = NAME,
	    .names = "DNS:" NAME ",IP:2001:db8::1,URI:sip:example.com" } };
	uint8_t digest[SHA256_LEN];
	const struct cert_facts *f;
	struct err e = ERR_NONE;
	struct chain_in in;
	struct chain *c;
	struct world w;

	world_init(&w, &row);
	in = world_input(&w, "LI");
	ck_assert_msg(chain_check(&in, &c, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(chain_count(c), 2);
	f = chain_leaf(c);
	ck_assert_ptr_eq(f, chain_cert(c, 0));
	ck_assert(span_eq(blob_span(&f->der), testca_der(w.certs[L])));
	ck_assert_int_eq(sha256(testca_der(w.certs[L]), digest), 0);
	ck_assert(span_eq(blob_span(&f->sha256), span_of(digest, sizeof digest)));
	ck_assert_int_eq(key_public_digest(w.key, digest, &e), 0);
	ck_assert(span_eq(blob_span(&f->spki_sha256), span_of(digest, sizeof digest)));
	ck_assert_str_eq(f->serial, "8765432101");
	ck_assert_str_eq(f->subject, "CN = " NAME);
	ck_assert_str_eq(f->issuer, "CN = Intermediate I");
	ck_assert_str_eq(f->key, "ecdsa-p384");
	ck_assert_uint_eq(f->names.n, 2);
	ck_assert_str_eq(f->names.v[0], NAME);
	ck_assert_str_eq(f->names.v[1], "2001:db8::1");
	ck_assert_uint_eq(f->other_names.n, 1);
	ck_assert_str_eq(f->other_names.v[0], "URI:sip:example.com");
	ck_assert_uint_eq(f->bad_names.n, 0);
	ck_assert_str_eq(chain_cert(c, 1)->key, "ecdsa-p256");
	chain_free(c);
	world_clear(&w);
}
END_TEST

/* RFC 9773 section 4.1 has this example, up to the dates and the key. */
START_TEST(the_identifier_for_renewal_information_is_that_of_rfc_9773)
{
	const struct row row = { .leaf = { .serial = "87654321", .no_key_ids = true,
	    .more_oid = "2.5.29.35", .more = "3016801469885b6b87464041e1b37b847ba0ae2cde01c8d4" } };
	const struct row bare = { .leaf = { .no_key_ids = true } };
	const struct cert_facts *f;
	struct err e = ERR_NONE;
	struct certs certs;
	struct world w;

	world_init(&w, &row);
	ck_assert_msg(chain_read(world_input(&w, "L").pem, &certs, &e) == 0, "%s", e.text);
	f = certs.all.v;
	ck_assert_str_eq(f->ari_id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	ck_assert_str_eq(f->serial, "87654321");
	pack_clear(&certs_pack, &certs);
	world_clear(&w);
	world_init(&w, &bare);
	ck_assert_msg(chain_read(world_input(&w, "L").pem, &certs, &e) == 0, "%s", e.text);
	f = certs.all.v;
	ck_assert_ptr_null(f->ari_id);
	pack_clear(&certs_pack, &certs);
	world_clear(&w);
}
END_TEST

/* Expired, in no order, for another key: status wants to know all the same. */
START_TEST(installed_files_are_read_without_being_judged)
{
	const struct row row = {
		.leaf = { .from = NOW - DAY, .until = NOW - HOUR, .cn = "a\nb\033[2J" },
	};
	const struct cert_facts *f;
	struct err e = ERR_NONE;
	struct certs certs;
	struct world w;

	world_init(&w, &row);
	ck_assert_msg(chain_read(world_input(&w, "IFR").pem, &certs, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(certs.all.n, 3);
	f = (const struct cert_facts *)certs.all.v + 1;
	ck_assert_int_eq(f->not_after, NOW - HOUR);
	for (const char *p = f->subject; *p != '\0'; p++)
		ck_assert_msg(*p >= ' ' && *p <= '~', "subject \"%s\" is not clean", f->subject);
	pack_clear(&certs_pack, &certs);
	ck_assert_int_eq(chain_read(world_input(&w, "Fx").pem, &certs, &e), -1);
	ck_assert_int_eq(e.class, OUT_REFUSE);
	ck_assert_uint_eq(certs.all.n, 0);
	world_clear(&w);
}
END_TEST

/* Facts go to the role that compares them with what is served. */
START_TEST(facts_survive_the_way_to_another_role)
{
	struct err e = ERR_NONE;
	const struct cert_facts *second;
	struct certs certs, back;
	struct world w;
	struct buf wire;
	struct rd r;

	world_init(&w, &plain);
	buf_init(&wire, PEM_MAX);
	ck_assert_msg(chain_read(world_input(&w, "LI").pem, &certs, &e) == 0, "%s", e.text);
	pack_write(&certs_pack, &certs, &wire);
	r = rd_of(buf_span(&wire));
	ck_assert_int_eq(pack_read(&certs_pack, &r, &back), 0);
	ck_assert(rd_end(&r));
	ck_assert_uint_eq(back.all.n, 2);
	second = (struct cert_facts *)back.all.v + 1;
	ck_assert(span_eq(blob_span(&second->der), testca_der(w.certs[I])));
	pack_clear(&certs_pack, &certs);
	pack_clear(&certs_pack, &back);
	buf_clear(&wire);
	world_clear(&w);
}
END_TEST

/*
 * Every seventh octet of the reply is damaged once: it is refused, or nothing
 * that counts was hit.
 */
START_TEST(no_damaged_octet_changes_what_is_stored)
{
	struct buf want, have;
	struct chain_in in;
	struct chain *c;
	struct world w;
	size_t accepted = 0;

	buf_init(&want, PEM_MAX);
	buf_init(&have, PEM_MAX);
	world_init(&w, &plain);
	in = world_input(&w, "LI");
	testca_put(w.certs[L], &want);
	testca_put(w.certs[I], &want);
	for (size_t i = 0; i < w.pem.n; i += 7) {
		struct err e = ERR_NONE;

		w.pem.p[i] ^= 1;
		if (chain_check(&in, &c, &e) == 0) {
			accepted++;
			buf_reset(&have);
			chain_put_full(c, &have);
			ck_assert_msg(span_eq(buf_span(&have), buf_span(&want)), "octet %zu", i);
			chain_free(c);
		}
		w.pem.p[i] ^= 1;
	}
	ck_assert_uint_lt(accepted, w.pem.n / 128);
	buf_clear(&want);
	buf_clear(&have);
	world_clear(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("chain_out");
	TCase *tc = tcase_create("chain_out");

	tcase_set_timeout(tc, 120);	/* RSA keys under a sanitizer */
	tcase_add_loop_test(tc, a_chain_for_every_type_of_key_is_accepted, 0,
	    (int)NITEMS(key_types));
	tcase_add_loop_test(tc, cas_of_every_usual_type_are_accepted, 0, (int)NITEMS(ca_types));
	tcase_add_test(tc, certificates_without_key_identifiers_are_accepted);
	tcase_add_test(tc, a_hundred_names_are_accepted_and_one_missing_is_named);
	tcase_add_loop_test(tc, dates_of_all_centuries_are_read, 0, (int)NITEMS(ends));
	tcase_add_test(tc, a_chain_ahead_of_time_says_when_it_begins);
	tcase_add_test(tc, what_was_there_before_is_refused);
	tcase_add_test(tc, an_intermediate_in_the_bundle_does_not_stand_in_for_a_missing_one);
	tcase_add_test(tc, a_cross_certificate_leads_to_the_older_root);
	tcase_add_test(tc, the_systems_roots_do_not_vouch_for_a_strange_ca);
	tcase_add_test(tc, a_bundle_that_cannot_be_read_is_an_operators_matter_unless_it_passes);
	tcase_add_test(tc, a_bundle_is_read_once);
	tcase_add_test(tc, pem_is_written_anew);
	tcase_add_test(tc, facts_are_those_of_the_certificate);
	tcase_add_test(tc, the_identifier_for_renewal_information_is_that_of_rfc_9773);
	tcase_add_test(tc, installed_files_are_read_without_being_judged);
	tcase_add_test(tc, facts_survive_the_way_to_another_role);
	tcase_add_test(tc, no_damaged_octet_changes_what_is_stored);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
