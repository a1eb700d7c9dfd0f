/*
 * check_caa: what CAA records say about one CA, RFC 8659 and RFC 8657, and
 * records of the same form for dns-persist-01.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "caa.h"
#include "persist.h"
#include "suite.h"

#define ACCOUNT	"https://ca.example/acct/7"
#define RECORDS	4

struct row {
	const char		*what;
	const char		*records[RECORDS];	/* "flags tag value" */
	bool			 wildcard;
	bool			 no_account;
	bool			 no_issuers;
	enum caa_verdict	 want;
	const char		*says;
};

static const struct row rows[] = {
	{ "none: any CA may", .want = CAA_ALLOWS },
	{ "one that names the CA", { "0 issue ca.example" }, .want = CAA_ALLOWS },
	{ "by its second name, in other letters", { "0 issue Second.Example" },
	    .want = CAA_ALLOWS },
	{ "with blanks around it", { "0 issue  ca.example " }, .want = CAA_ALLOWS },
	{ "one that names another", { "0 issue other.example" }, .want = CAA_FORBIDS,
	  .says = "issue \"other.example\", does not let this CA issue" },
	{ "one of several is enough", { "0 issue other.example", "0 issue ca.example" },
	  .want = CAA_ALLOWS },
	{ "a name that only begins so", { "0 issue ca.example.org" }, .want = CAA_FORBIDS,
	  .says = "ca.example.org" },
	{ "nobody may", { "0 issue ;" }, .want = CAA_FORBIDS, .says = "issue \";\"" },
	{ "nobody may, without a semicolon", { "0 issue " }, .want = CAA_FORBIDS, .says = "issue" },
	{ "only a report address", { "0 iodef mailto:a@b.example" }, .want = CAA_ALLOWS },
	{ "only for wildcards, and this is none", { "0 issuewild other.example" },
	  .want = CAA_ALLOWS },
	{ "only for wildcards, and this is one", { "0 issuewild other.example" }, .wildcard = true,
	  .want = CAA_FORBIDS, .says = "issuewild" },
	{ "issuewild goes before issue", { "0 issue ca.example", "0 issuewild ;" },
	  .wildcard = true, .want = CAA_FORBIDS, .says = "issuewild" },
	{ "issue counts for wildcards where there is no other", { "0 issue ca.example" },
	  .wildcard = true, .want = CAA_ALLOWS },
	{ "a critical one that nobody knows", { "128 future x", "0 issue ca.example" },
	  .want = CAA_FORBIDS, .says = "critical property future" },
	{ "an unknown one that is not critical", { "0 future x" }, .want = CAA_ALLOWS },
	{ "critical and known", { "128 issue ca.example" }, .want = CAA_ALLOWS },
	{ "our account", { "0 issue ca.example; accounturi=" ACCOUNT }, .want = CAA_ALLOWS },
	{ "another account", { "0 issue ca.example; accounturi=" ACCOUNT "7" },
	  .want = CAA_FORBIDS, .says = "another account" },
	{ "an account, and none is there yet", { "0 issue ca.example; accounturi=" ACCOUNT },
	  .no_account = true, .want = CAA_FORBIDS, .says = "there is none yet" },
	{ "two accounts at once fit nobody",
	  { "0 issue ca.example; accounturi=" ACCOUNT "; accounturi=" ACCOUNT },
	  .want = CAA_FORBIDS, .says = "another account" },
	{ "a method that we use", { "0 issue ca.example; validationmethods=dns-01,http-01" },
	  .want = CAA_ALLOWS },
	{ "methods that we do not", { "0 issue ca.example;validationmethods = dns-01,ca-x" },
	  .want = CAA_FORBIDS, .says = "does not allow http-01" },
	{ "account and method together",
	  { "0 issue ca.example; validationmethods=http-01 ; accounturi=" ACCOUNT " ;" },
	  .want = CAA_ALLOWS },
	{ "parameters of the CA's own", { "0 issue ca.example; policy=ev" }, .want = CAA_ALLOWS },
	{ "the nearest miss is the one told",
	  { "0 issue other.example", "0 issue ca.example; validationmethods=dns-01" },
	  .want = CAA_FORBIDS, .says = "does not allow http-01" },
	{ "a CA that goes by no name", { "0 issue other.example" }, .no_issuers = true,
	  .want = CAA_UNKNOWN, .says = "does not say whether" },
	{ "nobody may, the CA without a name neither", { "0 issue ;" }, .no_issuers = true,
	  .want = CAA_FORBIDS, .says = "does not let this CA issue" },
};

static struct list records;

static void
make_records(const struct row *row)
{
	struct caa_record *r;
	char tag[32] = "";
	int flags, at;

	for (size_t i = 0; i < RECORDS && row->records[i] != NULL; i++) {
		ck_assert_ptr_nonnull(r = list_add(&records, sizeof *r));
		ck_assert_int_eq(sscanf(row->records[i], "%d %31s%n", &flags, tag, &at), 2);
		r->flags = flags;
		r->owner = strdup("example.org");
		r->tag = strdup(tag);
		r->value = strdup(row->records[i] + at + 1);
	}
}

START_TEST(caa_judge_keeps_its_table)
{
	const struct row *row = &rows[_i];
	struct strs issuers = { 0 };
	struct caa_in in = { .records = &records, .wildcard = row->wildcard, .issuers = &issuers,
		.account = row->no_account ? NULL : ACCOUNT, .method = "http-01" };
	struct err e = ERR_NONE;
	enum caa_verdict got;
	struct caa_record *r;

	make_records(row);
	if (!row->no_issuers)
		ck_assert(strs_add(&issuers, "ca.example") == 0 &&
		    strs_add(&issuers, "second.example") == 0);
	got = caa_judge(&in, &e);
	ck_assert_msg(got == row->want, "%s: got %d, want %d: %s", row->what, got, row->want,
	    e.text);
	ck_assert_msg(row->says == NULL || strstr(e.text, row->says) != NULL, "%s: got \"%s\"",
	    row->what, e.text);
	ck_assert_msg((e.class == OUT_HOLD) == (got != CAA_ALLOWS), "%s: class", row->what);
	strs_clear(&issuers);
	r = records.v;
	for (size_t i = 0; i < records.n; i++)
		pack_clear(&caa_record_pack, &r[i]);
	free(records.v);
	records = (struct list){ 0 };
}
END_TEST

#define OURS	"ca.example; accounturi=" ACCOUNT

static const struct {
	const char	*what;
	const char	*text;
	bool		 fits, fits_wildcard;
} texts[] = {
	{ "issuer and account", OURS, true, false },
	{ "for wildcards as well", OURS "; policy=wildcard", true, true },
	{ "in other letters and blanks", "CA.example;AccountURI = " ACCOUNT " ;POLICY=Wildcard ",
	    true,
	  true },
	{ "an empty parameter", OURS "; ; policy=wildcard", false, false },
	{ "a semicolon at the end", OURS "; policy=wildcard ; ", false, false },
	{ "two accounts", OURS "; accounturi=" ACCOUNT, false, false },
	{ "a policy of the future", OURS "; policy=other; colour=blue", true, false },
	{ "not yet over", OURS "; persistUntil=1001", true, false },
	{ "over", OURS "; persistUntil=1000", false, false },
	{ "an end that is none", OURS "; persistUntil=soon", false, false },
	{ "another issuer", "other.example; accounturi=" ACCOUNT, false, false },
	{ "another account", "ca.example; accounturi=" ACCOUNT "7", false, false },
	{ "no account", "ca.example; policy=wildcard", false, false },
	{ "nothing", "", false, false },
	{ "no issuer", "; accounturi=" ACCOUNT, false, false },
};

START_TEST(persist_fits_keeps_its_table)
{
	char *issuer = (char *)(uintptr_t)"ca.example";
	const struct strs issuers = { &issuer, 1 }, none = { 0 };
	struct persist_in in = { &issuers, ACCOUNT, false, 1000 };

	ck_assert_msg(persist_fits(span_str(texts[_i].text), &in) == texts[_i].fits, "%s",
	    texts[_i].what);
	in.wildcard = true;
	ck_assert_msg(persist_fits(span_str(texts[_i].text), &in) == texts[_i].fits_wildcard, "%s",
	    texts[_i].what);
	in = (struct persist_in){ &none, ACCOUNT, false, 1000 };
	ck_assert_msg(!texts[_i].fits || persist_fits(span_str(texts[_i].text), &in), "%s",
	    texts[_i].what);
}
END_TEST

START_TEST(the_record_that_is_printed_fits)
{
	char *issuer = (char *)(uintptr_t)"ca.example", *value;
	const struct strs issuers = { &issuer, 1 };
	const struct persist_in in = { &issuers, ACCOUNT, true, 0 };
	struct buf b;

	buf_init(&b, 1024);
	persist_record(&in, "sip.example.org", &b);
	ck_assert_str_eq(buf_cstr(&b), "_validation-persist.sip.example.org. IN TXT \""
	    OURS "; policy=wildcard\"");
	value = strchr((char *)b.p, '"') + 1;
	ck_assert(persist_fits(span_of(value, strlen(value) - 1), &in));
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("caa");
	TCase *t = tcase_create("caa");

	tcase_add_loop_test(t, caa_judge_keeps_its_table, 0, (int)NITEMS(rows));
	tcase_add_loop_test(t, persist_fits_keeps_its_table, 0, (int)NITEMS(texts));
	tcase_add_test(t, the_record_that_is_printed_fits);
	suite_add_tcase(s, t);
	return suite_run(s);
}
