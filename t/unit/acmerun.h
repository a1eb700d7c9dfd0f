/*
 * acmerun: a CA of acmeca and a session with it for each test, and tasks that
 * are run to their end.
 */
#ifndef KAMCERT_T_UNIT_ACMERUN_H
#define KAMCERT_T_UNIT_ACMERUN_H

#include "acmeca.h"

static struct ca *ca;
static struct acme_session *session;

static inline void
setup(void)
{
	ca = ca_new();
	session = NULL;
}

static inline void
teardown(void)
{
	acme_session_free(session);
	free(ca);
}

static inline int
run(struct acme_job *j, struct err *e, enum acme_trouble *trouble)
{
	struct acme_task *t = ca_task(&session, j);
	int rc = ca_run(ca, t, NULL, e);

	*trouble = acme_task_trouble(t);
	acme_task_free(t);
	return rc;
}

/* Runs a job that must succeed; the task is the caller's. */
static inline struct acme_task *
run_well(struct acme_job *j, const struct acme_result **r)
{
	struct acme_task *t = ca_task(&session, j);
	struct err e;

	ck_assert_msg(ca_run(ca, t, r, &e) == 0, "%s", e.text);
	return t;
}

static inline void
order_well(void)
{
	const struct acme_result *r;
	struct acme_job j = ca_job(ca, ACME_ORDER);
	struct acme_task *t = run_well(&j, &r);

	ck_assert(span_is(blob_span(&r->chain), CA_PEM));
	ck_assert_str_eq(r->order, CA_URL "/o/1");
	acme_task_free(t);
}

#endif
