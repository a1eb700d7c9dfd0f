/*
 * fakes_names: the DNS that answer asks, and the hosts that net fetches from.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fakes_private.h"

static char key_auth[128];	/* what was put up last */
static int records;		/* that are in the DNS */

int
fake_records(void)
{
	return records;
}

void
fake_names_start(void)
{
	records = 0;
}

/* No CNAME leads away. */
void
fake_names_on_find(void *arg UNUSED, struct message *m)
{
	const struct msg_dns *body = m->body;
	struct msg_found out = { .name = body->name };

	if (!fake_comes("find"))
		fake_send(ROLE_ANSWER, MSG_FOUND, m->id, &out);
}

void
fake_names_on_await(void *arg UNUSED, struct message *m)
{
	ck_assert_int_gt(records, 0);
	if (!fake_comes("await"))
		fake_send(ROLE_ANSWER, MSG_DONE, m->id, NULL);
}

/* The starter's program: one record, which may be taken out twice. */
void
fake_names_on_record(void *arg UNUSED, struct message *m)
{
	const struct msg_record *body = m->body;

	ck_assert_str_eq(body->name, "_acme-challenge.a.example.com");
	ck_assert_uint_eq(strlen(body->value), 43);
	records = body->present;
	if (!fake_comes(body->present ? "present" : "absent"))
		fake_send(ROLE_KEEPER, MSG_DONE, m->id, NULL);
}

void
fake_names_put(const struct msg_put *put)
{
	snprintf(key_auth, sizeof key_auth, "%s", put->key_authorization);
}

void
fake_names_on_lookup(void *arg UNUSED, struct message *m)
{
	struct caa_record caa = { .owner = fake_text("example.com"), .tag = fake_text("issue"),
		.value = fake_text(script.caa) };
	char *address = fake_text(script.address);
	struct msg_looked out = { .missing = script.no_name };

	if (fake_comes(NULL))
		return;
	if (script.caa != NULL)
		out.caa = (struct list){ &caa, 1 };
	if (script.address != NULL)
		out.addresses = (struct strs){ &address, 1 };
	else if (!script.no_name)
		out.trouble = fake_text("the resolver is gone");
	fake_send(ROLE_ANSWER, MSG_LOOKED, m->id, &out);
}

static void
send_list(const struct message *m)
{
	struct msg_fetched out = { .status = script.list == LIST_LOST ? 404 : 200 };
	struct buf der;

	if (fake_comes("list"))
		return;
	buf_init(&der, 65536);
	fake_net_put_list(&der);
	out.body = (struct blob){ der.p, der.n };
	fake_send(ROLE_NET, MSG_FETCHED, m->id, &out);
	buf_clear(&der);
}

void
fake_names_on_fetch(void *arg UNUSED, struct message *m)
{
	struct msg_fetched out = { .status = script.answers != 0 ? script.answers : 200,
		.global = true, .own = !script.not_own, .open = !script.behind_nat };

	const struct msg_fetch *body = m->body;

	if (strcmp(body->url, FAKE_LIST_URL) == 0) {
		send_list(m);
		return;
	}
	if (fake_comes(NULL))
		return;
	if (script.refuses != 0) {
		out.status = 0;
		out.sys = script.refuses;
		out.text = fake_text("no connection");
	} else if (script.answers == 0) {
		out.body = (struct blob){ (uint8_t *)key_auth, strlen(key_auth) };
	}
	fake_send(ROLE_NET, MSG_FETCHED, m->id, &out);
}
