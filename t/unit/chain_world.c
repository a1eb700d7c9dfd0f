#include <string.h>

#include <openssl/err.h>

#include "chain_world.h"
#include "pem.h"

static const char letters[] = "ROUXEIJVKYLMF";

/* --- what there is --- */

static void
make(struct world *w, enum who who, enum who issuer, struct testca_spec spec)
{
	w->certs[who] = testca_issue(issuer == WHO_N ? NULL : w->certs[issuer], &spec);
}

static struct testca_spec
either(struct testca_spec spec, const char *cn)
{
	return spec.cn != NULL ? spec : (struct testca_spec){ .ca = true, .cn = cn };
}

static void
make_cas(struct world *w, const struct row *row)
{
	struct testca_spec ca = { .ca = true };

	make(w, R, WHO_N, either(row->root, "Root R"));
	make(w, O, WHO_N, either(ca, "Old Root O"));
	make(w, U, WHO_N, either(ca, "Unrelated U"));
	make(w, I, R, either(row->inter, "Intermediate I"));
	make(w, J, I, either(ca, "Intermediate J"));
	ca.same = w->certs[R];
	make(w, X, O, ca);
	ca.from = NOW - 100 * DAY;
	ca.until = NOW - DAY;
	make(w, E, O, ca);
	ca = (struct testca_spec){ .ca = true, .same = w->certs[I] };
	make(w, V, O, ca);
	make(w, K, J, ca);
	ca = (struct testca_spec){ CA_R, .no_key_ids = true };
	make(w, Y, O, ca);
}

static void
make_leaves(struct world *w, struct testca_spec spec)
{
	const struct strs none = { 0 };
	struct err e = ERR_NONE;
	struct buf csr;

	if (spec.names == NULL)
		spec.names = "DNS:" NAME;
	buf_init(&csr, KEY_CSR_MAX);
	ck_assert_int_eq(key_csr(w->key, &none, false, &csr, &e), 0);
	spec.csr = buf_span(&csr);
	make(w, L, I, spec);
	make(w, M, J, spec);
	spec.csr = SPAN_NONE;
	make(w, F, I, spec);
	buf_clear(&csr);
}

void
world_trust(struct world *w, enum who first, enum who second)
{
	struct buf pem;

	buf_init(&pem, PEM_MAX);
	testca_put(w->certs[first], &pem);
	if (second != first)
		testca_put(w->certs[second], &pem);
	(void)testca_file(&pem, w->bundle);
	buf_clear(&pem);
}

void
world_init(struct world *w, const struct row *row)
{
	struct err e = ERR_NONE;

	*w = (struct world){ 0 };
	w->key = key_new(row->key != NULL ? row->key : "ecdsa-p256", &e);
	w->trust = trust_new(&e);
	ck_assert_ptr_nonnull(w->key);
	ck_assert_ptr_nonnull(w->trust);
	for (size_t i = 0; i < NITEMS(row->names) && row->names[i] != NULL; i++)
		ck_assert_int_eq(strs_add(&w->names, row->names[i]), 0);
	if (w->names.n == 0)
		ck_assert_int_eq(strs_add(&w->names, NAME), 0);
	make_cas(w, row);
	make_leaves(w, row->leaf);
	world_trust(w, R, R);
	buf_init(&w->pem, PEM_MAX);
}

void
world_clear(struct world *w)
{
	for (size_t i = 0; i < WHO_N; i++)
		testca_free(w->certs[i]);
	key_free(w->key);
	trust_free(w->trust);
	strs_clear(&w->names);
	buf_clear(&w->pem);
}

/* --- what is sent --- */

static void
put_block(struct buf *out, const char *label, const char *body)
{
	buf_printf(out, "-----BEGIN %s-----\n%s\n-----END %s-----\n", label, body, label);
}

static void
put_longer_leaf(struct world *w)
{
	struct buf der;

	buf_init(&der, PEM_MAX);
	buf_put(&der, testca_der(w->certs[L]));
	buf_u8(&der, 0);
	pem_put(&w->pem, "CERTIFICATE", buf_span(&der));
	buf_clear(&der);
}

static void
put_thing(struct world *w, char thing)
{
	switch (thing) {
	case 'k':
		testca_put_key(w->certs[F], &w->pem);
		return;
	case 'e':
		put_block(&w->pem, "ENCRYPTED PRIVATE KEY", "AQID");
		return;
	case 'r':
		put_block(&w->pem, "CERTIFICATE REQUEST", "AQID");
		return;
	case 'h':
		buf_str(&w->pem, "<html><body>Please sign in to the hotel's network</body>\n");
		return;
	case 't':
		buf_str(&w->pem, "subject=CN = " NAME "\n\n");
		return;
	case 'c':
		for (int i = 0; i < 1024; i++)
			buf_str(&w->pem, "# comment comment comment comment comm\n\n");
		return;
	case 'b':
		put_block(&w->pem, "CERTIFICATE", "MIIB!!!!");
		return;
	case 'd':
		put_block(&w->pem, "CERTIFICATE", "MAMCAQA=");
		return;
	case 'z':
		put_longer_leaf(w);
		return;
	case 'x':
		w->pem.n -= 30;
		return;
	default:
		ck_assert_ptr_nonnull(strchr(letters, thing));
		testca_put(w->certs[strchr(letters, thing) - letters], &w->pem);
	}
}

struct chain_in
world_input(struct world *w, const char *sent)
{
	buf_reset(&w->pem);
	for (; *sent != '\0'; sent++)
		put_thing(w, *sent);
	return (struct chain_in){
		.pem = buf_span(&w->pem), .key = w->key, .names = &w->names, .now = NOW,
		.trust = w->trust, .bundle = w->bundle,
	};
}

/* --- what becomes of it --- */

/* The letters of what is stored. */
static void
spell(struct world *w, const struct chain *c, char out[WHO_N + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < chain_count(c); i++)
		for (size_t who = 0; who < WHO_N && n < WHO_N; who++)
			if (span_eq(blob_span(&chain_cert(c, i)->der), testca_der(w->certs[who])))
				out[n++] = letters[who];
	out[n] = '\0';
}

static void
spell_extra(const struct chain *c, struct buf *out)
{
	const struct strs *extra = chain_extra_names(c);

	buf_init(out, 65536);
	for (size_t i = 0; i < extra->n; i++)
		buf_printf(out, "%s%s", i > 0 ? " " : "", extra->v[i]);
}

static void
check_refused(const struct row *row, const struct err *e)
{
	ck_assert_msg(e->class == OUT_REFUSE, "%s: got %s, want REFUSE", row->what,
	    outcome_word(e->class));
	ck_assert_msg(strstr(e->text, row->want) != NULL, "%s: got \"%s\", want \"%s\"", row->what,
	    e->text, row->want);
	if (row->hint != NULL)
		ck_assert_msg(strstr(e->hint, row->hint) != NULL,
		    "%s: got hint \"%s\", want \"%s\"", row->what, e->hint, row->hint);
}

static void
check_stored(const struct row *row, struct world *w, const struct chain *c)
{
	const char *want = row->extra != NULL ? row->extra : "";
	char stored[WHO_N + 1];
	struct buf extra;

	spell(w, c, stored);
	ck_assert_msg(strcmp(stored, row->stored) == 0, "%s: got %s stored, want %s", row->what,
	    stored, row->stored);
	spell_extra(c, &extra);
	ck_assert_msg(strcmp(buf_cstr(&extra), want) == 0,
	    "%s: got extra names \"%s\", want \"%s\"", row->what, buf_cstr(&extra), want);
	buf_clear(&extra);
}

void
world_check(struct world *w, const struct row *row, struct chain_in in)
{
	struct err e = ERR_NONE;
	struct chain *c = NULL;
	int rc = chain_check(&in, &c, &e);

	ck_assert_uint_eq(ERR_peek_error(), 0);
	if (row->want != NULL) {
		ck_assert_msg(rc == -1 && c == NULL, "%s: was accepted", row->what);
		check_refused(row, &e);
		return;
	}
	ck_assert_msg(rc == 0, "%s: got \"%s\", want it accepted", row->what, e.text);
	check_stored(row, w, c);
	chain_free(c);
}
