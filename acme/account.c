/*
 * account: register, find, show, update, new key, end, list of orders
 * (RFC 8555 section 7.3).
 *
 * FAULTS A37: only acme_step_register ever makes an account; everything else
 * fails when the CA does not know the one on file.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define PAYLOAD_MAX	(64 * 1024)
#define ORDERS_MAX	4096

static const struct acme_step step_bind, step_new_account, step_swap_key, step_list;

/* --- the account object --- */

static int
read_contact(struct acme_task *t, const struct json *o, struct err *e)
{
	const struct json *list;
	const char *one;

	if (json_get_array(o, "account", "contact", JSON_OPTIONAL, &list, e) == -1)
		return -1;
	strs_clear(&t->result.contact);
	for (size_t i = 0; i < json_count(list); i++) {
		if ((one = json_str(json_at(list, i))) == NULL)
			return err_set(e, OUT_HOLD, "account: contact: want strings");
		if (strs_add(&t->result.contact, one) == -1)
			return err_nomem(e);
	}
	return 0;
}

static int
read_account(struct acme_task *t, const struct json *o, struct err *e)
{
	const char *status;

	if (json_get_str(o, "account", "status", JSON_REQUIRED, &status, e) == -1 ||
	    acme_set_clean(&t->result.account_status, status, e) == -1)
		return -1;
	return read_contact(t, o, e) == -1 ? -1 : acme_issuers(t, e);
}

int
acme_blame_account(struct acme_task *t, struct err *e)
{
	t->trouble = ACME_TROUBLE_ACCOUNT;
	return err_hint(e, "is the account deactivated, or its key another one by now? A new "
	    "account needs a new key: move accounts/<ca> away, then `kamcert account register`");
}

/* A refusal of these requests is one of the account. */
static int
account_refused(struct acme_task *t, const struct acme_refusal *r, struct err *e)
{
	if (r->problem != PROBLEM_UNAUTHORIZED)
		return -1;
	if (t->job.kind == ACME_REGISTER && t->job.eab)
		return err_hint(e, "are eab-kid and eab-key-file as the CA gave them, for this "
		    "CA, and not used before?");
	return acme_blame_account(t, e);
}

/* An account that may be worked with. */
static int
want_valid(struct acme_task *t, struct err *e)
{
	if (strcmp(t->result.account_status, "valid") == 0)
		return 0;
	t->trouble = ACME_TROUBLE_ACCOUNT;
	err_set(e, OUT_HOLD, "account: status: want valid, have %.64s", t->result.account_status);
	return err_hint(e, "this account is no longer of use; a new one needs a new key: move "
	    "accounts/<ca> away, then `kamcert account register`");
}

static void
put_contact(struct json_out *o, const struct strs *contact)
{
	json_put_array(o, "contact");
	for (size_t i = 0; i < contact->n; i++)
		json_put_str(o, NULL, contact->v[i]);
	json_array_end(o);
}

/* Sends what b holds, and clears it. */
static int
post_and_clear(struct acme_task *t, enum acme_key key, const char *url, struct buf *b,
    struct err *e)
{
	int rc = buf_ok(b) ? acme_post_as(t, key, url, buf_span(b), e) : err_nomem(e);

	buf_clear(b);
	return rc;
}

/* --- register and find --- */

/* What the CA is known to want is asked of the operator before it is of the CA. */
static int
begin_register(struct acme_task *t, struct err *e)
{
	const struct acme_directory *d = &t->s->dir;

	if (d->terms != NULL && !t->job.agree_tos) {
		t->trouble = ACME_TROUBLE_TERMS;
		err_set(e, OUT_HOLD, "account: the CA has terms of service: %.400s", d->terms);
		return err_hint(e, "read them; if you agree, set agree-tos = true");
	}
	if (d->eab_required && !t->job.eab) {
		err_set(e, OUT_HOLD, "account: the CA wants an external account binding");
		return err_hint(e, "set eab-kid and eab-key-file as its customer portal gives "
		    "them");
	}
	acme_go(t, t->job.eab ? &step_bind : &step_new_account);
	return 0;
}

const struct acme_step acme_step_register = {
	.name = "account", .what = ACME_SEND, .begin = begin_register,
};

static int
begin_bind(struct acme_task *t, struct err *e)
{
	return acme_sign_alone(t, ACME_KEY_EAB, t->s->dir.new_account, e);
}

static int
took_bind(struct acme_task *t, const struct acme_answer *a UNUSED, struct err *e UNUSED)
{
	acme_go(t, &step_new_account);
	return 0;
}

static const struct acme_step step_bind = {
	.name = "account", .what = ACME_SIGN, .begin = begin_bind, .took = took_bind,
};

static int
begin_new_account(struct acme_task *t, struct err *e)
{
	struct json_out o;
	struct buf b;

	buf_init(&b, PAYLOAD_MAX);
	json_begin(&o, &b);
	json_put_object(&o, NULL);
	if (t->job.agree_tos)
		json_put_bool(&o, "termsOfServiceAgreed", true);
	if (t->job.contact.n > 0)
		put_contact(&o, &t->job.contact);
	if (t->job.eab)
		json_put_raw(&o, "externalAccountBinding", buf_span(&t->inner));
	json_object_end(&o);
	return post_and_clear(t, ACME_KEY_JWK, t->s->dir.new_account, &b, e);
}

static int
took_new_account(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	if (acme_get_location(t, a->reply, "account", &t->result.account, e) == -1 ||
	    read_account(t, a->json, e) == -1 || want_valid(t, e) == -1)
		return -1;
	if (t->job.account != NULL && strcmp(t->job.account, t->result.account) != 0) {
		t->trouble = ACME_TROUBLE_ACCOUNT;
		return err_set(e, OUT_HOLD, "account: want %.300s, the key belongs to %.300s",
		    t->job.account, t->result.account);
	}
	t->result.created = a->reply->status == 201;
	acme_finish(t);
	return 0;
}

static const struct acme_step step_new_account = {
	.name = "account", .what = ACME_SEND,
	.begin = begin_new_account, .took = took_new_account, .refused = account_refused,
};

static int
begin_find(struct acme_task *t, struct err *e)
{
	return acme_post_as(t, ACME_KEY_JWK, t->s->dir.new_account,
	    span_str("{\"onlyReturnExisting\":true}"), e);
}

const struct acme_step acme_step_find = {
	.name = "account", .what = ACME_SEND, .begin = begin_find, .took = took_new_account,
	.refused = account_refused,
};

/* --- show, update, deactivate --- */

static int
took_account(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	if (read_account(t, a->json, e) == -1 ||
	    acme_set(&t->result.account, t->job.account, e) == -1)
		return -1;
	acme_finish(t);
	return 0;
}

static int
begin_show(struct acme_task *t, struct err *e)
{
	return acme_post(t, t->job.account, SPAN_NONE, e);
}

const struct acme_step acme_step_show = {
	.name = "account", .what = ACME_SEND, .begin = begin_show, .took = took_account,
	.refused = account_refused,
};

/* RFC 8555 sections 7.3.2 and 7.3.3; FAULTS A38. */
static int
begin_update(struct acme_task *t, struct err *e)
{
	struct json_out o;
	struct buf b;

	buf_init(&b, PAYLOAD_MAX);
	json_begin(&o, &b);
	json_put_object(&o, NULL);
	put_contact(&o, &t->job.contact);
	if (t->job.agree_tos)
		json_put_bool(&o, "termsOfServiceAgreed", true);
	json_object_end(&o);
	return post_and_clear(t, ACME_KEY_KID, t->job.account, &b, e);
}

const struct acme_step acme_step_update = {
	.name = "account", .what = ACME_SEND, .begin = begin_update, .took = took_account,
	.refused = account_refused,
};

static int
begin_deactivate(struct acme_task *t, struct err *e)
{
	return acme_post(t, t->job.account, span_str("{\"status\":\"deactivated\"}"), e);
}

const struct acme_step acme_step_deactivate = {
	.name = "account", .what = ACME_SEND, .begin = begin_deactivate, .took = took_account,
	.refused = account_refused,
};

/* --- another key, RFC 8555 section 7.3.5 --- */

static int
begin_rollover(struct acme_task *t, struct err *e)
{
	if (acme_need_url(t->s->dir.key_change, "keyChange", e) == -1)
		return -1;
	return acme_sign_alone(t, ACME_KEY_NEW, t->s->dir.key_change, e);
}

static int
took_inner(struct acme_task *t, const struct acme_answer *a UNUSED, struct err *e UNUSED)
{
	acme_go(t, &step_swap_key);
	return 0;
}

const struct acme_step acme_step_rollover = {
	.name = "account", .what = ACME_SIGN, .begin = begin_rollover, .took = took_inner,
};

static int
begin_swap_key(struct acme_task *t, struct err *e)
{
	if (acme_post(t, t->s->dir.key_change, buf_span(&t->inner), e) == -1)
		return -1;
	acme_expect(t, EXPECT_NOTHING);
	return 0;
}

static int
took_swap_key(struct acme_task *t, const struct acme_answer *a UNUSED, struct err *e)
{
	if (acme_set(&t->result.account, t->job.account, e) == -1)
		return -1;
	acme_finish(t);
	return 0;
}

static const struct acme_step step_swap_key = {
	.name = "account", .what = ACME_SEND,
	.begin = begin_swap_key, .took = took_swap_key,
	.refused = account_refused,
};

/* --- orders list, RFC 8555 section 7.1.2.1 --- */

static int
begin_orders(struct acme_task *t, struct err *e)
{
	return acme_post(t, t->job.account, SPAN_NONE, e);
}

/* Not every CA has it, although it is required. */
static int
took_orders_url(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	const char *url;

	if (read_account(t, a->json, e) == -1 ||
	    acme_set(&t->result.account, t->job.account, e) == -1 ||
	    json_get_str(a->json, "account", "orders", JSON_OPTIONAL, &url, e) == -1)
		return -1;
	if (url == NULL) {
		err_set(e, OUT_HOLD, "account: orders: want a URL, have none");
		return err_hint(e, "this CA does not list orders");
	}
	if (acme_get_url(t, a->json, "account", "orders", &t->page, e) == -1)
		return -1;
	acme_go(t, &step_list);
	return 0;
}

const struct acme_step acme_step_orders = {
	.name = "account", .what = ACME_SEND,
	.begin = begin_orders, .took = took_orders_url,
	.refused = account_refused,
};

static int
begin_list(struct acme_task *t, struct err *e)
{
	return acme_post(t, t->page, SPAN_NONE, e);
}

static int
keep_urls(struct acme_task *t, const struct json *list, struct err *e)
{
	const char *url;

	for (size_t i = 0; i < json_count(list) && t->result.orders.n < ORDERS_MAX; i++) {
		if ((url = json_str(json_at(list, i))) == NULL)
			return err_set(e, OUT_HOLD, "orders: want URLs");
		if (acme_url_check(t->s->ca, "orders", url, e) == -1)
			return -1;
		if (strs_add(&t->result.orders, url) == -1)
			return err_nomem(e);
	}
	return 0;
}

static int
go_to_next_page(struct acme_task *t, const struct acme_headers *h, struct err *e)
{
	struct acme_link_query q = { .rel = "next", .base = t->req.url };
	struct buf url;
	int rc = 0;

	buf_init(&url, URL_TEXT_MAX);
	if (++t->pages >= ORDER_PAGES_MAX || !acme_link(h, q, &url)) {
		acme_finish(t);
	} else {
		rc = !buf_ok(&url) ? err_nomem(e) :
		    acme_url_check(t->s->ca, "orders: next", buf_cstr(&url), e);
		if (rc == 0)
			rc = acme_set(&t->page, buf_cstr(&url), e);
		acme_go(t, &step_list);
	}
	buf_clear(&url);
	return rc;
}

static int
took_list(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	const struct json *list;

	if (json_get_array(a->json, "orders", "orders", JSON_REQUIRED, &list, e) == -1 ||
	    keep_urls(t, list, e) == -1)
		return -1;
	return go_to_next_page(t, &a->reply->headers, e);
}

static const struct acme_step step_list = {
	.name = "orders", .what = ACME_SEND, .begin = begin_list, .took = took_list,
};
