/*
 * recorded: a state folder with one certificate and its record, and moments
 * by two clocks.
 */
#ifndef KAMCERT_T_UNIT_RECORDED_H
#define KAMCERT_T_UNIT_RECORDED_H

#include "base/clock.h"
#include "record.h"
#include "tree.h"

#define NAME	"sip.example.com"
#define FILE_NAME "state/certs/" NAME "/record.json"
#define CA	"letsencrypt"
#define W0	INT64_C(1800000000)
#define B0	INT64_C(5000000)

static struct store *store;
static struct store_cert *cert;
static struct record rec;
static struct strs names;
static const struct budget_order order = { CA, &names, 0, false };

static const struct record_time t0 = { W0, B0, 7 };

static inline void
open_all(enum store_use use)
{
	ck_assert_msg(store_open(tree_path("state"), use, &store, &e) == 0, "%s", e.text);
	ck_assert_msg(store_cert_open(store, NAME, &cert, &e) == 0, "%s", e.text);
}

static inline void
close_all(void)
{
	store_cert_free(cert);
	cert = NULL;
	store_free(store);
	store = NULL;
}

static inline void
start(void)
{
	tree_start();
	rec = (struct record){ 0 };
	ck_assert_int_eq(strs_add(&names, "b.example.com"), 0);
	ck_assert_int_eq(strs_add(&names, "a.example.com"), 0);
	open_all(STORE_WORK);
}

static inline void
finish(void)
{
	close_all();
	pack_clear(&record_pack, &rec);
	strs_clear(&names);
	clock_use(NULL);
	tree_finish();
}

#define MUST(call)	ck_assert_msg((call) == 0, "%s: %s", #call, e.text)

static inline void
load(const struct record_time *now)
{
	pack_clear(&record_pack, &rec);
	MUST(record_load(cert, now, &rec, &e));
}

static inline int
end(const struct record_time *now, const char *step, int64_t version, const struct err *res,
    uint32_t random)
{
	const struct record_try t = { .step = step, .version = version, .res = res,
		.random = random };

	return record_end(&rec, now, &t);
}

static inline int64_t
left(const struct record_time *now, const struct strs *set, int64_t lifetime, const char **why)
{
	const struct budget_order about = { CA, set, lifetime, false };

	return budget_until(&rec.budget, &about, now, why);
}

/* Later by so many seconds, on both clocks. */
static inline struct record_time
later(int64_t seconds)
{
	return (struct record_time){ W0 + seconds, B0 + seconds * 1000, 7 };
}

#endif
