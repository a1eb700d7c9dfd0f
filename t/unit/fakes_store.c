/*
 * fakes_store: what a run has left in the store.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "chain.h"
#include "fakes_private.h"
#include "record.h"
#include "trust.h"

static void
look_at_record(struct store_cert *cert, struct fake_state *s)
{
	struct record_time now;
	struct record record = { 0 };
	struct store_order order = { 0 };
	const struct record_ca *c;
	struct err why = ERR_NONE;
	size_t i;

	record_now(&now);
	ck_assert_msg(record_load(cert, &now, &record, &why) == 0, "%s", why.text);
	c = record.cas.v;
	s->failures = record_failures(&record);
	s->outcome = record.history.n == 0 ? OUT_OK :
	    ((const struct record_result *)record.history.v)[record.history.n - 1].outcome;
	s->asked = record.asked;
	for (i = 0; i < record.cas.n; i++)
		if (c[i].asked > s->asked)
			s->asked = c[i].asked;
	s->issues = record.budget.issues.n;
	pack_clear(&record_pack, &record);
	s->has_order = store_order_load(cert, "", &order, &why) == 0;
	pack_clear(&store_order_pack, &order);
	s->has_second = store_order_load(cert, "-rsa", &order, &why) == 0;
	pack_clear(&store_order_pack, &order);
}

struct fake_state
fake_look(size_t i)
{
	struct install_state state = { 0 };
	struct fake_state s = { 0 };
	struct store_cert *cert = NULL;
	struct store *store = NULL;
	struct err why = ERR_NONE;

	if (store_open(fake_path(""), STORE_LOOK, &store, &why) == -1 ||
	    store_cert_open(store, fake_certs[i], &cert, &why) == -1) {
		ck_assert_msg(why.sys == ENOENT, "%s", why.text);
		store_free(store);
		return s;
	}
	ck_assert_msg(install_look(cert, clock_wall(), &state, &why) == 0, "%s", why.text);
	s.health = state.health;
	s.pending = state.pending;
	s.journal = state.journal.state;
	s.version = state.version;
	s.from = state.from;
	s.to = state.to;
	s.leaves = state.active.leaves.n;
	if (state.active.key_type != NULL)
		snprintf(s.key_type, sizeof s.key_type, "%s", state.active.key_type);
	install_state_clear(&state);
	look_at_record(cert, &s);
	store_cert_free(cert);
	store_free(store);
	return s;
}

static void
read_active(size_t i, const char *stem, const char *suffix, struct buf *out)
{
	struct err why = ERR_NONE;
	char path[96];

	snprintf(path, sizeof path, "certs/%s/current/%s%s.pem", fake_certs[i], stem, suffix);
	ck_assert_msg(fs_read_path(fake_path(path), out->max, out, &why) == 0, "%s", why.text);
}

static void
check_part(size_t i, const char *suffix)
{
	struct strs names = { (char *[]){ fake_text(fake_certs[i]) }, 1 };
	struct chain_in in = { .names = &names, .now = clock_wall(), .bundle = fake_roots() };
	struct err why = ERR_NONE;
	struct chain *chain = NULL;
	struct key *key;
	struct buf pem, secret;

	buf_init(&pem, CHAIN_MAX);
	buf_init(&secret, KEY_PEM_MAX);
	read_active(i, "fullchain", suffix, &pem);
	read_active(i, "privkey", suffix, &secret);
	ck_assert_ptr_nonnull(key = key_from_pem(buf_span(&secret), &why));
	ck_assert_ptr_nonnull(in.trust = trust_new(&why));
	in.pem = buf_span(&pem);
	in.key = key;
	ck_assert_msg(chain_check(&in, &chain, &why) == 0, "%s: %s", fake_certs[i], why.text);
	chain_free(chain);
	trust_free(in.trust);
	key_free(key);
	buf_clear(&pem);
	buf_clear(&secret);
}

void
fake_check_active(size_t i)
{
	struct fake_state s = fake_look(i);

	check_part(i, "");
	if (s.leaves > 1)
		check_part(i, "-rsa");
	ck_assert_int_eq(s.health, INSTALL_GOOD);
}

static const char *wanted;
static bool was_found;

static int
search_file(const char *path, const struct stat *st, int type, struct FTW *where UNUSED)
{
	struct err why = ERR_NONE;
	struct buf text;

	if (type != FTW_F || st->st_size == 0)
		return 0;
	buf_init(&text, CHAIN_MAX * 4);
	if (fs_read_path(path, CHAIN_MAX * 4, &text, &why) == 0)
		was_found = was_found || strstr(buf_cstr(&text), wanted) != NULL;
	buf_clear(&text);
	return 0;
}

bool
fake_store_has(const char *text)
{
	wanted = text;
	was_found = false;
	(void)nftw(fake_path(""), search_file, 16, FTW_PHYS);
	return was_found;
}
