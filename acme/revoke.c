/*
 * revoke: certificates by the account's key or their own (RFC 8555 section
 * 7.6), authorizations by deactivation (section 7.5.2).
 */
#include "private.h"

#define PAYLOAD_MAX (64 * 1024)

static int
begin_revoke(struct acme_task *t, struct err *e)
{
	struct json_out o;
	struct buf b, cert;
	int rc = -1;

	buf_init(&b, PAYLOAD_MAX);
	buf_init(&cert, PAYLOAD_MAX);
	if (acme_need_url(t->s->dir.revoke_cert, "revokeCert", e) == -1)
		goto out;
	buf_base64url(&cert, blob_span(&t->job.cert));
	json_begin(&o, &b);
	json_put_object(&o, NULL);
	json_put_span(&o, "certificate", buf_span(&cert));
	if (t->job.reason >= 0)
		json_put_int(&o, "reason", t->job.reason);
	json_object_end(&o);
	if (!buf_ok(&b) || !buf_ok(&cert)) {
		err_nomem(e);
		goto out;
	}
	rc = acme_post_as(t, t->job.by_cert_key ? ACME_KEY_CERT : ACME_KEY_KID,
	    t->s->dir.revoke_cert, buf_span(&b), e);
	acme_expect(t, EXPECT_NOTHING);
out:
	buf_clear(&b);
	buf_clear(&cert);
	return rc;
}

static int
took_end(struct acme_task *t, const struct acme_answer *a UNUSED, struct err *e UNUSED)
{
	acme_finish(t);
	return 0;
}

/* Wanted and already so: that is what was asked for. */
static int
revoke_refused(struct acme_task *t, const struct acme_refusal *r, struct err *e UNUSED)
{
	if (r->problem != PROBLEM_ALREADY_REVOKED)
		return -1;
	t->result.was_revoked = true;
	acme_finish(t);
	return 0;
}

const struct acme_step acme_step_revoke = {
	.name = "revoke", .what = ACME_SEND,
	.begin = begin_revoke, .took = took_end, .refused = revoke_refused,
};

static int
begin_drop_authz(struct acme_task *t, struct err *e)
{
	if (acme_post(t, t->job.url, span_str("{\"status\":\"deactivated\"}"), e) == -1)
		return -1;
	acme_expect(t, EXPECT_NOTHING);
	return 0;
}

const struct acme_step acme_step_drop_authz = {
	.name = "authorization", .what = ACME_SEND,
	.begin = begin_drop_authz, .took = took_end,
};
