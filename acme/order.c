/*
 * order: placing one, or going on with one that was left over (RFC 8555
 * section 7.4). What follows is in authz.c and issue.c:
 *
 *     newOrder / resume --> authz.c --> CSR --> wait <--> look
 *             |  ready        ^          |              | ready
 *             +---------------|----------+--> finalize <+
 *                             |                 |
 *           invalid: new order, once            +--> wait <--> look
 *                                                               | valid
 *                                    certificate <--------------+
 *
 * Requests are saved: what is waited for is the order, not each of its
 * authorizations, and the CSR is made while the CA works.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "private.h"

#define PAYLOAD_MAX	(128 * 1024)

static const struct acme_step step_new, step_resume;

/* --- reading --- */

static enum acme_status
status_of(const char *word)
{
	static const struct {
		const char		*word;
		enum acme_status	 status;
	} words[] = {
		{ "pending", STATUS_PENDING },
		{ "ready", STATUS_READY },
		{ "processing", STATUS_PROCESSING },
		{ "valid", STATUS_VALID },
		{ "invalid", STATUS_INVALID },
		{ "expired", STATUS_INVALID },
		{ "deactivated", STATUS_INVALID },
		{ "revoked", STATUS_INVALID },
	};

	for (size_t i = 0; i < NITEMS(words); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].status;
	return STATUS_UNKNOWN;
}

static int
add_authz(struct acme_task *t, const char *url, struct err *e)
{
	struct acme_authz *a = t->order.authz.v;

	if (url == NULL)
		return err_set(e, OUT_HOLD, "order: authorizations: want URLs");
	if (acme_url_check(t->s->ca, "order: authorizations", url, e) == -1)
		return -1;
	for (size_t i = 0; i < t->order.authz.n; i++)
		if (strcmp(a[i].url, url) == 0)
			return 0;
	if (t->order.authz.n == NAMES_MAX)
		return err_set(e, OUT_HOLD, "order: more than %d authorizations", NAMES_MAX);
	if ((a = list_add(&t->order.authz, sizeof(*a))) == NULL)
		return err_nomem(e);
	return acme_set(&a->url, url, e);
}

static bool
order_names(const struct json *ids, const char *name)
{
	const char *value;
	struct err ignored;

	for (size_t i = 0; i < json_count(ids); i++)
		if (json_get_str(json_at(ids, i), "identifier", "value", JSON_REQUIRED, &value,
		    &ignored) == 0 && acme_same_name(value, name))
			return true;
	return false;
}

/* Is it for the names of the job? FAULTS A46: their order and letter case do not count. */
static int
read_names(const struct acme_task *t, const struct json *o, struct err *e)
{
	const struct json *ids;

	if (json_get_array(o, "order", "identifiers", JSON_REQUIRED, &ids, e) == -1)
		return -1;
	for (size_t i = 0; i < t->job.names.n; i++)
		if (!order_names(ids, t->job.names.v[i]))
			return err_set(e, OUT_HOLD, "order: identifiers: want %s among them",
			    t->job.names.v[i]);
	if (json_count(ids) != t->job.names.n)
		return err_set(e, OUT_HOLD, "order: identifiers: want %zu, have %zu",
		    t->job.names.n, json_count(ids));
	return 0;
}

/* What is needed to bring it further. */
static int
read_rest(struct acme_task *t, const struct json *o, struct err *e)
{
	const struct json *urls;

	if (json_get_array(o, "order", "authorizations", JSON_REQUIRED, &urls, e) == -1 ||
	    acme_get_url(t, o, "order", "finalize", &t->order.finalize, e) == -1)
		return -1;
	for (size_t i = 0; i < json_count(urls); i++)
		if (add_authz(t, json_str(json_at(urls, i)), e) == -1)
			return -1;
	return 0;
}

int
acme_order_read_state(struct acme_task *t, const struct json *o, struct err *e)
{
	const struct json *problem = NULL;
	const char *status, *profile;

	if (json_get_str(o, "order", "status", JSON_REQUIRED, &status, e) == -1 ||
	    json_get_str(o, "order", "profile", JSON_OPTIONAL, &profile, e) == -1 ||
	    acme_set_clean(&t->result.profile, profile, e) == -1)
		return -1;
	t->order.status = status_of(status);
	if (t->order.status == STATUS_VALID)
		return acme_get_url(t, o, "order", "certificate", &t->order.certificate, e);
	if (t->order.status != STATUS_INVALID)
		return 0;
	if (json_get_object(o, "order", "error", JSON_OPTIONAL, &problem, e) == -1)
		return -1;
	buf_reset(&t->order.why);
	t->order.why_hint = acme_problem_hint(problem);
	if (problem != NULL)
		acme_problem_text(problem, &t->order.why);
	return 0;
}

/* Family of an address, and its octets; 0 for anything else. */
static int
address_of(const char *name, uint8_t out[16])
{
	memset(out, 0, 16);
	if (inet_pton(AF_INET, name, out) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, name, out) == 1 ? AF_INET6 : 0;
}

bool
acme_is_address(const char *name)
{
	uint8_t out[16];

	return address_of(name, out) != 0;
}

bool
acme_same_name(const char *a, const char *b)
{
	uint8_t in_a[16], in_b[16];
	int family = address_of(a, in_a);

	if (family != 0)
		return family == address_of(b, in_b) && memcmp(in_a, in_b, 16) == 0;
	return strcasecmp(a, b) == 0;
}

/* --- life --- */

void
acme_order_init(struct acme_order *o)
{
	memset(o, 0, sizeof(*o));
	buf_init(&o->csr, ACME_CSR_MAX);
	buf_init(&o->why, PROBLEM_TEXT_MAX);
	buf_init(&o->chain, ACME_BODY_MAX);
}

void
acme_order_clear(struct acme_order *o)
{
	struct acme_authz *a = o->authz.v;
	struct acme_challenge *c = o->solve.v;

	for (size_t i = 0; i < o->authz.n; i++)
		pack_clear(&acme_authz_pack, &a[i]);
	for (size_t i = 0; i < o->solve.n; i++)
		pack_clear(&acme_challenge_pack, &c[i]);
	free(o->authz.v);
	free(o->solve.v);
	free(o->url);
	free(o->finalize);
	free(o->certificate);
	buf_clear(&o->csr);
	buf_clear(&o->why);
	buf_clear(&o->chain);
	strs_clear(&o->alternates);
	memset(o, 0, sizeof(*o));
}

/* Everything of the order in hand is forgotten; what was learnt about the CA stays. */
static void
start_over(struct acme_task *t)
{
	bool no_replaces = t->order.no_replaces, no_profile = t->order.no_profile;
	bool started_over = t->order.started_over;

	acme_order_clear(&t->order);
	acme_order_init(&t->order);
	memset(&t->wait, 0, sizeof(t->wait));
	t->order.no_replaces = no_replaces;
	t->order.no_profile = no_profile;
	t->order.started_over = started_over;
	acme_go(t, &step_new);
}

int
acme_order_anew(struct acme_task *t, struct err *e)
{
	if (t->order.started_over || t->up) {
		e->class = OUT_HOLD;
		return -1;
	}
	acme_warn(t, "%s; a new order is placed", e->text);
	start_over(t);
	t->order.started_over = true;
	return 0;
}

int
acme_order_fails(struct acme_task *t, struct err *e)
{
	bool by_caa = t->order.reasons > 0 && t->order.caa_reasons == t->order.reasons;

	if (t->order.solve.n > 0 && !t->order.finalized && !by_caa)
		t->trouble = ACME_TROUBLE_VALIDATION;
	err_set(e, OUT_HOLD, "order: the CA found it invalid: %s", t->order.why.n > 0 ?
	    buf_cstr(&t->order.why) : "no reason given");
	if (t->order.why_hint != NULL)
		err_hint(e, "%s", t->order.why_hint);
	return -1;
}

/* --- placing it --- */

static int
begin_order(struct acme_task *t, struct err *e)
{
	if (t->job.order == NULL) {
		acme_go(t, &step_new);
		return 0;
	}
	acme_go(t, &step_resume);
	return acme_set(&t->order.url, t->job.order, e);
}

static bool
has_profile(const struct acme_directory *d, const char *name)
{
	const struct acme_profile *p = d->profiles.v;

	for (size_t i = 0; i < d->profiles.n; i++)
		if (strcmp(p[i].name, name) == 0)
			return true;
	return false;
}

/* Whether the profile goes into the order; HOLD if it must and cannot. */
static int
choose_profile(struct acme_task *t, struct err *e)
{
	const char *name = t->job.profile;

	if (name == NULL || t->order.no_profile || has_profile(&t->s->dir, name))
		return 0;
	if (t->job.profile_required) {
		err_set(e, OUT_HOLD, "order: profile: the CA offers no \"%.64s\"", name);
		return err_hint(e, "`kamcert check` lists the profiles that the CA has");
	}
	acme_warn(t, "the CA offers no profile \"%.64s\": ordered without it", name);
	t->order.no_profile = true;
	return 0;
}

/* FAULTS L04: a predecessor is named only where the CA knows what that is. */
static bool
names_predecessor(const struct acme_task *t)
{
	return t->job.cert_id != NULL && t->s->dir.renewal_info != NULL && !t->order.no_replaces;
}

static int
begin_new(struct acme_task *t, struct err *e)
{
	struct json_out o;
	struct buf b;
	int rc;

	if (choose_profile(t, e) == -1)
		return -1;
	buf_init(&b, PAYLOAD_MAX);
	json_begin(&o, &b);
	json_put_object(&o, NULL);
	json_put_array(&o, "identifiers");
	for (size_t i = 0; i < t->job.names.n; i++) {
		json_put_object(&o, NULL);
		json_put_str(&o, "type", acme_is_address(t->job.names.v[i]) ? "ip" : "dns");
		json_put_str(&o, "value", t->job.names.v[i]);
		json_object_end(&o);
	}
	json_array_end(&o);
	t->order.replaces = names_predecessor(t);
	if (t->order.replaces)
		json_put_str(&o, "replaces", t->job.cert_id);
	if (t->job.profile != NULL && !t->order.no_profile)
		json_put_str(&o, "profile", t->job.profile);
	json_object_end(&o);
	rc = buf_ok(&b) ? acme_post(t, t->s->dir.new_order, buf_span(&b), e) : err_nomem(e);
	buf_clear(&b);
	return rc;
}

static int
took_new(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	if (acme_get_location(t, a->reply, "order", &t->order.url, e) == -1 ||
	    acme_order_read_state(t, a->json, e) == -1 || read_names(t, a->json, e) == -1 ||
	    read_rest(t, a->json, e) == -1)
		return -1;
	switch (t->order.status) {
	case STATUS_PENDING:
		acme_go(t, &acme_step_authz);
		return 0;
	case STATUS_READY:
		acme_go(t, &acme_step_csr);
		return 0;
	case STATUS_INVALID:
		return acme_order_fails(t, e);
	default:
		/* Whatever it would lead to, it was not made with our CSR. */
		return err_set(e, OUT_HOLD, "order: status: want pending or ready of a new order");
	}
}

/*
 * Was it the order that was refused? Some CAs call a predecessor that they do
 * not know a fault of their own, and go on to do so for ever.
 */
static bool
is_about_order(const struct acme_refusal *r, const struct err *e)
{
	if (r->problem == PROBLEM_ACCOUNT || r->problem == PROBLEM_TERMS ||
	    r->problem == PROBLEM_PAUSED)
		return false;
	return (r->status >= 400 && r->status < 500 && e->class == OUT_HOLD) ||
	    (r->status == 500 && r->problem == PROBLEM_OTHER);
}

/*
 * RFC 9773 section 5, FAULTS A43: CAs disagree about how they refuse a
 * predecessor, so any refusal of such an order is answered with one that
 * names none. The profile likewise, where it is only preferred.
 */
static int
new_refused(struct acme_task *t, const struct acme_refusal *r, struct err *e)
{
	bool refused = is_about_order(r, e);

	if (refused && r->problem == PROBLEM_BAD_PROFILE && t->job.profile != NULL &&
	    !t->job.profile_required && !t->order.no_profile) {
		acme_warn(t, "%s; ordered again without the profile", e->text);
		t->order.no_profile = true;
	} else if (refused && t->order.replaces) {
		acme_warn(t, "%s; ordered again without naming the predecessor", e->text);
		t->order.no_replaces = true;
	} else {
		/* No name was looked at so far. */
		return r->problem == PROBLEM_UNAUTHORIZED ? acme_blame_account(t, e) : -1;
	}
	acme_go(t, &step_new);
	return 0;
}

/* --- going on with one --- */

static int
begin_resume(struct acme_task *t, struct err *e)
{
	return acme_post(t, t->order.url, SPAN_NONE, e);
}

/* What is finalized is not ordered again for want of members that are needed only before. */
static int
took_resume(struct acme_task *t, const struct acme_answer *a, struct err *e)
{
	struct err unfit;
	bool open;

	if (acme_order_read_state(t, a->json, e) == -1)
		return -1;
	open = t->order.status == STATUS_PENDING || t->order.status == STATUS_READY;
	if (t->order.status == STATUS_INVALID) {
		start_over(t);
	} else if (read_names(t, a->json, &unfit) == -1 ||
	    (open && read_rest(t, a->json, &unfit) == -1)) {
		acme_warn(t, "the order left over: %s; a new one is placed", unfit.text);
		start_over(t);
	} else if (t->order.status == STATUS_PENDING) {
		acme_go(t, &acme_step_authz);
	} else if (t->order.status == STATUS_READY) {
		acme_go(t, &acme_step_csr);
	} else if (t->order.status == STATUS_VALID) {
		acme_go(t, &acme_step_certificate);
	} else {
		t->order.finalized = true;
		acme_go(t, &acme_step_wait);
	}
	return 0;
}

/* The CA may have forgotten it: FAULTS A33. */
static int
resume_refused(struct acme_task *t, const struct acme_refusal *r, struct err *e)
{
	if (r->status != 400 && r->status != 403 && r->status != 404 && r->status != 410)
		return -1;
	if (r->problem == PROBLEM_ACCOUNT || e->class != OUT_HOLD)
		return -1;
	start_over(t);
	return 0;
}

/* --- steps --- */

const struct acme_step acme_step_order = {
	.name = "order", .what = ACME_SEND, .begin = begin_order,
};

static const struct acme_step step_new = {
	.name = "order", .what = ACME_SEND, .turn = TURN_PLACE,
	.begin = begin_new, .took = took_new, .refused = new_refused,
};

static const struct acme_step step_resume = {
	.name = "order", .what = ACME_SEND,
	.begin = begin_resume, .took = took_resume, .refused = resume_refused,
};
